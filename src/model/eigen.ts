/**
 * Eigenvalues and eigenvectors of a real symmetric matrix: Householder's reduction to tridiagonal form, then the implicit QL algorithm with Wilkinson's
 * shifts (Golub, Van Loan: Matrix Computations, sections 8.3.1 and 8.3.3). About 9 n^3 operations; deterministic.
 */
export interface Eigen {
  /** Descending. */
  readonly values: Float64Array;
  /** Row k is the unit eigenvector of values[k], its component of the largest size positive. */
  readonly vectors: Float64Array;
}

/** @param matrix n x n, symmetric and finite; not altered. */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  const { diagonal, off, basis } = tridiagonalise(Float64Array.from(matrix), n);
  diagonalise(diagonal, off, basis, n);
  const order = Int32Array.from({ length: n }, (_, k) => k).sort((a, b) => diagonal[b] - diagonal[a] || a - b);
  const values = new Float64Array(n);
  const vectors = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const from = order[k] * n;
    values[k] = diagonal[order[k]];
    let largest = 0;
    for (let i = 1; i < n; i++) if (Math.abs(basis[from + i]) > Math.abs(basis[from + largest])) largest = i;
    const sign = basis[from + largest] < 0 ? -1 : 1;
    for (let i = 0; i < n; i++) vectors[k * n + i] = sign * basis[from + i];
  }
  return { values, vectors };
}

/** A = Q T Q'. Row k of `basis` is column k of Q; off[k] couples k and k + 1, off[n - 1] is 0. */
function tridiagonalise(
  a: Float64Array,
  n: number,
): { diagonal: Float64Array; off: Float64Array; basis: Float64Array } {
  const off = new Float64Array(n);
  const basis = new Float64Array(n * n);
  for (let i = 0; i < n; i++) basis[i * n + i] = 1;
  const v = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    // The reflection I - 2 v v' that leaves of column k only its first entry below the diagonal.
    let scale = 0;
    for (let i = k + 1; i < n; i++) scale = Math.max(scale, Math.abs(a[i * n + k]));
    if (scale === 0) continue;
    let squares = 0;
    for (let i = k + 1; i < n; i++) {
      v[i] = a[i * n + k] / scale;
      squares += v[i] * v[i];
    }
    const alpha = v[k + 1] > 0 ? -Math.sqrt(squares) : Math.sqrt(squares);
    v[k + 1] -= alpha;
    let norm = 0;
    for (let i = k + 1; i < n; i++) norm += v[i] * v[i];
    norm = Math.sqrt(norm);
    if (norm === 0) continue;
    for (let i = k + 1; i < n; i++) v[i] /= norm;
    // A := (I - 2vv') A (I - 2vv') = A - 2 (v w' + w v') with p = A v, w = p - (v'p) v.
    let along = 0;
    for (let i = k; i < n; i++) {
      let total = 0;
      for (let j = k + 1; j < n; j++) total += a[i * n + j] * v[j];
      w[i] = total;
      if (i > k) along += total * v[i];
    }
    for (let i = k + 1; i < n; i++) w[i] -= along * v[i];
    for (let i = k + 1; i < n; i++) {
      const wi = 2 * w[i];
      const vi = 2 * v[i];
      for (let j = k + 1; j < n; j++) a[i * n + j] -= wi * v[j] + vi * w[j];
    }
    for (let i = k + 1; i < n; i++) {
      a[i * n + k] = i === k + 1 ? alpha * scale : 0;
      a[k * n + i] = a[i * n + k];
    }
    // Q := Q (I - 2vv'), in rows of its transpose.
    w.fill(0);
    for (let i = k + 1; i < n; i++) {
      const vi = v[i];
      for (let j = 0; j < n; j++) w[j] += vi * basis[i * n + j];
    }
    for (let i = k + 1; i < n; i++) {
      const vi = 2 * v[i];
      for (let j = 0; j < n; j++) basis[i * n + j] -= vi * w[j];
    }
  }
  const diagonal = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    diagonal[k] = a[k * n + k];
    if (k + 1 < n) off[k] = a[(k + 1) * n + k];
  }
  return { diagonal, off, basis };
}

const MAX_SWEEPS = 60;

/** Turns off-diagonal entries to 0 by rotations, and the rows of `basis` with them. */
function diagonalise(diagonal: Float64Array, off: Float64Array, basis: Float64Array, n: number): void {
  let largest = 0;
  for (let k = 0; k < n; k++) largest = Math.max(largest, Math.abs(diagonal[k]) + Math.abs(off[k]));
  const least = Math.max(1e-160, Number.EPSILON * largest);
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      while (m < n - 1) {
        const size = Math.abs(diagonal[m]) + Math.abs(diagonal[m + 1]);
        // Adding it to its neighbours changes nothing, or it is below the rounding of the whole matrix: values that are 0 never settle otherwise.
        if (size + Math.abs(off[m]) === size || Math.abs(off[m]) <= least) break;
        m++;
      }
      if (m === l) break;
      // It takes two or three for each value; a matrix of finite numbers that takes more is our bug.
      if (sweep === MAX_SWEEPS) throw new Error('the eigenvalues of a symmetric matrix did not converge');
      let g = (diagonal[l + 1] - diagonal[l]) / (2 * off[l]);
      let r = Math.hypot(g, 1);
      g = diagonal[m] - diagonal[l] + off[l] / (g + (g < 0 ? -r : r));
      let s = 1;
      let c = 1;
      let p = 0;
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * off[i];
        const b = c * off[i];
        r = Math.hypot(f, g);
        off[i + 1] = r;
        if (r === 0) {
          diagonal[i + 1] -= p;
          off[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = diagonal[i + 1] - p;
        r = (diagonal[i] - g) * s + 2 * c * b;
        p = s * r;
        diagonal[i + 1] = g + p;
        g = c * r - b;
        const upper = (i + 1) * n;
        const lower = i * n;
        for (let k = 0; k < n; k++) {
          const z = basis[upper + k];
          basis[upper + k] = s * basis[lower + k] + c * z;
          basis[lower + k] = c * basis[lower + k] - s * z;
        }
      }
      if (r === 0 && i >= l) continue;
      diagonal[l] -= p;
      off[l] = g;
      off[m] = 0;
    }
  }
}
