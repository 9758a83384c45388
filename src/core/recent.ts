import { PackedTextColumn, type StringColumn } from './table.ts';
import { asciiText, ownText } from './text.ts';

/** Places that a text may have: with one alone, two of five texts drive another out again and again where half of the places are taken. */
const WAYS = 4;

/**
 * What was told of texts of late: networks say the same ones all day, and taking one apart costs more than all else that is done with it. A few places for each hash; one text more of the same
 * places takes that of the oldest, so who makes texts collide gains nothing but that they are taken apart again.
 */
export class Recent<T extends { readonly text: string }> {
  readonly #told: (T | undefined)[];
  readonly #hashes: Int32Array;
  readonly #mask: number;
  readonly #tell: (text: string) => T;

  /** @param places how many are remembered, a power of two, 4 or more. */
  constructor(places: number, tell: (text: string) => T) {
    this.#told = new Array<T | undefined>(places).fill(undefined);
    this.#hashes = new Int32Array(places);
    this.#mask = places - WAYS;
    this.#tell = tell;
  }

  of(text: string): T {
    const hash = hashOfText(text, 0, text.length);
    const first = hash & this.#mask;
    for (let place = first; place < first + WAYS; place++) {
      if (this.#hashes[place] !== hash) continue;
      const known = this.#told[place];
      if (known !== undefined && known.text === text) return known;
    }
    return this.#put(first, hash, text);
  }

  /** Of `text.slice(from, to)`, a text of its own, which is only made where it is not known. */
  ofPart(text: string, from: number, to: number): T {
    const hash = hashOfText(text, from, to);
    const first = hash & this.#mask;
    for (let place = first; place < first + WAYS; place++) {
      if (this.#hashes[place] !== hash) continue;
      const known = this.#told[place];
      if (known !== undefined && known.text.length === to - from && text.startsWith(known.text, from)) return known;
    }
    return this.#put(first, hash, ownText(text, from, to));
  }

  /** Of a text of a column. Where the column has it as bytes, a text is only made of them where it is not known. */
  ofCode(column: StringColumn, code: number): T {
    if (!(column instanceof PackedTextColumn)) return this.of(column.dictionary[code]);
    const { bytes, ends } = column;
    const from = code === 0 ? 0 : ends[code - 1];
    const to = ends[code];
    if (!column.isAscii && !areAscii(bytes, from, to)) return this.of(column.text(code));
    const hash = hashOfBytes(bytes, from, to);
    const first = hash & this.#mask;
    for (let place = first; place < first + WAYS; place++) {
      if (this.#hashes[place] !== hash) continue;
      const known = this.#told[place];
      if (known !== undefined && isText(known.text, bytes, from, to)) return known;
    }
    return this.#put(first, hash, asciiText(bytes, from, to));
  }

  #put(first: number, hash: number, text: string): T {
    const told = this.#tell(text);
    for (let place = first + WAYS - 1; place > first; place--) {
      this.#told[place] = this.#told[place - 1];
      this.#hashes[place] = this.#hashes[place - 1];
    }
    this.#told[first] = told;
    this.#hashes[first] = hash;
    return told;
  }
}

function areAscii(bytes: Uint8Array, from: number, to: number): boolean {
  let all = 0;
  for (let i = from; i < to; i++) all |= bytes[i];
  return all < 0x80;
}

/** Whether bytes, all of them ASCII, are those of a text. */
function isText(text: string, bytes: Uint8Array, from: number, to: number): boolean {
  const n = to - from;
  if (text.length !== n) return false;
  let i = 0;
  while (i < n && text.charCodeAt(i) === bytes[from + i]) i++;
  return i === n;
}

/** Four characters at a time; of long texts at most 256, so that they take no longer. */
function hashOfText(text: string, from: number, to: number): number {
  const n = to - from;
  const step = 4 + 4 * (n >> 8);
  let h = n;
  for (let i = from; i + 3 < to; i += step)
    h = Math.imul(
      h ^
        (text.charCodeAt(i) |
          (text.charCodeAt(i + 1) << 8) |
          (text.charCodeAt(i + 2) << 16) |
          (text.charCodeAt(i + 3) << 24)),
      0x9e3779b1,
    );
  for (let i = to - (n & 3); i < to; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mixed(h);
}

/** The same of the bytes of a text of ASCII. */
function hashOfBytes(bytes: Uint8Array, from: number, to: number): number {
  const n = to - from;
  const step = 4 + 4 * (n >> 8);
  let h = n;
  for (let i = from; i + 3 < to; i += step)
    h = Math.imul(h ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)), 0x9e3779b1);
  for (let i = to - (n & 3); i < to; i++) h = Math.imul(h ^ bytes[i], 0x01000193);
  return mixed(h);
}

function mixed(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return h ^ (h >>> 13);
}
