import { randomInt } from 'node:crypto';
import { numberAt, type Table, textAt, UserError } from '../core/index.ts';
import { type FlowFilter, FlowTable, type FlowTableOptions } from '../flow/index.ts';
import type { CaptureFile } from '../io/index.ts';
import type { InputSummary } from '../report/index.ts';
import { type FrameBatch, OddityCounter, TimeBase } from '../wire/index.ts';
import type { Progress } from './analyze.ts';
import { streamFlows } from './flows.ts';
import { readInputs, wasStopped } from './read.ts';

export interface CutOptions {
  /** Files only: they are read twice. */
  readonly inputs: readonly string[];
  /** Flows that the filter lets through, that have one of these numbers (column id), or one of these Community IDs. */
  readonly filter?: FlowFilter | undefined;
  readonly ids?: readonly number[];
  readonly communityIds?: readonly string[];
  readonly flow?: Partial<FlowTableOptions>;
  /** Makes the file when the flows are known. @param nanoseconds whether any time stamp of the input needs them. */
  readonly open: (nanoseconds: boolean) => CaptureFile;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CutResult {
  readonly inputs: readonly InputSummary[];
  /** Flows of the input, and those whose packets were written. */
  readonly flows: number;
  readonly chosen: number;
  readonly packets: number;
  readonly written: number;
  /** Numbers and Community IDs that no flow has. */
  readonly unknown: readonly string[];
  readonly clampedTimes: number;
  readonly stopped: boolean;
}

/**
 * Writes the packets of chosen flows, in the order in which they were read. The input is read twice: first for the flows, because what a flow is shows only at its end, then for the
 * packets. Between the two a bit is kept for each chosen flow, at the place of its first frame. A conversation that the active timeout has cut is several flows, each with its
 * own packets. Throws UserError when no input can be read, or one can't be read twice.
 */
export async function cutFlows(options: CutOptions): Promise<CutResult> {
  const { inputs, filter, ids = [], communityIds = [], flow = {}, open, onProgress, signal } = options;
  const wantedIds = new Set(ids);
  const wantedKeys = new Set(communityIds);
  const seen = new Set<string>();
  const firstFrames = new Map<number, FrameSet>();
  let chosen = 0;
  let nanoseconds = false;

  const choose = (table: Table, row: number): void => {
    const input = numberAt(table.numbers('input'), row);
    const frame = numberAt(table.numbers('firstFrame'), row);
    if (input === undefined || frame === undefined) return;
    let frames = firstFrames.get(input);
    if (frames === undefined) {
      frames = new FrameSet();
      firstFrames.set(input, frames);
    }
    frames.add(frame);
    chosen++;
  };
  const first = await streamFlows({
    inputs,
    flow,
    filter: undefined,
    onProgress,
    signal,
    onFlows: (table) => {
      const fits = filter?.bind(table);
      const id = table.numbers('id');
      const key = table.strings('communityId');
      for (let row = 0; row < table.rowCount; row++) {
        const number = wantedIds.size > 0 ? numberAt(id, row) : undefined;
        const text = wantedKeys.size > 0 ? textAt(key, row) : undefined;
        const byId = number !== undefined && wantedIds.has(number);
        const byKey = text !== undefined && wantedKeys.has(text);
        if (byId) seen.add(String(number));
        if (byKey) seen.add(text);
        if (byId || byKey || fits?.(row) === true) choose(table, row);
      }
    },
    onBatch: (batch) => {
      nanoseconds ||= hasNanoseconds(batch);
    },
  });
  const unknown = [...ids.map(String), ...communityIds].filter((name) => !seen.has(name));
  const result = { inputs: first.inputs, flows: first.flows, chosen, packets: first.packets, unknown };
  if (first.stopped) return { ...result, written: 0, clampedTimes: 0, stopped: true };

  const file = open(nanoseconds);
  try {
    const base = new TimeBase();
    const oddities = new OddityCounter();
    const table = new FlowTable(base, oddities, { hashSeed: randomInt(2 ** 31), ...flow });
    table.onTable = (flows) => table.recycle(flows);
    table.onPacket = (batch, i, input, firstFrame) => {
      if (firstFrames.get(input)?.has(firstFrame) === true) file.add(batch, i, base);
    };
    const again = await readInputs(inputs, base, oddities, table, onProgress, signal);
    const stopped = wasStopped(again);
    if (!stopped) sameAgain(first.inputs, again);
    file.finish();
    const { frames, clampedTimes } = file.writer;
    return { ...result, written: frames, clampedTimes, stopped };
  } catch (error) {
    file.discard();
    throw error;
  }
}

/** Throws where an input is not what it was in the first pass: what was chosen there means other frames now. One that has grown since is fine. */
function sameAgain(before: readonly InputSummary[], after: readonly InputSummary[]): void {
  for (const [i, input] of before.entries()) {
    const now = after[i];
    if (now?.name !== input.name || now.packets < input.packets || now.firstMs !== input.firstMs)
      throw new UserError(`${input.name} changed while it was read`, 'run the command again when nobody writes to it');
  }
}

function hasNanoseconds({ timeNs, count }: FrameBatch): boolean {
  for (let i = 0; i < count; i++) {
    // Beyond 2^53 the last nanoseconds are the float64's, not the capture's.
    const time = timeNs[i] ?? 0;
    if (time % 1000 !== 0 && Math.abs(time) < Number.MAX_SAFE_INTEGER) return true;
  }
  return false;
}

const PAGE_BITS = 16;

/** A set of frame numbers, a bit for each, in pages of 65,536: at most 125 MB for a thousand million frames, and nothing where no frame was chosen. */
class FrameSet {
  #pages = new Map<number, Uint8Array>();

  add(frame: number): void {
    const number = Math.floor(frame / 2 ** PAGE_BITS);
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Uint8Array(2 ** (PAGE_BITS - 3));
      this.#pages.set(number, page);
    }
    const at = frame % 2 ** PAGE_BITS;
    page[at >> 3] = (page[at >> 3] ?? 0) | (1 << (at & 7));
  }

  has(frame: number): boolean {
    const page = this.#pages.get(Math.floor(frame / 2 ** PAGE_BITS));
    const at = frame % 2 ** PAGE_BITS;
    return page !== undefined && ((page[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
  }
}
