import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { symmetricEigen } from './eigen.ts';

/** The largest entry of A - V' L V, and of V V' - I. */
function faults(matrix: Float64Array, n: number): number[] {
  const { values, vectors } = symmetricEigen(matrix, n);
  let rebuilt = 0;
  let orthogonal = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let a = 0;
      let b = 0;
      for (let k = 0; k < n; k++) {
        a += vectors[k * n + i] * values[k] * vectors[k * n + j];
        b += vectors[i * n + k] * vectors[j * n + k];
      }
      rebuilt = Math.max(rebuilt, Math.abs(a - matrix[i * n + j]));
      orthogonal = Math.max(orthogonal, Math.abs(b - (i === j ? 1 : 0)));
    }
  }
  return [rebuilt, orthogonal];
}

describe('the eigenvectors of a symmetric matrix', () => {
  it('are those of a matrix whose are known', () => {
    const { values, vectors } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2);
    expect(values[0]).toBeCloseTo(3, 14);
    expect(values[1]).toBeCloseTo(1, 14);
    expect(Math.abs(vectors[0] - Math.SQRT1_2) + Math.abs(vectors[1] - Math.SQRT1_2)).toBeLessThan(1e-14);
    expect(vectors[2] * vectors[3]).toBeCloseTo(-0.5, 14);
  });

  it.each([1, 2, 3, 5, 20, 60])('rebuild it and are orthogonal: %i x its size', (n) => {
    const random = new Random(n);
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        matrix[i * n + j] = random.float() - 0.5;
        matrix[j * n + i] = matrix[i * n + j];
      }
    }
    for (const fault of faults(matrix, n)) expect(fault).toBeLessThan(1e-12);
  });

  it('exist for matrices without any difference, of rank one, of zeros, and of sizes far apart', () => {
    const n = 6;
    const each = (value: (i: number, j: number) => number): Float64Array =>
      Float64Array.from({ length: n * n }, (_, at) => value(Math.floor(at / n), at % n));
    for (const matrix of [
      each(() => 0),
      each((i, j) => (i === j ? 1 : 0)),
      each(() => 1),
      each((i, j) => (i === j ? 10 ** (-4 * i) : 1e-25)),
      each((i, j) => (Math.abs(i - j) === 1 ? 1 : 0)),
    ]) {
      for (const fault of faults(matrix, n)) expect(fault).toBeLessThan(1e-13);
    }
  });
});
