import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../../flow/index.ts';
import { EvidencePool, mergeEvidence } from './pool.ts';

describe('EvidencePool', () => {
  it('keeps the same flows in whatever order they come', () => {
    const records = Array.from({ length: 30 }, (_, i) => flow(i + 1, 1000 - (i % 7) * 10, `10.0.0.${i % 11}`));
    const expected = collect(records);
    fc.assert(
      fc.property(fc.shuffledSubarray(records, { minLength: records.length }), (shuffled) => {
        expect(collect(shuffled)).toEqual(expected);
      }),
    );
    expect(expected).toHaveLength(5);
    expect(new Set(expected.map((f) => f.responder)).size).toBe(5);
  });

  function collect(records: FlowRecord[]): FlowRecord[] {
    const pool = new EvidencePool();
    const collector = pool.collector(5);
    const table = flowTable(records);
    records.forEach((r, row) => {
      pool.offer(collector, table, row, (r.id ?? 0) % 2, r.responder);
    });
    return pool.flows(collector);
  }

  it('prefers the smaller rank, and hands flows out by start time', () => {
    const table = flowTable([flow(1, 10), flow(2, 20), flow(3, 30)]);
    const pool = new EvidencePool();
    const collector = pool.collector(2);
    [2, 1, 0].forEach((rank, row) => {
      pool.offer(collector, table, row, rank);
    });
    expect(pool.flows(collector).map((f) => f.id)).toEqual([2, 3]);
  });

  it('takes flows that have neither time nor id', () => {
    const pool = new EvidencePool();
    const collector = pool.collector(2);
    const table = flowTable([{}, {}, {}]);
    for (let row = 0; row < 3; row++) pool.offer(collector, table, row);
    expect(pool.flows(collector)).toEqual([{}, {}]);
  });

  it('shares one budget among collectors and counts what was refused', () => {
    const pool = new EvidencePool(3);
    const [a, b] = [pool.collector(), pool.collector()];
    const table = flowTable([flow(1, 10), flow(2, 20), flow(3, 5), flow(4, 4)]);
    pool.offer(a, table, 0);
    pool.offer(a, table, 1);
    pool.offer(b, table, 2);
    pool.offer(a, table, 3);
    pool.offer(b, table, 0);
    expect([pool.flows(a).map((f) => f.id), pool.flows(b).map((f) => f.id)]).toEqual([[4, 1], [3]]);
    expect([pool.held, pool.cap.refused]).toEqual([3, 2]);
  });

  it('gives room, flows and numbers back when a collector is released', () => {
    const pool = new EvidencePool(1);
    const [a, b] = [pool.collector(), pool.collector()];
    const table = flowTable([flow(1, 10), flow(2, 20)]);
    pool.offer(a, table, 0);
    pool.release(a);
    pool.offer(b, table, 1);
    expect([pool.flows(b).map((f) => f.id), pool.size(b), pool.held, pool.cap.refused]).toEqual([[2], 1, 1, 0]);
    expect(pool.collector()).toBe(a);
    expect(pool.flows(a)).toEqual([]);
  });

  it('holds what was set aside outside the budget until a collector takes it', () => {
    const pool = new EvidencePool(1);
    const table = flowTable([flow(1, 10), flow(2, 20), flow(3, 30)]);
    const [first, second] = [pool.setAside(table, 0), pool.setAside(table, 1)];
    const copy = pool.copy(first);
    pool.discard(first);
    const collector = pool.collector();
    expect(pool.held).toBe(0);
    pool.take(collector, copy);
    pool.take(collector, second);
    expect([pool.flows(collector).map((f) => f.id), pool.held, pool.cap.refused]).toEqual([[1], 1, 1]);
    // What did not fit is free again, and its number is given out before a new one.
    expect([first, second]).toContain(pool.setAside(table, 2));
  });

  it('copies a collector as far as the budget has room, the best flows first', () => {
    const pool = new EvidencePool(5);
    const table = flowTable([flow(1, 10), flow(2, 20), flow(3, 30)]);
    const collector = pool.collector();
    [2, 0, 1].forEach((rank, row) => {
      pool.offer(collector, table, row, rank);
    });
    const copy = pool.clone(collector);
    pool.release(collector);
    expect([pool.flows(copy).map((f) => f.id), pool.held, pool.cap.refused]).toEqual([[2, 3], 2, 1]);
  });

  it('holds the same flows as a plain list that is sorted and cut', () => {
    const offered = fc.array(fc.record({ rank: fc.nat(3), start: fc.nat(5), id: fc.nat(30) }), { maxLength: 60 });
    fc.assert(
      fc.property(offered, fc.integer({ min: 1, max: 8 }), (offers, limit) => {
        const pool = new EvidencePool();
        const collectors = [pool.collector(limit), pool.collector(limit)];
        const lists: (typeof offers)[] = [[], []];
        offers.forEach((offer, i) => {
          pool.offer(collectors[i % 2] ?? 0, flowTable([flow(offer.id, offer.start)]), 0, offer.rank);
          lists[i % 2]?.push(offer);
        });
        const kept = lists.map((list) =>
          list
            .toSorted((a, b) => a.rank - b.rank || a.start - b.start || a.id - b.id)
            .slice(0, limit)
            .sort((a, b) => a.start - b.start || a.id - b.id)
            .map((offer) => offer.id),
        );
        expect(collectors.map((c) => pool.flows(c).map((f) => f.id))).toEqual(kept);
        expect(pool.held).toBe(kept.flat().length);
      }),
    );
  });

  it('says of a flow which one it is, whatever its addresses, ports and protocols are', () => {
    const pool = new EvidencePool();
    const rows: FlowRecord[] = [
      { ...flow(1, 10), initiatorPort: 0, responderPort: 65_535 },
      { ...flow(2, 20.125, 'fe80::1'), initiator: '00:11:22:33:44:55' },
      { id: 3, startMs: 30, protocol: 'arp', responder: '0.0.0.0' },
      { id: 4, startMs: 40, initiator: '255.255.255.255', responderPort: 65_536 },
      { id: 5 },
    ];
    const many = Array.from({ length: 300 }, (_, i) => ({ id: 10 + i, startMs: 50 + i, protocol: `protocol ${i}` }));
    const all = [...rows, ...many];
    const table = flowTable(all);
    const collectors = all.map((_, row) => {
      const collector = pool.collector(1);
      pool.take(collector, pool.copy(pool.setAside(table, row)));
      return collector;
    });
    expect(collectors.flatMap((collector) => pool.flows(collector))).toEqual(all);
  });

  it('keeps the best flow of each key', () => {
    const pool = new EvidencePool();
    const collector = pool.collector(3);
    const table = flowTable([flow(1, 10), flow(2, 20), flow(3, 30), flow(4, 40), flow(5, 50)]);
    const keys = [undefined, 'fe80::1', '10.0.0.9', 'fe80::1', '10.0.0.9'];
    keys.forEach((key, row) => {
      pool.offer(collector, table, row, key === undefined ? 9 : 10 - row, key);
    });
    expect(pool.flows(collector).map((f) => f.id)).toEqual([1, 4, 5]);
    expect(pool.flows(pool.clone(collector)).map((f) => f.id)).toEqual([1, 4, 5]);
    pool.release(collector);
    const next = pool.collector(2);
    pool.offer(next, table, 0, 0, 'fe80::1');
    pool.offer(next, table, 1, 0, 'fe80::1');
    expect([pool.flows(next).map((f) => f.id), pool.held]).toEqual([[1], 4]);
  });

  it('gives each of several collectors its share of one detection', () => {
    const pool = new EvidencePool();
    const collectors = [0, 1].map((c) => {
      const collector = pool.collector(4);
      const table = flowTable([1, 2, 3, 4].map((i) => flow(c * 10 + i, c * 100 + i)));
      for (let row = 0; row < 4; row++) pool.offer(collector, table, row);
      return pool.flows(collector);
    });
    expect(mergeEvidence(collectors, 5).map((f) => f.id)).toEqual([1, 2, 3, 11, 12]);
  });
});

function flow(id: number, startMs: number, responder = '10.0.0.2'): FlowRecord {
  return { id, startMs, protocol: 'tcp', initiator: '10.0.0.1', responder, responderPort: 80 };
}
