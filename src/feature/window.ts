/**
 * What each source did lately: a sliding window of 60 s in 10 s buckets, in event time.
 *
 * A pair (source, thing) counts once, in the newest bucket in which it was seen: a table maps the pair to that bucket, and each source has a
 * ring of counts per bucket with their sum. Seeing the pair again moves its one from the old bucket to the new one; when a bucket leaves the
 * window its whole count leaves the sum. So the number of distinct things is exact at bucket granularity and every event costs O(1).
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

/** Slots per source in the counters that are not distinct counts. */
const FLOWS = 0;
const JUDGED = 1;
const FAILED = 2;
const COUNTERS = 3;

/** Words of a slot of a pair, and what lies where in it beside the source. */
const SLOT = 5;
const A = 1;
const B = 2;
const BUCKET = 3;
const LIFE = 4;

/** The table of (source, thing) pairs with one ring of counts per source. A thing is two 32-bit words. Open addressing, linear probing, load at most 4/5. */
class PairWindow {
  readonly cap: number;
  refused = 0;
  #mask = 0;
  #size = 0;
  /** Five words a slot, so that a look at one costs one cache line: source + 1 (0 is an empty slot), the two words of the thing, bucket, life. */
  #slots = new Int32Array(0);
  #ring: Int32Array<ArrayBuffer>;
  #total: Int32Array<ArrayBuffer>;
  #pace: SweepPace;

  constructor(cap: number, sources: number) {
    this.cap = cap;
    this.#pace = new SweepPace(cap);
    this.#ring = new Int32Array(sources * WINDOW_BUCKETS);
    this.#total = new Int32Array(sources);
    this.#allocate(1024);
  }

  get size(): number {
    return this.#size;
  }

  total(source: number): number {
    return this.#total[source];
  }

  growSources(sources: number): void {
    this.#ring = grown(this.#ring, sources * WINDOW_BUCKETS);
    this.#total = grown(this.#total, sources);
  }

  clear(source: number): void {
    this.#ring.fill(0, source * WINDOW_BUCKETS, (source + 1) * WINDOW_BUCKETS);
    this.#total[source] = 0;
  }

  /** A bucket leaves the source's window. */
  expire(source: number, slot: number): void {
    const at = source * WINDOW_BUCKETS + slot;
    this.#total[source] -= this.#ring[at];
    this.#ring[at] = 0;
  }

  /** False where the pair is new and found no room. `bucket` is inside the window of the source that ends at heads[source]. */
  add(source: number, a: number, b: number, bucket: number, heads: Int32Array, lives: Int32Array): boolean {
    let slot = this.#find(source, a, b);
    if (this.#slots[slot] === 0) {
      if (this.#size >= this.cap) {
        if (this.#pace.due(bucket, this.refused)) this.#rehash(this.#mask + 1, bucket, heads, lives);
        if (this.#size >= this.cap) {
          this.refused++;
          return false;
        }
        slot = this.#find(source, a, b);
      } else if ((this.#size + 1) * 5 > (this.#mask + 1) * 4) {
        this.#rehash((this.#mask + 1) * 2);
        slot = this.#find(source, a, b);
      }
      this.#size++;
      this.#slots[slot] = source + 1;
      this.#slots[slot + A] = a;
      this.#slots[slot + B] = b;
    } else if (this.#slots[slot + LIFE] === lives[source]) {
      const old = this.#slots[slot + BUCKET];
      if (bucket <= old) return true;
      if (old > heads[source] - WINDOW_BUCKETS) this.#count(source, old, -1);
    }
    this.#slots[slot + BUCKET] = bucket;
    this.#slots[slot + LIFE] = lives[source];
    this.#count(source, bucket, 1);
    return true;
  }

  #count(source: number, bucket: number, change: number): void {
    this.#ring[source * WINDOW_BUCKETS + ringSlot(bucket)] += change;
    this.#total[source] += change;
  }

  #find(source: number, a: number, b: number): number {
    let h = Math.imul(source + 1, 0x9e3779b1) ^ a;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) ^ b;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    const slots = this.#slots;
    let i = (h ^ (h >>> 16)) & this.#mask;
    for (;;) {
      const slot = i * SLOT;
      const owner = slots[slot];
      if (owner === 0 || (owner === source + 1 && slots[slot + A] === a && slots[slot + B] === b)) return slot;
      i = (i + 1) & this.#mask;
    }
  }

  #allocate(slots: number): void {
    this.#mask = slots - 1;
    this.#slots = new Int32Array(slots * SLOT);
  }

  /** Moves the pairs to a table of `slots`; with the three last arguments it leaves out those that no longer count at `now`. */
  #rehash(slots: number, now = 0, heads?: Int32Array, lives?: Int32Array): void {
    const from = this.#slots;
    this.#allocate(slots);
    this.#size = 0;
    for (let at = 0; at < from.length; at += SLOT) {
      if (from[at] === 0) continue;
      const owner = from[at] - 1;
      if (heads !== undefined && lives !== undefined) {
        if (from[at + LIFE] !== lives[owner] || from[at + BUCKET] <= Math.max(now, heads[owner]) - WINDOW_BUCKETS)
          continue;
      }
      const slot = this.#find(owner, from[at + A], from[at + B]);
      for (let i = 0; i < SLOT; i++) this.#slots[slot + i] = from[at + i];
      this.#size++;
    }
  }
}

