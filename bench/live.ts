/**
 * Live capture against the real thing: a veth pair between two network namespaces of its own, tcpreplay at one end, the command line at the other. Nothing leaves the namespaces, and both are removed at the end.
 *
 *     sudo node bench/live.ts [--quick] [capture]
 *
 * 1. At rising rates, `analyze --live` and then `capture`: the flows of the live analysis must be those of the same packets in a file byte for byte, and what is lost must be counted. The rate at which the
 *    first packet is lost is printed; up to 20,000 packets a second none may be.
 * 2. Ctrl-C in the middle of traffic: how long it takes, and that the files hold all packets up to that moment.
 * 3. A disk that is full: the oldest files go, and the capture goes on.
 * 4. tcpdump killed in the middle: the gap is counted, and the capture goes on.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { has, ROOT } from './child.ts';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const capture = args.find((arg) => !arg.startsWith('--')) ?? join(ROOT, 'test/fixture/demo/office.pcap');
const ENTRY = join(ROOT, 'test/support/cli-entry.ts');
/** At which nothing may be lost. */
const SURE_RATE = 20_000;
const RATES = quick ? [1000, 20_000] : [1000, 5000, 20_000, 50_000, 100_000, 200_000, 400_000];

skipUnless(process.platform === 'linux', 'this is not Linux');
skipUnless(process.getuid?.() === 0, 'network namespaces need root');
for (const program of ['ip', 'tcpdump', 'tcpreplay']) skipUnless(has(program), `there is no ${program}`);
skipUnless(existsSync(capture), `there is no ${capture}`);

