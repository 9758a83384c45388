/**
 * Runs the graphs that `toOnnx` writes in ONNX Runtime and compares their scores with ours, for every kind that has a graph.
 *
 *     PYTHON=/path/to/python node bench/onnx.ts [--kinds knn,lof] [--rows 2000] [--fixture test/fixture/model/onnx.json]
 *
 * PYTHON names an interpreter that has onnxruntime and onnx (pip install onnx onnxruntime). Each kind is fitted on three tables (normal and heavy-tailed numbers;
 * counts, constants and repeated rows with missing values; few rows) and scores `--rows` ordinary rows, rows with much missing, and extreme ones
 * (infinities, the largest and smallest numbers, signed zeros). Printed: the largest differences of raw (relative beyond 1) and score, and how long each side takes for the
 * ordinary rows, one thread each. Ends with 1 where a score differs by more than 0.00001. `--fixture` writes small models with what ONNX Runtime made of them,
 * for the unit test.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../src/core/index.ts';
import type { FeatureMatrix } from '../src/feature/index.ts';
import {
  fitEcod,
  fitHbos,
  fitIsolationForest,
  fitKnn,
  fitModel,
  fitOneClassSvm,
  fitPca,
  type Model,
  onnxFingerprint,
  onnxKinds,
  toJson,
  toOnnx,
} from '../src/model/index.ts';

const WIDTH = 8;
const TOLERANCE = 1e-5;

const PYTHON_SIDE = `
import sys, json, time
import numpy as np, onnx, onnxruntime
folder = sys.argv[1]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
times = {}
for case in json.load(open(folder + '/cases.json')):
    name = case['name']
    path = folder + '/' + name + '.onnx'
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    x = np.fromfile(folder + '/' + name + '.f32', dtype='<f4').reshape(-1, case['width'])
    raw, score = session.run(['raw', 'score'], {'features': x})
    assert raw.dtype == np.float64 and raw.shape == (len(x),) and score.shape == (len(x),)
    raw.astype('<f8').tofile(folder + '/' + name + '.raw')
    score.astype('<f8').tofile(folder + '/' + name + '.score')
    ordinary = x[:case['ordinary']]
    took = []
    for _ in range(3):
        start = time.perf_counter(); session.run(['score'], {'features': ordinary}); took.append(time.perf_counter() - start)
    times[name] = min(took) * 1e3
print(json.dumps({'version': onnxruntime.__version__, 'onnx': onnx.__version__, 'ms': times}))
`;

/** Rows to fit on, by what they are like. */
type Table = 'numbers' | 'counts' | 'few';

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

function rowsOf(table: Table, rowCount: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  const values = new Float32Array(rowCount * WIDTH);
  for (let i = 0; i < rowCount; i++) {
    const shared = normal(random);
    for (let j = 0; j < WIDTH; j++) {
      let v: number;
      if (table !== 'counts') v = j % 2 === 0 ? shared + 0.3 * normal(random) : Math.exp(2 * normal(random));
      else if (j === 0) v = 7;
      else if (j === 1) v = Number.NaN;
      else if (j < 5) v = random.float() < 0.7 ? 0 : random.below(4 * j);
      else if (j === 5) v = random.float() < 0.3 ? Number.NaN : Math.floor(shared);
      else v = Math.round(1000 * Math.exp(normal(random)));
      values[i * WIDTH + j] = v;
    }
  }
  return matrixOf(values);
}

function matrixOf(values: Float32Array): FeatureMatrix {
  const features = Array.from({ length: WIDTH }, (_, j) => ({ name: `feature.${j}`, unit: 'unit', meaning: '' }));
  return { features, rowCount: values.length / WIDTH, values };
}

const EXTREMES = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  1e30,
  -1e12,
  1e6,
  1e-45,
  -1e-45,
  -0,
  0,
  40,
  -1000,
];

/** Ordinary rows, rows of which half is missing, and rows with extreme values, one in each or in all features. */
function queries(table: Table, ordinary: number, seed: number): FeatureMatrix {
  const plain = rowsOf(table, ordinary, seed).values;
  const random = new Random(seed + 1);
  const holes = rowsOf(table, 200, seed + 2).values.map((v) => (random.float() < 0.5 ? Number.NaN : v));
  const few = rowsOf(table, 40 * EXTREMES.length, seed + 3).values;
  for (let i = 0; i < few.length / WIDTH; i++)
    for (let j = 0; j < WIDTH; j++)
      if (i % 3 === 0 || random.float() < 0.2) few[i * WIDTH + j] = EXTREMES[random.below(EXTREMES.length)] ?? 0;
  return matrixOf(Float32Array.of(...plain, ...holes, ...few));
}

