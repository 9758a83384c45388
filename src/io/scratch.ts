import * as fs from 'node:fs';
import * as path from 'node:path';
import { describeFileError } from './source/input.ts';

/** Append-only blocks of bytes in one scratch file, read back in order. The file goes when the run ends, however it ends. */
export class ScratchFile {
  readonly path: string;
  #fd: number;
  #lengths: number[] = [];
  #size = 0;
  #longest = 0;
  #onExit: () => void;

  /** Creates the file in `folder`; throws UserError when that is not possible. */
  constructor(folder: string) {
    this.path = path.join(folder, `.anomalyst-scratch-${process.pid}-${Date.now().toString(36)}`);
    try {
      this.#fd = fs.openSync(this.path, 'wx+', 0o600);
      // Unlinked at once, an open file lives as long as the process does, even when that is killed. Windows can't, so there it goes at the end.
      if (process.platform !== 'win32') fs.unlinkSync(this.path);
    } catch (error) {
      throw describeFileError(error, this.path, 'write');
    }
    this.#onExit = () => this.close();
    process.once('exit', this.#onExit);
  }

  get blocks(): number {
    return this.#lengths.length;
  }

  /** Throws UserError when the disk is full; blocks appended before stay readable. */
  append(bytes: Uint8Array): void {
    try {
      let written = 0;
      while (written < bytes.length)
        written += fs.writeSync(this.#fd, bytes, written, bytes.length - written, this.#size + written);
    } catch (error) {
      throw describeFileError(error, this.path, 'write');
    }
    this.#lengths.push(bytes.length);
    this.#longest = Math.max(this.#longest, bytes.length);
    this.#size += bytes.length;
  }

  /** The blocks in order, all in one buffer: a block is valid until the next is asked for. */
  *read(): Generator<Uint8Array> {
    let at = 0;
    const buffer = new Uint8Array(this.#longest);
    for (const length of this.#lengths) {
      const bytes = buffer.subarray(0, length);
      let got = 0;
      while (got < length) {
        const n = fs.readSync(this.#fd, bytes, got, length - got, at + got);
        if (n === 0) throw new Error(`scratch file ${this.path} lost its end`);
        got += n;
      }
      at += length;
      yield bytes;
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    process.removeListener('exit', this.#onExit);
    fs.closeSync(this.#fd);
    this.#fd = -1;
    fs.rmSync(this.path, { force: true });
  }
}
