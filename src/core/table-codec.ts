import {
  type Column,
  type ColumnKind,
  ColumnRoom,
  type NumberColumn,
  PackedTextColumn,
  type Schema,
  type StringColumn,
  Table,
} from './table.ts';
import { writeUnits } from './text.ts';

/**
 * A table as bytes and back, for scratch files that one run writes and reads, and for the records of a report. It is small, because it is written, read and compressed in full; values come back to the
 * last bit. Host byte order, no versioning: it is not a file format. Arrow is what leaves the house.
 *
 * The numbers of rows and columns as two u32, then for each column `FIELDS` float64 that say what follows of it, then the arrays of all columns one after another, each 8-byte aligned. A column that is
 * missing in every row has no arrays.
 *
 * - Numbers: where not all rows have one, a bit for each row; then the values of the rows that have one, whole numbers in as few bytes as the largest takes.
 * - Texts: the code of each row, in as few bytes as the largest takes; or, where text follows text in the order of the rows, a bit for each row. Then the bytes of the texts, and their lengths.
 */
const FIELDS = 5;
/** What the column is: one of the constants below. */
const FORM = 0;
/** Bytes of each value or code; `IN_ORDER` for texts in the order of the rows. */
const WIDTH = 1;
/** Values, or texts. */
const COUNT = 2;
/** Bytes of all texts, and of each of their lengths. */
const TEXT_BYTES = 3;
const LENGTH_WIDTH = 4;

const MISSING = 0;
/** Numbers in every row, and in some. */
const NUMBERS = 1;
const SOME_NUMBERS = 2;
/** Texts that are plain, ASCII, and any; see `PackedTextColumn`. */
const PLAIN_TEXTS = 3;
const ASCII_TEXTS = 4;
const TEXTS = 5;

const IN_ORDER = 0;

/** Writes tables, one after another, into one buffer that grows to what the largest takes. */
export class TableEncoder {
  #out: Uint8Array<ArrayBuffer>;
  #at = 0;
  #header = new Float64Array(0);
  /** Values of the rows that have one; lengths of texts. */
  #floats = new Float64Array(0);
  #ints = new Int32Array(0);

  /** @param size bytes of the buffer to begin with */
  constructor(size = 1 << 16) {
    this.#out = new Uint8Array(size);
  }

