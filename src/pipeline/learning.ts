import { counted, humanCount, type Json, nearest, safeText, takeRows, UserError } from '../core/index.ts';
import type { Feature, FeatureMatrix } from '../feature/index.ts';
import { type Model, ModelError, models, type StreamingModel } from '../model/index.ts';
import type { LearningSummary } from '../report/index.ts';
import { FitSample } from './fit-sample.ts';
import { retrain } from './retrain.ts';
import type { FlowChunk } from './store.ts';

/**
 * How the model of an analysis is chosen, and what it remembers from one window to the next.
 *
 * - A kind that is fitted once is fitted on the input, as without this.
 * - A kind that streams (`ModelEntry.stream`) scores each row before it learns it, in the order of time. Rows that score `LEARN_BELOW` or more are not learned.
 * - Any other kind with a schedule (`every`) is fitted on the first period and then anew after each, on a mix of the period's rows and the anchor, without those that the former model finds strange (`retrain`).
 *
 * The last two go on: one `LearningModel` is given to the analysis of each window in turn. Its memory is bounded: the streams say theirs, a period is a sample of at most 20,000 rows.
 */
export type RetrainEvery = { readonly rows: number } | { readonly ms: number };

export interface LearningOptions {
  /** As in the registry of models; the usual kind without one. */
  readonly kind?: string;
  readonly every?: RetrainEvery;
  /** Default 42. */
  readonly seed?: number;
  /** Whether the input has no end, so that the first window does not tell how many rows there will be. */
  readonly endless?: boolean;
}

/** A score that lets one ordinary row in a thousand through. */
const LEARN_BELOW = 0.999;
const WARM_UP = 500;
const PIECE_ROWS = 1000;
/** A tenth of a second of the slowest stream. */
const STREAM_PIECE_ROWS = 500;
const LEAST_WARM_UP = 50;
const LEAST_PERIOD = 500;
const DEFAULT_SEED = 42;
/** From this share of rows on it is told that they were not learned. */
const TOLD_LEFT_OUT = 0.01;

/** Rows with the time of the last of them. */
export interface LearningBatch {
  readonly features: FeatureMatrix;
  /** Epoch ms; undefined where rows have no time. */
  readonly lastMs: number | undefined;
}

/** What a window begins with. */
export interface LearningStart {
  readonly features: readonly Feature[];
  /** Rows in this window. */
  readonly rows: number;
  readonly seed: number;
  /** What the features were measured with, to be saved with the model. */
  readonly encoding?: Json | undefined;
  /** A model to begin with. */
  readonly given?: Model | undefined;
  /** All rows of the window, for a first fit. */
  readonly batches: () => Iterable<LearningBatch>;
}

export class LearningModel {
  /** As in the registry; undefined for the usual one. */
  readonly kind: string | undefined;
  /** What the rows of the first window were measured with: those of the next are to be measured the same. */
  encoding: Json | undefined;
  readonly #options: LearningOptions;
  readonly #streams: (typeof models)[number]['stream'];
  #stream: StreamingModel | undefined;
  #model: Model | undefined;
  #period: FitSample | undefined;
  #periodRows = 0;
  #periodFrom: number | undefined;
  #seen = 0;
  #leftOut = 0;
  #refits = 0;
  /** Rows without a score in this window, and why the last fit failed. */
  #unscored = 0;
  #failure: string | undefined;
  #before = { seen: 0, leftOut: 0, refits: 0 };

  /** Throws a `UserError` for a kind that there is not, and for a schedule with a kind that needs none. */
  constructor(options: LearningOptions = {}) {
    const { kind, every } = options;
    const entry = models.find((candidate) => candidate.kind === kind);
    if (kind !== undefined && entry === undefined)
      throw new UserError(
        `There is no algorithm '${safeText(kind, 60)}'.`,
        `Did you mean '${
          nearest(
            kind,
            models.map((candidate) => candidate.kind),
          ) ?? models[0]?.kind
        }'? Known ones: ${models.map((candidate) => candidate.kind).join(', ')}.`,
      );
    if (entry?.stream !== undefined && every !== undefined)
      throw new UserError(
        `The algorithm ${entry.kind} learns with every row and is not fitted anew on a schedule.`,
        'Leave the schedule out, or choose an algorithm that is fitted once, such as isolation-forest.',
      );
    this.kind = kind;
    this.#options = options;
    this.#streams = entry?.stream;
  }

