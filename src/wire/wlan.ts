import { decodeLlc } from './llc.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import { OTHER_LINK, OTHER_WLAN, type Packet } from './packet.ts';

/**
 * IEEE 802.11 data frames (IEEE 802.11-2020 section 9.2.4, 9.3.2), and the headers that capture programs put before them: radiotap (https://www.radiotap.org), Prism, AVS
 * and PPI. All else on the air (management, control, data that is encrypted) is named by `OTHER_WLAN` plus the kind.
 */

const FRAME_CONTROL = 0;
const FLAGS = 1;
const ADDRESS_1 = 4;
const ADDRESS_2 = 10;
const ADDRESS_3 = 16;
const SEQUENCE = 22;
const ADDRESS_4 = 24;
const HEADER_BYTES = 24;

const TO_DS = 0x01;
const FROM_DS = 0x02;
const PROTECTED = 0x40;
const ORDER = 0x80;
const TYPE_DATA = 2;
const SUBTYPE_QOS = 8;
const SUBTYPE_NO_DATA = 4;
const QOS_MESH = 0x01;
const QOS_AMSDU = 0x80;
const AMSDU_HEADER_BYTES = 14;
/** What an initialization vector and its extension take before data that a capture program has decrypted but not shortened. */
const CCMP_BYTES = 8;
const WEP_BYTES = 4;

const SNAP_ETHERNET = 0xaaaa0300;

/** Kinds of `OTHER_WLAN` beyond type and subtype. */
const KIND_ENCRYPTED = 0x100;
const KIND_LATER_FRAGMENT = 0x101;
const KIND_BAD_CHECKSUM = 0x102;
const KIND_CUT = 0x103;

/**
 * Decodes the frame at `at`: of a data frame the MAC addresses of source and destination, `packet.other` by its LLC header, and returns where the network layer begins.
 * `isPadded` when the header is padded to a multiple of 4 bytes, as some drivers leave it. Of an aggregate (A-MSDU) only the first frame is read, and the rest counted.
 */
export function decodeWlan(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  isPadded: boolean,
  packet: Packet,
  oddities: OddityCounter,
): number {
  packet.other = OTHER_WLAN + KIND_CUT;
  if (end - at < 2) return truncated(oddities);
  const control = bytes[at + FRAME_CONTROL];
  const flags = bytes[at + FLAGS];
  packet.other = OTHER_WLAN + (control >> 2);
  const subtype = control >> 4;
  if ((control & 3) !== 0 || ((control >> 2) & 3) !== TYPE_DATA || (subtype & SUBTYPE_NO_DATA) !== 0) return -1;
  const isRelayed = (flags & (TO_DS | FROM_DS)) === (TO_DS | FROM_DS);
  let size = HEADER_BYTES + (isRelayed ? 6 : 0);
  let qos = 0;
  if ((subtype & SUBTYPE_QOS) !== 0) {
    if (end - at < size + 2) return truncated(oddities);
    qos = bytes[at + size];
    const isMesh = isRelayed && (bytes[at + size + 1] & QOS_MESH) !== 0;
    if (isMesh) return -1;
    size += (flags & ORDER) !== 0 ? 6 : 2;
  }
  if (isPadded) size = (size + 3) & ~3;
  if (end - at < size) return truncated(oddities);
  if ((view.getUint16(at + SEQUENCE, true) & 15) !== 0) {
    packet.other = OTHER_WLAN + KIND_LATER_FRAGMENT;
    return -1;
  }
  // Where the addresses stand depends on which way the frame goes (table 9-30).
  const destination = (flags & TO_DS) !== 0 ? ADDRESS_3 : ADDRESS_1;
  const source = isRelayed ? ADDRESS_4 : (flags & FROM_DS) !== 0 ? ADDRESS_3 : ADDRESS_2;
  packet.destinationMac = at + destination;
  packet.sourceMac = at + source;
  let here = at + size;
  if ((flags & PROTECTED) !== 0) {
    // The bit stays set in frames that were decrypted on the way to the file. Ciphertext that reads as SNAP is one in 2^48.
    if (isSnap(view, here + CCMP_BYTES, end)) here += CCMP_BYTES;
    else if (isSnap(view, here + WEP_BYTES, end)) here += WEP_BYTES;
    else if (!isSnap(view, here, end)) {
      packet.other = OTHER_WLAN + KIND_ENCRYPTED;
      return -1;
    }
  }
  if ((qos & QOS_AMSDU) !== 0 && !isSnap(view, here, end)) {
    if (end - here < AMSDU_HEADER_BYTES) return truncated(oddities);
    packet.destinationMac = here;
    packet.sourceMac = here + 6;
    if (end - here - AMSDU_HEADER_BYTES > view.getUint16(here + 12) + 4) oddities.count(ODDITY['wlan.aggregate']);
    here += AMSDU_HEADER_BYTES;
  }
  return decodeLlc(bytes, view, here, end, packet);
}

