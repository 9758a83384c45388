/**
 * LZ4 as files have it: the frame format 1.6 and the block format of the LZ4 project (lz4_Frame_format.md, lz4_Block_format.md), the legacy frames of `lz4 -l`, and skippable frames,
 * any number of them one after the other. Header, block and content checksums are verified. Memory is two blocks (at most 4 MiB each; 8 MiB in legacy frames) and
 * 64 KiB of what went before.
 */

const FRAME = 0x184d2204;
const LEGACY = 0x184c2102;
const SKIPPABLE = 0x184d2a50;
const WINDOW = 65_536;
const LEGACY_BLOCK = 8 << 20;
/** What the LZ4 library may make of a block that does not shrink (LZ4_compressBound). */
const LEGACY_STORED = LEGACY_BLOCK + Math.ceil(LEGACY_BLOCK / 255) + 16;
const SHORTEST_MATCH = 4;

/** True for the first bytes of an LZ4 file, skippable frames aside. */
export function beginsAsLz4(bytes: Uint8Array): boolean {
  if (bytes.length < 4) return false;
  const magic = uint32(bytes, 0);
  return magic === FRAME || magic === LEGACY;
}

/**
 * Unpacks a stream of LZ4 frames. What is yielded is valid until the next piece is asked for. Throws an Error that says what is wrong when the data are damaged
 * ('... does not match') or end early ('unexpected end of the data'); what came before has been yielded then.
 */
export async function* unlz4(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = new ByteQueue(chunks);
  let frames = 0;
  for (;;) {
    const head = await input.take(4, frames > 0);
    if (head === undefined) return;
    const magic = uint32(head, 0);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) await input.skip(uint32(await input.need(4), 0));
    else if (magic === FRAME) yield* unpackFrame(input);
    else if (magic === LEGACY) yield* unpackLegacy(input);
    else throw new Error(frames === 0 ? 'they are no LZ4 frame' : 'what follows the last frame is no LZ4 frame');
    frames++;
  }
}

async function* unpackFrame(input: ByteQueue): AsyncGenerator<Uint8Array> {
  const [flags = 0, blockSizes = 0] = await input.need(2);
  if (flags >> 6 !== 1) throw new Error(`their frame version ${flags >> 6} is not known`);
  const reserved = (flags & 2) !== 0 || (blockSizes & 0x8f) !== 0;
  const code = (blockSizes >> 4) & 7;
  if (reserved || code < 4) throw new Error('their frame header has values that the format does not have');
  const linked = (flags & 0x20) === 0;
  const blockChecksums = (flags & 0x10) !== 0;
  const hasSize = (flags & 8) !== 0;
  const hasChecksum = (flags & 4) !== 0;
  const hasDictionary = (flags & 1) !== 0;
  const rest = (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0);
  const descriptor = new Uint8Array(2 + rest);
  descriptor[0] = flags;
  descriptor[1] = blockSizes;
  if (rest > 0) descriptor.set(await input.need(rest), 2);
  const [check] = await input.need(1);
  if (((xxHash32(descriptor) >>> 8) & 0xff) !== check)
    throw new Error('the checksum of their frame header does not match');
  if (hasDictionary) throw new Error('they need a dictionary, which is not in the file');
  const size = hasSize ? uint32(descriptor, 2) + uint32(descriptor, 6) * 2 ** 32 : undefined;

  const blockSize = 1 << (8 + 2 * code);
  const out = new Uint8Array((linked ? WINDOW : 0) + blockSize);
  /** Bytes of earlier blocks at the front of `out`, which matches may reach back to. */
  let window = 0;
  const checksum = hasChecksum ? new XxHash32() : undefined;
  let total = 0;
  for (;;) {
    const word = uint32(await input.need(4), 0);
    if (word === 0) break;
    const stored = word >>> 31 === 1;
    const length = word & 0x7fffffff;
    if (length > blockSize) throw new Error('a block of them is larger than the frame allows');
    const block = await input.need(length + (blockChecksums ? 4 : 0));
    const data = block.subarray(0, length);
    if (blockChecksums && xxHash32(data) !== uint32(block, length))
      throw new Error('the checksum of a block does not match');
    const from = window;
    let to: number;
    if (stored) {
      out.set(data, from);
      to = from + length;
    } else to = unpackBlock(data, out, from, from + blockSize);
    if (to < 0) throw new Error('a block of them is no LZ4');
    const made = out.subarray(from, to);
    checksum?.update(made);
    total += made.length;
    if (made.length > 0) yield made;
    if (linked) window = keepWindow(out, to);
  }
  if (checksum !== undefined && uint32(await input.need(4), 0) !== checksum.digest())
    throw new Error('the checksum of their contents does not match');
  if (size !== undefined && size !== total) throw new Error('their length does not match the frame header');
}

