import type { FeatureMatrix } from '../../feature/index.ts';
import type { Model } from '../../model/index.ts';
import { type PoolOptions, ScorePool, sharedMatrix } from './pool.ts';

/** Values that are on their way to the threads at once, in each of two pieces: 32 MB. */
const MOST_VALUES = 1 << 23;
const MOST_ROWS = 1 << 17;

export interface ScoreStreamOptions extends PoolOptions {
  /** Rows of all batches together. */
  readonly rowCount: number;
  /** Called from time to time with the rows that were handed over so far; what it throws ends the scoring. */
  readonly onRows?: ((rows: number) => void | Promise<void>) | undefined;
}

/**
 * Raw scores of all rows of many batches in their order, with several threads: those of `model.rawScore` to the last bit, whatever the number of threads. While the
 * threads score, the next batches are read; each is read to the end before the next is asked for, so that it may lie in memory which is used again. Holds
 * two pieces of 32 MB at most, and a number for each row.
 *
 * Throws what `model.rawScore` throws for a matrix that does not fit.
 */
export async function rawScoresOfBatches(
  model: Model,
  batches: Iterable<FeatureMatrix>,
  options: ScoreStreamOptions,
): Promise<Float64Array> {
  const { rowCount, onRows, threads } = options;
  const raws = new Float64Array(rowCount);
  const pieces: FeatureMatrix[] = [];
  await using pool = new ScorePool(threads === undefined ? {} : { threads });
  /** Of both pieces, the scoring that reads them. */
  const running: Promise<void>[] = [Promise.resolve(), Promise.resolve()];
  let which = 0;
  let filled = 0;
  let done = 0;
  const flush = (): void => {
    const piece = pieces[which];
    if (piece === undefined || filled === 0) return;
    const d = piece.features.length;
    const from = done - filled;
    const scoring = pool
      .rawScore(model, { ...piece, rowCount: filled, values: piece.values.subarray(0, filled * d) })
      .then((scores) => raws.set(scores, from));
    // Told of when it is waited for.
    scoring.catch(() => undefined);
    running[which] = scoring;
    which = 1 - which;
    filled = 0;
  };
  for (const { features, rowCount: size, values } of batches) {
    const d = features.length;
    const room = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_VALUES / Math.max(1, d))));
    for (let at = 0; at < size; ) {
      // Batches may have their features in another order, or other ones.
      if (filled === room || (filled > 0 && !isAlike(pieces[which]?.features, features))) flush();
      await running[which];
      let piece = pieces[which];
      if (piece === undefined || !isAlike(piece.features, features)) {
        piece = sharedMatrix(features, room);
        pieces[which] = piece;
      }
      const count = Math.min(size - at, room - filled);
      piece.values.set(values.subarray(at * d, (at + count) * d), filled * d);
      filled += count;
      at += count;
      done += count;
    }
    await onRows?.(done);
  }
  flush();
  await Promise.all(running);
  return raws;
}

function isAlike(one: FeatureMatrix['features'] | undefined, other: FeatureMatrix['features']): boolean {
  return one === other || (one?.length === other.length && one.every(({ name }, j) => name === other[j]?.name));
}
