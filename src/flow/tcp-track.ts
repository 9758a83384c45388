import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../wire/index.ts';
import { FreeNumbers } from './free-numbers.ts';

/**
 * What each side of a TCP connection sent again, late, or not at all, judged from its headers alone.
 *
 * The words are those of Wireshark's TCP analysis, and so are the conditions (User's Guide, section "TCP Analysis"; the sequence rules are RFC 9293 section
 * 3.4). One thing is done otherwise: Wireshark remembers every unacknowledged segment of a connection, here a side remembers its three latest holes. So a
 * segment is known to bring something new when it lies in one of them, at a fixed price per flow.
 *
 * Memory: a row of 84 bytes for each live TCP flow, and 192 more for one of which there was something to count. Rows that are free again are taken first, so what was never
 * needed at a time is never touched. Nothing is allocated per packet.
 */

/** What a segment was, as bits; a segment may be several things at once. 0: nothing remarkable, and no payload. */
export const SEGMENT = {
  /** Has payload. */
  data: 1,
  /** Sends again what lies before the next expected sequence number. Set for the fast and spurious kinds and for SYN and FIN as well. */
  retransmission: 2,
  /** A retransmission that answers two or more duplicate ACKs within 20 ms. */
  fast: 4,
  /** A retransmission of what the other side has acknowledged already. */
  spurious: 8,
  /** Fills a hole so soon that it was overtaken on the way rather than sent again. Never together with `retransmission`. */
  outOfOrder: 16,
  /** Bytes before it were not seen: lost on the way, still on their way, or missed by the capture. */
  gap: 32,
  /** No or one byte just before the next expected sequence number (RFC 1122 section 4.2.3.6). */
  keepAlive: 64,
  keepAliveAck: 128,
  /** Says that its sender has no room. */
  zeroWindow: 256,
  /** One byte into a window of zero (RFC 9293 section 3.8.6.1), and the answer that there is still no room. */
  windowProbe: 512,
  windowProbeAck: 1024,
  /** The same acknowledgment again without data (RFC 5681 section 2, without its condition that data be outstanding). */
  duplicateAck: 2048,
  /** Acknowledges bytes that were never seen: the capture misses packets of the other side. */
  ackUnseen: 4096,
  /** Fills the other side's window to its last byte. Known only where the window scale is: see `tcpOptionHints`. */
  windowFull: 8192,
} as const;

// What every segment looks at or changes, of both sides: 64 bytes, a line of the processor's caches. Side `d` begins at word `d * SIDE_WORDS`.
const ROW_WORDS = 16;
const SIDE_WORDS = 8;
/** When the next expected sequence number last moved, and when this side last acknowledged anything, ns; float64, index in units of 8 bytes. */
const T_NEXT = 0;
const T_ACK = 1;
const S_NEXT = 4;
const S_ACK = 5;
/** Latest window as in the header in bits 0-15, window scale in bits 16-19, B_ bits above. */
const S_BITS = 6;
/** Length of the run of duplicate ACKs that this side is sending. */
const S_RUN = 7;

// What few flows need, of both sides; those of side `d` begin at word `d * DETAIL_SIDE`.
const DETAIL_WORDS = 48;
const DETAIL_SIDE = 24;
/** The numbers of TCP_COUNT come first. */
const COUNTS = 15;
/** Three holes, latest first: sequence number of the first missing byte and of the byte behind the last; equal when unused. */
const D_HOLES = 16;
const HOLES = 3;
/** Stands for the details of all flows that have none: only read. */
const NO_DETAIL = 0;
/** Details that there is room for at first. */
const FIRST_DETAILS = 256;
/** Row of the records that have none. */
const NO_ROW = 0;

const B_NEXT_KNOWN = 1 << 20;
const B_ACK_KNOWN = 1 << 21;
const B_LAST_KEEP_ALIVE = 1 << 22;
const B_LAST_PROBE = 1 << 23;
const B_WAITING = 1 << 24;
const B_MEASURED = 1 << 25;
const B_HAS_HOLES = 1 << 26;
const B_SCALE_OFFERED = 1 << 27;
const B_WINDOW_KNOWN = 1 << 28;
const B_SYN_SENT = 1 << 29;
const B_SCALE_KNOWN = 1 << 30;
const B_HAS_DATA = 1 << 31;

