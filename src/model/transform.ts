import { z } from 'zod';
import { type Json, nearest, quantileSorted, safeText } from '../core/index.ts';
import { checkPart, damaged, type LoadedModel, type Tensor, takeTensor } from './file.ts';
import { ModelError } from './model.ts';
import { type FeatureStatistics, type measureFeatures, robustScales, STATISTICS } from './training.ts';

/**
 * What is done to each feature before a model sees it: learned on the rows that the model is fitted on, saved with it, and never learned again. One feature in, one feature out, so that an
 * explanation speaks of the features as they were given, in their own units.
 *
 * - `none`: as it is.
 * - `robust`: minus the median, divided by the robust spread (`robustScales`).
 * - `log`: a logarithm first, for quantities that span decades. ln(1 + x / unit) where no fitted value is negative, with the unit 1 for whole numbers and at most the usual size of what is
 *   not 0 otherwise; arsinh((x - median) / spread) where some are, which is a logarithm to both sides.
 * - `quantile`: the place among the fitted values as a normal score, Phi^-1 of the share below, which is blind to distances within the fitted range.
 * - `frequency`: minus ln of the share of the fitted rows with that very value, for numbers that are names or classes. A value that was not seen is as rare as one of all rows. Of very many
 *   values the 256 most frequent are kept; the others are as rare as one not seen.
 * - `auto`: `frequency` where the fitted values are at most 16 different ones and there are 64 rows or more; `log` where the farthest value lies more than ten spreads from the median; `robust` otherwise.
 *
 * All but `none` end in robust scaling and a clip that is soft: up to 5 scales from the median nothing changes, beyond them the rest grows as ln(1 + rest). So no single feature decides a
 * distance alone, and what is farther out still is farther out. A hard clip at 3 finds a little more on NSL-KDD and loses a point of AUROC on sets where strange means far out
 * (docs/decisions.md has the figures).
 *
 * **Missing values** take the median of the fitted ones first, which is then transformed: ordinary, as in every model here. What comes out is a Float32, at fit and at score.
 */
export const TRANSFORM_METHODS = ['none', 'log', 'robust', 'quantile', 'frequency'] as const;
export type TransformMethod = (typeof TRANSFORM_METHODS)[number];
export type TransformChoice = TransformMethod | 'auto';

/** For all features alike, or by feature, with `none` for those that are not named. */
export type TransformOption = TransformChoice | Readonly<Record<string, TransformChoice>>;

/** What was learned for one feature, for people. */
export interface TransformSummary {
  readonly feature: string;
  readonly method: TransformMethod;
  /** What is taken off, and what it is divided by, after the logarithm or the table where there is one. */
  readonly centre: number;
  readonly scale: number;
}

/** The choice that means nothing is done. */
export function isPlain(option: TransformOption | undefined): boolean {
  return (
    option === undefined ||
    option === 'none' ||
    (typeof option === 'object' && Object.values(option).every((c) => c === 'none'))
  );
}

const CHOICES: readonly string[] = [...TRANSFORM_METHODS, 'auto'];
const FEW_VALUES = 16;
const FEW_VALUES_ROWS = 64;
const MAX_VALUES = 256;
const HEAVY = 10;
export const SOFT = 5;
/** Knots of a quantile transform, evenly spaced normal scores from -SCORE_END to SCORE_END. */
const QUANTILE_KNOTS = 129;
const SCORE_END = 3;
/** More than this no transform gives, so that squares and sums of what comes out stay exact enough. */
export const MAX_OUT = 1e6;

/** Throws a `ModelError` for a transform that there is not, or of a feature that there is not. */
function choicesOf(option: TransformOption, names: readonly string[]): TransformChoice[] {
  const check = (choice: string): void => {
    if (CHOICES.includes(choice)) return;
    throw new ModelError(
      `There is no transform '${safeText(choice, 60)}'.`,
      `Did you mean '${nearest(choice, CHOICES) ?? 'auto'}'?`,
    );
  };
  if (typeof option === 'string') {
    check(option);
    return names.map(() => option);
  }
  const known = new Set(names);
  for (const [name, choice] of Object.entries(option)) {
    if (!known.has(name))
      throw new ModelError(
        `A transform is given for the feature '${safeText(name, 100)}', which the rows do not have.`,
        `Did you mean '${safeText(nearest(name, names) ?? names[0] ?? '', 100)}'?`,
      );
    check(choice);
  }
  return names.map((name) => (Object.hasOwn(option, name) ? option[name] : 'none'));
}

