import { expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import { symmetricEigen } from './eigen.ts';

function check(matrix: Float64Array, d: number): void {
  const { values, vectors } = symmetricEigen(matrix, d);
  const size = Math.max(1e-300, ...matrix.map(Math.abs));
  for (let i = 0; i < d; i++) {
    if (i > 0) expect(values[i]).toBeGreaterThanOrEqual(values[i - 1]);
    for (let j = 0; j < d; j++) {
      let product = 0;
      let dot = 0;
      for (let k = 0; k < d; k++) {
        product += values[k] * vectors[k * d + i] * vectors[k * d + j];
        dot += vectors[i * d + k] * vectors[j * d + k];
      }
      expect(Math.abs(product - matrix[i * d + j])).toBeLessThan(1e-13 * d * size);
      expect(Math.abs(dot - (i === j ? 1 : 0))).toBeLessThan(1e-13 * d);
    }
  }
}

test('values and vectors make the matrix again, of any size and rank', () => {
  const random = new Random(1);
  for (const d of [1, 2, 3, 5, 17, 40]) {
    for (const rank of [d, Math.ceil(d / 3), 1]) {
      const factors = Float64Array.from({ length: d * rank }, () => random.float() - 0.5);
      const matrix = new Float64Array(d * d);
      for (let i = 0; i < d; i++)
        for (let j = 0; j < d; j++)
          for (let k = 0; k < rank; k++) matrix[i * d + j] += factors[i * rank + k] * factors[j * rank + k];
      check(matrix, d);
    }
  }
});

test('diagonal, zero, negative and equal values are all the same to it', () => {
  check(Float64Array.of(3, 0, 0, 0, -2, 0, 0, 0, 3), 3);
  check(new Float64Array(16), 4);
  check(new Float64Array(25).fill(1), 5);
  const { values } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2);
  expect(values[0]).toBeCloseTo(1, 14);
  expect(values[1]).toBeCloseTo(3, 14);
  check(Float64Array.of(1, 1e-9, 0, 1e-9, 1e9, 1, 0, 1, 1e-9), 3);
});
