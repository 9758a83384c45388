import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualTiming } from '../../../../test/support/timing.ts';
import {
  eventTime,
  flattenRecord,
  type JsonObject,
  LineSplitter,
  PACKET_RECORD_SCHEMA,
  parseRecord,
  parseTime,
  RecordIntake,
  RecordTyper,
  type RecordValue,
} from './index.ts';

function split(chunks: readonly Uint8Array[], max?: number): { lines: string[]; long: number; splitter: LineSplitter } {
  const lines: string[] = [];
  let long = 0;
  const splitter = new LineSplitter(
    (line) => lines.push(Buffer.from(line).toString('latin1')),
    (head) => {
      expect(head.length).toBeLessThanOrEqual(1024);
      long++;
    },
    max,
  );
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return { lines, long, splitter };
}

function arrived(...records: JsonObject[]): { record: JsonObject; arrivalMs: number; line: number }[] {
  return records.map((record, i) => ({ record, arrivalMs: 1000 + i, line: i + 1 }));
}

function flat(record: JsonObject): Record<string, RecordValue> {
  const out: Record<string, RecordValue> = {};
  flattenRecord(record, (name, value) => {
    out[name] = value;
  });
  return out;
}

describe('lines', () => {
  it('are the same however the bytes are cut into reads', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.nat(7), { minLength: 1 }), (texts, sizes) => {
        const bytes = Buffer.from(texts.map((text) => `${text.replace(/[\r\n]/g, '')}\n`).join(''));
        const chunks: Buffer[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = 1 + (sizes[i % sizes.length] ?? 0);
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(split(chunks).lines).toEqual(split([bytes]).lines);
        expect(split(chunks).lines).toHaveLength(texts.length);
      }),
    );
  });

  it('end at LF or CR LF, and the last one at the end of the input', () => {
    expect(split([Buffer.from('a\r\nb\n\nc')]).lines).toEqual(['a', 'b', '', 'c']);
  });

  it('that are too long go by without being held, once each', () => {
    const chunk = Buffer.alloc(1 << 16, 0x61);
    const long = split([...Array.from({ length: 160 }, () => chunk), Buffer.from('\nok\n')], 100_000);
    expect(long.lines).toEqual(['ok']);
    expect(long.long).toBe(1);
    expect(long.splitter.line).toBe(2);
  });

  it('may be exactly as long as the limit, with a CR behind', () => {
    expect(split([Buffer.from('12345\r\n123456\n')], 5)).toMatchObject({ lines: ['12345'], long: 1 });
  });

  it('that never end hold no more than the limit', () => {
    const splitter = new LineSplitter(
      () => undefined,
      () => undefined,
      1000,
    );
    let most = 0;
    for (let i = 0; i < 10_000; i++) {
      splitter.push(Buffer.from('xyz'));
      most = Math.max(most, splitter.heldBytes);
    }
    expect(most).toBeLessThanOrEqual(1001);
  });
});

