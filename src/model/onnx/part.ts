import { z } from 'zod';
import type { Calibration } from '../calibration.ts';
import type { CopodPart } from '../copod.ts';
import type { EcodPart } from '../ecod.ts';
import type { ExtendedForest } from '../extended-isolation-forest.ts';
import { robustScales, type Scales, SOFT_LIMIT } from '../fit.ts';
import { HALF, LIMIT } from '../guard.ts';
import { type HalfSpaceTrees, SMALL } from '../half-space-trees.ts';
import type { HbosPart } from '../hbos.ts';
import type { Histograms } from '../histogram.ts';
import type { Autoencoder, KitNet } from '../kitnet.ts';
import type { KnnPart } from '../knn.ts';
import type { LodaPart } from '../loda.ts';
import { LEAST_REACH, type LofPart } from '../lof.ts';
import type { MinimumCovariance } from '../minimum-covariance-determinant.ts';
import type { PointIndex } from '../neighbour.ts';
import type { OneClassSvm } from '../one-class-svm.ts';
import { keepsFew, type PcaPart, ROUNDING, SOFT_RAW } from '../pca.ts';
import type { TailPart } from '../tail.ts';
import { type FeatureStatistics, FLOAT32_MAX } from '../training.ts';
import { MAX_OUT, SOFT, type Transforms } from '../transform.ts';
import { averagePathLength, depthFor, type Forest } from '../tree/forest.ts';
import type { GraphBuilder, Ref } from './graph.ts';

/**
 * The arithmetic of each kind of model as operations of a graph: the same steps in the same order as the kind's own `raw`, in float64, so that sums
 * of equal terms come out equal. What differs is the last digits of logarithms, cosines and products of matrices.
 *
 * Every function takes the records as `cleanRecords` leaves them, float64 of shape [n, d], and returns raw scores of shape [n].
 */

/** What `gatherRow` does: the median for what is missing, the largest numbers for infinities, 0 for features never seen. */
export function cleanRecords(g: GraphBuilder, features: Ref, { observed, median }: FeatureStatistics): Ref {
  const finite = g.op('Clip', [g.toDouble(features), -FLOAT32_MAX, FLOAT32_MAX]);
  const absent = g.op('IsNaN', [features]);
  const unseen = Uint8Array.from(observed, (n) => (n > 0 ? 0 : 1));
  const replaced = unseen.includes(1) ? g.op('Or', [absent, g.constant(unseen)]) : absent;
  return g.where(replaced, g.constant(median), finite);
}

/** What is done to features first, see `transform.ts`: what a model file has of it. */
interface TransformStep {
  readonly method: string;
  readonly symmetric: boolean;
  readonly origin: number;
  readonly unit: number;
  readonly centre: number;
  readonly scale: number;
  readonly at: Float64Array;
  readonly to: Float64Array;
  readonly otherwise: number;
}

const stepsSchema = z.array(
  z.object({
    method: z.string(),
    symmetric: z.boolean().default(false),
    origin: z.number().default(0),
    unit: z.number().default(1),
    centre: z.number().default(0),
    scale: z.number().default(1),
    table: z.number().default(0),
    otherwise: z.number().default(0),
  }),
);

function stepsOf(transforms: Transforms): TransformStep[] {
  const { parameter, tensors } = transforms.save();
  const table = tensors.find(({ name }) => name === 'transform.table')?.data;
  let from = 0;
  return stepsSchema.parse(parameter).map(({ table: size, ...step }) => {
    const at = Float64Array.from(table?.slice(from, from + size) ?? []);
    const to = Float64Array.from(table?.slice(from + size, from + 2 * size) ?? []);
    from += 2 * size;
    return { ...step, at, to };
  });
}

/** What no value reaches that a model has seen, and what squares of it do not overflow. */
const HUGE = 1e150;

