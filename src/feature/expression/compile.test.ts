import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CallExpression,
  compileGlob,
  type Expression,
  ExpressionError,
  parseExpression,
  type Schema,
  type Table,
  TableBuilder,
  takeRows,
} from '../../core/index.ts';
import { type AggregateLimits, DEFAULT_AGGREGATE_LIMITS } from './aggregate.ts';
import { compileExpression } from './compile.ts';
import type { Scope } from './scope.ts';
import { Batch, type Value, valueAt } from './vector.ts';

type Cell = number | string | undefined;
type Row = Readonly<Record<string, Cell>>;

const SCHEMA: Schema = {
  name: 'rows',
  version: 1,
  columns: [
    { name: 't', kind: 'float64', unit: 'ms since 1970 UTC', meaning: '' },
    { name: 'a', kind: 'float64', unit: '', meaning: '' },
    { name: 'b', kind: 'int32', unit: '', meaning: '' },
    { name: 'size', kind: 'float64', unit: 'bytes', meaning: '' },
    { name: 'took', kind: 'float64', unit: 'ms', meaning: '' },
    { name: 's', kind: 'string', unit: '', meaning: '' },
    { name: 'dns.question.name', kind: 'string', unit: '', meaning: '' },
    { name: '@timestamp', kind: 'string', unit: '', meaning: '' },
    { name: 'ok', kind: 'int32', unit: 'boolean', meaning: '' },
  ],
};

function tableOf(rows: readonly Row[], schema: Schema = SCHEMA): Table {
  const builder = new TableBuilder(schema, Math.max(1, rows.length));
  for (const row of rows) {
    const at = builder.addRow();
    for (const [i, { name }] of schema.columns.entries()) {
      const cell = row[name];
      if (typeof cell === 'number') builder.setNumber(i, at, cell);
      if (typeof cell === 'string') builder.setText(i, at, cell);
    }
  }
  return builder.finish();
}

/** All values, the rows given in batches of these sizes. */
function run(source: string, rows: readonly Row[], scope: Partial<Scope> = {}, batchRows = 3): (Value | undefined)[] {
  const expression = compileExpression(source, { schema: SCHEMA, time: 't', ...scope });
  const batches: Batch[] = [];
  for (let from = 0; from < rows.length; from += batchRows)
    batches.push(new Batch(tableOf(rows.slice(from, from + batchRows), scope.schema)));
  if (expression.needsFirstPass) for (const batch of batches) expression.observe(batch);
  return batches.flatMap((batch) => {
    const vector = expression.evaluate(batch);
    return Array.from({ length: batch.rowCount }, (_, row) => valueAt(vector, row));
  });
}

const one = (source: string, row: Row = {}, scope: Partial<Scope> = {}): Value | undefined =>
  run(source, [row], scope)[0];

function mistake(source: string, scope: Partial<Scope> = {}): [string, string | undefined] {
  try {
    compileExpression(source, { schema: SCHEMA, time: 't', ...scope });
  } catch (error) {
    if (error instanceof ExpressionError) return [error.message, error.hint];
    throw error;
  }
  throw new Error(`no mistake was found in ${source}`);
}

