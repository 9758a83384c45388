import { describe, expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { compareScores, diffModels, fitEnsemble, fitIsolationForest, fitKnn, ModelError, models } from './index.ts';

function rowsOf(
  rowCount: number,
  seed: number,
  change: { add?: number; names?: readonly string[]; zero?: number } = {},
): FeatureMatrix {
  const { add = 0, names = ['a', 'b'], zero = 0 } = change;
  const random = new Random(seed);
  return {
    features: names.map((name) => ({ name, unit: '', meaning: '' })),
    rowCount,
    values: Float32Array.from({ length: names.length * rowCount }, (_, at) =>
      at % names.length === 0 ? random.float() + add : random.float() < zero ? 0 : random.float(),
    ),
  };
}

test.each(models)('a model of kind $kind is the same as itself, and as the same fit once more', (entry) => {
  const [a, b] = [entry.fit(rowsOf(80, 1)), entry.fit(rowsOf(80, 1))];
  expect(diffModels(a, b)).toMatchObject({
    identical: true,
    changes: [],
    parameters: [],
    features: { added: [], removed: [], reordered: false },
    arrays: [],
  });
});

describe('two models', () => {
  test('of other rows, seeds and parameters are told apart by these', () => {
    const a = fitIsolationForest(rowsOf(400, 1), { seed: 1, trees: 20, schemaVersion: '1', encoding: { a: 1 } });
    const b = fitIsolationForest(rowsOf(300, 1), { seed: 2, trees: 30, schemaVersion: '2' });
    const diff = diffModels(a, b);
    expect(diff.identical).toBe(false);
    expect(diff.a).toEqual({ kind: 'isolation-forest', checksum: a.checksum });
    expect(diff.changes).toEqual([
      { name: 'schema version', a: '1', b: '2' },
      { name: 'seed', a: 1, b: 2 },
      { name: 'rows', a: 400, b: 300 },
      { name: 'fitted rows', a: 400, b: 300 },
      { name: 'calibration rows', a: 400, b: 300 },
      { name: 'anchor rows', a: 400, b: 300 },
      { name: 'encoding', a: '{"a":1}', b: undefined },
    ]);
    expect(diff.parameters).toEqual([{ name: 'trees', a: 20, b: 30 }]);
    expect(diff.thresholds[1]).toEqual({
      rate: 0.01,
      a: a.calibration.thresholdFor(0.01),
      b: b.calibration.thresholdFor(0.01),
    });
    expect(diff.arrays).toContain('tree.threshold');
  });

  test('of parts and with transforms are told apart by the choices in them, and not by what was learned', () => {
    const rows = rowsOf(200, 1);
    const a = fitEnsemble(rows, { projections: 20, members: 60 });
    const b = fitEnsemble(rowsOf(200, 2), { projections: 30, members: 60, transform: { a: 'quantile' } });
    expect(diffModels(a, b).parameters).toEqual([
      { name: 'members.loda.projections', a: 20, b: 30 },
      { name: 'transform.a', a: 'robust', b: 'quantile' },
      { name: 'transform.b', a: 'robust', b: 'none' },
    ]);
  });

  test('of other features are told apart by names, whatever their order', () => {
    const a = fitIsolationForest(rowsOf(100, 1, { names: ['a', 'b', 'c'] }));
    const b = fitIsolationForest(rowsOf(100, 1, { names: ['d', 'c', 'a'] }));
    const { features } = diffModels(a, b);
    expect(features).toMatchObject({ added: ['d'], removed: ['b'], reordered: true });
    expect(features.moved.map(({ name }) => name).sort()).toEqual(['a', 'c']);
  });

  test('of other kinds are told apart by their kinds', () => {
    const [a, b] = [fitIsolationForest(rowsOf(100, 1)), fitKnn(rowsOf(100, 1))];
    const diff = diffModels(a, b);
    expect(diff.changes).toEqual([{ name: 'kind', a: 'isolation-forest', b: 'knn' }]);
    expect(diff.features.moved.every(({ stability }) => stability.index < 0.01)).toBe(true);
  });
});

describe.each(['rows', 'summary'] as const)('a feature that moved, measured from %s', (from) => {
  const anchorRows = from === 'rows' ? 2000 : 0;
  const fitted = (matrix: FeatureMatrix): ReturnType<typeof fitIsolationForest> =>
    fitIsolationForest(matrix, { trees: 5, anchorRows });

  test('comes first with a large index, and one that did not move has a small one', () => {
    const { moved } = diffModels(fitted(rowsOf(2000, 1)), fitted(rowsOf(2000, 2, { add: 0.5 }))).features;
    expect(moved.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(moved[0]?.stability.from).toBe(from);
    expect(moved[0]?.stability.index).toBeGreaterThan(1);
    expect(moved[0]?.shift).toBeGreaterThan(1);
    expect(moved[0]?.shift).toBeLessThan(2);
    expect(moved[1]?.stability.index).toBeLessThan(0.03);
    expect(moved[1]?.shift).toBeLessThan(0.1);
    if (from === 'rows') expect(moved[1]?.stability.index).toBeLessThan(moved[1]?.stability.limit ?? 0);
  });

  test('is found where a value became common, and where values became missing', () => {
    const zeros = diffModels(fitted(rowsOf(2000, 1)), fitted(rowsOf(2000, 2, { zero: 0.5 }))).features.moved[0];
    expect(zeros?.name).toBe('b');
    expect(zeros?.stability.index).toBeGreaterThan(0.25);
    const back = diffModels(fitted(rowsOf(2000, 1, { zero: 0.5 })), fitted(rowsOf(2000, 2))).features.moved[0];
    expect(back?.stability.index).toBeGreaterThan(0.25);
    const same = diffModels(fitted(rowsOf(2000, 1, { zero: 0.5 })), fitted(rowsOf(2000, 2, { zero: 0.5 }))).features
      .moved[0];
    expect(same?.stability.index).toBeLessThan(0.05);
    const holes = rowsOf(2000, 3);
    holes.values.forEach((_, at) => {
      if (at % 4 === 0) holes.values[at] = Number.NaN;
    });
    const missing = diffModels(fitted(rowsOf(2000, 1)), fitted(holes)).features.moved[0];
    expect(missing).toMatchObject({ name: 'a', missing: { a: 0, b: 0.5 } });
    expect(missing?.stability.index).toBeGreaterThan(1);
  });
});

describe('the scores of two models', () => {
  const a = fitIsolationForest(rowsOf(300, 1));
  const b = fitIsolationForest(rowsOf(300, 2));

  test('are compared by rank, by side of the threshold and by the rows that moved most', () => {
    const scores = { a: Float64Array.of(0.1, 0.5, 0.995, 0.2), b: Float64Array.of(0.2, 0.6, 0.5, 0.999) };
    const diff = compareScores(a, b, scores, { rate: 0.01, most: 3 });
    expect(diff).toMatchObject({
      rows: 4,
      largestDifference: 0.999 - 0.2,
      sides: { rate: 0.01, both: 0, onlyA: 1, onlyB: 1, neither: 2, changed: [3, 2] },
      movers: [3, 2, 0],
    });
    // Ranks 1 3 4 2 and 1 3 2 4: 1 - 6 (0 + 0 + 4 + 4) / (4 * 15).
    expect(diff.correlation).toBeCloseTo(0.2, 12);
    expect(diff.meanDifference).toBeCloseTo((0.1 + 0.1 + 0.495 + 0.799) / 4, 12);
  });

  test('of equal values have no rank, and ties share theirs', () => {
    const flat = Float64Array.of(1, 1, 1);
    expect(compareScores(a, b, { a: flat, b: Float64Array.of(1, 2, 3) }).correlation).toBeUndefined();
    const tied = Float64Array.of(1, 1, 2, 3);
    expect(compareScores(a, b, { a: tied, b: tied }).correlation).toBeCloseTo(1, 12);
    // scipy.stats.spearmanr([1, 1, 2, 3], [1, 2, 2, 3]) = 0.8333...
    expect(compareScores(a, b, { a: tied, b: Float64Array.of(1, 2, 2, 3) }).correlation).toBeCloseTo(5 / 6, 12);
  });

  test('have no sides at a budget that a model cannot tell', () => {
    const scores = { a: Float64Array.of(0.1), b: Float64Array.of(0.1) };
    expect(compareScores(a, b, scores, { rate: 1e-9 }).sides).toBeUndefined();
    expect(() => compareScores(a, b, { a: new Float64Array(), b: new Float64Array() })).toThrow(ModelError);
  });
});
