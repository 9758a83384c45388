import * as path from 'node:path';
import { counted, EXIT, safeText, UserError } from '../../core/index.ts';
import { FLOW_SCHEMA } from '../../flow/index.ts';
import {
  DeadLetterFile,
  isAddressInput,
  makeOutputFolder,
  openAddress,
  SourceWindows,
  type TableSource,
  watchFolder,
} from '../../io/index.ts';
import { windowEnd } from '../../pipeline/index.ts';
import { OddityCounter } from '../../wire/index.ts';
import { note } from '../terminal.ts';
import { windowName } from './analyze-live.ts';

/** Inputs of `analyze` that are no files: collectors, streams, listeners, search engines, and folders that are watched. */

export const WATCH_PREFIX = 'watch:';

/** The one address among the inputs; undefined where there is none. Throws UserError where it stands beside others. */
export function askedAddress(inputs: readonly string[]): string | undefined {
  const asked = inputs.find((input) => isAddressInput(input) || input.startsWith(WATCH_PREFIX));
  if (asked !== undefined && inputs.length > 1)
    throw new UserError(
      `${safeText(asked, 100)}: it is analysed by itself`,
      'run anomalyst analyze once for it and once for the others',
    );
  return asked;
}

/** What of a stream could not be taken. */
const DEAD_LETTERS = 'dead-letter.ndjson';

export interface StreamRun {
  readonly out: string;
  readonly signal: AbortSignal;
  readonly durationMs?: number | undefined;
  readonly windowMs?: number | undefined;
  readonly quiet: boolean;
  readonly records: boolean;
  /** One analysis with its report. Returns the exit code. */
  readonly analyze: (folder: string, name: string, rows: TableSource, flows: boolean) => Promise<number>;
}

/** Analyses what comes from an address until its end, the duration's or the signal's, into one report or one for each window. Findings in any window count. */
export async function runStream(address: string, run: StreamRun): Promise<number> {
  const { out, signal, durationMs, windowMs } = run;
  const tell = (text: string): void => {
    if (!run.quiet) note(safeText(text, 1000));
  };
  // The time runs from here: a listener's source opens only when its first records are there, and none may come.
  const ended = new AbortController();
  const end = (): void => ended.abort();
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  const timer = durationMs === undefined ? undefined : setTimeout(end, durationMs);
  const stopListening = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  };
  const deadLetter = new DeadLetterFile(path.join(out, DEAD_LETTERS));
  const source = await openAddress(address, {
    oddities: new OddityCounter(),
    signal: ended.signal,
    onNote: tell,
    as: run.records ? 'records' : 'flows',
    deadLetter,
  }).catch((error: unknown) => {
    stopListening();
    deadLetter.close();
    throw error;
  });
  const endless = source.stop !== undefined;
  const stop = (): void => void source.stop?.();
  if (ended.signal.aborted) stop();
  ended.signal.addEventListener('abort', stop, { once: true });
  const flows = source.schema === FLOW_SCHEMA;
  try {
    if (endless && durationMs === undefined) tell('Ctrl-C ends it and writes the report');
    if (windowMs === undefined) return await run.analyze(out, source.name, source, flows);
    const windows = new SourceWindows(source);
    let worst: number = EXIT.done;
    let endMs = windowEnd(Date.now(), windowMs);
    for (;;) {
      const folder = path.join(out, windowName(endMs - windowMs));
      makeOutputFolder(folder);
      worst = Math.max(worst, await run.analyze(folder, source.name, windows.until(endMs), flows));
      if (windows.ended) return worst;
      endMs = Math.max(endMs + windowMs, windowEnd(Date.now(), windowMs));
    }
  } finally {
    stopListening();
    ended.signal.removeEventListener('abort', stop);
    source.close();
    deadLetter.close();
    if (deadLetter.written > 0)
      tell(`${counted(deadLetter.written, 'record')} could not be taken: ${path.join(out, DEAD_LETTERS)}`);
  }
}

export interface WatchRun {
  readonly out: string;
  readonly signal: AbortSignal;
  readonly durationMs?: number | undefined;
  readonly quiet: boolean;
  /** One analysis with its report. Returns the exit code; throws UserError where the file can't be analysed. */
  readonly analyze: (folder: string, file: string) => Promise<number>;
}

/**
 * Analyses each finished file of a folder once, into a folder of its own below `out`, and goes on until the signal or the duration. Which files were taken is remembered in `out`; what fails again and again
 * is moved to its folder `failed`.
 */
export async function runWatch(input: string, run: WatchRun): Promise<number> {
  const { out, signal, durationMs } = run;
  const folder = input.slice(WATCH_PREFIX.length);
  if (folder === '') throw new UserError('watch: without a folder', 'for example anomalyst analyze watch:captures/');
  const tell = (text: string): void => {
    if (!run.quiet) note(safeText(text, 1000));
  };
  const ended = new AbortController();
  const end = (): void => ended.abort();
  signal.addEventListener('abort', end, { once: true });
  const timer = durationMs === undefined ? undefined : setTimeout(end, durationMs);
  const watch = watchFolder({
    folder,
    stateFile: path.join(out, 'watched.json'),
    failedFolder: path.join(out, 'failed'),
    signal: ended.signal,
    onNote: tell,
  });
  let worst: number = EXIT.done;
  try {
    tell(`watching ${folder}; Ctrl-C ends it`);
    for await (const file of watch) {
      const name = path.basename(file).replace(/[^\w.-]/g, '_');
      const into = path.join(out, name);
      makeOutputFolder(into);
      try {
        worst = Math.max(worst, await run.analyze(into, file));
        await watch.done(file);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        await watch.failed(file, error.message);
      }
    }
    return worst;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