  /**
   * The bytes of a table; they belong to the encoder and are valid until its next call.
   * @param reserved bytes in front that are left to the caller, a multiple of 8.
   */
  encode(table: Table, reserved = 0): Uint8Array<ArrayBuffer> {
    const { rowCount, columns } = table;
    const fields = columns.length * FIELDS;
    if (this.#header.length !== fields) this.#header = new Float64Array(fields);
    this.#header.fill(0);
    if (this.#floats.length < rowCount) this.#floats = new Float64Array(rowCount);
    this.#at = reserved;
    const head = this.#take(8 + 8 * fields);
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      if (column.kind === 'string') this.#texts(i * FIELDS, column, rowCount);
      else this.#numbers(i * FIELDS, column, rowCount);
    }
    new Uint32Array(this.#out.buffer, head, 2).set([rowCount, columns.length]);
    new Float64Array(this.#out.buffer, head + 8, fields).set(this.#header);
    return this.#out.subarray(0, this.#at);
  }

  #numbers(field: number, { values, valid }: NumberColumn, rowCount: number): void {
    const count = valid === undefined ? rowCount : countBits(valid, rowCount);
    if (count === 0) return;
    this.#header[field + FORM] = count === rowCount ? NUMBERS : SOME_NUMBERS;
    this.#header[field + COUNT] = count;
    if (valid === undefined || count === rowCount) {
      this.#values(field, values, rowCount);
      return;
    }
    this.#put(valid, bitBytes(rowCount));
    if (values instanceof Float64Array) this.#values(field, gatherFloats(values, valid, rowCount, this.#floats), count);
    else this.#values(field, gatherInts(values, valid, rowCount, this.#intsOf(rowCount)), count);
  }

  #values(field: number, values: Float64Array | Int32Array, count: number): void {
    const width = values instanceof Float64Array ? widthOfFloats(values, count) : widthOfInts(values, count);
    this.#header[field + WIDTH] = width;
    if (width === values.BYTES_PER_ELEMENT) this.#put(values, count);
    else this.#putNumbers(values, count, width);
  }

  #texts(field: number, column: StringColumn, rowCount: number): void {
    const count = column instanceof PackedTextColumn ? column.ends.length : column.dictionary.length;
    if (count === 0) return;
    const header = this.#header;
    header[field + COUNT] = count;
    if (isInOrder(column.codes, rowCount, count)) {
      header[field + WIDTH] = IN_ORDER;
      const at = this.#take(bitBytes(rowCount));
      writePresent(column.codes, rowCount, this.#out.subarray(at, this.#at));
    } else {
      const width = widthOfCodes(count);
      header[field + WIDTH] = width;
      const at = this.#take(rowCount * width);
      codesIn(this.#out.buffer, at, rowCount, width).set(column.codes.subarray(0, rowCount));
    }
    const lengths = this.#intsOf(count);
    if (column instanceof PackedTextColumn) {
      const { bytes, ends } = column;
      header[field + FORM] = column.isPlain ? PLAIN_TEXTS : column.isAscii ? ASCII_TEXTS : TEXTS;
      header[field + TEXT_BYTES] = ends[count - 1];
      this.#put(bytes, ends[count - 1]);
      for (let code = 0; code < count; code++) lengths[code] = code === 0 ? ends[0] : ends[code] - ends[code - 1];
    } else {
      const begin = this.#take(0);
      header[field + FORM] = this.#strings(column.dictionary, lengths) ? ASCII_TEXTS : TEXTS;
      header[field + TEXT_BYTES] = this.#at - begin;
    }
    const width = widthOfInts(lengths, count);
    header[field + LENGTH_WIDTH] = width;
    this.#putNumbers(lengths, count, width);
  }

  /** The bytes of texts, which end where they end, and their lengths. True where all are ASCII. */
  #strings(texts: readonly string[], lengths: Int32Array): boolean {
    let isAscii = true;
    for (let i = 0; i < texts.length; i++) {
      const text = texts[i];
      this.#room(MOST_UNIT_BYTES * text.length);
      const begin = this.#at;
      let end = writeAscii(text, this.#out, begin);
      if (end < 0) {
        isAscii = false;
        end = writeUnits(text, this.#out, begin);
      }
      lengths[i] = end - begin;
      this.#at = end;
    }
    return isAscii;
  }

  #intsOf(n: number): Int32Array {
    if (this.#ints.length < n) this.#ints = new Int32Array(n);
    return this.#ints;
  }

  /** Appends the first elements of an array. */
  #put(array: Float64Array | Int32Array | Uint8Array, count: number): void {
    const length = count * array.BYTES_PER_ELEMENT;
    const at = this.#take(length);
    this.#out.set(new Uint8Array(array.buffer, array.byteOffset, length), at);
  }

  /** Appends the first elements of an array in so many bytes each. */
  #putNumbers(values: Float64Array | Int32Array, count: number, width: number): void {
    const at = this.#take(count * width);
    numbersIn(this.#out.buffer, at, count, width).set(values.subarray(0, count));
  }

  /** Takes room for `n` bytes from the next multiple of 8 on, and returns where it begins. */
  #take(n: number): number {
    this.#room(n + 8);
    const at = align(this.#at);
    this.#out.fill(0, this.#at, at);
    this.#at = at + n;
    return at;
  }

  #room(n: number): void {
    if (this.#at + n <= this.#out.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#out.length, this.#at + n));
    grown.set(this.#out.subarray(0, this.#at));
    this.#out = grown;
  }
}

/** The bytes of one table in an array of their own; see `TableEncoder` for many. */
export function encodeTable(table: Table): Uint8Array<ArrayBuffer> {
  return new TableEncoder().encode(table);
}

/** Reads tables that `TableEncoder` wrote, one after another, into arrays that it uses again: a table is valid until the next is read. */
export class TableDecoder {
  readonly #schema: Schema;
  /** Of each column: its values or codes, and where its texts end. */
  #values: (Float64Array | Int32Array)[] = [];
  #rows = 0;
  readonly #ends: (Int32Array | undefined)[] = [];
  #missing = new MissingColumns(0);

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** `bytes` must begin at a multiple of 8 in their buffer and are kept, not copied. */
  decode(bytes: Uint8Array): Table {
    const { buffer, byteOffset } = bytes;
    const [rowCount, columnCount] = new Uint32Array(buffer, byteOffset, 2);
    const header = new Float64Array(buffer, byteOffset + 8, columnCount * FIELDS);
    if (this.#missing.rowCount !== rowCount) this.#missing = new MissingColumns(rowCount);
    let at = byteOffset + 8 + header.byteLength;
    const columns = this.#schema.columns.map(({ kind }, i): Column => {
      const field = i * FIELDS;
      const form = header[field + FORM];
      if (form === MISSING) return this.#missing.column(kind);
      const width = header[field + WIDTH];
      const count = header[field + COUNT];
      if (kind !== 'string') {
        if (form === NUMBERS) {
          const values = this.#numbers(i, numbersIn(buffer, at, rowCount, width), rowCount);
          at += align(rowCount * width);
          return { kind, values, valid: undefined };
        }
        const valid = new Uint8Array(buffer, at, bitBytes(rowCount));
        at += align(valid.length);
        const values = this.#valuesOf(i, rowCount);
        scatter(numbersIn(buffer, at, count, width), valid, rowCount, values);
        at += align(count * width);
        return { kind, values, valid };
      }
      const codes = this.#valuesOf(i, rowCount) as Int32Array;
      if (width === IN_ORDER) {
        readPresent(new Uint8Array(buffer, at, bitBytes(rowCount)), rowCount, codes);
        at += align(bitBytes(rowCount));
      } else {
        codes.set(codesIn(buffer, at, rowCount, width));
        at += align(rowCount * width);
      }
      const texts = new Uint8Array(buffer, at, header[field + TEXT_BYTES]);
      at += align(texts.length);
      const lengths = numbersIn(buffer, at, count, header[field + LENGTH_WIDTH]);
      at += align(lengths.byteLength);
      return new PackedTextColumn(codes, texts, this.#endsOf(i, lengths), form === PLAIN_TEXTS, form !== TEXTS);
    });
    return new Table(this.#schema, rowCount, columns);
  }

  /** Numbers that are there in every row. */
  #numbers(i: number, stored: Numbers, rowCount: number): Float64Array | Int32Array {
    const values = this.#valuesOf(i, rowCount);
    values.set(stored);
    return values;
  }

  #valuesOf(i: number, n: number): Float64Array | Int32Array {
    if (this.#rows < n) {
      const room = new ColumnRoom(this.#schema, n);
      this.#values = this.#schema.columns.map(({ kind }) => (kind === 'float64' ? room.floats(n) : room.ints(n)));
      this.#rows = n;
    }
    return this.#rows === n ? this.#values[i] : this.#values[i].subarray(0, n);
  }

  #endsOf(i: number, lengths: Numbers): Int32Array {
    const n = lengths.length;
    let ends = this.#ends[i];
    if (ends === undefined || ends.length < n) {
      // The number of texts differs from batch to batch.
      ends = new Int32Array(n + (n >> 2));
      this.#ends[i] = ends;
    }
    const own = ends.subarray(0, n);
    own.set(lengths);
    for (let code = 1; code < n; code++) own[code] += own[code - 1];
    return own;
  }
}

/** The table of some bytes in arrays of its own; see `TableDecoder` for many. */
export function decodeTable(schema: Schema, bytes: Uint8Array): Table {
  return new TableDecoder(schema).decode(bytes);
}

/** Columns in which every row is missing: all of a kind share their arrays. */
class MissingColumns {
  readonly rowCount: number;
  readonly #known = new Map<ColumnKind, Column>();

  constructor(rowCount: number) {
    this.rowCount = rowCount;
  }

  column(kind: ColumnKind): Column {
    let column = this.#known.get(kind);
    if (column === undefined) {
      const n = this.rowCount;
      column =
        kind === 'string'
          ? { kind, codes: new Int32Array(n).fill(-1), dictionary: [] }
          : {
              kind,
              values: kind === 'float64' ? new Float64Array(n) : new Int32Array(n),
              valid: new Uint8Array(bitBytes(n)),
            };
      this.#known.set(kind, column);
    }
    return column;
  }
}

type Numbers = Uint8Array | Uint16Array | Int32Array | Float64Array;

/** Numbers as they are stored in so many bytes each. */
function numbersIn(buffer: ArrayBufferLike, at: number, count: number, width: number): Numbers {
  if (width === 1) return new Uint8Array(buffer, at, count);
  if (width === 2) return new Uint16Array(buffer, at, count);
  return width === 4 ? new Int32Array(buffer, at, count) : new Float64Array(buffer, at, count);
}

/** Codes of texts as they are stored, -1 among them. */
function codesIn(
  buffer: ArrayBufferLike,
  at: number,
  count: number,
  width: number,
): Int8Array | Int16Array | Int32Array {
  if (width === 1) return new Int8Array(buffer, at, count);
  return width === 2 ? new Int16Array(buffer, at, count) : new Int32Array(buffer, at, count);
}

function widthOfCodes(count: number): number {
  return count <= 0x80 ? 1 : count <= 0x8000 ? 2 : 4;
}

function widthOfInts(values: Int32Array, count: number): number {
  let least = 0;
  let most = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return least < 0 || most > 0xffff ? 4 : most > 0xff ? 2 : 1;
}

function widthOfFloats(values: Float64Array, count: number): number {
  let least = 0;
  let most = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i];
    // Of the whole numbers -0 alone does not come back from bytes.
    if (value !== (value | 0) || (value === 0 && 1 / value < 0)) return 8;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return least < 0 || most > 0xffff ? 4 : most > 0xff ? 2 : 1;
}

function align(n: number): number {
  return (n + 7) & ~7;
}

function bitBytes(rows: number): number {
  return (rows + 7) >> 3;
}

/** How many of the first `rowCount` bits are set. */
function countBits(bits: Uint8Array, rowCount: number): number {
  const whole = rowCount >> 3;
  let count = 0;
  for (let i = 0; i < whole; i++) count += SET_BITS[bits[i]];
  return (rowCount & 7) === 0 ? count : count + SET_BITS[bits[whole] & ((1 << (rowCount & 7)) - 1)];
}

const SET_BITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
});

