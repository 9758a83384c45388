import type { Table } from '../core/index.ts';
import {
  decodeFrame,
  Fragments,
  type FrameBatch,
  formatIpv4,
  formatIpv6,
  ODDITY,
  type OddityCounter,
  OTHER_KINDS_BEYOND,
  Packet,
  PROTO,
  serviceNumber,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
  type TimeBase,
} from '../wire/index.ts';
import type { ArpClaims } from './arp-claim.ts';
import { showableLength } from './first-bytes.ts';
import type { PayloadKeeper } from './payload.ts';
import { PayloadObserver } from './peek/index.ts';
import {
  F_CLOCK,
  F_END,
  F_FIRST_FRAME,
  F_IAT_MAX,
  F_IAT_MIN,
  F_IAT_SQUARES,
  F_IAT_SUM,
  F_LAST,
  F_OPENED,
  F_START,
  KEEPS_PAYLOAD,
  peekState,
  R_ADDRESS,
  R_CARRY,
  R_ERRORS,
  RECORD_BYTES,
  RECORD_F64,
  RECORD_I32,
  RecordRests,
  restAt,
  STATE_CLOSING,
  STATE_CONTINUED,
  STATE_DORMANT,
  STATE_FIRST_BYTES,
  STATE_FIRST_SIDE,
  STATE_GUESSED,
  STATE_ICMP,
  STATE_INITIATOR,
  STATE_LIVE,
  STATE_MAC,
  STATE_NO_PORTS,
  STATE_RESET,
  STATE_TUNNEL,
  type Tunnel,
  U_BYTES,
  U_PAYLOAD,
  W_ADDRESS,
  W_FIRST_BYTES,
  W_FLAGS,
  W_HASH,
  W_INPUT,
  W_KINDS,
  W_MAC,
  W_NEXT_FREE,
  W_PACKETS,
  W_PORTS,
  W_PROTOCOL,
  W_REST,
  W_SEQUENCE,
  W_STATE,
} from './record.ts';
import {
  CLOSE_ACTIVE,
  CLOSE_END,
  CLOSE_EVICTED,
  CLOSE_FIN,
  CLOSE_IDLE,
  CLOSE_REUSE,
  CLOSE_RST,
  RowWriter,
} from './row-writer.ts';
import { TcpTracker, tcpOptionHints } from './tcp-track.ts';
import { TimingWheel, WHEEL_TICKS } from './wheel.ts';

export interface FlowTableOptions {
  /** Silence after which a TCP flow is written, Zeek's default; one of nothing but SYNs goes by `idleTimeoutMs`. */
  readonly tcpIdleTimeoutMs: number;
  /** The same for every other protocol. */
  readonly idleTimeoutMs: number;
  /** A flow that runs longer is written and goes on in a new row. NetFlow's usual default. */
  readonly activeTimeoutMs: number;
  /** How long a finished TCP flow waits for stragglers. */
  readonly lingerMs: number;
  /** Live flows at most. At the cap, flows that never had an answer are written first, then those nearest to their timeout. */
  readonly maxFlows: number;
  /** Rows per table. Larger ones cost memory (16,384 rows: 282 MB at the peak of a run that takes 175 MB with 4,096) and gain no time. */
  readonly batchRows: number;
  /** Varies the hash so that chosen addresses can't collide on purpose. Changes no result. */
  readonly hashSeed: number;
}

export const DEFAULT_FLOW_OPTIONS: FlowTableOptions = {
  tcpIdleTimeoutMs: 300_000,
  idleTimeoutMs: 60_000,
  activeTimeoutMs: 1_800_000,
  lingerMs: 5_000,
  maxFlows: 65_536,
  batchRows: 4096,
  hashSeed: 0,
};

/** Slots of the hash table at first; never more than half of them are taken. */
const FIRST_SLOTS = 1024;
const TICK_NS = 1e9;
const ALARM_NS = 1e6;
const ALARM_LIMIT = 2 ** 40;
/** Ticks stay below this, so that a tick and the next are always two numbers, whatever time a damaged capture claims. */
const TICK_LIMIT = 2 ** 45;
/** So many packets in a row, each further than this behind the clock, set the clock back. */
const CLOCK_RESET_PACKETS = 64;
const CLOCK_RESET_NS = 60e9;
/** Records looked at, at most, to find flows without an answer when the table is full, and how many are written at once. */
const EVICTION_SEARCH = 1024;
const EVICTION_BATCH = 256;
/** At least so many go at once from a table of the usual size. */
const EVICTION_LEAST = 64;
const OTHER_KINDS = 256;
/** What a sum of 32 bits does not hold. */
const CARRY = 2 ** 32;

/**
 * Joins packets into bidirectional flows and writes each as a row when it ends, falls silent, has run long enough, or must make room.
 *
 * Memory is fixed by `maxFlows` (192 bytes each, touched only when used, and 48 more for those of IPv6) and the batch size. No packet is ever lost to the flow count: at the cap flows are written early, not dropped.
 */
