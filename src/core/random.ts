/**
 * Seeded pseudo-random numbers, the only source of chance below the io floor: same seed, same results, on every platform.
 * Generator: sfc32 (Chris Doty-Humphrey's small fast counting generator, PractRand), state filled from the seed by splitmix32.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any integer; only its low 32 bits count. */
  constructor(seed: number) {
    let state = seed | 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = state ^ (state >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** Uniform over 0 .. 2^32-1. */
  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    this.#c |= 0;
    return t >>> 0;
  }

  /** Uniform over [0, 1), 32 bits of resolution. */
  float(): number {
    return this.uint32() / 4294967296;
  }

  /** Uniform integer over 0 .. n-1, without modulo bias. */
  below(n: number): number {
    const limit = Math.floor(4294967296 / n) * n;
    let x = this.uint32();
    while (x >= limit) x = this.uint32();
    return x % n;
  }
}

/**
 * A uniform sample without replacement of a stream whose length is not known (Vitter 1985, algorithm R).
 * `offer` returns the slot that the item should be put in, or -1 when it is not taken.
 */
export class Reservoir {
  readonly capacity: number;
  seen = 0;
  #random: Random;

  constructor(capacity: number, random: Random) {
    this.capacity = capacity;
    this.#random = random;
  }

  offer(): number {
    const i = this.seen++;
    if (i < this.capacity) return i;
    const j = this.#random.below(i + 1);
    return j < this.capacity ? j : -1;
  }

  get size(): number {
    return Math.min(this.seen, this.capacity);
  }
}
