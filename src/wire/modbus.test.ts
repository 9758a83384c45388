import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { decodeModbus, encodeModbus, looksLikeModbus, summarizeModbus } from './modbus.ts';

const modbus = (hex: string, side: 'request' | 'response' = 'request') => {
  const bytes = hexBytes(hex);
  return decodeModbus(bytes, 0, bytes.length, side);
};

describe('Modbus', () => {
  // arkime's modbus.pcap: tshark -Y modbus -T fields -e mbtcp.unit_id -e modbus.func_code -e modbus.reference_num -e modbus.word_cnt -e modbus.exception_code
  it.each([
    ['request', '0001000000060a0300050002', 'unit 10 read-holding-registers 5 x2'],
    ['response', '0001000000070a030400090018', 'unit 10 read-holding-registers'],
    ['request', '0001000000060a0500020000', 'unit 10 write-single-coil 2 x1 (write)'],
    ['request', '0001000000060a060005000b', 'unit 10 write-single-register 5 x1 (write)'],
    ['response', '0000000000030a880b', 'unit 10 diagnostics gateway-target-failed-to-respond'],
    ['response', '0001000000040a810600', 'unit 10 read-coils server-device-busy'],
    ['request', '0001000000060a2b0e030100', 'unit 10 encapsulated-interface'],
    ['request', '0001000000060a6400000001', 'unit 10 function-100'],
    ['request', '00010000000b 01 10 0010 0002 04 00010002', 'unit 1 write-multiple-registers 16 x2 (write)'],
    [
      'request',
      '00010000000f 01 17 0003 0006 000e 0002 04 00ff00ff',
      'unit 1 read-write-multiple-registers 14 x2 (write)',
    ],
    ['request', '000100000008 01 16 0004 00f2 0025', 'unit 1 mask-write-register 4 x1 (write)'],
  ] as const)('%s %s', (side, hex, summary) => {
    expect(modbus(hex, side)?.messages.map(summarizeModbus)).toEqual([summary]);
  });

  it('encode, then decode, is identity', () => {
    const u16 = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(u16, fc.integer({ min: 0, max: 255 }), u16, u16, (transaction, unit, address, value) => {
        const data = [address >> 8, address & 255, value >> 8, value & 255];
        const bytes = encodeModbus({ transaction, unit, function: 6, data });
        expect(decodeModbus(bytes, 0, bytes.length, 'request')).toEqual({
          messages: [
            {
              transaction,
              unit,
              function: 6,
              name: 'write-single-register',
              isWrite: true,
              address,
              quantity: 1,
              value,
              exception: undefined,
            },
          ],
          total: 1,
          writes: 1,
          exceptions: 0,
        });
      }),
      { numRuns: 100, seed: 5 },
    );
  });

  it('many messages are counted, the first 128 kept', () => {
    const side = modbus(`${'0001000000060a0500020000'.repeat(200)}000100000003018001`, 'response')!;
    expect([side.total, side.messages.length, side.writes, side.exceptions]).toEqual([201, 128, 200, 1]);
  });

  it('a cut message tells what is there', () => {
    expect(modbus('0001000000060a0300')?.messages[0]).toMatchObject({ address: undefined, quantity: undefined });
    expect(modbus('0001000000060a')).toBeUndefined();
    expect(modbus('000100010006 0a0300050002')).toBeUndefined();
    expect(modbus('0001000000ff 0a0300050002')).toBeUndefined();
  });

  it('shows itself where length, function and quantity agree', () => {
    const looks = (hex: string) => looksLikeModbus(hexBytes(hex), 0, hexBytes(hex).length);
    for (const hex of [
      '0001000000060a0300050002',
      '0001000000070a030400090018',
      '0000000000030a880b',
      '0001000000060a2b0e030100',
      '0001000000060a03000500020002000000060a03',
    ])
      expect(looks(hex), hex).toBe(true);
    for (const hex of [
      '0001000000060a0300050000',
      '0001000000060a03000500',
      '0001000000060a6400000001',
      '0001000000070a030500090018',
      '000000000006 000000000000',
      '0001000000060a030005000200',
      '',
    ])
      expect(looks(hex), hex).toBe(false);
  });
});
