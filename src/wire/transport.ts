import { decodeIcmp } from './icmp.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import { type Packet, PROTO } from './packet.ts';
import { decodeTcp } from './tcp.ts';
import { decodeUdp } from './udp.ts';

/** The protocol inside IP at [at, end), `length` bytes long by the IP header. Protocols that we know no more of keep their bytes as payload. */
export function decodeTransport(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  length: number,
  packet: Packet,
  oddities: OddityCounter,
): void {
  const protocol = packet.protocol;
  if (protocol === PROTO.tcp) decodeTcp(bytes, view, at, end, length, packet, oddities);
  else if (protocol === PROTO.udp || protocol === PROTO.udplite) decodeUdp(view, at, end, length, packet, oddities);
  else if (protocol === PROTO.icmp || protocol === PROTO.icmpv6)
    decodeIcmp(bytes, view, at, end, length, packet, oddities);
  else {
    if (protocol === PROTO.sctp) {
      if (end - at < 12) oddities.count(ODDITY['sctp.truncated-header']);
      if (end - at >= 4) {
        packet.srcPort = view.getUint16(at);
        packet.dstPort = view.getUint16(at + 2);
      }
    }
    packet.payload = at;
    packet.payloadLength = length > 0 ? length : 0;
    packet.payloadCaptured = end > at ? end - at : 0;
  }
}
