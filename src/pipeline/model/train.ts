import {
  concatTables,
  humanCount,
  type Json,
  nearest,
  Random,
  Reservoir,
  safeText,
  type Table,
  takeRows,
  UserError,
} from '../../core/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import {
  checkParameters,
  type FitOptions,
  fitModel,
  type Model,
  ModelError,
  models,
  type Parameters,
  perPeriod,
  type RecordRate,
} from '../../model/index.ts';
import type { InputSummary } from '../../report/index.ts';
import { type Retrained, retrain } from '../retrain.ts';
import { timeReader } from '../table/measure.ts';
import { nextTurn } from '../turn.ts';
import { columnLabels, type LabelOptions, Labels } from './label.ts';
import type { FlowLabels } from './label-file.ts';
import { defaultAlgorithm, type Recipe, withRecipe } from './recipe.ts';
import { needFeatures, openRows, type RowBatch, type RowKind, type RowSet, type RowSetOptions } from './row-set.ts';

export interface TrainOptions extends RowSetOptions {
  /** A kind of `models`. Default: `defaultAlgorithm()`. */
  readonly algorithm?: string | undefined;
  readonly parameters?: Parameters | undefined;
  /** Default 42. */
  readonly seed?: number | undefined;
  /** Which rows are ordinary: these alone are fitted on, unless `contaminated`. */
  readonly labels?: LabelOptions | undefined;
  /** Labels of flows, from a file beside them. */
  readonly flowLabels?: FlowLabels | undefined;
  /** Fits on all rows, whatever their labels, as where nobody knows. */
  readonly contaminated?: boolean | undefined;
  /** Rows that are fitted on, drawn evenly where there are more. Default 100,000; fewer where there are very many features. */
  readonly maxRows?: number | undefined;
  /** What the caller wants saved beside: definitions, types, the home network. */
  readonly recipe?: Omit<Recipe, 'rows' | 'without'> | undefined;
  /** A former model that is fitted anew on these rows: measured as it was, without what it finds strange unless that is approved. */
  readonly from?:
    | {
        readonly model: Model;
        /** Numbers of rows that the operator looked at and calls ordinary. */
        readonly approved?: ReadonlySet<number> | undefined;
        /** Share of ordinary rows that may be left out as strange. */
        readonly budget?: number | undefined;
      }
    | undefined;
  /** Told what is done now, for a progress line. */
  readonly onStep?: ((step: string) => void) | undefined;
}

/** What a false-positive budget means for the records at hand. */
export interface BudgetLine {
  /** Alarms per record. */
  readonly rate: number;
  /** Threshold on the calibrated score, and on the model's own axis; undefined where the model can't tell so rare a record. */
  readonly score: number | undefined;
  readonly raw: number | undefined;
  readonly extrapolated: boolean;
  /** Alarms on ordinary traffic at this rate of records; undefined without times. */
  readonly perDay: number | undefined;
  readonly perWeek: number | undefined;
}

export interface Training {
  readonly model: Model;
  readonly rowKind: RowKind;
  /** Rows that were read, that filters left, that labels left, and that were given to the fit. */
  readonly read: number;
  readonly kept: number;
  readonly eligible: number;
  readonly sampled: number;
  readonly labels: Labels['counts'] | undefined;
  readonly unlabelled: number;
  readonly rate: RecordRate;
  readonly budgets: readonly BudgetLine[];
  readonly parameters: Parameters;
  /** What became of the rows where a former model was fitted anew. */
  readonly retrained: Retrained | undefined;
  readonly inputs: readonly InputSummary[];
  readonly notes: readonly string[];
}

const DEFAULT_SEED = 42;
const MAX_ROWS = 100_000;
const MAX_VALUES = 20_000_000;
const BUDGET_RATES = [0.01, 0.001, 0.0001, 0.00001];

/** The kind of that name. Throws a UserError with the nearest one where there is none. */
export function checkAlgorithm(algorithm: string, what = '--algorithm'): string {
  const kinds = models.map(({ kind }) => kind);
  if (kinds.includes(algorithm)) return algorithm;
  const near = nearest(algorithm, kinds);
  throw new UserError(
    `${what} ${safeText(algorithm, 60)}: there is no such model`,
    near === undefined ? `there are ${kinds.join(', ')}` : `did you mean '${near}'?`,
  );
}

