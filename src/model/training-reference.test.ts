import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { drawRows } from './draw.ts';
import { measureFeatures } from './training.ts';
import {
  BIN_PLACES,
  BIN_POINTS,
  BinCounter,
  countBins,
  makeReference as joinReference,
  referenceFault,
  type TrainingReference,
} from './training-reference.ts';

function matrixOf(rows: readonly (readonly number[])[]) {
  const d = rows[0]?.length ?? 1;
  return {
    features: Array.from({ length: d }, (_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

/** As a fit makes it. */
function makeReference(matrix: ReturnType<typeof matrixOf>, seed: number, anchorRows?: number): TrainingReference {
  const d = matrix.features.length;
  const counter = new BinCounter(d);
  const rows = Int32Array.from({ length: matrix.rowCount }, (_, i) => i);
  measureFeatures(matrix.values, d, rows, new Random(seed), (...sorted) => counter.take(...sorted));
  return joinReference(matrix, counter.bins, seed, anchorRows);
}

describe('what is kept of the training', () => {
  it('counts tenths, a value that fills one by itself, and what is missing', () => {
    const rows = Array.from({ length: 1000 }, (_, i) => [i < 500 ? 0 : i, i % 4 === 0 ? Number.NaN : 7]);
    const { points, counts } = makeReference(matrixOf(rows), 1);
    const first = [...counts.subarray(0, BIN_PLACES)];
    // Nothing is below 0; 0 itself is a bin; then tenths.
    expect(first[0]).toBe(0);
    expect(first[1]).toBe(500);
    expect(first.slice(2).filter((count) => count > 0)).toEqual([100, 100, 100, 100, 100]);
    const second = [...counts.subarray(BIN_PLACES)];
    expect(second[1]).toBe(750);
    expect(second[BIN_PLACES - 1]).toBe(250);
    expect(points[BIN_POINTS + 1]).toBe(7);
  });

  it('counts the rows that it was made of as it did then', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.float(), fc.constantFrom(0, 1, 2, Number.NaN)), { minLength: 1, maxLength: 200 }),
        (rows) => {
          const matrix = matrixOf(rows);
          const reference = makeReference(matrix, 3);
          expect(referenceFault(reference)).toBeUndefined();
          const again = new Float64Array(reference.counts.length);
          // Infinities are counted among the largest numbers.
          const finite = matrix.values.map((v) => Math.max(-3.4028234663852886e38, Math.min(3.4028234663852886e38, v)));
          countBins(reference, { ...matrix, values: finite }, Int32Array.of(0, 1), again);
          expect([...again]).toEqual([...reference.counts]);
        },
      ),
    );
  });

  it('has as many anchor rows as asked for, drawn evenly and in their order, and fewer where rows are wide', () => {
    const rows = Array.from({ length: 5000 }, (_, i) => [i]);
    const { anchor } = makeReference(matrixOf(rows), 1, 1000);
    expect(anchor?.rowCount).toBe(1000);
    const values = [...(anchor?.values ?? [])];
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    expect(new Set(values).size).toBe(1000);
    const mean = values.reduce((sum, v) => sum + v, 0) / 1000;
    expect(Math.abs(mean - 2500)).toBeLessThan(150);
    const wide = matrixOf(Array.from({ length: 40 }, () => new Array<number>(30_000).fill(0)));
    expect(makeReference(wide, 1).anchor?.rowCount).toBe(34);
  });

  it('counts as many rows as the quantiles come from, and missing values by their share', () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => [i, i % 10 === 3 ? Number.NaN : 1, Number.NaN]);
    const { rows: counted, points, counts } = makeReference(matrixOf(rows), 2);
    expect(counted).toBe(25_000);
    for (let k = 0; k < 9; k++) expect(Math.abs(points[k] / 6000 - k - 1)).toBeLessThan(0.1);
    expect(Math.abs(counts[2 * BIN_PLACES - 1] / counted - 0.1)).toBeLessThan(0.006);
    expect(counts[3 * BIN_PLACES - 1]).toBe(counted);
  });

  it('draws the same rows for the same seed, and none for none', () => {
    expect(drawRows(100, 10, new Random(4))).toEqual(drawRows(100, 10, new Random(4)));
    expect(drawRows(100, 0, new Random(4))).toHaveLength(0);
    for (const most of [1, 16, 17, 32, 33]) {
      const rows = [...drawRows(33, most, new Random(4))];
      expect(new Set(rows).size).toBe(most);
      expect(rows).toEqual(rows.filter((row) => row >= 0 && row < 33).toSorted((a, b) => a - b));
    }
    expect(makeReference(matrixOf([[1]]), 1, 0).anchor).toBeUndefined();
  });
});
