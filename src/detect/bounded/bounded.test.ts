import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedMap, Cap, DistinctCounter, HeavyMap, hash32, PeerCounter, saturationsOf, TimeSpan } from './bounded.ts';

describe('BoundedMap', () => {
  it('refuses new keys at its cap, counts the refusals and keeps what it knows', () => {
    const cap = new Cap('sources', 2);
    const map = new BoundedMap<string, { n: number }>(cap);
    for (const key of ['b', 'a', 'c', 'd', 'a', 'c']) {
      const value = map.obtain(key, () => ({ n: 0 }));
      if (value !== undefined) value.n++;
    }
    expect(map.sortedEntries()).toEqual([
      ['a', { n: 2 }],
      ['b', { n: 1 }],
    ]);
    expect(saturationsOf('scan', [cap, new Cap('unused', 1)])).toEqual([
      { detector: 'scan', what: 'sources', cap: 2, refused: 3 },
    ]);
  });

  it('counts refusals of many maps under the cap they share', () => {
    const cap = new Cap('ports', 1);
    for (let i = 0; i < 3; i++) {
      const map = new BoundedMap<number, boolean>(cap);
      map.obtain(1, () => true);
      map.obtain(2, () => true);
    }
    expect(cap.refused).toBe(3);
  });
});

describe('DistinctCounter', () => {
  it('is exact up to its cap and an estimate within 10 % beyond it', () => {
    const counter = new DistinctCounter(100);
    for (let i = 0; i < 100; i++) for (let twice = 0; twice < 2; twice++) counter.add(`10.0.0.${i}`);
    expect([counter.count, counter.exact]).toEqual([100, true]);
    for (let i = 0; i < 200_000; i++) counter.add(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    expect(counter.exact).toBe(false);
    expect(Math.abs(counter.count / 200_000 - 1)).toBeLessThan(0.1);
  });

  it('never says fewer than it once knew for certain', () => {
    const counter = new DistinctCounter(5);
    for (let i = 0; i < 6; i++) counter.add(`h${i}`);
    expect(counter.count).toBeGreaterThanOrEqual(6);
  });

  it('estimates the same number in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 4 }), { maxLength: 60 }), (texts) => {
        const forward = new DistinctCounter(8);
        const backward = new DistinctCounter(8);
        for (const t of texts) forward.add(t);
        for (const t of texts.toReversed()) backward.add(t);
        expect(backward.count).toBe(forward.count);
      }),
    );
  });
});

describe('PeerCounter', () => {
  it('ranks peers by weight and breaks ties by name', () => {
    const peers = new PeerCounter();
    for (const [peer, weight] of [
      ['b', 1],
      ['c', 5],
      ['a', 1],
    ] as const)
      peers.add(peer, weight);
    expect(peers.top()).toEqual(['c', 'a', 'b']);
    expect([peers.count, peers.total, peers.weight('c'), peers.weight('x'), peers.exact]).toEqual([3, 7, 5, 0, true]);
  });

  it('keeps a heavy peer through a flood of forged ones, and stays small', () => {
    const peers = new PeerCounter(64);
    for (let i = 0; i < 100_000; i++) {
      peers.add(`forged-${i}`);
      if (i % 10 === 0) peers.add('real');
    }
    expect(peers.top(1)).toEqual(['real']);
    expect(peers.heavy()).toEqual(['real']);
    expect(peers.weight('real')).toBeGreaterThanOrEqual(10_000);
    expect(peers.weight('real')).toBeLessThanOrEqual(10_000 + (2 / 64) * peers.total);
    expect(peers.top(1000).length).toBeLessThanOrEqual(64);
    expect(Math.abs(peers.count / 100_001 - 1)).toBeLessThan(0.1);
  });
});

describe('HeavyMap', () => {
  it('drops the lightest half at its cap, counts it and keeps the heavy', () => {
    const cap = new Cap('targets', 4);
    const released: string[] = [];
    const map = new HeavyMap<{ key: string; weight: number }>(cap, (v) => released.push(v.key));
    for (const [key, weight] of [
      ['a', 5],
      ['b', 1],
      ['c', 9],
      ['d', 1],
    ] as const)
      map.obtain(key, () => ({ key, weight }));
    map.obtain('a', () => ({ key: 'a', weight: 0 }));
    expect([map.size, cap.refused]).toEqual([4, 0]);
    map.obtain('e', () => ({ key: 'e', weight: 0 }));
    expect(map.sortedEntries().map(([key, v]) => [key, v.weight])).toEqual([
      ['a', 5],
      ['c', 9],
      ['e', 0],
    ]);
    expect([released, cap.refused]).toEqual([['b', 'd'], 2]);
  });
});

describe('TimeSpan', () => {
  it('holds the earliest and the latest moment and ignores times that are missing', () => {
    const span = new TimeSpan();
    expect([span.known, span.lengthMs]).toEqual([false, 0]);
    span.add(50, 60);
    span.add(undefined, undefined);
    span.add(Number.NaN, 10);
    expect([span.firstMs, span.lastMs, span.lengthMs]).toEqual([10, 60, 50]);
  });
});

it('hashes spread over all 32 bits', () => {
  const high = new Set<number>();
  for (let i = 0; i < 1000; i++) high.add(hash32(`10.0.0.${i}`) >>> 22);
  expect(high.size).toBeGreaterThan(500);
});
