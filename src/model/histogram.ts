import { tailGuard } from './tail.ts';

/**
 * Histograms of equal width, one for each of some variables, as HBOS and LODA use them. Their term is how thinly populated the surroundings of a value are:
 *
 *     term(v) = -ln(density(v) + alpha)          density per `spread` of the variable
 *
 * Between the middles of two bins terms are joined by straight lines (`smooth`). Half a bin beyond the range the last bin's term holds, farther out
 * the largest of the variable's terms.
 */
export interface Histograms {
  readonly bins: number;
  readonly smooth: boolean;
  /** The range that the bins divide; where it is a single value, they lie above it and are alike. */
  readonly min: Float64Array;
  readonly max: Float64Array;
  /** Above 0; Infinity for a variable without any value. Measures what lies beyond the range, and densities. */
  readonly spread: Float64Array;
  /** Term of each bin, those of a variable behind one another. */
  readonly terms: Float64Array;
  /** Bins per unit of the value. */
  readonly perUnit: Float64Array;
  /** The largest term of each variable. */
  readonly rarest: Float64Array;
}

export function completeHistograms(from: Omit<Histograms, 'perUnit' | 'rarest'>): Histograms {
  const { bins, min, max, spread, terms } = from;
  const perUnit = min.map((low, j) => bins / (max[j] > low ? max[j] - low : spread[j]));
  const rarest = min.map((_, j) => terms.subarray(j * bins, (j + 1) * bins).reduce((a, b) => Math.max(a, b)));
  return { ...from, perUnit, rarest };
}

/** The place in `terms` of the bin that a value within the range is in. */
export function binOf({ bins, min, perUnit }: Histograms, j: number, v: number): number {
  return j * bins + Math.min(bins - 1, Math.floor((v - min[j]) * perUnit[j]));
}

/**
 * Turns counts of n values, taken with `binOf`, into terms. Of `from`, whose `terms` are the counts and are overwritten, all else is kept.
 * @param unit what densities are measured per, for each variable.
 */
export function termsOfCounts(from: Histograms, n: number, alpha: number, unit: ArrayLike<number>): Histograms {
  const { bins, min, max, perUnit, terms } = from;
  for (let j = 0; j < min.length; j++) {
    // What never changed is as dense as can be wherever it is, and all that differs from it is rare.
    const constant = !(max[j] > min[j]);
    for (let b = j * bins; b < (j + 1) * bins; b++) {
      terms[b] = -Math.log((constant ? 1 : (terms[b] / n) * perUnit[j] * unit[j]) + alpha);
    }
  }
  return completeHistograms(from);
}

/** The term of a value of variable j, without guard. */
export function termOf({ bins, smooth, min, max, terms, perUnit, rarest }: Histograms, j: number, v: number): number {
  const at = (v - min[j]) * perUnit[j];
  const first = j * bins;
  const last = first + bins - 1;
  if (v > max[j]) return (v - max[j]) * perUnit[j] > 0.5 ? rarest[j] : terms[last];
  if (v < min[j]) return at < -0.5 ? rarest[j] : terms[first];
  if (!smooth) return terms[Math.min(last, first + Math.floor(at))];
  const middle = at - 0.5;
  if (middle <= 0) return terms[first];
  const below = first + Math.floor(middle);
  if (below >= last) return terms[last];
  return terms[below] + (terms[below + 1] - terms[below]) * (middle - Math.floor(middle));
}

/** What a value beyond the range adds, see `tailGuard`; 0 within. */
export function guardOf({ min, max, spread }: Histograms, j: number, v: number): number {
  return v > max[j] || v < min[j] ? tailGuard(v, min[j], max[j], spread[j]) : 0;
}
