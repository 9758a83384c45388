import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fieldsOf, readOnnx, runOnnx } from '../../../test/support/onnx.ts';
import { type Json, Random } from '../../core/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import {
  fitEcod,
  fitEnsemble,
  fitHbos,
  fitIsolationForest,
  fitKnn,
  fitModel,
  fitOneClassSvm,
  fitPca,
  type Model,
  ModelError,
  modelFromJson,
  models,
  onnxFingerprint,
  onnxKinds,
  TRANSFORM_METHODS,
  toOnnx,
} from '../index.ts';

const WIDTH = 5;

/** Numbers, logarithms of heavy tails, counts with repetitions, a constant, a feature that is mostly missing. */
function rowsOf(rowCount: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  const features = Array.from({ length: WIDTH }, (_, j) => ({
    name: `f${j}`,
    unit: 'bytes',
    meaning: `Feature ${j}.`,
  }));
  const values = new Float32Array(rowCount * WIDTH);
  for (let i = 0; i < rowCount; i++)
    values.set(
      [
        random.float(),
        1 / (random.float() + 1e-3),
        random.below(4),
        7,
        random.float() < 0.8 ? Number.NaN : random.float(),
      ],
      i * WIDTH,
    );
  return { features, rowCount, values };
}

const EXTREMES = [Number.NaN, Infinity, -Infinity, 3.4e38, -1e12, 1e-45, -0, 0, 100];

function extremeRows(seed: number): FeatureMatrix {
  const matrix = rowsOf(40, seed);
  const random = new Random(seed);
  const values = matrix.values.map((v) => (random.float() < 0.4 ? (EXTREMES[random.below(EXTREMES.length)] ?? 0) : v));
  return { ...matrix, values };
}

function expectSame(model: Model, matrix: FeatureMatrix): void {
  const outputs = runOnnx(readOnnx(toOnnx(model)), matrix.values);
  const raw = model.rawScore(matrix);
  const score = model.score(matrix);
  raw.forEach((expected, row) => {
    const theirs = outputs.get('raw')?.[row] ?? Number.NaN;
    expect(Math.abs(theirs - expected) / Math.max(1, Math.abs(expected)), `raw of row ${row}`).toBeLessThan(1e-11);
    expect(
      Math.abs((outputs.get('score')?.[row] ?? Number.NaN) - (score[row] ?? 0)),
      `score of row ${row}`,
    ).toBeLessThan(1e-9);
  });
}

const small: Record<string, object> = {
  ensemble: { members: 50, projections: 10 },
  'isolation-forest': { trees: 8, subsample: 32 },
  'extended-isolation-forest': { trees: 8, subsample: 32 },
  'half-space-trees': { trees: 6, depth: 5, window: 100 },
  'one-class-svm': { frequencies: 24 },
  loda: { projections: 12 },
};

describe.each(onnxKinds)('the graph of a model of kind %s', (kind) => {
  const model = fitModel(kind, rowsOf(300, 1), { ...small[kind] });

  test('scores ordinary, missing and extreme rows as the model does', () => {
    expectSame(model, rowsOf(30, 2));
    expectSame(model, extremeRows(3));
  });

  test('scores as the model where nothing varied, where a feature was never seen, and after a single row', () => {
    const constant = rowsOf(50, 4);
    constant.values.forEach((_, at) => {
      constant.values[at] = at % WIDTH === 1 ? Number.NaN : 3;
    });
    expectSame(fitModel(kind, constant, { ...small[kind] }), extremeRows(5));
    expectSame(fitModel(kind, rowsOf(1, 6), { ...small[kind] }), extremeRows(7));
  });
});

test('the options of a kind are in its graph', () => {
  const rows = rowsOf(200, 8);
  expectSame(fitIsolationForest(rows, { trees: 4, rangeGuard: false }), extremeRows(9));
  expectSame(fitEcod(rows, { sides: 'whole' }), extremeRows(9));
  expectSame(fitEcod(rows, { rangeGuard: false }), extremeRows(9));
  expectSame(fitHbos(rows, { smooth: false, bins: 3 }), extremeRows(9));
  expectSame(fitKnn(rows, { distance: 'largest', neighbours: 3 }), extremeRows(9));
  expectSame(fitKnn(rows, { footing: 'log', neighbours: 500 }), extremeRows(9));
  expectSame(fitOneClassSvm(rows, { kernel: 'linear' }), extremeRows(9));
  expectSame(fitEnsemble(rows, { ordinary: true, members: 50, projections: 10 }), extremeRows(9));
  expectSame(fitPca(rows, { components: 0 }), extremeRows(9));
  expectSame(fitPca(rows, { components: 5, centre: false, footing: 'none' }), extremeRows(9));
});

describe.each([...TRANSFORM_METHODS, 'auto'] as const)('a model that was fitted with the transform %s', (transform) => {
  test('has it in its graph', () => {
    const rows = rowsOf(200, 8);
    // Negative numbers, for the logarithm to both sides.
    rows.values.forEach((v, at) => {
      if (at % WIDTH === 1) rows.values[at] = at % 3 === 0 ? -v : v;
    });
    expectSame(fitHbos(rows, { transform }), extremeRows(9));
    expectSame(fitKnn(rows, { transform }), extremeRows(9));
    expectSame(fitIsolationForest(rows, { transform, trees: 8, subsample: 32 }), extremeRows(9));
    expectSame(fitEnsemble(rows, { transform, members: 50, projections: 10 }), extremeRows(9));
    expectSame(fitEnsemble(rowsOf(3, 8), { transform, members: 50, projections: 10 }), extremeRows(9));
  });
});

