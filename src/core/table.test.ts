import { describe, expect, it } from 'vitest';
import { isValid, PackedTextColumn, type Schema, type Table, TableBuilder } from './index.ts';

const schema: Schema = {
  name: 't',
  version: 1,
  columns: [
    { name: 'id', kind: 'int32', unit: '', meaning: '' },
    { name: 'low', kind: 'int32', unit: '', meaning: '' },
    { name: 'high', kind: 'float64', unit: '', meaning: '' },
    { name: 'text', kind: 'string', unit: '', meaning: '' },
    { name: 'code', kind: 'string', unit: '', meaning: '' },
  ],
};
const [ID, LOW, HIGH, TEXT, CODE] = [0, 1, 2, 3, 4] as const;

describe('a table builder whose arrays are filled by its caller', () => {
  it('has no bits where every row has a value, and the same bits for columns that come together', () => {
    const builder = new TableBuilder(schema, 16, { always: [ID], together: [[LOW, HIGH]] });
    for (let round = 0; round < 2; round++) {
      const ids = builder.ints(ID);
      const lows = builder.ints(LOW);
      const highs = builder.floats(HIGH);
      const bits = builder.bits(LOW);
      for (let i = 0; i < 12; i++) {
        const row = builder.addRow();
        ids[row] = 100 * round + i;
        if (i % 3 !== round) continue;
        bits[row >> 3] |= 1 << (row & 7);
        lows[row] = i;
        highs[row] = i / 2;
      }
      const table = builder.finish();
      expect(table.numbers('id').valid).toBeUndefined();
      expect(Array.from({ length: 12 }, (_, row) => table.number('id', row))).toEqual(
        Array.from({ length: 12 }, (_, i) => 100 * round + i),
      );
      for (let row = 0; row < 12; row++) {
        expect(isValid(table.numbers('low'), row)).toBe(row % 3 === round);
        expect(table.number('high', row)).toBe(row % 3 === round ? row / 2 : undefined);
      }
      builder.recycle(table);
    }
  });

  it('fills the arrays of a table that came back before the next row, and fresh ones while it is out', () => {
    const builder = new TableBuilder(schema, 4);
    const fill = (n: number): Table => {
      const row = builder.addRow();
      builder.setNumber(ID, row, n);
      return builder.finish();
    };
    const first = fill(1);
    const second = fill(2);
    expect(second.numbers('id').values.buffer).not.toBe(first.numbers('id').values.buffer);
    builder.recycle(second);
    expect(builder.rowCount).toBe(0);
    const third = fill(3);
    expect(third.numbers('id').values.buffer).toBe(second.numbers('id').values.buffer);
    expect([first.number('id', 0), third.number('id', 0)]).toEqual([1, 3]);
    expect(builder.finish().rowCount).toBe(0);
  });

  it('takes packed texts of any length, and cells that are set one by one beside them', () => {
    const builder = new TableBuilder(schema, 4);
    const texts = ['a', 'b'.repeat(200), ''];
    for (const text of texts) {
      const row = builder.addRow();
      const packed = builder.packed(CODE);
      let at = packed.add(text.length);
      for (const character of text) packed.bytes[at++] = character.charCodeAt(0);
      builder.codes(CODE)[row] = packed.count - 1;
      builder.setNumber(LOW, row, row);
      builder.setText(TEXT, row, 'same');
    }
    const table = builder.finish();
    expect(table.strings('code')).toBeInstanceOf(PackedTextColumn);
    expect(texts.map((_, row) => table.text('code', row))).toEqual(texts);
    expect(texts.map((_, row) => table.number('low', row))).toEqual([0, 1, 2]);
    expect(table.strings('text').dictionary).toEqual(['same']);
  });

  it('says which column is of another kind', () => {
    const builder = new TableBuilder(schema, 1, { always: [ID], together: [] });
    expect(() => builder.ints(HIGH)).toThrow("column 'high' is not of kind int32");
    expect(() => builder.floats(TEXT)).toThrow("column 'text' is not of kind float64");
    expect(() => builder.codes(LOW)).toThrow("column 'low' does not hold strings");
    expect(() => builder.bits(ID)).toThrow("column 'id' has no bits of its own");
  });
});
