import { asciiText } from './text.ts';

/** Longest text that is kept, in bytes. */
const MOST_BYTES = 80;

/**
 * Texts that were made of bytes before: networks say the same names again and again, and a text that is there already costs neither its making nor, where it is a key, its
 * hash. A text is kept when it comes a second time while no other has claimed its place, so that a stream of ever new ones drives out few. Bounded: `places` texts of 80
 * bytes, found by a hash of the bytes and told apart by all of them.
 */
export class TextMemo {
  #places: number;
  #bytes: Uint8Array;
  #length: Uint8Array;
  #hash: Int32Array;
  #text: string[];

  /** @param places a power of two. */
  constructor(places: number) {
    this.#places = places;
    this.#bytes = new Uint8Array(places * MOST_BYTES);
    this.#length = new Uint8Array(places);
    this.#hash = new Int32Array(places);
    this.#text = new Array<string>(places).fill('');
  }

  /** One character per byte of `bytes[from, to)`, as `asciiText` gives it. */
  of(bytes: Uint8Array, from: number, to: number): string {
    const n = to - from;
    if (n <= 0 || n > MOST_BYTES) return asciiText(bytes, from, to);
    let hash = n;
    let i = from;
    for (; i + 3 < to; i += 4)
      hash = Math.imul(
        hash ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)),
        0x9e3779b1,
      );
    for (; i < to; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    hash ^= hash >>> 15;
    const place = (hash ^ (hash >>> 9)) & (this.#places - 1);
    if (this.#hash[place] !== hash) {
      this.#hash[place] = hash;
      this.#length[place] = 0;
      return asciiText(bytes, from, to);
    }
    const kept = place * MOST_BYTES;
    const known = this.#bytes;
    if (this.#length[place] === n) {
      let same = 0;
      while (same < n && known[kept + same] === bytes[from + same]) same++;
      if (same === n) return this.#text[place];
    }
    const text = asciiText(bytes, from, to);
    for (let k = 0; k < n; k++) known[kept + k] = bytes[from + k];
    this.#length[place] = n;
    this.#text[place] = text;
    return text;
  }
}
