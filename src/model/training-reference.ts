import { quantileSorted, Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { drawRows } from './draw.ts';
import { clampFinite } from './training.ts';

/**
 * What is kept of the rows that a model was fitted on, so that later ones can be compared with them: how often each feature fell into each of a few
 * bins, and some of the rows themselves, the anchor. The bins serve the measuring of drift; the anchor is what a model that is fitted anew may not forget
 * (see `retrain` in the pipeline), and can be left out where rows should not be in the file.
 */
export interface TrainingReference extends Bins {
  readonly anchor?: Anchor;
}

/** How often each feature fell into each bin, of the rows that the quantiles of the training come from (`SAMPLED_ROWS` at most: shares within 1 percentage point). */
export interface Bins {
  /** Rows that were counted. */
  readonly rows: number;
  /** features x `BIN_POINTS`, ascending for each feature, repeated where there are fewer: a value lies in as many-th a bin as points are below it. */
  readonly points: Float32Array;
  /** features x `BIN_PLACES`; the last place counts the missing values. */
  readonly counts: Float64Array;
}

/** Rows drawn evenly from those that a model was fitted on, as they were given (infinities as the largest numbers): row-major over the model's features, NaN where missing. */
export interface Anchor {
  readonly rowCount: number;
  readonly values: Float32Array;
}

/** Bins between quantiles of the training; a value that holds a whole bin by itself gets one more, so there are at most twice as many. */
const BINS = 10;
export const BIN_POINTS = 2 * (BINS - 1);
export const BIN_PLACES = BIN_POINTS + 2;

/** Rows of the anchor unless another number is asked for, and values at most: 4 MB. */
export const DEFAULT_ANCHOR_ROWS = 2000;
export const MAX_ANCHOR_ROWS = 100_000;
const MAX_ANCHOR_VALUES = 1 << 20;

/** Counts the rows of a training into bins, feature by feature: is given what `measureFeatures` hands to its taker, and so costs no pass of its own. */
export class BinCounter {
  readonly #points: Float32Array;
  readonly #counts: Float64Array;
  #rows = 0;

  constructor(featureCount: number) {
    this.#points = new Float32Array(featureCount * BIN_POINTS);
    this.#counts = new Float64Array(featureCount * BIN_PLACES);
  }

  /** A `SortedTaker`. Every feature must be taken, each from the same rows. */
  take(feature: number, ordered: Float32Array, missing: number): void {
    this.#rows = ordered.length + missing;
    const points = this.#points.subarray(feature * BIN_POINTS, (feature + 1) * BIN_POINTS);
    const counts = this.#counts.subarray(feature * BIN_PLACES, (feature + 1) * BIN_PLACES);
    cutPoints(ordered, points);
    let before = 0;
    for (let k = 0; k < BIN_POINTS; k++) {
      const upTo = countUpTo(ordered, points[k]);
      counts[k] = upTo - before;
      before = upTo;
    }
    counts[BIN_POINTS] = ordered.length - before;
    counts[BIN_PLACES - 1] = missing;
  }

  get bins(): Bins {
    return { rows: this.#rows, points: this.#points, counts: this.#counts };
  }
}

/**
 * Joins the bins with the anchor, which is drawn from the rows of the matrix with a chance of its own, so that what is kept never changes what is fitted.
 * @param given the anchor, where it is not to be drawn; its numbers are finite or NaN
 */
export function makeReference(
  matrix: FeatureMatrix,
  bins: Bins,
  seed: number,
  anchorRows: number = DEFAULT_ANCHOR_ROWS,
  given?: Anchor,
): TrainingReference {
  const { rowCount: n, values } = matrix;
  const d = matrix.features.length;
  if (given !== undefined && given.values.length !== given.rowCount * d)
    throw new Error(`an anchor of ${given.rowCount} rows of ${d} features can't hold ${given.values.length} values`);
  if (given !== undefined && given.rowCount > 0)
    return { ...bins, anchor: { rowCount: given.rowCount, values: given.values.slice() } };
  const random = new Random(seed ^ 0x5eed);
  const rows = drawRows(n, Math.min(anchorRows, Math.floor(MAX_ANCHOR_VALUES / d)), random);
  return rows.length === 0 ? { ...bins } : { ...bins, anchor: anchorOf(values, d, rows) };
}

function anchorOf(values: Float32Array, d: number, rows: Int32Array): Anchor {
  const kept = new Float32Array(rows.length * d);
  // Feature by feature, so that many rows are on their way from memory at a time.
  for (let j = 0; j < d; j++) keepFeature(values, d, rows, j, kept);
  return { rowCount: rows.length, values: kept };
}

function keepFeature(values: Float32Array, d: number, rows: Int32Array, feature: number, into: Float32Array): void {
  for (let i = 0; i < rows.length; i++) into[i * d + feature] = clampFinite(values[rows[i] * d + feature]);
}

/**
 * Cuts at the tenths, upper bound inside. A value that holds a whole bin by itself is cut off below too: at the float just below it.
 * @param ordered ascending.
 */
function cutPoints(ordered: Float32Array, into: Float32Array): void {
  let count = 0;
  const n = ordered.length;
  const add = (point: number): void => {
    if (count === 0 || point > into[count - 1]) into[count++] = point;
  };
  for (let k = 1; k < BINS && n > 0; k++) {
    const v = Math.fround(quantileSorted(ordered, k / BINS));
    if (countUpTo(ordered, v) - countUpTo(ordered, floatBelow(v)) >= n / BINS) add(floatBelow(v));
    add(v);
  }
  into.fill(count === 0 ? 0 : into[count - 1], count);
}

/** How many of ascending values are at most v. */
function countUpTo(ordered: Float32Array, v: number): number {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ordered[middle] <= v) low = middle + 1;
    else high = middle;
  }
  return low;
}

