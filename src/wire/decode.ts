import { decodeArp } from './arp.ts';
import { decodeAyiya, PORT_AYIYA } from './ayiya.ts';
import { decodeEthernet, decodeEtherType, decodeFixedTag, decodeMacsec } from './ethernet.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_CISCO_META,
  ETHERTYPE_ETHERNET,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MACSEC,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_MULTICAST,
  ETHERTYPE_NSH,
  ETHERTYPE_PBB,
  ETHERTYPE_PPP,
  ETHERTYPE_PPPOE,
  ETHERTYPE_QINQ,
  ETHERTYPE_QINQ_OLD,
  ETHERTYPE_VLAN,
  ETHERTYPE_VNTAG,
} from './ethertype.ts';
import type { Fragments } from './fragment.ts';
import { decodeGeneve, PORT_GENEVE, summarizeGeneve } from './geneve.ts';
import { decodeGre, summarizeGre } from './gre.ts';
import { decodeGtp, PORT_GTP, summarizeGtp } from './gtp.ts';
import { decodeIpv4 } from './ipv4.ts';
import { decodeIpv6 } from './ipv6.ts';
import { decodeL2tp, PORT_L2TP, summarizeL2tp } from './l2tp.ts';
import { decodeLink, LINK_ETHERNET } from './link.ts';
import { decodeMpls, summarizeMpls } from './mpls.ts';
import { decodeNsh, decodePbb, summarizeNsh, summarizePbb } from './nsh.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import { clearQuoted, clearRareFields, OTHER_LINK, type Packet, PROTO, TUNNEL, tunnelName } from './packet.ts';
import { decodePpp, decodePppoe } from './ppp.ts';
import { decodeTeredo, PORT_TEREDO } from './teredo.ts';
import { decodeVxlan, decodeVxlanGpe, PORT_VXLAN, PORT_VXLAN_GPE, summarizeVxlan } from './vxlan.ts';

/**
 * From a frame to the packet of its innermost conversation. The road of nearly all frames (Ethernet with at most a few tags, IP, TCP or UDP) is `decodeFrame` alone;
 * everything else is in functions of its own, which an engine compiles apart: inlined, they would slow that road down.
 */

const MAX_TUNNELS = 8;
const MAX_HEADERS = 32;

const PORT_GRE = 4754;
const PORT_MPLS = 6635;

/** What `decodeNetwork` found: nothing for a flow, a packet, or IP that can't be read although a header said that it is there. */
const NOTHING = 0;
const FOUND = 1;
const UNREADABLE = 2;

/**
 * Decodes one frame into `packet` and says whether it belongs to a flow. When not, `packet.other` says what it is (`otherFrameKind` names it).
 * Reads nothing outside [at, at + captured) and what `fragments` holds; set `fragments.timeNs` to the time of the frame before.
 */
export function decodeFrame(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  captured: number,
  wireLength: number,
  linkType: number,
  packet: Packet,
  fragments: Fragments,
  oddities: OddityCounter,
): boolean {
  const end = at + captured;
  const wireEnd = at + wireLength;
  if (packet.bytes !== bytes) {
    packet.bytes = bytes;
    packet.view = view;
  }
  packet.protocol = -1;
  packet.vlan = -1;
  packet.destinationMac = packet.sourceMac = -1;
  packet.srcPort = packet.dstPort = 0;
  packet.tcpFlags = 0;
  packet.icmpType = -1;
  packet.icmpCode = 0;
  packet.isReply = 0;
  packet.payload = packet.payloadCaptured = packet.payloadLength = 0;
  packet.isLaterFragment = 0;
  packet.other = 0;
  if ((packet.isFirstFragment | packet.isReassembled | packet.depth | packet.tunnel | packet.quotedProtocol) !== 0)
    clearRareFields(packet);
  const network =
    linkType === LINK_ETHERNET
      ? decodeEthernet(bytes, view, at, end, packet, oddities)
      : decodeLink(bytes, view, at, end, linkType, packet, oddities);
  if (network < 0) return false;
  const type = packet.other;
  if (type === ETHERTYPE_IPV4) {
    packet.other = 0;
    if (!decodeIpv4(bytes, view, network, end, wireEnd, packet, fragments, oddities)) {
      packet.other = type;
      return false;
    }
  } else if (type === ETHERTYPE_IPV6) {
    packet.other = 0;
    if (!decodeIpv6(bytes, view, network, end, wireEnd, packet, fragments, oddities)) {
      packet.other = type;
      return false;
    }
  } else if (decodeNetwork(bytes, view, network, end, wireEnd, packet, fragments, oddities) !== FOUND) return false;
  if (packet.protocol !== PROTO.tcp && isCarrier(packet)) decodeTunnels(packet, fragments, oddities);
  return true;
}

