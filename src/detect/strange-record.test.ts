import { describe, expect, it } from 'vitest';
import { Random, type Schema, type Table, TableBuilder } from '../core/index.ts';
import { AutoFeatures } from '../feature/index.ts';
import { fitModel } from '../model/index.ts';
import { recordOf, StrangeRecords } from './strange-record.ts';

const SCHEMA: Schema = {
  name: 't',
  version: 1,
  columns: [
    { name: 'who', kind: 'string', unit: '', meaning: '' },
    { name: 'x', kind: 'float64', unit: '', meaning: '' },
    { name: 'y', kind: 'float64', unit: '', meaning: '' },
  ],
};

/** 30 people with 50 rows each; of one of them, some rows are far away. */
function tableOf(far: number): Table {
  const random = new Random(3);
  const builder = new TableBuilder(SCHEMA, 1500);
  for (let i = 0; i < 1500; i++) {
    const row = builder.addRow();
    const isFar = i % 30 === 4 && i < 30 * far;
    builder.setText(0, row, `person ${i % 30}`);
    builder.setNumber(1, row, random.float() + (isFar ? 40 : 0));
    builder.setNumber(2, row, random.float() - (isFar ? 40 : 0));
  }
  return builder.finish();
}

function look(table: Table, entity: (row: number) => string | undefined, batches = 1): StrangeRecords {
  const auto = new AutoFeatures({ ...SCHEMA, columns: SCHEMA.columns.slice(1) });
  const numbers = new TableBuilder({ ...SCHEMA, columns: SCHEMA.columns.slice(1) }, table.rowCount);
  for (let i = 0; i < table.rowCount; i++) {
    const row = numbers.addRow();
    numbers.setNumber(0, row, table.number('x', i) ?? 0);
    numbers.setNumber(1, row, table.number('y', i) ?? 0);
  }
  const measured = numbers.finish();
  auto.learn(measured);
  const features = auto.measure(measured);
  const model = fitModel('isolation-forest', features, { seed: 1 });
  const strange = new StrangeRecords(model);
  for (let b = 0; b < batches; b++)
    strange.observe(
      {
        table,
        rowNumbers: Array.from({ length: table.rowCount }, (_, i) => i + 1),
        entity,
        time: (row) => 1000 + row,
      },
      features,
      model.score(features),
    );
  return strange;
}

describe('strange rows', () => {
  it('are found where one has many more of them than chance gives', () => {
    const table = tableOf(12);
    const [found, ...others] = look(table, (row) => table.text('who', row)).finish();
    expect(others).toEqual([]);
    expect(found).toMatchObject({ kind: 'strange-record.outlier', actor: 'person 4', recordCount: 12, flowCount: 0 });
    expect(found?.score).toBeLessThanOrEqual(0.5);
    expect(found?.records?.map(({ row }) => row)).toEqual(Array.from({ length: 12 }, (_, i) => 30 * i + 5));
    expect([found?.firstMs, found?.lastMs]).toEqual([1004, 1334]);
  });

  it('are told with the values that would have made the strangest of them ordinary', () => {
    const table = tableOf(12);
    const [found] = look(table, (row) => table.text('who', row)).finish();
    const told = found?.reasons.filter(({ name }) => name === 'strange-record.smallest-change') ?? [];
    expect(told.map(({ value }) => value).toSorted()).toEqual(['x', 'y']);
    for (const { sentence } of told)
      expect(sentence).toMatch(
        /^With -?[\d.]+ instead of -?[\d.]+ here, and the other value that is named so, the strangest row would have been ordinary \(score 0\.\d\d\)\.$/,
      );
  });

  it('are left alone where everybody has a few, as chance gives them', () => {
    const table = tableOf(0);
    expect(look(table, (row) => table.text('who', row)).finish()).toEqual([]);
  });

  it('are listed, strangest first, but held against nobody where nobody said who acts', () => {
    const strange = look(tableOf(12), () => undefined);
    expect(strange.finish()).toEqual([]);
    const listed = strange.strangest();
    expect(listed).toHaveLength(20);
    expect(new Set(listed.slice(0, 12).map(({ row }) => row % 30))).toEqual(new Set([5]));
    const scores = listed.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  it('of more entities than are counted are refused and said so', () => {
    const table = tableOf(12);
    let n = 0;
    const strange = look(table, () => `entity ${n++}`, 60);
    expect(strange.saturations().map(({ what, cap, refused }) => [what, cap, refused > 0])).toEqual([
      ['entities whose rows are counted', 65_536, true],
    ]);
  });
});

describe('a row as evidence', () => {
  const schemaOf = (names: readonly string[]): Schema => ({
    ...SCHEMA,
    columns: names.map((name) => ({ name, kind: 'string', unit: '', meaning: '' })),
  });

  it('has the values that are there, whatever their columns are called, and long texts cut', () => {
    const schema = schemaOf(['__proto__', 'constructor', 'gone', 'long']);
    const builder = new TableBuilder(schema, 1);
    const row = builder.addRow();
    builder.setText(0, row, 'a');
    builder.setText(1, row, 'b');
    builder.setText(3, row, 'x'.repeat(1000));
    expect(Object.entries(recordOf(builder.finish(), 0, 9).values)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['long', `${'x'.repeat(300)}…`],
    ]);
  });

  it('has a hundred values of ten thousand', () => {
    const builder = new TableBuilder(schemaOf(Array.from({ length: 10_000 }, (_, i) => `c${i}`)), 1);
    const row = builder.addRow();
    for (let c = 0; c < 10_000; c++) builder.setText(c, row, 'x');
    expect(Object.keys(recordOf(builder.finish(), 0, 1).values)).toHaveLength(100);
  });
});
