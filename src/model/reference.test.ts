import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mean, standardDeviation } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitCopod } from './copod.ts';
import { fitEcod } from './ecod.ts';
import { fitHbos } from './hbos.ts';
import { fitKnn } from './knn.ts';
import { fitLof } from './lof.ts';
import { fitPca } from './pca.ts';

/** Scores of scikit-learn and PyOD, made by reference-scores.py beside the fixture. */
const reference = JSON.parse(
  readFileSync(new URL('../../test/fixture/model/reference-scores.json', import.meta.url), 'utf8'),
);

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  return {
    features: rows[0].map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

const training = matrixOf(reference.training);
const probe = matrixOf(reference.probe);

/** Relative to the larger of 1 and what is expected. */
function expectClose(actual: Float64Array, expected: readonly (number | null)[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  expect(expected.filter((value) => value !== null).length).toBeGreaterThan(30);
  let worst = 0;
  expected.forEach((value, i) => {
    if (value === null) return;
    worst = Math.max(worst, Math.abs(actual[i] - value) / Math.max(1, Math.abs(value)));
  });
  expect(worst).toBeLessThan(tolerance);
}

describe('without range guard', () => {
  it('ECOD gives the scores of its authors', () => {
    expectClose(fitEcod(training, { rangeGuard: false }).rawScore(probe), reference.ecod, 1e-12);
  });

  it('COPOD gives the scores of its authors', () => {
    expectClose(fitCopod(training, { rangeGuard: false }).rawScore(probe), reference.copod, 1e-12);
  });

  it('HBOS with bins as they are gives the scores of PyOD', () => {
    const model = fitHbos(training, { rangeGuard: false, smooth: false, unit: 'value' });
    expectClose(
      model.rawScore(probe).map((nats) => nats / Math.LN2),
      reference.hbos,
      1e-9,
    );
  });
});

describe('with standard scales', () => {
  it.each(['mean', 'largest'] as const)('kNN of five neighbours gives the %s distance of scikit-learn', (distance) => {
    const model = fitKnn(training, { neighbours: 5, distance, footing: 'standard' });
    expectClose(model.rawScore(probe), reference.knn[distance], 1e-12);
  });

  it.each([5, 20])('LOF of %i neighbours gives the factors of scikit-learn', (neighbours) => {
    const model = fitLof(training, { neighbours, footing: 'standard' });
    expectClose(model.rawScore(probe).map(Math.exp), reference.lof[neighbours], 1e-10);
  });

  it('PCA has the variances and the reconstruction errors of scikit-learn', () => {
    const model = fitPca(training, { components: 3, centre: false, footing: 'standard' });
    expectClose(model.rawScore(probe), reference.pca.error, 1e-10);
    reference.pca.variance.forEach((variance: number, k: number) => {
      expect(model.part.variance[k]).toBeCloseTo(variance, 10);
    });
  });

  it('rows that are the same count as often as they are there', () => {
    const { training: rows } = reference;
    const repeated = matrixOf([...rows, ...rows.slice(0, 80), ...rows.slice(0, 40)]);
    const scales = { footing: 'none', neighbours: 20 } as const;
    const fitted = standardised(repeated);
    expectClose(fitKnn(fitted, scales).rawScore(standardised(probe)), reference.repeated.knn, 1e-5);
    expectClose(fitLof(fitted, scales).rawScore(standardised(probe)).map(Math.exp), reference.repeated.lof, 1e-5);
  });
});

/** As scikit-learn's StandardScaler fitted on the rows without copies; rounded to float32, as a matrix holds them. */
function standardised(matrix: FeatureMatrix): FeatureMatrix {
  const d = training.features.length;
  const n = training.rowCount;
  const centre = training.features.map((_, j) =>
    mean(Float64Array.from({ length: n }, (_, i) => training.values[i * d + j])),
  );
  const scale = training.features.map((_, j) =>
    standardDeviation(Float64Array.from({ length: n }, (_, i) => training.values[i * d + j])),
  );
  return { ...matrix, values: matrix.values.map((v, at) => (v - centre[at % d]) / scale[at % d]) };
}
