import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Schema, type Table, TableBuilder, UserError } from '../../core/index.ts';
import { FLOW_SCHEMA } from '../../flow/index.ts';
import { TEXT_FUNCTIONS } from '../expression/index.ts';
import { FEATURE_PACKS } from '../index.ts';
import { answersOf, standardFunctions } from './dns-function.ts';
import {
  type BindOptions,
  bindDefinitions,
  type FlagFinding,
  type FunctionParts,
  parseDefinitions,
  parseLegacySystem,
  type RunResult,
} from './index.ts';

const SCHEMA: Schema = {
  name: 'dns.csv',
  version: 1,
  columns: [
    { name: '@timestamp', kind: 'float64', unit: 'ms since 1970 UTC', meaning: '' },
    { name: 'client.bytes', kind: 'float64', unit: '', meaning: '' },
    { name: 'network.bytes', kind: 'int32', unit: '', meaning: '' },
    { name: 'dns.question.name', kind: 'string', unit: '', meaning: '' },
    { name: 'dns.answers.data', kind: 'string', unit: '', meaning: '' },
    { name: 'source.ip', kind: 'string', unit: 'address', meaning: '' },
    { name: 'status', kind: 'string', unit: '', meaning: '' },
  ],
};

type Row = Readonly<Record<string, number | string | undefined>>;

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

const PARTS: FunctionParts = {
  popularRank: (domain) => ({ 'google.com': 1, 'docker.io': 42 })[domain],
  dgaScore: (name) => (name.startsWith('x') ? 0.9 : 0.1),
};

const parse = (yaml: string, parts: FunctionParts = PARTS) =>
  parseDefinitions(yaml, 'dns.yaml', { functions: standardFunctions(parts) });

interface Outcome extends RunResult {
  readonly features: (number | undefined)[][];
  readonly kept: number;
}

async function run(yaml: string, rows: readonly Row[], batchRows = 4, options: BindOptions = {}): Promise<Outcome> {
  const bound = bindDefinitions(await parse(yaml), SCHEMA, options);
  const batches: Table[] = [];
  for (let from = 0; from < rows.length; from += batchRows) batches.push(tableOf(rows.slice(from, from + batchRows)));
  const work = bound.createRun();
  for (const batch of batches) work.observe(batch);
  const features: (number | undefined)[][] = [];
  let kept = 0;
  let first = 1;
  for (const batch of batches) {
    const { rows: left, order } = work.keep(batch);
    const { values, rowCount } = work.measure(left);
    const width = bound.features.length;
    for (let row = 0; row < rowCount; row++)
      features.push([...values.subarray(row * width, (row + 1) * width)].map((v) => (Number.isNaN(v) ? undefined : v)));
    kept += rowCount;
    const at = first;
    work.flags(
      left,
      Float64Array.from({ length: rowCount }, (_, i) => at + (order?.[i] ?? i)),
    );
    first += batch.rowCount;
  }
  return { ...work.finish(), features, kept };
}

async function mistake(yaml: string, parts?: FunctionParts): Promise<[string, string | undefined]> {
  try {
    bindDefinitions(await parse(yaml, parts), SCHEMA);
  } catch (error) {
    if (error instanceof UserError) return [error.message, error.hint];
    throw error;
  }
  throw new Error('no mistake was found');
}

const at = (second: number): number => Date.UTC(2021, 10, 17, 15, 0, 0) + second * 1000;

