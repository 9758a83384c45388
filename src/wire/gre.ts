import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_PPP } from './ethertype.ts';
import { OTHER_LINK, type Packet, TUNNEL } from './packet.ts';

/**
 * GRE (RFC 2784, RFC 2890, RFC 1701 for routing), its version 1 of PPTP (RFC 2637 section 4.1), and what mirrors traffic in it: ERSPAN I, II and III
 * (draft-foschiano-erspan).
 */

const FLAGS = 0;
const PROTOCOL = 2;
const HEADER_BYTES = 4;
const CHECKSUM = 0x8000;
const ROUTING = 0x4000;
const KEY = 0x2000;
const SEQUENCE = 0x1000;
const ACKNOWLEDGEMENT = 0x0080;
const VERSION = 0x0007;
const MAX_ROUTES = 16;

const ERSPAN_2 = 0x88be;
const ERSPAN_3 = 0x22eb;
const ERSPAN_2_BYTES = 8;
const ERSPAN_3_BYTES = 12;
const WCCP = 0x883e;
/** Access points of Aruba's send the 802.11 frames of their clients so. */
const ARUBA_FIRST = 0x8200;
const ARUBA_LAST = 0x82ff;
const ARUBA_OLD = 0x9000;
const LINK_WLAN = 105;

/**
 * Decodes the header at `at`: sets `packet.tunnel`, `tunnelId` (the key, the call of PPTP, the session of ERSPAN) and `packet.other`, the EtherType of what is
 * carried (a whole frame is ETHERTYPE_ETHERNET), and returns where that begins. -1 for a header that is cut or of another version, or without payload.
 */
export function decodeGre(bytes: Uint8Array, view: DataView, at: number, end: number, packet: Packet): number {
  if (end - at < HEADER_BYTES) return -1;
  const flags = view.getUint16(at + FLAGS);
  const protocol = view.getUint16(at + PROTOCOL);
  if ((flags & VERSION) === 1) return decodePptp(view, at, end, flags, protocol, packet);
  if ((flags & VERSION) !== 0) return -1;
  let here = at + HEADER_BYTES;
  if ((flags & (CHECKSUM | ROUTING)) !== 0) here += 4;
  packet.tunnel = TUNNEL.gre;
  packet.tunnelId = 0;
  if ((flags & KEY) !== 0) {
    if (end - here < 4) return -1;
    packet.tunnelId = view.getInt32(here);
    here += 4;
  }
  if ((flags & SEQUENCE) !== 0) here += 4;
  if ((flags & ROUTING) !== 0) here = skipRoutes(bytes, view, here, end);
  if (here < 0 || end - here < 1) return -1;
  packet.other = protocol;
  if (protocol === ERSPAN_2 || protocol === ERSPAN_3) return decodeErspan(view, here, end, flags, protocol, packet);
  if (protocol === WCCP) {
    // Version 2 has 4 bytes of its own before the packet, version 1 has not.
    packet.other = ETHERTYPE_IPV4;
    return bytes[here] >> 4 === 4 ? here : here + 4;
  }
  if ((protocol >= ARUBA_FIRST && protocol <= ARUBA_LAST) || protocol === ARUBA_OLD)
    packet.other = OTHER_LINK + LINK_WLAN;
  return here;
}

function decodePptp(view: DataView, at: number, end: number, flags: number, protocol: number, packet: Packet): number {
  // Without a sequence number there is no payload: the packet only acknowledges.
  if (protocol !== ETHERTYPE_PPP || (flags & KEY) === 0 || (flags & SEQUENCE) === 0 || end - at < 12) return -1;
  const here = at + 12 + ((flags & ACKNOWLEDGEMENT) !== 0 ? 4 : 0);
  if (end - here < 1) return -1;
  packet.tunnel = TUNNEL.pptp;
  packet.tunnelId = view.getUint16(at + 6);
  packet.other = ETHERTYPE_PPP;
  return here;
}

