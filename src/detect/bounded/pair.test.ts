import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bindFlows, flowTable } from '../../flow/index.ts';
import { hash32 } from './bounded.ts';
import { NO_PORT, NONE, type PairKey, PairTable, pairHash, pairKey, RowPairs, TextHashes } from './pair.ts';

function keyOf(initiator: string, responder = 'b', port = 80, kind = 'tcp'): PairKey {
  return pairKey(pairHash(hash32(initiator), hash32(responder), port), initiator, responder, port, kind);
}

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
          const key = { ...keyOf(a, b, port, kind), hash };
          const pair = table.find(key);
          expect(pair).toBe(known.get(name) ?? NONE);
          if (remove && pair !== NONE) {
            table.remove(pair);
            known.delete(name);
          } else if (pair === NONE) known.set(name, table.add(key));
        }
        expect(new Map([...table.pairs()].map((pair) => [table.name(pair), pair]))).toEqual(known);
        expect(table.size).toBe(known.size);
      }),
    );
  });

  it('refuses a pair whose way would be too long, and says so', () => {
    const table = new PairTable();
    const added = Array.from({ length: 300 }, (_, i) => table.add({ ...keyOf(`h${i}`), hash: 7 }));
    expect(added.filter((pair) => pair === NONE)).toHaveLength(300 - 256);
    expect(table.size).toBe(256);
    expect(table.find({ ...keyOf('h255'), hash: 7 })).toBe(255);
  });

  it('has room for as many as are expected, and for more when they come', () => {
    const table = new PairTable(100);
    const capacities = new Set<number>();
    for (let i = 0; i < 101; i++) {
      table.add(keyOf(`a${i}`));
      capacities.add(table.capacity);
    }
    expect([...capacities]).toEqual([64, 96, 100, 150]);
    for (let i = 0; i < 101; i++) expect(table.find(keyOf(`a${i}`))).toBe(i);
  });

  it('does not grow while as many pairs go as come', () => {
    const table = new PairTable();
    const pairs: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      pairs.push(table.add(keyOf(`a${i}`)));
      const oldest = pairs.length > 100 ? pairs.shift() : undefined;
      if (oldest !== undefined) table.remove(oldest);
    }
    expect([table.size, table.capacity]).toEqual([100, 144]);
  });
});

describe('RowPairs', () => {
  it('say of a row what the key of its pair is, and of which rows there is none', () => {
    const rows = [
      { initiator: '10.0.0.1', responder: '203.0.113.7', responderPort: 443 },
      { initiator: 'fe80::1', responder: '203.0.113.7' },
      { initiator: '10.0.0.1' },
      { responder: '203.0.113.7' },
    ];
    const pairs = new RowPairs(bindFlows(flowTable(rows)));
    const keys = rows.map((_, row) => {
      if (!pairs.read(row, 'tcp')) return undefined;
      const { hash, initiator, responder, initiatorBits, responderBits, port, kind } = pairs;
      return { hash, initiator, responder, initiatorBits, responderBits, port, kind };
    });
    expect(keys).toEqual([
      keyOf('10.0.0.1', '203.0.113.7', 443),
      keyOf('fe80::1', '203.0.113.7', NO_PORT),
      undefined,
      undefined,
    ]);
    expect(pairs.read(0, undefined)).toBe(false);
  });
});

it('the hash of a text is the same in every batch', () => {
  const batches = [['a', 'b'], ['b']].map((hosts) => flowTable(hosts.map((initiator) => ({ initiator }))));
  const [first, second] = batches.map((batch) => new TextHashes(batch.strings('initiator')));
  expect(first?.at(1)).toBe(hash32('b'));
  expect(second?.at(0)).toBe(first?.at(1));
});
