import { counted, humanCount, Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import {
  type Anchor,
  alignFeatures,
  type FitOptions,
  fitModel,
  type Model,
  ModelError,
  refitOptions,
} from '../model/index.ts';
import type { DriftSummary } from '../report/index.ts';
import { DriftMeter } from './drift.ts';

/**
 * Fits a model anew on later rows, so that it follows what changes without learning what attacks it.
 *
 * Whoever knows that a model is fitted anew each day can move an attack a little each day, always just inside of what is ordinary, until the model calls it ordinary. Against that:
 *
 * 1. **Trimming.** Rows that the former model finds strange at a budget are left out, unless the operator approved them.
 * 2. **The anchor.** With the model a sample of the rows that it was first fitted on is kept (`TrainingReference.anchor`). A model of the anchor alone is fitted each time, and what is strange to that one
 *    is left out too: however small the steps, nothing is learned that lies outside of what was ordinary when the operator said so. Approved rows enter the anchor, a tenth of it at most each time; others never do.
 * 3. **The mix.** The new model is fitted on the anchor and the kept rows in equal parts, which holds the tails that trimming cuts off, and so the meaning of its scores: with an anchor a score of
 *    1 - p is reached by at most about 2 p of ordinary rows; without one, by p and the budget.
 *
 * The price: what is ordinary may itself move out of the anchor. Those rows are left out too, and the share of them grows. It is told, with the drift; then either the rows are approved, or a model is fitted
 * without a former one. What fools it: an attack that was in the anchor, and one inside of what is ordinary, which no model of these features sees.
 *
 * The road not taken: an anchor that follows the kept rows (a reservoir over all time) forgets the first day at a rate of 1 / days, so patience still teaches it.
 */
export interface RetrainOptions {
  /** Rows of the matrix, from 0, that the operator looked at and calls ordinary: learned however strange they are. */
  readonly approved?: Iterable<number>;
  /** Share of ordinary rows that either model may call strange, 0.0001 .. 0.2; default 0.01. */
  readonly budget?: number;
  /** Share of the anchor among the rows that are fitted, 0 .. 0.9; default 0.5. 0 goes without an anchor in the mix and in the trimming: for comparison. */
  readonly anchorShare?: number;
  /** Rows that are fitted at most, default 20,000. */
  readonly maxRows?: number;
  /** Default: the former model's. */
  readonly seed?: number;
  /** Rows of the anchor that a model without one begins with, see `FitOptions.anchorRows`. A model that was fitted with none goes on with none. */
  readonly anchorRows?: number;
  /** How the new model is fitted, where it is not by the former one's kind and transforms and the kind's defaults. The options are to be passed on. */
  readonly fit?: (matrix: FeatureMatrix, options: FitOptions) => Model;
  /** Epoch ms of a row, for the drift. */
  readonly time?: (row: number) => number | undefined;
}

export interface Retrained {
  readonly model: Model;
  /** Rows that were left out, ascending. */
  readonly trimmed: Int32Array;
  /** Rows of the matrix that the new model was allowed to learn from, the approved ones included, and those of them that it was fitted on. */
  readonly kept: number;
  readonly fitted: number;
  /** Rows that were learned although strange, because the operator approved them. */
  readonly approved: number;
  /** Rows of the former training among the fitted ones. */
  readonly anchored: number;
  /** What trimming would leave out by chance if nothing had changed. */
  readonly expectedTrimmed: number;
  readonly drift: RetrainDrift;
  /** What the operator should know, each one sentence. */
  readonly remarks: readonly string[];
}

export interface RetrainDrift {
  /** The rows against the former model. */
  readonly rows: DriftSummary;
  /** Mean distance between the scores of the former and the new model, over the anchor where there is one, else over the kept rows: 0 alike .. 1. */
  readonly scores: number;
  /** Of the rows that were left out, the share that the new model finds strange at the same budget; undefined where none was. */
  readonly stillStrange: number | undefined;
}

const DEFAULT_BUDGET = 0.01;
/** Rows below which there is nothing to fit on, and anchor rows below which no model is made of them. */
const LEAST_ROWS = 100;
const APPROVED_SHARE = 0.1;
/** So many times the expected rows left out are told. */
const MANY = 3;
const TOLD_SCORES = 0.1;

/** Throws a `ModelError` when the matrix lacks a feature of the model, when an option is out of range, and when too few rows are left. */
export function retrain(old: Model, matrix: FeatureMatrix, options: RetrainOptions = {}): Retrained {
  const { budget = DEFAULT_BUDGET, anchorShare = 0.5, maxRows = 20_000, seed = old.seed } = options;
  checkRange('budget', budget, 0.0001, 0.2);
  checkRange('anchorShare', anchorShare, 0, 0.9);
  checkRange('maxRows', maxRows, LEAST_ROWS, 10_000_000);
  const random = new Random(seed ^ 0x0a9c);
  const rows = selectFeatures(old, matrix);
  const approved = approvedRows(options.approved, rows.rowCount);
  const scores = old.score(rows);
  const meter = new DriftMeter(old);
  meter.observe(rows, { scores, time: options.time });
  const anchor = anchorShare > 0 ? old.training.reference?.anchor : undefined;
  const guard = anchor !== undefined && anchor.rowCount >= LEAST_ROWS ? guardOf(old, anchor, options, seed) : undefined;
  const guarded = guard?.score(rows);
  const trimmed: number[] = [];
  const kept: number[] = [];
  const strangeApproved: number[] = [];
  for (let row = 0; row < rows.rowCount; row++) {
    const strange = (scores[row] ?? 0) >= 1 - budget || (guarded?.[row] ?? 0) >= 1 - budget;
    if (strange && !approved.has(row)) {
      trimmed.push(row);
      continue;
    }
    kept.push(row);
    if (strange) strangeApproved.push(row);
  }
  if (kept.length < LEAST_ROWS)
    throw new ModelError(
      `Of ${counted(rows.rowCount, 'row')} ${humanCount(kept.length)} are left to fit anew on; it takes ${humanCount(LEAST_ROWS)}.`,
      trimmed.length > kept.length
        ? 'Most of them are strange to the former model: look at them, approve what is ordinary, or fit a model without a former one.'
        : 'Give more rows.',
    );
  const anchorRows = anchor?.rowCount ?? 0;
  const most =
    anchor === undefined ? maxRows : Math.min(maxRows, Math.round((anchorRows * (1 - anchorShare)) / anchorShare));
  const fitted = chooseRows(kept, strangeApproved, Math.max(LEAST_ROWS, most), random);
  const nextAnchor = anchor === undefined ? undefined : anchorWith(anchor, rows, strangeApproved, random);
  const expected = (guard === undefined ? 1 : 2) * budget * rows.rowCount;
  const remarks = remarksOf(rows.rowCount, trimmed.length, strangeApproved.length, expected, anchor);
  const fitOn = options.fit ?? ((mix, fitOptions) => fitModel(old.kind, mix, { ...refitOptions(old), ...fitOptions }));
  const model = fitOn(mixOf(rows, fitted, nextAnchor), {
    seed,
    schemaVersion: old.schemaVersion,
    ...(old.encoding === undefined ? {} : { encoding: old.encoding }),
    ...anchorOptions(old, nextAnchor, options.anchorRows),
    cautions: [
      `Fitted anew from the model ${old.checksum.slice(0, 12)}: ${counted(trimmed.length, 'row')} of ${humanCount(rows.rowCount)} left out as strange, ${humanCount(strangeApproved.length)} approved, ${humanCount(anchorRows)} of the former training kept.`,
    ],
  });
  const compared = anchor === undefined ? pickRows(rows, fitted) : { ...rows, ...anchor };
  const shift = meanDistance(old.score(compared), model.score(compared));
  if (shift >= TOLD_SCORES)
    remarks.push(
      `The new model is another one: on ${anchor === undefined ? 'the rows that were kept' : 'the former training'} its scores differ from those of the former by ${shift.toFixed(2)} on average.`,
    );
  return {
    model,
    trimmed: Int32Array.from(trimmed),
    kept: kept.length,
    fitted: fitted.length,
    approved: strangeApproved.length,
    anchored: nextAnchor?.rowCount ?? 0,
    expectedTrimmed: expected,
    drift: {
      rows: meter.finish(),
      scores: shift,
      stillStrange:
        trimmed.length === 0
          ? undefined
          : model.score(pickRows(rows, trimmed)).filter((score) => score >= 1 - budget).length / trimmed.length,
    },
    remarks,
  };
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max))
    throw new ModelError(
      `A model can't be fitted anew with ${name} ${value}.`,
      `Give a number from ${min} to ${max < 1 ? max : humanCount(max)}.`,
    );
}

