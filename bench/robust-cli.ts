/**
 * The command line as a process, against everything that can be wrong with an input.
 *
 *     node bench/robust-cli.ts [--only <text in the path>] [--cases] [--files] [--no-build]
 *
 * Files: every file under the robustness captures (damaged, fuzzed, foreign), one `analyze` each. It must end with 0 and a report that is whole, or with
 * 2 and a message that names the file; never with 1, never with a stack trace, within 5 seconds and 300 MB. Cases: bad inputs made here (cut,
 * compressed, lying, forbidden, a full disk), whose output is shown and must say what is wrong and where. --cases or --files runs one half alone.
 * Exits with 1 when anything broke a rule.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { incidentsDocument } from '../src/report/index.ts';
import {
  ETHERTYPE_IPV4,
  encodeEthernet,
  encodeIpv4,
  encodePcapHeader,
  encodePcapRecord,
  encodeTcp,
  PROTO,
  TCP_SYN,
} from '../src/wire/index.ts';
import { ANOMALYST, build, type Cost, DATA, eachOf, has, type MeasureOptions, measure, textTable } from './child.ts';

const LIMIT_MS = 5000;
const LIMIT_MB = 300;
const FOLDERS = ['tcpdump-tests', 'pcapng-suite', 'zeek-traces'];
/** A line of a JavaScript stack. */
const STACK = /^\s+at .+:\d+:\d+\)?$/m;
/** Nobody, on every Unix. */
const NOBODY = 65534;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    cases: { type: 'boolean', default: false },
    files: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
  },
});
const both = flags.cases === flags.files;
if (!flags['no-build']) build();
const work = mkdtempSync(join(tmpdir(), 'anomalyst-robust-'));
const violations: string[] = [];

function command(inputs: readonly string[], out: string): string[] {
  return [process.execPath, ANOMALYST, 'analyze', ...inputs, '--out', out, '--quiet', '--no-progress'];
}

/** What a run broke of the rules that hold for every run. */
function brokenRules({ code, wallS, peakMB, stdout, stderr, tookTooLong }: Cost, allowed: readonly number[]): string[] {
  const broken: string[] = [];
  if (tookTooLong || wallS * 1000 > LIMIT_MS) broken.push(`took ${wallS.toFixed(1)} s`);
  if (peakMB !== undefined && peakMB > LIMIT_MB) broken.push(`took ${peakMB.toFixed(0)} MB`);
  if (!tookTooLong && !allowed.includes(code)) broken.push(`exit code ${code}`);
  if (STACK.test(stderr) || STACK.test(stdout)) broken.push('a stack trace');
  return broken;
}

/** What is wrong with the output of a run that ended with 0. */
function brokenReport(out: string): string[] {
  const path = join(out, 'incidents.json');
  if (!existsSync(path)) return ['no incidents.json'];
  try {
    incidentsDocument.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    return [
      `incidents.json is not by its schema: ${error instanceof Error ? error.message.split('\n').slice(0, 6).join(' ') : String(error)}`,
    ];
  }
  const missing = ['report.html', 'flows.csv'].filter(
    (name) => !existsSync(join(out, name)) || statSync(join(out, name)).size === 0,
  );
  const halves = readdirSync(out).filter((name) => name.endsWith('.part'));
  return [...missing.map((name) => `no ${name}`), ...halves.map((name) => `${name} left behind`)];
}

