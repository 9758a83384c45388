import { counted } from '../../core/index.ts';
import type { ByteSource } from './input.ts';
import { CR, LF, type RowTally, rejectOf, TextWindow, type TextWindowOptions } from './lines.ts';

/**
 * Records of delimited text (RFC 4180), with what files really hold: quotes with separators, doubled quotes and line ends inside, spaces around quotes, lines that end with LF or CR LF,
 * empty lines (skipped), a quote in the middle of a field that is a quote and nothing else.
 *
 * A mistake costs one line: where a quote is never closed, or what it swallowed fits no row, only the line with the opening quote is lost and reading goes on with the one behind it.
 */

export const QUOTE = 0x22;
const SPACE = 0x20;
export const SEPARATORS = ['\t', ';', '|', ','] as const;
/** No table has more columns: beyond it they are counted, not kept. */
export const MAX_COLUMNS = 16_384;

/** What `RecordReader.next` found: a record, a line that is none (`fault` says why), or nothing before `load` brings more. */
export type Found = 'record' | 'fault' | 'more';

export class RecordReader {
  readonly window: TextWindow;
  /** Field i of the record is `bytes[starts[i], ends[i])`, or of `unquoted` where `kinds[i]` is 2. Good until the next `next` or `load`. */
  starts = new Int32Array(64);
  ends = new Int32Array(64);
  /** 0 plain, 1 quoted, 2 quoted with doubled quotes that were undone. */
  kinds = new Uint8Array(64);
  unquoted: Uint8Array = new Uint8Array(0);
  /** Number of fields, which may be more than are kept. */
  count = 0;
  /** Line on which the record or fault begins. */
  line = 1;
  fault = '';
  /** The input ended with this record, without a line end. */
  unended = false;
  #from = 0;
  #lines = 0;
  #nextLine = 1;
  #unquotedUsed = 0;
  readonly #separator: number;
  readonly #skipSpaces: boolean;

  constructor(source: ByteSource | TextWindow, separator: number, options: TextWindowOptions = {}) {
    this.window = source instanceof TextWindow ? source : new TextWindow(source, options);
    this.#separator = separator;
    this.#skipSpaces = separator !== SPACE;
  }

  get bytes(): Uint8Array {
    return this.window.bytes;
  }

  /** The bytes that field i is in. */
  bytesOf(i: number): Uint8Array {
    return this.kinds[i] === 2 ? this.unquoted : this.window.bytes;
  }

  /** The record as it stands in the text, for keeping. */
  get from(): number {
    return this.#from;
  }

  get to(): number {
    return this.window.from;
  }

  /** Goes back behind a sample. */
  rewind(from: number, line = 1): void {
    this.window.from = from;
    this.#nextLine = line;
    this.unended = false;
  }

