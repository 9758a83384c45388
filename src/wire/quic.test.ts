import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes, toHex } from '../../test/support/frames.ts';
import { expectHarmless, readStream, saidBy } from '../../test/support/stream.ts';
import {
  decodeQuic,
  encodeClientHelloMessage,
  encodeQuicCrypto,
  encodeQuicInitial,
  encodeServerHelloMessage,
  ja3,
  ja3s,
  QuicHandshake,
  quicVersionName,
  summarizeQuic,
  summarizeQuicHandshake,
} from './index.ts';

const header = (bytes: Uint8Array) => decodeQuic(bytes, 0, bytes.length);
const VERSION_2 = 0x6b3343cf;

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

function play(name: string): QuicHandshake {
  const handshake = new QuicHandshake();
  for (const { fromClient, bytes } of readStream(name)) handshake.take(bytes, 0, bytes.length, fromClient);
  return handshake;
}

// RFC 9001 appendix A and RFC 9369 appendix A.
describe('the sample packets of the RFCs', () => {
  const ID = '8394c8f03e515708';
  const FRAMES = `060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868
    04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a
    00080006001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa47fba
    baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408
    050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff08011001048000
    75300901100f088394c8f03e51570806048000ffff`;

  // The tag at the end covers every byte of the packet.
  it.each([
    [
      1,
      'c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9b',
      'e221af44860018ab0856972e194cd934',
    ],
    [VERSION_2, 'd76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de80', undefined],
  ])('the client Initial of version %i is made and read', (version, start, tag) => {
    const frames = hexBytes(FRAMES);
    const packet = encodeQuicInitial({ version, destinationId: ID, packetNumber: 2, frames, frameBytes: 1162 });
    expect(packet).toHaveLength(1200);
    expect(toHex(packet).slice(0, start.length)).toBe(start);
    if (tag !== undefined) expect(toHex(packet).slice(-32)).toBe(tag);
    expect(header(packet)).toMatchObject({ kind: 'initial', version, destinationId: ID, sourceId: '', to: 1200 });
    const handshake = new QuicHandshake();
    expect(handshake.take(packet, 0, packet.length, true)).toBe(true);
    expect(handshake).toMatchObject({ version, unreadable: 0, alpn: 'alpn' });
    expect(handshake.clientHello).toMatchObject({
      state: 'complete',
      serverName: 'example.com',
      ciphers: [0x1301, 0x1302],
      groups: [29, 23, 24],
      version: 0x0304,
    });
  });

  it('the server Initial is read with the keys of the client', () => {
    const handshake = new QuicHandshake();
    const first = encodeQuicInitial({ destinationId: ID, packetNumber: 2, frames: hexBytes(FRAMES), frameBytes: 1162 });
    const answer = hexBytes(`cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a
      5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9
      c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4
      2158407dd074ee`);
    expect(handshake.take(answer, 0, answer.length, false)).toBe(false);
    expect(handshake.unreadable).toBe(1);
    handshake.take(first, 0, first.length, true);
    expect(handshake.take(answer, 0, answer.length, false)).toBe(true);
    expect(handshake.serverHello).toMatchObject({
      state: 'complete',
      version: 0x0304,
      cipher: 0x1301,
      extensions: [51, 43],
    });
    expect(handshake.isDone).toBe(true);
  });

  it('the Retry', () => {
    const packet = header(hexBytes('ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba'));
    expect(packet).toMatchObject({
      kind: 'retry',
      version: 1,
      destinationId: '',
      sourceId: 'f067a5502a4262b5',
      tokenBytes: 5,
    });
    expect(header(hexBytes('cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6'))).toMatchObject({
      kind: 'retry',
      version: VERSION_2,
      tokenBytes: 5,
    });
  });
});

describe('QUIC headers', () => {
  it.each([
    ['c0 00000001 00 00 00 4000', 'QUIC v1 initial'],
    ['d0 00000001 00 00 4000', 'QUIC v1 0-rtt'],
    ['e0 00000001 01aa 00 4000', 'QUIC v1 handshake to aa'],
    ['e0 6b3343cf 00 00 4000', 'QUIC v2 0-rtt'],
    ['f0 6b3343cf 00 00 4000', 'QUIC v2 handshake'],
    ['80 00000000 01aa 01bb 00000001 6b3343cf 0a1a2a3a', 'QUIC v1,v2,0x0a1a2a3a version-negotiation to aa'],
    ['c0 51303436 50 0102030405060708', 'QUIC Q046 other'],
    ['c0 1a2a3a4a 01aa 00 00', 'QUIC 0x1a2a3a4a other to aa'],
    ['c0 ff00001d 00 00 00 4000', 'QUIC draft-29 initial'],
  ])('%s', (hex, expected) => {
    expect(summarizeQuic(header(hexBytes(hex))!)).toBe(expected);
  });

  it.each([
    ['a short header', '40 00000001 00 00 00 4000'],
    ['a version that does not exist', 'c0 00000003 00 00 00 4000'],
    ['a version negotiation without a version that exists', '80 00000000 00 00 12345678'],
    ['an id of 21 bytes', `c0 00000001 15 ${'00'.repeat(21)} 00 00 4000`],
    ['an id behind the end', 'c0 00000001 08 0000 00'],
    ['a length behind the end', 'c0 00000001 00 00 00 40'],
    ['no fixed bit', '80 00000001 00 00 00 4000'],
    ['nothing', ''],
  ])('is none: %s', (_, hex) => {
    expect(header(hexBytes(hex))).toBeUndefined();
  });

  it('versions have names', () => {
    expect([1, VERSION_2, 0xff000022, 0x54303530, 7].map(quicVersionName)).toEqual([
      'v1',
      'v2',
      'draft-34',
      'T050',
      '0x00000007',
    ]);
    expect(() => encodeQuicInitial({ version: 7, destinationId: '', frames: new Uint8Array() })).toThrow(
      'no Initial keys for QUIC version 0x00000007',
    );
  });
});

