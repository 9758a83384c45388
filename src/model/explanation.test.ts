import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertExact, divideScore } from './explanation.ts';

function divide(rawBase: number, shares: readonly number[], calibrate: (raw: number) => number) {
  return divideScore({
    featureNames: shares.map((_, j) => `f${j}`),
    values: shares.map((_, j) => j),
    imputed: shares,
    raw: shares.reduce((total, share) => total + share, rawBase),
    rawBase,
    rawShares: Float64Array.from(shares),
    guards: new Float64Array(shares.length),
    calibrate,
    isExtrapolated: () => false,
  });
}

const clamp = (raw: number): number => Math.min(1, Math.max(0, raw));

describe('shares of the calibrated score', () => {
  it('are the raw shares where the calibration is straight', () => {
    const { contributions, base, score } = divide(0.5, [0.25, -0.125, 0], clamp);
    expect([base, score]).toEqual([0.5, 0.625]);
    expect(contributions.map((c) => [c.feature, c.contribution])).toEqual([
      ['f0', 0.25],
      ['f1', -0.125],
      ['f2', 0],
    ]);
  });

  it('are the Shapley values of up against down where it bends', () => {
    // Up first and then down: 0.7 and -0.3; down first and then up: -0.1 and 0.5. The means, 0.6 and -0.2, are divided as 3 to 1.
    const bent = new Map([
      [0, 0.2],
      [4, 0.9],
      [-2, 0.1],
      [2, 0.6],
    ]);
    const { contributions } = divide(0, [3, 1, -2], (raw) => bent.get(raw) ?? Number.NaN);
    expect(contributions.map((c) => c.feature)).toEqual(['f0', 'f2', 'f1']);
    [0.45, -0.2, 0.15].forEach((share, k) => {
      expect(contributions[k].contribution).toBeCloseTo(share, 12);
    });
  });

  it('stay within -1..1, keep their sign and add up even where pushes cancel on a cliff', () => {
    const step = (raw: number): number => (raw > 0.1 ? 0.99 : 0);
    const { contributions, score } = divide(0.1, [5, -5 + 1e-12, 3, -3], step);
    expect(score).toBe(0.99);
    for (const { contribution, rawContribution } of contributions) {
      expect(Math.abs(contribution)).toBeLessThanOrEqual(1);
      expect(contribution * rawContribution).toBeGreaterThanOrEqual(0);
    }
  });

  it('are all 0 where nothing pushed either way', () => {
    const { contributions, base, score } = divide(0.3, [0, 0], clamp);
    expect(base).toBe(score);
    expect(contributions.map((c) => c.contribution)).toEqual([0, 0]);
  });

  it('add up for any shares and any monotone calibration', () => {
    const share = fc.double({ noNaN: true, noDefaultInfinity: true, min: -3, max: 3 });
    fc.assert(
      fc.property(
        fc.array(share, { minLength: 1, maxLength: 12 }),
        share,
        fc.double({ noNaN: true, min: 1e-6, max: 1e9 }),
        (shares, base, slope) => {
          const explanation = divide(base, shares, (raw) => 1 / (1 + Math.exp(-raw * slope)));
          expect(explanation.contributions.every((c) => Math.abs(c.contribution) <= 1 + 1e-12)).toBe(true);
        },
      ),
      { numRuns: 300, seed: 3 },
    );
  });

  it('name the largest share first and keep the order of the model among equals', () => {
    const { contributions } = divide(0, [0.1, 0.2, 0.1, -0.2], clamp);
    expect(contributions.map((c) => c.feature)[0]).toBe('f1');
    expect(contributions.filter((c) => c.rawContribution === 0.1).map((c) => c.feature)).toEqual(['f0', 'f2']);
  });
});

describe('the check of an explanation', () => {
  const sound = divide(0.5, [0.25, -0.125], clamp);

  it('passes one that adds up', () => {
    expect(() => assertExact(sound)).not.toThrow();
  });

  it('throws for a score or a raw score that is off by more than 1e-9, or is not a number', () => {
    expect(() => assertExact({ ...sound, score: 0.7 })).toThrow(
      'the shares of an explanation add up to 0.625, but the score is 0.7',
    );
    expect(() => assertExact({ ...sound, raw: 0.625 + 2e-9 })).toThrow(
      'the raw shares of an explanation add up to 0.625, but',
    );
    expect(() => assertExact({ ...sound, score: Number.NaN })).toThrow('but the score is NaN');
  });
});
