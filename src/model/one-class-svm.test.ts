import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitOneClassSvm, loadOneClassSvm, type OneClassSvmOptions } from './one-class-svm.ts';

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  return {
    features: rows[0].map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const out = new Float64Array(values.length);
  order.forEach((row, rank) => {
    out[row] = rank;
  });
  return out;
}

/** Pearson's; of ranks it is Spearman's. */
function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  const mean = (v: ArrayLike<number>): number => Array.from(v).reduce((x, y) => x + y, 0) / n;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) ** 2;
    bb += (b[i] - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

const reference: {
  rows: number[][];
  probes: number[][];
  cases: { nu: number; exact: number[]; sgd: number[]; linear: number[] }[];
} = JSON.parse(readFileSync(new URL('../../test/fixture/model/one-class-svm.json', import.meta.url), 'utf8'));
const rows = matrixOf(reference.rows);
const probes = matrixOf(reference.probes);

/** -f, without the guard. */
function unguarded(options: OneClassSvmOptions): Float64Array {
  const model = fitOneClassSvm(rows, options);
  return model.rawScore(probes).map((raw, i) => {
    return raw - model.explain(probes, i).contributions.reduce((total, share) => total + share.guard, 0);
  });
}

test.each(reference.cases)('ranks as scikit-learn does, nu $nu', ({ nu, exact, sgd, linear }) => {
  const fine = unguarded({ nu, frequencies: 1024 });
  const usual = unguarded({ nu });
  const straight = unguarded({ nu, kernel: 'linear' });
  // Of probes far from all rows the exact kernel is 0 and the approximated one noise: their order says nothing.
  const near = exact.flatMap((value, i) => (value > 0.05 * Math.max(...exact) ? [i] : []));
  const of = (values: ArrayLike<number>): Float64Array => ranks(near.map((i) => values[i]));
  expect(near.length).toBeGreaterThan(80);
  expect(-correlation(fine, exact)).toBeGreaterThan(0.995);
  expect(-correlation(usual, exact)).toBeGreaterThan(0.98);
  expect(-correlation(of(fine), of(exact))).toBeGreaterThan(0.99);
  expect(-correlation(of(usual), of(exact))).toBeGreaterThan(0.98);
  expect(-correlation(of(usual), of(sgd))).toBeGreaterThan(0.97);
  expect(-correlation(straight, linear)).toBeGreaterThan(0.9999);
});

test('the shares of the Gaussian kernel are the integral of its gradient from the median record', () => {
  const model = fitOneClassSvm(rows, { frequencies: 64 });
  const { features } = model.training;
  const probe = [1, 2.5, 3, 4];
  const explanation = model.explain(matrixOf([probe]), 0);
  const share = (name: string): number =>
    explanation.contributions.find((one) => one.feature === name)?.rawContribution ?? Number.NaN;
  // Midpoints of 2,000 pieces of the line, the gradient by differences of what the model itself scores.
  const { frequency, amplitude, phase, scales } = model.part;
  const scaled = (record: readonly number[]): number[] =>
    record.map((v, j) => (v - scales.centre[j]) / scales.scale[j]);
  const from = scaled(features.map((feature) => feature.median));
  const to = scaled(probe.map(Math.fround));
  const expected = [0, 0, 0, 0];
  const pieces = 2000;
  for (let piece = 0; piece < pieces; piece++) {
    const at = from.map((v, j) => v + ((piece + 0.5) / pieces) * (to[j] - v));
    for (let k = 0; k < amplitude.length; k++) {
      const angle = at.reduce((total, v, j) => total + frequency[4 * k + j] * v, -phase[k]);
      at.forEach((_, j) => {
        expected[j] += (amplitude[k] * Math.sin(angle) * frequency[4 * k + j] * (to[j] - from[j])) / pieces;
      });
    }
  }
  expected.forEach((value, j) => {
    expect(share(`f${j}`)).toBeCloseTo(value, 5);
  });
});

test('linear shares are the terms, and lacking what is usual is strange', () => {
  const random = new Random(1);
  const busy = matrixOf(Array.from({ length: 800 }, () => [50 + 10 * random.float(), 5 + random.float()]));
  const model = fitOneClassSvm(busy, { kernel: 'linear' });
  const [usual, idle] = model.score(
    matrixOf([
      [55, 5.5],
      [50, 5],
    ]),
  );
  expect(idle).toBeGreaterThan(0.95);
  expect(usual).toBeLessThan(0.8);
  const { contributions } = model.explain(matrixOf([[50.2, 5.5]]), 0);
  expect(contributions[0].feature).toBe('f0');
});

test('a value of the greatest size keeps its place: the further out, the stranger', () => {
  const model = fitOneClassSvm(rows);
  const raw = model.rawScore(matrixOf([1e1, 1e3, 1e6, 1e30].map((v) => [0, 0, 1, v * 10])));
  expect(raw.every(Number.isFinite)).toBe(true);
  expect(raw[3]).toBeGreaterThan(0.3);
});

test('a million identical rows, and more features than rows, are defined', () => {
  const same = { ...matrixOf([[7, 7]]), rowCount: 1_000_000, values: new Float32Array(2_000_000).fill(7) };
  for (const shape of ['rbf', 'linear'] as const) {
    const flat = fitOneClassSvm(same, { kernel: shape, frequencies: 32 });
    const [ordinary, strange] = flat.score(
      matrixOf([
        [7, 7],
        [9, 7],
      ]),
    );
    expect(strange).toBeGreaterThan(ordinary);
  }
  const random = new Random(8);
  const wide = matrixOf(Array.from({ length: 20 }, () => Array.from({ length: 300 }, () => random.float())));
  expect(fitOneClassSvm(wide).score(wide).every(Number.isFinite)).toBe(true);
});

test('options out of range, and files of another kind, are refused', () => {
  expect(() => fitOneClassSvm(rows, { nu: 0 })).toThrow("A one-class SVM can't have nu 0.");
  expect(() => fitOneClassSvm(rows, { gamma: -1 })).toThrow("A one-class SVM can't have gamma -1.");
  expect(() => fitOneClassSvm(rows, { frequencies: 0 })).toThrow("A one-class SVM can't have frequencies 0.");
  const saved = fitOneClassSvm(rows, { kernel: 'linear' }).save();
  expect(loadOneClassSvm(saved).score(probes)).toEqual(fitOneClassSvm(rows, { kernel: 'linear' }).score(probes));
});
