import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitCopod } from './copod.ts';
import { fitEcod } from './ecod.ts';
import { loadModel } from './index.ts';

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  return {
    features: rows[0].map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

/** One, two and three, in tens. */
const few = matrixOf(Array.from({ length: 30 }, (_, i) => [1 + Math.floor(i / 10)]));

describe('the tails of a feature', () => {
  it('count the record itself among the rows, on both sides', () => {
    const model = fitEcod(few, { rangeGuard: false });
    const raw = (v: number): number => model.rawScore(matrixOf([[v]]))[0];
    // 11 of 31 are at most 1, 31 at least; between 1 and 2 there are 11 and 21; at 2 both are 21.
    expect(raw(1)).toBeCloseTo(Math.log(31 / 11), 14);
    expect(raw(1.5)).toBeCloseTo(Math.log(31 / 11), 14);
    expect(raw(2)).toBeCloseTo(Math.log(31 / 21), 14);
    expect(raw(3)).toBeCloseTo(Math.log(31 / 11), 14);
    expect(raw(0)).toBeCloseTo(Math.log(31), 14);
    expect(raw(4)).toBeCloseTo(Math.log(31), 14);
  });

  it('go on beyond the range: ten times as far is stranger', () => {
    const raw = fitEcod(few).rawScore(matrixOf([3, 4, 40, 4e6, Infinity].map((v) => [v])));
    expect([...raw].every((v, i) => i === 0 || v > raw[i - 1])).toBe(true);
    const { contributions } = fitEcod(few).explain(matrixOf([[4]]), 0);
    // Robust scale of 1, 2, 3 in tens: IQR 2 / 1.349 is the largest.
    expect(contributions[0].guard).toBeCloseTo(Math.log1p(1 / (2 / 1.349)), 6);
  });

  it('count half on the short side of a skewed feature for COPOD, in full for ECOD', () => {
    const skewed = matrixOf(Array.from({ length: 400 }, (_, i) => [Math.exp(i / 50)]));
    const low = matrixOf([[0.9], [3000]]);
    const ecod = fitEcod(skewed, { rangeGuard: false }).rawScore(low);
    const copod = fitCopod(skewed, { rangeGuard: false }).rawScore(low);
    expect(ecod[0]).toBeCloseTo(ecod[1], 12);
    expect(copod[0]).toBeCloseTo(ecod[0] / 2, 12);
    expect(copod[1]).toBeCloseTo(ecod[1], 12);
  });

  it('keep few of many knots, and are right within four thousandths', () => {
    const random = new Random(1);
    const rows = Array.from({ length: 4900 }, () => [random.float() ** 3]);
    const model = fitEcod(matrixOf(rows), { rangeGuard: false });
    const { knots } = model.part;
    expect(knots.length).toBeLessThan(3000);
    const sorted = rows.map(([v]) => Math.fround(v)).sort((a, b) => a - b);
    const probe = matrixOf(Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? rows[i] : [random.float() ** 3])));
    const raw = model.rawScore(probe);
    probe.values.forEach((v, i) => {
      const atMost = sorted.filter((w) => w <= v).length;
      const atLeast = sorted.filter((w) => w >= v).length;
      const exact = Math.log(4901 / (Math.min(atMost, atLeast) + 1));
      expect(Math.abs(raw[i] - exact)).toBeLessThan(0.004);
    });
  });
});

describe("the paper's own sides", () => {
  it('are the largest of three sums, and add up when explained, saved and loaded', () => {
    const random = new Random(4);
    const rows = Array.from({ length: 500 }, () => [random.float(), random.float() ** 3, 1 - random.float() ** 3]);
    const whole = fitEcod(matrixOf(rows), { sides: 'whole', rangeGuard: false });
    const each = fitEcod(matrixOf(rows), { sides: 'each', rangeGuard: false });
    const probe = matrixOf([
      [0.001, 0.0001, 0.001],
      [0.999, 0.0001, 0.001],
    ]);
    const [same, opposite] = whole.rawScore(probe);
    // All values leave on the left: as the longer tail of each. One leaves on the right: the sum of one side misses it.
    expect(same).toBeCloseTo(each.rawScore(probe)[0], 12);
    expect(opposite).toBeLessThan(each.rawScore(probe)[1] - 3);
    const loaded = loadModel(whole.save());
    expect(loaded.explain(probe, 1)).toEqual(whole.explain(probe, 1));
  });
});
