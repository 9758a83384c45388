import { quantileSorted, Random } from '../core/index.ts';
import { ModelError } from './model.ts';

/**
 * How well scores set strange rows apart from ordinary ones, where it is known which is which.
 *
 * Three numbers belong together and are always given together. **AUROC** is the chance that a strange row outscores an ordinary one: it forgives much where strange rows are rare,
 * because a hundred false alarms among a million ordinary rows hardly move it. **Average precision** is the mean precision over all thresholds: it says what an analyst meets, and depends on
 * how many strange rows there are. **TPR at 1 % FPR** is the share found while one ordinary row in a hundred is flagged: the part of the curve that anyone works at.
 *
 * Scores are larger for stranger. Ties count as they should: half a pair for AUROC, one step for the curves. The numbers are scikit-learn's (`roc_auc_score`, `average_precision_score`, `roc_curve`,
 * `precision_recall_curve`); see `metric.test.ts`.
 */

/** Rows in order of falling score, with what is needed of each: made once, asked often. */
class Ranking {
  /** 1 for a strange row. */
  readonly positive: Uint8Array;
  /** Where each run of equal scores ends, exclusive. */
  readonly ends: Int32Array;
  readonly scores: Float64Array;
  readonly positives: number;

  constructor(scores: ArrayLike<number>, labels: ArrayLike<number | boolean>) {
    const n = scores.length;
    if (labels.length !== n) throw new Error(`${n} scores cannot have ${labels.length} labels`);
    const order = descending(scores);
    this.positive = new Uint8Array(n);
    this.scores = new Float64Array(n);
    const ends = new Int32Array(n);
    let runs = 0;
    let positives = 0;
    for (let i = 0; i < n; i++) {
      const row = order[i];
      const score = scores[row];
      if (Number.isNaN(score)) throw new Error(`the score of row ${row} is not a number`);
      this.scores[i] = score;
      const label = labels[row] ? 1 : 0;
      this.positive[i] = label;
      positives += label;
      if (i > 0 && score !== this.scores[i - 1]) ends[runs++] = i;
    }
    if (n > 0) ends[runs++] = n;
    this.ends = ends.slice(0, runs);
    this.positives = positives;
    if (positives === 0 || positives === n)
      throw new ModelError(
        n === 0
          ? 'There is no row to measure on.'
          : `All ${n} labelled rows are ${positives === 0 ? 'ordinary' : 'strange'}: there is nothing to tell apart.`,
        'Give rows of both kinds, and say with --normal which label is the ordinary one.',
      );
  }
}

function descending(scores: ArrayLike<number>): Uint32Array {
  return Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
}

/** The three numbers. */
export interface RankingMeasures {
  /** 0 .. 1; 0.5 by chance. */
  readonly auroc: number;
  /** 0 .. 1; the share of strange rows by chance. */
  readonly averagePrecision: number;
  /** 0 .. 1; about `maxFpr` by chance. */
  readonly tprAtFpr: number;
}

/**
 * Area under the ROC curve, ties counted as half (Mann and Whitney 1947).
 * @param labels truthy for strange. Throws a `ModelError` unless there are rows of both kinds.
 */
export function auroc(scores: ArrayLike<number>, labels: ArrayLike<number | boolean>): number {
  return measuresOf(new Ranking(scores, labels), 0.01).auroc;
}

/** Sum over thresholds of precision times the gain of recall, a tie being one step. Throws a `ModelError` unless there are rows of both kinds. */
export function averagePrecision(scores: ArrayLike<number>, labels: ArrayLike<number | boolean>): number {
  return measuresOf(new Ranking(scores, labels), 0.01).averagePrecision;
}

/**
 * The largest share of strange rows that any threshold finds while at most `maxFpr` of the ordinary rows are flagged; nothing is interpolated, because a threshold between two scores does not exist.
 * Throws a `ModelError` unless there are rows of both kinds.
 */
export function tprAtFpr(scores: ArrayLike<number>, labels: ArrayLike<number | boolean>, maxFpr = 0.01): number {
  return measuresOf(new Ranking(scores, labels), maxFpr).tprAtFpr;
}

/** All three in one sort. Throws a `ModelError` unless there are rows of both kinds. @param maxFpr for `tprAtFpr`, default 0.01. */
export function rankingMeasures(
  scores: ArrayLike<number>,
  labels: ArrayLike<number | boolean>,
  maxFpr = 0.01,
): RankingMeasures {
  return measuresOf(new Ranking(scores, labels), maxFpr);
}

