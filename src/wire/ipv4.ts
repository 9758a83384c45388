import { type Fragments, joinFragment, keepFragment } from './fragment.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import type { Packet } from './packet.ts';
import { REASSEMBLY_HEAD } from './reassembly.ts';
import { decodeTransport } from './transport.ts';

/** IPv4, RFC 791 section 3.1. */

const TOTAL_LENGTH = 2;
const IDENTIFICATION = 4;
const FRAGMENT = 6;
const TTL = 8;
const PROTOCOL = 9;
const SOURCE = 12;
const DESTINATION = 16;
const HEADER_BYTES = 20;
const MORE_FRAGMENTS = 0x2000;

/**
 * Decodes the packet at `at`. `end` is where the captured bytes end, `wireEnd` where the frame ended on the wire; padding behind the total length is no payload.
 * A total length of 0 (segmentation offload) means all of the frame. Returns false when there is nothing for a flow.
 */
export function decodeIpv4(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  wireEnd: number,
  packet: Packet,
  fragments: Fragments,
  oddities: OddityCounter,
): boolean {
  if (end - at < HEADER_BYTES) {
    oddities.count(ODDITY['ipv4.truncated-header']);
    return false;
  }
  const first = bytes[at];
  if (first >> 4 !== 4) {
    oddities.count(ODDITY['ipv4.bad-version']);
    return false;
  }
  const header = (first & 15) << 2;
  if (header < HEADER_BYTES) {
    oddities.count(ODDITY['ipv4.bad-header-length']);
    return false;
  }
  let total = view.getUint16(at + TOTAL_LENGTH);
  if (total === 0) total = wireEnd - at;
  else if (total < header) {
    oddities.count(ODDITY['ipv4.bad-total-length']);
    total = header;
  } else if (total > wireEnd - at) {
    oddities.count(ODDITY['ipv4.total-length-beyond-frame']);
    total = wireEnd - at > header ? wireEnd - at : header;
  }
  packet.protocol = bytes[at + PROTOCOL];
  packet.isV6 = 0;
  packet.src0 = view.getInt32(at + SOURCE);
  packet.dst0 = view.getInt32(at + DESTINATION);
  packet.src1 = packet.src2 = packet.src3 = 0;
  packet.dst1 = packet.dst2 = packet.dst3 = 0;
  if (end - at < header) {
    oddities.count(ODDITY['ipv4.truncated-header']);
    return true;
  }
  const stop = at + total < end ? at + total : end;
  const fragment = view.getUint16(at + FRAGMENT) & (0x1fff | MORE_FRAGMENTS);
  if (fragment === 0) {
    decodeTransport(bytes, view, at + header, stop, total - header, packet, oddities);
    return true;
  }
  decodeFragment(bytes, view, at, at + header, stop, total - header, packet, fragments, oddities);
  return true;
}

/** A packet whose header at `at` says that it is one of several; its `length` bytes begin at `body`. */
function decodeFragment(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  body: number,
  stop: number,
  length: number,
  packet: Packet,
  fragments: Fragments,
  oddities: OddityCounter,
): void {
  const word = view.getUint16(at + FRAGMENT);
  const offset = (word & 0x1fff) << 3;
  const more = (word & MORE_FRAGMENTS) !== 0;
  const identification = view.getUint16(at + IDENTIFICATION);
  const { protocol } = packet;
  if (offset === 0) {
    packet.isFirstFragment = 1;
    decodeTransport(bytes, view, body, stop, length, packet, oddities);
  }
  const own = offset === 0 ? packet.payloadLength : length;
  if (
    joinFragment(
      bytes,
      body,
      stop,
      length,
      offset,
      more,
      packet,
      identification,
      protocol,
      protocol,
      fragments,
      oddities,
    )
  ) {
    const whole = packet.payloadCaptured;
    packet.payloadCaptured = 0;
    const end = REASSEMBLY_HEAD + whole;
    decodeTransport(packet.bytes, packet.view, REASSEMBLY_HEAD, end, whole, packet, oddities);
    keepFragment(packet, own, offset !== 0, fragments);
  }
}

/** Whether an IPv4 packet may begin at `at`, by version and lengths: for carriers that don't say what they carry. */
export function looksLikeIpv4(bytes: Uint8Array, view: DataView, at: number, end: number, wireEnd: number): boolean {
  if (end - at < HEADER_BYTES || bytes[at] >> 4 !== 4) return false;
  const header = (bytes[at] & 15) << 2;
  const total = view.getUint16(at + TOTAL_LENGTH);
  return header >= HEADER_BYTES && total >= header && total <= wireEnd - at;
}

export interface Ipv4Fields {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly payload: Uint8Array;
  readonly identification?: number;
  /** Fragment offset in units of 8 bytes. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  readonly ttl?: number;
}

/** A packet without options; the checksum is left 0. */
export function encodeIpv4(fields: Ipv4Fields): Uint8Array {
  const {
    source,
    destination,
    protocol,
    payload,
    identification = 0,
    fragmentOffset = 0,
    moreFragments = false,
    ttl = 64,
  } = fields;
  const out = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(out.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(TOTAL_LENGTH, out.length);
  view.setUint16(IDENTIFICATION, identification);
  view.setUint16(FRAGMENT, fragmentOffset | (moreFragments ? MORE_FRAGMENTS : 0));
  view.setUint8(TTL, ttl);
  view.setUint8(PROTOCOL, protocol);
  view.setInt32(SOURCE, source);
  view.setInt32(DESTINATION, destination);
  out.set(payload, HEADER_BYTES);
  return out;
}