interface Case {
  readonly name: string;
  readonly model: Model;
  readonly rows: FeatureMatrix;
  readonly ordinary: number;
}

function casesOf(kinds: readonly string[], ordinary: number): Case[] {
  const sizes: Record<Table, number> = { numbers: 8000, counts: 3000, few: 150 };
  return kinds.flatMap((kind) =>
    (Object.keys(sizes) as Table[]).flatMap((table, t): Case[] => {
      const fitted = rowsOf(table, sizes[table], 10 + t);
      const rows = queries(table, ordinary, 20 + 5 * t);
      const models: [string, Model][] = [[kind, fitModel(kind, fitted, { seed: t })]];
      if (kind === 'ecod') models.push(['ecod-whole', fitEcod(fitted, { sides: 'whole' })]);
      if (kind === 'knn') models.push(['knn-largest-log', fitKnn(fitted, { distance: 'largest', footing: 'log' })]);
      if (kind === 'one-class-svm') models.push(['svm-linear', fitOneClassSvm(fitted, { kernel: 'linear' })]);
      if (kind === 'hbos')
        for (const transform of ['log', 'robust', 'quantile', 'frequency'] as const)
          models.push([`hbos-${transform}`, fitHbos(fitted, { transform })]);
      if (kind === 'isolation-forest')
        models.push(['isolation-forest-auto', fitIsolationForest(fitted, { transform: 'auto' })]);
      if (kind === 'knn') models.push(['knn-auto', fitKnn(fitted, { transform: 'auto' })]);
      if (kind === 'pca') models.push(['pca-error', fitPca(fitted, { centre: false, components: 6 })]);
      return models.map(([name, model]) => ({ name: `${name}.${table}`, model, rows, ordinary }));
    }),
  );
}

interface Answer {
  readonly raw: Float64Array;
  readonly score: Float64Array;
}

interface Run {
  readonly version: string;
  readonly onnx: string;
  readonly ms: Readonly<Record<string, number>>;
  readonly answers: ReadonlyMap<string, Answer>;
}

