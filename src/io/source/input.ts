import * as fs from 'node:fs';
import * as path from 'node:path';
import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { UserError } from '../../core/index.ts';

/** Bytes of one input in order, decompressed. `read` fills the front of `into` and returns how many bytes it put there; 0 is the end. */
export interface ByteSource {
  /** As the user named it; '-' is standard input. */
  readonly name: string;
  readonly compression: '' | 'gzip' | 'zstd';
  /** Size of the file as it lies on disk, undefined for a stream. */
  readonly totalBytes: number | undefined;
  /** Bytes taken from the file so far, before decompression: progress is measured by it. */
  readonly bytesTaken: () => number;
  /** May answer at once or later. Rejects with a UserError when the world fails (decompression, disk). */
  read(into: Uint8Array): number | Promise<number>;
  close(): void;
}

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];

/** Opens a file or, for '-', standard input. Compression is told by content, not by name. */
export async function openInput(name: string): Promise<ByteSource> {
  if (name === '-') return openStream('-', process.stdin, undefined, () => process.stdin.destroy());
  const fd = openFile(name);
  const stat = fs.fstatSync(fd);
  if (!stat.isFile()) {
    // A pipe or device: it can't be read twice, so it is a stream.
    const stream = fs.createReadStream(name, { fd, highWaterMark: 1 << 20 });
    return openStream(name, stream, undefined, () => stream.destroy());
  }
  const magic = new Uint8Array(4);
  const got = fs.readSync(fd, magic, 0, 4, 0);
  const compression = compressionOf(magic.subarray(0, got));
  if (compression === '') return plainFile(name, fd, stat.size);
  const raw = fs.createReadStream(name, { fd, start: 0, highWaterMark: 1 << 18 });
  let taken = 0;
  raw.on('data', (chunk: string | Buffer) => {
    taken += chunk.length;
  });
  return decompressed(name, raw, compression, stat.size, () => taken);
}

function openFile(name: string): number {
  try {
    const fd = fs.openSync(name, 'r');
    return fd;
  } catch (error) {
    throw describeFileError(error, name, 'read');
  }
}

/** An error of the file system as the operator's: what, where, and what to do. */
export function describeFileError(error: unknown, name: string, doing: 'read' | 'write'): UserError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known: Record<string, [string, string]> = {
    ENOENT: ['no such file or folder', 'check the path'],
    EACCES: [
      'permission denied',
      doing === 'read' ? 'check that you may read it (ls -l)' : 'choose another folder with --out',
    ],
    EPERM: ['operation not permitted', 'check its permissions'],
    EISDIR: ['is a folder', doing === 'read' ? 'give a file' : 'choose another folder with --out'],
    EEXIST: ['there is a file of that name', 'choose another folder with --out'],
    ENOTEMPTY: ['there is a folder of that name', 'choose another folder with --out'],
    ENOTDIR: ['a part of the path is a file, not a folder', 'check the path'],
    EROFS: ['the file system is read-only', 'choose another folder with --out'],
    ENOSPC: ['no space left on the device', 'free some space, or choose another folder with --out'],
    EDQUOT: ['the disk quota is used up', 'free some space, or choose another folder with --out'],
    EMFILE: ['too many open files', 'raise the limit (ulimit -n)'],
    EIO: ['the device failed (input/output error)', 'check the disk'],
    ENAMETOOLONG: ['the name is too long', 'choose a shorter one'],
    ELOOP: ['too many symbolic links', 'check the path'],
  };
  const [what, hint] = known[code] ?? [error instanceof Error ? error.message : String(error), 'check the path'];
  return new UserError(`cannot ${doing} ${name}: ${what}${code === '' ? '' : ` (${code})`}`, hint);
}

