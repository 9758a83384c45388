import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { Feature, FeatureMatrix } from '../feature/index.ts';
import { Calibration } from './calibration.ts';
import { changeSentence, type SmallestChange, smallestChange } from './counterfactual.ts';
import { fitModel, type Model, models } from './index.ts';

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

function matrixOf(rows: readonly (readonly number[])[], units: readonly string[] = []): FeatureMatrix {
  const d = rows[0]?.length ?? 0;
  return {
    features: Array.from({ length: d }, (_, j) => ({ name: `f${j}`, unit: units[j] ?? '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

/** A thousand rows, each feature normal around 0. */
function ordinary(d: number, seed = 5, n = 1000): number[][] {
  const random = new Random(seed);
  return Array.from({ length: n }, () => Array.from({ length: d }, () => normal(random)));
}

/** The matrix with one row changed as was said, scored by the model. */
function scoreOf(model: Model, row: readonly number[], change: SmallestChange): number {
  const changed = [...row];
  for (const { feature, to } of change.changes) changed[model.featureNames.indexOf(feature)] = to;
  return model.score(matrixOf([changed]))[0];
}

/** A model of one's own: it gives what `raw` says, calibrated over the training. */
function modelOf(rows: readonly (readonly number[])[], raw: (row: readonly number[]) => number): Model {
  const base = fitModel('ecod', matrixOf(rows));
  const calibration = new Calibration(Float64Array.from(rows, raw).sort());
  const rawScore = (matrix: FeatureMatrix): Float64Array => {
    const d = matrix.features.length;
    return Float64Array.from({ length: matrix.rowCount }, (_, i) => raw([...matrix.values.slice(i * d, (i + 1) * d)]));
  };
  return {
    kind: 'own',
    featureNames: base.featureNames,
    schemaVersion: '1',
    seed: 0,
    training: base.training,
    calibration,
    checksum: '',
    encoding: undefined,
    rawScore,
    score: (matrix) => rawScore(matrix).map((value) => calibration.score(value)),
    explain: (matrix, row) => base.explain(matrix, row),
    save: () => base.save(),
  };
}

describe('the smallest change', () => {
  it.each(models.map(({ kind }) => kind))(
    'that %s needs for one feature far out is of that feature, and scores what it says',
    (kind) => {
      const model = fitModel(kind, matrixOf(ordinary(5)), { seed: 2 });
      const row = [0.1, -0.2, 9, 0.3, 0];
      const change = smallestChange(model, matrixOf([row]), 0, { score: 0.75 });
      expect(change.before).toBe(model.score(matrixOf([row]))[0]);
      expect(change.before).toBeGreaterThan(0.75);
      expect(change.found).toBe(true);
      expect(change.changes.map(({ feature }) => feature)).toEqual(['f2']);
      expect(change.after).toBeLessThanOrEqual(0.75);
      expect(scoreOf(model, row, change)).toBe(change.after);
      expect(change.scored).toBeLessThanOrEqual(20_000);
      // Shrunk: not all the way to the middle.
      expect(change.changes[0]?.to).toBeGreaterThan(0.1);
      expect(smallestChange(model, matrixOf([row]), 0, { score: 0.75 })).toEqual(change);
    },
  );

  it('takes as few features as will do, and among those the least change', () => {
    const rows = ordinary(6);
    // Strange is who is far out in one of the first three and in one of the last three; 5 and 4 are nearer than the others.
    const raw = (row: readonly number[]): number =>
      Math.max(...row.slice(0, 3).map(Math.abs)) + Math.max(...row.slice(3).map(Math.abs));
    const model = modelOf(rows, raw);
    const change = smallestChange(model, matrixOf([[12, 0, 0, 0, 4, 0]]), 0);
    // One will do: the larger.
    expect(change.changes.map(({ feature }) => feature)).toEqual(['f0']);
    expect(change.changes[0]?.to).toBeLessThan(1.2);
    const both = smallestChange(model, matrixOf([[12, 0, 0, 0, 14, 0]]), 0);
    expect(both.changes.map(({ feature }) => feature).toSorted()).toEqual(['f0', 'f4']);
    const three = smallestChange(model, matrixOf([[12, 0, -9, 0, 14, 0]]), 0);
    expect(three.changes.map(({ feature }) => feature)).toEqual(['f4', 'f0', 'f2']);
    expect(three.found && three.after <= 0.95).toBe(true);
  });

  it('finds the nearest of two equal ways', () => {
    const model = modelOf(ordinary(3), (row) => Math.min(Math.abs(row[0]), Math.abs(row[1])));
    const change = smallestChange(model, matrixOf([[8, 5, 0]]), 0);
    expect(change.changes.map(({ feature }) => feature)).toEqual(['f1']);
  });

  it('goes on one by one where three features are not enough, and gives back what is not needed', () => {
    const model = modelOf(ordinary(8), (row) => Math.max(...row.map(Math.abs)));
    const row = [9, 9, 9, 9, 9, 0, 0, 0];
    const change = smallestChange(model, matrixOf([row]), 0);
    expect(change.found).toBe(true);
    expect(change.changes.map(({ feature }) => feature).toSorted()).toEqual(['f0', 'f1', 'f2', 'f3', 'f4']);
    expect(smallestChange(model, matrixOf([row]), 0, { maxFeatures: 3 }).found).toBe(false);
  });

  it('says when there is none, and when none is needed', () => {
    const model = modelOf(ordinary(2), (row) => (row[0] > 5 ? 9 : 9 - 1e-6 * Math.abs(row[1])));
    const never = modelOf(ordinary(2), () => 1);
    expect(never.score(matrixOf([[1, 1]]))[0]).toBe(0);
    const ordinaryAlready = smallestChange(never, matrixOf([[7, 7]]), 0);
    expect(ordinaryAlready).toMatchObject({ found: true, changes: [], before: 0, after: 0 });
    expect(changeSentence(ordinaryAlready, [])).toBe('It is ordinary as it is (score 0.00).');
    const none = smallestChange(model, matrixOf([[9, 0]]), 0, { score: 0 });
    expect(none.found).toBe(false);
    expect(changeSentence(none, [])).toMatch(/^Not even with .* would it have been ordinary \(score .*\)\.$/);
  });

  it('keeps whole numbers whole, under a logarithm too, and classes as they are', () => {
    const random = new Random(4);
    const rows = Array.from({ length: 1000 }, () => [
      random.below(12),
      Math.fround(Math.log1p(random.below(9))),
      random.below(4),
      normal(random),
    ]);
    const features = ['hosts', 'ln destinations', 'class', ''];
    const model = fitModel('knn', matrixOf(rows, features), { seed: 1 });
    const row = [4, Math.log1p(512), 2, 0];
    const one = smallestChange(model, matrixOf([row], features), 0);
    expect(one.changes.map(({ feature }) => feature)).toEqual(['f1']);
    const count = Math.expm1(one.changes[0]?.to ?? 0);
    expect(Math.abs(count - Math.round(count))).toBeLessThan(1e-5);
    expect(changeSentence(one, matrixOf([row], features).features)).toBe(
      `With ${Math.round(count)} instead of 512 destinations (f1) it would have been ordinary (score ${one.after.toFixed(2)}).`,
    );
    const hosts = smallestChange(model, matrixOf([[900, 1, 2, 0]], features), 0);
    expect(hosts.changes.map(({ feature }) => feature)).toEqual(['f0']);
    expect(Number.isInteger(hosts.changes[0]?.to)).toBe(true);
    const classes = modelOf(rows, (r) => (r[2] === 77 ? 9 : r[3] / 100));
    const change = smallestChange(classes, matrixOf([[1, 1, 77, 0]], features), 0);
    expect(change.changes).toHaveLength(1);
    expect([0, 1, 2, 3]).toContain(change.changes[0]?.to);
    expect(
      changeSentence(change, matrixOf([row], features).features, (_, value) => ['a', 'b', 'c', 'd'][value] ?? 'e'),
    ).toMatch(/^With [a-d] instead of e for f2 it would/);
  });

  it('may set what is missing, and finds features by name', () => {
    const rows = ordinary(2);
    const model = modelOf(rows, (row) => (Number.isNaN(row[0]) ? 9 : Math.abs(row[1])));
    const change = smallestChange(model, matrixOf([[Number.NaN, 0]]), 0);
    expect(change.changes).toEqual([{ feature: 'f0', from: undefined, to: expect.any(Number), distance: 0 }]);
    expect(changeSentence(change, [])).toMatch(/^With .* for f0 instead of nothing known it would have been ordinary/);
    const forest = fitModel('isolation-forest', matrixOf(rows), { seed: 1 });
    const turned: FeatureMatrix = {
      features: ['more', 'f1', 'f0'].map((name) => ({ name, unit: '', meaning: '' })),
      rowCount: 2,
      values: Float32Array.of(0, 0, 0, 5, 0, 20),
    };
    expect(smallestChange(forest, turned, 1).changes.map(({ feature }) => feature)).toEqual(['f0']);
  });

  it('stays within the scores it may ask for, with the features that carried most first', () => {
    const model = fitModel('knn', matrixOf(ordinary(300, 9, 300)), { seed: 1 });
    const row = Array.from({ length: 300 }, (_, j) => (j === 250 ? 500 : 0));
    const change = smallestChange(model, matrixOf([row]), 0, { maxScores: 500 });
    expect(change.scored).toBeLessThanOrEqual(502);
    expect(change.cut).toBe(true);
    expect(change.changes[0]?.feature).toBe('f250');
  });

  it('refuses options that make no sense', () => {
    const model = fitModel('ecod', matrixOf(ordinary(2)));
    const one = matrixOf([[0, 0]]);
    expect(() => smallestChange(model, one, 0, { score: 1 })).toThrow("A record can't be brought to the score 1.");
    expect(() => smallestChange(model, one, 0, { maxFeatures: 0 })).toThrow(
      "A smallest change can't have maxFeatures 0.",
    );
    expect(() => smallestChange(model, one, 1)).toThrow('row 1 is not in a matrix of 1 rows');
  });
});

describe('the sentence', () => {
  const features: Feature[] = [
    { name: 'flow.duration', unit: 'ln ms', meaning: '' },
    { name: 'flow.bytes', unit: 'ln bytes', meaning: '' },
    { name: 'evil\u001b[31m', unit: '', meaning: '' },
  ];

  it('undoes logarithms, names units, and lets no control through', () => {
    const change: SmallestChange = {
      before: 0.9999,
      after: 0.9412,
      target: 0.95,
      found: true,
      scored: 1,
      cut: false,
      changes: [
        { feature: 'flow.duration', from: Math.log1p(60_000), to: Math.log1p(2000), distance: 3 },
        { feature: 'flow.bytes', from: Math.log1p(2e6), to: Math.log1p(1500), distance: 2 },
        { feature: 'evil\u001b[31m', from: 1.00001, to: 1.00002, distance: 1 },
      ],
    };
    expect(changeSentence(change, features)).toBe(
      'With 2 s instead of 1 min for flow.duration, 1.5 kB instead of 2 MB for flow.bytes and 1.00002 instead of 1.00001 for evil\\u{1b}[31m it would have been ordinary (score 0.94).',
    );
  });
});