describe('a QUIC handshake', () => {
  const hello = encodeClientHelloMessage({
    serverName: 'example.org',
    alpn: ['h3'],
    extensions: [[57, new Uint8Array(900)]],
  });

  it('is put together from pieces in any order, over packets, twice, overlapping', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: hello.length - 1 }), { maxLength: 12 }),
        fc.integer(),
        fc.constantFrom<(1 | 2 | 3 | 4)[]>(1, 2, 3, 4),
        (cuts, seed, numberBytes) => {
          const at = [0, ...[...new Set(cuts)].sort((a, b) => a - b), hello.length];
          const pieces = at.slice(1).map((to, i) => ({ from: Math.max(0, at[i] - (seed & 7)), to }));
          const order = [...pieces, pieces[0]].sort((a, b) => ((a.to * seed) % 7) - ((b.to * seed) % 7));
          const handshake = new QuicHandshake();
          order.forEach(({ from, to }, i) => {
            const frames = join(
              Uint8Array.of(1, 0, 0),
              encodeQuicCrypto(from, hello.subarray(from, to)),
              new Uint8Array(9),
            );
            const packet = encodeQuicInitial({
              destinationId: '0102030405060708',
              packetNumber: 200 + i,
              numberBytes,
              frames,
            });
            handshake.take(packet, 0, packet.length, true);
          });
          expect(handshake.clientHello).toMatchObject({ serverName: 'example.org', state: 'complete' });
          expect(handshake.unreadable).toBe(0);
        },
      ),
      { numRuns: 60, seed: 5 },
    );
  });

  it('in one datagram with two packets, and with acknowledgements between', () => {
    const half = 300;
    const ack = hexBytes('02 05 00 02 00 0000 0000');
    const ackEcn = hexBytes('03 4005 00 00 00 01 02 03');
    const first = encodeQuicInitial({
      destinationId: 'aabb',
      frames: join(ack, encodeQuicCrypto(half, hello.subarray(half))),
    });
    const second = encodeQuicInitial({
      destinationId: 'aabb',
      packetNumber: 1,
      frames: join(ackEcn, encodeQuicCrypto(0, hello.subarray(0, half))),
    });
    const datagram = join(first, second);
    const handshake = new QuicHandshake();
    expect(handshake.take(datagram, 0, datagram.length, true)).toBe(true);
    expect(summarizeQuicHandshake(handshake)).toBe('QUIC v1 ClientHello example.org alpn h3');
  });

  it('a server may answer in version 2 with keys from the same id', () => {
    const client = encodeQuicInitial({ destinationId: 'aabbccdd', sourceId: '11', frames: encodeQuicCrypto(0, hello) });
    const answer = encodeServerHelloMessage({ cipher: 0x1303, extensions: [[43, hexBytes('0304')]] });
    const server = encodeQuicInitial({
      version: VERSION_2,
      destinationId: '11',
      keyId: 'aabbccdd',
      fromClient: false,
      frames: encodeQuicCrypto(0, answer),
    });
    const handshake = new QuicHandshake();
    handshake.take(client, 0, client.length, true);
    handshake.take(server, 0, server.length, false);
    expect(handshake).toMatchObject({
      version: VERSION_2,
      isDone: true,
      serverHello: { version: 0x0304, cipher: 0x1303 },
    });
  });

  it('a refusal ends it, with its code', () => {
    const client = encodeQuicInitial({ destinationId: 'aabb', frames: encodeQuicCrypto(0, hello) });
    const close = hexBytes('1c 4128 06 00');
    const server = encodeQuicInitial({
      destinationId: '',
      keyId: 'aabb',
      fromClient: false,
      frames: close,
      frameBytes: 40,
    });
    const handshake = new QuicHandshake();
    handshake.take(client, 0, client.length, true);
    handshake.take(server, 0, server.length, false);
    expect(handshake).toMatchObject({ closeCode: 0x0128, isDone: true, serverHello: undefined });
  });

  it('a flood of packets, of pieces and of far offsets stays within its bounds', () => {
    const handshake = new QuicHandshake();
    const flood = (frames: Uint8Array, number: number, destinationId = 'aabb') => {
      const packet = encodeQuicInitial({ destinationId, packetNumber: number, frames });
      return handshake.take(packet, 0, packet.length, true);
    };
    const islands = join(...Array.from({ length: 200 }, (_, i) => encodeQuicCrypto(4 + 2 * i, Uint8Array.of(i))));
    expect(flood(islands, 0)).toBe(true);
    expect(flood(encodeQuicCrypto(16_380, new Uint8Array(100)), 1)).toBe(true);
    expect(flood(encodeQuicCrypto(1_000_000_000, Uint8Array.of(1)), 2)).toBe(true);
    expect(handshake.clientHello).toBeUndefined();
    for (let i = 0; i < 200; i++) flood(encodeQuicCrypto(0, Uint8Array.of(1)), 3 + i, `${(i % 90) + 10}aa`);
    expect(handshake.isDone).toBe(true);
    expect(flood(encodeQuicCrypto(0, hello), 1)).toBe(false);
  });

  it('gives up after 8 packets that it cannot open', () => {
    const handshake = new QuicHandshake();
    const noise = encodeQuicInitial({ destinationId: 'aa', keyId: 'bb', frames: encodeQuicCrypto(0, hello) });
    const tries = Array.from({ length: 9 }, () => {
      handshake.take(noise, 0, noise.length, true);
      return handshake.unreadable;
    });
    expect(tries).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 8]);
    expect(handshake.isDone).toBe(true);
  });

  it('damaged packets are counted and change nothing', () => {
    const packet = encodeQuicInitial({ destinationId: 'aabb', frames: encodeQuicCrypto(0, hello) });
    for (const at of [1, 6, 20, 300, packet.length - 1]) {
      const damaged = packet.slice();
      damaged[at] ^= 1;
      const handshake = new QuicHandshake();
      expect(handshake.take(damaged, 0, damaged.length, true)).toBe(false);
      expect(handshake.clientHello).toBeUndefined();
    }
    const handshake = new QuicHandshake();
    expect(handshake.take(packet, 0, packet.length - 1, true)).toBe(false);
    expect(handshake.unreadable).toBe(1);
    handshake.take(packet, 0, packet.length, true);
    expect(handshake.clientHello?.state).toBe('complete');
  });

  it('any datagram is harmless at any length, damaged or not', () => {
    const take = (bytes: Uint8Array, at: number, end: number) => {
      const handshake = new QuicHandshake();
      handshake.take(bytes, at, end, true);
      return [decodeQuic(bytes, at, end)?.kind, handshake.clientHello, handshake.unreadable];
    };
    const bytes = encodeQuicInitial({
      destinationId: 'aa',
      token: new Uint8Array(3),
      frames: encodeQuicCrypto(0, hello.subarray(0, 40)),
    });
    expectHarmless(bytes, take);
    expectHarmless(hexBytes('80 00000000 01aa 01bb 00000001 6b3343cf'), take);
  });
});

