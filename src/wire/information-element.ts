import { formatIpv4, formatIpv6 } from './address.ts';
import { wireText } from './bytes.ts';
import { protocolName } from './packet.ts';

/**
 * Information elements: what a field of a NetFlow v9 or IPFIX record means, by its number, and the one record that all flow export formats are read into.
 * Numbers below 32,768 without an enterprise are IANA's (RFC 7012, "IPFIX Information Elements"), which NetFlow v9 shares up to 127 (RFC 3954 section 8) and exporters use beyond.
 * Only elements that become part of a flow are listed; all others are stepped over by their length.
 */

export const ENTERPRISE_IANA = 0;
/** RFC 5103 section 6.1: the element of the same number, for the other direction. */
export const ENTERPRISE_REVERSE = 29305;
/** CERT/NetSA, of YAF; its reverse elements have bit 14 set. */
export const ENTERPRISE_CERT = 6871;
export const ENTERPRISE_CISCO = 9;
export const ENTERPRISE_NTOP = 35632;
export const ENTERPRISE_PALO_ALTO = 25461;
/** Scope fields of NetFlow v9 options (RFC 3954 section 6.1) have numbers of their own. */
export const ENTERPRISE_V9_SCOPE = -1;

const CERT_REVERSE = 0x4000;
/** nProbe writes ntop's elements into NetFlow v9, which has no enterprises, from this number on. */
const NTOP_V9_BASE = 57_472;
const NTOP_V9_END = 58_500;

/** What a field is for in an `ExportedFlow`. 0 is stepped over. */
export const ROLE = {
  skip: 0,
  octets: 1,
  packets: 2,
  totalOctets: 3,
  totalPackets: 4,
  outOctets: 5,
  outPackets: 6,
  reverseOctets: 7,
  reversePackets: 8,
  initiatorOctets: 9,
  responderOctets: 10,
  initiatorPackets: 11,
  responderPackets: 12,
  reverseTotalOctets: 13,
  reverseTotalPackets: 14,
  protocol: 15,
  srcPort: 16,
  dstPort: 17,
  tcpFlags: 18,
  reverseTcpFlags: 19,
  icmpTypeCode: 20,
  icmpType: 21,
  icmpCode: 22,
  srcIpv4: 23,
  dstIpv4: 24,
  srcIpv6: 25,
  dstIpv6: 26,
  srcMac: 27,
  dstMac: 28,
  vlan: 29,
  input: 30,
  output: 31,
  direction: 32,
  endReason: 33,
  biflowDirection: 34,
  firewallEvent: 35,
  natEvent: 36,
  startUptime: 37,
  endUptime: 38,
  startSeconds: 39,
  endSeconds: 40,
  startMs: 41,
  endMs: 42,
  startMicros: 43,
  endMicros: 44,
  startNanos: 45,
  endNanos: 46,
  startDeltaMicros: 47,
  endDeltaMicros: 48,
  durationMs: 49,
  durationMicros: 50,
  observedSeconds: 51,
  observedMs: 52,
  systemInitMs: 53,
  samplingInterval: 54,
  samplerId: 55,
  samplerRandomInterval: 56,
  samplingPacketInterval: 57,
  samplingPacketSpace: 58,
  samplingSize: 59,
  samplingPopulation: 60,
  samplingProbability: 61,
  applicationId: 62,
  applicationLabel: 63,
  httpStatus: 64,
  dnsType: 65,
  dnsRcode: 66,
  scopeInterface: 67,
  layer2Octets: 68,
  observedMicros: 69,
  /** From here on: texts. */
  applicationName: 70,
  serverName: 71,
  httpHost: 72,
  httpTarget: 73,
  httpMethod: 74,
  userAgent: 75,
  dnsQuery: 76,
  user: 77,
} as const;

type Role = (typeof ROLE)[keyof typeof ROLE];

const FIRST_TEXT_ROLE = ROLE.applicationName;
const TEXT_ROLES = 8;

type ElementEntry = readonly [id: number, name: string, role: Role];