export interface WindowCaps {
  readonly maxSources: number;
  readonly maxPairs: number;
}

/** The windows of all sources. Sources are small integers that `source` hands out; they are good as long as `era` stays the same. */
export class SourceWindows {
  readonly maxSources: number;
  refusedSources = 0;
  /** Rises whenever numbers of sources are taken back. */
  era = 0;
  #ids = new Map<string, number>();
  #free: number[] = [];
  #next = 0;
  #capacity = 256;
  /** Newest bucket of each source. */
  #heads = new Int32Array(256);
  /** Counts how often a source started anew: what a pair or ring holds is of one life only. */
  #lives = new Int32Array(256);
  #started = new Uint8Array(256);
  #counters = new Int32Array(256 * WINDOW_BUCKETS * COUNTERS);
  #sums = new Int32Array(256 * COUNTERS);
  #destinations: PairWindow;
  #ports: PairWindow;
  #pace: SweepPace;

  constructor(caps: WindowCaps) {
    this.maxSources = caps.maxSources;
    this.#pace = new SweepPace(caps.maxSources);
    this.#destinations = new PairWindow(caps.maxPairs, this.#capacity);
    this.#ports = new PairWindow(caps.maxPairs, this.#capacity);
  }

  get sourceCount(): number {
    return this.#ids.size;
  }

  get destinationPairs(): PairWindow {
    return this.#destinations;
  }

  get portPairs(): PairWindow {
    return this.#ports;
  }

