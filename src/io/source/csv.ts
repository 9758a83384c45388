import {
  type ColumnSpec,
  ColumnWriter,
  counted,
  decodeText,
  EPOCH_SCALE,
  type EpochUnit,
  epochUnitOf,
  humanCount,
  isUtf8,
  nearest,
  parseInteger,
  parseNumber,
  parseTime,
  type Schema,
  safeText,
  type Table,
  type TimeShape,
  UserError,
} from '../../core/index.ts';
import { bytesSource, fitSeparator, MAX_COLUMNS, RecordReader } from './delimited.ts';
import type { ByteSource } from './input.ts';
import { RowTally, TextWindow } from './lines.ts';
import {
  type ColumnType,
  DEFAULT_BATCH_ROWS,
  type TableOpenOptions,
  type TableSource,
  type TableStatus,
} from './table-source.ts';

/**
 * Delimited text with or without a header, as a table of its own.
 *
 * Types are told from the first rows: a column is of a type when at least 99 in 100 of its cells that are not missing are (all of them where there are fewer than 100). A later cell that
 * does not fit is missing and counted; its row stays. Where the user states the type of a column, a row whose cell does not fit is rejected instead. Nothing is guessed of numbers
 * with separators of thousands, decimal commas, and dates that are not in ISO 8601: they are text, exactly as they stand. Of columns with numbers of that kind the status says so.
 *
 * A cell is missing when it is empty, or NA, N/A, NaN, null, \N or - without quotes.
 */

export interface CsvOptions extends TableOpenOptions {
  /** One character; without it told from the content. */
  readonly separator?: string | undefined;
  /** Whether the first row holds names; without it told from the types. */
  readonly header?: boolean | undefined;
  /** Further words that mean a missing cell. */
  readonly missing?: readonly string[] | undefined;
}

const SAMPLE_ROWS = 2000;
const FIT_SHARE = 0.99;
const FIT_ALL_BELOW = 100;
/** A wide table has short batches: so many cells at most. */
const MAX_CELLS = 1 << 22;
const MAX_NAME = 200;

type Cells = 'number' | 'bool' | 'iso' | 'epoch' | 'text';

/** How the cells of a column are read. */
interface Plan {
  readonly spec: ColumnSpec;
  readonly cells: Cells;
  readonly integer: boolean;
  /** Power of ten from an epoch time to milliseconds. */
  readonly scale: number;
  /** The word for the user's type, '' where it was told from the sample. */
  readonly stated: ColumnType | '';
  /** The first number with a comma, where the column is text because its numbers have some. */
  readonly comma?: string;
}

/** What the sample showed of a column. */
interface Seen {
  cells: number;
  numbers: number;
  integers: number;
  bools: number;
  times: number;
  epochs: Map<EpochUnit, number>;
  /** Numbers with a comma, and the first of them. */
  commas: number;
  comma: string;
}

