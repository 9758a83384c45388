import { counted, humanBytes, humanDuration, safeText } from '../core/index.ts';
import type { Feature, FeatureMatrix } from '../feature/index.ts';
import { checkWhole, robustScales } from './fit.ts';
import { alignFeatures, type Model, ModelError } from './model.ts';
import { clampFinite, type FeatureStatistics, type FeatureSummary } from './training.ts';

/**
 * The smallest change that would have made a record ordinary (Wachter, Mittelstadt, Russell: Counterfactual explanations without opening the black box, 2017), for any model: only scores are asked.
 *
 * Each feature may take an ordinary value: the 5th, 25th, 50th, 75th or 95th percentile of the training. Searched is, in this order,
 *
 * 1. the fewest features: all single ones, then pairs and triples of those that help most by themselves, all of them as far as the bound on scores allows; where three are not enough, one after the other the
 *    feature that helps most (greedy), and then each that is no longer needed is given back;
 * 2. among sets of one size the least change in all, each in units of the feature's robust spread, after
 * 3. each change was shrunk: by bisection between the value and its ordinary one to the least that still suffices. Values of features that count or name classes stay whole, or do not shrink.
 *
 * What it says is exact, for the changed record is scored; that there is no smaller change is exact for one to three features as far as those five values and `maxScores` reach, and not beyond. It says nothing of cause: a change may
 * be one that the world can't make. A model in which features act together may need many.
 *
 * Cost: at most `maxScores` scores, some thousands mostly. No chance is in it.
 */
export interface SmallestChangeOptions {
  /** The score to come down to, 0 .. 1; default 0.95: of 20 ordinary records one looks as strange. */
  readonly score?: number;
  /** Features that may change, 1 .. 100, default 5. */
  readonly maxFeatures?: number;
  /** Records that may be scored, 100 .. 1,000,000, default 20,000. */
  readonly maxScores?: number;
}

/** One value that would have had to be another. */
export interface ValueChange {
  readonly feature: string;
  /** undefined where it was missing. */
  readonly from: number | undefined;
  readonly to: number;
  /** How far that is in units of the feature's robust spread; 0 for a value that was missing. */
  readonly distance: number;
}

export interface SmallestChange {
  /** The score of the record as it is, and with the changes; both as the model gives them. */
  readonly before: number;
  readonly after: number;
  /** Score that was asked for. */
  readonly target: number;
  /** Largest first; empty where the record is ordinary as it is. */
  readonly changes: readonly ValueChange[];
  /** False where no change of so few features suffices: then `changes` is what came nearest. */
  readonly found: boolean;
  /** Records scored, and whether the search was cut short by `maxScores`. */
  readonly scored: number;
  readonly cut: boolean;
}

const QUANTILES = ['median', 'q25', 'q75', 'q05', 'q95'] as const;
const EXACT_SIZE = 3;
/** Sets of one size that are shrunk before the least is taken, the best scores first. */
const SHRUNK = 12;
const HALVINGS = 16;
/** Records scored at once. */
const BATCH_VALUES = 1 << 18;

/** A set of features, each with the value it takes. */
interface Candidate {
  readonly columns: readonly number[];
  readonly values: readonly number[];
  readonly raw: number;
}

/**
 * The smallest change of a row after which the model gives at most the score asked for. Values are in the units of the matrix.
 *
 * Throws a `ModelError` when a feature is absent or an option out of range, and a RangeError for a row that isn't there.
 */
export function smallestChange(
  model: Model,
  matrix: FeatureMatrix,
  row: number,
  options: SmallestChangeOptions = {},
): SmallestChange {
  const { score: target = 0.95, maxFeatures = 5, maxScores = 20_000 } = options;
  if (!(target >= 0 && target < 1))
    throw new ModelError(
      `A record can't be brought to the score ${target}.`,
      'Give a score from 0 to below 1, such as 0.95.',
    );
  checkWhole('A smallest change', 'maxFeatures', maxFeatures, 1, 100);
  checkWhole('A smallest change', 'maxScores', maxScores, 100, 1_000_000);
  const search = new Search(model, matrix, row, target, maxScores);
  const before = search.before;
  if (before <= target) return search.result([], true);
  const best = search.fewest(Math.min(maxFeatures, model.featureNames.length));
  return search.result(best.changes, best.found);
}