/** Whether the packet may have another inside, by protocol and port: a quick look for what `enterTunnel` looks at closely. */
function isCarrier(packet: Packet): boolean {
  switch (packet.protocol) {
    case PROTO.udp:
      return isCarrierPort(packet.dstPort) || isCarrierPort(packet.srcPort);
    case PROTO.ipip:
    case PROTO.ipv6:
    case PROTO.gre:
    case PROTO.etherip:
    case PROTO.mpls:
      return true;
    default:
      return false;
  }
}

/** By port up to the last of them: 1 for the well-known ports of tunnels. */
const CARRIER_PORTS = new Uint8Array(PORT_MPLS + 1);
for (const port of [
  PORT_L2TP,
  PORT_GTP,
  PORT_TEREDO,
  PORT_GRE,
  PORT_VXLAN,
  PORT_VXLAN_GPE,
  PORT_AYIYA,
  PORT_GENEVE,
  PORT_MPLS,
])
  CARRIER_PORTS[port] = 1;

function isCarrierPort(port: number): boolean {
  return port <= PORT_MPLS && CARRIER_PORTS[port] !== 0;
}

/** Goes into tunnels as deep as they lead. What can't be read, or is not what its port says, leaves the packet that carries it as it is. */
function decodeTunnels(packet: Packet, fragments: Fragments, oddities: OddityCounter): void {
  while (isCarrier(packet)) {
    if (packet.depth >= MAX_TUNNELS) {
      oddities.count(ODDITY['tunnel.too-deep']);
      return;
    }
    if (!enterTunnel(packet, fragments, oddities)) return;
  }
}

function enterTunnel(packet: Packet, fragments: Fragments, oddities: OddityCounter): boolean {
  const isWhole = packet.isReassembled !== 0;
  // A tunnel's packet in fragments is looked into when they are together; until then each of them is the carrier's.
  if (packet.payloadCaptured === 0 || (!isWhole && (packet.isFirstFragment | packet.isLaterFragment) !== 0))
    return false;
  const { bytes, view, payload, payloadCaptured, payloadLength, tunnel, tunnelId } = packet;
  const end = payload + payloadCaptured;
  const wireEnd = isWhole ? end : payload + payloadLength;
  const inner = decodeCarrier(bytes, view, payload, end, wireEnd, packet);
  if (inner >= 0) {
    // All that a carrier has and its content may overwrite.
    const { protocol, isV6, src0, src1, src2, src3, dst0, dst1, dst2, dst3, srcPort, dstPort } = packet;
    const { vlan, destinationMac, sourceMac, depth, hasOuter, isFirstFragment, isLaterFragment } = packet;
    if (hasOuter === 0) setOuter(packet);
    packet.depth++;
    clearInner(packet);
    const found = decodeNetwork(bytes, view, inner, end, wireEnd, packet, fragments, oddities);
    if (found === FOUND) return true;
    if (found === UNREADABLE) oddities.count(ODDITY['tunnel.unreadable']);
    clearInner(packet);
    if (hasOuter === 0) clearOuter(packet);
    packet.protocol = protocol;
    packet.isV6 = isV6;
    packet.src0 = src0;
    packet.src1 = src1;
    packet.src2 = src2;
    packet.src3 = src3;
    packet.dst0 = dst0;
    packet.dst1 = dst1;
    packet.dst2 = dst2;
    packet.dst3 = dst3;
    packet.srcPort = srcPort;
    packet.dstPort = dstPort;
    packet.vlan = vlan;
    packet.destinationMac = destinationMac;
    packet.sourceMac = sourceMac;
    packet.depth = depth;
    packet.payload = payload;
    packet.payloadCaptured = payloadCaptured;
    packet.payloadLength = payloadLength;
    packet.isFirstFragment = isFirstFragment;
    packet.isLaterFragment = isLaterFragment;
    packet.isReassembled = isWhole ? 1 : 0;
  }
  packet.tunnel = tunnel;
  packet.tunnelId = tunnelId;
  packet.other = 0;
  return false;
}

