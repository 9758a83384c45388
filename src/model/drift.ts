import { quantileSorted, sorted, sum, UserError } from '../core/index.ts';
import { chiSquareQuantile } from './chi-square.ts';

/**
 * Whether data is still of the kind that a model was fitted on. Three tests, each with what it is good for:
 *
 * - **Population stability index** (`stabilityIndex`): how far one feature moved, as one number that can be ranked over features. It is a
 *   distance, not a test: with few rows it is large by chance, so the result says what chance alone would give.
 * - **Two-sample Kolmogorov-Smirnov** (`kolmogorovSmirnov`): whether two samples could be of one distribution, with a p-value, exact for small
 *   samples. With many rows it calls differences real that matter to nobody: look at the statistic, which is the largest gap in shares.
 * - **ADWIN** (`Adwin`): over a stream, without a reference: remembers as much of the past as looks alike, and says when it had to forget.
 *
 * What fools all three: drift in the relation between features while each by itself stays as it was (give them the model's raw scores too), and
 * seasons: a night against a day is a drift.
 */

/** Missing values (NaN) are a class of their own for the index, and are left out of the Kolmogorov-Smirnov test. */
export interface StabilityIndex {
  /** Sum over bins of (p - q) ln(p / q), natural logarithm; 0 for equal shares. By the usual rule of thumb 0.1 is a shift to look at, 0.25 a large one. */
  readonly index: number;
  /** Bins counted, that of the missing values included. */
  readonly bins: number;
  /** What samples of these sizes give on average where nothing moved. */
  readonly expected: number;
  /** What they exceed once in a hundred times where nothing moved. */
  readonly limit: number;
}

/** A bin that one side never fell into has this share, so that the logarithm is finite. */
const SHARE_FLOOR = 1e-4;

/**
 * Population stability index of `current` against `reference`.
 *
 * Bins are cut at the quantiles of the reference, upper bound inside. A value that holds a whole bin by itself (a constant column, a count that is
 * mostly 0) becomes a bin of its own, so that a move to either side of it shows. Where nothing moved, the index times n m / (n + m) is nearly
 * chi-square distributed with bins - 1 degrees of freedom (Yurdakul: Statistical properties of the population stability index, 2018), which gives
 * `expected` and `limit`.
 *
 * @param bins 2 .. 1000, default 10.
 * Throws a `UserError` when either side is empty.
 */
export function stabilityIndex(
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
  options: { readonly bins?: number } = {},
): StabilityIndex {
  const { bins = 10 } = options;
  if (!Number.isInteger(bins) || bins < 2 || bins > 1000)
    throw new UserError(`Drift can't be measured with ${bins} bins.`, 'Give a whole number from 2 to 1,000.');
  needBoth(reference.length, current.length);
  const present = sorted(Float64Array.from(reference).filter((v) => !Number.isNaN(v)));
  const { at, closed } = cutPoints(present, bins);
  const places = at.length + 2;
  const p = shares(reference, at, closed, places);
  const q = shares(current, at, closed, places);
  const { index, used } = indexOf(p, q);
  const freedom = Math.max(1, used - 1);
  const unit = 1 / reference.length + 1 / current.length;
  // Wilson and Hilferty 1931: the cube root of chi-square is nearly normal.
  const third = 2 / (9 * freedom);
  const limit = freedom * (1 - third + NORMAL_99 * Math.sqrt(third)) ** 3;
  return { index, bins: used, expected: (used - 1) * unit, limit: used > 1 ? limit * unit : 0 };
}

/**
 * The same index of two histograms over the same bins, which is all that is left of data too large to keep.
 *
 * @param chance how often `limit` is exceeded where nothing moved, above 0 and below 1; default 0.01. Of many features some exceed it by chance:
 * divide by how many there are.
 * Throws a `UserError` when either side has counted nothing.
 */
export function stabilityOfCounts(
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
  options: { readonly chance?: number } = {},
): StabilityIndex {
  const { chance = 0.01 } = options;
  const n = sum(reference);
  const m = sum(current);
  needBoth(n, m);
  const { index, used } = indexOf(
    Float64Array.from(reference, (count) => count / n),
    Float64Array.from(current, (count) => count / m),
  );
  const unit = 1 / n + 1 / m;
  const limit = used > 1 ? chiSquareQuantile(1 - chance, used - 1) * unit : 0;
  return { index, bins: used, expected: (used - 1) * unit, limit };
}

