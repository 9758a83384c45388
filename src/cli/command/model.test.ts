import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readOnnx, runOnnx } from '../../../test/support/onnx.ts';
import { Random } from '../../core/index.ts';
import { BaselineFile } from '../../detect/index.ts';
import {
  fitIsolationForest,
  fitKnn,
  fitModel,
  loadModel,
  type ModelDiff,
  type ModelInspection,
} from '../../model/index.ts';
import type { Comparison } from '../../pipeline/index.ts';
import { main } from '../main.ts';

let folder = '';

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'model-'));
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

const at = (name: string): string => path.join(folder, name);

function write(name: string, content: string | Uint8Array): string {
  fs.writeFileSync(at(name), content);
  return at(name);
}

/** Runs the command line here, and takes what it says. Names of files are told without their folder. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const take =
    (where: 'out' | 'err') =>
    (text: unknown, done?: unknown): boolean => {
      said[where] += String(text).replaceAll(`${folder}/`, '');
      if (typeof done === 'function') done();
      return true;
    };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(take('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(take('err')),
  ];
  vi.stubEnv('NO_COLOR', '1');
  try {
    return { code: await main(args), ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
  }
}

const FEATURES = ['bytes', 'ms'];

function matrix(seed: number, names: readonly string[] = FEATURES) {
  const random = new Random(seed);
  return {
    features: names.map((name) => ({ name, unit: '', meaning: '' })),
    rowCount: 400,
    values: Float32Array.from({ length: 400 * names.length }, () => random.float()),
  };
}

const model = (name: string, seed: number): string =>
  write(name, fitIsolationForest(matrix(seed), { seed, trees: 10 }).save());

describe('model inspect', () => {
  test('tells kind, training, thresholds, features and arrays, with a picture of the scores', async () => {
    const file = model('m.safetensors', 1);
    const { code, out, err } = await run('model', 'inspect', file);
    expect([code, err]).toEqual([0, '']);
    const { checksum } = loadModel(fs.readFileSync(file));
    for (const part of [
      'm.safetensors\nmodel        isolation-forest, seed 1, schema version 1\n',
      `checksum     ${checksum},\n             verified\n`,
      'fitted on    400 of 400 rows\n',
      'calibration  400 rows, each scored by a part that was fitted without it\n',
      'parameters   rangeGuard true, subsample 256, trees 10\n',
      'keeps        400 rows of the training, as given; they can be read from the file\n',
      'onnx         has a graph: anomalyst model convert --to onnx\n',
      '\n1 in 100      0.99   ',
      '\nraw scores of the calibration rows\n',
      '█',
      '┴',
      '\nfeature     least      5 %  median ',
      '\narray               type  shape ',
      '\ntree.feature        I16   10 x 255 ',
    ])
      expect(out).toContain(part);
    expect(out.split('\n').every((line) => line.length <= 100)).toBe(true);
  });

  test('prints the same as JSON', async () => {
    const { out } = await run('model', 'inspect', model('m.safetensors', 1), '--json');
    const told = JSON.parse(out) as ModelInspection & { file: string };
    expect(told).toMatchObject({
      file: 'm.safetensors',
      kind: 'isolation-forest',
      container: 'safetensors',
      hasOnnx: true,
    });
    expect(told.features.map(({ name }) => name)).toEqual(FEATURES);
  });

  test('shows hostile names as text, and none of them to the terminal', async () => {
    const rows = matrix(1, ['\u001b[2Jgone', '\u202etxt.exe']);
    const hostile = fitKnn(rows, {
      encoding: { kind: '\u001b]0;x\u0007', '\u001b[1m': 1 },
      schemaVersion: '\u001b[0m',
    });
    const file = write('m.safetensors', hostile.save());
    const { code, out } = await run('model', 'inspect', file);
    expect(code).toBe(0);
    expect(out).toContain('\\u{1b}[2Jgone');
    expect(out).toContain('\\u{202e}txt.exe');
    const { out: diff } = await run('model', 'diff', file, model('other.safetensors', 1));
    for (const text of [out, diff])
      expect([...text].every((ch) => ch === '\n' || (ch >= ' ' && ch !== '\u202e'))).toBe(true);
  });

  test('refuses what is damaged or no model with what is wrong, and 2', async () => {
    const whole = fs.readFileSync(model('m.safetensors', 1));
    const cut = write('cut.safetensors', whole.subarray(0, 1000));
    expect(await run('model', 'inspect', cut)).toEqual({
      code: 2,
      out: '',
      err: 'error: cut.safetensors: The model file is damaged: it ends within its header.\n  Copy the file again from where it was made, or fit a new model.\n',
    });
    expect((await run('model', 'inspect', write('x.txt', 'hello, world'))).err).toContain(
      'error: x.txt: This is not a model file.\n',
    );
    expect(await run('model', 'inspect', at('none'))).toMatchObject({
      code: 2,
      err: 'error: cannot read none: no such file or folder (ENOENT)\n  check the path\n',
    });
  });
});

describe('model convert', () => {
  test('writes JSON and safetensors without loss, by the ending of the name', async () => {
    const file = model('m.safetensors', 1);
    expect(await run('model', 'convert', file, '--out', at('m.json'))).toMatchObject({ code: 0, out: '' });
    expect((await run('model', 'convert', at('m.json'), '--out', at('back.safetensors'), '-q')).err).toBe('');
    expect(fs.readFileSync(at('back.safetensors')).equals(fs.readFileSync(file))).toBe(true);
    await run('model', 'convert', file, '--to', 'json', '--out', at('other.name'));
    expect(fs.readFileSync(at('other.name'), 'utf8')).toBe(fs.readFileSync(at('m.json'), 'utf8'));
  });

  test('writes a graph that scores alike, with units of the features that are known', async () => {
    const rows = matrix(1, ['flow.duration', 'own']);
    const fitted = fitModel('pca', rows);
    const { code, err } = await run('model', 'convert', write('m.safetensors', fitted.save()), '--out', at('m.onnx'));
    expect([code, err.split(' (')[0]]).toEqual([0, 'wrote m.onnx']);
    const graph = readOnnx(fs.readFileSync(at('m.onnx')));
    const scores = runOnnx(graph, rows.values).get('score') ?? new Float64Array();
    fitted.score(rows).forEach((score, row) => {
      expect(scores[row]).toBeCloseTo(score, 9);
    });
    expect(JSON.parse(graph.metadata.get('features') ?? '')).toMatchObject([
      { name: 'flow.duration' },
      { name: 'own' },
    ]);
  });

  test('refuses a kind without a graph, an ending that says nothing, and options of lists', async () => {
    const without = write('m.safetensors', fitModel('robust-random-cut-forest', matrix(1)).save());
    expect(await run('model', 'convert', without, '--out', at('m.onnx'))).toMatchObject({
      code: 2,
      err: expect.stringContaining(
        "error: m.safetensors: A model of kind 'robust-random-cut-forest' can't be written as ONNX: it has no graph.\n  These kinds have one: ",
      ) as string,
    });
    expect(fs.existsSync(at('m.onnx'))).toBe(false);
    expect((await run('model', 'convert', without, '--out', at('m.bin'))).err).toBe(
      'error: --out m.bin: its ending does not say what to write\n  say it with --to: json, safetensors, onnx or yaml\n',
    );
    expect((await run('model', 'convert', without, '--out', at('m.json'), '--proposed')).err).toBe(
      'error: --proposed is for lists of older tools\n  they become a baseline, with --to yaml\n',
    );
    expect((await run('model', 'convert', '--out', at('m.json'))).err).toBe(
      'error: no model file is given\n  as in model.safetensors\n',
    );
    expect((await run('model', 'convert', without, without, '--out', at('m.json'))).err).toContain(
      'one model file is converted at a time',
    );
  });
});

describe('model convert --to yaml', () => {
  test('makes a baseline of lists, and names wrong lines', async () => {
    const devices = write(
      'known.txt',
      'B827EB Raspberry Pi\r\n\r\nnonsense\r\n192.168.1.20 NAS\r\nb8:27:eb once more\r\n',
    );
    const protocols = write('allowed.txt', 'TCP, UDP\nIPV6-ICMP\nTPC\n');
    const { code, err } = await run('model', 'convert', devices, protocols, '--to', 'yaml', '--out', at('b.yaml'));
    expect(code).toBe(0);
    expect(err).toBe(
      [
        'known.txt: 2 device entries, 1 repeated entry, 1 wrong line',
        "known.txt:3: 'nonsense' is no MAC, no beginning of one, no address and no network",
        'known.txt:5: repeated: b8:27:eb is in line 1 already',
        'allowed.txt: 3 protocols, 0 repeated entries, 1 wrong line',
        "allowed.txt:3: unknown protocol 'TPC'; did you mean 'TCP'?",
        'wrote b.yaml: 2 device entries, 3 protocols',
        '',
      ].join('\n'),
    );
    const { content } = BaselineFile.parse(fs.readFileSync(at('b.yaml'), 'utf8'), 'b.yaml');
    expect(content).toEqual({
      version: 1,
      devices: [
        { name: 'Raspberry Pi', vendorPrefix: 'b8:27:eb' },
        { name: 'NAS', ip: '192.168.1.20' },
      ],
      protocols: { transport: ['TCP', 'UDP'], network: ['ICMPv6'] },
    });
  });

  test('takes the word of the options for what a list is, and writes proposals where asked', async () => {
    const unclear = write('list.txt', 'my-own-protocol\n');
    expect((await run('model', 'convert', unclear, '--out', at('b.yaml'))).err).toBe(
      'error: list.txt: its lines do not show whether it lists devices or protocols\n  say it: --devices list.txt or --protocols list.txt\n',
    );
    const file = write('macs.txt', '3c:52:82:01:02:03\n');
    expect(await run('model', 'convert', '--devices', file, '--proposed', '--out', at('b.yml'))).toMatchObject({
      code: 0,
    });
    expect(fs.readFileSync(at('b.yml'), 'utf8')).toContain('status: proposed');
    expect(await run('model', 'convert', '--protocols', file, '--out', at('c.yaml'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('error: no line of the lists is an entry\n') as string,
    });
    expect(fs.existsSync(at('c.yaml'))).toBe(false);
  });

  test('reads no pickle and nothing that is no text', async () => {
    const pickle = write('oui_baseline', Uint8Array.of(0x80, 4, 0x95));
    expect(await run('model', 'convert', pickle, '--out', at('b.yaml'))).toMatchObject({
      code: 2,
      err: expect.stringContaining(
        'error: oui_baseline: a pickle is code as much as data, and is not read\n',
      ) as string,
    });
    expect((await run('model', 'convert', write('x', 'a\0b'), '--out', at('b.yaml'))).err).toContain(
      'x: this is no text',
    );
  });
});

/** Rows of a table as text, the last far from the others. */
function table(name: string, count: number, seed: number): string {
  const random = new Random(seed);
  const lines = Array.from(
    { length: count },
    (_, i) => `${Math.round(500 + 100 * random.float())},${i === count - 1 ? 9 : random.float().toFixed(3)}`,
  );
  return write(name, `bytes,ms\n${lines.join('\n')}\n`);
}