function compressionOf(bytes: Uint8Array): '' | 'gzip' | 'zstd' {
  const begins = (magic: number[]): boolean => bytes.length >= magic.length && magic.every((b, i) => bytes[i] === b);
  if (begins(GZIP)) return 'gzip';
  // Zstandard's skippable frames (0x184D2A50 to 5F) may stand before the first real one.
  const skippable =
    bytes.length >= 4 &&
    ((bytes[0] ?? 0) & 0xf0) === 0x50 &&
    bytes[1] === 0x2a &&
    bytes[2] === 0x4d &&
    bytes[3] === 0x18;
  return begins(ZSTD) || skippable ? 'zstd' : '';
}

function plainFile(name: string, fd: number, size: number): ByteSource {
  let taken = 0;
  return {
    name,
    compression: '',
    totalBytes: size,
    bytesTaken: () => taken,
    read(into) {
      try {
        const n = fs.readSync(fd, into, 0, into.length, taken);
        taken += n;
        return n;
      } catch (error) {
        throw describeFileError(error, name, 'read');
      }
    },
    close: () => fs.closeSync(fd),
  };
}

async function openStream(
  name: string,
  stream: Readable,
  totalBytes: number | undefined,
  close: () => void,
): Promise<ByteSource> {
  const chunks = stream[Symbol.asyncIterator]();
  let taken = 0;
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < 4) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    const chunk: Uint8Array = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
    first.push(chunk);
    length += chunk.length;
    taken += chunk.length;
  }
  const head = Buffer.concat(first);
  async function* all(): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head;
    for (;;) {
      const { value, done } = await chunks.next();
      if (done === true) return;
      taken += value.length;
      yield value;
    }
  }
  const compression = compressionOf(head.subarray(0, 4));
  if (compression !== '') return decompressed(name, Readable.from(all()), compression, totalBytes, () => taken, close);
  return fromChunks(name, '', totalBytes, () => taken, all(), close);
}

function decompressed(
  name: string,
  raw: Readable,
  compression: 'gzip' | 'zstd',
  totalBytes: number | undefined,
  bytesTaken: () => number,
  closeRaw: () => void = () => undefined,
): ByteSource {
  // When a checksum fails, zlib keeps its last chunk to itself: small chunks lose little.
  const options = { chunkSize: 1 << 15 };
  const close = (): void => {
    raw.destroy();
    closeRaw();
  };
  if (compression === 'gzip') {
    const unpack = zlib.createGunzip(options);
    raw.on('error', (error) => unpack.destroy(error));
    raw.pipe(unpack);
    return fromChunks(name, compression, totalBytes, bytesTaken, bytesOf(unpack), close);
  }
  if (typeof zlib.createZstdDecompress !== 'function') {
    throw new UserError(
      `${name} is compressed with zstd, which this Node.js (${process.version}) cannot read`,
      `use Node.js 22.15 or newer, or: zstd -dc ${name} | anomalyst analyze -`,
    );
  }
  const frames = unzstd(raw, () => zlib.createZstdDecompress(options));
  return fromChunks(name, compression, totalBytes, bytesTaken, frames, close);
}

async function* bytesOf(stream: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk;
}

/**
 * Zstandard data of any number of frames, skippable ones among them (RFC 8878 section 3.1). Node's decompressor ends with the first frame that ends inside
 * what it was given; the rest goes to a new one.
 */
async function* unzstd(raw: Readable, create: () => zlib.ZstdDecompress): AsyncGenerator<Uint8Array> {
  const input = bytesOf(raw);
  let rest: Uint8Array | undefined;
  for (;;) {
    if (rest === undefined || rest.length === 0) {
      const { value, done } = await input.next();
      if (done === true) return;
      rest = value;
    }
    const unpack = create();
    // The reader below is told of an error too; a second one, behind the end of a frame, is nobody's business.
    unpack.on('error', () => undefined);
    const over = new Promise<void>((resolve) => {
      unpack.once('close', resolve);
    });
    let last: Uint8Array = rest;
    let givenBefore = 0;
    const feeding = (async (): Promise<void> => {
      for (;;) {
        const chunk = last;
        await Promise.race([over, new Promise<void>((resolve) => unpack.write(chunk, () => resolve()))]);
        // All of a chunk is taken unless the frame ended inside it.
        if (unpack.destroyed || unpack.bytesWritten < givenBefore + chunk.length) return;
        const { value, done } = await input.next();
        if (done === true) {
          unpack.end();
          return;
        }
        givenBefore += chunk.length;
        last = value;
      }
    })();
    yield* bytesOf(unpack);
    await feeding;
    rest = last.subarray(Math.max(0, unpack.bytesWritten - givenBefore));
  }
}

