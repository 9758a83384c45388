import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Table } from '../core/index.ts';
import { FLOW_SCHEMA, flowTable } from '../flow/index.ts';
import type { Reject, TableSource } from '../io/index.ts';
import { classifyInputs } from './classify.ts';
import { streamFlows } from './flows.ts';
import { nothingRead, readTables } from './rows.ts';
import { analyzeTable } from './table/index.ts';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rows-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

function written(name: string, text: string): string {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  return file;
}

/** A source of these tables that rejected these lines. */
function sourceOf(tables: Table[], reasons: readonly string[] = [], rejectNoun?: string): TableSource {
  const rest = [...tables];
  const rejects: Reject[] = reasons.map((reason, i) => ({ line: i + 3, reason, bytes: new Uint8Array() }));
  return {
    name: 'a.log',
    format: 'test',
    compression: '',
    totalBytes: 10,
    ...(rejectNoun === undefined ? {} : { rejectNoun }),
    schema: FLOW_SCHEMA,
    gives: new Set(),
    read: async () => rest.shift(),
    bytesTaken: () => 10,
    status: () => ({
      rows: tables.reduce((sum, { rowCount }) => sum + rowCount, 0),
      rejected: rejects.length,
      rejects,
      state: 'whole',
    }),
    close: () => undefined,
  };
}

const ignore = (): void => undefined;

test('the time of an input is that of its rows where no row has an end', async () => {
  const { firstMs, lastMs } = await readTables(sourceOf([flowTable([{ startMs: 2000 }, { startMs: 5000 }])]), ignore);
  expect([firstMs, lastMs]).toEqual([2000, 5000]);
});

test('the time of an input goes on to the last end or start, whatever comes later', async () => {
  const later = await readTables(sourceOf([flowTable([{ startMs: 2000, endMs: 3000 }, { startMs: 5000 }])]), ignore);
  expect([later.firstMs, later.lastMs]).toEqual([2000, 5000]);
  const longer = await readTables(sourceOf([flowTable([{ startMs: 2000, endMs: 9000 }, { startMs: 5000 }])]), ignore);
  expect([longer.firstMs, longer.lastMs]).toEqual([2000, 9000]);
});

test('rows without any time give the input none', async () => {
  const summary = await readTables(sourceOf([flowTable([{ id: 1 }])]), ignore);
  expect('firstMs' in summary).toBe(false);
});

test('an input whose every line was rejected is failed, and the reason stands in the error', async () => {
  const summary = await readTables(sourceOf([], ['no time', 'no time']), ignore);
  expect(summary.status).toBe('failed');
  expect(summary.message).toBe('2 lines could not be read (the first is line 3: no time)');
  expect(nothingRead(summary)?.message).toBe('a.log: 2 lines could not be read (the first is line 3: no time)');
});

test('an input with a row beside rejected lines is complete, and one without either is no failure', async () => {
  const some = await readTables(sourceOf([flowTable([{ startMs: 1 }])], ['no time']), ignore);
  expect(some.status).toBe('complete');
  expect(nothingRead(some)).toBeUndefined();
  expect((await readTables(sourceOf([]), ignore)).status).toBe('complete');
});

test('what is rejected has its own word where it is no line', async () => {
  const { message } = await readTables(
    sourceOf([flowTable([{ startMs: 1 }])], ['template 256 never came'], 'data set'),
    ignore,
  );
  expect(message).toBe('1 data set could not be read (the first: template 256 never came)');
});

const NO_EVE = '#separator \\x09\n#path\tconn\n#fields\tts\tuid\n1.0\tCa\n';

test('a log that is stated to be of another format is an error when it is alone, and a failed input beside others', async () => {
  const zeek = written('conn.log', NO_EVE);
  const eve = written(
    'eve.json',
    '{"timestamp":"2024-01-01T00:00:00.000000+0000","event_type":"flow","flow_id":1,"src_ip":"10.0.0.1","dest_ip":"10.0.0.2","src_port":5,"dest_port":53,"proto":"UDP","flow":{"pkts_toserver":1,"pkts_toclient":1,"bytes_toserver":60,"bytes_toclient":60,"start":"2024-01-01T00:00:00.000000+0000","end":"2024-01-01T00:00:01.000000+0000"}}\n',
  );
  await expect(streamFlows({ inputs: [zeek], as: 'eve', onFlows: ignore })).rejects.toThrow(
    /conn\.log: \d lines could not be read \(the first is line 1: /,
  );
  const { flows } = await streamFlows({ inputs: [zeek, eve], as: 'eve', onFlows: ignore });
  expect(flows).toBe(1);
});

test('a table whose every line was rejected is an error', async () => {
  const table = written(
    'table.log',
    '#separator \\x09\n#path\tstats\n#fields\tts\tpeer\n#types\ttime\tstring\nx\ty\nx\tz\n',
  );
  const inputs = await classifyInputs([table], { as: 'zeek' });
  await expect(analyzeTable({ inputs, scratchFolder: folder })).rejects.toThrow(
    `${table}: 2 lines could not be read (the first is line 5: column ts is 'x', which is no time)`,
  );
});
