import { counted, humanCount } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { Adwin, alignFeatures, countBins, type Model, stabilityOfCounts } from '../model/index.ts';
import {
  type DriftAdvice,
  type DriftSummary,
  driftDirection,
  type FeatureDrift,
  type ScoreChange,
  type ScoreDrift,
} from '../report/index.ts';

/**
 * Whether rows are still of the kind that a model was fitted on, measured batch by batch in memory that does not grow: bins of each feature, counts between the calibration scores, and the window
 * of ADWIN over the scores in the order in which rows come.
 *
 * With many rows every difference is beyond chance, so what decides is the size of the effect, and chance only forbids to see one in few rows:
 *
 * - a feature moved where its population stability index is 0.1 or more, far from 0.25, and exceeds what chance gives once in a thousand inputs for all features together (chi-square, Yurdakul 2018);
 * - the scores moved where the largest gap between their distribution and that of the calibration is 0.1 or more, far from 0.2, and exceeds the Kolmogorov-Smirnov bound at one in a thousand;
 * - the mean score changed where ADWIN cut its window (delta 0.0001) and the means on both sides are 0.1 apart.
 *
 * The bounds take rows as independent, which those of one burst are not: a burst in a short input can pass for drift. Seasons are drift too: a night against days. And an attack moves features
 * and scores as any change does, which is why the advice never is to fit anew unseen.
 */
const LEAST_ROWS = 200;
const CHANCE = 0.001;
const MOVED = 0.1;
const MOVED_FAR = 0.25;
const GAP = 0.1;
const WIDE_GAP = 0.2;
const CHANGE = 0.1;
const ADWIN_DELTA = 1e-4;
const SHOWN_FEATURES = 10;
const SHOWN_CHANGES = 10;
const NAMED = 3;
const PARTS = 20;
const PROMISED = [0.05, 0.01, 0.001];
/** Times that are remembered to say when a change was. */
const TIMES = 1024;

/** What is known of the rows of a batch beside their features; each is worked out where it is absent. */
export interface DriftBatch {
  /** The model's scores of the rows; NaN where a row has none. */
  readonly scores?: Float64Array | undefined;
  /** Epoch ms of a row. */
  readonly time?: ((row: number) => number | undefined) | undefined;
  /** The rows in the order of time, where that is not the order of the matrix. */
  readonly order?: Int32Array | undefined;
}

/** Takes rows in batches and says in the end how far they are from what the model was fitted on. */
export class DriftMeter {
  readonly #model: Model;
  readonly #bins: Float64Array;
  /** Calibrated values of the calibration scores, ascending without repeats, and how many scores are at most as large. */
  readonly #at: Float64Array;
  readonly #upTo: Float64Array;
  /** Scores between two of them, and scores equal to one. */
  readonly #between: Float64Array;
  readonly #equal: Float64Array;
  readonly #parts = new Float64Array(PARTS);
  readonly #above = new Float64Array(PROMISED.length);
  readonly #adwin = new Adwin({ delta: ADWIN_DELTA });
  readonly #times = new TimeSteps();
  readonly #changes: ScoreChange[] = [];
  #changeCount = 0;
  /** Scores before the last change was noticed. */
  #noticed = 0;
  #rows = 0;
  #scored = 0;

  constructor(model: Model) {
    this.#model = model;
    this.#bins = new Float64Array(model.training.reference?.counts.length ?? 0);
    const values = model.calibration.scores().map((raw) => model.calibration.score(raw));
    const at: number[] = [];
    const upTo: number[] = [];
    values.forEach((value, i) => {
      if (value !== at.at(-1)) {
        at.push(value);
        upTo.push(0);
      }
      upTo[upTo.length - 1] = i + 1;
    });
    this.#at = Float64Array.from(at);
    this.#upTo = Float64Array.from(upTo);
    this.#between = new Float64Array(at.length + 1);
    this.#equal = new Float64Array(at.length);
  }

  /** Throws a `ModelError` when the matrix lacks a feature of the model. */
  observe(matrix: FeatureMatrix, batch: DriftBatch = {}): void {
    const model = this.#model;
    const { scores = model.score(matrix), time, order } = batch;
    const { reference } = model.training;
    if (reference !== undefined) countBins(reference, matrix, alignFeatures(model.featureNames, matrix), this.#bins);
    this.#rows += matrix.rowCount;
    for (let i = 0; i < matrix.rowCount; i++) {
      const row = order === undefined ? i : (order[i] ?? 0);
      const score = scores[row] ?? Number.NaN;
      if (Number.isNaN(score)) continue;
      this.#count(score);
      this.#times.add(this.#scored, time?.(row) ?? Number.NaN);
      this.#scored++;
      const before = this.#adwin.mean;
      if (this.#adwin.add(score)) this.#noticeChange(before);
    }
  }

  #count(score: number): void {
    const at = this.#at;
    let low = 0;
    let high = at.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((at[middle] ?? 0) < score) low = middle + 1;
      else high = middle;
    }
    if (at[low] === score) this.#equal[low] = (this.#equal[low] ?? 0) + 1;
    else this.#between[low] = (this.#between[low] ?? 0) + 1;
    const part = Math.min(PARTS - 1, Math.floor(score * PARTS));
    this.#parts[part] = (this.#parts[part] ?? 0) + 1;
    for (let k = 0; k < PROMISED.length; k++)
      if (score >= 1 - (PROMISED[k] ?? 0)) this.#above[k] = (this.#above[k] ?? 0) + 1;
  }

