import { z } from 'zod';
import type { FeatureMatrix } from '../feature/index.ts';
import { symmetricEigen } from './eigen.ts';
import { checkPart, damaged, takeTensor } from './file.ts';
import {
  applyScales,
  checkFinite,
  checkFooting,
  checkWhole,
  type FitInput,
  type FittedModel,
  type FittedPart,
  type Footing,
  fitKernel,
  gatherRow,
  type Kernel,
  learnScales,
  loadKernel,
  loadScales,
  type Scales,
  sampleRows,
  scaleTensors,
} from './fit.ts';
import { type FitOptions, ModelError } from './model.ts';

/**
 * Reconstruction error of principal components (Jackson, Mudholkar 1979; for intrusions Shyu, Chen, Sarinnapakorn, Chang 2003): how badly a record fits
 * the linear relations that hold among the features of the fitted ones, and how far it is from their middle.
 *
 *     raw(x) = sqrt(| z |^2 / a + | r |^2 / b),   r = z - V' V z
 *
 * z: scaled features minus their mean; V: the q directions in which the fitted rows vary most, the fewest that hold 90 % of the variance, but
 * always one left out; a: mean variance of a feature; b: mean variance along a direction left out, at least a / 10,000. So both parts are
 * measured by what is usual. From 10,000 on raw grows as a logarithm.
 *
 * The error alone (`centre: false`: raw = | r |, with standard scales the distance between a row and scikit-learn's `inverse_transform(transform(x))`)
 * is blind to what is extreme along a main direction. Mean AUROC on seven ADBench sets, unsupervised and semi-supervised (`node bench/adbench.ts
 * --model pca --seeds 1`, `--semi`): 93.0 and 94.3, the error alone 76.5 and 85.4; published, where all directions are weighed, 94.5 and 94.9.
 * An error below a millionth of | z | is rounding of the values and taken for 0.
 *
 * **What it sees.** A broken relation: twice the packets with half the bytes, each in itself common. And sheer size.
 * **What fools it.** Fitted rows with many attacks have directions of their own for them. Relations that bend: put sizes and counts on logarithms, where
 * products are sums. Heaps: the middle between two of them is the least strange place. One wild row turns the directions; features are
 * scaled and softened inside (`fit.ts`) so that it turns them less.
 * **Explanation.** A feature's share is (z_j^2 / a + r_j^2 / b) / raw: exact. The error may lie in a feature that is true to itself, the others
 * having moved.
 * **Cost.** Fit: n d^2 for covariances (rows are sampled where that is more than 2 10^9), 9 d^3 for directions. Score: 2 d a row and direction, of those kept or those left out, whichever are fewer.
 */
export interface PcaOptions extends FitOptions {
  /** Directions kept, 0 .. features; more than are there leave no error at all. Default: by `variance`. */
  readonly components?: number;
  /** Share of the variance that the kept directions hold at least, above 0 and at most 1, default 0.9. */
  readonly variance?: number;
  /** Whether the distance from the middle counts beside the error. Default true. */
  readonly centre?: boolean;
  /** How features are scaled, default 'robust'. */
  readonly footing?: Footing;
}

const KIND = 'pca';
const TITLE = 'PCA';
/** Eigenvectors of 500 features take about a second, and ten folds need them eleven times. */
const MAX_FEATURES = 500;
const MAX_PRODUCTS = 2e9;
export const ROUNDING = 1e-6;
const LEAST_SHARE = 1e-4;
/** Where raw scores begin to grow as a logarithm: far beyond what is of interest, and small enough that shares add up within 1e-9. */
export const SOFT_RAW = 10_000;

export interface PcaPart extends FittedPart {
  readonly scales: Scales;
  /** Of scaled values. */
  readonly mean: Float64Array;
  /** Variance along every direction, descending, d values. */
  readonly variance: Float64Array;
  /** q. */
  readonly components: number;
  /** The q directions kept, or the d - q left out where they are fewer: the record is the sum of what lies along both. Rows of d values. */
  readonly directions: Float64Array;
  readonly centre: boolean;
  /** a and b. */
  readonly usual: { readonly distance: number; readonly error: number };
}

