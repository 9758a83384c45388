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
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
  arp: 256,
} as const;

const NAMES = new Map<number, string>(Object.entries(PROTO).map(([name, number]) => [number, name]));

/** 'tcp', 'icmpv6', 'arp' ..., or 'ip-<number>' where we know no name. */
export function protocolName(protocol: number): string {
  return NAMES.get(protocol) ?? `ip-${protocol}`;
}

/** TCP flag bits as in the header. */
export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_RST = 4;
export const TCP_PSH = 8;
export const TCP_ACK = 16;
export const TCP_URG = 32;
export const TCP_ECE = 64;
export const TCP_CWR = 128;

/**
 * The one packet that the hot path decodes into, again and again. All fields are int32, so that the engine never boxes a number. Address words are
 * big-endian int32; an IPv4 address has its word in `src0`/`dst0` and zeros behind. Offsets point into the frame batch's buffer.
 */
export class Packet {
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
  /** ICMP type and code; for ARP the operation stands as type. -1 where there is none or it was cut off. */
  icmpType = -1;
  icmpCode = 0;
  /** 1 when the packet by its nature is an answer: ICMP replies, ARP replies. */
  isReply = 0;
  /** Outermost VLAN id, -1 without. */
  vlan = -1;
  /** Offset of the 14-byte Ethernet header, -1 on links without. */
  ethernet = -1;
  /** Where the transport payload begins, and how much of it was captured. */
  payload = 0;
  payloadCaptured = 0;
  /** Payload bytes by the packet's own headers, captured or not. */
  payloadLength = 0;
  /** 1 for a later fragment: payload is not the beginning of anything. */
  isLaterFragment = 0;
  /** EtherType, or the reason why the frame is nothing to a flow; see `otherFrameKind`. */
  other = 0;
}
