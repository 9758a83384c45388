/**
 * Cells of CSV as bytes. Each function writes at a place where the caller has made room, and gives back the place behind what it wrote. Up to `COPY_SLACK` bytes behind it may be written, too: digits and
 * texts go out in words of four bytes.
 */

/** Bytes that a number takes at most. */
export const NUMBER_BYTES = 33;

const ENCODER = new TextEncoder();
const MINUS = 0x2d;
const DOT = 0x2e;

/** The three digits of each number below 1,000 as the first bytes of a word; the same without zeros in front, and how many there are then. */
const TRIPLES = new Int32Array(1000);
const LEADS = new Int32Array(1000);
const LENGTHS = new Uint8Array(1000);
/** How many of the three digits are left without zeros at the end. */
const TRIMMED = new Uint8Array(1000);
for (let value = 0; value < 1000; value++) {
  const text = String(value);
  TRIPLES[value] = wordOf(text.padStart(3, '0'));
  LEADS[value] = wordOf(text);
  LENGTHS[value] = text.length;
  TRIMMED[value] = text.padStart(3, '0').replace(/0+$/, '').length;
}

function wordOf(text: string): number {
  let word = 0;
  for (let i = 0; i < 4; i++) word = (word << 8) | (i < text.length ? text.charCodeAt(i) : 0);
  return word;
}

/** A whole number from 0 to 2^31 - 1. */
export function putWhole(view: DataView, at: number, value: number): number {
  if (value < 1000) return putLead(view, at, value);
  const thousands = (value / 1000) | 0;
  const to = thousands < 1000 ? putLead(view, at, thousands) : putMillions(view, at, thousands);
  view.setInt32(to, TRIPLES[value - thousands * 1000] as number);
  return to + 3;
}

/** A whole number from 1,000 to 2^31 / 1,000. */
function putMillions(view: DataView, at: number, thousands: number): number {
  const millions = (thousands / 1000) | 0;
  const to = millions < 1000 ? putLead(view, at, millions) : putWhole(view, at, millions);
  view.setInt32(to, TRIPLES[thousands - millions * 1000] as number);
  return to + 3;
}

/** A whole number from 0 to 999. */
function putLead(view: DataView, at: number, value: number): number {
  view.setInt32(at, LEADS[value] as number);
  return at + (LENGTHS[value] as number);
}

/** The three digits of a number from 0 to 999. */
export function putTriple(view: DataView, at: number, value: number): number {
  view.setInt32(at, TRIPLES[value] as number);
  return at + 3;
}

/**
 * The i-th of some numbers. Whole ones in full; others rounded to 6 decimals (a nanosecond, where the unit is ms), from a thousand million on to 3 (a microsecond). Nothing for what is no finite number.
 *
 * It takes the array, and hands on whole numbers alone: V8 makes an object of every other number that goes from function to function.
 */
export function putNumber(view: DataView, at: number, values: Float64Array, i: number): number {
  const value = values[i] as number;
  if (!(value >= 0 && value < 1e9)) return putOther(view, at, values, i);
  const whole = value | 0;
  if (value === whole) return putWhole(view, at, whole);
  const fraction = Math.round(value * 1e6) - whole * 1e6;
  if (fraction >= 1e6) return putWhole(view, at, whole + 1);
  const to = putWhole(view, at, whole);
  if (fraction === 0) return to;
  const thousandths = (fraction / 1000) | 0;
  const rest = fraction - thousandths * 1000;
  view.setUint8(to, DOT);
  view.setInt32(to + 1, TRIPLES[thousandths] as number);
  if (rest === 0) return to + 1 + (TRIMMED[thousandths] as number);
  view.setInt32(to + 4, TRIPLES[rest] as number);
  return to + 4 + (TRIMMED[rest] as number);
}

/** As `putNumber` for what is negative, large or no number. */
function putOther(view: DataView, at: number, values: Float64Array, i: number): number {
  const value = values[i] as number;
  if (!Number.isFinite(value)) return at;
  if (value < 0) {
    view.setUint8(at, MINUS);
    return putNumber(view, at + 1, Float64Array.of(-value), 0);
  }
  const isWhole = value === Math.floor(value);
  // Beyond these the products and quotients below would not be exact.
  if (value >= (isWhole ? 2 ** 53 : 2 ** 43)) return putAscii(view, at, String(value));
  const thousandths = isWhole ? 0 : Math.round(value * 1e3);
  const whole = isWhole ? value : Math.floor(thousandths / 1e3);
  const high = Math.floor(whole / 1e9);
  const low = whole - high * 1e9;
  const millions = (low / 1e6) | 0;
  const thousands = ((low - millions * 1e6) / 1000) | 0;
  let to = putTriple(view, putWhole(view, at, high), millions);
  to = putTriple(view, to, thousands);
  to = putTriple(view, to, low - millions * 1e6 - thousands * 1000);
  const fraction = isWhole ? 0 : thousandths - whole * 1e3;
  if (fraction === 0) return to;
  view.setUint8(to, DOT);
  view.setInt32(to + 1, TRIPLES[fraction] as number);
  return to + 1 + (TRIMMED[fraction] as number);
}

/** A whole number of 32 bits. */
export function putInt(view: DataView, at: number, value: number): number {
  if (value >= 0) return putWhole(view, at, value);
  if (value === -(2 ** 31)) return putAscii(view, at, String(value));
  view.setUint8(at, MINUS);
  return putWhole(view, at + 1, -value);
}

/** Text of which every character is ASCII. */
export function putAscii(view: DataView, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
  return at + text.length;
}

/** Bytes behind the end that may be written, and by `putCopy` read. */
export const COPY_SLACK = 3;

/** Bytes `[from, end)` of a buffer, four at a time: most texts are short, and for these a call that copies takes several times as long. */
export function putCopy(to: DataView, at: number, source: DataView, from: number, end: number): number {
  let next = at;
  for (let i = from; i < end; i += 4) {
    to.setInt32(next, source.getInt32(i));
    next += 4;
  }
  return at + end - from;
}

/** Bytes that grow as they are written. */
export class GrowingBytes {
  bytes: Uint8Array<ArrayBuffer>;
  /** Of the whole of `bytes`. */
  view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `n` bytes behind the first `at`, perhaps in a new array. */
  room(at: number, n: number): void {
    if (at + n <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, at + n));
    grown.set(this.bytes.subarray(0, at));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  /** Text in UTF-8 from `at` on, with room made for it. Returns the place behind it. */
  text(at: number, text: string): number {
    this.room(at, 3 * text.length);
    return at + ENCODER.encodeInto(text, this.bytes.subarray(at)).written;
  }
}
