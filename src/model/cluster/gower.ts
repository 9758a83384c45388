/**
 * Gower's distance (Gower, A General Coefficient of Similarity and Some of Its Properties, Biometrics 27, 1971): the weighted mean, over the columns that
 * both rows have, of |a - b| / range for numbers and of 0 (equal) or 1 (not) for categories. A column that one of the two rows lacks does not count for that
 * pair, and neither does its weight; rows without any column in common are as far apart as rows can be, 1.
 *
 * A number column keeps being one whatever is missing in it, and weights belong to columns, not to positions.
 */
export interface GowerColumn {
  readonly name: string;
  /** 'number' compares by difference, 'category' by equality. */
  readonly kind: 'number' | 'category';
  /** One value per row, NaN where missing; codes of a category are any numbers. */
  readonly values: Float64Array;
  /** Greater than 0. */
  readonly weight: number;
}

/** The columns ready for distances between any two of their rows. */
export class Gower {
  readonly rowCount: number;
  readonly columns: readonly GowerColumn[];
  /** 1 / range of number columns, 0 where all values are equal (then the distance is 0); 0 for categories. */
  readonly #scale: Float64Array;

  /** Throws a RangeError where columns differ in length, or a weight is not a positive number. */
  constructor(columns: readonly GowerColumn[]) {
    this.columns = columns;
    this.rowCount = columns[0]?.values.length ?? 0;
    this.#scale = Float64Array.from(columns, ({ name, kind, values, weight }) => {
      if (values.length !== this.rowCount) throw new RangeError(`column '${name}' has another number of rows`);
      if (!(weight > 0 && Number.isFinite(weight)))
        throw new RangeError(`the weight of '${name}' is not a positive number`);
      if (kind === 'category') return 0;
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      for (const value of values) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
      return high > low && Number.isFinite(high - low) ? 1 / (high - low) : 0;
    });
  }

  /** Distance of two rows, 0 to 1. */
  between(a: number, b: number): number {
    let sum = 0;
    let weights = 0;
    for (let j = 0; j < this.columns.length; j++) {
      const part = this.part(j, a, b);
      if (Number.isNaN(part)) continue;
      const weight = this.columns[j]?.weight ?? 0;
      sum += weight * part;
      weights += weight;
    }
    return weights === 0 ? 1 : sum / weights;
  }

  /** What one column alone says, 0 to 1; NaN where one of the rows lacks it. */
  part(column: number, a: number, b: number): number {
    const { kind, values } = this.columns[column] as GowerColumn;
    const x = values[a] as number;
    const y = values[b] as number;
    if (kind === 'category') return Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : x === y ? 0 : 1;
    // Infinities are the ends of the scale.
    const difference = Math.abs(x - y) * (this.#scale[column] as number);
    return x === y ? 0 : Number.isNaN(difference) && !Number.isNaN(x) && !Number.isNaN(y) ? 1 : Math.min(1, difference);
  }

  /** All distances of the given rows, condensed: pair (i, j), i < j, at `condensedIndex(n, i, j)`. */
  condensed(rows: ArrayLike<number>): Float64Array {
    const n = rows.length;
    const distances = new Float64Array((n * (n - 1)) / 2);
    const weights = new Float64Array(distances.length);
    const picked = new Float64Array(n);
    for (let c = 0; c < this.columns.length; c++) {
      const { kind, values, weight } = this.columns[c] as GowerColumn;
      const scale = this.#scale[c] as number;
      for (let i = 0; i < n; i++) picked[i] = values[rows[i] as number] as number;
      let k = 0;
      for (let i = 0; i < n; i++) {
        const x = picked[i] as number;
        if (Number.isNaN(x)) {
          k += n - 1 - i;
          continue;
        }
        for (let j = i + 1; j < n; j++, k++) {
          const y = picked[j] as number;
          if (Number.isNaN(y)) continue;
          let part: number;
          if (kind === 'category') part = x === y ? 0 : 1;
          else if (x === y) part = 0;
          else {
            part = Math.abs(x - y) * scale;
            if (!(part <= 1)) part = 1;
          }
          distances[k] = (distances[k] as number) + weight * part;
          weights[k] = (weights[k] as number) + weight;
        }
      }
    }
    for (let k = 0; k < distances.length; k++) {
      const total = weights[k] as number;
      distances[k] = total === 0 ? 1 : (distances[k] as number) / total;
    }
    return distances;
  }
}

/** Place of the pair (i, j) of n in a condensed matrix; i and j differ. */
export function condensedIndex(n: number, i: number, j: number): number {
  const a = i < j ? i : j;
  const b = i < j ? j : i;
  return a * n - (a * (a + 1)) / 2 + b - a - 1;
}
