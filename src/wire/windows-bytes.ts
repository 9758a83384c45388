import { safeText } from '../core/index.ts';
import { MAX_TEXT, utf8Bytes, wireText } from './bytes.ts';

/** What the Windows protocols share: little-endian numbers, UUIDs, UTF-16 text, and a writer for them. All text is bounded and printable. */

export function u16le(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

export function u32le(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/**
 * The UTF-16LE text in [from, to): one final NUL is dropped, an odd last byte is ignored, characters that would mislead a reader are written as
 * `\u{..}` (`safeText`), and longer than `max` characters is cut with an ellipsis.
 */
export function utf16Text(bytes: Uint8Array, from: number, to: number, max = MAX_TEXT): string {
  let units = (to - from) >> 1;
  if (units > 0 && bytes[from + 2 * units - 2] === 0 && bytes[from + 2 * units - 1] === 0) units--;
  const taken = Math.min(units, 2 * max + 2);
  let text = '';
  for (let i = 0; i < taken; i++) text += String.fromCharCode(u16le(bytes, from + 2 * i));
  return safeText(text, max);
}

/** The text in [from, to) in the sender's 8-bit character set, which is not known: ASCII and UTF-8 are read, the rest is `\xNN`. One final NUL is dropped. */
export function oemText(bytes: Uint8Array, from: number, to: number, max = MAX_TEXT): string {
  return wireText(bytes, from, to > from && bytes[to - 1] === 0 ? to - 1 : to, max);
}

/** Where the NUL that ends the text at `from` stands, or -1 when there is none before `end`. `width` is 1 or 2 bytes per character. */
export function terminatorAt(bytes: Uint8Array, from: number, end: number, width: number): number {
  for (let i = from; i + width <= end; i += width) if (bytes[i] === 0 && (width === 1 || bytes[i + 1] === 0)) return i;
  return -1;
}

/** A UUID in lower case with dashes; the first three parts are in the byte order of the message (C706 appendix A), the rest is bytes. */
export function uuidText(bytes: Uint8Array, at: number, isLittle = true): string {
  const digits = (from: number, n: number): string => {
    let out = '';
    for (let i = 0; i < n; i++) out += bytes[isLittle ? from + n - 1 - i : from + i].toString(16).padStart(2, '0');
    return out;
  };
  let rest = '';
  for (let i = 8; i < 16; i++) rest += `${i === 10 ? '-' : ''}${bytes[at + i].toString(16).padStart(2, '0')}`;
  return `${digits(at, 4)}-${digits(at + 4, 2)}-${digits(at + 6, 2)}-${rest}`;
}

/** The 16 bytes of a UUID written as text, little-endian. */
export function uuidBytes(text: string): Uint8Array {
  const hex = text.replaceAll('-', '');
  const raw = Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
  const swapped = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(swapped, (i) => raw[i]);
}

/** UTF-16LE bytes of `text`, without a terminator. */
export function utf16Bytes(text: string): Uint8Array {
  return new LittleWriter().utf16(text).finish();
}

/** Grows a little-endian message, for the encoders. */
export class LittleWriter {
  #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  u8(value: number): this {
    this.#bytes.push(value & 255);
    return this;
  }

  u16(value: number): this {
    return this.u8(value).u8(value >>> 8);
  }

  u32(value: number): this {
    return this.u16(value).u16(value >>> 16);
  }

  bytes(value: Uint8Array): this {
    for (const byte of value) this.#bytes.push(byte);
    return this;
  }

  zeros(n: number): this {
    for (let i = 0; i < n; i++) this.#bytes.push(0);
    return this;
  }

  /** UTF-8, without a terminator. */
  text(value: string): this {
    return this.bytes(utf8Bytes(value));
  }

  utf16(value: string): this {
    for (let i = 0; i < value.length; i++) this.u16(value.charCodeAt(i));
    return this;
  }

  /** Pads with zeros to a multiple of n. */
  align(n: number): this {
    while (this.#bytes.length % n !== 0) this.#bytes.push(0);
    return this;
  }

  setU16(at: number, value: number): this {
    this.#bytes[at] = value & 255;
    this.#bytes[at + 1] = (value >>> 8) & 255;
    return this;
  }

  setU32(at: number, value: number): this {
    return this.setU16(at, value).setU16(at + 2, value >>> 16);
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
