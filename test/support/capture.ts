import { UserError } from '../../src/core/index.ts';
import { FLOW_SCHEMA, type FlowRecord, FlowTable, type FlowTableOptions, flowRecord } from '../../src/flow/index.ts';
import { CaptureReader, type CaptureStatus, OddityCounter, TimeBase } from '../../src/wire/index.ts';

/** What became of one capture that was read from memory to its end. */
export interface CaptureRun {
  readonly flows: FlowRecord[];
  readonly table: FlowTable;
  readonly oddities: OddityCounter;
  readonly status: CaptureStatus;
  readonly base: TimeBase;
  /** Message of the UserError that refused the input, undefined when it was read. */
  readonly refused: string | undefined;
}

export interface CaptureRunOptions {
  readonly flow?: Partial<FlowTableOptions>;
  /** Size of the next piece that is handed to the reader; everything that fits when absent. */
  readonly pieceBytes?: () => number;
  readonly batchFrames?: number;
  /** Sees the reader after every batch, before the flow table does. */
  readonly onBatch?: (reader: CaptureReader) => void;
}

/** Timeouts that no capture reaches: every conversation stays one row until the ports are reused or the input ends. */
export const NO_TIMEOUTS: Partial<FlowTableOptions> = {
  tcpIdleTimeoutMs: 1e15,
  idleTimeoutMs: 1e15,
  activeTimeoutMs: 1e15,
  lingerMs: 1e15,
};

/** Reads a capture from memory through reader and flow table. Only a UserError is caught; anything else is a bug and comes through. */
export function runCapture(bytes: Uint8Array, options: CaptureRunOptions = {}): CaptureRun {
  const { flow = {}, pieceBytes, batchFrames = 4096, onBatch } = options;
  const base = new TimeBase();
  const oddities = new OddityCounter();
  const reader = new CaptureReader(base, oddities, { batchFrames });
  const table = new FlowTable(base, oddities, { maxFlows: 16_384, batchRows: 1024, ...flow });
  let refused: string | undefined;
  let at = 0;
  try {
    while (!reader.done) {
      if (reader.next() > 0) {
        onBatch?.(reader);
        table.process(reader.batch);
      } else if (!reader.done) {
        const space = reader.space();
        const n = Math.min(space.length, bytes.length - at, pieceBytes?.() ?? space.length);
        space.set(bytes.subarray(at, at + n));
        reader.fill(n);
        at += n;
      }
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    refused = error.message;
  }
  table.finish();
  return { flows: flowsOf(table), table, oddities, status: reader.status(), base, refused };
}

/** All rows that wait in the table, as objects. */
export function flowsOf(table: FlowTable): FlowRecord[] {
  const flows: FlowRecord[] = [];
  for (const rows of table.takeTables()) {
    if (rows.schema !== FLOW_SCHEMA) throw new Error('not a flow table');
    for (let row = 0; row < rows.rowCount; row++) flows.push(flowRecord(rows, row));
  }
  return flows;
}
