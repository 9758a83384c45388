import { type Column, type Schema, Table } from './table.ts';
import { type TextDecode, TextDictionary } from './text-dictionary.ts';

/** Rows with texts of a megabyte each end a batch early. */
const MAX_TEXT_BYTES = 1 << 25;

/**
 * Fills a table from bytes, batch after batch: numbers go straight into their array, texts through a dictionary of bytes. Columns that a source can't give cost nothing: they
 * share one array of missing values. Arrays are never used for a second batch, so a table stays good as long as somebody holds it.
 *
 * A cell that is never set is missing. Rows are opened with `addRow` and may be taken back with `dropRow` as long as none was opened after them.
 */
export class ColumnWriter {
  readonly schema: Schema;
  readonly capacity: number;
  rowCount = 0;
  readonly #given: readonly boolean[];
  readonly #dictionaries: readonly (TextDictionary | undefined)[];
  #textBytes = 0;
  #values: (Float64Array | Int32Array | undefined)[] = [];
  #valid: (Uint8Array | undefined)[] = [];
  #codes: (Int32Array | undefined)[] = [];

  /**
   * @param given names of the columns that will ever be set; without it all.
   * @param decode how a text is made of its bytes; without it `decodeText`.
   */
  constructor(schema: Schema, capacity: number, given?: ReadonlySet<string>, decode?: TextDecode) {
    this.schema = schema;
    this.capacity = capacity;
    this.#given = schema.columns.map((c) => given === undefined || given.has(c.name));
    this.#dictionaries = schema.columns.map((c, i) =>
      c.kind === 'string' && this.#given[i] ? new TextDictionary(decode) : undefined,
    );
    this.#allocate();
  }

  get full(): boolean {
    return this.rowCount >= this.capacity || this.#textBytes >= MAX_TEXT_BYTES;
  }

  #allocate(): void {
    const n = this.capacity;
    this.rowCount = 0;
    this.#textBytes = 0;
    const { columns } = this.schema;
    const given = this.#given;
    this.#values = columns.map((c, i) =>
      !given[i] || c.kind === 'string' ? undefined : c.kind === 'float64' ? new Float64Array(n) : new Int32Array(n),
    );
    this.#valid = columns.map((c, i) => (given[i] && c.kind !== 'string' ? new Uint8Array((n + 7) >> 3) : undefined));
    this.#codes = columns.map((c, i) => (given[i] && c.kind === 'string' ? new Int32Array(n).fill(-1) : undefined));
  }

  /** Opens the next row and returns its index. The caller asks `full` first: a batch is full with `capacity` rows, or 32 MiB of different texts. */
  addRow(): number {
    return this.rowCount++;
  }

  /** Takes the newest row back. */
  dropRow(): void {
    const row = --this.rowCount;
    for (const codes of this.#codes) if (codes !== undefined) codes[row] = -1;
    for (const valid of this.#valid) if (valid !== undefined) valid[row >> 3] &= ~(1 << (row & 7));
  }

  setNumber(column: number, row: number, value: number): void {
    this.#values[column]![row] = value;
    this.#valid[column]![row >> 3] |= 1 << (row & 7);
  }

  /** `values[index]`, where it is no NaN. A double that goes from array to array is never boxed. */
  putNumber(column: number, row: number, values: Float64Array, index: number): void {
    const value = values[index];
    if (Number.isNaN(value)) return;
    this.#values[column]![row] = value;
    this.#valid[column]![row >> 3] |= 1 << (row & 7);
  }

  /** Undefined where the cell was not set. */
  number(column: number, row: number): number | undefined {
    const valid = this.#valid[column];
    if (valid === undefined || (valid[row >> 3] & (1 << (row & 7))) === 0) return undefined;
    return this.#values[column]?.[row];
  }

  clearCell(column: number, row: number): void {
    const valid = this.#valid[column];
    if (valid !== undefined) valid[row >> 3] &= ~(1 << (row & 7));
    const codes = this.#codes[column];
    if (codes !== undefined) codes[row] = -1;
  }

  /** Text of `bytes[from, to)`, which are copied. True where this batch had no such text in this column yet. */
  setBytes(column: number, row: number, bytes: Uint8Array, from: number, to: number): boolean {
    const dictionary = this.#dictionaries[column]!;
    const { size } = dictionary;
    this.#codes[column]![row] = dictionary.code(bytes, from, to);
    if (dictionary.size === size) return false;
    this.#textBytes += to - from;
    return true;
  }

  setText(column: number, row: number, text: string): void {
    this.#codes[column]![row] = this.#dictionaries[column]!.codeOf(text);
  }

  hasText(column: number, row: number): boolean {
    const codes = this.#codes[column];
    return codes !== undefined && codes[row] >= 0;
  }

  /** Code of a text in this batch, for `setCode`: it holds until `finish`. */
  codeOf(column: number, text: string): number {
    return this.#dictionaries[column]!.codeOf(text);
  }

  setCode(column: number, row: number, code: number): void {
    this.#codes[column]![row] = code;
  }

  /** The rows so far as a table; the writer is empty afterwards. */
  finish(): Table {
    const n = this.rowCount;
    const columns = this.schema.columns.map((spec, i): Column => {
      if (spec.kind === 'string') {
        const codes = this.#codes[i];
        const dictionary = this.#dictionaries[i];
        if (codes === undefined || dictionary === undefined)
          return { kind: 'string', codes: missingCodes(n), dictionary: [] };
        const column = dictionary.column(codes.subarray(0, n));
        dictionary.clear();
        return column;
      }
      const values = this.#values[i];
      if (values === undefined) return { kind: spec.kind, values: missingValues(spec.kind, n), valid: missingBits(n) };
      return { kind: spec.kind, values: values.subarray(0, n), valid: this.#valid[i] };
    });
    this.#allocate();
    return new Table(this.schema, n, columns);
  }
}

let noCodes = new Int32Array(0);
let noFloats = new Float64Array(0);
let noInts = new Int32Array(0);
let noBits = new Uint8Array(0);

function missingCodes(n: number): Int32Array {
  if (noCodes.length < n) noCodes = new Int32Array(n).fill(-1);
  return noCodes.subarray(0, n);
}

function missingValues(kind: 'float64' | 'int32', n: number): Float64Array | Int32Array {
  if (kind === 'float64') {
    if (noFloats.length < n) noFloats = new Float64Array(n);
    return noFloats.subarray(0, n);
  }
  if (noInts.length < n) noInts = new Int32Array(n);
  return noInts.subarray(0, n);
}

function missingBits(n: number): Uint8Array {
  const bytes = (n + 7) >> 3;
  if (noBits.length < bytes) noBits = new Uint8Array(bytes);
  return noBits.subarray(0, bytes);
}
