import { humanCount, UserError } from '../core/index.ts';
import { type CaptureStatus, FrameBatch, type TimeBase } from './frame.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import {
  decodePcapHeader,
  MAX_CAPTURE_LENGTH,
  PCAP_CAPTURE_LENGTH,
  PCAP_FILE_HEADER_BYTES,
  PCAP_FRACTION,
  PCAP_WIRE_LENGTH,
  type PcapHeader,
  summarizePcapHeader,
} from './pcap.ts';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_INTERFACE_STATISTICS,
  BLOCK_PACKET,
  BLOCK_SECTION,
  BLOCK_SIMPLE_PACKET,
  BYTE_ORDER_MAGIC,
  decodeInterface,
  decodeInterfaceDrops,
  epochSeconds,
  type PcapngInterface,
  referenceTime,
} from './pcapng.ts';

/** A pcapng block that carries a packet is at most this long; others are skipped at any length. */
/** The longest packets are those that a network card puts together or cuts (512 KiB with BIG TCP) and transfers of USB (some MiB). */
const MAX_WIRE_LENGTH = 2 ** 24;
const MAX_PACKET_BLOCK = MAX_CAPTURE_LENGTH + 65_536;
/** Bytes that are read at once: a piece that has just been copied lies in the processor's second cache still when its packets are looked at, a megabyte does not. */
const PIECE_BYTES = 1 << 18;
/** Interfaces per section; a file that describes more is out to exhaust memory. */
const MAX_INTERFACES = 65_536;

/**
 * Reads a capture of any supported format, told by its magic number and not by its name, in bounded memory: one buffer, which the caller fills
 * (`space`, `fill`) and from which `next` makes batches of frame descriptors.
 *
 * Damage ends the reading with a status of 'cut' and a message that says where; what came before is kept. A file that is no capture at all throws
 * a UserError at the first `next` (or at `end`, when it is shorter than a header).
 */
export class CaptureReader {
  readonly batch: FrameBatch;
  /** Somebody is still writing the input, so a record that is cut at its end is no damage. Set it before `fill(0)`. */
  growing = false;
  #base: TimeBase;
  #oddities: OddityCounter;
  #bytes: Uint8Array;
  #view: DataView;
  #start = 0;
  #end = 0;
  /** Bytes of the input before #start of the buffer, for messages. */
  #consumed = 0;
  #skip = 0;
  #ended = false;
  #done = false;
  #pcap: PcapHeader | undefined;
  #pcapng = false;
  #littleEndian = true;
  #interfaces: (PcapngInterface | undefined)[] = [];
  #packets = 0;
  #message: string | undefined;
  #isCut = false;
  #firstNs = Number.POSITIVE_INFINITY;
  #lastNs = Number.NEGATIVE_INFINITY;
  #previousNs = 0;

