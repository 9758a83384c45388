import { type Json, type Table, takeRows, UserError } from '../../core/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import {
  type Budget,
  budgetRate,
  type Confusion,
  type CurvePoint,
  compareRankings,
  confusionAt,
  fitModel,
  type Interval,
  type MeasuredRanking,
  type Model,
  measureRanking,
  type Parameters,
  perPeriod,
  type RecordRate,
  rankingCurve,
  shareInterval,
} from '../../model/index.ts';
import type { InputSummary } from '../../report/index.ts';
import { nextTurn } from '../turn.ts';
import type { LabelOptions, Labels } from './label.ts';
import type { FlowLabels } from './label-file.ts';
import { needFeatures, openRows, type RowSet, type RowSetOptions } from './row-set.ts';
import { type Folds, foldsOf } from './split.ts';
import { assertGoing, labelColumn, labelsOf, named, type Sample, sampleOf, spanOf, takeMatrixRows } from './train.ts';

/** What is measured: a saved model, or a kind of model that is fitted on other rows of the same inputs. */
export type Contender =
  | {
      readonly name: string;
      readonly model: Model;
      /** How its rows are read and measured, where that is another way than that of the options. */
      readonly rows?: Partial<Pick<RowSetOptions, 'plan' | 'rows' | 'homeNet' | 'types' | 'without'>>;
    }
  | { readonly name: string; readonly algorithm: string; readonly parameters?: Parameters };