const work = mkdtempSync(join(tmpdir(), 'anomalyst-live-'));
const near = `anomalyst-near-${process.pid}`;
const far = `anomalyst-far-${process.pid}`;
const children = new Set<ChildProcess>();
let failures = 0;

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
process.on('exit', cleanUp);
try {
  for (const name of [near, far]) ip('netns', 'add', name);
} catch {
  skipUnless(false, 'network namespaces are not allowed here');
}
ip('link', 'add', 'near0', 'netns', near, 'type', 'veth', 'peer', 'name', 'far0', 'netns', far);
// Nothing but the replay may speak, or two captures that begin at different moments would differ.
for (const [space, link] of [
  [near, 'near0'],
  [far, 'far0'],
] as const) {
  inside(space, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
  ip('-n', space, 'link', 'set', link, 'mtu', '9000', 'arp', 'off', 'up');
}

const total = packetsIn(capture);
console.log(
  `${new Date().toISOString()}  ${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node.js ${process.version}, ${firstLine('tcpdump')}, ${firstLine('tcpreplay')}`,
);
console.log(`${capture}: ${total} packets, from ${near} to ${far}\n`);

await rising();
await interrupted();
await fullDisk();
await killed();
console.log(failures === 0 ? '\nall as it should be' : `\n${failures} of the checks failed`);
process.exitCode = failures === 0 ? 0 : 1;

async function rising(): Promise<void> {
  // The kernel stamps a packet for each socket anew, so a second capture has other times: what is compared is what this very tcpdump wrote.
  const tee = join(work, 'tcpdump-tee');
  writeFileSync(tee, '#!/bin/bash\nexec tcpdump "$@" > >(exec tee "$ANOMALYST_TEE")\n', { mode: 0o755 });
  console.log('                  analyze --live                                        capture');
  console.log('  packets/s    sent    lost  flows of live and file     packets/s    sent    lost');
  let firstLoss: number | undefined;
  for (const rate of RATES) {
    const loops = Math.max(1, Math.round((rate * (quick ? 2 : 4)) / total));
    const sent = loops * total;
    const liveOut = join(work, 'live');
    const copy = join(work, 'tee.pcap');
    const live = begin(['analyze', '--live', 'far0', '--capture-program', tee, '--out', liveOut, '--quiet'], {
      ANOMALYST_TEE: copy,
    });
    await capturing();
    const liveRate = replay(rate, loops);
    await ended(live, 'SIGINT');
    const document = JSON.parse(readFileSync(join(liveOut, 'incidents.json'), 'utf8')) as {
      run: { packets: number };
      oddities: { name: string; count: number }[];
    };
    const liveLost = sent - document.run.packets;
    const counted = document.oddities.find((oddity) => oddity.name === 'capture.dropped')?.count ?? 0;
    // What is missing was counted as dropped, not one packet more or less.
    check(counted === liveLost, `${rate} packets/s: ${liveLost} lost by the live analysis, ${counted} counted`);
    const fileOut = join(work, 'file');
    await ended(begin(['analyze', copy, '--out', fileOut, '--quiet']));
    const same = readFileSync(join(liveOut, 'flows.csv')).equals(readFileSync(join(fileOut, 'flows.csv')));
    check(same, `${rate} packets/s: the flows of the live analysis are not those of the same packets in a file`);

    const ringOut = join(work, 'ring');
    const ring = begin([
      'capture',
      '-i',
      'far0',
      '--out',
      ringOut,
      '--quota',
      'none',
      '--rotate-size',
      '20MB',
      '--quiet',
    ]);
    await capturing();
    const ringRate = replay(rate, loops);
    await ended(ring, 'SIGINT');
    const { phase, of } = stateIn(ringOut);
    const ringLost = sent - (of?.packets ?? 0);
    const told = (of?.kernelDropped ?? 0) + (of?.pipeDropped ?? 0) + (of?.interfaceDropped ?? 0);
    check(phase === 'stopped' && told === ringLost, `${rate} packets/s: ${ringLost} lost by the capture, ${told} told`);
    check(packetsInFiles(ringOut) === of?.packets, `${rate} packets/s: the files do not hold what was counted`);
    if (liveLost > 0) firstLoss ??= liveRate;
    if (ringLost > 0) firstLoss = Math.min(firstLoss ?? ringRate, ringRate);
    if (rate <= SURE_RATE) check(liveLost + ringLost === 0, `${rate} packets/s: packets were lost`);
    console.log(
      `${column(liveRate, 11)} ${column(sent, 7)} ${column(liveLost, 7)}  ${(same ? 'the same bytes' : 'DIFFERENT').padEnd(22)} ${column(ringRate, 13)} ${column(sent, 7)} ${column(ringLost, 7)}`,
    );
    for (const folder of [liveOut, ringOut, fileOut]) rmSync(folder, { recursive: true });
  }
  console.log(
    firstLoss === undefined
      ? 'no packet was lost at any rate\n'
      : `the first packet was lost at ${firstLoss.toLocaleString('en-US')} packets/s (tcpreplay, tcpdump and the analysis share ${cpus().length} cores)\n`,
  );
}

async function interrupted(): Promise<void> {
  for (const rate of [200, 5000]) {
    const out = join(work, `interrupted-${rate}`);
    const run = begin(['capture', '-i', 'far0', '--out', out, '--quiet']);
    await capturing();
    const player = spawnPlayer(rate, 100);
    await pause(1500);
    const at = Date.now();
    const tookMs = await ended(run, 'SIGINT');
    player.kill('SIGINT');
    const { of } = stateIn(out);
    const missingMs = at - (of?.lastMs ?? 0);
    const inFiles = packetsInFiles(out);
    console.log(
      `Ctrl-C at ${rate} packets/s: ended after ${Math.round(tookMs)} ms; ${inFiles} packets in the files, the last ${missingMs > 0 ? `${missingMs.toFixed(1)} ms before` : `${(-missingMs).toFixed(1)} ms after`} it; ${(of?.kernelDropped ?? 0) + (of?.pipeDropped ?? 0)} dropped`,
    );
    check(tookMs < 1500, `Ctrl-C took ${Math.round(tookMs)} ms`);
    check(missingMs < 2000 / rate + 10, `the last ${missingMs} ms before Ctrl-C are missing`);
    check(inFiles === of?.packets, `${inFiles} packets in the files, ${of?.packets} counted`);
    await pause(300);
  }
}

async function fullDisk(): Promise<void> {
  const out = join(work, 'full');
  mkdirSync(out);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', out]);
  try {
    const run = begin(['capture', '-i', 'far0', '--out', out, '--quota', 'none', '--rotate-size', '500kB']);
    await capturing();
    replay(20_000, 6);
    await ended(run, 'SIGINT');
    const state = stateIn(out);
    const packets = state.of?.packets ?? 0;
    const names = readdirSync(out).filter((name) => name.endsWith('.pcap'));
    const inFiles = names.reduce((sum, name) => sum + packetsIn(join(out, name)), 0);
    console.log(
      `a disk of 4 MB: ${packets} packets captured, ${state.deletedFiles} files deleted, ${inFiles} packets in ${names.length} whole files`,
    );
    check(
      state.phase === 'stopped' && packets === 6 * total,
      `the capture ended as ${state.phase} with ${packets} packets`,
    );
    check(state.deletedFiles > 5 && inFiles > total, 'the ring did not turn');
  } finally {
    execFileSync('umount', [out]);
  }
}

async function killed(): Promise<void> {
  const out = join(work, 'killed');
  const run = begin(['capture', '-i', 'far0', '--out', out, '--quiet']);
  await capturing();
  const player = spawnPlayer(2000, 100);
  await pause(1500);
  const before = stateIn(out).programs[0]?.pid ?? 0;
  process.kill(before, 'SIGKILL');
  await pause(2500);
  await ended(run, 'SIGINT');
  player.kill('SIGINT');
  const { of } = stateIn(out);
  const inFiles = packetsInFiles(out);
  console.log(
    `tcpdump killed: started again ${of?.restarts} time, ${Math.round(of?.gapMs ?? 0)} ms not captured; ${inFiles} packets in whole files`,
  );
  check(of?.restarts === 1 && of.gapMs > 0 && of.gapMs < 2000, `the gap is ${JSON.stringify(of)}`);
  check(inFiles === of?.packets, `${inFiles} packets in the files, ${of?.packets} counted`);
}

function stateIn(out: string): State & { readonly of: State['interfaces'][0] | undefined } {
  const state = JSON.parse(readFileSync(join(out, 'capture.json'), 'utf8')) as State;
  return { ...state, of: state.interfaces[0] };
}

function packetsInFiles(out: string): number {
  const names = readdirSync(out).filter((name) => name.endsWith('.pcap'));
  return names.reduce((sum, name) => sum + packetsIn(join(out, name)), 0);
}

interface State {
  readonly phase: string;
  readonly deletedFiles: number;
  readonly programs: readonly { readonly pid: number }[];
  readonly interfaces: readonly {
    readonly packets: number;
    readonly lastMs?: number;
    readonly kernelDropped: number;
    readonly pipeDropped: number;
    readonly interfaceDropped: number;
    readonly restarts: number;
    readonly gapMs: number;
  }[];
}

function check(holds: boolean, otherwise: string): void {
  if (holds) return;
  failures++;
  console.log(`FAILED: ${otherwise}`);
}

/** The command line, in the namespace that receives. */
function begin(command: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', far, process.execPath, '--no-warnings', ENTRY, ...command], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env, XDG_STATE_HOME: join(work, 'state') },
  });
  children.add(child);
  return child;
}

