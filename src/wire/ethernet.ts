import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD, ETHERTYPE_VLAN } from './ethertype.ts';
import { decodeLlc } from './llc.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import type { Packet } from './packet.ts';

/** Ethernet II and IEEE 802.3, with IEEE 802.1Q and 802.1ad tags, stacked in any order, at most 8. */

const DESTINATION = 0;
const SOURCE = 6;
const TYPE = 12;
const HEADER_BYTES = 14;
const MAX_TAGS = 8;

/** Values below are 802.3 lengths, not types. */
const FIRST_ETHERTYPE = 0x0600;

/**
 * Decodes the header at `at`: sets the MAC addresses, `packet.vlan` and `packet.other` (the EtherType) and returns where the network layer begins; -1
 * when the frame is too short, or holds nothing of the network layer.
 */
export function decodeEthernet(
  bytes: Uint8Array,
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
  packet.destinationMac = at;
  packet.sourceMac = at + SOURCE;
  const type = view.getUint16(at + TYPE);
  if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) {
    packet.other = type;
    return at + HEADER_BYTES;
  }
  return decodeEtherType(bytes, view, type, at + HEADER_BYTES, end, packet, oddities);
}

/** What follows an EtherType: VLAN tags at `at` may stand before the real one, and a number below 1536 is a length with LLC behind it. */
export function decodeEtherType(
  bytes: Uint8Array,
  view: DataView,
  etherType: number,
  at: number,
  end: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  let type = etherType;
  let here = at;
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
  if (type < FIRST_ETHERTYPE) return decodeLlc(bytes, view, here, end, packet);
  packet.other = type;
  return here;
}

/**
 * MACsec, IEEE 802.1AE section 9.3: where what a frame protects is not encrypted but only signed, the EtherType behind the tag at `at` goes into
 * `packet.other`, and its data begin where the result says. -1 when it is encrypted.
 */
export function decodeMacsec(view: DataView, at: number, end: number, packet: Packet): number {
  if (end - at < 8) return -1;
  const control = view.getUint8(at);
  const isEncrypted = (control & 0x0c) !== 0;
  const here = at + 6 + ((control & 0x20) !== 0 ? 8 : 0);
  if ((control & 0x80) !== 0 || isEncrypted || end - here < 2) return -1;
  packet.other = view.getUint16(here);
  return here + 2;
}

/** Tags of switch chips and of fabrics that stand between the addresses and the EtherType: the same as `decodeMacsec` for a tag of fixed length. */
export function decodeFixedTag(view: DataView, at: number, end: number, tagBytes: number, packet: Packet): number {
  if (end - at < tagBytes + 2) return -1;
  packet.other = view.getUint16(at + tagBytes);
  return at + tagBytes + 2;
}

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
