import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXAMPLES, incidentOf, START } from '../../test/support/detection.ts';
import { AlertKeeper, alertsNear, type PastAlert, parseAlertBudget } from './budget.ts';
import type { Incident, Severity } from './incident.ts';

const DAY = 86_400_000;

function incident(urgency: number, day: number, severity: Severity = 'medium'): Incident {
  return { ...incidentOf(EXAMPLES['beacon.interval']), urgency, severity, firstMs: START + day * DAY };
}

function keeper(text: string): AlertKeeper {
  const budget = parseAlertBudget(text);
  if (budget === undefined) throw new Error(text);
  return new AlertKeeper(budget);
}

describe('an alert budget', () => {
  it('is a number and a time', () => {
    expect(parseAlertBudget('3/week')).toEqual({ count: 3, perMs: 7 * DAY, text: '3/week' });
    expect(['0/week', '3', '3/month', '-1/day', '3.5/day', '9999999/day'].map(parseAlertBudget)).toEqual(
      new Array(6).fill(undefined),
    );
  });

  it('takes the most urgent of each stretch of time, and holds the others back with their severity', () => {
    const all = [incident(90, 0), incident(80, 1), incident(70, 2), incident(60, 8), incident(50, 2, 'low')];
    const { incidents, outcome } = keeper('2/week').apply(all, 'monday');
    expect(incidents.map((one) => one.heldBack === true)).toEqual([false, false, true, false, false]);
    expect(incidents.map((one) => one.severity)).toEqual(all.map((one) => one.severity));
    expect(outcome).toEqual({ budget: '2/week', alerts: 3, heldBack: 1, leastShown: 60, mostHeldBack: 70 });
  });

  it('counts a stretch of time to its length, not to the calendar', () => {
    const held = (day: number): boolean =>
      keeper('1/week').apply([incident(90, 0), incident(80, day)], 'monday').incidents[1]?.heldBack === true;
    expect([held(6.999), held(7)]).toEqual([true, false]);
  });

  it('remembers the alerts of windows before', () => {
    const one = keeper('1/day');
    expect(one.apply([incident(50, 0)], 'first window').outcome.alerts).toBe(1);
    expect(one.apply([incident(99, 0.5)], 'second window').outcome).toEqual({
      budget: '1/day',
      alerts: 0,
      heldBack: 1,
      earlier: 1,
      mostHeldBack: 99,
    });
    expect(one.apply([incident(50, 1)], 'third window').outcome.alerts).toBe(1);
  });

  it('holds from one run to the next, and lets what was an alert stay one', () => {
    const monday = keeper('2/week');
    const first = [incident(90, 0), incident(70, 0.1)];
    expect(monday.apply(first, 'monday').outcome.alerts).toBe(2);
    const stored = JSON.parse(JSON.stringify(monday.past)) as PastAlert[];
    expect(stored.map(({ ms, run }) => [ms, run])).toEqual([
      [START, 'monday'],
      [START + 0.1 * DAY, 'monday'],
    ]);
    const tuesday = new AlertKeeper(monday.budget, stored);
    expect(tuesday.apply([incident(99, 1)], 'tuesday').outcome).toEqual({
      budget: '2/week',
      alerts: 0,
      heldBack: 1,
      earlier: 2,
      mostHeldBack: 99,
    });
    // The same incident in a capture that goes on: it is the alert that it was, and takes no more room.
    const longer = new AlertKeeper(monday.budget, stored);
    const goesOn = { ...incident(90, 0), id: 'inc-000000000000', lastMs: START + 2 * DAY };
    expect(longer.apply([incident(99, 1), goesOn], 'monday and tuesday').incidents.map((one) => one.heldBack)).toEqual([
      true,
      undefined,
    ]);
    expect(longer.latest).toEqual({ run: 'monday and tuesday', alerts: [] });
    const later = new AlertKeeper(monday.budget, stored);
    expect(later.apply([incident(50, 7.2)], 'next week').outcome).toEqual({
      budget: '2/week',
      alerts: 1,
      heldBack: 0,
      leastShown: 50,
    });
  });

  it('gives the same again for the same traffic, and decides anew where something else came of it', () => {
    const one = keeper('1/week');
    const run = (...urgencies: number[]) =>
      one.apply(
        urgencies.map((urgency, i) => incident(urgency, i)),
        'monday',
      );
    const first = run(90, 80);
    expect(run(90, 80)).toEqual(first);
    expect(run(70).outcome).toEqual({ budget: '1/week', alerts: 1, heldBack: 0, leastShown: 70 });
    expect(one.past).toHaveLength(1);
  });

  it('keeps no memory of rows without a time', () => {
    const one = keeper('1/week');
    const timeless = { ...incident(90, 0), firstMs: 0, lastMs: 0 };
    expect(one.apply([timeless], 'a').outcome.alerts).toBe(1);
    expect(one.apply([{ ...timeless, urgency: 80 }], 'b').outcome.alerts).toBe(1);
    expect(one.past).toEqual([]);
  });

  it('tells of the past what lies within its length', () => {
    const { past, budget } = (() => {
      const one = keeper('1/day');
      for (const day of [0, 2, 4, 6]) one.apply([incident(90, day)], `day ${day}`);
      return one;
    })();
    expect(alertsNear(past, budget, START + 3.5 * DAY, START + 4.5 * DAY).map(({ run }) => run)).toEqual(['day 4']);
    expect(past).toHaveLength(4);
  });

  it('never shows more in any stretch than it allows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 40, max: 99 })), { maxLength: 60 }),
        (list) => {
          const sorted = list.map(([day, urgency]) => incident(urgency, day)).sort((a, b) => b.urgency - a.urgency);
          const times = keeper('3/week')
            .apply(sorted, 'monday')
            .incidents.flatMap((one) => (one.heldBack === true ? [] : [one.firstMs]));
          for (const from of times)
            expect(times.filter((time) => time >= from && time < from + 7 * DAY).length).toBeLessThanOrEqual(3);
        },
      ),
      { numRuns: 50 },
    );
  });
});
