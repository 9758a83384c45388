/**
 * Joins the first bytes of each side of a TCP flow, so that a ClientHello in three segments or a header in pieces is decoded whole.
 *
 * Most first messages lie in one segment, and for these nothing is copied: `place` says where in the packet the next unread byte is, the caller decodes
 * from the packet and tells how much it took (`consume`) or that it wants no more (`finish`). Only when a decoder needs more than there is are bytes kept
 * (`begin`, then `add` for each segment). What a packet of a finished side costs is one array read.
 *
 * Payload is put in order by sequence number from the byte behind the SYN, or from the first payload when the beginning was not captured. Where segments
 * overlap the first one wins, as in most receivers (RFC 9293 leaves it open; evasion by overlap is old: Ptacek and Newsham, 1998). Segments that come early
 * are kept in at most four islands; what would be a fifth is dropped, and comes again only if the sender sends it again.
 *
 * Memory: 8 bytes for each side of `maxFlows`, and one pool of blocks of 16 KiB that holds all kept bytes. A block has buffers of one size: 1 KiB, 4 KiB or all of it; a buffer
 * that needs more moves to the next size. When the pool is full the buffers that were begun first give way, and are counted: under a flood of half messages the
 * newest flows are still decoded.
 */

const PAGE = 1024;
/** The most that a side may have: 16 KiB is a TLS record, and holds nearly all certificate chains. */
export const STITCH_MOST = 16_384;
/** What a side has unless its decoder asks for more. */
export const STITCH_USUAL = 4096;
const PAGES_PER_BLOCK = STITCH_MOST / PAGE;
/** Sizes of buffers, in pages, and as bits of a block's pages. */
const SIZES = [1, 4, PAGES_PER_BLOCK];
const SIZE_BITS = SIZES.map((pages) => 2 ** pages - 1);
/** A buffer of this size has a block to itself. */
const WHOLE = 2;
const FULL = SIZE_BITS[WHOLE];
const ISLANDS = 4;

/** `place`: nothing for a decoder, as the side is finished or these bytes were read before. */
export const PLACE_NONE = -1;
/** `place`: a buffer is open, or bytes before these are missing still: give the segment to `add`. */
export const PLACE_ADD = -2;

// What a side is, in `#side[2 * s]`: one of these, or the number of its first page.
const FINISHED = -1;
/** Where its next byte is, is not known. */
const UNKNOWN = -2;
/** Next byte in `#side[2 * s + 1]`, no buffer; nothing was read yet. */
const WAITING = -3;
/** As WAITING, but bytes were read. */
const READ = -4;

// A buffer's state: 16 words by its first page.
const BUFFER_WORDS = 16;
/** Whose buffer it is: 2 * ref + d; -1 when the page is free or another's. */
const P_SIDE = 0;
/** Bytes in order from the front; how many it may hold; how many fit in its pages. */
const P_LENGTH = 1;
const P_LIMIT = 2;
const P_ROOM = 3;
/** Bytes were dropped behind the limit or for want of an island. */
const P_CUT = 4;
/** List of buffers in order of `begin`. */
const P_OLDER = 5;
const P_NEWER = 6;
/** Islands behind the bytes in order, ascending and apart: offsets [from, to); equal when unused. */
const P_ISLANDS = 7;

export interface StitcherOptions {
  /** Bytes for all buffers together, taken in blocks of 16 KiB and at least one. Touched only as far as used. */
  readonly poolBytes: number;
  /** No buffer is smaller: with 4,096, and so much of the pool for each, buffers of so much never give way. */
  readonly leastBytes: number;
}

export class Stitcher {
  /** The pool. A buffer's bytes in order lie at `[at(ref, d), at(ref, d) + length(ref, d))` until the next call that changes any buffer. */
  readonly bytes: Uint8Array;
  /** Buffers that were given up because the pool was full. */
  givenUp = 0;
  /** Told of a flow before one of its buffers is given up, while its bytes are still there. It may finish the flow's sides, and must touch no other flow's. */
  onGiveUp: ((ref: number) => void) | undefined;
  /** Buffers that are open now, and the most there ever were. */
  open = 0;
  peakOpen = 0;