/** One feature's transform. */
interface Step {
  readonly method: TransformMethod;
  /** Of the logarithm. */
  readonly symmetric: boolean;
  readonly origin: number;
  readonly unit: number;
  /** Of the scaling that comes last. */
  readonly centre: number;
  readonly scale: number;
  /** Of `quantile` and `frequency`: values in ascending order and what each becomes; empty otherwise. */
  readonly at: Float64Array;
  readonly to: Float64Array;
  /** Of `frequency`: what a value that is not in the table becomes. */
  readonly otherwise: number;
}

const NOTHING = new Float64Array(0);
const PLAIN: Step = {
  method: 'none',
  symmetric: false,
  origin: 0,
  unit: 1,
  centre: 0,
  scale: 1,
  at: NOTHING,
  to: NOTHING,
  otherwise: 0,
};

/** The transforms of all features of a model. Immutable. */
export class Transforms {
  /** Of the rows before anything was done to them. */
  readonly statistics: FeatureStatistics;
  /** Of what the model was fitted on. */
  readonly transformed: FeatureStatistics;
  readonly #steps: readonly Step[];

  constructor(steps: readonly Step[], statistics: FeatureStatistics, transformed: FeatureStatistics) {
    this.#steps = steps;
    this.statistics = statistics;
    this.transformed = transformed;
  }

  /** Transforms `count` rows in place; no value may be missing. */
  apply(values: Float64Array, from: number, count: number): void {
    const d = this.#steps.length;
    for (let j = 0; j < d; j++) {
      const step = this.#steps[j];
      if (step.method === 'none') continue;
      for (let i = 0, o = from + j; i < count; i++, o += d) values[o] = stepped(step, values[o]);
    }
  }

  /** What a value of feature j becomes. */
  at(j: number, v: number): number {
    return stepped(this.#steps[j], v);
  }

  summaries(names: readonly string[]): TransformSummary[] {
    return this.#steps.map(({ method, centre, scale }, j) => ({ feature: names[j], method, centre, scale }));
  }

  /** What of it belongs into a model file, beside `statistics`. */
  save(): { readonly parameter: Json; readonly tensors: readonly Tensor[] } {
    const d = this.#steps.length;
    const table = new Float64Array(2 * this.#steps.reduce((sum, { at }) => sum + at.length, 0));
    let filled = 0;
    for (const { at, to } of this.#steps) {
      table.set(at, filled);
      table.set(to, filled + at.length);
      filled += 2 * at.length;
    }
    const statistics = new Float64Array(ORDERED.length * d);
    ORDERED.forEach((name, k) => {
      statistics.set(this.transformed[name], k * d);
    });
    return {
      parameter: this.#steps.map(({ method, symmetric, origin, unit, centre, scale, at, otherwise }) => {
        if (method === 'none') return { method };
        return {
          method,
          centre,
          scale,
          ...(method === 'log' ? { symmetric, origin, unit } : {}),
          ...(at.length > 0 ? { table: at.length } : {}),
          ...(method === 'frequency' ? { otherwise } : {}),
        };
      }),
      tensors: [
        { name: 'transform.statistics', shape: [ORDERED.length, d], data: statistics },
        ...(table.length > 0 ? [{ name: 'transform.table', shape: [table.length], data: table }] : []),
      ],
    };
  }

