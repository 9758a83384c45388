import { expect, test } from 'vitest';
import { decodeTable, encodeTable, type Schema, TableBuilder, takeRows } from './index.ts';

const schema: Schema = {
  name: 'sample',
  version: 1,
  columns: [
    { name: 'size', kind: 'float64', unit: 'bytes', meaning: 'A size.' },
    { name: 'port', kind: 'int32', unit: 'port', meaning: 'A port.' },
    { name: 'name', kind: 'string', unit: '', meaning: 'A name.' },
  ],
};

function sample() {
  const builder = new TableBuilder(schema, 20);
  for (let i = 0; i < 11; i++) {
    const row = builder.addRow();
    if (i % 3 !== 0) builder.setNumber(0, row, i / 7);
    if (i % 2 === 0) builder.setNumber(1, row, -i);
    if (i !== 5) builder.setText(2, row, i % 4 === 0 ? 'ä\u2028"\ud800' : `n${i}`);
  }
  return builder.finish();
}

const cells = (table: ReturnType<typeof sample>) =>
  Array.from({ length: table.rowCount }, (_, row) => schema.columns.map((_c, column) => table.value(column, row)));

test('a table that was encoded and decoded has the same cells, missing ones included', () => {
  const table = sample();
  const back = decodeTable(schema, encodeTable(table));
  expect(back.rowCount).toBe(11);
  expect(cells(back)).toEqual(cells(table));
  expect(back.value(2, 5)).toBeUndefined();
  expect(back.value(0, 0)).toBeUndefined();
});

test('rows taken in another order carry their missing cells with them', () => {
  const table = sample();
  const order = [10, 0, 5, 5, 3];
  expect(cells(takeRows(table, order))).toEqual(order.map((row) => cells(table)[row]));
});

test('a table without rows survives', () => {
  const empty = new TableBuilder(schema, 4).finish();
  expect(decodeTable(schema, encodeTable(empty)).rowCount).toBe(0);
});
