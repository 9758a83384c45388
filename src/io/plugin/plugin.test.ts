import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Schema, TableBuilder } from '../../core/index.ts';
import { parseDefinitions, standardFunctions } from '../../feature/index.ts';
import { confinementFault, PluginHost, readPlugin } from './index.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'plugin-test-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

const FEATURE = {
  features: [{ name: 'twice', description: 'Twice.', takes: [{ name: 'value', type: 'number' }] }],
};
let made = 0;

/** Writes a plugin into a folder of its own. */
function plugin(main: string, adds: object = FEATURE, more: object = {}): string {
  const folder = path.join(scratch, `p${made++}`);
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'main.js'), main);
  const manifest = { name: 'bad', version: '1.0.0', description: 'A test.', api: 1, main: 'main.js', adds, ...more };
  fs.writeFileSync(path.join(folder, 'anomalyst-plugin.json'), JSON.stringify(manifest));
  return folder;
}

const SCHEMA: Schema = {
  name: 'rows',
  version: 1,
  columns: [
    { name: 'amount', kind: 'float64', unit: '', meaning: '' },
    { name: 'who', kind: 'string', unit: '', meaning: '' },
  ],
};

function rows(amounts: readonly (number | undefined)[]) {
  const builder = new TableBuilder(SCHEMA, amounts.length);
  for (const amount of amounts) {
    const row = builder.addRow();
    if (amount !== undefined) builder.setNumber(0, row, amount);
    builder.setText(1, row, `user${row % 2}`);
  }
  return builder.finish();
}

const limits = { timeoutMs: 5000, memoryMb: 64 };

/** Asks a plugin's `twice` for two rows; gives what it said of them and why it stopped. */
async function ask(main: string, config: object = {}, more: object = {}, options: object = {}) {
  const host = await PluginHost.start([{ use: plugin(main, FEATURE, more), ...limits, ...config }], {
    folder: scratch,
    unpinned: true,
    ...options,
  });
  try {
    const { functions } = host.functions();
    const definitions = await parseDefinitions('features: [{name: x, expression: bad.twice(amount)}]', 'f.yaml', {
      functions: { ...standardFunctions(), functions },
    });
    const sites = host.sites(definitions, SCHEMA);
    await sites.prepare(rows([1, undefined, 3]));
    const call = functions['bad.twice']?.prepare([undefined], { zone: 'UTC' });
    return { values: [call?.(1), call?.(undefined), call?.(3)], failures: host.failures().map(({ reason }) => reason) };
  } finally {
    await host.close();
  }
}

const feature = (body: string, before = ''): string =>
  `${before}\nexport const features = { twice: async ({ value }) => { ${body} } };`;

describe('a plugin', () => {
  it('is asked for each distinct value once, and a missing value has a missing result', async () => {
    const { values, failures } = await ask(
      feature('if (value.length !== 2) throw new Error("rows: " + value.length); return value.map((one) => 2 * one);'),
    );
    expect(failures).toEqual([]);
    expect(values).toEqual([2, undefined, 6]);
  });

  it('may print as much as it likes, and is not heard', async () => {
    const { values } = await ask(
      feature('for (let i = 0; i < 3000; i++) console.log("x".repeat(1000)); return value.map((one) => 2 * one);'),
    );
    expect(values).toEqual([2, undefined, 6]);
  });
});

