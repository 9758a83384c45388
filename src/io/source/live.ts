import { counted, humanCount, humanDuration, UserError } from '../../core/index.ts';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE_STATISTICS,
  encodeBlock,
  encodeInterface,
  encodeSection,
} from '../../wire/index.ts';
import {
  type CaptureInterface,
  type CaptureTiming,
  chooseInterfaces,
  DEFAULT_BUFFER_KIB,
  droppedPackets,
  findCapturePrograms,
  InterfaceCapture,
  type InterfaceStatistics,
  judgeVisibility,
  listInterfaces,
  ownMacs,
  type PacketSink,
} from '../capture/index.ts';
import type { ByteSource } from './input.ts';

/** What begins an input's name that is an interface and no file: 'live:eth0', 'live:eth0,eth1'. */
export const LIVE_PREFIX = 'live:';

export interface LiveOptions {
  readonly interfaces: readonly string[];
  /** BPF, handed on to the capture program; '' for none. */
  readonly filter?: string;
  /** Bytes kept of each packet; 0, the default, is all of it. */
  readonly snapLength?: number;
  /** The kernel's ring for each interface, KiB; 65,536 by default. */
  readonly bufferKib?: number;
  readonly promiscuous?: boolean;
  /** Ends the source by itself. */
  readonly durationMs?: number;
  readonly count?: number;
  /** Path or name of a tcpdump or dumpcap. */
  readonly program?: string;
  readonly onNote?: (text: string) => void;
  readonly timing?: Partial<CaptureTiming>;
}

/** Packets of one or several interfaces, in order of time, as one pcapng stream with a description of each interface. */
export interface LiveSource extends ByteSource {
  /** Ends the capture. What reached the interfaces before still comes, then the end. Resolves when the capture programs have ended. */
  stop(): Promise<void>;
  statistics(): InterfaceStatistics[];
  /** What the reader of a report must know of how it was captured: drops that nobody counted, interruptions, that only this machine's traffic was seen. Sentences. */
  remarks(): string[];
  /**
   * The packets up to a time (epoch ms) as a stream of its own, the later ones stay for the next. The stream ends when a packet of that time or later comes, or when the clock says that none can
   * come any more. Windows are read one after the other, and `read` not beside them.
   */
  window(endMs: number): ByteSource;
  /** Epoch ms of the earliest packet that was not read yet; undefined when none waits. */
  headMs(): number | undefined;
  /** True when the capture has ended and all of it was read. */
  readonly ended: boolean;
}

/** Packets wait so long for those of other interfaces, whose kernel rings hand on a block at the latest after a second. */
const HOLD_MS = 1500;
/** So much may wait to be read, for each interface; then the capture program has to wait, and the kernel's ring fills. */
const WAITING_BYTES = 32 << 20;
const CHUNK_BYTES = 1 << 19;
/** What a timer of Node.js can hold. */
const LONGEST_DURATION_MS = 24 * 86_400_000;
const ISB_DROPS_BYTES = 12 + 24 + 4;

/** Blocks of one interface that were not read yet, in order. */
class BlockQueue {
  bytes = 0;
  #chunks: { readonly bytes: Uint8Array; readonly view: DataView; end: number }[] = [];
  #at = 0;
  #spare: Uint8Array[] = [];

  /** Room for a block of `length` bytes; what is written there is in the queue. */
  room(length: number): { readonly bytes: Uint8Array; readonly view: DataView; readonly at: number } {
    let last = this.#chunks.at(-1);
    if (last === undefined || last.bytes.length - last.end < length) {
      const bytes = this.#spare.pop() ?? new Uint8Array(CHUNK_BYTES);
      last = { bytes, view: new DataView(bytes.buffer), end: 0 };
      this.#chunks.push(last);
    }
    const at = last.end;
    last.end += length;
    this.bytes += length;
    return { bytes: last.bytes, view: last.view, at };
  }

