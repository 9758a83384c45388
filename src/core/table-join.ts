import { type Column, isValid, type Schema, Table } from './table.ts';

/** One table of the rows of all, in order. All must have the schema. Texts that several dictionaries hold are put together, so a code means the same everywhere in the result. */
export function concatTables(schema: Schema, tables: readonly Table[]): Table {
  const n = tables.reduce((sum, table) => sum + table.rowCount, 0);
  const columns = schema.columns.map((spec, c): Column => {
    if (spec.kind === 'string') {
      const codes = new Int32Array(n).fill(-1);
      const known = new Map<string, number>();
      let at = 0;
      for (const table of tables) {
        const column = table.columns[c];
        if (column.kind !== 'string') throw new Error(`column '${spec.name}' holds numbers`);
        const { dictionary } = column;
        const renamed = new Int32Array(dictionary.length).fill(-1);
        for (let row = 0; row < table.rowCount; row++, at++) {
          const code = column.codes[row];
          if (code < 0) continue;
          if (renamed[code] < 0) {
            const text = dictionary[code];
            const given = known.get(text) ?? known.size;
            if (given === known.size) known.set(text, given);
            renamed[code] = given;
          }
          codes[at] = renamed[code];
        }
      }
      return { kind: 'string', codes, dictionary: [...known.keys()] };
    }
    const values = spec.kind === 'float64' ? new Float64Array(n) : new Int32Array(n);
    const valid = new Uint8Array((n + 7) >> 3);
    let at = 0;
    for (const table of tables) {
      const column = table.columns[c];
      if (column.kind === 'string') throw new Error(`column '${spec.name}' holds strings`);
      for (let row = 0; row < table.rowCount; row++, at++) {
        if (!isValid(column, row)) continue;
        values[at] = column.values[row];
        valid[at >> 3] |= 1 << (at & 7);
      }
    }
    return { kind: spec.kind, values, valid };
  });
  return new Table(schema, n, columns);
}
