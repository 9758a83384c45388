import { z } from 'zod';
import type { Json } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { Calibration } from './calibration.ts';
import { ecodKernel, learnEcod } from './ecod.ts';
import { divideBent } from './explanation.ts';
import { checkPart, damaged, type LoadedModel, type Tensor, takeTensor } from './file.ts';
import {
  checkWhole,
  type Division,
  type FitInput,
  type FittedModel,
  type FittedPart,
  type Footing,
  fitKernel,
  type Kernel,
  loadKernel,
} from './fit.ts';
import { guardAt, guardOf, type RangeGuard, rangeGuard } from './guard.ts';
import { knnKernel, learnKnn } from './knn.ts';
import { learnLoda, lodaKernel } from './loda.ts';
import type { FitOptions } from './model.ts';
import type { TransformOption } from './transform.ts';

/**
 * Three models that look at a record in three ways, a fourth where fitted rows are known to be ordinary, and one score of them: the model to take when there is no reason for another.
 *
 *     raw(x) = mean over members of -ln p_m(x) + sum over features of guard_j(x_j)
 *
 * - **kNN** (Ramaswamy, Rastogi, Shim 2000), mean distance to the nearest tenth of at most `members` rows: all features together. A tenth and not the nearest few, so that strange rows that are
 *   alike do not hide each other.
 * - **LODA** (Pevny 2016): a few features together, from a hundred sides.
 * - **ECOD** (Li et al. 2022): each feature alone, by how far out it is.
 * - **The nearest row** of at most 2,048, where the fitted rows are known to be ordinary (`ordinary`): then one row like this one is enough to call it ordinary, which sees what lies close to where many are. Where strange rows may be
 *   among the fitted ones, each would vouch for the next, so there is no such member.
 *
 * p_m is the member's own conformal p-value: its raw score calibrated by rows that it did not learn from, with a tail beyond them (`Calibration`). The mean of -ln p is Fisher's way to combine tests (1932).
 * The members go together, so it is no p-value any more, and the ensemble is calibrated again, by the same rows. That costs nothing that can be measured: a row's own p is off by at most 1 / (n + 1). Means of
 * ranks differ by a tenth of a point; the largest of them loses on Zeek logs what it gains at 1 % FPR on NSL-KDD. docs/decisions.md has the figures, how the members were chosen,
 * and what else was tried.
 *
 * **Range guard.** Calibrated tails level off at p = 1 / 1000 n, so two records far outside would be alike. The guard (see `rangeGuard`) adds at most 0.5 for each feature that is outside its fitted range,
 * strictly rising: the more extreme of two records stays the stranger.
 *
 * **Features.** Unless told otherwise they go through the transforms of `transform.ts`, `auto`: logarithms of what spans decades, rarity of what has few values, robust scales, a soft clip.
 *
 * **What it sees.** What any of its members sees.
 * **What fools it.** Strange rows that make a tenth or more of the fitted ones. What only one member sees weakly is diluted by the other two.
 * **Explanation.** Each member divides its raw score exactly; what lies behind the bend of its -ln p is divided as `divideBent` says; the ensemble's shares are the means of theirs.
 * **Cost.** Score: nearly all of it is kNN, distances to `members` rows. Memory: members x features, and the knots of ECOD.
 */
export interface EnsembleOptions extends FitOptions {
  /** Rows that kNN keeps, 50 .. 100,000, default 512. */
  readonly members?: number;
  /** Random projections of LODA, 1 .. 1000, default 100. */
  readonly projections?: number;
}

const KIND = 'ensemble';
/** Name of the member that asks for the nearest row alone. */
const NEAREST = 'nearest';
const TITLE = 'An ensemble';
const MAX_FEATURES = 10_000;
const LEAST_MEMBERS = 50;
const MAX_MEMBERS = 100_000;
const MAX_PROJECTIONS = 1000;
const BINS = 25;
/** Share of the kept rows that is a neighbourhood. */
const NEIGHBOURHOOD = 0.1;
const LEAST_NEIGHBOURS = 5;
/** Rows among which the nearest one is looked for: those that kNN alone keeps. */
const NEAREST_MEMBERS = 2048;
/** kNN takes no more. */
const MOST_NEIGHBOURS = 2000;

/** A fitted member without its type: what the ensemble asks of it. */
interface Member {
  readonly kind: string;
  /** Where it stands in a model file; its kind, but for the second of one kind. */
  readonly name: string;
  raw(block: Float64Array, count: number, into: Float64Array): void;
  divide(record: Float64Array): Division;
  save(): { readonly parameters: { readonly [key: string]: Json }; readonly tensors: readonly Tensor[] };
}

/** What was learned. */
export interface EnsemblePart extends FittedPart {
  readonly members: readonly Member[];
  /** One for each member; none until it was settled. */
  readonly calibrations: readonly Calibration[];
  readonly guard: RangeGuard;
}

