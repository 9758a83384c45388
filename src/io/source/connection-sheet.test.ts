import * as fs from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { flowRecord } from '../../flow/index.ts';
import { encodeConnectionCsv } from '../sink/connection-sheet.ts';
import {
  type ConnectionSheet,
  looksLikeConnectionSheet,
  openConnectionSheet,
  parseConnectionCsv,
  parseConnectionXlsx,
  parseSheetPort,
} from './connection-sheet.ts';

const folder = temporaryFolder();
const HEADER = 'PROTOCOL,SRCMAC,SRCMFG,SRCIP,SRCPORT,DSTMAC,DSTMFG,DSTIP,DSTPORT,CNT';
const SHEET = `${HEADER}
TCP,00:1c:06:aa:bb:01,Siemens,10.0.0.5,EPH,00:1C:06:AA:BB:02,UNKNOWN,10.0.0.9,443 (HTTPS),12.0
TCP,00:1c:06:aa:bb:02,UNKNOWN,10.0.0.9,443,00:1c:06:aa:bb:01,Siemens,10.0.0.5,EPH:43496,9.0
,,,,,,,,,
ARP,00:1c:06:aa:bb:01,Siemens,N/A,,ff:ff:ff:ff:ff:ff,BROADCAST,N/A,,3.0
,,,,,,,,,
UDP,00:1c:06:aa:bb:01,"Siemens, AG",fe80::1, 123 - NTP ,33:33:00:00:00:01,MULTICAST,FF02:0::1,123,1.0
`;

const parse = (text: string | Uint8Array): ConnectionSheet =>
  parseConnectionCsv(typeof text === 'string' ? Buffer.from(text) : text, 'x.csv');

describe('a port of a sheet', () => {
  it.each([
    ['443', { kind: 'number', port: 443 }],
    ['443.0', { kind: 'number', port: 443 }],
    [' 443 (HTTPS) ', { kind: 'number', port: 443, description: 'HTTPS' }],
    ['443 HTTPS over TLS', { kind: 'number', port: 443, description: 'HTTPS over TLS' }],
    ['123 - NTP', { kind: 'number', port: 123, description: 'NTP' }],
    ['443/https', { kind: 'number', port: 443, description: 'https' }],
    ['EPH', { kind: 'ephemeral' }],
    ['eph:43496', { kind: 'ephemeral', port: 43_496 }],
    ['EPH: 43496 (client)', { kind: 'ephemeral', port: 43_496, description: 'client' }],
    ['EPH:70000', { kind: 'other' }],
    ['65536', { kind: 'other' }],
    ['https', { kind: 'other' }],
  ])('%s is %o', (text, expected) => {
    expect(parseSheetPort(text)).toEqual(expected);
  });
});

