import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitModel, loadModel, type Model, refitOptions } from '../model/index.ts';
import { retrain } from './retrain.ts';

const D = 4;
const FEATURES = Array.from({ length: D }, (_, j) => ({ name: `f${j}`, unit: '', meaning: `Feature ${j}.` }));

/** Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

/** A day: ordinary rows around `middle`, and behind them the attacker's, who stands at `at` in the first two features. */
function day(seed: number, ordinary: number, attack = 0, at = 0, middle = 0): FeatureMatrix {
  const random = new Random(seed);
  const values = new Float32Array((ordinary + attack) * D);
  for (let i = 0; i < values.length; i++) {
    const attacker = i >= ordinary * D;
    values[i] = attacker ? (i % D < 2 ? at : 0) + 0.3 * normal(random) : middle + normal(random);
  }
  return { features: FEATURES, rowCount: ordinary + attack, values };
}

const DAYS = 50;
const FAR = 6;
const KIND = 'ecod';

/** Share of the attacker's rows of the last step that score 0.99 or more. */
function found(model: Model, at: number = FAR): number {
  const scores = model.score(day(7, 0, 200, at));
  return scores.filter((score) => score >= 0.99).length / scores.length;
}

describe('a model that is fitted anew', () => {
  const first = fitModel(KIND, day(1, 2000), { seed: 3 });
  const plain = (_: Model, matrix: FeatureMatrix): Model => fitModel(KIND, matrix, { seed: 3 });
  const ours = (old: Model, matrix: FeatureMatrix): Model => retrain(old, matrix).model;

  it('still finds an attacker who moved 2 % a day, where plain fitting has learned the attack', () => {
    const taught = (next: typeof plain): number => {
      let model = first;
      for (let n = 1; n <= DAYS; n++) model = next(model, day(100 + n, 900, 50, (FAR * n) / DAYS));
      return found(model);
    };
    expect(found(first)).toBe(1);
    expect(taught(plain)).toBeLessThan(0.3);
    expect(taught(ours)).toBe(1);
  });

  it('stops an attacker who knows it and waits each day until half of the rows pass, where plain fitting lets him through', () => {
    const reached = (next: typeof plain): { at: number; alarms: number } => {
      let model = first;
      let at = 0;
      for (let n = 1; n <= DAYS; n++) {
        if (found(model, at + FAR / DAYS) < 0.5) at += FAR / DAYS;
        model = next(model, day(300 + n, 900, 50, at));
      }
      const scores = model.score(day(8, 5000));
      return { at, alarms: scores.filter((score) => score >= 0.99).length / 5000 };
    };
    const once = reached((old) => old).at;
    expect(reached(plain).at).toBeCloseTo(FAR, 6);
    const held = reached(ours);
    expect(held.at).toBeLessThan(once + 0.5);
    // And the score still means what it promises.
    expect(held.alarms).toBeLessThan(0.02);
  });

  it('counts what it leaves out, keeps the former training, and writes it into the model', () => {
    const result = retrain(first, day(20, 950, 50, FAR));
    expect([...result.trimmed].filter((row) => row >= 950)).toHaveLength(50);
    expect(result.trimmed.length).toBeLessThan(50 + 40);
    expect(result.kept + result.trimmed.length).toBe(1000);
    expect(result.anchored).toBe(2000);
    expect(result.fitted).toBe(result.kept);
    expect(result.approved).toBe(0);
    expect(result.expectedTrimmed).toBeCloseTo(20, 9);
    expect(result.drift.stillStrange).toBeGreaterThan(0.7);
    expect(result.drift.scores).toBeLessThan(0.05);
    expect(result.remarks).toEqual([
      `${result.trimmed.length} rows of 1,000 were left out as strange; by chance it would be at most about 20.`,
    ]);
    const again = loadModel(result.model.save());
    expect(again.training.rows).toBe(2000 + result.kept);
    expect(again.training.cautions[0]).toBe(
      `Fitted anew from the model ${first.checksum.slice(0, 12)}: ${result.trimmed.length} rows of 1,000 left out as strange, 0 approved, 2,000 of the former training kept.`,
    );
    expect(again.training.reference?.anchor).toEqual(first.training.reference?.anchor);
  });

  it('learns what the operator approved, however strange it is', () => {
    const matrix = day(21, 950, 50, FAR);
    const news = Array.from({ length: 50 }, (_, i) => 950 + i);
    const result = retrain(first, matrix, { approved: news });
    expect(result.approved).toBe(50);
    expect([...result.trimmed].some((row) => row >= 950)).toBe(false);
    expect(result.remarks).toContain('50 strange rows were learned because you approved them.');
    let model = result.model;
    for (let n = 0; n < 3; n++) model = retrain(model, day(22 + n, 950, 50, FAR), { approved: news }).model;
    expect(found(model)).toBeLessThan(0.6);
    expect(() => retrain(first, matrix, { approved: [1000] })).toThrow(
      'Row 1000 is approved, but there are 1,000 rows here, from 0.',
    );
  });

  it('tells when much was left out, which is an attack or a change of what is ordinary', () => {
    const result = retrain(first, day(23, 1000, 0, 0, 1));
    expect(result.remarks).toContain(
      'That is many: either something attacks, or what is ordinary has changed. Look at the rows; approve those that are ordinary, or fit a model without a former one.',
    );
    expect(result.drift.rows.advice).toBe('retrain');
  });

  it('goes without an anchor where the former model keeps none, and says what that means', () => {
    const bare = fitModel(KIND, day(1, 2000), { seed: 3, anchorRows: 0 });
    const result = retrain(bare, day(24, 1000));
    expect(result.anchored).toBe(0);
    expect(result.remarks.at(-1)).toBe(
      'The former model keeps no rows of its training, so that many small steps could still teach the new one what is not ordinary.',
    );
    expect(result.model.training.reference?.anchor).toBeUndefined();
  });

  it('transforms features as the former model does', () => {
    const old = fitModel('pca', day(1, 500), { seed: 3, transform: { f1: 'robust', f3: 'quantile' } });
    const { model } = retrain(old, day(28, 500));
    expect(refitOptions(model)).toEqual(refitOptions(old));
    expect(refitOptions(old).transform).toEqual({ f0: 'none', f1: 'robust', f2: 'none', f3: 'quantile' });
    expect(refitOptions(retrain(fitModel('ensemble', day(1, 500), { transform: 'none' }), day(28, 500)).model)).toEqual(
      {
        transform: 'none',
      },
    );
  });

  it('gives the same model for the same rows, in whatever order their features stand', () => {
    const matrix = day(25, 1000);
    const once = retrain(first, matrix).model.checksum;
    expect(retrain(first, matrix).model.checksum).toBe(once);
    const turned = {
      ...matrix,
      features: FEATURES.toReversed(),
      values: matrix.values.map((_, i) => matrix.values[i - (i % D) + D - 1 - (i % D)] ?? 0),
    };
    expect(retrain(first, turned).model.checksum).toBe(once);
  });

  it('refuses too few rows, and those that are nearly all strange', () => {
    expect(() => retrain(first, day(26, 50))).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/^Of 50 rows \d+ are left to fit anew on; it takes 100\.$/),
      }),
    );
    expect(() => retrain(first, day(27, 0, 500, FAR))).toThrow(
      expect.objectContaining({
        message: 'Of 500 rows 0 are left to fit anew on; it takes 100.',
        hint: 'Most of them are strange to the former model: look at them, approve what is ordinary, or fit a model without a former one.',
      }),
    );
    expect(() => retrain(first, day(26, 200), { budget: 0.5 })).toThrow(
      "A model can't be fitted anew with budget 0.5.",
    );
  });
});
