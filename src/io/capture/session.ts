import * as fs from 'node:fs';
import * as path from 'node:path';
import { counted, humanBytes, UserError } from '../../core/index.ts';
import { makeOutputFolder } from '../sink/file.ts';
import { describeFileError } from '../source/input.ts';
import { chooseInterfaces, listInterfaces, ownMacs } from './interface.ts';
import { type CaptureTiming, InterfaceCapture, type InterfaceStatistics } from './interface-capture.ts';
import { findCapturePrograms } from './program.ts';
import { CaptureRing, checkRingPattern, type RingOptions } from './ring.ts';
import { judgeVisibility } from './span.ts';
import {
  type CaptureState,
  isAlive,
  lockCaptureFolder,
  processIdentity,
  readCaptureState,
  registerCapture,
  writeCaptureState,
} from './state.ts';

/** A capture into a ring of files. */
export interface CaptureOptions {
  readonly interfaces: readonly string[];
  readonly ring: RingOptions;
  /** BPF; '' for none. */
  readonly filter?: string;
  /** Bytes kept of each packet; 0, the default, is all of it. */
  readonly snapLength?: number;
  /** The kernel's ring for each interface, KiB; 65,536 by default. */
  readonly bufferKib?: number;
  /** False leaves the interface as it is, so that it delivers only what is for this machine. Default true. */
  readonly promiscuous?: boolean;
  /** Ends the capture by itself. */
  readonly durationMs?: number;
  readonly count?: number;
  /** Path or name of a tcpdump or dumpcap. */
  readonly program?: string;
  /** Ends the capture; all that was seen until then is kept. */
  readonly signal?: AbortSignal;
  /** Something to tell the operator, one sentence. */
  readonly onNote?: (text: string) => void;
  /** The state, when all interfaces capture and then about once a second. */
  readonly onState?: (state: CaptureState) => void;
  readonly timing?: Partial<CaptureTiming>;
}

export const DEFAULT_BUFFER_KIB = 65_536;
const TICK_MS = 1000;
/** The least a file may hold, so that a small quota still makes a ring. */
const LEAST_ROTATE_BYTES = 65_536;

/**
 * Captures interfaces into a ring of files until it is told to stop, has run its time or has its packets, and returns the last state. The folder belongs to one capture at a time; what an
 * earlier one left open is made whole first. Throws UserError when it can't begin, or when the disk fails (what was captured until then is kept).
 */
