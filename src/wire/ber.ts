import { ByteWriter, MAX_TEXT, utf8Bytes, wireText } from './bytes.ts';

/**
 * The Basic Encoding Rules of ASN.1 (ITU-T X.690) as far as SNMP, LDAP and Kerberos use them: definite lengths, primitive strings. The indefinite
 * form is refused, as RFC 4511 section 5.1 and DER do; SNMP agents do not send it.
 */

export const BER_BOOLEAN = 0x01;
export const BER_INTEGER = 0x02;
export const BER_BIT_STRING = 0x03;
export const BER_OCTET_STRING = 0x04;
export const BER_NULL = 0x05;
export const BER_OID = 0x06;
export const BER_ENUMERATED = 0x0a;
export const BER_SEQUENCE = 0x30;
export const BER_SET = 0x31;

const CONSTRUCTED = 0x20;
/** OIDs have at most 128 sub-identifiers (RFC 2578 section 3.5). */
const MAX_ARCS = 128;

/** One element: its identifier, and where its content lies in the buffer it was read from. */
export interface BerElement {
  /** The first identifier byte: class in bits 8 and 7, constructed in bit 6, tag number below; `BER_SEQUENCE`, 0xa0 for [0] constructed, ... */
  readonly tag: number;
  /** Tag number, also above 30. */
  readonly number: number;
  readonly constructed: boolean;
  /** First byte of the content. */
  readonly from: number;
  /** End of the content, never behind the end that was given. */
  readonly to: number;
  /** True where the element claims more than the bytes that are there: it goes on in another segment, was cut, or lies. */
  readonly cut: boolean;
}

/** The element that was read last, so that one that is only stepped over makes no object. */
const HEAD = { number: 0, from: 0, to: 0 };

/** Reads an element's identifier and length into HEAD; its end may lie behind `end`. False when they can't be read. */
function readHead(bytes: Uint8Array, at: number, end: number): boolean {
  if (at + 2 > end) return false;
  let here = at + 1;
  let number = bytes[at] & 31;
  if (number === 31) {
    number = 0;
    let byte: number;
    let count = 0;
    do {
      if (here >= end || ++count > 4) return false;
      byte = bytes[here++];
      number = (number << 7) | (byte & 127);
    } while (byte & 128);
  }
  if (here >= end) return false;
  let length = bytes[here++];
  if (length >= 0x80) {
    const count = length & 127;
    // Four bytes of length are 4 GiB; leading zeros are allowed in BER, but nobody needs more of them than that.
    if (count === 0 || count > 4 || here + count > end) return false;
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + bytes[here++];
  }
  HEAD.number = number;
  HEAD.from = here;
  HEAD.to = here + length;
  return true;
}

/** The element at `at`, or undefined when no identifier and definite length can be read there. The next one begins at its `to`. */
export function readBer(bytes: Uint8Array, at: number, end: number): BerElement | undefined {
  if (!readHead(bytes, at, end)) return undefined;
  const { number, from, to } = HEAD;
  const tag = bytes[at];
  const cut = to > end;
  return { tag, number, constructed: (tag & CONSTRUCTED) !== 0, from, to: cut ? end : to, cut };
}

/** The first of the elements inside a constructed one, at most `max`, that has this identifier byte: as `berChildren(bytes, parent, max).find(({ tag }) => ...)`, without the others. */
export function findBer(bytes: Uint8Array, parent: BerElement, tag: number, max = 64): BerElement | undefined {
  let at = parent.from;
  for (let i = 0; i < max && at < parent.to; i++) {
    if (bytes[at] === tag) return readBer(bytes, at, parent.to);
    if (!readHead(bytes, at, parent.to)) return undefined;
    at = HEAD.to;
  }
  return undefined;
}

/** The element at `at` when it has this identifier byte, else undefined. */
export function expectBer(bytes: Uint8Array, at: number, end: number, tag: number): BerElement | undefined {
  return at < end && bytes[at] === tag ? readBer(bytes, at, end) : undefined;
}

/** The elements inside a constructed one, at most `max`. Ends at the first that cannot be read; a last one that is cut is among them. */
export function berChildren(bytes: Uint8Array, parent: BerElement, max = 64): BerElement[] {
  const children: BerElement[] = [];
  for (let at = parent.from; at < parent.to && children.length < max; ) {
    const child = readBer(bytes, at, parent.to);
    if (child === undefined) break;
    children.push(child);
    at = child.to;
  }
  return children;
}

