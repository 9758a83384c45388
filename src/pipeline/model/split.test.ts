import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldsOf, holdOut } from './split.ts';

const timeless = (n: number): Float64Array => new Float64Array(n).fill(Number.NaN);

describe('rounds', () => {
  it('by time judge only what came after all that they learned from', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 30, maxLength: 80 }),
        fc.integer({ min: 2, max: 6 }),
        (list, count) => {
          const times = Float64Array.from(list);
          if (new Set(list).size < 2) return;
          const { folds, byTime } = foldsOf(times, new Uint8Array(list.length), count, 1);
          expect(byTime).toBe(true);
          const judged = new Set<number>();
          for (const { train, test } of folds) {
            const latest = Math.max(...[...train].map((row) => times[row] ?? 0));
            for (const row of test) {
              expect(times[row]).toBeGreaterThanOrEqual(latest);
              expect(judged.has(row)).toBe(false);
              judged.add(row);
            }
          }
          const [first] = folds;
          expect(judged.size).toBe(list.length - (first?.train.length ?? 0));
        },
      ),
    );
  });

  it('without times judge every row once, and deal each group evenly', () => {
    const groups = Uint8Array.from({ length: 103 }, (_, i) => (i % 10 === 0 ? 1 : 0));
    const { folds, byTime } = foldsOf(timeless(103), groups, 4, 7);
    expect(byTime).toBe(false);
    const judged = folds.flatMap(({ test }) => [...test]).sort((a, b) => a - b);
    expect(judged).toEqual(Array.from({ length: 103 }, (_, i) => i));
    for (const { train, test } of folds) {
      expect(train.length + test.length).toBe(103);
      expect([2, 3]).toContain(test.filter((row) => groups[row] === 1).length);
    }
    expect(foldsOf(timeless(103), groups, 4, 7)).toEqual(foldsOf(timeless(103), groups, 4, 7));
    expect(foldsOf(timeless(103), groups, 4, 8)).not.toEqual(foldsOf(timeless(103), groups, 4, 7));
  });

  it('go by time where nearly all rows have one, and not where a tenth lacks it', () => {
    const times = Float64Array.from({ length: 100 }, (_, i) => (i < 5 ? Number.NaN : i));
    expect(foldsOf(times, new Uint8Array(100), 3, 1).byTime).toBe(true);
    times.fill(Number.NaN, 0, 20);
    expect(foldsOf(times, new Uint8Array(100), 3, 1).byTime).toBe(false);
    expect(foldsOf(new Float64Array(100).fill(5), new Uint8Array(100), 3, 1).byTime).toBe(false);
  });
});

it('what is kept aside is the last third by time, or an even third', () => {
  const times = Float64Array.from({ length: 90 }, (_, i) => 1000 - i);
  const late = holdOut(times, new Uint8Array(90), 1);
  expect([...late.held]).toEqual(Array.from({ length: 30 }, (_, i) => i));
  expect(late.rest).toHaveLength(60);
  const groups = Uint8Array.from({ length: 90 }, (_, i) => (i < 9 ? 1 : 0));
  const even = holdOut(timeless(90), groups, 1);
  expect(even.held).toHaveLength(30);
  expect(even.held.filter((row) => groups[row] === 1)).toHaveLength(3);
});
