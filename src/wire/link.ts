import { decodeEthernet, decodeEtherType } from './ethernet.ts';
import {
  ETHERTYPE_ETHERNET,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_PPPOE,
  summarizeEtherType,
} from './ethertype.ts';
import { decodeFrameRelay } from './frame-relay.ts';
import { decodeLlc, summarizeCisco, summarizeLlc } from './llc.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import { OTHER_CISCO, OTHER_FAMILY, OTHER_LINK, OTHER_LLC, OTHER_PPP, OTHER_WLAN, type Packet } from './packet.ts';
import { decodeCiscoHdlc, decodePpp, decodePppOrHdlc, summarizePpp } from './ppp.ts';
import { decodePpi, decodePrism, decodeRadiotap, decodeWlan, summarizeWlan } from './wlan.ts';

/** Link layers: from the frame's first byte to the network layer (https://www.tcpdump.org/linktypes.html). */

const LINK_NULL = 0;
export const LINK_ETHERNET = 1;
const LINK_TOKEN_RING = 6;
const LINK_SLIP = 8;
const LINK_PPP = 9;
const LINK_FDDI = 10;
const LINK_RAW_BSD = 12;
const LINK_RAW_OPENBSD = 14;
const LINK_PPP_HDLC = 50;
const LINK_PPP_ETHERNET = 51;
const LINK_ATM_LLC = 100;
const LINK_RAW = 101;
const LINK_CISCO_HDLC = 104;
const LINK_WLAN = 105;
const LINK_FRAME_RELAY = 107;
const LINK_LOOP = 108;
const LINK_IPSEC = 109;
const LINK_LINUX_SLL = 113;
const LINK_PFLOG = 117;
const LINK_WLAN_PRISM = 119;
const LINK_SUN_ATM = 123;
const LINK_WLAN_RADIOTAP = 127;
const LINK_FIREWIRE = 138;
const LINK_USER_PKTAP = 149;
const LINK_WLAN_AVS = 163;
const LINK_PPP_PPPD = 166;
const LINK_PPI = 192;
const LINK_PPP_DIRECTION = 204;
const LINK_CISCO_HDLC_DIRECTION = 205;
const LINK_FRAME_RELAY_DIRECTION = 206;
const LINK_IPNET = 226;
const LINK_IPV4 = 228;
const LINK_IPV6 = 229;
const LINK_NFLOG = 239;
const LINK_NETANALYZER = 240;
const LINK_NETANALYZER_CLEAR = 241;
const LINK_INFINIBAND_IP = 242;
const LINK_PKTAP = 258;
const LINK_LINUX_SLL2 = 276;
const LINK_BROADCOM_TAG = 281;
const LINK_BROADCOM_TAG_BEFORE = 282;
const LINK_DSA_TAG = 284;
const LINK_EDSA_TAG = 285;

/** ARPHRD_ numbers of cooked captures under which the protocol field is no EtherType. */
const DEVICE_WLAN = 801;
const DEVICE_WLAN_PRISM = 802;
const DEVICE_WLAN_RADIOTAP = 803;
const DEVICE_NETLINK = 824;

/** Key under which a flow table counts the kinds of frame for which it has no place of their own. */
export const OTHER_KINDS_BEYOND = -1;

/**
 * Decodes the link header at `at` and returns where the next layer begins; `packet.other` is its EtherType, or OTHER_LINK plus a link type when a frame of another
 * link follows. -1 when there is nothing for the network layer, and then `packet.other` says what there is.
 */