describe('values', () => {
  it('are computed as in school, with powers and units', () => {
    expect(one('1 + 2 * 3 ^ 2 - 7 % 4', {})).toBe(16);
    expect(one('-a ^ 2', { a: 3 })).toBe(-9);
    expect(one('a / b', { a: 1, b: 4 })).toBe(0.25);
    expect(one('took > 1h30m', { took: 5_400_001 })).toBe(true);
    expect(one('size >= 5 MB and size < 5 MiB', { size: 5_000_000 })).toBe(true);
    expect(one('t >= 2024-05-14 and t < "2024-05-15"', { t: Date.UTC(2024, 4, 14, 23) })).toBe(true);
    expect(one('t - 2024-05-14 > 22h', { t: Date.UTC(2024, 4, 14, 23) })).toBe(true);
  });

  it('make missing what is made of a missing value', () => {
    for (const source of ['a + 1', 'a > 1', 'a in (1, 2)', 'length(s)', 's == "x"', 'min(a, 1)', 'a ^ 0', 'lower(s)'])
      expect(one(source, {})).toBeUndefined();
  });

  it('know three values in conditions', () => {
    const row = { b: 1 };
    expect(one('a > 1 and b == 2', row)).toBe(false);
    expect(one('a > 1 or b == 1', row)).toBe(true);
    expect(one('a > 1 and b == 1', row)).toBeUndefined();
    expect(one('not a > 1', row)).toBeUndefined();
    expect(one('a is missing and b is present', row)).toBe(true);
    expect(one('coalesce(a, b, 7)', row)).toBe(1);
    expect(one('coalesce(a, 7)', row)).toBe(7);
    expect(one('coalesce(s, "none")', row)).toBe('none');
    expect(one('if(a > 1, 1, 2)', row)).toBeUndefined();
    expect(one('if(b == 1, "one", "other")', row)).toBe('one');
  });

  it('are missing, and counted, where there is no result', () => {
    const expression = compileExpression('a / b + a % b', { schema: SCHEMA });
    expect(valueAt(expression.evaluate(new Batch(tableOf([{ a: 1, b: 0 }]))), 0)).toBeUndefined();
    expect(expression.faults).toEqual({ divisions: 2, domain: 0 });
    const log = compileExpression('log(a) + sqrt(b)', { schema: SCHEMA });
    log.evaluate(new Batch(tableOf([{ a: 0, b: -1 }, { a: -1 }, {}])));
    expect(log.faults).toEqual({ divisions: 0, domain: 3 });
  });

  it('round half away from zero', () => {
    expect(run('round(a)', [{ a: 2.5 }, { a: -2.5 }, { a: 0.49999999999999994 }])).toEqual([3, -3, 0]);
    expect(run('round(a, 2)', [{ a: 1.005 }, { a: Math.PI }, { a: -0.125 }])).toEqual([1.01, 3.14, -0.13]);
  });

  it('take texts apart', () => {
    const row = { 'dns.question.name': 'a1.b2.WWW.example.co.uk' };
    expect(one('digits(dns.question.name)', row)).toBe(2);
    expect(one('letters(dns.question.name)', row)).toBe(16);
    expect(one('labels(dns.question.name)', row)).toBe(6);
    expect(one('label(dns.question.name, 1)', row)).toBe('a1');
    expect(one('label(dns.question.name, -1)', row)).toBe('uk');
    expect(one('label(dns.question.name, 9)', row)).toBeUndefined();
    expect(one('registrable_domain(dns.question.name)', row)).toBe('example.co.uk');
    expect(one('suffix(dns.question.name)', row)).toBe('co.uk');
    expect(one('subdomain(dns.question.name)', row)).toBe('a1.b2.www');
    expect(one('levenshtein(s, "google.com")', { s: 'gooogle.com' })).toBe(1);
    expect(one('entropy(s)', { s: 'aabb' })).toBe(1);
    expect(one('concat(s, "-", b)', { s: 'x', b: 5 })).toBe('x-5');
    expect(run('number(s)', [{ s: ' 1e3 ' }, { s: '0x10' }, { s: '' }, { s: '12a' }])).toEqual([
      1000,
      undefined,
      undefined,
      undefined,
    ]);
    expect(run('is_ip(s)', [{ s: '10.0.0.1' }, { s: 'fe80::1' }, { s: '10.0.0' }])).toEqual([true, true, false]);
    expect(run('in_network(s, "10.0.0.0/8", fd00::/8)', [{ s: '10.9.9.9' }, { s: 'fd00::1' }, { s: 'x' }])).toEqual([
      true,
      true,
      false,
    ]);
    expect(run('s in (10.0.0.0/8, "x")', [{ s: '10.9.9.9' }, { s: 'x' }, { s: '11.0.0.1' }])).toEqual([
      true,
      true,
      false,
    ]);
    expect(run('s contains "B*"', [{ s: 'ab*c' }, { s: 'abc' }])).toEqual([true, false]);
    expect(run('s matches "*.example.com"', [{ s: 'A.EXAMPLE.com' }, { s: 'example.com' }])).toEqual([true, false]);
    expect(one('s startswith dns.question.name', { s: 'Www.x', 'dns.question.name': 'www' })).toBe(true);
    expect(
      one('is_base64(s) and not is_hex(s)', {
        s: 'gD9i1u9LQ/xSPZgv/gIlvrstYjmfzXkeczlLgtvaErpCmfzYBFafox0PCudQNjcu2LYcQ1VaEdpPKgU3sKcW4Q==',
      }),
    ).toBe(true);
  });

  it('take times apart, in UTC or a zone with its summer time', () => {
    const t = Date.UTC(2024, 2, 31, 0, 59, 7);
    expect(['hour', 'minute', 'second', 'weekday', 'day', 'month'].map((part) => one(`${part}(t)`, { t }))).toEqual([
      0, 59, 7, 7, 31, 3,
    ]);
    expect(one('hour(t, "Europe/Berlin")', { t })).toBe(1);
    expect(one('hour(t, "Europe/Berlin")', { t: t + 60_000 })).toBe(3);
    expect(one('hour(t)', { t }, { zone: 'Asia/Kolkata' })).toBe(6);
    expect(one('minute(t, "+05:45")', { t })).toBe(44);
    expect(one('hour(@timestamp)', { '@timestamp': '2021-11-17T15:06:24.388Z' })).toBe(15);
    expect(one('hour(@timestamp)', { '@timestamp': 'yesterday' })).toBeUndefined();
    expect(one('time_of_day(t)', { t: Date.UTC(2024, 0, 1, 6, 30) })).toBe(6.5);
    expect(one('cycle_sin(time_of_day(t), 24)', { t: Date.UTC(2024, 0, 1, 6) })).toBeCloseTo(1, 12);
    expect(one('weekday(t)', { t: -1 })).toBe(3);
  });

  it('read truth from columns that hold it', () => {
    expect(run('ok and b == 1', [{ ok: 1, b: 1 }, { ok: 0, b: 1 }, { b: 1 }])).toEqual([true, false, undefined]);
    expect(one('ok == true', { ok: 1 })).toBe(true);
  });

  it('come out of a batch whose rows were taken from a larger one', () => {
    const rows = Array.from({ length: 300 }, (_, i) => ({ s: `name${i}` }));
    const part = takeRows(tableOf(rows), [299, 5]);
    const vector = compileExpression('upper(s)', { schema: SCHEMA }).evaluate(new Batch(part));
    expect([valueAt(vector, 0), valueAt(vector, 1)]).toEqual(['NAME299', 'NAME5']);
  });
});

