import { availableParallelism } from 'node:os';
import { humanCount, type Table, UserError } from '../../core/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import { FLOW_SCHEMA } from '../../flow/index.ts';
import {
  type Budget,
  budgetRate,
  type Convention,
  type ConventionContext,
  checkContamination,
  conventionOf,
  conventionOffset,
  type Explanation,
  type Interval,
  type Model,
  ModelError,
  perPeriod,
  type RecordRate,
  shareInterval,
  sklearnRawScore,
  sklearnScoreSamples,
  sklearnTrainingScores,
} from '../../model/index.ts';
import type { InputSummary } from '../../report/index.ts';
import { rawScoresOfBatches } from '../parallel/index.ts';
import { entityReader, timeReader } from '../table/measure.ts';
import { nextTurn, TURN_MS } from '../turn.ts';
import type { LabelOptions } from './label.ts';
import type { FlowLabels } from './label-file.ts';
import { reasonsOf, type ScoreReason } from './reason.ts';
import { needFeatures, openRows, type RowBatch, type RowKind, type RowSet, type RowSetOptions } from './row-set.ts';
import { assertGoing, labelsOf, spanOf } from './train.ts';

/** How a threshold is asked. */
export type ThresholdAsk =
  | { readonly by: 'budget'; readonly budget: Budget }
  /** On the calibrated score, 0 .. 1. */
  | { readonly by: 'score'; readonly score: number }
  /** Share of the training rows that is to be called strange, as in scikit-learn. */
  | { readonly by: 'contamination'; readonly contamination: number }
  /** By the convention of the scores, which has a threshold of its own. */
  | { readonly by: 'convention' };

export interface ScoreOptions extends Omit<RowSetOptions, 'encoding'> {
  readonly model: Model;
  readonly ask: ThresholdAsk;
  /** An id of `conventions`. Default 'anomalyst'. */
  readonly convention?: string | undefined;
  /** For conventions that have an offset. */
  readonly contamination?: number | undefined;
  /** The strangest rows that are kept with their explanation. Default 10, at most 1,000. */
  readonly top?: number | undefined;
  /** Reasons of a row, default 3. */
  readonly reasons?: number | undefined;
  readonly labels?: LabelOptions | undefined;
  readonly flowLabels?: FlowLabels | undefined;
  /** Threads that score, 1 .. 256, where there are many rows. Default: the cores that this process may use, at most 4. The scores are the same with any number. */
  readonly threads?: number | undefined;
  /** Every row once, in the order of the input's rows as they were measured. */
  readonly onRow?: ((row: ScoredRow) => void) | undefined;
}

export interface ScoredRow {
  /** Number of the row in the input, from 1; of a flow its id. */
  readonly row: number;
  readonly timeMs: number | undefined;
  /** Who it is about: of a flow the ends, else what stands in the column of who acts. */
  readonly who: RowEnds;
  /** Calibrated. */
  readonly score: number;
  readonly raw: number;
  /** In the convention that was asked for, and the word that goes with it. */
  readonly value: number;
  readonly word: string | undefined;
  readonly flagged: boolean;
  readonly label: string | undefined;
  /** Largest first; empty where the row is not flagged and none of the strangest, or too many are flagged. */
  readonly reasons: readonly ScoreReason[];
}

export interface RowEnds {
  readonly actor?: string;
  readonly initiator?: string;
  readonly initiatorPort?: number;
  readonly responder?: string;
  readonly responderPort?: number;
  readonly protocol?: string;
}