export function decodeLink(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  linkType: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  const held = end - at;
  packet.other = OTHER_LINK + linkType;
  switch (linkType) {
    case LINK_ETHERNET:
      return decodeEthernet(bytes, view, at, end, packet, oddities);
    case LINK_NETANALYZER:
      return network(packet, ETHERTYPE_ETHERNET, held > 4 ? at + 4 : truncated(oddities));
    case LINK_NETANALYZER_CLEAR:
      return network(packet, ETHERTYPE_ETHERNET, held > 12 ? at + 12 : truncated(oddities));
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_IPV4:
    case LINK_IPV6:
      return decodeRaw(bytes, at, end, packet, oddities);
    case LINK_SLIP:
      // A direction and 15 bytes for a compressed header; what is left compressed is no IP.
      return decodeRaw(bytes, at + 16, end, packet, oddities);
    case LINK_NULL:
    case LINK_LOOP:
      return decodeFamily(view, at, end, 4, packet, oddities);
    case LINK_IPSEC:
      return decodeFamily(view, at, end, 12, packet, oddities);
    case LINK_LINUX_SLL: {
      if (held < 16) return truncated(oddities);
      return decodeCooked(bytes, view, view.getUint16(at + 2), view.getUint16(at + 14), at + 16, end, packet, oddities);
    }
    case LINK_LINUX_SLL2:
      if (held < 20) return truncated(oddities);
      return decodeCooked(bytes, view, view.getUint16(at + 8), view.getUint16(at), at + 20, end, packet, oddities);
    case LINK_WLAN:
      return decodeWlan(bytes, view, at, end, false, packet, oddities);
    case LINK_WLAN_RADIOTAP:
      return decodeRadiotap(bytes, view, at, end, packet, oddities);
    case LINK_WLAN_PRISM:
    case LINK_WLAN_AVS:
      return decodePrism(bytes, view, at, end, packet, oddities);
    case LINK_PPI:
      return decodePpi(bytes, view, at, end, packet, oddities);
    case LINK_PPP:
      return decodePpp(bytes, at, end, packet);
    case LINK_PPP_HDLC:
      return decodePppOrHdlc(bytes, view, at, end, packet);
    case LINK_PPP_ETHERNET:
      return network(packet, ETHERTYPE_PPPOE, held > 0 ? at : truncated(oddities));
    case LINK_PPP_PPPD:
    case LINK_PPP_DIRECTION:
      return held < 1 ? truncated(oddities) : decodePppOrHdlc(bytes, view, at + 1, end, packet);
    case LINK_CISCO_HDLC:
      return decodeCiscoHdlc(bytes, view, at, end, packet);
    case LINK_CISCO_HDLC_DIRECTION:
      return held < 1 ? truncated(oddities) : decodeCiscoHdlc(bytes, view, at + 1, end, packet);
    case LINK_FRAME_RELAY:
      return decodeFrameRelay(bytes, view, at, end, packet);
    case LINK_FRAME_RELAY_DIRECTION:
      return held < 1 ? truncated(oddities) : decodeFrameRelay(bytes, view, at + 1, end, packet);
    case LINK_ATM_LLC:
      return decodeLlc(bytes, view, at, end, packet);
    case LINK_SUN_ATM:
      return decodeSunAtm(bytes, view, at, end, packet, oddities);
    case LINK_FDDI:
    case LINK_TOKEN_RING:
      return decodeRing(bytes, view, at, end, linkType, packet, oddities);
    case LINK_FIREWIRE:
      return held < 18 ? truncated(oddities) : network(packet, view.getUint16(at + 16), at + 18);
    case LINK_INFINIBAND_IP:
      return held < 44 ? truncated(oddities) : network(packet, view.getUint16(at + 40), at + 44);
    case LINK_IPNET:
      // Solaris: version, family (2 and 26), 6 bytes more and 16 of zones and interfaces.
      return held < 24 ? truncated(oddities) : decodeRaw(bytes, at + 24, end, packet, oddities);
    case LINK_PFLOG:
      return decodePflog(bytes, at, end, packet, oddities);
    case LINK_NFLOG:
      return decodeNflog(bytes, view, at, end, packet, oddities);
    case LINK_PKTAP:
    case LINK_USER_PKTAP:
      return decodePktap(view, at, end, packet, oddities);
    case LINK_BROADCOM_TAG:
    case LINK_DSA_TAG:
      return decodeSwitchTag(bytes, view, at, end, 4, packet, oddities);
    case LINK_EDSA_TAG:
      return decodeSwitchTag(bytes, view, at, end, 8, packet, oddities);
    case LINK_BROADCOM_TAG_BEFORE:
      return network(packet, ETHERTYPE_ETHERNET, held > 4 ? at + 4 : truncated(oddities));
    default:
      return -1;
  }
}

function network(packet: Packet, etherType: number, at: number): number {
  if (at >= 0) packet.other = etherType;
  return at;
}

function truncated(oddities: OddityCounter): number {
  oddities.count(ODDITY['link.truncated-header']);
  return -1;
}

function decodeRaw(bytes: Uint8Array, at: number, end: number, packet: Packet, oddities: OddityCounter): number {
  if (end - at < 1) return truncated(oddities);
  return network(packet, bytes[at] >> 4 === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4, at);
}

/** A socket address family in the byte order of the capturing host; IPv6 has a different number on each BSD, Linux and Solaris. */
function decodeFamily(
  view: DataView,
  at: number,
  end: number,
  headerBytes: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  if (end - at < headerBytes) return truncated(oddities);
  const big = view.getUint32(at);
  const family = big < 0x10000 ? big : view.getUint32(at, true);
  switch (family) {
    case 2:
      return network(packet, ETHERTYPE_IPV4, at + headerBytes);
    case 10:
    case 24:
    case 26:
    case 28:
    case 30:
      return network(packet, ETHERTYPE_IPV6, at + headerBytes);
    default:
      packet.other = OTHER_FAMILY + (family < 0xffff ? family : 0xffff);
      return -1;
  }
}

