import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type CliRun, runCli, temporaryFolder } from './support/cli.ts';
import { fakeProgram, LOOPBACK, packetNumbers, until } from './support/fake-capture.ts';
import { pcapOf, portSweep } from './support/traffic.ts';

// The commands as processes, with a program in place of tcpdump: no right to capture is needed, and nothing leaves this machine.

const folder = temporaryFolder();
const env = { XDG_STATE_HOME: path.join(folder, 'state') };
const ENTRY = new URL('./support/cli-entry.ts', import.meta.url).pathname;
let outs = 0;
const freshOut = (): string => path.join(folder, `out-${outs++}`);
const TEN =
  'listening(); await header(); for (let n = 0; n < 10; n++) await packet(n); await untilInterrupted(); goodbye(3);';
const program = fakeProgram(folder, TEN);

interface State {
  readonly phase: string;
  readonly pid: number;
  readonly interfaces: readonly { readonly packets: number; readonly kernelDropped: number }[];
}
const stateIn = (out: string): State | undefined => {
  try {
    return JSON.parse(fs.readFileSync(path.join(out, 'capture.json'), 'utf8')) as State;
  } catch {
    return undefined;
  }
};
const capturedIn = (out: string): number[] =>
  fs
    .readdirSync(out)
    .filter((name) => name.endsWith('.pcap'))
    .flatMap((name) => packetNumbers(fs.readFileSync(path.join(out, name))));

// A capture that a failed test left in the background would outlive everything.
afterAll(() => {
  for (let i = 0; i < outs; i++) {
    const state = stateIn(path.join(folder, `out-${i}`));
    if (state === undefined || state.phase === 'stopped' || state.phase === 'failed') continue;
    try {
      process.kill(state.pid, 'SIGKILL');
    } catch {
      // It is gone, as it should be.
    }
  }
});

/** The command as a process that can be signalled while it runs. */
function begin(args: readonly string[]): {
  readonly pid: number;
  readonly ended: Promise<CliRun>;
  interrupt(): void;
  said(): string;
} {
  const child = spawn(process.execPath, ['--experimental-strip-types', '--no-warnings', ENTRY, ...args], {
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  return {
    pid: child.pid ?? 0,
    ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr }))),
    interrupt: () => child.kill('SIGINT'),
    said: () => stderr,
  };
}

