import { type ColumnSpec, nearest } from '../../core/index.ts';
import { PROTO, serviceByPort } from '../../wire/index.ts';
import { FLOW_SCHEMA, type FlowColumnName } from '../schema.ts';

/**
 * The fields of the filter language: every column of the flow table under its own name, and short names as users of tshark, tcpdump and Zeek would try them.
 * Names are compared without upper case, hyphens and underscores, so `communityId`, `community-id` and `community_id` are one.
 */

export type FieldKind = 'address' | 'mac' | 'port' | 'text' | 'number' | 'bytes' | 'duration' | 'time';

export interface FlowField {
  /** The name that messages and help use. */
  readonly name: string;
  readonly kind: FieldKind;
  /** Columns that it reads: of several numbers that are summed, the sum; of several others, any that fits. */
  readonly columns: readonly FlowColumnName[];
  readonly sum: boolean;
  readonly meaning: string;
  /** The only values that the column ever holds, lower case; undefined where it may hold any. */
  readonly values: readonly string[] | undefined;
  /** Upper and lower case are alike in it. */
  readonly fold: boolean;
  /** A number without unit is taken as the column has it (ms); otherwise times and durations need a unit or a date. */
  readonly bare: boolean;
  /** Missing in flows of any other protocol. */
  readonly protocol: string | undefined;
  /** Further names. */
  readonly aliases: readonly string[];
}

const TCP_STATES = ['S0', 'S1', 'SF', 'REJ', 'S2', 'S3', 'RSTO', 'RSTR', 'RSTOS0', 'RSTRH', 'SH', 'SHR', 'OTH'];

/** Values of the columns that hold one of a few words. */
const VALUES: { readonly [K in FlowColumnName]?: readonly string[] } = {
  tcpState: TCP_STATES.map((state) => state.toLowerCase()),
  closeReason: ['fin', 'rst', 'idle', 'active', 'reuse', 'evicted', 'end'],
  outcome: ['answered', 'refused', 'unanswered', 'unknown'],
  serviceBasis: ['content', 'port'],
  login: ['accepted', 'refused', 'unknown'],
};

/** Columns in which upper and lower case make no difference. */
const FOLDED: ReadonlySet<FlowColumnName> = new Set([
  'protocol',
  'initiatorMac',
  'responderMac',
  'tcpState',
  'closeReason',
  'outcome',
  'service',
  'serviceBasis',
  'portService',
  'serverName',
  'hostname',
  'login',
  'tunnel',
  'icmpError',
  'tlsVersion',
  'ja3',
  'ja3s',
  'initiatorFirstBytes',
  'responderFirstBytes',
  'httpHost',
  'dnsQuery',
  'dnsType',
  'dnsRcode',
]);

interface ShortName {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly columns: readonly FlowColumnName[];
  readonly meaning?: string;
  readonly protocol?: string;
  /** Takes a number without unit as the column has it. */
  readonly bare?: boolean;
}

