import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Table } from '../../core/index.ts';
import { OddityCounter } from '../../wire/index.ts';
import type { ByteSource } from './input.ts';
import { looksLikeJson, looksLikeNdjson, openJson } from './json.ts';
import { JsonScanner } from './json-record.ts';
import type { Reject, TableOpenOptions, TableSource } from './table-source.ts';

/** A source of these bytes, `chunk` at a time. */
function bytesSource(bytes: Uint8Array, chunk = 65_536, extra: Partial<ByteSource> = {}): ByteSource {
  let at = 0;
  return {
    name: 'test.json',
    compression: '',
    totalBytes: bytes.length,
    bytesTaken: () => at,
    read(into) {
      const n = Math.min(into.length, chunk, bytes.length - at);
      into.set(bytes.subarray(at, at + n));
      at += n;
      return n;
    },
    close: () => undefined,
    ...extra,
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

async function readAll(source: TableSource): Promise<Row[]> {
  const rows: Row[] = [];
  for (let table = await source.read(); table !== undefined; table = await source.read()) {
    expect(table.rowCount).toBeGreaterThan(0);
    rows.push(...rowsOf(table));
  }
  source.close();
  return rows;
}

async function read(
  text: string | Uint8Array,
  options: Partial<TableOpenOptions> = {},
  chunk?: number,
  extra?: Partial<ByteSource>,
): Promise<{ rows: Row[]; source: TableSource; rejects: Reject[] }> {
  const rejects: Reject[] = [];
  const source = await openJson(bytesSource(typeof text === 'string' ? Buffer.from(text) : text, chunk, extra), {
    oddities: new OddityCounter(),
    onReject: (reject) => rejects.push(reject),
    ...options,
  });
  return { rows: await readAll(source), source, rejects };
}

const shown = (rejects: readonly Reject[]): [number, string][] => rejects.map(({ line, reason }) => [line, reason]);

describe('NDJSON', () => {
  it('gives a row per line and a column per key, types told from the values', async () => {
    const { rows, source } = await read(
      [
        '{"name":"a","n":1,"x":1.5,"ok":true,"at":"2021-06-06T15:59:46.457984+0200","tags":["p","q"],"in":{"deep":{"er":7}}}',
        '{"name":"b\\u00e9","n":-2,"x":2,"ok":false,"at":"2021-06-06T15:59:47Z","tags":[],"in":{"deep":{"er":8}}}',
      ].join('\n'),
    );
    expect(rows).toEqual([
      { name: 'a', n: 1, x: 1.5, ok: 1, at: 1622987986457.984, tags: 'p,q', 'in.deep.er': 7 },
      { name: 'bé', n: -2, x: 2, ok: 0, at: 1622995187000, 'in.deep.er': 8 },
    ]);
    expect(source.schema.columns.map(({ name, kind, unit }) => [name, kind, unit])).toEqual([
      ['name', 'string', ''],
      ['n', 'float64', ''],
      ['x', 'float64', ''],
      ['ok', 'int32', '0 or 1'],
      ['at', 'float64', 'ms since 1970 UTC'],
      ['tags', 'string', ''],
      ['in.deep.er', 'float64', ''],
    ]);
    expect(source.format).toBe('ndjson');
    expect(source.status()).toEqual({ rows: 2, rejected: 0, rejects: [], state: 'whole' });
  });

  it('null, NaN, an absent key and an empty text are missing', async () => {
    const { rows } = await read('{"a":null,"b":1,"c":""}\n{"a":5,"b":NaN,"c":"x"}\n{"a":6,"b":-Infinity}\n');
    expect(rows).toEqual([{ b: 1 }, { a: 5, c: 'x' }, { a: 6 }]);
  });

  it('a bad line is rejected with line and column, and the others stay', async () => {
    const { rows, rejects, source } = await read('{"a":1}\n{"a" 2}\n\n{"a":3,}\nhello\n[1]\n{"a":4} x\n{"a":5}\n');
    expect(rows).toEqual([{ a: 1 }, { a: 5 }]);
    expect(shown(rejects)).toEqual([
      [2, "column 6: no ':' behind a key"],
      [4, "column 8: a ',' before a '}'"],
      [5, 'column 1: no JSON object'],
      [6, 'column 1: an array, not an object'],
      [7, 'column 9: more behind the object'],
    ]);
    expect(source.status().rejected).toBe(5);
    expect(source.status().state).toBe('whole');
  });

  it('a last line that is cut makes the input cut; one that is still being written does not', async () => {
    const text = '{"a":1}\n{"a":2,"b":"x';
    const cut = await read(text);
    expect(cut.rows).toEqual([{ a: 1 }]);
    expect(cut.source.status()).toMatchObject({
      state: 'cut',
      message: 'the input ends within a record, in line 2',
      rejected: 1,
    });
    const open = await read(text, {}, undefined, { growing: () => true });
    expect(open.source.status()).toEqual({
      rows: 1,
      rejected: 0,
      rejects: [],
      state: 'whole',
      message: 'the last line is still being written, and was left out',
    });
  });

  it('a damaged input gives what came before the damage', async () => {
    let calls = 0;
    const source = bytesSource(Buffer.from('{"a":1}\n{"a":2}\n'));
    const { rows, source: table } = await read('', {}, undefined, {
      read: (into) => (calls++ === 0 ? source.read(into) : Promise.reject(new Error('boom'))),
    }).catch((error: unknown) => ({ rows: error, source: undefined }));
    expect(table).toBeUndefined();
    expect(String(rows)).toBe('Error: boom');
  });

  it('keys that come only after the sample are counted and named', async () => {
    const lines = Array.from({ length: 2010 }, (_, i) => (i < 2005 ? `{"a":${i}}` : `{"a":${i},"late":{"x":1,"y":2}}`));
    const { rows, source } = await read(lines.join('\n'));
    expect(rows).toHaveLength(2010);
    expect(source.status().message).toBe(
      '2 keys without a column, as the first records do not have them: late.x (5), late.y (5)',
    );
  });

  it('a value that does not fit an inferred type is missing and counted; one that the user stated rejects the record', async () => {
    const lines = [...Array.from({ length: 2000 }, () => '{"a":1,"b":"x"}'), '{"a":"many","b":"y"}', '{"a":{"z":1}}'];
    const { rows, source } = await read(lines.join('\n'));
    expect(rows).toHaveLength(2002);
    expect(rows[2000]).toEqual({ b: 'y' });
    expect(source.status().message).toBe(
      "column 'a': 1 value not a number, missing there; 1 key without a column, as the first records do not have them: a.z (1)",
    );
    const stated = await read('{"a":1}\n{"a":"many"}\n{"a":2.5}\n{"a":"3"}', { types: { a: 'integer' } });
    expect(stated.rows).toEqual([{ a: 1 }, { a: 3 }]);
    expect(shown(stated.rejects)).toEqual([
      [2, "column 'a': not an integer: many"],
      [3, "column 'a': not an integer: 2.5"],
    ]);
    expect(stated.source.schema.columns[0]?.kind).toBe('int32');
  });

  it('a stated type for a column that does not come is an error with the nearest name', async () => {
    await expect(read('{"bytes":1}', { types: { byts: 'number' } })).rejects.toMatchObject({
      message: "test.json: no column 'byts', for which the type number is stated",
      hint: "did you mean 'bytes'?",
    });
  });

  it('epoch numbers are times where the name says so, exact to the microsecond', async () => {
    const { rows, source } = await read('{"ts":1575413096.052279,"n":1575413096}\n{"ts":1575413097,"n":1575413096}');
    expect(rows).toEqual([
      { ts: 1575413096052.279, n: 1575413096 },
      { ts: 1575413097000, n: 1575413096 },
    ]);
    expect(source.schema.columns[0]?.unit).toBe('ms since 1970 UTC');
    const us = await read('{"when":1575413096052279}', { types: { when: 'time' } });
    expect(us.rows).toEqual([{ when: 1575413096052.279 }]);
  });

  it('of a key that stands twice the last counts, and it is said', async () => {
    const { rows, source } = await read('{"a":1,"a":2}\n{"a":3,"b":{"c":1,"c":null}}');
    expect(rows).toEqual([{ a: 2 }, { a: 3 }]);
    expect(source.status().message).toBe('2 keys stood twice in an object: the last counts');
  });

  it("the key 'a.b' and the key b of a are two columns", async () => {
    const { rows } = await read('{"a.b":1,"a":{"b":2}}');
    expect(rows).toEqual([{ 'a.b': 1, 'a.b#2': 2 }]);
  });

  it('objects below sixteen levels and arrays of objects are JSON text; deeper than 128 levels is no record', async () => {
    const deep = (n: number): string => `${'{"k":'.repeat(n)}1${'}'.repeat(n)}`;
    const { rows } = await read(`{"list":[{"x":1},[2]],"o":${deep(17)}}`);
    expect(rows[0]?.list).toBe('[{"x":1},[2]]');
    expect(rows[0]?.[`o${'.k'.repeat(16)}`]).toBe('{"k":1}');
    const { rejects } = await read(`{"a":1}\n{"a":${'['.repeat(200)}${']'.repeat(200)}}`);
    expect(shown(rejects)).toEqual([[2, 'column 134: nested deeper than 128 levels']]);
  });

  it('a line longer than 1 MiB is rejected and never held', async () => {
    const { rows, rejects } = await read(`{"a":1}\n{"a":"${'x'.repeat(3 << 20)}"}\n{"a":2}\n`);
    expect(rows).toEqual([{ a: 1 }, { a: 2 }]);
    expect(shown(rejects)).toEqual([[2, 'longer than 1,048,576 bytes']]);
    expect(rejects[0]?.bytes.length).toBe(1024);
  });

  it('text with a byte order mark, in UTF-16, with CR LF and with bytes that are no UTF-8 is read', async () => {
    const text = '{"a":"ä"}\r\n{"a":"b"}\r\n';
    expect((await read(`\uFEFF${text}`)).rows).toEqual([{ a: 'ä' }, { a: 'b' }]);
    expect((await read(Buffer.from(`\uFEFF${text}`, 'utf16le'))).rows).toEqual([{ a: 'ä' }, { a: 'b' }]);
    expect((await read(Buffer.from(text, 'latin1'))).rows).toEqual([{ a: '\\xE4' }, { a: 'b' }]);
  });

  it('batches have the rows that were asked for', async () => {
    const source = await openJson(bytesSource(Buffer.from('{"a":1}\n'.repeat(10))), {
      oddities: new OddityCounter(),
      batchRows: 4,
    });
    const sizes: number[] = [];
    for (let t = await source.read(); t !== undefined; t = await source.read()) sizes.push(t.rowCount);
    expect(sizes).toEqual([4, 4, 2]);
  });

  it('an empty input has no rows and no columns', async () => {
    const { rows, source } = await read('');
    expect(rows).toEqual([]);
    expect(source.schema.columns).toEqual([]);
  });
});

describe('JSON documents', () => {
  const records = [
    { a: 1, t: 'x{"]' },
    { a: 2, t: 'y\\' },
    { a: 3, t: '\n' },
  ];
  const layouts: Record<string, string> = {
    'an array in one line': JSON.stringify(records),
    'an array with indents': JSON.stringify(records, null, 2),
    'objects one behind the other': records.map((r) => JSON.stringify(r, null, 1)).join(''),
    'an array with a record to a line': `[\n${records.map((r) => JSON.stringify(r)).join(',\n')}\n]`,
  };

  it.each(Object.entries(layouts))('%s is read, in chunks of any size', async (_, text) => {
    for (const chunk of [1, 2, 3, 7, 64, 65_536]) {
      const { rows, source } = await read(text, {}, chunk);
      expect(rows).toEqual(records);
      expect(source.status()).toEqual({ rows: 3, rejected: 0, rejects: [], state: 'whole' });
    }
  });

  it('one object in many lines is one row', async () => {
    const { rows, source } = await read(JSON.stringify({ a: 1, b: { c: [1, 2] } }, null, 4));
    expect(rows).toEqual([{ a: 1, 'b.c': '1,2' }]);
    expect(source.format).toBe('json');
  });

  it.each([
    ['a missing bracket', '[\n  {\n    "a": 1\n  ,\n  {\n    "a": 2\n  },\n  {\n    "a": 3\n  }\n]\n', [2, 3], 2],
    ['a missing quote', '[\n  {\n    "a": 1, "b": "x\n  },\n  {\n    "a": 2\n  }\n]\n', [2], 2],
    ['a missing comma', '[\n  {\n    "a": 1 "b": 2\n  },\n  {\n    "a": 2\n  }\n]\n', [2], 2],
    ['words between', '[\n{"a":1},\nnonsense,\n{"a":2}\n]\n', [1, 2], 3],
  ])('after %s the next records are read', async (_, text, expected, line) => {
    const { rows, rejects, source } = await read(text);
    expect(rows.map(({ a }) => a)).toEqual(expected);
    expect(rejects.map((r) => r.line)).toEqual([line]);
    expect(source.status().rejected).toBe(1);
  });

  it('lines are those that the records begin in', async () => {
    const { rejects } = await read('[\n{"a":1,\n"b":2},\n\n{"a":x},\n{"a":1,\n"b"},{"b":01}]');
    expect(shown(rejects)).toEqual([
      [5, 'column 6: no value behind a key'],
      [6, "line 7, column 4: no ':' behind a key"],
      [7, 'column 11: a number with a leading zero'],
    ]);
  });

  it('a document that ends within a record is cut', async () => {
    const { rows, source } = await read('[\n  {"a": 1},\n  {"a": 2, "b": "');
    expect(rows).toEqual([{ a: 1 }]);
    expect(source.status()).toMatchObject({
      state: 'cut',
      message: 'the input ends within a record, in line 3',
      rejects: [{ line: 3, reason: 'ends within a text' }],
    });
  });

  it('a record longer than 1 MiB is rejected, and the next one is read', async () => {
    const long = `[{"a":1},{"a":["${'y'.repeat(1 << 21)}",{}]},{"a":2}]`;
    const { rows, rejects } = await read(long);
    expect(rows).toEqual([{ a: 1 }, { a: 2 }]);
    expect(shown(rejects)).toEqual([[1, 'longer than 1,048,576 bytes']]);
  });
});

describe('what JSON looks like', () => {
  it.each<[string, boolean, boolean]>([
    ['{"a":1}\n{"a":2}\n', true, false],
    ['{"a":1}', true, false],
    ['{"a":1,"b', true, false],
    ['cut":1}\n{"a":2}\n', true, false],
    ['{\n  "a": 1\n}', false, true],
    ['[{"a":1}]', false, true],
    ['[\n  {', false, true],
    ['[]', false, true],
    ['', false, false],
    ['a,b\n1,2\n', false, false],
    ['#separator \\x09\n', false, false],
    ['[1,2]', false, false],
    ['hello', false, false],
  ])('%j', (text, ndjson, json) => {
    expect(looksLikeNdjson(Buffer.from(text))).toBe(ndjson);
    expect(looksLikeJson(Buffer.from(text))).toBe(json);
  });
});

describe('the scanner', () => {
  it('takes exactly what JSON.parse takes, and finds the same values', async () => {
    await fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue()), (value) => {
        const bytes = Buffer.from(JSON.stringify(value));
        const scanner = new JsonScanner();
        expect(scanner.scan(bytes, 0, bytes.length)).toBe(true);
      }),
    );
    const scanner = new JsonScanner();
    await fc.assert(
      fc.property(
        fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue()),
        fc.nat(),
        fc.nat(),
        fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '\\', '0', '-', 'e', '.', ' ', '\n', 'true'),
        (value, at, n, put) => {
          const text = JSON.stringify(value);
          const from = at % (text.length + 1);
          const broken = text.slice(0, from) + put + text.slice(from + (n % 3));
          let isObject: boolean;
          try {
            const parsed: unknown = JSON.parse(broken);
            isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
          } catch {
            isObject = false;
          }
          const bytes = Buffer.from(broken);
          // A lone surrogate that was cut out of a pair is another text in UTF-8, and JSON either way.
          expect(scanner.scan(bytes, 0, bytes.length)).toBe(isObject);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('numbers are those of JSON.parse, to the last bit', async () => {
    const scanner = new JsonScanner();
    await fc.assert(
      fc.property(
        fc.oneof(
          fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
          fc.tuple(fc.integer(), fc.nat({ max: 999_999_999 })).map(([a, b]) => `${a}.${b}`),
          fc
            .tuple(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), fc.integer({ min: -30, max: 30 }))
            .map(([a, e]) => `${a}e${e}`),
        ),
        (text) => {
          const bytes = Buffer.from(`{"n":${text}}`);
          expect(scanner.scan(bytes, 0, bytes.length)).toBe(true);
          expect(scanner.leafNumber[0]).toBe((JSON.parse(`{"n":${text}}`) as { n: number }).n);
        },
      ),
    );
  });

  it('more keys than 4,096 are refused and counted', () => {
    const scanner = new JsonScanner();
    for (let i = 0; i < 5000; i++) {
      const bytes = Buffer.from(`{"k${i}":1}`);
      expect(scanner.scan(bytes, 0, bytes.length)).toBe(true);
    }
    expect(scanner.nodeCount).toBe(4097);
    expect(scanner.refusedKeys).toBe(5000 - 4096);
  });
});

describe('hostile input', () => {
  it('every truncation and any bytes are read without an exception', async () => {
    const text = '[\n {"a":1,"b":{"c":[1,{"d":"\\ud83d\\ude00"}]}},\n {"a":2}\n]\n{"a":3}\n';
    for (let n = 0; n <= text.length; n++) await read(text.slice(0, n));
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await read(bytes, {}, 13);
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\n', ' ', '"a"', '1', '\\'), { maxLength: 60 }),
        async (parts) => {
          await read(parts.join(''), {}, 5);
        },
      ),
    );
  });
});
