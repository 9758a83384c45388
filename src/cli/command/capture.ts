import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Command, Option } from 'commander';
import {
  counted,
  EXIT,
  humanBytes,
  humanCount,
  humanDuration,
  isoTime,
  safeText,
  UserError,
} from '../../core/index.ts';
import {
  type CaptureInterface,
  type CaptureState,
  DEFAULT_BUFFER_KIB,
  DEFAULT_RING_PATTERN,
  defaultInterface,
  droppedPackets,
  findCapturePrograms,
  type InterfaceStatistics,
  isAlive,
  judgeVisibility,
  listInterfaces,
  makeOutputFolder,
  parseBytes,
  parseDuration,
  readCaptureState,
  runCapture,
  runningCaptures,
  stopCapture,
} from '../../io/index.ts';
import { note, print } from '../terminal.ts';

interface CaptureFlags {
  readonly interface?: string[];
  readonly filter?: string;
  readonly snaplen?: number;
  readonly buffer?: number;
  readonly promiscuous: boolean;
  readonly out: string;
  readonly name: string;
  readonly rotateSize: number;
  readonly rotateTime: number;
  readonly quota?: number;
  readonly keep?: number;
  readonly retention?: number;
  readonly compress: 'none' | 'gz' | 'zstd';
  readonly duration?: number;
  readonly count?: number;
  readonly detach?: boolean;
  readonly program?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const DEFAULT_OUT = 'anomalyst-capture';
const LOG_FILE = 'capture.log';
const INTERRUPTED = 130;

/** Declares `capture` and its `status`, `stop` and `list-interfaces`. */
export function addCaptureCommand(program: Command, done: (code: number) => void): void {
  const capture = program
    .command('capture')
    .summary('capture interfaces into a ring of files; start, status, stop')
    .description(
      'Captures network interfaces through tcpdump (or dumpcap) into a ring of pcap files. Only that program needs the right to capture, not anomalyst: see `anomalyst doctor`. Files carry their final name when they are whole, and the oldest go when the quota is used up.',
    )
    .enablePositionalOptions()
    .option('-i, --interface <name>', 'interface to capture, several by repeating it; on Linux also any', collect)
    .option('-f, --filter <bpf>', "capture only what matches, as in 'tcp port 443' (man pcap-filter)")
    .option('-s, --snaplen <bytes>', 'keep so much of each packet; 0 is all of it (default: 0)', snapLength)
    .option('-B, --buffer <size>', 'kernel buffer of each interface (default: 64MiB)', bytes('--buffer'))
    .option('-p, --no-promiscuous', 'leave the interface out of promiscuous mode')
    .option('-o, --out <folder>', `where the files go (default: ./${DEFAULT_OUT})`, text('--out'))
    .addOption(
      new Option(
        '--name <pattern>',
        'file names: %i interface, %Y %m %d %H %M %S or %s time of the first packet in UTC',
      ).default(DEFAULT_RING_PATTERN),
    )
    .addOption(
      new Option('--rotate-size <size>', 'begin a new file at this size')
        .default(100e6, '100MB')
        .argParser(bytes('--rotate-size')),
    )
    .addOption(
      new Option('--rotate-time <time>', 'begin a new file after this time')
        .default(900_000, '15m')
        .argParser(duration('--rotate-time')),
    )
    .addOption(
      new Option('--quota <size>', 'all files together stay below this; none for no limit')
        .default(10e9, '10GB')
        .argParser((given: string) => (given === 'none' ? Number.POSITIVE_INFINITY : parseBytes('--quota', given))),
    )
    .option('--keep <n>', 'keep the newest n files of each interface', positive('--keep'))
    .option('--retention <time>', 'delete files whose last packet is older', duration('--retention'))
    .addOption(
      new Option('--compress <how>', 'compress files when they are closed')
        .choices(['none', 'gz', 'zstd'])
        .default('none'),
    )
    .option('--duration <time>', 'end after this time', duration('--duration'))
    .option('-c, --count <n>', 'end after n packets', positive('--count'))
    .option('-d, --detach', 'go on in the background; see status and stop')
    .option('--program <path>', 'the tcpdump or dumpcap to use (also: ANOMALYST_CAPTURE_PROGRAM)')
    .option('--json', 'print the final state as JSON')
    .option('-q, --quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst capture -i eth0\n  anomalyst capture -i eth0 -i eth1 --out /var/lib/ring --quota 50GB --retention 30d --detach\n  anomalyst capture status\n  anomalyst capture stop\n  anomalyst analyze anomalyst-capture\n\nCtrl-C ends a capture in about a second, and everything that was seen until then is in the files.',
    )
    .action(async (given: Omit<CaptureFlags, 'out'> & { readonly out?: string }) => {
      const flags: CaptureFlags = { ...given, out: given.out ?? DEFAULT_OUT };
      done(flags.detach === true ? await detach(flags) : await capturing(flags));
    });

  capture
    .command('status')
    .summary('the captures that run, or the one of a folder')
    .argument('[folder]', 'the same as --out', text('folder'))
    .option('-o, --out <folder>', 'folder of the capture (default: all that run)', text('--out'))
    .option('--json', 'print as JSON')
    .action(async (folder: string | undefined, flags: { readonly out?: string; readonly json?: boolean }) => {
      await status({ ...flags, out: oneFolder(folder, flags.out) });
      done(EXIT.done);
    });

  capture
    .command('stop')
    .summary('end a capture, from any shell')
    .argument('[folder]', 'the same as --out', text('folder'))
    .option('-o, --out <folder>', 'folder of the capture (default: the one that runs)', text('--out'))
    .option('--json', 'print the final state as JSON')
    .action(async (given: string | undefined, flags: { readonly out?: string; readonly json?: boolean }) => {
      const folder = oneFolder(given, flags.out);
      const state = await stopCapture(folder === undefined ? onlyRunning() : path.resolve(folder));
      await print(flags.json === true ? `${JSON.stringify(state)}\n` : describeEnd(state));
      done(state.phase === 'failed' ? EXIT.yourMistake : EXIT.done);
    });

  capture
    .command('list-interfaces')
    .summary('the interfaces that can be captured')
    .option('--json', 'print as JSON')
    .action(async (flags: { readonly json?: boolean }) => {
      const interfaces = await listInterfaces(anyProgram());
      await print(flags.json === true ? `${JSON.stringify(interfaces)}\n` : describeInterfaces(interfaces));
      done(EXIT.done);
    });
}

/** The folder that was named, by itself or after --out. */
function oneFolder(argument: string | undefined, option: string | undefined): string | undefined {
  if (argument !== undefined && option !== undefined && path.resolve(argument) !== path.resolve(option))
    throw new UserError(`two folders are named: ${argument} and --out ${option}`, 'name one');
  return argument ?? option;
}

async function capturing(flags: CaptureFlags): Promise<number> {
  const abort = new AbortController();
  let askedAt = 0;
  const onSignal = (): void => {
    if (abort.signal.aborted) {
      // Some senders signal twice at once, to the process and to its group.
      if (performance.now() - askedAt > 500) process.exit(INTERRUPTED);
      return;
    }
    askedAt = performance.now();
    abort.abort();
    if (flags.quiet !== true)
      note(`${line.end()}ending: what is on its way is still written (Ctrl-C again to leave at once)`);
  };
  const line = new StateLine(flags.quiet !== true && process.stderr.isTTY === true);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  let greeted = false;
  try {
    const state = await runCapture({
      interfaces: flags.interface ?? [],
      ring: {
        folder: flags.out,
        pattern: flags.name,
        rotateBytes: flags.rotateSize,
        rotateMs: flags.rotateTime,
        quotaBytes: Number.isFinite(flags.quota) ? flags.quota : undefined,
        keep: flags.keep,
        retentionMs: flags.retention,
        compress: flags.compress,
      },
      filter: flags.filter ?? '',
      snapLength: flags.snaplen ?? 0,
      bufferKib: flags.buffer === undefined ? DEFAULT_BUFFER_KIB : Math.max(64, Math.round(flags.buffer / 1024)),
      promiscuous: flags.promiscuous,
      ...(flags.duration === undefined ? {} : { durationMs: flags.duration }),
      ...(flags.count === undefined ? {} : { count: flags.count }),
      ...(flags.program === undefined ? {} : { program: flags.program }),
      signal: abort.signal,
      onNote: (sentence) => {
        if (flags.quiet !== true) note(line.end() + safeText(sentence, 1000));
      },
      onState: (now) => {
        if (!greeted && flags.quiet !== true) {
          greeted = true;
          const names = now.interfaces.map((entry) => entry.interface).join(', ');
          note(`capturing ${names} into ${safeText(flags.out)} (process ${now.pid}); Ctrl-C ends it`);
        } else line.update(now);
      },
    });
    line.end();
    if (flags.json === true) await print(`${JSON.stringify(state)}\n`);
    else if (flags.quiet !== true) await print(describeEnd(state));
    return EXIT.done;
  } finally {
    line.end();
    for (const signal of signals) process.off(signal, onSignal);
  }
}

/** Starts the same command again without --detach in a session of its own, and waits until it captures or says why it can't. */
async function detach(flags: CaptureFlags): Promise<number> {
  const folder = path.resolve(flags.out);
  makeOutputFolder(folder);
  const log = path.join(folder, LOG_FILE);
  const fd = fs.openSync(log, 'a', 0o640);
  const from = fs.fstatSync(fd).size;
  const script = process.argv[1];
  if (script === undefined) throw new Error('this process has no script to start again');
  const args = withoutDetach(process.argv.slice(2));
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [...process.execArgv, script, ...args], {
      detached: true,
      stdio: ['ignore', fd, fd],
      env: { ...process.env, NO_COLOR: '1' },
    });
  } finally {
    fs.closeSync(fd);
  }
  let ended = false;
  const gone = new Promise<void>((resolve) => {
    for (const event of ['exit', 'error'] as const)
      child.once(event, () => {
        ended = true;
        resolve();
      });
  });
  for (;;) {
    await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 50))]);
    const found = ended ? undefined : readCaptureState(folder);
    if (found?.running === true && found.state.pid === child.pid && found.state.phase === 'capturing') {
      child.unref();
      if (flags.json === true) await print(`${JSON.stringify(found.state)}\n`);
      else if (flags.quiet !== true)
        await print(
          `capturing in the background (process ${child.pid}); messages go to ${safeText(log)}\nanomalyst capture status --out ${safeText(flags.out)}\nanomalyst capture stop --out ${safeText(flags.out)}\n`,
        );
      return EXIT.done;
    }
    if (!ended) continue;
    // It ran in a session of its own, so what it said is in the log.
    note(safeLines(fs.readFileSync(log).subarray(from).toString('utf8')));
    return child.exitCode ?? EXIT.ourFault;
  }
}

