/**
 * Times the product on a large capture, beside other programs on the same bytes, in the same run, on the same core.
 *
 *     npm run bench -- [--quick] [--rounds 3] [--flat] [--peers] [--tables] [--models] [--no-install] [--no-build] [--check]
 *
 * Every program is a process of its own, from its start to its end, pinned to one core where taskset is there. The rounds are interleaved, so that a
 * machine that is busy for a while slows all of them; the table shows medians. Rates are packets per second of CPU time (user and system), which
 * another load on the machine changes least; the wall clock stands beside it.
 * All programs read the whole mix. tshark on the first packets of it alone would cost more for a packet, not less (36 us on 150,000, 29 to 33 us on
 * 1.1 million), and so flatter us.
 *
 * --tables: no captures but logs and tables: CSV, Zeek and EVE beside DuckDB and Python, expressions beside loops by hand, the flow collector beside nfcapd (bench/table.ts, table-eve.ts, expression.ts, collector.ts).
 * --models: the models alone, beside scikit-learn (bench/model.ts); without it they come last.
 * --quick: a small mix, one round (for CI). --peers: also Argus, softflowd, nfpcapd and ndpiReader, on the middle mix, on small packets, two million conversations and the flood. --flat: also a file four times as long, whose peak must be the same. --check: exit 1 when a target is missed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { humanCount } from '../src/core/index.ts';
import { ANOMALYST, build, type Cost, DATA, has, measure, median, meter, ROOT, textTable, WORK } from './child.ts';
import { buildMix, type MixInfo, summarizeMix, takeHead } from './mix.ts';

const TARGET_RATE = 500_000;
const TARGET_TSHARK = 20;
const TARGET_PEAK_MB = 300;
/** A file four times as long may take so much more memory, as a share: what the garbage collector leaves lying about varies by that. */
const TARGET_GROWTH = 0.05;
const CORE = 0;

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    flat: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    tables: { type: 'boolean', default: false },
    models: { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 3));
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`--rounds ${flags.rounds} is not a whole number above 0`);
  process.exit(2);
}
if (!flags.models && !existsSync(DATA)) {
  console.log(`skipped: the captures that the mix is made of are not there (${DATA})`);
  process.exit(0);
}

interface Job {
  readonly name: string;
  readonly input: MixInfo;
  readonly command: readonly string[];
  /** Of so many rounds, at most this many; memory needs no three. */
  readonly rounds: number;
  readonly costs: Cost[];
  /** A program of somebody else's: when it fails that is a result and no reason to stop. */
  readonly isPeer?: boolean;
  /** How its last run ended, where not with 0. */
  failure?: string;
}

/** Programs that make flows of captures, by Debian package. */
const PEERS: readonly (readonly [
  program: string,
  debianPackage: string,
  command: (capture: string, folder: string) => readonly string[],
])[] = [
  ['argus', 'argus-server', (capture) => ['argus', '-r', capture, '-w', '/dev/null']],
  ['softflowd', 'softflowd', (capture) => ['softflowd', '-r', capture, '-n', '127.0.0.1:9995', '-d']],
  ['nfpcapd', 'nfdump', (capture, folder) => ['nfpcapd', '-r', capture, '-w', folder]],
  ['ndpiReader', 'libndpi-bin', (capture) => ['ndpiReader', '-i', capture, '-q']],
];

const FIELDS = [
  'frame.time_epoch',
  'ip.src',
  'ip.dst',
  'ipv6.src',
  'ipv6.dst',
  'ip.proto',
  'tcp.srcport',
  'tcp.dstport',
  'tcp.flags',
  'udp.srcport',
  'udp.dstport',
  'frame.len',
];

