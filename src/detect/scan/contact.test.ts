import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ipv4Bits, NO_BITS } from '../bounded/text-number.ts';
import { ContactStore, contactHash, hasEvidence, NONE, placeOf } from './contact.ts';

it('finds every contact that is in and none that was released, whatever the order of additions and releases', () => {
  const step = fc.record({
    source: fc.nat({ max: 4 }),
    host: fc.nat({ max: 9 }),
    port: fc.integer({ min: -1, max: 3 }),
    release: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const store = new ContactStore(100_000);
      const heads = new Map<number, number>();
      const model = new Map<number, Set<string>>();
      for (const { source, host, port, release } of steps) {
        const held = model.get(source) ?? new Set<string>();
        model.set(source, held);
        if (release) {
          store.release(heads.get(source) ?? NONE);
          heads.set(source, NONE);
          held.clear();
          continue;
        }
        const name = host % 2 === 0 ? `10.0.0.${host}` : `fe80::${host}`;
        const key = `${name} ${port}`;
        const slot = store.find(source, name, ipv4Bits(name), placeOf(1, port));
        expect(slot !== NONE).toBe(held.has(key));
        if (slot === NONE) {
          heads.set(source, store.add(source, name, ipv4Bits(name), placeOf(1, port), heads.get(source) ?? NONE));
          held.add(key);
        }
      }
      for (const [source, held] of model) {
        const slots = [...store.slots(heads.get(source) ?? NONE)].map((slot) => store.contactAt(slot));
        expect(new Set(slots.map((c) => `${c.host} ${c.port}`))).toEqual(held);
        expect(slots.every((c) => c.protocol === 1)).toBe(true);
      }
      expect(store.size).toBe([...model.values()].reduce((n, held) => n + held.size, 0));
    }),
  );
});

it('grows without losing anything', () => {
  const store = new ContactStore(100_000);
  let head = NONE;
  for (let i = 0; i < 5000; i++) {
    const host = `h${i}`;
    head = store.add(7, host, NO_BITS, placeOf(0, i), head);
    store.saw(head, i, i + 1, 0, 2);
  }
  for (let i = 0; i < 5000; i++) {
    const slot = store.find(7, `h${i}`, NO_BITS, placeOf(0, i));
    expect(store.contactAt(slot)).toMatchObject({ host: `h${i}`, port: i, firstMs: i, lastMs: i + 1, packets: 2 });
  }
});

it('refuses contacts that were made to collide instead of searching for ever', () => {
  const store = new ContactStore(512);
  let refused = 0;
  // The table of 512 slots has 1024 places.
  for (let host = 0, made = 0; made < 400; host++) {
    if ((contactHash(1, host, placeOf(0, 80)) & 1023) !== 7) continue;
    made++;
    const name = `0.${host >>> 16}.${(host >>> 8) & 255}.${host & 255}`;
    if (store.add(1, name, ipv4Bits(name), placeOf(0, 80), NONE) === NONE) refused++;
  }
  expect([store.size, refused]).toEqual([256, 144]);
});

it('knows when the flow began that it keeps as evidence, in whatever order flows come', () => {
  const flow = fc.record({
    slot: fc.nat({ max: 2 }),
    startMs: fc.option(
      fc.integer({ min: 0, max: 5 }).map((ms) => ms + 0.25),
      { nil: undefined },
    ),
    isTelling: fc.boolean(),
    packets: fc.constantFrom(1, 3, 2 ** 33, 0.5),
  });
  fc.assert(
    fc.property(fc.array(flow, { maxLength: 40 }), (flows) => {
      const store = new ContactStore(10);
      const slots = [0, 1, 2].map((i) => store.add(1, `10.0.0.${i}`, ipv4Bits(`10.0.0.${i}`), placeOf(0, 80), NONE));
      flows.forEach(({ slot, startMs, isTelling, packets }, id) => {
        store.saw(slots[slot] as number, startMs, startMs, 0, packets);
        if (isTelling) store.offer(slots[slot] as number, startMs ?? Number.POSITIVE_INFINITY, id, 1000 + id);
      });
      slots.forEach((slot, i) => {
        const its = flows.flatMap((one, id) => (one.slot === i ? [{ ...one, id }] : []));
        const telling = its
          .filter((one) => one.isTelling)
          .map(({ startMs, id }) => ({ startMs: startMs ?? Number.POSITIVE_INFINITY, id, initiatorPort: 1000 + id }))
          .sort((a, b) => (a.startMs === b.startMs ? a.id - b.id : a.startMs - b.startMs));
        const contact = store.contactAt(slot);
        expect(hasEvidence(contact)).toBe(telling.length > 0);
        if (telling.length > 0) expect(contact.evidence).toEqual(telling[0]);
        expect(contact.firstMs).toBe(Math.min(...its.map(({ startMs }) => startMs ?? Number.POSITIVE_INFINITY)));
        expect([contact.packets, contact.flows]).toEqual([its.reduce((sum, one) => sum + one.packets, 0), its.length]);
      });
    }),
  );
});

it('uses slots again without what was in them', () => {
  const store = new ContactStore(10);
  const slot = store.add(1, 'fe80::1', NO_BITS, placeOf(0, 80), NONE);
  store.saw(slot, 5, 6, 2, 2 ** 40);
  store.offer(slot, 9, 3, 4);
  store.release(slot);
  const next = store.add(2, 'fe80::2', NO_BITS, placeOf(0, 80), NONE);
  expect(next).toBe(slot);
  expect(store.contactAt(next)).toMatchObject({ host: 'fe80::2', firstMs: Infinity, packets: 0, flows: 0, outcome: 0 });
  expect(hasEvidence(store.contactAt(next))).toBe(false);
});
