import { ModelError } from './model.ts';

/**
 * Split-conformal calibration: raw scores, whose scale means nothing, to 0..1 with a meaning that can be checked.
 *
 * The score is 1 - p, and p is the conformal p-value (Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World, 2005; Bates et al.:
 * Testing for outliers with conformal p-values, 2023) among n scores of ordinary records that the model did not learn from:
 *
 *     p(raw) = (1 + number of calibration scores >= raw) / (n + 1)
 *
 * If the record is as ordinary as those, p <= a with a chance of at most a, whatever the model: 0.99 means that one ordinary record in a hundred looks
 * this strange. Between two neighbouring calibration scores the steps are joined by straight lines, on the side of the larger p: many distinct
 * values, and the promise holds. Below the smallest, the score is 0.
 *
 * Beyond the largest of them nothing can be counted: all that is known is p <= 1/(n+1). With at least 200 scores the line goes on as the tail of
 * a generalised Pareto distribution fitted to the largest twentieth (at least 20) by probability-weighted moments (Hosking, Wallis 1987), its
 * shape held to 0 .. 0.5: a tail with an end would call what lies behind it impossible, a heavier one has no use here. It is an
 * extrapolation, is marked as one, and never claims a record rarer than a thousandth of what was counted. With fewer than 200 there is no
 * fit: the score nears 1 - 1/(n+1), which is still counted, and goes no further.
 *
 * The road not taken: a normal approximation (promised 1 %, gave 3 to 5 % on four intrusion sets), min-max scaling (one extreme record
 * moves all others), a share of the traffic assumed hostile. What fools it: ordinary traffic that changes after the fit. The promise is about records
 * like the calibration's.
 */
export class Calibration {
  readonly tail: Tail;
  /** Calibration scores, ascending. Owned by the calibration. */
  readonly #scores: Float64Array;
  /** The distinct scores, ascending, and 1 - p of each. */
  readonly #at: Float64Array;
  readonly #value: Float64Array;

  /**
   * @param scores ascending, finite, at least one; kept, not copied.
   * @param tail as it was saved; fitted when absent.
   */
  constructor(scores: Float64Array, tail: Tail = fitTail(scores)) {
    const n = scores.length;
    const distinct = new Float64Array(n);
    const value = new Float64Array(n);
    let k = 0;
    for (let i = 0; i < n; i++) {
      if (i > 0 && scores[i] === scores[i - 1]) continue;
      distinct[k] = scores[i];
      // 1 - (1 + (n - i)) / (n + 1) = i / (n + 1)
      value[k++] = i / (n + 1);
    }
    this.tail = tail;
    this.#scores = scores;
    this.#at = distinct.slice(0, k);
    this.#value = value.slice(0, k);
  }

  /** How many scores it counts among. */
  get size(): number {
    return this.#scores.length;
  }

  /** A copy of the calibration scores, ascending. */
  scores(): Float64Array {
    return this.#scores.slice();
  }