/** The index of shares, and how many bins were used. */
function indexOf(p: Float64Array, q: Float64Array): { index: number; used: number } {
  let index = 0;
  let used = 0;
  for (let i = 0; i < p.length; i++) {
    if (p[i] === 0 && q[i] === 0) continue;
    used++;
    const a = Math.max(p[i], SHARE_FLOOR);
    const b = Math.max(q[i], SHARE_FLOOR);
    index += (b - a) * Math.log(b / a);
  }
  return { index, used };
}

const NORMAL_99 = 2.3263478740408408;

/** Ascending; a point is passed by values above it, and by those equal to it where it is closed. */
function cutPoints(present: Float64Array, bins: number): { at: Float64Array; closed: Uint8Array } {
  const at: number[] = [];
  const closed: number[] = [];
  for (let k = 1; k < bins; k++) {
    const v = quantileSorted(present, k / bins);
    if (at.length > 0 && at[at.length - 1] === v) continue;
    if (Number.isNaN(v)) break;
    if (lowerBound(present, v, true) - lowerBound(present, v, false) >= present.length / bins) {
      at.push(v);
      closed.push(1);
    }
    at.push(v);
    closed.push(0);
  }
  return { at: Float64Array.from(at), closed: Uint8Array.from(closed) };
}

/** How many values of an ascending array are below v, or at most v. */
function lowerBound(values: Float64Array, v: number, andEqual: boolean): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < v || (andEqual && values[middle] === v)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function shares(values: ArrayLike<number>, at: Float64Array, closed: Uint8Array, places: number): Float64Array {
  const counts = new Float64Array(places);
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    let place = places - 1;
    if (!Number.isNaN(v)) {
      let low = 0;
      let high = at.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (v > at[middle] || (closed[middle] === 1 && v === at[middle])) low = middle + 1;
        else high = middle;
      }
      place = low;
    }
    counts[place]++;
  }
  for (let i = 0; i < places; i++) counts[i] /= values.length;
  return counts;
}

export interface KolmogorovSmirnov {
  /** The largest distance between the two empirical distribution functions, 0..1. */
  readonly statistic: number;
  /** Chance of a distance at least as large where both are of one distribution; with ties it is too large, so the test errs on the quiet side. */
  readonly pValue: number;
  /** True when `pValue` was counted, false when it is the limit for large samples. */
  readonly exact: boolean;
}

/** Up to this product of the sizes every path is counted, which takes as many steps. */
const EXACT_PRODUCT = 1_000_000;

/**
 * Two-sided Kolmogorov-Smirnov test of two samples. Exact by counting lattice paths (Hodges 1958) where the product of the sizes is at most
 * 1,000,000, else the limit distribution (Kolmogorov 1933, Smirnov 1948) at sqrt(n m / (n + m)) times the statistic. NaN is left out.
 *
 * Throws a `UserError` when either side has no value.
 */
export function kolmogorovSmirnov(first: ArrayLike<number>, second: ArrayLike<number>): KolmogorovSmirnov {
  const a = sorted(Float64Array.from(first).filter((v) => !Number.isNaN(v)));
  const b = sorted(Float64Array.from(second).filter((v) => !Number.isNaN(v)));
  const n = a.length;
  const m = b.length;
  needBoth(n, m);
  // In units of 1 / (n m), so that equal distances are equal.
  let gap = 0;
  for (let i = 0, j = 0; i < n || j < m; ) {
    const v = j >= m || (i < n && a[i] <= b[j]) ? a[i] : b[j];
    while (i < n && a[i] === v) i++;
    while (j < m && b[j] === v) j++;
    gap = Math.max(gap, Math.abs(i * m - j * n));
  }
  const statistic = gap / (n * m);
  if (n * m <= EXACT_PRODUCT) return { statistic, pValue: pathShare(n, m, gap), exact: true };
  return { statistic, pValue: kolmogorovTail(Math.sqrt((n * m) / (n + m)) * statistic), exact: false };
}