function fromChunks(
  name: string,
  compression: '' | 'gzip' | 'zstd',
  totalBytes: number | undefined,
  bytesTaken: () => number,
  chunks: AsyncGenerator<Uint8Array>,
  close: () => void,
): ByteSource {
  let rest: Uint8Array = new Uint8Array();
  const serve = (into: Uint8Array): number => {
    const n = Math.min(rest.length, into.length);
    into.set(rest.subarray(0, n));
    rest = rest.subarray(n);
    return n;
  };
  const pull = async (into: Uint8Array): Promise<number> => {
    try {
      for (;;) {
        const { value, done } = await chunks.next();
        if (done === true) return 0;
        rest = value;
        if (rest.length > 0) return serve(into);
      }
    } catch (error) {
      if (compression !== '') throw describeUnpackError(error, name, compression);
      throw describeFileError(error, name, 'read');
    }
  };
  return {
    name,
    compression,
    totalBytes,
    bytesTaken,
    read: (into) => (rest.length > 0 ? serve(into) : pull(into)),
    close,
  };
}

function describeUnpackError(error: unknown, name: string, compression: string): UserError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  const cut = code === 'Z_BUF_ERROR' || /unexpected end|incomplete/i.test(message);
  return new UserError(
    `${name}: the ${compression} data ${cut ? 'end early' : `are damaged (${message})`}`,
    `${compression === 'gzip' ? 'gzip -t' : 'zstd -t'} ${name} tells more`,
  );
}

const CAPTURE_NAME = /\.(pcap|pcapng|cap|dmp|dump|trace|trc|ntar|pcap\d+)(\.(gz|zst))?$/i;

/**
 * The capture files that an operator's list of files and folders means: files as they are; of a folder, and the folders in it, those that begin as
 * a capture or are compressed and named like one, in order of name. A name that leads nowhere stays in the list. Throws when a folder holds no capture.
 */
export function expandInputs(names: readonly string[]): string[] {
  const files: string[] = [];
  for (const name of names) {
    if (name === '-') {
      files.push(name);
      continue;
    }
    let stat: fs.Stats;
    try {
      stat = fs.statSync(name);
    } catch {
      // Opening it tells why, and the other inputs are still read.
      files.push(name);
      continue;
    }
    if (!stat.isDirectory()) {
      files.push(name);
      continue;
    }
    const found: string[] = [];
    collect(name, found, 0);
    if (found.length === 0)
      throw new UserError(
        `${name}: no capture files in this folder`,
        'anomalyst looks for pcap and pcapng files, plain or compressed with gzip or zstd',
      );
    files.push(...found);
  }
  return [...new Set(files)];
}

const DEEPEST_FOLDER = 16;

function collect(folder: string, into: string[], depth: number): void {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw describeFileError(error, folder, 'read');
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  for (const entry of entries) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (depth < DEEPEST_FOLDER) collect(full, into, depth + 1);
    } else if (entry.isFile() && (CAPTURE_NAME.test(entry.name) || beginsAsCapture(full))) into.push(full);
  }
}

const CAPTURE_MAGICS = ['a1b2c3d4', 'd4c3b2a1', 'a1b23c4d', '4d3cb2a1', 'a1b2cd34', '34cdb2a1', '0a0d0d0a'];

function beginsAsCapture(file: string): boolean {
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, 'r');
    const magic = Buffer.alloc(4);
    return fs.readSync(fd, magic, 0, 4, 0) === 4 && CAPTURE_MAGICS.includes(magic.toString('hex'));
  } catch {
    // A file that can't be opened and isn't named like a capture is none of ours.
    return false;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}
