import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CaptureReader, OddityCounter, TimeBase } from '../src/wire/index.ts';
import { runCli, temporaryFolder } from './support/cli.ts';
import { toHex } from './support/frames.ts';
import { pcapOf, portSweep, type TimedFrame, tcpFrame } from './support/traffic.ts';

const folder = temporaryFolder();
const file = (name: string, bytes: Uint8Array | string): string => {
  const full = path.join(folder, name);
  fs.mkdirSync(path.dirname(full), { recursive: true });
  fs.writeFileSync(full, bytes);
  return full;
};

const SWEEP = portSweep({ source: '192.168.1.66', network: '192.168.1', port: 445, count: 10 });
const OTHER = portSweep({ source: '203.0.113.9', network: '192.168.1', port: 22, count: 5, start: 1_700_000_001 });
const ALL = [...SWEEP, ...OTHER].sort((a, b) => a.seconds - b.seconds);
const capture = file('sweep.pcap', pcapOf(ALL));
const FIELDS = ['--fields', 'src,dst,dst.port,outcome'];

/** The frames of a capture as hex, in order. */
function framesIn(bytes: Uint8Array): string[] {
  const reader = new CaptureReader(new TimeBase(), new OddityCounter());
  const frames: string[] = [];
  let at = 0;
  while (!reader.done) {
    if (reader.next() > 0) {
      const { batch } = reader;
      for (let i = 0; i < batch.count; i++) {
        const from = batch.offset[i] ?? 0;
        frames.push(toHex(batch.bytes.subarray(from, from + (batch.captureLength[i] ?? 0))));
      }
    } else if (!reader.done) {
      const space = reader.space();
      const n = Math.min(space.length, bytes.length - at);
      space.set(bytes.subarray(at, at + n));
      reader.fill(n);
      at += n;
    }
  }
  return frames;
}
const hexOf = (frames: readonly TimedFrame[]): string[] => frames.map(({ frame }) => toHex(frame));

test('flows prints the flows that a filter lets through, and nothing else on standard output', async () => {
  const run = await runCli(['flows', capture, '--filter', 'inbound and refused and dst.port < 100', ...FIELDS]);
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout.trimEnd().split('\n')).toEqual([
    'src,dst,dst.port,outcome',
    ...[1, 2, 3, 4, 5].map((i) => `203.0.113.9,192.168.1.${i},22,refused`),
  ]);
  const json = await runCli(['flows', capture, '-f', 'port 22', '--format', 'ndjson', ...FIELDS]);
  expect(json.stdout.split('\n')[0]).toBe(
    '{"src":"203.0.113.9","dst":"192.168.1.1","dst.port":22,"outcome":"refused"}',
  );
  const table = await runCli(['flows', capture, '-f', 'src 203.0.113.9', '--format', 'table']);
  expect(table.stdout).toMatch(/^start +duration +proto +src +src\.port +dst +dst\.port +service/);
});

test('flows without a filter has the rows of flows.csv', async () => {
  const run = await runCli(['flows', capture]);
  const out = path.join(folder, 'out');
  await runCli(['analyze', capture, '--out', out, '--quiet']);
  const wanted = fs.readFileSync(path.join(out, 'flows.csv'), 'utf8').trimEnd().split('\n');
  const id = wanted[0]?.split(',').indexOf('id') ?? -1;
  // The analysis adds the score as its last column, and goes by the end of flows.
  const sorted = (lines: readonly string[]): string[] =>
    lines.slice(1).sort((a, b) => Number(a.split(',')[id]) - Number(b.split(',')[id]));
  expect(sorted(run.stdout.trimEnd().split('\n'))).toEqual(
    sorted(wanted.map((line) => line.slice(0, line.lastIndexOf(',')))),
  );
});

test('flows writes a file that appears when it is whole, and reads standard input', async () => {
  const out = path.join(folder, 'flows.csv');
  const run = await runCli(['flows', '-', '-o', out, ...FIELDS], { input: fs.readFileSync(capture) });
  expect(run).toMatchObject({ code: 0, stdout: '', stderr: '' });
  expect(fs.readFileSync(out, 'utf8').trimEnd().split('\n')).toHaveLength(16);
});