  #noticeChange(before: number): void {
    const after = this.#adwin.mean;
    const row = this.#scored - this.#adwin.width;
    const noticed = this.#noticed;
    const last = this.#changes.at(-1);
    this.#noticed = this.#scored;
    // The window lets go of the past in steps: what it drops later of the same past is the same change.
    if (last !== undefined && row <= noticed && this.#changeCount === this.#changes.length) {
      this.#changes[this.#changes.length - 1] = this.#change(row, last.before, after);
      return;
    }
    if (Math.abs(after - before) < CHANGE / 4) return;
    this.#changeCount++;
    if (this.#changes.length < SHOWN_CHANGES) this.#changes.push(this.#change(row, before, after));
  }

  #change(row: number, before: number, after: number): ScoreChange {
    const ms = this.#times.at(row);
    return { row, ...(ms === undefined ? {} : { ms }), before, after };
  }

  finish(): DriftSummary {
    const rows = this.#rows;
    if (rows < LEAST_ROWS || this.#scored < LEAST_ROWS)
      return {
        rows,
        advice: 'too-few',
        reasons: [
          `${counted(this.#scored, 'scored row')} are too few to tell whether they have moved from what the model was fitted on; it takes ${humanCount(LEAST_ROWS)}.`,
        ],
        features: { compared: 0, moved: 0, movedFar: 0 },
        worst: [],
        changes: [],
        changeCount: 0,
      };
    const features = this.#features();
    const moved = features.filter(({ index, limit }) => index >= Math.max(MOVED, limit));
    const far = moved.filter(({ index }) => index >= MOVED_FAR);
    const scores = this.#scores();
    const changes = this.#changes.filter(({ before, after }) => Math.abs(after - before) >= CHANGE);
    const changeCount = changes.length + this.#changeCount - this.#changes.length;
    const { advice, reasons } = judge(this.#model, features.length, moved, far, scores, changeCount);
    return {
      rows,
      advice,
      reasons,
      features: { compared: features.length, moved: moved.length, movedFar: far.length },
      worst: features.slice(0, SHOWN_FEATURES),
      scores,
      changes,
      changeCount,
    };
  }

  /** By falling index. */
  #features(): FeatureDrift[] {
    const { reference } = this.#model.training;
    const names = this.#model.featureNames;
    if (reference === undefined) return [];
    const places = reference.counts.length / names.length;
    return names
      .map((name, j): FeatureDrift => {
        const before = reference.counts.subarray(j * places, (j + 1) * places);
        const now = this.#bins.subarray(j * places, (j + 1) * places);
        const { index, limit } = stabilityOfCounts(before, now, { chance: CHANCE / names.length });
        const place = meanPlace(before, now);
        return {
          name,
          index,
          limit,
          ...(place === undefined ? {} : { place }),
          missingBefore: (before[places - 1] ?? 0) / reference.rows,
          missingNow: (now[places - 1] ?? 0) / this.#rows,
        };
      })
      .sort((a, b) => b.index - a.index || (a.name < b.name ? -1 : 1));
  }

  #scores(): ScoreDrift {
    const n = this.#scored;
    const m = this.#model.calibration.size;
    const before = new Float64Array(PARTS);
    let gap = 0;
    let below = 0;
    let seen = 0;
    this.#at.forEach((value, k) => {
      const upTo = this.#upTo[k] ?? 0;
      seen += this.#between[k] ?? 0;
      gap = Math.max(gap, Math.abs(seen / n - below / m));
      seen += this.#equal[k] ?? 0;
      gap = Math.max(gap, Math.abs(seen / n - upTo / m));
      const part = Math.min(PARTS - 1, Math.floor(value * PARTS));
      before[part] = (before[part] ?? 0) + (upTo - below) / m;
      below = upTo;
    });
    return {
      gap,
      // Kolmogorov 1933: a gap of sqrt(ln(2 / chance) / 2) sqrt(1 / n + 1 / m) is exceeded with that chance.
      limit: Math.max(GAP, Math.sqrt((Math.log(2 / CHANCE) / 2) * (1 / n + 1 / m))),
      calibrationRows: m,
      rates: PROMISED.map((promised, k) => ({ promised, achieved: (this.#above[k] ?? 0) / n })),
      before: [...before],
      now: Array.from(this.#parts, (count) => count / n),
    };
  }
}

/** Drift of a matrix, or of batches in the order of time. Throws a `ModelError` when the model needs a feature that is not there. */
export function measureDrift(model: Model, batches: FeatureMatrix | Iterable<FeatureMatrix>): DriftSummary {
  const meter = new DriftMeter(model);
  for (const matrix of Symbol.iterator in batches ? batches : [batches]) meter.observe(matrix);
  return meter.finish();
}

/** Where values lie on average among those of the training, by bins: ridit analysis (Bross 1958); undefined where either side has none. */
function meanPlace(before: Float64Array, now: Float64Array): number | undefined {
  const last = before.length - 1;
  let total = 0;
  let seen = 0;
  for (let k = 0; k < last; k++) {
    total += before[k] ?? 0;
    seen += now[k] ?? 0;
  }
  if (total === 0 || seen === 0) return undefined;
  let below = 0;
  let place = 0;
  for (let k = 0; k < last; k++) {
    const share = (before[k] ?? 0) / total;
    place += ((now[k] ?? 0) / seen) * (below + share / 2);
    below += share;
  }
  return place;
}

function judge(
  model: Model,
  compared: number,
  moved: readonly FeatureDrift[],
  far: readonly FeatureDrift[],
  scores: ScoreDrift,
  changes: number,
): { readonly advice: DriftAdvice; readonly reasons: string[] } {
  const gapped = scores.gap >= scores.limit;
  const wide = gapped && scores.gap >= WIDE_GAP;
  const advice =
    wide || (gapped && far.length > 0) || far.length > 0.25 * compared
      ? 'retrain'
      : gapped || moved.length > 0 || changes > 0
        ? 'watch'
        : 'keep';
  const reasons: string[] = [];
  if (gapped)
    reasons.push(
      `The scores moved${wide ? ' far' : ''}: at some score the share of rows up to it differs by ${percent(scores.gap)} from that of the calibration.`,
    );
  const rate = scores.rates.find(({ promised }) => promised === 0.01);
  if (gapped && rate !== undefined)
    reasons.push(`Of 100 ordinary rows 1 should score 0.99 or more; here ${number(100 * rate.achieved)} of 100 do.`);
  if (moved.length > 0)
    reasons.push(
      `${counted(moved.length, 'feature')} of ${humanCount(compared)} moved${far.length === 0 ? '' : `, ${far.length === moved.length ? (far.length === 1 ? 'and far' : 'all of them far') : `${humanCount(far.length)} of them far`}`}: ${named(moved)}.`,
    );
  if (changes > 0)
    reasons.push(
      `The mean score changed ${changes === 1 ? 'once' : `${humanCount(changes)} times`} within this input.`,
    );
  if (compared === 0)
    reasons.push(
      'The model file is of an older version, which kept nothing of its features to compare with, so the scores alone were compared.',
    );
  if (advice === 'keep') reasons.unshift('Scores and features are as they were when the model was fitted.');
  if (advice === 'watch') reasons.push('The model can still be used; look again on later traffic.');
  if (advice === 'retrain')
    reasons.push(
      `Fit the model anew on recent rows once you have looked at the incidents: an attack moves features and scores too, and must not become ordinary.${model.training.reference?.anchor === undefined ? '' : ' A model fitted from this one (anomalyst train --from) leaves out what this one finds strange.'}`,
    );
  return { advice, reasons };
}

function named(features: readonly FeatureDrift[]): string {
  const shown = features
    .slice(0, NAMED)
    .map((feature) => `${feature.name} (${number(feature.index)}, ${driftDirection(feature)})`);
  const more = features.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${humanCount(more)} more` : ''}`;
}

function percent(share: number): string {
  return `${number(100 * share)} %`;
}

function number(value: number): string {
  return String(Number(value.toPrecision(2)));
}

/** The time of about every n-th row, n doubling as rows come, so that there are never more than `TIMES`. */
class TimeSteps {
  readonly #times: number[] = [];
  #step = 1;

  add(row: number, ms: number): void {
    if (row % this.#step !== 0) return;
    if (this.#times.length === TIMES) {
      for (let i = 0; 2 * i < TIMES; i++) this.#times[i] = this.#times[2 * i] ?? Number.NaN;
      this.#times.length = TIMES / 2;
      this.#step *= 2;
      if (row % this.#step !== 0) return;
    }
    this.#times.push(ms);
  }

  /** Of the row, or of one shortly before it; undefined where it has none. */
  at(row: number): number | undefined {
    const ms = this.#times[Math.floor(row / this.#step)];
    return ms === undefined || !Number.isFinite(ms) ? undefined : ms;
  }
}
