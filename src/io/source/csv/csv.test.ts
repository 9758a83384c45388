import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Table, UserError } from '../../../core/index.ts';
import { OddityCounter } from '../../../wire/index.ts';
import { bytesSource } from '../delimited.ts';
import type { Reject } from '../table-source.ts';
import { type CsvOptions, looksLikeCsv, openCsv } from './index.ts';

type Row = Record<string, number | string | undefined>;

async function readCsv(text: string | Uint8Array, options: Partial<CsvOptions> = {}) {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const kept: Reject[] = [];
  const source = await openCsv(bytesSource(bytes, 't.csv'), {
    oddities: new OddityCounter(),
    onReject: (reject) => kept.push(reject),
    ...options,
  });
  const rows: Row[] = [];
  for (let t: Table | undefined = await source.read(); t !== undefined; t = await source.read()) {
    const table = t;
    for (let row = 0; row < table.rowCount; row++)
      rows.push(Object.fromEntries(table.schema.columns.map((spec, i) => [spec.name, table.value(i, row)])));
  }
  return {
    rows,
    status: source.status(),
    kept,
    units: source.schema.columns.map((c) => `${c.name}:${c.kind}:${c.unit}`),
  };
}

describe('openCsv', () => {
  it('tells types from the rows and leaves empty, NA, N/A, null, NaN and - missing', async () => {
    const { rows, units } = await readCsv(
      'when,host,bytes,ok,rate\n2024-01-01T00:00:00Z,a,12,true,1e3\n,NA,-,null,NaN\n2024-01-01T00:00:01.5+01:00,"b",7,false,0.25\n',
    );
    expect(units).toEqual([
      'when:float64:ms since 1970 UTC',
      'host:string:',
      'bytes:float64:',
      'ok:int32:0 or 1',
      'rate:float64:',
    ]);
    expect(rows).toEqual([
      { when: Date.UTC(2024, 0, 1), host: 'a', bytes: 12, ok: 1, rate: 1000 },
      { when: undefined, host: undefined, bytes: undefined, ok: undefined, rate: undefined },
      { when: Date.UTC(2023, 11, 31, 23, 0, 1, 500), host: 'b', bytes: 7, ok: 0, rate: 0.25 },
    ]);
  });

  it('takes a quoted NA for the text that it is', async () => {
    const { rows } = await readCsv('country,n\n"NA",1\nNA,2\n"",3\n');
    expect(rows.map((row) => row.country)).toEqual(['NA', undefined, undefined]);
  });

  it.each([
    ['a;b;c\n1,5;2;x\n2,5;3;y\n', ['a', 'b', 'c']],
    ['a\tb\n1\t2,3\n', ['a', 'b']],
    ['a|b\n1|2\n', ['a', 'b']],
    ['sep=;\r\na;b\r\n1;2\r\n', ['a', 'b']],
    ['# made by hand\n# today\na,b\n1,2\n', ['a', 'b']],
  ])('finds the separator of %j', async (text, names) => {
    expect(Object.keys((await readCsv(text)).rows[0] ?? {})).toEqual(names);
  });

  it('reads quotes with separators, doubled quotes and line ends inside, and CR LF', async () => {
    const { rows, status } = await readCsv('a,b\r\n"x, ""y""\nz",1\r\n "q" ,2\r\nin"side,3');
    expect(rows).toEqual([
      { a: 'x, "y"\nz', b: 1 },
      { a: 'q', b: 2 },
      { a: 'in"side', b: 3 },
    ]);
    expect(status).toMatchObject({ rows: 3, rejected: 0, state: 'whole' });
  });

  it('loses one line to a quote that is never closed, and none behind it', async () => {
    const { rows, kept } = await readCsv('a,b\n1,x\n2,"open\n3,y\n4,z\n');
    expect(rows.map((row) => row.a)).toEqual([1, 3, 4]);
    expect(kept.map(({ line, reason, bytes }) => [line, reason, Buffer.from(bytes).toString()])).toEqual([
      [3, 'a quote that is not closed', '2,"open\n'],
    ]);
  });

  it('loses one line to a quote that closes in a later line where it does not belong', async () => {
    const { rows, kept } = await readCsv('a,b\n1,"x\n2,y\n3,z"\n4,w\n');
    expect(rows).toEqual([
      { a: 1, b: 'x\n2,y\n3,z' },
      { a: 4, b: 'w' },
    ]);
    expect(kept).toEqual([]);
    const ragged = await readCsv('a,b\n1,"x\n2,y\n3,z",9\n4,w\n5,v\n6,u\n');
    expect(ragged.rows.map((row) => row.a)).toEqual([2, 4, 5, 6]);
    expect(ragged.kept.map(({ line, reason }) => [line, reason])).toEqual([
      [2, '3 fields, where the header has 2'],
      [4, '3 fields, where the header has 2'],
    ]);
  });

  it('rejects ragged rows with their line, and a cut last one makes the input cut', async () => {
    const { rows, status, kept } = await readCsv('a,b,c\n1,2,3\n4,5\n6,7,8,9\n1,1,1\n7,8');
    expect(rows).toHaveLength(2);
    expect(kept.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      '3: 2 fields, where the header has 3',
      '4: 4 fields, where the header has 3',
      '6: 2 fields, where the header has 3',
    ]);
    expect(status).toMatchObject({ state: 'cut', message: 'it ends within a row', rejected: 3, rows: 2 });
  });

  it('counts a cell that does not fit a type that was guessed, and keeps its row', async () => {
    const lines = Array.from({ length: 2100 }, (_, i) => `${i},${i === 2050 ? 'oops' : i * 2}`);
    const { rows, status } = await readCsv(`id,n\n${lines.join('\n')}\n`);
    expect(rows).toHaveLength(2100);
    expect(rows[2050]).toEqual({ id: 2050, n: undefined });
    expect(status.message).toBe('column n: 1 cell that is no number, taken as missing, the first on line 2,052');
  });

  it('takes numbers with a comma as text, and says of which columns and what to do', async () => {
    const { rows, status } = await readCsv('a;b;c;d\n1,5;2;x,1;7\n-2,25;1.234,5;3,4;8\n3;4;y;9\n');
    expect(rows[0]).toEqual({ a: '1,5', b: '2', c: 'x,1', d: 7 });
    expect(status.message).toBe(
      'columns a, b: numbers with a comma (1,5) are taken as text; write a point before the fraction and nothing between thousands to have them as numbers',
    );
    const one = await readCsv('a,"b"\n1,"1,234,567"\n2,"12"\n');
    expect(one.status.message).toMatch(/^column b: numbers with a comma \(1,234,567\) are taken as text/);
    expect((await readCsv('a;b\n1;"10,20,30"\n2;1,2,3\n')).status.message).toBeUndefined();
  });

  it('rejects a row that does not fit a type that the user states', async () => {
    const { rows, kept } = await readCsv('a,b,c\n1,x,2024-01-01\n1.5,y,2024-01-02\n3,z,soon\n', {
      types: { a: 'integer', c: 'time', b: 'text' },
    });
    expect(rows.map((row) => row.a)).toEqual([1]);
    expect(kept.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      "3: column a is '1.5', which is no integer",
      "4: column c is 'soon', which is no time",
    ]);
  });

  it('refuses a type for a column that is not there, with the nearest name', async () => {
    await expect(readCsv('bytes,host\n1,a\n', { types: { byte: 'number' } })).rejects.toMatchObject({
      message: "t.csv has no column 'byte', for which a type is stated",
      hint: "did you mean 'bytes'? It has bytes, host",
    });
  });

  it('makes empty and repeated column names distinct and says so', async () => {
    const { units, status } = await readCsv('a,,a,a_2\n1,2,3,4\n');
    expect(units.map((unit) => unit.split(':')[0])).toEqual(['a', 'column2', 'a_2', 'a_2_2']);
    expect(status.message).toBe('3 column names were empty or there before, and made distinct');
  });

  it('names the columns of a file without a header column1 to n', async () => {
    expect((await readCsv('1,google.com\n2,example.org\n')).rows).toEqual([
      { column1: 1, column2: 'google.com' },
      { column1: 2, column2: 'example.org' },
    ]);
    expect((await readCsv('facebook.com\nexample.org\n')).rows.map((row) => row.column1)).toEqual([
      'facebook.com',
      'example.org',
    ]);
    expect((await readCsv('name,city\nAnn,Rome\nBob,Oslo\n')).rows).toHaveLength(2);
    expect((await readCsv('1,2\n3,4\n', { header: true })).rows).toEqual([{ 1: 3, 2: 4 }]);
  });

  it('takes epoch times by size and name, in seconds, milliseconds and microseconds', async () => {
    const { rows, units } = await readCsv(
      'ts,flowStart,end_time,serial\n1700000000.25,1700000000250,1700000000250000,1700000000\n',
    );
    const at = 1_700_000_000_250;
    expect(rows).toEqual([{ ts: at, flowStart: at, end_time: at, serial: 1_700_000_000 }]);
    expect(units[3]).toBe('serial:float64:');
  });

  it('says once that times without a zone are taken as UTC', async () => {
    const { rows, status } = await readCsv('t,x\n2024-01-01 10:00:00,1\n2024-01-01 11:00:00,2\n');
    expect(rows[0]?.t).toBe(Date.UTC(2024, 0, 1, 10));
    expect(status.message).toBe('times without a zone are taken as UTC');
  });

  it('keeps digits beyond 2^53 as text, and thousands with commas too', async () => {
    const { rows } = await readCsv('id;n\n12345678901234567890;1,000\n12345678901234567891;2,000\n');
    expect(rows[0]).toEqual({ id: '12345678901234567890', n: '1,000' });
  });

  it('takes infinities as missing numbers and counts them', async () => {
    const { rows, status } = await readCsv('rate,n\n1,1\nInfinity,2\n3,3\n');
    expect(rows[1]?.rate).toBeUndefined();
    expect(status.message).toContain('column rate: 1 cell that is no number');
  });

  it('reads UTF-16, and shows bytes that are no UTF-8 with line and column', async () => {
    expect((await readCsv(Buffer.from('\ufeffa,b\nñ,1\n', 'utf16le'))).rows).toEqual([{ a: 'ñ', b: 1 }]);
    const latin1 = Buffer.from('name,n\ncaf\u00e9,1\nok,2\n', 'latin1');
    const { rows, status } = await readCsv(latin1);
    expect(rows[0]).toEqual({ name: 'caf\\xE9', n: 1 });
    expect(status.message).toBe(
      '1 different text not in UTF-8, shown with \\x escapes, the first on line 2, column name',
    );
  });

  it('rejects a line of megabytes without holding it, and goes on', async () => {
    const { rows, kept } = await readCsv(`a,b\n1,2\n${'x'.repeat(3 << 20)},5\n3,4\n`);
    expect(rows).toEqual([
      { a: 1, b: 2 },
      { a: 3, b: 4 },
    ]);
    expect(kept.map(({ line, reason }) => `${line}: ${reason}`)).toEqual(['3: longer than 1,048,576 bytes']);
    expect(kept[0]?.bytes.length).toBe(1024);
  });

  it('refuses an empty file and a separator of two characters', async () => {
    await expect(readCsv('')).rejects.toThrow('t.csv is empty');
    await expect(readCsv('a,b\n', { separator: '::' })).rejects.toThrow(
      "the separator '::' is not one ASCII character",
    );
  });

  it('keeps the rows before damage and says why it ended', async () => {
    const whole = bytesSource(Buffer.from('a,b\n1,2\n3,4\n5'), 't.csv.gz');
    const read = (into: Uint8Array): number | Promise<number> => {
      const n = whole.read(into) as number;
      return n > 0
        ? n
        : Promise.reject(new UserError('t.csv.gz: the gzip data end early', 'gzip -t t.csv.gz tells more'));
    };
    const source = await openCsv({ ...whole, read }, { oddities: new OddityCounter() });
    expect((await source.read())?.rowCount).toBe(2);
    expect(await source.read()).toBeUndefined();
    expect(source.status()).toMatchObject({ state: 'cut', rows: 2, rejected: 1, message: 'the gzip data end early' });
  });

  it('never throws, and gives and rejects every row, whatever the bytes and their pieces', async () => {
    const byte = fc.oneof(fc.constantFrom(...Buffer.from('"",,\n\n\r 12aé-')), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(byte, { minLength: 1, maxLength: 300 }), async (numbers) => {
        try {
          const { rows, status } = await readCsv(Uint8Array.from(numbers));
          expect(status.rows).toBe(rows.length);
        } catch (error) {
          expect((error as Error).name).toBe('UserError');
        }
      }),
      { numRuns: 400 },
    );
  });

  it('reads back every table of texts that was written with quotes', async () => {
    const cell = fc.string({ maxLength: 8, unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', 'é', ';') });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 }), async (cells) => {
        const text = cells.map((row) => row.map((c) => `"${c.replaceAll('"', '""')}"`).join(',')).join('\n');
        const { rows } = await readCsv(`"a","b"\n${text}\n`, {
          header: true,
          separator: ',',
          types: { a: 'text', b: 'text' },
        });
        expect(rows).toEqual(cells.map(([a, b]) => ({ a: a === '' ? undefined : a, b: b === '' ? undefined : b })));
      }),
    );
  });
});

describe('looksLikeCsv', () => {
  it('knows delimited text from JSON, markup, zero bytes and prose', () => {
    const looks = (text: string): boolean => looksLikeCsv(Buffer.from(text));
    expect(['a,b\n1,2\n', 'x;y\n1;2\n', '\ufeffa\tb\n1\t2'].map(looks)).toEqual([true, true, true]);
    expect(['{"a":1,"b":2}\n', '<a,b>\n', 'a,b\0\n', 'no table here\n', ''].map(looks)).toEqual(Array(5).fill(false));
    expect(looksLikeCsv(Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'))).toBe(true);
  });
});
