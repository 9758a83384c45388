import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { runCli, temporaryFolder } from './support/cli.ts';
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
