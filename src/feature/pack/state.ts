/**
 * What packs remember of the rows before, in event time and bounded. At a cap what is idle is swept out first; what then still finds no room is refused and
 * counted, and the features that would need it are missing.
 */
import type { FeatureSaturation } from '../flow.ts';

/** A cap with its own count of refusals. */
export class Cap {
  readonly what: string;
  readonly cap: number;
  refused = 0;
  /** How much of it is taken, where several holders share it. */
  held = 0;

  constructor(what: string, cap: number) {
    this.what = what;
    this.cap = cap;
  }
}

export function saturationsOf(caps: readonly Cap[]): FeatureSaturation[] {
  return caps.filter((c) => c.refused > 0).map(({ what, cap, refused }) => ({ what, cap, refused }));
}

/** FNV-1a over UTF-16 code units with MurmurHash3's finaliser, from two starts: 53 bits, so that 100,000 things collide with a chance of 1 in 2 million. */
export function hash53(text: string): number {
  let a = 0x811c9dc5;
  let b = 0x2c1b3c6d;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x0100019f);
  }
  return (finish(a) & 0x1fffff) * 0x100000000 + (finish(b) >>> 0);
}

/** The hash of an ordered pair of hashes. */
export function mix53(first: number, second: number): number {
  const a = Math.imul(first | 0, 0x9e3779b1) ^ (second | 0);
  const b = Math.imul((first / 0x100000000) | 0, 0x85ebca6b) ^ ((second / 0x100000000) | 0);
  const low = finish(a ^ Math.imul(b, 0x2c1b3c6d));
  const high = finish(b ^ Math.imul(low, 0x297a2d39) ^ Math.imul(a, 0x01000193));
  return (high & 0x1fffff) * 0x100000000 + (low >>> 0);
}

/** The `hash53` of the texts of a dictionary, each worked out once. */
export class Hashes {
  #dictionary: readonly string[];
  #hashes: Float64Array;

  constructor(dictionary: readonly string[]) {
    this.#dictionary = dictionary;
    this.#hashes = new Float64Array(dictionary.length).fill(-1);
  }

  at(code: number): number {
    if (this.#hashes[code] < 0) this.#hashes[code] = hash53(this.#dictionary[code]);
    return this.#hashes[code];
  }
}

/** A set of `hash53` or `mix53` values up to a cap: open addressing over a Float64Array, load at most 3/4, 11 to 21 bytes a value. */
export class HashSet {
  readonly cap: Cap;
  size = 0;
  #slots = new Float64Array(1024).fill(-1);

  constructor(cap: Cap) {
    this.cap = cap;
  }

