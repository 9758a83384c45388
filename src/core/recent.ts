import { ownText } from './text.ts';

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
    const hash = sampleHash(text, 0, text.length);
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
    const hash = sampleHash(text, from, to);
    const first = hash & this.#mask;
    for (let place = first; place < first + WAYS; place++) {
      if (this.#hashes[place] !== hash) continue;
      const known = this.#told[place];
      if (known !== undefined && known.text.length === to - from && text.startsWith(known.text, from)) return known;
    }
    return this.#put(first, hash, ownText(text, from, to));
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

/** Of at most 64 characters, so that long texts take no longer. */
function sampleHash(text: string, from: number, to: number): number {
  const step = 1 + ((to - from) >> 6);
  let h = to - from;
  for (let i = from; i < to; i += step) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return h ^ (h >>> 13);
}
