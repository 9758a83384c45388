import * as path from 'node:path';
import {
  type ColumnSpec,
  counted,
  decodeText,
  humanCount,
  parseNumber,
  safeText,
  type Table,
  TextDictionary,
  UserError,
} from '../../core/index.ts';
import { FLOW_COLUMN, type FlowColumnName, serviceSynonym } from '../../flow/index.ts';
import { dnsService, isDnsPort, PROTO } from '../../wire/index.ts';
import { FlowWriter, hasColon, isAddressText, isGroupText, protocolByName } from './flow-writer.ts';
import type { ByteSource } from './input.ts';
import { KnownKeys } from './known-key.ts';
import { peekHead, RowTally } from './lines.ts';
import { DEFAULT_BATCH_ROWS, type Reject, type TableOpenOptions, type TableSource } from './table-source.ts';
import {
  decodeZeekText,
  isCut,
  isMark,
  looksLikeZeek,
  type ZeekHeader,
  ZeekReader,
  zeekNotes,
  zeekPathOf,
} from './zeek-tsv.ts';

/**
 * The logs of one Zeek as flows. conn.log gives a row per connection; what dns, ssl, http, ssh and the other logs of protocols know of the same connection (`uid`) joins it. Logs
 * without a conn.log, and rows whose connection is in none, are flows of their own: time, addresses, service and what the log says, without packets and bytes.
 *
 * Bytes: Zeek counts from the IP header on (`orig_ip_bytes`), so `initiatorBytes` and `responderBytes` are 14 or more less per packet than a capture would say. They are given as they
 * are: nobody knows what the frames had around them, and ratios, regularity and sums mean the same. Without `orig_ip_bytes` they are missing.
 *
 * Flags are those that the letters of `history` tell (S, H, A, F, R); D tells of none. Sources: Zeek documentation, base/protocols/conn/main.zeek and the scripts of the other logs.
 *
 * The join is bounded: `maxJoined` connections that wait for their line in conn.log, which comes when the connection has ended. Beyond it the oldest is let go and counted; logs are
 * read by their rotation (conn.00:00:00-01:00:00.log), protocols first, so that no more than one rotation and what is still open has to wait.
 *
 * A connection (`uid` and second of its start) that stands in two conn logs, as where a labelled copy lies beside the log, counts once: as the log of more columns has it, among equal ones the one that is read
 * first. The last million connections at least are known (`KnownKeys`).
 */

/** One log of a set. `open` may be called twice unless the input is a stream: once to see what it is. */
export interface ZeekLog {
  readonly name: string;
  open(): Promise<ByteSource>;
}

export interface ZeekFlowOptions extends TableOpenOptions {
  /** Columns of conn.log to keep behind those of the flow table, as text: labels, uid. Compared without case, - and _. */
  readonly extra?: readonly string[] | undefined;
  /** Connections that may wait for their line in conn.log. Default 200,000, about 100 MB. */
  readonly maxJoined?: number | undefined;
}

const DEFAULT_MAX_JOINED = 200_000;
/** Certificates of x509.log that are remembered for the ssl.log beside it. */
const MAX_CERTIFICATES = 100_000;
const MAX_TEXT = 1024;
const MAX_REQUEST = 256;
const MAX_OPERATIONS = 16;
const C = FLOW_COLUMN;

/** What a log of a protocol says of a connection. Index is the flow column. */
type Facts = Map<number, string | number>;

/** A connection that was seen in logs of protocols. */
interface Known {
  readonly facts: Facts;
  operations: string[];
  /** Logs that told of it. */
  readonly told: Protocol[];
  startMs: number;
  endMs: number;
  readonly initiator: string;
  readonly responder: string;
  readonly initiatorPort: number;
  readonly responderPort: number;
  readonly protocol: string;
  service: string;
}

/** Cell of a row by the name of its field; undefined where unset. */
type Cell = (field: string) => string | undefined;

interface Protocol {
  /** Our name of the service; '' where the log alone does not say it. */
  readonly service: string;
  readonly transport: 'tcp' | 'udp' | '';
  /** Flow columns by field; the first row of a connection that has a value gives it. */
  readonly texts?: Readonly<Partial<Record<string, FlowColumnName>>>;
  /** Fields whose values together are one thing that was asked for. */
  readonly operation?: readonly string[];
  /** The first row of a connection speaks alone: a later one is another question or request. */
  readonly once?: true;
  /** Field that is T or F for a login that was accepted or refused. */
  readonly login?: string;
  /** What takes more than a copy. */
  readonly note?: (cell: Cell, set: (column: FlowColumnName, value: string | number | undefined) => void) => void;
  /** Columns that `note` sets. */
  readonly notes?: readonly FlowColumnName[];
  /** Operations that a further record of the connection tells, by what the first one said. */
  readonly further?: (cell: Cell, first: (column: FlowColumnName) => string) => string[];
}

