import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { safeText, UserError } from '../../core/index.ts';
import { describeFileError } from '../source/input.ts';
import type { InterfaceStatistics } from './interface-capture.ts';
import { writeAtomically } from './ring.ts';

/** What a running capture says of itself, beside its files, about once a second. */
export interface CaptureState {
  readonly version: 1;
  readonly pid: number;
  /** Tells this process from a later one with the same number; see `processIdentity`. */
  readonly identity: string;
  readonly phase: 'starting' | 'capturing' | 'stopping' | 'stopped' | 'failed';
  /** Why it failed. */
  readonly message?: string;
  /** Epoch ms of the start, of this state, and of the end. */
  readonly startedMs: number;
  readonly updatedMs: number;
  readonly stoppedMs?: number;
  readonly folder: string;
  readonly filter: string;
  readonly snapLength: number;
  readonly interfaces: readonly InterfaceStatistics[];
  /** The capture programs that run, so that one left over by a crash can be ended. */
  readonly programs: readonly { readonly pid: number; readonly identity: string }[];
  /** Finished files of the ring, and the bytes of all. */
  readonly files: number;
  readonly fileBytes: number;
  readonly deletedFiles: number;
  readonly repairedFiles: number;
}

export const CAPTURE_STATE = 'capture.json';
const CAPTURE_LOCK = 'capture.lock';

/**
 * What tells a process from any other that ever had its number on this machine: on Linux the boot and the tick in which it began, elsewhere the time of its start.
 * Undefined when there is no such process, or only its remains (a zombie).
 */
