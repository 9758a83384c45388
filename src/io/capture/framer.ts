import { humanCount } from '../../core/index.ts';
import { decodePcapHeader, MAX_CAPTURE_LENGTH, PCAP_FILE_HEADER_BYTES, type PcapHeader } from '../../wire/index.ts';

/** Seconds, fraction, captured length, wire length. */
export const RECORD_HEADER_BYTES = 16;

/** Where the whole records of a capture stream go. */
export interface RecordSink {
  /** The file header that begins a stream; `bytes` are the receiver's to keep. */
  header(bytes: Uint8Array, header: PcapHeader): void;
  /**
   * One record, header and frame, at [at, end) of `bytes`, which are valid until the call returns. `seconds` is epoch seconds, `nanoseconds` the rest; `wireLength` what the frame had on
   * the wire.
   */
  record(bytes: Uint8Array, at: number, end: number, seconds: number, nanoseconds: number, wireLength: number): void;
}

/**
 * Finds the records of a pcap stream that comes in pieces cut anywhere, and hands on only whole ones: what a capture program had half written when it died never reaches a file.
 * Bounded by one record, 262,160 bytes.
 */
export class PcapFramer {
  #sink: RecordSink;
  #header: PcapHeader | undefined;
  /** The beginning of a record, or of the file header, whose end has not come yet. */
  #held = new Uint8Array(4096);
  #heldBytes = 0;
  #records = 0;
  #damage: string | undefined;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /** Whole records so far. */
  get records(): number {
    return this.#records;
  }

  /** Bytes of a record that is not whole. */
  get pendingBytes(): number {
    return this.#heldBytes;
  }

  /** What makes the stream unreadable, or undefined. From then on everything is ignored. */
  get damage(): string | undefined {
    return this.#damage;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (this.#damage === undefined) {
      if (this.#heldBytes === 0) {
        at = this.#walk(chunk, at);
        if (at < chunk.length && this.#damage === undefined) this.#hold(chunk.subarray(at));
        return;
      }
      // The held piece is completed in two steps: first as far as its length is known, then to its end.
      const wanted = this.#wanted();
      const missing = Math.min(wanted - this.#heldBytes, chunk.length - at);
      if (missing > 0) this.#hold(chunk.subarray(at, at + missing));
      at += Math.max(0, missing);
      if (this.#heldBytes < wanted) return;
      if (this.#wanted() > this.#heldBytes) continue;
      const whole = this.#held.subarray(0, this.#heldBytes);
      this.#heldBytes = 0;
      this.#walk(whole, 0);
    }
  }

  /** How long the held piece will be as far as its bytes tell. */
  #wanted(): number {
    const header = this.#header;
    if (header === undefined) return PCAP_FILE_HEADER_BYTES;
    if (this.#heldBytes < header.recordHeaderBytes) return header.recordHeaderBytes;
    const view = new DataView(this.#held.buffer, 0, header.recordHeaderBytes);
    const captured = view.getUint32(8, header.littleEndian);
    if (captured > MAX_CAPTURE_LENGTH) {
      this.#refuse(captured);
      return this.#heldBytes;
    }
    return header.recordHeaderBytes + captured;
  }

  #hold(bytes: Uint8Array): void {
    const length = this.#heldBytes + bytes.length;
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.max(length, this.#held.length * 2));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes = length;
  }

  #refuse(captured: number): void {
    this.#damage = `packet ${humanCount(this.#records + 1)} claims ${humanCount(captured)} captured bytes, which cannot be`;
    this.#heldBytes = 0;
  }

  /** Hands on the whole pieces of `bytes` from `at`; returns where the first that is not whole begins. */
  #walk(bytes: Uint8Array, at: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (this.#header === undefined) {
      if (bytes.length - at < PCAP_FILE_HEADER_BYTES) return at;
      const header = decodePcapHeader(new DataView(bytes.buffer, bytes.byteOffset + at, PCAP_FILE_HEADER_BYTES));
      // Kuznetzov's variant with longer record headers is a file format of old; no program writes it to a pipe.
      if (header === undefined || header.recordHeaderBytes !== RECORD_HEADER_BYTES) {
        this.#damage = 'it does not write pcap';
        return bytes.length;
      }
      this.#header = header;
      this.#sink.header(bytes.slice(at, at + PCAP_FILE_HEADER_BYTES), header);
      at += PCAP_FILE_HEADER_BYTES;
    }
    const { littleEndian, recordHeaderBytes, nsPerUnit } = this.#header;
    while (bytes.length - at >= recordHeaderBytes) {
      const captured = view.getUint32(at + 8, littleEndian);
      if (captured > MAX_CAPTURE_LENGTH) {
        this.#refuse(captured);
        return bytes.length;
      }
      const end = at + recordHeaderBytes + captured;
      if (end > bytes.length) break;
      this.#records++;
      this.#sink.record(
        bytes,
        at,
        end,
        view.getUint32(at, littleEndian),
        view.getUint32(at + 4, littleEndian) * nsPerUnit,
        view.getUint32(at + 12, littleEndian),
      );
      at = end;
    }
    return at;
  }
}
