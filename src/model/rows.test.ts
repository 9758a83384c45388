import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { gatherRow, gatherRows, rowsOf } from './rows.ts';
import { measureFeatures } from './training.ts';

const ODD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

function matrixOf(d: number, rowCount: number, odd: boolean) {
  const random = new Random(d);
  return {
    features: Array.from({ length: d }, (_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount,
    values: Float32Array.from({ length: d * rowCount }, () =>
      odd && random.below(9) === 0 ? (ODD[random.below(3)] ?? 0) : random.float(),
    ),
  };
}

describe('rows that are gathered together', () => {
  it.each([
    ['all values there', false, false],
    ['values missing and infinite', true, false],
    ['a feature that never had a value', false, true],
  ])('are as those that are gathered one by one, %s', (_, odd, unseen) => {
    for (const d of [1, 3, 8]) {
      const matrix = matrixOf(d, 50, odd);
      const all = Int32Array.from({ length: 50 }, (_, i) => i);
      const fitted = matrix.values.slice();
      if (unseen) for (let i = 0; i < 50; i++) fitted[i * d] = Number.NaN;
      const statistics = measureFeatures(fitted, d, all, new Random(1));
      const source = rowsOf(matrix);
      const turned = { ...source, columns: source.columns.toReversed() };
      const fewer = { ...source, columns: source.columns.subarray(0, Math.max(1, d - 1)) };
      for (const each of [source, turned, fewer]) {
        for (const rows of [undefined, Int32Array.from({ length: 30 }, (_, i) => (i * 7) % 50)]) {
          const width = each.columns.length;
          const together = new Float64Array(20 * width);
          gatherRows(each, rows, 5, 20, statistics, together);
          const single = new Float64Array(20 * width);
          for (let i = 0; i < 20; i++) gatherRow(each, rows?.[5 + i] ?? 5 + i, statistics, single, i * width);
          expect(together).toEqual(single);
          expect(together.every(Number.isFinite)).toBe(true);
        }
      }
    }
  });
});
