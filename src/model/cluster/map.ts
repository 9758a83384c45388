import type { Random } from '../../core/index.ts';

/**
 * Rows as points in the plane, so that distances on paper are near those of the rows: SMACOF, the majorisation of stress (de Leeuw, Applications of Convex
 * Analysis to Multidimensional Scaling, 1977), on at most `landmarks` rows, from a seeded start; the other rows are then placed one by one against the landmarks, by the
 * same majorisation with the landmarks held still. It goes wrong in the way of all such maps: rows that look near may not be; `stress` tells how much to believe.
 */
export interface DistanceMap {
  /** One point per row, scaled so that the widest side is 1 and the middle is (0, 0). */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Kruskal's stress-1 over the landmarks, 0 (distances kept exactly) to 1. */
  readonly stress: number;
}

export interface MapOptions {
  readonly random: Random;
  /** Rows that are placed among themselves, default 300. */
  readonly landmarks?: number;
  /** Rounds at most, default 200. */
  readonly rounds?: number;
}

const ENOUGH = 1e-6;
const PLACING_ROUNDS = 30;

/** @param distance of rows 0 to n - 1. */
export function mapDistances(n: number, distance: (a: number, b: number) => number, options: MapOptions): DistanceMap {
  const { random, landmarks = 300, rounds = 200 } = options;
  const chosen = choose(n, Math.min(n, landmarks), random);
  const m = chosen.length;
  const wanted = new Float64Array(m * m);
  for (let i = 0; i < m; i++)
    for (let j = i + 1; j < m; j++) {
      const d = distance(chosen[i] ?? 0, chosen[j] ?? 0);
      wanted[i * m + j] = d;
      wanted[j * m + i] = d;
    }
  const { x: lx, y: ly, stress } = smacof(wanted, m, random, rounds);
  const x = new Float64Array(n);
  const y = new Float64Array(n);
  const place = new Int32Array(n).fill(-1);
  chosen.forEach((row, i) => {
    place[row] = i;
  });
  const wish = new Float64Array(m);
  for (let row = 0; row < n; row++) {
    const landmark = place[row] ?? -1;
    if (landmark >= 0) {
      x[row] = lx[landmark] ?? 0;
      y[row] = ly[landmark] ?? 0;
      continue;
    }
    let nearest = 0;
    for (let i = 0; i < m; i++) {
      const d = distance(row, chosen[i] ?? 0);
      wish[i] = d;
      if (d < (wish[nearest] ?? 0)) nearest = i;
    }
    let px = lx[nearest] ?? 0;
    let py = ly[nearest] ?? 0;
    if ((wish[nearest] ?? 0) > 0) {
      for (let round = 0; round < PLACING_ROUNDS; round++) {
        let sx = 0;
        let sy = 0;
        for (let i = 0; i < m; i++) {
          const dx = px - (lx[i] ?? 0);
          const dy = py - (ly[i] ?? 0);
          const now = Math.hypot(dx, dy);
          const ratio = now > 1e-12 ? (wish[i] ?? 0) / now : 0;
          sx += (lx[i] ?? 0) + ratio * dx;
          sy += (ly[i] ?? 0) + ratio * dy;
        }
        const moved = Math.hypot(sx / m - px, sy / m - py);
        px = sx / m;
        py = sy / m;
        if (moved < ENOUGH) break;
      }
    }
    x[row] = px;
    y[row] = py;
  }
  scaleToOne(x, y);
  return { x, y, stress };
}

/** So many of n rows, spread by chance, in order. */
function choose(n: number, m: number, random: Random): Int32Array {
  const rows = Int32Array.from({ length: n }, (_, i) => i);
  if (m >= n) return rows;
  for (let i = 0; i < m; i++) {
    const j = i + random.below(n - i);
    const kept = rows[i] ?? 0;
    rows[i] = rows[j] ?? 0;
    rows[j] = kept;
  }
  return rows.slice(0, m).sort();
}

function smacof(
  wanted: Float64Array,
  m: number,
  random: Random,
  rounds: number,
): { x: Float64Array; y: Float64Array; stress: number } {
  let x = new Float64Array(m);
  let y = new Float64Array(m);
  for (let i = 0; i < m; i++) {
    x[i] = random.float() - 0.5;
    y[i] = random.float() - 0.5;
  }
  let squares = 0;
  for (const d of wanted) squares += d * d;
  if (m < 2 || squares === 0) return { x: new Float64Array(m), y: new Float64Array(m), stress: 0 };
  let last = Number.POSITIVE_INFINITY;
  let stress = 0;
  for (let round = 0; round < rounds; round++) {
    const nx = new Float64Array(m);
    const ny = new Float64Array(m);
    let error = 0;
    // The Guttman transform with equal weights.
    for (let i = 0; i < m; i++) {
      const xi = x[i] ?? 0;
      const yi = y[i] ?? 0;
      let sx = 0;
      let sy = 0;
      for (let j = 0; j < m; j++) {
        if (j === i) continue;
        const dx = xi - (x[j] ?? 0);
        const dy = yi - (y[j] ?? 0);
        const now = Math.sqrt(dx * dx + dy * dy);
        const d = wanted[i * m + j] ?? 0;
        error += (d - now) * (d - now);
        const ratio = now > 1e-12 ? d / now : 0;
        sx += ratio * dx;
        sy += ratio * dy;
      }
      nx[i] = sx / m;
      ny[i] = sy / m;
    }
    stress = Math.sqrt(error / squares);
    if (last - stress < ENOUGH) break;
    last = stress;
    x = nx;
    y = ny;
  }
  return { x, y, stress: Math.min(1, stress) };
}

function scaleToOne(x: Float64Array, y: Float64Array): void {
  const [lowX, highX] = ends(x);
  const [lowY, highY] = ends(y);
  const side = Math.max(highX - lowX, highY - lowY);
  const scale = side > 0 ? 1 / side : 0;
  for (let i = 0; i < x.length; i++) {
    x[i] = ((x[i] ?? 0) - (lowX + highX) / 2) * scale;
    y[i] = ((y[i] ?? 0) - (lowY + highY) / 2) * scale;
  }
}

function ends(values: Float64Array): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return values.length === 0 ? [0, 0] : [low, high];
}
