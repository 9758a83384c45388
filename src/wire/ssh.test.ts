import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import { expectHarmless, saidBy } from '../../test/support/stream.ts';
import {
  decodeSsh,
  decodeSshBanner,
  encodeSshBanner,
  encodeSshKexInit,
  hassh,
  hasshServer,
  summarizeSsh,
} from './index.ts';

const decode = (bytes: Uint8Array) => decodeSsh(bytes, 0, bytes.length);
const banner = (text: string) => decodeSshBanner(asciiBytes(text), 0, text.length);

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

describe('SSH', () => {
  it('encode, then decode, is identity', () => {
    const name = fc.string({ unit: fc.constantFrom(...'abc-@.123'), minLength: 1, maxLength: 20 });
    const names = fc.array(name, { maxLength: 6 });
    fc.assert(
      fc.property(
        fc.record({
          kex: names,
          hostKey: names,
          encryptionToServer: names,
          encryptionToClient: names,
          macToServer: names,
          macToClient: names,
          compressionToServer: names,
          compressionToClient: names,
          isGuessing: fc.boolean(),
        }),
        fc.constantFrom('', 'Debian-1 x'),
        (fields, comment) => {
          const packet = encodeSshKexInit(fields);
          expect(packet.length % 8).toBe(0);
          expect(decode(join(encodeSshBanner('Test_1.0', { comment }), packet))).toMatchObject({
            banner: { protocol: '2.0', software: 'Test_1.0', comment },
            kexInit: fields,
            state: 'complete',
          });
        },
      ),
      { numRuns: 100, seed: 6 },
    );
  });

  it.each([
    [
      'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2\r\n',
      { protocol: '2.0', software: 'OpenSSH_9.2p1', comment: 'Debian-2+deb12u2', to: 40 },
    ],
    ['SSH-1.99-Cisco-1.25\n', { protocol: '1.99', software: 'Cisco-1.25', comment: '', to: 20 }],
    ['welcome\r\nplease\r\nSSH-2.0-x\r\n', { protocol: '2.0', software: 'x', comment: '', to: 28 }],
    ['SSH-2.0-a\x1b[2J b\r\n', { protocol: '2.0', software: 'a\\x1b[2J', comment: 'b', to: 17 }],
    ['SSH-2.0-x', undefined],
    ['SSH-2.0\r\n', undefined],
    ['SSH--x\r\n', undefined],
    ['GET / HTTP/1.1\r\n\r\n', undefined],
    [`SSH-2.0-${'x'.repeat(300)}\r\n`, undefined],
    [`${'x\n'.repeat(3000)}SSH-2.0-x\r\n`, undefined],
    ['a\0b\nSSH-2.0-x\r\n', undefined],
  ])('version line %j', (text, expected) => {
    expect(banner(text)).toEqual(expected);
  });

  it('a proposal that is not there yet is cut, one that is none is malformed', () => {
    const line = encodeSshBanner('x');
    const packet = encodeSshKexInit({ kex: ['a', 'b'] });
    expect(decode(line)).toMatchObject({ state: 'cut', kexInit: undefined });
    expect(decode(join(line, packet.subarray(0, packet.length - 30)))).toMatchObject({
      state: 'cut',
      kexInit: undefined,
    });
    expect(decode(join(line, new Uint8Array(40)))).toMatchObject({ state: 'malformed', kexInit: undefined });
    const lying = packet.slice();
    lying[25] = 0xff;
    expect(decode(join(line, lying))).toMatchObject({ state: 'malformed', kexInit: undefined });
  });

  it('a list of more than 128 names is kept to its first 128, and hashed whole', () => {
    const kex = Array.from({ length: 300 }, (_, i) => `k${i}`);
    const { kexInit } = decode(join(encodeSshBanner('x'), encodeSshKexInit({ kex })))!;
    expect(kexInit?.kex).toEqual(kex.slice(0, 128));
    expect(kexInit?.hasshText).toBe(`${kex.join(',')};;;`);
  });

  it('HASSH goes by the side that speaks', () => {
    const { kexInit } = decode(
      join(
        encodeSshBanner('x'),
        encodeSshKexInit({
          kex: ['k'],
          encryptionToServer: ['a'],
          encryptionToClient: ['b'],
          macToServer: ['c'],
          macToClient: ['d'],
        }),
      ),
    )!;
    expect([kexInit!.hasshText, kexInit!.hasshServerText]).toEqual(['k;a;c;', 'k;b;d;']);
  });

  // tshark -r <capture> -Y ssh -T fields -e ssh.protocol -e ssh.kex.hassh -e ssh.kex.hasshserver
  it('real programs are what tshark says', () => {
    const client = decode(saidBy('ssh', 'client'))!;
    const server = decode(saidBy('ssh', 'server'))!;
    expect([summarizeSsh(client), hassh(client.kexInit!)]).toEqual([
      'SSH 2.0 OpenSSH_7.8',
      'ec7378c1a92f5a8dde7e8b7a1ddf33d1',
    ]);
    expect([summarizeSsh(server), hasshServer(server.kexInit!)]).toEqual([
      'SSH 2.0 OpenSSH_7.4p1 Debian-10+deb9u3',
      'c099ec12a2b4c3b347f8f17d966469ed',
    ]);
    expect(client.kexInit?.kex).toHaveLength(11);
    expect(server.kexInit?.hostKey).toEqual(['ssh-ed25519', 'ssh-rsa', 'rsa-sha2-512', 'rsa-sha2-256']);
    const old = decode(saidBy('ssh-1.99', 'server'))!;
    expect([summarizeSsh(old), hasshServer(old.kexInit!)]).toEqual([
      'SSH 1.99 OpenSSH_3.9p1',
      'f430cd6761697a6a658ee1d45ed22e49',
    ]);
  });

  it('is harmless at any length, damaged or not', () => {
    expectHarmless(saidBy('ssh', 'server').subarray(0, 1200), decodeSsh, 13);
    expectHarmless(encodeSshKexInit({ kex: ['a'] }), decodeSsh);
  });
});
