import { isoTime } from '../core/index.ts';

/**
 * The clock of a run: packet times are float64 nanoseconds since `seconds`, the whole epoch second of the first packet read, so that
 * nanosecond captures stay exact for 104 days from it (an epoch in nanoseconds would not fit a float64).
 */
export class TimeBase {
  /** Epoch seconds, or NaN until the first packet. */
  seconds = Number.NaN;

  /** Epoch milliseconds of a time in this run. */
  epochMs(timeNs: number): number {
    return this.seconds * 1000 + timeNs / 1e6;
  }

  iso(timeNs: number): string {
    return isoTime(this.epochMs(timeNs));
  }
}

/**
 * Descriptors of up to `capacity` frames that lie in one buffer. Reused: it and the bytes it points into belong to the reader and are valid until
 * the reader's next call.
 */
export class FrameBatch {
  readonly capacity: number;
  count = 0;
  /** The buffer that the offsets point into, and a view of the same memory. */
  bytes: Uint8Array;
  view: DataView;
  readonly offset: Int32Array;
  /** Bytes that the capture holds of the frame. */
  readonly captureLength: Int32Array;
  /** Bytes that the frame had on the wire. At least captureLength; captureLength where the capture says more than 16 MiB, which no link carries. */
  readonly wireLength: Int32Array;
  /** LINKTYPE_ number of the frame's interface (https://www.tcpdump.org/linktypes.html). */
  readonly linkType: Int32Array;
  /** Nanoseconds since the run's TimeBase. */
  readonly timeNs: Float64Array;
  /** Number in its input of the first frame of the batch, from 1; the others follow one by one. */
  firstFrame = 1;
  /** Which input, from 1. */
  input = 1;

  constructor(capacity: number, bytes: Uint8Array) {
    this.capacity = capacity;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = new Int32Array(capacity);
    this.captureLength = new Int32Array(capacity);
    this.wireLength = new Int32Array(capacity);
    this.linkType = new Int32Array(capacity);
    this.timeNs = new Float64Array(capacity);
  }
}

/** What a capture reader says of its input when it ends. */
export interface CaptureStatus {
  /** 'pcap', 'pcap (nanoseconds)', 'pcapng', '' while unknown. */
  readonly format: string;
  readonly packets: number;
  /** 'complete' or 'cut'. */
  readonly state: 'complete' | 'cut';
  /** What ended the reading early, and where; undefined when complete, unless the input was still being written: then it says so. */
  readonly message: string | undefined;
  /** Times of the earliest and the latest packet, ns since the TimeBase; NaN when there was none. */
  readonly firstNs: number;
  readonly lastNs: number;
}