  /** Whether it learns while it scores, and goes on in the next window. */
  get goesOn(): boolean {
    return this.#streams !== undefined || this.#options.every !== undefined;
  }

  /** Who scores: a stream, or the model as it is now; undefined where there were too few rows so far. */
  get scorer(): StreamingModel | Model | undefined {
    return this.#stream ?? this.#model;
  }

  get stream(): StreamingModel | undefined {
    return this.#stream;
  }

  /** Rows that are scored in one go, before the schedule is looked at again and others have their turn; undefined where it does not matter. */
  get pieceRows(): number | undefined {
    const { every } = this.#options;
    if (this.#streams !== undefined) return STREAM_PIECE_ROWS;
    if (every === undefined) return undefined;
    return 'rows' in every ? Math.min(PIECE_ROWS, every.rows) : PIECE_ROWS;
  }

  /** Begins a window. */
  begin(start: LearningStart): void {
    const { features, rows, seed = DEFAULT_SEED, encoding, given, batches } = start;
    this.#before = { seen: this.seen, leftOut: this.leftOut, refits: this.#refits };
    this.#unscored = 0;
    this.#failure = undefined;
    this.encoding ??= encoding;
    if (this.#streams !== undefined) {
      const warmUp =
        this.#options.endless === true ? WARM_UP : Math.max(LEAST_WARM_UP, Math.min(WARM_UP, Math.floor(rows / 10)));
      this.#stream ??= this.#streams(
        { features },
        { seed, warmUp, learnBelow: LEARN_BELOW, ...(encoding === undefined ? {} : { encoding }) },
      );
      return;
    }
    this.#period ??= new FitSample(features, seed);
    if (this.#model !== undefined) return;
    this.#model = given;
    if (given !== undefined) return;
    const first = new FitSample(features, seed);
    let from: number | undefined;
    let taken = 0;
    for (const { features: matrix, lastMs } of batches()) {
      first.offer(matrix);
      taken += matrix.rowCount;
      from ??= lastMs;
      if (taken >= 2 * WARM_UP && this.#isOver(taken, from, lastMs)) break;
    }
    this.#model = first.fit(seed, encoding, this.kind);
  }

  #isOver(rows: number, from: number | undefined, lastMs: number | undefined): boolean {
    const { every } = this.#options;
    if (every === undefined) return false;
    if ('rows' in every) return rows >= every.rows;
    return from !== undefined && lastMs !== undefined && lastMs - from >= every.ms;
  }

  /** Rows that a stream scored: how many of them it had no score for. */
  count(scores: Float64Array): void {
    for (const score of scores) if (Number.isNaN(score)) this.#unscored++;
  }

  /** Takes in rows that the model has scored. The new model, where the period is over with them and it was fitted anew. */
  learn({ features, lastMs }: LearningBatch): Model | undefined {
    const period = this.#period;
    const model = this.#model;
    this.#seen += features.rowCount;
    if (period === undefined || model === undefined) return undefined;
    period.offer(features);
    this.#periodRows += features.rowCount;
    this.#periodFrom ??= lastMs;
    if (!this.#isOver(this.#periodRows, this.#periodFrom, lastMs)) return undefined;
    const rows = period.matrix();
    this.#periodRows = 0;
    this.#periodFrom = lastMs;
    this.#period = new FitSample(rows.features, model.seed);
    try {
      const anew = retrain(model, rows);
      this.#model = anew.model;
      this.#leftOut += anew.trimmed.length;
      this.#refits++;
      return anew.model;
    } catch (error) {
      // Too few rows, or nearly all of them strange: the former model stays.
      if (!(error instanceof ModelError)) throw error;
      this.#failure = error.message;
      return undefined;
    }
  }

  /** The model as it stands, to be saved; undefined where there were too few rows. */
  finished(): Model | undefined {
    if (this.#stream === undefined) return this.#model;
    return this.#stream.ready ? this.#stream.snapshot() : undefined;
  }

  get seen(): number {
    return this.#stream?.seen ?? this.#seen;
  }

  get leftOut(): number {
    return this.#stream?.left ?? this.#leftOut;
  }

  summary(): LearningSummary {
    return { rows: this.seen, leftOut: this.leftOut, refits: this.#stream?.rescaled ?? this.#refits };
  }

  /** What a reader of this window's scores should know, each one sentence. @param noun 'flow' or 'row' */
  remarks(noun: string): string[] {
    const remarks: string[] = [];
    if (this.#unscored > 0)
      remarks.push(
        `The model learned as it scored: ${counted(this.#unscored, noun)} at the beginning served to make it and ${this.#unscored === 1 ? 'has' : 'have'} no score.`,
      );
    const seen = this.seen - this.#before.seen;
    const left = this.leftOut - this.#before.leftOut;
    const refits = this.#refits - this.#before.refits;
    if (refits > 0)
      remarks.push(
        `The model was fitted anew ${refits === 1 ? 'once' : `${humanCount(refits)} times`} along the way; ${counted(left, noun)} ${left === 1 ? 'was' : 'were'} left out of it as strange.`,
      );
    else if (left > TOLD_LEFT_OUT * seen)
      remarks.push(
        `${counted(left, noun)} scored ${LEARN_BELOW} or more and ${left === 1 ? 'was' : 'were'} not learned: an attack, or something new that is ordinary.`,
      );
    if (this.#failure !== undefined)
      remarks.push(`The model could not be fitted anew and stays as it was: ${this.#failure}`);
    return remarks;
  }
}

/** '10000' and '10,000 rows' are rows, '6h' and '1d' a time. Throws a `UserError` for anything else. @param asDuration reads a time; throws for what is none */
export function parseRetrainEvery(text: string, asDuration: (text: string) => number): RetrainEvery {
  const rows = /^(\d{1,3}(?:,\d{3})+|\d{1,12})(?: ?rows?)?$/.exec(text.trim());
  if (rows === null) {
    if (/^\d+(?:\.\d+)?\s*[a-z]+$/i.test(text.trim())) return { ms: asDuration(text) };
    throw new UserError(
      `--retrain-every ${safeText(text, 40)}: neither a time nor a number of rows`,
      'for example --retrain-every 6h, or --retrain-every 10000',
    );
  }
  const count = Number((rows[1] ?? '').replaceAll(',', ''));
  if (count < LEAST_PERIOD)
    throw new UserError(
      `--retrain-every ${safeText(text, 40)}: ${counted(count, 'row')} are too few to fit a model on`,
      `give ${humanCount(LEAST_PERIOD)} or more, as in --retrain-every 10000, or a time, as in --retrain-every 6h`,
    );
  return { rows: count };
}

/** A batch in pieces of at most so many rows, in the order given; the batch itself where it is not to be cut. */
export function* inPieces(chunk: FlowChunk, rows: number | undefined, order?: Int32Array): Generator<FlowChunk> {
  const { table, features } = chunk;
  if (rows === undefined) {
    yield chunk;
    return;
  }
  const width = features.features.length;
  const all = order ?? Int32Array.from({ length: table.rowCount }, (_, row) => row);
  for (let from = 0; from < all.length; from += rows) {
    const piece = all.subarray(from, from + rows);
    const values = new Float32Array(piece.length * width);
    piece.forEach((row, i) => {
      values.set(features.values.subarray(row * width, (row + 1) * width), i * width);
    });
    yield { table: takeRows(table, piece), features: { features: features.features, rowCount: piece.length, values } };
  }
}