// tshark -r <capture> -Y tls.handshake -T fields -e tls.handshake.ja3 -e tls.handshake.ja3s -e tls.handshake.extensions_server_name; JA4 from Arkime's test of quicietf.pcap.
describe('QUIC of real programs', () => {
  it('Chrome to Google, in one packet', () => {
    const handshake = play('quic-google');
    expect(handshake).toMatchObject({
      version: 1,
      alpn: 'h3',
      unreadable: 0,
      ja4: 'q13d0311h3_55b375c5d22e_3512bcbbc9ec',
    });
    expect(handshake.clientHello?.serverName).toBe('ssl.gstatic.com');
    expect(ja3(handshake.clientHello!)).toBe('ddfef2ad23ab6dd55307813c2d0b7d58');
  });

  it('a hello that Chrome has shuffled over three packets', () => {
    const states = new QuicHandshake();
    const seen = readStream('quic-fragmented').map(({ bytes }) => {
      states.take(bytes, 0, bytes.length, true);
      return states.clientHello?.state;
    });
    expect(seen).toEqual(['cut', 'cut', 'complete']);
    expect(states.clientHello?.serverName).toBe('googleads.g.doubleclick.net');
    expect(ja3(states.clientHello!)).toBe('a737e2cfe3b7e8f28cf5a2afd1427700');
  });

  it('both hellos, and the same after a Retry', () => {
    for (const name of ['quic-handshake', 'quic-retry']) {
      const handshake = play(name);
      expect(handshake).toMatchObject({ isDone: true, unreadable: 0, isRetried: name === 'quic-retry' });
      expect(handshake.clientHello?.serverName).toBe('localhost');
      expect(ja3(handshake.clientHello!)).toBe('9a78264e64e221797705e75a3c55df01');
      expect(ja3s(handshake.serverHello!)).toBe('eb1d94daa7e0344597e756a1fb6e7054');
    }
  });

  it('a draft', () => {
    const handshake = play('quic-draft-29');
    expect(summarizeQuicHandshake(handshake)).toBe('QUIC draft-29 ClientHello www.google.com alpn h3-29');
    expect(ja3(handshake.clientHello!)).toBe('78ba053b9aa352e84a4eea899207839a');
    expect(saidBy('quic-draft-29', 'client')).toHaveLength(1330);
  });
});
