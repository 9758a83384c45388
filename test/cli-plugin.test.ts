import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeDns } from '../src/wire/index.ts';
import { runCli, temporaryFolder } from './support/cli.ts';
import { type TestFrame, udp } from './support/frames.ts';
import { pcapOf, portSweep } from './support/traffic.ts';

/** Plugins as a person uses them: from the command line, with a configuration. */

const folder = temporaryFolder();
const FRAUD = fileURLToPath(new URL('../plugin/fraud', import.meta.url));
const EXOTIC = fileURLToPath(new URL('../plugin/dns-exotic', import.meta.url));

const write = (name: string, text: string | Uint8Array): string => {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  return file;
};

/** Ordinary payments, and one account that gets a transfer and cashes it out. */
function payments(): string {
  const lines = ['step,type,amount,nameOrig,oldbalanceOrg,nameDest'];
  for (let i = 0; i < 300; i++)
    lines.push(
      `${1 + Math.floor(i / 20)},${['PAYMENT', 'DEBIT', 'CASH_IN'][i % 3]},${(17.25 + ((i * 37) % 900)).toFixed(2)},C${i % 90},${4000 + ((i * 71) % 5000)},${i % 4 === 0 ? 'M' : 'C'}${(i * 7) % 90}`,
    );
  lines.push('16,TRANSFER,180000,C900,180000,C901', '16,CASH_OUT,179000,C901,180000,C902');
  return `${lines.join('\n')}\n`;
}

const DEFINITIONS = `entity: nameOrig
features:
  - {name: drained, metric: fraud.drained, of: [amount, oldbalanceOrg]}
  - {name: roundness, expression: 'fraud.roundness(amount)'}
filters:
  - {exclude: 'fraud.is_merchant(nameDest)'}
flags:
  - name: large cash out
    function: fraud.large_cash_out
    of: [type, amount, nameOrig]
    params: {limit: 50000}
    severity: high
  - name: emptied
    when: 'fraud.drained(amount, oldbalanceOrg) > 0.9 and type == "CASH_OUT"'
    severity: medium
    message: '{nameOrig} emptied it'
`;

interface Document {
  readonly run: { readonly blindSpots: readonly string[] };
  readonly incidents: readonly {
    readonly kind: string;
    readonly title: string;
    readonly actors: readonly { readonly address: string }[];
  }[];
  readonly table?: {
    readonly flags: readonly { readonly name: string; readonly rows: number }[];
    readonly filters: readonly { readonly dropped: number }[];
  };
}
const documentIn = (out: string): Document =>
  JSON.parse(fs.readFileSync(path.join(out, 'incidents.json'), 'utf8')) as Document;

/** A plugin with one feature `wrong.value`. */
function wrongPlugin(name: string, main: string): string {
  write(`${name}/main.js`, main);
  return path.dirname(
    write(
      `${name}/anomalyst-plugin.json`,
      JSON.stringify({
        name: 'wrong',
        version: '1.0.0',
        description: 'Wrong.',
        api: 1,
        main: 'main.js',
        adds: { features: [{ name: 'value', description: 'V.', takes: [{ name: 'amount', type: 'number' }] }] },
      }),
    ),
  );
}

beforeAll(() => {
  write('payments.csv', payments());
  write('fraud.yaml', DEFINITIONS);
});

