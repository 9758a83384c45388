import { counted, humanCount, type Json, Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { Calibration } from './calibration.ts';
import { holdBack, sampleRows, shuffled } from './draw.ts';
import { divideScore } from './explanation.ts';
import { checkFinite, damaged, type LoadedModel, readModel, type Tensor, writeModel } from './file.ts';
import { alignFeatures, checkMatrix, type Explanation, type FitOptions, type Model, ModelError } from './model.ts';
import { gatherRow, gatherRows, type Rows, rowsOf } from './rows.ts';
import {
  type CalibrationMethod,
  clampFinite,
  type FeatureStatistics,
  measureFeatures,
  type SortedTaker,
  summarise,
  type TrainingSummary,
} from './training.ts';
import { BinCounter, MAX_ANCHOR_ROWS, makeReference } from './training-reference.ts';
import { isPlain, learnTransforms, type TransformOption, Transforms } from './transform.ts';

export { sampleRows, shuffled } from './draw.ts';
export { checkFinite } from './file.ts';
export { gatherRow, type Rows, rowsOf } from './rows.ts';
export {
  applyScales,
  checkFooting,
  checkScales,
  type Footing,
  learnScales,
  loadScales,
  type Scales,
  SOFT_LIMIT,
  scaleTensors,
} from './scales.ts';
export { robustScales } from './training.ts';

/**
 * What the models have in common: checks of what they are fitted on, calibration by rows that the scoring part did not see, what stands in for
 * missing and infinite values, scales, guards beyond the fitted range, and `FittedModel`, which makes a `Model` of a `Kernel`.
 */

/** From this many rows on a part is held back for calibration; below, every row is needed for both, and folds take turns. */
const HOLD_BACK_ROWS = 5000;
const MAX_CALIBRATION_ROWS = 5000;
const FOLDS = 10;
const FEW_ROWS = 200;
const MAX_GIVEN_CAUTIONS = 10;

/**
 * Throws a `ModelError` when there is nothing to fit on, and a plain Error for a matrix that contradicts itself.
 * @param title the model as a message begins: 'An isolation forest'.
 */
export function checkFit(matrix: FeatureMatrix, seed: number, title: string, maxFeatures: number): void {
  checkMatrix(matrix);
  const d = matrix.features.length;
  if (!Number.isSafeInteger(seed))
    throw new ModelError(`The seed must be a whole number, not ${seed}.`, 'Give any integer, such as 0.');
  if (matrix.rowCount === 0)
    throw new ModelError(
      'A model cannot be fitted on no rows.',
      'Give an input with at least one record, better 1,000 or more.',
    );
  if (d === 0 || d > maxFeatures) {
    throw new ModelError(
      `${title} cannot be fitted on ${counted(d, 'feature')}.`,
      `Give between 1 and ${humanCount(maxFeatures)}.`,
    );
  }
}

/** Throws a `ModelError` unless `value` is a whole number in `min .. max`. */
export function checkWhole(title: string, name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new ModelError(
      `${title} can't have ${name} ${value}.`,
      `Give a whole number from ${humanCount(min)} to ${humanCount(max)}.`,
    );
  }
}

/** A part that scores, and what its scores mean. */
export interface Calibrated<P> {
  readonly part: P;
  readonly training: TrainingSummary;
  readonly calibration: Calibration;
}

/**
 * Fits the scoring part and calibrates it by scores of rows that the scoring part did not see.
 *
 * With 5,000 rows or more a fifth is held back, at most 5,000. With fewer, rows are dealt into ten folds, each is scored by a part fitted on
 * the other nine, and the model's own part is fitted on all rows (cross-conformal, Vovk 2015: nearly as good as held-back rows, though the
 * proven bound is twice the promised rate). A single row can only be compared with itself. The training summary says which it was, and warns
 * where there were fewer than 200 rows.
 *
 * The rows of the model's own part are measured in one pass for statistics, and for the bins that are kept to tell drift by.
 *
 * @param scoresOf raw scores of the listed rows; with `settle`, as many for each row as its width.
 * @param options what of the rows is kept beside the part, see `TrainingReference`.
 */