test('flows says why it prints none', async () => {
  expect(await runCli(['flows', capture, '-f', 'udp', ...FIELDS])).toMatchObject({
    code: 0,
    stdout: 'src,dst,dst.port,outcome\n',
    stderr: 'note: none of 15 flows fits the filter\n',
  });
});

test('a mistake in a filter is shown with the place below it and the nearest name', async () => {
  expect(await runCli(['flows', capture, '-f', 'tcp and serivce == dns'])).toEqual({
    code: 2,
    stdout: '',
    stderr:
      "error: --filter, column 9: there is no field 'serivce'\n  tcp and serivce == dns\n          ^^^^^^^\n  did you mean 'service'?\n",
  });
});

test('home in a filter is what the operator says it is', async () => {
  const run = await runCli(['flows', capture, '-f', 'outbound', '--home-net', '203.0.113.0/24', '--fields', 'src']);
  expect(run.stdout).toBe(`src\n${'203.0.113.9\n'.repeat(5)}`);
  expect((await runCli(['flows', capture, '--home-net', 'here'])).stderr).toBe(
    'error: --home-net here: not all of these are networks\n  give networks in CIDR notation, as in 192.168.0.0/16,fd00::/8\n',
  );
});

test('flows follows a growing capture and the next file of its ring, and ends when nothing comes', async () => {
  const ring = path.join(folder, 'ring');
  const bytes = pcapOf(SWEEP);
  // The first packets, cut in the middle of one.
  const first = file('ring/x_00001.pcap', bytes.subarray(0, 200));
  const child = runCli(['flows', first, '--follow-for', '2s', '--fields', 'src,dst.port', '--format', 'csv']);
  await new Promise((resolve) => setTimeout(resolve, 900));
  fs.appendFileSync(first, bytes.subarray(200));
  await new Promise((resolve) => setTimeout(resolve, 300));
  fs.writeFileSync(path.join(ring, 'x_00002.pcap'), pcapOf(OTHER));
  const run = await child;
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout).toBe(`src,dst.port\n${'192.168.1.66,445\n'.repeat(10)}${'203.0.113.9,22\n'.repeat(5)}`);
}, 20_000);

test('Ctrl-C ends following, and the flows that live then are printed', async () => {
  const growing = file('follow.pcap', pcapOf(SWEEP));
  const entry = new URL('./support/cli-entry.ts', import.meta.url).pathname;
  const args = ['--experimental-strip-types', '--no-warnings', entry, 'flows', growing, '--follow', '--fields', 'src'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    if (stdout === '') setTimeout(() => child.kill('SIGINT'), 300);
    stdout += String(chunk);
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code).toBe(0);
  expect(stdout).toBe(`src\n${'192.168.1.66\n'.repeat(10)}`);
}, 20_000);

test('cut writes the packets of the flows that fit, unchanged and in their order, as pcap and pcapng', async () => {
  for (const name of ['cut.pcap', 'cut.pcapng']) {
    const out = path.join(folder, name);
    const run = await runCli(['cut', capture, '--filter', 'dst.port 22', '-o', out]);
    expect(run).toMatchObject({ code: 0, stdout: '', stderr: `10 packets of 5 flows (out of 15) written to ${out}\n` });
    expect(framesIn(new Uint8Array(fs.readFileSync(out)))).toEqual(hexOf(OTHER));
  }
});

