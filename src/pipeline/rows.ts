import { type Column, counted, type Schema, Table, UserError } from '../core/index.ts';
import { FLOW_COLUMN, FLOW_SCHEMA } from '../flow/index.ts';
import type { TableSource, TableStatus } from '../io/index.ts';
import type { InputSummary } from '../report/index.ts';
import { nextTurn, TURN_MS } from './turn.ts';

export interface RowReading {
  /** Told now and then how far the source is. */
  readonly onProgress?: ((source: TableSource) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a run says of an input whose reading the operator stopped. */
export const ROWS_STOPPED = 'stopped by the operator; the rows before it were kept';

/** Hands every batch of a source to `onTable`, and says in the end what was read. Closes the source. Rejects with the source's UserError where nothing of it could be read. */
export async function readTables(
  source: TableSource,
  onTable: (table: Table) => void,
  { onProgress, signal }: RowReading = {},
): Promise<InputSummary> {
  let turn = performance.now();
  let stopped = false;
  const stop = (): void => void source.stop?.();
  if (source.stop !== undefined) signal?.addEventListener('abort', stop, { once: true });
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  try {
    for (;;) {
      // A source with an end of its own comes to it; any other is left where it stands.
      if (signal?.aborted === true && source.stop === undefined) {
        stopped = true;
        break;
      }
      const table = await source.read();
      if (table === undefined) break;
      if (table.schema.name === FLOW_SCHEMA.name) {
        firstMs = Math.min(firstMs, leastOf(table, FLOW_COLUMN.startMs));
        // A row that no end is known of was there when it began.
        for (const column of [FLOW_COLUMN.startMs, FLOW_COLUMN.endMs])
          lastMs = Math.max(lastMs, -leastOf(table, column, -1));
      }
      onTable(table);
      if (performance.now() - turn > TURN_MS) {
        onProgress?.(source);
        await nextTurn();
        turn = performance.now();
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    source.close();
  }
  onProgress?.(source);
  const status = source.status();
  const rejected = rejectedText(source, status);
  const message = stopped ? ROWS_STOPPED : [status.message, rejected].filter(Boolean).join('; ');
  // Lines were there, and none of them is a row: the input is not what it was taken for.
  const failed = !stopped && status.rows === 0 && status.rejected > 0;
  return {
    name: source.name === '-' ? 'standard input' : source.name,
    format: source.format,
    compression: source.compression,
    bytes: source.bytesTaken(),
    packets: 0,
    rows: status.rows,
    rejected: status.rejected,
    ...(firstMs <= lastMs ? { firstMs, lastMs } : {}),
    status: failed ? 'failed' : stopped || status.state === 'cut' ? 'cut' : 'complete',
    ...(message === '' ? {} : { message }),
  };
}

/** Why a run ends that has no other input: of this one nothing could be read. Undefined where something could. */
export function nothingRead({ name, status, message = 'nothing could be read' }: InputSummary): UserError | undefined {
  return status === 'failed' ? new UserError(`${name}: ${message}`, HINT_NOTHING) : undefined;
}

const HINT_NOTHING =
  'anomalyst formats lists what can be read; --as states what an input is, without it its content tells';

/** What a run says of an input of which nothing was read. */
export function failedInput(name: string, format: string, message: string): InputSummary {
  return { name, format, compression: '', bytes: 0, packets: 0, status: 'failed', message };
}

/** A message without the name of the input before it, for places where that stands already. */
export function withoutName(message: string, name: string): string {
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
}

function rejectedText({ rejectNoun = 'line' }: TableSource, { rejected, rejects }: TableStatus): string {
  const [first] = rejects;
  if (rejected === 0) return '';
  // What is no line has no number that anybody could look up.
  const where = rejectNoun === 'line' ? ` is line ${first?.line ?? 0}` : '';
  return `${counted(rejected, rejectNoun)} could not be read${first === undefined ? '' : ` (the first${where}: ${first.reason})`}`;
}

/** The least value of a number column times `sign`; infinity where there is none. */
function leastOf(table: Table, column: number, sign = 1): number {
  const found = table.columns[column];
  let least = Number.POSITIVE_INFINITY;
  if (found === undefined || found.kind === 'string') return least;
  const { values, valid } = found;
  for (let row = 0; row < table.rowCount; row++) {
    if (valid !== undefined && ((valid[row >> 3] ?? 0) & (1 << (row & 7))) === 0) continue;
    const value = sign * (values[row] ?? 0);
    if (value < least) least = value;
  }
  return least;
}

/** A flow table as the run numbers it: ids from `firstId`, and the position of the input, from 1. */
export function numberFlows(table: Table, firstId: number, input: number): Table {
  const n = table.rowCount;
  // What a source has beyond the columns of flows (labels, notes) is not of the run.
  const columns: Column[] = table.columns.slice(0, FLOW_SCHEMA.columns.length);
  columns[FLOW_COLUMN.id] = {
    kind: 'int32',
    values: Int32Array.from({ length: n }, (_, row) => firstId + row),
    valid: undefined,
  };
  columns[FLOW_COLUMN.input] = { kind: 'int32', values: new Int32Array(n).fill(input), valid: undefined };
  return new Table(FLOW_SCHEMA, n, columns);
}

/** Refuses a table that is no flow table where flows are wanted. */
export function assertFlows(name: string, format: string, schema: Schema): void {
  if (schema.name !== FLOW_SCHEMA.name)
    throw new UserError(
      `${name}: a table (${format}), and no capture or flow log`,
      'analyze reads it by itself: anomalyst analyze <table> [--features definitions.yaml]',
    );
}
