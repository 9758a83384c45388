import { type Table, TableBuilder } from '../../core/index.ts';
import { COMMUNITY_ID_LENGTH, FLOW_COLUMN, FLOW_SCHEMA, tcpState, writeCommunityId } from '../../flow/index.ts';
import {
  type ExportedFlow,
  formatIpv4,
  formatIpv6,
  formatMac,
  formatTcpFlags,
  isIcmpQuery,
  ODDITY,
  type OddityCounter,
  PROTO,
  protocolName,
  serviceByPort,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
} from '../../wire/index.ts';

/**
 * From exported records to rows of the flow table. Routers export each direction by itself, and a long flow in pieces; here the records of one 5-tuple of one exporter that come within a
 * window become one row, with an initiator and a responder.
 *
 * When a row is written: a record says that its flow ended (flowEndReason; FIN or RST; nothing but a SYN), and the other direction is there or did not come within `pairMs`; nobody told
 * and nothing more came for `joinMs`, which is longer than the active timeout that exporters are set to; or it has been held for `holdMs`: then it goes on in a row that is `continued`.
 *
 * Who the initiator is: the record says (biflows, ICMP types); else the sender of a SYN without ACK; else whoever began earlier, unless the beginning was missed or time means nothing
 * (sampling, one direction alone, a tie): then the port that looks less like a server's. What fools it: exporters whose clocks run in whole seconds, and services on high ports.
 */
export interface PairingOptions {
  /** How long a direction that has ended waits for the other, ms of the export clock. */
  readonly pairMs: number;
  /** How long a flow that may go on waits for its next record. Longer than the exporters' active timeout (60 s in most guides). */
  readonly joinMs: number;
  /** How long both directions of an ended flow wait for stragglers. */
  readonly lingerMs: number;
  /** Longest time that records are held before the row is written and goes on in the next. */
  readonly holdMs: number;
  /** Flows held at most; beyond it those that would be written next are written early. */
  readonly maxFlows: number;
  readonly batchRows: number;
  /** Varies the hash, so that chosen addresses can't collide on purpose. Changes no result. */
  readonly hashSeed: number;
}

export const DEFAULT_PAIRING: PairingOptions = {
  pairMs: 30_000,
  joinMs: 90_000,
  lingerMs: 5_000,
  holdMs: 300_000,
  maxFlows: 131_072,
  batchRows: 8192,
  hashSeed: 0,
};

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

const REASON_IDLE = 1;
const REASON_ACTIVE = 2;
const REASON_END = 3;
const REASON_FORCED = 4;

const TICK_MS = 1000;
/** Records that are older than the clock by more than this belong to another time: what is held is written, and the clock set back. */
const CLOCK_RESET_MS = 3_600_000;
const MAX_PACKETS = 0x7fffffff;

const NOBODY: PairingExporter = { number: 0, bothWays: 0, oneWay: 0 };

/** One flow under way. Used again for another when it is over: numbers that are no integers cost memory each when they are first set. */
class Held {
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

const hasPorts = (protocol: number): boolean =>
  protocol === PROTO.tcp || protocol === PROTO.udp || protocol === PROTO.sctp || protocol === PROTO.udplite;

/** What stands for the port in the key: for ICMP queries the type that asks, so that question and answer are one flow; for other ICMP type and code. */
function keyPort(flow: ExportedFlow, side: number): number {
  const { protocol } = flow;
  if (hasPorts(protocol)) return side === 0 ? flow.srcPort : flow.dstPort;
  if (protocol !== PROTO.icmp && protocol !== PROTO.icmpv6) return 0;
  if (flow.icmpType < 0) return 0;
  if (!isIcmpQuery(protocol, flow.icmpType)) return (flow.icmpType << 8) | Math.max(0, flow.icmpCode);
  return question(protocol, flow.icmpType) << 8;
}

/** The ICMP type that asks for what this type answers or asks for: RFC 792, RFC 950, RFC 1256, RFC 4443, RFC 4861. */
function question(protocol: number, type: number): number {
  if (protocol === PROTO.icmpv6)
    return type === 129 ? 128 : type === 131 ? 130 : type === 134 ? 133 : type === 136 ? 135 : type;
  return type === 0 ? 8 : type === 14 ? 13 : type === 16 ? 15 : type === 18 ? 17 : type === 9 ? 10 : type;
}

const RANKS = new Map<number, Uint8Array>();

/**
 * How likely a port is the server's: 3 a known service, 2 a system port, 1 a registered one, 0 a dynamic one; undefined for other protocols than TCP and UDP. Made when it is first asked for, as most runs have no
 * need of it.
 */
function ranksOf(protocol: number): Uint8Array | undefined {
  if (protocol !== PROTO.tcp && protocol !== PROTO.udp) return undefined;
  let ranks = RANKS.get(protocol);
  if (ranks === undefined) {
    ranks = Uint8Array.from({ length: 65_536 }, (_, port) =>
      port === 0 ? 0 : serviceByPort(protocol, port) !== undefined ? 3 : port < 1024 ? 2 : port < 32_768 ? 1 : 0,
    );
    RANKS.set(protocol, ranks);
  }
  return ranks;
}

const ID_TEXT = new Uint8Array(COMMUNITY_ID_LENGTH);

/** Joins exported records into rows of `FLOW_SCHEMA`. Memory is bounded by `maxFlows`. */
export class FlowPairing {
  readonly options: PairingOptions;
  /** Takes each table as it is full, and the last at `flush`. */
  onTable: ((table: Table) => void) | undefined;
  /** Rows written so far. */
  rows = 0;
  /** Rows that have both directions from records of each. */
  paired = 0;
  /** Records that another one of the same flow and direction had told of: seen going in and going out. */
  seenTwice = 0;
  /** Records that were added to an earlier one of the same direction. */
  joined = 0;
  live = 0;
  peakLive = 0;

