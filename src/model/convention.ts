import { nearest, quantileSorted, safeText } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { IsolationForest } from './isolation-forest.ts';
import { type Model, ModelError } from './model.ts';

/**
 * Scores as other tools give them, for whoever has thresholds, dashboards or scripts that were made for those. Each has a flaw, said beside it; the product's own score (0 ordinary to 1 strange, calibrated
 * once, the same for a record whatever stands beside it) has none of these, which is why it is the default everywhere.
 *
 * `contamination` is scikit-learn's word for the share of the training rows that is to be called strange. It has no default here: 0.1, the usual one, calls every tenth record of clean
 * traffic an anomaly.
 */

/** A half: scikit-learn's offset of an isolation forest with `contamination='auto'`, where a path is as long as in a random tree (Liu et al. 2008). */
export const SKLEARN_AUTO_OFFSET = -0.5;

/**
 * scikit-learn's `score_samples`: lower is stranger. Of an isolation forest it is -s with s = 2^(-h/c), -1 .. 0, without range guard; of every other kind the raw score with its sign turned, whose scale is the
 * kind's own.
 *
 * Flaw: no score means anything by itself, and those of two models can't be compared.
 */
export function sklearnScoreSamples(model: Model, matrix: FeatureMatrix): Float64Array {
  if (model instanceof IsolationForest) return model.scoreSamples(matrix);
  return model.rawScore(matrix).map((raw) => -raw + 0);
}

/** `score_samples` of the rows that the model was calibrated on, ascending: like those it was fitted on, but not learned from, so a little stranger than scikit-learn's training scores. */
export function sklearnTrainingScores(model: Model): Float64Array {
  const isForest = model instanceof IsolationForest;
  return model.calibration
    .scores()
    .map((raw) => (isForest ? -(2 ** raw) : -raw + 0))
    .sort();
}

/** The raw score that a value of `score_samples` stands for. */
export function sklearnRawScore(model: Model, scoreSample: number): number {
  return model instanceof IsolationForest ? Math.log2(-scoreSample) : -scoreSample;
}

/**
 * scikit-learn's `offset_` for a contamination: the value that this share of the training scores lies below, NumPy's linear percentile.
 * @param trainingScores `score_samples` of the training rows, any order. @param contamination above 0 and at most 0.5.
 *
 * Flaw: it is the alarm rate on ordinary traffic, chosen before anyone has looked at it, and it moves with the training rows.
 * Throws a `ModelError` for a contamination out of range, and where there is no score.
 */
export function sklearnOffset(trainingScores: ArrayLike<number>, contamination: number): number {
  checkContamination(contamination);
  if (trainingScores.length === 0)
    throw new ModelError('There is no training score to take a share of.', 'Give the scores of the training rows.');
  return quantileSorted(Float64Array.from(trainingScores).sort(), contamination);
}

/** Throws a `ModelError` unless it is a number above 0 and at most 0.5, as scikit-learn has it. @param what as the message begins. */
export function checkContamination(contamination: number, what = 'contamination'): void {
  if (!(contamination > 0 && contamination <= 0.5))
    throw new ModelError(
      `${what} ${contamination}: expected a share above 0 and at most 0.5`,
      `for example ${what} 0.01: a hundredth of the training rows is called strange`,
    );
}

/**
 * scikit-learn's `decision_function`: `score_samples` minus the offset; negative is strange. Flaw: the sign depends on the contamination, and its size means nothing.
 */
export function sklearnDecisionFunction(scoreSamples: Float64Array, offset: number): Float64Array {
  return scoreSamples.map((score) => score - offset);
}

/** scikit-learn's `predict`: -1 where the decision is negative, else 1. Flaw: how strange a record is, is lost. */
export function sklearnPredict(decision: Float64Array): Int8Array {
  return Int8Array.from(decision, (value) => (value < 0 ? -1 : 1));
}

/**
 * PyOD's `threshold_`: the raw training score (larger is stranger) that a contamination leaves above it, NumPy's linear percentile; `labels_` are 1 above it.
 * Flaw: as `sklearnOffset`; PyOD's own default of 0.1 calls every tenth training row an outlier.
 */
export function pyodThreshold(trainingScores: ArrayLike<number>, contamination: number): number {
  checkContamination(contamination);
  if (trainingScores.length === 0)
    throw new ModelError('There is no training score to take a share of.', 'Give the scores of the training rows.');
  return quantileSorted(Float64Array.from(trainingScores).sort(), 1 - contamination);
}

/**
 * `score_samples` of one batch stretched to 0 .. 1, larger is stranger, as older tools do for every file they read: 1 - (s - min) / (max - min), 0 for all where all are equal.
 *
 * Flaw: the most unusual record of any batch gets 1, however ordinary: forty ordinary sessions scored by themselves have eight above 0.6. Scores of two files can't be compared, and one extreme record
 * makes all others look ordinary. For reading old thresholds only.
 */
export function batchMinMax(scoreSamples: ArrayLike<number>): Float64Array {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scoreSamples.length; i++) {
    least = Math.min(least, scoreSamples[i]);
    most = Math.max(most, scoreSamples[i]);
  }
  return Float64Array.from(scoreSamples, (score) => minMax(score, least, most));
}

function minMax(score: number, least: number, most: number): number {
  return most > least ? 1 - (score - least) / (most - least) : 0;
}

/** From here on a session was handed on for a closer look, in the convention of `batchMinMax`. */
export const BATCH_MIN_MAX_THRESHOLD = 0.6;

