import { type FileHandle, open } from 'node:fs/promises';
import * as zlib from 'node:zlib';
import type {
  Schema as ArrowSchema,
  Data,
  DataType,
  Field,
  RecordBatch,
  RecordBatchReader,
  Vector,
} from 'apache-arrow';
import { type Column, type Table, UserError } from '../../core/index.ts';
import {
  batchShape,
  type FileColumn,
  fileColumn,
  hexText,
  makeColumn,
  nestedText,
  numberOf,
  reasonOf,
  withTypes,
} from './column-batch.ts';
import type { ByteSource } from './input.ts';
import { unpackBlock } from './lz4.ts';
import { DEFAULT_BATCH_ROWS, type TableOpenOptions, type TableSource } from './table-source.ts';

/**
 * Arrow IPC (Arrow columnar format, "Serialization and Interprocess Communication"), as a stream or as a file (Feather version 2), buffers plain or in LZ4 and Zstandard; read by apache-arrow, one record
 * batch at a time. A file is read as the stream that it holds, so that it may come from a pipe and be compressed as a whole. Columns of objects are taken apart, their names
 * joined by dots; lists and maps are text. Times are epoch milliseconds in UTC; integers of 64 bits and decimals are float64, exact up to 2^53.
 */

const FILE_MAGIC = Buffer.from('ARROW1\0\0');
const CONTINUATION = -1;
/** Of a message: its description, and its buffers. */
const MAX_METADATA = 64 << 20;
const MAX_BODY = 1 << 30;
const MAX_BUFFER = 512 << 20;
const MAX_COLUMNS = 4096;
/** A head of this size is not all of the input. */
const LOOKED_AT = 65_536;
const READ_BYTES = 1 << 18;
/** Rows of a batch whose columns have no buffers. */
const MAX_EMPTY_ROWS = 1 << 16;
/** LZ4 makes of a byte no more than this. */
const MOST_PACKED = 256;

/** True for what begins as an Arrow IPC file does, or as a stream: with the message of a schema. `head` is decompressed. */
export function looksLikeArrow(head: Uint8Array): boolean {
  if (head.length >= 6 && FILE_MAGIC.subarray(0, 6).equals(head.subarray(0, 6))) return true;
  if (head.length < 24) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  // A stream begins with the mark, a length that is a multiple of 8, and a message whose kind is 1, a schema.
  if (view.getInt32(0, true) !== CONTINUATION) return false;
  const length = view.getInt32(4, true);
  if (length <= 0 || length > MAX_METADATA || (length & 7) !== 0) return false;
  // Of a very long schema the head holds the beginning alone, which cannot be checked.
  if (8 + length > head.length) return head.length >= LOOKED_AT;
  return messageOf(head.subarray(8, 8 + length))?.kind === SCHEMA;
}

const SCHEMA = 1;
const DICTIONARY = 2;
const RECORD_BATCH = 3;

interface Message {
  readonly kind: number;
  readonly bodyLength: number;
  /** Of a record batch, or the one in a dictionary batch: its rows, or those of its longest column, lists within columns among them. */
  readonly rows: number;
  readonly isCompressed: boolean;
}

/**
 * What a message is (Message.fbs: version, header_type, header, bodyLength; RecordBatch: length, nodes, buffers, compression; DictionaryBatch: id, data); undefined where it is none.
 * Read here before the library sees it, which takes rows and lengths at their word.
 */
