/** Cells of CSV as bytes. Each function writes at a place where the caller has made room, and gives back the place behind what it wrote. */

/** Bytes that a number takes at most. */
export const NUMBER_BYTES = 33;

const ENCODER = new TextEncoder();
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;

/** The two digits of each number below 100, one number after another. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, i) => ZERO + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10));

/** A whole number from 0 to 2^31 - 1. */
export function putWhole(bytes: Uint8Array, at: number, value: number): number {
  if (value < 10) {
    bytes[at] = ZERO + value;
    return at + 1;
  }
  const end = at + digitsOf(value);
  putDigits(bytes, at, end, value);
  return end;
}

/** The last digits of a whole number from 0 to 2^31 - 1 into `[from, to)`, with zeros in front. */
export function putDigits(bytes: Uint8Array, from: number, to: number, value: number): void {
  let rest = value | 0;
  let at = to;
  while (at - from >= 2) {
    const next = (rest / 100) | 0;
    const pair = 2 * (rest - next * 100);
    at -= 2;
    bytes[at] = PAIRS[pair] as number;
    bytes[at + 1] = PAIRS[pair + 1] as number;
    rest = next;
  }
  if (at > from) bytes[from] = ZERO + (rest % 10);
}

function digitsOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  if (value < 100_000_000) return value < 1_000_000 ? (value < 100_000 ? 5 : 6) : value < 10_000_000 ? 7 : 8;
  return value < 1_000_000_000 ? 9 : 10;
}

/**
 * Whole numbers in full; others rounded to 6 decimals (a nanosecond, where the unit is ms), from a thousand million on to 3 (a microsecond). Nothing for what is no finite number.
 */
export function putNumber(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 0 && value <= 0x7fffffff && value === (value | 0)) return putWhole(bytes, at, value | 0);
  if (!Number.isFinite(value)) return at;
  let magnitude = value;
  let to = at;
  if (value < 0) {
    bytes[to++] = MINUS;
    magnitude = -value;
  }
  const isWhole = magnitude === Math.floor(magnitude);
  // Beyond these the products and quotients below would not be exact.
  if (magnitude >= (isWhole ? 2 ** 53 : 2 ** 43)) return putAscii(bytes, to, String(magnitude));
  if (isWhole) return putLarge(bytes, to, magnitude);
  const decimals = magnitude < 1e9 ? 6 : 3;
  const unit = decimals === 6 ? 1e6 : 1e3;
  const scaled = Math.round(magnitude * unit);
  const whole = Math.floor(scaled / unit);
  const fraction = (scaled - whole * unit) | 0;
  to = putLarge(bytes, to, whole);
  if (fraction === 0) return to;
  bytes[to] = DOT;
  const end = to + 1 + decimals;
  putDigits(bytes, to + 1, end, fraction);
  to = end;
  while (bytes[to - 1] === ZERO) to--;
  return to;
}

/** A whole number from 0 to 2^53. */
function putLarge(bytes: Uint8Array, at: number, value: number): number {
  if (value <= 0x7fffffff) return putWhole(bytes, at, value | 0);
  const high = Math.floor(value / 1e9);
  const to = putLarge(bytes, at, high);
  putDigits(bytes, to, to + 9, (value - high * 1e9) | 0);
  return to + 9;
}

/** Text of which every character is ASCII. */
export function putAscii(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** `putCopy` reads and writes up to so many bytes behind the end. */
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
