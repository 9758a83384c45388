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
import { textCell } from './csv.ts';

/**
 * Writes batches of flows as lines of flows.csv. Digits and letters go straight into one buffer that is used again for every batch, because a row has 49
 * cells: strings of its numbers took half of the whole analysis of short flows.
 *
 * Numbers: whole ones in full; others rounded to 6 decimals (a nanosecond, where the unit is ms), from a thousand million on to 3 (a microsecond).
 */
export class FlowCsvWriter {
  #out = new ByteWriter(1 << 20);

  /**
   * The lines of a batch as UTF-8 bytes; the last one ends with a line end too. The bytes belong to the writer and are valid until its next call.
   * @param scores one score per row, 0 to 1; NaN where a row has none. Throws when its length is not the batch's.
   */
  lines(table: Table, scores?: ArrayLike<number>): Uint8Array {
    if (table.schema.name !== FLOW_SCHEMA.name) throw new Error(`expected a flow table, got '${table.schema.name}'`);
    if (scores !== undefined && scores.length !== table.rowCount) {
      throw new Error(`expected ${table.rowCount} scores, got ${scores.length}`);
    }
    const out = this.#out;
    out.clear();
    const start = new TimeCells(table.numbers('startMs'));
    const end = new TimeCells(table.numbers('endMs'));
    const { rowCount } = table;
    // A batch has nothing in about half of the columns: of these only the separators are written, together.
    const cells: Cells[] = [];
    let gap = 1;
    for (const column of table.columns) {
      if (isMissing(column, rowCount)) {
        gap++;
        continue;
      }
      cells.push(cellsOf(column, gap));
      gap = 1;
    }
    for (let row = 0; row < rowCount; row++) {
      // For separators and numbers room is made once; what writes a text makes its own. So places and bytes are the loop's own, and a cell without a value costs no call.
      out.room(ROW_BYTES);
      start.write(row, out);
      out.byte(COMMA);
      end.write(row, out);
      let { bytes, at } = out;
      for (let i = 0; i < cells.length; i++) {
        const { commas, codes, texts, valid, isFloat, floats, ints } = cells[i] as Cells;
        for (let n = commas; n > 0; n--) bytes[at++] = COMMA;
        if (texts !== undefined) {
          const code = codes[row] ?? -1;
          if (code < 0) continue;
          out.at = at;
          texts.write(code, out);
          out.room(ROW_BYTES);
          bytes = out.bytes;
          at = out.at;
        } else {
          if (valid !== undefined && ((valid[row >> 3] ?? 0) & (1 << (row & 7))) === 0) continue;
          const value = (isFloat ? floats[row] : ints[row]) ?? Number.NaN;
          if (value >= 0 && value < 10 && value === (value | 0)) bytes[at++] = 0x30 + value;
          else {
            out.at = at;
            out.number(value);
            at = out.at;
          }
        }
      }
      for (let n = gap; n > 0; n--) bytes[at++] = COMMA;
      out.at = at;
      if (scores !== undefined) out.number(scores[row] ?? Number.NaN);
      out.byte(LINE_FEED);
    }
    return out.take();
  }
}

/** Room for what a row has beside its texts: separators, and 32 bytes for each number. */
const ROW_BYTES = 33 * (FLOW_SCHEMA.columns.length + 8);

/** A column with a value in some row. Members are there for both kinds of numbers and for texts, so that all are of one shape. */
interface Cells {
  /** Separators before the cell. */
  readonly commas: number;
  /** Undefined for numbers. */
  readonly texts: TextCells | PackedCells | undefined;
  readonly codes: Int32Array;
  readonly valid: Uint8Array | undefined;
  readonly isFloat: boolean;
  readonly floats: Float64Array;
  readonly ints: Int32Array;
}

const NO_CODES = new Int32Array();
const NO_FLOATS = new Float64Array();

