import { describe, expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitHalfSpaceTrees, loadHalfSpaceTrees, streamHalfSpaceTrees } from './half-space-trees.ts';

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  return {
    features: rows[0].map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

function cloud(count: number, seed: number, shift: number = 0): number[][] {
  const random = new Random(seed);
  const noise = (): number => random.float() + random.float() + random.float() - 1.5 + shift;
  return Array.from({ length: count }, () => [noise(), noise(), noise()]);
}

/** The definition, read plainly: every window row walks every tree down to the lowest level. */
test('scores are those of the definition, counted anew', () => {
  const rows = cloud(200, 1);
  const model = fitHalfSpaceTrees(matrixOf(rows), { trees: 7, depth: 5, window: 200 });
  const { feature, threshold, treeCount, depth } = model.part;
  const inner = 2 ** depth - 1;
  const record = [0.31, -0.2, 0.05].map(Math.fround);
  let total = 0;
  for (let tree = 0; tree < treeCount; tree++) {
    let within = rows.map((row) => row.map(Math.fround));
    let node = 0;
    let level = 0;
    while (level < depth && within.length > 20) {
      const j = feature[tree * inner + node];
      const cut = threshold[tree * inner + node];
      const left = record[j] < cut;
      within = within.filter((row) => row[j] < cut === left);
      node = 2 * node + (left ? 1 : 2);
      level++;
    }
    total += within.length * 2 ** level;
  }
  expect(model.rawScore(matrixOf([record]))[0]).toBeCloseTo(-total / treeCount / 200, 12);
});

test('an empty region is strange, and the feature is named', () => {
  const model = fitHalfSpaceTrees(matrixOf(cloud(2000, 2)));
  const far = matrixOf([[0, 1.4, 0]]);
  expect(model.score(far)[0]).toBeGreaterThan(0.95);
  const raised = model.explain(far, 0).contributions.filter((share) => share.contribution > 0);
  expect(raised[0].feature).toBe('f1');
});

describe('as a stream', () => {
  const rows = matrixOf(cloud(3000, 3));

  test('warms up first, and then keeps its promise: one ordinary record in ten above 0.9', () => {
    const stream = streamHalfSpaceTrees(rows, { warmUp: 300 });
    const scores = stream.scoreThenLearn(rows);
    expect(scores.subarray(0, 350).every(Number.isNaN)).toBe(true);
    const later = scores.subarray(350);
    expect(later.every((score) => score >= 0 && score < 1)).toBe(true);
    const above = later.filter((score) => score > 0.9).length / later.length;
    expect(above).toBeGreaterThan(0.07);
    expect(above).toBeLessThan(0.13);
    expect([stream.seen, stream.left, stream.ready]).toEqual([3000, 0, true]);
  });

  test('one batch or many give the same scores, and the same seed the same stream', () => {
    const whole = streamHalfSpaceTrees(rows, { seed: 4 }).scoreThenLearn(rows);
    const stream = streamHalfSpaceTrees(rows, { seed: 4 });
    const parts: number[] = [];
    for (let from = 0; from < 3000; from += 700) {
      const count = Math.min(700, 3000 - from);
      parts.push(
        ...stream.scoreThenLearn({ ...rows, rowCount: count, values: rows.values.slice(from * 3, (from + count) * 3) }),
      );
    }
    expect(Float64Array.from(parts)).toEqual(whole);
  });

  test('follows what is ordinary when it moves, unless it is told not to learn what is strange', () => {
    const moved = matrixOf(cloud(4000, 5, 1.2));
    const share = (scores: Float64Array): number => scores.filter((score) => score > 0.95).length / scores.length;
    const follower = streamHalfSpaceTrees(rows);
    follower.scoreThenLearn(rows);
    const first = follower.scoreThenLearn({ ...moved, rowCount: 200, values: moved.values.slice(0, 600) });
    const last = follower.scoreThenLearn(moved).subarray(3000);
    expect(share(first)).toBeGreaterThan(0.5);
    expect(share(last)).toBeLessThan(0.1);
    const guarded = streamHalfSpaceTrees(rows, { learnBelow: 0.9 });
    guarded.scoreThenLearn(rows);
    guarded.scoreThenLearn({ ...moved, rowCount: 200, values: moved.values.slice(0, 600) });
    expect(guarded.left).toBeGreaterThan(200);
  });

  test('a snapshot scores as the stream does at that moment, stays as it is, and loads again', () => {
    const stream = streamHalfSpaceTrees(rows, { warmUp: 300 });
    expect(() => stream.snapshot()).toThrow('The stream is still warming up: 0 rows of 350.');
    stream.scoreThenLearn(rows);
    const snapshot = stream.snapshot();
    const probe = matrixOf(cloud(50, 6));
    const before = snapshot.score(probe);
    const next = stream.scoreThenLearn({ ...probe, rowCount: 1, values: probe.values.slice(0, 3) });
    expect(next[0]).toBeCloseTo(before[0], 1);
    stream.scoreThenLearn(matrixOf(cloud(2000, 7, 5)));
    expect(snapshot.score(probe)).toEqual(before);
    const loaded = loadHalfSpaceTrees(snapshot.save());
    expect(loaded.score(probe)).toEqual(before);
    expect(loaded.training).toMatchObject({ rows: 3000, fittedRows: 300, calibrationRows: 2000 });
    const { contributions, base, score } = loaded.explain(probe, 3);
    expect(contributions.reduce((sum, share) => sum + share.contribution, base)).toBeCloseTo(score, 9);
  });

  test('refuses what it cannot be made with', () => {
    expect(() => streamHalfSpaceTrees(rows, { warmUp: 1 })).toThrow("A model of half-space trees can't have warmUp 1.");
    expect(() => streamHalfSpaceTrees(rows, { memory: 5 })).toThrow("A model of half-space trees can't have memory 5.");
    expect(() => streamHalfSpaceTrees(rows, { learnBelow: 0 })).toThrow(
      "A model of half-space trees can't have learnBelow 0.",
    );
    const stream = streamHalfSpaceTrees(rows);
    expect(() => stream.scoreThenLearn(matrixOf([[1, 2]]))).toThrow("The model needs the feature 'f2'");
  });
});

test('a million identical rows, and more features than rows, are defined', () => {
  const same = { ...matrixOf([[7, 7]]), rowCount: 1_000_000, values: new Float32Array(2_000_000).fill(7) };
  const [ordinary, strange] = fitHalfSpaceTrees(same).score(
    matrixOf([
      [7, 7],
      [9, 7],
    ]),
  );
  expect(strange).toBeGreaterThan(ordinary);
  const random = new Random(8);
  const wide = matrixOf(Array.from({ length: 20 }, () => Array.from({ length: 300 }, () => random.float())));
  expect(fitHalfSpaceTrees(wide).score(wide).every(Number.isFinite)).toBe(true);
});
