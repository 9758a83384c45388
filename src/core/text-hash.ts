import type { StringColumn } from './table.ts';

/**
 * 32-bit hash of a string: FNV-1a over UTF-16 code units with the finaliser of MurmurHash3 (Appleby), so that the leading bits are as good as
 * the trailing ones; of a part of it, if `from` and `to` say so. Not keyed: an attacker who knows it can steer an estimate built on it, not a decision made below a cap.
 */
export function hash32(text: string, from = 0, to = text.length): number {
  let h = 0x811c9dc5;
  for (let i = from; i < to; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The hash32 of the texts of a column, each computed when it is first asked for; what several detectors ask of one batch is computed once. */
export class TextHashes {
  #column: StringColumn;
  /** 0 where not computed yet, or where the hash is 0. */
  #hashes: Uint32Array;

  constructor(column: StringColumn) {
    this.#column = column;
    const known = KNOWN.get(column);
    this.#hashes = known ?? new Uint32Array(column.dictionary.length);
    if (known === undefined) KNOWN.set(column, this.#hashes);
  }

  /** Of the text of a row, which must have one. */
  at(row: number): number {
    return this.of(this.#column.codes[row]);
  }

  /** Of a text of the dictionary. */
  of(code: number): number {
    let hash = this.#hashes[code];
    if (hash === 0) {
      hash = hash32(this.#column.dictionary[code]);
      this.#hashes[code] = hash;
    }
    return hash;
  }
}

const KNOWN = new WeakMap<StringColumn, Uint32Array>();
