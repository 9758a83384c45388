import type { Json } from '../core/index.ts';
import { damaged, type LoadedModel, type Tensor, takeTensor } from './file.ts';
import { checkFinite, type Division, type FitInput, type FittedPart, gatherRow, robustScales } from './fit.ts';
import { type FeatureStatistics, sortFloats } from './training.ts';

/**
 * Tail probabilities of each feature, as ECOD and COPOD use them: how many of the fitted rows are as small as a value, how many as large.
 *
 *     u_left(x) = -ln((1 + rows with a value <= x) / (n + 1)),   u_right(x) = -ln((1 + rows with a value >= x) / (n + 1))
 *
 * The record itself is counted among the rows, which is what the authors' code does when it scores one new record, and keeps both finite.
 *
 * Kept are the distinct values of each feature, its knots, up to 4,096 of them. A feature with more keeps those where one of the two counts has
 * changed by 1/256 since the last: all that matter far out, few in the middle, at most some 5,000 for a million rows. A probability is then off by at
 * most 0.4 %, its logarithm by 0.004.
 */
export interface TailPart extends FittedPart {
  /** n. */
  readonly rowCount: number;
  readonly rangeGuard: boolean;
  /** The knots of all features behind one another, ascending within each; those of feature j are from offset[j] to offset[j + 1]. */
  readonly knots: Float32Array;
  readonly offset: Float64Array;
  /** For each knot, the rows with a value at most as large. */
  readonly atMost: Float64Array;
  /** The sign of each feature's skewness: -1, 0 or 1. */
  readonly skew: Int16Array;
  /** Computed from the above; see `TailTables`. */
  readonly tables: TailTables;
}

/**
 * Terms by slot. The slots of feature j begin at 2 offset[j] + j: below all knots, at the first, between the first and the second, ... , at the last,
 * above all.
 */
interface TailTables extends Guide {
  readonly left: Float64Array;
  readonly right: Float64Array;
  /** Mean of `left` and of `right` over the fitted rows, for each feature. */
  readonly meanLeft: Float64Array;
  readonly meanRight: Float64Array;
  readonly guardScale: Float64Array;
}

const EXACT_KNOTS = 4096;
const RESOLUTION = 1 + 1 / 256;

/** Learns the tails of every feature. n log n for each. */
export function learnTails({ source, rows, statistics }: FitInput, rangeGuard: boolean): TailPart {
  const n = rows.length;
  const d = source.columns.length;
  const column = new Float32Array(n);
  const scratch = new Uint32Array(2 * n);
  const one = { ...source, columns: new Int32Array(1) };
  const offset = new Float64Array(d + 1);
  const skew = new Int16Array(d);
  const parts: { knots: Float32Array; atMost: Float64Array }[] = [];
  for (let j = 0; j < d; j++) {
    one.columns[0] = source.columns[j];
    const own = columnStatistics(statistics, j);
    for (let i = 0; i < n; i++) gatherRow(one, rows[i], own, column, i);
    skew[j] = signOfSkewness(column);
    sortFloats(column, scratch);
    parts.push(knotsOf(column));
    offset[j + 1] = offset[j] + parts[j].knots.length;
  }
  const knots = new Float32Array(offset[d]);
  const atMost = new Float64Array(offset[d]);
  parts.forEach((part, j) => {
    knots.set(part.knots, offset[j]);
    atMost.set(part.atMost, offset[j]);
  });
  return completeTails({ statistics, rowCount: n, rangeGuard, knots, offset, atMost, skew });
}

function columnStatistics(statistics: FeatureStatistics, j: number): FeatureStatistics {
  return { ...statistics, observed: statistics.observed.subarray(j), median: statistics.median.subarray(j) };
}

function signOfSkewness(column: Float32Array): number {
  const n = column.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += (column[i] - mean) / (i + 1);
  let second = 0;
  let third = 0;
  for (let i = 0; i < n; i++) {
    const delta = column[i] - mean;
    second += (delta * delta) / n;
    third += (delta * delta * delta) / n;
  }
  // As SciPy: a spread that is nothing but rounding has no skewness.
  return second <= (2.220446049250313e-16 * mean) ** 2 ? 0 : Math.sign(third);
}

/** @param sorted ascending. */
function knotsOf(sorted: Float32Array): { knots: Float32Array; atMost: Float64Array } {
  const n = sorted.length;
  let distinct = 1;
  for (let i = 1; i < n; i++) if (sorted[i] !== sorted[i - 1]) distinct++;
  const thin = distinct > EXACT_KNOTS;
  const knots = new Float32Array(distinct);
  const atMost = new Float64Array(distinct);
  let k = 0;
  let last = 0;
  for (let i = 0; i < n; i++) {
    if (i + 1 < n && sorted[i + 1] === sorted[i]) continue;
    const count = i + 1;
    const needed = k === 0 || count === n || count > last * RESOLUTION || n - last > (n - count) * RESOLUTION;
    if (thin && !needed) continue;
    // -0 becomes 0.
    knots[k] = sorted[i] + 0;
    atMost[k++] = count;
    last = count;
  }
  return { knots: knots.slice(0, k), atMost: atMost.slice(0, k) };
}

