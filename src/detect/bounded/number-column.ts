import { widened } from '../../core/index.ts';

/** The number is missing. */
const MISSING = 2 ** 32 - 1;
/** The number is another than a whole one below this. */
const ODD = 2 ** 32 - 2;
/** Rows from which on a column grows by less. */
const MANY = 32_768;

/**
 * A column of numbers that are nearly always whole, not negative and below 2^32: identifiers, sizes. Four bytes each; any other number comes back as exactly, and is kept in a map. `NaN` is a missing
 * one.
 */
export class NarrowColumn {
  #values = new Uint32Array(0);
  #odd = new Map<number, number>();

  /** Makes room for `n` rows. */
  widen(n: number): void {
    this.#values = widened(this.#values, n);
  }

  get(row: number): number {
    const value = this.#values[row] as number;
    if (value < ODD) return value;
    return value === MISSING ? Number.NaN : (this.#odd.get(row) ?? Number.NaN);
  }

  set(row: number, value: number): void {
    this.clear(row);
    if (value >= 0 && value < ODD && Number.isInteger(value)) this.#values[row] = value;
    else if (!Number.isNaN(value)) {
      this.#values[row] = ODD;
      this.#odd.set(row, value);
    }
  }

  /** Takes the number out: whoever gives a row up does so, or sets another one later. */
  clear(row: number): void {
    if (this.#values[row] === ODD) this.#odd.delete(row);
    this.#values[row] = MISSING;
  }
}

/** Rows that columns with room for `n` shall have when they are full: half as many again, where they are many a quarter; up to `most` none beyond it, which is how many they are expected to need. */
export function moreRows(n: number, most = Number.POSITIVE_INFINITY): number {
  const more = Math.max(64, n + (n >> (n < MANY ? 1 : 2)));
  return n < most ? Math.min(more, most) : more;
}
