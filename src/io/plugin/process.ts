import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as nodeModule from 'node:module';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { moduleFile, safeText, UserError } from '../../core/index.ts';
import { AnswerError, encodeFrame, type Frame, FrameReader, failureOf } from '../../plugin/index.ts';
import { describeFileError } from '../source/input.ts';

/** Why a plugin can't go on, in words that follow its name: 'did not answer within 2 s'. */
export class PluginFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PluginFailure';
  }
}

export interface ProcessOptions {
  /** Files of the plugin by their paths in it. They are written into a folder of their own: what runs is what was looked at. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly main: string;
  /** Folders, absolute, that may be read and written, and 'host:port' that may be called. */
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  readonly hosts: readonly string[];
  /** For each answer. */
  readonly timeoutMs: number;
  /** For the start. */
  readonly startTimeoutMs: number;
  /** Of V8's heap; where the system tells how much a process has, of all of it beyond what an empty one takes. */
  readonly memoryMb: number;
  /** What the module must have: kind and name. */
  readonly wanted: readonly (readonly [string, string])[];
}

/** What an empty process takes by itself, and how often it is looked at. */
const EMPTY_MB = 120;
const WATCH_MS = 50;
/** The end of what a plugin printed, for the message about its end. */
const KEPT_PRINT = 2048;

const RUNNER = fileURLToPath(moduleFile(import.meta.url, 'io/plugin', 'runner'));

/** The reason why this Node can't confine a process; undefined where it can. */
export function confinementFault(
  flags: ReadonlySet<string> = process.allowedNodeEnvironmentFlags,
  hooks: unknown = nodeModule.registerHooks,
): string | undefined {
  if (!flags.has('--permission')) return `Node.js ${process.version} has no --permission`;
  return typeof hooks === 'function' ? undefined : `Node.js ${process.version} has no module hooks (22.15 has them)`;
}

const OPEN = new Set<PluginProcess>();

/** A process that is left at once takes its plugins with it. */
function watchExit(one: PluginProcess): void {
  if (!watching)
    process.once('exit', () => {
      for (const left of OPEN) left.abandon();
    });
  watching = true;
  OPEN.add(one);
}

let watching = false;

interface Waiting {
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: PluginFailure) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * The process of one plugin: a Node of its own under `--permission`, with an empty environment, in an empty folder, that reads its own files alone. It is
 * killed when it takes longer than its time or more than its memory, when it answers what is no message, and when it is closed. Then every question
 * rejects with the same PluginFailure.
 */
export class PluginProcess {
  #child: ChildProcess | undefined;
  #scratch: string | undefined;
  #reader = new FrameReader();
  #waiting = new Map<number, Waiting>();
  #next = 1;
  #failure: PluginFailure | undefined;
  #printed = '';
  #watch: NodeJS.Timeout | undefined;
  #gone: Promise<void> = Promise.resolve();
  #options: ProcessOptions;
  #closing = false;

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  get failure(): PluginFailure | undefined {
    return this.#failure;
  }