function messageOf(metadata: Uint8Array): Message | undefined {
  const view = new DataView(metadata.buffer, metadata.byteOffset, metadata.length);
  const inside = (at: number, n: number): boolean => at >= 0 && at + n <= metadata.length;
  /** Where field `i` of a table lies, 0 where it has none; -1 where it is no table. */
  const field = (table: number, i: number): number => {
    if (!inside(table, 4)) return -1;
    const layout = table - view.getInt32(table, true);
    if (!inside(layout, 4)) return -1;
    const at = layout + 4 + 2 * i;
    if (at + 2 > layout + view.getUint16(layout, true)) return 0;
    if (!inside(at, 2)) return -1;
    const offset = view.getUint16(at, true);
    return offset === 0 ? 0 : table + offset;
  };
  const long = (at: number): number => (at <= 0 ? 0 : inside(at, 8) ? Number(view.getBigInt64(at, true)) : -1);
  const tableAt = (at: number): number => (at > 0 && inside(at, 4) ? at + view.getUint32(at, true) : -1);
  const root = inside(0, 4) ? view.getUint32(0, true) : -1;
  const kindAt = field(root, 1);
  if (kindAt <= 0 || !inside(kindAt, 1)) return undefined;
  const kind = view.getUint8(kindAt);
  const bodyLength = long(field(root, 3));
  if (kind === SCHEMA) {
    // Schema.fbs: Schema has fields and custom_metadata, a Field children and custom_metadata: vectors of offsets to tables.
    let left = 2 * MAX_COLUMNS;
    const list = (table: number, i: number, each: (one: number) => boolean): boolean => {
      const at = tableAt(field(table, i));
      if (at < 0) return true;
      const n = inside(at, 4) ? view.getUint32(at, true) : -1;
      left -= Math.max(0, n);
      if (n < 0 || left < 0 || !inside(at + 4, 4 * n)) return false;
      for (let k = 0; k < n; k++) if (!each(tableAt(at + 4 + 4 * k))) return false;
      return true;
    };
    const isField = (one: number): boolean => one >= 0 && list(one, 5, isField) && list(one, 6, isTable);
    const isTable = (one: number): boolean => one >= 0;
    const schema = tableAt(field(root, 2));
    if (schema < 0 || !list(schema, 1, isField) || !list(schema, 2, isTable)) return undefined;
  }
  if (kind !== RECORD_BATCH && kind !== DICTIONARY) return { kind, bodyLength, rows: 0, isCompressed: false };
  let batch = tableAt(field(root, 2));
  if (kind === DICTIONARY) batch = tableAt(field(batch, 1));
  if (field(batch, 0) < 0) return undefined;
  const isCompressed = field(batch, 3) > 0;
  // Each column has a node: its length and how many of it are null; each buffer an offset and a length. All of them are pairs of 64-bit numbers.
  let rows = long(field(batch, 0));
  const pairs = (i: number, each: (first: number, second: number) => boolean): boolean => {
    const list = tableAt(field(batch, i));
    if (list < 0) return true;
    const n = inside(list, 4) ? view.getUint32(list, true) : -1;
    if (n < 0 || !inside(list + 4, 16 * n)) return false;
    for (let k = 0; k < n; k++) if (!each(long(list + 4 + 16 * k), long(list + 12 + 16 * k))) return false;
    return true;
  };
  const areNodes = pairs(1, (length, nulls) => {
    if (length > rows) rows = length;
    return length >= 0 && nulls >= 0 && nulls <= length;
  });
  const areBuffers = pairs(2, (offset, length) => offset >= 0 && length >= 0 && offset + length <= bodyLength);
  return areNodes && areBuffers ? { kind, bodyLength, rows, isCompressed } : undefined;
}

