import type { JudgedIncident } from '../analyst/index.ts';
import { counted, humanCount, type Schema, UserError } from '../core/index.ts';
import { BaselineFile, type Detection, ThreatLists } from '../detect/index.ts';
import { unpackThreatList } from '../io/index.ts';
import { type AnalysisResult, incidentJson } from '../report/index.ts';
import { analyze } from './analyze.ts';
import { type Archive, assembleSettingsOf, requireWhole } from './archive.ts';
import { assembleResult } from './assemble.ts';
import { LearningModel } from './learning.ts';
import type { GivenFile, GivenRole, StoredRecords } from './record.ts';
import { analyzeTable, type TablePlan } from './table/index.ts';
import { productVersion } from './version.ts';

export interface Replay {
  readonly result: AnalysisResult;
  /** The incident as it comes out now; undefined where it does not. */
  readonly incident: JudgedIncident | undefined;
  /** Whether it stands byte for byte in the stored report. */
  readonly isSame: boolean;
  /** What differs: places in the incident with what was stored and what comes out, at most `MAX_DIFFERENCES`. */
  readonly differences: readonly string[];
  /** What else of the run came out differently, where the detectors ran again: sentences, at most `MAX_DIFFERENCES`. */
  readonly remarks: readonly string[];
}

const MAX_DIFFERENCES = 20;

/** What detectors say of stored records. */
export interface DetectedAgain {
  readonly detections: readonly Detection[];
  /** Checksum of the model that was fitted, or given; undefined where there was none. */
  readonly model: string | undefined;
}

export interface DetectOptions {
  /** Folder for the scratch file that many records need. */
  readonly scratchFolder: string;
  /** Makes of definitions that were given what is asked of the records. */
  readonly plan?: (file: GivenFile) => Promise<(schema: Schema, encoding: TableEncoding) => TablePlan>;
}
type TableEncoding = Parameters<NonNullable<Parameters<typeof analyzeTable>[0]['plan']>>[1];

/**
 * Runs features, model and detectors again on the records of a report, with the settings, the seed and what was given. The same code as in the analysis; only the reading of the inputs is left out.
 * Throws UserError where something given does not load any more.
 */
export async function detectAgain(
  archive: Archive,
  stored: StoredRecords,
  { scratchFolder, plan: planOf }: DetectOptions,
): Promise<DetectedAgain> {
  const { settings, parts } = archive;
  const { homeNet, seed } = parts.base.run;
  const [model] = givenAs(stored, 'model');
  const [baseline] = givenAs(stored, 'baseline');
  const [definitions] = givenAs(stored, 'definitions');
  const plan = definitions === undefined ? undefined : await planOf?.(definitions);
  const shared = {
    inputs: [],
    seed,
    stored,
    scratchFolder,
    ...(model === undefined ? {} : { model: { name: model.name, bytes: model.bytes } }),
    ...(settings.learning === undefined ? {} : { learning: new LearningModel(settings.learning) }),
    ...(plan === undefined ? {} : { plan }),
  };
  const { parts: now, model: fitted } =
    settings.kind === 'rows'
      ? await analyzeTable(shared)
      : await analyze({
          ...shared,
          homeNet,
          ...(settings.detect === undefined ? {} : { detect: settings.detect }),
          ...(baseline === undefined ? {} : { baseline: BaselineFile.parse(textOf(baseline), baseline.name).baseline }),
          ...threatsOf(givenAs(stored, 'threat-list')),
        });
  return { detections: now.detections, model: fitted?.checksum };
}

function givenAs({ given }: StoredRecords, role: GivenRole): readonly GivenFile[] {
  return given.filter((file) => file.role === role);
}

function textOf({ bytes }: GivenFile): string {
  return new TextDecoder().decode(bytes);
}

function threatsOf(files: readonly GivenFile[]): { readonly threats?: ThreatLists } {
  if (files.length === 0) return {};
  const threats = new ThreatLists();
  for (const { name, bytes } of files)
    threats.add(new TextDecoder().decode(unpackThreatList(bytes, name)), name.replace(/^.*[/\\]/, ''));
  return { threats };
}