/** What ONNX Runtime says to each case; undefined, with the reason on standard error, where there is none. */
function runOnnx(cases: readonly Case[]): Run | undefined {
  const python = process.env.PYTHON ?? 'python3';
  const folder = mkdtempSync(join(tmpdir(), 'anomalyst-onnx-'));
  try {
    writeFileSync(join(folder, 'run.py'), PYTHON_SIDE);
    writeFileSync(
      join(folder, 'cases.json'),
      JSON.stringify(cases.map(({ name, ordinary }) => ({ name, ordinary, width: WIDTH }))),
    );
    for (const { name, model, rows } of cases) {
      writeFileSync(join(folder, `${name}.onnx`), toOnnx(model, { features: rows.features }));
      writeFileSync(join(folder, `${name}.f32`), new Uint8Array(rows.values.buffer));
    }
    const child = spawnSync(python, [join(folder, 'run.py'), folder], { encoding: 'utf8', maxBuffer: 1 << 24 });
    if (child.status !== 0) {
      console.error(child.stderr?.trim().split('\n').slice(-3).join('\n') ?? String(child.error));
      return undefined;
    }
    const numbers = (file: string): Float64Array =>
      new Float64Array(new Uint8Array(readFileSync(join(folder, file))).buffer);
    const answers = new Map(
      cases.map(({ name }) => [name, { raw: numbers(`${name}.raw`), score: numbers(`${name}.score`) }] as const),
    );
    return { ...(JSON.parse(child.stdout) as Omit<Run, 'answers'>), answers };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function furthest(ours: Float64Array, theirs: Float64Array, relative: boolean): number {
  let most = 0;
  for (let i = 0; i < ours.length; i++) {
    const a = ours[i] ?? Number.NaN;
    const apart = Math.abs(a - (theirs[i] ?? Number.NaN)) / (relative ? Math.max(1, Math.abs(a)) : 1);
    // A NaN must not pass for none.
    if (!(apart <= most)) most = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
  }
  return most;
}

function compare(kinds: readonly string[], ordinary: number): number {
  const cases = casesOf(kinds, ordinary);
  const run = runOnnx(cases);
  if (run === undefined) {
    console.error('ONNX Runtime did not run: set PYTHON to an interpreter with onnx and onnxruntime.');
    return 1;
  }
  console.log(
    `onnxruntime ${run.version}, checked by onnx ${run.onnx}; ${ordinary} ordinary rows x ${WIDTH}, 760 others`,
  );
  console.log(
    `${'case'.padEnd(42)}${'raw'.padStart(10)}${'score'.padStart(10)}${'ours ms'.padStart(10)}${'theirs'.padStart(10)}${'kB'.padStart(8)}`,
  );
  let worst = 0;
  for (const { name, model, rows } of cases) {
    const theirs = run.answers.get(name);
    if (theirs === undefined) continue;
    const raw = furthest(model.rawScore(rows), theirs.raw, true);
    const score = furthest(model.score(rows), theirs.score, false);
    worst = Math.max(worst, score);
    const plain = { ...rows, rowCount: ordinary, values: rows.values.subarray(0, ordinary * WIDTH) };
    let best = Number.POSITIVE_INFINITY;
    for (let k = 0; k < 3; k++) {
      const start = performance.now();
      model.score(plain);
      best = Math.min(best, performance.now() - start);
    }
    const size = toOnnx(model).length / 1000;
    console.log(
      `${name.padEnd(42)}${raw.toExponential(1).padStart(10)}${score.toExponential(1).padStart(10)}${best.toFixed(1).padStart(10)}${(run.ms[name] ?? Number.NaN).toFixed(1).padStart(10)}${size.toFixed(0).padStart(8)}`,
    );
  }
  console.log(`largest difference of a score: ${worst.toExponential(1)}, at most ${TOLERANCE} is wanted`);
  return worst <= TOLERANCE ? 0 : 1;
}

/** Small models of every kind, rows, and what ONNX Runtime said of them. */
function writeFixture(file: string): number {
  const fitted = rowsOf('counts', 60, 3);
  const rows = queries('counts', 5, 4);
  const few = { ...rows, rowCount: 60, values: rows.values.slice(0, 60 * WIDTH) };
  for (let i = 5; i < 60; i++) few.values.set(rows.values.subarray(i * 12 * WIDTH, (i * 12 + 1) * WIDTH), i * WIDTH);
  const small: Record<string, object> = {
    ensemble: { members: 50, projections: 10 },
    'isolation-forest': { trees: 5, subsample: 16 },
    'extended-isolation-forest': { trees: 5, subsample: 16 },
    'half-space-trees': { trees: 4, depth: 4, window: 30 },
    'one-class-svm': { frequencies: 16 },
    loda: { projections: 10, bins: 5 },
  };
  const cases = onnxKinds.map((kind): Case => {
    const options = { seed: 1, anchorRows: 0, ...small[kind] };
    return { name: kind, model: fitModel(kind, fitted, options), rows: few, ordinary: 5 };
  });
  const run = runOnnx(cases);
  if (run === undefined) return 1;
  const numbers = (values: ArrayLike<number>): (number | string)[] =>
    Array.from(values, (v) => (Number.isFinite(v) ? v : String(v)));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `${JSON.stringify({
      madeBy: `node bench/onnx.ts --fixture, onnxruntime ${run.version}`,
      width: WIDTH,
      rows: numbers(few.values),
      cases: cases.map(({ name, model }) => ({
        model: JSON.parse(toJson(model)) as unknown,
        graph: onnxFingerprint(model),
        raw: numbers(run.answers.get(name)?.raw ?? []),
        score: numbers(run.answers.get(name)?.score ?? []),
      })),
    })}\n`,
  );
  return 0;
}

const { values: given } = parseArgs({
  options: { kinds: { type: 'string' }, rows: { type: 'string', default: '2000' }, fixture: { type: 'string' } },
});
process.exitCode =
  given.fixture === undefined
    ? compare(given.kinds?.split(',') ?? onnxKinds, Number(given.rows))
    : writeFixture(given.fixture);
