import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { readModel, writeModel } from './file.ts';
import type { FittedModel, FittedPart } from './fit.ts';
import { assertExact, fitModel, type IsolationForest, loadModel, models, Transforms } from './index.ts';
import type { TransformOption } from './transform.ts';

const NAMES = ['bytes', 'delta', 'flag', 'ratio', 'gap'];

/** A heavy tail from 0 up, one to both sides, three classes, a plain number, and one that is often missing. */
function rowsOf(rowCount: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  const normal = (): number => random.float() + random.float() + random.float() + random.float() - 2;
  const values = new Float32Array(rowCount * NAMES.length);
  for (let i = 0; i < rowCount; i++)
    values.set(
      [
        Math.floor(Math.exp(4 + 4 * normal())),
        Math.sinh(6 * normal()),
        [3, 3, 3, 3, 3, 3, 3, 8, 8, 21][random.below(10)],
        normal(),
        random.below(3) === 0 ? Number.NaN : Math.exp(5 * normal()) / 100,
      ],
      i * NAMES.length,
    );
  return { features: NAMES.map((name) => ({ name, unit: '', meaning: '' })), rowCount, values };
}

const ordinary = rowsOf(1200, 1);
const fresh = rowsOf(80, 2);

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  return { ...fresh, rowCount: rows.length, values: Float32Array.from(rows.flat()) };
}

function transformsOf(option: TransformOption, matrix = ordinary): Transforms {
  const { transforms } = fitModel('ecod', matrix, { transform: option }) as FittedModel<FittedPart>;
  expect(transforms).toBeInstanceOf(Transforms);
  return transforms as Transforms;
}

