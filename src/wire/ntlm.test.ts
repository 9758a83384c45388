import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import { survives } from '../../test/support/sides.ts';
import { decodeGss, decodeHttpAuthentication, encodeSpnegoNtlm } from './gss.ts';
import { decodeNtlm, encodeNtlm, findNtlm, type NtlmFields, type NtlmResponseKind, summarizeNtlm } from './ntlm.ts';

const ntlm = (bytes: Uint8Array) => decodeNtlm(bytes, 0, bytes.length);
const gss = (bytes: Uint8Array) => decodeGss(bytes, 0, bytes.length);
const header = (text: string) => decodeHttpAuthentication(asciiBytes(text), 0, text.length);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

// tshark -r raw_ntlm_in_smb.pcap -Y 'ntlmssp.messagetype==2' -V: a Windows XP to a Mac; the values below are what it prints.
const CHALLENGE =
  '4e544c4d53535000020000001e001e003800000005028a62ccc0bad0f47e17f0000000000000000094009400560000000501' +
  '280a0000000f54004500530054002d00460037004400460042004300330046004500390002001e0054004500530054002d00' +
  '460037004400460042004300330046004500390001001e0054004500530054002d0046003700440046004200430033004600' +
  '4500390004001e0074006500730074002d00660037006400660062006300330066006500390003001e007400650073007400' +
  '2d006600370064006600620063003300660065003900060004000100000000000000';

const name = fc.string({ unit: fc.constantFrom(...'abcdefXYZ019.-$_é漢'), minLength: 1, maxLength: 20 });
const ascii = fc.string({ unit: fc.constantFrom(...'abcdefXYZ019.-$_'), minLength: 1, maxLength: 20 });

describe('NTLMSSP', () => {
  it('a challenge of Windows XP from hex', () => {
    expect(ntlm(hexBytes(CHALLENGE))).toMatchObject({
      type: 'challenge',
      flags: 0x628a0205,
      target: 'TEST-F7DFBC3FE9',
      osVersion: '5.1.2600',
      netbiosDomain: 'TEST-F7DFBC3FE9',
      netbiosComputer: 'TEST-F7DFBC3FE9',
      dnsComputer: 'test-f7dfbc3fe9',
      dnsDomain: 'test-f7dfbc3fe9',
      isCut: false,
    });
    expect(summarizeNtlm(ntlm(hexBytes(CHALLENGE))!)).toBe('NTLM challenge test-f7dfbc3fe9 Windows 5.1.2600');
  });

  it('an authenticate message: encode, then decode, is identity', () => {
    const kinds = fc.constantFrom<NtlmResponseKind>('lm', 'ntlm', 'ntlm-session', 'ntlmv2');
    fc.assert(
      fc.property(name, name, name, name, kinds, (user, domain, workstation, servicePrincipal, response) => {
        const fields: NtlmFields = { type: 'authenticate', user, domain, workstation, response };
        if (response === 'ntlmv2') fields.servicePrincipal = servicePrincipal;
        expect(ntlm(encodeNtlm({ ...fields, osVersion: [10, 0, 19041] }))).toMatchObject({
          ...fields,
          osVersion: '10.0.19041',
          isCut: false,
        });
      }),
    );
  });

  it('a challenge and a negotiate message: encode, then decode, is identity', () => {
    fc.assert(
      fc.property(name, name, ascii, (target, dnsComputer, workstation) => {
        const challenge: NtlmFields = {
          type: 'challenge',
          target,
          dnsComputer,
          netbiosDomain: target,
          dnsForest: 'x.y',
        };
        expect(ntlm(encodeNtlm(challenge))).toMatchObject({ ...challenge, osVersion: undefined });
        const negotiate: NtlmFields = { type: 'negotiate', workstation, domain: 'CORP' };
        expect(ntlm(encodeNtlm(negotiate))).toMatchObject(negotiate);
      }),
    );
  });

  it('an anonymous sign-on has no response, and the summary says so', () => {
    const message = ntlm(encodeNtlm({ type: 'authenticate', workstation: 'WS1', response: 'anonymous' }))!;
    expect(message.response).toBe('anonymous');
    expect(summarizeNtlm(message)).toBe('NTLM authenticate anonymous from WS1');
  });

  it('what was sent as a response is nowhere in the message', () => {
    const bytes = encodeNtlm({ type: 'authenticate', user: 'alice', domain: 'CORP', response: 'ntlmv2' });
    const nt = bytes[20] | (bytes[21] << 8);
    const at = bytes[24] | (bytes[25] << 8);
    bytes.fill(0xab, at, at + 16);
    expect(nt).toBeGreaterThan(16);
    expect(JSON.stringify(ntlm(bytes)).toLowerCase()).not.toMatch(/abab|171,171|«/);
  });

  it('a field that lies outside of the message is undefined, and the message is cut', () => {
    const bytes = encodeNtlm({ type: 'authenticate', user: 'alice', domain: 'CORP', workstation: 'WS1' });
    new DataView(bytes.buffer).setUint32(36 + 4, 0x7fffffff, true);
    expect(ntlm(bytes)).toMatchObject({ user: undefined, domain: 'CORP', isCut: true });
  });

  it('names that would mislead a reader are escaped', () => {
    expect(ntlm(encodeNtlm({ type: 'authenticate', user: 'a\u202eb\u0007', domain: 'D' }))?.user).toBe(
      'a\\u{202e}b\\u{7}',
    );
  });

  it('is found behind unknown bytes, within the window only', () => {
    const bytes = new Uint8Array(200);
    bytes.set(hexBytes('4e544c4d53535000'), 100);
    expect(findNtlm(bytes, 0, 200)).toBe(100);
    expect(findNtlm(bytes, 0, 200, 50)).toBe(-1);
    expect(findNtlm(bytes, 0, 107)).toBe(-1);
  });

  it('truncated, changed and random messages never throw and are read within their bounds', () => {
    for (const bytes of [
      hexBytes(CHALLENGE),
      encodeNtlm({ type: 'authenticate', user: 'alice', domain: 'CORP', servicePrincipal: 'cifs/x', workstation: 'W' }),
    ])
      survives(bytes, (b, at, end) => [
        JSON.stringify(decodeNtlm(b, at, end) ?? null),
        findNtlm(b, at, end) < 0 ? 'none' : String(findNtlm(b, at, end) - at),
      ]);
  });
});