class Search {
  readonly before: number;
  scored = 0;
  cut = false;
  readonly #model: Model;
  readonly #target: number;
  readonly #maxScores: number;
  readonly #features: readonly Feature[];
  readonly #record: Float32Array;
  readonly #scales: Float64Array;
  /** Ordinary values of each feature that differ from the record's. */
  readonly #ordinary: readonly (readonly number[])[];
  readonly #whole: readonly Whole[];

  constructor(model: Model, matrix: FeatureMatrix, row: number, target: number, maxScores: number) {
    const columns = alignFeatures(model.featureNames, matrix);
    if (!Number.isInteger(row) || row < 0 || row >= matrix.rowCount)
      throw new RangeError(`row ${row} is not in a matrix of ${matrix.rowCount} rows`);
    this.#model = model;
    this.#target = target;
    this.#maxScores = maxScores;
    const width = matrix.features.length;
    this.#features = Array.from(columns, (column) => matrix.features[column]);
    this.#record = Float32Array.from(columns, (column) => clampFinite(matrix.values[row * width + column]));
    const { features } = model.training;
    this.#scales = robustScales(statisticsOf(features));
    this.#whole = features.map((summary, j) => wholeness(summary, this.#features[j], this.#record[j]));
    this.#ordinary = features.map((summary, j) => {
      const value = this.#record[j];
      if (summary.observed === 0) return [];
      const choices = QUANTILES.map((name) => this.#fit(j, summary[name]));
      return [...new Set(choices)].filter((choice) => choice !== value);
    });
    this.before = this.#final([]);
  }

  /** A value as the feature can have it. */
  #fit(j: number, value: number): number {
    const whole = this.#whole[j];
    if (whole === 'none') return Math.fround(value);
    if (whole === 'class' || whole === 'whole') return Math.round(value);
    return Math.fround(Math.log1p(Math.round(Math.expm1(value))));
  }

  #apply(columns: readonly number[], values: readonly number[], into: Float32Array, at: number): void {
    into.set(this.#record, at);
    columns.forEach((j, k) => {
      into[at + j] = values[k];
    });
  }

  /** The calibrated score with changes, as anyone gets it. */
  #final(changes: readonly { readonly j: number; readonly to: number }[]): number {
    const values = new Float32Array(this.#record.length);
    this.#apply(
      changes.map(({ j }) => j),
      changes.map(({ to }) => to),
      values,
      0,
    );
    this.scored++;
    return this.#model.score({ features: this.#features, rowCount: 1, values })[0];
  }

  /** Raw scores of the record with each of the changes; fewer than asked for where the bound is reached. */
  #scoreAll(sets: readonly Omit<Candidate, 'raw'>[]): Candidate[] {
    const d = this.#record.length;
    const room = Math.max(0, this.#maxScores - this.scored);
    if (sets.length > room) this.cut = true;
    const taken = sets.slice(0, room);
    this.scored += taken.length;
    const perBatch = Math.max(1, Math.floor(BATCH_VALUES / d));
    const out: Candidate[] = [];
    for (let from = 0; from < taken.length; from += perBatch) {
      const part = taken.slice(from, from + perBatch);
      const values = new Float32Array(part.length * d);
      part.forEach((set, i) => {
        this.#apply(set.columns, set.values, values, i * d);
      });
      const raws = this.#model.rawScore({ features: this.#features, rowCount: part.length, values });
      part.forEach((set, i) => {
        out.push({ ...set, raw: raws[i] });
      });
    }
    return out;
  }

  #suffices(raw: number): boolean {
    return this.#model.calibration.score(raw) <= this.#target;
  }

  fewest(most: number): { readonly changes: readonly Shrunk[]; readonly found: boolean } {
    const singles = this.#scoreAll(
      this.#order().flatMap((j) => this.#ordinary[j].map((value) => ({ columns: [j], values: [value] }))),
    ).sort(byRaw);
    let nearest: Candidate | undefined = singles[0];
    let sets = singles;
    // The best two values of each feature, the most helpful feature first.
    const choices = new Map<number, number[]>();
    for (const { columns, values } of singles) {
      const known = choices.get(columns[0]);
      if (known === undefined) choices.set(columns[0], [values[0]]);
      else if (known.length < 2) known.push(values[0]);
    }
    for (let size = 1; size <= Math.min(most, EXACT_SIZE); size++) {
      if (size > 1) sets = this.#scoreAll(combinations([...choices], size, this.#share(size))).sort(byRaw);
      if (sets.length > 0 && (nearest === undefined || sets[0].raw < nearest.raw)) nearest = sets[0];
      const enough = sets.filter(({ raw }) => this.#suffices(raw));
      if (enough.length > 0) return { changes: this.#least(enough), found: true };
    }
    const greedy = most > EXACT_SIZE ? this.#greedy(nearest, most) : nearest;
    if (greedy === undefined) return { changes: [], found: false };
    if (this.#suffices(greedy.raw)) return { changes: this.#least([this.#prune(greedy)]), found: true };
    // Where each by itself changes nothing, as in the largest of several, those that carried the score are changed together.
    const together = this.#scoreAll(most > EXACT_SIZE ? this.#together(most, choices) : []);
    const first = together.find(({ raw }) => this.#suffices(raw));
    if (first !== undefined) return { changes: this.#least([this.#prune(first)]), found: true };
    return { changes: this.#changesOf(greedy), found: false };
  }

  /** The features that carried most of the score, the first of them, the first two, and so on, each at its best value. */
  #together(most: number, choices: ReadonlyMap<number, readonly number[]>): Omit<Candidate, 'raw'>[] {
    const columns = this.#byContribution()
      .filter((j) => choices.has(j))
      .slice(0, most);
    return columns.map((_, k) => {
      const chosen = columns.slice(0, k + 1);
      return { columns: chosen, values: chosen.map((j) => choices.get(j)?.[0] ?? 0) };
    });
  }

  #byContribution(): number[] {
    const places = new Map(this.#model.featureNames.map((name, j) => [name, j]));
    const record = { features: this.#features, rowCount: 1, values: this.#record.slice() };
    return this.#model
      .explain(record, 0)
      .contributions.toSorted((a, b) => b.rawContribution - a.rawContribution)
      .map(({ feature }) => places.get(feature) ?? 0);
  }

  /** The features; where they are too many to try them all, those that carried most of the score. */
  #order(): number[] {
    const all = this.#record.length;
    const room = Math.floor(this.#maxScores / 2 / QUANTILES.length);
    if (all <= room) return Array.from({ length: all }, (_, j) => j);
    this.cut = true;
    return this.#byContribution().slice(0, room);
  }

  /** How much of what may still be scored goes into sets of one size: enough is left for shrinking. */
  #share(size: number): number {
    return Math.floor((this.#maxScores - this.scored) * (size === 2 ? 0.3 : 0.6));
  }

  #greedy(from: Candidate | undefined, most: number): Candidate | undefined {
    let best = from;
    while (best !== undefined && best.columns.length < most && !this.#suffices(best.raw)) {
      const { columns, values, raw } = best;
      const next = this.#scoreAll(
        this.#ordinary.flatMap((choices, j) =>
          columns.includes(j) ? [] : choices.map((value) => ({ columns: [...columns, j], values: [...values, value] })),
        ),
      ).sort(byRaw)[0];
      if (next === undefined || next.raw >= raw) return best;
      best = next;
    }
    return best;
  }

  /** Gives back what is no longer needed, the least helpful first. */
  #prune(from: Candidate): Candidate {
    let best = from;
    for (;;) {
      const { columns, values } = best;
      const without = this.#scoreAll(
        columns.map((_, k) => ({
          columns: columns.filter((_c, i) => i !== k),
          values: values.filter((_v, i) => i !== k),
        })),
      ).sort(byRaw)[0];
      if (columns.length === 1 || without === undefined || !this.#suffices(without.raw)) return best;
      best = without;
    }
  }

  /** The set with the least change in all, once each was shrunk. Candidates come by raw score; those that change least as they are go first. */
  #least(enough: readonly Candidate[]): Shrunk[] {
    const order = enough.toSorted(
      (a, b) => this.#cost(this.#changesOf(a)) - this.#cost(this.#changesOf(b)) || byRaw(a, b),
    );
    const seen = new Set<string>();
    let best: Shrunk[] | undefined;
    // By features, since several values of one set shrink to much the same.
    for (const candidate of order) {
      const name = candidate.columns.join(' ');
      if (seen.has(name) || seen.size >= SHRUNK) continue;
      seen.add(name);
      const shrunk = this.#shrink(candidate);
      if (best === undefined || this.#cost(shrunk) < this.#cost(best)) best = shrunk;
    }
    return best ?? [];
  }

  #cost(changes: readonly Shrunk[]): number {
    return changes.reduce((sum, { distance }) => sum + distance, 0);
  }

  #changesOf({ columns, values }: Candidate): Shrunk[] {
    return columns.map((j, k) => this.#changed(j, values[k]));
  }

  #changed(j: number, to: number): Shrunk {
    const from = this.#record[j];
    const distance = Number.isNaN(from) ? 0 : Math.abs(to - from) / this.#scales[j];
    return { j, to, distance };
  }

  /** Bisection of each change by itself, the widest first, the others as they stand. Every step that is kept suffices. */
  #shrink(candidate: Candidate): Shrunk[] {
    const { columns } = candidate;
    const values = [...candidate.values];
    const order = columns
      .map((j, k) => ({ k, distance: this.#changed(j, values[k]).distance }))
      .sort((a, b) => b.distance - a.distance || a.k - b.k);
    for (const { k } of order) {
      const j = columns[k];
      const from = this.#record[j];
      if (Number.isNaN(from) || this.#whole[j] === 'class') continue;
      let far = values[k];
      let near = from;
      for (let step = 0; step < HALVINGS; step++) {
        const middle = this.#fit(j, (near + far) / 2);
        if (middle === near || middle === far || (middle - near) * (far - middle) < 0) break;
        values[k] = middle;
        const [tried] = this.#scoreAll([{ columns, values: [...values] }]);
        if (tried === undefined) {
          values[k] = far;
          break;
        }
        if (this.#suffices(tried.raw)) far = middle;
        else near = middle;
      }
      values[k] = far;
    }
    return columns.map((j, k) => this.#changed(j, values[k]));
  }

  result(changes: readonly Shrunk[], found: boolean): SmallestChange {
    const after = changes.length === 0 ? this.before : this.#final(changes);
    return {
      before: this.before,
      after,
      target: this.#target,
      changes: changes
        .map(({ j, to, distance }): ValueChange => {
          const from = this.#record[j];
          return { feature: this.#model.featureNames[j], from: Number.isNaN(from) ? undefined : from, to, distance };
        })
        .sort((a, b) => b.distance - a.distance || (a.feature < b.feature ? -1 : 1)),
      found: found && after <= this.#target,
      scored: this.scored,
      cut: this.cut,
    };
  }
}

interface Shrunk {
  readonly j: number;
  readonly to: number;
  readonly distance: number;
}

function byRaw(a: Candidate, b: Candidate): number {
  return a.raw - b.raw || compareLists(a.columns, b.columns) || compareLists(a.values, b.values);
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

/** Sets of `size` features with each choice of their values: of as many of the first features as give at most `most` sets. */
function combinations(
  choices: readonly (readonly [number, readonly number[]])[],
  size: number,
  most: number,
): Omit<Candidate, 'raw'>[] {
  let pool = choices.length;
  while (pool >= size && binomial(pool, size) * 2 ** size > most) pool--;
  const out: Omit<Candidate, 'raw'>[] = [];
  const extend = (from: number, columns: readonly number[], values: readonly number[]): void => {
    if (columns.length === size) {
      out.push({ columns, values });
      return;
    }
    for (let i = from; i < pool; i++) {
      const [j, ordinary] = choices[i];
      for (const value of ordinary) extend(i + 1, [...columns, j], [...values, value]);
    }
  };
  extend(0, [], []);
  return out;
}

function binomial(n: number, k: number): number {
  let value = 1;
  for (let i = 0; i < k; i++) value = (value * (n - i)) / (i + 1);
  return value;
}

function statisticsOf(features: readonly FeatureSummary[]): FeatureStatistics {
  const of = (name: Exclude<keyof FeatureSummary, 'name'>): Float64Array => Float64Array.from(features, (f) => f[name]);
  return {
    observed: of('observed'),
    missing: of('missing'),
    min: of('min'),
    q01: of('q01'),
    q05: of('q05'),
    q25: of('q25'),
    median: of('median'),
    q75: of('q75'),
    q95: of('q95'),
    q99: of('q99'),
    max: of('max'),
  };
}

/** What values a feature takes: any, whole ones, whole ones under a logarithm, or the numbers of classes, between which there is nothing. */
type Whole = 'none' | 'whole' | 'log-whole' | 'class';

function wholeness(summary: FeatureSummary, feature: Feature, value: number): Whole {
  if (feature.unit === 'class') return 'class';
  const { min, q05, q25, median, q75, q95, max } = summary;
  const seen = [min, q05, q25, median, q75, q95, max, ...(Number.isNaN(value) ? [] : [value])];
  if (seen.every((v) => Number.isInteger(v))) return 'whole';
  // Time and size under a logarithm are continuous enough; counts are not.
  const log = feature.unit.startsWith('ln ') && !/^ln (ms|s|bytes|bits)$/.test(feature.unit);
  const counts =
    log &&
    seen.every(
      (v) =>
        v >= 0 && v < 20 && Math.abs(Math.expm1(v) - Math.round(Math.expm1(v))) < 1e-3 * Math.max(1, Math.expm1(v)),
    );
  return counts ? 'log-whole' : 'none';
}

/**
 * The change as a sentence: 'With 3 instead of 512 destinations it would have been ordinary (score 0.62).' Logarithms are undone, units are those of the features.
 *
 * @param features what is known of the features, by name; without one its value stands beside its name.
 * @param valueName names a class of a feature, where its numbers stand for something.
 */
export function changeSentence(
  change: SmallestChange,
  features: readonly Feature[],
  valueName: (feature: string, value: number) => string | undefined = () => undefined,
): string {
  const { changes, found, after, before } = change;
  if (changes.length === 0)
    return found
      ? `It is ordinary as it is (score ${showScore(before)}).`
      : 'No change of its features would have made it ordinary.';
  const parts = changes.map(({ feature, from, to }) => {
    const known = features.find(({ name }) => name === feature);
    const say = (value: number): string => valueName(feature, value) ?? plainNumber(known, value);
    const what = subjectOf(known, feature);
    if (from !== undefined && say(to) === say(from))
      return `${Number(to.toPrecision(7))} instead of ${Number(from.toPrecision(7))} for ${safeText(feature, 60)}`;
    return from === undefined
      ? `${say(to)}${what} instead of nothing known`
      : `${say(to)} instead of ${say(from)}${what}`;
  });
  const list = parts.length === 1 ? parts[0] : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
  return found
    ? `With ${list} it would have been ordinary (score ${showScore(after)}).`
    : `Not even with ${list} would it have been ordinary (score ${showScore(after)}).`;
}

/** ' destinations', or the name where the unit does not say what is counted. */
function subjectOf(feature: Feature | undefined, name: string): string {
  const unit = feature === undefined ? '' : feature.unit.replace(/^ln /, '');
  const counts = unit !== '' && !/^(ms|s|bytes|bits?|ratio.*|share.*|class|score.*|-?\d.*)$/.test(unit);
  return counts ? ` ${unit}${` (${safeText(name, 60)})`}` : ` for ${safeText(name, 60)}`;
}

function plainNumber(feature: Feature | undefined, value: number): string {
  const log = feature?.unit.startsWith('ln ') === true;
  const unit = feature?.unit.replace(/^ln /, '');
  const plain = log ? Math.expm1(value) : value;
  if (unit === 'ms') return humanDuration(plain);
  if (unit === 'bytes') return humanBytes(plain);
  if (unit === 'characters') return counted(Math.round(plain), 'character');
  return String(Number(plain.toPrecision(3)));
}

function showScore(score: number): string {
  return score > 0.995 ? String(Number(score.toPrecision(5))) : score.toFixed(2);
}
