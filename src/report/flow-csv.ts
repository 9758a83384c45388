import {
  type Column,
  isoTime,
  isValid,
  type NumberColumn,
  PackedTextColumn,
  type StringColumn,
  type Table,
} from '../core/index.ts';
import { FLOW_SCHEMA } from '../flow/index.ts';
import {
  COPY_SLACK,
  GrowingBytes,
  NUMBER_BYTES,
  putAscii,
  putCopy,
  putInt,
  putNumber,
  putTriple,
} from './cell-bytes.ts';
import { textCell } from './csv.ts';

/**
 * Writes batches of flows as lines of flows.csv. Digits and letters go straight into one buffer that is used again for every batch, because a row has 80
 * cells: strings of its numbers took half of the whole analysis of short flows.
 *
 * Numbers are as `putNumber` writes them.
 */
export class FlowCsvWriter {
  #out = new GrowingBytes(1 << 20);
  #times = new TimeWriter();
  /** By column: of the last batch. The pieces that a batch is cut into have its dictionaries. */
  #texts: (TextCells | undefined)[] = [];

  /**
   * The lines of a batch as UTF-8 bytes; the last one ends with a line end too. The bytes belong to the writer and are valid until its next call.
   * @param scores one score per row, 0 to 1; NaN where a row has none. Throws when its length is not the batch's.
   */
  lines(table: Table, scores?: Float64Array): Uint8Array {
    if (table.schema.name !== FLOW_SCHEMA.name) throw new Error(`expected a flow table, got '${table.schema.name}'`);
    if (scores !== undefined && scores.length !== table.rowCount) {
      throw new Error(`expected ${table.rowCount} scores, got ${scores.length}`);
    }
    const out = this.#out;
    const times = this.#times;
    const start = table.numbers('startMs');
    const end = table.numbers('endMs');
    const { rowCount } = table;
    // A batch has nothing in about half of the columns: of these only the separators are written, together.
    const cells: Cells[] = [];
    let gap = 1;
    let most = ROW_BYTES;
    for (const [i, column] of table.columns.entries()) {
      if (isMissing(column, rowCount)) {
        gap++;
        continue;
      }
      if (column.kind === 'string') {
        const texts = this.#textsOf(i, column);
        most += texts.longest;
        cells.push(textCells(column, texts, gap));
      } else cells.push(numberCells(column, gap));
      gap = 1;
    }
    // Column after column, of a few rows at a time, each in a place of its own that has room for any: a loop over cells of one kind takes less than one over all kinds. Places are an odd
    // number of the processor's lines apart, so that not all want the same few of its cache.
    const pitch = LINE_BYTES * (Math.ceil(most / LINE_BYTES) | 1);
    const begin = BLOCK_ROWS * pitch;
    let at = begin;
    for (let first = 0; first < rowCount; first += BLOCK_ROWS) {
      const n = Math.min(BLOCK_ROWS, rowCount - first);
      out.room(at, n * pitch);
      const { bytes, view } = out;
      for (let i = 0; i < n; i++) {
        let to = times.put(view, i * pitch, start, first + i);
        bytes[to++] = COMMA;
        to = times.put(view, to, end, first + i);
        ENDS[i] = to;
      }
      for (const column of cells) writeCells(bytes, view, column, first, n);
      for (let i = 0; i < n; i++) {
        let to = putCommas(bytes, ENDS[i] as number, gap);
        if (scores !== undefined) to = putNumber(view, to, scores, first + i);
        bytes[to++] = LINE_FEED;
        bytes.copyWithin(at, i * pitch, to);
        at += to - i * pitch;
      }
    }
    return out.bytes.subarray(begin, at);
  }

  #textsOf(i: number, column: StringColumn): TextCells {
    if (column instanceof PackedTextColumn) return TextCells.ofPacked(column);
    const known = this.#texts[i];
    if (known?.dictionary === column.dictionary) return known;
    const texts = TextCells.ofStrings(column.dictionary);
    this.#texts[i] = texts;
    return texts;
  }
}

/** Room for what a row has beside its texts, and behind it. */
const ROW_BYTES = (NUMBER_BYTES + 1) * (FLOW_SCHEMA.columns.length + 8) + COPY_SLACK;
const LINE_BYTES = 64;
/** Rows that are written together: with the columns that they are from they stay in the processor's first cache. */
const BLOCK_ROWS = 32;
/** Where each row of a block ends so far. */
const ENDS = new Int32Array(BLOCK_ROWS);

function putCommas(bytes: Uint8Array, at: number, commas: number): number {
  bytes[at] = COMMA;
  for (let n = 1; n < commas; n++) bytes[at + n] = COMMA;
  return at + commas;
}