/** `Transforms.apply`: columns of one method together, and then in their places again. */
export function transformed(g: GraphBuilder, x: Ref, transforms: Transforms): Ref {
  const steps = stepsOf(transforms);
  const groups = new Map<string, number[]>();
  steps.forEach(({ method, symmetric }, j) => {
    const key = method === 'log' && symmetric ? 'symmetric' : method;
    const group = groups.get(key) ?? [];
    group.push(j);
    groups.set(key, group);
  });
  const order: number[] = [];
  const parts = [...groups].map(([key, group]) => {
    order.push(...group);
    const own = group.map((j) => steps[j]);
    const column = g.gather(x, g.constant(Int32Array.from(group)), 1);
    return key === 'none' ? column : settled(g, shapedColumns(g, column, key, own), own);
  });
  const places = new Int32Array(steps.length);
  order.forEach((j, k) => {
    places[j] = k;
  });
  const joined = parts.length === 1 ? parts[0] : g.op('Concat', parts, { axis: 1 });
  return g.gather(joined, g.constant(places), 1);
}

function each(g: GraphBuilder, steps: readonly TransformStep[], of: (step: TransformStep) => number): Ref {
  return g.constant(Float64Array.from(steps, of));
}

function shapedColumns(g: GraphBuilder, x: Ref, key: string, steps: readonly TransformStep[]): Ref {
  if (key === 'log' || key === 'symmetric') {
    const plain = g.div(
      g.sub(
        x,
        each(g, steps, ({ origin }) => origin),
      ),
      each(g, steps, ({ unit }) => unit),
    );
    const size = g.min(g.op('Abs', [plain]), HUGE);
    if (key === 'log') return g.withSign(plain, g.log1p(size));
    // arsinh a = ln(1 + a + a^2 / (1 + sqrt(1 + a^2))).
    const root = g.op('Sqrt', [g.add(1, g.square(size))]);
    return g.withSign(plain, g.log1p(g.add(size, g.mul(size, g.div(size, g.add(1, root))))));
  }
  if (key !== 'quantile' && key !== 'frequency') return x;
  const offset = [0];
  for (const { at } of steps) offset.push(offset[offset.length - 1] + at.length);
  const all = (of: (step: TransformStep) => Float64Array): Float64Array =>
    Float64Array.from(steps.flatMap((step) => [...of(step)]));
  const at = all((step) => step.at);
  const { below, atMost } = g.rank(x, at, offset);
  const ats = g.constant(at);
  const tos = g.constant(all(({ to }) => to));
  const first = g.constant(Int32Array.from(offset.slice(0, -1)));
  const last = g.constant(Int32Array.from(steps, (step) => step.at.length - 1));
  const inside = (place: Ref): Ref => g.op('Add', [g.op('Max', [g.op('Min', [place, last]), g.integer(0)]), first]);
  const found = g.op('Greater', [atMost, below]);
  const here = inside(below);
  if (key === 'frequency')
    return g.where(
      found,
      g.gather(tos, here),
      each(g, steps, ({ otherwise }) => otherwise),
    );
  const low = each(g, steps, (step) => step.at[0]);
  const high = each(g, steps, (step) => step.at[step.at.length - 1]);
  const range = each(g, steps, (step) => {
    const width = step.at[step.at.length - 1] - step.at[0];
    return width > 0 ? width : Math.max(1, Math.abs(step.at[0]));
  });
  const before = inside(g.op('Sub', [below, g.integer(1)]));
  const from = g.gather(ats, before);
  const step = g.sub(g.gather(ats, here), from);
  const rise = g.sub(g.gather(tos, here), g.gather(tos, before));
  const along = g.div(g.mul(rise, g.sub(x, from)), g.where(g.greater(step, 0), step, 1));
  const between = g.where(found, g.gather(tos, here), g.add(g.gather(tos, before), along));
  const above = g.add(
    each(g, steps, ({ to }) => to[to.length - 1]),
    g.log1p(g.div(g.max(g.sub(x, high), 0), range)),
  );
  const under = g.sub(
    each(g, steps, ({ to }) => to[0]),
    g.log1p(g.div(g.max(g.sub(low, x), 0), range)),
  );
  return g.where(g.greater(x, high), above, g.where(g.less(x, low), under, between));
}

