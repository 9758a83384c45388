import { NO_ROW, Salt, widened } from '../../core/index.ts';
import { type Cap, lighterHalf } from './bounded.ts';
import { moreRows } from './number-column.ts';
import { pairHash } from './pair.ts';
import { NO_BITS, NO_NUMBER, TextNumbers } from './text-number.ts';

/** What the columns of whoever uses `HeavyRows` say of a row. */
export interface HeavyColumns {
  weightOf(row: number): number;
  /** Told of a row that goes, before its number is given out again. */
  release(row: number): void;
}

/** A text of a key, and what `ipv4Bits` says of it. */
export interface KeyText {
  readonly text: string;
  readonly bits: number;
}

/** In place of a text that keys of a table do not have. */
const NO_TEXT = 0;
/** The longest way through the table. Chance does not come near it at half load; where keys were made to collide, another salt is taken. */
const MAX_PROBES = 256;

/**
 * A `HeavyMap` in columns: rows found by one text or two, most of them addresses, 16 to 24 bytes each beside the columns of whoever uses it. Its policy is the same: at its cap the lightest half is dropped,
 * counted as refused and told to `release`; of equally light ones those go that came first. Numbers of rows that went are given out again.
 */
export class HeavyRows {
  readonly cap: Cap;
  size = 0;
  /** How often rows were dropped: who noted a row before does not know whose it is now. */
  drops = 0;
  readonly #columns: HeavyColumns;
  readonly #texts = new TextNumbers();
  #used = 0;
  #first = new Int32Array(0);
  /** Stays empty where no key has a second text. */
  #second = new Int32Array(0);
  /** All rows ever used: first those that are held, in the order in which they came, then those that are free. */
  #order = new Int32Array(0);
  /** Row + 1; 0 is empty. Its length is a power of two, at least one and a half times the number of rows. Linear probing. */
  #table = new Int32Array(64);
  readonly #salt = new Salt();

  constructor(cap: Cap, columns: HeavyColumns) {
    this.cap = cap;
    this.#columns = columns;
  }

  /** Whoever keeps columns needs so many places. */
  get capacity(): number {
    return this.#order.length;
  }

  /** The row of a key, or `NO_ROW`. */
  find(text: string, bits = NO_BITS, other?: KeyText): number {
    const first = this.#texts.find(text, bits);
    const second = other === undefined ? NO_TEXT : this.#texts.find(other.text, other.bits);
    if (first === NO_NUMBER || second === NO_NUMBER) return NO_ROW;
    const mask = this.#table.length - 1;
    const hash = pairHash(first, second, this.#salt.value);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const row = (this.#table[(hash + probe) & mask] as number) - 1;
      if (row < 0) return NO_ROW;
      if (this.#first[row] === first && (other === undefined || this.#second[row] === second)) return row;
    }
    return NO_ROW;
  }

  /** A row for a key that is new; `NO_ROW` where its way through the table would be too long: it is refused then, and counted. */
  add(text: string, bits = NO_BITS, other?: KeyText): number {
    if (this.size >= this.cap.cap) this.cap.refused += this.dropLightest();
    if (this.size === this.#order.length) this.#grow(other !== undefined);
    const first = this.#texts.take(text, bits);
    const second = other === undefined ? NO_TEXT : this.#texts.take(other.text, other.bits);
    let at = this.#vacant(first, second);
    if (at === NO_ROW && this.#salt.change()) {
      this.#rebuild();
      at = this.#vacant(first, second);
    }
    if (at === NO_ROW) {
      this.#texts.drop(first);
      this.#texts.drop(second);
      this.cap.refused++;
      return NO_ROW;
    }
    this.#salt.added();
    const row = this.size < this.#used ? (this.#order[this.size] as number) : this.#used++;
    this.#order[this.size++] = row;
    this.#table[at] = row + 1;
    this.#first[row] = first;
    if (other !== undefined) this.#second[row] = second;
    return row;
  }

  /** The first text of its key. */
  text(row: number): string {
    return this.#texts.text(this.#first[row] as number);
  }

  /** The second one, where there is one. */
  otherText(row: number): string {
    return this.#texts.text(this.#second[row] as number);
  }

  /** All rows in the order in which they came; not to be held while rows are added. */
  rows(): Int32Array {
    return this.#order.subarray(0, this.size);
  }

  /** Drops the lighter half, at least one; the number of what went, which the caller counts under the cap that made it necessary. */
  dropLightest(): number {
    return this.#drop(lighterHalf(Float64Array.from(this.rows(), (row) => this.#columns.weightOf(row))));
  }

  /** Drops everything that weighs less. */
  dropBelow(least: number): void {
    this.#drop((weight) => weight < least);
  }

  #drop(isLight: (weight: number) => boolean): number {
    const before = this.rows().slice();
    const gone: number[] = [];
    this.size = 0;
    for (const row of before) {
      if (isLight(this.#columns.weightOf(row))) gone.push(row);
      else this.#order[this.size++] = row;
    }
    for (const [i, row] of gone.entries()) {
      this.#order[this.size + i] = row;
      this.#texts.drop(this.#first[row] as number);
      this.#texts.drop(this.#second[row] ?? NO_TEXT);
      this.#columns.release(row);
    }
    this.drops++;
    this.#rebuild();
    return gone.length;
  }

  #vacant(first: number, second: number): number {
    const mask = this.#table.length - 1;
    const hash = pairHash(first, second, this.#salt.value);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = (hash + probe) & mask;
      if (this.#table[at] === 0) return at;
    }
    return NO_ROW;
  }

  #grow(isPair: boolean): void {
    const n = moreRows(this.#order.length, this.cap.cap);
    this.#order = widened(this.#order, n);
    this.#first = widened(this.#first, n);
    if (isPair) this.#second = widened(this.#second, n);
    let slots = this.#table.length;
    while (slots < 1.5 * n) slots *= 2;
    if (slots === this.#table.length) return;
    this.#table = new Int32Array(slots);
    this.#rebuild();
  }

  /** One that finds no place with any salt is found no more: only collisions by design come to that. */
  #rebuild(): void {
    this.#table.fill(0);
    let isWhole = true;
    for (const row of this.rows()) {
      const at = this.#vacant(this.#first[row] as number, this.#second[row] ?? NO_TEXT);
      if (at === NO_ROW) isWhole = false;
      else this.#table[at] = row + 1;
    }
    if (!isWhole && this.#salt.change()) this.#rebuild();
  }
}