/** Blocks of 8 MiB until the data end or another frame begins. There is no checksum. */
async function* unpackLegacy(input: ByteQueue): AsyncGenerator<Uint8Array> {
  const out = new Uint8Array(LEGACY_BLOCK);
  for (;;) {
    const head = await input.take(4, true);
    if (head === undefined) return;
    const length = uint32(head, 0);
    if (length === FRAME || length === LEGACY || (length & 0xfffffff0) >>> 0 === SKIPPABLE) {
      input.putBack(head);
      return;
    }
    if (length > LEGACY_STORED) throw new Error('a block of them is larger than the frame allows');
    const to = unpackBlock(await input.need(length), out, 0, LEGACY_BLOCK);
    if (to < 0) throw new Error('a block of them is no LZ4');
    if (to > 0) yield out.subarray(0, to);
  }
}

/** Moves the last 64 KiB to the front; returns how many there are. */
function keepWindow(out: Uint8Array, end: number): number {
  const kept = Math.min(end, WINDOW);
  out.copyWithin(0, end - kept, end);
  return kept;
}

/**
 * One block (lz4_Block_format.md): sequences of a token, literals, and a match that copies what came up to 65,535 bytes before. Writes to `out` from `at` and
 * never beyond `limit`; matches may reach back to the start of `out`. Returns the end of what was written, -1 for what is no block.
 */
export function unpackBlock(block: Uint8Array, out: Uint8Array, at: number, limit: number): number {
  const end = block.length;
  let i = 0;
  let o = at;
  if (end === 0) return -1;
  for (;;) {
    if (i >= end) return -1;
    const token = block[i++] ?? 0;
    let literals = token >> 4;
    if (literals === 15) {
      let more: number;
      do {
        if (i >= end) return -1;
        more = block[i++] ?? 0;
        literals += more;
      } while (more === 255);
    }
    if (i + literals > end || o + literals > limit) return -1;
    if (literals > 32) {
      out.set(block.subarray(i, i + literals), o);
      i += literals;
      o += literals;
    } else for (let k = 0; k < literals; k++) out[o++] = block[i++] ?? 0;
    // The last sequence has literals only.
    if (i === end) return o;
    if (i + 2 > end) return -1;
    const distance = (block[i] ?? 0) | ((block[i + 1] ?? 0) << 8);
    i += 2;
    if (distance === 0 || distance > o) return -1;
    let length = (token & 15) + SHORTEST_MATCH;
    if ((token & 15) === 15) {
      let more: number;
      do {
        if (i >= end) return -1;
        more = block[i++] ?? 0;
        length += more;
      } while (more === 255);
    }
    if (o + length > limit) return -1;
    const source = o - distance;
    if (distance >= length && length > 32) {
      out.copyWithin(o, source, source + length);
      o += length;
    } else if (distance === 1 && length > 32) {
      out.fill(out[source] ?? 0, o, o + length);
      o += length;
    } else {
      // A match may overlap what it makes: byte by byte, in order.
      for (let k = 0; k < length; k++) out[o++] = out[source + k] ?? 0;
    }
  }
}

