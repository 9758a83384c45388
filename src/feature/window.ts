import { Salt, widened } from '../core/index.ts';

/**
 * What each source did lately: a sliding window of 60 s in 10 s buckets, in event time.
 *
 * A pair (source, thing) counts once, in the newest bucket in which it was seen: a table maps the pair to that bucket, and each source has sums over its
 * window. Seeing the pair again moves its one from the old bucket to the new one; when a bucket leaves the window its whole count leaves the sum. So the
 * number of distinct things is exact at bucket granularity and every event costs O(1).
 *
 * Most sources are seen within one bucket and never again: their sums are all there is of them. A source that is seen in a second bucket of the same window
 * gets a ring of counts per bucket, until it falls silent for a window.
 *
 * Time belongs to each source alone: its window ends at the newest bucket in which that source was seen, so a capture with several clocks, or
 * flows that are reported late because they had to time out, disturb nobody else. An event that is older than its source's window doesn't count;
 * the window stays as it is. A clock that falls back by more than an hour, longer than any flow is reported late, starts the source anew.
 *
 * Bounded: sources and pairs have caps. At a cap the idle ones are swept out first: those whose newest bucket the event that asks for room has left
 * behind its window, which no longer change any answer but that of a late event. What then still finds no room is refused and counted. A sweep
 * reads the whole table, so one is made only when event time has moved on by a bucket or an eighth of the cap has been refused since the last.
 */

export const WINDOW_BUCKET_MS = 10_000;
export const WINDOW_BUCKETS = 6;

/** An hour of buckets: how late an event may be and still belong to the same clock. */
const SAME_CLOCK_BUCKETS = 360;

/** No place in a table or a list. */
const NONE = -1;

/** Decides whether a sweep of a full table is worth its cost. */
class SweepPace {
  #cap: number;
  #refusedAt = 0;
  #bucket = Number.NEGATIVE_INFINITY;

  constructor(cap: number) {
    this.#cap = cap;
  }

  due(bucket: number, refused: number): boolean {
    if (bucket <= this.#bucket && refused - this.#refusedAt < this.#cap / 8) return false;
    this.#bucket = bucket;
    this.#refusedAt = refused;
    return true;
  }
}

/** Words of a source, next to one another: who looks at one looks at most. */
const WORDS = 10;
/** The two words of the hash of its address. */
const KEY_A = 0;
const KEY_B = 1;
/** Its newest bucket; of a number that is free, the next free one. */
const HEAD = 2;
/** Its age in buckets, modulo `STAMPS`: see `PairWindow`. */
const AGE = 3;
/** Its ring, twice its number in the pool and one more for a wide one, or why it has none. */
const RING = 4;
const FLOWS = 5;
const JUDGED = 6;
const FAILED = 7;
const DESTINATIONS = 8;
const PORTS = 9;
/** Sums over the window stand from here on, and in a ring their parts. */
const SUMS = FLOWS;
const COUNTERS = WORDS - SUMS;

/** All that counts lies in the newest bucket. */
const ONE_BUCKET = -1;
/** Never seen yet. */
const FRESH = -2;
/** A number that no source has. */
const FREE = -3;

const STAMP_BITS = 15;
const STAMPS = 1 << STAMP_BITS;
const STAMP_MASK = STAMPS - 1;
/** What is out of the window is looked for in the table of pairs whenever the age of a source passes a multiple of this, long before a stamp comes round again. */
const HALF_STAMPS = STAMPS / 2;
/** Their numbers plus one lie beside a stamp in a word. */
const MOST_SOURCES = 2 ** (32 - STAMP_BITS) - 2;

/** The longest way through a table of pairs that is four fifths full: chance does not come near it. Who makes pairs collide is refused. */
const MAX_PROBES = 4096;
/** As of sources, whose table is at most half full. */
const MAX_SOURCE_PROBES = 256;
/** Tables up to so many slots double, larger ones grow by half. */
const DOUBLING_SLOTS = 65_536;

/** What `PairWindow.add` says of a pair that has no room. */
const REFUSED = -1;

/**
 * The table of (source, thing) pairs. A thing is one or two 32-bit words. Open addressing, linear probing, load at most 4/5.
 *
 * The bucket of a pair is held as a stamp, the age of its source at that time: a source ages by a bucket for each that its window moves on, and by a whole
 * window when it starts anew or was silent for longer. So a stamp tells what is still in the window whatever the clock did, in 15 bits.
 */
class PairWindow {
  readonly cap: number;
  refused = 0;
  #size = 0;
  /** Words of a slot: source + 1 and stamp (0 is an empty slot), and the thing. */
  readonly #width: number;
  #slots: Int32Array<ArrayBuffer>;
  #length = 1024;
  #pace: SweepPace;

