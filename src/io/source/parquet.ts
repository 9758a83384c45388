import * as fs from 'node:fs';
import * as zlib from 'node:zlib';
import type { Compressors, FileMetaData, SchemaElement, SchemaTree } from 'hyparquet';
import { type Column, counted, decodeText, humanCount, safeText, type Table, UserError } from '../../core/index.ts';
import {
  batchShape,
  type FileColumn,
  fileColumn,
  hexText,
  makeColumn,
  missingColumn,
  nestedText,
  numberOf,
  reasonOf,
  withTypes,
} from './column-batch.ts';
import { type ByteSource, describeFileError } from './input.ts';
import {
  DEFAULT_BATCH_ROWS,
  MAX_REJECTS_SHOWN,
  type Reject,
  type TableOpenOptions,
  type TableSource,
} from './table-source.ts';

/**
 * Parquet files (format specification of apache/parquet-format; read by hyparquet). Row group by row group, large ones in slices of about 64 MB, so that no file is ever held whole. Columns of objects
 * are taken apart, their names joined by dots; lists and maps are text. Times (INT96 and what the writer left without a zone as well) are epoch milliseconds in UTC; integers of 64 bits and decimals are
 * float64, exact up to 2^53. A column that is damaged, or of a type that is not read (BSON, INTERVAL), is missing in the rows that it is about, and the status says so.
 */

const MAGIC = 'PAR1';
const ENCRYPTED = 'PARE';
/** Magic, length of the footer and the shortest footer. */
const SMALLEST = 12;
const MAX_FOOTER = 256 << 20;
/** Uncompressed bytes of a row group that are read at a time. */
const SLICE_BYTES = 64 << 20;
const MAX_PAGE_BYTES = 512 << 20;
const MAX_COLUMNS = 4096;

/** True for what begins as a Parquet file does. */
export function looksLikeParquet(head: Uint8Array): boolean {
  const magic = Buffer.from(head.subarray(0, 4)).toString('latin1');
  return magic === MAGIC || magic === ENCRYPTED;
}

/** A column of the file, and where its values lie in a value of the top column. */
interface Leaf {
  readonly top: string;
  readonly path: readonly string[];
  readonly column: FileColumn;
}

/**
 * Opens a Parquet file. A UserError where it is none, or is a stream, or compressed as a whole: its table of contents stands at the end.
 */
export async function openParquet(source: ByteSource, options: TableOpenOptions): Promise<TableSource> {
  const { name, compression, totalBytes } = source;
  const { batchRows = DEFAULT_BATCH_ROWS, types = {}, onReject, signal } = options;
  if (totalBytes === undefined) {
    throw new UserError(
      `${name === '-' ? 'standard input' : name}: Parquet cannot be read from a stream, because its table of contents stands at the end`,
      'save it to a file and give that; for streams there is Arrow',
    );
  }
  if (compression !== '')
    throw new UserError(
      `${name}: this Parquet file is compressed with ${compression} as a whole, so that nothing in it can be found`,
      'unpack it first; Parquet is compressed inside',
    );
  source.close();
  const file = openFile(name);
  try {
    const parquet = await import('hyparquet');
    const metadata = await readFooter(parquet, file);
    const leaves = leavesOf(parquet.parquetSchema(metadata));
    const shape = batchShape(
      'parquet',
      withTypes(
        leaves.map(({ column }) => column),
        types,
        name,
      ),
    );
    return new ParquetTable(parquet, file, metadata, leaves, shape, { batchRows, onReject, signal });
  } catch (error) {
    file.close();
    throw error;
  }
}

type Hyparquet = typeof import('hyparquet');
type Shape = ReturnType<typeof batchShape>;

interface File {
  readonly name: string;
  readonly byteLength: number;
  taken: number;
  slice(start: number, end?: number): ArrayBuffer;
  close(): void;
}

function openFile(name: string): File {
  let fd: number;
  let byteLength: number;
  try {
    fd = fs.openSync(name, 'r');
    byteLength = fs.fstatSync(fd).size;
  } catch (error) {
    throw describeFileError(error, name, 'read');
  }
  let isOpen = true;
  const file: File = {
    name,
    byteLength,
    taken: 0,
    slice(start, end = byteLength) {
      if (!(start >= 0 && start <= end && end <= byteLength)) throw new Error('it names bytes outside of the file');
      const bytes = Buffer.from(new ArrayBuffer(end - start));
      let got = 0;
      while (got < bytes.length) {
        const n = fs.readSync(fd, bytes, got, bytes.length - got, start + got);
        if (n === 0) throw new Error('the file has become shorter');
        got += n;
      }
      file.taken = Math.max(file.taken, end);
      return bytes.buffer;
    },
    close() {
      if (isOpen) fs.closeSync(fd);
      isOpen = false;
    },
  };
  return file;
}

