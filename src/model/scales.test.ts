import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { applyScales, type Scales } from './scales.ts';

function scalesOf(random: Random, d: number, log: boolean): Scales {
  const centre = Float64Array.from({ length: d }, () => 10 * random.float() - 5);
  // One feature never had a value.
  const scale = Float64Array.from({ length: d }, (_, j) =>
    j === 3 ? Number.POSITIVE_INFINITY : random.float() + 1e-3,
  );
  return { centre, scale, log };
}

const bytesOf = (values: Float64Array): Buffer => Buffer.from(values.buffer);

describe('scaling', () => {
  it.each([1, 2, 3, 4, 5, 10, 11, 300])(
    'is the same to the bit with the assembled loop and without: %i features',
    (d) => {
      const random = new Random(d);
      for (const rows of [0, 1, 15, 16, 17, 33, 256]) {
        for (const log of [false, true]) {
          const scales = scalesOf(random, d, log);
          // Around the soft limit and far beyond; in every second table none is.
          const size = rows % 2 === 0 ? 1 : 1e6;
          const values = Float64Array.from({ length: 2 + rows * d + 1 }, () =>
            random.below(50) === 0 ? size * 3.4e38 * (random.float() - 0.5) : size * (random.float() - 0.5),
          );
          const plain = values.slice();
          applyScales(scales, values, 2, rows);
          applyScales(scales, plain, 2, rows, 'plain');
          expect(bytesOf(values).equals(bytesOf(plain))).toBe(true);
        }
      }
    },
  );

  it('is (x - centre) / scale up to 30, and rises as a logarithm beyond', () => {
    const scales = { centre: Float64Array.of(1), scale: Float64Array.of(2) };
    for (const count of [8, 40]) {
      const values = new Float64Array(count).map((_, i) => [1, 3, -59, 61, 63, -2e6, 1e300, 1.5][i % 8] ?? 0);
      applyScales(scales, values, 0, count);
      expect([...values.subarray(0, 5)]).toEqual([0, 1, -30, 30, 30 * (1 + Math.log(31 / 30))]);
      expect(values[5]).toBe(-30 * (1 + Math.log(1000000.5 / 30)));
      expect(values[6]).toBeCloseTo(30 * (1 + 300 * Math.LN10 - Math.log(60)), 6);
      expect(values[7]).toBe(0.25);
    }
  });

  it('never lets a larger value become a smaller one', () => {
    const scales = { centre: Float64Array.of(0), scale: Float64Array.of(1) };
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 20, maxLength: 40 }),
        (list) => {
          const values = Float64Array.from(list).sort();
          applyScales(scales, values, 0, values.length);
          expect(values).toEqual(values.slice().sort());
        },
      ),
    );
  });
});
