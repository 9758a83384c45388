import type { FragmentPorts } from './fragment.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import { type Packet, PROTO } from './packet.ts';
import { decodeTransport } from './transport.ts';
import { FIRST_FRAGMENT } from './udp.ts';

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
  fragments: FragmentPorts,
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
  let next = bytes[at + NEXT_HEADER];
  let here = at + HEADER_BYTES;
  for (let depth = 0; isExtension(next); depth++) {
    if (depth === MAX_EXTENSIONS) {
      oddities.count(ODDITY['ipv6.too-many-extensions']);
      packet.protocol = next;
      return true;
    }
    if (stop - here < 8) {
      oddities.count(ODDITY['ipv6.truncated-extension']);
      packet.protocol = next;
      return true;
    }
    if (next === FRAGMENT) {
      const offset = view.getUint16(here + 2);
      const identification = view.getInt32(here + 4);
      next = bytes[here];
      here += 8;
      if ((offset & 0xfff8) !== 0) {
        packet.protocol = next;
        packet.isLaterFragment = 1;
        packet.payload = here;
        packet.payloadLength = limit - here > 0 ? limit - here : 0;
        packet.payloadCaptured = stop - here > 0 ? stop - here : 0;
        if (!fragments.recall(packet, identification)) oddities.count(ODDITY['ipv6.fragment-without-first']);
        return true;
      }
      if ((offset & 1) !== 0) {
        packet.other = FIRST_FRAGMENT;
        packet.isLaterFragment = 0;
        const known = finish(bytes, view, here, stop, limit, next, packet, oddities);
        packet.other = 0;
        if (known) fragments.remember(packet, identification);
        return true;
      }
      continue;
    }
    const size = next === AUTHENTICATION ? (bytes[here + 1] + 2) << 2 : (bytes[here + 1] + 1) << 3;
    next = bytes[here];
    here += size;
    if (here > stop) {
      oddities.count(ODDITY['ipv6.truncated-extension']);
      packet.protocol = next;
      return true;
    }
  }
  finish(bytes, view, here, stop, limit, next, packet, oddities);
  return true;
}

/** The transport behind the last extension; false when another extension follows a fragment header, which is left as it is. */
function finish(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  stop: number,
  limit: number,
  protocol: number,
  packet: Packet,
  oddities: OddityCounter,
): boolean {
  packet.protocol = protocol;
  if (isExtension(protocol) || protocol === PROTO.none) return false;
  decodeTransport(bytes, view, at, stop, limit - at, packet, oddities);
  return true;
}

function isExtension(next: number): boolean {
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
