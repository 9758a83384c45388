import {
  ETHERTYPE_ARP,
  ETHERTYPE_ETHERNET,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MPLS,
  ETHERTYPE_PPPOE,
  ETHERTYPE_QINQ,
  ETHERTYPE_QINQ_OLD,
  ETHERTYPE_VLAN,
} from './ethertype.ts';
import { looksLikeIpv4 } from './ipv4.ts';
import { looksLikeIpv6 } from './ipv6.ts';
import { type Packet, TUNNEL } from './packet.ts';

/** MPLS, RFC 3032: a stack of labels, and no word on what is below it. */

const ENTRY_BYTES = 4;
const BOTTOM = 0x100;
const MAX_LABELS = 16;
const EXPLICIT_NULL_V4 = 0;
const EXPLICIT_NULL_V6 = 2;
/** Generic associated channel, RFC 5586: maintenance, never a user's packet. */
const GENERIC_CHANNEL = 13;
const MAC_PAIR_BYTES = 12;
const HEADER_BYTES = 14;

/**
 * Walks to the bottom of the stack at `at` and guesses what lies below, as every reader of MPLS must: IP by version and lengths that fit, an Ethernet
 * pseudowire with a control word (RFC 4385, RFC 4448) or without by an EtherType that makes sense. Sets `packet.other` to an EtherType and `tunnelId` to the
 * bottom label, and returns where that layer begins; -1 when the stack does not end or nothing fits.
 */
export function decodeMpls(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  wireEnd: number,
  packet: Packet,
): number {
  let here = at;
  let label = -1;
  for (let i = 0; ; i++) {
    if (i === MAX_LABELS || end - here < ENTRY_BYTES) return -1;
    const entry = view.getInt32(here);
    here += ENTRY_BYTES;
    label = entry >>> 12;
    if ((entry & BOTTOM) !== 0) break;
  }
  packet.tunnel = TUNNEL.mpls;
  packet.tunnelId = label;
  if (end - here < 1 || label === GENERIC_CHANNEL) return -1;
  if (label === EXPLICIT_NULL_V4 || looksLikeIpv4(bytes, view, here, end, wireEnd)) {
    packet.other = ETHERTYPE_IPV4;
    return here;
  }
  if (label === EXPLICIT_NULL_V6 || looksLikeIpv6(bytes, view, here, end, wireEnd)) {
    packet.other = ETHERTYPE_IPV6;
    return here;
  }
  // Without a control word first: a tagged frame read 4 bytes too late looks like an untagged one, and a MAC address may begin like a control word.
  if (looksLikeEthernet(bytes, view, here, end, wireEnd)) {
    packet.other = ETHERTYPE_ETHERNET;
    return here;
  }
  // A control word begins with a zero nibble; 1 there would be an associated channel.
  if (bytes[here] >> 4 === 0 && looksLikeEthernet(bytes, view, here + 4, end, wireEnd)) {
    packet.other = ETHERTYPE_ETHERNET;
    return here + 4;
  }
  return -1;
}

/** Whether an Ethernet frame may be at `at`, by an EtherType that is common in one and IP that fits it. */
function looksLikeEthernet(bytes: Uint8Array, view: DataView, at: number, end: number, wireEnd: number): boolean {
  if (end - at < HEADER_BYTES) return false;
  let here = at + MAC_PAIR_BYTES;
  let type = view.getUint16(here);
  for (
    let tags = 0;
    tags < 4 && (type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ || type === ETHERTYPE_QINQ_OLD);
    tags++
  ) {
    if (end - here < 6) return false;
    here += 4;
    type = view.getUint16(here);
  }
  here += 2;
  if (type === ETHERTYPE_IPV4) return looksLikeIpv4(bytes, view, here, end, wireEnd);
  if (type === ETHERTYPE_IPV6) return looksLikeIpv6(bytes, view, here, end, wireEnd);
  if (type === ETHERTYPE_ARP) return end - here >= 4 && view.getUint32(here) === 0x00010800;
  return type === ETHERTYPE_MPLS || type === ETHERTYPE_PPPOE;
}

/** Labels from the outermost to the bottom, then the payload. TTL 64, class 0. */
export function encodeMpls(labels: readonly number[], payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(ENTRY_BYTES * labels.length + payload.length);
  const view = new DataView(out.buffer);
  labels.forEach((label, i) => {
    view.setUint32(ENTRY_BYTES * i, ((label << 12) | (i === labels.length - 1 ? BOTTOM : 0) | 64) >>> 0);
  });
  out.set(payload, ENTRY_BYTES * labels.length);
  return out;
}

/** 'label 17', of the bottom of the stack. */
export function summarizeMpls(label: number): string {
  return `label ${label}`;
}
