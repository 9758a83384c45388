import { expect, test } from 'vitest';
import { decodeTable, encodeTable, PackedTextColumn, type Schema, TableBuilder, takeRows } from './index.ts';

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

test('packed texts come back, and columns without any value are missing in every row', () => {
  const columns = ['a', 'b', 'c'].map((name) => ({ name, kind: 'string' as const, unit: '', meaning: name }));
  const numbers = { name: 'n', kind: 'int32' as const, unit: '', meaning: 'n' };
  const wide: Schema = { name: 'wide', version: 1, columns: [...columns, numbers] };
  const builder = new TableBuilder(wide, 8);
  for (let i = 0; i < 8; i++) {
    const row = builder.addRow();
    if (i % 2 === 0) builder.addPacked(0, row, new TextEncoder().encode(`1:${'x'.repeat(50 * i)}`), 2 + 50 * i);
    if (i === 3) builder.addPacked(1, row, new Uint8Array(), 0);
  }
  const table = builder.finish();
  const back = decodeTable(wide, encodeTable(table));
  for (let row = 0; row < 8; row++) {
    expect(back.value(0, row)).toBe(row % 2 === 0 ? `1:${'x'.repeat(50 * row)}` : undefined);
    expect(back.value(0, row)).toBe(table.value(0, row));
    expect(back.value(1, row)).toBe(row === 3 ? '' : undefined);
    expect(back.value(2, row)).toBeUndefined();
    expect(back.value(3, row)).toBeUndefined();
  }
  expect(back.strings('a').dictionary).toEqual(table.strings('a').dictionary);
});

test('texts that are ASCII come back packed and are made when they are asked for; a column with one that is not comes back as it was', () => {
  const columns = ['a', 'b'].map((name) => ({ name, kind: 'string' as const, unit: '', meaning: name }));
  const two: Schema = { name: 'two', version: 1, columns };
  const builder = new TableBuilder(two, 300);
  for (let i = 0; i < 300; i++) {
    const row = builder.addRow();
    builder.setText(0, row, `"${'y'.repeat(i % 200)}\u0000,\n${i}`);
    builder.setText(1, row, i === 299 ? 'ä' : `${i}`);
  }
  const table = builder.finish();
  const bytes = encodeTable(table);
  // The packer's room is used again: what was written must not change with it.
  encodeTable(builder.finish());
  const back = decodeTable(two, bytes);
  expect(back.columns[0]).toBeInstanceOf(PackedTextColumn);
  expect(back.columns[0]).toMatchObject({ isPlain: false });
  expect(back.columns[1]).not.toBeInstanceOf(PackedTextColumn);
  for (let row = 0; row < 300; row++)
    for (const column of [0, 1]) expect(back.value(column, row)).toBe(table.value(column, row));
  expect(back.strings('a').dictionary).toEqual(table.strings('a').dictionary);
});
