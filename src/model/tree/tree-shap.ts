import { averagePathLength, depthFor, type Forest } from './forest.ts';

/**
 * Exact Shapley values of the mean path length of an isolation forest (Lundberg, Erion, Lee: Consistent Individualized Feature Attribution for
 * Tree Ensembles, 2018, algorithm 2, path-dependent form).
 *
 * The game: a coalition S of features knows the record's values of S. The worth v(S) of a coalition is the mean path length a record would have
 * if it goes where the value says at splits on S, and both ways at all others, weighted with the rows of the subsample that went there. So
 * v(all) is the record's own path length h(x), and v(none) the mean over the training rows, where a node's expectation is the size-weighted
 * mean of its children (a plain mean of the two would not add up). A feature's Shapley value is its mean marginal worth over all orders in
 * which the features may become known; the values add up to v(all) - v(none) by construction.
 *
 * What it can't say: features that go together share what either of them would carry alone, in proportions that depend on how the trees
 * happened to split; and "unknown" means as in the training rows that reached the node, not as in nature.
 *
 * Cost: O(trees x leaves x depth^2), a few milliseconds for 100 trees of 256 leaves. Sums are in double precision; with at most 12
 * features on a path the error stays near 1e-13.
 */
export interface PathLengthShares {
  /** Mean path length of the training rows, over the trees. */
  readonly base: number;
  /** Share of each feature; base plus all shares is the mean path length of the record. Negative is shorter, which is stranger. */
  readonly shares: Float64Array;
}

/** @param record one finite value for each feature of the forest. */
export function explainPathLength(forest: Forest, record: Float32Array): PathLengthShares {
  const { treeCount, subsample, featureCount, feature, threshold, size } = forest;
  const depth = depthFor(subsample);
  const inner = 2 ** depth - 1;
  const all = 2 * inner + 1;
  const shares = new Float64Array(featureCount);
  let base = 0;

  // One path of unique features for each level of the recursion; entry 0 of a path is a placeholder that belongs to no feature.
  const width = depth + 2;
  const pathFeature = new Int32Array(width * width);
  /** Share of the training rows that goes this way when the feature is unknown, and 1 or 0 whether the record does when it is known. */
  const unknown = new Float64Array(width * width);
  const known = new Float64Array(width * width);
  /** Weight of all coalitions of each size along the path. */
  const weight = new Float64Array(width * width);

  let innerAt = 0;
  let sizeAt = 0;

  /** Appends a feature to the path that starts at `at` and has `length` entries. */
  const extend = (at: number, length: number, j: number, unknownShare: number, knownShare: number): void => {
    pathFeature[at + length] = j;
    unknown[at + length] = unknownShare;
    known[at + length] = knownShare;
    weight[at + length] = length === 0 ? 1 : 0;
    for (let i = length - 1; i >= 0; i--) {
      weight[at + i + 1] += (knownShare * weight[at + i] * (i + 1)) / (length + 1);
      weight[at + i] = (unknownShare * weight[at + i] * (length - i)) / (length + 1);
    }
  };

  /** Takes entry `index` out of a path of `length` entries, as if it had never been appended. */
  const unwind = (at: number, length: number, index: number): void => {
    const last = length - 1;
    const one = known[at + index];
    const zero = unknown[at + index];
    let next = weight[at + last];
    for (let i = last - 1; i >= 0; i--) {
      if (one !== 0) {
        const kept = weight[at + i];
        weight[at + i] = (next * length) / ((i + 1) * one);
        next = kept - (weight[at + i] * zero * (last - i)) / length;
      } else {
        weight[at + i] = (weight[at + i] * length) / (zero * (last - i));
      }
    }
    for (let i = index; i < last; i++) {
      pathFeature[at + i] = pathFeature[at + i + 1];
      unknown[at + i] = unknown[at + i + 1];
      known[at + i] = known[at + i + 1];
    }
  };

  /** The sum of the weights that the path would have without entry `index`. */
  const weightWithout = (at: number, length: number, index: number): number => {
    const last = length - 1;
    const one = known[at + index];
    const zero = unknown[at + index];
    let next = weight[at + last];
    let total = 0;
    for (let i = last - 1; i >= 0; i--) {
      if (one !== 0) {
        const w = next / ((i + 1) * one);
        total += w;
        next = weight[at + i] - w * zero * (last - i);
      } else {
        total += weight[at + i] / (zero * (last - i));
      }
    }
    return total * length;
  };

  const descend = (
    node: number,
    level: number,
    parent: number,
    parentLength: number,
    unknownShare: number,
    knownShare: number,
    j: number,
  ): void => {
    const at = level * width;
    for (let i = 0; i < parentLength; i++) {
      pathFeature[at + i] = pathFeature[parent + i];
      unknown[at + i] = unknown[parent + i];
      known[at + i] = known[parent + i];
      weight[at + i] = weight[parent + i];
    }
    extend(at, parentLength, j, unknownShare, knownShare);
    let length = parentLength + 1;

    const split = node < inner ? feature[innerAt + node] : -1;
    if (split === -1) {
      const rows = size[sizeAt + node];
      const value = level + averagePathLength(rows);
      base += (value * rows) / subsample;
      for (let i = 1; i < length; i++) {
        shares[pathFeature[at + i]] += weightWithout(at, length, i) * (known[at + i] - unknown[at + i]) * value;
      }
      return;
    }

    // A feature that is already on the path is taken out and comes back with both splits folded into one.
    let unknownBefore = 1;
    let knownBefore = 1;
    for (let i = 1; i < length; i++) {
      if (pathFeature[at + i] !== split) continue;
      unknownBefore = unknown[at + i];
      knownBefore = known[at + i];
      unwind(at, length, i);
      length--;
      break;
    }
    const left = 2 * node + 1;
    const right = left + 1;
    const goesRight = record[split] > threshold[innerAt + node];
    const rows = size[sizeAt + node];
    descend(
      left,
      level + 1,
      at,
      length,
      (unknownBefore * size[sizeAt + left]) / rows,
      goesRight ? 0 : knownBefore,
      split,
    );
    descend(
      right,
      level + 1,
      at,
      length,
      (unknownBefore * size[sizeAt + right]) / rows,
      goesRight ? knownBefore : 0,
      split,
    );
  };

  for (let tree = 0; tree < treeCount; tree++) {
    innerAt = tree * inner;
    sizeAt = tree * all;
    descend(0, 0, 0, 0, 1, 1, -1);
  }
  for (let j = 0; j < featureCount; j++) shares[j] /= treeCount;
  return { base: base / treeCount, shares };
}