export function fitCalibrated<P>(
  matrix: FeatureMatrix,
  random: Random,
  fitPart: FitPart<P>,
  scoresOf: (part: P, rows: Int32Array) => Float64Array,
  options: Pick<FitOptions, 'seed' | 'anchorRows' | 'anchor' | 'cautions'> = {},
  settle?: Settle<P>,
): Calibrated<P> {
  const { seed = 0, anchorRows, anchor } = options;
  if (anchorRows !== undefined) checkWhole('A model', 'anchorRows', anchorRows, 0, MAX_ANCHOR_ROWS);
  const n = matrix.rowCount;
  let method: CalibrationMethod;
  let part: P;
  let fittedRows = n;
  let raw: Float64Array;
  const counter = new BinCounter(matrix.features.length);
  const measure: Measure = (rows, take) => measureFeatures(matrix.values, matrix.features.length, rows, random, take);
  const take: SortedTaker = (...sorted) => counter.take(...sorted);
  let statistics: FeatureStatistics;
  if (n >= HOLD_BACK_ROWS) {
    method = 'held-back';
    const { kept, held } = holdBack(n, Math.min(MAX_CALIBRATION_ROWS, Math.floor(n / 5)), random);
    statistics = measure(kept, take);
    part = fitPart(kept, statistics);
    fittedRows = kept.length;
    raw = scoresOf(part, held);
  } else {
    method = n > 1 ? 'cross-fitted' : 'in-sample';
    const rows = Int32Array.from({ length: n }, (_, i) => i);
    statistics = measure(rows, take);
    part = fitPart(rows, statistics);
    raw =
      n > 1
        ? crossFit(n, settle?.width ?? 1, random, (fold) => fitPart(fold, measure(fold)), scoresOf)
        : scoresOf(part, rows);
  }
  if (settle !== undefined) ({ part, raw } = settle.finish(part, raw));
  const cautions: string[] = [...(options.cautions?.slice(0, MAX_GIVEN_CAUTIONS) ?? [])];
  if (n < FEW_ROWS) {
    cautions.push(
      `Fitted on ${counted(n, 'row')}: no score can say more than one in ${humanCount(n + 1)}, and a model of so few is rough.`,
    );
  }
  const unseen = statistics.observed.filter((count) => count === 0).length;
  if (unseen > 0)
    cautions.push(
      `${counted(unseen, 'feature')} had no value in any row and ${unseen === 1 ? 'plays' : 'play'} no part in the scores.`,
    );
  return {
    part,
    training: {
      rows: n,
      fittedRows,
      calibrationRows: raw.length,
      calibration: method,
      cautions,
      features: summarise(
        matrix.features.map((feature) => feature.name),
        statistics,
      ),
      reference: makeReference(matrix, counter.bins, seed, anchorRows, anchor),
    },
    calibration: new Calibration(raw.sort()),
  };
}

/** Fits on the listed rows, in ascending order but for folds. @param statistics of exactly these rows. */
export type FitPart<P> = (rows: Int32Array, statistics: FeatureStatistics) => P;

type Measure = (rows: Int32Array, take?: SortedTaker) => FeatureStatistics;

/** For a part whose own parts are calibrated too, by the same rows: those that the part which scored them did not see. */
export interface Settle<P> {
  /** Scores that `scoresOf` gives for each row, row-major. */
  readonly width: number;
  /** The part as it is kept, and one raw score for each row. */
  readonly finish: (part: P, scores: Float64Array) => { readonly part: P; readonly raw: Float64Array };
}

/** The scores of each row by a part that was fitted without it. */
function crossFit<P>(
  n: number,
  width: number,
  random: Random,
  fitPart: (rows: Int32Array) => P,
  scoresOf: (part: P, rows: Int32Array) => Float64Array,
): Float64Array {
  const order = shuffled(n, random);
  const folds = Math.min(FOLDS, n);
  const raw = new Float64Array(n * width);
  for (let fold = 0, at = 0; fold < folds; fold++) {
    const out = order.filter((_, i) => i % folds === fold);
    const scores = scoresOf(fitPart(order.filter((_, i) => i % folds !== fold)), out);
    raw.set(scores, at);
    at += scores.length;
  }
  return raw;
}

/** Throws a `ModelError` for terms that no density of doubles has: sums of larger ones would not be exact. */
export function checkTerms(terms: Float64Array, what: string): void {
  checkFinite(terms, what);
  if (terms.some((term) => Math.abs(term) > 1000)) throw damaged(`${what} are out of range`);
}

