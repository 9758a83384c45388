import * as fs from 'node:fs';
import * as path from 'node:path';
import { safeText, UserError } from '../core/index.ts';
import { expandInputs, OutputFile } from '../io/index.ts';

/** Opens the file of `--out`. Throws UserError where it can't be written, or is one of the files and folders that are read. */
export function openOutput(out: string, read: readonly string[]): OutputFile {
  refuseOverwriting(out, read);
  return new OutputFile(path.dirname(out), path.basename(out));
}

/** Throws UserError where `out` is one of the files that are read, by whatever name. */
export function refuseOverwriting(out: string, read: readonly string[]): void {
  const target = statOf(out);
  if (target?.isFile() !== true) return;
  for (const file of expandInputs(read, { rows: true })) {
    const stat = file === '-' ? undefined : statOf(file);
    if (stat !== undefined && stat.ino === target.ino && stat.dev === target.dev)
      throw new UserError(
        `--out ${safeText(out, 200)}: this is one of the inputs, and would be overwritten`,
        'give another name',
      );
  }
}

/** Throws UserError where one of the files that are read is what a run writes, or takes away, in the folder of `--out`. */
export function refuseOwnFiles(folder: string, names: readonly string[], files: readonly string[]): void {
  for (const file of files) {
    const stat = file === '-' ? undefined : statOf(file);
    if (stat?.isFile() !== true) continue;
    for (const name of names) {
      const own = statOf(path.join(folder, name));
      if (own !== undefined && own.ino === stat.ino && own.dev === stat.dev)
        throw new UserError(
          `--out ${safeText(folder, 200)}: ${safeText(file, 200)} is one of the inputs, and would be overwritten`,
          'give another folder with --out',
        );
    }
  }
}

/** Undefined for what is not there and for what may not be looked at: opening it tells why. */
function statOf(file: string): fs.Stats | undefined {
  try {
    return fs.statSync(file);
  } catch {
    return undefined;
  }
}
