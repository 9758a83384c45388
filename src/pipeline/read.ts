import * as fs from 'node:fs';
import { type Table, UserError } from '../core/index.ts';
import type { FlowTable } from '../flow/index.ts';
import { type ByteSource, Follower, openInput, type Reject, type TableSource, timeInName } from '../io/index.ts';
import type { InputSummary } from '../report/index.ts';
import { CaptureReader, type FrameBatch, OddityCounter, TimeBase } from '../wire/index.ts';
import type { Progress } from './analyze.ts';
import { type ClassifiedInput, classifyInputs } from './classify.ts';
import { assertFlows, failedInput, nothingRead, numberFlows, ROWS_STOPPED, readTables, withoutName } from './rows.ts';
import { nextTurn, TURN_MS } from './turn.ts';

export interface ReadOptions {
  /** Keeps reading the last input as it grows, and then the files of its ring that follow, until the signal or `silenceMs` without news. */
  readonly follow?: { readonly silenceMs?: number | undefined; readonly pollMs?: number | undefined } | undefined;
  /** Told what the operator should know while nothing comes. */
  readonly onWait?: ((message: string) => void) | undefined;
  /** Sees every batch of frames before the flow table does. */
  readonly onBatch?: ((batch: FrameBatch) => void) | undefined;
  /** Asked after every batch of frames, and with `all` where the captures end: what is to be waited for before more is read. */
  readonly settle?: ((all: boolean) => Promise<void> | undefined) | undefined;
  /** Opens inputs that are no files; for a name that it does not know it answers undefined. */
  readonly open?: ((name: string) => ByteSource | undefined) | undefined;
  /** Takes the flows of inputs that are logs of flows and no captures, with their numbers in the run. Without it every input is taken for a capture. */
  readonly rows?: RowOptions | undefined;
}

export interface RowOptions {
  readonly onFlows: (table: Table) => void;
  /** Told of every source of rows before its first batch. */
  readonly onSource?: ((source: TableSource) => void) | undefined;
  /** Told of every line that could not be read. */
  readonly onReject?: ((input: string, reject: Reject) => void) | undefined;
  /** The format of all inputs, where the user states it. */
  readonly as?: string | undefined;
  /** What the inputs are, where the caller has looked already. */
  readonly classified?: readonly ClassifiedInput[] | undefined;
}

/**
 * Reads all inputs, in order of their first packet's time, into the flow table. An input that can't be read is summarised with the reason and the others go on;
 * when none can be read, the reason is thrown.
 */