/** What every kernel's part has. */
export interface FittedPart {
  readonly statistics: FeatureStatistics;
}

/** How a raw score divides among the features: `rawBase` plus all shares is the raw score. */
export interface Division {
  readonly rawBase: number;
  readonly rawShares: Float64Array;
  /** The part of each share that is there because the value lies beyond the fitted range. */
  readonly guards: Float64Array;
}

/** What is particular to one kind of model. It holds nothing: what was learned is the part P, which never changes. */
export interface Kernel<P extends FittedPart> {
  readonly kind: string;
  /** As a message begins: 'An isolation forest'. */
  readonly title: string;
  /**
   * Raw scores of `count` rows, d values each, behind one another in `block` as `gatherRow` leaves them; the kernel may write to `block`. A
   * row's score must not depend on the rows beside it, and must be finite.
   */
  raw(part: P, block: Float64Array, count: number, into: Float64Array, at: number): void;
  /** Divides the raw score of one gathered record, which the kernel may write to. */
  divide(part: P, record: Float64Array): Division;
  save(part: P): { readonly parameters: { readonly [key: string]: Json }; readonly tensors: readonly Tensor[] };
  /** The part that `save` saved. Throws what `damaged` makes for parameters or tensors that are not sound. */
  load(file: LoadedModel): P;
  /** Of a kind that is made of several: their scores, from which its own is made once they are calibrated. */
  readonly several?: Several<P>;
}

/** See `Kernel.several`. */
export interface Several<P extends FittedPart> {
  readonly width: number;
  /** As `raw`, with `width` scores for each row, row-major. */
  raw(part: P, block: Float64Array, count: number, into: Float64Array, at: number): void;
  /** The part with what calibrates each of its scores. */
  settle(part: P, scores: Float64Array): P;
  /** The raw score of one row from its scores, which begin at `at`. */
  combine(part: P, scores: Float64Array, at: number): number;
}

/** Values in a block of rows: 32 kB of numbers stay in the first-level cache. */
const BLOCK_VALUES = 4096;

/** Raw scores of `count` rows: the rows that `rows` lists, or the first ones. */
export function rawScoresOf<P extends FittedPart>(
  kernel: Kernel<P>,
  part: P,
  source: Rows,
  count: number,
  rows?: Int32Array,
  transforms?: Transforms,
): Float64Array {
  const scores = new Float64Array(count);
  inBlocks(part.statistics, source, count, rows, transforms, (block, size, from) => {
    kernel.raw(part, block, size, scores, from);
  });
  return scores;
}

/** Hands the rows over, gathered and transformed, as many at a time as stay in cache. */
function inBlocks(
  statistics: FeatureStatistics,
  source: Rows,
  count: number,
  rows: Int32Array | undefined,
  transforms: Transforms | undefined,
  take: (block: Float64Array, size: number, from: number) => void,
): void {
  const d = source.columns.length;
  const blockRows = Math.max(1, Math.min(256, Math.floor(BLOCK_VALUES / d), count));
  const block = new Float64Array(blockRows * d);
  const given = transforms?.statistics ?? statistics;
  for (let from = 0; from < count; from += blockRows) {
    const size = Math.min(blockRows, count - from);
    gatherRows(source, rows, from, size, given, block);
    transforms?.apply(block, 0, size);
    take(block, size, from);
  }
}

/** What a `FittedModel` is made of. */
export interface FittedState<P extends FittedPart> {
  readonly featureNames: readonly string[];
  readonly schemaVersion: string;
  readonly seed: number;
  readonly training: TrainingSummary;
  readonly calibration: Calibration;
  readonly encoding: Json | undefined;
  readonly part: P;
  /** What is done to the features first; the part knows them only so. */
  readonly transforms?: Transforms | undefined;
}

/** A model made of a kernel and what was learned. Use `fitKernel` or `loadKernel`. */
export class FittedModel<P extends FittedPart> implements Model {
  readonly kind: string;
  readonly featureNames: readonly string[];
  readonly schemaVersion: string;
  readonly seed: number;
  readonly training: TrainingSummary;
  readonly calibration: Calibration;
  readonly encoding: Json | undefined;
  /** What was learned, for tests and for other ways to look at it. Not to be written to. */
  readonly part: P;
  /** What is done to the features before the part sees them; undefined where nothing is. */
  readonly transforms: Transforms | undefined;
  readonly #kernel: Kernel<P>;
  #saved: { readonly bytes: Uint8Array; readonly checksum: string } | undefined;

