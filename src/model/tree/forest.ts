import type { Random } from '../../core/index.ts';
import { FLOAT32_MAX } from '../training.ts';
import { chooseBlockRows, MAX_DEPTH, type PackedForest } from './walk.ts';

/**
 * Isolation trees (Liu, Ting, Zhou: Isolation Forest, ICDM 2008), with the semantics of scikit-learn.
 *
 * A tree splits a small random subsample at random: a feature picked evenly among those that still vary in the node, a threshold drawn evenly
 * between its smallest and largest value there, down to ceil(log2 psi) levels. What is strange is alone after few splits. A tree is a perfect
 * binary heap, node 0 the root, children of i at 2i+1 and 2i+2, so it can neither have a cycle nor point outside itself.
 */
export interface Forest {
  readonly featureCount: number;
  readonly treeCount: number;
  /** psi: rows that each tree was grown on, 1 .. MAX_SUBSAMPLE. */
  readonly subsample: number;
  /** Split feature of each inner node, -1 where there is no split. treeCount x (2^depth - 1). */
  readonly feature: Int16Array;
  /** A record goes left when its value <= threshold. 0 where there is no split. treeCount x (2^depth - 1). */
  readonly threshold: Float32Array;
  /** Rows of the subsample that reached the node, 0 where there is no node. treeCount x (2^(depth+1) - 1). */
  readonly size: Uint16Array;
}

export const MAX_SUBSAMPLE = 2 ** MAX_DEPTH;
export const MAX_FEATURES = 32_767;
export const MAX_TREES = 10_000;

/** Levels of splits for a subsample of psi rows: ceil(log2 psi), at least 1 so that there is a place to hang the length on. */
export function depthFor(subsample: number): number {
  return Math.max(1, Math.ceil(Math.log2(subsample)));
}

/** Euler-Mascheroni. */
const GAMMA = 0.5772156649015329;

/**
 * c(n): mean length of an unsuccessful search in a binary search tree of n keys, 2 H(n-1) - 2 (n-1)/n with H(i) = ln i + gamma; c(2) = 1,
 * c(n <= 1) = 0. Stands for the part of a path that the depth limit cut off, and for an ordinary path when scores are normalised.
 */
export function averagePathLength(n: number): number {
  if (n <= 1) return 0;
  if (n === 2) return 1;
  return 2 * (Math.log(n - 1) + GAMMA) - (2 * (n - 1)) / n;
}

/**
 * Grows a forest on the given rows of a row-major matrix with d columns. Missing values take `fallback` of their feature, infinities the
 * largest finite float. `rows` must not be empty, and is left in another order: a copy of a million costs as much as a quarter of the forest. Costs about treeCount x psi x depth steps, whatever the number of rows.
 */
export function growForest(
  values: Float32Array,
  d: number,
  rows: Int32Array,
  fallback: Float64Array,
  options: { readonly trees: number; readonly subsample: number; readonly random: Random },
): Forest {
  const { trees, random } = options;
  const psi = Math.min(options.subsample, rows.length);
  const inner = 2 ** depthFor(psi) - 1;
  const all = 2 * inner + 1;
  const ground: Ground = {
    values,
    d,
    psi,
    fallback,
    random,
    feature: new Int16Array(trees * inner).fill(-1),
    threshold: new Float32Array(trees * inner),
    size: new Uint16Array(trees * all),
    pool: rows,
    columns: new Float32Array(psi * d),
    order: new Int32Array(psi),
    first: new Int32Array(all),
    candidates: new Int32Array(d),
  };
  for (let tree = 0; tree < trees; tree++) {
    drawSubsample(ground);
    gatherSubsample(ground);
    const varying = findVarying(ground);
    ground.size[tree * all] = psi;
    ground.first[0] = 0;
    for (let node = 0; node < inner; node++)
      if (ground.size[tree * all + node] >= 2) splitNode(ground, tree * inner, tree * all, node, varying);
  }
  const { feature, threshold, size } = ground;
  return { featureCount: d, treeCount: trees, subsample: psi, feature, threshold, size };
}