/** The line that was drawn, and what became of the promise. */
export interface ThresholdResult {
  readonly by: ThresholdAsk['by'];
  /** On the calibrated score; undefined where the convention draws it. */
  readonly score: number | undefined;
  readonly raw: number | undefined;
  /** Whether it lies beyond what the calibration rows can show by counting. */
  readonly extrapolated: boolean;
  /** Share of ordinary records that are promised to lie above it at most; undefined where nothing is promised. */
  readonly promised: number | undefined;
  /** Rows above it, and their share with its 95 % interval. */
  readonly alerts: number;
  readonly share: Interval;
  /** Alerts a week at the input's own rate, promised and found; undefined without times. */
  readonly promisedPerWeek: number | undefined;
  readonly foundPerWeek: number | undefined;
  /** Of the calibration rows, which the model did not learn from, how many lie above it. */
  readonly calibration: { readonly above: number; readonly rows: number };
  /** On rows that are labelled ordinary, and on the others; undefined without labels. */
  readonly labelled:
    | {
        readonly ordinary: number;
        readonly falseAlarms: number;
        readonly falseAlarmRate: Interval;
        readonly falseAlarmsPerWeek: number | undefined;
        readonly strange: number;
        readonly found: number;
      }
    | undefined;
}

export interface Scoring {
  readonly rowKind: RowKind;
  readonly read: number;
  readonly rows: number;
  readonly span: RowSet['span'];
  readonly rate: RecordRate;
  readonly convention: Convention;
  readonly offset: number | undefined;
  readonly threshold: ThresholdResult;
  /** The strangest rows, first the strangest. */
  readonly top: readonly ScoredRow[];
  /** Flagged rows whose reasons were not made, because too many are flagged. */
  readonly unexplained: number;
  readonly inputs: readonly InputSummary[];
  readonly notes: readonly string[];
}

const MAX_TOP = 1000;
/** Rows that are explained, at most: an explanation costs as much as scoring a hundred rows. */
const MAX_EXPLAINED = 10_000;

