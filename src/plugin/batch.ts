import { isValid, type Table } from '../core/index.ts';

/** Columns on their way into the process of a plugin. */
export interface SentColumns {
  readonly columns: readonly Readonly<Record<string, unknown>>[];
  readonly parts: readonly ArrayBufferView[];
}

/** Texts are cut to so many characters on their way to a plugin. */
export const MAX_SENT_TEXT = 8192;

type Cell = number | string | boolean | undefined;

/**
 * Columns as a plugin gets them: numbers as float64 with NaN for a missing one, truth values as bytes 0 and 1 with 255 for a missing one, texts as a
 * dictionary and codes with -1 for a missing one. What a plugin does to them changes nothing here.
 */
export class ColumnSender {
  #columns: Record<string, unknown>[] = [];
  #parts: ArrayBufferView[] = [];

  get sent(): SentColumns {
    return { columns: this.#columns, parts: this.#parts };
  }

  /** A column of a table under a name. @param rows the rows to send, in order; all of them where absent */
  addColumn(name: string, table: Table, column: string): void {
    const found = table.columns[table.indexOf(column)];
    if (found === undefined) throw new Error(`no column ${column}`);
    if (found.kind === 'string') {
      // A batch may be a few rows of a large one with the dictionary of all.
      const dictionary: string[] = [];
      const known = new Map<number, number>();
      const codes = Int32Array.from(found.codes, (code) => {
        if (code < 0) return -1;
        let own = known.get(code);
        if (own === undefined) {
          own = dictionary.length;
          known.set(code, own);
          dictionary.push((found.dictionary[code] ?? '').slice(0, MAX_SENT_TEXT));
        }
        return own;
      });
      this.#add({ name, kind: 'text', dictionary }, codes);
      return;
    }
    const values = new Float64Array(table.rowCount);
    for (let row = 0; row < values.length; row++)
      values[row] = isValid(found, row) ? (found.values[row] ?? Number.NaN) : Number.NaN;
    this.#add({ name, kind: 'number' }, values);
  }

  /** Single values under a name; they are of the type of the first one that is there, and others of another type are missing. */
  addValues(name: string, values: readonly Cell[]): void {
    switch (typeof values.find((value) => value !== undefined)) {
      case 'string': {
        const known = new Map<string, number>();
        const codes = Int32Array.from(values, (value) => {
          if (typeof value !== 'string') return -1;
          const text = value.slice(0, MAX_SENT_TEXT);
          let code = known.get(text);
          if (code === undefined) {
            code = known.size;
            known.set(text, code);
          }
          return code;
        });
        this.#add({ name, kind: 'text', dictionary: [...known.keys()] }, codes);
        return;
      }
      case 'boolean':
        this.#add(
          { name, kind: 'boolean' },
          Uint8Array.from(values, (value) => (typeof value === 'boolean' ? Number(value) : 255)),
        );
        return;
      default:
        this.#add(
          { name, kind: 'number' },
          Float64Array.from(values, (value) => (typeof value === 'number' ? value : Number.NaN)),
        );
    }
  }

  #add(column: Record<string, unknown>, values: ArrayBufferView): void {
    this.#columns.push({ ...column, part: this.#parts.length });
    this.#parts.push(values);
  }
}