/** Type I is a frame without a header of its own, and GRE then has no sequence number; type II has 8 bytes, type III 12 and perhaps 8 of the platform's. */
function decodeErspan(
  view: DataView,
  at: number,
  end: number,
  flags: number,
  protocol: number,
  packet: Packet,
): number {
  packet.tunnel = TUNNEL.erspan;
  packet.other = ETHERTYPE_ETHERNET;
  if (protocol === ERSPAN_2) {
    if ((flags & SEQUENCE) === 0) return at;
    if (end - at < ERSPAN_2_BYTES) return -1;
    packet.tunnelId = view.getUint16(at + 2) & 0x3ff;
    return at + ERSPAN_2_BYTES;
  }
  if (end - at < ERSPAN_3_BYTES) return -1;
  packet.tunnelId = view.getUint16(at + 2) & 0x3ff;
  const last = view.getUint16(at + 10);
  // Frame type 2 is a bare IP packet; we go by its version.
  const here = at + ERSPAN_3_BYTES + ((last & 1) !== 0 ? 8 : 0);
  if (((last >> 10) & 31) === 2 && end - here >= 1)
    packet.other = view.getUint8(here) >> 4 === 6 ? 0x86dd : ETHERTYPE_IPV4;
  return here;
}

/** Source routes of RFC 1701, which end with an entry of length 0. */
function skipRoutes(bytes: Uint8Array, view: DataView, at: number, end: number): number {
  let here = at;
  for (let i = 0; i < MAX_ROUTES && end - here >= 4; i++) {
    const family = view.getUint16(here);
    const length = bytes[here + 3];
    here += 4 + length;
    if (family === 0 && length === 0) return here;
  }
  return -1;
}

export interface GreFields {
  readonly protocol: number;
  readonly payload: Uint8Array;
  readonly checksum?: boolean;
  readonly key?: number;
  readonly sequence?: number;
}

/** A packet of version 0; the checksum, where asked for, is left 0. */
export function encodeGre(fields: GreFields): Uint8Array {
  const { protocol, payload, checksum = false, key, sequence } = fields;
  const size = HEADER_BYTES + (checksum ? 4 : 0) + (key === undefined ? 0 : 4) + (sequence === undefined ? 0 : 4);
  const out = new Uint8Array(size + payload.length);
  const view = new DataView(out.buffer);
  let at = HEADER_BYTES + (checksum ? 4 : 0);
  let flags = checksum ? CHECKSUM : 0;
  if (key !== undefined) {
    flags |= KEY;
    view.setInt32(at, key);
    at += 4;
  }
  if (sequence !== undefined) {
    flags |= SEQUENCE;
    view.setUint32(at, sequence);
  }
  view.setUint16(FLAGS, flags);
  view.setUint16(PROTOCOL, protocol);
  out.set(payload, size);
  return out;
}

/** A packet of version 1 around a PPP packet. */
export function encodePptpGre(fields: {
  callId: number;
  sequence: number;
  acknowledgement?: number;
  payload: Uint8Array;
}): Uint8Array {
  const { callId, sequence, acknowledgement, payload } = fields;
  const size = acknowledgement === undefined ? 12 : 16;
  const out = new Uint8Array(size + payload.length);
  const view = new DataView(out.buffer);
  view.setUint16(FLAGS, KEY | SEQUENCE | 1 | (acknowledgement === undefined ? 0 : ACKNOWLEDGEMENT));
  view.setUint16(PROTOCOL, ETHERTYPE_PPP);
  view.setUint16(4, payload.length);
  view.setUint16(6, callId);
  view.setUint32(8, sequence);
  if (acknowledgement !== undefined) view.setUint32(12, acknowledgement);
  out.set(payload, size);
  return out;
}

/** ERSPAN type II (8 bytes) or III (12 bytes) around an Ethernet frame, to be carried by `encodeGre` with `protocol` 0x88be or 0x22eb and a sequence number. */
export function encodeErspan(type: 2 | 3, session: number, frame: Uint8Array): Uint8Array {
  const size = type === 2 ? ERSPAN_2_BYTES : ERSPAN_3_BYTES;
  const out = new Uint8Array(size + frame.length);
  const view = new DataView(out.buffer);
  view.setUint8(0, type === 2 ? 0x10 : 0x20);
  view.setUint16(2, session);
  out.set(frame, size);
  return out;
}

/** 'key 7', or '' without one. */
export function summarizeGre(id: number): string {
  return id === 0 ? '' : `key ${id >>> 0}`;
}
