import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { readModel, type TensorData, writeModel } from './file.ts';
import { assertExact, loadModel, type Model, ModelError, models } from './index.ts';

/** Sizes, shapes and files that no model likes, in what all models do with them. */

function matrixOf(rowCount: number, d: number, value: (i: number, j: number) => number): FeatureMatrix {
  const values = new Float32Array(rowCount * d);
  for (let i = 0; i < rowCount; i++) for (let j = 0; j < d; j++) values[i * d + j] = value(i, j);
  return {
    features: Array.from({ length: d }, (_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount,
    values,
  };
}

function expectSound(model: Model, probe: FeatureMatrix): void {
  const scores = model.score(probe);
  for (let row = 0; row < probe.rowCount; row++) {
    expect(scores[row] >= 0 && scores[row] < 1).toBe(true);
    assertExact(model.explain(probe, row));
  }
}

/** The model's file with one number of one array changed, and a checksum that fits. */
function forged(model: Model, tensor: string, place: number, value: number): Uint8Array {
  const file = readModel(model.save());
  const tensors = [...file.tensors.values()].filter(
    ({ name }) => name !== 'calibration.scores' && name !== 'feature.statistics',
  );
  return writeModel({
    kind: file.kind,
    schemaVersion: file.schemaVersion,
    seed: file.seed,
    featureNames: file.featureNames,
    statistics: file.statistics,
    training: file.training,
    calibration: file.calibration,
    parameters: JSON.parse(JSON.stringify(file.parameters)),
    tensors: tensors.map((t) => (t.name === tensor ? { ...t, data: changed(t.data, place, value) } : t)),
    encoding: file.encoding,
  }).bytes;
}

function changed(data: TensorData, place: number, value: number): TensorData {
  const copy = data.slice();
  copy[place] = value;
  return copy;
}

describe.each(models)('the model $kind', (entry) => {
  it('is defined on a million identical rows, and notices what differs from them', () => {
    const model = entry.fit(matrixOf(1_000_000, 2, (_, j) => 3 + j));
    const [same, other] = model.score(matrixOf(2, 2, (i, j) => 3 + j + 5 * i));
    expect(same).toBeLessThan(0.5);
    expect(other).toBeGreaterThan(0.9);
  });

  it('is defined where there are more features than rows', () => {
    const random = new Random(1);
    const matrix = matrixOf(40, 120, () => random.float());
    const model = entry.fit(matrix);
    expectSound(
      model,
      matrixOf(5, 120, () => random.float()),
    );
  });

  it('explains exactly what is as far out as numbers go, in many features', () => {
    const random = new Random(2);
    const model = entry.fit(matrixOf(400, 60, () => random.float()));
    const far = [Infinity, -Infinity, 3.4e38, 1e30, 1e-45, Number.NaN];
    expectSound(
      model,
      matrixOf(20, 60, (i, j) => (i < 6 ? far[i] : far[random.below(6)]) * (j % 3 === 0 ? -1 : 1)),
    );
  });

  it('refuses a file whose arrays make no sense, or is sound', () => {
    const random = new Random(3);
    const model = entry.fit(matrixOf(300, 3, () => random.below(40)));
    const probe = matrixOf(4, 3, (i, j) => [1, 20, 1000, Number.NaN][i] + j);
    let refused = 0;
    for (const { name, data } of readModel(model.save()).tensors.values()) {
      if (name === 'calibration.scores' || name === 'feature.statistics') continue;
      for (const place of [0, data.length >> 1, data.length - 1]) {
        for (const value of [Number.NaN, Infinity, -Infinity, -1, 0.5, 0, 1e300, -1e300, 32767]) {
          const bytes = forged(model, name, place, value);
          let loaded: Model;
          try {
            loaded = loadModel(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(ModelError);
            refused++;
            continue;
          }
          expectSound(loaded, probe);
        }
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});
