import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HashRows, NO_ROW } from './hash-rows.ts';

function rowsOf(rows: HashRows, hash: number): number[] {
  const found: number[] = [];
  for (let row = rows.first(hash); row !== NO_ROW; row = rows.further()) found.push(row);
  return found;
}

it('finds all rows of a hash in the order in which they came, whichever rows were dropped', () => {
  const step = fc.oneof(
    { weight: 30, arbitrary: fc.integer({ min: -12, max: 12 }) },
    { weight: 1, arbitrary: fc.array(fc.boolean(), { minLength: 5, maxLength: 200 }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const rows = new HashRows(200);
      let model: number[] = [];
      for (const one of steps) {
        if (typeof one === 'number') {
          expect(rows.add(one)).toBe(model.length);
          model.push(one);
          continue;
        }
        const kept = model.flatMap((_, row) => (one[row] === true ? [row] : []));
        rows.keep(Int32Array.from(kept));
        model = kept.map((row) => model[row] as number);
      }
      expect(rows.size).toBe(model.length);
      for (let hash = -13; hash <= 13; hash++)
        expect(rowsOf(rows, hash)).toEqual(model.flatMap((known, row) => (known === hash ? [row] : [])));
    }),
  );
});

it('grows to as many rows as it is to have, and no further', () => {
  const rows = new HashRows(5000);
  for (let i = 0; i < 5000; i++) expect(rows.add(Math.imul(i, 0x9e3779b1))).toBe(i);
  expect(rows.capacity).toBe(5000);
  for (let i = 0; i < 5000; i++) expect(rowsOf(rows, Math.imul(i, 0x9e3779b1))).toEqual([i]);
});

it('refuses rows that were made to collide instead of searching for ever', () => {
  const rows = new HashRows(1000);
  let refused = 0;
  for (let i = 0; i < 400; i++) if (rows.add(7) === NO_ROW) refused++;
  expect([rows.size, refused]).toEqual([256, 144]);
});

it('has places for hashes that differ above the bits that a table uses', () => {
  const rows = new HashRows(20_000);
  const hashes = Array.from({ length: 2000 }, (_, i) => 5 | (i << 16));
  for (const hash of hashes) expect(rows.add(hash)).not.toBe(NO_ROW);
  hashes.forEach((hash, row) => {
    expect(rowsOf(rows, hash)).toEqual([row]);
  });
});
