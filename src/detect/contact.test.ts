import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hash32 } from './bounded.ts';
import { ContactStore, NONE, placeOf } from './contact.ts';

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
        const name = `10.0.0.${host}`;
        const key = `${name} ${port}`;
        const slot = store.find(source, name, hash32(name), placeOf(1, port));
        expect(slot !== NONE).toBe(held.has(key));
        if (slot === NONE) {
          heads.set(source, store.add(source, name, hash32(name), placeOf(1, port), heads.get(source) ?? NONE));
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
    head = store.add(7, host, hash32(host), placeOf(0, i), head);
    store.saw(head, i, i + 1, 0, 2);
  }
  for (let i = 0; i < 5000; i++) {
    const slot = store.find(7, `h${i}`, hash32(`h${i}`), placeOf(0, i));
    expect(store.contactAt(slot)).toMatchObject({ host: `h${i}`, port: i, firstMs: i, lastMs: i + 1, packets: 2 });
  }
});

it('refuses contacts that were made to collide instead of searching for ever', () => {
  const store = new ContactStore(100_000);
  let refused = 0;
  for (let i = 0; i < 400; i++) if (store.add(1, `h${i}`, 42, placeOf(0, 80), NONE) === NONE) refused++;
  expect([store.size, refused]).toEqual([256, 144]);
});
