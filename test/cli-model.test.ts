/** The commands train, score, explain --model, evaluate and tune, as a person runs them, but for the process. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../src/cli/index.ts';
import { Random } from '../src/core/index.ts';
import { loadModel } from '../src/model/index.ts';
import { temporaryFolder } from './support/cli.ts';

const folder = temporaryFolder();
const at = (name: string): string => path.join(folder, name);
const OFFICE = new URL('fixture/demo/office.pcap', import.meta.url).pathname;

interface Row {
  readonly time: string;
  readonly host: string;
  readonly proto: string;
  readonly bytes: number;
  readonly packets: number;
  readonly class: string;
}

/** An hour and more of ordinary records in one second steps, and from `from` on every tenth an attack of two kinds. */
function rows(count: number, seed: number, from = 0): Row[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const hostile = i >= from && i % 10 === 9;
    const scan = hostile && i % 20 === 9;
    const packets = hostile ? (scan ? 1 : 900 + random.below(400)) : 4 + random.below(30);
    return {
      time: new Date(Date.UTC(2026, 2, 2, 9) + i * 1000).toISOString(),
      host: `10.0.0.${1 + random.below(20)}`,
      proto: scan ? 'icmp' : random.float() < 0.3 ? 'udp' : 'tcp',
      bytes: scan ? 28 : Math.round(packets * (60 + 40 * random.float())),
      packets,
      class: hostile ? (scan ? 'scan' : 'exfiltration') : 'normal',
    };
  });
}

function csv(
  name: string,
  list: readonly Row[],
  columns: readonly (keyof Row)[] = ['time', 'host', 'proto', 'bytes', 'packets', 'class'],
): string {
  const lines = [columns.join(','), ...list.map((row) => columns.map((column) => row[column]).join(','))];
  fs.writeFileSync(at(name), `${lines.join('\n')}\n`);
  return at(name);
}

const TRAIN = csv('train.csv', rows(1200, 1, 600));
const TEST = csv('test.csv', rows(800, 2));
const PLAIN = csv('plain.csv', rows(800, 2), ['time', 'host', 'proto', 'bytes', 'packets']);
const TIMELESS = csv('timeless.csv', rows(800, 3), ['host', 'proto', 'bytes', 'packets', 'class']);

let out = '';
let err = '';

beforeEach(() => {
  out = '';
  err = '';
  const take =
    (keep: (text: string) => void) =>
    (text: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
      keep(String(text));
      for (const callback of [encoding, done]) if (typeof callback === 'function') callback();
      return true;
    };
  vi.spyOn(process.stdout, 'write').mockImplementation(
    take((text) => {
      out += text;
    }),
  );
  vi.spyOn(process.stderr, 'write').mockImplementation(
    take((text) => {
      err += text;
    }),
  );
});

afterEach(() => {
  vi.restoreAllMocks();
});

async function run(...args: string[]): Promise<number> {
  return await main(args);
}

async function json<T>(...args: string[]): Promise<T> {
  expect(await run(...args, '--json')).toBe(0);
  return JSON.parse(out) as T;
}

const TRAINED = ['train', TRAIN, '--label-column', 'class', '--algorithm', 'isolation-forest'];

async function trained(name = 'model.safetensors', ...more: string[]): Promise<string> {
  const file = at(name);
  if (!fs.existsSync(file)) expect(await run(...TRAINED, '--out', file, '--quiet', ...more)).toBe(0);
  out = '';
  return file;
}