/** The benchmarks of rows, one after the other, each as it prints itself. */
function tables(): void {
  for (const [script, ...args] of [
    ['table.ts', '--kind', 'zeek'],
    ['table.ts', '--kind', 'csv'],
    ['table-eve.ts'],
    ['expression.ts'],
    ['collector.ts'],
  ] as const) {
    console.log(`\n== node bench/${[script, ...args].join(' ')}`);
    const { status } = spawnSync(process.execPath, [join(ROOT, 'bench', script), ...args], { stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
}

/** The models beside scikit-learn, as that benchmark prints itself. */
function models(): void {
  const args = [
    ...(flags.quick ? ['--quick'] : []),
    ...(flags.rounds === undefined ? [] : ['--rounds', flags.rounds]),
    ...(flags.check ? ['--check'] : []),
    ...(flags['no-install'] ? ['--no-install'] : []),
  ];
  console.log(`\n== node bench/${['model.ts', ...args].join(' ')}`);
  const { status } = spawnSync(process.execPath, [join(ROOT, 'bench', 'model.ts'), ...args], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

/** From flows to incidents, as that benchmark prints itself. */
function detectRate(): void {
  const args = [...(flags.quick ? ['--hours', '1', '--rounds', '1'] : []), ...(flags.check ? ['--check'] : [])];
  console.log(`\n== node bench/${['detect-rate.ts', ...args].join(' ')}`);
  const { status } = spawnSync(process.execPath, [join(ROOT, 'bench', 'detect-rate.ts'), ...args], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}

async function main(): Promise<void> {
  if (flags.models) {
    models();
    return;
  }
  if (flags.tables) {
    tables();
    return;
  }
  if (!flags['no-build']) build();
  const tshark = findTshark();
  const folder = mkdtempSync(join(tmpdir(), 'anomalyst-bench-'));
  try {
    const mix = buildMix(flags.quick ? { mb: 40, hours: 0.25 } : { mb: 1000 });
    const day = buildMix({ kind: 'day', ...(flags.quick ? { mb: 40, hours: 6 } : { mb: 1000 }) });
    const middle = flags.quick ? undefined : buildMix();
    const one = takeHead(mix, 1);
    const bulk = buildMix({ kind: 'bulk', packets: flags.quick ? 300_000 : 1_200_000 });
    const small = buildMix({ kind: 'small', packets: flags.quick ? 300_000 : 2_000_000 });
    const flood = buildMix({ kind: 'flood', packets: flags.quick ? 300_000 : 2_000_000 });
    const long = flags.flat ? buildMix(flags.quick ? { mb: 160, hours: 1 } : { mb: 4000, hours: 4 }) : undefined;
    const many = flags.peers ? buildMix({ kind: 'many', packets: flags.quick ? 600_000 : 6_000_000 }) : undefined;
    describeMachine(tshark.version);
    for (const input of [
      mix,
      day,
      ...(middle === undefined ? [] : [middle]),
      bulk,
      small,
      flood,
      ...(long === undefined ? [] : [long]),
    ])
      console.log(`Input    ${summarizeMix(input)}`);
    console.log('');

    const analyze = (input: MixInfo, times: number): Job =>
      job(
        'anomalyst analyze',
        input,
        [process.execPath, ANOMALYST, 'analyze', input.path, '--out', join(folder, 'out'), '--quiet', '--no-progress'],
        times,
      );
    const path = (input: MixInfo, times: number): Job =>
      job('anomalyst packet path', input, [process.execPath, join(ROOT, 'bench', 'packet-path.ts'), input.path], times);
    const fields = (input: MixInfo): Job =>
      job(
        'tshark -T fields',
        input,
        ['tshark', '-n', '-r', input.path, '-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field])],
        rounds,
      );
    const conversations = (input: MixInfo): Job =>
      job(
        'tshark -z conv',
        input,
        ['tshark', '-n', '-q', '-r', input.path, '-z', 'conv,tcp', '-z', 'conv,udp'],
        rounds,
      );
    const jobs = [
      job('cat', mix, ['cat', mix.path], rounds),
      ...(has('tcpdump')
        ? [job('tcpdump -w /dev/null', mix, ['tcpdump', '-n', '-r', mix.path, '-w', '/dev/null'], rounds)]
        : []),
      path(mix, rounds),
      analyze(mix, rounds),
      ...(tshark.version === undefined ? [] : [fields(mix), conversations(mix)]),
      path(day, rounds),
      analyze(day, rounds),
      ...(tshark.version === undefined ? [] : [fields(day), conversations(day)]),
      ...(middle === undefined ? [] : [path(middle, rounds), analyze(middle, rounds)]),
      ...(tshark.version === undefined ? [] : [fields(one)]),
      analyze(one, rounds),
      path(bulk, 1),
      analyze(bulk, rounds),
      ...(tshark.version === undefined ? [] : [fields(bulk)]),
      path(small, 1),
      analyze(small, 1),
      path(flood, 1),
      analyze(flood, 1),
      ...(long === undefined ? [] : [path(long, 1), analyze(long, 1)]),
      ...(many === undefined
        ? []
        : [
            path(many, 1),
            analyze(many, 1),
            ...[middle ?? mix, small, many, flood].flatMap((input) => peers(input, folder)),
          ]),
    ];
    for (let round = 0; round < rounds; round++) {
      for (const each of jobs) {
        if (round >= each.rounds) continue;
        const cost = await measure(each.command, { core: CORE, discard: true });
        if (cost.code !== 0 && each.isPeer === true) each.failure = `ended with ${cost.code}`;
        else if (cost.code !== 0)
          throw new Error(`${each.name} on ${each.input.path} ended with ${cost.code}:\n${cost.stderr}`);
        each.costs.push(cost);
      }
    }
    console.log(
      textTable(
        ['program', 'input', 'packets', 'wall s', 'CPU s', 'us/packet', 'packets/s', 'peak MB', 'runs'],
        jobs.map((each) => [
          each.name,
          relative(WORK, each.input.path),
          humanCount(each.input.packets),
          wall(each).toFixed(2),
          cpu(each).toFixed(2),
          each.input.packets === 1 ? 'start-up' : ((cpu(each) / each.input.packets) * 1e6).toFixed(2),
          each.input.packets === 1 || cpu(each) === 0 ? '' : humanCount(Math.round(rate(each))),
          peak(each)?.toFixed(0) ?? '?',
          each.failure ?? String(each.costs.length),
        ]),
        [0, 1],
      ),
    );
    console.log('');
    const verdicts = judge(jobs, [mix, day], small, flood, long, tshark.reason);
    for (const line of verdicts) console.log(line);
    if (flags.check && verdicts.some((line) => line.startsWith('MISSED'))) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  detectRate();
  models();
}

function job(name: string, input: MixInfo, command: readonly string[], times: number): Job {
  return { name, input, command, rounds: times, costs: [] };
}

/** The peers that are here, or can be installed, on one input. */
function peers(input: MixInfo, folder: string): Job[] {
  return PEERS.flatMap(([program, debianPackage, command]) => {
    if (!has(program) && !install(debianPackage)) {
      console.log(`skipped ${program}: not installed, and could not be (apt install ${debianPackage})`);
      return [];
    }
    const into = join(folder, `${program}-${relative(WORK, input.path)}`);
    mkdirSync(into, { recursive: true });
    return [{ ...job(program, input, command(input.path, into), 1), isPeer: true }];
  });
}

function install(debianPackage: string): boolean {
  if (flags['no-install'] || process.getuid?.() !== 0 || !has('apt-get')) return false;
  console.error(`installing ${debianPackage} with apt-get ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const script = `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${debianPackage}`;
  return spawnSync('sh', ['-c', script], { encoding: 'utf8', env }).status === 0;
}

const wall = (each: Job): number => median(each.costs.map((cost) => cost.wallS));
const cpu = (each: Job): number => median(each.costs.map((cost) => cost.cpuS ?? cost.wallS));
const rate = (each: Job): number => each.input.packets / cpu(each);
/** The largest of all runs: a bound on memory that holds two times in three is none. */
const peak = (each: Job): number | undefined => {
  const peaks = each.costs.map((cost) => cost.peakMB).filter((mb) => mb !== undefined);
  return peaks.length === 0 ? undefined : Math.max(...peaks);
};

function judge(
  jobs: readonly Job[],
  [mix, day]: readonly [MixInfo, MixInfo],
  small: MixInfo,
  flood: MixInfo,
  long: MixInfo | undefined,
  noTshark: string | undefined,
): string[] {
  const lines: string[] = [];
  const find = (name: string, input: MixInfo): Job => {
    const found = jobs.find((each) => each.name === name && each.input === input);
    if (found === undefined) throw new Error(`no job '${name}' on ${input.path}`);
    return found;
  };
  const say = (met: boolean, text: string): void => {
    lines.push(`${met ? 'met   ' : 'MISSED'}  ${text}`);
  };
  for (const input of [day, mix]) {
    const whole = find('anomalyst analyze', input);
    const name = relative(WORK, input.path);
    const byWall = input.packets / wall(whole);
    say(
      rate(whole) >= TARGET_RATE,
      `analyze on ${name}: ${humanCount(Math.round(rate(whole)))} packets/s of CPU time, ${humanCount(Math.round(byWall))} by the wall clock; wanted ${humanCount(TARGET_RATE)} or more`,
    );
    for (const program of ['tshark -T fields', 'tshark -z conv']) {
      if (noTshark !== undefined) {
        lines.push(`skipped ${program}: ${noTshark}`);
        continue;
      }
      const other = find(program, input);
      const ratio = rate(whole) / rate(other);
      const pathRatio = rate(find('anomalyst packet path', input)) / rate(other);
      say(
        ratio >= TARGET_TSHARK,
        `analyze against ${program} on ${name}: ${ratio.toFixed(1)} times the rate (packet path alone ${pathRatio.toFixed(1)}); wanted ${TARGET_TSHARK} or more`,
      );
    }
  }
  for (const peer of jobs.filter((each) => each.isPeer === true)) {
    const ours = find('anomalyst packet path', peer.input);
    const whole = find('anomalyst analyze', peer.input);
    lines.push(
      `ratio   ${peer.name} on ${relative(WORK, peer.input.path)}: ${(cpu(peer) / cpu(ours)).toFixed(2)} times the CPU of our packet path, ${(cpu(peer) / cpu(whole)).toFixed(2)} times that of a whole analysis${peer.failure === undefined ? '' : ` (it ${peer.failure})`}`,
    );
  }
  for (const input of [mix, day, small, flood]) {
    const mb = peak(find('anomalyst analyze', input));
    if (mb === undefined) lines.push(`skipped memory on ${relative(WORK, input.path)}: no way to measure it here`);
    else
      say(
        mb < TARGET_PEAK_MB,
        `peak memory of analyze on ${relative(WORK, input.path)}: ${mb.toFixed(0)} MB; wanted below ${TARGET_PEAK_MB}`,
      );
  }
  if (long !== undefined) {
    const before = peak(find('anomalyst analyze', mix));
    const after = peak(find('anomalyst analyze', long));
    if (before === undefined || after === undefined) lines.push('skipped flatness: no way to measure memory here');
    else {
      const growth = after / before - 1;
      say(
        growth <= TARGET_GROWTH && after < TARGET_PEAK_MB,
        `a file ${(long.bytes / mix.bytes).toFixed(1)} times as long: ${after.toFixed(0)} MB after ${before.toFixed(0)} MB (${(growth * 100).toFixed(1)} %); wanted at most ${TARGET_GROWTH * 100} % more`,
      );
    }
  }
  return lines;
}

function describeMachine(tshark: string | undefined): void {
  const commit =
    spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).stdout?.trim() ?? '';
  const changed =
    spawnSync('git', ['status', '--porcelain', 'src'], { cwd: ROOT, encoding: 'utf8' }).stdout?.trim() ?? '';
  console.log(`Command  npm run bench${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}`);
  console.log(
    `Machine  ${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores; every program on core ${has('taskset') ? CORE : 'any (no taskset)'}; measured with ${meter()}`,
  );
  console.log(
    `Versions anomalyst ${commit === '' ? 'without git' : commit}${changed === '' ? '' : ' with changes'}, Node.js ${process.version}, tshark ${tshark ?? 'absent'}; ${rounds} rounds, ${process.platform} ${process.arch}`,
  );
}

function findTshark(): { readonly version?: string; readonly reason?: string } {
  const ask = (): string | undefined =>
    /\d+\.\d+\.\d+/.exec(spawnSync('tshark', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[0];
  let version = ask();
  if (version !== undefined) return { version };
  if (flags['no-install']) return { reason: 'not installed, and --no-install says not to' };
  if (process.getuid?.() !== 0 || !has('apt-get'))
    return { reason: 'not installed, and only root can install it with apt-get (apt install tshark)' };
  install('tshark');
  version = ask();
  if (version !== undefined) return { version };
  return { reason: 'apt-get could not install it' };
}

await main();
