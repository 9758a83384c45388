import { z } from 'zod';
import type { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { checkPart, damaged, type LoadedModel, takeTensor } from './file.ts';
import {
  applyScales,
  checkFinite,
  checkScales,
  checkWhole,
  type Division,
  type FitInput,
  type FittedModel,
  fitKernel,
  gatherRow,
  type Kernel,
  learnScales,
  loadKernel,
  type Scales,
  sampleRows,
  scaleTensors,
  shuffled,
} from './fit.ts';
import type { FitOptions } from './model.ts';
import { type Learner, Stream, type StreamingModel, type StreamOptions } from './streaming.ts';
import type { FeatureStatistics } from './training.ts';
import { CutTree } from './tree/cut-tree.ts';

/**
 * Robust random cut forest (Guha, Mishra, Roy, Schrijvers: Robust Random Cut Forest Based Anomaly Detection on Streams, ICML 2016).
 *
 *     raw(x) = mean over trees of the collusive displacement of x: the largest, over the nodes above it, of records beside / records with it
 *
 * Trees are cut where the data is wide: a feature is drawn in proportion to the side of the node's box, not evenly as in an isolation forest, so
 * features that say nothing take no cuts from the others. How much a record moves the others is its strangeness; that a group of twins moves them
 * together ("collusive") is what an isolation forest misses. Here a record is scored without being put in: the mean over all places where
 * it could come to lie is worked out exactly, so a score has no chance in it and one record scores the same a thousand times.
 *
 * As a stream each tree holds a sample of its own: a record enters a tree with a chance of size / window, and the record that has been longest in
 * that tree leaves, so that trees remember about the last `window` records, thinned. Putting in and taking out keep the tree as if grown on what it
 * holds. As a fitted model each tree is grown on rows drawn at random.
 *
 * **What it sees.** Records outside the data and small groups of them, as they come. **What fools it.** It measures lengths, so scales matter: features
 * are put on robust ones (`learnScales`; a stream's are frozen after warming up). In many features with noise alike every side is as long as any.
 * A burst that fills much of the trees is
 * ordinary. Mean AUROC on seven ADBench sets, fitted on all rows and on half of the normal ones: 94.4 and 96.5 (isolation forest 95.6 and 96.4).
 *
 * **Explanation.** Exact: each displacement belongs to the feature of the cut that causes it, in proportion to the chance of that cut.
 *
 * **Missing values** take the median. **Cost.** trees x about 12 levels x 4 d steps a record, as much to learn it. Memory: trees x size x 12 d
 * bytes, and 16 trees x size: 0.16 d MB.
 */
export interface CutForestOptions extends FitOptions {
  /** 1 .. 1,000, default 50. */
  readonly trees?: number;
  /** Records that a tree holds, 2 .. 4096, default 256; fewer where there are fewer rows. */
  readonly size?: number;
}

export interface CutForestStreamOptions extends CutForestOptions, StreamOptions {
  /** Recent records that the trees remember, thinned; at least `size`, default 2,048. */
  readonly window?: number;
}

const KIND = 'robust-random-cut-forest';
const TITLE = 'A robust random cut forest';
const MAX_FEATURES = 4096;
const MAX_TREES = 1000;
const MAX_SIZE = 4096;

export interface CutForest {
  readonly statistics: FeatureStatistics;
  readonly scales: Scales;
  readonly trees: readonly CutTree[];
}

/** Fits on the rows of a matrix. Throws a `ModelError` when there is no row, no feature or an option is out of range. */
export function fitRobustRandomCutForest(
  matrix: FeatureMatrix,
  options: CutForestOptions = {},
): FittedModel<CutForest> {
  const { trees, size } = checked(options);
  return fitKernel(kernel, matrix, options, MAX_FEATURES, (input) => grow(input, trees, size).forest);
}

function checked(options: CutForestOptions): { trees: number; size: number } {
  const { trees = 50, size = 256 } = options;
  checkWhole(TITLE, 'trees', trees, 1, MAX_TREES);
  checkWhole(TITLE, 'size', size, 2, MAX_SIZE);
  return { trees, size };
}

/** Begins a stream. Throws a `ModelError` when an option is out of range. */
export function streamRobustRandomCutForest(
  template: Pick<FeatureMatrix, 'features'>,
  options: CutForestStreamOptions = {},
): StreamingModel {
  const { trees, size } = checked(options);
  const { window = 2048 } = options;
  checkWhole(TITLE, 'window', window, size, 10_000_000);
  return new Stream(kernel, template, options, MAX_FEATURES, (input) => {
    const { forest, leaves } = grow(input, trees, size, true);
    return new CutForestLearner(forest, leaves, Math.min(1, size / window), input.random);
  });
}

/** Trees of `size` rows each, or of as many as there are; `roomy` trees take as many more as are missing. */
function grow(
  input: FitInput,
  count: number,
  size: number,
  roomy: boolean = false,
): { forest: CutForest; leaves: Int16Array[] } {
  const { source, rows, statistics, random } = input;
  const d = source.columns.length;
  const scales = learnScales('robust', source, rows, statistics);
  const record = new Float64Array(d);
  const leaves: Int16Array[] = [];
  const trees = Array.from({ length: count }, () => {
    const chosen = sampleRows(rows, size, random);
    const tree = new CutTree(roomy ? size : chosen.length, d);
    const order = shuffled(chosen.length, random);
    const own = new Int16Array(size);
    for (let k = 0; k < chosen.length; k++) {
      // A stream wants them in the order of time, so that the oldest leaves first; to the tree all orders are alike.
      const row = chosen[roomy ? k : order[k]];
      gatherRow(source, row, statistics, record, 0);
      own[k] = tree.insert(placed(scales, record), random);
    }
    leaves.push(own);
    return tree;
  });
  return { forest: { statistics, scales, trees }, leaves };
}

/** Scales a record in place, to numbers that a tree can hold. */
function placed(scales: Scales, record: Float64Array): Float64Array {
  applyScales(scales, record, 0, 1);
  for (let j = 0; j < record.length; j++) record[j] = Math.fround(record[j]);
  return record;
}

class CutForestLearner implements Learner<CutForest> {
  readonly part: CutForest;
  /** Leaves of the records of each tree: a ring in the order of time. */
  readonly #leaves: Int16Array[];
  readonly #oldest: Int32Array;
  readonly #chance: number;
  readonly #random: Random;
  readonly #record: Float64Array;

  constructor(part: CutForest, leaves: Int16Array[], chance: number, random: Random) {
    this.part = part;
    this.#leaves = leaves;
    this.#oldest = new Int32Array(leaves.length);
    this.#chance = chance;
    this.#random = random;
    this.#record = new Float64Array(part.scales.centre.length);
  }

  learn(record: Float64Array): void {
    this.#record.set(record);
    placed(this.part.scales, this.#record);
    this.part.trees.forEach((tree, t) => {
      // A tree that has room yet takes every record.
      const held = tree.held;
      if (held === tree.size && this.#random.float() >= this.#chance) return;
      const leaves = this.#leaves[t];
      const slot = held === tree.size ? this.#oldest[t] : held;
      if (held === tree.size) {
        tree.remove(leaves[slot]);
        this.#oldest[t] = (slot + 1) % tree.size;
      }
      leaves[slot] = tree.insert(this.#record, this.#random);
    });
  }

  copy(): CutForest {
    return { ...this.part, trees: this.part.trees.map((tree) => tree.copy()) };
  }
}

const parametersSchema = z.strictObject({
  size: z.number().int().min(1).max(MAX_SIZE),
  roots: z.array(z.number().int().min(-MAX_SIZE).max(MAX_SIZE)).min(1).max(MAX_TREES),
});

const kernel: Kernel<CutForest> = {
  kind: KIND,
  title: TITLE,

  raw(part, block, count, into, at) {
    const { scales, trees } = part;
    const d = scales.centre.length;
    applyScales(scales, block, 0, count);
    const record = new Float64Array(d);
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < d; j++) record[j] = Math.fround(block[i * d + j]);
      let total = 0;
      for (let t = 0; t < trees.length; t++) total += trees[t].displacement(record);
      into[at + i] = total / trees.length;
    }
  },

  divide(part, record): Division {
    const rawShares = new Float64Array(record.length);
    placed(part.scales, record);
    for (const tree of part.trees) tree.displacement(record, rawShares);
    for (let j = 0; j < rawShares.length; j++) rawShares[j] /= part.trees.length;
    return { rawBase: 0, rawShares, guards: new Float64Array(record.length) };
  },

  save(part) {
    const { trees, scales } = part;
    const [{ size, width }] = trees;
    const inner = Math.max(1, size - 1);
    const joined = <T extends Int16Array | Uint16Array | Float32Array>(into: T, of: (tree: CutTree) => T): T => {
      trees.forEach((tree, t) => {
        into.set(of(tree), t * of(tree).length);
      });
      return into;
    };
    const n = trees.length;
    return {
      parameters: { size, roots: trees.map((tree) => tree.root) },
      tensors: [
        ...scaleTensors(scales),
        {
          name: 'tree.points',
          shape: [n, size, width],
          data: joined(new Float32Array(n * size * width), (t) => t.points),
        },
        { name: 'tree.cut', shape: [n, inner], data: joined(new Float32Array(n * inner), (t) => t.cut) },
        { name: 'tree.feature', shape: [n, inner], data: joined(new Int16Array(n * inner), (t) => t.feature) },
        { name: 'tree.left', shape: [n, inner], data: joined(new Int16Array(n * inner), (t) => t.left) },
        { name: 'tree.right', shape: [n, inner], data: joined(new Int16Array(n * inner), (t) => t.right) },
        { name: 'tree.count', shape: [n, size], data: joined(new Uint16Array(n * size), (t) => t.count) },
      ],
    };
  },

  load(file: LoadedModel): CutForest {
    const { size, roots } = checkPart(file.parameters, parametersSchema, 'parameters');
    const d = file.featureNames.length;
    const n = roots.length;
    const inner = Math.max(1, size - 1);
    const scales = {
      centre: takeTensor(file.tensors, 'scale.centre', 'F64', [d]),
      scale: takeTensor(file.tensors, 'scale.scale', 'F64', [d]),
    };
    checkScales(scales);
    const points = takeTensor(file.tensors, 'tree.points', 'F32', [n, size, d]);
    const cut = takeTensor(file.tensors, 'tree.cut', 'F32', [n, inner]);
    const feature = takeTensor(file.tensors, 'tree.feature', 'I16', [n, inner]);
    const left = takeTensor(file.tensors, 'tree.left', 'I16', [n, inner]);
    const right = takeTensor(file.tensors, 'tree.right', 'I16', [n, inner]);
    const count = takeTensor(file.tensors, 'tree.count', 'U16', [n, size]);
    checkFinite(points, 'its records');
    checkFinite(cut, 'its cuts');
    const trees = roots.map((root, t) => {
      const tree = new CutTree(size, d);
      tree.points.set(points.subarray(t * size * d, (t + 1) * size * d));
      tree.cut.set(cut.subarray(t * inner, (t + 1) * inner));
      tree.feature.set(feature.subarray(t * inner, (t + 1) * inner));
      tree.left.set(left.subarray(t * inner, (t + 1) * inner));
      tree.right.set(right.subarray(t * inner, (t + 1) * inner));
      tree.count.set(count.subarray(t * size, (t + 1) * size));
      tree.root = root;
      if (!tree.complete()) throw damaged(`its tree ${t} does not hold together`);
      return tree;
    });
    return { statistics: file.statistics, scales, trees };
  },
};

/** Reads a saved forest. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadRobustRandomCutForest(bytes: Uint8Array): FittedModel<CutForest> {
  return loadKernel(kernel, bytes);
}