test('transforms of single features are in the graph, each at its feature', () => {
  const transform = { f4: 'quantile', f1: 'log', f2: 'frequency' } as const;
  expectSame(fitHbos(rowsOf(200, 8), { transform }), extremeRows(9));
});

test('the file says what it is, what its features are, and where to draw the line', () => {
  const rows = rowsOf(300, 1);
  const model = fitModel('hbos', rows, { seed: 5 });
  const graph = readOnnx(toOnnx(model, { features: rows.features.slice(1) }));
  expect(graph).toMatchObject({
    irVersion: 7,
    opset: 13,
    producer: 'anomalyst',
    description:
      'Anomalyst hbos, fitted on 300 rows. features: float32 [rows, 5], NaN is missing. score: 0 ordinary to 1 strange; 0.99: one ordinary row in a hundred looks this strange. raw: the same order on the own axis of the model.',
    inputs: [['features', 1, ['rows', 5]]],
    outputs: [
      ['raw', 11, ['rows']],
      ['score', 11, ['rows']],
    ],
  });
  const json = (key: string): Json => JSON.parse(graph.metadata.get(key) ?? 'null') as Json;
  expect([...graph.metadata.keys()]).toEqual([
    'feature_names',
    'features',
    'kind',
    'schema_version',
    'seed',
    'source_sha256',
    'thresholds',
    'training',
  ]);
  expect(graph.metadata.get('kind')).toBe('hbos');
  expect(graph.metadata.get('source_sha256')).toBe(model.checksum);
  expect(json('feature_names')).toEqual(['f0', 'f1', 'f2', 'f3', 'f4']);
  const median = (name: string): number | undefined => model.training.features.find((f) => f.name === name)?.median;
  expect(json('features')).toMatchObject([
    { name: 'f0', median: median('f0') },
    { name: 'f1', unit: 'bytes', meaning: 'Feature 1.', median: median('f1') },
    { name: 'f2' },
    { name: 'f3' },
    { name: 'f4' },
  ]);
  expect(json('thresholds')).toMatchObject([
    { rate: 0.1, ...model.calibration.thresholdFor(0.1) },
    { rate: 0.01, ...model.calibration.thresholdFor(0.01) },
    { rate: 0.001 },
    { rate: 0.0001 },
  ]);
});

test('equal models give equal bytes, and the fingerprint names what is computed', () => {
  const rows = rowsOf(100, 1);
  const model = fitModel('pca', rows);
  expect(toOnnx(fitModel('pca', rows))).toEqual(toOnnx(model));
  expect(onnxFingerprint(fitModel('pca', rows, { schemaVersion: 'other' }))).toBe(onnxFingerprint(model));
  expect(onnxFingerprint(fitModel('pca', rowsOf(100, 2)))).not.toBe(onnxFingerprint(model));
});

test('every message of the file can be taken apart again to its last byte', () => {
  const bytes = toOnnx(fitModel('knn', rowsOf(100, 1)));
  const top = fieldsOf(bytes);
  expect(top.map(({ number }) => number)).toEqual([1, 2, 6, 7, 8, ...Array.from({ length: 8 }, () => 14)]);
  expect(() => fieldsOf(bytes.subarray(0, -1))).toThrow('a field reaches beyond its message');
});

test('a kind without a graph is refused, and those that have one are named', () => {
  const without = models.map(({ kind }) => kind).filter((kind) => !onnxKinds.includes(kind));
  expect(without).toContain('robust-random-cut-forest');
  const model = fitModel('robust-random-cut-forest', rowsOf(40, 1));
  let error: unknown;
  try {
    toOnnx(model);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(ModelError);
  expect(error).toMatchObject({
    message: "A model of kind 'robust-random-cut-forest' can't be written as ONNX: it has no graph.",
    hint: `These kinds have one: ${onnxKinds.join(', ')}.`,
  });
});

interface Fixture {
  readonly width: number;
  readonly rows: readonly (number | string)[];
  readonly cases: readonly {
    readonly model: Json;
    readonly graph: string;
    readonly raw: readonly (number | string)[];
    readonly score: readonly (number | string)[];
  }[];
}

const FIXTURE = new URL('../../../test/fixture/model/onnx.json', import.meta.url);

test('ONNX Runtime gave the scores of the model when it ran the graph that is written now', () => {
  expect(existsSync(FIXTURE)).toBe(true);
  const { width, rows, cases } = JSON.parse(readFileSync(FIXTURE, 'utf8')) as Fixture;
  expect(cases.map(({ model }) => (model as { kind: string }).kind)).toEqual(onnxKinds);
  for (const { model: json, graph, raw, score } of cases) {
    const model = modelFromJson(JSON.stringify(json));
    // Where this fails the graph changed: node bench/onnx.ts, and then with --fixture.
    expect(onnxFingerprint(model), model.kind).toBe(graph);
    const matrix = {
      features: model.featureNames.map((name) => ({ name, unit: '', meaning: '' })),
      rowCount: rows.length / width,
      values: Float32Array.from(rows, Number),
    };
    model.rawScore(matrix).forEach((ours, row) => {
      expect(Math.abs(ours - Number(raw[row])) / Math.max(1, Math.abs(ours)), `${model.kind} ${row}`).toBeLessThan(
        1e-11,
      );
    });
    model.score(matrix).forEach((ours, row) => {
      expect(Math.abs(ours - Number(score[row])), `${model.kind} ${row}`).toBeLessThan(1e-9);
    });
  }
});