describe('analyze with plugins', () => {
  test('payments are measured, filtered and flagged by the plugin, its detector finds what passes through, and its report lies beside ours', async () => {
    const config = path.join(folder, 'with-plugins.yaml');
    const locked = await runCli(['plugin', 'lock', FRAUD, '--config', config]);
    expect(locked.code, locked.stderr).toBe(0);
    const out = path.join(folder, 'out-fraud');
    const run = await runCli(
      ['analyze', 'payments.csv', '--features', 'fraud.yaml', '--config', config, '--out', out],
      { cwd: folder },
    );
    expect([run.stderr, run.code]).toEqual(['', 0]);
    const { incidents, table, run: about } = documentIn(out);
    expect(table?.filters[0]?.dropped).toBe(75);
    expect(table?.flags.map(({ name, rows }) => [name, rows])).toEqual([
      ['large cash out', 1],
      ['emptied', 1],
    ]);
    const passed = incidents.find(({ kind }) => kind === 'plugin.fraud.pass_through');
    expect(passed?.title).toBe('“C901” has 2 rows that the plugin detector fraud.pass_through names.');
    expect(about.blindSpots.filter((text) => text.includes('plugin'))).toEqual([]);
    const [head, ...rows] = fs.readFileSync(path.join(out, 'rows.csv'), 'utf8').trimEnd().split('\n');
    expect(head).toContain(',drained,roundness,');
    expect(rows.at(-1)).toContain('302,16,CASH_OUT,179000,C901,180000,C902,0.9944');
    const accounts = fs.readFileSync(path.join(out, 'fraud.accounts.csv'), 'utf8').split('\n');
    expect(accounts.slice(0, 2)).toEqual([
      'account,severity,title',
      '"C901","high","“C901” has 1 row flagged “large cash out”."',
    ]);
  });

  test('a plugin that does not answer is named, and the run goes on without it', async () => {
    const use = wrongPlugin('loops', 'export const features = { value() { for (;;); } };');
    const config = write('loops.yaml', '');
    await runCli(['plugin', 'lock', use, '--config', config]);
    fs.appendFileSync(config, '    timeoutMs: 1500\n');
    const definitions = write(
      'loops-features.yaml',
      'features: [{name: v, expression: wrong.value(amount)}, {name: a, column: amount}]\n',
    );
    const out = path.join(folder, 'out-loops');
    const run = await runCli([
      'analyze',
      path.join(folder, 'payments.csv'),
      '--features',
      definitions,
      '--config',
      config,
      '--out',
      out,
    ]);
    expect([run.stderr, run.code]).toEqual([
      'warning: the plugin wrong did not answer within 1.5 s; the run went on without it\n',
      0,
    ]);
    expect(documentIn(out).run.blindSpots).toContain(
      'The plugin wrong did not answer within 1.5 s; the run went on without it, and what it adds is missing from there on.',
    );
    expect(fs.readFileSync(path.join(out, 'rows.csv'), 'utf8').split('\n').length).toBe(304);
  });

  test('one that is not pinned, or changed since, is refused before anything runs', async () => {
    const use = wrongPlugin('changed', 'export const features = { value: ({ amount }) => amount };');
    const config = write('changed.yaml', 'plugins: [{use: ./changed}]\n');
    const unpinned = await runCli(['analyze', 'payments.csv', '--config', config], { cwd: folder });
    expect([unpinned.code, unpinned.stderr]).toEqual([
      2,
      "error: plugins[0]: './changed' is not pinned: version is missing\n  anomalyst plugin lock ./changed prints the lines\n",
    ]);
    await runCli(['plugin', 'lock', use, '--config', config]);
    fs.appendFileSync(path.join(use, 'main.js'), '\n');
    const changed = await runCli(['analyze', 'payments.csv', '--config', config], { cwd: folder });
    expect(changed.code).toBe(2);
    expect(changed.stderr).toMatch(
      /^error: plugins\[0\]: '\.\/changed' is not what was pinned: its files give sha256-\S{44}, and the configuration says sha256-\S{44}\n/,
    );
  });

  test('a key of a plugin that nobody knows is refused with its place and the nearest one', async () => {
    const config = write('typo.yaml', 'plugins:\n  - use: ./x\n    grants: {}\n');
    const run = await runCli(['analyze', 'payments.csv', '--config', config], { cwd: folder });
    expect([run.code, run.stderr]).toEqual([
      2,
      `error: ${config}:3:5: unknown key 'grants'\n  did you mean 'grant'?\n`,
    ]);
  });

  test('a detector for flows looks at those of a capture', async () => {
    write(
      'loud/main.js',
      `export const detectors = { smb: () => { const rows = []; return { observe({ responderPort }, numbers) { numbers.forEach((row, i) => { if (responderPort[i] === 445) rows.push(row); }); }, finish: () => [{ entity: '192.168.1.66', score: 0.6, message: 'port 445', rows }] }; } };`,
    );
    write(
      'loud/anomalyst-plugin.json',
      JSON.stringify({
        name: 'loud',
        version: '1.0.0',
        description: 'L.',
        api: 1,
        main: 'main.js',
        adds: { detectors: [{ name: 'smb', description: 'S.', table: 'flows', needs: ['responderPort'] }] },
      }),
    );
    const config = path.join(folder, 'loud.yaml');
    await runCli(['plugin', 'lock', path.join(folder, 'loud'), '--config', config]);
    const capture = write(
      'sweep.pcap',
      pcapOf(portSweep({ source: '192.168.1.66', network: '192.168.1', port: 445, count: 40 })),
    );
    const out = path.join(folder, 'out-loud');
    const run = await runCli(['analyze', capture, '--config', config, '--out', out]);
    expect([run.stderr, run.code]).toEqual(['', 0]);
    const found = documentIn(out).incidents.find(({ kind }) => kind === 'plugin.loud.smb');
    expect(found?.actors.map(({ address }) => address)).toEqual(['192.168.1.66']);
    expect(found?.title).toBe('192.168.1.66 has 40 flows that the plugin detector loud.smb names.');
  });
});