const IANA: readonly ElementEntry[] = [
  [1, 'octetDeltaCount', ROLE.octets],
  [2, 'packetDeltaCount', ROLE.packets],
  [4, 'protocolIdentifier', ROLE.protocol],
  [6, 'tcpControlBits', ROLE.tcpFlags],
  [7, 'sourceTransportPort', ROLE.srcPort],
  [8, 'sourceIPv4Address', ROLE.srcIpv4],
  [10, 'ingressInterface', ROLE.input],
  [11, 'destinationTransportPort', ROLE.dstPort],
  [12, 'destinationIPv4Address', ROLE.dstIpv4],
  [14, 'egressInterface', ROLE.output],
  [21, 'flowEndSysUpTime', ROLE.endUptime],
  [22, 'flowStartSysUpTime', ROLE.startUptime],
  [23, 'postOctetDeltaCount', ROLE.outOctets],
  [24, 'postPacketDeltaCount', ROLE.outPackets],
  [27, 'sourceIPv6Address', ROLE.srcIpv6],
  [28, 'destinationIPv6Address', ROLE.dstIpv6],
  [32, 'icmpTypeCodeIPv4', ROLE.icmpTypeCode],
  [34, 'samplingInterval', ROLE.samplingInterval],
  [48, 'samplerId', ROLE.samplerId],
  [50, 'samplerRandomInterval', ROLE.samplerRandomInterval],
  [56, 'sourceMacAddress', ROLE.srcMac],
  [58, 'vlanId', ROLE.vlan],
  [61, 'flowDirection', ROLE.direction],
  [80, 'destinationMacAddress', ROLE.dstMac],
  [85, 'octetTotalCount', ROLE.totalOctets],
  [86, 'packetTotalCount', ROLE.totalPackets],
  [95, 'applicationId', ROLE.applicationId],
  [96, 'applicationName', ROLE.applicationName],
  [136, 'flowEndReason', ROLE.endReason],
  [139, 'icmpTypeCodeIPv6', ROLE.icmpTypeCode],
  [150, 'flowStartSeconds', ROLE.startSeconds],
  [151, 'flowEndSeconds', ROLE.endSeconds],
  [152, 'flowStartMilliseconds', ROLE.startMs],
  [153, 'flowEndMilliseconds', ROLE.endMs],
  [154, 'flowStartMicroseconds', ROLE.startMicros],
  [155, 'flowEndMicroseconds', ROLE.endMicros],
  [156, 'flowStartNanoseconds', ROLE.startNanos],
  [157, 'flowEndNanoseconds', ROLE.endNanos],
  [158, 'flowStartDeltaMicroseconds', ROLE.startDeltaMicros],
  [159, 'flowEndDeltaMicroseconds', ROLE.endDeltaMicros],
  [160, 'systemInitTimeMilliseconds', ROLE.systemInitMs],
  [161, 'flowDurationMilliseconds', ROLE.durationMs],
  [162, 'flowDurationMicroseconds', ROLE.durationMicros],
  [176, 'icmpTypeIPv4', ROLE.icmpType],
  [177, 'icmpCodeIPv4', ROLE.icmpCode],
  [178, 'icmpTypeIPv6', ROLE.icmpType],
  [179, 'icmpCodeIPv6', ROLE.icmpCode],
  [180, 'udpSourcePort', ROLE.srcPort],
  [181, 'udpDestinationPort', ROLE.dstPort],
  [182, 'tcpSourcePort', ROLE.srcPort],
  [183, 'tcpDestinationPort', ROLE.dstPort],
  [230, 'natEvent', ROLE.natEvent],
  [231, 'initiatorOctets', ROLE.initiatorOctets],
  [232, 'responderOctets', ROLE.responderOctets],
  [233, 'firewallEvent', ROLE.firewallEvent],
  [239, 'biflowDirection', ROLE.biflowDirection],
  [243, 'dot1qVlanId', ROLE.vlan],
  [298, 'initiatorPackets', ROLE.initiatorPackets],
  [299, 'responderPackets', ROLE.responderPackets],
  [302, 'selectorId', ROLE.samplerId],
  [305, 'samplingPacketInterval', ROLE.samplingPacketInterval],
  [306, 'samplingPacketSpace', ROLE.samplingPacketSpace],
  [309, 'samplingSize', ROLE.samplingSize],
  [310, 'samplingPopulation', ROLE.samplingPopulation],
  [311, 'samplingProbability', ROLE.samplingProbability],
  [322, 'observationTimeSeconds', ROLE.observedSeconds],
  [323, 'observationTimeMilliseconds', ROLE.observedMs],
  [324, 'observationTimeMicroseconds', ROLE.observedMicros],
  [352, 'layer2OctetDeltaCount', ROLE.layer2Octets],
  [371, 'userName', ROLE.user],
  [457, 'httpStatusCode', ROLE.httpStatus],
  [459, 'httpRequestMethod', ROLE.httpMethod],
  [460, 'httpRequestHost', ROLE.httpHost],
  [461, 'httpRequestTarget', ROLE.httpTarget],
  [468, 'httpUserAgent', ROLE.userAgent],
];

