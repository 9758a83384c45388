import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { fakeProgram, LOOPBACK, packetNumbers, until } from '../../../test/support/fake-capture.ts';
import { RING_INDEX } from './ring.ts';
import { type CaptureOptions, runCapture } from './session.ts';
import {
  CAPTURE_STATE,
  type CaptureState,
  isAlive,
  lockCaptureFolder,
  processIdentity,
  readCaptureState,
  registerCapture,
  runningCaptures,
  stopCapture,
} from './state.ts';

const base = temporaryFolder();
process.env.XDG_STATE_HOME = path.join(base, 'state');
let folders = 0;
const freshFolder = (): string => path.join(base, `out-${folders++}`);

function start(
  folder: string,
  body: string,
  options: Partial<CaptureOptions> = {},
  ring: Partial<CaptureOptions['ring']> = {},
) {
  const notes: string[] = [];
  const states: CaptureState[] = [];
  const abort = new AbortController();
  const ended = runCapture({
    interfaces: [LOOPBACK],
    program: fakeProgram(base, body),
    ring: {
      folder,
      pattern: '%i-%s.pcap',
      rotateBytes: 1e6,
      rotateMs: 900_000,
      quotaBytes: undefined,
      keep: undefined,
      retentionMs: undefined,
      compress: 'none',
      ...ring,
    },
    signal: abort.signal,
    onNote: (text) => notes.push(text),
    onState: (state) => states.push(state),
    timing: { restartMs: 10, longestRestartMs: 40, statisticsMs: 50, drainMs: 200, killMs: 500 },
    ...options,
  });
  ended.catch(() => undefined);
  return { ended, notes, states, stop: () => abort.abort() };
}

const captured = (folder: string): number[] =>
  fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.pcap'))
    .sort()
    .flatMap((name) => packetNumbers(fs.readFileSync(path.join(folder, name))));
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const HUNDRED = 'listening(); await header(); for (let n = 0; n < 100; n++) await packet(n);';

test('a capture runs until it is told to stop, and then everything is in the files', async () => {
  const folder = freshFolder();
  const { ended, states, stop, notes } = start(folder, `${HUNDRED} await untilInterrupted(); goodbye(2);`);
  await until(() => (states.at(-1)?.interfaces[0]?.packets ?? 0) === 100);
  expect(readCaptureState(folder)).toMatchObject({ running: true, state: { phase: 'capturing', pid: process.pid } });
  stop();
  const state = await ended;
  expect(captured(folder)).toEqual(range(100));
  expect(state).toMatchObject({
    phase: 'stopped',
    files: 1,
    deletedFiles: 0,
    repairedFiles: 0,
    fileBytes: 24 + 100 * 76,
  });
  expect(state.interfaces[0]).toMatchObject({ packets: 100, kernelDropped: 2, pipeDropped: 0 });
  expect(readCaptureState(folder)).toEqual({ running: false, state });
  expect(fs.readdirSync(folder).sort()).toEqual([CAPTURE_STATE, `${LOOPBACK}-1700000000.pcap`, RING_INDEX]);
  expect(notes).toEqual([]);
});

test('a capture ends by itself after so many packets, exactly', async () => {
  const folder = freshFolder();
  const state = await start(folder, `${HUNDRED} await untilInterrupted(); goodbye();`, { count: 42 }).ended;
  expect(captured(folder)).toEqual(range(42));
  expect(state.interfaces[0]?.packets).toBe(42);
});

test('a capture ends by itself after its time', async () => {
  const folder = freshFolder();
  const state = await start(folder, `${HUNDRED} await untilInterrupted(); goodbye();`, { durationMs: 600 }).ended;
  expect(captured(folder)).toEqual(range(100));
  expect((state.stoppedMs ?? 0) - state.startedMs).toBeGreaterThanOrEqual(600);
});

test('a folder belongs to one capture at a time', async () => {
  const folder = freshFolder();
  const first = start(folder, `${HUNDRED} await untilInterrupted(); goodbye();`);
  await until(() => first.states.length > 0);
  await expect(start(folder, HUNDRED).ended).rejects.toThrow(
    `a capture (process ${process.pid}) already writes into ${folder}`,
  );
  first.stop();
  await first.ended;
  const next = await start(folder, `${HUNDRED} await untilInterrupted(); goodbye();`, { count: 1 }).ended;
  expect(next.files).toBe(2);
});

test('a capture that could not begin leaves the folder free and says why', async () => {
  const folder = freshFolder();
  const { ended } = start(folder, `say("tcpdump: can't parse filter expression: syntax error\\n"); process.exit(1);`, {
    filter: 'tcp prt 1',
  });
  await expect(ended).rejects.toThrow("--filter tcp prt 1: can't parse filter expression: syntax error");
  expect(readCaptureState(folder)).toMatchObject({ running: false, state: { phase: 'failed' } });
  await start(folder, `${HUNDRED} await untilInterrupted(); goodbye();`, { count: 1 }).ended;
});

