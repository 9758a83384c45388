import { randomInt } from 'node:crypto';
import type { Table } from '../core/index.ts';
import type { Saturation } from '../detect/index.ts';
import { type FlowFilter, FlowTable, type FlowTableOptions } from '../flow/index.ts';
import type { PluginHost } from '../io/index.ts';
import type { InputSummary } from '../report/index.ts';
import { type FrameBatch, OddityCounter, type Packet, TimeBase } from '../wire/index.ts';
import type { Progress } from './analyze.ts';
import { PluginDecoding } from './decoding.ts';
import { type ReadOptions, readInputs, wasStopped } from './read.ts';

export interface FlowsOptions {
  /** Files, or '-' for standard input; folders are expanded before (see `expandInputs`). At least one. */
  readonly inputs: readonly string[];
  /** Lets flows through; all without one. */
  readonly filter?: FlowFilter | undefined;
  readonly flow?: Partial<FlowTableOptions>;
  /** Every batch of finished flows, with the rows that fit. The table is taken back when this returns. */
  readonly onFlows: (flows: Table, rows: Int32Array) => void;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly onWait?: ReadOptions['onWait'];
  readonly follow?: ReadOptions['follow'];
  /** The format of all inputs, where the user states it. */
  readonly as?: string | undefined;
  /** Their decoders are shown the first payload of flows on their ports. */
  readonly plugins?: PluginHost | undefined;
  /** Told of every frame that belongs to no flow, as `FlowTable.onOther` is. */
  readonly onOther?: ((packet: Packet, timeNs: number, base: TimeBase) => void) | undefined;
  /** Sees every batch of frames. */
  readonly onBatch?: ((batch: FrameBatch) => void) | undefined;
  /** Stops the reading; flows that live then are written as they are. */
  readonly signal?: AbortSignal | undefined;
}

export interface FlowsResult {
  readonly inputs: readonly InputSummary[];
  readonly packets: number;
  /** All flows, and those that the filter let through. */
  readonly flows: number;
  readonly shown: number;
  /** Flows that were written early because the table of live ones was full. */
  readonly evicted: number;
  /** What decoders of plugins were not asked about, for want of room. */
  readonly saturations: readonly Saturation[];
  /** Whether the operator stopped the reading before the end of the input. */
  readonly stopped: boolean;
}

/**
 * Captures to flows, without models and detectors: each flow is handed over when it ends, in memory that does not grow with the input. Throws UserError when no
 * input could be read at all.
 */
export async function streamFlows(options: FlowsOptions): Promise<FlowsResult> {
  const { inputs, filter, flow = {}, onFlows, onProgress, onWait, follow, onBatch, signal, as, plugins } = options;
  const base = new TimeBase();
  const oddities = new OddityCounter();
  const table = new FlowTable(base, oddities, { hashSeed: randomInt(2 ** 31), ...flow });
  const { onOther } = options;
  if (onOther !== undefined) table.onOther = (packet, timeNs) => onOther(packet, timeNs, base);
  let shown = 0;
  const take = (flows: Table, made: Table): void => {
    const rows = filter === undefined ? allRows(flows.rowCount) : filter.rows(flows);
    shown += rows.length;
    onFlows(flows, rows);
    table.recycle(made);
  };
  table.onTable = (flows) => take(flows, flows);
  const decoding = PluginDecoding.of(plugins, table, take);
  const summaries = await readInputs(inputs, base, oddities, table, onProgress, signal, {
    follow,
    onWait,
    onBatch,
    settle: decoding === undefined ? undefined : (all) => decoding.settle(all),
    // What is followed is a capture that somebody writes.
    ...(follow === undefined ? { rows: { onFlows: (flows: Table) => take(flows, flows), as } } : {}),
  });
  table.finish();
  await decoding?.settle(true);
  return {
    inputs: summaries,
    packets: table.packets,
    flows: table.rows,
    shown,
    evicted: oddities.of('flow.evicted'),
    saturations: decoding?.saturations() ?? [],
    stopped: wasStopped(summaries),
  };
}

function allRows(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, row) => row);
}
