import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectors, features, filters, flags } from './main.js';

test('an emptied account is drained, and one without a balance has no share', () => {
  assert.deepEqual(
    [...features.drained({ amount: Float64Array.of(50, 10), balance: Float64Array.of(100, 0) })],
    [0.5, NaN],
  );
});

test('zeros at the end are counted', () => {
  assert.deepEqual([...features.roundness({ amount: Float64Array.of(12000, 7.5, 0) })], [3, 0, 0]);
});

test('merchants are told by the beginning of their names', () => {
  assert.deepEqual(filters.is_merchant({ account: ['M1', 'C1'] }, { prefix: 'M' }), [true, false]);
});

test('cash taken out above the limit is flagged per account', () => {
  const flag = flags.large_cash_out({ limit: 100 });
  flag.observe(
    { type: ['CASH_OUT', 'PAYMENT', 'CASH_OUT'], amount: Float64Array.of(500, 500, 50), account: ['a', 'a', 'a'] },
    [1, 2, 3],
  );
  assert.deepEqual(flag.finish(), [
    {
      entity: 'a',
      message: 'a took out 500.00 in 1 payments above 100',
      reasons: [{ name: 'sum', value: 500 }],
      rows: [1],
    },
  ]);
});

test('a transfer that is cashed out soon is found, and one that is kept is not', () => {
  const find = (...steps) => {
    const detector = detectors.pass_through({ steps: 2, share: 0.9 });
    detector.observe(
      {
        step: Float64Array.from(steps),
        type: ['TRANSFER', 'CASH_OUT'],
        amount: Float64Array.of(1000, 990),
        nameOrig: ['a', 'b'],
        nameDest: ['b', 'c'],
      },
      Float64Array.of(1, 2),
    );
    return detector.finish().map(({ entity, rows }) => [entity, rows]);
  };
  assert.deepEqual(find(1, 2), [['b', [1, 2]]]);
  assert.deepEqual(find(1, 9), []);
});
