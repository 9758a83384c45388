import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../core/index.ts';
import { flowTable } from '../../flow/index.ts';
import { cyclicTime, TimeFeatureMeasurer, Zone } from './time.ts';

const hour = (zone: string, iso: string): number => {
  const { hourSin, hourCos } = cyclicTime(Date.parse(iso), new Zone(zone));
  const turns = Math.atan2(hourSin, hourCos) / (2 * Math.PI);
  return Math.round((turns < 0 ? turns + 1 : turns) * 24 * 60) / 60;
};

test('noon in a zone is noon there, on both sides of the change to summer time', () => {
  expect(hour('UTC', '2024-03-31T12:00:00Z')).toBe(12);
  expect(hour('+02:00', '2024-03-31T12:00:00Z')).toBe(14);
  expect(hour('-0530', '2024-03-31T12:00:00Z')).toBe(6.5);
  // Berlin, 31 March 2024: at 01:00 UTC the clock goes from 02:00 to 03:00; on 27 October at 01:00 UTC from 03:00 to 02:00.
  expect(hour('Europe/Berlin', '2024-03-31T00:59:00Z')).toBeCloseTo(1 + 59 / 60, 9);
  expect(hour('Europe/Berlin', '2024-03-31T01:00:00Z')).toBe(3);
  expect(hour('Europe/Berlin', '2024-10-27T00:59:00Z')).toBeCloseTo(2 + 59 / 60, 9);
  expect(hour('Europe/Berlin', '2024-10-27T01:00:00Z')).toBe(2);
  // Lord Howe's clock changes by half an hour, and Nepal lies on a quarter.
  expect(hour('Australia/Lord_Howe', '2024-01-15T12:00:00Z')).toBe(23);
  expect(hour('Australia/Lord_Howe', '2024-07-15T12:00:00Z')).toBe(22.5);
  expect(hour('Asia/Kathmandu', '2024-07-15T12:00:00Z')).toBe(17.75);
});

test('the week begins on Monday at midnight of the zone, and the weekend is that of the zone', () => {
  const at = (zone: string, iso: string) => cyclicTime(Date.parse(iso), new Zone(zone));
  const monday = at('UTC', '2024-01-01T00:00:00Z');
  expect([monday.weekSin, monday.weekCos]).toEqual([0, 1]);
  const thursday = at('UTC', '2024-01-04T12:00:00Z');
  expect(thursday.weekCos).toBeCloseTo(-1, 12);
  expect(at('UTC', '2024-01-06T23:30:00Z').weekend).toBe(1);
  expect(at('UTC', '2024-01-07T23:30:00Z').weekend).toBe(1);
  expect(at('+01:00', '2024-01-07T23:30:00Z').weekend).toBe(0);
  expect(at('UTC', '1969-12-28T12:00:00Z').weekend).toBe(1);
});

test('23:59 lies beside 00:00', () => {
  const late = cyclicTime(Date.UTC(2024, 0, 1, 23, 59), new Zone('UTC'));
  const early = cyclicTime(Date.UTC(2024, 0, 2), new Zone('UTC'));
  expect(Math.hypot(late.hourSin - early.hourSin, late.hourCos - early.hourCos)).toBeLessThan(0.005);
});

test('a zone that is none is the mistake of the one who set it, with the nearest that is', () => {
  const read = (zone: string): unknown => {
    try {
      return new Zone(zone);
    } catch (error) {
      return error instanceof UserError ? [error.message, error.hint] : error;
    }
  };
  expect(read('Europe/Berlim')).toEqual(["'Europe/Berlim' is not a time zone.", 'Did you mean Europe/Berlin?']);
  expect(read('here')).toEqual([
    "'here' is not a time zone.",
    'Give an IANA name such as Europe/Berlin, an offset such as +02:00, or UTC.',
  ]);
  expect(read('+19:00')).toEqual([
    "'+19:00' is not an offset from UTC.",
    'An offset lies between -18:00 and +18:00, as in +02:00.',
  ]);
});

test('any time has its place on the circle, and what is no time has none', () => {
  const zone = new Zone('America/New_York');
  fc.assert(
    fc.property(fc.double(), (ms) => {
      const { hourSin, hourCos, weekSin, weekCos } = cyclicTime(ms, zone);
      if (Number.isNaN(hourSin)) return;
      expect(hourSin ** 2 + hourCos ** 2).toBeCloseTo(1, 9);
      expect(weekSin ** 2 + weekCos ** 2).toBeCloseTo(1, 9);
    }),
  );
  expect(cyclicTime(Number.NaN, zone).weekend).toBeNaN();
});

test('the measurer takes the start of the flow in the zone of its context', () => {
  const table = flowTable([{ startMs: Date.UTC(2024, 6, 1, 4) }, {}]);
  const { values } = new TimeFeatureMeasurer({ isHome: () => true, timeZone: 'Europe/Berlin' }).measure(table);
  expect(values[0]).toBe(1);
  expect([...values.subarray(5)].every(Number.isNaN)).toBe(true);
});