describe('model diff', () => {
  test('says that a model is the same, whatever its file', async () => {
    const file = model('a.safetensors', 1);
    await run('model', 'convert', file, '--out', at('b.json'));
    const { code, out } = await run('model', 'diff', file, at('b.json'));
    expect(code).toBe(0);
    expect(out).toMatch(
      /^a {2}a\.safetensors {2}isolation-forest [0-9a-f]{12}\nb {2}b\.json {2}isolation-forest [0-9a-f]{12}\n\nbit for bit the same model\n$/,
    );
  });

  test('tells what changed between two', async () => {
    const [a, b] = [model('a.safetensors', 1), write('b.safetensors', fitKnn(matrix(2, ['bytes', 'new'])).save())];
    const { out } = await run('model', 'diff', a, b);
    for (const part of [
      '\nkind                  isolation-forest  knn\n',
      '\nseed                  1                 0\n',
      '\nparameter trees       10                none\n',
      '\n1 in 100 ',
      '\n1 feature of both; added in b: new; not in b: ms\n',
      'as by chance',
      '\narrays that differ: calibration.scores, ',
    ])
      expect(out).toContain(part);
    const json = JSON.parse((await run('model', 'diff', a, b, '--json')).out) as ModelDiff;
    expect(json).toMatchObject({ identical: false, features: { added: ['new'], removed: ['ms'] } });
  });

  test('compares scores of the same rows, each measured as for its model, with reasons', async () => {
    const rows = table('rows.csv', 300, 1);
    for (const [name, seed] of [
      ['a', '1'],
      ['b', '2'],
    ] as const)
      expect(
        (
          await run(
            'train',
            rows,
            '--out',
            at(`${name}.safetensors`),
            '--algorithm',
            'isolation-forest',
            '--seed',
            seed,
            '-q',
          )
        ).err,
      ).toBe('');
    const args = ['model', 'diff', at('a.safetensors'), at('b.safetensors'), '--on', rows, '--top', '2'];
    const { code, out, err } = await run(...args);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('\non 300 rows\n  rank correlation  0.');
    expect(out).toMatch(
      /\n {2}at 1 in 100, over the threshold of both \d+, of a alone \d+, of b alone \d+, of neither \d+\n/,
    );
    expect(out).toMatch(/\nlargest differences\n {2}row \d+ {2,}0?\.?\d+ +-> +0?\.?\d+\n {6}a: /);
    const { on } = JSON.parse((await run(...args, '--json', '--budget', '5%')).out) as { on: Comparison };
    expect(on).toMatchObject({ rowKind: 'rows', onlyA: 0, onlyB: 0, scores: { rows: 300, sides: { rate: 0.05 } } });
    expect(on.movers).toHaveLength(2);
    const [first] = on.movers;
    expect(Math.abs((first?.a.score ?? 0) - (first?.b.score ?? 0))).toBeCloseTo(on.scores.largestDifference, 12);
    const same = await run('model', 'diff', at('a.safetensors'), at('a.safetensors'), '--on', rows);
    expect(same.out).toContain('bit for bit the same model');
    expect(same.out).toContain('every row has the same score from both');
  });

  test('matches rows by their numbers where one model was fitted with a filter', async () => {
    const rows = table('rows.csv', 300, 1);
    const definitions = write(
      'kept.yaml',
      "features:\n  - {name: ms, expression: 'ms'}\nfilters:\n  - {exclude: 'bytes < 550'}\n",
    );
    await run('train', rows, '--out', at('all.safetensors'), '--algorithm', 'ecod', '-q');
    expect(
      (await run('train', rows, '--out', at('few.safetensors'), '--algorithm', 'ecod', '--features', definitions, '-q'))
        .err,
    ).toBe('');
    const { out } = await run('model', 'diff', at('all.safetensors'), at('few.safetensors'), '--on', rows, '--json');
    const { on } = JSON.parse(out) as { on: Comparison };
    const kept = fs
      .readFileSync(rows, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .filter((line) => Number(line.split(',')[0]) >= 550).length;
    expect(on.scores.rows).toBe(kept);
    expect([on.onlyA, on.onlyB]).toEqual([300 - kept, 0]);
    const line = (row: number): string => fs.readFileSync(rows, 'utf8').split('\n')[row] ?? '';
    for (const { row } of on.movers) expect(Number(line(row).split(',')[0])).toBeGreaterThanOrEqual(550);
  });

  test('refuses what cannot be compared', async () => {
    const a = model('a.safetensors', 1);
    expect((await run('model', 'diff', a, a, '--budget', '1%')).err).toBe(
      'error: --budget is of rows that both models score\n  give them with --on\n',
    );
    const rows = table('rows.csv', 50, 1);
    expect((await run('model', 'diff', a, a, '--on', rows, '--budget', '3/week')).err).toBe(
      "error: --budget 3 a week: two models are compared at a share of the records\n  for example '0.1%' or '1 in 1000'\n",
    );
    await run('train', rows, '--out', at('rows.safetensors'), '-q');
    expect(await run('model', 'diff', a, at('rows.safetensors'), '--on', rows)).toMatchObject({
      code: 2,
      err: expect.stringContaining('was fitted on flows, ') as string,
    });
    expect(await run('model', 'dif')).toMatchObject({
      code: 2,
      err: expect.stringContaining('Did you mean diff?') as string,
    });
  });
});
