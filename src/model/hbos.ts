import { z } from 'zod';
import type { FeatureMatrix } from '../feature/index.ts';
import { checkPart, takeTensor } from './file.ts';
import {
  checkTerms,
  checkWhole,
  type FitInput,
  type FittedModel,
  type FittedPart,
  fitKernel,
  gatherRow,
  type Kernel,
  loadKernel,
  robustScales,
} from './fit.ts';
import { binOf, completeHistograms, guardOf, type Histograms, termOf, termsOfCounts } from './histogram.ts';
import { type FitOptions, ModelError } from './model.ts';
import type { FeatureStatistics } from './training.ts';

/**
 * HBOS (Goldstein, Dengel: Histogram-based outlier score, KI 2012): how thinly populated the surroundings of each value are, added up over the features.
 *
 *     raw(x) = sum over features of -ln(density_j(x_j) + alpha) + guard_j(x_j)          guard: see tail.ts
 *
 * Each feature has `bins` of equal width from the smallest to the largest fitted value (`histogram.ts`); their density is measured per robust spread
 * of the feature (`robustScales`), so that it has no unit and alpha means the same everywhere: far below it, densities are alike. Joined by straight
 * lines, two values a hair apart don't score a step apart, and scores are distinct.
 * `smooth: false` and `unit: 'value'` without range guard give PyOD's scores, in natural instead of binary logarithms. Bins that hold
 * equal numbers of rows were tried: mean AUROC 91 to 92 on seven ADBench sets, where equal widths gave 93. A value that many rows share exactly
 * has no width.
 *
 * **What it sees.** Rare values, also in a gap between heaps, where ECOD and COPOD see nothing.
 * **What fools it.** A record that is strange only as a combination of common values. One wild value stretches the range and puts
 * all others into one bin: measure sizes and counts as logarithms. Structure finer than a tenth of the range. Correlated features count as often
 * as they are there.
 * **Explanation.** The terms are the explanation: a feature's share is its term minus the mean of that term over the fitted rows, the exact Shapley
 * value of a sum.
 * **Cost.** Fit: two passes. Score: a multiplication and a look-up for each value. Memory: `bins` numbers a feature.
 */
export interface HbosOptions extends FitOptions {
  /** Bins of each feature, 2 .. 1000, default 10. */
  readonly bins?: number;
  /** Added to each density, above 0 and at most 1, default 0.1. */
  readonly alpha?: number;
  /** Density per robust spread (default), or per unit of the value as it comes. */
  readonly unit?: 'robust' | 'value';
  /** Whether terms are joined between bins. Default true. */
  readonly smooth?: boolean;
  /** Whether values beyond the fitted range add to the score. Default true. */
  readonly rangeGuard?: boolean;
}

const KIND = 'hbos';
const TITLE = 'HBOS';
const MAX_FEATURES = 10_000;
const MAX_BINS = 1000;

export interface HbosPart extends FittedPart {
  readonly rangeGuard: boolean;
  readonly histograms: Histograms;
  /** Mean of the term over the fitted rows. */
  readonly meanTerms: Float64Array;
}

function histogramsOf(statistics: FeatureStatistics, bins: number, smooth: boolean, terms: Float64Array): Histograms {
  const { min, max } = statistics;
  return completeHistograms({ bins, smooth, min, max, spread: robustScales(statistics), terms });
}

function learnHbos(
  { source, rows, statistics }: FitInput,
  options: Required<Pick<HbosOptions, 'bins' | 'alpha' | 'unit' | 'smooth' | 'rangeGuard'>>,
): HbosPart {
  const { bins, alpha, unit, smooth, rangeGuard } = options;
  const n = rows.length;
  const d = source.columns.length;
  const counted = histogramsOf(statistics, bins, smooth, new Float64Array(d * bins));
  const record = new Float64Array(d);
  for (let i = 0; i < n; i++) {
    gatherRow(source, rows[i], statistics, record, 0);
    for (let j = 0; j < d; j++) counted.terms[binOf(counted, j, record[j])]++;
  }
  const histograms = termsOfCounts(counted, n, alpha, unit === 'value' ? new Float64Array(d).fill(1) : counted.spread);
  const meanTerms = new Float64Array(d);
  for (let i = 0; i < n; i++) {
    gatherRow(source, rows[i], statistics, record, 0);
    for (let j = 0; j < d; j++) meanTerms[j] += termOf(histograms, j, record[j]) / n;
  }
  return { statistics, rangeGuard, histograms, meanTerms };
}

const kernel: Kernel<HbosPart> = {
  kind: KIND,
  title: TITLE,
  raw({ rangeGuard, histograms, meanTerms }, block, count, into, at) {
    const d = meanTerms.length;
    for (let i = 0, o = 0; i < count; i++) {
      let total = 0;
      for (let j = 0; j < d; j++, o++) {
        total += termOf(histograms, j, block[o]);
        if (rangeGuard) total += guardOf(histograms, j, block[o]);
      }
      into[at + i] = total;
    }
  },
  divide({ rangeGuard, histograms, meanTerms }, record) {
    const guards = record.map((v, j) => (rangeGuard ? guardOf(histograms, j, v) : 0));
    return {
      rawBase: meanTerms.reduce((total, mean) => total + mean, 0),
      rawShares: record.map((v, j) => termOf(histograms, j, v) - meanTerms[j] + guards[j]),
      guards,
    };
  },
  save({ rangeGuard, histograms, meanTerms }) {
    const { bins, smooth, terms } = histograms;
    return {
      parameters: { bins, smooth, rangeGuard },
      tensors: [
        { name: 'bin.term', shape: [meanTerms.length, bins], data: terms },
        { name: 'bin.mean-term', shape: [meanTerms.length], data: meanTerms },
      ],
    };
  },
  load(file) {
    const { bins, smooth, rangeGuard } = checkPart(file.parameters, parametersSchema, 'parameters');
    const d = file.featureNames.length;
    const terms = takeTensor(file.tensors, 'bin.term', 'F64', [d, bins]);
    const meanTerms = takeTensor(file.tensors, 'bin.mean-term', 'F64', [d]);
    checkTerms(terms, 'its terms');
    checkTerms(meanTerms, 'its mean terms');
    return {
      statistics: file.statistics,
      rangeGuard,
      histograms: histogramsOf(file.statistics, bins, smooth, terms),
      meanTerms,
    };
  },
};

const parametersSchema = z.strictObject({
  bins: z.number().int().min(2).max(MAX_BINS),
  smooth: z.boolean(),
  rangeGuard: z.boolean(),
});

/** Fits HBOS. Throws a `ModelError` when there is no row or no feature, or an option is out of range. */
export function fitHbos(matrix: FeatureMatrix, options: HbosOptions = {}): FittedModel<HbosPart> {
  const { bins = 10, alpha = 0.1, unit = 'robust', smooth = true, rangeGuard = true } = options;
  checkWhole(TITLE, 'bins', bins, 2, MAX_BINS);
  if (!(alpha > 0 && alpha <= 1))
    throw new ModelError(`${TITLE} can't have alpha ${alpha}.`, 'Give a number above 0 and at most 1.');
  return fitKernel(kernel, matrix, options, MAX_FEATURES, (input) =>
    learnHbos(input, { bins, alpha, unit, smooth, rangeGuard }),
  );
}

/** Reads a saved HBOS. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadHbos(bytes: Uint8Array): FittedModel<HbosPart> {
  return loadKernel(kernel, bytes);
}
