import { ADDED_KINDS, type AddedKind, namespaceOf, PLUGIN_API } from '../plugin/index.ts';

/** What `plugin new` writes. Each kind is a part of the manifest, of the module and of its test; together they are a plugin that works as it is. */

interface Part {
  readonly manifest: object;
  readonly main: string;
  readonly test: string;
  /** Names to import into the test. */
  readonly use: string;
}

const COLLECT = `{ value: Float64Array.of(5, 500) }, Float64Array.of(1, 2)`;

const PARTS: Readonly<Record<AddedKind, Part>> = {
  features: {
    manifest: {
      name: 'digits',
      description: 'How many digits stand in a text.',
      takes: [{ name: 'text', type: 'text' }],
      unit: 'characters',
    },
    main: `/** Each gets columns of the same length, without missing values, and gives one value for each row; NaN is missing. */
export const features = {
  digits: ({ text }) => text.map((one) => one.replace(/\\D/g, '').length),
};
`,
    use: 'features',
    test: `test('digits are counted', () => {
  assert.deepEqual(features.digits({ text: ['a1b22', 'abc'] }), [3, 0]);
});
`,
  },
  filters: {
    manifest: {
      name: 'is_test',
      description: 'Whether a text begins with a word that marks a test.',
      takes: [{ name: 'text', type: 'text' }],
      parameters: { word: { type: 'text', description: 'The word.', default: 'test' } },
    },
    main: `/** Each gives true or false for each row. */
export const filters = {
  is_test: ({ text }, { word }) => text.map((one) => one.startsWith(word)),
};
`,
    use: 'filters',
    test: `test('texts that begin with the word are told', () => {
  assert.deepEqual(filters.is_test({ text: ['test-1', 'web'] }, { word: 'test' }), [true, false]);
});
`,
  },
  flags: {
    manifest: {
      name: 'above',
      description: 'Rows whose value is above a limit.',
      takes: [{ name: 'value', type: 'number' }],
      parameters: { limit: { type: 'number', description: 'Values above this one count.', default: 100 } },
    },
    main: `/** Each sees all rows batch by batch, with their numbers, and says at the end what it found. A missing number is NaN. */
export const flags = {
  above({ limit }) {
    const rows = [];
    return {
      observe({ value }, numbers) {
        for (let i = 0; i < numbers.length && rows.length < 100000; i++) if (value[i] > limit) rows.push(numbers[i]);
      },
      finish: () => (rows.length === 0 ? [] : [{ message: \`\${rows.length} values are above \${limit}\`, rows }]),
    };
  },
};
`,
    use: 'flags',
    test: `test('values above the limit are flagged', () => {
  const flag = flags.above({ limit: 100 });
  flag.observe(${COLLECT});
  assert.deepEqual(flag.finish(), [{ message: '1 values are above 100', rows: [2] }]);
});
`,
  },
  detectors: {
    manifest: {
      name: 'highest',
      description: 'The row with the highest value.',
      table: 'rows',
      needs: ['value'],
    },
    main: `/** As flags, but it runs without being asked for, on every table that has the columns which the manifest names under needs. */
export const detectors = {
  highest() {
    let best;
    return {
      observe({ value }, numbers) {
        for (let i = 0; i < numbers.length; i++)
          if (value[i] > (best?.value ?? Number.NEGATIVE_INFINITY)) best = { value: value[i], row: numbers[i] };
      },
      finish: () =>
        best === undefined
          ? []
          : [{ score: 0.5, message: 'the highest value', reasons: [{ name: 'value', value: best.value }], rows: [best.row] }],
    };
  },
};
`,
    use: 'detectors',
    test: `test('the highest value is found', () => {
  const detector = detectors.highest();
  detector.observe(${COLLECT});
  assert.deepEqual(detector.finish()[0].rows, [2]);
});
`,
  },
  decoders: {
    manifest: {
      name: 'greeting',
      description: 'Payloads that begin with HELLO and a name.',
      transport: 'udp',
      ports: [4000],
    },
    main: `/** Each gets the first bytes of one side of a flow on its ports, and gives undefined for what is not of its protocol. */
export const decoders = {
  greeting(bytes) {
    const text = new TextDecoder().decode(bytes.subarray(0, 200));
    const name = /^HELLO (\\w+)/.exec(text)?.[1];
    return name === undefined ? undefined : { name: 'greeting', summary: \`HELLO \${name}\`, columns: { name } };
  },
};
`,
    use: 'decoders',
    test: `test('a greeting is decoded, and nothing else is', () => {
  const bytes = new TextEncoder().encode('HELLO bob');
  assert.equal(decoders.greeting(bytes).summary, 'HELLO bob');
  for (let n = 0; n < 7; n++) assert.equal(decoders.greeting(bytes.subarray(0, n)), undefined);
});
`,
  },
  sinks: {
    manifest: { name: 'count', description: 'Counts incidents by severity, and prints the counts.' },
    main: `/** Each gets incidents, up to 200 in one call, each as a line of JSON. */
export const sinks = {
  count(lines) {
    const counts = {};
    for (const line of lines) {
      const { severity } = JSON.parse(line);
      counts[severity] = (counts[severity] ?? 0) + 1;
    }
    console.log(counts);
    return counts;
  },
};
`,
    use: 'sinks',
    test: `test('incidents are counted by severity', () => {
  assert.deepEqual(sinks.count(['{"severity":"high"}', '{"severity":"high"}']), { high: 2 });
});
`,
  },
  reports: {
    manifest: { name: 'titles', description: 'titles.txt: one line for each incident.' },
    main: `/** Each gets the content of incidents.json, and gives files for the output folder. */
export const reports = {
  titles: ({ incidents }) => [
    { file: 'titles.txt', content: incidents.map(({ severity, title }) => \`\${severity}: \${title}\\n\`).join('') },
  ],
};
`,
    use: 'reports',
    test: `test('every incident is a line', () => {
  const [{ content }] = reports.titles({ incidents: [{ severity: 'high', title: 'A scan.' }] });
  assert.equal(content, 'high: A scan.\\n');
});
`,
  },
};

