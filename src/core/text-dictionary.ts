import type { StringColumn } from './table.ts';

/**
 * Texts of one column and batch, from bytes to codes: equal bytes get the same code, found by hash and comparison, so that no string is made per cell. The bytes of the distinct
 * values stand one after another; strings are made of them when somebody asks, each once, and for columns that nobody looks at never.
 *
 * Bounded by the batch: at most one entry per row, and `clear` before the next one.
 */
export class TextDictionary {
  readonly #decode: TextDecode;
  #arena = new Uint8Array(4096);
  /** Entry i is arena[ends[i - 1], ends[i]), the first from 0. */
  #ends = new Int32Array(256);
  #hashes = new Int32Array(256);
  /** Entry + 1 by hash, 0 is an empty slot; open addressing, load at most 1/2. */
  #slots = new Int32Array(512);
  #count = 0;
  #last = -1;

  /** @param decode how a text is made of its bytes: not one to one where a format has escapes. */
  constructor(decode: TextDecode = decodeText) {
    this.#decode = decode;
  }

  get size(): number {
    return this.#count;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#count = 0;
    this.#last = -1;
  }

  /** Code of `bytes[from, to)`, from 0 in the order in which they came. */
  code(bytes: Uint8Array, from: number, to: number): number {
    // Runs of the same value are the rule in logs.
    const last = this.#last;
    if (last >= 0 && this.#equals(last, bytes, from, to)) return last;
    let h = 0x811c9dc5;
    for (let i = from; i < to; i++) h = Math.imul(h ^ bytes[i], 0x01000193);
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
    h ^= h >>> 13;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = h & mask;
    for (;;) {
      const entry = slots[slot] - 1;
      if (entry < 0) break;
      if (this.#hashes[entry] === h && this.#equals(entry, bytes, from, to)) {
        this.#last = entry;
        return entry;
      }
      slot = (slot + 1) & mask;
    }
    const code = this.#append(bytes, from, to, h);
    slots[slot] = code + 1;
    if (this.#count * 2 > slots.length) this.#grow();
    this.#last = code;
    return code;
  }

  /** As `code` for values that hardly ever repeat: it doesn't look for an equal one. A dictionary is filled by one of the two alone. */
  add(bytes: Uint8Array, from: number, to: number): number {
    return this.#append(bytes, from, to, 0);
  }

  /** As `code`, of a string. */
  codeOf(text: string): number {
    if (scratch.length < text.length * 3) scratch = new Uint8Array(text.length * 6);
    return this.code(scratch, 0, ENCODER.encodeInto(text, scratch).written);
  }

  #equals(entry: number, bytes: Uint8Array, from: number, to: number): boolean {
    let at = entry === 0 ? 0 : this.#ends[entry - 1];
    if (this.#ends[entry] - at !== to - from) return false;
    const arena = this.#arena;
    for (let i = from; i < to; i++) if (arena[at++] !== bytes[i]) return false;
    return true;
  }

  #append(bytes: Uint8Array, from: number, to: number, hash: number): number {
    const code = this.#count++;
    let at = code === 0 ? 0 : this.#ends[code - 1];
    if (at + (to - from) > this.#arena.length) {
      const grown = new Uint8Array(Math.max(2 * this.#arena.length, at + (to - from)));
      grown.set(this.#arena.subarray(0, at));
      this.#arena = grown;
    }
    if (code === this.#ends.length) {
      this.#ends = grownInts(this.#ends);
      this.#hashes = grownInts(this.#hashes);
    }
    const arena = this.#arena;
    for (let i = from; i < to; i++) arena[at++] = bytes[i];
    this.#ends[code] = at;
    this.#hashes[code] = hash;
    return code;
  }

  #grow(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let entry = 0; entry < this.#count; entry++) {
      let slot = this.#hashes[entry] & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry + 1;
    }
    this.#slots = slots;
  }

  /** The texts so far, as a column with these codes. They are copied: the dictionary may be cleared and filled again. */
  column(codes: Int32Array): ByteTextColumn {
    const used = this.#count === 0 ? 0 : this.#ends[this.#count - 1];
    return new ByteTextColumn(codes, this.#arena.slice(0, used), this.#ends.slice(0, this.#count), this.#decode);
  }
}

const ENCODER = new TextEncoder();
let scratch = new Uint8Array(4096);

function grownInts(ints: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(2 * ints.length);
  grown.set(ints);
  return grown;
}

/** Text of `bytes[from, to)`. */
export type TextDecode = (bytes: Uint8Array, from: number, to: number) => string;

/** A column of texts that are still bytes: they are decoded when somebody first asks for the dictionary. */
export class ByteTextColumn implements StringColumn {
  readonly kind = 'string';
  readonly codes: Int32Array;
  #bytes: Uint8Array;
  #ends: Int32Array;
  #dictionary: string[] | undefined;

  readonly #decode: TextDecode;

  constructor(codes: Int32Array, bytes: Uint8Array, ends: Int32Array, decode: TextDecode = decodeText) {
    this.codes = codes;
    this.#decode = decode;
    this.#bytes = bytes;
    this.#ends = ends;
  }

  get dictionary(): readonly string[] {
    if (this.#dictionary === undefined) {
      const texts = new Array<string>(this.#ends.length);
      let from = 0;
      for (let i = 0; i < texts.length; i++) {
        const to = this.#ends[i];
        texts[i] = this.#decode(this.#bytes, from, to);
        from = to;
      }
      this.#dictionary = texts;
      this.#bytes = new Uint8Array(0);
      this.#ends = new Int32Array(0);
    }
    return this.#dictionary;
  }
}

/** Up to here the bytes as arguments of one call are quicker than a decoder. */
const SHORT = 64;
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text of `bytes[from, to)`: UTF-8; a byte that is none stands as `\xNN`, so that it is seen and two different ones stay different. */
export function decodeText(bytes: Uint8Array, from: number, to: number): string {
  let high = 0;
  for (let i = from; i < to; i++) high |= bytes[i];
  if (high < 0x80 && to - from <= SHORT) return Reflect.apply(String.fromCharCode, undefined, bytes.subarray(from, to));
  try {
    return STRICT.decode(bytes.subarray(from, to));
  } catch {
    return decodeBroken(bytes, from, to);
  }
}

/** Whether `bytes[from, to)` is UTF-8 (RFC 3629 section 4: no overlong forms, no surrogates, nothing beyond U+10FFFF). */
export function isUtf8(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; ) {
    const n = sequenceLength(bytes, i, to);
    if (n === 0) return false;
    i += n;
  }
  return true;
}

function decodeBroken(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  let good = from;
  for (let i = from; i < to; ) {
    const n = sequenceLength(bytes, i, to);
    if (n > 0) {
      i += n;
      continue;
    }
    text += `${STRICT.decode(bytes.subarray(good, i))}\\x${bytes[i].toString(16).toUpperCase().padStart(2, '0')}`;
    good = ++i;
  }
  return text + STRICT.decode(bytes.subarray(good, to));
}

/** Length of the well-formed sequence at `at`, 0 where there is none. */
function sequenceLength(bytes: Uint8Array, at: number, to: number): number {
  const b = bytes[at];
  if (b < 0x80) return 1;
  if (b < 0xc2 || b > 0xf4) return 0;
  const n = b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
  if (at + n > to) return 0;
  const second = bytes[at + 1];
  const least = b === 0xe0 ? 0xa0 : b === 0xf0 ? 0x90 : 0x80;
  const most = b === 0xed ? 0x9f : b === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let i = 2; i < n; i++) if ((bytes[at + i] & 0xc0) !== 0x80) return 0;
  return n;
}