describe('definitions', () => {
  it('measure expressions, columns and metrics, weighted by name', async () => {
    const yaml = `
time: "@timestamp"
features:
  - {name: bytes, column: client.bytes, transform: log1p, weight: 2.5}
  - {name: digits, metric: numbers_in_hostname, of: dns.question.name}
  - name: per byte
    expression: network.bytes / client.bytes
  - {name: status, column: status}
  - {name: failed, expression: 'status == "Error"'}
  - {name: distance, metric: levenshtein, of: [dns.question.name, status]}
`;
    const rows = [
      { 'client.bytes': 0, 'network.bytes': 10, 'dns.question.name': 'a1b2', status: 'OK' },
      { 'client.bytes': 4, 'network.bytes': 10, 'dns.question.name': 'a', status: 'Error' },
      { 'network.bytes': 10, status: 'OK' },
    ];
    const { features, oddities } = await run(yaml, rows);
    expect(features).toEqual([
      [0, 2, undefined, 0, 0, 4],
      [Math.fround(Math.log(5)), 0, 2.5, 1, 1, 5],
      [undefined, undefined, undefined, 0, 0, undefined],
    ]);
    expect(oddities).toEqual([
      {
        name: 'expression.division-by-zero',
        where: 'feature per byte',
        count: 1,
        meaning: 'Divided by zero; the result is missing.',
      },
    ]);
    const bound = bindDefinitions(await parse(yaml), SCHEMA);
    expect([...bound.weights]).toEqual([
      ['bytes', 2.5],
      ['digits', 1],
      ['per byte', 1],
      ['status', 1],
      ['failed', 1],
      ['distance', 1],
    ]);
    expect(bound.features.map(({ kind, unit }) => `${kind} ${unit}`)).toEqual([
      'number ',
      'number ',
      'number ',
      'category category',
      'number 0 or 1',
      'number ',
    ]);
    expect(bound.needsFirstPass).toBe(false);
  });

  it('drop rows by filters, each counted for the first that drops it; what is missing stays', async () => {
    const { filterCounts, kept, features } = await run(
      `
filters:
  - {name: errors, exclude: 'status == "Error"'}
  - {include: client.bytes > 1}
features:
  - {name: bytes, column: client.bytes}
  - {name: all, expression: count()}
`,
      [
        { status: 'Error', 'client.bytes': 0 },
        { status: 'OK', 'client.bytes': 0 },
        { status: 'OK', 'client.bytes': 5 },
        { 'client.bytes': 7 },
        { status: 'OK' },
      ],
      2,
    );
    expect(filterCounts).toEqual([
      { name: 'errors', kind: 'exclude', dropped: 1 },
      { name: 'include: client.bytes > 1', kind: 'include', dropped: 1 },
    ]);
    expect(kept).toBe(3);
    expect(features).toEqual([
      [5, 3],
      [7, 3],
      [undefined, 3],
    ]);
  });

  it('raise flags on rows, one finding per entity, with its first rows and what it says', async () => {
    const rows: Row[] = Array.from({ length: 30 }, (_, i) => ({
      '@timestamp': at(i),
      'source.ip': i % 2 === 0 ? '10.0.0.1' : '10.0.0.2',
      'client.bytes': i < 25 ? 5_000_000 : 1,
      'dns.question.name': 'x\u001b[31m.example.com',
    }));
    const { flags } = await run(
      `
time: "@timestamp"
entity: source.ip
flags:
  - name: large
    when: client.bytes > 1 MB
    severity: high
    message: '{source.ip} asked {dns.question.name} at {@timestamp}: {client.bytes} {{braces}}'
    description: Large questions.
    technique: T1071.004
`,
      rows,
      8,
    );
    expect(flags).toEqual<FlagFinding[]>([
      {
        name: 'large',
        severity: 'high',
        description: 'Large questions.',
        technique: 'T1071.004',
        message: '10.0.0.1 asked x\\u{1b}[31m.example.com at 2021-11-17T15:00:00.000Z: 5,000,000 {braces}',
        entity: '10.0.0.1',
        keys: {},
        rows: [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25],
        rowCount: 13,
        firstMs: at(0),
        lastMs: at(24),
      },
      {
        name: 'large',
        severity: 'high',
        description: 'Large questions.',
        technique: 'T1071.004',
        message: '10.0.0.2 asked x\\u{1b}[31m.example.com at 2021-11-17T15:00:01.000Z: 5,000,000 {braces}',
        entity: '10.0.0.2',
        keys: {},
        rows: [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24],
        rowCount: 12,
        firstMs: at(1),
        lastMs: at(23),
      },
    ]);
  });

  const burst: Row[] = Array.from({ length: 12 }, (_, i) => ({
    '@timestamp': at(i * 10),
    'source.ip': i % 3 === 0 ? '10.0.0.2' : '10.0.0.1',
    'dns.question.name': `n${i}.example.com`,
  }));

  it('raise flags on the rows of a key inside of a window, with the rows that led to it', async () => {
    const yaml = `
time: "@timestamp"
entity: source.ip
flags:
  - name: many names
    having: count_distinct(dns.question.name) >= 4
    by: [source.ip, registrable_domain(dns.question.name)]
    over: 1m
    severity: medium
    message: '{source.ip} asked {count_distinct(dns.question.name)} names in {max(@timestamp) - min(@timestamp)}'
`;
    const wanted: FlagFinding[] = [
      {
        name: 'many names',
        severity: 'medium',
        description: '',
        technique: undefined,
        message: '10.0.0.1 asked 4 names in 40 s',
        entity: '10.0.0.1',
        keys: { 'source.ip': '10.0.0.1', 'registrable_domain(dns.question.name)': 'example.com' },
        rows: [2, 3, 5, 6, 8, 9, 11, 12],
        rowCount: 8,
        firstMs: at(10),
        lastMs: at(110),
      },
    ];
    expect((await run(yaml, burst, 5)).flags).toEqual(wanted);
    expect((await run(yaml, [...burst].reverse(), 50)).flags.map(({ message }) => message)).toEqual([
      wanted[0]?.message,
    ]);
    expect((await run(yaml.replace('1m', '20s'), burst)).flags).toEqual([]);
  });

  it('raise flags on the rows of a key in the whole table', async () => {
    const { flags } = await run(
      `
flags:
  - name: busy
    having: count() > 6 and source.ip != "10.0.0.9"
    by: source.ip
    severity: low
    message: '{source.ip}: {count()} rows, last {last(dns.question.name)}'
`,
      burst,
      5,
    );
    expect(flags).toEqual([
      {
        name: 'busy',
        severity: 'low',
        description: '',
        technique: undefined,
        message: '10.0.0.1: 8 rows, last n11.example.com',
        entity: '10.0.0.1',
        keys: { 'source.ip': '10.0.0.1' },
        rows: [2, 3, 5, 6, 8, 9, 11, 12],
        rowCount: 8,
        firstMs: undefined,
        lastMs: undefined,
      },
    ]);
    const whole = await run('flags: [{name: all, having: count() > 3, severity: info, message: "{count()}"}]', burst);
    expect(whole.flags.map(({ message, rows, entity }) => [message, rows.length, entity])).toEqual([
      ['12', 12, undefined],
    ]);
  });

  it('say what a cap refused', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({ '@timestamp': at(i), 'source.ip': `10.0.0.${i}` }));
    const limits = { maxKeys: 10, maxEntries: 1000, maxMedianValues: 10 };
    const { saturations } = await run(
      'time: "@timestamp"\nfeatures: [{name: seen, expression: count() over 1h by source.ip}]',
      rows,
      8,
      { limits },
    );
    expect(saturations).toEqual([{ detector: 'feature seen', what: 'keys', cap: 10, refused: 30 }]);
  });

  it('say the cap that a flag over groups was given, not the default', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({ 'source.ip': '10.0.0.1', 'dns.question.name': `n${i}` }));
    const limits = { maxKeys: 10, maxEntries: 25, maxMedianValues: 10 };
    const { saturations } = await run(
      'flags: [{name: many, having: count_distinct(dns.question.name) > 3, by: source.ip, severity: low, message: "{source.ip}"}]',
      rows,
      8,
      { limits },
    );
    expect(saturations).toEqual([{ detector: 'flag many', what: 'values', cap: 25, refused: 15 }]);
  });

  it('hand weighted columns on for distances between rows', async () => {
    const bound = bindDefinitions(
      await parse(
        'features: [{name: b, column: client.bytes, weight: 3}, {name: s, column: status}]\ncluster: {cuts: [2, 5]}',
      ),
      SCHEMA,
    );
    const work = bound.createRun();
    work.measure(tableOf([{ 'client.bytes': 0.1, status: 'OK' }, { status: 'Error' }]));
    expect(work.groupColumns()).toEqual([
      { name: 'b', kind: 'number', weight: 3, values: Float64Array.of(0.1, Number.NaN) },
      { name: 's', kind: 'category', weight: 1, values: Float64Array.of(0, 1) },
    ]);
    expect(bound.definitions.cuts).toEqual([2, 5]);
  });
});

