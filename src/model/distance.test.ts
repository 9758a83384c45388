import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { loadModel } from './index.ts';
import { fitKnn } from './knn.ts';
import { fitLoda } from './loda.ts';
import { fitLof } from './lof.ts';
import { fitPca } from './pca.ts';

function matrixOf(rows: readonly (readonly number[])[]): FeatureMatrix {
  return {
    features: rows[0].map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
}

/** Points near a line, and 0.4 % copies of one that is off it though each of its values is common. */
function contaminated(): { rows: number[][]; attack: number[]; twin: number[] } {
  const random = new Random(9);
  const attack = [0.2, 0.9, 0.5];
  const rows = Array.from({ length: 10_000 }, (_, i) => {
    if (i % 250 === 0) return attack;
    const a = random.float();
    return [a, a + (random.float() - 0.5) / 10, random.float()];
  });
  return { rows, attack, twin: [0.5, 0.52, 0.5] };
}

describe('forty copies of an attack among ten thousand rows', () => {
  const { rows, attack, twin } = contaminated();
  const probe = matrixOf([attack, twin]);

  it('are found by a neighbourhood that is a share of the rows, and hide from five neighbours', () => {
    const [strange, usual] = fitKnn(matrixOf(rows)).score(probe);
    expect(strange).toBeGreaterThan(0.99);
    expect(usual).toBeLessThan(0.9);
    const plain = fitKnn(matrixOf(rows), { neighbours: 5, members: 100_000, distance: 'largest' });
    expect(plain.rawScore(probe)[0]).toBe(0);
  });

  it.each([
    ['LOF', fitLof(matrixOf(rows))],
    ['PCA', fitPca(matrixOf(rows))],
  ])('are found by %s', (_, model) => {
    const [strange, usual] = model.score(probe);
    expect(strange).toBeGreaterThan(0.98);
    expect(usual).toBeLessThan(0.9);
  });

  it('are explained by the features that are off the line', () => {
    for (const model of [fitKnn(matrixOf(rows)), fitLof(matrixOf(rows)), fitPca(matrixOf(rows))]) {
      const { contributions } = model.explain(probe, 0);
      expect(contributions[2].feature).toBe('f2');
    }
  });
});

describe('heaps of copies', () => {
  const random = new Random(3);
  // Half of the rows are one point; the others lie about it.
  const rows = Array.from({ length: 2000 }, (_, i) =>
    i % 2 === 0 ? [0, 0] : [random.float() - 0.5, random.float() - 0.5],
  );

  it('are ordinary themselves, and do not make their surroundings endlessly strange', () => {
    const lof = fitLof(matrixOf(rows));
    expect(lof.rawScore(matrixOf([[0.1, 0.1]]))[0]).toBeLessThan(Math.log(10));
    for (const model of [fitKnn(matrixOf(rows)), lof]) {
      const [heap, beside, far] = model.score(
        matrixOf([
          [0, 0],
          [0.1, 0.1],
          [3, -3],
        ]),
      );
      expect(heap).toBeLessThan(0.6);
      expect(beside).toBeLessThan(0.985);
      expect(far).toBeGreaterThan(0.999);
    }
  });
});

describe('LODA', () => {
  const random = new Random(5);
  const rows = Array.from({ length: 1500 }, () => {
    const a = random.float();
    return [a, a + random.float() / 4, random.float(), 2 * random.float()];
  });
  const model = fitLoda(matrixOf(rows), { seed: 2, projections: 20, bins: 8 });

  it('is the mean of the terms of its projections, as worked by hand', () => {
    const { scales, width, feature, weight, histograms } = model.part;
    const record = [0.3, 0.9, 2.5, 0.1];
    const scaled = record.map((v, j) => (Math.fround(v) - scales.centre[j]) / scales.scale[j]);
    expect(width).toBe(2);
    let total = 0;
    for (let i = 0; i < 20; i++) {
      const at = Math.fround(weight[2 * i] * scaled[feature[2 * i]] + weight[2 * i + 1] * scaled[feature[2 * i + 1]]);
      const { min, max, spread, terms } = histograms;
      const own = terms.subarray(8 * i, 8 * i + 8);
      const beyond = Math.max(0, at - max[i], min[i] - at);
      const binWidth = (max[i] - min[i]) / 8;
      let term = beyond > binWidth / 2 ? Math.max(...own) : own[at > max[i] ? 7 : 0];
      if (beyond === 0) {
        const x = Math.min(7, Math.max(0, (at - min[i]) / binWidth - 0.5));
        const low = Math.min(6, Math.floor(x));
        term = own[low] * (low + 1 - x) + own[low + 1] * (x - low);
      }
      total += term + Math.log1p(beyond / spread[i]);
    }
    expect(model.rawScore(matrixOf([record]))[0]).toBeCloseTo(total / 20, 10);
  });

  it('finds what is off to a side, and names the feature', () => {
    const probe = matrixOf([
      [0.5, 0.62, 0.5, 1],
      [0.5, 0.62, 4, 1],
    ]);
    const [usual, strange] = model.score(probe);
    expect(usual).toBeLessThan(0.5);
    expect(strange).toBeGreaterThan(0.99);
    expect(model.explain(probe, 1).contributions[0].feature).toBe('f2');
  });
});

describe('logarithms inside the model', () => {
  const random = new Random(11);
  // Sizes over four decades, in both features nearly the same.
  const sizes = Array.from({ length: 2000 }, () => {
    const size = 10 ** (4 * random.float());
    return [size, size * (0.9 + random.float() / 5)];
  });
  const probe = matrixOf([
    [30, 31],
    [30, 600],
    [-5, Number.NaN],
  ]);

  it.each([
    ['kNN', fitKnn, 0.98],
    ['LOF', fitLof, 0.98],
    ['PCA', fitPca, 0.98],
    ['LODA', fitLoda, 0.9],
  ])('let %s see what is odd among the small, and are saved with it', (_, train, least) => {
    const model = train(matrixOf(sizes), { footing: 'log' });
    const plain = train(matrixOf(sizes), { footing: 'robust' });
    const [usual, odd] = model.score(probe);
    expect(odd).toBeGreaterThan(least);
    expect(usual).toBeLessThan(0.8);
    expect(plain.score(probe)[1]).toBeLessThan(odd);
    const loaded = loadModel(model.save());
    expect(loaded.score(probe)).toEqual(model.score(probe));
    expect(loaded.explain(probe, 2)).toEqual(model.explain(probe, 2));
  });
});

describe('options', () => {
  it('that make no sense are refused', () => {
    const matrix = matrixOf([[1], [2]]);
    expect(() => fitKnn(matrix, { neighbours: 0 })).toThrow(
      expect.objectContaining({
        name: 'ModelError',
        message: "kNN can't have neighbours 0.",
        hint: 'Give a whole number from 1 to 2,000.',
      }),
    );
    expect(() => fitLof(matrix, { members: 1e9 })).toThrow("LOF can't have members 1000000000.");
    // @ts-expect-error from a configuration, any text may come.
    expect(() => fitKnn(matrix, { footing: 'standart' })).toThrow(
      expect.objectContaining({ message: "kNN can't have footing 'standart'.", hint: "Did you mean 'standard'?" }),
    );
    expect(() => fitPca(matrix, { variance: 0 })).toThrow("PCA can't have variance 0.");
    expect(() => fitLoda(matrix, { bins: 1 })).toThrow("LODA can't have bins 1.");
    expect(() => fitPca(matrixOf([Array.from({ length: 501 }, () => 1)]))).toThrow(
      'PCA cannot be fitted on 501 features.',
    );
  });
});
