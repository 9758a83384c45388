import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { moduleFile, UserError } from '../../core/index.ts';
import type { Feature, FeatureMatrix } from '../../feature/index.ts';
import type { Model } from '../../model/index.ts';
import { type Answer, CHUNK_ROWS, type Task } from './message.ts';

export interface PoolOptions {
  /** Threads, 1 .. 256. Default: the cores that this process may use. */
  readonly threads?: number;
}

const MOST_THREADS = 256;
/** Rows that an int32 can count, with a chunk for each thread beyond the last. */
const MOST_ROWS = 2 ** 31 - 1 - MOST_THREADS * CHUNK_ROWS;

/**
 * Scores with several threads. A row's score does not depend on the rows beside it, so the scores are those of `model.score` and `model.rawScore` to the last
 * bit, whatever the number of threads.
 *
 * Threads start with the first scores (a tenth of a second or two, and some 30 MB each, for their own engine and modules) and stay until `close`. They read
 * the rows where they are, if these lie in shared memory (`sharedMatrix`); else the rows are copied once for each call. A model goes to the
 * threads when it is another one than before, as the bytes that `save` gives, so any model that `loadModel` can read will do; one that learns as it
 * scores is scored as it was saved.
 *
 *     await using pool = new ScorePool({ threads: 2 });
 *     const scores = await pool.score(model, matrix);
 */
export class ScorePool {
  readonly threads: number;
  #workers: Worker[] = [];
  /** The model that every thread has. */
  #held: Model | undefined;
  /** Calls take turns: a thread has one task at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** Throws a `UserError` for a number of threads that is out of range. */
  constructor(options: PoolOptions = {}) {
    const { threads = Math.min(MOST_THREADS, availableParallelism()) } = options;
    if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS) {
      throw new UserError(
        `A pool can't have ${threads} threads.`,
        `Give a whole number from 1 to ${MOST_THREADS}, best the number of cores.`,
      );
    }
    this.threads = threads;
  }

  /** Calibrated scores, see `Model.score`. Throws what `model.score` throws for a matrix that does not fit. */
  score(model: Model, matrix: FeatureMatrix): Promise<Float64Array> {
    return this.#enqueue(model, matrix, 'score');
  }

  /** Raw scores, see `Model.rawScore`. */
  rawScore(model: Model, matrix: FeatureMatrix): Promise<Float64Array> {
    return this.#enqueue(model, matrix, 'raw');
  }

  /** Ends the threads, once the scores that were asked for are done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
    await this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    const workers = this.#workers;
    this.#workers = [];
    this.#held = undefined;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #enqueue(model: Model, matrix: FeatureMatrix, kind: Task['kind']): Promise<Float64Array> {
    if (this.#isClosed) return Promise.reject(new Error('this pool is closed'));
    const scores = this.#turn.then(() => this.#run(model, matrix, kind));
    // The next call waits for this one, and does not care how it ended.
    this.#turn = scores.catch(() => undefined);
    return scores;
  }

  async #run(model: Model, matrix: FeatureMatrix, kind: Task['kind']): Promise<Float64Array> {
    const { rowCount, features, values } = matrix;
    const few = rowCount <= CHUNK_ROWS;
    // A chunk or less is no work to share. Without rows this only says what is wrong with the features.
    const own = few ? matrix : { features, rowCount: 0, values: new Float32Array(0) };
    const scores = kind === 'raw' ? model.rawScore(own) : model.score(own);
    if (few) return scores;
    if (values.length !== rowCount * features.length || rowCount > MOST_ROWS)
      throw new Error(`${values.length} values can't be ${rowCount} rows of ${features.length} features`);
    const shared = values.buffer instanceof SharedArrayBuffer ? values.buffer : share(values);
    const result = new SharedArrayBuffer(8 * rowCount);
    const isNew = this.#held !== model;
    const task: Task = {
      model: isNew ? model.save() : undefined,
      names: features.map((feature) => feature.name),
      rowCount,
      values: shared,
      from: shared === values.buffer ? values.byteOffset / 4 : 0,
      scores: result,
      taken: new SharedArrayBuffer(4),
      kind,
    };
    this.#held = undefined;
    try {
      if (this.#workers.length === 0) this.#start();
      await Promise.all(this.#workers.map((worker) => send(worker, task)));
    } catch (error) {
      // What a thread is doing now is not known: all begin anew.
      await this.#end();
      throw error;
    }
    this.#held = model;
    return new Float64Array(result);
  }

  #start(): void {
    const file = moduleFile(import.meta.url, 'pipeline/parallel', 'thread');
    // What a thread makes for itself is little and short-lived; left alone, the room for it grows to ten times as much.
    const resourceLimits = { maxYoungGenerationSizeMb: 4 };
    for (let i = 0; i < this.threads; i++)
      this.#workers.push(new Worker(file, { name: 'anomalyst score', resourceLimits }));
    // An idle pool does not keep the process running.
    for (const worker of this.#workers) worker.unref();
  }
}

function share(values: Float32Array): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(4 * values.length);
  new Float32Array(shared).set(values);
  return shared;
}

function send(worker: Worker, task: Task): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (failure: Error | undefined): void => {
      worker.off('message', onMessage).off('error', end).off('exit', onExit).unref();
      if (failure === undefined) resolve();
      else reject(failure);
    };
    const onMessage = ({ failure }: Answer): void => {
      end(failure === undefined ? undefined : new Error(`a scoring thread failed: ${failure}`));
    };
    const onExit = (code: number): void => end(new Error(`a scoring thread ended with ${code}`));
    worker.ref();
    worker.on('message', onMessage).on('error', end).on('exit', onExit);
    worker.postMessage(task);
  });
}

/**
 * Scores once with several threads and ends them. `model.score` is as quick where there are fewer than some hundred thousand rows; who scores again
 * and again keeps a `ScorePool`.
 */
export async function scoreParallel(
  model: Model,
  matrix: FeatureMatrix,
  options: PoolOptions = {},
): Promise<Float64Array> {
  const pool = new ScorePool(options);
  try {
    return await pool.score(model, matrix);
  } finally {
    await pool.close();
  }
}

/** An empty matrix (zeros) in memory that threads share, to be filled by the caller: it is then scored without being copied. */
export function sharedMatrix(features: readonly Feature[], rowCount: number): FeatureMatrix {
  return { features, rowCount, values: new Float32Array(new SharedArrayBuffer(4 * rowCount * features.length)) };
}
