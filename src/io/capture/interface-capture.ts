import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import type { Readable } from 'node:stream';
import { humanDuration, safeText } from '../../core/index.ts';
import type { PcapHeader } from '../../wire/index.ts';
import { PcapFramer } from './framer.ts';
import { packetRate } from './interface.ts';
import { openPipe } from './pipe.ts';
import {
  type CaptureProgram,
  captureArguments,
  classifyFailure,
  describeFailure,
  describeRefusal,
  lastWords,
  type ProgramRequest,
} from './program.ts';
import { VisibilityCounter } from './span.ts';
import { type ProgramStatistics, parseStatistics } from './statistics.ts';

/** A time in which nothing was captured although it should have been. */
export interface CaptureGap {
  readonly fromMs: number;
  /** Undefined while it lasts. */
  readonly toMs: number | undefined;
  readonly reason: string;
}

/** Where one interface's capture stands. */
export interface InterfaceStatistics {
  readonly interface: string;
  readonly state: 'starting' | 'capturing' | 'waiting' | 'stopped';
  readonly program: string;
  /** Process id of the capture program; undefined when none runs. */
  readonly pid: number | undefined;
  readonly linkType: number | undefined;
  /** Whole packets that reached us, and their captured bytes. */
  readonly packets: number;
  readonly bytes: number;
  /** Packets that were cut to the snap length. */
  readonly snapped: number;
  /** Epoch ms of the first and the last packet. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
  /** Packets that passed the filter, as the kernel counted them; undefined where the program does not tell. */
  readonly received: number | undefined;
  /** Lost because the kernel's ring was full, on the network card, and between the capture program and us. */
  readonly kernelDropped: number;
  readonly interfaceDropped: number;
  readonly pipeDropped: number;
  /** False when a capture program died without a last word: there may be drops that nobody counted. */
  readonly dropsKnown: boolean;
  /** How often the capture program had to be started again. */
  readonly restarts: number;
  /** All time lost between a program's end and the next one's start, ms; the last gaps one by one. */
  readonly gapMs: number;
  readonly gaps: readonly CaptureGap[];
  /** For `judgeVisibility`. */
  readonly unicast: number;
  readonly foreignUnicast: number;
}

/** Where the packets of one interface go. */
export interface PacketSink {
  /** Before the first packet, and again when the capture program was started anew. */
  header(bytes: Uint8Array, header: PcapHeader): void;
  /** A record, header and frame, at [at, end) of `bytes`, valid until the call returns. False when no more is wanted: it and what follows do not count. */
  record(bytes: Uint8Array, at: number, end: number, seconds: number, nanoseconds: number, wireLength: number): boolean;
  /** Called after each piece of the stream; a promise holds the stream back until it is fulfilled. */
  ready(): Promise<void> | undefined;
}

export interface InterfaceCaptureOptions extends Omit<ProgramRequest, 'unbuffered'> {
  /** To be tried in order: a later one only when an earlier one may not capture. */
  readonly programs: readonly CaptureProgram[];
  /** This machine's Ethernet addresses, 12 hex digits each. */
  readonly ownMacs: Iterable<string>;
  /** Something to tell the operator, one sentence. */
  readonly onNote: (text: string) => void;
  readonly timing?: Partial<CaptureTiming>;
}

/** The clocks of a capture, in ms; tests shorten them. */
export interface CaptureTiming {
  /** How often the running counters are asked for. */
  readonly statisticsMs: number;
  /** Wait before the first restart of a program that died, doubled each time up to the longest. */
  readonly restartMs: number;
  readonly longestRestartMs: number;
  /** A program that ran so long is thought healthy, and the wait begins anew. */
  readonly healthyMs: number;
  /** The kernel hands on a block of packets at the latest after a second (tcpdump's read timeout), so that long packets may be on their way when we stop. */
  readonly drainMs: number;
  /** A program that does not end by itself so long after being asked is killed. */
  readonly killMs: number;
}

const TIMING: CaptureTiming = {
  statisticsMs: 2000,
  restartMs: 250,
  longestRestartMs: 30_000,
  healthyMs: 60_000,
  drainMs: 1020,
  killMs: 2000,
};
/** Below this many packets a second each packet is handed on at once: stdio's 4 kB would hold it back for seconds. Above, they come together soon enough. */
const UNBUFFERED_BELOW = 20_000;
const DRAIN_LOOK_MS = 20;
/** A capture program that ends within this time, so often in a row and without a packet ever, is given up. */
const SHORT_LIFE_MS = 1000;
const SHORT_LIVES = 3;
const STDERR_KEPT = 8192;
const GAPS_KEPT = 20;
/** What makes tcpdump tell its counters and go on; on Linux there is no SIGINFO, and elsewhere SIGUSR1 would end it. */
const ASK: NodeJS.Signals = process.platform === 'linux' ? 'SIGUSR1' : 'SIGINFO';