  /** True where the value is new and was taken in, false where it was known; undefined where it is new and found no room, which is counted. */
  add(hash: number): boolean | undefined {
    let slot = this.#find(hash);
    if (this.#slots[slot] === hash) return false;
    if (this.size >= this.cap.cap) {
      this.cap.refused++;
      return undefined;
    }
    if ((this.size + 1) * 4 > this.#slots.length * 3) {
      const old = this.#slots;
      this.#slots = new Float64Array(2 * old.length).fill(-1);
      for (const one of old) if (one >= 0) this.#slots[this.#find(one)] = one;
      slot = this.#find(hash);
    }
    this.#slots[slot] = hash;
    this.size++;
    return true;
  }

  #find(hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = (hash % 0x100000000) & mask;
    while (this.#slots[slot] >= 0 && this.#slots[slot] !== hash) slot = (slot + 1) & mask;
    return slot;
  }
}

function finish(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** How late an event may be and still belong to the same clock: a clock that falls back further starts its key anew. */
const SAME_CLOCK_MS = 3_600_000;

/** Sliding sums of one key, and the distinct things that it met. */
export class Ring {
  /** Number of the newest bucket. */
  head: number;
  readonly sums: Float64Array;
  #counts: Float64Array;
  #buckets: number;
  #recent: Map<number, number> | undefined;
  #forgotAt = Number.NEGATIVE_INFINITY;

  constructor(head: number, counters: number, buckets: number) {
    this.head = head;
    this.sums = new Float64Array(counters);
    this.#counts = new Float64Array(counters * buckets);
    this.#buckets = buckets;
  }

  get things(): number {
    return this.#recent?.size ?? 0;
  }

  /** Moves the window on to a newer bucket. False where the bucket is older than the window. */
  advance(bucket: number, sameClock: number): boolean {
    if (bucket < this.head - sameClock) this.#restart(bucket);
    if (bucket <= this.head) return bucket > this.head - this.#buckets;
    const steps = Math.min(bucket - this.head, this.#buckets);
    for (let i = 1; i <= steps; i++) this.#expire(slotOf(this.head + i, this.#buckets));
    this.head = bucket;
    return true;
  }

  /** Adds to a counter in a bucket that is inside the window. */
  add(counter: number, bucket: number, amount: number): void {
    this.#counts[slotOf(bucket, this.#buckets) * this.sums.length + counter] += amount;
    this.sums[counter] += amount;
  }

  /** Counts a thing once, in the newest bucket that it was seen in. False where it is new and found no room. */
  see(counter: number, bucket: number, thing: number, cap: Cap): boolean {
    this.#recent ??= new Map();
    const old = this.#recent.get(thing);
    if (old === undefined) {
      if (cap.held >= cap.cap) this.#forget(cap);
      if (cap.held >= cap.cap) {
        cap.refused++;
        return false;
      }
      cap.held++;
    } else {
      if (bucket <= old) return true;
      if (old > this.head - this.#buckets) this.add(counter, old, -1);
    }
    this.#recent.set(thing, bucket);
    this.add(counter, bucket, 1);
    return true;
  }

  /** Lets go of things that left the window, once a bucket. */
  #forget(cap: Cap): void {
    if (this.#forgotAt === this.head) return;
    this.#forgotAt = this.head;
    for (const [thing, bucket] of this.#recent ?? [])
      if (bucket <= this.head - this.#buckets) {
        this.#recent?.delete(thing);
        cap.held--;
      }
  }

  /** Gives the room of its things back. */
  release(cap: Cap | undefined): void {
    if (cap !== undefined) cap.held -= this.things;
    this.#recent = undefined;
  }

  #expire(slot: number): void {
    const counters = this.sums.length;
    for (let c = 0; c < counters; c++) {
      this.sums[c] -= this.#counts[slot * counters + c];
      this.#counts[slot * counters + c] = 0;
    }
  }

  #restart(bucket: number): void {
    this.head = bucket;
    this.sums.fill(0);
    this.#counts.fill(0);
    // The things stay with buckets of the old clock, which are newer than all to come: they would count as seen. So they are marked as long gone.
    for (const thing of this.#recent?.keys() ?? []) this.#recent?.set(thing, Number.NEGATIVE_INFINITY);
  }
}

function slotOf(bucket: number, buckets: number): number {
  const r = bucket % buckets;
  return r < 0 ? r + buckets : r;
}

/** One `Ring` per key. Time belongs to each key alone, so captures with several clocks disturb nobody else. */
export class Rings {
  readonly bucketMs: number;
  readonly cap: Cap;
  /** Distinct things of all keys together. */
  readonly things: Cap | undefined;
  #counters: number;
  #buckets: number;
  #rings = new Map<string, Ring>();
  #sweptAt = Number.NEGATIVE_INFINITY;
  #sweptRefused = 0;

  constructor(options: { bucketMs: number; buckets: number; counters: number; cap: Cap; things?: Cap }) {
    this.bucketMs = options.bucketMs;
    this.#buckets = options.buckets;
    this.#counters = options.counters;
    this.cap = options.cap;
    this.things = options.things;
  }

  get size(): number {
    return this.#rings.size;
  }

  /** Number of the bucket of a time; NaN where the time is none. */
  bucketOf(timeMs: number): number {
    const bucket = Math.floor(timeMs / this.bucketMs);
    return Number.isSafeInteger(bucket) ? bucket : Number.NaN;
  }

  /** The ring of a key, with its window moved on; undefined where it is new and found no room. */
  obtain(key: string, bucket: number): Ring | undefined {
    const known = this.#rings.get(key);
    if (known !== undefined) return known;
    if (this.#rings.size >= this.cap.cap) {
      this.#sweep(bucket);
      if (this.#rings.size >= this.cap.cap) {
        this.cap.refused++;
        return undefined;
      }
    }
    const ring = new Ring(bucket, this.#counters, this.#buckets);
    this.#rings.set(key, ring);
    return ring;
  }

  /** See `Ring.advance`. */
  advance(ring: Ring, bucket: number): boolean {
    return ring.advance(bucket, Math.max(this.#buckets, Math.ceil(SAME_CLOCK_MS / this.bucketMs)));
  }

  /** A sweep reads every key, so one is made only when time has moved on by a bucket or an eighth of the cap has been refused since the last. */
  #sweep(bucket: number): void {
    if (bucket <= this.#sweptAt && this.cap.refused - this.#sweptRefused < this.cap.cap / 8) return;
    this.#sweptAt = bucket;
    this.#sweptRefused = this.cap.refused;
    for (const [key, ring] of this.#rings)
      if (ring.head <= bucket - this.#buckets) {
        ring.release(this.things);
        this.#rings.delete(key);
      }
  }
}

const HLL_BITS = 10;
const HLL_REGISTERS = 1 << HLL_BITS;

/** Counts distinct things: exactly up to a number, from there by HyperLogLog (Flajolet et al. 2007) in 1 kB with a standard error of 3.3 %. */
export class Distinct {
  #exact: number;
  #set: Set<number> | undefined = new Set();
  #registers: Uint8Array | undefined;
  /** Sum of 2^-register, exact in a float64, and registers at 0: kept so that `count` costs nothing. */
  #harmonic = HLL_REGISTERS;
  #zeros = HLL_REGISTERS;

  constructor(exact: number = 128) {
    this.#exact = exact;
  }

  /** @param thing a `hash53`. True where it is new for certain; undefined where nobody can say any more. */
  add(thing: number): boolean | undefined {
    if (this.#set !== undefined) {
      const size = this.#set.size;
      this.#set.add(thing);
      if (this.#set.size === size) return false;
      if (this.#set.size > this.#exact) {
        this.#registers = new Uint8Array(HLL_REGISTERS);
        for (const known of this.#set) this.#register(known);
        this.#set = undefined;
      }
      return true;
    }
    this.#register(thing);
    return undefined;
  }

  #register(thing: number): void {
    const h = (thing % 0x100000000) | 0;
    const index = h >>> (32 - HLL_BITS);
    const run = Math.clz32((h << HLL_BITS) | (1 << (HLL_BITS - 1))) + 1;
    const registers = this.#registers as Uint8Array;
    const before = registers[index];
    if (run <= before) return;
    registers[index] = run;
    this.#harmonic += 2 ** -run - 2 ** -before;
    if (before === 0) this.#zeros--;
  }

  get count(): number {
    if (this.#set !== undefined) return this.#set.size;
    const m = HLL_REGISTERS;
    const raw = ((0.7213 / (1 + 1.079 / m)) * m * m) / this.#harmonic;
    const estimate =
      raw <= 2.5 * m && this.#zeros > 0
        ? m * Math.log(m / this.#zeros)
        : raw <= 2 ** 32 / 30
          ? raw
          : -(2 ** 32) * Math.log(1 - raw / 2 ** 32);
    return Math.max(this.#exact + 1, Math.round(estimate));
  }
}
