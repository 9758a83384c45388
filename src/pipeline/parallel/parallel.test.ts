import { describe, expect, it } from 'vitest';
import { Random } from '../../core/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import { fitModel } from '../../model/index.ts';
import { CHUNK_ROWS } from './message.ts';
import { ScorePool, scoreParallel, sharedMatrix } from './pool.ts';

const FEATURES = ['a', 'b', 'c'].map((name) => ({ name, unit: '', meaning: '' }));

function fill(matrix: FeatureMatrix, seed: number): FeatureMatrix {
  const random = new Random(seed);
  for (let i = 0; i < matrix.values.length; i++)
    matrix.values[i] = random.below(50) === 0 ? Number.NaN : 20 * (random.float() - 0.5);
  return matrix;
}

const plain = (rowCount: number, seed: number): FeatureMatrix =>
  fill({ features: FEATURES, rowCount, values: new Float32Array(rowCount * FEATURES.length) }, seed);

const training = plain(6000, 1);
const ROWS = 4 * CHUNK_ROWS + 77;

describe('a pool of threads', () => {
  it('gives the scores of one thread, whatever the model and the number of threads', async () => {
    const shared = fill(sharedMatrix(FEATURES, ROWS), 2);
    const own = plain(ROWS, 2);
    expect(own.values).toEqual(shared.values);
    const models = ['isolation-forest', 'extended-isolation-forest', 'ecod', 'knn'].map((kind) =>
      fitModel(kind, training),
    );
    for (const threads of [1, 3]) {
      await using pool = new ScorePool({ threads });
      for (const model of models) {
        expect(await pool.score(model, shared)).toEqual(model.score(own));
        expect(await pool.rawScore(model, own)).toEqual(model.rawScore(own));
      }
      const [first, second] = models;
      if (first === undefined || second === undefined) throw new Error('there are models');
      // Calls that are not waited for take turns.
      const both = [pool.score(first, shared), pool.score(second, shared), pool.score(first, shared)];
      const [one, two, three] = await Promise.all(both);
      expect(one).toEqual(first.score(own));
      expect(two).toEqual(second.score(own));
      expect(three).toEqual(one);
    }
  });

  it('reads rows from the middle of shared memory', async () => {
    const model = fitModel('ecod', training);
    const whole = fill(sharedMatrix(FEATURES, ROWS + 10), 3);
    const part = { features: FEATURES, rowCount: ROWS, values: whole.values.subarray(30) };
    expect(await scoreParallel(model, part, { threads: 2 })).toEqual(model.score(part));
  });

  it('starts no thread for few rows or none', async () => {
    const model = fitModel('ecod', training);
    await using pool = new ScorePool({ threads: 2 });
    for (const rows of [0, 1, CHUNK_ROWS]) {
      const matrix = plain(rows, 4);
      expect(await pool.score(model, matrix)).toEqual(model.score(matrix));
    }
  });

  it('refuses what one thread refuses, and scores on', async () => {
    const model = fitModel('ecod', training);
    const matrix = plain(ROWS, 5);
    const renamed = { ...matrix, features: ['a', 'b', 'x'].map((name) => ({ name, unit: '', meaning: '' })) };
    let said = '';
    try {
      model.score(renamed);
    } catch (error) {
      said = String(error);
    }
    expect(said).not.toBe('');
    await using pool = new ScorePool({ threads: 2 });
    await expect(pool.score(model, renamed).catch((error: unknown) => String(error))).resolves.toBe(said);
    await expect(pool.score(model, { ...matrix, values: matrix.values.subarray(3) })).rejects.toThrow(
      `${3 * ROWS - 3} values can't be ${ROWS} rows of 3 features`,
    );
    expect(await pool.score(model, matrix)).toEqual(model.score(matrix));
  });

  it('says what failed in a thread, and scores on with new ones', async () => {
    const model = fitModel('ecod', training);
    const matrix = plain(ROWS, 6);
    const broken = {
      ...model,
      featureNames: model.featureNames,
      score: () => new Float64Array(0),
      save: () => Uint8Array.of(1, 2, 3),
    };
    await using pool = new ScorePool({ threads: 2 });
    await expect(pool.score({ ...model, ...broken }, matrix)).rejects.toThrow(
      'a scoring thread failed: This is not a model file.',
    );
    expect(await pool.score(model, matrix)).toEqual(model.score(matrix));
  });

  it('is closed once and for all', async () => {
    const pool = new ScorePool({ threads: 1 });
    const model = fitModel('ecod', training);
    const last = pool.score(model, plain(ROWS, 7));
    await pool.close();
    expect((await last).length).toBe(ROWS);
    await expect(pool.score(model, plain(10, 8))).rejects.toThrow('this pool is closed');
    await pool.close();
  });

  it('has a number of threads that makes sense', () => {
    expect(() => new ScorePool({ threads: 0 })).toThrow("A pool can't have 0 threads.");
    expect(() => new ScorePool({ threads: 1.5 })).toThrow("A pool can't have 1.5 threads.");
  });
});
