import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hash32 } from './bounded.ts';
import { NumberCounts, NumberSets, TextSets } from './owned-set.ts';

const ROWS = 6;

/** What happens to a table of rows: something is added to one of them, or some of them go. */
function steps<T>(values: fc.Arbitrary<T>): fc.Arbitrary<readonly (readonly [number, T] | readonly boolean[])[]> {
  const addition = fc.tuple(fc.nat({ max: ROWS - 1 }), values);
  const sieve = fc.array(fc.boolean(), { minLength: ROWS, maxLength: ROWS });
  return fc.array(fc.oneof({ weight: 20, arbitrary: addition }, { weight: 1, arbitrary: sieve }), { maxLength: 300 });
}

function isSieve(step: readonly unknown[]): step is readonly boolean[] {
  return typeof step[0] === 'boolean';
}

function keptOf(sieve: readonly boolean[]): Int32Array {
  return Int32Array.from(sieve.flatMap((stays, row) => (stays ? [row] : [])));
}

/** The same rows in a plain model: those that stay, and empty ones behind them. */
function sifted<T>(model: readonly T[], kept: Int32Array, empty: () => T): T[] {
  return Array.from({ length: ROWS }, (_, row) => (row < kept.length ? (model[kept[row] as number] as T) : empty()));
}

describe('NumberSets', () => {
  it('holds what was added, each number once, whichever rows go', () => {
    fc.assert(
      fc.property(steps(fc.integer({ min: -40, max: 40 })), (all) => {
        const sets = new NumberSets();
        const none = (): Set<number> => new Set();
        let model = Array.from({ length: ROWS }, none);
        for (const step of all) {
          if (isSieve(step)) {
            sets.keep(keptOf(step));
            model = sifted(model, keptOf(step), none);
            continue;
          }
          const [row, value] = step;
          expect(sets.has(row, value)).toBe(model[row]?.has(value));
          sets.add(row, value);
          model[row]?.add(value);
        }
        for (let row = 0; row < ROWS; row++) {
          expect([...sets.members(row)]).toEqual([...(model[row] ?? [])]);
          expect(sets.size(row)).toBe(model[row]?.size);
        }
      }),
    );
  });

  it('holds 255 numbers of a row', () => {
    const sets = new NumberSets();
    for (let value = 0; value < 255; value++) for (const row of [3, 1000]) sets.add(row, value);
    expect([sets.size(3), sets.size(1000), sets.size(4), sets.size(5000)]).toEqual([255, 255, 0, 0]);
    expect([sets.has(3, 254), sets.has(3, 255), sets.has(4, 0)]).toEqual([true, false, false]);
  });
});

describe('NumberCounts', () => {
  it('counts by key in the order in which they came, whichever rows go', () => {
    fc.assert(
      fc.property(steps(fc.tuple(fc.nat({ max: 9 }), fc.double({ noNaN: true, min: 0, max: 9 }))), (all) => {
        const counts = new NumberCounts();
        const none = (): Map<number, number> => new Map();
        let model = Array.from({ length: ROWS }, none);
        for (const step of all) {
          if (isSieve(step)) {
            counts.keep(keptOf(step));
            model = sifted(model, keptOf(step), none);
            continue;
          }
          const [row, [key, by]] = step;
          const known = model[row]?.get(key);
          expect(counts.raise(row, key, by)).toBe(known !== undefined);
          if (known === undefined) counts.add(row, key, by);
          model[row]?.set(key, (known ?? 0) + by);
        }
        for (let row = 0; row < ROWS; row++) {
          expect(counts.entries(row)).toEqual([...(model[row] ?? [])]);
          expect(counts.size(row)).toBe(model[row]?.size);
        }
      }),
    );
  });
});

describe('TextSets', () => {
  const texts = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 5 }),
    fc.constantFrom('a', 'ab', 'abc', 'é', 'Ω', 'Ωa', '\u{1f600}'),
  );

  it('holds what was added, whichever rows go and whatever the characters', () => {
    fc.assert(
      fc.property(steps(texts), (all) => {
        const sets = new TextSets();
        const none = (): Set<string> => new Set();
        let model = Array.from({ length: ROWS }, none);
        for (const step of all) {
          if (isSieve(step)) {
            sets.keep(keptOf(step));
            model = sifted(model, keptOf(step), none);
            continue;
          }
          const [row, text] = step;
          // So few hashes that texts of one hash are told apart by their characters.
          const hash = hash32(text) & 3;
          expect(sets.has(row, hash, text)).toBe(model[row]?.has(text));
          if (!sets.has(row, hash, text)) expect(sets.add(row, hash, text)).toBe(true);
          model[row]?.add(text);
        }
        for (let row = 0; row < ROWS; row++) expect(new Set(sets.members(row))).toEqual(model[row]);
        expect(sets.size).toBe(model.reduce((sum, texts) => sum + texts.size, 0));
      }),
    );
  });

  it('takes the first characters of a longer text', () => {
    const sets = new TextSets();
    sets.add(0, 7, 'www.example.org', 3);
    expect([sets.has(0, 7, 'www'), sets.has(0, 7, 'www.example.com', 3), sets.has(0, 7, 'www.')]).toEqual([
      true,
      true,
      false,
    ]);
    sets.add(0, 8, 'ΩΩ.example.org', 2);
    expect(sets.members(0)).toEqual(['ΩΩ', 'www']);
  });

  it('grows without losing anything', () => {
    const sets = new TextSets();
    for (let i = 0; i < 20_000; i++) sets.add(i % 50, hash32(`n${i}`) | 0, `n${i}`);
    for (let i = 0; i < 20_000; i++) expect(sets.has(i % 50, hash32(`n${i}`) | 0, `n${i}`)).toBe(true);
    expect(sets.members(7)).toHaveLength(400);
  });

  it('refuses texts that were made to collide instead of searching for ever', () => {
    const sets = new TextSets();
    let refused = 0;
    for (let i = 0; i < 400; i++) if (!sets.add(1, 42, `n${i}`)) refused++;
    expect([sets.size, refused]).toEqual([256, 144]);
    expect(sets.has(1, 42, 'n399')).toBe(false);
  });
});
