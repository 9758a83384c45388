import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { expectHarmless, readStream, saidBy } from '../../test/support/stream.ts';
import {
  decodeClientHello,
  decodeDtls,
  decodeTls,
  encodeCertificateMessage,
  encodeClientHello,
  encodeClientHelloMessage,
  encodeServerHelloMessage,
  encodeTlsRecords,
  encodeX509,
  isGrease,
  summarizeClientHello,
  summarizeServerHello,
  summarizeTlsAlert,
  tlsAlertName,
  tlsCipherName,
  tlsCipherWeakness,
  tlsGroupName,
  tlsVersionName,
} from './index.ts';

const open = (bytes: Uint8Array) => decodeTls(bytes, 0, bytes.length);
const client = (name: string) => open(saidBy(name, 'client'));
const server = (name: string) => open(saidBy(name, 'server'));

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

describe('TLS hellos', () => {
  it('encode, then decode, is identity, in one record or many', () => {
    const u16 = fc.integer({ min: 0, max: 65_535 });
    const list = fc.array(u16, { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        fc.record({
          legacyVersion: fc.constantFrom(0x0301, 0x0303),
          ciphers: list,
          groups: list,
          pointFormats: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 3 }),
          signatureAlgorithms: list,
          supportedVersions: list,
          keyShares: list,
        }),
        fc.integer({ min: 1, max: 300 }),
        (fields, recordBytes) => {
          const message = encodeClientHelloMessage({ ...fields, serverName: 'example.org', alpn: ['h2'] });
          const opening = open(encodeTlsRecords(message, 22, recordBytes));
          expect(opening).toMatchObject({
            state: 'complete',
            types: [1],
            recordCount: Math.ceil(message.length / recordBytes),
            clientHello: {
              ...fields,
              serverName: 'example.org',
              alpn: ['h2'],
              state: 'complete',
              extensions: [0, 16, 10, 11, 13, 43, 51],
              version:
                Math.max(...fields.supportedVersions.filter((version) => !isGrease(version)), 0) ||
                fields.legacyVersion,
            },
          });
        },
      ),
      { numRuns: 150, seed: 4 },
    );
  });

  it('a hello over several records is put together for its name too', () => {
    const records = encodeTlsRecords(encodeClientHelloMessage({ serverName: 'example.org', alpn: ['h2'] }), 22, 20);
    expect(decodeClientHello(records, 0, records.length)).toMatchObject({
      serverName: 'example.org',
      state: 'complete',
    });
    expect(decodeClientHello(records, 0, records.length - 1)).toMatchObject({
      serverName: 'example.org',
      state: 'cut',
    });
    expect(decodeClientHello(records, 0, 60)).toMatchObject({ serverName: undefined, state: 'cut' });
  });

  it('resumption, early data, ECH and GREASE are noticed', () => {
    const data = (n: number) => new Uint8Array(n);
    const hello = (extensions: [number, Uint8Array][]) => open(encodeClientHello({ extensions }))?.clientHello;
    expect(hello([[35, data(0)]])?.hasSessionTicket).toBe(false);
    expect(hello([[35, data(3)]])?.hasSessionTicket).toBe(true);
    expect(hello([[41, data(3)]])?.hasPreSharedKey).toBe(true);
    expect(hello([[42, data(0)]])?.hasEarlyData).toBe(true);
    expect(hello([[0xfe0d, data(3)]])?.hasEch).toBe(true);
    expect(hello([[0x4a4a, data(0)]])?.hasGrease).toBe(true);
    expect(hello([[0x4a5a, data(0)]])?.hasGrease).toBe(false);
    expect(open(encodeClientHello({ ciphers: [0x1301, 0xfafa] }))?.clientHello?.hasGrease).toBe(true);
    expect(hello([[23, data(0)]])).toMatchObject({
      hasSessionTicket: false,
      hasPreSharedKey: false,
      hasEarlyData: false,
      hasEch: false,
    });
  });

  it('a server hello, and one that asks for a retry', () => {
    const versions: [number, Uint8Array] = [43, hexBytes('0304')];
    const hello = (fields: Parameters<typeof encodeServerHelloMessage>[0]) =>
      open(encodeTlsRecords(encodeServerHelloMessage(fields)))?.serverHello;
    expect(hello({ cipher: 0xc030 })).toMatchObject({
      state: 'complete',
      version: 0x0303,
      cipher: 0xc030,
      isRetry: false,
    });
    const full = hello({
      cipher: 0x1301,
      extensions: [versions, [16, hexBytes('0003026832')], [51, hexBytes('001d0000')]],
    });
    expect(full).toMatchObject({
      legacyVersion: 0x0303,
      version: 0x0304,
      alpn: 'h2',
      keyShare: 29,
      extensions: [43, 16, 51],
    });
    expect(summarizeServerHello(full!)).toBe('ServerHello TLS 1.3 TLS_AES_128_GCM_SHA256 alpn h2');
    const retry = hello({ cipher: 0x1302, isRetry: true, extensions: [versions, [51, hexBytes('0017')]] });
    expect(retry).toMatchObject({ isRetry: true, keyShare: 23 });
    expect(summarizeServerHello(retry!)).toBe('HelloRetryRequest TLS 1.3 TLS_AES_256_GCM_SHA384');
  });

  it('a list above 1,024 entries is kept to its first 1,024', () => {
    const ciphers = Array.from({ length: 5000 }, (_, i) => i);
    expect(open(encodeClientHello({ ciphers }))?.clientHello?.ciphers).toEqual(ciphers.slice(0, 1024));
  });
});