  /** Epoch ms of the first block; Infinity when there is none. */
  get headMs(): number {
    const chunk = this.#chunks[0];
    if (chunk === undefined || this.#at >= chunk.end) return Number.POSITIVE_INFINITY;
    return (chunk.view.getUint32(this.#at + 12, true) * 4294967296 + chunk.view.getUint32(this.#at + 16, true)) / 1e6;
  }

  /** Takes the first block; its bytes are valid until the next call of `room`. */
  shift(): Uint8Array | undefined {
    const chunk = this.#chunks[0];
    if (chunk === undefined || this.#at >= chunk.end) return undefined;
    const length = chunk.view.getUint32(this.#at + 4, true);
    const block = chunk.bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    this.bytes -= length;
    if (this.#at >= chunk.end) {
      this.#at = 0;
      if (this.#chunks.length > 1) {
        this.#chunks.shift();
        if (this.#spare.length < 8) this.#spare.push(chunk.bytes);
      } else chunk.end = 0;
    }
    return block;
  }
}

/** One interface of the source: its capture, what waits of it, and its numbers in the stream. */
interface Lane {
  readonly name: string;
  readonly capture: InterfaceCapture;
  readonly queue: BlockQueue;
  /** Number of its description in the stream; a restart with another link type gives a new one. */
  id: number;
  ended: boolean;
  /** Drops that the stream has told already. */
  toldDrops: number;
  resume: (() => void) | undefined;
}

class LiveStream implements LiveSource {
  readonly name: string;
  readonly compression = '';
  readonly totalBytes = undefined;
  #lanes: Lane[] = [];
  #kinds = new Map<string, CaptureInterface['kind']>();
  /** Interface Description Blocks in order of their numbers. */
  #descriptions: Uint8Array[] = [];
  /** How many of them the stream that is being read has been told. */
  #described = 0;
  #wanted: number;
  #taken = 0;
  #failure: unknown;
  #wake: (() => void) | undefined;
  #timers: NodeJS.Timeout[] = [];
  #whole: ByteSource | undefined;
  #finished = 0;
  #closed = false;

  constructor(options: LiveOptions, present: readonly CaptureInterface[]) {
    const { filter = '', snapLength = 0, bufferKib = DEFAULT_BUFFER_KIB, promiscuous = true } = options;
    const chosen = chooseInterfaces(options.interfaces, present);
    const programs = findCapturePrograms(options.program);
    this.name = LIVE_PREFIX + chosen.map((entry) => entry.name).join(',');
    this.#wanted = options.count ?? Number.POSITIVE_INFINITY;
    for (const { name, kind } of chosen) {
      this.#kinds.set(name, kind);
      const queue = new BlockQueue();
      const capture = new InterfaceCapture(
        {
          interface: name,
          filter,
          snapLength,
          bufferKib,
          promiscuous,
          programs,
          ownMacs: ownMacs(present),
          onNote: options.onNote ?? ((): void => undefined),
          ...(options.timing === undefined ? {} : { timing: options.timing }),
        },
        this.#sink(() => lane, snapLength),
      );
      const lane: Lane = { name, capture, queue, id: -1, ended: false, toldDrops: 0, resume: undefined };
      this.#lanes.push(lane);
    }
  }

  async start(durationMs: number | undefined): Promise<void> {
    try {
      await Promise.all(this.#lanes.map((lane) => lane.capture.start()));
    } catch (error) {
      await Promise.all(this.#lanes.map((lane) => lane.capture.stop(true)));
      throw error;
    }
    for (const lane of this.#lanes) {
      lane.capture.finished
        .catch((error: unknown) => {
          this.#failure = error;
        })
        .finally(() => {
          lane.ended = true;
          this.#finished++;
          if (this.#finished === this.#lanes.length) for (const timer of this.#timers) clearTimeout(timer);
          this.#wake?.();
        });
    }
    if (durationMs !== undefined) this.#timers.push(setTimeout(() => void this.stop(), durationMs));
  }

  bytesTaken = (): number => this.#taken;

  read(into: Uint8Array): number | Promise<number> {
    this.#whole ??= this.window(Number.POSITIVE_INFINITY);
    return this.#whole.read(into);
  }

  async stop(): Promise<void> {
    // What waits for a reader must not keep a capture program from ending.
    await Promise.all(this.#lanes.map((lane) => lane.capture.stop(this.#wanted <= 0)));
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const lane of this.#lanes) {
      lane.resume?.();
      // Nobody reads any more, so there is nothing to wait for.
      void lane.capture.stop(true);
    }
  }

  statistics(): InterfaceStatistics[] {
    return this.#lanes.map((lane) => lane.capture.statistics());
  }

  remarks(): string[] {
    const sentences: string[] = [];
    for (const of of this.statistics()) {
      const name = of.interface;
      if (of.restarts > 0 || of.gapMs > 0)
        sentences.push(
          `The capture on ${name} broke off ${of.restarts === 1 ? 'once' : `${humanCount(of.restarts)} times`}, for ${humanDuration(of.gapMs)} in all; what passed then was not seen.`,
        );
      if (!of.dropsKnown)
        sentences.push(
          `The capture program on ${name} died without its last counters: at least ${counted(droppedPackets(of), 'packet')} of it were dropped.`,
        );
      if (this.#kinds.get(name) !== 'ethernet') continue;
      const { state, sentence } = judgeVisibility(name, { unicast: of.unicast, foreign: of.foreignUnicast });
      if (state === 'own-only') sentences.push(sentence);
    }
    return sentences;
  }

  headMs(): number | undefined {
    const earliest = Math.min(...this.#lanes.map((lane) => lane.queue.headMs));
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  get ended(): boolean {
    return this.#lanes.every((lane) => lane.ended && lane.queue.bytes === 0);
  }

  window(endMs: number): ByteSource {
    let rest: Uint8Array = encodeSection();
    this.#described = 0;
    let over = false;
    let taken = 0;
    const copy = (into: Uint8Array, at: number): number => {
      const n = Math.min(rest.length, into.length - at);
      into.set(n === rest.length ? rest : rest.subarray(0, n), at);
      // A copy: the queue's memory is used again as soon as something is taken from it.
      rest = rest.slice(n);
      return n;
    };
    const fill = (into: Uint8Array): number => {
      let at = copy(into, 0);
      while (at < into.length && rest.length === 0 && !over) {
        const next = this.#next(endMs);
        if (next === undefined) break;
        if (next === 'end') {
          over = true;
          rest = this.#drops();
        } else rest = next;
        at += copy(into, at);
      }
      taken += at;
      this.#taken += at;
      return at;
    };
    const pull = async (into: Uint8Array): Promise<number> => {
      for (;;) {
        const n = fill(into);
        if (n > 0 || (over && rest.length === 0)) return n;
        await this.#more(endMs);
      }
    };
    return {
      name: this.name,
      compression: '',
      totalBytes: undefined,
      bytesTaken: () => taken,
      read(into) {
        const n = fill(into);
        return n > 0 || (over && rest.length === 0) ? n : pull(into);
      },
      stop: () => this.stop(),
      // The capture goes on for the next window.
      close: () => undefined,
    };
  }

  /** The next piece of the stream: a description, a packet, 'end', or undefined when it is not known yet which comes next. */
  #next(endMs: number): Uint8Array | 'end' | undefined {
    const description = this.#descriptions[this.#described];
    if (description !== undefined) {
      this.#described++;
      return description;
    }
    let first: Lane | undefined;
    let firstMs = Number.POSITIVE_INFINITY;
    let waiting = false;
    for (const lane of this.#lanes) {
      const { headMs } = lane.queue;
      if (headMs < firstMs) {
        first = lane;
        firstMs = headMs;
      }
      if (headMs === Number.POSITIVE_INFINITY && !lane.ended) waiting = true;
    }
    if (first === undefined) {
      if (waiting) return Date.now() > endMs + HOLD_MS ? 'end' : undefined;
      if (this.#failure !== undefined) throw this.#failure;
      return 'end';
    }
    if (firstMs >= endMs) return waiting && Date.now() < endMs + HOLD_MS ? undefined : 'end';
    // Another interface may still hold an earlier packet, unless this one has waited long enough or takes too much room.
    if (waiting && Date.now() - firstMs < HOLD_MS && first.queue.bytes < WAITING_BYTES / 2) return undefined;
    const block = first.queue.shift();
    if (first.resume !== undefined && first.queue.bytes < WAITING_BYTES / 2) first.resume();
    return block;
  }

  /** Resolves when `#next` may know more. */
  #more(endMs: number): Promise<void> {
    return new Promise((resolve) => {
      const heads = this.#lanes.map((lane) => lane.queue.headMs);
      const due = Math.min(Math.min(...heads), endMs) + HOLD_MS - Date.now();
      const timer = Number.isFinite(due) ? setTimeout(resolve, Math.max(1, Math.min(due + 1, 1000))) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** Interface Statistics Blocks with the drops since the last time. */
  #drops(): Uint8Array {
    const blocks: Uint8Array[] = [];
    for (const lane of this.#lanes) {
      const dropped = droppedPackets(lane.capture.statistics());
      const more = dropped - lane.toldDrops;
      if (more <= 0 || lane.id < 0) continue;
      lane.toldDrops = dropped;
      const body = new Uint8Array(ISB_DROPS_BYTES - 12);
      const view = new DataView(body.buffer);
      view.setUint32(0, lane.id, true);
      // Option isb_osdrop (draft-ietf-opsawg-pcapng section 4.6), 8 bytes, then the end of options.
      view.setUint16(12, 7, true);
      view.setUint16(14, 8, true);
      view.setBigUint64(16, BigInt(more), true);
      blocks.push(encodeBlock(BLOCK_INTERFACE_STATISTICS, body));
    }
    return Buffer.concat(blocks);
  }

  #sink(laneOf: () => Lane, snapLength: number): PacketSink {
    let linkType = -1;
    return {
      header: (_bytes, header) => {
        const lane = laneOf();
        if (lane.id >= 0 && linkType === header.linkType) return;
        linkType = header.linkType;
        lane.id = this.#descriptions.length;
        this.#descriptions.push(encodeInterface({ linkType, snapLength, tsresol: 9 }));
      },
      record: (bytes, at, end, seconds, nanoseconds, wireLength) => {
        if (this.#wanted <= 0 || this.#closed) return false;
        this.#wanted--;
        const lane = laneOf();
        const frame = at + 16;
        const captured = end - frame;
        const length = 32 + ((captured + 3) & ~3);
        const { bytes: into, view, at: to } = lane.queue.room(length);
        // Epoch nanoseconds do not fit a float64: the product is made of two halves of the seconds.
        const upper = Math.floor(seconds / 65_536) * 1e9;
        const lower = (upper % 65_536) * 65_536 + (seconds % 65_536) * 1e9 + nanoseconds;
        view.setUint32(to, BLOCK_ENHANCED_PACKET, true);
        view.setUint32(to + 4, length, true);
        view.setUint32(to + 8, lane.id, true);
        view.setUint32(to + 12, Math.floor(upper / 65_536) + Math.floor(lower / 4294967296), true);
        view.setUint32(to + 16, lower % 4294967296, true);
        view.setUint32(to + 20, captured, true);
        view.setUint32(to + 24, wireLength, true);
        into.set(bytes.subarray(frame, end), to + 28);
        into.fill(0, to + 28 + captured, to + length - 4);
        view.setUint32(to + length - 4, length, true);
        if (this.#wanted === 0) void this.stop();
        return true;
      },
      ready: () => {
        const lane = laneOf();
        this.#wake?.();
        if (lane.queue.bytes < WAITING_BYTES || this.#closed) return undefined;
        return new Promise((resolve) => {
          lane.resume = () => {
            lane.resume = undefined;
            resolve();
          };
        });
      },
    };
  }
}

/**
 * Starts capturing interfaces and gives their packets as a stream to read. Throws UserError when it can't begin: no capture program, no right to capture, no such interface, a filter that
 * is none.
 */
export async function openLive(options: LiveOptions): Promise<LiveSource> {
  if ((options.durationMs ?? 0) > LONGEST_DURATION_MS)
    throw new UserError(
      '--duration: a live analysis lasts at most 24 days',
      'leave --duration out and end it with Ctrl-C',
    );
  const programs = findCapturePrograms(options.program);
  const stream = new LiveStream(options, await listInterfaces(programs[0]?.path));
  await stream.start(options.durationMs);
  return stream;
}

/** The interfaces that a name like 'live:eth0,eth1' means; undefined when the name is that of a file. Throws UserError when there is none behind the colon. */
export function liveInterfaces(name: string): string[] | undefined {
  if (!name.startsWith(LIVE_PREFIX)) return undefined;
  const interfaces = name
    .slice(LIVE_PREFIX.length)
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  if (interfaces.length === 0)
    throw new UserError(
      `${name}: no interface given`,
      `for example ${LIVE_PREFIX}eth0; anomalyst capture list-interfaces shows all`,
    );
  return interfaces;
}
