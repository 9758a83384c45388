/**
 * Times the models and holds them against scikit-learn, on the same data, in the same run, on one thread each.
 *
 *     node bench/model.ts
 *
 * Speed: fit on 20,000 x 10, score 1,000,000 x 10. Quality: AUROC on the ADBench sets in ../shared/data/adbench, unsupervised (fitted on all rows)
 * and semi-supervised (fitted on the first half of the normal rows), mean and standard deviation over five seeds.
 * scikit-learn is taken from python3, or installed into a throw-away virtual environment; what can't be had is skipped and said.
 * PYTHON=... names another interpreter.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../src/core/index.ts';
import type { FeatureMatrix } from '../src/feature/index.ts';
import { growForest, packForest } from '../src/model/forest.ts';
import { fitIsolationForest } from '../src/model/index.ts';
import { walkForest } from '../src/model/walk.ts';

const SEEDS = [0, 1, 2, 3, 4];
const FIT_ROWS = 20_000;
const SCORE_ROWS = 1_000_000;
const COLUMNS = 10;

function main(): void {
  const work = mkdtempSync(join(tmpdir(), 'anomalyst-bench-'));
  try {
    const cpu = cpus()[0]?.model ?? 'unknown processor';
    console.log(`Machine: ${cpu}, ${cpus().length} cores; Node ${process.version}; one thread each`);
    const python = findPython(work);
    if (typeof python === 'string') writeFileSync(join(work, 'side.py'), PYTHON_SIDE);
    else console.log(`scikit-learn: skipped, ${python.reason}`);
    speed(work, typeof python === 'string' ? python : undefined);
    quality(work, typeof python === 'string' ? python : undefined);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function findPython(work: string): string | { reason: string } {
  const works = (python: string): boolean => spawnSync(python, ['-c', 'import sklearn, numpy']).status === 0;
  const given = process.env.PYTHON;
  if (given !== undefined) return works(given) ? given : { reason: `${given} has no scikit-learn` };
  if (works('python3')) return 'python3';
  const environment = join(work, 'venv');
  if (spawnSync('python3', ['-m', 'venv', environment]).status !== 0) return { reason: 'python3 -m venv failed' };
  const python = join(environment, 'bin', 'python');
  const install = spawnSync(python, ['-m', 'pip', 'install', '--quiet', 'scikit-learn', 'numpy'], { timeout: 300_000 });
  if (install.status !== 0 || !works(python)) return { reason: 'pip install scikit-learn numpy failed' };
  return python;
}

/** The other side of each comparison. Answers in JSON. */
const PYTHON_SIDE = `
import sys, json, time, zipfile
import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

def speed(folder, columns):
    fit = np.fromfile(folder + '/fit.f32', dtype='<f4').reshape(-1, columns)
    score = np.fromfile(folder + '/score.f32', dtype='<f4').reshape(-1, columns)
    fits = []
    for seed in range(5):
        start = time.perf_counter(); forest = IsolationForest(random_state=seed, n_jobs=1).fit(fit); fits.append(time.perf_counter() - start)
    scores = []
    for _ in range(2):
        start = time.perf_counter(); forest.score_samples(score); scores.append(time.perf_counter() - start)
    return {'version': sklearn.__version__, 'fitMs': min(fits) * 1e3, 'scoreMs': min(scores) * 1e3}

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
if task == 'speed': answer = speed(sys.argv[2], int(sys.argv[3]))
elif task == 'convert': answer = convert(sys.argv[2], sys.argv[3])
else: answer = quality(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
print(json.dumps(answer))
`;

function ask<T>(python: string, work: string, args: readonly (string | number)[], read: (answer: unknown) => T): T {
  const one = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
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

/** Milliseconds of the quickest of some rounds, the first of which warm up. */
function best(rounds: number, run: (round: number) => void): number {
  let quickest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    run(round);
    quickest = Math.min(quickest, performance.now() - start);
  }
  return quickest;
}

function speed(work: string, python: string | undefined): void {
  const training = normalMatrix(FIT_ROWS, 1);
  const fresh = normalMatrix(SCORE_ROWS, 2);
  console.log(
    `\nSpeed: independent normal features, fit ${FIT_ROWS} x ${COLUMNS}, score ${SCORE_ROWS} x ${COLUMNS}, best of 5 and 3`,
  );
  const rows = Int32Array.from({ length: FIT_ROWS }, (_, i) => i);
  const medians = new Float64Array(COLUMNS);
  const growMs = best(5, (seed) => {
    packForest(
      growForest(training.values, COLUMNS, rows, medians, { trees: 100, subsample: 256, random: new Random(seed) }),
    );
  });
  let model = fitIsolationForest(training);
  const fitMs = best(5, (seed) => {
    model = fitIsolationForest(training, { seed });
  });
  const samplesMs = best(3, () => void model.scoreSamples(fresh));
  const scoreMs = best(3, () => void model.score(fresh));
  const packed = packForest(model.forest);
  const plainMs =
    (SCORE_ROWS / 100_000) *
    best(
      2,
      () =>
        void walkForest(
          packed,
          100_000,
          (block, from, count) => fillBlock(block, packed.blockRows, fresh, from, count),
          'plain',
        ),
    );
  const explainMs =
    best(3, () => {
      for (let row = 0; row < 50; row++) model.explain(fresh, row);
    }) / 50;

  let side: { version: string; fitMs: number; scoreMs: number } | undefined;
  if (python !== undefined) {
    writeFileSync(join(work, 'fit.f32'), training.values);
    writeFileSync(join(work, 'score.f32'), fresh.values);
    side = ask(python, work, ['speed', work, COLUMNS], (answer) => ({
      version: String(field(answer, 'version')),
      fitMs: Number(field(answer, 'fitMs')),
      scoreMs: Number(field(answer, 'scoreMs')),
    }));
  }
  const line = (what: string, ms: number, count: number, unit: string, against?: number): void => {
    const ratio = against === undefined ? '' : `${(against / ms).toFixed(1)} x scikit-learn`;
    console.log(
      `  ${what.padEnd(52)} ${ms.toFixed(1).padStart(9)} ms ${humanRate((count / ms) * 1000, unit).padStart(16)}  ${ratio}`,
    );
  };
  if (side !== undefined) {
    line(`scikit-learn ${side.version} fit`, side.fitMs, FIT_ROWS, 'rows/s');
    line(`scikit-learn ${side.version} score_samples`, side.scoreMs, SCORE_ROWS, 'rows/s');
  }
  line('trees alone (what scikit-learn calls fit)', growMs, FIT_ROWS, 'rows/s', side?.fitMs);
  line('fit with statistics, range guard and calibration', fitMs, FIT_ROWS, 'rows/s', side?.fitMs);
  line('scoreSamples (what scikit-learn calls score_samples)', samplesMs, SCORE_ROWS, 'rows/s', side?.scoreMs);
  line('score with range guard and calibration', scoreMs, SCORE_ROWS, 'rows/s', side?.scoreMs);
  line('path lengths by the plain loop, without WebAssembly', plainMs, SCORE_ROWS, 'rows/s', side?.scoreMs);
  line('explain, one row', explainMs, 1, 'rows/s');
}

function fillBlock(block: Float32Array, stride: number, matrix: FeatureMatrix, from: number, count: number): void {
  const d = matrix.features.length;
  for (let i = 0; i < count; i++)
    for (let j = 0; j < d; j++) block[j * stride + i] = matrix.values[(from + i) * d + j] ?? 0;
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

main();
