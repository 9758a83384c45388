import * as fs from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { type FlowRecord, flowTable } from '../../flow/index.ts';
import {
  type ConnectionSheet,
  parseConnectionCsv,
  parseConnectionXlsx,
  readConnectionSheet,
  type SheetCell,
} from '../source/connection-sheet.ts';
import {
  ConnectionSheetBuilder,
  connectionSheetName,
  encodeConnectionCsv,
  encodeConnectionXlsx,
  writeConnectionSheet,
} from './connection-sheet.ts';

const folder = temporaryFolder();
const HEADER = [
  'PROTOCOL',
  'SRCMAC',
  'SRCMFG',
  'SRCIP',
  'SRCPORT',
  'DSTMAC',
  'DSTMFG',
  'DSTIP',
  'DSTPORT',
  'CNT',
  'NOTES',
];
const text = (sheet: ConnectionSheet, options = {}): string =>
  Buffer.from(encodeConnectionCsv(sheet, options)).toString();

function xlsx(rows: SheetCell[][]): ConnectionSheet {
  return {
    format: 'connection-sheet',
    version: 1,
    layout: {
      kind: 'xlsx',
      sheet: 'Mock',
      before: [{ sheet: 'Cover', rows: [['Title', { date: '2020-01-02T03:04:05.000Z' }]] }],
      after: [],
    },
    rows: rows.map((cells, i) => ({ kind: 'other', line: i + 1, cells })),
    connections: [],
    groups: 0,
    problems: [],
    problemCount: 0,
  };
}

const ROWS: SheetCell[][] = [
  HEADER,
  [
    'TCP',
    'aa:bb:cc:00:00:01',
    'Dell',
    '10.0.0.1',
    'EPH:43496',
    'aa:bb:cc:00:00:02',
    'Dell',
    '10.0.0.2',
    443,
    12,
    '=cmd()',
  ],
  Array.from({ length: 11 }, () => null),
  ['UDP ', 'aa:bb:cc:00:00:01', ' Dell', '10.0.0.1', '123 NTP', 'N/A', 'UNKNOWN', '10.0.0.2', 123, 1.5, true],
];

describe('a sheet in a workbook', () => {
  it('comes back cell for cell, with the other sheets', async () => {
    const bytes = await encodeConnectionXlsx(xlsx(ROWS));
    const sheet = await parseConnectionXlsx(bytes, 'x.xlsx');
    expect(sheet.rows.map(({ cells }) => cells)).toEqual(ROWS);
    expect(sheet.layout).toEqual({
      kind: 'xlsx',
      sheet: 'Mock',
      before: [{ sheet: 'Cover', rows: [['Title', { date: '2020-01-02T03:04:05.000Z' }]] }],
      after: [],
    });
    expect(sheet.rows.map(({ kind }) => kind)).toEqual(['header', 'connection', 'blank', 'connection']);
    expect(sheet.connections[0]).toMatchObject({
      group: 1,
      packets: 12,
      notes: '=cmd()',
      src: { port: { port: 43_496 } },
    });
    const again = await parseConnectionXlsx(await encodeConnectionXlsx(sheet), 'x.xlsx');
    expect(again.rows).toEqual(sheet.rows);
  });

  it('becomes CSV in which no cell is a formula', async () => {
    const sheet = await parseConnectionXlsx(await encodeConnectionXlsx(xlsx(ROWS)), 'x.xlsx');
    expect(text(sheet).split('\n')[1]).toBe(
      "TCP,aa:bb:cc:00:00:01,Dell,10.0.0.1,EPH:43496,aa:bb:cc:00:00:02,Dell,10.0.0.2,443,12,'=cmd()",
    );
  });

  it('takes every text of a CSV as a text', async () => {
    const csv = parseConnectionCsv(Buffer.from(`${HEADER.join(',')}\nTCP,,,1.2.3.4,1,,,5.6.7.8,2,1.0,=1+1\n`), 'x.csv');
    const sheet = await parseConnectionXlsx(await encodeConnectionXlsx(csv), 'x.xlsx');
    expect(sheet.rows[1]?.cells.slice(8)).toEqual(['2', '1.0', '=1+1']);
  });
});

