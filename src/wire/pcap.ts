/**
 * The classic capture file (draft-ietf-opsawg-pcap): a 24-byte file header, then records of 16 bytes and data.
 * Both byte orders, microseconds and nanoseconds, and Kuznetzov's variant with 24-byte record headers.
 */

// File header offsets.
const VERSION_MAJOR = 4;
const VERSION_MINOR = 6;
const LINK_TYPE = 20;
export const PCAP_FILE_HEADER_BYTES = 24;

/** Record header offsets. */
export const PCAP_SECONDS = 0;
export const PCAP_FRACTION = 4;
export const PCAP_CAPTURE_LENGTH = 8;
export const PCAP_WIRE_LENGTH = 12;

/** Above this no capture program goes (libpcap's MAXIMUM_SNAPLEN); a larger captured length is damage, not data. */
export const MAX_CAPTURE_LENGTH = 262_144;

export interface PcapHeader {
  readonly littleEndian: boolean;
  /** Nanoseconds per unit of the fraction field: 1000 or 1. */
  readonly nsPerUnit: number;
  readonly recordHeaderBytes: number;
  /** Files before 2.3 wrote the two lengths the other way round. */
  readonly lengthsSwapped: 'never' | 'when-larger' | 'always';
  readonly linkType: number;
}

/** The header of a pcap file, or undefined when the magic number is not one of pcap's. `view` must hold 24 bytes. */
export function decodePcapHeader(view: DataView): PcapHeader | undefined {
  const magic = view.getUint32(0, true);
  const littleEndian = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d || magic === 0xa1b2cd34;
  const known = littleEndian ? magic : view.getUint32(0, false);
  if (known !== 0xa1b2c3d4 && known !== 0xa1b23c4d && known !== 0xa1b2cd34) return undefined;
  const major = view.getUint16(VERSION_MAJOR, littleEndian);
  const minor = view.getUint16(VERSION_MINOR, littleEndian);
  return {
    littleEndian,
    nsPerUnit: known === 0xa1b23c4d ? 1 : 1000,
    recordHeaderBytes: known === 0xa1b2cd34 ? 24 : 16,
    lengthsSwapped: major === 2 && minor < 3 ? 'always' : major === 2 && minor === 3 ? 'when-larger' : 'never',
    linkType: view.getUint32(LINK_TYPE, littleEndian) & 0xffff,
  };
}

/** A file header for little-endian, version 2.4. */
export function encodePcapHeader(
  options: { linkType?: number; nanoseconds?: boolean; snapLength?: number } = {},
): Uint8Array {
  const { linkType = 1, nanoseconds = false, snapLength = MAX_CAPTURE_LENGTH } = options;
  const out = new Uint8Array(PCAP_FILE_HEADER_BYTES);
  const view = new DataView(out.buffer);
  view.setUint32(0, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, true);
  view.setUint16(VERSION_MAJOR, 2, true);
  view.setUint16(VERSION_MINOR, 4, true);
  view.setUint32(16, snapLength, true);
  view.setUint32(LINK_TYPE, linkType, true);
  return out;
}

/** One record, little-endian. `fraction` is in the unit that the file header says. */
export function encodePcapRecord(
  seconds: number,
  fraction: number,
  frame: Uint8Array,
  wireLength = frame.length,
): Uint8Array {
  const out = new Uint8Array(16 + frame.length);
  const view = new DataView(out.buffer);
  view.setUint32(PCAP_SECONDS, seconds, true);
  view.setUint32(PCAP_FRACTION, fraction, true);
  view.setUint32(PCAP_CAPTURE_LENGTH, frame.length, true);
  view.setUint32(PCAP_WIRE_LENGTH, wireLength, true);
  out.set(frame, 16);
  return out;
}

/** 'pcap' or 'pcap (nanoseconds)'. */
export function summarizePcapHeader(header: PcapHeader): string {
  return header.nsPerUnit === 1 ? 'pcap (nanoseconds)' : 'pcap';
}