test('cut takes flows by number and by Community ID, of several files', async () => {
  const second = file(
    'second.pcap',
    pcapOf(portSweep({ source: '10.0.0.1', network: '10.0.1', port: 80, count: 3, start: 1_700_000_100 })),
  );
  const flows = await runCli(['flows', capture, second, '--fields', 'id,communityId,src', '--format', 'csv']);
  const lines = flows.stdout
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','));
  const [number, , source] = lines.find(([, , src]) => src === '203.0.113.9') ?? [];
  const key = lines.find(([, , src]) => src === '10.0.0.1')?.[1] ?? '';
  expect(source).toBe('203.0.113.9');
  const out = path.join(folder, 'chosen.pcapng');
  const run = await runCli(['cut', capture, second, '--flow', `${number},99`, '--community-id', key, '-o', out]);
  expect(run.stderr).toBe(`warning: there is no flow 99\n4 packets of 2 flows (out of 18) written to ${out}\n`);
  expect(framesIn(new Uint8Array(fs.readFileSync(out)))).toHaveLength(4);
});

test('cut knows two connections on the same ports one after the other as two flows', async () => {
  const syn = 2;
  const rst = 20;
  const frames = [0, 1, 100, 101].map((at, i) =>
    i % 2 === 0
      ? tcpFrame(1_700_000_000 + at, '10.0.0.1', 5000, '10.0.0.2', 80, syn)
      : tcpFrame(1_700_000_000 + at, '10.0.0.2', 80, '10.0.0.1', 5000, rst),
  );
  const name = file('twice.pcap', pcapOf(frames));
  const out = path.join(folder, 'later.pcap');
  await runCli(['cut', name, '-f', 'start > 2023-11-14T22:14', '-o', out]);
  expect(framesIn(new Uint8Array(fs.readFileSync(out)))).toEqual(hexOf(frames.slice(2)));
});

test('cut to standard output is a capture that can be piped', async () => {
  const whole = await runCli(['cut', capture, '-f', 'tcp', '-o', '-', '--quiet']);
  expect(whole.stderr).toBe('');
  expect(whole.stdout.length).toBeGreaterThan(30 * 50);
});

test('a cut without any flow is an empty capture, and says so', async () => {
  const out = path.join(folder, 'empty.pcap');
  const run = await runCli(['cut', capture, '-f', 'udp', '-o', out]);
  expect(run).toMatchObject({ code: 0, stderr: `0 packets of 0 flows (out of 15) written to ${out}\n` });
  expect(framesIn(new Uint8Array(fs.readFileSync(out)))).toEqual([]);
});

const REFUSED: readonly (readonly [string, readonly string[], string])[] = [
  [
    'standard input',
    ['cut', '-', '-f', 'tcp', '-o', 'x.pcap'],
    'error: standard input can be read once only, and cut reads its input twice\n  write it into a file first\n',
  ],
  [
    'no choice',
    ['cut', capture, '-o', 'x.pcap'],
    'error: nothing says which flows to cut\n  give --filter, --flow, --community-id or --incident\n',
  ],
  [
    'its own input',
    ['cut', capture, '-f', 'tcp', '-o', capture],
    `error: ${capture} is one of the inputs, and would be overwritten\n  give the cut another name\n`,
  ],
  [
    'another format',
    ['cut', capture, '-f', 'tcp', '-o', 'x.txt'],
    'error: x.txt: the name does not say which capture format it should have\n  name it .pcap or .pcapng\n',
  ],
  [
    'a number that is none',
    ['cut', capture, '--flow', '0', '-o', 'x.pcap'],
    'error: --flow 0: expected numbers of flows\n  for example --flow 12,13\n',
  ],
];
for (const [what, args, stderr] of REFUSED) {
  test(`cut refuses ${what} with words`, async () => {
    expect(await runCli(args, { cwd: folder })).toEqual({ code: 2, stdout: '', stderr });
  });
}

test('fields --filter lists the names that a filter knows, with their synonyms', async () => {
  const run = await runCli(['fields', '--filter', 'id.resp_p']);
  expect(run.stdout).toMatch(/^Fields of --filter and --fields\n {2}dst\.port {2}\[port\]\n/);
  expect(run.stdout.replace(/\s+/g, ' ')).toContain('Also dport, id.resp_p, resp_p, dstport.');
  const { fields } = JSON.parse((await runCli(['fields', '--filter', '--json'])).stdout) as {
    fields: { name: string; columns: string[] }[];
  };
  expect(fields.find(({ name }) => name === 'port')?.columns).toEqual(['initiatorPort', 'responderPort']);
});