/** The header of the tunnel in `packet`: sets tunnel, number and what is inside as an EtherType, and returns where that is; -1 when it is none after all. */
function decodeCarrier(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  wireEnd: number,
  packet: Packet,
): number {
  packet.tunnelId = 0;
  switch (packet.protocol) {
    case PROTO.ipip:
      packet.tunnel = TUNNEL.ipip;
      packet.other = ETHERTYPE_IPV4;
      return at;
    case PROTO.ipv6:
      packet.tunnel = TUNNEL['6in4'];
      packet.other = ETHERTYPE_IPV6;
      return at;
    case PROTO.gre:
      return decodeGre(bytes, view, at, end, packet);
    case PROTO.mpls:
      return decodeMpls(bytes, view, at, end, wireEnd, packet);
    case PROTO.etherip:
      // RFC 3378: version 3 in the first nibble, the rest zero.
      if (end - at < 2 || view.getUint16(at) !== 0x3000) return -1;
      packet.tunnel = TUNNEL.etherip;
      packet.other = ETHERTYPE_ETHERNET;
      return at + 2;
    default:
      break;
  }
  // Answers come from the well-known port or go to it, as the protocol and its makers please.
  if (hasPort(packet, PORT_VXLAN)) {
    const inner = decodeVxlan(view, at, end, packet);
    return inner >= 0 ? inner : decodeVxlanGpe(view, at, end, packet);
  }
  if (hasPort(packet, PORT_GTP)) return decodeGtp(bytes, view, at, end, wireEnd, packet);
  if (hasPort(packet, PORT_GENEVE)) return decodeGeneve(view, at, end, packet);
  if (hasPort(packet, PORT_VXLAN_GPE)) return decodeVxlanGpe(view, at, end, packet);
  if (hasPort(packet, PORT_TEREDO)) return decodeTeredo(bytes, view, at, end, wireEnd, packet);
  if (hasPort(packet, PORT_L2TP)) return decodeL2tp(view, at, end, wireEnd, packet);
  if (hasPort(packet, PORT_GRE)) return decodeGre(bytes, view, at, end, packet);
  if (hasPort(packet, PORT_MPLS)) return decodeMpls(bytes, view, at, end, wireEnd, packet);
  if (hasPort(packet, PORT_AYIYA)) return decodeAyiya(bytes, view, at, end, wireEnd, packet);
  return -1;
}

function hasPort(packet: Packet, port: number): boolean {
  return packet.dstPort === port || packet.srcPort === port;
}

function setOuter(packet: Packet): void {
  packet.hasOuter = 1;
  packet.outerIsV6 = packet.isV6;
  packet.outerSrc0 = packet.src0;
  packet.outerSrc1 = packet.src1;
  packet.outerSrc2 = packet.src2;
  packet.outerSrc3 = packet.src3;
  packet.outerDst0 = packet.dst0;
  packet.outerDst1 = packet.dst1;
  packet.outerDst2 = packet.dst2;
  packet.outerDst3 = packet.dst3;
}

function clearOuter(packet: Packet): void {
  packet.hasOuter = packet.outerIsV6 = 0;
  packet.outerSrc0 = packet.outerSrc1 = packet.outerSrc2 = packet.outerSrc3 = 0;
  packet.outerDst0 = packet.outerDst1 = packet.outerDst2 = packet.outerDst3 = 0;
}

/** Makes the packet ready for the one inside; link, tunnel and outer addresses stay. */
function clearInner(packet: Packet): void {
  packet.protocol = -1;
  packet.srcPort = packet.dstPort = 0;
  packet.tcpFlags = 0;
  packet.icmpType = -1;
  packet.icmpCode = 0;
  packet.isReply = 0;
  packet.payload = packet.payloadCaptured = packet.payloadLength = 0;
  packet.isFirstFragment = packet.isLaterFragment = packet.isReassembled = 0;
  clearQuoted(packet);
}

/**
 * Decodes what `packet.other` says is at `at`, header after header until IP or ARP. Inside a tunnel IP that can't be read is told apart from what is no IP; on a
 * link it is counted under its own name, and both are NOTHING.
 */
