import { z } from 'zod';
import { type Json, Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import type { Calibration } from './calibration.ts';
import { divideScore } from './explanation.ts';
import { checkPart, damaged, readModel, takeTensor, writeModel } from './file.ts';
import {
  checkFit,
  checkKind,
  checkWhole,
  fitCalibrated,
  gatherRow,
  learnTransformed,
  type Rows,
  robustScales,
  rowsOf,
} from './fit.ts';
import { alignFeatures, type Explanation, type FitOptions, type Model } from './model.ts';
import { clampFinite, type FeatureStatistics, type TrainingSummary } from './training.ts';
import { Transforms } from './transform.ts';
import {
  averagePathLength,
  depthFor,
  type Forest,
  forestFault,
  growForest,
  MAX_FEATURES,
  MAX_SUBSAMPLE,
  MAX_TREES,
  packForest,
} from './tree/forest.ts';
import { explainPathLength } from './tree/tree-shap.ts';
import { type PackedForest, walkForest } from './tree/walk.ts';

/**
 * Isolation forest (Liu, Ting, Zhou 2008) with the semantics of scikit-learn, exact explanations, conformal calibration and a range guard.
 *
 *     s(x) = 2^(-h(x) / c(psi))          h: mean path length over the trees, c: that of an ordinary search
 *     raw(x) = log2 s(x) + guard(x) = -h(x) / c(psi) + sum over features of guard_j(x_j)
 *
 * The raw score is on the axis of path lengths because shares add up there. An ordinary record has about -1.1, one that is isolated at the root 0.
 *
 * **Range guard.** A tree sees only the order of values: beyond the largest value it was grown on everything is alike, ten times or ten
 * million times as large. So a value outside the fitted minimum and maximum adds
 *
 *     guard_j = 0.5 z / (z + 8)          z: distance beyond the range in robust scales of the feature
 *
 * Scale: the largest of IQR / 1.349 and (q99 - q01) / 4.653, which are standard deviations if the values are normal, and range / 20, which keeps
 * heavy tails calm; a tenth of the value, at least 0.1, where the feature was constant. One scale beyond adds 0.06, eight 0.25, and no
 * feature more than 0.5: half of the way from an ordinary record to one isolated at the root. It is strictly rising and additive, so
 * explanations stay exact and the more extreme of two records stays the stranger. It is 0 within the range, and calibration rows are scored with it.
 * A feature that had no value at all in the fitted rows has no guard. `rangeGuard: false` gives scikit-learn's scores.
 *
 * **Missing values** take the feature's median, at fit and at score, and show as undefined in an explanation. So a missing value is ordinary;
 * where absence itself says something, give the model a feature that says so.
 *
 * **What fools it.** Splits are parallel to the axes: a record that is strange only as a combination (each value common, together never
 * seen) is isolated late. Many strange records alike hide each other, less so the smaller psi is. Categories as numbers, and heavy tails that
 * are not put on a log scale, spend most splits in empty space. Traffic that drifts needs a new fit.
 *
 * **Cost.** Fit: statistics n x d, trees 100 x 256 x 8 steps, then scores of the calibration rows. Score: 800 steps a row. Memory: 0.7 MB.
 */
export class IsolationForest implements Model {
  readonly kind = KIND;
  readonly featureNames: readonly string[];
  readonly schemaVersion: string;
  readonly seed: number;
  readonly training: TrainingSummary;
  readonly calibration: Calibration;
  readonly rangeGuard: boolean;
  readonly encoding: Json | undefined;
  /** What is done to the features before the trees see them; undefined where nothing is. */
  readonly transforms: Transforms | undefined;
  readonly #part: FittedPart;
  #saved: { readonly bytes: Uint8Array; readonly checksum: string } | undefined;

  /** Use `fitIsolationForest` or `loadIsolationForest`. */
  constructor(state: {
    featureNames: readonly string[];
    schemaVersion: string;
    seed: number;
    training: TrainingSummary;
    calibration: Calibration;
    rangeGuard: boolean;
    encoding: Json | undefined;
    part: FittedPart;
  }) {
    this.featureNames = state.featureNames;
    this.schemaVersion = state.schemaVersion;
    this.seed = state.seed;
    this.training = state.training;
    this.calibration = state.calibration;
    this.rangeGuard = state.rangeGuard;
    this.encoding = state.encoding;
    this.#part = state.part;
    this.transforms = state.part.transforms;
  }

  /** The trees, for tests and for other ways to look at them. Not to be written to. */
  get forest(): Forest {
    return this.#part.forest;
  }

  get checksum(): string {
    return this.#write().checksum;
  }

  rawScore(matrix: FeatureMatrix): Float64Array {
    return this.#raw(matrix, this.rangeGuard);
  }

  score(matrix: FeatureMatrix): Float64Array {
    const scores = this.rawScore(matrix);
    const { calibration } = this;
    for (let i = 0; i < scores.length; i++) scores[i] = calibration.score(scores[i]);
    return scores;
  }

  /** scikit-learn's `score_samples`: -s, lower is stranger, without range guard and calibration. */
  scoreSamples(matrix: FeatureMatrix): Float64Array {
    const scores = this.#raw(matrix, false);
    for (let i = 0; i < scores.length; i++) scores[i] = -(2 ** scores[i]);
    return scores;
  }

  #raw(matrix: FeatureMatrix, rangeGuard: boolean): Float64Array {
    const columns = alignFeatures(this.featureNames, matrix);
    return rawScores(
      this.#part,
      { values: matrix.values, width: matrix.features.length, columns },
      matrix.rowCount,
      undefined,
      rangeGuard,
    );
  }

  explain(matrix: FeatureMatrix, row: number): Explanation {
    const columns = alignFeatures(this.featureNames, matrix);
    if (!Number.isInteger(row) || row < 0 || row >= matrix.rowCount) {
      throw new RangeError(`row ${row} is not in a matrix of ${matrix.rowCount} rows`);
    }
    const part = this.#part;
    const { forest, statistics, guardScale, transforms } = part;
    const given = transforms?.statistics ?? statistics;
    const d = this.featureNames.length;
    const record = new Float32Array(d);
    const values: (number | undefined)[] = [];
    const guards = new Float64Array(d);
    for (let j = 0; j < d; j++) {
      const v = matrix.values[row * matrix.features.length + columns[j]];
      const missing = Number.isNaN(v);
      record[j] = missing ? given.median[j] : clampFinite(v);
      values.push(missing ? undefined : record[j]);
      if (transforms !== undefined) record[j] = given.observed[j] > 0 ? transforms.at(j, record[j]) : 0;
      if (this.rangeGuard) guards[j] = guardOf(record[j], statistics.min[j], statistics.max[j], guardScale[j]);
    }
    const source = { values: matrix.values, width: matrix.features.length, columns };
    const raw = rawScores(part, source, 1, Int32Array.of(row), this.rangeGuard)[0];
    const { base, shares } = explainPathLength(forest, record);
    const c = averagePathLength(forest.subsample);
    return divideScore({
      featureNames: this.featureNames,
      values,
      imputed: given.median,
      raw,
      rawBase: c > 0 ? -base / c : -1,
      rawShares: shares.map((share, j) => (c > 0 ? -share / c : 0) + guards[j]),
      guards,
      calibrate: (r) => this.calibration.score(r),
      isExtrapolated: (score) => this.calibration.isExtrapolated(score),
    });
  }

  save(): Uint8Array {
    return this.#write().bytes.slice();
  }

  #write(): { readonly bytes: Uint8Array; readonly checksum: string } {
    if (this.#saved === undefined) {
      const { forest, statistics, transforms } = this.#part;
      const transform = transforms?.save();
      const { treeCount, subsample, feature, threshold, size } = forest;
      const inner = 2 ** depthFor(subsample) - 1;
      this.#saved = writeModel({
        kind: KIND,
        schemaVersion: this.schemaVersion,
        seed: this.seed,
        featureNames: this.featureNames,
        statistics: transforms?.statistics ?? statistics,
        training: this.training,
        calibration: this.calibration,
        parameters: {
          trees: treeCount,
          subsample,
          rangeGuard: this.rangeGuard,
          ...(transform === undefined ? {} : { transform: transform.parameter }),
        },
        tensors: [
          { name: 'tree.threshold', shape: [treeCount, inner], data: threshold },
          { name: 'tree.feature', shape: [treeCount, inner], data: feature },
          { name: 'tree.size', shape: [treeCount, 2 * inner + 1], data: size },
          ...(transform?.tensors ?? []),
        ],
        encoding: this.encoding,
      });
    }
    return this.#saved;
  }
}