  /** Starts the process and loads the plugin. Rejects with PluginFailure, and with UserError where this Node can't confine a process. */
  async start(): Promise<void> {
    const fault = confinementFault();
    if (fault !== undefined)
      throw new UserError(`plugins can't be confined here: ${fault}`, 'use Node.js 24, or run without plugins');
    const { files, main, readable, writable, hosts, memoryMb, wanted } = this.#options;
    const { folder, empty } = this.#lay(files);
    const flags = process.allowedNodeEnvironmentFlags;
    const child = spawn(
      process.execPath,
      [
        '--permission',
        `--allow-fs-read=${RUNNER}`,
        `--allow-fs-read=${folder}${path.sep}*`,
        ...readable.map((one) => `--allow-fs-read=${one}${path.sep}*`),
        ...writable.map((one) => `--allow-fs-write=${one}${path.sep}*`),
        ...(hosts.length > 0 && flags.has('--allow-net') ? ['--allow-net'] : []),
        `--max-old-space-size=${memoryMb}`,
        '--disallow-code-generation-from-strings',
        '--disable-proto=delete',
        '--no-warnings',
        RUNNER,
        '--plugin',
      ],
      { env: {}, cwd: empty, stdio: ['pipe', 'pipe', 'pipe', 'pipe'], windowsHide: true },
    );
    this.#child = child;
    watchExit(this);
    this.#gone = new Promise((resolve) => {
      child.on('exit', () => resolve());
      child.on('error', () => resolve());
    });
    child.on('error', (error) => this.#fail(`could not be started: ${error.message}`));
    // 'close' comes after all that it wrote was read.
    child.on('close', (code, signal) => this.#fail(this.#endOf(code, signal)));
    child.stdin?.on('error', () => undefined);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        this.#printed = (this.#printed + bytes.toString('latin1')).slice(-KEPT_PRINT);
      });
      stream?.on('error', () => undefined);
    }
    const answers = child.stdio[3] as Duplex;
    answers.on('error', () => undefined);
    answers.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#watchMemory(child);
    await this.ask({
      op: 'load',
      folder,
      main: path.join(folder, ...main.split('/')),
      hosts,
      files: readable.length + writable.length > 0,
      wanted,
    });
  }

  /** Writes the plugin into a folder of its own. */
  #lay(files: ReadonlyMap<string, Uint8Array>): { readonly folder: string; readonly empty: string } {
    try {
      // The real path: Node compares it with those that it is asked for.
      const scratch = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'anomalyst-plugin-')));
      this.#scratch = scratch;
      const folder = path.join(scratch, 'plugin');
      const empty = path.join(scratch, 'empty');
      fs.mkdirSync(empty);
      for (const [name, bytes] of files) {
        const file = path.join(folder, ...name.split('/'));
        fs.mkdirSync(path.dirname(file), { recursive: true });
        fs.writeFileSync(file, bytes, { mode: 0o400 });
      }
      return { folder, empty };
    } catch (error) {
      throw describeFileError(error, os.tmpdir(), 'write');
    }
  }

  /** Asks, and gives the answer. Rejects with PluginFailure when none comes in time, or one of failure. */
  ask(header: Readonly<Record<string, unknown>>, parts: readonly ArrayBufferView[] = []): Promise<Frame> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#next++;
    const bytes = encodeFrame({ ...header, id }, parts);
    const loading = header.op === 'load';
    const limitMs = loading ? this.#options.startTimeoutMs : this.#options.timeoutMs;
    return new Promise<Frame>((resolve, reject) => {
      const late = `did not answer within ${limitMs / 1000} s${loading ? ' of its start' : ''}`;
      const timer = setTimeout(() => this.#fail(late), limitMs);
      this.#waiting.set(id, { resolve, reject, timer });
      if (bytes === undefined) this.#fail('would have to be sent more than one message holds');
      else this.#child?.stdin?.write(bytes);
    }).then((frame) => {
      const failure = failureOf(frame);
      if (failure !== undefined) this.#fail(`failed: ${failure}`);
      if (this.#failure !== undefined) throw this.#failure;
      return frame;
    });
  }

  /** Takes an answer apart; what is wrong in it ends the plugin. */
  checked<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      this.#fail(`answered nonsense: ${error.message}`);
      throw this.#failure ?? error;
    }
  }

  /** Ends the process, and takes its folder away. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#fail('was closed');
    await this.#gone;
    OPEN.delete(this);
    this.#sweep();
  }

  /** Ends it where nobody can wait for that. */
  abandon(): void {
    this.#child?.kill('SIGKILL');
    this.#sweep();
  }

  #sweep(): void {
    if (this.#scratch !== undefined) fs.rmSync(this.#scratch, { recursive: true, force: true });
    this.#scratch = undefined;
  }

  #take(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    for (const frame of this.#reader.push(bytes)) {
      const { id } = frame.header;
      const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined;
      if (typeof id !== 'number' || waiting === undefined) {
        this.#fail('answered what it was not asked');
        return;
      }
      this.#waiting.delete(id);
      clearTimeout(waiting.timer);
      waiting.resolve(frame);
    }
    if (this.#reader.fault !== undefined) this.#fail(`answered nonsense: ${this.#reader.fault}`);
  }

  #fail(reason: string): void {
    if (this.#failure === undefined) {
      this.#failure = new PluginFailure(reason);
      for (const { reject, timer } of this.#waiting.values()) {
        clearTimeout(timer);
        reject(this.#failure);
      }
      this.#waiting.clear();
    }
    clearInterval(this.#watch);
    this.#child?.kill('SIGKILL');
  }

  #endOf(code: number | null, signal: NodeJS.Signals | null): string {
    if (this.#closing) return 'was closed';
    // V8 writes this before it aborts.
    if (/heap out of memory|Allocation failed|OOM/.test(this.#printed))
      return `took more than ${this.#options.memoryMb} MB of memory`;
    const said = this.#printed.trim().split('\n').at(-1) ?? '';
    return `ended by itself (${signal ?? `code ${code}`})${said === '' ? '' : `: ${safeText(said, 200)}`}`;
  }

  /** V8's limit is for its heap alone, and not for the large arrays beside it. */
  #watchMemory(child: ChildProcess): void {
    if (process.platform !== 'linux' || child.pid === undefined) return;
    const file = `/proc/${child.pid}/status`;
    const mostKb = (this.#options.memoryMb + EMPTY_MB) * 1024;
    this.#watch = setInterval(() => {
      let kb: number;
      try {
        kb = Number(/^VmRSS:\s*(\d+) kB/m.exec(fs.readFileSync(file, 'latin1'))?.[1]);
      } catch {
        // It has just ended, and 'close' says how.
        return;
      }
      if (kb > mostKb) this.#fail(`took more than ${this.#options.memoryMb} MB of memory`);
    }, WATCH_MS);
    this.#watch.unref();
  }
}
