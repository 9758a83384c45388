import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cap, Distinct, Hashes, HashSet, hash53, mix53, Rings } from './state.ts';

const rings = (options: { sources?: number; things?: number } = {}): Rings =>
  new Rings({
    bucketMs: 1000,
    buckets: 5,
    counters: 2,
    cap: new Cap('sources', options.sources ?? 100),
    things: new Cap('things', options.things ?? 1000),
  });

test('a ring agrees with a plain recount of its window, in any order of events', () => {
  const event = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 5 }));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const state = rings();
      const kept: [number, number][] = [];
      let head = Number.NEGATIVE_INFINITY;
      for (const [bucket, thing] of events) {
        const ring = state.obtain('a', bucket);
        if (ring === undefined) throw new Error('there is room');
        if (state.advance(ring, bucket)) {
          ring.add(0, bucket, 1);
          ring.see(1, bucket, thing, state.things as Cap);
        }
        head = Math.max(head, bucket);
        if (bucket > head - 5) kept.push([bucket, thing]);
        const inside = kept.filter(([b]) => b > head - 5);
        expect([...ring.sums]).toEqual([inside.length, new Set(inside.map(([, t]) => t)).size]);
      }
    }),
  );
});

test('a clock that falls back by more than an hour starts its key anew, with its things', () => {
  const state = rings();
  for (const [bucket, sums] of [
    [10_000, [1, 1]],
    [10_001, [2, 1]],
    [1, [1, 1]],
    [2, [2, 1]],
  ] as const) {
    const ring = state.obtain('a', bucket);
    if (ring === undefined) throw new Error('there is room');
    expect(state.advance(ring, bucket)).toBe(true);
    ring.add(0, bucket, 1);
    ring.see(1, bucket, 7, state.things as Cap);
    expect([...ring.sums]).toEqual(sums);
  }
});

test('idle keys make room for new ones, and what finds none is refused and counted', () => {
  const state = rings({ sources: 2, things: 2 });
  for (const key of ['a', 'b']) state.obtain(key, 0)?.see(1, 0, 1, state.things as Cap);
  expect(state.obtain('c', 1)).toBeUndefined();
  expect(state.cap.refused).toBe(1);
  expect(state.things?.held).toBe(2);
  expect(state.obtain('c', 9)).toBeDefined();
  expect([state.size, state.things?.held]).toEqual([1, 0]);
});

test('a distinct count is exact up to its number and within 10 % far beyond it', () => {
  const small = new Distinct(8);
  for (let i = 0; i < 8; i++) for (let again = 0; again < 3; again++) small.add(hash53(`x${i}`));
  expect(small.count).toBe(8);
  for (const n of [100, 1000, 10_000, 100_000]) {
    const many = new Distinct(8);
    for (let i = 0; i < n; i++) many.add(hash53(`host-${i}`));
    expect([n, Math.abs(many.count / n - 1) < 0.1]).toEqual([n, true]);
  }
});

test('hashes of texts and of pairs do not meet among a quarter of a million', () => {
  const seen = new Set<number>();
  const hosts = new Hashes(Array.from({ length: 500 }, (_, i) => `10.0.${i >> 8}.${i & 255}`));
  for (let a = 0; a < 500; a++) for (let b = 0; b < 500; b++) seen.add(mix53(hosts.at(a), hosts.at(b)));
  expect(seen.size).toBe(250_000);
  expect(new Set(Array.from({ length: 250_000 }, (_, i) => hash53(String(i)))).size).toBe(250_000);
  for (const hash of seen) if (!Number.isSafeInteger(hash) || hash < 0) throw new Error(`${hash} is no hash`);
});

test('a set of hashes agrees with a plain one up to its cap, and refuses what is new from there on', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 4000, size: 'max' }),
      fc.integer({ min: 0, max: 2500 }),
      (values, most) => {
        const cap = new Cap('pairs', most);
        const set = new HashSet(cap);
        const plain = new Set<number>();
        let refused = 0;
        for (const value of values) {
          const known = plain.has(value);
          const room = plain.size < most;
          expect(set.add(hash53(String(value)))).toBe(known ? false : room ? true : undefined);
          if (!known && room) plain.add(value);
          else if (!known) refused++;
        }
        expect([set.size, cap.refused]).toEqual([plain.size, refused]);
      },
    ),
    { numRuns: 30 },
  );
});
