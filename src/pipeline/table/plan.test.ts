import { describe, expect, test } from 'vitest';
import { type Json, type Schema, type Table, TableBuilder } from '../../core/index.ts';
import { bindDefinitions, FEATURE_PACKS, parseDefinitions, standardFunctions } from '../../feature/index.ts';
import { FLOW_SCHEMA } from '../../flow/index.ts';
import { FeatureCounts } from './count.ts';
import { definitionPlan, type TablePlan } from './plan.ts';

const SCHEMA: Schema = {
  name: 'test',
  version: 1,
  columns: [
    { name: 'who', kind: 'string', unit: '', meaning: '' },
    { name: 'bytes', kind: 'float64', unit: '', meaning: '' },
  ],
};

const FEATURES = `features:
  - {name: who, column: who}
  - {name: bytes, column: bytes}
`;

async function planOf(yaml: string, schema: Schema, encoding?: Json): Promise<TablePlan> {
  const definitions = await parseDefinitions(yaml, 'f.yaml', { functions: standardFunctions({}) });
  const context = { isHome: (): boolean => true };
  return definitionPlan(bindDefinitions(definitions, schema, { packs: FEATURE_PACKS, context }), encoding);
}

function tableOf(schema: Schema, rows: readonly Readonly<Record<string, number | string>>[]): Table {
  const builder = new TableBuilder(schema, rows.length);
  for (const values of rows) {
    const row = builder.addRow();
    for (const [i, { name }] of schema.columns.entries()) {
      const value = values[name];
      if (typeof value === 'number') builder.setNumber(i, row, value);
      else if (value !== undefined) builder.setText(i, row, value);
    }
  }
  return builder.finish();
}

const ROWS = tableOf(SCHEMA, [
  { who: 'a', bytes: 1 },
  { who: 'a', bytes: 2 },
  { bytes: 3 },
  { who: 'b', bytes: 4 },
  { who: 'a', bytes: 5 },
]);

describe('features that are categories', () => {
  test('are to the model how rare they are, and are called so', async () => {
    const plan = await planOf(FEATURES, SCHEMA);
    plan.learn(ROWS);
    const encoded = plan.encode(plan.measure(ROWS));
    const [often, seldom] = [-Math.log2(3 / 4), 2].map(Math.fround);
    expect([...encoded.values]).toEqual([often, 1, often, 2, Number.NaN, 3, seldom, 4, often, 5]);
    expect(encoded.features).toEqual(plan.modelFeatures);
    expect(plan.modelFeatures.map(({ name, unit }) => [name, unit])).toEqual([
      ['who.rarity', 'bit'],
      ['bytes', ''],
    ]);
  });

  test('keep apart from a feature that has the name already', async () => {
    const plan = await planOf(`${FEATURES}  - {name: who.rarity, expression: bytes * 2}\n`, SCHEMA);
    expect(plan.modelFeatures.map(({ name }) => name)).toEqual(['who.rarity-2', 'bytes', 'who.rarity']);
  });

  test('have no least, median and most, as their numbers only stand for texts', async () => {
    const plan = await planOf(FEATURES, SCHEMA);
    plan.learn(ROWS);
    const counts = new FeatureCounts(plan.features, 1);
    counts.observe(plan.measure(ROWS));
    expect(counts.summary(plan.weights, plan.categories)).toEqual([
      { name: 'who', weight: 1, missing: 1 },
      { name: 'bytes', weight: 1, missing: 0, min: 1, median: 3, max: 5 },
    ]);
  });

  test('are as rare in later rows as a saved model learned them, and what it never saw as rare as one row of it', async () => {
    const fitted = await planOf(FEATURES, SCHEMA);
    fitted.learn(ROWS);
    fitted.measure(ROWS);
    const plan = await planOf(FEATURES, SCHEMA, fitted.encoding());
    const later = tableOf(SCHEMA, [{ who: 'new' }, { who: 'b' }, { who: 'a' }]);
    plan.learn(later);
    const { values } = plan.encode(plan.measure(later));
    expect([values[0], values[2], values[4]]).toEqual([2, 2, Math.fround(-Math.log2(3 / 4))]);
  });

  test('may be classes of a pack: they are there for the model, in this run and in one with the saved model', async () => {
    const yaml = 'features:\n  - {name: range, metric: flow.port-class}\n';
    const flows = tableOf(
      FLOW_SCHEMA,
      [80, 80, 80, 60_000].map((responderPort) => ({ protocol: 'tcp', responderPort, startMs: 0, endMs: 0 })),
    );
    const plan = await planOf(yaml, FLOW_SCHEMA);
    plan.learn(flows);
    const encoded = [...plan.encode(plan.measure(flows)).values];
    const usual = Math.fround(-Math.log2(3 / 4));
    expect(encoded).toEqual([usual, usual, usual, 2]);
    const again = await planOf(yaml, FLOW_SCHEMA, plan.encoding());
    again.learn(flows);
    expect([...again.encode(again.measure(flows)).values]).toEqual(encoded);
  });
});
