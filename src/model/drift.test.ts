import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random, UserError } from '../core/index.ts';
import { Adwin, kolmogorovSmirnov, stabilityIndex, stabilityOfCounts } from './drift.ts';

interface Reference {
  readonly ks: readonly { a: number[]; b: number[]; statistic: number; pValue: number }[];
  readonly tail: readonly (readonly [number, number])[];
  readonly psi: readonly {
    reference: (number | null)[];
    current: (number | null)[];
    bins: number;
    index: number;
    used: number;
  }[];
  readonly adwin: readonly {
    options: {
      delta?: number;
      clock?: number;
      max_buckets?: number;
      min_window_length?: number;
      grace_period?: number;
    };
    values: number[];
    changes: number[];
    trace: [number, number, number][];
    riverFirst: number | null;
  }[];
}

const reference: Reference = JSON.parse(
  readFileSync(new URL('../../test/fixture/model/drift.json', import.meta.url), 'utf8'),
);
const blank = (values: readonly (number | null)[]): number[] => values.map((v) => v ?? Number.NaN);
const uniform = (n: number, seed: number, shift = 0): Float64Array => {
  const random = new Random(seed);
  return Float64Array.from({ length: n }, () => random.float() + shift);
};

describe('Kolmogorov-Smirnov', () => {
  test('statistic and exact p-value are those of SciPy', () => {
    for (const { a, b, statistic, pValue } of reference.ks) {
      const ours = kolmogorovSmirnov(a, b);
      expect(ours.statistic).toBeCloseTo(statistic, 14);
      expect(Math.abs(ours.pValue - pValue)).toBeLessThanOrEqual(1e-9 * pValue + 1e-300);
      expect(ours.exact).toBe(true);
    }
  });

  test('the limit for large samples is the Kolmogorov distribution', () => {
    // Two samples of 3,000 with a gap made to measure: sqrt(n m / (n + m)) = sqrt(1500).
    for (const [x, tail] of reference.tail) {
      const shifted = Math.round((x / Math.sqrt(1500)) * 3000);
      const first = Float64Array.from({ length: 3000 }, (_, i) => i);
      const second = Float64Array.from({ length: 3000 }, (_, i) => i + shifted - 0.5);
      const { statistic, pValue, exact } = kolmogorovSmirnov(first, second);
      expect(exact).toBe(false);
      const at = Math.sqrt(1500) * statistic;
      // The tail falls by a factor of exp(-4 x dx) over the rounding of the shift.
      expect(Math.abs(Math.log((pValue + 1e-15) / (tail + 1e-15)))).toBeLessThan(
        4 * (x + 0.5) * Math.abs(at - x) + 1e-6,
      );
    }
  });

  test('limit and exact p-value agree where both are to be had', () => {
    const a = uniform(1001, 1);
    const b = uniform(1001, 2, 0.05);
    const large = kolmogorovSmirnov(a, b);
    const small = kolmogorovSmirnov(a.subarray(0, 999), b);
    expect([large.exact, small.exact]).toEqual([false, true]);
    expect(large.pValue / small.pValue).toBeGreaterThan(0.6);
    expect(large.pValue / small.pValue).toBeLessThan(1.6);
  });

  test('it keeps its promise: one in ten pairs of like samples has a p-value below 0.1', () => {
    let below = 0;
    for (let seed = 0; seed < 400; seed++)
      if (kolmogorovSmirnov(uniform(60, 2 * seed), uniform(50, 2 * seed + 1)).pValue < 0.1) below++;
    expect(below).toBeGreaterThan(20);
    expect(below).toBeLessThan(60);
  });

  test('missing values are left out, infinities are values, and nothing at all is an error', () => {
    expect(kolmogorovSmirnov([1, Number.NaN, 2], [1, 2])).toEqual({ statistic: 0, pValue: 1, exact: true });
    expect(kolmogorovSmirnov([-Infinity, Infinity], [0, 0]).statistic).toBe(0.5);
    expect(() => kolmogorovSmirnov([Number.NaN], [1])).toThrow(
      new UserError(
        "Drift can't be measured against no values: 0 in the reference, 1 now.",
        'Give at least one value on either side, better 500 or more.',
      ),
    );
  });
});