async function readFooter(parquet: Hyparquet, file: File): Promise<FileMetaData> {
  const { name, byteLength } = file;
  const damaged = (what: string): UserError =>
    new UserError(
      `${name}: ${what}`,
      'copy or write the file again; a Parquet file that was not closed cannot be read',
    );
  if (byteLength < SMALLEST) throw damaged(`the Parquet file ends early, after ${counted(byteLength, 'byte')}`);
  const text = (at: number): string => Buffer.from(file.slice(at, at + 4)).toString('latin1');
  const tail = text(byteLength - 4);
  if (tail === ENCRYPTED || text(0) === ENCRYPTED)
    throw new UserError(`${name}: this Parquet file is encrypted`, 'decrypt it first');
  if (tail !== MAGIC) throw damaged('the Parquet file has no footer: it was not finished, or its end is missing');
  const length = new DataView(file.slice(byteLength - 8, byteLength - 4)).getUint32(0, true);
  if (length > Math.min(byteLength - SMALLEST + 4, MAX_FOOTER))
    throw damaged('the footer of the Parquet file is damaged: its length cannot be');
  try {
    const metadata = await parquet.parquetMetadataAsync(file, { parsers: PARSERS, geoparquet: false });
    parquet.parquetSchema(metadata);
    return metadata;
  } catch (error) {
    throw damaged(`the footer of the Parquet file is damaged (${reasonOf(error)})`);
  }
}

/** Times are numbers to us, and JSON is a text. */
const PARSERS = {
  timestampFromMilliseconds: (millis: bigint | undefined) => (millis === undefined ? undefined : Number(millis)),
  timestampFromMicroseconds: (micros: bigint | undefined) => (micros === undefined ? undefined : Number(micros) / 1e3),
  timestampFromNanoseconds: (nanos: bigint | undefined) =>
    // Beyond 2^53 ns (April 1970) whole microseconds are divided first, so that nothing of them is lost.
    nanos === undefined ? undefined : Number(nanos / 1000n) / 1e3 + Number(nanos % 1000n) / 1e6,
  dateFromDays: (days: number | undefined) => (days === undefined ? undefined : days * 86_400_000),
  stringFromBytes: textOf,
  jsonFromBytes: textOf,
  geometryFromBytes: (bytes: Uint8Array | undefined) => bytes,
  geographyFromBytes: (bytes: Uint8Array | undefined) => bytes,
};

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : decodeText(bytes, 0, bytes.length);
}

let compressors: Promise<Compressors> | undefined;

/** Node's own decompressors, held to what the page says; snappy and LZ4 from the library. */
function loadCompressors(): Promise<Compressors> {
  compressors ??= import('hyparquet-compressors').then(({ compressors: others }) => {
    const bounded: Compressors = {};
    for (const [codec, unpack] of Object.entries(others) as [keyof Compressors, NonNullable<Compressors['GZIP']>][])
      bounded[codec] = (input, length) => unpack(input, held(length));
    bounded.GZIP = (input, length) => zlib.gunzipSync(input, { maxOutputLength: held(length) });
    bounded.BROTLI = (input, length) => zlib.brotliDecompressSync(input, { maxOutputLength: held(length) });
    if (typeof zlib.zstdDecompressSync === 'function')
      bounded.ZSTD = (input, length) => zlib.zstdDecompressSync(input, { maxOutputLength: held(length) });
    return bounded;
  });
  return compressors;
}

function held(length: number): number {
  if (length > MAX_PAGE_BYTES) throw new Error('a page claims more than 512 MB');
  return Math.max(1, length);
}

/** The columns of the schema: leaves of objects one by one, whatever repeats whole. */
function leavesOf(schema: SchemaTree): Leaf[] {
  const leaves: Leaf[] = [];
  const walk = (node: SchemaTree, top: string, path: readonly string[], depth: number): void => {
    const { element, children } = node;
    if (leaves.length >= MAX_COLUMNS) return;
    const isList = element.repetition_type === 'REPEATED' || isCollection(element);
    if (children.length > 0 && !isList && depth < 16) {
      for (const child of children) walk(child, top, [...path, child.element.name], depth + 1);
      return;
    }
    const name = [top, ...path].join('.');
    leaves.push({
      top,
      path,
      column: isList || children.length > 0 ? fileColumn(name, 'text', nestedText) : scalarColumn(name, element),
    });
  };
  for (const child of schema.children) walk(child, child.element.name, [], 0);
  return leaves;
}

