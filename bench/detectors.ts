/**
 * Times every model but the forest beside scikit-learn and PyOD, on the same data, in the same run, on one thread each.
 *
 *     PYTHON=/path/to/python node bench/detectors.ts [--models knn,lof] [--rows 100000]
 *
 * Fit on 20,000 x 10, score --rows x 10, best of three; normal features, every second one a copy of the one before it with noise. Both sides fit as
 * they do by default, but for kNN and LOF: theirs get as many rows and neighbours as ours keep. Our fit also calibrates; scores are raw on both sides. PYTHON names an interpreter
 * that has scikit-learn and pyod; without one only ours are timed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../src/core/index.ts';
import type { FeatureMatrix } from '../src/feature/index.ts';
import { fitModel } from '../src/model/index.ts';

const FIT_ROWS = 20_000;
const COLUMNS = 10;
/** Ours and theirs. */
const PEERS: Record<string, string> = {
  ecod: 'ECOD().fit(x)',
  copod: 'COPOD().fit(x)',
  hbos: 'HBOS().fit(x)',
  knn: 'NearestNeighbors(n_neighbors=41).fit(StandardScaler().fit_transform(x)[:2048])',
  lof: 'LocalOutlierFactor(n_neighbors=103, novelty=True).fit(StandardScaler().fit_transform(x)[:2048])',
  pca: 'PCA(n_components=9).fit(x)',
  loda: 'LODA(n_bins=25).fit(x)',
};

const PYTHON_SIDE = `
import sys, json, time
import numpy as np
import sklearn, pyod
from sklearn.decomposition import PCA
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler
from pyod.models.copod import COPOD
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.loda import LODA
folder, columns = sys.argv[1], int(sys.argv[2])
x = np.fromfile(folder + '/fit.f32', dtype='<f4').reshape(-1, columns).astype(float)
y = np.fromfile(folder + '/score.f32', dtype='<f4').reshape(-1, columns).astype(float)
def score(m):
    if isinstance(m, NearestNeighbors): return m.kneighbors(y)[0].mean(axis=1)
    if isinstance(m, PCA): return ((y - m.inverse_transform(m.transform(y))) ** 2).sum(axis=1)
    return m.score_samples(y) if isinstance(m, LocalOutlierFactor) else m.decision_function(y)
out = {'version': 'scikit-learn ' + sklearn.__version__ + ', PyOD ' + pyod.__version__}
for kind, make in json.loads(sys.argv[3]).items():
    fits, scores = [], []
    for _ in range(3):
        start = time.perf_counter(); m = eval(make); fits.append(time.perf_counter() - start)
        start = time.perf_counter(); score(m); scores.append(time.perf_counter() - start)
    out[kind] = [min(fits) * 1e3, min(scores) * 1e3]
print(json.dumps(out))
`;

function main(): void {
  const { values: args } = parseArgs({
    options: {
      models: { type: 'string', default: Object.keys(PEERS).join() },
      rows: { type: 'string', default: '100000' },
    },
  });
  const kinds = args.models.split(',');
  const rows = Number(args.rows);
  const training = matrixOf(FIT_ROWS, 1);
  const fresh = matrixOf(rows, 2);
  console.log(`Machine: ${cpus()[0]?.model ?? 'unknown processor'}; Node ${process.version}; one thread each`);
  const theirs = ask(training, fresh, kinds);
  console.log(`Fit ${FIT_ROWS} x ${COLUMNS}, score ${rows} x ${COLUMNS}, best of 3; beside ${String(theirs.version)}`);
  console.log(`  ${['model', 'fit ms', 'theirs', 'ratio', 'score rows/s', 'theirs', 'ratio'].map(pad).join(' ')}`);
  for (const kind of kinds) {
    let fitMs = Number.POSITIVE_INFINITY;
    let scoreMs = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      const start = performance.now();
      const model = fitModel(kind, training);
      const fitted = performance.now();
      model.rawScore(fresh);
      fitMs = Math.min(fitMs, fitted - start);
      scoreMs = Math.min(scoreMs, performance.now() - fitted);
    }
    const [fit = Number.NaN, score = Number.NaN] = [theirs[kind]].flat().map(Number);
    const rate = (ms: number): string => Math.round((rows / ms) * 1000).toLocaleString('en-US');
    const cells = [kind, fitMs.toFixed(0), fit.toFixed(0), (fit / fitMs).toFixed(1)];
    console.log(`  ${[...cells, rate(scoreMs), rate(score), (score / scoreMs).toFixed(1)].map(pad).join(' ')}`);
  }
}

const pad = (text: string): string => text.padStart(13);

/** What the other side took, milliseconds of fit and score by model. */
function ask(training: FeatureMatrix, fresh: FeatureMatrix, kinds: readonly string[]): Record<string, unknown> {
  const python = process.env.PYTHON;
  if (python === undefined) return { version: 'nothing: PYTHON names no interpreter' };
  const work = mkdtempSync(join(tmpdir(), 'anomalyst-bench-'));
  try {
    writeFileSync(join(work, 'fit.f32'), training.values);
    writeFileSync(join(work, 'score.f32'), fresh.values);
    writeFileSync(join(work, 'side.py'), PYTHON_SIDE);
    const wanted = Object.fromEntries(Object.entries(PEERS).filter(([kind]) => kinds.includes(kind)));
    const run = spawnSync(python, [join(work, 'side.py'), work, String(COLUMNS), JSON.stringify(wanted)], {
      encoding: 'utf8',
      env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
    });
    if (run.status !== 0) return { version: `nothing: ${run.stderr.trim().split('\n').at(-1) ?? ''}` };
    const answer: unknown = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '{}');
    return typeof answer === 'object' && answer !== null ? { ...answer } : {};
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function matrixOf(rowCount: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  const values = new Float32Array(rowCount * COLUMNS);
  for (let i = 0; i < values.length; i += 2) {
    // Box and Muller 1958.
    const radius = Math.sqrt(-2 * Math.log(1 - random.float()));
    const angle = 2 * Math.PI * random.float();
    values[i] = radius * Math.cos(angle);
    values[i + 1] = (values[i] ?? 0) + 0.5 * radius * Math.sin(angle);
  }
  return {
    values,
    rowCount,
    features: Array.from({ length: COLUMNS }, (_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
  };
}

main();
