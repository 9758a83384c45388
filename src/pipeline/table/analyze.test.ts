import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concatTables, type Schema, type Table, TableBuilder, UserError } from '../../core/index.ts';
import type { TableSource } from '../../io/index.ts';
import { renderJson } from '../../report/index.ts';
import { type ClassifiedInput, classifyInputs } from '../classify.ts';
import { FlowStore } from '../store.ts';
import { type AnalyzeTableOptions, analyzeTable, autoPlan, type TableAnalysis } from './index.ts';
import { measureRows, memoryRows } from './measure.ts';

let folder = '';
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'table-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const at = path.join(folder, name);
  fs.writeFileSync(at, text);
  return at;
}

async function run(names: readonly string[], options: Partial<AnalyzeTableOptions> = {}): Promise<TableAnalysis> {
  return analyzeTable({ inputs: await classifyInputs(names, {}), scratchFolder: folder, ...options });
}

async function refusal(names: readonly string[], options: Partial<AnalyzeTableOptions> = {}): Promise<string> {
  try {
    await run(names, options);
  } catch (error) {
    if (error instanceof UserError) return `${error.message} | ${error.hint}`.replaceAll(`${folder}/`, '');
    throw error;
  }
  return 'analysed';
}

const rows = (n: number, line: (i: number) => string): string => Array.from({ length: n }, (_, i) => line(i)).join('');
const USUAL = `a,b,c\n${rows(300, (i) => `${i % 7},${(i * i) % 11},t${i % 3}\n`)}`;

