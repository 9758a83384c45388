/**
 * Numbers and times of delimited text, straight from its bytes. What a cell says is exact: digits and exponent go the fast way only where IEEE 754 arithmetic rounds once
 * (W. Clinger, "How to read floating point numbers accurately", PLDI 1990: a significand below 2^53 and a power of ten up to 10^22); everything else asks `Number`.
 */

const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const MAX_EXACT = 2 ** 53;
/** No number that means something is longer; what is longer is text. */
const MAX_NUMBER_BYTES = 400;

/** The power of ten that an exponent may have and `Number` still tells from text: beyond it every value is 0 or infinite. */
const MAX_EXPONENT = 100_000;

/**
 * The decimal number that `bytes[from, to)` is, times ten to the power `scale`; NaN where it is none or beyond what a double holds. Digits with an optional sign, fraction and
 * exponent; no spaces, no separators of thousands, no hexadecimal, no `Infinity`.
 */
export function parseNumber(bytes: Uint8Array, from: number, to: number, scale = 0): number {
  let at = from;
  let sign = 1;
  if (at < to && (bytes[at] === 0x2d || bytes[at] === 0x2b)) {
    if (bytes[at] === 0x2d) sign = -1;
    at++;
  }
  let value = 0;
  let digits = 0;
  let seen = 0;
  let exponent = scale;
  for (; at < to; at++) {
    const d = bytes[at] - 0x30;
    if (d < 0 || d > 9) break;
    value = value * 10 + d;
    seen++;
    if (value > 0) digits++;
  }
  if (at < to && bytes[at] === 0x2e) {
    at++;
    for (; at < to; at++) {
      const d = bytes[at] - 0x30;
      if (d < 0 || d > 9) break;
      value = value * 10 + d;
      seen++;
      exponent--;
      if (value > 0) digits++;
    }
  }
  if (seen === 0) return Number.NaN;
  if (at < to) {
    if ((bytes[at] | 0x20) !== 0x65) return Number.NaN;
    at++;
    let exponentSign = 1;
    if (at < to && (bytes[at] === 0x2d || bytes[at] === 0x2b)) {
      if (bytes[at] === 0x2d) exponentSign = -1;
      at++;
    }
    if (at === to) return Number.NaN;
    let e = 0;
    for (; at < to; at++) {
      const d = bytes[at] - 0x30;
      if (d < 0 || d > 9) return Number.NaN;
      if (e < MAX_EXPONENT) e = e * 10 + d;
    }
    exponent += exponentSign * e;
  }
  // A significand of 16 digits is computed without rounding as long as the result itself is small enough.
  if (digits <= 16 && value < MAX_EXACT) {
    if (exponent === 0) return sign * value;
    if (exponent < 0 && exponent >= -22) return (sign * value) / POWERS[-exponent];
    if (exponent > 0 && exponent <= 22) return sign * value * POWERS[exponent];
    if (value === 0) return sign * 0;
  }
  return parseSlowly(bytes, from, to, scale);
}

function parseSlowly(bytes: Uint8Array, from: number, to: number, scale: number): number {
  if (to - from > MAX_NUMBER_BYTES) return Number.NaN;
  let text = '';
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]);
  let scaled = text;
  if (scale !== 0) {
    const [mantissa, exponent = '0'] = text.toLowerCase().split('e');
    scaled = `${mantissa}e${Number(exponent) + scale}`;
  }
  const value = Number(scaled);
  return Number.isFinite(value) ? value : Number.NaN;
}

/** The integer that `bytes[from, to)` is, NaN where it is none or 2^53 and more. */
export function parseInteger(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  let sign = 1;
  if (at < to && (bytes[at] === 0x2d || bytes[at] === 0x2b)) {
    if (bytes[at] === 0x2d) sign = -1;
    at++;
  }
  if (at === to) return Number.NaN;
  let value = 0;
  for (; at < to; at++) {
    const d = bytes[at] - 0x30;
    if (d < 0 || d > 9) return Number.NaN;
    value = value * 10 + d;
    if (value >= MAX_EXACT) return Number.NaN;
  }
  return sign * value;
}