/** Writes the cells of a column of `n` rows from `first` on behind what these have. */
function writeCells(bytes: Uint8Array, view: DataView, cells: Cells, first: number, n: number): void {
  if (cells.kind === TEXT) writeTexts(bytes, view, cells, first, n);
  else if (cells.kind === INT) writeInts(bytes, view, cells, first, n);
  else writeFloats(bytes, view, cells, first, n);
}

/** What nearly all texts are is done without a call: such as go out as they are. */
function writeTexts(bytes: Uint8Array, view: DataView, cells: Cells, first: number, n: number): void {
  const { commas, codes, texts } = cells;
  const { state, ends, source, begin } = texts;
  for (let i = 0; i < n; i++) {
    let at = putCommas(bytes, ENDS[i] as number, commas);
    const code = codes[first + i] as number;
    if (code >= 0) {
      const from = code === 0 ? begin : (ends[code - 1] as number) + begin;
      const to = (ends[code] as number) + begin;
      if (state[code] === AS_IT_IS) {
        // As `putCopy`.
        for (let next = from; next < to; next += 4) view.setInt32(at + next - from, source.getInt32(next));
        at += to - from;
      } else at = texts.put(bytes, view, at, code);
    }
    ENDS[i] = at;
  }
}

function writeInts(bytes: Uint8Array, view: DataView, cells: Cells, first: number, n: number): void {
  const { commas, codes, valid } = cells;
  for (let i = 0; i < n; i++) {
    let at = putCommas(bytes, ENDS[i] as number, commas);
    const row = first + i;
    if (valid === undefined || ((valid[row >> 3] as number) & (1 << (row & 7))) !== 0) {
      const value = codes[row] as number;
      if (value >= 0 && value < 10) bytes[at++] = ZERO + value;
      else at = putInt(view, at, value);
    }
    ENDS[i] = at;
  }
}

function writeFloats(bytes: Uint8Array, view: DataView, cells: Cells, first: number, n: number): void {
  const { commas, floats, valid } = cells;
  for (let i = 0; i < n; i++) {
    let at = putCommas(bytes, ENDS[i] as number, commas);
    const row = first + i;
    if (valid === undefined || ((valid[row >> 3] as number) & (1 << (row & 7))) !== 0)
      at = putNumber(view, at, floats, row);
    ENDS[i] = at;
  }
}

const TEXT = 0;
const FLOAT = 1;
const INT = 2;

/** A column with a value in some row. Members are there for both kinds of numbers and for texts, so that all are of one shape. */
interface Cells {
  /** Separators before the cell. */
  readonly commas: number;
  readonly kind: number;
  readonly texts: TextCells;
  /** Of texts their codes, of whole numbers themselves. */
  readonly codes: Int32Array;
  readonly floats: Float64Array;
  readonly valid: Uint8Array | undefined;
}

const NO_CODES = new Int32Array();
const NO_FLOATS = new Float64Array();

function textCells({ codes }: StringColumn, texts: TextCells, commas: number): Cells {
  return { commas, kind: TEXT, texts, codes, floats: NO_FLOATS, valid: undefined };
}

function numberCells({ values, valid }: NumberColumn, commas: number): Cells {
  return values instanceof Float64Array
    ? { commas, kind: FLOAT, texts: NO_TEXTS, codes: NO_CODES, floats: values, valid }
    : { commas, kind: INT, texts: NO_TEXTS, codes: values, floats: NO_FLOATS, valid };
}

function isMissing(column: Column, rowCount: number): boolean {
  if (column instanceof PackedTextColumn) return column.ends.length === 0;
  if (column.kind === 'string') return column.dictionary.length === 0;
  const { valid } = column;
  if (valid === undefined) return false;
  for (let i = (rowCount + 7) >> 3; i > 0; i--) if (valid[i - 1] !== 0) return false;
  return true;
}

/** The lines of one batch, in bytes of their own; see `FlowCsvWriter` for many. */
export function flowCsvBytes(table: Table, scores?: ArrayLike<number>): Uint8Array {
  return new FlowCsvWriter().lines(table, scores === undefined ? undefined : Float64Array.from(scores));
}

/** The same as text. */
export function flowCsvRows(table: Table, scores?: ArrayLike<number>): string {
  return DECODER.decode(flowCsvBytes(table, scores));
}

const ZERO = 0x30;
const COMMA = 0x2c;
const LINE_FEED = 0x0a;
const BLANK = 0x20;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();

/**
 * Cells of a text column, from the bytes of its texts. What goes out as it is, as most does, is told once per text and batch and then copied. A column that has its texts as strings is put into
 * bytes first, each text as its cell.
 */
