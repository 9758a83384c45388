import { Salt } from './salt.ts';

/** No row: not found, or no room. */
export const NO_ROW = -1;

/** The longest way through a hash table. Chance does not come near it at half load; where numbers were made to collide, another salt is taken. */
const MAX_PROBES = 256;

/** Columns of up to so many rows double, longer ones grow by half. */
const DOUBLING_ROWS = 32_768;

/** A power of two. */
const LATELY = 2048;

/**
 * A set of finite numbers in one typed array: 12 to 24 bytes each, where a `Set` of numbers beyond 2^31 takes 45 and its members are objects for the collector to walk.
 */
export class NumberSet {
  #size = 0;
  /** Members that were asked for of late, a place for each hash: a table that stays in the processor's cache answers for most. */
  readonly #lately = new Float64Array(LATELY).fill(Number.NaN);
  /** NaN where empty; at least one and a half times as long as the size. Linear probing. */
  #table = new Float64Array(64).fill(Number.NaN);
  readonly #most: number;

  /** @param most how many numbers are expected at most: up to that it takes no more than 12 bytes for each of these. */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  has(value: number): boolean {
    const place = (value ^ (value / 2 ** 16)) & (LATELY - 1);
    if (this.#lately[place] === value) return true;
    if (this.#table[this.#find(value)] !== value) return false;
    this.#lately[place] = value;
    return true;
  }

  add(value: number): void {
    if (this.has(value)) return;
    const at = this.#find(value);
    this.#table[at] = value;
    this.#size++;
    if (3 * this.#size > 2 * this.#table.length) this.#grow();
  }

  /** Where a value is, or would be. */
  #find(value: number): number {
    const table = this.#table;
    const hash = mix(value % 2 ** 32, Math.floor(value / 2 ** 32)) >>> 0;
    let at = Math.floor(hash * (table.length / 2 ** 32));
    for (;;) {
      const held = table[at] as number;
      if (held === value || Number.isNaN(held)) return at;
      at = at + 1 < table.length ? at + 1 : 0;
    }
  }

  #grow(): void {
    const before = this.#table;
    const needed = this.#size <= this.#most ? Math.ceil(1.5 * (this.#most + 1)) : Number.POSITIVE_INFINITY;
    this.#table = new Float64Array(Math.max(64, Math.min(2 * before.length, needed))).fill(Number.NaN);
    for (const value of before) if (!Number.isNaN(value)) this.#table[this.#find(value)] = value;
  }
}

/**
 * Rows of tables in columns, found by an owner and a 32-bit number of the owner's: 18 to 24 bytes a row beside the columns of whoever uses it, where a map of each owner
 * takes a hundred. The rows of an owner are a list in the order in which they were added. Rows that were given up are used again.
 */
export class OwnedRows {
  size = 0;
  #used = 0;
  #free = NO_ROW;
  /** Owner and value of a row next to one another: who looks at one looks at the other. */
  #keys = new Int32Array(0);
  /** The row of the same owner that was added after; the next free one of those given up. */
  #next = new Int32Array(0);
  /** Row + 1; 0 is empty. Its length is a power of two, at least one and a half times the number of rows. Linear probing. */
  #table = new Int32Array(0);
  #isStale = false;
  readonly #salt = new Salt();
  #most: number;

  /** @param most how many rows are ever held at a time; its columns never grow beyond. */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  /** Whoever keeps columns needs so many places. */
  get capacity(): number {
    return this.#next.length;
  }

