/**
 * Flow export against the real thing, on loopback alone.
 *
 *     node bench/collector.ts [--quick] [capture]
 *
 * 1. softflowd reads a capture and exports it as NetFlow v5, v9, IPFIX and IPFIX with biflows to our collector; packets and IP bytes of every conversation, each way, beside those of our own flow table
 *    (packets) and of the IP headers (bytes) of the same capture. Version 5 has no IPv6.
 * 2. Decoding alone, in memory: datagrams and records a second, one core; down to flow records, and all the way to rows.
 * 3. Beside nfcapd: the same datagrams to both, over loopback; records for each second of processor time.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import * as dgram from 'node:dgram';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { numberAt, type Table, textAt } from '../src/core/index.ts';
import { bindFlows, FlowTable } from '../src/flow/index.ts';
import { NetflowDecoder, openCollector } from '../src/io/index.ts';
import {
  CaptureReader,
  compileTemplate,
  decodeFrame,
  decodeNetflow5,
  decodeRecords,
  ExportedFlow,
  encodeIpfix,
  encodeNetflow5,
  encodeNetflow9,
  encodeRecords,
  encodeSflow,
  encodeTemplates,
  Fragments,
  formatIpv4,
  formatIpv6,
  OddityCounter,
  Packet,
  PROTO,
  type TemplateKind,
  TimeBase,
  walkNetflow5,
} from '../src/wire/index.ts';
import { has, ROOT } from './child.ts';

const args = process.argv.slice(2);

/** Listens until its input ends, and says what it took in. */
async function runChild(): Promise<void> {
  const source = await openCollector({ oddities: new OddityCounter(), port: Number(args[1]) });
  process.stdout.write('ready\n');
  let rows = 0;
  process.stdin.on('data', () => undefined).on('end', () => void source.stop());
  for (let table = await source.read(); table !== undefined; table = await source.read()) rows += table.rowCount;
  const { datagrams, records, kernelDrops, unreadDrops } = source.status();
  const { user, system } = process.cpuUsage();
  process.stdout.write(
    `${JSON.stringify({ rows, datagrams, records, kernelDrops, unreadDrops, cpuMs: (user + system) / 1000 })}\n`,
  );
}

