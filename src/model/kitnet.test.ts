import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitKitNet, groupFeatures, loadKitNet, reconstructionError, Scratch, trainAutoencoder } from './kitnet.ts';

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  return {
    features: rows[0].map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

const reference: {
  start: number[][];
  rows: number[][];
  weight: number[][];
  hiddenBias: number[];
  outputBias: number[];
  rmse: number[];
  features: number[][];
  groups: Record<string, number[][]>;
} = JSON.parse(readFileSync(new URL('../../test/fixture/model/kitnet.json', import.meta.url), 'utf8'));

test('an autoencoder learns as NumPy computes it, weight for weight', () => {
  const net = {
    inputs: 4,
    hidden: 3,
    weight: Float64Array.from(reference.start.flat()),
    hiddenBias: new Float64Array(3),
    outputBias: new Float64Array(4),
  };
  const scratch = new Scratch(4);
  for (const row of reference.rows) trainAutoencoder(net, Float64Array.from(row), 0.1, scratch);
  reference.weight.flat().forEach((w, k) => {
    expect(net.weight[k]).toBeCloseTo(w, 12);
  });
  reference.hiddenBias.forEach((v, k) => {
    expect(net.hiddenBias[k]).toBeCloseTo(v, 12);
  });
  reference.outputBias.forEach((v, k) => {
    expect(net.outputBias[k]).toBeCloseTo(v, 12);
  });
  reference.rows.forEach((row, i) => {
    expect(reconstructionError(net, Float64Array.from(row), scratch)).toBeCloseTo(reference.rmse[i], 12);
  });
});

test("groups are SciPy's dendrogram, broken from the top", () => {
  const records = Float64Array.from(reference.features.flat());
  for (const [most, groups] of Object.entries(reference.groups)) {
    expect(groupFeatures(records, 200, 20, Number(most))).toEqual(groups.toSorted((a, b) => a[0] - b[0]));
  }
});

/** Four hidden causes behind sixteen features. */
function caused(count: number, seed: number): number[][] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const causes = Array.from({ length: 4 }, () => random.float());
    return Array.from({ length: 16 }, (_, j) => causes[j % 4] * (1 + j) + random.float() / 20);
  });
}

test('a record whose features do not go together is strange, and the feature is named', () => {
  const model = fitKitNet(matrixOf(caused(3000, 1)), { groupSize: 4 });
  const rows = caused(200, 2);
  const usual = model.score(matrixOf(rows));
  // Each value common, together never seen.
  const mixed = rows.map((row) => row.map((v, j) => (j === 12 ? 13 * (row[0] < 0.5 ? 0.95 : 0.05) : v)));
  const strange = model.score(matrixOf(mixed));
  expect(usual.filter((score) => score > 0.99).length).toBeLessThan(10);
  expect(strange.filter((score) => score > 0.99).length).toBeGreaterThan(120);
  const named = mixed.filter((_, i) => model.explain(matrixOf(mixed), i).contributions[0].feature === 'f12');
  expect(named.length).toBeGreaterThan(100);
});

test('one poisoned record among those it learns from does not flatten the others', () => {
  const clean = caused(2000, 3);
  const poisoned = clean.map((row, i) => (i === 1000 ? row.map(() => 1e12) : row));
  const probe = caused(100, 4).map((row) => row.map((v, j) => (j === 5 ? 6 - v : v)));
  const before = fitKitNet(matrixOf(clean)).score(matrixOf(probe));
  const after = fitKitNet(matrixOf(poisoned)).score(matrixOf(probe));
  const share = (scores: Float64Array): number => scores.filter((score) => score > 0.95).length;
  expect(share(after)).toBeGreaterThan(0.7 * share(before));
});

test('the further out, the stranger, without an end', () => {
  const model = fitKitNet(matrixOf(caused(1500, 5)));
  const [row] = caused(1, 6);
  const raw = model.rawScore(matrixOf([20, 200, 1e6, 1e30].map((v) => row.map((own, j) => (j === 3 ? v : own)))));
  for (let i = 1; i < raw.length; i++) expect(raw[i]).toBeGreaterThan(raw[i - 1]);
});

test('a million identical rows, and more features than rows, are defined', () => {
  const same = { ...matrixOf([[7, 7]]), rowCount: 1_000_000, values: new Float32Array(2_000_000).fill(7) };
  const [ordinary, strange] = fitKitNet(same).score(
    matrixOf([
      [7, 7],
      [9, 7],
    ]),
  );
  expect(strange).toBeGreaterThan(ordinary);
  const random = new Random(8);
  const wide = matrixOf(Array.from({ length: 20 }, () => Array.from({ length: 60 }, () => random.float())));
  expect(fitKitNet(wide).score(wide).every(Number.isFinite)).toBe(true);
});

test('options out of range are refused', () => {
  const rows = matrixOf(caused(60, 7));
  expect(() => fitKitNet(rows, { groupSize: 0 })).toThrow("A KitNET can't have groupSize 0.");
  expect(() => fitKitNet(rows, { rate: 2 })).toThrow("A KitNET can't have rate 2.");
  const model = fitKitNet(rows, { groupSize: 3 });
  expect(loadKitNet(model.save()).part.groups.length).toBe(model.part.groups.length);
});