function completeTails(from: Omit<TailPart, 'tables'>): TailPart {
  const { statistics, rowCount: n, knots, offset, atMost, skew } = from;
  const d = skew.length;
  const left = new Float64Array(2 * knots.length + d);
  const right = new Float64Array(left.length);
  const meanLeft = new Float64Array(d);
  const meanRight = new Float64Array(d);
  const term = (count: number): number => Math.log((n + 1) / (count + 1));
  for (let j = 0; j < d; j++) {
    let slot = 2 * offset[j] + j;
    let before = 0;
    for (let k = offset[j]; k < offset[j + 1]; k++) {
      const rows = atMost[k] - before;
      // Nobody lies between: as many are at least as large as at the knot that follows.
      left[slot] = term(before);
      right[slot++] = term(n - before);
      left[slot] = term(atMost[k]);
      right[slot++] = term(n - before);
      meanLeft[j] += (rows / n) * left[slot - 1];
      meanRight[j] += (rows / n) * right[slot - 1];
      before = atMost[k];
    }
    left[slot] = term(before);
    right[slot] = term(n - before);
  }
  return {
    ...from,
    tables: { left, right, meanLeft, meanRight, guardScale: robustScales(statistics), ...guideOf(knots, offset) },
  };
}

/**
 * The slot of value v of feature j, counted from the feature's first slot. The order of floats is that of their bits, so that bits cut the range into
 * buckets which are narrow where floats are dense; few knots are left to be searched.
 */
export function slotOf({ knots, offset, tables }: TailPart, j: number, v: number): number {
  const { guide, guideFrom, lowestKey, perKey } = tables;
  const first = offset[j];
  if (v < knots[first]) return 0;
  const last = offset[j + 1] - 1;
  if (v > knots[last]) return 2 * (last + 1 - first);
  const bucket = guideFrom[j] + Math.floor((keyOf(v) - lowestKey[j]) * perKey[j]);
  let low = guide[bucket];
  let high = guide[bucket + 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (knots[middle] < v) low = middle + 1;
    else high = middle;
  }
  return 2 * (low - first) + (knots[low] === v ? 1 : 0);
}

const oneFloat = new Float32Array(1);
const oneWord = new Int32Array(oneFloat.buffer);

/** An integer that rises with the float32 `v`; -0 as 0. */
function keyOf(v: number): number {
  oneFloat[0] = v + 0;
  const bits = oneWord[0];
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

const MAX_BUCKETS = 2048;

/** For each bucket of each feature the first knot in it or behind it; one entry more at the end of each feature. */
function guideOf(knots: Float32Array, offset: Float64Array): Guide {
  const d = offset.length - 1;
  const guideFrom = new Int32Array(d + 1);
  for (let j = 0; j < d; j++) guideFrom[j + 1] = guideFrom[j] + Math.min(MAX_BUCKETS, offset[j + 1] - offset[j]) + 1;
  const guide = new Int32Array(guideFrom[d]);
  const lowestKey = new Float64Array(d);
  const perKey = new Float64Array(d);
  for (let j = 0; j < d; j++) {
    const buckets = guideFrom[j + 1] - guideFrom[j] - 1;
    lowestKey[j] = keyOf(knots[offset[j]]);
    // The highest key falls into the last bucket.
    perKey[j] = buckets / (keyOf(knots[offset[j + 1] - 1]) - lowestKey[j] + 1);
    let bucket = 0;
    for (let k = offset[j]; k < offset[j + 1]; k++) {
      const own = Math.floor((keyOf(knots[k]) - lowestKey[j]) * perKey[j]);
      while (bucket <= own) guide[guideFrom[j] + bucket++] = k;
    }
    while (bucket <= buckets) guide[guideFrom[j] + bucket++] = offset[j + 1];
  }
  return { guide, guideFrom, lowestKey, perKey };
}

interface Guide {
  readonly guide: Int32Array;
  /** Where the buckets of each feature begin. */
  readonly guideFrom: Int32Array;
  readonly lowestKey: Float64Array;
  /** Buckets per key. */
  readonly perKey: Float64Array;
}

/** Mean over the fitted rows of terms by slot, for each feature. */
export function meanOf({ offset, atMost, rowCount, skew }: TailPart, terms: Float64Array): Float64Array {
  return Float64Array.from(skew, (_, j) => {
    let mean = 0;
    for (let k = offset[j], before = 0; k < offset[j + 1]; k++) {
      mean += ((atMost[k] - before) / rowCount) * terms[2 * k + j + 1];
      before = atMost[k];
    }
    return mean;
  });
}

/** Adds to each row the terms that a table by slot gives its values. */
export function addTerms(
  part: TailPart,
  terms: Float64Array,
  block: Float64Array,
  count: number,
  into: Float64Array,
  at: number,
): void {
  const d = part.skew.length;
  // Features outside, so that the knots of one stay in cache.
  for (let j = 0; j < d; j++) {
    const first = 2 * part.offset[j] + j;
    for (let i = 0, o = j; i < count; i++, o += d) into[at + i] += terms[first + slotOf(part, j, block[o])];
  }
}

/** The term that a table by slot gives to the value of each feature. */
export function termsOf(part: TailPart, terms: Float64Array, record: Float64Array): Float64Array {
  return record.map((v, j) => terms[2 * part.offset[j] + j + slotOf(part, j, v)]);
}

/**
 * What a value outside the fitted range adds: ln(1 + z), z the distance beyond in robust scales, as if the tail went on with the density 1 / (1 + z)^2.
 * Without it the largest fitted value and one a million times as large would be alike. 0 within the range.
 */
export function tailGuard(v: number, min: number, max: number, scale: number): number {
  const beyond = v > max ? v - max : v < min ? min - v : 0;
  return beyond === 0 ? 0 : Math.log1p(beyond / scale);
}

/** Adds the guards of a block of rows to its scores. */
export function addTailGuards(
  part: TailPart,
  block: Float64Array,
  count: number,
  into: Float64Array,
  at: number,
): void {
  const { min, max } = part.statistics;
  const { guardScale } = part.tables;
  const d = guardScale.length;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < d; j++) {
      const v = block[i * d + j];
      if (v > max[j] || v < min[j]) into[at + i] += tailGuard(v, min[j], max[j], guardScale[j]);
    }
  }
}