function gatherFloats(values: Float64Array, valid: Uint8Array, rowCount: number, into: Float64Array): Float64Array {
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    const bits = valid[row >> 3];
    if (bits === 0) row |= 7;
    else if ((bits & (1 << (row & 7))) !== 0) into[at++] = values[row];
  }
  return into;
}

function gatherInts(values: Int32Array, valid: Uint8Array, rowCount: number, into: Int32Array): Int32Array {
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    const bits = valid[row >> 3];
    if (bits === 0) row |= 7;
    else if ((bits & (1 << (row & 7))) !== 0) into[at++] = values[row];
  }
  return into;
}

/** Gives the rows that have one their values; the others get 0. */
function scatter(stored: Numbers, valid: Uint8Array, rowCount: number, into: Float64Array | Int32Array): void {
  // As one kind of array each, or every step of the loop asks which it is.
  into.set(stored);
  let from = stored.length;
  for (let row = rowCount - 1; row >= 0; row--)
    into[row] = (valid[row >> 3] & (1 << (row & 7))) === 0 ? 0 : into[--from];
}

function isInOrder(codes: Int32Array, rowCount: number, count: number): boolean {
  let next = 0;
  for (let row = 0; row < rowCount; row++) {
    const code = codes[row];
    if (code < 0) continue;
    if (code !== next) return false;
    next++;
  }
  return next === count;
}

function writePresent(codes: Int32Array, rowCount: number, bits: Uint8Array): void {
  bits.fill(0);
  for (let row = 0; row < rowCount; row++) if (codes[row] >= 0) bits[row >> 3] |= 1 << (row & 7);
}

function readPresent(bits: Uint8Array, rowCount: number, codes: Int32Array): void {
  let next = 0;
  for (let row = 0; row < rowCount; row++) codes[row] = (bits[row >> 3] & (1 << (row & 7))) === 0 ? -1 : next++;
}

/** Bytes of a UTF-16 unit at most. */
const MOST_UNIT_BYTES = 3;

/** The characters of a text as bytes, where there is room. Returns the place behind them, or -1 where one of them is not ASCII. */
function writeAscii(text: string, bytes: Uint8Array, begin: number): number {
  const n = text.length;
  let all = 0;
  for (let i = 0; i < n; i++) {
    const unit = text.charCodeAt(i);
    all |= unit;
    bytes[begin + i] = unit;
  }
  return all < 0x80 ? begin + n : -1;
}