export class FlowTable {
  readonly options: FlowTableOptions;
  /** Packets that became part of a flow, and those that belong to none by kind (see `otherFrameKind`). */
  packets = 0;
  wireBytes = 0;
  readonly otherFrames = new Map<number, number>();
  /** Rows written so far. */
  rows = 0;
  /** Takes each finished table at once, in place of `takeTables`: a jump of the clock can end all flows in one packet, and then tables would pile up. */
  onTable: ((table: Table) => void) | undefined;
  /**
   * Told of every packet that became part of a flow: where it lies in the batch, and by which input and frame number (columns `input` and `firstFrame`) its row will be known.
   */
  onPacket: ((batch: FrameBatch, i: number, input: number, firstFrame: number) => void) | undefined;
  /** Told of every frame that belongs to no flow, with its time; the packet is valid until it returns. */
  onOther: ((packet: Packet, timeNs: number) => void) | undefined;
  /** Keeps the first payload of flows on chosen ports, and hands it out as their rows are written. Set before the first packet; usually nobody asks for it. */
  payloads: PayloadKeeper | undefined;
  /** Told of every ARP packet. Set before the first packet. */
  arpClaims: ArpClaims | undefined;
  /** Live flows now, and the most there ever were. */
  live = 0;
  peakLive = 0;

  #oddities: OddityCounter;
  #seed: number;
  #packet = new Packet();
  #fragments = new Fragments();
  #f: Float64Array;
  #w: Int32Array;
  #u: Uint32Array;
  #bytes: Uint8Array;
  #observer: PayloadObserver;
  #tracker: TcpTracker;
  #rests = new RecordRests();
  #tunnels = new Map<number, Tunnel>();
  #quote = new Packet();
  #free = -1;
  #fresh = 0;
  #slots: Int32Array;
  #mask: number;
  #wheel: TimingWheel;
  #tick = 0;
  #clock = Number.NaN;
  /** Before this the wheel need not turn. */
  #alarm = Number.NEGATIVE_INFINITY;
  #behind = 0;
  #rowWriter: RowWriter;
  #finished: Table[] = [];
  #tcpIdleNs: number;
  #idleNs: number;
  #activeNs: number;
  #lingerNs: number;
  /** The shortest of the three. */
  #leastNs: number;

