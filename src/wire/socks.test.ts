import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import {
  decodeSocksClient,
  decodeSocksServer,
  encodeSocks4,
  encodeSocks5,
  joinSocks,
  looksLikeSocks,
  summarizeSocks,
} from './socks.ts';

const client = (bytes: Uint8Array) => decodeSocksClient(bytes, 0, bytes.length);
const server = (hex: string) => decodeSocksServer(hexBytes(hex), 0, hexBytes(hex).length);
const looks = (bytes: Uint8Array) => looksLikeSocks(bytes, 0, bytes.length);

describe('SOCKS', () => {
  it('version 4a with a user id', () => {
    // arkime's socks4-https.pcap, frame 4; its .test has the host login.live.com, port 443 and the user fd7bcf7b5c9e1d.
    const bytes = hexBytes('040101bb000000016664376263663762356339653164006c6f67696e2e6c6976652e636f6d00');
    expect(client(bytes)).toEqual({
      version: 4,
      command: 'connect',
      host: 'login.live.com',
      port: 443,
      user: 'fd7bcf7b5c9e1d',
      methods: [],
      hasPassword: false,
      dataAt: bytes.length,
    });
    expect(looks(bytes)).toBe(true);
    expect(joinSocks(client(bytes), server('005a01bb00000000'))).toEqual({
      user: 'fd7bcf7b5c9e1d',
      method: 'ident',
      isCleartext: false,
      outcome: 'accepted',
    });
  });

  it('version 5 with user name and password', () => {
    // arkime's socks-http-pass.pcap, stream 2: user testuser, its password replaced here; 93.184.216.119 port 80.
    const bytes = hexBytes('0503000102 01087465737475736572 06736563726574 050100015db8d8770050');
    const side = client(bytes)!;
    expect(side).toEqual({
      version: 5,
      command: 'connect',
      host: '93.184.216.119',
      port: 80,
      user: 'testuser',
      methods: ['none', 'gssapi', 'password'],
      hasPassword: true,
      dataAt: bytes.length,
    });
    expect(JSON.stringify(side)).not.toContain('secret');
    expect(joinSocks(side, server('0502 0100 05000001000000000000'))).toEqual({
      user: 'testuser',
      method: 'password',
      isCleartext: true,
      outcome: 'accepted',
    });
    expect(joinSocks(side, server('0502 0101'))?.outcome).toBe('refused');
    expect(joinSocks(side, undefined)?.outcome).toBe('unknown');
    expect(summarizeSocks(side)).toBe('SOCKS5 connect 93.184.216.119:80 as testuser');
  });

  it('answers of the proxy', () => {
    expect(server('0500 05000001000000000000')).toEqual({
      version: 5,
      method: 'none',
      login: 'unknown',
      isGranted: true,
      reply: 0,
      dataAt: 12,
    });
    expect(summarizeSocks(server('0500 05050001000000000000')!)).toBe('SOCKS5 method none refused (5)');
    expect(server('05ff')?.method).toBe('no-acceptable');
    expect(server('005b000000000000')).toMatchObject({ version: 4, isGranted: false, reply: 91 });
    for (const hex of ['0550', '00', '0060000000000000', '4854']) expect(server(hex), hex).toBeUndefined();
  });

  it('encode, then decode, is identity', () => {
    const host = fc.string({ unit: fc.constantFrom(...'abcdefgh.-'), minLength: 1, maxLength: 60 });
    const user = fc.string({ unit: fc.constantFrom(...'abcdefgh'), minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(host, user, fc.integer({ min: 1, max: 65_535 }), (name, id, port) => {
        expect(client(encodeSocks4({ host: name, port, user: id }))).toMatchObject({
          version: 4,
          host: name,
          port,
          user: id,
        });
        expect(client(encodeSocks5({ methods: [2], user: id, password: 'x', host: name, port }))).toMatchObject({
          version: 5,
          host: name,
          port,
          user: id,
        });
      }),
      { numRuns: 100, seed: 8 },
    );
    expect(client(encodeSocks4({ host: '10.1.2.3', port: 80, command: 2 }))).toMatchObject({
      host: '10.1.2.3',
      command: 'bind',
    });
    expect(client(hexBytes('050100 05010004 20010db8000000000000000000000001 0016'))?.host).toBe('2001:db8::1');
  });

  it('shows itself by a greeting alone or what fits behind it', () => {
    for (const hex of ['050100', '0503000102', '050100050100010a0000010d3d', '040101bb0a00000100'])
      expect(looks(hexBytes(hex)), hex).toBe(true);
    for (const hex of [
      '0501',
      '05020000',
      '050100ff',
      '0501aa',
      '05000b0310000000',
      '040301bb0a00000100',
      '04020f0f0f0f0f0f0f0f0f0f0f04b20000',
      '040101bb0a000001000001',
      '040100000a00000100',
      '040101bb0a000001',
      '',
    ])
      expect(looks(hexBytes(hex)), hex).toBe(false);
  });
});