  /** @param options.bufferBytes at least 1 MiB, so that the largest packet block always fits. */
  constructor(
    base: TimeBase,
    oddities: OddityCounter,
    options: { bufferBytes?: number; batchFrames?: number; input?: number } = {},
  ) {
    const { bufferBytes = 1 << 20, batchFrames = 4096, input = 1 } = options;
    this.#base = base;
    this.#oddities = oddities;
    this.#bytes = new Uint8Array(Math.max(bufferBytes, 1 << 20));
    this.#view = new DataView(this.#bytes.buffer);
    this.batch = new FrameBatch(batchFrames, this.#bytes);
    this.batch.input = input;
    oddities.input = input;
  }

  /** Free space in the buffer, never empty between `next() === 0` and `fill`. What it held before is moved to the front first. */
  space(): Uint8Array {
    if (this.#start > 0) {
      this.#bytes.copyWithin(0, this.#start, this.#end);
      this.#consumed += this.#start;
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#bytes.subarray(this.#end, Math.min(this.#end + PIECE_BYTES, this.#bytes.length));
  }

  /** Says that `n` bytes were written to the front of `space()`; 0 means the input has ended. */
  fill(n: number): void {
    if (n === 0) this.#ended = true;
    this.#end += n;
  }

  /** True when nothing more will come, whatever is filled in. */
  get done(): boolean {
    return this.#done;
  }

  /** Ends the reading early from outside, e.g. when decompression failed half-way. */
  cut(message: string): void {
    this.#ended = true;
    this.#done = true;
    this.#isCut = true;
    this.#message = message;
  }

  status(): CaptureStatus {
    const seen = this.#packets > 0;
    return {
      format: this.#pcapng ? 'pcapng' : this.#pcap === undefined ? '' : summarizePcapHeader(this.#pcap),
      packets: this.#packets,
      state: this.#isCut ? 'cut' : 'complete',
      message: this.#message,
      firstNs: seen ? this.#firstNs : Number.NaN,
      lastNs: seen ? this.#lastNs : Number.NaN,
    };
  }

  /**
   * Frames the next packets of the buffer into `batch` and returns how many; 0 means that more bytes are needed (`space`, `fill`) or, with `done`, that
   * the input is finished. Throws UserError when the input is no capture.
   */
  next(): number {
    const batch = this.batch;
    batch.count = 0;
    batch.firstFrame = this.#packets + 1;
    this.#oddities.frame = this.#packets;
    if (this.#done) return 0;
    if (this.#pcap === undefined && !this.#pcapng && !this.#recognise()) return 0;
    if (this.#pcap !== undefined) this.#framePcap(this.#pcap);
    else this.#framePcapng();
    this.#packets += batch.count;
    return batch.count;
  }

  #recognise(): boolean {
    const available = this.#end - this.#start;
    if (available < PCAP_FILE_HEADER_BYTES && !this.#ended) return false;
    if (available === 0) throw new UserError('the input is empty (0 bytes)', 'give a capture, a log or a table');
    if (available >= 4) {
      if (this.#view.getUint32(this.#start, true) === BLOCK_SECTION) {
        this.#pcapng = true;
        return true;
      }
      if (available >= PCAP_FILE_HEADER_BYTES) {
        this.#pcap = decodePcapHeader(new DataView(this.#bytes.buffer, this.#start, PCAP_FILE_HEADER_BYTES));
        if (this.#pcap !== undefined) {
          this.#start += PCAP_FILE_HEADER_BYTES;
          return true;
        }
      } else if (isPcapMagic(this.#view.getUint32(this.#start, false))) {
        throw new UserError(
          `the capture ends inside its file header (${available} of ${PCAP_FILE_HEADER_BYTES} bytes)`,
          'no packet of it can be read',
        );
      }
    }
    throw new UserError(
      `of no known format: it begins with ${describeStart(this.#bytes.subarray(this.#start, Math.min(this.#end, this.#start + 64)))}`,
      'anomalyst formats lists what can be read, plain or compressed with gzip, zstd or lz4',
    );
  }

  #framePcap(header: PcapHeader): void {
    const { littleEndian, nsPerUnit, recordHeaderBytes, lengthsSwapped, linkType } = header;
    const batch = this.batch;
    const view = this.#view;
    let at = this.#start;
    const end = this.#end;
    let count = 0;
    while (count < batch.capacity) {
      if (end - at < recordHeaderBytes) {
        if (this.#ended)
          this.#finish(at, end - at === 0 ? undefined : ODDITY['capture.cut-header'], 'packet record header', count);
        break;
      }
      const seconds = view.getUint32(at, littleEndian);
      const fraction = view.getUint32(at + PCAP_FRACTION, littleEndian);
      let captureLength = view.getUint32(at + PCAP_CAPTURE_LENGTH, littleEndian);
      let wireLength = view.getUint32(at + PCAP_WIRE_LENGTH, littleEndian);
      if (lengthsSwapped !== 'never' && (lengthsSwapped === 'always' || captureLength > wireLength)) {
        const held = captureLength;
        captureLength = wireLength;
        wireLength = held;
      }
      if (captureLength > MAX_CAPTURE_LENGTH) {
        this.#stop(
          `packet ${humanCount(this.#packets + count + 1)} at byte ${this.#consumed + at} claims ${humanCount(captureLength)} captured bytes, more than any capture program writes (${humanCount(MAX_CAPTURE_LENGTH)})`,
          count,
        );
        break;
      }
      if (end - at - recordHeaderBytes < captureLength) {
        if (this.#ended) this.#finish(at, ODDITY['capture.cut-packet'], 'packet', count);
        break;
      }
      if (Number.isNaN(this.#base.seconds)) this.#base.seconds = seconds;
      this.#describe(
        count++,
        at + recordHeaderBytes,
        captureLength,
        wireLength,
        linkType,
        (seconds - this.#base.seconds) * 1e9 + fraction * nsPerUnit,
      );
      at += recordHeaderBytes + captureLength;
    }
    this.#start = at;
    batch.count = count;
  }

  #describe(
    i: number,
    offset: number,
    captureLength: number,
    wireLength: number,
    linkType: number,
    timeNs: number,
  ): void {
    const batch = this.batch;
    if (wireLength !== captureLength) {
      this.#oddities.frame = this.#packets + i + 1;
      this.#oddities.count(
        wireLength < captureLength
          ? ODDITY['capture.captured-more-than-wire']
          : wireLength > MAX_WIRE_LENGTH
            ? ODDITY['capture.impossible-wire-length']
            : ODDITY['capture.snapped'],
      );
    }
    batch.offset[i] = offset;
    batch.captureLength[i] = captureLength;
    batch.wireLength[i] = wireLength < captureLength || wireLength > MAX_WIRE_LENGTH ? captureLength : wireLength;
    batch.linkType[i] = linkType;
    batch.timeNs[i] = timeNs;
    if (timeNs < this.#firstNs) this.#firstNs = timeNs;
    if (timeNs > this.#lastNs) this.#lastNs = timeNs;
    this.#previousNs = timeNs;
  }

  #framePcapng(): void {
    const batch = this.batch;
    const view = this.#view;
    let at = this.#start;
    const end = this.#end;
    let count = 0;
    while (count < batch.capacity) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, end - at);
        at += step;
        this.#skip -= step;
        if (this.#skip > 0) {
          if (this.#ended) this.#finish(at, ODDITY['capture.cut-block'], 'block', count);
          break;
        }
      }
      const available = end - at;
      if (available < 12) {
        if (this.#ended) this.#finish(at, available === 0 ? undefined : ODDITY['capture.cut-block'], 'block', count);
        break;
      }
      if (view.getUint32(at, true) === BLOCK_SECTION) {
        const magic = view.getUint32(at + 8, true);
        const little = magic === BYTE_ORDER_MAGIC;
        if (!little && view.getUint32(at + 8, false) !== BYTE_ORDER_MAGIC) {
          this.#stop(`the section header at byte ${this.#consumed + at} has no valid byte-order mark`, count);
          break;
        }
        this.#littleEndian = little;
        this.#interfaces = [];
      }
      const littleEndian = this.#littleEndian;
      const type = view.getUint32(at, littleEndian);
      const length = view.getUint32(at + 4, littleEndian);
      const carriesPacket = type === BLOCK_ENHANCED_PACKET || type === BLOCK_SIMPLE_PACKET || type === BLOCK_PACKET;
      if (length < 12 || (length & 3) !== 0 || (carriesPacket && length > MAX_PACKET_BLOCK)) {
        this.#stop(
          `the pcapng block at byte ${this.#consumed + at} (type 0x${type.toString(16)}) claims a length of ${humanCount(length)} bytes, which cannot be`,
          count,
        );
        break;
      }
      const wanted =
        carriesPacket || type === BLOCK_SECTION || type === BLOCK_INTERFACE || type === BLOCK_INTERFACE_STATISTICS;
      if (!wanted || length > MAX_PACKET_BLOCK) {
        if (type === BLOCK_INTERFACE && this.#interfaces.length < MAX_INTERFACES) this.#interfaces.push(undefined);
        this.#skip = length;
        continue;
      }
      if (available < length) {
        if (this.#ended) this.#finish(at, ODDITY['capture.cut-block'], carriesPacket ? 'packet' : 'block', count);
        break;
      }
      if (view.getUint32(at + length - 4, littleEndian) !== length) {
        this.#stop(
          `the pcapng block at byte ${this.#consumed + at} (type 0x${type.toString(16)}) ends with another length than it begins with`,
          count,
        );
        break;
      }
      const from = at + 8;
      const to = at + length - 4;
      if (carriesPacket) {
        if (this.#describePacketBlock(type, from, to, count)) count++;
      } else if (type === BLOCK_INTERFACE) {
        const iface =
          this.#interfaces.length < MAX_INTERFACES ? decodeInterface(view, from, to, littleEndian) : undefined;
        // A description that can't be read keeps its number, or every later one would be taken for another.
        if (iface === undefined) this.#oddities.count(ODDITY['capture.bad-block']);
        if (this.#interfaces.length < MAX_INTERFACES) this.#interfaces.push(iface);
      } else if (type === BLOCK_INTERFACE_STATISTICS) {
        const dropped = decodeInterfaceDrops(view, from, to, littleEndian);
        if (dropped > 0) this.#oddities.count(ODDITY['capture.dropped'], dropped);
      }
      at += length;
    }
    this.#start = at;
    batch.count = count;
  }

  /** Describes the packet of a block at [from, to), without its frame; false when it had to be skipped. */
  #describePacketBlock(type: number, from: number, to: number, i: number): boolean {
    const view = this.#view;
    const little = this.#littleEndian;
    const fixed = type === BLOCK_SIMPLE_PACKET ? 4 : 20;
    if (to - from < fixed) {
      this.#oddities.count(ODDITY['capture.bad-block']);
      return false;
    }
    const id =
      type === BLOCK_ENHANCED_PACKET
        ? view.getUint32(from, little)
        : type === BLOCK_PACKET
          ? view.getUint16(from, little)
          : 0;
    const iface = this.#interfaces[id];
    if (iface === undefined) {
      this.#oddities.count(ODDITY['capture.unknown-interface']);
      return false;
    }
    if (type === BLOCK_SIMPLE_PACKET) {
      const wireLength = view.getUint32(from, little);
      let captureLength = Math.min(wireLength, to - from - 4);
      if (iface.snapLength > 0) captureLength = Math.min(captureLength, iface.snapLength);
      // A simple packet has no time: it is given the time of the packet before it.
      if (Number.isNaN(this.#base.seconds)) this.#base.seconds = 0;
      this.#describe(i, from + 4, captureLength, wireLength, iface.linkType, this.#previousNs);
      return true;
    }
    const high = view.getUint32(from + 4, little);
    const low = view.getUint32(from + 8, little);
    const captureLength = view.getUint32(from + 12, little);
    const wireLength = view.getUint32(from + 16, little);
    if (captureLength > to - from - 20) {
      this.#oddities.count(ODDITY['capture.bad-block']);
      return false;
    }
    if (Number.isNaN(this.#base.seconds)) this.#base.seconds = epochSeconds(iface, high, low);
    const timeNs = iface.hasReference
      ? iface.referenceNs + ((high - iface.referenceHigh) * 4294967296 + (low - iface.referenceLow)) * iface.nsPerUnit
      : referenceTime(iface, high, low, this.#base.seconds);
    this.#describe(i, from + 20, captureLength, wireLength, iface.linkType, timeNs);
    return true;
  }

  #finish(at: number, oddity: number | undefined, what: string, framed: number): void {
    this.#done = true;
    if (oddity === undefined) return;
    if (this.growing) {
      this.#message = `is still being written: its last ${what} is not whole yet; ${kept(this.#packets + framed)}`;
      return;
    }
    this.#isCut = true;
    this.#oddities.frame = this.#packets + framed + 1;
    this.#oddities.count(oddity);
    this.#message = `ends in the middle of a ${what}, at byte ${this.#consumed + at}; ${kept(this.#packets + framed)}`;
  }

  #stop(what: string, framed: number): void {
    this.#done = true;
    this.#isCut = true;
    this.#oddities.frame = this.#packets + framed + 1;
    this.#oddities.count(ODDITY['capture.bad-length']);
    this.#message = `${what}; ${kept(this.#packets + framed)}`;
  }
}

function kept(packets: number): string {
  if (packets === 0) return 'no packet came before it';
  return packets === 1 ? 'the 1 packet before it was kept' : `the ${humanCount(packets)} packets before it were kept`;
}

function isPcapMagic(bigEndian: number): boolean {
  return [0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0xa1b2cd34, 0x34cdb2a1].includes(bigEndian);
}

function describeStart(bytes: Uint8Array): string {
  const printable = bytes.every((b) => b === 9 || b === 10 || b === 13 || (b >= 32 && b < 127));
  if (printable) return `text (${JSON.stringify(String.fromCharCode(...bytes.subarray(0, 24)))})`;
  return `the bytes ${Array.from(bytes.subarray(0, 8), (b) => b.toString(16).padStart(2, '0')).join(' ')}`;
}