const KIND = 'isolation-forest';
const TITLE = 'An isolation forest';

/** A forest with what its scores need; held by the model, and by each fold while cross-fitting. */
interface FittedPart {
  readonly forest: Forest;
  readonly packed: PackedForest;
  readonly statistics: FeatureStatistics;
  /** Infinity where there is nothing to guard. */
  readonly guardScale: Float64Array;
  /** `statistics` are of what comes out of these. */
  readonly transforms?: Transforms | undefined;
}

const RAW_STEPS = 2 ** 40;
const GUARD_LIMIT = 0.5;
const GUARD_HALF = 8;

function guardOf(v: number, min: number, max: number, scale: number): number {
  const beyond = v > max ? v - max : v < min ? min - v : 0;
  // Equal to 0.5 z / (z + 8), in a form that is 0.5 and not NaN when z overflows.
  return beyond === 0 ? 0 : GUARD_LIMIT * (1 - GUARD_HALF / (beyond / scale + GUARD_HALF));
}

/** Rows that are transformed at a time. */
const TRANSFORMED_ROWS = 8192;

function transformedRows(
  transforms: Transforms,
  source: Rows,
  from: number,
  count: number,
  rows: Int32Array | undefined,
): Rows {
  const d = source.columns.length;
  const block = new Float64Array(count * d);
  for (let i = 0; i < count; i++)
    gatherRow(source, rows === undefined ? from + i : rows[from + i], transforms.statistics, block, i * d);
  transforms.apply(block, 0, count);
  return { values: Float32Array.from(block), width: d, columns: Int32Array.from({ length: d }, (_, j) => j) };
}