function isSnap(view: DataView, at: number, end: number): boolean {
  return end - at >= 8 && view.getUint32(at) === SNAP_ETHERNET && view.getUint16(at + 4) === 0;
}

function truncated(oddities: OddityCounter): number {
  oddities.count(ODDITY['wlan.truncated']);
  return -1;
}

const RADIOTAP_LENGTH = 2;
const RADIOTAP_PRESENT = 4;
const RADIOTAP_PADDED = 0x20;
const RADIOTAP_BAD_CHECKSUM = 0x40;
const MORE_PRESENT = 0x80000000;

/** Passes the radiotap header at `at`; all its numbers are little-endian. A frame that the receiver found damaged is named and left: its addresses may be anyone's. */
export function decodeRadiotap(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  packet.other = OTHER_WLAN + KIND_CUT;
  if (end - at < 8) return truncated(oddities);
  const length = view.getUint16(at + RADIOTAP_LENGTH, true);
  if (bytes[at] !== 0 || length < 8 || length > end - at) return truncated(oddities);
  const present = view.getUint32(at + RADIOTAP_PRESENT, true);
  let isPadded = false;
  if ((present & 2) !== 0) {
    let here = RADIOTAP_PRESENT + 4;
    for (let word = present; word >= MORE_PRESENT && here + 4 <= length; here += 4)
      word = view.getUint32(at + here, true);
    // The time stamp, if there is one, is aligned to 8 bytes from the beginning of the header; the flags come right behind it.
    if ((present & 1) !== 0) here = ((here + 7) & ~7) + 8;
    if (here < length) {
      isPadded = (bytes[at + here] & RADIOTAP_PADDED) !== 0;
      if ((bytes[at + here] & RADIOTAP_BAD_CHECKSUM) !== 0) {
        packet.other = OTHER_WLAN + KIND_BAD_CHECKSUM;
        return -1;
      }
    }
  }
  return decodeWlan(bytes, view, at + length, end, isPadded, packet, oddities);
}

const PRISM_LENGTH = 4;
const AVS_VERSION_MASK = 0xfffff000;
const AVS_VERSION = 0x80211000;

/** Passes a Prism or an AVS header: drivers put either on a link that is said to have the other. A Prism header is in the byte order of its host, AVS big-endian. */
export function decodePrism(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  packet.other = OTHER_WLAN + KIND_CUT;
  if (end - at < 8) return truncated(oddities);
  const isAvs = (view.getUint32(at) & AVS_VERSION_MASK) >>> 0 === AVS_VERSION;
  const big = view.getUint32(at + PRISM_LENGTH);
  const length = isAvs || big < 0x10000 ? big : view.getUint32(at + PRISM_LENGTH, true);
  if (length < 8 || length > end - at) return truncated(oddities);
  return decodeWlan(bytes, view, at + length, end, false, packet, oddities);
}

const PPI_LENGTH = 2;
const PPI_LINK = 4;
const PPI_BYTES = 8;
const LINK_WLAN = 105;
const LINK_PPI = 192;

