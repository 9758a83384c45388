import { decodeArp } from './arp.ts';
import {
  decodeEthernet,
  decodeEtherType,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  summarizeEtherType,
} from './ethernet.ts';
import type { FragmentPorts } from './fragment.ts';
import { decodeIpv4 } from './ipv4.ts';
import { decodeIpv6 } from './ipv6.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import type { Packet } from './packet.ts';

/** Link layers: from the frame's first byte to the network layer (https://www.tcpdump.org/linktypes.html). */

const LINK_NULL = 0;
const LINK_ETHERNET = 1;
const LINK_RAW_OPENBSD = 14;
const LINK_RAW_BSD = 12;
const LINK_RAW = 101;
const LINK_LOOP = 108;
const LINK_LINUX_SLL = 113;
const LINK_IPV4 = 228;
const LINK_IPV6 = 229;
const LINK_LINUX_SLL2 = 276;

/** `Packet.other` of a frame on a link type that we don't read: this plus the link type. */
const OTHER_LINK = 0x10000;
/** Key under which a flow table counts the kinds of frame for which it has no place of their own. */
export const OTHER_KINDS_BEYOND = -1;

/**
 * Decodes one frame into `packet` and says whether it belongs to a flow. When not, `packet.other` says what it is (`otherFrameKind` names it).
 * Reads nothing outside [at, at + captured).
 */
export function decodeFrame(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  captured: number,
  wireLength: number,
  linkType: number,
  packet: Packet,
  fragments: FragmentPorts,
  oddities: OddityCounter,
): boolean {
  const end = at + captured;
  const wireEnd = at + wireLength;
  packet.protocol = -1;
  packet.vlan = -1;
  packet.ethernet = -1;
  packet.srcPort = packet.dstPort = 0;
  packet.tcpFlags = 0;
  packet.icmpType = -1;
  packet.icmpCode = 0;
  packet.isReply = 0;
  packet.payload = packet.payloadCaptured = packet.payloadLength = 0;
  packet.isLaterFragment = 0;
  packet.other = 0;
  const network =
    linkType === LINK_ETHERNET
      ? decodeEthernet(view, at, end, packet, oddities)
      : decodeOtherLink(bytes, view, at, end, linkType, packet, oddities);
  if (network < 0) return false;
  const type = packet.other;
  if (type === ETHERTYPE_IPV4) {
    packet.other = 0;
    if (decodeIpv4(bytes, view, network, end, wireEnd, packet, fragments, oddities)) return true;
    packet.other = type;
  } else if (type === ETHERTYPE_IPV6) {
    packet.other = 0;
    if (decodeIpv6(bytes, view, network, end, wireEnd, packet, fragments, oddities)) return true;
    packet.other = type;
  } else if (type === ETHERTYPE_ARP) {
    packet.isV6 = 0;
    packet.src1 = packet.src2 = packet.src3 = 0;
    packet.dst1 = packet.dst2 = packet.dst3 = 0;
    return decodeArp(bytes, view, network, end, packet, oddities);
  }
  return false;
}

function decodeOtherLink(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  linkType: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  switch (linkType) {
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_IPV4:
    case LINK_IPV6:
      if (end - at < 1) return tooShort(packet, linkType, oddities);
      packet.other = bytes[at] >> 4 === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
      return at;
    case LINK_NULL:
    case LINK_LOOP: {
      if (end - at < 4) return tooShort(packet, linkType, oddities);
      // The family is in the byte order of the capturing host, and IPv6 has a different number on each BSD.
      const family = bytes[at] !== 0 ? bytes[at] : bytes[at + 3];
      packet.other =
        family === 2
          ? ETHERTYPE_IPV4
          : family === 10 || family === 24 || family === 28 || family === 30
            ? ETHERTYPE_IPV6
            : OTHER_LINK + linkType;
      return packet.other >= OTHER_LINK ? -1 : at + 4;
    }
    case LINK_LINUX_SLL:
      if (end - at < 16) return tooShort(packet, linkType, oddities);
      return decodeEtherType(view, at + 14, end, packet, oddities);
    case LINK_LINUX_SLL2: {
      if (end - at < 20) return tooShort(packet, linkType, oddities);
      packet.other = view.getUint16(at);
      return at + 20;
    }
    default:
      packet.other = OTHER_LINK + linkType;
      return -1;
  }
}

function tooShort(packet: Packet, linkType: number, oddities: OddityCounter): number {
  oddities.count(ODDITY['link.truncated-header']);
  packet.other = OTHER_LINK + linkType;
  return -1;
}

const LINK_NAMES = new Map<number, string>([
  [LINK_NULL, 'BSD loopback'],
  [LINK_LOOP, 'OpenBSD loopback'],
  [9, 'PPP'],
  [50, 'PPP serial'],
  [104, 'Cisco HDLC'],
  [105, '802.11'],
  [107, 'Frame Relay'],
  [119, '802.11 with Prism header'],
  [127, '802.11 with radiotap'],
  [163, '802.11 with AVS header'],
  [187, 'Bluetooth HCI'],
  [189, 'USB (Linux)'],
  [192, 'PPI'],
  [195, '802.15.4'],
  [220, 'USB (Linux, padded)'],
  [239, 'NFLOG'],
  [249, 'USBPcap'],
]);

/** What a frame is that belongs to no flow, for the count in the report: 'LLDP', 'link type 127 (802.11 with radiotap)', ... */
export function otherFrameKind(other: number): string {
  if (other === OTHER_KINDS_BEYOND) return 'further kinds';
  if (other < OTHER_LINK) return other === 0 ? 'frame too short' : summarizeEtherType(other);
  const linkType = other - OTHER_LINK;
  const name = LINK_NAMES.get(linkType);
  return name === undefined ? `link type ${linkType}` : `link type ${linkType} (${name})`;
}
