import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitExtendedIsolationForest, loadExtendedIsolationForest } from './extended-isolation-forest.ts';
import { fitIsolationForest } from './isolation-forest.ts';
import { averagePathLength } from './tree/forest.ts';

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  return {
    features: rows[0].map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

function ring(count: number, seed: number): number[][] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const angle = 2 * Math.PI * random.float();
    return [Math.cos(angle) + random.float() / 10, Math.sin(angle) + random.float() / 10];
  });
}

test('path lengths are those of the paper, read plainly, in the mean over many trees', () => {
  const reference: { subsample: number; rows: number[][]; probes: number[][]; lengths: number[] } = JSON.parse(
    readFileSync(new URL('../../test/fixture/model/extended-isolation-forest.json', import.meta.url), 'utf8'),
  );
  const model = fitExtendedIsolationForest(matrixOf(reference.rows), {
    trees: 500,
    subsample: reference.subsample,
    combined: 3,
  });
  const c = averagePathLength(reference.subsample);
  const probes = matrixOf(reference.probes);
  const raw = model.rawScore(probes);
  reference.lengths.forEach((length, i) => {
    const guard = model.explain(probes, i).contributions.reduce((total, share) => total + share.guard, 0);
    expect(Math.abs(-(raw[i] - guard) * c - length)).toBeLessThan(0.2);
  });
});

type Learn = typeof fitExtendedIsolationForest | typeof fitIsolationForest;

test('sees records beside a diagonal and in empty corners, which plain cuts take for nearly ordinary', () => {
  const random = new Random(1);
  const noise = (): number => random.float() + random.float() + random.float() + random.float() - 2;
  const diagonal = Array.from({ length: 2000 }, () => {
    const x = 10 * random.float();
    return [x, x + noise() / 5];
  });
  const beside = matrixOf([
    [3, 7],
    [5, 6.5],
    [2, 4],
  ]);
  const corners = Array.from({ length: 2000 }, (_, i) =>
    i % 2 === 0 ? [10 + noise(), noise()] : [noise(), 10 + noise()],
  );
  const empty = matrixOf([
    [0, 0],
    [10, 10],
  ]);
  for (const seed of [0, 1, 2]) {
    const lowest = (learn: Learn, rows: number[][], probes: FeatureMatrix): number =>
      Math.min(...learn(matrixOf(rows), { seed }).score(probes));
    expect(lowest(fitExtendedIsolationForest, diagonal, beside)).toBeGreaterThan(0.96);
    expect(lowest(fitIsolationForest, diagonal, beside)).toBeLessThan(0.95);
    expect(lowest(fitExtendedIsolationForest, corners, empty)).toBeGreaterThan(0.995);
    expect(lowest(fitIsolationForest, corners, empty)).toBeLessThan(0.99);
  }
});

test('with one feature to a cut it is a plain isolation forest, but for where the cuts fall', () => {
  const random = new Random(4);
  const rows = matrixOf(Array.from({ length: 600 }, () => [random.float() ** 3, random.float(), random.float() ** 5]));
  const one = fitExtendedIsolationForest(rows, { combined: 1, trees: 300 }).rawScore(rows);
  const plain = fitIsolationForest(rows, { trees: 300 }).rawScore(rows);
  const apart = one.map((score, i) => Math.abs(score - plain[i]));
  expect(Math.max(...apart)).toBeLessThan(0.08);
});

test('names the feature that carries the strangeness, and counts what lies beyond the range apart', () => {
  const random = new Random(5);
  const rows = Array.from({ length: 1000 }, () => [random.float(), random.float(), random.float()]);
  const model = fitExtendedIsolationForest(matrixOf(rows));
  const { contributions } = model.explain(matrixOf([[0.5, 30, 0.5]]), 0);
  expect(contributions[0].feature).toBe('f1');
  expect(contributions[0].guard).toBeGreaterThan(0.3);
  expect(contributions[1].guard).toBe(0);
  const within = model.explain(matrixOf([[0.5, 0.5, 0.5]]), 0);
  expect(within.contributions.every((share) => share.guard === 0)).toBe(true);
});

test('four records side by side score as each by itself, whatever the number of features in a cut', () => {
  const rows = matrixOf(ring(500, 6).map(([x, y], i) => [x, y, i % 7, (i * 13) % 11]));
  for (const combined of [1, 2, 3, 4]) {
    const model = fitExtendedIsolationForest(rows, { combined, trees: 20 });
    const all = model.rawScore(rows);
    for (const row of [0, 1, 2, 3, 254, 498, 499]) {
      const alone = { ...rows, rowCount: 1, values: rows.values.slice(row * 4, row * 4 + 4) };
      expect(model.rawScore(alone)[0]).toBe(all[row]);
    }
  }
});

test('a million identical rows, and more features than rows, are defined', () => {
  const same = { ...matrixOf([[7, 7]]), rowCount: 1_000_000, values: new Float32Array(2_000_000).fill(7) };
  const flat = fitExtendedIsolationForest(same, { trees: 10 });
  const [ordinary, strange] = flat.score(
    matrixOf([
      [7, 7],
      [9, 7],
    ]),
  );
  expect(strange).toBeGreaterThan(ordinary);
  const random = new Random(8);
  const wide = matrixOf(Array.from({ length: 20 }, () => Array.from({ length: 300 }, () => random.float())));
  expect(fitExtendedIsolationForest(wide).score(wide).every(Number.isFinite)).toBe(true);
});

test('options out of range, and files that contradict themselves, are refused', () => {
  const rows = matrixOf(ring(50, 9));
  expect(() => fitExtendedIsolationForest(rows, { combined: 0 })).toThrow(
    "An extended isolation forest can't have combined 0.",
  );
  expect(() => fitExtendedIsolationForest(rows, { trees: 1.5 })).toThrow(
    "An extended isolation forest can't have trees 1.5.",
  );
  const saved = fitIsolationForest(rows).save();
  expect(() => loadExtendedIsolationForest(saved)).toThrow(
    "The model file holds a model of kind 'isolation-forest', not 'extended-isolation-forest'.",
  );
});
