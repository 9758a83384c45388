import * as fs from 'node:fs';
import { decodePcapHeader, MAX_CAPTURE_LENGTH, PCAP_FILE_HEADER_BYTES } from '../../wire/index.ts';

/** What a capture file that was left open holds. */
export interface PartContent {
  readonly packets: number;
  /** Bytes up to the end of the last whole packet, and what lies behind. */
  readonly bytes: number;
  readonly cutBytes: number;
  /** Epoch ms of the first and the last packet. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
}

/**
 * Looks through a pcap file whose writer died and says where its last whole packet ends. Zeros, which is how some file systems fill what was lost with the power, are no packets.
 * Undefined when it does not begin as a pcap file. Throws what the file system throws.
 */
export function examinePart(file: string): PartContent | undefined {
  const fd = fs.openSync(file, 'r');
  try {
    const size = fs.fstatSync(fd).size;
    const buffer = new Uint8Array(1 << 20);
    const view = new DataView(buffer.buffer);
    let length = fs.readSync(fd, buffer, 0, buffer.length, 0);
    if (length < PCAP_FILE_HEADER_BYTES) return undefined;
    const header = decodePcapHeader(new DataView(buffer.buffer, 0, PCAP_FILE_HEADER_BYTES));
    if (header === undefined) return undefined;
    const { littleEndian, nsPerUnit, recordHeaderBytes } = header;
    let start = 0;
    let at = PCAP_FILE_HEADER_BYTES;
    let packets = 0;
    let firstMs: number | undefined;
    let lastMs: number | undefined;
    for (;;) {
      if (length - at < recordHeaderBytes + MAX_CAPTURE_LENGTH && start + length < size) {
        start += at;
        at = 0;
        length = fs.readSync(fd, buffer, 0, buffer.length, start);
      }
      if (length - at < recordHeaderBytes) break;
      const seconds = view.getUint32(at, littleEndian);
      const captured = view.getUint32(at + 8, littleEndian);
      const onWire = view.getUint32(at + 12, littleEndian);
      if (captured > MAX_CAPTURE_LENGTH || length - at < recordHeaderBytes + captured) break;
      if (seconds === 0 && captured === 0 && onWire === 0) break;
      lastMs = seconds * 1000 + (view.getUint32(at + 4, littleEndian) * nsPerUnit) / 1e6;
      firstMs ??= lastMs;
      packets++;
      at += recordHeaderBytes + captured;
    }
    return { packets, bytes: start + at, cutBytes: size - start - at, firstMs, lastMs };
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Makes a whole file of one that was left open: cuts it behind its last whole packet and gives it its name. A file without packets is removed; then the answer is undefined, as when it is no
 * capture (that one stays).
 */
export function repairPart(part: string, final: string): PartContent | undefined {
  const content = examinePart(part);
  if (content === undefined) {
    if (fs.statSync(part).size === 0) fs.rmSync(part);
    return undefined;
  }
  if (content.packets === 0) {
    fs.rmSync(part);
    return undefined;
  }
  if (content.cutBytes > 0) fs.truncateSync(part, content.bytes);
  fs.renameSync(part, final);
  return content;
}
