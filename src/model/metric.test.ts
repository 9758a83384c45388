import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import {
  auroc,
  averagePrecision,
  compareRankings,
  confusionAt,
  measureRanking,
  rankCorrelation,
  rankingCurve,
  rankingMeasures,
  shareInterval,
  tprAtFpr,
} from './metric.ts';

/** Made by test/fixture/model/metric.py. */
interface Reference {
  readonly cases: readonly {
    readonly scores: number[];
    readonly labels: number[];
    readonly auroc: number;
    readonly averagePrecision: number;
    readonly tprAt1: number;
    readonly tprAt10: number;
    readonly roc: [number, number][];
    readonly precision: number[];
  }[];
  readonly ranks: { readonly a: number[]; readonly b: number[]; readonly spearman: number };
}
const reference = JSON.parse(
  readFileSync(new URL('../../test/fixture/model/metric.json', import.meta.url), 'utf8'),
) as Reference;

describe('the measures of a ranking', () => {
  it("are scikit-learn's, whatever the ties", () => {
    for (const one of reference.cases) {
      expect(auroc(one.scores, one.labels)).toBeCloseTo(one.auroc, 12);
      expect(averagePrecision(one.scores, one.labels)).toBeCloseTo(one.averagePrecision, 12);
      expect(tprAtFpr(one.scores, one.labels)).toBeCloseTo(one.tprAt1, 12);
      expect(tprAtFpr(one.scores, one.labels, 0.1)).toBeCloseTo(one.tprAt10, 12);
    }
  });

  it("draw scikit-learn's curves point by point", () => {
    for (const one of reference.cases) {
      const curve = rankingCurve(one.scores, one.labels, 10_000);
      expect(curve.length).toBe(one.roc.length);
      curve.forEach((point, i) => {
        expect(point.fpr).toBeCloseTo(one.roc[i]?.[0] ?? -1, 12);
        expect(point.tpr).toBeCloseTo(one.roc[i]?.[1] ?? -1, 12);
      });
      // scikit-learn ends its curve where all strange rows are found.
      const all = curve.filter((_, i) => i === 0 || (curve[i - 1]?.tpr ?? 0) < 1);
      const precision = one.precision.slice(0, all.length);
      precision.forEach((value, i) => {
        expect(all[i]?.precision).toBeCloseTo(value, 12);
      });
    }
  });

  it('give 1, a half and 0 for a right order, none, and the reverse', () => {
    const labels = [0, 0, 1, 1];
    expect(rankingMeasures([1, 2, 3, 4], labels)).toEqual({ auroc: 1, averagePrecision: 1, tprAtFpr: 1 });
    expect(rankingMeasures([5, 5, 5, 5], labels)).toEqual({ auroc: 0.5, averagePrecision: 0.5, tprAtFpr: 0 });
    expect(auroc([4, 3, 2, 1], labels)).toBe(0);
  });

  it('refuse rows of one kind alone, with what would be right', () => {
    expect(() => auroc([1, 2, 3], [0, 0, 0])).toThrow(
      'All 3 labelled rows are ordinary: there is nothing to tell apart.',
    );
    expect(() => auroc([1, 2], [true, true])).toThrow(
      'All 2 labelled rows are strange: there is nothing to tell apart.',
    );
    expect(() => auroc([], [])).toThrow('There is no row to measure on.');
  });

  it('do not change when scores are put on another rising scale, or rows in another order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -20, max: 20 }), fc.boolean()), { minLength: 2, maxLength: 60 }),
        (rows) => {
          if (rows.every(([, label]) => label) || rows.every(([, label]) => !label)) return;
          const scores = rows.map(([score]) => score);
          const labels = rows.map(([, label]) => label);
          const plain = rankingMeasures(scores, labels);
          const turned = rankingMeasures(
            scores.map((score) => Math.exp(score / 7) - 3).reverse(),
            labels.slice().reverse(),
          );
          expect(turned.auroc).toBeCloseTo(plain.auroc, 12);
          expect(turned.averagePrecision).toBeCloseTo(plain.averagePrecision, 12);
          expect(turned.tprAtFpr).toBe(plain.tprAtFpr);
        },
      ),
    );
  });

  it('leave points of a long curve out without moving its ends', () => {
    const random = new Random(4);
    const labels = Uint8Array.from({ length: 20_000 }, () => (random.float() < 0.1 ? 1 : 0));
    const scores = Float64Array.from(labels, (label) => random.float() + 0.4 * label);
    const curve = rankingCurve(scores, labels, 200);
    expect(curve.length).toBeLessThanOrEqual(200);
    expect(curve.at(-1)).toMatchObject({ fpr: 1, tpr: 1 });
    // The area under the thinned curve is that of the whole one.
    let area = 0;
    let before = { fpr: 0, tpr: 0 };
    for (const point of curve) {
      area += (point.fpr - before.fpr) * ((point.tpr + before.tpr) / 2);
      before = point;
    }
    expect(area).toBeCloseTo(auroc(scores, labels), 3);
  });
});

