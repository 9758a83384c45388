import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { Calibration, fitTail } from './calibration.ts';

function ramp(n: number): Calibration {
  return new Calibration(Float64Array.from({ length: n }, (_, i) => i + 1));
}

/** -ln u: exponential with mean 1. */
function exponential(n: number, seed: number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length: n }, () => -Math.log(1 - random.float())).sort();
}

describe('calibration', () => {
  it('gives 1 - (1 + number of scores at least as large) / (n + 1) at a calibration score', () => {
    const calibration = ramp(9);
    expect(calibration.score(1)).toBe(0);
    expect(calibration.score(2)).toBe(0.1);
    expect(calibration.score(9)).toBe(0.8);
    expect(calibration.size).toBe(9);
  });

  it('joins the steps by straight lines on the cautious side', () => {
    const calibration = ramp(9);
    expect(calibration.score(2.5)).toBeCloseTo(0.15, 12);
    // The step function itself says 1 - (1 + 7)/10 = 0.2 just above 2.
    expect(calibration.score(2.001)).toBeLessThan(0.2);
  });

  it('says 0 for whatever is below the smallest score', () => {
    expect(ramp(9).score(-1e300)).toBe(0);
    expect(ramp(9).score(Number.NEGATIVE_INFINITY)).toBe(0);
  });

  it('counts equal scores together', () => {
    const calibration = new Calibration(Float64Array.of(1, 2, 2, 2, 3));
    expect([1, 2, 3].map((raw) => calibration.score(raw))).toEqual([0, 1 / 6, 4 / 6]);
  });

  it('with fewer than 200 scores never says more than counting can', () => {
    const calibration = ramp(199);
    expect(calibration.score(1e300)).toBe(1 - 1 / 200);
    expect(calibration.isExtrapolated(calibration.score(1e300))).toBe(false);
  });

  it('from 200 scores on goes on as a fitted tail, marked as an extrapolation and below 1', () => {
    const calibration = new Calibration(exponential(1000, 1));
    const largest = calibration.scores()[999];
    expect(calibration.score(largest)).toBeCloseTo(999 / 1001, 12);
    expect(calibration.isExtrapolated(calibration.score(largest))).toBe(false);
    expect(calibration.isExtrapolated(calibration.score(largest + 5))).toBe(true);
    expect(calibration.score(1e300)).toBe(1 - 1e-3 / 1001);
  });

  it('fits a scale near 1 and a shape near 0 to exponential scores', () => {
    const { scale, shape, floor } = fitTail(exponential(5000, 2));
    expect(scale).toBeGreaterThan(0.8);
    expect(scale).toBeLessThan(1.3);
    expect(shape).toBeLessThan(0.15);
    expect(floor).toBe(1e-3 / 5001);
  });

  it('holds the shape to 0 for scores with an end, and to at most a half for very heavy ones', () => {
    const uniform = Float64Array.from({ length: 1000 }, (_, i) => i / 1000);
    expect(fitTail(uniform).shape).toBe(0);
    const heavy = exponential(5000, 3).map((x) => Math.exp(2 * x));
    expect(fitTail(heavy).shape).toBe(0.5);
  });

  it('recovers the shape of a tail that is moderately heavy', () => {
    const pareto = exponential(5000, 4).map((x) => Math.exp(0.25 * x));
    expect(fitTail(pareto).shape).toBeGreaterThan(0.1);
    expect(fitTail(pareto).shape).toBeLessThan(0.4);
  });

  it('is defined when all scores are equal, and when there is one', () => {
    const same = new Calibration(new Float64Array(1000).fill(-1));
    expect(same.score(-1)).toBe(0);
    expect(same.score(-0.5)).toBeGreaterThan(0.99);
    const one = new Calibration(Float64Array.of(0));
    expect(one.score(0)).toBe(0);
    expect(one.score(9)).toBe(0.5);
  });

  it('never falls as the raw score rises, and stays in 0..1', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
    fc.assert(
      fc.property(
        fc.array(finite, { minLength: 1, maxLength: 400 }),
        fc.array(finite, { minLength: 2, maxLength: 50 }),
        (scores, raws) => {
          const sorted = Float64Array.from(scores).sort();
          const calibration = new Calibration(sorted);
          const probes = Float64Array.from([...raws, ...scores.flatMap((s) => [s, s + 1e-9])]).sort();
          let before = 0;
          for (const raw of probes) {
            const score = calibration.score(raw);
            expect(score).toBeGreaterThanOrEqual(before);
            expect(score).toBeLessThan(1);
            before = score;
          }
        },
      ),
      { numRuns: 100, seed: 2 },
    );
  });

  it('keeps its promise on fresh scores, in the body and in the tail', () => {
    let above1 = 0;
    let above01 = 0;
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      const calibration = new Calibration(exponential(2000, 100 + round));
      for (const raw of exponential(10_000, 900 + round)) {
        const score = calibration.score(raw);
        if (score > 0.99) above1++;
        if (score > 0.9999) above01++;
      }
    }
    const total = rounds * 10_000;
    expect(above1 / total).toBeGreaterThan(0.008);
    expect(above1 / total).toBeLessThan(0.0115);
    expect(above01 / total).toBeLessThan(0.0003);
  });
});

describe('the threshold for a false-positive budget', () => {
  it('is 1 - rate on the score axis, and the same place on the raw axis', () => {
    const calibration = new Calibration(exponential(1000, 7));
    for (const rate of [1, 0.5, 0.05, 0.01, 0.002, 0.001, 0.0001, 0.00001]) {
      const { score, raw, extrapolated } = calibration.thresholdFor(rate);
      expect(score).toBe(1 - rate);
      expect(calibration.score(raw)).toBeCloseTo(score, 9);
      expect(extrapolated).toBe(rate < 1 / 1001);
    }
  });

  it('is the raw score itself where the budget falls on a calibration score', () => {
    expect(ramp(9).thresholdFor(0.2)).toEqual({ score: 0.8, raw: 9, extrapolated: false });
  });

  it('refuses a budget that is no share', () => {
    for (const rate of [0, -1, 1.5, Number.NaN]) {
      expect(() => ramp(9).thresholdFor(rate)).toThrow(
        `A false-positive budget must be a share above 0 and at most 1, not ${rate}.`,
      );
    }
  });

  it('refuses a budget that is rarer than the model can tell, and says what would do', () => {
    expect(() => ramp(99).thresholdFor(0.001)).toThrow(
      expect.objectContaining({
        message: 'A false-positive budget of 0.001 is rarer than this model can tell: it was calibrated on 99 scores.',
        hint: 'Allow more than 0.0100, or fit on more rows.',
      }),
    );
  });
});