describe('aggregates', () => {
  const rows: Row[] = [
    { t: 0, s: 'x', a: 1, b: 1 },
    { t: 1000, s: 'y', a: 2, b: 2 },
    { t: 2000, s: 'x', a: 3, b: 1 },
    { t: 11_000, s: 'x', a: 5 },
    { t: 12_000, a: 7, b: 3 },
    { t: 12_500, s: 'x', b: 4 },
  ];

  it('look back in time from each row, the row itself included', () => {
    expect(run('count() over 10s by s', rows)).toEqual([1, 1, 2, 2, undefined, 2]);
    expect(run('count_distinct(b) over 10s', rows)).toEqual([1, 2, 2, 1, 1, 2]);
    expect(run('sum(a) over 10s', rows)).toEqual([1, 3, 6, 8, 12, 12]);
    expect(run('mean(a) over 10s by s', rows)).toEqual([1, 2, 2, 4, undefined, 5]);
    expect(run('max(a) over 10s', rows)).toEqual([1, 2, 3, 5, 7, 7]);
    expect(run('min(a) over 10s', rows)).toEqual([1, 1, 1, 3, 5, 5]);
    expect(run('median(a) over 20s', rows)).toEqual([1, 1.5, 2, 2.5, 3, 3]);
    expect(run('first(s) over 10s', rows)).toEqual(['x', 'x', 'x', 'x', 'x', 'x']);
    expect(run('last(a) over 10s by s', rows)).toEqual([1, 2, 3, 5, undefined, 5]);
    expect(run('rate() over 10s', rows)).toEqual([0.1, 0.2, 0.3, 0.2, 0.2, 0.3]);
    expect(run('share(a > 2) over 10s', rows)).toEqual([0, 0, 1 / 3, 1, 1, 1]);
    expect(run('count(a > 2) over 10s', rows)).toEqual([0, 0, 1, 2, 2, 2]);
    expect(run('sd(a) over 20s', rows).map((v) => Number(v).toFixed(4))).toEqual([
      '0.0000',
      '0.5000',
      '0.8165',
      '1.4790',
      '2.1541',
      '2.1541',
    ]);
  });

  it('look over the whole table where they have no window', () => {
    expect(run('count() by s', rows)).toEqual([4, 1, 4, 4, undefined, 4]);
    expect(run('count()', rows)).toEqual([6, 6, 6, 6, 6, 6]);
    expect(run('a / sum(a)', rows)[3]).toBeCloseTo(5 / 18, 12);
    expect(run('count_distinct(s)', rows)[0]).toBe(2);
    expect(run('count_distinct(b) by s', rows)).toEqual([2, 1, 2, 2, undefined, 2]);
    expect(run('median(a)', rows)[0]).toBe(3);
    expect(run('first(a) by s', rows)).toEqual([1, 2, 1, 1, undefined, 1]);
    expect(run('last(s)', rows)[0]).toBe('x');
    expect(run('rate()', rows)[0]).toBe(0.48);
    expect(run('count() by s, b', rows)).toEqual([2, 1, 2, undefined, undefined, 1]);
    expect(run('count() by b', rows)).toEqual([2, 1, 2, undefined, 1, 1]);
    expect(
      run('count() by registrable_domain(dns.question.name)', [
        { 'dns.question.name': 'a.example.com' },
        { 'dns.question.name': 'b.example.com' },
      ]),
    ).toEqual([2, 2]);
  });

  it('take the rows of a batch in the order of time, and a late batch as it can', () => {
    expect(run('count() over 10s', [{ t: 5000 }, { t: 1000 }, { t: 3000 }])).toEqual([3, 1, 2]);
    const expression = compileExpression('count() over 10s', { schema: SCHEMA, time: 't' });
    const values = [[{ t: 50_000 }], [{ t: 45_000 }], [{ t: 40_000 }], [{ t: 51_000 }]].map((batch) =>
      valueAt(expression.evaluate(new Batch(tableOf(batch))), 0),
    );
    expect(values).toEqual([1, 2, undefined, 3]);
    expect(expression.counts()).toEqual({ refusedKeys: 0, refusedEntries: 0, late: 2, tooLate: 1 });
  });

  it('keep to their caps, and say what they refused', () => {
    const limits: AggregateLimits = { maxKeys: 100, maxEntries: 500, maxMedianValues: 4 };
    const flood = Array.from({ length: 5000 }, (_, i) => ({ t: i, s: `k${i}`, a: i }));
    const scope = { schema: SCHEMA, time: 't', limits };
    const count = compileExpression('count() over 1h by s', scope);
    let given = 0;
    for (let from = 0; from < flood.length; from += 1000) {
      const vector = count.evaluate(new Batch(tableOf(flood.slice(from, from + 1000))));
      for (let i = 0; i < 1000; i++) if (valueAt(vector, i) !== undefined) given++;
    }
    expect(given).toBe(100);
    expect(count.counts().refusedKeys).toBe(4900);
    const sum = compileExpression('sum(a) over 1h', scope);
    sum.evaluate(new Batch(tableOf(flood)));
    expect(sum.counts().refusedEntries).toBe(4500);
    const median = compileExpression('median(a) over 1h', scope);
    median.evaluate(new Batch(tableOf(flood)));
    expect(median.counts().refusedEntries).toBe(4996);
  });

  it('let idle keys go when the caps are reached', () => {
    const limits: AggregateLimits = { ...DEFAULT_AGGREGATE_LIMITS, maxKeys: 10 };
    const rows = Array.from({ length: 100 }, (_, i) => ({ t: i * 1000, s: `k${i}` }));
    expect(run('count() over 5s by s', rows, { limits }, 7)).toEqual(rows.map(() => 1));
  });
});