/**
 * Fits a model on captures, logs or a table. Rejects with UserError for inputs that can't be read, a column that is not there, labels of which none is ordinary, and where nothing is left to fit on;
 * with `StoppedError` when the signal comes.
 */
export async function trainModel(options: TrainOptions): Promise<Training> {
  const { seed = DEFAULT_SEED, labels: wanted, flowLabels, contaminated = false, onStep, signal } = options;
  const { from } = options;
  const algorithm = checkAlgorithm(options.algorithm ?? from?.model.kind ?? defaultAlgorithm());
  const parameters = checkParameters(algorithm, options.parameters ?? {});
  const set = await openRows({
    ...options,
    label: labelColumn(options),
    ordinary: contaminated || labelColumn(options) === undefined ? undefined : wanted,
    encoding: from?.model.encoding,
    fitting: from === undefined,
  });
  try {
    assertGoing(signal, set);
    if (from !== undefined) {
      needFeatures(from.model, set);
      needRows(from.approved, set);
    }
    const labels = labelsOf(set, wanted, flowLabels);
    if (set.read === 0 && set.features.length === 0)
      throw new UserError(
        `there is no ${set.kind === 'flows' ? 'flow' : 'row'} to fit on`,
        'give an input with at least one record, better 1,000 or more',
      );
    if (set.features.length === 0)
      throw new UserError(
        'there is nothing to fit on: no column of the input tells rows apart',
        'a column with one value alone, and one of texts that are all different, gives no feature; --features defines your own',
      );
    const eligible = labels === undefined || contaminated ? set.count : labels.normalRows;
    if (eligible === 0)
      throw new UserError(
        set.read === 0
          ? `there is no ${set.kind === 'flows' ? 'flow' : 'row'} to fit on`
          : labels === undefined
            ? `the filters left none of ${set.read} rows`
            : `none of ${set.count} rows is ordinary`,
        labels === undefined
          ? 'give an input with at least one record, better 1,000 or more'
          : `labels are ${labels.describe()}`,
      );
    const sample = sampleOf(set, {
      seed,
      maxRows: options.maxRows,
      take: labels === undefined || contaminated ? undefined : (code) => labels.isNormal(code),
      labels,
    });
    onStep?.(`fitting ${algorithm} on ${humanCount(sample.matrix.rowCount)} rows`);
    await nextTurn();
    assertGoing(signal, set);
    const fitOptions: FitOptions = {
      ...parameters,
      seed,
      ordinary: labels !== undefined && !contaminated,
      encoding: withRecipe(set.encoding() as Json | undefined, {
        rows: set.kind,
        ...(set.kind === 'flows' ? { homeNet: options.homeNet } : {}),
        ...withoutOf(options),
        ...options.recipe,
      }),
    };
    const retrained = from === undefined ? undefined : retrainOn(from, sample, algorithm, fitOptions);
    const model = retrained?.model ?? fitModel(algorithm, sample.matrix, fitOptions);
    const rate = { rows: set.count, spanMs: spanOf(set) };
    return {
      model,
      rowKind: set.kind,
      read: set.read,
      kept: set.count,
      eligible,
      sampled: sample.matrix.rowCount,
      labels: labels?.counts,
      unlabelled: labels?.unlabelled ?? 0,
      rate,
      budgets: budgetLines(model, rate),
      parameters,
      retrained,
      inputs: set.inputs,
      notes: [...set.notes, ...labelNotes(options, set)],
    };
  } finally {
    set.close();
  }
}

function retrainOn(
  { model, approved = new Set(), budget }: NonNullable<TrainOptions['from']>,
  { matrix, rows, times }: Sample,
  algorithm: string,
  fitOptions: FitOptions,
): Retrained {
  const places: number[] = [];
  rows.forEach((row, place) => {
    if (approved.has(row)) places.push(place);
  });
  const { seed } = fitOptions;
  return retrain(model, matrix, {
    approved: places,
    maxRows: MAX_ROWS,
    ...(budget === undefined ? {} : { budget }),
    ...(seed === undefined ? {} : { seed }),
    fit: (kept, options) => fitModel(algorithm, kept, { ...fitOptions, ...options }),
    time: (row) => {
      const at = times[row];
      return at === undefined || Number.isNaN(at) ? undefined : at;
    },
  });
}

