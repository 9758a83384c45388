import { type Column, type ColumnSpec, isValid, type Schema, safeText, type Table, UserError } from '../core/index.ts';
import type { Feature } from './matrix.ts';

/**
 * Pairs of columns with few values, measured by how rare two values are together: -log2 of the share of the rows that had both. A protocol, a service and a state, each common, may never have been seen
 * side by side.
 *
 * Candidates are chosen on the first batch: columns of texts with at most `MAX_COLUMN_VALUES` of them, then columns of whole numbers with at most `MAX_NUMBER_VALUES`, those first that are spread most
 * evenly, `MAX_COLUMNS` in all. A column that shows more values later is dropped with its pairs. Of what is left the `MAX_PAIRS` with the most mutual information are kept: a pair whose values say nothing of one
 * another adds nothing to what they say alone. Where one value follows from the other, the one row that breaks the rule is what a pair is there for.
 *
 * Memory: at most 66 counts of `MAX_PAIR_VALUES` combinations each while learning. Combinations beyond those count as seen once, which is what most of them were. Where either value is missing, so is the
 * feature.
 */
const MAX_COLUMNS = 12;
const MAX_COLUMN_VALUES = 256;
const MAX_NUMBER_VALUES = 16;
const MAX_PAIR_VALUES = 4096;
const MAX_PAIRS = 16;
/** Bits that one column has to tell of the other. */
const LEAST_BITS = 0.01;

/** One pair as it is saved: both columns, and each combination that was counted with its rows. */
export type SavedPair = readonly [string, string, readonly (readonly [string, string, number])[]];

export function isSavedPair(data: unknown): data is SavedPair {
  if (!Array.isArray(data) || data.length !== 3) return false;
  const [a, b, counts] = data as unknown[];
  return (
    typeof a === 'string' &&
    typeof b === 'string' &&
    Array.isArray(counts) &&
    counts.length <= MAX_PAIR_VALUES &&
    counts.every(
      (entry: unknown) =>
        Array.isArray(entry) &&
        entry.length === 3 &&
        typeof entry[0] === 'string' &&
        typeof entry[1] === 'string' &&
        typeof entry[2] === 'number' &&
        entry[2] >= 1,
    )
  );
}

/** Numbers for the values of a column: 0 and up for those known, `OTHER` for any other, `ABSENT` for none. */
class ColumnValues {
  readonly column: number;
  readonly spec: ColumnSpec;
  readonly texts: string[] = [];
  readonly #places = new Map<string, number>();

  constructor(column: number, spec: ColumnSpec) {
    this.column = column;
    this.spec = spec;
  }

  get most(): number {
    return this.spec.kind === 'string' ? MAX_COLUMN_VALUES : MAX_NUMBER_VALUES;
  }

  place(text: string, learn: boolean): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    if (!learn) return OTHER;
    this.#places.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }

  /** The values of a batch. @param learn whether new ones are taken in; undefined comes back when there are too many, or a number is not whole */
  codesOf(table: Table, learn: boolean): Int32Array | undefined {
    const column = table.columns[this.column];
    const codes = new Int32Array(table.rowCount).fill(ABSENT);
    if (column === undefined) return codes;
    const places = new Map<number, number>();
    for (let row = 0; row < table.rowCount; row++) {
      const key = keyAt(column, row);
      if (key === undefined) continue;
      let place = places.get(key);
      if (place === undefined) {
        if (learn && column.kind !== 'string' && !Number.isInteger(key)) return undefined;
        place = this.place(column.kind === 'string' ? (column.dictionary[key] ?? '') : String(key + 0), learn);
        if (learn && this.texts.length > this.most) return undefined;
        // Numbers may be as many as there are rows; what is known of them is not.
        if (column.kind === 'string' || places.size < MAX_COLUMN_VALUES) places.set(key, place);
      }
      codes[row] = place;
    }
    return codes;
  }
}

/** The values of one batch by column. */
export type PairCodes = Map<ColumnValues, Int32Array>;

const OTHER = -2;
const ABSENT = -1;

/** The code of a text, or the number; undefined where there is none. */
function keyAt(column: Column, row: number): number | undefined {
  if (column.kind === 'string') {
    const code = column.codes[row] ?? -1;
    return code < 0 ? undefined : code;
  }
  const value = isValid(column, row) ? (column.values[row] ?? Number.NaN) : Number.NaN;
  return Number.isNaN(value) ? undefined : value;
}

/** How often each combination of two columns was. */
export class PairCounts {
  readonly first: ColumnValues;
  readonly second: ColumnValues;
  readonly feature: Feature;
  readonly counts = new Map<number, number>();
  /** Rows that had both. */
  present = 0;
  #rows = 0;

  constructor(first: ColumnValues, second: ColumnValues) {
    const [a, b] = [first.spec.name, second.spec.name];
    this.first = first;
    this.second = second;
    this.feature = { name: `${a}+${b}.rarity`, unit: 'bit', meaning: `How rare what ${a} and ${b} say together is.` };
  }

  count(a: Int32Array, b: Int32Array): void {
    for (let row = 0; row < a.length; row++) {
      const [x = ABSENT, y = ABSENT] = [a[row], b[row]];
      if (x < 0 || y < 0) continue;
      this.present++;
      this.#add(x * BASE + y, 1);
    }
  }

