import { type FewCounts, fewCount, fewCounted, fewEntries, fewKeys, fewRaised, hash32 } from '../../core/index.ts';
import { MAX_PEERS, type Saturation } from '../detection.ts';

export { hash32 };

/**
 * State that stays bounded whatever the traffic does. The policy is the same everywhere: below its cap a structure is exact, and its answer
 * does not depend on the order in which it was fed; at the cap it refuses what is new and counts the refusals, or it turns into an estimate
 * and says so. Who invents a million addresses can blind a detector to the million-and-first, never make it lose what it already knows.
 */

/** A cap with its own count of refusals. Many small structures may share one, so that the report gets one line and not a thousand. */
export class Cap {
  /** What is capped, as a plural noun for the report: 'sources', 'ports of one target'. */
  readonly what: string;
  readonly cap: number;
  refused = 0;

  constructor(what: string, cap: number) {
    this.what = what;
    this.cap = cap;
  }
}

/** The caps that refused something, in the order given, as a detector's `saturations()` reports them. */
export function saturationsOf(detector: string, caps: readonly Cap[]): Saturation[] {
  return caps.filter((c) => c.refused > 0).map((c) => ({ detector, what: c.what, cap: c.cap, refused: c.refused }));
}

/** A map that refuses new keys at its cap and counts every refusal. Keys that are in stay in. */
export class BoundedMap<K extends string | number, V> {
  readonly cap: Cap;
  #map = new Map<K, V>();

