import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import {
  batchMinMax,
  batchMinMaxBand,
  conventionOf,
  conventionOffset,
  conventions,
  decisionSeverity,
  pyodThreshold,
  SKLEARN_AUTO_OFFSET,
  sklearnDecisionFunction,
  sklearnOffset,
  sklearnPredict,
  sklearnScoreSamples,
  sklearnTrainingScores,
} from './convention.ts';
import { fitIsolationForest, fitKnn } from './index.ts';

/** Made by test/fixture/model/metric.py with scikit-learn's isolation forest. */
const { forest } = JSON.parse(
  readFileSync(new URL('../../test/fixture/model/metric.json', import.meta.url), 'utf8'),
) as {
  readonly forest: {
    readonly training: number[];
    readonly samples: number[];
    readonly offset: number;
    readonly automaticOffset: number;
    readonly decision: number[];
    readonly predict: number[];
    readonly automaticDecision: number[];
    readonly minMax: number[];
    readonly pyodThreshold: number;
  };
};
const samples = Float64Array.from(forest.samples);

/** 300 rows of two features around 0, and one far out. */
function rows(): Parameters<typeof fitKnn>[0] {
  const random = new Random(5);
  const values = Float32Array.from({ length: 602 }, () => random.float() + random.float());
  values.set([40, 40], 600);
  const features = ['a', 'b'].map((name) => ({ name, unit: '', meaning: '' }));
  return { features, rowCount: 301, values };
}

describe("scikit-learn's convention", () => {
  it('has its offset, decisions and predictions, for a contamination and without', () => {
    const offset = sklearnOffset(forest.training, 0.1);
    expect(offset).toBeCloseTo(forest.offset, 12);
    const decision = sklearnDecisionFunction(samples, offset);
    decision.forEach((value, i) => {
      expect(value).toBeCloseTo(forest.decision[i] ?? 0, 12);
    });
    expect([...sklearnPredict(decision)]).toEqual(forest.predict);
    expect(SKLEARN_AUTO_OFFSET).toBe(forest.automaticOffset);
    sklearnDecisionFunction(samples, SKLEARN_AUTO_OFFSET).forEach((value, i) => {
      expect(value).toBeCloseTo(forest.automaticDecision[i] ?? 0, 12);
    });
  });

  it('refuses a contamination that scikit-learn would', () => {
    for (const wrong of [0, -0.1, 0.6, Number.NaN])
      expect(() => sklearnOffset(forest.training, wrong)).toThrow(
        `contamination ${wrong}: expected a share above 0 and at most 0.5`,
      );
    expect(() => sklearnOffset([], 0.1)).toThrow('There is no training score to take a share of.');
  });

  it('gives a forest scores of -1 to 0 without range guard, and any other kind its raw score turned', () => {
    const matrix = rows();
    const tree = fitIsolationForest(matrix);
    expect(sklearnScoreSamples(tree, matrix)).toEqual(tree.scoreSamples(matrix));
    const knn = fitKnn(matrix);
    expect(sklearnScoreSamples(knn, matrix)).toEqual(knn.rawScore(matrix).map((raw) => -raw));
    expect(conventionOffset(tree, undefined)).toBe(-0.5);
    expect(conventionOffset(knn, undefined)).toBeUndefined();
    for (const model of [tree, knn]) {
      const offset = conventionOffset(model, 0.1);
      const flagged = sklearnTrainingScores(model).filter((score) => score < (offset ?? 0)).length;
      expect(flagged).toBeGreaterThanOrEqual(29);
      expect(flagged).toBeLessThanOrEqual(31);
    }
  });
});

it("PyOD's threshold is the upper percentile of its training scores", () => {
  expect(
    pyodThreshold(
      forest.training.map((score) => -score),
      0.1,
    ),
  ).toBeCloseTo(forest.pyodThreshold, 12);
});

describe('the stretching of a batch', () => {
  it('gives the numbers that NumPy gives', () => {
    batchMinMax(samples).forEach((value, i) => {
      expect(value).toBeCloseTo(forest.minMax[i] ?? 0, 12);
    });
    expect([...batchMinMax([-0.4, -0.4])]).toEqual([0, 0]);
    expect(batchMinMax([]).length).toBe(0);
  });

  it('has the flaw that is said of it: of the most ordinary rows one gets 1', () => {
    const ordinary = [...samples].sort((a, b) => b - a).slice(0, 10);
    expect(Math.max(...batchMinMax(ordinary))).toBe(1);
    expect(batchMinMaxBand(1)).toBe('investigate');
    expect([0, 0.29, 0.3, 0.59, 0.6].map(batchMinMaxBand)).toEqual([
      'normal',
      'normal',
      'suspicious',
      'suspicious',
      'investigate',
    ]);
  });
});

it('the severity of a decision has its bounds, and the flaw that the lowest decision measured is not critical', () => {
  expect([-0.11, -0.1, -0.06, -0.05, -0.03, -0.02, 0.2].map(decisionSeverity)).toEqual([
    'critical',
    'high',
    'high',
    'medium',
    'medium',
    'low',
    'low',
  ]);
  expect(decisionSeverity(-0.085)).toBe('high');
});

it('every convention says what it is and what is wrong with it, and orders rows as its model does', () => {
  const context = { offset: -0.5, least: -0.8, most: -0.3 };
  for (const convention of conventions) {
    expect(convention.meaning).toMatch(/\.$/);
    expect(convention.flaw).toMatch(/\.$/);
    const ordinary = convention.value({ score: 0.2, raw: -1.3, scoreSample: -0.4 }, context);
    const strange = convention.value({ score: 0.99, raw: -0.4, scoreSample: -0.75 }, context);
    expect(strange > ordinary).toBe(convention.rises);
  }
  expect(() => conventionOf('sklern')).toThrow('convention sklern: there is no such convention');
});
