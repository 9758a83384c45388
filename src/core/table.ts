import { PackedTexts } from './packed-texts.ts';
import { asciiText, unitText } from './text.ts';

/**
 * A columnar batch with a schema: what flows between the floors, whatever made it.
 *
 * Numbers live in Float64Array or Int32Array with one validity bit per row; strings are dictionary-encoded per batch, code -1 for missing.
 * Missing is missing: a reader gets `undefined`, never 0 and never ''. A dictionary belongs to one batch, so a code means nothing in another.
 */

export type ColumnKind = 'float64' | 'int32' | 'string';

export interface ColumnSpec {
  readonly name: string;
  readonly kind: ColumnKind;
  /** 'ms', 'bytes', 'packets', 'address', ... or '' where a value has none. */
  readonly unit: string;
  /** One sentence for the person who reads the column. */
  readonly meaning: string;
}

export interface Schema {
  readonly name: string;
  readonly version: number;
  readonly columns: readonly ColumnSpec[];
}

export interface NumberColumn {
  readonly kind: 'float64' | 'int32';
  /** `values[row]` is undefined behaviour where the row is not valid: ask `isValid` first. */
  readonly values: Float64Array | Int32Array;
  /** One bit per row, least significant first, 1 = present; undefined when every row is present. */
  readonly valid: Uint8Array | undefined;
}

export interface StringColumn {
  readonly kind: 'string';
  /** Index into `dictionary`, -1 where missing. A value may stand in the dictionary more than once. */
  readonly codes: Int32Array;
  readonly dictionary: readonly string[];
}

/**
 * A column of texts as their bytes one after another, like Arrow's: each UTF-16 unit by itself as UTF-8 has it (CESU-8, Unicode Technical Report 26), so that any string comes back. A string is made when
 * somebody asks for its text, and kept; nobody does for most flows.
 */
export class PackedTextColumn implements StringColumn {
  readonly kind = 'string';
  readonly codes: Int32Array;
  /** Text i is `bytes[ends[i - 1], ends[i])`, the first from 0. */
  readonly bytes: Uint8Array;
  readonly ends: Int32Array;
  /** The texts need no care anywhere (Community IDs, hex): ASCII letters, digits and `:+/=` alone. */
  readonly isPlain: boolean;
  readonly isAscii: boolean;
  #texts: (string | undefined)[] | undefined;
  #isWhole = false;

  constructor(codes: Int32Array, bytes: Uint8Array, ends: Int32Array, isPlain = true, isAscii = true) {
    this.codes = codes;
    this.bytes = bytes;
    this.ends = ends;
    this.isPlain = isPlain;
    this.isAscii = isAscii;
  }

  /** One of the texts, without making the others. */
  text(code: number): string {
    this.#texts ??= new Array<string | undefined>(this.ends.length).fill(undefined);
    let text = this.#texts[code];
    if (text === undefined) {
      const from = code === 0 ? 0 : this.ends[code - 1];
      text = this.isAscii ? asciiText(this.bytes, from, this.ends[code]) : unitText(this.bytes, from, this.ends[code]);
      this.#texts[code] = text;
    }
    return text;
  }

  get dictionary(): readonly string[] {
    if (!this.#isWhole) {
      for (let code = 0; code < this.ends.length; code++) this.text(code);
      this.#isWhole = true;
    }
    return (this.#texts ?? []) as string[];
  }
}

export type Column = NumberColumn | StringColumn;

/** An immutable batch of rows. Shapes: every column has exactly `rowCount` entries. */
export class Table {
  readonly schema: Schema;
  readonly rowCount: number;
  readonly columns: readonly Column[];
  #index: Map<string, number>;

  constructor(schema: Schema, rowCount: number, columns: readonly Column[]) {
    this.schema = schema;
    this.rowCount = rowCount;
    this.columns = columns;
    this.#index = new Map(schema.columns.map((spec, i) => [spec.name, i]));
  }

  /** Position of a column; throws for a name the schema has not (our bug, not the operator's). */
  indexOf(name: string): number {
    const i = this.#index.get(name);
    if (i === undefined) throw new Error(`table ${this.schema.name} has no column '${name}'`);
    return i;
  }