export interface EvaluateOptions extends Omit<RowSetOptions, 'encoding'> {
  readonly contenders: readonly Contender[];
  readonly labels?: LabelOptions | undefined;
  readonly flowLabels?: FlowLabels | undefined;
  /** Default: 1 in 100. */
  readonly budget?: Budget | undefined;
  /** Rounds of cross-validation, 2 .. 20, default 5. */
  readonly folds?: number | undefined;
  /** Kinds are fitted on all rows of the other rounds, whatever their labels. */
  readonly contaminated?: boolean | undefined;
  /** Default 42. */
  readonly seed?: number | undefined;
  /** Resamplings for the intervals, see `BootstrapOptions`. */
  readonly replicates?: number | undefined;
  /** Rows that are measured on, drawn evenly where there are more. Default 500,000, and 20,000 where kinds are fitted. */
  readonly maxRows?: number | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** What one contender reached. */
export interface Evaluated {
  readonly name: string;
  readonly kind: string;
  /** Whether it was fitted on other rows of the inputs, round by round. */
  readonly crossValidated: boolean;
  readonly parameters: Parameters;
  readonly measures: MeasuredRanking;
  /** Difference to the first contender on the same rows; undefined for that one. */
  readonly difference: MeasuredRanking | undefined;
  readonly curve: readonly CurvePoint[];
  /** At the threshold of the budget. */
  readonly confusion: Confusion;
  readonly falsePositiveRate: Interval;
  readonly precision: Interval | undefined;
  readonly recall: Interval;
  readonly falseAlarmsPerWeek: number | undefined;
  /** Each label, the most frequent first: how much of it lies above the threshold. */
  readonly byLabel: readonly {
    readonly name: string;
    readonly normal: boolean;
    readonly rows: number;
    readonly flagged: number;
    readonly share: Interval;
  }[];
  /** Mean seconds of a fit; undefined for a saved model. */
  readonly fitSeconds: number | undefined;
  /** Rounds that could not be fitted, because no ordinary row came before them. */
  readonly skippedFolds: number;
}

export interface Evaluation {
  readonly rowKind: RowSet['kind'];
  readonly read: number;
  /** Rows that were measured on, of these strange, and rows without a label. */
  readonly rows: number;
  readonly strange: number;
  readonly unlabelled: number;
  readonly labels: Labels['counts'];
  /** Rows there would have been, where a part was drawn. */
  readonly available: number;
  readonly folds: { readonly count: number; readonly byTime: boolean } | undefined;
  readonly contaminated: boolean;
  readonly rate: RecordRate;
  readonly budget: { readonly text: string; readonly share: number; readonly threshold: number };
  readonly results: readonly Evaluated[];
  readonly inputs: readonly InputSummary[];
  readonly notes: readonly string[];
}

const DEFAULT_SEED = 42;
const MAX_ROWS = 500_000;
export const FITTED_ROWS = 20_000;
const DEFAULT_BUDGET: Budget = { kind: 'share', rate: 0.01, text: '1 in 100' };

/** Scores of rows: larger is stranger, and calibrated. */
interface RowScores {
  /** A score for each row of the evaluation that orders them; NaN for one that was not judged. */
  readonly order: Float64Array;
  readonly calibrated: Float64Array;
  readonly fitSeconds: number | undefined;
  readonly skipped: number;
}

/**
 * Measures contenders on labelled rows. All of them are measured on the same rows. Rejects with UserError for inputs that can't be read, labels of one kind alone, and models that the inputs do not fit; with
 * `StoppedError` when the signal comes.
 */
export async function evaluateModels(options: EvaluateOptions): Promise<Evaluation> {
  const { contenders, folds: count = 5, seed = DEFAULT_SEED, contaminated = false, signal } = options;
  if (contenders.length === 0) throw new UserError('there is nothing to evaluate', 'give a model or a kind of model');
  if (!Number.isInteger(count) || count < 2 || count > 20)
    throw new UserError(`--folds ${count}: expected a whole number from 2 to 20`);
  const fits = contenders.some((one) => 'algorithm' in one);
  // Labels and rows are those of the first reading; a model that measures otherwise is read again and matched by the number of the row.
  const set = await openRows({ ...options, label: labelColumn(options), fitting: fits });
  try {
    assertGoing(signal, set);
    const labels = labelsOf(set, options.labels, options.flowLabels);
    if (labels === undefined)
      throw new UserError(
        'rows have no labels to measure by',
        'say with --label-column where they stand, or give --labels',
      );
    needBoth(labels);
    const maxRows = options.maxRows ?? (fits ? FITTED_ROWS : MAX_ROWS);
    const sample = sampleOf(set, {
      seed,
      maxRows,
      labels,
      take: (code) => code >= 0,
      keepTable: fits && set.learnOn !== undefined,
    });
    const strange = Uint8Array.from(sample.codes, (code) => (labels.isNormal(code) ? 0 : 1));
    const folds = fits ? foldsOf(sample.times, strange, count, seed) : undefined;
    const rate: RecordRate = { rows: set.count, spanMs: spanOf(set) };
    const budget = options.budget ?? DEFAULT_BUDGET;
    const share = budgetRate(budget, rate);
    const scored: RowScores[] = [];
    for (const contender of contenders)
      scored.push(
        'model' in contender
          ? await modelScores(contender, sample, options)
          : await crossScores(contender, set, sample, strange, folds ?? { folds: [], byTime: false }, options),
      );
    // By time the first stretch is judged by nobody.
    const judged = Int32Array.from(sample.codes, (_, row) => row).filter((row) =>
      scored.every(({ order }) => !Number.isNaN(order[row])),
    );
    const judgedStrange = Uint8Array.from(judged, (row) => strange[row] ?? 0);
    const positives = judgedStrange.reduce((n, label) => n + label, 0);
    if (positives === 0 || positives === judged.length)
      throw new UserError(
        `of ${judged.length} rows that could be judged all are ${positives === 0 ? 'ordinary' : 'strange'}`,
        folds?.byTime === true
          ? 'rounds go by time: there must be ordinary rows early and strange rows later; fewer --folds, or a saved model with --model'
          : 'give rows of both kinds',
      );
    const results: Evaluated[] = [];
    for (const [i, { order, calibrated, fitSeconds, skipped }] of scored.entries()) {
      const contender = contenders[i];
      const first = scored[0]?.order;
      if (contender === undefined || first === undefined) continue;
      const mine = pick(order, judged);
      const boot = { seed, ...(options.replicates === undefined ? {} : { replicates: options.replicates }) };
      const levels = pick(calibrated, judged);
      const confusion = confusionAt(levels, judgedStrange, 1 - share);
      const { truePositives, falsePositives, trueNegatives, falseNegatives } = confusion;
      options.onStep?.(`measuring ${contender.name}`);
      await nextTurn();
      assertGoing(signal);
      results.push({
        name: contender.name,
        kind: 'model' in contender ? contender.model.kind : contender.algorithm,
        crossValidated: 'algorithm' in contender,
        parameters: 'algorithm' in contender ? (contender.parameters ?? {}) : {},
        measures: measureRanking(mine, judgedStrange, boot),
        difference: i === 0 ? undefined : compareRankings(mine, pick(first, judged), judgedStrange, boot),
        curve: rankingCurve(mine, judgedStrange),
        confusion,
        falsePositiveRate: shareInterval(falsePositives, falsePositives + trueNegatives),
        precision:
          truePositives + falsePositives === 0
            ? undefined
            : shareInterval(truePositives, truePositives + falsePositives),
        recall: shareInterval(truePositives, truePositives + falseNegatives),
        falseAlarmsPerWeek: perPeriod(falsePositives / judged.length, rate, 'week'),
        byLabel: byLabel(labels, sample.codes, judged, levels, 1 - share),
        fitSeconds,
        skippedFolds: skipped,
      });
    }
    return {
      rowKind: set.kind,
      read: set.read,
      rows: judged.length,
      strange: positives,
      unlabelled: labels.unlabelled,
      labels: labels.counts,
      available: sample.seen,
      folds: folds === undefined ? undefined : { count, byTime: folds.byTime },
      contaminated,
      rate,
      budget: { text: budget.text, share, threshold: 1 - share },
      results,
      inputs: set.inputs,
      notes: set.notes,
    };
  } finally {
    set.close();
  }
}

/** Throws a UserError unless rows of both kinds are there. */
export function needBoth(labels: Labels): void {
  if (labels.normalRows > 0 && labels.strangeRows > 0) return;
  throw new UserError(
    `all labelled rows are ${labels.strangeRows === 0 ? 'ordinary' : 'strange'}: there is nothing to tell apart`,
    `labels are ${labels.describe()}; say with --normal which one is the ordinary one`,
  );
}

/** Scores by a saved model, matched with the rows of the sample by their numbers. */
async function modelScores(
  { name, model, rows }: Extract<Contender, { readonly model: Model }>,
  sample: Sample,
  options: EvaluateOptions,
): Promise<RowScores> {
  options.onStep?.(`scoring with ${name}`);
  const places = new Map<number, number>();
  sample.rows.forEach((row, place) => {
    places.set(row, place);
  });
  const order = new Float64Array(sample.rows.length).fill(Number.NaN);
  const calibrated = order.slice();
  const { without: _of, ...reading } = options;
  const set = await namedAsync(name, () =>
    openRows({ ...reading, ...rows, encoding: model.encoding as Json | undefined }),
  );
  try {
    assertGoing(options.signal, set);
    named(name, () => needFeatures(model, set));
    for (const { features, rows: numbers } of set.batches()) {
      const raws = model.rawScore(features);
      raws.forEach((raw, i) => {
        const place = places.get(numbers[i] ?? -1);
        if (place === undefined) return;
        order[place] = raw;
        calibrated[place] = model.calibration.score(raw);
      });
      await nextTurn();
      assertGoing(options.signal);
    }
  } finally {
    set.close();
  }
  return { order, calibrated, fitSeconds: undefined, skipped: 0 };
}

async function namedAsync<T>(name: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    return named(name, () => {
      throw error;
    });
  }
}