describe('a plugin that misbehaves is named with the reason, and its values are missing', () => {
  const cases: readonly (readonly [
    what: string,
    main: string,
    reason: string | RegExp,
    config?: object,
    options?: object,
  ])[] = [
    ['throws', feature('throw new Error("no luck")'), 'failed: Error: no luck'],
    ['throws when it is loaded', 'throw new Error("broken"); export const features = {};', 'failed: Error: broken'],
    [
      'has not what its manifest says',
      'export const features = {};',
      'failed: TypeError: its module has no function features.twice',
    ],
    ['loops', feature('for (;;);'), 'did not answer within 0.7 s', { timeoutMs: 700 }],
    [
      'loops when it is loaded',
      'for (;;);',
      'did not answer within 0.9 s of its start',
      { timeoutMs: 100 },
      { startTimeoutMs: 900 },
    ],
    ['never answers', feature('await new Promise(() => {})'), 'did not answer within 0.7 s', { timeoutMs: 700 }],
    [
      'fills its heap',
      feature('const all = []; for (;;) all.push({ a: [1, 2, 3] });'),
      'took more than 32 MB of memory',
      { memoryMb: 32, timeoutMs: 20_000 },
    ],
    [
      'makes large arrays',
      feature('const all = []; for (;;) { all.push(new Uint8Array(1e7).fill(1)); await 0; }'),
      'took more than 32 MB of memory',
      { memoryMb: 32, timeoutMs: 20_000 },
    ],
    ['gives too few values', feature('return [1]'), 'answered nonsense: it gave 1 values for 2 rows'],
    [
      'gives too many values',
      feature('return new Float64Array(1e5)'),
      'answered nonsense: it gave 100000 values for 2 rows',
    ],
    [
      'gives more than a message holds',
      feature('return new Float64Array(1e7)'),
      /^failed: its answer would be 800000\d\d bytes long$/,
    ],
    [
      'gives text for numbers',
      feature('return ["a", "b"]'),
      'failed: TypeError: it gave string where a number is wanted',
    ],
    ['gives nothing', feature('return undefined'), 'failed: TypeError: it gave no array of values'],
    ['throws a text of a million characters', feature('throw "x".repeat(1e6)'), `failed: ${'x'.repeat(300)}…`],
    ['throws what steers a terminal', feature('throw new Error("\\u001b[31mred")'), 'failed: Error: \\u{1b}[31mred'],
    [
      'fails later, by itself',
      feature('setTimeout(() => { throw new Error("late") }, 1); await new Promise(() => {})'),
      'ended by itself (code 72): Error: late',
    ],
  ];
  // Elsewhere nothing tells how much memory another process has.
  for (const [what, main, reason, config, options] of cases)
    it.skipIf(what === 'makes large arrays' && process.platform !== 'linux')(what, async () => {
      const { values, failures } = await ask(main, config, {}, options);
      expect(failures).toEqual([typeof reason === 'string' ? reason : expect.stringMatching(reason)]);
      expect(values).toEqual([undefined, undefined, undefined]);
    });

  it('gives numbers that are not finite: those alone are missing', async () => {
    const { values, failures } = await ask(feature('return [1 / 0, 5]'));
    expect([values, failures]).toEqual([[undefined, undefined, 5], []]);
  });
});

describe('a plugin is kept from', () => {
  const denied: readonly (readonly [string, string, string | RegExp])[] = [
    [
      'files, by import',
      "import * as fs from 'node:fs'; fs.readFileSync('/etc/passwd');",
      "failed: Error: the plugin may not import 'node:fs'",
    ],
    [
      'files, by import at run time',
      "await import('fs/promises');",
      "failed: Error: the plugin may not import 'fs/promises'",
    ],
    [
      'files outside of its folder, as a module',
      "await import('file:///etc/passwd');",
      /^failed: Error: (the plugin may not import|Access to this API)/,
    ],
    [
      'files above its folder',
      "await import('../../x.js');",
      /^failed: Error: (the plugin may not import|Access to this API|Cannot find module)/,
    ],
    [
      'other processes',
      "await import('node:child_process');",
      "failed: Error: the plugin may not import 'node:child_process'",
    ],
    [
      'threads',
      "await import('node:worker_threads');",
      "failed: Error: the plugin may not import 'node:worker_threads'",
    ],
    ['making modules', "await import('node:module');", "failed: Error: the plugin may not import 'node:module'"],
    ['the process', "await import('node:process');", "failed: Error: the plugin may not import 'node:process'"],
    ['packages', "await import('yaml');", "failed: Error: the plugin may not import 'yaml'"],
    [
      'data addresses',
      "await import('data:text/javascript,export default 1');",
      "failed: Error: the plugin may not import 'data:text/javascript,export default 1'",
    ],
    ['fetch', "await fetch('http://127.0.0.1/');", 'failed: ReferenceError: fetch is not defined'],
    ['sockets of the web', "new WebSocket('ws://127.0.0.1/');", 'failed: ReferenceError: WebSocket is not defined'],
    [
      'code in texts',
      "(0, eval)('1 + 1');",
      'failed: EvalError: Code generation from strings disallowed for this context',
    ],
    [
      'built-in modules by the back door',
      "process.getBuiltinModule('fs');",
      'failed: TypeError: process.getBuiltinModule is not a function',
    ],
    ['bindings', "process.binding('fs');", 'failed: TypeError: process.binding is not a function'],
    ['signals', 'process.kill(process.ppid);', 'failed: TypeError: process.kill is not a function'],
    [
      'streams that are sockets',
      'new console._stdout.constructor();',
      "failed: TypeError: Cannot read properties of undefined (reading 'constructor')",
    ],
    ['the environment', 'if (Object.keys(process.env).length === 0) throw new Error("empty");', 'failed: Error: empty'],
  ];
  for (const [what, code, reason] of denied)
    it(what, async () => {
      const { failures } = await ask(`${code}\nexport const features = { twice: () => [] };`);
      expect(failures).toEqual([typeof reason === 'string' ? reason : expect.stringMatching(reason)]);
    });
});

