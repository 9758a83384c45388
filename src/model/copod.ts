import { z } from 'zod';
import type { FeatureMatrix } from '../feature/index.ts';
import { checkPart } from './file.ts';
import { type FittedModel, fitKernel, type Kernel, loadKernel } from './fit.ts';
import type { FitOptions } from './model.ts';
import {
  addTailGuards,
  addTerms,
  divideTerms,
  learnTails,
  loadTails,
  meanOf,
  saveTails,
  type TailPart,
  termsOf,
} from './tail.ts';

/**
 * COPOD (Li, Zhao, Botta, Ionescu, Hu: COPOD, copula-based outlier detection, ICDM 2020): tail probabilities of each feature, the two tails
 * weighed by the feature's skewness, added up over the features.
 *
 *     raw(x) = sum over features of max(u_skew(x_j), (u_left(x_j) + u_right(x_j)) / 2) + guard_j(x_j)          u, guard: see tail.ts
 *
 * u_skew is the left tail where the feature is skewed to the left, the right one where it is skewed to the right, their sum where it is
 * symmetric. So a value on the short side of a skewed feature counts about half as much as one on its long side, where ECOD takes both alike. This is what
 * the authors' code (PyOD) computes; the empirical copula of the paper's title is this sum, which knows each feature alone.
 *
 * **What it sees.** Extreme values, in any unit and distribution; needs no scaling, has nothing to choose.
 * **What fools it.** As ECOD: gaps between heaps, strange combinations of common values, correlated features, many strange records alike. An
 * anomaly on the short side of a skewed feature, such as a packet that is too small, weighs half.
 * **Explanation.** As ECOD: term minus mean term, the exact Shapley value of a sum.
 * **Cost.** As ECOD.
 */
export interface CopodOptions extends FitOptions {
  /** Whether values beyond the fitted range add to the score. Default true; false gives PyOD's scores. */
  readonly rangeGuard?: boolean;
}

const KIND = 'copod';
const MAX_FEATURES = 10_000;

export interface CopodPart extends TailPart {
  /** By slot, and the mean over the fitted rows by feature. */
  readonly terms: Float64Array;
  readonly meanTerms: Float64Array;
}

function complete(tails: TailPart): CopodPart {
  const { skew, offset, tables } = tails;
  const { left, right } = tables;
  const terms = new Float64Array(left.length);
  for (let j = 0; j < skew.length; j++) {
    for (let slot = 2 * offset[j] + j; slot <= 2 * offset[j + 1] + j; slot++) {
      const both = left[slot] + right[slot];
      terms[slot] = Math.max(skew[j] < 0 ? left[slot] : skew[j] > 0 ? right[slot] : both, both / 2);
    }
  }
  return { ...tails, terms, meanTerms: meanOf(tails, terms) };
}

const kernel: Kernel<CopodPart> = {
  kind: KIND,
  title: 'COPOD',
  raw(part, block, count, into, at) {
    addTerms(part, part.terms, block, count, into, at);
    if (part.rangeGuard) addTailGuards(part, block, count, into, at);
  },
  divide(part, record) {
    return divideTerms(part, record, termsOf(part, part.terms, record), part.meanTerms);
  },
  save: saveTails,
  load: (file) => complete(loadTails(file, checkPart(file.parameters, parametersSchema, 'parameters'))),
};

const parametersSchema = z.strictObject({
  rowCount: z.number().int().min(1),
  rangeGuard: z.boolean(),
  knots: z.number().int().min(1),
});

/** Fits COPOD. Throws a `ModelError` when there is no row or no feature. */
export function fitCopod(matrix: FeatureMatrix, options: CopodOptions = {}): FittedModel<CopodPart> {
  const { rangeGuard = true } = options;
  return fitKernel(kernel, matrix, options, MAX_FEATURES, (input) => complete(learnTails(input, rangeGuard)));
}

/** Reads a saved COPOD. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadCopod(bytes: Uint8Array): FittedModel<CopodPart> {
  return loadKernel(kernel, bytes);
}