test('Ctrl-C ends a capture within two seconds, with all packets in whole files and the drops told', async () => {
  const out = freshOut();
  const run = begin(['capture', '-i', LOOPBACK, '--program', program, '--out', out, '--name', '%i-%s.pcap']);
  await until(() => (stateIn(out)?.interfaces[0]?.packets ?? 0) === 10);
  const began = performance.now();
  run.interrupt();
  const { code, stdout, stderr } = await run.ended;
  expect(performance.now() - began).toBeLessThan(2000);
  expect(code).toBe(0);
  expect(stdout).toBe(
    `  ${LOOPBACK}: 10 packets, 600 B; dropped: 3 by the kernel, 0 by the card, 0 in the pipe\n  1 finished file, 784 B on disk\n`,
  );
  expect(stderr).toBe(
    `capturing ${LOOPBACK} into ${out} (process ${run.pid}); Ctrl-C ends it\nending: what is on its way is still written (Ctrl-C again to leave at once)\n`,
  );
  expect(capturedIn(out)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(fs.readdirSync(out).sort()).toEqual(['capture.json', `${LOOPBACK}-1700000000.pcap`, 'ring.json']);
});

test('a capture goes on in the background and is shown and ended from other shells', async () => {
  const out = freshOut();
  const detached = await runCli(['capture', '-dq', '-i', LOOPBACK, '--program', program, '--out', out], { env });
  expect(detached).toEqual({ code: 0, stdout: '', stderr: '' });
  const again = await runCli(['capture', '--detach', '-i', LOOPBACK, '--program', program, '--out', out], { env });
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('already writes into');
  await until(() => (stateIn(out)?.interfaces[0]?.packets ?? 0) === 10);

  const status = await runCli(['capture', 'status'], { env, cwd: folder });
  expect(status.stdout).toContain(`capturing into ${out} (process ${stateIn(out)?.pid})`);
  expect(status.stdout).toContain(`${LOOPBACK}: 10 packets, 600 B`);
  const [shown] = JSON.parse((await runCli(['capture', 'status', '--json'], { env })).stdout) as { running: boolean }[];
  expect(shown?.running).toBe(true);

  const stop = await runCli(['capture', 'stop'], { env, cwd: folder });
  expect(stop.code).toBe(0);
  expect(stop.stdout).toContain('3 by the kernel');
  expect(capturedIn(out).length).toBe(10);
  expect((await runCli(['capture', 'status'], { env, cwd: folder })).stdout).toBe('no capture runs\n');
  const over = await runCli(['capture', 'stop', '--out', out], { env });
  expect(over.code).toBe(2);
  expect(over.stderr).toContain(`the capture of ${out} has ended already`);
});

test('a detached capture that can not begin says why, in the shell that asked for it', async () => {
  const refused = fakeProgram(
    folder,
    `say("tcpdump: lo: You don't have permission to perform this capture on that device\\n"); process.exit(1);`,
  );
  const run = await runCli(['capture', '-d', '-i', LOOPBACK, '--program', refused, '--out', freshOut()], { env });
  expect(run.code).toBe(2);
  expect(run.stderr).toContain(`error: ${refused} may not capture on ${LOOPBACK}`);
  expect(run.stderr).toContain('setcap cap_net_raw,cap_net_admin=eip');
});

test('a capture that was killed is told from one that runs', async () => {
  const out = freshOut();
  const run = begin(['capture', '-q', '-i', LOOPBACK, '--program', program, '--out', out]);
  await until(() => (stateIn(out)?.interfaces[0]?.packets ?? 0) === 10);
  process.kill(run.pid, 'SIGKILL');
  await run.ended;
  const status = await runCli(['capture', 'status', '--out', out], { env });
  expect(status.stdout).toContain(`the capture (process ${run.pid}) died after`);
  const next = await runCli(['capture', '-c', '1', '-i', LOOPBACK, '--program', program, '--out', out], { env });
  expect(next.code).toBe(0);
  expect(next.stderr).toContain('which an earlier capture had left open: 10 packets');
  expect(capturedIn(out).length).toBe(11);
});

test.each([
  ['an interface that is not there', ['-i', 'lo0nope'], 'there is no interface lo0nope on this machine'],
  ['no interface', [], 'no interface given'],
  ['a size that is none', ['-i', LOOPBACK, '--rotate-size', 'big'], '--rotate-size big: expected a size above 0'],
  ['a time that is none', ['-i', LOOPBACK, '--retention', '5y'], '--retention 5y: expected a time above 0'],
  [
    'a snap length beyond all packets',
    ['-i', LOOPBACK, '--snaplen', '300000'],
    '--snaplen 300000: expected bytes from 0 to 262144',
  ],
  ['a name that is a path', ['-i', LOOPBACK, '--name', '../%i.pcap'], '--name ../%i.pcap: expected a file name'],
  [
    'a program that is not there',
    ['-i', LOOPBACK, '--program', '/no/tcpdump'],
    'the capture program /no/tcpdump is not there',
  ],
])('%s is an error with a hint and exit code 2', async (_what, args, message) => {
  const run = await runCli(['capture', '--program', program, '--out', freshOut(), ...args], { env });
  expect(run.code).toBe(2);
  expect(run.stderr).toContain(message);
  expect(run.stderr.trimEnd().split('\n').length).toBeGreaterThan(1);
  expect(run.stdout).toBe('');
});

test('the interfaces are listed with what is known of them', async () => {
  const { code, stdout } = await runCli(['capture', 'list-interfaces', '--json'], { env });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ name: LOOPBACK, kind: 'loopback' }));
  expect((await runCli(['capture', 'list-interfaces'], { env })).stdout).toMatch(
    new RegExp(`^${LOOPBACK} .*loopback`, 'm'),
  );
});

const sweep = pcapOf(portSweep({ source: '192.168.1.66', network: '192.168.1', port: 445, count: 40 }));
const sweepFile = path.join(folder, 'sweep.pcap');
fs.writeFileSync(sweepFile, sweep);
const sweeper = fakeProgram(
  folder,
  `listening(); await write(fs.readFileSync(${JSON.stringify(sweepFile)})); await untilInterrupted(); goodbye(21);`,
);

interface Document {
  readonly run: {
    readonly packets: number;
    readonly blindSpots: string[];
    readonly inputs: { name: string; status: string }[];
  };
  readonly incidents: { readonly kind: string; readonly actors: { readonly address: string }[] }[];
}
const documentIn = (out: string): Document =>
  JSON.parse(fs.readFileSync(path.join(out, 'incidents.json'), 'utf8')) as Document;