test('what a killed capture left is repaired, and the program it left behind is ended', async () => {
  const folder = freshFolder();
  const program = fakeProgram(base, `${HUNDRED} await untilInterrupted(); goodbye();`);
  // Another process captures and is killed without a chance to end anything.
  const script = `
    const { runCapture } = await import(${JSON.stringify(new URL('./session.ts', import.meta.url).href)});
    await runCapture({ interfaces: [${JSON.stringify(LOOPBACK)}], program: ${JSON.stringify(program)}, ring: { folder: ${JSON.stringify(folder)}, pattern: '%i-%s.pcap', rotateBytes: 1e6, rotateMs: 900000, compress: 'none' } });`;
  const child = spawn(
    process.execPath,
    ['--experimental-strip-types', '--no-warnings', '--input-type=module', '-e', script],
    { stdio: 'inherit' },
  );
  const part = path.join(folder, `${LOOPBACK}-1700000000.pcap.part`);
  await until(() => fs.existsSync(part) && fs.statSync(part).size === 24 + 100 * 76);
  await until(() => (readCaptureState(folder)?.state.programs.length ?? 0) === 1);
  const left = readCaptureState(folder)?.state.programs[0] ?? { pid: 0, identity: '' };
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  expect(readCaptureState(folder)?.running).toBe(false);
  await expect(stopCapture(folder)).rejects.toThrow('died without ending its files');

  const { ended, notes } = start(
    folder,
    `listening(); await header(); await packet(100, 1700000100); await untilInterrupted(); goodbye();`,
    { count: 1 },
  );
  const state = await ended;
  expect(state).toMatchObject({ phase: 'stopped', repairedFiles: 1, files: 2 });
  expect(captured(folder)).toEqual(range(101));
  expect(notes.join('\n')).toContain(
    `repaired ${LOOPBACK}-1700000000.pcap, which an earlier capture had left open: 100 packets`,
  );
  await until(() => !isAlive(left));
});

test('a quota below four files makes the files smaller, and says so', async () => {
  const folder = freshFolder();
  const { ended, notes } = start(
    folder,
    `${HUNDRED} await untilInterrupted(); goodbye();`,
    { count: 100 },
    { quotaBytes: 1e6 },
  );
  await ended;
  expect(notes).toEqual(['files are closed at 250 kB, so that 1 MB hold at least four for each of 1 interface']);
});

test('a disk that fails ends the capture with the reason in its state', async () => {
  const folder = freshFolder();
  const { ended, states } = start(
    folder,
    `listening(); await header(); await sleep(300); ${HUNDRED.slice(HUNDRED.indexOf('for'))} await untilInterrupted(); goodbye();`,
  );
  await until(() => states.length > 0);
  // A folder stands where the list of files is to be written.
  fs.rmSync(path.join(folder, RING_INDEX));
  fs.mkdirSync(path.join(folder, RING_INDEX));
  await expect(ended).rejects.toThrow(`cannot write ${folder}`);
  expect(readCaptureState(folder)?.state).toMatchObject({ phase: 'failed' });
});

test('a process is told from a later one with its number, and a zombie is none', () => {
  const own = processIdentity(process.pid);
  expect(own).toBeDefined();
  expect(processIdentity(process.pid)).toBe(own);
  expect(isAlive({ pid: process.pid, identity: own ?? '' })).toBe(true);
  expect(isAlive({ pid: process.pid, identity: 'an earlier one' })).toBe(false);
  for (const pid of [0, -1, 1.5, 2 ** 22 + 1]) expect(processIdentity(pid)).toBeUndefined();
});

test('a lock whose process is gone, or whose number another process has now, is taken over', () => {
  const folder = freshFolder();
  fs.mkdirSync(folder);
  for (const stale of [
    JSON.stringify({ pid: 2 ** 22 + 1, identity: 'x' }),
    JSON.stringify({ pid: process.pid, identity: 'an earlier one' }),
    'rubbish',
    '',
  ]) {
    fs.writeFileSync(path.join(folder, 'capture.lock'), stale);
    const unlock = lockCaptureFolder(folder);
    expect(() => lockCaptureFolder(folder), stale).toThrow('already writes into');
    unlock();
    expect(fs.readdirSync(folder)).toEqual([]);
  }
});

test('running captures are found from anywhere, and notes of ended ones are removed', async () => {
  const registry = path.join(base, 'registry');
  const folder = freshFolder();
  const { ended, states, stop } = start(folder, `${HUNDRED} await untilInterrupted(); goodbye();`);
  await until(() => states.length > 0);
  registerCapture(folder, registry);
  registerCapture('/nowhere/at/all', registry);
  expect(runningCaptures(registry)).toEqual([folder]);
  expect(fs.readdirSync(registry).length).toBe(1);
  stop();
  await ended;
  expect(runningCaptures(registry)).toEqual([]);
  expect(fs.readdirSync(registry)).toEqual([]);
});

test('a state that is none is an error, and none at all is nothing', () => {
  const folder = freshFolder();
  fs.mkdirSync(folder);
  expect(readCaptureState(folder)).toBeUndefined();
  fs.writeFileSync(path.join(folder, CAPTURE_STATE), '{"version":2}');
  expect(() => readCaptureState(folder)).toThrow('is no state of a capture that this version understands');
});