function memberOf<P extends FittedPart>(kernel: Kernel<P>, part: P, name = kernel.kind): Member {
  return {
    kind: kernel.kind,
    name,
    raw: (block, count, into) => kernel.raw(part, block, count, into, 0),
    divide: (record) => kernel.divide(part, record),
    save: () => kernel.save(part),
  };
}

/** The members in their order, the last only where the fitted rows are known to be ordinary, by what reads one from its part of the file. */
const MEMBERS: readonly {
  readonly name: string;
  readonly kind: string;
  readonly load: (file: LoadedModel) => Member;
}[] = [
  { name: knnKernel.kind, kind: knnKernel.kind, load: (file) => memberOf(knnKernel, knnKernel.load(file)) },
  { name: lodaKernel.kind, kind: lodaKernel.kind, load: (file) => memberOf(lodaKernel, lodaKernel.load(file)) },
  { name: ecodKernel.kind, kind: ecodKernel.kind, load: (file) => memberOf(ecodKernel, ecodKernel.load(file)) },
  { name: NEAREST, kind: knnKernel.kind, load: (file) => memberOf(knnKernel, knnKernel.load(file), NEAREST) },
];

/** -ln p of a calibrated score. */
const surprise = (score: number): number => -Math.log1p(-score);

/** Raw scores of all members, row-major. The members may write to the rows, so each gets a copy. */
function memberScores({ members }: EnsemblePart, rows: Float64Array, count: number): Float64Array {
  const copy = new Float64Array(rows.length);
  const column = new Float64Array(count);
  const width = members.length;
  const scores = new Float64Array(count * width);
  members.forEach((member, m) => {
    copy.set(rows);
    column.fill(0);
    member.raw(copy, count, column);
    for (let i = 0; i < count; i++) scores[i * width + m] = column[i];
  });
  return scores;
}

function combine({ calibrations }: EnsemblePart, scores: Float64Array, at: number): number {
  let total = 0;
  for (let m = 0; m < calibrations.length; m++) total += surprise(calibrations[m].score(scores[at + m]));
  return total / calibrations.length;
}

