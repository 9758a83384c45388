import { type Packet, TUNNEL } from './packet.ts';
import { guessIp } from './ppp.ts';

/** GTP-U, the user plane of mobile networks, 3GPP TS 29.281 section 5. */

const FLAGS = 0;
const TYPE = 1;
const LENGTH = 2;
const TEID = 4;
const HEADER_BYTES = 8;
const OPTIONAL_BYTES = 4;
const NEXT_EXTENSION = 11;
/** Version 1, protocol type GTP. */
const VERSION_1 = 0x30;
const VERSION_MASK = 0xf0;
const HAS_EXTENSION = 0x04;
const HAS_OPTIONAL = 0x07;
const G_PDU = 255;
const MAX_EXTENSIONS = 16;

export const PORT_GTP = 2152;

/**
 * Decodes the header of a G-PDU at `at` and its chain of extension headers. A user's packet has no type of its own, so IP must follow, by version and lengths that
 * fit. Sets tunnel, TEID and `packet.other`; -1 for everything else: echoes, error indications, other protocols on the port.
 */
export function decodeGtp(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  wireEnd: number,
  packet: Packet,
): number {
  if (end - at < HEADER_BYTES) return -1;
  const flags = bytes[at + FLAGS];
  if ((flags & VERSION_MASK) !== VERSION_1 || bytes[at + TYPE] !== G_PDU) return -1;
  const limit = at + HEADER_BYTES + view.getUint16(at + LENGTH);
  if (limit > wireEnd) return -1;
  let here = at + HEADER_BYTES;
  if ((flags & HAS_OPTIONAL) !== 0) {
    if (end - here < OPTIONAL_BYTES) return -1;
    here += OPTIONAL_BYTES;
    let next = (flags & HAS_EXTENSION) !== 0 ? bytes[at + NEXT_EXTENSION] : 0;
    for (let i = 0; next !== 0; i++) {
      if (i === MAX_EXTENSIONS || end - here < 4) return -1;
      const length = bytes[here] << 2;
      if (length === 0 || end - here < length) return -1;
      next = bytes[here + length - 1];
      here += length;
    }
  }
  const type = guessIp(bytes, view, here, end, limit);
  if (type === 0) return -1;
  packet.tunnel = TUNNEL.gtp;
  packet.tunnelId = view.getInt32(at + TEID);
  packet.other = type;
  return here;
}

/** A G-PDU around a user's packet. Extension headers are given as type and content of 2 bytes, or of 2 more than a multiple of 4. */
export function encodeGtp(fields: {
  teid: number;
  payload: Uint8Array;
  sequence?: number;
  extensions?: readonly { readonly type: number; readonly content: Uint8Array }[];
}): Uint8Array {
  const { teid, payload, sequence, extensions = [] } = fields;
  const optional = sequence !== undefined || extensions.length > 0 ? OPTIONAL_BYTES : 0;
  const chain = extensions.reduce((n, { content }) => n + content.length + 2, 0);
  const out = new Uint8Array(HEADER_BYTES + optional + chain + payload.length);
  const view = new DataView(out.buffer);
  out[FLAGS] = VERSION_1 | (extensions.length > 0 ? HAS_EXTENSION : 0) | (sequence === undefined ? 0 : 0x02);
  out[TYPE] = G_PDU;
  view.setUint16(LENGTH, out.length - HEADER_BYTES);
  view.setInt32(TEID, teid);
  if (sequence !== undefined) view.setUint16(HEADER_BYTES, sequence);
  let at = HEADER_BYTES + optional;
  extensions.forEach(({ type, content }, i) => {
    if (i === 0) out[NEXT_EXTENSION] = type;
    out[at] = (content.length + 2) >> 2;
    out.set(content, at + 1);
    at += content.length + 2;
    out[at - 1] = extensions[i + 1]?.type ?? 0;
  });
  out.set(payload, at);
  return out;
}

/** 'TEID 0x00000001'. */
export function summarizeGtp(teid: number): string {
  return `TEID 0x${(teid >>> 0).toString(16).padStart(8, '0')}`;
}
