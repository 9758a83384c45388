import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXAMPLES, incidentOf, START } from '../../test/support/detection.ts';
import { AlertKeeper, parseAlertBudget } from './budget.ts';
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
    const { incidents, outcome } = keeper('2/week').apply(all);
    expect(incidents.map((one) => one.heldBack === true)).toEqual([false, false, true, false, false]);
    expect(incidents.map((one) => one.severity)).toEqual(all.map((one) => one.severity));
    expect(outcome).toEqual({ budget: '2/week', alerts: 3, heldBack: 1, leastShown: 60, mostHeldBack: 70 });
  });

  it('counts a stretch of time to its length, not to the calendar', () => {
    const held = (day: number): boolean =>
      keeper('1/week').apply([incident(90, 0), incident(80, day)]).incidents[1]?.heldBack === true;
    expect([held(6.999), held(7)]).toEqual([true, false]);
  });

  it('remembers the alerts of windows before', () => {
    const one = keeper('1/day');
    expect(one.apply([incident(50, 0)]).outcome.alerts).toBe(1);
    expect(one.apply([incident(99, 0.5)]).outcome).toEqual({
      budget: '1/day',
      alerts: 0,
      heldBack: 1,
      mostHeldBack: 99,
    });
    expect(one.apply([incident(50, 1)]).outcome.alerts).toBe(1);
  });

  it('never shows more in any stretch than it allows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 40, max: 99 })), { maxLength: 60 }),
        (list) => {
          const sorted = list.map(([day, urgency]) => incident(urgency, day)).sort((a, b) => b.urgency - a.urgency);
          const times = keeper('3/week')
            .apply(sorted)
            .incidents.flatMap((one) => (one.heldBack === true ? [] : [one.firstMs]));
          for (const from of times)
            expect(times.filter((time) => time >= from && time < from + 7 * DAY).length).toBeLessThanOrEqual(3);
        },
      ),
      { numRuns: 50 },
    );
  });
});
