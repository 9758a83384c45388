import { isIpv6Extension } from './ipv6.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import { type Packet, PROTO } from './packet.ts';

/** ICMP (RFC 792) and ICMPv6 (RFC 4443). */

const TYPE = 0;
const CODE = 1;
const IDENTIFIER = 4;
const HEADER_BYTES = 8;

/** Kind of each ICMP type: 1 a query that has an identifier, 2 the reply to one, 3 and 4 an error, 0 all others (router messages ...). */
const ICMP_KIND = new Uint8Array(256);
for (const query of [8, 13, 15, 17]) ICMP_KIND[query] = 1;
for (const reply of [0, 14, 16, 18]) ICMP_KIND[reply] = 2;
const ICMPV6_KIND = new Uint8Array(256);
ICMPV6_KIND[128] = 1;
ICMPV6_KIND[129] = 2;
/** Errors: 3 those that quote a packet behind their header, 4 a redirect, which in ICMPv6 quotes it in an option. */
for (const error of [3, 4, 5, 11, 12]) ICMP_KIND[error] = 3;
for (const error of [1, 2, 3, 4]) ICMPV6_KIND[error] = 3;
ICMPV6_KIND[137] = 4;

/**
 * Decodes the message at `at`. A query and its reply share the identifier, which takes the place of both ports, so they become one flow;
 * every other message has type and code there. An error quotes the beginning of the packet it speaks of, which goes into the `quoted` fields.
 */
export function decodeIcmp(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  length: number,
  packet: Packet,
  oddities: OddityCounter,
): void {
  const captured = end - at;
  if (captured < HEADER_BYTES || length < HEADER_BYTES) {
    oddities.count(ODDITY['icmp.truncated']);
    if (captured < 2) return;
  }
  const type = bytes[at + TYPE];
  packet.icmpType = type;
  packet.icmpCode = bytes[at + CODE];
  const kind = packet.protocol === PROTO.icmpv6 ? ICMPV6_KIND[type] : ICMP_KIND[type];
  if (kind === 0 || kind > 2 || captured < HEADER_BYTES) {
    packet.srcPort = packet.dstPort = (type << 8) | packet.icmpCode;
    if (kind > 2) decodeQuoted(bytes, view, at, end, kind, packet);
  } else {
    packet.srcPort = packet.dstPort = view.getUint16(at + IDENTIFIER);
    packet.isReply = kind === 2 ? 1 : 0;
  }
  packet.payload = at + HEADER_BYTES;
  packet.payloadLength = length > HEADER_BYTES ? length - HEADER_BYTES : 0;
  packet.payloadCaptured = captured > HEADER_BYTES ? captured - HEADER_BYTES : 0;
}

const MAX_EXTENSIONS = 16;
const FRAGMENT = 44;
const REDIRECT_BYTES = 40;
const REDIRECTED_HEADER = 4;

/** Finds the packet that an error quotes (RFC 792, RFC 4443 section 2.4; RFC 4861 section 4.6.3 for the option of a redirect). */
function decodeQuoted(bytes: Uint8Array, view: DataView, at: number, end: number, kind: number, packet: Packet): void {
  let here = at + HEADER_BYTES;
  if (kind === 4) {
    here = at + REDIRECT_BYTES;
    // Options are in units of 8 bytes; that which quotes begins with 8 of its own.
    for (let i = 0; i < MAX_EXTENSIONS && end - here >= 8 && bytes[here] !== REDIRECTED_HEADER; i++) {
      if (bytes[here + 1] === 0) return;
      here += bytes[here + 1] << 3;
    }
    here += 8;
  }
  if (end - here < 1) return;
  if (packet.protocol === PROTO.icmpv6) decodeQuotedIpv6(bytes, view, here, end, packet);
  else decodeQuotedIpv4(bytes, view, here, end, packet);
}

