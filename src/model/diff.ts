import { canonicalJson, type Json } from '../core/index.ts';
import { stabilityOfCounts } from './drift.ts';
import { readModel } from './file.ts';
import { type BudgetThreshold, parametersOf, thresholdsOf } from './inspect.ts';
import { type RawArray, takeApart } from './json-file.ts';
import { type Model, ModelError } from './model.ts';
import type { FeatureSummary } from './training.ts';
import { BIN_PLACES, countBins } from './training-reference.ts';

/** Something that has another value in the second model; undefined where one of them does not have it. */
export interface Change {
  readonly name: string;
  readonly a: Json | undefined;
  readonly b: Json | undefined;
}

/** How far one feature moved between two trainings. */
export interface FeatureMove {
  readonly name: string;
  readonly a: FeatureSummary;
  readonly b: FeatureSummary;
  /** From median to median, in the larger of a's robust spread and b's; 0 where neither moved nor spread. Infinity where neither spread. */
  readonly shift: number;
  /** Shares of rows without a value. */
  readonly missing: { readonly a: number; readonly b: number };
  readonly stability: Stability;
}

/** Population stability index of b's training against a's: 0.1 is a shift to look at, 0.25 a large one. */
export interface Stability {
  readonly index: number;
  /**
   * `rows`: rows that b kept, counted in the bins of a. `summary`: both from quantiles (1, 5, 25, 50, 75, 95, 99 %), between which values are taken to lie evenly: a rough
   * measure, for models that kept no rows.
   */
  readonly from: 'rows' | 'summary';
  /** What it exceeds once in a hundred times, over all features, where nothing moved. Undefined for a summary. */
  readonly limit: number | undefined;
}

/** What differs between two models, a before b. */
export interface ModelDiff {
  /** Bit for bit the same model. */
  readonly identical: boolean;
  readonly a: ModelName;
  readonly b: ModelName;
  /** Kind, seed, schema version, rows and the like. */
  readonly changes: readonly Change[];
  /** Parameters of the kind. */
  readonly parameters: readonly Change[];
  readonly features: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    /** Whether those that both have are in another order; scores do not depend on it. */
    readonly reordered: boolean;
    /** All that both have, the largest stability index first. */
    readonly moved: readonly FeatureMove[];
  };
  readonly thresholds: readonly {
    readonly rate: number;
    readonly a: BudgetThreshold['threshold'];
    readonly b: BudgetThreshold['threshold'];
  }[];
  /** Arrays of the files whose content is not the same. */
  readonly arrays: readonly string[];
}

export interface ModelName {
  readonly kind: string;
  readonly checksum: string;
}

/** A share that no row fell into, so that its logarithm is finite; as in `drift.ts`. */
const SHARE_FLOOR = 1e-4;

/** Compares two models. */
export function diffModels(a: Model, b: Model): ModelDiff {
  const [fileA, fileB] = [a.save(), b.save()];
  const name = ({ kind, checksum }: Model): ModelName => ({ kind, checksum });
  const after = new Map(b.training.features.map((feature) => [feature.name, feature]));
  const before = new Set(a.featureNames);
  const shared = a.featureNames.filter((feature) => after.has(feature));
  const sameOrder = b.featureNames.filter((feature) => before.has(feature));
  const places = new Map(b.featureNames.map((feature, j) => [feature, j]));
  const moved = a.training.features.flatMap((feature, j): FeatureMove[] => {
    const other = after.get(feature.name);
    const place = places.get(feature.name);
    if (other === undefined || place === undefined) return [];
    return [moveOf(feature, other, stabilityOf(a, b, j, place, shared.length))];
  });
  const thresholdsB = thresholdsOf(b);
  return {
    identical: a.checksum === b.checksum,
    a: name(a),
    b: name(b),
    changes: changesOf(commonOf(a), commonOf(b)),
    parameters: changesOf(flatParameters(fileA), flatParameters(fileB)),
    features: {
      added: b.featureNames.filter((feature) => !before.has(feature)),
      removed: a.featureNames.filter((feature) => !after.has(feature)),
      reordered: shared.some((feature, k) => feature !== sameOrder[k]),
      moved: moved.sort((x, y) => y.stability.index - x.stability.index || y.shift - x.shift),
    },
    thresholds: thresholdsOf(a).map(({ rate, threshold }, k) => ({ rate, a: threshold, b: thresholdsB[k].threshold })),
    arrays: arraysThatDiffer(fileA, fileB),
  };
}

function commonOf({ kind, seed, schemaVersion, training, encoding }: Model): { [key: string]: Json | undefined } {
  return {
    kind,
    'schema version': schemaVersion,
    seed,
    rows: training.rows,
    'fitted rows': training.fittedRows,
    calibration: training.calibration,
    'calibration rows': training.calibrationRows,
    'anchor rows': training.reference?.anchor?.rowCount ?? 0,
    // Long, and not for reading: that it differs is what there is to say.
    encoding: encoding === undefined ? undefined : canonicalJson(encoding),
  };
}

/**
 * The parameters of a file under one name each: `members.knn.neighbours`, `transform.flow.duration`. Of transforms only the method is a choice; their numbers, and tails of calibrations, are learned like
 * arrays.
 */
