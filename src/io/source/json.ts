import {
  type ColumnSpec,
  ColumnWriter,
  counted,
  EPOCH_SCALE,
  type EpochUnit,
  epochUnitOf,
  nearest,
  parseNumber,
  parseTime,
  type Schema,
  safeText,
  type Table,
  UserError,
} from '../../core/index.ts';
import type { ByteSource } from './input.ts';
import { JsonFeed, type JsonLayout, jsonLayout } from './json-feed.ts';
import {
  arrayText,
  type JsonScanner,
  LEAF_ARRAY,
  LEAF_ESCAPED,
  LEAF_FALSE,
  LEAF_NULL,
  LEAF_NUMBER,
  LEAF_OBJECT,
  LEAF_TEXT,
  LEAF_TRUE,
  MAX_ARRAY_TEXT,
  unescapeJson,
} from './json-record.ts';
import { peekHead } from './lines.ts';
import { type ColumnType, DEFAULT_BATCH_ROWS, type TableOpenOptions, type TableSource } from './table-source.ts';

/**
 * JSON of any kind as a table (RFC 8259; one object to a line is NDJSON, also called JSON Lines): a column for every key, those of objects within objects joined by dots
 * (`dns.rrname`), in the order in which they first came. Types are told from the first 2,000 records. An array is a text: its scalars joined by commas, what is more than that as JSON.
 * Of a key that stands twice the last counts, as for nearly every other reader.
 */

/** Records, and bytes of them, from which types are told. */
const SAMPLE_RECORDS = 2000;
const SAMPLE_BYTES = 8 << 20;
/** Further keys are counted and named as left out. */
const MAX_COLUMNS = 1024;
/** A batch ends before its rows do where they are this large. */
const BATCH_BYTES = 16 << 20;
/** Names that a message tells. */
const NAMES_TOLD = 5;
const MAX_INT32 = 2 ** 31;

const NAMES_A_TIME = /(^|[._ -])(ts|time|timestamp|datetime|date|at|epoch)$|(Time|Timestamp|Date|At|_ts|_ms)$/;

/** True for an array of objects, and for objects that have more than one line. `head` is the first 64 KiB. */
export function looksLikeJson(head: Uint8Array): boolean {
  return jsonLayout(head) === 'document';
}

/** True for one JSON object to a line. */
export function looksLikeNdjson(head: Uint8Array): boolean {
  return jsonLayout(head) === 'lines';
}

/** Opens JSON in either layout as a table of its own schema. A type in `options.types` for a column that does not come is a UserError. */
export async function openJson(source: ByteSource, options: TableOpenOptions): Promise<TableSource> {
  const { head, source: whole } = await peekHead(source);
  return openJsonFeed(new JsonFeed(whole, jsonLayout(head) ?? 'lines', { onReject: options.onReject }), options);
}

const FORMATS: Readonly<Record<JsonLayout, string>> = { lines: 'ndjson', document: 'json' };

