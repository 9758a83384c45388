import { isoTime } from '../../core/index.ts';

/** Epoch ms of a date or time in ISO 8601, UTC where it names no zone; undefined for what no calendar has. */
export function parseTime(text: string): number | undefined {
  const match =
    /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d{2}:?\d{2})?)?$/.exec(
      text.trim(),
    );
  if (match === null) return undefined;
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match;
  const days = Date.UTC(Number(year), Number(month) - 1, Number(day));
  if (!isoTime(days).startsWith(`${year}-${month}-${day}`)) return undefined;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined;
  let offsetMinutes = 0;
  if (zone !== 'Z' && zone !== 'z') {
    const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
    offsetMinutes = zone.startsWith('-') ? -minutes : minutes;
  }
  return (
    days +
    Number(hour) * 36e5 +
    (Number(minute) - offsetMinutes) * 6e4 +
    Number(second) * 1e3 +
    Number(`0.${fraction === '' ? '0' : fraction}`) * 1e3
  );
}