function isCollection({ converted_type: converted, logical_type: logical }: SchemaElement): boolean {
  return (
    converted === 'LIST' ||
    converted === 'MAP' ||
    converted === 'MAP_KEY_VALUE' ||
    logical?.type === 'LIST' ||
    logical?.type === 'MAP' ||
    logical?.type === 'VARIANT'
  );
}

function scalarColumn(name: string, element: SchemaElement): FileColumn {
  const { type, converted_type: converted, logical_type: logical, scale = 0 } = element;
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') {
    const digits = Math.min(Math.max(0, scale), 100);
    // The library multiplies by a power of ten, which leaves a trace in the last bit.
    return fileColumn(name, 'number', (value) => {
      const number = numberOf(value);
      return number === undefined ? undefined : Number(number.toFixed(digits));
    });
  }
  if (
    converted?.startsWith('TIMESTAMP') ||
    converted === 'DATE' ||
    logical?.type === 'TIMESTAMP' ||
    logical?.type === 'DATE'
  )
    return fileColumn(name, 'time', numberOf);
  if (type === 'INT96') return fileColumn(name, 'time', numberOf);
  if (logical?.type === 'TIME' || converted?.startsWith('TIME_')) {
    const unit = logical?.type === 'TIME' ? logical.unit : converted === 'TIME_MILLIS' ? 'MILLIS' : 'MICROS';
    const perMs = unit === 'MILLIS' ? 1 : unit === 'MICROS' ? 1e3 : 1e6;
    const column = fileColumn(name, 'number', (value) => {
      const number = numberOf(value);
      return number === undefined ? undefined : number / perMs;
    });
    return { ...column, spec: { ...column.spec, unit: 'ms' } };
  }
  if (type === 'BOOLEAN') return fileColumn(name, 'boolean', numberOf);
  if (type === 'INT32') return fileColumn(name, converted === 'UINT_32' ? 'number' : 'integer', numberOf);
  if (type === 'INT64' || type === 'FLOAT' || type === 'DOUBLE' || logical?.type === 'FLOAT16')
    return fileColumn(name, 'number', numberOf);
  return fileColumn(name, 'text', (value) =>
    typeof value === 'string' ? value : value instanceof Uint8Array ? hexText(value) : nestedText(value),
  );
}

class ParquetTable implements TableSource {
  readonly name: string;
  readonly format = 'parquet';
  readonly compression = '';
  readonly totalBytes: number;
  readonly schema;
  readonly gives: ReadonlySet<string>;
  readonly #parquet: Hyparquet;
  readonly #file: File;
  readonly #metadata: FileMetaData;
  readonly #leaves: readonly Leaf[];
  readonly #shape: Shape;
  readonly #options: Pick<TableOpenOptions, 'onReject' | 'signal'> & { readonly batchRows: number };
  /** Group that is being read, and rows of it that were. */
  #group = 0;
  #groupRow = 0;
  /** Number of the first row of the group. */
  #groupStart = 0;
  #slice: { rows: number; at: number; values: (ArrayLike<unknown> | undefined)[] } | undefined;
  #rows = 0;
  #rejected = 0;
  readonly #rejects: Reject[] = [];
  readonly #damage: string[] = [];
  #damages = 0;
  #closed = false;

  constructor(
    parquet: Hyparquet,
    file: File,
    metadata: FileMetaData,
    leaves: readonly Leaf[],
    shape: Shape,
    options: Pick<TableOpenOptions, 'onReject' | 'signal'> & { readonly batchRows: number },
  ) {
    this.name = file.name;
    this.totalBytes = file.byteLength;
    this.schema = shape.schema;
    this.gives = shape.gives;
    this.#parquet = parquet;
    this.#file = file;
    this.#metadata = metadata;
    this.#leaves = leaves;
    this.#shape = shape;
    this.#options = options;
  }

