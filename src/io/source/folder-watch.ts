import * as fs from 'node:fs';
import * as path from 'node:path';
import { counted, isoTime, safeText, UserError } from '../../core/index.ts';
import { makeOutputFolder } from '../sink/file.ts';
import { SYSTEM_TIMING, type Timing } from '../timing.ts';
import { compareNames } from './follow.ts';
import { describeFileError } from './input.ts';
import { fingerprintOf, Ledger } from './ledger.ts';

export interface FolderWatchOptions {
  readonly folder: string;
  /** Names that are taken: `*` any letters, `?` one, `{pcap,pcapng}` one of these. Names that begin with a dot only where the pattern does. Default '*'. */
  readonly pattern?: string | undefined;
  /** Where is kept which files were taken (see `Ledger`). */
  readonly stateFile: string;
  /** Where files go that failed `maxAttempts` times. */
  readonly failedFolder: string;
  /** A file is finished when its size and time have not changed for so long. Default 2 s. */
  readonly settleMs?: number | undefined;
  /** How often the folder is looked at where the system tells nothing (network file systems). Default 1 s. */
  readonly pollMs?: number | undefined;
  /** Default 3. */
  readonly maxAttempts?: number | undefined;
  /** Finished files that wait to be taken. More stay in the folder and come later. Default 64. */
  readonly maxQueued?: number | undefined;
  readonly maxEntries?: number | undefined;
  /** False ends when everything that is there was taken, instead of waiting for more. Default true. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
  readonly timing?: Timing | undefined;
}

export interface FolderWatchStatus {
  /** Files handed out, done, failed for now, and set aside for good. */
  readonly given: number;
  readonly done: number;
  readonly failed: number;
  readonly setAside: number;
  /** Files that could not be read; they are tried again when they change. */
  readonly unreadable: number;
  readonly queued: number;
  /** Files that are there and not finished yet. */
  readonly growing: number;
  /** Symbolic links that lead out of the folder or nowhere, at the last look. */
  readonly linksIgnored: number;
  /** Finished files that found the queue full at the last look. */
  readonly deferred: number;
  /** Entries that the ledger forgot for want of room. */
  readonly forgotten: number;
}

/** Files that are watched for growth at once; others come when these are through. */
const MAX_GROWING = 10_000;
/** Files whose state in the ledger is known without reading them. */
const MAX_KNOWN = 200_000;

const UNREADABLE = '';

interface Seen {
  readonly signature: string;
  readonly sinceMs: number;
}

/**
 * Hands out each finished file of a folder once, and remembers it across restarts and renames.
 *
 * A file is finished when its size and time of change stand still for `settleMs`, or when it was renamed from a name that the pattern does not take (`x.pcap.part`), as careful writers do. The system's
 * notices of change (`fs.watch`) make it quick and `pollMs` makes it sure. Who takes a file says `done` or `failed`; a file that failed is handed out again, later ones first, and after `maxAttempts` it is
 * moved to `failedFolder` with a `.reason.txt` beside. An attempt is noted before the file is handed out, so one that ends the whole process each time is set aside as well. A file that was handed out and
 * not done when the process ended comes again: at least once, never lost. A file that grows or is replaced after it was done is another file and comes again. Folders in the folder are not looked into, and
 * symbolic links are followed within it alone.
 */
export class FolderWatch implements AsyncIterable<string> {
  readonly folder: string;
  readonly #options: FolderWatchOptions;
  readonly #timing: Timing;
  readonly #pattern: RegExp;
  /** Where the ledger's own files begin, should they be in the folder. */
  readonly #own: string;
  readonly #ledger: Ledger;
  readonly #settleMs: number;
  readonly #maxAttempts: number;
  readonly #maxQueued: number;
  #growing = new Map<string, Seen>();
  /** Name to what it was when the ledger was asked, and its key there. */
  #known = new Map<string, { readonly signature: string; readonly key: string }>();
  /** Inodes under names that the pattern does not take. */
  #unfinished = new Map<number, number>();
  #queue: { readonly file: string; readonly key: string }[] = [];
  /** Names in the queues. */
  #pending = new Set<string>();
  #active = new Map<string, string>();
  /** Names that failed in this run, to be handed out behind the others. */
  #again: { readonly file: string; readonly key: string }[] = [];
  #counts = { given: 0, done: 0, failed: 0, setAside: 0, unreadable: 0, linksIgnored: 0, deferred: 0 };
  #scans = 0;
  #watcher: fs.FSWatcher | undefined;
  #cancel: (() => void) | undefined;
  #reader: (() => void) | undefined;
  #closed = false;
  #failure: Error | undefined;
  #onAbort = (): void => this.close();