  /**
   * Takes the transforms out of a model file; the rest is as if there had never been any, with the statistics of what the model itself saw. Undefined where the file has none. Throws a
   * `ModelError` for what is not sound.
   */
  static takeFrom(file: LoadedModel): { readonly transforms: Transforms; readonly rest: LoadedModel } | undefined {
    const { parameters } = file;
    if (typeof parameters !== 'object' || parameters === null || !Object.hasOwn(parameters, 'transform'))
      return undefined;
    const { transform, ...left } = parameters as { readonly transform?: unknown };
    const saved = checkPart(transform, stepsSchema, 'transforms');
    const d = file.featureNames.length;
    if (saved.length !== d) throw damaged('it has not as many transforms as features');
    const tensors = new Map(file.tensors);
    const length = 2 * saved.reduce((sum, { table = 0 }) => sum + table, 0);
    const table = length === 0 ? NOTHING : takeTensor(tensors, 'transform.table', 'F64', [length]);
    if (length === 0 && tensors.has('transform.table')) throw damaged('it has a table that no transform uses');
    const { observed, missing } = file.statistics;
    const transformed = readOrdered(
      takeTensor(tensors, 'transform.statistics', 'F64', [ORDERED.length, d]),
      observed,
      missing,
    );
    tensors.delete('transform.table');
    tensors.delete('transform.statistics');
    let from = 0;
    const steps = saved.map((step): Step => {
      const { method, table: size = 0 } = step;
      const at = table.slice(from, from + size);
      const to = table.slice(from + size, from + 2 * size);
      from += 2 * size;
      if (
        size === 0 ? method === 'quantile' || method === 'frequency' : method !== 'quantile' && method !== 'frequency'
      )
        throw damaged('a transform has no table, or one that it does not use');
      for (let k = 0; k < size; k++)
        if (!Number.isFinite(at[k]) || !(Math.abs(to[k]) <= 1000) || (k > 0 && at[k] <= at[k - 1]))
          throw damaged('the table of a transform is not in order');
      const { symmetric = false, origin = 0, unit = 1, centre = 0, scale = 1, otherwise = 0 } = step;
      return { method, symmetric, origin, unit, centre, scale, at, to, otherwise };
    });
    return {
      transforms: new Transforms(steps, file.statistics, transformed),
      rest: { ...file, statistics: transformed, parameters: left, tensors },
    };
  }
}

const ORDERED = STATISTICS.slice(2);
const finite = z.number().refine(Number.isFinite);
const positive = finite.refine((v) => v > 0);
const stepsSchema = z.array(
  z.strictObject({
    method: z.enum(TRANSFORM_METHODS),
    symmetric: z.boolean().optional(),
    origin: finite.optional(),
    unit: positive.optional(),
    centre: finite.optional(),
    scale: positive.optional(),
    table: z.number().int().min(1).max(MAX_VALUES).optional(),
    otherwise: finite.refine((v) => Math.abs(v) <= 1000).optional(),
  }),
);

function readOrdered(table: Float64Array, observed: Float64Array, missing: Float64Array): FeatureStatistics {
  const d = observed.length;
  const row = (k: number): Float64Array => table.slice(k * d, (k + 1) * d);
  for (let j = 0; j < d; j++)
    for (let k = 0; k < ORDERED.length; k++) {
      const v = table[k * d + j];
      if (!(Math.abs(v) <= 3.5e38) || (k > 0 && v < table[(k - 1) * d + j]))
        throw damaged(`the transformed statistics of feature ${j} are not in order`);
    }
  const [min, q01, q05, q25, median, q75, q95, q99, max] = ORDERED.map((_, k) => row(k));
  return { observed, missing, min, q01, q05, q25, median, q75, q95, q99, max };
}

function stepped(step: Step, v: number): number {
  if (step.method === 'none') return v;
  const y = (shaped(step, v) - step.centre) / step.scale;
  const size = y < 0 ? -y : y;
  if (size <= SOFT) return Math.fround(y);
  const soft = Math.min(MAX_OUT, SOFT + Math.log1p(size - SOFT));
  return Math.fround(y < 0 ? -soft : soft);
}

/** The value on the axis on which it is scaled. */
function shaped({ method, symmetric, origin, unit, at, to, otherwise }: Step, v: number): number {
  switch (method) {
    case 'log': {
      const x = (v - origin) / unit;
      if (symmetric) return Math.asinh(x);
      return x < 0 ? -Math.log1p(-x) : Math.log1p(x);
    }
    case 'quantile':
      return normalScore(at, to, v);
    case 'frequency': {
      const k = lowerBound(at, v);
      return k < at.length && at[k] === v ? to[k] : otherwise;
    }
    default:
      return v;
  }
}

