import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { expectHarmless } from '../../test/support/stream.ts';
import {
  decodeRdpClientCore,
  decodeRdpConnect,
  decodeTpkt,
  encodeRdpClientCore,
  encodeRdpConnect,
  rdpFailureName,
  rdpProtocolNames,
  summarizeRdpConnect,
} from './index.ts';

const decode = (bytes: Uint8Array) => decodeRdpConnect(bytes, 0, bytes.length);
const summary = (hex: string) => {
  const connect = decode(hexBytes(hex));
  return connect === undefined ? undefined : summarizeRdpConnect(connect);
};

const NOTHING = {
  user: undefined,
  routingToken: undefined,
  requestedProtocols: undefined,
  selectedProtocol: undefined,
  failureCode: undefined,
  isRestrictedAdmin: false,
};

describe('RDP', () => {
  it('encode, then decode, is identity', () => {
    const u32 = fc.integer({ min: 0, max: 0xffffffff });
    const text = fc.string({ unit: fc.constantFrom(...'abcXYZ\\.@1 é'), minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.record({
            kind: fc.constant('request' as const),
            user: text,
            requestedProtocols: u32,
            isRestrictedAdmin: fc.boolean(),
          }),
          fc.record({ kind: fc.constant('request' as const), routingToken: text.map((t) => `msts=${t}`) }),
          fc.record({ kind: fc.constant('confirm' as const), selectedProtocol: u32 }),
          fc.record({ kind: fc.constant('confirm' as const), failureCode: u32 }),
          fc.record({ kind: fc.constantFrom('request' as const, 'confirm' as const) }),
        ),
        (fields) => {
          expect(decode(encodeRdpConnect(fields))).toEqual({ ...NOTHING, ...fields });
        },
      ),
      { numRuns: 200, seed: 7 },
    );
  });

  // Packets of Arkime's arkime_synthetic.pcap (frames 587 and 588) and socks5-rdp.pcap (frames 8 and 9); tshark 4.0 says the same of them: rdp.rt_cookie, rdp.neg_type,
  // rdp.negReq.requestedProtocols, rdp.negReq.selectedProtocol.
  it.each([
    [
      '0300002d28e00000000100436f6f6b69653a206d737473686173683d726470757365720d0a0100080003000000',
      'RDP request by rdpuser for tls,credssp',
    ],
    ['030000130ed000000001000200080001000000', 'RDP confirm for tls'],
    [
      '0300002924e00000000000436f6f6b69653a206d737473686173683d5858580d0a0100080000000000',
      'RDP request by XXX for rdp',
    ],
    ['030000130ed000001234000200080000000000', 'RDP confirm for rdp'],
    ['030000130ed000001234000300080005000000', 'RDP confirm: credssp-required'],
    ['0300000b06e00000000000', 'RDP request'],
    ['0300000b06d00000123400', 'RDP confirm'],
  ])('%s', (hex, expected) => {
    expect(summary(hex)).toBe(expected);
  });

  it.each([
    ['another version of TPKT', '0400000b06e00000000000'],
    ['data', '0300000702f080'],
    ['a length that differs', '0300000b07e00000000000'],
    ['a cut packet', '0300002d28e00000000100436f6f6b'],
    ['parameters of another application (S7comm)', '0300001611e00000000100c0010ac1020100c2020102'],
    ['another class', '0300000b06e00000000040'],
    ['a negotiation of another length', '030000130ee000000000000100090003000000'],
    ['a confirmation with a request in it', '030000130ed000001234000100080000000000'],
    ['nothing', ''],
  ])('is none: %s', (_, hex) => {
    expect(summary(hex)).toBeUndefined();
  });

  it('TPKT says where its content lies', () => {
    expect(decodeTpkt(hexBytes('0300000b06e0'), 0, 6)).toEqual({ from: 4, to: 11 });
    expect(decodeTpkt(hexBytes('03000003'), 0, 4)).toBeUndefined();
    expect(decodeTpkt(hexBytes('030000'), 0, 3)).toBeUndefined();
  });

  it('bits and codes have names', () => {
    expect([rdpProtocolNames(0), rdpProtocolNames(11), rdpProtocolNames(0x80)]).toEqual([
      ['rdp'],
      ['tls', 'credssp', 'credssp-ex'],
      ['rdp'],
    ]);
    expect([rdpFailureName(2), rdpFailureName(99)]).toEqual(['tls-not-allowed', 'failure-99']);
  });

  const core = (bytes: Uint8Array) => decodeRdpClientCore(bytes, 0, bytes.length);
  // The beginning of the MCS Connect Initial of [MS-RDPBCGR] section 4.1.3. With a request and confirmation before it and zeros up to its length behind,
  // tshark 4.0 says rdp.client.name "ELTONS-DEV2", rdp.client.build 3790, rdp.keyboardLayout 0x00000409.
  const CONNECT_INITIAL = hexBytes(
    `030001a002f0807f658201940401010401010101ff30190201220201020201000201010201000201010202ffff020102
     301902010102010102010102010102010002010102020420020102301c0202ffff0202fc170202ffff020101020100020101
     0202ffff0201020482013300050014
     7c0001812a000800100001c00044756361811c01c0d80004000800000500040
     1ca03aa09040000ce0e000045004c0054004f004e0053002d00440045005600320000000000000000000000`,
  );

  it('without TLS the client says which computer it is', () => {
    expect(core(CONNECT_INITIAL)).toEqual({ clientName: 'ELTONS-DEV2', clientBuild: 3790, keyboardLayout: 0x409 });
    for (let n = 0; n < CONNECT_INITIAL.length - 1; n++) {
      const cut = core(CONNECT_INITIAL.subarray(0, n));
      if (cut !== undefined) expect(n).toBeGreaterThanOrEqual(0x98 + 32);
    }
    expect(core(hexBytes('0300000702f080'))).toBeUndefined();
    expect(core(encodeRdpConnect({ kind: 'request', user: 'a' }))).toBeUndefined();
    const fields = { clientName: 'WS-0123456789AB', clientBuild: 2600, keyboardLayout: 0x407 };
    expect(core(encodeRdpClientCore(fields))).toEqual(fields);
    expect(core(encodeRdpClientCore({ ...fields, clientName: 'LONGER-THAN-15-CHARS' }))?.clientName).toBe(
      'LONGER-THAN-15-',
    );
  });

  it('what a client says of itself is harmless at any length, damaged or not', () => {
    expectHarmless(CONNECT_INITIAL, decodeRdpClientCore);
  });

  it('is harmless at any length, damaged or not', () => {
    expectHarmless(encodeRdpConnect({ kind: 'request', user: 'someone', requestedProtocols: 3 }), decodeRdpConnect);
    expectHarmless(encodeRdpConnect({ kind: 'confirm', failureCode: 3 }), decodeRdpConnect);
  });
});