/** Scaled, clipped softly, and rounded to float32. */
function settled(g: GraphBuilder, shaped: Ref, steps: readonly TransformStep[]): Ref {
  const y = g.div(
    g.sub(
      shaped,
      each(g, steps, ({ centre }) => centre),
    ),
    each(g, steps, ({ scale }) => scale),
  );
  const size = g.min(g.op('Abs', [y]), HUGE);
  const soft = g.min(MAX_OUT, g.add(SOFT, g.log1p(g.max(g.sub(size, SOFT), 0))));
  return g.toDouble(g.toFloat(g.where(g.greater(size, SOFT), g.withSign(y, soft), y)));
}

/** `applyScales`. */
function scaled(g: GraphBuilder, x: Ref, { centre, scale, log = false }: Scales): Ref {
  const plain = log ? g.withSign(x, g.log1p(g.op('Abs', [x]))) : x;
  const y = g.div(g.sub(plain, g.constant(centre)), g.constant(scale));
  const size = g.op('Abs', [y]);
  const soft = g.mul(SOFT_LIMIT, g.add(1, g.op('Log', [g.div(g.max(size, SOFT_LIMIT), SOFT_LIMIT)])));
  return g.where(g.greater(size, SOFT_LIMIT), g.withSign(y, soft), y);
}

/** How far each value lies outside the range of its column, 0 within. */
function beyond(g: GraphBuilder, x: Ref, min: Float64Array, max: Float64Array): Ref {
  return g.max(g.sub(x, g.constant(max)), g.sub(g.constant(min), x), 0);
}

/** The sum of the guards of `guard.ts`, [n]. */
function rangeGuards(g: GraphBuilder, x: Ref, statistics: FeatureStatistics): Ref {
  const z = g.div(beyond(g, x, statistics.min, statistics.max), g.constant(robustScales(statistics)));
  const guards = g.mul(LIMIT, g.sub(1, g.div(HALF, g.add(z, HALF))));
  return g.orderedSum(guards, statistics.min.length);
}

/** The guards of `tail.ts`, [n, columns]. */
function tailGuards(g: GraphBuilder, x: Ref, min: Float64Array, max: Float64Array, scale: Float64Array): Ref {
  return g.log1p(g.div(beyond(g, x, min, max), g.constant(scale)));
}

/** Trees of one depth as a walk takes them: perfect heaps in which each record makes as many steps. */
interface Walk {
  readonly trees: number;
  readonly depth: number;
  /** Features that a cut adds up, trees x inner for each of them. */
  readonly feature: readonly Int32Array[];
  /** What each is multiplied with first; absent where a cut looks at one feature as it is. */
  readonly weight?: readonly Float64Array[];
  /** trees x inner; Infinity sends all to the left. */
  readonly threshold: Float64Array;
  /** Whether a value on the threshold goes to the right. */
  readonly onward: boolean;
  /** At the lowest level, trees x 2^depth. */
  readonly value: Float64Array;
}

/** The sum over the trees, in their order, of the value that each record ends at. */
function walkTrees(g: GraphBuilder, x: Ref, { trees, depth, feature, weight, threshold, onward, value }: Walk): Ref {
  const inner = 2 ** depth - 1;
  const of = (data: Int32Array | Float64Array): Ref => g.constant(data);
  const roots = <A extends Int32Array | Float64Array>(all: A, make: (n: number) => A): Ref => {
    const first = make(trees);
    for (let tree = 0; tree < trees; tree++) first[tree] = all[tree * inner];
    return of(first);
  };
  const ints = (n: number): Int32Array => new Int32Array(n);
  const doubles = (n: number): Float64Array => new Float64Array(n);
  const isRight = (side: Ref, bound: Ref): Ref => g.toInt(g.op(onward ? 'GreaterOrEqual' : 'Greater', [side, bound]));
  const tables = feature.map(of);
  const weights = weight?.map(of);
  const bounds = of(threshold);
  const cuts = of(Int32Array.from({ length: trees }, (_, tree) => tree * inner - 1));
  let node: Ref | undefined;
  for (let level = 0; level < depth; level++) {
    const cut = node === undefined ? undefined : g.op('Add', [node, cuts]);
    let side: Ref | undefined;
    for (let k = 0; k < feature.length; k++) {
      // All records are at the root: what is looked at there is the same for all.
      const v =
        cut === undefined
          ? g.gather(x, roots(feature[k], ints), 1)
          : g.op('GatherElements', [x, g.gather(tables[k], cut)], { axis: 1 });
      const w =
        weight === undefined || weights === undefined
          ? undefined
          : cut === undefined
            ? roots(weight[k], doubles)
            : g.gather(weights[k], cut);
      const term = w === undefined ? v : g.mul(w, v);
      side = side === undefined ? term : g.add(side, term);
    }
    const right = isRight(side ?? x, cut === undefined ? roots(threshold, doubles) : g.gather(bounds, cut));
    node = g.op('Add', [node === undefined ? g.integer(2) : g.op('Add', [node, node]), right]);
  }
  const ends = of(Int32Array.from({ length: trees }, (_, tree) => (tree - 1) * 2 ** depth));
  return g.orderedSum(g.gather(of(value), g.op('Add', [node ?? ends, ends])), trees);
}

