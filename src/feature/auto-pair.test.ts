import { describe, expect, it } from 'vitest';
import { type Schema, type Table, TableBuilder, takeRows } from '../core/index.ts';
import { AutoFeatures } from './auto.ts';

const schema: Schema = {
  name: 't',
  version: 1,
  columns: [
    { name: 'protocol', kind: 'string', unit: '', meaning: '' },
    { name: 'service', kind: 'string', unit: '', meaning: '' },
    { name: 'code', kind: 'float64', unit: '', meaning: '' },
    { name: 'bytes', kind: 'float64', unit: '', meaning: '' },
  ],
};

/** Services go with protocols, but for one dns over tcp in ten; the code says nothing of either. */
function table(rows: number, width = schema): Table {
  const builder = new TableBuilder(width, rows);
  for (let i = 0; i < rows; i++) {
    const row = builder.addRow();
    const isDns = i % 2 === 0;
    builder.setText(0, row, isDns && i % 20 !== 0 ? 'udp' : 'tcp');
    if (i % 7 !== 3) builder.setText(1, row, isDns ? 'dns' : 'http');
    builder.setNumber(2, row, Math.floor(i / 40) % 4);
    builder.setNumber(3, row, i * 3.5);
  }
  return builder.finish();
}

function learned(rows: Table): AutoFeatures {
  const auto = new AutoFeatures(rows.schema);
  auto.learn(rows);
  return auto;
}

describe('pairs of columns', () => {
  const rows = table(800);
  const auto = learned(rows);

  it('are features where one column tells something of the other, and nowhere else', () => {
    expect(auto.features.map(({ name, unit }) => [name, unit])).toEqual([
      ['protocol.rarity', 'bit'],
      ['service.rarity', 'bit'],
      ['code', ''],
      ['bytes', ''],
      ['protocol+service.rarity', 'bit'],
    ]);
  });

  it('are as rare as the two values are together, and missing where either is', () => {
    const { values, features } = auto.measure(rows);
    const at = (row: number): number | undefined => values[row * features.length + 4];
    let both = 0;
    for (let i = 0; i < 800; i++) if (i % 20 === 0 && i % 7 !== 3) both++;
    expect(at(0)).toBeCloseTo(-Math.log2(both / 800), 5);
    expect(at(3)).toBeNaN();
    const builder = new TableBuilder(schema, 2);
    for (const service of ['http', 'never seen']) {
      const row = builder.addRow();
      builder.setText(0, row, 'udp');
      builder.setText(1, row, service);
    }
    const never = auto.measure(builder.finish());
    expect([never.values[4], never.values[9]]).toEqual([Math.log2(800), Math.log2(800)].map(Math.fround));
  });

  it('show the one row that breaks a rule which all others keep', () => {
    const builder = new TableBuilder(schema, 1000);
    for (let i = 0; i < 1000; i++) {
      const row = builder.addRow();
      const isDns = i % 3 === 0;
      builder.setText(0, row, isDns || i === 500 ? 'udp' : 'tcp');
      builder.setText(1, row, isDns ? 'dns' : 'http');
    }
    const all = builder.finish();
    const { features, values } = learned(all).measure(all);
    expect(features.map(({ name }) => name)).toEqual(['protocol.rarity', 'service.rarity', 'protocol+service.rarity']);
    expect(values[500 * 3 + 2]).toBe(Math.fround(Math.log2(1000)));
    expect(Math.max(...values.filter((_, k) => k % 3 === 2 && k !== 1502))).toBeLessThan(2);
  });

  it('are measured from what was saved as they were before', () => {
    const again = AutoFeatures.of(schema, JSON.parse(JSON.stringify(auto.encoding())));
    expect(again.features).toEqual(auto.features);
    expect(again.measure(rows).values).toEqual(auto.measure(rows).values);
    expect(again.measure(takeRows(rows, [40])).values).toEqual(auto.measure(takeRows(rows, [40])).values);
    expect(again.encoding()).toEqual(auto.encoding());
  });

  it('count whole numbers of few values as classes', () => {
    const builder = new TableBuilder(schema, 400);
    for (let i = 0; i < 400; i++) {
      const row = builder.addRow();
      builder.setText(0, row, i % 3 === 0 ? 'tcp' : 'udp');
      builder.setNumber(2, row, i % 3 === 0 && i % 5 !== 0 ? 7 : 1);
    }
    const rare = learned(builder.finish());
    expect(rare.features.map(({ name }) => name)).toEqual(['protocol.rarity', 'code', 'protocol+code.rarity']);
    const saved = AutoFeatures.of(schema, JSON.parse(JSON.stringify(rare.encoding())));
    const one = builder.finish();
    expect(saved.measure(one).values).toEqual(rare.measure(one).values);
  });

  it('of columns that turn out to have many values are given up, and pairs are never more than 16', () => {
    const wide: Schema = {
      ...schema,
      columns: Array.from({ length: 40 }, (_, c) => ({ name: `c${c}`, kind: 'string', unit: '', meaning: '' })),
    };
    const builder = new TableBuilder(wide, 3000);
    for (let i = 0; i < 3000; i++) {
      const row = builder.addRow();
      for (let c = 0; c < 40; c++) builder.setText(c, row, `v${(i % 9) + (i % (c + 11) === 0 ? 1 : 0)}`);
    }
    const many = learned(builder.finish());
    expect(many.features.filter(({ name }) => name.includes('+'))).toHaveLength(16);

    const growing = new AutoFeatures(schema);
    growing.learn(rows);
    const later = new TableBuilder(schema, 1000);
    for (let i = 0; i < 1000; i++) later.setText(1, later.addRow(), `service-${i % 500}`);
    growing.learn(later.finish());
    expect(growing.features.some(({ name }) => name.includes('+'))).toBe(false);
  });

  it('of a saved model are refused for a table without the columns', () => {
    const { pairs = [], ...encoding } = auto.encoding();
    const [[, , counts = []] = []] = pairs;
    expect(() => AutoFeatures.of(schema, { ...encoding, pairs: [['protocol', 'servce', counts]] })).toThrow(
      "the model was fitted on a table with a column 'servce', which this one does not have",
    );
    expect(() =>
      AutoFeatures.of(schema, { ...encoding, pairs: [['protocol', 'service', [['tcp', 'dns', 0]]]] }),
    ).toThrow('the model was not fitted on the columns of a table as they are');
  });
});