/** The first place whose value is not below `v`. */
function lowerBound(sorted: ArrayLike<number>, v: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < v) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Straight lines between the knots; beyond them on, by the logarithm of the distance in the range of the knots. */
function normalScore(at: Float64Array, to: Float64Array, v: number): number {
  const last = at.length - 1;
  const range = at[last] - at[0];
  const beyond = (distance: number): number =>
    Math.log1p(distance / (range > 0 ? range : Math.max(1, Math.abs(at[0]))));
  if (v > at[last]) return to[last] + beyond(v - at[last]);
  if (v < at[0]) return to[0] - beyond(at[0] - v);
  const k = lowerBound(at, v);
  if (at[k] === v) return to[k];
  return to[k - 1] + ((to[k] - to[k - 1]) * (v - at[k - 1])) / (at[k] - at[k - 1]);
}

/** Phi^-1, by bisection of the Abramowitz and Stegun 7.1.26 approximation of the error function (1.5e-7): only for making 129 knots. */
function normalShare(score: number): number {
  const x = Math.abs(score) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const tail =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) *
    Math.exp(-x * x);
  return score < 0 ? tail / 2 : 1 - tail / 2;
}

/** Rows of values that a transform is learned on and applied to, row-major, NaN where missing. */
export interface TransformInput {
  readonly values: Float32Array;
  readonly rowCount: number;
  readonly names: readonly string[];
  /** Of these rows. */
  readonly statistics: FeatureStatistics;
  /** Rows from which shapes are learned; all where undefined. */
  readonly sample?: Int32Array | undefined;
}

/**
 * Learns the transforms of the rows, and transforms these: `values` become what the model is to see, missing ones with the transformed median in their place.
 * Throws a `ModelError` for a transform or a feature that there is not.
 * @param measure statistics of rows, for which missing values are still missing.
 */
export function learnTransforms(
  option: TransformOption,
  { values, rowCount, names, statistics, sample }: TransformInput,
  measure: (values: Float32Array) => ReturnType<typeof measureFeatures>,
): Transforms {
  const d = names.length;
  const choices = choicesOf(option, names);
  const column = new Float32Array(sample?.length ?? rowCount);
  const steps = choices.map((choice, j): Step => {
    if (choice === 'none' || statistics.observed[j] === 0) return PLAIN;
    let seen = 0;
    for (let i = 0; i < column.length; i++) {
      const v = values[(sample === undefined ? i : sample[i]) * d + j];
      if (Number.isNaN(v)) continue;
      column[seen++] = v > 3.4e38 ? 3.4028234663852886e38 : v < -3.4e38 ? -3.4028234663852886e38 : v;
    }
    // Too rare for the sample to hold one.
    if (seen === 0) column[seen++] = statistics.median[j];
    return learnStep(choice, column.subarray(0, seen).sort(), rowCount);
  });
  const first = new Transforms(steps, statistics, statistics);
  const row = new Float64Array(d);
  for (let i = 0; i < rowCount; i++) {
    for (let j = 0; j < d; j++) {
      const v = values[i * d + j];
      row[j] = v > 3.4e38 ? 3.4028234663852886e38 : v < -3.4e38 ? -3.4028234663852886e38 : v;
    }
    // A missing value stays one: NaN goes through every step, but for the table of frequencies, which is asked for what is there alone.
    first.apply(row, 0, 1);
    for (let j = 0; j < d; j++) values[i * d + j] = Number.isNaN(values[i * d + j]) ? Number.NaN : row[j];
  }
  const transforms = new Transforms(steps, statistics, measure(values));
  for (let j = 0; j < d; j++) {
    const median = transforms.at(j, statistics.median[j]);
    for (let i = 0, o = j; i < rowCount; i++, o += d) if (Number.isNaN(values[o])) values[o] = median;
  }
  return transforms;
}

