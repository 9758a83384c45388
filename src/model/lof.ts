import { z } from 'zod';
import { medianSorted } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { checkPart } from './file.ts';
import {
  applyScales,
  checkFooting,
  checkWhole,
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
  type PointIndex,
  pointTensors,
  Searcher,
} from './neighbour.ts';

/**
 * Local outlier factor (Breunig, Kriegel, Ng, Sander: LOF, SIGMOD 2000): how much thinner it is around a record than around its neighbours.
 *
 *     reach(x, o) = max(distance of o to its own k-th neighbour, distance of x and o)
 *     lrd(x) = 1 / (mean of reach(x, o) over the k nearest points o + 1e-10)
 *     raw(x) = ln LOF(x) = ln(mean of lrd(o) over the k nearest / lrd(x))
 *
 * 0: as dense as its neighbours; ln 2: half as dense. The logarithm makes one scale of "ten times thinner" wherever it is. With `footing: 'standard'`
 * exp(raw) is minus scikit-learn's `score_samples` of `novelty=True`, wherever no heap of copies is denser than follows.
 *
 * **Duplicates, and k as a share.** Rows that are the same are one point with a count, and count as rows. Where a heap has more than k copies, reach is
 * 0 and density infinite; all that lies near the heap would look endlessly strange. So no reach is taken to be shorter than a tenth of the
 * median point's distance to its k-th neighbour: nothing is denser than about ten times the usual. k is 5 % of the rows kept, at least 20: twenty
 * neighbours are at home in any twenty strange records alike.
 *
 * Mean AUROC on seven ADBench sets, unsupervised and semi-supervised (`node bench/adbench.ts --model lof --seeds 1`, `--semi`): 90.6 and 94.2; twenty
 * neighbours among all rows 94.6 semi-supervised (published: 60.2 and 94.7). Counting different points alone, the paper's k-distinct-distance, gave
 * 88.0 and 92.1: on `mammography`, where every third row is a copy, 62 and 67 instead of 80 and 83.
 *
 * **What it sees.** Records at the rim of a dense group, which kNN passes because elsewhere such distances are common.
 * **What fools it.** Strange records alike that are more than k: inside such a group all is as dense as its neighbours. A record between
 * a dense and a wide group counts as strange for being near the dense one. Many features, and scales, as kNN.
 * **Explanation.** LOF is no sum. What can be divided exactly is the mean of reach(x, o), as each reach points in the direction of its neighbour: a
 * feature's part is that of its squared difference, and its share that part of ln LOF. It says in which features the record is away from its
 * neighbours; why these are dense it does not say.
 * **Cost.** Fit: `members` searches, sample and tree, calibration. Score: one search, as kNN. Memory: members x features.
 */
export interface LofOptions extends FitOptions {
  /** k, 1 .. 2000. Default: 5 % of the rows kept, at least 20; fewer where there are fewer rows. */
  readonly neighbours?: number;
  /** Rows kept, drawn at random where there are more, 1 .. 100,000, default 2048. */
  readonly members?: number;
  /** How features are scaled, default 'robust'. */
  readonly footing?: Footing;
}

const KIND = 'lof';
const TITLE = 'LOF';
const MAX_FEATURES = 10_000;
const MAX_NEIGHBOURS = 2000;
/** What scikit-learn adds to a mean distance, so that its inverse is finite. */
export const LEAST_REACH = 1e-10;
/** How many times as dense as it is around the median point it can be anywhere. */
const DENSEST = 10;
const SHARE = 0.05;
const LEAST_NEIGHBOURS = 20;

export interface LofPart extends FittedPart {
  readonly neighbours: number;
  readonly index: PointIndex;
  /** For each point the distance to its k-th neighbour, and its local reachability density. Computed from the points. */
  readonly reach: Float64Array;
  readonly density: Float64Array;
  /** No reach is taken to be shorter. */
  readonly least: number;
}