  /** Brings more of the input; false at its end. A line that is longer than the window is told to `tally` and skipped. */
  async load(tally: RowTally): Promise<boolean> {
    const { window } = this;
    if (window.overlong || window.to - window.from === window.bytes.length) {
      const reason = `longer than ${counted(window.maxLineBytes, 'byte')}`;
      tally.add(rejectOf(this.#nextLine++, reason, window.bytes, window.from, window.to));
      await window.skipLine();
      return true;
    }
    const before = window.ended;
    for (;;) {
      if (await window.fill()) return true;
      // The last record may wait only to hear that nothing comes behind it.
      if (window.ended) return !before && window.to > window.from;
    }
  }

  next(): Found {
    const { window } = this;
    const { bytes } = window;
    const separator = this.#separator;
    for (;;) {
      const { from, to } = window;
      if (from === to) return 'more';
      this.line = this.#nextLine;
      this.#from = from;
      this.#lines = 1;
      this.#unquotedUsed = 0;
      this.count = 0;
      let at = from;
      // One turn per field.
      for (;;) {
        let begin = at;
        if (this.#skipSpaces) while (begin < to && bytes[begin] === SPACE) begin++;
        if (begin < to && bytes[begin] === QUOTE) {
          at = this.#quoted(begin + 1, to);
          if (at === OPEN) return window.ended || this.#isFull() ? this.#faulty('a quote that is not closed') : 'more';
          if (at === BAD) return this.#faulty(`text behind the closing quote of column ${this.count + 1}`);
        } else {
          begin = at;
          let byte = -1;
          while (at < to) {
            byte = bytes[at] as number;
            if (byte === separator || byte === LF) break;
            at++;
          }
          this.#field(begin, at > begin && (at === to || byte === LF) && bytes[at - 1] === CR ? at - 1 : at, 0);
        }
        if (at === to) {
          if (!window.ended) return 'more';
          this.unended = true;
          break;
        }
        if (bytes[at++] === LF) break;
        if (at === to && window.ended) {
          // A separator is the last byte: an empty field stands behind it.
          this.#field(at, at, 0);
          this.unended = true;
          break;
        }
      }
      window.from = at;
      this.#nextLine += this.#lines;
      if (this.count > 1 || this.kinds[0] !== 0 || this.starts[0] !== this.ends[0]) return 'record';
    }
  }

  /** Loses only the first line of the record in hand, where it has several. False where it has one: then it is lost whole already. */
  dropToSecondLine(): boolean {
    if (this.#lines === 1) return false;
    this.window.from = this.window.lineEnd(this.#from) + 1;
    this.#nextLine = this.line + 1;
    return true;
  }

  #isFull(): boolean {
    const { window } = this;
    return window.to - window.from === window.bytes.length && window.lineEnd(window.from) >= 0;
  }

  #faulty(reason: string): Found {
    const { window } = this;
    this.fault = reason;
    const end = window.lineEnd(this.#from);
    this.unended = end < 0;
    window.from = end < 0 ? window.to : end + 1;
    this.#nextLine = this.line + 1;
    return 'fault';
  }

  #field(from: number, to: number, kind: number): void {
    if (this.count === this.starts.length && this.count < MAX_COLUMNS) {
      const room = 2 * this.count;
      const starts = new Int32Array(room);
      const ends = new Int32Array(room);
      const kinds = new Uint8Array(room);
      starts.set(this.starts);
      ends.set(this.ends);
      kinds.set(this.kinds);
      this.starts = starts;
      this.ends = ends;
      this.kinds = kinds;
    }
    if (this.count < this.starts.length) {
      this.starts[this.count] = from;
      this.ends[this.count] = to;
      this.kinds[this.count] = kind;
    }
    this.count++;
  }

  /** Takes the quoted field whose text begins at `from` and returns where its separator or line end is, or `OPEN` or `BAD`. */
  #quoted(from: number, to: number): number {
    const { bytes, ended } = this.window;
    let at = from;
    let doubled = 0;
    for (;;) {
      while (at < to && bytes[at] !== QUOTE) {
        if (bytes[at] === LF) this.#lines++;
        at++;
      }
      if (at === to || (at + 1 === to && !ended)) return OPEN;
      if (bytes[at + 1] !== QUOTE || at + 1 === to) break;
      doubled++;
      at += 2;
    }
    const end = at++;
    if (this.#skipSpaces) while (at < to && bytes[at] === SPACE) at++;
    const lineEnd = bytes[at] === CR && at + 1 < to && bytes[at + 1] === LF ? at + 1 : at;
    if (lineEnd < to && bytes[lineEnd] !== this.#separator && bytes[lineEnd] !== LF) {
      // A carriage return with its line feed not here yet.
      if (bytes[at] === CR && at + 1 === to && !ended) return OPEN;
      if (!(bytes[at] === CR && at + 1 === to)) return BAD;
    }
    if (lineEnd === to && !ended) return OPEN;
    if (doubled === 0) this.#field(from, end, 1);
    else this.#undouble(from, end);
    return bytes[at] === CR && at + 1 === to ? to : lineEnd;
  }

  #undouble(from: number, end: number): void {
    const need = this.#unquotedUsed + end - from;
    if (need > this.unquoted.length) {
      const grown = new Uint8Array(Math.max(2 * this.unquoted.length, need, 1024));
      grown.set(this.unquoted.subarray(0, this.#unquotedUsed));
      this.unquoted = grown;
    }
    const { bytes } = this.window;
    const begin = this.#unquotedUsed;
    let n = begin;
    for (let i = from; i < end; i++) {
      this.unquoted[n++] = bytes[i] as number;
      if (bytes[i] === QUOTE) i++;
    }
    this.#unquotedUsed = n;
    this.#field(begin, n, 2);
  }
}

const OPEN = -1;
const BAD = -2;

/** A source of bytes that are all here: for looking at a head. */
export function bytesSource(bytes: Uint8Array, name = 'head'): ByteSource {
  let at = 0;
  return {
    name,
    compression: '',
    totalBytes: bytes.length,
    bytesTaken: () => at,
    read: (into) => {
      const n = Math.min(into.length, bytes.length - at);
      into.set(bytes.subarray(at, at + n));
      at += n;
      return n;
    },
    close: () => undefined,
  };
}

/** How well a separator fits a text. */
export interface SeparatorFit {
  readonly separator: string;
  /** Fields that most records have. */
  readonly fields: number;
  /** Share of the records that have as many, 0..1. */
  readonly share: number;
  /** Whether the first record has as many. */
  readonly first: boolean;
}

const LOOKED_AT = 200;

/**
 * The separator that splits most records of the text into the same number of fields, at least two, the first record among them; of equal ones the rarer character in prose. Undefined
 * where none does. @param window filled; its position is left as it is
 */
export function fitSeparator(window: TextWindow): SeparatorFit | undefined {
  let best: SeparatorFit | undefined;
  for (const separator of SEPARATORS) {
    const fit = fitOf(window, separator);
    if (fit === undefined) continue;
    const isBetter =
      best === undefined || (fit.first && !best.first) || (fit.first === best.first && fit.share > best.share + 0.02);
    if (isBetter) best = fit;
  }
  return best;
}

function fitOf(window: TextWindow, separator: string): SeparatorFit | undefined {
  const { from } = window;
  const reader = new RecordReader(window, separator.charCodeAt(0));
  const counts = new Map<number, number>();
  let first = 0;
  let records = 0;
  while (records < LOOKED_AT) {
    const found = reader.next();
    if (found === 'more') break;
    records++;
    const fields = found === 'fault' ? 0 : reader.count;
    if (first === 0 && !(reader.bytes[reader.from] === 0x23 && fields < 2)) first = fields;
    counts.set(fields, (counts.get(fields) ?? 0) + 1);
  }
  window.from = from;
  let fields = 0;
  let most = 0;
  for (const [n, times] of counts) {
    if (n < 2 || times < most || (times === most && n < fields)) continue;
    fields = n;
    most = times;
  }
  return most === 0 ? undefined : { separator, fields, share: most / records, first: first === fields };
}
