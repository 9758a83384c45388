import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { readStream, saidBy } from '../../test/support/stream.ts';
import {
  type ClientHello,
  decodeDtls,
  decodeTls,
  encodeClientHello,
  encodeServerHelloMessage,
  encodeTlsRecords,
  ja3,
  ja3s,
  ja3Text,
  ja4,
  ja4Text,
  tlsFingerprints,
} from './index.ts';

const open = (bytes: Uint8Array) => decodeTls(bytes, 0, bytes.length);
const client = (name: string) => open(saidBy(name, 'client'))!.clientHello!;
const server = (name: string) => open(saidBy(name, 'server'))!.serverHello!;
const made = (fields: Parameters<typeof encodeClientHello>[0]) => open(encodeClientHello(fields))!.clientHello!;
const hex = (list: string): number[] => list.split(',').map((value) => Number.parseInt(value, 16));

describe('JA3 and JA3S', () => {
  // tshark -r <capture> -Y tls.handshake -T fields -e tls.handshake.ja3 -e tls.handshake.ja3s
  it.each([
    ['tls-post-quantum', '9d33d8206d4fec4c8b1423c728f4cd3c'],
    ['tls-ech', '2fcbf8655473005933c5869b2b5d8044'],
    ['tls-hrr', '0f14b679807628ec7f9c02cada3ee941'],
    ['tls-draft-16', '7475b427c2658e9ae2388737ecc29164'],
    ['tls-client-certificate', '579ccef312d18482fc42e2b822ca2430'],
    ['tls-ecdsa', '99faefb55d94da8c713fd5c89f8dc5a1'],
    ['tls-split-hello', '35708a08e7be9f7aa5bce7f2d5c1cecb'],
    ['ssl3', 'f917ae2520ef9784557b0a3c02489c2c'],
  ])('of the client in %s are what tshark says', (name, expected) => {
    expect(ja3(client(name))).toBe(expected);
  });

  it.each([
    ['tls-ech', 'f4febc55ea12b31ae17cfb7e614afda8'],
    ['tls-hrr', '907bf3ecef1c987c889946b737b43de8'],
    ['tls-draft-16', 'ddc938d7dbdf21719feb5ed34c1d267d'],
    ['tls-client-certificate', 'd154fcfa5bb4f0748e1dd1992c681104'],
    ['tls-ecdsa', '6ce5b396167553eefc3fc5cbc4a16a02'],
    ['ssl3', '59e3f99fd4b68388f5ba9349e0ca71a4'],
    ['tls-sslv2', '53611273a714cb4789c8222932efd5a7'],
  ])('of the server in %s are what tshark says', (name, expected) => {
    expect(ja3s(server(name))).toBe(expected);
  });

  it('of DTLS are what tshark says', () => {
    const said = readStream('dtls').map(({ bytes }) => decodeDtls(bytes, 0, bytes.length)!);
    expect(ja3(said[2].clientHello!)).toBe('b873950d512f587035f617fb93b988ac');
    expect(ja3s(said[3].serverHello!)).toBe('6070981cae5ee8ae4e5db0c2b23115f3');
  });

  it('a hello without extensions ends in empty fields', () => {
    expect(ja3Text(made({ ciphers: [4, 5], legacyVersion: 0x0301 }))).toBe('769,4-5,,,');
    expect(ja3Text(made({ ciphers: [0x0a0a, 4], groups: [0x1a1a, 29], pointFormats: [0] }))).toBe('771,4,10-11,29,0');
  });

  it('what is cut, malformed or in the form of SSL 2.0 has none', () => {
    const bytes = encodeClientHello({ serverName: 'example.org' });
    const cut = decodeTls(bytes, 0, bytes.length - 1)!.clientHello!;
    expect([ja3(cut), ja4(cut), ja4Text(cut)]).toEqual([undefined, undefined, undefined]);
    expect(ja3(client('tls-sslv2'))).toBeUndefined();
    const answer = encodeTlsRecords(encodeServerHelloMessage({ cipher: 1, extensions: [[23, new Uint8Array(4)]] }));
    const cutAnswer = decodeTls(answer, 0, answer.length - 1)!.serverHello!;
    expect(ja3s(cutAnswer)).toBeUndefined();
  });
});