describe('features of a pack', () => {
  const builder = new TableBuilder(FLOW_SCHEMA, 2);
  for (const [initiator, responder] of [
    [100, 300],
    [50, 50],
  ]) {
    const row = builder.addRow();
    const set = (name: string, value: number): void =>
      builder.setNumber(
        FLOW_SCHEMA.columns.findIndex((column) => column.name === name),
        row,
        value,
      );
    set('startMs', at(0));
    set('endMs', at(1));
    set('initiatorBytes', initiator ?? 0);
    set('responderBytes', responder ?? 0);
  }
  const flows = builder.finish();
  const yaml = `time: startMs
features:
  - {name: balance, metric: flow.bytes-ratio, weight: 2}
  - {name: total, expression: initiatorBytes + responderBytes}
`;

  it('stand beside expressions on the table that the pack measures', async () => {
    const options = { packs: FEATURE_PACKS, context: { isHome: () => true } };
    const bound = bindDefinitions(await parse(yaml), FLOW_SCHEMA, options);
    expect(bound.features.map(({ name, unit, weight }) => [name, unit, weight])).toEqual([
      ['balance', 'ratio -1..1', 2],
      ['total', 'bytes', 1],
    ]);
    expect([...bound.createRun().measure(flows).values]).toEqual([0.5, 400, 0, 100]);
  });

  it('are named where one is misspelt', async () => {
    const options = { packs: FEATURE_PACKS, context: { isHome: () => true } };
    const definitions = await parse(yaml.replace('bytes-ratio', 'byte-ratio'));
    expect(() => bindDefinitions(definitions, FLOW_SCHEMA, options)).toThrow(
      new UserError(
        "dns.yaml:3:29 features[0].metric: there is no metric 'flow.byte-ratio' of this table",
        "did you mean 'flow.bytes-ratio'?",
      ),
    );
  });
});

