import { decodeText, parseNumber, parseTime, safeText, UserError } from '../../../core/index.ts';
import { fitSeparator, MAX_COLUMNS, RecordReader } from '../delimited.ts';
import type { RowTally, TextWindow } from '../lines.ts';
import { boolOf, type Cell, fits, look, type MissingTest, trimEnd, trimStart } from './column.ts';

/** The first rows of delimited text, and what they tell of it: separator, header, names. */

const SAMPLE_ROWS = 2000;
const MAX_NAME = 200;

export function isBlank(cell: Cell | undefined): boolean {
  return cell === undefined || cell.bytes.length === 0;
}

export async function fillSample(window: TextWindow, tally: RowTally): Promise<void> {
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

export function separatorOf(
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
export function skipPreamble(reader: RecordReader, fields: number): { from: number; line: number } {
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

export function readSample(reader: RecordReader): Cell[][] {
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
export function modeOf(rows: readonly Cell[][]): number {
  const times = new Map<number, number>();
  for (const row of rows) times.set(row.length, (times.get(row.length) ?? 0) + 1);
  return [...times].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0]?.[0] ?? 1;
}

export function namesOf(header: readonly Cell[], width: number): { names: string[]; changed: number } {
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
export function looksLikeHeader(rows: readonly Cell[][], isMissing: MissingTest): boolean {
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
