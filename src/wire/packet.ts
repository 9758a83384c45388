/** Protocol numbers of flows: IANA's 0..255 for IP, and one of our own for ARP, which has no IP header. */
export const PROTO = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  none: 59,
  eigrp: 88,
  ospf: 89,
  pim: 103,
  etherip: 97,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
  mpls: 137,
  arp: 256,
} as const;

const NAMES = new Map<number, string>(Object.entries(PROTO).map(([name, number]) => [number, name]));

/** 'tcp', 'icmpv6', 'arp' ..., or 'ip-<number>' where we know no name. */
export function protocolName(protocol: number): string {
  return NAMES.get(protocol) ?? `ip-${protocol}`;
}

const NO_BYTES = new Uint8Array();
const NO_VIEW = new DataView(NO_BYTES.buffer);

/**
 * `Packet.other` of a frame that belongs to no flow: an EtherType below, or one of these plus the number that the name of the constant speaks of.
 * `otherFrameKind` gives the words.
 */
export const OTHER_LINK = 0x10000;
export const OTHER_PPP = 0x20000;
export const OTHER_WLAN = 0x30000;
/** A service access point of IEEE 802.2, or 0xffff for IPX without one. */
export const OTHER_LLC = 0x40000;
/** A protocol of Cisco's in a SNAP header. */
export const OTHER_CISCO = 0x50000;
/** An address family of a loopback header, a netlink family of a cooked one. */
export const OTHER_FAMILY = 0x60000;

/** TCP flag bits as in the header. */
export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_RST = 4;
export const TCP_PSH = 8;
export const TCP_ACK = 16;
export const TCP_URG = 32;
export const TCP_ECE = 64;
export const TCP_CWR = 128;

/** Tunnels by number, for `Packet.tunnel`; 0 is none. VLAN tags and PPPoE are no tunnels: they lead to the same conversation. */
export const TUNNEL = {
  none: 0,
  ipip: 1,
  '6in4': 2,
  gre: 3,
  pptp: 4,
  erspan: 5,
  mpls: 6,
  vxlan: 7,
  geneve: 8,
  gtp: 9,
  teredo: 10,
  etherip: 11,
  nsh: 12,
  pbb: 13,
  ayiya: 14,
  l2tp: 15,
} as const;

const TUNNEL_NAMES = Object.keys(TUNNEL);

/** 'gre', 'vxlan' ... of `Packet.tunnel`, '' for none. '6in4' stands for any IPv6 in IP, 'ipip' for any IPv4 in IP. */
export function tunnelName(tunnel: number): string {
  return tunnel === TUNNEL.none ? '' : (TUNNEL_NAMES[tunnel] ?? `tunnel-${tunnel}`);
}

/**
 * The one packet that the hot path decodes into, again and again. All fields but the two buffers are int32, so that the engine never boxes a number.
 * Address words are big-endian int32; an IPv4 address has its word in `src0`/`dst0` and zeros behind. All offsets point into `bytes`.
 *
 * Inside a tunnel it is the innermost packet that stands here; `depth`, `tunnel` and the outer addresses say what it came in.
 */