async function runFiles(): Promise<void> {
  const files = FOLDERS.filter((folder) => {
    const there = existsSync(join(DATA, folder));
    if (!there) console.log(`skipped: ${join(DATA, folder)} is not there`);
    return there;
  })
    .flatMap((folder) =>
      readdirSync(join(DATA, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(DATA, join(entry.parentPath, entry.name))),
    )
    .filter((file) => file.includes(flags.only))
    .sort();
  const runs = await eachOf(files, Math.min(2, cpus().length), async (file) => {
    const out = mkdtempSync(join(work, 'out-'));
    const cost = await measure(command([join(DATA, file)], out), { limitMs: 4 * LIMIT_MS });
    const broken = brokenRules(cost, [0, 2]);
    if (cost.code === 0) broken.push(...brokenReport(out));
    if (cost.code === 2 && !cost.stderr.includes(file.split('/').at(-1) ?? file))
      broken.push('the message does not name the file');
    rmSync(out, { recursive: true, force: true });
    if (broken.length > 0)
      violations.push(
        `${file}: ${broken.join(', ')}${cost.stderr === '' ? '' : `\n${indent(firstLines(cost.stderr, 12), '      ')}`}`,
      );
    return { file, cost };
  });
  if (runs.length === 0) return;

  const refusals = new Map<string, string[]>();
  for (const { file, cost } of runs) {
    if (cost.code !== 2) continue;
    // The same reason for many files is one line.
    const reason = firstLines(cost.stderr, 1)
      .replaceAll(join(DATA, file), '<file>')
      .replaceAll(/"[^"]*"/g, '"..."')
      .replaceAll(/\d[\d,]*/g, 'N');
    refusals.set(reason, [...(refusals.get(reason) ?? []), file]);
  }
  console.log('Refused (exit code 2):');
  for (const [reason, names] of [...refusals].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(
      `  ${reason}\n${indent(names.slice(0, 4).join('\n'), '      ')}${names.length > 4 ? `\n      and ${names.length - 4} more` : ''}`,
    );
  const rows = FOLDERS.flatMap((folder) => {
    const of = runs.filter(({ file }) => file.startsWith(`${folder}/`));
    const codes = [...new Set(of.map(({ cost }) => cost.code))].sort();
    return codes.map((code) => [folder, String(code), String(of.filter(({ cost }) => cost.code === code).length)]);
  });
  console.log(`\n${textTable(['folder', 'exit code', 'files'], rows)}`);
  const top = (value: (cost: Cost) => number): string =>
    [...runs]
      .sort((a, b) => value(b.cost) - value(a.cost))
      .slice(0, 3)
      .map(({ file, cost }) => `${file} ${value(cost).toFixed(value(cost) < 20 ? 2 : 0)}`)
      .join('; ');
  console.log(`\n${runs.length} files. Slowest (s): ${top((cost) => cost.wallS)}`);
  console.log(`Largest (MB): ${top((cost) => cost.peakMB ?? 0)}`);
}

interface BadCase {
  readonly name: string;
  /** Why it can't be run here. */
  readonly skip?: string;
  readonly command: readonly string[];
  readonly options?: MeasureOptions;
  /** Exit codes that are right. */
  readonly codes: readonly number[];
  /** What the output must say, on either stream. */
  readonly says: readonly RegExp[];
  /** Folder whose report must be whole after 0. */
  readonly out?: string;
}

async function runCases(): Promise<void> {
  const cases = makeCases().filter(({ name }) => name.includes(flags.only));
  console.log('\nBad inputs, each with what it printed:');
  for (const each of cases) {
    if (each.skip !== undefined) {
      console.log(`\n* ${each.name}\n    skipped: ${each.skip}`);
      continue;
    }
    const cost = await measure(each.command, { limitMs: 4 * LIMIT_MS, ...each.options });
    const said = `${cost.stdout}${cost.stderr}`.trimEnd();
    const broken = brokenRules(cost, each.codes);
    if (cost.code === 0 && each.out !== undefined) broken.push(...brokenReport(each.out));
    // The terminal wraps long lines.
    const flat = said.replaceAll(/\s+/g, ' ');
    for (const words of each.says) if (!words.test(flat)) broken.push(`does not say ${words.source}`);
    console.log(
      `\n* ${each.name}: exit code ${cost.code}, ${cost.wallS.toFixed(2)} s, ${cost.peakMB?.toFixed(0) ?? '?'} MB${broken.length === 0 ? '' : `   <- ${broken.join(', ')}`}`,
    );
    console.log(indent(firstLines(said, 12) || '(nothing)', '    '));
    if (broken.length > 0) violations.push(`${each.name}: ${broken.join(', ')}`);
  }
}

/** A capture of a small port scan, with the frame's places known. */
function scanCapture(packets: number): Uint8Array {
  const parts = [encodePcapHeader()];
  for (let i = 0; i < packets; i++) {
    const payload = encodeTcp({ srcPort: 40_000, dstPort: 1 + i, flags: TCP_SYN, sequence: i });
    const ip = encodeIpv4({ source: 0x0a000001, destination: 0x0a000002, protocol: PROTO.tcp, payload });
    const frame = encodeEthernet({
      destination: Uint8Array.of(2, 0, 0, 0, 0, 2),
      source: Uint8Array.of(2, 0, 0, 0, 0, 1),
      etherType: ETHERTYPE_IPV4,
      payload: ip,
    });
    parts.push(encodePcapRecord(1_767_600_000 + Math.floor(i / 50), (i % 50) * 20_000, frame));
  }
  // A Uint8Array and not a Buffer, whose slice() shares its memory.
  return new Uint8Array(Buffer.concat(parts));
}

/** Section header, interface, and a packet block that claims a length it can't have. */
function lyingPcapng(): Uint8Array {
  const out = new Uint8Array(28 + 20 + 32);
  const view = new DataView(out.buffer);
  const words = [
    0x0a0d0d0a, 28, 0x1a2b3c4d, 0x00000001, 0xffffffff, 0xffffffff, 28, 1, 20, 1, 65_535, 20, 6, 0x7ffffff1, 0, 0, 0, 0,
    0, 32,
  ];
  words.forEach((word, i) => {
    view.setUint32(4 * i, word, true);
  });
  return out;
}

function makeCases(): BadCase[] {
  const capture = scanCapture(300);
  const large = scanCapture(20_000);
  const frameBytes = 16 + 54;
  const put = (name: string, content: Uint8Array | string): string => {
    const path = join(work, name);
    writeFileSync(path, content);
    return path;
  };
  const whole = put('whole.pcap', capture);
  const out = (name: string): string => join(work, `out-${name}`);
  const simple = (
    name: string,
    inputs: readonly string[],
    codes: readonly number[],
    says: readonly RegExp[],
    more: Partial<BadCase> = {},
  ): BadCase => {
    const folder = out(name.replaceAll(/\W+/g, '-'));
    return { name, command: command(inputs, folder), codes, says, out: folder, ...more };
  };
  /** Without --quiet, where the run goes on and the report on the terminal must say what is missing. */
  const loud = (
    name: string,
    inputs: readonly string[],
    codes: readonly number[],
    says: readonly RegExp[],
    more: Partial<BadCase> = {},
  ): BadCase => {
    const one = simple(name, inputs, codes, says, more);
    return { ...one, command: one.command.filter((word) => word !== '--quiet') };
  };
  const emptyFolder = join(work, 'folder-without-captures');
  mkdirSync(emptyFolder);
  writeFileSync(join(emptyFolder, 'notes.md'), '# nothing here\n');
  const mixed = join(work, 'folder-with-captures');
  mkdirSync(mixed);
  writeFileSync(join(mixed, 'a.pcap'), capture);
  writeFileSync(join(mixed, 'b.pcap'), 'no capture at all, whatever its name says\n');
  const noZstd = typeof zstdCompressSync !== 'function' ? `Node.js ${process.version} has no zstd` : undefined;
  const gz = put('capture.pcap.gz', gzipSync(capture));
  const shell = (script: string, ...args: readonly string[]): string[] => ['sh', '-c', script, 'sh', ...args];
  return [
    simple('no such file', [join(work, 'none.pcap')], [2], [/none\.pcap/, /no such file/i]),
    simple('a folder without captures', [emptyFolder], [2], [/folder-without-captures/, /no capture/i]),
    loud('a folder with one capture and one that is none', [mixed], [0], [/b\.pcap/, /not a capture/]),
    simple(
      'a text file',
      [put('notes.txt', 'Meeting at ten.\nBring the switch.\n')],
      [2],
      [/notes\.txt/, /not a capture/],
    ),
    simple('an empty file', [put('empty.pcap', '')], [2], [/empty\.pcap/, /empty|0 bytes/]),
    simple(
      'cut inside the file header',
      [put('cut-header.pcap', capture.subarray(0, 17))],
      [2],
      [/cut-header\.pcap/, /17/],
    ),
    loud('a file header and no packet', [put('no-packet.pcap', capture.subarray(0, 24))], [0], [/no packet/i]),
    loud(
      'cut inside a packet header',
      [put('cut-record.pcap', capture.subarray(0, 24 + 10 * frameBytes + 9))],
      [0],
      [/cut-record\.pcap/, /byte 724|packet 11/],
    ),
    loud(
      'cut inside a packet',
      [put('cut-packet.pcap', capture.subarray(0, 24 + 10 * frameBytes + 16 + 20))],
      [0],
      [/cut-packet\.pcap/, /byte 724|packet 11/],
    ),
    loud(
      'a packet that claims 4 GB',
      [put('huge-packet.pcap', claimHuge(capture, 24 + 5 * frameBytes))],
      [0],
      [/huge-packet\.pcap/, /packet 6/],
    ),
    loud(
      'pcapng with a lying block length',
      [put('lying.pcapng', lyingPcapng())],
      [0, 2],
      [/lying\.pcapng/, /byte 48/],
    ),
    simple('a misspelt option', [whole, '--ouut', 'x'], [2], [/--ouut/, /--out/]),
    forbidden(whole),
    unwritable(whole),
    fullDisk(whole),
    {
      name: 'standard output on a full device',
      command: shell('exec "$@" > /dev/full', ...loud('full', [whole], [], []).command, '--json'),
      codes: [1, 2],
      says: [/space|ENOSPC/],
      ...(existsSync('/dev/full') ? {} : { skip: '/dev/full is not there' }),
    },
    {
      name: 'a pipe as -',
      command: shell('f=$1; shift; cat "$f" | "$@"', whole, ...command(['-'], out('pipe'))),
      codes: [0],
      says: [],
      out: out('pipe'),
    },
    {
      name: 'a pipe as /dev/stdin',
      command: shell('f=$1; shift; cat "$f" | "$@"', whole, ...command(['/dev/stdin'], out('dev-stdin'))),
      codes: [0],
      says: [],
      out: out('dev-stdin'),
      ...(existsSync('/dev/stdin') ? {} : { skip: '/dev/stdin is not there' }),
    },
    {
      name: 'a file as standard input',
      command: command(['-'], out('stdin')),
      options: { stdin: whole },
      codes: [0],
      says: [],
      out: out('stdin'),
    },
    {
      name: 'an empty standard input',
      command: command(['-'], out('no-stdin')),
      codes: [2],
      says: [/standard input/, /empty|0 bytes/],
    },
    {
      name: 'gzip through a pipe',
      command: shell('f=$1; shift; cat "$f" | "$@"', gz, ...command(['-'], out('gz-pipe'))),
      codes: [0],
      says: [],
      out: out('gz-pipe'),
    },
    simple('gzip', [gz], [0], []),
    simple('gzip under another name', [put('capture.bin', gzipSync(capture))], [0], []),
    loud(
      'truncated gzip',
      [put('cut.pcap.gz', cutTail(gzipSync(large)))],
      [0],
      [/cut\.pcap\.gz/, /gzip data end early/, /packets before it were kept/],
    ),
    loud(
      'truncated gzip of a small capture',
      [put('small-cut.pcap.gz', gzipSync(capture, { level: 0 }).subarray(0, 9000))],
      [0],
      [/small-cut\.pcap\.gz/, /gzip data end early/, /packets before it were kept/],
    ),
    simple(
      'gzip cut in its first bytes',
      [put('stub.pcap.gz', gzipSync(capture).subarray(0, 12))],
      [2],
      [/stub\.pcap\.gz/, /gzip/],
    ),
    loud(
      'damaged gzip',
      [put('damaged.pcap.gz', flipByte(gzipSync(large), 100_000))],
      [0],
      [/damaged\.pcap\.gz/, /gzip data are damaged/, /packets before it were kept/],
    ),
    loud(
      'gzip of a small capture with a wrong checksum',
      [put('small-damaged.pcap.gz', flipByte(gzipSync(capture), gzipSync(capture).length - 6))],
      // zlib keeps the chunk to itself in which the checksum fails, and a small file is one chunk: nothing of it can be had.
      [2],
      [/small-damaged\.pcap\.gz/, /gzip data are damaged/],
    ),
    simple(
      'gzip of a text',
      [put('notes.txt.gz', gzipSync('Meeting at ten.\n'))],
      [2],
      [/notes\.txt\.gz/, /not a capture/],
    ),
    simple(
      'zstd',
      noZstd === undefined ? [put('capture.pcap.zst', zstdCompressSync(capture))] : [],
      [0],
      [],
      noZstd === undefined ? {} : { skip: noZstd },
    ),
    loud(
      'truncated zstd',
      noZstd === undefined ? [put('cut.pcap.zst', cutTail(zstdCompressSync(large)))] : [],
      [0, 2],
      [/cut\.pcap\.zst/, /zstd/],
      noZstd === undefined ? {} : { skip: noZstd },
    ),
    // The good one is analysed; the missing one is told, and stands in the report.
    loud('one good and one missing', [whole, join(work, 'none.pcap')], [0], [/none\.pcap/]),
  ];
}

function claimHuge(capture: Uint8Array, at: number): Uint8Array {
  const out = capture.slice();
  new DataView(out.buffer, out.byteOffset).setUint32(at + 8, 0xfffffff0, true);
  return out;
}

function flipByte(bytes: Uint8Array, at: number): Uint8Array {
  const out = bytes.slice();
  const value = out[at];
  if (value !== undefined) out[at] = value ^ 0xff;
  return out;
}

const cutTail = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, Math.floor(bytes.length * 0.7));

/** A file that this user may not read. Root may read everything, so the product runs as nobody then. */
function forbidden(capture: string): BadCase {
  const path = join(work, 'forbidden.pcap');
  writeFileSync(path, readFileSync(capture));
  chmodSync(path, 0o000);
  const says = [/forbidden\.pcap/, /permission denied/];
  const { prefix, skip } = asNobody();
  const open = join(work, 'open');
  mkdirSync(open, { recursive: true });
  chmodSync(work, 0o755);
  chmodSync(open, 0o777);
  return {
    name: 'no permission to read',
    command: [...prefix, ...command([path], join(open, 'out'))],
    codes: [2],
    says,
    ...(skip === undefined ? {} : { skip }),
  };
}

function unwritable(capture: string): BadCase {
  const folder = join(work, 'closed');
  mkdirSync(folder);
  chmodSync(folder, 0o555);
  const { prefix, skip } = asNobody();
  return {
    name: 'no permission to write',
    command: [...prefix, ...command([capture], join(folder, 'out'))],
    codes: [2],
    says: [/closed/, /permission denied/],
    ...(skip === undefined ? {} : { skip }),
  };
}

function asNobody(): { readonly prefix: readonly string[]; readonly skip?: string } {
  if (process.getuid?.() !== 0) return { prefix: [] };
  if (!has('setpriv'))
    return { prefix: [], skip: 'root may read everything, and there is no setpriv to be someone else' };
  const prefix = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const probe = spawnSync(prefix[0] ?? '', [...prefix.slice(1), process.execPath, ANOMALYST, '--version'], {
    encoding: 'utf8',
  });
  if (probe.status === 0) return { prefix };
  return {
    prefix,
    skip: `nobody cannot run the product here: ${firstLines(probe.stderr, 1) || `exit code ${probe.status ?? 'none'}`}`,
  };
}

/** Output on a file system of 16 KB, mounted where only the child sees it. */
function fullDisk(capture: string): BadCase {
  const folder = join(work, 'tiny');
  mkdirSync(folder);
  const says = [/tiny/, /no space left/];
  const base = { name: 'a full disk for the report', codes: [1, 2], says };
  if (!has('unshare')) return { ...base, command: [], skip: 'there is no unshare to mount a tiny disk with' };
  const mount = ['mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', folder];
  const ways = [
    ['unshare', '-m'],
    ['unshare', '-rm'],
  ];
  const way = ways.find(([program = '', ...args]) => spawnSync(program, [...args, ...mount]).status === 0);
  if (way === undefined) return { ...base, command: [], skip: 'this system does not let us mount a tiny disk' };
  const script = `${mount.map((word) => `'${word}'`).join(' ')} && exec "$@"`;
  return { ...base, command: [...way, 'sh', '-c', script, 'sh', ...command([capture], join(folder, 'out'))] };
}

function firstLines(text: string, n: number): string {
  return text.trimEnd().split('\n').slice(0, n).join('\n');
}

function indent(text: string, by: string): string {
  return text
    .split('\n')
    .map((line) => by + line)
    .join('\n');
}

try {
  if (both || flags.files) await runFiles();
  if (both || flags.cases) await runCases();
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(
  violations.length === 0
    ? '\nno violation'
    : `\n${violations.length} violations:\n${violations.map((line) => `  ${line}`).join('\n')}`,
);
process.exitCode = violations.length > 0 ? 1 : 0;
