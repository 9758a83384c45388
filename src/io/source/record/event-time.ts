import { fieldOf, type JsonObject } from './json.ts';

/** The time of what a record tells. */

/** Names under which records carry the time of what they tell, the most exact first. */
export const EVENT_TIME_NAMES = [
  'event.start',
  '@timestamp',
  'timestamp',
  'event_time',
  'eventTime',
  'time',
  'ts',
  'datetime',
  'date',
] as const;

const ISO_TIME =
  /^([+-]?\d{4,6})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d|[+-]\d\d)?$/i;

/**
 * A time as epoch ms (UTC), to the microsecond: ISO 8601 (RFC 3339; UTC where no zone stands, because the machine's zone is not the sender's), or a number of seconds, milliseconds, microseconds
 * or nanoseconds since 1970, told apart by size (seconds up to the year 5138, and so on). Undefined for what is no time.
 */
export function parseTime(value: unknown): number | undefined {
  if (typeof value === 'number') return epochTime(value);
  if (typeof value !== 'string' || value.length > 40) return undefined;
  const usual = usualTime(value);
  if (usual !== undefined) return usual;
  if (/^\d{9,19}(\.\d+)?$/.test(value)) return epochTime(Number(value));
  const match = ISO_TIME.exec(value.trim());
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second = '0', fraction = '', zone = 'Z'] = match;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > 31) return undefined;
  // Date.UTC takes a year below 100 for one of the last century.
  if (Number(year) >= 0 && Number(year) < 100) return undefined;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const base = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  if (Number.isNaN(base)) return undefined;
  let shift = 0;
  if (!/^z$/i.test(zone)) {
    const sign = zone.startsWith('-') ? -1 : 1;
    shift = sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || '0')) * 60_000;
  }
  return base - shift + (fraction === '' ? 0 : Math.round(Number(`0.${fraction}`) * 1e6) / 1e3);
}

let lastDay = '';
let lastDayMs = 0;

/** The time of `2021-04-01T15:55:45Z` with three digits of a fraction or none, as nearly all are; undefined for every other text. Records of one day share the day. */
function usualTime(text: string): number | undefined {
  const n = text.length;
  if ((n !== 20 && n !== 24) || text.charCodeAt(n - 1) !== 0x5a || text.charCodeAt(10) !== 0x54) return undefined;
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a || (n === 24 && text.charCodeAt(19) !== 0x2e))
    return undefined;
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const fraction = n === 24 ? 10 * twoDigits(text, 20) + text.charCodeAt(22) - 48 : 0;
  const last = n === 24 ? text.charCodeAt(22) : 48;
  if (!(hour < 24 && minute < 60 && second < 60 && fraction >= 0 && last >= 48 && last <= 57)) return undefined;
  const day = text.slice(0, 10);
  if (day !== lastDay) {
    if (!/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/.test(day)) return undefined;
    const [year, month, date] = [Number(day.slice(0, 4)), Number(day.slice(5, 7)), Number(day.slice(8))];
    if (year < 100) return undefined;
    lastDay = day;
    lastDayMs = Date.UTC(year, month - 1, date);
  }
  return lastDayMs + ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
}

/** Two digits as a number, NaN for anything else. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? 10 * tens + ones : Number.NaN;
}

function epochTime(value: number): number | undefined {
  // Below, a number that is called 'time' is a duration or a counter.
  if (!Number.isFinite(value) || value < 1e8) return undefined;
  if (value < 1e11) return Math.round(value * 1e6) / 1e3;
  if (value < 1e14) return value;
  if (value < 1e17) return value / 1e3;
  return value < 1e19 ? Math.round(value / 1e3) / 1e3 : undefined;
}

/** The time of what a record tells, epoch ms; undefined where it carries none. `name` looks at one field alone. */
export function eventTime(record: JsonObject, name?: string): number | undefined {
  for (const each of name === undefined ? EVENT_TIME_NAMES : [name]) {
    const time = parseTime(fieldOf(record, each));
    if (time !== undefined) return time;
  }
  return undefined;
}