describe('mistakes', () => {
  it.each([
    [
      's + 1',
      "expression, column 1: 's' is text, and '+' wants numbers",
      'length(...) counts its characters, number(...) reads a number from it',
    ],
    [
      'a + ok',
      "expression, column 5: 'ok' is a condition, and '+' wants numbers",
      'if(condition, 1, 0) makes a number of a condition',
    ],
    [
      'a and ok',
      "expression, column 1: 'a' is a number, and 'and' wants conditions",
      "compare it, as in 'bytes > 10 MB' or 'status == \"Error\"'",
    ],
    [
      'dns.question.nmae == "x"',
      "expression, column 1: there is no column 'dns.question.nmae'",
      "did you mean 'dns.question.name'?",
    ],
    ['a-b', "expression, column 1: there is no column 'a-b'", 'a minus needs a blank on each side: a - b'],
    [
      's == 5',
      "expression, column 1: 's' is text, and '5' is a number",
      "write the number in quotes, or read 's' as a number: number(...)",
    ],
    ['s in (5)', "expression, column 7: 's' is text, and '5' is a number", 'write the number in quotes'],
    ['a in ("5")', "expression, column 7: 'a' is a number, and '\"5\"' is text", 'take the quotes away'],
    ['a in (b)', 'expression, column 7: a list holds values, not columns', "compare with 'or' instead"],
    [
      's < "b"',
      "expression, column 1: 's' is text, and '<' wants numbers",
      'length(...) counts its characters, number(...) reads a number from it',
    ],
    [
      'a contains "x"',
      "expression, column 1: 'a' is a number, and 'contains' wants text",
      'text(...) makes text of a number',
    ],
    [
      's matches lower(s)',
      'expression, column 11: a pattern is a text in quotes',
      'as in name matches "*.example.com"',
    ],
    ['lenght(s)', "expression, column 1: there is no function 'lenght'", "did you mean 'length'?"],
    ['length(a)', "expression, column 8: 'a' is a number, and 'length' wants text", 'text(...) makes text of a number'],
    ['log(a, b)', "expression, column 1: 'log' takes 1 argument, and here are 2", undefined],
    ['clamp(a)', "expression, column 1: 'clamp' takes 3 arguments, and here is 1", 'clamp(value, least, most)'],
    ['label(s, 0)', 'expression, column 10: a label is counted from 1, or from -1 at the end', 'as in label(name, 1)'],
    [
      'label(s, a)',
      "expression, column 10: 'number' of 'label' is a fixed value, not made of columns",
      'label(name, number)',
    ],
    [
      'hour(t, "Europe/Belrin")',
      "expression, column 9: 'Europe/Belrin' is no time zone",
      "did you mean 'Europe/Berlin'?",
    ],
    [
      'in_network(s, "10.0.0.0/99")',
      "expression, column 15: '10.0.0.0/99' is neither an address nor a network",
      'as in "10.0.0.0/8"',
    ],
    ['a / 0', 'expression, column 5: this divides by zero, whatever the row', undefined],
    [
      'size > 5 MBB',
      "expression, column 8: 'MBB' is no unit",
      "did you mean 'MB'? Times: ns us ms s m h d w; sizes: B kB MB GB TB KiB MiB GiB TiB",
    ],
    ['size > took', "expression, column 1: a size in bytes and a duration can't be compared", undefined],
    ['t + t', "expression, column 1: two times can't be added", 'their difference is a duration'],
    [
      't > 5',
      'expression, column 1: a time is compared with a number',
      'times are written as 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone they are UTC',
    ],
    [
      't > "yesterday"',
      "expression, column 5: 'yesterday' is no time",
      'times are written as 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone they are UTC',
    ],
    [
      'if(a, 1, 2)',
      "expression, column 4: 'a' is a number, and 'if' wants conditions",
      "compare it, as in 'bytes > 10 MB' or 'status == \"Error\"'",
    ],
    ['if(ok, 1, "x")', "expression, column 11: '1' is a number, and '\"x\"' is text: 'if' gives one type", undefined],
    [
      'sum(s)',
      "expression, column 5: 's' is text, and 'sum' wants numbers",
      'length(...) counts its characters, number(...) reads a number from it',
    ],
    [
      'share(a)',
      "expression, column 7: 'a' is a number, and 'share' wants conditions",
      "compare it, as in 'bytes > 10 MB' or 'status == \"Error\"'",
    ],
    [
      'count(count())',
      "expression, column 7: 'count' is an aggregate inside of an aggregate",
      'give the inner one as a feature of its own',
    ],
    [
      'log(a) over 10m',
      "expression, column 1: 'over' belongs to an aggregate, and 'log' is none",
      'aggregates: count, count_distinct, sum, mean, min, max, sd, median, first, last, rate, share',
    ],
    [
      'count() over 10',
      'expression, column 14: the unit of this duration is missing',
      'as in over 500ms, 5s, 10m, 1h30m, 2d',
    ],
    ['count() over 0s', 'expression, column 14: a window is longer than 0', undefined],
    ['sum() by s', "expression, column 1: 'sum' takes 1 argument, and here are 0", undefined],
  ])('%s: %s', (source, message, hint) => {
    expect(mistake(source)).toEqual([message, hint]);
  });

  it('names the function that is known and not to be had', () => {
    const refused = { geo: { reason: 'needs a data base, and none ships', hint: 'look it up elsewhere' } };
    expect(mistake('geo(s)', { refused })).toEqual([
      "expression, column 1: 'geo' needs a data base, and none ships",
      'look it up elsewhere',
    ]);
  });

  it('asks for the time column where a window needs one', () => {
    expect(mistake('count() over 1m', { time: undefined })).toEqual([
      "expression, column 1: 'over' needs to know which column is the time",
      'name it at the top, as in \'time: "@timestamp"\'',
    ]);
  });

  it('does not run out of stack on long chains', () => {
    expect(mistake(`a${' + a'.repeat(2000)}`)[0]).toBe('expression, column 1: it is more than 600 operators deep');
    expect(one(`a${' + a'.repeat(500)}`, { a: 1 })).toBe(501);
  });
});

