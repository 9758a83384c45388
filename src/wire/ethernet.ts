import { ODDITY, type OddityCounter } from './oddity.ts';
import type { Packet } from './packet.ts';

/** Ethernet II and IEEE 802.3, with IEEE 802.1Q and 802.1ad tags, stacked in any order, at most 8. */

const DESTINATION = 0;
const SOURCE = 6;
const TYPE = 12;
const HEADER_BYTES = 14;
const MAX_TAGS = 8;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_QINQ = 0x88a8;
const ETHERTYPE_QINQ_OLD = 0x9100;
/** Values below are 802.3 lengths, not types. */
const FIRST_ETHERTYPE = 0x0600;

/**
 * Decodes the header at `at`: sets `packet.ethernet`, `packet.vlan` and `packet.other` (the EtherType, or 802.3 for a length) and returns where
 * the network layer begins; -1 when the frame is too short.
 */
export function decodeEthernet(
  view: DataView,
  at: number,
  end: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  if (end - at < HEADER_BYTES) {
    oddities.count(ODDITY['ethernet.truncated-header']);
    return -1;
  }
  packet.ethernet = at;
  return decodeEtherType(view, at + TYPE, end, packet, oddities);
}

/** The EtherType at `at` and the VLAN tags that may stand before the real one; Linux cooked headers end the same way. */
export function decodeEtherType(
  view: DataView,
  at: number,
  end: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  let type = view.getUint16(at);
  let here = at + 2;
  for (let tags = 0; type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ || type === ETHERTYPE_QINQ_OLD; tags++) {
    if (tags === MAX_TAGS) {
      oddities.count(ODDITY['vlan.too-deep']);
      packet.other = type;
      return -1;
    }
    if (end - here < 4) {
      oddities.count(ODDITY['ethernet.truncated-header']);
      packet.other = type;
      return -1;
    }
    if (tags === 0) packet.vlan = view.getUint16(here) & 0xfff;
    type = view.getUint16(here + 2);
    here += 4;
  }
  // LLC/SNAP with the encapsulated-Ethernet OUI carries an EtherType of its own (RFC 1042).
  if (type < FIRST_ETHERTYPE) {
    if (end - here >= 8 && view.getUint32(here) === 0xaaaa0300 && view.getUint16(here + 4) === 0) {
      type = view.getUint16(here + 6);
      here += 8;
    } else {
      type = OTHER_802_3;
    }
  }
  packet.other = type;
  return here;
}

/** `Packet.other` for 802.3 frames with LLC: spanning tree, CDP, IS-IS and their kind. */
export const OTHER_802_3 = 1;

/** A frame: addresses, VLAN tags outermost first, type, payload; short frames are not padded. */
export function encodeEthernet(fields: {
  destination: Uint8Array;
  source: Uint8Array;
  etherType: number;
  payload: Uint8Array;
  tags?: readonly { readonly etherType?: number; readonly vlan: number }[];
}): Uint8Array {
  const { destination, source, etherType, payload, tags = [] } = fields;
  const out = new Uint8Array(HEADER_BYTES + 4 * tags.length + payload.length);
  const view = new DataView(out.buffer);
  out.set(destination, DESTINATION);
  out.set(source, SOURCE);
  let at = TYPE;
  for (const tag of tags) {
    view.setUint16(at, tag.etherType ?? ETHERTYPE_VLAN);
    view.setUint16(at + 2, tag.vlan);
    at += 4;
  }
  view.setUint16(at, etherType);
  out.set(payload, at + 2);
  return out;
}

const ETHERTYPE_NAMES = new Map<number, string>([
  [OTHER_802_3, '802.3 LLC (spanning tree, CDP ...)'],
  [ETHERTYPE_IPV4, 'IPv4'],
  [ETHERTYPE_ARP, 'ARP'],
  [ETHERTYPE_IPV6, 'IPv6'],
  [0x0027, 'loop test'],
  [0x6002, 'DEC MOP'],
  [0x8035, 'RARP'],
  [0x809b, 'AppleTalk'],
  [0x80f3, 'AppleTalk ARP'],
  [0x8137, 'IPX'],
  [0x8808, 'Ethernet flow control'],
  [0x8809, 'slow protocols (LACP)'],
  [0x8847, 'MPLS'],
  [0x8848, 'MPLS multicast'],
  [0x8863, 'PPPoE discovery'],
  [0x8864, 'PPPoE session'],
  [0x888e, '802.1X'],
  [0x8892, 'PROFINET'],
  [0x88a4, 'EtherCAT'],
  [0x88cc, 'LLDP'],
  [0x88e5, 'MACsec'],
  [0x88e7, '802.1ah backbone bridging'],
  [0x88f7, 'PTP'],
  [0x8902, 'Ethernet CFM'],
  [0x9000, 'loopback test'],
]);

/** 'LLDP', 'MPLS', ... or 'EtherType 0x1234'. */
export function summarizeEtherType(type: number): string {
  return ETHERTYPE_NAMES.get(type) ?? `EtherType 0x${type.toString(16).padStart(4, '0')}`;
}
