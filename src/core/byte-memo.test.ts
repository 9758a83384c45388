import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteMemo } from './byte-memo.ts';

const made = (bytes: Uint8Array, from: number, to: number) => ({ text: bytes.slice(from, to).join(' ') });

it('gives what is made of the bytes, whatever was asked for before', () => {
  const piece = fc.uint8Array({ maxLength: 12, max: 3 });
  fc.assert(
    fc.property(fc.array(fc.tuple(piece, fc.nat(2), fc.nat(5)), { maxLength: 60 }), (asked) => {
      const memo = new ByteMemo<{ text: string }>(4, 8);
      for (const [piece, tag, before] of [...asked, ...asked]) {
        const bytes = new Uint8Array(before + piece.length + 3).fill(9);
        bytes.set(piece, before);
        const make = (b: Uint8Array, from: number, to: number) => ({ text: `${tag}: ${made(b, from, to).text}` });
        const to = before + piece.length;
        expect(memo.of(bytes, before, to, make, tag)).toEqual(make(bytes, before, to));
      }
    }),
  );
});

it('makes a value of bytes that come again twice at most, and keeps no long ones', () => {
  const memo = new ByteMemo<{ text: string }>(16, 8);
  let count = 0;
  const make = (bytes: Uint8Array, from: number, to: number) => {
    count++;
    return made(bytes, from, to);
  };
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
  for (let i = 0; i < 5; i++) memo.of(bytes, 0, 8, make);
  expect(count).toBe(2);
  expect(memo.of(bytes, 0, 8, make)).toBe(memo.of(bytes, 0, 8, make));
  for (let i = 0; i < 5; i++) memo.of(bytes, 0, 9, make);
  expect(count).toBe(7);
});