/** The arguments without -d and --detach, also where -d stands among other single letters. What follows an option that takes a value is never touched. */
function withoutDetach(args: readonly string[]): string[] {
  const takesValue =
    /^(-[ifsBoc]|--(interface|filter|snaplen|buffer|out|name|rotate-size|rotate-time|quota|keep|retention|compress|duration|count|program))$/;
  const kept: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (takesValue.test(arg)) {
      kept.push(arg, args[++i] ?? '');
      continue;
    }
    if (arg === '--detach') continue;
    // A cluster of flags without values: d, p and q.
    const cluster = /^-[dpq]+$/.test(arg) ? arg.replaceAll('d', '') : arg;
    if (cluster !== '-') kept.push(cluster);
  }
  return kept;
}

function safeLines(block: string): string {
  return block
    .trim()
    .split('\n')
    .map((one) => safeText(one, 1000))
    .join('\n');
}

interface FolderStatus {
  readonly folder: string;
  readonly running: boolean;
  /** True when it neither runs nor was ended: the next capture into the folder repairs its files. */
  readonly died: boolean;
  readonly state: CaptureState;
}

async function status(flags: { readonly out?: string | undefined; readonly json?: boolean }): Promise<void> {
  const folders = flags.out === undefined ? runningCaptures() : [path.resolve(flags.out)];
  const here = path.resolve(DEFAULT_OUT);
  if (flags.out === undefined && !folders.includes(here) && fs.existsSync(here)) folders.push(here);
  const found: FolderStatus[] = folders.flatMap((folder) => {
    const read = readCaptureState(folder);
    if (read === undefined) return [];
    const { state, running } = read;
    const over = state.phase === 'stopped' || state.phase === 'failed';
    return [{ folder, running, died: !running && !over, state }];
  });
  if (flags.out !== undefined && found.length === 0)
    throw new UserError(
      `${safeText(flags.out)} holds no capture`,
      'anomalyst capture status without --out shows those that run',
    );
  if (flags.json === true) await print(`${JSON.stringify(found)}\n`);
  else
    await print(
      found.length === 0 ? 'no capture runs\n' : found.map((entry) => describeStatus(entry, Date.now())).join('\n'),
    );
}

