import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import { expectHarmless } from '../../test/support/stream.ts';
import { decodeVnc, encodeVnc, summarizeVnc, vncSecurityName } from './index.ts';

const decode = (bytes: Uint8Array, fromServer = true) => decodeVnc(bytes, 0, bytes.length, fromServer);
const opening = (version: string, hex: string) => Uint8Array.from([...asciiBytes(version), ...hexBytes(hex)]);

describe('VNC', () => {
  it('encode, then decode, is identity', () => {
    const types = fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: 20 });
    const version = fc.constantFrom('3.3', '3.7', '3.8', '3.889', '4.1');
    const refusal = fc.string({ unit: fc.constantFrom(...'abc é'), minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(version, types, fc.option(refusal, { nil: undefined }), fc.boolean(), (v, t, r, fromServer) => {
        const isOld = v === '3.3';
        const most = fromServer ? (isOld ? 1 : 20) : isOld ? 0 : 1;
        const fields =
          fromServer && r !== undefined
            ? { securityTypes: [], refusal: r }
            : { securityTypes: t.slice(0, most), refusal: undefined };
        const encoded = encodeVnc(
          {
            version: v,
            ...(fields.refusal === undefined ? { securityTypes: fields.securityTypes } : { refusal: fields.refusal }),
          },
          fromServer,
        );
        expect(decode(encoded, fromServer)).toEqual({ version: v, ...fields });
      }),
      { numRuns: 200, seed: 8 },
    );
  });

  it.each([
    ['RFB 003.008\n', '', 'VNC 3.8'],
    ['RFB 003.008\n', '02 01 02', 'VNC 3.8 none,vnc'],
    ['RFB 003.008\n', '03 02', 'VNC 3.8 vnc'],
    ['RFB 003.003\n', '00000002 00112233', 'VNC 3.3 vnc'],
    ['RFB 003.889\n', '00000001', 'VNC 3.889 none'],
    ['RFB 003.008\n', '00 00000003 6e6f21', 'VNC 3.8 refused: no!'],
    ['RFB 003.003\n', '00000000 00000003 6e6f21', 'VNC 3.3 refused: no!'],
    ['RFB 003.008\n', '00 00000009 6e6f1b', 'VNC 3.8 refused: no\\x1b'],
    ['RFB 003.008\n', '00', 'VNC 3.8'],
  ])('a server that says %j and %s', (version, hex, expected) => {
    expect(summarizeVnc(decode(opening(version, hex))!)).toBe(expected);
  });

  it('a client that chooses, and one of version 3.3 that has nothing to choose', () => {
    expect(decode(opening('RFB 003.008\n', '13 00'), false)?.securityTypes.map(vncSecurityName)).toEqual(['vencrypt']);
    expect(decode(opening('RFB 003.003\n', '01'), false)?.securityTypes).toEqual([]);
  });

  it.each(['RFB 003.008', 'RFB 003.008\r', 'RFB 03.0080\n', 'RFB x03.008\n', 'SSH-2.0-abcd\n', ''])(
    'is none: %j',
    (text) => {
      expect(decode(asciiBytes(text))).toBeUndefined();
    },
  );

  it('at most 64 types and 255 characters of a refusal are kept', () => {
    expect(decode(opening('RFB 003.008\n', `ff${'02'.repeat(255)}`))?.securityTypes).toHaveLength(64);
    expect(decode(opening('RFB 003.008\n', `00 00001000 ${'61'.repeat(4096)}`))?.refusal).toBe(`${'a'.repeat(255)}…`);
    expect([vncSecurityName(1), vncSecurityName(99)]).toEqual(['none', 'type-99']);
  });

  it('is harmless at any length, damaged or not', () => {
    for (const fromServer of [true, false])
      expectHarmless(opening('RFB 003.008\n', '02 01 02 00 00 00 00 00 00 00 03'), (bytes, at, end) =>
        decodeVnc(bytes, at, end, fromServer),
      );
  });
});