describe('train', () => {
  it('fits ordinary rows alone, leaves the label out of the features, and says what budgets mean', async () => {
    const file = at('first.safetensors');
    expect(await run(...TRAINED, '--out', file)).toBe(0);
    expect(out).toContain('fitted on    1,140 rows of 1,200: 60 left out by their labels');
    expect(out).toContain('labels       normal 1,140 (ordinary), exfiltration 30, scan 30');
    expect(out).toMatch(/ordinary records above it {2}score +a day +a week\n1 in 100 +0.99 +8\d\d +6,0\d\d\n/);
    expect(out).toContain('alarms at the rate of the 19 min 59 s that were read');
    const model = loadModel(fs.readFileSync(file));
    expect(model.featureNames.some((name) => name.includes('class'))).toBe(false);
    expect(model.featureNames.some((name) => name.includes('bytes'))).toBe(true);
    expect(model.training.rows).toBe(1140);
  });

  it('gives the same file for the same input and seed, and another for another seed', async () => {
    const first = fs.readFileSync(await trained());
    expect(await run(...TRAINED, '--out', at('again.safetensors'), '--quiet')).toBe(0);
    expect(fs.readFileSync(at('again.safetensors')).equals(first)).toBe(true);
    expect(await run(...TRAINED, '--out', at('other.safetensors'), '--quiet', '--seed', '7')).toBe(0);
    expect(fs.readFileSync(at('other.safetensors')).equals(first)).toBe(false);
  });

  it('fits on all rows where they are contaminated, and takes parameters of the kind', async () => {
    const result = await json<{ rows: { sampled: number }; parameters: object; model: { kind: string } }>(
      ...['train', TRAIN, '--label-column', 'class', '--contaminated', '--algorithm', 'knn'],
      ...['--set', 'neighbours=7', '--set', 'footing=log', '--out', at('knn.safetensors')],
    );
    expect(result.rows.sampled).toBe(1200);
    expect(result.parameters).toEqual({ neighbours: 7, footing: 'log' });
    expect(result.model.kind).toBe('knn');
  });

  it('fits flows of a capture, and a former model anew without what it finds strange', async () => {
    const first = at('office.safetensors');
    expect(await run('train', OFFICE, '--out', first, '--algorithm', 'isolation-forest')).toBe(0);
    expect(out).toContain('fitted on    1,116 flows of 1,116');
    // Ten minutes know nothing of hours.
    expect(err).toContain('note: the time of day is no feature: it says something from two days on');
    expect(loadModel(fs.readFileSync(first)).featureNames).not.toContain('flow.hour-sin');
    out = '';
    const result = await json<{ retrained: { trimmed: number; approved: number }; rows: { read: number } }>(
      ...['train', OFFICE, '--from', first, '--approve', '20,23', '--out', at('next.safetensors')],
    );
    expect(result.rows.read).toBe(1116);
    expect(result.retrained.trimmed).toBeGreaterThan(0);
    expect(result.retrained.approved).toBe(2);
    // The recipe goes on: the new model scores as the old one did, without being told anything.
    out = '';
    expect(await run('score', OFFICE, '--model', at('next.safetensors'), '--top', '1')).toBe(0);
    expect(out).toContain('scored       1,116 flows in 10 min 39 s');
  });

  it.each([
    [['--label-column', 'clas'], "--label-column clas: there is no column 'clas'", "did you mean 'class'?"],
    [['--without', 'byte'], "--without byte: there is no column 'byte'", "did you mean 'bytes'?"],
    [
      ['--label-column', 'class', '--normal', 'norml'],
      '--normal norml: no row has this label',
      "did you mean 'normal'?",
    ],
    [
      ['--label-column', 'proto'],
      "--label-column proto: which label is the ordinary one can't be told",
      "say it with --normal; labels are 'tcp'",
    ],
    [
      ['--algorithm', 'isolation-forrest'],
      '--algorithm isolation-forrest: there is no such model',
      "did you mean 'isolation-forest'?",
    ],
    [
      ['--algorithm', 'knn', '--set', 'neighbors=3'],
      "--set neighbors=3: a model of kind 'knn' has no 'neighbors'",
      "did you mean 'neighbours'?",
    ],
    [['--normal', 'normal'], '--normal says what ordinary rows are called, but not where', 'give --label-column too'],
    [['--approve', '3'], '--approve and --trim are of a model that is fitted anew', 'give the former one with --from'],
    [['--labels', TEST], '--labels is for flows; a table has its labels in a column', 'give --label-column'],
    [
      ['--without', 'time,host,proto,bytes,packets,class'],
      'there is nothing to fit on: no column of the input tells rows apart',
      'a column with one value alone',
    ],
  ])('says what is wrong with %j, and writes nothing', async (flags, message, hint) => {
    expect(await run('train', TRAIN, '--out', at('none.safetensors'), ...flags)).toBe(2);
    expect(err).toContain(`error: ${message}`);
    expect(err).toContain(hint);
    expect(fs.existsSync(at('none.safetensors'))).toBe(false);
  });

  it('names a file that is empty or of no known format, whatever is asked of it', async () => {
    fs.writeFileSync(at('empty.csv'), '');
    fs.writeFileSync(at('text.txt'), 'no table and no capture\nat all\n');
    for (const [file, what] of [
      ['empty.csv', 'the input is empty (0 bytes)'],
      ['text.txt', 'of no known format'],
    ] as const)
      for (const command of [
        ['train', at(file), '--label-column', 'class', '--out', at('none.safetensors')],
        ['score', at(file), '--model', await trained()],
      ]) {
        err = '';
        expect(await run(...command)).toBe(2);
        expect(err).toContain(`error: ${at(file)}: ${what}\n`);
      }
    err = '';
    expect(await run('score', at('nowhere.csv'), '--model', await trained())).toBe(2);
    expect(err).toContain(`error: cannot read ${at('nowhere.csv')}: no such file or folder (ENOENT)\n`);
    fs.writeFileSync(at('head.csv'), 'a,b\n');
    err = '';
    expect(await run('train', at('head.csv'), '--out', at('none.safetensors'))).toBe(2);
    expect(err).toContain(
      'error: there is no row to fit on\n  give an input with at least one record, better 1,000 or more\n',
    );
  });

  it('says which numbers of --approve and --trim are none', async () => {
    const again = ['train', TRAIN, '--from', await trained(), '--out', at('none.safetensors')];
    expect(await run(...again, '--approve', '1199-1201')).toBe(2);
    expect(err).toContain(
      'error: --approve 1201: there is no such row, the input has 1,200\n  give numbers as anomalyst score prints them for this input\n',
    );
    err = '';
    expect(await run(...again, '--trim', '2')).toBe(2);
    expect(err).toContain(
      'error: --trim 2: expected a share from 0.0001 to 0.2\n  for example --trim 0.01: of a hundred ordinary rows one may be left out\n',
    );
  });

  it('knows the columns of a table without a header by their numbers', async () => {
    fs.writeFileSync(
      at('plain-rows.csv'),
      rows(100, 4)
        .map((row) => `${row.bytes},${row.packets}\n`)
        .join(''),
    );
    expect(await run('train', at('plain-rows.csv'), '--without', '2', '--out', at('none.safetensors'))).toBe(2);
    expect(err).toContain("error: --without 2: there is no column '2'\n  did you mean 'column2'?\n");
  });

  it('says that a column which looks like a label is fitted as a feature', async () => {
    const note =
      "note: column 'class' is a feature like any other; if it says what a row is, give --label-column class\n";
    const fit = ['train', TRAIN, '--algorithm', 'hbos', '--out', at('hbos.safetensors')];
    expect(await run(...fit)).toBe(0);
    expect(err).toContain(note);
    err = '';
    expect(await run(...fit, '--label-column', 'class')).toBe(0);
    expect(await run(...fit, '--without', 'class')).toBe(0);
    expect(err).not.toContain(note);
  });

  it('is never given what analyze would write over or take away', async () => {
    const folder = at('report');
    fs.mkdirSync(folder);
    fs.copyFileSync(TRAIN, path.join(folder, 'flows.csv'));
    fs.copyFileSync(TRAIN, path.join(folder, 'rows.csv'));
    for (const name of ['flows.csv', 'rows.csv']) {
      err = '';
      expect(await run('analyze', path.join(folder, name), '--out', folder)).toBe(2);
      expect(err).toBe(
        `error: --out ${folder}: ${path.join(folder, name)} is one of the inputs, and would be overwritten\n  give another folder with --out\n`,
      );
      expect(fs.readFileSync(path.join(folder, name), 'utf8')).toBe(fs.readFileSync(TRAIN, 'utf8'));
    }
  });

  it('never writes over what it reads, by whatever name', async () => {
    const before = fs.readFileSync(TRAIN);
    fs.symlinkSync(TRAIN, at('link.csv'));
    const commands = [
      ['train', TRAIN, '--out', TRAIN],
      ['train', TRAIN, '--out', at('link.csv')],
      ['score', TRAIN, '--model', await trained(), '--out', TRAIN],
      ['model', 'convert', await trained(), '--to', 'json', '--out', await trained()],
    ];
    for (const command of commands) {
      err = '';
      expect(await run(...command)).toBe(2);
      expect(err).toContain(
        `error: --out ${command.at(-1)}: this is one of the inputs, and would be overwritten\n  give another name\n`,
      );
    }
    expect(fs.readFileSync(TRAIN).equals(before)).toBe(true);
  });

  it('takes kind and parameters from a configuration, and names the place of what is wrong there', async () => {
    fs.writeFileSync(at('good.yaml'), 'fit:\n  algorithm: knn\n  parameters:\n    neighbours: 3\n');
    const result = await json<{ parameters: object }>(
      'train',
      TRAIN,
      '--config',
      at('good.yaml'),
      '--out',
      at('c.safetensors'),
    );
    expect(result.parameters).toEqual({ neighbours: 3 });
    fs.writeFileSync(at('bad.yaml'), 'fit:\n  algorithm: knn\n  parameters:\n    neighbors: 3\n');
    expect(await run('train', TRAIN, '--config', at('bad.yaml'), '--out', at('d.safetensors'))).toBe(2);
    expect(err).toContain("bad.yaml:4:5: unknown key 'neighbors'\n  did you mean 'neighbours'?");
    fs.writeFileSync(at('range.yaml'), 'fit:\n  algorithm: knn\n  parameters:\n    neighbours: 0\n');
    err = '';
    expect(await run('train', TRAIN, '--config', at('range.yaml'), '--out', at('d.safetensors'))).toBe(2);
    expect(err).toContain('range.yaml:4:5: fit.parameters.neighbours: expected a whole number from 1 to 2000');
  });
});

