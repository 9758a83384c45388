import { quantileSorted, type Random } from '../../core/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import type { Model } from '../../model/index.ts';

/**
 * How good a kind of model is where nobody knows which rows are strange: by the mass-volume curve (Clemencon, Jakubowicz: Scoring anomalies, AISTATS 2013; Goix: How to evaluate the quality of unsupervised
 * anomaly detection algorithms, ICML workshop 2016).
 *
 * A good score draws the smallest region that still holds a given share of ordinary rows. So rows that the model did not learn from say where the line lies that holds 90 to 99.9 % of them, and points thrown
 * evenly over the range of the features say how much of that range lies inside of it. The value is 1 minus the mean of that volume: larger is better, 1 would be a region without volume. Volume means nothing
 * among many features, where any region is tiny; therefore it is taken over draws of at most `SUBSET` features, and a model is fitted for each draw (Goix's feature bagging).
 *
 * What it does not say. It rewards closeness to where rows are dense, not whether attacks lie outside: of 46 pairs of kinds
 * that AUROC tells apart on seven ADBench sets it ordered 32 alike (`node bench/mass-volume.ts`).
 * Rows that are strange among those it is taken on count as ordinary. A parameter that only matters among many features (directions kept, features combined) is seen through few. Categories and features
 * of few values fill their range badly, whatever the model.
 */
export interface FeatureDraw {
  /** Positions of features, ascending. */
  readonly columns: Int32Array;
  /** Points over the range of these features. */
  readonly points: FeatureMatrix;
}

/** Features of a draw, at most. */
const SUBSET = 5;
const POINTS = 2000;
/** Shares of ordinary rows that the region must hold. */
const SHARES = Array.from({ length: 20 }, (_, i) => 0.9 + (0.099 * i) / 19);

/** Draws features that vary, and points over their range between the rows' 0.1 and 99.9 percentiles, a twentieth wider on each side. */
export function drawFeatures(matrix: FeatureMatrix, random: Random): FeatureDraw {
  const width = matrix.features.length;
  const ranges = new Map<number, readonly [number, number]>();
  for (let j = 0; j < width; j++) {
    const values = new Float64Array(matrix.rowCount);
    let n = 0;
    for (let row = 0; row < matrix.rowCount; row++) {
      const value = matrix.values[row * width + j] ?? Number.NaN;
      if (!Number.isNaN(value)) values[n++] = value;
    }
    const sorted = values.subarray(0, n).sort();
    const low = quantileSorted(sorted, 0.001);
    const high = quantileSorted(sorted, 0.999);
    if (high > low) ranges.set(j, [low - 0.05 * (high - low), high + 0.05 * (high - low)]);
  }
  const pool = [...ranges.keys()];
  const count = Math.min(SUBSET, pool.length);
  for (let i = 0; i < count; i++) {
    const k = i + random.below(pool.length - i);
    const column = pool[i] ?? 0;
    pool[i] = pool[k] ?? 0;
    pool[k] = column;
  }
  const columns = Int32Array.from(pool.slice(0, count)).sort();
  const values = new Float32Array(POINTS * columns.length);
  for (let i = 0; i < values.length; i++) {
    const [low, high] = ranges.get(columns[i % columns.length] ?? 0) ?? [0, 0];
    values[i] = low + (high - low) * random.float();
  }
  return { columns, points: { features: featuresOf(matrix, columns), rowCount: POINTS, values } };
}

function featuresOf({ features }: FeatureMatrix, columns: Int32Array): FeatureMatrix['features'] {
  return [...columns].flatMap((j) => features[j] ?? []);
}

/** The matrix with these features alone. */
export function takeFeatures(matrix: FeatureMatrix, columns: Int32Array): FeatureMatrix {
  const width = matrix.features.length;
  const values = new Float32Array(matrix.rowCount * columns.length);
  for (let row = 0, at = 0; row < matrix.rowCount; row++)
    for (const column of columns) values[at++] = matrix.values[row * width + column] ?? Number.NaN;
  return { features: featuresOf(matrix, columns), rowCount: matrix.rowCount, values };
}

/** 1 minus the mean volume of the regions that hold 90 to 99.9 % of `rows`, which the model did not learn from: 0 .. 1, larger is better. */
export function massVolume(model: Model, rows: FeatureMatrix, points: FeatureMatrix): number {
  const inside = model.rawScore(rows).sort();
  const thrown = model.rawScore(points).sort();
  let volume = 0;
  for (const share of SHARES) {
    const line = quantileSorted(inside, share);
    volume += below(thrown, line) / thrown.length;
  }
  return 1 - volume / SHARES.length;
}

/** How many of the sorted values are at most `limit`. */
function below(sorted: Float64Array, limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