function cellsOf(column: Column, commas: number): Cells {
  const isText = column.kind === 'string';
  const values = isText ? NO_CODES : column.values;
  return {
    commas,
    texts: isText ? (column instanceof PackedTextColumn ? new PackedCells(column) : new TextCells(column)) : undefined,
    codes: isText ? column.codes : NO_CODES,
    valid: isText ? undefined : column.valid,
    isFloat: values instanceof Float64Array,
    floats: values instanceof Float64Array ? values : NO_FLOATS,
    ints: values instanceof Int32Array ? values : NO_CODES,
  };
}

function isMissing(column: Column, rowCount: number): boolean {
  if (column instanceof PackedTextColumn) return column.ends.length === 0;
  if (column.kind === 'string') return column.dictionary.length === 0;
  return column.valid !== undefined && !column.valid.subarray(0, (rowCount + 7) >> 3).some((bits) => bits !== 0);
}

/** The lines of one batch, in bytes of their own; see `FlowCsvWriter` for many. */
export function flowCsvBytes(table: Table, scores?: ArrayLike<number>): Uint8Array {
  return new FlowCsvWriter().lines(table, scores);
}

/** The same as text. */
export function flowCsvRows(table: Table, scores?: ArrayLike<number>): string {
  return DECODER.decode(flowCsvBytes(table, scores));
}

const COMMA = 0x2c;
const LINE_FEED = 0x0a;
const BLANK = 0x20;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const PLUS = 0x2b;
const MINUS = 0x2d;
const EQUALS = 0x3d;
const AT = 0x40;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

class ByteWriter {
  bytes: Uint8Array;
  /** Where the next byte goes. */
  at = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  clear(): void {
    this.at = 0;
  }

  take(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }

  /** Makes room for `n` more bytes, perhaps in a new array. */
  room(n: number): void {
    if (this.at + n <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.at + n));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
  }

  byte(b: number): void {
    if (this.at === this.bytes.length) this.room(1);
    this.bytes[this.at++] = b;
  }

  /** Text of which every character is ASCII. */
  ascii(text: string): void {
    const n = text.length;
    this.room(n);
    const bytes = this.bytes;
    const at = this.at;
    for (let i = 0; i < n; i++) bytes[at + i] = text.charCodeAt(i);
    this.at += n;
  }

  /** `source[from, to)`, short. */
  range(source: Uint8Array, from: number, to: number): void {
    this.room(to - from);
    const bytes = this.bytes;
    let at = this.at;
    for (let i = from; i < to; i++) bytes[at++] = source[i] ?? 0;
    this.at = at;
  }

  /** The cell of `text[from, to)`, printable ASCII, as `textCell` makes it: apostrophes before what starts a formula, quotes where they must be. */
  printable(text: Uint8Array, from: number, to: number): void {
    let quoted = text[to - 1] === BLANK || (text[from] === BLANK && !startsFormula(text, from, to));
    for (let i = from; i < to && !quoted; i++) quoted = SEPARATES[text[i] ?? 0] !== 0;
    // Twice, for quotes and apostrophes alike, and the quotes around it.
    this.room(2 * (to - from) + 2);
    const bytes = this.bytes;
    let at = this.at;
    if (quoted) bytes[at++] = QUOTE;
    let isStart = true;
    for (let i = from; i < to; i++) {
      const code = text[i] ?? 0;
      if (isStart && startsFormula(text, i, to)) bytes[at++] = APOSTROPHE;
      if (code === QUOTE) bytes[at++] = QUOTE;
      bytes[at++] = code;
      isStart = SEPARATES[code] === 2;
    }
    if (quoted) bytes[at++] = QUOTE;
    this.at = at;
  }

  raw(source: Uint8Array): void {
    const n = source.length;
    this.room(n);
    const bytes = this.bytes;
    const at = this.at;
    // A loop beats the call for the short cells that nearly all are.
    if (n > 64) bytes.set(source, at);
    else for (let i = 0; i < n; i++) bytes[at + i] = source[i] ?? 0;
    this.at = at + n;
  }

  /** Nothing for what is no finite number. */
  number(value: number): void {
    if (value >= 0 && value < 10 && value === (value | 0)) {
      this.byte(0x30 + value);
      return;
    }
    if (!Number.isFinite(value)) return;
    let magnitude = value;
    if (value < 0) {
      this.byte(0x2d);
      magnitude = -value;
    }
    if (magnitude >= 2 ** 53) {
      this.ascii(String(magnitude));
      return;
    }
    if (magnitude === Math.floor(magnitude)) {
      this.#digits(magnitude, 1);
      return;
    }
    // Beyond this the product below would not be exact.
    if (magnitude >= 2 ** 43) {
      this.ascii(String(magnitude));
      return;
    }
    const decimals = magnitude < 1e9 ? 6 : 3;
    const unit = decimals === 6 ? 1e6 : 1e3;
    const scaled = Math.round(magnitude * unit);
    const whole = Math.floor(scaled / unit);
    let fraction = scaled - whole * unit;
    this.#digits(whole, 1);
    if (fraction === 0) return;
    let digits = decimals;
    while (fraction % 10 === 0) {
      fraction /= 10;
      digits--;
    }
    this.byte(0x2e);
    this.#digits(fraction, digits);
  }

  /** A whole number below 2^53, with zeros in front up to `least` digits. */
  #digits(value: number, least: number): void {
    if (value >= 1e9) {
      const high = Math.floor(value / 1e9);
      this.#digits(high, 1);
      this.#digits(value - high * 1e9, 9);
      return;
    }
    let v = value | 0;
    let n = 1;
    for (let power = 10; power <= v && n < 10; power *= 10) n++;
    if (n < least) n = least;
    this.room(n);
    const bytes = this.bytes;
    for (let i = this.at + n - 1; i >= this.at; i--) {
      const next = (v / 10) | 0;
      bytes[i] = 0x30 + v - next * 10;
      v = next;
    }
    this.at += n;
  }

  /** `value` with exactly `n` digits. */
  padded(value: number, n: number): void {
    this.#digits(value, n);
  }
}

