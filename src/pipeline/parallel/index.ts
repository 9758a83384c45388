/** A model's scores on several cores. */
export { type PoolOptions, ScorePool, scoreParallel, sharedMatrix } from './pool.ts';
export { rawScoresOfBatches, type ScoreStreamOptions } from './stream.ts';
