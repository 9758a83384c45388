/**
 * Figures as people write them, in the form in which code writes them: dates and times of the day in words, number words, spans such as 'an hour and a half'. And what a figure claims: that it
 * is so, about so, more or less than so.
 */

const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const MONTH = '(jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec|[a-z]{3,9})\\.?';
const DAY = '(\\d{1,2})(?:st|nd|rd|th)?';

const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const ONES = 'one two three four five six seven eight nine'.split(' ');
const COMPOUND = new RegExp(`(?<![\\w-])(${TENS.join('|')})(?:[- ](${ONES.join('|')}))?(?![\\w-])`, 'gi');

const UNITS: Readonly<Record<string, string>> = {
  millisecond: 'ms',
  second: 's',
  minute: 'min',
  hour: 'h',
  day: 'd',
  kilobyte: 'kB',
  megabyte: 'MB',
  gigabyte: 'GB',
};
const UNIT_WORD = '(millisecond|second|minute|hour|day|kilobyte|megabyte|gigabyte)';
/** What stands before 'a second' where it is a span and no second thing. */
const BEFORE_SPAN =
  '(?<=\\b(?:over|under|than|about|around|roughly|approximately|nearly|almost|within|for|in|lasted|lasting|just|exactly|took|beyond|exceeded|of|least|most|every|some|to) )';
const FRACTIONS: readonly (readonly [string, number])[] = [
  ['a quarter', 0.25],
  ['a half', 0.5],
  ['three quarters', 0.75],
];

const SHARES: readonly (readonly [string, number])[] = [
  ['half', 50],
  ['a third', 33],
  ['one third', 33],
  ['two thirds', 67],
  ['a quarter', 25],
  ['one quarter', 25],
  ['three quarters', 75],
];
/** What a third and its like are as shares of 100. */
const ROUGH_SHARES: ReadonlySet<number> = new Set(SHARES.map(([, share]) => share));
const SIZES: Readonly<Record<string, number>> = { hundred: 100, thousand: 1000, million: 1e6 };