interface Range {
  readonly low: number;
  readonly high: number;
  /** Stands in for what is missing. */
  readonly fallback: number;
  /** Of the guard beyond the range. */
  readonly scale: number;
}

/**
 * Copies one feature of the rows from the `from`-th on out, of those that `rows` lists or of all, and adds what lies beyond its range to their guards. Feature by feature,
 * so that rows which lie far from each other are fetched from memory many at a time, see `gatherSubsample`.
 */
function fillColumn(
  into: Float32Array,
  values: Float32Array,
  width: number,
  column: number,
  from: number,
  rows: Int32Array | undefined,
  { low, high, fallback, scale }: Range,
  guards: Float64Array | undefined,
): void {
  for (let i = 0; i < into.length; i++) {
    const v = values[(rows === undefined ? from + i : rows[from + i]) * width + column];
    if (v >= low && v <= high) into[i] = v;
    else if (v >= Number.NEGATIVE_INFINITY) {
      into[i] = clampFinite(v);
      if (guards !== undefined) guards[from + i] += guardOf(into[i], low, high, scale);
    } else {
      // NaN: asked by comparison, as a call would make an object of every number.
      into[i] = fallback;
    }
  }
}

/** Raw scores of `count` rows: the rows that `rows` lists, or the first ones. */
function rawScores(
  part: FittedPart,
  source: Rows,
  count: number,
  rows: Int32Array | undefined,
  rangeGuard: boolean,
): Float64Array {
  const { transforms } = part;
  if (transforms !== undefined) {
    const scores = new Float64Array(count);
    for (let from = 0; from < count; from += TRANSFORMED_ROWS) {
      const size = Math.min(TRANSFORMED_ROWS, count - from);
      const moved = transformedRows(transforms, source, from, size, rows);
      scores.set(rawScores({ ...part, transforms: undefined }, moved, size, undefined, rangeGuard), from);
    }
    return scores;
  }
  const { forest, packed, statistics, guardScale } = part;
  const { values, width, columns } = source;
  const { min, max } = statistics;
  const d = forest.featureCount;
  const stride = packed.blockRows;
  const fallback = Float32Array.from(statistics.median);
  const guards = new Float64Array(rangeGuard ? count : 0);
  const scores = walkForest(packed, count, (block, from, blockCount) => {
    for (let j = 0; j < d; j++) {
      const range: Range = { low: min[j], high: max[j], fallback: fallback[j], scale: guardScale[j] };
      const column = block.subarray(j * stride, j * stride + blockCount);
      fillColumn(column, values, width, columns[j], from, rows, range, rangeGuard ? guards : undefined);
    }
  });
  const c = averagePathLength(forest.subsample);
  for (let i = 0; i < count; i++) {
    // Rounded to 2^-40, so that records which are alike stay alike when forests that differ in psi compute the same length in different last bits.
    // c = 0: one row, every path is as short as can be and as ordinary as can be; scikit-learn, too, gives s = 1/2.
    const ordinary = c > 0 ? -Math.round((scores[i] / forest.treeCount / c) * RAW_STEPS) / RAW_STEPS : -1;
    scores[i] = rangeGuard ? ordinary + guards[i] : ordinary;
  }
  return scores;
}

