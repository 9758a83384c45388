import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Readable } from 'node:stream';

/** A pipe of the kernel between a child and us. */
export interface ChildPipe {
  /** For the child's standard output; to be closed here as soon as the child has it. */
  readonly writeEnd: number;
  readonly readable: Readable;
}

/**
 * A real pipe. What Node.js calls one is a pair of sockets, in which every small write takes a buffer of its own: a program that hands on packet by packet then waits for us from some hundred packets on.
 * Measured on two shared cores: 385,000 packets/s through a pipe without loss, losses from 175,000 on through sockets. Undefined where none can be made.
 */
export function openPipe(): ChildPipe | undefined {
  if (process.platform === 'win32') return undefined;
  let folder: string | undefined;
  let readEnd: number | undefined;
  try {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'anomalyst-pipe-'));
    const fifo = path.join(folder, 'packets');
    if (spawnSync('mkfifo', ['-m', '600', fifo], { stdio: 'ignore' }).status !== 0) return undefined;
    // Without O_NONBLOCK each end would wait for the other.
    readEnd = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const writeEnd = fs.openSync(fifo, fs.constants.O_WRONLY);
    const readable = new net.Socket({ fd: readEnd, readable: true, writable: false });
    return { writeEnd, readable };
  } catch {
    // No room for temporary files, or none that may hold a pipe: sockets do too.
    if (readEnd !== undefined) fs.closeSync(readEnd);
    return undefined;
  } finally {
    // Both ends are open: the name is needed no more.
    if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
  }
}
