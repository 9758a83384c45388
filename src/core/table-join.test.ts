import { describe, expect, it } from 'vitest';
import { concatTables, type Schema, TableBuilder } from './index.ts';

const schema: Schema = {
  name: 't',
  version: 1,
  columns: [
    { name: 'n', kind: 'float64', unit: '', meaning: '' },
    { name: 'i', kind: 'int32', unit: '', meaning: '' },
    { name: 's', kind: 'string', unit: '', meaning: '' },
  ],
};

function tableOf(rows: readonly (readonly [number | undefined, number | undefined, string | undefined])[]) {
  const builder = new TableBuilder(schema, Math.max(1, rows.length));
  for (const [n, i, s] of rows) {
    const row = builder.addRow();
    if (n !== undefined) builder.setNumber(0, row, n);
    if (i !== undefined) builder.setNumber(1, row, i);
    if (s !== undefined) builder.setText(2, row, s);
  }
  return builder.finish();
}

describe('tables put together', () => {
  it('has all rows in order, with one code for one text and missing as missing', () => {
    const joined = concatTables(schema, [
      tableOf([
        [1.5, 1, 'b'],
        [undefined, 2, undefined],
      ]),
      tableOf([]),
      tableOf([
        [3, undefined, 'a'],
        [4, 4, 'b'],
      ]),
    ]);
    const rows = Array.from({ length: 4 }, (_, row) => [0, 1, 2].map((c) => joined.value(c, row)));
    expect(rows).toEqual([
      [1.5, 1, 'b'],
      [undefined, 2, undefined],
      [3, undefined, 'a'],
      [4, 4, 'b'],
    ]);
    expect(joined.strings('s').dictionary).toEqual(['b', 'a']);
  });

  it('of none is a table without rows', () => {
    expect(concatTables(schema, []).rowCount).toBe(0);
  });
});