  #oddities: OddityCounter;
  #table = new Map<number, Held>();
  #buckets = new Map<number, Held[]>();
  #clock = Number.NaN;
  #tick = Number.NEGATIVE_INFINITY;
  #free: Held[] = [];
  #builder: TableBuilder;

  constructor(oddities: OddityCounter, options: Partial<PairingOptions> = {}) {
    this.options = { ...DEFAULT_PAIRING, ...options };
    this.#oddities = oddities;
    this.#builder = new TableBuilder(FLOW_SCHEMA, this.options.batchRows);
  }

  /**
   * Takes in a record; its times are settled and its addresses known. `rate` is how many packets of the wire each of its packets stands for, `arrivalMs` the time of its datagram.
   * @param isPacketSample the record is one sampled packet, not a flow.
   */
  add(
    flow: ExportedFlow,
    exporter: PairingExporter,
    arrivalMs: number,
    rate: number,
    facts: RecordFacts | undefined,
    isPacketSample = false,
  ): void {
    this.advance(arrivalMs);
    const now = this.#clock;
    const startMs = Number.isNaN(flow.startMs) ? (Number.isNaN(flow.endMs) ? arrivalMs : flow.endMs) : flow.startMs;
    const endMs = Math.max(startMs, Number.isNaN(flow.endMs) ? startMs : flow.endMs);
    const hash = this.#hash(flow, exporter.number);
    let held = this.#table.get(hash);
    while (held !== undefined && !(held.exporter === exporter && this.#sideOf(held, flow) >= 0)) held = held.next;
    if (held !== undefined && !held.dormant && this.#isAnother(held, flow, startMs)) {
      this.#write(held, 'reuse');
      held.empty(false);
      held.since = now;
    }
    if (held === undefined) {
      if (this.live >= this.options.maxFlows) this.#evict();
      held = this.#free.pop() ?? new Held();
      held.begin(hash, exporter, flow);
      held.since = now;
      held.next = this.#table.get(hash);
      this.#table.set(hash, held);
      this.live++;
      if (this.live > this.peakLive) this.peakLive = this.live;
    } else if (held.dormant) {
      held.dormant = false;
      held.since = now;
    }
    const side = this.#sideOf(held, flow);
    held.last = now;
    this.#merge(held, side, flow, startMs, endMs, rate, isPacketSample);
    if (facts !== undefined) held.facts = held.facts === undefined ? facts : { ...facts, ...held.facts };
    this.#schedule(held, now);
  }

  /** Moves the clock and writes what is due. */
  advance(nowMs: number): void {
    if (!Number.isFinite(nowMs)) return;
    if (nowMs < this.#clock - CLOCK_RESET_MS) {
      this.#writeAll('end');
      this.#clock = nowMs;
      this.#tick = Math.floor(nowMs / TICK_MS);
      return;
    }
    if (!(nowMs <= this.#clock)) this.#clock = nowMs;
    const tick = Math.floor(this.#clock / TICK_MS);
    if (tick <= this.#tick) return;
    this.#tick = tick;
    // There are never more buckets than seconds in the longest wait, however far the clock jumps.
    const due = [...this.#buckets.keys()].filter((t) => t < tick).sort((a, b) => a - b);
    for (const t of due) {
      const bucket = this.#buckets.get(t) ?? [];
      this.#buckets.delete(t);
      for (const held of bucket) {
        held.bucket = undefined;
        if (held.due > this.#clock) this.#enqueue(held);
        else this.#expire(held);
      }
    }
  }

  /** Gives the rows that are written so far to `onTable`. */
  flush(): void {
    if (this.#builder.rowCount > 0) this.onTable?.(this.#builder.finish());
  }

  /** Writes everything: the input has ended. */
  finish(): void {
    this.#writeAll('end');
    this.flush();
  }

  #writeAll(reason: string): void {
    for (const first of [...this.#table.values()])
      for (let held: Held | undefined = first; held !== undefined; held = held.next) {
        if (!held.dormant) this.#write(held, this.#closed(held) ?? reason);
        held.bucket = undefined;
      }
    this.#table.clear();
    this.#buckets.clear();
    this.live = 0;
  }

  #hash(flow: ExportedFlow, exporter: number): number {
    const { src, dst, protocol } = flow;
    const seed = this.options.hashSeed;
    let a = mix(seed, keyPort(flow, 0) + 1);
    let b = mix(seed, keyPort(flow, 1) + 1);
    const words = flow.isV6 === 1 ? 4 : 1;
    for (let i = 0; i < words; i++) {
      a = mix(a, src[i] ?? 0);
      b = mix(b, dst[i] ?? 0);
    }
    // The same in both directions.
    return mix(mix(a ^ b, Math.imul(a, b)), (exporter << 9) | (flow.isV6 << 8) | protocol);
  }

  /** 0 when the record goes from side 0 to side 1, 1 for the other way, -1 for another flow. */
  #sideOf(held: Held, flow: ExportedFlow): number {
    if (held.protocol !== flow.protocol || held.isV6 !== flow.isV6) return -1;
    const { src, dst } = flow;
    const a = held.address;
    const from = keyPort(flow, 0);
    const to = keyPort(flow, 1);
    if (
      held.port0 === from &&
      held.port1 === to &&
      a[0] === src[0] &&
      a[1] === src[1] &&
      a[2] === src[2] &&
      a[3] === src[3] &&
      a[4] === dst[0] &&
      a[5] === dst[1] &&
      a[6] === dst[2] &&
      a[7] === dst[3]
    )
      return 0;
    if (
      held.port0 === to &&
      held.port1 === from &&
      a[0] === dst[0] &&
      a[1] === dst[1] &&
      a[2] === dst[2] &&
      a[3] === dst[3] &&
      a[4] === src[0] &&
      a[5] === src[1] &&
      a[6] === src[2] &&
      a[7] === src[3]
    )
      return isOneWay(flow) ? -1 : 1;
    return -1;
  }

  /** Whether the record begins another flow on the same ports: after the end of the one that is held, or long after its last packet. */
  #isAnother(held: Held, flow: ExportedFlow, startMs: number): boolean {
    if (startMs <= held.endMs) return false;
    if (startMs - held.endMs > this.options.joinMs) return true;
    if (held.protocol !== PROTO.tcp || flow.tcpFlags < 0 || (flow.tcpFlags & TCP_SYN) === 0) return false;
    // The side that begins again has ended before; the other's answer to a SYN is no new beginning.
    const flags = this.#sideOf(held, flow) === 0 ? held.flags0 : held.flags1;
    return flags >= 0 && (flags & (TCP_FIN | TCP_RST)) !== 0 && (flags & TCP_SYN) !== 0;
  }

  #merge(
    held: Held,
    side: number,
    flow: ExportedFlow,
    startMs: number,
    endMs: number,
    rate: number,
    isPacketSample: boolean,
  ): void {
    const ended = hasEnded(flow);
    const octets = Number.isNaN(flow.layer2Octets) ? flow.octets : flow.layer2Octets;
    const isBack = flow.reversePackets > 0 || flow.reverseOctets > 0;
    const isBiflow = !Number.isNaN(flow.reversePackets) || !Number.isNaN(flow.reverseOctets);
    const known = side === 0 ? held.way0 : held.way1;
    if (known >= 0 && flow.direction >= 0 && flow.direction !== known) {
      // The router looked at the same packets where they came in and where they went out.
      this.seenTwice++;
      return;
    }
    if (side === 0 ? held.seen0 : held.seen1) this.joined++;
    if (!(held.seen0 && held.seen1) && (side === 0 ? held.seen1 : held.seen0)) held.exporter.bothWays++;
    if (isBiflow) {
      if (!held.isBiflow) held.exporter.bothWays++;
      held.isBiflow = true;
    }
    if (rate > 1) held.isSampled = true;
    if (isPacketSample) held.isPacketSample = true;
    const startBefore = held.startMs;
    this.#count(held, side, flow.packets * rate, octets * rate, flow.isTotal && startMs === startBefore);
    if (isBiflow)
      this.#count(
        held,
        1 - side,
        flow.reversePackets * rate,
        flow.reverseOctets * rate,
        flow.isTotal && startMs === startBefore,
      );
    if (side === 0) {
      held.seen0 = true;
      held.ended0 = ended;
      if (flow.direction >= 0) held.way0 = flow.direction;
      if (!(held.start0 <= startMs)) held.start0 = startMs;
      if (!(held.end0 >= endMs)) held.end0 = endMs;
    } else {
      held.seen1 = true;
      held.ended1 = ended;
      if (flow.direction >= 0) held.way1 = flow.direction;
      if (!(held.start1 <= startMs)) held.start1 = startMs;
      if (!(held.end1 >= endMs)) held.end1 = endMs;
    }
    if (isBiflow) {
      held.ended0 = held.ended1 = ended;
      if (isBack) {
        if (side === 0) held.seen1 = true;
        else held.seen0 = true;
      }
      // A biflow's source is its initiator unless it says otherwise (RFC 5103 section 6.3; Cisco's initiator and responder).
      if (held.initiator < 0) held.initiator = flow.biflowDirection === 2 ? 1 - side : side;
    }
    if (flow.protocol === PROTO.tcp) {
      if (flow.tcpFlags >= 0) {
        if (side === 0) held.flags0 = Math.max(0, held.flags0) | flow.tcpFlags;
        else held.flags1 = Math.max(0, held.flags1) | flow.tcpFlags;
      }
      if (flow.reverseTcpFlags >= 0 && isBack) {
        if (side === 0) held.flags1 = Math.max(0, held.flags1) | flow.reverseTcpFlags;
        else held.flags0 = Math.max(0, held.flags0) | flow.reverseTcpFlags;
      }
    }
    if (startMs < held.startMs) held.startMs = startMs;
    if (endMs > held.endMs) held.endMs = endMs;
    if (flow.endReason > 0) held.reason = flow.endReason;
    if (flow.icmpType >= 0 && (flow.protocol === PROTO.icmp || flow.protocol === PROTO.icmpv6)) {
      const asks = question(flow.protocol, flow.icmpType) === flow.icmpType;
      if (held.icmpType < 0 || asks) {
        held.icmpType = flow.icmpType;
        held.icmpCode = flow.icmpCode;
        held.icmpSide = side;
      }
      if (isIcmpQuery(flow.protocol, flow.icmpType) && held.initiator < 0) held.initiator = asks ? side : 1 - side;
    }
    if (held.vlan < 0) held.vlan = flow.vlan;
    if (flow.srcMac >= 0 && (side === 0 ? held.mac0 : held.mac1) === undefined) {
      const mac = formatMac(flow.bytes, flow.srcMac);
      if (side === 0) held.mac0 = mac;
      else held.mac1 = mac;
    }
    if (flow.dstMac >= 0 && (side === 0 ? held.mac1 : held.mac0) === undefined) {
      const mac = formatMac(flow.bytes, flow.dstMac);
      if (side === 0) held.mac1 = mac;
      else held.mac0 = mac;
    }
  }

  /** Adds to the counts of a side; a running total replaces what it repeats. */
  #count(held: Held, side: number, packets: number, octets: number, isRepeat: boolean): void {
    if (side === 0) {
      held.packets0 = together(held.packets0, packets, isRepeat);
      held.octets0 = together(held.octets0, octets, isRepeat);
    } else {
      held.packets1 = together(held.packets1, packets, isRepeat);
      held.octets1 = together(held.octets1, octets, isRepeat);
    }
  }

  #schedule(held: Held, now: number): void {
    const { pairMs, joinMs, lingerMs, holdMs } = this.options;
    const both = held.seen0 && held.seen1;
    const isOver = (!held.seen0 || held.ended0) && (!held.seen1 || held.ended1);
    let wait = joinMs;
    if (isOver) wait = held.isBiflow ? 0 : both || isGroup(held, 1) ? lingerMs : pairMs;
    held.due = Math.min(now + wait, held.since + holdMs);
    this.#enqueue(held);
  }

  #enqueue(held: Held): void {
    const tick = Math.max(Math.floor(held.due / TICK_MS), this.#tick);
    // Still waiting in an earlier bucket, it is looked at there and goes on to its own.
    if (held.bucket !== undefined && held.tick <= tick) return;
    this.#leaveBucket(held);
    let bucket = this.#buckets.get(tick);
    if (bucket === undefined) {
      bucket = [];
      this.#buckets.set(tick, bucket);
    }
    held.tick = tick;
    held.bucket = bucket;
    held.index = bucket.length;
    bucket.push(held);
  }

  #leaveBucket(held: Held): void {
    const { bucket } = held;
    if (bucket === undefined) return;
    held.bucket = undefined;
    const last = bucket.pop();
    if (last === undefined || last === held) return;
    bucket[held.index] = last;
    last.index = held.index;
  }

  #expire(held: Held): void {
    const { holdMs, joinMs } = this.options;
    const isOver = (!held.seen0 || held.ended0) && (!held.seen1 || held.ended1);
    const goesOn = !held.dormant && !isOver && held.last + joinMs > held.since + holdMs;
    if (!held.dormant) this.#write(held, goesOn ? 'active' : (this.#closed(held) ?? 'idle'));
    if (!goesOn) {
      this.#remove(held);
      return;
    }
    held.empty(true);
    held.due = this.#clock + this.options.joinMs;
    this.#enqueue(held);
  }

  #remove(held: Held): void {
    this.#leaveBucket(held);
    this.live--;
    const first = this.#table.get(held.hash);
    if (first === held) {
      if (held.next === undefined) this.#table.delete(held.hash);
      else this.#table.set(held.hash, held.next);
    } else
      for (let before = first; before !== undefined; before = before.next)
        if (before.next === held) {
          before.next = held.next;
          break;
        }
    held.next = undefined;
    held.facts = undefined;
    held.exporter = NOBODY;
    this.#free.push(held);
  }

