import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BEACON_THREAT, ritaBeaconScore, ritaSeries, ritaThreatScore } from './rita-score.ts';

const T0 = Date.UTC(2024, 0, 1);
const HOUR = 3600;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('the RITA beacon score', () => {
  it('is 1 for connections of one size every hour of a day', () => {
    const score = ritaBeaconScore({
      timestampsSec: range(24).map((h) => h * HOUR),
      sizes: range(24).map(() => 500),
      datasetMinSec: 0,
      datasetMaxSec: 24 * HOUR,
    });
    expect(score).toMatchObject({ score: 1, threat: 0.8, ts: 1, ds: 1, dur: 1, hist: 1, bars: 24, longestRun: 24 });
    expect(score?.coverage).toBe(0.959); // ceil3(23 / 24)
  });

  it('agrees with a case worked by hand', () => {
    // Intervals 20, 40, 100, 100, 140: quartiles 30, 100, 120 (the middle one belongs to neither half).
    // Skewness (30 + 120 - 200) / 90 = -5/9; MAD of {80, 60, 0, 0, 40} = 40, so 0.6. ts = (4/9 + 0.6) / 2 = 0.5222.
    // Sizes 100, 100, 100, 110, 130, 160: quartiles 100, 105, 130; skewness (230 - 210) / 30 = 2/3; deviations
    // {5, 5, 5, 5, 25, 55}: MAD 5, (105 - 5) / 105 = 0.95238. ds = (1/3 + 0.95238) / 2 = 0.6429.
    // Data set of 480 s, bins of 20 s. Times 0, 20, 60, 160, 260, 400 lie in bins 0, 1, 3, 8, 13, 20: six bars, longest run two.
    // dur = max(ceil3(400 / 480), ceil3(2 / 12)) = 0.834. hist: mean 1/4, variance 6 * 1 / 24 - 1/16 = 3/16, cv = 1.732 > 1: 0.
    // score = (0.522 + 0.643 + 0.834 + 0) / 4 = 0.49975.
    const score = ritaBeaconScore({
      timestampsSec: [400, 0, 20, 60, 160, 260],
      sizes: [160, 100, 100, 130, 100, 110],
      datasetMinSec: 0,
      datasetMaxSec: 480,
    });
    expect(score?.intervals).toMatchObject({ score: 0.522, median: 100, mad: 40, madScore: 0.6 });
    expect(score?.intervals.skewness).toBeCloseTo(-5 / 9, 12);
    expect(score?.sizes).toMatchObject({ score: 0.643, median: 105, mad: 5 });
    expect(score).toMatchObject({ dur: 0.834, coverage: 0.834, consistency: 0.167, bars: 6, longestRun: 2 });
    expect(score).toMatchObject({ hist: 0, variationScore: 0, modalScore: 0, score: 0.5, threat: 0.2 });
    expect(score?.histogram).toEqual([1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
  });

  it('counts a run of hours across midnight, and the two most common heights of the bars', () => {
    // Bars in bins 0..5 (two each), 18..22 (one each) and 23 (four): twelve bars, run of twelve across the end.
    const bins = [...range(6).flatMap((h) => [h, h]), 18, 19, 20, 21, 22, 23, 23, 23, 23];
    const score = ritaBeaconScore({
      timestampsSec: bins.map((h, i) => h * HOUR + i),
      sizes: bins.map(() => 1),
      datasetMinSec: 0,
      datasetMaxSec: 24 * HOUR,
    });
    // Heights 2 x 6, 1 x 5, 4 x 1: (6 + 5) / (12 - 1) = 1.
    expect(score).toMatchObject({ bars: 12, longestRun: 12, consistency: 1, modalScore: 1, hist: 1 });
  });

  it('is undefined with three timestamps, with two intervals above 0, and without a span', () => {
    const sizes = [1, 1, 1, 1];
    const score = (timestampsSec: number[], datasetMaxSec = 10) =>
      ritaBeaconScore({ timestampsSec, sizes, datasetMinSec: 0, datasetMaxSec });
    expect(score([1, 2, 3])).toBeUndefined();
    expect(score([1, 2, 2, 3])).toBeUndefined();
    expect(score([1, 2, 3, 4], 0)).toBeUndefined();
    // Four in a row: even in time and size, but too few bars for duration and histogram: (1 + 1 + 0 + 0) / 4.
    expect(score([1, 2, 3, 4])?.score).toBe(0.5);
  });

  it('gives sizes no score where there are fewer than three', () => {
    const score = ritaBeaconScore({ timestampsSec: range(24), sizes: [1, 1], datasetMinSec: 0, datasetMaxSec: 24 });
    expect(score?.sizes).toBeUndefined();
    expect(score?.ds).toBe(0);
  });

  it('stays within 0 and 1 and ignores order, whatever the numbers', () => {
    const numbers = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 4, maxLength: 40 });
    fc.assert(
      fc.property(numbers, numbers, (timestampsSec, sizes) => {
        const series = { timestampsSec, sizes, datasetMinSec: 0, datasetMaxSec: 1e6 };
        const score = ritaBeaconScore(series);
        if (score === undefined) return;
        for (const part of [score.score, score.ts, score.ds, score.dur, score.hist, score.threat]) {
          expect(part).toBeGreaterThanOrEqual(0);
          expect(part).toBeLessThanOrEqual(1);
        }
        expect(
          ritaBeaconScore({ ...series, timestampsSec: timestampsSec.toReversed(), sizes: sizes.toReversed() }),
        ).toEqual(score);
      }),
    );
  });

  it('becomes a threat by straight lines between the thresholds', () => {
    const threat = (v: number): number => ritaThreatScore(v, BEACON_THREAT);
    expect([0, 49.9, 50, 60, 70, 80, 90, 95, 100, 120].map((v) => Number(threat(v).toFixed(6)))).toEqual([
      0, 0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8,
    ]);
  });
});

describe("RITA's selection", () => {
  it('is the last 24 h by the second, with connections from the beginning of their hour on, in whole seconds', () => {
    const last = T0 + 30 * HOUR * 1000 + 754_321;
    const at = (ms: number): { startMs: number; bytes: number } => ({ startMs: T0 + ms, bytes: ms });
    const series = ritaSeries([at(6 * HOUR * 1000 - 1), at(6 * HOUR * 1000), at(7 * HOUR * 1000 + 999)], last);
    const T = T0 / 1000;
    expect(series).toEqual({
      timestampsSec: [T + 6 * HOUR, T + 7 * HOUR],
      sizes: [6 * HOUR * 1000, 7 * HOUR * 1000 + 999],
      datasetMinSec: T + 6 * HOUR + 754,
      datasetMaxSec: T + 30 * HOUR + 754,
    });
  });
});