  constructor(base: TimeBase, oddities: OddityCounter, options: Partial<FlowTableOptions> = {}) {
    this.options = { ...DEFAULT_FLOW_OPTIONS, ...options };
    const { tcpIdleTimeoutMs, idleTimeoutMs, activeTimeoutMs, lingerMs, maxFlows, batchRows } = this.options;
    this.#oddities = oddities;
    this.#seed = this.options.hashSeed;
    const buffer = new ArrayBuffer(maxFlows * RECORD_BYTES);
    this.#f = new Float64Array(buffer);
    this.#w = new Int32Array(buffer);
    this.#u = new Uint32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#slots = new Int32Array(2 * FIRST_SLOTS);
    this.#mask = FIRST_SLOTS - 1;
    this.#observer = new PayloadObserver(maxFlows, oddities);
    this.#tracker = new TcpTracker(maxFlows);
    this.#wheel = new TimingWheel(maxFlows);
    this.#rowWriter = new RowWriter(
      {
        w: this.#w,
        u: this.#u,
        f: this.#f,
        bytes: this.#bytes,
        rests: this.#rests,
        tunnels: this.#tunnels,
        tracker: this.#tracker,
        observer: this.#observer,
      },
      base,
      batchRows,
    );
    this.#tcpIdleNs = tcpIdleTimeoutMs * 1e6;
    this.#idleNs = idleTimeoutMs * 1e6;
    this.#activeNs = activeTimeoutMs * 1e6;
    this.#lingerNs = lingerMs * 1e6;
    this.#leastNs = Math.min(this.#tcpIdleNs, this.#idleNs, this.#lingerNs);
  }

  /** Takes in all frames of a batch. Finished rows wait in `takeTables`. */
  process(batch: FrameBatch): void {
    const { bytes, view, offset, captureLength, wireLength, linkType, timeNs, firstFrame, input } = batch;
    const packet = this.#packet;
    const oddities = this.#oddities;
    const fragments = this.#fragments;
    let wireBytes = 0;
    for (let i = 0; i < batch.count; i++) {
      const time = timeNs[i];
      const onWire = wireLength[i];
      wireBytes += onWire;
      oddities.frame = firstFrame + i;
      fragments.timeNs = time;
      packet.timeNs = time;
      if (decodeFrame(bytes, view, offset[i], captureLength[i], onWire, linkType[i], packet, fragments, oddities)) {
        if (time >= this.#clock && time < this.#alarm) {
          this.#clock = time;
          this.#behind = 0;
        } else this.#advanceClock(time);
        if (packet.protocol === PROTO.arp) this.arpClaims?.observe(packet, time);
        const ref = this.#update(packet, onWire, firstFrame + i, input);
        if (this.onPacket !== undefined)
          this.onPacket(batch, i, this.#w[ref * RECORD_I32 + W_INPUT], this.#f[ref * RECORD_F64 + F_FIRST_FRAME]);
      } else {
        this.#countOther(packet.other);
        this.onOther?.(packet, time);
      }
    }
    this.wireBytes += wireBytes;
  }

  /** Writes every live flow: the input has ended. */
  finish(): void {
    this.#fragments.finish(this.#oddities);
    const w = this.#w;
    // In order of record number: the order does not depend on addresses or hashes.
    for (let ref = 0; ref < this.#fresh; ref++) {
      if ((w[ref * RECORD_I32 + W_STATE] & STATE_LIVE) !== 0) {
        this.#write(ref, (w[ref * RECORD_I32 + W_STATE] & STATE_CLOSING) !== 0 ? this.#closing(ref) : CLOSE_END);
        this.#remove(ref);
      }
    }
    this.#flush();
  }

  /** Tables of finished flows, in the order in which the flows ended. */
  takeTables(): Table[] {
    const tables = this.#finished;
    this.#finished = [];
    return tables;
  }

  /** Takes the arrays of a table from `takeTables` back for the next one; nobody may look at it again. */
  recycle(table: Table): void {
    this.#rowWriter.recycle(table);
  }

  #countOther(kind: number): void {
    const known = this.otherFrames.get(kind);
    if (known !== undefined || this.otherFrames.size < OTHER_KINDS) this.otherFrames.set(kind, (known ?? 0) + 1);
    else this.otherFrames.set(OTHER_KINDS_BEYOND, (this.otherFrames.get(OTHER_KINDS_BEYOND) ?? 0) + 1);
  }

  #advanceClock(timeNs: number): void {
    if (timeNs >= this.#clock) {
      this.#clock = timeNs;
      this.#behind = 0;
      const tick = tickOf(timeNs);
      if (tick > this.#tick) this.#turnWheel(tick);
      this.#setAlarm();
    } else if (timeNs < this.#clock) {
      this.#oddities.count(ODDITY['time.backwards']);
      if (this.#clock - timeNs > CLOCK_RESET_NS && ++this.#behind >= CLOCK_RESET_PACKETS) {
        this.#oddities.count(ODDITY['time.clock-reset']);
        this.#clock = timeNs;
        this.#tick = tickOf(timeNs);
        this.#setAlarm();
        this.#behind = 0;
      }
    } else {
      this.#clock = timeNs;
      this.#tick = tickOf(timeNs);
      this.#setAlarm();
    }
  }

  /** Until a little before the next tick (a time that is divided is rounded) nothing but the clock moves. A damaged capture's times may be so large that a little is too little. */
  #setAlarm(): void {
    const tick = this.#tick;
    this.#alarm = Math.abs(tick) < ALARM_LIMIT ? (tick + 1) * TICK_NS - ALARM_NS : Number.NEGATIVE_INFINITY;
  }

  // The time is a member of the packet: as an argument of every call it would be an object each time.
  #update(packet: Packet, wireLength: number, frame: number, input: number): number {
    this.packets++;
    const { timeNs } = packet;
    const w = this.#w;
    const u = this.#u;
    const f = this.#f;
    const clock = this.#clock;
    const d = side(packet);
    const low = d === 0 ? packet.src0 : packet.dst0;
    const high = d === 0 ? packet.dst0 : packet.src0;
    const ends = ports(packet, d);
    const hash = this.#hash(packet, d, low, high, ends);
    let ref = this.#find(packet, d, low, high, ends, hash);
    let created = false;
    if (ref < 0) {
      ref = this.#add(packet, d, ends, hash, timeNs, frame, input);
      created = true;
    } else if (
      // What may begin a new row, seen at a glance.
      clock - f[ref * RECORD_F64 + F_CLOCK] > this.#leastNs ||
      clock - f[ref * RECORD_F64 + F_OPENED] > this.#activeNs ||
      (packet.tcpFlags & TCP_SYN) !== 0 ||
      packet.src0 === 0
    ) {
      if (this.#mustSplit(packet, d, ref)) created = this.#split(ref, packet, d, timeNs, frame, input);
    }
    const rw = ref * RECORD_I32;
    const rf = ref * RECORD_F64;
    if ((w[rw + W_STATE] & STATE_DORMANT) !== 0) this.#wake(ref, timeNs, frame, input);
    else if (!created) {
      let gap = timeNs - f[rf + F_LAST];
      if (gap < 0) gap = 0;
      f[rf + F_IAT_SUM] += gap;
      f[rf + F_IAT_SQUARES] += gap * gap;
      if (gap < f[rf + F_IAT_MIN]) f[rf + F_IAT_MIN] = gap;
      if (gap > f[rf + F_IAT_MAX]) f[rf + F_IAT_MAX] = gap;
      if (timeNs > f[rf + F_END]) f[rf + F_END] = timeNs;
      else if (timeNs < f[rf + F_START]) f[rf + F_START] = timeNs;
    }
    f[rf + F_LAST] = timeNs;
    f[rf + F_CLOCK] = clock;
    w[rw + W_PACKETS + d]++;
    const bytes = u[rw + U_BYTES + d] + wireLength;
    u[rw + U_BYTES + d] = bytes;
    if (bytes >= CARRY) this.#carry(ref, U_BYTES + d);
    const payload = u[rw + U_PAYLOAD + d] + packet.payloadLength;
    u[rw + U_PAYLOAD + d] = payload;
    if (payload >= CARRY) this.#carry(ref, U_PAYLOAD + d);
    if (packet.protocol === PROTO.tcp) this.#updateTcp(packet, d, ref);
    else if (packet.quoted !== 0) this.#creditError(packet);
    if (packet.payloadCaptured > 0) {
      this.#observer.payload(packet, ref, d, ((w[rw + W_STATE] & STATE_INITIATOR) !== 0 ? 1 : 0) === d);
      // One test for both: no first bytes yet (0), or KEEPS_PAYLOAD and whatever stands below it (32 to 63).
      if (((peekState(w[rw + W_STATE], d) - 1) & 63) >= 31) this.#keepFirstBytes(packet, d, ref);
    }
    return ref;
  }

  /** One of the record's sums has gone beyond 32 bits. */
  #carry(ref: number, which: number): void {
    const at = this.#rest(ref) + R_CARRY + which - U_BYTES;
    this.#rests.words[at]++;
  }

  /** Where the record's row in `#rests` begins; it has one from now on. */
  #rest(ref: number): number {
    const at = ref * RECORD_I32 + W_REST;
    if (this.#w[at] === 0) this.#w[at] = this.#rests.take();
    return restAt(this.#w[at]);
  }

  /** Begins a new row in place of the one that has the packet's key. @returns whether it is another flow's. */
  #split(ref: number, packet: Packet, d: number, timeNs: number, frame: number, input: number): boolean {
    const continued = this.#splitReason === CLOSE_ACTIVE;
    this.#write(ref, this.#splitReason);
    if (continued) this.#empty(ref, STATE_CONTINUED);
    else this.#open(ref, packet, d, timeNs, frame, input);
    return !continued;
  }

  #updateTcp(packet: Packet, d: number, ref: number): void {
    const w = this.#w;
    const rw = ref * RECORD_I32;
    const flags = packet.tcpFlags;
    if (packet.tcpOptions >= 0 && packet.isLaterFragment === 0) {
      // Options matter on SYNs (window scale) and bare ACKs (SACK).
      const hints =
        packet.payload > packet.tcpOptions && ((flags & TCP_SYN) !== 0 || packet.payloadLength === 0)
          ? tcpOptionHints(
              packet.bytes,
              packet.tcpOptions,
              Math.min(packet.payload, packet.payload + packet.payloadCaptured),
            )
          : 0;
      this.#tracker.segment(
        ref,
        d,
        packet.timeNs,
        packet.tcpSequence,
        packet.tcpAcknowledgement,
        flags,
        packet.tcpWindow,
        packet.payloadLength,
        hints,
      );
    }
    let seen = w[rw + W_FLAGS] | (flags << (8 * d));
    if ((flags & TCP_SYN) !== 0) {
      this.#observer.stitcher.start(ref, d, packet.tcpSequence);
      this.payloads?.start(ref, d, packet.tcpSequence);
      if ((flags & TCP_ACK) !== 0) {
        seen |= 1 << (18 + d);
        // The initiator of a handshake is whoever the SYN-ACK goes to.
        if ((w[rw + W_STATE] & STATE_GUESSED) !== 0) this.#setInitiator(ref, 1 - d);
      } else {
        seen |= 1 << (16 + d);
        w[rw + W_SEQUENCE] = packet.tcpSequence;
        if ((w[rw + W_STATE] & STATE_GUESSED) !== 0) this.#setInitiator(ref, d);
      }
    }
    w[rw + W_FLAGS] = seen;
    if ((flags & (TCP_RST | TCP_FIN)) !== 0 && (w[rw + W_STATE] & STATE_CLOSING) === 0) {
      if ((flags & TCP_RST) !== 0) this.#close(ref, STATE_CLOSING | STATE_RESET);
      else if ((seen & TCP_FIN) !== 0 && ((seen >> 8) & TCP_FIN) !== 0) this.#close(ref, STATE_CLOSING);
    }
  }

  #setInitiator(ref: number, d: number): void {
    const at = ref * RECORD_I32 + W_STATE;
    this.#w[at] = (this.#w[at] & ~(STATE_INITIATOR | STATE_GUESSED)) | (d === 1 ? STATE_INITIATOR : 0);
  }

  #close(ref: number, bits: number): void {
    this.#w[ref * RECORD_I32 + W_STATE] |= bits;
    this.#wheel.remove(ref);
    this.#schedule(ref, this.#clock + this.#lingerNs);
  }

  #splitReason: number = CLOSE_END;

  /** Whether the packet begins a new row in place of the one that has its key; sets #splitReason. */
  #mustSplit(packet: Packet, d: number, ref: number): boolean {
    const w = this.#w;
    const rw = ref * RECORD_I32;
    const rf = ref * RECORD_F64;
    const state = w[rw + W_STATE];
    const closing = (state & STATE_CLOSING) !== 0;
    if (this.#clock - this.#f[rf + F_CLOCK] > (closing ? this.#lingerNs : this.#idleTimeout(ref))) {
      this.#splitReason = closing ? this.#closing(ref) : CLOSE_IDLE;
      return true;
    }
    if (packet.protocol === PROTO.tcp && (packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN) {
      const seen = w[rw + W_FLAGS];
      const began = ((seen >> (16 + d)) & 1) !== 0;
      // A connection that began before the capture or in an earlier row may have no SYN to compare with: once it is closed or cut, a SYN is a new one's.
      const over = closing || (state & STATE_CONTINUED) !== 0 || (began && (seen & ((1 << 18) | (1 << 19))) !== 0);
      if (over && w[rw + W_SEQUENCE] !== packet.tcpSequence) {
        this.#splitReason = closing ? this.#closing(ref) : CLOSE_REUSE;
        return true;
      }
    }
    if (packet.src0 === 0 && packet.isV6 === 0 && packet.protocol === PROTO.udp && this.#isOthers(packet, d, ref)) {
      this.#splitReason = CLOSE_REUSE;
      return true;
    }
    if (this.#clock - this.#f[rf + F_OPENED] > this.#activeNs && (state & STATE_DORMANT) === 0) {
      this.#splitReason = CLOSE_ACTIVE;
      return true;
    }
    return false;
  }

  /** 0.0.0.0 is whoever has no address yet (DHCP, RFC 2131): two senders of one moment are told apart by their hardware addresses, or the second one's name would be lost. */
  #isOthers(packet: Packet, d: number, ref: number): boolean {
    const state = this.#w[ref * RECORD_I32 + W_STATE];
    if ((state & STATE_MAC) === 0 || packet.sourceMac < 0 || ((state & STATE_FIRST_SIDE) !== 0) !== (d === 1))
      return false;
    const at = (ref * RECORD_I32 + W_MAC) * 4 + 6;
    for (let i = 0; i < 6; i++) if (this.#bytes[at + i] !== packet.bytes[packet.sourceMac + i]) return true;
    return false;
  }

  #closing(ref: number): number {
    return (this.#w[ref * RECORD_I32 + W_STATE] & STATE_RESET) !== 0 ? CLOSE_RST : CLOSE_FIN;
  }

  /** A TCP flow that is nothing but SYNs so far is an attempt, and attempts end like other protocols' flows: long before a silent connection would. */
  #idleTimeout(ref: number): number {
    const w = this.#w;
    const rw = ref * RECORD_I32;
    if ((w[rw + W_PROTOCOL] & 511) !== PROTO.tcp) return this.#idleNs;
    // The active timeout has emptied the flags, so they say nothing of what the connection was.
    if ((w[rw + W_STATE] & STATE_CONTINUED) !== 0) return this.#tcpIdleNs;
    return (w[rw + W_FLAGS] & ((TCP_ACK | TCP_RST | TCP_FIN) * 0x101)) === 0 ? this.#idleNs : this.#tcpIdleNs;
  }

  // ---- hash table: open addressing, linear probing, load at most one half, backward-shift deletion ----

  /** Murmur3's mixing (Appleby), word after word from the seed: with a seed that nobody outside knows, keys can't be chosen to collide. */
  #hash(packet: Packet, d: number, low: number, high: number, ends: number): number {
    let h = mixWord(mixWord(this.#seed, low), high);
    if (packet.isV6 !== 0) h = mixV6(h, packet, d);
    h = mixWord(h, ends) ^ packet.protocol;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  }

  /** @param low first word of side 0's address. @param high of side 1's. @param ends both ports. @returns -1 when there is no such flow. */
  #find(packet: Packet, d: number, low: number, high: number, ends: number, hash: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    const w = this.#w;
    const kind = packet.protocol | (packet.isV6 << 9);
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const entry = slots[2 * i + 1];
      if (entry === 0) return -1;
      if (slots[2 * i] !== hash) continue;
      const rw = (entry - 1) * RECORD_I32;
      if (
        w[rw + W_PORTS] === ends &&
        w[rw + W_PROTOCOL] === kind &&
        w[rw + W_ADDRESS] === low &&
        w[rw + W_ADDRESS + 1] === high &&
        (packet.isV6 === 0 || this.#isSameV6(packet, d, rw))
      )
        return entry - 1;
    }
  }

  #isSameV6(packet: Packet, d: number, rw: number): boolean {
    const { words } = this.#rests;
    const at = restAt(this.#w[rw + W_REST]) + R_ADDRESS;
    const from = at + 3 * d;
    const to = at + 3 * (1 - d);
    return (
      words[from] === packet.src1 &&
      words[from + 1] === packet.src2 &&
      words[from + 2] === packet.src3 &&
      words[to] === packet.dst1 &&
      words[to + 1] === packet.dst2 &&
      words[to + 2] === packet.dst3
    );
  }

  /** Twice the slots: a table as small as its flows allow stays in the processor's caches. */
  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length);
    this.#mask = old.length - 1;
    for (let i = 0; i < old.length; i += 2) if (old[i + 1] !== 0) this.#insert(old[i], old[i + 1] - 1);
  }

  #insert(hash: number, ref: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let i = hash & mask;
    while (slots[2 * i + 1] !== 0) i = (i + 1) & mask;
    slots[2 * i] = hash;
    slots[2 * i + 1] = ref + 1;
  }

  #delete(hash: number, ref: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = hash & mask;
    while (slots[2 * hole + 1] !== ref + 1) hole = (hole + 1) & mask;
    for (let j = (hole + 1) & mask; slots[2 * j + 1] !== 0; j = (j + 1) & mask) {
      const home = slots[2 * j] & mask;
      // The entry at j may fill the hole when its home does not lie between the hole and j.
      if (((j - home) & mask) >= ((j - hole) & mask)) {
        slots[2 * hole] = slots[2 * j];
        slots[2 * hole + 1] = slots[2 * j + 1];
        hole = j;
      }
    }
    slots[2 * hole + 1] = 0;
  }

  // ---- records ----

  #add(packet: Packet, d: number, ends: number, hash: number, timeNs: number, frame: number, input: number): number {
    if (this.live === this.options.maxFlows) this.#evict();
    let ref = this.#free;
    if (ref >= 0) this.#free = this.#w[ref * RECORD_I32 + W_NEXT_FREE];
    else ref = this.#fresh++;
    this.live++;
    if (this.live > this.peakLive) this.peakLive = this.live;
    if (4 * this.live > this.#slots.length) this.#grow();
    const w = this.#w;
    const rw = ref * RECORD_I32;
    w[rw + W_HASH] = hash;
    w[rw + W_PROTOCOL] = packet.protocol | (packet.isV6 << 9);
    w[rw + W_PORTS] = ends;
    w[rw + W_ADDRESS + d] = packet.src0;
    w[rw + W_ADDRESS + 1 - d] = packet.dst0;
    if (packet.isV6 !== 0) this.#keepV6(ref, packet, d);
    this.#insert(hash, ref);
    this.#open(ref, packet, d, timeNs, frame, input);
    return ref;
  }

  #keepV6(ref: number, packet: Packet, d: number): void {
    const at = this.#rest(ref) + R_ADDRESS;
    const { words } = this.#rests;
    const from = at + 3 * d;
    words[from] = packet.src1;
    words[from + 1] = packet.src2;
    words[from + 2] = packet.src3;
    const to = at + 3 * (1 - d);
    words[to] = packet.dst1;
    words[to + 1] = packet.dst2;
    words[to + 2] = packet.dst3;
  }

  /** Begins a row in a record whose key is set: counters to zero, direction from this packet. */
  #open(ref: number, packet: Packet, d: number, timeNs: number, frame: number, input: number): void {
    const w = this.#w;
    const rw = ref * RECORD_I32;
    this.#empty(ref, 0);
    const initiator = initiatorSide(packet, d);
    const before = w[rw + W_STATE];
    let state = STATE_LIVE | (initiator & 1 ? STATE_INITIATOR : 0);
    if (initiator & 2) state |= STATE_GUESSED;
    if (d === 1) state |= STATE_FIRST_SIDE;
    if ((before & STATE_TUNNEL) !== 0) this.#tunnels.delete(ref);
    if (packet.depth !== 0) {
      state |= STATE_TUNNEL;
      this.#tunnels.set(ref, tunnelOf(packet));
    }
    if ((packet.srcPort | packet.dstPort) === 0 && (packet.isLaterFragment !== 0 || packet.payload === 0))
      state |= STATE_NO_PORTS;
    if (packet.destinationMac >= 0) {
      state |= STATE_MAC;
      const at = (rw + W_MAC) * 4;
      const { bytes, destinationMac, sourceMac } = packet;
      const into = this.#bytes;
      for (let i = 0; i < 6; i++) {
        into[at + i] = bytes[destinationMac + i];
        into[at + 6 + i] = bytes[sourceMac + i];
      }
    }
    if (this.payloads?.open(ref, packet) === true) state |= (KEEPS_PAYLOAD * 65) << STATE_FIRST_BYTES;
    let kinds = (packet.vlan + 1) << 16;
    if ((packet.protocol === PROTO.icmp || packet.protocol === PROTO.icmpv6) && packet.icmpType >= 0) {
      state |= STATE_ICMP;
      kinds |= (packet.icmpType << 8) | packet.icmpCode;
    }
    w[rw + W_STATE] = state;
    w[rw + W_KINDS] = kinds;
    w[rw + W_SEQUENCE] = 0;
    if ((before & STATE_LIVE) !== 0) this.#observer.release(ref);
    if (packet.protocol === PROTO.tcp) this.#tracker.open(ref);
    this.#wake(ref, timeNs, frame, input);
    if ((before & STATE_LIVE) !== 0) this.#wheel.remove(ref);
    const idleNs = this.#idleTimeout(ref);
    this.#schedule(ref, this.#clock + (idleNs < this.#activeNs ? idleNs : this.#activeNs));
  }

  /** Zeroes what a row counts. With STATE_CONTINUED the conversation goes on: direction, names and service stay, and the row waits for its first packet. */
  #empty(ref: number, continued: number): void {
    const w = this.#w;
    const f = this.#f;
    const rw = ref * RECORD_I32;
    const rf = ref * RECORD_F64;
    w[rw + U_BYTES] = w[rw + U_BYTES + 1] = 0;
    w[rw + U_PAYLOAD] = w[rw + U_PAYLOAD + 1] = 0;
    f[rf + F_IAT_SUM] = f[rf + F_IAT_SQUARES] = f[rf + F_IAT_MAX] = 0;
    f[rf + F_IAT_MIN] = Number.POSITIVE_INFINITY;
    w[rw + W_PACKETS] = w[rw + W_PACKETS + 1] = 0;
    w[rw + W_FLAGS] = 0;
    if (w[rw + W_REST] !== 0) this.#rests.resetCounts(w[rw + W_REST]);
    if (continued !== 0) {
      w[rw + W_STATE] |= STATE_CONTINUED | STATE_DORMANT;
      this.#tracker.resetCounts(ref);
    }
  }

  #wake(ref: number, timeNs: number, frame: number, input: number): void {
    const w = this.#w;
    const f = this.#f;
    const rw = ref * RECORD_I32;
    const rf = ref * RECORD_F64;
    w[rw + W_STATE] &= ~STATE_DORMANT;
    w[rw + W_INPUT] = input;
    f[rf + F_START] = f[rf + F_END] = f[rf + F_LAST] = timeNs;
    f[rf + F_CLOCK] = f[rf + F_OPENED] = this.#clock;
    f[rf + F_FIRST_FRAME] = frame;
  }

  #remove(ref: number): void {
    const w = this.#w;
    const rw = ref * RECORD_I32;
    this.#delete(w[rw + W_HASH], ref);
    this.#wheel.remove(ref);
    this.#observer.release(ref);
    this.#tracker.release(ref);
    this.payloads?.release(ref);
    if ((w[rw + W_STATE] & STATE_TUNNEL) !== 0) this.#tunnels.delete(ref);
    if (w[rw + W_REST] !== 0) {
      this.#rests.give(w[rw + W_REST]);
      w[rw + W_REST] = 0;
    }
    w[rw + W_STATE] = 0;
    w[rw + W_NEXT_FREE] = this.#free;
    this.#free = ref;
    this.live--;
  }

  // ---- timing wheel ----

  #schedule(ref: number, deadlineNs: number): void {
    this.#wheel.add(ref, tickOf(deadlineNs) + 1, this.#tick);
  }

  #turnWheel(tick: number): void {
    const steps = Math.min(tick - this.#tick, WHEEL_TICKS);
    this.#tick = tick;
    for (let i = steps - 1; i >= 0; i--) {
      let ref = this.#wheel.first(tick - i);
      while (ref >= 0) {
        const next = this.#wheel.next(ref);
        this.#due(ref);
        ref = next;
      }
    }
  }

  /** A record whose slot came up: write it when its time is over, else put it where its time will be. */
  #due(ref: number): void {
    const w = this.#w;
    const f = this.#f;
    const rw = ref * RECORD_I32;
    const rf = ref * RECORD_F64;
    const state = w[rw + W_STATE];
    // The clock was set back since: what lies ahead of it counts as now, or the flow would never fall silent.
    if (f[rf + F_CLOCK] > this.#clock) f[rf + F_CLOCK] = this.#clock;
    if (f[rf + F_OPENED] > this.#clock) f[rf + F_OPENED] = this.#clock;
    const idle = f[rf + F_CLOCK] + ((state & STATE_CLOSING) !== 0 ? this.#lingerNs : this.#idleTimeout(ref));
    if (idle < this.#clock) {
      this.#write(ref, (state & STATE_CLOSING) !== 0 ? this.#closing(ref) : CLOSE_IDLE);
      this.#remove(ref);
      return;
    }
    let deadline = idle;
    if ((state & STATE_DORMANT) === 0) {
      const active = f[rf + F_OPENED] + this.#activeNs;
      if (active < this.#clock) {
        this.#write(ref, CLOSE_ACTIVE);
        this.#empty(ref, STATE_CONTINUED);
      } else if (active < deadline) deadline = active;
    }
    this.#wheel.remove(ref);
    this.#schedule(ref, deadline);
  }

  /** Makes room: flows without an answer first, nearest to their timeout first; then any. */
  #evict(): void {
    const w = this.#w;
    const chosen: number[] = [];
    let looked = 0;
    for (let i = 1; i <= WHEEL_TICKS && looked < EVICTION_SEARCH && chosen.length < EVICTION_BATCH; i++) {
      for (
        let ref = this.#wheel.first(this.#tick + i);
        ref >= 0 && looked < EVICTION_SEARCH && chosen.length < EVICTION_BATCH;
        ref = this.#wheel.next(ref)
      ) {
        looked++;
        const rw = ref * RECORD_I32;
        const answered = w[rw + W_PACKETS] > 0 && w[rw + W_PACKETS + 1] > 0;
        if (!answered && (w[rw + W_STATE] & STATE_CONTINUED) === 0) chosen.push(ref);
      }
    }
    // When few of those looked at were unanswered, others make up the number: looking again for each new flow would cost far more than a flow does.
    const least = Math.max(1, Math.min(EVICTION_LEAST, this.options.maxFlows >> 8));
    const unanswered = new Set(chosen);
    for (let i = 1; i <= WHEEL_TICKS && chosen.length < least; i++) {
      const first = this.#wheel.first(this.#tick + i);
      for (let ref = first; ref >= 0 && chosen.length < least; ref = this.#wheel.next(ref))
        if (!unanswered.has(ref)) chosen.push(ref);
    }
    for (const ref of chosen) {
      if ((w[ref * RECORD_I32 + W_STATE] & STATE_DORMANT) === 0) this.#oddities.count(ODDITY['flow.evicted']);
      this.#write(ref, CLOSE_EVICTED);
      this.#remove(ref);
    }
  }

  // ---- payloads and errors ----

  #keepFirstBytes(packet: Packet, d: number, ref: number): void {
    const rw = ref * RECORD_I32;
    const peek = peekState(this.#w[rw + W_STATE], d);
    if ((peek & KEEPS_PAYLOAD) !== 0 && this.payloads !== undefined) {
      const recognised = this.#observer.service(ref) !== undefined;
      if (this.payloads.take(ref, d, packet, recognised))
        this.#w[rw + W_STATE] &= ~(KEEPS_PAYLOAD << (STATE_FIRST_BYTES + 6 * d));
    }
    if ((peek & 31) !== 0) return;
    // The middle of a datagram is the beginning of nothing.
    if (packet.isLaterFragment !== 0 && packet.isReassembled === 0) return;
    const { bytes, payload } = packet;
    const length = showableLength(bytes, payload, Math.min(16, packet.payloadCaptured));
    const into = this.#bytes;
    const to = (rw + W_FIRST_BYTES + 4 * d) * 4;
    for (let i = 0; i < length; i++) into[to + i] = bytes[payload + i];
    this.#w[rw + W_STATE] |= length << (STATE_FIRST_BYTES + 6 * d);
  }

  /** An ICMP error counts for the flow whose packet it quotes, if that is live; it never makes one. */
  #creditError(packet: Packet): void {
    const quote = this.#quote;
    quote.protocol = packet.quotedProtocol;
    quote.isV6 = packet.quotedIsV6;
    quote.src0 = packet.quotedSrc0;
    quote.src1 = packet.quotedSrc1;
    quote.src2 = packet.quotedSrc2;
    quote.src3 = packet.quotedSrc3;
    quote.dst0 = packet.quotedDst0;
    quote.dst1 = packet.quotedDst1;
    quote.dst2 = packet.quotedDst2;
    quote.dst3 = packet.quotedDst3;
    quote.srcPort = packet.quotedSrcPort;
    quote.dstPort = packet.quotedDstPort;
    const d = side(quote);
    const low = d === 0 ? quote.src0 : quote.dst0;
    const high = d === 0 ? quote.dst0 : quote.src0;
    const ends = ports(quote, d);
    const ref = this.#find(quote, d, low, high, ends, this.#hash(quote, d, low, high, ends));
    if (ref < 0) return;
    const at = this.#rest(ref) + R_ERRORS;
    const { words } = this.#rests;
    const count = Math.min(0xffff, (words[at] >>> 16) + 1);
    words[at] = (count << 16) | ((packet.icmpType & 255) << 8) | (packet.icmpCode & 255);
  }

  // ---- rows ----

  #flush(): void {
    if (this.#rowWriter.rowCount === 0) return;
    const table = this.#rowWriter.finish();
    if (this.onTable === undefined) this.#finished.push(table);
    else this.onTable(table);
  }

  /** Counts `n` flows that others made, of the same run, and gives the number of the first of them. */
  reserve(n: number): number {
    const first = this.rows + 1;
    this.rows += n;
    return first;
  }

  #write(ref: number, reason: number): void {
    const state = this.#w[ref * RECORD_I32 + W_STATE];
    if ((state & STATE_DORMANT) !== 0) return;
    const i = (state & STATE_INITIATOR) !== 0 ? 1 : 0;
    this.#observer.finish(ref, i);
    this.#rowWriter.write(ref, ++this.rows, reason);
    if (this.payloads !== undefined) this.#givePayload(this.payloads, ref, i);
    if (this.#rowWriter.isFull) this.#flush();
  }

  #givePayload(payloads: PayloadKeeper, ref: number, i: number): void {
    const rw = ref * RECORD_I32;
    if ((this.#w[rw + W_STATE] & STATE_NO_PORTS) !== 0) return;
    const ports = this.#w[rw + W_PORTS];
    const port = i === 0 ? ports & 0xffff : ports >>> 16;
    payloads.give(ref, i, this.rows, this.#w[rw + W_PROTOCOL] & 511, port, this.#observer.service(ref));
  }
}

function tunnelOf(packet: Packet): Tunnel {
  const { outerIsV6, hasOuter } = packet;
  const address = (a: number, b: number, c: number, d: number): string =>
    outerIsV6 !== 0 ? formatIpv6(a, b, c, d) : formatIpv4(a);
  return {
    kind: packet.tunnel,
    id: packet.tunnelId,
    from: hasOuter === 0 ? undefined : address(packet.outerSrc0, packet.outerSrc1, packet.outerSrc2, packet.outerSrc3),
    to: hasOuter === 0 ? undefined : address(packet.outerDst0, packet.outerDst1, packet.outerDst2, packet.outerDst3),
  };
}

function tickOf(timeNs: number): number {
  const tick = Math.floor(timeNs / TICK_NS);
  return tick > TICK_LIMIT ? TICK_LIMIT : tick < -TICK_LIMIT ? -TICK_LIMIT : tick;
}

function mixWord(h: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const mixed = h ^ k;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function mixV6(before: number, packet: Packet, d: number): number {
  let h = mixWord(before, d === 0 ? packet.src1 : packet.dst1);
  h = mixWord(h, d === 0 ? packet.src2 : packet.dst2);
  h = mixWord(h, d === 0 ? packet.src3 : packet.dst3);
  h = mixWord(h, d === 0 ? packet.dst1 : packet.src1);
  h = mixWord(h, d === 0 ? packet.dst2 : packet.src2);
  return mixWord(h, d === 0 ? packet.dst3 : packet.src3);
}

/** Which side (0 or 1) the packet's source is: side 0 has the smaller address words, then the smaller port. */
function side(packet: Packet): number {
  if (packet.src0 !== packet.dst0) return packet.src0 < packet.dst0 ? 0 : 1;
  if (packet.isV6 !== 0) {
    if (packet.src1 !== packet.dst1) return packet.src1 < packet.dst1 ? 0 : 1;
    if (packet.src2 !== packet.dst2) return packet.src2 < packet.dst2 ? 0 : 1;
    if (packet.src3 !== packet.dst3) return packet.src3 < packet.dst3 ? 0 : 1;
  }
  // A host that pings itself: only the kind of message tells the two directions apart.
  if (packet.srcPort === packet.dstPort && packet.protocol !== PROTO.arp) return packet.isReply;
  return packet.srcPort <= packet.dstPort ? 0 : 1;
}

function ports(packet: Packet, d: number): number {
  return d === 0 ? (packet.srcPort << 16) | packet.dstPort : (packet.dstPort << 16) | packet.srcPort;
}

/** How likely a port is the server's: 3 a known service, 2 a system port, 1 any other. */
function portRank(protocol: number, port: number): number {
  return serviceNumber(protocol, port) !== 0 ? 3 : port < 1024 ? 2 : 1;
}

/**
 * Side of the initiator in bit 0, and in bit 1 whether that is a guess. A SYN starts a conversation and a SYN-ACK answers one; ICMP and ARP replies
 * answer. Else the first packet's sender is it, unless its port looks more like a server's than the other: then the beginning was missed.
 */
function initiatorSide(packet: Packet, d: number): number {
  const { protocol } = packet;
  if (protocol === PROTO.tcp && (packet.tcpFlags & TCP_SYN) !== 0) return (packet.tcpFlags & TCP_ACK) !== 0 ? 1 - d : d;
  if (packet.isReply !== 0) return 1 - d;
  if (protocol === PROTO.tcp || protocol === PROTO.udp)
    return (portRank(protocol, packet.srcPort) > portRank(protocol, packet.dstPort) ? 1 - d : d) | 2;
  return d;
}