function approvedRows(given: Iterable<number> | undefined, rowCount: number): Set<number> {
  const rows = new Set<number>();
  for (const row of given ?? []) {
    if (!Number.isInteger(row) || row < 0 || row >= rowCount)
      throw new ModelError(
        `Row ${row} is approved, but there are ${counted(rowCount, 'row')} here, from 0.`,
        'Give rows of this input.',
      );
    rows.add(row);
  }
  return rows;
}

/** The features of the model, in its order, under the descriptions that the matrix gives them. */
function selectFeatures(model: Model, matrix: FeatureMatrix): FeatureMatrix {
  const columns = alignFeatures(model.featureNames, matrix);
  const d = columns.length;
  const width = matrix.features.length;
  const features = model.featureNames.map(
    (name, j) => matrix.features[columns[j] ?? 0] ?? { name, unit: '', meaning: '' },
  );
  const values = new Float32Array(matrix.rowCount * d);
  for (let row = 0; row < matrix.rowCount; row++)
    for (let j = 0; j < d; j++) values[row * d + j] = matrix.values[row * width + (columns[j] ?? 0)] ?? Number.NaN;
  return { features, rowCount: matrix.rowCount, values };
}

/** A model of what the anchor alone shows. */
function guardOf(old: Model, anchor: Anchor, options: RetrainOptions, seed: number): Model {
  const fitOn =
    options.fit ?? ((matrix, fitOptions) => fitModel(old.kind, matrix, { ...refitOptions(old), ...fitOptions }));
  const features = old.featureNames.map((name) => ({ name, unit: '', meaning: '' }));
  return fitOn({ features, rowCount: anchor.rowCount, values: anchor.values }, { seed, anchorRows: 0 });
}