function flatParameters(file: Uint8Array): { [name: string]: Json | undefined } {
  const { parameters, featureNames } = readModel(file);
  const flat: { [name: string]: Json | undefined } = {};
  const add = (path: string, value: Json | undefined): void => {
    if (value === null || typeof value !== 'object') {
      flat[path] = value;
      return;
    }
    const entries = Array.isArray(value) ? listEntries(value) : Object.entries(value as { [key: string]: Json });
    for (const [key, member] of entries) {
      if (key === 'tail' || key === 'kind') continue;
      add(key === 'parameters' ? path : path === '' ? key : `${path}.${key}`, member);
    }
  };
  const { transform, ...rest } = parametersOf(parameters);
  add('', rest);
  if (Array.isArray(transform))
    transform.forEach((step: Json, j) => {
      flat[`transform.${featureNames[j]}`] = parametersOf(step).method;
    });
  return flat;
}

/** Parts that say their kind go by it, others by their place. */
function listEntries(list: readonly Json[]): [string, Json][] {
  return list.map((part, i): [string, Json] => {
    const { kind } = parametersOf(part);
    return [typeof kind === 'string' ? kind : String(i), part];
  });
}

function changesOf(a: { readonly [key: string]: Json | undefined }, b: typeof a): Change[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const text = (value: Json | undefined): string => (value === undefined ? '' : canonicalJson(value));
  return names.filter((name) => text(a[name]) !== text(b[name])).map((name) => ({ name, a: a[name], b: b[name] }));
}

function arraysThatDiffer(a: Uint8Array, b: Uint8Array): string[] {
  const contents = (file: Uint8Array): Map<string, RawArray> =>
    new Map(takeApart(file).arrays.map((array) => [array.name, array]));
  const [before, after] = [contents(a), contents(b)];
  return [...new Set([...before.keys(), ...after.keys()])].filter((name) => !isSame(before.get(name), after.get(name)));
}

