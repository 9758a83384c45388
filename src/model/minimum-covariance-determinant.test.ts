import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import {
  fitMinimumCovariance,
  loadMinimumCovariance,
  robustCloud,
  squaredDistances,
} from './minimum-covariance-determinant.ts';

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  return {
    features: rows[0].map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

const reference: {
  cases: { support: number | null; rows: number[][]; location: number[]; covariance: number[]; distances: number[] }[];
} = JSON.parse(readFileSync(new URL('../../test/fixture/model/minimum-covariance.json', import.meta.url), 'utf8'));

describe.each(reference.cases)('case %#', ({ support, rows, location, covariance, distances }) => {
  const [n, p] = [rows.length, rows[0].length];

  test('location and covariance are those of scikit-learn', () => {
    const values = Float64Array.from(rows.flat(), Math.fround);
    const cloud = robustCloud(values, n, p, support ?? 0.5, new Random(1));
    const size = Math.max(...covariance.map(Math.abs));
    cloud.location.forEach((v, j) => {
      expect(Math.abs(v - location[j])).toBeLessThan(1e-6 * Math.sqrt(size));
    });
    cloud.covariance.forEach((v, k) => {
      expect(Math.abs(v - covariance[k])).toBeLessThan(1e-6 * size);
    });
  });

  test('distances are those of scikit-learn', () => {
    const model = fitMinimumCovariance(matrixOf(rows), { support: support ?? 0.5 });
    squaredDistances(model, matrixOf(rows)).forEach((v, i) => {
      expect(Math.abs(v / distances[i] - 1)).toBeLessThan(1e-4);
    });
  });
});

test('a cloud of attacks in two fifths of the rows does not move what is ordinary', () => {
  const random = new Random(3);
  const noise = (): number => random.float() + random.float() + random.float() + random.float() - 2;
  const clean = Array.from({ length: 600 }, () => {
    const a = noise();
    return [a, a + noise() / 5];
  });
  const mixed = clean.map((row, i) => (i % 5 < 2 ? [6 + noise() / 10, -6 + noise() / 10] : row));
  const probe = matrixOf([
    [6, -6],
    [0, 0],
    [1.5, 1.4],
  ]);
  const distances = squaredDistances(fitMinimumCovariance(matrixOf(mixed), { support: 0.5 }), probe);
  expect(distances[0]).toBeGreaterThan(500);
  expect(distances[1]).toBeLessThan(1);
  expect(distances[2]).toBeLessThan(20);
});

test('a record off the common direction is far, and both features of it are named', () => {
  const random = new Random(4);
  const rows = Array.from({ length: 800 }, () => {
    const a = random.float();
    return [a, 3 * a + random.float() / 20, random.float()];
  });
  const model = fitMinimumCovariance(matrixOf(rows));
  const explanation = model.explain(matrixOf([[0.3, 2.4, 0.5]]), 0);
  expect(explanation.score).toBeGreaterThan(0.99);
  const [first, second, third] = explanation.contributions;
  expect([first.feature, second.feature].sort()).toEqual(['f0', 'f1']);
  expect(second.rawContribution).toBeGreaterThan(0.2 * first.rawContribution);
  expect(third.rawContribution).toBeLessThan(0.01 * first.rawContribution);
});

test('a feature that is mostly one value stands aside, and still counts', () => {
  const random = new Random(5);
  const rows = Array.from({ length: 1000 }, (_, i) => [random.float(), i % 4 === 0 ? random.float() : 0]);
  const model = fitMinimumCovariance(matrixOf(rows));
  const [usual, half, far] = squaredDistances(
    model,
    matrixOf([
      [0.5, 0],
      [0.5, 0.5],
      [0.5, 50],
    ]),
  );
  expect(usual).toBeLessThan(0.1);
  expect(half).toBeLessThan(10);
  expect(far).toBeGreaterThan(500);
});

test('a record that leaves an exact plane is as far as can be, and one within it is not', () => {
  const random = new Random(6);
  const rows = Array.from({ length: 500 }, () => {
    const [a, b] = [random.float(), random.float()];
    return [a, b, a + b];
  });
  const model = fitMinimumCovariance(matrixOf(rows));
  const [within, off] = squaredDistances(
    model,
    matrixOf([
      [0.25, 0.5, 0.75],
      [0.25, 0.5, 0.85],
    ]),
  );
  expect(within).toBeLessThan(5);
  expect(off).toBeGreaterThan(1e5);
});

test('a million identical rows, and more features than rows, are defined', () => {
  const same = { ...matrixOf([[7, 7]]), rowCount: 1_000_000, values: new Float32Array(2_000_000).fill(7) };
  const [ordinary, strange] = fitMinimumCovariance(same).score(
    matrixOf([
      [7, 7],
      [9, 7],
    ]),
  );
  expect(strange).toBeGreaterThan(ordinary);
  const random = new Random(8);
  const wide = matrixOf(Array.from({ length: 20 }, () => Array.from({ length: 150 }, () => random.float())));
  expect(fitMinimumCovariance(wide).score(wide).every(Number.isFinite)).toBe(true);
});

test('options out of range are refused; another seed draws other rows and finds the same cloud', () => {
  const { rows } = reference.cases[1];
  expect(() => fitMinimumCovariance(matrixOf(rows), { support: 0.4 })).toThrow(
    "A minimum covariance determinant can't have support 0.4.",
  );
  const one = fitMinimumCovariance(matrixOf(rows), { seed: 1 });
  const other = fitMinimumCovariance(matrixOf(rows), { seed: 2 });
  expect(Math.max(...one.part.location.map((v, j) => Math.abs(v - other.part.location[j])))).toBeLessThan(1e-9);
  expect(loadMinimumCovariance(one.save()).checksum).toBe(one.checksum);
});