/** The files of a new plugin, by name. @param name as npm takes it */
export function pluginTemplate(name: string, kinds: readonly AddedKind[]): ReadonlyMap<string, string> {
  const namespace = namespaceOf(name);
  const chosen = ADDED_KINDS.filter((kind) => kinds.includes(kind));
  const manifest = {
    name,
    version: '1.0.0',
    description: `What ${name} adds.`,
    api: PLUGIN_API,
    main: 'main.js',
    adds: Object.fromEntries(chosen.map((kind) => [kind, [PARTS[kind].manifest]])),
  };
  const first = chosen.includes('features')
    ? `    features:\n      - {name: digits, expression: '${namespace}.digits(name)'}\n\n`
    : '';
  const files = {
    'anomalyst-plugin.json': json(manifest),
    'package.json': json({
      name,
      version: '1.0.0',
      type: 'module',
      files: ['anomalyst-plugin.json', 'main.js'],
      scripts: { test: 'node --test' },
    }),
    'main.js': chosen.map((kind) => PARTS[kind].main).join('\n'),
    'main.test.js': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ${chosen
      .map((kind) => PARTS[kind].use)
      .sort()
      .join(', ')} } from './main.js';

${chosen.map((kind) => PARTS[kind].test).join('\n')}`,
    'README.md': `# ${name}

A plugin of anomalyst. What it adds stands in anomalyst-plugin.json and is called \`${namespace}.<name>\`.

    node --test               # its own tests
    anomalyst plugin check .  # the manifest, and a rehearsal in its confined process
    anomalyst plugin lock .   # the lines for plugins: in a configuration

${first}It runs in a process without files, network and environment; what it needs of them it asks for under \`permissions\`.
`,
  };
  return new Map(Object.entries(files));
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
