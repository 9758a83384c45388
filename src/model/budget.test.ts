import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUDGET_PERIODS, budgetRate, describeRate, parseBudget, perPeriod } from './budget.ts';
import { ModelError } from './model.ts';

const DAY = BUDGET_PERIODS.day;

describe('a budget', () => {
  it.each([
    ['3/week', 3, 'week', '3 a week'],
    ['3 / week', 3, 'week', '3 a week'],
    ['10 a day', 10, 'day', '10 a day'],
    ['2 per hour', 2, 'hour', '2 an hour'],
    ['2 alerts an hour', 2, 'hour', '2 an hour'],
    ['0.5/d', 0.5, 'day', '0.5 a day'],
    ['1,000/weeks', 1000, 'week', '1,000 a week'],
    ['1 every month', 1, 'month', '1 a month'],
    ['1/min', 1, 'minute', '1 a minute'],
    ['12/yr', 12, 'year', '12 a year'],
  ])("'%s' is a number in a time", (text, count, period, said) => {
    expect(parseBudget(text)).toMatchObject({ kind: 'time', count, period, text: said });
  });

  it.each([
    ['0.1%', 0.001, '1 in 1,000'],
    ['1 in 10000', 0.0001, '1 in 10,000'],
    ['1 in 10,000', 0.0001, '1 in 10,000'],
    ['3 of 1000', 0.003, '1 in 333'],
    ['0.001', 0.001, '1 in 1,000'],
    ['1e-4', 0.0001, '1 in 10,000'],
    ['12.5 %', 0.125, '1 in 8'],
    ['30%', 0.3, '30 %'],
    ['1', 1, '1 in 1'],
  ])("'%s' is a share", (text, rate, said) => {
    const budget = parseBudget(text);
    expect(budget.kind === 'share' ? budget.rate : Number.NaN).toBeCloseTo(rate, 15);
    expect(budget.text).toBe(said);
  });

  it.each([
    ['', '--budget : not a number of alarms in a time, and not a share'],
    ['many', '--budget many: not a number of alarms in a time, and not a share'],
    ['3/fortnight', "--budget 3/fortnight: 'fortnight' is no time"],
    ['0/week', '--budget 0/week: expected a number above 0'],
    ['0', '--budget 0: expected a share above 0 and at most 1'],
    ['20', '--budget 20: expected a share above 0 and at most 1'],
    ['200%', '--budget 200%: expected a share above 0 and at most 1'],
    ['5 in 3', '--budget 5 in 3: expected a share above 0 and at most 1'],
    ['1 in 0', '--budget 1 in 0: expected a share above 0 and at most 1'],
    ['-3/week', '--budget -3/week: not a number of alarms in a time, and not a share'],
  ])("'%s' is refused with what is wrong", (text, message) => {
    expect(() => parseBudget(text)).toThrow(message);
  });

  it('says what a bare number lacks', () => {
    try {
      parseBudget('20');
      expect.unreachable();
    } catch (error) {
      expect((error as ModelError).hint).toBe(
        "a number of alarms needs a time: '20/week'; a share is '0.1%' or '1 in 1000'",
      );
    }
  });

  it('does not take a percentage above 100 for a number of alarms', () => {
    try {
      parseBudget('200%');
      expect.unreachable();
    } catch (error) {
      expect((error as ModelError).message).toBe('--budget 200%: expected a share above 0 and at most 1');
      expect((error as ModelError).hint).toBe("for example '3/week', '10 a day', '0.1%' or '1 in 10000'");
    }
  });

  it('is a budget or a clear error, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 40 }),
          fc
            .array(fc.constantFrom('1', '0', '.', ',', '%', '/', ' ', 'in', 'week', 'a', 'e', '-', '_', '9'))
            .map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            const budget = parseBudget(text);
            expect(budget.kind === 'share' ? budget.rate > 0 && budget.rate <= 1 : budget.count > 0).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(ModelError);
          }
        },
      ),
    );
  });

  it('in a time becomes a share by how fast records come, never more than all', () => {
    const three = parseBudget('3/week');
    expect(budgetRate(three, { rows: 70_000, spanMs: 7 * DAY })).toBeCloseTo(3 / 70_000, 15);
    expect(budgetRate(three, { rows: 10_000, spanMs: DAY })).toBeCloseTo(3 / 70_000, 15);
    expect(budgetRate(parseBudget('500/day'), { rows: 100, spanMs: DAY })).toBe(1);
    expect(perPeriod(0.001, { rows: 10_000, spanMs: DAY }, 'week')).toBeCloseTo(70, 12);
    expect(perPeriod(0.001, { rows: 10_000, spanMs: undefined }, 'week')).toBeUndefined();
  });

  it('in a time needs times', () => {
    expect(() => budgetRate(parseBudget('3/week'), { rows: 100, spanMs: undefined })).toThrow(
      "--budget 3 a week: the input has no times, so it can't be told how many records come in a week",
    );
    expect(() => budgetRate(parseBudget('3/week'), { rows: 1, spanMs: 0 })).toThrow(ModelError);
    expect(budgetRate(parseBudget('0.1%'), { rows: 1, spanMs: undefined })).toBe(0.001);
  });
});

it('a share is said as people say it', () => {
  expect([0, 1, 0.5, 0.01, 0.001, 0.00012345, 0.3, 1 / 3].map(describeRate)).toEqual([
    '0',
    '1 in 1',
    '1 in 2',
    '1 in 100',
    '1 in 1,000',
    '1 in 8,100',
    '30 %',
    '1 in 3',
  ]);
});
