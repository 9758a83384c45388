import * as fs from 'node:fs';
import * as path from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { counted, humanBytes, safeText, UserError } from '../../core/index.ts';
import type { PcapHeader } from '../../wire/index.ts';
import { describeFileError } from '../source/input.ts';
import type { PacketSink } from './interface-capture.ts';
import { repairPart } from './repair.ts';

/** How captured packets are laid into files, and for how long these stay. */
export interface RingOptions {
  readonly folder: string;
  /** File names; see `ringName`. */
  readonly pattern: string;
  /** A file is closed when it would grow beyond this, or holds packets over so much time. */
  readonly rotateBytes: number;
  readonly rotateMs: number;
  /** Bytes that all files together may take; undefined for no limit. */
  readonly quotaBytes: number | undefined;
  /** Finished files kept of each interface; undefined for all. */
  readonly keep: number | undefined;
  /** Finished files whose last packet is older than this are deleted; undefined for never. */
  readonly retentionMs: number | undefined;
  readonly compress: 'none' | 'gz' | 'zstd';
}

/** A finished file of the ring. */
export interface RingFile {
  readonly name: string;
  readonly interface: string;
  readonly bytes: number;
  readonly packets: number;
  /** Epoch ms. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** The list of its files that a ring keeps beside them; only what stands in it is ever deleted. */
export const RING_INDEX = 'ring.json';
const INDEX_VERSION = 1;
const PART = '.part';
const BUFFER_BYTES = 1 << 18;
/** So much may wait for the disk before the capture program is made to wait; the kernel's ring is larger. */
const WAITING_BYTES = 8 << 20;

interface RingIndex {
  readonly version: number;
  readonly files: readonly RingFile[];
  /** Names of the files that are being written, each under its name and `.part`. */
  readonly open: readonly { readonly name: string; readonly interface: string }[];
  /** Names of the compressed files that are being made. */
  readonly compressing: readonly string[];
}

/** '%i-%Y%m%dT%H%M%SZ.pcap': the interface and the time of the first packet. */
export const DEFAULT_RING_PATTERN = '%i-%Y%m%dT%H%M%SZ.pcap';

/**
 * The name of a file from a pattern: %i is the interface, %Y %m %d %H %M %S the UTC time of its first packet, %s that time in epoch seconds, %% a percent sign.
 * Characters that a file name should not have become '_'.
 */
export function ringName(pattern: string, name: string, epochMs: number): string {
  const iso = new Date(epochMs).toISOString();
  const parts: Readonly<Record<string, string>> = {
    i: name,
    Y: iso.slice(0, 4),
    m: iso.slice(5, 7),
    d: iso.slice(8, 10),
    H: iso.slice(11, 13),
    M: iso.slice(14, 16),
    S: iso.slice(17, 19),
    s: String(Math.floor(epochMs / 1000)),
    '%': '%',
  };
  const plain = pattern.replace(/%(.)/g, (whole, letter: string) => parts[letter] ?? whole);
  return plain.replace(/[^A-Za-z0-9._@+=,-]/g, '_');
}

/** Throws UserError when a pattern can't name files, or would give two interfaces the same ones. */
export function checkRingPattern(pattern: string, interfaces: number): void {
  const unknown = /%(?![iYmdHMSs%])(.?)/.exec(pattern);
  if (unknown !== null)
    throw new UserError(
      `--name ${safeText(pattern)}: %${safeText(unknown[1] ?? '')} means nothing here`,
      'use %i (interface), %Y %m %d %H %M %S or %s (time in UTC), %%',
    );
  if (pattern.includes('/') || pattern.includes('\\') || pattern.startsWith('.') || pattern === '')
    throw new UserError(`--name ${safeText(pattern)}: expected a file name`, 'the folder is given with --out');
  if (!/\.(pcap|cap)$/.test(pattern))
    throw new UserError(`--name ${safeText(pattern)}: must end in .pcap`, `for example --name ${DEFAULT_RING_PATTERN}`);
  if (interfaces > 1 && !/(?<!%)(%%)*%i/.test(pattern))
    throw new UserError(
      `--name ${safeText(pattern)}: with several interfaces it must hold %i`,
      `for example --name ${DEFAULT_RING_PATTERN}`,
    );
}

/**
 * A ring of capture files in one folder. Files are written under a name that ends in `.part` and renamed when whole, so every other name is a file that can be read to its end.
 * The oldest go when there are too many, too much, or too old. It keeps a list of its files and never touches others.
 */
export class CaptureRing {
  readonly options: RingOptions;
  #onNote: (text: string) => void;
  #files: RingFile[] = [];
  #writers: RingWriter[] = [];
  #compressing: { readonly source: string; readonly name: string } | undefined;
  #compressQueue: RingFile[] = [];
  #compressor: Promise<void> = Promise.resolve();
  #stopCompressing = new AbortController();
  #deleted = 0;
  #deletedBytes = 0;
  #repaired: string[] = [];

