import { z } from 'zod';
import { quantileSorted, type Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { checkPart, damaged, type LoadedModel, takeTensor } from './file.ts';
import {
  checkFinite,
  checkWhole,
  type Division,
  type FitInput,
  type FittedModel,
  fitKernel,
  gatherRow,
  type Kernel,
  loadKernel,
  robustScales,
  sampleRows,
  shuffled,
} from './fit.ts';
import { type FitOptions, ModelError } from './model.ts';
import type { FeatureStatistics } from './training.ts';

/**
 * KitNET (Mirsky, Doitshman, Elovici, Shabtai: Kitsune: An Ensemble of Autoencoders for Online Network Intrusion Detection, NDSS 2018): small
 * autoencoders, each over features that go together, and one over their errors.
 *
 *     features -> groups of at most m by correlation -> one autoencoder each -> its RMSE -> one autoencoder over the RMSEs -> raw = its RMSE
 *
 * An autoencoder has tied weights, sigmoids, ceil(0.75 n) hidden units, and learns record by record at a rate of 0.1, as in the paper; groups are the
 * single-linkage dendrogram of 1 - correlation, broken from the top until no group exceeds m = 10.
 *
 * Otherwise than the paper: (1) the scale of an input is its 1st to 99th percentile, learned before and then frozen, with logarithms beyond, where the
 * paper stretches minimum and maximum with every record that it learns, so that one poisoned packet flattens all others for ever; (2) the ensemble is
 * learned first and the output layer then, so that the latter does not learn the errors of beginners; (3) few rows are gone over
 * again, in a new order, up to 30,000 records in all; (4) everything comes from the seed.
 *
 * **What it sees.** Records whose features do not go together as they usually do, within groups, and groups that are off together which usually
 * are not. It is meant for many correlated features, such as the damped statistics of the pack 'after-image'.
 *
 * **What fools it.** What it was shown while learning is ordinary to it, attacks included. An autoencoder with three quarters of its inputs as hidden
 * units also learns to copy what it never saw, so single features far out show less than in an isolation forest. With ten features or fewer there
 * is one group, and the output layer sees one number. On seven ADBench sets, which have few features, mean AUROC is 88.0 fitted on all rows and
 * 94.8 on half of the normal ones: give it clean rows.
 *
 * **Explanation.** Exact by terms: the output layer's squared errors say which groups carry the score, the squared errors within a group which
 * features; the raw score is divided in proportion.
 *
 * **Missing values** take the median. **Cost.** 1.5 m d multiplications a record to score, four times as many to learn from. Memory: 8 x 0.75 m d bytes.
 */
export interface KitNetOptions extends FitOptions {
  /** m, features in a group at most, 1 .. 100, default 10. */
  readonly groupSize?: number;
  /** Learning rate, above 0 and at most 1, default 0.1. */
  readonly rate?: number;
}

const KIND = 'kitnet';
const TITLE = 'A KitNET';
const MAX_FEATURES = 4096;
const MAX_GROUP = 100;
const HIDDEN_SHARE = 0.75;
/** Rows from which groups are made, as in the paper. */
const MAP_ROWS = 5000;
const FIT_ROWS = 50_000;
const LEAST_STEPS = 30_000;

/** An autoencoder with tied weights: hidden = s(W x + b), output = s(W^T hidden + a), s the logistic function. */
export interface Autoencoder {
  readonly inputs: number;
  readonly hidden: number;
  /** hidden x inputs. */
  readonly weight: Float64Array;
  readonly hiddenBias: Float64Array;
  readonly outputBias: Float64Array;
}

export interface KitNet {
  readonly statistics: FeatureStatistics;
  /** 0 and 1 on the scale of each feature. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Features of each group, group after group, ascending within a group. */
  readonly members: Int16Array;
  /** Where each group begins in `members`, and the end. */
  readonly starts: Int32Array;
  readonly groups: readonly Autoencoder[];
  /** 0 and 1 on the scale of each group's RMSE. */
  readonly errorLow: Float64Array;
  readonly errorHigh: Float64Array;
  readonly output: Autoencoder;
}

/** Fits on the rows of a matrix, in seeded order. Throws a `ModelError` when there is no row, no feature or an option is out of range. */
export function fitKitNet(matrix: FeatureMatrix, options: KitNetOptions = {}): FittedModel<KitNet> {
  const { groupSize = 10, rate = 0.1 } = options;
  checkWhole(TITLE, 'groupSize', groupSize, 1, MAX_GROUP);
  if (!(rate > 0 && rate <= 1))
    throw new ModelError(`${TITLE} can't have rate ${rate}.`, 'Give a number above 0 and at most 1, such as 0.1.');
  return fitKernel(kernel, matrix, options, MAX_FEATURES, (input) => learn(input, groupSize, rate));
}

function learn(input: FitInput, groupSize: number, rate: number): KitNet {
  const { source, statistics, random } = input;
  const d = source.columns.length;
  const rows = sampleRows(input.rows, FIT_ROWS, random);
  const n = rows.length;
  const spread = robustScales(statistics);
  const low = statistics.q01.slice();
  const high = statistics.q99.slice();
  for (let j = 0; j < d; j++) {
    if (high[j] > low[j]) continue;
    // One value and little else: it lies in the middle of the scale.
    const width = spread[j] === Number.POSITIVE_INFINITY ? 1 : spread[j];
    low[j] = statistics.median[j] - width;
    high[j] = statistics.median[j] + width;
  }
  const records = new Float64Array(n * d);
  for (let i = 0; i < n; i++) {
    gatherRow(source, rows[i], statistics, records, i * d);
    scaleRecord(low, high, records, i * d);
  }
  const groups = groupFeatures(records, Math.min(n, MAP_ROWS), d, groupSize);
  const members = Int16Array.from(groups.flat());
  const starts = new Int32Array(groups.length + 1);
  groups.forEach((group, g) => {
    starts[g + 1] = starts[g] + group.length;
  });

  const passes = Math.max(1, Math.ceil(LEAST_STEPS / n));
  const autoencoders = groups.map((group) => newAutoencoder(group.length, random));
  const scratch = new Scratch(Math.max(groupSize, groups.length));
  const x = new Float64Array(Math.max(groupSize, groups.length));
  for (let pass = 0; pass < passes; pass++) {
    const order = shuffled(n, random);
    for (let i = 0; i < n; i++) {
      const at = order[i] * d;
      for (let g = 0; g < groups.length; g++) {
        for (let k = starts[g]; k < starts[g + 1]; k++) x[k - starts[g]] = records[at + members[k]];
        trainAutoencoder(autoencoders[g], x, rate, scratch);
      }
    }
  }

  const errors = new Float64Array(n * groups.length);
  for (let i = 0; i < n; i++) {
    for (let g = 0; g < groups.length; g++) {
      for (let k = starts[g]; k < starts[g + 1]; k++) x[k - starts[g]] = records[i * d + members[k]];
      errors[i * groups.length + g] = reconstructionError(autoencoders[g], x, scratch);
    }
  }
  const errorLow = new Float64Array(groups.length);
  const errorHigh = new Float64Array(groups.length);
  const column = new Float64Array(n);
  for (let g = 0; g < groups.length; g++) {
    for (let i = 0; i < n; i++) column[i] = errors[i * groups.length + g];
    column.sort();
    errorLow[g] = quantileSorted(column, 0.01);
    errorHigh[g] = Math.max(quantileSorted(column, 0.99), errorLow[g] * (1 + 1e-6), errorLow[g] + 1e-9);
  }
  const output = newAutoencoder(groups.length, random);
  for (let i = 0; i < n; i++) scaleRecord(errorLow, errorHigh, errors, i * groups.length);
  for (let pass = 0; pass < passes; pass++) {
    const order = shuffled(n, random);
    for (let i = 0; i < n; i++) {
      for (let g = 0; g < groups.length; g++) x[g] = errors[order[i] * groups.length + g];
      trainAutoencoder(output, x, rate, scratch);
    }
  }
  return { statistics, low, high, members, starts, groups: autoencoders, errorLow, errorHigh, output };
}

/** y = (x - low) / (high - low), and logarithms outside 0..1: strictly rising, and no value is so large that it drowns all others. */
function scaleRecord(low: Float64Array, high: Float64Array, record: Float64Array, at: number): void {
  for (let j = 0; j < low.length; j++) {
    const y = (record[at + j] - low[j]) / (high[j] - low[j]);
    record[at + j] = y > 1 ? 1 + Math.log(y) : y < 0 ? -Math.log1p(-y) : y;
  }
}

/**
 * Groups of features: the dendrogram of 1 - correlation by single linkage (the minimum spanning tree, edges from the shortest), of which the
 * largest subtrees with at most `most` leaves are taken. A feature without spread is at distance 1 from all. Each group ascending, groups by
 * their first feature.
 * @param records row-major, `count` rows of d values.
 */
export function groupFeatures(records: Float64Array, count: number, d: number, most: number): number[][] {
  const mean = new Float64Array(d);
  for (let i = 0; i < count; i++) for (let j = 0; j < d; j++) mean[j] += records[i * d + j] / count;
  const centred = new Float64Array(d * count);
  const length = new Float64Array(d);
  for (let j = 0; j < d; j++) {
    for (let i = 0; i < count; i++) {
      const v = records[i * d + j] - mean[j];
      centred[j * count + i] = v;
      length[j] += v * v;
    }
  }
  const distance = (a: number, b: number): number => {
    if (!(length[a] > 1e-20 * count) || !(length[b] > 1e-20 * count)) return 1;
    let dot = 0;
    for (let i = 0, p = a * count, q = b * count; i < count; i++, p++, q++) dot += centred[p] * centred[q];
    return Math.max(0, 1 - dot / Math.sqrt(length[a] * length[b]));
  };
  // Prim 1957.
  const near = new Float64Array(d).fill(Number.POSITIVE_INFINITY);
  const link = new Int32Array(d);
  const done = new Uint8Array(d);
  const edges: { readonly a: number; readonly b: number; readonly length: number }[] = [];
  for (let step = 0, at = 0; step < d - 1; step++) {
    done[at] = 1;
    let next = -1;
    for (let j = 0; j < d; j++) {
      if (done[j] === 1) continue;
      const apart = distance(at, j);
      if (apart < near[j]) {
        near[j] = apart;
        link[j] = at;
      }
      if (next === -1 || near[j] < near[next]) next = j;
    }
    edges.push({ a: link[next], b: next, length: near[next] });
    at = next;
  }
  edges.sort((a, b) => a.length - b.length);
  const parent = Int32Array.from({ length: d }, (_, j) => j);
  const rootOf = (j: number): number => {
    let root = j;
    while (parent[root] !== root) root = parent[root];
    return root;
  };
  /** Leaves of the subtree of each root; undefined once it is too large to be a group. */
  const leaves: (number[] | undefined)[] = Array.from({ length: d }, (_, j) => [j]);
  const groups: number[][] = [];
  for (const { a, b } of edges) {
    const [p, q] = [rootOf(a), rootOf(b)];
    const [left, right] = [leaves[p], leaves[q]];
    parent[q] = p;
    if (left !== undefined && right !== undefined && left.length + right.length <= most)
      leaves[p] = [...left, ...right];
    else {
      if (left !== undefined) groups.push(left);
      if (right !== undefined) groups.push(right);
      leaves[p] = undefined;
    }
  }
  const rest = leaves[rootOf(0)];
  if (rest !== undefined) groups.push(rest);
  for (const group of groups) group.sort((a, b) => a - b);
  return groups.sort((a, b) => a[0] - b[0]);
}

/** Room for what one record makes on its way through an autoencoder. */
export class Scratch {
  readonly hidden: Float64Array;
  readonly output: Float64Array;
  readonly back: Float64Array;

  constructor(inputs: number) {
    this.hidden = new Float64Array(inputs + 1);
    this.output = new Float64Array(inputs);
    this.back = new Float64Array(inputs + 1);
  }
}

function newAutoencoder(inputs: number, random: Random): Autoencoder {
  const hidden = Math.ceil(HIDDEN_SHARE * inputs);
  return {
    inputs,
    hidden,
    weight: Float64Array.from({ length: hidden * inputs }, () => (2 * random.float() - 1) / inputs),
    hiddenBias: new Float64Array(hidden),
    outputBias: new Float64Array(inputs),
  };
}

function forward(
  { inputs, hidden, weight, hiddenBias, outputBias }: Autoencoder,
  x: Float64Array,
  scratch: Scratch,
): void {
  const { hidden: h, output } = scratch;
  for (let k = 0; k < inputs; k++) output[k] = outputBias[k];
  for (let u = 0, w = 0; u < hidden; u++, w += inputs) {
    let total = hiddenBias[u];
    for (let k = 0; k < inputs; k++) total += weight[w + k] * x[k];
    const active = 1 / (1 + Math.exp(-total));
    h[u] = active;
    for (let k = 0; k < inputs; k++) output[k] += active * weight[w + k];
  }
  for (let k = 0; k < inputs; k++) output[k] = 1 / (1 + Math.exp(-output[k]));
}

/** One step of gradient descent on the cross entropy of a record, which has `inputs` values. The weights are changed in place. */
export function trainAutoencoder(net: Autoencoder, x: Float64Array, rate: number, scratch: Scratch): void {
  forward(net, x, scratch);
  const { inputs, hidden, weight, hiddenBias, outputBias } = net;
  const { hidden: h, output, back } = scratch;
  // From here on `output` holds the error.
  for (let k = 0; k < inputs; k++) output[k] = x[k] - output[k];
  for (let u = 0, w = 0; u < hidden; u++, w += inputs) {
    let total = 0;
    for (let k = 0; k < inputs; k++) total += output[k] * weight[w + k];
    back[u] = total * h[u] * (1 - h[u]);
  }
  for (let u = 0, w = 0; u < hidden; u++, w += inputs) {
    const toHidden = rate * back[u];
    const toOutput = rate * h[u];
    for (let k = 0; k < inputs; k++) weight[w + k] += toHidden * x[k] + toOutput * output[k];
    hiddenBias[u] += toHidden;
  }
  for (let k = 0; k < inputs; k++) outputBias[k] += rate * output[k];
}

/** Root of the mean squared error of a record; `scratch.output` holds the errors afterwards. */
export function reconstructionError(net: Autoencoder, x: Float64Array, scratch: Scratch): number {
  forward(net, x, scratch);
  const { output } = scratch;
  let total = 0;
  for (let k = 0; k < net.inputs; k++) {
    output[k] = x[k] - output[k];
    total += output[k] * output[k];
  }
  return Math.sqrt(total / net.inputs);
}

const parametersSchema = z.strictObject({
  groups: z.number().int().min(1).max(MAX_FEATURES),
  starts: z.array(z.number().int().min(0).max(MAX_FEATURES)).min(2),
});

const kernel: Kernel<KitNet> = {
  kind: KIND,
  title: TITLE,

  raw(part, block, count, into, at) {
    const { low, high, members, starts, groups, errorLow, errorHigh, output } = part;
    const d = low.length;
    const widest = Math.max(output.inputs, ...groups.map((net) => net.inputs));
    const scratch = new Scratch(widest);
    const x = new Float64Array(widest);
    const errors = new Float64Array(groups.length);
    for (let i = 0; i < count; i++) {
      scaleRecord(low, high, block, i * d);
      for (let g = 0; g < groups.length; g++) {
        for (let k = starts[g]; k < starts[g + 1]; k++) x[k - starts[g]] = block[i * d + members[k]];
        errors[g] = reconstructionError(groups[g], x, scratch);
      }
      scaleRecord(errorLow, errorHigh, errors, 0);
      into[at + i] = reconstructionError(output, errors, scratch);
    }
  },

  divide(part, record): Division {
    const { low, high, members, starts, groups, errorLow, errorHigh, output } = part;
    const d = low.length;
    const widest = Math.max(output.inputs, ...groups.map((net) => net.inputs));
    const scratch = new Scratch(widest);
    const x = new Float64Array(widest);
    const errors = new Float64Array(groups.length);
    const rawShares = new Float64Array(d);
    scaleRecord(low, high, record, 0);
    for (let g = 0; g < groups.length; g++) {
      const from = starts[g];
      const inputs = starts[g + 1] - from;
      for (let k = 0; k < inputs; k++) x[k] = record[members[from + k]];
      errors[g] = reconstructionError(groups[g], x, scratch);
      const total = errors[g] * errors[g] * inputs;
      for (let k = 0; k < inputs; k++)
        rawShares[members[from + k]] = total > 0 ? scratch.output[k] ** 2 / total : 1 / inputs;
    }
    scaleRecord(errorLow, errorHigh, errors, 0);
    const raw = reconstructionError(output, errors, scratch);
    const total = raw * raw * groups.length;
    for (let g = 0; g < groups.length; g++) {
      const weight = total > 0 ? (raw * scratch.output[g] ** 2) / total : 0;
      for (let k = starts[g]; k < starts[g + 1]; k++) rawShares[members[k]] *= weight;
    }
    return { rawBase: 0, rawShares, guards: new Float64Array(d) };
  },

  save(part) {
    const { low, high, members, starts, groups, errorLow, errorHigh, output } = part;
    const d = low.length;
    const weight = Float64Array.from([...groups, output].flatMap((net) => [...net.weight]));
    const bias = Float64Array.from([...groups, output].flatMap((net) => [...net.hiddenBias, ...net.outputBias]));
    return {
      parameters: { groups: groups.length, starts: [...starts] },
      tensors: [
        { name: 'scale.low', shape: [d], data: low },
        { name: 'scale.high', shape: [d], data: high },
        { name: 'error.low', shape: [groups.length], data: errorLow },
        { name: 'error.high', shape: [groups.length], data: errorHigh },
        { name: 'net.weight', shape: [weight.length], data: weight },
        { name: 'net.bias', shape: [bias.length], data: bias },
        { name: 'group.members', shape: [d], data: members },
      ],
    };
  },

  load(file: LoadedModel): KitNet {
    const { groups: count, starts: list } = checkPart(file.parameters, parametersSchema, 'parameters');
    const d = file.featureNames.length;
    const starts = Int32Array.from(list);
    if (starts.length !== count + 1 || starts[0] !== 0 || starts[count] !== d)
      throw damaged('its groups do not cover its features');
    for (let g = 0; g < count; g++)
      if (starts[g + 1] <= starts[g] || starts[g + 1] - starts[g] > MAX_GROUP)
        throw damaged(`its group ${g} is empty or too large`);
    const members = takeTensor(file.tensors, 'group.members', 'I16', [d]);
    const seen = new Uint8Array(d);
    for (const j of members) {
      if (j < 0 || j >= d || seen[j] === 1) throw damaged('its groups do not hold each feature once');
      seen[j] = 1;
    }
    const [low, high] = takeRange(file, 'scale', d);
    const [errorLow, errorHigh] = takeRange(file, 'error', count);
    const sizes = [...Array.from({ length: count }, (_, g) => starts[g + 1] - starts[g]), count];
    const hiddenOf = (inputs: number): number => Math.ceil(HIDDEN_SHARE * inputs);
    const total = (of: (inputs: number) => number): number => sizes.reduce((sum, inputs) => sum + of(inputs), 0);
    const weight = takeTensor(file.tensors, 'net.weight', 'F64', [total((inputs) => inputs * hiddenOf(inputs))]);
    const bias = takeTensor(file.tensors, 'net.bias', 'F64', [total((inputs) => inputs + hiddenOf(inputs))]);
    checkFinite(weight, 'its weights');
    checkFinite(bias, 'its biases');
    // Larger ones could add up to an infinity, and that less another to no number at all.
    if ([weight, bias].some((values) => values.some((v) => Math.abs(v) > 1e100)))
      throw damaged('its weights are out of range');
    let w = 0;
    let b = 0;
    const nets = sizes.map((inputs): Autoencoder => {
      const hidden = hiddenOf(inputs);
      const net = {
        inputs,
        hidden,
        weight: weight.slice(w, w + inputs * hidden),
        hiddenBias: bias.slice(b, b + hidden),
        outputBias: bias.slice(b + hidden, b + hidden + inputs),
      };
      w += inputs * hidden;
      b += hidden + inputs;
      return net;
    });
    return {
      statistics: file.statistics,
      low,
      high,
      members,
      starts,
      groups: nets.slice(0, count),
      errorLow,
      errorHigh,
      output: nets[count],
    };
  },
};

function takeRange(file: LoadedModel, name: string, length: number): [Float64Array, Float64Array] {
  const low = takeTensor(file.tensors, `${name}.low`, 'F64', [length]);
  const high = takeTensor(file.tensors, `${name}.high`, 'F64', [length]);
  checkFinite(low, 'its scales');
  checkFinite(high, 'its scales');
  for (let k = 0; k < length; k++) if (!(high[k] > low[k])) throw damaged('its scales are not in order');
  return [low, high];
}

/** Reads a saved KitNET. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadKitNet(bytes: Uint8Array): FittedModel<KitNet> {
  return loadKernel(kernel, bytes);
}
