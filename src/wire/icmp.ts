import { ODDITY, type OddityCounter } from './oddity.ts';
import { type Packet, PROTO } from './packet.ts';

/** ICMP (RFC 792) and ICMPv6 (RFC 4443). */

const TYPE = 0;
const CODE = 1;
const IDENTIFIER = 4;
const HEADER_BYTES = 8;

/** Kind of each ICMP type: 1 a query that has an identifier, 2 the reply to one, 0 all others (errors, router messages ...). */
const ICMP_KIND = new Uint8Array(256);
for (const query of [8, 13, 15, 17]) ICMP_KIND[query] = 1;
for (const reply of [0, 14, 16, 18]) ICMP_KIND[reply] = 2;
const ICMPV6_KIND = new Uint8Array(256);
ICMPV6_KIND[128] = 1;
ICMPV6_KIND[129] = 2;

/**
 * Decodes the message at `at`. A query and its reply share the identifier, which takes the place of both ports, so they become one flow;
 * every other message has type and code there.
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
  if (kind === 0 || captured < HEADER_BYTES) {
    packet.srcPort = packet.dstPort = (type << 8) | packet.icmpCode;
  } else {
    packet.srcPort = packet.dstPort = view.getUint16(at + IDENTIFIER);
    packet.isReply = kind === 2 ? 1 : 0;
  }
  packet.payload = at + HEADER_BYTES;
  packet.payloadLength = length > HEADER_BYTES ? length - HEADER_BYTES : 0;
  packet.payloadCaptured = captured > HEADER_BYTES ? captured - HEADER_BYTES : 0;
}

/** True for types that answer or ask for an echo, a time stamp, an address mask: those whose flows can be answered. */
export function isIcmpQuery(protocol: number, type: number): boolean {
  return (protocol === PROTO.icmpv6 ? ICMPV6_KIND[type] : ICMP_KIND[type]) !== 0;
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