/** Share of the paths from (0, 0) to (n, m) that somewhere are at least `gap` away from the diagonal: summed up, not taken from 1, so small shares keep their digits. */
function pathShare(n: number, m: number, gap: number): number {
  const share = new Float64Array(m + 1);
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= m; j++) {
      if (Math.abs(i * m - j * n) >= gap) share[j] = 1;
      else if (i === 0 && j === 0) share[j] = 0;
      // Of the paths to (i, j), i / (i + j) came from (i - 1, j).
      else share[j] = ((i === 0 ? 0 : i * share[j]) + (j === 0 ? 0 : j * share[j - 1])) / (i + j);
    }
  }
  return share[m];
}

/** P(K > x) of the Kolmogorov distribution: by the alternating series, below 0.8 by the theta function that converges there. */
function kolmogorovTail(x: number): number {
  if (x <= 0) return 1;
  if (x < 0.8) {
    let total = 0;
    for (let k = 1; k <= 7; k += 2) total += Math.exp((-(k * k) * Math.PI * Math.PI) / (8 * x * x));
    return Math.min(1, Math.max(0, 1 - (Math.sqrt(2 * Math.PI) / x) * total));
  }
  let total = 0;
  for (let k = 1; k <= 10; k++) total += (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k * k * x * x);
  return Math.min(1, 2 * total);
}

function needBoth(n: number, m: number): void {
  if (n === 0 || m === 0)
    throw new UserError(
      `Drift can't be measured against no values: ${n} in the reference, ${m} now.`,
      'Give at least one value on either side, better 500 or more.',
    );
}

export interface AdwinOptions {
  /** Chance of a false alarm that the bound allows, above 0 and below 1. Default 0.002. */
  readonly delta?: number | undefined;
  /** Looks for a cut at every so many values. Default 32. */
  readonly clock?: number | undefined;
  /** Buckets of one size before two are merged; more of them find the place of the cut more closely. Default 5. */
  readonly maxBuckets?: number | undefined;
  /** Values that either side of a cut must have. Default 5. */
  readonly minWindow?: number | undefined;
  /** Values before the first look. Default 10. */
  readonly grace?: number | undefined;
}

/** 2^40 values: none is ever dropped for want of a row. */
const ADWIN_ROWS = 40;

/**
 * ADWIN, the adaptive window of Bifet and Gavalda (SDM 2007), over values of about 0..1 such as scores: keeps the longest recent window in which no
 * older part differs from the newer by more than chance allows, and drops the older part when one does.
 *
 *     |mean0 - mean1| > sqrt(2 v / m ln(2 ln(W) / delta)) + 2 / (3 m) ln(2 ln(W) / delta),   1 / m = 1 / (n0 - k + 1) + 1 / (n1 - k + 1)
 *
 * W: length of the window, v: its variance, k: `minWindow`, which steadies the bound where a side is short.
 * The window is kept as sums over 2^i values (exponential histogram): at most `maxBuckets` + 1 for each i, so 240 buckets for ever, and a step costs
 * O(1) and, each `clock` values, O(log W).
 *
 * What fools it: a drift slower than the window forgets, seasons, and values outside 0..1, for which the bound is not meant: scale them first.
 * Values that are not finite are left out and change nothing.
 */
export class Adwin {
  /** Cuts so far. */
  changes = 0;
  readonly #delta: number;
  readonly #clock: number;
  readonly #maxBuckets: number;
  readonly #minWindow: number;
  readonly #grace: number;
  /** Row i holds sums over 2^i values, the oldest first. */
  readonly #totals: Float64Array;
  readonly #variances: Float64Array;
  readonly #counts = new Int32Array(ADWIN_ROWS);
  #rows = 1;
  #width = 0;
  #total = 0;
  /** Sum of squared distances from the mean. */
  #squares = 0;
  #ticks = 0;

  /** Throws a `UserError` for an option out of range. */
  constructor(options: AdwinOptions = {}) {
    const { delta = 0.002, clock = 32, maxBuckets = 5, minWindow = 5, grace = 10 } = options;
    if (!(delta > 0 && delta < 1))
      throw new UserError(`ADWIN can't have delta ${delta}.`, 'Give a chance above 0 and below 1, such as 0.002.');
    for (const [name, value] of [
      ['clock', clock],
      ['maxBuckets', maxBuckets],
      ['minWindow', minWindow],
    ] as const)
      if (!Number.isInteger(value) || value < 1 || value > 100_000)
        throw new UserError(`ADWIN can't have ${name} ${value}.`, 'Give a whole number from 1 to 100,000.');
    if (!Number.isInteger(grace) || grace < 0)
      throw new UserError(`ADWIN can't have grace ${grace}.`, 'Give a whole number from 0.');
    this.#delta = delta;
    this.#clock = clock;
    this.#maxBuckets = maxBuckets;
    this.#minWindow = minWindow;
    this.#grace = grace;
    this.#totals = new Float64Array(ADWIN_ROWS * (maxBuckets + 1));
    this.#variances = new Float64Array(ADWIN_ROWS * (maxBuckets + 1));
  }

