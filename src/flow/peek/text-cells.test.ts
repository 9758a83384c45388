import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TextCells } from './text-cells.ts';

it('holds texts of any length, made longer and removed in any order', () => {
  const step = fc.record({
    kind: fc.constantFrom('add', 'append', 'remove'),
    which: fc.nat(),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 150 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat(200), (steps, skip) => {
      const cells = new TextCells();
      const held: { first: number; last: number; bytes: number[] }[] = [];
      for (const { kind, which, bytes } of steps) {
        const text = held[which % held.length];
        if (kind === 'add' || text === undefined) {
          const front = bytes.slice(0, 60);
          const first = cells.add(Uint8Array.of(7, ...front, 7), 1, 1 + front.length);
          held.push({ first, last: first, bytes: [...front] });
        } else if (kind === 'append') {
          text.last = cells.append(text.last, text.bytes.length, bytes, 0, bytes.length);
          text.bytes.push(...bytes);
        } else {
          cells.remove(text.first, text.last);
          held.splice(held.indexOf(text), 1);
        }
      }
      for (const { first, bytes } of held) {
        const from = skip % bytes.length;
        const into = new Uint8Array(bytes.length - from);
        cells.read(first, from, into.length, into);
        expect([...into]).toEqual(bytes.slice(from));
      }
    }),
  );
});