function decodeNetwork(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  wireEnd: number,
  packet: Packet,
  fragments: Fragments,
  oddities: OddityCounter,
): number {
  let here = at;
  for (let headers = 0; headers < MAX_HEADERS; headers++) {
    const type = packet.other;
    let next = -1;
    switch (type) {
      case ETHERTYPE_IPV4:
        if (packet.depth > 0 && (end - here < 20 || bytes[here] >> 4 !== 4 || (bytes[here] & 15) < 5))
          return UNREADABLE;
        packet.other = 0;
        if (decodeIpv4(bytes, view, here, end, wireEnd, packet, fragments, oddities)) return FOUND;
        packet.other = type;
        return NOTHING;
      case ETHERTYPE_IPV6:
        if (packet.depth > 0 && (end - here < 40 || bytes[here] >> 4 !== 6)) return UNREADABLE;
        packet.other = 0;
        if (decodeIpv6(bytes, view, here, end, wireEnd, packet, fragments, oddities)) return FOUND;
        packet.other = type;
        return NOTHING;
      case ETHERTYPE_ARP:
        packet.isV6 = 0;
        packet.src1 = packet.src2 = packet.src3 = 0;
        packet.dst1 = packet.dst2 = packet.dst3 = 0;
        return decodeArp(bytes, view, here, end, packet, oddities) ? FOUND : NOTHING;
      case ETHERTYPE_ETHERNET:
        next = decodeEthernet(bytes, view, here, end, packet, oddities);
        break;
      case ETHERTYPE_VLAN:
      case ETHERTYPE_QINQ:
      case ETHERTYPE_QINQ_OLD:
        next = decodeEtherType(bytes, view, type, here, end, packet, oddities);
        break;
      case ETHERTYPE_PPPOE:
        next = decodePppoe(bytes, view, here, end, packet);
        break;
      case ETHERTYPE_PPP:
        next = decodePpp(bytes, here, end, packet);
        break;
      case ETHERTYPE_MACSEC:
        next = decodeMacsec(view, here, end, packet);
        break;
      case ETHERTYPE_VNTAG:
        next = decodeFixedTag(view, here, end, 4, packet);
        break;
      case ETHERTYPE_CISCO_META:
        next = decodeFixedTag(view, here, end, 6, packet);
        break;
      case ETHERTYPE_MPLS:
      case ETHERTYPE_MPLS_MULTICAST:
        next = decodeMpls(bytes, view, here, end, wireEnd, packet);
        if (next >= 0) packet.depth++;
        break;
      case ETHERTYPE_PBB:
        next = decodePbb(view, here, end, packet);
        if (next >= 0) packet.depth++;
        break;
      case ETHERTYPE_NSH:
        next = decodeNsh(view, here, end, packet);
        if (next >= 0) packet.depth++;
        break;
      default:
        if (type >= OTHER_LINK && type < 2 * OTHER_LINK)
          next = decodeLink(bytes, view, here, end, type - OTHER_LINK, packet, oddities);
        break;
    }
    if (next < 0) return NOTHING;
    if (packet.depth > MAX_TUNNELS) {
      packet.other = type;
      break;
    }
    here = next;
  }
  oddities.count(ODDITY['tunnel.too-deep']);
  return NOTHING;
}

const SUMMARIES = new Map<number, (id: number) => string>([
  [TUNNEL.gre, summarizeGre],
  [TUNNEL.pptp, (id) => `call ${id}`],
  [TUNNEL.erspan, (id) => `session ${id}`],
  [TUNNEL.mpls, summarizeMpls],
  [TUNNEL.vxlan, summarizeVxlan],
  [TUNNEL.geneve, summarizeGeneve],
  [TUNNEL.gtp, summarizeGtp],
  [TUNNEL.nsh, summarizeNsh],
  [TUNNEL.pbb, summarizePbb],
  [TUNNEL.l2tp, summarizeL2tp],
]);

/** 'vxlan VNI 100', 'gre', 'mpls label 17' ... of the innermost tunnel; '' without one. */
export function summarizeTunnel(tunnel: number, id: number): string {
  return `${tunnelName(tunnel)} ${SUMMARIES.get(tunnel)?.(id) ?? ''}`.trim();
}