export async function readInputs(
  names: readonly string[],
  base: TimeBase,
  oddities: OddityCounter,
  flowTable: FlowTable,
  onProgress: ((progress: Progress) => void) | undefined,
  signal: AbortSignal | undefined,
  options: ReadOptions = {},
): Promise<InputSummary[]> {
  const { follow, onWait } = options;
  const follower = follow === undefined ? undefined : new Follower(names, { ...follow, signal });
  const classified = await classify(names, options, signal);
  const logs = classified.filter(({ format, rows }) => format !== undefined || rows !== undefined);
  const peeked = new Map(classified.flatMap(({ name, source }) => (source === undefined ? [] : [[name, source]])));
  const simulated = new Set(classified.flatMap((input) => (input.simulated === true ? [input.name] : [])));
  const ordered = await orderByTime(
    classified.flatMap(({ name, format, rows }) => (format === undefined && rows === undefined ? [name] : [])),
    peeked,
  );
  const summaries: InputSummary[] = [];
  let firstError: UserError | undefined;
  let bytesBefore = 0;
  const totalBytes = ordered.reduce<number | undefined>(
    (sum, input) => (sum === undefined || input.size === undefined ? undefined : sum + input.size),
    0,
  );
  // A followed ring makes the list longer while it is read.
  for (let i = 0; i < ordered.length; i++) {
    const name = ordered[i]?.name ?? '';
    const isLast = i === ordered.length - 1;
    if (signal?.aborted === true) {
      summaries.push({
        name,
        format: '',
        compression: '',
        bytes: 0,
        packets: 0,
        status: 'failed',
        message: NOT_READ,
      });
      continue;
    }
    let source: ByteSource | undefined;
    try {
      source =
        options.open?.(name) ??
        peeked.get(name) ??
        (await openInput(name, { signal, onWait, follow: isLast ? follower : undefined }));
      const opened = source;
      const report = (packets: number): void =>
        onProgress?.({
          stage: 'reading',
          input: name,
          bytes: bytesBefore + opened.bytesTaken(),
          totalBytes,
          packets,
          flows: flowTable.rows,
        });
      const untilEnd = endsWhenStopped(source, signal);
      const read = await readOne(
        source,
        i + 1,
        base,
        oddities,
        flowTable,
        report,
        untilEnd ? undefined : signal,
        options,
      );
      summaries.push(simulated.has(name) ? { ...read, simulated: true } : read);
      if (follower !== undefined && isLast) {
        const next = await successorOf(source, follower);
        if (next !== undefined) ordered.push({ name: next, size: undefined });
      }
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const named = error.message.includes(name)
        ? error
        : new UserError(`${name === '-' ? 'standard input' : name}: ${error.message}`, error.hint);
      firstError ??= named;
      summaries.push({
        name,
        format: 'unreadable',
        compression: source?.compression ?? '',
        bytes: source?.totalBytes ?? 0,
        packets: 0,
        status: 'failed',
        message: withoutName(error.message, name),
      });
    } finally {
      bytesBefore += source?.bytesTaken() ?? 0;
      source?.close();
    }
  }
  if (options.rows !== undefined && logs.length > 0) {
    flowTable.finish();
    await options.settle?.(true);
    const { read, error } = await readLogs(logs, options.rows, {
      oddities,
      flowTable,
      onProgress,
      signal,
      bytesBefore,
      inputsBefore: summaries.length,
    });
    summaries.push(...read);
    firstError ??= error;
  }
  if (firstError !== undefined && summaries.every((summary) => summary.status === 'failed')) throw firstError;
  return summaries;
}

async function classify(
  names: readonly string[],
  { rows, open, onWait }: ReadOptions,
  signal: AbortSignal | undefined,
): Promise<readonly ClassifiedInput[]> {
  if (rows === undefined || open !== undefined) return names.map((name) => ({ name, format: undefined }));
  return rows.classified ?? (await classifyInputs(names, { as: rows.as, onWait, signal }));
}

interface LogContext {
  readonly oddities: OddityCounter;
  readonly flowTable: FlowTable;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly bytesBefore: number;
  readonly inputsBefore: number;
}