/** What is counted for each side; the value is the index to give to `TcpTracker.count`. Counts stop at 4,294,967,295. */
export const TCP_COUNT = {
  /** All kinds, SYN and FIN included. */
  retransmissions: 0,
  fastRetransmissions: 1,
  spuriousRetransmissions: 2,
  outOfOrder: 3,
  /** Times that bytes were missing before a segment. */
  gaps: 4,
  /** Bytes that were missing and did not come later. */
  missingBytes: 5,
  /** Payload bytes that had been seen before. */
  retransmittedBytes: 6,
  keepAlives: 7,
  zeroWindows: 8,
  windowProbes: 9,
  duplicateAcks: 10,
  resets: 11,
  /** SYN or SYN-ACK sent again; they count among the retransmissions too. */
  synRetransmissions: 12,
  /** Acknowledgments, by this side, of bytes of the other side that were not seen. */
  unseenAcks: 13,
  windowFulls: 14,
} as const;

export type TcpCount = (typeof TCP_COUNT)[keyof typeof TCP_COUNT];

const MOST = 0xffff_ffff;
/** The largest window there can be, RFC 7323 section 2.3. What lies further ahead is no loss but another stream of numbers. */
const LARGEST_WINDOW = 2 ** 30;
const FAST_NS = 20e6;
/** A hole filled within this time is reordering, where the round trip of the handshake was not seen. */
const REORDER_NS = 3e6;

/** A SYN comes again before its side has sent much: with data of its own (RFC 7413) at most. */
const SYN_REACH = 65_536;

/** Bits of `tcpOptionHints`. */
export const TCP_HINT_SACK = 1;
/** The options were read: a SYN without a window scale has none. */
export const TCP_HINT_READ = 2;
const HINT_SCALE_SHIFT = 8;

/**
 * What the tracker needs of a segment's options: TCP_HINT_READ, TCP_HINT_SACK when there are SACK blocks (RFC 2018), and window scale plus one in bits 8-15
 * (RFC 7323 section 2.2). Options that contradict their lengths end the search.
 * @param at first option byte. @param end end of the header or of what was captured of it.
 */
export function tcpOptionHints(bytes: Uint8Array, at: number, end: number): number {
  let hints: number = TCP_HINT_READ;
  // Nearly every segment has two places of no operation and a timestamp (RFC 7323 appendix A), and nothing else.
  if (end - at === 12 && bytes[at] === 1 && bytes[at + 1] === 1 && bytes[at + 2] === 8 && bytes[at + 3] === 10)
    return hints;
  for (let here = at; here < end; ) {
    const kind = bytes[here];
    if (kind === 0) break;
    if (kind === 1) {
      here++;
      continue;
    }
    if (here + 2 > end) break;
    const length = bytes[here + 1];
    if (length < 2 || here + length > end) break;
    if (kind === 5 && length >= 10) hints |= TCP_HINT_SACK;
    // A scale above 14 is to be taken as 14.
    else if (kind === 3 && length === 3) hints |= (Math.min(bytes[here + 2], 14) + 1) << HINT_SCALE_SHIFT;
    here += length;
  }
  return hints;
}

/** Follows the sequence numbers of live TCP flows. Flows are named by their record number in the flow table, sides by 0 and 1. */
export class TcpTracker {
  /** Row of each record, NO_ROW for one of another protocol. */
  #rowOf: Int32Array;
  #w: Int32Array;
  #f: Float64Array;
  /** By row and side: time of this side's SYN or SYN-ACK, until it is answered; then how long the answer took (see B_MEASURED). */
  #handshakes: Float64Array;
  #freeRows: FreeNumbers;
  /** Details of each row, NO_DETAIL while there was nothing to count. */
  #detailOf: Int32Array;
  #details = new Uint32Array(FIRST_DETAILS * DETAIL_WORDS);
  /** The same memory, for sequence numbers. */
  #holes = new Int32Array(this.#details.buffer);
  #freeDetails = new FreeNumbers(NO_DETAIL + 1);