function decodeCooked(
  bytes: Uint8Array,
  view: DataView,
  device: number,
  protocol: number,
  at: number,
  end: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  switch (device) {
    case DEVICE_WLAN:
      return decodeWlan(bytes, view, at, end, false, packet, oddities);
    case DEVICE_WLAN_PRISM:
      return decodePrism(bytes, view, at, end, packet, oddities);
    case DEVICE_WLAN_RADIOTAP:
      return decodeRadiotap(bytes, view, at, end, packet, oddities);
    case DEVICE_NETLINK:
      packet.other = OTHER_LINK + 253;
      return -1;
    default:
      return decodeEtherType(bytes, view, protocol, at, end, packet, oddities);
  }
}

/** Direction and type, path and channel, then LLC (type 2) or an emulated Ethernet with a 2-byte identifier (type 1). */
function decodeSunAtm(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  if (end - at < 6) return truncated(oddities);
  const type = bytes[at] & 15;
  if (type === 1) return network(packet, ETHERTYPE_ETHERNET, at + 6);
  return type === 2 ? decodeLlc(bytes, view, at + 4, end, packet) : -1;
}

/** FDDI and Token Ring: frame control, two addresses, on the ring perhaps a source route (IEEE 802.5), LLC. */
function decodeRing(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  linkType: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  const control = linkType === LINK_FDDI ? 1 : 2;
  const size = control + 12;
  if (end - at < size) return truncated(oddities);
  // Only these hold LLC; the others manage the ring.
  const isLlc = linkType === LINK_FDDI ? (bytes[at] & 0x70) === 0x50 : (bytes[at + 1] & 0xc0) === 0x40;
  if (!isLlc) return -1;
  packet.destinationMac = at + control;
  packet.sourceMac = at + control + 6;
  const isRouted = linkType === LINK_TOKEN_RING && (bytes[at + control + 6] & 0x80) !== 0 && end - at > size;
  return decodeLlc(bytes, view, at + size + (isRouted ? bytes[at + size] & 0x1f : 0), end, packet);
}

/** OpenBSD's firewall log: length of the header, rounded up to 4, and the address family. */
function decodePflog(bytes: Uint8Array, at: number, end: number, packet: Packet, oddities: OddityCounter): number {
  if (end - at < 4) return truncated(oddities);
  const size = (bytes[at] + 3) & ~3;
  return size < 4 || end - at <= size ? truncated(oddities) : decodeRaw(bytes, at + size, end, packet, oddities);
}

const NFLOG_PAYLOAD = 9;
const NFLOG_MAX_ITEMS = 64;

/** Netfilter's log: family, version, group, then items of length and type in the byte order of the host, padded to 4 bytes; one of them is the packet. */
function decodeNflog(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  if (end - at < 8) return truncated(oddities);
  const family = bytes[at];
  let here = at + 4;
  // The length of the first item is small, so one of the two orders makes it too large.
  const little = view.getUint16(here, true) <= view.getUint16(here);
  for (let i = 0; i < NFLOG_MAX_ITEMS && end - here >= 4; i++) {
    const length = view.getUint16(here, little);
    if (length < 4) break;
    if (view.getUint16(here + 2, little) === NFLOG_PAYLOAD) {
      if (family !== 2 && family !== 10) return -1;
      return network(packet, family === 2 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, here + 4);
    }
    here += (length + 3) & ~3;
  }
  oddities.count(ODDITY['link.malformed-header']);
  return -1;
}

/** Apple's header: its length, what comes next (1 a packet) and the link type of that, little-endian. */
function decodePktap(view: DataView, at: number, end: number, packet: Packet, oddities: OddityCounter): number {
  if (end - at < 12) return truncated(oddities);
  const length = view.getUint32(at, true);
  const link = view.getUint32(at + 8, true);
  if (length < 12 || length > end - at) {
    oddities.count(ODDITY['link.malformed-header']);
    return -1;
  }
  if (view.getUint32(at + 4, true) !== 1 || link > 0xffff || link === LINK_PKTAP || link === LINK_USER_PKTAP) return -1;
  packet.other = OTHER_LINK + link;
  return at + length;
}

/** A switch's tag of `tagBytes` between the addresses and the EtherType. */
function decodeSwitchTag(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  tagBytes: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  if (end - at < 14 + tagBytes) return truncated(oddities);
  packet.destinationMac = at;
  packet.sourceMac = at + 6;
  const type = view.getUint16(at + 12 + tagBytes);
  return decodeEtherType(bytes, view, type, at + 14 + tagBytes, end, packet, oddities);
}

