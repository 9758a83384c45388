import type { JudgedIncident } from '../analyst/index.ts';
import { type AnalysisResult, incidentJson } from '../report/index.ts';
import { type Archive, assembleSettingsOf, requireWhole } from './archive.ts';
import { assembleResult } from './assemble.ts';
import { productVersion } from './version.ts';

export interface Replay {
  readonly result: AnalysisResult;
  /** The incident as it comes out now; undefined where it does not. */
  readonly incident: JudgedIncident | undefined;
  /** Whether it stands byte for byte in the stored report. */
  readonly isSame: boolean;
  /** What differs: places in the incident with what was stored and what comes out, at most `MAX_DIFFERENCES`. */
  readonly differences: readonly string[];
}

const MAX_DIFFERENCES = 20;

/**
 * Puts the report together again from its archive, and compares one incident with the stored one. @param stored the text of incidents.json.
 * @param id of the incident. Throws UserError where the archive does not hold all detections.
 */
export async function replayIncident(archive: Archive, stored: string, id: string): Promise<Replay> {
  requireWhole(archive);
  const result = await assembleResult(archive.parts.base, archive.parts.detections, assembleSettingsOf(archive));
  const incident = result.incidents.find((one) => one.id === id);
  const text = incident === undefined ? undefined : incidentJson(incident);
  const isSame = text !== undefined && stored.includes(text);
  const differences: string[] = [];
  if (!isSame) {
    if (archive.tool !== productVersion())
      differences.push(`version: the report is of anomalyst ${archive.tool}, this is ${productVersion()}`);
    const before = storedIncident(stored, id);
    if (before === undefined) differences.push(`the stored report has no incident ${id}`);
    else if (text === undefined) differences.push('the incident does not come out of the archive');
    else compare(before, JSON.parse(text), '', differences);
    if (differences.length === 0) differences.push('the same values are written in other bytes');
  }
  return { result, incident, isSame, differences: differences.slice(0, MAX_DIFFERENCES) };
}

function storedIncident(stored: string, id: string): unknown {
  const document: unknown = JSON.parse(stored);
  const incidents: unknown =
    typeof document === 'object' && document !== null ? (document as Record<string, unknown>)['incidents'] : undefined;
  return Array.isArray(incidents)
    ? incidents.find((one: unknown) => typeof one === 'object' && one !== null && (one as { id?: unknown }).id === id)
    : undefined;
}

/** Where two values of JSON differ, in the order of the first. */
function compare(before: unknown, now: unknown, place: string, into: string[]): void {
  if (into.length >= MAX_DIFFERENCES || Object.is(before, now)) return;
  if (typeof before === 'object' && before !== null && typeof now === 'object' && now !== null) {
    const a = before as Record<string, unknown>;
    const b = now as Record<string, unknown>;
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
      compare(a[key], b[key], place === '' ? key : `${place}.${key}`, into);
    return;
  }
  into.push(`${place}: stored ${brief(before)}, now ${brief(now)}`);
}

function brief(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}