describe('decoders of plugins', () => {
  const ACME = 4000;
  const datagrams = (count: number): TestFrame[] =>
    Array.from({ length: count }, (_, i) => [
      udp(10 * i, `10.0.0.${1 + (i % 200)}:${40_000 + i}`, '10.0.0.250:4000', `HELLO user${i}`),
      udp(10 * i + 1, '10.0.0.250:4000', `10.0.0.${1 + (i % 200)}:${40_000 + i}`, i % 2 === 0 ? 'WELCOME' : 'BUSY'),
    ]).flat();
  const strangers = [
    udp(5, '10.0.0.3:50000', '10.0.0.4:4001', 'HELLO elsewhere'),
    udp(6, '10.0.0.3:50001', `10.0.0.4:${ACME}`, 'something else'),
    ...[0, 1].map((i) =>
      udp(7 + i, '10.0.0.3:50002', '10.0.0.53:53', encodeDns({ id: 7, name: 'www.example.com', isResponse: i === 1 })),
    ),
  ];

  /** A capture and a configuration with one plugin. */
  async function scene(
    name: string,
    main: string,
    frames: readonly TestFrame[],
    { decoder = {}, limits = '', more = {} }: { decoder?: object; limits?: string; more?: object } = {},
  ): Promise<{ readonly capture: string; readonly config: string }> {
    write(`${name}/main.js`, main);
    const description = 'D.';
    const added = { name: 'proto', description, transport: 'udp', ports: [ACME], ...decoder };
    const manifest = {
      name,
      version: '1.0.0',
      description,
      api: 1,
      main: 'main.js',
      adds: { decoders: [added], ...more },
    };
    write(`${name}/anomalyst-plugin.json`, JSON.stringify(manifest));
    const config = path.join(folder, `${name}.yaml`);
    const locked = await runCli(['plugin', 'lock', path.join(folder, name), '--config', config]);
    expect(locked.code, locked.stderr).toBe(0);
    fs.appendFileSync(config, limits);
    const timed = frames.map(({ atMs, bytes }) => ({ seconds: 1_700_000_000 + atMs / 1000, frame: bytes }));
    return { capture: write(`${name}.pcap`, pcapOf(timed)), config };
  }

  const DECODER = `
    const text = (bytes) => new TextDecoder().decode(bytes);
    export const decoders = {
      proto(bytes, { from, port, transport }) {
        const said = /^(HELLO|WELCOME|BUSY) ?(\\w*)/.exec(text(bytes));
        if (said === null) return undefined;
        const [, word, user] = said;
        return { name: 'greeting', summary: word + ' over ' + transport + ', ' + port, columns: from === 'initiator' ? { user, odd: 'a\u001b[2J' } : {} };
      },
    };
    export const flags = { busy: () => { const rows = []; return { observe({ operations }, numbers) { numbers.forEach((row, i) => { if (operations[i]?.includes('BUSY')) rows.push(row); }); }, finish: () => [{ message: 'busy', rows }] }; } };
    export const detectors = { greeted: () => { const rows = []; return { observe({ service }, numbers) { numbers.forEach((row, i) => { if (service[i] === 'acme_kit.greeting') rows.push(row); }); }, finish: () => [{ score: 0.5, message: 'greeted', rows }] }; } };`;
  const csvOf = (text: string): readonly Readonly<Record<string, string>>[] => {
    const [head = '', ...rows] = text.trimEnd().split('\n');
    const names = head.split(',');
    return rows.map((row) => {
      const cells = row.match(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g) ?? [];
      return Object.fromEntries(
        names.map((name, i) => [name, (cells[i] ?? '').replace(/,$/, '').replace(/^"|"$/g, '')]),
      );
    });
  };

  test('what they recognise stands in flows.csv, and flags, detectors and filters see it', async () => {
    const { capture, config } = await scene('acme-kit', DECODER, [...datagrams(60), ...strangers], {
      more: {
        flags: [{ name: 'busy', description: 'B.', takes: [{ name: 'operations', type: 'text' }] }],
        detectors: [{ name: 'greeted', description: 'G.', table: 'flows', needs: ['service'] }],
      },
    });
    const definitions = write(
      'acme-features.yaml',
      'flags:\n  - {name: busy, function: acme_kit.busy, of: [operations], severity: medium}\n',
    );
    const out = path.join(folder, 'out-acme');
    const run = await runCli(['analyze', capture, '--config', config, '--features', definitions, '--out', out]);
    expect([run.stderr, run.code]).toEqual(['', 0]);
    const flows = csvOf(fs.readFileSync(path.join(out, 'flows.csv'), 'utf8'));
    const greeted = flows.filter(({ service }) => service === 'acme_kit.greeting');
    expect(greeted.length).toBe(60);
    expect(new Set(greeted.map(({ serviceBasis }) => serviceBasis))).toEqual(new Set(['content']));
    expect(greeted.find(({ initiatorPort }) => initiatorPort === '40007')?.operations).toBe(
      'HELLO over udp,4000, user=user7, odd=a\\u{1b}[2J, BUSY over udp,4000',
    );
    const others = flows.filter(({ service }) => service !== 'acme_kit.greeting');
    expect(others.map(({ initiatorPort, service }) => [initiatorPort, service]).sort()).toEqual([
      ['50000', ''],
      ['50001', ''],
      ['50002', 'dns'],
    ]);
    const { incidents, table, run: about } = documentIn(out);
    expect(incidents.find(({ kind }) => kind === 'plugin.acme_kit.greeted')?.title).toContain('60 flows');
    expect(table?.flags.map(({ name, rows }) => [name, rows])).toEqual([['busy', 30]]);
    expect(about.blindSpots.filter((text) => text.includes('plugin'))).toEqual([]);

    const filtered = await runCli([
      'flows',
      capture,
      '--config',
      config,
      '--filter',
      "service == 'acme_kit.greeting' and operations contains 'BUSY'",
      '--fields',
      'service,operations',
    ]);
    expect([filtered.stderr, filtered.code]).toEqual(['', 0]);
    const rows = filtered.stdout.trimEnd().split('\n');
    expect(rows.length).toBe(31);
    expect(rows[1]).toBe('acme_kit.greeting,"HELLO over udp,4000, user=user1, odd=a\\u{1b}[2J, BUSY over udp,4000"');
    const without = await runCli(['flows', capture, '--filter', 'operations is missing', '--fields', 'id']);
    expect(without.stdout.trimEnd().split('\n').length).toBe(64);
  });

  test('rows come in the same order as without them, batch after batch', async () => {
    // One flow ends after the other, so that batches are full while payloads still wait.
    const frames = Array.from({ length: 9000 }, (_, i) =>
      udp(
        100 * i,
        `10.0.${i % 250}.7:${30_000 + (i % 20_000)}`,
        `10.1.0.1:${i % 3 === 0 ? ACME : 4001}`,
        `HELLO u${i}`,
      ),
    );
    const { capture, config } = await scene('ordered', DECODER.replaceAll('acme_kit', 'ordered'), frames);
    const fields = ['--fields', 'id,initiator,initiatorPort,responderPort,start'];
    const plain = await runCli(['flows', capture, ...fields]);
    const decoded = await runCli(['flows', capture, '--config', config, ...fields]);
    expect(decoded.stdout).toBe(plain.stdout);
    const named = await runCli(['flows', capture, '--config', config, '--fields', 'dst.port,service,operations']);
    const rows = named.stdout.trimEnd().split('\n').slice(1);
    expect(rows.length).toBe(9000);
    expect(rows.filter((row) => row.startsWith('4000,ordered.greeting,')).length).toBe(3000);
    expect(rows.filter((row) => row.startsWith('4001,,')).length).toBe(6000);
  });

  test('what anomalyst has recognised is shown to those that ask for it, and stays what it is', async () => {
    const main = `export const decoders = { proto: (bytes) => ({ name: 'mine', summary: 'length ' + bytes.length }) };`;
    for (const recognised of [false, true]) {
      const name = `all-${recognised}`;
      const { capture, config } = await scene(name, main, strangers, { decoder: { ports: [53], recognised } });
      const run = await runCli([
        'flows',
        capture,
        '--config',
        config,
        '--filter',
        'dns',
        '--fields',
        'service,operations',
      ]);
      expect(run.stdout).toBe(`service,operations\ndns,${recognised ? 'length 33' : ''}\n`);
    }
  });

  test('the example that ships tells the cookies of DNS', async () => {
    const config = path.join(folder, 'cookie.yaml');
    await runCli(['plugin', 'lock', EXOTIC, '--config', config]);
    const hex = '123401000001000000000001076578616d706c65000001000100002910000000' + '0000000c000a00080123456789abcdef';
    const query = udp(0, '10.0.0.1:40000', '10.0.0.2:53', Uint8Array.from(Buffer.from(hex, 'hex')));
    const capture = write('cookie.pcap', pcapOf([{ seconds: 1_700_000_000, frame: query.bytes }]));
    const run = await runCli(['flows', capture, '--config', config, '--fields', 'service,query,operations']);
    expect([run.stdout, run.stderr]).toEqual([
      'service,query,operations\ndns,example,"client cookie 0123456789abcdef, client=0123456789abcdef"\n',
      '',
    ]);
  });

  const wrong: readonly (readonly [string, string, string])[] = [
    ['throws', `throw new Error('no')`, 'failed: Error: no'],
    ['loops', 'for (;;);', 'did not answer within 1.5 s'],
    ['lies', 'return 7', 'answered nonsense: what it decoded is no object'],
    [
      'misnames',
      `return { name: 'a b' }`,
      "answered nonsense: the name of what it decoded is no word of letters, digits, '.', '_' and '-': a b",
    ],
  ];
  for (const [verb, body, reason] of wrong)
    test(`one that ${verb} is named, and the run goes on without it`, async () => {
      const name = `decoder-${verb}`;
      const main = `export const decoders = { proto() { ${body} } };`;
      const { capture, config } = await scene(name, main, [...datagrams(400), ...strangers], {
        limits: '    timeoutMs: 1500\n',
      });
      const out = path.join(folder, `out-${name}`);
      const run = await runCli(['analyze', capture, '--config', config, '--out', out]);
      expect([run.stderr, run.code]).toEqual([
        `warning: the plugin ${name} ${reason}; the run went on without it\n`,
        0,
      ]);
      expect(documentIn(out).run.blindSpots).toContain(
        `The plugin ${name} ${reason}; the run went on without it, and what it adds is missing from there on.`,
      );
      const flows = csvOf(fs.readFileSync(path.join(out, 'flows.csv'), 'utf8'));
      expect(flows.length).toBe(403);
      expect(flows.filter(({ service }) => service !== '').map(({ service }) => service)).toEqual(['dns']);
    });

  test('more flows than there is room for are counted, and said', async () => {
    const frames = Array.from({ length: 2100 }, (_, i) =>
      udp(i, `10.0.${Math.floor(i / 200)}.${i % 200}:50000`, `10.1.0.1:${ACME}`, 'HELLO you'),
    );
    const { capture, config } = await scene('flood', DECODER.replaceAll('acme_kit', 'flood'), frames);
    const run = await runCli(['flows', capture, '--config', config, '--filter', "service == 'flood.greeting'"]);
    expect(run.stdout.trimEnd().split('\n').length).toBe(2001);
    expect(run.stderr).toBe(
      'note: 100 flows were not shown to decoders of plugins: there is room for 2,000 flows whose first payload is kept\n',
    );
    const out = path.join(folder, 'out-flood');
    await runCli(['analyze', capture, '--config', config, '--out', out]);
    expect(documentIn(out).run.blindSpots).toContain(
      'decoders of plugins: its table of flows whose first payload is kept was full at 2,000; 100 entries more could not be followed.',
    );
  });

  test('the one that plugin new writes works', async () => {
    const kit = path.join(folder, 'fresh');
    expect((await runCli(['plugin', 'new', kit, '--adds', 'decoder'])).code).toBe(0);
    const config = path.join(folder, 'fresh.yaml');
    await runCli(['plugin', 'lock', kit, '--config', config]);
    const frames = [{ seconds: 1_700_000_000, frame: udp(0, '10.0.0.1:40000', '10.0.0.2:4000', 'HELLO bob').bytes }];
    const capture = write('fresh.pcap', pcapOf(frames));
    const run = await runCli(['flows', capture, '--config', config, '--fields', 'service,operations']);
    expect([run.stdout, run.stderr]).toEqual(['service,operations\nfresh.greeting,"HELLO bob, name=bob"\n', '']);
  });
});

