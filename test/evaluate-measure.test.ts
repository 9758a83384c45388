import { describe, expect, it } from 'vitest';
import { auroc, averagePrecision } from '../bench/evaluate-log.ts';

describe('the measures of the evaluation', () => {
  it('give 1 for a perfect order, a half for one score for all, and 0 for the reverse', () => {
    const positive = [false, false, true, true];
    expect(auroc([1, 2, 3, 4], positive)).toBe(1);
    expect(auroc([5, 5, 5, 5], positive)).toBe(0.5);
    expect(auroc([4, 3, 2, 1], positive)).toBe(0);
    expect(averagePrecision([1, 2, 3, 4], positive)).toBe(1);
    expect(averagePrecision([5, 5, 5, 5], positive)).toBe(0.5);
  });

  it('give what the definitions give by hand, ties included', () => {
    // Pairs of a positive and a negative: (0.8 over 0.4), (0.8 over 0.1), (0.35 under 0.4), (0.35 over 0.1).
    expect(auroc([0.1, 0.4, 0.35, 0.8], [false, false, true, true])).toBe(0.75);
    expect(averagePrecision([0.1, 0.4, 0.35, 0.8], [false, false, true, true])).toBeCloseTo(
      0.5 * 1 + 0.5 * (2 / 3),
      12,
    );
    // A positive and a negative share the highest score: one step of precision 1/2.
    expect(averagePrecision([0.9, 0.9, 0.1], [true, false, true])).toBeCloseTo(0.5 * 0.5 + 0.5 * (2 / 3), 12);
  });
});
