import { TRUE, UNKNOWN, type Vector } from '../expression/index.ts';
import { keyText } from '../expression/key.ts';

/** Texts of a feature as numbers, alike or not. */

/** Texts that a category tells apart; the others are missing, and counted. */
export const MAX_CATEGORIES = 65_536;

/** Numbers the texts of a category through all batches of a run. */
export class Categories {
  refused = 0;

  get texts(): readonly string[] {
    return [...this.#codes.keys()];
  }

  #codes = new Map<string, number>();

  code(text: string): number {
    const key = keyText(text);
    let code = this.#codes.get(key);
    if (code === undefined) {
      if (this.#codes.size >= MAX_CATEGORIES) {
        this.refused++;
        return Number.NaN;
      }
      code = this.#codes.size;
      this.#codes.set(key, code);
    }
    return code;
  }
}

/** A copy of the values as numbers: truth is 1 and 0, a text its category. */
export function numbersOf(vector: Vector, n: number, categories: Categories | undefined): Float64Array {
  if (vector.type === 'number') return vector.values.slice(0, n);
  const out = new Float64Array(n).fill(Number.NaN);
  if (vector.type === 'boolean') {
    for (let row = 0; row < n; row++)
      if (vector.values[row] !== UNKNOWN) out[row] = vector.values[row] === TRUE ? 1 : 0;
    return out;
  }
  const known = new Float64Array(vector.dictionary.length).fill(-1);
  for (let row = 0; row < n; row++) {
    const code = vector.codes[row];
    if (code < 0) continue;
    if (known[code] === -1) known[code] = categories?.code(vector.dictionary[code]) ?? Number.NaN;
    out[row] = known[code];
  }
  return out;
}
