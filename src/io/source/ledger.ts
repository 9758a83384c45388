import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../../core/index.ts';
import { describeFileError } from './input.ts';

/** Bytes hashed at the beginning and at the end of a file. */
const HEAD_BYTES = 65_536;

/**
 * What tells a file from every other: inode, size, and SHA-256 over its first and last 64 KiB, as `inode-size-hash`. A file keeps it when it is renamed, and loses it when it grows or is replaced. The
 * whole is not hashed, because a capture has gigabytes; two files of one inode and size that differ in the middle alone do not happen. Throws what the file system throws.
 */
export function fingerprintOf(name: string): string {
  const fd = fs.openSync(name, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0) | (fs.constants.O_NOFOLLOW ?? 0));
  try {
    const { ino, size } = fs.fstatSync(fd, { bigint: true });
    const hash = createHash('sha256');
    const part = Buffer.alloc(HEAD_BYTES);
    const total = Number(size);
    const read = (from: number): void => {
      const n = fs.readSync(fd, part, 0, Math.min(HEAD_BYTES, Math.max(0, total - from)), from);
      hash.update(part.subarray(0, n));
    };
    read(0);
    if (total > HEAD_BYTES) read(Math.max(HEAD_BYTES, total - HEAD_BYTES));
    return `${ino}-${size}-${hash.digest('hex').slice(0, 32)}`;
  } finally {
    fs.closeSync(fd);
  }
}

export type LedgerState = 'begun' | 'done' | 'failed';

export interface LedgerEntry {
  readonly state: LedgerState;
  /** Times that it was begun. */
  readonly attempts: number;
}

export interface LedgerOptions {
  /** Default 100,000. */
  readonly maxEntries?: number | undefined;
  /** Outdated lines, beside as many as there are entries, before the file is written anew. Default 1,000. */
  readonly slackLines?: number | undefined;
}

const FORMAT = 'anomalyst-ledger';
const VERSION = 1;

/**
 * Which files were taken, kept across restarts: a text file of one JSON array a line, `["key","state",attempts]`, after a header line. A change is one line at its end, flushed to the disk before
 * anything is built on it; a line that a crash cut is left out when it is read. When most lines are outdated the file is written anew beside and renamed over, so that there is always a whole one.
 *
 * Bounded: of more than `maxEntries` the one that was not seen for longest is forgotten, and counted; whoever still sees a file says so with `touch`. One process at a time: a lock file beside it
 * names the process that has it.
 */
export class Ledger {
  readonly path: string;
  /** Entries forgotten for want of room. */
  forgotten = 0;
  /** Lines that could not be read. */
  damaged = 0;
  readonly #maxEntries: number;
  readonly #slackLines: number;
  /** Least recently seen first. */
  #entries = new Map<string, LedgerEntry>();
  #fd = -1;
  #lines = 0;
  readonly #lock: string;
  #onExit = (): void => this.close();

  /** Opens or makes it. Throws UserError when it can't be read or written, is none, or another process has it. */
  constructor(file: string, options: LedgerOptions = {}) {
    this.path = file;
    this.#maxEntries = options.maxEntries ?? 100_000;
    this.#slackLines = options.slackLines ?? 1000;
    this.#lock = `${file}.lock`;
    this.#takeLock();
    try {
      this.#read();
      this.#compact();
    } catch (error) {
      this.close();
      throw error;
    }
    process.once('exit', this.#onExit);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): LedgerEntry | undefined {
    return this.#entries.get(key);
  }

  /** Says that the file is still there, so that others are forgotten first. */
  touch(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  /** Notes a state; it is on the disk when this returns. Throws UserError when the disk fails. */
  set(key: string, state: LedgerState, attempts: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { state, attempts });
    if (this.#entries.size > this.#maxEntries) {
      const oldest = this.#entries.keys().next().value;
      if (oldest !== undefined) this.#entries.delete(oldest);
      this.forgotten++;
    }
    if (this.#lines > 2 * this.#entries.size + this.#slackLines) {
      this.#compact();
      return;
    }
    try {
      fs.writeSync(this.#fd, encodeEntry(key, { state, attempts }));
      fs.fsyncSync(this.#fd);
    } catch (error) {
      throw describeFileError(error, this.path, 'write');
    }
    this.#lines++;
  }

  #read(): void {
    let text: string;
    try {
      text = fs.readFileSync(this.path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      throw describeFileError(error, this.path, 'read');
    }
    if (text === '') return;
    const [header = '', ...lines] = text.split('\n');
    const first = parseJson(header);
    if (!Array.isArray(first) || first[0] !== FORMAT)
      throw new UserError(`${this.path} is no ledger of anomalyst`, 'give another state file, or move this one away');
    if (first[1] !== VERSION)
      throw new UserError(
        `${this.path} is a ledger of version ${String(first[1]).slice(0, 20)}; this program knows ${VERSION}`,
        'use the version of anomalyst that wrote it, or another state file',
      );
    for (const line of lines) {
      if (line === '') continue;
      const entry = parseJson(line);
      const [key, state, attempts] = Array.isArray(entry) ? entry : [];
      if (
        typeof key !== 'string' ||
        (state !== 'begun' && state !== 'done' && state !== 'failed') ||
        !Number.isInteger(attempts)
      ) {
        this.damaged++;
        continue;
      }
      this.#entries.delete(key);
      this.#entries.set(key, { state, attempts });
    }
    while (this.#entries.size > this.#maxEntries) {
      this.#entries.delete(this.#entries.keys().next().value ?? '');
      this.forgotten++;
    }
  }

  /** Writes all entries beside, and renames that over. */
  #compact(): void {
    const part = `${this.path}.${process.pid}.part`;
    try {
      const fd = fs.openSync(part, 'w', 0o600);
      let text = `${JSON.stringify([FORMAT, VERSION])}\n`;
      for (const [key, entry] of this.#entries) text += encodeEntry(key, entry);
      fs.writeFileSync(fd, text);
      fs.fsyncSync(fd);
      fs.renameSync(part, this.path);
      if (this.#fd >= 0) fs.closeSync(this.#fd);
      this.#fd = fd;
      this.#lines = this.#entries.size;
    } catch (error) {
      fs.rmSync(part, { force: true });
      throw describeFileError(error, this.path, 'write');
    }
  }

  #takeLock(): void {
    for (let attempt = 0; ; attempt++) {
      try {
        fs.writeFileSync(this.#lock, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
        return;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST'))
          throw describeFileError(error, this.#lock, 'write');
        const owner = Number(readText(this.#lock));
        if (attempt > 0 || isAlive(owner))
          throw new UserError(
            `${path.basename(this.path)} is in use by process ${Number.isInteger(owner) ? owner : 'unknown'}`,
            `end it, give another state file, or remove ${this.#lock} when no such process runs`,
          );
        fs.rmSync(this.#lock, { force: true });
      }
    }
  }

  close(): void {
    process.removeListener('exit', this.#onExit);
    if (this.#fd >= 0) fs.closeSync(this.#fd);
    this.#fd = -1;
    if (Number(readText(this.#lock)) === process.pid) fs.rmSync(this.#lock, { force: true });
  }
}

function encodeEntry(key: string, { state, attempts }: LedgerEntry): string {
  return `${JSON.stringify([key, state, attempts])}\n`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readText(name: string): string {
  try {
    return fs.readFileSync(name, 'utf8').trim();
  } catch {
    // A lock that went away meanwhile belongs to nobody.
    return '';
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not ours to signal, but there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