describe('JA4', () => {
  /** The example of the technical description, its extensions with as little in them as goes. */
  const example = (): ClientHello => ({
    ...made({}),
    alpn: ['h2'],
    ciphers: hex('2a2a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035'),
    extensions: hex('001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015,0a0a'),
    signatureAlgorithms: hex('0403,0804,0401,0503,0805,0501,0806,0601'),
    version: 0x0304,
  });

  it('the example of the technical description', () => {
    expect(ja4(example())).toBe('t13d1516h2_8daaf6152771_e5627efa2ab1');
    expect(ja4Text(example())).toBe(
      't13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601',
    );
    expect(ja4({ ...example(), signatureAlgorithms: [] })).toBe('t13d1516h2_8daaf6152771_6d807ffa2a79');
  });

  it.each([
    ['\xab', 'ab'],
    ['\xab\xcd', 'ad'],
    ['0\xab', '3b'],
    ['01\xab\xcd', '3d'],
    ['0\xab\xcd1', '01'],
    ['h', 'hh'],
    ['http/1.1', 'h1'],
    ['a\nb', 'ab'],
    ['', '00'],
  ])('ALPN %j is written as %s', (alpn, expected) => {
    expect(ja4({ ...example(), alpn: [alpn] })?.slice(8, 10)).toBe(expected);
  });

  it('transport, version, name and counts', () => {
    const head = (hello: ClientHello, ...rest: ['quic' | 'dtls'] | []) => ja4(hello, ...rest)?.slice(0, 8);
    expect(head(example(), 'quic')).toBe('q13d1516');
    expect(head({ ...example(), version: 0xfefd }, 'dtls')).toBe('dd2d1516');
    expect(head({ ...example(), version: 0x0300 })).toBe('ts3d1516');
    expect(head({ ...example(), version: 0x7f17 })).toBe('t00d1516');
    expect(head({ ...example(), extensions: [0x0010] })).toBe('t13i1501');
    expect(head({ ...example(), ciphers: Array.from({ length: 120 }, (_, i) => i) })).toBe('t13d9916');
  });

  it('parts without values are zeros', () => {
    expect(ja4(made({ ciphers: [] }))).toBe('t12i000000_000000000000_000000000000');
    expect(ja4(made({ ciphers: [0x0a0a], serverName: 'a' }))).toBe('t12d000100_000000000000_000000000000');
  });

  // Arkime's expectations of its own captures: https and DTLS sessions, field "ja4".
  it('of real clients are what Arkime says', () => {
    expect(ja4(client('tls-split-hello'))).toBe('t13d1516h2_8daaf6152771_02713d6af862');
    expect(ja4(client('ssl3'))).toBe('ts3i460000_234845559c90_000000000000');
    const dtls = readStream('dtls')[2].bytes;
    expect(ja4(decodeDtls(dtls, 0, dtls.length)!.clientHello!, 'dtls')).toBe('dd2i030300_f7e428980f70_6c817ce3d217');
    expect(
      ja4(
        open(
          hexBytes('802e0100020015000000100100800200800300800400800500800600400700c0000102030405060708090a0b0c0d0e0f'),
        )!.clientHello!,
      ),
    ).toBe('ts2i000000_000000000000_000000000000');
  });

  it('of a hello like one before are what they would be without it', () => {
    const one = example();
    const others: readonly ClientHello[] = [
      one,
      { ...one, alpn: ['h3'] },
      { ...one, legacyVersion: 0x0301 },
      { ...one, version: 0x0303 },
      { ...one, ciphers: one.ciphers.slice(1).concat(0x000a) },
      { ...one, extensions: [...one.extensions].reverse() },
      { ...one, groups: [29] },
      { ...one, pointFormats: [0, 1] },
      { ...one, signatureAlgorithms: one.signatureAlgorithms.slice(1) },
      { ...one, isSslv2: true },
      { ...one, state: 'cut' },
    ];
    for (let round = 0; round < 4; round++)
      for (const hello of others)
        for (const transport of ['tcp', 'quic'] as const)
          expect(tlsFingerprints(hello, transport)).toMatchObject({ ja3: ja3(hello), ja4: ja4(hello, transport) });
    for (const hello of others)
      for (let round = 0; round < 4; round++)
        expect(tlsFingerprints(hello)).toMatchObject({ ja3: ja3(hello), ja4: ja4(hello) });
  });
});
