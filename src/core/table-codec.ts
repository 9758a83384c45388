import { type Column, type ColumnKind, PackedTextColumn, type Schema, Table } from './table.ts';

/**
 * A table as bytes and back, for scratch files that one run writes and reads: row count, then per column its arrays, 8-byte aligned; dictionaries as JSON.
 * Host byte order, no versioning: it is not a file format. Arrow is what leaves the house.
 * @param into used for the result when it is large enough and begins at a multiple of 8 in its buffer.
 */
export function encodeTable(table: Table, into?: Uint8Array): Uint8Array {
  PACKER.clear();
  const columns = table.columns.map(packed);
  const plans = columns.map((column) => planOf(column, table.rowCount));
  const text = new TextEncoder().encode(JSON.stringify(plans));
  let size = 16 + align(text.length);
  for (const [i, column] of columns.entries()) {
    if (plans[i] === null) continue;
    if (column instanceof PackedTextColumn) size += align(column.ends.length * 4) + align(column.bytes.length);
    size +=
      column.kind === 'string'
        ? align(column.codes.length * 4)
        : align(column.values.byteLength) + align(validBytes(table.rowCount));
  }
  const out = into !== undefined && into.length >= size ? into.subarray(0, size) : new Uint8Array(size);
  const header = new Uint32Array(out.buffer, out.byteOffset, 2);
  header[0] = table.rowCount;
  header[1] = text.length;
  out.set(text, 16);
  let at = 16 + align(text.length);
  const put = (array: Float64Array | Int32Array | Uint8Array): void => {
    out.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += align(array.byteLength);
  };
  for (const [i, column] of columns.entries()) {
    if (plans[i] === null) continue;
    if (column.kind === 'string') {
      put(column.codes);
      if (column instanceof PackedTextColumn) {
        put(column.ends);
        put(column.bytes);
      }
    } else {
      put(column.values);
      put(
        column.valid === undefined
          ? new Uint8Array(validBytes(table.rowCount)).fill(255)
          : column.valid.subarray(0, validBytes(table.rowCount)),
      );
    }
  }
  return out;
}

/** A column of texts as bytes, where its dictionary is ASCII: written and read without a look at the texts, of which most are never asked for again. */
function packed(column: Column): Column {
  if (column.kind !== 'string' || column instanceof PackedTextColumn || column.dictionary.length === 0) return column;
  return PACKER.pack(column.codes, column.dictionary) ?? column;
}

/** Room for the packed texts of one table at a time, used again for the next. */
class Packer {
  #bytes = new Uint8Array(1 << 16);
  #at = 0;

  clear(): void {
    this.#at = 0;
  }

  /** Undefined where a text is not ASCII. The column's bytes hold until `clear`. */
  pack(codes: Int32Array, dictionary: readonly string[]): PackedTextColumn | undefined {
    const ends = new Int32Array(dictionary.length);
    const begin = this.#at;
    for (let i = 0; i < dictionary.length; i++) {
      if (!this.#write(dictionary[i])) {
        this.#at = begin;
        return undefined;
      }
      ends[i] = this.#at - begin;
    }
    return new PackedTextColumn(codes, this.#bytes.subarray(begin, this.#at), ends, false);
  }

  #write(text: string): boolean {
    const n = text.length;
    if (this.#at + n > this.#bytes.length) {
      // Columns that were packed before keep the array that they are in.
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + n));
      grown.set(this.#bytes.subarray(0, this.#at));
      this.#bytes = grown;
    }
    const bytes = this.#bytes;
    const at = this.#at;
    let all = 0;
    for (let i = 0; i < n; i++) {
      const code = text.charCodeAt(i);
      all |= code;
      bytes[at + i] = code;
    }
    this.#at = at + n;
    return all < 0x80;
  }
}

const PACKER = new Packer();

/**
 * Of a column: its dictionary; of a packed one the number of its texts and of their bytes, and whether they are plain; of numbers nothing; null when all is missing, and then
 * nothing is written of it.
 */
type Plan = readonly (string | number)[] | null;

function planOf(column: Column, rowCount: number): Plan {
  if (column instanceof PackedTextColumn) return [column.ends.length, column.bytes.length, column.isPlain ? 1 : 0];
  if (column.kind === 'string') return column.dictionary.length === 0 ? null : column.dictionary;
  return column.valid === undefined || column.valid.subarray(0, validBytes(rowCount)).some((bits) => bits !== 0)
    ? NUMBERS
    : null;
}

const NUMBERS: Plan = [];

/** The table that `encodeTable` wrote; `bytes` must begin at a multiple of 8 in its buffer and is kept, not copied. */
export function decodeTable(schema: Schema, bytes: Uint8Array): Table {
  const [rowCount, textLength] = new Uint32Array(bytes.buffer, bytes.byteOffset, 2);
  const plans = JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + textLength))) as Plan[];
  let at = bytes.byteOffset + 16 + align(textLength);
  const missing = new MissingColumns(rowCount);
  const columns = schema.columns.map((spec, i): Column => {
    const plan = plans[i];
    if (plan === null || plan === undefined) return missing.column(spec.kind);
    if (spec.kind === 'string') {
      const codes = new Int32Array(bytes.buffer, at, rowCount);
      at += align(rowCount * 4);
      const [count, length, isPlain] = plan;
      if (typeof count !== 'number' || typeof length !== 'number')
        return { kind: 'string', codes, dictionary: plan as string[] };
      const ends = new Int32Array(bytes.buffer, at, count);
      at += align(count * 4);
      const texts = new Uint8Array(bytes.buffer, at, length);
      at += align(length);
      return new PackedTextColumn(codes, texts, ends, isPlain === 1);
    }
    const values =
      spec.kind === 'float64'
        ? new Float64Array(bytes.buffer, at, rowCount)
        : new Int32Array(bytes.buffer, at, rowCount);
    at += align(values.byteLength);
    const valid = new Uint8Array(bytes.buffer, at, validBytes(rowCount));
    at += align(validBytes(rowCount));
    return { kind: spec.kind, values, valid };
  });
  return new Table(schema, rowCount, columns);
}

/** Columns in which every row is missing: all of a kind share their arrays. */
class MissingColumns {
  #rowCount: number;
  #known = new Map<ColumnKind, Column>();

  constructor(rowCount: number) {
    this.#rowCount = rowCount;
  }

  column(kind: ColumnKind): Column {
    let column = this.#known.get(kind);
    if (column === undefined) {
      const n = this.#rowCount;
      column =
        kind === 'string'
          ? { kind, codes: new Int32Array(n).fill(-1), dictionary: [] }
          : {
              kind,
              values: kind === 'float64' ? new Float64Array(n) : new Int32Array(n),
              valid: new Uint8Array(validBytes(n)),
            };
      this.#known.set(kind, column);
    }
    return column;
  }
}

function align(n: number): number {
  return (n + 7) & ~7;
}

function validBytes(rows: number): number {
  return (rows + 7) >> 3;
}