/** Ends it with a signal, or waits for its own end; milliseconds that it took. */
async function ended(child: ChildProcess, signal?: NodeJS.Signals): Promise<number> {
  const began = performance.now();
  if (signal !== undefined) child.kill(signal);
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
  children.delete(child);
  check(child.exitCode === 0, `${child.spawnargs.slice(6).join(' ')} ended with ${child.exitCode ?? child.signalCode}`);
  return performance.now() - began;
}

/** Waits until a packet socket is open in the namespace, and what opened it is ready. */
async function capturing(): Promise<void> {
  for (let i = 0; i < 300; i++) {
    const open = inside(far, 'cat', '/proc/net/packet').trim().split('\n').length - 1;
    if (open > 0) {
      await pause(700);
      return;
    }
    await pause(100);
  }
  throw new Error('nothing captures after 30 s');
}

/** Plays the capture; packets per second that were reached. */
function replay(rate: number, loops: number): number {
  const text = inside(near, 'tcpreplay', '-q', '-K', '-i', 'near0', '-p', String(rate), '-l', String(loops), capture);
  return Math.round(Number(/([\d.]+) pps/.exec(text)?.[1] ?? 0));
}

function spawnPlayer(rate: number, loops: number): ChildProcess {
  const child = spawn(
    'ip',
    ['netns', 'exec', near, 'tcpreplay', '-q', '-K', '-i', 'near0', '-p', String(rate), '-l', String(loops), capture],
    { stdio: 'ignore' },
  );
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

function packetsIn(file: string): number {
  const bytes = readFileSync(file);
  let packets = 0;
  for (let at = 24; at + 16 <= bytes.length; packets++) at += 16 + bytes.readUInt32LE(at + 8);
  return packets;
}

function ip(...command: string[]): void {
  execFileSync('ip', command, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function inside(space: string, ...command: string[]): string {
  return execFileSync('ip', ['netns', 'exec', space, ...command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function firstLine(program: string): string {
  const { stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return (stdout || stderr).split('\n')[0] ?? program;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function column(n: number, width: number): string {
  return n.toLocaleString('en-US').padStart(width);
}

function skipUnless(condition: boolean, reason: string): void {
  if (condition) return;
  console.log(`skipped: ${reason}`);
  process.exit(0);
}

function cleanUp(): void {
  for (const child of children) child.kill('SIGINT');
  for (const name of [near, far]) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  rmSync(work, { recursive: true, force: true });
}
