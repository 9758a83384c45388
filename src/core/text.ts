/** Text for people, and the one place where text from the network is made harmless before it reaches a terminal. */

/** 1,234,567. */
export function humanCount(n: number): string {
  const rounded = Math.round(n);
  // The international library knows how as well, but it takes 7 MB of memory when it is first asked.
  return Number.isSafeInteger(rounded) && !Object.is(rounded, -0)
    ? String(rounded).replace(/\B(?=(?:\d{3})+$)/g, ',')
    : rounded.toLocaleString('en-US');
}

/** Bytes for people, decimal units as in network tools: '950 B', '1.2 kB', '3.4 MB'. */
export function humanBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : Number(value.toFixed(1))} ${units[unit]}`;
}

/** '1 host', '3 hosts', '2 addresses': English plural by -s, or by the form given. */
export function counted(n: number, noun: string, plural = `${noun}s`): string {
  return `${humanCount(n)} ${n === 1 ? noun : plural}`;
}

/**
 * Makes text from the network safe to print on a terminal or to lay into running text: control characters, escapes, bidirectional
 * overrides, zero-width and private-use characters and lone surrogates become visible `\u{..}` escapes; longer than `max` is cut with an ellipsis.
 */
export function safeText(text: string, max = 200): string {
  if (text.length <= max && isPrintable(text)) return text;
  let out = '';
  let length = 0;
  for (const ch of text) {
    if (length >= max) return `${out}…`;
    const code = ch.codePointAt(0) ?? 0;
    out += isUnsafe(code) ? `\\u{${code.toString(16)}}` : ch;
    length++;
  }
  return out;
}

/** A sentence begins with a capital, but for one that begins with an address: `fe80::1` and `b8:27:eb:00:00:01` stay as they are written everywhere else. */
export function capitalised(text: string): string {
  return /^[0-9a-f]{0,4}:[0-9a-f:]/i.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

/** Whether every character is printable ASCII: what nearly all text from networks is. */
export function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

function isUnsafe(code: number): boolean {
  return (
    code < 0x20 ||
    (code >= 0x7f && code <= 0x9f) ||
    code === 0xad ||
    code === 0x61c ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    (code >= 0xd800 && code <= 0xf8ff) ||
    code === 0xfeff ||
    (code >= 0xfff0 && code <= 0xfffb) ||
    (code >= 0xe0000 && code <= 0x10ffff)
  );
}

const SHORT = 256;
/** One array for each length up to SHORT, when it is first asked for: a call with the elements of a plain array is many times as fast as with those of a view. */
const CODES: (number[] | undefined)[] = new Array<number[] | undefined>(SHORT + 1).fill(undefined);
/** More arguments than this may be more than a call can take. */
const MOST_ARGUMENTS = 8192;

function codesOf(n: number): number[] {
  let codes = CODES[n];
  if (codes === undefined) {
    codes = new Array<number>(n).fill(0);
    CODES[n] = codes;
  }
  return codes;
}

/** One character per byte of `bytes[from, to)`, as one flat string: joined piece by piece it would stay a chain of pieces, many times its size, for as long as it lives. */
export function asciiText(bytes: Uint8Array, from: number, to: number): string {
  const n = to - from;
  if (n <= 0) return '';
  // What lies outside the array is no byte: shorter then, as a view would be.
  if (n > SHORT || from < 0 || to > bytes.length) {
    let text = '';
    for (let at = from; at < to; at += MOST_ARGUMENTS)
      text += Reflect.apply(String.fromCharCode, null, bytes.subarray(at, Math.min(to, at + MOST_ARGUMENTS)));
    return text;
  }
  const codes = codesOf(n);
  for (let i = 0; i < n; i++) codes[i] = bytes[from + i];
  return Reflect.apply(String.fromCharCode, null, codes);
}

/** The characters `text[from, to)` as a flat string of their own: what is cut out of a longer text keeps all of that alive for as long as it lives. */
export function ownText(text: string, from = 0, to = text.length): string {
  const n = to - from;
  if (n <= 0) return '';
  // So long a text is hardly ever a small part of a longer one.
  if (n > MOST_ARGUMENTS) return text.slice(from, to);
  const codes = n > SHORT ? new Array<number>(n).fill(0) : codesOf(n);
  for (let i = 0; i < n; i++) codes[i] = text.charCodeAt(from + i);
  return Reflect.apply(String.fromCharCode, null, codes);
}

/** Writes each UTF-16 unit of a text by itself as UTF-8 has it (CESU-8), so that halves of pairs that stand alone come back too: `unitText` is its other way. @returns where they end. */
export function writeUnits(text: string, bytes: Uint8Array, at: number): number {
  let to = at;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes[to++] = unit;
    else {
      if (unit < 0x800) bytes[to++] = 0xc0 | (unit >> 6);
      else {
        bytes[to++] = 0xe0 | (unit >> 12);
        bytes[to++] = 0x80 | ((unit >> 6) & 0x3f);
      }
      bytes[to++] = 0x80 | (unit & 0x3f);
    }
  }
  return to;
}

/** The text of bytes in which each UTF-16 unit stands by itself as UTF-8 has it (CESU-8), halves of pairs that stand alone among them. */
export function unitText(bytes: Uint8Array, from: number, to: number): string {
  let isAscii = true;
  for (let at = from; at < to && isAscii; at++) isAscii = bytes[at] < 0x80;
  if (isAscii) return asciiText(bytes, from, to);
  let n = 0;
  for (let at = from; at < to; at++) if ((bytes[at] & 0xc0) !== 0x80) n++;
  const units = n > SHORT ? new Array<number>(n).fill(0) : codesOf(n);
  for (let at = from, i = 0; i < n; i++) {
    const first = bytes[at++];
    if (first < 0x80) units[i] = first;
    else if (first < 0xe0) units[i] = ((first & 0x1f) << 6) | (bytes[at++] & 0x3f);
    else {
      units[i] = ((first & 0x0f) << 12) | ((bytes[at] & 0x3f) << 6) | (bytes[at + 1] & 0x3f);
      at += 2;
    }
  }
  if (n <= MOST_ARGUMENTS) return Reflect.apply(String.fromCharCode, null, units);
  let text = '';
  for (let i = 0; i < n; i += MOST_ARGUMENTS)
    text += Reflect.apply(String.fromCharCode, null, units.slice(i, i + MOST_ARGUMENTS));
  return text;
}

/** The two hex digits of each byte. */
const HEX_PAIRS: readonly string[] = Array.from({ length: 256 }, (_, b) => b.toString(16).padStart(2, '0'));

/** A byte as two lower-case hex digits. */
export function hexByte(byte: number): string {
  return HEX_PAIRS[byte & 255];
}

const HEX_DIGITS = Uint8Array.from('0123456789abcdef', (c) => c.charCodeAt(0));
const BASE64_DIGITS = Uint8Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', (c) =>
  c.charCodeAt(0),
);
/** Writes `from[at, at + n)` as lower-case hex to `out[to, to + 2n)`. */
export function writeHex(from: Uint8Array, at: number, n: number, out: Uint8Array, to: number): void {
  for (let i = 0; i < n; i++) {
    const b = from[at + i];
    out[to + 2 * i] = HEX_DIGITS[b >> 4];
    out[to + 2 * i + 1] = HEX_DIGITS[b & 15];
  }
}

/** Writes Base64 with padding (RFC 4648 section 4) of a SHA-1 digest, five big-endian words, to `out[to, to + 28)`. */
export function writeDigestBase64(digest: Int32Array, out: Uint8Array, to: number): void {
  let at = to;
  // Bits that were taken from the words and not yet written, `held` of them.
  let bits = 0;
  let held = 0;
  for (let i = 0; i < 5; i++) {
    const word = digest[i];
    let left = 32;
    if (held > 0) {
      left -= 6 - held;
      out[at++] = BASE64_DIGITS[((bits << (6 - held)) | (word >>> left)) & 63];
    }
    while (left >= 6) {
      left -= 6;
      out[at++] = BASE64_DIGITS[(word >>> left) & 63];
    }
    bits = word & ((1 << left) - 1);
    held = left;
  }
  out[at++] = BASE64_DIGITS[(bits << (6 - held)) & 63];
  out[at++] = 0x3d;
}
