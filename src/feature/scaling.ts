import { z } from 'zod';
import { mean, quantileSorted, standardDeviation, UserError } from '../core/index.ts';
import type { Feature, FeatureMatrix } from './matrix.ts';

/**
 * Brings features to like sizes: learned once, on what a model is fitted on, and stored with it; never learned again when scoring.
 *
 * - `none`: as it is.
 * - `standard`: minus the mean, divided by the population standard deviation.
 * - `robust`: minus the median, divided by the distance of the quartiles. Half of the rows may be wild without any effect.
 * - `log1p`: ln(1 + x) for x >= 0 and -ln(1 - x) below, for quantities that span decades.
 * - `quantile`: the share of the learned rows below, 0..1, through 101 stored quantiles with straight lines between; beyond them 0 and 1.
 *
 * What is constant has a deviation of 0; it is divided by 1, so it scales to 0 and a value that differs shows its plain distance. A feature that was
 * missing in every learned row is left as it is. Missing stays missing.
 */
export const SCALING_METHODS = ['none', 'standard', 'robust', 'log1p', 'quantile'] as const;
export type ScalingMethod = (typeof SCALING_METHODS)[number];

const QUANTILES = 101;

/** What is saved, as plain data. */
export interface ScalerData {
  readonly format: 'anomalyst-scaler';
  readonly version: 1;
  readonly features: readonly {
    readonly name: string;
    readonly method: ScalingMethod;
    /** What is taken off; 0 where the method has none. */
    readonly centre: number;
    /** What it is divided by; above 0. */
    readonly scale: number;
    /** Ascending; of the method `quantile` alone, and empty where nothing was learned. */
    readonly quantiles?: readonly number[] | undefined;
  }[];
}

const finite = z.number().refine(Number.isFinite);
const dataSchema = z.strictObject({
  format: z.literal('anomalyst-scaler'),
  version: z.literal(1),
  features: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(1000),
        method: z.enum(SCALING_METHODS),
        centre: finite,
        scale: finite.refine((scale) => scale > 0),
        quantiles: z.array(finite).max(10_000).optional(),
      }),
    )
    .max(100_000),
});

type Learned = ScalerData['features'][number];

/** What was learned of the features of a matrix. Immutable. */
export class Scaler {
  #data: ScalerData;

  private constructor(data: ScalerData) {
    this.#data = data;
  }

  /**
   * @param method one for all features, or one per feature by name with `none` for those not named.
   */
  static learn(matrix: FeatureMatrix, method: ScalingMethod | Readonly<Record<string, ScalingMethod>>): Scaler {
    const { features, rowCount, values } = matrix;
    const width = features.length;
    return Scaler.fromJSON({
      format: 'anomalyst-scaler',
      version: 1,
      features: features.map(({ name }, j): Learned => {
        const present = new Float64Array(rowCount);
        let n = 0;
        for (let i = 0; i < rowCount; i++) {
          const value = values[i * width + j];
          if (Number.isFinite(value)) present[n++] = value;
        }
        return learnOne(name, typeof method === 'string' ? method : (method[name] ?? 'none'), present.subarray(0, n));
      }),
    });
  }

  /** A scaled copy. Throws where the features are not those that were learned, in their order. */
  transform(matrix: FeatureMatrix): FeatureMatrix {
    return this.#map(matrix, forward);
  }

  /** Back to the plain values: exact but for rounding for all methods but `quantile`, which gives back what lies within the learned range. */
  inverse(matrix: FeatureMatrix): FeatureMatrix {
    return this.#map(matrix, backward);
  }