/**
 * The heap of a tree in which leaves may lie higher up, made perfect: whatever is below such a leaf is on its left, down to its value.
 * @param isLeaf whether the walk ends at a node; asked of inner nodes that can be reached.
 * @param valueAt what a record is worth that ends there.
 */
function completeHeaps(
  trees: number,
  depth: number,
  threshold: Float64Array,
  isLeaf: (tree: number, node: number) => boolean,
  valueAt: (tree: number, node: number) => number,
): Float64Array {
  const inner = 2 ** depth - 1;
  const value = new Float64Array(trees * 2 ** depth);
  for (let tree = 0; tree < trees; tree++) {
    const pending = [0];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (node < inner && !isLeaf(tree, node)) {
        pending.push(2 * node + 1, 2 * node + 2);
        continue;
      }
      const worth = valueAt(tree, node);
      let at = node;
      for (; at < inner; at = 2 * at + 1) threshold[tree * inner + at] = Number.POSITIVE_INFINITY;
      value[tree * 2 ** depth + at - inner] = worth;
    }
  }
  return value;
}

/** Raw scores are rounded to 2^-40, see `isolation-forest.ts`. */
const RAW_STEPS = 2 ** 40;

export function isolationForestRaw(
  g: GraphBuilder,
  x: Ref,
  { forest, statistics, rangeGuard }: { forest: Forest; statistics: FeatureStatistics; rangeGuard: boolean },
): Ref {
  const { treeCount, subsample, feature, threshold, size } = forest;
  const depth = depthFor(subsample);
  const inner = 2 ** depth - 1;
  const all = 2 * inner + 1;
  const c = averagePathLength(subsample);
  const bounds = Float64Array.from(threshold);
  const value = completeHeaps(
    treeCount,
    depth,
    bounds,
    (tree, node) => feature[tree * inner + node] < 0,
    (tree, node) => 31 - Math.clz32(node + 1) + averagePathLength(size[tree * all + node]),
  );
  const length = walkTrees(g, x, {
    trees: treeCount,
    depth,
    feature: [Int32Array.from(feature, (j) => Math.max(0, j))],
    threshold: bounds,
    onward: false,
    value,
  });
  // Math.round takes a half upwards.
  const steps = g.op('Floor', [g.add(g.mul(g.div(g.div(length, treeCount), c > 0 ? c : 1), RAW_STEPS), 0.5)]);
  const ordinary = c > 0 ? g.op('Neg', [g.div(steps, RAW_STEPS)]) : g.sub(g.mul(length, 0), 1);
  return rangeGuard ? g.add(ordinary, rangeGuards(g, x, statistics)) : ordinary;
}

export function extendedForestRaw(g: GraphBuilder, x: Ref, part: ExtendedForest): Ref {
  const { treeCount, subsample, combined, scales, statistics, walk } = part;
  const depth = depthFor(subsample);
  const c = averagePathLength(subsample);
  const places = walk.threshold.length;
  const along = <A extends Int32Array | Float64Array>(all: A, k: number, into: A): A => {
    for (let cut = 0; cut < places; cut++) into[cut] = all[cut * combined + k];
    return into;
  };
  const each = Array.from({ length: combined }, (_, k) => k);
  const length = walkTrees(g, scaled(g, x, scales), {
    trees: treeCount,
    depth,
    feature: each.map((k) => along(walk.feature, k, new Int32Array(places))),
    weight: each.map((k) => along(walk.weight, k, new Float64Array(places))),
    threshold: walk.threshold,
    onward: false,
    value: walk.length,
  });
  const ordinary = c > 0 ? g.div(g.div(g.op('Neg', [length]), treeCount), c) : g.sub(g.mul(length, 0), 1);
  return g.add(ordinary, rangeGuards(g, x, statistics));
}