/** Passes the PPI header at `at`, little-endian; `packet.other` becomes OTHER_LINK plus the link type of the frame behind it. */
export function decodePpi(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  packet: Packet,
  oddities: OddityCounter,
): number {
  packet.other = OTHER_LINK + LINK_PPI;
  if (end - at < PPI_BYTES) return truncated(oddities);
  const length = view.getUint16(at + PPI_LENGTH, true);
  const link = view.getUint32(at + PPI_LINK, true);
  if (bytes[at] !== 0 || length < PPI_BYTES || length > end - at || link === LINK_PPI || link > 0xffff)
    return truncated(oddities);
  packet.other = OTHER_LINK + link;
  return at + length;
}

/** A data frame around an LLC header and what it carries; with `qos` the control field that QoS data have. */
export function encodeWlan(fields: {
  destination: Uint8Array;
  source: Uint8Array;
  /** The access point, and the one that relays where both directions are set. */
  station: Uint8Array;
  toDs?: boolean;
  fromDs?: boolean;
  qos?: number;
  isProtected?: boolean;
  payload: Uint8Array;
}): Uint8Array {
  const { destination, source, station, toDs = false, fromDs = false, qos, isProtected = false, payload } = fields;
  const isRelayed = toDs && fromDs;
  const size = HEADER_BYTES + (isRelayed ? 6 : 0) + (qos === undefined ? 0 : 2);
  const out = new Uint8Array(size + payload.length);
  out[FRAME_CONTROL] = (TYPE_DATA << 2) | (qos === undefined ? 0 : SUBTYPE_QOS << 4);
  out[FLAGS] = (toDs ? TO_DS : 0) | (fromDs ? FROM_DS : 0) | (isProtected ? PROTECTED : 0);
  out.set(toDs ? station : destination, ADDRESS_1);
  out.set(fromDs ? station : source, ADDRESS_2);
  out.set(toDs ? destination : fromDs ? source : station, ADDRESS_3);
  if (isRelayed) out.set(source, ADDRESS_4);
  if (qos !== undefined) out[size - 2] = qos;
  out.set(payload, size);
  return out;
}

/** A radiotap header with flags alone, and the frame. */
export function encodeRadiotap(frame: Uint8Array, flags = 0): Uint8Array {
  const out = new Uint8Array(9 + frame.length);
  const view = new DataView(out.buffer);
  view.setUint16(RADIOTAP_LENGTH, 9, true);
  view.setUint32(RADIOTAP_PRESENT, 2, true);
  out[8] = flags;
  out.set(frame, 9);
  return out;
}

/** A PPI header without fields before a frame of a link type. */
export function encodePpi(frame: Uint8Array, linkType = LINK_WLAN): Uint8Array {
  const out = new Uint8Array(PPI_BYTES + frame.length);
  const view = new DataView(out.buffer);
  view.setUint16(PPI_LENGTH, PPI_BYTES, true);
  view.setUint32(PPI_LINK, linkType, true);
  out.set(frame, PPI_BYTES);
  return out;
}

const MANAGEMENT = [
  'association request',
  'association response',
  'reassociation request',
  'reassociation response',
  'probe request',
  'probe response',
  'timing advertisement',
  'management 7',
  'beacon',
  'ATIM',
  'disassociation',
  'authentication',
  'deauthentication',
  'action',
  'action without acknowledgement',
  'management 15',
];

/** '802.11 beacon', '802.11 encrypted data' ... of what `OTHER_WLAN` was added to. */
export function summarizeWlan(kind: number): string {
  switch (kind) {
    case KIND_ENCRYPTED:
      return '802.11 encrypted data';
    case KIND_LATER_FRAGMENT:
      return '802.11 later fragment';
    case KIND_BAD_CHECKSUM:
      return '802.11 damaged on the air';
    case KIND_CUT:
      return '802.11 cut short';
    default: {
      const type = kind & 3;
      const subtype = kind >> 2;
      if (type === 0) return `802.11 ${MANAGEMENT[subtype] ?? `management ${subtype}`}`;
      if (type === 1) return '802.11 control';
      if (type === TYPE_DATA) return (subtype & SUBTYPE_NO_DATA) !== 0 ? '802.11 data without payload' : '802.11 data';
      return '802.11 extension';
    }
  }
}
