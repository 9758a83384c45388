import { nearest } from '../../core/index.ts';

/** The part of local time that a zone adds to UTC at an epoch time, both in ms. */
export type ZoneOffset = (epochMs: number) => number;

const QUARTER_MS = 900_000;
/** Quarters of an hour whose offsets are remembered: a year has 35,040. */
const MAX_REMEMBERED = 50_000;

/**
 * The offsets of a time zone: 'UTC', a fixed one as in '+02:00', or a name of the IANA data base as in 'Europe/Berlin', with its summer time.
 * Undefined for what is none of them. Offsets change on whole quarters of an hour, so one look at the data base serves a quarter.
 */
export function zoneOffset(zone: string): ZoneOffset | undefined {
  if (/^(utc|z|gmt)$/i.test(zone)) return () => 0;
  const fixed = /^([+-])(\d{2}):?(\d{2})$/.exec(zone);
  if (fixed !== null) {
    const minutes = Number(fixed[2]) * 60 + Number(fixed[3]);
    if (minutes > 18 * 60 || Number(fixed[3]) > 59) return undefined;
    const offset = (fixed[1] === '-' ? -1 : 1) * minutes * 60_000;
    return () => offset;
  }
  const format = formatOf(zone);
  if (format === undefined) return undefined;
  const known = new Map<number, number>();
  return (epochMs) => {
    const quarter = Math.floor(epochMs / QUARTER_MS);
    let offset = known.get(quarter);
    if (offset === undefined) {
      offset = offsetAt(format, quarter * QUARTER_MS);
      if (known.size >= MAX_REMEMBERED) known.clear();
      known.set(quarter, offset);
    }
    return offset;
  };
}

/** The zone that was probably meant. */
export function nearestZone(zone: string): string | undefined {
  return nearest(zone, Intl.supportedValuesOf('timeZone'));
}

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    // RangeError is how Intl says that it does not know a zone.
    return undefined;
  }
}

function offsetAt(format: Intl.DateTimeFormat, epochMs: number): number {
  if (Math.abs(epochMs) > 8.64e15) return 0;
  const part: Record<string, number> = {};
  let beforeChrist = false;
  for (const { type, value } of format.formatToParts(epochMs)) {
    if (type === 'era') beforeChrist = value.startsWith('B');
    else part[type] = Number(value);
  }
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  const local = Date.UTC(2000, month - 1, day, hour, minute, second);
  const shifted = new Date(local).setUTCFullYear(beforeChrist ? 1 - year : year, month - 1, day);
  return shifted - Math.floor(epochMs / 1000) * 1000;
}

const DAY_MS = 86_400_000;

/** Parts of a local time in ms since 1970. Weekdays are those of ISO 8601: Monday is 1, Sunday 7. */
export const TIME_PARTS: Readonly<
  Record<string, { readonly meaning: string; readonly of: (localMs: number) => number }>
> = {
  hour: { meaning: 'Hour of the day, 0 to 23.', of: (ms) => Math.floor(within(ms, DAY_MS) / 3_600_000) },
  minute: { meaning: 'Minute of the hour, 0 to 59.', of: (ms) => Math.floor(within(ms, 3_600_000) / 60_000) },
  second: { meaning: 'Second of the minute, 0 to 59.', of: (ms) => Math.floor(within(ms, 60_000) / 1000) },
  weekday: {
    meaning: 'Day of the week, Monday 1 to Sunday 7 (ISO 8601).',
    // 1970-01-01 was a Thursday.
    of: (ms) => within(Math.floor(ms / DAY_MS) + 3, 7) + 1,
  },
  day: { meaning: 'Day of the month, 1 to 31.', of: (ms) => new Date(ms).getUTCDate() },
  month: { meaning: 'Month, 1 to 12.', of: (ms) => new Date(ms).getUTCMonth() + 1 },
  time_of_day: {
    meaning: 'Hours since midnight with their fraction, 0 to 24: for cycle_sin and cycle_cos.',
    of: (ms) => within(ms, DAY_MS) / 3_600_000,
  },
};

function within(value: number, length: number): number {
  const rest = value % length;
  return rest < 0 ? rest + length : rest;
}
