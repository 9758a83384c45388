import { MAX_LINE_BYTES } from '../table-source.ts';

/** Lines of a stream of bytes. */

/**
 * Cuts bytes into lines at LF; a CR before it is no part of the line. A line longer than `maxLineBytes` is never held whole: its first 1,024 bytes are handed to `onLong`, once, and the rest goes by.
 * At most `maxLineBytes` bytes are held, whatever comes. A multi-byte character split between reads is whole again because lines are joined as bytes.
 */
export class LineSplitter {
  /** Number of the latest line, from 1. */
  line = 0;
  readonly #max: number;
  readonly #onLine: (line: Uint8Array) => void;
  readonly #onLong: (head: Uint8Array) => void;
  #parts: Uint8Array[] = [];
  #held = 0;
  #skipping = false;

  constructor(onLine: (line: Uint8Array) => void, onLong: (head: Uint8Array) => void, maxLineBytes = MAX_LINE_BYTES) {
    this.#onLine = onLine;
    this.#onLong = onLong;
    this.#max = maxLineBytes;
  }

  /** Takes bytes; they are copied where they outlast the call. */
  push(chunk: Uint8Array): void {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(10, from);
      if (end < 0) break;
      this.#take(chunk.subarray(from, end));
      this.#endLine();
      from = end + 1;
    }
    const rest = chunk.subarray(from);
    if (rest.length > 0) this.#take(new Uint8Array(rest));
  }

  /** The end of the input: what stands there without a newline is a line too, and true says that there was one. */
  end(): boolean {
    const open = this.#held > 0 || this.#skipping;
    if (open) this.#endLine();
    return open;
  }

  /** Bytes held of a line that has not ended yet. */
  get heldBytes(): number {
    return this.#held;
  }

  #take(part: Uint8Array): void {
    if (this.#skipping || part.length === 0) return;
    // One byte more than the limit may be a CR.
    if (this.#held + part.length > this.#max + 1) {
      const head = this.#join(part).subarray(0, 1024);
      this.line++;
      this.#skipping = true;
      this.#parts = [];
      this.#held = 0;
      this.#onLong(head);
      return;
    }
    // Many tiny reads would cost an array entry per byte: fold them now and then.
    this.#parts.push(part);
    this.#held += part.length;
    if (this.#parts.length >= 1024) this.#parts = [Buffer.concat(this.#parts)];
  }

  #join(part?: Uint8Array): Uint8Array {
    const parts = part === undefined ? this.#parts : [...this.#parts, part.subarray(0, 1024)];
    return parts.length === 1 ? (parts[0] ?? new Uint8Array()) : Buffer.concat(parts);
  }

  #endLine(): void {
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    let line = this.#join();
    this.#parts = [];
    this.#held = 0;
    this.line++;
    if (line.length > 0 && line[line.length - 1] === 13) line = line.subarray(0, -1);
    if (line.length > this.#max) this.#onLong(line.subarray(0, 1024));
    else this.#onLine(line);
  }
}
