import {
  ETHERTYPE_ETHERNET,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_MULTICAST,
} from './ethertype.ts';
import { looksLikeIpv4 } from './ipv4.ts';
import { looksLikeIpv6 } from './ipv6.ts';
import { OTHER_LINK, OTHER_PPP, type Packet } from './packet.ts';

/** PPP (RFC 1661) in HDLC-like framing (RFC 1662) or without, PPPoE sessions (RFC 2516 section 4) and Cisco HDLC. */

const ADDRESS = 0xff;
const CONTROL = 0x03;
const PPP_IPV4 = 0x0021;
const PPP_BRIDGING = 0x0031;
const PPP_IPV6 = 0x0057;
const PPP_MPLS = 0x0281;
const PPP_MPLS_MULTICAST = 0x0283;

const PPPOE_BYTES = 6;
const PPPOE_VERSION_TYPE = 0x11;
const PPPOE_CODE = 1;
const PPPOE_SESSION = 2;
const PPPOE_LENGTH = 4;

const HDLC_UNICAST = 0x0f;
const HDLC_MULTICAST = 0x8f;
const HDLC_BYTES = 4;
const HDLC_SLARP = 0x8035;
const LINK_HDLC = 104;

/**
 * Decodes the PPP packet at `at`, with address and control or without, the protocol in two bytes or compressed to one (RFC 1661 section 6.5). Sets `packet.other`
 * to the EtherType of what it carries and returns where that begins; -1 for what is no network layer, `packet.other` then names the PPP protocol.
 */
export function decodePpp(bytes: Uint8Array, at: number, end: number, packet: Packet): number {
  let here = at;
  if (end - here >= 2 && bytes[here] === ADDRESS && bytes[here + 1] === CONTROL) here += 2;
  packet.other = OTHER_PPP;
  if (end - here < 1) return -1;
  let protocol = bytes[here++];
  if ((protocol & 1) === 0) {
    if (end - here < 1) return -1;
    protocol = (protocol << 8) | bytes[here++];
  }
  packet.other = OTHER_PPP + protocol;
  switch (protocol) {
    case PPP_IPV4:
      packet.other = ETHERTYPE_IPV4;
      return here;
    case PPP_IPV6:
      packet.other = ETHERTYPE_IPV6;
      return here;
    case PPP_MPLS:
      packet.other = ETHERTYPE_MPLS;
      return here;
    case PPP_MPLS_MULTICAST:
      packet.other = ETHERTYPE_MPLS_MULTICAST;
      return here;
    case PPP_BRIDGING:
      // RFC 3518 section 4.2: flags and padding, MAC type 1 for Ethernet, then the frame.
      if (end - here < 2 || bytes[here + 1] !== 1) return -1;
      packet.other = ETHERTYPE_ETHERNET;
      return here + 2;
    default:
      return -1;
  }
}

/** The header of a PPPoE session packet at `at`; -1 for what is none. The data are PPP, with neither address nor control. */
export function decodePppoe(bytes: Uint8Array, view: DataView, at: number, end: number, packet: Packet): number {
  if (end - at < PPPOE_BYTES || bytes[at] !== PPPOE_VERSION_TYPE || bytes[at + PPPOE_CODE] !== 0) return -1;
  const stop = at + PPPOE_BYTES + view.getUint16(at + PPPOE_LENGTH);
  return decodePpp(bytes, at + PPPOE_BYTES, stop < end ? stop : end, packet);
}

/** Cisco HDLC: an address, a zero byte and an EtherType. Keep-alives (SLARP) carry nothing. */
export function decodeCiscoHdlc(bytes: Uint8Array, view: DataView, at: number, end: number, packet: Packet): number {
  packet.other = OTHER_LINK + LINK_HDLC;
  if (end - at < HDLC_BYTES) return -1;
  const type = view.getUint16(at + 2);
  if (!isCiscoHdlc(bytes, at) || type === HDLC_SLARP) return -1;
  packet.other = type;
  return at + HDLC_BYTES;
}

