import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gzipSync, inflateRawSync } from 'node:zlib';
import { UserError } from '../core/index.ts';
import { type Detection, EvidenceStore } from '../detect/index.ts';
import { AlertKeeper, type Feedback, NO_FEEDBACK, type PastAlert, parseAlertBudget } from '../incident/index.ts';
import { describeFileError, OutputFile } from '../io/index.ts';
import type { AnalysisResult } from '../report/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet } from '../wire/index.ts';
import type { AnalysisParts } from './analyze.ts';
import type { AssembleSettings } from './assemble.ts';
import type { Config } from './config.ts';
import type { LearningOptions } from './learning.ts';
import type { RecordsKept } from './record.ts';
import { productVersion } from './version.ts';

/**
 * What a report was put together of, so that it can be put together again: with other suppressions (`anomalyst feedback`), or byte for byte (`anomalyst replay`).
 * gzip of lines of JSON: a head, the result without its incidents, a detection each with the flows it rests on, and a line with the SHA-256 of all lines
 * before it. Holds no packet and no flow that no detection cites (those are in `RECORDS_FILE`); text in it may come from the network.
 */
export const ARCHIVE_FILE = 'archive.ndjson.gz';
export const ARCHIVE_VERSION = 2;
/** More than these are not kept, and the archive says so: it then serves no replay. */
export const MAX_ARCHIVE_DETECTIONS = 20_000;
/** Bytes of text that are read back at most. */
const MAX_TEXT_BYTES = 1 << 30;
const MEMBER_BYTES = 1 << 20;

/** What the run was told, beside its inputs. */
export interface ArchiveSettings {
  /** 'flows': who is at home counts; 'rows': of tables, where everything is. */
  readonly kind: 'flows' | 'rows';
  /** The suppressions that were used, and where they stand: relative to the report's folder, or as the user named it. */
  readonly feedback: Feedback;
  readonly feedbackFile: string;
  /** '3/week', and the alerts that were shown before this run. */
  readonly alertBudget?: {
    readonly text: string;
    readonly before: readonly PastAlert[];
    /** Where they stand: relative to the report's folder. */
    readonly file: string;
  };
  /** Importance by address and hardware address, where a baseline gave one. */
  readonly importance: readonly (readonly [key: string, worth: number])[];
  /** What detectors and models were told: for running them again. */
  readonly detect?: Config['detect'];
  readonly learning?: Pick<LearningOptions, 'kind' | 'every'>;
  readonly timeZone?: string;
  /** Thresholds, timeouts and the model as they were set, for people and for a run on the inputs. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface Archive {
  readonly tool: string;
  readonly settings: ArchiveSettings;
  /** Detections of the run; more than are kept where it was cut. */
  readonly detectionCount: number;
  readonly parts: Pick<AnalysisParts, 'base' | 'detections'>;
  /** The records that the detectors looked at. */
  readonly records: RecordsKept;
}

export function archiveOf(
  parts: AnalysisParts,
  settings: Omit<ArchiveSettings, 'importance'>,
  records: RecordsKept,
): Archive {
  return {
    records,
    tool: productVersion(),
    settings: { ...settings, importance: [...(parts.importance ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)) },
    detectionCount: parts.detections.length,
    parts: { base: parts.base, detections: parts.detections.slice(0, MAX_ARCHIVE_DETECTIONS) },
  };
}

/** The settings that make of the archive's detections what they made before. @param feedback other rules and labels than those of the run. */
export function assembleSettingsOf(archive: Archive, feedback: Feedback = archive.settings.feedback): AssembleSettings {
  const { kind, alertBudget, importance } = archive.settings;
  const { homeNet } = archive.parts.base.run;
  const home = NetworkSet.parse(homeNet.length === 0 ? DEFAULT_HOME_NETWORKS : homeNet);
  const worth = new Map(importance);
  const budget = alertBudget === undefined ? undefined : parseAlertBudget(alertBudget.text);
  return {
    isHome: kind === 'rows' ? () => true : (address) => home?.has(address) === true,
    importanceOf:
      importance.length === 0
        ? undefined
        : (address, mac) => worth.get(importanceKey(address, mac)) ?? worth.get(importanceKey(address, undefined)),
    feedback,
    keeper: budget === undefined ? undefined : new AlertKeeper(budget, alertBudget?.before),
  };
}

export function importanceKey(address: string, mac: string | undefined): string {
  return mac === undefined ? address : `${address} ${mac}`;
}

/** Writes the archive into the folder. Returns its size in bytes. The same archive gives the same bytes. Throws UserError where the disk fails. */
export function writeArchive(folder: string, archive: Archive): number {
  const file = new OutputFile(folder, ARCHIVE_FILE);
  try {
    let bytes = 0;
    for (const member of encodeArchive(archive)) {
      file.write(member);
      bytes += member.length;
    }
    file.finish();
    return bytes;
  } catch (error) {
    file.discard();
    throw error;
  }
}

