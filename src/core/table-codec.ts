import { type Column, PackedTextColumn, type Schema, Table } from './table.ts';

/**
 * A table as bytes and back, for scratch files that one run writes and reads: row count, then per column its arrays, 8-byte aligned; dictionaries as JSON.
 * Host byte order, no versioning: it is not a file format. Arrow is what leaves the house.
 * @param into used for the result when it is large enough and begins at a multiple of 8 in its buffer.
 */
export function encodeTable(table: Table, into?: Uint8Array): Uint8Array {
  // A packed column has the number of its texts and of their bytes here instead of a dictionary.
  const dictionaries = table.columns.map((column) =>
    column.kind !== 'string'
      ? null
      : column instanceof PackedTextColumn
        ? [column.ends.length, column.bytes.length]
        : column.dictionary,
  );
  const text = new TextEncoder().encode(JSON.stringify(dictionaries));
  let size = 16 + align(text.length);
  for (const column of table.columns) {
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
  for (const column of table.columns) {
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

/** The table that `encodeTable` wrote; `bytes` must begin at a multiple of 8 in its buffer and is kept, not copied. */
export function decodeTable(schema: Schema, bytes: Uint8Array): Table {
  const [rowCount, textLength] = new Uint32Array(bytes.buffer, bytes.byteOffset, 2);
  const dictionaries = JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + textLength))) as (
    | (string | number)[]
    | null
  )[];
  let at = bytes.byteOffset + 16 + align(textLength);
  const columns = schema.columns.map((spec, i): Column => {
    if (spec.kind === 'string') {
      const codes = new Int32Array(bytes.buffer, at, rowCount);
      at += align(rowCount * 4);
      const entries = dictionaries[i] ?? [];
      const [count, length] = entries;
      if (typeof count !== 'number' || typeof length !== 'number')
        return { kind: 'string', codes, dictionary: entries as string[] };
      const ends = new Int32Array(bytes.buffer, at, count);
      at += align(count * 4);
      const packed = new Uint8Array(bytes.buffer, at, length);
      at += align(length);
      return new PackedTextColumn(codes, packed, ends);
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

function align(n: number): number {
  return (n + 7) & ~7;
}

function validBytes(rows: number): number {
  return (rows + 7) >> 3;
}
