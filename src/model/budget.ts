import { safeText } from '../core/index.ts';
import { ModelError } from './model.ts';

/**
 * How many false alarms someone is ready to look at: a share of the records ('0.1%', '1 in 10000', '0.001') or a number in a time ('3/week', '10 a day', '2 per hour'). It is what a threshold is
 * asked by, because nobody can say what 0.9973 means to their week.
 */
export type Budget =
  | {
      readonly kind: 'share' /** Alarms per record, above 0 and at most 1. */;
      readonly rate: number;
      readonly text: string;
    }
  | {
      readonly kind: 'time';
      /** Alarms in `periodMs`, above 0. */
      readonly count: number;
      readonly periodMs: number;
      /** 'week', 'day' ... */
      readonly period: BudgetPeriod;
      readonly text: string;
    };

export type BudgetPeriod = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year';

/** Lengths of the periods that a budget can name; a month is a twelfth of 365.25 days. */
export const BUDGET_PERIODS: Readonly<Record<BudgetPeriod, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 2_629_800_000,
  year: 31_557_600_000,
};

const SHORT: Readonly<Record<string, BudgetPeriod>> = {
  m: 'minute',
  min: 'minute',
  minute: 'minute',
  h: 'hour',
  hr: 'hour',
  hour: 'hour',
  d: 'day',
  day: 'day',
  w: 'week',
  wk: 'week',
  week: 'week',
  month: 'month',
  mo: 'month',
  y: 'year',
  yr: 'year',
  year: 'year',
};

const NUMBER = String.raw`(\d[\d,_]*(?:\.\d+)?(?:e-?\d+)?|\.\d+)`;
const SHARE = new RegExp(String.raw`^${NUMBER}\s*(%|percent)?$`, 'i');
const ONE_IN = new RegExp(String.raw`^${NUMBER}\s+(?:in|of)\s+${NUMBER}$`, 'i');
const IN_TIME = new RegExp(
  String.raw`^${NUMBER}\s*(?:alerts?|alarms?)?\s*(?:\/|per|an?|each|every)\s*([a-z]+?)s?$`,
  'i',
);
const HINT = "for example '3/week', '10 a day', '0.1%' or '1 in 10000'";

/**
 * Reads a budget. @param what the option or key, as a message begins.
 * Throws a `ModelError` for what is none, is 0, or is more than every record.
 */
export function parseBudget(text: string, what = '--budget'): Budget {
  const trimmed = text.trim();
  const shown = safeText(trimmed, 60);
  const share = SHARE.exec(trimmed);
  const oneIn = ONE_IN.exec(trimmed);
  const inTime = IN_TIME.exec(trimmed);
  if (inTime !== null) {
    const count = numberOf(inTime[1]);
    const period = SHORT[(inTime[2] ?? '').toLowerCase()];
    if (period === undefined)
      throw new ModelError(
        `${what} ${shown}: '${safeText(inTime[2] ?? '', 20)}' is no time`,
        `known ones: ${Object.keys(BUDGET_PERIODS).join(', ')}`,
      );
    if (!(count > 0)) throw new ModelError(`${what} ${shown}: expected a number above 0`, HINT);
    return {
      kind: 'time',
      count,
      periodMs: BUDGET_PERIODS[period],
      period,
      text: `${plain(count)} a ${period}`.replace('a hour', 'an hour'),
    };
  }
  const rate =
    oneIn !== null
      ? numberOf(oneIn[1]) / numberOf(oneIn[2])
      : share !== null
        ? numberOf(share[1]) / (share[2] === undefined ? 1 : 100)
        : Number.NaN;
  if (Number.isNaN(rate))
    throw new ModelError(`${what} ${shown}: not a number of alarms in a time, and not a share`, HINT);
  if (!(rate > 0 && rate <= 1))
    throw new ModelError(
      `${what} ${shown}: expected a share above 0 and at most 1`,
      rate > 1 && share !== null && share[2] === undefined
        ? `a number of alarms needs a time: '${shown}/week'; a share is '0.1%' or '1 in 1000'`
        : HINT,
    );
  return { kind: 'share', rate, text: describeRate(rate) };
}

function numberOf(text: string | undefined): number {
  return Number((text ?? '').replace(/[,_]/g, ''));
}

function plain(n: number): string {
  return Number.isInteger(n) && n < 1e15
    ? String(n).replace(/\B(?=(?:\d{3})+$)/g, ',')
    : String(Number(n.toPrecision(4)));
}

/** A share as people say it: '1 in 10,000', '12.5 %'. */
export function describeRate(rate: number): string {
  if (rate <= 0) return '0';
  const one = 1 / rate;
  return rate >= 0.02 && Math.abs(one - Math.round(one)) > 1e-9 * one
    ? `${plain(100 * rate)} %`
    : `1 in ${plain(one >= 100 ? Math.round(one) : one)}`;
}

/** How fast records come. */
export interface RecordRate {
  readonly rows: number;
  /** From the first to the last record; undefined where they have no times, or one alone. */
  readonly spanMs: number | undefined;
}

/**
 * The share of records that a budget allows, at most 1. Throws a `ModelError` for a budget in a time where the records have none.
 * @param what the option or key, as a message begins.
 */
export function budgetRate(budget: Budget, { rows, spanMs }: RecordRate, what = '--budget'): number {
  if (budget.kind === 'share') return budget.rate;
  if (spanMs === undefined || !(spanMs > 0) || rows === 0)
    throw new ModelError(
      `${what} ${budget.text}: the input has no times, so it can't be told how many records come in a ${budget.period}`,
      "give a share of the records: '0.1%' or '1 in 1000'",
    );
  return Math.min(1, (budget.count / budget.periodMs) * (spanMs / rows));
}

/** How many of records at that rate are in a period. Undefined without times. */
export function perPeriod(share: number, { rows, spanMs }: RecordRate, period: BudgetPeriod): number | undefined {
  return spanMs === undefined || !(spanMs > 0) ? undefined : share * rows * (BUDGET_PERIODS[period] / spanMs);
}