describe('TLS records', () => {
  const hello = encodeClientHello({ serverName: 'a' });
  const alert = hexBytes('15 0303 0002 0228');
  const changeCipherSpec = hexBytes('14 0303 0001 01');

  it('alerts in the clear are kept, encrypted ones are not', () => {
    expect(open(join(hello, alert))?.alerts.map(summarizeTlsAlert)).toEqual(['fatal handshake_failure']);
    expect(open(hexBytes('15 0301 0002 0100'))?.alerts.map(summarizeTlsAlert)).toEqual(['warning close_notify']);
    expect(open(join(hello, changeCipherSpec, alert))).toMatchObject({ alerts: [], isEncrypted: true });
    expect(open(join(hello, ...new Array<Uint8Array>(50).fill(alert)))?.alerts).toHaveLength(8);
  });

  it('handshake records behind a change of cipher spec are not taken for messages', () => {
    const finished = hexBytes('16 0303 0004 02000000');
    expect(open(join(hello, changeCipherSpec, finished))).toMatchObject({
      types: [1],
      serverHello: undefined,
      recordCount: 3,
    });
  });

  it('the second hello of a server that asked for a retry is read', () => {
    const retry = encodeTlsRecords(encodeServerHelloMessage({ cipher: 0x1302, isRetry: true }));
    const real = encodeTlsRecords(encodeServerHelloMessage({ cipher: 0x1301 }));
    expect(open(join(retry, changeCipherSpec, real))).toMatchObject({
      types: [2, 2],
      serverHello: { cipher: 0x1301, isRetry: false },
    });
    expect(open(join(retry, changeCipherSpec))?.serverHello).toMatchObject({ cipher: 0x1302, isRetry: true });
  });

  it('what follows a record and is none is malformed, what is not there yet is cut', () => {
    expect(open(hello)?.state).toBe('complete');
    expect(open(join(hello, hexBytes('474554202f')))?.state).toBe('malformed');
    expect(open(join(hello, hexBytes('1603')))?.state).toBe('cut');
    expect(open(hello.subarray(0, 40))).toMatchObject({ state: 'cut', recordCount: 0, types: [1] });
    expect(open(hexBytes('474554202f20485454502f312e31'))).toBeUndefined();
  });

  it('certificates of TLS 1.2 come in order, ten at most, and damaged ones are only counted', () => {
    const der = (commonName: string) =>
      encodeX509({
        subject: { commonName },
        issuer: { commonName: 'ca' },
        notBeforeMs: 0,
        notAfterMs: 1e12,
        key: 'P-256',
      });
    const chain = encodeTlsRecords(encodeCertificateMessage([der('leaf'), hexBytes('3003020101'), der('ca')]), 22, 100);
    const opening = open(chain);
    expect(opening?.certificates.map(({ subject }) => subject.commonName)).toEqual(['leaf', 'ca']);
    expect(opening?.certificateCount).toBe(3);
    const long = open(encodeTlsRecords(encodeCertificateMessage(new Array<Uint8Array>(30).fill(der('x')))));
    expect([long?.certificates.length, long?.certificateCount]).toEqual([10, 30]);
  });

  it('a heartbeat that claims more than its record holds is seen', () => {
    const fair = hexBytes(`18 0303 0017 01 0004 ${'00'.repeat(20)}`);
    const unfair = hexBytes('18 0303 0003 01 4000');
    expect(open(join(hello, fair))).toMatchObject({ heartbeatCount: 1, hasOverlongHeartbeat: false });
    expect(open(join(hello, unfair))).toMatchObject({ heartbeatCount: 1, hasOverlongHeartbeat: true });
    expect(open(join(hello, changeCipherSpec, unfair))).toMatchObject({
      heartbeatCount: 1,
      hasOverlongHeartbeat: false,
    });
  });

  it('any handshake is harmless at any length, damaged or not', () => {
    for (const name of ['tls-alert', 'tls-hrr', 'tls-draft-16', 'tls-sslv2'])
      for (const { bytes } of readStream(name)) expectHarmless(bytes.subarray(0, 700), decodeTls, 7);
    expectHarmless(saidBy('tls-ecdsa', 'server'), decodeTls, 97);
    expectHarmless(saidBy('tls-post-quantum', 'client'), decodeClientHello, 31);
    expectHarmless(saidBy('dtls', 'client'), decodeDtls, 3);
  });
});

