import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NO_PLACE, NumberIndex } from './number-index.ts';

it('finds every number at the place in which it came, and no other', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer(), { maxLength: 300 }), fc.array(fc.integer()), (values, others) => {
      const index = new NumberIndex();
      values.forEach((value, place) => {
        expect(index.find(value)).toBe(NO_PLACE);
        expect(index.add(value)).toBe(place);
      });
      values.forEach((value, place) => {
        expect([index.find(value), index.value(place)]).toEqual([place, value]);
      });
      for (const other of others) if (!values.includes(other)) expect(index.find(other)).toBe(NO_PLACE);
      expect(index.size).toBe(values.length);
    }),
  );
});

it('grows without losing anything', () => {
  const index = new NumberIndex();
  for (let i = 0; i < 50_000; i++) index.add(Math.imul(i, 0x10001));
  for (let i = 0; i < 50_000; i++) expect(index.find(Math.imul(i, 0x10001))).toBe(i);
});