/** True for text that some separator splits into rows of equally many fields. `head` is decompressed. */
export function looksLikeCsv(head: Uint8Array): boolean {
  const first = head.find((byte) => byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf);
  if (first === 0x7b || first === 0x5b || first === 0x3c) return false;
  const isUtf16 = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  const text = isUtf16 ? Buffer.from(new TextDecoder(head[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(head)) : head;
  if (text.includes(0)) return false;
  const window = new TextWindow(bytesSource(new Uint8Array(0)), { maxLineBytes: Math.max(64, text.length) });
  window.bytes.set(text);
  window.to = text.length;
  window.ended = head.length < 65_536;
  const fit = fitSeparator(window);
  return fit?.first === true && fit.share >= 0.8;
}

/**
 * Opens delimited text. Reads the first rows before it answers. Rejects with a UserError where the input is empty, the user's options do not fit it, or the source fails before it gave anything.
 */
export async function openCsv(source: ByteSource, options: CsvOptions): Promise<TableSource> {
  const { onReject, types = {}, separator, header, missing = [], batchRows = DEFAULT_BATCH_ROWS, signal } = options;
  const tally = new RowTally(onReject);
  const window = new TextWindow(source);
  await fillSample(window, tally);
  if (window.to === window.from)
    throw new UserError(`${source.name} is empty`, 'a table has at least one row; with a header line, two');
  const chosen = separatorOf(source.name, separator, window);
  const reader = new RecordReader(window, chosen.separator.charCodeAt(0));
  const begin = skipPreamble(reader, chosen.fields);
  const sample = readSample(reader);
  const isMissing = missingTest(missing);
  const hasHeader = header ?? looksLikeHeader(sample, isMissing);
  const width = hasHeader ? (sample[0]?.length ?? 0) : modeOf(sample);
  if (width > MAX_COLUMNS)
    throw new UserError(
      `${source.name}: ${counted(width, 'column')}, and ${humanCount(MAX_COLUMNS)} are the most that are read`,
      'is the separator right?',
    );
  const { names, changed } = namesOf(hasHeader ? (sample[0] as Cell[]) : [], width);
  for (const name of Object.keys(types))
    if (!names.includes(name))
      throw new UserError(
        `${source.name} has no column '${safeText(name, 60)}', for which a type is stated`,
        `did you mean '${nearest(name, names) ?? names[0]}'? It has ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', ...' : ''}`,
      );
  const rows = hasHeader ? sample.slice(1) : sample;
  const plans = names.map((name, i) =>
    planOf(name, rows, i, Object.hasOwn(types, name) ? types[name] : undefined, isMissing),
  );
  reader.rewind(begin.from, begin.line);
  if (hasHeader) reader.next();
  // Some writers end every row with a separator, and the header not.
  const trailing = rows.length > 0 && rows.every((row) => row.length === width + 1 && isBlank(row[width]));
  return new CsvSource(source, reader, tally, plans, {
    width,
    trailing,
    isMissing,
    changed,
    signal,
    hasHeader,
    batchRows: Math.max(16, Math.min(batchRows, Math.floor(MAX_CELLS / Math.max(1, width)))),
  });
}

/** A cell of the sample. */
interface Cell {
  readonly bytes: Uint8Array;
  readonly quoted: boolean;
}

function isBlank(cell: Cell | undefined): boolean {
  return cell === undefined || cell.bytes.length === 0;
}

async function fillSample(window: TextWindow, tally: RowTally): Promise<void> {
  let lines = 0;
  /** Bytes behind `from` whose lines are counted. */
  let done = 0;
  for (;;) {
    if (window.overlong && window.lineEnd(window.from) < 0) {
      // Nothing can be told of it; the reader rejects it as it does every other.
      await new RecordReader(window, 0).load(tally);
      done = 0;
      continue;
    }
    for (let at = window.lineEnd(window.from + done); at >= 0; at = window.lineEnd(at + 1)) {
      lines++;
      done = at + 1 - window.from;
    }
    if (lines > SAMPLE_ROWS || window.ended || window.to - window.from === window.bytes.length) return;
    await window.fill();
  }
}

function separatorOf(
  name: string,
  stated: string | undefined,
  window: TextWindow,
): { separator: string; fields: number } {
  if (stated !== undefined) {
    if (stated.length !== 1 || stated.charCodeAt(0) > 127 || stated === '"' || stated === '\n' || stated === '\r')
      throw new UserError(
        `the separator '${safeText(stated, 20)}' is not one ASCII character`,
        "a comma, ';', a tab or '|' are usual",
      );
    return { separator: stated, fields: 0 };
  }
  // Spreadsheets say it in a line of its own.
  const lead = Buffer.from(window.bytes.subarray(window.from, Math.min(window.to, window.from + 8))).toString('latin1');
  const said = /^sep=([,;\t|])\r?\n/i.exec(lead)?.[1];
  if (said !== undefined) {
    window.from += lead.indexOf('\n') + 1;
    return { separator: said, fields: 0 };
  }
  const fit = fitSeparator(window);
  if (fit !== undefined && fit.share >= 0.5) return { separator: fit.separator, fields: fit.fields };
  if (window.bytes.subarray(window.from, Math.min(window.to, window.from + 4096)).includes(0))
    throw new UserError(
      `${name} is no text: it holds zero bytes`,
      'delimited text is UTF-8, or UTF-16 with a byte order mark',
    );
  return { separator: ',', fields: 1 };
}

/** Steps over comments that stand before the table: lines that begin with # and split otherwise than the rows. */
function skipPreamble(reader: RecordReader, fields: number): { from: number; line: number } {
  for (;;) {
    const { from } = reader.window;
    const found = reader.next();
    const isComment = found === 'record' && reader.bytes[reader.from] === 0x23 && fields > 1 && reader.count !== fields;
    if (isComment) continue;
    const line = found === 'more' ? 1 : reader.line;
    reader.rewind(from, line);
    return { from, line };
  }
}

function readSample(reader: RecordReader): Cell[][] {
  const rows: Cell[][] = [];
  while (rows.length <= SAMPLE_ROWS) {
    const found = reader.next();
    if (found === 'more') break;
    if (found === 'fault') continue;
    const row: Cell[] = [];
    for (let i = 0; i < Math.min(reader.count, MAX_COLUMNS + 1); i++)
      row.push({
        bytes: reader.bytesOf(i).slice(reader.starts[i], reader.ends[i]),
        quoted: reader.kinds[i] !== 0,
      });
    rows.push(row);
  }
  return rows;
}

/** The most usual number of fields. */
function modeOf(rows: readonly Cell[][]): number {
  const times = new Map<number, number>();
  for (const row of rows) times.set(row.length, (times.get(row.length) ?? 0) + 1);
  return [...times].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0]?.[0] ?? 1;
}

function namesOf(header: readonly Cell[], width: number): { names: string[]; changed: number } {
  const taken = new Set<string>();
  let changed = 0;
  const names = Array.from({ length: width }, (_, i) => {
    const cell = header[i];
    const text = cell === undefined ? '' : safeText(decodeText(cell.bytes, 0, cell.bytes.length).trim(), MAX_NAME);
    const base = text === '' ? `column${i + 1}` : text;
    let name = base;
    for (let n = 2; taken.has(name); n++) name = `${base}_${n}`;
    taken.add(name);
    if (header.length > 0 && name !== text) changed++;
    return name;
  });
  return { names, changed };
}

type MissingTest = (bytes: Uint8Array, from: number, to: number) => boolean;

const MISSING_WORDS = ['na', 'n/a', 'nan', 'null', '\\n', '-'];

/** Whether an unquoted cell without the spaces around it says that there is nothing. */
function missingTest(further: readonly string[]): MissingTest {
  const words = [...MISSING_WORDS, ...further.map((word) => word.toLowerCase())].map((word) => Buffer.from(word));
  const longest = Math.max(...words.map((word) => word.length));
  // Most cells are told by their first byte.
  const firsts = new Uint8Array(256);
  for (const word of words) {
    const first = word[0] as number;
    firsts[first] = 1;
    if (first >= 0x61 && first <= 0x7a) firsts[first - 0x20] = 1;
  }
  return (bytes, from, to) => {
    const n = to - from;
    if (n === 0) return true;
    if (n > longest || firsts[bytes[from] as number] === 0) return false;
    return words.some((word) => {
      if (word.length !== n) return false;
      for (let i = 0; i < n; i++) {
        const byte = bytes[from + i] as number;
        if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== word[i]) return false;
      }
      return true;
    });
  };
}

