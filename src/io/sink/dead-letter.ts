import * as fs from 'node:fs';
import { isoTime, safeText } from '../../core/index.ts';
import { describeFileError } from '../source/input.ts';

/** Something that could not be taken, and why. */
export interface DeadLetter {
  /** Epoch ms when it came. */
  readonly timeMs: number;
  /** Where it came from: the stream's name, the peer's address. */
  readonly source: string;
  /** Number of the line or record at that source, from 1; undefined where there is none. */
  readonly line?: number | undefined;
  readonly reason: string;
  /** The thing itself, as bytes from outside; at most `MAX_LETTER_BYTES` are kept. */
  readonly bytes: Uint8Array;
}

/** Bytes kept of one letter. */
export const MAX_LETTER_BYTES = 65_536;

export interface DeadLetterOptions {
  /** Bytes that the file may reach. At the bound letters are counted and no longer written. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * What could not be taken, kept as NDJSON so that it can be looked at, mended and sent again: `{"time", "source", "line", "reason", "text", "bytes"}` a line, where `text` is the thing as it came, or
 * `base64` where it is no UTF-8; `bytes` is its length and `cut` says that there was more. Every character that a terminal could take for a command is escaped in the JSON way, so that the file
 * may be shown, and reading it back as JSON gives the very text. The file is made at the first letter, for its owner alone, and is appended to when it exists; a symbolic link is not followed.
 */
export class DeadLetterFile {
  readonly path: string;
  /** Letters written by this object. */
  written = 0;
  /** Letters that found the file full, or could not be written. */
  lost = 0;
  readonly #maxBytes: number;
  #fd: number | undefined;
  #bytes = 0;
  #failed = false;

  constructor(path: string, options: DeadLetterOptions = {}) {
    this.path = path;
    this.#maxBytes = options.maxBytes ?? 64 << 20;
  }

  /** Writes a letter. Throws UserError when the file can't be made; a disk that fails later is counted in `lost`, because the stream itself still goes. */
  add(letter: DeadLetter): void {
    if (this.#fd === undefined && !this.#failed) this.#open();
    const line = Buffer.from(encodeDeadLetter(letter));
    if (this.#fd === undefined || this.#bytes + line.length > this.#maxBytes) {
      this.lost++;
      return;
    }
    try {
      let at = 0;
      while (at < line.length) at += fs.writeSync(this.#fd, line, at);
      this.#bytes += line.length;
      this.written++;
    } catch {
      this.#failed = true;
      this.lost++;
      this.close();
    }
  }

  #open(): void {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0 } = fs.constants;
    try {
      this.#fd = fs.openSync(this.path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
      this.#bytes = fs.fstatSync(this.#fd).size;
    } catch (error) {
      throw describeFileError(error, this.path, 'write');
    }
  }

  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** One letter as a line of NDJSON, with its newline. */
export function encodeDeadLetter({ timeMs, source, line, reason, bytes }: DeadLetter): string {
  const kept = bytes.length > MAX_LETTER_BYTES ? bytes.subarray(0, MAX_LETTER_BYTES) : bytes;
  let content: { text: string } | { base64: string };
  try {
    content = { text: UTF8.decode(kept) };
  } catch {
    content = { base64: Buffer.from(kept).toString('base64') };
  }
  const json = JSON.stringify({
    time: isoTime(timeMs),
    source: safeText(source),
    ...(line === undefined ? {} : { line }),
    reason: safeText(reason, 500),
    ...content,
    bytes: bytes.length,
    ...(kept.length < bytes.length ? { cut: true } : {}),
  });
  // What JSON leaves as it is beyond ASCII may move a cursor or turn text around.
  return `${json.replace(/[\u007f-\uffff]/g, (ch) => `\\u${ch.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}