  constructor(cap: Cap) {
    this.cap = cap;
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  /** The value of `key`, made by `make` where the key is new; undefined where the key is new and the map is full. */
  obtain(key: K, make: () => V): V | undefined {
    const known = this.#map.get(key);
    if (known !== undefined) return known;
    if (this.#map.size >= this.cap.cap) {
      this.cap.refused++;
      return undefined;
    }
    const made = make();
    this.#map.set(key, made);
    return made;
  }

  values(): IterableIterator<V> {
    return this.#map.values();
  }

  /** In the order in which they came. */
  keys(): IterableIterator<K> {
    return this.#map.keys();
  }

  /** Key and value in ascending order of the key, so that what is built from it does not depend on arrival. */
  sortedEntries(): [K, V][] {
    return [...this.#map].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  }
}

const HLL_BITS = 12;
const HLL_REGISTERS = 1 << HLL_BITS;

/**
 * HyperLogLog (Flajolet et al. 2007) with 4,096 one-byte registers: relative standard error 1.6 %, 4 kB. Linear counting for small ranges,
 * and the large-range correction for a 32-bit hash. The order of insertion plays no part.
 */
class HyperLogLog {
  #registers = new Uint8Array(HLL_REGISTERS);

  add(text: string): void {
    const h = hash32(text);
    const index = h >>> (32 - HLL_BITS);
    // The guard bit below the remaining bits bounds the run of zeros for a remainder of 0.
    const run = Math.clz32((h << HLL_BITS) | (1 << (HLL_BITS - 1))) + 1;
    if (run > (this.#registers[index] ?? 0)) this.#registers[index] = run;
  }

  clone(): HyperLogLog {
    const copy = new HyperLogLog();
    copy.#registers.set(this.#registers);
    return copy;
  }

  estimate(): number {
    let harmonic = 0;
    let zeros = 0;
    for (const register of this.#registers) {
      harmonic += 2 ** -register;
      if (register === 0) zeros++;
    }
    const m = HLL_REGISTERS;
    const raw = ((0.7213 / (1 + 1.079 / m)) * m * m) / harmonic;
    if (raw <= 2.5 * m && zeros > 0) return Math.round(m * Math.log(m / zeros));
    return Math.round(raw <= 2 ** 32 / 30 ? raw : -(2 ** 32) * Math.log(1 - raw / 2 ** 32));
  }
}

/** Counts distinct strings: exactly up to `exactCap`, from there by HyperLogLog (1.6 % standard error) in 4 kB. Forgets the strings then. */
export class DistinctCounter {
  #exactCap: number;
  #set: Set<string> | undefined = new Set();
  #sketch: HyperLogLog | undefined;

  constructor(exactCap = 256) {
    this.#exactCap = exactCap;
  }

  add(text: string): void {
    if (this.#set === undefined) {
      this.#sketch?.add(text);
      return;
    }
    this.#set.add(text);
    if (this.#set.size <= this.#exactCap) return;
    this.#sketch = new HyperLogLog();
    for (const known of this.#set) this.#sketch.add(known);
    this.#set = undefined;
  }

  /** True while `count` is the true number. */
  get exact(): boolean {
    return this.#set !== undefined;
  }

  /** The number of distinct strings; an estimate never below `exactCap` + 1 once not exact. */
  get count(): number {
    return this.#set?.size ?? Math.max(this.#exactCap + 1, this.#sketch?.estimate() ?? 0);
  }
}

/** A sketch takes as much memory as about so many peers. */
const SKETCH_PEERS = 80;

/** The light ones of many peers: how many there were of all, and the weight that was taken off every one that is still held. */
interface LightPeers {
  readonly sketch: HyperLogLog;
  dropped: number;
}

/** How many peers all counters of one detector hold, a sketch counting as `SKETCH_PEERS`; about 50 bytes each. Who made the counters keeps it in bounds. */
export class PeerPool {
  held = 0;
}

/**
 * Weighs the peers of one host: exact up to `cap` different peers, then the heavy ones only (Misra and Gries 1982, pruned in blocks: the
 * median weight is taken off every peer and those at or below 0 go, so a step costs amortised constant time) and an estimated number.
 * A peer that holds more than 2 / cap of the whole weight is never lost. Most hosts have one peer, so there is no list before the second.
 */
export class PeerCounter<K extends string | number = string> {
  readonly #cap: number;
  readonly #pool: PeerPool | undefined;
  /** The only peer so far, whose weight is the total; from the second on the weights of all. */
  #held: K | FewCounts<K>;
  /** What stands for the light ones, once not exact. */
  #light: LightPeers | undefined;
  #total = 0;
  #additions = 0;

  constructor(cap = 256, pool?: PeerPool) {
    this.#cap = cap;
    this.#pool = pool;
  }

  /** @param times as if it were added so many times, each time with an equal part of the weight. */
  add(peer: K, weight = 1, times = 1): void {
    const held = this.#held;
    const before = this.#total;
    this.#total += weight;
    this.#additions += times;
    this.#light?.sketch.add(String(peer));
    if (typeof held === 'object' ? fewRaised(held, peer, weight) : held === peer) return;
    this.#hold(1);
    if (held === undefined) {
      this.#held = peer;
      return;
    }
    const more: FewCounts<K> = typeof held === 'object' ? fewCounted(held, peer, weight) : [held, before, peer, weight];
    this.#held = fewKeys(more) > this.#cap ? this.#pruned(more) : more;
  }

  #hold(peers: number): void {
    if (this.#pool !== undefined) this.#pool.held += peers;
  }

  #pruned(held: FewCounts<K>): FewCounts<K> {
    const entries = [...fewEntries(held)];
    if (this.#light === undefined) {
      this.#light = { sketch: new HyperLogLog(), dropped: 0 };
      this.#hold(SKETCH_PEERS);
      for (const [peer] of entries) this.#light.sketch.add(String(peer));
    }
    const weights = Float64Array.from(entries, ([, weight]) => weight).sort();
    const cut = weights[weights.length >> 1] ?? 0;
    this.#light.dropped += cut;
    const kept = new Map<K, number>();
    for (const [peer, weight] of entries) if (weight > cut) kept.set(peer, weight - cut);
    this.#hold(kept.size - entries.length);
    return kept;
  }

  /** A counter of its own with the same content. */
  clone(): PeerCounter<K> {
    const copy = new PeerCounter<K>(this.#cap, this.#pool);
    const held = this.#held;
    copy.#held = typeof held !== 'object' ? held : Array.isArray(held) ? held.slice() : new Map(held);
    if (this.#light !== undefined) copy.#light = { sketch: this.#light.sketch.clone(), dropped: this.#light.dropped };
    copy.#total = this.#total;
    copy.#additions = this.#additions;
    this.#hold(this.#size);
    return copy;
  }

  /** Gives the room of its peers back to the pool; the counter must not be used any more. */
  release(): void {
    this.#hold(-this.#size);
  }

  get #size(): number {
    return this.#peerCount + (this.#light === undefined ? 0 : SKETCH_PEERS);
  }

  get #peerCount(): number {
    const held = this.#held;
    return typeof held === 'object' ? fewKeys(held) : held === undefined ? 0 : 1;
  }

  #entries(): [K, number][] {
    const held = this.#held;
    if (typeof held === 'object') return [...fewEntries(held)];
    return held === undefined ? [] : [[held, this.#total]];
  }

  get exact(): boolean {
    return this.#light === undefined;
  }

  /** Number of different peers; once not exact an estimate (1.6 % standard error), never below cap + 1 nor above the number of additions. */
  get count(): number {
    if (this.#light === undefined) return this.#peerCount;
    return Math.min(this.#additions, Math.max(this.#cap + 1, this.#light.sketch.estimate()));
  }

  /** Sum of all weights ever added. */
  get total(): number {
    return this.#total;
  }

  /** Weight of a peer; once not exact an upper bound that is too high by at most 2 / cap of the total. 0 for a peer not held. */
  weight(peer: K): number {
    const held = this.#remaining(peer);
    return held === 0 ? 0 : held + (this.#light?.dropped ?? 0);
  }

  #remaining(peer: K): number {
    const held = this.#held;
    if (typeof held === 'object') return fewCount(held, peer);
    return peer === held ? this.#total : 0;
  }

  /** Like `top`, but once not exact only those that are heavy for certain: what remains of the light ones is a matter of arrival. */
  heavy(limit = MAX_PEERS): K[] {
    const sure = this.exact ? 0 : (2 / this.#cap) * this.#total;
    return this.top(limit).filter((peer) => this.#remaining(peer) >= sure);
  }

  /** The peers held, heaviest first, ties by name. */
  top(limit = MAX_PEERS): K[] {
    return this.#entries()
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      .slice(0, limit)
      .map(([peer]) => peer);
  }
}

/** First and last moment of what a detection is about. Backward clocks and any order of rows are fine. */
export class TimeSpan {
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = Number.NEGATIVE_INFINITY;

  /** Times that are missing or not finite leave the span as it is. */
  add(startMs: number | undefined, endMs: number | undefined = startMs): void {
    this.#take(startMs);
    this.#take(endMs);
  }

  #take(ms: number | undefined): void {
    if (ms === undefined || !Number.isFinite(ms)) return;
    if (ms < this.firstMs) this.firstMs = ms;
    if (ms > this.lastMs) this.lastMs = ms;
  }

  get known(): boolean {
    return this.firstMs <= this.lastMs;
  }

  /** 0 where no time is known. */
  get lengthMs(): number {
    return this.known ? this.lastMs - this.firstMs : 0;
  }
}

/**
 * Tells which half of some weights is the lighter one: called once for each of them in a second round, it is true for those that are to go. Of equally
 * heavy ones it takes the first. At least one goes.
 */
export function lighterHalf(weights: Float64Array): (weight: number) => boolean {
  const ordered = weights.sort();
  const going = Math.max(1, ordered.length >> 1);
  const threshold = ordered[going - 1] ?? 0;
  let equal = going;
  for (let i = 0; i < going && (ordered[i] ?? 0) < threshold; i++) equal--;
  return (weight) => weight < threshold || (weight === threshold && equal-- > 0);
}

/**
 * A map for counters of which only the heavy ones matter: at its cap the lightest half is dropped (and counted as refused), so that a million
 * light keys can neither fill it nor push out a heavy one. Of equally light ones those go that came first: the others may still grow. Exact, and
 * independent of order, below the cap. `release` is told of what goes.
 */
export class HeavyMap<V extends { readonly weight: number }> {
  readonly cap: Cap;
  #map = new Map<string, V>();
  #release: (value: V) => void;

  constructor(cap: Cap, release: (value: V) => void = () => undefined) {
    this.cap = cap;
    this.#release = release;
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: string): V | undefined {
    return this.#map.get(key);
  }

  /** Takes in a key that is new. */
  add(key: string, value: V): void {
    if (this.#map.size >= this.cap.cap) this.cap.refused += this.dropLightest();
    this.#map.set(key, value);
  }

  obtain(key: string, make: () => V): V {
    const known = this.#map.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.add(key, made);
    return made;
  }

  values(): IterableIterator<V> {
    return this.#map.values();
  }

  /** Drops the lighter half, at least one; the number of what went, which the caller counts under the cap that made it necessary. */
  dropLightest(): number {
    const before = this.#map.size;
    const weights = new Float64Array(this.#map.size);
    let n = 0;
    for (const value of this.#map.values()) weights[n++] = value.weight;
    const isLight = lighterHalf(weights);
    for (const [key, value] of this.#map) if (isLight(value.weight)) this.#drop(key, value);
    return before - this.#map.size;
  }

  #drop(key: string, value: V): void {
    this.#map.delete(key);
    this.#release(value);
  }

  sortedEntries(): [string, V][] {
    return [...this.#map].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  }
}