describe('hostile rows', () => {
  const hostile = [
    `${'"'.repeat(300_000)}x`,
    `${'='.repeat(300_000)}x`,
    `${'1'.repeat(300_000)}x`,
    `[${'];'.repeat(100_000)}x`,
    `${'a.'.repeat(100_000)}`,
    ' '.repeat(300_000),
    '\u0000\ud800\u202e',
    '',
  ];

  it('take no more time than they are long, whatever function looks at them', async () => {
    const { functions } = standardFunctions(PARTS);
    const constants: Record<string, string> = {
      number: '1',
      zone: '"UTC"',
      network: '"10.0.0.0/8"',
      period: '24',
      minLength: '8',
    };
    const features = Object.entries({ ...TEXT_FUNCTIONS, ...functions }).map(([name, { takes }]) => {
      const given = takes.map((one) =>
        one.constant === true
          ? (constants[one.name] ?? '"x"')
          : one.type === 'number'
            ? 'client.bytes'
            : 'dns.question.name',
      );
      return `  - {name: ${name}, expression: '${name}(${given.join(', ')})'}`;
    });
    const rows = hostile.map((text) => ({ 'dns.question.name': text, 'client.bytes': 1 }));
    const start = performance.now();
    const { features: values } = await run(`features:\n${features.join('\n')}`, rows, 3);
    expect(values).toHaveLength(hostile.length);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it('do not slow a flag down by more keys than it holds', async () => {
    const limits = { maxKeys: 500, maxEntries: 5000, maxMedianValues: 10 };
    const rows = Array.from({ length: 30_000 }, (_, i) => ({ '@timestamp': at(0) + i, 'source.ip': `k${i}` }));
    const { flags, saturations } = await run(
      `time: "@timestamp"
flags: [{name: f, having: count() >= 1, by: source.ip, over: 1h, severity: low, message: "{source.ip}"}]`,
      rows,
      8192,
      { limits },
    );
    expect(flags).toHaveLength(500);
    expect(saturations.find(({ what, cap }) => what === 'keys' && cap === 500)?.refused).toBeGreaterThan(20_000);
  });

  it('have no value where a number is larger than any', async () => {
    const { features, oddities } = await run('features: [{name: x, expression: client.bytes * client.bytes}]', [
      { 'client.bytes': 1e200 },
    ]);
    expect(features).toEqual([[undefined]]);
    expect(oddities).toEqual([
      {
        name: 'expression.not-finite',
        where: 'feature x',
        count: 1,
        meaning: 'Larger than any number; the value is missing.',
      },
    ]);
  });
});

describe('mistakes in definitions', () => {
  it.each([
    [
      'features:\n  - name: x\n    expression: dns.question.name + 1',
      "dns.yaml:3:17 features[0].expression: 'dns.question.name' is text, and '+' wants numbers",
      'length(...) counts its characters, number(...) reads a number from it',
    ],
    [
      'features:\n  - name: x\n    expression: >\n      client.bytes +\n        dns.question.nam',
      "dns.yaml:5:9 features[0].expression: there is no column 'dns.question.nam'",
      "did you mean 'dns.question.name'?",
    ],
    [
      'features:\n  - name: x\n    expression: "client.bytes +\\n 5 MBB"',
      "dns.yaml:3:35 features[0].expression: 'MBB' is no unit",
      "did you mean 'MB'? Times: ns us ms s m h d w; sizes: B kB MB GB TB KiB MiB GiB TiB",
    ],
    [
      'features: [{name: x, expression: "client.bytes / 0"}]',
      'dns.yaml:1:50 features[0].expression: this divides by zero, whatever the row',
      undefined,
    ],
    [
      'features: [{name: x, expression: "client.bytes +"}]',
      'dns.yaml:1:49 features[0].expression: it ends where a field or a value should stand',
      'write one there, or take the operator away',
    ],
    ['feature: []', 'dns.yaml:1:1 feature: unknown key', "did you mean 'features'?"],
    [
      'features:\n  - {name: x, column: client.bytes, wieght: 2}',
      'dns.yaml:2:37 features[0].wieght: unknown key',
      "did you mean 'weight'?",
    ],
    [
      'features:\n  - {name: x, column: client.bytes, weight: -2}',
      'dns.yaml:2:45 features[0].weight: too small: expected number to be >0',
      'docs/features.md shows the layout',
    ],
    [
      'features:\n  - {column: client.bytes}',
      "dns.yaml:2:5 features[0]: the key 'name' is missing",
      'docs/features.md shows the layout',
    ],
    [
      'features: [{name: x}]',
      'dns.yaml:1:12 features[0]: nothing says what it measures',
      'one of expression, column, metric does',
    ],
    [
      'features: [{name: x, column: status, expression: "1"}]',
      "dns.yaml:1:22 features[0].column: 'expression' says what it measures already",
      'only one of expression, column, metric may stand here',
    ],
    [
      'features: [{name: x, column: status}, {name: x, column: status}]',
      "dns.yaml:1:46 features[1].name: 'x' is the name of features[0] already",
      'every name stands once',
    ],
    [
      'features: [{name: x, column: stauts}]',
      "dns.yaml:1:30 features[0].column: there is no column 'stauts'",
      "did you mean 'status'?",
    ],
    [
      'features: [{name: x, metric: hostname_entrpy, of: status}]',
      "dns.yaml:1:30 features[0].metric: there is no function 'hostname_entrpy'",
      "did you mean 'hostname_entropy'?",
    ],
    [
      'features: [{name: x, metric: hostname_entropy, of: client.bytes}]',
      "dns.yaml:1:30 features[0].metric: 'client.bytes' is a number, and 'hostname_entropy' wants text",
      'text(...) makes text of a number',
    ],
    [
      'features: [{name: x, metric: levenshtein, of: status}]',
      "dns.yaml:1:47 features[0].of: 'levenshtein' takes 2 columns, and here is 1",
      'it takes text, other',
    ],
    [
      'features: [{name: x, metric: flow.bytes-ratio}]',
      "dns.yaml:1:30 features[0].metric: there is no metric 'flow.bytes-ratio' of this table",
      'anomalyst fields lists the features of flows; functions stand by their names',
    ],
    [
      'time: status\nfeatures: [{name: x, column: status}]\nzone: Mars',
      "dns.yaml:3:7 zone: 'Mars' is no time zone",
      'as in Europe/Berlin, +02:00 or UTC',
    ],
    [
      'time: client.bytes\nfeatures: [{name: x, column: status}]',
      "dns.yaml:1:7 time: 'client.bytes' holds numbers, and no times",
      'say so, where it holds times: types: {client.bytes: time}',
    ],
    [
      'entity: sourceip\nfeatures: [{name: x, column: status}]',
      "dns.yaml:1:9 entity: there is no column 'sourceip'",
      "did you mean 'source.ip'?",
    ],
    [
      'types: {statsu: text}\nfeatures: [{name: x, column: status}]',
      "dns.yaml:1:9 types.statsu: there is no column 'statsu'",
      "did you mean 'status'?",
    ],
    [
      'filters: [{exclude: client.bytes}]',
      "dns.yaml:1:21 filters[0].exclude: 'client.bytes' is a number, and a condition is wanted here",
      "compare it, as in 'bytes > 10 MB' or 'status == \"Error\"'",
    ],
    [
      'filters: [{exclude: count() > 5}]',
      'dns.yaml:1:21 filters[0].exclude: a filter looks at one row',
      'aggregates stand in features, and in the conditions of flags',
    ],
    [
      'flags: [{name: x, when: status == "x", severity: hihg, message: y}]',
      'dns.yaml:1:50 flags[0].severity: expected one of "info"|"low"|"medium"|"high"|"critical"',
      'docs/features.md shows the layout',
    ],
    [
      'flags: [{name: x, when: status == "x", severity: high}]',
      "dns.yaml:1:9 flags[0]: the key 'message' is missing",
      'docs/features.md shows the layout',
    ],
    [
      'flags: [{name: x, when: status == "x", severity: high, message: "a {stauts}"}]',
      "dns.yaml:1:65 flags[0].message: in {stauts}: there is no column 'stauts'",
      "did you mean 'status'?",
    ],
    [
      'flags: [{name: x, when: status == "x", severity: high, message: "a {status"}]',
      'dns.yaml:1:65 flags[0].message: a { is not closed',
      'a brace itself is written twice: {{',
    ],
    [
      'flags: [{name: x, having: client.bytes > 5, by: source.ip, severity: high, message: y}]',
      "dns.yaml:1:27 flags[0].having: 'client.bytes' stands outside of an aggregate, and is none of the keys",
      "a group has many rows: first(client.bytes), max(client.bytes) ..., or put it behind 'by'",
    ],
    [
      'flags: [{name: x, having: count() > 5, over: 10m, severity: high, message: y}]',
      "dns.yaml:1:40 flags[0].over: 'over' needs to know which column is the time",
      'name it at the top, as in \'time: "@timestamp"\'',
    ],
    [
      'flags: [{name: x, having: count() > 5, over: ten, severity: high, message: y}]',
      "dns.yaml:1:46 flags[0].over: 'ten' is no duration",
      'as in 500ms, 5s, 10m, 1h30m, 2d',
    ],
    [
      'flags: [{name: x, when: status == "x", by: status, severity: high, message: y}]',
      "dns.yaml:1:40 flags[0].by: this belongs to 'having'",
      'take it away',
    ],
    [
      'a: [1',
      'dns.yaml:1:6: Flow sequence in block collection must be sufficiently indented and end with a ]',
      'mend the YAML there',
    ],
    ['', 'dns.yaml:1:1: the file is empty', 'it names features, filters and flags: docs/features.md'],
    ['- 1', 'dns.yaml:1:1: the file is no mapping of keys to values', 'docs/features.md shows the layout'],
    [
      'time: status',
      'dns.yaml:1:1: there are neither features nor filters nor flags',
      'docs/features.md shows the layout',
    ],
  ])('%s', async (yaml, message, hint) => {
    expect(await mistake(yaml)).toEqual([message, hint]);
  });

  it('are told for bombs of aliases and for nesting that no person writes', async () => {
    const levels = 'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${`*${'abcdefgh'[i]},`.repeat(9)}]`);
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]', ...levels].join('\n');
    expect(await mistake(bomb)).toEqual([
      'dns.yaml:2:8: aliases (*name) unfold to more than 100 copies, or to nothing',
      'write the values out',
    ]);
    expect(await mistake(`features: ${'['.repeat(100_000)}`)).toEqual([
      'dns.yaml:1:1: the YAML is nested too deeply',
      'definitions need about five levels',
    ]);
    expect(await mistake(`features: "${'x'.repeat(1_100_000)}"`)).toEqual([
      'dns.yaml:1:1: the file is longer than 1048576 characters',
      'definitions are written by hand; is it the right file?',
    ]);
    expect(await mistake(`features: [{name: x, expression: "${'('.repeat(4000)}"}]`)).toEqual([
      'dns.yaml:1:136 features[0].expression: it is nested deeper than 100 levels',
      undefined,
    ]);
  });

  it('are all that a damaged file can make', async () => {
    const whole = `
time: "@timestamp"
filters: [{exclude: 'status == "Error"'}]
features:
  - {name: a, expression: "count_distinct(dns.question.name) over 10m by source.ip", weight: 2}
flags:
  - {name: f, having: count() > 1, by: [source.ip], over: 1h, severity: low, message: "{count()}"}
`;
    const tryOne = async (text: string): Promise<void> => {
      try {
        bindDefinitions(await parse(text), SCHEMA);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        expect(error.message).toMatch(/^dns\.yaml:\d+:\d+[ :]/);
      }
    };
    for (let end = 0; end < whole.length; end++) await tryOne(whole.slice(0, end));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.string({ maxLength: 4, unit: 'binary' }), async (place, noise) => {
        await tryOne(whole.slice(0, place) + noise + whole.slice(place + noise.length));
      }),
      { numRuns: 300 },
    );
  });
});

