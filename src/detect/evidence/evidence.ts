import type { Table } from '../../core/index.ts';
import { FLOW_COLUMN, type FlowRecord } from '../../flow/index.ts';
import type { Detection } from '../detection.ts';
import { EvidenceStore } from './store.ts';

/**
 * The flows that detections hold as evidence, to be completed from the flow tables in a second look at them: while a detector runs it keeps of a flow
 * only what says which one it is (see `EvidencePool`). Holds as many rows as the detections have evidence, as bytes.
 */
export class EvidenceRows {
  #wanted = new Set<number>();
  #rows = new Map<number, FlowRecord>();
  #store = new EvidenceStore();

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
      if (id !== undefined && this.#wanted.has(id)) this.#rows.set(id, this.#store.add(table, row));
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