  /** @param maxFlows record numbers are below it. */
  constructor(maxFlows: number) {
    const rows = maxFlows + 1;
    const buffer = new ArrayBuffer(rows * ROW_WORDS * 4);
    this.#rowOf = new Int32Array(maxFlows);
    this.#w = new Int32Array(buffer);
    this.#f = new Float64Array(buffer);
    this.#handshakes = new Float64Array(2 * rows);
    this.#detailOf = new Int32Array(rows);
    this.#freeRows = new FreeNumbers(NO_ROW + 1);
  }

  /** Begins a connection in this record: whatever was there is forgotten. */
  open(ref: number): void {
    let row = this.#rowOf[ref];
    if (row === NO_ROW) {
      row = this.#freeRows.take();
      this.#rowOf[ref] = row;
    } else this.#dropDetail(row);
    // The times count only where the bits say so.
    const w = this.#w;
    for (let me = row * ROW_WORDS; me < (row + 1) * ROW_WORDS; me += SIDE_WORDS) {
      w[me + S_NEXT] = 0;
      w[me + S_ACK] = 0;
      w[me + S_BITS] = 0;
      w[me + S_RUN] = 0;
    }
  }

  /** The record is free: a connection that was followed in it is forgotten. */
  release(ref: number): void {
    const row = this.#rowOf[ref];
    if (row === NO_ROW) return;
    this.#dropDetail(row);
    this.#freeRows.give(row);
    this.#rowOf[ref] = NO_ROW;
  }

  /** Zeroes the counts and keeps the state of the connection, for a flow that goes on in a new row. */
  resetCounts(ref: number): void {
    const detail = this.#detailOf[this.#rowOf[ref]];
    if (detail === NO_DETAIL) return;
    for (let at = detail * DETAIL_WORDS; at < (detail + 1) * DETAIL_WORDS; at += DETAIL_SIDE)
      this.#details.fill(0, at, at + COUNTS);
  }

  /** The counts of all flows: see `countsOf`. Valid until the next segment. */
  get counts(): Uint32Array {
    return this.#details;
  }

  /** Where in `counts` those of side `d` begin, in the order of TCP_COUNT. */
  countsOf(ref: number, d: number): number {
    return this.#detailOf[this.#rowOf[ref]] * DETAIL_WORDS + d * DETAIL_SIDE;
  }

  /** One of TCP_COUNT for side `d`, 0 to 4,294,967,295. */
  count(ref: number, d: number, which: TcpCount): number {
    return this.#details[this.countsOf(ref, d) + which];
  }

