import { NO_ROW, OwnedRows, widened } from '../core/index.ts';

const MOST_TIMES = 2 ** 32 - 1;

/**
 * Lists of numbers, a fixed few for each holder, with how often each number came: 25 bytes a number and nothing for an empty list but its length. Numbers are told apart, and come in the order in
 * which they were added. Holders are small numbers from 0 on.
 */
export class CountedLists {
  readonly #lists: number;
  readonly #rows: OwnedRows;
  /** Up to `MOST_TIMES`, where it stays. */
  #times = new Uint32Array(0);
  /** First and last row of a holder, of whichever list, plus one; 0 where it has none. */
  #first = new Int32Array(0);
  #last = new Int32Array(0);
  #sizes = new Uint8Array(0);

  /** @param lists of each holder, of at most 255 numbers each. @param most numbers in all lists together. */
  constructor(lists: number, most = Number.POSITIVE_INFINITY) {
    this.#lists = lists;
    this.#rows = new OwnedRows(most);
  }

  /** Numbers in all lists together. */
  get size(): number {
    return this.#rows.size;
  }

  /** Makes room for so many holders at least. */
  widen(holders: number): void {
    if (holders <= this.#first.length) return;
    const n = Math.max(holders, 2 * this.#first.length);
    this.#first = widened(this.#first, n);
    this.#last = widened(this.#last, n);
    this.#sizes = widened(this.#sizes, n * this.#lists);
  }

  length(holder: number, list = 0): number {
    return this.#sizes[holder * this.#lists + list];
  }

  has(holder: number, number: number, list = 0): boolean {
    return this.#find(holder, number, list) !== NO_ROW;
  }

  /** Counts a number once more; false, and nothing is changed, where the list has not got it. */
  raise(holder: number, number: number, list = 0): boolean {
    const row = this.#find(holder, number, list);
    if (row === NO_ROW) return false;
    if (this.#times[row] < MOST_TIMES) this.#times[row]++;
    return true;
  }

  /** Adds a number that the list has not got. False where numbers were made to collide. */
  add(holder: number, number: number, list = 0): boolean {
    const owner = holder * this.#lists + list;
    const row = this.#rows.add(owner, number, this.#last[holder] - 1);
    if (row === NO_ROW) return false;
    if (this.#rows.capacity > this.#times.length) this.#times = widened(this.#times, this.#rows.capacity);
    this.#times[row] = 1;
    if (this.#first[holder] === 0) this.#first[holder] = row + 1;
    this.#last[holder] = row + 1;
    this.#sizes[owner]++;
    return true;
  }

  /** The numbers of a list with how often each came. */
  *entries(holder: number, list = 0): Generator<[number: number, times: number]> {
    if (this.length(holder, list) === 0) return;
    const owner = holder * this.#lists + list;
    for (let row = this.#first[holder] - 1; row !== NO_ROW; row = this.#rows.next(row))
      if (this.#rows.owner(row) === owner) yield [this.#rows.value(row), this.#times[row]];
  }

  #find(holder: number, number: number, list: number): number {
    const owner = holder * this.#lists + list;
    return this.#sizes[owner] === 0 ? NO_ROW : this.#rows.find(owner, number);
  }
}
