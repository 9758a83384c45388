/** What a feature is, and the dense matrix that models read. */

/** A named number measured on a table. `name` is dotted and stable, as in `flow.bytes-ratio`. */
export interface Feature {
  readonly name: string;
  /** Unit of the raw value: 'ln bytes', 'ratio 0..1', 'hosts', ... */
  readonly unit: string;
  /** One sentence for the person who reads an explanation. */
  readonly meaning: string;
}

/**
 * Rows of features, row-major: value of feature j in row i is `values[i * features.length + j]`. NaN is missing, and nothing else is:
 * infinities don't occur. Shapes: values.length = rowCount * features.length.
 */
export interface FeatureMatrix {
  readonly features: readonly Feature[];
  readonly rowCount: number;
  readonly values: Float32Array;
}
