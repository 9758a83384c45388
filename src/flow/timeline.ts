import type { Table } from '../core/index.ts';
import { bindFlows } from './schema.ts';

export interface TimelineBuckets {
  readonly startMs: number;
  readonly bucketMs: number;
  readonly bytes: readonly number[];
  readonly flows: readonly number[];
}

/** Bucket widths that read well on a time axis: each a multiple of the one before, or joined buckets would lie across the borders of the next. */
const WIDTHS_MS = [
  10, 20, 100, 200, 1e3, 5e3, 15e3, 3e4, 6e4, 12e4, 6e5, 18e5, 36e5, 72e5, 216e5, 432e5, 864e5, 6048e5, 24192e5,
  314496e5, 3144960e5, 31449600e5,
];
const MOST_BUCKETS = 240;

/**
 * Bytes and flows by the time when flows began, in at most 240 buckets, in one pass over flows in any order: buckets start narrow and are joined to the next
 * width whenever the span outgrows them, so memory is bounded and the result does not depend on the order.
 */
export class TimelineCounter {
  #width = 0;
  #buckets = new Map<number, { bytes: number; flows: number }>();
  #low = Number.POSITIVE_INFINITY;
  #high = Number.NEGATIVE_INFINITY;

  observe(table: Table): void {
    const f = bindFlows(table);
    for (let row = 0; row < table.rowCount; row++) {
      this.#add(f.startMs.values[row], f.initiatorBytes.values[row] + f.responderBytes.values[row]);
    }
  }

  #add(startMs: number, bytes: number): void {
    let index = Math.floor(startMs / WIDTHS_MS[this.#width]);
    if (index < this.#low || index > this.#high) {
      while (
        Math.max(this.#high, index) - Math.min(this.#low, index) >= MOST_BUCKETS &&
        this.#width < WIDTHS_MS.length - 1
      ) {
        this.#widen();
        index = Math.floor(startMs / WIDTHS_MS[this.#width]);
      }
      this.#low = Math.min(this.#low, index);
      this.#high = Math.max(this.#high, index);
    }
    const bucket = this.#buckets.get(index);
    if (bucket === undefined) this.#buckets.set(index, { bytes, flows: 1 });
    else {
      bucket.bytes += bytes;
      bucket.flows++;
    }
  }

  #widen(): void {
    const before = this.#buckets;
    const old = WIDTHS_MS[this.#width++];
    const wide = WIDTHS_MS[this.#width];
    this.#buckets = new Map();
    this.#low = Number.POSITIVE_INFINITY;
    this.#high = Number.NEGATIVE_INFINITY;
    for (const [index, { bytes, flows }] of before) {
      const at = Math.floor((index * old) / wide);
      const bucket = this.#buckets.get(at) ?? { bytes: 0, flows: 0 };
      bucket.bytes += bytes;
      bucket.flows += flows;
      this.#buckets.set(at, bucket);
      this.#low = Math.min(this.#low, at);
      this.#high = Math.max(this.#high, at);
    }
  }

  finish(): TimelineBuckets {
    const bucketMs = WIDTHS_MS[this.#width];
    if (this.#buckets.size === 0) return { startMs: 0, bucketMs, bytes: [], flows: [] };
    const bytes: number[] = [];
    const flows: number[] = [];
    for (let i = this.#low; i <= this.#high; i++) {
      const bucket = this.#buckets.get(i);
      bytes.push(bucket?.bytes ?? 0);
      flows.push(bucket?.flows ?? 0);
    }
    return { startMs: this.#low * bucketMs, bucketMs, bytes, flows };
  }
}
