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
  const target = fs.statSync(out, { throwIfNoEntry: false });
  if (target?.isFile() !== true) return;
  for (const file of expandInputs(read, { rows: true })) {
    const stat = file === '-' ? undefined : fs.statSync(file, { throwIfNoEntry: false });
    if (stat !== undefined && stat.ino === target.ino && stat.dev === target.dev)
      throw new UserError(
        `--out ${safeText(out, 200)}: this is one of the inputs, and would be overwritten`,
        'give another name',
      );
  }
}