/** Logs of flows, after all captures: those of a format whose files belong together at once, the others one by one. */
async function readLogs(
  logs: readonly ClassifiedInput[],
  { onFlows, onSource, onReject }: RowOptions,
  { oddities, flowTable, onProgress, signal, bytesBefore, inputsBefore }: LogContext,
): Promise<{ read: InputSummary[]; error: UserError | undefined }> {
  const groups: ClassifiedInput[][] = [];
  for (const log of logs) {
    const group = log.format?.together === true ? groups.find(([first]) => first?.format === log.format) : undefined;
    if (group === undefined) groups.push([log]);
    else group.push(log);
  }
  const read: InputSummary[] = [];
  let error: UserError | undefined;
  let taken = bytesBefore;
  for (const group of groups) {
    const name = group[0]?.name ?? '';
    const format = group[0]?.format;
    if (signal?.aborted === true) {
      for (const log of group) read.push(failedInput(log.name, '', NOT_READ));
      continue;
    }
    try {
      const given = group[0]?.rows;
      if (given === undefined && format?.openFlows === undefined) {
        assertFlows(name, format?.id ?? '', { name: '', version: 1, columns: [] });
        continue;
      }
      const source =
        given ??
        (await format?.openFlows?.(
          group.map(({ name: file, source: stream }) => ({
            name: file,
            open: async () => stream ?? (await openInput(file, { signal })),
          })),
          {
            oddities,
            signal,
            onReject: onReject === undefined ? undefined : (reject) => onReject(name, reject),
          },
        ));
      if (source === undefined) continue;
      assertFlows(source.name, source.format, source.schema);
      onSource?.(source);
      const input = inputsBefore + read.length + 1;
      let packets = 0;
      const summary = await readTables(
        source,
        (table) => {
          packets += table.rowCount;
          onFlows(numberFlows(table, flowTable.reserve(table.rowCount), input));
        },
        {
          signal,
          onProgress: (from) =>
            onProgress?.({
              stage: 'reading',
              input: from.name,
              bytes: taken + from.bytesTaken(),
              totalBytes: from.totalBytes === undefined ? undefined : taken + from.totalBytes,
              packets,
              flows: flowTable.rows,
            }),
        },
      );
      taken += source.bytesTaken();
      read.push(summary);
      // A stretch of a stream has others after it: its report says that nothing came of it.
      if (given === undefined) error ??= nothingRead(summary);
    } catch (caught) {
      if (!(caught instanceof UserError)) throw caught;
      error ??= caught.message.includes(name) ? caught : new UserError(`${name}: ${caught.message}`, caught.hint);
      read.push(failedInput(name, format?.id ?? 'unreadable', withoutName(caught.message, name)));
    }
  }
  return { read, error };
}

/** Whether the signal is passed on to the source, which then comes to its own end: nothing that it holds is left unread. */
function endsWhenStopped(source: ByteSource, signal: AbortSignal | undefined): boolean {
  if (source.stop === undefined) return false;
  signal?.addEventListener('abort', () => void source.stop?.(), { once: true });
  return true;
}

/** The next file of the ring, waited for until there is nothing more to wait for. */
async function successorOf(source: ByteSource, follower: Follower): Promise<string | undefined> {
  for (;;) {
    const next = source.successor?.();
    if (next !== undefined || follower.over) return next;
    await follower.pause();
  }
}

async function readOne(
  source: ByteSource,
  input: number,
  base: TimeBase,
  oddities: OddityCounter,
  flowTable: FlowTable,
  report: (packets: number) => void,
  signal: AbortSignal | undefined,
  { follow, onBatch, settle }: ReadOptions,
): Promise<InputSummary> {
  const reader = new CaptureReader(base, oddities, { input });
  let turn = performance.now();
  while (!reader.done) {
    const filled = source.read(reader.space());
    let got: number | undefined;
    try {
      // A followed input sees the signal itself and ends there, whole.
      got = typeof filled === 'number' ? filled : follow !== undefined ? await filled : await orAborted(filled, signal);
    } catch (error) {
      // What could be unpacked before the damage is data; only when nothing was, the input is unreadable.
      if (!(error instanceof UserError)) throw error;
      const unfinished = error.message.endsWith(' data end early') && source.growing?.() === true;
      if (!unfinished && reader.status().packets === 0) throw error;
      if (!unfinished) {
        reader.cut(`${withoutName(error.message, source.name)}; the packets before it were kept`);
        break;
      }
      got = 0;
    }
    if (got === undefined) {
      reader.cut(STOPPED);
      break;
    }
    if (got === 0) reader.growing = source.growing?.() === true;
    reader.fill(got);
    while (reader.next() > 0) {
      onBatch?.(reader.batch);
      flowTable.process(reader.batch);
      const settling = settle?.(false);
      if (settling !== undefined) await settling;
    }
    if (performance.now() - turn > TURN_MS) {
      report(flowTable.packets);
      await nextTurn();
      if (signal?.aborted === true) {
        reader.cut(STOPPED);
        break;
      }
      turn = performance.now();
    }
  }
  report(flowTable.packets);
  const status = reader.status();
  return {
    name: source.name === '-' ? 'standard input' : source.name,
    format: status.format,
    compression: source.compression,
    bytes: source.bytesTaken(),
    packets: status.packets,
    ...(status.packets > 0 ? { firstMs: base.epochMs(status.firstNs), lastMs: base.epochMs(status.lastNs) } : {}),
    status: status.state,
    ...(status.message === undefined ? {} : { message: status.message }),
  };
}

