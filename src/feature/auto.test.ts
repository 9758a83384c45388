import { describe, expect, it } from 'vitest';
import { type Schema, TableBuilder, takeRows } from '../core/index.ts';
import { AutoFeatures, TIME_UNIT } from './auto.ts';

const schema: Schema = {
  name: 't',
  version: 1,
  columns: [
    { name: 'size', kind: 'float64', unit: '', meaning: '' },
    { name: 'kind', kind: 'string', unit: '', meaning: '' },
    { name: 'id', kind: 'string', unit: '', meaning: '' },
    { name: 'flat', kind: 'int32', unit: '', meaning: '' },
    { name: 'when', kind: 'float64', unit: TIME_UNIT, meaning: '' },
  ],
};

function table(rows: number) {
  const builder = new TableBuilder(schema, rows);
  for (let i = 0; i < rows; i++) {
    const row = builder.addRow();
    if (i !== 3) builder.setNumber(0, row, i);
    builder.setText(1, row, i === 0 ? 'rare' : 'usual');
    builder.setText(2, row, `id-${i}`);
    builder.setNumber(3, row, 7);
    builder.setNumber(4, row, i * 75 * 3_600_000);
  }
  return builder.finish();
}

describe('features that nobody asked for by name', () => {
  const auto = new AutoFeatures(schema);
  const rows = table(8);
  auto.learn(rows);
  const matrix = auto.measure(rows);
  const at = (row: number, name: string): number | undefined =>
    matrix.values[row * matrix.features.length + matrix.features.findIndex((feature) => feature.name === name)];

  it('are numbers as they are, texts by rarity, and times by their place in day and week', () => {
    expect(matrix.features.map(({ name }) => name)).toEqual([
      'size',
      'kind.rarity',
      'when.hour-sin',
      'when.hour-cos',
      'when.weekday-sin',
      'when.weekday-cos',
    ]);
    expect(at(5, 'size')).toBe(5);
    expect(at(0, 'kind.rarity')).toBe(3);
    expect(at(1, 'kind.rarity')).toBeCloseTo(-Math.log2(7 / 8), 6);
    expect(at(6, 'when.hour-sin')).toBeCloseTo(-1, 6);
  });

  it('keep missing missing', () => {
    expect(at(3, 'size')).toBeNaN();
  });

  it('leave out what is the same in all rows, and texts that are all different', () => {
    expect(matrix.features.some(({ name }) => name.startsWith('flat') || name.startsWith('id'))).toBe(false);
  });

  it('measure one row like a thousand, from what was saved, and have a place for a text that was never seen', () => {
    const saved: unknown = JSON.parse(JSON.stringify(auto.encoding()));
    const again = AutoFeatures.of(schema, saved);
    const one = takeRows(rows, [5]);
    again.learn(one);
    expect(again.features).toEqual(matrix.features);
    expect([...again.measure(one).values]).toEqual([...matrix.values.slice(5 * 6, 6 * 6)]);
    const builder = new TableBuilder(schema, 1);
    builder.setText(1, builder.addRow(), 'never seen');
    expect(again.measure(builder.finish()).values[1]).toBe(3);
  });

  it('measure texts of which there are more than can be saved the same before and after saving', () => {
    const builder = new TableBuilder(schema, 10_000);
    for (let i = 0; i < 10_000; i++) builder.setText(1, builder.addRow(), `host ${i % 5000}`);
    const table = builder.finish();
    const many = new AutoFeatures(schema);
    many.learn(table);
    const before = many.measure(table);
    const after = AutoFeatures.of(schema, JSON.parse(JSON.stringify(many.encoding())));
    expect(after.measure(table).values).toEqual(before.values);
    expect(new Set(before.values)).toEqual(new Set([Math.fround(Math.log2(10_000)), Math.fround(Math.log2(5000))]));
  });

  it('refuse what was not saved by them, and a table without the columns', () => {
    expect(() => AutoFeatures.of(schema, { kind: 'other' })).toThrow(
      'the model was not fitted on the columns of a table as they are',
    );
    expect(() => AutoFeatures.of({ ...schema, columns: schema.columns.slice(1) }, auto.encoding())).toThrow(
      "the model was fitted on a table with numbers in a column 'size', which this one does not have",
    );
  });

  it('leave the hour out within two days and the weekday within two weeks, where they would only count the rows', () => {
    const names = (hours: number): string[] => {
      const builder = new TableBuilder(schema, 4);
      for (let i = 0; i < 4; i++) builder.setNumber(4, builder.addRow(), i * hours * 3_600_000);
      const some = new AutoFeatures(schema);
      some.learn(builder.finish());
      return some.features.map(({ name }) => name);
    };
    expect(names(15)).toEqual([]);
    expect(names(16)).toEqual(['when.hour-sin', 'when.hour-cos']);
    expect(names(112)).toHaveLength(4);
  });
});