  has(name: string): boolean {
    return this.#index.has(name);
  }

  numbers(name: string): NumberColumn {
    const column = this.columns[this.indexOf(name)];
    if (column.kind === 'string') throw new Error(`column '${name}' holds strings`);
    return column;
  }

  strings(name: string): StringColumn {
    const column = this.columns[this.indexOf(name)];
    if (column.kind !== 'string') throw new Error(`column '${name}' holds numbers`);
    return column;
  }

  number(name: string, row: number): number | undefined {
    return numberAt(this.numbers(name), row);
  }

  text(name: string, row: number): string | undefined {
    return textAt(this.strings(name), row);
  }

  value(columnIndex: number, row: number): number | string | undefined {
    const column = this.columns[columnIndex];
    return column.kind === 'string' ? textAt(column, row) : numberAt(column, row);
  }
}

export function isValid(column: NumberColumn, row: number): boolean {
  return column.valid === undefined || (column.valid[row >> 3] & (1 << (row & 7))) !== 0;
}

export function numberAt(column: NumberColumn, row: number): number | undefined {
  return isValid(column, row) ? column.values[row] : undefined;
}

export function textAt(column: StringColumn, row: number): string | undefined {
  const code = column.codes[row];
  if (code < 0) return undefined;
  return column instanceof PackedTextColumn ? column.text(code) : column.dictionary[code];
}

/** What is known beforehand of which cells a row has. Columns by their position in the schema. */
export interface RowShape {
  /** Number columns that every row has. */
  readonly always: readonly number[];
  /** Groups of number columns of which a row has all or none: they share one array of bits. */
  readonly together: readonly (readonly number[])[];
}

const ANY_SHAPE: RowShape = { always: [], together: [] };

/**
 * Fills a batch row by row. Columns are addressed by their position in the schema, so that the per-flow path does no look-ups by name.
 * A cell that is never set is missing. A column is filled by one of `setText`, `addText` and `addPacked` alone. `finish` hands the arrays over and leaves the builder empty; the next
 * batch takes those of a table that has come back by then (`recycle`), or fresh ones.
 *
 * Who sets most of a row's cells takes the arrays themselves (`floats`, `ints`, `codes`, `bits`), once for each batch: a call for each cell costs many times what the store does.
 */
export class TableBuilder {
  readonly schema: Schema;
  readonly capacity: number;
  readonly shape: RowShape;
  rowCount = 0;
  #numbers: (Float64Array | Int32Array | undefined)[] = [];
  #valid: (Uint8Array | undefined)[] = [];
  #codes: (Int32Array | undefined)[] = [];
  #dictionaries: (Map<string, number> | undefined)[] = [];
  #unique: (string[] | undefined)[] = [];
  #packed: (PackedTexts | undefined)[] = [];
  #lastText: (string | undefined)[] = [];
  #lastCode: number[] = [];
  #made = new WeakMap<Table, BuilderArrays>();
  #spare: BuilderArrays | undefined;
  /** Whether the arrays are those of the batch at hand. */
  #isOpen = false;

  constructor(schema: Schema, capacity: number, shape: RowShape = ANY_SHAPE) {
    this.schema = schema;
    this.capacity = capacity;
    this.shape = shape;
    this.#open();
  }