interface ScoreResult {
  readonly threshold: {
    readonly score: number;
    readonly promised: number;
    readonly alerts: number;
    readonly extrapolated: boolean;
    readonly promisedPerWeek: number;
    readonly labelled: {
      readonly ordinary: number;
      readonly falseAlarms: number;
      readonly strange: number;
      readonly found: number;
    };
  };
  readonly top: readonly {
    readonly row: number;
    readonly score: number;
    readonly value: number;
    readonly reasons: readonly { readonly feature: string }[];
  }[];
}

describe('score', () => {
  it('needs the model file alone, finds the attacks first, and says what was promised and what was found', async () => {
    const model = await trained();
    expect(await run('score', PLAIN, '--model', model, '--budget', '1 in 100', '--top', '2')).toBe(0);
    expect(out).toContain('threshold    score 0.99 (asked as 1 in 100)');
    expect(out).toMatch(/promised {5}at most 1 in 100 ordinary rows above it, 8 of 800, 6,0\d\d a\n? +week/);
    expect(out).toMatch(/found {8}\d\d rows above it: .*of ordinary|found {8}\d\d rows above it/);
    expect(out).toMatch(/an attack,\n? +or what is ordinary has changed/);
    expect(out).toMatch(/calibration {2}\d+ of 1,140 calibration rows above it/);
  });

  it('keeps its promise on ordinary rows, and says so where labels tell', async () => {
    const model = await trained();
    const { threshold, top } = await json<ScoreResult>(
      ...['score', TEST, '--model', model, '--budget', '5%', '--label-column', 'class'],
    );
    expect(threshold.promised).toBe(0.05);
    const { ordinary, falseAlarms, strange, found } = threshold.labelled;
    expect([ordinary, strange]).toEqual([720, 80]);
    // 36 expected, standard deviation 6.
    expect(falseAlarms).toBeLessThan(60);
    expect(found).toBeGreaterThan(60);
    expect(threshold.alerts).toBe(falseAlarms + found);
    expect(top[0]?.row ?? 0).toSatisfy((row: number) => row % 10 === 0);
    expect(top[0]?.reasons.length).toBeGreaterThan(0);
  });

  it('takes a budget in a time by the rate of the records', async () => {
    const model = await trained();
    const { threshold } = await json<ScoreResult>('score', TEST, '--model', model, '--budget', '10/hour');
    // One record a second: 10 in 3,600.
    expect(threshold.promised).toBeCloseTo(10 / 3600, 5);
    expect(threshold.promisedPerWeek).toBeCloseTo(1680, 0);
    out = '';
    expect(await run('score', TEST, '--model', model, '--budget', '3/week')).toBe(0);
    expect(out).toMatch(/the threshold is an extrapolation: 1,140 calibration rows show 1 in\n? +1,141 by/);
    expect(await run('score', TEST, '--model', model, '--budget', '1/year')).toBe(2);
    expect(err).toMatch(
      /--budget 1 a year: that is 1 in 3[\d,]{9} of these records, rarer than the model can tell: it was calibrated on 1,140 scores/,
    );
    expect(err).toContain('allow more than 1 in 1,141,000, or fit on more rows');
  });

  it('needs times for a budget in a time', async () => {
    expect(
      await run('train', TIMELESS, '--without', 'class', '--algorithm', 'ecod', '--out', at('t.safetensors'), '-q'),
    ).toBe(0);
    expect(await run('score', TIMELESS, '--model', at('t.safetensors'), '--budget', '3/week')).toBe(2);
    expect(err).toContain(
      "--budget 3 a week: the input has no times, so it can't be told how many records come in a week",
    );
  });

  it('gives the same score to a row whatever stands beside it', async () => {
    const model = await trained();
    const all = await json<ScoreResult>('score', PLAIN, '--model', model, '--top', '1000');
    out = '';
    const list = rows(800, 2);
    const alone = csv('alone.csv', list.slice(399, 402), ['time', 'host', 'proto', 'bytes', 'packets']);
    const few = await json<ScoreResult>('score', alone, '--model', model);
    for (const { row, score } of few.top) expect(score).toBe(all.top.find((one) => one.row === row + 399)?.score);
  });

  it('writes a line for every record, with reasons beside the flagged ones', async () => {
    const model = await trained();
    expect(
      await run(
        'score',
        TEST,
        '--model',
        model,
        '--budget',
        '5%',
        '--label-column',
        'class',
        '--out',
        at('s.csv'),
        '-q',
      ),
    ).toBe(0);
    expect(out).toBe('');
    const [header, ...lines] = fs.readFileSync(at('s.csv'), 'utf8').trimEnd().split('\n');
    expect(header).toBe('row,time,actor,score,value,word,flagged,label,reasons');
    expect(lines).toHaveLength(800);
    expect(lines.filter((line) => line.includes(',1,')).every((line) => / \(\+0\.\d{3}\)/.test(line))).toBe(true);
    expect(lines.filter((line) => line.includes(',0,')).every((line) => line.endsWith(','))).toBe(true);
    expect(await run('score', TEST, '--model', model, '--out', at('s.ndjson'), '-q')).toBe(0);
    const first = JSON.parse(fs.readFileSync(at('s.ndjson'), 'utf8').split('\n')[0] ?? '') as ScoreResult['top'][0];
    expect(first.row).toBe(1);
  });

  it('writes the same with any number of threads', async () => {
    const model = await trained();
    // From 50,000 rows on they are used.
    const many = csv('many.csv', rows(50_100, 4), ['time', 'host', 'proto', 'bytes', 'packets']);
    for (const threads of ['1', '3'])
      expect(
        await run('score', many, '--model', model, '--out', at(`m${threads}.csv`), '--threads', threads, '-q'),
      ).toBe(0);
    const written = fs.readFileSync(at('m1.csv'));
    expect(written.toString().trimEnd().split('\n')).toHaveLength(50_101);
    expect(fs.readFileSync(at('m3.csv')).equals(written)).toBe(true);
    expect(await run('score', many, '--model', model, '--threads', '0')).toBe(2);
    expect(err).toContain('--threads 0');
  });

  it("speaks scikit-learn's convention: negative is flagged, and the share is that of the contamination", async () => {
    const model = await trained();
    const plain = await json<ScoreResult & { readonly offset: number }>(
      ...['score', TEST, '--model', model, '--convention', 'sklearn'],
    );
    expect(plain.offset).toBe(-0.5);
    expect(plain.top.every(({ value }) => value < 0)).toBe(true);
    out = '';
    const forest = await json<
      ScoreResult & { readonly threshold: { readonly calibration: { readonly above: number } } }
    >(...['score', TEST, '--model', model, '--convention', 'sklearn', '--contamination', '0.02']);
    // A fiftieth of 1,140 calibration rows.
    expect(forest.threshold.calibration.above).toBe(23);
    out = '';
    const same = await json<ScoreResult & { readonly threshold: { readonly calibration: { readonly above: number } } }>(
      ...['score', TEST, '--model', model, '--contamination', '0.02'],
    );
    expect(same.threshold.calibration.above).toBe(23);
    // scikit-learn's forest knows no value beyond what it was fitted on; the model's own axis does.
    expect(same.threshold.alerts).toBeGreaterThanOrEqual(forest.threshold.alerts);
  });

  it('has no contamination of its own for kinds without an offset', async () => {
    expect(await run('train', PLAIN, '--algorithm', 'ecod', '--out', at('ecod.safetensors'), '-q')).toBe(0);
    expect(await run('score', PLAIN, '--model', at('ecod.safetensors'), '--convention', 'sklearn')).toBe(2);
    expect(err).toContain("--convention sklearn: a model of kind 'ecod' has no offset of its own");
  });

  it.each([
    [['--budget', '1%', '--threshold', '0.9'], '--budget and --threshold: there is one threshold'],
    [['--threshold', '1'], '--threshold 1: expected a score from 0 to below 1'],
    [['--contamination', '0.7'], '--contamination 0.7: expected a share above 0 and at most 0.5'],
    [['--budget', 'often'], '--budget often: not a number of alarms in a time, and not a share'],
    [['--convention', 'sklern'], '--convention sklern: there is no such convention'],
    [['--out', 'x.txt'], '--out x.txt: neither .csv nor .ndjson'],
  ])('says what is wrong with %j', async (flags, message) => {
    expect(await run('score', TEST, '--model', await trained(), ...flags)).toBe(2);
    expect(err).toContain(`error: ${message}`);
  });

  it('says what is wrong with a model that the input does not fit', async () => {
    const model = await trained();
    const narrow = csv('narrow.csv', rows(50, 4), ['time', 'host', 'bytes']);
    expect(await run('score', narrow, '--model', model)).toBe(2);
    expect(err).toMatch(
      /the model was fitted on a table with (texts|numbers) in a column '(proto|packets)', which this one does not have/,
    );
    err = '';
    expect(await run('score', OFFICE, '--model', model)).toBe(2);
    expect(err).toContain('office.pcap: no table, but the model was fitted on one');
    err = '';
    expect(await run('train', OFFICE, '--out', at('flows.safetensors'), '-q', '--algorithm', 'ecod')).toBe(0);
    expect(await run('score', TEST, '--model', at('flows.safetensors'))).toBe(2);
    expect(err).toContain('test.csv: a table, but the model was fitted on flows');
    fs.writeFileSync(at('broken.safetensors'), fs.readFileSync(model).subarray(0, 3000));
    err = '';
    expect(await run('score', TEST, '--model', at('broken.safetensors'))).toBe(2);
    expect(err).toContain('broken.safetensors: The model file');
    fs.writeFileSync(at('empty.csv'), 'time,host,proto,bytes,packets\n');
    err = '';
    expect(await run('score', at('empty.csv'), '--model', model)).toBe(2);
    expect(err).toMatch(/^error: /);
  });

  it('measures by the definitions that are in the model file', async () => {
    const definitions = at('size.yaml');
    fs.writeFileSync(
      definitions,
      'features:\n  - name: size\n    expression: bytes / packets\n  - name: kind\n    column: proto\n',
    );
    const file = at('defined.safetensors');
    const code = await run('train', TEST, '--features', definitions, '--out', file, '-q', '--algorithm', 'knn');
    expect([code, err]).toEqual([0, '']);
    fs.rmSync(definitions);
    const result = await json<ScoreResult>('score', PLAIN, '--model', file, '--top', '1');
    expect(['size', 'kind.rarity']).toContain(result.top[0]?.reasons[0]?.feature);
  });
});

