import { widened } from '../core/index.ts';
import { moreRows } from './number-column.ts';

/** No row: not found, or refused. */
export const NO_ROW = -1;
/** The longest way through the table. Chance does not come near it at half load; who makes keys collide is refused. */
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
  #wanted = 0;
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
    this.#probe = 0;
    return this.further();
  }

  /** The next row with the hash that was last asked for. */
  further(): number {
    const mask = this.#table.length - 1;
    const wanted = this.#wanted;
    while (this.#probe < MAX_PROBES) {
      const row = (this.#table[(wanted + this.#probe++) & mask] as number) - 1;
      if (row < 0) return NO_ROW;
      if (this.#hash[row] === wanted) return row;
    }
    return NO_ROW;
  }

  /** The row behind all others, for a key that is new; `NO_ROW` where its way through the table would be too long. */
  add(hash: number): number {
    if (this.size === this.#hash.length) this.#grow();
    const row = this.size;
    if (!this.#enter(row, hash)) return NO_ROW;
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
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = (hash + probe) & mask;
      if (this.#table[at] !== 0) continue;
      this.#table[at] = row + 1;
      return true;
    }
    return false;
  }

  /** One that finds no place any more is found no more: only collisions by design come to that. */
  #rebuild(): void {
    this.#table.fill(0);
    for (let row = 0; row < this.size; row++) this.#enter(row, this.#hash[row] as number);
  }
}
