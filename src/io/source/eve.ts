import {
  ColumnWriter,
  counted,
  decodeText,
  parseNumber,
  parseTime,
  safeText,
  type Table,
  TextDictionary,
  type TimeShape,
  UserError,
} from '../../core/index.ts';
import { FLOW_COLUMN, FLOW_SCHEMA, type FlowColumnName, type FlowFacts, tcpState } from '../../flow/index.ts';
import {
  formatIpv4,
  formatIpv6,
  formatTcpFlags,
  PROTO,
  parseAddress,
  protocolName,
  serviceByPort,
} from '../../wire/index.ts';
import type { ByteSource } from './input.ts';
import { JsonFeed, jsonLayout, plainHead } from './json-feed.ts';
import {
  JsonScanner,
  LEAF_ARRAY,
  LEAF_ESCAPED,
  LEAF_NULL,
  LEAF_NUMBER,
  LEAF_OBJECT,
  LEAF_TEXT,
  LEAF_TRUE,
} from './json-record.ts';
import { peekHead } from './lines.ts';
import {
  DEFAULT_BATCH_ROWS,
  MAX_REJECTS_SHOWN,
  type Reject,
  type TableOpenOptions,
  type TableSource,
  type TableStatus,
} from './table-source.ts';

/**
 * Suricata's EVE log (docs.suricata.io, "Eve JSON Format") as flows.
 *
 * A `flow` event comes at the end of a flow and becomes a row; what the events before it said of the same flow_id (dns in the layouts of versions 1, 2 and 3, tls, quic, http, ssh, smb, krb5,
 * mqtt, dhcp, ftp, smtp, rdp, rfb, sip, tftp, snmp, fileinfo, alert) goes into its columns. Two `netflow` events, one for each direction, are a row where the log has no flow events. A flow
 * that is spoken of and never ends in the log is a row of what was said. Alerts are kept beside the rows: see `EveSource.alerts`.
 *
 * Bytes are Suricata's: it counts the length of each packet with its link header (flow.c, GET_PKT_LEN), as our columns do; of what came through a tunnel, the inner packet.
 * The initiator is Suricata's client. Flags of a side are those of the packets that its stream engine tracked. What EVE has not (times between packets, payload bytes, retransmissions,
 * first bytes) is missing.
 *
 * Bounded: facts of `MAX_PENDING` flows wait for their flow event. Beyond, the oldest becomes a row at once where the log had no flow event so far; where it has them, its facts are let go and
 * counted, because a second row for the same flow would be worse than one without names.
 */

const MAX_PENDING = 65_536;
/** Groups of alerts, by signature, addresses and port, that are kept; events of further ones are counted. */
const MAX_ALERTS = 10_000;
/** Records behind which a pair of netflow events waits no longer for a flow event of the same flow. */
const NETFLOW_WAIT = 256;
/** Records that are read before it is said which columns there are. */
const SAMPLE_RECORDS = 2000;
const BATCH_BYTES = 16 << 20;
const MAX_TEXT = 1024;
const MAX_REQUEST = 256;
const MAX_OPERATIONS = 16;
const MAX_OPERATION = 80;
const MAX_MICROSECONDS = 8.64e15;
const ALERT_TEXT = 256;

/** What Suricata says that it found: events of one signature between the same hosts, on the same port, as one. */
export interface EveAlert {
  readonly gid: number;
  /** Signature id. */
  readonly sid: number;
  readonly rev: number | undefined;
  /** Text of the rule's author; at most 256 characters. */
  readonly signature: string;
  readonly category: string | undefined;
  /** Priority of the rule: 1 is the most severe, 4 the least. */
  readonly severity: number | undefined;
  /** allowed or blocked. */
  readonly action: string | undefined;
  /** ATT&CK techniques that the rule's metadata names, such as T1110. */
  readonly techniques: readonly string[];
  /** As in the flow table: tcp, udp ... */
  readonly protocol: string | undefined;
  /** Sender and receiver of the packet that was alerted on. */
  readonly src: string;
  readonly srcPort: number | undefined;
  readonly dst: string;
  readonly dstPort: number | undefined;
  readonly communityId: string | undefined;
  /** Events of this kind, and the times of the first and the last, epoch ms. */
  count: number;
  firstMs: number;
  lastMs: number;
}

export interface EveSource extends TableSource {
  /** Alerts so far, in the order in which they first came; at most 10,000 kinds. */
  alerts(): readonly EveAlert[];
  /** Alert events that were of further kinds. */
  alertsLeftOut(): number;
  /** Events so far by type, at most 64 types. */
  events(): ReadonlyMap<string, number>;
}

const EVENT_KEY = Buffer.from('"event_type"');
const TIME_KEY = Buffer.from('"timestamp"');

/** True for JSON whose first records have an `event_type` and a `timestamp`. `head` is the first 64 KiB. */
export function looksLikeEve(head: Uint8Array): boolean {
  if (jsonLayout(head) === undefined) return false;
  const bytes = Buffer.from(plainHead(head));
  return bytes.includes(EVENT_KEY) && bytes.includes(TIME_KEY);
}

/** Fields that are looked at, by their path in the event. */
const FIELDS = {
  timestamp: ['timestamp'],
  flowId: ['flow_id'],
  eventType: ['event_type'],
  srcIp: ['src_ip'],
  srcPort: ['src_port'],
  destIp: ['dest_ip'],
  destPort: ['dest_port'],
  proto: ['proto'],
  appProto: ['app_proto'],
  icmpType: ['icmp_type'],
  icmpCode: ['icmp_code'],
  vlan: ['vlan'],
  communityId: ['community_id'],
  direction: ['direction'],
  srcMac: ['ether', 'src_mac'],
  destMac: ['ether', 'dest_mac'],
  srcMacs: ['ether', 'src_macs'],
  destMacs: ['ether', 'dest_macs'],
  flowStart: ['flow', 'start'],
  flowEnd: ['flow', 'end'],
  flowState: ['flow', 'state'],
  flowReason: ['flow', 'reason'],
  pktsToServer: ['flow', 'pkts_toserver'],
  pktsToClient: ['flow', 'pkts_toclient'],
  bytesToServer: ['flow', 'bytes_toserver'],
  bytesToClient: ['flow', 'bytes_toclient'],
  flowSrcIp: ['flow', 'src_ip'],
  flowSrcPort: ['flow', 'src_port'],
  flowDestIp: ['flow', 'dest_ip'],
  flowDestPort: ['flow', 'dest_port'],
  netflowPkts: ['netflow', 'pkts'],
  netflowBytes: ['netflow', 'bytes'],
  netflowStart: ['netflow', 'start'],
  netflowEnd: ['netflow', 'end'],
  tcpFlags: ['tcp', 'tcp_flags'],
  tcpFlagsTs: ['tcp', 'tcp_flags_ts'],
  tcpFlagsTc: ['tcp', 'tcp_flags_tc'],
  tunnelSrc: ['tunnel', 'src_ip'],
  tunnelDest: ['tunnel', 'dest_ip'],
  dnsType: ['dns', 'type'],
  dnsRrname: ['dns', 'rrname'],
  dnsRrtype: ['dns', 'rrtype'],
  dnsRcode: ['dns', 'rcode'],
  dnsRdata: ['dns', 'rdata'],
  dnsTtl: ['dns', 'ttl'],
  dnsAnswers: ['dns', 'answers'],
  dnsGrouped: ['dns', 'grouped'],
  dnsQueries: ['dns', 'queries'],
  dnsQuery: ['dns', 'query'],
  dnsAnswer: ['dns', 'answer'],
  tlsSni: ['tls', 'sni'],
  tlsVersion: ['tls', 'version'],
  tlsSubject: ['tls', 'subject'],
  tlsIssuer: ['tls', 'issuerdn'],
  tlsFrom: ['tls', 'notbefore'],
  tlsTo: ['tls', 'notafter'],
  tlsJa3: ['tls', 'ja3', 'hash'],
  tlsJa3s: ['tls', 'ja3s', 'hash'],
  tlsJa4: ['tls', 'ja4'],
  tlsClientAlpns: ['tls', 'client_alpns'],
  tlsServerAlpns: ['tls', 'server_alpns'],
  quicSni: ['quic', 'sni'],
  quicUa: ['quic', 'ua'],
  quicJa3: ['quic', 'ja3', 'hash'],
  quicJa4: ['quic', 'ja4'],
  httpHost: ['http', 'hostname'],
  httpUrl: ['http', 'url'],
  httpMethod: ['http', 'http_method'],
  httpStatus: ['http', 'status'],
  httpAgent: ['http', 'http_user_agent'],
  httpServer: ['http', 'server'],
  sshClient: ['ssh', 'client', 'software_version'],
  sshServer: ['ssh', 'server', 'software_version'],
  smbCommand: ['smb', 'command'],
  smbStatus: ['smb', 'status'],
  smbShare: ['smb', 'share'],
  smbFile: ['smb', 'filename'],
  smbDialect: ['smb', 'dialect'],
  smbDisposition: ['smb', 'disposition'],
  smbUser: ['smb', 'ntlmssp', 'user'],
  smbHost: ['smb', 'ntlmssp', 'host'],
  smbClientOs: ['smb', 'request', 'native_os'],
  smbServerOs: ['smb', 'response', 'native_os'],
  krbType: ['krb5', 'msg_type'],
  krbName: ['krb5', 'cname'],
  krbService: ['krb5', 'sname'],
  krbError: ['krb5', 'error_code'],
  krbEncryption: ['krb5', 'encryption'],
  krbFailed: ['krb5', 'failed_request'],
  krbWeak: ['krb5', 'weak_encryption'],
  mqttClient: ['mqtt', 'connect', 'client_id'],
  mqttUser: ['mqtt', 'connect', 'username'],
  mqttReturn: ['mqtt', 'connack', 'return_code'],
  mqttTopic: ['mqtt', 'publish', 'topic'],
  mqttTopics: ['mqtt', 'subscribe', 'topics'],
  dhcpType: ['dhcp', 'dhcp_type'],
  dhcpHostname: ['dhcp', 'hostname'],
  dhcpMac: ['dhcp', 'client_mac'],
  dhcpVendor: ['dhcp', 'vendor_class_identifier'],
  ftpCommand: ['ftp', 'command'],
  ftpData: ['ftp', 'command_data'],
  ftpCodes: ['ftp', 'completion_code'],
  smtpHelo: ['smtp', 'helo'],
  smtpFrom: ['smtp', 'mail_from'],
  smtpTo: ['smtp', 'rcpt_to'],
  rdpCookie: ['rdp', 'cookie'],
  rdpClient: ['rdp', 'client', 'client_name'],
  rdpBuild: ['rdp', 'client', 'build'],
  rdpReason: ['rdp', 'reason'],
  rfbResult: ['rfb', 'authentication', 'security-result'],
  sipMethod: ['sip', 'method'],
  sipUri: ['sip', 'uri'],
  tftpPacket: ['tftp', 'packet'],
  tftpFile: ['tftp', 'file'],
  snmpPdu: ['snmp', 'pdu_type'],
  snmpUser: ['snmp', 'usm'],
  fileName: ['fileinfo', 'filename'],
  alertSid: ['alert', 'signature_id'],
  alertGid: ['alert', 'gid'],
  alertRev: ['alert', 'rev'],
  alertSignature: ['alert', 'signature'],
  alertCategory: ['alert', 'category'],
  alertSeverity: ['alert', 'severity'],
  alertAction: ['alert', 'action'],
  alertTechniques: ['alert', 'metadata', 'mitre_technique_id'],
  alertMitre: ['alert', 'metadata', 'mitre_attack'],
} as const;