test('a named pipe without a writer does not hold the command for ever without a word', async () => {
  const fifo = path.join(folder, 'fifo');
  await new Promise((resolve) => spawn('mkfifo', [fifo]).on('close', resolve));
  const entry = new URL('./support/cli-entry.ts', import.meta.url).pathname;
  const args = ['--experimental-strip-types', '--no-warnings', entry, 'flows', fifo];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    if (stderr === '') child.kill('SIGINT');
    stderr += String(chunk);
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(stderr).toContain(`${fifo} is a named pipe that nobody writes to yet; waiting for a writer (Ctrl-C to stop)`);
  expect(code).toBe(2);
}, 20_000);

test('cut says that there is no report yet, and that an incident is not of these inputs', async () => {
  const missing = await runCli(['cut', capture, '--incident', '1', '--report', 'none/incidents.json', '-o', '-']);
  expect(missing).toMatchObject({
    code: 2,
    stderr:
      'error: there is no none/incidents.json\n  run anomalyst analyze first, or name the incidents.json of its output with --report\n',
  });
  const out = path.join(folder, 'report-of-sweep');
  expect((await runCli(['analyze', capture, '--out', out, '--quiet'])).code).toBe(0);
  const other = file('unrelated.pcap', pcapOf(OTHER.slice(0, 1)));
  const cut = await runCli([
    ...['cut', other, '--incident', '1', '--report', path.join(out, 'incidents.json')],
    ...['-o', path.join(folder, 'nothing.pcap')],
  ]);
  expect(cut.code).toBe(0);
  expect(cut.stderr).toContain('warning: no flow of incident 1 of ');
});

test('flows leaves nothing on standard output of an input that cannot be read, and the header alone where no flow is shown', async () => {
  const table = file('no-flows.csv', 'a,b\n1,2\n3,4\n');
  const failed = await runCli(['flows', table]);
  expect(failed).toMatchObject({ code: 2, stdout: '' });
  expect(failed.stderr).toMatch(/^error: .*no-flows\.csv: a table \(csv\), and no capture or flow log\n/);
  const none = await runCli(['flows', capture, '--filter', 'dst.port 1', ...FIELDS, '--quiet']);
  expect(none).toMatchObject({ code: 0, stdout: 'src,dst,dst.port,outcome\n', stderr: '' });
});

/** A port of this machine on which nobody listens. */
async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

test('a place that is not there is the operator’s to mend', async () => {
  const bad = await runCli(['analyze', 'es+http://127.0.0.1:22/index', '--out', path.join(folder, 'es')]);
  expect(bad).toMatchObject({
    code: 2,
    stderr:
      'error: http://127.0.0.1:22: this port is never used for HTTP, and not connected to\n  a search engine listens on a port such as 9200\n',
  });
  const port = await freePort();
  const refused = await runCli(['analyze', `es+http://127.0.0.1:${port}/index`, '--out', path.join(folder, 'es')]);
  expect(refused).toMatchObject({
    code: 2,
    stderr: `error: http://127.0.0.1:${port}: connection refused (ECONNREFUSED); given up after 2 attempts\n  check the address, and that the search engine runs\n`,
  });
});

test.each([[[], '\nstopping (Ctrl-C again to leave at once)\n'] as const, [['--quiet'], ''] as const])(
  'simulate --serve %j tells what it does unless it is quiet',
  async (flags, said) => {
    const port = await freePort();
    const entry = new URL('./support/cli-entry.ts', import.meta.url).pathname;
    const args = ['simulate', '--scenario', 'record-mix', '--serve', `127.0.0.1:${port}`, ...flags];
    const child = spawn(process.execPath, ['--experimental-strip-types', '--no-warnings', entry, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    while (child.exitCode === null && !(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    if (said === '') expect(stderr).toBe('');
    else expect(stderr).toContain(said);
  },
  20_000,
);
