import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { type Extent, emptyExtent, widenExtent } from './extent.ts';

function measureExtent(values: Float32Array, d: number, rows: Int32Array, engine?: 'plain'): Extent {
  const extent = emptyExtent(d);
  // In two pieces, as a long table comes in many.
  const half = rows.length >> 1;
  widenExtent(extent, values, d, rows.subarray(0, half), engine);
  widenExtent(extent, values, d, rows.subarray(half), engine);
  return extent;
}

const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0];

function draw(random: Random, count: number): Float32Array {
  return Float32Array.from({ length: count }, () =>
    random.below(10) === 0 ? (SPECIAL[random.below(SPECIAL.length)] ?? 0) : 100 * random.float() - 50,
  );
}

describe.each([1, 2, 3, 4, 5, 7, 8, 10, 33, 5000])('the extent of %i features', (d) => {
  const random = new Random(d);
  const rowCount = d > 100 ? 40 : 7000;
  const values = draw(random, rowCount * d);

  it('is the same assembled and plain, for all rows, some of them, one and none', () => {
    const all = Int32Array.from({ length: rowCount }, (_, i) => i);
    const most = all.filter((row) => row % 50 !== 7);
    const few = Int32Array.from({ length: 30 }, () => random.below(rowCount));
    for (const rows of [all, most, few, Int32Array.of(rowCount - 1), new Int32Array(0)]) {
      const assembled = measureExtent(values, d, rows);
      const plain = measureExtent(values, d, rows, 'plain');
      for (const name of ['min', 'max', 'missing'] as const)
        expect(Buffer.from(assembled[name].buffer).equals(Buffer.from(plain[name].buffer))).toBe(true);
    }
  });
});

it('a feature that is missing everywhere has none', () => {
  const { min, max, missing } = measureExtent(Float32Array.of(1, Number.NaN, 3, Number.NaN), 2, Int32Array.of(0, 1));
  expect([...min, ...max, ...missing]).toEqual([1, Number.POSITIVE_INFINITY, 3, Number.NEGATIVE_INFINITY, 0, 2]);
});