  /** The calibrated score, 0 <= score < 1, never falling as `raw` rises. `raw` must not be NaN. */
  score(raw: number): number {
    const at = this.#at;
    const value = this.#value;
    const last = at.length - 1;
    if (raw < at[0]) return 0;
    if (raw >= at[last]) return this.#beyond(raw - at[last]);
    let low = 0;
    let high = last;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (at[middle] <= raw) low = middle;
      else high = middle;
    }
    const along = (raw - at[low]) / (at[high] - at[low]);
    return Math.min(value[high], value[low] + (value[high] - value[low]) * along);
  }

  #beyond(distance: number): number {
    const { scale, shape, floor } = this.tail;
    const counted = this.#value[this.#value.length - 1];
    const survival = shape === 0 ? Math.exp(-distance / scale) : (1 + (shape * distance) / scale) ** (-1 / shape);
    return Math.max(counted, 1 - (floor + (1 - counted - floor) * survival));
  }

  /** True when a score says more than counting can: rarer than one in (calibration scores + 1). */
  isExtrapolated(score: number): boolean {
    // The product of the two roundings in 1 - 1/(n+1) is below 1e-15; what is exactly at the bound is counted.
    return 1 - score < 1 / (this.size + 1) - 1e-15;
  }

  /** The smallest raw score whose calibrated score is `score`, 0 <= score < the highest that the tail can reach. */
  #rawAt(score: number): number {
    const at = this.#at;
    const value = this.#value;
    const last = at.length - 1;
    if (score > value[last]) {
      const { scale, shape, floor } = this.tail;
      const survival = (1 - score - floor) / (1 - value[last] - floor);
      const distance = shape === 0 ? -scale * Math.log(survival) : (scale * (survival ** -shape - 1)) / shape;
      return at[last] + distance;
    }
    let high = 0;
    while (value[high] < score) high++;
    if (high === 0) return at[0];
    const along = (score - value[high - 1]) / (value[high] - value[high - 1]);
    return at[high - 1] + (at[high] - at[high - 1]) * along;
  }

  /**
   * The threshold that spends a false-positive budget: of records like the calibration's, a share of at most `rate` scores above it.
   * `rate` is alarms per record: ten alarms a day among 200,000 flows a day are 10 / 200,000.
   * Throws a `ModelError` when rate is not in 0..1 or is rarer than the tail may claim.
   */
  thresholdFor(rate: number): Threshold {
    if (!(rate > 0 && rate <= 1)) {
      throw new ModelError(
        `A false-positive budget must be a share above 0 and at most 1, not ${rate}.`,
        'Divide the alarms you can look at by the records they are drawn from: 10 in 200000 is 0.00005.',
      );
    }
    if (rate <= this.tail.floor) {
      throw new ModelError(
        `A false-positive budget of ${rate} is rarer than this model can tell: it was calibrated on ${this.size} scores.`,
        `Allow more than ${this.tail.floor.toPrecision(3)}, or fit on more rows.`,
      );
    }
    const score = 1 - rate;
    return { score, raw: this.#rawAt(score), extrapolated: this.isExtrapolated(score) };
  }
}

/** p beyond the largest calibration score: floor + (p there - floor) * (1 + shape * distance / scale)^(-1/shape), exp(-distance / scale) for shape 0. */
export interface Tail {
  /** Above 0, in the unit of the raw score. */
  readonly scale: number;
  /** 0 .. 0.5. */
  readonly shape: number;
  /** The smallest p it claims, above 0 and at most 1/(n+1). */
  readonly floor: number;
}

/** A place on both axes where to draw the line. */
export interface Threshold {
  readonly score: number;
  readonly raw: number;
  /** True when the threshold lies in the fitted tail, not among counted scores. */
  readonly extrapolated: boolean;
}

/** From this many calibration scores on a tail is fitted. */
export const TAIL_SCORES = 200;
const MAX_SHAPE = 0.5;

/** @param scores ascending, finite, at least one. */
export function fitTail(scores: Float64Array): Tail {
  const n = scores.length;
  const largest = scores[n - 1];
  const enough = n >= TAIL_SCORES;
  const count = enough ? Math.max(20, Math.round(n / 20)) : n >> 1;
  const start = n - 1 - count;
  // Hosking and Wallis: a0 the mean excess, a1 the mean excess weighted with the share of excesses that are larger.
  let a0 = 0;
  let a1 = 0;
  for (let i = 0; i < count; i++) {
    const excess = scores[start + 1 + i] - scores[start];
    a0 += excess / count;
    a1 += (excess * (1 - (i + 0.65) / count)) / count;
  }
  let shape = 0;
  if (enough && a0 - 2 * a1 > 0) shape = Math.min(MAX_SHAPE, Math.max(0, 2 - a0 / (a0 - 2 * a1)));
  // With the shape given, the scale that keeps the mean excess; carried on to the largest score, where the tail takes over.
  const scale = a0 * (1 - shape) + shape * (count > 0 ? largest - scores[start] : 0);
  // No spread at all: any step beyond is as far as any other, on the scale of the scores themselves.
  const usable = scale > 0 && Number.isFinite(scale) ? scale : Math.max(1e-6, Math.abs(largest) * 1e-3);
  return { scale: usable, shape, floor: (enough ? 1e-3 : 1) / (n + 1) };
}