/** Scores every row of the inputs. Rejects with UserError for inputs that do not fit the model, and for a budget that it can't keep; with `StoppedError` when the signal comes. */
export async function scoreInputs(options: ScoreOptions): Promise<Scoring> {
  const { model, ask, labels: wanted, flowLabels, onProgress, signal, reasons: most = 3 } = options;
  const top = Math.min(MAX_TOP, options.top ?? 10);
  const convention = conventionOf(options.convention ?? 'anomalyst', '--convention');
  const offset = offsetOf(model, convention, options.contamination);
  const set = await openRows({ ...options, encoding: model.encoding });
  try {
    assertGoing(signal, set);
    needFeatures(model, set);
    if (set.count === 0)
      throw new UserError(
        `there is no ${set.kind === 'flows' ? 'flow' : 'row'} to score`,
        set.read > 0 ? `the filters left none of ${set.read}` : 'give an input with at least one record',
      );
    const labels = labelsOf(set, wanted, flowLabels);
    const rate: RecordRate = { rows: set.count, spanMs: spanOf(set) };
    const line = lineOf(model, ask, rate);
    const context: ConventionContext = {
      offset,
      ...(convention.needsBatch ? extremes(model, set) : { least: 0, most: 0 }),
    };
    const needsSamples = convention.id !== 'anomalyst' && convention.id !== 'raw';
    const best = new Strangest(top);
    let alerts = 0;
    let explained = 0;
    let unexplained = 0;
    let done = 0;
    const counts = { ordinary: 0, falseAlarms: 0, strange: 0, found: 0 };
    const width = set.features.length;
    let turn = performance.now();
    const together = await scoreTogether(model, set, options);
    for (const batch of set.batches()) {
      const { table, rows } = batch;
      const raws = together?.subarray(done, done + table.rowCount) ?? model.rawScore(batch.features);
      const samples = needsSamples ? sklearnScoreSamples(model, batch.features) : undefined;
      const at = timeReader(table, set.time);
      const who = endsReader(table, set);
      for (let row = 0; row < table.rowCount; row++) {
        const raw = raws[row] ?? 0;
        const score = model.calibration.score(raw);
        const value = convention.value({ score, raw, scoreSample: samples?.[row] ?? -raw }, context);
        const flagged =
          ask.by === 'convention'
            ? convention.flags?.(value) === true
            : line.byRaw
              ? raw > (line.raw ?? Number.POSITIVE_INFINITY)
              : score > (line.score ?? Number.POSITIVE_INFINITY);
        const code = labels?.code(table, row) ?? -1;
        if (flagged) alerts++;
        if (labels !== undefined && code >= 0) {
          if (labels.isNormal(code)) {
            counts.ordinary++;
            if (flagged) counts.falseAlarms++;
          } else {
            counts.strange++;
            if (flagged) counts.found++;
          }
        }
        const isAmong = best.wants(raw);
        let explanation: Explanation | undefined;
        if (flagged && options.onRow !== undefined) {
          if (explained < MAX_EXPLAINED) {
            explanation = model.explain(batch.features, row);
            explained++;
          } else unexplained++;
        }
        if (options.onRow === undefined && !isAmong) continue;
        const scored: ScoredRow = {
          row: rows[row] ?? 0,
          timeMs: at(row),
          who: who(row),
          score,
          raw,
          value,
          word: convention.word?.(value),
          flagged,
          label: code < 0 ? undefined : labels?.name(code),
          reasons: explanation === undefined ? [] : reasonsOf(explanation, set.features, most),
        };
        options.onRow?.(scored);
        if (isAmong) best.add(scored, batch.features.values.slice(row * width, (row + 1) * width));
      }
      done += table.rowCount;
      if (performance.now() - turn > TURN_MS) {
        onProgress?.({ stage: 'scoring', input: '', bytes: done, totalBytes: set.count, packets: done, flows: done });
        await nextTurn();
        assertGoing(signal);
        turn = performance.now();
      }
    }
    return {
      rowKind: set.kind,
      read: set.read,
      rows: done,
      span: set.span,
      rate,
      convention,
      offset,
      threshold: {
        by: ask.by,
        score: line.score,
        raw: line.raw,
        extrapolated: line.extrapolated,
        promised: line.promised,
        alerts,
        share: shareInterval(alerts, done),
        promisedPerWeek: line.promised === undefined ? undefined : perPeriod(line.promised, rate, 'week'),
        foundPerWeek: perPeriod(alerts / done, rate, 'week'),
        calibration: aboveCalibration(model, line, ask, convention, context),
        labelled:
          labels === undefined
            ? undefined
            : {
                ...counts,
                falseAlarmRate: shareInterval(counts.falseAlarms, counts.ordinary),
                falseAlarmsPerWeek:
                  counts.ordinary === 0 ? undefined : perPeriod(counts.falseAlarms / counts.ordinary, rate, 'week'),
              },
      },
      top: best.list().map(({ row, values }): ScoredRow => {
        // Explained in the end: in rows that come in rising order every one is the strangest so far.
        const alone = { features: set.features, rowCount: 1, values };
        return { ...row, reasons: reasonsOf(model.explain(alone, 0), set.features, most) };
      }),
      unexplained,
      inputs: set.inputs,
      notes: set.notes,
    };
  } finally {
    set.close();
  }
}

/** With fewer rows threads take longer to start than they save. */
const MANY_ROWS = 50_000;
const MOST_THREADS = 4;

/** Raw scores of all rows by several threads; undefined where that is not worth it. */
async function scoreTogether(
  model: Model,
  set: RowSet,
  { threads = Math.min(MOST_THREADS, availableParallelism()), onProgress, signal }: ScoreOptions,
): Promise<Float64Array | undefined> {
  if (threads < 2 || set.count < MANY_ROWS) return undefined;
  let turn = performance.now();
  return await rawScoresOfBatches(model, matricesOf(set), {
    threads,
    rowCount: set.count,
    onRows: async (rows) => {
      if (performance.now() - turn < TURN_MS) return;
      onProgress?.({ stage: 'scoring', input: '', bytes: rows, totalBytes: set.count, packets: rows, flows: rows });
      await nextTurn();
      assertGoing(signal);
      turn = performance.now();
    },
  });
}

function* matricesOf(set: RowSet): Generator<FeatureMatrix> {
  for (const { features } of set.batches()) yield features;
}

