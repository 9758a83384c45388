/**
 * AUROC and average precision of a model on the ADBench sets, beside the published figures, by the same protocol:
 *
 *     node bench/adbench.ts --model knn --seeds 3 [--semi] [--set http,smtp] [--option neighbours=5,footing=standard]
 *
 * Sets under 1,000 rows are drawn to 1,000 with replacement, sets over 50,000 to 50,000 without; columns are standardised on the rows that are
 * fitted on; unsupervised fits on all rows and scores them, semi-supervised (--semi) fits on the first half of the normal rows and scores the
 * rest. Published: mean of 5 seeds of 26 algorithms (README of vicliv/DTE, arXiv 2305.18593).
 * Data from ../shared/data; where it is absent, the script says so and ends. --data names another folder of .npz files.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random } from '../src/core/index.ts';
import type { FeatureMatrix } from '../src/feature/index.ts';
import { fitModel } from '../src/model/index.ts';
import { readNpz } from './npz.ts';

const shared = join(dirname(fileURLToPath(import.meta.url)), '../../shared/data');

/** The columns of the published tables by the kinds of our models. */
const PUBLISHED: Record<string, string> = {
  'isolation-forest': 'IForest',
  ecod: 'ECOD',
  copod: 'COPOD',
  hbos: 'HBOS',
  knn: 'KNN',
  lof: 'LOF',
  pca: 'PCA',
  loda: 'LODA',
  mcd: 'MCD',
  ocsvm: 'OCSVM',
  'one-class-svm': 'OCSVM',
};

interface Labelled {
  readonly columns: number;
  /** Row-major, as they come. */
  readonly values: Float64Array;
  readonly labels: Uint8Array;
}

function main(): void {
  const { values: args } = parseArgs({
    options: {
      model: { type: 'string', default: 'isolation-forest' },
      seeds: { type: 'string', default: '3' },
      semi: { type: 'boolean', default: false },
      set: { type: 'string' },
      option: { type: 'string', multiple: true, default: [] },
      data: { type: 'string', default: join(shared, 'adbench/adbench/datasets/Classical') },
    },
  });
  if (!existsSync(args.data)) {
    console.log(`Skipped: there are no ADBench sets at ${args.data}`);
    return;
  }
  const options = Object.fromEntries(args.option.flatMap((list) => list.split(',')).map(readOption));
  const published = readPublished(args.semi);
  const column = PUBLISHED[args.model] ?? '';
  console.log(`node bench/adbench.ts ${process.argv.slice(2).join(' ')}`);
  console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown processor'}`);
  console.log(
    `${args.model}, fitted on ${args.semi ? 'the first half of the normal rows' : 'all rows'}; % over ${args.seeds} seeds`,
  );
  const heads = ['rows', 'columns', 'AUROC', 'published', 'AP', 'fit ms', 'rows/s'];
  console.log(`  ${'set'.padEnd(14)} ${heads.map((head) => head.padStart(14)).join(' ')}`);
  const means: [number, number, number][] = [];
  for (const file of readdirSync(args.data).sort()) {
    const name = file.replace(/^\d+_/, '').replace(/\.npz$/, '');
    if (!file.endsWith('.npz') || (args.set !== undefined && !args.set.split(',').includes(name))) continue;
    const whole = readSet(join(args.data, file));
    const rocs: number[] = [];
    const precisions: number[] = [];
    let fitMs = 0;
    let scoreMs = 0;
    let scored = 0;
    for (let seed = 0; seed < Number(args.seeds); seed++) {
      const { training, test, labels } = divide(resize(whole, new Random(seed)), args.semi);
      const start = performance.now();
      const model = fitModel(args.model, training, { ...options, seed });
      const fitted = performance.now();
      const scores = model.rawScore(test);
      fitMs += fitted - start;
      scoreMs += performance.now() - fitted;
      scored += test.rowCount;
      const { roc, precision } = quality(labels, scores);
      rocs.push(roc);
      precisions.push(precision);
    }
    const theirs = published.get(name)?.get(column);
    means.push([average(rocs), Number.parseFloat(theirs ?? 'NaN') / 100, average(precisions)]);
    const cells = [
      String(whole.labels.length),
      String(whole.columns),
      spread(rocs),
      theirs ?? '-',
      spread(precisions),
      (fitMs / rocs.length).toFixed(0),
      Math.round((scored / scoreMs) * 1000).toLocaleString('en-US'),
    ];
    console.log(`  ${name.padEnd(14)} ${cells.map((cell) => cell.padStart(14)).join(' ')}`);
  }
  const total = [0, 1, 2].map((k) => (100 * average(means.map((row) => row[k] ?? 0))).toFixed(2).padStart(14));
  console.log(`  ${'mean'.padEnd(44)} ${total.join(' ')}`);
}

/** `name=value`; a number, true or false where it reads as one. */
function readOption(text: string): [string, string | number | boolean] {
  const [name = '', value = ''] = text.split('=');
  const plain =
    value === 'true' ? true : value === 'false' ? false : Number.isNaN(Number(value)) ? value : Number(value);
  return [name, plain];
}