export function halfSpaceRaw(g: GraphBuilder, x: Ref, part: HalfSpaceTrees): Ref {
  const { treeCount, depth, window, feature, threshold, mass, statistics } = part;
  const all = 2 ** (depth + 1) - 1;
  const bounds = threshold.slice();
  const value = completeHeaps(
    treeCount,
    depth,
    bounds,
    (tree, node) => mass[tree * all + node] <= SMALL * window,
    (tree, node) => mass[tree * all + node] * 2 ** (31 - Math.clz32(node + 1)),
  );
  const total = walkTrees(g, x, {
    trees: treeCount,
    depth,
    feature: [Int32Array.from(feature)],
    threshold: bounds,
    onward: true,
    value,
  });
  return g.sub(rangeGuards(g, x, statistics), g.div(g.div(total, treeCount), window));
}

/** The term of each value by the slot that it lies in, see `tail.ts`; summed up, [n]. */
function tailSums(g: GraphBuilder, x: Ref, part: TailPart, tables: readonly Float64Array[]): Ref[] {
  const { knots, offset, skew } = part;
  const d = skew.length;
  const { below, atMost } = g.rank(x, knots, offset);
  const first = Int32Array.from({ length: d }, (_, j) => 2 * offset[j] + j);
  // Two slots for each knot that is passed, one for the knot itself.
  const slot = g.op('Add', [g.op('Add', [below, atMost]), g.constant(first)]);
  return tables.map((terms) => g.orderedSum(g.gather(g.constant(terms), slot), d));
}

function withTailGuards(g: GraphBuilder, x: Ref, part: TailPart, sum: Ref): Ref {
  if (!part.rangeGuard) return sum;
  const { min, max } = part.statistics;
  return g.add(sum, g.orderedSum(tailGuards(g, x, min, max, part.tables.guardScale), min.length));
}

export function ecodRaw(g: GraphBuilder, x: Ref, part: EcodPart): Ref {
  if (part.sides === 'each') return withTailGuards(g, x, part, tailSums(g, x, part, [part.longer])[0]);
  const { left, right } = part.tables;
  const pointed = left.slice();
  for (let j = 0; j < part.skew.length; j++) {
    const skew = part.skew[j];
    for (let slot = 2 * part.offset[j] + j; slot <= 2 * part.offset[j + 1] + j; slot++)
      pointed[slot] = skew < 0 ? left[slot] : skew > 0 ? right[slot] : left[slot] + right[slot];
  }
  return withTailGuards(g, x, part, g.max(...tailSums(g, x, part, [left, right, pointed])));
}

export function copodRaw(g: GraphBuilder, x: Ref, part: CopodPart): Ref {
  return withTailGuards(g, x, part, tailSums(g, x, part, [part.terms])[0]);
}

