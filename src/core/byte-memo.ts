/**
 * What was made of bytes before: networks send the same announcements, requests and certificates again and again. A value is kept when its bytes come a second time while no
 * other bytes have claimed their place, so that a stream of ever new ones drives out few. Bounded: `places` values of at most `mostBytes` bytes each, found by a hash of the
 * bytes and told apart by all of them.
 */
export class ByteMemo<T> {
  #places: number;
  #mostBytes: number;
  #bytes: Uint8Array | undefined;
  #length: Int32Array;
  #hash: Int32Array;
  #tag: Int32Array;
  #value: (T | undefined)[];

  /** @param places a power of two. Their memory is taken when the first value is kept. */
  constructor(places: number, mostBytes: number) {
    this.#places = places;
    this.#mostBytes = mostBytes;
    this.#length = new Int32Array(places).fill(-1);
    this.#hash = new Int32Array(places);
    this.#tag = new Int32Array(places);
    this.#value = new Array<T | undefined>(places).fill(undefined);
  }

  /** What `make` makes of `bytes[from, to)`, now or when it was asked before with the same `tag`. Nobody may change the value. */
  of(
    bytes: Uint8Array,
    from: number,
    to: number,
    make: (bytes: Uint8Array, from: number, to: number) => T,
    tag = 0,
  ): T {
    const n = to - from;
    if (n <= 0 || n > this.#mostBytes) return make(bytes, from, to);
    const hash = hashOf(bytes, from, to, tag ^ n);
    const place = (hash ^ (hash >>> 9)) & (this.#places - 1);
    if (this.#hash[place] !== hash) {
      this.#hash[place] = hash;
      this.#length[place] = -1;
      this.#value[place] = undefined;
      return make(bytes, from, to);
    }
    this.#bytes ??= new Uint8Array(this.#places * this.#mostBytes);
    const known = this.#bytes;
    const kept = place * this.#mostBytes;
    if (this.#length[place] === n && this.#tag[place] === tag) {
      let same = 0;
      while (same < n && known[kept + same] === bytes[from + same]) same++;
      if (same === n) return this.#value[place] as T;
    }
    const value = make(bytes, from, to);
    for (let i = 0; i < n; i++) known[kept + i] = bytes[from + i];
    this.#length[place] = n;
    this.#tag[place] = tag;
    this.#value[place] = value;
    return value;
  }
}

/** A hash of `bytes[from, to)`, for finding them again: whoever wants can make others with the same. */
export function hashOf(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let hash = seed;
  let i = from;
  for (; i + 3 < to; i += 4)
    hash = Math.imul(hash ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)), 0x9e3779b1);
  for (; i < to; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash ^ (hash >>> 15);
}