  constructor(kernel: Kernel<P>, state: FittedState<P>) {
    this.kind = kernel.kind;
    this.featureNames = state.featureNames;
    this.schemaVersion = state.schemaVersion;
    this.seed = state.seed;
    this.training = state.training;
    this.calibration = state.calibration;
    this.encoding = state.encoding;
    this.part = state.part;
    this.transforms = state.transforms;
    this.#kernel = kernel;
  }

  get checksum(): string {
    return this.#write().checksum;
  }

  rawScore(matrix: FeatureMatrix): Float64Array {
    const columns = alignFeatures(this.featureNames, matrix);
    const source = { values: matrix.values, width: matrix.features.length, columns };
    return rawScoresOf(this.#kernel, this.part, source, matrix.rowCount, undefined, this.transforms);
  }

  score(matrix: FeatureMatrix): Float64Array {
    const scores = this.rawScore(matrix);
    const { calibration } = this;
    for (let i = 0; i < scores.length; i++) scores[i] = calibration.score(scores[i]);
    return scores;
  }

  explain(matrix: FeatureMatrix, row: number): Explanation {
    const columns = alignFeatures(this.featureNames, matrix);
    if (!Number.isInteger(row) || row < 0 || row >= matrix.rowCount) {
      throw new RangeError(`row ${row} is not in a matrix of ${matrix.rowCount} rows`);
    }
    const { statistics } = this.transforms ?? this.part;
    const width = matrix.features.length;
    const source = { values: matrix.values, width, columns };
    const values: (number | undefined)[] = [];
    for (let j = 0; j < columns.length; j++) {
      const v = matrix.values[row * width + columns[j]];
      values.push(Number.isNaN(v) ? undefined : clampFinite(v));
    }
    const record = new Float64Array(columns.length);
    gatherRow(source, row, statistics, record, 0);
    this.transforms?.apply(record, 0, 1);
    return divideScore({
      featureNames: this.featureNames,
      values,
      imputed: statistics.median,
      raw: rawScoresOf(this.#kernel, this.part, source, 1, Int32Array.of(row), this.transforms)[0],
      ...this.#kernel.divide(this.part, record),
      calibrate: (raw) => this.calibration.score(raw),
      isExtrapolated: (score) => this.calibration.isExtrapolated(score),
    });
  }

  save(): Uint8Array {
    return this.#write().bytes.slice();
  }

  #write(): { readonly bytes: Uint8Array; readonly checksum: string } {
    if (this.#saved === undefined) {
      const { parameters, tensors } = this.#kernel.save(this.part);
      const transform = this.transforms?.save();
      this.#saved = writeModel({
        kind: this.kind,
        schemaVersion: this.schemaVersion,
        seed: this.seed,
        featureNames: this.featureNames,
        statistics: (this.transforms ?? this.part).statistics,
        training: this.training,
        calibration: this.calibration,
        parameters: transform === undefined ? parameters : { ...parameters, transform: transform.parameter },
        tensors: transform === undefined ? tensors : [...tensors, ...transform.tensors],
        encoding: this.encoding,
      });
    }
    return this.#saved;
  }
}

/** What a kernel's part is fitted on. */
export interface FitInput {
  readonly source: Rows;
  /** The rows to learn from; no other may be looked at. */
  readonly rows: Int32Array;
  /** Of exactly these rows. */
  readonly statistics: FeatureStatistics;
  readonly random: Random;
}