/** @param weights how often each place of the ranking counts; once each where absent. */
function measuresOf(
  { positive, ends, positives }: Ranking,
  maxFpr: number,
  weights?: Uint16Array,
  counts: { positives: number; negatives: number } = { positives, negatives: positive.length - positives },
): RankingMeasures {
  let hits = 0;
  let falls = 0;
  let pairs = 0;
  let precision = 0;
  let tpr = 0;
  const allowed = maxFpr * counts.negatives * (1 + 1e-12);
  for (let run = 0, i = 0; run < ends.length; run++) {
    const end = ends[run];
    let gained = 0;
    let lost = 0;
    if (weights === undefined) {
      for (; i < end; i++) gained += positive[i];
      lost = end - (run === 0 ? 0 : ends[run - 1]) - gained;
    } else
      for (; i < end; i++) {
        if (positive[i] === 1) gained += weights[i];
        else lost += weights[i];
      }
    pairs += gained * (counts.negatives - falls - lost / 2);
    hits += gained;
    falls += lost;
    if (gained > 0) precision += (gained / counts.positives) * (hits / (hits + falls));
    if (falls <= allowed) tpr = hits / counts.positives;
  }
  return { auroc: pairs / (counts.positives * counts.negatives), averagePrecision: precision, tprAtFpr: tpr };
}

/** A number with the interval in which it would lie in 95 of 100 other draws of rows. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface MeasuredRanking {
  readonly auroc: Interval;
  readonly averagePrecision: Interval;
  readonly tprAtFpr: Interval;
  /** How many resamplings the intervals come from. */
  readonly replicates: number;
}

export interface BootstrapOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Resamplings, 50 .. 10,000. Default 1,000, fewer where rows times resamplings would pass 5e7, but at least 100. */
  readonly replicates?: number;
  /** Above 0 and below 1, default 0.95. */
  readonly confidence?: number;
  /** For `tprAtFpr`, default 0.01. */
  readonly maxFpr?: number;
}

const MAX_DRAWS = 5e7;

/**
 * The three numbers with percentile bootstrap intervals (Efron 1979): rows are drawn anew with replacement within each class, so that the number of strange rows stays, and the measures are taken
 * again. What the interval does not hold: rows of one host, one attack or one hour are more alike than rows drawn alone, and then it is too narrow.
 * Throws a `ModelError` unless there are rows of both kinds.
 */
export function measureRanking(
  scores: ArrayLike<number>,
  labels: ArrayLike<number | boolean>,
  options: BootstrapOptions = {},
): MeasuredRanking {
  const { confidence = 0.95, maxFpr = 0.01 } = options;
  const ranking = new Ranking(scores, labels);
  const value = measuresOf(ranking, maxFpr);
  const drawn = resample(ranking, options, (weights, counts) => measuresOf(ranking, maxFpr, weights, counts));
  const interval = (name: keyof RankingMeasures): Interval => {
    const sorted = Float64Array.from(drawn, (one) => one[name]).sort();
    return {
      value: value[name],
      low: quantileSorted(sorted, (1 - confidence) / 2),
      high: quantileSorted(sorted, (1 + confidence) / 2),
    };
  };
  return {
    auroc: interval('auroc'),
    averagePrecision: interval('averagePrecision'),
    tprAtFpr: interval('tprAtFpr'),
    replicates: drawn.length,
  };
}

/**
 * By how much `scores` are better than `others` on the same rows, with the interval of the difference: both are measured on the same resamplings, so what is hard for both cancels out.
 * Throws a `ModelError` unless there are rows of both kinds.
 */
