import { humanCount, UserError } from '../../core/index.ts';
import type { ByteSource } from './input.ts';
import { type PeekedSource, peekSource } from './peek.ts';
import { MAX_LINE_BYTES, MAX_REJECTS_SHOWN, type Reject } from './table-source.ts';

/**
 * Text of a byte source, without a string per line: a window of bytes that slides over the input, and the lines in it as ranges.
 *
 * The bytes belong to the window and are good until the next `fill` or `next`. Encoding (Unicode 16, section 23.8): a UTF-8 byte order mark is skipped, text in UTF-16 that
 * says so by its mark is turned into UTF-8, everything else goes through as it is; what is no UTF-8 stays visible where a text is made of it (`decodeText`).
 */

export const LF = 0x0a;
export const CR = 0x0d;

/** What is kept of a rejected line. */
const REJECT_BYTES = 1024;

/** The first bytes of a source, at most `HEAD_BYTES` and decompressed, and a source that still gives all of them; see `peekSource`. */
export function peekHead(source: ByteSource): Promise<PeekedSource> {
  return peekSource(source, () => false);
}

export interface TextWindowOptions {
  /** A longer line is rejected. Default `MAX_LINE_BYTES`. */
  readonly maxLineBytes?: number | undefined;
}

/** The window: `bytes[from, to)` is what has been read and not yet used. */
export class TextWindow {
  readonly source: ByteSource;
  readonly maxLineBytes: number;
  /** Two bytes more than the longest line: its line end. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes: only a Buffer searches with the speed of memchr. */
  readonly #buffer: Buffer;
  from = 0;
  to = 0;
  /** The input gives no more: what is in the window is all. */
  ended = false;
  /** Why the input ended before its end, where it did. */
  failure: string | undefined;
  #begun = false;
  #pending: Promise<number> | undefined;
  #utf16: InstanceType<typeof TextDecoder> | undefined;
  #raw: Uint8Array<ArrayBuffer> | undefined;
  #text: Buffer = Buffer.alloc(0);

  constructor(source: ByteSource, options: TextWindowOptions = {}) {
    const { maxLineBytes = MAX_LINE_BYTES } = options;
    this.source = source;
    this.maxLineBytes = maxLineBytes;
    this.bytes = new Uint8Array(maxLineBytes + 2);
    this.#buffer = Buffer.from(this.bytes.buffer);
  }

  /** The input is known to have no more at this moment, and may have later: what is in hand should not wait for it. */
  get waiting(): boolean {
    return this.#pending !== undefined && this.source.compression === '';
  }

  /** Whether what is left is longer than a line may be, its line end left aside, and none of it is one. */
  get overlong(): boolean {
    const held = this.to - this.from;
    return held > this.maxLineBytes + 1 || (held === this.maxLineBytes + 1 && this.bytes[this.to - 1] !== CR);
  }

  /**
   * Moves what is left to the front and reads on until half of the window is new, the input ends or has nothing more for now. False when nothing came. Rejects with the
   * source's UserError when it fails before it gave anything; later that is the end, and `failure` says why.
   */
  async fill(): Promise<boolean> {
    const before = this.to - this.from;
    if (this.#pending !== undefined) {
      // It writes behind `to`, so nothing may be moved before it is done.
      const pending = this.#pending;
      this.#pending = undefined;
      this.#took(await this.#settle(pending));
    }
    if (this.from > 0) {
      this.bytes.copyWithin(0, this.from, this.to);
      this.to -= this.from;
      this.from = 0;
    }
    while (!this.ended && this.to < this.bytes.length && this.to - before < this.bytes.length >> 1) {
      let got: number | Promise<number>;
      try {
        got = this.#utf16 === undefined ? this.source.read(this.bytes.subarray(this.to)) : this.#readUtf16();
      } catch (error) {
        got = Promise.reject(error);
      }
      if (typeof got !== 'number' && this.to > before) {
        // An answer that comes later may come much later: what is here already is used first.
        got.catch(() => undefined);
        this.#pending = got;
        break;
      }
      this.#took(typeof got === 'number' ? got : await this.#settle(got));
      if (!this.#begun) await this.#begin();
    }
    return this.to - this.from > before;
  }

  #took(n: number): void {
    if (n === 0) this.ended = true;
    this.to += n;
  }

  async #settle(got: number | Promise<number>): Promise<number> {
    try {
      return await got;
    } catch (error) {
      if (!this.#begun && this.to === 0) throw error;
      this.failure = describeFailure(error, this.source.name);
      return 0;
    }
  }