describe('transforms of features', () => {
  it("are chosen by shape with 'auto'", () => {
    expect(
      transformsOf('auto')
        .summaries(NAMES)
        .map(({ feature, method }) => [feature, method]),
    ).toEqual([
      ['bytes', 'log'],
      ['delta', 'log'],
      ['flag', 'frequency'],
      ['ratio', 'robust'],
      ['gap', 'log'],
    ]);
  });

  it('take the logarithm of counts as ln(1 + x), scaled by median and robust spread', () => {
    const transforms = transformsOf({ bytes: 'log' });
    const [{ centre, scale }] = transforms.summaries(NAMES);
    const [median] = transforms.statistics.median;
    expect(centre).toBeCloseTo(Math.log1p(median), 3);
    expect(transforms.at(0, 0)).toBe(Math.fround((Math.log1p(0) - centre) / scale));
    expect(transforms.at(0, median)).toBeCloseTo(0, 3);
    expect(transforms.at(1, -3.5)).toBe(-3.5);
  });

  it('take the logarithm to both sides where values are below 0', () => {
    const transforms = transformsOf({ delta: 'log' });
    const spans = [100, 10_000].map((v) => transforms.at(1, v) + transforms.at(1, -v));
    for (const sum of spans) expect(Math.abs(sum)).toBeLessThan(0.3);
    expect(transforms.at(1, 10_000)).toBeGreaterThan(transforms.at(1, 100));
  });

  it('give a class the information of its share, and one never seen that of one row of all', () => {
    const transforms = transformsOf({ flag: 'frequency' });
    const [, , { centre, scale }] = transforms.summaries(NAMES);
    let threes = 0;
    for (let i = 0; i < ordinary.rowCount; i++) if (ordinary.values[i * 5 + 2] === 3) threes++;
    const expected = (nats: number): number => {
      const y = (nats - centre) / scale;
      return y > 5 ? 5 + Math.log1p(y - 5) : y;
    };
    expect(transforms.at(2, 3)).toBeCloseTo(expected(Math.log(1200 / threes)), 5);
    expect(transforms.at(2, 4)).toBeCloseTo(expected(Math.log(1200)), 5);
  });

  it('give the place among the fitted values as a normal score', () => {
    const normal = { ...ordinary, values: ordinary.values.map((v, k) => (k % 5 === 3 ? v ** 3 : v)) };
    const [plain, cubed] = [transformsOf({ ratio: 'quantile' }), transformsOf({ ratio: 'quantile' }, normal)];
    for (const v of [-1.2, -0.3, 0.4, 1.1]) expect(plain.at(3, v)).toBeCloseTo(cubed.at(3, v ** 3), 1);
    expect(plain.at(3, 50)).toBeGreaterThan(plain.at(3, 5));
  });

  it('are clipped softly: beyond five scales what is farther out is still farther out', () => {
    const transforms = transformsOf('robust');
    const [, , , { centre, scale }] = transforms.summaries(NAMES);
    expect(transforms.at(3, centre + 4.9 * scale)).toBeCloseTo(4.9, 3);
    expect(transforms.at(3, centre + 105 * scale)).toBeCloseTo(5 + Math.log(101), 3);
    expect(transforms.at(3, centre - 105 * scale)).toBeCloseTo(-5 - Math.log(101), 3);
  });

  it('are learned on the fitted rows alone: those held back for calibration are not among them', () => {
    const many = rowsOf(6000, 3);
    const { statistics } = transformsOf('auto', many);
    expect(statistics.observed[0] + statistics.missing[0]).toBe(4800);
  });

  it.each(models.map(({ kind }) => kind))(
    'belong to a model of kind %s: saved with it, undone in its explanations',
    (kind) => {
      const small = rowsOf(400, 4);
      const model = fitModel(kind, small, { transform: 'auto', seed: 3 });
      expect(model.checksum).not.toBe(fitModel(kind, small, { transform: 'none', seed: 3 }).checksum);
      const loaded = loadModel(model.save());
      expect(loaded.score(fresh)).toEqual(model.score(fresh));
      expect(loaded.checksum).toBe(model.checksum);
      expect(loaded.training).toEqual(model.training);
      for (const row of [0, 1, 2, 3]) {
        const explanation = model.explain(fresh, row);
        assertExact(explanation);
        expect(explanation.score).toBe(model.score(fresh)[row]);
        expect(loaded.explain(fresh, row)).toEqual(explanation);
        for (const { feature, value, imputed } of explanation.contributions) {
          const j = NAMES.indexOf(feature);
          const given = fresh.values[row * 5 + j];
          if (Number.isNaN(given)) expect([value, imputed]).toEqual([undefined, model.training.features[j].median]);
          else expect(value).toBe(given);
        }
      }
      const missing = matrixOf([[50, 0, 3, 0, Number.NaN]]);
      const usual = matrixOf([[50, 0, 3, 0, model.training.features[4].median]]);
      expect(model.score(missing)).toEqual(model.score(usual));
    },
  );

  it('let distances see what a heavy tail would have drowned', () => {
    const odd = matrixOf([[50, 0, 21, 2.4, 0.01]]);
    const [plain] = fitModel('knn', ordinary, { footing: 'standard' } as object).score(odd);
    const [transformed] = fitModel('knn', ordinary, { transform: 'auto' }).score(odd);
    expect(transformed).toBeGreaterThan(plain);
    expect(transformed).toBeGreaterThan(0.99);
  });

  it('are refused by name where there are none such, and so is a feature that is not there', () => {
    const fitted = (transform: unknown): unknown =>
      fitModel('knn', ordinary, { transform: transform as TransformOption });
    expect(() => fitted('logg')).toThrow(
      expect.objectContaining({ message: "There is no transform 'logg'.", hint: "Did you mean 'log'?" }),
    );
    expect(() => fitted({ byte: 'log' })).toThrow(
      expect.objectContaining({
        message: "A transform is given for the feature 'byte', which the rows do not have.",
        hint: "Did you mean 'bytes'?",
      }),
    );
  });

  it('show a forest its own features: an explanation is exact beyond the fitted range too', () => {
    const model = fitModel('isolation-forest', ordinary, { transform: 'auto' }) as IsolationForest;
    const far = matrixOf([[1e30, -1e30, 5, 1e30, Number.POSITIVE_INFINITY]]);
    const explanation = model.explain(far, 0);
    assertExact(explanation);
    expect(explanation.contributions.filter(({ guard }) => guard > 0)).toHaveLength(5);
  });

  it('are finite and add up whatever the values, and never fall as a value of a monotone one rises', () => {
    const value = fc.oneof(fc.float(), fc.constantFrom(Number.NaN, Infinity, -Infinity, 3.4e38, -3.4e38, 0, -0, 1e-45));
    const model = fitModel('knn', ordinary, { transform: 'auto' });
    fc.assert(
      fc.property(fc.array(value, { minLength: 5, maxLength: 5 }), (row) => {
        assertExact(model.explain(matrixOf([row]), 0));
      }),
      { numRuns: 100, seed: 1 },
    );
    for (const method of ['log', 'robust', 'quantile'] as const) {
      const transforms = transformsOf(method);
      const sorted = [-3e38, -1e9, -7, -1, -0.2, 0, 0.01, 0.3, 1, 8, 900, 1e7, 3e38];
      for (let j = 0; j < 5; j++) {
        const moved = sorted.map((v) => transforms.at(j, v));
        expect(moved).toEqual([...moved].sort((a, b) => a - b));
        expect(moved.every(Number.isFinite)).toBe(true);
      }
    }
  });

  it('in a file are checked like the rest of it', () => {
    const file = readModel(fitModel('knn', rowsOf(200, 5), { transform: 'auto' }).save());
    const written = (parameters: object, table?: (data: Float64Array) => void): Uint8Array =>
      writeModel({
        ...file,
        parameters: { ...(file.parameters as object), ...parameters },
        tensors: [...file.tensors.values()]
          .filter(({ name }) => name !== 'calibration.scores' && name !== 'feature.statistics')
          .map((tensor) => {
            if (table === undefined || !tensor.name.startsWith('transform.')) return tensor;
            const data = Float64Array.from(tensor.data);
            table(data);
            return { ...tensor, data };
          }),
      }).bytes;
    const { transform } = file.parameters as { transform: { method: string }[] };
    expect(() => loadModel(written({ transform: transform.slice(1) }))).toThrow(
      'The model file is damaged: it has not as many transforms as features.',
    );
    expect(() => loadModel(written({ transform: transform.map((one) => ({ ...one, scale: 0 })) }))).toThrow(
      'The model file is damaged: its transforms are missing or malformed.',
    );
    expect(() => loadModel(written({ transform: transform.map(() => ({ method: 'quantile' })) }))).toThrow(
      'The model file is damaged: it has a table that no transform uses.',
    );
    expect(() => loadModel(written({}, (data) => data.fill(Number.NaN)))).toThrow(
      'The model file is damaged: the transformed statistics of feature 0 are not in order.',
    );
  });
});
