/**
 * Flows against the records that ipfixprobe's own functional tests expect of the same captures. Records of one pair of endpoints are added up first, because
 * ipfixprobe ends a flow record by other rules than we do (its plugins cut at every request or answer). Its bytes are those of IP packets, so ours are added up
 * from the headers of the frames that the flow table counted. Facts are those of the first record, as our columns are.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FlowColumnName, FlowRecord } from '../src/flow/index.ts';
import {
  decodeFrame,
  dnsRcodeName,
  dnsTypeName,
  Fragments,
  formatIpv4,
  formatIpv6,
  isGrease,
  OddityCounter,
  Packet,
  PROTO,
  protocolName,
} from '../src/wire/index.ts';
import { NO_TIMEOUTS, runCapture } from '../test/support/capture.ts';

const FOLDER = 'ipfixprobe/tests/functional';
/** Captures whose name is not that of the plugin. */
const INPUTS: Readonly<Record<string, string>> = {
  basic: 'mixed',
  basicplus: 'http',
  nettisa: 'mixed',
  passivedns: 'dns',
  phists: 'mixed',
  pstats: 'mixed',
  quic: 'quic_initial-sample',
  ssadetector: 'ovpn',
};

interface Fact {
  readonly column: FlowColumnName;
  /** What our column says when ipfixprobe says this; undefined where it says nothing. */
  readonly expected: (field: (name: string) => string) => string | undefined;
}

const text =
  (name: string): Fact['expected'] =>
  (field) =>
    field(name) || undefined;
const FACTS: Readonly<Record<string, readonly Fact[]>> = {
  tls: [
    { column: 'serverName', expected: text('TLS_SNI') },
    { column: 'ja3', expected: text('TLS_JA3') },
    { column: 'ja4', expected: text('TLS_JA4') },
  ],
  quic: [{ column: 'serverName', expected: text('QUIC_SNI') }],
  http: [
    { column: 'httpHost', expected: text('HTTP_REQUEST_HOST') },
    {
      column: 'httpRequest',
      expected: (field) =>
        field('HTTP_REQUEST_METHOD') === ''
          ? undefined
          : `${field('HTTP_REQUEST_METHOD')} ${field('HTTP_REQUEST_URL')}`,
    },
    {
      column: 'httpStatus',
      expected: (field) =>
        field('HTTP_RESPONSE_STATUS_CODE') === '0' ? undefined : field('HTTP_RESPONSE_STATUS_CODE'),
    },
    { column: 'client', expected: text('HTTP_REQUEST_AGENT') },
    { column: 'server', expected: text('HTTP_RESPONSE_SERVER') },
  ],
  dns: [
    { column: 'dnsQuery', expected: text('DNS_NAME') },
    { column: 'dnsType', expected: (field) => dnsTypeName(Number(field('DNS_QTYPE'))) },
    { column: 'dnsRcode', expected: (field) => dnsRcodeName(Number(field('DNS_RCODE'))) },
  ],
  vlan: [{ column: 'vlan', expected: (field) => (field('VLAN_ID') === '0' ? undefined : field('VLAN_ID')) }],
  sip: [{ column: 'client', expected: text('SIP_USER_AGENT') }],
};

interface Record_ {
  readonly key: string;
  readonly from: string;
  readonly first: string;
  readonly packets: number;
  readonly bytes: number;
  readonly packetsBack: number;
  readonly bytesBack: number;
  readonly field: (name: string) => string;
}

interface Sums {
  /** By endpoint. */
  readonly sides: Map<string, { packets: number; bytes: number }>;
}

export interface ProbeResult {
  readonly plugin: string;
  readonly capture: string;
  readonly records: number;
  readonly tuples: number;
  readonly equal: number;
  readonly facts: number;
  readonly factsEqual: number;
  /** Cause and how often. */
  readonly causes: ReadonlyMap<string, number>;
  readonly unexplained: readonly string[];
}

/** One result for every plugin; empty when the captures are not there. */
export function compareIpfixprobe(data: string): ProbeResult[] {
  const folder = join(data, FOLDER);
  if (!existsSync(folder)) return [];
  const recordsOf = (plugin: string): Record_[] => readRecords(readFileSync(join(folder, 'outputs', plugin), 'utf8'));
  const singles = recordsOf('basic').filter(({ packets, packetsBack }) => packets + packetsBack === 1);
  return readdirSync(join(folder, 'outputs'))
    .sort()
    .map((plugin) => {
      const capture = `${INPUTS[plugin] ?? plugin}.pcap`;
      return comparePlugin(plugin, capture, recordsOf(plugin), readFileSync(join(folder, 'inputs', capture)), singles);
    });
}

function endpoint(address: string, port: string | number, hasPorts: boolean): string {
  return hasPorts ? `${address}|${port}` : address;
}