/** Takes exact lengths from a stream of chunks of any size. */
class ByteQueue {
  #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `n` bytes; undefined when nothing more comes and that is fine. Valid until the next call. */
  async take(n: number, mayEnd: boolean): Promise<Uint8Array | undefined> {
    if (this.#rest.length < n) {
      const parts: Uint8Array[] = [this.#rest];
      let length = this.#rest.length;
      while (length < n) {
        const { value, done } = await this.#chunks.next();
        if (done === true) {
          if (length === 0 && mayEnd) return undefined;
          throw new Error('unexpected end of the data');
        }
        parts.push(value);
        length += value.length;
      }
      this.#rest = Buffer.concat(parts, length);
    }
    const taken = this.#rest.subarray(0, n);
    this.#rest = this.#rest.subarray(n);
    return taken;
  }

  async need(n: number): Promise<Uint8Array> {
    const taken = await this.take(n, false);
    if (taken === undefined) throw new Error('unexpected end of the data');
    return taken;
  }

  async skip(n: number): Promise<void> {
    let left = n;
    while (left > 0) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#chunks.next();
        if (done === true) throw new Error('unexpected end of the data');
        this.#rest = value;
      }
      const step = Math.min(left, this.#rest.length);
      this.#rest = this.#rest.subarray(step);
      left -= step;
    }
  }

  putBack(bytes: Uint8Array): void {
    this.#rest = Buffer.concat([bytes, this.#rest]);
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}

// ---- xxHash, 32 bits (xxhash_spec.md of the xxHash project, seed 0) ----

const PRIME1 = 0x9e3779b1 | 0;
const PRIME2 = 0x85ebca77 | 0;
const PRIME3 = 0xc2b2ae3d | 0;
const PRIME4 = 0x27d4eb2f | 0;
const PRIME5 = 0x165667b1 | 0;

export function xxHash32(bytes: Uint8Array): number {
  const hash = new XxHash32();
  hash.update(bytes);
  return hash.digest();
}

/** The same in pieces. */
export class XxHash32 {
  #a = (PRIME1 + PRIME2) | 0;
  #b = PRIME2;
  #c = 0;
  #d = -PRIME1 | 0;
  #length = 0;
  #tail = new Uint8Array(16);
  #held = 0;

  update(bytes: Uint8Array): void {
    let at = 0;
    const { length } = bytes;
    this.#length += length;
    if (this.#held > 0) {
      const n = Math.min(16 - this.#held, length);
      this.#tail.set(bytes.subarray(0, n), this.#held);
      this.#held += n;
      at = n;
      if (this.#held < 16) return;
      this.#stripe(this.#tail, 0, 16);
      this.#held = 0;
    }
    const whole = length - ((length - at) & 15);
    this.#stripe(bytes, at, whole);
    this.#held = length - whole;
    if (this.#held > 0) this.#tail.set(bytes.subarray(whole), 0);
  }

  #stripe(bytes: Uint8Array, from: number, to: number): void {
    let a = this.#a;
    let b = this.#b;
    let c = this.#c;
    let d = this.#d;
    for (let i = from; i < to; i += 16) {
      a = round(a, word(bytes, i));
      b = round(b, word(bytes, i + 4));
      c = round(c, word(bytes, i + 8));
      d = round(d, word(bytes, i + 12));
    }
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }

  /** The hash of all that was given so far, unsigned. */
  digest(): number {
    let h =
      this.#length >= 16 ? rotate(this.#a, 1) + rotate(this.#b, 7) + rotate(this.#c, 12) + rotate(this.#d, 18) : PRIME5;
    h = (h + this.#length) | 0;
    let i = 0;
    for (; i + 4 <= this.#held; i += 4)
      h = Math.imul(rotate((h + Math.imul(word(this.#tail, i), PRIME3)) | 0, 17), PRIME4);
    for (; i < this.#held; i++) h = Math.imul(rotate((h + Math.imul(this.#tail[i] ?? 0, PRIME5)) | 0, 11), PRIME1);
    h = Math.imul(h ^ (h >>> 15), PRIME2);
    h = Math.imul(h ^ (h >>> 13), PRIME3);
    return (h ^ (h >>> 16)) >>> 0;
  }
}

function round(lane: number, value: number): number {
  return Math.imul(rotate((lane + Math.imul(value, PRIME2)) | 0, 13), PRIME1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}
