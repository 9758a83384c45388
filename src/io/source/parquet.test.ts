import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, describe, expect, it } from 'vitest';
import { type Table, UserError } from '../../core/index.ts';
import { FLOW_SCHEMA } from '../../flow/index.ts';
import { OddityCounter } from '../../wire/index.ts';
import { openInput } from './input.ts';
import { looksLikeParquet, openParquet } from './parquet.ts';
import type { TableOpenOptions, TableSource } from './table-source.ts';

const FIXTURE = 'test/fixture/table';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'anomalyst-parquet-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

type Row = Record<string, number | string | undefined>;

function rowsOf(table: Table): Row[] {
  return Array.from({ length: table.rowCount }, (_, row) =>
    Object.fromEntries(
      table.schema.columns
        .map(({ name }, i) => [name, table.value(i, row)] as const)
        .filter(([, value]) => value !== undefined),
    ),
  );
}

async function read(
  file: string,
  options: Partial<TableOpenOptions> = {},
): Promise<{ rows: Row[]; sizes: number[]; source: TableSource }> {
  const source = await openParquet(await openInput(file), { oddities: new OddityCounter(), ...options });
  const rows: Row[] = [];
  const sizes: number[] = [];
  for (let table = await source.read(); table !== undefined; table = await source.read()) {
    rows.push(...rowsOf(table));
    sizes.push(table.rowCount);
  }
  source.close();
  return { rows, sizes, source };
}

function fileOf(bytes: Uint8Array, name = 'x.parquet'): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, bytes);
  return file;
}

const bytesOf = (name: string): Buffer => fs.readFileSync(`${FIXTURE}/${name}`);