const LINK_NAMES = new Map<number, string>([
  [LINK_NULL, 'BSD loopback'],
  [LINK_LOOP, 'OpenBSD loopback'],
  [3, 'AX.25'],
  [LINK_TOKEN_RING, 'Token Ring'],
  [7, 'ARCNET'],
  [LINK_SLIP, 'SLIP'],
  [LINK_PPP, 'PPP'],
  [LINK_FDDI, 'FDDI'],
  [LINK_PPP_HDLC, 'PPP serial'],
  [LINK_PPP_ETHERNET, 'PPPoE'],
  [LINK_ATM_LLC, 'ATM'],
  [LINK_CISCO_HDLC, 'Cisco HDLC'],
  [LINK_WLAN, '802.11'],
  [106, 'ATM classical IP'],
  [LINK_FRAME_RELAY, 'Frame Relay'],
  [LINK_IPSEC, 'OpenBSD IPsec'],
  [114, 'LocalTalk'],
  [LINK_PFLOG, 'OpenBSD firewall log'],
  [LINK_WLAN_PRISM, '802.11 with Prism header'],
  [122, 'IP over Fibre Channel'],
  [LINK_SUN_ATM, 'Solaris ATM'],
  [LINK_WLAN_RADIOTAP, '802.11 with radiotap'],
  [129, 'ARCNET'],
  [132, 'Juniper services'],
  [137, 'Juniper ATM'],
  [LINK_FIREWIRE, 'IP over FireWire'],
  [139, 'SS7 MTP2 with pseudo-header'],
  [140, 'SS7 MTP2'],
  [141, 'SS7 MTP3'],
  [142, 'SS7 SCCP'],
  [143, 'DOCSIS'],
  [144, 'IrDA'],
  [147, 'private use 0'],
  [LINK_USER_PKTAP, 'private use 2'],
  [LINK_WLAN_AVS, '802.11 with AVS header'],
  [164, 'Juniper monitor'],
  [165, 'BACnet MS/TP'],
  [177, 'ISDN'],
  [178, 'Juniper Ethernet'],
  [182, 'Frame Relay, multilink'],
  [187, 'Bluetooth HCI'],
  [189, 'USB (Linux)'],
  [LINK_PPI, 'PPI'],
  [195, '802.15.4'],
  [196, 'various, in a SITA header'],
  [197, 'Endace ERF'],
  [201, 'Bluetooth HCI with direction'],
  [209, 'I2C'],
  [215, '802.15.4 without checksum'],
  [220, 'USB (Linux, padded)'],
  [224, 'Fibre Channel'],
  [227, 'CAN'],
  [230, '802.15.4 with checksum'],
  [231, 'D-Bus'],
  [LINK_NFLOG, 'NFLOG'],
  [LINK_INFINIBAND_IP, 'IP over InfiniBand'],
  [243, 'MPEG transport'],
  [245, 'NFC'],
  [247, 'InfiniBand'],
  [248, 'SCTP'],
  [249, 'USBPcap'],
  [251, 'Bluetooth LE'],
  [252, 'Wireshark upper layer'],
  [253, 'netlink'],
  [254, 'Bluetooth monitor'],
  [256, 'Bluetooth LE with radio header'],
  [LINK_PKTAP, 'Apple PKTAP'],
  [266, 'USB (macOS)'],
  [268, 'SDLC'],
  [270, 'LoRaTap'],
  [271, 'vsock'],
  [272, 'Nordic BLE'],
  [278, 'OpenVizsla USB'],
  [280, 'Elektrobit EBHSCR'],
  [283, '802.15.4 TAP'],
  [288, 'USB 2.0'],
  [289, 'ATSC ALP'],
]);

const FAMILY_NAMES = new Map<number, string>([
  [0, 'unspecified'],
  [1, 'local'],
  [7, 'OSI'],
  [16, 'AppleTalk or netlink'],
  [17, 'packet'],
  [23, 'IPX'],
]);

/** What a frame is that belongs to no flow, for the count in the report: 'LLDP', '802.11 beacon', 'link type 195 (802.15.4)', ... */
export function otherFrameKind(other: number): string {
  if (other === OTHER_KINDS_BEYOND) return 'further kinds';
  const number = other & 0xffff;
  switch (other - number) {
    case 0:
      return number === 0 ? 'frame too short' : summarizeEtherType(number);
    case OTHER_PPP:
      return summarizePpp(number);
    case OTHER_WLAN:
      return summarizeWlan(number);
    case OTHER_LLC:
      return summarizeLlc(number);
    case OTHER_CISCO:
      return summarizeCisco(number);
    case OTHER_FAMILY:
      return `address family ${number}${FAMILY_NAMES.has(number) ? ` (${FAMILY_NAMES.get(number)})` : ''}`;
    default: {
      const name = LINK_NAMES.get(number);
      return name === undefined ? `link type ${number}` : `link type ${number} (${name})`;
    }
  }
}
