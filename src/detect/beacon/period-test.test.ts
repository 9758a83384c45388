import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../core/index.ts';
import { periodTest } from './period-test.ts';

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('the period test', () => {
  const random = new Random(11);
  const drawn = (n: number, draw: () => number): number[] => range(n).map(draw);

  it('finds chance likely where intervals are exponential: below 1 % about as rarely as it says', () => {
    let rejected = 0;
    for (let i = 0; i < 400; i++) {
      const gaps = drawn(40, () => 1000 - 60_000 * Math.log(1 - random.float()));
      if (periodTest(gaps, 1000) < -2) rejected++;
    }
    expect(rejected).toBeLessThanOrEqual(8);
  });

  it('finds chance impossible behind a period, however wide its jitter, with calls missed and outliers', () => {
    const period = (jitter: number) => (): number => 60_000 * (1 + jitter * (2 * random.float() - 1));
    expect(periodTest(drawn(12, period(0)), 1000)).toBeLessThan(-10);
    expect(periodTest(drawn(30, period(0.2)), 1000)).toBeLessThan(-10);
    expect(periodTest(drawn(100, period(0.8)), 1000)).toBeLessThan(-4);
    const missed = drawn(60, period(0.05)).map((gap, i) => (i % 10 === 3 ? 2 * gap : i % 20 === 7 ? 3_600_000 : gap));
    expect(periodTest(missed, 1000)).toBeLessThan(-10);
  });

  it('says nothing of fewer than three intervals or of none, and never gives less sure than nothing', () => {
    expect([periodTest([], 1000), periodTest([5000, 5000], 1000), periodTest([0, 0, 0], 0)]).toEqual([0, 0, 0]);
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { maxLength: 50 }), (gaps) => {
        const log = periodTest(gaps, 1000);
        expect(log).toBeLessThanOrEqual(0);
        expect(log).not.toBeNaN();
      }),
    );
  });
});