const SHORT_NAMES: readonly ShortName[] = [
  {
    name: 'src',
    aliases: ['ip.src', 'ipv6.src', 'src.host', 'src.net', 'src.ip', 'id.orig_h', 'orig_h', 'saddr', 'srcip'],
    columns: ['initiator'],
  },
  {
    name: 'dst',
    aliases: ['ip.dst', 'ipv6.dst', 'dst.host', 'dst.net', 'dst.ip', 'id.resp_h', 'resp_h', 'daddr', 'dstip'],
    columns: ['responder'],
  },
  {
    name: 'host',
    aliases: ['net', 'ip', 'ip.addr', 'ipv6.addr', 'addr', 'address'],
    columns: ['initiator', 'responder'],
    meaning: 'Either side: initiator or responder.',
  },
  { name: 'src.port', aliases: ['sport', 'id.orig_p', 'orig_p', 'srcport'], columns: ['initiatorPort'] },
  { name: 'dst.port', aliases: ['dport', 'id.resp_p', 'resp_p', 'dstport'], columns: ['responderPort'] },
  { name: 'port', columns: ['initiatorPort', 'responderPort'], meaning: 'Port of either side.' },
  ...['tcp', 'udp', 'sctp'].flatMap((protocol): ShortName[] => [
    {
      name: `${protocol}.port`,
      columns: ['initiatorPort', 'responderPort'],
      protocol,
      meaning: `Port of either side of a ${protocol} flow.`,
    },
    { name: `${protocol}.srcport`, columns: ['initiatorPort'], protocol },
    { name: `${protocol}.dstport`, columns: ['responderPort'], protocol },
  ]),
  { name: 'src.mac', aliases: ['eth.src', 'ether.src', 'smac'], columns: ['initiatorMac'] },
  { name: 'dst.mac', aliases: ['eth.dst', 'ether.dst', 'dmac'], columns: ['responderMac'] },
  {
    name: 'mac',
    aliases: ['eth.addr', 'ether.host'],
    columns: ['initiatorMac', 'responderMac'],
    meaning: 'Ethernet address on either side.',
  },
  { name: 'proto', aliases: ['ip.proto', '_ws.col.protocol'], columns: ['protocol'] },
  {
    name: 'bytes',
    columns: ['initiatorBytes', 'responderBytes'],
    meaning: 'Bytes on the wire, both directions together.',
  },
  { name: 'src.bytes', aliases: ['sbytes'], columns: ['initiatorBytes'] },
  { name: 'dst.bytes', aliases: ['dbytes'], columns: ['responderBytes'] },
  {
    name: 'payload',
    columns: ['initiatorPayloadBytes', 'responderPayloadBytes'],
    meaning: 'Transport payload bytes, both directions together.',
  },
  { name: 'src.payload', aliases: ['orig_bytes'], columns: ['initiatorPayloadBytes'] },
  { name: 'dst.payload', aliases: ['resp_bytes'], columns: ['responderPayloadBytes'] },
  {
    name: 'packets',
    aliases: ['pkts'],
    columns: ['initiatorPackets', 'responderPackets'],
    meaning: 'Packets, both directions together.',
  },
  { name: 'src.packets', aliases: ['orig_pkts', 'spkts'], columns: ['initiatorPackets'] },
  { name: 'dst.packets', aliases: ['resp_pkts', 'dpkts'], columns: ['responderPackets'] },
  { name: 'duration', aliases: ['dur'], columns: ['durationMs'] },
  { name: 'start', aliases: ['ts', 'frame.time', 'first', 'stime'], columns: ['startMs'] },
  { name: 'end', aliases: ['last', 'ltime'], columns: ['endMs'] },
  { name: 'state', aliases: ['conn_state', 'tcp.state'], columns: ['tcpState'] },
  { name: 'reason', columns: ['closeReason'] },
  {
    name: 'sni',
    aliases: ['server_name', 'tls.sni', 'tls.handshake.extensions_server_name', 'ssl.server_name'],
    columns: ['serverName'],
  },
  { name: 'query', aliases: ['dns.qry.name', 'dns.query', 'qname'], columns: ['dnsQuery'] },
  { name: 'qtype', aliases: ['dns.qtype', 'dns.qry.type', 'qtype_name'], columns: ['dnsType'] },
  { name: 'rcode', aliases: ['dns.rcode', 'dns.flags.rcode', 'rcode_name'], columns: ['dnsRcode'] },
  { name: 'http.host', columns: ['httpHost'] },
  { name: 'http.request', aliases: ['uri', 'url', 'http.uri', 'http.request.uri'], columns: ['httpRequest'] },
  {
    name: 'name',
    aliases: ['domain'],
    columns: ['serverName', 'httpHost', 'dnsQuery'],
    meaning: 'Any name that the flow shows: of the TLS server, the HTTP host or the DNS question.',
  },
  { name: 'src.flags', columns: ['initiatorFlags'] },
  { name: 'dst.flags', columns: ['responderFlags'] },
  {
    name: 'flags',
    aliases: ['tcp.flags'],
    columns: ['initiatorFlags', 'responderFlags'],
    meaning: 'TCP flags of either side.',
  },
  { name: 'icmp.type', columns: ['icmpType'] },
  { name: 'icmp.code', columns: ['icmpCode'] },
  { name: 'vlan', aliases: ['vlan.id'], columns: ['vlan'] },
  {
    name: 'outer',
    columns: ['outerInitiator', 'outerResponder'],
    meaning: 'Address of the outermost tunnel, on either side.',
  },
  { name: 'tls.version', columns: ['tlsVersion'] },
  { name: 'cert.subject', aliases: ['certificate.subject'], columns: ['certificateSubject'] },
  { name: 'cert.issuer', aliases: ['certificate.issuer'], columns: ['certificateIssuer'] },
  { name: 'cert.from', columns: ['certificateFromMs'] },
  { name: 'cert.to', columns: ['certificateToMs'] },
  { name: 'http.status', aliases: ['http.response.code', 'status_code'], columns: ['httpStatus'] },
  { name: 'user_agent', aliases: ['http.user_agent'], columns: ['client'] },
  { name: 'frame', aliases: ['frame.number'], columns: ['firstFrame'] },
];

