import { asciiText, ownText, widened } from '../../core/index.ts';
import { moreRows } from './number-column.ts';
import { pairHash } from './pair.ts';

/** No row, no room: the end of a list. */
const NONE = -1;
/** The longest way through a hash table. Chance does not come near it at half load; who makes texts collide is refused. */
const MAX_PROBES = 256;
/** Sizes of chunks are the powers of two up to 256. */
const CHUNK_SIZES = 9;

/**
 * What tables in columns keep of each of their rows beside one number: small sets and counts, and sets of texts. Rows are numbered from 0 on without gaps; where the table drops some, `keep` is told
 * which stay, in ascending order: the first of them is row 0 from then on, and so on.
 */
export interface OwnedByRows {
  keep(kept: Int32Array): void;
}

/** A set of at most 255 signed 32-bit numbers for each row: 9 bytes a row, and 4 to 8 a member. A set is looked through, so it suits some dozens. */
export class NumberSets implements OwnedByRows {
  #values = new Int32Array(0);
  #used = 0;
  /** Chunks given up, by the logarithm of their size: the first one, whose first value is the next one. */
  readonly #free = new Int32Array(CHUNK_SIZES).fill(NONE);
  /** By row: where its chunk begins, which has the next power of two of members. */
  #start = new Int32Array(0);
  #size = new Uint8Array(0);

  size(row: number): number {
    return this.#size[row] ?? 0;
  }

  has(row: number, value: number): boolean {
    const from = this.#start[row] as number;
    for (let i = from, to = from + this.size(row); i < to; i++) if (this.#values[i] === value) return true;
    return false;
  }

  /** Adds a number that may be there already. */
  add(row: number, value: number): void {
    if (this.has(row, value)) return;
    if (row >= this.#size.length) {
      const n = roomFor(this.#size.length, row + 1);
      this.#start = widened(this.#start, n);
      this.#size = widened(this.#size, n);
    }
    const size = this.#size[row] as number;
    // Full exactly where the size is a power of two.
    if ((size & (size - 1)) === 0) this.#enlarge(row, size);
    this.#values[(this.#start[row] as number) + size] = value;
    this.#size[row] = size + 1;
  }

  members(row: number): Int32Array {
    const from = this.#start[row] ?? 0;
    return this.#values.subarray(from, from + this.size(row));
  }

  keep(kept: Int32Array): void {
    let next = 0;
    for (let row = 0; row < this.#size.length; row++) {
      if (kept[next] === row) {
        this.#start[next] = this.#start[row] as number;
        this.#size[next] = this.#size[row] as number;
        next++;
      } else this.#give(this.#start[row] as number, this.#size[row] as number);
    }
    this.#size.fill(0, next);
  }

  #enlarge(row: number, size: number): void {
    const from = this.#start[row] as number;
    const to = this.#chunk(size === 0 ? 0 : 32 - Math.clz32(size));
    this.#values.copyWithin(to, from, from + size);
    this.#give(from, size);
    this.#start[row] = to;
  }

  #chunk(log: number): number {
    const free = this.#free[log] as number;
    if (free !== NONE) {
      this.#free[log] = this.#values[free] as number;
      return free;
    }
    const at = this.#used;
    this.#used += 1 << log;
    if (this.#used > this.#values.length)
      this.#values = widened(this.#values, roomFor(this.#values.length, this.#used));
    return at;
  }

  /** Gives up the chunk of a set of this size. */
  #give(from: number, size: number): void {
    if (size === 0) return;
    const log = 32 - Math.clz32(size - 1);
    this.#values[from] = this.#free[log] as number;
    this.#free[log] = from;
  }
}

/** A number for each of some 32-bit keys of each row: 4 bytes a row, 16 a key. Keys are looked through, the latest first. */
export class NumberCounts implements OwnedByRows {
  #used = 0;
  /** By row: its latest key + 1. */
  #latest = new Int32Array(0);
  /** The key before of the same row + 1. */
  #before = new Int32Array(0);
  #key = new Int32Array(0);
  #count = new Float64Array(0);

