/** A time in which something was going on, epoch ms. */
export interface Recording {
  readonly beginMs: number;
  readonly endMs: number;
}

/** After so long without the beginning of any flow, what follows is another recording. */
export const SILENCE_MS = 7_200_000;
/** Flows are counted by quarters of an hour, of which so many are held: three years without a pause. */
const QUARTER_MS = 900_000;
const MAX_QUARTERS = 100_000;

/**
 * Where an input is several recordings: captures of different days that are read together, or one stray clock far from all others. Tells them by the silence between them, exact to the
 * millisecond. Cost: a comparison per flow, one entry per quarter of an hour in which a flow began. Beyond 100,000 of these nothing is told apart any more: the list is empty.
 */
export class Recordings {
  readonly #quarters = new Map<number, { beginMs: number; endMs: number }>();
  #number = Number.NaN;
  #current = { beginMs: Number.NaN, endMs: Number.NaN };
  #isFull = false;

  /** A flow began. */
  saw(startMs: number): void {
    const number = Math.floor(startMs / QUARTER_MS);
    if (number === this.#number) {
      if (startMs < this.#current.beginMs) this.#current.beginMs = startMs;
      else if (startMs > this.#current.endMs) this.#current.endMs = startMs;
      return;
    }
    let quarter = this.#quarters.get(number);
    if (quarter === undefined) {
      if (this.#quarters.size >= MAX_QUARTERS) {
        this.#isFull = true;
        return;
      }
      quarter = { beginMs: startMs, endMs: startMs };
      this.#quarters.set(number, quarter);
    }
    quarter.beginMs = Math.min(quarter.beginMs, startMs);
    quarter.endMs = Math.max(quarter.endMs, startMs);
    this.#number = number;
    this.#current = quarter;
  }

  /** By time; none where nothing was seen, or too much to tell. */
  list(): Recording[] {
    const recordings: { beginMs: number; endMs: number }[] = [];
    if (this.#isFull) return recordings;
    for (const { beginMs, endMs } of [...this.#quarters.values()].sort((a, b) => a.beginMs - b.beginMs)) {
      const last = recordings[recordings.length - 1];
      if (last !== undefined && beginMs - last.endMs < SILENCE_MS) last.endMs = endMs;
      else recordings.push({ beginMs, endMs });
    }
    return recordings;
  }
}