describe('explain --model', () => {
  it('draws the share of every feature, says that they add up, and what would have been ordinary', async () => {
    const model = await trained();
    expect(await run('explain', TEST, '--model', model, '--row', '20', '--top', '2')).toBe(0);
    expect(out).toMatch(
      /^row 20, 2026-03-02T09:00:19.000Z\nscore 0\.99\d+: 1 in [\d,]+ ordinary records looks this strange/,
    );
    expect(out).toMatch(/\n(packets|bytes) +[\d,]+ +\+0\.\d{4} +\|█+/);
    expect(out).toMatch(/\nsum +\+0\.99\d{4} = the score\n/);
    expect(out).toMatch(/it\n?\s*would have been ordinary \(score/);
  });

  it('gives sums that are the score to nine digits', async () => {
    const result = await json<{ score: number; sum: number; smallestChange: { after: number; target: number } }>(
      ...['explain', TEST, '--model', await trained(), '--row', '20'],
    );
    expect(Math.abs(result.sum - result.score)).toBeLessThan(1e-9);
    expect(result.smallestChange.after).toBeLessThanOrEqual(result.smallestChange.target);
  });

  it('leaves the explanation of names as it was, and says what is missing', async () => {
    expect(await run('explain', 'beacon')).toBe(0);
    expect(out).toMatch(/^beacon \(detector\)/);
    expect(await run('explain', 'beacon', 'scan')).toBe(2);
    expect(err).toContain('error: explain takes one name');
    err = '';
    expect(await run('explain', TEST, '--row', '3')).toBe(2);
    expect(err).toContain('error: --row is of a model');
    err = '';
    expect(await run('explain', TEST, '--model', await trained())).toBe(2);
    expect(err).toContain('error: explain --model needs --row');
    err = '';
    expect(await run('explain', TEST, '--model', await trained(), '--row', '9999')).toBe(2);
    expect(err).toContain('error: --row 9999: the input has 800 rows\n  give a number from 1 to 800');
  });
});

interface EvaluateResult {
  readonly rows: number;
  readonly strange: number;
  readonly folds?: { readonly byTime: boolean };
  readonly results: readonly {
    readonly name: string;
    readonly measures: { readonly auroc: { readonly value: number; readonly low: number; readonly high: number } };
    readonly difference?: { readonly auroc: { readonly value: number } };
    readonly byLabel: readonly { readonly name: string; readonly rows: number }[];
    readonly confusion: { readonly falsePositives: number };
  }[];
}

describe('evaluate', () => {
  it('measures a saved model on labelled rows, by label too, and draws the curves', async () => {
    const model = await trained();
    expect(
      await run(
        'evaluate',
        TEST,
        '--model',
        model,
        '--label-column',
        'class',
        '--replicates',
        '60',
        '--out',
        at('curves.svg'),
      ),
    ).toBe(0);
    expect(out).toContain('measured on  800 rows, 80 strange (10 %)');
    expect(out).toMatch(/model\.safetensors {2}[01]\.\d{3} \([01]\.\d{3} to [01]\.\d{3}\)/);
    expect(out).toMatch(/by chance +0\.500 +0\.100 +0\.010/);
    expect(out).toMatch(/normal \(ordinary\) +720/);
    expect(out).toMatch(/\nscan +40 /);
    expect(fs.readFileSync(at('curves.svg'), 'utf8')).toMatch(/^<svg .*AUROC [01]\.\d{3} \(.*<\/svg>\n$/s);
  });

  it('compares kinds round by round in order of time, a saved model beside them on the same rows', async () => {
    const result = await json<EvaluateResult>(
      ...['evaluate', TEST, '--model', await trained(), '--compare', 'ecod,knn:neighbours=5'],
      ...['--label-column', 'class', '--replicates', '60'],
    );
    expect(result.folds?.byTime).toBe(true);
    // The first sixth is judged by nobody.
    expect(result.rows).toBe(667);
    expect(result.results.map(({ name }) => name)).toEqual(['model.safetensors', 'ecod', 'knn:neighbours=5']);
    expect(result.results[0]?.difference).toBeUndefined();
    // By how much it is better than the saved model: the one figure less the other.
    const [saved, , knn] = result.results;
    expect(knn?.difference?.auroc.value).toBeCloseTo(
      (knn?.measures.auroc.value ?? 0) - (saved?.measures.auroc.value ?? 1),
      9,
    );
    for (const { measures } of result.results) expect(measures.auroc.value).toBeGreaterThan(0.85);
  });

  it('deals rows without times at random, each label evenly', async () => {
    const result = await json<EvaluateResult>(
      ...['evaluate', TIMELESS, '--compare', 'ecod', '--label-column', 'class', '--replicates', '60', '--folds', '4'],
    );
    expect(result.folds?.byTime).toBe(false);
    expect([result.rows, result.strange]).toEqual([800, 80]);
  });

  it('writes a page that loads nothing, with labels from outside made harmless', async () => {
    const list = rows(300, 6).map((row) =>
      row.class === 'scan' ? { ...row, class: '<script>alert(1)</script>' } : row,
    );
    const file = csv('hostile.csv', list);
    expect(
      await run(
        'evaluate',
        file,
        '--model',
        await trained(),
        '--label-column',
        'class',
        '--replicates',
        '60',
        '--out',
        at('e.html'),
      ),
    ).toBe(0);
    const page = fs.readFileSync(at('e.html'), 'utf8');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).not.toMatch(/<script|src=|href=/);
  });

  it.each([
    [['--label-column', 'class'], 'there is nothing to evaluate'],
    [['--compare', 'knn'], 'records need labels to measure by'],
    [['--compare', 'kn', '--label-column', 'class'], '--compare kn: there is no such model'],
    [['--compare', 'knn:x=1', '--label-column', 'class'], "--compare x=1: a model of kind 'knn' has no 'x'"],
    [
      ['--compare', 'knn', '--label-column', 'class', '--normal', 'normal,scan,exfiltration'],
      'all labelled rows are ordinary: there is nothing to tell apart',
    ],
    [['--compare', 'knn', '--label-column', 'class', '--out', 'a.png'], '--out a.png: neither .svg nor .html'],
  ])('says what is wrong with %j', async (flags, message) => {
    expect(await run('evaluate', TEST, ...flags)).toBe(2);
    expect(err).toContain(`error: ${message}`);
  });
});

describe('flows with labels', () => {
  const SCENARIO = `name: tiny
start: 2026-03-02T09:00:00
duration: 6m
network:
  hosts: [{ name: pc, role: workstation, count: 3 }, { name: nas, role: nas }]
behavior: { callsPerDay: 50 }
`;

  it('are joined by the first frame of a capture, or by endpoints and start of a log', async () => {
    fs.writeFileSync(at('tiny.yaml'), SCENARIO);
    const day = at('day.pcapng');
    expect(
      await run(
        'simulate',
        '--quiet',
        '--scenario',
        at('tiny.yaml'),
        '--out',
        day,
        '--attack',
        'scan:start=3m',
        '--seed',
        '5',
      ),
    ).toBe(0);
    const labels = at('day.labels.csv');
    const byFrame = await json<EvaluateResult>(
      ...['evaluate', day, '--labels', labels, '--compare', 'isolation-forest', '--replicates', '60', '--contaminated'],
    );
    expect(byFrame.results[0]?.byLabel.map(({ name }) => name).sort()).toEqual(['benign', 'scan']);
    // The same without the number of the first frame.
    const [header = '', ...lines] = fs.readFileSync(labels, 'utf8').trimEnd().split('\n');
    const cut = (line: string): string => line.slice(line.indexOf(',') + 1);
    fs.writeFileSync(at('ends.csv'), `${[header, ...lines].map(cut).join('\n')}\n`);
    out = '';
    const byEnds = await json<EvaluateResult>(
      ...[
        'evaluate',
        day,
        '--labels',
        at('ends.csv'),
        '--compare',
        'isolation-forest',
        '--replicates',
        '60',
        '--contaminated',
      ],
    );
    expect(byEnds.results[0]?.byLabel).toEqual(byFrame.results[0]?.byLabel);
    expect(byEnds.rows).toBe(byFrame.rows);
  });

  it('need a file of labels, with columns to join by', async () => {
    expect(await run('evaluate', OFFICE, '--compare', 'ecod', '--label-column', 'label')).toBe(2);
    expect(err).toContain('have no columns of labels\n  give --labels with a table that says which flow is what');
    err = '';
    expect(await run('evaluate', OFFICE, '--compare', 'ecod', '--labels', TEST, '--label-column', 'class')).toBe(2);
    expect(err).toContain('no columns that say which flow a label is of');
  });
});

interface TuneResult {
  readonly trials: readonly { readonly parameters: object; readonly value: number }[];
  readonly beatsDefaults: boolean;
  readonly final: { readonly gain: { readonly low: number; readonly value: number } };
  readonly parameters: object;
  readonly criterion: string;
  readonly held: number;
}

describe('tune', () => {
  it('tries the defaults first, compares on rows kept aside, and writes what train takes', async () => {
    const file = at('tuned.yaml');
    const result = await json<TuneResult>(
      ...['tune', TIMELESS, '--algorithm', 'hbos', '--label-column', 'class', '--trials', '6', '--out', file],
    );
    expect(result.trials).toHaveLength(7);
    expect(result.trials[0]?.parameters).toEqual({});
    expect(new Set(result.trials.map(({ parameters }) => JSON.stringify(parameters))).size).toBe(7);
    expect(result.held).toBe(266);
    expect(result.beatsDefaults).toBe(result.final.gain.low > 0);
    const text = fs.readFileSync(file, 'utf8');
    expect(text).toMatch(/^# anomalyst tune: hbos on .*\nfit:\n {2}algorithm: hbos\n/s);
    out = '';
    const used = await json<{ model: { kind: string }; parameters: object }>(
      ...['train', TIMELESS, '--config', file, '--label-column', 'class', '--out', at('tuned.safetensors')],
    );
    expect(used.model.kind).toBe('hbos');
    expect(used.parameters).toEqual(result.parameters);
  });

  it('is the same for the same seed', async () => {
    const args = ['tune', TIMELESS, '--algorithm', 'pca', '--label-column', 'class', '--trials', '3'];
    const strip = (result: TuneResult): unknown =>
      result.trials.map(({ parameters, value }) => ({ parameters, value }));
    const first = strip(await json<TuneResult>(...args));
    out = '';
    expect(strip(await json<TuneResult>(...args))).toEqual(first);
  });

  it('says plainly when nothing beats the defaults', async () => {
    // Labels by chance: nothing can be found, whatever the parameters.
    const random = new Random(12);
    const list = rows(400, 9, 1e9).map((row) => ({ ...row, class: random.float() < 0.1 ? 'odd' : 'normal' }));
    const file = csv('chance.csv', list, ['host', 'proto', 'bytes', 'packets', 'class']);
    expect(
      await run(
        'tune',
        file,
        '--algorithm',
        'hbos',
        '--label-column',
        'class',
        '--trials',
        '4',
        '--by',
        'auroc',
        '--out',
        at('no.yaml'),
      ),
    ).toBe(0);
    expect(out).toContain('Nothing beats the defaults: ');
    expect(fs.readFileSync(at('no.yaml'), 'utf8')).toMatch(/fit:\n {2}algorithm: hbos\n$/);
  });

  it('goes by the mass-volume curve without labels, and says what that does not say', async () => {
    const result = await json<TuneResult>('tune', PLAIN, '--algorithm', 'hbos', '--trials', '2', '--rows', '300');
    expect(result.criterion).toBe('mass-volume');
    out = '';
    expect(await run('tune', PLAIN, '--algorithm', 'hbos', '--trials', '1', '--rows', '300')).toBe(0);
    expect(out).toContain('without labels this says how closely a model follows where rows are');
  });

  it.each([
    [['--algorithm', 'copod', '--set', 'transform=none'], "a model of kind 'copod' has nothing to search"],
    [['--algorithm', 'hbos', '--by', 'auroc'], '--by auroc needs labels'],
    [
      ['--algorithm', 'hbos', '--by', 'mass-volume', '--label-column', 'class'],
      '--by mass-volume is for rows without labels',
    ],
    [['--algorithm', 'hbos', '--out', 'x.json'], '--out x.json: no .yaml file'],
  ])('says what is wrong with %j', async (flags, message) => {
    expect(await run('tune', TIMELESS, ...flags)).toBe(2);
    expect(err).toContain(`error: ${message}`);
  });
});
