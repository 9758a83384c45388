import { TRUE, UNKNOWN, type Value, type Vector, valueAt } from './vector.ts';

/** A longer text is told from others by its beginning and a hash of all of it. */
const MAX_KEY_TEXT = 256;

/**
 * Numbers the keys by which rows are put together: `by src` or `by src, port`. At most `maxKeys`; at the cap the owner is asked to let idle ones go, and
 * what then still finds no room is refused and counted. A row without one of its keys has none.
 *
 * Rows of a batch are first numbered among themselves by the codes of its dictionaries; a key's text is made once per batch, not once per row.
 */
export class KeyIndex {
  readonly maxKeys: number;
  refused = 0;
  #ids = new Map<string, number>();
  #values: (readonly (Value | undefined)[] | undefined)[] = [];
  #free: number[] = [];
  #vectors: readonly Vector[] = [];
  #local = new Int32Array(0);
  #groups = new Int32Array(0);

  constructor(maxKeys: number) {
    this.maxKeys = maxKeys;
  }

  /** How many numbers were handed out: groups are 0 to capacity - 1, some of them perhaps free again. */
  get capacity(): number {
    return this.#values.length;
  }

  get full(): boolean {
    return this.#ids.size >= this.maxKeys;
  }

  /** The values of a group's key; undefined where the number is free. Texts are cut to 256 characters. */
  values(group: number): readonly (Value | undefined)[] | undefined {
    return this.#values[group];
  }

  /** Takes a batch on; `group` then speaks of its rows. */
  begin(vectors: readonly Vector[], rowCount: number): void {
    this.#vectors = vectors;
    if (vectors.length === 0) return;
    if (this.#local.length < rowCount) this.#local = new Int32Array(rowCount);
    const local = this.#local;
    let distinct = 0;
    for (const [i, vector] of vectors.entries()) {
      if (i === 0 && vector.type === 'text') {
        local.set(vector.codes.subarray(0, rowCount));
        distinct = vector.dictionary.length;
        continue;
      }
      const numbers = new Map<number, number>();
      const known = new Map<number, number>();
      let next = 0;
      for (let row = 0; row < rowCount; row++) {
        const code = i > 0 && local[row] < 0 ? undefined : codeOf(vector, row, numbers);
        if (code === undefined) {
          local[row] = -1;
          continue;
        }
        // Both codes are below the number of rows, so a pair stays below 2^53.
        const pair = i === 0 ? code : local[row] * 2 ** 27 + code;
        let dense = known.get(pair);
        if (dense === undefined) {
          dense = next++;
          known.set(pair, dense);
        }
        local[row] = dense;
      }
      distinct = next;
    }
    if (this.#groups.length < distinct) this.#groups = new Int32Array(distinct);
    this.#groups.fill(UNSEEN, 0, distinct);
  }

  /**
   * The group of a row, -1 where it has none or finds no room.
   * @param makeRoom asked at the cap; it may `release` groups, and says whether it did.
   */
  group(row: number, makeRoom?: () => boolean): number {
    if (this.#vectors.length === 0) {
      if (this.#values.length === 0) this.#values.push([]);
      return 0;
    }
    const code = this.#local[row];
    if (code < 0) return -1;
    const seen = this.#groups[code];
    if (seen !== UNSEEN) return seen;
    const key = this.#keyOf(row);
    let id = this.#ids.get(key);
    if (id === undefined) {
      if (this.full && makeRoom?.() === true) this.#groups.fill(UNSEEN);
      if (this.full) {
        this.refused++;
        return -1;
      }
      id = this.#free.pop() ?? this.#values.length;
      this.#ids.set(key, id);
      this.#values[id] = this.#vectors.map((vector) => cut(valueAt(vector, row)));
    }
    this.#groups[code] = id;
    return id;
  }

  /** Forgets the groups for which `idle` is true; their numbers are handed out again. Says whether there were any. */
  release(idle: (group: number) => boolean): boolean {
    const before = this.#free.length;
    for (const [key, id] of this.#ids) {
      if (!idle(id)) continue;
      this.#ids.delete(key);
      this.#values[id] = undefined;
      this.#free.push(id);
    }
    return this.#free.length > before;
  }

  #keyOf(row: number): string {
    const [only] = this.#vectors;
    if (this.#vectors.length === 1) return keyText(valueAt(only, row));
    let key = '';
    for (const vector of this.#vectors) {
      const text = keyText(valueAt(vector, row));
      key += `${text.length}:${text}`;
    }
    return key;
  }
}

const UNSEEN = -2;

/** A number that stands for the value of a row within its batch, undefined where it is missing. `numbers` are those seen so far, in order. */
function codeOf(vector: Vector, row: number, numbers: Map<number, number>): number | undefined {
  switch (vector.type) {
    case 'text':
      return vector.codes[row] < 0 ? undefined : vector.codes[row];
    case 'boolean':
      return vector.values[row] === UNKNOWN ? undefined : vector.values[row] === TRUE ? 1 : 0;
    case 'number': {
      const value = vector.values[row];
      if (Number.isNaN(value)) return undefined;
      let code = numbers.get(value);
      if (code === undefined) {
        code = numbers.size;
        numbers.set(value, code);
      }
      return code;
    }
  }
}

/** A text that stands for a value: itself up to 256 characters, then its beginning and a hash. */
export function keyText(value: Value | undefined): string {
  const text = String(value);
  return text.length <= MAX_KEY_TEXT ? text : `${text.slice(0, MAX_KEY_TEXT)}#${hashText(text)}`;
}

function cut(value: Value | undefined): Value | undefined {
  return typeof value === 'string' && value.length > MAX_KEY_TEXT ? value.slice(0, MAX_KEY_TEXT) : value;
}

/**
 * A 53-bit hash of a text, a whole number: two lanes of multiply and rotate as in MurmurHash3's 32-bit finaliser. Among a million texts two share one
 * with a chance of 1 in 18,000.
 */
export function hashText(text: string): number {
  let a = 0x9e3779b9 ^ text.length;
  let b = 0x85ebca6b ^ text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0xcc9e2d51);
    a = (a << 15) | (a >>> 17);
    b = Math.imul(b ^ code, 0x1b873593);
    b = (b << 13) | (b >>> 19);
  }
  a = mix(a ^ (b >>> 16));
  b = mix(b ^ (a >>> 16));
  return (a >>> 0) * 2 ** 21 + (b >>> 11);
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
