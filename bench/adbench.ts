/**
 * AUROC, average precision and TPR at 1 % FPR of a model on the ADBench sets, beside the published AUROC, by the same protocol:
 *
 *     node bench/adbench.ts --model ensemble --seeds 10 [--semi] [--set http,smtp] [--option neighbours=5,footing=standard]
 *
 * Sets under 1,000 rows are drawn to 1,000 with replacement, sets over 50,000 to 50,000 without; columns are standardised on the rows that are
 * fitted on; unsupervised fits on all rows and scores them, semi-supervised (--semi) fits on the first half of the normal rows and scores the
 * rest, and tells the model that what it is fitted on is ordinary. Published: mean of 5 seeds of 26 algorithms (README of vicliv/DTE, arXiv 2305.18593).
 * Data from ../shared/data; where it is absent, the script says so and ends. --data names another folder of .npz files.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random } from '../src/core/index.ts';
import type { FeatureMatrix } from '../src/feature/index.ts';
import { fitModel, type RankingMeasures, rankingMeasures } from '../src/model/index.ts';
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

export interface AdbenchResult {
  readonly set: string;
  readonly rows: number;
  readonly columns: number;
  /** One for each seed. */
  readonly measures: readonly RankingMeasures[];
  /** AUROC in percent as published, with its spread, of the same algorithm; undefined where it is not among them. */
  readonly published: string | undefined;
  readonly fitMs: number;
  readonly rowsPerSecond: number;
}

export interface AdbenchOptions {
  readonly kind: string;
  readonly seeds: number;
  readonly isSemi: boolean;
  readonly options?: object;
  /** Names of sets; all where undefined. */
  readonly sets?: readonly string[] | undefined;
  readonly data?: string;
}

const SETS = join(shared, 'adbench/adbench/datasets/Classical');

/** A model on every set; nothing where the sets are not there. */
export function* runAdbench({
  kind,
  seeds,
  isSemi,
  options = {},
  sets,
  data = SETS,
}: AdbenchOptions): Generator<AdbenchResult> {
  if (!existsSync(data)) return;
  const published = readPublished(isSemi);
  for (const file of readdirSync(data).sort()) {
    const name = file.replace(/^\d+_/, '').replace(/\.npz$/, '');
    if (!file.endsWith('.npz') || (sets !== undefined && !sets.includes(name))) continue;
    const whole = readSet(join(data, file));
    const measures: RankingMeasures[] = [];
    let fitMs = 0;
    let scoreMs = 0;
    let scored = 0;
    for (let seed = 0; seed < seeds; seed++) {
      const { training, test, labels } = divide(resize(whole, new Random(seed)), isSemi);
      const start = performance.now();
      const model = fitModel(kind, training, { ordinary: isSemi, ...options, seed });
      const fitted = performance.now();
      const scores = model.rawScore(test);
      fitMs += fitted - start;
      scoreMs += performance.now() - fitted;
      scored += test.rowCount;
      measures.push(rankingMeasures(scores, labels));
    }
    yield {
      set: name,
      rows: whole.labels.length,
      columns: whole.columns,
      measures,
      published: published.get(name)?.get(PUBLISHED[kind] ?? ''),
      fitMs: fitMs / seeds,
      rowsPerSecond: (scored / scoreMs) * 1000,
    };
  }
}

/** The published algorithm with the best mean AUROC on these sets, and that mean in percent; undefined where the table is not there. */
export function bestPublished(
  isSemi: boolean,
  sets: readonly string[],
): { readonly name: string; readonly auroc: number } | undefined {
  const rows = sets.flatMap((set) => readPublished(isSemi).get(set) ?? []);
  const names = [...(rows[0]?.keys() ?? [])].slice(1);
  const means = names.map((name) => ({
    name,
    auroc: average(rows.map((row) => Number.parseFloat(row.get(name) ?? 'NaN'))),
  }));
  return means.filter(({ auroc }) => !Number.isNaN(auroc)).sort((p, q) => q.auroc - p.auroc)[0];
}

function main(): void {
  const { values: args } = parseArgs({
    options: {
      model: { type: 'string', default: 'isolation-forest' },
      seeds: { type: 'string', default: '3' },
      semi: { type: 'boolean', default: false },
      set: { type: 'string' },
      option: { type: 'string', multiple: true, default: [] },
      data: { type: 'string', default: SETS },
    },
  });
  if (!existsSync(args.data)) {
    console.log(`Skipped: there are no ADBench sets at ${args.data}`);
    return;
  }
  console.log(`node bench/adbench.ts ${process.argv.slice(2).join(' ')}`);
  console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown processor'}`);
  console.log(
    `${args.model}, fitted on ${args.semi ? 'the first half of the normal rows' : 'all rows'}; % over ${args.seeds} seeds`,
  );
  const heads = ['rows', 'columns', 'AUROC', 'published', 'AP', 'TPR at 1 %', 'fit ms', 'rows/s'];
  console.log(`  ${'set'.padEnd(14)} ${heads.map((head) => head.padStart(14)).join(' ')}`);
  const found: AdbenchResult[] = [];
  const options = Object.fromEntries(args.option.flatMap((list) => list.split(',')).map(readOption));
  const run = { kind: args.model, seeds: Number(args.seeds), isSemi: args.semi, options, data: args.data };
  for (const result of runAdbench({ ...run, sets: args.set?.split(',') })) {
    const { set, rows, columns, measures, published, fitMs, rowsPerSecond } = result;
    found.push(result);
    const cells = [
      String(rows),
      String(columns),
      spread(measures.map((one) => one.auroc)),
      published ?? '-',
      spread(measures.map((one) => one.averagePrecision)),
      spread(measures.map((one) => one.tprAtFpr)),
      fitMs.toFixed(0),
      Math.round(rowsPerSecond).toLocaleString('en-US'),
    ];
    console.log(`  ${set.padEnd(14)} ${cells.map((cell) => cell.padStart(14)).join(' ')}`);
  }
  const { auroc, averagePrecision, tprAtFpr } = meanOf(found);
  const theirs = average(found.map(({ published }) => Number.parseFloat(published ?? 'NaN')));
  const total = [100 * auroc, theirs, 100 * averagePrecision, 100 * tprAtFpr];
  console.log(
    `  ${'mean'.padEnd(44)} ${total.map((value) => (Number.isNaN(value) ? '-' : value.toFixed(2)).padStart(14)).join(' ')}`,
  );
  const best = bestPublished(
    args.semi,
    found.map(({ set }) => set),
  );
  if (best !== undefined) console.log(`  best published on these: ${best.name}, mean AUROC ${best.auroc.toFixed(2)}`);
}

/** Means over the seeds, and then over the sets. */
export function meanOf(results: readonly AdbenchResult[]): RankingMeasures {
  const mean = (of: (one: RankingMeasures) => number): number =>
    average(results.map(({ measures }) => average(measures.map(of))));
  return {
    auroc: mean((one) => one.auroc),
    averagePrecision: mean((one) => one.averagePrecision),
    tprAtFpr: mean((one) => one.tprAtFpr),
  };
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

function spread(values: readonly number[]): string {
  const mean = average(values);
  const deviation = Math.sqrt(values.reduce((total, v) => total + (v - mean) ** 2, 0) / values.length);
  return `${(100 * mean).toFixed(2)}±${(100 * deviation).toFixed(2)}`;
}

function average(values: readonly number[]): number {
  return values.reduce((total, v) => total + v, 0) / values.length;
}

if (import.meta.main) main();