/** Opens an Arrow stream or file. A UserError where it is none, or its schema is damaged. */
export async function openArrow(source: ByteSource, options: TableOpenOptions): Promise<TableSource> {
  const { batchRows = DEFAULT_BATCH_ROWS, types = {}, signal } = options;
  const { name } = source;
  const arrow = await loadArrow();
  const framing = new Framing(source);
  let handle: FileHandle | undefined;
  let reader: RecordBatchReader;
  let leaves: Leaf[];
  let shape: ReturnType<typeof batchShape>;
  try {
    reader = await arrow.RecordBatchReader.from(framing.messages());
    await reader.open({ autoDestroy: true });
    // Some writers of files put the schema nowhere but behind the last batch: those are read from there.
    if (!framing.sawSchema && framing.isFile && source.totalBytes !== undefined && source.compression === '') {
      handle = await open(name, 'r');
      reader = await arrow.RecordBatchReader.from(handle);
      await reader.open({ autoDestroy: true });
      framing.readElsewhere();
    }
    const schema = reader.schema as ArrowSchema | undefined;
    if (schema === undefined || !framing.sawSchema) throw new Error('it has no schema');
    leaves = leavesOf(arrow, schema.fields);
    shape = batchShape(
      'arrow',
      withTypes(
        leaves.map(({ column }) => column),
        types,
        name,
      ),
    );
  } catch (error) {
    source.close();
    await handle?.close().catch(() => undefined);
    if (error instanceof UserError) throw error;
    throw damaged(name, framing.failure ?? reasonOf(error));
  }
  const batches = reader[Symbol.asyncIterator]() as AsyncIterator<RecordBatch>;

  let rows = 0;
  let cut: string | undefined;
  let closed = false;
  let hand: { batch: RecordBatch; at: number; vectors: ReturnType<typeof vectorsOf> } | undefined;

  return {
    name,
    format: 'arrow',
    compression: source.compression,
    totalBytes: source.totalBytes,
    schema: shape.schema,
    gives: shape.gives,
    async read(): Promise<Table | undefined> {
      while (!closed && signal?.aborted !== true) {
        if (hand === undefined || hand.at >= hand.batch.numRows) {
          hand = undefined;
          try {
            const { value, done } = await batches.next();
            if (done === true) {
              cut ??= framing.failure;
              return undefined;
            }
            hand = { batch: value, at: 0, vectors: vectorsOf(leaves, value) };
          } catch (error) {
            // The world fails before anything was read: that is no damage.
            if (rows === 0 && error instanceof UserError) throw error;
            cut ??=
              framing.failure ?? `a record batch is damaged (${reasonOf(error)}), and what follows it is left out`;
            return undefined;
          }
          if (!hand.batch.data.children.every((child) => fits(child, hand?.batch.numRows ?? 0))) {
            cut ??= 'a record batch claims more rows than it has bytes for, and what follows it is left out';
            hand = undefined;
            closed = true;
            return undefined;
          }
          continue;
        }
        const { at, vectors, batch } = hand;
        const n = Math.min(batchRows, batch.numRows - at);
        let columns: Column[];
        try {
          columns = shape.columns.map((column, i) => makeColumn(column, n, (row) => vectors[i]!(at + row)));
        } catch (error) {
          cut ??= `a record batch is damaged (${reasonOf(error)}), and is left out`;
          hand = undefined;
          continue;
        }
        hand.at += n;
        rows += n;
        return shape.table(n, columns);
      }
      return undefined;
    },
    bytesTaken: () => source.bytesTaken(),
    status: () => ({
      rows,
      rejected: 0,
      rejects: [],
      state: cut === undefined ? 'whole' : 'cut',
      ...(cut === undefined ? {} : { message: cut }),
    }),
    ...(source.stop === undefined ? {} : { stop: async () => source.stop?.() }),
    close: () => {
      closed = true;
      source.close();
      // It is closed already where the reader came to the end.
      handle?.close().catch(() => undefined);
    },
  };
}

function damaged(name: string, what: string): UserError {
  return new UserError(
    `${name}: this is no Arrow that can be read: ${what}`,
    'write it again as an Arrow IPC stream or file (Feather version 2)',
  );
}

type Arrow = typeof import('apache-arrow');
let loading: Promise<Arrow> | undefined;

function loadArrow(): Promise<Arrow> {
  loading ??= import('apache-arrow').then((arrow) => {
    arrow.compressionRegistry.set(arrow.CompressionType.LZ4_FRAME, { decode: decodeLz4Frame });
    if (typeof zlib.zstdDecompressSync === 'function')
      arrow.compressionRegistry.set(arrow.CompressionType.ZSTD, {
        decode: (bytes) => zlib.zstdDecompressSync(bytes, { maxOutputLength: MAX_BUFFER }),
      });
    return arrow;
  });
  return loading;
}

