/**
 * Times the models and holds them against scikit-learn, on the same rows, in the same run, on one thread and on two.
 *
 *     node bench/model.ts [--quick] [--rounds 3] [--check] [--quality] [--no-install]
 *
 * Speed and memory: fitted on and scored for 1,000,000 x 10 (--quick: 100,000, one round). Each side runs as a process of its own; the rounds of both are interleaved, so
 * that a machine that is busy for a while slows both, and medians count: of the forest's fits that of 25 on either side after the first of the process, which is printed by itself. One thread is compared by CPU time (user and system), which other load changes
 * least, two threads by the wall clock. Memory is the peak of the first fit and the first scores above what the process held once the rows were read.
 * --check ends with 1 when a target is missed; the targets are for the million rows, so --quick says nothing of them.
 *
 * --quality: AUROC on the ADBench sets in ../shared/data/adbench instead, unsupervised (fitted on all rows) and semi-supervised (fitted on the first half of
 * the normal rows), mean and standard deviation over five seeds.
 *
 * scikit-learn is that of python3 (Debian's python3-sklearn, installed with apt-get where this runs as root), or installed into a throw-away virtual
 * environment; what can't be had is skipped and said. PYTHON=... names another interpreter. Its forest scores on one thread unless joblib is told otherwise
 * from outside; for two threads it is told so, which takes effect from version 1.5 on.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { counted, humanCount, Random } from '../src/core/index.ts';
import type { FeatureMatrix } from '../src/feature/index.ts';
import { fitEcod, fitExtendedIsolationForest, fitIsolationForest, fitKnn, type Model } from '../src/model/index.ts';
import { growForest, packForest } from '../src/model/tree/forest.ts';
import { walkForest } from '../src/model/tree/walk.ts';
import { ScorePool, sharedMatrix } from '../src/pipeline/parallel/index.ts';
import { has, median, textTable } from './child.ts';

const SEEDS = [0, 1, 2, 3, 4];
const COLUMNS = 10;
/** The ensemble that LeSiNN's authors propose, and what it is held against. */
const MEMBERS = 64;
const MEMBER_ROWS = 256;

/** The second is Debian's, where another stands before it in the path. */
const SYSTEM_PYTHONS = ['python3', '/usr/bin/python3'];

const TARGETS = { fit: 10, score: 5, memory: 1 / 3 };

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    check: { type: 'boolean', default: false },
    quality: { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
    /** One side of the comparison, in a process of its own: which, and the folder with the rows. */
    child: { type: 'string' },
    folder: { type: 'string', default: '' },
    threads: { type: 'string', default: '1' },
  },
});
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 3));
const scoreRows = flags.quick ? 100_000 : 1_000_000;