/** What the exporters of NetFlow v9 mean by numbers that have no enterprise there: Cisco ASA (NSEL) and Palo Alto. */
const V9_ONLY: readonly ElementEntry[] = [
  [40_000, 'NF_F_USERNAME', ROLE.user],
  [40_005, 'NF_F_FW_EVENT', ROLE.firewallEvent],
  [56_701, 'PANOS-APPID', ROLE.applicationName],
  [56_702, 'PANOS-USERID', ROLE.user],
];

/** Of RFC 5103's reverse elements, those that a biflow needs. */
const REVERSE: readonly ElementEntry[] = [
  [1, 'reverseOctetDeltaCount', ROLE.reverseOctets],
  [2, 'reversePacketDeltaCount', ROLE.reversePackets],
  [6, 'reverseTcpControlBits', ROLE.reverseTcpFlags],
  [85, 'reverseOctetTotalCount', ROLE.reverseTotalOctets],
  [86, 'reversePacketTotalCount', ROLE.reverseTotalPackets],
];

/** What YAF reads of payloads lies in lists, which are stepped over. */
const CERT: readonly ElementEntry[] = [
  [14, 'initialTCPFlags', ROLE.tcpFlags],
  [15, 'unionTCPFlags', ROLE.tcpFlags],
  [33, 'silkAppLabel', ROLE.applicationLabel],
  [CERT_REVERSE | 14, 'reverseInitialTCPFlags', ROLE.reverseTcpFlags],
  [CERT_REVERSE | 15, 'reverseUnionTCPFlags', ROLE.reverseTcpFlags],
];

/** Application Visibility and Control: client and server of a connection. */
const CISCO: readonly ElementEntry[] = [
  [8337, 'connection server counter bytes network', ROLE.responderOctets],
  [8338, 'connection client counter bytes network', ROLE.initiatorOctets],
  [12_235, 'application http host', ROLE.httpHost],
  [12_236, 'connection client ipv4 address', ROLE.srcIpv4],
  [12_237, 'connection server ipv4 address', ROLE.dstIpv4],
  [12_240, 'connection client transport port', ROLE.srcPort],
  [12_241, 'connection server transport port', ROLE.dstPort],
];

/** nProbe's user guide, "Flow template": HTTP, DNS and TLS. */
const NTOP: readonly ElementEntry[] = [
  [119, 'L7_PROTO_NAME', ROLE.applicationName],
  [180, 'HTTP_URL', ROLE.httpTarget],
  [181, 'HTTP_RET_CODE', ROLE.httpStatus],
  [183, 'HTTP_UA', ROLE.userAgent],
  [187, 'HTTP_HOST', ROLE.httpHost],
  [188, 'TLS_SERVER_NAME', ROLE.serverName],
  [205, 'DNS_QUERY', ROLE.dnsQuery],
  [207, 'DNS_QUERY_TYPE', ROLE.dnsType],
  [208, 'DNS_RET_CODE', ROLE.dnsRcode],
  [360, 'HTTP_METHOD', ROLE.httpMethod],
];

const PALO_ALTO: readonly ElementEntry[] = [
  [56_701, 'appId', ROLE.applicationName],
  [56_702, 'userId', ROLE.user],
];

/** RFC 3954 section 6.1: system, interface, line card, cache, template. */
const V9_SCOPE: readonly ElementEntry[] = [[2, 'Interface', ROLE.scopeInterface]];

function tableOf(entries: readonly ElementEntry[]): ReadonlyMap<number, ElementEntry> {
  return new Map(entries.map((entry) => [entry[0], entry]));
}