/** @param width members; what is loaded knows them itself */
const kernelOf = (width: number): Kernel<EnsemblePart> => ({
  kind: KIND,
  title: TITLE,
  raw(part, block, count, into, at) {
    const d = part.guard.scale.length;
    const rows = block.subarray(0, count * d);
    const scores = memberScores(part, rows, count);
    for (let i = 0; i < count; i++)
      into[at + i] = combine(part, scores, i * part.members.length) + guardOf(part.guard, rows, i * d);
  },
  several: {
    width: width + 1,
    // The last is the guard, which no calibration bends.
    raw(part, block, count, into, at) {
      const d = part.guard.scale.length;
      const rows = block.subarray(0, count * d);
      const scores = memberScores(part, rows, count);
      for (let i = 0; i < count; i++) {
        for (let m = 0; m < width; m++) into[at + i * (width + 1) + m] = scores[i * width + m];
        into[at + i * (width + 1) + width] = guardOf(part.guard, rows, i * d);
      }
    },
    settle(part, scores) {
      const n = scores.length / (width + 1);
      const calibrations = part.members.map(
        (_, m) => new Calibration(Float64Array.from({ length: n }, (_, i) => scores[i * (width + 1) + m]).sort()),
      );
      return { ...part, calibrations };
    },
    combine: (part, scores, at) => combine(part, scores, at) + scores[at + width],
  },
  divide(part, record) {
    const { members, calibrations, guard } = part;
    const count = members.length;
    const d = record.length;
    const rawShares = new Float64Array(d);
    const guards = new Float64Array(d);
    let rawBase = 0;
    members.forEach((member, m) => {
      const raw = new Float64Array(1);
      member.raw(record.slice(), 1, raw);
      const own = member.divide(record.slice());
      const { base, shares } = divideBent(own.rawBase, own.rawShares, raw[0], (r) =>
        surprise(calibrations[m].score(r)),
      );
      rawBase += base / count;
      for (let j = 0; j < d; j++) {
        rawShares[j] += shares[j] / count;
        // The guard's part of a share stays the same part of it behind the bend.
        if (own.guards[j] > 0 && own.rawShares[j] > 0)
          guards[j] += (Math.min(1, own.guards[j] / own.rawShares[j]) * shares[j]) / count;
      }
    });
    for (let j = 0; j < d; j++) {
      const beyond = guardAt(guard, j, record[j]);
      rawShares[j] += beyond;
      guards[j] += beyond;
    }
    return { rawBase, rawShares, guards };
  },
  save({ members, calibrations }) {
    const parameters: Json[] = [];
    const tensors: Tensor[] = [];
    members.forEach((member, m) => {
      const saved = member.save();
      const scores = calibrations[m].scores();
      const { scale, shape, floor } = calibrations[m].tail;
      parameters.push({ kind: member.kind, parameters: saved.parameters, tail: { scale, shape, floor } });
      tensors.push({ name: `${member.name}/calibration`, shape: [scores.length], data: scores });
      for (const tensor of saved.tensors) tensors.push({ ...tensor, name: `${member.name}/${tensor.name}` });
    });
    // Wide numbers first, so that all stay aligned.
    tensors.sort((a, b) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
    return { parameters: { members: parameters }, tensors };
  },
  load(file) {
    const { members: saved } = checkPart(file.parameters, parametersSchema, 'parameters');
    if (saved.length !== MEMBERS.length && saved.length !== MEMBERS.length - 1)
      throw damaged(`it has ${saved.length} members`);
    const calibrations: Calibration[] = [];
    let held = 0;
    const members = MEMBERS.slice(0, saved.length).map(({ name: own, kind, load }, m) => {
      const { parameters, tail } = saved[m];
      if (saved[m].kind !== kind) throw damaged('its members are not those of an ensemble');
      const prefix = `${own}/`;
      const tensors = new Map<string, Tensor>();
      for (const [name, tensor] of file.tensors)
        if (name.startsWith(prefix)) {
          tensors.set(name.slice(prefix.length), { ...tensor, name: name.slice(prefix.length) });
          held++;
        }
      const length = tensors.get('calibration')?.shape[0] ?? 0;
      const scores = takeTensor(tensors, 'calibration', 'F64', [length]);
      if (length === 0 || tail.floor > 1 / (length + 1))
        throw damaged('the calibration of a member does not fit its scores');
      for (let i = 0; i < length; i++)
        if (!Number.isFinite(scores[i]) || (i > 0 && scores[i] < scores[i - 1]))
          throw damaged('the calibration scores of a member are not in order');
      tensors.delete('calibration');
      calibrations.push(new Calibration(scores, tail));
      return load({ ...file, kind, parameters, tensors });
    });
    // Two are of every model: calibration and statistics of the whole.
    if (held + 2 !== file.tensors.size) throw damaged('it holds arrays that none of its members has');
    return { statistics: file.statistics, members, calibrations, guard: rangeGuard(file.statistics) };
  },
});

const parametersSchema = z.strictObject({
  members: z.array(
    z.strictObject({
      kind: z.string(),
      parameters: z.record(z.string(), z.unknown()),
      tail: z.strictObject({
        scale: z.number().positive(),
        shape: z.number().min(0).max(0.5),
        floor: z.number().positive().max(1),
      }),
    }),
  ),
});

function learnEnsemble(
  input: FitInput,
  members: number,
  projections: number,
  footing: Footing,
  isOrdinary: boolean,
): EnsemblePart {
  const { statistics } = input;
  const neighbours = (rows: number): number =>
    Math.min(MOST_NEIGHBOURS, Math.max(LEAST_NEIGHBOURS, Math.ceil(NEIGHBOURHOOD * rows)));
  return {
    statistics,
    members: [
      memberOf(knnKernel, learnKnn(input, members, neighbours, 'mean', footing)),
      memberOf(lodaKernel, learnLoda(input, projections, BINS, footing)),
      memberOf(ecodKernel, learnEcod(input, 'each', true)),
      ...(isOrdinary ? [memberOf(knnKernel, learnKnn(input, NEAREST_MEMBERS, 1, 'mean', footing), NEAREST)] : []),
    ],
    calibrations: [],
    guard: rangeGuard(statistics),
  };
}

/** Fits an ensemble. Throws a `ModelError` when there is no row or no feature, or an option is out of range. */
export function fitEnsemble(matrix: FeatureMatrix, options: EnsembleOptions = {}): FittedModel<EnsemblePart> {
  const { members = 512, projections = 100, transform = 'auto', ordinary = false } = options;
  checkWhole(TITLE, 'members', members, LEAST_MEMBERS, MAX_MEMBERS);
  checkWhole(TITLE, 'projections', projections, 1, MAX_PROJECTIONS);
  const width = ordinary ? MEMBERS.length : MEMBERS.length - 1;
  return fitKernel(kernelOf(width), matrix, { ...options, transform }, MAX_FEATURES, (input) =>
    learnEnsemble(input, members, projections, footingAfter(transform, matrix, input.statistics.observed), ordinary),
  );
}

/**
 * How members scale what a transform gives: not at all where every feature that has a value went through one. A transform scales and clips; to scale again would undo it, as a class that hardly any fitted row has is the whole range of its feature: twenty times its spread, however soft the clip was.
 */
function footingAfter(transform: TransformOption, { features }: FeatureMatrix, observed: Float64Array): Footing {
  const isEach =
    typeof transform === 'string'
      ? transform !== 'none'
      : features.every(
          ({ name }, j) => observed[j] === 0 || (Object.hasOwn(transform, name) ? transform[name] : 'none') !== 'none',
        );
  return isEach ? 'none' : 'robust';
}

/** Reads a saved ensemble. Throws a `ModelError` for a file that is damaged, newer or of another kind. */
export function loadEnsemble(bytes: Uint8Array): FittedModel<EnsemblePart> {
  return loadKernel(kernelOf(MEMBERS.length), bytes);
}