  /** Looks for a byte order mark once there are bytes enough to see one. */
  async #begin(): Promise<void> {
    this.#begun = true;
    const { bytes } = this;
    while (this.to < 3 && !this.ended)
      this.#took(await this.#settle((async () => this.source.read(bytes.subarray(this.to)))()));
    const { to } = this;
    if (to >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
      this.from = 3;
      return;
    }
    const little = to >= 2 && bytes[0] === 0xff && bytes[1] === 0xfe;
    const big = to >= 2 && bytes[0] === 0xfe && bytes[1] === 0xff;
    if (!little && !big) return;
    this.#utf16 = new TextDecoder(little ? 'utf-16le' : 'utf-16be');
    this.#raw = new Uint8Array(32_768);
    this.#text = Buffer.from(this.#utf16.decode(bytes.subarray(0, to), { stream: !this.ended }));
    this.to = 0;
    this.to = this.#takeText();
  }

  /** Puts decoded text behind `to` and returns how much. */
  #takeText(): number {
    const n = Math.min(this.#text.length, this.bytes.length - this.to);
    this.bytes.set(this.#text.subarray(0, n), this.to);
    this.#text = this.#text.subarray(n);
    return n;
  }

  async #readUtf16(): Promise<number> {
    const { to } = this;
    while (this.#text.length === 0 && this.#utf16 !== undefined && this.#raw !== undefined) {
      const n = await this.source.read(this.#raw);
      this.#text = Buffer.from(this.#utf16.decode(this.#raw.subarray(0, n), { stream: n > 0 }));
      if (n === 0) break;
    }
    if (this.to !== to) throw new Error('the window moved under a read');
    return this.#takeText();
  }

  /** Position of the first LF at or behind `from`, -1 where the window holds none. */
  lineEnd(from: number): number {
    const end = this.#buffer.indexOf(LF, from);
    return end >= this.to ? -1 : end;
  }

  /**
   * Skips to the end of a line of which the window holds the beginning and not the end, without keeping it:
   * take what is to be kept of it before.
   */
  async skipLine(): Promise<void> {
    for (;;) {
      const end = this.lineEnd(this.from);
      if (end >= 0) {
        this.from = end + 1;
        return;
      }
      this.from = this.to;
      if (!(await this.fill())) return;
    }
  }
}

function describeFailure(error: unknown, name: string): string {
  if (!(error instanceof UserError)) throw error;
  const { message } = error;
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
}

/** Takes the beginning of a rejected line for keeping; the window goes on and the bytes with it. */
export function rejectOf(line: number, reason: string, bytes: Uint8Array, from: number, to: number): Reject {
  return { line, reason, bytes: bytes.slice(from, Math.min(to, from + REJECT_BYTES)) };
}

/** What a source of rows counts, and the first of what it rejected. */
export class RowTally {
  rows = 0;
  rejected = 0;
  readonly rejects: Reject[] = [];
  readonly #onReject: ((reject: Reject) => void) | undefined;

  constructor(onReject?: (reject: Reject) => void) {
    this.#onReject = onReject;
  }

  readonly add = (reject: Reject): void => {
    this.rejected++;
    if (this.rejects.length < MAX_REJECTS_SHOWN) this.rejects.push(reject);
    this.#onReject?.(reject);
  };

  reject(line: number, reason: string, bytes: Uint8Array, from: number, to: number): void {
    this.add(rejectOf(line, reason, bytes, from, to));
  }
}

export interface LineReaderOptions extends TextWindowOptions {
  /** Lines of a batch, at most. Default 8,192. */
  readonly batchLines?: number | undefined;
  /** Told of every line that was too long. */
  readonly onReject?: ((reject: Reject) => void) | undefined;
}

const DEFAULT_BATCH_LINES = 8192;

/**
 * Lines in batches: after `next`, line i of the batch is `bytes[starts[i], ends[i])`, without its line end (LF or CR LF), and has the number `firstLine + i`, from 1.
 * A line longer than `maxLineBytes` is told to `onReject` and left out; nothing of it but its beginning is ever held. A last line without a line end counts as one.
 */
export class LineReader {
  readonly window: TextWindow;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  firstLine = 1;
  count = 0;
  /** The last line given had no line end: it may be cut. */
  lastUnended = false;
  readonly #onReject: (reject: Reject) => void;
  #nextLine = 1;

  constructor(source: ByteSource, options: LineReaderOptions = {}) {
    const { batchLines = DEFAULT_BATCH_LINES, onReject = () => undefined, maxLineBytes } = options;
    this.window = new TextWindow(source, { maxLineBytes });
    this.starts = new Int32Array(batchLines);
    this.ends = new Int32Array(batchLines);
    this.#onReject = onReject;
  }

  get bytes(): Uint8Array {
    return this.window.bytes;
  }

  /** Why the input ended before its end, where it did. */
  get failure(): string | undefined {
    return this.window.failure;
  }

  /** The lines that are in the window, or of what comes next; 0 at the end. */
  async next(): Promise<number> {
    const { window } = this;
    for (;;) {
      this.#split();
      if (this.count > 0) return this.count;
      if (window.overlong) {
        const line = this.#nextLine++;
        const reason = `longer than ${humanCount(window.maxLineBytes)} bytes`;
        const reject = rejectOf(line, reason, window.bytes, window.from, window.to);
        await window.skipLine();
        this.#onReject(reject);
        continue;
      }
      if (await window.fill()) continue;
      if (!window.ended) continue;
      if (window.to === window.from) return 0;
      this.lastUnended = true;
      this.#add(window.from, window.to);
      this.firstLine = this.#nextLine++;
      window.from = window.to;
      return this.count;
    }
  }

  #split(): void {
    const { window } = this;
    this.count = 0;
    this.firstLine = this.#nextLine;
    let { from } = window;
    const room = this.starts.length;
    while (this.count < room) {
      const end = window.lineEnd(from);
      if (end < 0 || end - from > window.maxLineBytes + 1) break;
      if (this.#add(from, end) > window.maxLineBytes) {
        this.count--;
        break;
      }
      from = end + 1;
    }
    window.from = from;
    this.#nextLine += this.count;
  }

  /** Length of the line that was added. */
  #add(from: number, end: number): number {
    const to = end > from && this.window.bytes[end - 1] === CR ? end - 1 : end;
    this.starts[this.count] = from;
    this.ends[this.count++] = to;
    return to - from;
  }
}