/** Scores of every row by a model that did not see it. */
async function crossScores(
  { name, algorithm, parameters = {} }: Extract<Contender, { readonly algorithm: string }>,
  set: RowSet,
  sample: Sample,
  strange: Uint8Array,
  { folds }: Folds,
  { seed = DEFAULT_SEED, contaminated = false, onStep, signal }: EvaluateOptions,
): Promise<RowScores> {
  const calibrated = new Float64Array(sample.rows.length).fill(Number.NaN);
  const raws = calibrated.slice();
  let seconds = 0;
  let skipped = 0;
  for (const [k, { train, test }] of folds.entries()) {
    onStep?.(`${name}: round ${k + 1} of ${folds.length}`);
    await nextTurn();
    assertGoing(signal);
    const learned = contaminated ? train : train.filter((row) => strange[row] === 0);
    if (learned.length === 0 || test.length === 0) {
      skipped++;
      continue;
    }
    const { fitOn, judge } = matrices(set, sample, learned, test);
    if (fitOn.features.length === 0) {
      skipped++;
      continue;
    }
    const begun = performance.now();
    const model = fitModel(algorithm, fitOn, { ...parameters, seed, ordinary: !contaminated });
    seconds += (performance.now() - begun) / 1000;
    model.rawScore(judge).forEach((raw, i) => {
      const row = test[i] ?? 0;
      raws[row] = raw;
      calibrated[row] = model.calibration.score(raw);
    });
  }
  const done = folds.length - skipped;
  return {
    order: joint(calibrated, raws),
    calibrated,
    fitSeconds: done === 0 ? undefined : seconds / done,
    skipped,
  };
}

