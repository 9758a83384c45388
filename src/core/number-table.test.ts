import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NO_ROW, NumberSet, OwnedRows, widened } from './number-table.ts';

test('a set of numbers is what a Set of the same numbers is', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(50), fc.maxSafeNat()), { maxLength: 300 }), (values) => {
      const numbers = new NumberSet();
      const set = new Set<number>();
      for (const value of values) {
        expect(numbers.has(value)).toBe(set.has(value));
        numbers.add(value);
        set.add(value);
      }
      expect(numbers.size).toBe(set.size);
      for (const value of set) expect(numbers.has(value)).toBe(true);
    }),
  );
});

test('a set of numbers takes what it expects, and more', () => {
  for (const most of [0, 1, 50, 3000]) {
    const numbers = new NumberSet(most);
    for (let i = 0; i < 10_000; i++) numbers.add(i * 2 ** 22 + (i & 1));
    expect(numbers.size).toBe(10_000);
    for (let i = 0; i < 10_000; i++)
      expect([numbers.has(i * 2 ** 22 + (i & 1)), numbers.has(i * 2 ** 22 + 2)]).toEqual([true, false]);
  }
});

test('rows are found by owner and number, come in order, and are used again when an owner goes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(40), fc.nat(30)), { maxLength: 400 }), (steps) => {
      const rows = new OwnedRows();
      const owners = new Map<number, Map<number, number>>();
      for (const [owner, number, chance] of steps) {
        const value = number * 0x0fff_ffff;
        const own = owners.get(owner) ?? new Map<number, number>();
        if (chance === 0) {
          const [first = NO_ROW] = own.values();
          if (first !== NO_ROW) rows.drop(first);
          owners.delete(owner);
          continue;
        }
        expect(rows.find(owner, value)).toBe(own.get(value) ?? NO_ROW);
        if (!own.has(value)) own.set(value, rows.add(owner, value, [...own.values()].at(-1) ?? NO_ROW));
        owners.set(owner, own);
      }
      for (const [owner, own] of owners) {
        const listed: number[] = [];
        for (let row = own.values().next().value ?? NO_ROW; row !== NO_ROW; row = rows.next(row)) listed.push(row);
        expect(listed).toEqual([...own.values()]);
        for (const [value, row] of own) expect(rows.find(owner, value)).toBe(row);
      }
      const all = [...owners.values()].flatMap((own) => [...own.values()]);
      expect(new Set(all).size).toBe(all.length);
      expect(rows.size).toBe(all.length);
      expect(rows.capacity).toBeGreaterThanOrEqual(all.length);
    }),
  );
});

test('sifting keeps the rows that stay in their order, and gives the others up', () => {
  const rows = new OwnedRows(8);
  let last = NO_ROW;
  const made = [10, 20, 30, 40, 50].map((value) => {
    last = rows.add(3, value, last);
    return last;
  });
  const gone = new Set([made[0], made[2], made[4]]);
  const { first, last: kept } = rows.sift(made[0] ?? NO_ROW, (row) => gone.has(row));
  expect([first, rows.next(first), rows.next(rows.next(first))]).toEqual([made[1], made[3], NO_ROW]);
  expect(kept).toBe(made[3]);
  expect([20, 40].map((value) => rows.find(3, value))).toEqual([made[1], made[3]]);
  expect(rows.value(first)).toBe(20);
  expect(rows.find(3, 30)).toBe(NO_ROW);
  expect(rows.size).toBe(2);
  expect(rows.sift(first, () => true)).toEqual({ first: NO_ROW, last: NO_ROW });
  expect(rows.size).toBe(0);
});

test('no more rows are held than were asked for', () => {
  const rows = new OwnedRows(3);
  expect([1, 2, 3, 4].map((owner) => rows.add(owner, 7, NO_ROW))).toEqual([0, 1, 2, NO_ROW]);
  rows.drop(1);
  expect(rows.add(4, 7, NO_ROW)).toBe(1);
});

test('a column that is widened keeps its kind and values', () => {
  expect(widened(Int32Array.of(1, 2), 4)).toEqual(Int32Array.of(1, 2, 0, 0));
  expect(widened(Uint8Array.of(7), 2)).toEqual(Uint8Array.of(7, 0));
});

test('has places for values that were made to collide', () => {
  const rows = new OwnedRows();
  const others = Array.from({ length: 1000 }, (_, i) => rows.add(1, i, NO_ROW));
  const values = Array.from({ length: 600 }, (_, i) => colliding(i));
  const added = values.map((value) => rows.add(0, value, NO_ROW));
  expect(added).not.toContain(NO_ROW);
  expect(values.map((value) => rows.find(0, value))).toEqual(added);
  expect(others.map((_, i) => rows.find(1, i))).toEqual(others);
});

/** Values of owner 0 whose way begins at slot 77: the finaliser of MurmurHash3 undone. */
function colliding(i: number): number {
  const hash = 77 + (i << 16);
  let h = Math.imul(hash ^ (hash >>> 16), inverse(0xc2b2ae35));
  h = Math.imul(h ^ (h >>> 13) ^ (h >>> 26), inverse(0x85ebca6b));
  return h ^ (h >>> 16);
}

function inverse(odd: number): number {
  let x = odd;
  for (let i = 0; i < 5; i++) x = Math.imul(x, 2 - Math.imul(odd, x));
  return x;
}
