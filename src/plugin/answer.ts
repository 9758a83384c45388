import { safeText } from '../core/index.ts';
import type { Frame } from './frame.ts';

/** What comes back from a plugin, checked before anything uses it. Whatever is not as it must be is an `AnswerError`, and the end of that plugin. */
export class AnswerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AnswerError';
  }
}

export type AnswerValue = number | string | boolean;

/** Longest text that a plugin may give as a value or a message; longer ones are cut. */
const MAX_TEXT = 1000;
const MAX_FINDINGS = 1000;
/** Of all findings together. */
const MAX_FINDING_ROWS = 200_000;
const MAX_REASONS = 12;
const MAX_FILES = 20;
const MAX_FILE_BYTES = 32 * 1024 * 1024;

type Plain = Readonly<Record<string, unknown>>;

/** A value of the header itself, never of what it inherits. */
function own(value: Plain, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function record(value: unknown, what: string): Plain {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AnswerError(`${what} is no object`);
  return value as Plain;
}

function list(value: unknown, most: number, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new AnswerError(`${what} is no list`);
  if (value.length > most) throw new AnswerError(`${what} has ${value.length} entries, and ${most} are the most`);
  return value;
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new AnswerError(`${what} is no text`);
  return clean(value);
}

/** A text of a plugin, cut and without characters that steer a terminal. */
function clean(value: string): string {
  return safeText(value, MAX_TEXT);
}

/**
 * The values of a function, one for each row it was asked for; undefined is missing. A number that is not finite is missing.
 * @param gives what the manifest says that it gives
 */
export function readValues(
  { header, parts }: Frame,
  gives: 'number' | 'text' | 'boolean',
  rowCount: number,
): (AnswerValue | undefined)[] {
  const kind = own(header, 'kind');
  if (kind !== gives)
    throw new AnswerError(
      `it gave ${typeof kind === 'string' ? clean(kind.slice(0, 20)) : 'nothing'} values where its manifest says ${gives}`,
    );
  const part = parts[0] ?? new Uint8Array(0);
  const size = gives === 'number' ? 8 : gives === 'text' ? 4 : 1;
  if (part.length !== size * rowCount)
    throw new AnswerError(`it gave ${Math.floor(part.length / size)} values for ${rowCount} rows`);
  if (gives === 'number')
    return Array.from(new Float64Array(part.buffer, part.byteOffset, rowCount), (value) =>
      Number.isFinite(value) ? value : undefined,
    );
  if (gives === 'boolean')
    return Array.from(part, (value) => {
      if (value > 1 && value !== 255) throw new AnswerError(`it gave ${value} where true or false is wanted`);
      return value === 255 ? undefined : value === 1;
    });
  const dictionary = list(own(header, 'dictionary'), rowCount, 'the dictionary of its texts').map((entry) =>
    text(entry, 'an entry of the dictionary of its texts'),
  );
  return Array.from(new Int32Array(part.buffer, part.byteOffset, rowCount), (code) => {
    if (code < -1 || code >= dictionary.length)
      throw new AnswerError(`it gave the text number ${code} of ${dictionary.length}`);
    return code < 0 ? undefined : dictionary[code];
  });
}

/** What a detector or a flag of a plugin says at its end. */
export interface PluginFinding {
  /** Who it is about; undefined where nobody was named. */
  readonly entity: string | undefined;
  /** 0 ordinary to 1 strange. */
  readonly score: number;
  readonly message: string;
  readonly reasons: readonly { readonly name: string; readonly value: number | string; readonly unit: string }[];
  /** Numbers of the rows that it rests on, ascending, each once. */
  readonly rows: readonly number[];
}

/** @param knows whether a row of this number was shown to the plugin */
export function readFindings({ header }: Frame, knows: (row: number) => boolean): PluginFinding[] {
  let left = MAX_FINDING_ROWS;
  return list(own(header, 'findings'), MAX_FINDINGS, 'its list of findings').map((entry, i): PluginFinding => {
    const what = `finding ${i + 1}`;
    const finding = record(entry, what);
    const entity = own(finding, 'entity');
    const score = own(finding, 'score') ?? 1;
    if (typeof score !== 'number' || !(score >= 0 && score <= 1))
      throw new AnswerError(`the score of ${what} is no number from 0 to 1`);
    const rows = list(own(finding, 'rows'), MAX_FINDING_ROWS, `the rows of ${what}`).map((row) => {
      if (typeof row !== 'number' || !Number.isInteger(row) || !knows(row))
        throw new AnswerError(`${what} names a row that it was not shown`);
      return row;
    });
    if (rows.length === 0) throw new AnswerError(`${what} rests on no row`);
    left -= rows.length;
    if (left < 0) throw new AnswerError(`its findings rest on more than ${MAX_FINDING_ROWS} rows`);
    return {
      entity: entity === undefined || entity === null ? undefined : text(entity, `the entity of ${what}`).slice(0, 200),
      score,
      message: text(own(finding, 'message') ?? '', `the message of ${what}`),
      reasons: list(own(finding, 'reasons') ?? [], MAX_REASONS, `the reasons of ${what}`).map((one) => {
        const reason = record(one, `a reason of ${what}`);
        const name = own(reason, 'name');
        if (typeof name !== 'string' || !/^[a-z][a-z0-9_-]{0,39}$/.test(name))
          throw new AnswerError(`a reason of ${what} has no name of small letters, digits, '-' and '_'`);
        const value = own(reason, 'value');
        if (typeof value !== 'string' && (typeof value !== 'number' || !Number.isFinite(value)))
          throw new AnswerError(`the reason '${name}' of ${what} is neither a number nor a text`);
        return {
          name,
          value: typeof value === 'string' ? clean(value) : value,
          unit: text(own(reason, 'unit') ?? '', `the unit of the reason '${name}'`).slice(0, 40),
        };
      }),
      rows: [...new Set(rows)].sort((a, b) => a - b),
    };
  });
}

/** A file of a report. The name has no path. */
export interface PluginFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Files that a report of a plugin gives: their names are one word and an ending, and they are not hidden. */
export function readFiles({ header, parts }: Frame): PluginFile[] {
  const seen = new Set<string>();
  let total = 0;
  return list(own(header, 'files'), MAX_FILES, 'its list of files').map((entry, i): PluginFile => {
    if (typeof entry !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9_-]{0,59}(\.[A-Za-z0-9]{1,10}){1,2}$/.test(entry))
      throw new AnswerError(
        `the name of file ${i + 1} is not letters, digits, '-' and '_' with an ending: ${typeof entry === 'string' ? clean(entry.slice(0, 60)) : typeof entry}`,
      );
    if (seen.has(entry.toLowerCase())) throw new AnswerError(`it gave the file ${entry} twice`);
    seen.add(entry.toLowerCase());
    const bytes = parts[i];
    if (bytes === undefined) throw new AnswerError(`the file ${entry} has no content`);
    total += bytes.length;
    if (total > MAX_FILE_BYTES) throw new AnswerError(`its files are more than ${MAX_FILE_BYTES} bytes`);
    return { name: entry, bytes };
  });
}

