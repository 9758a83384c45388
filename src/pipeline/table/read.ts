import { type Table, UserError } from '../../core/index.ts';
import { openInput, type Reject, type TableSource } from '../../io/index.ts';
import type { InputSummary } from '../../report/index.ts';
import type { OddityCounter } from '../../wire/index.ts';
import { readTables } from '../rows.ts';
import type { AnalyzeTableOptions } from './analyze.ts';

/** Opens all inputs as tables. Rejects with UserError where one can't be, or where they have different columns. */
export async function openTables(options: AnalyzeTableOptions, oddities: OddityCounter): Promise<TableSource[]> {
  const sources: TableSource[] = [];
  try {
    for (const { name, format, source, rows } of options.inputs) {
      if (rows !== undefined) {
        sources.push(rows);
        continue;
      }
      if (format?.openTable === undefined)
        throw new UserError(
          `${name}: cannot be read as a table`,
          'captures and tables are analysed apart: give files of one kind',
        );
      const open = {
        oddities,
        types: options.types,
        signal: options.signal,
        onReject: options.onReject === undefined ? undefined : (reject: Reject) => options.onReject?.(name, reject),
      };
      sources.push(await format.openTable(source ?? (await openInput(name, { signal: options.signal })), open));
    }
    const [first, ...others] = sources;
    for (const other of others) if (first !== undefined) assertSame(first, other);
    return sources;
  } catch (error) {
    for (const source of sources) source.close();
    throw error;
  }
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

/** Reads them one after the other. */
export async function readRows(
  sources: readonly TableSource[],
  { onProgress, signal }: AnalyzeTableOptions,
  onTable: (table: Table) => void,
): Promise<InputSummary[]> {
  const summaries: InputSummary[] = [];
  let rows = 0;
  let bytes = 0;
  for (const source of sources) {
    summaries.push(
      await readTables(
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
              packets: rows,
              flows: rows,
            }),
        },
      ),
    );
    bytes += source.bytesTaken();
  }
  return summaries;
}