export function processIdentity(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (process.platform === 'linux') {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
      // proc(5): the name in parentheses may hold anything, so the fields are counted from its end: state is the first, start time the twentieth.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
      return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}:${fields[19]}`;
    } catch {
      return undefined;
    }
  }
  try {
    const text = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: 2000,
    }).trim();
    return text === '' || text.startsWith('Z') ? undefined : text.replace(/^\S+\s+/, '');
  } catch {
    return undefined;
  }
}

export function isAlive(process: { readonly pid: number; readonly identity: string }): boolean {
  return processIdentity(process.pid) === process.identity;
}

/** The state of the capture of a folder, and whether it runs; undefined when there never was one. Throws UserError when the file can't be read. */
export function readCaptureState(
  folder: string,
): { readonly state: CaptureState; readonly running: boolean } | undefined {
  const file = path.join(folder, CAPTURE_STATE);
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw describeFileError(error, file, 'read');
  }
  const state = parseState(text);
  if (state === undefined)
    throw new UserError(
      `${file} is no state of a capture that this version understands`,
      'delete it if no capture runs',
    );
  const over = state.phase === 'stopped' || state.phase === 'failed';
  return { state, running: !over && isAlive(state) };
}

function parseState(text: string): CaptureState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const state = value as Partial<CaptureState>;
  const whole =
    state.version === 1 &&
    Number.isInteger(state.pid) &&
    typeof state.identity === 'string' &&
    typeof state.phase === 'string' &&
    Array.isArray(state.interfaces) &&
    Array.isArray(state.programs) &&
    [state.startedMs, state.updatedMs, state.files, state.fileBytes].every((n) => Number.isFinite(n));
  return whole ? (state as CaptureState) : undefined;
}

export function writeCaptureState(state: CaptureState): void {
  writeAtomically(path.join(state.folder, CAPTURE_STATE), JSON.stringify(state));
}

/**
 * Takes a folder for this process; a lock whose process is gone is taken over. Returns what gives it back. Throws UserError when a capture runs there.
 */
export function lockCaptureFolder(folder: string): () => void {
  const lock = path.join(folder, CAPTURE_LOCK);
  const own = JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid) ?? '' });
  const mine = `${lock}.${process.pid}`;
  try {
    fs.writeFileSync(mine, own);
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        // A link is there whole or not at all, so nobody reads a lock that is half written.
        fs.linkSync(mine, lock);
        fs.rmSync(mine);
        return () => {
          if (readText(lock) === own) fs.rmSync(lock, { force: true });
        };
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      const held = readText(lock);
      const holder = held === undefined ? undefined : parseHolder(held);
      if (holder !== undefined && isAlive(holder)) {
        fs.rmSync(mine, { force: true });
        throw new UserError(
          `a capture (process ${holder.pid}) already writes into ${folder}`,
          `end it with: anomalyst capture stop --out ${folder}; or choose another folder with --out`,
        );
      }
      // Moved away and looked at again: another process may have taken it over in between, and then it is put back.
      const aside = `${mine}.stale`;
      fs.rmSync(aside, { force: true });
      try {
        fs.renameSync(lock, aside);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
        throw error;
      }
      if (readText(aside) !== held && !fs.existsSync(lock)) fs.linkSync(aside, lock);
      fs.rmSync(aside, { force: true });
    }
  } catch (error) {
    fs.rmSync(mine, { force: true });
    throw error instanceof UserError ? error : describeFileError(error, lock, 'write');
  }
  throw new UserError(
    `${lock} is being fought over by other processes`,
    'try again, or choose another folder with --out',
  );
}

function readText(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function parseHolder(text: string): { pid: number; identity: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, identity } = value as { pid?: unknown; identity?: unknown };
    return typeof pid === 'number' && typeof identity === 'string' ? { pid, identity } : undefined;
  } catch {
    return undefined;
  }
}

/** Where this user's captures are noted, so that `status` and `stop` find them from any folder. */
export function registryFolder(env: NodeJS.ProcessEnv = process.env): string {
  const home = env.XDG_STATE_HOME;
  const base = home !== undefined && path.isAbsolute(home) ? home : path.join(os.homedir(), '.local', 'state');
  return path.join(base, 'anomalyst', 'capture');
}

/** Notes a capture folder. A convenience only: where the note can't be written, --out still finds the capture. */
export function registerCapture(folder: string, registry = registryFolder()): void {
  try {
    fs.mkdirSync(registry, { recursive: true, mode: 0o700 });
    const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
    fs.writeFileSync(path.join(registry, name), folder, { mode: 0o600 });
  } catch {
    return;
  }
}

/** Folders noted by `registerCapture` whose capture runs; notes of others are removed. */
export function runningCaptures(registry = registryFolder()): string[] {
  let names: string[];
  try {
    names = fs.readdirSync(registry).slice(0, 1000);
  } catch {
    return [];
  }
  const running: string[] = [];
  for (const name of names) {
    const note = path.join(registry, name);
    const folder = readText(note);
    let alive = false;
    try {
      alive = folder !== undefined && path.isAbsolute(folder) && readCaptureState(folder)?.running === true;
    } catch {
      // A folder that is gone or unreadable holds no capture that could be shown.
    }
    if (alive && folder !== undefined) running.push(folder);
    else fs.rmSync(note, { force: true });
  }
  return running.sort();
}

/** Asks a capture to end and waits until it has. Returns its last state. Throws UserError when none runs there or it does not end. */
export async function stopCapture(folder: string, waitMs = 15_000): Promise<CaptureState> {
  const found = readCaptureState(folder);
  if (found === undefined)
    throw new UserError(
      `${safeText(folder)} holds no capture`,
      'give the folder of the capture with --out; anomalyst capture status shows those that run',
    );
  const { state, running } = found;
  if (!running)
    throw new UserError(
      state.phase === 'stopped' || state.phase === 'failed'
        ? `the capture of ${safeText(folder)} has ended already`
        : `the capture of ${safeText(folder)} (process ${state.pid}) died without ending its files`,
      'the next capture into this folder makes them whole',
    );
  try {
    process.kill(state.pid, 'SIGINT');
  } catch {
    throw new UserError(`process ${state.pid} may not be signalled by this user`, `try: sudo kill -INT ${state.pid}`);
  }
  const until = performance.now() + waitMs;
  while (performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    const now = readCaptureState(folder);
    if (now !== undefined && !now.running && !isAlive(state)) return now.state;
  }
  throw new UserError(
    `the capture (process ${state.pid}) did not end within ${Math.round(waitMs / 1000)} s`,
    `kill -9 ${state.pid} ends it; the next capture into this folder makes its files whole`,
  );
}
