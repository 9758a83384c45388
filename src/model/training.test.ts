import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantileSorted, Random } from '../core/index.ts';
import { measureFeatures, sortFloats, summarise } from './training.ts';

function measure(values: number[], d: number) {
  const rows = Int32Array.from({ length: values.length / d }, (_, i) => i);
  const names = Array.from({ length: d }, (_, j) => `f${j}`);
  return summarise(names, measureFeatures(Float32Array.from(values), d, rows, new Random(1)));
}

describe('the statistics of a feature', () => {
  it('are counted over the values that are there', () => {
    expect(measure([1, Number.NaN, 2, 7, 3, Number.NaN, 4, Number.NaN, 5, 9], 2)).toEqual([
      {
        name: 'f0',
        observed: 5,
        missing: 0,
        min: 1,
        q01: Math.fround(1.04),
        q05: Math.fround(1.2),
        q25: 2,
        median: 3,
        q75: 4,
        q95: Math.fround(4.8),
        q99: Math.fround(4.96),
        max: 5,
      },
      {
        name: 'f1',
        observed: 2,
        missing: 3,
        min: 7,
        q01: Math.fround(7.02),
        q05: Math.fround(7.1),
        q25: 7.5,
        median: 8,
        q75: 8.5,
        q95: Math.fround(8.9),
        q99: Math.fround(8.98),
        max: 9,
      },
    ]);
  });

  it('are all 0 where there is no value', () => {
    expect(measure([Number.NaN, Number.NaN], 1)[0]).toMatchObject({
      observed: 0,
      missing: 2,
      min: 0,
      median: 0,
      max: 0,
    });
  });

  it('take an infinity for the largest finite number', () => {
    expect(measure([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1], 1)[0]).toMatchObject({
      min: -3.4028234663852886e38,
      median: 1,
      max: 3.4028234663852886e38,
    });
  });

  it('keep the exact range and near quantiles when the rows are too many to sort', () => {
    const n = 150_000;
    const values = Float32Array.from({ length: n }, (_, i) => (i * 7919) % n);
    values[77_777] = 1e9;
    const rows = Int32Array.from({ length: n }, (_, i) => i);
    const statistics = measureFeatures(values, 1, rows, new Random(1));
    expect([statistics.min[0], statistics.max[0], statistics.observed[0]]).toEqual([0, 1e9, n]);
    expect(Math.abs(statistics.median[0] / n - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(statistics.q99[0] / n - 0.99)).toBeLessThan(0.002);
    // Every seed draws other rows, and three standard deviations are what is promised.
    const errors = Array.from({ length: 30 }, (_, seed) => {
      const { median, q01 } = measureFeatures(values, 1, rows, new Random(seed));
      return [median[0] / n - 0.5, q01[0] / n - 0.01];
    });
    const deviation = (k: number): number => Math.sqrt(errors.reduce((total, pair) => total + pair[k] ** 2, 0) / 30);
    expect(3 * deviation(0)).toBeLessThan(0.0125);
    expect(3 * deviation(1)).toBeLessThan(0.0025);
    expect(new Set(errors.map(([median]) => median)).size).toBeGreaterThan(20);
  });
});

describe('the quantiles of many rows', () => {
  it.each([
    ['spread out', (random: Random) => random.float() * 1e6 - 5e5],
    ['of few kinds', (random: Random) => random.below(5) - 2],
    ['nearly all one', (random: Random) => (random.below(1000) === 0 ? -random.float() : 7.5)],
    ['of every size', (random: Random) => (random.float() - 0.5) * 10 ** random.below(60) * 1e-30],
  ])('are those of the sorted values, %s', (_, of) => {
    const random = new Random(3);
    const n = 25_000;
    const values = Float32Array.from({ length: n }, () => of(random));
    values[9] = Number.NaN;
    values[99] = Number.POSITIVE_INFINITY;
    const rows = Int32Array.from({ length: n }, (_, i) => i);
    const statistics = measureFeatures(values, 1, rows, new Random(1));
    const sorted = values.filter((v) => !Number.isNaN(v)).sort();
    sorted[n - 2] = 3.4028234663852886e38;
    for (const [name, q] of [
      ['q01', 0.01],
      ['q05', 0.05],
      ['q25', 0.25],
      ['median', 0.5],
      ['q75', 0.75],
      ['q95', 0.95],
      ['q99', 0.99],
    ] as const)
      expect(statistics[name][0]).toBe(Math.fround(quantileSorted(sorted, q)));
    expect([statistics.missing[0], statistics.observed[0]]).toEqual([1, n - 1]);
  });
});

describe('the sort of floats', () => {
  it('gives what the built-in sort gives, for any floats but NaN', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true }), { maxLength: 200 }), (list) => {
        const values = Float32Array.from(list);
        const expected = values.slice().sort();
        sortFloats(values, new Uint32Array(2 * values.length));
        expect(values).toEqual(expected);
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});