  find(owner: number, value: number): number {
    if (this.#isStale) this.#rebuild();
    const table = this.#table;
    const keys = this.#keys;
    const mask = table.length - 1;
    const wanted = value | 0;
    const hash = mix(owner, wanted ^ this.#salt.value);
    for (let probe = 0; probe < MAX_PROBES && mask > 0; probe++) {
      const row = (table[(hash + probe) & mask] as number) - 1;
      if (row < 0) return NO_ROW;
      if (keys[2 * row + 1] === wanted && keys[2 * row] === owner) return row;
    }
    return NO_ROW;
  }

  /** A new row behind `last`, the owner's latest (`NO_ROW` for its first); `NO_ROW` where its way through the table would be too long or the rows are full. */
  add(owner: number, value: number, last: number): number {
    if (this.#free === NO_ROW && this.#used === this.#next.length) {
      if (this.#used >= this.#most) return NO_ROW;
      this.#grow();
    }
    if (this.#isStale) this.#rebuild();
    let at = this.#vacant(owner, value | 0);
    if (at === NO_ROW && this.#salt.change()) {
      this.#rebuild();
      at = this.#vacant(owner, value | 0);
    }
    if (at === NO_ROW) return NO_ROW;
    this.#salt.added();
    let row = this.#free;
    if (row === NO_ROW) row = this.#used++;
    else this.#free = this.#next[row] as number;
    this.#table[at] = row + 1;
    this.#keys[2 * row] = owner;
    this.#keys[2 * row + 1] = value;
    this.#next[row] = NO_ROW;
    if (last !== NO_ROW) this.#next[last] = row;
    this.size++;
    return row;
  }

  /** The row of the same owner that was added after this one, or `NO_ROW`. */
  next(row: number): number {
    return this.#next[row] as number;
  }

  /** Gives up a row and all that were added after it for the same owner. */
  drop(first: number): void {
    for (let row = first; row !== NO_ROW; ) {
      const next = this.#next[row] as number;
      this.#keys[2 * row] = GONE;
      this.#next[row] = this.#free;
      this.#free = row;
      this.size--;
      row = next;
    }
    // Many owners go at a time: the table is made anew once, when it is next asked.
    this.#isStale = true;
  }

  owner(row: number): number {
    return this.#keys[2 * row] as number;
  }

  /** The number by which the owner finds the row, as a signed one. */
  value(row: number): number {
    return this.#keys[2 * row + 1] as number;
  }

  /** Gives up those rows of an owner of which `isGone` says so, asked from its first on; the first and last that are left. */
  sift(first: number, isGone: (row: number) => boolean): { readonly first: number; readonly last: number } {
    let head = NO_ROW;
    let last = NO_ROW;
    for (let row = first; row !== NO_ROW; ) {
      const next = this.#next[row] as number;
      this.#next[row] = NO_ROW;
      if (isGone(row)) this.drop(row);
      else {
        if (last === NO_ROW) head = row;
        else this.#next[last] = row;
        last = row;
      }
      row = next;
    }
    return { first: head, last };
  }

  #vacant(owner: number, value: number): number {
    const mask = this.#table.length - 1;
    const hash = mix(owner, value ^ this.#salt.value);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = (hash + probe) & mask;
      if (this.#table[at] === 0) return at;
    }
    return NO_ROW;
  }

  #grow(): void {
    const rows = this.#next.length;
    const n = Math.min(this.#most, Math.max(64, rows < DOUBLING_ROWS ? 2 * rows : rows + (rows >> 1)));
    this.#keys = widened(this.#keys, 2 * n);
    this.#next = widened(this.#next, n);
    let slots = 128;
    while (slots < 1.5 * n) slots *= 2;
    this.#table = new Int32Array(slots);
    this.#isStale = true;
  }

  #rebuild(): void {
    this.#isStale = false;
    this.#table.fill(0);
    let isWhole = true;
    for (let row = 0; row < this.#used; row++) {
      const owner = this.#keys[2 * row] as number;
      if (owner === GONE) continue;
      // One for which there is no place with any salt is not found any more.
      const at = this.#vacant(owner, this.#keys[2 * row + 1] as number);
      if (at === NO_ROW) isWhole = false;
      else this.#table[at] = row + 1;
    }
    if (!isWhole && this.#salt.change()) this.#rebuild();
  }
}

/** No owner has this number. */
const GONE = -1;

/** The finaliser of MurmurHash3 (Appleby) over both. */
function mix(a: number, b: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ b;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The same column with room for `n` values. */
export function widened<T extends Int32Array | Uint32Array | Int16Array | Uint16Array | Uint8Array | Float64Array>(
  column: T,
  n: number,
): T {
  const wide = new (column.constructor as new (length: number) => T)(n);
  wide.set(column);
  return wide;
}