  /** Opens the ring of a folder, with the files an earlier run left in it; those that it had not closed are repaired. Throws UserError when the folder can't be used. */
  constructor(options: RingOptions, onNote: (text: string) => void) {
    this.options = options;
    this.#onNote = onNote;
    try {
      this.#recover();
    } catch (error) {
      throw describeFileError(error, options.folder, 'write');
    }
    this.enforce();
    if (options.compress !== 'none') {
      for (const file of this.#files) if (!isCompressed(file.name)) this.#compressLater(file);
    }
  }

  /** Finished files, oldest first. */
  get files(): readonly RingFile[] {
    return this.#files;
  }

  /** What open and finished files take on disk, as far as it is written. */
  get bytes(): number {
    return (
      this.#files.reduce((sum, file) => sum + file.bytes, 0) + this.#writers.reduce((sum, w) => sum + w.openBytes, 0)
    );
  }

  get deleted(): { readonly files: number; readonly bytes: number } {
    return { files: this.#deleted, bytes: this.#deletedBytes };
  }

  /** Names of files that an earlier run had left open and that were made whole. */
  get repaired(): readonly string[] {
    return this.#repaired;
  }

  /** Where the packets of one interface go. */
  writer(name: string): RingWriter {
    const writer = new RingWriter(this, name);
    this.#writers.push(writer);
    return writer;
  }

  /** Called about once a second: closes files whose time is over though no packet came, puts what waits on disk, applies the limits. */
  tick(nowMs: number): void {
    for (const writer of this.#writers) writer.tick(nowMs);
    this.enforce(nowMs);
  }

  /** Closes all files and the list. Compression that is still running is given up unless it is to be waited for; the next run takes it up. */
  async close(waitForCompression: boolean): Promise<void> {
    const closed = await Promise.allSettled(this.#writers.map((writer) => writer.close()));
    if (!waitForCompression) this.#stopCompressing.abort();
    await this.#compressor;
    this.saveIndex();
    for (const result of closed) if (result.status === 'rejected') throw result.reason;
  }

  /** A name that no file in the folder has, in any state. */
  freeName(name: string, epochMs: number): string {
    const wanted = ringName(this.options.pattern, name, epochMs);
    const stem = wanted.replace(/\.[^.]+$/, '');
    const extension = wanted.slice(stem.length);
    for (let n = 1; ; n++) {
      const candidate = n === 1 ? wanted : `${stem}_${n}${extension}`;
      const taken =
        this.#writers.some((writer) => writer.openNames.includes(candidate)) ||
        ['', PART, '.gz', '.zst'].some((end) => fs.existsSync(path.join(this.options.folder, candidate + end)));
      if (!taken) return candidate;
    }
  }

  add(file: RingFile): void {
    this.#files.push(file);
    this.#files.sort((a, b) => a.lastMs - b.lastMs);
    this.enforce();
    if (this.options.compress !== 'none' && this.#files.includes(file)) this.#compressLater(file);
  }

  saveIndex(): void {
    const index = (): RingIndex => ({
      version: INDEX_VERSION,
      files: this.#files,
      open: this.#writers.flatMap((writer) => writer.openNames.map((name) => ({ name, interface: writer.interface }))),
      compressing: this.#compressing === undefined ? [] : [this.#compressing.name],
    });
    for (;;) {
      try {
        writeAtomically(path.join(this.options.folder, RING_INDEX), JSON.stringify(index()));
        return;
      } catch (error) {
        if (!isFull(error) || !this.makeRoom()) throw error;
      }
    }
  }

  /** Deletes the oldest finished files until all limits hold. */
  enforce(nowMs = Date.now()): void {
    const { keep, retentionMs, quotaBytes } = this.options;
    let changed = false;
    if (keep !== undefined) {
      for (const name of new Set(this.#files.map((file) => file.interface))) {
        const own = this.#files.filter((file) => file.interface === name);
        for (const file of own.slice(0, Math.max(0, own.length - keep))) changed = this.#delete(file) || changed;
      }
    }
    if (retentionMs !== undefined) {
      for (const file of this.#files.filter((one) => nowMs - one.lastMs > retentionMs))
        changed = this.#delete(file) || changed;
    }
    if (quotaBytes !== undefined) {
      while (this.bytes > quotaBytes && this.#files[0] !== undefined) changed = this.#delete(this.#files[0]) || changed;
    }
    if (changed) this.saveIndex();
  }

  /** Deletes the oldest finished file because the disk is full; false when there is none left. */
  makeRoom(): boolean {
    const oldest = this.#files[0];
    if (oldest === undefined) return false;
    this.#onNote(`the disk is full: deleting the oldest file, ${oldest.name} (${humanBytes(oldest.bytes)})`);
    this.#delete(oldest);
    return true;
  }

  #delete(file: RingFile): boolean {
    this.#files = this.#files.filter((one) => one !== file);
    this.#compressQueue = this.#compressQueue.filter((one) => one !== file);
    try {
      fs.rmSync(path.join(this.options.folder, file.name), { force: true });
      this.#deleted++;
      this.#deletedBytes += file.bytes;
    } catch (error) {
      this.#onNote(`${describeFileError(error, file.name, 'write').message}; it stays, and no longer counts`);
    }
    return true;
  }

  #recover(): void {
    const { folder } = this.options;
    const index = readIndex(path.join(folder, RING_INDEX), this.#onNote);
    for (const name of index.compressing) fs.rmSync(path.join(folder, name + PART), { force: true });
    for (const file of index.files) {
      const stat = fs.statSync(path.join(folder, file.name), { throwIfNoEntry: false });
      const packed = packedNames(file.name).find((name) => fs.existsSync(path.join(folder, name)));
      if (packed !== undefined) {
        // It was compressed, and the list not yet written when the end came.
        const bytes = fs.statSync(path.join(folder, packed)).size;
        if (stat !== undefined) fs.rmSync(path.join(folder, file.name));
        this.#files.push({ ...file, name: packed, bytes });
      } else if (stat?.isFile() === true) this.#files.push({ ...file, bytes: stat.size });
    }
    const known = new Set(this.#files.map((file) => file.name));
    for (const { name, interface: owner } of index.open) {
      const part = path.join(folder, name + PART);
      const final = path.join(folder, name);
      let content: ReturnType<typeof repairPart>;
      if (fs.existsSync(part)) {
        content = repairPart(part, final);
        if (content === undefined) continue;
        this.#repaired.push(name);
        this.#onNote(
          `repaired ${name}, which an earlier capture had left open: ${counted(content.packets, 'packet')}${content.cutBytes > 0 ? `, ${counted(content.cutBytes, 'byte')} of a half-written one cut off` : ''}`,
        );
      } else if (fs.existsSync(final) && !known.has(name)) content = repairPart(final, final);
      else continue;
      if (content === undefined) continue;
      const { packets, bytes, firstMs = 0, lastMs = 0 } = content;
      this.#files.push({ name, interface: owner, bytes, packets, firstMs, lastMs });
    }
    this.#files.sort((a, b) => a.lastMs - b.lastMs);
    this.saveIndex();
  }

  #compressLater(file: RingFile): void {
    this.#compressQueue.push(file);
    this.#compressor = this.#compressor.then(async () => {
      const next = this.#compressQueue.shift();
      if (next === undefined || this.#stopCompressing.signal.aborted) return;
      try {
        await this.#compress(next);
      } catch (error) {
        if (!this.#stopCompressing.signal.aborted)
          this.#onNote(`${describeFileError(error, next.name, 'write').message}; it stays uncompressed`);
      }
    });
  }

  async #compress(file: RingFile): Promise<void> {
    const { folder, compress } = this.options;
    const name = `${file.name}.${compress === 'gz' ? 'gz' : 'zst'}`;
    const source = path.join(folder, file.name);
    const part = path.join(folder, name + PART);
    this.#compressing = { source, name };
    this.saveIndex();
    try {
      await pipeline(
        fs.createReadStream(source, { highWaterMark: BUFFER_BYTES }),
        compress === 'gz' ? zlib.createGzip({ level: 6 }) : zlib.createZstdCompress(),
        fs.createWriteStream(part, { flush: true }),
        { signal: this.#stopCompressing.signal },
      );
    } catch (error) {
      fs.rmSync(part, { force: true });
      this.#compressing = undefined;
      throw error;
    }
    this.#compressing = undefined;
    const at = this.#files.indexOf(file);
    // Deleted by a limit while it was being compressed.
    if (at < 0) {
      fs.rmSync(part, { force: true });
      return;
    }
    fs.renameSync(part, path.join(folder, name));
    this.#files[at] = { ...file, name, bytes: fs.statSync(path.join(folder, name)).size };
    fs.rmSync(source, { force: true });
    this.saveIndex();
  }
}

function packedNames(name: string): string[] {
  return isCompressed(name) ? [] : [`${name}.gz`, `${name}.zst`];
}

function isCompressed(name: string): boolean {
  return /\.(gz|zst)$/.test(name);
}

function readIndex(file: string, onNote: (text: string) => void): RingIndex {
  const none: RingIndex = { version: INDEX_VERSION, files: [], open: [], compressing: [] };
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return none;
    throw error;
  }
  const index = parseIndex(text);
  if (index !== undefined) return index;
  const aside = `${file}.damaged`;
  fs.renameSync(file, aside);
  onNote(
    `the list of files in ${file} can't be read; it was set aside as ${aside}, and the files it named are left alone`,
  );
  return none;
}

/** A name in a list that anybody could have edited is a plain name in that folder or none of ours. */
function isPlainName(name: unknown): name is string {
  return typeof name === 'string' && /^[A-Za-z0-9_@+=,-][A-Za-z0-9._@+=,-]*$/.test(name);
}

function parseIndex(text: string): RingIndex | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, files, open, compressing } = value as Partial<RingIndex>;
  if (version !== INDEX_VERSION || !Array.isArray(files) || !Array.isArray(open) || !Array.isArray(compressing))
    return undefined;
  const good = (file: Partial<RingFile>): boolean =>
    isPlainName(file.name) &&
    typeof file.interface === 'string' &&
    [file.bytes, file.packets, file.firstMs, file.lastMs].every((n) => Number.isFinite(n));
  if (!files.every(good) || !open.every((o) => isPlainName(o.name) && typeof o.interface === 'string'))
    return undefined;
  if (!compressing.every(isPlainName)) return undefined;
  return { version, files, open, compressing };
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

/** Writes a file so that a reader sees the old one or the new one, never a half. */
export function writeAtomically(file: string, text: string): void {
  const part = `${file}.${process.pid}${PART}`;
  try {
    fs.writeFileSync(part, text, { mode: 0o644 });
    fs.renameSync(part, file);
  } catch (error) {
    fs.rmSync(part, { force: true });
    throw error;
  }
}

/** A file of the ring while it is written. */
interface OpenFile {
  readonly name: string;
  readonly handle: Promise<fs.promises.FileHandle>;
  bytes: number;
  packets: number;
  firstMs: number;
  lastMs: number;
  /** The machine's clock at opening, for files whose time passes without packets. */
  readonly openedMs: number;
}

/** Writes the packets of one interface into files of the ring. Disk work happens off the event loop, in order. */
export class RingWriter implements PacketSink {
  readonly interface: string;
  #ring: CaptureRing;
  #header: Uint8Array | undefined;
  #file: OpenFile | undefined;
  /** All that is not yet finished and renamed, for the list. */
  #open = new Set<OpenFile>();
  #buffer: Uint8Array = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  #spare: Uint8Array[] = [];
  #waiting = 0;
  #work: Promise<void> = Promise.resolve();
  #failure: unknown;

  constructor(ring: CaptureRing, name: string) {
    this.#ring = ring;
    this.interface = name;
  }

  get openNames(): string[] {
    return [...this.#open].map((file) => file.name);
  }

  /** Bytes in files that are not finished. */
  get openBytes(): number {
    let sum = 0;
    for (const file of this.#open) sum += file.bytes;
    return sum;
  }

  header(bytes: Uint8Array, _header: PcapHeader): void {
    const before = this.#header;
    this.#header = bytes;
    // Another link type or byte order needs a file of its own.
    if (before !== undefined && !before.every((byte, i) => byte === bytes[i])) this.#finish();
  }

  record(
    bytes: Uint8Array,
    at: number,
    end: number,
    seconds: number,
    nanoseconds: number,
    _wireLength: number,
  ): boolean {
    const ms = seconds * 1000 + nanoseconds / 1e6;
    const { rotateBytes, rotateMs } = this.#ring.options;
    const current = this.#file;
    if (current !== undefined && (current.bytes + (end - at) > rotateBytes || ms - current.firstMs >= rotateMs))
      this.#finish();
    const file = this.#file ?? this.#begin(ms);
    this.#put(bytes, at, end);
    file.bytes += end - at;
    file.packets++;
    file.firstMs = Math.min(file.firstMs, ms);
    file.lastMs = Math.max(file.lastMs, ms);
    return true;
  }

  ready(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#waiting > WAITING_BYTES ? this.#settled() : undefined;
  }

  tick(nowMs: number): void {
    const file = this.#file;
    if (file === undefined) return;
    // A second of grace: packets of before the hour come until after it.
    if (nowMs - file.openedMs > this.#ring.options.rotateMs + 1500) this.#finish();
    else this.#flush();
  }

  /** Puts everything on disk under its final name. Rejects with a UserError when that failed, now or earlier. */
  close(): Promise<void> {
    this.#finish();
    return this.#settled();
  }

  async #settled(): Promise<void> {
    await this.#work;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #begin(ms: number): OpenFile {
    const header = this.#header;
    if (header === undefined) throw new Error('a record came before the file header');
    const name = this.#ring.freeName(this.interface, ms);
    const part = path.join(this.#ring.options.folder, name + PART);
    const handle = fs.promises.open(part, 'wx', 0o640);
    // The failure is met, and told, by the first write.
    handle.catch(() => undefined);
    const file: OpenFile = {
      name,
      handle,
      bytes: header.length,
      packets: 0,
      firstMs: ms,
      lastMs: ms,
      openedMs: Date.now(),
    };
    this.#file = file;
    this.#open.add(file);
    try {
      this.#ring.saveIndex();
    } catch (error) {
      throw describeFileError(error, this.#ring.options.folder, 'write');
    }
    this.#put(header, 0, header.length);
    return file;
  }

  #put(bytes: Uint8Array, at: number, end: number): void {
    while (at < end) {
      if (this.#used === this.#buffer.length) this.#flush();
      const n = Math.min(end - at, this.#buffer.length - this.#used);
      this.#buffer.set(bytes.subarray(at, at + n), this.#used);
      this.#used += n;
      at += n;
    }
  }

  /** Sends what is in the buffer on its way to the open file. */
  #flush(): void {
    const file = this.#file;
    if (file === undefined || this.#used === 0) return;
    const buffer = this.#buffer;
    const length = this.#used;
    this.#buffer = this.#spare.pop() ?? new Uint8Array(BUFFER_BYTES);
    this.#used = 0;
    this.#waiting += length;
    this.#then(async () => {
      try {
        await this.#write(await file.handle, buffer, length);
      } finally {
        this.#waiting -= length;
        if (this.#spare.length < 4) this.#spare.push(buffer);
      }
    });
  }

  async #write(handle: fs.promises.FileHandle, buffer: Uint8Array, length: number): Promise<void> {
    let written = 0;
    while (written < length) {
      try {
        written += (await handle.write(buffer, written, length - written)).bytesWritten;
      } catch (error) {
        if (!isFull(error) || !this.#ring.makeRoom()) throw error;
      }
    }
  }

  #finish(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#flush();
    this.#file = undefined;
    this.#then(async () => {
      const handle = await file.handle;
      await handle.datasync();
      await handle.close();
      const final = path.join(this.#ring.options.folder, file.name);
      await fs.promises.rename(final + PART, final);
      this.#open.delete(file);
      const { name, bytes, packets, firstMs, lastMs } = file;
      this.#ring.add({ name, interface: this.interface, bytes, packets, firstMs, lastMs });
      this.#ring.saveIndex();
    });
  }

  /** Does disk work after all that was asked for before. The first failure ends the writing. */
  #then(step: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#failure !== undefined) return;
      try {
        await step();
      } catch (error) {
        this.#failure = describeFileError(error, this.#ring.options.folder, 'write');
      }
    });
  }
}
