import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.ts';
import { encodeTable, type Table, UserError } from '../core/index.ts';
import { type FlowRecord, flowRecord, flowTable } from '../flow/index.ts';
import { OutputFile } from '../io/index.ts';
import { RECORDS_FILE, RecordKeeper, type RecordSink, type RecordsKept, StoredRecords } from './record.ts';

/** Numbers that no text of a few digits holds. */
function batch(from: number, rows: number): Table {
  return flowTable(
    Array.from(
      { length: rows },
      (_, i): FlowRecord => ({
        id: from + i,
        startMs: 1_700_000_000_000.123 + (from + i) / 3,
        endMs: 1_700_000_000_001.7 + (from + i) / 7,
        protocol: 'tcp',
        initiator: `10.0.0.${i % 250}`,
        responder: '2001:db8::1',
        ...(i % 3 === 0 ? {} : { responderPort: 443 }),
        ...(i % 2 === 0 ? { serverName: `b\u00fccher-${i}.example`, iatMeanMs: -0 } : { iatMeanMs: i / 9 }),
      }),
    ),
  );
}

function rowsOf(table: Table): FlowRecord[] {
  return Array.from({ length: table.rowCount }, (_, row) => flowRecord(table, row));
}

function keep(folder: string, tables: readonly Table[], cap?: number): RecordsKept {
  const keeper = new RecordKeeper(() => new OutputFile(folder, RECORDS_FILE), cap);
  for (const _ of tables) keeper.note(undefined, undefined);
  keeper.close([], undefined);
  for (const table of tables) keeper.add(table);
  return keeper.finish([]);
}

function whole(kept: RecordsKept): Extract<RecordsKept, { isKept: true }> {
  if (!kept.isKept) throw new Error(kept.why);
  return kept;
}

describe('records', () => {
  it('come back to the last bit, batch by batch, with what was noted and given', () => {
    const folder = temporaryFolder();
    const keeper = new RecordKeeper(() => new OutputFile(folder, RECORDS_FILE));
    const tables = [batch(1, 100), batch(101, 3), batch(104, 1)];
    const gives = new Set(['startMs', 'initiator']);
    keeper.note(undefined, undefined);
    keeper.note(gives, undefined);
    keeper.note(gives, undefined);
    keeper.close([], undefined);
    for (const [i, table] of tables.entries()) keeper.add(table, i === 1 ? encodeTable(table) : undefined);
    const model = { role: 'model', name: 'mine.safetensors', bytes: Uint8Array.of(1, 2, 3) } as const;
    const kept = whole(keeper.finish([model]));
    keeper.discard();
    expect([kept.rows, kept.batches, kept.bytes]).toEqual([104, 3, fs.statSync(path.join(folder, RECORDS_FILE)).size]);
    const stored = new StoredRecords(folder, kept);
    expect(stored.given).toEqual([model]);
    const back = [...stored.batches()];
    expect(back.map(({ table }) => rowsOf(table))).toEqual(tables.map(rowsOf));
    expect(back.map(({ source }) => source?.gives)).toEqual([undefined, gives, gives]);
    // Two sources are two, and one that comes again is the same.
    expect(back[1]?.source).toBe(back[2]?.source);
  });

  it('are the same bytes for the same batches, and hold none where there were none', () => {
    const [a, b] = [temporaryFolder(), temporaryFolder()];
    expect(keep(a, [batch(1, 10)])).toEqual(keep(b, [batch(1, 10)]));
    expect(fs.readFileSync(path.join(a, RECORDS_FILE))).toEqual(fs.readFileSync(path.join(b, RECORDS_FILE)));
    expect([...new StoredRecords(a, whole(keep(a, []))).batches()]).toEqual([]);
  });

  it('beyond the cap are none at all, and leave no file', () => {
    const folder = temporaryFolder();
    const tables = Array.from({ length: 40 }, (_, i) => batch(1 + 5000 * i, 5000));
    expect(keep(folder, tables, 1 << 20)).toEqual({ isKept: false, why: 'they take more than 1 MB' });
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it('are none where the disk fails, a batch is missing, or somebody refused them', () => {
    const failing = (): RecordSink => ({
      write: () => {
        throw new UserError('records.zst: no space left on the disk', 'make room');
      },
      finish: () => undefined,
      discard: () => undefined,
    });
    const keeper = new RecordKeeper(failing);
    keeper.note(undefined, undefined);
    keeper.add(batch(1, 1));
    expect(keeper.finish([])).toEqual({ isKept: false, why: 'records.zst: no space left on the disk' });
    const folder = temporaryFolder();
    const short = new RecordKeeper(() => new OutputFile(folder, RECORDS_FILE));
    short.note(undefined, undefined);
    short.note(undefined, undefined);
    short.add(batch(1, 1));
    expect(short.finish([])).toEqual({ isKept: false, why: 'the disk had no room for all of them' });
    const refused = new RecordKeeper(() => new OutputFile(folder, RECORDS_FILE));
    refused.refuse('plugins took part');
    refused.refuse('something else');
    expect(refused.finish([])).toEqual({ isKept: false, why: 'plugins took part' });
    const large = new RecordKeeper(() => new OutputFile(folder, RECORDS_FILE));
    expect(large.finish([{ role: 'threat-list', name: 'all.txt', bytes: new Uint8Array((64 << 20) + 1) }])).toEqual({
      isKept: false,
      why: 'the model, baseline and lists that were given take more than 64 MB',
    });
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});
