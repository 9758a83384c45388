import { robustScales } from './fit.ts';
import type { FeatureStatistics } from './training.ts';

/**
 * The range guard of `IsolationForest`, for other models that see only so far as what they were fitted on: a value outside the fitted minimum and
 * maximum adds 0.5 z / (z + 8), z its distance beyond the range in robust scales. Strictly rising, additive, 0 within the range.
 */
export interface RangeGuard {
  readonly min: Float64Array;
  readonly max: Float64Array;
  /** See `robustScales`. */
  readonly scale: Float64Array;
}

export const LIMIT = 0.5;
export const HALF = 8;

/** What a guard needs to know of the fitted rows; nothing of it has to be saved beside the statistics. */
export function rangeGuard(statistics: FeatureStatistics): RangeGuard {
  return { min: statistics.min, max: statistics.max, scale: robustScales(statistics) };
}

/** The guard of feature j at the value v, 0 .. 0.5 of the unit in which the model measures. */
export function guardAt(guard: RangeGuard, j: number, v: number): number {
  const { min, max, scale } = guard;
  const beyond = v > max[j] ? v - max[j] : v < min[j] ? min[j] - v : 0;
  // Equal to 0.5 z / (z + 8), in a form that is 0.5 and not NaN when z overflows.
  return beyond === 0 ? 0 : LIMIT * (1 - HALF / (beyond / scale[j] + HALF));
}

/** The sum of all guards of the record that begins at `at`. */
export function guardOf(guard: RangeGuard, record: Float64Array, at: number): number {
  const { min, max } = guard;
  let total = 0;
  for (let j = 0; j < min.length; j++) {
    const v = record[at + j];
    if (v > max[j] || v < min[j]) total += guardAt(guard, j, v);
  }
  return total;
}
