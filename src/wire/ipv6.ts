import { type Fragments, joinFragment, keepFragment } from './fragment.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import { type Packet, PROTO } from './packet.ts';
import { REASSEMBLY_HEAD } from './reassembly.ts';
import { decodeTransport } from './transport.ts';

/** IPv6, RFC 8200; the chain of extension headers is followed to the transport, at most 16 of them. */

const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SOURCE = 8;
const DESTINATION = 24;
const HEADER_BYTES = 40;
const MAX_EXTENSIONS = 16;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;
const HOST_IDENTITY = 139;
const SHIM6 = 140;

/** As `decodeIpv4`. A payload length of 0 (jumbogram, segmentation offload) means all of the frame. */
export function decodeIpv6(
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
    oddities.count(ODDITY['ipv6.truncated-header']);
    return false;
  }
  if (bytes[at] >> 4 !== 6) {
    oddities.count(ODDITY['ipv6.bad-version']);
    return false;
  }
  let length = view.getUint16(at + PAYLOAD_LENGTH);
  const room = wireEnd - at - HEADER_BYTES;
  if (length === 0) length = room;
  else if (length > room) {
    oddities.count(ODDITY['ipv6.payload-length-beyond-frame']);
    length = room;
  }
  packet.isV6 = 1;
  packet.src0 = view.getInt32(at + SOURCE);
  packet.src1 = view.getInt32(at + SOURCE + 4);
  packet.src2 = view.getInt32(at + SOURCE + 8);
  packet.src3 = view.getInt32(at + SOURCE + 12);
  packet.dst0 = view.getInt32(at + DESTINATION);
  packet.dst1 = view.getInt32(at + DESTINATION + 4);
  packet.dst2 = view.getInt32(at + DESTINATION + 8);
  packet.dst3 = view.getInt32(at + DESTINATION + 12);
  const limit = at + HEADER_BYTES + length;
  const stop = limit < end ? limit : end;
  const next = bytes[at + NEXT_HEADER];
  const here = at + HEADER_BYTES;
  if (isIpv6Extension(next)) decodeExtensions(bytes, view, here, stop, limit, next, false, packet, fragments, oddities);
  else {
    packet.protocol = next;
    if (next !== PROTO.none) decodeTransport(bytes, view, here, stop, length, packet, oddities);
  }
  return true;
}

/**
 * Follows the chain of extension headers from `here`, the first of which is a `next`, to the transport. `isWhole` when the bytes are those of a reassembled
 * datagram, in which no fragment may come again.
 */
function decodeExtensions(
  bytes: Uint8Array,
  view: DataView,
  here: number,
  stop: number,
  limit: number,
  next: number,
  isWhole: boolean,
  packet: Packet,
  fragments: Fragments,
  oddities: OddityCounter,
): void {
  let at = here;
  let protocol = next;
  // The place of the fragment header that is in force: what lies behind it is the first part of a datagram.
  let fragment = -1;
  for (let depth = 0; isIpv6Extension(protocol); depth++) {
    packet.protocol = protocol;
    if (depth === MAX_EXTENSIONS) {
      oddities.count(ODDITY['ipv6.too-many-extensions']);
      return;
    }
    if (stop - at < 8) {
      // A first fragment may well end inside a header that goes on in the next.
      if (fragment < 0) oddities.count(ODDITY['ipv6.truncated-extension']);
      break;
    }
    if (protocol === FRAGMENT) {
      const word = view.getUint16(at + 2);
      protocol = bytes[at];
      at += 8;
      if ((word & 0xfff9) === 0) continue;
      if (isWhole || fragment >= 0) {
        oddities.count(ODDITY['ipv6.nested-fragment']);
        return;
      }
      fragment = at - 8;
      if ((word & 0xfff8) !== 0) {
        packet.protocol = protocol;
        break;
      }
      packet.isFirstFragment = 1;
      continue;
    }
    const size = protocol === AUTHENTICATION ? (bytes[at + 1] + 2) << 2 : (bytes[at + 1] + 1) << 3;
    protocol = bytes[at];
    at += size;
    if (at > stop) {
      packet.protocol = protocol;
      if (fragment < 0) {
        oddities.count(ODDITY['ipv6.truncated-extension']);
        return;
      }
      break;
    }
  }
  const isLater = fragment >= 0 && packet.isFirstFragment === 0;
  if (!isLater && !isIpv6Extension(protocol) && at <= stop) {
    packet.protocol = protocol;
    if (protocol !== PROTO.none) decodeTransport(bytes, view, at, stop, limit - at, packet, oddities);
  }
  if (fragment >= 0) decodeFragment(bytes, view, fragment, stop, limit, packet, fragments, oddities);
}

/** A packet with the fragment header at `at`, of which the first has been decoded as far as it goes. */
function decodeFragment(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  stop: number,
  limit: number,
  packet: Packet,
  fragments: Fragments,
  oddities: OddityCounter,
): void {
  const word = view.getUint16(at + 2);
  const offset = word & 0xfff8;
  const more = (word & 1) !== 0;
  const identification = view.getInt32(at + 4);
  const body = at + 8;
  const length = limit - body;
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
      FRAGMENT,
      bytes[at],
      fragments,
      oddities,
    )
  ) {
    const whole = packet.payloadCaptured;
    packet.payloadCaptured = 0;
    const end = REASSEMBLY_HEAD + whole;
    const next = packet.protocol;
    if (isIpv6Extension(next))
      decodeExtensions(packet.bytes, packet.view, REASSEMBLY_HEAD, end, end, next, true, packet, fragments, oddities);
    else if (next !== PROTO.none)
      decodeTransport(packet.bytes, packet.view, REASSEMBLY_HEAD, end, whole, packet, oddities);
    keepFragment(packet, own, offset !== 0, fragments);
  }
}

/** Whether the header is one of the chain before the transport. */
export function isIpv6Extension(next: number): boolean {
  switch (next) {
    case HOP_BY_HOP:
    case ROUTING:
    case FRAGMENT:
    case AUTHENTICATION:
    case DESTINATION_OPTIONS:
    case MOBILITY:
    case HOST_IDENTITY:
    case SHIM6:
      return true;
    default:
      return false;
  }
}

/** As `looksLikeIpv4`. */
export function looksLikeIpv6(bytes: Uint8Array, view: DataView, at: number, end: number, wireEnd: number): boolean {
  return (
    end - at >= HEADER_BYTES &&
    bytes[at] >> 4 === 6 &&
    HEADER_BYTES + view.getUint16(at + PAYLOAD_LENGTH) <= wireEnd - at
  );
}

/** A packet. Extension headers, already encoded, are the front of `payload`; `nextHeader` names the first of them, or the transport. */
export function encodeIpv6(fields: {
  source: readonly [number, number, number, number];
  destination: readonly [number, number, number, number];
  nextHeader: number;
  payload: Uint8Array;
}): Uint8Array {
  const { source, destination, nextHeader, payload } = fields;
  const out = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(out.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(PAYLOAD_LENGTH, payload.length);
  view.setUint8(NEXT_HEADER, nextHeader);
  view.setUint8(HOP_LIMIT, 64);
  source.forEach((word, i) => {
    view.setInt32(SOURCE + 4 * i, word);
  });
  destination.forEach((word, i) => {
    view.setInt32(DESTINATION + 4 * i, word);
  });
  out.set(payload, HEADER_BYTES);
  return out;
}
