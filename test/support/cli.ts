import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const ENTRY = new URL('./cli-entry.ts', import.meta.url);

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line from its sources as a process of its own, as a person would. */
export function runCli(
  args: readonly string[],
  options: { input?: Uint8Array; cwd?: string; env?: Record<string, string> } = {},
): Promise<CliRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--experimental-strip-types', '--no-warnings', ENTRY.pathname, ...args], {
      cwd: options.cwd,
      env: { ...process.env, NO_COLOR: '1', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    // A command that fails early does not read its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
  });
}

const FOLDERS: string[] = [];

/** A folder of its own for one test file, removed when the process ends. */
export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'anomalyst-test-'));
  if (FOLDERS.length === 0)
    process.once('exit', () => {
      for (const each of FOLDERS) fs.rmSync(each, { recursive: true, force: true });
    });
  FOLDERS.push(folder);
  return folder;
}