// The values are tshark's of the same packets: tls.handshake.type, .version, .ciphersuite, .extensions_supported_version, .extensions_server_name, ...
describe('TLS of real programs', () => {
  it('Chrome with a post-quantum key share, in two segments', () => {
    const opening = client('tls-post-quantum');
    expect(opening).toMatchObject({ state: 'complete', recordVersion: 0x0301, types: [1], isEncrypted: true });
    const hello = opening!.clientHello!;
    expect(hello).toMatchObject({
      serverName: 'lh3.google.com',
      alpn: ['h2', 'http/1.1'],
      legacyVersion: 0x0303,
      version: 0x0304,
      sessionIdBytes: 32,
      hasEch: true,
      hasGrease: true,
      hasPreSharedKey: false,
    });
    expect(hello.ciphers).toHaveLength(16);
    expect(hello.keyShares.map(tlsGroupName)).toEqual(['0xcaca', 'X25519Kyber768Draft00', 'x25519']);
    expect(summarizeClientHello(hello)).toBe('ClientHello lh3.google.com alpn h2,http/1.1');
  });

  it('a hello in two segments with the final post-quantum group', () => {
    const hello = client('tls-split-hello')?.clientHello;
    expect(hello).toMatchObject({ serverName: 'clients2.google.com', state: 'complete' });
    expect(hello?.keyShares.map(tlsGroupName)).toEqual(['0x3a3a', 'X25519MLKEM768', 'x25519']);
  });

  it('an encrypted hello shows the name of the front only', () => {
    expect(client('tls-ech')?.clientHello).toMatchObject({ serverName: 'cloudflare-ech.com', hasEch: true });
    expect(server('tls-ech')?.serverHello).toMatchObject({ version: 0x0304, cipher: 0x1301, keyShare: 29 });
  });

  it('a retry request and the hello after it', () => {
    const opening = server('tls-hrr');
    expect(opening?.types).toEqual([2, 2]);
    expect(opening?.serverHello).toMatchObject({ isRetry: false, version: 0x0304, cipher: 0x1302, keyShare: 23 });
    expect(client('tls-hrr')?.clientHello?.keyShares.map(tlsGroupName)).toEqual(['secp224r1']);
  });

  it('a draft of TLS 1.3 with its own form of the server hello', () => {
    expect(client('tls-draft-16')?.clientHello?.supportedVersions.map(tlsVersionName)).toEqual([
      'TLS 1.3 draft 16',
      'TLS 1.2',
      'TLS 1.1',
      'TLS 1.0',
    ]);
    const hello = server('tls-draft-16')?.serverHello;
    expect(summarizeServerHello(hello!)).toBe('ServerHello TLS 1.3 draft 16 TLS_CHACHA20_POLY1305_SHA256');
    expect(client('tls-draft-16')?.alerts.map(summarizeTlsAlert)).toEqual(['fatal unknown_ca']);
  });

  it('a hello in the form of SSL 2.0 is answered in TLS 1.0', () => {
    const opening = client('tls-sslv2');
    expect(opening).toMatchObject({ state: 'complete', recordVersion: 0x0301, types: [1] });
    expect(opening?.clientHello).toMatchObject({ isSslv2: true, version: 0x0301, extensions: [], sessionIdBytes: 0 });
    expect(opening?.clientHello?.ciphers.map(tlsCipherName)).toContain('TLS_RSA_WITH_RC4_128_MD5');
    expect(server('tls-sslv2')?.serverHello).toMatchObject({ version: 0x0301, cipher: 0x0004 });
  });

  it('SSL 3.0 with RC4', () => {
    const hello = server('ssl3')?.serverHello;
    expect(summarizeServerHello(hello!)).toBe('ServerHello SSL 3.0 TLS_ECDHE_RSA_WITH_RC4_128_SHA');
    expect(tlsCipherWeakness(hello!.cipher)).toBe('rc4');
  });

  it('a refused handshake', () => {
    expect(server('tls-alert')).toMatchObject({ types: [], serverHello: undefined });
    expect(server('tls-alert')?.alerts.map(summarizeTlsAlert)).toEqual(['fatal handshake_failure']);
  });

  it('both sides show certificates', () => {
    const asked = server('tls-client-certificate');
    expect(asked).toMatchObject({ types: [2, 11, 12, 13, 14, 4], requestsCertificate: true, certificateCount: 3 });
    expect(asked?.serverHello).toMatchObject({ version: 0x0303, cipher: 0xc030, alpn: 'http/1.1' });
    const answered = client('tls-client-certificate');
    expect(answered?.certificates.map(({ subject }) => subject.commonName)).toEqual(['johanna@corelight.com']);
    expect(answered?.clientHello?.serverName).toBe('certauth.idrix.fr');
  });

  it('the Heartbleed attack', () => {
    expect(client('tls-heartbleed')).toMatchObject({ heartbeatCount: 1, hasOverlongHeartbeat: true, state: 'cut' });
  });

  it('DTLS 1.2 with a cookie', () => {
    const said = readStream('dtls').map(({ bytes }) => decodeDtls(bytes, 0, bytes.length));
    expect(said.map((handshake) => handshake?.types)).toEqual([[1], [3], [1], [2]]);
    expect(said[2]?.clientHello).toMatchObject({
      state: 'complete',
      version: 0xfefd,
      ciphers: [0xc0ff, 0xc0a8, 0xc037],
      extensions: [10, 11, 256],
    });
    expect(said[3]?.serverHello).toMatchObject({ state: 'complete', version: 0xfefd, cipher: 0xc0ff });
  });

  it('a DTLS hello in fragments is cut, and a later fragment alone is nothing', () => {
    const [first, second] = readStream('dtls-fragments').map(({ bytes }) => decodeDtls(bytes, 0, bytes.length));
    expect(first).toMatchObject({ state: 'cut', clientHello: { state: 'cut', version: 0xfefd } });
    expect(second).toBeUndefined();
  });
});

