import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SourceWindows, WINDOW_BUCKETS } from './window.ts';

/** A window kept the plain way. */
class Plain {
  head: number | undefined;
  flows: { readonly bucket: number; readonly outcome: number }[] = [];
  things = new Map<string, number>();

  advance(bucket: number): boolean {
    if (this.head === undefined || bucket < this.head - 360) {
      this.flows = [];
      this.things.clear();
      this.head = bucket;
    }
    this.head = Math.max(this.head, bucket);
    return bucket > this.head - WINDOW_BUCKETS;
  }

  see(thing: string, bucket: number): void {
    this.things.set(thing, Math.max(bucket, this.things.get(thing) ?? bucket));
  }

  private isIn(bucket: number): boolean {
    return bucket > (this.head ?? 0) - WINDOW_BUCKETS;
  }

  counts(): number[] {
    const flows = this.flows.filter(({ bucket }) => this.isIn(bucket));
    const things = [...this.things].filter(([, bucket]) => this.isIn(bucket)).map(([thing]) => thing);
    return [
      flows.length,
      flows.filter(({ outcome }) => outcome >= 0).length,
      flows.filter(({ outcome }) => outcome === 1).length,
      things.filter((thing) => thing.startsWith('d')).length,
      things.filter((thing) => thing.startsWith('p')).length,
    ];
  }
}

function countsOf(windows: SourceWindows, source: number): number[] {
  return [
    windows.flows(source),
    windows.judged(source),
    windows.failed(source),
    windows.destinations(source),
    windows.ports(source),
  ];
}

function see(windows: SourceWindows, source: number, bucket: number, thing: number, outcome = -1): boolean {
  if (!windows.advance(source, bucket)) return false;
  windows.countFlow(source, bucket, outcome);
  expect(windows.countDestination(source, thing, ~thing, bucket)).toBe(true);
  expect(windows.countPort(source, thing % 7, thing % 3, bucket)).toBe(true);
  return true;
}

test('windows are those that are kept the plain way, whatever clocks do', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -3, max: 3 }) },
    { weight: 2, arbitrary: fc.integer({ min: -9, max: 9 }) },
    { weight: 1, arbitrary: fc.integer({ min: -800, max: 800 }) },
  );
  const event = fc.record({
    address: fc.nat(6),
    step,
    thing: fc.nat(40),
    outcome: fc.integer({ min: -1, max: 1 }),
    times: fc.constantFrom(1, 1, 1, 1, 150),
  });
  fc.assert(
    fc.property(fc.integer({ min: -100, max: 100 }), fc.array(event, { maxLength: 120 }), (start, events) => {
      const windows = new SourceWindows({ maxSources: 100, maxPairs: 2000 });
      const plain = new Map<number, Plain>();
      let bucket = start;
      for (const { address, step: by, thing, outcome, times } of events) {
        bucket += by;
        const own = plain.get(address) ?? new Plain();
        plain.set(address, own);
        const source = windows.source(address, address * 77, bucket);
        for (let i = 0; i < times; i++) {
          const counts = own.advance(bucket);
          expect(see(windows, source, bucket, thing + i, outcome)).toBe(counts);
          if (!counts) continue;
          own.flows.push({ bucket, outcome });
          own.see(`d${thing + i}`, bucket);
          own.see(`p${(thing + i) % 7} ${(thing + i) % 3}`, bucket);
        }
        expect(countsOf(windows, source)).toEqual(own.counts());
      }
    }),
    { numRuns: 200 },
  );
});

test('a pair of long ago is not taken for one of now, however often the age of its source has come round', () => {
  const windows = new SourceWindows({ maxSources: 10, maxPairs: 1000 });
  const source = windows.source(1, 2, 0);
  see(windows, source, 0, 5);
  for (let bucket = 1; bucket <= 70_000; bucket++) {
    windows.advance(source, bucket);
    if (bucket % 32_768 > 6 && bucket % 32_768 < 32_762) continue;
    expect([bucket, windows.destinations(source)]).toEqual([bucket, bucket < 6 ? 1 : 0]);
  }
  expect(windows.destinationPairs.size).toBe(0);
  see(windows, source, 70_001, 5);
  expect(countsOf(windows, source)).toEqual([1, 0, 0, 1, 1]);
});

test('numbers of idle sources are given out anew at the cap, without what the earlier one did', () => {
  const windows = new SourceWindows({ maxSources: 600, maxPairs: 5000 });
  for (let i = 0; i < 600; i++) see(windows, windows.source(i, 0, 0), 0, i);
  expect(windows.source(9999, 0, 1)).toBe(-1);
  expect([windows.sourceCount, windows.refusedSources, windows.era]).toEqual([600, 1, 1]);
  // Half of them go on, and in two buckets.
  for (let i = 0; i < 300; i++) see(windows, windows.source(i, 0, 3), 3, i + 1);
  const kept = windows.source(7, 0, 7);
  const fresh = windows.source(10_000, 0, 7);
  expect([windows.sourceCount, windows.refusedSources, windows.era]).toEqual([301, 1, 2]);
  expect(windows.source(7, 0, 7)).toBe(kept);
  expect(countsOf(windows, kept)).toEqual([2, 0, 0, 2, 2]);
  see(windows, fresh, 7, 3);
  expect(countsOf(windows, fresh)).toEqual([1, 0, 0, 1, 1]);
  for (let i = 0; i < 299; i++) {
    const source = windows.source(20_000 + i, 0, 7);
    see(windows, source, 7, 400);
    expect(countsOf(windows, source)).toEqual([1, 0, 0, 1, 1]);
  }
  expect(windows.sourceCount).toBe(600);
});

test('the table of pairs grows past a hundred thousand and drops what left its window before it grows', () => {
  const windows = new SourceWindows({ maxSources: 10, maxPairs: 200_000 });
  const source = windows.source(1, 1, 0);
  windows.advance(source, 0);
  for (let i = 0; i < 150_000; i++) windows.countDestination(source, i, 0, 0);
  expect([windows.destinations(source), windows.destinationPairs.size]).toEqual([150_000, 150_000]);
  for (let i = 0; i < 150_000; i++) windows.countDestination(source, i, 0, 0);
  expect([windows.destinations(source), windows.destinationPairs.size]).toEqual([150_000, 150_000]);
  windows.advance(source, 10);
  for (let i = 0; i < 150_000; i++) expect(windows.countDestination(source, i, 1, 10)).toBe(true);
  expect([windows.destinations(source), windows.destinationPairs.refused]).toEqual([150_000, 0]);
});

test('hashes that are made to collide are refused and counted', () => {
  const windows = new SourceWindows({ maxSources: 1000, maxPairs: 1000 });
  for (let i = 0; i < 1000; i++) windows.source(0, i, 0);
  expect(windows.refusedSources).toBe(1000 - windows.sourceCount);
  expect(windows.refusedSources).toBeGreaterThan(0);
  expect(() => new SourceWindows({ maxSources: 131_071, maxPairs: 1 })).toThrow(RangeError);
});

test('sources whose hashes were made to begin at the same place have windows all the same', () => {
  const windows = new SourceWindows({ maxSources: 1000, maxPairs: 1000 });
  for (let i = 0; i < 1000; i++) expect(windows.source(7 | (i << 16), 0, 1)).toBe(i);
  for (let i = 0; i < 1000; i++) expect(windows.source(7 | (i << 16), 0, 1)).toBe(i);
  expect(windows.refusedSources).toBe(0);
});
