import {
  type ColumnKind,
  ColumnWriter,
  counted,
  decodeText,
  parseNumber,
  type Schema,
  safeText,
  type Table,
  UserError,
} from '../../../core/index.ts';
import type { ByteSource } from '../input.ts';
import { LineReader, RowTally } from '../lines.ts';
import { DEFAULT_BATCH_ROWS, type TableOpenOptions, type TableSource } from '../table-source.ts';

/**
 * Logs of Zeek in its own format: lines that begin with # say how the file is separated and what its columns are, all others are rows (Zeek documentation, "Zeek log formats and
 * inspection"; logging writer Ascii). A file may have several such heads: logs are put one behind the other, and Zeek writes a new one when it starts again.
 */

/** What the lines that begin with # said last. */
export interface ZeekHeader {
  readonly separator: number;
  readonly setSeparator: number;
  readonly empty: Uint8Array;
  readonly unset: Uint8Array;
  readonly path: string;
  readonly fields: readonly string[];
  /** '' where the file does not say. */
  readonly types: readonly string[];
}

const MAX_FIELDS = 4096;
const TAB = 0x09;
const HASH = 0x23;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/** Bytes of a text in which \xNN stands for a byte, as Zeek writes them. */
function unescaped(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  return unescapeInto(bytes, 0, bytes.length, -1);
}

/** True for what begins as a Zeek log in its own format does. `head` is decompressed. */
export function looksLikeZeek(head: Uint8Array): boolean {
  const text = Buffer.from(head.subarray(0, 4096)).toString('latin1');
  return /^(?:\xef\xbb\xbf)?#separator[ \t]/.test(text) || /^#(?:set_separator|fields)\t/m.test(text);
}

/** The name of the log ('conn', 'dns' ...) that the head names, undefined where it names none. */
export function zeekPathOf(head: Uint8Array): string | undefined {
  const text = Buffer.from(head.subarray(0, 4096)).toString('latin1');
  const path = /^#path[ \t](\S+)/m.exec(text)?.[1];
  return path === undefined ? undefined : baseOfPath(path);
}

