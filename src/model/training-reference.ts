import { quantileSorted, Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { clampFinite, sortFloats } from './training.ts';

/**
 * What is kept of the rows that a model was fitted on, so that later ones can be compared with them: how often each feature fell into each of a few
 * bins, and some of the rows themselves, the anchor. The bins serve the measuring of drift; the anchor is what a model that is fitted anew may not forget
 * (see `retrain` in the pipeline), and can be left out where rows should not be in the file.
 */
export interface TrainingReference {
  /** Rows that were counted. */
  readonly rows: number;
  /** features x `BIN_POINTS`, ascending for each feature, repeated where there are fewer: a value lies in as many-th a bin as points are below it. */
  readonly points: Float32Array;
  /** features x `BIN_PLACES`; the last place counts the missing values. */
  readonly counts: Float64Array;
  readonly anchor?: Anchor;
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

/** The bins come from at most so many rows: shares within 0.3 percentage points. */
const COUNTED_ROWS = 20_000;
/** Rows of the anchor unless another number is asked for, and values at most: 4 MB. */
export const DEFAULT_ANCHOR_ROWS = 2000;
export const MAX_ANCHOR_ROWS = 100_000;
const MAX_ANCHOR_VALUES = 1 << 20;

/** Below, the built-in sort is quicker than the counts of a radix sort. */
const RADIX_ROWS = 256;

/**
 * Counts bins and draws the anchor, with a chance of its own, so that what is kept never changes what is fitted.
 * @param given the anchor, where it is not to be drawn; its numbers are finite or NaN
 */
export function makeReference(
  matrix: FeatureMatrix,
  seed: number,
  anchorRows: number = DEFAULT_ANCHOR_ROWS,
  given?: Anchor,
): TrainingReference {
  const { rowCount: n, values } = matrix;
  const d = matrix.features.length;
  const random = new Random(seed ^ 0x5eed);
  const points = new Float32Array(d * BIN_POINTS);
  const counts = new Float64Array(d * BIN_PLACES);
  const sample = drawRows(n, COUNTED_ROWS, random);
  const column = new Float32Array(sample.length);
  const scratch = new Uint32Array(2 * sample.length);
  // Each drawn row is fetched from memory once for several features, not once for each.
  const width = Math.min(d, GATHERED_COLUMNS);
  const gathered = new Float32Array(sample.length * width);
  for (let j = 0; j < d; j++) {
    const first = j - (j % width);
    if (j === first) gather(values, d, sample, first, Math.min(d, first + width), gathered);
    let seen = 0;
    for (let i = 0, at = (j - first) * sample.length; i < sample.length; i++, at++) {
      const v = gathered[at];
      if (!Number.isNaN(v)) column[seen++] = clampFinite(v);
    }
    const ordered = column.subarray(0, seen);
    if (seen < RADIX_ROWS) ordered.sort();
    else sortFloats(ordered, scratch);
    cutPoints(ordered, points.subarray(j * BIN_POINTS, (j + 1) * BIN_POINTS));
    const own = counts.subarray(j * BIN_PLACES, (j + 1) * BIN_PLACES);
    own[BIN_PLACES - 1] = sample.length - seen;
    let before = 0;
    for (let k = 0; k < BIN_POINTS; k++) {
      const upTo = countUpTo(ordered, points[j * BIN_POINTS + k]);
      own[k] = upTo - before;
      before = upTo;
    }
    own[BIN_POINTS] = seen - before;
  }
  if (given !== undefined && given.values.length !== given.rowCount * d)
    throw new Error(`an anchor of ${given.rowCount} rows of ${d} features can't hold ${given.values.length} values`);
  if (given !== undefined && given.rowCount > 0)
    return { rows: sample.length, points, counts, anchor: { rowCount: given.rowCount, values: given.values.slice() } };
  const rows = drawRows(n, Math.min(anchorRows, Math.floor(MAX_ANCHOR_VALUES / d)), random);
  const reference = { rows: sample.length, points, counts };
  return rows.length === 0 ? reference : { ...reference, anchor: anchorOf(values, d, rows) };
}

const GATHERED_COLUMNS = 32;

/** Copies features `from .. to - 1` of the rows out, feature after feature. */
function gather(values: Float32Array, d: number, rows: Int32Array, from: number, to: number, into: Float32Array): void {
  const n = rows.length;
  for (let i = 0; i < n; i++) {
    const o = rows[i] * d;
    for (let j = from, at = i; j < to; j++, at += n) into[at] = values[o + j];
  }
}

function anchorOf(values: Float32Array, d: number, rows: Int32Array): Anchor {
  const kept = new Float32Array(rows.length * d);
  for (let i = 0; i < rows.length; i++)
    for (let j = 0; j < d; j++) kept[i * d + j] = clampFinite(values[rows[i] * d + j]);
  return { rowCount: rows.length, values: kept };
}

/** At most `most` of 0 .. n-1, evenly drawn, in ascending order. */
export function drawRows(n: number, most: number, random: Random): Int32Array {
  const rows = new Int32Array(Math.min(n, most));
  if (n <= most) return rows.map((_, i) => i);
  if (most === 0) return rows;
  // A bit for each row, those in the minority drawn until they are enough: a look at each of a million rows would cost more than growing a forest.
  const marks = new Uint32Array(Math.ceil(n / 32));
  const isKept = most <= n / 2;
  for (let left = isKept ? most : n - most; left > 0; ) {
    const row = random.below(n);
    const bit = 1 << (row & 31);
    if ((marks[row >>> 5] & bit) !== 0) continue;
    marks[row >>> 5] |= bit;
    left--;
  }
  let k = 0;
  for (let word = 0; word < marks.length; word++) {
    let bits = isKept ? marks[word] : ~marks[word];
    for (; bits !== 0 && k < most; bits &= bits - 1) rows[k++] = 32 * word + 31 - Math.clz32(bits & -bits);
  }
  return rows;
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