const TRUE_WORDS = new Set(['true', 't', 'yes', 'y']);
const FALSE_WORDS = new Set(['false', 'f', 'no', 'n']);

/** 1, 0, or NaN where it is neither; 0 and 1 are digits where `digits` allows them. */
function boolOf(bytes: Uint8Array, from: number, to: number, digits: boolean): number {
  if (to - from > 5) return Number.NaN;
  const word = decodeText(bytes, from, to).toLowerCase();
  if (TRUE_WORDS.has(word) || (digits && word === '1')) return 1;
  if (FALSE_WORDS.has(word) || (digits && word === '0')) return 0;
  return Number.NaN;
}

/** Spaces and tabs around what `[from, to)` holds. */
function trimStart(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++;
  return at;
}

function trimEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = to;
  while (at > from && (bytes[at - 1] === 0x20 || bytes[at - 1] === 0x09)) at--;
  return at;
}

/** An infinity is a number that no column can hold: it speaks for numbers, and its cell is missing. */
function isInfinity(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from <= 9 && to - from >= 3 && /^[+-]?inf(?:inity)?$/i.test(decodeText(bytes, from, to));
}

function look(rows: readonly Cell[][], column: number, isMissing: MissingTest): Seen {
  const seen: Seen = { cells: 0, numbers: 0, integers: 0, bools: 0, times: 0, epochs: new Map(), commas: 0, comma: '' };
  for (const row of rows) {
    const cell = row[column];
    if (cell === undefined) continue;
    const { bytes } = cell;
    const from = trimStart(bytes, 0, bytes.length);
    const to = trimEnd(bytes, from, bytes.length);
    if (from === to || (!cell.quoted && isMissing(bytes, from, to)) || isInfinity(bytes, from, to)) continue;
    seen.cells++;
    const value = parseNumber(bytes, from, to);
    if (!Number.isNaN(value)) {
      // Digits beyond 2^53 are names of things: as a double they would be others.
      const isLong = Number.isInteger(value) && Math.abs(value) > Number.MAX_SAFE_INTEGER;
      if (!isLong || !Number.isNaN(parseInteger(bytes, from, to)) || hasPoint(bytes, from, to)) seen.numbers++;
      if (!Number.isNaN(parseInteger(bytes, from, to))) seen.integers++;
      const unit = epochUnitOf(value);
      if (unit !== undefined) seen.epochs.set(unit, (seen.epochs.get(unit) ?? 0) + 1);
    } else if (!Number.isNaN(boolOf(bytes, from, to, false))) seen.bools++;
    else if (!Number.isNaN(parseTime(bytes, from, to))) seen.times++;
    else if (hasComma(bytes, from, to)) {
      if (seen.commas++ === 0) seen.comma = decodeText(bytes, from, to);
    }
  }
  return seen;
}