export class Packet {
  /** The buffer that offsets point into, and a view of the same memory: the frame batch's, or the one in which fragments were put together. Valid until the next frame. */
  bytes: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  /** Ns since the TimeBase, as whoever hands the frame on says. No whole number at first, as it will not be one. */
  timeNs = Number.NaN;
  /** IP protocol number, or PROTO.arp; -1 when the frame carries nothing that belongs to a flow. */
  protocol = -1;
  /** 1 for IPv6. */
  isV6 = 0;
  src0 = 0;
  src1 = 0;
  src2 = 0;
  src3 = 0;
  dst0 = 0;
  dst1 = 0;
  dst2 = 0;
  dst3 = 0;
  /** Ports; for ICMP the identifier on both sides (queries) or type and code on both (all others); 0 where there is none. */
  srcPort = 0;
  dstPort = 0;
  tcpFlags = 0;
  tcpSequence = 0;
  tcpAcknowledgement = 0;
  /** As in the header, 0 to 65,535, without its scale. */
  tcpWindow = 0;
  /** Where the TCP options begin; they end at `payload`. -1 when the header was cut or contradicts itself, and its numbers are not to be believed. */
  tcpOptions = -1;
  /** ICMP type and code; for ARP the operation stands as type. -1 where there is none or it was cut off. */
  icmpType = -1;
  icmpCode = 0;
  /** 1 when the packet by its nature is an answer: ICMP replies, ARP replies. */
  isReply = 0;
  /** VLAN id, the outermost of the innermost frame that is tagged; -1 without. */
  vlan = -1;
  /** Offsets of the two 6-byte MAC addresses of the innermost frame that has them; both -1 on links without. */
  destinationMac = -1;
  sourceMac = -1;
  /** For ARP, offset of the 6-byte hardware address that the sender says it has; -1 for hardware with others. Of no meaning for other protocols. */
  arpSender = -1;
  /** Where the transport payload begins, and how much of it was captured. Of a reassembled packet that is the payload of the whole datagram. */
  payload = 0;
  payloadCaptured = 0;
  /** Payload bytes by the packet's own headers, captured or not. A fragment has its own alone, also where the whole datagram is there to be read. */
  payloadLength = 0;
  /** 1 for the first of several fragments: there may be more payload than it holds. */
  isFirstFragment = 0;
  /** 1 for a later fragment: payload is not the beginning of anything, unless `isReassembled`. */
  isLaterFragment = 0;
  /** 1 for the fragment that came last: payload and `payloadCaptured` are the whole datagram's, in a buffer of their own. */
  isReassembled = 0;
  /** How many tunnels the packet is inside of, the innermost of them (see TUNNEL) and its number: VNI, label, key, TEID ..., 0 where it has none. */
  depth = 0;
  tunnel = 0;
  tunnelId = 0;
  /** 1 when there is an outer pair: addresses of the outermost IP header that carries a tunnel. MPLS on Ethernet has none. */
  hasOuter = 0;
  outerIsV6 = 0;
  outerSrc0 = 0;
  outerSrc1 = 0;
  outerSrc2 = 0;
  outerSrc3 = 0;
  outerDst0 = 0;
  outerDst1 = 0;
  outerDst2 = 0;
  outerDst3 = 0;
  /** 1 for an ICMP error that quotes enough of the packet it speaks of to name its flow. Ports as in `srcPort`, direction as in the quoted packet. */
  quoted = 0;
  quotedProtocol = 0;
  quotedIsV6 = 0;
  quotedSrc0 = 0;
  quotedSrc1 = 0;
  quotedSrc2 = 0;
  quotedSrc3 = 0;
  quotedDst0 = 0;
  quotedDst1 = 0;
  quotedDst2 = 0;
  quotedDst3 = 0;
  quotedSrcPort = 0;
  quotedDstPort = 0;
  /** EtherType, or the reason why the frame is nothing to a flow; see `otherFrameKind`. */
  other = 0;
}

/** Clears what only few packets have. The hot path calls it after one of them, so that all others pay a single test. */
export function clearRareFields(packet: Packet): void {
  packet.isFirstFragment = 0;
  packet.isReassembled = 0;
  packet.depth = packet.tunnel = packet.tunnelId = 0;
  packet.hasOuter = packet.outerIsV6 = 0;
  packet.outerSrc0 = packet.outerSrc1 = packet.outerSrc2 = packet.outerSrc3 = 0;
  packet.outerDst0 = packet.outerDst1 = packet.outerDst2 = packet.outerDst3 = 0;
  clearQuoted(packet);
}

export function clearQuoted(packet: Packet): void {
  packet.quoted = packet.quotedProtocol = packet.quotedIsV6 = 0;
  packet.quotedSrc0 = packet.quotedSrc1 = packet.quotedSrc2 = packet.quotedSrc3 = 0;
  packet.quotedDst0 = packet.quotedDst1 = packet.quotedDst2 = packet.quotedDst3 = 0;
  packet.quotedSrcPort = packet.quotedDstPort = 0;
}