describe('security tokens', () => {
  const TOKEN = encodeSpnegoNtlm(encodeNtlm({ type: 'negotiate', workstation: 'WS1' }));

  it('SPNEGO around NTLM', () => {
    expect(gss(TOKEN)).toMatchObject({
      mechanism: 'ntlm',
      offered: ['ntlm'],
      state: undefined,
      ntlm: { type: 'negotiate', workstation: 'WS1' },
    });
  });

  // tshark -r smb_gssapi.pcap -Y spnego -V, frame 4: NegTokenTarg accept-completed, supportedMech MS KRB5.
  it('a SPNEGO answer says its state and mechanism', () => {
    expect(gss(hexBytes('a1143012 a0030a0100 a10b06092a864882f712010202'))).toEqual({
      mechanism: 'kerberos',
      offered: [],
      state: 'accept-completed',
      ntlm: undefined,
      kerberos: undefined,
    });
    expect(gss(hexBytes('a1073005a0030a0102'))?.state).toBe('reject');
  });

  it('what is no token is none', () => {
    expect(gss(hexBytes('6006 0604 2b060102'))?.mechanism).toBe('1.3.6.1.2');
    expect(gss(asciiBytes('GET / HTTP/1.1'))).toBeUndefined();
    expect(gss(new Uint8Array())).toBeUndefined();
  });

  it('HTTP headers with NTLM and Negotiate, in any case; other schemes are none', () => {
    const authenticate = encodeNtlm({ type: 'authenticate', user: 'eve', domain: 'CORP', workstation: 'PC7' });
    expect(header(`NTLM ${base64(authenticate)}`)).toMatchObject({
      scheme: 'NTLM',
      token: { ntlm: { user: 'eve', domain: 'CORP', workstation: 'PC7' } },
    });
    expect(header(`  negotiate ${base64(TOKEN)}\r\n`)).toMatchObject({
      scheme: 'Negotiate',
      token: { mechanism: 'ntlm' },
    });
    expect(header('Negotiate')).toEqual({ scheme: 'Negotiate', token: undefined });
    expect(header('Basic dXNlcjpwYXNz')).toBeUndefined();
    expect(header('NTLMv9 abc')).toBeUndefined();
  });

  it('a token that is longer than the room for it keeps the names at its front', () => {
    const long = encodeNtlm({ type: 'authenticate', user: 'eve', domain: 'CORP' });
    expect(header(`NTLM ${base64(long)}${'A'.repeat(20_000)}`)?.token?.ntlm?.user).toBe('eve');
  });

  it('truncated, changed and random tokens never throw and are read within their bounds', () => {
    survives(TOKEN, (b, at, end) => [JSON.stringify(decodeGss(b, at, end) ?? null)]);
    survives(asciiBytes(`Negotiate ${base64(TOKEN)}`), (b, at, end) => [
      JSON.stringify(decodeHttpAuthentication(b, at, end) ?? null),
    ]);
  });
});