/**
 * Captures on one interface through a child process and keeps it going: a program that dies is started again, later each time, and the time without it is counted as a gap.
 * Only the child needs the right to capture.
 */
export class InterfaceCapture {
  #options: InterfaceCaptureOptions;
  #sink: PacketSink;
  #timing: CaptureTiming;
  #visibility: VisibilityCounter;
  #child: ChildProcess | undefined;
  #output: Readable | undefined;
  #program: CaptureProgram;
  #state: InterfaceStatistics['state'] = 'starting';
  #stopping = false;
  #wake: (() => void) | undefined;
  #began = false;
  #linkType: number | undefined;
  #packets = 0;
  #bytes = 0;
  #snapped = 0;
  #firstMs: number | undefined;
  #lastMs: number | undefined;
  #enough = false;
  /** True while the sink holds the stream back. */
  #held = false;
  /** Sums over the programs that have ended, and the last word of the one that runs. */
  #past: ProgramStatistics = NO_STATISTICS;
  #current: ProgramStatistics | undefined;
  #pipeDropped = 0;
  #dropsKnown = true;
  #restarts = 0;
  #gapMs = 0;
  #gaps: { fromMs: number; toMs: number | undefined; reason: string }[] = [];
  #started: Promise<void>;
  #resolveStarted: () => void = () => undefined;
  #rejectStarted: (error: unknown) => void = () => undefined;
  #finished: Promise<void> | undefined;

  constructor(options: InterfaceCaptureOptions, sink: PacketSink) {
    this.#options = options;
    this.#sink = sink;
    this.#timing = { ...TIMING, ...options.timing };
    this.#visibility = new VisibilityCounter(options.ownMacs);
    const first = options.programs[0];
    if (first === undefined) throw new Error('no capture program');
    this.#program = first;
    this.#started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    // Whoever only waits for the end is told there.
    this.#started.catch(() => undefined);
  }

  /** Begins; resolves when the first program captures. Rejects with a UserError when none could: no right to, no such interface, a filter that is none. */
  start(): Promise<void> {
    this.#finished ??= this.#run();
    this.#finished.catch((error: unknown) => this.#rejectStarted(error));
    return this.#started;
  }

  /** Resolves when the capture has ended and everything was handed on; rejects as `start` does, and when the sink fails. */
  get finished(): Promise<void> {
    return this.#finished ?? Promise.resolve();
  }

