import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CountedLists } from './counted-lists.ts';

test('lists hold what maps of the same numbers hold, in the same order', () => {
  const step = fc.tuple(fc.nat(70), fc.nat(2), fc.oneof(fc.nat(9), fc.integer()));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 500 }), (steps) => {
      const lists = new CountedLists(3);
      const plain = new Map<string, Map<number, number>>();
      for (const [holder, list, number] of steps) {
        lists.widen(holder + 1);
        const own = plain.get(`${holder} ${list}`) ?? new Map<number, number>();
        plain.set(`${holder} ${list}`, own);
        expect(lists.has(holder, number, list)).toBe(own.has(number));
        expect(lists.raise(holder, number, list)).toBe(own.has(number));
        if (!own.has(number) && own.size < 255) expect(lists.add(holder, number, list)).toBe(true);
        if (own.size < 255 || own.has(number)) own.set(number, (own.get(number) ?? 0) + 1);
      }
      for (const [key, own] of plain) {
        const [holder = 0, list = 0] = key.split(' ').map(Number);
        expect([lists.length(holder, list), [...lists.entries(holder, list)]]).toEqual([own.size, [...own]]);
      }
    }),
  );
});

test('numbers beyond the most of all lists are refused', () => {
  const lists = new CountedLists(1, 3);
  lists.widen(5);
  expect([0, 1, 2, 3].map((holder) => lists.add(holder, 7))).toEqual([true, true, true, false]);
  expect([lists.size, lists.length(3), [...lists.entries(3)]]).toEqual([3, 0, []]);
});