describe('plugin', () => {
  test('new writes a plugin of every kind whose test passes, and check rehearses it', async () => {
    const kit = path.join(folder, 'kit');
    const kinds = 'features,filters,flags,detectors,decoders,sinks,reports';
    expect((await runCli(['plugin', 'new', kit, '--adds', kinds])).code).toBe(0);
    const { NODE_TEST_CONTEXT: _own, ...env } = process.env;
    const tests = execFileSync(process.execPath, ['--test', '--test-reporter=tap'], {
      cwd: kit,
      encoding: 'utf8',
      env,
    });
    expect(tests).toContain('# pass 7\n');
    expect(tests).toContain('# fail 0\n');
    const checked = await runCli(['plugin', 'check', kit]);
    expect([checked.code, checked.stderr]).toEqual([0, '']);
    expect(checked.stdout.match(/works: \w+ kit\.\w+/g)).toEqual([
      'works: feature kit.digits',
      'works: filter kit.is_test',
      'works: flag kit.above',
      'works: detector kit.highest',
      'works: decoder kit.greeting',
      'works: report kit.titles',
    ]);
    const again = await runCli(['plugin', 'new', kit]);
    expect([again.code, again.stderr]).toEqual([2, `error: ${kit}: the folder is not empty\n  choose a new one\n`]);
    const typo = await runCli(['plugin', 'new', path.join(folder, 'y'), '--adds', 'featurs']);
    expect([typo.code, typo.stderr]).toEqual([
      2,
      "error: --adds featurs: a plugin can't add that\n  did you mean 'features'?\n",
    ]);
  });

  test('the examples that ship do what their tests say', () => {
    const { NODE_TEST_CONTEXT: _own, ...env } = process.env;
    for (const cwd of [FRAUD, EXOTIC])
      expect(
        execFileSync(process.execPath, ['--test', '--test-reporter=tap'], { cwd, encoding: 'utf8', env }),
      ).toContain('# fail 0\n');
  });

  test('check names what is wrong', async () => {
    const use = wrongPlugin('throws', 'export const features = { value() { throw new Error("no luck"); } };');
    const run = await runCli(['plugin', 'check', use]);
    expect([run.code, run.stderr]).toEqual([2, 'error: wrong failed: Error: no luck\n  mend it, and check it again\n']);
  });

  test('lock keeps what else stands in a configuration, and list tells what changed', async () => {
    const use = wrongPlugin('kept', 'export const features = { value: ({ amount }) => amount };');
    const config = write('kept.yaml', '# mine\nseed: 7 # lucky\n');
    await runCli(['plugin', 'lock', use, '--config', config]);
    const text = fs.readFileSync(config, 'utf8');
    expect(text).toMatch(
      /^# mine\nseed: 7 # lucky\nplugins:\n {2}- use: \.\/kept\n {4}version: 1\.0\.0\n {4}integrity: sha256-\S{44}\n$/,
    );
    const listed = await runCli(['plugin', 'list', '--config', config]);
    expect([listed.code, listed.stdout]).toEqual([0, 'wrong 1.0.0: as pinned\n  feature wrong.value: V.\n']);
    fs.appendFileSync(path.join(use, 'main.js'), '\n');
    const changed = await runCli(['plugin', 'list', '--config', config]);
    expect([changed.code, changed.stdout]).toEqual([
      2,
      'wrong 1.0.0: changed since it was pinned\n  feature wrong.value: V.\n',
    ]);
    await runCli(['plugin', 'lock', use, '--config', config]);
    expect((await runCli(['plugin', 'list', '--config', config])).code).toBe(0);
  });
});