  /** Adds to the number of a key that the row has; false where it has not. */
  raise(row: number, key: number, by: number): boolean {
    for (let at = this.#latest[row] ?? 0; at > 0; at = this.#before[at - 1] as number) {
      if (this.#key[at - 1] !== key) continue;
      this.#count[at - 1] = (this.#count[at - 1] as number) + by;
      return true;
    }
    return false;
  }

  /** Adds a key that the row has not. */
  add(row: number, key: number, by: number): void {
    if (row >= this.#latest.length) this.#latest = widened(this.#latest, roomFor(this.#latest.length, row + 1));
    if (this.#used === this.#key.length) {
      const n = moreRows(this.#used);
      this.#before = widened(this.#before, n);
      this.#key = widened(this.#key, n);
      this.#count = widened(this.#count, n);
    }
    const at = this.#used++;
    this.#before[at] = this.#latest[row] as number;
    this.#latest[row] = at + 1;
    this.#key[at] = key;
    this.#count[at] = by;
  }

  /** How many keys a row has. */
  size(row: number): number {
    let size = 0;
    for (let at = this.#latest[row] ?? 0; at > 0; at = this.#before[at - 1] as number) size++;
    return size;
  }

  /** Keys with their numbers, in the order in which they were added. */
  entries(row: number): [number, number][] {
    const entries: [number, number][] = [];
    for (let at = this.#latest[row] ?? 0; at > 0; at = this.#before[at - 1] as number)
      entries.push([this.#key[at - 1] as number, this.#count[at - 1] as number]);
    return entries.reverse();
  }

  keep(kept: Int32Array): void {
    const rows = Array.from(kept, (row) => this.entries(row));
    this.#used = 0;
    this.#latest.fill(0);
    rows.forEach((entries, row) => {
      for (const [key, count] of entries) this.add(row, key, count);
    });
  }
}

/** A set of texts for each row, their characters as bytes one after another: 25 bytes a text beside its characters, where a string in a `Set` takes a hundred. */
export class TextSets implements OwnedByRows {
  /** Texts in all. */
  size = 0;
  #bytes = new Uint8Array(0);
  /** Text i is `bytes[ends[i - 1], ends[i])`, the first from 0. */
  #ends = new Int32Array(0);
  #row = new Int32Array(0);
  #hash = new Int32Array(0);
  /** The next text of the same row + 1. */
  #next = new Int32Array(0);
  /** By row: its latest text + 1. */
  #first = new Int32Array(0);
  /** Texts with characters that are no bytes, which hardly any name has: they have no bytes. */
  #wide = new Map<number, string>();
  /** Text + 1; 0 is empty. Its length is a power of two, at least one and a half times the number of texts. Linear probing. */
  #table = new Int32Array(128);

  /** Whether the first `length` characters of `text` are in the set; `hash` is any 32-bit hash of them, always the same one. */
  has(row: number, hash: number, text: string, length = text.length): boolean {
    const mask = this.#table.length - 1;
    const from = pairHash(row, hash, 0);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = (this.#table[(from + probe) & mask] as number) - 1;
      if (at < 0) return false;
      if (this.#hash[at] === hash && this.#row[at] === row && this.#equals(at, text, length)) return true;
    }
    return false;
  }

  /** Adds what is not in the set; false where its way through the table would be too long. */
  add(row: number, hash: number, text: string, length = text.length): boolean {
    if (this.size === this.#ends.length) this.#grow(moreRows(this.size));
    const place = this.#vacant(pairHash(row, hash, 0));
    if (place === NONE) return false;
    if (row >= this.#first.length) this.#first = widened(this.#first, roomFor(this.#first.length, row + 1));
    const at = this.size++;
    this.#table[place] = at + 1;
    this.#hash[at] = hash;
    this.#enlist(at, row);
    this.#write(at, text, length);
    return true;
  }

  members(row: number): string[] {
    const texts: string[] = [];
    for (let at = this.#first[row] ?? 0; at > 0; at = this.#next[at - 1] as number) texts.push(this.#text(at - 1));
    return texts;
  }

  keep(kept: Int32Array): void {
    const rows = new Int32Array(this.#first.length).fill(NONE);
    for (let row = 0; row < kept.length; row++) rows[kept[row] as number] = row;
    const wide = this.#wide;
    this.#wide = new Map();
    this.#first.fill(0);
    const size = this.size;
    this.size = 0;
    for (let at = 0, from = 0; at < size; at++) {
      const to = this.#ends[at] as number;
      const row = rows[this.#row[at] as number] as number;
      if (row !== NONE) this.#move(at, from, to, row, wide.get(at));
      from = to;
    }
    this.#rebuild();
  }

  /** A text that stays moves down to the place behind those that stayed before it. */
  #move(from: number, firstByte: number, lastByte: number, row: number, wide: string | undefined): void {
    const at = this.size++;
    const start = this.#startOf(at);
    this.#bytes.copyWithin(start, firstByte, lastByte);
    this.#ends[at] = start + lastByte - firstByte;
    this.#hash[at] = this.#hash[from] as number;
    if (wide !== undefined) this.#wide.set(at, wide);
    this.#enlist(at, row);
  }

  #enlist(at: number, row: number): void {
    this.#row[at] = row;
    this.#next[at] = this.#first[row] as number;
    this.#first[row] = at + 1;
  }

  #startOf(at: number): number {
    return at === 0 ? 0 : (this.#ends[at - 1] as number);
  }

  #write(at: number, text: string, length: number): void {
    const start = this.#startOf(at);
    if (start + length > this.#bytes.length)
      this.#bytes = widened(this.#bytes, roomFor(this.#bytes.length, start + length));
    let units = 0;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      units |= unit;
      this.#bytes[start + i] = unit;
    }
    const isWide = units > 255;
    if (isWide) this.#wide.set(at, ownText(text, 0, length));
    this.#ends[at] = isWide ? start : start + length;
  }

  #equals(at: number, text: string, length: number): boolean {
    const wide = this.#wide.size === 0 ? undefined : this.#wide.get(at);
    if (wide !== undefined) return wide.length === length && text.startsWith(wide);
    const start = this.#startOf(at);
    if ((this.#ends[at] as number) - start !== length) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  #text(at: number): string {
    return this.#wide.get(at) ?? asciiText(this.#bytes, this.#startOf(at), this.#ends[at] as number);
  }

  #vacant(hash: number): number {
    const mask = this.#table.length - 1;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const place = (hash + probe) & mask;
      if (this.#table[place] === 0) return place;
    }
    return NONE;
  }

  #grow(n: number): void {
    this.#ends = widened(this.#ends, n);
    this.#row = widened(this.#row, n);
    this.#hash = widened(this.#hash, n);
    this.#next = widened(this.#next, n);
    let slots = this.#table.length;
    while (slots < 1.5 * n) slots *= 2;
    if (slots === this.#table.length) return;
    this.#table = new Int32Array(slots);
    this.#rebuild();
  }

  /** A text that finds no place any more is found no more: only collisions by design come to that. */
  #rebuild(): void {
    this.#table.fill(0);
    for (let at = 0; at < this.size; at++) {
      const place = this.#vacant(pairHash(this.#row[at] as number, this.#hash[at] as number, 0));
      if (place !== NONE) this.#table[place] = at + 1;
    }
  }
}

/** How many elements a column of `before` has when it is widened for at least `least`. */
function roomFor(before: number, least: number): number {
  return Math.max(least, moreRows(before));
}