function readPublished(semi: boolean): Map<string, Map<string, string>> {
  const file = join(shared, 'published', semi ? 'dte_semi_aucroc.csv' : 'dte_unsup_aucroc.csv');
  if (!existsSync(file)) return new Map();
  const [head = '', ...lines] = readFileSync(file, 'utf8').trim().split(/\r?\n/);
  const names = head.split(',');
  return new Map(
    lines.map((line) => {
      const cells = line.split(',');
      return [cells[0] ?? '', new Map(cells.map((cell, i) => [names[i] ?? '', cell]))];
    }),
  );
}

function readSet(file: string): Labelled {
  const arrays = readNpz(file);
  const x = arrays.get('X');
  const y = arrays.get('y');
  if (x === undefined || y === undefined) throw new Error(`${file} has no X and y`);
  return { columns: x.shape[1] ?? 0, values: x.values, labels: Uint8Array.from(y.values) };
}

/** 1,000 to 50,000 rows of the set. */
function resize(set: Labelled, random: Random): Labelled {
  const n = set.labels.length;
  if (n >= 1000 && n <= 50_000) return set;
  if (n < 1000)
    return pick(
      set,
      Int32Array.from({ length: 1000 }, () => random.below(n)),
    );
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < 50_000; i++) {
    const j = i + random.below(n - i);
    const row = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = row;
  }
  return pick(set, order.slice(0, 50_000));
}

function pick({ columns, values, labels }: Labelled, rows: Int32Array): Labelled {
  const picked = new Float64Array(rows.length * columns);
  rows.forEach((row, i) => {
    picked.set(values.subarray(row * columns, (row + 1) * columns), i * columns);
  });
  return { columns, values: picked, labels: Uint8Array.from(rows, (row) => labels[row] ?? 0) };
}

function divide(set: Labelled, semi: boolean): { training: FeatureMatrix; test: FeatureMatrix; labels: Uint8Array } {
  if (!semi) {
    const matrix = matrixOf(set, standardise(set));
    return { training: matrix, test: matrix, labels: set.labels };
  }
  const normal = Int32Array.from(set.labels.keys()).filter((row) => set.labels[row] === 0);
  const half = normal.slice(0, normal.length >> 1);
  const fitted = new Set(half);
  const training = pick(set, half);
  const test = pick(
    set,
    Int32Array.from(set.labels.keys()).filter((row) => !fitted.has(row)),
  );
  const scale = standardise(training);
  return { training: matrixOf(training, scale), test: matrixOf(test, scale), labels: test.labels };
}

/** Mean and deviation of each column; a column without spread is divided by 1. */
function standardise({ columns, values }: Labelled): { mean: number; deviation: number }[] {
  const n = values.length / columns;
  return Array.from({ length: columns }, (_, j) => {
    let mean = 0;
    for (let i = 0; i < n; i++) mean += (values[i * columns + j] ?? 0) / n;
    let squares = 0;
    for (let i = 0; i < n; i++) squares += ((values[i * columns + j] ?? 0) - mean) ** 2;
    return { mean, deviation: Math.sqrt(squares / n) || 1 };
  });
}

function matrixOf({ columns, values }: Labelled, scale: { mean: number; deviation: number }[]): FeatureMatrix {
  return {
    values: Float32Array.from(values, (v, i) => {
      const { mean = 0, deviation = 1 } = scale[i % columns] ?? {};
      return (v - mean) / deviation;
    }),
    rowCount: values.length / columns,
    features: Array.from({ length: columns }, (_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
  };
}

/** Area under the ROC curve, ties counted half (Mann and Whitney), and average precision, ties as one step (as scikit-learn). */
function quality(labels: Uint8Array, scores: Float64Array): { roc: number; precision: number } {
  const order = Int32Array.from(scores.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const n = order.length;
  let positives = 0;
  for (const label of labels) positives += label;
  let found = 0;
  let roc = 0;
  let precision = 0;
  for (let i = 0; i < n; ) {
    let j = i;
    let here = 0;
    while (j < n && scores[order[j] ?? 0] === scores[order[i] ?? 0]) here += labels[order[j++] ?? 0] ?? 0;
    // Each ordinary row of this step is below all found before, and beside those of the step.
    roc += (j - i - here) * (found + here / 2);
    found += here;
    precision += (here / positives) * (found / j);
    i = j;
  }
  return { roc: roc / (positives * (n - positives)), precision };
}

function spread(values: readonly number[]): string {
  const mean = average(values);
  const deviation = Math.sqrt(values.reduce((total, v) => total + (v - mean) ** 2, 0) / values.length);
  return `${(100 * mean).toFixed(2)}±${(100 * deviation).toFixed(2)}`;
}

function average(values: readonly number[]): number {
  return values.reduce((total, v) => total + v, 0) / values.length;
}

main();