async function main(): Promise<void> {
  if (flags.child !== undefined) {
    console.log(JSON.stringify(await measureOurs(flags.child, flags.folder, Number(flags.threads))));
    return;
  }
  if (!Number.isInteger(rounds) || rounds < 1) {
    console.error(`--rounds ${flags.rounds} is not a whole number above 0`);
    process.exitCode = 2;
    return;
  }
  const work = mkdtempSync(join(tmpdir(), 'anomalyst-bench-'));
  try {
    const python = findPython(work);
    console.log(`Command  node bench/model.ts ${process.argv.slice(2).join(' ')}`.trimEnd());
    console.log(`Machine  ${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores`);
    if (typeof python === 'string') writeFileSync(join(work, 'side.py'), PYTHON_SIDE);
    else console.log(`skipped scikit-learn: ${python.reason}`);
    if (flags.quality) quality(work, typeof python === 'string' ? python : undefined);
    else speed(work, typeof python === 'string' ? python : undefined);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function findPython(work: string): string | { reason: string } {
  const works = (python: string): boolean => spawnSync(python, ['-c', 'import sklearn, numpy']).status === 0;
  const given = process.env.PYTHON;
  if (given !== undefined) return works(given) ? given : { reason: `${given} has no scikit-learn` };
  for (const python of SYSTEM_PYTHONS) if (works(python)) return python;
  if (!flags['no-install'] && process.getuid?.() === 0 && has('apt-get')) {
    console.error('installing python3-sklearn with apt-get ...');
    const script = 'apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-sklearn';
    spawnSync('sh', ['-c', script], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    for (const python of SYSTEM_PYTHONS) if (works(python)) return python;
  }
  if (flags['no-install']) return { reason: 'python3 has none, and --no-install says not to install it' };
  const environment = join(work, 'venv');
  if (spawnSync('python3', ['-m', 'venv', environment]).status !== 0) return { reason: 'python3 -m venv failed' };
  const python = join(environment, 'bin', 'python');
  const install = spawnSync(python, ['-m', 'pip', 'install', '--quiet', 'scikit-learn', 'numpy'], { timeout: 300_000 });
  if (install.status !== 0 || !works(python)) return { reason: 'pip install scikit-learn numpy failed' };
  return python;
}

/** The other side of each comparison. Answers in JSON. */
const PYTHON_SIDE = `
import sys, json, time, resource
import numpy as np
import sklearn, joblib
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

def timed(run):
    wall, cpu = time.perf_counter(), time.process_time()
    answer = run()
    return answer, {'wall': 1e3 * (time.perf_counter() - wall), 'cpu': 1e3 * (time.process_time() - cpu)}

def held():
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmRSS')) / 1024

def speed(folder, columns, threads):
    x = np.fromfile(folder + '/rows.f32', dtype='<f4').reshape(-1, columns)
    before = held()
    forest, first = timed(lambda: IsolationForest(random_state=0, n_jobs=threads).fit(x))
    with joblib.parallel_backend('threading', n_jobs=threads):
        _, score = timed(lambda: forest.score_samples(x))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    fits = [timed(lambda: IsolationForest(random_state=seed, n_jobs=threads).fit(x))[1] for seed in range(1, 26)]
    return {'version': sklearn.__version__, 'steps': {'first fit': [first], 'fit': fits, 'score': [score]}, 'memory': peak - before}

def quality(folder, columns, rows, seeds):
    x = np.fromfile(folder + '/x.f32', dtype='<f4').reshape(rows, columns)
    y = np.fromfile(folder + '/y.u8', dtype=np.uint8)
    normal = np.flatnonzero(y == 0)
    train = normal[: len(normal) // 2]
    rest = np.setdiff1d(np.arange(rows), train)
    out = {'all': [], 'half': []}
    for seed in range(seeds):
        out['all'].append(roc_auc_score(y, -IsolationForest(random_state=seed).fit(x).score_samples(x)))
        out['half'].append(roc_auc_score(y[rest], -IsolationForest(random_state=seed).fit(x[train]).score_samples(x[rest])))
    return out

def convert(path, folder):
    data = np.load(path)
    x = np.nan_to_num(np.asarray(data['X'], dtype=np.float64)).astype('<f4')
    x.tofile(folder + '/x.f32')
    np.asarray(data['y']).reshape(-1).astype(np.uint8).tofile(folder + '/y.u8')
    return {'rows': int(x.shape[0]), 'columns': int(x.shape[1])}

task = sys.argv[1]
if task == 'speed': answer = speed(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
elif task == 'convert': answer = convert(sys.argv[2], sys.argv[3])
else: answer = quality(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
print(json.dumps(answer))
`;

function ask<T>(
  python: string,
  work: string,
  args: readonly (string | number)[],
  read: (answer: unknown) => T,
  threads = 1,
): T {
  const one = { OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) };
  const run = spawnSync(python, [join(work, 'side.py'), ...args.map(String)], {
    encoding: 'utf8',
    env: { ...process.env, ...one },
  });
  if (run.status !== 0) throw new Error(`python failed: ${run.stderr}`);
  return read(JSON.parse(run.stdout));
}

/** Picks a number, or numbers, out of an answer. */
function field(answer: unknown, name: string): unknown {
  if (typeof answer !== 'object' || answer === null) throw new Error('python gave no object');
  return Object.entries(answer).find(([key]) => key === name)?.[1];
}

function normalMatrix(rowCount: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  const values = new Float32Array(rowCount * COLUMNS);
  for (let i = 0; i < values.length; i += 2) {
    // Box and Muller 1958.
    const radius = Math.sqrt(-2 * Math.log(1 - random.float()));
    const angle = 2 * Math.PI * random.float();
    values[i] = radius * Math.cos(angle);
    values[i + 1] = radius * Math.sin(angle);
  }
  return matrixOf(values, rowCount, COLUMNS);
}

function matrixOf(values: Float32Array, rowCount: number, columns: number): FeatureMatrix {
  return {
    values,
    rowCount,
    features: Array.from({ length: columns }, (_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
  };
}

/** Milliseconds of one run. */
interface Time {
  readonly wall: number;
  readonly cpu: number;
}

/** What one process measured: each step as often as it was run, and megabytes above the rows. */
interface Measured {
  readonly version: string;
  readonly steps: ReadonlyMap<string, readonly Time[]>;
  readonly memory: number;
}

const SIDES = {
  forest: 'isolation forest',
  extended: 'extended isolation forest',
  ecod: 'ECOD',
  knn: 'kNN, 2048 rows, mean of the 2 % nearest',
  members: `kNN, ${MEMBERS} members of ${MEMBER_ROWS} rows, 1-NN`,
} as const;

/** One of our sides, in this process. */
async function measureOurs(
  side: string,
  folder: string,
  threads: number,
): Promise<{ version: string; steps: Record<string, Time[]>; memory: number }> {
  const rows = readRows(folder);
  const steps: Record<string, Time[]> = {};
  const timed = async <T>(step: string, run: () => T | Promise<T>): Promise<T> => {
    const wall = performance.now();
    const cpu = process.cpuUsage();
    const answer = await run();
    const { user, system } = process.cpuUsage(cpu);
    const times = steps[step] ?? [];
    steps[step] = times;
    times.push({ wall: performance.now() - wall, cpu: (user + system) / 1000 });
    return answer;
  };
  const before = process.memoryUsage.rss();
  const pool = threads > 1 ? new ScorePool({ threads }) : undefined;
  const fitOurs = (seed: number): Model[] => {
    if (side === 'extended') return [fitExtendedIsolationForest(rows, { seed })];
    if (side === 'ecod') return [fitEcod(rows, { seed })];
    if (side === 'knn') return [fitKnn(rows, { seed })];
    if (side !== 'members') return [fitIsolationForest(rows, { seed })];
    const few = headOf(rows, 20_000);
    return Array.from({ length: MEMBERS }, (_, k) =>
      fitKnn(few, { seed: seed + k, members: MEMBER_ROWS, neighbours: 1 }),
    );
  };
  const scores = async (models: readonly Model[]): Promise<Float64Array> => {
    const mean = new Float64Array(rows.rowCount);
    for (const model of models) {
      const own = pool === undefined ? model.rawScore(rows) : await pool.rawScore(model, rows);
      if (models.length === 1) return own;
      for (let i = 0; i < own.length; i++) mean[i] += own[i] / models.length;
    }
    return mean;
  };
  const models = await timed('first fit', () => fitOurs(0));
  await timed('first score', () => scores(models));
  const memory = process.resourceUsage().maxRSS / 1024 - before / 1048576;
  if (side === 'members') {
    steps.fit = steps['first fit'] ?? [];
    steps.score = steps['first score'] ?? [];
  } else {
    for (let seed = 1; seed < 26; seed++) await timed('fit', () => fitOurs(seed));
    for (let run = 0; run < 3; run++) await timed('score', () => scores(models));
  }
  const forest = side === 'forest' ? models[0] : undefined;
  if (forest !== undefined && threads === 1) {
    const all = Int32Array.from({ length: rows.rowCount }, (_, i) => i);
    const medians = new Float64Array(COLUMNS);
    const grow = (seed: number): ReturnType<typeof packForest> =>
      packForest(
        growForest(rows.values, COLUMNS, all, medians, { trees: 100, subsample: 256, random: new Random(seed) }),
      );
    for (let seed = 1; seed < 6; seed++) await timed('trees', () => grow(seed));
    for (let run = 0; run < 3; run++) await timed('calibrated', () => forest.score(rows));
    const packed = grow(0);
    const tenth = Math.ceil(rows.rowCount / 10);
    const fill = (block: Float32Array, from: number, count: number): void => {
      for (let i = 0; i < count; i++)
        for (let j = 0; j < COLUMNS; j++) block[j * packed.blockRows + i] = rows.values[(from + i) * COLUMNS + j] ?? 0;
    };
    for (let run = 0; run < 2; run++) await timed('plain tenth', () => walkForest(packed, tenth, fill, 'plain'));
    for (let run = 0; run < 3; run++)
      await timed('explain 50', () => {
        for (let row = 0; row < 50; row++) forest.explain(rows, row);
      });
  }
  await pool?.close();
  return { version: process.version, steps, memory };
}

/** The rows, in memory that threads share; read straight into it, so that nothing else is held when the measuring begins. */
function readRows(folder: string): FeatureMatrix {
  const path = join(folder, 'rows.f32');
  const rowCount = statSync(path).size / 4 / COLUMNS;
  const rows = sharedMatrix(matrixOf(new Float32Array(0), 0, COLUMNS).features, rowCount);
  const into = new Uint8Array(rows.values.buffer);
  const file = openSync(path, 'r');
  for (let at = 0; at < into.length; ) at += readSync(file, into, at, Math.min(into.length - at, 1 << 20), at);
  closeSync(file);
  return rows;
}

function headOf(matrix: FeatureMatrix, count: number): FeatureMatrix {
  const rowCount = Math.min(count, matrix.rowCount);
  return { ...matrix, rowCount, values: matrix.values.subarray(0, rowCount * matrix.features.length) };
}

function readMeasured(answer: unknown): Measured {
  const steps = new Map<string, Time[]>();
  const given = field(answer, 'steps');
  if (typeof given === 'object' && given !== null) {
    for (const [step, times] of Object.entries(given))
      if (Array.isArray(times))
        steps.set(
          step,
          times.map((time: unknown) => ({ wall: Number(field(time, 'wall')), cpu: Number(field(time, 'cpu')) })),
        );
  }
  return { version: String(field(answer, 'version')), memory: Number(field(answer, 'memory')), steps };
}

function askOurs(side: string, work: string, threads: number): Measured {
  const script = fileURLToPath(import.meta.url);
  const args = [script, '--child', side, '--folder', work, '--threads', String(threads)];
  const run = spawnSync(process.execPath, [...process.execArgv, ...args], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${side} failed: ${run.stderr}`);
  return readMeasured(JSON.parse(run.stdout));
}

function speed(work: string, python: string | undefined): void {
  writeFileSync(join(work, 'rows.f32'), normalMatrix(scoreRows, 2).values);
  const ours = new Map<string, Measured[]>();
  const theirs = new Map<number, Measured[]>();
  const keep = <K>(into: Map<K, Measured[]>, key: K, measured: Measured): void => {
    into.set(key, [...(into.get(key) ?? []), measured]);
  };
  for (let round = 0; round < rounds; round++) {
    for (const threads of [1, 2]) {
      keep(ours, `forest ${threads}`, askOurs('forest', work, threads));
      if (python !== undefined)
        keep(theirs, threads, ask(python, work, ['speed', work, COLUMNS, threads], readMeasured, threads));
      for (const side of ['extended', 'ecod', 'knn', 'members'] as const)
        if (round === 0 || side !== 'members') keep(ours, `${side} ${threads}`, askOurs(side, work, threads));
    }
  }
  const version = theirs.get(1)?.[0]?.version;
  console.log(
    `Versions Node.js ${process.version}, scikit-learn ${version ?? 'absent'}; ${counted(rounds, 'round')}, medians; fitted on and scored for ${humanCount(scoreRows)} x ${COLUMNS} independent normal numbers\n`,
  );
  const pick = (all: readonly Measured[] | undefined, step: string, by: 'wall' | 'cpu'): number =>
    median((all ?? []).map(({ steps }) => median((steps.get(step) ?? []).map((time) => time[by]))));
  const verdicts: string[] = [];
  for (const threads of [1, 2]) {
    const by = threads === 1 ? 'cpu' : 'wall';
    const side = theirs.get(threads);
    const forest = ours.get(`forest ${threads}`);
    const lines: string[][] = [];
    const add = (what: string, ms: number, against: number, each = scoreRows): number => {
      const ratio = against / ms;
      const shown = Number.isFinite(against) ? [against.toFixed(0), ratio.toFixed(1)] : ['', ''];
      lines.push([what, ms.toFixed(ms < 10 ? 2 : 0), humanRate((each / ms) * 1000, 'rows/s'), ...shown]);
      return ratio;
    };
    const fitMs = pick(side, 'fit', by);
    const scoreMs = pick(side, 'score', by);
    const fit = add('forest: fit', pick(forest, 'fit', by), fitMs);
    add('forest: first fit of the process', pick(forest, 'first fit', by), pick(side, 'first fit', by));
    if (threads === 1) add('forest: trees alone', pick(forest, 'trees', by), fitMs);
    const score = add('forest: raw scores', pick(forest, 'score', by), scoreMs);
    if (threads === 1) {
      add('forest: calibrated scores', pick(forest, 'calibrated', by), scoreMs);
      add('forest: without WebAssembly', 10 * pick(forest, 'plain tenth', by), scoreMs);
      add('forest: explain', pick(forest, 'explain 50', by), Number.NaN, 50);
    }
    const wholes: [string, number][] = [];
    for (const kind of ['extended', 'ecod', 'knn', 'members'] as const) {
      const all = ours.get(`${kind} ${threads}`);
      const own = [pick(all, 'fit', by), pick(all, 'score', by)] as const;
      wholes.push([SIDES[kind], add(`${SIDES[kind]}: fit and scores`, own[0] + own[1], fitMs + scoreMs)]);
    }
    const clock = by === 'cpu' ? 'CPU ms' : 'wall ms';
    console.log(`${counted(threads, 'thread')}, ${clock}; beside scikit-learn's isolation forest`);
    console.log(`${textTable(['', clock, 'rate', 'scikit-learn', 'times as fast'], lines)}\n`);
    const memory = median((forest ?? []).map((each) => each.memory));
    const theirMemory = median((side ?? []).map((each) => each.memory));
    console.log(
      `memory above the rows: ${memory.toFixed(0)} MB${side ? `, scikit-learn ${theirMemory.toFixed(0)} MB` : ''}\n`,
    );
    // A tenth of the rows is mostly start-up on both sides: the targets are not for that.
    if (side === undefined || flags.quick) continue;
    const say = (met: boolean, text: string): void => {
      verdicts.push(`${met ? 'met   ' : 'MISSED'}  ${counted(threads, 'thread')}: ${text}`);
    };
    say(fit >= TARGETS.fit, `fits a forest ${fit.toFixed(1)} times as fast; wanted ${TARGETS.fit}`);
    say(score >= TARGETS.score, `scores with it ${score.toFixed(1)} times as fast; wanted ${TARGETS.score}`);
    say(
      memory <= TARGETS.memory * theirMemory,
      `takes ${(memory / theirMemory).toFixed(2)} of the memory above the rows; wanted a third or less`,
    );
    for (const [name, ratio] of wholes)
      say(ratio >= 1, `${name}: ${(1 / ratio).toFixed(2)} of the time of scikit-learn's forest; wanted 1 or less`);
  }
  for (const verdict of verdicts) console.log(verdict);
  if (flags.check && verdicts.some((verdict) => verdict.startsWith('MISSED'))) process.exitCode = 1;
}

function humanRate(rate: number, unit: string): string {
  return rate >= 1e6 ? `${(rate / 1e6).toFixed(2)} M ${unit}` : `${Math.round(rate).toLocaleString('en-US')} ${unit}`;
}

/** Area under the ROC curve, ties counted half (Mann and Whitney). */
function auroc(labels: Uint8Array, scores: Float64Array): number {
  const order = Array.from(scores.keys()).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  let positives = 0;
  let rankSum = 0;
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j < order.length && scores[order[j] ?? 0] === scores[order[i] ?? 0]) j++;
    for (let k = i; k < j; k++) {
      if (labels[order[k] ?? 0] !== 1) continue;
      positives++;
      rankSum += (i + 1 + j) / 2;
    }
    i = j;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (labels.length - positives));
}

function pick(matrix: FeatureMatrix, rows: readonly number[]): FeatureMatrix {
  const d = matrix.features.length;
  const values = new Float32Array(rows.length * d);
  rows.forEach((row, i) => {
    values.set(matrix.values.subarray(row * d, (row + 1) * d), i * d);
  });
  return { ...matrix, rowCount: rows.length, values };
}

function spread(values: readonly number[]): string {
  const mean = average(values);
  const deviation = Math.sqrt(values.reduce((total, v) => total + (v - mean) ** 2, 0) / values.length);
  return `${(100 * mean).toFixed(2)}±${(100 * deviation).toFixed(2)}`;
}

const average = (values: readonly number[]): number => values.reduce((total, v) => total + v, 0) / values.length;

function quality(work: string, python: string | undefined): void {
  const folder = join(dirname(fileURLToPath(import.meta.url)), '../../shared/data/adbench/adbench/datasets/Classical');
  if (!existsSync(folder)) {
    console.log(`\nQuality: skipped, there are no ADBench sets at ${folder}`);
    return;
  }
  if (python === undefined) {
    console.log('\nQuality: skipped, the sets are NumPy archives and python3 with numpy is not to be had');
    return;
  }
  console.log(`\nQuality: AUROC in %, mean±deviation over ${SEEDS.length} seeds; raw columns, no scaling`);
  console.log(`  ${'fitted on all rows'.padStart(52)} ${'fitted on half of the normal rows'.padStart(58)}`);
  const heads = ['ours', 'sklearn', 'ours', 'ours, no guard', 'sklearn'];
  console.log(`  ${'set'.padEnd(18)} ${'rows'.padStart(7)} ${heads.map((head) => head.padStart(15)).join(' ')}`);
  const means: number[][] = heads.map(() => []);
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.npz'))
    .sort()) {
    const set = join(work, basename(file, '.npz'));
    mkdirSync(set);
    const { rows, columns } = ask(python, work, ['convert', join(folder, file), set], (answer) => ({
      rows: Number(field(answer, 'rows')),
      columns: Number(field(answer, 'columns')),
    }));
    const bytes = readFileSync(join(set, 'x.f32'));
    const matrix = matrixOf(
      new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
      rows,
      columns,
    );
    const labels = Uint8Array.from(readFileSync(join(set, 'y.u8')));
    const normal = [...labels.keys()].filter((row) => labels[row] === 0);
    const train = normal.slice(0, Math.floor(normal.length / 2));
    const trained = new Set(train);
    const rest = [...labels.keys()].filter((row) => !trained.has(row));
    const restLabels = Uint8Array.from(rest, (row) => labels[row] ?? 0);
    const half = pick(matrix, train);
    const other = pick(matrix, rest);
    const all = SEEDS.map((seed) =>
      auroc(labels, fitIsolationForest(matrix, { seed, rangeGuard: false }).rawScore(matrix)),
    );
    const guarded = SEEDS.map((seed) => auroc(restLabels, fitIsolationForest(half, { seed }).rawScore(other)));
    const plain = SEEDS.map((seed) =>
      auroc(restLabels, fitIsolationForest(half, { seed, rangeGuard: false }).rawScore(other)),
    );
    const side = ask(python, work, ['quality', set, columns, rows, SEEDS.length], (answer) => {
      const numbers = (name: string): number[] => {
        const list = field(answer, name);
        return Array.isArray(list) ? list.map(Number) : [];
      };
      return { all: numbers('all'), half: numbers('half') };
    });
    const cells = [all, side.all, guarded, plain, side.half];
    for (const [i, cell] of cells.entries()) means[i]?.push(average(cell));
    console.log(
      `  ${basename(file, '.npz').padEnd(18)} ${String(rows).padStart(7)} ${cells.map((cell) => spread(cell).padStart(15)).join(' ')}`,
    );
  }
  console.log(
    `  ${'mean'.padEnd(26)} ${means.map((column) => (100 * average(column)).toFixed(2).padStart(15)).join(' ')}`,
  );
}

await main();
