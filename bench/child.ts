/** What the scripts in this folder share: where things are, the built command line, and programs run as children with their cost measured. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The captures, which lie beside the project and are not part of it. */
export const DATA = fileURLToPath(new URL('../../shared/data', import.meta.url));
/** Generated inputs; ignored by git. */
export const WORK = join(ROOT, '.bench');
export const ANOMALYST = join(ROOT, 'bin', 'anomalyst.mjs');

/** Compiles src when something changed, so that what is measured is what the tree holds. Ends the process when that fails. */
export function build(): void {
  const run = spawnSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], { encoding: 'utf8' });
  if (run.status === 0) return;
  console.error(`${run.stdout}${run.stderr}`);
  console.error('the build fails, so there is nothing to measure; --no-build takes dist as it is');
  process.exit(1);
}

/** True when a program of this name can be run. */
export function has(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, program)));
}

export interface Cost {
  readonly code: number;
  readonly wallS: number;
  /** User and system time; undefined where nothing here can measure it. */
  readonly cpuS: number | undefined;
  /** Peak resident memory; undefined where nothing here can measure it. */
  readonly peakMB: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** True when it was ended because it took longer than `limitMs`. */
  readonly tookTooLong: boolean;
}

export interface MeasureOptions {
  /** Core to pin the child to, with taskset, where there is one. */
  readonly core?: number;
  /** Ends the child after so long. Default: ten minutes. */
  readonly limitMs?: number;
  readonly cwd?: string;
  /** A file instead of an empty standard input. */
  readonly stdin?: string;
  /** Throws standard output away instead of collecting it, as `> /dev/null` does. */
  readonly discard?: boolean;
}

/** The same four numbers as GNU time gives, for machines that have python3 and not GNU time. */
const PYTHON_TIME = `
import os, resource, sys, time
began = time.monotonic()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, use = os.wait4(child, 0)
with open(sys.argv[1], "w") as out:
    out.write("%d %.3f %.3f %.3f" % (use.ru_maxrss, use.ru_utime, use.ru_stime, time.monotonic() - began))
sys.exit(os.waitstatus_to_exitcode(status) & 255)
`;

/** Which of the ways to measure a child this machine has, in words. */
export function meter(): string {
  return existsSync('/usr/bin/time')
    ? 'GNU time'
    : has('python3')
      ? 'wait4 through python3'
      : 'wall clock and /proc alone';
}

/**
 * Runs a program to its end and measures it. A small program in between does the measuring, not this one: the kernel counts the memory of whoever
 * forked towards the child's peak, and this process is a big one.
 */
export async function measure(command: readonly string[], options: MeasureOptions = {}): Promise<Cost> {
  const { core, limitMs = 600_000, cwd = ROOT, stdin, discard = false } = options;
  const folder = mkdtempSync(join(tmpdir(), 'anomalyst-cost-'));
  const note = join(folder, 'cost');
  const pinned = core !== undefined && has('taskset') ? ['taskset', '-c', String(core), ...command] : [...command];
  const [program = '', ...args] = existsSync('/usr/bin/time')
    ? ['/usr/bin/time', '-q', '-f', '%M %U %S %e', '-o', note, ...pinned]
    : has('python3')
      ? ['python3', '-c', PYTHON_TIME, note, which(pinned[0] ?? ''), ...pinned.slice(1)]
      : pinned;
  const input = stdin === undefined ? 'ignore' : openSync(stdin, 'r');
  try {
    const began = performance.now();
    const child = spawn(program, args, { cwd, stdio: [input, discard ? 'ignore' : 'pipe', 'pipe'], detached: true });
    let tookTooLong = false;
    const timer = setTimeout(() => {
      tookTooLong = true;
      // The group, because the program that was asked for is a grandchild.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, limitMs);
    const watch = program === pinned[0] ? watchPeak(child) : undefined;
    const [stdout, stderr, code] = await Promise.all([
      collect(child.stdout),
      collect(child.stderr),
      new Promise<number>((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (status) => resolve(status ?? 1));
      }),
    ]);
    clearTimeout(timer);
    const wallS = (performance.now() - began) / 1000;
    const written = existsSync(note) ? readFileSync(note, 'utf8').trim().split(/\s+/).slice(-4).map(Number) : [];
    const [peakKB, userS, systemS, measuredS] = written;
    return {
      code,
      wallS: measuredS ?? wallS,
      cpuS: userS === undefined || systemS === undefined ? undefined : userS + systemS,
      peakMB: peakKB === undefined ? watch?.() : peakKB / 1024,
      stdout,
      stderr,
      tookTooLong,
    };
  } finally {
    if (typeof input === 'number') closeSync(input);
    rmSync(folder, { recursive: true, force: true });
  }
}

function which(program: string): string {
  if (program.includes('/')) return program;
  const folder = (process.env.PATH ?? '').split(':').find((one) => one !== '' && existsSync(join(one, program)));
  return folder === undefined ? program : join(folder, program);
}

/** Follows the kernel's own high-water mark of a running process; what it gained after the last look is missed. */
function watchPeak(child: ChildProcess): () => number | undefined {
  let peakMB: number | undefined;
  const look = (): void => {
    try {
      const line = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8'))?.[1];
      if (line !== undefined) peakMB = Number(line) / 1024;
    } catch {
      // It has ended, or this system has no /proc: the last look stands.
    }
  };
  const timer = setInterval(look, 20);
  child.on('exit', () => clearInterval(timer));
  return () => peakMB;
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  if (stream === null) return '';
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** Runs `work` over all items, `width` at a time; results in the order of the items. */
export async function eachOf<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (;;) {
      const i = next++;
      const item = items[i];
      if (item === undefined) return;
      results[i] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}

/** A table in plain text: the first column to the left, numbers to the right. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  left: readonly number[] = [0],
): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (left.includes(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