/** @param sorted values that were there, ascending, at least one. @param rows all fitted rows. */
function learnStep(choice: TransformChoice, sorted: Float32Array, rows: number): Step {
  const n = sorted.length;
  const low = sorted[0];
  const high = sorted[n - 1];
  const quantile = (q: number): number => quantileSorted(sorted, q);
  const median = quantile(0.5);
  const quartiles = (quantile(0.75) - quantile(0.25)) / 1.349;
  const spread = Math.max(quartiles, (quantile(0.99) - quantile(0.01)) / 4.653);
  const isHeavy = Math.max(high - median, median - low) > HEAVY * spread && high > low;
  const method =
    choice !== 'auto'
      ? choice
      : n >= FEW_VALUES_ROWS && low < high && distinctAtMost(sorted, FEW_VALUES)
        ? 'frequency'
        : isHeavy
          ? 'log'
          : 'robust';
  const step: Step = { ...PLAIN, method };
  const shape = ((): Step => {
    if (method === 'log') {
      if (low >= 0) return { ...step, unit: logUnit(sorted) };
      return { ...step, symmetric: true, origin: median, unit: quartiles || spread || (high - low) / 20 || 1 };
    }
    if (method === 'quantile') return { ...step, ...quantileTable(sorted) };
    if (method === 'frequency') return { ...step, ...frequencyTable(sorted, rows) };
    return step;
  })();
  const moved = Float64Array.from(sorted, (v) => shaped(shape, v)).sort();
  const [scale] = robustScales({
    observed: Float64Array.of(n),
    missing: Float64Array.of(0),
    min: moved.slice(0, 1),
    q01: Float64Array.of(quantileSorted(moved, 0.01)),
    q05: Float64Array.of(quantileSorted(moved, 0.05)),
    q25: Float64Array.of(quantileSorted(moved, 0.25)),
    median: Float64Array.of(quantileSorted(moved, 0.5)),
    q75: Float64Array.of(quantileSorted(moved, 0.75)),
    q95: Float64Array.of(quantileSorted(moved, 0.95)),
    q99: Float64Array.of(quantileSorted(moved, 0.99)),
    max: moved.slice(n - 1),
  });
  return { ...shape, centre: quantileSorted(moved, 0.5), scale };
}

function distinctAtMost(sorted: Float32Array, most: number): boolean {
  let distinct = 1;
  for (let i = 1; i < sorted.length && distinct <= most; i++) if (sorted[i] !== sorted[i - 1]) distinct++;
  return distinct <= most;
}

/** 1 for whole numbers; else at most 1, and at most the middle of what is above 0. */
function logUnit(sorted: Float32Array): number {
  if (sorted.every(Number.isInteger)) return 1;
  const above = sorted.findIndex((v) => v > 0);
  return Math.min(1, sorted[(above + sorted.length) >> 1]);
}

/** Normal scores of knots; what stands for several has their mean. */
function quantileTable(sorted: Float32Array): Pick<Step, 'at' | 'to'> {
  const at: number[] = [];
  const sums: number[] = [];
  const counts: number[] = [];
  for (let k = 0; k < QUANTILE_KNOTS; k++) {
    const score = SCORE_END * ((2 * k) / (QUANTILE_KNOTS - 1) - 1);
    const ends = k === 0 ? 0 : k === QUANTILE_KNOTS - 1 ? 1 : normalShare(score);
    const value = quantileSorted(sorted, ends);
    const last = at.length - 1;
    if (last >= 0 && !(value > at[last])) {
      sums[last] += score;
      counts[last]++;
    } else {
      at.push(value);
      sums.push(score);
      counts.push(1);
    }
  }
  return { at: Float64Array.from(at), to: Float64Array.from(sums, (sum, k) => sum / counts[k]) };
}

/** Information of each value in nats, of the most frequent `MAX_VALUES`. */
function frequencyTable(sorted: Float32Array, rows: number): Pick<Step, 'at' | 'to' | 'otherwise'> {
  const n = sorted.length;
  const found: { value: number; count: number }[] = [];
  for (let i = 0; i < n; ) {
    let end = i + 1;
    while (end < n && sorted[end] === sorted[i]) end++;
    // -0 is 0.
    found.push({ value: sorted[i] + 0, count: end - i });
    i = end;
  }
  const kept = found
    .sort((a, b) => b.count - a.count || a.value - b.value)
    .slice(0, MAX_VALUES)
    .sort((a, b) => a.value - b.value);
  return {
    at: Float64Array.from(kept, ({ value }) => value),
    to: Float64Array.from(kept, ({ count }) => Math.log(n / count)),
    otherwise: Math.log(Math.max(n, rows)),
  };
}