// ---- a second opinion: one row at a time, by recursion over the tree, without vectors, dictionaries and windows that move ----

type Wide = Value | undefined;

function naive(tree: Expression, rows: readonly Row[], at: number): Wide {
  const of = (one: Expression): Wide => naive(one, rows, at);
  const number = (one: Expression): number => (of(one) as number | undefined) ?? Number.NaN;
  const clean = (value: number): Wide => (Number.isNaN(value) ? undefined : value);
  switch (tree.kind) {
    case 'number':
      return tree.parts[0]?.value;
    case 'text':
    case 'address':
    case 'mac':
    case 'time':
      return tree.text;
    case 'name': {
      const cell = rows[at]?.[tree.name];
      return tree.name === 'ok' && cell !== undefined ? cell !== 0 : cell;
    }
    case 'negate':
      return clean(-number(tree.operand));
    case 'not': {
      const value = of(tree.operand);
      return value === undefined ? undefined : !value;
    }
    case 'and':
    case 'or': {
      const values = [of(tree.left), of(tree.right)];
      const decides = tree.kind === 'or';
      return values.includes(decides) ? decides : values.includes(undefined) ? undefined : !decides;
    }
    case 'arithmetic': {
      const [a, b] = [number(tree.left), number(tree.right)];
      if (tree.operator === '+') return clean(a + b);
      if (tree.operator === '-') return clean(a - b);
      if (tree.operator === '*') return clean(a * b);
      if (b === 0) return undefined;
      return clean(tree.operator === '/' ? a / b : a % b);
    }
    case 'compare': {
      const [a, b] = [of(tree.left), of(tree.right)];
      if (a === undefined || b === undefined) return undefined;
      if (tree.operator === '==') return a === b;
      if (tree.operator === '!=') return a !== b;
      if (tree.operator === 'matches') return compileGlob(String(b))(String(a));
      const [x, y] = [String(a).toLowerCase(), String(b).toLowerCase()];
      if (tree.operator === 'contains') return x.includes(y);
      if (tree.operator === 'startswith') return x.startsWith(y);
      if (tree.operator === 'endswith') return x.endsWith(y);
      return { '<': a < b, '<=': a <= b, '>': a > b, '>=': a >= b }[tree.operator];
    }
    case 'in': {
      const value = of(tree.operand);
      if (value === undefined) return undefined;
      return tree.items.some(({ from, to }) => {
        const low = of(from);
        const high = to === undefined ? low : of(to);
        return low !== undefined && high !== undefined && value >= low && value <= high;
      });
    }
    case 'missing':
      return of(tree.operand) === undefined;
    case 'call':
      return naiveCall(tree, rows, at);
  }
}