/** Dates as 2024-05-14 (05-14 without a year), times of the day as 13:51, number words from 21 on as digits, 'an hour and a half' as '1.5 h'. Texts without such come back as they are. */
export function plainFigures(text: string): string {
  let plain = text
    .replace(/\b(?:i\.e|e\.g|etc|resp)\.,?/gi, ' ')
    .replace(
      new RegExp(`\\b(?:in |within )?an? (?:small |tiny |mere )?fraction of an? ${UNIT_WORD}\\b`, 'gi'),
      (_all, unit: string) => `under ${spanOf(1, unit)}`,
    )
    .replace(/\bnot (more|less|fewer) than\b/gi, (_all, word: string) =>
      word.toLowerCase() === 'more' ? 'at most' : 'at least',
    )
    .replace(
      new RegExp(`\\b${DAY}(?: of)? ${MONTH}(?:,? (\\d{4}))?(?![\\w-])`, 'gi'),
      (all, day: string, month: string, year?: string) => dateOf(all, day, month, year),
    )
    .replace(
      new RegExp(`\\b${MONTH} ${DAY}(?:(?:,? )(\\d{4}))?(?![\\w:.,]*\\d)`, 'gi'),
      (all, month: string, day: string, year?: string) => dateOf(all, day, month, year),
    )
    .replace(
      /(?<![\w:.])(\d{1,2})(:\d{2}(?::\d{2})?)? ?([ap])\.?m\b\.?/gi,
      (all, hour: string, rest: string | undefined, half: string) => {
        const value = (Number(hour) % 12) + (half.toLowerCase() === 'p' ? 12 : 0);
        return Number(hour) > 12 || Number(hour) === 0 ? all : `${String(value).padStart(2, '0')}${rest ?? ':00'}`;
      },
    )
    .replace(/(?<![\w:.])(\d)(:\d{2}:\d{2}|:\d{2}(?= (?:UTC|on|in)\b))/g, '0$1$2')
    .replace(COMPOUND, (_all, ten: string, one?: string) =>
      String(
        10 * (TENS.indexOf(ten.toLowerCase()) + 2) + (one === undefined ? 0 : ONES.indexOf(one.toLowerCase()) + 1),
      ),
    );
  // A share after a word that makes it rough; 'half of the intervals are longer' is what a median is.
  plain = plain
    .replace(
      new RegExp(
        `(?<=\\b(?:about|around|roughly|approximately|nearly|almost|over|under|than|just under|just over) )(?:${SHARES.map(([word]) => word).join('|')})(?= of\\b)`,
        'gi',
      ),
      (word) => {
        const share = SHARES.find(([one]) => one === word.toLowerCase().replace('-', ' '))?.[1] ?? 0;
        return `${share} %`;
      },
    )
    .replace(
      new RegExp(
        `(?<![\\w.,-])(${ONES.join('|')}|ten|eleven|twelve|\\d{1,3}(?:\\.\\d)?) (hundred|thousand|million)(?![\\w-])`,
        'gi',
      ),
      (_all, count: string, size: string) =>
        Math.round(wholeOf(count) * (SIZES[size.toLowerCase()] ?? 1)).toLocaleString('en-US'),
    );
  for (const [word, share] of FRACTIONS) {
    plain = plain
      .replace(
        new RegExp(
          `\\b(an?|one|${ONES.slice(1).join('|')}|\\d+) ${UNIT_WORD}s? and ${word}(?! \\w*(?:second|minute|hour))`,
          'gi',
        ),
        (_all, whole: string, unit: string) => spanOf(wholeOf(whole) + share, unit),
      )
      .replace(
        new RegExp(`\\b(one|${ONES.slice(1).join('|')}|\\d+) and ${word} ${UNIT_WORD}s?\\b`, 'gi'),
        (_all, whole: string, unit: string) => spanOf(wholeOf(whole) + share, unit),
      );
  }
  return plain
    .replace(new RegExp(`\\bhalf an? (?:full )?${UNIT_WORD}\\b`, 'gi'), (_all, unit: string) => spanOf(0.5, unit))
    .replace(
      new RegExp(
        `\\b(${ONES.join('|')}|ten|eleven|twelve) (?:full )?${UNIT_WORD}s?\\b(?! (?:host|machine|attempt|later ${UNIT_WORD}))`,
        'gi',
      ),
      (all, whole: string, unit: string) =>
        // 'one second' may be 'one, second': only counts from two on are surely spans of seconds.
        /^one$/i.test(whole) && unit.toLowerCase() === 'second' && !new RegExp(BEFORE_SPAN).test(all)
          ? all
          : spanOf(wholeOf(whole), unit),
    )
    .replace(
      new RegExp(
        `${BEFORE_SPAN}an? (?:full |whole )?${UNIT_WORD}(?=[.,;)]|$| (?:and|or|on|of|from|to|at|by|in|with|UTC|later|long)\\b)(?! later)`,
        'gi',
      ),
      (_all, unit: string) => spanOf(1, unit),
    );
}

function dateOf(all: string, day: string, month: string, year: string | undefined): string {
  const name = month.toLowerCase();
  const index = MONTHS.findIndex(
    (one) => one === name || (name.length >= 3 && name.length <= 4 && one.startsWith(name)),
  );
  const number = Number(day);
  if (index < 0 || number < 1 || number > 31) return all;
  const date = `${String(index + 1).padStart(2, '0')}-${String(number).padStart(2, '0')}`;
  // 'May 3 hosts ...' and '3 may be' are no dates: without a year these months count behind their day, with a capital.
  if (year === undefined) return /^(?:may|mar|march)$/i.test(month) && !/^\d+ (?:May|March)$/.test(all) ? all : date;
  return `${year}-${date}`;
}

function wholeOf(word: string): number {
  const lower = word.toLowerCase();
  if (lower === 'a' || lower === 'an') return 1;
  const index = ONES.indexOf(lower);
  if (index >= 0) return index + 1;
  const further = ['ten', 'eleven', 'twelve'].indexOf(lower);
  return further >= 0 ? further + 10 : Number(word);
}

function spanOf(value: number, unit: string): string {
  return `${value} ${UNITS[unit.toLowerCase()] ?? unit}`;
}

// ---------------------------------------------------------------------------------------------------------------------- what is claimed

/** What the words before a figure make of it. */
export type Lead = 'exact' | 'about' | 'nearly' | 'beyond' | 'over' | 'under';

