import { hashOf } from './byte-memo.ts';
import { writeUnits } from './text.ts';

/** Texts that may be found again, by a hash: a newcomer takes the place of whoever had it. */
const LATELY = 512;
/** Bytes that a UTF-16 unit takes at most. */
const MOST_UNIT_BYTES = 3;

/** The texts of a packed column, as they are added; see `PackedTextColumn`. */
export class PackedTexts {
  bytes: Uint8Array;
  /** As in `PackedTextColumn`. */
  readonly ends: Int32Array;
  count = 0;
  /** As in `PackedTextColumn`: those that come by `of` and `ofText` are any. */
  isPlain = true;
  isAscii = true;
  /** Code + 1 of some that came lately; what was left by an earlier batch may say anything. */
  #lately: Int32Array | undefined;

  /** @param capacity texts at most; there is room for 8 bytes each before it must grow. */
  constructor(capacity: number) {
    this.bytes = new Uint8Array(8 * capacity);
    this.ends = new Int32Array(capacity);
  }

  /** Begins a batch. */
  clear(): void {
    this.count = 0;
    this.isPlain = true;
    this.isAscii = true;
  }

  /** Adds a text of `n` bytes, which the caller writes to `bytes` from the result on. */
  add(n: number): number {
    const at = this.count === 0 ? 0 : this.ends[this.count - 1];
    if (at + n > this.bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.bytes.length, at + n));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.ends[this.count++] = at + n;
    return at;
  }

  /** The code of the text `source[from, to)`, one byte a character (Latin-1): of one that came lately, or of a new one. */
  of(source: Uint8Array, from: number, to: number): number {
    const n = to - from;
    const hash = hashOf(source, from, to, n);
    this.#lately ??= new Int32Array(LATELY);
    const place = (hash ^ (hash >>> 9)) & (LATELY - 1);
    const known = this.#lately[place] - 1;
    if (known >= 0 && known < this.count && this.#isAt(known, source, from, n)) return known;
    this.isPlain = false;
    const at = this.add(n);
    const { bytes } = this;
    let all = 0;
    for (let i = 0; i < n; i++) {
      const byte = source[from + i];
      bytes[at + i] = byte;
      all |= byte;
    }
    if (all < 0x80) this.#lately[place] = this.count;
    else {
      this.count--;
      this.#addLatin1(source, from, to);
    }
    return this.count - 1;
  }

  /** Whether a text is these `n` bytes, all of them ASCII. */
  #isAt(code: number, source: Uint8Array, from: number, n: number): boolean {
    const { bytes } = this;
    const at = code === 0 ? 0 : this.ends[code - 1];
    if (this.ends[code] - at !== n) return false;
    for (let i = 0; i < n; i++) if (bytes[at + i] !== source[from + i] || bytes[at + i] >= 0x80) return false;
    return true;
  }

  #addLatin1(source: Uint8Array, from: number, to: number): void {
    this.isAscii = false;
    let n = to - from;
    for (let i = from; i < to; i++) if (source[i] >= 0x80) n++;
    let at = this.add(n);
    for (let i = from; i < to; i++) {
      const byte = source[i];
      if (byte >= 0x80) this.bytes[at++] = 0xc0 | (byte >> 6);
      this.bytes[at++] = byte < 0x80 ? byte : 0x80 | (byte & 0x3f);
    }
  }

  /** Adds any text. @returns its code. */
  ofText(text: string): number {
    this.isPlain = false;
    this.isAscii = false;
    const at = this.add(MOST_UNIT_BYTES * text.length);
    this.ends[this.count - 1] = writeUnits(text, this.bytes, at);
    return this.count - 1;
  }
}
