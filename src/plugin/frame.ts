/**
 * Messages between this program and the process of a plugin: a JSON header and binary parts, each message with its length before it, so that the
 * reader knows what comes before it takes it and a flood is cut off.
 *
 *     u32 length of all that follows | u32 length of the header | header, UTF-8 JSON | zeros to a multiple of 8 | parts, each padded to 8
 *
 * Numbers are little-endian. The header's `parts` lists the length in bytes of every part. V8's own serialisation is not used: what it reads can make
 * objects of any size and kind, and a plugin's answer is not to be trusted.
 */

/** Longest message, in bytes. One that is longer ends the plugin. */
export const MAX_FRAME = 64 * 1024 * 1024;

export interface Frame {
  readonly header: Readonly<Record<string, unknown>>;
  /** Copies, aligned to 8 bytes. */
  readonly parts: readonly Uint8Array[];
}

/** The bytes of a message; undefined where they would be more than `MAX_FRAME`. */
export function encodeFrame(
  header: Readonly<Record<string, unknown>>,
  parts: readonly ArrayBufferView[] = [],
): Uint8Array | undefined {
  const text = new TextEncoder().encode(JSON.stringify({ ...header, parts: parts.map((part) => part.byteLength) }));
  let length = padded(8 + text.length);
  for (const part of parts) length += padded(part.byteLength);
  if (length > MAX_FRAME) return undefined;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length - 4, true);
  view.setUint32(4, text.length, true);
  bytes.set(text, 8);
  let at = padded(8 + text.length);
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += padded(part.byteLength);
  }
  return bytes;
}

function padded(length: number): number {
  return (length + 7) & ~7;
}

/** Cuts a stream of bytes into messages. After a fault it gives nothing more. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #length = 0;
  #fault: string | undefined;

  /** Why the stream is no stream of messages. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** The messages that are whole with these bytes. The reader keeps `bytes`. */
  push(bytes: Uint8Array): Frame[] {
    if (this.#fault !== undefined) return [];
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    const frames: Frame[] = [];
    while (this.#length >= 8) {
      const head = this.#peek(8);
      const view = new DataView(head.buffer, head.byteOffset, 8);
      const total = view.getUint32(0, true) + 4;
      if (total > MAX_FRAME || total < 8 || view.getUint32(4, true) > total - 8) {
        this.#fault = `it announced a message of ${total} bytes`;
        return frames;
      }
      if (this.#length < total) break;
      const frame = decodeFrame(this.#take(total));
      if (frame === undefined) {
        this.#fault = 'it sent bytes that are no message';
        return frames;
      }
      frames.push(frame);
    }
    return frames;
  }

  #peek(n: number): Uint8Array {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= n) return first;
    this.#join();
    return this.#chunks[0] ?? new Uint8Array(0);
  }

  #take(n: number): Uint8Array {
    this.#join();
    const all = this.#chunks[0] ?? new Uint8Array(0);
    const rest = all.subarray(n);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return all.slice(0, n);
  }

  #join(): void {
    if (this.#chunks.length < 2) return;
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [all];
  }
}

/** A whole message, its length included; undefined where it is none. `bytes` are aligned to 8. */
function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const headerLength = view.getUint32(4, true);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + headerLength)));
  } catch {
    return undefined;
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return undefined;
  const lengths: unknown = 'parts' in header ? header.parts : [];
  if (!Array.isArray(lengths) || lengths.length > 256) return undefined;
  const parts: Uint8Array[] = [];
  let at = padded(8 + headerLength);
  for (const length of lengths as unknown[]) {
    if (typeof length !== 'number' || !Number.isInteger(length) || length < 0 || at + length > bytes.length)
      return undefined;
    parts.push(bytes.slice(at, at + length));
    at += padded(length);
  }
  return { header: header as Record<string, unknown>, parts };
}
