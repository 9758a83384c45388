import { PackedTextColumn, type Schema, type Table, textAt } from '../../core/index.ts';

/**
 * Tables as Arrow IPC, for every other tool that reads it: numbers as float64 and int32, texts as UTF-8, what is missing as null. Name and version of our schema stand in the schema's metadata, unit and
 * meaning of a column in that of its field. All tables have the same schema; each becomes one record batch.
 *
 * @param layout 'stream' (default) may be piped and appended to; 'file' (Feather version 2) can be read from any batch
 */
export async function encodeArrow(
  tables: readonly Table[],
  options: { readonly layout?: 'stream' | 'file'; readonly schema?: Schema } = {},
): Promise<Uint8Array> {
  const { layout = 'stream', schema = tables[0]?.schema ?? { name: 'empty', version: 1, columns: [] } } = options;
  const arrow = await import('apache-arrow');
  const fields = schema.columns.map(
    ({ name, kind, unit, meaning }) =>
      new arrow.Field(
        name,
        kind === 'string' ? new arrow.Utf8() : kind === 'float64' ? new arrow.Float64() : new arrow.Int32(),
        true,
        new Map([
          ['unit', unit],
          ['meaning', meaning],
        ]),
      ),
  );
  const arrowSchema = new arrow.Schema(
    fields,
    new Map([
      ['anomalyst.schema', schema.name],
      ['anomalyst.version', String(schema.version)],
    ]),
  );
  const batches = tables.map((table) => {
    if (table.schema.columns.length !== schema.columns.length || table.schema.name !== schema.name)
      throw new Error(`tables of different schemas: ${schema.name} and ${table.schema.name}`);
    const children = table.columns.map((column) => {
      const length = table.rowCount;
      if (column.kind === 'string') {
        const { offsets, bytes, valid, missing } = textBuffers(table, column);
        return arrow.makeData({
          type: new arrow.Utf8(),
          length,
          nullCount: missing,
          nullBitmap: valid,
          valueOffsets: offsets,
          data: bytes,
        });
      }
      const nullBitmap = column.valid ?? new Uint8Array((length + 7) >> 3).fill(255);
      const data = column.values.subarray(0, length);
      const nullCount = -1;
      return column.kind === 'float64'
        ? arrow.makeData({ type: new arrow.Float64(), length, nullCount, nullBitmap, data: data as Float64Array })
        : arrow.makeData({ type: new arrow.Int32(), length, nullCount, nullBitmap, data: data as Int32Array });
    });
    const type = new arrow.Struct(fields);
    return new arrow.RecordBatch(arrowSchema, arrow.makeData({ type, length: table.rowCount, nullCount: 0, children }));
  });
  return arrow.tableToIPC(new arrow.Table(arrowSchema, batches), layout);
}

/** Texts one after another, with the offset behind each, as Arrow has them. */
function textBuffers(
  table: Table,
  column: Table['columns'][number] & { kind: 'string' },
): { offsets: Int32Array; bytes: Uint8Array; valid: Uint8Array; missing: number } {
  const { rowCount } = table;
  const offsets = new Int32Array(rowCount + 1);
  const valid = new Uint8Array((rowCount + 7) >> 3);
  const encoder = new TextEncoder();
  const encoded: (Uint8Array | undefined)[] = [];
  let missing = 0;
  let length = 0;
  const parts: Uint8Array[] = [];
  for (let row = 0; row < rowCount; row++) {
    const code = column.codes[row]!;
    if (code < 0) missing++;
    else {
      valid[row >> 3]! |= 1 << (row & 7);
      const repeats = !(column instanceof PackedTextColumn);
      let text = repeats ? encoded[code] : undefined;
      if (text === undefined) {
        text = encoder.encode(textAt(column, row));
        if (repeats) encoded[code] = text;
      }
      parts.push(text);
      length += text.length;
    }
    offsets[row + 1] = length;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { offsets, bytes, valid, missing };
}
