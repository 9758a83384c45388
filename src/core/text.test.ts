import fc from 'fast-check';
import { expect, test } from 'vitest';
import { humanCount } from './text.ts';

test('a count has a comma at every thousand, as the international library writes it', () => {
  expect([0, 999, 1000, 1_234_567, -1234.6, 0.4].map(humanCount)).toEqual([
    '0',
    '999',
    '1,000',
    '1,234,567',
    '-1,235',
    '0',
  ]);
  fc.assert(
    fc.property(fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger()), (n) => {
      expect(humanCount(n)).toBe(Math.round(n).toLocaleString('en-US'));
    }),
  );
});