  /** Makes room: a part of what would be written next is written now. */
  #evict(): void {
    let room = Math.max(1, this.options.maxFlows >> 6);
    for (const t of [...this.#buckets.keys()].sort((a, b) => a - b)) {
      const bucket = this.#buckets.get(t) ?? [];
      for (let held = bucket.at(-1); held !== undefined && room > 0; held = bucket.at(-1)) {
        if (!held.dormant) {
          this.#write(held, this.#closed(held) ?? 'evicted');
          this.#oddities.count(ODDITY['flow.evicted']);
        }
        this.#remove(held);
        room--;
      }
      if (bucket.length === 0) this.#buckets.delete(t);
      if (room === 0) return;
    }
  }

  /** The reason that the records themselves give. */
  #closed(held: Held): string | undefined {
    const flags = Math.max(0, held.flags0) | Math.max(0, held.flags1);
    if (held.isPacketSample) return undefined;
    if ((flags & TCP_RST) !== 0) return 'rst';
    if ((flags & TCP_FIN) !== 0) return 'fin';
    if (held.reason === REASON_IDLE) return 'idle';
    return held.reason === REASON_FORCED ? 'evicted' : undefined;
  }

  #initiator(held: Held): number {
    if (held.initiator >= 0) return held.initiator;
    const { flags0, flags1, protocol } = held;
    const isTimeTold = !held.isSampled && held.seen0 && held.seen1 && held.start0 !== held.start1;
    if (protocol === PROTO.tcp) {
      const asks0 = isBareSyn(flags0);
      const asks1 = isBareSyn(flags1);
      if (asks0 !== asks1) return asks0 ? 0 : 1;
      // A side that resets and never set SYN has refused the other's.
      const refuses0 =
        flags0 >= 0 && (flags0 & (TCP_SYN | TCP_RST)) === TCP_RST && flags1 >= 0 && (flags1 & TCP_SYN) !== 0;
      const refuses1 =
        flags1 >= 0 && (flags1 & (TCP_SYN | TCP_RST)) === TCP_RST && flags0 >= 0 && (flags0 & TCP_SYN) !== 0;
      if (refuses0 !== refuses1) return refuses0 ? 1 : 0;
    }
    const earlier = held.start1 < held.start0 ? 1 : 0;
    const rank = ranksOf(protocol);
    if (rank === undefined) return isTimeTold ? earlier : 0;
    const rank0 = rank[held.port0] ?? 0;
    const rank1 = rank[held.port1] ?? 0;
    const beganSeen =
      protocol !== PROTO.tcp ||
      (flags0 < 0 && flags1 < 0) ||
      ((Math.max(0, flags0) | Math.max(0, flags1)) & TCP_SYN) !== 0;
    if (isTimeTold && beganSeen && !held.continued) return earlier;
    if (rank0 === rank1) return isTimeTold ? earlier : held.seen0 ? 0 : 1;
    // Of one direction alone, only a port that is known as a server's outweighs that it was the one that spoke.
    if (!(held.seen0 && held.seen1) && Math.max(rank0, rank1) < 2) return held.seen0 ? 0 : 1;
    return rank0 > rank1 ? 1 : 0;
  }

  #write(held: Held, reason: string): void {
    const i = this.#initiator(held);
    const { protocol, exporter } = held;
    const C = FLOW_COLUMN;
    const out = this.#builder;
    const row = out.addRow();
    this.rows++;
    if (held.seen0 && held.seen1 && !held.isBiflow) this.paired++;
    out.setNumber(C.id, row, this.rows);
    out.setNumber(C.startMs, row, held.startMs);
    out.setNumber(C.endMs, row, held.endMs);
    // First and last of the packets that were taken say little of when the flow began and ended.
    if (!held.isPacketSample) out.setNumber(C.durationMs, row, held.endMs - held.startMs);
    out.setText(C.protocol, row, protocolName(protocol));
    out.setText(C.initiator, row, addressText(held, i));
    out.setText(C.responder, row, addressText(held, 1 - i));
    const initiatorPort = i === 0 ? held.port0 : held.port1;
    const responderPort = i === 0 ? held.port1 : held.port0;
    const isPortProtocol = hasPorts(protocol) && initiatorPort >= 0 && responderPort >= 0;
    if (isPortProtocol) {
      out.setNumber(C.initiatorPort, row, initiatorPort);
      out.setNumber(C.responderPort, row, responderPort);
    }
    if (held.icmpType >= 0) {
      out.setNumber(C.icmpType, row, held.icmpType);
      if (held.icmpCode >= 0) out.setNumber(C.icmpCode, row, held.icmpCode);
    }
    if (held.vlan >= 0) out.setNumber(C.vlan, row, held.vlan);
    const initiatorMac = i === 0 ? held.mac0 : held.mac1;
    const responderMac = i === 0 ? held.mac1 : held.mac0;
    if (initiatorMac !== undefined) out.setText(C.initiatorMac, row, initiatorMac);
    if (responderMac !== undefined) out.setText(C.responderMac, row, responderMac);

    // A way back of which nothing came was not there, if the exporter looks at every packet and shows both ways as a rule; else nobody knows.
    if (mustHaveAnswer(held)) exporter.oneWay++;
    const isAbsenceTold = !held.isSampled && reason !== 'evicted' && exporter.bothWays >= exporter.oneWay;
    const seenR = i === 0 ? held.seen1 : held.seen0;
    // An initiator that was not seen has sent something all the same.
    const packetsI = sideCount(i === 0 ? held.packets0 : held.packets1, true, false);
    const packetsR = sideCount(i === 0 ? held.packets1 : held.packets0, seenR, isAbsenceTold);
    const octetsI = sideCount(i === 0 ? held.octets0 : held.octets1, true, false);
    const octetsR = sideCount(i === 0 ? held.octets1 : held.octets0, seenR, isAbsenceTold);
    if (packetsI !== undefined) out.setNumber(C.initiatorPackets, row, Math.min(Math.round(packetsI), MAX_PACKETS));
    if (packetsR !== undefined) out.setNumber(C.responderPackets, row, Math.min(Math.round(packetsR), MAX_PACKETS));
    if (octetsI !== undefined) out.setNumber(C.initiatorBytes, row, Math.round(octetsI));
    if (octetsR !== undefined) out.setNumber(C.responderBytes, row, Math.round(octetsR));

    const flagsI = i === 0 ? held.flags0 : held.flags1;
    const flagsR = i === 0 ? held.flags1 : held.flags0;
    if (protocol === PROTO.tcp && !held.isPacketSample) {
      if (flagsI > 0) out.setText(C.initiatorFlags, row, formatTcpFlags(flagsI));
      if (flagsR > 0) out.setText(C.responderFlags, row, formatTcpFlags(flagsR));
      const isTold = flagsI >= 0 && (flagsR >= 0 || (!seenR && isAbsenceTold));
      if (isTold && !held.isSampled) out.setText(C.tcpState, row, stateOf(flagsI, Math.max(0, flagsR)));
    }
    out.setText(C.closeReason, row, reason);
    out.setNumber(C.continued, row, held.continued ? 1 : 0);
    out.setText(C.outcome, row, outcomeOf(held, i, isAbsenceTold, flagsI, flagsR, packetsI, packetsR));
    const guess = isPortProtocol
      ? (serviceByPort(protocol, responderPort) ?? serviceByPort(protocol, initiatorPort))
      : undefined;
    const told = held.facts?.application;
    if (told !== undefined || guess !== undefined) {
      out.setText(C.service, row, told ?? guess ?? '');
      out.setText(C.serviceBasis, row, told === undefined ? 'port' : 'content');
      if (guess !== undefined) out.setText(C.portService, row, guess);
    }
    if (held.facts !== undefined) this.#writeFacts(row, held.facts);
    const isIdKnown = hasPorts(protocol)
      ? isPortProtocol
      : (protocol !== PROTO.icmp && protocol !== PROTO.icmpv6) || held.icmpType >= 0;
    if (isIdKnown) {
      const icmp = held.icmpType >= 0 ? (held.icmpType << 8) | Math.max(0, held.icmpCode) : -1;
      const from = icmp < 0 ? i : held.icmpSide;
      const { address } = held;
      writeCommunityId(
        ID_TEXT,
        0,
        address,
        4 * from,
        4 * (1 - from),
        held.isV6 === 1,
        protocol,
        initiatorPort,
        responderPort,
        icmp,
      );
      out.addPacked(C.communityId, row, ID_TEXT, COMMUNITY_ID_LENGTH);
    }
    out.setNumber(C.input, row, this.#oddities.input);
    if (out.full) this.flush();
  }

  #writeFacts(row: number, facts: RecordFacts): void {
    const C = FLOW_COLUMN;
    const out = this.#builder;
    if (facts.serverName !== undefined) out.setText(C.serverName, row, facts.serverName);
    if (facts.httpHost !== undefined) out.setText(C.httpHost, row, facts.httpHost);
    if (facts.httpRequest !== undefined) out.setText(C.httpRequest, row, facts.httpRequest);
    if (facts.httpStatus !== undefined) out.setNumber(C.httpStatus, row, facts.httpStatus);
    if (facts.client !== undefined) out.setText(C.client, row, facts.client);
    if (facts.dnsQuery !== undefined) out.setText(C.dnsQuery, row, facts.dnsQuery);
    if (facts.dnsType !== undefined) out.setText(C.dnsType, row, facts.dnsType);
    if (facts.dnsRcode !== undefined) out.setText(C.dnsRcode, row, facts.dnsRcode);
    if (facts.user !== undefined) out.setText(C.user, row, facts.user);
  }
}