const TABLES: ReadonlyMap<number, ReadonlyMap<number, ElementEntry>> = new Map([
  [ENTERPRISE_IANA, tableOf(IANA)],
  [ENTERPRISE_REVERSE, tableOf(REVERSE)],
  [ENTERPRISE_CERT, tableOf(CERT)],
  [ENTERPRISE_CISCO, tableOf(CISCO)],
  [ENTERPRISE_NTOP, tableOf(NTOP)],
  [ENTERPRISE_PALO_ALTO, tableOf(PALO_ALTO)],
  [ENTERPRISE_V9_SCOPE, tableOf(V9_SCOPE)],
]);
const V9_TABLE = tableOf(V9_ONLY);

function elementEntry(enterprise: number, id: number, isV9: boolean): ElementEntry | undefined {
  if (isV9 && enterprise === ENTERPRISE_IANA) {
    if (id >= NTOP_V9_BASE && id < NTOP_V9_END) return TABLES.get(ENTERPRISE_NTOP)?.get(id - NTOP_V9_BASE);
    const own = V9_TABLE.get(id);
    if (own !== undefined) return own;
  }
  return TABLES.get(enterprise)?.get(id);
}

/** Whether a field of a template is one of ntop's own, by enterprise or by the numbers that nProbe gives them in NetFlow v9. */
export function isNtopElement(
  field: { readonly enterprise: number; readonly element: number },
  isV9: boolean,
): boolean {
  if (!isV9) return field.enterprise === ENTERPRISE_NTOP;
  return field.enterprise === ENTERPRISE_IANA && field.element >= NTOP_V9_BASE && field.element < NTOP_V9_END;
}

/** One of `ROLE`: what becomes of the element; `ROLE.skip` for those that are no part of a flow. */
export function elementRole(enterprise: number, id: number, isV9: boolean): number {
  return elementEntry(enterprise, id, isV9)?.[2] ?? ROLE.skip;
}

/** The name of an element that is understood, else 'enterprise/number' or its number. */
export function elementName(enterprise: number, id: number, isV9: boolean): string {
  return (
    elementEntry(enterprise, id, isV9)?.[1] ??
    (enterprise === ENTERPRISE_V9_SCOPE ? `scope ${id}` : enterprise === 0 ? String(id) : `${enterprise}/${id}`)
  );
}

const NO_BYTES = new Uint8Array();
const MAX_TEXT_BYTES = 1024;

/**
 * One exported record, moved from record to record. Numbers are NaN and small integers -1 where the record does not say them: never 0. Addresses are big-endian words as in `Packet`.
 * `bytes` is what the offsets point into, and valid while the record is looked at.
 */
export class ExportedFlow {
  bytes: Uint8Array = NO_BYTES;
  isV6 = 0;
  hasSrc = false;
  hasDst = false;
  readonly src = new Int32Array(4);
  readonly dst = new Int32Array(4);
  protocol = -1;
  srcPort = -1;
  dstPort = -1;
  /** Flags of all packets from source to destination together, and of those back. */
  tcpFlags = -1;
  reverseTcpFlags = -1;
  icmpType = -1;
  icmpCode = -1;
  vlan = -1;
  /** Offsets of MAC addresses in `bytes`. */
  srcMac = -1;
  dstMac = -1;
  input = -1;
  output = -1;
  /** 0 seen coming in, 1 seen going out. */
  direction = -1;
  /** flowEndReason: 1 idle timeout, 2 active timeout, 3 end of flow, 4 forced end, 5 lack of resources. */
  endReason = -1;
  /** 1: the source is the initiator; 2: the destination is; 3: the perimeter decides (RFC 5103 section 6.3). */
  biflowDirection = -1;
  firewallEvent = -1;
  natEvent = -1;
  /** IP bytes and packets of this record, from the source and back. */
  octets = Number.NaN;
  packets = Number.NaN;
  reverseOctets = Number.NaN;
  reversePackets = Number.NaN;
  /** Bytes of frames, where the exporter counts those. */
  layer2Octets = Number.NaN;
  /** Whether the counts are totals since the flow began, which a later record of the same flow repeats. */
  isTotal = false;
  /** NetFlow's OUT_BYTES and OUT_PKTS as they stand. */
  outOctets = Number.NaN;
  outPackets = Number.NaN;
  /** Epoch ms. */
  startMs = Number.NaN;
  endMs = Number.NaN;
  observedMs = Number.NaN;
  durationMs = Number.NaN;
  /** Uptime of the exporter at start and end, ms, as they stand. */
  startUptime = Number.NaN;
  endUptime = Number.NaN;
  systemInitMs = Number.NaN;
  startDeltaMicros = Number.NaN;
  endDeltaMicros = Number.NaN;
  samplingInterval = Number.NaN;
  samplerId = -1;
  samplingPacketInterval = Number.NaN;
  samplingPacketSpace = Number.NaN;
  samplingSize = Number.NaN;
  samplingPopulation = Number.NaN;
  samplingProbability = Number.NaN;
  /** Engine and selector as one number (RFC 6759). */
  applicationId = -1;
  /** YAF's label: the port on which the protocol it recognised is usually spoken; 0 for none. */
  applicationLabel = -1;
  httpStatus = -1;
  dnsType = -1;
  dnsRcode = -1;
  scopeInterface = -1;
  /** Where texts lie in `bytes`: offset and length by role, offset -1 for none. */
  readonly textAt = new Int32Array(TEXT_ROLES).fill(-1);
  readonly textLength = new Int32Array(TEXT_ROLES);
  hasText = false;