  #side: Int32Array;
  #pages: Int32Array;
  /** Used pages of each block as bits, and the size of its buffers. */
  #used: Uint16Array;
  #size: Uint8Array;
  #leastSize: number;
  /** Blocks that are wholly free, as a stack. */
  #freeBlocks: Int32Array;
  #freeCount: number;
  /** Blocks that have room for another buffer, by size: doubly linked, -1 at the ends. */
  #partial = new Int32Array(WHOLE).fill(-1);
  #partialNext: Int32Array;
  #partialPrevious: Int32Array;
  #oldest = -1;
  #newest = -1;

  /** @param maxFlows record numbers are below it. */
  constructor(maxFlows: number, options: Partial<StitcherOptions> = {}) {
    const { poolBytes = 8 * 1024 * 1024, leastBytes = PAGE } = options;
    const blocks = Math.max(1, Math.floor(poolBytes / STITCH_MOST));
    this.bytes = new Uint8Array(blocks * STITCH_MOST);
    this.#side = new Int32Array(4 * maxFlows);
    for (let s = 0; s < 4 * maxFlows; s += 2) this.#side[s] = UNKNOWN;
    this.#pages = new Int32Array(blocks * PAGES_PER_BLOCK * BUFFER_WORDS);
    for (let p = 0; p < this.#pages.length; p += BUFFER_WORDS) this.#pages[p + P_SIDE] = -1;
    this.#used = new Uint16Array(blocks);
    this.#size = new Uint8Array(blocks);
    this.#leastSize = sizeFor(leastBytes);
    this.#freeBlocks = Int32Array.from({ length: blocks }, (_, i) => blocks - 1 - i);
    this.#freeCount = blocks;
    this.#partialNext = new Int32Array(blocks);
    this.#partialPrevious = new Int32Array(blocks);
  }

  /**
   * A SYN or SYN-ACK was seen: the side's bytes begin behind it. A later SYN with another number counts as long as nothing was read or kept.
   * @param sequence of the SYN itself.
   */
  start(ref: number, d: number, sequence: number): void {
    const s = 2 * (2 * ref + d);
    if (this.#side[s] !== UNKNOWN && this.#side[s] !== WAITING) return;
    this.#side[s] = WAITING;
    this.#side[s + 1] = (sequence + 1) | 0;
  }

  /**
   * Where in a segment's payload the side's next byte is: how many bytes to skip, 0 nearly always; or PLACE_NONE or PLACE_ADD. The first payload of a side
   * whose SYN was not seen is its beginning.
   * @param sequence of the first payload byte (of a SYN with data: one more than the header says). @param length payload bytes captured.
   */
  place(ref: number, d: number, sequence: number, length: number): number {
    const s = 2 * (2 * ref + d);
    const state = this.#side[s];
    if (state === FINISHED) return PLACE_NONE;
    if (state >= 0) return PLACE_ADD;
    if (length <= 0) return PLACE_NONE;
    if (state === UNKNOWN) {
      this.#side[s] = WAITING;
      this.#side[s + 1] = sequence;
      return 0;
    }
    const skip = (this.#side[s + 1] - sequence) | 0;
    if (skip < 0) return PLACE_ADD;
    return skip < length ? skip : PLACE_NONE;
  }

  /**
   * Opens a buffer and keeps the payload in it, when a decoder has seen that it needs more than this segment.
   * @param sequence of the byte at `at`. What lies before the side's next byte is left out. @param limit most bytes to keep, up to STITCH_MOST.
   * @returns false when the side is finished, has a buffer already (then the payload is added to it), or the payload is nothing new.
   */
  begin(
    ref: number,
    d: number,
    sequence: number,
    bytes: Uint8Array,
    at: number,
    end: number,
    limit = STITCH_USUAL,
  ): boolean {
    const s = 2 * (2 * ref + d);
    if (this.#side[s] === UNKNOWN) {
      this.#side[s] = WAITING;
      this.#side[s + 1] = sequence;
    }
    if (this.#side[s] >= 0) this.allow(ref, d, limit);
    else if (this.#side[s] !== FINISHED && ((sequence + (end - at) - this.#side[s + 1]) | 0) > 0)
      this.#openBuffer(2 * ref + d, limit, (sequence + (end - at) - this.#side[s + 1]) | 0);
    return this.add(ref, d, sequence, bytes, at, end);
  }

  /**
   * Adds a segment's payload to the side's buffer; opens one when bytes before it are missing still.
   * @returns whether there are more bytes in order than before, so that decoding is worth another try.
   */
  add(ref: number, d: number, sequence: number, bytes: Uint8Array, at: number, end: number): boolean {
    const s = 2 * (2 * ref + d);
    let page = this.#side[s];
    if (page === FINISHED || end <= at) return false;
    if (page < 0) {
      if (page === UNKNOWN || ((sequence - this.#side[s + 1]) | 0) <= 0) return false;
      // What lies so far ahead belongs to something else.
      if (((sequence - this.#side[s + 1]) | 0) >= STITCH_MOST) return false;
      page = this.#openBuffer(2 * ref + d, STITCH_USUAL, (sequence + (end - at) - this.#side[s + 1]) | 0);
      if (page < 0) return false;
    }
    const b = page * BUFFER_WORDS;
    const p = this.#pages;
    const length = p[b + P_LENGTH];
    let from = (sequence - this.#side[s + 1]) | 0;
    let to = from + (end - at);
    let source = at;
    if (to <= length) return false;
    if (from < length) {
      source += length - from;
      from = length;
    }
    if (to > p[b + P_LIMIT]) {
      p[b + P_CUT] = 1;
      to = p[b + P_LIMIT];
      if (from >= to) return false;
    }
    if (to > p[b + P_ROOM]) {
      page = this.#grow(page, to);
      if (page < 0) return false;
    }
    return this.#put(page, from, to, bytes, source);
  }

  /** Offset in `bytes` of the side's first kept byte; -1 without a buffer. */
  at(ref: number, d: number): number {
    const page = this.#side[2 * (2 * ref + d)];
    return page >= 0 ? page * PAGE : -1;
  }

  /** How many bytes the side has in order from there; 0 without a buffer. */
  length(ref: number, d: number): number {
    const page = this.#side[2 * (2 * ref + d)];
    return page >= 0 ? this.#pages[page * BUFFER_WORDS + P_LENGTH] : 0;
  }

  /** The side's bytes in order, as a view of the pool that holds until the next call that changes any buffer; for code that is not run per packet. */
  contiguous(ref: number, d: number): Uint8Array {
    const at = this.at(ref, d);
    return at < 0 ? this.bytes.subarray(0, 0) : this.bytes.subarray(at, at + this.length(ref, d));
  }

  /** Whether the buffer is full: what follows is dropped until bytes are consumed or more are allowed. */
  isFull(ref: number, d: number): boolean {
    const page = this.#side[2 * (2 * ref + d)];
    if (page < 0) return false;
    const b = page * BUFFER_WORDS;
    return this.#pages[b + P_LENGTH] >= this.#pages[b + P_LIMIT];
  }

  /**
   * Lets the side keep up to `limit` bytes; a buffer's limit is never lowered.
   * @returns false without a buffer, or when bytes have been dropped already, so that more room alone will not complete the message.
   */
  allow(ref: number, d: number, limit: number): boolean {
    const page = this.#side[2 * (2 * ref + d)];
    if (page < 0) return false;
    const b = page * BUFFER_WORDS;
    const p = this.#pages;
    p[b + P_LIMIT] = Math.max(p[b + P_LIMIT], Math.min(limit, STITCH_MOST));
    return p[b + P_CUT] === 0;
  }

  /**
   * The caller has read `n` bytes from the front, of the packet or of the buffer: the next message begins behind them. A buffer that holds nothing else
   * is closed, so that the next segment is decoded from the packet again. More than there is may be consumed, to skip the body of a message; early segments
   * that are kept are dropped then.
   */
  consume(ref: number, d: number, n: number): void {
    const s = 2 * (2 * ref + d);
    const page = this.#side[s];
    if (page === FINISHED || page === UNKNOWN || n <= 0) return;
    this.#side[s + 1] = (this.#side[s + 1] + n) | 0;
    if (page < 0) {
      this.#side[s] = READ;
      return;
    }
    const p = this.#pages;
    const b = page * BUFFER_WORDS;
    const length = p[b + P_LENGTH];
    let last = length;
    for (let i = b + P_ISLANDS; i < b + P_ISLANDS + 2 * ISLANDS && p[i] !== p[i + 1]; i += 2) {
      last = p[i + 1];
      p[i] -= n;
      p[i + 1] -= n;
    }
    if (n >= last || n > length) {
      this.#closeBuffer(page);
      this.#side[s] = READ;
    } else {
      this.bytes.copyWithin(page * PAGE, page * PAGE + n, page * PAGE + last);
      p[b + P_LENGTH] = length - n;
    }
  }

  /** The side is done: its buffer is free, and its later packets cost one array read. */
  finish(ref: number, d: number): void {
    const s = 2 * (2 * ref + d);
    if (this.#side[s] >= 0) this.#closeBuffer(this.#side[s]);
    this.#side[s] = FINISHED;
  }

  /** Whether the side is done, by `finish` or because its buffer had to give way. */
  isFinished(ref: number, d: number): boolean {
    return this.#side[2 * (2 * ref + d)] === FINISHED;
  }

  /** The record is free or begins anew: both sides are as at the beginning. */
  release(ref: number): void {
    for (let s = 4 * ref; s < 4 * ref + 4; s += 2) {
      if (this.#side[s] >= 0) this.#closeBuffer(this.#side[s]);
      this.#side[s] = UNKNOWN;
    }
  }

  /** Copies source bytes to [from, to), from >= length, where nothing is kept yet, and joins islands. */
  #put(page: number, from: number, to: number, bytes: Uint8Array, source: number): boolean {
    const p = this.#pages;
    const b = page * BUFFER_WORDS;
    const first = b + P_ISLANDS;
    const length = p[b + P_LENGTH];
    const into = page * PAGE;
    if (p[first] === p[first + 1]) {
      // No islands: the usual way.
      this.#copy(bytes, source, into + from, to - from);
      if (from === length) {
        p[b + P_LENGTH] = to;
        return true;
      }
      p[first] = from;
      p[first + 1] = to;
      return false;
    }
    let count = 0;
    while (count < ISLANDS && p[first + 2 * count] !== p[first + 2 * count + 1]) count++;
    // Islands that the segment touches become one with it; `low` is the first of them and `high` the first behind them.
    let low = 0;
    while (low < count && p[first + 2 * low + 1] < from) low++;
    let high = low;
    while (high < count && p[first + 2 * high] <= to) high++;
    if (low === high && from > length && count === ISLANDS) {
      p[b + P_CUT] = 1;
      return false;
    }
    // Only the gaps between them are new.
    let here = from;
    for (let i = low; i < high; i++) {
      if (p[first + 2 * i] > here) this.#copy(bytes, source + here - from, into + here, p[first + 2 * i] - here);
      if (p[first + 2 * i + 1] > here) here = p[first + 2 * i + 1];
    }
    if (here < to) this.#copy(bytes, source + here - from, into + here, to - here);
    const joinedFrom = low < high && p[first + 2 * low] < from ? p[first + 2 * low] : from;
    const joinedTo = here > to ? here : to;
    const isInOrder = joinedFrom <= length;
    // The joined range takes the place of islands [low, high), or of none when it is in order now.
    const kept = isInOrder ? 0 : 1;
    const shift = kept - (high - low);
    if (shift > 0) for (let i = count - 1; i >= high; i--) this.#moveIsland(first, i, i + shift);
    else if (shift < 0) for (let i = high; i < count; i++) this.#moveIsland(first, i, i + shift);
    for (let i = count + shift; i < count; i++) p[first + 2 * i] = p[first + 2 * i + 1] = 0;
    if (isInOrder) p[b + P_LENGTH] = joinedTo;
    else {
      p[first + 2 * low] = joinedFrom;
      p[first + 2 * low + 1] = joinedTo;
    }
    return isInOrder;
  }

  #moveIsland(first: number, from: number, to: number): void {
    this.#pages[first + 2 * to] = this.#pages[first + 2 * from];
    this.#pages[first + 2 * to + 1] = this.#pages[first + 2 * from + 1];
  }

  #copy(bytes: Uint8Array, source: number, target: number, n: number): void {
    // Below a hundred bytes or so a loop costs less than the two objects of `set(subarray)`.
    if (n < 128) for (let i = 0; i < n; i++) this.bytes[target + i] = bytes[source + i];
    else this.bytes.set(bytes.subarray(source, source + n), target);
  }

  // ---- buffers and pages ----

  /**
   * @param needed bytes that it will hold at once, as far as `limit` allows
   * @returns -1 when the side's own flow was finished to make room
   */
  #openBuffer(side: number, limit: number, needed: number): number {
    const most = Math.max(1, Math.min(limit, STITCH_MOST));
    const size = Math.max(this.#leastSize, sizeFor(Math.min(needed, most)));
    if (!this.#hasRoom(size)) this.#makeRoom(this.#oldest, size, -1);
    if (this.#side[2 * side] === FINISHED) return -1;
    const page = this.#takeRoom(size);
    const b = page * BUFFER_WORDS;
    const p = this.#pages;
    p.fill(0, b, b + BUFFER_WORDS);
    p[b + P_SIDE] = side;
    p[b + P_LIMIT] = most;
    p[b + P_ROOM] = SIZES[size] * PAGE;
    p[b + P_OLDER] = this.#newest;
    p[b + P_NEWER] = -1;
    if (this.#newest >= 0) p[this.#newest * BUFFER_WORDS + P_NEWER] = page;
    else this.#oldest = page;
    this.#newest = page;
    this.#side[2 * side] = page;
    this.open++;
    if (this.open > this.peakOpen) this.peakOpen = this.open;
    return page;
  }

  /** Frees the pages; what the side is from now on is the caller's to say. */
  #closeBuffer(page: number): void {
    const p = this.#pages;
    const b = page * BUFFER_WORDS;
    const older = p[b + P_OLDER];
    const newer = p[b + P_NEWER];
    if (older >= 0) p[older * BUFFER_WORDS + P_NEWER] = newer;
    else this.#oldest = newer;
    if (newer >= 0) p[newer * BUFFER_WORDS + P_OLDER] = older;
    else this.#newest = older;
    p[b + P_SIDE] = -1;
    this.open--;
    this.#freeRoom(page);
  }

  #giveUp(page: number): void {
    const side = this.#pages[page * BUFFER_WORDS + P_SIDE];
    this.givenUp++;
    this.onGiveUp?.(side >> 1);
    if (this.#side[2 * side] !== page) return;
    this.#closeBuffer(page);
    this.#side[2 * side] = FINISHED;
  }

  #hasRoom(size: number): boolean {
    return this.#freeCount > 0 || (size !== WHOLE && this.#partial[size] >= 0);
  }

  /** Takes pages for a buffer of this size, for which there is room. @returns the first. */
  #takeRoom(size: number): number {
    let block = size === WHOLE ? -1 : this.#partial[size];
    if (block < 0) {
      block = this.#freeBlocks[--this.#freeCount];
      this.#size[block] = size;
      if (size !== WHOLE) this.#linkPartial(block);
    }
    const used = this.#used[block];
    let first = 0;
    while ((used & (1 << first)) !== 0) first += SIZES[size];
    this.#used[block] = used | (SIZE_BITS[size] << first);
    if (this.#used[block] === FULL && size !== WHOLE) this.#unlinkPartial(block);
    return block * PAGES_PER_BLOCK + first;
  }

  /** The pages of a buffer, by its first, are free again. */
  #freeRoom(page: number): void {
    const block = blockOf(page);
    const size = this.#size[block];
    const before = this.#used[block];
    this.#used[block] = before & ~(SIZE_BITS[size] << (page % PAGES_PER_BLOCK));
    if (this.#used[block] === 0) {
      if (before !== FULL) this.#unlinkPartial(block);
      this.#freeBlocks[this.#freeCount++] = block;
    } else if (before === FULL) this.#linkPartial(block);
  }

  /** Gives up a buffer for one of this size, with all others in its block but `kept` unless it is of this size itself. */
  #makeRoom(victim: number, size: number, kept: number): void {
    const block = blockOf(victim);
    if (this.#size[block] === size) {
      this.#giveUp(victim);
      return;
    }
    for (let page = block * PAGES_PER_BLOCK; page < (block + 1) * PAGES_PER_BLOCK; page++)
      if (page !== kept && this.#pages[page * BUFFER_WORDS + P_SIDE] >= 0) this.#giveUp(page);
  }

  /**
   * Moves a buffer to where `needed` bytes have room. With no room left, that of the oldest buffer outside of its own block is cleared. -1 when that finished the buffer's own
   * flow.
   */
  #grow(page: number, needed: number): number {
    const size = sizeFor(needed);
    const own = blockOf(page);
    if (!this.#hasRoom(size)) {
      let victim = this.#oldest;
      while (victim >= 0 && blockOf(victim) === own) victim = this.#pages[victim * BUFFER_WORDS + P_NEWER];
      const isAlone = victim < 0;
      this.#makeRoom(isAlone ? page : victim, isAlone ? WHOLE : size, page);
      if (this.#pages[page * BUFFER_WORDS + P_SIDE] < 0) return -1;
      if (isAlone) {
        // The only block there is: what the buffer holds moves to its front.
        this.#unlinkPartial(own);
        this.#used[own] = FULL;
        this.#size[own] = WHOLE;
        return this.#moveBuffer(page, own * PAGES_PER_BLOCK);
      }
    }
    const moved = this.#moveBuffer(page, this.#takeRoom(size));
    this.#freeRoom(page);
    return moved;
  }

  #moveBuffer(page: number, to: number): number {
    const p = this.#pages;
    const b = page * BUFFER_WORDS;
    const t = to * BUFFER_WORDS;
    if (page !== to) {
      this.bytes.copyWithin(to * PAGE, page * PAGE, page * PAGE + p[b + P_ROOM]);
      p.copyWithin(t, b, b + BUFFER_WORDS);
      p[b + P_SIDE] = -1;
      if (p[t + P_OLDER] >= 0) p[p[t + P_OLDER] * BUFFER_WORDS + P_NEWER] = to;
      else this.#oldest = to;
      if (p[t + P_NEWER] >= 0) p[p[t + P_NEWER] * BUFFER_WORDS + P_OLDER] = to;
      else this.#newest = to;
      this.#side[2 * p[t + P_SIDE]] = to;
    }
    p[t + P_ROOM] = SIZES[this.#size[blockOf(to)]] * PAGE;
    return to;
  }

  #linkPartial(block: number): void {
    const size = this.#size[block];
    const head = this.#partial[size];
    this.#partialPrevious[block] = -1;
    this.#partialNext[block] = head;
    if (head >= 0) this.#partialPrevious[head] = block;
    this.#partial[size] = block;
  }

  #unlinkPartial(block: number): void {
    const next = this.#partialNext[block];
    const previous = this.#partialPrevious[block];
    if (previous >= 0) this.#partialNext[previous] = next;
    else this.#partial[this.#size[block]] = next;
    if (next >= 0) this.#partialPrevious[next] = previous;
  }
}

/** The smallest size of buffers that holds so many bytes. */
function sizeFor(bytes: number): number {
  let size = 0;
  while (size < WHOLE && bytes > SIZES[size] * PAGE) size++;
  return size;
}

function blockOf(page: number): number {
  return (page / PAGES_PER_BLOCK) | 0;
}