export async function runCapture(options: CaptureOptions): Promise<CaptureState> {
  const { filter = '', snapLength = 0, bufferKib = DEFAULT_BUFFER_KIB, promiscuous = true, signal } = options;
  const note = options.onNote ?? ((): void => undefined);
  const folder = path.resolve(options.ring.folder);
  const programs = findCapturePrograms(options.program);
  const present = await listInterfaces(programs[0]?.path);
  const chosen = chooseInterfaces(options.interfaces, present);
  checkRingPattern(options.ring.pattern, chosen.length);
  makeOutputFolder(folder);
  const unlock = lockCaptureFolder(folder);
  try {
    const left = readLeftovers(folder);
    for (const program of left?.programs ?? []) {
      if (!isAlive(program) || !writesToPipe(program.pid)) continue;
      process.kill(program.pid, 'SIGINT');
      note(`ended the capture program (process ${program.pid}) that an earlier capture left behind`);
    }
    const ring = new CaptureRing({ ...boundedByQuota(options.ring, chosen.length, note), folder }, note);
    const own = ownMacs(present);
    let wanted = options.count ?? Number.POSITIVE_INFINITY;
    let enough: () => void = () => undefined;
    const hasEnough = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const captures = chosen.map(({ name }) => {
      const writer = ring.writer(name);
      return new InterfaceCapture(
        {
          interface: name,
          filter,
          snapLength,
          bufferKib,
          promiscuous,
          programs,
          ownMacs: own,
          onNote: note,
          ...(options.timing === undefined ? {} : { timing: options.timing }),
        },
        {
          header: (bytes, header) => writer.header(bytes, header),
          record(bytes, at, end, seconds, nanoseconds, wireLength) {
            if (wanted <= 0) return false;
            wanted--;
            if (wanted === 0) enough();
            return writer.record(bytes, at, end, seconds, nanoseconds, wireLength);
          },
          ready: () => writer.ready(),
        },
      );
    });

    let phase: CaptureState['phase'] = 'capturing';
    const identity = processIdentity(process.pid) ?? '';
    const startedMs = Date.now();
    const describe = (phase: CaptureState['phase'], message?: string): CaptureState => ({
      version: 1,
      pid: process.pid,
      identity,
      phase,
      ...(message === undefined ? {} : { message }),
      startedMs,
      updatedMs: Date.now(),
      ...(phase === 'stopped' || phase === 'failed' ? { stoppedMs: Date.now() } : {}),
      folder,
      filter,
      snapLength,
      interfaces: captures.map((capture) => capture.statistics()),
      programs: captures.flatMap((capture) => {
        const { pid } = capture.statistics();
        const born = pid === undefined ? undefined : processIdentity(pid);
        return pid === undefined || born === undefined ? [] : [{ pid, identity: born }];
      }),
      files: ring.files.length,
      fileBytes: ring.bytes,
      deletedFiles: ring.deleted.files,
      repairedFiles: ring.repaired.length,
    });
    const save = (state: CaptureState): CaptureState => {
      writeCaptureState(state);
      return state;
    };
    const tell = (): void => {
      const state = save(describe(phase));
      options.onState?.(state);
    };

    save(describe('starting'));
    const timers: NodeJS.Timeout[] = [];
    try {
      const stopAsked = aborted(signal);
      await Promise.race([Promise.all(captures.map((capture) => capture.start())), stopAsked]);
      registerCapture(folder);
      tell();
      const told = new Set<string>();
      timers.push(
        setInterval(() => {
          for (const capture of captures) tellVisibility(capture.statistics(), present, told, note);
          try {
            ring.tick(Date.now());
            tell();
          } catch (error) {
            // The state is for others to look at; packets that can't be written end the capture, and are told where they are written.
            const { message } = describeFileError(error, folder, 'write');
            if (!told.has(message)) note(message);
            told.add(message);
          }
        }, TICK_MS),
      );
      const over: Promise<unknown>[] = [hasEnough, stopAsked, Promise.all(captures.map((c) => c.finished))];
      if (options.durationMs !== undefined) over.push(elapsed(options.durationMs, timers));
      await Promise.race(over);
      phase = 'stopping';
      save(describe(phase));
      await Promise.all(captures.map((capture) => capture.stop(wanted <= 0)));
      // A sink that failed while stopping is told here.
      await Promise.all(captures.map((capture) => capture.finished));
      await ring.close(signal?.aborted !== true);
      return save(describe('stopped'));
    } catch (error) {
      await Promise.all(captures.map((capture) => capture.stop(true)));
      // The first failure is the one to tell; closing a disk that failed fails again.
      await ring.close(false).catch(() => undefined);
      const message = error instanceof Error ? error.message : String(error);
      try {
        save(describe('failed', message));
      } catch {
        // A full disk: the state that stands there says "capturing" of a process that is gone, and status reads it so.
      }
      throw error;
    } finally {
      for (const timer of timers) clearInterval(timer);
    }
  } finally {
    unlock();
  }
}

/** Whether a process is a capture program as we start them: the state is a file in a folder, and not everything in it may be ended on its word. */
function writesToPipe(pid: number): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('\0-w\0-\0');
  } catch {
    return false;
  }
}

function readLeftovers(folder: string): CaptureState | undefined {
  try {
    return readCaptureState(folder)?.state;
  } catch (error) {
    // A state that can't be read names no process; it is about to be replaced.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** A ring needs a few files to turn: with a quota below four files for each interface the files become smaller. */
function boundedByQuota(ring: RingOptions, interfaces: number, note: (text: string) => void): RingOptions {
  if (ring.quotaBytes === undefined) return ring;
  const most = Math.max(LEAST_ROTATE_BYTES, Math.floor(ring.quotaBytes / (4 * interfaces)));
  if (ring.rotateBytes <= most) return ring;
  note(
    `files are closed at ${humanBytes(most)}, so that ${humanBytes(ring.quotaBytes)} hold at least four for each of ${counted(interfaces, 'interface')}`,
  );
  return { ...ring, rotateBytes: most };
}

function tellVisibility(
  statistics: InterfaceStatistics,
  present: readonly { readonly name: string; readonly kind: string }[],
  told: Set<string>,
  note: (text: string) => void,
): void {
  const { interface: name, unicast, foreignUnicast } = statistics;
  const kind = present.find((entry) => entry.name === name)?.kind;
  if (told.has(name) || kind !== 'ethernet') return;
  const { state, sentence } = judgeVisibility(name, { unicast, foreign: foreignUnicast });
  if (state === 'unknown') return;
  told.add(name);
  if (state === 'own-only') note(sentence);
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal === undefined) return;
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Longest wait that a timer of Node.js can hold, 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function elapsed(ms: number, timers: NodeJS.Timeout[]): Promise<void> {
  const until = performance.now() + ms;
  return new Promise((resolve) => {
    const wait = (): void => {
      const left = until - performance.now();
      if (left <= 0) resolve();
      else timers.push(setTimeout(wait, Math.min(left, LONGEST_TIMER_MS)));
    };
    wait();
  });
}