/** A number with a comma before its fraction, as in 1,5 and 1.234,5, or between thousands. */
function hasComma(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from > 40) return false;
  const text = decodeText(bytes, from, to);
  return (
    /^[+-]?\d+,\d+(?:[eE][+-]?\d+)?$/.test(text) ||
    /^[+-]?\d{1,3}(?:[.\x20'\u00a0]\d{3})*,\d+$|^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/.test(text)
  );
}

/** A fraction or an exponent: what is long there is size, not digits of a name. */
function hasPoint(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] === 0x2e || ((bytes[i] as number) | 0x20) === 0x65) return true;
  return false;
}

function fits(times: number, cells: number): boolean {
  return times > 0 && (cells < FIT_ALL_BELOW ? times === cells : times >= cells * FIT_SHARE);
}

/** Names that columns of times have; a number of the right size in another column is only a number. */
const TIME_NAME =
  /(?:^|[^a-z])(?:ts|time|times?tamp|date|datetime|epoch|start|stop|end|first|last|seen|created|modified|when)(?:$|[^a-z])|(?:time|timestamp|date)$|_at$/;

function isTimeName(name: string): boolean {
  // startTime and flowStart are two words each.
  return TIME_NAME.test(name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase());
}

function usualUnit({ epochs }: Seen): EpochUnit | undefined {
  return [...epochs].sort((a, b) => b[1] - a[1])[0]?.[0];
}

function planOf(
  name: string,
  rows: readonly Cell[][],
  column: number,
  stated: ColumnType | undefined,
  isMissing: MissingTest,
): Plan {
  const seen = look(rows, column, isMissing);
  const unit = usualUnit(seen);
  const make = (cells: Cells, integer: boolean, unitText: string, what: string, scale = 0): Plan => ({
    cells,
    integer,
    scale,
    stated: stated ?? '',
    spec: {
      name,
      kind: cells === 'text' ? 'string' : cells === 'bool' ? 'int32' : 'float64',
      unit: unitText,
      meaning: `Column ${column + 1} of the file: ${what}${stated === undefined ? ', told from its first rows' : ', as stated'}.`,
    },
  });
  const time = (cells: Cells, what: string, scale = 0): Plan => make(cells, false, 'ms since 1970 UTC', what, scale);
  if (stated === 'text') return make('text', false, '', 'text');
  if (stated === 'number') return make('number', false, '', 'a number');
  if (stated === 'integer') return make('number', true, '', 'an integer');
  if (stated === 'boolean') return make('bool', false, '0 or 1', 'true or false');
  if (stated === 'time')
    return seen.numbers > seen.times
      ? time('epoch', `a time in ${unit ?? 's'} since 1970`, EPOCH_SCALE[unit ?? 's'])
      : time('iso', 'a time');
  if (fits(seen.times, seen.cells)) return time('iso', 'a time');
  if (fits(seen.numbers, seen.cells)) {
    const isEpoch = unit !== undefined && fits(seen.epochs.get(unit) ?? 0, seen.cells) && isTimeName(name);
    if (isEpoch) return time('epoch', `a time in ${unit} since 1970`, EPOCH_SCALE[unit]);
    const isInteger = fits(seen.integers, seen.cells);
    return make('number', false, '', isInteger ? 'an integer' : 'a number');
  }
  if (fits(seen.bools, seen.cells)) return make('bool', false, '0 or 1', 'true or false');
  const text = make('text', false, '', seen.cells === 0 ? 'nothing in its first rows, so text' : 'text');
  return seen.commas > 0 && fits(seen.commas + seen.numbers, seen.cells) ? { ...text, comma: seen.comma } : text;
}

