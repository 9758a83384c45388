import type { Timing } from '../../src/io/timing.ts';

/** A clock that stands still until the test moves it. */
export class ManualTiming implements Timing {
  /** Pauses that were asked for, in order, ms. */
  readonly asked: number[] = [];
  #now: number;
  #random: number;
  #pending: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor(nowMs = 1_700_000_000_000, random = 0.5) {
    this.#now = nowMs;
    this.#random = random;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.#random;
  }

  after(ms: number, run: () => void): () => void {
    this.asked.push(ms);
    const entry = { atMs: this.#now + ms, run };
    this.#pending.push(entry);
    return () => {
      this.#pending = this.#pending.filter((other) => other !== entry);
    };
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** Moves the clock and runs what is due, in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#pending.filter(({ atMs }) => atMs <= until).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#pending = this.#pending.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.atMs);
      next.run();
    }
    this.#now = until;
  }
}

/** Resolves when a condition holds, asked whenever the machine is free; fails after 20 s of nothing. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