/** At most `most` of the kept rows, evenly drawn but for the approved ones, which come first up to half of them. */
function chooseRows(kept: readonly number[], approved: readonly number[], most: number, random: Random): number[] {
  if (kept.length <= most) return [...kept];
  const first = drawn(approved, Math.floor(most / 2), random);
  const taken = new Set(approved);
  return [
    ...first,
    ...drawn(
      kept.filter((row) => !taken.has(row)),
      most - first.length,
      random,
    ),
  ].sort((a, b) => a - b);
}

function drawn(rows: readonly number[], most: number, random: Random): number[] {
  const pool = [...rows];
  const count = Math.min(most, pool.length);
  for (let i = 0; i < count; i++) {
    const j = i + random.below(pool.length - i);
    const row = pool[i] ?? 0;
    pool[i] = pool[j] ?? 0;
    pool[j] = row;
  }
  return pool.slice(0, count);
}

/** The anchor with approved rows in the place of some of its own. */
function anchorWith(anchor: Anchor, rows: FeatureMatrix, approved: readonly number[], random: Random): Anchor {
  const d = rows.features.length;
  const values = anchor.values.slice();
  const enter = drawn(approved, Math.floor(APPROVED_SHARE * anchor.rowCount), random);
  const leave = drawn(
    Array.from({ length: anchor.rowCount }, (_, i) => i),
    enter.length,
    random,
  );
  enter.forEach((row, i) => {
    values.set(rows.values.subarray(row * d, (row + 1) * d), (leave[i] ?? 0) * d);
  });
  return { rowCount: anchor.rowCount, values };
}

function anchorOptions(
  old: Model,
  anchor: Anchor | undefined,
  anchorRows: number | undefined,
): Pick<FitOptions, 'anchor' | 'anchorRows'> {
  if (anchor !== undefined) return { anchor };
  // Fitted with none on purpose, unless its file is of a version that had none.
  if (old.training.reference !== undefined && old.training.reference.anchor === undefined) return { anchorRows: 0 };
  return anchorRows === undefined ? {} : { anchorRows };
}

function pickRows(matrix: FeatureMatrix, rows: readonly number[]): FeatureMatrix {
  const d = matrix.features.length;
  const values = new Float32Array(rows.length * d);
  rows.forEach((row, i) => {
    values.set(matrix.values.subarray(row * d, (row + 1) * d), i * d);
  });
  return { features: matrix.features, rowCount: rows.length, values };
}

function mixOf(rows: FeatureMatrix, fitted: readonly number[], anchor: Anchor | undefined): FeatureMatrix {
  const picked = pickRows(rows, fitted);
  if (anchor === undefined) return picked;
  const values = new Float32Array(picked.values.length + anchor.values.length);
  values.set(anchor.values);
  values.set(picked.values, anchor.values.length);
  return { features: rows.features, rowCount: anchor.rowCount + picked.rowCount, values };
}

function meanDistance(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += Math.abs((a[i] ?? 0) - (b[i] ?? 0));
  return a.length === 0 ? 0 : total / a.length;
}

function remarksOf(
  rows: number,
  trimmed: number,
  approved: number,
  expected: number,
  anchor: Anchor | undefined,
): string[] {
  const remarks: string[] = [];
  if (trimmed > 0)
    remarks.push(
      `${counted(trimmed, 'row')} of ${humanCount(rows)} ${trimmed === 1 ? 'was' : 'were'} left out as strange; by chance it would be at most about ${humanCount(Math.round(expected))}.`,
    );
  if (approved > 0)
    remarks.push(
      `${counted(approved, 'strange row')} ${approved === 1 ? 'was' : 'were'} learned because you approved ${approved === 1 ? 'it' : 'them'}.`,
    );
  if (trimmed > MANY * expected + 10)
    remarks.push(
      'That is many: either something attacks, or what is ordinary has changed. Look at the rows; approve those that are ordinary, or fit a model without a former one.',
    );
  if (anchor === undefined)
    remarks.push(
      'The former model keeps no rows of its training, so that many small steps could still teach the new one what is not ordinary.',
    );
  return remarks;
}
