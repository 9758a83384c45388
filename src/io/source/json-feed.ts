import { counted } from '../../core/index.ts';
import type { ByteSource } from './input.ts';
import { JsonScanner, space } from './json-record.ts';
import { CR, LF, LineReader, rejectOf, TextWindow } from './lines.ts';
import { MAX_REJECTS_SHOWN, type Reject, type TableStatus } from './table-source.ts';

/**
 * JSON objects one after the other, out of bytes: one to a line (NDJSON), or an array of them, or one behind the other in any layout. One record at most is held, of at most
 * `MAX_LINE_BYTES`. What cannot be read is rejected with its line and the reading goes on: at the next line, or, where records have many lines, at the next line that
 * begins an object as far from the margin as the last one.
 */

export type JsonLayout = 'lines' | 'document';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
/** Brackets within brackets that are followed in search of the end of a record. */
const MAX_NESTING = 256;
/** Lines of the head that are looked at for one that is an object. */
const LINES_TRIED = 20;

/** UTF-8 of a head that may be in UTF-16. */
export function plainHead(head: Uint8Array): Uint8Array {
  if (head.length >= 2 && ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)))
    return Buffer.from(new TextDecoder(head[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(head));
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? head.subarray(3) : head;
}

/** How the JSON in a head is laid out; undefined where it is none. `head` is the first 64 KiB of the input, or all of it. */
export function jsonLayout(head: Uint8Array): JsonLayout | undefined {
  const bytes = plainHead(head);
  const from = space(bytes, 0, bytes.length);
  const first = bytes[from];
  const scanner = new JsonScanner();
  if (first === OPEN_ARRAY) {
    const inside = space(bytes, from + 1, bytes.length);
    return inside === bytes.length || bytes[inside] === OPEN_OBJECT || bytes[inside] === CLOSE_ARRAY
      ? 'document'
      : undefined;
  }
  let at = from;
  let firstIsOpen = false;
  for (let line = 0; line < LINES_TRIED && at < bytes.length; line++) {
    const lf = bytes.indexOf(LF, at);
    const end = lf < 0 ? bytes.length : lf;
    if (space(bytes, at, end) < end) {
      if (scanner.scan(bytes, at, end)) return 'lines';
      const isOpen = scanner.error.startsWith('ends');
      // An object that goes on for more than the head, whatever its layout.
      if (line === 0 && lf < 0 && isOpen && first === OPEN_OBJECT) return 'lines';
      if (line === 0) firstIsOpen = isOpen && first === OPEN_OBJECT;
      // The second line of an object in many lines is a key; of a line that was cut, the next record.
      else if (firstIsOpen && bytes[space(bytes, at, end)] === QUOTE) return 'document';
    }
    at = end + 1;
  }
  return firstIsOpen ? 'document' : undefined;
}

export interface JsonFeedOptions {
  readonly onReject?: ((reject: Reject) => void) | undefined;
  readonly maxLineBytes?: number | undefined;
  /** For inputs that are read one after the other with the same keys. */
  readonly scanner?: JsonScanner | undefined;
}

/**
 * ```
 * do while (feed.next()) use(feed.scanner, feed.bytes); while (await feed.fill());
 * ```
 * The bytes and the scanner's leaves are good until the next `next` or `fill`.
 */
export class JsonFeed {
  readonly source: ByteSource;
  readonly layout: JsonLayout;
  readonly scanner: JsonScanner;
  /** Number of the line that the record begins in, from 1. */
  line = 0;
  /** The record is `bytes[recordFrom, recordTo)`. */
  recordFrom = 0;
  recordTo = 0;
  rejected = 0;
  readonly rejects: Reject[] = [];
  #cut: string | undefined;
  #stillWritten = false;
  #ended = false;
  readonly #onReject: ((reject: Reject) => void) | undefined;
  readonly #lines: LineReader | undefined;
  readonly #window: TextWindow;
  #index = 0;

  // Of a document: the record that begins at window.from, as far as it was followed.
  #nextLine = 1;
  #followed = 0;
  #depth = 0;
  #inText = false;
  #recordLines = 0;
  #skipping = false;
  /** White space before the record in its line; -1 where something else stands there. */
  #margin = 0;
  /** Nothing but white space stands between the beginning of the line and the window. */
  #atLineStart = true;
  /** Bytes before the window in its line. */
  #column = 0;
  readonly #nesting = new Uint8Array(MAX_NESTING + 1);

  constructor(source: ByteSource, layout: JsonLayout, options: JsonFeedOptions = {}) {
    const { onReject, maxLineBytes, scanner = new JsonScanner() } = options;
    this.scanner = scanner;
    this.source = source;
    this.layout = layout;
    this.#onReject = onReject;
    if (layout === 'lines') {
      this.#lines = new LineReader(source, { maxLineBytes, onReject: (reject) => this.#count(reject) });
      this.#window = this.#lines.window;
    } else this.#window = new TextWindow(source, { maxLineBytes });
  }

  get bytes(): Uint8Array {
    return this.#window.bytes;
  }

  /** The next record of what has been read; false where there is none, and `fill` must be asked. */
  next(): boolean {
    return this.#lines === undefined ? this.#nextOfDocument() : this.#nextLineOf(this.#lines);
  }

  /** Reads on. False at the end. Rejects with a UserError where the input fails before it gave anything. */
  async fill(): Promise<boolean> {
    if (this.#ended) return false;
    const window = this.#window;
    if (this.#lines !== undefined) {
      this.#index = 0;
      if ((await this.#lines.next()) > 0) return true;
      this.#end();
      return false;
    }
    if (
      window.to - window.from >= window.bytes.length &&
      !this.#recover('longer than the most that a record may have')
    ) {
      const { bytes, from, to } = window;
      this.#count(rejectOf(this.#nextLine, `longer than ${counted(window.maxLineBytes, 'byte')}`, bytes, from, to));
      this.#skipping = true;
      this.#nextLine += this.#recordLines;
      this.#recordLines = 0;
      window.from = window.to;
      this.#followed = 0;
    }
    if (await window.fill()) return true;
    if (!window.ended) return true;
    if (space(window.bytes, window.from, window.to) < window.to && this.#depth > 0) {
      const wasInText = this.#inText;
      if (this.#recover('ends within a record')) return true;
      const { bytes, from, to } = window;
      if (!this.#skipping)
        this.#cutAt(
          rejectOf(this.#nextLine, wasInText ? 'ends within a text' : 'ends within a record', bytes, from, to),
        );
      else this.#cut ??= 'the input ends within a record';
      window.from = window.to;
    } else if (this.#skipping) this.#cut ??= 'the input ends within a record';
    this.#end();
    return false;
  }

  /** What there is to say of the input so far; `rows` is the caller's. */
  status(rows: number, notes: readonly string[] = []): TableStatus {
    const said = [...(this.#cut === undefined ? [] : [this.#cut]), ...notes];
    if (this.#stillWritten) said.unshift('the last line is still being written, and was left out');
    const { duplicateKeys, refusedKeys } = this.scanner;
    if (duplicateKeys > 0) said.push(`${counted(duplicateKeys, 'key')} stood twice in an object: the last counts`);
    if (refusedKeys > 0)
      said.push(
        `${counted(refusedKeys, 'value')} left out, with more than 4,096 different keys or longer than 256 bytes`,
      );
    return {
      rows,
      rejected: this.rejected,
      rejects: this.rejects,
      state: this.#cut === undefined ? 'whole' : 'cut',
      ...(said.length === 0 ? {} : { message: said.join('; ') }),
    };
  }

  /** Rejects the record that `next` gave, for a reason that only its reader knows. */
  reject(reason: string): void {
    this.#count(rejectOf(this.line, reason, this.bytes, this.recordFrom, this.recordTo));
  }

  /** The same of a record that was kept. */
  rejectKept(line: number, reason: string, record: Uint8Array): void {
    this.#count(rejectOf(line, reason, record, 0, record.length));
  }

  #count(reject: Reject): void {
    this.rejected++;
    if (this.rejects.length < MAX_REJECTS_SHOWN) this.rejects.push(reject);
    this.#onReject?.(reject);
  }

  #cutAt(reject: Reject): void {
    if (this.source.growing?.() === true) {
      this.#stillWritten = true;
      return;
    }
    this.#cut ??= `the input ends within a record, in line ${reject.line}`;
    this.#count(reject);
  }

  #end(): void {
    this.#ended = true;
    if (this.#window.failure !== undefined) this.#cut = this.#window.failure;
  }

  #nextLineOf(lines: LineReader): boolean {
    const { scanner } = this;
    while (this.#index < lines.count) {
      const i = this.#index++;
      const from = lines.starts[i]!;
      const to = lines.ends[i]!;
      const { bytes } = lines;
      this.line = lines.firstLine + i;
      if (scanner.scan(bytes, from, to)) {
        this.recordFrom = from;
        this.recordTo = to;
        return true;
      }
      if (space(bytes, from, to) === to) continue;
      const reject = rejectOf(this.line, this.#reason(), bytes, from, to);
      if (lines.lastUnended && i === lines.count - 1 && scanner.error.startsWith('ends')) this.#cutAt(reject);
      else this.#count(reject);
    }
    return false;
  }

  /** What the scanner says, with the column; with the line too where that is not the one that the record begins in. */
  #reason(): string {
    const { bytes, from } = this.#window;
    const { errorAt, error } = this.scanner;
    if (this.layout === 'lines') return `column ${errorAt + 1}: ${error}`;
    let lines = 0;
    let column = this.#column + errorAt + 1;
    for (let at = from; at < from + errorAt; at++)
      if (bytes[at] === LF) {
        lines++;
        column = from + errorAt - at;
      }
    return `${lines === 0 ? '' : `line ${this.#nextLine + lines}, `}column ${column}: ${error}`;
  }

  #nextOfDocument(): boolean {
    const window = this.#window;
    for (;;) {
      if (this.#depth === 0 && !this.#begin()) return false;
      const end = this.#follow();
      if (end === 0) return false;
      if (this.#skipping) {
        this.#skipping = false;
        this.#takeUpTo(end);
        continue;
      }
      const { bytes, from } = window;
      if (end > 0 && this.scanner.scan(bytes, from, end)) {
        this.line = this.#nextLine;
        this.recordFrom = from;
        this.recordTo = end;
        this.#takeUpTo(end);
        return true;
      }
      if (this.#recover(end > 0 ? this.#reason() : 'brackets that do not match')) continue;
      const stop = end > 0 ? end : from + this.#followed;
      this.#count(rejectOf(this.#nextLine, end > 0 ? this.#reason() : 'brackets that do not match', bytes, from, stop));
      this.#takeUpTo(stop);
    }
  }

  #takeUpTo(end: number): void {
    const { bytes, from } = this.#window;
    this.#column = this.#recordLines === 0 ? this.#column + end - from : end - 1 - bytes.lastIndexOf(LF, end - 1);
    this.#window.from = end;
    this.#nextLine += this.#recordLines;
    this.#recordLines = 0;
    this.#followed = 0;
    this.#depth = 0;
    this.#inText = false;
    this.#atLineStart = false;
  }

  /** Goes to the next object; what else stands there than brackets of the array around, commas and white space is rejected. */
  #begin(): boolean {
    const window = this.#window;
    const { bytes, to } = window;
    let at = window.from;
    let junk = -1;
    let isBlank = this.#atLineStart;
    let lineStart = at;
    while (at < to && bytes[at] !== OPEN_OBJECT) {
      const c = bytes[at]!;
      const isBetween = c <= 0x20 || c === COMMA || c === OPEN_ARRAY || c === CLOSE_ARRAY;
      if (isBetween && c !== 0x20 && junk >= 0) {
        this.#count(rejectOf(this.#nextLine, 'no JSON object', bytes, junk, at));
        junk = -1;
      } else if (!isBetween && junk < 0) junk = at;
      if (c === LF) {
        this.#nextLine++;
        isBlank = true;
        lineStart = at + 1;
        this.#column = 0;
      } else {
        if (c > 0x20) isBlank = false;
        this.#column++;
      }
      at++;
    }
    this.#atLineStart = isBlank;
    if (at < to) this.#margin = isBlank ? at - lineStart : -1;
    if (junk >= 0) this.#count(rejectOf(this.#nextLine, 'no JSON object', bytes, junk, at));
    window.from = at;
    return at < to;
  }

  /** Follows the record to its end. 0: it goes on behind the window. -1: its brackets do not match. */
  #follow(): number {
    const window = this.#window;
    const { bytes, to } = window;
    const nesting = this.#nesting;
    let depth = this.#depth;
    let inText = this.#inText;
    let at = window.from + this.#followed;
    let result = 0;
    for (; at < to; at++) {
      const c = bytes[at]!;
      if (inText) {
        if (c === QUOTE) inText = false;
        else if (c === BACKSLASH) {
          // The escaped byte is not here yet.
          if (at + 1 >= to) break;
          if (bytes[at + 1] !== LF && bytes[at + 1] !== CR) at++;
        } else if (c === LF) {
          // No text goes beyond its line: this one was not closed.
          inText = false;
          this.#recordLines++;
        }
        continue;
      }
      if (c === QUOTE) inText = true;
      else if (c === LF) this.#recordLines++;
      else if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
        if (depth === MAX_NESTING) {
          result = -1;
          break;
        }
        nesting[++depth] = c + 2;
      } else if (c === CLOSE_OBJECT || c === CLOSE_ARRAY) {
        if (nesting[depth] !== c && !this.#skipping) {
          result = -1;
          break;
        }
        if (--depth === 0) {
          at++;
          result = at;
          break;
        }
      }
    }
    this.#depth = depth;
    this.#inText = inText;
    this.#followed = at - window.from;
    if (result === 0 && this.#skipping) {
      this.#nextLine += this.#recordLines;
      this.#recordLines = 0;
      window.from = at;
      this.#followed = 0;
    }
    return result;
  }

  /** Looks, in what is left of a record that cannot be read, for a line that begins an object as near to the margin: rejects what stands before it and goes on there. */
  #recover(reason: string): boolean {
    const window = this.#window;
    const { bytes, from } = window;
    if (this.#skipping) return false;
    const to = Math.min(window.to, from + this.#followed);
    const most = this.#margin < 0 ? 1 : this.#margin;
    let lines = 0;
    for (let at = bytes.indexOf(LF, from); at >= 0 && at < to; at = bytes.indexOf(LF, at + 1)) {
      lines++;
      let begin = at + 1;
      while (begin < to && (bytes[begin] === 0x20 || bytes[begin] === 0x09)) begin++;
      if (begin >= to || bytes[begin] !== OPEN_OBJECT || begin - at - 1 > most) continue;
      this.#margin = begin - at - 1;
      this.#count(rejectOf(this.#nextLine, reason, bytes, from, at));
      this.#recordLines = lines;
      this.#takeUpTo(begin);
      return true;
    }
    return false;
  }
}