/** The bands that went with `batchMinMax`: up to 0.3 normal, up to 0.6 suspicious, from 0.6 to be investigated. Flaw: that of the scores. */
export function batchMinMaxBand(score: number): 'normal' | 'suspicious' | 'investigate' {
  return score >= BATCH_MIN_MAX_THRESHOLD ? 'investigate' : score >= 0.3 ? 'suspicious' : 'normal';
}

/**
 * The severity that an older tool read off `decision_function` of an isolation forest: below -0.1 critical, below -0.05 high, below -0.02 medium, else low.
 *
 * Flaw: the bounds are absolute numbers on an axis that moves with contamination and data. Of its own forest the lowest decision was -0.085, so nothing could be critical; and every record has a
 * severity, the ordinary ones too.
 */
export function decisionSeverity(decision: number): 'low' | 'medium' | 'high' | 'critical' {
  return decision < -0.1 ? 'critical' : decision < -0.05 ? 'high' : decision < -0.02 ? 'medium' : 'low';
}

/** What a convention may know beside the row. */
export interface ConventionContext {
  /** scikit-learn's offset; undefined where no contamination was given and the kind has none of its own. */
  readonly offset: number | undefined;
  /** Least and largest `score_samples` of the batch. */
  readonly least: number;
  readonly most: number;
}

/** One row as every convention needs it. */
export interface ConventionRow {
  /** Calibrated, 0 .. 1. */
  readonly score: number;
  /** On the model's own axis, larger is stranger. */
  readonly raw: number;
  /** scikit-learn's, lower is stranger. */
  readonly scoreSample: number;
}

/** One line of the table of conventions. */
export interface Convention {
  readonly id: string;
  readonly meaning: string;
  readonly flaw: string;
  /** True where larger is stranger. */
  readonly rises: boolean;
  /** Whether it needs an offset: a contamination, or a kind that has an offset of its own. */
  readonly needsOffset: boolean;
  /** Whether it needs `least` and `most`: the whole batch before the first row. */
  readonly needsBatch: boolean;
  readonly value: (row: ConventionRow, context: ConventionContext) => number;
  /** Whether the row is flagged by the convention itself; undefined where it has no threshold. */
  readonly flags?: (value: number) => boolean;
  /** A word that goes with the value. */
  readonly word?: (value: number) => string;
}

export const conventions: readonly Convention[] = [
  {
    id: 'anomalyst',
    meaning:
      'Calibrated, 0 ordinary to 1 strange: 0.99 means that one ordinary record in a hundred looks this strange.',
    flaw: 'None known but its condition: it holds for records like those that the model was calibrated on.',
    rises: true,
    needsOffset: false,
    needsBatch: false,
    value: ({ score }) => score,
  },
  {
    id: 'raw',
    meaning: "The model's own axis, larger is stranger.",
    flaw: 'Its scale is of the kind of model and means nothing by itself.',
    rises: true,
    needsOffset: false,
    needsBatch: false,
    value: ({ raw }) => raw,
  },
  {
    id: 'sklearn',
    meaning: "scikit-learn's decision_function, negative is strange; flagged as predict gives -1.",
    flaw: 'The sign depends on the contamination, which is the alarm rate on ordinary traffic, chosen unseen.',
    rises: false,
    needsOffset: true,
    needsBatch: false,
    value: ({ scoreSample }, { offset }) => scoreSample - (offset ?? Number.NaN),
    flags: (value) => value < 0,
  },
  {
    id: 'sklearn-score-samples',
    meaning: "scikit-learn's score_samples, lower is stranger; of an isolation forest -1 to 0.",
    flaw: 'No value means anything by itself, and those of two models are not comparable.',
    rises: false,
    needsOffset: false,
    needsBatch: false,
    value: ({ scoreSample }) => scoreSample,
  },
  {
    id: 'batch-min-max',
    meaning: 'Stretched to 0 .. 1 over the input, larger is stranger; flagged from 0.6 on.',
    flaw: 'The most unusual record of any input gets 1, however ordinary; two inputs are not comparable.',
    rises: true,
    needsOffset: false,
    needsBatch: true,
    value: ({ scoreSample }, { least, most }) => minMax(scoreSample, least, most),
    flags: (value) => value >= BATCH_MIN_MAX_THRESHOLD,
    word: batchMinMaxBand,
  },
  {
    id: 'decision-severity',
    meaning:
      "scikit-learn's decision_function with a severity: critical below -0.1, high below -0.05, medium below -0.02.",
    flaw: 'Absolute bounds on an axis that moves with contamination and data: critical is often out of reach.',
    rises: false,
    needsOffset: true,
    needsBatch: false,
    value: ({ scoreSample }, { offset }) => scoreSample - (offset ?? Number.NaN),
    flags: (value) => value < 0,
    word: decisionSeverity,
  },
];

/** The convention of that name. Throws a `ModelError` with the nearest one for any other. @param what as the message begins. */
export function conventionOf(id: string, what = 'convention'): Convention {
  const found = conventions.find((one) => one.id === id);
  if (found !== undefined) return found;
  const ids = conventions.map((one) => one.id);
  const near = nearest(id, ids);
  throw new ModelError(
    `${what} ${safeText(id, 40)}: there is no such convention`,
    near === undefined ? `known ones: ${ids.join(', ')}` : `did you mean '${near}'?`,
  );
}

/**
 * The offset of scikit-learn's conventions for a model: by contamination among its calibration rows, or, without one, the half that an isolation forest has; undefined for other kinds.
 * Throws a `ModelError` for a contamination out of range.
 */
export function conventionOffset(model: Model, contamination: number | undefined): number | undefined {
  if (contamination !== undefined) return sklearnOffset(sklearnTrainingScores(model), contamination);
  return model instanceof IsolationForest ? SKLEARN_AUTO_OFFSET : undefined;
}