/** Whether the directions kept are those that are held, and not those left out. */
export function keepsFew(components: number, d: number): boolean {
  return 2 * components <= d;
}

/** The mean variance of a feature, and along a direction left out. 1 where nothing varies. */
function usualOf(variance: Float64Array, kept: number): PcaPart['usual'] {
  const d = variance.length;
  const distance = variance.reduce((a, b) => a + b, 0) / d;
  if (!(distance > 0)) return { distance: 1, error: 1 };
  const left = variance.subarray(kept).reduce((a, b) => a + b, 0) / Math.max(1, d - kept);
  return { distance, error: Math.max(left, LEAST_SHARE * distance) };
}

function learnPca(
  { source, rows, statistics, random }: FitInput,
  components: number | undefined,
  share: number,
  centre: boolean,
  footing: Footing,
): PcaPart {
  const d = source.columns.length;
  const scales = learnScales(footing, source, rows, statistics);
  const used = sampleRows(rows, Math.max(2, Math.floor(MAX_PRODUCTS / (d * d))), random);
  const n = used.length;
  const mean = new Float64Array(d);
  const record = new Float64Array(d);
  const scaledRow = (row: number): void => {
    gatherRow(source, row, statistics, record, 0);
    applyScales(scales, record, 0, 1);
  };
  for (let i = 0; i < n; i++) {
    scaledRow(used[i]);
    for (let j = 0; j < d; j++) mean[j] += record[j] / n;
  }
  const covariance = new Float64Array(d * d);
  for (let i = 0; i < n; i++) {
    scaledRow(used[i]);
    for (let j = 0; j < d; j++) record[j] -= mean[j];
    for (let j = 0; j < d; j++) {
      const v = record[j];
      for (let k = 0, o = j * d; k <= j; k++, o++) covariance[o] += v * record[k];
    }
  }
  for (let j = 0; j < d; j++) {
    for (let k = 0; k <= j; k++) {
      covariance[j * d + k] /= Math.max(1, n - 1);
      covariance[k * d + j] = covariance[j * d + k];
    }
  }
  const { values, vectors } = symmetricEigen(covariance, d);
  // What is negative is rounding.
  const variance = values.map((v) => Math.max(0, v));
  let kept = Math.min(d, components ?? 0);
  if (components === undefined) {
    const whole = variance.reduce((a, b) => a + b, 0);
    for (let held = 0; kept < d - 1 && held < share * whole; kept++) held += variance[kept];
  }
  return {
    statistics,
    scales,
    mean,
    variance,
    components: kept,
    directions: keepsFew(kept, d) ? vectors.slice(0, kept * d) : vectors.slice(kept * d),
    centre,
    usual: usualOf(variance, kept),
  };
}

/**
 * The raw score of the scaled record at `at`, which becomes what is left of it. `along` has room for a number for each direction held, and `squares`, where given, takes the d
 * terms under the root.
 */
function measure(part: PcaPart, block: Float64Array, at: number, along: Float64Array, squares?: Float64Array): number {
  const { mean, components, directions, centre, usual } = part;
  const d = mean.length;
  const q = along.length;
  let whole = 0;
  for (let j = 0; j < d; j++) {
    block[at + j] -= mean[j];
    const square = block[at + j] * block[at + j];
    whole += square;
    if (squares !== undefined) squares[j] = centre ? square / usual.distance : 0;
  }
  for (let k = 0, o = 0; k < q; k++) {
    let total = 0;
    for (let j = 0; j < d; j++, o++) total += directions[o] * block[at + j];
    along[k] = total;
  }
  const sign = keepsFew(components, d) ? -1 : 1;
  if (sign > 0) block.fill(0, at, at + d);
  for (let k = 0, o = 0; k < q; k++) {
    const t = sign * along[k];
    for (let j = 0; j < d; j++, o++) block[at + j] += t * directions[o];
  }
  let left = 0;
  for (let j = 0; j < d; j++) left += block[at + j] * block[at + j];
  const unit = centre ? usual.error : 1;
  if (left <= ROUNDING * ROUNDING * whole) left = 0;
  else if (squares !== undefined) for (let j = 0; j < d; j++) squares[j] += (block[at + j] * block[at + j]) / unit;
  const raw = Math.sqrt((centre ? whole / usual.distance : 0) + left / unit);
  return raw > SOFT_RAW ? SOFT_RAW * (1 + Math.log(raw / SOFT_RAW)) : raw;
}