class TextCells {
  /** The bytes of the texts, one after another, with `COPY_SLACK` behind them. */
  readonly source: DataView;
  /** Text i is `[begin + ends[i - 1], begin + ends[i])` of the source, the first from `begin`. */
  readonly begin: number;
  readonly ends: Int32Array;
  /** Of each text one of the constants below. */
  readonly state: Uint8Array;
  /** Bytes of the longest cell at most. */
  readonly longest: number;
  /** What the texts are from, where that is strings. */
  readonly dictionary: readonly string[] | undefined;
  /** The cells of texts that are `OTHER`. */
  readonly #others = new Map<number, Uint8Array>();

  private constructor(
    bytes: Uint8Array,
    ends: Int32Array,
    isPlain: boolean,
    from: PackedTextColumn | readonly string[],
  ) {
    const { buffer, byteOffset, length } = bytes;
    const hasSlack = byteOffset + length + COPY_SLACK <= buffer.byteLength;
    this.source = new DataView(hasSlack ? buffer : withSlack(bytes));
    this.begin = hasSlack ? byteOffset : 0;
    this.ends = ends;
    this.state = new Uint8Array(ends.length).fill(AS_IT_IS);
    this.longest = isPlain ? longestOf(ends) : this.#look(from);
    this.dictionary = from instanceof PackedTextColumn ? undefined : from;
  }

  /** Tells what each text is; bytes of the longest cell at most. */
  #look(column: PackedTextColumn | readonly string[]): number {
    const { ends, state, source, begin } = this;
    let longest = 0;
    for (let code = 0, from = 0; code < ends.length; code++) {
      const to = ends[code] as number;
      const is = lookAt(source, begin + from, begin + to);
      state[code] = is;
      if (is === OTHER && column instanceof PackedTextColumn) {
        const cell = ENCODER.encode(textCell(column.text(code)));
        this.#others.set(code, cell);
        longest = Math.max(longest, cell.length);
      }
      // Twice, for quotes and apostrophes alike, and the quotes around it.
      else longest = Math.max(longest, is === AS_IT_IS ? to - from : 2 * (to - from) + 2);
      from = to;
    }
    return longest;
  }

  static ofPacked(column: PackedTextColumn): TextCells {
    return new TextCells(column.bytes, column.ends, column.isPlain, column);
  }

  static ofStrings(dictionary: readonly string[]): TextCells {
    const ends = new Int32Array(dictionary.length);
    const out = new GrowingBytes(16 * dictionary.length);
    let at = 0;
    for (let code = 0; code < dictionary.length; code++) {
      at = out.text(at, textCell(dictionary[code] ?? ''));
      ends[code] = at;
    }
    return new TextCells(out.bytes, ends, true, dictionary);
  }

  /** Writes the cell of a text that is not `AS_IT_IS` from `at` on. Returns the place behind it. */
  put(bytes: Uint8Array, view: DataView, at: number, code: number): number {
    const from = this.begin + (code === 0 ? 0 : (this.ends[code - 1] as number));
    const to = this.begin + (this.ends[code] as number);
    const state = this.state[code];
    if (state === QUOTED) {
      bytes[at] = QUOTE;
      const end = putCopy(view, at + 1, this.source, from, to);
      bytes[end] = QUOTE;
      return end + 1;
    }
    if (state === PRINTABLE) return putPrintable(bytes, at, this.source, from, to);
    const cell = this.#others.get(code) ?? NO_BYTES;
    bytes.set(cell, at);
    return at + cell.length;
  }
}

function longestOf(ends: Int32Array): number {
  let longest = 0;
  for (let code = 0, from = 0; code < ends.length; code++) {
    longest = Math.max(longest, (ends[code] as number) - from);
    from = ends[code] as number;
  }
  return longest;
}

const NO_BYTES = new Uint8Array();

function withSlack(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.length + COPY_SLACK);
  copy.set(bytes);
  return copy.buffer;
}

/** The cell is the text. */
const AS_IT_IS = 1;
/** The cell is the text in quotes. */
const QUOTED = 2;
/** ASCII without control characters, which may need apostrophes and further quotes. */
const PRINTABLE = 3;
/** Anything else. */
const OTHER = 4;

const NO_TEXTS = TextCells.ofStrings([]);

/**
 * Short printable ASCII that begins with a letter, a digit or `_` and holds no blank, quote or separator needs neither look nor quotes. A sign that starts a
 * formula does so only at the beginning of a cell or behind a separator.
 */