/** The division of a score whose core is a sum of terms, given term and mean term of each feature. */
export function divideTerms(part: TailPart, record: Float64Array, terms: Float64Array, means: Float64Array): Division {
  const { min, max } = part.statistics;
  const { guardScale } = part.tables;
  const guards = terms.map((_, j) => (part.rangeGuard ? tailGuard(record[j], min[j], max[j], guardScale[j]) : 0));
  return {
    rawBase: means.reduce((total, mean) => total + mean, 0),
    rawShares: terms.map((term, j) => term - means[j] + guards[j]),
    guards,
  };
}

/** Parameters and arrays of a model file. */
export function saveTails({ rowCount, rangeGuard, knots, offset, atMost, skew }: TailPart): {
  parameters: { [key: string]: Json };
  tensors: Tensor[];
} {
  return {
    parameters: { rowCount, rangeGuard, knots: knots.length },
    tensors: [
      { name: 'tail.offset', shape: [offset.length], data: offset },
      { name: 'tail.at-most', shape: [atMost.length], data: atMost },
      { name: 'tail.knots', shape: [knots.length], data: knots },
      { name: 'tail.skew', shape: [skew.length], data: skew },
    ],
  };
}

/** Throws a `ModelError` for arrays that are not the tails of anything. */
export function loadTails(
  file: LoadedModel,
  parameters: { rowCount: number; rangeGuard: boolean; knots: number },
): TailPart {
  const d = file.featureNames.length;
  const { rowCount, rangeGuard } = parameters;
  const offset = takeTensor(file.tensors, 'tail.offset', 'F64', [d + 1]);
  const atMost = takeTensor(file.tensors, 'tail.at-most', 'F64', [parameters.knots]);
  const knots = takeTensor(file.tensors, 'tail.knots', 'F32', [parameters.knots]);
  const skew = takeTensor(file.tensors, 'tail.skew', 'I16', [d]);
  checkFinite(knots, 'its knots');
  if (offset[0] !== 0 || offset[d] !== knots.length) throw damaged('its knots do not fit its features');
  for (let j = 0; j < d; j++) {
    const from = offset[j];
    const to = offset[j + 1];
    if (!Number.isInteger(to) || to <= from || to > knots.length) throw damaged('its knots do not fit its features');
    if (skew[j] < -1 || skew[j] > 1) throw damaged('its skewness is not a sign');
    for (let k = from; k < to; k++) {
      const rising = k === from ? atMost[k] >= 1 : atMost[k] > atMost[k - 1] && knots[k] > knots[k - 1];
      if (!rising || !Number.isInteger(atMost[k])) throw damaged('its knots are not in order');
    }
    if (atMost[to - 1] !== rowCount) throw damaged('its knots do not hold all rows');
  }
  return completeTails({ statistics: file.statistics, rowCount, rangeGuard, knots, offset, atMost, skew });
}