describe('TLS names', () => {
  it('numbers without a name keep their number', () => {
    expect([tlsCipherName(0x1301), tlsCipherName(0xc0ff), tlsCipherName(0xeeee)]).toEqual([
      'TLS_AES_128_GCM_SHA256',
      'TLS_ECJPAKE_WITH_AES_128_CCM_8',
      '0xeeee',
    ]);
    expect([tlsVersionName(0x0304), tlsVersionName(0xfefd), tlsVersionName(0x7f17), tlsVersionName(9)]).toEqual([
      'TLS 1.3',
      'DTLS 1.2',
      'TLS 1.3 draft 23',
      '0x0009',
    ]);
    expect([tlsGroupName(29), tlsGroupName(4588), tlsGroupName(0x9999)]).toEqual([
      'x25519',
      'X25519MLKEM768',
      '0x9999',
    ]);
    expect([tlsAlertName(40), tlsAlertName(200)]).toEqual(['handshake_failure', 'alert_200']);
  });

  it.each([
    [0x0002, 'null'],
    [0x0034, 'anonymous'],
    [0x0003, 'export'],
    [0x0005, 'rc4'],
    [0x0009, 'des'],
    [0x000a, '3des'],
    [0x002f, undefined],
    [0x1301, undefined],
    [0xeeee, undefined],
  ])('weakness of %i is %s', (cipher, expected) => {
    expect(tlsCipherWeakness(cipher)).toBe(expected);
  });

  it('sixteen values are GREASE', () => {
    expect(Array.from({ length: 65_536 }, (_, i) => i).filter(isGrease)).toEqual(
      Array.from({ length: 16 }, (_, i) => 0x0a0a + i * 0x1010),
    );
  });
});