  /**
   * How long side `d` waited for the answer to its part of the handshake, ns: for the side of the SYN until the SYN-ACK, for the side of the SYN-ACK until
   * the ACK. NaN when that was not seen or the capture's clock ran backwards. Seen from the place of the capture; a SYN sent again counts from its latest.
   */
  handshakeNs(ref: number, d: number): number {
    const row = this.#rowOf[ref];
    if ((this.#w[row * ROW_WORDS + d * SIDE_WORDS + S_BITS] & B_MEASURED) === 0) return Number.NaN;
    return this.#handshakes[2 * row + d];
  }

  /** Round-trip time of the handshake, SYN to ACK, wherever the capture was made; ns, NaN when not known. */
  roundTripNs(ref: number): number {
    return this.handshakeNs(ref, 0) + this.handshakeNs(ref, 1);
  }

  /**
   * Takes in a segment of side `d` and says what it was, as SEGMENT bits.
   * @param timeNs time of the frame, ns on any scale that all calls share.
   * @param acknowledgement ignored without the ACK flag and in a reset.
   * @param window as in the header, 0 to 65,535.
   * @param payloadLength bytes by the headers, captured or not; may be far above an MTU where the network card joins segments.
   * @param hints of `tcpOptionHints`, 0 where the options are not known.
   */
  segment(
    ref: number,
    d: number,
    timeNs: number,
    sequence: number,
    acknowledgement: number,
    flags: number,
    window: number,
    payloadLength: number,
    hints = 0,
  ): number {
    const w = this.#w;
    const f = this.#f;
    const row = this.#rowOf[ref];
    const me = row * ROW_WORDS + d * SIDE_WORDS;
    const peer = me ^ SIDE_WORDS;
    const before = w[me + S_BITS];
    const peerBits = w[peer + S_BITS];
    const isControl = (flags & (TCP_SYN | TCP_FIN | TCP_RST)) !== 0;
    const span = payloadLength + ((flags & TCP_SYN) !== 0 ? 1 : 0) + ((flags & TCP_FIN) !== 0 ? 1 : 0);
    const isKnown = (before & B_NEXT_KNOWN) !== 0;
    const next = w[me + S_NEXT];
    /** How far this segment begins ahead of what is expected; 0 in order, negative what was seen before. */
    const ahead = isKnown ? (sequence - next) | 0 : 0;
    const isReset = (flags & TCP_RST) !== 0;
    const hasAck = (flags & TCP_ACK) !== 0 && !isReset;
    const isSameAck = hasAck && (before & B_ACK_KNOWN) !== 0 && acknowledgement === w[me + S_ACK];
    const isSameWindow = (before & B_WINDOW_KNOWN) !== 0 && window === (before & 0xffff);
    let is = payloadLength > 0 && !isReset ? SEGMENT.data : 0;
    let bits = before & ~(B_LAST_KEEP_ALIVE | B_LAST_PROBE | 0xffff);

    if (!isControl) {
      if (window === 0) {
        is |= SEGMENT.zeroWindow;
        this.#bump(me, TCP_COUNT.zeroWindows);
      }
      if (isKnown && ahead === 0 && payloadLength === 1 && (peerBits & (B_WINDOW_KNOWN | 0xffff)) === B_WINDOW_KNOWN) {
        is |= SEGMENT.windowProbe;
        bits |= B_LAST_PROBE;
        this.#bump(me, TCP_COUNT.windowProbes);
      } else if (ahead === -1 && payloadLength <= 1) {
        is |= SEGMENT.keepAlive;
        bits |= B_LAST_KEEP_ALIVE;
        this.#bump(me, TCP_COUNT.keepAlives);
      }
      if (payloadLength === 0 && ahead === 0) {
        if (window === 0) {
          if (
            isSameWindow &&
            (peerBits & B_LAST_PROBE) !== 0 &&
            (isSameAck || (hasAck && acknowledgement === ((w[me + S_ACK] + 1) | 0)))
          )
            is |= SEGMENT.windowProbeAck;
        } else if (isSameAck) {
          if (isSameWindow && (peerBits & B_LAST_KEEP_ALIVE) !== 0) is |= SEGMENT.keepAliveAck;
          else if (isSameWindow || (hints & TCP_HINT_SACK) !== 0) {
            is |= SEGMENT.duplicateAck;
            w[me + S_RUN]++;
            this.#bump(me, TCP_COUNT.duplicateAcks);
          }
        }
      }
      if (
        payloadLength > 0 &&
        (peerBits & before & B_SCALE_KNOWN) !== 0 &&
        (peerBits & B_ACK_KNOWN) !== 0 &&
        ((sequence + payloadLength - w[peer + S_ACK]) | 0) === scaledWindow(peerBits, before)
      ) {
        is |= SEGMENT.windowFull;
        this.#bump(me, TCP_COUNT.windowFulls);
      }
    } else if (isReset) this.#bump(me, TCP_COUNT.resets);

    if ((is & (SEGMENT.data | SEGMENT.keepAlive | SEGMENT.windowProbe)) === SEGMENT.data) {
      bits |= B_HAS_DATA;
    }

    if (hasAck && (before & B_ACK_KNOWN) !== 0 && acknowledgement !== w[me + S_ACK]) w[me + S_RUN] = 0;
    if (hasAck && (peerBits & B_NEXT_KNOWN) !== 0) {
      const beyond = (acknowledgement - w[peer + S_NEXT]) | 0;
      if (beyond === 1 && (peerBits & B_LAST_PROBE) !== 0) {
        // The probe's byte was taken after all.
        w[peer + S_NEXT] = acknowledgement;
      } else if (
        !isSameAck &&
        (beyond > 0 || ((peerBits & B_HAS_HOLES) !== 0 && this.#coversHole(me, peer, acknowledgement)))
      ) {
        is |= SEGMENT.ackUnseen;
        this.#bump(me, TCP_COUNT.unseenAcks);
      }
    }

    // A reset says nothing of the stream: its numbers are often made up, and its payload, if any, is a remark (RFC 9293 section 3.5.2).
    if (!isReset) {
      // A SYN that is no repetition begins another numbering; once there are data it is a stray or a forgery, and the stream goes on without it.
      const isStray = (flags & TCP_SYN) !== 0 && (ahead > 0 || ahead < -SYN_REACH);
      if (isStray) {
        if ((before & B_HAS_DATA) === 0) {
          this.#renumber(me, (sequence + span) | 0, timeNs);
          bits = (bits | B_NEXT_KNOWN) & ~B_HAS_HOLES;
        }
      } else {
        if (ahead > 0) {
          is |= SEGMENT.gap;
          this.#bump(me, TCP_COUNT.gaps);
          if (ahead <= LARGEST_WINDOW) {
            this.#grow(me, TCP_COUNT.missingBytes, ahead);
            this.#addHole(me, next, sequence);
            bits |= B_HAS_HOLES;
          } else {
            this.#forgetHoles(me);
            bits &= ~B_HAS_HOLES;
          }
        } else if (ahead < 0 && span > 0 && (is & SEGMENT.keepAlive) === 0) {
          is |= this.#again(me, peer, timeNs, sequence, flags, payloadLength, span, ahead);
        }
        if ((is & SEGMENT.windowProbe) === 0 && (!isKnown || ahead + span > 0)) {
          w[me + S_NEXT] = (sequence + span) | 0;
          f[(me >> 1) + T_NEXT] = timeNs;
          bits |= B_NEXT_KNOWN;
          if ((bits & B_HAS_HOLES) !== 0 && !this.#keepYoungHoles(me)) bits &= ~B_HAS_HOLES;
        }
      }
    }
    if (hasAck) {
      f[(me >> 1) + T_ACK] = timeNs;
      w[me + S_ACK] = acknowledgement;
      bits |= B_ACK_KNOWN;
    }
    w[me + S_BITS] = bits | (window & 0xffff) | B_WINDOW_KNOWN;
    if ((flags & TCP_SYN) !== 0 || (peerBits & B_WAITING) !== 0)
      this.#handshake(me, peer, timeNs, sequence, acknowledgement, flags, hints);
    return is;
  }

  /** What a segment is that begins before the next expected sequence number and occupies `span` numbers, `ahead` of it (negative). */
  #again(
    me: number,
    peer: number,
    timeNs: number,
    sequence: number,
    flags: number,
    payloadLength: number,
    span: number,
    ahead: number,
  ): number {
    const w = this.#w;
    const f = this.#f;
    const filled = (w[me + S_BITS] & B_HAS_HOLES) !== 0 ? this.#fill(me, sequence, span) : 0;
    if (filled > 0)
      this.#grow(
        me,
        TCP_COUNT.missingBytes,
        -Math.min(filled, this.#details[this.#detail(me) + TCP_COUNT.missingBytes]),
      );
    const seenBefore = Math.min(payloadLength, -ahead) - filled;
    const peerHasAck = (w[peer + S_BITS] & B_ACK_KNOWN) !== 0;
    const sinceNext = timeNs - f[(me >> 1) + T_NEXT];
    let is: number;
    if (payloadLength > 0 && peerHasAck && ((sequence + payloadLength - w[peer + S_ACK]) | 0) <= 0)
      is = SEGMENT.retransmission | SEGMENT.spurious;
    else if (
      peerHasAck &&
      w[peer + S_RUN] >= 2 &&
      w[peer + S_ACK] === sequence &&
      timeNs - f[(peer >> 1) + T_ACK] < FAST_NS
    )
      is = SEGMENT.retransmission | SEGMENT.fast;
    // What ends where the stream ends now is more often a lost tail that was sent again after a bare ACK had shown the gap; what reaches beyond was cut anew.
    else if (filled > 0 && ahead + span < 0 && sinceNext < this.#reorderNs(me, peer)) is = SEGMENT.outOfOrder;
    else is = SEGMENT.retransmission;
    if ((is & SEGMENT.outOfOrder) !== 0) this.#bump(me, TCP_COUNT.outOfOrder);
    else {
      this.#bump(me, TCP_COUNT.retransmissions);
      if ((is & SEGMENT.fast) !== 0) this.#bump(me, TCP_COUNT.fastRetransmissions);
      if ((is & SEGMENT.spurious) !== 0) this.#bump(me, TCP_COUNT.spuriousRetransmissions);
      if ((flags & TCP_SYN) !== 0) this.#bump(me, TCP_COUNT.synRetransmissions);
    }
    if (seenBefore > 0) this.#grow(me, TCP_COUNT.retransmittedBytes, seenBefore);
    return is;
  }

  #renumber(me: number, next: number, timeNs: number): void {
    this.#w[me + S_NEXT] = next;
    this.#forgetHoles(me);
    this.#f[(me >> 1) + T_NEXT] = timeNs;
  }

  #reorderNs(me: number, peer: number): number {
    const w = this.#w;
    if ((w[me + S_BITS] & w[peer + S_BITS] & B_MEASURED) === 0) return REORDER_NS;
    return this.#handshakes[handshakeOf(me)] + this.#handshakes[handshakeOf(peer)];
  }

  /** Times the handshake. Of a side whose SYN waits for an answer, S_NEXT is still what that answer must acknowledge, unless data went with or behind it. */
  #handshake(
    me: number,
    peer: number,
    timeNs: number,
    sequence: number,
    acknowledgement: number,
    flags: number,
    hints: number,
  ): void {
    const w = this.#w;
    const isSyn = (flags & TCP_SYN) !== 0;
    const answers = (flags & TCP_ACK) !== 0 && (flags & TCP_RST) === 0 && (w[peer + S_BITS] & B_WAITING) !== 0;
    if (answers && ((acknowledgement - w[peer + S_NEXT]) | 0) <= 0) {
      // The answer to a SYN is a SYN-ACK, the answer to a SYN-ACK is an ACK.
      const awaitsSyn = (w[peer + S_BITS] & B_SYN_SENT) !== 0;
      if (awaitsSyn === isSyn) {
        const took = timeNs - this.#handshakes[handshakeOf(peer)];
        w[peer + S_BITS] &= ~B_WAITING;
        if (took >= 0) {
          this.#handshakes[handshakeOf(peer)] = took;
          w[peer + S_BITS] |= B_MEASURED;
        }
      }
    }
    if (!isSyn || ((sequence + 1 - w[me + S_NEXT]) | 0) > 0) return;
    let bits = w[me + S_BITS];
    if ((bits & B_MEASURED) === 0) {
      this.#handshakes[handshakeOf(me)] = timeNs;
      bits = (bits & ~B_SYN_SENT) | B_WAITING | ((flags & TCP_ACK) === 0 ? B_SYN_SENT : 0);
    }
    const scale = (hints >> HINT_SCALE_SHIFT) & 255;
    bits &= ~(B_SCALE_KNOWN | B_SCALE_OFFERED | (15 << 16));
    if ((hints & TCP_HINT_READ) !== 0) bits |= B_SCALE_KNOWN;
    if (scale > 0) bits |= B_SCALE_OFFERED | ((scale - 1) << 16);
    w[me + S_BITS] = bits;
  }

  // ---- holes: the latest first ----

  /** When three are open the oldest is forgotten: its bytes stay missing, whatever comes. */
  #addHole(me: number, from: number, to: number): void {
    const at = this.#detail(me) + D_HOLES;
    const holes = this.#holes;
    // An empty place need not be kept.
    let last = 0;
    while (last < HOLES - 1 && holes[at + 2 * last] !== holes[at + 2 * last + 1]) last++;
    for (let i = last; i > 0; i--) {
      holes[at + 2 * i] = holes[at + 2 * i - 2];
      holes[at + 2 * i + 1] = holes[at + 2 * i - 1];
    }
    holes[at] = from;
    holes[at + 1] = to;
  }

  /** Whether an acknowledgment by side `me` goes into a hole of the other side further than the one before it. */
  #coversHole(me: number, peer: number, acknowledgement: number): boolean {
    const w = this.#w;
    const at = this.#detail(peer) + D_HOLES;
    const holes = this.#holes;
    for (let i = 0; i < HOLES; i++) {
      const from = holes[at + 2 * i];
      const to = holes[at + 2 * i + 1];
      if (from === to || ((acknowledgement - from) | 0) <= 0) continue;
      if ((w[me + S_BITS] & B_ACK_KNOWN) === 0 || ((w[me + S_ACK] - to) | 0) < 0) return true;
    }
    return false;
  }

