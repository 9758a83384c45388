import { type Table, UserError } from '../../core/index.ts';
import { openInput, type Reject, type TableSource } from '../../io/index.ts';
import type { InputSummary } from '../../report/index.ts';
import type { OddityCounter } from '../../wire/index.ts';
import type { ClassifiedInput } from '../classify.ts';
import { failedInput, nothingRead, readTables, withoutName } from '../rows.ts';
import type { AnalyzeTableOptions } from './analyze.ts';

/** An input that is open, or why it can't be. */
export interface OpenedTable {
  readonly name: string;
  readonly format: string;
  readonly source: TableSource | undefined;
  /** Rows of a place that gives them, no file. */
  readonly isStream: boolean;
  readonly error: UserError | undefined;
}

/** Opens all inputs as tables. Rejects with UserError where none can be opened, one is no table, or they have different columns. */
export async function openTables(options: AnalyzeTableOptions, oddities: OddityCounter): Promise<OpenedTable[]> {
  const opened: OpenedTable[] = [];
  try {
    for (const input of options.inputs) opened.push(await openTable(input, options, oddities));
    const sources = opened.flatMap(({ source }) => source ?? []);
    const [first, ...others] = sources;
    for (const other of others) if (first !== undefined) assertSame(first, other);
    const error = opened.find((one) => one.error !== undefined)?.error;
    if (first === undefined && error !== undefined) throw error;
    return opened;
  } catch (error) {
    for (const { source } of opened) source?.close();
    throw error;
  }
}

async function openTable(
  { name, format, source, rows }: ClassifiedInput,
  { types, signal, onReject }: AnalyzeTableOptions,
  oddities: OddityCounter,
): Promise<OpenedTable> {
  const id = format?.id ?? '';
  if (rows !== undefined) return { name, format: rows.format, source: rows, isStream: true, error: undefined };
  try {
    const bytes = source ?? (await openInput(name, { signal }));
    if (format?.openTable === undefined) {
      const isEmpty = (await bytes.read(new Uint8Array(1))) === 0;
      bytes.close();
      if (isEmpty) throw new UserError(`${name}: the input is empty (0 bytes)`, 'a table has at least one row');
      throw new NoTable(
        `${name}: cannot be read as a table`,
        'captures and tables are analysed apart: give files of one kind',
      );
    }
    const open = {
      oddities,
      types,
      signal,
      onReject: onReject === undefined ? undefined : (reject: Reject) => onReject(name, reject),
    };
    return { name, format: id, source: await format.openTable(bytes, open), isStream: false, error: undefined };
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof NoTable) throw error;
    return { name, format: id, source: undefined, isStream: false, error: named(name, error) };
  }
}

/** The operator gave inputs of different kinds: nothing is wrong with any of them, so none is left out. */
class NoTable extends UserError {}

function named(name: string, error: UserError): UserError {
  return error.message.includes(name) ? error : new UserError(`${name}: ${error.message}`, error.hint);
}

function assertSame(first: TableSource, other: TableSource): void {
  const wanted = first.schema.columns;
  const there = other.schema.columns;
  const different = wanted.find(({ name, kind }, i) => there[i]?.name !== name || there[i]?.kind !== kind);
  if (different === undefined && wanted.length === there.length) return;
  const at = different === undefined ? wanted.length : wanted.indexOf(different);
  const found = there[at];
  throw new UserError(
    `${other.name}: its columns are not those of ${first.name}: column ${at + 1} is ${found === undefined ? 'not there' : `'${found.name}' (${found.kind})`}, not '${different?.name ?? ''}' (${different?.kind ?? ''})`,
    'analyse them one by one, or state the types of the columns under types: in the definitions',
  );
}

/** Reads them one after the other. One that can't be read is summarised with the reason, and the others go on; rejects with UserError where none could be. */
export async function readRows(
  opened: readonly OpenedTable[],
  { onProgress, signal }: AnalyzeTableOptions,
  onTable: (table: Table) => void,
): Promise<InputSummary[]> {
  const summaries: InputSummary[] = [];
  let rows = 0;
  let bytes = 0;
  let first: UserError | undefined;
  for (const { name, format, source, error, isStream } of opened) {
    try {
      if (source === undefined) throw error;
      const summary = await readTables(
        source,
        (table) => {
          rows += table.rowCount;
          onTable(table);
        },
        {
          signal,
          onProgress: (from) =>
            onProgress?.({
              stage: 'reading',
              input: from.name,
              bytes: bytes + from.bytesTaken(),
              totalBytes: from.totalBytes === undefined ? undefined : bytes + from.totalBytes,
              packets: 0,
              flows: rows,
            }),
        },
      );
      summaries.push(summary);
      // A stretch of a stream has others after it: its report says that nothing came of it.
      if (!isStream) first ??= nothingRead(summary);
      bytes += source.bytesTaken();
    } catch (caught) {
      if (!(caught instanceof UserError)) throw caught;
      first ??= named(name, caught);
      summaries.push(failedInput(name, format, withoutName(caught.message, name)));
    }
  }
  if (first !== undefined && summaries.every(({ status }) => status === 'failed')) throw first;
  return summaries;
}