export function compareRankings(
  scores: ArrayLike<number>,
  others: ArrayLike<number>,
  labels: ArrayLike<number | boolean>,
  options: BootstrapOptions = {},
): MeasuredRanking {
  const { confidence = 0.95, maxFpr = 0.01 } = options;
  const mine = new Ranking(scores, labels);
  const theirs = new Ranking(others, labels);
  const here = measuresOf(mine, maxFpr);
  const there = measuresOf(theirs, maxFpr);
  // Place of a row in either ranking, so that one draw of rows weighs both.
  const n = scores.length;
  const placeOfMine = places(scores);
  const placeOfTheirs = places(others);
  const rowOfMine = new Uint32Array(n);
  for (let row = 0; row < n; row++) rowOfMine[placeOfMine[row]] = row;
  const otherWeights = new Uint16Array(n);
  const drawn = resample(mine, options, (weights, counts) => {
    for (let place = 0; place < n; place++) otherWeights[placeOfTheirs[rowOfMine[place]]] = weights[place];
    const a = measuresOf(mine, maxFpr, weights, counts);
    const b = measuresOf(theirs, maxFpr, otherWeights, counts);
    return {
      auroc: a.auroc - b.auroc,
      averagePrecision: a.averagePrecision - b.averagePrecision,
      tprAtFpr: a.tprAtFpr - b.tprAtFpr,
    };
  });
  const interval = (name: keyof RankingMeasures): Interval => {
    const sorted = Float64Array.from(drawn, (one) => one[name]).sort();
    return {
      value: here[name] - there[name],
      low: quantileSorted(sorted, (1 - confidence) / 2),
      high: quantileSorted(sorted, (1 + confidence) / 2),
    };
  };
  return {
    auroc: interval('auroc'),
    averagePrecision: interval('averagePrecision'),
    tprAtFpr: interval('tprAtFpr'),
    replicates: drawn.length,
  };
}

function places(scores: ArrayLike<number>): Uint32Array {
  const order = descending(scores);
  const place = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i++) place[order[i]] = i;
  return place;
}

function resample(
  { positive, positives }: Ranking,
  { seed = 0, replicates }: BootstrapOptions,
  measure: (weights: Uint16Array, counts: { positives: number; negatives: number }) => RankingMeasures,
): RankingMeasures[] {
  const n = positive.length;
  const count = replicates ?? Math.max(100, Math.min(1000, Math.floor(MAX_DRAWS / n)));
  if (!Number.isInteger(count) || count < 50 || count > 10_000)
    throw new ModelError(
      `Intervals cannot come from ${count} resamplings.`,
      'Give a whole number from 50 to 10,000, such as 1,000.',
    );
  const random = new Random(seed);
  const strange = new Uint32Array(positives);
  const ordinary = new Uint32Array(n - positives);
  for (let i = 0, p = 0, q = 0; i < n; i++) {
    if (positive[i] === 1) strange[p++] = i;
    else ordinary[q++] = i;
  }
  const counts = { positives, negatives: n - positives };
  const weights = new Uint16Array(n);
  const out: RankingMeasures[] = [];
  for (let k = 0; k < count; k++) {
    weights.fill(0);
    for (let i = 0; i < strange.length; i++) weights[strange[random.below(strange.length)]]++;
    for (let i = 0; i < ordinary.length; i++) weights[ordinary[random.below(ordinary.length)]]++;
    out.push(measure(weights, counts));
  }
  return out;
}

/** One threshold of a curve. Rows that score at least `threshold` are flagged. */
export interface CurvePoint {
  readonly threshold: number;
  /** Share of the ordinary rows that are flagged. */
  readonly fpr: number;
  /** Share of the strange rows that are flagged: the recall. */
  readonly tpr: number;
  /** Share of the flagged rows that are strange. */
  readonly precision: number;
}

/**
 * The points of the ROC curve and the precision-recall curve, thresholds falling; at most `most` of them (default 500), those between left out where the curve bends least. The first point of the ROC
 * curve, where nothing is flagged (0, 0), is not among them.
 * Throws a `ModelError` unless there are rows of both kinds.
 */
export function rankingCurve(
  scores: ArrayLike<number>,
  labels: ArrayLike<number | boolean>,
  most = 500,
): readonly CurvePoint[] {
  const { positive, ends, scores: sorted, positives } = new Ranking(scores, labels);
  const negatives = positive.length - positives;
  const points: CurvePoint[] = [];
  let hits = 0;
  let falls = 0;
  for (let run = 0, i = 0; run < ends.length; run++) {
    const threshold = sorted[i];
    for (; i < ends[run]; i++) {
      if (positive[i] === 1) hits++;
      else falls++;
    }
    points.push({ threshold, fpr: falls / negatives, tpr: hits / positives, precision: hits / (hits + falls) });
  }
  return points.length <= most ? points : thin(points, most);
}