function naiveCall(tree: CallExpression, rows: readonly Row[], at: number): Wide {
  const of = (one: Expression | undefined): Wide => (one === undefined ? undefined : naive(one, rows, at));
  const [first, second, third] = tree.values;
  const number = (one: Expression | undefined): number => (of(one) as number | undefined) ?? Number.NaN;
  const clean = (value: number): Wide => (Number.isNaN(value) ? undefined : value);
  switch (tree.name) {
    case 'if': {
      const condition = of(first);
      return condition === undefined ? undefined : of(condition === true ? second : third);
    }
    case 'coalesce':
      return tree.values.map(of).find((value) => value !== undefined);
    case 'abs':
      return clean(Math.abs(number(first)));
    case 'log':
      return number(first) > 0 ? Math.log(number(first)) : undefined;
    case 'length': {
      const text = of(first);
      return text === undefined ? undefined : String(text).length;
    }
    case 'lower': {
      const text = of(first);
      return text === undefined ? undefined : String(text).toLowerCase();
    }
    default:
      break;
  }
  if (tree.values.length > 1) {
    const numbers = tree.values.map(number);
    return clean(tree.name === 'min' ? Math.min(...numbers) : Math.max(...numbers));
  }
  // An aggregate: look at all rows, keep those of the same key and inside of the window.
  const keyOf = (row: number): Wide[] => (tree.by ?? []).map((key) => naive(key, rows, row));
  const own = keyOf(at);
  if (own.includes(undefined)) return undefined;
  const width = tree.over === undefined ? undefined : (tree.over.parts[0]?.value ?? 0) * 1000;
  const now = Number(rows[at]?.t);
  const values: Value[] = [];
  for (let row = 0; row < rows.length; row++) {
    const then = Number(rows[row]?.t);
    if (width !== undefined && (row > at || then <= now - width)) continue;
    if (keyOf(row).some((key, i) => key !== own[i])) continue;
    const value = first === undefined ? true : naive(first, rows, row);
    if (value !== undefined) values.push(value);
  }
  const numbers = values.map(Number);
  const n = values.length;
  const sum = numbers.reduce((a, b) => a + b, 0);
  switch (tree.name) {
    case 'count':
      return values.filter((value) => value !== false).length;
    case 'count_distinct':
      return new Set(values).size;
    case 'first':
      return values[0];
    case 'last':
      return values[n - 1];
    case 'share':
      return n === 0 ? undefined : values.filter((value) => value === true).length / n;
    case 'sum':
      return n === 0 ? undefined : sum;
    case 'mean':
      return n === 0 ? undefined : sum / n;
    case 'sd':
      return n === 0 ? undefined : Math.sqrt(numbers.reduce((a, b) => a + (b - sum / n) ** 2, 0) / n);
    case 'min':
      return n === 0 ? undefined : Math.min(...numbers);
    case 'max':
      return n === 0 ? undefined : Math.max(...numbers);
    case 'median': {
      const sorted = numbers.sort((a, b) => a - b);
      const [low, high] = [sorted[Math.ceil(n / 2) - 1] ?? 0, sorted[Math.floor(n / 2)] ?? 0];
      return n === 0 ? undefined : (low + high) / 2;
    }
    default:
      throw new Error(`the second opinion has no ${tree.name}`);
  }
}

