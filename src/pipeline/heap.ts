/** So much must have come since the last collection for one more: each takes a twentieth of a second. */
const WORTH_BYTES = 25e6;

/** Has V8 look for what nobody holds any more, at the moments when much is gone that V8 by itself would find only after as much again had come. */
export class Heap {
  #left = 0;

  /** Nothing happens where V8 was not told to collect on demand, or where little came since the last time. */
  collect(): void {
    const { gc } = globalThis;
    if (gc === undefined || process.memoryUsage().heapUsed - this.#left < WORTH_BYTES) return;
    gc();
    this.#left = process.memoryUsage().heapUsed;
  }
}
