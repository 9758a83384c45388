import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { decodeInside, expectHarmless } from '../../test/support/window.ts';
import { decodeChannelData, decodeStun, encodeStun, type StunMessage, summarizeStun } from './stun.ts';

function decode(source: string | Uint8Array): StunMessage {
  const message = decodeInside(decodeStun, typeof source === 'string' ? hexBytes(source) : source);
  if (message === undefined) throw new Error('no STUN message');
  return message;
}

describe('STUN', () => {
  // RFC 5769 sections 2.1, 2.2 and 2.3: the sample request, its answer over IPv4 and over IPv6.
  const REQUEST =
    '00010058 2112a442 b7e7a701bc34d686fa87dfae 80220010 5354554e207465737420636c69656e74 00240004 6e0001ff 80290008 932ff9b151263b36 00060009 6576746a3a68367659202020 00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf';
  const ANSWER =
    '0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220 00200008 0001a147e112a643 00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96';
  const ANSWER_V6 =
    '01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220 00200014 0002a147 0113a9faa5d3f179bc25f4b5bed2b9d9 00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c';
  // Frame 2 of Arkime's tests/pcap/stun.pcap, Microsoft's dialect: 113 bytes. tshark: Allocate Request, bandwidth 12000, user of 56 bytes.
  const MICROSOFT =
    '000300712112a442d428f6f5e77f3136a7a9306f000f000472c64bc680080004000000060006003802000024899463a501d262ee9879230042f950d130f5f3bc86b5867a1fc5cacc000000007bc661f90ddace637ab776c69e60bd84429f19900010000400002ee08006000400000001805500040002000000150009227265616c6d303122';

  it('the samples of RFC 5769', () => {
    const request = decode(REQUEST);
    expect(request).toEqual({
      class: 'request',
      method: 'binding',
      isClassic: false,
      mapped: undefined,
      relayed: undefined,
      peer: undefined,
      software: 'STUN test client',
      realm: '',
      usernameBytes: 9,
      errorCode: 0,
      errorReason: '',
      lifetimeSeconds: undefined,
      transport: undefined,
      dataBytes: 0,
      hasIntegrity: true,
      hasFingerprint: true,
      isIce: true,
      bytes: 108,
      state: 'complete',
    });
    const answer = decode(ANSWER);
    expect(answer).toMatchObject({
      class: 'success',
      software: 'test vector',
      mapped: { address: '192.0.2.1', port: 32_853 },
    });
    expect(summarizeStun(answer)).toBe('binding success 192.0.2.1:32853, "test vector"');
    expect(decode(ANSWER_V6).mapped).toEqual({ address: '2001:db8:1234:5678:11:2233:4455:6677', port: 32_853 });
    expect(summarizeStun(decode(ANSWER_V6))).toBe(
      'binding success [2001:db8:1234:5678:11:2233:4455:6677]:32853, "test vector"',
    );
  });

  it('a user name is measured and never returned', () => {
    const told = JSON.stringify(decode(REQUEST)) + summarizeStun(decode(REQUEST));
    expect(told).not.toContain('evtj');
  });

  it('attributes that are not filled up to four bytes', () => {
    const message = decode(MICROSOFT);
    expect(message).toMatchObject({
      class: 'request',
      method: 'allocate',
      usernameBytes: 56,
      bytes: 133,
      state: 'complete',
    });
  });

  it('the first STUN has no cookie and must fill its payload', () => {
    const hex = '0101000c 00112233445566778899aabbccddeeff 0001 0008 0001 1f90 c0000201';
    expect(decode(hex)).toMatchObject({ isClassic: true, mapped: { address: '192.0.2.1', port: 8080 } });
    for (const bad of [`${hex} 00000000`, hex.slice(0, -2), hex.replace('0101', '0103')])
      expect(decodeStun(hexBytes(bad), 0, hexBytes(bad).length)).toBeUndefined();
  });

  it('errors, allocations and what is relayed', () => {
    const error = encodeStun({
      class: 'error',
      method: 'allocate',
      errorCode: 401,
      errorReason: 'Unauthorized',
      realm: 'x',
    });
    expect(decode(error)).toMatchObject({ errorCode: 401, errorReason: 'Unauthorized', realm: 'x' });
    expect(summarizeStun(decode(error))).toBe('allocate error 401 Unauthorized');
    const allocated = encodeStun({
      class: 'success',
      method: 'allocate',
      mapped: { address: '198.51.100.7', port: 1024 },
      relayed: { address: '203.0.113.9', port: 49_152 },
      lifetimeSeconds: 600,
    });
    expect(summarizeStun(decode(allocated))).toBe('allocate success 198.51.100.7:1024 relayed 203.0.113.9:49152');
    const sent = encodeStun({
      class: 'indication',
      method: 'send',
      peer: { address: '192.0.2.7', port: 9000 },
      data: new Uint8Array(41),
    });
    expect(summarizeStun(decode(sent))).toBe('send indication to 192.0.2.7:9000, 41 bytes');
    expect(decode('01920000 2112a442 000000000000000000000000').method).toBe('method 66');
  });

  it('an attribute that leaves the message is malformed, one that leaves the payload cut', () => {
    expect(decode('00010008 2112a442 000000000000000000000000 80220008 61626364').state).toBe('malformed');
    expect(decode('0001000c 2112a442 000000000000000000000000 80220008 61626364').state).toBe('cut');
    expect(decode('0001000c 2112a442 000000000000000000000000 80220010 61626364').state).toBe('malformed');
  });

  it('encode, then decode, is identity', () => {
    const endpoint = fc.option(
      fc.record({
        address: fc.oneof(fc.ipV4(), fc.constantFrom('2001:db8::1', '::1', 'fe80::1:2:3:4')),
        port: fc.nat(65_535),
      }),
      { nil: undefined },
    );
    const text = fc.string({ unit: fc.constantFrom(...'abcXYZ01é'), minLength: 1, maxLength: 20 });
    const fields = fc.record({
      class: fc.constantFrom('request' as const, 'indication' as const, 'success' as const, 'error' as const),
      method: fc.constantFrom('binding', 'allocate', 'refresh', 'channel-bind', 'connection-attempt', 'method 2730'),
      mapped: endpoint,
      relayed: endpoint,
      peer: endpoint,
      software: text,
      realm: text,
      errorCode: fc.integer({ min: 300, max: 699 }),
      errorReason: text,
      lifetimeSeconds: fc.nat(0xffffffff),
      transport: fc.constantFrom(6, 17),
    });
    fc.assert(
      fc.property(fields, fc.uint8Array({ minLength: 12, maxLength: 12 }), text, (sent, transaction, username) => {
        const bytes = encodeStun({ ...(sent as Parameters<typeof encodeStun>[0]), transaction, username });
        expect(decode(bytes)).toMatchObject({
          ...sent,
          usernameBytes: new TextEncoder().encode(username).length,
          bytes: bytes.length,
          state: 'complete',
        });
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('channel data of TURN', () => {
    const channel = (hex: string) => decodeInside(decodeChannelData, hexBytes(hex));
    expect(channel('4001 0003 616263')).toEqual({ channel: 0x4001, dataBytes: 3 });
    expect(channel('4fff 0003 616263 00')).toEqual({ channel: 0x4fff, dataBytes: 3 });
    for (const hex of ['4001 0003 6162', '4001 0000 00000000', '5001 0000', '3001 0000', '4001 00'])
      expect(channel(hex)).toBeUndefined();
  });

  it('no input throws, and no read leaves the message', () => {
    expectHarmless(decodeStun, [REQUEST, ANSWER, ANSWER_V6, MICROSOFT].map(hexBytes), 2);
  });
});
