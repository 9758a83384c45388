import { type NumberColumn, PackedTextColumn, type StringColumn, type Table } from '../../core/index.ts';

/**
 * What a compiled expression computes with: whole columns of a batch, never single rows. Every vector is as long as the batch. A vector that an
 * expression gives belongs to it and is good until it is evaluated again.
 */
export type Vector = NumberVector | TextVector | BooleanVector;

export interface NumberVector {
  readonly type: 'number';
  /** NaN is missing, and nothing else is NaN: what has no result (a division by zero, a logarithm of 0) is missing, and counted. */
  readonly values: Float64Array;
}

export interface TextVector {
  readonly type: 'text';
  /** Index into `dictionary`, -1 where missing. */
  readonly codes: Int32Array;
  readonly dictionary: readonly string[];
}

/**
 * Kleene's three values in two bits: bit 1 is set where the value is true, bit 0 where it is not false. So 'and' is the bitwise and of two, 'or' the
 * bitwise or, and a comparison writes both bits without a jump that depends on the data.
 */
export const FALSE = 0;
export const UNKNOWN = 1;
export const TRUE = 3;

export interface BooleanVector {
  readonly type: 'boolean';
  readonly values: Uint8Array;
}

export type ValueType = Vector['type'];

/** A single value; undefined is missing. */
export type Value = number | string | boolean;

/** The value in a row; undefined where it is missing. */
export function valueAt(vector: Vector, row: number): Value | undefined {
  switch (vector.type) {
    case 'number': {
      const value = vector.values[row];
      return Number.isNaN(value) ? undefined : value;
    }
    case 'text': {
      const code = vector.codes[row];
      return code < 0 ? undefined : vector.dictionary[code];
    }
    case 'boolean': {
      const value = vector.values[row];
      return value === UNKNOWN ? undefined : value === TRUE;
    }
  }
}

/**
 * Arrays that the columns of one batch after another are read into. Handed to a batch, they make every vector of the batch before it void: large arrays
 * that come and go cost more than what is done with them.
 */
export class ColumnBuffers {
  #numbers = new Map<number, NumberBuffer>();
  #bytes = new Map<number, ByteBuffer>();

  numbers(column: number, rowCount: number): Float64Array {
    let buffer = this.#numbers.get(column);
    if (buffer === undefined) {
      buffer = new NumberBuffer();
      this.#numbers.set(column, buffer);
    }
    return buffer.take(rowCount);
  }

  bytes(column: number, rowCount: number): Uint8Array {
    let buffer = this.#bytes.get(column);
    if (buffer === undefined) {
      buffer = new ByteBuffer();
      this.#bytes.set(column, buffer);
    }
    return buffer.take(rowCount);
  }
}

/** A batch on its way through expressions: its columns are read once, however many expressions use them. */
export class Batch {
  readonly table: Table;
  readonly rowCount: number;
  #buffers: ColumnBuffers | undefined;
  #numbers = new Map<number, NumberVector>();
  #texts = new Map<number, TextVector>();
  #booleans = new Map<number, BooleanVector>();

  /** @param buffers where columns are read into; without them the batch has arrays of its own. */
  constructor(table: Table, buffers?: ColumnBuffers) {
    this.table = table;
    this.rowCount = table.rowCount;
    this.#buffers = buffers;
  }

  numbers(column: number): NumberVector {
    let vector = this.#numbers.get(column);
    if (vector === undefined) {
      const take = (): Float64Array => this.#buffers?.numbers(column, this.rowCount) ?? new Float64Array(this.rowCount);
      vector = { type: 'number', values: readNumbers(this.table.columns[column] as NumberColumn, this.rowCount, take) };
      this.#numbers.set(column, vector);
    }
    return vector;
  }

  texts(column: number): TextVector {
    let vector = this.#texts.get(column);
    if (vector === undefined) {
      vector = readTexts(this.table.columns[column] as StringColumn, this.rowCount);
      this.#texts.set(column, vector);
    }
    return vector;
  }

