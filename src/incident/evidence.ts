import type { Detection, EvidenceRecord, Reason } from '../detect/index.ts';
import type { FlowRecord } from '../flow/index.ts';
import type { Evidence, IncidentDetection } from './incident.ts';

export const MAX_INCIDENT_FLOWS = 60;
export const MAX_INCIDENT_MEASURES = 60;

export interface IncidentEvidence {
  readonly detections: readonly IncidentDetection[];
  /** Measures in order of the detections, then flows in order of start time and id, then rows of tables by number. */
  readonly evidence: readonly Evidence[];
}

/**
 * Names the detections d1, d2 ..., their measures m1, m2 ..., their flows f1, f2 ... and their rows r1, r2 ..., each flow and row once however many detections show it.
 * Where there are more than the caps allow, the leading detection keeps all its measures and the rest take turns, so that every detection keeps something
 * before any keeps everything; flows take turns from the start. The order depends on the detections alone.
 */
export function nameEvidence(detections: readonly Detection[]): IncidentEvidence {
  const flows = keptFlows(detections);
  const flowIds = new Map(flows.map(({ key }, i) => [key, `f${i + 1}`]));
  const records = keptRecords(detections);
  const recordIds = new Map(records.map(({ row }, i) => [row, `r${i + 1}`]));
  const reasons = keptReasons(detections);

  const evidence: Evidence[] = [];
  const named = detections.map((detection, i): IncidentDetection => {
    const id = `d${i + 1}`;
    const ids: string[] = [];
    for (const reason of reasons[i] ?? []) {
      const measure = `m${evidence.length + 1}`;
      ids.push(measure);
      evidence.push({ id: measure, type: 'measure', detection: id, ...reason });
    }
    for (const flow of detection.flows) {
      const flowId = flowIds.get(flowKey(flow));
      if (flowId !== undefined && !ids.includes(flowId)) ids.push(flowId);
    }
    for (const { row } of detection.records ?? []) {
      const recordId = recordIds.get(row);
      if (recordId !== undefined && !ids.includes(recordId)) ids.push(recordId);
    }
    const { reasons: _reasons, flows: _flows, records: _records, techniques: _techniques, ...rest } = detection;
    return { ...rest, id, evidence: ids };
  });
  for (const [i, { flow }] of flows.entries()) evidence.push({ id: `f${i + 1}`, type: 'flow', flow });
  for (const [i, record] of records.entries()) evidence.push({ id: `r${i + 1}`, type: 'record', ...record });
  return { detections: named, evidence };
}

/** How many rows of tables the detections show, each once. */
export function distinctRecords(detections: readonly Detection[]): number {
  return new Set(detections.flatMap((detection) => (detection.records ?? []).map(({ row }) => row))).size;
}

/** Rows take turns as flows do. */
function keptRecords(detections: readonly Detection[]): EvidenceRecord[] {
  const kept = new Map<number, EvidenceRecord>();
  const longest = detections.reduce((most, { records = [] }) => Math.max(most, records.length), 0);
  for (let turn = 0; turn < longest; turn++)
    for (const { records = [] } of detections) {
      const record = records[turn];
      if (record !== undefined && kept.size < MAX_INCIDENT_FLOWS && !kept.has(record.row)) kept.set(record.row, record);
    }
  return [...kept.values()].sort((a, b) => a.row - b.row);
}

/** How many flows the detections show, each once. */
export function distinctFlows(detections: readonly Detection[]): number {
  return new Set(detections.flatMap((detection) => detection.flows.map(flowKey))).size;
}

/** The number of the flow in the run; a flow without one, as a log may give, is known by its content. */
function flowKey(flow: FlowRecord): string {
  if (flow.id !== undefined) return String(flow.id);
  const entries = Object.entries(flow).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries);
}

function keptFlows(detections: readonly Detection[]): { key: string; flow: FlowRecord }[] {
  const kept = new Map<string, FlowRecord>();
  const longest = detections.reduce((most, d) => Math.max(most, d.flows.length), 0);
  for (let turn = 0; turn < longest && kept.size < MAX_INCIDENT_FLOWS; turn++) {
    for (const detection of detections) {
      const flow = detection.flows[turn];
      if (flow === undefined || kept.size >= MAX_INCIDENT_FLOWS) continue;
      const key = flowKey(flow);
      if (!kept.has(key)) kept.set(key, flow);
    }
  }
  return [...kept]
    .map(([key, flow]) => ({ key, flow }))
    .sort(
      (a, b) =>
        (a.flow.startMs ?? 0) - (b.flow.startMs ?? 0) ||
        (a.flow.id ?? 0) - (b.flow.id ?? 0) ||
        (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
    );
}

/** Of every detection the first so many reasons. */
function keptReasons(detections: readonly Detection[]): Reason[][] {
  const counts = detections.map((detection, i) =>
    i === 0 ? Math.min(detection.reasons.length, MAX_INCIDENT_MEASURES) : 0,
  );
  let left = MAX_INCIDENT_MEASURES - (counts[0] ?? 0);
  for (let given = true; given && left > 0; ) {
    given = false;
    for (const [i, detection] of detections.entries()) {
      const count = counts[i] ?? 0;
      if (i === 0 || left === 0 || count >= detection.reasons.length) continue;
      counts[i] = count + 1;
      left--;
      given = true;
    }
  }
  return detections.map((detection, i) => detection.reasons.slice(0, counts[i]));
}
