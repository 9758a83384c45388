import { describe, expect, it } from 'vitest';
import { Cap, HeavyMap } from './bounded.ts';
import { type HeavyEntry, HeavyTable } from './heavy-table.ts';

class Entry implements HeavyEntry {
  weight = 0;
  readonly hash: number;
  readonly first: string;
  readonly second: string;
  readonly number: number;

  constructor(hash: number, first: string, second: string, number: number) {
    this.hash = hash;
    this.first = first;
    this.second = second;
    this.number = number;
  }

  hasKey(first: string, second: string, number: number): boolean {
    return this.first === first && this.second === second && Object.is(this.number, number);
  }
}

const nobody = (): void => undefined;

describe('HeavyTable', () => {
  it('finds values by the whole key, in the order in which they came', () => {
    const table = new HeavyTable<Entry>(new Cap('entries', 1000), nobody);
    for (let i = 0; i < 500; i++) expect(table.add(new Entry(i, `a${i % 10}`, 'b', i))).toBe(true);
    expect(table.size).toBe(500);
    for (let i = 0; i < 500; i++) expect(table.find(i, `a${i % 10}`, 'b', i)?.number).toBe(i);
    expect(table.find(0, 'a1', 'b', 0)).toBeUndefined();
    expect(table.values().map(({ number }) => number)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it('drops the same values as a map by text does', () => {
    const gone: number[] = [];
    const goneOfMap: number[] = [];
    const cap = new Cap('entries', 64);
    const capOfMap = new Cap('entries', 64);
    const table = new HeavyTable<Entry>(cap, ({ number }) => gone.push(number));
    const map = new HeavyMap<Entry>(capOfMap, ({ number }) => goneOfMap.push(number));
    let seed = 1;
    for (let i = 0; i < 5000; i++) {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      const key = (seed >> 8) % 200;
      let one = table.find(Math.imul(key, 0x9e3779b1), 'x', 'y', key);
      if (one === undefined) {
        one = new Entry(Math.imul(key, 0x9e3779b1), 'x', 'y', key);
        table.add(one);
      }
      one.weight += key % 5;
      map.obtain(`${key}`, () => new Entry(0, 'x', 'y', key)).weight += key % 5;
    }
    expect(gone).toEqual(goneOfMap);
    expect(gone.length).toBeGreaterThan(0);
    expect(cap.refused).toBe(capOfMap.refused);
    expect(table.values().map(({ number }) => number)).toEqual([...map.values()].map(({ number }) => number));
  });

  it('refuses and counts a key whose way would be too long', () => {
    const cap = new Cap('entries', 10_000);
    const table = new HeavyTable<Entry>(cap, nobody);
    let held = 0;
    for (let i = 0; i < 1000; i++) if (table.add(new Entry(7, 'a', 'b', i))) held++;
    expect(held).toBeLessThanOrEqual(256);
    expect(table.size).toBe(held);
    expect(cap.refused).toBe(1000 - held);
    expect(table.find(7, 'a', 'b', 0)?.number).toBe(0);
  });
});
