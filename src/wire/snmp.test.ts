import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { decodeInside, expectHarmless } from '../../test/support/window.ts';
import { decodeSnmp, encodeSnmp, type SnmpFields, type SnmpMessage, summarizeSnmp } from './snmp.ts';

function decode(source: string | Uint8Array): SnmpMessage {
  const message = decodeInside(decodeSnmp, typeof source === 'string' ? hexBytes(source) : source);
  if (message === undefined) throw new Error('no SNMP message');
  return message;
}

describe('SNMP', () => {
  // Frame 6 of Arkime's tests/pcap/SNMPv2c_get_requests.pcap; what is expected is what `tshark -V` says of it.
  const RESPONSE =
    '3036020101040b5b52305f4340637469215da224020414da8bfe02010002010030163014060b2b060102011f0101010a0146050085162640';
  // Frame 1 of snmpv3_synthetic.pcap: its own lengths contradict each other, as tshark says too.
  const DAMAGED =
    '305b02010330100204000000010202100004010402010304253029040b80001f8880123456789abc020100020100040a61646d696e5f7573657204000400301d04000400a017020101020100020100300d06092b060102010101000500';

  it('a response of version 2c', () => {
    const message = decode(RESPONSE);
    expect(message).toEqual({
      version: '2c',
      communityBytes: 11,
      isWellKnownCommunity: false,
      security: undefined,
      pdu: 'response',
      requestId: 349_867_006,
      error: 'noError',
      maxRepetitions: undefined,
      oids: ['1.3.6.1.2.1.31.1.1.1.10.1'],
      variables: 1,
      systemDescription: '',
      systemName: '',
      trap: undefined,
      bytes: 56,
      state: 'complete',
    });
    expect(summarizeSnmp(message)).toBe('SNMPv2c response 1.3.6.1.2.1.31.1.1.1.10.1');
  });

  it('a damaged message keeps what came before', () => {
    const message = decode(DAMAGED);
    expect(message).toMatchObject({ version: '3', pdu: 'get', state: 'malformed' });
    expect(message.security).toEqual({
      messageId: 1,
      isAuthenticated: false,
      isEncrypted: false,
      model: 3,
      engineId: '80001f8880123456789abc',
      engineMac: undefined,
      enterprise: 8072,
      engineBoots: 0,
      engineTime: 0,
      user: 'admin_user',
    });
  });

  it('a variable whose name is no object identifier is malformed', () => {
    // Frame 8 of the same capture.
    expect(
      decode('302902010104067075626c6963a01c020412345678020100020100300e300c04082b060102010101000500'),
    ).toMatchObject({ state: 'malformed', oids: [], variables: 1 });
  });

  it('an engine that is named by its MAC', () => {
    const bytes = encodeSnmp({ version: '3', security: { engineId: '8000000903001122334455', user: 'ops' } });
    expect(decode(bytes).security).toMatchObject({ enterprise: 9, engineMac: '00:11:22:33:44:55', user: 'ops' });
    expect(summarizeSnmp(decode(bytes))).toBe('SNMPv3 get, user "ops"');
  });

  it('an encrypted message has a user and no PDU', () => {
    // msgFlags 7, an OCTET STRING where the scoped PDU stands.
    const message = decode(
      '3037 020103 300e 020101 020300ffe3 040107 020103 041c 301a 040580001f8801 020101 020102 0403616263 0402 aabb 0402 ccdd 0404 01020304',
    );
    expect(message).toMatchObject({
      pdu: undefined,
      state: 'complete',
      security: { isEncrypted: true, isAuthenticated: true, user: 'abc', engineBoots: 1, engineTime: 2 },
    });
    expect(summarizeSnmp(message)).toBe('SNMPv3 encrypted, user "abc"');
  });

  it('a community is never returned, whatever becomes of the message', () => {
    for (const community of ['S3cr3t-Community', 'public', 'Private', 'x'.repeat(300)]) {
      const bytes = encodeSnmp({ community, variables: [{ oid: '1.3.6.1.2.1.1.1.0' }] });
      for (let n = 0; n <= bytes.length; n++) {
        const message = decodeSnmp(bytes, 0, n);
        if (message === undefined) continue;
        const told = `${JSON.stringify(message)} ${summarizeSnmp(message)}`.toLowerCase();
        expect(told).not.toContain(community.toLowerCase().slice(0, 6));
      }
      expect(decode(bytes)).toMatchObject({
        communityBytes: community.length,
        isWellKnownCommunity: ['public', 'Private'].includes(community),
      });
    }
    expect(summarizeSnmp(decode(encodeSnmp({ version: '1' })))).toBe('SNMPv1 get, well-known community');
  });

  it('a bulk request, a trap of version 1, an error', () => {
    expect(decode(encodeSnmp({ pdu: 'get-bulk', maxRepetitions: 250, variables: [{ oid: '1.3.6.1' }] }))).toMatchObject(
      {
        pdu: 'get-bulk',
        maxRepetitions: 250,
        error: '',
      },
    );
    const trap = { enterprise: '1.3.6.1.4.1.9', agent: '192.0.2.1', generic: 6, specific: 7 };
    const message = decode(
      encodeSnmp({ version: '1', community: 'zzz', trap, variables: [{ oid: '1.3.6.1', value: 5 }] }),
    );
    expect(message).toMatchObject({ pdu: 'trap', trap, oids: ['1.3.6.1'], state: 'complete' });
    expect(summarizeSnmp(message)).toBe('SNMPv1 trap 1.3.6.1.4.1.9 6/7 from 192.0.2.1');
    expect(summarizeSnmp(decode(encodeSnmp({ community: 'zzz', pdu: 'response', error: 'noSuchName' })))).toBe(
      'SNMPv2c response, noSuchName',
    );
  });

  it('what a device says of itself is kept from responses alone', () => {
    const variables = [
      { oid: '1.3.6.1.2.1.1.1.0', value: 'Cisco IOS \u001b[1m' },
      { oid: '1.3.6.1.2.1.1.5.0', value: 'core-1' },
      { oid: '1.3.6.1.2.1.1.6.0', value: 'somewhere' },
    ];
    expect(decode(encodeSnmp({ pdu: 'response', variables }))).toMatchObject({
      systemDescription: 'Cisco IOS \\x1b[1m',
      systemName: 'core-1',
      variables: 3,
    });
    expect(decode(encodeSnmp({ pdu: 'set', variables }))).toMatchObject({ systemDescription: '', systemName: '' });
  });

  it('lists 8 variables and counts the rest up to 1,024', () => {
    const variables = Array.from({ length: 1500 }, (_, i) => ({ oid: `1.3.6.1.${i}` }));
    const message = decode(encodeSnmp({ community: 'zzz', variables }));
    expect(message.oids).toHaveLength(8);
    expect(message.variables).toBe(1024);
    expect(summarizeSnmp(message)).toBe('SNMPv2c get 1.3.6.1.0 1.3.6.1.1 (1024 variables)');
  });

  it('a message that is cut says how long it is', () => {
    const bytes = encodeSnmp({ variables: Array.from({ length: 20 }, () => ({ oid: '1.3.6.1.2.1' })) });
    expect(decode(bytes.subarray(0, 60))).toMatchObject({ state: 'cut', bytes: bytes.length, pdu: 'get' });
    expect(decode(bytes.subarray(0, 14))).toMatchObject({ state: 'cut', pdu: undefined });
  });

  it.each([
    ['no sequence', '0406 020100 040161'],
    ['version 2 (not 2c)', '3006 020102 040161'],
    ['no community', '3006 020101 020161'],
    ['no PDU behind it', '3008 020101 040161 0500'],
    ['the indefinite form', '3080 020101 040161 a000 0000'],
    ['version 3 without a header', '3005 020103 0400'],
  ])('is no message: %s', (_, hex) => {
    expect(decodeSnmp(hexBytes(hex), 0, hexBytes(hex).length)).toBeUndefined();
  });

  it('encode, then decode, is identity', () => {
    const oid = fc.array(fc.nat(100_000), { maxLength: 8 }).map((arcs) => ['1.3', ...arcs].join('.'));
    const fields = fc.record({
      version: fc.constantFrom('1' as const, '2c' as const, '3' as const),
      pdu: fc.constantFrom('get', 'get-next', 'response', 'set', 'inform', 'trap', 'report') as fc.Arbitrary<
        NonNullable<SnmpFields['pdu']>
      >,
      requestId: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      error: fc.constantFrom('noError', 'tooBig', 'authorizationError', 'inconsistentName'),
      oids: fc.array(oid, { maxLength: 8 }),
    });
    fc.assert(
      fc.property(fields, ({ oids, ...sent }) => {
        expect(decode(encodeSnmp({ ...sent, variables: oids.map((name) => ({ oid: name })) }))).toMatchObject({
          ...sent,
          oids,
          variables: oids.length,
          state: 'complete',
        });
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('no input throws, and no read leaves the message', () => {
    const trap = encodeSnmp({ version: '1', trap: { enterprise: '1.3', agent: '192.0.2.1', generic: 6, specific: 7 } });
    expectHarmless(decodeSnmp, [hexBytes(RESPONSE), hexBytes(DAMAGED), trap], 2);
  });
});
