import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostileResult, NASTY } from '../../test/support/hostile.ts';
import { quietResult, sampleResult } from '../../test/support/sample.ts';
import { decodeTable, encodeTable, Table } from '../core/index.ts';
import { FLOW_SCHEMA, flowTable } from '../flow/index.ts';
import { FLOW_CSV_COLUMNS, flowCsvHeader, renderIncidentsCsv, textCell } from './csv.ts';
import { flowCsvRows } from './flow-csv.ts';

/** RFC 4180, as strictly as it reads: quotes only around a whole cell, doubled inside. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let i = 0;
  while (i < text.length) {
    let cell = '';
    if (text[i] === '"') {
      i++;
      for (;;) {
        if (i >= text.length) throw new Error('a quoted cell does not end');
        if (text[i] === '"' && text[i + 1] === '"') {
          cell += '"';
          i += 2;
        } else if (text[i] === '"') {
          i++;
          break;
        } else cell += text[i++];
      }
    } else {
      while (i < text.length && text[i] !== ',' && text[i] !== '\n') {
        if (text[i] === '"') throw new Error(`a quote inside a cell that is not quoted at ${i}`);
        cell += text[i++];
      }
    }
    row.push(cell);
    if (text[i] === '\n') {
      rows.push(row);
      row = [];
    } else if (text[i] !== ',') throw new Error(`expected a comma or a line end at ${i}`);
    i++;
  }
  if (row.length > 0) throw new Error('the last line does not end');
  return rows;
}

const FORMULA_START = /^[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^-?\d+(\.\d+)?(e[+-]\d+)?$/;

test('the header names the ISO times, the columns of the flow schema in order, and the score', () => {
  expect(flowCsvHeader()).toBe(`start,end,${FLOW_SCHEMA.columns.map((column) => column.name).join(',')},score\n`);
  expect(FLOW_CSV_COLUMNS.every((column) => column.meaning !== '')).toBe(true);
});

test('a missing value is an empty cell, times stand as ISO and as numbers, and numbers are exact', () => {
  const table = flowTable([
    {
      id: 1,
      startMs: 1617292545785.123,
      endMs: 1617292545785.623,
      durationMs: 0.5,
      protocol: 'tcp',
      initiator: '10.0.0.5',
      initiatorPort: 51234,
      iatMeanMs: -0,
      serverName: '',
    },
    {},
  ]);
  const [first = [], second = []] = parseCsv(flowCsvRows(table, [0.99, Number.NaN]));
  const byName = Object.fromEntries(FLOW_CSV_COLUMNS.map((column, i) => [column.name, first[i]]));
  expect(byName).toMatchObject({
    start: '2021-04-01T15:55:45.785Z',
    end: '2021-04-01T15:55:45.785Z',
    id: '1',
    startMs: '1617292545785.123',
    durationMs: '0.5',
    protocol: 'tcp',
    initiator: '10.0.0.5',
    initiatorPort: '51234',
    responderPort: '',
    iatMeanMs: '0',
    serverName: '',
    score: '0.99',
  });
  expect(second.join('')).toBe('');
  expect(second.length).toBe(FLOW_CSV_COLUMNS.length);
});

test('a line is written for every row, and scores are optional', () => {
  const table = flowTable(
    Array.from({ length: 1000 }, (_, i) => ({ id: i + 1, protocol: i % 2 === 0 ? 'tcp' : 'udp' })),
  );
  const rows = parseCsv(flowCsvRows(table));
  expect(rows.length).toBe(1000);
  expect(rows[999]?.[2]).toBe('1000');
  expect(rows[999]?.at(-1)).toBe('');
  expect(flowCsvRows(flowTable([]))).toBe('');
});

test('the time that is put together by hand is the one that Date writes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -8.64e15, max: 8.64e15, noNaN: true }), { minLength: 1, maxLength: 20 }),
      (times) => {
        const rows = parseCsv(flowCsvRows(flowTable(times.map((startMs) => ({ startMs })))));
        expect(rows.map((row) => row[0])).toEqual(times.map((time) => new Date(time).toISOString()));
      },
    ),
  );
});

test('a number is exact to a millionth below a thousand million, to a thousandth above, as far as a float64 goes, and never anything but a number', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.double({ noNaN: true }),
          fc.double({ min: 1e8, max: 1e16, noNaN: true }),
          fc.integer(),
          fc.double({ min: -1, max: 1 }),
        ),
        {
          minLength: 1,
          maxLength: 50,
        },
      ),
      (values) => {
        const rows = parseCsv(flowCsvRows(flowTable(values.map((durationMs) => ({ durationMs })))));
        values.forEach((value, i) => {
          const cell = rows[i]?.[5] ?? '';
          if (!Number.isFinite(value)) expect(cell).toBe('');
          else {
            expect(cell).toMatch(NUMBER);
            expect(Math.abs(Number(cell) - value)).toBeLessThanOrEqual(
              (Math.abs(value) < 1e9 ? 6e-7 : 6e-4) + Math.abs(value) * 2 ** -52,
            );
          }
        });
      },
    ),
    { numRuns: 300 },
  );
});

test('whole numbers of 32 bits are written in full', () => {
  const edges = [0, 9, 10, 99, 100, 999, 1000, 9999, 999_999, 1_000_000, 999_999_999, 1_000_000_000, 2 ** 31 - 1];
  const values = [...edges, ...edges.map((value) => -value), -(2 ** 31)].map((value) => value | 0);
  const rows = parseCsv(flowCsvRows(flowTable(values.map((id) => ({ id })))));
  expect(rows.map((row) => row[2])).toEqual(values.map(String));
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 50 }), (ids) => {
      const written = parseCsv(flowCsvRows(flowTable(ids.map((id) => ({ id })))));
      expect(written.map((row) => row[2])).toEqual(ids.map(String));
    }),
  );
});

test('of a fraction at most six decimals are written, rounded, without zeros at the end', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 50 }), (some) => {
      const values = some.map((n) => n / 1024);
      const rows = parseCsv(flowCsvRows(flowTable(values.map((durationMs) => ({ durationMs })))));
      for (const [i, value] of values.entries())
        expect(Math.abs(Number(rows[i]?.[5]) - value)).toBeLessThanOrEqual(5.1e-7);
      expect(rows.map((row) => row[5]?.replace(/^\d+\.?/, '').length ?? 0).every((n) => n <= 6)).toBe(true);
      expect(rows.every((row) => !/\.\d*0$/.test(row[5] ?? ''))).toBe(true);
    }),
  );
});

test('a time that no calendar holds is an empty cell beside its number', () => {
  const [row] = parseCsv(flowCsvRows(flowTable([{ startMs: 9e15 }])));
  expect(row?.slice(0, 4)).toEqual(['', '', '', '9000000000000000']);
});

test('a table of another schema and a list of scores of another length are refused', () => {
  expect(() => flowCsvRows(new Table({ name: 'hosts', version: 1, columns: [] }, 0, []))).toThrow(
    "expected a flow table, got 'hosts'",
  );
  expect(() => flowCsvRows(flowTable([{ id: 1 }]), [0.1, 0.2])).toThrow('expected 1 scores, got 2');
});

test('text that a spreadsheet would take for a formula is shown as text', () => {
  expect(["=cmd|'/c calc'!A0", '+1', '-a', '@x', ' =1', '\uff1d1', '\t=1', '\r=1'].map(textCell)).toEqual([
    `"'=cmd|'/c calc'!A0"`,
    "'+1",
    "'-a",
    "'@x",
    "' =1",
    "'\uff1d1",
    '\\u{9}=1',
    '\\u{d}=1',
  ]);
  expect(textCell('a;=1')).toBe(`"a;'=1"`);
  expect(textCell('a,"=1')).toBe(`"a,'""=1"`);
  expect(textCell('a=1-b+c@d')).toBe('a=1-b+c@d');
  expect(textCell('http-proxy.example.com')).toBe('http-proxy.example.com');
});

test('any text is one cell that starts no formula, whichever separator the reader believes in', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc
          .array(fc.constantFrom('=', '+', '-', '@', ',', ';', '|', '"', "'", ' ', '\t', '\n', '\uff1d', 'a', '\u001b'))
          .map((parts) => parts.join('')),
      ),
      (text) => {
        const line = `1,${textCell(text)},2\n`;
        const rows = parseCsv(line);
        expect(rows.length).toBe(1);
        expect(rows[0]?.length).toBe(3);
        expect(rows[0]?.[1]).not.toMatch(FORMULA_START);
        expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        for (const separator of [',', ';', '|']) {
          for (const cell of line.trimEnd().split(separator)) expect(cell).not.toMatch(FORMULA_START);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('a text of a flow is the cell that textCell makes, also when the table was written to a scratch file and read again', () => {
  const parts = [
    '=',
    '+',
    '-',
    '@',
    ',',
    ';',
    '|',
    '"',
    "'",
    ' ',
    '\t',
    '\uff1d',
    'a',
    '1',
    '_',
    '.',
    'x'.repeat(1500),
  ];
  const text = fc.oneof(
    fc.array(fc.constantFrom(...parts), { maxLength: 6 }).map((some) => some.join('')),
    fc.string(),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(
      fc.oneof(fc.array(text, { maxLength: 5 }), fc.array(text, { minLength: 31, maxLength: 70 })),
      (texts) => {
        const table = flowTable(texts.map((serverName) => ({ serverName })));
        const at = FLOW_SCHEMA.columns.findIndex((column) => column.name === 'serverName') + 2;
        const expected = texts.map(
          (one) => `${','.repeat(at)}${textCell(one)}${','.repeat(FLOW_CSV_COLUMNS.length - 1 - at)}\n`,
        );
        const lines = new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(expected.join('')));
        expect(flowCsvRows(table)).toBe(lines);
        expect(flowCsvRows(decodeTable(FLOW_SCHEMA, encodeTable(table)))).toBe(lines);
      },
    ),
    { numRuns: 500 },
  );
});

test('a very long text is cut so that its cell fits in a spreadsheet even when all of it is escaped', () => {
  expect(textCell('x'.repeat(10_000))).toBe(`${'x'.repeat(3000)}…`);
  expect(textCell('\u{10ffff}'.repeat(10_000)).length).toBeLessThan(32_767);
});

test('hostile flows stay one line each, with no formula and no control character', () => {
  for (const text of NASTY) {
    const flows = hostileResult(text).incidents.flatMap((incident) =>
      incident.evidence.flatMap((item) => (item.type === 'flow' ? [item.flow] : [])).slice(0, 1),
    );
    const csv = flowCsvHeader() + flowCsvRows(flowTable(flows));
    const rows = parseCsv(csv);
    expect(rows.length).toBe(flows.length + 1);
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([FLOW_CSV_COLUMNS.length]));
    for (const cell of rows.flat()) if (!NUMBER.test(cell)) expect(cell).not.toMatch(FORMULA_START);
    expect(csv).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(csv.isWellFormed()).toBe(true);
  }
});

test('incidents.csv has one line per incident, most urgent first', () => {
  const rows = parseCsv(renderIncidentsCsv(sampleResult()));
  expect(rows.length).toBe(10);
  const [header = [], , scan = []] = rows;
  expect(Object.fromEntries(header.map((name, i) => [name, scan[i]]))).toMatchObject({
    rank: '2',
    severity: 'high',
    urgency: '70',
    kind: 'scan.horizontal',
    title: '192.168.10.23 tried 212 hosts on port 445 within 38.4 s; 4 answered.',
    actors: '192.168.10.23',
    peerCount: '212',
    techniques: 'T1046 T1021.002',
    first: '2024-05-14T07:29:12.408Z',
    last: '2024-05-14T07:29:50.808Z',
    durationMs: '38400',
    judgedBy: 'rules',
    confidence: '0.9',
    action: 'investigate',
  });
  expect(renderIncidentsCsv(quietResult()).split('\n').length).toBe(2);
});

test('a hostile result gives an incidents.csv of the same shape', () => {
  for (const text of NASTY) {
    const rows = parseCsv(renderIncidentsCsv(hostileResult(text)));
    expect(rows.length).toBe(10);
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([20]));
    for (const cell of rows.flat()) if (!NUMBER.test(cell)) expect(cell).not.toMatch(FORMULA_START);
  }
});