// ---- the layouts of system 003 ----

const LEGACY = `plugins:
  https://github.com/lpinilla/anomal-dns-detection-plugin

filters:
  - name: remove_match
    data_needed: dns.question.name
    params:
      keyword: shop.example.com

features:
  - type: field
    data_needed: client.bytes
    name: client.bytes
    multiplier: 1
  - type: field
    name: network.bytes
    multiplier: 2
  - type: metric
    data_needed: dns.question.name
    name: numbers_in_hostname
    multiplier: 1
  - type: metric
    data_needed: dns.question.name
    name: hostname_entropy
    multiplier: 3
  - type: metric
    data_needed: dns.question.name
    name: alexa_1m_rating
    multiplier: 1

flags:
  - type: direct
    name: has_dns_data_b64_encoded
    data_needed: dns.answers.data
    description: This metric is used to detect dns requests with base64 encoded data.
    message: The following entries have base64 encoded data on their responses.
    severity: medium
  - type: aggregation
    name: beaconing_detector
    data_needed: source.ip,@timestamp
    description: This detector is used to discover beaconing behavior
    severity: low
    params:
      client_ip: source.ip
      timestamp: "@timestamp"
      threshold: 0.7
`;

describe('the layout of system 003', () => {
  const rows: Row[] = [
    {
      '@timestamp': at(9),
      'client.bytes': 32,
      'network.bytes': 80,
      'dns.question.name': 'dl2.google.com',
      'source.ip': '10.0.0.1',
      'dns.answers.data': '172.217.173.142',
    },
    {
      '@timestamp': at(8),
      'network.bytes': 90,
      'dns.question.name': 'track.example.net',
      'source.ip': '10.0.0.2',
      'dns.answers.data':
        '[104.26.3.144";"172.67.70.245";"gD9i1u9LQ/xSPZgv/gIlvrstYjmfzXkeczlLgtvaErpCmfzYBFafox0PCudQNjcu2LYcQ1VaEdpPKgU3sKcW4Q=="]"',
    },
    { '@timestamp': at(7), 'dns.question.name': 'shop.example.com', 'source.ip': '10.0.0.2' },
  ];

  it('runs as it is: filters drop what matches, weights go by name, gaps stay gaps', async () => {
    const { features, filterCounts, flags } = await run(LEGACY, rows);
    expect(filterCounts).toEqual([{ name: 'remove_match', kind: 'exclude', dropped: 1 }]);
    expect(features).toEqual([
      [32, 80, 1, Math.fround(3.04), 0],
      [undefined, 90, 0, Math.fround(3.45), 9_999_999],
    ]);
    expect(flags).toEqual([
      {
        name: 'has_dns_data_b64_encoded',
        severity: 'medium',
        description: 'This metric is used to detect dns requests with base64 encoded data.',
        technique: undefined,
        message: 'The following entries have base64 encoded data on their responses.',
        entity: '10.0.0.2',
        keys: {},
        rows: [2],
        rowCount: 1,
        firstMs: at(8),
        lastMs: at(8),
      },
    ]);
    const bound = bindDefinitions(await parse(LEGACY), SCHEMA);
    expect(Object.fromEntries(bound.weights)).toEqual({
      'client.bytes': 1,
      'network.bytes': 2,
      numbers_in_hostname: 1,
      hostname_entropy: 3,
      alexa_1m_rating: 1,
    });
    expect(bound.definitions.notes).toEqual([
      'Plug-ins are not fetched and their code is not run; the functions of the DNS plug-in are built in.',
    ]);
  });

  it('finds the client that comes back like a clock, and not the one that browses', async () => {
    let seed = 7;
    const random = (): number => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const beacon = Array.from({ length: 20 }, (_, i) => ({
      '@timestamp': at(60 * i) + Math.round(3000 * random()),
      'source.ip': '10.0.0.7',
      'dns.question.name': 'c2.example.org',
    }));
    let t = 0;
    const browsing = Array.from({ length: 60 }, () => {
      t -= Math.log(random()) * 20;
      return { '@timestamp': at(t), 'source.ip': '10.0.0.8', 'dns.question.name': 'news.example.com' };
    });
    const storm = Array.from({ length: 40 }, (_, i) => ({
      '@timestamp': at(5) + i,
      'source.ip': '10.0.0.9',
      'dns.question.name': 'cdn.example.com',
    }));
    // Newest first, as the logs of 003 are.
    const log = [...beacon, ...browsing, ...storm].sort((a, b) => b['@timestamp'] - a['@timestamp']);
    const { flags } = await run(LEGACY, log, 16);
    expect(flags.map(({ message, entity, keys, rowCount }) => [message, entity, keys, rowCount])).toEqual([
      [
        '10.0.0.7 went to c2.example.org 20 times, every 60 s (regularity 0.99, from 0.7 on).',
        '10.0.0.7',
        { client: '10.0.0.7', destination: 'c2.example.org' },
        20,
      ],
    ]);
    const legacy = await run(LEGACY.replace('threshold: 0.7', 'threshold: 0.7\n      legacy: true'), log, 16);
    expect(legacy.flags.map(({ entity }) => entity).sort()).toEqual(['10.0.0.7', '10.0.0.8', '10.0.0.9']);
  });

  it('has the functions of the DNS plug-in by their names', async () => {
    const features = (list: readonly string[]): string =>
      `features:\n${list.map((name) => `  - {type: metric, name: ${name}, data_needed: ${name.startsWith('zulu') ? '"@timestamp"' : 'dns.question.name'}, multiplier: 1}`).join('\n')}`;
    const names = [
      'numbers_in_hostname',
      'hostname_entropy',
      'hostname_b32_entropy',
      'hostname_b64_entropy',
      'alexa_1m_rating',
      'empty_query_name',
      'zulu_timestamp_hour',
      'zulu_timestamp_minutes',
      'dga_classify',
    ];
    const { features: values } = await run(features(names), [
      { '@timestamp': at(61), 'dns.question.name': 'registry-1.docker.io' },
      { 'dns.question.name': 'MFRGGZDF' },
      {},
    ]);
    expect(values).toEqual([
      [1, Math.fround(3.68), undefined, undefined, 41, 0, 15, 1, 0],
      [0, 2.5, Math.fround(2.32), Math.fround(2.58), 9_999_999, 0, undefined, undefined, 0],
      [undefined, undefined, undefined, undefined, undefined, 1, undefined, undefined, undefined],
    ]);
    const filtered = await run(
      `filters:
  - {name: remove_status_error, data_needed: status}
  - {name: remove_tld, data_needed: dns.question.name, params: {whitelisted: example.co.uk}}
  - {name: remove_alexa_1m, data_needed: dns.question.name}
`,
      [
        { status: 'Error' },
        { status: 'OK', 'dns.question.name': 'a.b.example.co.uk' },
        { status: 'OK', 'dns.question.name': 'www.google.com' },
        { status: 'OK', 'dns.question.name': 'example.org' },
        {},
      ],
    );
    expect(filtered.filterCounts.map(({ dropped }) => dropped)).toEqual([1, 1, 1]);
  });

  it.each([
    [
      'features:\n  - {type: metric, name: m, data_needed: "client.bytes,status", multiplier: 1, function_code: ZGVmIG0oKTo=}',
      'dns.yaml:2:80 features[0].function_code: Python code in definitions is not run',
      "write what it computes as an expression, in the layout of docs/features.md, for example 'expression: length(client.bytes)'",
    ],
    [
      'filters:\n  - {name: m, data_needed: status, function_code: ZGVm}',
      'dns.yaml:2:36 filters[0].function_code: Python code in definitions is not run',
      'write what it computes as an expression, in the layout of docs/features.md, for example \'exclude: status == "..."\'',
    ],
    [
      'flags:\n  - {type: aggregation, name: m, data_needed: source.ip, severity: low, function_code: ZGVm}',
      'dns.yaml:2:73 flags[0].function_code: Python code in definitions is not run',
      "write what it computes as an expression, in the layout of docs/features.md, for example 'having: count() > 100' with 'by: source.ip'",
    ],
    [
      'flags:\n  - {type: direct, name: http_or_https_server, data_needed: "status,dns.question.name", severity: low, message: m}',
      "dns.yaml:2:26 flags[0].name: 'http_or_https_server' is not run: it sends requests to the suspect domain, which warns whoever runs it and can be turned against this network",
      'take the flag away; what the traffic itself shows is in the http and tls columns of flows',
    ],
    [
      'features:\n  - {type: metric, name: geo_from_ip, data_needed: source.ip, multiplier: 1}',
      "dns.yaml:2:26 features[0].name: 'geo_from_ip' needs a data base of places, and none ships with this program",
      'take it away, or add the place to the records before',
    ],
    [
      'features:\n  - {type: metric, name: hostname_entropie, data_needed: status, multiplier: 1}',
      "dns.yaml:2:26 features[0].name: there is no function 'hostname_entropie'",
      "did you mean 'hostname_entropy'?",
    ],
    [
      'features:\n  - {type: feild, name: status, multiplier: 1}',
      'dns.yaml:2:12 features[0].type: expected one of "field"|"metric"',
      'docs/features.md tells what of this layout is read',
    ],
    [
      'features:\n  - {type: field, name: status}',
      "dns.yaml:2:5 features[0]: the key 'multiplier' is missing",
      'docs/features.md tells what of this layout is read',
    ],
    [
      'features:\n  - {type: metric, name: hostname_entropy, multiplier: 1}',
      "dns.yaml:2:5 features[0]: the key 'data_needed' is missing",
      'it names the columns, parted by commas',
    ],
    [
      'features:\n  - {type: field, name: x, data_needed: client.byte, multiplier: 1}',
      "dns.yaml:2:41 features[0].data_needed: there is no column 'client.byte'",
      "did you mean 'client.bytes'?",
    ],
    [
      'filters:\n  - {name: remove_match, data_needed: status, params: {keywrod: x}}',
      "dns.yaml:2:56 filters[0].params.keywrod: 'remove_match' has no parameter 'keywrod'",
      "did you mean 'keyword'?",
    ],
    [
      'filters:\n  - {name: remove_match, data_needed: status}',
      "dns.yaml:2:5 filters[0]: 'remove_match' wants the parameter 'keyword'",
      'params: {keyword: ...}',
    ],
    [
      'flags:\n  - {type: aggregation, name: beaconing_detector, data_needed: "source.ip,@timestamp", severity: low, params: {treshold: 1}}',
      "dns.yaml:2:112 flags[0].params.treshold: 'beaconing_detector' has no parameter 'treshold'",
      "did you mean 'threshold'?",
    ],
    [
      'flags:\n  - {type: aggregation, name: beaconing_detector, data_needed: "source.ip,@timestamp", severity: low, params: {threshold: 7}}',
      'dns.yaml:2:123 flags[0].params.threshold: expected a number from 0 to 1',
      'Regularity from which on a pair is reported.',
    ],
  ])('%s', async (yaml, message, hint) => {
    expect(await mistake(yaml)).toEqual([message, hint]);
  });

  it('names what a function needs that was not handed in', async () => {
    const yaml = 'features: [{type: metric, name: alexa_1m_rating, data_needed: status, multiplier: 1}]';
    expect(await mistake(yaml, {})).toEqual([
      "dns.yaml:1:33 features[0].name: 'alexa_1m_rating' needs a ranked list of popular domains, and none was given",
      'give one, or take it away',
    ]);
  });

  it('has a system file, which names the others', async () => {
    const system = `data:
  in_path: dns_logs_example.csv
  out_path: results.csv
features:
  path: dns_features.yaml
setup:
  classification_engine: Gower
  input_driver: CSV
  output_driver: CSV
`;
    expect(await parseLegacySystem(system, 'system.yaml')).toEqual({
      input: { driver: 'csv', path: 'dns_logs_example.csv' },
      output: { driver: 'csv', path: 'results.csv' },
      featuresPath: 'dns_features.yaml',
      engine: 'gower',
    });
    const tcp =
      'data: {host: 0.0.0.0, port: "4141", collection_time: 60}\nfeatures: {path: f.yaml}\nsetup: {input_driver: TCP}';
    expect(await parseLegacySystem(tcp, 'system.yaml')).toEqual({
      input: { driver: 'tcp', host: '0.0.0.0', port: 4141, collectionMs: 60_000 },
      output: { driver: 'csv', path: undefined },
      featuresPath: 'f.yaml',
      engine: 'gower',
    });
    await expect(
      parseLegacySystem(system.replace('input_driver: CSV', 'input_driver: XML'), 'system.yaml'),
    ).rejects.toThrow("system.yaml:8:17 setup.input_driver: there is no input driver 'XML'");
    await expect(
      parseLegacySystem(system.replace('  in_path: dns_logs_example.csv\n', ''), 'system.yaml'),
    ).rejects.toThrow("system.yaml:2:3 data: the key 'in_path' is missing");
    expect(await mistake(system)).toEqual([
      'dns.yaml:1:1: this is a system file, which names the file of features rather than holding them',
      'give the file that stands in features.path',
    ]);
  });

  it('reads answers as logs write them', () => {
    expect(answersOf('1.2.3.4')).toEqual(['1.2.3.4']);
    expect(answersOf('[a.example.com";"10.0.0.1"]"')).toEqual(['a.example.com', '10.0.0.1']);
    expect(answersOf('["a"; "b"]')).toEqual(['a', 'b']);
    expect(answersOf("['a', 'b']")).toEqual(['a', 'b']);
    expect(answersOf('')).toEqual([]);
  });
});