  #map(matrix: FeatureMatrix, one: (value: number, learned: Learned) => number): FeatureMatrix {
    const { features, rowCount, values } = matrix;
    const learned = this.#data.features;
    if (features.length !== learned.length || features.some((f: Feature, j) => f.name !== learned[j].name))
      throw new Error('a scaler scales the features that it was learned on');
    const width = features.length;
    const out = new Float32Array(values.length);
    for (let i = 0; i < rowCount * width; i++) {
      const value = values[i];
      const mapped = Number.isNaN(value) ? Number.NaN : one(value, learned[i % width]);
      // A value that a float32 can't hold is as far out as it gets.
      out[i] = Math.max(-MAX_FLOAT32, Math.min(MAX_FLOAT32, mapped));
    }
    return { features, rowCount, values: out };
  }

  /** Plain data for `JSON.stringify`, or for a part of a model file. */
  toJSON(): ScalerData {
    return this.#data;
  }

  /** @throws UserError for what is no scaler, or one that contradicts itself. */
  static fromJSON(data: unknown): Scaler {
    const parsed = dataSchema.safeParse(data);
    if (!parsed.success) throw damaged('it is not of the expected form');
    for (const { method, quantiles } of parsed.data.features) {
      if ((method === 'quantile') !== (quantiles !== undefined)) throw damaged('its quantiles do not fit its methods');
      if (quantiles?.some((q, i) => i > 0 && q < quantiles[i - 1])) throw damaged('its quantiles are not in order');
    }
    return new Scaler(parsed.data);
  }
}

const MAX_FLOAT32 = 3.4028234663852886e38;

function learnOne(name: string, method: ScalingMethod, present: Float64Array): Learned {
  const plain = { name, method, centre: 0, scale: 1 };
  if (method === 'quantile') {
    const sorted = present.sort();
    const quantiles =
      sorted.length === 0
        ? []
        : Array.from({ length: QUANTILES }, (_, q) => quantileSorted(sorted, q / (QUANTILES - 1)));
    return { ...plain, quantiles };
  }
  if (present.length === 0 || method === 'none' || method === 'log1p') return plain;
  if (method === 'standard') {
    const centre = mean(present);
    return { ...plain, centre, scale: usable(standardDeviation(present), centre) };
  }
  const sorted = present.sort();
  const distance = quantileSorted(sorted, 0.75) - quantileSorted(sorted, 0.25);
  const centre = quantileSorted(sorted, 0.5);
  return { ...plain, centre, scale: usable(distance, centre) };
}

/** A spread that is nothing but the rounding of the values is none. */
function usable(spread: number, centre: number): number {
  return spread > 1e-30 && spread > 1e-12 * Math.abs(centre) ? spread : 1;
}

function forward(value: number, { method, centre, scale, quantiles }: Learned): number {
  if (method === 'none') return value;
  if (method === 'log1p') return value < 0 ? -Math.log1p(-value) : Math.log1p(value);
  if (method !== 'quantile') return (value - centre) / scale;
  return quantiles === undefined || quantiles.length === 0 ? value : shareBelow(value, quantiles);
}

function backward(value: number, { method, centre, scale, quantiles }: Learned): number {
  if (method === 'none') return value;
  if (method === 'log1p') return value < 0 ? -Math.expm1(-value) : Math.expm1(value);
  if (method !== 'quantile') return value * scale + centre;
  return quantiles === undefined || quantiles.length === 0
    ? value
    : quantileSorted(quantiles, Math.max(0, Math.min(1, value)));
}

/** The middle of the quantiles that equal the value, else between its neighbours. */
function shareBelow(value: number, quantiles: readonly number[]): number {
  const last = quantiles.length - 1;
  let low = 0;
  while (low <= last && quantiles[low] < value) low++;
  let high = low;
  while (high <= last && quantiles[high] === value) high++;
  if (high > low) return last === 0 ? 0.5 : (low + high - 1) / 2 / last;
  if (low === 0) return 0;
  if (low > last) return 1;
  const below = quantiles[low - 1];
  return (low - 1 + (value - below) / (quantiles[low] - below)) / last;
}

function damaged(what: string): UserError {
  return new UserError(
    `The scaler is damaged: ${what}.`,
    'Learn it again, or copy its file again from where it was made.',
  );
}