/** One LZ4 frame (lz4_Frame_format.md), as Arrow compresses its buffers: without a dictionary. Checksums are passed over; Arrow's readers do the same. */
function decodeLz4Frame(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 7 || view.getUint32(0, true) !== 0x184d2204) throw new Error('a buffer is no LZ4 frame');
  const flags = bytes[4]!;
  const hasContentSize = (flags & 0x08) !== 0;
  const blockChecksum = (flags & 0x10) === 0 ? 0 : 4;
  const blockSize = 1 << (8 + 2 * ((bytes[5]! >> 4) & 7));
  let at = 7 + (hasContentSize ? 8 : 0) + ((flags & 1) === 0 ? 0 : 4);
  const claimed = hasContentSize && bytes.length >= 14 ? Number(view.getBigUint64(6, true)) : 0;
  if (claimed > MAX_BUFFER) throw new Error('a buffer claims more than 512 MB');
  // No LZ4 block grows to more than 255 times its size: a claim beyond that is none.
  let out = new Uint8Array(Math.min(Math.max(claimed, blockSize), 256 * bytes.length + blockSize));
  let to = 0;
  for (;;) {
    if (at + 4 > bytes.length) throw new Error('a buffer in LZ4 ends early');
    const head = view.getUint32(at, true);
    at += 4;
    if (head === 0) return out.subarray(0, to);
    const length = head & 0x7fffffff;
    if (at + length > bytes.length) throw new Error('a buffer in LZ4 ends early');
    if (to + blockSize > out.length) {
      if (to + blockSize > MAX_BUFFER) throw new Error('a buffer is larger than 512 MB');
      const grown = new Uint8Array(Math.max(2 * out.length, to + blockSize));
      grown.set(out.subarray(0, to));
      out = grown;
    }
    const block = bytes.subarray(at, at + length);
    if (head >= 0x80000000) {
      if (length > blockSize) throw new Error('a buffer is no LZ4 frame');
      out.set(block, to);
      to += length;
    } else {
      to = unpackBlock(block, out, to, to + blockSize);
      if (to < 0) throw new Error('a buffer is no LZ4 frame');
    }
    at += length + blockChecksum;
  }
}

/** Cuts the bytes of a source into messages, each held to a size, and ends at the mark of the end, before the footer of a file. */
class Framing {
  /** Why the stream ended before its end. */
  failure: string | undefined;
  sawSchema = false;
  /** It began as a file does. */
  isFile = false;
  readonly #source: ByteSource;
  #chunk = new Uint8Array(READ_BYTES);
  #from = 0;
  #to = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** The batches are read by the table of contents of a file. */
  readElsewhere(): void {
    this.failure = undefined;
    this.sawSchema = true;
  }