  /** Ends the capture. What reached the interface before is still handed on, unless `abrupt`. Resolves when all is done, at the latest after about a second. */
  async stop(abrupt = false): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#wake?.();
      if (!abrupt) await this.#drain();
    }
    this.#interrupt();
    await this.finished.catch(() => undefined);
  }

  /** Asks the program for its running counters; they are in `statistics` a little later. */
  ask(): void {
    if (this.#program.kind === 'tcpdump' && this.#state === 'capturing') this.#child?.kill(ASK);
  }

  statistics(): InterfaceStatistics {
    const past = this.#past;
    const current = this.#current ?? NO_STATISTICS;
    return {
      interface: this.#options.interface,
      state: this.#state,
      program: this.#program.path,
      pid: this.#child?.pid,
      linkType: this.#linkType,
      packets: this.#packets,
      bytes: this.#bytes,
      snapped: this.#snapped,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
      received:
        past.received === undefined && current.received === undefined
          ? undefined
          : (past.received ?? 0) + (current.received ?? 0),
      kernelDropped: past.kernelDropped + current.kernelDropped,
      interfaceDropped: past.interfaceDropped + current.interfaceDropped,
      pipeDropped: this.#pipeDropped + past.programDropped + current.programDropped,
      dropsKnown: this.#dropsKnown,
      restarts: this.#restarts,
      gapMs: this.#gapMs,
      gaps: this.#gaps.map((gap) => ({ ...gap })),
      unicast: this.#visibility.unicast,
      foreignUnicast: this.#visibility.foreign,
    };
  }

  async #run(): Promise<void> {
    const { programs, onNote } = this.#options;
    const name = this.#options.interface;
    let next = 0;
    let waitMs = this.#timing.restartMs;
    let shortLives = 0;
    try {
      while (!this.#stopping) {
        const begun = performance.now();
        const { stderr, captured, error } = await this.#once();
        if (error !== undefined) throw error;
        if (this.#stopping) break;
        if (!this.#began) {
          const failure = describeFailure(this.#program, { ...this.#options, unbuffered: true }, stderr);
          const another = programs[++next];
          if (classifyFailure(stderr) !== 'permission') throw failure;
          if (another === undefined) throw next === 1 ? failure : describeRefusal(programs, name);
          onNote(`${failure.message}; trying ${another.path}`);
          this.#program = another;
          continue;
        }
        // It says that it listens and dies, again and again: it will not capture here, and trying for ever would look like a quiet network.
        if (this.#packets === 0 && performance.now() - begun < SHORT_LIFE_MS) shortLives++;
        else shortLives = 0;
        if (shortLives >= SHORT_LIVES)
          throw describeFailure(this.#program, { ...this.#options, unbuffered: true }, stderr);
        if (captured && performance.now() - begun > this.#timing.healthyMs) waitMs = this.#timing.restartMs;
        const lastGap = this.#gaps.at(-1);
        if (lastGap === undefined || lastGap.toMs !== undefined) {
          const reason = lastWords(stderr);
          this.#gaps.push({ fromMs: Date.now(), toMs: undefined, reason });
          if (this.#gaps.length > GAPS_KEPT) this.#gaps.shift();
          onNote(`the capture on ${name} broke off (${reason}); starting it again`);
        }
        this.#state = 'waiting';
        await this.#pause(waitMs);
        waitMs = Math.min(waitMs * 2, this.#timing.longestRestartMs);
        if (!this.#stopping) this.#restarts++;
      }
      this.#closeGap();
      this.#resolveStarted();
    } finally {
      this.#state = 'stopped';
      this.#child = undefined;
    }
  }

  #closeGap(): void {
    const gap = this.#gaps.at(-1);
    if (gap === undefined || gap.toMs !== undefined) return;
    gap.toMs = Date.now();
    const lastedMs = Math.max(0, gap.toMs - gap.fromMs);
    this.#gapMs += lastedMs;
    this.#options.onNote(
      `${this.#options.interface} was not captured for ${humanDuration(lastedMs)}${this.#stopping ? '' : '; the capture goes on'}`,
    );
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** One life of the capture program, from start to end. */
  async #once(): Promise<{ stderr: string; captured: boolean; error?: unknown }> {
    const { interface: name } = this.#options;
    const rate = await packetRate(name);
    if (this.#stopping) return { stderr: '', captured: false };
    const unbuffered = rate === undefined || rate < UNBUFFERED_BELOW;
    const args = captureArguments(this.#program, { ...this.#options, unbuffered });
    // The group of its own keeps the terminal's Ctrl-C from it: we end it ourselves, when what it holds has been handed on.
    const pipe = openPipe();
    let child: ChildProcess;
    try {
      child = spawn(this.#program.path, args, {
        stdio: ['ignore', pipe?.writeEnd ?? 'pipe', 'pipe'],
        env: { ...process.env, LC_ALL: 'C' },
        detached: true,
      });
    } finally {
      // The end of the stream comes when the last holder of this end is gone, and that is to be the child.
      if (pipe !== undefined) fs.closeSync(pipe.writeEnd);
    }
    const output = pipe?.readable ?? child.stdout;
    this.#child = child;
    this.#output = output ?? undefined;
    let failedToStart: Error | undefined;
    child.on('error', (error) => {
      // A signal that may not be sent comes here too; then the program ends when its pipe does.
      if (child.pid === undefined) failedToStart = error;
    });
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const onExit = (): boolean => child.kill('SIGINT');
    process.once('exit', onExit);

    let stderr = '';
    let captured = false;
    const begin = (): void => {
      if (captured) return;
      captured = true;
      this.#began = true;
      if (this.#stopping) return;
      this.#state = 'capturing';
      this.#closeGap();
      this.#resolveStarted();
    };
    child.stderr?.setEncoding('utf8');
    child.stderr?.on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_KEPT);
      // "Capturing on" is what dumpcap says before it tries; "File:" when it succeeded.
      if (!captured && /listening on |^File: /m.test(stderr)) begin();
      this.#current = parseStatistics(stderr) ?? this.#current;
    });
    const asking = setInterval(() => this.ask(), this.#timing.statisticsMs);

    const framer = new PcapFramer({
      header: (bytes, header) => {
        this.#linkType = header.linkType;
        this.#sink.header(bytes, header);
      },
      record: (bytes, at, end, seconds, nanoseconds, wireLength) =>
        this.#take(bytes, at, end, seconds, nanoseconds, wireLength),
    });
    let error: unknown;
    try {
      for await (const chunk of (output ?? []) as AsyncIterable<Uint8Array>) {
        begin();
        framer.push(chunk);
        const wait = this.#sink.ready();
        if (wait !== undefined) {
          this.#held = true;
          await wait;
          this.#held = false;
        }
        if (framer.damage !== undefined) {
          stderr = `${safeText(this.#program.path)}: ${framer.damage}`;
          if (framer.records === 0 && !this.#stopping && this.#packets === 0) this.#began = false;
          child.kill('SIGKILL');
          break;
        }
      }
    } catch (caught) {
      error = caught;
      child.kill('SIGKILL');
    }
    await closed;
    clearInterval(asking);
    process.removeListener('exit', onExit);
    this.#child = undefined;
    if (failedToStart !== undefined) stderr = failedToStart.message;

    const last = parseStatistics(stderr) ?? this.#current;
    // The running counters stand in one line, the last ones each in its own.
    const saidGoodbye = /^\d+ packets? captured$|^Packets received\/dropped/m.test(stderr);
    if (captured && !saidGoodbye) this.#dropsKnown = false;
    if (last !== undefined) {
      this.#past = add(this.#past, last);
      if (!this.#enough) this.#pipeDropped += Math.max(0, last.captured - framer.records);
    }
    this.#current = undefined;
    return { stderr, captured, ...(error === undefined ? {} : { error }) };
  }

  #take(bytes: Uint8Array, at: number, end: number, seconds: number, nanoseconds: number, wireLength: number): void {
    if (this.#enough) return;
    if (!this.#sink.record(bytes, at, end, seconds, nanoseconds, wireLength)) {
      this.#enough = true;
      return;
    }
    const captured = end - at - 16;
    const ms = seconds * 1000 + nanoseconds / 1e6;
    this.#packets++;
    this.#bytes += captured;
    if (wireLength > captured) this.#snapped++;
    this.#firstMs ??= ms;
    this.#lastMs = ms;
    this.#visibility.observe(this.#linkType ?? -1, bytes, at + 16, end);
  }

  /**
   * Waits until what reached the interface before now has been handed on. The kernel gathers packets in blocks of its ring and passes a block on when it is full or a second old; an
   * interrupt that comes earlier loses what is in it (measured: all of 50 packets). The running counters tell when nothing is outstanding.
   */
  async #drain(): Promise<void> {
    if (this.#state !== 'capturing') return;
    const child = this.#child;
    const stopMs = Date.now();
    const until = performance.now() + (this.#program.kind === 'tcpdump' ? this.#timing.drainMs : DUMPCAP_DRAIN_MS);
    this.#current = undefined;
    let target: number | undefined;
    while (performance.now() < until && this.#child === child && child !== undefined && !this.#enough) {
      if ((this.#lastMs ?? 0) > stopMs) return;
      if (this.#program.kind === 'tcpdump') child.kill(ASK);
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS));
      const { received, kernelDropped, captured } = this.#current ?? NO_STATISTICS;
      if (received === undefined) continue;
      target ??= received - kernelDropped;
      if (captured >= target) return;
    }
  }

  #interrupt(): void {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGINT');
    const timer = setInterval(() => {
      // It can't end while we do not take what it writes.
      if (this.#held) return;
      child.kill('SIGKILL');
      this.#output?.destroy();
      child.stderr?.destroy();
    }, this.#timing.killMs);
    child.once('close', () => clearInterval(timer));
  }
}

/** Dumpcap's read timeout is a quarter of a second, and it passes on what it has twice a second. */
const DUMPCAP_DRAIN_MS = 600;

const NO_STATISTICS: ProgramStatistics = {
  captured: 0,
  received: undefined,
  kernelDropped: 0,
  interfaceDropped: 0,
  programDropped: 0,
};

function add(a: ProgramStatistics, b: ProgramStatistics): ProgramStatistics {
  return {
    captured: a.captured + b.captured,
    received: a.received === undefined && b.received === undefined ? undefined : (a.received ?? 0) + (b.received ?? 0),
    kernelDropped: a.kernelDropped + b.kernelDropped,
    interfaceDropped: a.interfaceDropped + b.interfaceDropped,
    programDropped: a.programDropped + b.programDropped,
  };
}

/** All packets that are missing from what an interface delivered. */
export function droppedPackets(statistics: InterfaceStatistics): number {
  return statistics.kernelDropped + statistics.interfaceDropped + statistics.pipeDropped;
}
