import {
  type Column,
  type ColumnKind,
  type ColumnSpec,
  EPOCH_SCALE,
  epochUnitOf,
  nearest,
  parseNumber,
  parseTime,
  type Schema,
  safeText,
  Table,
  UserError,
} from '../../core/index.ts';
import { FLOW_SCHEMA } from '../../flow/index.ts';
import type { ColumnType } from './table-source.ts';

/** What the readers of columnar files (Parquet, Arrow) have in common: values of theirs to columns of ours. */

export type Cell = number | string | undefined;

/** A column of a file: how it is called, what it becomes, and how a value of it is read. */
export interface FileColumn {
  readonly spec: ColumnSpec;
  /** A value as the file's reader gives it, null and undefined left aside. */
  readonly read: (value: unknown) => Cell;
}

/** A longer text is cut. */
const MAX_TEXT = 65_536;
/** At most so much of a list becomes a text. */
const MAX_LIST_TEXT = 4096;
const MAX_LIST_DEPTH = 8;

const TIME_UNIT = 'ms since 1970 UTC';

/** A column by what its values are. `time` values come as epoch ms. */
export function fileColumn(name: string, type: ColumnType, read: FileColumn['read']): FileColumn {
  return {
    spec: {
      name,
      kind: type === 'text' ? 'string' : type === 'integer' || type === 'boolean' ? 'int32' : 'float64',
      unit: type === 'time' ? TIME_UNIT : type === 'boolean' ? '0 or 1' : '',
      meaning: `Column ${safeText(name, 80)} of the file.`,
    },
    read,
  };
}

/**
 * The columns with the types that the user states. Throws a UserError for a column that the file has not.
 * What does not fit the stated type is missing.
 */
export function withTypes(
  columns: readonly FileColumn[],
  types: Readonly<Record<string, ColumnType>>,
  input: string,
): FileColumn[] {
  const names = columns.map(({ spec }) => spec.name);
  for (const [name, type] of Object.entries(types)) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    throw new UserError(
      `${input}: no column '${safeText(name, 80)}', for which the type ${type} is stated`,
      near === undefined
        ? `its columns are ${names
            .slice(0, 12)
            .map((n) => safeText(n, 80))
            .join(', ')}`
        : `did you mean '${safeText(near, 80)}'?`,
    );
  }
  return columns.map((column) => {
    const { name, unit } = column.spec;
    const type = Object.hasOwn(types, name) ? types[name] : undefined;
    if (type === undefined) return column;
    // A time of the file's own is a number of milliseconds already.
    const isTime = unit === TIME_UNIT && type === 'time';
    return fileColumn(name, type, (value) => (isTime ? column.read(value) : cast(column.read(value), type)));
  });
}

function cast(value: Cell, type: ColumnType): Cell {
  if (value === undefined) return undefined;
  if (type === 'text') return String(value);
  const bytes = Buffer.from(String(value));
  if (type === 'boolean') {
    const word = String(value).toLowerCase();
    return word === '1' || word === 'true' ? 1 : word === '0' || word === 'false' ? 0 : undefined;
  }
  if (type === 'time') {
    const time = parseTime(bytes, 0, bytes.length);
    if (!Number.isNaN(time)) return time;
    const unit = epochUnitOf(parseNumber(bytes, 0, bytes.length));
    return unit === undefined ? undefined : parseNumber(bytes, 0, bytes.length, EPOCH_SCALE[unit]);
  }
  const number = typeof value === 'number' ? value : parseNumber(bytes, 0, bytes.length);
  if (!Number.isFinite(number)) return undefined;
  return type === 'integer' && !(Number.isInteger(number) && Math.abs(number) < 2 ** 31) ? undefined : number;
}

/** Columns as a schema, and what makes a table of them. */
export interface BatchShape {
  readonly schema: Schema;
  readonly gives: ReadonlySet<string>;
  /** A table of columns in the order of the file. */
  table(rows: number, columns: readonly Column[]): Table;
}

const FLOW_NAMES = ['startMs', 'protocol', 'initiator', 'responder'] as const;

/**
 * The shape of a file's tables. Files that hold the flow table, as we write it, are flows again: they have its columns by name and kind (text, or numbers of either kind).
 * Names that stand twice are made different.
 */
