import { expect, test } from 'vitest';
import { mean, Random, standardDeviation } from '../core/index.ts';
import { OnlineScaler } from './online-scaling.ts';

test('without a half-life it is mean and deviation of all, even far from zero', () => {
  const random = new Random(1);
  const values = Float64Array.from({ length: 5000 }, () => 1e9 + random.float());
  const scaler = new OnlineScaler(1);
  for (const value of values) scaler.add([value]);
  expect(Math.abs(scaler.mean(0) - mean(values))).toBeLessThan(1e-5);
  expect(scaler.deviation(0) / standardDeviation(values)).toBeCloseTo(1, 5);
});

test('with a half-life it is the weighted mean and deviation', () => {
  const values = [3, 1, 4, 1, 5, 9, 2, 6];
  const scaler = new OnlineScaler(1, { halfLife: 2 });
  for (const value of values) scaler.add([value]);
  const weights = values.map((_, i) => 2 ** (-(values.length - 1 - i) / 2));
  const total = weights.reduce((a, b) => a + b);
  const centre = values.reduce((sum, v, i) => sum + weights[i] * v, 0) / total;
  const variance = values.reduce((sum, v, i) => sum + weights[i] * (v - centre) ** 2, 0) / total;
  expect(scaler.mean(0)).toBeCloseTo(centre, 12);
  expect(scaler.deviation(0)).toBeCloseTo(Math.sqrt(variance), 12);
});

test('it follows a stream that moves, and leaves out what is not finite', () => {
  const scaler = new OnlineScaler(2, { halfLife: 50 });
  for (let i = 0; i < 1000; i++) scaler.add([i < 500 ? 10 : 20, i % 2 === 0 ? Number.NaN : Infinity]);
  expect(scaler.mean(0)).toBeCloseTo(20, 1);
  expect(scaler.mean(1)).toBeNaN();
  expect(scaler.deviation(1)).toBeNaN();
  expect(scaler.scales().scale[1]).toBe(Infinity);
  const constant = new OnlineScaler(1);
  for (let i = 0; i < 10; i++) constant.add([7]);
  expect(constant.scales()).toEqual({ centre: Float64Array.of(7), scale: Float64Array.of(1) });
  expect(() => new OnlineScaler(1, { halfLife: 0 })).toThrow("A scaler can't have the half-life 0.");
});
