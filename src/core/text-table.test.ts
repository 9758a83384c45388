import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NO_ROW } from './number-table.ts';
import type { StringColumn } from './table.ts';
import { TextNumbering, TextTable } from './text-table.ts';

test('texts get numbers in the order in which they came, and are found and given back as they are', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.stringMatching(/^[ab]{0,3}$/), fc.ipV6());
  fc.assert(
    fc.property(fc.array(text, { maxLength: 200 }), (texts) => {
      const table = new TextTable();
      const plain = new Map<string, number>();
      for (const one of texts) {
        expect(table.find(one)).toBe(plain.get(one) ?? NO_ROW);
        if (!plain.has(one)) plain.set(one, table.add(one));
        expect(table.find(one)).toBe(plain.get(one));
      }
      expect(table.size).toBe(plain.size);
      expect([...plain.values()]).toEqual([...plain.keys()].map((_, i) => i));
      for (const [one, number] of plain) expect([table.find(one), table.text(number)]).toEqual([number, one]);
    }),
  );
});

test('texts of the same hash are told apart, and refused where there are too many of them', () => {
  const table = new TextTable();
  for (let i = 0; i < 300; i++) {
    expect(table.find(`t${i}`, 7)).toBe(NO_ROW);
    expect(table.add(`t${i}`, 7)).toBe(i < 256 ? i : NO_ROW);
  }
  expect([table.size, table.find('t255', 7), table.find('t256', 7), table.text(255)]).toEqual([
    256,
    255,
    NO_ROW,
    't255',
  ]);
});

test('the numbers of a column are looked up by its codes, and one that was not there is found once it is', () => {
  const table = new TextTable();
  const column: StringColumn = { kind: 'string', codes: Int32Array.of(0, 1), dictionary: ['a', 'b'] };
  const numbers = new TextNumbering(table, column);
  expect([numbers.find(0), numbers.take(1), numbers.find(0), numbers.take(0), numbers.find(0)]).toEqual([
    NO_ROW,
    0,
    NO_ROW,
    1,
    1,
  ]);
});

test('texts whose hashes were made to begin at the same place have places all the same', () => {
  const table = new TextTable();
  for (let i = 0; i < 1000; i++) expect(table.add(`t${i}`, 7 | (i << 16))).toBe(i);
  for (let i = 0; i < 1000; i++) expect(table.find(`t${i}`, 7 | (i << 16))).toBe(i);
});
