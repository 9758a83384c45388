import * as fs from 'node:fs';
import * as path from 'node:path';
import { safeText, UserError } from '../../core/index.ts';
import { describeFileError } from '../../io/index.ts';
import { type AnalysisResult, incidentsDocument } from '../../report/index.ts';
import { storedResult } from './stored-result.ts';

/** The file of a report that is read back. */
export const INCIDENTS_FILE = 'incidents.json';
/** Folders looked into, and levels below the first: windows of a live run lie one level down. */
const MAX_FOLDERS = 10_000;
const MAX_DEPTH = 3;

/** A report on disk. */
export interface StoredReport {
  /** The folder that it lies in. */
  readonly folder: string;
  /** When incidents.json was written, epoch ms. */
  readonly writtenMs: number;
}

/**
 * The reports in a folder and in those inside of it (windows of a live run), oldest first; of the same time in order of their names. Links are not followed. Throws UserError where there is none.
 */
export function findReports(folder: string): StoredReport[] {
  const found: StoredReport[] = [];
  let looked = 0;
  const look = (at: string, depth: number): void => {
    if (looked++ >= MAX_FOLDERS) return;
    let entries: fs.Dirent[];
    try {
      entries = fs.readdirSync(at, { withFileTypes: true });
    } catch (error) {
      if (depth === 0) throw describeFileError(error, at, 'read');
      return;
    }
    for (const entry of entries) {
      if (entry.isFile() && entry.name === INCIDENTS_FILE)
        found.push({ folder: at, writtenMs: fs.statSync(path.join(at, entry.name)).mtimeMs });
      else if (entry.isDirectory() && depth < MAX_DEPTH) look(path.join(at, entry.name), depth + 1);
    }
  };
  look(folder, 0);
  if (found.length === 0)
    throw new UserError(
      `${safeText(folder)} has no ${INCIDENTS_FILE}`,
      'run anomalyst analyze first, or name the folder that it wrote to with --out',
    );
  return found.sort((a, b) => a.writtenMs - b.writtenMs || (a.folder < b.folder ? -1 : 1));
}

/** The result that a report shows. @param file incidents.json. Throws UserError where it is not there, or no report of this version. */
export function readReport(file: string): AnalysisResult {
  let value: unknown;
  try {
    value = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new UserError(
        `${safeText(file)} is not JSON: ${safeText(error.message)}`,
        'give the incidents.json that anomalyst analyze wrote',
      );
    throw describeFileError(error, file, 'read');
  }
  const parsed = incidentsDocument.safeParse(value);
  if (parsed.success) return storedResult(parsed.data);
  const issue = parsed.error.issues[0];
  throw new UserError(
    `${safeText(file)} is no incidents.json of this version: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    'run anomalyst analyze again',
  );
}