  /** Makes it a record that says nothing. */
  clear(): void {
    this.isV6 = 0;
    this.hasSrc = this.hasDst = this.isTotal = false;
    this.protocol = this.srcPort = this.dstPort = this.tcpFlags = this.reverseTcpFlags = -1;
    this.icmpType = this.icmpCode = this.vlan = this.srcMac = this.dstMac = this.input = this.output = -1;
    this.direction = this.endReason = this.biflowDirection = this.firewallEvent = this.natEvent = -1;
    this.octets = this.packets = this.reverseOctets = this.reversePackets = this.layer2Octets = Number.NaN;
    this.outOctets = this.outPackets = Number.NaN;
    this.startMs = this.endMs = this.observedMs = this.durationMs = Number.NaN;
    this.startUptime = this.endUptime = this.systemInitMs = Number.NaN;
    this.startDeltaMicros = this.endDeltaMicros = Number.NaN;
    this.samplingInterval = this.samplingPacketInterval = this.samplingPacketSpace = Number.NaN;
    this.samplingSize = this.samplingPopulation = this.samplingProbability = Number.NaN;
    this.samplerId = this.applicationId = this.applicationLabel = this.scopeInterface = -1;
    this.httpStatus = this.dnsType = this.dnsRcode = -1;
    if (this.hasText) {
      this.textAt.fill(-1);
      this.hasText = false;
    }
  }

  /** The text of one of the roles from `applicationName` on, made harmless, at most 1,024 bytes of it; undefined where there is none. */
  text(role: number): string | undefined {
    let at = this.textAt[role - FIRST_TEXT_ROLE] ?? -1;
    if (at < 0) return undefined;
    let end = at + this.textLength[role - FIRST_TEXT_ROLE];
    // Cisco writes six bytes of numbers before a name (AVC, sub-application values), and none begins like them.
    if (role === ROLE.httpHost && end - at > 6 && this.bytes[at] < 0x20) at += 6;
    // Texts of a fixed length are filled up with zeros, and some exporters end the others with one.
    for (let i = at; i < end; i++)
      if (this.bytes[i] === 0) {
        end = i;
        break;
      }
    return end === at ? undefined : wireText(this.bytes, at, end, MAX_TEXT_BYTES);
  }

  /** Packets of the wire for each that was looked at, as the record itself says it; NaN where it does not. */
  samplingRate(): number {
    if (this.samplingInterval > 0) return this.samplingInterval;
    if (this.samplingPacketInterval > 0)
      // RFC 5477: interval packets are taken, then space are left out. Some say only the first and mean one in so many.
      return this.samplingPacketSpace >= 0
        ? (this.samplingPacketInterval + this.samplingPacketSpace) / this.samplingPacketInterval
        : this.samplingPacketInterval;
    if (this.samplingSize > 0 && this.samplingPopulation > 0) return this.samplingPopulation / this.samplingSize;
    if (this.samplingProbability > 0 && this.samplingProbability <= 1) return 1 / this.samplingProbability;
    return Number.NaN;
  }
}

/** The unsigned integer of 1 to 8 bytes at `at` (RFC 7011 section 6.2: encodings may be shorter than the type). Exact up to 2^53. */
export function readUnsigned(bytes: Uint8Array, at: number, length: number): number {
  switch (length) {
    case 1:
      return bytes[at];
    case 2:
      return (bytes[at] << 8) | bytes[at + 1];
    case 4:
      return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
    default: {
      let value = 0;
      for (let i = 0; i < length; i++) value = value * 256 + bytes[at + i];
      return value;
    }
  }
}

