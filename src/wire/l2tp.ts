import { ETHERTYPE_PPP } from './ethertype.ts';
import { type Packet, TUNNEL } from './packet.ts';

/** Data messages of L2TP version 2, RFC 2661 section 3.1. */

const HEADER_BYTES = 6;
const CONTROL = 0x8000;
const HAS_LENGTH = 0x4000;
const HAS_SEQUENCE = 0x0800;
const HAS_OFFSET = 0x0200;
const RESERVED = 0x34f0;
const VERSION = 0x000f;

export const PORT_L2TP = 1701;

/** Decodes the header at `at` when it is one of a data message: sets tunnel, `tunnelId` (tunnel in the high, session in the low 16 bits) and `packet.other`, and returns where PPP begins. */
export function decodeL2tp(view: DataView, at: number, end: number, wireEnd: number, packet: Packet): number {
  if (end - at < HEADER_BYTES) return -1;
  const flags = view.getUint16(at);
  if ((flags & (CONTROL | RESERVED)) !== 0 || (flags & VERSION) !== 2) return -1;
  let here = at + 2;
  if ((flags & HAS_LENGTH) !== 0) {
    if (view.getUint16(here) > wireEnd - at) return -1;
    here += 2;
  }
  if (end - here < 4) return -1;
  const id = view.getInt32(here);
  here += 4;
  if ((flags & HAS_SEQUENCE) !== 0) here += 4;
  if ((flags & HAS_OFFSET) !== 0) {
    if (end - here < 2) return -1;
    here += 2 + view.getUint16(here);
  }
  if (end - here < 2) return -1;
  packet.tunnel = TUNNEL.l2tp;
  packet.tunnelId = id;
  packet.other = ETHERTYPE_PPP;
  return here;
}

/** A data message with a length, around a PPP packet. */
export function encodeL2tp(tunnel: number, session: number, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(8 + payload.length);
  const view = new DataView(out.buffer);
  view.setUint16(0, HAS_LENGTH | 2);
  view.setUint16(2, out.length);
  view.setUint16(4, tunnel);
  view.setUint16(6, session);
  out.set(payload, 8);
  return out;
}

/** 'tunnel 1 session 2'. */
export function summarizeL2tp(id: number): string {
  return `tunnel ${id >>> 16} session ${id & 0xffff}`;
}
