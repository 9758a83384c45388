import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TextCells } from './text-cells.ts';

it('holds texts of any length, made longer and removed in any order', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 100 }) }),
    fc.record({
      kind: fc.constant('append' as const),
      which: fc.nat(),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 70 }),
    }),
    fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const cells = new TextCells();
      const held: { first: number; last: number; bytes: number[] }[] = [];
      for (const one of steps) {
        if (one.kind === 'add') {
          const first = cells.add(Uint8Array.of(7, ...one.bytes, 7), 1, 1 + one.bytes.length);
          held.push({ first, last: cells.last(first), bytes: [...one.bytes] });
          continue;
        }
        if (held.length === 0) continue;
        const at = one.which % held.length;
        const text = held[at]!;
        if (one.kind === 'append') {
          text.last = cells.append(text.last, text.bytes.length, one.bytes, 0, one.bytes.length);
          text.bytes.push(...one.bytes);
        } else {
          cells.remove(text.first);
          held.splice(at, 1);
        }
      }
      for (const { first, bytes } of held) {
        const into = new Uint8Array(bytes.length);
        cells.read(first, bytes.length, into);
        expect([...into]).toEqual(bytes);
      }
    }),
  );
});