const FLOAT = new DataView(new ArrayBuffer(8));

function readFloat(bytes: Uint8Array, at: number, length: number): number {
  if (length !== 4 && length !== 8) return Number.NaN;
  for (let i = 0; i < length; i++) FLOAT.setUint8(i, bytes[at + i]);
  return length === 4 ? FLOAT.getFloat32(0) : FLOAT.getFloat64(0);
}

/** Seconds from 1900, NTP's epoch, to 1970. */
const NTP_EPOCH = 2_208_988_800;

/** RFC 7011 section 6.1.9: NTP's format, 32 bits of seconds and 32 of fraction; NaN when it is of another length. */
function readNtpMs(bytes: Uint8Array, at: number, length: number): number {
  if (length !== 8) return Number.NaN;
  return (readUnsigned(bytes, at, 4) - NTP_EPOCH) * 1000 + (readUnsigned(bytes, at + 4, 4) * 1000) / 2 ** 32;
}

function readWords(bytes: Uint8Array, at: number, words: Int32Array, count: number): void {
  for (let i = 0; i < count; i++, at += 4)
    words[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  for (let i = count; i < 4; i++) words[i] = 0;
}

function isNothing(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[at + i] !== 0) return false;
  return true;
}

/** Writes what the field at [at, at + length) says into the flow. A length that the element can't have says nothing. The caller has made sure that the bytes are there. */
export function takeElement(flow: ExportedFlow, role: number, bytes: Uint8Array, at: number, length: number): void {
  if (role >= FIRST_TEXT_ROLE) {
    if (length === 0) return;
    flow.textAt[role - FIRST_TEXT_ROLE] = at;
    flow.textLength[role - FIRST_TEXT_ROLE] = Math.min(length, MAX_TEXT_BYTES);
    flow.hasText = true;
    return;
  }
  switch (role) {
    case ROLE.srcIpv4:
      // Templates of both families fill the one that is not used with zeros.
      if (length !== 4 || (flow.hasSrc && isNothing(bytes, at, 4))) return;
      readWords(bytes, at, flow.src, 1);
      flow.hasSrc = true;
      flow.isV6 = 0;
      return;
    case ROLE.dstIpv4:
      if (length !== 4 || (flow.hasDst && isNothing(bytes, at, 4))) return;
      readWords(bytes, at, flow.dst, 1);
      flow.hasDst = true;
      return;
    case ROLE.srcIpv6:
      if (length !== 16 || (flow.hasSrc && isNothing(bytes, at, 16))) return;
      readWords(bytes, at, flow.src, 4);
      flow.hasSrc = true;
      flow.isV6 = 1;
      return;
    case ROLE.dstIpv6:
      if (length !== 16 || (flow.hasDst && isNothing(bytes, at, 16))) return;
      readWords(bytes, at, flow.dst, 4);
      flow.hasDst = true;
      return;
    case ROLE.srcMac:
      if (length === 6 && !isNothing(bytes, at, 6)) flow.srcMac = at;
      return;
    case ROLE.dstMac:
      if (length === 6 && !isNothing(bytes, at, 6)) flow.dstMac = at;
      return;
    case ROLE.startMicros:
    case ROLE.startNanos:
      flow.startMs = readNtpMs(bytes, at, length);
      return;
    case ROLE.endMicros:
    case ROLE.endNanos:
      flow.endMs = readNtpMs(bytes, at, length);
      return;
    case ROLE.observedMicros:
      flow.observedMs = readNtpMs(bytes, at, length);
      return;
    case ROLE.samplingProbability:
      flow.samplingProbability = readFloat(bytes, at, length);
      return;
    default:
      if (length > 0 && length <= 8) takeNumber(flow, role, readUnsigned(bytes, at, length), length);
  }
}

