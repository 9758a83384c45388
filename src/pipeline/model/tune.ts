import { mean, quantileSorted, Random, UserError } from '../../core/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import {
  checkParameters,
  compareRankings,
  fitModel,
  type Interval,
  type MeasuredRanking,
  type Model,
  ModelError,
  measureRanking,
  type Parameter,
  type Parameters,
  type ParameterValue,
  parametersOf,
  type RankingMeasures,
  rankingMeasures,
} from '../../model/index.ts';
import type { InputSummary } from '../../report/index.ts';
import { nextTurn } from '../turn.ts';
import { drawFeatures, massVolume, takeFeatures } from './criterion.ts';
import { FITTED_ROWS, matrices, needBoth } from './evaluate.ts';
import type { LabelOptions } from './label.ts';
import type { FlowLabels } from './label-file.ts';
import { openRows, type RowSet, type RowSetOptions } from './row-set.ts';
import { foldsOf, holdOut } from './split.ts';
import { assertGoing, checkAlgorithm, labelColumn, labelsOf, type Sample, sampleOf } from './train.ts';

/** What a search goes by: one of the three measures where there are labels, the mass-volume curve where there are none. */
export type TuneCriterion = 'average-precision' | 'auroc' | 'found-at-1-percent' | 'mass-volume';