/** `conn` of `conn`, `conn-summary` as it is; a filter of a site may put folders before it. */
function baseOfPath(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Reads a Zeek log: rows as they come, with the header that holds for them. The header object is another one after each change, so that it can be compared.
 */
export class ZeekReader {
  readonly lines: LineReader;
  header: ZeekHeader | undefined;
  /** Number of heads so far whose columns were others than before. */
  changes = 0;
  #separator = TAB;
  #setSeparator = COMMA;
  #empty: Uint8Array = Buffer.from('(empty)');
  #unset: Uint8Array = Buffer.from('-');
  #path = '';
  #fields: readonly string[] | undefined;
  #at = 0;
  #count = 0;
  readonly #name: string;

  constructor(source: ByteSource, tally: RowTally) {
    this.#name = source.name;
    this.lines = new LineReader(source, { onReject: tally.add });
  }

  /** Rows may be asked for by `row`: true when there are some, false at the end. Rejects as the source does, and where the first row comes before any head. */
  async load(): Promise<boolean> {
    if (this.#at < this.#count) return true;
    this.#count = await this.lines.next();
    this.#at = 0;
    return this.#count > 0;
  }

  /** Position in `lines.starts` and `lines.ends` of the next row, -1 where `load` has to be asked. Lines that are no rows are taken in. */
  row(): number {
    const { lines } = this;
    while (this.#at < this.#count) {
      const i = this.#at++;
      const from = lines.starts[i] as number;
      const to = lines.ends[i] as number;
      if (from === to) continue;
      if (lines.bytes[from] !== HASH) {
        if (this.header === undefined)
          throw new UserError(
            `${this.#name}: line ${lines.firstLine + i} is a row, and no #fields line stands before it`,
            'a Zeek log begins with lines such as #separator and #fields; put those of the same log before it',
          );
        return i;
      }
      this.#directive(Buffer.from(lines.bytes.subarray(from, to)).toString('latin1'), lines.firstLine + i);
    }
    return -1;
  }

  #directive(line: string, number: number): void {
    // The separator itself is named behind a space, or, in some hands, behind a tab.
    const named = /^#separator[ \t]+(\S+)/.exec(line);
    if (named !== null) {
      this.#separator = this.#single('#separator', named[1] ?? '', number);
      return;
    }
    const [key, ...rest] = line.split(String.fromCharCode(this.#separator));
    const value = rest[0] ?? '';
    if (key === '#set_separator') this.#setSeparator = this.#single(key, value, number);
    else if (key === '#empty_field') this.#empty = unescaped(value);
    else if (key === '#unset_field') this.#unset = unescaped(value);
    else if (key === '#path') this.#path = baseOfPath(value.slice(0, 100));
    else if (key === '#fields') {
      if (rest.length > MAX_FIELDS)
        throw new UserError(
          `${this.#name}: line ${number} names ${counted(rest.length, 'column')}`,
          'a log has a few dozen',
        );
      this.#fields = distinct(rest.map((field) => safeText(Buffer.from(field, 'latin1').toString(), 200)));
      this.#take([]);
    } else if (key === '#types') this.#take(rest);
  }

  #single(key: string, text: string, number: number): number {
    const bytes = unescaped(text);
    if (bytes.length === 1) return bytes[0] as number;
    throw new UserError(
      `${this.#name}: line ${number}: ${key} is '${safeText(text, 20)}', which is not one byte`,
      'separators of Zeek logs are one byte, such as \\x09',
    );
  }

  /** A head is known whole with its #types; until then the types are ''. */
  #take(types: readonly string[]): void {
    const fields = this.#fields;
    if (fields === undefined) return;
    const next: ZeekHeader = {
      separator: this.#separator,
      setSeparator: this.#setSeparator,
      empty: this.#empty,
      unset: this.#unset,
      path: this.#path,
      fields,
      types: fields.map((_, i) => types[i] ?? ''),
    };
    const old = this.header;
    if (old !== undefined && JSON.stringify(old) === JSON.stringify(next)) return;
    if (old !== undefined && types.length > 0 && JSON.stringify(old.fields) !== JSON.stringify(fields)) this.changes++;
    this.header = next;
  }
}

function distinct(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name, i) => {
    const base = name === '' ? `column${i + 1}` : name;
    let unique = base;
    for (let n = 2; seen.has(unique); n++) unique = `${base}_${n}`;
    seen.add(unique);
    return unique;
  });
}