/** Cells of a text column. What the dictionary holds is looked at once per batch: most of it goes out as it is. */
class TextCells {
  #dictionary: readonly string[];
  /** Of each entry one of the constants below. */
  #state: Uint8Array;
  #escaped = new Map<number, Uint8Array>();

  constructor(column: StringColumn) {
    this.#dictionary = column.dictionary;
    this.#state = new Uint8Array(column.dictionary.length);
  }

  write(code: number, out: ByteWriter): void {
    const text = this.#dictionary[code] ?? '';
    let state = this.#state[code];
    if (state === NOT_LOOKED_AT) {
      state = lookAt(text);
      this.#state[code] = state;
    }
    if (state === AS_IT_IS) out.ascii(text);
    else if (state === PRINTABLE) {
      for (let i = 0; i < text.length; i++) SCRATCH[i] = text.charCodeAt(i);
      out.printable(SCRATCH, 0, text.length);
    } else this.#escape(code, text, out);
  }

  #escape(code: number, text: string, out: ByteWriter): void {
    let bytes = this.#escaped.get(code);
    if (bytes === undefined) {
      bytes = ENCODER.encode(textCell(text));
      this.#escaped.set(code, bytes);
    }
    out.raw(bytes);
  }
}

const NOT_LOOKED_AT = 0;
/** The cell is the text. */
const AS_IT_IS = 1;
/** ASCII without control characters, which may need quotes and apostrophes. */
const PRINTABLE = 2;
/** Anything else. */
const OTHER = 3;

/** Cells of a column that has its texts as bytes. */
class PackedCells {
  #column: PackedTextColumn;
  /** Of each text one of the constants above. */
  #state: Uint8Array;

  constructor(column: PackedTextColumn) {
    this.#column = column;
    this.#state = new Uint8Array(column.ends.length);
    if (column.isPlain) this.#state.fill(AS_IT_IS);
  }

