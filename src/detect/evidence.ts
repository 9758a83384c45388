import type { Table } from '../core/index.ts';
import { FLOW_COLUMN, type FlowRecord, flowRecord } from '../flow/index.ts';
import type { Detection } from './detection.ts';

/**
 * The flows that detections hold as evidence, to be completed from the flow tables in a second look at them: while a detector runs it keeps of a flow
 * only what says which one it is (see `EvidencePool`). Holds as many rows as the detections have evidence.
 */
export class EvidenceRows {
  #wanted = new Set<number>();
  #rows = new Map<number, FlowRecord>();

  constructor(detections: readonly Detection[]) {
    for (const detection of detections)
      for (const { id } of detection.flows) if (id !== undefined) this.#wanted.add(id);
  }

  /** Takes the rows that are wanted from a flow table. */
  observe(table: Table): void {
    if (this.#wanted.size === 0) return;
    const column = table.columns[FLOW_COLUMN.id];
    if (column === undefined || column.kind === 'string') return;
    for (let row = 0; row < table.rowCount; row++) {
      const id = column.values[row];
      if (id !== undefined && this.#wanted.has(id)) this.#rows.set(id, compact(flowRecord(table, row)));
    }
  }

  /** The detections with whole rows; a flow whose row was not seen again stays as brief as it was. */
  complete(detections: readonly Detection[]): Detection[] {
    return detections.map((detection) => ({
      ...detection,
      flows: detection.flows.map((flow) => (flow.id === undefined ? flow : (this.#rows.get(flow.id) ?? flow))),
    }));
  }
}

/**
 * The same record as V8 keeps what it parses from JSON: members by a shape that all such records share, where one that was put together member by member is a hash table of its
 * own, of five times the size. Here that is 40 MB where there are a thousand incidents. A number that JSON does not know stays as it is.
 */
function compact(record: FlowRecord): FlowRecord {
  for (const value of Object.values(record)) if (typeof value === 'number' && !Number.isFinite(value)) return record;
  return JSON.parse(JSON.stringify(record)) as FlowRecord;
}
