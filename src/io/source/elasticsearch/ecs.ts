import { FLOW_COLUMN, type FlowColumnName } from '../../../flow/index.ts';
import { formatIpv4, formatIpv6, parseAddress } from '../../../wire/index.ts';
import { type FlowWriter, protocolByName } from '../flow-writer.ts';
import { fieldOf, isObject, type JsonObject, parseTime } from '../record/index.ts';

/** Records of the Elastic Common Schema as rows of the flow table. */

/** True for a record with the Elastic Common Schema's two ends of a connection. */
export function looksLikeEcs(record: JsonObject): boolean {
  return address(record, 'source.ip') !== undefined && address(record, 'destination.ip') !== undefined;
}

/** A field, or the first of several. */
function one(record: JsonObject, name: string): unknown {
  const value = fieldOf(record, name);
  return Array.isArray(value) ? value[0] : value;
}

function text(record: JsonObject, name: string): string {
  const value = one(record, name);
  return typeof value === 'string' ? value.slice(0, 1024) : typeof value === 'number' ? String(value) : '';
}

/** NaN where there is none. */
function number(record: JsonObject, name: string): number {
  const value = one(record, name);
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : Number.NaN;
  return typeof value === 'string' && /^\d{1,15}(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
}

function time(record: JsonObject, name: string): number {
  return parseTime(one(record, name)) ?? Number.NaN;
}

function port(record: JsonObject, name: string): number {
  const value = number(record, name);
  return Number.isInteger(value) && value <= 65_535 ? value : Number.NaN;
}

function address(record: JsonObject, name: string): string | undefined {
  const value = one(record, name);
  if (typeof value !== 'string' || value.length > 45) return undefined;
  const parsed = parseAddress(value);
  if (parsed === undefined) return undefined;
  const [a, b, c, d] = parsed.words;
  return parsed.isV6 ? formatIpv6(a, b, c, d) : formatIpv4(a);
}

function mac(record: JsonObject, name: string): string {
  const value = text(record, name).toLowerCase().replace(/-/g, ':');
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(value) ? value : '';
}

/**
 * A record of the Elastic Common Schema (elastic.co/docs/reference/ecs) as cells of the flow table: NaN and '' are missing. The source is the initiator, unless the record says that its client is the
 * destination. A total in network.bytes or network.packets fills in the side that has none of its own.
 */
function ecsCells(record: JsonObject, timeField: string): { readonly [K in FlowColumnName]?: number | string } {
  const source = address(record, 'source.ip') ?? '';
  const destination = address(record, 'destination.ip') ?? '';
  const client = address(record, 'client.ip');
  const flip =
    client !== undefined &&
    client === destination &&
    (client !== source || port(record, 'client.port') === port(record, 'destination.port'));
  const [near, far] = flip ? ['destination', 'source'] : ['source', 'destination'];
  const end = time(record, 'event.end');
  const spanMs = number(record, 'event.duration') / 1e6;
  let start = time(record, 'event.start');
  if (Number.isNaN(start)) start = end - spanMs;
  if (Number.isNaN(start)) start = time(record, timeField);
  if (Number.isNaN(start)) start = time(record, '@timestamp');
  const durationMs = Number.isNaN(spanMs) ? Math.max(0, end - start) : spanMs;
  const rest = (total: string, one: string, other: string): number => {
    const own = number(record, one);
    return Number.isNaN(own) ? Math.max(0, number(record, total) - number(record, other)) : own;
  };
  const method = text(record, 'http.request.method');
  const target = text(record, 'url.path') || text(record, 'url.original');
  const tls = text(record, 'tls.version');
  const answers = fieldOf(record, 'dns.answers.data') ?? fieldOf(record, 'dns.resolved_ip') ?? answersOf(record);
  return {
    startMs: start,
    durationMs,
    protocol: text(record, 'network.transport') || text(record, 'network.iana_number'),
    initiator: flip ? destination : source,
    responder: flip ? source : destination,
    initiatorPort: port(record, `${near}.port`),
    responderPort: port(record, `${far}.port`),
    initiatorMac: mac(record, `${near}.mac`),
    responderMac: mac(record, `${far}.mac`),
    initiatorPackets: rest('network.packets', `${near}.packets`, `${far}.packets`),
    responderPackets: rest('network.packets', `${far}.packets`, `${near}.packets`),
    initiatorBytes: rest('network.bytes', `${near}.bytes`, `${far}.bytes`),
    responderBytes: rest('network.bytes', `${far}.bytes`, `${near}.bytes`),
    vlan: number(record, 'network.vlan.id'),
    service: (text(record, 'network.protocol') || text(record, 'network.application')).toLowerCase(),
    serverName: text(record, 'tls.client.server_name'),
    alpn: text(record, 'tls.next_protocol'),
    tlsVersion: /^[\d.]+$/.test(tls) ? `TLS ${tls}` : tls,
    ja3: text(record, 'tls.client.ja3'),
    ja3s: text(record, 'tls.server.ja3s'),
    certificateSubject: text(record, 'tls.server.x509.subject.common_name') || text(record, 'tls.server.subject'),
    certificateIssuer: text(record, 'tls.server.x509.issuer.common_name') || text(record, 'tls.server.issuer'),
    certificateFromMs: time(record, 'tls.server.not_before'),
    certificateToMs: time(record, 'tls.server.not_after'),
    httpHost: text(record, 'url.domain'),
    httpRequest: method === '' ? '' : `${method.toUpperCase()} ${target}`.trim().slice(0, 256),
    httpStatus: number(record, 'http.response.status_code'),
    dnsQuery: text(record, 'dns.question.name').toLowerCase(),
    dnsType: text(record, 'dns.question.type'),
    dnsRcode: text(record, 'dns.response_code'),
    dnsAnswers: (Array.isArray(answers)
      ? answers.filter((each) => typeof each === 'string').join(',')
      : typeof answers === 'string'
        ? answers
        : ''
    ).slice(0, 1024),
    client: text(record, 'user_agent.original'),
    user: text(record, 'user.name'),
    communityId: text(record, 'network.community_id'),
  };
}

/** Data of answers that are objects in a list, as Packetbeat writes them. */
function answersOf(record: JsonObject): string[] | undefined {
  const answers = fieldOf(record, 'dns.answers');
  if (!Array.isArray(answers)) return undefined;
  return answers.flatMap((each: unknown) => (isObject(each) && typeof each.data === 'string' ? [each.data] : []));
}

/** Flow columns that a record has a value for. */
export function ecsColumns(record: JsonObject, timeField: string): FlowColumnName[] {
  const cells = ecsCells(record, timeField);
  const names = (Object.keys(cells) as FlowColumnName[]).filter((name) => hasValue(cells[name]));
  if (names.includes('durationMs')) names.push('endMs');
  names.push('portService', 'service', 'serviceBasis');
  return names;
}

function hasValue(value: number | string | undefined): boolean {
  return value !== undefined && value !== '' && !Number.isNaN(value);
}

/** Writes a row; returns the number of values in columns that the source said it does not give. */
export function writeEcs(writer: FlowWriter, record: JsonObject, timeField: string): number {
  const cells = ecsCells(record, timeField);
  const row = writer.addRow();
  let late = 0;
  const { startMs, durationMs, protocol: name, service, ...others } = cells;
  const isV6 = typeof others.initiator === 'string' && others.initiator.includes(':');
  const known = protocolByName(String(name ?? ''), isV6);
  for (const [column, value] of Object.entries(others)) {
    if (value === undefined || !hasValue(value)) continue;
    const index = FLOW_COLUMN[column as FlowColumnName];
    if (!writer.has(index)) late++;
    else if (typeof value === 'number') writer.number(index, row, value);
    else writer.text(index, row, value);
  }
  const num = (value: number | string | undefined): number => (typeof value === 'number' ? value : Number.NaN);
  writer.times(row, num(startMs), num(durationMs), num(others.initiatorPackets) + num(others.responderPackets));
  if (known >= 0) writer.protocol(row, known);
  else if (typeof name === 'string') writer.text(FLOW_COLUMN.protocol, row, name.toLowerCase());
  writer.service(
    row,
    known,
    num(others.initiatorPort),
    num(others.responderPort),
    typeof service === 'string' ? service : '',
  );
  const group = /^(22[4-9]|23\d)\.|^ff|^255\.255\.255\.255$/i.test(String(others.responder ?? ''));
  // Bytes say that a side spoke where packets are not counted.
  const spoke = (packets: number, bytes: number): number => (Number.isNaN(packets) ? (bytes > 0 ? 1 : bytes) : packets);
  writer.outcome(
    row,
    known,
    spoke(num(others.initiatorPackets), num(others.initiatorBytes)),
    spoke(num(others.responderPackets), num(others.responderBytes)),
    group,
    Number.NaN,
  );
  writer.finishRow(row);
  return late;
}
