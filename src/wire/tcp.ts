import { ODDITY, type OddityCounter } from './oddity.ts';
import { type Packet, TCP_ACK, TCP_CWR, TCP_ECE, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from './packet.ts';

/** TCP, RFC 9293 section 3.1. */

const SRC_PORT = 0;
const DST_PORT = 2;
const SEQUENCE = 4;
const ACKNOWLEDGEMENT = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const HEADER_BYTES = 20;

/**
 * Decodes the segment at `at`. `end` is where its captured bytes end, `length` how long the segment is by the IP header.
 * A header that is cut still gives what is there: the ports, then sequence number and flags.
 */
export function decodeTcp(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  length: number,
  packet: Packet,
  oddities: OddityCounter,
): void {
  const captured = end - at;
  packet.tcpOptions = -1;
  if (captured < HEADER_BYTES || length < HEADER_BYTES) {
    oddities.count(ODDITY['tcp.truncated-header']);
    if (captured >= 4) {
      packet.srcPort = view.getUint16(at + SRC_PORT);
      packet.dstPort = view.getUint16(at + DST_PORT);
    }
    if (captured > FLAGS) {
      packet.tcpSequence = view.getInt32(at + SEQUENCE);
      packet.tcpFlags = bytes[at + FLAGS];
    }
    return;
  }
  packet.srcPort = view.getUint16(at + SRC_PORT);
  packet.dstPort = view.getUint16(at + DST_PORT);
  packet.tcpSequence = view.getInt32(at + SEQUENCE);
  packet.tcpFlags = bytes[at + FLAGS];
  const header = (bytes[at + DATA_OFFSET] >> 4) << 2;
  if (header < HEADER_BYTES || header > length) {
    oddities.count(ODDITY['tcp.bad-data-offset']);
    return;
  }
  packet.tcpAcknowledgement = view.getInt32(at + ACKNOWLEDGEMENT);
  packet.tcpWindow = view.getUint16(at + WINDOW);
  packet.tcpOptions = at + HEADER_BYTES;
  packet.payload = at + header;
  packet.payloadLength = length - header;
  packet.payloadCaptured = end - at - header > 0 ? end - at - header : 0;
}

export interface TcpFields {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly flags: number;
  readonly sequence?: number;
  readonly acknowledgement?: number;
  readonly window?: number;
  readonly payload?: Uint8Array;
}

/** A segment without options; the checksum is left 0. */
export function encodeTcp(fields: TcpFields): Uint8Array {
  const {
    srcPort,
    dstPort,
    flags,
    sequence = 0,
    acknowledgement = 0,
    window = 65_535,
    payload = new Uint8Array(),
  } = fields;
  const out = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(out.buffer);
  view.setUint16(SRC_PORT, srcPort);
  view.setUint16(DST_PORT, dstPort);
  view.setUint32(SEQUENCE, sequence);
  view.setUint32(ACKNOWLEDGEMENT, acknowledgement);
  view.setUint8(DATA_OFFSET, (HEADER_BYTES / 4) << 4);
  view.setUint8(FLAGS, flags);
  view.setUint16(WINDOW, window);
  out.set(payload, HEADER_BYTES);
  return out;
}

const FLAG_LETTERS = [
  [TCP_CWR, 'C'],
  [TCP_ECE, 'E'],
  [TCP_URG, 'U'],
  [TCP_ACK, 'A'],
  [TCP_PSH, 'P'],
  [TCP_RST, 'R'],
  [TCP_SYN, 'S'],
  [TCP_FIN, 'F'],
] as const;

const FLAG_TEXTS: readonly string[] = Array.from({ length: 256 }, (_, flags) =>
  FLAG_LETTERS.map(([bit, letter]) => (flags & bit ? letter : '')).join(''),
);

/** Flags as letters in the order CEUAPRSF: 'AS' is a SYN-ACK. */
export function formatTcpFlags(flags: number): string {
  return FLAG_TEXTS[flags & 255];
}

export function summarizeTcp(packet: Packet): string {
  return `${packet.srcPort} > ${packet.dstPort} [${formatTcpFlags(packet.tcpFlags)}] ${packet.payloadLength} bytes`;
}
