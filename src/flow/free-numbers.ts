/** Room for so many free numbers at first. */
const FIRST = 256;

/** Hands out the smallest whole numbers that will do, and those that came back before any new one: the latest first, as what they stand for is still in the processor's caches. */
export class FreeNumbers {
  #next: number;
  #free = new Int32Array(FIRST);
  #count = 0;

  /** @param first the smallest number that is handed out. */
  constructor(first = 0) {
    this.#next = first;
  }

  /** All numbers that were ever handed out are below it. */
  get end(): number {
    return this.#next;
  }

  take(): number {
    return this.#count > 0 ? this.#free[--this.#count] : this.#next++;
  }

  /** The number, which was taken, is free again. */
  give(number: number): void {
    if (this.#count === this.#free.length) {
      const grown = new Int32Array(2 * this.#count);
      grown.set(this.#free);
      this.#free = grown;
    }
    this.#free[this.#count++] = number;
  }
}
