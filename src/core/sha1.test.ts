import { sha1 } from '@noble/hashes/legacy.js';
import { expect, test } from 'vitest';
import { sha1Block } from './index.ts';

test('the one-block digest equals the general one for every length it takes', () => {
  for (let length = 0; length <= 55; length++) {
    const message = Uint8Array.from({ length: 60 }, (_, i) => (i * 37 + length * 11) & 255);
    expect([...sha1Block(message, length)]).toEqual([...sha1(message.subarray(0, length))]);
  }
});

test('a message that does not fit one block is refused', () => {
  expect(() => sha1Block(new Uint8Array(64), 56)).toThrow('at most 55 bytes');
});
