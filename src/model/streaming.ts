import { humanCount, type Json, Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { Calibration } from './calibration.ts';
import { stabilityOfCounts } from './drift.ts';
import { divideScore } from './explanation.ts';
import {
  checkFit,
  checkWhole,
  FittedModel,
  type FittedPart,
  gatherRow,
  type Kernel,
  type Rows,
  rowsOf,
} from './fit.ts';
import { alignFeatures, type Explanation, type Model, ModelError } from './model.ts';
import { clampFinite, type FeatureStatistics, measureFeatures, summarise } from './training.ts';
import { BinCounter, countBins, makeReference, type TrainingReference } from './training-reference.ts';

/** What every streaming model understands. */
export interface StreamOptions {
  /** As for `fit`. Default 0. */
  readonly seed?: number;
  readonly schemaVersion?: string;
  readonly encoding?: Json;
  /** Rows from which scales and the first trees are made; they get no score. 2 .. 100,000, default 500. */
  readonly warmUp?: number;
  /** Recent scores that a score is calibrated against, 100 .. 100,000, default 2,000. */
  readonly memory?: number;
  /**
   * A record that scores this or more is not learned, so that a long attack does not become ordinary; above 0, default 1, which learns everything. A
   * real change of what is ordinary is then learned only so far as it scores below: watch the share that is left out.
   */
  readonly learnBelow?: number;
  /**
   * Whether scales follow the stream, default true: where a feature of the recent rows has moved by more than a spread, or spreads three times as wide or narrow as it did, and by more than chance, a second
   * learner begins on those rows, at their scales, and takes over once it has given enough scores to be calibrated by. One scale holds for all that a learner remembers.
   */
  readonly rescale?: boolean;
  /** As for `fit`, of the rows that it warmed up on. */
  readonly anchorRows?: number;
}

/** Looks at rows while they are scored, which is the only time at which a stream can explain them. */
export interface StreamLook {
  /** The rows in the order of time, where that is not the order of the matrix. */
  readonly order?: Int32Array | undefined;
  /** Asked of every row that has a score of at least `from`, before it is learned; `explain` works until it returns. */
  readonly from?: number;
  readonly row?: (row: number, score: number, raw: number, explain: () => Explanation) => void;
}

/**
 * A model that learns as it scores. Every record is scored before it is learned, so a score never knows the record itself, and the recent scores are
 * what held-back rows are to a model that is fitted once: the calibrated score is 1 - p among them, see `Calibration`.
 */
export interface StreamingModel {
  readonly kind: string;
  readonly featureNames: readonly string[];
  /** Rows taken in so far. */
  readonly seen: number;
  /** Rows that were scored and, as they scored too high, not learned. */
  readonly left: number;
  /** How often the scales were made anew. */
  readonly rescaled: number;
  /** Rows that are taken in before the first score, and for it. */
  readonly warmUp: number;
  /** False while it warms up: until there are trees and 50 scores to compare with. */
  readonly ready: boolean;
  /**
   * Calibrated scores of the rows in their order, each given before the row was learned; NaN while warming up. One batch or many give the same
   * scores. Features are found by name; throws a `ModelError` when one is absent.
   */
  scoreThenLearn(matrix: FeatureMatrix, look?: StreamLook): Float64Array;
  /** The model as it stands, which learns no more: scores, explains and saves like any other. Throws a `ModelError` until it is ready. */
  snapshot(): Model;
}

/** What a kind of streaming model brings: how it begins and how it goes on. */
export interface Learner<P extends FittedPart> {
  /** The part as it is now, which goes on changing. */
  readonly part: P;
  /** Takes in a gathered record of d values, which it may not keep or write to. */
  learn(record: Float64Array): void;
  /** A copy that stays. */
  copy(): P;
}

/** Begins on rows that have been seen. */
export type StartLearner<P extends FittedPart> = (input: {
  readonly source: Rows;
  readonly rows: Int32Array;
  readonly statistics: P['statistics'];
  readonly random: Random;
}) => Learner<P>;

/** Scores needed before a calibrated score means anything. */
const LEAST_SCORES = 50;
/** The calibration is made anew after so many scores. */
const REFRESH = 50;
/** What is recent is compared with the scales after so many rows. */
const LOOK_BACK = 500;
/** Scores that a second learner gives before it takes over. */
const TAKE_OVER = 500;
const WIDER = 3;
/** Population stability index from which on a feature has moved far, and the chance of as much where none has. */
const FAR = 0.25;
const CHANCE = 1e-4;

interface NextLearner<P extends FittedPart> {
  readonly learner: Learner<P>;
  readonly reference: TrainingReference;
  readonly scores: RecentScores;
}

/** A streaming model of a kernel and a learner. Memory: warm-up rows, once; `memory` scores; what the learner holds. */
export class Stream<P extends FittedPart> implements StreamingModel {
  readonly kind: string;
  readonly featureNames: readonly string[];
  readonly #kernel: Kernel<P>;
  readonly #start: StartLearner<P>;
  readonly #seed: number;
  readonly #schemaVersion: string;
  readonly #encoding: Json | undefined;
  readonly #warmUp: number;
  readonly #learnBelow: number;
  readonly #random: Random;
  readonly #rescale: boolean;
  readonly #anchorRows: number | undefined;
  readonly #memory: number;
  #first: Float32Array | undefined;
  #reference: TrainingReference | undefined;
  #learner: Learner<P> | undefined;
  #scores: RecentScores;
  /** A second learner at other scales, and its scores, until it takes over. */
  #next: NextLearner<P> | undefined;
  /** The rows learned last, as they were given: a ring. */
  readonly #recent: Float32Array;
  readonly #one = new Float64Array(1);
  #learned = 0;
  #seen = 0;
  #left = 0;
  #rescaled = 0;

  /** @param template any matrix of the features that will come; its rows are not looked at. */
  constructor(
    kernel: Kernel<P>,
    template: Pick<FeatureMatrix, 'features'>,
    options: StreamOptions,
    maxFeatures: number,
    start: StartLearner<P>,
  ) {
    const {
      seed = 0,
      schemaVersion = '1',
      encoding,
      warmUp = 500,
      memory = 2000,
      learnBelow = 1,
      rescale = true,
    } = options;
    checkFit(
      { features: template.features, rowCount: 1, values: new Float32Array(template.features.length) },
      seed,
      kernel.title,
      maxFeatures,
    );
    checkWhole(kernel.title, 'warmUp', warmUp, 2, 100_000);
    checkWhole(kernel.title, 'memory', memory, 100, 100_000);
    if (!(learnBelow > 0))
      throw new ModelError(
        `${kernel.title} can't have learnBelow ${learnBelow}.`,
        'Give a score above 0, such as 0.999; 1 learns everything.',
      );
    this.kind = kernel.kind;
    this.featureNames = template.features.map((feature) => feature.name);
    this.#kernel = kernel;
    this.#start = start;
    this.#seed = seed;
    this.#schemaVersion = schemaVersion;
    this.#encoding = encoding;
    this.#warmUp = warmUp;
    this.#learnBelow = learnBelow;
    this.#random = new Random(seed);
    this.#rescale = rescale;
    this.#anchorRows = options.anchorRows;
    this.#memory = memory;
    this.#first = new Float32Array(warmUp * template.features.length);
    this.#recent = new Float32Array(rescale ? warmUp * template.features.length : 0);
    this.#scores = new RecentScores(memory);
  }

  get warmUp(): number {
    return this.#warmUp;
  }

  get rescaled(): number {
    return this.#rescaled;
  }

  get seen(): number {
    return this.#seen;
  }

  get left(): number {
    return this.#left;
  }

  get ready(): boolean {
    return this.#scores.calibration !== undefined;
  }

  scoreThenLearn(matrix: FeatureMatrix, look: StreamLook = {}): Float64Array {
    const { order, from = 0, row: see } = look;
    const columns = alignFeatures(this.featureNames, matrix);
    const source = { values: matrix.values, width: matrix.features.length, columns };
    const scores = new Float64Array(matrix.rowCount).fill(Number.NaN);
    const d = columns.length;
    const record = new Float64Array(d);
    const block = new Float64Array(d);
    for (let i = 0; i < matrix.rowCount; i++) {
      const row = order === undefined ? i : order[i];
      const learner = this.#learner;
      this.#seen++;
      if (learner === undefined) {
        this.#warm(source, row);
        continue;
      }
      gatherRow(source, row, learner.part.statistics, record, 0);
      const raw = this.#raw(learner, record, block);
      const { calibration } = this.#scores;
      if (calibration !== undefined) {
        scores[row] = calibration.score(raw);
        if (see !== undefined && scores[row] >= from)
          see(row, scores[row], raw, () => this.#explain(learner.part, calibration, source, row, raw));
      }
      this.#scores.add(raw);
      if (scores[row] >= this.#learnBelow && this.#learnBelow < 1) {
        this.#left++;
        continue;
      }
      learner.learn(record);
      if (this.#rescale) this.#follow(source, row, record, block);
    }
    return scores;
  }

  #raw(learner: Learner<P>, record: Float64Array, block: Float64Array): number {
    block.set(record);
    this.#kernel.raw(learner.part, block, 1, this.#one, 0);
    return this.#one[0];
  }

  #explain(part: P, calibration: Calibration, source: Rows, row: number, raw: number): Explanation {
    const { values: all, width, columns } = source;
    const values = Array.from(columns, (column) => {
      const v = all[row * width + column];
      return Number.isNaN(v) ? undefined : clampFinite(v);
    });
    const record = new Float64Array(columns.length);
    gatherRow(source, row, part.statistics, record, 0);
    return divideScore({
      featureNames: this.featureNames,
      values,
      imputed: part.statistics.median,
      raw,
      ...this.#kernel.divide(part, record),
      calibrate: (r) => calibration.score(r),
      isExtrapolated: (score) => calibration.isExtrapolated(score),
    });
  }

  #warm(source: Rows, row: number): void {
    const first = this.#first;
    if (first === undefined) return;
    copyRow(source, row, first, this.#seen - 1);
    if (this.#seen < this.#warmUp) return;
    ({ learner: this.#learner, reference: this.#reference } = this.#begin(first));
    this.#first = undefined;
  }

  /** A learner of so many rows as one warms up on, and what is kept of these. */
  #begin(values: Float32Array): { readonly learner: Learner<P>; readonly reference: TrainingReference } {
    const d = this.featureNames.length;
    const rows = Int32Array.from({ length: this.#warmUp }, (_, i) => i);
    const counter = new BinCounter(d);
    const statistics = measureFeatures(values, d, rows, this.#random, (...sorted) => counter.take(...sorted));
    const matrix = this.#matrixOf(values);
    return {
      learner: this.#start({ source: rowsOf(matrix), rows, statistics, random: this.#random }),
      reference: makeReference(matrix, counter.bins, this.#seed, this.#anchorRows),
    };
  }

  #matrixOf(values: Float32Array): FeatureMatrix {
    const features = this.featureNames.map((name) => ({ name, unit: '', meaning: '' }));
    return { features, rowCount: this.#warmUp, values };
  }

  /** Keeps the row among the recent ones, and looks after the scales. */
  #follow(source: Rows, row: number, record: Float64Array, block: Float64Array): void {
    copyRow(source, row, this.#recent, this.#learned % this.#warmUp);
    this.#learned++;
    const next = this.#next;
    if (next === undefined) {
      if (this.#learned % LOOK_BACK === 0 && this.#learned >= this.#warmUp && this.#moved())
        this.#next = this.#beginNext(this.#inTime());
      return;
    }
    // What is missing has another usual value there.
    gatherRow(source, row, next.learner.part.statistics, record, 0);
    next.scores.add(this.#raw(next.learner, record, block));
    next.learner.learn(record);
    if (next.scores.count < TAKE_OVER) return;
    this.#learner = next.learner;
    this.#scores = next.scores;
    this.#reference = next.reference;
    this.#next = undefined;
    this.#rescaled++;
  }

  #beginNext(values: Float32Array): NextLearner<P> {
    return {
      ...this.#begin(values),
      scores: new RecentScores(this.#memory),
    };
  }

  /** The recent rows, the oldest first: learners take them in the order of time. */
  #inTime(): Float32Array {
    const at = (this.#learned % this.#warmUp) * this.featureNames.length;
    const values = new Float32Array(this.#recent.length);
    values.set(this.#recent.subarray(at));
    values.set(this.#recent.subarray(0, at), this.#recent.length - at);
    return values;
  }

  #moved(): boolean {
    const before = this.#learner?.part.statistics;
    const reference = this.#reference;
    if (before === undefined || reference === undefined) return false;
    const d = this.featureNames.length;
    const counts = new Float64Array(reference.counts.length);
    countBins(
      reference,
      this.#matrixOf(this.#recent),
      Int32Array.from({ length: d }, (_, j) => j),
      counts,
    );
    const places = counts.length / d;
    const rows = Int32Array.from({ length: this.#warmUp }, (_, i) => i);
    // Without the random numbers that the learners draw from.
    const now = measureFeatures(this.#recent, d, rows, new Random(this.#seed));
    return this.featureNames.some((_, j) => {
      if (!hasMoved(before, now, j)) return false;
      // Quantiles of rare values jump by chance; shares of bins tell whether it is more than that.
      const [then, since] = [reference.counts, counts].map((all) => all.subarray(j * places, (j + 1) * places));
      const { index, limit } = stabilityOfCounts(then, since, { chance: CHANCE / d });
      return index >= Math.max(FAR, limit);
    });
  }

  snapshot(): Model {
    const learner = this.#learner;
    const { calibration } = this.#scores;
    if (learner === undefined || calibration === undefined)
      throw new ModelError(
        `The stream is still warming up: ${humanCount(this.#seen)} rows of ${humanCount(this.#warmUp + LEAST_SCORES)}.`,
        'Give it more rows first.',
      );
    const part = learner.copy();
    return new FittedModel(this.#kernel, {
      featureNames: this.featureNames,
      schemaVersion: this.#schemaVersion,
      seed: this.#seed,
      encoding: this.#encoding,
      part,
      calibration,
      training: {
        rows: this.#seen,
        fittedRows: this.#warmUp,
        calibrationRows: calibration.size,
        calibration: 'held-back',
        cautions: [
          `Learned from a stream of ${humanCount(this.#seen)} rows, of which it remembers the recent ones; scales and usual values are those of ${this.#rescaled === 0 ? `the first ${humanCount(this.#warmUp)}` : `${humanCount(this.#warmUp)} rows to which they were brought in between`}.`,
        ],
        features: summarise(this.featureNames, part.statistics),
        ...(this.#reference === undefined ? {} : { reference: this.#reference }),
      },
    });
  }
}

/** Copies a row of the model's features, as it is, to a place in a matrix of such rows. */
function copyRow({ values, width, columns }: Rows, row: number, into: Float32Array, place: number): void {
  const d = columns.length;
  for (let j = 0; j < d; j++) into[place * d + j] = values[row * width + columns[j]];
}

/** Whether the middle of a feature has moved by more than a spread, or the spread by more than `WIDER` times. */
function hasMoved(before: FeatureStatistics, now: FeatureStatistics, j: number): boolean {
  if (before.observed[j] === 0 || now.observed[j] === 0) return before.observed[j] === 0 && now.observed[j] > 0;
  const spread = middleSpread(before, j);
  const other = middleSpread(now, j);
  const moved = Math.abs(now.median[j] - before.median[j]);
  if (spread === 0) return moved > 0 && other > 0;
  return moved > spread || other > WIDER * spread || (other > 0 && WIDER * other < spread);
}

/** Without the ends of the tails, which are never the same twice. */
function middleSpread({ q05, q25, q75, q95 }: FeatureStatistics, j: number): number {
  return Math.max((q75[j] - q25[j]) / 1.349, (q95[j] - q05[j]) / 3.29);
}

/** The last raw scores, in the order of time and ascending, and a calibration among them that is made anew now and then. */
class RecentScores {
  count = 0;
  calibration: Calibration | undefined;
  readonly #ring: Float64Array;
  readonly #ordered: Float64Array;
  #calibratedAt = 0;

  constructor(memory: number) {
    this.#ring = new Float64Array(memory);
    this.#ordered = new Float64Array(memory);
  }

  add(raw: number): void {
    const ring = this.#ring;
    const ordered = this.#ordered;
    const memory = ring.length;
    let size = Math.min(this.count, memory);
    const slot = this.count % memory;
    if (this.count >= memory) {
      const out = placeOf(ordered, size, ring[slot]);
      ordered.copyWithin(out, out + 1, size);
      size--;
    }
    const at = placeOf(ordered, size, raw);
    ordered.copyWithin(at + 1, at, size);
    ordered[at] = raw;
    ring[slot] = raw;
    this.count++;
    const due =
      this.calibration === undefined ? this.count >= LEAST_SCORES : this.count - this.#calibratedAt >= REFRESH;
    if (due) {
      this.calibration = new Calibration(ordered.slice(0, size + 1));
      this.#calibratedAt = this.count;
    }
  }
}

/** Where `value` is, or would be, in the first `size` of ascending values. */
function placeOf(ordered: Float64Array, size: number, value: number): number {
  let low = 0;
  let high = size;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ordered[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
