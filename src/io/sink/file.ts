import * as fs from 'node:fs';
import * as path from 'node:path';
import { describeFileError } from '../source/input.ts';

/** Makes the folder for a run's output. Throws UserError when it can't be written. */
export function makeOutputFolder(folder: string): void {
  try {
    // By hand: where a folder exists in which none can be made (/proc), the recursive mkdir of Node.js never ends.
    makeFolders(path.resolve(folder));
    fs.accessSync(folder, fs.constants.W_OK);
  } catch (error) {
    throw describeFileError(error, folder, 'write');
  }
}

function makeFolders(folder: string): void {
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolders(parent);
  try {
    fs.mkdirSync(folder);
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

/**
 * A file that appears under its name only when it is complete: it is written beside under a name ending in `.part` and renamed at `finish`, so that nobody reads half a report
 * and an older one stays until the new one is whole.
 */
export class OutputFile {
  readonly path: string;
  #part: string;
  #fd: number;
  #onExit: () => void;

  constructor(folder: string, name: string) {
    this.path = path.join(folder, name);
    this.#part = `${this.path}.${process.pid}.part`;
    try {
      this.#fd = fs.openSync(this.#part, 'w');
    } catch (error) {
      throw describeFileError(error, this.path, 'write');
    }
    this.#onExit = () => this.discard();
    process.once('exit', this.#onExit);
  }

  write(text: string | Uint8Array): void {
    const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
    try {
      let written = 0;
      while (written < bytes.length) written += fs.writeSync(this.#fd, bytes, written, bytes.length - written);
    } catch (error) {
      this.discard();
      throw describeFileError(error, this.path, 'write');
    }
  }

  finish(): void {
    try {
      const fd = this.#fd;
      this.#fd = -1;
      fs.closeSync(fd);
      fs.renameSync(this.#part, this.path);
      process.removeListener('exit', this.#onExit);
    } catch (error) {
      this.discard();
      throw describeFileError(error, this.path, 'write');
    }
  }

  /** Closes and removes what was written. */
  discard(): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd);
    this.#fd = -1;
    fs.rmSync(this.#part, { force: true });
    process.removeListener('exit', this.#onExit);
  }
}

/** Writes a whole file through `OutputFile`. */
export function writeOutput(folder: string, name: string, text: string | Uint8Array): string {
  const file = new OutputFile(folder, name);
  file.write(text);
  file.finish();
  return file.path;
}
