import { describe, expect, it } from 'vitest';
import { Random } from '../../core/index.ts';
import { averagePathLength, depthFor, type Forest, growForest, packForest } from './forest.ts';
import { chooseBlockRows, MAX_DEPTH, walkEngine, walkForest } from './walk.ts';

/** The mean path length, node by node over the unpacked trees. */
function pathSum(forest: Forest, record: Float32Array): number {
  const inner = 2 ** depthFor(forest.subsample) - 1;
  const all = 2 * inner + 1;
  let total = 0;
  for (let tree = 0; tree < forest.treeCount; tree++) {
    let node = 0;
    let level = 0;
    while (node < inner && forest.feature[tree * inner + node] !== -1) {
      const j = forest.feature[tree * inner + node];
      node = 2 * node + (record[j] > forest.threshold[tree * inner + node] ? 2 : 1);
      level++;
    }
    total += level + averagePathLength(forest.size[tree * all + node]);
  }
  return total;
}

describe.each([
  [1, 1, 1],
  [2, 2, 3],
  [3, 3, 2],
  [300, 10, 256],
  [300, 200, 64],
  [3000, 7, 1024],
  [5000, 2, 4096],
])('a forest of %i rows, %i features and a subsample of %i', (rows, d, subsample) => {
  const random = new Random(rows);
  const values = Float32Array.from({ length: rows * d }, () => random.float() * 4 - 2);
  const all = Int32Array.from({ length: rows }, (_, i) => i);
  const forest = growForest(values, d, all, new Float64Array(d), { trees: 9, subsample, random });
  const packed = packForest(forest);
  const fill = (block: Float32Array, from: number, count: number): void => {
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < d; j++) block[j * packed.blockRows + i] = values[((from + i) % rows) * d + j];
    }
  };

  it('gives the same sums assembled and plain, in whole and broken blocks', () => {
    const stride = packed.blockRows;
    for (const count of [0, 1, 7, 8, 9, stride - 1, stride, stride + 1, 2 * stride + 5]) {
      const assembled = walkForest(packed, count, fill);
      const plain = walkForest(packed, count, fill, 'plain');
      expect(assembled.length).toBe(count);
      expect(Buffer.from(assembled.buffer).equals(Buffer.from(plain.buffer))).toBe(true);
    }
  });

  it('gives the sums that following the trees gives', () => {
    const sums = walkForest(packed, 20, fill);
    for (let i = 0; i < 20; i++) {
      const at = (i % rows) * d;
      expect(sums[i]).toBe(pathSum(forest, values.slice(at, at + d)));
    }
  });
});

describe('the assembled loop', () => {
  it('is to be had in Node.js for every depth', () => {
    for (let depth = 1; depth <= MAX_DEPTH; depth++) expect(walkEngine(depth)).toBe('assembled');
  });
});

describe('the block', () => {
  it('fits the first-level cache, and never has fewer than 64 rows', () => {
    expect([1, 10, 16, 17, 40, 100, 1000].map(chooseBlockRows)).toEqual([512, 512, 512, 256, 128, 64, 64]);
  });
});