function takeNumber(flow: ExportedFlow, role: number, value: number, length: number): void {
  switch (role) {
    case ROLE.octets:
    case ROLE.initiatorOctets:
      flow.octets = value;
      break;
    case ROLE.packets:
    case ROLE.initiatorPackets:
      flow.packets = value;
      break;
    case ROLE.totalOctets:
      // Where both are given, the delta is this record's own.
      if (Number.isNaN(flow.octets)) {
        flow.octets = value;
        flow.isTotal = true;
      }
      break;
    case ROLE.totalPackets:
      if (Number.isNaN(flow.packets)) {
        flow.packets = value;
        flow.isTotal = true;
      }
      break;
    case ROLE.outOctets:
      flow.outOctets = value;
      break;
    case ROLE.outPackets:
      flow.outPackets = value;
      break;
    case ROLE.reverseOctets:
    case ROLE.responderOctets:
    case ROLE.reverseTotalOctets:
      flow.reverseOctets = value;
      break;
    case ROLE.reversePackets:
    case ROLE.responderPackets:
    case ROLE.reverseTotalPackets:
      flow.reversePackets = value;
      break;
    case ROLE.layer2Octets:
      flow.layer2Octets = value;
      break;
    case ROLE.protocol:
      if (value < 256) flow.protocol = value;
      break;
    case ROLE.srcPort:
      // Elements of one protocol alone are zero for another.
      if (value < 65_536 && (flow.srcPort <= 0 || value > 0)) flow.srcPort = value;
      break;
    case ROLE.dstPort:
      if (value < 65_536 && (flow.dstPort <= 0 || value > 0)) flow.dstPort = value;
      break;
    case ROLE.tcpFlags:
      flow.tcpFlags = (flow.tcpFlags < 0 ? 0 : flow.tcpFlags) | (value & 255);
      break;
    case ROLE.reverseTcpFlags:
      flow.reverseTcpFlags = (flow.reverseTcpFlags < 0 ? 0 : flow.reverseTcpFlags) | (value & 255);
      break;
    case ROLE.icmpTypeCode:
      if (length === 2 && (flow.icmpType <= 0 || value > 0)) {
        flow.icmpType = value >> 8;
        flow.icmpCode = value & 255;
      }
      break;
    case ROLE.icmpType:
      if (value < 256 && (flow.icmpType <= 0 || value > 0)) flow.icmpType = value;
      break;
    case ROLE.icmpCode:
      if (value < 256 && (flow.icmpCode <= 0 || value > 0)) flow.icmpCode = value;
      break;
    case ROLE.vlan:
      // 0 is "no VLAN", and 4,095 is reserved (IEEE 802.1Q).
      if (value > 0 && value < 4095) flow.vlan = value;
      break;
    case ROLE.input:
      flow.input = value;
      break;
    case ROLE.output:
      flow.output = value;
      break;
    case ROLE.direction:
      flow.direction = value;
      break;
    case ROLE.endReason:
      flow.endReason = value;
      break;
    case ROLE.biflowDirection:
      flow.biflowDirection = value;
      break;
    case ROLE.firewallEvent:
      flow.firewallEvent = value;
      break;
    case ROLE.natEvent:
      flow.natEvent = value;
      break;
    case ROLE.startUptime:
      flow.startUptime = value;
      break;
    case ROLE.endUptime:
      flow.endUptime = value;
      break;
    case ROLE.startSeconds:
      flow.startMs = value * 1000;
      break;
    case ROLE.endSeconds:
      flow.endMs = value * 1000;
      break;
    case ROLE.startMs:
      flow.startMs = value;
      break;
    case ROLE.endMs:
      flow.endMs = value;
      break;
    case ROLE.startDeltaMicros:
      flow.startDeltaMicros = value;
      break;
    case ROLE.endDeltaMicros:
      flow.endDeltaMicros = value;
      break;
    case ROLE.durationMs:
      flow.durationMs = value;
      break;
    case ROLE.durationMicros:
      flow.durationMs = value / 1000;
      break;
    case ROLE.observedSeconds:
      flow.observedMs = value * 1000;
      break;
    case ROLE.observedMs:
      flow.observedMs = value;
      break;
    case ROLE.systemInitMs:
      flow.systemInitMs = value;
      break;
    case ROLE.samplingInterval:
    case ROLE.samplerRandomInterval:
      flow.samplingInterval = value;
      break;
    case ROLE.samplerId:
      flow.samplerId = value;
      break;
    case ROLE.samplingPacketInterval:
      flow.samplingPacketInterval = value;
      break;
    case ROLE.samplingPacketSpace:
      flow.samplingPacketSpace = value;
      break;
    case ROLE.samplingSize:
      flow.samplingSize = value;
      break;
    case ROLE.samplingPopulation:
      flow.samplingPopulation = value;
      break;
    case ROLE.applicationId:
      flow.applicationId = value;
      break;
    case ROLE.applicationLabel:
      flow.applicationLabel = value;
      break;
    case ROLE.httpStatus:
      if (value > 0 && value < 1000) flow.httpStatus = value;
      break;
    case ROLE.dnsType:
      if (value > 0 && value < 65_536) flow.dnsType = value;
      break;
    case ROLE.dnsRcode:
      if (value < 4096) flow.dnsRcode = value;
      break;
    case ROLE.scopeInterface:
      flow.scopeInterface = value;
      break;
    default:
      break;
  }
}