describe('compiled expressions', () => {
  const tree = fc.letrec<{ number: string; boolean: string; text: string }>((tie) => ({
    number: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('a', 'b', '2', '0.5', '-3'),
      fc
        .tuple(tie('number'), fc.constantFrom('+', '-', '*', '/', '%'), tie('number'))
        .map(([x, o, y]) => `(${x} ${o} (${y} + b))`),
      tie('number').map((x) => `abs(${x})`),
      tie('number').map((x) => `log(b + ${x})`),
      tie('text').map((x) => `length(${x})`),
      fc.tuple(tie('number'), tie('number')).map(([x, y]) => `min(${x}, ${y})`),
      fc.tuple(tie('number'), tie('number')).map(([x, y]) => `coalesce(${x}, ${y})`),
      fc.tuple(tie('boolean'), tie('number'), tie('number')).map(([c, x, y]) => `if(${c}, ${x}, ${y})`),
      fc
        .tuple(
          fc.constantFrom(
            'count()',
            'count(ok)',
            'count(s)',
            'count_distinct(s)',
            'count_distinct(b)',
            'sum(b)',
            'mean(b)',
            'min(a)',
            'max(a)',
            'sd(b)',
            'median(b)',
            'first(b)',
            'last(a)',
            'share(ok)',
          ),
          fc.constantFrom('', ' over 3s', ' over 20s'),
          fc.constantFrom('', ' by s', ' by s, b', ' by ok', ' by b'),
        )
        .map((parts) => `(${parts.join('')})`),
    ),
    boolean: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('ok', 'a > 1', 'b is missing'),
      fc.tuple(tie('boolean'), fc.constantFrom('and', 'or'), tie('boolean')).map(([x, o, y]) => `(${x} ${o} ${y})`),
      tie('boolean').map((x) => `(not ${x})`),
      fc
        .tuple(tie('number'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('number'))
        .map(([x, o, y]) => `(${x} ${o} ${y})`),
      fc
        .tuple(tie('text'), fc.constantFrom('==', '!=', 'contains', 'startswith', 'endswith'), tie('text'))
        .map(([x, o, y]) => `(${x} ${o} ${y})`),
      tie('text').map((x) => `(${x} matches "*a?")`),
      tie('number').map((x) => `(${x} in (1, 3..5))`),
      tie('text').map((x) => `(${x} in ("a", "bab"))`),
      tie('number').map((x) => `(${x} is present)`),
    ),
    text: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('s', '"aB"'),
      tie('text').map((x) => `lower(${x})`),
      fc.tuple(tie('boolean'), tie('text'), tie('text')).map(([c, x, y]) => `if(${c}, ${x}, ${y})`),
      fc.tuple(tie('text'), tie('text')).map(([x, y]) => `coalesce(${x}, ${y})`),
      fc.constantFrom('first(s)', '(last(s) by b)', '(first(s) over 5s by b)', 'last(s) over 2s'),
    ),
  }));
  const cells = fc.record({
    wait: fc.constantFrom(0, 500, 1000, 4000),
    a: fc.option(fc.constantFrom(0, 1, 2.5, -3, 100), { nil: undefined }),
    b: fc.option(fc.integer({ min: -2, max: 4 }), { nil: undefined }),
    s: fc.option(fc.constantFrom('a', 'B', 'bab', ''), { nil: undefined }),
    ok: fc.option(fc.constantFrom(0, 1), { nil: undefined }),
  });

  it('give what a second evaluator gives that takes one row at a time', () => {
    fc.assert(
      fc.property(
        fc.oneof(tree.number, tree.boolean, tree.text),
        fc.array(cells, { minLength: 1, maxLength: 14 }),
        fc.integer({ min: 1, max: 6 }),
        (source, given, batchRows) => {
          let t = 1_700_000_000_000;
          const rows = given.map(({ wait, ...row }) => {
            t += wait;
            return { t, ...row };
          });
          const syntax = parseExpression(source, { formula: true });
          const found = run(source, rows, {}, batchRows);
          for (const [i, value] of found.entries()) {
            const wanted = naive(syntax, rows, i);
            if (typeof wanted === 'number' && typeof value === 'number' && Number.isFinite(wanted))
              expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-7 * Math.max(1, Math.abs(wanted)));
            else expect(value).toEqual(wanted);
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('never throw anything but a mistake with its place, whatever the text', () => {
    const piece = fc.constantFrom(
      'a',
      's',
      'ok',
      't',
      '5',
      '1m',
      '"x"',
      '(',
      ')',
      ',',
      '+',
      '-',
      '/',
      '^',
      '==',
      'in',
      'and',
      'not',
      'is',
      'missing',
      'count(',
      'if(',
      'over 1m',
      'by s',
      'hour(',
      'label(',
      'by',
      '2024-01-01',
      '10.0.0.0/8',
      '..',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        try {
          run(pieces.join(' '), [{ t: 1, a: 1, s: 'x' }, {}]);
        } catch (error) {
          if (!(error instanceof ExpressionError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});
