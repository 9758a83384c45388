import { describe, expect, it } from 'vitest';
import { hexBytes, toHex } from '../../test/support/frames.ts';
import { ByteWriter, hexToBytes, wireHex, wireText } from './bytes.ts';

const text = (hex: string, max?: number) => wireText(hexBytes(hex), 0, hexBytes(hex).length, max);

describe('text from the network', () => {
  it.each([
    ['printable ASCII', '48692021', 'Hi !'],
    ['UTF-8 of two, three and four bytes', 'c3a9 e28098 f09f9880', 'é‘😀'],
    ['control bytes', '61000d0a1b7f', 'a\\x00\\x0d\\x0a\\x1b\\x7f'],
    [
      'bytes that are no UTF-8',
      '80 c3 ff c080 eda080 f4908080',
      '\\x80\\xc3\\xff\\xc0\\x80\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80',
    ],
    ['characters that mislead a reader', 'e280ae 61', '\\u{202e}a'],
    ['a sequence that is cut', '61e280', 'a\\xe2\\x80'],
  ])('%s', (_, hex, expected) => {
    expect(text(hex)).toBe(expected);
  });

  it('is cut at its bound with an ellipsis', () => {
    expect(text('61'.repeat(10), 4)).toBe('aaaa…');
    expect(text('c3a9'.repeat(5), 4)).toBe('éééé…');
    expect(text('00'.repeat(100_000), 4)).toBe('\\x00…');
    expect(wireHex(hexBytes('00ff10'), 0, 3, 2)).toBe('00ff…');
  });
});

describe('the writer of bytes', () => {
  it('grows in any call and writes big-endian', () => {
    const out = new ByteWriter().zeros(255).u16(0x0102).zeros(254).u32(0xfffefdfc).text('é').setU16(0, 0xabcd).finish();
    expect(toHex(out)).toBe(`abcd${'00'.repeat(253)}0102${'00'.repeat(254)}fffefdfcc3a9`);
    expect(new ByteWriter().zeros(256).u8(7).finish()[256]).toBe(7);
    expect(new ByteWriter().bytes(new Uint8Array(1000).fill(9)).finish()[999]).toBe(9);
    expect(toHex(hexToBytes('00:1B 2c'))).toBe('001b2c');
  });
});