  write(code: number, out: ByteWriter): void {
    const { bytes, ends } = this.#column;
    const from = code === 0 ? 0 : (ends[code - 1] ?? 0);
    const to = ends[code] ?? 0;
    let state = this.#state[code];
    if (state === NOT_LOOKED_AT) {
      state = lookAtBytes(bytes, from, to);
      this.#state[code] = state;
    }
    if (state === AS_IT_IS) out.range(bytes, from, to);
    else if (state === PRINTABLE) out.printable(bytes, from, to);
    else out.raw(ENCODER.encode(textCell(this.#column.text(code))));
  }
}

/**
 * Short printable ASCII that begins with a letter, a digit or `_` and holds no blank, quote or separator needs neither look nor quotes. A sign that starts a
 * formula does so only at the beginning of a cell or behind a separator.
 */
function lookAtBytes(bytes: Uint8Array, from: number, to: number): number {
  if (from === to || to - from > MOST_LOOKED_AT) return OTHER;
  let all = 1;
  for (let i = from; i < to; i++) {
    const code = bytes[i] ?? 0;
    if (code < 0x20 || code > 0x7e) return OTHER;
    all &= PLAIN[code] ?? 0;
  }
  return all === 1 && FIRST[bytes[from] ?? 0] === 1 ? AS_IT_IS : PRINTABLE;
}

/** The same of a text. */
function lookAt(text: string): number {
  const n = text.length;
  if (n === 0 || n > MOST_LOOKED_AT) return OTHER;
  for (let i = 0; i < n; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7e) return OTHER;
    SCRATCH[i] = code;
  }
  return lookAtBytes(SCRATCH, 0, n);
}

/** Longer texts are left to `textCell`, which cuts them. */
const MOST_LOOKED_AT = 2000;
/** A text as bytes, while it is written. */
const SCRATCH = new Uint8Array(MOST_LOOKED_AT);

const FIRST = Uint8Array.from({ length: 256 }, (_, c) => (/^\w$/.test(String.fromCharCode(c)) ? 1 : 0));
/** 2 for what parts cells in some country, 1 for the quote. */
const SEPARATES = Uint8Array.from({ length: 256 }, (_, c) =>
  ',;|'.includes(String.fromCharCode(c)) ? 2 : c === QUOTE ? 1 : 0,
);

/** Whether blanks and quotes and then a sign that starts a formula stand at `at`. */
function startsFormula(text: Uint8Array, at: number, to: number): boolean {
  let i = at;
  while (i < to && (text[i] === BLANK || text[i] === QUOTE)) i++;
  if (i === to) return false;
  const code = text[i];
  return code === EQUALS || code === PLUS || code === MINUS || code === AT;
}

const PLAIN = Uint8Array.from({ length: 256 }, (_, c) =>
  c > 0x20 && c < 0x7f && !'",;|'.includes(String.fromCharCode(c)) ? 1 : 0,
);

/** Times in ISO 8601. Rows come nearly in order of time, so the part down to the minute is kept from row to row. */
class TimeCells {
  #column: NumberColumn;
  #minute = Number.NaN;
  #prefix = '';

  constructor(column: NumberColumn) {
    this.#column = column;
  }

  write(row: number, out: ByteWriter): void {
    const time = this.#column.values[row];
    if (time === undefined || !isValid(this.#column, row) || !(Math.abs(time) <= 8.64e15)) return;
    const whole = Math.trunc(time);
    const minute = Math.floor(whole / 60_000);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#prefix = isoTime(minute * 60_000).slice(0, -7);
    }
    out.ascii(this.#prefix);
    const ms = whole - minute * 60_000;
    const seconds = Math.floor(ms / 1000);
    out.padded(seconds, 2);
    out.byte(0x2e);
    out.padded(ms - seconds * 1000, 3);
    out.byte(0x5a);
  }
}