const kernel: Kernel<PcaPart> = {
  kind: KIND,
  title: TITLE,
  raw(part, block, count, into, at) {
    const d = part.mean.length;
    applyScales(part.scales, block, 0, count);
    const along = new Float64Array(part.directions.length / d);
    for (let i = 0; i < count; i++) into[at + i] = measure(part, block, i * d, along);
  },
  divide(part, record) {
    const d = part.mean.length;
    applyScales(part.scales, record, 0, 1);
    const squares = new Float64Array(d);
    const raw = measure(part, record, 0, new Float64Array(part.directions.length / d), squares);
    const whole = squares.reduce((a, b) => a + b, 0);
    return {
      rawBase: 0,
      rawShares: squares.map((square) => (whole > 0 ? raw * (square / whole) : 0)),
      guards: new Float64Array(d),
    };
  },
  save({ scales, mean, variance, components, directions, centre }) {
    const d = mean.length;
    return {
      parameters: { components, centre },
      tensors: [
        ...scaleTensors(scales),
        { name: 'pca.mean', shape: [d], data: mean },
        { name: 'pca.variance', shape: [d], data: variance },
        { name: 'pca.direction', shape: [directions.length / d, d], data: directions },
      ],
    };
  },
  load(file) {
    const d = file.featureNames.length;
    const { components, centre } = checkPart(file.parameters, parametersSchema, 'parameters');
    const scales = loadScales(file);
    if (components > d) throw damaged('it keeps more directions than it has features');
    const mean = takeTensor(file.tensors, 'pca.mean', 'F64', [d]);
    const variance = takeTensor(file.tensors, 'pca.variance', 'F64', [d]);
    const directions = takeTensor(file.tensors, 'pca.direction', 'F64', [
      keepsFew(components, d) ? components : d - components,
      d,
    ]);
    checkFinite(mean, 'its means');
    checkFinite(variance, 'its variances');
    checkFinite(directions, 'its directions');
    // Unit vectors; and means no larger than any scaled value can be, so that errors stay where their shares add up.
    if (directions.some((v) => Math.abs(v) > 1.001) || mean.some((v) => Math.abs(v) > 1e5))
      throw damaged('its directions are not of length 1');
    if (variance.some((v, k) => v < 0 || v > 1e10 || v > variance[Math.max(0, k - 1)]))
      throw damaged('its variances are not in order');
    const usual = usualOf(variance, components);
    return { statistics: file.statistics, scales, mean, variance, components, directions, centre, usual };
  },
};

const parametersSchema = z.strictObject({
  components: z.number().int().min(0).max(MAX_FEATURES),
  centre: z.boolean(),
});

/** Fits PCA. Throws a `ModelError` when there is no row or no feature, or an option is out of range. */
export function fitPca(matrix: FeatureMatrix, options: PcaOptions = {}): FittedModel<PcaPart> {
  const { components, variance = 0.9, centre = true, footing = 'robust' } = options;
  if (components !== undefined) checkWhole(TITLE, 'components', components, 0, MAX_FEATURES);
  if (!(variance > 0 && variance <= 1))
    throw new ModelError(`${TITLE} can't have variance ${variance}.`, 'Give a share above 0 and at most 1.');
  checkFooting(TITLE, footing);
  return fitKernel(kernel, matrix, options, MAX_FEATURES, (input) =>
    learnPca(input, components, variance, centre, footing),
  );
}

/** Reads a saved PCA. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadPca(bytes: Uint8Array): FittedModel<PcaPart> {
  return loadKernel(kernel, bytes);
}