const STOPPED = 'stopped by the operator; the packets before it were kept';
const NOT_READ = 'not read: stopped before';

/** Whether the operator stopped the reading of these inputs before their end. */
export function wasStopped(inputs: readonly InputSummary[]): boolean {
  return inputs.some(({ message }) => message === STOPPED || message === NOT_READ || message === ROWS_STOPPED);
}

/** What is read, or undefined as soon as the signal comes: a silent stream must not keep the operator waiting. */
function orAborted(read: Promise<number>, signal: AbortSignal | undefined): Promise<number | undefined> {
  if (signal === undefined) return read;
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    read.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

interface OrderedInput {
  readonly name: string;
  readonly size: number | undefined;
}

/** Before this, a capture's clock was not set, or it has no times at all. */
const EARLIEST_CLOCK_MS = 86_400_000;

/**
 * Several inputs go in order of their first packets, as a ring of capture files was written; where that can't be told or is the same, the time in the name decides,
 * then the order given; those without any time stay last.
 */
async function orderByTime(names: readonly string[], peeked: ReadonlyMap<string, ByteSource>): Promise<OrderedInput[]> {
  const inputs: (OrderedInput & { readonly firstMs: number })[] = [];
  for (const name of names) {
    if (name === '-' || peeked.has(name)) {
      inputs.push({ name, size: undefined, firstMs: Number.POSITIVE_INFINITY });
      continue;
    }
    const size = sizeOf(name);
    let source: ByteSource | undefined;
    let firstMs = Number.POSITIVE_INFINITY;
    try {
      // A pipe can be read once only, and a single input needs no order.
      if (names.length > 1 && size !== undefined) {
        source = await openInput(name);
        firstMs = await firstPacketMs(source);
      } else if (names.length > 1) firstMs = timeInName(name) ?? firstMs;
    } catch (error) {
      // It is opened again when its turn comes, and that is where the reason is told.
      if (!(error instanceof UserError)) throw error;
    } finally {
      source?.close();
    }
    inputs.push({ name, size, firstMs });
  }
  const position = new Map(inputs.map((input, i) => [input, i]));
  return inputs.sort((a, b) => {
    if (a.firstMs !== b.firstMs) return a.firstMs - b.firstMs;
    const first = timeInName(a.name) ?? Number.POSITIVE_INFINITY;
    const second = timeInName(b.name) ?? Number.POSITIVE_INFINITY;
    return first === second ? (position.get(a) ?? 0) - (position.get(b) ?? 0) : first - second;
  });
}

async function firstPacketMs(source: ByteSource): Promise<number> {
  const base = new TimeBase();
  const reader = new CaptureReader(base, new OddityCounter(), { batchFrames: 1 });
  while (!reader.done) {
    if (reader.next() > 0) {
      const ms = base.epochMs(reader.batch.timeNs[0] ?? 0);
      return ms > EARLIEST_CLOCK_MS ? ms : Number.POSITIVE_INFINITY;
    }
    reader.fill(await source.read(reader.space()));
  }
  return Number.POSITIVE_INFINITY;
}

function sizeOf(name: string): number | undefined {
  try {
    const stat = fs.statSync(name);
    return stat.isFile() ? stat.size : undefined;
  } catch {
    // The size is for the progress line alone; that the file can't be read is told when it is opened.
    return undefined;
  }
}
