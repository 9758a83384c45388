import { humanCount, type Json, Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { Calibration } from './calibration.ts';
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
import { alignFeatures, type Model, ModelError } from './model.ts';
import { measureFeatures, summarise } from './training.ts';

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
  /** False while it warms up: until there are trees and 50 scores to compare with. */
  readonly ready: boolean;
  /**
   * Calibrated scores of the rows in their order, each given before the row was learned; NaN while warming up. One batch or many give the same
   * scores. Features are found by name; throws a `ModelError` when one is absent.
   */
  scoreThenLearn(matrix: FeatureMatrix): Float64Array;
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
  #first: Float32Array | undefined;
  #learner: Learner<P> | undefined;
  /** Recent raw scores: in the order of time, and ascending. */
  readonly #ring: Float64Array;
  readonly #ordered: Float64Array;
  #scores = 0;
  #calibration: Calibration | undefined;
  #calibratedAt = 0;
  #seen = 0;
  #left = 0;

  /** @param template any matrix of the features that will come; its rows are not looked at. */
  constructor(
    kernel: Kernel<P>,
    template: Pick<FeatureMatrix, 'features'>,
    options: StreamOptions,
    maxFeatures: number,
    start: StartLearner<P>,
  ) {
    const { seed = 0, schemaVersion = '1', encoding, warmUp = 500, memory = 2000, learnBelow = 1 } = options;
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
    this.#first = new Float32Array(warmUp * template.features.length);
    this.#ring = new Float64Array(memory);
    this.#ordered = new Float64Array(memory);
  }

  get seen(): number {
    return this.#seen;
  }

  get left(): number {
    return this.#left;
  }

  get ready(): boolean {
    return this.#calibration !== undefined;
  }

  scoreThenLearn(matrix: FeatureMatrix): Float64Array {
    const columns = alignFeatures(this.featureNames, matrix);
    const source = { values: matrix.values, width: matrix.features.length, columns };
    const scores = new Float64Array(matrix.rowCount).fill(Number.NaN);
    const d = columns.length;
    const record = new Float64Array(d);
    const block = new Float64Array(d);
    const raw = new Float64Array(1);
    for (let row = 0; row < matrix.rowCount; row++) {
      const learner = this.#learner;
      if (learner === undefined) this.#warm(source, row);
      else {
        gatherRow(source, row, learner.part.statistics, record, 0);
        block.set(record);
        this.#kernel.raw(learner.part, block, 1, raw, 0);
        if (this.#calibration !== undefined) scores[row] = this.#calibration.score(raw[0]);
        this.#remember(raw[0]);
        if (scores[row] >= this.#learnBelow && this.#learnBelow < 1) this.#left++;
        else learner.learn(record);
      }
      this.#seen++;
    }
    return scores;
  }

  #warm(source: Rows, row: number): void {
    const first = this.#first;
    if (first === undefined) return;
    const { values, width, columns } = source;
    const d = columns.length;
    for (let j = 0; j < d; j++) first[this.#seen * d + j] = values[row * width + columns[j]];
    if (this.#seen + 1 < this.#warmUp) return;
    const rows = Int32Array.from({ length: this.#warmUp }, (_, i) => i);
    const statistics = measureFeatures(first, d, rows, this.#random);
    const seenRows = rowsOf({
      features: this.featureNames.map((name) => ({ name, unit: '', meaning: '' })),
      rowCount: this.#warmUp,
      values: first,
    });
    this.#learner = this.#start({ source: seenRows, rows, statistics, random: this.#random });
    this.#first = undefined;
  }

  #remember(raw: number): void {
    const ring = this.#ring;
    const ordered = this.#ordered;
    const memory = ring.length;
    let size = Math.min(this.#scores, memory);
    const slot = this.#scores % memory;
    if (this.#scores >= memory) {
      const out = placeOf(ordered, size, ring[slot]);
      ordered.copyWithin(out, out + 1, size);
      size--;
    }
    const at = placeOf(ordered, size, raw);
    ordered.copyWithin(at + 1, at, size);
    ordered[at] = raw;
    ring[slot] = raw;
    this.#scores++;
    const due =
      this.#calibration === undefined ? this.#scores >= LEAST_SCORES : this.#scores - this.#calibratedAt >= REFRESH;
    if (due) {
      this.#calibration = new Calibration(ordered.slice(0, size + 1));
      this.#calibratedAt = this.#scores;
    }
  }

  snapshot(): Model {
    const learner = this.#learner;
    const calibration = this.#calibration;
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
          `Learned from a stream of ${humanCount(this.#seen)} rows, of which it remembers the recent ones; scales and usual values are those of the first ${humanCount(this.#warmUp)}.`,
        ],
        features: summarise(this.featureNames, part.statistics),
      },
    });
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