function onlyRunning(): string {
  const running = runningCaptures();
  const first = running[0];
  if (first !== undefined && running.length === 1) return first;
  if (first === undefined) {
    const here = path.resolve(DEFAULT_OUT);
    const found = fs.existsSync(here) ? readCaptureState(here) : undefined;
    if (found !== undefined && isAlive(found.state)) return here;
    throw new UserError('no capture runs', 'anomalyst capture -i eth0 begins one');
  }
  throw new UserError(
    `${counted(running.length, 'capture')} run`,
    `say which with --out: ${running.map((folder) => safeText(folder)).join(', ')}`,
  );
}

function anyProgram(): string | undefined {
  try {
    return findCapturePrograms()[0]?.path;
  } catch (error) {
    // The list can be made without one; capturing says what is missing.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** One capture for a person: where it stands, then a line per interface with what it got and what it lost. */
export function describeStatus(status: FolderStatus, nowMs: number): string {
  const { folder, running, died, state } = status;
  const since = isoTime(state.startedMs);
  const head = running
    ? `${state.phase} into ${safeText(folder)} (process ${state.pid}) for ${humanDuration(nowMs - state.startedMs)}, since ${since}`
    : died
      ? `${safeText(folder)}: the capture (process ${state.pid}) died after ${isoTime(state.updatedMs)}; the next one makes its files whole`
      : state.phase === 'failed'
        ? `${safeText(folder)}: failed at ${isoTime(state.stoppedMs ?? state.updatedMs)}: ${safeText(state.message ?? '', 500)}`
        : `${safeText(folder)}: ended at ${isoTime(state.stoppedMs ?? state.updatedMs)}, begun ${since}`;
  return `${head}\n${describeInterfaceLines(state)}`;
}

function describeEnd(state: CaptureState): string {
  const reason = state.phase === 'failed' ? `failed: ${safeText(state.message ?? '', 500)}\n` : '';
  return `${reason}${describeInterfaceLines(state)}`;
}

function describeInterfaceLines(state: CaptureState): string {
  const lines = state.interfaces.map((entry) => `  ${describeInterfaceStatistics(entry)}\n`);
  const deleted = state.deletedFiles > 0 ? `, ${counted(state.deletedFiles, 'old file')} deleted` : '';
  const repaired = state.repairedFiles > 0 ? `, ${counted(state.repairedFiles, 'file')} repaired` : '';
  return `${lines.join('')}  ${counted(state.files, 'finished file')}, ${humanBytes(state.fileBytes)} on disk${deleted}${repaired}\n`;
}

/** 'eth0: 12,345 packets, 3.4 MB; dropped: 0 by the kernel, 0 by the card, 0 in the pipe'. */
export function describeInterfaceStatistics(of: InterfaceStatistics): string {
  const parts = [
    `${of.interface}: ${counted(of.packets, 'packet')}, ${humanBytes(of.bytes)}`,
    `dropped: ${humanCount(of.kernelDropped)} by the kernel, ${humanCount(of.interfaceDropped)} by the card, ${humanCount(of.pipeDropped)} in the pipe${of.dropsKnown ? '' : ' (and what nobody counted: a capture program died)'}`,
  ];
  if (of.snapped > 0) parts.push(`${counted(of.snapped, 'packet')} cut to the snap length`);
  if (of.restarts > 0 || of.gapMs > 0) {
    const last = of.gaps.at(-1);
    parts.push(
      `broke off ${of.restarts === 1 ? 'once' : `${humanCount(of.restarts)} times`}, ${humanDuration(of.gapMs)} not captured${last === undefined ? '' : ` (last: ${safeText(last.reason, 200)})`}`,
    );
  }
  if (of.state === 'waiting') parts.push('waiting to start the capture program again');
  const { state, sentence } = judgeVisibility(of.interface, { unicast: of.unicast, foreign: of.foreignUnicast });
  // Loopback has no Ethernet addresses to tell hosts by, and so is never judged.
  if (state === 'own-only' && !/^lo\d*$/.test(of.interface)) parts.push(sentence.replace(/\.$/, ''));
  return parts.join('; ');
}

function describeInterfaces(interfaces: readonly CaptureInterface[]): string {
  const likely = defaultInterface(interfaces);
  const width = Math.max(4, ...interfaces.map((entry) => entry.name.length));
  const lines = interfaces.map((entry) => {
    const about = [entry.mac, ...entry.addresses, entry.mtu === undefined ? undefined : `mtu ${entry.mtu}`];
    return `${entry.name.padEnd(width)}  ${entry.state.padEnd(7)}  ${entry.kind.padEnd(8)}  ${about.filter((one) => one !== undefined).join(', ')}${entry.name === likely ? '  (the likely one)' : ''}`.trimEnd();
  });
  return `${lines.join('\n')}\n`;
}

/** The counters of a running capture on a terminal, on one line that is redrawn each second. */
class StateLine {
  #shown: boolean;
  #drawn = false;

  constructor(shown: boolean) {
    this.#shown = shown;
  }

  update(state: CaptureState): void {
    if (!this.#shown) return;
    const packets = state.interfaces.reduce((sum, of) => sum + of.packets, 0);
    const dropped = state.interfaces.reduce((sum, of) => sum + droppedPackets(of), 0);
    const waiting = state.interfaces.filter((of) => of.state === 'waiting').map((of) => of.interface);
    const line = `${counted(packets, 'packet')}, ${humanCount(dropped)} dropped, ${counted(state.files, 'finished file')}, ${humanBytes(state.fileBytes)} on disk${waiting.length > 0 ? `, waiting for ${waiting.join(', ')}` : ''}`;
    process.stderr.write(`\r\u001b[2K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    this.#drawn = true;
  }

  /** What takes the line away: written already, so always ''. */
  end(): string {
    if (this.#drawn) process.stderr.write('\r\u001b[2K');
    this.#drawn = false;
    return '';
  }
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), ...value.split(',').filter((one) => one !== '')];
}

function text(flag: string): (given: string) => string {
  return (given) => {
    if (given === '') throw new UserError(`${flag} is empty`, `for example ${flag} ${DEFAULT_OUT}`);
    return given;
  };
}

function bytes(flag: string): (given: string) => number {
  return (given) => parseBytes(flag, given);
}

function duration(flag: string): (given: string) => number {
  return (given) => parseDuration(flag, given);
}

function positive(flag: string): (given: string) => number {
  return (given) => {
    if (!/^\d{1,15}$/.test(given) || Number(given) === 0)
      throw new UserError(`${flag} ${given}: expected a whole number above 0`, `for example ${flag} 96`);
    return Number(given);
  };
}

function snapLength(given: string): number {
  if (!/^\d{1,6}$/.test(given) || Number(given) > 262_144)
    throw new UserError(
      `--snaplen ${given}: expected bytes from 0 to 262144`,
      'for example --snaplen 256; 0 keeps whole packets',
    );
  return Number(given);
}
