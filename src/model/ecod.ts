import { z } from 'zod';
import type { FeatureMatrix } from '../feature/index.ts';
import { checkPart } from './file.ts';
import { type FitInput, type FittedModel, fitKernel, type Kernel, loadKernel } from './fit.ts';
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
 * ECOD (Li, Zhao, Hu, Botta, Ionescu, Chen: ECOD, unsupervised outlier detection using empirical cumulative distribution functions, TKDE 2022):
 * how far out each value lies among the fitted ones, whatever their distribution, added up over the features.
 *
 *     raw(x) = sum over features of max(u_left(x_j), u_right(x_j)) + guard_j(x_j)          u, guard: see tail.ts
 *
 * This is what the authors' code (PyOD) computes, but for features whose skewness is exactly 0, of which it adds both tails. `sides: 'whole'` gives the paper's own formula, the largest of three sums: all left tails, all right
 * tails, and of each feature the one that its skewness points to. It looks at one direction for the whole record, so it misses a record whose
 * values leave on different sides: mean AUROC on seven ADBench sets 92.6 instead of 94.8 (published: 94.8), on ordinary rows alone 94.8 instead of 96.0 (published:
 * 95.1; `node bench/adbench.ts --model ecod --seeds 1`, `--semi`, `--option sides=whole`).
 *
 * **What it sees.** Extreme values, in any unit and distribution: only the order counts, so it needs no scaling, and has nothing to choose.
 * **What fools it.** A value in a gap between two heaps is nobody's tail. A record that is strange only as a combination of common
 * values is ordinary. Correlated features count as often as they are there. Many strange records alike, more than a few percent, make a tail of
 * their own.
 * **Explanation.** The terms are the explanation: a feature's share is its term minus the mean of that term over the fitted rows, which is the
 * exact Shapley value of a sum.
 * **Cost.** Fit: one sort a feature. Score: one binary search a value, about 12 steps. Memory: at most some 5,000 knots a feature.
 */
export interface EcodOptions extends FitOptions {
  /** `each`: the longer tail of each feature (default, as PyOD); `whole`: the paper's largest of three sums. */
  readonly sides?: 'each' | 'whole';
  /** Whether values beyond the fitted range add to the score. Default true; false gives PyOD's scores. */
  readonly rangeGuard?: boolean;
}

const KIND = 'ecod';
const MAX_FEATURES = 10_000;

export interface EcodPart extends TailPart {
  readonly sides: 'each' | 'whole';
  /** The longer tail by slot, and its mean over the fitted rows by feature. */
  readonly longer: Float64Array;
  readonly meanLonger: Float64Array;
}

function complete(tails: TailPart, sides: 'each' | 'whole'): EcodPart {
  const { left, right } = tails.tables;
  const longer = left.map((u, slot) => Math.max(u, right[slot]));
  return { ...tails, sides, longer, meanLonger: meanOf(tails, longer) };
}

/** The terms of a record: all left tails, all right tails, and those that the skewness points to. */
function sidesOf(part: EcodPart, record: Float64Array): Float64Array[] {
  const { skew, tables } = part;
  return threeSides(skew, termsOf(part, tables.left, record), termsOf(part, tables.right, record));
}

function threeSides(skew: Int16Array, left: Float64Array, right: Float64Array): Float64Array[] {
  // Skewed to the left, the long tail is there.
  return [left, right, left.map((u, j) => (skew[j] < 0 ? u : skew[j] > 0 ? right[j] : u + right[j]))];
}

const total = (terms: Float64Array): number => terms.reduce((sum, term) => sum + term, 0);

function largest(sides: Float64Array[]): Float64Array {
  return sides.reduce((best, side) => (total(side) > total(best) ? side : best));
}

/** The part of an ECOD. */
export function learnEcod(input: FitInput, sides: 'each' | 'whole', rangeGuard: boolean): EcodPart {
  return complete(learnTails(input, rangeGuard), sides);
}

/** See the top of this file; an ensemble has it as a member. */
export const ecodKernel: Kernel<EcodPart> = {
  kind: KIND,
  title: 'ECOD',
  raw(part, block, count, into, at) {
    const d = part.skew.length;
    if (part.sides === 'each') addTerms(part, part.longer, block, count, into, at);
    else {
      for (let i = 0; i < count; i++) {
        into[at + i] = total(largest(sidesOf(part, block.subarray(i * d, (i + 1) * d))));
      }
    }
    if (part.rangeGuard) addTailGuards(part, block, count, into, at);
  },
  divide(part, record) {
    const { skew, longer, meanLonger, tables } = part;
    if (part.sides === 'whole') {
      const means = largest(threeSides(skew, tables.meanLeft, tables.meanRight));
      return divideTerms(part, record, largest(sidesOf(part, record)), means);
    }
    return divideTerms(part, record, termsOf(part, longer, record), meanLonger);
  },
  save(part) {
    const { parameters, tensors } = saveTails(part);
    return { parameters: { ...parameters, sides: part.sides }, tensors };
  },
  load(file) {
    const parameters = checkPart(file.parameters, parametersSchema, 'parameters');
    return complete(loadTails(file, parameters), parameters.sides);
  },
};

const parametersSchema = z.strictObject({
  rowCount: z.number().int().min(1),
  rangeGuard: z.boolean(),
  knots: z.number().int().min(1),
  sides: z.enum(['each', 'whole']),
});

/** Fits ECOD. Throws a `ModelError` when there is no row or no feature. */
export function fitEcod(matrix: FeatureMatrix, options: EcodOptions = {}): FittedModel<EcodPart> {
  const { sides = 'each', rangeGuard = true } = options;
  return fitKernel(ecodKernel, matrix, options, MAX_FEATURES, (input) => learnEcod(input, sides, rangeGuard));
}

/** Reads a saved ECOD. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadEcod(bytes: Uint8Array): FittedModel<EcodPart> {
  return loadKernel(ecodKernel, bytes);
}
