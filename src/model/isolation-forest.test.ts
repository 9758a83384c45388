import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitIsolationForest, scoreSamples } from './index.ts';

function matrixOf(rows: readonly (readonly number[])[], names = rows[0].map((_, j) => `f${j}`)): FeatureMatrix {
  return {
    features: names.map((name) => ({ name, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

function cloud(n: number, d: number, seed: number): number[][] {
  const random = new Random(seed);
  return Array.from({ length: n }, () =>
    Array.from({ length: d }, () => random.float() + random.float() + random.float() - 1.5),
  );
}

describe('score_samples', () => {
  it('is what scikit-learn gives, within the spread of its seeds', () => {
    const rows = Array.from({ length: 600 }, (_, i) => [
      ((i * 37) % 101) / 100,
      ((i * 53) % 89) / 88,
      ((i * i) % 97) / 96,
    ]);
    rows[599] = [3, -2, 0.5];
    const probe = matrixOf([
      [3, -2, 0.5],
      [0.5, 0.5, 0.5],
      [0, 0, 0],
      [1, 0.5, 0.5],
      [1.5, 0.5, 0.5],
    ]);
    // scikit-learn 1.9.1, IsolationForest(random_state=s).fit(X).score_samples(P), mean and standard deviation over s = 0 .. 99.
    const mean = [-0.71156442, -0.45549577, -0.63800056, -0.52874482, -0.54339628];
    const deviation = [0.01483828, 0.00713259, 0.00927406, 0.00947473, 0.01077403];
    const seeds = 10;
    const ours = new Float64Array(5);
    for (let seed = 0; seed < seeds; seed++) {
      scoreSamples(fitIsolationForest(matrixOf(rows), { seed }), probe).forEach((s, k) => {
        ours[k] += s / seeds;
      });
    }
    ours.forEach((s, k) => {
      expect(Math.abs(s - mean[k])).toBeLessThan((4 * deviation[k]) / Math.sqrt(seeds));
    });
  });

  it('is -1/2 where nothing can be told apart', () => {
    const same = matrixOf(Array.from({ length: 300 }, () => [1, 2]));
    expect(scoreSamples(fitIsolationForest(same), same)[0]).toBe(-0.5);
    expect(scoreSamples(fitIsolationForest(matrixOf([[1]])), matrixOf([[1]]))[0]).toBe(-0.5);
  });
});

describe('the range guard', () => {
  const rows = cloud(3000, 3, 1);
  const guarded = fitIsolationForest(matrixOf(rows), { seed: 1 });
  const plain = fitIsolationForest(matrixOf(rows), { seed: 1, rangeGuard: false });
  const far = matrixOf([2, 4, 8, 100, 1e6, 1e30].map((v) => [v, 0, 0]));

  it('makes the more extreme of two records the stranger, where the trees alone are blind', () => {
    expect(new Set(plain.rawScore(far)).size).toBe(1);
    const raw = [...guarded.rawScore(far)];
    expect(raw.every((r, i) => i === 0 || r > raw[i - 1])).toBe(true);
  });

  it('adds z / (z + 8) halves per feature, on either side, and nothing within the range', () => {
    const { min, max, q01, q25, q75, q99 } = guarded.training.features[1];
    const scale = Math.max((q75 - q25) / 1.349, (q99 - q01) / 4.653, (max - min) / 20);
    for (const z of [0.5, 8, 1000]) {
      for (const v of [max + z * scale, min - z * scale]) {
        const explanation = guarded.explain(matrixOf([[0, v, 0]]), 0);
        const share = explanation.contributions.find((c) => c.feature === 'f1');
        expect(share?.guard).toBeCloseTo((0.5 * z) / (z + 8), 4);
        expect(explanation.contributions.filter((c) => c.guard !== 0)).toEqual([share]);
      }
    }
    expect(guarded.rawScore(matrixOf(rows))).toEqual(plain.rawScore(matrixOf(rows)));
  });

  it('notices a change in what never changed', () => {
    const flat = fitIsolationForest(matrixOf(Array.from({ length: 1000 }, (_, i) => [0, i % 50])));
    const [usual, changed] = flat.score(
      matrixOf([
        [0, 25],
        [1, 25],
      ]),
    );
    expect(usual).toBeLessThan(0.5);
    expect(changed).toBeGreaterThan(0.9);
  });

  it('stays silent about a feature that had no value when the model was fitted', () => {
    const never = fitIsolationForest(matrixOf(Array.from({ length: 300 }, (_, i) => [Number.NaN, i])));
    const raw = never.rawScore(
      matrixOf([
        [Number.NaN, 5],
        [1e9, 5],
      ]),
    );
    expect(raw[0]).toBe(raw[1]);
    expect(never.training.cautions).toEqual(['1 feature had no value in any row and plays no part in the scores.']);
  });
});

describe('an isolation forest', () => {
  it('ranks planted outliers above ordinary records', () => {
    const rows = cloud(2000, 4, 2);
    const model = fitIsolationForest(matrixOf(rows), { seed: 3 });
    const [ordinary, odd] = model.score(
      matrixOf([
        [0, 0, 0, 0],
        [1.3, -1.3, 1.3, -1.3],
      ]),
    );
    expect(ordinary).toBeLessThan(0.5);
    expect(odd).toBeGreaterThan(0.99);
  });

  it('names the feature that carried the score first', () => {
    const model = fitIsolationForest(matrixOf(cloud(2000, 4, 2), ['a', 'b', 'c', 'd']), { seed: 3 });
    expect(model.explain(matrixOf([[0, 0, 5, 0]], ['a', 'b', 'c', 'd']), 0).contributions[0].feature).toBe('c');
  });

  it('says how it was calibrated: by a fifth held back, by folds, or by the row itself', () => {
    const summary = (n: number) => {
      const { rows, fittedRows, calibrationRows, calibration, cautions } = fitIsolationForest(
        matrixOf(cloud(n, 2, 1)),
        { trees: 10 },
      ).training;
      return [rows, fittedRows, calibrationRows, calibration, cautions];
    };
    expect(summary(30_000)).toEqual([30_000, 25_000, 5000, 'held-back', []]);
    expect(summary(5000)).toEqual([5000, 4000, 1000, 'held-back', []]);
    expect(summary(4999)).toEqual([4999, 4999, 4999, 'cross-fitted', []]);
    expect(summary(37)).toEqual([
      37,
      37,
      37,
      'cross-fitted',
      ['Fitted on 37 rows: no score can say more than one in 38, and a model of so few is rough.'],
    ]);
    expect(summary(1)).toEqual([
      1,
      1,
      1,
      'in-sample',
      ['Fitted on 1 row: no score can say more than one in 2, and a model of so few is rough.'],
    ]);
  });

  it('alarms on ordinary records as often as its scores promise, however many rows it had', () => {
    const fresh = matrixOf(cloud(20_000, 5, 77));
    for (const [n, low, high] of [
      [100, 0.01, 0.11],
      [1000, 0.035, 0.065],
      [10_000, 0.04, 0.06],
    ]) {
      const scores = fitIsolationForest(matrixOf(cloud(n, 5, n)), { seed: 1 }).score(fresh);
      const rate = scores.filter((s) => s > 0.95).length / scores.length;
      expect(rate).toBeGreaterThan(low);
      expect(rate).toBeLessThan(high);
    }
  });

  it('refuses options that make no sense', () => {
    const matrix = matrixOf([[1], [2]]);
    expect(() => fitIsolationForest(matrix, { trees: 0 })).toThrow("An isolation forest can't have trees 0.");
    expect(() => fitIsolationForest(matrix, { subsample: 5000 })).toThrow(
      expect.objectContaining({
        message: "An isolation forest can't have subsample 5000.",
        hint: 'Give a whole number from 1 to 4,096.',
      }),
    );
    expect(() => fitIsolationForest(matrix, { seed: 0.5 })).toThrow('The seed must be a whole number, not 0.5.');
    expect(() => fitIsolationForest({ features: [], rowCount: 3, values: new Float32Array(0) })).toThrow(
      'An isolation forest cannot be fitted on 0 features.',
    );
  });
});