describe('the intervals of a ranking', () => {
  const random = new Random(11);
  const labels = Uint8Array.from({ length: 400 }, (_, i) => (i % 8 === 0 ? 1 : 0));
  const scores = Float64Array.from(labels, (label) => random.float() + 0.5 * label);

  it('hold the measure, and are the same for the same seed', () => {
    const one = measureRanking(scores, labels, { seed: 3, replicates: 300 });
    expect(one.auroc.value).toBe(auroc(scores, labels));
    expect(one.auroc.low).toBeLessThan(one.auroc.value);
    expect(one.auroc.high).toBeGreaterThan(one.auroc.value);
    expect(measureRanking(scores, labels, { seed: 3, replicates: 300 })).toEqual(one);
    expect(measureRanking(scores, labels, { seed: 4, replicates: 300 }).auroc.low).not.toBe(one.auroc.low);
  });

  it('cover the truth about as often as they say', () => {
    // Strange rows are ordinary ones moved by half a unit over a uniform range of 1: AUROC 1 - 0.5^2 / 2.
    const draws = new Random(99);
    let covered = 0;
    for (let k = 0; k < 100; k++) {
      const drawn = Float64Array.from(labels, (label) => draws.float() + 0.5 * label);
      const { auroc: area } = measureRanking(drawn, labels, { seed: k, replicates: 200 });
      if (area.low <= 0.875 && 0.875 <= area.high) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(86);
  });

  it('of a difference are narrow where both scores err on the same rows', () => {
    const noisy = scores.map((score) => score + 0.001 * random.float());
    const difference = compareRankings(noisy, scores, labels, { replicates: 200 });
    expect(Math.abs(difference.auroc.value)).toBeLessThan(0.005);
    expect(difference.auroc.high - difference.auroc.low).toBeLessThan(0.01);
    const worse = compareRankings(
      scores.map((score) => -score),
      scores,
      labels,
      { replicates: 200 },
    );
    expect(worse.auroc.high).toBeLessThan(0);
    expect(compareRankings(scores, scores, labels, { replicates: 60 }).averagePrecision).toEqual({
      value: 0,
      low: 0,
      high: 0,
    });
  });

  it('refuse a number of resamplings that says nothing', () => {
    expect(() => measureRanking(scores, labels, { replicates: 3 })).toThrow(
      'Intervals cannot come from 3 resamplings.',
    );
  });
});

describe('a threshold', () => {
  it('flags what is above it, and counts by hand', () => {
    expect(confusionAt([0.9, 0.8, 0.5, 0.4, 0.5], [1, 0, 1, 0, 0], 0.5)).toEqual({
      truePositives: 1,
      falsePositives: 1,
      trueNegatives: 2,
      falseNegatives: 1,
      precision: 0.5,
      recall: 0.5,
      falsePositiveRate: 1 / 3,
      f1: 0.5,
    });
  });

  it('has no precision where it flags nothing', () => {
    const none = confusionAt([0.1, 0.2], [1, 0], 0.9);
    expect(none.precision).toBeUndefined();
    expect(none.f1).toBeUndefined();
    expect(none.recall).toBe(0);
  });
});

it('the interval of a share is that of Wilson, and stays a share', () => {
  // Newcombe 1998, table I: 81 of 263 and 0 of 20.
  const { low, high } = shareInterval(81, 263);
  expect(low).toBeCloseTo(0.2553, 4);
  expect(high).toBeCloseTo(0.3662, 4);
  expect(shareInterval(0, 20).low).toBe(0);
  expect(shareInterval(0, 20).high).toBeCloseTo(0.1611, 4);
  expect(shareInterval(0, 0)).toEqual({ value: 0, low: 0, high: 1 });
});

it("rank correlation is SciPy's, and is not there where nothing varies", () => {
  expect(rankCorrelation(reference.ranks.a, reference.ranks.b)).toBeCloseTo(reference.ranks.spearman, 12);
  expect(rankCorrelation([1, 1, 1], [1, 2, 3])).toBeUndefined();
  expect(rankCorrelation([1, 2, 3], [30, 20, 10])).toBe(-1);
});
