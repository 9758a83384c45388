/** Values and vectors of a symmetric matrix: A = sum over k of values[k] vectors[k] vectors[k]^T. */
export interface Eigen {
  /** Ascending. */
  readonly values: Float64Array;
  /** Vector k is row k, of length 1; signs are arbitrary but the same for the same matrix. d x d. */
  readonly vectors: Float64Array;
}

/**
 * Eigenvalues and vectors of a symmetric d x d matrix of finite numbers: Householder's reduction to three diagonals, then implicit QR steps with
 * Wilkinson's shift (Golub, Van Loan: Matrix Computations, 8.3). About 5 d^3 multiplications; errors are of the order of rounding times the
 * largest value. Only the lower triangle is read, nothing is written to.
 */
export function symmetricEigen(matrix: Float64Array, d: number): Eigen {
  const a = new Float64Array(d * d);
  for (let i = 0; i < d; i++) for (let j = 0; j <= i; j++) a[i * d + j] = a[j * d + i] = matrix[i * d + j];
  const basis = new Float64Array(d * d);
  for (let i = 0; i < d; i++) basis[i * d + i] = 1;
  for (let k = 0; k < d - 2; k++) reflect(a, basis, d, k);
  const diagonal = new Float64Array(d);
  const beside = new Float64Array(d);
  for (let i = 0; i < d; i++) {
    diagonal[i] = a[i * d + i];
    if (i + 1 < d) beside[i] = a[(i + 1) * d + i];
  }
  diagonalise(diagonal, beside, basis, d);
  const order = Array.from({ length: d }, (_, k) => k).sort((i, j) => diagonal[i] - diagonal[j]);
  const vectors = new Float64Array(d * d);
  order.forEach((from, k) => {
    vectors.set(basis.subarray(from * d, (from + 1) * d), k * d);
  });
  return { values: Float64Array.from(order, (k) => diagonal[k]), vectors };
}

/** Makes column k of `a` zero below its second diagonal by a reflection of both sides; rows of `basis` are the columns of the product so far. */
function reflect(a: Float64Array, basis: Float64Array, d: number, k: number): void {
  const m = d - k - 1;
  const v = new Float64Array(m);
  let square = 0;
  let rest = 0;
  for (let i = 0; i < m; i++) {
    v[i] = a[(k + 1 + i) * d + k];
    square += v[i] * v[i];
    if (i > 0) rest += v[i] * v[i];
  }
  if (rest === 0) return;
  const target = v[0] > 0 ? -Math.sqrt(square) : Math.sqrt(square);
  v[0] -= target;
  const length = Math.sqrt(v[0] * v[0] + rest);
  for (let i = 0; i < m; i++) v[i] /= length;
  // (I - 2 v v^T) A (I - 2 v v^T) = A - 2 v q^T - 2 q v^T with q = A v - (v^T A v) v.
  const q = new Float64Array(m);
  let along = 0;
  for (let i = 0; i < m; i++) {
    const o = (k + 1 + i) * d + k + 1;
    let total = 0;
    for (let j = 0; j < m; j++) total += a[o + j] * v[j];
    q[i] = total;
    along += total * v[i];
  }
  for (let i = 0; i < m; i++) q[i] -= along * v[i];
  for (let i = 0; i < m; i++) {
    const o = (k + 1 + i) * d + k + 1;
    for (let j = 0; j < m; j++) a[o + j] -= 2 * (v[i] * q[j] + q[i] * v[j]);
  }
  a[(k + 1) * d + k] = target;
  for (let i = 1; i < m; i++) a[(k + 1 + i) * d + k] = 0;
  const sums = new Float64Array(d);
  for (let i = 0; i < m; i++) {
    const o = (k + 1 + i) * d;
    for (let j = 0; j < d; j++) sums[j] += v[i] * basis[o + j];
  }
  for (let i = 0; i < m; i++) {
    const o = (k + 1 + i) * d;
    for (let j = 0; j < d; j++) basis[o + j] -= 2 * v[i] * sums[j];
  }
}

function diagonalise(diagonal: Float64Array, beside: Float64Array, basis: Float64Array, d: number): void {
  let high = d - 1;
  for (let steps = 0; high > 0; steps++) {
    if (steps > 60 * d) throw new Error('the eigenvalues of a matrix did not converge');
    for (let k = 0; k < high; k++) {
      const near = Number.EPSILON * (Math.abs(diagonal[k]) + Math.abs(diagonal[k + 1]));
      if (Math.abs(beside[k]) <= near) beside[k] = 0;
    }
    if (beside[high - 1] === 0) {
      high--;
      continue;
    }
    let low = high - 1;
    while (low > 0 && beside[low - 1] !== 0) low--;
    const half = (diagonal[high - 1] - diagonal[high]) / 2;
    const e = beside[high - 1];
    const shift = diagonal[high] - (e * e) / (half + (half >= 0 ? 1 : -1) * Math.hypot(half, e));
    let x = diagonal[low] - shift;
    let z = beside[low];
    for (let k = low; k < high; k++) {
      const r = Math.hypot(x, z);
      const c = r === 0 ? 1 : x / r;
      const s = r === 0 ? 0 : z / r;
      if (k > low) beside[k - 1] = r;
      const first = diagonal[k];
      const second = diagonal[k + 1];
      const off = beside[k];
      diagonal[k] = c * c * first + 2 * c * s * off + s * s * second;
      diagonal[k + 1] = s * s * first - 2 * c * s * off + c * c * second;
      beside[k] = c * s * (second - first) + (c * c - s * s) * off;
      if (k + 1 < high) {
        z = s * beside[k + 1];
        beside[k + 1] *= c;
        x = beside[k];
      }
      for (let j = 0, o = k * d; j < d; j++, o++) {
        const u = basis[o];
        const w = basis[o + d];
        basis[o] = c * u + s * w;
        basis[o + d] = c * w - s * u;
      }
    }
  }
}
