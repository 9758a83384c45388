import { counted, type Json, nearest, safeText, UserError } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import type { Calibration } from './calibration.ts';
import type { StreamingModel, StreamOptions } from './streaming.ts';
import type { TrainingSummary } from './training.ts';
import type { Anchor } from './training-reference.ts';
import type { TransformOption } from './transform.ts';

/**
 * A model can't do what was asked, for a reason that the operator can do something about: the file given with `--model` is damaged, newer or
 * of another kind, the input lacks a feature that the model was fitted on, or there is nothing to fit on.
 */
export class ModelError extends UserError {
  constructor(message: string, hint?: string) {
    super(message, hint);
    this.name = 'ModelError';
  }
}

/** What every `fit` understands. */
export interface FitOptions {
  /** Any integer; its low 32 bits count. Same seed and same matrix give the same model, bit for bit. Default 0. */
  readonly seed?: number;
  /** Version of the feature definitions the matrix was measured with; saved with the model. Default '1'. */
  readonly schemaVersion?: string;
  /**
   * What was learned to measure the features (how often each text was, scales): plain data of whoever measures, saved with the model and given back by it, so that a record is measured
   * the same whenever it comes.
   */
  readonly encoding?: Json;
  /**
   * Rows kept with the model, as they were given, so that it can be fitted anew without forgetting them: 0 .. 100,000, default 2,000, fewer where
   * they would be more than a million values. 0 keeps none, for rows that should not be in a file.
   */
  readonly anchorRows?: number;
  /** Rows to keep instead of ones drawn from the matrix; in the order of its features. */
  readonly anchor?: Anchor;
  /**
   * What is done to each feature before the model sees it, learned on the rows that it is fitted on and saved with it: for all of them, or by name. Default: nothing; 'auto' for an ensemble. See `transform.ts`.
   */
  readonly transform?: TransformOption;
  /** Whether all rows are known to be ordinary, by labels or by whoever looked at them. An ensemble then also asks for the single nearest row; other kinds make no difference. Default false. */
  readonly ordinary?: boolean;
  /** What a reader of the scores should know besides, saved with the training summary; at most 10 sentences. */
  readonly cautions?: readonly string[];
}

/** The part of a score that one feature carried. */
export interface Contribution {
  readonly feature: string;
  /** The value as scored; undefined where it was missing and the usual value of `imputed` stood in. Always finite. */
  readonly value: number | undefined;
  /** The training median that stood in for a missing value; absent when the value was there. */
  readonly imputed?: number;
  /** Share of the calibrated score: `base` plus all of these is `score`. */
  readonly contribution: number;
  /** Share of the raw score: `rawBase` plus all of these is `raw`. */
  readonly rawContribution: number;
  /** The part of `rawContribution` that is there because the value lies beyond anything the model was fitted on; 0 inside that range. */
  readonly guard: number;
}

/**
 * Why a record has its score. Two sums hold, each within 1e-9, checked whenever an explanation is made:
 * `base + sum(contribution) = score` and `rawBase + sum(rawContribution) = raw`.
 */
export interface Explanation {
  /** 0 ordinary to 1 strange, the same number that `score` gives. */
  readonly score: number;
  /** On the model's own axis, larger is stranger, the same number that `rawScore` gives. */
  readonly raw: number;
  /** The score of a record of which nothing is known. */
  readonly base: number;
  readonly rawBase: number;
  /** True when the score claims to be rarer than the calibration rows can show by counting. */
  readonly extrapolated: boolean;
  /** One for each feature of the model, the largest share first; ties by the larger raw share, then in the model's order. */
  readonly contributions: readonly Contribution[];
}

/**
 * Numbers to scores. What was fitted never changes again: scoring has no memory, one row scores like a thousand. Features are found in the
 * matrix by name; their order and further features don't matter, and one that is absent is a `ModelError`.
 */
export interface Model {
  /** As in the registry and in the file: 'isolation-forest'. */
  readonly kind: string;
  readonly featureNames: readonly string[];
  readonly schemaVersion: string;
  readonly seed: number;
  readonly training: TrainingSummary;
  readonly calibration: Calibration;
  /** SHA-256 of the saved model, 64 hex digits: names exactly this model. */
  readonly checksum: string;
  /** See `FitOptions.encoding`; of a loaded model it is as the file has it, for the reader to check. */
  readonly encoding: Json | undefined;
  /** One calibrated score for each row, 0 ordinary to 1 strange, always finite; 0.99: one ordinary record in a hundred looks this strange. */
  score(matrix: FeatureMatrix): Float64Array;
  /** One score for each row on the model's own axis, larger is stranger, always finite. */
  rawScore(matrix: FeatureMatrix): Float64Array;
  /** Throws a RangeError for a row that isn't there, and an Error when the shares don't add up (our bug). */
  explain(matrix: FeatureMatrix, row: number): Explanation;
  /** The whole model as the bytes of one file, see `file.ts`. */
  save(): Uint8Array;
}

/** One line of the table of models. */
export interface ModelEntry {
  readonly kind: string;
  /** One sentence for help and reference pages. */
  readonly summary: string;
  /** What it does not see. */
  readonly blindTo: string;
  readonly source: string;
  fit(matrix: FeatureMatrix, options?: FitOptions): Model;
  load(bytes: Uint8Array): Model;
  /** Begins a model of this kind that learns as it scores; absent for kinds that can't. @param template any matrix of the features that will come */
  stream?(template: Pick<FeatureMatrix, 'features'>, options?: StreamOptions): StreamingModel;
}

/** Shape check that every model starts with. A matrix that contradicts itself is our bug, so this is a plain Error. */
export function checkMatrix(matrix: FeatureMatrix): void {
  const expected = matrix.rowCount * matrix.features.length;
  if (matrix.values.length !== expected) {
    throw new Error(
      `a feature matrix of ${matrix.rowCount} rows and ${matrix.features.length} features must hold ${expected} values, not ${matrix.values.length}`,
    );
  }
  const names = new Set(matrix.features.map((feature) => feature.name));
  if (names.size !== matrix.features.length) throw new Error('a feature matrix must not name a feature twice');
}

/** The column of `matrix` for each of `names`. Throws a `ModelError` when one is absent. */
export function alignFeatures(names: readonly string[], matrix: FeatureMatrix): Int32Array {
  checkMatrix(matrix);
  const columns = new Map(matrix.features.map((feature, column) => [feature.name, column]));
  const missing = names.filter((name) => !columns.has(name));
  if (missing.length > 0) {
    const near = nearest(missing[0], [...columns.keys()]);
    const rest = missing.length > 1 ? ` and ${counted(missing.length - 1, 'other')}` : '';
    throw new ModelError(
      `The model needs the feature '${safeText(missing[0], 100)}'${rest}, which the input does not have.`,
      near === undefined
        ? 'Measure the input with the feature definitions that the model was fitted with, or fit a new model.'
        : `The input has '${safeText(near, 100)}'. Measure it with the feature definitions that the model was fitted with, or fit a new model.`,
    );
  }
  return Int32Array.from(names, (name) => columns.get(name) ?? -1);
}