interface Line {
  readonly score: number | undefined;
  readonly raw: number | undefined;
  /** Whether the raw score decides. */
  readonly byRaw: boolean;
  readonly extrapolated: boolean;
  readonly promised: number | undefined;
}

/** Where the line lies. Throws a UserError for a budget that the model can't keep. */
export function lineOf(model: Model, ask: ThresholdAsk, rate: RecordRate): Line {
  const { calibration } = model;
  if (ask.by === 'convention')
    return { score: undefined, raw: undefined, byRaw: false, extrapolated: false, promised: undefined };
  if (ask.by === 'score') {
    if (!(ask.score >= 0 && ask.score < 1))
      throw new UserError(
        `--threshold ${ask.score}: expected a score from 0 to below 1`,
        'for example --threshold 0.999: one ordinary record in a thousand is above it',
      );
    const promised = 1 - ask.score;
    return {
      score: ask.score,
      raw: rawOf(model, promised),
      byRaw: false,
      extrapolated: calibration.isExtrapolated(ask.score),
      promised,
    };
  }
  if (ask.by === 'contamination') {
    checkContamination(ask.contamination, '--contamination');
    const offset = conventionOffset(model, ask.contamination) ?? 0;
    const raw = sklearnRawScore(model, offset);
    return {
      score: calibration.score(raw),
      raw,
      byRaw: true,
      extrapolated: false,
      promised: ask.contamination,
    };
  }
  const share = budgetRate(ask.budget, rate);
  if (share >= 1) return { score: 0, raw: undefined, byRaw: false, extrapolated: false, promised: 1 };
  try {
    const { score, raw, extrapolated } = calibration.thresholdFor(share);
    return { score, raw, byRaw: false, extrapolated, promised: share };
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    throw new UserError(
      `--budget ${ask.budget.text}: that is 1 in ${humanCount(1 / share)} of these records, rarer than the model can tell: it was calibrated on ${humanCount(calibration.size)} scores`,
      `allow more than 1 in ${humanCount(Math.floor(1 / calibration.tail.floor))}, or fit on more rows`,
    );
  }
}

function rawOf(model: Model, rate: number): number | undefined {
  try {
    return model.calibration.thresholdFor(rate).raw;
  } catch (error) {
    if (error instanceof ModelError) return undefined;
    throw error;
  }
}

function offsetOf(model: Model, convention: Convention, contamination: number | undefined): number | undefined {
  if (contamination !== undefined) checkContamination(contamination, '--contamination');
  const offset = conventionOffset(model, contamination);
  if (convention.needsOffset && offset === undefined)
    throw new UserError(
      `--convention ${convention.id}: a model of kind '${model.kind}' has no offset of its own`,
      'say with --contamination which share of the training rows is to be negative, as in --contamination 0.01',
    );
  return offset;
}

/** Least and largest `score_samples` of all rows. */
function extremes(model: Model, set: RowSet): { readonly least: number; readonly most: number } {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const { features } of set.batches())
    for (const sample of sklearnScoreSamples(model, features)) {
      if (sample < least) least = sample;
      if (sample > most) most = sample;
    }
  return { least, most };
}

function aboveCalibration(
  model: Model,
  line: Line,
  ask: ThresholdAsk,
  convention: Convention,
  context: ConventionContext,
): { readonly above: number; readonly rows: number } {
  const scores = model.calibration.scores();
  const samples = sklearnTrainingScores(model).reverse();
  let above = 0;
  scores.forEach((raw, i) => {
    const score = model.calibration.score(raw);
    const flagged =
      ask.by === 'convention'
        ? convention.flags?.(convention.value({ score, raw, scoreSample: samples[i] ?? -raw }, context)) === true
        : line.byRaw
          ? raw > (line.raw ?? Number.POSITIVE_INFINITY)
          : score > (line.score ?? Number.POSITIVE_INFINITY);
    if (flagged) above++;
  });
  return { above, rows: scores.length };
}