function lookAt(text: DataView, from: number, to: number): number {
  if (from === to || to - from > MOST_LOOKED_AT) return OTHER;
  const first = text.getUint8(from);
  const last = text.getUint8(to - 1);
  let all = first === BLANK || last === BLANK ? SEPARATOR : 0;
  /** Whether nothing but blanks came since the beginning or a separator. */
  let isStart = true;
  for (let i = from; i < to; i++) {
    const kind = KINDS[text.getUint8(i)] as number;
    all |= kind;
    if (isStart && kind === SIGN) all |= CARE;
    isStart = kind === SEPARATOR || (isStart && kind === GAP);
  }
  if ((all & UNPRINTABLE) !== 0) return OTHER;
  if ((all & CARE) !== 0) return PRINTABLE;
  return (all & SEPARATOR) !== 0 ? QUOTED : AS_IT_IS;
}

/** Longer texts are left to `textCell`, which cuts them. */
const MOST_LOOKED_AT = 2000;

/** What parts cells in some country. */
const SEPARATOR = 1;
const GAP = 2;
/** Starts a formula. */
const SIGN = 4;
/** Takes `putPrintable`. */
const CARE = 8;
const UNPRINTABLE = 16;
const KINDS = Uint8Array.from({ length: 256 }, (_, c) => {
  if (c < 0x20 || c > 0x7e) return UNPRINTABLE;
  if (c === QUOTE) return CARE;
  if (c === BLANK) return GAP;
  const character = String.fromCharCode(c);
  return ',;|'.includes(character) ? SEPARATOR : '=+-@'.includes(character) ? SIGN : 0;
});

/** The cell of `text[from, to)`, printable ASCII, as `textCell` makes it: apostrophes before what starts a formula, quotes where they must be. Returns the place behind it. */
function putPrintable(bytes: Uint8Array, start: number, text: DataView, from: number, to: number): number {
  let quoted = text.getUint8(to - 1) === BLANK || (text.getUint8(from) === BLANK && !startsFormula(text, from, to));
  for (let i = from; i < to && !quoted; i++) {
    const code = text.getUint8(i);
    quoted = code === QUOTE || KINDS[code] === SEPARATOR;
  }
  let at = start;
  if (quoted) bytes[at++] = QUOTE;
  let isStart = true;
  for (let i = from; i < to; i++) {
    const code = text.getUint8(i);
    if (isStart && startsFormula(text, i, to)) bytes[at++] = APOSTROPHE;
    if (code === QUOTE) bytes[at++] = QUOTE;
    bytes[at++] = code;
    isStart = KINDS[code] === SEPARATOR;
  }
  if (quoted) bytes[at++] = QUOTE;
  return at;
}

/** Whether blanks and quotes and then a sign that starts a formula stand at `at`. */
function startsFormula(text: DataView, at: number, to: number): boolean {
  let i = at;
  while (i < to && (text.getUint8(i) === BLANK || text.getUint8(i) === QUOTE)) i++;
  return i < to && KINDS[text.getUint8(i)] === SIGN;
}

/** Minutes whose texts are kept. */
const MINUTES = 64;
/** Room for 'YYYY-MM-DDTHH:MM:', which has more digits in the years beyond 9999, and for `COPY_SLACK`. */
const MINUTE_BYTES = 32;

/** Times in ISO 8601. Rows come in a few orders of time at once, so the parts down to the minute are kept, each in a place that the minute tells. */
class TimeWriter {
  readonly #minutes = new Float64Array(MINUTES).fill(Number.NaN);
  readonly #texts = new DataView(new ArrayBuffer(MINUTES * MINUTE_BYTES));
  readonly #lengths = new Uint8Array(MINUTES);

  /** Writes the time of a row from `start` on. Returns the place behind it. */
  put(view: DataView, start: number, column: NumberColumn, row: number): number {
    const time = column.values[row];
    if (time === undefined || !isValid(column, row) || !(Math.abs(time) <= 8.64e15)) return start;
    const whole = Math.trunc(time);
    const minute = Math.floor(whole / 60_000);
    const place = minute & (MINUTES - 1);
    const text = place * MINUTE_BYTES;
    if (this.#minutes[place] !== minute) {
      this.#minutes[place] = minute;
      this.#lengths[place] = putAscii(this.#texts, text, isoTime(minute * 60_000).slice(0, -7)) - text;
    }
    const at = putCopy(view, start, this.#texts, text, text + (this.#lengths[place] as number));
    const ms = whole - minute * 60_000;
    const seconds = (ms / 1000) | 0;
    // The first of the three digits is 0, and lies on the colon before it.
    view.setUint8(putTriple(view, at - 1, seconds), DOT);
    view.setUint8(at - 1, COLON);
    const end = putTriple(view, at + 3, ms - seconds * 1000);
    view.setUint8(end, ZULU);
    return end + 1;
  }
}

const DOT = 0x2e;
const COLON = 0x3a;
const ZULU = 0x5a;
