import { expect, test } from 'vitest';
import { chiSquareBelow, chiSquareQuantile } from './chi-square.ts';

test('shares are those of SciPy 1.17 (chi2.cdf)', () => {
  for (const [x, freedom, share] of [
    [0.1, 1, 0.24817036595415076],
    [0.8, 1, 0.6289066304773024],
    [3.3, 1, 0.9307201167787983],
    [1.6, 2, 0.5506710358827783],
    [0.1, 5, 0.0001623166119226152],
    [8.5, 5, 0.8692522107255747],
    [0.1, 20, 2.5715803516000737e-20],
    [28, 20, 0.890600630357261],
    [80, 100, 0.07033506665939494],
    [132, 100, 0.9823270369891869],
    [241.60000000000002, 302, 0.004446698776304049],
    [394.6, 302, 0.9997360466516927],
  ])
    expect(Math.abs(chiSquareBelow(x, freedom) / share - 1)).toBeLessThan(2e-12);
});

test('quantiles are those of SciPy 1.17 (chi2.ppf)', () => {
  for (const [p, freedom, x] of [
    [0.975, 1, 5.023886187314888],
    [0.52, 1, 0.49886331027447567],
    [0.975, 2, 7.377758908227871],
    [0.975, 20, 34.16960690283833],
    [0.52, 100, 100.04232359829176],
    [0.975, 302, 352.034332194149],
  ])
    expect(Math.abs(chiSquareQuantile(p, freedom) / x - 1)).toBeLessThan(1e-12);
});

test('the ends are defined', () => {
  expect([chiSquareBelow(0, 3), chiSquareBelow(-1, 3), chiSquareBelow(Infinity, 3)]).toEqual([0, 0, 1]);
  expect(chiSquareQuantile(0, 3)).toBe(0);
});
