import * as fs from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { UserError } from '../../core/index.ts';
import { type Follower, statOf } from './follow.ts';
import { beginsAsLz4, unlz4 } from './lz4.ts';

export type Compression = '' | 'gzip' | 'zstd' | 'lz4';

/** Bytes of one input in order, decompressed. `read` fills the front of `into` and returns how many bytes it put there; 0 is the end. */
export interface ByteSource {
  /** As the user named it; '-' is standard input. */
  readonly name: string;
  readonly compression: Compression;
  /** Size of the file as it lies on disk, undefined for a stream. */
  readonly totalBytes: number | undefined;
  /** Bytes taken from the file so far, before decompression: progress is measured by it. */
  readonly bytesTaken: () => number;
  /** May answer at once or later. Rejects with a UserError when the world fails (decompression, disk). */
  read(into: Uint8Array): number | Promise<number>;
  /** Whether the file was changed so recently that somebody is probably still writing it: asked at its end, a record that is cut there is no damage then. */
  growing?(): boolean;
  /** The file that goes on after this one, once `read` has answered 0; undefined where there is none, and always unless the input is followed. */
  successor?(): string | undefined;
  /** Ends a source that has no end of its own; what is on its way still comes, then the end. */
  stop?(): Promise<void>;
  /** May be called again. */
  close(): void;
}

export interface OpenOptions {
  /** Goes on waiting at the end of a file, for more of it or for the next of its ring. What is no file (a pipe, standard input) waits by itself and is read to its end. */
  readonly follow?: Follower | undefined;
  /** Ends waiting for the writer of a named pipe. */
  readonly signal?: AbortSignal | undefined;
  /** Told once, after `patienceMs` (default 2 s), when a named pipe has no writer. */
  readonly onWait?: ((message: string) => void) | undefined;
  readonly patienceMs?: number | undefined;
}

/** A file that was changed this short a time ago is taken for one that is being written. */
const RECENT_MS = 10_000;

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];

/** Opens a file, a named pipe or, for '-', standard input. Compression is told by content, not by name. Throws UserError when that is not possible. */
export async function openInput(name: string, options: OpenOptions = {}): Promise<ByteSource> {
  const { follow } = options;
  if (name === '-') {
    if (process.stdin.isTTY === true)
      throw new UserError(
        'standard input is a terminal',
        'pipe a capture into it, as in: tcpdump -i eth0 -w - | anomalyst analyze -',
      );
    return openStream('-', process.stdin, undefined, () => process.stdin.destroy());
  }
  if (isNamedPipe(name)) return openPipe(name, options);
  const fd = openFile(name);
  const stat = fs.fstatSync(fd);
  if (!stat.isFile()) {
    // A pipe or device: it can't be read twice, so it is a stream.
    const stream = fs.createReadStream(name, { fd, highWaterMark: 1 << 20 });
    return openStream(name, stream, undefined, () => stream.destroy());
  }
  const compression = compressionOfFile(name, fd);
  const state = fileState(name, stat, follow);
  if (compression === '') return plainFile(name, fd, stat, state, follow);
  const raw = fs.createReadStream(name, { fd, start: 0, highWaterMark: 1 << 18 });
  let taken = 0;
  raw.on('data', (chunk: string | Buffer) => {
    taken += chunk.length;
  });
  const source = decompressed(name, raw, compression, stat.size, () => taken);
  return { ...source, growing: state.growing, successor: state.successor };
}

type FileState = Required<Pick<ByteSource, 'growing' | 'successor'>>;

/** What can be said of a file at its end. */
function fileState(name: string, stat: fs.Stats, follow: Follower | undefined): FileState {
  return {
    growing: () => {
      const now = statOf(name);
      return now !== undefined && now.ino === stat.ino && Date.now() - now.mtimeMs < RECENT_MS;
    },
    successor: () => follow?.successor(name, stat),
  };
}

function isNamedPipe(name: string): boolean {
  // Behind /dev/fd and the like is a pipe whose writer exists already, or has gone for good.
  if (/^\/(dev\/(fd\/\d+|stdin)|proc\/(self|\d+)\/fd\/\d+)$/.test(name) || process.platform === 'win32') return false;
  return statOf(name)?.isFIFO() === true;
}