function mix(hash: number, word: number): number {
  let h = Math.imul(hash ^ word, 0x9e3779b1);
  h ^= h >>> 15;
  h = Math.imul(h, 0x85ebca6b);
  return h ^ (h >>> 13);
}

/** ICMP that nobody answers: its other direction is a flow of its own. */
function isOneWay(flow: ExportedFlow): boolean {
  return (
    (flow.protocol === PROTO.icmp || flow.protocol === PROTO.icmpv6) &&
    flow.icmpType >= 0 &&
    !isIcmpQuery(flow.protocol, flow.icmpType)
  );
}

/** One direction alone of a TCP connection in which an ACK was sent: so there was something to acknowledge. */
function mustHaveAnswer(held: Held): boolean {
  if (held.protocol !== PROTO.tcp || held.isSampled || held.isBiflow || held.seen0 === held.seen1) return false;
  const flags = held.seen0 ? held.flags0 : held.flags1;
  return flags >= 0 && (flags & (TCP_ACK | TCP_RST)) === TCP_ACK;
}

function isBareSyn(flags: number): boolean {
  return flags >= 0 && (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
}

/** Whether nothing more of this direction will come, as far as the record tells. A flow of nothing but SYNs is shorter than any active timeout. */
function hasEnded(flow: ExportedFlow): boolean {
  if (flow.endReason === REASON_ACTIVE) return false;
  if (flow.endReason === REASON_IDLE || flow.endReason === REASON_END || flow.endReason === REASON_FORCED) return true;
  return (
    flow.protocol === PROTO.tcp &&
    flow.tcpFlags >= 0 &&
    ((flow.tcpFlags & (TCP_FIN | TCP_RST)) !== 0 || flow.tcpFlags === TCP_SYN)
  );
}

function together(sum: number, more: number, isRepeat: boolean): number {
  if (Number.isNaN(more)) return sum;
  if (Number.isNaN(sum)) return more;
  return isRepeat ? Math.max(sum, more) : sum + more;
}

function sideCount(count: number, seen: boolean, isAbsenceTold: boolean): number | undefined {
  if (!Number.isNaN(count)) return count;
  return !seen && isAbsenceTold ? 0 : undefined;
}

function addressText(held: Held, side: number): string {
  const { address } = held;
  const at = 4 * side;
  const word = address[at] ?? 0;
  if (held.isV6 !== 1) return formatIpv4(word);
  return formatIpv6(word, address[at + 1] ?? 0, address[at + 2] ?? 0, address[at + 3] ?? 0);
}

/** Multicast and broadcast, as far as an address shows it. */
function isGroup(held: Held, side: number): boolean {
  const word = held.address[4 * side] ?? 0;
  if (held.isV6 === 1) return word >>> 24 === 0xff;
  return word >>> 28 === 0xe || (word & 0xff) === 0xff;
}

/** The word of `tcpState` from the flags of each side: a SYN that has its ACK beside it comes from an initiator whose later packets had one, or from a responder. */
function stateOf(initiator: number, responder: number): string {
  const syn = (initiator & TCP_SYN) !== 0 ? 1 : 0;
  const synAck = (responder & (TCP_SYN | TCP_ACK)) === (TCP_SYN | TCP_ACK) ? 1 : 0;
  return tcpState(initiator | (responder << 8) | (syn << 16) | (synAck << 19), 0);
}

function outcomeOf(
  held: Held,
  i: number,
  isAbsenceTold: boolean,
  flagsI: number,
  flagsR: number,
  packetsI: number | undefined,
  packetsR: number | undefined,
): string {
  const seenI = i === 0 ? held.seen0 : held.seen1;
  const seenR = i === 0 ? held.seen1 : held.seen0;
  if (held.continued || !seenI) return 'unknown';
  // Of sampled packets, both directions show that there was an answer; one of them shows nothing.
  if (held.isSampled && !seenR) return 'unknown';
  if (held.protocol === PROTO.tcp) {
    if (held.isPacketSample) return 'unknown';
    if (flagsI < 0) return seenR ? 'answered' : isAbsenceTold ? 'unanswered' : 'unknown';
    if ((flagsI & TCP_SYN) === 0) return 'unknown';
    if (flagsR >= 0 && (flagsR & TCP_SYN) !== 0) return 'answered';
    if (flagsR >= 0 && (flagsR & TCP_RST) !== 0) return 'refused';
    if (seenR) {
      // A biflow may have the flags of both sides in one: a SYN and as many resets, and nothing else, are a refusal.
      const isBothFlags = held.isBiflow && flagsR < 0 && (flagsI & TCP_RST) !== 0;
      if (isBothFlags && (flagsI & (TCP_PSH | TCP_FIN)) === 0 && packetsI !== undefined && packetsI === packetsR)
        return 'refused';
      return 'answered';
    }
    // Whoever was answered sends an ACK or a RST, whether or not the answer was shown.
    if ((flagsI & (TCP_ACK | TCP_RST)) !== 0) return 'answered';
    return 'unanswered';
  }
  if (seenR) return 'answered';
  if (!isAbsenceTold || isGroup(held, 1 - i)) return 'unknown';
  if (held.protocol === PROTO.icmp || held.protocol === PROTO.icmpv6)
    return held.icmpType >= 0 && isIcmpQuery(held.protocol, held.icmpType) ? 'unanswered' : 'unknown';
  return held.protocol === PROTO.udp || held.protocol === PROTO.sctp ? 'unanswered' : 'unknown';
}