/**
 * What trees grow from, one after the other. The steps are functions of their own that run often: V8 compiles a long loop within a function that is called once
 * for this one time, which costs as much again as the loop.
 */
interface Ground {
  readonly values: Float32Array;
  readonly d: number;
  readonly psi: number;
  readonly fallback: Float64Array;
  readonly random: Random;
  /** Of the forest. */
  readonly feature: Int16Array;
  readonly threshold: Float32Array;
  readonly size: Uint16Array;
  /** All rows, those of the present tree first. */
  readonly pool: Int32Array;
  /** Values of the subsample, feature after feature. */
  readonly columns: Float32Array;
  /** Places in the subsample, those of a node behind each other. */
  readonly order: Int32Array;
  /** Where in `order` each node's begin. */
  readonly first: Int32Array;
  /** Features, those first that may still vary. */
  readonly candidates: Int32Array;
}

/** The first psi steps of a Fisher-Yates shuffle. The pool stays as one tree left it: any order is as good a start as any other. */
function drawSubsample({ pool, order, psi, random }: Ground): void {
  for (let k = 0; k < psi; k++) {
    const other = k + random.below(pool.length - k);
    const row = pool[other];
    pool[other] = pool[k];
    pool[k] = row;
    order[k] = k;
  }
}

/**
 * Apart from the drawing, and feature by feature: so the first look at each row does not wait for that at the one before, and dozens of them are on their way from
 * memory at a time. Row by row takes five times as long where the rows are many.
 */
function gatherSubsample({ values, d, psi, pool, columns, fallback }: Ground): void {
  for (let j = 0, at = 0; j < d; j++) {
    for (let k = 0; k < psi; k++, at++) {
      const v = values[pool[k] * d + j];
      if (v >= -FLOAT32_MAX && v <= FLOAT32_MAX) columns[at] = v;
      else columns[at] = Number.isNaN(v) ? fallback[j] : v > 0 ? FLOAT32_MAX : -FLOAT32_MAX;
    }
  }
}

/** What is constant in the whole subsample is constant in every node. Returns how many features are not. */
function findVarying({ d, psi, columns, candidates }: Ground): number {
  let varying = 0;
  for (let j = 0; j < d; j++) {
    const at = j * psi;
    let k = 1;
    while (k < psi && columns[at + k] === columns[at]) k++;
    if (k < psi) candidates[varying++] = j;
  }
  return varying;
}

/** Splits a node of at least two rows, unless they are alike. @param innerAt the tree's place in `feature` and `threshold`. @param sizeAt and in `size`. */
function splitNode(ground: Ground, innerAt: number, sizeAt: number, node: number, varying: number): void {
  const { psi, columns, order, first, candidates, feature, threshold, size, random } = ground;
  const from = first[node];
  const to = from + size[sizeAt + node];
  let remaining = varying;
  while (remaining > 0) {
    const pick = random.below(remaining);
    const j = candidates[pick];
    candidates[pick] = candidates[--remaining];
    candidates[remaining] = j;
    const at = j * psi;
    let min = columns[at + order[from]];
    let max = min;
    for (let k = from + 1; k < to; k++) {
      const v = columns[at + order[k]];
      if (v < min) min = v;
      else if (v > max) max = v;
    }
    if (min === max) continue;
    // Rounding may reach the maximum, which would leave the right side empty; the minimum is the nearest threshold that splits.
    let cut = Math.fround(min + (max - min) * random.float());
    if (!(cut < max) || cut < min) cut = min;
    let left = from;
    let right = to - 1;
    while (left <= right) {
      const k = order[left];
      if (columns[at + k] <= cut) left++;
      else {
        order[left] = order[right];
        order[right--] = k;
      }
    }
    feature[innerAt + node] = j;
    threshold[innerAt + node] = cut;
    first[2 * node + 1] = from;
    first[2 * node + 2] = left;
    size[sizeAt + 2 * node + 1] = left - from;
    size[sizeAt + 2 * node + 2] = to - left;
    return;
  }
}