describe('a connection sheet', () => {
  it('is understood: groups, ports, addresses, and what is missing', () => {
    const sheet = parse(SHEET);
    expect(sheet.groups).toBe(3);
    expect(sheet.connections).toHaveLength(4);
    expect(sheet.connections[0]).toEqual({
      line: 2,
      group: 1,
      protocol: 'TCP',
      src: { mac: '00:1c:06:aa:bb:01', vendor: 'Siemens', ip: '10.0.0.5', port: { kind: 'ephemeral' } },
      dst: {
        mac: '00:1c:06:aa:bb:02',
        vendor: 'UNKNOWN',
        ip: '10.0.0.9',
        port: { kind: 'number', port: 443, description: 'HTTPS' },
      },
      packets: 12,
    });
    expect(sheet.connections[2]).toMatchObject({ group: 2, protocol: 'ARP', src: { vendor: 'Siemens' }, packets: 3 });
    expect(sheet.connections[2]?.src.ip).toBeUndefined();
    expect(sheet.connections[3]?.dst.ip).toBe('ff02::1');
    expect(sheet.problemCount).toBe(0);
  });

  it.each([
    ['as it is', SHEET],
    ['with CR LF', SHEET.replaceAll('\n', '\r\n')],
    ['without a last newline', SHEET.trimEnd()],
    ['with empty lines for blank rows', SHEET.replaceAll(',,,,,,,,,\n', '\n')],
    ['with a byte order mark', `\ufeff${SHEET}`],
    ['with semicolons', SHEET.replaceAll(',', ';')],
    ['with quotes everywhere', SHEET.replace(/[^,\n"]+/g, '"$&"')],
    [
      'with notes and a title',
      `Week 12,,,\n${HEADER},NOTES\nTCP,,,1.2.3.4,1,,,5.6.7.8,2,1.0,"=1+1\nsecond ""line"""\n`,
    ],
    ['with text behind a quote', `${HEADER}\nTCP,"a"b,x,1.2.3.4,1,,,5.6.7.8,2,1.0\n"never closed`],
  ])('goes out byte for byte as it came in: %s', (_, text) => {
    const bytes = Buffer.from(text);
    expect(Buffer.from(encodeConnectionCsv(parse(bytes)))).toEqual(bytes);
    const json: ConnectionSheet = JSON.parse(JSON.stringify(parse(bytes)));
    expect(Buffer.from(encodeConnectionCsv(json))).toEqual(bytes);
  });

  it('goes out byte for byte whatever the bytes behind its header', () => {
    const piece = fc.constantFrom(',', '"', '\n', '\r', '\r\n', 'EPH', '443', ' ', 'é', '=', '""', 'N/A', ',,,,,,,,,');
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 60 }), (parts) => {
        const bytes = Buffer.from(`${HEADER}\n${parts.join('')}`);
        expect(Buffer.from(encodeConnectionCsv(parse(bytes)))).toEqual(bytes);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        const bytes = Buffer.concat([Buffer.from(`${HEADER}\n`), tail]);
        expect(Buffer.from(encodeConnectionCsv(parse(bytes)))).toEqual(bytes);
      }),
    );
  });

  it('with more rows than people read is refused', () => {
    expect(() => parse(`${HEADER}\n${'\n'.repeat(260_000)}`)).toThrow('x.csv has more than 250000 rows');
  });

  it('may be in UTF-16 or Latin-1', () => {
    const wide = Buffer.from(`\ufeff${SHEET.replace('Siemens', 'Müller').replaceAll(',', '\t')}`, 'utf16le');
    const sheet = parse(wide);
    expect(sheet.connections[0]?.src.vendor).toBe('Müller');
    expect(Buffer.from(encodeConnectionCsv(sheet))).toEqual(wide);
    const latin = Buffer.from(SHEET.replace('Siemens', 'Müller'), 'latin1');
    expect(parse(latin).connections[0]?.src.vendor).toBe('Müller');
    expect(Buffer.from(encodeConnectionCsv(parse(latin)))).toEqual(latin);
  });

  it('names the cells that it does not understand, and keeps the rest of their rows', () => {
    const sheet = parse(`${HEADER}\nTCP,zz,x,1.2.3.400,https,,,5.6.7.8,99999,many\n`);
    expect(sheet.problems.map(({ line, column, reason }) => `${line} ${column}: ${reason}`)).toEqual([
      '2 CNT: no count',
      '2 SRCMAC: no MAC address',
      '2 SRCIP: no IP address',
      '2 SRCPORT: no port',
      '2 DSTPORT: no port',
    ]);
    expect(sheet.connections[0]?.dst).toEqual({ ip: '5.6.7.8', port: { kind: 'other' } });
  });

  it('is told from others by its header, and a missing column is named', () => {
    expect(looksLikeConnectionSheet(Buffer.from(SHEET))).toBe(true);
    expect(looksLikeConnectionSheet(Buffer.from('ts,src_ip,dst_ip\n'))).toBe(false);
    expect(() => parse('a,b\n1,2\n')).toThrow(
      "x.csv: no header of a connection sheet in the first 20 rows (row 1 begins with 'a')",
    );
    expect(() => parse('')).toThrow('x.csv: no header of a connection sheet in the first 20 rows');
    expect(() => parse(`${HEADER.replace('SRCPORT', 'SRCPRT')}\n`)).toThrow(
      expect.objectContaining({
        message: 'x.csv:1: the column SRCPORT is missing',
        hint: `is 'SRCPRT' meant? These are expected: ${HEADER}`,
      }),
    );
  });

  it('is a source of flows, one a row, with answers turned round', async () => {
    const name = path.join(folder, 'sheet.csv');
    fs.writeFileSync(name, SHEET.replace('ARP,', ',,,,,,,,,,only a note\nARP,'));
    const source = await openConnectionSheet(name);
    expect([source.gives.has('startMs'), source.gives.has('initiatorPackets')]).toEqual([false, true]);
    const table = await source.read();
    expect(await source.read()).toBeUndefined();
    const flows = Array.from({ length: table?.rowCount ?? 0 }, (_, row) =>
      table === undefined ? {} : flowRecord(table, row),
    );
    expect(flows).toEqual([
      {
        id: 1,
        protocol: 'tcp',
        initiator: '10.0.0.5',
        responder: '10.0.0.9',
        responderPort: 443,
        initiatorMac: '00:1c:06:aa:bb:01',
        responderMac: '00:1c:06:aa:bb:02',
        initiatorPackets: 12,
        outcome: 'unknown',
        service: 'tls',
        serviceBasis: 'port',
        portService: 'tls',
      },
      {
        id: 2,
        protocol: 'tcp',
        initiator: '10.0.0.5',
        initiatorPort: 43_496,
        responder: '10.0.0.9',
        responderPort: 443,
        initiatorMac: '00:1c:06:aa:bb:01',
        responderMac: '00:1c:06:aa:bb:02',
        responderPackets: 9,
        outcome: expect.any(String),
        service: 'tls',
        serviceBasis: 'port',
        portService: 'tls',
      },
      {
        id: 3,
        protocol: 'arp',
        initiatorMac: '00:1c:06:aa:bb:01',
        responderMac: 'ff:ff:ff:ff:ff:ff',
        initiatorPackets: 3,
        outcome: 'unknown',
      },
      expect.objectContaining({
        id: 4,
        protocol: 'udp',
        initiator: 'fe80::1',
        initiatorPort: 123,
        responder: 'ff02::1',
      }),
    ]);
    expect(table?.number('sheetGroup', 3)).toBe(3);
    expect(table?.text('initiatorVendor', 3)).toBe('Siemens, AG');
    expect(source.status()).toMatchObject({ rows: 4, rejected: 1, state: 'whole' });
    expect(source.status().rejects[0]).toMatchObject({ line: 5, reason: 'neither a connection nor a blank row' });
  });

  it('that is damaged as a workbook is refused in words', async () => {
    await expect(parseConnectionXlsx(Buffer.from('PK\u0003\u0004'), 'x.xlsx')).rejects.toThrow(
      'x.xlsx is no XLSX workbook',
    );
    await expect(parseConnectionXlsx(Buffer.alloc(0), 'x.xlsx')).rejects.toThrow('x.xlsx is no XLSX workbook');
    await expect(openConnectionSheet('/nowhere.csv')).rejects.toThrow(
      'cannot read /nowhere.csv: no such file or folder (ENOENT)',
    );
  });
});