describe('a record', () => {
  it.each([
    ['{"a":1}', { a: 1 }],
    ['', undefined],
    ['  ', undefined],
    ['{"a":', 'not valid JSON'],
    ['[1]', 'not a JSON object but an array'],
    ['null', 'not a JSON object but null'],
    ['7', 'not a JSON object but a number'],
  ])('of the line %s is read, or the reason said', (line, expected) => {
    expect(parseRecord(Buffer.from(line))).toEqual(expected);
  });

  it('that is no UTF-8 is refused', () => {
    expect(parseRecord(Uint8Array.of(0x7b, 0xff, 0x7d))).toBe('not valid UTF-8');
  });

  it('is read or refused with a reason, whatever the bytes and wherever it is cut', () => {
    const whole = Buffer.from('{"a":{"b":[1,"ż"]},"c":null}');
    for (let end = 0; end < whole.length; end++)
      expect(['undefined', 'string']).toContain(typeof parseRecord(whole.subarray(0, end)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(['undefined', 'string', 'object']).toContain(typeof parseRecord(bytes));
      }),
    );
  });

  it('is flattened with dots; null and empty text are missing', () => {
    expect(
      flat({ a: { b: { c: 1 } }, d: [1, 'x', null, true], e: null, f: '', g: [], h: [{ i: 1 }], j: false }),
    ).toEqual({
      'a.b.c': 1,
      d: '1,x,true',
      h: '[{"i":1}]',
      j: false,
    });
  });

  it('is bounded in depth, width and text', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`);
    expect(Object.keys(flat(deep))).toEqual(['a.a.a.a.a.a.a.a']);
    const wide: Record<string, number> = {};
    for (let i = 0; i < 2000; i++) wide[`k${i}`] = i;
    expect(flattenRecord(wide, () => undefined)).toBe(2000 - 512);
    expect(String(flat({ a: 'x'.repeat(100_000) }).a)).toHaveLength(32_769);
  });

  it('never throws, whatever the JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (record) => {
        const typer = new RecordTyper();
        const table = typer.tableOf(arrived(record as JsonObject), () => undefined);
        expect(table.rowCount).toBeLessThanOrEqual(1);
        eventTime(record as JsonObject);
      }),
    );
  });
});

describe('a time', () => {
  it.each([
    ['2021-04-01T15:55:45.785Z', 1_617_292_545_785],
    ['2021-04-01T17:55:45.785+02:00', 1_617_292_545_785],
    ['2021-04-01T17:55:45.785+0200', 1_617_292_545_785],
    ['2021-04-01 15:55:45', 1_617_292_545_000],
    ['2021-04-01T15:55:45.123456789Z', 1_617_292_545_123.457],
    [1_617_292_545.785, 1_617_292_545_785],
    [1_617_292_545_785, 1_617_292_545_785],
    [1_617_292_545_785_123, 1_617_292_545_785.123],
    ['1617292545785', 1_617_292_545_785],
    ['2021-04-01T15:55:45Z', 1_617_292_545_000],
    ['2021-04-01T15:55:4xZ', undefined],
    ['2021-04-01T15:55:45.7x5Z', undefined],
    ['2021-02-31T00:00:00Z', Date.UTC(2021, 1, 31)],
    ['0099-12-31T00:00:00Z', undefined],
    ['yesterday', undefined],
    ['2021-13-01T00:00:00Z', undefined],
    [12, undefined],
    [null, undefined],
  ])('%s is %s', (value, expected) => {
    expect(parseTime(value)).toBe(expected);
  });

  it('is the same as the calendar says, for every time', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5.9e13, max: 2e14 }), (ms) => {
        const text = new Date(ms).toISOString();
        expect(parseTime(text)).toBe(ms);
        expect(parseTime(text.replace(/\.\d+Z$/, 'Z'))).toBe(Math.floor(ms / 1000) * 1000);
      }),
    );
  });

  it('is found under the usual names, nested or flat, the most exact first', () => {
    expect(eventTime({ ts: 1_617_292_545, event: { start: '2020-01-01T00:00:00Z' } })).toBe(1_577_836_800_000);
    expect(eventTime({ 'event.start': '2020-01-01T00:00:00Z' })).toBe(1_577_836_800_000);
    expect(eventTime({ seen: '2020-01-01T00:00:00Z' }, 'seen')).toBe(1_577_836_800_000);
    expect(eventTime({ time: 'soon' })).toBeUndefined();
  });
});

describe('the typer of records', () => {
  it('knows packet records by their fields, and validates them', () => {
    const faults: string[] = [];
    const good = { src_port: 443, dst_port: 51_000, packet_size: 1200, duration_ms: 80, protocol: 'TCP' };
    const typer = new RecordTyper();
    const table = typer.tableOf(
      arrived(
        good,
        { ...good, src_port: 70_000 },
        { ...good, protocol: 6 },
        { ...good, packet_size: '12' },
        { ...good, duration_ms: null, extra: 1 },
        { hello: 'world' },
      ),
      ({ line }, reason) => faults.push(`${line}: ${reason}`),
    );
    expect(table.schema).toBe(PACKET_RECORD_SCHEMA);
    expect(table.rowCount).toBe(2);
    expect(table.number('src_port', 0)).toBe(443);
    expect(table.number('arrivalMs', 0)).toBe(1000);
    expect(table.number('timeMs', 0)).toBeUndefined();
    expect(table.number('duration_ms', 1)).toBeUndefined();
    expect(typer.counts()).toMatchObject({ lateValues: 1, lateKeys: ['extra'] });
    expect(faults).toEqual([
      '2: src_port: expected an integer from 0 to 65535',
      '3: protocol: expected text of 1 to 64 characters',
      '4: packet_size: expected a number from 0',
      '6: no field of a packet record',
    ]);
  });

  it('infers other records from the first batch, and counts what comes later', () => {
    const typer = new RecordTyper();
    const first = typer.tableOf(
      arrived({ n: 1, ok: true, at: '2020-01-01T00:00:00Z', mixed: 1, deep: { x: 'y' } }, { n: 2.5, mixed: 'a' }),
      () => undefined,
    );
    expect(first.schema.columns.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'arrivalMs float64',
      'timeMs float64',
      'agent string',
      'n float64',
      'ok int32',
      'at float64',
      'mixed string',
      'deep.x string',
    ]);
    expect(first.text('mixed', 0)).toBe('1');
    expect(first.number('ok', 1)).toBeUndefined();
    const later = typer.tableOf(arrived({ n: 'many', later: 1, mixed: 3 }), () => undefined);
    expect(later.schema).toBe(first.schema);
    expect(later.number('n', 0)).toBeUndefined();
    expect(later.text('mixed', 0)).toBe('3');
    expect(typer.counts()).toEqual({ lateValues: 1, lateKeys: ['later'], misfits: 1, refused: 0 });
  });

  it('rejects what breaks a stated type', () => {
    const faults: string[] = [];
    const typer = new RecordTyper({ types: { n: 'integer', at: 'time' } });
    const table = typer.tableOf(arrived({ n: '5', at: 1_600_000_000 }, { n: 1.5 }, { at: 'noon' }), (_, reason) =>
      faults.push(reason),
    );
    expect(table.rowCount).toBe(1);
    expect(table.number('n', 0)).toBe(5);
    expect(table.number('at', 0)).toBe(1_600_000_000_000);
    expect(faults).toEqual([
      'n: expected an integer within 32 bits, found a number',
      'at: expected a time, found text',
    ]);
  });

  it('keeps a field that is called like its own columns', () => {
    const table = new RecordTyper().tableOf(arrived({ timeMs: 5, arrivalMs: 6 }), () => undefined);
    expect(table.number('record.timeMs', 0)).toBe(5);
    expect(table.number('arrivalMs', 0)).toBe(1000);
  });

  it('holds the number of its columns and late keys whatever comes', () => {
    const typer = new RecordTyper();
    typer.fix(
      Array.from({ length: 10 }, (_, i) => Object.fromEntries(Array.from({ length: 200 }, (_, k) => [`${i}.${k}`, 1]))),
    );
    expect(typer.schema?.columns).toHaveLength(515);
    const late = Object.fromEntries(Array.from({ length: 300 }, (_, k) => [`late${k}`, 1]));
    typer.tableOf(arrived(late), () => undefined);
    expect(typer.counts()).toMatchObject({ lateValues: 300 });
    expect(typer.counts().lateKeys).toHaveLength(100);
  });
});

describe('the intake', () => {
  it('gives a batch when it is full, when it is old, when it is heavy, and at the end', async () => {
    const timing = new ManualTiming();
    const intake = new RecordIntake({ batchRows: 2, batchMs: 100, batchBytes: 1000, timing });
    const add = (n: number, bytes = 10): void => intake.add({ record: { n }, arrivalMs: timing.now(), line: n }, bytes);
    add(1);
    add(2);
    expect((await intake.take())?.rowCount).toBe(2);
    add(3);
    timing.advance(100);
    expect((await intake.take())?.rowCount).toBe(1);
    add(4, 5000);
    expect((await intake.take())?.rowCount).toBe(1);
    add(5);
    intake.end();
    expect((await intake.take())?.number('n', 0)).toBe(5);
    expect(await intake.take()).toBeUndefined();
    expect(intake.rows).toBe(5);
  });

  it('says when it is full and when it has room, and loses nothing', async () => {
    const timing = new ManualTiming();
    let room = 0;
    const intake = new RecordIntake({ batchRows: 1, maxWaiting: 2, timing, onRoom: () => room++ });
    for (let n = 1; n <= 3; n++) intake.add({ record: { n }, arrivalMs: 0, line: n }, 1);
    expect(intake.full).toBe(true);
    await intake.take();
    expect([intake.full, room]).toEqual([true, 0]);
    await intake.take();
    expect([intake.full, room]).toEqual([false, 1]);
    expect((await intake.take())?.number('n', 0)).toBe(3);
  });
});