/** Whether `bytes[from, to)` is `mark`. */
export function isMark(bytes: Uint8Array, from: number, to: number, mark: Uint8Array): boolean {
  if (to - from !== mark.length) return false;
  for (let i = 0; i < mark.length; i++) if (bytes[from + i] !== mark[i]) return false;
  return true;
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Bytes without the escapes \xNN and \\ ; one that stands for `keep` stays, because unescaped it would separate. */
function unescapeInto(bytes: Uint8Array, from: number, to: number, keep: number): Uint8Array {
  const out = new Uint8Array(to - from);
  let n = 0;
  for (let i = from; i < to; i++) {
    if (bytes[i] === BACKSLASH && i + 1 < to) {
      if (bytes[i + 1] === BACKSLASH) i++;
      else if (bytes[i + 1] === 0x78 && i + 3 < to) {
        const high = hexDigit(bytes[i + 2]);
        const low = hexDigit(bytes[i + 3]);
        const byte = high * 16 + low;
        if (high >= 0 && low >= 0 && byte !== keep) {
          out[n++] = byte;
          i += 3;
          continue;
        }
      }
    }
    out[n++] = bytes[i] as number;
  }
  return out.subarray(0, n);
}

/** Text of a Zeek cell: UTF-8 with its escapes undone, but for one that stands for a comma. */
export function decodeZeekText(bytes: Uint8Array, from: number, to: number): string {
  let i = from;
  while (i < to && bytes[i] !== BACKSLASH) i++;
  if (i === to) return decodeText(bytes, from, to);
  const plain = unescapeInto(bytes, from, to, COMMA);
  return decodeText(plain, 0, plain.length);
}

type Reading = 'time' | 'interval' | 'number' | 'integer' | 'bool' | 'text' | 'list';

const READINGS: Readonly<Record<string, Reading>> = {
  time: 'time',
  interval: 'interval',
  count: 'number',
  int: 'number',
  double: 'number',
  port: 'integer',
  bool: 'bool',
};

const KINDS: Readonly<Record<Reading, { kind: ColumnKind; unit: string }>> = {
  time: { kind: 'float64', unit: 'ms since 1970 UTC' },
  interval: { kind: 'float64', unit: 'ms' },
  number: { kind: 'float64', unit: '' },
  integer: { kind: 'int32', unit: 'port' },
  bool: { kind: 'int32', unit: '0 or 1' },
  text: { kind: 'string', unit: '' },
  list: { kind: 'string', unit: '' },
};

function readingOf(type: string): Reading {
  if (/^(?:set|vector|table)\b/.test(type)) return 'list';
  return (Object.hasOwn(READINGS, type) ? READINGS[type] : undefined) ?? 'text';
}

const WORDS: Readonly<Record<Reading, string>> = {
  time: 'time',
  interval: 'interval',
  number: 'number',
  integer: 'port number',
  bool: 'T or F',
  text: 'text',
  list: 'list',
};

/**
 * Any Zeek log as a table with the columns that it names, typed by its #types: time as ms since 1970, interval as ms, count, int and double as numbers, port and bool (0 or 1) as
 * integers, everything else as text, sets and vectors with commas between their elements. Unset and empty fields are missing. The schema is that of the first head; rows of a later
 * head with other columns fill those that both have.
 *
 * Rejects with a UserError where there is no #fields line, or the source fails before it gave anything.
 */
export async function openZeekTable(source: ByteSource, options: TableOpenOptions): Promise<TableSource> {
  const { batchRows = DEFAULT_BATCH_ROWS, onReject, signal } = options;
  const tally = new RowTally(onReject);
  const reader = new ZeekReader(source, tally);
  let pending = -1;
  while (pending < 0 && (await reader.load())) pending = reader.row();
  const { header } = reader;
  if (header === undefined)
    throw new UserError(`${source.name}: no #fields line, so this is no Zeek log`, 'a Zeek log begins with #separator');
  const readings = header.types.map(readingOf);
  const schema: Schema = {
    name: `zeek-${header.path || 'log'}`,
    version: 1,
    columns: header.fields.map((name, i) => ({
      name,
      ...KINDS[readings[i] ?? 'text'],
      meaning: `Column ${name} of Zeek's ${header.path || 'log'}${header.types[i] ? `, of type ${header.types[i]}` : ''}.`,
    })),
  };
  const writer = new ColumnWriter(schema, batchRows, undefined, decodeZeekText);
  const columnOf = new Map(header.fields.map((name, i) => [name, i]));
  let current = header;
  let targets = header.fields.map((_, i) => i);
  const left = new Set<string>();
  let stopped = false;

  const follow = (next: ZeekHeader): void => {
    current = next;
    targets = next.fields.map((name) => columnOf.get(name) ?? -1);
    next.fields.forEach((name, i) => {
      if ((targets[i] ?? -1) < 0 && left.size < 100) left.add(name);
    });
  };
  const parse = (i: number): void => {
    const { lines } = reader;
    const { bytes } = lines;
    const begin = lines.starts[i] as number;
    const end = lines.ends[i] as number;
    const line = lines.firstLine + i;
    if (reader.header !== undefined && reader.header !== current) follow(reader.header);
    const { separator, unset, empty, setSeparator, fields } = current;
    const row = writer.addRow();
    let from = begin;
    let field = 0;
    for (let at = begin; at <= end; at++) {
      if (at < end && bytes[at] !== separator) continue;
      const target = field < targets.length ? (targets[field] as number) : -1;
      if (target >= 0 && from < at && !isMark(bytes, from, at, unset) && !isMark(bytes, from, at, empty)) {
        const reading = readings[target] as Reading;
        if (reading === 'text') writer.setBytes(target, row, bytes, from, at);
        else if (reading === 'list') {
          if (setSeparator !== COMMA) for (let k = from; k < at; k++) if (bytes[k] === setSeparator) bytes[k] = COMMA;
          writer.setBytes(target, row, bytes, from, at);
        } else {
          const value = zeekNumber(reading, bytes, from, at);
          if (Number.isNaN(value)) {
            writer.dropRow();
            const what = safeText(decodeText(bytes, from, Math.min(at, from + 40)), 40);
            tally.reject(
              line,
              `column ${fields[field]} is '${what}', which is no ${WORDS[reading]}`,
              bytes,
              begin,
              end,
            );
            return;
          }
          writer.setNumber(target, row, value);
        }
      }
      from = at + 1;
      field++;
    }
    if (field !== fields.length) {
      writer.dropRow();
      tally.reject(line, `${counted(field, 'field')}, where #fields names ${fields.length}`, bytes, begin, end);
      return;
    }
    tally.rows++;
  };

  return {
    name: source.name,
    format: schema.name,
    compression: source.compression,
    totalBytes: source.totalBytes,
    schema,
    gives: new Set(header.fields),
    async read(): Promise<Table | undefined> {
      while (!stopped && signal?.aborted !== true) {
        while (!writer.full) {
          const i = pending >= 0 ? pending : reader.row();
          pending = -1;
          if (i < 0) break;
          parse(i);
        }
        if (writer.full || (writer.rowCount > 0 && reader.lines.window.waiting)) break;
        if (!(await reader.load())) break;
      }
      return writer.rowCount > 0 ? writer.finish() : undefined;
    },
    bytesTaken: source.bytesTaken,
    status() {
      const notes = zeekNotes(reader);
      if (left.size > 0)
        notes.push(
          `a later head names ${counted(left.size, 'column')} that the first has not, left out: ${[...left].slice(0, 5).join(', ')}`,
        );
      return {
        rows: tally.rows,
        rejected: tally.rejected,
        rejects: tally.rejects,
        state: isCut(reader) ? 'cut' : 'whole',
        ...(notes.length > 0 ? { message: notes.join('; ') } : {}),
      };
    },
    async stop() {
      stopped = true;
      await source.stop?.();
    },
    close: () => source.close(),
  };
}

/** Whether the log ended in damage or within a line: Zeek ends every line that it writes. */
export function isCut(reader: ZeekReader): boolean {
  return reader.lines.failure !== undefined || reader.lines.lastUnended;
}

/** What there is to say about how the log ended. */
export function zeekNotes(reader: ZeekReader): string[] {
  const notes: string[] = [];
  if (reader.lines.failure !== undefined) notes.push(reader.lines.failure);
  else if (reader.lines.lastUnended) notes.push('the last line has no line end, so it may be incomplete');
  return notes;
}

/** Milliseconds for times and intervals, 0 or 1 for bool; NaN where it is none. */
function zeekNumber(reading: Reading, bytes: Uint8Array, from: number, to: number): number {
  if (reading === 'time' || reading === 'interval') return parseNumber(bytes, from, to, 3);
  if (reading === 'bool') {
    const byte = to - from === 1 ? bytes[from] : 0;
    return byte === 0x54 ? 1 : byte === 0x46 ? 0 : Number.NaN;
  }
  const value = parseNumber(bytes, from, to);
  if (reading === 'integer' && !(Number.isInteger(value) && value >= 0 && value <= 65_535)) return Number.NaN;
  return value;
}