describe('a permission', () => {
  let server: net.Server;
  let port = 0;
  let calls = 0;
  beforeAll(async () => {
    server = net.createServer((socket) => {
      calls++;
      socket.end('hi');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as net.AddressInfo).port;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const CONNECT = (to: number): string =>
    feature(
      `const socket = connect(${to}, '127.0.0.1'); for await (const _ of socket); return [1, 2];`,
      "import { connect } from 'node:net';",
    );

  it('that was granted opens the one address that it names', async () => {
    const host = `127.0.0.1:${port}`;
    const permissions = { network: { hosts: [host], why: 'It asks there.' } };
    const granted = await ask(CONNECT(port), { grant: { network: [host] } }, { permissions });
    expect([granted.failures, granted.values, calls]).toEqual([[], [1, undefined, 2], 1]);
    const lookup = `const { connect } = await import('node:net'); connect({ host: '127.0.0.1', port: ${port}, lookup() {} });`;
    const own = await ask(feature(lookup), { grant: { network: [host] } }, { permissions });
    expect(own.failures).toEqual(['failed: Error: the plugin may not look up names by itself']);
    const other = await ask(CONNECT(9), { grant: { network: [host] } }, { permissions });
    expect(other.failures).toEqual(['failed: Error: the plugin may not connect to 127.0.0.1:9']);
  });

  it('that is asked for and not granted stops the run with what it is for', async () => {
    const permissions = { network: { hosts: ['a.example:443'], why: 'It asks there.' } };
    const start = ask(CONNECT(port), {}, { permissions });
    await expect(start).rejects.toMatchObject({
      message: expect.stringMatching(/^plugins\[0\]: '.*' asks for network: It asks there\.$/),
      hint: 'where you trust it with that: grant: {network: [a.example:443]}',
    });
  });

  it('for writing lets a sink keep its log where that was granted, and nowhere else', async () => {
    const log = path.join(scratch, 'log');
    fs.mkdirSync(log);
    const main = (file: string): string =>
      `import { appendFileSync } from 'node:fs'; export const sinks = { keep: (lines) => appendFileSync(${JSON.stringify(file)}, lines.join('\\n') + '\\n') };`;
    const sink = async (file: string): Promise<readonly string[]> => {
      const adds = { sinks: [{ name: 'keep', description: 'K.' }] };
      const use = plugin(main(file), adds, { permissions: { writes: { why: 'It keeps a log.' } } });
      const host = await PluginHost.start([{ use, grant: { writes: ['./log'] } }], { folder: scratch, unpinned: true });
      try {
        await host.sink(['{"id":1}', '{"id":2}']);
        return host.failures().map(({ reason }) => reason);
      } finally {
        await host.close();
      }
    };
    expect(await sink(path.join(fs.realpathSync(log), 'a.jsonl'))).toEqual([]);
    expect(fs.readFileSync(path.join(log, 'a.jsonl'), 'utf8')).toBe('{"id":1}\n{"id":2}\n');
    expect(await sink(path.join(scratch, 'a.jsonl'))).toEqual([
      'failed: Error: Access to this API has been restricted. Use --allow-fs-write to manage permissions.',
    ]);
  });

  it('for files reads the folder that was granted and no other', async () => {
    const folder = path.join(scratch, 'lists');
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, 'n.txt'), '7');
    const permissions = { files: { why: 'It reads a list.' } };
    const read = (file: string): string =>
      feature(
        `return [Number(readFileSync(${JSON.stringify(file)}, 'utf8')), 1];`,
        "import { readFileSync } from 'node:fs';",
      );
    const config = { grant: { files: ['./lists'] } };
    expect(await ask(read(path.join(fs.realpathSync(folder), 'n.txt')), config, { permissions })).toEqual({
      values: [7, undefined, 1],
      failures: [],
    });
    expect((await ask(read('/etc/passwd'), config, { permissions })).failures).toEqual([
      'failed: Error: Access to this API has been restricted. Use --allow-fs-read to manage permissions.',
    ]);
  });
});

describe('a grant', () => {
  const start = (grant: object, permissions: object) =>
    PluginHost.start([{ use: plugin(feature('return []'), FEATURE, { permissions }), grant }], {
      folder: scratch,
      unpinned: true,
    });
  const network = { network: { hosts: ['a.example:443', 'b.example:443'], why: 'W.' } };
  const cases: readonly (readonly [object, object, RegExp, string])[] = [
    [{ files: ['.'] }, {}, /^plugins\[0\]\.grant\.files: '.*' does not ask for it$/, 'take it away'],
    [
      { network: ['a.example:443'] },
      network,
      /^plugins\[0\]\.grant\.network: '.*' asks for b\.example:443 too: W\.$/,
      'where you trust it with that: grant: {network: [a.example:443, b.example:443]}',
    ],
    [
      { network: ['a.exampel:443'] },
      network,
      /^plugins\[0\]\.grant\.network: '.*' does not ask for a\.exampel:443$/,
      "did you mean 'a.example:443'?",
    ],
    [
      { files: ['./none'] },
      { files: { why: 'W.' } },
      /^plugins\[0\]\.grant\.files: \.\/none is no folder$/,
      'give a folder that is there',
    ],
    [
      { writes: ['.'] },
      { writes: { why: 'W.' } },
      /^plugins\[0\]\.grant\.writes: \. holds the plugin itself, which could then change its own code$/,
      'give another folder',
    ],
  ];
  for (const [grant, permissions, message, hint] of cases)
    it(`is refused: ${message.source}`, async () => {
      await expect(start(grant, permissions)).rejects.toMatchObject({ message: expect.stringMatching(message), hint });
    });
});

describe('a package', () => {
  it('is found in a node_modules folder above the configuration, and nowhere else', () => {
    const use = plugin('');
    const modules = path.join(scratch, 'node_modules', '@acme');
    fs.mkdirSync(modules, { recursive: true });
    fs.cpSync(use, path.join(modules, 'kit'), { recursive: true });
    const below = path.join(scratch, 'a', 'b');
    fs.mkdirSync(below, { recursive: true });
    expect(readPlugin('@acme/kit', below)).toMatchObject({ integrity: readPlugin(use, scratch).integrity });
    expect(() => readPlugin('@acme/kat', below)).toThrow(
      `@acme/kat: no such plugin in a node_modules folder beside or above ${below}`,
    );
    expect(() => readPlugin('../../etc', below)).toThrow('../../etc: no such file or folder');
  });
});

describe('a Node that can not confine a process', () => {
  it('is told by what it lacks', () => {
    expect(confinementFault(new Set(), () => undefined)).toBe(`Node.js ${process.version} has no --permission`);
    expect(confinementFault(new Set(['--permission']), undefined)).toBe(undefined);
    expect(confinementFault(new Set(['--permission']), null)).toBe(
      `Node.js ${process.version} has no module hooks (22.15 has them)`,
    );
  });
});

describe('a process that was closed', () => {
  it.skipIf(process.platform === 'win32')('leaves nothing behind', async () => {
    const { TMPDIR } = process.env;
    process.env.TMPDIR = fs.mkdtempSync(path.join(scratch, 'tmp-'));
    const use = plugin(feature('return []'));
    const host = await PluginHost.start([{ use }], { folder: scratch, unpinned: true });
    expect(fs.readdirSync(process.env.TMPDIR)).toEqual([expect.stringMatching(/^anomalyst-plugin-/)]);
    await host.close();
    expect(fs.readdirSync(process.env.TMPDIR)).toEqual([]);
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    expect(host.failures()).toEqual([]);
  });
});

describe('what is pinned', () => {
  it('runs, and does not when a file has changed', async () => {
    const use = plugin(feature('return value.map((one) => 2 * one)'));
    const { integrity, manifest } = readPlugin(use, scratch);
    const pinned = { use, version: manifest.version, integrity };
    await (await PluginHost.start([pinned], { folder: scratch })).close();
    fs.appendFileSync(path.join(use, 'main.js'), '// x');
    const changed = readPlugin(use, scratch).integrity;
    await expect(PluginHost.start([pinned], { folder: scratch })).rejects.toMatchObject({
      message: `plugins[0]: '${use.slice(0, 80)}' is not what was pinned: its files give ${changed}, and the configuration says ${integrity}`,
    });
    await expect(PluginHost.start([{ use }], { folder: scratch })).rejects.toMatchObject({
      message: `plugins[0]: '${use.slice(0, 80)}' is not pinned: version is missing`,
    });
    await expect(PluginHost.start([{ ...pinned, version: '2.0.0' }], { folder: scratch })).rejects.toMatchObject({
      message: `plugins[0]: '${use.slice(0, 80)}' is version 1.0.0, and the configuration pins 2.0.0`,
    });
  });

  it('holds no link', () => {
    const use = plugin('');
    fs.symlinkSync('/etc/passwd', path.join(use, 'data.json'));
    expect(() => readPlugin(use, scratch)).toThrow(`${path.join(use, 'data.json')}: a link or a special file`);
  });

  it('is hashed as sha256sum does, twice', () => {
    const use = plugin('x');
    expect(readPlugin(use, scratch).integrity).toMatch(/^sha256-[A-Za-z0-9+/]{43}=$/);
  });
});

describe('two plugins of one namespace', () => {
  it('are refused', async () => {
    const use = plugin(feature('return []'));
    await expect(PluginHost.start([{ use }, { use }], { folder: scratch, unpinned: true })).rejects.toMatchObject({
      message: "plugins[1]: 'bad' and 'bad' both add what begins with 'bad.'",
    });
  });
});

describe('flags, detectors, decoders, sinks and reports', () => {
  const ADDS = {
    flags: [
      {
        name: 'big',
        description: 'Big.',
        takes: [{ name: 'value', type: 'number' }],
        parameters: { over: { type: 'number', description: 'Above it.', default: 5 } },
      },
    ],
    detectors: [
      { name: 'first', description: 'First.', needs: ['amount', 'who'] },
      { name: 'blind', description: 'Blind.', needs: ['colour'] },
    ],
    decoders: [{ name: 'hello', description: 'Hello.', transport: 'udp', ports: [4000] }],
    sinks: [{ name: 'count', description: 'Counts.' }],
    reports: [
      {
        name: 'short',
        description: 'Short.',
        parameters: { title: { type: 'text', description: 'Title.', default: 'T' } },
      },
    ],
  };
  const MAIN = `
    const collect = (test) => () => { const rows = []; return { observe(columns, numbers) { numbers.forEach((row, i) => { if (test(columns, i)) rows.push(row); }); }, finish: () => rows.length === 0 ? [] : [{ entity: 'user1', score: 0.7, message: 'of ' + rows.length, reasons: [{ name: 'rows', value: rows.length }], rows }] }; };
    let lines = 0;
    export default {
      flags: { big: ({ over }) => collect(({ value }, i) => value[i] > over)() },
      detectors: { first: collect(({ who }, i) => who[i] === 'user1'), blind: collect(() => true) },
      decoders: { hello: (bytes, { port, from }) => bytes[0] === 72 ? { name: 'hello', summary: 'on ' + port + ' by ' + from, columns: { text: new TextDecoder().decode(bytes) } } : undefined },
      sinks: { count: (all) => { lines += all.length; } },
      reports: { short: ({ incidents }, { title }) => [{ file: 'short.txt', content: title + incidents.length + ' ' + lines }] },
    };`;

  it('give what they found', async () => {
    const use = plugin(MAIN, ADDS, { name: '@some/kit' });
    const host = await PluginHost.start([{ use, settings: { short: { title: 'N' } } }], {
      folder: scratch,
      unpinned: true,
    });
    try {
      const numbers = Float64Array.of(1, 2, 3);
      const table = rows([1, 7, 9]);
      const observer = host.functions().flags['kit.big']?.create({ value: 'amount', over: 8 }, SCHEMA);
      observer?.observe(table, numbers);
      await host.settle();
      expect(observer?.finish()).toEqual([
        {
          entity: 'user1',
          keys: {},
          values: { rows: 1 },
          message: 'of 1',
          rows: [3],
          rowCount: 1,
          firstMs: undefined,
          lastMs: undefined,
        },
      ]);
      const { able, lacking } = host.detectors('rows', SCHEMA);
      expect(lacking).toEqual([
        { plugin: '@some/kit', reason: 'did not look with kit.blind: there is no column colour' },
      ]);
      await able[0]?.observe(table, numbers);
      expect(await able[0]?.finish()).toEqual([
        { entity: 'user1', score: 0.7, message: 'of 1', reasons: [{ name: 'rows', value: 1, unit: '' }], rows: [2] },
      ]);
      const [decoder] = host.decoders();
      const hi = new TextEncoder().encode('Hi');
      expect(
        await decoder?.decode([
          { bytes: hi, port: 4000, from: 'initiator' },
          { bytes: new Uint8Array(4), port: 4000, from: 'responder' },
          { bytes: hi, port: 4001, from: 'responder' },
        ]),
      ).toEqual([
        { name: 'hello', summary: 'on 4000 by initiator', columns: { text: 'Hi' } },
        undefined,
        { name: 'hello', summary: 'on 4001 by responder', columns: { text: 'Hi' } },
      ]);
      await host.sink(['{}', '{}', '{}']);
      const files = await host.reports('{"incidents":[1,2]}');
      expect(files.map(({ name, bytes }) => [name, new TextDecoder().decode(bytes)])).toEqual([
        ['kit.short.txt', 'N2 3'],
      ]);
      expect(host.failures()).toEqual([]);
    } finally {
      await host.close();
    }
  });

  const bad: readonly (readonly [string, string, string])[] = [
    ['a row that it was not shown', "[{ rows: [99], message: '' }]", 'finding 1 names a row that it was not shown'],
    ['a score above 1', '[{ rows: [1], score: 2 }]', 'the score of finding 1 is no number from 0 to 1'],
    ['no rows', '[{ rows: [] }]', 'finding 1 rests on no row'],
    ['no list', "{ '__proto__': [] }", 'its list of findings is no list'],
    [
      'too many',
      'Array.from({ length: 1001 }, () => ({ rows: [1] }))',
      'its list of findings has 1001 entries, and 1000 are the most',
    ],
  ];
  for (const [what, findings, reason] of bad)
    it(`stop where they give ${what}`, async () => {
      const main = `export const detectors = { first: () => ({ observe() {}, finish: () => (${findings}) }) };`;
      const use = plugin(main, { detectors: [{ name: 'first', description: 'F.', needs: ['amount'] }] });
      const host = await PluginHost.start([{ use }], { folder: scratch, unpinned: true });
      try {
        const [detector] = host.detectors('rows', SCHEMA).able;
        await detector?.observe(rows([1]), Float64Array.of(1));
        expect(await detector?.finish()).toEqual([]);
        expect(host.failures()).toEqual([{ plugin: 'bad', reason: `answered nonsense: ${reason}` }]);
      } finally {
        await host.close();
      }
    });

  for (const name of ['../x.txt', 'a/b.txt', '.hidden', 'x', 'con:.txt', 'x'.repeat(99)])
    it(`stop where they name a file ${name.slice(0, 20)}`, async () => {
      const main = `export const reports = { short: () => [{ file: ${JSON.stringify(name)}, content: '' }] };`;
      const use = plugin(main, { reports: [{ name: 'short', description: 'S.' }] });
      const host = await PluginHost.start([{ use }], { folder: scratch, unpinned: true });
      try {
        expect(await host.reports('{}')).toEqual([]);
        expect(host.failures()[0]?.reason).toBe(
          `answered nonsense: the name of file 1 is not letters, digits, '-' and '_' with an ending: ${name.slice(0, 60)}`,
        );
      } finally {
        await host.close();
      }
    });
});

describe('definitions', () => {
  const bind = async (yaml: string) => {
    const use = plugin(feature('return value.map((one) => 2 * one)'));
    const host = await PluginHost.start([{ use }], { folder: scratch, unpinned: true });
    try {
      const functions = { ...standardFunctions(), ...host.functions() };
      return host.sites(await parseDefinitions(yaml, 'f.yaml', { functions }), SCHEMA).count;
    } finally {
      await host.close();
    }
  };

  it('find functions of plugins wherever they stand, each once', async () => {
    expect(
      await bind(`features:
  - {name: a, expression: 'bad.twice(amount) + 1'}
  - {name: b, expression: 'max(bad.twice(amount)) by who'}
  - {name: c, metric: bad.twice, of: amount}
filters:
  - {exclude: 'bad.twice(bad.twice(amount)) > 100'}
`),
    ).toBe(3);
  });

  it('refuse one that would be asked about a group, or about nothing', async () => {
    await expect(
      bind("flags: [{name: a, having: 'bad.twice(count()) > 3', by: who, severity: low, message: m}]"),
    ).rejects.toMatchObject({
      message: "f.yaml:1:28 flags[0].having: 'bad.twice' is asked row by row, and here is a whole group of them",
    });
    await expect(bind('features: [{name: a, expression: bad.twice(3)}]')).rejects.toMatchObject({
      message: "f.yaml:1:34 features[0].expression: 'bad.twice' wants a column",
    });
  });
});
