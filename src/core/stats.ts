/** Small exact statistics over plain arrays. Nothing here alters its input. */

/** Sum with Neumaier's compensation: the error does not grow with the number of terms. */
export function sum(values: ArrayLike<number>): number {
  let total = 0;
  let compensation = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    const t = total + v;
    compensation += Math.abs(total) >= Math.abs(v) ? total - t + v : v - t + total;
    total = t;
  }
  return total + compensation;
}

export function mean(values: ArrayLike<number>): number {
  return values.length === 0 ? Number.NaN : sum(values) / values.length;
}

/** Population standard deviation, two passes. */
export function standardDeviation(values: ArrayLike<number>): number {
  const n = values.length;
  if (n === 0) return Number.NaN;
  const m = mean(values);
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i] - m) ** 2;
  return Math.sqrt(squares / n);
}

/** A sorted copy. */
export function sorted(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/** Median; the mean of the two middle values when the count is even. NaN when empty. */
export function median(values: ArrayLike<number>): number {
  return medianSorted(sorted(values), 0, values.length);
}

/** Median of `values[from, to)`, which must be sorted. */
export function medianSorted(values: ArrayLike<number>, from: number, to: number): number {
  const n = to - from;
  if (n <= 0) return Number.NaN;
  const mid = from + (n >> 1);
  return n % 2 === 1 ? values[mid] : (values[mid - 1] + values[mid]) / 2;
}

/** Median absolute deviation from the median, not scaled. */
export function medianAbsoluteDeviation(values: ArrayLike<number>): number {
  const m = median(values);
  return median(Float64Array.from(values, (v) => Math.abs(v - m)));
}

/** Linear-interpolation quantile (Hyndman and Fan type 7, NumPy's default) of a sorted array, q in 0..1. NaN when empty. */
export function quantileSorted(values: ArrayLike<number>, q: number): number {
  const n = values.length;
  if (n === 0) return Number.NaN;
  const position = q * (n - 1);
  const low = Math.floor(position);
  const high = Math.min(low + 1, n - 1);
  return values[low] + (values[high] - values[low]) * (position - low);
}
