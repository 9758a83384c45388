import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethertype.ts';
import { OTHER_LINK, type Packet } from './packet.ts';

/** Frame Relay: addresses of Q.922 and the encapsulation of RFC 2427, or Cisco's, which is an EtherType alone. */

const LINK_FRAME_RELAY = 107;
const LAST_ADDRESS_BYTE = 0x01;
const MAX_ADDRESS_BYTES = 4;
const UNNUMBERED = 0x03;
const NLPID_SNAP = 0x80;
const NLPID_IPV6 = 0x8e;
const NLPID_IPV4 = 0xcc;
const FIRST_ETHERTYPE = 0x0600;

/** Decodes the header at `at`: `packet.other` becomes the EtherType, and the result is where its data begin; -1 for what is no network layer (LMI, OSI ...). */
export function decodeFrameRelay(bytes: Uint8Array, view: DataView, at: number, end: number, packet: Packet): number {
  packet.other = OTHER_LINK + LINK_FRAME_RELAY;
  let here = at;
  for (let i = 0; ; i++) {
    if (i === MAX_ADDRESS_BYTES || here >= end) return -1;
    if ((bytes[here++] & LAST_ADDRESS_BYTE) !== 0) break;
  }
  if (here - at < 2 || end - here < 2) return -1;
  if (bytes[here] !== UNNUMBERED) {
    const type = view.getUint16(here);
    if (type < FIRST_ETHERTYPE) return -1;
    packet.other = type;
    return here + 2;
  }
  here++;
  // Padding, so that what follows a SNAP header is aligned.
  if (bytes[here] === 0 && end - here >= 2) here++;
  switch (bytes[here]) {
    case NLPID_IPV4:
      packet.other = ETHERTYPE_IPV4;
      return here + 1;
    case NLPID_IPV6:
      packet.other = ETHERTYPE_IPV6;
      return here + 1;
    case NLPID_SNAP:
      if (end - here < 6 || (view.getUint32(here) & 0xffffff) !== 0) return -1;
      packet.other = view.getUint16(here + 4);
      return here + 6;
    default:
      return -1;
  }
}

/** A frame on a channel (0..1023) with the multiprotocol encapsulation of an IPv4 or IPv6 packet. */
export function encodeFrameRelay(channel: number, nlpid: number, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + payload.length);
  out[0] = (channel >> 4) << 2;
  out[1] = ((channel & 15) << 4) | LAST_ADDRESS_BYTE;
  out[2] = UNNUMBERED;
  out[3] = nlpid;
  out.set(payload, 4);
  return out;
}