/** Keeps ends and evenly spaced steps along the curve, measured in both rates and, at the beginning, in their logarithm, where most decisions are taken. */
function thin(points: readonly CurvePoint[], most: number): CurvePoint[] {
  const kept: CurvePoint[] = [];
  const last = points.length - 1;
  let travelled = 0;
  const along = points.map((point, i) => {
    const before = points[Math.max(0, i - 1)];
    travelled +=
      Math.abs(point.tpr - before.tpr) +
      Math.abs(point.fpr - before.fpr) +
      Math.abs(point.precision - before.precision) +
      0.2 * Math.abs(Math.log10(point.fpr + 1e-5) - Math.log10(before.fpr + 1e-5));
    return travelled;
  });
  const step = travelled / (most - 2);
  let next = 0;
  for (let i = 0; i <= last; i++) {
    if (i !== last && i !== 0 && along[i] < next) continue;
    kept.push(points[i]);
    next = along[i] + step;
  }
  return kept;
}

/** What a threshold does: rows above it are flagged. */
export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
  /** Share of the flagged rows that are strange; undefined where none is flagged. */
  readonly precision: number | undefined;
  /** Share of the strange rows that are flagged; undefined where there is none. */
  readonly recall: number | undefined;
  /** Share of the ordinary rows that are flagged; undefined where there is none. */
  readonly falsePositiveRate: number | undefined;
  /** Harmonic mean of precision and recall; undefined where either is. */
  readonly f1: number | undefined;
}

/** Counts at one threshold: a row is flagged when its score is above it. */
export function confusionAt(
  scores: ArrayLike<number>,
  labels: ArrayLike<number | boolean>,
  threshold: number,
): Confusion {
  let truePositives = 0;
  let falsePositives = 0;
  let trueNegatives = 0;
  let falseNegatives = 0;
  for (let i = 0; i < scores.length; i++) {
    const flagged = scores[i] > threshold;
    if (labels[i]) {
      if (flagged) truePositives++;
      else falseNegatives++;
    } else if (flagged) falsePositives++;
    else trueNegatives++;
  }
  const share = (part: number, whole: number): number | undefined => (whole === 0 ? undefined : part / whole);
  const precision = share(truePositives, truePositives + falsePositives);
  const recall = share(truePositives, truePositives + falseNegatives);
  return {
    truePositives,
    falsePositives,
    trueNegatives,
    falseNegatives,
    precision,
    recall,
    falsePositiveRate: share(falsePositives, falsePositives + trueNegatives),
    f1:
      precision === undefined || recall === undefined
        ? undefined
        : precision + recall === 0
          ? 0
          : (2 * precision * recall) / (precision + recall),
  };
}

/**
 * In what interval the true share lies with 95 % confidence when `count` of `total` were seen (Wilson 1927): stays inside 0 .. 1 and is sound for few and for rare. The whole range where `total` is 0.
 */
export function shareInterval(count: number, total: number): Interval {
  if (total === 0) return { value: 0, low: 0, high: 1 };
  const z = 1.959963984540054;
  const p = count / total;
  const middle = (p + (z * z) / (2 * total)) / (1 + (z * z) / total);
  const half = (z / (1 + (z * z) / total)) * Math.sqrt((p * (1 - p)) / total + (z * z) / (4 * total * total));
  return { value: p, low: count === 0 ? 0 : middle - half, high: count === total ? 1 : middle + half };
}

/** Spearman's rank correlation, ties by their mean rank; undefined where either side is constant or there are fewer than two rows. */
export function rankCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number | undefined {
  const n = a.length;
  if (b.length !== n) throw new Error(`${n} numbers cannot be compared with ${b.length}`);
  if (n < 2) return undefined;
  const x = meanRanks(a);
  const y = meanRanks(b);
  const middle = (n + 1) / 2;
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let i = 0; i < n; i++) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) ** 2;
    yy += (y[i] - middle) ** 2;
  }
  return xx === 0 || yy === 0 ? undefined : xy / Math.sqrt(xx * yy);
}

function meanRanks(values: ArrayLike<number>): Float64Array {
  const order = descending(values);
  const n = order.length;
  const ranks = new Float64Array(n);
  for (let i = 0; i < n; ) {
    let end = i;
    while (end < n && values[order[end]] === values[order[i]]) end++;
    for (let k = i; k < end; k++) ranks[order[k]] = (i + 1 + end) / 2;
    i = end;
  }
  return ranks;
}
