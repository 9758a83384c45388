import { isValid, quantileSorted, Random, Reservoir, type Schema, type Table } from '../../core/index.ts';
import type { Feature, FeatureMatrix } from '../../feature/index.ts';
import type { TableFeature, TableSummary, Timeline } from '../../report/index.ts';

/** What a report says of columns, features and times, counted batch by batch. */

export class ColumnCounts {
  readonly #schema: Schema;
  readonly #present: Float64Array;
  rows = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
    this.#present = new Float64Array(schema.columns.length);
  }

  observe(table: Table): void {
    this.rows += table.rowCount;
    table.columns.forEach((column, c) => {
      let present = 0;
      if (column.kind === 'string') {
        for (const code of column.codes) if (code >= 0) present++;
      } else if (column.valid === undefined) present = table.rowCount;
      else for (let row = 0; row < table.rowCount; row++) if (isValid(column, row)) present++;
      this.#present[c] = (this.#present[c] ?? 0) + present;
    });
  }

  summary(): TableSummary['columns'] {
    return this.#schema.columns.map(({ name, kind, unit }, c) => ({
      name,
      kind,
      unit,
      missing: this.rows - (this.#present[c] ?? 0),
    }));
  }
}

/** Rows from which the median of a feature is taken; of very many features fewer, so that no more than `MEDIAN_VALUES` values wait. */
const MEDIAN_ROWS = 10_000;
const MEDIAN_VALUES = 4_000_000;

export class FeatureCounts {
  readonly #features: readonly Feature[];
  readonly #reservoir: Reservoir;
  readonly #kept: Float32Array;
  readonly #missing: Float64Array;
  readonly #min: Float64Array;
  readonly #max: Float64Array;

  constructor(features: readonly Feature[], seed: number) {
    const n = features.length;
    this.#features = features;
    const rows = Math.min(MEDIAN_ROWS, Math.floor(MEDIAN_VALUES / Math.max(1, n)));
    this.#reservoir = new Reservoir(rows, new Random(seed));
    this.#kept = new Float32Array(rows * n);
    this.#missing = new Float64Array(n);
    this.#min = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
    this.#max = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
  }

  observe({ rowCount, values }: FeatureMatrix): void {
    const width = this.#features.length;
    for (let row = 0; row < rowCount; row++) {
      const slot = this.#reservoir.offer();
      for (let j = 0; j < width; j++) {
        const value = values[row * width + j] ?? Number.NaN;
        if (slot >= 0) this.#kept[slot * width + j] = value;
        if (Number.isNaN(value)) this.#missing[j] = (this.#missing[j] ?? 0) + 1;
        else {
          if (value < (this.#min[j] ?? 0)) this.#min[j] = value;
          if (value > (this.#max[j] ?? 0)) this.#max[j] = value;
        }
      }
    }
  }

  /** @param categories features whose numbers stand for texts: the least and the most of them would say nothing */
  summary(weights: ReadonlyMap<string, number>, categories: ReadonlySet<string>): TableFeature[] {
    const width = this.#features.length;
    return this.#features.map(({ name }, j) => {
      const seen: number[] = [];
      for (let slot = 0; slot < this.#reservoir.size; slot++) {
        const value = this.#kept[slot * width + j] ?? Number.NaN;
        if (!Number.isNaN(value)) seen.push(value);
      }
      seen.sort((a, b) => a - b);
      const base = { name, weight: weights.get(name) ?? 1, missing: this.#missing[j] ?? 0 };
      if (seen.length === 0 || categories.has(name)) return base;
      return { ...base, min: this.#min[j] ?? 0, median: quantileSorted(seen, 0.5), max: this.#max[j] ?? 0 };
    });
  }
}

/** Buckets of the timeline of a table. */
const BUCKETS = 120;

export class TimeCounts {
  backwards = 0;
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  #before = Number.NEGATIVE_INFINITY;
  /** Rows by second, coarser as the span grows, so that there are never more than a few thousand. */
  #widthMs = 1000;
  #counts = new Map<number, number>();

  observe(table: Table, timeOf: (row: number) => number | undefined): void {
    for (let row = 0; row < table.rowCount; row++) {
      const time = timeOf(row);
      if (time === undefined || !Number.isFinite(time)) continue;
      if (time < this.#before) this.backwards++;
      this.#before = time;
      if (time < this.#firstMs) this.#firstMs = time;
      if (time > this.#lastMs) this.#lastMs = time;
      const bucket = Math.floor(time / this.#widthMs);
      this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
      if (this.#counts.size > 4096) this.#coarsen();
    }
  }

  #coarsen(): void {
    const counts = new Map<number, number>();
    this.#widthMs *= 4;
    for (const [bucket, count] of this.#counts) {
      const wider = Math.floor(bucket / 4);
      counts.set(wider, (counts.get(wider) ?? 0) + count);
    }
    this.#counts = counts;
  }

  get span(): { firstMs: number; lastMs: number } | undefined {
    return this.#firstMs <= this.#lastMs ? { firstMs: this.#firstMs, lastMs: this.#lastMs } : undefined;
  }

  timeline(): Timeline {
    const { span } = this;
    if (span === undefined) return { startMs: 0, bucketMs: 0, of: 'rows', bytes: [], flows: [] };
    const bucketMs = Math.max(this.#widthMs, Math.ceil((span.lastMs - span.firstMs + 1) / BUCKETS));
    const length = Math.floor((span.lastMs - span.firstMs) / bucketMs) + 1;
    const rows = new Array<number>(length).fill(0);
    for (const [bucket, count] of this.#counts) {
      const at = Math.min(length - 1, Math.max(0, Math.floor((bucket * this.#widthMs - span.firstMs) / bucketMs)));
      rows[at] = (rows[at] ?? 0) + count;
    }
    return { startMs: span.firstMs, bucketMs, of: 'rows', bytes: new Array<number>(length).fill(0), flows: rows };
  }
}
