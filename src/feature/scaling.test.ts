import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../core/index.ts';
import type { FeatureMatrix } from './matrix.ts';
import { SCALING_METHODS, Scaler, type ScalingMethod } from './scaling.ts';

const matrix = (...columns: readonly (readonly number[])[]): FeatureMatrix => {
  const features = columns.map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' }));
  const rowCount = columns[0]?.length ?? 0;
  const values = new Float32Array(rowCount * columns.length);
  columns.forEach((column, j) => {
    column.forEach((value, i) => {
      values[i * columns.length + j] = value;
    });
  });
  return { features, rowCount, values };
};
const scaled = (method: ScalingMethod, learned: readonly number[], rows: readonly number[]): number[] => [
  ...Scaler.learn(matrix(learned), method).transform(matrix(rows)).values,
];

test('each method scales as worked by hand, and missing stays missing', () => {
  expect(scaled('none', [1, 2], [5, Number.NaN])).toEqual([5, Number.NaN]);
  expect(scaled('standard', [1, 3, Number.NaN], [1, 2, 5, Number.NaN])).toEqual([-1, 0, 3, Number.NaN]);
  expect(scaled('robust', [1, 2, 3, 4, 1000], [3, 5, 1])).toEqual([0, 1, -1]);
  expect(scaled('log1p', [], [0, Math.E - 1, 1 - Math.E])).toEqual([0, 1, -1].map((v) => expect.closeTo(v, 6)));
  expect(scaled('quantile', [0, 10, 20], [-5, 0, 5, 10, 20, 99])).toEqual([0, 0, 0.25, 0.5, 1, 1]);
});

test('a constant scales to 0 and what differs from it shows its distance; what was never seen is left as it is', () => {
  expect(scaled('standard', [7, 7], [7, 9])).toEqual([0, 2]);
  expect(scaled('robust', [7, 7, 7], [7, 9])).toEqual([0, 2]);
  expect(scaled('quantile', [7, 7], [6, 7, 9])).toEqual([0, 0.5, 1]);
  for (const method of ['standard', 'robust', 'quantile'] as const)
    expect(scaled(method, [Number.NaN], [3])).toEqual([3]);
});

test('methods can be given by feature', () => {
  const scaler = Scaler.learn(matrix([1, 3], [1, 3]), { f1: 'standard' });
  expect([...scaler.transform(matrix([1], [1])).values]).toEqual([1, -1]);
});

const value = fc.oneof(
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((n) => Math.fround(n / 1000)),
  fc.constant(Number.NaN),
);
const column = fc.array(value, { minLength: 1, maxLength: 20 });

test('one row scales like a million, a saved scaler like the one that was learned, and the inverse gives the row back', () => {
  fc.assert(
    fc.property(column, column, fc.constantFrom(...SCALING_METHODS), (learned, rows, method) => {
      const scaler = Scaler.learn(matrix(learned), method);
      const again = Scaler.fromJSON(JSON.parse(JSON.stringify(scaler)));
      const batch = scaler.transform(matrix(rows));
      expect([...again.transform(matrix(rows)).values]).toEqual([...batch.values]);
      rows.forEach((row, i) => {
        expect(scaler.transform(matrix([row])).values[0]).toBe(batch.values[i]);
      });
      if (method === 'quantile') {
        for (const v of batch.values)
          if (learned.some((x) => !Number.isNaN(x)) && !Number.isNaN(v)) expect(v >= 0 && v <= 1).toBe(true);
        return;
      }
      // In float32 what is far smaller than the centre or the scale is lost in them.
      const { centre, scale } = scaler.toJSON().features[0];
      scaler.inverse(batch).values.forEach((back, i) => {
        const tolerance = 1e-5 * (Math.abs(rows[i]) + Math.abs(centre) + scale);
        if (Number.isNaN(rows[i])) expect(back).toBeNaN();
        else expect(Math.abs(back - rows[i])).toBeLessThanOrEqual(tolerance);
      });
    }),
    { numRuns: 300 },
  );
});

test('quantiles do not turn the order of values', () => {
  fc.assert(
    fc.property(column, column, (learned, rows) => {
      const plain = rows.filter((row) => !Number.isNaN(row)).sort((a, b) => a - b);
      const out = scaled('quantile', learned, plain);
      for (let i = 1; i < out.length; i++) expect(out[i]).toBeGreaterThanOrEqual(out[i - 1]);
    }),
  );
});

test('no scaling gives an infinity', () => {
  expect(scaled('standard', [0, 1e-20], [3e38, -3e38])).toEqual([3.4028234663852886e38, -3.4028234663852886e38]);
});

test('other features than the learned ones are our bug, and damaged data is refused with what is wrong', () => {
  const scaler = Scaler.learn(matrix([1, 2]), 'quantile');
  expect(() => scaler.transform(matrix([1], [2]))).toThrow('a scaler scales the features that it was learned on');
  const read = (change: Record<string, unknown>): string | undefined => {
    const data = structuredClone(JSON.parse(JSON.stringify(scaler)));
    Object.assign(data.features[0], change);
    try {
      Scaler.fromJSON(data);
    } catch (error) {
      return error instanceof UserError ? error.message : undefined;
    }
    return undefined;
  };
  expect(read({ scale: 0 })).toBe('The scaler is damaged: it is not of the expected form.');
  expect(read({ method: 'robust' })).toBe('The scaler is damaged: its quantiles do not fit its methods.');
  expect(read({ quantiles: [2, 1] })).toBe('The scaler is damaged: its quantiles are not in order.');
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      expect(() => Scaler.fromJSON(json)).toThrow(UserError);
    }),
  );
});