function isSame(a: RawArray | undefined, b: RawArray | undefined): boolean {
  if (a === undefined || b === undefined || a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  const [x, y] = [new Uint8Array(a.values.buffer), new Uint8Array(b.values.buffer)];
  return x.length === y.length && x.every((byte, k) => byte === y[k]);
}

function spreadOf({ observed, min, q01, q25, q75, q99, max }: FeatureSummary): number {
  return observed === 0 ? 0 : Math.max((q75 - q25) / 1.349, (q99 - q01) / 4.653, (max - min) / 20);
}

function moveOf(a: FeatureSummary, b: FeatureSummary, stability: Stability): FeatureMove {
  const distance = a.observed === 0 || b.observed === 0 ? 0 : Math.abs(b.median - a.median);
  const missingShare = ({ observed, missing }: FeatureSummary): number => missing / (observed + missing);
  return {
    name: a.name,
    a,
    b,
    shift: distance === 0 ? 0 : distance / Math.max(spreadOf(a), spreadOf(b)),
    missing: { a: missingShare(a), b: missingShare(b) },
    stability,
  };
}

function stabilityOf(a: Model, b: Model, j: number, place: number, features: number): Stability {
  const reference = a.training.reference;
  const anchor = b.training.reference?.anchor;
  if (reference === undefined || anchor === undefined) {
    const index = summaryIndex(a.training.features[j], b.training.features[place]);
    return { index, from: 'summary', limit: undefined };
  }
  const counts = new Float64Array(reference.counts.length);
  // Only this feature is asked for; the others count themselves for nothing.
  const rows = { features: b.featureNames.map((name) => ({ name, unit: '', meaning: '' })), ...anchor };
  const own = {
    ...reference,
    points: reference.points.subarray((reference.points.length / a.featureNames.length) * j),
  };
  countBins(own, rows, Int32Array.of(place), counts);
  const { index, limit } = stabilityOfCounts(
    reference.counts.subarray(j * BIN_PLACES, (j + 1) * BIN_PLACES),
    counts.subarray(0, BIN_PLACES),
    { chance: 0.01 / features },
  );
  return { index, from: 'rows', limit };
}

const LEVELS = [
  ['min', 0],
  ['q01', 0.01],
  ['q05', 0.05],
  ['q25', 0.25],
  ['median', 0.5],
  ['q75', 0.75],
  ['q95', 0.95],
  ['q99', 0.99],
  ['max', 1],
] as const;

/** The share of values below v, or at most v, by a summary's quantiles, evenly between them. */
function shareUpTo(summary: FeatureSummary, v: number, andEqual: boolean): number {
  let share = 0;
  for (let k = 0; k < LEVELS.length; k++) {
    const at = summary[LEVELS[k][0]];
    if (at < v || (andEqual && at === v)) share = LEVELS[k][1];
    else {
      if (k === 0) return 0;
      const last = summary[LEVELS[k - 1][0]];
      // At the level itself nothing of the stretch behind it lies below.
      return last >= v ? share : share + ((LEVELS[k][1] - share) * (v - last)) / (at - last);
    }
  }
  return share;
}

/** The index from two summaries: bins between the quantiles of the first; a quantile that several levels share is a bin of its own. */
function summaryIndex(a: FeatureSummary, b: FeatureSummary): number {
  const sharesOf = (summary: FeatureSummary): number[] => {
    const rows = summary.observed + summary.missing;
    const shares = [summary.missing / rows];
    const present = summary.observed / rows;
    let last = 0;
    const points = [...new Set(LEVELS.slice(1, -1).map(([name]) => a[name]))];
    for (const point of points) {
      const below = summary.observed === 0 ? 0 : shareUpTo(summary, point, false);
      const upTo = summary.observed === 0 ? 0 : shareUpTo(summary, point, true);
      shares.push(present * (below - last), present * (upTo - below));
      last = upTo;
    }
    shares.push(present * (1 - last));
    return shares;
  };
  const [p, q] = [sharesOf(a), sharesOf(b)];
  let index = 0;
  p.forEach((share, k) => {
    if (share <= 0 && q[k] <= 0) return;
    const [x, y] = [Math.max(share, SHARE_FLOOR), Math.max(q[k], SHARE_FLOOR)];
    index += (y - x) * Math.log(y / x);
  });
  return index;
}

/** What two models say of the same rows. */
export interface ScoreDiff {
  readonly rows: number;
  /** Spearman's rank correlation, -1 .. 1, ties at their mean rank; undefined where one of them gave all rows one score. */
  readonly correlation: number | undefined;
  /** Mean and largest difference of scores. */
  readonly meanDifference: number;
  readonly largestDifference: number;
  /** At each model's own threshold for the budget; undefined where one of them cannot tell so rare a thing. */
  readonly sides:
    | {
        readonly rate: number;
        readonly both: number;
        readonly onlyA: number;
        readonly onlyB: number;
        readonly neither: number;
        /** Rows over one threshold alone, the largest difference first; at most `most`. */
        readonly changed: readonly number[];
      }
    | undefined;
  /** Rows whose scores differ most; at most `most`. */
  readonly movers: readonly number[];
}

/**
 * Compares scores of the same rows, as `Model.score` gave them.
 * @param rate the false-positive budget, above 0 and at most 1
 * Throws a `ModelError` for no rows.
 */
export function compareScores(
  a: Model,
  b: Model,
  scores: { readonly a: Float64Array; readonly b: Float64Array },
  { rate = 0.01, most = 10 }: { readonly rate?: number; readonly most?: number } = {},
): ScoreDiff {
  const n = scores.a.length;
  if (n !== scores.b.length) throw new Error(`${n} scores were to be compared with ${scores.b.length}`);
  if (n === 0)
    throw new ModelError('The models cannot be compared on no rows.', 'Give an input with at least one record.');
  const apart = Float64Array.from(scores.a, (score, row) => Math.abs(score - scores.b[row]));
  const isOver =
    (score: Float64Array): ((row: number) => boolean) =>
    (row) =>
      score[row] > 1 - rate;
  const [overA, overB] = [isOver(scores.a), isOver(scores.b)];
  const reachable = [a, b].every(({ calibration }) => rate > calibration.tail.floor && rate <= 1);
  let both = 0;
  let onlyA = 0;
  let onlyB = 0;
  let total = 0;
  let largest = 0;
  for (let row = 0; row < n; row++) {
    total += apart[row];
    largest = Math.max(largest, apart[row]);
    if (overA(row) && overB(row)) both++;
    else if (overA(row)) onlyA++;
    else if (overB(row)) onlyB++;
  }
  return {
    rows: n,
    correlation: correlationOf(ranksOf(scores.a), ranksOf(scores.b)),
    meanDifference: total / n,
    largestDifference: largest,
    sides: reachable
      ? {
          rate,
          both,
          onlyA,
          onlyB,
          neither: n - both - onlyA - onlyB,
          changed: largestOf(apart, most, (row) => overA(row) !== overB(row)),
        }
      : undefined,
    movers: largestOf(apart, most, (row) => apart[row] > 0),
  };
}

/** The rows with the largest values, of equal ones the first first. */
function largestOf(values: Float64Array, most: number, isAsked: (row: number) => boolean): number[] {
  const rows: number[] = [];
  for (let row = 0; row < values.length; row++) {
    if (!isAsked(row)) continue;
    if (rows.length === most && values[row] <= values[rows[most - 1]]) continue;
    let place = rows.length;
    while (place > 0 && values[rows[place - 1]] < values[row]) place--;
    rows.splice(place, 0, row);
    if (rows.length > most) rows.pop();
  }
  return rows;
}

/** Ranks from 1, equal values at the mean of theirs. */
function ranksOf(values: Float64Array): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, row) => row).sort((a, b) => values[a] - values[b]);
  const ranks = new Float64Array(values.length);
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let k = from; k < to; k++) ranks[order[k]] = (from + to + 1) / 2;
  }
  return ranks;
}

function correlationOf(a: Float64Array, b: Float64Array): number | undefined {
  const mean = (a.length + 1) / 2;
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let row = 0; row < a.length; row++) {
    const [x, y] = [a[row] - mean, b[row] - mean];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? undefined : ab / Math.sqrt(aa * bb);
}