/** The same of a feed; `format` where the caller knows better what it is. */
export async function openJsonFeed(
  feed: JsonFeed,
  options: TableOpenOptions,
  format = FORMATS[feed.layout],
): Promise<TableSource> {
  const { batchRows = DEFAULT_BATCH_ROWS, types = {}, signal } = options;
  const { source, scanner } = feed;
  const kinds = new SampledKinds();
  // The records of the sample are kept as they came, to be read again once their columns are known.
  const kept: { bytes: Uint8Array; line: number }[] = [];
  let keptBytes = 0;
  let more = true;
  while (kept.length < SAMPLE_RECORDS && keptBytes < SAMPLE_BYTES && more) {
    while (kept.length < SAMPLE_RECORDS && keptBytes < SAMPLE_BYTES && feed.next()) {
      kinds.see(scanner, feed.bytes);
      kept.push({ bytes: feed.bytes.slice(feed.recordFrom, feed.recordTo), line: feed.line });
      keptBytes += feed.recordTo - feed.recordFrom;
    }
    if (kept.length < SAMPLE_RECORDS && keptBytes < SAMPLE_BYTES) more = await feed.fill();
  }
  const columns = kinds.columns(scanner, types, source.name);
  const schema: Schema = { name: format, version: 1, columns: columns.map(({ spec }) => spec) };
  const columnOf = new Map(columns.map(({ node }, i) => [node, i]));
  /** Column of a key, one higher; 0 has none. */
  let columnIndex = new Int32Array(scanner.nodeCount);
  for (const [node, i] of columnOf) columnIndex[node] = i + 1;

  const writer = new ColumnWriter(schema, batchRows);
  const misfits = new Float64Array(columns.length);
  const late = new Map<number, number>();
  let scratch = new Uint8Array(4096);
  let rows = 0;
  let replayed = 0;
  let closed = false;

  /** One cell; false where the type that the user stated refuses it. */
  const put = (column: JsonColumn, i: number, row: number, bytes: Uint8Array, leaf: number): boolean => {
    const kind = scanner.leafKind[leaf]!;
    if (kind === LEAF_NULL) {
      writer.clearCell(i, row);
      return true;
    }
    const from = scanner.leafFrom[leaf]!;
    const to = scanner.leafTo[leaf]!;
    if (column.type === 'text') {
      if (kind === LEAF_ARRAY) {
        const text = arrayText(bytes, from, to);
        if (text !== undefined) writer.setText(i, row, text);
      } else if (kind === LEAF_ESCAPED) {
        if (scratch.length < to - from) scratch = new Uint8Array(2 * (to - from));
        writer.setBytes(i, row, scratch, 0, unescapeJson(bytes, from, to, scratch));
      } else if (to > from)
        writer.setBytes(i, row, bytes, from, kind === LEAF_OBJECT ? Math.min(to, from + MAX_ARRAY_TEXT) : to);
      return true;
    }
    // An empty text is no number: the cell is missing.
    if (kind === LEAF_TEXT && from === to) return true;
    const value = numberOf(column, kind, scanner.leafNumber[leaf]!, bytes, from, to);
    if (value === undefined) {
      if (column.stated) return false;
      misfits[i]!++;
      writer.clearCell(i, row);
      return true;
    }
    writer.setNumber(i, row, value);
    return true;
  };

  /** The record that the scanner holds as a row; the reason why not where it is none. */
  const addRow = (bytes: Uint8Array): string | undefined => {
    const row = writer.addRow();
    if (scanner.nodeCount > columnIndex.length) {
      const wider = new Int32Array(2 * scanner.nodeCount);
      wider.set(columnIndex);
      columnIndex = wider;
    }
    for (let leaf = 0; leaf < scanner.leafCount; leaf++) {
      const node = scanner.leafNode[leaf]!;
      const i = columnIndex[node]! - 1;
      if (i < 0) {
        if (scanner.leafKind[leaf] !== LEAF_NULL) late.set(node, (late.get(node) ?? 0) + 1);
        continue;
      }
      const column = columns[i]!;
      if (put(column, i, row, bytes, leaf)) continue;
      writer.dropRow();
      return `column '${safeText(column.spec.name, 80)}': not ${WANTED[column.type]}: ${safeText(scanner.text(bytes, leaf), 40)}`;
    }
    return undefined;
  };

  const replay = (): number => {
    let size = 0;
    while (replayed < kept.length && !writer.full) {
      const { bytes, line } = kept[replayed]!;
      kept[replayed++] = EMPTY;
      size += bytes.length;
      // What it counts was counted when the record first came.
      const { duplicateKeys, refusedKeys } = scanner;
      scanner.scan(bytes, 0, bytes.length);
      scanner.duplicateKeys = duplicateKeys;
      scanner.refusedKeys = refusedKeys;
      const reason = addRow(bytes);
      if (reason !== undefined) feed.rejectKept(line, reason, bytes);
    }
    return size;
  };

  return {
    name: source.name,
    format,
    compression: source.compression,
    totalBytes: source.totalBytes,
    schema,
    gives: new Set(schema.columns.map(({ name }) => name)),
    async read(): Promise<Table | undefined> {
      if (closed) return undefined;
      let size = replay();
      while (!writer.full && size < BATCH_BYTES) {
        while (!writer.full && size < BATCH_BYTES && replayed === kept.length && feed.next()) {
          size += feed.recordTo - feed.recordFrom;
          const reason = addRow(feed.bytes);
          if (reason !== undefined) feed.reject(reason);
        }
        if (writer.full || size >= BATCH_BYTES || signal?.aborted === true) break;
        // A stream that waits gives what it has.
        if (!(await feed.fill())) break;
      }
      if (writer.rowCount === 0) return undefined;
      rows += writer.rowCount;
      return writer.finish();
    },
    bytesTaken: () => source.bytesTaken(),
    status: () => feed.status(rows, notes(scanner, columns, misfits, late, kinds.leftOut)),
    ...(source.stop === undefined ? {} : { stop: async () => source.stop?.() }),
    close: () => {
      closed = true;
      source.close();
    },
  };
}

