import type { Table } from '../../../core/index.ts';
import {
  type ExportedFlow,
  formatMac,
  isIcmpQuery,
  ODDITY,
  type OddityCounter,
  PROTO,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from '../../../wire/index.ts';
import {
  Held,
  isGroup,
  keyPort,
  NOBODY,
  type PairingExporter,
  question,
  REASON_ACTIVE,
  REASON_END,
  REASON_FORCED,
  REASON_IDLE,
  type RecordFacts,
} from './held.ts';
import { PairedRows } from './row.ts';

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

const TICK_MS = 1000;
/** Records that are older than the clock by more than this belong to another time: what is held is written, and the clock set back. */
const CLOCK_RESET_MS = 3_600_000;

/** Joins exported records into rows of `FLOW_SCHEMA`. Memory is bounded by `maxFlows`. */
export class FlowPairing {
  readonly options: PairingOptions;
  /** Takes each table as it is full, and the last at `flush`. */
  onTable: ((table: Table) => void) | undefined;
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
  readonly #out: PairedRows;

  constructor(oddities: OddityCounter, options: Partial<PairingOptions> = {}) {
    this.options = { ...DEFAULT_PAIRING, ...options };
    this.#oddities = oddities;
    this.#out = new PairedRows(oddities, this.options.batchRows);
  }

  /** Rows written so far. */
  get rows(): number {
    return this.#out.rows;
  }

  /** Rows that have both directions from records of each. */
  get paired(): number {
    return this.#out.paired;
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
    const table = this.#out.finish();
    if (table !== undefined) this.onTable?.(table);
  }

  /** Writes everything: the input has ended. */
  finish(): void {
    this.#writeAll('end');
    this.flush();
  }

  #write(held: Held, reason: string): void {
    this.#out.write(held, reason);
    if (this.#out.full) this.flush();
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