describe('the analysis of a table', () => {
  it('of a header alone says that there are no rows', async () => {
    const { result, model } = await run([file('header.csv', 'a,b,c\n')]);
    expect([result.run.emptyBecause, result.table?.rows, result.table?.columns.length, model]).toEqual([
      'The input holds no rows.',
      0,
      3,
      undefined,
    ]);
  });

  it('of too few rows, or of equal ones, fits no model and lists no strangest rows', async () => {
    for (const text of ['a,b\n1,x\n', `a,b\n${rows(300, () => '1,x\n')}`]) {
      const { result, model } = await run([file('few.csv', text)]);
      expect([model, result.table?.strangest, result.run.emptyBecause]).toEqual([
        undefined,
        [],
        'No flag was defined, and no model of the usual was fitted, which takes 100 rows and a feature.',
      ]);
    }
  });

  it('of one column needs no separator, where the name says that it is a table', async () => {
    const { result } = await run([file('one-column.csv', `a\n${rows(300, (i) => `${i % 7}\n`)}`)]);
    expect([result.table?.rows, result.table?.columns.map(({ name }) => name)]).toEqual([300, ['a']]);
  });

  it('gives the same bytes for the same input', async () => {
    const name = file('usual.csv', USUAL);
    const [first, second] = [await run([name]), await run([name])];
    expect(renderJson(second.result)).toBe(renderJson(first.result));
    expect(second.model?.save()).toEqual(first.model?.save());
  });

  it('reads what it can where one of several inputs is empty or gone', async () => {
    const { result } = await run([file('one.csv', USUAL), file('empty.csv', ''), path.join(folder, 'gone.csv')]);
    expect(result.table?.rows).toBe(300);
    expect(result.run.inputs.map(({ status, message }) => [status, message?.replaceAll(folder, '')])).toEqual([
      ['complete', undefined],
      ['failed', 'the input is empty (0 bytes)'],
      ['failed', expect.stringContaining('gone.csv')],
    ]);
    expect(result.run.blindSpots).toContain('2 inputs could not be read at all.');
  });

  it('of nothing that can be read is refused with the reason', async () => {
    expect(await refusal([file('empty.csv', '')])).toBe(
      'empty.csv: the input is empty (0 bytes) | a table has at least one row',
    );
  });

  it('of files with different columns is refused with the first that differs', async () => {
    expect(await refusal([file('abc.csv', 'a,b,c\n1,2,x\n3,4,y\n'), file('abd.csv', 'a,b,d\n1,2,x\n3,4,y\n')])).toBe(
      "abd.csv: its columns are not those of abc.csv: column 3 is 'd' (string), not 'c' (string) | analyse them one by one, or state the types of the columns under types: in the definitions",
    );
  });

  it('beside a capture is refused, for neither of them is wrong', async () => {
    const capture = new Uint8Array(24);
    capture.set([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]);
    fs.writeFileSync(path.join(folder, 'a.pcap'), capture);
    expect(await refusal([file('one.csv', USUAL), path.join(folder, 'a.pcap')])).toBe(
      'a.pcap: cannot be read as a table | captures and tables are analysed apart: give files of one kind',
    );
  });

  it('measures with a saved model what the model was fitted with, whatever columns are called', async () => {
    const text = `row,score,__proto__,constructor,a,a.rarity\n${rows(400, (i) => `${i},${i % 5},p${i % 3},c${i % 2},x${i % 9},${i % 4}\n`)}`;
    const name = file('names.csv', text);
    const scoresOf = async (model?: Uint8Array): Promise<{ scores: number[]; analysis: TableAnalysis }> => {
      const scores: number[] = [];
      const analysis = await run([name], {
        onRows: (_table, _features, some) => scores.push(...(some ?? [])),
        ...(model === undefined ? {} : { model: { name: 'm', bytes: model } }),
      });
      return { scores, analysis };
    };
    const own = await scoresOf();
    const saved = own.analysis.model?.save();
    expect(own.analysis.model?.featureNames).toContain('a.rarity#2');
    expect((await scoresOf(saved)).scores).toEqual(own.scores);
    expect(Object.keys(own.analysis.result.table?.strangest[0]?.values ?? {})).toContain('__proto__');
  });

  it('with the model of another table is refused, by the name of the model', async () => {
    const { model } = await run([file('usual.csv', USUAL)]);
    const bytes = model?.save() ?? new Uint8Array(0);
    expect(
      await refusal([file('other.csv', `x,y\n${rows(200, (i) => `${i % 7},${i % 5}\n`)}`)], {
        model: { name: 'usual.model', bytes },
      }),
    ).toBe(
      "usual.model: the model was fitted on a table with numbers in a column 'a', which this one does not have | give a table of the same columns, or fit a new model",
    );
  });

  it('stopped in the middle keeps the rows before it and says so', async () => {
    const abort = new AbortController();
    const source = sourceOf([tableOf(0, 200), tableOf(200, 400), tableOf(400, 600)], (read) => {
      if (read === 2) abort.abort();
    });
    const input: ClassifiedInput = { name: 'feed', format: undefined, rows: source };
    const { result } = await analyzeTable({ inputs: [input], scratchFolder: folder, signal: abort.signal });
    expect(result.table?.rows).toBe(400);
    expect(result.run.inputs[0]).toMatchObject({
      status: 'cut',
      message: 'stopped by the operator; the rows before it were kept',
    });
    expect(result.run.blindSpots).toContain('1 input ended early; what came after is unknown.');
  });

  it('of ten thousand columns is over in bounded time and memory', async () => {
    const width = 10_000;
    const line = (i: number): string =>
      `${Array.from({ length: width }, (_, j) => (i * 31 + j * 17) % 97).join(',')}\n`;
    const name = file('wide.csv', `${Array.from({ length: width }, (_, j) => `c${j}`).join(',')}\n${rows(20, line)}`);
    const { result } = await run([name]);
    expect([result.table?.rows, result.table?.columns.length]).toEqual([20, width]);
    expect(
      memoryRows({ name: '', version: 1, columns: result.table?.columns.map((c) => ({ ...c, meaning: '' })) ?? [] }),
    ).toBe(1000);
  });
});

const SCHEMA: Schema = {
  name: 't',
  version: 1,
  columns: [
    { name: 'when', kind: 'float64', unit: 'ms since 1970 UTC', meaning: '' },
    { name: 'n', kind: 'float64', unit: '', meaning: '' },
    { name: 's', kind: 'string', unit: '', meaning: '' },
  ],
};