/** The operator stopped the work: nothing is wrong, and nothing was made. */
export class StoppedError extends UserError {
  constructor() {
    super('stopped: nothing was written');
    this.name = 'StoppedError';
  }
}

/** Throws `StoppedError` once the signal has come. */
export function assertGoing(signal: AbortSignal | undefined, set?: Pick<RowSet, 'stopped'>): void {
  if (signal?.aborted === true || set?.stopped === true) throw new StoppedError();
}

/** Columns that were no features, as a recipe has them. */
function withoutOf(options: TrainOptions): Pick<Recipe, 'without'> {
  const label = labelColumn(options);
  const without = [...(options.without ?? []), ...(label === undefined ? [] : [label])];
  return without.length === 0 ? {} : { without };
}

/** The column of the label, where it is one of the rows themselves. */
export function labelColumn({ labels, flowLabels }: Pick<TrainOptions, 'labels' | 'flowLabels'>): string | undefined {
  return flowLabels === undefined ? labels?.column : undefined;
}

/** The labels of the rows; undefined where none are asked for. Throws a UserError where flows should have them in a column. */
export function labelsOf(
  set: RowSet,
  wanted: LabelOptions | undefined,
  flowLabels: FlowLabels | undefined,
): Labels | undefined {
  if (flowLabels !== undefined) return Labels.of(set, flowLabels, wanted?.normal);
  if (wanted === undefined) return undefined;
  return Labels.of(set, columnLabels(set, wanted.column), wanted.normal);
}

/** What columns of labels are mostly called. */
const LABEL_NAME = /^(?:labels?|class|target|(?:is[_-]?)?(?:attack|anomaly|outlier|malicious))$/i;

/** A label that is fitted like any other column makes a model that knows the answer; who forgot to say so is told. */
function labelNotes({ labels, plan, from, without = [] }: TrainOptions, { kind, schema }: RowSet): string[] {
  if (kind === 'flows' || labels !== undefined || plan !== undefined || from !== undefined) return [];
  return schema.columns
    .filter(({ name }) => LABEL_NAME.test(name) && !without.includes(name))
    .map(
      ({ name }) =>
        `column '${name}' is a feature like any other; if it says what a row is, give --label-column ${name}`,
    );
}

/** Throws a UserError where a row is approved that is not there. */
function needRows(approved: ReadonlySet<number> | undefined, set: RowSet): void {
  if (approved === undefined || approved.size === 0) return;
  const missing = new Set(approved);
  for (const { rows } of set.batches()) for (const row of rows) missing.delete(row);
  const [first] = missing;
  if (first !== undefined)
    throw new UserError(
      `--approve ${first}: there is no such ${set.kind === 'flows' ? 'flow' : 'row'}, the input has ${humanCount(set.count)}`,
      'give numbers as anomalyst score prints them for this input',
    );
}

/**
 * How long the records took, in ms; undefined without times. Between inputs that lie apart nothing was read, which is no time without records: a pause counts only where it is no longer than the longer of
 * the inputs beside it, as between files that a recorder begins one after another.
 */
export function spanOf({ span, inputs }: Pick<RowSet, 'span' | 'inputs'>): number | undefined {
  if (span === undefined || !(span.lastMs > span.firstMs)) return undefined;
  const whole = span.lastMs - span.firstMs;
  const used = inputs.filter(({ status }) => status !== 'failed');
  const times = used.flatMap(({ firstMs, lastMs }) =>
    firstMs === undefined || lastMs === undefined ? [] : [{ firstMs, lastMs }],
  );
  if (times.length < 2 || times.length < used.length) return whole;
  times.sort((a, b) => a.firstMs - b.firstMs);
  let unread = 0;
  let lengthBefore = 0;
  let endMs = Number.POSITIVE_INFINITY;
  for (const { firstMs, lastMs } of times) {
    const length = lastMs - firstMs;
    const pause = firstMs - endMs;
    if (pause > Math.max(length, lengthBefore)) unread += pause;
    if (lastMs > endMs || endMs === Number.POSITIVE_INFINITY) {
      endMs = lastMs;
      lengthBefore = length;
    }
  }
  return unread < whole ? whole - unread : whole;
}

