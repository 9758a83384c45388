import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes, toHex } from '../../test/support/frames.ts';
import {
  BER_OCTET_STRING,
  BER_SEQUENCE,
  berBits,
  berBoolean,
  berChildren,
  berInteger,
  berOid,
  berText,
  berUnsigned,
  encodeBer,
  encodeBerInteger,
  encodeBerOid,
  encodeBerText,
  expectBer,
  readBer,
} from './ber.ts';

const read = (hex: string) => {
  const bytes = hexBytes(hex);
  const element = readBer(bytes, 0, bytes.length);
  if (element === undefined) throw new Error(`no element: ${hex}`);
  return { bytes, element };
};

describe('BER', () => {
  it.each([
    ['short length', '0401 61', { tag: 4, number: 4, constructed: false, from: 2, to: 3, cut: false }],
    ['one length byte', `0481 01 61`, { tag: 4, number: 4, constructed: false, from: 3, to: 4, cut: false }],
    ['leading zeros', '0484 00000001 61', { tag: 4, number: 4, constructed: false, from: 6, to: 7, cut: false }],
    ['application 27, constructed', '7b00', { tag: 0x7b, number: 27, constructed: true, from: 2, to: 2, cut: false }],
    ['a tag above 30', 'bf8148 00', { tag: 0xbf, number: 200, constructed: true, from: 4, to: 4, cut: false }],
    ['content that is cut', '0482 0400 6162', { tag: 4, number: 4, constructed: false, from: 4, to: 6, cut: true }],
  ])('reads %s', (_, hex, expected) => {
    expect(read(hex).element).toEqual(expected);
  });

  it.each([
    ['nothing', ''],
    ['no length', '04'],
    ['the indefinite form', '3080 0000'],
    ['a length of five bytes', '0485 0000000001 61'],
    ['a length that is cut', '0482 01'],
    ['a tag that does not end', 'bfffffffffff0100'],
  ])('refuses %s', (_, hex) => {
    expect(readBer(hexBytes(hex), 0, hexBytes(hex).length)).toBeUndefined();
  });

  it('integers: signed, unsigned, too large', () => {
    const value = (hex: string) => {
      const { bytes, element } = read(hex);
      return [berInteger(bytes, element), berUnsigned(bytes, element)];
    };
    expect(value('0201 80')).toEqual([-128, 128]);
    expect(value('0204 ffffffff')).toEqual([-1, 4_294_967_295]);
    expect(value('0205 00ffffffff')).toEqual([4_294_967_295, 4_294_967_295]);
    expect(value('4608 ffffffffffffffff')).toEqual([-1, undefined]);
    expect(value('0200')).toEqual([undefined, undefined]);
    expect(value('0202 01')).toEqual([undefined, undefined]);
  });

  it('object identifiers', () => {
    const oid = (hex: string) => {
      const { bytes, element } = read(hex);
      return berOid(bytes, element);
    };
    expect(oid('0608 2b06010201010100')).toBe('1.3.6.1.2.1.1.1.0');
    expect(oid('0603 883703')).toBe('2.999.3');
    expect(oid('0601 00')).toBe('0.0');
    expect(oid('0602 2b86')).toBeUndefined();
    expect(oid('0600')).toBeUndefined();
    expect(oid(`0681 80 2b${'01'.repeat(127)}`)).toBeUndefined();
    expect(oid(`060b 2b ${'ff'.repeat(9)}7f`)).toBeUndefined();
  });

  it('truth, bits and text', () => {
    const { bytes, element } = read('0101 ff');
    expect(berBoolean(bytes, element)).toBe(true);
    const bits = read('0305 00 40800010');
    expect(berBits(bits.bytes, bits.element)).toBe(0x40800010);
    const short = read('0302 04 a0');
    expect(berBits(short.bytes, short.element)).toBe(0xa0000000);
    const text = read('0406 61 00 c3a9 ff 1b');
    expect(berText(text.bytes, text.element)).toBe('a\\x00é\\xff\\x1b');
  });

  it('children end where the parent ends, whatever they claim', () => {
    const bytes = hexBytes('3006 0201 05 0409 61 0202');
    const parent = expectBer(bytes, 0, bytes.length, BER_SEQUENCE)!;
    expect(berChildren(bytes, parent).map(({ tag, to, cut }) => [tag, to, cut])).toEqual([
      [2, 5, false],
      [4, 8, true],
    ]);
    expect(berChildren(bytes, parent, 1)).toHaveLength(1);
    expect(expectBer(bytes, 0, bytes.length, BER_OCTET_STRING)).toBeUndefined();
  });

  it('encode, then decode, is identity', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const bytes = encodeBerInteger(value);
        expect(berInteger(bytes, readBer(bytes, 0, bytes.length)!)).toBe(value);
      }),
      { numRuns: 300, seed: 1 },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 39 }),
        fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.maxSafeNat()), { maxLength: 20 }),
        (first, second, rest) => {
          const oid = [first, second, ...rest].join('.');
          const bytes = encodeBerOid(oid);
          expect(berOid(bytes, readBer(bytes, 0, bytes.length)!)).toBe(oid);
        },
      ),
      { numRuns: 200, seed: 2 },
    );
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const bytes = encodeBer(BER_OCTET_STRING, new Uint8Array(length));
      const element = readBer(bytes, 0, bytes.length)!;
      expect([element.to - element.from, element.to, element.cut]).toEqual([length, bytes.length, false]);
    }
    expect(toHex(encodeBer(BER_SEQUENCE, encodeBerInteger(128), encodeBerText('a')))).toBe(
      '30070202008004'.concat('0161'),
    );
  });

  it('random bytes never throw, and no read leaves the window', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const results = [0, 255].map((fill) => {
          const held = new Uint8Array(bytes.length + 64).fill(fill);
          held.set(bytes, 32);
          const element = readBer(held, 32, 32 + bytes.length);
          if (element === undefined) return undefined;
          expect(element.to).toBeLessThanOrEqual(32 + bytes.length);
          const parts = [berInteger, berUnsigned, berBoolean, berBits, berText, berOid].map((f) => f(held, element));
          return { element, parts, children: berChildren(held, element) };
        });
        expect(results[1]).toEqual(results[0]);
      }),
      { numRuns: 1000, seed: 3 },
    );
  });
});
