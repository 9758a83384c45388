import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleResult } from '../../test/support/sample.ts';
import { bar, niceCeiling, timelineChart, timeTicks } from './svg.ts';

const T = Date.UTC(2021, 3, 1, 22, 58, 0);
const labels = (length: number, most: number) => timeTicks(T, T + length, most).map((tick) => tick.label);

test('ticks stand at round times and name the day at midnight', () => {
  expect(labels(3 * 3_600_000, 8)).toEqual(['23:00', '23:30', 'Apr 2', '00:30', '01:00', '01:30']);
  expect(labels(40_000, 5)).toEqual(['22:58:00', '22:58:10', '22:58:20', '22:58:30', '22:58:40']);
  expect(labels(20, 5)).toEqual(['58:00.000', '58:00.005', '58:00.010', '58:00.015', '58:00.020']);
  expect(labels(3 * 86_400_000, 4)).toEqual(['Apr 2', 'Apr 3', 'Apr 4']);
  expect(
    timeTicks(0, 1.6e12, 8)
      .map((tick) => tick.label)
      .at(-1),
  ).toMatch(/20\d\d$/);
});

test('there are never more ticks than asked for by more than one, always inside and rising, for any span', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -1e14, max: 1e14 }),
      fc.integer({ min: 1, max: 1e14 }),
      fc.integer({ min: 2, max: 12 }),
      (start, length, most) => {
        const ticks = timeTicks(start, start + length, most);
        expect(ticks.length).toBeLessThanOrEqual(most + 1);
        ticks.forEach((tick, i) => {
          expect(tick.ms).toBeGreaterThanOrEqual(start);
          expect(tick.ms).toBeLessThanOrEqual(start + length);
          if (i > 0) expect(tick.ms).toBeGreaterThan(ticks[i - 1]?.ms ?? Number.POSITIVE_INFINITY);
        });
      },
    ),
  );
  expect(timeTicks(5, 5, 4)).toEqual([]);
  expect(timeTicks(Number.NaN, 5, 4)).toEqual([]);
});

test('a scale ends at a round number that is not below the greatest value', () => {
  expect([0, 1, 1.2, 23, 26, 999, 158_000_000, Number.NaN].map(niceCeiling)).toEqual([
    1, 1, 2, 25, 50, 1000, 200_000_000, 1,
  ]);
});

test('the chart marks every incident in the lane of its severity and tells in words what it shows', () => {
  const { timeline, incidents } = sampleResult();
  const chart = timelineChart(timeline, incidents, 'wide')?.text ?? '';
  expect(chart.match(/<rect class="fill-(critical|high|medium|low|info)"/g)?.length).toBe(9);
  expect(chart.match(/<text class="rank"/g)?.length).toBe(9);
  expect([...chart.matchAll(/<text class="axis lane"[^>]*>(\w+)</g)].map((match) => match[1])).toEqual([
    'critical',
    'high',
    'medium',
    'low',
    'info',
  ]);
  expect(chart).toContain(
    'role="img" aria-label="Traffic from 2024-05-14 06:58:00 to 2024-05-14 12:12:00 UTC in steps of 2 min. The busiest step carried 159 MB at 2024-05-14 10:34:00',
  );
  expect(chart).toContain(
    '9 incidents marked by severity, the most severe critical; the table of incidents gives their times.',
  );
  expect(chart).not.toMatch(/NaN|Infinity|undefined| style=/);
});

test('incidents at the same time stand below each other, and a crowd stays within bounds', () => {
  const { timeline, incidents } = sampleResult();
  const [first] = incidents;
  if (first === undefined) throw new Error('the sample has incidents');
  const crowd = Array.from({ length: 1000 }, (_, i) => ({ ...first, rank: i + 1 }));
  const chart = timelineChart(timeline, crowd, 'wide')?.text ?? '';
  const tops = new Set(
    [...chart.matchAll(/<rect class="fill-critical" x="[^"]*" y="([^"]*)"/g)].map((match) => match[1]),
  );
  expect(tops.size).toBe(6);
  expect(chart.match(/<rect class="fill-critical"/g)?.length).toBe(400);
  expect(chart.match(/<text class="rank"/g)?.length).toBe(6);
});

test('every coordinate is finite whatever the numbers are', () => {
  const { incidents } = sampleResult();
  const odd = [0, -5, Number.NaN, Number.POSITIVE_INFINITY, 1e300];
  const strange = incidents.map((incident, i) => ({
    ...incident,
    firstMs: odd[i % 5] ?? 0,
    lastMs: odd[(i + 1) % 5] ?? 0,
  }));
  for (const size of ['wide', 'narrow'] as const) {
    const chart = timelineChart({ startMs: 1e12, bucketMs: 1000, bytes: odd, flows: odd }, strange, size)?.text ?? '';
    for (const match of chart.matchAll(/ (?:x|y|x1|x2|y1|y2|width|height|d)="([^"]*)"/g))
      expect(match[1]).not.toMatch(/NaN|Infinity/);
  }
});

test('nothing to draw gives no chart', () => {
  expect(timelineChart({ startMs: 0, bucketMs: 1000, bytes: [], flows: [] }, [], 'wide')).toBeUndefined();
  expect(timelineChart({ startMs: 0, bucketMs: 0, bytes: [1], flows: [1] }, [], 'wide')).toBeUndefined();
});

test('a bar runs from one value to the other on its scale, with a line at zero when the scale has both signs', () => {
  expect(bar(40, 59, 0, 94, 'bar-plus').text).toBe(
    '<svg class="bar" viewBox="0 0 200 10" preserveAspectRatio="none" aria-hidden="true"><rect class="bar-plus" x="85.1" y="1" width="40.4" height="8"/></svg>',
  );
  expect(bar(0, -1, -1, 1, 'bar-minus').text).toContain(
    '<rect class="bar-zero" x="99.5" y="0" width="1" height="10"/><rect class="bar-minus" x="0" y="1" width="100" height="8"/>',
  );
});

test('there is no line for half a flow', () => {
  const chart = (flows: number[]): string =>
    timelineChart({ startMs: 1e12, bucketMs: 1000, bytes: [1000, 1000], flows }, [], 'wide')?.text ?? '';
  const labels = (flows: number[]): string[] =>
    [...chart(flows).matchAll(/text-anchor="end">([^<]*)</g)]
      .map(([, label]) => label ?? '')
      .filter((label) => label !== 'UTC');
  expect(labels([1, 0])).toEqual(['1 kB', '500 B', '1']);
  expect(labels([2, 0])).toEqual(['1 kB', '500 B', '2', '1']);
});