export interface TuneOptions extends Omit<RowSetOptions, 'encoding'> {
  readonly algorithm: string;
  /** Sets of parameters that are tried beside the defaults, 1 .. 10,000. Default 20. */
  readonly trials?: number | undefined;
  readonly labels?: LabelOptions | undefined;
  readonly flowLabels?: FlowLabels | undefined;
  /** Default `average-precision` with labels, `mass-volume` without. */
  readonly by?: TuneCriterion | undefined;
  /** Rounds in which a set is tried, 2 .. 10, default 3. */
  readonly folds?: number | undefined;
  /** Fits on all rows whatever their labels. */
  readonly contaminated?: boolean | undefined;
  /** Values that are not searched. */
  readonly fixed?: Parameters | undefined;
  /** Default 42. */
  readonly seed?: number | undefined;
  /** Default 20,000. */
  readonly maxRows?: number | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

export interface Trial {
  /** Beside the defaults; empty for the defaults themselves. */
  readonly parameters: Parameters;
  /** Mean over the rounds; undefined where it could not be fitted. */
  readonly value: number | undefined;
  readonly rounds: readonly number[];
  readonly seconds: number;
  readonly failure: string | undefined;
}

export interface Tuning {
  readonly algorithm: string;
  readonly criterion: TuneCriterion;
  readonly rowKind: RowSet['kind'];
  readonly rows: number;
  readonly strange: number | undefined;
  /** Rows that the choice was made on, and rows that were kept aside for the final comparison. */
  readonly chosenOn: number;
  readonly held: number;
  readonly byTime: boolean;
  readonly folds: number;
  /** In the order of trying; the first has the defaults. */
  readonly trials: readonly Trial[];
  /** The best of the trials by the rounds. */
  readonly best: Parameters;
  /** What the best and the defaults reach on the rows that were kept aside. */
  readonly final: {
    readonly best: Interval;
    readonly defaults: Interval;
    /** Best minus defaults on the same rows, with its 95 % interval. */
    readonly gain: Interval;
    /** All three measures; undefined without labels. */
    readonly bestMeasures: MeasuredRanking | undefined;
    readonly defaultMeasures: MeasuredRanking | undefined;
  };
  /** Whether the whole interval of the gain lies above 0. */
  readonly beatsDefaults: boolean;
  /** What to fit with: the best where it beats the defaults, else the fixed values alone. */
  readonly parameters: Parameters;
  readonly inputs: readonly InputSummary[];
  readonly notes: readonly string[];
}

const DEFAULT_SEED = 42;
/** Draws of features in a round without labels, and in the final comparison. */
const DRAWS = 8;
const FINAL_DRAWS = 30;
const LEAST_ROWS = 60;

/**
 * Searches the parameters of a kind at random, the defaults among them, by rows that the fit did not see; the gain of the best over the defaults is then measured on rows that the choice did not see either,
 * because the best of twenty looks better than it is. Rows go by time where they have times. Rejects with UserError for a kind that has nothing to search, inputs that can't be read and labels of one kind
 * alone; with `StoppedError` when the signal comes.
 */
export async function tuneModel(options: TuneOptions): Promise<Tuning> {
  const { trials: count = 20, folds: rounds = 3, seed = DEFAULT_SEED, contaminated = false, signal, onStep } = options;
  const algorithm = checkAlgorithm(options.algorithm);
  const fixed = checkParameters(algorithm, options.fixed ?? {});
  const searched = parametersOf(algorithm).filter((one) => one.search !== undefined && !Object.hasOwn(fixed, one.name));
  if (searched.length === 0)
    throw new UserError(
      `a model of kind '${algorithm}' has nothing to search`,
      parametersOf(algorithm).length === 0 ? 'it has no parameters' : 'all that could be searched is set',
    );
  if (!Number.isInteger(count) || count < 1 || count > 10_000)
    throw new UserError(`--trials ${count}: expected a whole number from 1 to 10000`);
  const set = await openRows({ ...options, label: labelColumn(options), fitting: true });
  try {
    assertGoing(signal, set);
    const labels = labelsOf(set, options.labels, options.flowLabels);
    if (labels !== undefined) needBoth(labels);
    const criterion = criterionOf(options.by, labels !== undefined);
    const sample = sampleOf(set, {
      seed,
      maxRows: options.maxRows ?? FITTED_ROWS,
      labels,
      take: labels === undefined ? undefined : (code) => code >= 0,
      keepTable: set.learnOn !== undefined,
    });
    const n = sample.matrix.rowCount;
    if (n < LEAST_ROWS)
      throw new UserError(
        `${n} rows are too few to search with`,
        `give ${LEAST_ROWS} or more: a third is kept aside, and the others are dealt into rounds`,
      );
    const strange = Uint8Array.from(sample.codes, (code) => (labels === undefined || labels.isNormal(code) ? 0 : 1));
    const { rest, held, byTime } = holdOut(sample.times, strange, seed);
    const judge = labels === undefined ? unlabelledJudge : labelledJudge;
    const task = judge({ set, sample, strange, rest, held, rounds, seed, contaminated, algorithm, criterion });
    const tried: Trial[] = [];
    const random = new Random(seed ^ 0x7a11);
    const known = new Set<string>();
    for (let k = 0; k <= count; k++) {
      onStep?.(`${k === 0 ? 'the defaults' : `trial ${k} of ${count}`}${bestSoFar(tried)}`);
      await nextTurn();
      assertGoing(signal);
      const drawn = k === 0 ? {} : drawNew(searched, random, known);
      if (drawn === undefined) break;
      const parameters = { ...fixed, ...drawn };
      const begun = performance.now();
      try {
        const values: number[] = [];
        for (const value of task.rounds(parameters)) {
          values.push(value);
          await nextTurn();
          assertGoing(signal);
        }
        tried.push({
          parameters: drawn,
          value: values.length === 0 ? undefined : mean(values),
          rounds: values,
          seconds: (performance.now() - begun) / 1000,
          failure: undefined,
        });
      } catch (error) {
        if (!(error instanceof ModelError) || k === 0) throw error;
        tried.push({ parameters: drawn, value: undefined, rounds: [], seconds: 0, failure: error.message });
      }
    }
    const [defaults] = tried;
    if (defaults?.value === undefined)
      throw new UserError(
        'no round has both ordinary rows to fit on and strange ones to judge',
        byTime
          ? 'rounds go by time: there must be ordinary rows early and strange rows later'
          : 'give more rows of both kinds',
      );
    const winner = tried.reduce((best, one) => ((one.value ?? -1) > (best.value ?? -1) ? one : best), defaults);
    onStep?.('comparing the best with the defaults on rows kept aside');
    await nextTurn();
    assertGoing(signal);
    const final = task.final({ ...fixed, ...winner.parameters }, fixed);
    const beats = final.gain.low > 0;
    return {
      algorithm,
      criterion,
      rowKind: set.kind,
      rows: n,
      strange: labels === undefined ? undefined : strange.reduce((sum, one) => sum + one, 0),
      chosenOn: rest.length,
      held: held.length,
      byTime,
      folds: rounds,
      trials: tried,
      best: { ...fixed, ...winner.parameters },
      final,
      beatsDefaults: beats,
      parameters: beats ? { ...fixed, ...winner.parameters } : fixed,
      inputs: set.inputs,
      notes: set.notes,
    };
  } finally {
    set.close();
  }
}

function criterionOf(by: TuneCriterion | undefined, hasLabels: boolean): TuneCriterion {
  if (by === undefined) return hasLabels ? 'average-precision' : 'mass-volume';
  if ((by === 'mass-volume') === hasLabels)
    throw new UserError(
      hasLabels ? '--by mass-volume is for rows without labels' : `--by ${by} needs labels`,
      hasLabels
        ? 'leave out the labels, or choose by average-precision, auroc or found-at-1-percent'
        : 'say with --label-column where they stand',
    );
  return by;
}

function bestSoFar(trials: readonly Trial[]): string {
  const values = trials.flatMap(({ value }) => value ?? []);
  return values.length === 0 ? '' : `, best so far ${Math.max(...values).toFixed(4)}`;
}

// ------------------------------------------------------------------------------------------------------------- drawing

/** A set of parameters that was not tried; undefined where none is found any more. */
function drawNew(searched: readonly Parameter[], random: Random, known: Set<string>): Parameters | undefined {
  for (let attempt = 0; attempt < 200; attempt++) {
    const drawn: Record<string, ParameterValue> = {};
    for (const parameter of searched) {
      // A third stays at its default, so that few changes at once are tried too.
      if (random.float() < 1 / 3) continue;
      const value = drawValue(parameter, random);
      if (value !== undefined && value !== parameter.standard) drawn[parameter.name] = value;
    }
    const key = JSON.stringify(drawn);
    if (key === '{}' || known.has(key)) continue;
    known.add(key);
    return drawn;
  }
  return undefined;
}

function drawValue(parameter: Parameter, random: Random): ParameterValue | undefined {
  if (parameter.search === undefined) return undefined;
  if (parameter.type === 'switch') return random.below(2) === 1;
  if (parameter.type === 'choice') return parameter.choices[random.below(parameter.choices.length)];
  const { min, max, log } = parameter.search;
  const at = random.float();
  const value = log === true ? min * (max / min) ** at : min + (max - min) * at;
  const rounded = parameter.type === 'whole' ? Math.round(value) : Number(value.toPrecision(3));
  return Math.min(max, Math.max(min, rounded));
}

// ------------------------------------------------------------------------------------------------------------- judging

interface Task {
  readonly set: RowSet;
  readonly sample: Sample;
  readonly strange: Uint8Array;
  readonly rest: Int32Array;
  readonly held: Int32Array;
  readonly rounds: number;
  readonly seed: number;
  readonly contaminated: boolean;
  readonly algorithm: string;
  readonly criterion: TuneCriterion;
}

interface Judge {
  /** One value for each round, larger is better. */
  rounds(parameters: Parameters): Iterable<number>;
  final(best: Parameters, defaults: Parameters): Tuning['final'];
}

const MEASURE: Readonly<Record<Exclude<TuneCriterion, 'mass-volume'>, keyof RankingMeasures>> = {
  'average-precision': 'averagePrecision',
  auroc: 'auroc',
  'found-at-1-percent': 'tprAtFpr',
};

function labelledJudge({
  set,
  sample,
  strange,
  rest,
  held,
  rounds,
  seed,
  contaminated,
  algorithm,
  criterion,
}: Task): Judge {
  const measure = criterion === 'mass-volume' ? 'averagePrecision' : MEASURE[criterion];
  const ordinary = (rows: Int32Array): Int32Array => (contaminated ? rows : rows.filter((row) => strange[row] === 0));
  const labelsAt = (rows: Int32Array): Uint8Array => Uint8Array.from(rows, (row) => strange[row] ?? 0);
  const inner = foldsOf(
    Float64Array.from(rest, (row) => sample.times[row] ?? Number.NaN),
    labelsAt(rest),
    rounds,
    seed,
  );
  const at = (rows: Int32Array): Int32Array => Int32Array.from(rows, (i) => rest[i] ?? 0);
  const parts = inner.folds.flatMap((fold) => {
    const test = at(fold.test);
    const learned = ordinary(at(fold.train));
    const truth = labelsAt(test);
    const positives = truth.reduce((sum, one) => sum + one, 0);
    if (learned.length === 0 || positives === 0 || positives === truth.length) return [];
    return [{ ...matrices(set, sample, learned, test), truth }];
  });
  return {
    *rounds(parameters) {
      for (const { fitOn, judge, truth } of parts)
        yield rankingMeasures(
          fitModel(algorithm, fitOn, { ...parameters, seed, ordinary: !contaminated }).rawScore(judge),
          truth,
        )[measure];
    },
    final(best, defaults) {
      const truth = labelsAt(held);
      const learned = ordinary(rest);
      const positives = truth.reduce((sum, one) => sum + one, 0);
      if (learned.length === 0 || positives === 0 || positives === truth.length)
        throw new UserError(
          `the rows kept aside are all ${positives === 0 ? 'ordinary' : 'strange'}`,
          'rows are kept aside by time: there must be strange ones among the last third',
        );
      const { fitOn, judge } = matrices(set, sample, learned, held);
      const scores = (parameters: Parameters): Float64Array =>
        fitModel(algorithm, fitOn, { ...parameters, seed, ordinary: !contaminated }).rawScore(judge);
      const mine = scores(best);
      const theirs = scores(defaults);
      const bestMeasures = measureRanking(mine, truth, { seed });
      const defaultMeasures = measureRanking(theirs, truth, { seed });
      return {
        best: bestMeasures[measure],
        defaults: defaultMeasures[measure],
        gain: compareRankings(mine, theirs, truth, { seed })[measure],
        bestMeasures,
        defaultMeasures,
      };
    },
  };
}

function unlabelledJudge({ set, sample, strange, rest, held, rounds, seed, algorithm }: Task): Judge {
  const inner = foldsOf(
    Float64Array.from(rest, (row) => sample.times[row] ?? Number.NaN),
    Array.from(rest, (row) => strange[row] ?? 0),
    rounds,
    seed,
  );
  const at = (rows: Int32Array): Int32Array => Int32Array.from(rows, (i) => rest[i] ?? 0);
  const random = new Random(seed ^ 0x3b1d);
  const prepare = (learned: Int32Array, test: Int32Array, draws: number): Draw[] => {
    const { fitOn, judge } = matrices(set, sample, learned, test);
    return Array.from({ length: draws }, (_, k) => {
      const { columns, points } = drawFeatures(fitOn, random);
      return { fitOn: takeFeatures(fitOn, columns), judge: takeFeatures(judge, columns), points, seed: seed + k };
    }).filter((draw) => draw.fitOn.features.length > 0 && draw.judge.rowCount > 0);
  };
  const value = (draw: Draw, parameters: Parameters): number => {
    const model: Model = fitModel(algorithm, draw.fitOn, { ...parameters, seed: draw.seed });
    return massVolume(model, draw.judge, draw.points);
  };
  const parts = inner.folds.flatMap(({ train, test }) =>
    train.length === 0 ? [] : prepare(at(train), at(test), DRAWS),
  );
  return {
    *rounds(parameters) {
      for (const draw of parts) yield value(draw, parameters);
    },
    final(best, defaults) {
      const draws = prepare(rest, held, FINAL_DRAWS);
      const mine = draws.map((draw) => value(draw, best));
      const theirs = draws.map((draw) => value(draw, defaults));
      return {
        best: meanInterval(mine, seed),
        defaults: meanInterval(theirs, seed),
        gain: meanInterval(
          mine.map((one, i) => one - (theirs[i] ?? 0)),
          seed,
        ),
        bestMeasures: undefined,
        defaultMeasures: undefined,
      };
    },
  };
}

interface Draw {
  readonly fitOn: FeatureMatrix;
  readonly judge: FeatureMatrix;
  readonly points: FeatureMatrix;
  readonly seed: number;
}

/** The mean with its 95 % bootstrap interval over draws. */
function meanInterval(values: readonly number[], seed: number): Interval {
  const random = new Random(seed);
  const means = Float64Array.from({ length: 2000 }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[random.below(values.length)] ?? 0;
    return sum / values.length;
  }).sort();
  return { value: mean(values), low: quantileSorted(means, 0.025), high: quantileSorted(means, 0.975) };
}