const asFloat = new Float32Array(1);
const asBits = new Int32Array(asFloat.buffer);

/** The largest float32 below v, which is finite; the lowest there is for itself. */
function floatBelow(v: number): number {
  if (v === 0) return -1.401298464324817e-45;
  asFloat[0] = v;
  asBits[0] += v > 0 ? -1 : 1;
  return Number.isFinite(asFloat[0]) ? asFloat[0] : v;
}

/** Adds the rows of a matrix to counts of the shape of `TrainingReference.counts`. @param columns where in a row each feature of the model is */
export function countBins(
  { points }: TrainingReference,
  matrix: FeatureMatrix,
  columns: Int32Array,
  into: Float64Array,
): void {
  const { values, rowCount } = matrix;
  const width = matrix.features.length;
  for (let j = 0; j < columns.length; j++) {
    const from = j * BIN_POINTS;
    const places = j * BIN_PLACES;
    for (let row = 0, o = columns[j]; row < rowCount; row++, o += width) {
      const v = values[o];
      if (Number.isNaN(v)) {
        into[places + BIN_PLACES - 1]++;
        continue;
      }
      let low = 0;
      let high = BIN_POINTS;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (v > points[from + middle]) low = middle + 1;
        else high = middle;
      }
      into[places + low]++;
    }
  }
}

/** What is wrong with a reference that was read from a file; undefined where it is sound. */
export function referenceFault({ rows, points, counts, anchor }: TrainingReference): string | undefined {
  const d = points.length / BIN_POINTS;
  for (let j = 0; j < d; j++) {
    for (let k = 0; k < BIN_POINTS; k++) {
      const v = points[j * BIN_POINTS + k];
      if (!Number.isFinite(v) || (k > 0 && v < points[j * BIN_POINTS + k - 1]))
        return `the bins of feature ${j} are not in order`;
    }
    let total = 0;
    for (let k = 0; k < BIN_PLACES; k++) {
      const count = counts[j * BIN_PLACES + k];
      if (!Number.isInteger(count) || count < 0) return `the bins of feature ${j} do not hold counts`;
      total += count;
    }
    if (total !== rows) return `the bins of feature ${j} do not add up`;
  }
  if (anchor?.values.some((v) => v === Number.POSITIVE_INFINITY || v === Number.NEGATIVE_INFINITY) === true)
    return 'its anchor rows are not finite numbers';
  return undefined;
}