/**
 * Says what is wrong with a forest that came from outside, or undefined when all of it holds together: every split on a feature that exists
 * at a finite threshold, every node as large as its children, every leaf without children, every root as large as the subsample.
 */
export function forestFault(forest: Forest): string | undefined {
  const { treeCount, subsample, featureCount, feature, threshold, size } = forest;
  const depth = depthFor(subsample);
  const inner = 2 ** depth - 1;
  const all = 2 * inner + 1;
  if (
    feature.length !== treeCount * inner ||
    threshold.length !== treeCount * inner ||
    size.length !== treeCount * all
  ) {
    return 'its trees do not have the size that its parameters say';
  }
  for (let tree = 0; tree < treeCount; tree++) {
    const sizes = tree * all;
    if (size[sizes] !== subsample) return `tree ${tree} was not grown on ${subsample} rows`;
    for (let node = 0; node < inner; node++) {
      const at = tree * inner + node;
      const j = feature[at];
      const left = size[sizes + 2 * node + 1];
      const right = size[sizes + 2 * node + 2];
      if (j === -1) {
        if (left !== 0 || right !== 0) return `leaf ${node} of tree ${tree} has children`;
        if (threshold[at] !== 0) return `leaf ${node} of tree ${tree} has a threshold`;
      } else {
        if (j < 0 || j >= featureCount) return `node ${node} of tree ${tree} splits on feature ${j} of ${featureCount}`;
        if (!Number.isFinite(threshold[at])) return `node ${node} of tree ${tree} has a threshold that is not finite`;
        if (left === 0 || right === 0 || left + right !== size[sizes + node]) {
          return `node ${node} of tree ${tree} is not as large as its children`;
        }
      }
    }
  }
  return undefined;
}

/** The forest in the layout of the walk. The length at the end of a path is the number of edges to its leaf plus c(rows in the leaf). */
export function packForest(forest: Forest): PackedForest {
  const { treeCount, featureCount, subsample } = forest;
  const depth = depthFor(subsample);
  const blockRows = chooseBlockRows(featureCount);
  const packed = {
    treeCount,
    depth,
    featureCount,
    blockRows,
    bytes: new ArrayBuffer(treeCount * 2 ** (depth + 1) * 8),
  };
  const leafTerm = Float64Array.from({ length: subsample + 1 }, (_, n) => averagePathLength(n));
  const parts = [new Int32Array(packed.bytes), new Float32Array(packed.bytes), new Float64Array(packed.bytes)] as const;
  for (let tree = 0; tree < treeCount; tree++) packTree(forest, packed, parts, leafTerm, tree);
  return packed;
}

function packTree(
  { feature, threshold, size }: Forest,
  { depth, blockRows }: PackedForest,
  [offsets, thresholds, lengths]: readonly [Int32Array, Float32Array, Float64Array],
  leafTerm: Float64Array,
  tree: number,
): void {
  const entries = 2 ** (depth + 1);
  const all = entries - 1;
  const inner = all >> 1;
  const base = tree * entries;
  for (let node = 0; node < all; node++) {
    const entry = base + node + 1;
    if (node < inner) {
      const j = feature[tree * inner + node];
      offsets[2 * entry] = j === -1 ? 0 : j * blockRows * 4;
      thresholds[2 * entry + 1] = j === -1 ? Number.POSITIVE_INFINITY : threshold[tree * inner + node];
      if (j !== -1) continue;
    }
    const rows = size[tree * all + node];
    if (rows === 0) continue;
    const level = 31 - Math.clz32(node + 1);
    lengths[base + ((node + 1) << (depth - level))] = level + leafTerm[rows];
  }
}