export interface Sample {
  readonly matrix: FeatureMatrix;
  /** The rows themselves, where they were asked for. */
  readonly table: Table | undefined;
  /** Label code of each row, -1 where it has none. */
  readonly codes: Int32Array;
  /** Number of each row in the input. */
  readonly rows: Float64Array;
  /** Epoch ms of each row, NaN where it has none. */
  readonly times: Float64Array;
  /** Rows that could have been taken. */
  readonly seen: number;
}

export interface SampleOptions {
  readonly seed: number;
  readonly maxRows?: number | undefined;
  readonly labels?: Labels | undefined;
  /** Rows by the code of their label; all where absent. */
  readonly take?: ((code: number) => boolean) | undefined;
  readonly keepTable?: boolean | undefined;
}

/** An even sample of the rows in their order, all of them where there are no more than `maxRows`. */
export function sampleOf(set: RowSet, { seed, maxRows = MAX_ROWS, labels, take, keepTable }: SampleOptions): Sample {
  const { features, schema } = set;
  const width = features.length;
  const room = Math.max(1, Math.min(maxRows, set.count, Math.floor(MAX_VALUES / Math.max(1, width))));
  const reservoir = new Reservoir(room, new Random(seed));
  const places = new Float64Array(room);
  let position = 0;
  for (const { table } of set.batches())
    for (let row = 0; row < table.rowCount; row++, position++) {
      if (take !== undefined && !take(labels?.code(table, row) ?? -1)) continue;
      const slot = reservoir.offer();
      if (slot >= 0) places[slot] = position;
    }
  const n = reservoir.size;
  const chosen = places.subarray(0, n).sort();
  const values = new Float32Array(n * width);
  const codes = new Int32Array(n);
  const rows = new Float64Array(n);
  const times = new Float64Array(n);
  const parts: Table[] = [];
  let before = 0;
  let at = 0;
  for (const { table, rows: numbers, ...batch } of lazily(set.batches())) {
    const timeOf = timeReader(table, set.time);
    const here: number[] = [];
    const matrix = (chosen[at] ?? Number.POSITIVE_INFINITY) < before + table.rowCount ? batch.features() : undefined;
    for (; at < n && (chosen[at] ?? 0) < before + table.rowCount; at++) {
      const row = (chosen[at] ?? 0) - before;
      if (matrix !== undefined) values.set(matrix.values.subarray(row * width, (row + 1) * width), at * width);
      codes[at] = labels?.code(table, row) ?? -1;
      rows[at] = numbers[row] ?? 0;
      times[at] = timeOf(row) ?? Number.NaN;
      here.push(row);
    }
    if (keepTable === true && here.length > 0) parts.push(takeRows(table, here));
    before += table.rowCount;
  }
  return {
    matrix: { features, rowCount: n, values },
    table: keepTable === true ? concatTables(schema, parts) : undefined,
    codes,
    rows,
    times,
    seen: reservoir.seen,
  };
}

/** The batches without asking for their features, which may cost more than all else. */
function* lazily(
  batches: Iterable<RowBatch>,
): Generator<{ readonly table: Table; readonly rows: Float64Array; readonly features: () => FeatureMatrix }> {
  for (const batch of batches) yield { table: batch.table, rows: batch.rows, features: () => batch.features };
}

/** The listed rows of a matrix, in that order. */
export function takeMatrixRows({ features, values }: FeatureMatrix, order: ArrayLike<number>): FeatureMatrix {
  const width = features.length;
  const out = new Float32Array(order.length * width);
  for (let i = 0; i < order.length; i++) {
    const row = order[i] ?? 0;
    out.set(values.subarray(row * width, (row + 1) * width), i * width);
  }
  return { features, rowCount: order.length, values: out };
}

/** What the usual budgets mean. */
export function budgetLines(model: Model, rate: RecordRate): BudgetLine[] {
  return BUDGET_RATES.map((share): BudgetLine => {
    const perDay = perPeriod(share, rate, 'day');
    const perWeek = perPeriod(share, rate, 'week');
    try {
      const { score, raw, extrapolated } = model.calibration.thresholdFor(share);
      return { rate: share, score, raw, extrapolated, perDay, perWeek };
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      return { rate: share, score: undefined, raw: undefined, extrapolated: true, perDay, perWeek };
    }
  });
}

/** Loads a saved model with its name before every message. */
export function named<T>(name: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof UserError && !error.message.startsWith(`${name}: `))
      throw new UserError(`${name}: ${error.message}`, error.hint);
    throw error;
  }
}
