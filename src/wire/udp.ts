import { ODDITY, type OddityCounter } from './oddity.ts';
import type { Packet } from './packet.ts';

/** UDP, RFC 768. */

const SRC_PORT = 0;
const DST_PORT = 2;
const LENGTH = 4;
const HEADER_BYTES = 8;

/** Decodes the datagram at `at`; `length` is what the IP header leaves for it. A UDP length of 0 (jumbogram or offload) means all of it. */
export function decodeUdp(
  view: DataView,
  at: number,
  end: number,
  length: number,
  packet: Packet,
  oddities: OddityCounter,
): void {
  const captured = end - at;
  if (captured < HEADER_BYTES || length < HEADER_BYTES) {
    oddities.count(ODDITY['udp.truncated-header']);
    if (captured >= 4) {
      packet.srcPort = view.getUint16(at + SRC_PORT);
      packet.dstPort = view.getUint16(at + DST_PORT);
    }
    return;
  }
  packet.srcPort = view.getUint16(at + SRC_PORT);
  packet.dstPort = view.getUint16(at + DST_PORT);
  let total = view.getUint16(at + LENGTH);
  if (total === 0) total = length;
  else if (total < HEADER_BYTES || total > length) {
    // The first fragment of a long datagram claims more than it holds, and rightly.
    if (packet.isFirstFragment === 0) oddities.count(ODDITY['udp.bad-length']);
    total = length;
  }
  packet.payload = at + HEADER_BYTES;
  packet.payloadLength = total - HEADER_BYTES;
  const available = captured - HEADER_BYTES;
  packet.payloadCaptured = available < packet.payloadLength ? available : packet.payloadLength;
}

/** A datagram; the checksum is left 0 (none). */
export function encodeUdp(srcPort: number, dstPort: number, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(out.buffer);
  view.setUint16(SRC_PORT, srcPort);
  view.setUint16(DST_PORT, dstPort);
  view.setUint16(LENGTH, out.length);
  out.set(payload, HEADER_BYTES);
  return out;
}

export function summarizeUdp(packet: Packet): string {
  return `${packet.srcPort} > ${packet.dstPort} ${packet.payloadLength} bytes`;
}
