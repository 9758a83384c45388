import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NO_PLACE, NumberIndex } from './number-index.ts';

it('finds every number at the place in which it came, and no other', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer(), { maxLength: 300 }), fc.array(fc.integer()), (values, others) => {
      const index = new NumberIndex();
      values.forEach((value, place) => {
        expect(index.find(value)).toBe(NO_PLACE);
        expect(index.add(value)).toBe(place);
      });
      values.forEach((value, place) => {
        expect([index.find(value), index.value(place)]).toEqual([place, value]);
      });
      for (const other of others) if (!values.includes(other)) expect(index.find(other)).toBe(NO_PLACE);
      expect(index.size).toBe(values.length);
    }),
  );
});

it('grows without losing anything', () => {
  const index = new NumberIndex();
  for (let i = 0; i < 50_000; i++) index.add(Math.imul(i, 0x10001));
  for (let i = 0; i < 50_000; i++) expect(index.find(Math.imul(i, 0x10001))).toBe(i);
});

it('has a place for a number around whose place others were put', () => {
  const index = new NumberIndex();
  // The finaliser is undone, so that all of them begin at slot 77.
  const colliding = Array.from({ length: 600 }, (_, i) => unmixed(77 + (i << 16)));
  const others = Array.from({ length: 400 }, (_, i) => 1_000_000 + i);
  for (const value of [...others, ...colliding]) expect(index.add(value)).not.toBe(NO_PLACE);
  [...others, ...colliding].forEach((value, place) => {
    expect(index.find(value)).toBe(place);
  });
});

function unmixed(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, inverse(0xc2b2ae35));
  h = h ^ (h >>> 13) ^ (h >>> 26);
  h = Math.imul(h, inverse(0x85ebca6b));
  return h ^ (h >>> 16);
}

/** By which an odd number makes 1 modulo 2^32 (Newton's iteration). */
function inverse(odd: number): number {
  let x = odd;
  for (let i = 0; i < 5; i++) x = Math.imul(x, 2 - Math.imul(odd, x));
  return x;
}
