import { z } from 'zod';
import type { FeatureMatrix } from '../feature/index.ts';
import { checkPart } from './file.ts';
import {
  applyScales,
  checkFooting,
  checkWhole,
  type FitInput,
  type FittedModel,
  type FittedPart,
  type Footing,
  fitKernel,
  type Kernel,
  loadKernel,
} from './fit.ts';
import type { FitOptions } from './model.ts';
import {
  indexPoints,
  learnPoints,
  loadPoints,
  MAX_MEMBERS,
  nearestDistances,
  type PointIndex,
  pointTensors,
  Searcher,
} from './neighbour.ts';

/**
 * k nearest neighbours (Ramaswamy, Rastogi, Shim 2000; the mean distance: Angiulli, Pizzuti 2002): how far it is to the rows that are most like this one.
 *
 *     raw(x) = mean distance to the k nearest fitted rows          Euclidean, in scaled features
 *
 * **Duplicates, and k as a share.** Network data repeats itself. With the customary five neighbours, five copies of an attack in the fitted rows
 * hide all the others: on ADBench's `http` that gives an AUROC of 0.05, worse than asking a coin to be wrong. So k is not a number but a share: a
 * random sample of at most `members` rows is kept, rows that are the same as one point with a count, and the neighbourhood is as wide as it takes
 * to hold 2 % of the sampled rows, at least 5. A record is strange when less than that is like it; 195 copies among 50,000 rows are.
 * Many small random subsets and the distance to the nearest of each (LeSiNN, Pang, Ting, Albrecht 2015) come to the same: the mean over all subsets
 * is a mean over neighbours whose weights fall geometrically with their rank. One index with a wide neighbourhood gives it exactly, without
 * drawing 64 of them.
 *
 * Mean AUROC on seven ADBench sets, unsupervised and semi-supervised (`node bench/adbench.ts --model knn --seeds 2`, `--semi`): 91.6 and 95.5;
 * with the largest distance to five neighbours among all rows 72.7 and 95.8 (published: 76.5 and 95.8). With 1 % instead of 2 it was 89.9 and
 * 95.4, with 5 % 93.6 and 95.3. So a share keeps visible what is rare but in the fitted rows, and costs a little where all of them are ordinary.
 *
 * **What it sees.** Records in places where few were, also strange combinations of common values.
 * **What fools it.** Attacks that are more than 2 % of the fitted rows. Scales: a feature that was given too large a unit drowns the others, so features
 * are scaled inside (`footing`). Dozens of features that say nothing make all distances alike. Groups of different density: what is far in
 * a dense group is near in a wide one (LOF asks that).
 * **Explanation.** Each distance is divided among the features by their part of its square, diff^2 / distance: exact, and 0 for a feature in which
 * the record is like its neighbours.
 * **Cost.** Fit: sample and index, calibration. Score: rough distances to all of `members`, exact ones to about as many as are neighbours (neighbour.ts).
 * Memory: members x features.
 */
export interface KnnOptions extends FitOptions {
  /** Rows in a neighbourhood, 1 .. 2000. Default: 2 % of the rows kept, at least 5. */
  readonly neighbours?: number;
  /** Rows kept, drawn at random where there are more, 1 .. 100,000, default 2048. */
  readonly members?: number;
  /** Mean distance to the neighbourhood (default), or the distance to its farthest row. */
  readonly distance?: 'mean' | 'largest';
  /** How features are scaled, default 'robust'. */
  readonly footing?: Footing;
}

const KIND = 'knn';
const TITLE = 'kNN';
const MAX_FEATURES = 10_000;
const MAX_NEIGHBOURS = 2000;
const SHARE = 0.02;
const LEAST_NEIGHBOURS = 5;

export interface KnnPart extends FittedPart {
  readonly neighbours: number;
  readonly distance: 'mean' | 'largest';
  readonly index: PointIndex;
}

