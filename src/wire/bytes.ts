import { hexByte, safeText } from '../core/index.ts';
import { latin1 } from './latin1.ts';

/** What the protocol files share for turning bytes into text and back. All functions read [from, to) only. */

/** Characters of a text from the network when the caller says nothing else. */
export const MAX_TEXT = 255;

/**
 * Text from the network: valid UTF-8 is kept where it is printable, all other bytes are written as \xNN, and characters that mislead a reader
 * (`safeText`) as \u{..}. Longer than `max` characters is cut with an ellipsis; no more than 4 × max bytes are looked at.
 */
export function wireText(bytes: Uint8Array, from: number, to: number, max = MAX_TEXT): string {
  let plain = to - from <= max;
  for (let i = from; plain && i < to; i++) plain = bytes[i] >= 0x20 && bytes[i] < 0x7f;
  if (plain) return latin1(bytes, from, to);
  let out = '';
  const stop = Math.min(to, from + 4 * max + 4);
  for (let i = from; i < stop; ) {
    const first = bytes[i];
    const length = utf8Length(bytes, i, to);
    if (length === 1) out += first < 0x20 || first === 0x7f ? hexEscape(first) : String.fromCharCode(first);
    else if (length === 0) out += hexEscape(first);
    else {
      let code = first & (0xff >> (length + 1));
      for (let j = 1; j < length; j++) code = (code << 6) | (bytes[i + j] & 63);
      out += String.fromCodePoint(code);
    }
    i += Math.max(1, length);
  }
  return safeText(out, max);
}

/** Length of the valid UTF-8 sequence at `at` (RFC 3629 section 4: no overlong forms, no surrogates, nothing above 10FFFF), 0 when there is none. */
function utf8Length(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at];
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > end) return 0;
  const second = bytes[at + 1];
  if (
    (first === 0xe0 && second < 0xa0) ||
    (first === 0xed && second > 0x9f) ||
    (first === 0xf0 && second < 0x90) ||
    (first === 0xf4 && second > 0x8f)
  )
    return 0;
  for (let i = at + 1; i < at + length; i++) if ((bytes[i] & 0xc0) !== 0x80) return 0;
  return length;
}

function hexEscape(byte: number): string {
  return `\\x${hexByte(byte)}`;
}

/** Lower-case hex of at most `max` bytes, with an ellipsis behind when there are more. */
export function wireHex(bytes: Uint8Array, from: number, to: number, max = 32): string {
  let out = '';
  for (let i = from; i < Math.min(to, from + max); i++) out += hexByte(bytes[i]);
  return to - from > max ? `${out}…` : out;
}

/** The bytes of hex digits; spaces and colons between them are allowed. A wrong digit gives 0. */
export function hexToBytes(hex: string): Uint8Array {
  const digits = hex.replace(/[\s:]+/g, '');
  return Uint8Array.from(
    { length: digits.length >> 1 },
    (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16) || 0,
  );
}

const UTF8 = new TextEncoder();

/** Grows a message byte by byte, for the encoders. Numbers are big-endian and taken modulo their width. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Makes room for n bytes and says where they begin. Both arrays may be new ones afterwards. */
  #room(n: number): number {
    const at = this.#length;
    this.#length += n;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#room(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    this.#view.setUint32(at, value);
    return this;
  }

  bytes(value: Uint8Array | readonly number[]): this {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** UTF-8, without an end mark. */
  text(value: string): this {
    return this.bytes(UTF8.encode(value));
  }

  zeros(n: number): this {
    this.#room(Math.max(0, n));
    return this;
  }

  /** Writes over two bytes that were written before, as a length field needs it. */
  setU16(at: number, value: number): this {
    this.#view.setUint16(at, value);
    return this;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** The UTF-8 bytes of a text. */
export function utf8Bytes(text: string): Uint8Array {
  return UTF8.encode(text);
}
