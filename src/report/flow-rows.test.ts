import { describe, expect, it } from 'vitest';
import { NASTY } from '../../test/support/hostile.ts';
import { FLOW_SCHEMA, type FlowRecord, flowTable } from '../flow/index.ts';
import { defaultFlowFields, FlowRowWriter, parseFlowFields } from './index.ts';

const START = Date.UTC(2024, 4, 14, 7, 30);
const FLOWS: FlowRecord[] = [
  {
    id: 1,
    startMs: START,
    endMs: START + 1234.5678901,
    durationMs: 1234.5678901,
    protocol: 'tcp',
    initiator: '10.0.0.1',
    initiatorPort: 50_000,
    responder: '93.184.216.34',
    responderPort: 443,
    initiatorBytes: 1000,
    responderBytes: 2_000_000,
    serverName: 'www.example.com',
  },
  {
    id: 2,
    startMs: START + 5000,
    endMs: START + 5000,
    durationMs: 0,
    protocol: 'icmp',
    initiator: 'fe80::1',
    responder: 'ff02::1',
    initiatorBytes: 98,
  },
];

const rowsOf = (count: number): Int32Array => Int32Array.from({ length: count }, (_, row) => row);
function written(format: 'csv' | 'ndjson' | 'table', fields: string, flows: readonly FlowRecord[] = FLOWS): string {
  const writer = new FlowRowWriter(format, parseFlowFields(fields));
  return writer.header() + writer.lines(flowTable(flows), rowsOf(flows.length));
}

describe('flows as lines', () => {
  it('in CSV: the fields asked for, times as dates and durations in seconds under their short names', () => {
    expect(written('csv', 'start, src, dst.port, duration, durationMs, bytes, sni')).toBe(
      [
        'start,src,dst.port,duration,durationMs,bytes,sni',
        '2024-05-14T07:30:00.000Z,10.0.0.1,443,1.234568,1234.56789,2001000,www.example.com',
        '2024-05-14T07:30:05.000Z,fe80::1,,0,0,98,',
        '',
      ].join('\n'),
    );
  });

  it('in NDJSON: an object for each flow, without members for what is missing', () => {
    const lines = written('ndjson', 'start,src,dst.port,bytes,sni').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { start: '2024-05-14T07:30:00.000Z', src: '10.0.0.1', 'dst.port': 443, bytes: 2_001_000, sni: 'www.example.com' },
      { start: '2024-05-14T07:30:05.000Z', src: 'fe80::1', bytes: 98 },
    ]);
  });

  it('as a table: columns as wide as the first batch needs, numbers to the right, a hyphen for what is missing', () => {
    expect(written('table', 'src,dst.port,duration,bytes,sni')).toBe(
      [
        'src       dst.port  duration  bytes  sni',
        '10.0.0.1       443     1.2 s   2 MB  www.example.com',
        'fe80::1          -      0 ms   98 B  -',
        '',
      ].join('\n'),
    );
  });

  it('write only the rows they are given', () => {
    const writer = new FlowRowWriter('csv', parseFlowFields('id'));
    expect(writer.lines(flowTable(FLOWS), Int32Array.of(1))).toBe('2\n');
    expect(writer.lines(flowTable(FLOWS), Int32Array.of())).toBe('');
  });

  it('have all columns, with start and end for people, when no fields are asked for', () => {
    for (const format of ['csv', 'ndjson'] as const)
      expect(defaultFlowFields(format).map(({ header }) => header)).toEqual([
        'start',
        'end',
        ...FLOW_SCHEMA.columns.map((column) => column.name),
      ]);
    const writer = new FlowRowWriter('csv');
    const header = writer.header().split(',').length;
    for (const line of writer.lines(flowTable(FLOWS), rowsOf(2)).trimEnd().split('\n'))
      expect(line.split(',').length).toBe(header);
  });

  it('keep text from the network harmless in every format', () => {
    const flows = NASTY.map((text, id): FlowRecord => ({ id, serverName: text, httpRequest: text }));
    for (const format of ['csv', 'ndjson', 'table'] as const) {
      const text = written(format, 'id,sni,http.request', flows);
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b-\u200f]/);
      expect(text.trimEnd().split('\n')).toHaveLength(flows.length + (format === 'ndjson' ? 0 : 1));
    }
    const back = written('ndjson', 'id,sni', flows)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { sni: string });
    expect(back.map(({ sni }) => sni)).toEqual(NASTY.map((text) => text.toWellFormed()));
    expect(written('csv', 'sni', [{ serverName: '=cmd()' }])).toBe("sni\n'=cmd()\n");
  });

  it.each([
    ['start,srcc', "--fields: there is no field 'srcc'", "did you mean 'src'?"],
    ['host', "--fields: 'host' stands for several columns", 'name both: src,dst'],
    ['port', "--fields: 'port' stands for several columns", 'name both: src.port,dst.port'],
    ['name', "--fields: 'name' stands for several columns", 'name one of serverName, httpHost, dnsQuery'],
    ['src,,dst', '--fields src,,dst: a name is empty', 'for example --fields start,src,dst,dst.port,bytes'],
  ])('refuse the fields %s with words', (fields, message, hint) => {
    expect(() => parseFlowFields(fields)).toThrow(expect.objectContaining({ message, hint }));
  });
});