function decodeQuotedIpv4(bytes: Uint8Array, view: DataView, at: number, end: number, packet: Packet): void {
  const header = (bytes[at] & 15) << 2;
  if (end - at < 20 || bytes[at] >> 4 !== 4 || header < 20) return;
  packet.quotedIsV6 = 0;
  packet.quotedSrc0 = view.getInt32(at + 12);
  packet.quotedDst0 = view.getInt32(at + 16);
  packet.quotedSrc1 = packet.quotedSrc2 = packet.quotedSrc3 = 0;
  packet.quotedDst1 = packet.quotedDst2 = packet.quotedDst3 = 0;
  const isLater = (view.getUint16(at + 6) & 0x1fff) !== 0;
  decodeQuotedTransport(bytes, view, at + header, isLater ? at : end, bytes[at + 9], packet);
}

function decodeQuotedIpv6(bytes: Uint8Array, view: DataView, at: number, end: number, packet: Packet): void {
  if (end - at < 40 || bytes[at] >> 4 !== 6) return;
  packet.quotedIsV6 = 1;
  packet.quotedSrc0 = view.getInt32(at + 8);
  packet.quotedSrc1 = view.getInt32(at + 12);
  packet.quotedSrc2 = view.getInt32(at + 16);
  packet.quotedSrc3 = view.getInt32(at + 20);
  packet.quotedDst0 = view.getInt32(at + 24);
  packet.quotedDst1 = view.getInt32(at + 28);
  packet.quotedDst2 = view.getInt32(at + 32);
  packet.quotedDst3 = view.getInt32(at + 36);
  let next = bytes[at + 6];
  let here = at + 40;
  for (let i = 0; i < MAX_EXTENSIONS && isIpv6Extension(next); i++) {
    if (end - here < 8) return;
    const size = next === FRAGMENT ? 8 : next === PROTO.ah ? (bytes[here + 1] + 2) << 2 : (bytes[here + 1] + 1) << 3;
    if (next === FRAGMENT && (view.getUint16(here + 2) & 0xfff8) !== 0) return;
    next = bytes[here];
    here += size;
  }
  decodeQuotedTransport(bytes, view, here, end, next, packet);
}

/** Ports as a flow has them. Without them the packet names no flow, so it counts as not quoted. */
function decodeQuotedTransport(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  protocol: number,
  packet: Packet,
): void {
  packet.quotedProtocol = protocol;
  packet.quotedSrcPort = packet.quotedDstPort = 0;
  switch (protocol) {
    case PROTO.tcp:
    case PROTO.udp:
    case PROTO.udplite:
    case PROTO.sctp:
      if (end - at < 4) return;
      packet.quotedSrcPort = view.getUint16(at);
      packet.quotedDstPort = view.getUint16(at + 2);
      break;
    case PROTO.icmp:
    case PROTO.icmpv6: {
      if (end - at < HEADER_BYTES) return;
      const type = bytes[at + TYPE];
      const number = isIcmpQuery(protocol, type) ? view.getUint16(at + IDENTIFIER) : (type << 8) | bytes[at + CODE];
      packet.quotedSrcPort = packet.quotedDstPort = number;
      break;
    }
    default:
      break;
  }
  packet.quoted = 1;
}

/** True for types that answer or ask for an echo, a time stamp, an address mask: those whose flows can be answered. */
export function isIcmpQuery(protocol: number, type: number): boolean {
  const kind = protocol === PROTO.icmpv6 ? ICMPV6_KIND[type] : ICMP_KIND[type];
  return kind === 1 || kind === 2;
}

/** A message with identifier and sequence number; the checksum is left 0. */
export function encodeIcmp(fields: {
  type: number;
  code?: number;
  identifier?: number;
  sequence?: number;
  payload?: Uint8Array;
}): Uint8Array {
  const { type, code = 0, identifier = 0, sequence = 0, payload = new Uint8Array() } = fields;
  const out = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(out.buffer);
  view.setUint8(TYPE, type);
  view.setUint8(CODE, code);
  view.setUint16(IDENTIFIER, identifier);
  view.setUint16(IDENTIFIER + 2, sequence);
  out.set(payload, HEADER_BYTES);
  return out;
}

export function summarizeIcmp(packet: Packet): string {
  return `type ${packet.icmpType} code ${packet.icmpCode} ${packet.payloadLength} bytes`;
}
