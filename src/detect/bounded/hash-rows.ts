import { Salt, widened } from '../../core/index.ts';
import { moreRows } from './number-column.ts';
import { saltedHash } from './pair.ts';

/** No row: not found, or refused. */
export const NO_ROW = -1;
/** The longest way through the table. Chance does not come near it at half load; where keys were made to collide, another salt is taken. */
const MAX_PROBES = 256;

/**
 * Numbers of rows of a table in columns, found by the hash of their key; whoever keeps the columns compares the keys:
 *
 *   for (let row = rows.first(hash); row !== NO_ROW; row = rows.further()) if (...) return row;
 *
 * Rows lie in the order in which they came, without gaps: where some are dropped, the others move down.
 */
export class HashRows {
  size = 0;
  readonly #most: number;
  #hash = new Int32Array(0);
  /** Row + 1; 0 is empty. Its length is a power of two, at least one and a half times the number of rows. Linear probing. */
  #table = new Int32Array(128);
  readonly #salt = new Salt();
  #wanted = 0;
  #home = 0;
  #probe = 0;

  /** @param most how many rows there are at most: its caller never adds more. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whoever keeps columns needs so many places. */
  get capacity(): number {
    return this.#hash.length;
  }

  /** The first row with this hash. */
  first(hash: number): number {
    this.#wanted = hash;
    this.#home = this.#homeOf(hash);
    this.#probe = 0;
    return this.further();
  }

  /** The next row with the hash that was last asked for. */
  further(): number {
    const mask = this.#table.length - 1;
    const wanted = this.#wanted;
    const home = this.#home;
    while (this.#probe < MAX_PROBES) {
      const row = (this.#table[(home + this.#probe++) & mask] as number) - 1;
      if (row < 0) return NO_ROW;
      if (this.#hash[row] === wanted) return row;
    }
    return NO_ROW;
  }

  /** The row behind all others, for a key that is new; `NO_ROW` where its way through the table would be too long. */
  add(hash: number): number {
    if (this.size === this.#hash.length) this.#grow();
    const row = this.size;
    if (!this.#enter(row, hash)) {
      if (!this.#salt.change()) return NO_ROW;
      this.#rebuild();
      if (!this.#enter(row, hash)) return NO_ROW;
    }
    this.#salt.added();
    this.#hash[row] = hash;
    this.size++;
    return row;
  }

  /** Drops all rows but these, which are given in ascending order. */
  keep(kept: Int32Array): void {
    for (let row = 0; row < kept.length; row++) this.#hash[row] = this.#hash[kept[row] as number] as number;
    this.size = kept.length;
    this.#rebuild();
  }

  #grow(): void {
    this.#hash = widened(this.#hash, moreRows(this.size, this.#most));
    let slots = this.#table.length;
    while (slots < 1.5 * this.#hash.length) slots *= 2;
    if (slots === this.#table.length) return;
    this.#table = new Int32Array(slots);
    this.#rebuild();
  }

  #enter(row: number, hash: number): boolean {
    const mask = this.#table.length - 1;
    const home = this.#homeOf(hash);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = (home + probe) & mask;
      if (this.#table[at] !== 0) continue;
      this.#table[at] = row + 1;
      return true;
    }
    return false;
  }

  /** One that finds no place with any salt is found no more: only collisions by design come to that. */
  #rebuild(): void {
    this.#table.fill(0);
    let isWhole = true;
    for (let row = 0; row < this.size; row++) if (!this.#enter(row, this.#hash[row] as number)) isWhole = false;
    if (!isWhole && this.#salt.change()) this.#rebuild();
  }

  #homeOf(hash: number): number {
    return saltedHash(hash, this.#salt.value);
  }
}
