import { nearest, UserError } from '../../core/index.ts';
import { Zone } from '../pack/time.ts';

/** A time zone by its name or offset; undefined for what is none. */
export function zoneOf(name: string): Zone | undefined {
  try {
    return new Zone(name);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** The zone that was probably meant. */
export function nearestZone(zone: string): string | undefined {
  return nearest(zone, Intl.supportedValuesOf('timeZone'));
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
