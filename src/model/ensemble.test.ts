import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { readModel, writeModel } from './file.ts';
import { assertExact, fitEnsemble, fitIsolationForest, loadModel, type Model, rankingMeasures } from './index.ts';

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  const names = ['size', 'time', 'rate', 'kind'];
  return {
    features: names.map((name) => ({ name, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

/** Size and time go together; the rate spans decades; three kinds. */
function ordinary(count: number, seed: number): number[][] {
  const random = new Random(seed);
  const normal = (): number => random.float() + random.float() + random.float() + random.float() - 2;
  return Array.from({ length: count }, () => {
    const a = normal();
    return [50 + 10 * a, 5 + a + normal() / 5, Math.exp(4 * normal()), [1, 1, 1, 1, 2, 2, 3][random.below(7)]];
  });
}

const model = fitEnsemble(matrixOf(ordinary(3000, 1)), { seed: 2 });
const scoresOf = (one: Model, ...rows: number[][]): number[] => [...one.score(matrixOf(rows))];

describe('the ensemble', () => {
  it('finds what each of its members is there for: a far value, a combination never seen, a kind never seen', () => {
    const [usual, far, combination, kind] = scoresOf(
      model,
      [50, 5, 1, 1],
      [50, 5, 1e7, 1],
      [61, 3.8, 1, 1],
      [50, 5, 1, 9],
    );
    expect(usual).toBeLessThan(0.5);
    for (const score of [far, kind]) expect(score).toBeGreaterThan(0.99);
    // Only kNN sees it, and the other two dilute that.
    expect(combination).toBeGreaterThan(0.95);
  });

  it('keeps the more extreme of two records the stranger, however far out both are', () => {
    const raw = model.rawScore(matrixOf([1e3, 1e5, 1e8, 1e15, 1e30].map((rate) => [50, 5, rate, 1])));
    for (let i = 1; i < raw.length; i++) expect(raw[i]).toBeGreaterThan(raw[i - 1]);
    const { contributions } = model.explain(matrixOf([[50, 5, 1e30, 1]]), 0);
    expect(contributions[0].feature).toBe('rate');
    expect(contributions[0].value).toBe(Math.fround(1e30));
    expect(contributions[0].guard).toBeGreaterThan(0);
  });

  it('is not blinded by strange rows that are alike, a twentieth of what it was fitted on', () => {
    const random = new Random(9);
    const strange = (): number[] => [20 + random.float(), 9 + random.float() / 5, 4000 + 100 * random.float(), 3];
    const rows = [...ordinary(1900, 3), ...Array.from({ length: 100 }, strange)];
    const labels = rows.map((_, i) => i >= 1900);
    const { auroc } = rankingMeasures(fitEnsemble(matrixOf(rows)).rawScore(matrixOf(rows)), labels);
    expect(auroc).toBeGreaterThan(0.97);
  });

  it('keeps its promise where rows are held back, and where they take turns', () => {
    for (const count of [900, 6000]) {
      const fitted = fitEnsemble(matrixOf(ordinary(count, 4)));
      expect(fitted.training.calibration).toBe(count < 5000 ? 'cross-fitted' : 'held-back');
      const fresh = fitted.score(matrixOf(ordinary(4000, 5)));
      for (const [above, low, high] of [
        [0.9, 0.075, 0.125],
        [0.99, 0.002, 0.02],
      ]) {
        const share = fresh.filter((score) => score > above).length / fresh.length;
        expect(share).toBeGreaterThan(low);
        expect(share).toBeLessThan(high);
      }
    }
  });

  it('explains with shares of all members together, which add up beyond the range as well', () => {
    for (const row of [...ordinary(20, 6), [1e20, -1e20, 1e20, 77], [Number.NaN, 5, Number.NaN, 1]])
      assertExact(model.explain(matrixOf([row]), 0));
    const { contributions } = model.explain(matrixOf([[61, 3.8, 1, 1]]), 0);
    const shares = Object.fromEntries(contributions.map(({ feature, contribution }) => [feature, contribution]));
    expect(shares.size + shares.time).toBeGreaterThan(Math.abs(shares.rate) + Math.abs(shares.kind));
  });

  it('sees as far out what a forest, which knows the order of values alone, can not see without its guard', () => {
    const rows = matrixOf(ordinary(3000, 1));
    const forest = fitIsolationForest(rows, { seed: 2, rangeGuard: false });
    const two = matrixOf([
      [50, 5, 1e4, 1],
      [50, 5, 1e9, 1],
    ]);
    const [near, far] = forest.rawScore(two);
    expect(far).toBe(near);
    const [less, more] = model.rawScore(two);
    expect(more).toBeGreaterThan(less);
  });

  it('takes the transform that is asked for instead of its own', () => {
    expect(model.transforms?.summaries(['size', 'time', 'rate', 'kind']).map(({ method }) => method)).toEqual([
      'robust',
      'robust',
      'log',
      'frequency',
    ]);
    expect(fitEnsemble(matrixOf(ordinary(300, 1)), { transform: 'none' }).transforms).toBeUndefined();
  });

  it('does not scale again what the transform has scaled, so that a class hardly seen does not drown the other features', () => {
    const rows = ordinary(2000, 1).map((row, i) => [...row.slice(0, 3), i % 1000 === 0 ? 2 : 1]);
    const { tensors } = readModel(fitEnsemble(matrixOf(rows)).save());
    expect([...(tensors.get('knn/scale.scale')?.data ?? [])]).toEqual([1, 1, 1, 1]);
    expect([...(tensors.get('loda/scale.scale')?.data ?? [])]).toEqual([1, 1, 1, 1]);
    const plain = readModel(fitEnsemble(matrixOf(rows), { transform: 'none' }).save());
    expect(plain.tensors.get('knn/scale.scale')?.data[0]).toBeGreaterThan(1);
    const unseen = matrixOf(rows);
    for (let at = 1; at < unseen.values.length; at += 4) unseen.values[at] = Number.NaN;
    const refitted = readModel(
      fitEnsemble(unseen, { transform: { size: 'log', rate: 'log', kind: 'frequency' } }).save(),
    );
    expect(refitted.tensors.get('knn/scale.scale')?.data[0]).toBe(1);
    const partly = readModel(fitEnsemble(matrixOf(rows), { transform: { rate: 'log' } }).save());
    expect(partly.tensors.get('knn/scale.scale')?.data[0]).toBeGreaterThan(1);
  });

  describe('told that all fitted rows are ordinary', () => {
    // Two dense places, and the gap between them is strange.
    const random = new Random(12);
    const row = (at: number): number[] => [at + random.float(), 2 * at + random.float(), at, 1 + (random.below(2) & 1)];
    const rows = Array.from({ length: 3000 }, (_, i) => row(i % 2 === 0 ? 10 : 20));
    const options = { seed: 3, ordinary: true } as const;
    const told = fitEnsemble(matrixOf(rows), options);

    it('asks for the nearest row as well, and finds a gap between dense places that the others see hardly', () => {
      expect(told.part.members.map(({ name }) => name)).toEqual(['knn', 'loda', 'ecod', 'nearest']);
      expect(fitEnsemble(matrixOf(rows), { seed: 3 }).part.members).toHaveLength(3);
      const tests = [
        ...Array.from({ length: 200 }, (_, i) => row(i % 2 === 0 ? 10 : 20)),
        ...Array.from({ length: 20 }, () => row(13 + 4 * random.float())),
      ];
      const labels = tests.map((_, i) => i >= 200);
      const untold = fitEnsemble(matrixOf(rows), { seed: 3 });
      const [more, less] = [told, untold].map(
        (one) => rankingMeasures(one.rawScore(matrixOf(tests)), labels).averagePrecision,
      );
      expect(more).toBeGreaterThan(0.95);
      expect(more).toBeGreaterThanOrEqual(less);
    });

    it('explains exactly, and gives the same scores once it was saved and read', () => {
      for (const one of [row(10), row(15), row(40)]) assertExact(told.explain(matrixOf([one]), 0));
      const again = loadModel(told.save());
      const some = matrixOf(Array.from({ length: 50 }, (_, i) => row(10 + i / 4)));
      expect([...again.rawScore(some)]).toEqual([...told.rawScore(some)]);
      expect(again.save()).toEqual(told.save());
    });
  });

  it('refuses options out of range', () => {
    expect(() => fitEnsemble(matrixOf(ordinary(100, 1)), { members: 49 })).toThrow(
      expect.objectContaining({
        message: "An ensemble can't have members 49.",
        hint: 'Give a whole number from 50 to 100,000.',
      }),
    );
  });

  it('refuses a file with other members than it has', () => {
    const file = readModel(fitEnsemble(matrixOf(ordinary(200, 7))).save());
    const { members, ...rest } = file.parameters as { members: { kind: string }[] };
    const written = (changed: readonly { kind: string }[]): Uint8Array =>
      writeModel({
        ...file,
        parameters: { ...rest, members: JSON.parse(JSON.stringify(changed)) },
        tensors: [...file.tensors.values()].filter(
          ({ name }) => name !== 'calibration.scores' && name !== 'feature.statistics',
        ),
      }).bytes;
    expect(() => loadModel(written(members))).not.toThrow();
    expect(() => loadModel(written(members.slice(1)))).toThrow('The model file is damaged: it has 2 members.');
    expect(() => loadModel(written([...members].reverse()))).toThrow(
      'The model file is damaged: its members are not those of an ensemble.',
    );
  });
});
