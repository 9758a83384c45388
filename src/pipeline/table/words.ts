import { counted, safeText } from '../../core/index.ts';
import type { Model } from '../../model/index.ts';
import type { InputSummary, TableSummary } from '../../report/index.ts';
import { LEAST_FIT_ROWS } from '../fit-sample.ts';

/** What there is to say of a table beside what was found. */

/** Why there is no incident to show. */
export function emptyBecause({ rows, kept, flags, strangest }: TableSummary, model: Model | undefined): string {
  if (rows === 0) return 'The input holds no rows.';
  if (kept === 0) return `The filters left none of the ${rows.toLocaleString('en-US')} rows.`;
  const listed = strangest.length === 0 ? '' : '; the strangest rows are listed all the same';
  const asked = flags.length === 0 ? 'No flag was defined' : 'No flag fired';
  const modelled =
    model === undefined
      ? `no model of the usual was fitted, which takes ${LEAST_FIT_ROWS} rows and a feature`
      : 'no one has more strange rows than chance gives';
  return `${asked}, and ${modelled}${listed}.`;
}

/** What could not be seen, each one sentence. */
export function blindSpots(
  { rows, kept, columns }: TableSummary,
  inputs: readonly InputSummary[],
  model: Model | undefined,
  unsorted: number,
): string[] {
  const spots: string[] = [];
  const rejected = inputs.reduce((sum, input) => sum + (input.rejected ?? 0), 0);
  if (rejected > 0)
    spots.push(`${counted(rejected, 'line or record', 'lines or records')} could not be read and stand in no count.`);
  const failed = inputs.filter(({ status }) => status === 'failed').length;
  if (failed > 0) spots.push(`${counted(failed, 'input')} could not be read at all.`);
  const cut = inputs.filter(({ status }) => status === 'cut').length;
  if (cut > 0) spots.push(`${counted(cut, 'input')} ended early; what came after is unknown.`);
  if (kept < rows)
    spots.push(
      `The filters left out ${counted(rows - kept, 'row')}; nothing was looked for in ${rows - kept === 1 ? 'it' : 'them'}.`,
    );
  if (unsorted > 0)
    spots.push(
      `${counted(unsorted, 'row')} ${unsorted === 1 ? 'is' : 'are'} earlier than the row before, and the table is too large to be sorted in memory; windows took the rows as they came.`,
    );
  if (rows > 0 && model === undefined)
    spots.push(`No model of the usual was fitted: that takes ${LEAST_FIT_ROWS} rows and a feature that differs.`);
  const empty = columns.filter(({ missing }) => missing === rows).length;
  if (rows > 0 && empty > 0) spots.push(`${empty} of ${columns.length} columns have no value in any row.`);
  spots.push('Rows of a table were looked at for themselves; the detectors of network traffic did not run on them.');
  return spots;
}

/** What the scratch file had no room for: the rows as they were read, and what was measured on them. */
export function refusalWords(
  stores: readonly { readonly refusedRows: number; readonly failure: Error | undefined }[],
): string[] {
  return stores.flatMap(({ refusedRows, failure }) =>
    refusedRows === 0
      ? []
      : `The scratch file could not grow (${safeText(failure?.message ?? 'unknown reason', 200)}), so ${counted(refusedRows, 'row')} ${refusedRows === 1 ? 'is' : 'are'} missing from rows.csv and ${refusedRows === 1 ? 'was' : 'were'} not scored by the model.`,
  );
}