test('a live analysis that is ended finds what the same packets in a file show, and says what was dropped', async () => {
  const live = freshOut();
  const run = begin(['analyze', '--live', LOOPBACK, '--capture-program', sweeper, '--out', live, '--duration', '1s']);
  expect(await run.ended).toMatchObject({ code: 0 });
  const file = freshOut();
  await runCli(['analyze', sweepFile, '--out', file, '--quiet']);
  expect(fs.readFileSync(path.join(live, 'flows.csv'))).toEqual(fs.readFileSync(path.join(file, 'flows.csv')));
  const document = documentIn(live);
  expect(document.run.inputs).toMatchObject([{ name: `live:${LOOPBACK}`, status: 'complete' }]);
  expect(document.incidents.map((incident) => incident.kind)).toEqual(
    documentIn(file).incidents.map((incident) => incident.kind),
  );
  expect(document.incidents[0]?.actors[0]?.address).toBe('192.168.1.66');
  expect(document.run.blindSpots.join('\n')).toContain('The capture program dropped 21 packets');
});

test('Ctrl-C ends a live analysis with its report, and a gate still counts', async () => {
  const out = freshOut();
  const run = begin(['analyze', `live:${LOOPBACK}`, '--capture-program', sweeper, '--out', out, '--fail-on', 'low']);
  await until(() => run.said().includes('capturing'));
  run.interrupt();
  const { code, stderr } = await run.ended;
  expect(stderr).toContain('what is on its way is still read, and all of it analysed');
  expect(code).toBe(3);
  expect(documentIn(out).run.packets).toBe(80);
});

test('a live analysis in windows writes a report for each', async () => {
  const out = freshOut();
  const now = fakeProgram(
    folder,
    `listening(); await header(); while (!interrupted) { await packet(captured, Date.now() / 1000); await sleep(20); } goodbye();`,
  );
  const run = begin([
    'analyze',
    '--live',
    LOOPBACK,
    '--capture-program',
    now,
    '--out',
    out,
    '--window',
    '2s',
    '--duration',
    '5s',
    '--quiet',
  ]);
  expect(await run.ended).toMatchObject({ code: 0 });
  const windows = fs.readdirSync(out).sort();
  expect(windows.length).toBeGreaterThanOrEqual(3);
  expect(windows.every((name) => /^\d{8}T\d{6}Z$/.test(name))).toBe(true);
  const counts = windows.map((name) => documentIn(path.join(out, name)).run.packets);
  const lives = Number(counts.reduce((sum, n) => sum + n, 0));
  expect(lives).toBeGreaterThan(50);
  // Two seconds at one packet each 20 ms or a little more.
  expect(Math.max(...counts)).toBeLessThanOrEqual(101);
});

test.each([
  [['analyze', '--window', '5m', sweepFile], '--window goes with inputs without an end alone: --live and addresses'],
  [['analyze', '--live', LOOPBACK, sweepFile], 'files and interfaces are not analysed together'],
  [['analyze', 'live:'], 'no interface given'],
  [['analyze'], "missing required argument 'input'"],
])('%j is an error with exit code 2', async (args, message) => {
  const run = await runCli(args, { cwd: folder, env });
  expect(run.code).toBe(2);
  expect(run.stderr).toContain(message);
});

test('doctor says whether interfaces can be captured, and what to type when they can not', async () => {
  const refused = fakeProgram(
    folder,
    `say("tcpdump: lo: You don't have permission to perform this capture on that device\\n"); process.exit(1);`,
  );
  const { stdout } = await runCli(['doctor'], { env: { ...env, ANOMALYST_CAPTURE_PROGRAM: refused } });
  expect(stdout).toContain(
    `${refused} may not capture (lo: You don't have permission to perform this capture on that device)`,
  );
  expect(stdout).toContain('setcap cap_net_raw,cap_net_admin=eip');
  const allowed = fakeProgram(folder, 'process.exit(0);');
  const fine = await runCli(['doctor'], { env: { ...env, ANOMALYST_CAPTURE_PROGRAM: allowed } });
  expect(fine.stdout).toContain(`${allowed} may capture`);
  expect(fine.stdout).toMatch(new RegExp(`^ok +interfaces +.*${LOOPBACK}`, 'm'));
});