/** The type of a cell by itself, for telling a header from a row. */
function shapeOf({ bytes }: Cell): string {
  const from = trimStart(bytes, 0, bytes.length);
  const to = trimEnd(bytes, from, bytes.length);
  if (!Number.isNaN(parseNumber(bytes, from, to))) return 'number';
  if (!Number.isNaN(parseTime(bytes, from, to))) return 'time';
  return 'text';
}

/**
 * Whether the first row holds names. It does not where a cell of it is a number, a time or missing. It does where a column below is of numbers, times or booleans; where all are text,
 * when its cells are words that do not come back below them and one of them looks otherwise than all that stand under it (no digit, no upper case, no point, no space where they have one).
 */
function looksLikeHeader(rows: readonly Cell[][], isMissing: MissingTest): boolean {
  const first = rows[0];
  if (first === undefined) return false;
  const texts = first.map(({ bytes }) => decodeText(bytes, 0, bytes.length).trim());
  if (first.some((cell) => shapeOf(cell) !== 'text')) return false;
  // One empty name is usual (an index); a row of gaps is a row.
  const gaps = first.filter(({ bytes }) => isMissing(bytes, 0, bytes.length)).length;
  if (gaps > 0 && gaps >= first.length / 2) return false;
  const below = rows.slice(1).filter((row) => row.length >= first.length);
  const isWord = (text: string): boolean => text.length <= MAX_NAME && /^[\p{L}_@#$%(. /[][^\n]*$/u.test(text);
  if (below.length === 0) return texts.every((text) => text === '' || isWord(text));
  let evidence = false;
  for (let column = 0; column < first.length; column++) {
    const seen = look(below, column, isMissing);
    if (seen.cells === 0) continue;
    if (fits(seen.numbers, seen.cells) || fits(seen.times, seen.cells)) return true;
    if (fits(seen.bools, seen.cells) && Number.isNaN(boolOf(...whole(first[column] as Cell), false))) return true;
    const name = texts[column] as string;
    const values = below.slice(0, 500).flatMap((row) => (isBlank(row[column]) ? [] : [textOf(row[column] as Cell)]));
    if (values.includes(name)) return false;
    for (const mark of [/\d/, /\p{Lu}/u, /\./, /[\s,;:/=-]/]) {
      if (!mark.test(name) && values.every((value) => mark.test(value))) evidence = true;
    }
  }
  return evidence && texts.every((text) => text === '' || isWord(text));
}

function whole({ bytes }: Cell): [Uint8Array, number, number] {
  return [bytes, 0, bytes.length];
}

function textOf({ bytes }: Cell): string {
  return decodeText(bytes, 0, bytes.length).trim();
}

interface CsvSettings {
  readonly width: number;
  readonly trailing: boolean;
  readonly isMissing: MissingTest;
  readonly changed: number;
  readonly hasHeader: boolean;
  readonly signal: AbortSignal | undefined;
  readonly batchRows: number;
}

const NUMBER = 0;
const BOOL = 1;
const ISO = 2;
const EPOCH = 3;
const TEXT = 4;
const CODES: Readonly<Record<Cells, number>> = { number: NUMBER, bool: BOOL, iso: ISO, epoch: EPOCH, text: TEXT };

const TYPE_WORDS: Readonly<Record<ColumnType, string>> = {
  number: 'number',
  integer: 'integer',
  text: 'text',
  time: 'time',
  boolean: 'boolean',
};

class CsvSource implements TableSource {
  readonly name: string;
  readonly format = 'csv';
  readonly compression: string;
  readonly totalBytes: number | undefined;
  readonly schema: Schema;
  readonly gives: ReadonlySet<string>;
  readonly #source: ByteSource;
  readonly #reader: RecordReader;
  readonly #tally: RowTally;
  readonly #plans: readonly Plan[];
  readonly #codes: Uint8Array;
  readonly #scales: Int32Array;
  readonly #settings: CsvSettings;
  readonly #writer: ColumnWriter;
  readonly #shape: TimeShape = { zoneless: false };
  /** Cells that did not fit, by column, and the first of each. */
  readonly #misfits: Int32Array;
  readonly #firstMisfit: (number | undefined)[] = [];
  #broken = 0;
  #firstBroken = '';
  #cutInRow = false;
  #stopped = false;

  constructor(
    source: ByteSource,
    reader: RecordReader,
    tally: RowTally,
    plans: readonly Plan[],
    settings: CsvSettings,
  ) {
    this.name = source.name;
    this.compression = source.compression;
    this.totalBytes = source.totalBytes;
    this.schema = { name: 'csv', version: 1, columns: plans.map((plan) => plan.spec) };
    this.gives = new Set(this.schema.columns.map((spec) => spec.name));
    this.#source = source;
    this.#reader = reader;
    this.#tally = tally;
    this.#plans = plans;
    this.#codes = Uint8Array.from(plans, (plan) => CODES[plan.cells]);
    this.#scales = Int32Array.from(plans, (plan) => plan.scale);
    this.#settings = settings;
    this.#writer = new ColumnWriter(this.schema, settings.batchRows);
    this.#misfits = new Int32Array(plans.length);
  }

  async read(): Promise<Table | undefined> {
    const writer = this.#writer;
    const reader = this.#reader;
    while (!this.#stopped && this.#settings.signal?.aborted !== true) {
      let found = reader.next();
      for (; found !== 'more'; found = reader.next()) {
        if (found === 'record') this.#row();
        else {
          this.#tally.reject(reader.line, reader.fault, reader.bytes, reader.from, reader.to);
          if (reader.unended) this.#cutInRow = true;
        }
        if (writer.full) return writer.finish();
      }
      if (writer.rowCount > 0 && reader.window.waiting) break;
      if (!(await reader.load(this.#tally))) break;
    }
    return writer.rowCount > 0 ? writer.finish() : undefined;
  }

  #row(): void {
    const reader = this.#reader;
    const { width, trailing, isMissing } = this.#settings;
    const { count, starts, ends, kinds } = reader;
    if (count !== width && !(trailing && count === width + 1)) {
      const reason = `${counted(count, 'field')}, where ${this.#settings.hasHeader ? 'the header' : 'the first row'} has ${width}`;
      if (reader.unended) this.#cutInRow = true;
      const { from } = reader;
      const isShorter = reader.dropToSecondLine();
      this.#tally.reject(reader.line, reason, reader.bytes, from, reader.to);
      if (isShorter) this.#cutInRow = false;
      return;
    }
    const writer = this.#writer;
    const row = writer.addRow();
    const codes = this.#codes;
    for (let i = 0; i < width; i++) {
      const from = starts[i] as number;
      const to = ends[i] as number;
      if (from === to) continue;
      const kind = kinds[i] as number;
      const bytes = kind === 2 ? reader.unquoted : reader.bytes;
      const code = codes[i] as number;
      if (code === TEXT) {
        if (kind === 0 && this.#isMissingText(bytes, from, to, i)) continue;
        if (writer.setBytes(i, row, bytes, from, to) && !isUtf8(bytes, from, to)) this.#noteBroken(i);
        continue;
      }
      const begin = trimStart(bytes, from, to);
      const end = trimEnd(bytes, begin, to);
      let value: number;
      if (code === NUMBER) value = parseNumber(bytes, begin, end);
      else if (code === EPOCH) value = this.#epoch(bytes, begin, end, i);
      else if (code === ISO) value = parseTime(bytes, begin, end, this.#shape);
      else value = boolOf(bytes, begin, end, (this.#plans[i] as Plan).stated !== '');
      const isFit = !Number.isNaN(value) && !((this.#plans[i] as Plan).integer && !Number.isInteger(value));
      if (isFit) writer.setNumber(i, row, value);
      else if (begin < end && (kind !== 0 || !isMissing(bytes, begin, end))) {
        if (this.#misfit(i, bytes, begin, end)) continue;
        writer.dropRow();
        return;
      }
    }
    this.#tally.rows++;
  }

  #isMissingText(bytes: Uint8Array, from: number, to: number, column: number): boolean {
    // Who states that a column is text means every text.
    if ((this.#plans[column] as Plan).stated === 'text') return false;
    const begin = trimStart(bytes, from, to);
    return this.#settings.isMissing(bytes, begin, trimEnd(bytes, begin, to));
  }

  #epoch(bytes: Uint8Array, from: number, to: number, column: number): number {
    const value = parseNumber(bytes, from, to, this.#scales[column]);
    return Number.isNaN(value) ? parseTime(bytes, from, to, this.#shape) : value;
  }

  /** True where the row stays: the type was told from the sample. */
  #misfit(column: number, bytes: Uint8Array, from: number, to: number): boolean {
    const { stated, spec } = this.#plans[column] as Plan;
    const reader = this.#reader;
    if (stated === '') {
      this.#misfits[column] = (this.#misfits[column] as number) + 1;
      this.#firstMisfit[column] ??= reader.line;
      return true;
    }
    const text = safeText(decodeText(bytes, from, Math.min(to, from + 40)), 40);
    const article = stated === 'integer' ? 'integer' : TYPE_WORDS[stated];
    this.#tally.reject(
      reader.line,
      `column ${spec.name} is '${text}', which is no ${article}`,
      reader.bytes,
      reader.from,
      reader.to,
    );
    return false;
  }

  #noteBroken(column: number): void {
    if (this.#broken++ === 0)
      this.#firstBroken = `line ${humanCount(this.#reader.line)}, column ${(this.#plans[column] as Plan).spec.name}`;
  }

  bytesTaken(): number {
    return this.#source.bytesTaken();
  }

  status(): TableStatus {
    const { rows, rejected, rejects } = this.#tally;
    const { failure } = this.#reader.window;
    const notes: string[] = [];
    if (failure !== undefined) notes.push(failure);
    else if (this.#cutInRow) notes.push('it ends within a row');
    const { changed } = this.#settings;
    if (changed > 0)
      notes.push(
        `${counted(changed, 'column name')} ${changed === 1 ? 'was' : 'were'} empty or there before, and made distinct`,
      );
    const commas = this.#plans.flatMap(({ spec, comma }) => (comma === undefined ? [] : [{ name: spec.name, comma }]));
    const [first] = commas;
    if (first !== undefined)
      notes.push(
        `column${commas.length === 1 ? '' : 's'} ${commas
          .slice(0, 10)
          .map(({ name }) => name)
          .join(
            ', ',
          )}${commas.length > 10 ? ' ...' : ''}: numbers with a comma (${first.comma}) are taken as text; write a point before the fraction and nothing between thousands to have them as numbers`,
      );
    const misfits: string[] = [];
    this.#misfits.forEach((n, i) => {
      const { spec, cells } = this.#plans[i] as Plan;
      if (n > 0)
        misfits.push(
          `column ${spec.name}: ${counted(n, 'cell')} that ${n === 1 ? 'is' : 'are'} no ${cells === 'bool' ? 'boolean' : cells === 'number' ? 'number' : 'time'}, taken as missing, the first on line ${humanCount(this.#firstMisfit[i] as number)}`,
        );
    });
    notes.push(...misfits.slice(0, 10));
    if (misfits.length > 10) notes.push(`and cells of ${counted(misfits.length - 10, 'other column')}`);
    if (this.#broken > 0)
      notes.push(
        `${counted(this.#broken, 'different text')} not in UTF-8, shown with \\x escapes, the first on ${this.#firstBroken}`,
      );
    if (this.#shape.zoneless) notes.push('times without a zone are taken as UTC');
    return {
      rows,
      rejected,
      rejects,
      state: failure !== undefined || this.#cutInRow ? 'cut' : 'whole',
      ...(notes.length > 0 ? { message: notes.join('; ') } : {}),
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#source.stop?.();
  }

  close(): void {
    this.#source.close();
  }
}