const PIPE_POLL_MS = 50;
const PIPE_PATIENCE_MS = 2000;

/**
 * A named pipe. To open one waits for a writer, and with it the whole process, deaf to Ctrl-C; so it is opened without waiting, and asked until somebody writes. From
 * then on the end of what was written is the end of the input.
 */
async function openPipe(
  name: string,
  { signal, onWait, patienceMs = PIPE_PATIENCE_MS }: OpenOptions,
): Promise<ByteSource> {
  let fd: number;
  try {
    fd = fs.openSync(name, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (error) {
    throw describeFileError(error, name, 'read');
  }
  const first = Buffer.alloc(65_536);
  const started = performance.now();
  let told = false;
  let got = 0;
  while (got === 0) {
    try {
      got = fs.readSync(fd, first, 0, first.length, null);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) {
        fs.closeSync(fd);
        throw describeFileError(error, name, 'read');
      }
      // There is a writer, and it has written nothing yet.
      break;
    }
    if (got > 0) break;
    if (!told && performance.now() - started >= patienceMs) {
      told = true;
      onWait?.(`${name} is a named pipe that nobody writes to yet; waiting for a writer (Ctrl-C to stop)`);
    }
    if (signal?.aborted === true) {
      fs.closeSync(fd);
      throw new UserError(
        `${name}: stopped while it was waiting for a writer`,
        'start the program that writes to the pipe',
      );
    }
    await new Promise((resolve) => setTimeout(resolve, PIPE_POLL_MS));
  }
  const socket = new net.Socket({ fd, readable: true, writable: false });
  if (got > 0) socket.unshift(first.subarray(0, got));
  return openStream(name, socket, undefined, () => socket.destroy());
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

/** Bytes of the beginning that are looked at: Zstandard and LZ4 share their skippable frames, so what stands behind them decides. */
const HEAD_BYTES = 4096;

function compressionOf(bytes: Uint8Array): Compression {
  const begins = (magic: number[], at: number): boolean =>
    bytes.length >= at + magic.length && magic.every((b, i) => bytes[at + i] === b);
  if (begins(GZIP, 0)) return 'gzip';
  let at = 0;
  for (;;) {
    if (begins(ZSTD, at)) return 'zstd';
    if (beginsAsLz4(bytes.subarray(at))) return 'lz4';
    // A skippable frame (magic 0x184D2A50 to 5F, then its length) may stand before the first real one.
    if (!begins([0x2a, 0x4d, 0x18], at + 1) || ((bytes[at] ?? 0) & 0xf0) !== 0x50) return '';
    if (bytes.length < at + 8) return 'zstd';
    at += 8 + Buffer.from(bytes.buffer, bytes.byteOffset + at + 4, 4).readUInt32LE();
    if (at + 4 > bytes.length) return 'zstd';
  }
}

function compressionOfFile(name: string, fd: number): Compression {
  const head = new Uint8Array(HEAD_BYTES);
  try {
    return compressionOf(head.subarray(0, fs.readSync(fd, head, 0, HEAD_BYTES, 0)));
  } catch (error) {
    fs.closeSync(fd);
    throw describeFileError(error, name, 'read');
  }
}

function plainFile(
  name: string,
  fd: number,
  stat: fs.Stats,
  state: FileState,
  follow: Follower | undefined,
): ByteSource {
  let taken = 0;
  let closed = false;
  let next: string | undefined;
  const readNow = (into: Uint8Array): number => {
    try {
      const n = fs.readSync(fd, into, 0, into.length, taken);
      taken += n;
      return n;
    } catch (error) {
      throw describeFileError(error, name, 'read');
    }
  };
  /** At the end of what there is: more of it, or 0 when the next file has begun, or nothing came for too long. */
  const wait = async (into: Uint8Array, follower: Follower): Promise<number> => {
    for (;;) {
      next ??= state.successor();
      // Whoever began the next file had finished this one, so what it wrote last is there by now.
      const n = readNow(into);
      if (n > 0) {
        follower.news();
        return n;
      }
      if (next !== undefined || follower.over) return 0;
      await follower.pause();
    }
  };
  return {
    name,
    compression: '',
    totalBytes: stat.size,
    bytesTaken: () => taken,
    read(into) {
      const n = readNow(into);
      if (follow === undefined) return n;
      if (n === 0) return wait(into, follow);
      follow.news();
      return n;
    },
    growing: state.growing,
    successor: () => {
      next ??= state.successor();
      return next;
    },
    close: () => {
      if (!closed) fs.closeSync(fd);
      closed = true;
    },
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
  const compression = compressionOf(head.subarray(0, HEAD_BYTES));
  if (compression !== '') return decompressed(name, Readable.from(all()), compression, totalBytes, () => taken, close);
  return fromChunks(name, '', totalBytes, () => taken, all(), close);
}

function decompressed(
  name: string,
  raw: Readable,
  compression: Exclude<Compression, ''>,
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
  if (compression === 'lz4') return fromChunks(name, compression, totalBytes, bytesTaken, unlz4(bytesOf(raw)), close);
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
  compression: Compression,
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
    `${compression} -t ${name} tells more`,
  );
}

const CAPTURE_NAME = /\.(pcap|pcapng|cap|dmp|dump|trace|trc|ntar|pcap\d+)(\.(gz|zst|lz4))?$/i;

/**
 * The capture files that an operator's list of files and folders means: files as they are; of a folder, and the folders in it, those that begin as
 * a capture or are compressed and named like one, in order of name; of a pattern (`logs/*.csv`) the files that fit. A name that leads nowhere stays in the list.
 * Throws when a folder holds no capture.
 */
export function expandInputs(given: readonly string[], { rows = false }: ExpandOptions = {}): string[] {
  const files: string[] = [];
  for (const name of given.flatMap(matches)) {
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
    collect(name, found, 0, isCapture);
    if (rows && found.length === 0) {
      collect(name, found, 0, (_full, base) => ROWS_NAME.test(base));
      // A log and the same log with labels: the rows once.
      const plain = new Set(found);
      const twice = (file: string): boolean => LABELED_NAME.test(file) && plain.has(file.replace(LABELED_NAME, ''));
      found.splice(0, found.length, ...found.filter((file) => !twice(file)));
    }
    if (found.length === 0)
      throw new UserError(
        `${name}: no capture files${rows ? ' and no logs' : ''} in this folder`,
        `anomalyst looks for pcap and pcapng files${rows ? ', and for logs and tables by their names (.log, .csv, .json ...)' : ''}, plain or compressed with gzip, zstd or lz4`,
      );
    files.push(...found);
  }
  return [...new Set(files)];
}

export interface ExpandOptions {
  /** Of a folder without captures take what is named like a log or a table. */
  readonly rows?: boolean;
}

const ROWS_NAME =
  /\.(log|csv|tsv|json|ndjson|jsonl|parquet|arrow|arrows|feather|binetflow|biargus)(\.labell?ed)?(\.(gz|gzip|zst|zstd|lz4))?$/i;
/** What labelling tools put behind the name of the log that they copy: conn.log.labeled. */
const LABELED_NAME = /\.labell?ed$/i;

/** The files that a pattern means, in order of name; a name that is there, or that no pattern is in, stays as it is. */
function matches(name: string): string[] {
  if (!/[*?[{]/.test(name) || statOf(name) !== undefined) return [name];
  const found = fs.globSync(name).sort();
  return found.length === 0 ? [name] : found;
}

const DEEPEST_FOLDER = 16;

function isCapture(full: string, base: string): boolean {
  return CAPTURE_NAME.test(base) || beginsAsCapture(full);
}

function collect(folder: string, into: string[], depth: number, wanted: (full: string, base: string) => boolean): void {
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
      if (depth < DEEPEST_FOLDER) collect(full, into, depth + 1, wanted);
    } else if (entry.isFile() && wanted(full, entry.name)) into.push(full);
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