describe('Parquet', () => {
  it('every type of a file written by pyarrow becomes what it means', async () => {
    const { rows, sizes, source } = await read(`${FIXTURE}/types.parquet`);
    expect(sizes).toEqual([3, 2]);
    expect(rows[0]).toEqual({
      name: 'a',
      word: 'x',
      small: 1,
      byte: 1,
      unsigned: 4_294_967_295,
      big: Number.MAX_SAFE_INTEGER,
      x: 1.5,
      f: 0.5,
      ok: 1,
      ms: 1617292545785,
      us: 1617292545785.123,
      naive: 1617292545785.123,
      day: Date.UTC(2021, 3, 1),
      clock: 3_723_004,
      price: 1.1,
      tags: 'p,q',
      'at.host': 'h1',
      'at.port': 1,
      'at.deep.er': 1,
      raw: '\u0000\\xFF',
    });
    // Missing is missing: null, NaN, an empty list, an empty text, an object that is not there.
    expect(rows[1]).toEqual({
      name: 'b',
      word: 'y',
      small: -2,
      byte: 2,
      unsigned: 0,
      big: -5,
      f: 1.5,
      ok: 0,
      ms: 1617292546785,
      us: 1617292546785.123,
      naive: 1617292546785.123,
      price: -0.07,
    });
    expect(rows[2]).toEqual({ word: 'x', byte: 3, day: -86_400_000, clock: 0, 'at.port': 3 });
    expect(rows[4]?.name).toBe('ö');
    expect(source.status()).toEqual({ rows: 5, rejected: 0, rejects: [], state: 'whole' });
    const units = Object.fromEntries(
      source.schema.columns.map(({ name, kind, unit }) => [name, `${kind} ${unit}`.trim()]),
    );
    expect(units).toMatchObject({
      small: 'int32',
      unsigned: 'float64',
      ok: 'int32 0 or 1',
      us: 'float64 ms since 1970 UTC',
      clock: 'float64 ms',
      tags: 'string',
    });
    expect([...source.gives]).toEqual(source.schema.columns.map(({ name }) => name));
  });

  it('INT96 is a time, a map is JSON', async () => {
    const { rows } = await read(`${FIXTURE}/int96.parquet`);
    expect(rows[0]).toEqual({ name: 'a', us: 1617292545785.123, x: 1.5, m: '{"k":1}' });
    expect(rows[2]).toEqual({});
  });

  it.each(['gzip', 'zstd', 'brotli', 'lz4'])('pages compressed with %s are read', async (codec) => {
    const { rows } = await read(`${FIXTURE}/${codec}.parquet`);
    expect(rows).toEqual([
      { name: 'a', big: Number.MAX_SAFE_INTEGER },
      { name: 'b', big: -5 },
      {},
      { name: 'a', big: 0 },
      { name: 'ö', big: 7 },
    ]);
  });

  it('row groups come in batches', async () => {
    const n = 2500;
    const data = {
      columnData: [
        { name: 'n', data: Int32Array.from({ length: n }, (_, i) => i), type: 'INT32' as const },
        { name: 't', data: Array.from({ length: n }, (_, i) => `t${i % 7}`), type: 'STRING' as const },
      ],
      rowGroupSize: 1000,
    };
    const file = fileOf(new Uint8Array(parquetWriteBuffer(data)));
    const { rows, sizes } = await read(file, { batchRows: 600 });
    expect(sizes).toEqual([600, 400, 600, 400, 500]);
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: n }, (_, i) => i));
    expect(rows[2499]).toEqual({ n: 2499, t: `t${2499 % 7}` });
  });

  it('types that the user states are taken, and an unknown column is an error', async () => {
    const { rows, source } = await read(`${FIXTURE}/types.parquet`, {
      types: { small: 'text', name: 'number', us: 'time' },
    });
    expect(rows[0]).toMatchObject({ small: '1', us: 1617292545785.123 });
    expect(rows[0]?.name).toBeUndefined();
    expect(source.schema.columns.find(({ name }) => name === 'name')?.kind).toBe('float64');
    await expect(read(`${FIXTURE}/types.parquet`, { types: { smal: 'text' } })).rejects.toMatchObject({
      message: `${FIXTURE}/types.parquet: no column 'smal', for which the type text is stated`,
      hint: "did you mean 'small'?",
    });
  });

  it('a file with the columns of the flow table is flows', async () => {
    const file = fileOf(
      new Uint8Array(
        parquetWriteBuffer({
          columnData: [
            { name: 'startMs', data: [1, 2], type: 'DOUBLE' },
            { name: 'protocol', data: ['tcp', 'udp'], type: 'STRING' },
            { name: 'initiator', data: ['10.0.0.1', '10.0.0.2'], type: 'STRING' },
            { name: 'responder', data: ['10.0.0.3', '10.0.0.4'], type: 'STRING' },
            { name: 'responderPort', data: new BigInt64Array([53n, 70_000_000_000n]), type: 'INT64' },
            { name: 'label', data: ['a', 'b'], type: 'STRING' },
          ],
        }),
      ),
    );
    const { rows, source } = await read(file);
    expect(source.schema).toBe(FLOW_SCHEMA);
    expect([...source.gives]).toEqual(['startMs', 'protocol', 'initiator', 'responder', 'responderPort']);
    expect(rows).toEqual([
      { startMs: 1, protocol: 'tcp', initiator: '10.0.0.1', responder: '10.0.0.3', responderPort: 53 },
      { startMs: 2, protocol: 'udp', initiator: '10.0.0.2', responder: '10.0.0.4' },
    ]);
  });

  it('what cannot be read says why', async () => {
    const whole = bytesOf('types.parquet');
    const file = fileOf(whole.subarray(0, 5000));
    await expect(read(file)).rejects.toMatchObject({
      message: `${file}: the Parquet file has no footer: it was not finished, or its end is missing`,
      hint: 'copy or write the file again; a Parquet file that was not closed cannot be read',
    });
    await expect(read(fileOf(whole.subarray(0, 8)))).rejects.toThrow(
      `${file}: the Parquet file ends early, after 8 bytes`,
    );
    const long = Buffer.from(whole);
    long.writeUInt32LE(0x7fffffff, long.length - 8);
    await expect(read(fileOf(long))).rejects.toThrow(
      `${file}: the footer of the Parquet file is damaged: its length cannot be`,
    );
    const packed = fileOf(zlib.gzipSync(whole), 'x.parquet.gz');
    await expect(read(packed)).rejects.toMatchObject({
      message: `${packed}: this Parquet file is compressed with gzip as a whole, so that nothing in it can be found`,
      hint: 'unpack it first; Parquet is compressed inside',
    });
    const stream = { ...(await openInput(fileOf(whole))), name: '-', totalBytes: undefined };
    await expect(openParquet(stream, { oddities: new OddityCounter() })).rejects.toMatchObject({
      message: 'standard input: Parquet cannot be read from a stream, because its table of contents stands at the end',
      hint: 'save it to a file and give that; for streams there is Arrow',
    });
    stream.close();
  });

  it('a damaged column is missing where it is damaged, and the others stay', async () => {
    const bytes = bytesOf('zstd.parquet');
    // The first page of the file belongs to the first column.
    bytes.fill(0xff, 4, 40);
    const { rows, source } = await read(fileOf(bytes));
    expect(rows.map(({ big }) => big)).toEqual([Number.MAX_SAFE_INTEGER, -5, undefined, 0, 7]);
    expect(rows.every(({ name }) => name === undefined)).toBe(true);
    const { state, message } = source.status();
    expect(state).toBe('cut');
    expect(message).toMatch(/^column 'name' of rows 1 to 5 cannot be read \(.+\), and is missing there$/);
  });

  it('damage anywhere is a UserError or a status, never another exception', async () => {
    const whole = bytesOf('types.parquet');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of changes) bytes[at] = value;
          try {
            await read(fileOf(bytes));
          } catch (error) {
            if (!(error instanceof UserError)) throw error;
          }
        },
      ),
      { numRuns: 200 },
    );
  }, 30_000);

  it('is told by its magic', () => {
    expect(looksLikeParquet(bytesOf('types.parquet').subarray(0, 65_536))).toBe(true);
    expect(looksLikeParquet(Buffer.from('PAR'))).toBe(false);
    expect(looksLikeParquet(bytesOf('types.arrow'))).toBe(false);
  });
});