/** What a decoder makes of one payload. */
export interface DecodedPayload {
  /** The protocol: a word of letters, digits, '.', '_' and '-', at most 60. */
  readonly name: string;
  readonly summary: string;
  readonly columns: Readonly<Record<string, string>>;
}

const MAX_COLUMNS = 32;

/** One entry for each payload that was asked of; undefined where it is not of the decoder's protocol. */
export function readDecoded({ header }: Frame, count: number): (DecodedPayload | undefined)[] {
  const decoded = list(own(header, 'decoded'), count, 'what it decoded');
  if (decoded.length !== count) throw new AnswerError(`it answered ${decoded.length} of ${count} payloads`);
  return decoded.map(decodedPayload);
}

function decodedPayload(value: unknown): DecodedPayload | undefined {
  if (value === null || value === undefined) return undefined;
  const decoded = record(value, 'what it decoded');
  const columns: Record<string, string> = {};
  const entries = Object.entries(record(own(decoded, 'columns') ?? {}, 'its columns'));
  if (entries.length > MAX_COLUMNS)
    throw new AnswerError(`it gave ${entries.length} columns, and ${MAX_COLUMNS} are the most`);
  for (const [name, column] of entries) {
    if (!/^[a-z][a-zA-Z0-9_-]{0,39}$/.test(name))
      throw new AnswerError(`a column is called ${clean(name.slice(0, 60))}`);
    columns[name] = text(column, `the column ${name}`);
  }
  const name = text(own(decoded, 'name'), 'the name of what it decoded');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/.test(name))
    throw new AnswerError(
      `the name of what it decoded is no word of letters, digits, '.', '_' and '-': ${name.slice(0, 60)}`,
    );
  return {
    name,
    summary: text(own(decoded, 'summary') ?? '', 'the summary of what it decoded'),
    columns,
  };
}

/** What a plugin said when it failed, made safe; undefined for an answer that is none of failure. */
export function failureOf({ header }: Frame): string | undefined {
  const error = own(header, 'error');
  return typeof error === 'string' ? safeText(error, 300) : undefined;
}
