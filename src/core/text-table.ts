import { NO_ROW, widened } from './number-table.ts';
import { Salt } from './salt.ts';
import { PackedTextColumn, type StringColumn } from './table.ts';
import { unitText, writeUnits } from './text.ts';
import { hash32, type TextHashes } from './text-hash.ts';

/** The longest way through the table. Chance does not come near it at half load; where hashes were made to collide, another salt is taken. */
const MAX_PROBES = 256;
/** Up to so many bytes of texts double, more grow by half. */
const DOUBLING_BYTES = 2 ** 18;

/**
 * Texts and their numbers, from 0 in the order in which they came: their bytes one after another and 16 to 24 bytes each for finding them, where a `Map` takes 80 with its strings, each of which the
 * garbage collector visits. None is ever given up.
 */
export class TextTable {
  #size = 0;
  /** Text i is `bytes[ends[i - 1], ends[i])`, the first from 0; each UTF-16 unit by itself as UTF-8 has it, see `unitText`. */
  #bytes = new Uint8Array(256);
  #ends = new Int32Array(16);
  #hashes = new Int32Array(16);
  /** Text + 1 by hash; 0 is empty. Its length is a power of two, at least twice the number of texts. Linear probing. */
  #table = new Int32Array(32);
  readonly #salt = new Salt();

  get size(): number {
    return this.#size;
  }

  /** The number of a text; `NO_ROW` where it has none. @param hash its `hash32`, from whoever knows it. */
  find(text: string, hash = hash32(text)): number {
    const mask = this.#table.length - 1;
    const wanted = hash | 0;
    const home = this.#homeOf(wanted);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const number = this.#table[(home + probe) & mask] - 1;
      if (number < 0) return NO_ROW;
      if (this.#hashes[number] === wanted && this.#equals(number, text)) return number;
    }
    return NO_ROW;
  }

  /** The number of a text that has none yet; `NO_ROW` where its way through the table would be too long. */
  add(text: string, hash = hash32(text)): number {
    if (2 * (this.#size + 1) > this.#table.length) this.#grow();
    let at = this.#vacant(hash | 0);
    if (at === NO_ROW && this.#salt.change()) {
      this.#rebuild();
      at = this.#vacant(hash | 0);
    }
    if (at === NO_ROW) return NO_ROW;
    this.#salt.added();
    const number = this.#size++;
    this.#table[at] = number + 1;
    this.#hashes[number] = hash | 0;
    const from = number === 0 ? 0 : this.#ends[number - 1];
    if (from + 3 * text.length > this.#bytes.length)
      this.#bytes = widened(this.#bytes, Math.max(this.#moreBytes(), from + 3 * text.length));
    this.#ends[number] = writeUnits(text, this.#bytes, from);
    return number;
  }

  text(number: number): string {
    return unitText(this.#bytes, number === 0 ? 0 : this.#ends[number - 1], this.#ends[number]);
  }

  #equals(number: number, text: string): boolean {
    const bytes = this.#bytes;
    const from = number === 0 ? 0 : this.#ends[number - 1];
    const length = this.#ends[number] - from;
    if (length < text.length) return false;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) return this.text(number) === text;
      if (bytes[from + i] !== unit) return false;
    }
    return length === text.length;
  }

  #moreBytes(): number {
    const { length } = this.#bytes;
    return length < DOUBLING_BYTES ? 2 * length : length + (length >> 1);
  }

  #vacant(hash: number): number {
    const mask = this.#table.length - 1;
    const home = this.#homeOf(hash);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = (home + probe) & mask;
      if (this.#table[at] === 0) return at;
    }
    return NO_ROW;
  }

  #grow(): void {
    this.#table = new Int32Array(2 * this.#table.length);
    this.#ends = widened(this.#ends, this.#table.length / 2);
    this.#hashes = widened(this.#hashes, this.#table.length / 2);
    this.#rebuild();
  }

  #homeOf(hash: number): number {
    const salt = this.#salt.value;
    if (salt === 0) return hash;
    const h = Math.imul(hash ^ salt, 0x85ebca6b);
    return h ^ (h >>> 16);
  }

  #rebuild(): void {
    this.#table.fill(0);
    let isWhole = true;
    for (let number = 0; number < this.#size; number++) {
      // One for which there is no place with any salt is not found any more.
      const at = this.#vacant(this.#hashes[number]);
      if (at === NO_ROW) isWhole = false;
      else this.#table[at] = number + 1;
    }
    if (!isWhole && this.#salt.change()) this.#rebuild();
  }
}

/** The numbers that the texts of a column have in a table, each looked up once for the batch. */
export class TextNumbering {
  readonly #table: TextTable;
  readonly #column: StringColumn;
  readonly #hashes: TextHashes | undefined;
  /** Number + 1; 0 where it is not known. */
  readonly #numbers: Int32Array;
  /** The code whose hash was made last, and that hash: who does not find a text most often adds it. */
  #hashed = -1;
  #hash = 0;

  /** @param hashes of the column, where others ask for them as well. */
  constructor(table: TextTable, column: StringColumn, hashes?: TextHashes) {
    this.#table = table;
    this.#column = column;
    this.#hashes = hashes;
    this.#numbers = new Int32Array(column instanceof PackedTextColumn ? column.ends.length : column.dictionary.length);
  }

  /** Of a code of the column; `NO_ROW` where the table has not got its text. */
  find(code: number): number {
    const known = this.#numbers[code] - 1;
    if (known >= 0) return known;
    const text = this.text(code);
    const number = this.#table.find(text, this.#hashOf(code, text));
    this.#numbers[code] = number + 1;
    return number;
  }

  /** As `find`; a text that is not there is added. `NO_ROW` where the table refuses it. */
  take(code: number): number {
    const known = this.find(code);
    if (known !== NO_ROW) return known;
    const text = this.text(code);
    const number = this.#table.add(text, this.#hashOf(code, text));
    this.#numbers[code] = number + 1;
    return number;
  }

  #hashOf(code: number, text: string): number {
    if (this.#hashes !== undefined) return this.#hashes.of(code);
    if (this.#hashed !== code) {
      this.#hashed = code;
      this.#hash = hash32(text);
    }
    return this.#hash;
  }

  text(code: number): string {
    const column = this.#column;
    return column instanceof PackedTextColumn ? column.text(code) : column.dictionary[code];
  }
}
