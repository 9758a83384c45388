import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import {
  fitRobustRandomCutForest,
  loadRobustRandomCutForest,
  streamRobustRandomCutForest,
} from './robust-random-cut-forest.ts';
import { CutTree } from './tree/cut-tree.ts';

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  return {
    features: rows[0].map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

const asRecord = (row: readonly number[]): Float64Array => Float64Array.from(row, Math.fround);

function cloud(count: number, seed: number, shift: number = 0): number[][] {
  const random = new Random(seed);
  const noise = (): number => random.float() + random.float() + random.float() - 1.5 + shift;
  return Array.from({ length: count }, () => [noise(), noise(), noise()]);
}

describe('a cut tree', () => {
  test('displaces as the package rrcf says, in the mean over many trees', () => {
    const reference: { rows: number[][]; displacement: number[] } = JSON.parse(
      readFileSync(new URL('../../test/fixture/model/cut-forest.json', import.meta.url), 'utf8'),
    );
    const { rows, displacement } = reference;
    const random = new Random(1);
    const trees = 1500;
    const total = new Float64Array(rows.length);
    for (let t = 0; t < trees; t++) {
      const tree = new CutTree(rows.length, 3);
      const leaves = rows.map((row) => tree.insert(asRecord(row), random));
      leaves.forEach((leaf, i) => {
        total[i] += tree.displacementOf(leaf) / trees;
      });
    }
    displacement.forEach((value, i) => {
      expect(Math.abs(total[i] / value - 1)).toBeLessThan(0.12);
    });
  });

  test('what a record would displace is the mean of what it does displace, put in again and again', () => {
    const random = new Random(2);
    const tree = new CutTree(40, 3);
    for (const row of cloud(38, 3)) tree.insert(asRecord(row), random);
    for (const row of [[0.1, 0.2, 0.3], [4, 0, 0], cloud(1, 3)[0]]) {
      const record = asRecord(row);
      let total = 0;
      const rounds = 4000;
      for (let round = 0; round < rounds; round++) {
        const leaf = tree.insert(record, random);
        total += tree.displacementOf(leaf) / rounds;
        tree.remove(leaf);
      }
      const shares = new Float64Array(3);
      const expected = tree.displacement(record, shares);
      expect(Math.abs(total / expected - 1)).toBeLessThan(0.06);
      expect(shares[0] + shares[1] + shares[2]).toBeCloseTo(expected, 10);
    }
  });

  test('stays whole through thousands of comings and goings, twins and floats next to each other included', () => {
    const random = new Random(4);
    const tree = new CutTree(30, 2);
    const held: number[] = [];
    for (let step = 0; step < 5000; step++) {
      if (held.length === 30 || (held.length > 0 && random.below(3) === 0)) {
        const [leaf] = held.splice(random.below(held.length), 1);
        tree.remove(leaf);
      } else {
        const near = Math.fround(1 + random.below(3) * 2 ** -23);
        const row = random.below(2) === 0 ? [random.below(4), near] : [random.float(), random.float() * 1e-44];
        held.push(tree.insert(asRecord(row), random));
      }
      expect(tree.held).toBe(held.length);
      if (step % 50 === 0) expect(tree.copy().displacement(asRecord([2, 2]))).toBe(tree.displacement(asRecord([2, 2])));
    }
    expect(() => new CutTree(2, 1).remove(0)).toThrow('a cut tree has no such record');
  });

  test('one record displaces nobody; an empty tree holds nothing', () => {
    const tree = new CutTree(2, 1);
    expect([tree.held, tree.displacement(asRecord([1]))]).toEqual([0, 0]);
    tree.insert(asRecord([1]), new Random(0));
    expect([tree.displacement(asRecord([1])), tree.displacement(asRecord([5]))]).toEqual([0, 1]);
  });
});

test('a small group of twins is strange together, and the feature of a lone record is named', () => {
  const rows = [...cloud(1500, 5), ...Array.from({ length: 5 }, (_, i) => [6 + i / 1000, 6, 6])];
  const model = fitRobustRandomCutForest(matrixOf(rows));
  const probe = matrixOf([
    [6, 6, 6],
    [0, 0, 4],
    [0, 0, 0],
  ]);
  const scores = model.score(probe);
  expect(scores[0]).toBeGreaterThan(0.98);
  expect(scores[1]).toBeGreaterThan(0.98);
  expect(scores[2]).toBeLessThan(0.9);
  expect(model.explain(probe, 1).contributions[0].feature).toBe('f2');
});

test('as a stream it keeps its promise, follows what moves, and gives the same in one batch or many', () => {
  const rows = matrixOf(cloud(2000, 6));
  const options = { trees: 10, size: 64, window: 512, warmUp: 300 };
  const stream = streamRobustRandomCutForest(rows, options);
  const scores = stream.scoreThenLearn(rows);
  const later = scores.subarray(350);
  const above = later.filter((score) => score > 0.9).length / later.length;
  expect(above).toBeGreaterThan(0.06);
  expect(above).toBeLessThan(0.14);
  const again = streamRobustRandomCutForest(rows, options);
  const halves = [rows.values.slice(0, 3000), rows.values.slice(3000)].flatMap((values) => [
    ...again.scoreThenLearn({ ...rows, rowCount: 1000, values }),
  ]);
  expect(Float64Array.from(halves)).toEqual(scores);
  const moved = matrixOf(cloud(3000, 7, 4));
  const after = stream.scoreThenLearn(moved);
  const share = (part: Float64Array): number => part.filter((score) => score > 0.95).length / part.length;
  expect(share(after.subarray(0, 30))).toBeGreaterThan(0.5);
  expect(share(after.subarray(2000))).toBeLessThan(0.12);
  const snapshot = stream.snapshot();
  const loaded = loadRobustRandomCutForest(snapshot.save());
  expect(loaded.score(moved)).toEqual(snapshot.score(moved));
});

test('a million identical rows, and more features than rows, are defined', () => {
  const same = { ...matrixOf([[7, 7]]), rowCount: 1_000_000, values: new Float32Array(2_000_000).fill(7) };
  const [ordinary, strange] = fitRobustRandomCutForest(same, { trees: 10 }).score(
    matrixOf([
      [7, 7],
      [9, 7],
    ]),
  );
  expect(strange).toBeGreaterThan(ordinary);
  const random = new Random(8);
  const wide = matrixOf(Array.from({ length: 20 }, () => Array.from({ length: 300 }, () => random.float())));
  expect(fitRobustRandomCutForest(wide, { trees: 10 }).score(wide).every(Number.isFinite)).toBe(true);
});

test('options out of range are refused', () => {
  const rows = matrixOf(cloud(10, 9));
  expect(() => fitRobustRandomCutForest(rows, { size: 1 })).toThrow("A robust random cut forest can't have size 1.");
  expect(() => streamRobustRandomCutForest(rows, { window: 100 })).toThrow(
    "A robust random cut forest can't have window 100.",
  );
});
