import { type Cap, lighterHalf } from './bounded.ts';

/** What a `HeavyTable` holds: it knows its own key, of two texts and a number. */
export interface HeavyEntry {
  readonly weight: number;
  /** Of the key, as `pairHash` makes it. */
  readonly hash: number;
  hasKey(first: string, second: string, number: number): boolean;
}

/** The longest way through the table. Chance does not come near it at half load; who makes keys collide is refused. */
const MAX_PROBES = 256;

/**
 * A `HeavyMap` whose keys are two texts and a number, found by hash and comparison: no text of all three is made for each look-up. Its policy is the same: at its cap the lightest half is
 * dropped, counted as refused and told to `release`; of equally light ones those go that came first.
 */
export class HeavyTable<V extends HeavyEntry> {
  readonly cap: Cap;
  readonly #release: (value: V) => void;
  /** In the order in which they came. */
  #values: V[] = [];
  /** Place in `#values` + 1; 0 is empty. Its length is a power of two, more than twice the number of values. Linear probing. */
  #table = new Int32Array(64);

  constructor(cap: Cap, release: (value: V) => void) {
    this.cap = cap;
    this.#release = release;
  }

  get size(): number {
    return this.#values.length;
  }

  find(hash: number, first: string, second: string, number: number): V | undefined {
    const mask = this.#table.length - 1;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const place = (this.#table[(hash + probe) & mask] as number) - 1;
      if (place < 0) return undefined;
      const value = this.#values[place] as V;
      if (value.hash === hash && value.hasKey(first, second, number)) return value;
    }
    return undefined;
  }

  /** Takes in a value whose key is new. False where its way through the table would be too long: it is refused then, and counted. */
  add(value: V): boolean {
    if (this.#values.length >= this.cap.cap) this.cap.refused += this.dropLightest();
    if (2 * (this.#values.length + 1) > this.#table.length) this.#rebuild(2 * this.#table.length);
    if (!this.#enter(value, this.#values.length)) {
      this.cap.refused++;
      return false;
    }
    this.#values.push(value);
    return true;
  }

  /** In the order in which they came. */
  values(): readonly V[] {
    return this.#values;
  }

  /** Drops the lighter half, at least one; the number of what went, which the caller counts under the cap that made it necessary. */
  dropLightest(): number {
    return this.#drop(lighterHalf(Float64Array.from(this.#values, ({ weight }) => weight)));
  }

  /** Drops everything that weighs less. */
  dropBelow(least: number): void {
    this.#drop((weight) => weight < least);
  }

  #drop(isLight: (weight: number) => boolean): number {
    const before = this.#values;
    this.#values = [];
    for (const value of before) {
      if (isLight(value.weight)) this.#release(value);
      else this.#values.push(value);
    }
    this.#rebuild(this.#table.length);
    return before.length - this.#values.length;
  }

  #enter(value: V, place: number): boolean {
    const mask = this.#table.length - 1;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = (value.hash + probe) & mask;
      if (this.#table[at] !== 0) continue;
      this.#table[at] = place + 1;
      return true;
    }
    return false;
  }

  /** One that finds no place any more is found no more: only collisions by design come to that. */
  #rebuild(slots: number): void {
    this.#table = new Int32Array(slots);
    for (let place = 0; place < this.#values.length; place++) this.#enter(this.#values[place] as V, place);
  }
}
