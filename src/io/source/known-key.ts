/**
 * Keys of rows that were read, so that a row that stands in two files counts once. It remembers 64 bits of each key and the file it was first in: two keys of 2 million are taken
 * for one with a chance of 1 in 4 million. Bounded: two generations of `capacity` keys each; when the younger is full the older is forgotten and counted, so that what repeats
 * within the last `capacity` keys is always found.
 */
export class KnownKeys {
  /** Keys that are no longer known. */
  forgotten = 0;
  readonly #capacity: number;
  #young = new Generation();
  #old: Generation | undefined;

  /** @param capacity keys of a generation; a generation of 1,000,000 takes 24 MiB */
  constructor(capacity = 1_000_000) {
    this.#capacity = capacity;
  }

  /**
   * Whether the key `bytes[from, to)` with this time was there in another file than `file`; where it was in none, it is from now on in this one.
   * @param timeMs of which the whole seconds count: copies write fractions as they like. @param file 1 to 2^31 - 1
   */
  isOfAnother(bytes: Uint8Array, from: number, to: number, timeMs: number, file: number): boolean {
    // FNV-1a and the multiplicative hash of djb2, each mixed at its end (fmix32 of MurmurHash3).
    const second = Math.floor(timeMs / 1000) | 0;
    let a = 0x811c9dc5 ^ second;
    let b = 5381 + second;
    for (let i = from; i < to; i++) {
      const byte = bytes[i] as number;
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul(b, 33) + byte;
    }
    a = mixed(a);
    b = mixed(b);
    const known = this.#young.fileOf(a, b) || (this.#old?.fileOf(a, b) ?? 0);
    if (known !== 0) return known !== file;
    if (this.#young.size >= this.#capacity) {
      this.forgotten += this.#old?.size ?? 0;
      this.#old = this.#young;
      this.#young = new Generation();
    }
    this.#young.add(a, b, file);
    return false;
  }
}

function mixed(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

/** Open addressing over typed arrays, at most half full: three numbers a slot, file 0 is an empty one. */
class Generation {
  size = 0;
  #slots = new Int32Array(3 * 1024);
  #mask = 1023;

  fileOf(a: number, b: number): number {
    return this.#slots[this.#find(a, b) + 2] as number;
  }

  add(a: number, b: number, file: number): void {
    if (2 * this.size > this.#mask) this.#grow();
    const at = this.#find(a, b);
    this.#slots[at] = a;
    this.#slots[at + 1] = b;
    this.#slots[at + 2] = file;
    this.size++;
  }

  /** Where the key is, or would be. */
  #find(a: number, b: number): number {
    const slots = this.#slots;
    for (let slot = a & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = 3 * slot;
      if (slots[at + 2] === 0 || (slots[at] === a && slots[at + 1] === b)) return at;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#mask = 2 * this.#mask + 1;
    this.#slots = new Int32Array(3 * (this.#mask + 1));
    for (let at = 0; at < old.length; at += 3) {
      if (old[at + 2] === 0) continue;
      const to = this.#find(old[at] as number, old[at + 1] as number);
      this.#slots.set(old.subarray(at, at + 3), to);
    }
  }
}