function tupleKey(protocol: string, a: string, b: string): string {
  return `${protocol} ${[a, b].sort().join(' ')}`;
}

/** Fields of a line: commas outside of quotes and brackets separate them. */
function splitLine(line: string): string[] {
  return (line.match(/("[^"]*"|\[[^\]]*\]|[^,]*)(,|$)/g) ?? []).map((part) =>
    part.replace(/,$/, '').replace(/^"(.*)"$/, '$1'),
  );
}

function readRecords(content: string): Record_[] {
  const lines = content.split('\n').filter((line) => line !== '');
  const header = lines.find((line) => line.startsWith('ipaddr ')) ?? '';
  const names = header.split(',').map((name) => name.replace(/^\S+ /, ''));
  const seen = new Set<string>();
  const records: Record_[] = [];
  for (const line of lines) {
    if (line === header) continue;
    const values = splitLine(line);
    const field = (name: string): string => values[names.indexOf(name)] ?? '';
    const protocol = Number(field('PROTOCOL'));
    const hasPorts = protocol === PROTO.tcp || protocol === PROTO.udp;
    const from = endpoint(field('SRC_IP'), field('SRC_PORT'), hasPorts);
    const to = endpoint(field('DST_IP'), field('DST_PORT'), hasPorts);
    const same = [
      'SRC_IP',
      'DST_IP',
      'SRC_PORT',
      'DST_PORT',
      'PROTOCOL',
      'TIME_FIRST',
      'TIME_LAST',
      'PACKETS',
      'PACKETS_REV',
      'BYTES',
      'VLAN_ID',
    ]
      .map(field)
      .join(',');
    // Plugins that find several things in one flow write the same record for each.
    if (seen.has(same)) continue;
    seen.add(same);
    const [packets, bytes, packetsBack, bytesBack] = ['PACKETS', 'BYTES', 'PACKETS_REV', 'BYTES_REV'].map((name) =>
      Number(field(name)),
    );
    records.push({
      key: tupleKey(protocolName(protocol), from, to),
      from,
      first: field('TIME_FIRST'),
      packets: packets ?? 0,
      bytes: bytes ?? 0,
      packetsBack: packetsBack ?? 0,
      bytesBack: bytesBack ?? 0,
      field,
    });
  }
  return records.sort((a, b) => (a.first < b.first ? -1 : 1));
}

function add(sums: Map<string, Sums>, key: string, side: string, packets: number, bytes: number): void {
  const entry = sums.get(key) ?? { sides: new Map() };
  sums.set(key, entry);
  const known = entry.sides.get(side) ?? { packets: 0, bytes: 0 };
  known.packets += packets;
  known.bytes += bytes;
  entry.sides.set(side, known);
}

function otherEnd(key: string, end: string): string {
  const [, a = '', b = ''] = key.split(' ');
  return a === end ? b : a;
}

/** Bytes of the outermost IP packet behind Ethernet and its tags, or the Linux cooked header, which alone occur here. */
function ipBytes(bytes: Uint8Array, view: DataView, frame: number, linkType: number): number {
  let at = frame + (linkType === 113 ? 14 : 12);
  while (view.getUint16(at) === 0x8100 || view.getUint16(at) === 0x88a8) at += 4;
  at += 2;
  return bytes[at] >> 4 === 6 ? 40 + view.getUint16(at + 4) : view.getUint16(at + 2);
}

function ourSums(bytes: Uint8Array): { sums: Map<string, Sums>; flows: FlowRecord[] } {
  const sums = new Map<string, Sums>();
  const packet = new Packet();
  const fragments = new Fragments();
  const run = runCapture(bytes, {
    flow: NO_TIMEOUTS,
    onBatch: ({ batch }) => {
      for (let i = 0; i < batch.count; i++) {
        const p = packet;
        if (
          !decodeFrame(
            batch.bytes,
            batch.view,
            batch.offset[i],
            batch.captureLength[i],
            batch.wireLength[i],
            batch.linkType[i],
            p,
            fragments,
            new OddityCounter(),
          )
        )
          continue;
        if (p.protocol === PROTO.arp) continue;
        const hasPorts = p.protocol === PROTO.tcp || p.protocol === PROTO.udp;
        const v6 = p.isV6 !== 0;
        const from = endpoint(
          v6 ? formatIpv6(p.src0, p.src1, p.src2, p.src3) : formatIpv4(p.src0),
          p.srcPort,
          hasPorts,
        );
        const to = endpoint(v6 ? formatIpv6(p.dst0, p.dst1, p.dst2, p.dst3) : formatIpv4(p.dst0), p.dstPort, hasPorts);
        add(
          sums,
          tupleKey(protocolName(p.protocol), from, to),
          from,
          1,
          ipBytes(batch.bytes, batch.view, batch.offset[i], batch.linkType[i]),
        );
      }
    },
  });
  return { sums, flows: run.flows.sort((a, b) => (a.firstFrame ?? 0) - (b.firstFrame ?? 0)) };
}

function flowKey(flow: FlowRecord): string {
  const hasPorts = flow.protocol === 'tcp' || flow.protocol === 'udp';
  return tupleKey(
    flow.protocol ?? '',
    endpoint(flow.initiator ?? '', flow.initiatorPort ?? 0, hasPorts),
    endpoint(flow.responder ?? '', flow.responderPort ?? 0, hasPorts),
  );
}

function comparePlugin(
  plugin: string,
  capture: string,
  records: readonly Record_[],
  bytes: Uint8Array,
  singles: readonly Record_[],
): ProbeResult {
  const { sums, flows } = ourSums(bytes);
  const theirs = new Map<string, Sums>();
  for (const { key, from, packets, bytes: sent, packetsBack, bytesBack } of records) {
    add(theirs, key, from, packets, sent);
    add(theirs, key, otherEnd(key, from), packetsBack, bytesBack);
  }
  const counted = new Map<string, number>();
  for (const flow of flows)
    counted.set(
      flowKey(flow),
      (counted.get(flowKey(flow)) ?? 0) + (flow.initiatorPackets ?? 0) + (flow.responderPackets ?? 0),
    );
  const causes = new Map<string, number>();
  const unexplained: string[] = [];
  let equal = 0;
  const because = (name: string): void => void causes.set(name, (causes.get(name) ?? 0) + 1);
  const describe = (entry: Sums | undefined, key: string): string =>
    key
      .split(' ')
      .slice(1)
      .map((end) => `${entry?.sides.get(end)?.packets ?? 0}/${entry?.sides.get(end)?.bytes ?? 0}`)
      .join(' and ');
  for (const [key, entry] of theirs) {
    const own = sums.get(key);
    const all = [...(own?.sides.values() ?? [])].reduce((n, { packets }) => n + packets, 0);
    if (all !== (counted.get(key) ?? 0))
      unexplained.push(`${plugin} ${key}: frames have ${all} packets, flows ${counted.get(key)}`);
    if (describe(own, key) === describe(entry, key)) {
      equal++;
      continue;
    }
    if (plugin === 'nettisa') {
      const whole = new Map([[key, { sides: new Map([...entry.sides].map(([side, sum]) => [side, { ...sum }])) }]]);
      for (const one of singles) if (one.key === key) add(whole, key, one.from, one.packets, one.bytes);
      if (describe(own, key) === describe(whole.get(key), key)) {
        because('its plugin nettisa writes no record of a single packet; its plugin basic does, and then both agree');
        continue;
      }
    }
    unexplained.push(`${plugin} ${key}: ${describe(own, key)} packets/bytes against ${describe(entry, key)}`);
  }
  let facts = 0;
  let factsEqual = 0;
  const asked = new Set<string>();
  for (const record of records)
    for (const { column, expected } of FACTS[plugin] ?? []) {
      const value = expected(record.field);
      const name = `${record.key} ${column}`;
      if (value === undefined || asked.has(name)) continue;
      asked.add(name);
      facts++;
      const own = flows.filter((flow) => flowKey(flow) === record.key);
      const ours = own.map((flow) => flow[column]).find((found) => found !== undefined);
      const cause = factCause(column, String(ours), value, record, own[0]);
      if (String(ours) === value) factsEqual++;
      else if (cause !== undefined) because(cause);
      else unexplained.push(`${plugin} ${name}: ${String(ours)} against ${value}`);
    }
  return {
    plugin,
    capture,
    records: records.length,
    tuples: theirs.size,
    equal,
    facts,
    factsEqual,
    causes,
    unexplained,
  };
}

function factCause(
  column: FlowColumnName,
  ours: string,
  theirs: string,
  record: Record_,
  flow: FlowRecord | undefined,
): string | undefined {
  if (column === 'ja4') {
    // 't13d1516h2_...': characters 6 and 7 are the number of extensions.
    const grease = (record.field('TLS_EXT_TYPE').match(/\d+/g) ?? []).filter((type) => isGrease(Number(type))).length;
    const counted = String(Number(ours.slice(6, 8)) + grease).padStart(2, '0');
    if (`${ours.slice(0, 6)}${counted}${ours.slice(8)}` === theirs)
      return 'it counts GREASE extensions (RFC 8701) in JA4, which the specification of JA4 leaves out';
  }
  if (
    column === 'client' &&
    flow?.initiatorPort !== undefined &&
    !record.from.endsWith(`|${flow.initiatorPort}`) &&
    flow.server === theirs
  )
    return 'the sender has the port of a server, so it is the responder here, and what it says of itself is `server`';
  return undefined;
}
