/**
 * Times every model but the forest beside scikit-learn and PyOD, on the same data, in the same run, on one thread each (CPU time, user and system).
 *
 *     PYTHON=/path/to/python node bench/detectors.ts [--models knn,lof] [--rows 100000]
 *
 * Fit on 20,000 x 10, score --rows x 10, median of three; normal features, every second one a copy of the one before it with noise. Both sides fit as
 * they do by default, but for kNN, LOF and the one-class SVM: theirs get as many rows and neighbours as ours keep. Our fit also calibrates; scores are raw on
 * both sides. PYTHON names an interpreter that has scikit-learn, and for some of the models PyOD; where there is nothing to compare with, only ours are timed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Random } from '../src/core/index.ts';
import type { FeatureMatrix } from '../src/feature/index.ts';
import { fitModel, models } from '../src/model/index.ts';
import { median, textTable } from './child.ts';

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
  'one-class-svm': 'OneClassSVM().fit(StandardScaler().fit_transform(x)[:4096])',
  'minimum-covariance-determinant': 'EllipticEnvelope(random_state=0).fit(x)',
};

const PYTHON_SIDE = `
import sys, json, time
import numpy as np
import sklearn
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
versions = 'scikit-learn ' + sklearn.__version__
try:
    import pyod
    from pyod.models.copod import COPOD
    from pyod.models.ecod import ECOD
    from pyod.models.hbos import HBOS
    from pyod.models.loda import LODA
    versions += ', PyOD ' + pyod.__version__
except ImportError:
    versions += ', no PyOD'
folder, columns = sys.argv[1], int(sys.argv[2])
x = np.fromfile(folder + '/fit.f32', dtype='<f4').reshape(-1, columns).astype(float)
y = np.fromfile(folder + '/score.f32', dtype='<f4').reshape(-1, columns).astype(float)
def score(m):
    if isinstance(m, NearestNeighbors): return m.kneighbors(y)[0].mean(axis=1)
    if isinstance(m, PCA): return ((y - m.inverse_transform(m.transform(y))) ** 2).sum(axis=1)
    return m.score_samples(y) if isinstance(m, (LocalOutlierFactor, OneClassSVM)) else m.decision_function(y)
out = {'version': versions}
for kind, make in json.loads(sys.argv[3]).items():
    fits, scores = [], []
    try:
        for _ in range(3):
            start = time.process_time(); m = eval(make); fits.append(time.process_time() - start)
            start = time.process_time(); score(m); scores.append(time.process_time() - start)
    except NameError:
        continue
    out[kind] = [sorted(fits)[1] * 1e3, sorted(scores)[1] * 1e3]
print(json.dumps(out))
`;

function main(): void {
  const { values: args } = parseArgs({
    options: {
      models: {
        type: 'string',
        default: models.flatMap(({ kind }) => (kind === 'isolation-forest' ? [] : [kind])).join(),
      },
      rows: { type: 'string', default: '100000' },
    },
  });
  const kinds = args.models.split(',');
  const rows = Number(args.rows);
  const training = matrixOf(FIT_ROWS, 1);
  const fresh = matrixOf(rows, 2);
  console.log(`Machine: ${cpus()[0]?.model ?? 'unknown processor'}; Node ${process.version}; one thread each`);
  const theirs = ask(training, fresh, kinds);
  console.log(
    `Fit ${FIT_ROWS} x ${COLUMNS}, score ${rows} x ${COLUMNS}, CPU time, median of 3; beside ${String(theirs.version)}\n`,
  );
  const lines = kinds.map((kind) => {
    const fits: number[] = [];
    const scores: number[] = [];
    for (let round = 0; round < 3; round++) {
      const fitted = timed(() => fitModel(kind, training));
      fits.push(fitted.ms);
      scores.push(timed(() => fitted.answer.rawScore(fresh)).ms);
    }
    const [fitMs, scoreMs] = [median(fits), median(scores)];
    const [fit = Number.NaN, score = Number.NaN] = [theirs[kind]].flat().map(Number);
    const rate = (ms: number): string => Math.round((rows / ms) * 1000).toLocaleString('en-US');
    const known = (value: number, text: string): string => (Number.isFinite(value) ? text : '');
    return [
      ...[kind, fitMs.toFixed(0), known(fit, fit.toFixed(0)), known(fit, (fit / fitMs).toFixed(1))],
      ...[rate(scoreMs), known(score, rate(score)), known(score, (score / scoreMs).toFixed(1))],
    ];
  });
  console.log(textTable(['model', 'fit ms', 'theirs', 'ratio', 'score rows/s', 'theirs', 'ratio'], lines));
}

/** Milliseconds of CPU. */
function timed<T>(run: () => T): { answer: T; ms: number } {
  const before = process.cpuUsage();
  const answer = run();
  const { user, system } = process.cpuUsage(before);
  return { answer, ms: (user + system) / 1000 };
}

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