function* encodeArchive({ tool, settings, detectionCount, parts, records }: Archive): Generator<Uint8Array> {
  const digest = createHash('sha256');
  let text = '';
  const line = (value: unknown): void => {
    const one = `${JSON.stringify(value)}\n`;
    digest.update(one);
    text += one;
  };
  line({ format: 'anomalyst-archive', version: ARCHIVE_VERSION, tool, detectionCount, settings, records });
  line(parts.base);
  for (const detection of parts.detections) {
    line(detection);
    if (text.length < MEMBER_BYTES) continue;
    yield gzipSync(text);
    text = '';
  }
  yield gzipSync(`${text}${JSON.stringify({ sha256: digest.digest('hex') })}\n`);
}

/** The archive in the folder of a report. Throws UserError where it is missing, damaged or of another version. */
export function readArchive(folder: string): Archive {
  const file = path.join(folder, ARCHIVE_FILE);
  let bytes: Uint8Array;
  try {
    bytes = fs.readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new UserError(
        `there is no ${file}`,
        'run anomalyst analyze first, or name the folder of its report with --report',
      );
    throw describeFileError(error, file, 'read');
  }
  const damaged = (): UserError =>
    new UserError(`${file} is damaged, or no archive of a report`, 'run anomalyst analyze again');
  if (!isWhole(bytes)) throw damaged();
  // The digest holds: this is what we wrote ourselves, once it is of our version.
  const lines = linesOf(bytes);
  const head = parsed(lines.next().value ?? '');
  if (member(head, 'format') !== 'anomalyst-archive') throw damaged();
  if (member(head, 'version') !== ARCHIVE_VERSION)
    throw new UserError(
      `${file} is of version ${String(member(head, 'version'))}, and this program reads version ${ARCHIVE_VERSION}`,
      'use the version of anomalyst that wrote it, or run anomalyst analyze again',
    );
  const base = parsed(lines.next().value ?? '') as AnalysisResult;
  const evidence = new EvidenceStore();
  const detections: Detection[] = [];
  for (const line of lines) {
    const detection = parsed(line) as Detection;
    detections.push({ ...detection, flows: evidence.addAll(detection.flows) });
  }
  const { tool, detectionCount, settings, records } = head as Pick<
    Archive,
    'tool' | 'detectionCount' | 'settings' | 'records'
  >;
  return {
    tool,
    records,
    detectionCount,
    settings: { ...settings, feedback: settings.feedback ?? NO_FEEDBACK },
    parts: { base, detections },
  };
}

/** Whether an archive ends with the SHA-256 of its text. */
function isWhole(bytes: Uint8Array): boolean {
  const digest = createHash('sha256');
  let last = '';
  try {
    for (const text of textsOf(bytes)) {
      digest.update(last);
      last = text;
    }
  } catch {
    return false;
  }
  const end = last.lastIndexOf('\n', last.length - 2) + 1;
  return member(parsed(last.slice(end)), 'sha256') === digest.update(last.slice(0, end)).digest('hex');
}

/** The lines of a whole archive without the last one, which holds the digest. */
function* linesOf(bytes: Uint8Array): Generator<string, undefined> {
  let before: string | undefined;
  for (const text of textsOf(bytes))
    for (const line of text.trimEnd().split('\n')) {
      if (before !== undefined) yield before;
      before = line;
    }
}

/** Bytes of a member's header without names and the like, as zlib writes it, and of what stands after its data (RFC 1952). */
const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const PLAIN_HEADER = [0x1f, 0x8b, 8, 0];

/** The text of an archive, a member at a time: each ends with a line. Throws where it is damaged; not wherever it is, which the digest tells. */
function* textsOf(bytes: Uint8Array): Generator<string> {
  let textBytes = 0;
  for (let at = 0; at < bytes.length; at += TRAILER_BYTES) {
    if (PLAIN_HEADER.some((byte, i) => bytes[at + i] !== byte)) throw new Error('no member of gzip');
    at += HEADER_BYTES;
    // The types do not know what `info` gives.
    const inflated: unknown = inflateRawSync(bytes.subarray(at), {
      info: true,
      maxOutputLength: MAX_TEXT_BYTES - textBytes,
    });
    const { buffer, engine } = inflated as {
      readonly buffer: Buffer;
      readonly engine: { readonly bytesWritten: number };
    };
    textBytes += buffer.length;
    at += engine.bytesWritten;
    yield buffer.toString('utf8');
  }
}

/** Throws UserError where the archive does not hold all detections of its run. */
export function requireWhole({ detectionCount, parts }: Archive): void {
  if (parts.detections.length < detectionCount)
    throw new UserError(
      `the archive holds ${parts.detections.length} of ${detectionCount} detections, so the report can't be put together from it`,
      'run anomalyst analyze again on the inputs, with --suppressions',
    );
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
