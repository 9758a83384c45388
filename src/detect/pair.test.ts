import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flowTable } from '../flow/index.ts';
import { hash32 } from './bounded.ts';
import { NO_PORT, NONE, PairTable, pairHash, TextHashes } from './pair.ts';

describe('PairTable', () => {
  it('behaves like a map of texts, whatever is added and removed in whatever order', () => {
    const end = fc.nat(6).map((i) => (i < 4 ? `10.0.0.${i}` : `fe80::${i}`));
    const step = fc.record({
      remove: fc.boolean(),
      a: end,
      b: end,
      port: fc.constantFrom(NO_PORT, 53, 443),
      udp: fc.boolean(),
    });
    fc.assert(
      // A hash of four values only: every way through the table is full of strangers.
      fc.property(fc.array(step, { maxLength: 300 }), fc.constantFrom(3, 0xffffffff), (steps, bits) => {
        const table = new PairTable();
        const known = new Map<string, number>();
        for (const { remove, a, b, port, udp } of steps) {
          const kind = udp ? 'udp' : 'tcp';
          const hash = pairHash(hash32(a), hash32(b), port) & bits;
          const name = `${a} ${b} ${port === NO_PORT ? '-' : port} ${kind}`;
          const pair = table.find(hash, a, b, port, kind);
          expect(pair).toBe(known.get(name) ?? NONE);
          if (remove && pair !== NONE) {
            table.remove(pair);
            known.delete(name);
          } else if (pair === NONE) known.set(name, table.add(hash, a, b, port, kind));
        }
        expect(new Map([...table.pairs()].map((pair) => [table.name(pair), pair]))).toEqual(known);
        expect(table.size).toBe(known.size);
      }),
    );
  });

  it('refuses a pair whose way would be too long, and says so', () => {
    const table = new PairTable();
    const added = Array.from({ length: 300 }, (_, i) => table.add(7, `h${i}`, 'x', 1, 'tcp'));
    expect(added.filter((pair) => pair === NONE)).toHaveLength(300 - 256);
    expect(table.size).toBe(256);
    expect(table.find(7, 'h255', 'x', 1, 'tcp')).toBe(255);
  });

  it('has room for as many as are expected, and for more when they come', () => {
    const table = new PairTable(100);
    const capacities = new Set<number>();
    for (let i = 0; i < 101; i++) {
      table.add(pairHash(hash32(`a${i}`), 1, 80), `a${i}`, 'b', 80, 'tcp');
      capacities.add(table.capacity);
    }
    expect([...capacities]).toEqual([64, 96, 100, 150]);
    for (let i = 0; i < 101; i++) expect(table.find(pairHash(hash32(`a${i}`), 1, 80), `a${i}`, 'b', 80, 'tcp')).toBe(i);
  });

  it('does not grow while as many pairs go as come', () => {
    const table = new PairTable();
    const pairs: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      pairs.push(table.add(pairHash(hash32(`a${i}`), 1, 80), `a${i}`, 'b', 80, 'tcp'));
      const oldest = pairs.length > 100 ? pairs.shift() : undefined;
      if (oldest !== undefined) table.remove(oldest);
    }
    expect([table.size, table.capacity]).toEqual([100, 144]);
  });
});

it('the hash of a text is the same in every batch', () => {
  const batches = [['a', 'b'], ['b']].map((hosts) => flowTable(hosts.map((initiator) => ({ initiator }))));
  const [first, second] = batches.map((batch) => new TextHashes(batch.strings('initiator')));
  expect(first?.at(1)).toBe(hash32('b'));
  expect(second?.at(0)).toBe(first?.at(1));
});