/** A later time of the exporter's uptime than its header's own by more than this has begun before the counter went round. */
const UPTIME_SLACK_MS = 86_400_000;
const UPTIME_WRAP = 2 ** 32;

/** Epoch ms of an uptime that was read from a record, beside the uptime and the epoch ms of the header: the counter goes round every 49.7 days. */
export function uptimeToMs(uptime: number, headerUptime: number, headerMs: number): number {
  let ago = headerUptime - uptime;
  if (ago < -UPTIME_SLACK_MS) ago += UPTIME_WRAP;
  else if (ago > UPTIME_WRAP - UPTIME_SLACK_MS) ago -= UPTIME_WRAP;
  return headerMs - ago;
}

/**
 * Puts the times of a record together from what it gave: start and end in epoch ms, NaN where nothing tells.
 * @param headerUptime uptime in the header of the datagram, NaN where it has none. @param headerMs export time.
 */
export function settleTimes(flow: ExportedFlow, headerUptime: number, headerMs: number): void {
  if (!Number.isNaN(flow.startUptime) && Number.isNaN(flow.startMs)) {
    if (!Number.isNaN(flow.systemInitMs)) flow.startMs = flow.systemInitMs + flow.startUptime;
    else if (!Number.isNaN(headerUptime)) flow.startMs = uptimeToMs(flow.startUptime, headerUptime, headerMs);
  }
  if (!Number.isNaN(flow.endUptime) && Number.isNaN(flow.endMs)) {
    if (!Number.isNaN(flow.systemInitMs)) flow.endMs = flow.systemInitMs + flow.endUptime;
    else if (!Number.isNaN(headerUptime)) flow.endMs = uptimeToMs(flow.endUptime, headerUptime, headerMs);
  }
  if (!Number.isNaN(flow.startDeltaMicros) && Number.isNaN(flow.startMs))
    flow.startMs = headerMs - flow.startDeltaMicros / 1000;
  if (!Number.isNaN(flow.endDeltaMicros) && Number.isNaN(flow.endMs))
    flow.endMs = headerMs - flow.endDeltaMicros / 1000;
  if (Number.isNaN(flow.endMs) && !Number.isNaN(flow.startMs) && !Number.isNaN(flow.durationMs))
    flow.endMs = flow.startMs + flow.durationMs;
  if (Number.isNaN(flow.endMs)) flow.endMs = flow.observedMs;
  if (Number.isNaN(flow.startMs) && !Number.isNaN(flow.endMs) && !Number.isNaN(flow.durationMs))
    flow.startMs = flow.endMs - flow.durationMs;
}

/** '10.0.0.1:5 > 10.0.0.2:80 tcp 3 packets 180 bytes', with what is not said left out. */
export function summarizeExportedFlow(flow: ExportedFlow): string {
  const address = (words: Int32Array): string =>
    flow.isV6 === 1 ? formatIpv6(words[0], words[1], words[2], words[3]) : formatIpv4(words[0]);
  const end = (has: boolean, words: Int32Array, port: number): string =>
    `${has ? address(words) : '?'}${port < 0 ? '' : `:${port}`}`;
  const parts = [
    `${end(flow.hasSrc, flow.src, flow.srcPort)} > ${end(flow.hasDst, flow.dst, flow.dstPort)}`,
    flow.protocol < 0 ? '' : protocolName(flow.protocol),
    Number.isNaN(flow.packets) ? '' : `${flow.packets} packets`,
    Number.isNaN(flow.octets) ? '' : `${flow.octets} bytes`,
    Number.isNaN(flow.reversePackets) ? '' : `${flow.reversePackets} packets back`,
    Number.isNaN(flow.reverseOctets) ? '' : `${flow.reverseOctets} bytes back`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}