/** A link of which either PPP or Cisco HDLC is told apart frame by frame (LINKTYPE_PPP_HDLC). */
export function decodePppOrHdlc(bytes: Uint8Array, view: DataView, at: number, end: number, packet: Packet): number {
  return end - at >= HDLC_BYTES && isCiscoHdlc(bytes, at)
    ? decodeCiscoHdlc(bytes, view, at, end, packet)
    : decodePpp(bytes, at, end, packet);
}

function isCiscoHdlc(bytes: Uint8Array, at: number): boolean {
  return (bytes[at] === HDLC_UNICAST || bytes[at] === HDLC_MULTICAST) && bytes[at + 1] === 0;
}

/** The EtherType of what looks like IP at `at`, or 0: for carriers that don't say what they carry. */
export function guessIp(bytes: Uint8Array, view: DataView, at: number, end: number, wireEnd: number): number {
  if (looksLikeIpv4(bytes, view, at, end, wireEnd)) return ETHERTYPE_IPV4;
  return looksLikeIpv6(bytes, view, at, end, wireEnd) ? ETHERTYPE_IPV6 : 0;
}

/** A packet of a PPP protocol; `framed` with address and control before it. */
export function encodePpp(protocol: number, payload: Uint8Array, framed = true): Uint8Array {
  const head = framed ? [ADDRESS, CONTROL, protocol >>> 8, protocol & 255] : [protocol >>> 8, protocol & 255];
  const out = new Uint8Array(head.length + payload.length);
  out.set(head);
  out.set(payload, head.length);
  return out;
}

/** A session packet around an unframed PPP packet. */
export function encodePppoe(session: number, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(PPPOE_BYTES + payload.length);
  const view = new DataView(out.buffer);
  out[0] = PPPOE_VERSION_TYPE;
  view.setUint16(PPPOE_SESSION, session);
  view.setUint16(PPPOE_LENGTH, payload.length);
  out.set(payload, PPPOE_BYTES);
  return out;
}

export function encodeCiscoHdlc(etherType: number, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(HDLC_BYTES + payload.length);
  out[0] = HDLC_UNICAST;
  new DataView(out.buffer).setUint16(2, etherType);
  out.set(payload, HDLC_BYTES);
  return out;
}

const PPP_NAMES = new Map<number, string>([
  [0x0000, 'PPP, cut short'],
  [PPP_IPV4, 'PPP IPv4'],
  [0x0023, 'PPP OSI'],
  [0x002b, 'PPP IPX'],
  [0x002d, 'PPP compressed TCP'],
  [0x002f, 'PPP uncompressed TCP'],
  [PPP_BRIDGING, 'PPP bridging'],
  [0x003d, 'PPP multilink'],
  [PPP_IPV6, 'PPP IPv6'],
  [0x0059, 'PPP multiplexing'],
  [0x00fb, 'PPP link compression'],
  [0x00fd, 'PPP compressed or encrypted (MPPE)'],
  [0x0207, 'PPP Cisco discovery'],
  [PPP_MPLS, 'PPP MPLS'],
  [PPP_MPLS_MULTICAST, 'PPP MPLS multicast'],
  [0x8021, 'PPP IPCP'],
  [0x802b, 'PPP IPXCP'],
  [0x8031, 'PPP bridging control'],
  [0x8053, 'PPP encryption control'],
  [0x8057, 'PPP IPv6CP'],
  [0x80fd, 'PPP compression control'],
  [0x8207, 'PPP Cisco discovery control'],
  [0x8281, 'PPP MPLS control'],
  [0xc021, 'PPP LCP'],
  [0xc023, 'PPP PAP'],
  [0xc025, 'PPP link quality'],
  [0xc02b, 'PPP bandwidth allocation control'],
  [0xc02d, 'PPP bandwidth allocation'],
  [0xc223, 'PPP CHAP'],
  [0xc227, 'PPP EAP'],
]);

/** 'PPP LCP', 'PPP CHAP' ..., or 'PPP 0x1234'. */
export function summarizePpp(protocol: number): string {
  return PPP_NAMES.get(protocol) ?? `PPP 0x${protocol.toString(16).padStart(4, '0')}`;
}
