import { ODDITY, type OddityCounter } from './oddity.ts';
import { type Packet, PROTO } from './packet.ts';

/** ARP for IPv4 over 6-byte hardware addresses, RFC 826. */

const PROTOCOL_TYPE = 2;
const HARDWARE_LENGTH = 4;
const PROTOCOL_LENGTH = 5;
const OPERATION = 6;
const SENDER_MAC = 8;
const BODY_BYTES = 28;

/** 1 request, 2 reply. */
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

/**
 * Decodes the packet at `at`: the sender's protocol address becomes the source, the target's the destination, so a request and its reply are one
 * flow. ARP for other protocols or hardware is counted and left. Returns false when there is nothing for a flow.
 */
export function decodeArp(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  packet: Packet,
  oddities: OddityCounter,
): boolean {
  const captured = end - at;
  if (captured < 8) {
    oddities.count(ODDITY['arp.truncated']);
    return false;
  }
  const hardware = bytes[at + HARDWARE_LENGTH];
  if (view.getUint16(at + PROTOCOL_TYPE) !== 0x0800 || bytes[at + PROTOCOL_LENGTH] !== 4) return false;
  const length = 8 + 2 * hardware + 8;
  if (captured < length) {
    oddities.count(ODDITY['arp.truncated']);
    return false;
  }
  const operation = view.getUint16(at + OPERATION);
  packet.protocol = PROTO.arp;
  packet.src0 = view.getInt32(at + SENDER_MAC + hardware);
  packet.dst0 = view.getInt32(at + SENDER_MAC + 2 * hardware + 4);
  packet.isReply = operation === ARP_REPLY ? 1 : 0;
  packet.icmpType = operation;
  packet.arpSender = hardware === 6 ? at + SENDER_MAC : -1;
  return true;
}

/** A request or reply between 6-byte MACs and IPv4 words. */
export function encodeArp(fields: {
  operation: number;
  senderMac: Uint8Array;
  sender: number;
  targetMac?: Uint8Array;
  target: number;
}): Uint8Array {
  const { operation, senderMac, sender, targetMac = new Uint8Array(6), target } = fields;
  const out = new Uint8Array(BODY_BYTES);
  const view = new DataView(out.buffer);
  view.setUint16(0, 1);
  view.setUint16(PROTOCOL_TYPE, 0x0800);
  view.setUint8(HARDWARE_LENGTH, 6);
  view.setUint8(PROTOCOL_LENGTH, 4);
  view.setUint16(OPERATION, operation);
  out.set(senderMac, SENDER_MAC);
  view.setInt32(14, sender);
  out.set(targetMac, 18);
  view.setInt32(24, target);
  return out;
}

export function summarizeArp(packet: Packet): string {
  return packet.isReply ? 'reply' : 'request';
}