const EMPTY = { bytes: new Uint8Array(0), line: 0 };

const WANTED: Readonly<Record<ColumnType, string>> = {
  number: 'a number',
  integer: 'an integer',
  text: 'a text',
  time: 'a time',
  boolean: 'true or false',
};

interface JsonColumn {
  readonly node: number;
  readonly spec: ColumnSpec;
  readonly type: ColumnType;
  /** The user stated the type: what does not fit is rejected with its record. */
  readonly stated: boolean;
  /** What the numbers of a time column count; undefined: each tells by its size. */
  readonly unit: EpochUnit | undefined;
}

/** The number that a cell is, undefined where it is none of the column's type. */
function numberOf(
  { type, unit }: JsonColumn,
  kind: number,
  number: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): number | undefined {
  const isText = kind === LEAF_TEXT;
  if (type === 'boolean') {
    if (kind === LEAF_TRUE || kind === LEAF_FALSE) return kind === LEAF_TRUE ? 1 : 0;
    if (kind === LEAF_NUMBER) return number === 0 || number === 1 ? number : undefined;
    if (!isText) return undefined;
    const word = String.fromCharCode(...bytes.subarray(from, Math.min(to, from + 6))).toLowerCase();
    return word === 'true' ? 1 : word === 'false' ? 0 : undefined;
  }
  if (type === 'time') {
    if (kind === LEAF_NUMBER) {
      const counts = unit ?? epochUnitOf(number);
      return counts === undefined ? undefined : finite(parseNumber(bytes, from, to, EPOCH_SCALE[counts]));
    }
    if (!isText) return undefined;
    const time = parseTime(bytes, from, to);
    if (!Number.isNaN(time)) return time;
    const counts = epochUnitOf(parseNumber(bytes, from, to));
    return counts === undefined ? undefined : finite(parseNumber(bytes, from, to, EPOCH_SCALE[counts]));
  }
  const value =
    kind === LEAF_NUMBER
      ? finite(number)
      : kind === LEAF_TRUE
        ? 1
        : kind === LEAF_FALSE
          ? 0
          : isText
            ? finite(parseNumber(bytes, from, to))
            : undefined;
  return type === 'integer' && value !== undefined && !(Number.isInteger(value) && Math.abs(value) < MAX_INT32)
    ? undefined
    : value;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

const SAW_BOOLEAN = 1;
const SAW_INTEGER = 2;
const SAW_NUMBER = 4;
const SAW_TIME = 8;
const SAW_TEXT = 16;
const SAW_OTHER = 32;

/** What the records of the sample hold under every key. */
class SampledKinds {
  /** Keys in the order in which they first came. */
  readonly #order: number[] = [];
  readonly #saw = new Map<number, number>();
  readonly #unit = new Map<number, EpochUnit | undefined>();
  leftOut = 0;

  see(scanner: JsonScanner, bytes: Uint8Array): void {
    for (let i = 0; i < scanner.leafCount; i++) {
      const node = scanner.leafNode[i]!;
      let saw = this.#saw.get(node);
      if (saw === undefined) {
        saw = 0;
        this.#order.push(node);
      }
      const kind = scanner.leafKind[i]!;
      const from = scanner.leafFrom[i]!;
      const to = scanner.leafTo[i]!;
      if (kind === LEAF_NUMBER) {
        const number = scanner.leafNumber[i]!;
        const unit = epochUnitOf(number);
        if ((saw & (SAW_INTEGER | SAW_NUMBER)) === 0) this.#unit.set(node, unit);
        else if (this.#unit.get(node) !== unit) this.#unit.set(node, undefined);
        saw |= Number.isInteger(number) && Math.abs(number) < MAX_INT32 ? SAW_INTEGER : SAW_NUMBER;
      } else if (kind === LEAF_TRUE || kind === LEAF_FALSE) saw |= SAW_BOOLEAN;
      else if (kind === LEAF_TEXT) {
        if (to > from) saw |= Number.isNaN(parseTime(bytes, from, to)) ? SAW_TEXT : SAW_TIME;
      } else if (kind !== LEAF_NULL) saw |= SAW_OTHER;
      this.#saw.set(node, saw);
    }
  }

  columns(scanner: JsonScanner, types: Readonly<Record<string, ColumnType>>, input: string): JsonColumn[] {
    const columns: JsonColumn[] = [];
    const names = new Set<string>();
    const used = new Set<string>();
    for (const node of this.#order) {
      let name = scanner.name(node);
      const stated = Object.hasOwn(types, name) ? types[name] : undefined;
      if (columns.length >= MAX_COLUMNS && stated === undefined) {
        this.leftOut++;
        continue;
      }
      used.add(name);
      // 'a.b' may be the key b of a, or the key 'a.b'.
      for (let n = 2; names.has(name); n++) name = `${scanner.name(node)}#${n}`;
      names.add(name);
      const type = stated ?? this.#type(node, name);
      columns.push({
        node,
        type,
        stated: stated !== undefined,
        unit: type === 'time' ? this.#unit.get(node) : undefined,
        spec: {
          name,
          kind: type === 'text' ? 'string' : type === 'integer' || type === 'boolean' ? 'int32' : 'float64',
          unit: type === 'time' ? 'ms since 1970 UTC' : type === 'boolean' ? '0 or 1' : '',
          meaning: `The key ${safeText(name, 80)} of each record.`,
        },
      });
    }
    for (const [name, type] of Object.entries(types)) {
      if (used.has(name) || this.#order.length === 0) continue;
      const near = nearest(name, [...used]);
      throw new UserError(
        `${input}: no column '${safeText(name, 80)}', for which the type ${type} is stated`,
        near === undefined ? `its columns are ${[...used].slice(0, 12).join(', ')}` : `did you mean '${near}'?`,
      );
    }
    return columns;
  }

  #type(node: number, name: string): ColumnType {
    const saw = this.#saw.get(node) ?? 0;
    if (saw === SAW_BOOLEAN) return 'boolean';
    if (saw === SAW_TIME) return 'time';
    // All its numbers are times in the same unit, and its name says so as well.
    if (saw !== 0 && (saw & ~(SAW_INTEGER | SAW_NUMBER)) === 0)
      return this.#unit.get(node) !== undefined && NAMES_A_TIME.test(name) ? 'time' : 'number';
    return 'text';
  }
}

function notes(
  scanner: JsonScanner,
  columns: readonly JsonColumn[],
  misfits: Float64Array,
  late: ReadonlyMap<number, number>,
  leftOut: number,
): string[] {
  const said: string[] = [];
  columns.forEach(({ spec, type }, i) => {
    if (misfits[i]! > 0)
      said.push(
        `column '${safeText(spec.name, 80)}': ${counted(misfits[i]!, 'value')} not ${WANTED[type]}, missing there`,
      );
  });
  if (said.length > NAMES_TOLD)
    said.splice(NAMES_TOLD, said.length, `and ${said.length - NAMES_TOLD} more columns with such values`);
  if (leftOut > 0) said.push(`${counted(leftOut, 'column')} beyond the first ${MAX_COLUMNS} left out`);
  const isLate = [...late].filter(([node]) => scanner.name(node) !== '');
  if (isLate.length > 0) {
    const told = isLate.slice(0, NAMES_TOLD).map(([node, n]) => `${safeText(scanner.name(node), 80)} (${n})`);
    const rest = isLate.length > NAMES_TOLD ? ` and ${isLate.length - NAMES_TOLD} more` : '';
    said.push(
      `${counted(isLate.length, 'key')} without a column, as the first records do not have them: ${told.join(', ')}${rest}`,
    );
  }
  return said;
}