const LEADS: readonly (readonly [Lead, RegExp])[] = [
  [
    'nearly',
    /\b(?:nearly|almost|just under|just below|close to|a little under|slightly (?:less|fewer) than|a little less than)\s*$/i,
  ],
  [
    'beyond',
    /\b(?:just over|just above|a little over|a little more than|slightly more than|slightly over|a bit more than|a bit over)\s*$/i,
  ],
  ['about', /(?:\b(?:about|around|roughly|approximately|approx\.?|circa|an estimated|some)|~|≈)\s*$/i],
  [
    'over',
    /\b(?:over|more than|at least|exceeded|exceeding|exceeds|above|upwards of|no (?:fewer|less) than|beyond|greater than)\s*(?:the )?$/i,
  ],
  ['under', /\b(?:under|less than|fewer than|below|at most|no more than|within|up to|in as little as)\s*(?:the )?$/i],
];

/** By the words that end right before the figure. */
export function leadOf(before: string): Lead {
  return LEADS.find(([, pattern]) => pattern.test(before))?.[0] ?? 'exact';
}

/** Whether a value is what is left of the fact when it is rounded to one, two or three digits, and no farther away than a twentieth. */
export function isRounding(value: number, fact: number): boolean {
  return [1, 2, 3].some((digits) => Number(fact.toPrecision(digits)) === value) && isNear(value, fact, 0.06);
}

function isNear(value: number, fact: number, share: number): boolean {
  return Math.abs(value - fact) <= share * Math.abs(fact);
}

/** A figure that people take for a bound: 1, 5, 50, 250, 47,000. */
function isRound(value: number): boolean {
  if (value === 0 || !Number.isFinite(value)) return false;
  const digits = value.toPrecision(12).replace(/e.*$/, '').replace(/\D/g, '').replace(/^0+/, '').replace(/0+$/, '');
  return digits.length <= 1
    ? value >= 10 || value === 1 || value === 5
    : digits.length === 2 && (digits.endsWith('5') || value >= 1000);
}

/**
 * Whether a fact bears a count out. Counts are exact; after 'about' they may be rounded; a bound must be a round figure not far from the fact, so that 'more than 250' is true of 255, and 'more
 * than 251' is held to be a miscount.
 */
export function bearsCount(lead: Lead, value: number, fact: number): boolean {
  if (value === Math.round(fact)) return true;
  switch (lead) {
    case 'exact':
      return false;
    case 'about':
      return isRounding(value, fact);
    case 'nearly':
      return fact < value && isRounding(value, fact);
    case 'beyond':
      return fact > value && isRounding(value, fact);
    case 'over':
      return fact > value && isRound(value) && value >= fact / 2;
    case 'under':
      return fact < value && isRound(value) && value <= fact * 2;
  }
}

/** The same of a measured span, size or share, of which also an exact figure is rounded: to its own decimals, a twentieth at most. @param decimals of the value as it is written */
export function bearsMeasure(lead: Lead, value: number, fact: number, decimals: number): boolean {
  const own = Number(fact.toFixed(decimals));
  switch (lead) {
    case 'exact':
      return own === value && isNear(value, fact, 0.05);
    case 'about':
      // People tell hours and minutes in quarters.
      return (
        ((own === value || isRounding(value, fact)) && isNear(value, fact, 0.12)) ||
        (Number.isInteger(value * 4) && isNear(value, fact, ROUGH_SHARES.has(value) ? 0.12 : 0.03))
      );
    case 'nearly':
      return fact <= value && isNear(value, fact, 0.17);
    case 'beyond':
      return fact >= value && isNear(value, fact, 0.34);
    case 'over':
      return fact >= value && (isNear(value, fact, 0.1) || (isPlainBound(value) && value >= fact / 2));
    case 'under':
      return (
        fact <= value * 1.0001 &&
        (isNear(value, fact, 0.1) || (isPlainBound(value) && value <= fact * 2) || (value === 1 && fact > 0.05))
      );
  }
}

/** A bound of a span: half, whole, or round. */
function isPlainBound(value: number): boolean {
  return Number.isInteger(value * 2) && (value <= 10 || isRound(value) || value % 5 === 0);
}
