/**
 * What the line protocols (FTP, SMTP, IMAP, POP3, IRC, ...) share: lines of one side of a connection, the words in them, and runs of commands or replies.
 */

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
/** A run list takes no more runs than this; what comes later is only counted in the total. */
const MAX_RUNS = 256;

/** Walks over the lines in [at, end). A line ends with LF or CR LF; the last one may be cut, because the caller holds only the first bytes of a side. */
export class LineReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** Where the next line begins. */
  next: number;
  /** The current line without its end: [from, to). */
  from: number;
  to: number;
  /** The current line has no end in the bytes that are there. */
  isCut = false;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.end = Math.min(end, bytes.length);
    this.next = at;
    this.from = at;
    this.to = at;
  }

  /** Goes to the next line; false when there is none. */
  read(): boolean {
    if (this.next >= this.end) return false;
    this.from = this.next;
    // Lines are short: a loop costs less than a view of the bytes to search in.
    const { bytes, end } = this;
    let at = this.next;
    while (at < end && bytes[at] !== LF) at++;
    this.isCut = at === end;
    this.to = at;
    this.next = this.isCut ? this.end : this.to + 1;
    if (!this.isCut && this.to > this.from && this.bytes[this.to - 1] === CR) this.to--;
    return true;
  }

  /** True where a TLS record of any length begins instead of a line: text has no byte 20 to 23 at the start of a line. */
  isAtTls(): boolean {
    const { bytes, next, end } = this;
    return end - next >= 3 && bytes[next] >= 20 && bytes[next] <= 23 && bytes[next + 1] === 3 && bytes[next + 2] <= 4;
  }
}

/** True when every byte of [from, to) is printable ASCII, or a tab. */
export function isPrintable(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if ((bytes[i] < 0x20 && bytes[i] !== 9) || bytes[i] > 0x7e) return false;
  return true;
}

/** True when [at, end) begins with `text`, which is given in upper case, whatever the case of the letters there. */
export function startsWith(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  if (end - at < text.length) return false;
  for (let i = 0; i < text.length; i++) {
    const b = bytes[at + i];
    if ((b >= 0x61 && b <= 0x7a ? b - 32 : b) !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** End of the word that begins at `from`: the first space, or `to`. */
export function wordEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== SPACE) at++;
  return at;
}

/** The first place at or behind `from` that is no space, or `to`. */
export function skipSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] === SPACE) at++;
  return at;
}

/** The word at `from` in upper case, or '' when it is longer than `max` or holds anything but letters, digits and '-'. */
export function upperWord(bytes: Uint8Array, from: number, to: number, max = 16): string {
  const end = wordEnd(bytes, from, to);
  if (end - from > max) return '';
  let out = '';
  for (let i = from; i < end; i++) {
    const b = bytes[i];
    const isWord = (b >= 0x30 && b <= 0x39) || (b >= 0x41 && b <= 0x5a) || (b >= 0x61 && b <= 0x7a) || b === 0x2d;
    if (!isWord) return '';
    out += String.fromCharCode(b >= 0x61 ? b - 32 : b);
  }
  return out;
}

/** The decimal number of at most 9 digits that is all of [from, to), or -1. */
export function decimal(bytes: Uint8Array, from: number, to: number): number {
  if (from >= to || to - from > 9) return -1;
  let n = 0;
  for (let i = from; i < to; i++) {
    if (bytes[i] < 0x30 || bytes[i] > 0x39) return -1;
    n = 10 * n + bytes[i] - 0x30;
  }
  return n;
}

/** What came `count` times in a row. */
export interface Run<T extends string | number> {
  readonly name: T;
  readonly count: number;
}

/** Things in the order in which they came, equal neighbours as one run; at most 256 runs. */
export class Runs<T extends string | number> {
  readonly list: { name: T; count: number }[] = [];
  /** How many were added, also those for which there was no room. */
  total = 0;

  add(name: T): void {
    this.total++;
    const last = this.list.at(-1);
    if (last?.name === name && this.list.length < MAX_RUNS) last.count++;
    else if (this.list.length < MAX_RUNS) this.list.push({ name, count: 1 });
  }
}

/** The `index`th thing of a run list, from 0; undefined when there are not so many. */
export function runAt<T extends string | number>(runs: readonly Run<T>[], index: number): T | undefined {
  let left = index;
  for (const { name, count } of runs) {
    if (left < count) return left < 0 ? undefined : name;
    left -= count;
  }
  return undefined;
}

/** 'USER, PASS, NOOP x3', at most `max` runs of them. */
export function runText(runs: readonly Run<string | number>[], max = 12): string {
  const shown = runs.slice(0, max).map(({ name, count }) => (count === 1 ? `${name}` : `${name} x${count}`));
  return `${shown.join(', ')}${runs.length > max ? ', ...' : ''}`;
}

/** Adds to a list that holds each value once and no more than `max`. */
export function addOnce<T>(list: T[], value: T, max: number): void {
  if (list.length < max && !list.includes(value)) list.push(value);
}

/** Lines to bytes, one byte per character, each ended with CR LF. */
export function encodeLines(lines: readonly string[]): Uint8Array {
  const text = lines.map((line) => `${line}\r\n`).join('');
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