/** Logs of protocols by #path. What is in none of them stays what it is: weird, notice, stats, software are no connections. */
const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  dns: {
    service: 'dns',
    once: true,
    transport: 'udp',
    texts: { rcode_name: 'dnsRcode', answers: 'dnsAnswers' },
    notes: ['dnsQuery', 'dnsType', 'dnsTtl'],
    note: (cell, set) => {
      set('dnsQuery', cell('query')?.toLowerCase());
      const type = cell('qtype_name');
      set('dnsType', type === undefined || /^query-|^unknown-/i.test(type) ? typeNumber(cell('qtype')) : type);
      const ttls = cell('TTLs')?.split(',').map(Number).filter(Number.isFinite);
      if (ttls !== undefined && ttls.length > 0) set('dnsTtl', Math.min(...ttls.slice(0, 100)));
    },
    // A resolver, or a tunnel, that asks for many names from one port.
    further: (cell, first) => {
      // A name from the network must not look like another operation.
      const name = cell('query')?.toLowerCase().replace(/, +/g, ',');
      if (name === undefined || name === first('dnsQuery')) return [];
      return [`${first('dnsType')} ${first('dnsQuery') || '.'}`, `${cell('qtype_name') ?? '?'} ${name || '.'}`];
    },
  },
  ssl: {
    service: 'tls',
    transport: 'tcp',
    texts: { server_name: 'serverName', next_protocol: 'alpn', ja3: 'ja3', ja3s: 'ja3s', ja4: 'ja4' },
    notes: [
      'tlsVersion',
      'certificateSubject',
      'certificateIssuer',
      'certificateFromMs',
      'certificateToMs',
      'operations',
    ],
    note: (cell, set) => {
      set('tlsVersion', tlsVersion(cell('version')));
      set('certificateSubject', commonName(cell('subject')));
      set('certificateIssuer', commonName(cell('issuer') ?? cell('issuer_subject')));
      set('certificateFromMs', timeMs(cell('not_valid_before')));
      set('certificateToMs', timeMs(cell('not_valid_after')));
      const alert = cell('last_alert');
      if (alert !== undefined && alert !== 'close_notify') set('operations', `alert ${alert}`);
    },
  },
  quic: { service: 'quic', transport: 'udp', texts: { server_name: 'serverName', client_protocol: 'alpn' } },
  http: {
    service: 'http',
    once: true,
    transport: 'tcp',
    texts: { host: 'httpHost', user_agent: 'client', username: 'user' },
    notes: ['httpRequest', 'httpStatus'],
    note: (cell, set) => {
      const request = [cell('method'), cell('uri')].filter((part) => part !== undefined).join(' ');
      set('httpRequest', request === '' ? undefined : request.slice(0, MAX_REQUEST));
      set('httpStatus', numberOf(cell('status_code')));
    },
  },
  ssh: { service: 'ssh', transport: 'tcp', texts: { client: 'client', server: 'server' }, login: 'auth_success' },
  ftp: {
    service: 'ftp',
    transport: 'tcp',
    texts: { user: 'user' },
    operation: ['command', 'arg'],
    notes: ['login'],
    note: (cell, set) => {
      const code = cell('reply_code');
      if (cell('command')?.toUpperCase() === 'PASS' && code !== undefined)
        set('login', code === '230' ? 'accepted' : code === '530' ? 'refused' : undefined);
    },
  },
  smtp: { service: 'smtp', transport: 'tcp', texts: { user_agent: 'client' } },
  dhcp: {
    service: 'dhcp',
    transport: 'udp',
    texts: { host_name: 'hostname', client_fqdn: 'hostname', mac: 'initiatorMac', client_software: 'client' },
    operation: ['msg_types'],
  },
  kerberos: {
    service: 'kerberos',
    transport: '',
    texts: { client: 'user' },
    operation: ['request_type', 'service', 'error_msg'],
    login: 'success',
  },
  ntlm: { service: '', transport: 'tcp', texts: { username: 'user', hostname: 'hostname' }, login: 'success' },
  smb_mapping: { service: 'smb', transport: 'tcp', operation: ['path'] },
  smb_files: { service: 'smb', transport: 'tcp', operation: ['action', 'name'] },
  dce_rpc: { service: 'dcerpc', transport: 'tcp', operation: ['endpoint', 'operation'] },
  rdp: { service: 'rdp', transport: 'tcp', texts: { cookie: 'user', client_build: 'client', client_name: 'hostname' } },
  rfb: { service: 'vnc', transport: 'tcp', login: 'auth' },
  sip: { service: 'sip', transport: '', texts: { user_agent: 'client' }, operation: ['method'] },
  snmp: { service: 'snmp', transport: 'udp' },
  irc: { service: 'irc', transport: 'tcp', texts: { user: 'user' }, operation: ['command', 'value'] },
  mysql: { service: 'mysql', transport: 'tcp', operation: ['cmd', 'arg'], login: 'success' },
  postgresql: { service: 'postgresql', transport: 'tcp', texts: { user: 'user' }, login: 'success' },
  ldap: { service: 'ldap', transport: 'tcp', operation: ['opcode', 'object'] },
  ldap_search: { service: 'ldap', transport: 'tcp', operation: ['filter', 'base_object'] },
  socks: { service: 'socks', transport: 'tcp', texts: { user: 'user' }, operation: ['request.host', 'request.name'] },
  radius: { service: 'radius', transport: 'udp', texts: { username: 'user' }, operation: ['result'] },
  syslog: { service: 'syslog', transport: 'udp' },
  ntp: { service: 'ntp', transport: 'udp' },
  tftp: { service: 'tftp', transport: 'udp', operation: ['wrq', 'fname'] },
  modbus: { service: 'modbus', transport: 'tcp', operation: ['func'] },
  dnp3: { service: 'dnp3', transport: 'tcp', operation: ['fc_request'] },
  redis: { service: 'redis', transport: 'tcp', operation: ['cmd.name'] },
  mqtt_connect: { service: 'mqtt', transport: 'tcp', texts: { client_id: 'hostname' } },
  mqtt_publish: { service: 'mqtt', transport: 'tcp', operation: ['topic'] },
  mqtt_subscribe: { service: 'mqtt', transport: 'tcp', operation: ['topics'] },
  tunnel: {
    service: '',
    transport: '',
    notes: ['tunnel'],
    note: (cell, set) =>
      set(
        'tunnel',
        cell('tunnel_type')
          ?.replace(/^Tunnel::/, '')
          .toLowerCase(),
      ),
  },
};

function typeNumber(qtype: string | undefined): string | undefined {
  return qtype === undefined ? undefined : `TYPE${qtype}`;
}

function numberOf(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function timeMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text);
  const value = parseNumber(bytes, 0, bytes.length, 3);
  return Number.isNaN(value) ? undefined : value;
}

/** 'TLS 1.2' of Zeek's 'TLSv12', 'DTLS 1.0' of 'DTLSv10', 'SSL 3.0' of 'SSLv3'. */
function tlsVersion(text: string | undefined): string | undefined {
  const match = /^(D?TLS|SSL)v(\d)(\d?)$/.exec(text ?? '');
  return match === null ? undefined : `${match[1]} ${match[2]}.${match[3] || '0'}`;
}

/** Common name, else organisation, of a name as Zeek writes it (RFC 2253: the value may have escaped commas). */
function commonName(subject: string | undefined): string | undefined {
  if (subject === undefined) return undefined;
  const part = (key: string): string | undefined =>
    new RegExp(`(?:^|,\\s*)${key}=((?:\\\\.|[^,\\\\])*)`).exec(subject)?.[1]?.replace(/\\(.)/g, '$1');
  return part('CN') ?? part('O');
}

/** Columns that conn.log gives, by field. */
const CONN_GIVES: Readonly<Record<string, readonly FlowColumnName[]>> = {
  ts: ['startMs'],
  duration: ['durationMs', 'endMs'],
  'id.orig_p': ['initiatorPort', 'icmpType'],
  'id.resp_p': ['responderPort', 'icmpCode', 'service', 'serviceBasis', 'portService'],
  orig_bytes: ['initiatorPayloadBytes'],
  resp_bytes: ['responderPayloadBytes'],
  conn_state: ['tcpState', 'closeReason'],
  missed_bytes: ['initiatorMissingBytes', 'responderMissingBytes'],
  history: ['initiatorFlags', 'responderFlags'],
  orig_pkts: ['initiatorPackets'],
  resp_pkts: ['responderPackets'],
  orig_ip_bytes: ['initiatorBytes'],
  resp_ip_bytes: ['responderBytes'],
  orig_l2_addr: ['initiatorMac'],
  resp_l2_addr: ['responderMac'],
  vlan: ['vlan'],
  community_id: ['communityId'],
};