type FieldName = keyof typeof FIELDS;
const FIELD_NAMES = Object.keys(FIELDS) as FieldName[];
/** Number of each field. */
const F = Object.fromEntries(FIELD_NAMES.map((name, i) => [name, i])) as Record<FieldName, number>;

/** What is large and says nothing for flows. */
const UNWANTED = [
  ['stats'],
  ['packet'],
  ['payload'],
  ['payload_printable'],
  ['metadata'],
  ['engine'],
  ['verdict'],
] as const;

/** Suricata's names of application protocols where ours are others. */
const SERVICES: Readonly<Record<string, string>> = {
  http1: 'http',
  http2: 'http',
  krb5: 'kerberos',
  'krb5-tcp': 'kerberos',
  rfb: 'vnc',
  ikev1: 'ike',
  ikev2: 'ike',
  'bittorrent-dht': 'bittorrent',
  pgsql: 'postgresql',
  msn: 'msnp',
};

const C = FLOW_COLUMN;
const SAID_NOTHING = new Set(['failed', 'unknown', '']);

/** What Suricata logs of a flow only with the counters of `flow` events, `netflow` events, or the flow object of alerts. */
const COUNTED: readonly FlowColumnName[] = [
  'initiatorPackets',
  'responderPackets',
  'initiatorBytes',
  'responderBytes',
  'outcome',
];
const OF_FLOW_EVENTS: readonly FlowColumnName[] = ['initiatorFlags', 'responderFlags', 'tcpState', 'closeReason'];
const OF_ALL: readonly FlowColumnName[] = [
  'id',
  'startMs',
  'endMs',
  'durationMs',
  'protocol',
  'initiator',
  'initiatorPort',
  'responder',
  'responderPort',
  'icmpType',
  'icmpCode',
  'vlan',
  'initiatorMac',
  'responderMac',
  'service',
  'serviceBasis',
  'portService',
  'serverName',
  'alpn',
  'tlsVersion',
  'ja3',
  'ja3s',
  'ja4',
  'certificateSubject',
  'certificateIssuer',
  'certificateFromMs',
  'certificateToMs',
  'httpHost',
  'httpRequest',
  'httpStatus',
  'dnsQuery',
  'dnsType',
  'dnsRcode',
  'dnsAnswers',
  'dnsTtl',
  'client',
  'server',
  'hostname',
  'user',
  'login',
  'operations',
  'communityId',
  'outerInitiator',
  'outerResponder',
];

/** Texts of bytes, made once for those that come again: event types, protocols, addresses, names. Begun anew when it is full. */
class RepeatedTexts {
  #known = new TextDictionary();
  #texts: string[] = [];
  #bytes = 0;

  of(bytes: Uint8Array, from: number, to: number): string {
    // Long texts hardly ever come again.
    if (to - from > LONG_TEXT) return decodeText(bytes, from, to);
    if (this.#texts.length >= MAX_REPEATED || this.#bytes >= MAX_REPEATED_BYTES) {
      this.#known = new TextDictionary();
      this.#texts = [];
      this.#bytes = 0;
    }
    const code = this.#known.code(bytes, from, to);
    if (code === this.#texts.length) {
      this.#texts.push(decodeText(bytes, from, to));
      this.#bytes += to - from;
    }
    return this.#texts[code]!;
  }
}

const LONG_TEXT = 64;
const MAX_REPEATED = 32_768;
const MAX_REPEATED_BYTES = 1 << 20;

/** What is known of a flow before its flow event. */
interface Pending {
  src: string;
  srcPort: number | undefined;
  dst: string;
  dstPort: number | undefined;
  protocol: string | undefined;
  /** Whether Suricata said who the client is: the packet of an alert goes either way. */
  isOriented: boolean;
  icmpType: number | undefined;
  icmpCode: number | undefined;
  vlan: number | undefined;
  srcMac: string | undefined;
  dstMac: string | undefined;
  outerSrc: string | undefined;
  outerDst: string | undefined;
  communityId: string | undefined;
  appProto: string | undefined;
  firstMs: number;
  lastMs: number;
  packets: [number, number] | undefined;
  bytes: [number, number] | undefined;
  /** Directions of netflow events that came. */
  netflow: number;
  flags: [number, number] | undefined;
  facts: FlowFacts;
  operationCount: number;
  /** Whether the answers belong to the first question. */
  answersDone: boolean;
}

/**
 * Opens EVE logs of one sensor, in the order of time, as one source of flows: several where the log was rotated. Rejects with a UserError where the first cannot be read.
 */
export async function openEve(sources: readonly ByteSource[], options: TableOpenOptions): Promise<EveSource> {
  if (sources.length === 0) throw new UserError('no EVE log was given', 'name one or more files');
  const reader = new EveReader(sources, options);
  await reader.begin();
  return reader;
}

class EveReader implements EveSource {
  readonly name: string;
  readonly format = 'eve';
  readonly compression: string;
  readonly totalBytes: number | undefined;
  readonly schema = FLOW_SCHEMA;
  gives: ReadonlySet<string> = new Set(OF_ALL);
  readonly stop?: () => Promise<void>;

  readonly #sources: readonly ByteSource[];
  readonly #options: TableOpenOptions;
  readonly #scanner = new JsonScanner();
  #next = 0;
  #feed: JsonFeed | undefined;
  readonly #done: TableStatus[] = [];
  #takenBefore = 0;
  #closed = false;