  async read(): Promise<Table | undefined> {
    for (;;) {
      if (this.#closed || this.#options.signal?.aborted === true) return undefined;
      const slice = this.#slice;
      if (slice !== undefined && slice.at < slice.rows) {
        const rows = Math.min(this.#options.batchRows, slice.rows - slice.at);
        const columns = this.#columns(slice.values, slice.at, rows);
        slice.at += rows;
        this.#rows += rows;
        return this.#shape.table(rows, columns);
      }
      this.#slice = undefined;
      if (!(await this.#nextSlice())) return undefined;
    }
  }

  #columns(values: readonly (ArrayLike<unknown> | undefined)[], from: number, rows: number): Column[] {
    return this.#shape.columns.map((column, i) => {
      const list = values[i];
      if (list === undefined) return missingColumn(column.spec.kind, rows);
      const { path } = this.#leaves[i]!;
      if (path.length === 0) return makeColumn(column, rows, (row) => list[from + row]);
      return makeColumn(column, rows, (row) => {
        let value = list[from + row];
        for (const key of path) {
          if (typeof value !== 'object' || value === null) return undefined;
          value = (value as Record<string, unknown>)[key];
        }
        return value;
      });
    });
  }

  async #nextSlice(): Promise<boolean> {
    const groups = this.#metadata.row_groups;
    const group = groups[this.#group];
    if (group === undefined) return false;
    const groupRows = Number(group.num_rows);
    const left = groupRows - this.#groupRow;
    if (!(left > 0)) {
      this.#group++;
      this.#groupRow = 0;
      this.#groupStart += Math.max(0, groupRows);
      return true;
    }
    const bytes = Math.max(1, Number(group.total_byte_size));
    const { batchRows } = this.#options;
    const perSlice = bytes <= SLICE_BYTES ? groupRows : Math.ceil((groupRows * SLICE_BYTES) / bytes);
    const rows = Math.min(left, Math.max(batchRows, perSlice));
    const rowStart = this.#groupRow;
    this.#groupRow += rows;
    const first = this.#groupStart + rowStart + 1;
    const where = `rows ${humanCount(first)} to ${humanCount(first + rows - 1)}`;
    const values: (ArrayLike<unknown> | undefined)[] = [];
    let good = 0;
    const read = new Map<string, ArrayLike<unknown> | undefined>();
    try {
      const scan = await this.#parquet.parquetScan({
        file: this.#file,
        metadata: { ...this.#metadata, row_groups: [group], num_rows: group.num_rows },
        compressors: await loadCompressors(),
        parsers: PARSERS,
        geoparquet: false,
      });
      for (const { top } of this.#leaves) {
        if (!read.has(top)) {
          let list: ArrayLike<unknown> | undefined;
          try {
            list = await scan.readColumn({ column: top, rowStart, rowEnd: rowStart + rows });
            if (list.length !== rows) {
              this.#noteDamage(
                `column '${safeText(top, 80)}' has ${counted(list.length, 'value')} for ${where}, and is missing there`,
              );
              list = undefined;
            }
          } catch (error) {
            this.#noteDamage(
              `column '${safeText(top, 80)}' of ${where} cannot be read (${reasonOf(error)}), and is missing there`,
            );
          }
          if (list !== undefined) good++;
          read.set(top, list);
        }
        values.push(read.get(top));
      }
    } catch (error) {
      this.#noteDamage(`${where} cannot be read (${reasonOf(error)})`);
    }
    if (good === 0) {
      this.#rejected += rows;
      const reject = { line: first, reason: `${where} cannot be read`, bytes: new Uint8Array(0) };
      if (this.#rejects.length < MAX_REJECTS_SHOWN) this.#rejects.push(reject);
      this.#options.onReject?.(reject);
      return true;
    }
    this.#slice = { rows, at: 0, values };
    return true;
  }

  #noteDamage(sentence: string): void {
    this.#damages++;
    if (this.#damage.length < 5) this.#damage.push(sentence);
  }

  bytesTaken(): number {
    return this.#file.taken;
  }

  status() {
    const more = this.#damages - this.#damage.length;
    const said = [...this.#damage, ...(more > 0 ? [`and ${more} more of that kind`] : [])];
    return {
      rows: this.#rows,
      rejected: this.#rejected,
      rejects: this.#rejects,
      state: this.#damages > 0 ? ('cut' as const) : ('whole' as const),
      ...(said.length === 0 ? {} : { message: said.join('; ') }),
    };
  }

  close(): void {
    this.#closed = true;
    this.#slice = undefined;
    this.#file.close();
  }
}
