import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NO_ROW, widened } from '../../core/index.ts';
import { formatIpv4 } from '../../wire/index.ts';
import { Cap, HeavyMap } from './bounded.ts';
import { type HeavyColumns, HeavyRows } from './heavy-rows.ts';
import { pairHash } from './pair.ts';
import { ipv4Bits } from './text-number.ts';

/** Counts how often a key came. */
class Counts implements HeavyColumns {
  readonly rows: HeavyRows;
  readonly released: number[] = [];
  #count = new Int32Array(0);

  constructor(most: number) {
    this.rows = new HeavyRows(new Cap('keys', most), this);
  }

  saw(text: string, other?: string): number {
    const second = other === undefined ? undefined : { text: other, bits: ipv4Bits(other) };
    let row = this.rows.find(text, ipv4Bits(text), second);
    if (row === NO_ROW) {
      row = this.rows.add(text, ipv4Bits(text), second);
      if (row === NO_ROW) return NO_ROW;
      if (this.rows.capacity > this.#count.length) this.#count = widened(this.#count, this.rows.capacity);
      this.#count[row] = 0;
    }
    this.#count[row] = this.weightOf(row) + 1;
    return row;
  }

  weightOf(row: number): number {
    return this.#count[row] as number;
  }

  release(row: number): void {
    this.released.push(row);
  }

  /** Keys with their counts, in the order in which they came. */
  all(): [string, number][] {
    return Array.from(this.rows.rows(), (row) => [this.rows.text(row), this.weightOf(row)]);
  }
}

it('finds keys of addresses and of other texts, of one text and of two, while it grows', () => {
  const one = new Counts(10_000);
  const two = new Counts(10_000);
  const texts = Array.from({ length: 3000 }, (_, i) => (i % 3 === 0 ? `fe80::${i}` : `10.0.${i >> 8}.${i & 255}`));
  for (let turn = 0; turn < 2; turn++)
    for (const [i, text] of texts.entries()) {
      expect(one.saw(text)).toBe(i);
      expect(two.saw(text, '10.9.9.9')).toBe(2 * i);
      expect(two.saw('10.9.9.9', text)).toBe(2 * i + 1);
    }
  expect(one.all()).toEqual(texts.map((text) => [text, 2]));
  expect([two.saw('10.9.9.9', '0.0.0.0'), two.saw('10.9.9.9', '0.0.0.0')]).toEqual([6000, 6000]);
  expect([two.rows.text(1), two.rows.otherText(1)]).toEqual(['10.9.9.9', 'fe80::0']);
  expect(one.rows.find('192.0.2.1', ipv4Bits('192.0.2.1'))).toBe(NO_ROW);
  expect(one.rows.find('fe80::nobody')).toBe(NO_ROW);
});

it('drops what a map of heavy ones drops, and keeps the order in which the others came', () => {
  const key = fc.integer({ min: 0, max: 30 }).map((i) => (i % 2 === 0 ? `10.0.0.${i}` : `host${i}`));
  fc.assert(
    fc.property(fc.array(key, { maxLength: 200 }), (keys) => {
      const rows = new Counts(8);
      const map = new HeavyMap<{ weight: number }>(new Cap('keys', 8));
      for (const text of keys) {
        rows.saw(text);
        map.obtain(text, () => ({ weight: 0 })).weight++;
      }
      expect(rows.all().sort()).toEqual(
        map
          .sortedEntries()
          .map(([text, { weight }]) => [text, weight])
          .sort(),
      );
      expect(rows.rows.cap.refused).toBe(map.cap.refused);
      expect(rows.released).toHaveLength(map.cap.refused);
      expect(rows.rows.capacity).toBeLessThanOrEqual(8);
    }),
  );
});

it('gives out the rows of those that went again, and says that some went', () => {
  const rows = new Counts(4);
  for (const text of ['a', 'b', 'b', 'c', 'c', 'd']) rows.saw(text);
  expect(rows.rows.drops).toBe(0);
  const row = rows.saw('e');
  expect([rows.rows.drops, rows.rows.size, rows.released]).toEqual([1, 3, [0, 3]]);
  expect(rows.released).toContain(row);
  rows.rows.dropBelow(2);
  expect(rows.all()).toEqual([
    ['b', 2],
    ['c', 2],
  ]);
});

it('has a place for a key around whose place others were put', () => {
  const counts = new Counts(20_000);
  for (let i = 0; i < 400; i++) counts.saw(formatIpv4(0x0a010000 + i));
  for (const one of forgedAround('10.0.0.5', 300)) counts.saw(one);
  const row = counts.saw('10.0.0.5');
  expect(row).not.toBe(NO_ROW);
  expect(counts.saw('10.0.0.5')).toBe(row);
  expect(counts.weightOf(row)).toBe(2);
  for (let i = 0; i < 400; i++) expect(counts.rows.find('', 0x0a010000 + i)).toBe(i);
  expect([counts.rows.size, counts.rows.cap.refused]).toEqual([701, 0]);
});

/** Other addresses that begin their way through a table of up to 65,536 slots at the same place. */
function forgedAround(address: string, count: number): string[] {
  const home = pairHash(ipv4Bits(address), 0, 0) & 0xffff;
  const found: string[] = [];
  for (let bits = 0x0b000000; found.length < count; bits++)
    if ((pairHash(bits, 0, 0) & 0xffff) === home) found.push(formatIpv4(bits));
  return found;
}