/** Rows `from` to `to`, an hour apart and the latest first. */
function tableOf(from: number, to: number): Table {
  const builder = new TableBuilder(SCHEMA, to - from);
  for (let i = from; i < to; i++) {
    const row = builder.addRow();
    builder.setNumber(0, row, 3.6e6 * (10_000 - i));
    builder.setNumber(1, row, i);
    builder.setText(2, row, `text ${i % 50}`);
  }
  return builder.finish();
}

function sourceOf(tables: readonly Table[], onRead: (read: number) => void): TableSource {
  let read = 0;
  return {
    name: 'feed',
    format: 'test',
    compression: '',
    totalBytes: undefined,
    schema: SCHEMA,
    gives: new Set(),
    read: async () => {
      const table = tables[read++];
      onRead(read);
      return table;
    },
    bytesTaken: () => 0,
    status: () => ({ rows: 200 * read, rejected: 0, rejects: [], state: 'whole' }),
    close: () => undefined,
  };
}

describe('rows that wait in a scratch file', () => {
  /** A scratch file that gives all blocks in one buffer, as the real one does. */
  const scratch = () => {
    const blocks: Uint8Array[] = [];
    return {
      append: (bytes: Uint8Array) => void blocks.push(bytes.slice()),
      *read(): Generator<Uint8Array> {
        const buffer = new Uint8Array(Math.max(...blocks.map(({ length }) => length)));
        for (const block of blocks) {
          buffer.fill(0xff);
          buffer.set(block);
          yield buffer.subarray(0, block.length);
        }
      },
      close: () => undefined,
    };
  };
  const stored = (memory: number): { raw: FlowStore; all: Table } => {
    const raw = new FlowStore([], scratch, memory, SCHEMA);
    const tables = [tableOf(0, 200), tableOf(200, 400), tableOf(400, 600)];
    for (const table of tables)
      raw.append({ table, features: { features: [], rowCount: table.rowCount, values: new Float32Array(0) } });
    return { raw, all: concatTables(SCHEMA, tables) };
  };

  it('are the same rows in order of time, whether they waited in memory or not', async () => {
    for (const memory of [10_000, 250, 0]) {
      const { raw, all } = stored(memory);
      const plan = autoPlan(SCHEMA);
      plan.learn(all);
      const measured = await measureRows(raw, plan, 600, SCHEMA, { scratchFolder: folder });
      const found = [...measured.store.chunks()].flatMap(({ table }) =>
        Array.from({ length: table.rowCount }, (_, row) => `${table.value(1, row)} ${table.value(2, row)}`),
      );
      expect(found).toEqual(Array.from({ length: 600 }, (_, i) => `${599 - i} text ${(599 - i) % 50}`));
      expect([...measured.rowNumbers]).toEqual(Array.from({ length: 600 }, (_, i) => 600 - i));
    }
  });

  it('stay what they are where they are kept in memory as they come', async () => {
    const { raw, all } = stored(250);
    const untimed = { ...autoPlan(SCHEMA), time: undefined };
    untimed.learn(all);
    const plan = Object.create(untimed, { features: { get: () => [] } });
    plan.measure = (table: Table) => ({ features: [], rowCount: table.rowCount, values: new Float32Array(0) });
    plan.groupColumns = () => [];
    const measured = await measureRows(raw, plan, 600, SCHEMA, { scratchFolder: folder });
    const found = [...measured.store.chunks()].flatMap(({ table }) =>
      Array.from({ length: table.rowCount }, (_, row) => table.value(1, row)),
    );
    expect(found).toEqual(Array.from({ length: 600 }, (_, i) => i));
  });

  it('that the disk refuses are told of', async () => {
    const { refusalWords } = await import('./words.ts');
    expect(
      refusalWords([
        { refusedRows: 0, failure: undefined },
        { refusedRows: 5, failure: new Error('disk full') },
      ]),
    ).toEqual([
      'The scratch file could not grow (disk full), so 5 rows are missing from rows.csv and were not scored by the model.',
    ]);
  });
});