  /** Number of a source that an event in `bucket` is of; -1 where it is new and finds no room. */
  source(address: string, bucket: number): number {
    const known = this.#ids.get(address);
    if (known !== undefined) return known;
    if (this.#ids.size >= this.maxSources && this.#pace.due(bucket, this.refusedSources)) this.#sweep(bucket);
    if (this.#ids.size >= this.maxSources) {
      this.refusedSources++;
      return -1;
    }
    const id = this.#free.pop() ?? this.#next++;
    if (id >= this.#capacity) this.#grow();
    this.#ids.set(address, id);
    this.#started[id] = 0;
    return id;
  }

  /**
   * Moves the source's window so that it reaches `bucket`. True where an event in that bucket counts, false where it is older than the window.
   */
  advance(source: number, bucket: number): boolean {
    const head = this.#heads[source];
    if (this.#started[source] === 0 || bucket < head - SAME_CLOCK_BUCKETS) {
      this.#restart(source, bucket);
      return true;
    }
    if (bucket <= head) return bucket > head - WINDOW_BUCKETS;
    const steps = Math.min(bucket - head, WINDOW_BUCKETS);
    for (let i = 1; i <= steps; i++) this.#expire(source, ringSlot(bucket - steps + i));
    this.#heads[source] = bucket;
    return true;
  }

  /** Counts a flow of the source in a bucket inside its window. `outcome`: 0 answered, 1 failed, -1 not known. */
  countFlow(source: number, bucket: number, outcome: number): void {
    this.#bump(source, bucket, FLOWS);
    if (outcome >= 0) this.#bump(source, bucket, JUDGED);
    if (outcome === 1) this.#bump(source, bucket, FAILED);
  }

  /** A destination of the source, as a 64-bit hash in two words. False where there is no room for it. */
  countDestination(source: number, a: number, b: number, bucket: number): boolean {
    return this.#destinations.add(source, a, b, bucket, this.#heads, this.#lives);
  }

  countPort(source: number, port: number, protocol: number, bucket: number): boolean {
    return this.#ports.add(source, port, protocol, bucket, this.#heads, this.#lives);
  }

  flows(source: number): number {
    return this.#sums[source * COUNTERS + FLOWS];
  }

  /** Flows of the window whose outcome is known. */
  judged(source: number): number {
    return this.#sums[source * COUNTERS + JUDGED];
  }

  failed(source: number): number {
    return this.#sums[source * COUNTERS + FAILED];
  }

  destinations(source: number): number {
    return this.#destinations.total(source);
  }

  ports(source: number): number {
    return this.#ports.total(source);
  }

  #bump(source: number, bucket: number, counter: number): void {
    this.#counters[(source * WINDOW_BUCKETS + ringSlot(bucket)) * COUNTERS + counter]++;
    this.#sums[source * COUNTERS + counter]++;
  }

  #expire(source: number, slot: number): void {
    const at = (source * WINDOW_BUCKETS + slot) * COUNTERS;
    for (let c = 0; c < COUNTERS; c++) {
      this.#sums[source * COUNTERS + c] -= this.#counters[at + c];
      this.#counters[at + c] = 0;
    }
    this.#destinations.expire(source, slot);
    this.#ports.expire(source, slot);
  }

  #restart(source: number, bucket: number): void {
    this.#started[source] = 1;
    this.#heads[source] = bucket;
    this.#lives[source]++;
    this.#counters.fill(0, source * WINDOW_BUCKETS * COUNTERS, (source + 1) * WINDOW_BUCKETS * COUNTERS);
    this.#sums.fill(0, source * COUNTERS, (source + 1) * COUNTERS);
    this.#destinations.clear(source);
    this.#ports.clear(source);
  }

  #grow(): void {
    this.#capacity *= 2;
    const n = this.#capacity;
    this.#heads = grown(this.#heads, n);
    this.#lives = grown(this.#lives, n);
    this.#counters = grown(this.#counters, n * WINDOW_BUCKETS * COUNTERS);
    this.#sums = grown(this.#sums, n * COUNTERS);
    const started = new Uint8Array(n);
    started.set(this.#started);
    this.#started = started;
    this.#destinations.growSources(n);
    this.#ports.growSources(n);
  }

  /** Forgets the sources that were not seen within a window before `now`. */
  #sweep(now: number): void {
    this.era++;
    for (const [address, id] of this.#ids) {
      if (this.#heads[id] > now - WINDOW_BUCKETS) continue;
      this.#ids.delete(address);
      this.#free.push(id);
    }
  }
}

/** Ring position of a bucket number, which may be negative. */
function ringSlot(bucket: number): number {
  const r = bucket % WINDOW_BUCKETS;
  return r < 0 ? r + WINDOW_BUCKETS : r;
}

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const next = new Int32Array(length);
  next.set(array);
  return next;
}