describe('a damaged workbook', () => {
  it('is refused in words or read, wherever it is cut or changed', async () => {
    const whole = Buffer.from(await encodeConnectionXlsx(xlsx(ROWS)));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length),
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }),
        async (end, changes) => {
          const bytes = Buffer.from(changes.length === 0 ? whole.subarray(0, end) : whole);
          for (const [at, value] of changes) bytes[at] = value;
          try {
            await parseConnectionXlsx(bytes, 'x.xlsx');
          } catch (error) {
            expect(error).toMatchObject({ name: 'UserError', hint: expect.any(String) });
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a sheet from CSV', () => {
  it('is guarded against formulas only where that is asked for', () => {
    const source = `${HEADER.join(',')}\nTCP,,,1.2.3.4,1,,,5.6.7.8,2,1.0,=1+1\n`;
    const sheet = parseConnectionCsv(Buffer.from(source), 'x.csv');
    expect(text(sheet)).toBe(source);
    expect(text(sheet, { guard: true })).toBe(source.replace('=1+1', "'=1+1"));
  });

  it('is written to a file whose name says the format', async () => {
    const source = `${HEADER.join(',')}\nTCP,,,1.2.3.4,1,,,5.6.7.8,2,1.0,x\n`;
    const sheet = parseConnectionCsv(Buffer.from(source), 'x.csv');
    await writeConnectionSheet(sheet, path.join(folder, 'a.csv'));
    await writeConnectionSheet(sheet, path.join(folder, 'a.xlsx'));
    expect(fs.readFileSync(path.join(folder, 'a.csv'), 'utf8')).toBe(source);
    expect((await readConnectionSheet(path.join(folder, 'a.xlsx'))).connections).toEqual(sheet.connections);
    await expect(writeConnectionSheet(sheet, 'a.xslx')).rejects.toMatchObject({
      message: 'a.xslx: the name does not say which format the sheet should have',
      hint: "name it .csv or .xlsx; did you mean '.xlsx'?",
    });
  });
});

describe('a sheet of flows', () => {
  const tcp: FlowRecord = {
    protocol: 'tcp',
    initiator: '10.0.0.5',
    initiatorPort: 50_001,
    initiatorMac: '00:1c:06:aa:bb:01',
    responder: '10.0.0.9',
    responderPort: 443,
    responderMac: '00:1c:06:aa:bb:02',
    initiatorPackets: 7,
    responderPackets: 5,
  };
  const flows = flowTable([
    tcp,
    { ...tcp, initiatorPort: 50_002 },
    { ...tcp, initiatorPort: 40_000, responderPackets: 0 },
    {
      protocol: 'arp',
      initiator: '10.0.0.5',
      initiatorMac: '00:1c:06:aa:bb:01',
      responder: '10.0.0.7',
      responderMac: 'ff:ff:ff:ff:ff:ff',
      initiatorPackets: 2,
      responderPackets: 0,
    },
    { protocol: 'icmpv6', initiator: 'fe80::1', responder: 'ff02::1', responderMac: '33:33:00:00:00:01' },
    {
      ...tcp,
      initiator: '10.0.0.9',
      initiatorPort: 50_003,
      initiatorMac: '00:1c:06:aa:bb:02',
      responder: '10.0.0.5',
      responderMac: '00:1c:06:aa:bb:01',
      responderPort: 22,
      initiatorPackets: 1,
      responderPackets: 1,
    },
  ]);

  it('has a group for each pair, both directions in it, and ephemeral ports collapsed', () => {
    const builder = new ConnectionSheetBuilder({
      notes: true,
      vendorOf: (mac) => (mac.startsWith('00:1c:06') ? '=Siemens' : undefined),
    });
    builder.add(flows);
    const sheet = builder.finish();
    const A = "00:1c:06:aa:bb:01,'=Siemens";
    const B = "00:1c:06:aa:bb:02,'=Siemens";
    expect(text(sheet)).toBe(
      [
        HEADER.join(','),
        `TCP,${A},10.0.0.5,EPH,${B},10.0.0.9,443,14.0,"2 flows, 2 ephemeral ports"`,
        `TCP,${B},10.0.0.9,443,${A},10.0.0.5,EPH,10.0,"2 flows, 2 ephemeral ports"`,
        `TCP,${A},10.0.0.5,40000,${B},10.0.0.9,443,7.0,1 flow`,
        `TCP,${B},10.0.0.9,EPH,${A},10.0.0.5,22,1.0,"1 flow, 1 ephemeral port"`,
        `TCP,${A},10.0.0.5,22,${B},10.0.0.9,EPH,1.0,"1 flow, 1 ephemeral port"`,
        ',,,,,,,,,,',
        `ARP,${A},10.0.0.5,,ff:ff:ff:ff:ff:ff,BROADCAST,10.0.0.7,,2.0,1 flow`,
        ',,,,,,,,,,',
        'IPV6-ICMP,N/A,UNKNOWN,fe80::1,,33:33:00:00:00:01,MULTICAST,ff02::1,,,1 flow',
        '',
      ].join('\n'),
    );
    const read = parseConnectionCsv(encodeConnectionCsv(sheet), 'x.csv');
    expect(read.groups).toBe(3);
    expect(read.connections.map(({ packets }) => packets)).toEqual(sheet.connections.map(({ packets }) => packets));
  });

  it('may keep the ports, begin the ephemeral ones elsewhere, and has a bound', () => {
    const builder = new ConnectionSheetBuilder({ ephemeralFrom: 32_768, ports: 'keep', maxRows: 3 });
    builder.add(flows);
    const lines = text(builder.finish()).split('\n');
    expect(lines[1]?.split(',')[4]).toBe('EPH:50001');
    expect(lines).toHaveLength(5);
    expect(builder.refused).toBe(6);
    expect(() => new ConnectionSheetBuilder({ ephemeralFrom: 0 })).toThrow(
      'ephemeral ports from 0 to 65535 are no range',
    );
  });

  it('has a name as detectors gave it', () => {
    expect(connectionSheetName(Date.UTC(2024, 4, 1, 13, 30, 5))).toBe('anomalies_20240501_133005.csv');
  });
});
