import { type ExportedFlow, formatIpv4, formatIpv6, isIcmpQuery, PROTO } from '../../../wire/index.ts';

/** A flow whose records are being joined, and what is read off it. */

/** What is known of an exporter beside its records. */
export interface PairingExporter {
  /** Number of the exporter in this run. */
  readonly number: number;
  /** Flows of which it has shown both directions, and those of which it has shown one although there must have been another. By them it is judged whether a missing direction was not there. */
  bothWays: number;
  oneWay: number;
}

/** What the record says in words, or numbers of the application layer. */
export interface RecordFacts {
  readonly application?: string | undefined;
  readonly serverName?: string | undefined;
  readonly httpHost?: string | undefined;
  readonly httpRequest?: string | undefined;
  readonly httpStatus?: number | undefined;
  readonly client?: string | undefined;
  readonly dnsQuery?: string | undefined;
  readonly dnsType?: string | undefined;
  readonly dnsRcode?: string | undefined;
  readonly user?: string | undefined;
}

export const REASON_IDLE = 1;
export const REASON_ACTIVE = 2;
export const REASON_END = 3;
export const REASON_FORCED = 4;

export const NOBODY: PairingExporter = { number: 0, bothWays: 0, oneWay: 0 };

/** One flow under way. Used again for another when it is over: numbers that are no integers cost memory each when they are first set. */
export class Held {
  hash = 0;
  exporter: PairingExporter = NOBODY;
  isV6 = 0;
  protocol = 0;
  /** Side 0 is the source of the first record. */
  readonly address = new Int32Array(8);
  port0 = 0;
  port1 = 0;
  next: Held | undefined;
  due = 0;
  /** Bucket that it will be looked at in, which second that is, and where it stands there. */
  bucket: Held[] | undefined;
  tick = 0;
  index = 0;
  /** Arrival of the first record of the row, and of the latest. */
  since = 0;
  last = 0;
  continued = false;
  /** Written already, and only here to know that it goes on. */
  dormant = false;
  seen0 = false;
  seen1 = false;
  packets0 = Number.NaN;
  packets1 = Number.NaN;
  octets0 = Number.NaN;
  octets1 = Number.NaN;
  flags0 = -1;
  flags1 = -1;
  start0 = Number.NaN;
  start1 = Number.NaN;
  end0 = Number.NaN;
  end1 = Number.NaN;
  ended0 = false;
  ended1 = false;
  /** flowDirection of the first record of each side, -1 for none. */
  way0 = -1;
  way1 = -1;
  startMs = Number.POSITIVE_INFINITY;
  endMs = Number.NEGATIVE_INFINITY;
  /** 0 or 1 where a record says who began, else -1. */
  initiator = -1;
  isBiflow = false;
  isSampled = false;
  /** Single packets of sFlow: its times and flags are those of the few that were taken. */
  isPacketSample = false;
  reason = 0;
  icmpType = -1;
  icmpCode = -1;
  icmpSide = 0;
  vlan = -1;
  mac0: string | undefined;
  mac1: string | undefined;
  facts: RecordFacts | undefined;

  /** Makes it the flow of the record. */
  begin(hash: number, exporter: PairingExporter, flow: ExportedFlow): void {
    this.hash = hash;
    this.exporter = exporter;
    this.isV6 = flow.isV6;
    this.protocol = flow.protocol;
    this.address.set(flow.src, 0);
    this.address.set(flow.dst, 4);
    this.port0 = keyPort(flow, 0);
    this.port1 = keyPort(flow, 1);
    this.vlan = -1;
    this.mac0 = this.mac1 = undefined;
    this.empty(false);
  }

  /** Makes it a row without records. */
  empty(continued: boolean): void {
    this.continued = continued;
    this.dormant = continued;
    this.seen0 = this.seen1 = this.ended0 = this.ended1 = false;
    this.packets0 = this.packets1 = this.octets0 = this.octets1 = Number.NaN;
    this.flags0 = this.flags1 = -1;
    this.start0 = this.start1 = this.end0 = this.end1 = Number.NaN;
    this.way0 = this.way1 = -1;
    this.startMs = Number.POSITIVE_INFINITY;
    this.endMs = Number.NEGATIVE_INFINITY;
    this.reason = 0;
    this.facts = undefined;
    if (!continued) {
      this.initiator = -1;
      this.isBiflow = this.isSampled = this.isPacketSample = false;
      this.icmpType = this.icmpCode = -1;
    }
  }
}

export const hasPorts = (protocol: number): boolean =>
  protocol === PROTO.tcp || protocol === PROTO.udp || protocol === PROTO.sctp || protocol === PROTO.udplite;

/** What stands for the port in the key: for ICMP queries the type that asks, so that question and answer are one flow; for other ICMP type and code. */
export function keyPort(flow: ExportedFlow, side: number): number {
  const { protocol } = flow;
  if (hasPorts(protocol)) return side === 0 ? flow.srcPort : flow.dstPort;
  if (protocol !== PROTO.icmp && protocol !== PROTO.icmpv6) return 0;
  if (flow.icmpType < 0) return 0;
  if (!isIcmpQuery(protocol, flow.icmpType)) return (flow.icmpType << 8) | Math.max(0, flow.icmpCode);
  return question(protocol, flow.icmpType) << 8;
}

/** The ICMP type that asks for what this type answers or asks for: RFC 792, RFC 950, RFC 1256, RFC 4443, RFC 4861. */
export function question(protocol: number, type: number): number {
  if (protocol === PROTO.icmpv6)
    return type === 129 ? 128 : type === 131 ? 130 : type === 134 ? 133 : type === 136 ? 135 : type;
  return type === 0 ? 8 : type === 14 ? 13 : type === 16 ? 15 : type === 18 ? 17 : type === 9 ? 10 : type;
}

export function addressText(held: Held, side: number): string {
  const { address } = held;
  const at = 4 * side;
  const word = address[at] ?? 0;
  if (held.isV6 !== 1) return formatIpv4(word);
  return formatIpv6(word, address[at + 1] ?? 0, address[at + 2] ?? 0, address[at + 3] ?? 0);
}

/** Multicast and broadcast, as far as an address shows it. */
export function isGroup(held: Held, side: number): boolean {
  const word = held.address[4 * side] ?? 0;
  if (held.isV6 === 1) return word >>> 24 === 0xff;
  return word >>> 28 === 0xe || (word & 0xff) === 0xff;
}
