import { ByteWriter } from './bytes.ts';
import { FIRST_DATA_SET } from './netflow-template.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';

/** NetFlow version 9, RFC 3954 section 5: a header, then flow sets of templates, options templates and data. */

const COUNT = 2;
const UPTIME = 4;
const SECONDS = 8;
const SEQUENCE = 12;
const SOURCE_ID = 16;
const HEADER_BYTES = 20;
const SET_HEADER_BYTES = 4;
/** A datagram holds at most 65,507 bytes, and a record is a byte or more. */
const MOST_RECORDS = 65_507;

export const NETFLOW9_TEMPLATES = 0;
export const NETFLOW9_OPTIONS_TEMPLATES = 1;

export interface Netflow9Header {
  /** Records of all kinds that the header claims; exporters also count sets. Nothing rests on it. */
  readonly count: number;
  readonly uptimeMs: number;
  /** Epoch ms. */
  readonly exportMs: number;
  /** Datagrams exported before this one. */
  readonly sequence: number;
  /** Source id: the observation domain. */
  readonly domain: number;
}

/** The header at [at, end), or undefined when it is none: it must have the version and a first set that can be one. */
export function decodeNetflow9(bytes: Uint8Array, at: number, end: number): Netflow9Header | undefined {
  if (end - at < HEADER_BYTES) return undefined;
  const u16 = (o: number): number => (bytes[at + o] << 8) | bytes[at + o + 1];
  const u32 = (o: number): number => ((u16(o) << 16) | u16(o + 2)) >>> 0;
  const count = u16(COUNT);
  if (u16(0) !== 9 || count > MOST_RECORDS) return undefined;
  if (end - at >= HEADER_BYTES + SET_HEADER_BYTES) {
    const id = u16(HEADER_BYTES);
    if ((id > NETFLOW9_OPTIONS_TEMPLATES && id < FIRST_DATA_SET) || u16(HEADER_BYTES + 2) < SET_HEADER_BYTES)
      return undefined;
  }
  return {
    count,
    uptimeMs: u32(UPTIME),
    exportMs: u32(SECONDS) * 1000,
    sequence: u32(SEQUENCE),
    domain: u32(SOURCE_ID),
  };
}

/** What a set is: its number, and its content without the header. */
export type SetVisitor = (id: number, at: number, end: number) => void;

/**
 * Tells of every flow set of the datagram at [at, end), header included, and returns where it ends: where no set follows, or the header of another datagram. A set that claims more
 * bytes than there are is counted and told of as far as it goes.
 */
export function walkNetflow9(
  bytes: Uint8Array,
  at: number,
  end: number,
  oddities: OddityCounter,
  visit: SetVisitor,
): number {
  let here = at + HEADER_BYTES;
  while (end - here >= SET_HEADER_BYTES) {
    const id = (bytes[here] << 8) | bytes[here + 1];
    const length = (bytes[here + 2] << 8) | bytes[here + 3];
    // Set 9 can't be (2 to 255 are reserved), so in a file it is the version of the next datagram.
    if (id === 9 && decodeNetflow9(bytes, here, end) !== undefined) return here;
    // Some exporters fill a datagram of fixed size up with zeros.
    if (id === 0 && length === 0) return end;
    if (length < SET_HEADER_BYTES) {
      oddities.count(ODDITY['netflow.lying-length']);
      return end;
    }
    if (length > end - here) {
      oddities.count(ODDITY['netflow.lying-length']);
      visit(id, here + SET_HEADER_BYTES, end);
      return end;
    }
    visit(id, here + SET_HEADER_BYTES, here + length);
    here += length;
  }
  return end;
}

/** A datagram of sets that `encodeSet`, `encodeTemplates` and `encodeRecords` made. */
export function encodeNetflow9(fields: {
  uptimeMs: number;
  /** Epoch ms; whole seconds of it are written. */
  exportMs: number;
  sequence: number;
  domain?: number;
  count?: number;
  sets: readonly Uint8Array[];
}): Uint8Array {
  const { uptimeMs, exportMs, sequence, domain = 0, sets, count = sets.length } = fields;
  const out = new ByteWriter().u16(9).u16(count).u32(uptimeMs);
  out
    .u32(Math.floor(exportMs / 1000))
    .u32(sequence)
    .u32(domain);
  for (const set of sets) out.bytes(set);
  return out.finish();
}

export function summarizeNetflow9(header: Netflow9Header): string {
  return `NetFlow v9 datagram ${header.sequence} of domain ${header.domain}, ${header.count} records`;
}
