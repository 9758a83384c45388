import { describe, expect, it } from 'vitest';
import { Random } from '../../core/index.ts';
import { averagePathLength, depthFor, type Forest, growForest } from './forest.ts';
import { explainPathLength } from './tree-shap.ts';

/** The game by its definition: worth of the coalition `known` (bit j: feature j is known), tree by tree, by walking both ways where unknown. */
function worth(forest: Forest, record: Float32Array, known: number): number {
  const depth = depthFor(forest.subsample);
  const inner = 2 ** depth - 1;
  const all = 2 * inner + 1;
  const at = (tree: number, node: number, level: number): number => {
    const size = forest.size[tree * all + node];
    const j = node < inner ? forest.feature[tree * inner + node] : -1;
    if (j === -1) return level + averagePathLength(size);
    const [left, right] = [2 * node + 1, 2 * node + 2];
    if (known & (1 << j)) return at(tree, record[j] > forest.threshold[tree * inner + node] ? right : left, level + 1);
    const share = forest.size[tree * all + left] / size;
    return share * at(tree, left, level + 1) + (1 - share) * at(tree, right, level + 1);
  };
  let total = 0;
  for (let tree = 0; tree < forest.treeCount; tree++) total += at(tree, 0, 0);
  return total / forest.treeCount;
}

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}

function bruteForce(forest: Forest, record: Float32Array): number[] {
  const d = forest.featureCount;
  const worths = Array.from({ length: 2 ** d }, (_, known) => worth(forest, record, known));
  return Array.from({ length: d }, (_, j) => {
    let share = 0;
    for (let known = 0; known < 2 ** d; known++) {
      if (known & (1 << j)) continue;
      const size = known.toString(2).replaceAll('0', '').length;
      share +=
        ((factorial(size) * factorial(d - size - 1)) / factorial(d)) * (worths[known | (1 << j)] - worths[known]);
    }
    return share;
  });
}

function grow(
  rows: number,
  d: number,
  seed: number,
  trees: number,
  subsample: number,
): { forest: Forest; values: Float32Array } {
  const random = new Random(seed);
  // Whole numbers, so that ties, leaves of several rows and repeated splits on one feature all occur.
  const values = Float32Array.from(
    { length: rows * d },
    () => random.below(12) + (random.below(5) === 0 ? random.float() : 0),
  );
  const all = Int32Array.from({ length: rows }, (_, i) => i);
  return { forest: growForest(values, d, all, new Float64Array(d), { trees, subsample, random }), values };
}

describe('shares of the mean path length', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('equal the Shapley values by enumeration, with %i features', (d) => {
    const { forest, values } = grow(200, d, d, 6, 64);
    const random = new Random(99);
    for (let k = 0; k < 6; k++) {
      const record =
        k < 3 ? values.slice(k * d, (k + 1) * d) : Float32Array.from({ length: d }, () => random.below(30) - 9);
      const { base, shares } = explainPathLength(forest, record);
      const expected = bruteForce(forest, record);
      for (let j = 0; j < d; j++) expect(Math.abs(shares[j] - expected[j])).toBeLessThan(1e-11);
      expect(Math.abs(base - worth(forest, record, 0))).toBeLessThan(1e-11);
    }
  });

  it('with the base add up to the path length, in deep trees and wide data', () => {
    const { forest, values } = grow(5000, 40, 3, 20, 4096);
    for (let k = 0; k < 5; k++) {
      const record = values.slice(k * 40, (k + 1) * 40);
      const { base, shares } = explainPathLength(forest, record);
      const sum = shares.reduce((total, share) => total + share, base);
      expect(Math.abs(sum - worth(forest, record, -1))).toBeLessThan(1e-10);
    }
  });

  it('give nothing to a feature that no tree splits on', () => {
    const { forest } = grow(100, 3, 4, 5, 32);
    const wider = { ...forest, featureCount: 4 };
    expect(explainPathLength(wider, Float32Array.of(1, 2, 3, 4)).shares[3]).toBe(0);
  });

  it('weigh the children of a node by their rows, not evenly', () => {
    // One split that sends 3 rows left and 1 right: depth 2 for psi = 4.
    const forest: Forest = {
      featureCount: 1,
      treeCount: 1,
      subsample: 4,
      feature: Int16Array.of(0, -1, -1),
      threshold: Float32Array.of(5, 0, 0),
      size: Uint16Array.of(4, 3, 1, 0, 0, 0, 0),
    };
    const left = 1 + averagePathLength(3);
    const base = (3 / 4) * left + (1 / 4) * 1;
    const result = explainPathLength(forest, Float32Array.of(9));
    expect(result.base).toBeCloseTo(base, 14);
    expect(result.shares[0]).toBeCloseTo(1 - base, 14);
  });
});
