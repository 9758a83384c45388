import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Schema, type Table, TableBuilder } from '../../core/index.ts';
import { Batch, compileExpression, FUNCTION_NAMES, valueAt } from '../expression/index.ts';
import { bindDefinitions, featuresJsonSchema, parseDefinitions, standardFunctions } from './index.ts';

const PAGE = readFileSync(new URL('../../../docs/features.md', import.meta.url), 'utf8');
const FUNCTIONS = standardFunctions({ popularRank: () => undefined, dgaScore: () => 0 });

/** Fenced blocks in order. */
const BLOCKS = [...PAGE.matchAll(/^```(csv|yaml|text)\n(.*?)^```$/gms)].map(([, kind = '', text = '']) => ({
  kind,
  text,
}));

function exampleTable(): Table {
  const [head = '', ...lines] = (BLOCKS.find(({ kind }) => kind === 'csv')?.text ?? '').trim().split('\n');
  const names = head.split(',');
  const schema: Schema = {
    name: 'dns.csv',
    version: 1,
    columns: names.map((name) => ({
      name,
      kind: name.endsWith('bytes') || name === '@timestamp' ? 'float64' : 'string',
      unit: name === '@timestamp' ? 'ms since 1970 UTC' : '',
      meaning: '',
    })),
  };
  const builder = new TableBuilder(schema, lines.length);
  for (const line of lines) {
    const row = builder.addRow();
    for (const [i, cell] of line.split(',').entries()) {
      if (cell === '') continue;
      if (names[i] === '@timestamp') builder.setNumber(i, row, Date.parse(cell));
      else if (schema.columns[i]?.kind === 'float64') builder.setNumber(i, row, Number(cell));
      else builder.setText(i, row, cell);
    }
  }
  return builder.finish();
}

async function outcome(yaml: string): Promise<string> {
  const table = exampleTable();
  const bound = bindDefinitions(await parseDefinitions(yaml, 'dns.yaml', { functions: FUNCTIONS }), table.schema);
  const run = bound.createRun();
  run.observe(table);
  const { rows, order } = run.keep(table);
  const { values, rowCount } = run.measure(rows);
  run.flags(
    rows,
    Float64Array.from({ length: rowCount }, (_, i) => 1 + (order?.[i] ?? i)),
  );
  const { flags, filterCounts } = run.finish();
  const lines = filterCounts.map(({ name, dropped }) => `dropped: ${name} ${dropped}`);
  const width = bound.features.length;
  for (let row = 0; row < rowCount && width > 0; row++)
    lines.push(
      bound.features
        .map(({ name }, j) => {
          const value = values[row * width + j] ?? Number.NaN;
          return `${name} ${Number.isNaN(value) ? '-' : Number(value.toFixed(3))}`;
        })
        .join(', '),
    );
  for (const { severity, entity, message, rows: numbers } of flags)
    lines.push(`${severity} ${entity}: ${message} (rows ${numbers.join(', ')})`);
  return `${lines.join('\n')}\n`;
}

test('every file of definitions in docs/features.md gives what the page says', async () => {
  const files = BLOCKS.flatMap(({ kind, text }, i) => (kind === 'yaml' ? [[text, BLOCKS[i + 1]] as const] : []));
  expect(files.length).toBe(3);
  for (const [yaml, said] of files) {
    expect(said?.kind).toBe('text');
    expect(await outcome(yaml)).toBe(said?.text);
  }
});

test('every expression in docs/features.md has the value that the page says', () => {
  const table = exampleTable();
  const rows = [...PAGE.matchAll(/^\| `+ ?(.+?) ?`+ \| (.+) \|$/gm)];
  expect(rows.length).toBeGreaterThan(20);
  for (const [, source = '', said] of rows) {
    const expression = compileExpression(source, {
      schema: table.schema,
      time: '@timestamp',
      functions: FUNCTIONS.functions,
    });
    const batch = new Batch(table);
    expression.observe(batch);
    expect([source, String(valueAt(expression.evaluate(batch), 1))]).toEqual([source, said]);
  }
});

test('docs/features.md names every function', () => {
  const words = new Set(PAGE.match(/\w+/g));
  const { functions, flags, refused } = FUNCTIONS;
  const names = [...FUNCTION_NAMES, ...Object.keys(functions), ...Object.keys(flags), ...Object.keys(refused)];
  expect(names.filter((name) => !words.has(name))).toEqual([]);
});

test('the schema in the repository is the one that definitions are checked with', async () => {
  const written = readFileSync(new URL('../../../schema/features.schema.json', import.meta.url), 'utf8');
  expect(written).toBe(await featuresJsonSchema());
});
