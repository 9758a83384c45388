import { isValid, type NumberColumn, type StringColumn, type Table } from '../../core/index.ts';
import type { FlowFeature } from '../flow.ts';
import type { FeatureMatrix } from '../matrix.ts';
import type { PopularList } from '../popular.ts';

/** What packs are made with. */
export interface FeatureContext {
  /** True for addresses of the home network. */
  readonly isHome: (address: string) => boolean;
  /** The list that popularity ranks are read from; default the one that ships. */
  readonly popular?: PopularList;
  /** Zone of hours and weekdays: an IANA name (Europe/Berlin), 'UTC', or a fixed offset (+02:00). Default UTC. */
  readonly timeZone?: string;
}

/** Positions of features by name. */
export function positionsOf<Name extends string>(features: readonly { readonly name: Name }[]): Record<Name, number> {
  return Object.fromEntries(features.map((f, i) => [f.name, i])) as Record<Name, number>;
}

/** A matrix of NaN for so many rows, in `into` where it is large enough. */
export function emptyMatrix(features: readonly FlowFeature[], rowCount: number, into?: Float32Array): FeatureMatrix {
  const length = rowCount * features.length;
  const values = into !== undefined && into.length >= length ? into.subarray(0, length) : new Float32Array(length);
  return { features, rowCount, values: values.fill(Number.NaN) };
}

/** What a float32 can't hold is missing: somebody's CSV may claim 1e300 bytes. */
export function dropInfinities(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]) === Number.POSITIVE_INFINITY) values[i] = Number.NaN;
}

/** The value, or NaN where it is missing, negative or not finite. */
export function quantityAt(column: NumberColumn, row: number): number {
  const value = numberOr(column, row);
  return value >= 0 && value < Number.POSITIVE_INFINITY ? value : Number.NaN;
}

/** The value, or NaN where it is missing. */
export function numberOr(column: NumberColumn, row: number): number {
  return isValid(column, row) ? column.values[row] : Number.NaN;
}

/** When a flow happened, as the windows see it: its end, else its start. NaN where neither is known. */
export function eventTimeAt(startMs: NumberColumn, endMs: NumberColumn, row: number): number {
  const end = numberOr(endMs, row);
  const time = Number.isNaN(end) ? numberOr(startMs, row) : end;
  return Math.abs(time) <= 8.64e15 ? time : Number.NaN;
}

/** A number per text of a column, worked out once per text and batch; NaN where the cell is missing. */
export class TextNumbers {
  #column: StringColumn;
  #known: Float64Array;
  #numberOf: (text: string) => number;
  #done: Uint8Array;

  constructor(column: StringColumn, numberOf: (text: string) => number) {
    this.#column = column;
    this.#numberOf = numberOf;
    this.#known = new Float64Array(column.dictionary.length);
    this.#done = new Uint8Array(column.dictionary.length);
  }

  at(row: number): number {
    const code = this.#column.codes[row];
    if (code < 0) return Number.NaN;
    if (this.#done[code] === 0) {
      this.#done[code] = 1;
      this.#known[code] = this.#numberOf(this.#column.dictionary[code]);
    }
    return this.#known[code];
  }
}

/** Calls `each` for the rows of a table in the order in which they happened. */
export function inOrder(table: Table, order: Int32Array | undefined, each: (row: number) => void): void {
  for (let k = 0; k < table.rowCount; k++) each(order === undefined ? k : order[k]);
}