export interface IsolationForestOptions extends FitOptions {
  /** 1 .. 10,000, default 100. */
  readonly trees?: number;
  /** psi, rows that a tree is grown on, 1 .. 4096, default 256; fewer where there are fewer rows. */
  readonly subsample?: number;
  /** See `IsolationForest`. Default true. */
  readonly rangeGuard?: boolean;
}

/**
 * Fits a forest on the rows of a matrix.
 *
 * Calibrated as `fitCalibrated` says, by rows that the scoring forest did not see.
 *
 * Throws a `ModelError` when there is no row, no feature or an option is out of range.
 */
export function fitIsolationForest(matrix: FeatureMatrix, options: IsolationForestOptions = {}): IsolationForest {
  const { seed = 0, schemaVersion = '1', encoding, transform } = options;
  const { trees = 100, subsample = 256, rangeGuard = true } = options;
  const d = matrix.features.length;
  checkWhole(TITLE, 'trees', trees, 1, MAX_TREES);
  checkWhole(TITLE, 'subsample', subsample, 1, MAX_SUBSAMPLE);
  checkFit(matrix, seed, TITLE, MAX_FEATURES);

  const random = new Random(seed);
  const source = rowsOf(matrix);
  const names = matrix.features.map((feature) => feature.name);
  const fitPart = (given: Int32Array, measured: FeatureStatistics): FittedPart => {
    const learned = learnTransformed({ transform, names, source, rows: given, statistics: measured, random });
    const { statistics, transforms, rows } = learned;
    const forest = growForest(learned.source.values, d, rows, statistics.median, { trees, subsample, random });
    return { forest, packed: packForest(forest), statistics, guardScale: robustScales(statistics), transforms };
  };
  const scoresOf = (part: FittedPart, rows: Int32Array): Float64Array =>
    rawScores(part, source, rows.length, rows, rangeGuard);

  return new IsolationForest({
    featureNames: names,
    schemaVersion,
    seed,
    encoding,
    rangeGuard,
    ...fitCalibrated(matrix, random, fitPart, scoresOf, options),
  });
}

/** scikit-learn's `score_samples` of a fitted forest: -s with s = 2^(-h/c(psi)), lower is stranger, no range guard. */
export function scoreSamples(model: IsolationForest, matrix: FeatureMatrix): Float64Array {
  return model.scoreSamples(matrix);
}

const parametersSchema = z.strictObject({
  trees: z.number().int().min(1).max(MAX_TREES),
  subsample: z.number().int().min(1).max(MAX_SUBSAMPLE),
  rangeGuard: z.boolean(),
});

/** Reads a saved forest. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadIsolationForest(bytes: Uint8Array): IsolationForest {
  const whole = readModel(bytes);
  checkKind(whole, KIND);
  const taken = Transforms.takeFrom(whole);
  const file = taken?.rest ?? whole;
  const { trees, subsample, rangeGuard } = checkPart(file.parameters, parametersSchema, 'parameters');
  const inner = 2 ** depthFor(subsample) - 1;
  const forest: Forest = {
    featureCount: file.featureNames.length,
    treeCount: trees,
    subsample,
    feature: takeTensor(file.tensors, 'tree.feature', 'I16', [trees, inner]),
    threshold: takeTensor(file.tensors, 'tree.threshold', 'F32', [trees, inner]),
    size: takeTensor(file.tensors, 'tree.size', 'U16', [trees, 2 * inner + 1]),
  };
  if (file.tensors.size !== 5) throw damaged('it holds arrays that an isolation forest does not have');
  const fault = forestFault(forest);
  if (fault !== undefined) throw damaged(fault);
  return new IsolationForest({
    featureNames: file.featureNames,
    schemaVersion: file.schemaVersion,
    seed: file.seed,
    training: file.training,
    calibration: file.calibration,
    encoding: file.encoding,
    rangeGuard,
    part: {
      forest,
      packed: packForest(forest),
      statistics: file.statistics,
      guardScale: robustScales(file.statistics),
      transforms: taken?.transforms,
    },
  });
}