  booleans(column: number): BooleanVector {
    let vector = this.#booleans.get(column);
    if (vector === undefined) {
      const { values } = this.numbers(column);
      const out = this.#buffers?.bytes(column, this.rowCount) ?? new Uint8Array(this.rowCount);
      for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(values[i]) ? UNKNOWN : values[i] === 0 ? FALSE : TRUE;
      vector = { type: 'boolean', values: out };
      this.#booleans.set(column, vector);
    }
    return vector;
  }
}

/** The numbers of a column with NaN where they are missing; the column's own array where none is. */
function readNumbers(column: NumberColumn, rowCount: number, take: () => Float64Array): Float64Array {
  const { values, valid } = column;
  if (values instanceof Float64Array && (valid === undefined || allValid(valid, rowCount)))
    return values.length === rowCount ? values : values.subarray(0, rowCount);
  const out = take();
  if (values instanceof Float64Array) out.set(values.length === rowCount ? values : values.subarray(0, rowCount));
  else for (let i = 0; i < rowCount; i++) out[i] = values[i];
  if (valid === undefined) return out;
  // Eight rows that are all there are the rule; else only the holes are looked at.
  const last = (rowCount + 7) >> 3;
  for (let byte = 0; byte < last; byte++) {
    for (let holes = ~valid[byte] & 0xff; holes !== 0; holes &= holes - 1) {
      const row = 8 * byte + 31 - Math.clz32(holes & -holes);
      if (row < rowCount) out[row] = Number.NaN;
    }
  }
  return out;
}

function allValid(valid: Uint8Array, rowCount: number): boolean {
  const whole = rowCount >> 3;
  for (let i = 0; i < whole; i++) if (valid[i] !== 0xff) return false;
  const rest = rowCount & 7;
  return rest === 0 || (valid[whole] & ((1 << rest) - 1)) === (1 << rest) - 1;
}

/** A dictionary that has far more entries than the batch has rows (rows were taken out of a larger one) is cut down to what is used. */
function readTexts(column: StringColumn, rowCount: number): TextVector {
  const packed = column instanceof PackedTextColumn;
  const size = packed ? column.ends.length : column.dictionary.length;
  const codes = column.codes.length === rowCount ? column.codes : column.codes.subarray(0, rowCount);
  if (size <= 2 * rowCount + 64) return { type: 'text', codes, dictionary: column.dictionary };
  const known = new Map<number, number>();
  const dictionary: string[] = [];
  const out = new Int32Array(rowCount);
  for (let i = 0; i < rowCount; i++) {
    const code = codes[i];
    let own = code < 0 ? -1 : known.get(code);
    if (own === undefined) {
      own = dictionary.length;
      known.set(code, own);
      dictionary.push(packed ? column.text(code) : column.dictionary[code]);
    }
    out[i] = own;
  }
  return { type: 'text', codes: out, dictionary };
}

/** Arrays that an expression writes its results to, made anew only when a batch is larger than those before it. */
export class NumberBuffer {
  #values = new Float64Array(0);

  /** An array of n numbers, whatever stands in it. */
  take(n: number): Float64Array {
    if (this.#values.length === n) return this.#values;
    if (this.#values.buffer.byteLength < 8 * n) this.#values = new Float64Array(n);
    else this.#values = new Float64Array(this.#values.buffer, 0, n);
    return this.#values;
  }
}

export class ByteBuffer {
  #values = new Uint8Array(0);

  take(n: number): Uint8Array {
    if (this.#values.length === n) return this.#values;
    if (this.#values.buffer.byteLength < n) this.#values = new Uint8Array(n);
    else this.#values = new Uint8Array(this.#values.buffer, 0, n);
    return this.#values;
  }
}

export class CodeBuffer {
  #values = new Int32Array(0);

  take(n: number): Int32Array {
    if (this.#values.length === n) return this.#values;
    if (this.#values.buffer.byteLength < 4 * n) this.#values = new Int32Array(n);
    else this.#values = new Int32Array(this.#values.buffer, 0, n);
    return this.#values;
  }
}