/**
 * Puts the report together again, and compares one incident with the stored one. @param stored the text of incidents.json, or of the incident as it stands there. @param id of the incident.
 * @param again what the detectors said when they ran again; without it the stored detections are what it begins with, and the archive must hold all of them (UserError).
 */
export async function replayIncident(
  archive: Archive,
  stored: string,
  id: string,
  again?: DetectedAgain,
): Promise<Replay> {
  if (again === undefined) requireWhole(archive);
  const { base, detections } = archive.parts;
  const result = await assembleResult(base, again?.detections ?? detections, assembleSettingsOf(archive));
  const incident = result.incidents.find((one) => one.id === id);
  const text = incident === undefined ? undefined : incidentJson(incident);
  const isSame = text !== undefined && stored.includes(text);
  const remarks = again === undefined ? [] : remarksOn(archive, again);
  const differences: string[] = [];
  if (!isSame) {
    if (archive.tool !== productVersion())
      differences.push(`version: the report is of anomalyst ${archive.tool}, this is ${productVersion()}`);
    const before = storedIncident(stored, id);
    if (before === undefined) differences.push(`the stored report has no incident ${id}`);
    else if (text === undefined)
      differences.push(
        again === undefined
          ? 'the incident does not come out of the archive'
          : 'the incident does not come out of the records',
      );
    else compare(before, JSON.parse(text), '', differences);
    if (differences.length === 0) differences.push('the same values are written in other bytes');
  }
  return { result, incident, isSame, differences: differences.slice(0, MAX_DIFFERENCES), remarks };
}

/** What of the model and of all detections is not as it was. */
function remarksOn({ parts, detectionCount }: Archive, again: DetectedAgain): string[] {
  const remarks: string[] = [];
  const model = parts.base.run.model?.checksum;
  if (model !== again.model)
    remarks.push(`model: stored ${model?.slice(0, 12) ?? 'none'}, now ${again.model?.slice(0, 12) ?? 'none'}`);
  if (detectionCount !== again.detections.length)
    remarks.push(`stored ${counted(detectionCount, 'detection')}, now ${humanCount(again.detections.length)}`);
  const now = new Map<string, Detection[]>();
  for (const detection of again.detections) {
    const alike = now.get(keyOf(detection));
    if (alike === undefined) now.set(keyOf(detection), [detection]);
    else alike.push(detection);
  }
  for (const before of parts.detections) {
    const name = `${before.kind} of ${before.actor}`;
    const after = now.get(keyOf(before))?.shift();
    if (after === undefined) remarks.push(`${name} is not found any more`);
    else compare(before, JSON.parse(JSON.stringify(after)), name, remarks);
    if (remarks.length >= MAX_DIFFERENCES) break;
  }
  // Of an archive that was cut it is not known which ones are new.
  if (parts.detections.length === detectionCount)
    for (const { kind, actor } of [...now.values()].flat()) remarks.push(`${kind} of ${actor} was not found before`);
  return remarks.slice(0, MAX_DIFFERENCES);
}

function keyOf({ kind, actor, peers, port, firstMs }: Detection): string {
  return JSON.stringify([kind, actor, peers[0], port, firstMs]);
}

/** Why the detectors can't run again on the records of a report; undefined where they can. @param open opens them, as `new StoredRecords` does. */
export function openRecords(
  { records, tool }: Archive,
  open: (kept: Extract<Archive['records'], { isKept: true }>) => StoredRecords,
): { readonly stored: StoredRecords } | { readonly why: string } {
  if (!records.isKept) return { why: `the records were not kept: ${records.why}` };
  try {
    return { stored: open(records) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { why: tool === productVersion() ? error.message : `${error.message} (written by anomalyst ${tool})` };
  }
}

function storedIncident(stored: string, id: string): unknown {
  const document: unknown = JSON.parse(stored);
  if (memberOf(document, 'id') === id) return document;
  const incidents = memberOf(document, 'incidents');
  return Array.isArray(incidents) ? incidents.find((one: unknown) => memberOf(one, 'id') === id) : undefined;
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
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
