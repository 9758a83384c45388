import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { assertExact, loadModel, ModelError, models } from './index.ts';

/** What every model in the table is held to. A new model gets all of this by being listed. */

function matrixOf(names: readonly string[], rows: readonly (readonly number[])[]): FeatureMatrix {
  return {
    features: names.map((name) => ({ name, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

/** Two correlated features, a heavy-tailed one, a count with ties and one that is missing now and then. */
function varied(rowCount: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  const normal = (): number => random.float() + random.float() + random.float() + random.float() - 2;
  const rows = Array.from({ length: rowCount }, () => {
    const a = normal();
    return [
      a,
      a * 2 + normal() / 4,
      Math.exp(3 * normal()),
      random.below(4),
      random.below(10) === 0 ? Number.NaN : normal(),
    ];
  });
  return matrixOf(['alpha', 'beta', 'gamma', 'delta', 'epsilon'], rows);
}

function bits(values: Float64Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');
}

/** The matrix with its columns in another order, and columns of its own between them. */
function rearranged(matrix: FeatureMatrix): FeatureMatrix {
  const d = matrix.features.length;
  const order = Array.from({ length: d }, (_, j) => d - 1 - j);
  const features = order.flatMap((j) => [{ name: `unknown-${j}`, unit: '', meaning: '' }, matrix.features[j]]);
  const values = new Float32Array(matrix.rowCount * 2 * d);
  for (let i = 0; i < matrix.rowCount; i++) {
    order.forEach((j, k) => {
      values[i * 2 * d + 2 * k] = i * 1000 + k;
      values[i * 2 * d + 2 * k + 1] = matrix.values[i * d + j];
    });
  }
  return { features, rowCount: matrix.rowCount, values };
}

const training = varied(1500, 11);
const fresh = varied(700, 12);

describe.each(models)('the model $kind', (entry) => {
  const model = entry.fit(training, { seed: 5, schemaVersion: 'test-v1' });

  it('gives one finite score in 0..1 for each row', () => {
    const scores = model.score(fresh);
    expect(scores.length).toBe(fresh.rowCount);
    expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
    expect(model.rawScore(fresh).every(Number.isFinite)).toBe(true);
  });

  it('tells varied records apart: nine in ten scores are distinct', () => {
    expect(new Set(model.score(fresh)).size).toBeGreaterThan(0.9 * fresh.rowCount);
  });

  it('keeps its promise: about one fresh ordinary record in ten scores above 0.9', () => {
    const above = model.score(fresh).filter((score) => score > 0.9).length / fresh.rowCount;
    expect(above).toBeGreaterThan(0.06);
    expect(above).toBeLessThan(0.14);
  });

  it('gives the same scores for the same seed, and others for another', () => {
    const again = entry.fit(training, { seed: 5, schemaVersion: 'test-v1' });
    expect(bits(again.score(fresh))).toBe(bits(model.score(fresh)));
    expect(again.checksum).toBe(model.checksum);
    expect(bits(entry.fit(training, { seed: 6 }).score(fresh))).not.toBe(bits(model.score(fresh)));
  });

  it('scores a row the same whatever rows are beside it', () => {
    const scores = model.score(fresh);
    const d = fresh.features.length;
    for (const row of [0, 1, 511, 512, 699]) {
      const alone = { ...fresh, rowCount: 1, values: fresh.values.slice(row * d, (row + 1) * d) };
      expect(model.score(alone)[0]).toBe(scores[row]);
    }
    const backwards = new Float32Array(fresh.values.length);
    for (let i = 0; i < fresh.rowCount; i++) {
      backwards.set(fresh.values.subarray(i * d, (i + 1) * d), (fresh.rowCount - 1 - i) * d);
    }
    expect(bits(model.score({ ...fresh, values: backwards }).reverse())).toBe(bits(scores));
  });

  it('finds features by name: another order and unknown features change nothing', () => {
    const other = rearranged(fresh);
    expect(bits(model.score(other))).toBe(bits(model.score(fresh)));
    expect(model.explain(other, 3)).toEqual(model.explain(fresh, 3));
  });

  it('refuses a matrix that lacks one of its features, and names it', () => {
    const names = ['alpha', 'gamma', 'delta', 'epsilom'];
    const poor = matrixOf(names, [[1, 2, 3, 4]]);
    expect(() => model.score(poor)).toThrow(ModelError);
    expect(() => model.score(poor)).toThrow(
      "The model needs the feature 'beta' and 1 other, which the input does not have.",
    );
    const near = matrixOf(['alpha', 'beta', 'gamma', 'delta', 'epsilom'], [[1, 2, 3, 4, 5]]);
    expect(() => model.explain(near, 0)).toThrow(
      expect.objectContaining({
        name: 'ModelError',
        message: "The model needs the feature 'epsilon', which the input does not have.",
        hint: "The input has 'epsilom'. Measure it with the feature definitions that the model was fitted with, or fit a new model.",
      }),
    );
  });

  it('refuses a matrix that contradicts itself', () => {
    expect(() => model.score({ ...fresh, rowCount: 3 })).toThrow(
      'a feature matrix of 3 rows and 5 features must hold 15 values, not 3500',
    );
    expect(() => model.score(matrixOf(['alpha', 'alpha'], [[1, 2]]))).toThrow(
      'a feature matrix must not name a feature twice',
    );
  });

  it('leaves its input and itself as they were', () => {
    const before = Buffer.from(fresh.values.slice().buffer).toString('hex');
    const saved = Buffer.from(model.save()).toString('hex');
    model.score(fresh);
    model.rawScore(fresh);
    model.explain(fresh, 0);
    expect(Buffer.from(fresh.values.slice().buffer).toString('hex')).toBe(before);
    expect(Buffer.from(model.save()).toString('hex')).toBe(saved);
    model.save().fill(0);
    expect(Buffer.from(model.save()).toString('hex')).toBe(saved);
  });

  it('is the same after saving and loading, bit for bit', () => {
    const bytes = model.save();
    const loaded = loadModel(bytes, {
      kind: entry.kind,
      schemaVersion: 'test-v1',
      featureNames: ['epsilon', 'delta', 'x', 'gamma', 'beta', 'alpha'],
    });
    expect(bits(loaded.score(fresh))).toBe(bits(model.score(fresh)));
    expect(bits(loaded.rawScore(fresh))).toBe(bits(model.rawScore(fresh)));
    expect(loaded.explain(fresh, 17)).toEqual(model.explain(fresh, 17));
    expect(Buffer.from(loaded.save()).equals(Buffer.from(bytes))).toBe(true);
    expect(loaded.checksum).toBe(model.checksum);
    expect(loaded.training).toEqual(model.training);
    expect([loaded.kind, loaded.seed, loaded.schemaVersion]).toEqual([entry.kind, 5, 'test-v1']);
    expect(loaded.featureNames).toEqual(['alpha', 'beta', 'gamma', 'delta', 'epsilon']);
  });

  it('explains the very score it gives, in shares that add up', () => {
    const scores = model.score(fresh);
    const raw = model.rawScore(fresh);
    for (let row = 0; row < 30; row++) {
      const explanation = model.explain(fresh, row);
      assertExact(explanation);
      expect(explanation.score).toBe(scores[row]);
      expect(explanation.raw).toBe(raw[row]);
      expect(explanation.contributions.map((c) => c.feature).sort()).toEqual([
        'alpha',
        'beta',
        'delta',
        'epsilon',
        'gamma',
      ]);
      expect(
        explanation.contributions.every(
          (c) => Math.abs(c.contribution) <= 1 && c.contribution * c.rawContribution >= 0,
        ),
      ).toBe(true);
    }
    expect(() => model.explain(fresh, 700)).toThrow(new RangeError('row 700 is not in a matrix of 700 rows'));
  });

  it('shows a missing value as undefined, with what stood in for it', () => {
    const names = ['alpha', 'beta', 'gamma', 'delta', 'epsilon'];
    const missing = matrixOf(names, [[0, 0, 1, 2, Number.NaN]]);
    const shown = model.explain(missing, 0).contributions.find((c) => c.feature === 'epsilon');
    const usual = model.training.features[4].median;
    expect(shown).toMatchObject({ value: undefined, imputed: usual, guard: 0 });
    expect(bits(model.score(missing))).toBe(bits(model.score(matrixOf(names, [[0, 0, 1, 2, usual]]))));
  });

  it('never gives a score that is not finite, and always adds up, whatever the values', () => {
    const value = fc.oneof(fc.float(), fc.constantFrom(Number.NaN, Infinity, -Infinity, 3.4e38, -3.4e38, 0, -0, 1e-45));
    fc.assert(
      fc.property(fc.array(value, { minLength: 5, maxLength: 5 }), (row) => {
        const matrix = matrixOf(['alpha', 'beta', 'gamma', 'delta', 'epsilon'], [row]);
        const score = model.score(matrix)[0];
        expect(score >= 0 && score < 1).toBe(true);
        assertExact(model.explain(matrix, 0));
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it.each([
    ['one row', [[1, 2]]],
    [
      'two rows',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['identical rows', Array.from({ length: 300 }, () => [7, 7])],
    ['a constant column', Array.from({ length: 300 }, (_, i) => [7, i])],
    ['a column that is always missing', Array.from({ length: 300 }, (_, i) => [Number.NaN, i])],
    ['nothing but missing values', Array.from({ length: 300 }, () => [Number.NaN, Number.NaN])],
    ['infinities', Array.from({ length: 300 }, (_, i) => [i % 2 === 0 ? Infinity : -Infinity, i])],
    ['the largest numbers', Array.from({ length: 300 }, (_, i) => [(i - 150) * 2e36, i])],
    ['the smallest differences', Array.from({ length: 300 }, (_, i) => [i * 1.4e-45, i])],
  ])('is defined when fitted on %s', (_, rows) => {
    const odd = entry.fit(matrixOf(['a', 'b'], rows));
    const probe = matrixOf(['a', 'b'], [...rows.slice(0, 3), [1e30, -1e30], [Number.NaN, Infinity], [7, 7]]);
    for (let row = 0; row < probe.rowCount; row++) {
      const explanation = odd.explain(probe, row);
      expect(explanation.score >= 0 && explanation.score < 1).toBe(true);
      expect(
        explanation.contributions.every((c) => Number.isFinite(c.contribution) && Number.isFinite(c.rawContribution)),
      ).toBe(true);
    }
    expect(bits(loadModel(odd.save()).score(probe))).toBe(bits(odd.score(probe)));
  });

  it('scores no rows as no scores', () => {
    expect(model.score({ ...fresh, rowCount: 0, values: new Float32Array(0) })).toEqual(new Float64Array(0));
  });

  it('cannot be fitted on no rows', () => {
    expect(() => entry.fit(matrixOf(['a'], []))).toThrow(
      expect.objectContaining({
        name: 'ModelError',
        message: 'A model cannot be fitted on no rows.',
        hint: 'Give an input with at least one record, better 1,000 or more.',
      }),
    );
  });
});