async function runBench(): Promise<void> {
  const quick = args.includes('--quick');
  const capture = args.find((arg) => !arg.startsWith('--')) ?? join(ROOT, 'test/fixture/demo/office.pcap');
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, Node.js ${process.version}`);
  let failed = false;
  if (has('softflowd')) failed = !(await agreement(capture));
  else console.log('agreement: skipped, there is no softflowd');
  speed(quick ? 1000 : 4000);
  if (has('nfcapd') && process.platform === 'linux') await besideNfcapd(quick ? 3000 : 20_000);
  else console.log('beside nfcapd: skipped, there is no nfcapd');
  if (failed) process.exitCode = 1;
}

interface Counts {
  packets: number;
  bytes: number;
}
/** By 'protocol source sourcePort destination destinationPort'. */
type OneWay = Map<string, Counts>;

function add(to: OneWay, key: string, packets: number, bytes: number): void {
  const found = to.get(key);
  if (found === undefined) to.set(key, { packets, bytes });
  else {
    found.packets += packets;
    found.bytes += bytes;
  }
}

/** Flows as their two directions. ICMP has no ports: all types of a pair of hosts are one. */
function addTable(to: OneWay, table: Table): void {
  const flows = bindFlows(table);
  for (let row = 0; row < table.rowCount; row++) {
    const protocol = textAt(flows.protocol, row) ?? '';
    const [a, b] = [textAt(flows.initiator, row) ?? '', textAt(flows.responder, row) ?? ''];
    const [p, q] = [numberAt(flows.initiatorPort, row) ?? 0, numberAt(flows.responderPort, row) ?? 0];
    const [there, back] = [numberAt(flows.initiatorPackets, row) ?? 0, numberAt(flows.responderPackets, row) ?? 0];
    if (there > 0) add(to, `${protocol} ${a} ${p} ${b} ${q}`, there, numberAt(flows.initiatorBytes, row) ?? 0);
    if (back > 0) add(to, `${protocol} ${b} ${q} ${a} ${p}`, back, numberAt(flows.responderBytes, row) ?? 0);
  }
}

/** Packets by the flow table, bytes by the IP headers. */
function ofCapture(file: string): { flows: OneWay; bytes: OneWay } {
  const base = new TimeBase();
  const oddities = new OddityCounter();
  const reader = new CaptureReader(base, oddities);
  const table = new FlowTable(base, oddities);
  const flows: OneWay = new Map();
  const ipBytes: OneWay = new Map();
  const content = readFileSync(file);
  const packet = new Packet();
  const fragments = new Fragments();
  for (let at = 0; !reader.done; ) {
    if (reader.next() > 0) {
      const { batch } = reader;
      for (let i = 0; i < batch.count; i++) {
        const [offset = 0, captured = 0, wire = 0, link = 0] = [
          batch.offset[i],
          batch.captureLength[i],
          batch.wireLength[i],
          batch.linkType[i],
        ];
        if (!decodeFrame(batch.bytes, batch.view, offset, captured, wire, link, packet, fragments, new OddityCounter()))
          continue;
        const p = packet;
        if (p.protocol === PROTO.arp || link !== 1) continue;
        const ip = offset + (batch.view.getUint16(offset + 12) === 0x8100 ? 18 : 14);
        const length = p.isV6 === 1 ? 40 + batch.view.getUint16(ip + 4) : batch.view.getUint16(ip + 2);
        const text = (a: number, b: number, c: number, d: number): string =>
          p.isV6 === 1 ? formatIpv6(a, b, c, d) : formatIpv4(a);
        const isIcmp = p.protocol === PROTO.icmp || p.protocol === PROTO.icmpv6;
        const [sp, dp] = isIcmp ? [0, 0] : [p.srcPort, p.dstPort];
        const name = Object.entries(PROTO).find(([, n]) => n === p.protocol)?.[0] ?? `ip-${p.protocol}`;
        add(
          ipBytes,
          `${name} ${text(p.src0, p.src1, p.src2, p.src3)} ${sp} ${text(p.dst0, p.dst1, p.dst2, p.dst3)} ${dp}`,
          1,
          length,
        );
      }
      table.process(batch);
    } else if (!reader.done) {
      const n = content.copy(reader.space(), 0, at);
      at += n;
      reader.fill(n);
    }
  }
  table.finish();
  for (const each of table.takeTables()) addTable(flows, each);
  return { flows, bytes: ipBytes };
}

async function agreement(capture: string): Promise<boolean> {
  const { flows, bytes } = ofCapture(capture);
  const isV6 = (key: string): boolean => key.includes(':');
  let all = true;
  for (const [name, version, more] of [
    ['NetFlow v5', '5', []],
    ['NetFlow v9', '9', []],
    ['IPFIX', '10', []],
    ['IPFIX biflow', '10', ['-b']],
  ] as const) {
    const source = await openCollector({ oddities: new OddityCounter(), port: 0 });
    const work = mkdtempSync(join(tmpdir(), 'anomalyst-softflowd-'));
    await run('softflowd', [
      '-r',
      capture,
      '-n',
      `127.0.0.1:${source.port}`,
      '-v',
      version,
      '-d',
      '-a',
      ...more,
      '-c',
      'none',
      '-p',
      join(work, 'pid'),
    ]);
    rmSync(work, { recursive: true, force: true });
    // What is in the socket comes before the stop.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await source.stop();
    const got: OneWay = new Map();
    for (let table = await source.read(); table !== undefined; table = await source.read()) addTable(got, table);
    const expected = [...flows].filter(([key]) => !key.startsWith('arp') && !(version === '5' && isV6(key)));
    let same = 0;
    let sameBytes = 0;
    const wrong: string[] = [];
    for (const [key, { packets }] of expected) {
      const found = got.get(key);
      if (found?.packets === packets) same++;
      else wrong.push(`${key}: ${packets} packets, exported ${found?.packets ?? 'nothing'}`);
      if (found !== undefined && found.bytes === bytes.get(key)?.bytes) sameBytes++;
    }
    const extra = [...got.keys()].filter((key) => !flows.has(key));
    const status = source.status();
    console.log(
      `${name}: ${same} of ${expected.length} directions agree in packets, ${sameBytes} in bytes, ${extra.length} that are not in the capture; ${status.rows} rows of ${status.records} records in ${status.datagrams} datagrams${status.message === undefined ? '' : ` (${status.message})`}`,
    );
    for (const line of [...wrong, ...extra.map((key) => `only exported: ${key}`)].slice(0, 5)) console.log(`  ${line}`);
    if (same < expected.length * 0.98 || sameBytes < expected.length * 0.98) all = false;
  }
  return all;
}

function run(program: string, options: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, options, { stdio: 'ignore' });
    const timer = setTimeout(() => child.kill(), 30_000);
    child.on('error', reject).on('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

const T0 = 1_700_000_000_000;
const RECORDS = 24;
const FIELDS: readonly (readonly [number, number])[] = [
  [8, 4],
  [12, 4],
  [15, 4],
  [10, 4],
  [14, 4],
  [2, 4],
  [1, 4],
  [22, 4],
  [21, 4],
  [7, 2],
  [11, 2],
  [6, 1],
  [4, 1],
  [5, 1],
  [16, 4],
  [17, 4],
  [9, 1],
  [13, 1],
];

function templateOf(kind: TemplateKind): NonNullable<ReturnType<typeof compileTemplate>> {
  const fields = FIELDS.map(([element, length]) => ({
    // IPFIX without uptimes.
    element: kind === 'ipfix' && element === 22 ? 150 : kind === 'ipfix' && element === 21 ? 151 : element,
    enterprise: 0,
    length,
  }));
  const template = compileTemplate(256, kind, fields);
  if (template === undefined) throw new Error('no template');
  return template;
}

/** Datagrams of an ordinary network: request and answer of one flow after the other, of 65,000 hosts. */
function made(format: string, count: number): Uint8Array[] {
  const kind: TemplateKind = format === 'IPFIX' ? 'ipfix' : 'v9';
  const template = templateOf(kind);
  const frame = new Uint8Array(128);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 1, 0xf4, 0, 0, 0, 0, 64, 6]);
  frame[46] = 0x50;
  const out: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const uptimeMs = 1000 + i;
    const flows = Array.from({ length: RECORDS }, (_, k) => {
      const n = (i * RECORDS + k) >> 1;
      const client = 0x0a000000 + ((n * 7919) & 0xffff);
      const ends = { client, server: 0xc0a80000 + (n & 1023), port: 1024 + (n % 60_000) };
      return k % 2 === 0
        ? { source: ends.client, destination: ends.server, sourcePort: ends.port, destinationPort: 443 }
        : { source: ends.server, destination: ends.client, sourcePort: 443, destinationPort: ends.port };
    });
    if (format === 'NetFlow v5')
      out.push(
        encodeNetflow5({
          uptimeMs,
          exportMs: T0 + i,
          sequence: i * RECORDS,
          records: flows.map((f, k) => ({
            ...f,
            protocol: 6,
            flags: 0x1b,
            packets: 10 + k,
            octets: 1000 + k,
            first: i,
            last: i + 500,
          })),
        }),
      );
    else if (format === 'sFlow')
      out.push(
        encodeSflow({
          agent: 0x0a000001,
          sequence: i,
          uptimeMs,
          samples: flows.slice(0, 7).map((f) => {
            const each = frame.slice();
            const view = new DataView(each.buffer);
            view.setUint32(26, f.source);
            view.setUint32(30, f.destination);
            view.setUint16(34, f.sourcePort);
            view.setUint16(36, f.destinationPort);
            return { rate: 1000, frame: each };
          }),
        }),
      );
    else {
      const second = Math.floor((T0 + i) / 1000);
      const [first, last] = kind === 'ipfix' ? [second - 1, second] : [i, i + 500];
      const records = flows.map((f, k) => [
        f.source,
        f.destination,
        0,
        1,
        2,
        10 + k,
        1000 + k,
        first,
        last,
        f.sourcePort,
        f.destinationPort,
        0x1b,
        6,
        0,
        0,
        0,
        24,
        24,
      ]);
      const sets = [...(i % 100 === 0 ? [encodeTemplates(kind, [template])] : []), encodeRecords(template, records)];
      out.push(
        kind === 'ipfix'
          ? encodeIpfix({ exportMs: T0 + i, sequence: i * RECORDS, sets })
          : encodeNetflow9({ uptimeMs, exportMs: T0 + i, sequence: i, sets }),
      );
    }
  }
  return out;
}

function speed(count: number): void {
  for (const format of ['NetFlow v5', 'NetFlow v9', 'IPFIX', 'sFlow']) {
    const datagrams = made(format, count);
    const rounds = 5;
    let bestRows = 0;
    let bestRead = 0;
    let records = 0;
    for (let round = 0; round < rounds; round++) {
      const decoder = new NetflowDecoder(new OddityCounter());
      const began = performance.now();
      for (let i = 0; i < datagrams.length; i++)
        decoder.datagram(datagrams[i] ?? new Uint8Array(), '192.0.2.1', T0 + i);
      decoder.finish();
      records = decoder.records;
      bestRows = Math.max(bestRows, (1000 * datagrams.length) / (performance.now() - began));
      const read = readOnly(format, datagrams);
      bestRead = Math.max(bestRead, read);
    }
    const per = records / datagrams.length;
    const rate = (n: number): string => Math.round(n).toLocaleString('en-US');
    console.log(
      `${format}: ${rate(bestRows)} datagrams/s, ${rate(bestRows * per)} ${format === 'sFlow' ? 'samples' : 'records'}/s to rows${bestRead > 0 ? `; ${rate(bestRead * per)} records/s read alone` : ''} (best of ${rounds}, ${rate(datagrams.length)} datagrams of ${per})`,
    );
  }
}

/** Datagrams a second that are only read into records. */
function readOnly(format: string, datagrams: readonly Uint8Array[]): number {
  if (format === 'sFlow') return 0;
  const oddities = new OddityCounter();
  const flow = new ExportedFlow();
  const template = templateOf(format === 'IPFIX' ? 'ipfix' : 'v9');
  let sum = 0;
  const take = (f: ExportedFlow): void => {
    sum += f.packets;
  };
  const data = datagrams.filter((_, i) => format === 'NetFlow v5' || i % 100 !== 0);
  const began = performance.now();
  for (const bytes of data) {
    if (format === 'NetFlow v5') {
      const header = decodeNetflow5(bytes, 0, bytes.length);
      if (header !== undefined) walkNetflow5(header, bytes, 0, bytes.length, flow, oddities, take);
    } else decodeRecords(template, bytes, format === 'IPFIX' ? 20 : 24, bytes.length, flow, oddities, take);
  }
  const rate = (1000 * data.length) / (performance.now() - began);
  if (sum === 0) throw new Error('nothing was read');
  return rate;
}

/** Processor time of a process so far, ms, by /proc. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  // utime and stime in ticks of 10 ms.
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

async function besideNfcapd(count: number): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'anomalyst-nfcapd-'));
  const children: ChildProcess[] = [];
  try {
    for (const format of ['NetFlow v5', 'NetFlow v9', 'IPFIX']) {
      const datagrams = made(format, count);
      const ports = [await freePort(), await freePort()];
      const [theirPort = 0, ourPort = 0] = ports;
      const folder = mkdtempSync(join(work, 'x'));
      const theirs = spawn('nfcapd', ['-b', '127.0.0.1', '-p', `${theirPort}`, '-w', folder, '-t', '3600'], {
        stdio: 'ignore',
      });
      const ours = spawn(process.execPath, [fileURLToPath(import.meta.url), '--child', `${ourPort}`], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      children.push(theirs, ours);
      let said = '';
      const over = new Promise<void>((resolve) => ours.on('exit', () => resolve()));
      await new Promise<void>((resolve) =>
        ours.stdout?.on('data', (text) => {
          said += text;
          if (said.includes('ready')) resolve();
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, 500));
      const before = cpuMs(ours.pid ?? 0);
      const theirsBefore = cpuMs(theirs.pid ?? 0);
      await sendAll(datagrams, ports);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const theirMs = cpuMs(theirs.pid ?? 0) - theirsBefore;
      ours.stdin?.end();
      await over;
      const result = JSON.parse(said.split('\n')[1] ?? '{}') as {
        rows: number;
        records: number;
        kernelDrops?: number;
        cpuMs: number;
      };
      const ourMs = result.cpuMs - before;
      const done = new Promise<void>((resolve) => theirs.on('exit', () => resolve()));
      theirs.kill('SIGTERM');
      await done;
      const stored = readdirSync(folder).filter((file) => file.startsWith('nfcapd.'));
      let flows = 0;
      for (const file of stored)
        flows += Number(
          /^Flows: (\d+)/m.exec(execFileSync('nfdump', ['-I', '-r', join(folder, file)], { encoding: 'utf8' }))?.[1] ??
            0,
        );
      const rate = (n: number, ms: number): string => Math.round((1000 * n) / ms).toLocaleString('en-US');
      console.log(
        `${format} beside nfcapd: ours ${rate(result.records, ourMs)} records/s of processor time (${result.records} of ${count * RECORDS}, ${result.rows} flows), nfcapd ${rate(flows, theirMs)} (${flows} records stored, not paired): ${((1000 * flows) / theirMs / ((1000 * result.records) / ourMs)).toFixed(1)} times as many`,
      );
    }
  } finally {
    for (const child of children) child.kill();
    rmSync(work, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const socket = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

/** To all ports alike, so slowly that nothing is lost: what is compared is processor time. */
async function sendAll(datagrams: readonly Uint8Array[], ports: readonly number[]): Promise<void> {
  const socket = dgram.createSocket('udp4');
  for (let i = 0; i < datagrams.length; i += 50) {
    await Promise.all(
      datagrams
        .slice(i, i + 50)
        .flatMap((bytes) =>
          ports.map((port) => new Promise<void>((resolve) => socket.send(bytes, port, '127.0.0.1', () => resolve()))),
        ),
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  socket.close();
}

if (args[0] === '--child') await runChild();
else await runBench();