/** `termOf` and, where asked, `guardOf` of `histogram.ts`, added; [n, variables]. */
function histogramTerms(g: GraphBuilder, x: Ref, histograms: Histograms, guarded: boolean): Ref {
  const { bins, smooth, min, max, spread, terms, perUnit, rarest } = histograms;
  const d = min.length;
  const low = g.constant(min);
  const high = g.constant(max);
  const rate = g.constant(perUnit);
  const table = g.constant(terms);
  const first = g.constant(Int32Array.from({ length: d }, (_, j) => j * bins));
  const at = g.mul(g.sub(x, low), rate);
  const termAt = (place: Ref): Ref => g.gather(table, g.op('Add', [g.toInt(place), first]));
  const inside = (place: Ref): Ref => g.op('Clip', [place, 0, bins - 1]);
  let term: Ref;
  if (smooth) {
    const middle = inside(g.sub(at, 0.5));
    const floor = g.op('Floor', [middle]);
    const below = termAt(floor);
    const above = termAt(inside(g.add(floor, 1)));
    term = g.add(below, g.mul(g.sub(above, below), g.sub(middle, floor)));
  } else term = termAt(inside(g.op('Floor', [at])));
  const rare = g.constant(rarest);
  const edge = (from: number): Ref => g.constant(Float64Array.from({ length: d }, (_, j) => terms[j * bins + from]));
  const above = g.where(g.greater(g.mul(g.sub(x, high), rate), 0.5), rare, edge(bins - 1));
  const under = g.where(g.less(at, -0.5), rare, edge(0));
  term = g.where(g.greater(x, high), above, g.where(g.less(x, low), under, term));
  return guarded ? g.add(term, tailGuards(g, x, min, max, spread)) : term;
}

export function hbosRaw(g: GraphBuilder, x: Ref, { rangeGuard, histograms }: HbosPart): Ref {
  return g.orderedSum(histogramTerms(g, x, histograms, rangeGuard), histograms.min.length);
}

export function lodaRaw(g: GraphBuilder, x: Ref, { scales, width, feature, weight, histograms }: LodaPart): Ref {
  const projections = histograms.min.length;
  const y = scaled(g, x, scales);
  let sum: Ref | undefined;
  for (let k = 0; k < width; k++) {
    const own = Int32Array.from({ length: projections }, (_, i) => feature[i * width + k]);
    const factor = Float64Array.from({ length: projections }, (_, i) => weight[i * width + k]);
    const term = g.mul(g.constant(factor), g.gather(y, g.constant(own), 1));
    sum = sum === undefined ? term : g.add(sum, term);
  }
  // A float32, as those that were counted.
  const place = g.toDouble(g.toFloat(sum ?? y));
  return g.div(g.orderedSum(histogramTerms(g, place, histograms, true), projections), projections);
}

/** Squares of whole rows lose what is near: so many more points than can be neighbours are measured again one by one. */
const MARGIN = 8;

/** The nearest points of each record, nearest first, by their true distances; each [n, count]. */
function nearest(
  g: GraphBuilder,
  y: Ref,
  index: PointIndex,
  neighbours: number,
): { point: Ref; distance: Ref; weight: Ref } {
  const { count, d, counts, scaled: leaves, place } = index;
  const points = new Float64Array(count * d);
  for (let i = 0; i < count; i++) points.set(leaves.subarray(place[i] * d, (place[i] + 1) * d), i * d);
  const squares = new Float64Array(count);
  const turned = new Float64Array(count * d);
  for (let i = 0; i < count; i++)
    for (let j = 0; j < d; j++) {
      squares[i] += points[i * d + j] ** 2;
      turned[j * count + i] = -2 * points[i * d + j];
    }
  const wanted = Math.min(count, neighbours + MARGIN);
  const rough = g.add(g.matMul(y, g.constant(turned, [d, count])), g.constant(squares));
  const candidates = smallest(g, rough, wanted).at;
  const apart = g.sub(g.gather(g.constant(points, [count, d]), candidates), g.op('Unsqueeze', [y, g.indices(1)]));
  const square = g.op('ReduceSum', [g.square(apart), g.indices(2)], { keepdims: 0 });
  const sorted = smallest(g, square, wanted);
  const point = g.op('GatherElements', [candidates, sorted.at], { axis: 1 });
  const rows = g.gather(g.constant(counts), point);
  // Each counts for its rows, the last for those still needed, those behind it for none.
  const before = g.sub(g.runningSum(rows), rows);
  return {
    point,
    distance: g.op('Sqrt', [sorted.value]),
    weight: g.max(0, g.min(rows, g.sub(neighbours, before))),
  };
}

/** The smallest of each row, ascending. */
function smallest(g: GraphBuilder, values: Ref, count: number): { value: Ref; at: Ref } {
  const [value, at] = g.ops('TopK', [values, g.indices(count)], { axis: 1, largest: 0, sorted: 1 }, 2);
  return { value, at };
}