export function batchShape(
  format: string,
  columns: readonly FileColumn[],
): BatchShape & { columns: readonly FileColumn[] } {
  const flowKind = new Map(FLOW_SCHEMA.columns.map(({ name, kind }) => [name, kind]));
  const names = new Map(columns.map(({ spec }, i) => [spec.name, i]));
  const isFlow = FLOW_NAMES.every((name) => {
    const at = names.get(name);
    return at !== undefined && (columns[at]!.spec.kind === 'string') === (flowKind.get(name) === 'string');
  });
  if (isFlow) {
    const at = FLOW_SCHEMA.columns.map(({ name, kind }) => {
      const i = names.get(name);
      return i !== undefined && (columns[i]!.spec.kind === 'string') === (kind === 'string') ? i : -1;
    });
    const own = columns.map((column) => {
      const kind = flowKind.get(column.spec.name);
      return kind === undefined || (kind === 'string') !== (column.spec.kind === 'string')
        ? column
        : { ...column, spec: { ...column.spec, kind } };
    });
    return {
      columns: own,
      schema: FLOW_SCHEMA,
      gives: new Set(FLOW_SCHEMA.columns.filter((_, i) => at[i]! >= 0).map(({ name }) => name)),
      table: (rows, made) =>
        new Table(
          FLOW_SCHEMA,
          rows,
          FLOW_SCHEMA.columns.map(({ kind }, i) => made[at[i]!] ?? missingColumn(kind, rows)),
        ),
    };
  }
  const used = new Set<string>();
  const specs = columns.map(({ spec }) => {
    let { name } = spec;
    for (let n = 2; used.has(name); n++) name = `${spec.name}#${n}`;
    used.add(name);
    return { ...spec, name };
  });
  const schema: Schema = { name: format, version: 1, columns: specs };
  return { columns, schema, gives: used, table: (rows, made) => new Table(schema, rows, made) };
}

export function missingColumn(kind: ColumnKind, rows: number): Column {
  if (kind === 'string') return { kind, codes: new Int32Array(rows).fill(-1), dictionary: [] };
  return {
    kind,
    values: kind === 'float64' ? new Float64Array(rows) : new Int32Array(rows),
    valid: new Uint8Array((rows + 7) >> 3),
  };
}

/** A column of `rows` values. An int32 column takes whole numbers of 32 bits alone; numbers that are not finite and empty texts are missing. */
export function makeColumn({ spec, read }: FileColumn, rows: number, valueAt: (row: number) => unknown): Column {
  if (spec.kind === 'string') {
    const codes = new Int32Array(rows).fill(-1);
    const known = new Map<string, number>();
    for (let row = 0; row < rows; row++) {
      const value = valueAt(row);
      if (value === null || value === undefined) continue;
      const cell = read(value);
      if (cell === undefined || cell === '') continue;
      const text = typeof cell === 'string' ? (cell.length > MAX_TEXT ? cell.slice(0, MAX_TEXT) : cell) : String(cell);
      let code = known.get(text);
      if (code === undefined) {
        code = known.size;
        known.set(text, code);
      }
      codes[row] = code;
    }
    return { kind: 'string', codes, dictionary: [...known.keys()] };
  }
  const values = spec.kind === 'float64' ? new Float64Array(rows) : new Int32Array(rows);
  const valid = new Uint8Array((rows + 7) >> 3);
  const isInt = spec.kind === 'int32';
  for (let row = 0; row < rows; row++) {
    const value = valueAt(row);
    if (value === null || value === undefined) continue;
    const cell = read(value);
    if (typeof cell !== 'number' || !Number.isFinite(cell) || (isInt && (cell | 0) !== cell)) continue;
    values[row] = cell;
    valid[row >> 3]! |= 1 << (row & 7);
  }
  return { kind: spec.kind, values, valid };
}

/** Lists, maps and whatever else a file may hold as a text: scalars joined by commas, else JSON; at most 4,096 characters. An empty list or map is missing. */
export function nestedText(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) return hexText(value);
  const plain = plainValue(value, 0);
  if (!Array.isArray(plain)) {
    const text = JSON.stringify(plain);
    return text === '{}' ? undefined : text.slice(0, MAX_LIST_TEXT);
  }
  if (plain.length === 0) return undefined;
  return plain.some((one) => typeof one === 'object' && one !== null)
    ? JSON.stringify(plain).slice(0, MAX_LIST_TEXT)
    : plain
        .map((one) => (one === null ? '' : String(one)))
        .join(',')
        .slice(0, MAX_LIST_TEXT);
}

/** Bytes as hex, at most 2,048 of them. */
export function hexText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_LIST_TEXT / 2)).toString('hex');
}

/** What JSON can hold, with no more elements and levels than the text will show. */
function plainValue(value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'string') return value.slice(0, MAX_LIST_TEXT);
  if (typeof value !== 'object') return value;
  if (value instanceof Uint8Array) return hexText(value);
  if (value instanceof Date) return value.getTime();
  if (depth >= MAX_LIST_DEPTH) return '…';
  // A row of Arrow's knows its keys; a vector is read element by element.
  if ('toJSON' in value && typeof value.toJSON === 'function' && !('length' in value))
    return plainValue(value.toJSON(), depth + 1);
  if (value instanceof Map)
    return Object.fromEntries(
      [...value].slice(0, MAX_LIST_TEXT).map(([key, one]) => [String(key), plainValue(one, depth + 1)]),
    );
  if (Symbol.iterator in value) {
    const list: unknown[] = [];
    for (const one of value as Iterable<unknown>) {
      if (list.length >= MAX_LIST_TEXT) break;
      list.push(plainValue(one, depth + 1));
    }
    return list;
  }
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MAX_LIST_TEXT)
      .map(([key, one]) => [key, plainValue(one, depth + 1)]),
  );
}

export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'boolean' ? (value ? 1 : 0) : undefined;
}

/** What a library said of damage, for a message. */
export function reasonOf(error: unknown): string {
  return safeText(error instanceof Error ? error.message : String(error), 120);
}