  /** Takes [sequence, sequence + span) out of the holes; how many of their bytes that were. */
  #fill(me: number, sequence: number, span: number): number {
    const first = this.#detail(me) + D_HOLES;
    const holes = this.#holes;
    const end = (sequence + span) | 0;
    let filled = 0;
    for (let at = first; at < first + 2 * HOLES; at += 2) {
      const from = holes[at];
      const to = holes[at + 1];
      if (from === to) continue;
      const begins = ((sequence - from) | 0) > 0 ? sequence : from;
      const ends = ((end - to) | 0) < 0 ? end : to;
      const covered = (ends - begins) | 0;
      if (covered <= 0) continue;
      filled += covered;
      if (begins === from) holes[at] = ends;
      else {
        holes[at + 1] = begins;
        // A segment in the middle leaves two holes; what lies behind it is forgotten when all places are taken.
        if (ends !== to) this.#placeHole(first, ends, to);
      }
    }
    return filled;
  }

  #placeHole(first: number, from: number, to: number): void {
    const holes = this.#holes;
    for (let at = first; at < first + 2 * HOLES; at += 2) {
      if (holes[at] !== holes[at + 1]) continue;
      holes[at] = from;
      holes[at + 1] = to;
      return;
    }
  }

  /**
   * Whether there are holes, other than those that the sender has left a largest window behind: these will not be filled, and their numbers come again when
   * they wrap.
   */
  #keepYoungHoles(me: number): boolean {
    const first = this.#detail(me) + D_HOLES;
    const holes = this.#holes;
    const next = this.#w[me + S_NEXT];
    let open = false;
    for (let at = first; at < first + 2 * HOLES; at += 2) {
      if (holes[at] === holes[at + 1]) continue;
      if ((next - holes[at]) >>> 0 > 2 * LARGEST_WINDOW) holes[at + 1] = holes[at];
      else open = true;
    }
    return open;
  }

  #forgetHoles(me: number): void {
    if (this.#detailOf[rowAt(me)] === NO_DETAIL) return;
    const at = this.#detail(me) + D_HOLES;
    this.#holes.fill(0, at, at + 2 * HOLES);
  }

  // ---- counters ----

  /** Counts for the side whose state begins at `me` one more of TCP_COUNT. */
  #bump(me: number, which: TcpCount): void {
    const at = this.#detail(me) + which;
    if (this.#details[at] !== MOST) this.#details[at]++;
  }

  #grow(me: number, which: TcpCount, by: number): void {
    const at = this.#detail(me) + which;
    const sum = this.#details[at] + by;
    this.#details[at] = sum > MOST ? MOST : sum;
  }

  // ---- details ----

  /** Where the details of the side whose state begins at `me` begin; the connection has some from now on. */
  #detail(me: number): number {
    const row = rowAt(me);
    let detail = this.#detailOf[row];
    if (detail === NO_DETAIL) {
      detail = this.#freeDetails.take();
      this.#detailOf[row] = detail;
      if ((detail + 1) * DETAIL_WORDS > this.#details.length) {
        const grown = new Uint32Array(2 * this.#details.length);
        grown.set(this.#details);
        this.#details = grown;
        this.#holes = new Int32Array(grown.buffer);
      }
    }
    return detail * DETAIL_WORDS + (me & SIDE_WORDS) * (DETAIL_SIDE / SIDE_WORDS);
  }

  #dropDetail(row: number): void {
    const detail = this.#detailOf[row];
    if (detail === NO_DETAIL) return;
    this.#details.fill(0, detail * DETAIL_WORDS, (detail + 1) * DETAIL_WORDS);
    this.#freeDetails.give(detail);
    this.#detailOf[row] = NO_DETAIL;
  }
}

/** Row of the side whose state begins at word `me`. */
function rowAt(me: number): number {
  return (me / ROW_WORDS) | 0;
}

/** Where the handshake of that side is. */
function handshakeOf(me: number): number {
  return (me / SIDE_WORDS) | 0;
}

/** Window in bytes. It is scaled only when both sides offered it (RFC 7323 section 2.2). */
function scaledWindow(bits: number, other: number): number {
  return (bits & other & B_SCALE_OFFERED) !== 0 ? (bits & 0xffff) << ((bits >> 16) & 15) : bits & 0xffff;
}
