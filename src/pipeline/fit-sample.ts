import { type Json, Random, Reservoir } from '../core/index.ts';
import type { Feature, FeatureMatrix } from '../feature/index.ts';
import { fitModel, type Model } from '../model/index.ts';

/** Rows that the model is fitted on, at most; of a table of very many features fewer, so that no more than `FIT_VALUES` values wait. */
const FIT_ROWS = 20_000;
const FIT_VALUES = 10_000_000;
/** What is fitted where nobody says what: on flows, of which there may be hundreds of thousands, what scores a million of them a second; on tables what finds most. docs/decisions.md has the figures. */
export const FLOW_MODEL = 'isolation-forest';
export const TABLE_MODEL = 'ensemble';
/** Fewer flows than this say nothing of what is usual. */
export const LEAST_FIT_ROWS = 100;

/** A uniform sample of all flows' features, for fitting a model on the input itself in bounded memory. */
export class FitSample {
  #features: readonly Feature[];
  #reservoir: Reservoir;
  #values: Float32Array;

  constructor(features: readonly Feature[], seed: number) {
    this.#features = features;
    const rows = Math.max(LEAST_FIT_ROWS, Math.min(FIT_ROWS, Math.floor(FIT_VALUES / Math.max(1, features.length))));
    this.#reservoir = new Reservoir(rows, new Random(seed));
    this.#values = new Float32Array(rows * features.length);
  }

  offer(matrix: FeatureMatrix): void {
    const width = this.#features.length;
    const to = this.#values;
    const from = matrix.values;
    for (let row = 0; row < matrix.rowCount; row++) {
      const slot = this.#reservoir.offer();
      if (slot < 0) continue;
      for (let i = 0; i < width; i++) to[slot * width + i] = from[row * width + i] as number;
    }
  }

  /** The model of what is usual in this input, with what its features were measured with; undefined when there were too few flows to say. */
  fit(seed: number, encoding?: Json, kind: string = FLOW_MODEL): Model | undefined {
    if (this.#reservoir.size < LEAST_FIT_ROWS) return undefined;
    return fitModel(kind, this.matrix(), { seed, ...(encoding === undefined ? {} : { encoding }) });
  }

  /** The sample as it is. Its numbers are not copied. */
  matrix(): FeatureMatrix {
    const rowCount = this.#reservoir.size;
    const values = this.#values.subarray(0, rowCount * this.#features.length);
    return { features: this.#features, rowCount, values };
  }
}