/** Who a row is about. */
export function endsReader(table: Table, set: Pick<RowSet, 'entity' | 'schema'>): (row: number) => RowEnds {
  if (set.schema !== FLOW_SCHEMA) {
    const entity = entityReader(table, set.entity);
    return (row) => {
      const actor = entity(row);
      return actor === undefined ? {} : { actor };
    };
  }
  return (row) => {
    const initiator = table.text('initiator', row);
    const initiatorPort = table.number('initiatorPort', row);
    const responder = table.text('responder', row);
    const responderPort = table.number('responderPort', row);
    const protocol = table.text('protocol', row);
    return {
      ...(initiator === undefined ? {} : { initiator }),
      ...(initiatorPort === undefined ? {} : { initiatorPort }),
      ...(responder === undefined ? {} : { responder }),
      ...(responderPort === undefined ? {} : { responderPort }),
      ...(protocol === undefined ? {} : { protocol }),
    };
  };
}

interface Candidate {
  readonly row: ScoredRow;
  readonly values: Float32Array;
}

/** The rows of the highest raw scores; of equal ones the first. */
class Strangest {
  readonly #most: number;
  #rows: Candidate[] = [];
  #least = Number.NEGATIVE_INFINITY;

  constructor(most: number) {
    this.#most = most;
  }

  wants(raw: number): boolean {
    return this.#most > 0 && raw > this.#least;
  }

  add(row: ScoredRow, values: Float32Array): void {
    this.#rows.push({ row, values });
    if (this.#rows.length < 2 * this.#most) return;
    this.#rows = [...this.list()];
    this.#least = this.#rows.at(-1)?.row.raw ?? this.#least;
  }

  list(): readonly Candidate[] {
    return [...this.#rows].sort((a, b) => b.row.raw - a.row.raw || a.row.row - b.row.row).slice(0, this.#most);
  }
}

/** One row of the inputs by its number, with what explains it. */
export interface ExplainedRow {
  readonly rowKind: RowKind;
  readonly rows: number;
  readonly row: ScoredRow;
  readonly explanation: Explanation;
  readonly batch: RowBatch;
  /** Place of the row in the batch. */
  readonly index: number;
  readonly features: RowSet['features'];
  readonly notes: readonly string[];
}

/**
 * Explains one row. @param use called while the row's batch is valid. Rejects with UserError where there is no such row or the inputs do not fit the model.
 */
export async function explainRow<T>(
  options: Omit<RowSetOptions, 'encoding'> & { readonly model: Model; readonly row: number },
  use: (explained: ExplainedRow) => T,
): Promise<T> {
  const { model, row: wanted, signal } = options;
  const set = await openRows({ ...options, encoding: model.encoding });
  try {
    assertGoing(signal, set);
    needFeatures(model, set);
    let largest = 0;
    for (const batch of set.batches()) {
      const { table, features, rows } = batch;
      for (let i = 0; i < rows.length; i++) {
        largest = Math.max(largest, rows[i] ?? 0);
        if (rows[i] !== wanted) continue;
        const explanation = model.explain(features, i);
        return use({
          rowKind: set.kind,
          rows: set.count,
          explanation,
          batch,
          index: i,
          features: set.features,
          notes: set.notes,
          row: {
            row: wanted,
            timeMs: timeReader(table, set.time)(i),
            who: endsReader(table, set)(i),
            score: explanation.score,
            raw: explanation.raw,
            value: explanation.score,
            word: undefined,
            flagged: false,
            label: undefined,
            reasons: reasonsOf(explanation, set.features, features.features.length),
          },
        });
      }
    }
    throw new UserError(
      wanted > largest
        ? `--row ${wanted}: the input has ${humanCount(set.read)} ${set.kind}`
        : `--row ${wanted}: the filters left this row out`,
      set.count > 0 ? `give a number from 1 to ${humanCount(largest)}` : 'give an input with at least one record',
    );
  } finally {
    set.close();
  }
}
