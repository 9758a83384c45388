import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { moreRows, NarrowColumn } from './number-column.ts';

describe('NarrowColumn', () => {
  it('gives every number back as it was, also where a row is used again', () => {
    const number = fc.oneof(
      fc.nat(),
      fc.double(),
      fc.integer({ min: 2 ** 32 - 4, max: 2 ** 32 + 4 }),
      fc.constantFrom(-0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 9 }), number)), (writes) => {
        const column = new NarrowColumn();
        column.widen(10);
        const plain = new Map<number, number>();
        for (const [row, value] of writes) {
          column.set(row, value);
          plain.set(row, value);
        }
        for (const [row, value] of plain)
          expect(column.get(row) === value || Number.isNaN(value), `${value}`).toBe(true);
        for (const row of plain.keys()) {
          column.clear(row);
          expect(column.get(row)).toBeNaN();
        }
      }),
    );
  });

  it('keeps its numbers when it grows', () => {
    const column = new NarrowColumn();
    column.widen(2);
    column.set(0, 7);
    column.set(1, 2 ** 40);
    column.widen(5);
    expect([column.get(0), column.get(1)]).toEqual([7, 2 ** 40]);
  });
});

describe('moreRows', () => {
  it('is more each time, and stops once at what is expected', () => {
    let n = 0;
    const rooms: number[] = [];
    while (n < 1500) {
      n = moreRows(n, 1000);
      rooms.push(n);
    }
    expect(rooms).toEqual([64, 96, 144, 216, 324, 486, 729, 1000, 1500]);
    expect(moreRows(40_000)).toBe(50_000);
    expect(moreRows(0, 3)).toBe(3);
  });
});
