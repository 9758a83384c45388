import { ecb, gcm } from '@noble/ciphers/aes.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { AesKey } from './aes-gcm.ts';

const hex = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

describe('AES-128', () => {
  it('encrypts the block of FIPS 197, appendix C.1', () => {
    const key = new AesKey(hexBytes('000102030405060708090a0b0c0d0e0f'));
    expect(hex(key.encrypt(hexBytes('ff 00112233445566778899aabbccddeeff'), 1))).toBe(
      '69c4e0d86a7b0430d8cdb78070b4c55a',
    );
  });

  it('encrypts any block as the library does', () => {
    fc.assert(
      fc.property(bytesOf(16), bytesOf(16), (key, block) => {
        expect(hex(new AesKey(key).encrypt(block, 0))).toBe(hex(ecb(key, { disablePadding: true }).encrypt(block)));
      }),
    );
  });
});

describe('Galois/Counter Mode', () => {
  it('opens test cases 1, 2 and 4 of its specification', () => {
    const zeros = new AesKey(new Uint8Array(16));
    const nothing = hexBytes('58e2fccefa7e3061367f1d57a4e7455a');
    expect(hex(zeros.open(new Uint8Array(12), new Uint8Array(), nothing, 0, 16))).toBe('');
    const block = hexBytes('0388dace60b6a392f328c2b971b2fe78 ab6e47d42cec13bdf53a67b21257bddf');
    expect(hex(zeros.open(new Uint8Array(12), new Uint8Array(), block, 0, 32))).toBe('00'.repeat(16));
    const key = new AesKey(hexBytes('feffe9928665731c6d6a8f9467308308'));
    const sealed = hexBytes(
      '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091 5bc94fbc3221a5db94fae95ae7121a47',
    );
    const head = hexBytes('feedfacedeadbeeffeedfacedeadbeefabaddad2');
    expect(hex(key.open(hexBytes('cafebabefacedbaddecaf888'), head, sealed, 0, sealed.length))).toBe(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    );
  });

  it('opens what the library has sealed, wherever it lies, and nothing of which a bit was changed', () => {
    fc.assert(
      fc.property(
        bytesOf(16),
        bytesOf(12),
        fc.uint8Array({ maxLength: 70 }),
        fc.uint8Array({ maxLength: 100 }),
        fc.nat(),
        (key, nonce, head, plain, bit) => {
          const sealed = gcm(key, nonce, head).encrypt(plain);
          const around = Uint8Array.of(1, 2, 3, ...sealed, 4, 5);
          const own = new AesKey(key);
          const open = (): Uint8Array | undefined => own.open(nonce, head, around, 3, 3 + sealed.length);
          expect(hex(open())).toBe(hex(plain));
          around[3 + ((bit >> 3) % sealed.length)]! ^= 1 << (bit & 7);
          expect(open()).toBeUndefined();
        },
      ),
    );
  });

  it('opens nothing that is shorter than a tag', () => {
    const key = new AesKey(new Uint8Array(16));
    for (let n = 0; n < 16; n++)
      expect(key.open(new Uint8Array(12), new Uint8Array(), new Uint8Array(16), 0, n)).toBeUndefined();
  });
});