export function knnRaw(g: GraphBuilder, x: Ref, { neighbours, distance, index }: KnnPart): Ref {
  const near = nearest(g, scaled(g, x, index.scales), index, neighbours);
  if (distance === 'largest')
    return g.op('ReduceMax', [g.where(g.greater(near.weight, 0), near.distance, 0)], { axes: [1], keepdims: 0 });
  return g.div(g.sum(g.mul(near.weight, near.distance)), g.sum(near.weight));
}

export function lofRaw(g: GraphBuilder, x: Ref, { neighbours, index, reach, density, least }: LofPart): Ref {
  const { point, distance, weight } = nearest(g, scaled(g, x, index.scales), index, neighbours);
  const reached = g.max(g.gather(g.constant(reach), point), distance, least);
  const rows = g.sum(weight);
  const dense = g.div(g.sum(g.mul(weight, g.gather(g.constant(density), point))), rows);
  return g.op('Log', [g.mul(dense, g.add(g.div(g.sum(g.mul(weight, reached)), rows), LEAST_REACH))]);
}

/** A matrix with rows and columns exchanged. */
function transposed(values: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j];
  return out;
}

export function pcaRaw(g: GraphBuilder, x: Ref, part: PcaPart): Ref {
  const { scales, mean, components, directions, centre, usual } = part;
  const d = mean.length;
  const q = directions.length / d;
  const z = g.sub(scaled(g, x, scales), g.constant(mean));
  const whole = g.sum(g.square(z));
  let rest: Ref;
  if (q === 0) rest = keepsFew(components, d) ? z : g.mul(z, 0);
  else {
    const along = g.matMul(z, g.constant(transposed(directions, q, d), [d, q]));
    const held = g.matMul(along, g.constant(directions, [q, d]));
    rest = keepsFew(components, d) ? g.sub(z, held) : held;
  }
  const left = g.sum(g.square(rest));
  const seen = g.where(g.op('LessOrEqual', [left, g.mul(ROUNDING * ROUNDING, whole)]), 0, left);
  const error = g.div(seen, centre ? usual.error : 1);
  const raw = g.op('Sqrt', [centre ? g.add(g.div(whole, usual.distance), error) : error]);
  const far = g.mul(SOFT_RAW, g.add(1, g.op('Log', [g.div(g.max(raw, SOFT_RAW), SOFT_RAW)])));
  return g.where(g.greater(raw, SOFT_RAW), far, raw);
}

export function minimumCovarianceRaw(g: GraphBuilder, x: Ref, part: MinimumCovariance): Ref {
  const { scales, location, whitening } = part;
  const d = location.length;
  const apart = g.sub(scaled(g, x, scales), g.constant(location));
  const white = g.matMul(apart, g.constant(transposed(whitening, d, d), [d, d]));
  return g.log1p(g.div(g.sum(g.square(white)), d));
}

export function oneClassSvmRaw(g: GraphBuilder, x: Ref, part: OneClassSvm): Ref {
  const { kernel, scales, frequency, amplitude, phase, statistics } = part;
  const d = statistics.median.length;
  const y = scaled(g, x, scales);
  const guards = rangeGuards(g, x, statistics);
  if (kernel === 'linear') return g.sub(guards, g.orderedSum(g.mul(g.constant(amplitude), y), d));
  const angle = g.sub(
    g.matMul(y, g.constant(transposed(frequency, phase.length, d), [d, phase.length])),
    g.constant(phase),
  );
  const waves = g.mul(g.constant(amplitude), g.op('Cos', [angle]));
  return g.sub(guards, g.orderedSum(waves, phase.length));
}

/** `scaleRecord` of KitNET. */
function stretched(g: GraphBuilder, x: Ref, low: Float64Array, high: Float64Array): Ref {
  const y = g.div(g.sub(x, g.constant(low)), g.constant(high.map((h, j) => h - low[j])));
  const above = g.add(1, g.op('Log', [g.max(y, 1)]));
  const below = g.op('Neg', [g.log1p(g.max(g.op('Neg', [y]), 0))]);
  return g.where(g.greater(y, 1), above, g.where(g.less(y, 0), below, y));
}

