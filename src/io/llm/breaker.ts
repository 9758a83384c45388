import type { Timing } from '../timing.ts';

/**
 * Spares a server that keeps failing: after `failures` calls in a row that failed, calls are not made for `pauseMs`; then one is, and its outcome closes the breaker or opens it for as long again.
 */
export class CircuitBreaker {
  readonly #failures: number;
  readonly #pauseMs: number;
  readonly #timing: Timing;
  #inRow = 0;
  #openUntil: number | undefined;
  #isProbing = false;
  #last = '';

  constructor(options: { readonly failures: number; readonly pauseMs: number; readonly timing: Timing }) {
    this.#failures = options.failures;
    this.#pauseMs = options.pauseMs;
    this.#timing = options.timing;
  }

  /** Whether a call may be made now. Who is told true must say how it ended. */
  admit(): boolean {
    if (this.#openUntil === undefined) return true;
    if (this.#isProbing || this.#timing.now() < this.#openUntil) return false;
    this.#isProbing = true;
    return true;
  }

  succeed(): void {
    this.#inRow = 0;
    this.#openUntil = undefined;
    this.#isProbing = false;
  }

  /** @param why the sentence that later calls are told. */
  fail(why: string): void {
    this.#inRow++;
    this.#last = why;
    if (this.#isProbing || this.#inRow >= this.#failures) this.#openUntil = this.#timing.now() + this.#pauseMs;
    this.#isProbing = false;
  }

  /** The call said nothing about the server: it was cancelled. */
  forget(): void {
    this.#isProbing = false;
  }

  /** How many calls failed in a row, why the last one did, and how long it is until one is made again, ms. */
  get state(): { readonly inRow: number; readonly last: string; readonly waitMs: number } {
    return {
      inRow: this.#inRow,
      last: this.#last,
      waitMs: Math.max(0, (this.#openUntil ?? 0) - this.#timing.now()),
    };
  }
}