  #add(key: number, rows: number): void {
    const known = this.counts.get(key);
    if (known !== undefined || this.counts.size < MAX_PAIR_VALUES) this.counts.set(key, (known ?? 0) + rows);
  }

  settle(rows: number): this {
    this.#rows = Math.max(1, rows);
    return this;
  }

  /** Bits that either of the two tells of the other, over the rows that had both. */
  information(): number {
    const a = new Map<number, number>();
    const b = new Map<number, number>();
    for (const [key, n] of this.counts) {
      const [x, y] = [Math.floor(key / BASE), key % BASE];
      a.set(x, (a.get(x) ?? 0) + n);
      b.set(y, (b.get(y) ?? 0) + n);
    }
    const [both = 0, one = 0, other = 0] = [this.counts, a, b].map((counts) => entropy([...counts.values()]));
    return one + other - both;
  }

  /** @param codes of the columns of this batch that were asked for already. */
  measure(table: Table, codes: PairCodes, into: Float32Array, width: number, at: number): void {
    const [a, b] = [this.first, this.second].map((column) => {
      const known = codes.get(column) ?? column.codesOf(table, false);
      if (known !== undefined) codes.set(column, known);
      return known;
    });
    if (a === undefined || b === undefined) return;
    for (let row = 0; row < table.rowCount; row++) {
      const [x = ABSENT, y = ABSENT] = [a[row], b[row]];
      if (x === ABSENT || y === ABSENT) continue;
      const n = x < 0 || y < 0 ? 1 : (this.counts.get(x * BASE + y) ?? 1);
      into[row * width + at] = -Math.log2(n / this.#rows) + 0;
    }
  }

  save(): SavedPair {
    const { first, second } = this;
    const counts = [...this.counts].map(
      ([key, n]) => [first.texts[Math.floor(key / BASE)] ?? '', second.texts[key % BASE] ?? '', n] as const,
    );
    const order = (p: string, q: string): number => (p < q ? -1 : p > q ? 1 : 0);
    counts.sort((p, q) => q[2] - p[2] || order(p[0], q[0]) || order(p[1], q[1]));
    return [first.spec.name, second.spec.name, counts];
  }

  restore(counts: SavedPair[2]): void {
    for (const [a, b, n] of counts) this.#add(this.first.place(a, true) * BASE + this.second.place(b, true), n);
  }
}

/** Above the values of any column, also of a file that has as many in one as combinations. */
const BASE = 2 ** 20;

function entropy(counts: readonly number[]): number {
  const all = counts.reduce((sum, n) => sum + n, 0);
  return counts.reduce((sum, n) => sum - (n / all) * Math.log2(n / all), 0);
}

/** Finds the pairs of a table while its rows are looked at for the first time. */
export class PairLearner {
  readonly #schema: Schema;
  #columns: ColumnValues[] | undefined;
  #pairs: PairCounts[] = [];

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  learn(table: Table): void {
    if (table.rowCount === 0) return;
    if (this.#columns === undefined) {
      this.#columns = candidates(this.#schema, table);
      this.#pairs = this.#columns.flatMap((first, i) =>
        (this.#columns ?? []).slice(i + 1).map((second) => new PairCounts(first, second)),
      );
    }
    const codes = new Map<ColumnValues, Int32Array>();
    for (const column of this.#columns) {
      const found = column.codesOf(table, true);
      if (found === undefined) this.#drop(column);
      else codes.set(column, found);
    }
    for (const pair of this.#pairs) {
      const [a, b] = [codes.get(pair.first), codes.get(pair.second)];
      if (a !== undefined && b !== undefined) pair.count(a, b);
    }
  }

  #drop(column: ColumnValues): void {
    this.#columns = this.#columns?.filter((one) => one !== column);
    this.#pairs = this.#pairs.filter(({ first, second }) => first !== column && second !== column);
  }

  finish(rows: number): PairCounts[] {
    return this.#pairs
      .map((pair, k) => ({ pair, k, bits: pair.information() }))
      .filter(({ bits }) => bits >= LEAST_BITS)
      .sort((p, q) => q.bits - p.bits || p.k - q.k)
      .slice(0, MAX_PAIRS)
      .sort((p, q) => p.k - q.k)
      .map(({ pair }) => pair.settle(rows));
  }
}

/** Columns of few values in a first batch. */
function candidates(schema: Schema, table: Table): ColumnValues[] {
  const found = schema.columns.flatMap((spec, column) => {
    const trial = new ColumnValues(column, spec);
    const codes = trial.codesOf(table, true);
    if (codes === undefined || trial.texts.length < 2) return [];
    const counts = new Array<number>(trial.texts.length).fill(0);
    let present = 0;
    for (const code of codes)
      if (code >= 0) {
        counts[code] = (counts[code] ?? 0) + 1;
        present++;
      }
    // All different: names of rows, not of kinds.
    if (present > 1 && trial.texts.length === present) return [];
    return [{ column, spec, isText: spec.kind === 'string', bits: entropy(counts) }];
  });
  return found
    .sort((p, q) => Number(q.isText) - Number(p.isText) || q.bits - p.bits || p.column - q.column)
    .slice(0, MAX_COLUMNS)
    .sort((p, q) => p.column - q.column)
    .map(({ column, spec }) => new ColumnValues(column, spec));
}

/** The pairs of a saved encoding, for a table of that schema. Throws a UserError where it lacks one of the columns. */
export function pairsOf(schema: Schema, saved: readonly SavedPair[], rows: number): PairCounts[] {
  const known = new Map<string, ColumnValues>();
  const valuesOf = (name: string): ColumnValues => {
    const same = known.get(name);
    if (same !== undefined) return same;
    const column = schema.columns.findIndex((spec) => spec.name === name);
    const spec = schema.columns[column];
    if (spec === undefined)
      throw new UserError(
        `the model was fitted on a table with a column '${safeText(name, 60)}', which this one does not have`,
        'give a table of the same columns, or fit a new model',
      );
    const values = new ColumnValues(column, spec);
    known.set(name, values);
    return values;
  };
  return saved.map(([a, b, counts]) => {
    const pair = new PairCounts(valuesOf(a), valuesOf(b));
    pair.restore(counts);
    return pair.settle(rows);
  });
}
