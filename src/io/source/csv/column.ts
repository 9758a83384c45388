import {
  type ColumnSpec,
  decodeText,
  EPOCH_SCALE,
  type EpochUnit,
  epochUnitOf,
  parseInteger,
  parseNumber,
  parseTime,
} from '../../../core/index.ts';
import type { ColumnType } from '../table-source.ts';

/** Columns of delimited text: what their cells are, told from a sample or by the user. */

const FIT_SHARE = 0.99;
const FIT_ALL_BELOW = 100;

/** A cell of the sample. */
export interface Cell {
  readonly bytes: Uint8Array;
  readonly quoted: boolean;
}

export type Cells = 'number' | 'bool' | 'iso' | 'epoch' | 'text';

/** How the cells of a column are read. */
export interface Plan {
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

export type MissingTest = (bytes: Uint8Array, from: number, to: number) => boolean;

const MISSING_WORDS = ['na', 'n/a', 'nan', 'null', '\\n', '-'];

/** Whether an unquoted cell without the spaces around it says that there is nothing. */
export function missingTest(further: readonly string[]): MissingTest {
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
export function boolOf(bytes: Uint8Array, from: number, to: number, digits: boolean): number {
  if (to - from > 5) return Number.NaN;
  const word = decodeText(bytes, from, to).toLowerCase();
  if (TRUE_WORDS.has(word) || (digits && word === '1')) return 1;
  if (FALSE_WORDS.has(word) || (digits && word === '0')) return 0;
  return Number.NaN;
}

/** Spaces and tabs around what `[from, to)` holds. */
export function trimStart(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++;
  return at;
}

export function trimEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = to;
  while (at > from && (bytes[at - 1] === 0x20 || bytes[at - 1] === 0x09)) at--;
  return at;
}

/** An infinity is a number that no column can hold: it speaks for numbers, and its cell is missing. */
function isInfinity(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from <= 9 && to - from >= 3 && /^[+-]?inf(?:inity)?$/i.test(decodeText(bytes, from, to));
}

export function look(rows: readonly Cell[][], column: number, isMissing: MissingTest): Seen {
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

export function fits(times: number, cells: number): boolean {
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

export function planOf(
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
