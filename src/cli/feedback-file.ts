import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../core/index.ts';
import { OutputFile, writeOutput } from '../io/index.ts';
import { type Archive, FeedbackFile, writeArchive } from '../pipeline/index.ts';
import { type AnalysisResult, REPORT_FORMATS } from '../report/index.ts';
import { readTextFile } from './text-file.ts';

/** The suppressions in a file. Throws UserError where it can't be read, or at the first mistake in it. */
export function readFeedback(file: string): FeedbackFile {
  return new FeedbackFile(readTextFile(file), file);
}

/** As `readFeedback`; without a file there is none yet. */
export function feedbackOrEmpty(file: string): FeedbackFile {
  return fs.existsSync(file) ? readFeedback(file) : FeedbackFile.empty(file);
}

/** Writes a report anew into the folder where it stands: all formats, and its archive. */
export function rewriteReport(folder: string, result: AnalysisResult, archive: Archive): void {
  for (const format of REPORT_FORMATS) {
    const file = new OutputFile(folder, format.file);
    for (const part of format.parts(result)) file.write(part);
    file.finish();
  }
  writeArchive(folder, archive);
}

export function writeFeedback(file: string, feedback: FeedbackFile): void {
  writeOutput(path.dirname(path.resolve(file)), path.basename(file), feedback.text());
}

/** The folder of a report that was named by itself or by one of its files. */
export function reportFolder(given: string): string {
  const stat = fs.statSync(given, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new UserError(
      `there is no ${given}`,
      'run anomalyst analyze first, or name the folder of its report with --report',
    );
  return stat.isDirectory() ? given : path.dirname(given);
}