  constructor(cap: number, thingWords: 1 | 2) {
    this.cap = cap;
    this.#width = 1 + thingWords;
    this.#pace = new SweepPace(cap);
    this.#slots = new Int32Array(this.#length * this.#width);
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Notes that a pair was seen so many buckets before the newest of its source, 0 to 5. How many buckets before it the pair counted so far: 6 where it did not
   * count, `REFUSED` where it is new and finds no room. It counts for the smaller of the two now.
   * @param b 0 where things are of one word.
   * @param words of all sources.
   */
  add(source: number, a: number, b: number, back: number, bucket: number, words: Int32Array): number {
    const age = words[source * WORDS + AGE];
    const owner = (source + 1) << STAMP_BITS;
    let at = this.#find(owner, a, b);
    let before = WINDOW_BUCKETS;
    if (at >= 0 && this.#slots[at] !== 0) {
      before = Math.min(WINDOW_BUCKETS, (age - this.#slots[at]) & STAMP_MASK);
      if (before <= back) return before;
    } else {
      if (this.#madeRoom(bucket, words)) at = this.#find(owner, a, b);
      if (this.#size >= this.cap || at < 0) {
        this.refused++;
        return REFUSED;
      }
      this.#size++;
      this.#slots[at + 1] = a;
      if (this.#width > 2) this.#slots[at + 2] = b;
    }
    this.#slots[at] = owner | ((age - back) & STAMP_MASK);
    return before;
  }

  /** Drops the pairs that are out of the window of their source. */
  purge(words: Int32Array): void {
    this.#rehash(this.#length, words);
  }

  /** Where a pair is, or would be. */
  #find(owner: number, a: number, b: number): number {
    const slots = this.#slots;
    const width = this.#width;
    const end = slots.length;
    let at = width * this.#home(owner, a, b);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const held = slots[at];
      if (
        held === 0 ||
        ((held ^ owner) >>> STAMP_BITS === 0 && slots[at + 1] === a && (width === 2 || slots[at + 2] === b))
      )
        return at;
      at += width;
      if (at === end) at = 0;
    }
    return NONE;
  }

  #home(owner: number, a: number, b: number): number {
    let h = Math.imul(owner, 0x9e3779b1) ^ a;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) ^ b;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return Math.floor(((h ^ (h >>> 16)) >>> 0) * (this.#length / 2 ** 32));
  }

  /** Sweeps or widens a table that is full. False where it stays as it is. */
  #madeRoom(bucket: number, words: Int32Array): boolean {
    if (this.#size >= this.cap) {
      if (!this.#pace.due(bucket, this.refused)) return false;
      this.#rehash(this.#length, words, bucket);
      return true;
    }
    if ((this.#size + 1) * 5 <= this.#length * 4) return false;
    this.#widen(words);
    return true;
  }

  /** Makes room for more: what is out of its window goes, and where too much is left the table grows. */
  #widen(words: Int32Array): void {
    let live = 0;
    for (let at = 0; at < this.#slots.length; at += this.#width)
      if (this.#slots[at] !== 0 && !isOut(this.#slots[at], words)) live++;
    const most = Math.ceil((this.cap * 5) / 4);
    let length = this.#length;
    while (live * 5 > length * 3 && length < most)
      length = Math.min(most, length < DOUBLING_SLOTS ? 2 * length : length + (length >> 1));
    this.#rehash(length, words);
  }

  /** Moves the pairs that are in their windows to a table of `length` slots; with `now` those alone whose windows reach to that bucket. */
  #rehash(length: number, words: Int32Array, now = Number.NEGATIVE_INFINITY): void {
    const from = this.#slots;
    const width = this.#width;
    this.#length = length;
    this.#slots = new Int32Array(length * width);
    this.#size = 0;
    for (let at = 0; at < from.length; at += width) {
      const held = from[at];
      if (held === 0 || isOut(held, words, now)) continue;
      const owner = held & ~STAMP_MASK;
      const b = width > 2 ? from[at + 2] : 0;
      const to = this.#find(owner, from[at + 1], b);
      if (to < 0) continue;
      this.#slots[to] = held;
      this.#slots[to + 1] = from[at + 1];
      if (width > 2) this.#slots[to + 2] = b;
      this.#size++;
    }
  }
}

/** Whether a pair, by the first word of its slot, is out of the window of its source, or of one that ended at `now` where that is later. */
function isOut(held: number, words: Int32Array, now = Number.NEGATIVE_INFINITY): boolean {
  const source = ((held >>> STAMP_BITS) - 1) * WORDS;
  const back = (words[source + AGE] - held) & STAMP_MASK;
  return back + Math.max(0, now - words[source + HEAD]) >= WINDOW_BUCKETS;
}

export interface WindowCaps {
  /** At most 131,070. */
  readonly maxSources: number;
  readonly maxPairs: number;
}

/**
 * The windows of all sources. Sources are small integers that `source` hands out; they are good as long as `era` stays the same. About 50 bytes each, and 30
 * or 120 more for those with a ring.
 */
export class SourceWindows {
  readonly maxSources: number;
  refusedSources = 0;
  /** Rises whenever numbers of sources are taken back. */
  era = 0;
  #size = 0;
  #next = 0;
  #free = NONE;
  #words = new Int32Array(256 * WORDS);
  /** Source + 1 by the hash of its address; 0 is empty. Its length is a power of two, at least twice the number of sources. Linear probing. */
  #table = new Int32Array(512);
  readonly #salt = new Salt();
  /** Rings of bytes, and those that need more. */
  #narrow = new RingPool(new Uint8Array(64 * RING_COUNTS));
  #wide = new RingPool(new Int32Array(64 * RING_COUNTS));
  #destinations: PairWindow;
  #ports: PairWindow;
  #isPurgeDue = false;
  #pace: SweepPace;

  constructor(caps: WindowCaps) {
    if (caps.maxSources > MOST_SOURCES) throw new RangeError(`at most ${MOST_SOURCES} sources have a window`);
    this.maxSources = caps.maxSources;
    this.#pace = new SweepPace(caps.maxSources);
    this.#destinations = new PairWindow(caps.maxPairs, 2);
    this.#ports = new PairWindow(caps.maxPairs, 1);
  }

  get sourceCount(): number {
    return this.#size;
  }

  get destinationPairs(): PairWindow {
    return this.#destinations;
  }

  get portPairs(): PairWindow {
    return this.#ports;
  }

  /**
   * Number of a source that an event in `bucket` is of; -1 where it is new and finds no room.
   * @param a with `b` the 64-bit hash of its address in two words.
   */
  source(a: number, b: number, bucket: number): number {
    const slot = this.#slotOf(a, b);
    if (slot >= 0 && this.#table[slot] !== 0) return this.#table[slot] - 1;
    if (this.#size >= this.maxSources && this.#pace.due(bucket, this.refusedSources)) this.#sweep(bucket);
    if (this.#size >= this.maxSources) {
      this.refusedSources++;
      return NONE;
    }
    if (2 * (this.#size + 1) > this.#table.length) this.#index(2 * this.#table.length);
    let vacant = this.#slotOf(a, b);
    if (vacant < 0 && this.#salt.change()) {
      this.#index(this.#table.length);
      vacant = this.#slotOf(a, b);
    }
    if (vacant < 0) {
      this.refusedSources++;
      return NONE;
    }
    this.#salt.added();
    const id = this.#take();
    this.#table[vacant] = id + 1;
    const at = id * WORDS;
    this.#words[at + KEY_A] = a;
    this.#words[at + KEY_B] = b;
    this.#words[at + RING] = FRESH;
    this.#size++;
    return id;
  }

  /**
   * Moves the source's window so that it reaches `bucket`. True where an event in that bucket counts, false where it is older than the window.
   */
  advance(source: number, bucket: number): boolean {
    const words = this.#words;
    const at = source * WORDS;
    const head = words[at + HEAD];
    const steps = bucket - head;
    if (steps === 0 && words[at + RING] !== FRESH) return true;
    if (words[at + RING] === FRESH || steps < -SAME_CLOCK_BUCKETS || steps >= WINDOW_BUCKETS) this.#restart(at);
    else if (steps < 0) return steps > -WINDOW_BUCKETS;
    else this.#move(at, steps);
    words[at + HEAD] = bucket;
    this.#purgeIfDue();
    return true;
  }

  /** Counts a flow of the source in a bucket inside its window. `outcome`: 0 answered, 1 failed, -1 not known. */
  countFlow(source: number, bucket: number, outcome: number): void {
    const at = source * WORDS;
    this.#count(at, bucket, FLOWS, 1);
    if (outcome >= 0) this.#count(at, bucket, JUDGED, 1);
    if (outcome === 1) this.#count(at, bucket, FAILED, 1);
  }

  /** A destination of the source, as a 64-bit hash in two words. False where there is no room for it. */
  countDestination(source: number, a: number, b: number, bucket: number): boolean {
    return this.#countPair(this.#destinations, DESTINATIONS, source, a, b, bucket);
  }

  /** @param port 0 to 65,535. @param protocol a small number, from -1 on. */
  countPort(source: number, port: number, protocol: number, bucket: number): boolean {
    return this.#countPair(this.#ports, PORTS, source, (port << 8) | ((protocol + 1) & 255), 0, bucket);
  }

  flows(source: number): number {
    return this.#words[source * WORDS + FLOWS];
  }

  /** Flows of the window whose outcome is known. */
  judged(source: number): number {
    return this.#words[source * WORDS + JUDGED];
  }

  failed(source: number): number {
    return this.#words[source * WORDS + FAILED];
  }

  destinations(source: number): number {
    return this.#words[source * WORDS + DESTINATIONS];
  }

  ports(source: number): number {
    return this.#words[source * WORDS + PORTS];
  }

  #countPair(pairs: PairWindow, counter: number, source: number, a: number, b: number, bucket: number): boolean {
    const at = source * WORDS;
    const head = this.#words[at + HEAD];
    const back = head - bucket;
    const before = pairs.add(source, a, b, back, bucket, this.#words);
    if (before === REFUSED) return false;
    if (before <= back) return true;
    if (before < WINDOW_BUCKETS) this.#count(at, head - before, counter, -1);
    this.#count(at, bucket, counter, 1);
    return true;
  }

  #count(at: number, bucket: number, counter: number, change: number): void {
    const words = this.#words;
    if (words[at + RING] === ONE_BUCKET && bucket !== words[at + HEAD]) this.#spread(at);
    words[at + counter] += change;
    let ring = words[at + RING];
    if (ring < 0) return;
    const place = ringSlot(bucket) * COUNTERS + counter - SUMS;
    if ((ring & 1) === 0) {
      const narrow = (ring >> 1) * RING_COUNTS + place;
      if (this.#narrow.counts[narrow] + change <= MOST_NARROW) {
        this.#narrow.counts[narrow] += change;
        return;
      }
      ring = this.#widen(at);
    }
    this.#wide.counts[(ring >> 1) * RING_COUNTS + place] += change;
  }

  /** Gives a source a ring: its sums are the counts of its newest bucket. */
  #spread(at: number): void {
    const words = this.#words;
    let isWide = false;
    for (let c = 0; c < COUNTERS; c++) if (words[at + SUMS + c] > MOST_NARROW) isWide = true;
    const pool = isWide ? this.#wide : this.#narrow;
    const ring = pool.take();
    const to = ring * RING_COUNTS + ringSlot(words[at + HEAD]) * COUNTERS;
    for (let c = 0; c < COUNTERS; c++) pool.counts[to + c] = words[at + SUMS + c];
    words[at + RING] = 2 * ring + (isWide ? 1 : 0);
  }

  /** Moves the counts of a narrow ring to a wide one, which it gives back. */
  #widen(at: number): number {
    const from = this.#words[at + RING] >> 1;
    const to = this.#wide.take();
    for (let i = 0; i < RING_COUNTS; i++)
      this.#wide.counts[to * RING_COUNTS + i] = this.#narrow.counts[from * RING_COUNTS + i];
    this.#narrow.give(from);
    this.#words[at + RING] = 2 * to + 1;
    return 2 * to + 1;
  }

  /** Moves the window by 1 to 5 buckets. */
  #move(at: number, steps: number): void {
    const words = this.#words;
    if (words[at + RING] === ONE_BUCKET) this.#spread(at);
    const ring = words[at + RING];
    const { counts } = (ring & 1) === 0 ? this.#narrow : this.#wide;
    const head = words[at + HEAD];
    for (let i = 1; i <= steps; i++) {
      const from = (ring >> 1) * RING_COUNTS + ringSlot(head + i) * COUNTERS;
      for (let c = 0; c < COUNTERS; c++) {
        words[at + SUMS + c] -= counts[from + c];
        counts[from + c] = 0;
      }
    }
    this.#age(at, steps);
  }

  /** Nothing that was counted counts any more. */
  #restart(at: number): void {
    const words = this.#words;
    const ring = words[at + RING];
    if (ring >= 0) ((ring & 1) === 0 ? this.#narrow : this.#wide).give(ring >> 1);
    words[at + RING] = ONE_BUCKET;
    words.fill(0, at + SUMS, at + SUMS + COUNTERS);
    this.#age(at, WINDOW_BUCKETS);
  }

  #age(at: number, buckets: number): void {
    const age = this.#words[at + AGE] + buckets;
    if (age % HALF_STAMPS < buckets) this.#isPurgeDue = true;
    this.#words[at + AGE] = age & STAMP_MASK;
  }

  #purgeIfDue(): void {
    if (!this.#isPurgeDue) return;
    this.#isPurgeDue = false;
    this.#destinations.purge(this.#words);
    this.#ports.purge(this.#words);
  }

  /** Where a source is in the table, or would be. */
  #slotOf(a: number, b: number): number {
    const table = this.#table;
    const words = this.#words;
    const mask = table.length - 1;
    const home = this.#homeOf(a ^ (b >>> 16));
    for (let probe = 0; probe < MAX_SOURCE_PROBES; probe++) {
      const slot = (home + probe) & mask;
      const at = (table[slot] - 1) * WORDS;
      if (at < 0 || (words[at + KEY_A] === a && words[at + KEY_B] === b)) return slot;
    }
    return NONE;
  }

  #homeOf(hash: number): number {
    const salt = this.#salt.value;
    if (salt === 0) return hash;
    const h = Math.imul(hash ^ salt, 0x85ebca6b);
    return h ^ (h >>> 16);
  }

  /** Makes the table anew. A source that finds no place with any salt is found no more: only collisions by design come to that. */
  #index(length: number): void {
    this.#table = new Int32Array(length);
    let isWhole = true;
    for (let id = 0; id < this.#next; id++) {
      const at = id * WORDS;
      if (this.#words[at + RING] === FREE) continue;
      const slot = this.#slotOf(this.#words[at + KEY_A], this.#words[at + KEY_B]);
      if (slot < 0) isWhole = false;
      else this.#table[slot] = id + 1;
    }
    if (!isWhole && this.#salt.change()) this.#index(length);
  }

  /** A number for a source. */
  #take(): number {
    const free = this.#free;
    if (free !== NONE) {
      this.#free = this.#words[free * WORDS + HEAD];
      return free;
    }
    const id = this.#next++;
    if (id * WORDS === this.#words.length) this.#words = widened(this.#words, 2 * this.#words.length);
    return id;
  }

  /** Forgets the sources that were not seen within a window before `now`. */
  #sweep(now: number): void {
    this.era++;
    for (let id = 0; id < this.#next; id++) {
      const at = id * WORDS;
      if (this.#words[at + RING] === FREE || this.#words[at + HEAD] > now - WINDOW_BUCKETS) continue;
      this.#restart(at);
      this.#words[at + RING] = FREE;
      this.#words[at + HEAD] = this.#free;
      this.#free = id;
      this.#size--;
    }
    this.#purgeIfDue();
    this.#index(this.#table.length);
  }
}

/** A ring holds the counts of each bucket. */
const RING_COUNTS = WINDOW_BUCKETS * COUNTERS;
/** What a count of a narrow ring, of bytes, can be. */
const MOST_NARROW = 255;

/** Rings of counts, one behind the other, which are used again. */
class RingPool {
  counts: Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
  #used = 0;
  #free = NONE;
  /** Of a free one the next free one. */
  #next = new Int32Array(64);

  constructor(counts: Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>) {
    this.counts = counts;
  }

  /** A ring of zeros. */
  take(): number {
    const ring = this.#free;
    if (ring !== NONE) {
      this.#free = this.#next[ring];
      return ring;
    }
    if (this.#used * RING_COUNTS === this.counts.length) {
      this.counts = widened(this.counts, 2 * this.counts.length);
      this.#next = widened(this.#next, this.counts.length / RING_COUNTS);
    }
    return this.#used++;
  }

  give(ring: number): void {
    this.counts.fill(0, ring * RING_COUNTS, (ring + 1) * RING_COUNTS);
    this.#next[ring] = this.#free;
    this.#free = ring;
  }
}

/** Ring position of a bucket number, which may be negative. */
function ringSlot(bucket: number): number {
  const r = bucket % WINDOW_BUCKETS;
  return r < 0 ? r + WINDOW_BUCKETS : r;
}
