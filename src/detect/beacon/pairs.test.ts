import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hash32 } from '../bounded/bounded.ts';
import { NONE, pairHash, pairKey } from '../bounded/pair.ts';
import { BeaconPairs } from './pairs.ts';

const ROOM = { pairs: 4, names: 10 };

function added(pairs: BeaconPairs, responder: string): number {
  return pairs.add(pairKey(pairHash(1, hash32(responder), 443), '10.0.0.1', responder, 443, 'tcp'), NONE);
}

describe('BeaconPairs', () => {
  it('keep the connections of every pair as plain lists would, in order, while pairs come and go', () => {
    const step = fc.record({
      responder: fc.constantFrom('203.0.113.1', '203.0.113.2', '2001:db8::1', 'printer'),
      remove: fc.nat(9).map((n) => n === 0),
      startMs: fc.double({ min: 0, max: 2e12, noNaN: true }),
      bytes: fc.oneof(fc.nat(), fc.constantFrom(Number.NaN, 2 ** 32, 2 ** 50)),
      id: fc.oneof(fc.nat(), fc.constant(Number.NaN)),
      name: fc.integer({ min: -1, max: 9 }),
      service: fc.option(fc.constantFrom('tls', 'http', '1.2.3.4'), { nil: undefined }),
      refuse: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.constantFrom(10, 70_000), (steps, names) => {
        const pairs = new BeaconPairs({ ...ROOM, names });
        const plain = new Map<string, { pair: number; all: typeof steps }>();
        for (const one of steps) {
          let known = plain.get(one.responder);
          if (one.remove && known !== undefined) {
            pairs.remove(known.pair);
            plain.delete(one.responder);
            continue;
          }
          known ??= { pair: added(pairs, one.responder), all: [] };
          plain.set(one.responder, known);
          known.all.push(one);
          if (one.service !== undefined) pairs.saw(known.pair, one.service);
          if (one.refuse) pairs.refuse(known.pair, one.startMs);
          else pairs.keep(known.pair, one.startMs, one.bytes, one.id, one.name);
        }
        for (const [responder, { pair, all }] of plain) {
          const kept = all.filter(({ refuse }) => !refuse);
          const numbers = [...pairs.connectionsOf(pair)];
          expect(numbers.map((i) => pairs.connection(i, pair, responder))).toEqual(
            kept.map(({ startMs, bytes, id }) => ({ pair, responder, startMs, bytes, id })),
          );
          expect(numbers.map((i) => pairs.nameOf(i))).toEqual(kept.map(({ name }) => name));
          expect([pairs.count[pair], pairs.total(pair)]).toEqual([kept.length, all.length]);
          const starts = all.map(({ startMs }) => startMs);
          expect(pairs.span(pair)).toEqual({ firstMs: Math.min(...starts), lastMs: Math.max(...starts) });
          const services = new Map<string, number>();
          for (const { service } of all)
            if (service !== undefined) services.set(service, (services.get(service) ?? 0) + 1);
          expect(new Map(pairs.services(pair))).toEqual(services);
        }
        const held = [...plain.values()].flatMap(({ all }) => all.filter(({ refuse }) => !refuse));
        expect(pairs.connections).toBe(held.length);
      }),
    );
  });

  it('hold more than was expected where more comes', () => {
    const pairs = new BeaconPairs(ROOM);
    const numbers = Array.from({ length: 9 }, (_, i) => added(pairs, `host ${i}`));
    for (let i = 0; i < 9000; i++) pairs.keep(numbers[i % 9] ?? NONE, i, i, i, -1);
    expect(numbers.map((pair) => [...pairs.connectionsOf(pair)].length)).toEqual(new Array(9).fill(1000));
    expect(pairs.span(numbers[8] ?? NONE)).toEqual({ firstMs: 8, lastMs: 8999 });
  });
});
