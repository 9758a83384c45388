import * as path from 'node:path';
import type { Command } from 'commander';
import { EXIT, safeText, UserError } from '../../core/index.ts';
import { LIVE_PREFIX, liveInterfaces, makeOutputFolder, openLive, parseBytes, parseDuration } from '../../io/index.ts';
import { type Analysis, type AnalyzeOptions, analyzeLive, windowEnd } from '../../pipeline/index.ts';
import { note } from '../terminal.ts';

/** The flags of `analyze` that say how interfaces are captured. */
export interface LiveFlags {
  readonly live?: string[];
  readonly duration?: number;
  readonly window?: number;
  readonly captureFilter?: string;
  readonly captureProgram?: string;
  readonly snaplen?: number;
  readonly quiet?: boolean;
}

/** Declares them. */
export function addLiveOptions(command: Command): Command {
  return command
    .option(
      '--live <interface>',
      'analyse what crosses an interface until Ctrl-C; several by repeating it',
      (value: string, before: string[] | undefined) => [
        ...(before ?? []),
        ...value.split(',').filter((one) => one !== ''),
      ],
    )
    .option(
      '--duration <time>',
      'with --live and other inputs without an end: end after this time, as in 90s, 15m, 1h',
      (given) => parseDuration('--duration', given),
    )
    .option(
      '--window <time>',
      'with these: a report for every window of this length, each in a folder of its own',
      (given) => parseDuration('--window', given),
    )
    .option('--capture-filter <bpf>', "with --live: capture only what matches, as in 'not port 22' (man pcap-filter)")
    .option('--snaplen <bytes>', 'with --live: keep so much of each packet (default: all of it)', (given) =>
      Math.min(parseBytes('--snaplen', given), 262_144),
    )
    .option('--capture-program <path>', 'with --live: the tcpdump or dumpcap to use');
}

/** The interfaces to analyse, from --live and from inputs like live:eth0; undefined when files are asked for. Throws UserError when both are. */
export function askedInterfaces(inputs: readonly string[], flags: LiveFlags, streams: boolean): string[] | undefined {
  const named = inputs.flatMap((input) => liveInterfaces(input) ?? []);
  const files = inputs.filter((input) => !input.startsWith(LIVE_PREFIX));
  const interfaces = [...(flags.live ?? []), ...named];
  if (interfaces.length === 0) {
    const untimed = streams
      ? undefined
      : Object.entries({ '--duration': flags.duration, '--window': flags.window }).find(
          ([, value]) => value !== undefined,
        );
    if (untimed !== undefined)
      throw new UserError(
        `${untimed[0]} goes with inputs without an end alone: --live and addresses`,
        `for example anomalyst analyze --live eth0 ${untimed[0]} ...; anomalyst formats lists the addresses`,
      );
    const stray = Object.entries({
      '--capture-filter': flags.captureFilter,
      '--snaplen': flags.snaplen,
      '--capture-program': flags.captureProgram,
    }).find(([, value]) => value !== undefined);
    if (stray !== undefined)
      throw new UserError(
        `${stray[0]} goes with --live alone`,
        `for example anomalyst analyze --live eth0 ${stray[0]} ...`,
      );
    return undefined;
  }
  if (files.length > 0)
    throw new UserError(
      `${safeText(files[0] ?? '')}: files and interfaces are not analysed together`,
      'run anomalyst analyze once for each',
    );
  return interfaces;
}

/** One analysis with its report: what `analyze` does for files, with the part that reads them handed in. Returns the exit code. */
export type RunOnce = (
  folder: string,
  run: (options: Omit<AnalyzeOptions, 'inputs'>) => Promise<Analysis>,
) => Promise<number>;

/**
 * Analyses interfaces until the signal, into one report or one for each window. Returns the exit code: findings in any window count.
 */
export async function runLive(
  interfaces: readonly string[],
  flags: LiveFlags,
  out: string,
  signal: AbortSignal,
  once: RunOnce,
): Promise<number> {
  const { duration, window: windowMs, captureFilter, captureProgram, snaplen } = flags;
  const tell = (text: string): void => {
    if (flags.quiet !== true) note(safeText(text, 1000));
  };
  const live = await openLive({
    interfaces,
    onNote: tell,
    ...(duration === undefined ? {} : { durationMs: duration }),
    ...(captureFilter === undefined ? {} : { filter: captureFilter }),
    ...(captureProgram === undefined ? {} : { program: captureProgram }),
    ...(snaplen === undefined ? {} : { snapLength: snaplen }),
  });
  // Between two windows nobody reads who would pass the signal on.
  const onAbort = (): void => void live.stop();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    tell(`capturing ${interfaces.join(', ')}; Ctrl-C ends it and writes the report`);
    // The signal goes to the capture alone: what that holds is analysed to its end, in as many windows as it takes.
    const analyzeUntil = (folder: string, endMs?: number): Promise<number> =>
      once(folder, ({ signal: _passedOn, ...options }) =>
        analyzeLive(live, { ...options, ...(endMs === undefined ? {} : { endMs }) }),
      );
    if (windowMs === undefined) return await analyzeUntil(out);
    let worst: number = EXIT.done;
    let endMs = windowEnd(Date.now(), windowMs);
    for (;;) {
      const folder = path.join(out, windowName(endMs - windowMs));
      makeOutputFolder(folder);
      worst = Math.max(worst, await analyzeUntil(folder, endMs));
      if (live.ended) return worst;
      // After a long analysis, or a suspended machine, windows without packets are left out.
      endMs = Math.max(endMs + windowMs, windowEnd(live.headMs() ?? Date.now(), windowMs));
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    live.close();
  }
}

/** '20261121T120500Z', the time at which a window begins. */
export function windowName(beginMs: number): string {
  return `${new Date(beginMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}
