import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type Table, UserError } from '../../core/index.ts';
import { FLOW_SCHEMA, flowTable } from '../../flow/index.ts';
import { OddityCounter } from '../../wire/index.ts';
import { encodeArrow } from '../sink/arrow.ts';
import { looksLikeArrow, openArrow } from './arrow.ts';
import { type ByteSource, openInput } from './input.ts';
import { looksLikeParquet } from './parquet.ts';
import type { TableOpenOptions, TableSource } from './table-source.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'anomalyst-arrow-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const FIXTURE = 'test/fixture/table';
const bytesOf = (name: string): Buffer => fs.readFileSync(`${FIXTURE}/${name}`);

function bytesSource(bytes: Uint8Array, chunk = 65_536): ByteSource {
  let at = 0;
  return {
    name: 'test.arrow',
    compression: '',
    totalBytes: undefined,
    bytesTaken: () => at,
    read(into) {
      const n = Math.min(into.length, chunk, bytes.length - at);
      into.set(bytes.subarray(at, at + n));
      at += n;
      return n;
    },
    close: () => undefined,
  };
}

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
  input: Uint8Array | ByteSource,
  options: Partial<TableOpenOptions> = {},
  chunk?: number,
): Promise<{ rows: Row[]; sizes: number[]; source: TableSource }> {
  const from = input instanceof Uint8Array ? bytesSource(input, chunk) : input;
  const source = await openArrow(from, { oddities: new OddityCounter(), ...options });
  const rows: Row[] = [];
  const sizes: number[] = [];
  for (let table = await source.read(); table !== undefined; table = await source.read()) {
    rows.push(...rowsOf(table));
    sizes.push(table.rowCount);
  }
  source.close();
  return { rows, sizes, source };
}

describe('Arrow', () => {
  it.each(['types.arrows', 'types.arrow'])(
    'every type in %s, written by pyarrow, becomes what it means',
    async (name) => {
      for (const chunk of [1, 100, 65_536]) {
        const { rows, source } = await read(bytesOf(name), {}, chunk);
        expect(rows).toHaveLength(5);
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
          raw: '00ff',
        });
        expect(rows[2]).toEqual({ word: 'x', byte: 3, day: -86_400_000, clock: 0, 'at.port': 3 });
        expect(source.status()).toEqual({ rows: 5, rejected: 0, rejects: [], state: 'whole' });
      }
    },
  );

  it.each(['lz4.feather', 'zstd.feather'])('compressed buffers are read: %s', async (name) => {
    const { rows } = await read(bytesOf(name));
    expect(rows).toEqual([
      { name: 'a', big: Number.MAX_SAFE_INTEGER, word: 'x' },
      { name: 'b', big: -5, word: 'y' },
      { word: 'x' },
      { name: 'a', big: 0 },
      { name: 'ö', big: 7, word: 'x' },
    ]);
  });

  it('a stream that is packed with gzip is read from a file', async () => {
    const file = `${folder}/x.arrows.gz`;
    fs.writeFileSync(file, zlib.gzipSync(bytesOf('types.arrows')));
    const { rows, source } = await read(await openInput(file));
    expect(rows).toHaveLength(5);
    expect(source.compression).toBe('gzip');
  });

  it('what we write is what we read: flows are flows again', async () => {
    const flows = [
      {
        id: 1,
        startMs: 1.5,
        protocol: 'tcp',
        initiator: '10.0.0.1',
        responder: '10.0.0.2',
        responderPort: 443,
        serverName: 'ä',
      },
      { id: 2, startMs: 2, protocol: 'udp', initiator: '10.0.0.1', responder: '10.0.0.3', initiatorBytes: 2 ** 40 },
    ];
    const more = [{ startMs: 3, protocol: 'icmp', initiator: 'a', responder: 'b' }];
    for (const layout of ['stream', 'file'] as const) {
      const bytes = await encodeArrow([flowTable(flows), flowTable(more)], { layout });
      expect(looksLikeArrow(bytes.subarray(0, 65_536))).toBe(true);
      const file = `${folder}/x.arrow`;
      fs.writeFileSync(file, bytes);
      const { rows, sizes, source } = await read(await openInput(file));
      expect(source.schema).toBe(FLOW_SCHEMA);
      expect(rows).toEqual([...flows, ...more]);
      expect(sizes).toEqual([2, 1]);
      expect(source.gives.size).toBe(FLOW_SCHEMA.columns.length);
    }
  });

  it('of no table an empty one is written', async () => {
    const { rows, source } = await read(await encodeArrow([], { schema: FLOW_SCHEMA }));
    expect(rows).toEqual([]);
    expect(source.schema).toBe(FLOW_SCHEMA);
  });

  it('a record batch comes in batches of the rows that were asked for', async () => {
    const table = flowTable(
      Array.from({ length: 10 }, (_, i) => ({ startMs: i, protocol: 'x', initiator: 'a', responder: 'b' })),
    );
    const { sizes, rows } = await read(await encodeArrow([table]), { batchRows: 4 });
    expect(sizes).toEqual([4, 4, 2]);
    expect(rows.map(({ startMs }) => startMs)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('a stream that ends within a batch gives the batches before it', async () => {
    const table = flowTable([{ startMs: 1, protocol: 'x', initiator: 'a', responder: 'b' }]);
    const bytes = await encodeArrow([table, table]);
    const { rows, source } = await read(bytes.subarray(0, bytes.length - 100));
    expect(rows).toHaveLength(1);
    expect(source.status()).toMatchObject({
      state: 'cut',
      message: 'the input ends within a record batch, which is left out',
    });
  });

  it('what is no Arrow says why', async () => {
    await expect(read(Buffer.from('hello, this is some text'))).rejects.toMatchObject({
      message: 'test.arrow: this is no Arrow that can be read: the length of a message cannot be',
      hint: 'write it again as an Arrow IPC stream or file (Feather version 2)',
    });
    await expect(read(new Uint8Array(0))).rejects.toThrow(
      'test.arrow: this is no Arrow that can be read: it ends before its schema',
    );
  });

  it('a failing input is told as it is', async () => {
    const source = {
      ...bytesSource(bytesOf('types.arrows')),
      read: () => Promise.reject(new UserError('test.arrow: gone', 'x')),
    };
    await expect(read(source)).rejects.toThrow('test.arrow: gone');
  });

  it('every truncation and any damage is a UserError or a status, never another exception', async () => {
    const whole = bytesOf('types.arrows');
    const survive = async (bytes: Uint8Array): Promise<void> => {
      try {
        await read(bytes);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
    };
    for (let n = 0; n < whole.length; n += 17) await survive(whole.subarray(0, n));
    for (const name of ['types.arrows', 'lz4.feather', 'zstd.feather']) {
      const bytes = bytesOf(name);
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
          async (changes) => {
            const changed = Buffer.from(bytes);
            for (const [at, value] of changes) changed[at] = value;
            await survive(changed);
          },
        ),
        { numRuns: 150 },
      );
    }
  }, 30_000);

  it('is told from other formats', () => {
    expect(looksLikeArrow(bytesOf('types.arrow').subarray(0, 65_536))).toBe(true);
    expect(looksLikeArrow(bytesOf('types.arrows').subarray(0, 65_536))).toBe(true);
    expect(looksLikeArrow(bytesOf('types.parquet'))).toBe(false);
    expect(looksLikeArrow(new Uint8Array(100).fill(255))).toBe(false);
    expect(looksLikeArrow(new Uint8Array(0))).toBe(false);
    expect(looksLikeParquet(bytesOf('types.arrows'))).toBe(false);
  });
});