  /** Throws UserError where the folder, the state file or the folder for failures can't be used. */
  constructor(options: FolderWatchOptions) {
    const { folder, pattern = '*', settleMs = 2000, maxAttempts = 3, maxQueued = 64 } = options;
    this.#options = options;
    this.#timing = options.timing ?? SYSTEM_TIMING;
    this.#settleMs = settleMs;
    this.#maxAttempts = maxAttempts;
    this.#maxQueued = maxQueued;
    this.#pattern = globPattern(pattern);
    try {
      if (!fs.statSync(folder).isDirectory()) throw new UserError(`${folder} is no folder`, 'give a folder to watch');
      this.folder = fs.realpathSync(folder);
    } catch (error) {
      throw error instanceof UserError ? error : describeFileError(error, folder, 'read');
    }
    makeOutputFolder(options.failedFolder);
    if (fs.realpathSync(options.failedFolder) === this.folder)
      throw new UserError(
        `${options.failedFolder}: failed files would be taken again there`,
        'choose another folder for failures',
      );
    this.#ledger = new Ledger(
      options.stateFile,
      options.maxEntries === undefined ? {} : { maxEntries: options.maxEntries },
    );
    this.#own = path.join(fs.realpathSync(path.dirname(options.stateFile)), path.basename(options.stateFile));
    if (this.#ledger.damaged > 0)
      options.onNote?.(
        `${options.stateFile}: ${counted(this.#ledger.damaged, 'line')} could not be read and ${this.#ledger.damaged === 1 ? 'was' : 'were'} left out`,
      );
    if (options.signal?.aborted === true) this.close();
    else options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (!this.#closed) this.#watch();
  }

  #watch(): void {
    if (this.#options.follow !== false) {
      try {
        this.#watcher = fs.watch(this.folder, { persistent: false }, () => this.#soon(Math.min(100, this.#pollMs)));
        // Out of watches, or the folder went away: looking again and again is enough.
        this.#watcher.on('error', () => this.#watcher?.close());
      } catch {
        this.#options.onNote?.(
          `${this.folder}: the system tells nothing of changes here; the folder is looked at again and again`,
        );
      }
    }
    this.#look();
  }

  get #pollMs(): number {
    return this.#options.pollMs ?? 1000;
  }

  #nextLookMs = Number.POSITIVE_INFINITY;

  /** Looks at the folder in so many ms, or earlier where that was planned. */
  #soon(ms: number): void {
    if (this.#closed) return;
    const at = this.#timing.now() + ms;
    if (at >= this.#nextLookMs) return;
    this.#cancel?.();
    this.#nextLookMs = at;
    this.#cancel = this.#timing.after(ms, () => this.#look());
  }

  #look(): void {
    this.#nextLookMs = Number.POSITIVE_INFINITY;
    if (this.#closed) return;
    try {
      this.scan();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.close();
      return;
    }
    this.#wake();
    this.#soon(this.#pollMs);
  }

  #wake(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.();
  }

  /** Looks at the folder once. Throws UserError when it can't be read. */
  scan(): void {
    const now = this.#timing.now();
    const names: string[] = [];
    const unfinished = new Map<number, number>();
    this.#scans++;
    this.#counts.linksIgnored = 0;
    this.#counts.deferred = 0;
    let folder: fs.Dir;
    try {
      folder = fs.opendirSync(this.folder);
    } catch (error) {
      throw describeFileError(error, this.folder, 'read');
    }
    try {
      for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
        if (entry.isDirectory() || path.join(this.folder, entry.name).startsWith(this.#own)) continue;
        if (this.#pattern.test(entry.name)) names.push(entry.name);
        else if (unfinished.size < MAX_GROWING) {
          const stat = fs.lstatSync(path.join(this.folder, entry.name), { throwIfNoEntry: false });
          if (stat?.isFile() === true) unfinished.set(stat.ino, this.#scans);
        }
      }
    } finally {
      folder.closeSync();
    }
    names.sort(compareNames);
    const there = new Set<string>();
    for (const name of names) {
      const file = this.#resolve(name);
      if (file === undefined) continue;
      there.add(file);
      this.#consider(file, now);
    }
    for (const file of this.#growing.keys()) if (!there.has(file)) this.#growing.delete(file);
    for (const file of this.#known.keys()) if (!there.has(file)) this.#known.delete(file);
    this.#unfinished = unfinished;
  }

  /** The file that a name means: itself, or what a link within the folder leads to. */
  #resolve(name: string): string | undefined {
    const full = path.join(this.folder, name);
    const stat = fs.lstatSync(full, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (!stat.isSymbolicLink()) return stat.isFile() ? full : undefined;
    try {
      const real = fs.realpathSync(full);
      if (path.dirname(real) === this.folder && fs.statSync(real).isFile()) return real;
    } catch {
      // A link that leads nowhere is ignored like one that leads out.
    }
    this.#counts.linksIgnored++;
    return undefined;
  }

  #consider(file: string, now: number): void {
    if (this.#active.has(file) || this.#pending.has(file)) return;
    const stat = fs.lstatSync(file, { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) return;
    const signature = `${stat.ino}:${stat.size}:${stat.mtimeMs}:${stat.ctimeMs}`;
    const known = this.#known.get(file);
    if (known?.signature === signature) {
      if (known.key === UNREADABLE) return;
      this.#ledger.touch(known.key);
      if (this.#ledger.get(known.key)?.state === 'done') return;
    }
    const seen = this.#growing.get(file);
    const renamed = seen === undefined && this.#unfinished.has(stat.ino);
    if (!renamed) {
      if (seen?.signature !== signature) {
        if (seen !== undefined || this.#growing.size < MAX_GROWING)
          this.#growing.set(file, { signature, sinceMs: now });
        else this.#counts.deferred++;
        this.#soon(this.#settleMs);
        return;
      }
      if (now - seen.sinceMs < this.#settleMs) {
        this.#soon(this.#settleMs - (now - seen.sinceMs));
        return;
      }
    }
    if (this.#queue.length >= this.#maxQueued) {
      this.#counts.deferred++;
      return;
    }
    let key: string;
    try {
      key = fingerprintOf(file);
    } catch (error) {
      this.#growing.delete(file);
      // Gone again, or not to be read by us: whoever put it there has to say. It is tried again when something about it changes.
      if (fs.lstatSync(file, { throwIfNoEntry: false }) === undefined) return;
      this.#counts.unreadable++;
      this.#known.set(file, { signature, key: UNREADABLE });
      this.#options.onNote?.(describeFileError(error, file, 'read').message);
      return;
    }
    this.#growing.delete(file);
    const entry = this.#ledger.get(key);
    if (this.#known.size < MAX_KNOWN) this.#known.set(file, { signature, key });
    if (entry?.state === 'done') {
      this.#ledger.touch(key);
      return;
    }
    if ((entry?.attempts ?? 0) >= this.#maxAttempts) {
      this.#setAside(
        file,
        key,
        entry?.attempts ?? 0,
        entry?.state === 'failed'
          ? 'it failed before, and could not be moved away then'
          : 'it was begun and never finished: the program ended each time',
      );
      return;
    }
    this.#queue.push({ file, key });
    this.#pending.add(file);
  }

  /** The next finished file; undefined when the watch was closed, or where `follow` is false and nothing more is there. Throws UserError when the folder or the ledger fails. */
  async next(): Promise<string | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#closed) return undefined;
      const item = this.#queue.shift() ?? this.#again.shift();
      if (item !== undefined) {
        const { file, key } = item;
        this.#pending.delete(file);
        if (fs.lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
        this.#ledger.set(key, 'begun', (this.#ledger.get(key)?.attempts ?? 0) + 1);
        this.#active.set(file, key);
        this.#counts.given++;
        return file;
      }
      if (
        this.#options.follow === false &&
        this.#growing.size === 0 &&
        this.#counts.deferred === 0 &&
        this.#active.size === 0
      )
        return undefined;
      if (this.#counts.deferred > 0) {
        this.scan();
        if (this.#queue.length > 0) continue;
      }
      await new Promise<void>((resolve) => {
        this.#reader = resolve;
      });
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (let file = await this.next(); file !== undefined; file = await this.next()) yield file;
  }

  /** The file was taken in whole: it never comes again as it is. */
  done(file: string): void {
    const key = this.#finish(file);
    this.#ledger.set(key, 'done', this.#ledger.get(key)?.attempts ?? 1);
    this.#counts.done++;
    this.#released();
  }

  /** The file could not be taken: it comes again after the others, or is set aside with the reason. */
  failed(file: string, reason: string): void {
    const key = this.#finish(file);
    const attempts = this.#ledger.get(key)?.attempts ?? 1;
    this.#ledger.set(key, 'failed', attempts);
    this.#counts.failed++;
    if (attempts >= this.#maxAttempts) this.#setAside(file, key, attempts, reason);
    else if (!this.#closed) {
      this.#again.push({ file, key });
      this.#pending.add(file);
    }
    this.#released();
  }

  #released(): void {
    if (this.#closed && this.#active.size === 0) this.#ledger.close();
    this.#wake();
  }

  #finish(file: string): string {
    const key = this.#active.get(file);
    if (key === undefined) throw new Error(`${file} was not handed out`);
    this.#active.delete(file);
    return key;
  }

  #setAside(file: string, key: string, attempts: number, reason: string): void {
    const { failedFolder, onNote } = this.#options;
    try {
      const target = freeName(failedFolder, path.basename(file));
      move(file, target);
      fs.writeFileSync(
        `${target}.reason.txt`,
        `${isoTime(this.#timing.now())}\n${safeText(file, 1000)}\nset aside after ${counted(attempts, 'attempt')}: ${safeText(reason, 2000)}\n`,
        { flag: 'wx', mode: 0o600 },
      );
      this.#counts.setAside++;
      // The same file put back by hand deserves a new try.
      this.#ledger.set(key, 'failed', 0);
      onNote?.(`${safeText(path.basename(file))} was set aside: ${safeText(reason)}`);
    } catch (error) {
      onNote?.(`${describeFileError(error, file, 'write').message}; it stays in the folder and is left out`);
      this.#ledger.set(key, 'done', attempts);
    }
    this.#known.delete(file);
  }

  status(): FolderWatchStatus {
    return {
      ...this.#counts,
      queued: this.#queue.length + this.#again.length,
      growing: this.#growing.size,
      forgotten: this.#ledger.forgotten,
    };
  }

  /** Ends the watch. Files that were handed out and not done come again next time. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#watcher?.close();
    this.#cancel?.();
    // Whoever has a file may still say what became of it.
    if (this.#active.size === 0) this.#ledger.close();
    this.#wake();
  }
}

export function watchFolder(options: FolderWatchOptions): FolderWatch {
  return new FolderWatch(options);
}

/** A pattern of names as a regular expression. Throws UserError for one that has no end to its braces, or is about folders. */
export function globPattern(pattern: string): RegExp {
  if (pattern === '' || pattern.length > 200 || pattern.includes('/'))
    throw new UserError(
      `the pattern '${safeText(pattern)}' is about more than names in one folder`,
      "give one such as '*.pcap' or '*.{pcap,pcapng}'",
    );
  let out = '';
  let inBraces = false;
  // Several stars in a row are one; so many as these can't make the matching slow on names of 255 bytes.
  for (const ch of pattern.replace(/\*+/g, '*')) {
    if (ch === '*') out += '.*';
    else if (ch === '?') out += '.';
    else if (ch === '{' && !inBraces) {
      inBraces = true;
      out += '(?:';
    } else if (ch === '}' && inBraces) {
      inBraces = false;
      out += ')';
    } else if (ch === ',' && inBraces) out += '|';
    else out += ch.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  }
  if (inBraces)
    throw new UserError(
      `the pattern '${safeText(pattern)}' opens a brace and does not close it`,
      "as in '*.{pcap,pcapng}'",
    );
  if ((pattern.match(/\*+/g)?.length ?? 0) > 5)
    throw new UserError(`the pattern '${safeText(pattern)}' has more than 5 stars`, "give one such as '*.pcap'");
  return new RegExp(`^${pattern.startsWith('.') ? '' : '(?!\\.)'}${out}$`, 'su');
}

function freeName(folder: string, base: string): string {
  for (let n = 1; ; n++) {
    const name = path.join(folder, n === 1 ? base : `${base}.${n}`);
    if (fs.lstatSync(name, { throwIfNoEntry: false }) === undefined && !fs.existsSync(`${name}.reason.txt`))
      return name;
  }
}

function move(from: string, to: string): void {
  try {
    fs.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error;
    // Another file system: the copy has its name only when it is whole.
    const part = `${to}.part`;
    try {
      fs.copyFileSync(from, part, fs.constants.COPYFILE_EXCL);
      fs.renameSync(part, to);
      fs.unlinkSync(from);
    } catch (failure) {
      fs.rmSync(part, { force: true });
      throw failure;
    }
  }
}