function kindOf(spec: ColumnSpec): FieldKind {
  if (spec.unit === 'address') return 'address';
  if (spec.unit === 'MAC') return 'mac';
  if (spec.unit === 'port') return 'port';
  if (spec.kind === 'string') return 'text';
  if (spec.unit === 'bytes') return 'bytes';
  if (spec.unit === 'ms') return 'duration';
  return spec.unit.startsWith('ms since 1970') ? 'time' : 'number';
}

const SPECS = new Map(FLOW_SCHEMA.columns.map((spec) => [spec.name, spec]));

function field(short: ShortName): FlowField {
  const { name, aliases = [], columns, protocol, bare = false } = short;
  const spec = SPECS.get(columns[0]);
  if (spec === undefined) throw new Error(`field '${name}' reads a column that the flow table has not`);
  const kind = kindOf(spec);
  return {
    name,
    kind,
    columns,
    sum: columns.length > 1 && (kind === 'bytes' || kind === 'number' || kind === 'duration'),
    meaning: short.meaning ?? spec.meaning,
    values: VALUES[columns[0]],
    fold: FOLDED.has(columns[0]),
    bare: bare || (kind !== 'duration' && kind !== 'time'),
    protocol,
    aliases,
  };
}

function key(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

/** Names that a column of one side has beside its own: initiatorFirstBytes is src.firstBytes too. */
function sideNames(column: string): string[] {
  const match = /^(initiator|responder)([A-Z]\w*)$/.exec(column);
  if (match === null) return [];
  const [, side, rest] = match;
  return [`${side === 'initiator' ? 'src' : 'dst'}.${rest[0].toLowerCase()}${rest.slice(1)}`];
}

/** What both sides have, and no short name is for yet: the sum of their numbers, or either of their texts. */
function pairNames(): ShortName[] {
  const taken = new Set(SHORT_NAMES.flatMap(({ name, aliases = [] }) => [name, ...aliases]).map(key));
  return FLOW_SCHEMA.columns.flatMap(({ name: column }): ShortName[] => {
    const rest = /^initiator([A-Z]\w*)$/.exec(column)?.[1];
    if (rest === undefined || !SPECS.has(`responder${rest}`)) return [];
    const name = `${rest[0].toLowerCase()}${rest.slice(1)}`;
    if (taken.has(key(name)) || SPECS.has(name)) return [];
    const columns = [column, `responder${rest}`] as FlowColumnName[];
    return [{ name, columns, meaning: `${column} and ${columns[1]}, both sides together.` }];
  });
}

/** All fields: the columns first, in order of the schema, then the short names. */
export const FLOW_FIELDS: readonly FlowField[] = [
  ...FLOW_SCHEMA.columns.map((spec) => {
    const name = spec.name as FlowColumnName;
    return field({ name, columns: [name], aliases: sideNames(name), bare: true });
  }),
  ...[...SHORT_NAMES, ...pairNames()].filter((short) => !SPECS.has(short.name)).map(field),
];

const BY_KEY = new Map<string, FlowField>();
for (const entry of FLOW_FIELDS) BY_KEY.set(key(entry.name), entry);
for (const entry of [...FLOW_FIELDS, ...SHORT_NAMES.filter((short) => SPECS.has(short.name)).map(field)])
  for (const alias of entry.aliases) if (!BY_KEY.has(key(alias))) BY_KEY.set(key(alias), entry);

/** The field of a name in any spelling, undefined when there is none. */
export function flowField(name: string): FlowField | undefined {
  return BY_KEY.get(key(name));
}

/** Two words that tcpdump's users put side by side (`src port`), as one name. */
export function joinFieldName(first: string, second: string): string | undefined {
  const joined = `${first}.${second}`;
  return /^(src|dst|ether|tcp|udp|sctp|ip|vlan|eth)$/i.test(first) &&
    /^(port|host|net|ip|mac|proto|id|src|dst|addr|bytes|packets|payload|flags)$/i.test(second)
    ? flowField(joined) === undefined
      ? undefined
      : joined
    : undefined;
}

// ---- words that are a condition by themselves ----

/** Protocols by the word that the filter has for them, which for most is the protocol's name. `ipv6` and `ip` mean the addresses. */
const PROTOCOL_WORDS: ReadonlySet<string> = new Set(
  Object.keys(PROTO).filter((name) => name !== 'none' && name !== 'ipv6'),
);

/** Services that are told by their contents and have no port of their own. */
const PORTLESS_SERVICES = ['bittorrent'];

/** Services under names that other tools have for them. */
const SERVICE_SYNONYMS: Readonly<Record<string, string>> = {
  ssl: 'tls',
  https: 'tls',
  bootp: 'dhcp',
  postgres: 'postgresql',
};

/** Our name of a service, in lower case, for the one that another tool has for it: 'tls' for 'ssl'. */
export function serviceSynonym(name: string): string {
  return (Object.hasOwn(SERVICE_SYNONYMS, name) ? SERVICE_SYNONYMS[name] : undefined) ?? name;
}

function knownServices(): Set<string> {
  const services = new Set(PORTLESS_SERVICES);
  for (const protocol of [PROTO.tcp, PROTO.udp]) {
    for (let port = 0; port < 65_536; port++) {
      const service = serviceByPort(protocol, port);
      if (service !== undefined) services.add(service);
    }
  }
  return services;
}

let services: ReadonlySet<string> | undefined;

/** What a word by itself asks for. */
export type WordMeaning =
  | { readonly kind: 'value'; readonly column: FlowColumnName; readonly value: string }
  | { readonly kind: 'family'; readonly family: 4 | 6 }
  | { readonly kind: 'direction'; readonly from: boolean; readonly to: boolean }
  | { readonly kind: 'group'; readonly group: 'multicast' | 'broadcast' }
  | { readonly kind: 'field'; readonly field: FlowField };

const DIRECTIONS: Readonly<Record<string, { readonly from: boolean; readonly to: boolean }>> = {
  outbound: { from: true, to: false },
  inbound: { from: false, to: true },
  internal: { from: true, to: true },
  external: { from: false, to: false },
};

/** The meaning of a word that stands as a condition: a protocol, a service, an outcome, a direction, or a field that must not be missing. */
export function flowWord(word: string): WordMeaning | undefined {
  const lower = word.toLowerCase();
  if (PROTOCOL_WORDS.has(lower)) return { kind: 'value', column: 'protocol', value: lower };
  if (lower === 'icmp6') return { kind: 'value', column: 'protocol', value: 'icmpv6' };
  // As in tcpdump and Wireshark, where `ip` is IPv4 alone.
  if (lower === 'ip' || lower === 'ipv4' || lower === 'ip4') return { kind: 'family', family: 4 };
  if (lower === 'ipv6' || lower === 'ip6') return { kind: 'family', family: 6 };
  const direction = Object.hasOwn(DIRECTIONS, lower) ? DIRECTIONS[lower] : undefined;
  if (direction !== undefined) return { kind: 'direction', ...direction };
  if (lower === 'multicast' || lower === 'broadcast') return { kind: 'group', group: lower };
  if (lower === 'answered' || lower === 'refused' || lower === 'unanswered')
    return { kind: 'value', column: 'outcome', value: lower };
  services ??= knownServices();
  const service = serviceSynonym(lower);
  if (services.has(service)) return { kind: 'value', column: 'service', value: service };
  const entry = flowField(word);
  return entry === undefined ? undefined : { kind: 'field', field: entry };
}

/** The nearest field to a name that is none. */
export function nearestField(name: string): string | undefined {
  return nearest(name, [...FLOW_FIELDS.map((entry) => entry.name), ...FLOW_FIELDS.flatMap((entry) => entry.aliases)]);
}

/** The nearest word with a meaning of its own, or field. */
export function nearestWord(word: string): string | undefined {
  services ??= knownServices();
  return (
    nearest(word, [
      ...PROTOCOL_WORDS,
      ...services,
      ...Object.keys(DIRECTIONS),
      'ipv4',
      'ipv6',
      'answered',
      'refused',
      'unanswered',
      'multicast',
      'broadcast',
    ]) ?? nearestField(word)
  );
}

/** The value as the column holds it, where the column has a list of them; undefined when it is not on the list. */
export function listedValue(entry: FlowField, text: string): boolean {
  if (entry.columns[0] === 'protocol')
    return Object.hasOwn(PROTO, text.toLowerCase()) || /^ip-\d{1,3}$/.test(text.toLowerCase());
  return entry.values === undefined || entry.values.includes(text.toLowerCase());
}

/** What `listedValue` accepts, for messages; undefined where any text may stand. */
export function listedValues(entry: FlowField): readonly string[] | undefined {
  if (entry.columns[0] === 'protocol') return Object.keys(PROTO).filter((name) => name !== 'none');
  return entry.columns[0] === 'tcpState' ? TCP_STATES : entry.values;
}
