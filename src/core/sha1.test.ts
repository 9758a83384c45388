import { sha1 } from '@noble/hashes/legacy.js';
import { expect, test } from 'vitest';
import { sha1Block, writeDigestBase64 } from './index.ts';

function wordsOf(message: Uint8Array): Int32Array {
  const view = new DataView(message.buffer);
  return Int32Array.from({ length: message.length >> 2 }, (_, i) => view.getInt32(4 * i));
}

function bytesOf(words: Int32Array): number[] {
  return Array.from(words).flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
}

test('the one-block digest and its Base64 equal the general ones for every length it takes', () => {
  for (let length = 0; length <= 55; length++) {
    const message = Uint8Array.from({ length: 60 }, (_, i) => (i * 37 + length * 11) & 255);
    const expected = sha1(message.subarray(0, length));
    expect(bytesOf(sha1Block(wordsOf(message), length))).toEqual([...expected]);
    const text = new Uint8Array(28);
    writeDigestBase64(sha1Block(wordsOf(message), length), text, 0);
    expect(String.fromCharCode(...text)).toBe(Buffer.from(expected).toString('base64'));
  }
});

test('a message that does not fit one block is refused', () => {
  expect(() => sha1Block(new Int32Array(16), 56)).toThrow('at most 55 bytes');
});
