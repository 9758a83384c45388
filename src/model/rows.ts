import type { FeatureMatrix } from '../feature/index.ts';
import { clampFinite, type FeatureStatistics } from './training.ts';

/** Row-major values and where in a row each feature of the model is. */
export interface Rows {
  readonly values: Float32Array;
  readonly width: number;
  readonly columns: Int32Array;
}

/** The rows of a matrix that has exactly the features of the model, in their order. */
export function rowsOf(matrix: FeatureMatrix): Rows {
  const d = matrix.features.length;
  return { values: matrix.values, width: d, columns: Int32Array.from({ length: d }, (_, j) => j) };
}

/**
 * Copies a row as models read it: NaN becomes the feature's training median, an infinity the largest finite Float32, and every value of a
 * feature that was never observed 0.
 */
export function gatherRow(
  source: Rows,
  row: number,
  statistics: FeatureStatistics,
  into: Float32Array | Float64Array,
  at: number,
): void {
  const { values, width, columns } = source;
  const { observed, median } = statistics;
  const d = columns.length;
  const o = row * width;
  for (let j = 0; j < d; j++) {
    const v = values[o + columns[j]];
    // NaN fails the comparison.
    into[at + j] = observed[j] > 0 && v >= Number.NEGATIVE_INFINITY ? clampFinite(v) : median[j];
  }
}

/** Copies `count` rows, the `from`-th and on of those that `rows` lists or of all, behind one another, each as `gatherRow` does. */
export function gatherRows(
  source: Rows,
  rows: Int32Array | undefined,
  from: number,
  count: number,
  statistics: FeatureStatistics,
  into: Float64Array,
): void {
  const d = source.columns.length;
  if (rows === undefined && isWhole(source, statistics) && copyFinite(source.values, from * d, count * d, into)) return;
  for (let i = 0; i < count; i++)
    gatherRow(source, rows === undefined ? from + i : rows[from + i], statistics, into, i * d);
}

/** Whether rows can be taken as they lie, if all their values are there. */
function isWhole({ width, columns }: Rows, { observed }: FeatureStatistics): boolean {
  const d = columns.length;
  if (width !== d) return false;
  for (let j = 0; j < d; j++) if (columns[j] !== j || observed[j] === 0) return false;
  return true;
}

/** False where one is missing or infinite; then what was copied is not to be read. */
function copyFinite(values: Float32Array, from: number, count: number, into: Float64Array): boolean {
  // 0 for what is finite, and NaN for all else.
  let odd = 0;
  for (let i = 0; i < count; i++) {
    const v = values[from + i];
    into[i] = v;
    odd += v - v;
  }
  return odd === 0;
}