  async *messages(): AsyncGenerator<Uint8Array> {
    let head = await this.#take(8);
    if (head !== undefined && FILE_MAGIC.subarray(0, 6).equals(head.subarray(0, 6))) {
      this.isFile = true;
      head = await this.#take(8);
    }
    let count = 0;
    for (;;) {
      if (head === undefined) {
        // Not every writer of streams says that it has ended.
        if (this.#partial > 0 || count === 0)
          this.failure = count === 0 ? 'it ends before its schema' : 'the input ends within a message';
        return;
      }
      const view = new DataView(head.buffer, head.byteOffset, 8);
      // Before version 0.15 there was no mark before the length.
      const isMarked = view.getInt32(0, true) === CONTINUATION;
      const length = view.getInt32(isMarked ? 4 : 0, true);
      if (length === 0) return;
      if (length < 0 || length > MAX_METADATA) {
        this.failure = 'the length of a message cannot be';
        return;
      }
      const early = isMarked ? 0 : 4;
      const rest = await this.#take(length - early);
      if (rest === undefined) {
        this.failure = 'the input ends within a message';
        return;
      }
      const metadata = new Uint8Array(length);
      if (early > 0) metadata.set(head.subarray(4, 8));
      metadata.set(rest, early);
      const message = messageOf(metadata);
      if (message === undefined || message.bodyLength < 0 || message.bodyLength > MAX_BODY) {
        this.failure = 'the description of a message is damaged';
        return;
      }
      if (message.kind === SCHEMA) this.sawSchema = true;
      else if (count === 0) {
        this.failure = 'it does not begin with a schema';
        return;
      }
      // A row takes a bit at least, before it is compressed; columns of nothing but null take none.
      const most = Math.max(MAX_EMPTY_ROWS, 8 * message.bodyLength * (message.isCompressed ? MOST_PACKED : 1));
      if (message.rows < 0 || message.rows > most) {
        this.failure = 'a record batch claims more rows than it has bytes for, and what follows it is left out';
        return;
      }
      const body = await this.#take(message.bodyLength);
      if (body === undefined) {
        this.failure = 'the input ends within a record batch, which is left out';
        return;
      }
      count++;
      // Tensors and what later versions may bring are passed over.
      if (message.kind === SCHEMA || message.kind === DICTIONARY || message.kind === RECORD_BATCH) {
        const whole = new Uint8Array(8 + length + message.bodyLength);
        const out = new DataView(whole.buffer);
        out.setInt32(0, CONTINUATION, true);
        out.setInt32(4, length, true);
        whole.set(metadata, 8);
        whole.set(body, 8 + length);
        yield whole;
      }
      head = await this.#take(8);
    }
  }

  #partial = 0;

  /** The next `n` bytes; undefined where the input ends before, and `#partial` says how many there were. */
  async #take(n: number): Promise<Uint8Array | undefined> {
    // Grown as the bytes come: what a length claims is not taken for granted.
    let out = new Uint8Array(Math.min(n, READ_BYTES));
    let got = 0;
    while (got < n) {
      if (this.#from === this.#to) {
        this.#from = 0;
        this.#to = await this.#source.read(this.#chunk);
        if (this.#to === 0) {
          this.#partial = got;
          return undefined;
        }
      }
      const step = Math.min(n - got, this.#to - this.#from);
      if (got + step > out.length) {
        const grown = new Uint8Array(Math.min(n, Math.max(2 * out.length, got + step)));
        grown.set(out.subarray(0, got));
        out = grown;
      }
      out.set(this.#chunk.subarray(this.#from, this.#from + step), got);
      this.#from += step;
      got += step;
    }
    return out;
  }
}

/** Whether the buffers of a column have as many rows as it claims, and its texts and lists lie in what holds them: the library does not ask. */
function fits(data: Data, rows: number): boolean {
  if (data.length < rows) return false;
  const { valueOffsets, values, typeIds, children, nullBitmap, dictionary } = data as Data & {
    readonly typeIds?: ArrayLike<number>;
  };
  if (nullBitmap !== undefined && nullBitmap.length > 0 && 8 * nullBitmap.length < rows) return false;
  if (
    dictionary !== undefined &&
    !(dictionary as Vector).data.every((part) => fits(part as Data, (part as Data).length))
  )
    return false;
  const length = (values as ArrayLike<unknown> | undefined)?.length ?? 0;
  const isList = data.typeId === LIST || data.typeId === MAP;
  if (valueOffsets !== undefined && valueOffsets.length > 0 && typeIds === undefined) {
    const most = isList ? (children[0]?.length ?? 0) : length;
    if (valueOffsets.length <= rows) return false;
    let before = 0;
    for (let row = 0; row <= rows; row++) {
      const offset = Number(valueOffsets[row]);
      if (offset < before || offset > most) return false;
      before = offset;
    }
    return children.every((child) => fits(child, before));
  }
  if (typeIds !== undefined && typeIds.length > 0)
    return typeIds.length >= rows && children.every((child) => fits(child, 0));
  // Of a bool there are eight in a byte, of all else one value or more to a row.
  if (length > 0) return length * (data.typeId === BOOL ? 8 : 1) >= rows;
  const perRow = data.typeId === STRUCT ? 1 : data.typeId === FIXED_SIZE_LIST ? data.stride : 0;
  if (children.length > 0) return children.every((child) => fits(child, rows * perRow));
  // Columns of nothing but null have no buffers.
  return rows <= MAX_EMPTY_ROWS;
}

const LIST = 12;
const FIXED_SIZE_LIST = 16;
const MAP = 17;
const BOOL = 6;
const STRUCT = 13;

/** A column of ours, and where its values lie: position of the top column, then of the fields within. */
interface Leaf {
  readonly path: readonly number[];
  readonly column: FileColumn;
}

function leavesOf(arrow: Arrow, fields: readonly Field[]): Leaf[] {
  const leaves: Leaf[] = [];
  const walk = (field: Field, name: string, path: readonly number[]): void => {
    if (leaves.length >= MAX_COLUMNS) return;
    const { type } = field;
    if (arrow.DataType.isStruct(type) && path.length < 16) {
      for (const [i, child] of type.children.entries()) walk(child, `${name}.${child.name}`, [...path, i]);
      return;
    }
    leaves.push({ path, column: columnOf(arrow, name, type) });
  };
  for (const [i, field] of fields.entries()) walk(field, field.name, [i]);
  return leaves;
}

function columnOf(arrow: Arrow, name: string, type: DataType): FileColumn {
  const { DataType: Is } = arrow;
  if (Is.isDictionary(type)) return columnOf(arrow, name, type.dictionary);
  if (Is.isBool(type)) return fileColumn(name, 'boolean', numberOf);
  if (Is.isInt(type)) {
    const fits = type.bitWidth < 32 || (type.bitWidth === 32 && type.isSigned);
    return fileColumn(name, fits ? 'integer' : 'number', numberOf);
  }
  if (Is.isFloat(type)) return fileColumn(name, 'number', numberOf);
  if (Is.isTimestamp(type) || Is.isDate(type))
    return fileColumn(name, 'time', (value) => (value instanceof Date ? value.getTime() : numberOf(value)));
  if (Is.isTime(type) || Is.isDuration(type)) {
    const perMs = [1e-3, 1, 1e3, 1e6][type.unit] ?? 1;
    const column = fileColumn(name, 'number', (value) => {
      const number = numberOf(value);
      return number === undefined ? undefined : number / perMs;
    });
    return { ...column, spec: { ...column.spec, unit: 'ms' } };
  }
  if (Is.isDecimal(type)) {
    const { scale } = type;
    return fileColumn(name, 'number', (value) => decimalOf(value, scale));
  }
  if (Is.isBinary(type) || Is.isLargeBinary(type) || Is.isFixedSizeBinary(type))
    return fileColumn(name, 'text', (value) => (value instanceof Uint8Array ? hexText(value) : nestedText(value)));
  return fileColumn(name, 'text', nestedText);
}

/** Words of a decimal, least significant first, two's complement. */
function decimalOf(value: unknown, scale: number): number | undefined {
  if (!(value instanceof Uint32Array)) return numberOf(value);
  let whole = 0n;
  for (let i = value.length - 1; i >= 0; i--) whole = (whole << 32n) | BigInt(value[i]!);
  const bits = BigInt(32 * value.length);
  if (whole >> (bits - 1n) === 1n) whole -= 1n << bits;
  const number = Number(`${whole}e${-scale}`);
  return Number.isFinite(number) ? number : undefined;
}

/** How each column's value of a row is found. A value in an object that is missing is missing, whatever lies there. */
function vectorsOf(leaves: readonly Leaf[], batch: RecordBatch): ((row: number) => unknown)[] {
  return leaves.map(({ path }) => {
    let vector = batch.getChildAt(path[0]!) as Vector | null;
    const parents: Vector[] = [];
    for (const i of path.slice(1)) {
      if (vector !== null && vector.nullCount > 0) parents.push(vector);
      vector = vector?.getChildAt(i) ?? null;
    }
    const last = vector;
    if (last === null) return () => undefined;
    if (parents.length === 0) return (row) => last.get(row) as unknown;
    return (row) => (parents.every((parent) => parent.isValid(row)) ? (last.get(row) as unknown) : undefined);
  });
}