function complete(part: Omit<LofPart, 'reach' | 'density' | 'least'>): LofPart {
  const { neighbours, index } = part;
  const { count, d, scaled, place, counts } = index;
  const reach = new Float64Array(count);
  const density = new Float64Array(count);
  // Each row finds itself, too, and is left out afterwards: of a point with copies the others remain.
  const wanted = Math.min(neighbours, index.rowCount - 1) + 1;
  const searcher = new Searcher(index, wanted, true);
  const width = Math.min(wanted, count);
  const near = new Int32Array(count * width);
  const distance = new Float64Array(count * width);
  const weight = new Float64Array(count * width);
  for (let point = 0; point < count; point++) {
    searcher.search(scaled, place[point] * d);
    let rows = 0;
    for (let k = 0, o = point * width; k < searcher.found; k++, o++) {
      near[o] = searcher.point[k];
      distance[o] = searcher.distance[k];
      weight[o] = Math.min(counts[near[o]], wanted - rows);
      rows += weight[o];
      if (near[o] === point) weight[o]--;
      if (weight[o] > 0) reach[point] = distance[o];
    }
  }
  const positive = reach.filter((r) => r > 0).sort();
  const least = positive.length > 0 ? medianSorted(positive, 0, positive.length) / DENSEST : 0;
  for (let point = 0; point < count; point++) {
    let total = 0;
    let rows = 0;
    for (let o = point * width; o < (point + 1) * width; o++) {
      total += weight[o] * Math.max(reach[near[o]], distance[o], least);
      rows += weight[o];
    }
    density[point] = 1 / ((rows > 0 ? total / rows : 0) + LEAST_REACH);
  }
  return { ...part, reach, density, least };
}

const kernel: Kernel<LofPart> = {
  kind: KIND,
  title: TITLE,
  raw({ neighbours, index, reach, density, least }, block, count, into, at) {
    const { d, counts, scales } = index;
    applyScales(scales, block, 0, count);
    const searcher = new Searcher(index, neighbours, true);
    const { point, distance } = searcher;
    for (let i = 0; i < count; i++) {
      searcher.search(block, i * d);
      const { found } = searcher;
      let reached = 0;
      let dense = 0;
      let rows = 0;
      for (let k = 0; k < found; k++) {
        const weight = Math.min(counts[point[k]], neighbours - rows);
        rows += weight;
        reached += weight * Math.max(reach[point[k]], distance[k], least);
        dense += weight * density[point[k]];
      }
      into[at + i] = Math.log((dense / rows) * (reached / rows + LEAST_REACH));
    }
  },
  divide(part, record) {
    const { neighbours, index, reach, least } = part;
    const { d, counts, scales, scaled, place } = index;
    const score = new Float64Array(1);
    kernel.raw(part, record.slice(), 1, score, 0);
    applyScales(scales, record, 0, 1);
    const searcher = new Searcher(index, neighbours, true);
    searcher.search(record, 0);
    const parts = new Float64Array(d);
    let rows = 0;
    for (let k = 0; k < searcher.found; k++) {
      const point = searcher.point[k];
      const length = searcher.distance[k];
      const weight = Math.min(counts[point], neighbours - rows);
      rows += weight;
      const reached = weight * Math.max(reach[point], length, least);
      const o = place[point] * d;
      // The record is that point: no direction, so all features alike.
      for (let j = 0; j < d; j++)
        parts[j] += length > 0 ? reached * ((record[j] - scaled[o + j]) / length) ** 2 : reached / d;
    }
    const whole = parts.reduce((a, b) => a + b, 0);
    return {
      rawBase: 0,
      rawShares: parts.map((own) => score[0] * (whole > 0 ? own / whole : 1 / d)),
      guards: new Float64Array(d),
    };
  },
  save({ neighbours, index }) {
    return { parameters: { neighbours, points: index.count }, tensors: pointTensors(index) };
  },
  load(file) {
    const { neighbours, points } = checkPart(file.parameters, parametersSchema, 'parameters');
    return complete({ statistics: file.statistics, neighbours, index: indexPoints(loadPoints(file, points)) });
  },
};

const parametersSchema = z.strictObject({
  neighbours: z.number().int().min(1).max(MAX_NEIGHBOURS),
  points: z.number().int().min(1).max(MAX_MEMBERS),
});

/** Fits LOF. Throws a `ModelError` when there is no row or no feature, or an option is out of range. */
export function fitLof(matrix: FeatureMatrix, options: LofOptions = {}): FittedModel<LofPart> {
  const { neighbours, members = 2048, footing = 'robust' } = options;
  checkWhole(TITLE, 'members', members, 1, MAX_MEMBERS);
  if (neighbours !== undefined) checkWhole(TITLE, 'neighbours', neighbours, 1, MAX_NEIGHBOURS);
  checkFooting(TITLE, footing);
  return fitKernel(kernel, matrix, options, MAX_FEATURES, (input) => {
    const index = indexPoints(learnPoints(input, members, footing));
    return complete({
      statistics: input.statistics,
      neighbours: neighbours ?? Math.min(MAX_NEIGHBOURS, Math.max(LEAST_NEIGHBOURS, Math.ceil(SHARE * index.rowCount))),
      index,
    });
  });
}

/** Reads a saved LOF. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadLof(bytes: Uint8Array): FittedModel<LofPart> {
  return loadKernel(kernel, bytes);
}
