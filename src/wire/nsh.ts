import { ETHERTYPE_ETHERNET } from './ethertype.ts';
import { type Packet, TUNNEL } from './packet.ts';

/** The network service header, RFC 8300 section 2, and the I-TAG of backbone bridging, IEEE 802.1Q section 9.7. */

const LENGTH = 0;
const NEXT = 3;
const PATH = 4;
const HEADER_BYTES = 8;
const VERSION = 0xc000;
const TYPES = [0, 0x0800, 0x86dd, 0x6558, 0x894f, 0x8847];
const TAG_BYTES = 4;

/** Decodes the header at `at`: sets tunnel, `tunnelId` (the service path) and `packet.other`, and returns where the data begin behind the metadata. */
export function decodeNsh(view: DataView, at: number, end: number, packet: Packet): number {
  if (end - at < HEADER_BYTES) return -1;
  const first = view.getUint16(at + LENGTH);
  const size = (first & 0x3f) << 2;
  const type = TYPES[view.getUint8(at + NEXT)] ?? 0;
  if ((first & VERSION) !== 0 || size < HEADER_BYTES || type === 0 || end - at < size) return -1;
  packet.tunnel = TUNNEL.nsh;
  packet.tunnelId = view.getUint32(at + PATH) >>> 8;
  packet.other = type;
  return at + size;
}

/** The tag at `at` of a frame in a frame: sets tunnel and `tunnelId` (the service), and returns where the customer's frame begins. */
export function decodePbb(view: DataView, at: number, end: number, packet: Packet): number {
  if (end - at < TAG_BYTES) return -1;
  packet.tunnel = TUNNEL.pbb;
  packet.tunnelId = view.getUint32(at) & 0xffffff;
  packet.other = ETHERTYPE_ETHERNET;
  return at + TAG_BYTES;
}

/** A header without metadata around what `next` says: 1 IPv4, 2 IPv6, 3 Ethernet, 5 MPLS. */
export function encodeNsh(path: number, next: number, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(out.buffer);
  view.setUint16(LENGTH, 0x0fc0 | (HEADER_BYTES >> 2));
  view.setUint8(2, 2);
  view.setUint8(NEXT, next);
  view.setUint32(PATH, ((path << 8) | 255) >>> 0);
  out.set(payload, HEADER_BYTES);
  return out;
}

/** The I-TAG of a service, and the customer's frame. */
export function encodePbb(service: number, frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(TAG_BYTES + frame.length);
  new DataView(out.buffer).setUint32(0, service);
  out.set(frame, TAG_BYTES);
  return out;
}

/** 'path 7'. */
export function summarizeNsh(path: number): string {
  return `path ${path}`;
}

/** 'service 7'. */
export function summarizePbb(service: number): string {
  return `service ${service}`;
}
