import { ETHERTYPE_IPV6 } from './ethertype.ts';
import { looksLikeIpv6 } from './ipv6.ts';
import { type Packet, PROTO, TUNNEL } from './packet.ts';

/** AYIYA, IPv6 through NATs inside of UDP (draft-massar-v6ops-ayiya). */

const IDENTITY = 0;
const SIGNATURE = 1;
const OPERATION = 2;
const NEXT_HEADER = 3;
const HEADER_BYTES = 8;
const FORWARD = 1;

export const PORT_AYIYA = 5072;

/** Passes the header at `at`, with an identity of 2^n bytes and a signature of 4 n bytes; -1 when it forwards no IPv6. */
export function decodeAyiya(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  wireEnd: number,
  packet: Packet,
): number {
  if (end - at < HEADER_BYTES) return -1;
  if ((bytes[at + OPERATION] & 15) !== FORWARD || bytes[at + NEXT_HEADER] !== PROTO.ipv6) return -1;
  const here = at + HEADER_BYTES + (1 << (bytes[at + IDENTITY] >> 4)) + 4 * (bytes[at + SIGNATURE] >> 4);
  if (!looksLikeIpv6(bytes, view, here, end, wireEnd)) return -1;
  packet.tunnel = TUNNEL.ayiya;
  packet.other = ETHERTYPE_IPV6;
  return here;
}

/** A forwarded packet with a 16-byte identity and a 20-byte signature, both zero. */
export function encodeAyiya(payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + 36 + payload.length);
  out[IDENTITY] = 0x41;
  out[SIGNATURE] = 0x52;
  out[OPERATION] = 0x10 | FORWARD;
  out[NEXT_HEADER] = PROTO.ipv6;
  out.set(payload, HEADER_BYTES + 36);
  return out;
}