  readonly #fieldOf: Int32Array;
  /** Leaf of each field in the record at hand, -1 where it has none. */
  readonly #leafOf = new Int32Array(FIELD_NAMES.length);
  readonly #writer: ColumnWriter;
  readonly #pending = new Map<number | string, Pending>();
  /** Pairs of netflow events that are whole, with the record behind which they are rows. */
  #ready: { key: number | string; at: number }[] = [];
  /** Rows that wait for room in the batch. */
  #overflow: Pending[] = [];
  readonly #alerts = new Map<string, EveAlert>();
  readonly #events = new Map<string, number>();
  readonly #texts = new RepeatedTexts();
  readonly #addresses = new Map<string, string>();
  readonly #protocols = new Map<string, string>();
  readonly #shape: TimeShape = { zoneless: false };
  #alertsLeftOut = 0;
  #factsLeftOut = 0;
  #netflowLeftOut = 0;
  #records = 0;
  #rows = 0;
  #id = 0;
  #flowEvents = 0;
  #sawCounts = false;
  #sawFlow = false;
  #size = 0;
  #ended = false;

  constructor(sources: readonly ByteSource[], options: TableOpenOptions) {
    this.#sources = sources;
    this.#options = options;
    const [first] = sources;
    this.name = sources.length === 1 ? first!.name : `${first!.name} and ${sources.length - 1} more`;
    this.compression = first!.compression;
    this.totalBytes = sources.every((s) => s.totalBytes !== undefined)
      ? sources.reduce((sum, s) => sum + (s.totalBytes ?? 0), 0)
      : undefined;
    if (sources.some((s) => s.stop !== undefined))
      this.stop = async () => {
        for (const s of sources) await s.stop?.();
      };
    const scanner = this.#scanner;
    const nodes = FIELD_NAMES.map((name) => scanner.node(...FIELDS[name]));
    for (const path of UNWANTED) scanner.ignore(scanner.node(...path));
    scanner.keepWhole(nodes[F.dnsGrouped]!);
    this.#fieldOf = new Int32Array(8192).fill(-1);
    nodes.forEach((node, i) => {
      this.#fieldOf[node] = i;
    });
    this.#writer = new ColumnWriter(
      FLOW_SCHEMA,
      options.batchRows ?? DEFAULT_BATCH_ROWS,
      new Set([...OF_ALL, ...COUNTED, ...OF_FLOW_EVENTS]),
    );
  }

  /** Reads so much that it can be said which columns there are. */
  async begin(): Promise<void> {
    await this.#open();
    await this.#advance(SAMPLE_RECORDS);
    const gives = new Set<string>(OF_ALL);
    if (this.#sawCounts || this.#records === 0) for (const name of COUNTED) gives.add(name);
    if (this.#sawFlow || this.#records === 0) for (const name of OF_FLOW_EVENTS) gives.add(name);
    this.gives = gives;
  }

  async read(): Promise<Table | undefined> {
    if (this.#closed) return undefined;
    await this.#advance(Number.POSITIVE_INFINITY);
    this.#size = 0;
    if (this.#writer.rowCount === 0) return undefined;
    this.#rows += this.#writer.rowCount;
    return this.#writer.finish();
  }

  bytesTaken(): number {
    return this.#takenBefore + (this.#feed?.source.bytesTaken() ?? 0);
  }

  alerts(): readonly EveAlert[] {
    return [...this.#alerts.values()];
  }

  alertsLeftOut(): number {
    return this.#alertsLeftOut;
  }

  events(): ReadonlyMap<string, number> {
    return this.#events;
  }

  status(): TableStatus {
    const parts = [...this.#done, ...(this.#feed === undefined ? [] : [this.#feed.status(0)])];
    const said = parts.flatMap(({ message }, i) =>
      message === undefined ? [] : [parts.length > 1 ? `${this.#sources[i]?.name}: ${message}` : message],
    );
    if (this.#shape.zoneless) said.push('times without a zone were taken as UTC');
    if (this.#factsLeftOut > 0)
      said.push(
        `what ${counted(this.#factsLeftOut, 'flow')} said was let go before the flow ended, to hold no more than 65,536`,
      );
    if (this.#alertsLeftOut > 0) said.push(`${counted(this.#alertsLeftOut, 'alert')} beyond 10,000 kinds left out`);
    if (this.#netflowLeftOut > 0)
      said.push(`${counted(this.#netflowLeftOut, 'netflow event')} left out, as flow events tell of the same flows`);
    const rejects: Reject[] = parts.flatMap((part) => part.rejects).slice(0, MAX_REJECTS_SHOWN);
    return {
      rows: this.#rows,
      rejected: parts.reduce((sum, part) => sum + part.rejected, 0),
      rejects,
      state: parts.some(({ state }) => state === 'cut') ? 'cut' : 'whole',
      ...(said.length === 0 ? {} : { message: said.join('; ') }),
    };
  }

  close(): void {
    this.#closed = true;
    for (const source of this.#sources.slice(Math.max(0, this.#next - 1))) source.close();
  }

  async #open(): Promise<void> {
    const source = this.#sources[this.#next++]!;
    const { head, source: whole } = await peekHead(source);
    this.#feed = new JsonFeed(whole, jsonLayout(head) ?? 'lines', {
      onReject: this.#options.onReject,
      scanner: this.#scanner,
    });
  }

  /** Reads until a batch is full, `most` records were read, or a source that waits has given what it had. */
  async #advance(most: number): Promise<void> {
    const writer = this.#writer;
    const { signal } = this.#options;
    let read = 0;
    while (!this.#ended) {
      const feed = this.#feed!;
      this.#spill();
      while (!writer.full && this.#size < BATCH_BYTES && read < most && feed.next()) {
        read++;
        this.#size += feed.recordTo - feed.recordFrom;
        this.#take(feed);
      }
      if (writer.full || this.#size >= BATCH_BYTES || read >= most || signal?.aborted === true) return;
      if (await feed.fill()) {
        if (most !== Number.POSITIVE_INFINITY && read > 0 && feed.source.totalBytes === undefined) return;
        continue;
      }
      this.#takenBefore += feed.source.bytesTaken();
      this.#done.push(feed.status(0));
      this.#scanner.duplicateKeys = 0;
      this.#scanner.refusedKeys = 0;
      this.#feed = undefined;
      if (this.#next < this.#sources.length) {
        feed.source.close();
        try {
          await this.#open();
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          this.#done.push({ rows: 0, rejected: 0, rejects: [], state: 'cut', message: error.message });
          this.#ended = this.#next >= this.#sources.length;
        }
      } else this.#ended = true;
    }
    // Flows that never ended in the log, in the order in which they were first spoken of.
    this.#spill();
    for (const [key, pending] of this.#pending) {
      if (writer.full) return;
      this.#pending.delete(key);
      this.#writePending(pending);
    }
  }

  #spill(): void {
    let n = 0;
    while (n < this.#overflow.length && !this.#writer.full) this.#writePending(this.#overflow[n++]!);
    if (n > 0) this.#overflow = this.#overflow.slice(n);
  }

  #take(feed: JsonFeed): void {
    const scanner = this.#scanner;
    const { bytes } = feed;
    const leafOf = this.#leafOf;
    leafOf.fill(-1);
    for (let i = 0; i < scanner.leafCount; i++) {
      const field = this.#fieldOf[scanner.leafNode[i]!]!;
      if (field >= 0 && scanner.leafKind[i] !== LEAF_NULL) leafOf[field] = i;
    }
    this.#records++;
    const type = this.#text(bytes, F.eventType);
    if (type === undefined) {
      feed.reject("no 'event_type'");
      return;
    }
    const seen = this.#events.get(type);
    if (seen !== undefined || this.#events.size < 64) this.#events.set(safeText(type, 40), (seen ?? 0) + 1);
    while (this.#ready.length > 0 && this.#ready[0]!.at <= this.#records) this.#writeReady();
    if (type === 'stats') return;
    const time = this.#time(bytes, F.timestamp);
    if (time === undefined && type !== 'flow' && type !== 'netflow') {
      feed.reject(leafOf[F.timestamp]! < 0 ? "no 'timestamp'" : "the 'timestamp' is no time");
      return;
    }
    if (leafOf[F.srcIp]! < 0 || leafOf[F.destIp]! < 0) {
      // Events of the link layer (ARP, truncated packets) have no addresses, and no flow.
      if (type === 'flow' || type === 'netflow') feed.reject("no 'src_ip' or no 'dest_ip'");
      return;
    }
    if (type === 'flow') this.#takeFlow(feed, bytes, time);
    else if (type === 'netflow') this.#takeNetflow(bytes, time);
    else this.#takeEvent(bytes, type, time!);
  }

  // ---- fields of the record at hand ----

  #text(bytes: Uint8Array, field: number): string | undefined {
    const leaf = this.#leafOf[field]!;
    if (leaf < 0) return undefined;
    const scanner = this.#scanner;
    const kind = scanner.leafKind[leaf]!;
    if (kind > LEAF_NUMBER) return undefined;
    const text =
      kind === LEAF_ESCAPED
        ? scanner.text(bytes, leaf)
        : this.#texts.of(bytes, scanner.leafFrom[leaf]!, scanner.leafTo[leaf]!);
    return text === '' ? undefined : text;
  }

  /** Text that goes into a column: bounded. */
  #fact(bytes: Uint8Array, field: number): string | undefined {
    return this.#text(bytes, field)?.slice(0, MAX_TEXT);
  }

  #number(bytes: Uint8Array, field: number): number | undefined {
    const leaf = this.#leafOf[field]!;
    if (leaf < 0) return undefined;
    const scanner = this.#scanner;
    const kind = scanner.leafKind[leaf]!;
    const value =
      kind === LEAF_NUMBER
        ? scanner.leafNumber[leaf]!
        : kind === LEAF_TEXT
          ? parseNumber(bytes, scanner.leafFrom[leaf]!, scanner.leafTo[leaf]!)
          : Number.NaN;
    return Number.isFinite(value) ? value : undefined;
  }

  /** A whole number from 0 to `most`. */
  #count(bytes: Uint8Array, field: number, most: number): number | undefined {
    const value = this.#number(bytes, field);
    return value !== undefined && value >= 0 && value <= most && Number.isInteger(value) ? value : undefined;
  }

  #time(bytes: Uint8Array, field: number): number | undefined {
    const leaf = this.#leafOf[field]!;
    if (leaf < 0 || this.#scanner.leafKind[leaf] !== LEAF_TEXT) return undefined;
    const time = parseTime(bytes, this.#scanner.leafFrom[leaf]!, this.#scanner.leafTo[leaf]!, this.#shape);
    return Math.abs(time) <= MAX_MICROSECONDS ? time : undefined;
  }

  /** An array or object of the record, parsed; undefined where it is none. */
  #nested(bytes: Uint8Array, field: number): unknown {
    const leaf = this.#leafOf[field]!;
    if (leaf < 0) return undefined;
    const kind = this.#scanner.leafKind[leaf]!;
    if (kind !== LEAF_ARRAY && kind !== LEAF_OBJECT) return undefined;
    try {
      return JSON.parse(decodeText(bytes, this.#scanner.leafFrom[leaf]!, this.#scanner.leafTo[leaf]!)) as unknown;
    } catch {
      // NaN and bytes that are no UTF-8 pass the scanner, not the parser: what they stand in says nothing.
      return undefined;
    }
  }

  #list(bytes: Uint8Array, field: number): readonly unknown[] {
    const value = this.#nested(bytes, field);
    return Array.isArray(value) ? value : [];
  }

  /** An address as our columns write it: Suricata writes IPv6 without abbreviations. */
  #address(bytes: Uint8Array, field: number): string | undefined {
    const text = this.#text(bytes, field);
    if (text === undefined || !text.includes(':')) return text?.slice(0, 64);
    const known = this.#addresses.get(text);
    if (known !== undefined) return known;
    const parsed = parseAddress(text);
    const address =
      parsed === undefined
        ? text.slice(0, 64)
        : parsed.isV6
          ? formatIpv6(...parsed.words)
          : formatIpv4(parsed.words[0]);
    if (this.#addresses.size >= 4096) this.#addresses.clear();
    this.#addresses.set(text, address);
    return address;
  }

  #protocol(bytes: Uint8Array): string | undefined {
    const text = this.#text(bytes, F.proto);
    if (text === undefined) return undefined;
    const known = this.#protocols.get(text);
    if (known !== undefined) return known;
    const protocol = protocolOf(text);
    if (this.#protocols.size < 256) this.#protocols.set(text, protocol);
    return protocol;
  }

  /** Number or text by which events of one flow are known: its flow_id, else its addresses, ports and protocol. */
  #key(bytes: Uint8Array, src: string | undefined, dst: string | undefined): number | string {
    const leaf = this.#leafOf[F.flowId]!;
    if (leaf >= 0 && this.#scanner.leafKind[leaf] === LEAF_NUMBER) {
      const number = this.#scanner.leafNumber[leaf]!;
      if (Number.isSafeInteger(number)) return number;
    }
    const text = this.#text(bytes, F.flowId);
    if (text !== undefined) return text.slice(0, 64);
    return `${src} ${this.#number(bytes, F.srcPort) ?? ''} ${dst} ${this.#number(bytes, F.destPort) ?? ''} ${this.#text(bytes, F.proto) ?? ''}`;
  }

  /** First of an array of numbers or texts, or the value itself. */
  #firstOf(bytes: Uint8Array, field: number): string | undefined {
    const leaf = this.#leafOf[field]!;
    if (leaf < 0) return undefined;
    if (this.#scanner.leafKind[leaf] !== LEAF_ARRAY) return this.#text(bytes, field);
    const [first] = this.#list(bytes, field);
    return typeof first === 'string' || typeof first === 'number' ? String(first) : undefined;
  }

  #vlan(bytes: Uint8Array): number | undefined {
    const text = this.#firstOf(bytes, F.vlan);
    const id = text === undefined ? Number.NaN : Number(text);
    return Number.isInteger(id) && id >= 0 && id <= 4095 ? id : undefined;
  }

  #flags(bytes: Uint8Array, field: number): number | undefined {
    const text = this.#text(bytes, field);
    return text !== undefined && /^[0-9a-f]{1,4}$/i.test(text) ? Number.parseInt(text, 16) & 255 : undefined;
  }

  // ---- flow events: straight into the row ----

  #takeFlow(feed: JsonFeed, bytes: Uint8Array, time: number | undefined): void {
    this.#sawFlow = true;
    this.#sawCounts = true;
    this.#flowEvents++;
    const start = this.#time(bytes, F.flowStart) ?? time;
    if (start === undefined) {
      feed.reject('neither flow.start nor timestamp is a time');
      return;
    }
    const end = Math.max(start, this.#time(bytes, F.flowEnd) ?? start);
    const src = this.#address(bytes, F.srcIp);
    const dst = this.#address(bytes, F.destIp);
    const key = this.#key(bytes, src, dst);
    const known = this.#pending.get(key);
    if (known !== undefined) {
      this.#pending.delete(key);
      if (known.netflow !== 0) {
        this.#netflowLeftOut += known.netflow === 3 ? 2 : 1;
        known.netflow = 0;
      }
    }
    const w = this.#writer;
    const row = w.addRow();
    w.setNumber(C.id, row, ++this.#id);
    w.setNumber(C.startMs, row, start);
    w.setNumber(C.endMs, row, end);
    w.setNumber(C.durationMs, row, toMicroseconds(end - start));
    const protocol = this.#protocol(bytes);
    if (protocol !== undefined) w.setText(C.protocol, row, protocol);
    if (src !== undefined) w.setText(C.initiator, row, src);
    if (dst !== undefined) w.setText(C.responder, row, dst);
    const hasPorts = protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp';
    const srcPort = hasPorts ? this.#count(bytes, F.srcPort, 65_535) : undefined;
    const dstPort = hasPorts ? this.#count(bytes, F.destPort, 65_535) : undefined;
    set(w, C.initiatorPort, row, srcPort);
    set(w, C.responderPort, row, dstPort);
    const icmpType = this.#count(bytes, F.icmpType, 255);
    set(w, C.icmpType, row, icmpType);
    set(w, C.icmpCode, row, this.#count(bytes, F.icmpCode, 255));
    set(w, C.vlan, row, this.#vlan(bytes) ?? known?.vlan);
    put(w, C.initiatorMac, row, this.#mac(bytes, F.srcMacs, F.srcMac) ?? known?.srcMac);
    put(w, C.responderMac, row, this.#mac(bytes, F.destMacs, F.destMac) ?? known?.dstMac);
    put(w, C.outerInitiator, row, this.#address(bytes, F.tunnelSrc) ?? known?.outerSrc);
    put(w, C.outerResponder, row, this.#address(bytes, F.tunnelDest) ?? known?.outerDst);
    put(w, C.communityId, row, this.#fact(bytes, F.communityId) ?? known?.communityId);
    const up = this.#count(bytes, F.pktsToServer, 2 ** 31 - 1);
    const down = this.#count(bytes, F.pktsToClient, 2 ** 31 - 1);
    set(w, C.initiatorPackets, row, up);
    set(w, C.responderPackets, row, down);
    set(w, C.initiatorBytes, row, this.#count(bytes, F.bytesToServer, Number.MAX_SAFE_INTEGER));
    set(w, C.responderBytes, row, this.#count(bytes, F.bytesToClient, Number.MAX_SAFE_INTEGER));
    const state = this.#text(bytes, F.flowState);
    const upFlags = this.#flags(bytes, F.tcpFlagsTs);
    const downFlags = this.#flags(bytes, F.tcpFlagsTc);
    const flags = upFlags === undefined && downFlags === undefined ? undefined : [upFlags ?? 0, downFlags ?? 0];
    if (flags !== undefined && protocol === 'tcp') this.#writeFlags(row, flags[0]!, flags[1]!);
    w.setText(C.closeReason, row, closeReason(this.#text(bytes, F.flowReason), state, flags));
    put(w, C.outcome, row, outcomeOf(protocol, dst, icmpType, up, down, flags, state));
    this.#writeService(row, protocol, srcPort, dstPort, this.#text(bytes, F.appProto) ?? known?.appProto);
    if (known !== undefined) this.#writeFacts(row, known.facts);
  }

  #mac(bytes: Uint8Array, list: number, one: number): string | undefined {
    return (this.#firstOf(bytes, list) ?? this.#text(bytes, one))?.toLowerCase().slice(0, 17);
  }

  #writeFlags(row: number, up: number, down: number): void {
    const w = this.#writer;
    w.setText(C.initiatorFlags, row, formatTcpFlags(up));
    w.setText(C.responderFlags, row, formatTcpFlags(down));
    w.setText(C.tcpState, row, tcpState(seenWord(up, down), 0));
  }

  #writeService(
    row: number,
    protocol: string | undefined,
    srcPort: number | undefined,
    dstPort: number | undefined,
    appProto: string | undefined,
  ): void {
    const w = this.#writer;
    const number = protocol === 'tcp' ? PROTO.tcp : protocol === 'udp' ? PROTO.udp : undefined;
    const byPort =
      number === undefined
        ? undefined
        : ((dstPort === undefined ? undefined : serviceByPort(number, dstPort)) ??
          (srcPort === undefined ? undefined : serviceByPort(number, srcPort)));
    const said = appProto === undefined || SAID_NOTHING.has(appProto) ? undefined : (SERVICES[appProto] ?? appProto);
    if (said !== undefined || byPort !== undefined) {
      w.setText(C.service, row, (said ?? byPort ?? '').slice(0, 64));
      w.setText(C.serviceBasis, row, said === undefined ? 'port' : 'content');
    }
    put(w, C.portService, row, byPort);
  }

  #writeFacts(row: number, facts: FlowFacts): void {
    for (const name in facts) {
      const value = facts[name as keyof FlowFacts];
      const column = C[name as keyof FlowFacts];
      if (typeof value === 'number') this.#writer.setNumber(column, row, value);
      else if (value !== undefined) this.#writer.setText(column, row, value);
    }
  }

  // ---- events that wait for their flow ----

  #pendingOf(bytes: Uint8Array, key: number | string, src: string, dst: string, time: number): Pending {
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      if (this.#pending.size >= MAX_PENDING) this.#giveUpOldest();
      const protocol = this.#protocol(bytes);
      const hasPorts = protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp';
      pending = {
        src,
        srcPort: hasPorts ? this.#count(bytes, F.srcPort, 65_535) : undefined,
        dst,
        dstPort: hasPorts ? this.#count(bytes, F.destPort, 65_535) : undefined,
        protocol,
        isOriented: false,
        icmpType: undefined,
        icmpCode: undefined,
        vlan: undefined,
        srcMac: undefined,
        dstMac: undefined,
        outerSrc: undefined,
        outerDst: undefined,
        communityId: undefined,
        appProto: undefined,
        firstMs: time,
        lastMs: time,
        packets: undefined,
        bytes: undefined,
        netflow: 0,
        flags: undefined,
        facts: {},
        operationCount: 0,
        answersDone: false,
      };
      this.#pending.set(key, pending);
    }
    if (time < pending.firstMs) pending.firstMs = time;
    if (time > pending.lastMs) pending.lastMs = time;
    return pending;
  }

  #giveUpOldest(): void {
    for (const [key, oldest] of this.#pending) {
      this.#pending.delete(key);
      if (this.#flowEvents > 0 && oldest.netflow !== 3) this.#factsLeftOut++;
      else this.#writeOrKeep(oldest);
      return;
    }
  }

  #writeOrKeep(pending: Pending): void {
    if (this.#writer.full) this.#overflow.push(pending);
    else this.#writePending(pending);
  }

  #writeReady(): void {
    const { key } = this.#ready.shift()!;
    const pending = this.#pending.get(key);
    if (pending === undefined || pending.netflow !== 3) return;
    this.#pending.delete(key);
    this.#writeOrKeep(pending);
  }

  #takeNetflow(bytes: Uint8Array, time: number | undefined): void {
    const start = this.#time(bytes, F.netflowStart) ?? time;
    const src = this.#address(bytes, F.srcIp);
    const dst = this.#address(bytes, F.destIp);
    if (start === undefined || src === undefined || dst === undefined) return;
    if (this.#flowEvents > 0) {
      this.#netflowLeftOut++;
      return;
    }
    this.#sawCounts = true;
    const key = this.#key(bytes, src, dst);
    const pending = this.#pendingOf(bytes, key, src, dst, start);
    const end = this.#time(bytes, F.netflowEnd) ?? start;
    if (end > pending.lastMs) pending.lastMs = end;
    const isBack = pending.src !== src || (src === dst && pending.srcPort !== this.#number(bytes, F.srcPort));
    const side = isBack ? 1 : 0;
    // Suricata logs the client's direction first; of facts that came before, it is not known.
    if (pending.netflow === 0 && !pending.isOriented) {
      if (isBack) swap(pending);
      pending.isOriented = true;
    }
    const at = pending.src === src && side === 1 && src !== dst ? 0 : side;
    pending.packets ??= [0, 0];
    pending.bytes ??= [0, 0];
    pending.packets[at] = this.#count(bytes, F.netflowPkts, 2 ** 31 - 1) ?? 0;
    pending.bytes[at] = this.#count(bytes, F.netflowBytes, Number.MAX_SAFE_INTEGER) ?? 0;
    const flags = this.#flags(bytes, F.tcpFlags);
    if (flags !== undefined) {
      pending.flags ??= [0, 0];
      pending.flags[at] = flags;
    }
    pending.netflow |= 1 << at;
    this.#common(bytes, pending, false);
    if (pending.netflow === 3) this.#ready.push({ key, at: this.#records + NETFLOW_WAIT });
  }

  /** What every event may say. */
  #common(bytes: Uint8Array, pending: Pending, isBack: boolean): void {
    pending.communityId ??= this.#fact(bytes, F.communityId);
    pending.vlan ??= this.#vlan(bytes);
    pending.icmpType ??= this.#count(bytes, F.icmpType, 255);
    pending.icmpCode ??= this.#count(bytes, F.icmpCode, 255);
    const from = this.#mac(bytes, F.srcMacs, F.srcMac);
    const to = this.#mac(bytes, F.destMacs, F.destMac);
    pending.srcMac ??= isBack ? to : from;
    pending.dstMac ??= isBack ? from : to;
    const outerFrom = this.#address(bytes, F.tunnelSrc);
    const outerTo = this.#address(bytes, F.tunnelDest);
    pending.outerSrc ??= isBack ? outerTo : outerFrom;
    pending.outerDst ??= isBack ? outerFrom : outerTo;
    const app = this.#text(bytes, F.appProto);
    if (app !== undefined && !SAID_NOTHING.has(app)) pending.appProto ??= app.slice(0, 64);
  }

  #takeEvent(bytes: Uint8Array, type: string, time: number): void {
    const src = this.#address(bytes, F.srcIp);
    const dst = this.#address(bytes, F.destIp);
    if (src === undefined || dst === undefined) return;
    if (type === 'alert') this.#takeAlert(bytes, time, src, dst);
    // A packet that could not be decoded is of no flow.
    if (type === 'anomaly' && this.#leafOf[F.flowId]! < 0) return;
    const pending = this.#pendingOf(bytes, this.#key(bytes, src, dst), src, dst, time);
    this.#orient(bytes, pending, type, src);
    this.#common(bytes, pending, pending.src !== src);
    const start = this.#time(bytes, F.flowStart);
    if (start !== undefined && start < pending.firstMs) pending.firstMs = start;
    const up = this.#count(bytes, F.pktsToServer, 2 ** 31 - 1);
    if (up !== undefined && pending.netflow === 0) {
      this.#sawCounts = true;
      pending.packets = [up, this.#count(bytes, F.pktsToClient, 2 ** 31 - 1) ?? 0];
      pending.bytes = [
        this.#count(bytes, F.bytesToServer, Number.MAX_SAFE_INTEGER) ?? 0,
        this.#count(bytes, F.bytesToClient, Number.MAX_SAFE_INTEGER) ?? 0,
      ];
    }
    this.#learn(bytes, pending, type);
  }

  /** Makes the client the flow's source, where the event tells who it is. */
  #orient(bytes: Uint8Array, pending: Pending, type: string, src: string): void {
    if (pending.isOriented) return;
    const client = this.#address(bytes, F.flowSrcIp);
    if (client !== undefined) {
      pending.isOriented = true;
      const port = this.#count(bytes, F.flowSrcPort, 65_535);
      const isBack = client === pending.dst && (client !== pending.src || port === pending.dstPort);
      if (isBack) swap(pending);
      return;
    }
    const direction = this.#text(bytes, F.direction);
    if (direction === 'to_client' || direction === 'to_server') {
      pending.isOriented = true;
      if ((direction === 'to_client') === (pending.src === src)) swap(pending);
      return;
    }
    if (type === 'dns') {
      // Answers were logged with the server as their source before version 2.
      const said = this.#text(bytes, F.dnsType);
      const isAnswer = said === 'answer' || said === 'response';
      pending.isOriented = true;
      if (isAnswer && pending.srcPort === 53 && pending.dstPort !== 53) swap(pending);
    } else if (FROM_CLIENT.has(type)) {
      pending.isOriented = true;
      if (pending.src !== src) swap(pending);
    }
  }

  #takeAlert(bytes: Uint8Array, time: number, src: string, dst: string): void {
    const sid = this.#number(bytes, F.alertSid);
    if (sid === undefined) return;
    const gid = this.#number(bytes, F.alertGid) ?? 1;
    const dstPort = this.#count(bytes, F.destPort, 65_535);
    const key = `${gid}:${sid} ${src} ${dst} ${dstPort ?? ''}`;
    const known = this.#alerts.get(key);
    if (known !== undefined) {
      known.count++;
      if (time < known.firstMs) known.firstMs = time;
      if (time > known.lastMs) known.lastMs = time;
      return;
    }
    if (this.#alerts.size >= MAX_ALERTS) {
      this.#alertsLeftOut++;
      return;
    }
    const techniques = [...this.#list(bytes, F.alertTechniques), ...this.#list(bytes, F.alertMitre)].flatMap((t) =>
      typeof t === 'string' ? [t.replaceAll('_', '.').toUpperCase()] : [],
    );
    this.#alerts.set(key, {
      gid,
      sid,
      rev: this.#number(bytes, F.alertRev),
      signature: this.#text(bytes, F.alertSignature)?.slice(0, ALERT_TEXT) ?? `signature ${gid}:${sid}`,
      category: this.#text(bytes, F.alertCategory)?.slice(0, ALERT_TEXT),
      severity: this.#number(bytes, F.alertSeverity),
      action: this.#text(bytes, F.alertAction)?.slice(0, 32),
      techniques: [...new Set(techniques.filter((t) => /^T\d{4}(\.\d{3})?$/.test(t)))].slice(0, 8),
      protocol: this.#protocol(bytes),
      src,
      srcPort: this.#count(bytes, F.srcPort, 65_535),
      dst,
      dstPort,
      communityId: this.#fact(bytes, F.communityId),
      count: 1,
      firstMs: time,
      lastMs: time,
    });
  }

  /** A flow of which the log holds no end: a row of what was said. */
  #writePending(pending: Pending): void {
    const w = this.#writer;
    const row = w.addRow();
    const { protocol, packets, bytes, flags, srcPort, dstPort } = pending;
    w.setNumber(C.id, row, ++this.#id);
    w.setNumber(C.startMs, row, pending.firstMs);
    w.setNumber(C.endMs, row, pending.lastMs);
    w.setNumber(C.durationMs, row, toMicroseconds(pending.lastMs - pending.firstMs));
    put(w, C.protocol, row, protocol);
    w.setText(C.initiator, row, pending.src);
    w.setText(C.responder, row, pending.dst);
    set(w, C.initiatorPort, row, srcPort);
    set(w, C.responderPort, row, dstPort);
    set(w, C.icmpType, row, pending.icmpType);
    set(w, C.icmpCode, row, pending.icmpCode);
    set(w, C.vlan, row, pending.vlan);
    put(w, C.initiatorMac, row, pending.srcMac);
    put(w, C.responderMac, row, pending.dstMac);
    put(w, C.outerInitiator, row, pending.outerSrc);
    put(w, C.outerResponder, row, pending.outerDst);
    put(w, C.communityId, row, pending.communityId);
    if (packets !== undefined) {
      w.setNumber(C.initiatorPackets, row, packets[0]);
      w.setNumber(C.responderPackets, row, packets[1]);
    }
    if (bytes !== undefined) {
      w.setNumber(C.initiatorBytes, row, bytes[0]);
      w.setNumber(C.responderBytes, row, bytes[1]);
    }
    if (flags !== undefined && protocol === 'tcp') this.#writeFlags(row, flags[0], flags[1]);
    if (pending.netflow !== 0) w.setText(C.closeReason, row, closeReason('timeout', undefined, flags));
    // Of a flow that had not ended when it was last spoken of, no answer is not known.
    const outcome =
      pending.netflow !== 0
        ? outcomeOf(protocol, pending.dst, pending.icmpType, packets?.[0], packets?.[1], flags, undefined)
        : (packets?.[1] ?? 0) > 0 && (protocol !== 'tcp' || pending.appProto !== undefined)
          ? 'answered'
          : packets === undefined
            ? undefined
            : 'unknown';
    put(w, C.outcome, row, outcome);
    this.#writeService(row, protocol, srcPort, dstPort, pending.appProto);
    this.#writeFacts(row, pending.facts);
  }

  // ---- what the application events say ----

  #learn(bytes: Uint8Array, pending: Pending, type: string): void {
    const { facts } = pending;
    const leafOf = this.#leafOf;
    const has = (field: number): boolean => leafOf[field]! >= 0;
    // Alerts hold the object of their application protocol as well.
    if (
      leafOf[F.dnsRrname]! >= 0 ||
      has(F.dnsQueries) ||
      has(F.dnsQuery) ||
      has(F.dnsAnswers) ||
      has(F.dnsRcode) ||
      has(F.dnsAnswer)
    ) {
      pending.appProto ??= 'dns';
      this.#learnDns(bytes, pending);
    }
    if (has(F.tlsSni) || has(F.tlsVersion) || has(F.tlsSubject) || has(F.tlsJa3)) {
      pending.appProto ??= 'tls';
      this.#learnTls(bytes, facts);
    }
    if (has(F.quicSni) || has(F.quicUa) || has(F.quicJa4) || type === 'quic') {
      pending.appProto ??= 'quic';
      note(facts, 'serverName', this.#fact(bytes, F.quicSni));
      note(facts, 'client', this.#fact(bytes, F.quicUa));
      note(facts, 'ja3', this.#fact(bytes, F.quicJa3));
      note(facts, 'ja4', this.#fact(bytes, F.quicJa4));
    }
    if (has(F.httpHost) || has(F.httpUrl) || has(F.httpStatus) || type === 'http') {
      pending.appProto ??= 'http';
      this.#learnHttp(bytes, facts);
    }
    if (has(F.fileName)) operate(pending, `file ${this.#text(bytes, F.fileName) ?? ''}`);
    const learn = LEARNERS[type];
    if (learn === undefined) return;
    if (type !== 'alert') pending.appProto ??= type === 'ftp_data' ? 'ftp-data' : type;
    learn(
      pending,
      (field) => this.#fact(bytes, F[field]),
      (field) => this.#nested(bytes, F[field]),
      (field) => {
        const leaf = leafOf[F[field]]!;
        return leaf >= 0 && this.#scanner.leafKind[leaf] === LEAF_TRUE;
      },
    );
  }

  #learnTls(bytes: Uint8Array, facts: FlowFacts): void {
    note(facts, 'serverName', this.#fact(bytes, F.tlsSni));
    const version = this.#text(bytes, F.tlsVersion);
    note(facts, 'tlsVersion', version === undefined || version === 'UNDETERMINED' ? undefined : tlsVersion(version));
    note(facts, 'ja3', this.#fact(bytes, F.tlsJa3));
    note(facts, 'ja3s', this.#fact(bytes, F.tlsJa3s));
    note(facts, 'ja4', this.#fact(bytes, F.tlsJa4));
    const alpn = this.#list(bytes, F.tlsClientAlpns);
    const chosen = alpn.length > 0 ? alpn : this.#list(bytes, F.tlsServerAlpns);
    const names = chosen.filter((name) => typeof name === 'string');
    if (names.length > 0) note(facts, 'alpn', names.join(',').slice(0, MAX_TEXT));
    note(facts, 'certificateSubject', commonName(this.#fact(bytes, F.tlsSubject)));
    note(facts, 'certificateIssuer', commonName(this.#fact(bytes, F.tlsIssuer)));
    const fromMs = this.#certificateTime(bytes, F.tlsFrom);
    const toMs = this.#certificateTime(bytes, F.tlsTo);
    if (fromMs !== undefined) facts.certificateFromMs ??= fromMs;
    if (toMs !== undefined) facts.certificateToMs ??= toMs;
  }

  /** Certificates speak of UTC without saying so: RFC 5280 section 4.1.2.5. */
  #certificateTime(bytes: Uint8Array, field: number): number | undefined {
    const { zoneless } = this.#shape;
    const time = this.#time(bytes, field);
    this.#shape.zoneless = zoneless;
    return time;
  }

  #learnHttp(bytes: Uint8Array, facts: FlowFacts): void {
    const url = this.#text(bytes, F.httpUrl);
    const method = this.#text(bytes, F.httpMethod);
    if (facts.httpRequest === undefined && facts.httpHost === undefined) {
      note(facts, 'httpHost', this.#fact(bytes, F.httpHost));
      if (url !== undefined) note(facts, 'httpRequest', `${method ?? '?'} ${url}`.slice(0, MAX_REQUEST));
      note(facts, 'client', this.#fact(bytes, F.httpAgent));
    }
    const status = this.#count(bytes, F.httpStatus, 999);
    if (status !== undefined && status >= 200) facts.httpStatus ??= status;
    note(facts, 'server', this.#fact(bytes, F.httpServer));
  }

  #learnDns(bytes: Uint8Array, pending: Pending): void {
    const { facts } = pending;
    const said = this.#text(bytes, F.dnsType);
    // Version 3 has the questions in an array, alerts of version 2 under 'query'.
    const questions = [...this.#list(bytes, F.dnsQueries), ...this.#list(bytes, F.dnsQuery)].flatMap((q) => {
      const name = textOf(q, 'rrname');
      return name === undefined ? [] : [{ name, type: textOf(q, 'rrtype') }];
    });
    const name = this.#text(bytes, F.dnsRrname);
    const isAnswer = said === 'answer' || said === 'response';
    // In an answer of version 1 rrname is the name of the record, which may be another one than was asked for.
    const isRecord = isAnswer && this.#leafOf[F.dnsRdata]! >= 0;
    if (name !== undefined && questions.length === 0 && !(isRecord && facts.dnsQuery !== undefined))
      questions.push({ name, type: this.#text(bytes, F.dnsRrtype) });
    let isFirst = questions.length === 0;
    for (const question of questions.slice(0, 4)) {
      const asked = question.name.toLowerCase().replace(/\.$/, '').slice(0, MAX_TEXT);
      const type = question.type?.slice(0, 20);
      if (facts.dnsQuery === undefined && facts.dnsType === undefined) {
        note(facts, 'dnsQuery', asked);
        note(facts, 'dnsType', type);
        isFirst = true;
      } else if (facts.dnsQuery === asked && (facts.dnsType === type || type === undefined)) isFirst = true;
      else if (!isAnswer) {
        if (facts.operations === undefined) operate(pending, `${facts.dnsType ?? '?'} ${facts.dnsQuery ?? '.'}`);
        operate(pending, `${type ?? '?'} ${asked || '.'}`);
      }
    }
    note(facts, 'dnsRcode', this.#fact(bytes, F.dnsRcode));
    if (!isFirst || pending.answersDone) return;
    const answers: { type: string | undefined; data: string; ttl: number | undefined }[] = [];
    if (isRecord) {
      answers.push({
        type: this.#text(bytes, F.dnsRrtype),
        data: this.#text(bytes, F.dnsRdata) ?? '',
        ttl: this.#number(bytes, F.dnsTtl),
      });
    }
    const nested = this.#nested(bytes, F.dnsAnswer);
    const listed = [...this.#list(bytes, F.dnsAnswers), ...(Array.isArray(nested) ? nested : [])];
    for (const answer of listed.slice(0, 64)) {
      const data = textOf(answer, 'rdata') ?? dataOf(answer);
      if (data !== undefined) answers.push({ type: textOf(answer, 'rrtype'), data, ttl: numberOf(answer, 'ttl') });
    }
    if (listed.length === 0) {
      const grouped = this.#nested(bytes, F.dnsGrouped);
      if (typeof grouped === 'object' && grouped !== null)
        for (const [type, list] of Object.entries(grouped))
          for (const data of Array.isArray(list) ? list.slice(0, 64) : [])
            if (typeof data === 'string') answers.push({ type, data, ttl: undefined });
    }
    if (answers.length === 0) return;
    // Records of one answer come in one event since version 2; before, each in its own.
    if (!isRecord) pending.answersDone = true;
    const text = answers.map(({ type, data }) => (type === undefined ? data : `${type} ${data}`));
    const before = facts.dnsAnswers === undefined ? [] : [facts.dnsAnswers];
    facts.dnsAnswers = [...before, ...text].join(', ').slice(0, MAX_TEXT);
    for (const { ttl } of answers)
      if (ttl !== undefined && ttl >= 0 && ttl < (facts.dnsTtl ?? Number.POSITIVE_INFINITY)) facts.dnsTtl = ttl;
  }
}

/** Events that Suricata logs with the client as their source. */
const FROM_CLIENT = new Set([
  'http',
  'tls',
  'quic',
  'ssh',
  'smb',
  'krb5',
  'mqtt',
  'ftp',
  'smtp',
  'rdp',
  'rfb',
  'sip',
  'tftp',
  'snmp',
  'nfs',
  'ike',
  'dhcp',
  'modbus',
  'dnp3',
  'pgsql',
  'ldap',
  'pop3',
  'imap',
  'telnet',
  'websocket',
  'arp',
  'mdns',
  'dcerpc',
  'bittorrent_dht',
]);

type TextField = (field: FieldName) => string | undefined;
type NestedField = (field: FieldName) => unknown;
type IsTrue = (field: FieldName) => boolean;

/** What the events of a protocol say of a flow, by event type. Passwords and communities are never looked at. */
const LEARNERS: Readonly<
  Record<string, (pending: Pending, text: TextField, nested: NestedField, isTrue: IsTrue) => void>
> = {
  ssh(pending, text) {
    note(pending.facts, 'client', text('sshClient'));
    note(pending.facts, 'server', text('sshServer'));
  },
  smb(pending, text) {
    const { facts } = pending;
    const command = text('smbCommand') ?? '';
    const status = text('smbStatus');
    const failed = status !== undefined && status !== 'STATUS_SUCCESS' && status !== 'STATUS_MORE_PROCESSING_REQUIRED';
    const user = text('smbUser');
    note(facts, 'user', user);
    note(facts, 'hostname', text('smbHost'));
    note(facts, 'client', text('smbClientOs'));
    note(facts, 'server', text('smbServerOs'));
    if (command.includes('SESSION_SETUP')) {
      if (status === 'STATUS_SUCCESS' && user !== undefined) note(facts, 'login', 'accepted');
      else if (failed) {
        note(facts, 'login', 'refused');
        operate(pending, `session-setup ${status}`);
      }
      return;
    }
    const share = text('smbShare');
    const file = text('smbFile');
    const refusal = failed ? ` ${status}` : '';
    if (share !== undefined) operate(pending, `tree ${share}${refusal}`);
    else if (file !== undefined && command.includes('CREATE'))
      operate(pending, `${text('smbDisposition') === 'FILE_OPEN' ? 'open' : 'create'} ${file}${refusal}`);
  },
  krb5(pending, text, _nested, isTrue) {
    const { facts } = pending;
    const type = text('krbType') ?? '';
    const asked = type === 'KRB_ERROR' ? (text('krbFailed') ?? '') : type;
    const isSignOn = asked.includes('AS_RE');
    note(facts, 'user', text('krbName'));
    const service = text('krbService');
    operate(pending, `${isSignOn ? 'AS' : 'TGS'} ${service === undefined || service === '<empty>' ? '?' : service}`);
    const error = text('krbError');
    if (type !== 'KRB_ERROR') {
      if (isSignOn) note(facts, 'login', 'accepted');
      const encryption = text('krbEncryption');
      if (isTrue('krbWeak') && encryption !== undefined) operate(pending, encryption);
    } else if (error !== undefined) {
      operate(pending, error);
      // Asked for a proof, clients come again with one: no refusal.
      if (isSignOn && !error.includes('PREAUTH_REQUIRED')) note(facts, 'login', 'refused');
    }
  },
  mqtt(pending, text, nested) {
    const { facts } = pending;
    note(facts, 'client', text('mqttClient'));
    note(facts, 'user', text('mqttUser'));
    const code = text('mqttReturn');
    if (code !== undefined) note(facts, 'login', code === '0' ? 'accepted' : 'refused');
    const topic = text('mqttTopic');
    if (topic !== undefined) operate(pending, `PUBLISH ${topic}`);
    const topics = nested('mqttTopics');
    for (const one of Array.isArray(topics) ? topics.slice(0, MAX_OPERATIONS) : [])
      operate(pending, `SUBSCRIBE ${textOf(one, 'topic') ?? '?'}`);
  },
  dhcp(pending, text) {
    note(pending.facts, 'hostname', text('dhcpHostname'));
    note(pending.facts, 'client', text('dhcpVendor'));
    const type = text('dhcpType');
    if (type !== undefined) operate(pending, type);
  },
  ftp(pending, text, nested) {
    const command = text('ftpCommand')?.toUpperCase();
    const codes = nested('ftpCodes');
    const last = Array.isArray(codes) ? codes.at(-1) : undefined;
    if (command === 'USER') note(pending.facts, 'user', text('ftpData'));
    if (command === 'PASS') {
      if (last === '230') note(pending.facts, 'login', 'accepted');
      else if (last === '530') note(pending.facts, 'login', 'refused');
    } else if (command !== undefined)
      operate(pending, `${command} ${command === 'USER' ? '' : (text('ftpData') ?? '')}`.trimEnd());
  },
  smtp(pending, text, nested) {
    note(pending.facts, 'hostname', text('smtpHelo'));
    const from = text('smtpFrom');
    if (from !== undefined) operate(pending, `MAIL ${from}`);
    const to = nested('smtpTo');
    for (const one of Array.isArray(to) ? to.slice(0, MAX_OPERATIONS) : [])
      if (typeof one === 'string') operate(pending, `RCPT ${one}`);
  },
  rdp(pending, text) {
    note(pending.facts, 'user', text('rdpCookie'));
    note(pending.facts, 'hostname', text('rdpClient'));
    const build = text('rdpBuild');
    if (build !== undefined) note(pending.facts, 'client', build);
    const reason = text('rdpReason');
    if (reason !== undefined) operate(pending, `refused ${reason}`);
  },
  rfb(pending, text) {
    const result = text('rfbResult');
    if (result !== undefined) note(pending.facts, 'login', result === 'OK' ? 'accepted' : 'refused');
  },
  sip(pending, text) {
    const method = text('sipMethod');
    if (method !== undefined) operate(pending, `${method} ${text('sipUri') ?? ''}`.trimEnd());
  },
  tftp(pending, text) {
    operate(pending, `${text('tftpPacket') ?? '?'} ${text('tftpFile') ?? ''}`.trimEnd());
  },
  snmp(pending, text) {
    note(pending.facts, 'user', text('snmpUser'));
    const pdu = text('snmpPdu');
    if (pdu !== undefined) operate(pending, pdu);
  },
};

type TextFact = { [K in keyof FlowFacts]-?: string extends FlowFacts[K] ? K : never }[keyof FlowFacts];

/** The first that is said counts. */
function note(facts: FlowFacts, name: TextFact, value: string | undefined): void {
  if (value !== undefined && facts[name] === undefined) facts[name] = value;
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Adds what was done: each once, at most 16, at most 80 characters each, as decoders of packets do. */
function operate(pending: Pending, text: string): void {
  const { facts } = pending;
  const comma = text.includes(', ') ? text.replace(/, +/g, ',') : text;
  const plain = CONTROL.test(comma) ? safeText(comma, MAX_OPERATION) : comma;
  const one = plain.length > MAX_OPERATION ? `${plain.slice(0, MAX_OPERATION - 1)}…` : plain;
  const { operations } = facts;
  if (pending.operationCount >= MAX_OPERATIONS || `, ${operations ?? ''},`.includes(`, ${one},`)) return;
  facts.operations = operations === undefined ? one : `${operations}, ${one}`;
  pending.operationCount++;
}

/** EVE's times are in microseconds, which a difference of two epoch times does not quite keep. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function set(w: ColumnWriter, column: number, row: number, value: number | undefined): void {
  if (value !== undefined) w.setNumber(column, row, value);
}

function put(w: ColumnWriter, column: number, row: number, value: string | undefined): void {
  if (value !== undefined) w.setText(column, row, value);
}

function swap(pending: Pending): void {
  [pending.src, pending.dst] = [pending.dst, pending.src];
  [pending.srcPort, pending.dstPort] = [pending.dstPort, pending.srcPort];
  [pending.srcMac, pending.dstMac] = [pending.dstMac, pending.srcMac];
  [pending.outerSrc, pending.outerDst] = [pending.outerDst, pending.outerSrc];
}

/** 'TCP', 'IPv6-ICMP', '047' as our columns have them. */
function protocolOf(text: string): string {
  const lower = text.toLowerCase();
  if (lower === 'ipv6-icmp') return 'icmpv6';
  if (/^\d{1,3}$/.test(lower)) return protocolName(Number(lower));
  return lower.slice(0, 32);
}

const SYN = 2;
const ACK = 16;
const FIN = 1;
const RST = 4;

/** The flag word that `tcpState` reads, with the client as side 0: a SYN of its own, and a SYN with ACK of the server, are told from the flags that each side ever set. */
function seenWord(up: number, down: number): number {
  return up | (down << 8) | ((up & SYN) !== 0 ? 1 << 16 : 0) | ((down & SYN) !== 0 && (down & ACK) !== 0 ? 1 << 19 : 0);
}

function closeReason(
  reason: string | undefined,
  state: string | undefined,
  flags: readonly number[] | undefined,
): string {
  const both = (flags?.[0] ?? 0) | (flags?.[1] ?? 0);
  if (reason === 'tcp_reuse') return 'reuse';
  if (flags !== undefined && (state === 'closed' || state === undefined)) {
    if ((both & RST) !== 0) return 'rst';
    if ((flags[0]! & FIN) !== 0 && (flags[1]! & FIN) !== 0) return 'fin';
  }
  if (reason === 'shutdown') return 'end';
  // Forced: Suricata was short of memory for flows.
  return reason === 'forced' ? 'evicted' : 'idle';
}

const ICMP_QUERIES = new Set([8, 13, 15, 17]);

function outcomeOf(
  protocol: string | undefined,
  dst: string | undefined,
  icmpType: number | undefined,
  up: number | undefined,
  down: number | undefined,
  flags: readonly number[] | undefined,
  state: string | undefined,
): string | undefined {
  if (up === undefined || down === undefined) return undefined;
  if (protocol === 'tcp') {
    if (flags === undefined) {
      // Its stream engine followed nothing: the flow's state is all there is.
      if (state === 'established') return 'answered';
      return state === 'new' && down === 0 ? 'unanswered' : 'unknown';
    }
    if ((flags[0]! & SYN) === 0) return 'unknown';
    if ((flags[1]! & SYN) !== 0) return 'answered';
    if ((flags[1]! & RST) !== 0) return 'refused';
    return down > 0 ? 'answered' : 'unanswered';
  }
  if (down > 0) return 'answered';
  if (dst === undefined || isGroup(dst)) return 'unknown';
  if (protocol === 'icmp') return icmpType !== undefined && ICMP_QUERIES.has(icmpType) ? 'unanswered' : 'unknown';
  if (protocol === 'icmpv6') return icmpType === 128 ? 'unanswered' : 'unknown';
  return protocol === 'udp' || protocol === 'sctp' ? 'unanswered' : 'unknown';
}

/** Multicast and broadcast: nobody has to answer. Of directed broadcasts only the usual one of a /24 is told. */
function isGroup(address: string): boolean {
  return /^(22[4-9]|23\d)\./.test(address) || address.endsWith('.255') || /^ff/i.test(address);
}

/** 'TLSv1', 'TLS 1.2', 'TLSv1.3', 'SSLv3' as our columns have them. */
function tlsVersion(text: string): string {
  const match = /^TLS ?v?(\d)(\.\d)?$/i.exec(text);
  if (match !== null) return `TLS ${match[1]}${match[2] ?? '.0'}`;
  const ssl = /^SSLv?(\d)$/i.exec(text);
  return ssl === null ? text.slice(0, 32) : `SSL ${ssl[1]}.0`;
}

/** The common name, else the organisation, else all of a distinguished name as Suricata writes it ('C=US, O=Example, CN=example.org'). */
function commonName(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const part = (key: string): string | undefined =>
    new RegExp(`(?:^|[,/]\\s*)${key}=((?:\\\\.|[^,/\\\\])+)`).exec(name)?.[1]?.trim();
  return part('CN') ?? part('O') ?? name;
}

function textOf(value: unknown, key: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found = (value as Record<string, unknown>)[key];
  return typeof found === 'string' && found !== '' ? found.slice(0, MAX_TEXT) : undefined;
}

function numberOf(value: unknown, key: string): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found = (value as Record<string, unknown>)[key];
  return typeof found === 'number' ? found : undefined;
}

/** Data of a record that has it in parts: SOA, SRV, MX ... */
function dataOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { srv, soa } = answer as { srv?: unknown; soa?: unknown };
  const target = textOf(srv, 'name') ?? textOf(srv, 'target');
  if (target !== undefined) return `${target}:${numberOf(srv, 'port') ?? '?'}`;
  return textOf(soa, 'mname');
}
