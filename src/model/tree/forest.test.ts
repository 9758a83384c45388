import { describe, expect, it } from 'vitest';
import { Random } from '../../core/index.ts';
import { averagePathLength, depthFor, type Forest, forestFault, growForest } from './forest.ts';

function rowsOf(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}

function grow(
  values: Float32Array,
  d: number,
  options: { trees?: number; subsample?: number; seed?: number } = {},
): Forest {
  const { trees = 10, subsample = 64, seed = 1 } = options;
  return growForest(values, d, rowsOf(values.length / d), new Float64Array(d), {
    trees,
    subsample,
    random: new Random(seed),
  });
}

const random = new Random(3);
const cloud = Float32Array.from({ length: 500 * 3 }, () => random.float());

describe('c(n), the length of an ordinary search', () => {
  it('is 0, 0, 1 for n = 0, 1, 2 and 2 H(n-1) - 2 (n-1)/n above', () => {
    expect([0, 1, 2].map(averagePathLength)).toEqual([0, 0, 1]);
    expect(averagePathLength(3)).toBeCloseTo(1.2073924, 7);
    expect(averagePathLength(256)).toBeCloseTo(10.2447709, 7);
  });
});

describe('a grown forest', () => {
  it('has ceil(log2 psi) levels, and psi is at most the number of rows', () => {
    expect([1, 2, 3, 4, 5, 255, 256, 257].map(depthFor)).toEqual([1, 1, 2, 2, 3, 8, 8, 9]);
    expect(grow(cloud.slice(0, 30), 3, { subsample: 256 }).subsample).toBe(10);
  });

  it('holds together by its own account', () => {
    for (const seed of [1, 2, 3, 4]) expect(forestFault(grow(cloud, 3, { seed }))).toBeUndefined();
  });

  it('is the same for the same seed and another for another', () => {
    expect(grow(cloud, 3, { seed: 8 })).toEqual(grow(cloud, 3, { seed: 8 }));
    expect(grow(cloud, 3, { seed: 8 })).not.toEqual(grow(cloud, 3, { seed: 9 }));
  });

  it('splits between two neighbouring floats, and leaves neither side empty', () => {
    const next = new Float32Array(new Int32Array([0x3f800001]).buffer)[0];
    const forest = grow(Float32Array.of(1, next), 1, { trees: 50, subsample: 2 });
    expect(new Set(forest.threshold)).toEqual(new Set([1]));
    expect([...forest.size.slice(0, 3)]).toEqual([2, 1, 1]);
  });

  it('never splits on what is constant in the node', () => {
    const values = Float32Array.from({ length: 300 }, (_, i) => (i % 3 === 1 ? i : 4));
    expect(new Set(grow(values, 3).feature)).toEqual(new Set([-1, 1]));
  });

  it('is one leaf per tree when all rows are identical', () => {
    const forest = grow(new Float32Array(300).fill(2), 3);
    expect(new Set(forest.feature)).toEqual(new Set([-1]));
    expect(forest.size[0]).toBe(64);
  });

  it('picks each varying feature about equally often at the root', () => {
    const forest = grow(cloud, 3, { trees: 3000 });
    const inner = 2 ** 6 - 1;
    const counts = [0, 0, 0];
    for (let tree = 0; tree < 3000; tree++) counts[forest.feature[tree * inner]]++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  it('draws rows without replacement and evenly', () => {
    const line = Float32Array.from({ length: 20 }, (_, i) => i);
    const forest = grow(line, 1, { trees: 200, subsample: 16 });
    // All values differ, so no leaf above the last level can hold two rows.
    for (let tree = 0; tree < 200; tree++) expect(forest.size[tree * 31]).toBe(16);
    const thresholds = forest.threshold.filter((_, i) => i % 15 === 0);
    const mean = thresholds.reduce((total, t) => total + t, 0) / thresholds.length;
    expect(Math.abs(mean - 9.5)).toBeLessThan(1);
  });

  it('takes the fallback for a missing value and a finite number for an infinity', () => {
    const values = Float32Array.of(Number.NaN, Infinity, -Infinity, 5);
    const forest = growForest(values, 1, rowsOf(4), Float64Array.of(5), {
      trees: 20,
      subsample: 4,
      random: new Random(1),
    });
    expect(forestFault(forest)).toBeUndefined();
    // The two fives can't be told apart: some leaf holds both.
    for (let tree = 0; tree < 20; tree++) expect([...forest.size.slice(tree * 7, tree * 7 + 7)]).toContain(2);
  });
});

describe('the check of a forest', () => {
  const sound = grow(cloud, 3, { trees: 2, subsample: 16 });
  const broken = (
    change: (copy: { feature: Int16Array; threshold: Float32Array; size: Uint16Array }) => void,
  ): string | undefined => {
    const copy = {
      ...sound,
      feature: sound.feature.slice(),
      threshold: sound.threshold.slice(),
      size: sound.size.slice(),
    };
    change(copy);
    return forestFault(copy);
  };

  it('names what is wrong', () => {
    expect(broken((f) => f.feature.set([3]))).toBe('node 0 of tree 0 splits on feature 3 of 3');
    expect(broken((f) => f.feature.set([-2]))).toBe('node 0 of tree 0 splits on feature -2 of 3');
    expect(broken((f) => f.feature.set([-1]))).toBe('leaf 0 of tree 0 has children');
    expect(broken((f) => f.threshold.set([Number.NaN]))).toBe('node 0 of tree 0 has a threshold that is not finite');
    expect(broken((f) => f.size.set([15]))).toBe('tree 0 was not grown on 16 rows');
    expect(broken((f) => f.size.set([16, 16, 0]))).toBe('node 0 of tree 0 is not as large as its children');
    expect(forestFault({ ...sound, subsample: 64 })).toBe('its trees do not have the size that its parameters say');
  });
});