/** The rows to learn from and the rows to judge, measured by what the former teach. */
export function matrices(
  set: RowSet,
  sample: Sample,
  learned: Int32Array,
  test: Int32Array,
): { readonly fitOn: FeatureMatrix; readonly judge: FeatureMatrix } {
  const { table, matrix } = sample;
  if (set.learnOn === undefined || table === undefined)
    return { fitOn: takeMatrixRows(matrix, learned), judge: takeMatrixRows(matrix, test) };
  const train: Table = takeRows(table, learned);
  const measure = set.learnOn(train);
  return { fitOn: measure(train), judge: measure(takeRows(table, test)) };
}

/**
 * One order for rows that different models judged: by calibrated score, which means the same of all of them, and where that has come to its end by the raw one, which among models of one kind on like rows is
 * nearly so.
 */
function joint(calibrated: Float64Array, raws: Float64Array): Float64Array {
  const order = Int32Array.from(calibrated, (_, row) => row).filter((row) => !Number.isNaN(calibrated[row]));
  order.sort((a, b) => (calibrated[a] ?? 0) - (calibrated[b] ?? 0) || (raws[a] ?? 0) - (raws[b] ?? 0));
  const ranks = new Float64Array(calibrated.length).fill(Number.NaN);
  let rank = 0;
  order.forEach((row, i) => {
    const before = order[i - 1];
    if (before !== undefined && (calibrated[row] !== calibrated[before] || raws[row] !== raws[before])) rank++;
    ranks[row] = rank;
  });
  return ranks;
}

function pick(values: Float64Array, rows: Int32Array): Float64Array {
  return Float64Array.from(rows, (row) => values[row] ?? Number.NaN);
}

function byLabel(
  labels: Labels,
  codes: Int32Array,
  judged: Int32Array,
  levels: Float64Array,
  threshold: number,
): Evaluated['byLabel'] {
  const rows = new Map<number, { rows: number; flagged: number }>();
  judged.forEach((row, i) => {
    const code = codes[row] ?? -1;
    const entry = rows.get(code) ?? { rows: 0, flagged: 0 };
    entry.rows++;
    if ((levels[i] ?? 0) > threshold) entry.flagged++;
    rows.set(code, entry);
  });
  return [...rows]
    .map(([code, { rows: n, flagged }]) => ({
      name: labels.name(code),
      normal: labels.isNormal(code),
      rows: n,
      flagged,
      share: shareInterval(flagged, n),
    }))
    .sort((a, b) => Number(b.normal) - Number(a.normal) || b.rows - a.rows || (a.name < b.name ? -1 : 1));
}