  /** Length of the window. */
  get width(): number {
    return this.#width;
  }

  /** Mean of the window; NaN while it is empty. */
  get mean(): number {
    return this.#width === 0 ? Number.NaN : this.#total / this.#width;
  }

  /** Population variance of the window; NaN while it is empty. */
  get variance(): number {
    return this.#width === 0 ? Number.NaN : this.#squares / this.#width;
  }

  /** Takes a value in. True where the window had to drop its older part: a drift. */
  add(value: number): boolean {
    if (!Number.isFinite(value)) return false;
    this.#push(0, value, 0);
    if (this.#width > 0) this.#squares += (this.#width * (value - this.#total / this.#width) ** 2) / (this.#width + 1);
    this.#width++;
    this.#total += value;
    for (let row = 0; row < this.#rows && this.#counts[row] > this.#maxBuckets; row++) this.#merge(row);
    this.#ticks++;
    if (this.#ticks % this.#clock !== 0 || this.#width <= this.#grace) return false;
    let found = false;
    while (this.#width > 1 && this.#hasCut()) {
      this.#dropOldest();
      found = true;
    }
    if (found) this.changes++;
    return found;
  }

  #push(row: number, total: number, variance: number): void {
    const at = row * (this.#maxBuckets + 1) + this.#counts[row]++;
    this.#totals[at] = total;
    this.#variances[at] = variance;
  }

  /** Takes the oldest `count` buckets out of a row. */
  #shift(row: number, count: number): void {
    const from = row * (this.#maxBuckets + 1);
    this.#totals.copyWithin(from, from + count, from + this.#counts[row]);
    this.#variances.copyWithin(from, from + count, from + this.#counts[row]);
    this.#counts[row] -= count;
  }

  #merge(row: number): void {
    const from = row * (this.#maxBuckets + 1);
    const size = 2 ** row;
    const a = this.#totals[from];
    const b = this.#totals[from + 1];
    const apart = a / size - b / size;
    const variance = this.#variances[from] + this.#variances[from + 1] + (size / 2) * apart * apart;
    this.#shift(row, 2);
    if (row + 1 === this.#rows) this.#rows++;
    this.#push(row + 1, a + b, variance);
  }

  #dropOldest(): void {
    const row = this.#rows - 1;
    const at = row * (this.#maxBuckets + 1);
    const size = 2 ** row;
    const total = this.#totals[at];
    this.#width -= size;
    this.#total -= total;
    const apart = total / size - this.#total / this.#width;
    this.#squares -= this.#variances[at] + (size * this.#width * apart * apart) / (size + this.#width);
    // Rounding, where nothing but equal values is left.
    if (this.#squares < 0) this.#squares = 0;
    this.#shift(row, 1);
    while (this.#rows > 1 && this.#counts[this.#rows - 1] === 0) this.#rows--;
  }

  #hasCut(): boolean {
    const stride = this.#maxBuckets + 1;
    const width = this.#width;
    const variance = this.#squares / width;
    const confidence = Math.log((2 * Math.log(width)) / this.#delta);
    const shortest = this.#minWindow;
    let older = 0;
    let olderTotal = 0;
    for (let row = this.#rows - 1; row >= 0; row--) {
      const count = this.#counts[row];
      for (let k = 0; k < count; k++) {
        older += 2 ** row;
        olderTotal += this.#totals[row * stride + k];
        const newer = width - older;
        if (newer < shortest) return false;
        if (older < shortest) continue;
        const gap = Math.abs(olderTotal / older - (this.#total - olderTotal) / newer);
        const unit = 1 / (older - shortest + 1) + 1 / (newer - shortest + 1);
        if (gap > Math.sqrt(2 * unit * variance * confidence) + (2 / 3) * confidence * unit) return true;
      }
    }
    return false;
  }
}