  /** Begins a batch. */
  #open(): void {
    const n = this.capacity;
    this.#isOpen = true;
    this.#unique = [];
    this.#lastText = this.schema.columns.map(() => undefined);
    this.#lastCode = this.schema.columns.map(() => -1);
    this.#dictionaries = this.schema.columns.map((c) => (c.kind === 'string' ? new Map() : undefined));
    const spare = this.#spare;
    this.#spare = undefined;
    this.#packed = spare?.packed ?? [];
    for (const packed of this.#packed) packed?.clear();
    if (spare !== undefined) {
      this.#numbers = spare.numbers;
      this.#valid = spare.valid;
      this.#codes = spare.codes;
      for (const valid of this.#valid) valid?.fill(0);
      for (const codes of this.#codes) codes?.fill(-1);
      return;
    }
    const room = new ColumnRoom(this.schema, n);
    this.#numbers = this.schema.columns.map((c) =>
      c.kind === 'float64' ? room.floats(n) : c.kind === 'int32' ? room.ints(n) : undefined,
    );
    this.#valid = this.schema.columns.map((c) => (c.kind === 'string' ? undefined : room.bytes((n + 7) >> 3)));
    for (const column of this.shape.always) this.#valid[column] = undefined;
    for (const group of this.shape.together) for (const column of group) this.#valid[column] = this.#valid[group[0]];
    this.#codes = this.schema.columns.map((c) => (c.kind === 'string' ? room.ints(n).fill(-1) : undefined));
  }

  /**
   * Takes the arrays of a table that this builder made, for its next one: nobody may look at that table again. Large arrays that come and go cost the
   * process memory that it does not get back for long; this keeps it flat.
   */
  recycle(table: Table): void {
    const made = this.#made.get(table);
    if (made === undefined) return;
    this.#made.delete(table);
    this.#spare = made;
  }

  get full(): boolean {
    return this.rowCount >= this.capacity;
  }

  /** Opens the next row and returns its index. The caller checks `full` first. */
  addRow(): number {
    if (!this.#isOpen) this.#open();
    return this.rowCount++;
  }

  setNumber(column: number, row: number, value: number): void {
    this.#numbers[column]![row] = value;
    const valid = this.#valid[column];
    if (valid !== undefined) valid[row >> 3] |= 1 << (row & 7);
  }

  /** The values of a column of this kind in the batch at hand, until `finish`. */
  floats(column: number): Float64Array {
    if (!this.#isOpen) this.#open();
    const values = this.#numbers[column];
    if (values instanceof Float64Array) return values;
    throw new Error(`column '${this.schema.columns[column].name}' is not of kind float64`);
  }

  /** As `floats` for columns of int32. */
  ints(column: number): Int32Array {
    if (!this.#isOpen) this.#open();
    const values = this.#numbers[column];
    if (values instanceof Int32Array) return values;
    throw new Error(`column '${this.schema.columns[column].name}' is not of kind int32`);
  }

  /** The codes of a text column in the batch at hand, until `finish`. */
  codes(column: number): Int32Array {
    if (!this.#isOpen) this.#open();
    const codes = this.#codes[column];
    if (codes !== undefined) return codes;
    throw new Error(`column '${this.schema.columns[column].name}' does not hold strings`);
  }

  /** One bit for each row, to be set where the number column, and so its group, has a value; until `finish`. */
  bits(column: number): Uint8Array {
    if (!this.#isOpen) this.#open();
    const valid = this.#valid[column];
    if (valid !== undefined) return valid;
    throw new Error(`column '${this.schema.columns[column].name}' has no bits of its own`);
  }

  setText(column: number, row: number, value: string): void {
    // Runs of the same value are the rule: they need no look-up.
    if (value !== this.#lastText[column]) {
      const dictionary = this.#dictionaries[column]!;
      let code = dictionary.get(value);
      if (code === undefined) {
        code = dictionary.size;
        dictionary.set(value, code);
      }
      this.#lastText[column] = value;
      this.#lastCode[column] = code;
    }
    this.#codes[column]![row] = this.#lastCode[column];
  }

  /**
   * As `setText` for values that hardly ever repeat: it doesn't look for an equal one, which costs most of the time that such a column takes.
   * @returns the value's code, for other rows of the batch that have the same.
   */
  addText(column: number, row: number, value: string): number {
    let unique = this.#unique[column];
    if (unique === undefined) {
      unique = [];
      this.#unique[column] = unique;
    }
    const code = unique.length;
    this.#codes[column]![row] = code;
    unique.push(value);
    return code;
  }

  /** As `addText` for `text[0, n)`: ASCII letters, digits and `:+/=` alone; see `PackedTextColumn`. */
  addPacked(column: number, row: number, text: Uint8Array, n: number): void {
    const packed = this.packed(column);
    let at = packed.add(n);
    const { bytes } = packed;
    for (let i = 0; i < n; i++) bytes[at++] = text[i];
    this.#codes[column]![row] = packed.count - 1;
  }

  /** The packed texts of a column in the batch at hand, until `finish`. Who adds one sets the row's code to `count - 1`. */
  packed(column: number): PackedTexts {
    if (!this.#isOpen) this.#open();
    let packed = this.#packed[column];
    if (packed === undefined) {
      packed = new PackedTexts(this.capacity);
      this.#packed[column] = packed;
    }
    return packed;
  }

  finish(): Table {
    if (!this.#isOpen) this.#open();
    const n = this.rowCount;
    const columns = this.schema.columns.map((spec, i): Column => {
      if (spec.kind === 'string') {
        const packed = this.#packed[i];
        if (packed !== undefined && packed.count > 0) {
          const ends = packed.ends.subarray(0, packed.count);
          return new PackedTextColumn(
            this.#codes[i]!.subarray(0, n),
            packed.bytes.subarray(0, ends[packed.count - 1]),
            ends,
            packed.isPlain,
            packed.isAscii,
          );
        }
        return {
          kind: 'string',
          codes: this.#codes[i]!.subarray(0, n),
          dictionary: this.#unique[i] ?? [...this.#dictionaries[i]!.keys()],
        };
      }
      return { kind: spec.kind, values: this.#numbers[i]!.subarray(0, n), valid: this.#valid[i] };
    });
    const table = new Table(this.schema, n, columns);
    this.#made.set(table, { numbers: this.#numbers, valid: this.#valid, codes: this.#codes, packed: this.#packed });
    this.#isOpen = false;
    this.rowCount = 0;
    return table;
  }
}

/**
 * Room in one buffer for the columns of a batch. Arrays of 4,096 values, each by itself, all begin at the same place of a page, and so do the cells of a row: they fall into the same few lines of the
 * processor's first cache, and whoever goes along a row waits at every cell. Here each array begins a line behind the place of the one before.
 */
export class ColumnRoom {
  readonly #buffer: ArrayBuffer;
  #at = 0;

  /** @param rows that each column of the schema has, with its validity bits or its codes. */
  constructor({ columns }: Schema, rows: number) {
    let size = 0;
    for (const { kind } of columns)
      size += inLines(kind === 'float64' ? 8 * rows : 4 * rows) + inLines((rows + 7) >> 3);
    this.#buffer = new ArrayBuffer(size);
  }

  floats(n: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.#buffer, this.#take(8 * n), n);
  }

  ints(n: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.#buffer, this.#take(4 * n), n);
  }

  bytes(n: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer, this.#take(n), n);
  }

  #take(bytes: number): number {
    const at = this.#at;
    this.#at += inLines(bytes);
    return at;
  }
}

const LINE_BYTES = 64;

/** Bytes of an array with the line behind it. */
function inLines(bytes: number): number {
  return (Math.ceil(bytes / LINE_BYTES) + 1) * LINE_BYTES;
}

interface BuilderArrays {
  readonly numbers: (Float64Array | Int32Array | undefined)[];
  readonly valid: (Uint8Array | undefined)[];
  readonly codes: (Int32Array | undefined)[];
  readonly packed: (PackedTexts | undefined)[];
}

/** A new table with the rows of `table` in the given order. `order` may leave rows out. */
export function takeRows(table: Table, order: ArrayLike<number>): Table {
  const n = order.length;
  const columns = table.columns.map((column): Column => {
    if (column.kind === 'string') {
      const codes = new Int32Array(n);
      for (let i = 0; i < n; i++) codes[i] = column.codes[order[i]];
      return { kind: 'string', codes, dictionary: column.dictionary };
    }
    const values = column.kind === 'float64' ? new Float64Array(n) : new Int32Array(n);
    for (let i = 0; i < n; i++) values[i] = column.values[order[i]];
    if (column.valid === undefined) return { kind: column.kind, values, valid: undefined };
    const valid = new Uint8Array((n + 7) >> 3);
    for (let i = 0; i < n; i++) if (isValid(column, order[i])) valid[i >> 3] |= 1 << (i & 7);
    return { kind: column.kind, values, valid };
  });
  return new Table(table.schema, n, columns);
}
