import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { assertExact, type Explanation, loadModel, models } from './index.ts';

const D = 3;
const FEATURES = Array.from({ length: D }, (_, j) => ({ name: `f${j}`, unit: '', meaning: '' }));

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

function rowsOf(seed: number, n: number, make: (random: Random, i: number) => readonly number[]): FeatureMatrix {
  const random = new Random(seed);
  const values = new Float32Array(n * D);
  for (let i = 0; i < n; i++) values.set(make(random, i), i * D);
  return { features: FEATURES, rowCount: n, values };
}

const plain = (random: Random): number[] => [normal(random), normal(random), normal(random)];
const streaming = models.flatMap(({ kind, stream }) => (stream === undefined ? [] : [{ kind, stream }]));

describe.each(streaming)('a stream of $kind', ({ stream }) => {
  it('explains a row as it was scored, before it is learned', () => {
    const learning = stream({ features: FEATURES }, { seed: 1, warmUp: 200 });
    learning.scoreThenLearn(rowsOf(2, 1000, plain));
    const before = learning.snapshot();
    const odd = rowsOf(3, 1, () => [9, 0, Number.NaN]);
    const seen: [number, number, Explanation][] = [];
    const [score] = learning.scoreThenLearn(odd, {
      from: 0.9,
      row: (row, given, _raw, explain) => seen.push([row, given, explain()]),
    });
    expect(seen).toHaveLength(1);
    const [row, given, explanation] = seen[0];
    expect([row, given]).toEqual([0, score]);
    assertExact(explanation);
    expect(explanation).toEqual(before.explain(odd, 0));
    expect(explanation.contributions.find(({ feature }) => feature === 'f2')?.value).toBeUndefined();
  });

  it('asks of no row below the score from which it is to', () => {
    const learning = stream({ features: FEATURES }, { seed: 1, warmUp: 200 });
    const asked: number[] = [];
    const scores = learning.scoreThenLearn(rowsOf(4, 2000, plain), { from: 0.95, row: (row) => asked.push(row) });
    expect(asked).toEqual([...scores.keys()].filter((row) => scores[row] >= 0.95));
    expect(asked.length).toBeGreaterThan(30);
    expect(asked.length).toBeLessThan(200);
  });

  it('takes rows in the order that it is told', () => {
    const matrix = rowsOf(5, 900, plain);
    const turned = { ...matrix, values: new Float32Array(matrix.values.length) };
    for (let row = 0; row < 900; row++)
      turned.values.set(matrix.values.subarray(row * D, (row + 1) * D), (899 - row) * D);
    const straight = stream({ features: FEATURES }, { seed: 1, warmUp: 200 }).scoreThenLearn(matrix);
    const order = Int32Array.from({ length: 900 }, (_, i) => 899 - i);
    const back = stream({ features: FEATURES }, { seed: 1, warmUp: 200 }).scoreThenLearn(turned, { order });
    expect([...back].reverse()).toEqual([...straight]);
  });

  it('brings its scales to a stream that has become another, and finds there what is strange', () => {
    const strangest = (rescale: boolean): { score: number; rescaled: number } => {
      const learning = stream({ features: FEATURES }, { seed: 1, warmUp: 300, rescale });
      learning.scoreThenLearn(rowsOf(6, 2000, plain));
      // One feature becomes loud, which says nothing of the others.
      const loud = (random: Random): number[] => plain(random).map((v, j) => (j === 1 ? 1000 * v : v));
      learning.scoreThenLearn(rowsOf(7, 8000, loud));
      const probe = rowsOf(8, 20, (random) => loud(random).map((v, j) => v + (j === 0 ? 12 : 0)));
      const scores = learning.snapshot().score(probe);
      return { score: scores.reduce((sum, score) => sum + score, 0) / 20, rescaled: learning.rescaled };
    };
    const following = strangest(true);
    expect(following.rescaled).toBeGreaterThanOrEqual(1);
    expect(following.rescaled).toBeLessThanOrEqual(3);
    const fixed = strangest(false);
    expect(following.score).toBeGreaterThan(0.975);
    expect(following.score).toBeGreaterThan(fixed.score);
    expect(fixed.rescaled).toBe(0);
  });

  it('leaves its scales as they are while the stream stays as it is, heavy tails and rare values or not', () => {
    for (let seed = 0; seed < 3; seed++) {
      const learning = stream({ features: FEATURES }, { seed, warmUp: 300 });
      learning.scoreThenLearn(
        rowsOf(20 + seed, 8000, (random) => [
          Math.exp(2 * normal(random)),
          random.float() < 0.9 ? 0 : random.below(50),
          random.float() < 0.5 ? Number.NaN : normal(random),
        ]),
      );
      expect(learning.rescaled).toBe(0);
    }
  });

  it('keeps with its snapshot what later rows are compared with', () => {
    const learning = stream({ features: FEATURES }, { seed: 1, warmUp: 300 });
    learning.scoreThenLearn(rowsOf(9, 600, plain));
    const { reference } = loadModel(learning.snapshot().save()).training;
    expect(reference?.rows).toBe(300);
    expect(reference?.anchor?.rowCount).toBe(300);
  });
});
