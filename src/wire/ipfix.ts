import { ByteWriter } from './bytes.ts';
import { FIRST_DATA_SET } from './netflow-template.ts';
import type { SetVisitor } from './netflow9.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';

/** IPFIX messages, RFC 7011 section 3: a header with the length of the whole, then sets of templates, options templates and data. */

const LENGTH = 2;
const SECONDS = 4;
const SEQUENCE = 8;
const DOMAIN = 12;
const HEADER_BYTES = 16;
const SET_HEADER_BYTES = 4;

export const IPFIX_TEMPLATES = 2;
export const IPFIX_OPTIONS_TEMPLATES = 3;

export interface IpfixHeader {
  /** Bytes of the message, this header included, as it says itself. */
  readonly length: number;
  /** Epoch ms. */
  readonly exportMs: number;
  /** Data records of the domain exported before this message, modulo 2^32. */
  readonly sequence: number;
  readonly domain: number;
}

/** The header at [at, end), or undefined when it is none: it must have the version, a length, and a first set that can be one. */
export function decodeIpfix(bytes: Uint8Array, at: number, end: number): IpfixHeader | undefined {
  if (end - at < HEADER_BYTES) return undefined;
  const u16 = (o: number): number => (bytes[at + o] << 8) | bytes[at + o + 1];
  const u32 = (o: number): number => ((u16(o) << 16) | u16(o + 2)) >>> 0;
  const length = u16(LENGTH);
  if (u16(0) !== 10 || length < HEADER_BYTES) return undefined;
  if (Math.min(end - at, length) >= HEADER_BYTES + SET_HEADER_BYTES) {
    const id = u16(HEADER_BYTES);
    if ((id !== IPFIX_TEMPLATES && id !== IPFIX_OPTIONS_TEMPLATES && id < FIRST_DATA_SET) || u16(HEADER_BYTES + 2) < 4)
      return undefined;
  }
  return { length, exportMs: u32(SECONDS) * 1000, sequence: u32(SEQUENCE), domain: u32(DOMAIN) };
}

/**
 * Tells of every set of the message at [at, end) and returns where the message ends. A length beyond the bytes there are, of the message or of a set, is counted, and what is there
 * is told of.
 */
export function walkIpfix(
  bytes: Uint8Array,
  at: number,
  end: number,
  oddities: OddityCounter,
  visit: SetVisitor,
): number {
  if (end - at < HEADER_BYTES) return end;
  const length = (bytes[at + LENGTH] << 8) | bytes[at + LENGTH + 1];
  let stop = at + Math.max(length, HEADER_BYTES);
  let lied = false;
  if (stop > end) {
    stop = end;
    lied = true;
  }
  let here = at + HEADER_BYTES;
  while (stop - here >= SET_HEADER_BYTES) {
    const id = (bytes[here] << 8) | bytes[here + 1];
    const setLength = (bytes[here + 2] << 8) | bytes[here + 3];
    if (setLength < SET_HEADER_BYTES) {
      lied = true;
      break;
    }
    if (setLength > stop - here) {
      lied = true;
      visit(id, here + SET_HEADER_BYTES, stop);
      break;
    }
    visit(id, here + SET_HEADER_BYTES, here + setLength);
    here += setLength;
  }
  if (lied) oddities.count(ODDITY['netflow.lying-length']);
  return stop;
}

/** A message of sets that `encodeSet`, `encodeTemplates` and `encodeRecords` made. */
export function encodeIpfix(fields: {
  /** Epoch ms; whole seconds of it are written. */
  exportMs: number;
  sequence: number;
  domain?: number;
  length?: number;
  sets: readonly Uint8Array[];
}): Uint8Array {
  const { exportMs, sequence, domain = 0, sets } = fields;
  const length = fields.length ?? HEADER_BYTES + sets.reduce((n, set) => n + set.length, 0);
  const out = new ByteWriter().u16(10).u16(length);
  out
    .u32(Math.floor(exportMs / 1000))
    .u32(sequence)
    .u32(domain);
  for (const set of sets) out.bytes(set);
  return out.finish();
}

export function summarizeIpfix(header: IpfixHeader): string {
  return `IPFIX message of domain ${header.domain}, ${header.length} bytes, ${header.sequence} records before it`;
}
