import {
  ColumnWriter,
  counted,
  decodeText,
  humanCount,
  isUtf8,
  nearest,
  parseNumber,
  parseTime,
  type Schema,
  safeText,
  type Table,
  type TimeShape,
  UserError,
} from '../../../core/index.ts';
import { bytesSource, fitSeparator, MAX_COLUMNS, RecordReader } from '../delimited.ts';
import type { ByteSource } from '../input.ts';
import { RowTally, TextWindow } from '../lines.ts';
import {
  type ColumnType,
  DEFAULT_BATCH_ROWS,
  type TableOpenOptions,
  type TableSource,
  type TableStatus,
} from '../table-source.ts';
import {
  boolOf,
  type Cell,
  type Cells,
  type MissingTest,
  missingTest,
  type Plan,
  planOf,
  trimEnd,
  trimStart,
} from './column.ts';
import {
  fillSample,
  isBlank,
  looksLikeHeader,
  modeOf,
  namesOf,
  readSample,
  separatorOf,
  skipPreamble,
} from './sample.ts';

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

/** A wide table has short batches: so many cells at most. */
const MAX_CELLS = 1 << 22;

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