/** Two digits at `at`, -1 where there are none. */
function two(bytes: Uint8Array, at: number): number {
  const a = bytes[at] - 0x30;
  const b = bytes[at + 1] - 0x30;
  return a < 0 || a > 9 || b < 0 || b > 9 ? -1 : a * 10 + b;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** What `parseTime` found beside the value. */
export interface TimeShape {
  /** The text named no zone, so UTC was taken. */
  zoneless: boolean;
}

/**
 * Epoch milliseconds of an ISO 8601 / RFC 3339 date and time, NaN where it is none: `2018-05-10`, `2018-05-10T10:52:47.283479Z`, with a space or `T`, `/` or `-` in the date, `.` or
 * `,` before the fraction, and `Z`, `UTC`, `+02:00`, `+0200` or `+02` behind it. Without a zone it is UTC, and `shape.zoneless` says so. Second 60 is a leap second, the
 * moment after 59.
 */
export function parseTime(bytes: Uint8Array, from: number, to: number, shape?: TimeShape): number {
  if (to - from < 10) return Number.NaN;
  const century = two(bytes, from);
  const year = two(bytes, from + 2);
  const separator = bytes[from + 4];
  if (century < 0 || year < 0 || (separator !== 0x2d && separator !== 0x2f) || bytes[from + 7] !== separator)
    return Number.NaN;
  const y = century * 100 + year;
  const month = two(bytes, from + 5);
  const day = two(bytes, from + 8);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(y, month)) return Number.NaN;
  const days = dayNumber(y, month, day);
  let at = from + 10;
  if (at === to) {
    if (shape !== undefined) shape.zoneless = true;
    return days * DAY_MS;
  }
  if ((bytes[at] !== 0x20 && (bytes[at] | 0x20) !== 0x74) || at + 6 > to) return Number.NaN;
  const hour = two(bytes, at + 1);
  const minute = two(bytes, at + 4);
  if (hour < 0 || hour > 23 || bytes[at + 3] !== 0x3a || minute < 0 || minute > 59) return Number.NaN;
  at += 6;
  let second = 0;
  let fraction = 0;
  if (at < to && bytes[at] === 0x3a) {
    if (at + 3 > to) return Number.NaN;
    second = two(bytes, at + 1);
    if (second < 0 || second > 60) return Number.NaN;
    at += 3;
    if (at < to && (bytes[at] === 0x2e || bytes[at] === 0x2c)) {
      const begin = ++at;
      let digits = 0;
      for (; at < to; at++) {
        const d = bytes[at] - 0x30;
        if (d < 0 || d > 9) break;
        // Fifteen digits are beyond what any clock writes and below what a double holds.
        if (at - begin < 15) {
          fraction = fraction * 10 + d;
          digits++;
        }
      }
      if (at === begin) return Number.NaN;
      // One division of whole numbers: milliseconds are as exact as a double can be once they are added to the rest.
      const whole = days * DAY_MS + hour * 3_600_000 + minute * MINUTE_MS + second * 1000;
      const zone = zoneMs(bytes, at, to, shape);
      const us = (whole - zone) * 1000;
      if (digits <= 6 && Math.abs(us) < MAX_EXACT) return (us + fraction * POWERS[6 - digits]) / 1000;
      return whole - zone + (digits < 3 ? fraction * POWERS[3 - digits] : fraction / POWERS[digits - 3]);
    }
  }
  return days * DAY_MS + hour * 3_600_000 + minute * MINUTE_MS + second * 1000 - zoneMs(bytes, at, to, shape);
}

/** Offset of the zone at `at`, which ends the text; NaN where that is none. */
function zoneMs(bytes: Uint8Array, at: number, to: number, shape: TimeShape | undefined): number {
  let i = at;
  if (i < to && bytes[i] === 0x20) i++;
  if (i === to) {
    if (i !== at) return Number.NaN;
    if (shape !== undefined) shape.zoneless = true;
    return 0;
  }
  if ((bytes[i] | 0x20) === 0x7a && i + 1 === to) return 0;
  if (i + 3 === to && (bytes[i] | 0x20) === 0x75 && (bytes[i + 1] | 0x20) === 0x74 && (bytes[i + 2] | 0x20) === 0x63)
    return 0;
  const sign = bytes[i] === 0x2b ? 1 : bytes[i] === 0x2d ? -1 : 0;
  if (sign === 0 || i + 3 > to) return Number.NaN;
  const hours = two(bytes, i + 1);
  i += 3;
  if (i < to && bytes[i] === 0x3a) i++;
  let minutes = 0;
  if (i < to) {
    if (i + 2 !== to) return Number.NaN;
    minutes = two(bytes, i);
  }
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return Number.NaN;
  return sign * (hours * 60 + minutes) * MINUTE_MS;
}

function daysIn(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 && leap ? 29 : MONTH_DAYS[month - 1];
}

/** Days since 1970-01-01 of the proleptic Gregorian calendar: years begin in March, so that the leap day is the last. */
function dayNumber(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** What a number of a column that holds points in time counts. */
export type EpochUnit = 's' | 'ms' | 'us' | 'ns';

/** Power of ten from the unit to milliseconds, for `parseNumber`. */
export const EPOCH_SCALE: Readonly<Record<EpochUnit, number>> = { s: 3, ms: 0, us: -3, ns: -6 };

/** 1980 to 2100: epoch times of traffic lie here. */
const EARLIEST_S = 315_532_800;
const LATEST_S = 4_102_444_800;

/** The unit in which `value` is a time between 1980 and 2100, undefined where there is none: the ranges do not overlap. */
export function epochUnitOf(value: number): EpochUnit | undefined {
  if (value >= EARLIEST_S && value < LATEST_S) return 's';
  if (value >= EARLIEST_S * 1e3 && value < LATEST_S * 1e3) return 'ms';
  if (value >= EARLIEST_S * 1e6 && value < LATEST_S * 1e6) return 'us';
  if (value >= EARLIEST_S * 1e9 && value < LATEST_S * 1e9) return 'ns';
  return undefined;
}
