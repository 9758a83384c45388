import * as fs from 'node:fs';
import { UserError } from '../core/index.ts';
import type { FlowTable } from '../flow/index.ts';
import { type ByteSource, openInput } from '../io/index.ts';
import type { InputSummary } from '../report/index.ts';
import { CaptureReader, OddityCounter, TimeBase } from '../wire/index.ts';
import type { Progress } from './analyze.ts';
import { nextTurn, TURN_MS } from './turn.ts';

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
): Promise<InputSummary[]> {
  const ordered = await orderByTime(names);
  const summaries: InputSummary[] = [];
  let firstError: UserError | undefined;
  let bytesBefore = 0;
  const totalBytes = ordered.reduce<number | undefined>(
    (sum, input) => (sum === undefined || input.size === undefined ? undefined : sum + input.size),
    0,
  );
  for (const [i, { name }] of ordered.entries()) {
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
      source = await openInput(name);
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
      summaries.push(await readOne(source, i + 1, base, oddities, flowTable, report, signal));
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
  if (firstError !== undefined && summaries.every((summary) => summary.status === 'failed')) throw firstError;
  return summaries;
}

async function readOne(
  source: ByteSource,
  input: number,
  base: TimeBase,
  oddities: OddityCounter,
  flowTable: FlowTable,
  report: (packets: number) => void,
  signal: AbortSignal | undefined,
): Promise<InputSummary> {
  const reader = new CaptureReader(base, oddities, { input });
  let turn = performance.now();
  while (!reader.done) {
    const filled = source.read(reader.space());
    try {
      const got = typeof filled === 'number' ? filled : await orAborted(filled, signal);
      if (got === undefined) {
        reader.cut(STOPPED);
        break;
      }
      reader.fill(got);
    } catch (error) {
      // What could be unpacked before the damage is data; only when nothing was, the input is unreadable.
      if (!(error instanceof UserError) || reader.status().packets === 0) throw error;
      reader.cut(`${withoutName(error.message, source.name)}; the packets before it were kept`);
      break;
    }
    while (reader.next() > 0) {
      flowTable.process(reader.batch);
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
  return inputs.some((input) => input.message === STOPPED || input.message === NOT_READ);
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

function withoutName(message: string, name: string): string {
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
}

/** Before this, a capture's clock was not set, or it has no times at all. */
const EARLIEST_CLOCK_MS = 86_400_000;

/** Several inputs go in order of their first packets, as a ring of capture files was written; those whose time can't be told stay last, in the order given. */
async function orderByTime(names: readonly string[]): Promise<OrderedInput[]> {
  const inputs: (OrderedInput & { readonly firstMs: number })[] = [];
  for (const name of names) {
    if (name === '-') {
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
      }
    } catch (error) {
      // It is opened again when its turn comes, and that is where the reason is told.
      if (!(error instanceof UserError)) throw error;
    } finally {
      source?.close();
    }
    inputs.push({ name, size, firstMs });
  }
  const position = new Map(inputs.map((input, i) => [input, i]));
  return inputs.sort((a, b) =>
    a.firstMs === b.firstMs ? (position.get(a) ?? 0) - (position.get(b) ?? 0) : a.firstMs - b.firstMs,
  );
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