/** [n, inputs] to [n, 1]. */
function reconstruction(g: GraphBuilder, x: Ref, net: Autoencoder): Ref {
  const { inputs, hidden, weight, hiddenBias, outputBias } = net;
  const active = (total: Ref): Ref => g.div(1, g.add(1, g.op('Exp', [g.op('Neg', [total])])));
  const into = g.constant(transposed(weight, hidden, inputs), [inputs, hidden]);
  const h = active(g.add(g.matMul(x, into), g.constant(hiddenBias)));
  const out = active(g.add(g.matMul(h, g.constant(weight, [hidden, inputs])), g.constant(outputBias)));
  const squares = g.op('ReduceSum', [g.square(g.sub(x, out)), g.indices(1)], { keepdims: 1 });
  return g.op('Sqrt', [g.div(squares, inputs)]);
}

export function kitNetRaw(g: GraphBuilder, x: Ref, part: KitNet): Ref {
  const { low, high, members, starts, groups, errorLow, errorHigh, output } = part;
  const y = stretched(g, x, low, high);
  const errors = groups.map((net, group) => {
    const own = Int32Array.from(members.subarray(starts[group], starts[group + 1]));
    return reconstruction(g, g.gather(y, g.constant(own), 1), net);
  });
  const all = errors.length === 1 ? errors[0] : g.op('Concat', errors, { axis: 1 });
  return g.sum(reconstruction(g, stretched(g, all, errorLow, errorHigh), output));
}

/** The mean of -ln p of the members, each calibrated by itself, and the range guard. */
export function ensembleRaw(
  g: GraphBuilder,
  x: Ref,
  statistics: FeatureStatistics,
  members: readonly { readonly raw: Ref; readonly calibration: Calibration }[],
): Ref {
  let total: Ref | undefined;
  for (const { raw, calibration } of members) {
    const score = calibrated(g, raw, calibration);
    const surprise = g.op('Neg', [g.log1p(g.op('Neg', [score]))]);
    total = total === undefined ? surprise : g.add(total, surprise);
  }
  return g.add(g.div(total ?? 0, members.length), rangeGuards(g, x, statistics));
}

/** `Calibration.score`: raw scores to calibrated ones, both [n]. */
export function calibrated(g: GraphBuilder, raw: Ref, calibration: Calibration): Ref {
  const scores = calibration.scores();
  const n = scores.length;
  const at: number[] = [];
  const value: number[] = [];
  for (let i = 0; i < n; i++) {
    if (i > 0 && scores[i] === scores[i - 1]) continue;
    at.push(scores[i]);
    value.push(i / (n + 1));
  }
  const last = at.length - 1;
  const { scale, shape, floor } = calibration.tail;
  const { atMost } = g.rank(g.op('Unsqueeze', [raw, g.indices(1)]), at, [0, at.length]);
  const passed = g.op('Squeeze', [atMost, g.indices(1)]);
  const low = g.op('Clip', [g.op('Sub', [passed, g.integer(1)]), g.integer(0), g.integer(last)]);
  const high = g.op('Min', [g.op('Add', [low, g.integer(1)]), g.integer(last)]);
  const places = g.constant(Float64Array.from(at));
  const values = g.constant(Float64Array.from(value));
  const from = g.gather(places, low);
  const step = g.sub(g.gather(places, high), from);
  const along = g.div(g.sub(raw, from), g.where(g.greater(step, 0), step, 1));
  const below = g.gather(values, low);
  const above = g.gather(values, high);
  const between = g.min(above, g.add(below, g.mul(g.sub(above, below), along)));
  const distance = g.max(g.sub(raw, at[last]), 0);
  const survival =
    shape === 0
      ? g.op('Exp', [g.op('Neg', [g.div(distance, scale)])])
      : g.op('Pow', [g.add(1, g.div(g.mul(shape, distance), scale)), g.number(-1 / shape)]);
  const counted = value[last];
  const beyondAll = g.max(counted, g.sub(1, g.add(floor, g.mul(1 - counted - floor, survival))));
  const inside = g.where(g.less(raw, at[0]), 0, between);
  return g.where(g.op('GreaterOrEqual', [raw, g.number(at[last])]), beyondAll, inside);
}