describe('the population stability index', () => {
  test('is that of NumPy on the same bins, ties and missing values included', () => {
    for (const { reference: before, current, bins, index, used } of reference.psi) {
      const ours = stabilityIndex(blank(before), blank(current), { bins });
      expect(ours.index).toBeCloseTo(index, 12);
      expect(ours.bins).toBe(used);
    }
  });

  test('is 0 for equal samples, and sees a constant that moved to either side', () => {
    const same = uniform(500, 3);
    expect(stabilityIndex(same, same).index).toBe(0);
    const sevens = new Float64Array(100).fill(7);
    expect(stabilityIndex(sevens, sevens)).toEqual({ index: 0, bins: 1, expected: 0, limit: 0 });
    expect(stabilityIndex(sevens, new Float64Array(100).fill(6)).index).toBeGreaterThan(1);
    expect(stabilityIndex(sevens, new Float64Array(100).fill(8)).index).toBeGreaterThan(1);
  });

  test('is about what it says to expect where nothing moved, and above its limit once in a hundred times', () => {
    let total = 0;
    let above = 0;
    const rounds = 600;
    let expected = 0;
    for (let seed = 0; seed < rounds; seed++) {
      const result = stabilityIndex(uniform(800, 5000 + 2 * seed), uniform(400, 5001 + 2 * seed));
      total += result.index / rounds;
      expected = result.expected;
      if (result.index > result.limit) above++;
    }
    expect(total / expected).toBeGreaterThan(0.85);
    expect(total / expected).toBeLessThan(1.15);
    expect(above).toBeLessThan(16);
  });

  test('of counts is the same as of the values that were counted', () => {
    const before = Array.from(uniform(900, 1), (v) => Math.floor(7 * v));
    const now = Array.from(uniform(700, 2), (v) => Math.floor(7 * v * v));
    const counts = (values: number[]): number[] =>
      Array.from({ length: 8 }, (_, k) => values.filter((v) => v === k).length);
    const ofCounts = stabilityOfCounts(counts(before), counts(now));
    const ofValues = stabilityIndex(before, now, { bins: 100 });
    expect(ofCounts.index).toBeCloseTo(ofValues.index, 12);
    expect([ofCounts.bins, ofCounts.expected]).toEqual([ofValues.bins, ofValues.expected]);
    expect(ofCounts.limit).toBeCloseTo(ofValues.limit, 3);
    expect(stabilityOfCounts(counts(before), counts(now), { chance: 0.0001 }).limit).toBeGreaterThan(ofCounts.limit);
    expect(() => stabilityOfCounts([0, 0], [1, 2])).toThrow(
      "Drift can't be measured against no values: 0 in the reference, 3 now.",
    );
  });

  test('refuses what cannot be measured', () => {
    expect(() => stabilityIndex([], [1])).toThrow(
      "Drift can't be measured against no values: 0 in the reference, 1 now.",
    );
    expect(() => stabilityIndex([1], [1], { bins: 1 })).toThrow("Drift can't be measured with 1 bins.");
  });

  test('is finite and never negative, whatever the values', () => {
    const side = fc.array(fc.oneof(fc.double(), fc.constantFrom(Infinity, -Infinity, 0)), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(side, side, (a, b) => {
        const { index, limit } = stabilityIndex(a, b, { bins: 4 });
        expect(index >= 0 && Number.isFinite(index) && Number.isFinite(limit)).toBe(true);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});

describe('ADWIN', () => {
  test('is the window of the paper, kept as a plain list: same changes, width, mean and variance; its first change is the one river finds', () => {
    for (const { options, values, changes, trace, riverFirst } of reference.adwin) {
      const adwin = new Adwin({
        delta: options.delta,
        clock: options.clock,
        maxBuckets: options.max_buckets,
        minWindow: options.min_window_length,
        grace: options.grace_period,
      });
      const found: number[] = [];
      const seen: [number, number, number][] = [];
      values.forEach((value, i) => {
        if (adwin.add(value)) found.push(i);
        if (i % 100 === 99) seen.push([adwin.width, adwin.mean, adwin.variance]);
      });
      expect(found).toEqual(changes);
      expect(found[0] ?? null).toBe(riverFirst);
      expect(adwin.changes).toBe(changes.length);
      seen.forEach(([width, mean, variance], i) => {
        expect(width).toBe(trace[i][0]);
        expect(mean).toBeCloseTo(trace[i][1], 9);
        expect(variance).toBeCloseTo(trace[i][2], 9);
      });
    }
  });

  test('stays quiet on values of one kind, and forgets the old ones after a jump', () => {
    const adwin = new Adwin();
    for (const value of uniform(20_000, 4)) adwin.add(value);
    expect([adwin.changes, adwin.width]).toEqual([0, 20_000]);
    for (const value of uniform(2000, 5)) adwin.add(value / 4);
    expect(adwin.changes).toBeGreaterThan(0);
    expect(adwin.width).toBeLessThan(2500);
    expect(adwin.mean).toBeLessThan(0.2);
  });

  test('values that are not finite change nothing, and options out of range are refused', () => {
    const adwin = new Adwin();
    for (const value of [0.5, Number.NaN, Infinity, -Infinity]) adwin.add(value);
    expect([adwin.width, adwin.mean, adwin.variance]).toEqual([1, 0.5, 0]);
    expect(new Adwin().mean).toBeNaN();
    expect(() => new Adwin({ delta: 1 })).toThrow("ADWIN can't have delta 1.");
    expect(() => new Adwin({ clock: 0 })).toThrow("ADWIN can't have clock 0.");
    expect(() => new Adwin({ grace: -1 })).toThrow("ADWIN can't have grace -1.");
  });
});