const STATE_OUTCOME: Readonly<Record<string, string>> = {
  S0: 'unanswered',
  SH: 'unanswered',
  RSTOS0: 'unanswered',
  REJ: 'refused',
  S1: 'answered',
  S2: 'answered',
  S3: 'answered',
  SF: 'answered',
  RSTO: 'answered',
  RSTR: 'answered',
  RSTRH: 'unknown',
  SHR: 'unknown',
  OTH: 'unknown',
};

/** ICMP types of which `id.resp_p` is the type of the answer, not the code (Zeek analyzer/protocol/icmp). */
const PAIRED_ICMP = new Set([0, 8, 9, 10, 13, 14, 15, 16, 17, 18]);
const PAIRED_ICMPV6 = new Set([128, 129, 130, 131, 133, 134, 135, 136, 139, 140, 144, 145]);

/** What is remembered of texts that repeat is begun anew beyond so many different ones. */
const MAX_REMEMBERED = 4096;

/** Something computed of a text that repeats, once per text. */
class Remembered<T> {
  #texts = new TextDictionary();
  #values: T[] = [];
  readonly #make: (text: string) => T;

  constructor(make: (text: string) => T) {
    this.#make = make;
  }

  of(bytes: Uint8Array, from: number, to: number): T {
    if (this.#values.length >= MAX_REMEMBERED) {
      this.#texts.clear();
      this.#values = [];
    }
    const code = this.#texts.code(bytes, from, to);
    if (code === this.#values.length) this.#values.push(this.#make(decodeZeekText(bytes, from, to)));
    return this.#values[code] as T;
  }
}

/** Which of the services that Zeek names is the one that tells most: those that carry others, or only sign on, give way. */
const GIVES_WAY = new Set(['tls', 'gssapi', 'ntlm', 'kerberos', 'spicy']);
const SERVICE_NAMES: Readonly<Record<string, string>> = {
  krb: 'kerberos',
  krb_tcp: 'kerberos',
  dce_rpc: 'dcerpc',
  rfb: 'vnc',
  ldap_tcp: 'ldap',
  ldap_udp: 'ldap',
  dnp3_tcp: 'dnp3',
  dnp3_udp: 'dnp3',
  'ftp-data': 'ftp-data',
  enip_tcp: 'enip',
};

/** Our name for what the `service` column says; '' for none. A name with - before it was given up by Zeek. */
function zeekService(text: string): string {
  const names = text
    .toLowerCase()
    .split(',')
    .filter((name) => name !== '' && !name.startsWith('-'))
    .map((name) => (Object.hasOwn(SERVICE_NAMES, name) ? (SERVICE_NAMES[name] as string) : serviceSynonym(name)))
    .map((name) => safeText(name, 40));
  return names.find((name) => !GIVES_WAY.has(name)) ?? names[0] ?? '';
}

interface History {
  readonly initiator: string;
  readonly responder: string;
  /** Gaps on either side: which side `missed_bytes` belong to. */
  readonly initiatorGap: boolean;
  readonly responderGap: boolean;
}

function historyOf(text: string): History {
  const flags = (s: string, h: string, a: string, f: string, r: string): string =>
    (text.includes(h) || text.includes(a) ? 'A' : '') +
    (text.includes(r) ? 'R' : '') +
    (text.includes(s) || text.includes(h) ? 'S' : '') +
    (text.includes(f) ? 'F' : '');
  return {
    initiator: flags('S', 'H', 'A', 'F', 'R'),
    responder: flags('s', 'h', 'a', 'f', 'r'),
    initiatorGap: text.includes('G'),
    responderGap: text.includes('g'),
  };
}

interface StateWords {
  readonly state: string;
  readonly outcome: string;
  readonly close: string;
}

function stateOf(text: string): StateWords {
  const known = Object.hasOwn(STATE_OUTCOME, text);
  return {
    state: known ? text : '',
    outcome: known ? (STATE_OUTCOME[text] as string) : 'unknown',
    close: text === 'SF' ? 'fin' : known && (text.startsWith('RST') || text === 'REJ') ? 'rst' : '',
  };
}

/** Fields of conn.log that are text. */
const CONN_FIELDS = [
  'uid',
  'proto',
  'ip_proto',
  'service',
  'history',
  'conn_state',
  'orig_l2_addr',
  'resp_l2_addr',
  'community_id',
] as const;

/** Positions of the fields of one head of conn.log, -1 where it has none. */
interface ConnPlan {
  readonly header: ZeekHeader;
  readonly at: Readonly<Record<(typeof CONN_FIELDS)[number], number>>;
  readonly initiator: number;
  readonly responder: number;
  /** Of `CONN_NUMBERS`. */
  readonly numbers: Int32Array;
  readonly extra: readonly number[];
}

/** Fields of conn.log that are numbers. */
const CONN_NUMBERS = [
  'ts',
  'duration',
  'id.orig_p',
  'id.resp_p',
  'orig_pkts',
  'resp_pkts',
  'orig_ip_bytes',
  'resp_ip_bytes',
  'orig_bytes',
  'resp_bytes',
  'missed_bytes',
  'vlan',
] as const;
const [TS, DURATION, ORIG_P, RESP_P, ORIG_PKTS, RESP_PKTS] = [0, 1, 2, 3, 4, 5];
const [ORIG_IP_BYTES, RESP_IP_BYTES, ORIG_BYTES, RESP_BYTES, MISSED, VLAN] = [6, 7, 8, 9, 10, 11];

function bare(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

/** What a log turned out to be. */
interface SeenLog {
  readonly log: ZeekLog;
  readonly path: string;
  readonly fields: readonly string[];
  /** A stream can't be opened again, so it stays open. */
  source: ByteSource | undefined;
  readonly size: number | undefined;
  readonly compression: string;
  readonly rotation: string;
}

/**
 * Opens the logs of one Zeek, in any order. Logs that hold no connections (weird, notice, stats, files ...) are named in the status and left aside; x509 serves ssl.
 * Rejects with a UserError where one of them is no Zeek log or can't be read at all.
 */
export async function openZeekFlows(logs: readonly ZeekLog[], options: ZeekFlowOptions): Promise<TableSource> {
  const seen: SeenLog[] = [];
  try {
    for (const log of logs) seen.push(await look(log));
  } catch (error) {
    for (const { source } of seen) source?.close();
    throw error;
  }
  return new ZeekFlows(seen, options);
}

async function look(log: ZeekLog): Promise<SeenLog> {
  const opened = await log.open();
  let peeked: { head: Uint8Array; source: ByteSource };
  try {
    peeked = await peekHead(opened);
  } catch (error) {
    opened.close();
    throw error;
  }
  const { head, source } = peeked;
  if (head.length > 0 && !looksLikeZeek(head)) {
    source.close();
    throw new UserError(
      `${log.name} is no Zeek log: it does not begin with #separator`,
      'give the logs of Zeek in its own format; JSON logs are read by themselves',
    );
  }
  // The first head alone: only what stands in it is promised.
  const tally = new RowTally();
  let given = false;
  const read = (into: Uint8Array): number => {
    if (given) return 0;
    given = true;
    into.set(head);
    return head.length;
  };
  const reader = new ZeekReader({ ...source, read, close: () => undefined }, tally);
  let row = -1;
  try {
    while (row < 0 && (await reader.load())) row = reader.row();
  } catch (error) {
    source.close();
    throw error;
  }
  const isStream = source.totalBytes === undefined;
  if (!isStream) source.close();
  return {
    log,
    path: reader.header?.path || logOfFile(log.name),
    fields: reader.header?.fields ?? [],
    source: isStream ? source : undefined,
    size: source.totalBytes,
    compression: source.compression,
    rotation: rotationOf(log.name),
  };
}

/** The log that a file without #path is by its name, '' where that is none of those that hold connections: `dns` of `dns.00:00:00-01:00:00.log.gz`. */
function logOfFile(name: string): string {
  const word = /^[a-z0-9_]+/.exec(path.basename(name).toLowerCase())?.[0] ?? '';
  return holdsConnections(word) ? word : '';
}

/** Whether the rows of a log of this #path are connections, or tell of some by themselves. A tunnel is none: it is told of beside the connections in it. */
export function holdsConnections(log: string): boolean {
  return log === 'conn' || (Object.hasOwn(PROTOCOLS, log) && log !== 'tunnel');
}

/** Whether a log in Zeek's own format gives flows by itself. `head` is its beginning, decompressed. */
export function zeekGivesFlows(head: Uint8Array, name: string): boolean {
  return holdsConnections(zeekPathOf(head) ?? logOfFile(name));
}

/** Folder and time of rotation of a log by its name, so that logs of one hour come together: 2023-01-05/ and 00:00:00-01:00:00 of 2023-01-05/conn.00:00:00-01:00:00.log.gz. */
export function rotationOf(name: string): string {
  const stamp = /^[^.]+[.](.*?\d.*?)[.]log(?:$|[.])/.exec(path.basename(name))?.[1] ?? '';
  return `${path.dirname(name)}/${stamp}`;
}

/** x509 before ssl, protocols before connections. */
function rankOf(seen: SeenLog): number {
  return seen.path === 'x509' ? 0 : seen.path === 'conn' ? 2 : 1;
}

/** The log that is being read. */
interface Current {
  readonly seen: SeenLog;
  readonly source: ByteSource;
  readonly reader: ZeekReader;
  plan: ConnPlan | undefined;
  /** From 1, in the order of reading. */
  readonly number: number;
}

interface Certificate {
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}

class ZeekFlows implements TableSource {
  readonly name: string;
  readonly format: string;
  readonly compression: string;
  readonly totalBytes: number | undefined;
  readonly schema;
  readonly gives: ReadonlySet<string>;
  readonly #queue: SeenLog[];
  readonly #aside: string[];
  readonly #out: FlowWriter;
  readonly #extra: readonly string[];
  readonly #maxJoined: number;
  readonly #hasConn: boolean;
  readonly #tally: RowTally;
  readonly #signal: AbortSignal | undefined;
  readonly #known = new Map<string, Known>();
  readonly #certificates = new Map<string, Certificate>();
  /** Connections of the conn logs, where there are several. */
  readonly #keys: KnownKeys | undefined;
  #logsOpened = 0;
  #repeated = 0;
  readonly #repeatedIn = new Set<string>();
  /** Records of protocols that name no connection, and connections of theirs that make no flow. */
  #unconnected = 0;
  #unplaced = 0;
  #letGo = 0;
  #certificatesLetGo = 0;
  #joined = 0;
  #alone = 0;
  #current: Current | undefined;
  #bytesDone = 0;
  #cut = false;
  #stopped = false;
  #notes: string[] = [];
  /** Which log a rejected line is of, where there are several. */
  #prefix = '';

  // Beginning and end of each field of the row in hand.
  #starts = new Int32Array(256);
  #ends = new Int32Array(256);
  #services = new Remembered(zeekService);
  #histories = new Remembered(historyOf);
  #states = new Remembered(stateOf);

  constructor(seen: readonly SeenLog[], options: ZeekFlowOptions) {
    const { batchRows = DEFAULT_BATCH_ROWS, onReject, extra = [], maxJoined = DEFAULT_MAX_JOINED, signal } = options;
    const paths = new Set(seen.map((s) => s.path));
    const useful = (s: SeenLog): boolean =>
      s.path === 'conn' || (s.path === 'x509' && paths.has('ssl')) || Object.hasOwn(PROTOCOLS, s.path);
    this.#queue = seen
      .filter(useful)
      .sort(
        (a, b) =>
          compare(a.rotation, b.rotation) ||
          rankOf(a) - rankOf(b) ||
          (a.path === 'conn' ? b.fields.length - a.fields.length : 0) ||
          compare(a.log.name, b.log.name),
      );
    this.#aside = [
      ...new Set(
        seen
          .filter((s) => !useful(s) && s.fields.length > 0)
          .map((s) => safeText(s.path || path.basename(s.log.name), 100)),
      ),
    ];
    this.#keys = seen.filter((s) => s.path === 'conn').length > 1 ? new KnownKeys() : undefined;
    for (const s of seen) if (!useful(s)) s.source?.close();
    this.#hasConn = paths.has('conn');
    this.#extra = extra.map(bare);
    this.#maxJoined = maxJoined;
    this.#signal = signal;
    this.#tally = new RowTally(onReject);
    this.name = seen.length === 1 ? (seen[0] as SeenLog).log.name : `${counted(seen.length, 'Zeek log')}`;
    this.format = this.#queue.length === 1 ? `zeek-${this.#queue[0]?.path}` : 'zeek';
    this.compression = seen.find((s) => s.compression !== '')?.compression ?? '';
    this.totalBytes = seen.every((s) => s.size !== undefined)
      ? this.#queue.reduce((sum, s) => sum + (s.size ?? 0), 0)
      : undefined;
    const gives = givenBy(this.#queue);
    const specs = extra.map(
      (name): ColumnSpec => ({
        name: Object.hasOwn(FLOW_COLUMN, name) ? `zeek.${name}` : name,
        kind: 'string',
        unit: '',
        meaning: `Column ${name} of conn.log.`,
      }),
    );
    this.#out = new FlowWriter(gives, { batchRows, extra: specs, decode: decodeZeekText });
    this.schema = this.#out.schema;
    this.gives = this.#out.gives;
  }

  async read(): Promise<Table | undefined> {
    const out = this.#out;
    while (!out.full) {
      if (this.#stopped || this.#signal?.aborted === true) break;
      if (this.#current === undefined && !(await this.#openNext())) {
        this.#writeAlone();
        break;
      }
      const current = this.#current;
      if (current === undefined) break;
      this.#take(current);
      if (out.full) break;
      if (out.rowCount > 0 && current.reader.lines.window.waiting) break;
      if (!(await current.reader.load())) this.#closeCurrent();
    }
    return out.rowCount > 0 ? out.finish() : undefined;
  }

  async #openNext(): Promise<boolean> {
    const seen = this.#queue.shift();
    if (seen === undefined) return false;
    const source = seen.source ?? (await seen.log.open());
    const several = this.#queue.length > 0 || this.#prefix !== '';
    this.#prefix = several ? `${safeText(path.basename(seen.log.name), 100)}: ` : '';
    const tally = new RowTally((reject) => this.#reject(reject));
    this.#logsOpened++;
    this.#current = { seen, source, reader: new ZeekReader(source, tally), plan: undefined, number: this.#logsOpened };
    return true;
  }

  #reject(reject: Reject): void {
    this.#tally.add(this.#prefix === '' ? reject : { ...reject, reason: this.#prefix + reject.reason });
  }

  #closeCurrent(): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    if (isCut(current.reader)) this.#cut = true;
    for (const note of zeekNotes(current.reader)) if (this.#notes.length < 20) this.#notes.push(this.#prefix + note);
    this.#bytesDone += current.source.bytesTaken();
    current.source.close();
  }

  /** The rows that are in the reader's hand. */
  #take(current: Current): void {
    const { reader, seen } = current;
    const out = this.#out;
    while (!out.full) {
      const i = reader.row();
      if (i < 0) return;
      const header = reader.header as ZeekHeader;
      const count = this.#split(reader, i, header);
      if (count !== header.fields.length) {
        this.#refuse(reader, i, `${counted(count, 'field')}, where #fields names ${header.fields.length}`);
        continue;
      }
      const log = header.path || seen.path;
      if (log === 'conn') {
        if (current.plan?.header !== header) current.plan = this.#plan(header);
        this.#conn(current, i, current.plan);
      } else this.#side(reader, i, header, log);
    }
  }

  #refuse(reader: ZeekReader, i: number, reason: string): void {
    const { lines } = reader;
    const from = lines.starts[i] as number;
    this.#reject({
      line: lines.firstLine + i,
      reason,
      bytes: lines.bytes.slice(from, Math.min(lines.ends[i] as number, from + 1024)),
    });
  }

  /** Where the fields are; an unset or empty one ends where it begins. Returns how many there are. */
  #split(reader: ZeekReader, i: number, { separator, unset, empty, fields }: ZeekHeader): number {
    const { lines } = reader;
    const { bytes } = lines;
    const end = lines.ends[i] as number;
    if (this.#starts.length < fields.length) {
      this.#starts = new Int32Array(2 * fields.length);
      this.#ends = new Int32Array(2 * fields.length);
    }
    const starts = this.#starts;
    const ends = this.#ends;
    const room = fields.length;
    const unsetFirst = unset.length > 0 ? (unset[0] as number) : -1;
    const emptyFirst = empty.length > 0 ? (empty[0] as number) : -1;
    let from = lines.starts[i] as number;
    let count = 0;
    let at = from;
    for (;;) {
      while (at < end && bytes[at] !== separator) at++;
      if (count < room) {
        const first = bytes[from] as number;
        const isMissing =
          (first === unsetFirst && isMark(bytes, from, at, unset)) ||
          (first === emptyFirst && isMark(bytes, from, at, empty));
        starts[count] = from;
        ends[count] = isMissing ? from : at;
      }
      count++;
      if (at >= end) return count;
      from = ++at;
    }
  }

  #plan(header: ZeekHeader): ConnPlan {
    const { fields } = header;
    const bares = fields.map(bare);
    return {
      header,
      at: Object.fromEntries(CONN_FIELDS.map((name) => [name, fields.indexOf(name)])) as ConnPlan['at'],
      initiator: fields.indexOf('id.orig_h'),
      responder: fields.indexOf('id.resp_h'),
      numbers: Int32Array.from(CONN_NUMBERS, (name) => fields.indexOf(name)),
      extra: this.#extra.map((name) => bares.indexOf(name)),
    };
  }

  /** Number of field `at`, NaN where it is unset; one that is none is remembered in `#bad`. */
  #number(bytes: Uint8Array, at: number, scale = 0): number {
    if (!this.#isSet(at)) return Number.NaN;
    const value = parseNumber(bytes, this.#starts[at] as number, this.#ends[at] as number, scale);
    if (Number.isNaN(value)) this.#bad = at;
    return value;
  }

  #bad = -1;

  /** The numbers of a row of conn.log, in the order of `CONN_NUMBERS`. */
  readonly #numbers = new Float64Array(CONN_NUMBERS.length);

  #readNumbers(bytes: Uint8Array, { numbers }: ConnPlan): void {
    const values = this.#numbers;
    const starts = this.#starts;
    const ends = this.#ends;
    for (let k = 0; k < numbers.length; k++) {
      const at = numbers[k] as number;
      const from = at < 0 ? 0 : (starts[at] as number);
      const to = at < 0 ? 0 : (ends[at] as number);
      values[k] = from === to ? Number.NaN : parseNumber(bytes, from, to, k < 2 ? 3 : 0);
      if (from !== to && Number.isNaN(values[k])) this.#bad = at;
    }
  }

  #conn(current: Current, i: number, plan: ConnPlan): void {
    const { reader } = current;
    const out = this.#out;
    const { bytes } = reader.lines;
    const starts = this.#starts;
    const ends = this.#ends;
    const { at } = plan;
    this.#bad = -1;
    this.#readNumbers(bytes, plan);
    const numbers = this.#numbers;
    if (!this.#isSet(plan.initiator) || !this.#isSet(plan.responder) || Number.isNaN(numbers[TS])) {
      this.#refuse(reader, i, this.#connFault(bytes, plan));
      return;
    }
    if (this.#bad >= 0) {
      this.#refuse(reader, i, this.#cellFault(plan.header, bytes, this.#bad, 'number'));
      return;
    }
    const i0 = starts[plan.initiator] as number;
    const i1 = ends[plan.initiator] as number;
    const r0 = starts[plan.responder] as number;
    const r1 = ends[plan.responder] as number;
    const initiatorPort = numbers[ORIG_P] as number;
    const responderPort = numbers[RESP_P] as number;
    const initiatorPackets = numbers[ORIG_PKTS] as number;
    const responderPackets = numbers[RESP_PKTS] as number;
    const missed = numbers[MISSED] as number;
    const row = out.addRow();
    const isNewA = out.bytes(C.initiator, row, bytes, i0, i1);
    const isNewB = out.bytes(C.responder, row, bytes, r0, r1);
    // Addresses come again and again: one is looked at when a batch first shows it, and all of them once one was none.
    if (
      ((isNewA || isNewB || this.#suspicious) && !(isAddressText(bytes, i0, i1) && isAddressText(bytes, r0, r1))) ||
      initiatorPort > 65_535 ||
      responderPort > 65_535
    ) {
      this.#suspicious = true;
      out.dropRow();
      this.#refuse(reader, i, this.#connFault(bytes, plan));
      return;
    }
    if (this.#keys !== undefined && this.#isSet(at.uid)) {
      const from = starts[at.uid] as number;
      if (this.#keys.isOfAnother(bytes, from, ends[at.uid] as number, numbers[TS] as number, current.number)) {
        out.dropRow();
        this.#repeated++;
        if (this.#repeatedIn.size < 20) this.#repeatedIn.add(path.basename(current.seen.log.name));
        // What its other log was joined with stands beside this one as well.
        if (this.#known.size > 0) this.#known.delete(this.#text(bytes, at.uid));
        return;
      }
    }
    const protocol = this.#protocol(bytes, at.proto, at.ip_proto, i0, i1);
    if (Number.isNaN(numbers[DURATION]) && initiatorPackets + responderPackets === 1) numbers[DURATION] = 0;
    out.put(C.startMs, row, numbers, TS);
    out.put(C.durationMs, row, numbers, DURATION);
    numbers[TS] = (numbers[TS] as number) + (numbers[DURATION] as number);
    out.put(C.endMs, row, numbers, TS);
    if (protocol >= 0) out.protocol(row, protocol);
    const isIcmp = protocol === PROTO.icmp || protocol === PROTO.icmpv6;
    if (isIcmp) {
      out.put(C.icmpType, row, numbers, ORIG_P);
      const paired = protocol === PROTO.icmp ? PAIRED_ICMP : PAIRED_ICMPV6;
      if (!paired.has(initiatorPort)) out.put(C.icmpCode, row, numbers, RESP_P);
    } else if (protocol === PROTO.tcp || protocol === PROTO.udp || protocol === PROTO.sctp) {
      out.put(C.initiatorPort, row, numbers, ORIG_P);
      out.put(C.responderPort, row, numbers, RESP_P);
    }
    // Who sent no packet sent no payload; Zeek leaves the cell unset.
    if (initiatorPackets === 0) numbers[ORIG_BYTES] = 0;
    if (responderPackets === 0) numbers[RESP_BYTES] = 0;
    out.put(C.initiatorPackets, row, numbers, ORIG_PKTS);
    out.put(C.responderPackets, row, numbers, RESP_PKTS);
    out.put(C.initiatorBytes, row, numbers, ORIG_IP_BYTES);
    out.put(C.responderBytes, row, numbers, RESP_IP_BYTES);
    out.put(C.initiatorPayloadBytes, row, numbers, ORIG_BYTES);
    out.put(C.responderPayloadBytes, row, numbers, RESP_BYTES);
    out.put(C.vlan, row, numbers, VLAN);
    if (at.orig_l2_addr >= 0) this.#copy(C.initiatorMac, row, bytes, at.orig_l2_addr);
    if (at.resp_l2_addr >= 0) this.#copy(C.responderMac, row, bytes, at.resp_l2_addr);
    if (at.community_id >= 0) this.#copy(C.communityId, row, bytes, at.community_id);

    const serviceAt = at.service;
    const service = this.#isSet(serviceAt)
      ? this.#services.of(bytes, starts[serviceAt] as number, ends[serviceAt] as number)
      : '';
    if (!isIcmp)
      out.service(row, protocol, initiatorPort, responderPort, ownDns(service, initiatorPort, responderPort));

    const historyAt = at.history;
    const history = this.#isSet(historyAt)
      ? this.#histories.of(bytes, starts[historyAt] as number, ends[historyAt] as number)
      : undefined;
    if (missed === 0 || history?.responderGap === false) out.number(C.responderMissingBytes, row, 0);
    else if (history?.initiatorGap === false) out.number(C.responderMissingBytes, row, missed);
    if (missed === 0 || history?.initiatorGap === false) out.number(C.initiatorMissingBytes, row, 0);
    else if (history?.responderGap === false) out.number(C.initiatorMissingBytes, row, missed);

    const stateAt = at.conn_state;
    const state = this.#isSet(stateAt)
      ? this.#states.of(bytes, starts[stateAt] as number, ends[stateAt] as number)
      : undefined;
    if (protocol === PROTO.tcp) {
      if (history !== undefined && history.initiator !== '') out.word(C.initiatorFlags, row, history.initiator);
      if (history !== undefined && history.responder !== '') out.word(C.responderFlags, row, history.responder);
      if (state !== undefined && state.state !== '') out.word(C.tcpState, row, state.state);
      if (state !== undefined && state.close !== '') out.word(C.closeReason, row, state.close);
      out.word(C.outcome, row, state?.outcome ?? 'unknown');
    } else if (Number.isNaN(initiatorPackets) || Number.isNaN(responderPackets)) {
      const said = state?.state;
      const isGroup = isGroupText(bytes, r0, r1);
      out.word(C.outcome, row, said === 'SF' ? 'answered' : said === 'S0' && !isGroup ? 'unanswered' : 'unknown');
    } else out.outcome(row, protocol, initiatorPackets, responderPackets, isGroupText(bytes, r0, r1), initiatorPort);

    for (let k = 0; k < plan.extra.length; k++) this.#copy(out.extraAt + k, row, bytes, plan.extra[k] as number);
    if (this.#known.size > 0 && this.#isSet(at.uid)) this.#join(row, this.#text(bytes, at.uid));
    out.finishRow(row);
    this.#tally.rows++;
  }

  #isSet(at: number): boolean {
    return at >= 0 && this.#starts[at] !== this.#ends[at];
  }

  #copy(column: number, row: number, bytes: Uint8Array, at: number): void {
    if (this.#isSet(at)) this.#out.bytes(column, row, bytes, this.#starts[at] as number, this.#ends[at] as number);
  }

  #text(bytes: Uint8Array, at: number): string {
    const from = this.#starts[at] as number;
    return decodeZeekText(bytes, from, Math.min(this.#ends[at] as number, from + 4 * MAX_TEXT)).slice(0, MAX_TEXT);
  }

  #suspicious = false;

  /** Why a row is no connection. */
  #connFault(bytes: Uint8Array, plan: ConnPlan): string {
    if (Number.isNaN(this.#numbers[TS])) return 'column ts holds no time';
    for (const [at, name] of [
      [plan.initiator, 'id.orig_h'],
      [plan.responder, 'id.resp_h'],
    ] as const) {
      if (!this.#isSet(at) || !isAddressText(bytes, this.#starts[at] as number, this.#ends[at] as number))
        return `column ${name} holds no address`;
    }
    return 'a port is above 65,535';
  }

  #cellFault(header: ZeekHeader, bytes: Uint8Array, at: number, what: string): string {
    const from = this.#starts[at] as number;
    const text = safeText(decodeText(bytes, from, Math.min(this.#ends[at] as number, from + 40)), 40);
    return `column ${header.fields[at]} is '${text}', which is no ${what}`;
  }

  /** IP protocol number, -1 where it is not known. */
  #protocol(bytes: Uint8Array, at: number, numberAt: number, addressFrom: number, addressTo: number): number {
    if (this.#isSet(at)) {
      const from = this.#starts[at] as number;
      const n = (this.#ends[at] as number) - from;
      const first = bytes[from];
      if (n === 3 && first === 0x74) return PROTO.tcp;
      if (n === 3 && first === 0x75) return PROTO.udp;
      const isV6 = hasColon(bytes, addressFrom, addressTo);
      const protocol = protocolByName(decodeText(bytes, from, Math.min(from + n, from + 40)), isV6);
      if (protocol >= 0) return protocol;
    }
    const number = this.#isSet(numberAt) ? this.#number(bytes, numberAt) : Number.NaN;
    return number >= 0 && number < 256 ? number : -1;
  }

  #join(row: number, uid: string): void {
    const known = this.#known.get(uid);
    if (known === undefined) return;
    this.#known.delete(uid);
    this.#joined++;
    this.#writeFacts(row, known);
  }

  #writeFacts(row: number, known: Known): void {
    for (const [column, value] of known.facts) this.#out.fill(column, row, value);
    if (known.operations.length > 0) this.#out.fill(C.operations, row, known.operations.join(', '));
  }

  #side(reader: ZeekReader, i: number, header: ZeekHeader, log: string): void {
    const { bytes } = reader.lines;
    const { fields } = header;
    const cell: Cell = (field) => {
      const at = fields.indexOf(field);
      return this.#isSet(at) ? this.#text(bytes, at) : undefined;
    };
    if (log === 'x509') {
      this.#certificate(cell);
      return;
    }
    const protocol = Object.hasOwn(PROTOCOLS, log) ? PROTOCOLS[log] : undefined;
    if (protocol === undefined) {
      this.#unconnected++;
      return;
    }
    this.#bad = -1;
    const startMs = this.#number(bytes, fields.indexOf('ts'), 3);
    if (Number.isNaN(startMs)) {
      this.#refuse(reader, i, 'column ts holds no time');
      return;
    }
    const uids = cell('uid') ?? cell('uids');
    // A tunnel and some events of protocols have no connection of their own.
    if (uids === undefined) {
      this.#unconnected++;
      return;
    }
    const named = uids.split(',').slice(0, 16);
    if (!this.#hasConn && !named.some((uid) => this.#known.has(uid))) {
      // No conn.log will say what the record does not.
      const [initiator, responder] = endsOf(cell);
      if (initiator === '' || responder === '') {
        const [first, second] = log === 'dhcp' ? ['client_addr', 'server_addr'] : ['id.orig_h', 'id.resp_h'];
        this.#refuse(reader, i, `column ${initiator === '' ? first : second} holds no address`);
        return;
      }
    }
    for (const uid of named) {
      let known = this.#known.get(uid);
      if (known === undefined) {
        known = this.#newKnown(uid, cell, protocol, startMs);
        if (known === undefined) continue;
      }
      known.startMs = Math.min(known.startMs, startMs);
      known.endMs = Math.max(known.endMs, startMs);
      this.#learn(known, protocol, cell);
    }
  }

  #newKnown(uid: string, cell: Cell, protocol: Protocol, startMs: number): Known | undefined {
    const [initiator, responder] = endsOf(cell);
    // Where a full batch is in hand nothing can be written: it waits for the next row.
    if (this.#known.size >= this.#maxJoined && !(this.#out.full && !this.#hasConn)) {
      const oldest = this.#known.entries().next().value;
      if (oldest !== undefined) {
        this.#known.delete(oldest[0]);
        // Without a conn.log there is no line to wait for: it is as whole as it gets.
        if (this.#hasConn) this.#letGo++;
        else this.#writeKnown(oldest[1]);
      }
    }
    const port = (field: string): number => {
      const value = numberOf(cell(field));
      return value !== undefined && value >= 0 && value <= 65_535 ? value : Number.NaN;
    };
    const initiatorPort = port('id.orig_p');
    const responderPort = port('id.resp_p');
    const known: Known = {
      facts: new Map(),
      operations: [],
      told: [],
      startMs,
      endMs: startMs,
      initiator,
      responder,
      initiatorPort,
      responderPort,
      protocol: cell('proto') ?? protocol.transport,
      service: protocol.service,
    };
    this.#known.set(uid, known);
    return known;
  }

  #learn(known: Known, protocol: Protocol, cell: Cell): void {
    const { facts } = known;
    const set = (column: FlowColumnName, value: string | number | undefined): void => {
      if (value === undefined || value === '' || !this.#out.has(C[column])) return;
      if (column === 'operations') this.#operation(known, String(value));
      else if (!facts.has(C[column])) facts.set(C[column], value);
    };
    if (protocol.service !== '' && (known.service === '' || GIVES_WAY.has(known.service)))
      known.service = protocol.service;
    const isFirst = !known.told.includes(protocol);
    if (isFirst) known.told.push(protocol);
    if (isFirst || protocol.once !== true) {
      for (const [field, column] of Object.entries(protocol.texts ?? {}))
        if (column !== undefined) set(column, cell(field));
      protocol.note?.(cell, set);
    } else if (protocol.further !== undefined)
      for (const text of protocol.further(cell, (column) => String(facts.get(C[column]) ?? '')))
        set('operations', text);
    if (protocol.service === 'tls') this.#learnCertificate(set, cell);
    if (protocol.login !== undefined) {
      const success = cell(protocol.login);
      if (success !== undefined) set('login', success === 'T' ? 'accepted' : success === 'F' ? 'refused' : undefined);
    }
    if (protocol.operation !== undefined) {
      const words = protocol.operation.map(cell).filter((word) => word !== undefined);
      if (words.length > 0) set('operations', words.join(' '));
    }
  }

  #operation(known: Known, text: string): void {
    const { operations } = known;
    if (operations.length < MAX_OPERATIONS && !operations.includes(text)) operations.push(text.slice(0, 256));
  }

  #certificate(cell: Cell): void {
    // Since Zeek 4.1 ssl.log names certificates by fingerprint, before it by the id of the file.
    const key = cell('fingerprint') ?? cell('id');
    if (key === undefined || this.#certificates.has(key)) return;
    if (this.#certificates.size >= MAX_CERTIFICATES) {
      const oldest = this.#certificates.keys().next().value;
      if (oldest !== undefined) this.#certificates.delete(oldest);
      this.#certificatesLetGo++;
    }
    this.#certificates.set(key, {
      subject: commonName(cell('certificate.subject')),
      issuer: commonName(cell('certificate.issuer')),
      fromMs: timeMs(cell('certificate.not_valid_before')),
      toMs: timeMs(cell('certificate.not_valid_after')),
    });
  }

  #learnCertificate(set: (column: FlowColumnName, value: string | number | undefined) => void, cell: Cell): void {
    const chain = cell('cert_chain_fps') ?? cell('cert_chain_fuids');
    const certificate = chain === undefined ? undefined : this.#certificates.get(chain.split(',', 1)[0] as string);
    if (certificate === undefined) return;
    set('certificateSubject', certificate.subject);
    set('certificateIssuer', certificate.issuer);
    set('certificateFromMs', certificate.fromMs);
    set('certificateToMs', certificate.toMs);
  }

  /** The connections that no conn.log told of, in the order in which they were first seen. */
  #writeAlone(): void {
    for (const [uid, known] of this.#known) {
      if (this.#out.full) return;
      this.#known.delete(uid);
      this.#writeKnown(known);
    }
  }

  #writeKnown(known: Known): void {
    // A tunnel is no connection: it only tells of one.
    if (known.initiator === '' || known.responder === '' || (known.service === '' && known.protocol === '')) {
      this.#unplaced++;
      return;
    }
    const out = this.#out;
    const row = out.addRow();
    const protocol = protocolByName(known.protocol, known.initiator.includes(':'));
    out.number(C.startMs, row, known.startMs);
    // The last thing that was told of it; how long it went on nobody knows.
    if (known.endMs > known.startMs) out.number(C.endMs, row, known.endMs);
    if (protocol >= 0) out.protocol(row, protocol);
    out.text(C.initiator, row, known.initiator);
    out.text(C.responder, row, known.responder);
    out.number(C.initiatorPort, row, known.initiatorPort);
    out.number(C.responderPort, row, known.responderPort);
    const service = ownDns(known.service, known.initiatorPort, known.responderPort);
    out.service(row, protocol, known.initiatorPort, known.responderPort, service);
    this.#writeFacts(row, known);
    out.word(C.outcome, row, 'unknown');
    out.finishRow(row);
    this.#alone++;
    this.#tally.rows++;
  }

  bytesTaken(): number {
    return this.#bytesDone + (this.#current?.source.bytesTaken() ?? 0);
  }

  status() {
    const notes = [...this.#notes];
    if (this.#current !== undefined) notes.push(...zeekNotes(this.#current.reader));
    if (this.#aside.length > 0)
      notes.push(`left aside, because they hold no connections: ${this.#aside.slice(0, 20).join(', ')}`);
    if (this.#hasConn && this.#alone > 0)
      notes.push(
        `${counted(this.#alone, 'connection')} of other logs in no conn.log, given as flows without packets and bytes`,
      );
    if (this.#repeated > 0)
      notes.push(
        `${counted(this.#repeated, 'connection')} in more than one conn.log, counted once (left out of ${[...this.#repeatedIn].map((name) => safeText(name, 100)).join(', ')})`,
      );
    const forgotten = this.#keys?.forgotten ?? 0;
    if (forgotten > 0)
      notes.push(
        `${counted(forgotten, 'connection')} no longer known when later logs were read: one of them that stood there too was counted again`,
      );
    if (this.#unconnected > 0)
      notes.push(
        `${counted(this.#unconnected, 'record')} that ${this.#unconnected === 1 ? 'names' : 'name'} no connection, left out`,
      );
    if (this.#unplaced > 0)
      notes.push(
        `${counted(this.#unplaced, 'connection')} of other logs in no conn.log and without two addresses and a protocol, left out`,
      );
    if (this.#letGo > 0)
      notes.push(
        `what other logs know of ${counted(this.#letGo, 'connection')} was let go before conn.log told of them (${humanCount(this.#maxJoined)} may wait)`,
      );
    if (this.#certificatesLetGo > 0)
      notes.push(
        `${counted(this.#certificatesLetGo, 'certificate')} let go (${humanCount(MAX_CERTIFICATES)} are remembered)`,
      );
    const { rows, rejected, rejects } = this.#tally;
    const state: 'whole' | 'cut' = this.#cut ? 'cut' : 'whole';
    return { rows, rejected, rejects, state, ...(notes.length > 0 ? { message: notes.join('; ') } : {}) };
  }

  /** Connections that other logs had something to say of. */
  get joined(): number {
    return this.#joined;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#current?.source.stop?.();
  }

  close(): void {
    this.#current?.source.close();
    this.#current = undefined;
    for (const { source } of this.#queue) source?.close();
    this.#queue.length = 0;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Addresses of the two ends as a log of a protocol names them, '' for what is none. */
function endsOf(cell: Cell): [initiator: string, responder: string] {
  const address = (text = ''): string => {
    const bytes = Buffer.from(text);
    return isAddressText(bytes, 0, bytes.length) ? text : '';
  };
  return [
    address(cell('id.orig_h') ?? cell('client_addr') ?? cell('assigned_addr')),
    address(cell('id.resp_h') ?? cell('server_addr')),
  ];
}

/** mDNS and LLMNR are `dns` to Zeek. */
function ownDns(service: string, initiatorPort: number, responderPort: number): string {
  return service === 'dns' && isDnsPort(responderPort) ? dnsService(responderPort, initiatorPort) : service;
}

/** Flow columns that these logs have fields for. */
function givenBy(logs: readonly SeenLog[]): Set<FlowColumnName> {
  const gives = new Set<FlowColumnName>();
  for (const { path: log, fields } of logs) {
    if (log === 'conn') {
      for (const field of fields) for (const column of CONN_GIVES[field] ?? []) gives.add(column);
      continue;
    }
    const protocol = Object.hasOwn(PROTOCOLS, log) ? PROTOCOLS[log] : undefined;
    if (protocol === undefined) continue;
    for (const column of ['initiatorPort', 'responderPort', 'endMs', 'service', 'serviceBasis', 'portService'] as const)
      gives.add(column);
    for (const [field, column] of Object.entries(protocol.texts ?? {}))
      if (column !== undefined && fields.includes(field)) gives.add(column);
    for (const column of protocol.notes ?? []) gives.add(column);
    if (protocol.operation?.some((field) => fields.includes(field)) || protocol.further !== undefined)
      gives.add('operations');
    if (protocol.login !== undefined && fields.includes(protocol.login)) gives.add('login');
  }
  return gives;
}