/** Fits a model: statistics, the part by `fitPart`, calibration. Throws a `ModelError` when there is nothing to fit on. */
export function fitKernel<P extends FittedPart>(
  kernel: Kernel<P>,
  matrix: FeatureMatrix,
  options: FitOptions,
  maxFeatures: number,
  fitPart: (input: FitInput) => P,
): FittedModel<P> {
  const { seed = 0, schemaVersion = '1', encoding, transform } = options;
  checkFit(matrix, seed, kernel.title, maxFeatures);
  const random = new Random(seed);
  const source = rowsOf(matrix);
  const names = matrix.features.map((feature) => feature.name);
  const { several } = kernel;
  const learn = (rows: Int32Array, measured: FeatureStatistics): Learned<P> => {
    const { transforms, ...input } = learnTransformed({ transform, names, source, rows, statistics: measured, random });
    const statistics = transforms?.statistics ?? input.statistics;
    return { statistics, part: fitPart({ ...input, random }), transforms };
  };
  const { part, training, calibration } = fitCalibrated(
    matrix,
    random,
    learn,
    (learned, rows) => {
      if (several === undefined)
        return rawScoresOf(kernel, learned.part, source, rows.length, rows, learned.transforms);
      const scores = new Float64Array(rows.length * several.width);
      inBlocks(learned.statistics, source, rows.length, rows, learned.transforms, (block, size, from) => {
        several.raw(learned.part, block, size, scores, from * several.width);
      });
      return scores;
    },
    options,
    several === undefined
      ? undefined
      : {
          width: several.width,
          finish(learned, scores) {
            const settled = several.settle(learned.part, scores);
            const raw = new Float64Array(scores.length / several.width);
            for (let i = 0; i < raw.length; i++) raw[i] = several.combine(settled, scores, i * several.width);
            return { part: { ...learned, part: settled }, raw };
          },
        },
  );
  return new FittedModel(kernel, {
    featureNames: names,
    schemaVersion,
    seed,
    encoding,
    training,
    calibration,
    part: part.part,
    transforms: part.transforms,
  });
}

/** A part, with what its features went through and how they were before. */
interface Learned<P extends FittedPart> extends FittedPart {
  readonly part: P;
  readonly transforms: Transforms | undefined;
}

/** The rows as a part is to see them, of a source whose columns are those of the model, with their statistics and what was done to them. */
export function learnTransformed(from: {
  readonly transform: TransformOption | undefined;
  readonly names: readonly string[];
  readonly source: Rows;
  readonly rows: Int32Array;
  /** Of exactly these rows, as they are. */
  readonly statistics: FeatureStatistics;
  readonly random: Random;
}): Omit<FitInput, 'random'> & { readonly transforms: Transforms | undefined } {
  const { transform, names, source, rows, statistics, random } = from;
  const d = names.length;
  if (transform === undefined || isPlain(transform)) return { source, rows, statistics, transforms: undefined };
  const values = new Float32Array(rows.length * d);
  for (let i = 0; i < rows.length; i++) values.set(source.values.subarray(rows[i] * d, (rows[i] + 1) * d), i * d);
  const all = Int32Array.from(rows, (_, i) => i);
  const sample = rows.length > TRANSFORM_ROWS ? sampleRows(all, TRANSFORM_ROWS, random) : undefined;
  const transforms = learnTransforms(transform, { values, rowCount: rows.length, names, statistics, sample }, (moved) =>
    measureFeatures(moved, d, all, random),
  );
  return { source: { ...source, values }, rows: all, statistics: transforms.transformed, transforms };
}

/** Rows from which the shapes of transforms are learned. */
const TRANSFORM_ROWS = 20_000;

/** Reads a saved model of the kernel's kind. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadKernel<P extends FittedPart>(kernel: Kernel<P>, bytes: Uint8Array): FittedModel<P> {
  const whole = readModel(bytes);
  checkKind(whole, kernel.kind);
  const taken = Transforms.takeFrom(whole);
  const file = taken?.rest ?? whole;
  const part = kernel.load(file);
  if (file.tensors.size !== 2 + kernel.save(part).tensors.length) {
    throw damaged(`it holds arrays that a model of kind '${kernel.kind}' does not have`);
  }
  const { featureNames, schemaVersion, seed, training, calibration, encoding } = file;
  const transforms = taken?.transforms;
  return new FittedModel(kernel, {
    featureNames,
    schemaVersion,
    seed,
    training,
    calibration,
    encoding,
    part,
    transforms,
  });
}

/** Throws a `ModelError` when the file holds a model of another kind. */
export function checkKind(file: LoadedModel, kind: string): void {
  if (file.kind !== kind) {
    throw new ModelError(
      `The model file holds a model of kind '${file.kind}', not '${kind}'.`,
      'Load it as what it is, or fit a new model.',
    );
  }
}
