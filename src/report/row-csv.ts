import { isoTime, type Table } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { textCell } from './csv.ts';

/**
 * rows.csv: every row that was analysed, in the order in which it was, with its number in the run, its own columns as they were read, what was measured on it, and the model's score. Cells are those of
 * every CSV here: no formula, no control character, missing is empty. Columns of times are written in ISO 8601.
 */

const TIME_UNIT = 'ms since 1970 UTC';

/** The first line. A feature that has the name of a column is called `feature:<name>`, and what this file adds `run:row` and `model:score` where the table has such columns. */
export function rowCsvHeader(
  { columns }: { readonly columns: readonly { readonly name: string }[] },
  features: readonly { readonly name: string }[],
): string {
  const own = columns.map(({ name }) => name);
  const taken = new Set(own);
  const free = (kind: string, name: string): string => {
    let free = taken.has(name) ? `${kind}:${name}` : name;
    while (taken.has(free)) free = `${kind}:${free}`;
    taken.add(free);
    return free;
  };
  const row = free('run', 'row');
  const score = free('model', 'score');
  const names = [row, ...own, ...features.map(({ name }) => free('feature', name)), score];
  return `${names.map(textCell).join(',')}\n`;
}

/** The lines of a batch. @param scores one per row, NaN where it has none; undefined where no model scored. */
export function rowCsvLines(
  table: Table,
  features: FeatureMatrix,
  scores: Float64Array | undefined,
  rowNumbers: ArrayLike<number>,
): string {
  const width = features.features.length;
  const times = table.schema.columns.map(({ kind, unit }) => kind !== 'string' && unit === TIME_UNIT);
  let text = '';
  for (let row = 0; row < table.rowCount; row++) {
    text += rowNumbers[row] ?? '';
    for (let c = 0; c < table.columns.length; c++) {
      const value = table.value(c, row);
      text += ',';
      if (value === undefined) continue;
      if (typeof value === 'string') text += textCell(value);
      else if (Number.isFinite(value)) text += times[c] === true ? isoTime(value) : value;
    }
    for (let j = 0; j < width; j++) {
      const value = features.values[row * width + j] ?? Number.NaN;
      text += Number.isNaN(value) ? ',' : `,${Number(value.toPrecision(7))}`;
    }
    const score = scores?.[row] ?? Number.NaN;
    text += Number.isNaN(score) ? ',\n' : `,${Number(score.toFixed(6))}\n`;
  }
  return text;
}