/** Content as a signed integer (INTEGER, ENUMERATED, whatever the tag); undefined when empty, cut or beyond ±2^53. */
export function berInteger(bytes: Uint8Array, element: BerElement): number | undefined {
  if (element.cut || element.from === element.to) return undefined;
  // Read as a signed first byte, which a longer encoding only extends.
  let value = (bytes[element.from] << 24) >> 24;
  for (let i = element.from + 1; i < element.to; i++) {
    value = value * 256 + bytes[i];
    if (!Number.isSafeInteger(value)) return undefined;
  }
  return value;
}

/** Content as an unsigned number, as SNMP's counters are meant even where the sign bit is set; undefined when empty, cut or from 2^53 on. */
export function berUnsigned(bytes: Uint8Array, element: BerElement): number | undefined {
  if (element.cut || element.from === element.to) return undefined;
  let value = 0;
  for (let i = element.from; i < element.to; i++) {
    value = value * 256 + bytes[i];
    if (!Number.isSafeInteger(value)) return undefined;
  }
  return value;
}

/** Content as a truth value; undefined unless it is one byte. */
export function berBoolean(bytes: Uint8Array, element: BerElement): boolean | undefined {
  return element.cut || element.to - element.from !== 1 ? undefined : bytes[element.from] !== 0;
}

/** The first 32 bits of a BIT STRING as an unsigned word, first bit highest (Kerberos flags); missing bits are 0. Undefined when empty or cut. */
export function berBits(bytes: Uint8Array, element: BerElement): number | undefined {
  if (element.cut || element.to - element.from < 1) return undefined;
  let word = 0;
  for (let i = 1; i <= 4; i++) word = (word << 8) | (element.from + i < element.to ? bytes[element.from + i] : 0);
  return word >>> 0;
}

/** Content as text from the network (`wireText`). What is cut is given as far as it goes. */
export function berText(bytes: Uint8Array, element: BerElement, max = MAX_TEXT): string {
  return wireText(bytes, element.from, element.to, max);
}

/**
 * Content as a dotted object identifier, X.690 section 8.19: '1.3.6.1.2.1.1.1.0'. Undefined when it is empty, cut, ends inside a sub-identifier, has
 * more than 128 of them, or one of 2^53 and above.
 */
export function berOid(bytes: Uint8Array, element: BerElement): string | undefined {
  if (element.cut) return undefined;
  return oidText(bytes, element.from, element.to);
}

function oidText(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (from >= to || bytes[to - 1] & 128) return undefined;
  let out = '';
  let arcs = 0;
  let value = 0;
  for (let i = from; i < to; i++) {
    value = value * 128 + (bytes[i] & 127);
    if (!Number.isSafeInteger(value)) return undefined;
    if (bytes[i] & 128) continue;
    if (arcs === 0) {
      // The first two arcs share one number: 40 × first + second, and the first is at most 2.
      const first = Math.min(2, Math.floor(value / 40));
      out = `${first}.${value - 40 * first}`;
      arcs = 2;
    } else {
      if (++arcs > MAX_ARCS) return undefined;
      out += `.${value}`;
    }
    value = 0;
  }
  return out;
}

/** An element with this one-byte identifier and this content, its length in the shortest form. */
export function encodeBer(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter().u8(tag);
  const length = content.reduce((n, part) => n + part.length, 0);
  if (length < 0x80) out.u8(length);
  else if (length < 0x100) out.u8(0x81).u8(length);
  else if (length < 0x10000) out.u8(0x82).u16(length);
  else out.u8(0x84).u32(length);
  for (const part of content) out.bytes(part);
  return out.finish();
}

/** A safe integer in the fewest bytes of two's complement. */
export function encodeBerInteger(value: number, tag = BER_INTEGER): Uint8Array {
  const content: number[] = [];
  let rest = value;
  do {
    content.unshift(((rest % 256) + 256) % 256);
    rest = Math.floor(rest / 256);
  } while (!((rest === 0 && content[0] < 128) || (rest === -1 && content[0] >= 128)));
  return encodeBer(tag, Uint8Array.from(content));
}

/** Text as UTF-8 in an OCTET STRING, or under another tag. */
export function encodeBerText(text: string, tag = BER_OCTET_STRING): Uint8Array {
  return encodeBer(tag, utf8Bytes(text));
}

/** A dotted object identifier of at least two arcs. */
export function encodeBerOid(oid: string, tag = BER_OID): Uint8Array {
  const [first = 0, second = 0, ...rest] = oid.split('.').map(Number);
  const content: number[] = [];
  for (const arc of [40 * first + second, ...rest]) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(128 | (left % 128));
    content.push(...digits);
  }
  return encodeBer(tag, Uint8Array.from(content));
}
