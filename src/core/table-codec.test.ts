import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeTable,
  encodeTable,
  PackedTextColumn,
  type Schema,
  TableBuilder,
  TableDecoder,
  TableEncoder,
  takeRows,
} from './index.ts';

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

test('texts that are ASCII come back packed and are made when they are asked for; so are those of a column with one that is not', () => {
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
  const back = decodeTable(two, bytes);
  expect(back.columns[0]).toBeInstanceOf(PackedTextColumn);
  expect(back.columns[0]).toMatchObject({ isPlain: false, isAscii: true });
  expect(back.columns[1]).toBeInstanceOf(PackedTextColumn);
  expect(back.columns[1]).toMatchObject({ isPlain: false, isAscii: false });
  for (let row = 0; row < 300; row++)
    for (const column of [0, 1]) expect(back.value(column, row)).toBe(table.value(column, row));
  expect(back.strings('a').dictionary).toEqual(table.strings('a').dictionary);
});

const number = fc.oneof(
  fc.double(),
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 70_000 }),
  fc.integer(),
  fc.constantFrom(0, -0, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 53),
);
const cell = (of: fc.Arbitrary<number | string>) => fc.option(of, { nil: undefined, freq: 3 });
const row = fc.tuple(
  cell(number),
  cell(fc.integer()),
  cell(fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom('tcp', 'udp', '', '\ud800', '\u{1f600}'))),
);

/** The rows as a table; texts that are `unique` are not looked for among those before. */
function tableOf(rows: readonly (readonly (number | string | undefined)[])[], unique: boolean) {
  const builder = new TableBuilder(schema, Math.max(1, rows.length));
  for (const cells of rows) {
    const at = builder.addRow();
    cells.forEach((value, column) => {
      if (typeof value === 'number') builder.setNumber(column, at, value);
      else if (typeof value === 'string' && unique) builder.addText(column, at, value);
      else if (typeof value === 'string') builder.setText(column, at, value);
    });
  }
  return builder.finish();
}

test('whatever the cells are, they come back to the last bit, also from an encoder and a decoder that had other tables before', () => {
  const encoder = new TableEncoder(64);
  const decoder = new TableDecoder(schema);
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 40 }),
      fc.boolean(),
      fc.constantFrom(0, 8, 1024),
      (rows, unique, reserved) => {
        const table = tableOf(rows, unique);
        const bytes = encoder.encode(table, reserved);
        const own = bytes.slice(reserved);
        for (const back of [decodeTable(schema, own), decoder.decode(bytes.subarray(reserved))]) {
          expect(back.rowCount).toBe(rows.length);
          expect(cells(back)).toEqual(rows);
          // Once more: what was decoded is a table like any other.
          expect(cells(decodeTable(schema, encodeTable(back)))).toEqual(rows);
          expect(
            cells(
              takeRows(
                back,
                rows.map((_, i) => i),
              ),
            ),
          ).toEqual(rows);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('a table of small numbers and few texts takes few bytes', () => {
  const builder = new TableBuilder(schema, 4096);
  for (let i = 0; i < 4096; i++) {
    const at = builder.addRow();
    builder.setNumber(0, at, i % 1500);
    if (i % 10 === 0) builder.setNumber(1, at, 443);
    builder.setText(2, at, i % 3 === 0 ? 'tcp' : 'udp');
  }
  // Two bytes for the one, a bit and sometimes two bytes for the other, one byte for the code.
  const table = builder.finish();
  const bytes = new TableEncoder(8).encode(table);
  expect(bytes.length).toBeLessThan(4096 * (2 + 0.125 + 0.2 + 1) + 300);
  expect(cells(decodeTable(schema, bytes))).toEqual(cells(table));
});
