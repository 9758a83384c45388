import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Few,
  type FewCounts,
  fewAdd,
  fewCount,
  fewCounted,
  fewEntries,
  fewHas,
  fewKeys,
  fewKnows,
  fewMembers,
  fewSize,
} from './few.ts';

test('a set of few is what a set of the same members is, in the same order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20).map(String), { maxLength: 40 }), (texts) => {
      let few: Few<string>;
      const set = new Set<string>();
      for (const text of texts) {
        expect(fewHas(few, text)).toBe(set.has(text));
        few = fewAdd(few, text);
        set.add(text);
        expect(fewSize(few)).toBe(set.size);
        expect([...fewMembers(few)]).toEqual([...set]);
      }
    }),
  );
});

test('counts of few are what a map of the same counts is, in the same order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(20).map(String), fc.integer({ min: 1, max: 9 })), { maxLength: 40 }),
      (all) => {
        let counts: FewCounts;
        const map = new Map<string, number>();
        for (const [text, times] of all) {
          expect(fewCount(counts, text)).toBe(map.get(text) ?? 0);
          expect(fewKnows(counts, text)).toBe(map.has(text));
          counts = fewCounted(counts, text, times);
          map.set(text, (map.get(text) ?? 0) + times);
          expect(fewKeys(counts)).toBe(map.size);
          expect([...fewEntries(counts)]).toEqual([...map]);
        }
      },
    ),
  );
});

test('the empty text and 0 are members like others', () => {
  expect(fewHas(undefined as Few<string>, '')).toBe(false);
  expect([...fewMembers(fewAdd(undefined as Few<string>, ''))]).toEqual(['']);
  expect(fewSize(fewAdd(fewAdd(undefined as Few<number>, 0), 0))).toBe(1);
});
