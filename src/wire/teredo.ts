import { ETHERTYPE_IPV6 } from './ethertype.ts';
import { looksLikeIpv6 } from './ipv6.ts';
import { type Packet, TUNNEL } from './packet.ts';

/** Teredo, IPv6 through NATs inside of UDP, RFC 4380 section 5.1.1. */

const INDICATOR_AUTHENTICATION = 0x0001;
const INDICATOR_ORIGIN = 0x0000;
const AUTHENTICATION_BYTES = 13;
const ORIGIN_BYTES = 8;

export const PORT_TEREDO = 3544;

/** Passes the authentication and origin indications at `at`, if there are any, and returns where the IPv6 packet begins; -1 when none does. */
export function decodeTeredo(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  wireEnd: number,
  packet: Packet,
): number {
  let here = at;
  if (end - here >= AUTHENTICATION_BYTES && view.getUint16(here) === INDICATOR_AUTHENTICATION)
    here += AUTHENTICATION_BYTES + bytes[here + 2] + bytes[here + 3];
  if (end - here >= ORIGIN_BYTES && view.getUint16(here) === INDICATOR_ORIGIN) here += ORIGIN_BYTES;
  if (!looksLikeIpv6(bytes, view, here, end, wireEnd)) return -1;
  packet.tunnel = TUNNEL.teredo;
  packet.tunnelId = 0;
  packet.other = ETHERTYPE_IPV6;
  return here;
}

/** A UDP payload: an origin indication where `origin` is given, then the IPv6 packet. Port and address are obfuscated as section 5.1.1 says. */
export function encodeTeredo(payload: Uint8Array, origin?: { port: number; address: number }): Uint8Array {
  const size = origin === undefined ? 0 : ORIGIN_BYTES;
  const out = new Uint8Array(size + payload.length);
  if (origin !== undefined) {
    const view = new DataView(out.buffer);
    view.setUint16(2, origin.port ^ 0xffff);
    view.setInt32(4, ~origin.address);
  }
  out.set(payload, size);
  return out;
}
