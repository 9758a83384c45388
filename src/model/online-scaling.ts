import { UserError } from '../core/index.ts';
import type { Scales } from './fit.ts';

/**
 * Mean and spread of features over a stream, in one pass and constant room: Welford's update, with weights that halve every `halfLife` records
 * (West 1979; Finch 2009). Without a half-life every record counts alike and the result is that of two passes, but for rounding.
 *
 *     w' = 2^(-1 / halfLife) w + 1,   mean' = mean + (x - mean) / w',   variance' = (1 - 1 / w') (variance + (x - mean)^2 / w')
 *
 * A scale that moves changes what a score means: a model that compares records with remembered ones must keep one scale for both. So the
 * streaming models here hold one for all that they remember, and begin anew at another where the stream has become another (`StreamOptions.rescale`);
 * this is for features on their way into them, and for watching what moves. What fools it: a flood of records of one kind drags the scale along;
 * with a long half-life it is slow to follow, with a short one quick to be led.
 *
 * Values that are not finite are left out, feature by feature.
 */
export class OnlineScaler {
  readonly featureCount: number;
  readonly #decay: number;
  readonly #weight: Float64Array;
  readonly #mean: Float64Array;
  readonly #variance: Float64Array;

  /**
   * @param halfLife records after which one counts half, above 0; Infinity, the default, forgets nothing.
   * Throws a `UserError` for a half-life that is none.
   */
  constructor(featureCount: number, options: { readonly halfLife?: number } = {}) {
    const { halfLife = Number.POSITIVE_INFINITY } = options;
    if (!(halfLife > 0))
      throw new UserError(`A scaler can't have the half-life ${halfLife}.`, 'Give a number of records above 0.');
    this.featureCount = featureCount;
    this.#decay = 2 ** (-1 / halfLife);
    this.#weight = new Float64Array(featureCount);
    this.#mean = new Float64Array(featureCount);
    this.#variance = new Float64Array(featureCount);
  }

  /** Takes in the record that begins at `at`. */
  add(values: ArrayLike<number>, at: number = 0): void {
    for (let j = 0; j < this.featureCount; j++) {
      const x = values[at + j];
      if (!Number.isFinite(x)) continue;
      const weight = this.#decay * this.#weight[j] + 1;
      const apart = x - this.#mean[j];
      this.#mean[j] += apart / weight;
      this.#variance[j] = (1 - 1 / weight) * (this.#variance[j] + (apart * apart) / weight);
      this.#weight[j] = weight;
    }
  }

  /** NaN before the first value. */
  mean(feature: number): number {
    return this.#weight[feature] === 0 ? Number.NaN : this.#mean[feature];
  }

  /** Population deviation; NaN before the first value. */
  deviation(feature: number): number {
    return this.#weight[feature] === 0 ? Number.NaN : Math.sqrt(this.#variance[feature]);
  }

  /** A copy of where it stands now, as `applyScales` takes it. A feature without spread is divided by 1, one without any value by Infinity. */
  scales(): Scales {
    return {
      centre: this.#mean.slice(),
      scale: this.#variance.map((variance, j) => {
        if (this.#weight[j] === 0) return Number.POSITIVE_INFINITY;
        const deviation = Math.sqrt(variance);
        return deviation > 1e-12 * Math.abs(this.#mean[j]) ? deviation : 1;
      }),
    };
  }
}
