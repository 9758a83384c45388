import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { describe, expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import {
  diffModels,
  fileOfJson,
  fitIsolationForest,
  fitKnn,
  inspectModel,
  loadModel,
  ModelError,
  models,
  onnxKinds,
  toJson,
  toOnnx,
  USUAL_BUDGETS,
} from './index.ts';

function rowsOf(rowCount: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  return {
    features: ['size', 'never'].map((name) => ({ name, unit: '', meaning: '' })),
    rowCount,
    values: Float32Array.from({ length: 2 * rowCount }, (_, at) =>
      at % 2 === 1 || random.float() < 0.25 ? Number.NaN : random.float(),
    ),
  };
}

describe.each(models)('a file of the kind $kind', (entry) => {
  const model = entry.fit(rowsOf(300, 1), { seed: 7, schemaVersion: '3', encoding: { kind: 'test' } });

  test('is described by what its model says of itself', () => {
    const bytes = model.save();
    const told = inspectModel(bytes);
    expect(told).toMatchObject({
      container: 'safetensors',
      bytes: bytes.length,
      kind: entry.kind,
      schemaVersion: '3',
      seed: 7,
      checksum: model.checksum,
      features: model.training.features,
      encoding: { kind: 'test' },
      hasOnnx: onnxKinds.includes(entry.kind),
    });
    expect(told.formatVersion).toBe(told.latestFormatVersion);
    expect(told.training).toMatchObject({ rows: 300, anchorRows: 300 });
    expect(told.calibration).toMatchObject({ method: 'cross-fitted', rows: 300, tail: model.calibration.tail });
    expect(told.calibration.histogram.counts.reduce((a, b) => a + b, 0)).toBe(300);
    const scores = model.calibration.scores();
    expect([told.calibration.histogram.from, told.calibration.histogram.to]).toEqual([scores[0], scores[299]]);
    expect(told.arrays.map(({ name }) => name).slice(0, 2)).toEqual(['calibration.scores', 'feature.statistics']);
    expect(told.arrays[0]).toEqual({
      name: 'calibration.scores',
      dtype: 'F64',
      shape: [300],
      min: scores[0],
      max: scores[299],
      missing: 0,
    });
  });

  test('is described alike as JSON', () => {
    const json = new TextEncoder().encode(toJson(model));
    expect(inspectModel(json)).toEqual({ ...inspectModel(model.save()), container: 'json', bytes: json.length });
  });
});

test('thresholds are given for usual budgets, and none for what is rarer than the model can tell', () => {
  const { calibration } = inspectModel(fitIsolationForest(rowsOf(300, 1)).save());
  expect(calibration.thresholds.map(({ rate }) => rate)).toEqual(USUAL_BUDGETS);
  expect(calibration.thresholds.map(({ threshold }) => threshold?.score)).toEqual([0.9, 0.99, 0.999, 0.9999, 0.99999]);
  expect(calibration.thresholds.map(({ threshold }) => threshold?.extrapolated)).toEqual([
    false,
    false,
    true,
    true,
    true,
  ]);
  const few = inspectModel(fitIsolationForest(rowsOf(50, 1)).save());
  expect(few.calibration.thresholds.map(({ threshold }) => threshold !== undefined)).toEqual(
    [true, true, false, false, false].map(
      (isTold, k) => isTold && (USUAL_BUDGETS[k] ?? 0) > few.calibration.tail.floor,
    ),
  );
});

test('the scaling inside a model is told by feature; a feature that was never seen has no scale', () => {
  const told = inspectModel(fitKnn(rowsOf(300, 1), { footing: 'log' }).save());
  expect(told.transforms).toMatchObject([
    { feature: 'size', method: 'log scaled' },
    { feature: 'never', method: 'log scaled', centre: 0, scale: Number.POSITIVE_INFINITY },
  ]);
  expect(told.training.cautions).toEqual(['1 feature had no value in any row and plays no part in the scores.']);
  expect(inspectModel(fitIsolationForest(rowsOf(300, 1)).save()).transforms).toEqual([]);
  expect(inspectModel(fitKnn(rowsOf(300, 1), { transform: 'auto' }).save()).transforms).toMatchObject([
    { feature: 'size', method: 'robust' },
    { feature: 'never', method: 'none' },
  ]);
});

test('an array in which values are missing counts them', () => {
  const told = inspectModel(fitIsolationForest(rowsOf(300, 1)).save());
  const anchor = told.arrays.find(({ name }) => name === 'reference.anchor');
  expect(anchor?.missing).toBe(300 + (told.features[0]?.missing ?? 0));
});

test('a damaged file is refused as it is where it is loaded', () => {
  const bytes = fitIsolationForest(rowsOf(60, 1)).save();
  expect(() => inspectModel(bytes.subarray(0, -1))).toThrow(
    'The model file is damaged: its checksum does not match its content.',
  );
  expect(() => inspectModel(new Uint8Array(5))).toThrow('This is not a model file.');
});

function sealed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const header = new TextDecoder('latin1').decode(copy.subarray(0, 8 + new DataView(copy.buffer).getUint32(0, true)));
  const at = header.indexOf('"sha256":"') + '"sha256":"'.length;
  copy.fill(0x30, at, at + 64);
  copy.set(new TextEncoder().encode(bytesToHex(sha256(copy))), at);
  return copy;
}

test.each(models)(
  'a file of the kind $kind with a right checksum and changed numbers is refused, or described, drawn and compared',
  (entry) => {
    const saved = entry.fit(rowsOf(60, 1)).save();
    const start = 8 + new DataView(saved.buffer, saved.byteOffset).getUint32(0, true);
    const random = new Random(11);
    for (let round = 0; round < 30; round++) {
      const bytes = saved.slice();
      for (let k = 0; k <= round % 4; k++) bytes[start + random.below(bytes.length - start)] = random.below(256);
      const file = sealed(bytes);
      try {
        expect(inspectModel(file).bytes).toBe(bytes.length);
        const model = loadModel(file);
        expect(fileOfJson(toJson(model))).toEqual(model.save());
        expect(diffModels(loadModel(saved), model).b.kind).toBe(entry.kind);
        if (onnxKinds.includes(entry.kind)) expect(toOnnx(model).length).toBeGreaterThan(1000);
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
      }
    }
  },
);