/** The part of a kNN that keeps at most `members` rows and looks at `neighbours` of them, of which undefined is the usual share. */
export function learnKnn(
  input: FitInput,
  members: number,
  neighbours: number | ((rowCount: number) => number) | undefined,
  distance: 'mean' | 'largest',
  footing: Footing,
): KnnPart {
  const index = indexPoints(learnPoints(input, members, footing));
  const usual = Math.max(LEAST_NEIGHBOURS, Math.ceil(SHARE * index.rowCount));
  const wanted = typeof neighbours === 'function' ? neighbours(index.rowCount) : (neighbours ?? usual);
  return { statistics: input.statistics, neighbours: wanted, distance, index };
}

/** See the top of this file; an ensemble has it as a member. */
export const knnKernel: Kernel<KnnPart> = {
  kind: KIND,
  title: TITLE,
  raw({ neighbours, distance, index }, block, count, into, at) {
    const { d, scales } = index;
    applyScales(scales, block, 0, count);
    if (neighbours === 1) {
      nearestDistances(index, block, 0, count, into, at);
      return;
    }
    const searcher = new Searcher(index, neighbours, true);
    for (let i = 0; i < count; i++) {
      if (distance === 'mean') into[at + i] = searcher.meanDistance(block, i * d);
      else {
        searcher.search(block, i * d);
        into[at + i] = searcher.distance[searcher.found - 1];
      }
    }
  },
  divide(part, record) {
    const { neighbours, distance, index } = part;
    const { d, counts, scales, scaled, place } = index;
    const raw = new Float64Array(1);
    knnKernel.raw(part, record.slice(), 1, raw, 0);
    applyScales(scales, record, 0, 1);
    const searcher = new Searcher(index, neighbours, true);
    searcher.search(record, 0);
    const shares = new Float64Array(d);
    let rows = 0;
    for (let k = distance === 'largest' ? searcher.found - 1 : 0; k < searcher.found; k++) {
      const point = searcher.point[k];
      const length = searcher.distance[k];
      const weight = Math.min(counts[point], neighbours - rows);
      rows += weight;
      if (length === 0) continue;
      const o = place[point] * d;
      for (let j = 0; j < d; j++) shares[j] += (weight * (record[j] - scaled[o + j]) ** 2) / length;
    }
    // The score is a sum of rounded distances (`meanDistance`): what the rounding makes is divided like the rest, or far out it would be more than the 1e-9 that shares may be off by.
    let sum = 0;
    for (const share of shares) sum += share;
    const factor = sum > 0 ? raw[0] / sum : 1 / rows;
    return { rawBase: 0, rawShares: shares.map((share) => share * factor), guards: new Float64Array(d) };
  },
  save({ neighbours, distance, index }) {
    return { parameters: { neighbours, distance, points: index.count }, tensors: pointTensors(index) };
  },
  load(file) {
    const { neighbours, distance, points } = checkPart(file.parameters, parametersSchema, 'parameters');
    return { statistics: file.statistics, neighbours, distance, index: indexPoints(loadPoints(file, points)) };
  },
};

const parametersSchema = z.strictObject({
  neighbours: z.number().int().min(1).max(MAX_NEIGHBOURS),
  distance: z.enum(['mean', 'largest']),
  points: z.number().int().min(1).max(MAX_MEMBERS),
});

/** Fits kNN. Throws a `ModelError` when there is no row or no feature, or an option is out of range. */
export function fitKnn(matrix: FeatureMatrix, options: KnnOptions = {}): FittedModel<KnnPart> {
  const { neighbours, members = 2048, distance = 'mean', footing = 'robust' } = options;
  checkWhole(TITLE, 'members', members, 1, MAX_MEMBERS);
  if (neighbours !== undefined) checkWhole(TITLE, 'neighbours', neighbours, 1, MAX_NEIGHBOURS);
  checkFooting(TITLE, footing);
  return fitKernel(knnKernel, matrix, options, MAX_FEATURES, (input) =>
    learnKnn(input, members, neighbours, distance, footing),
  );
}

/** Reads a saved kNN. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadKnn(bytes: Uint8Array): FittedModel<KnnPart> {
  return loadKernel(knnKernel, bytes);
}
