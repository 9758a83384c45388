import { concatTables, isValid, type Schema, type Table, takeRows } from '../../core/index.ts';
import { ScratchFile } from '../../io/index.ts';
import type { Timeline } from '../../report/index.ts';
import type { Progress } from '../analyze.ts';
import { copyOf, FlowStore } from '../store.ts';
import { nextTurn, TURN_MS } from '../turn.ts';
import type { AnalyzeTableOptions } from './analyze.ts';
import { FeatureCounts, TimeCounts } from './count.ts';
import { GroupSample } from './group.ts';
import type { TablePlan } from './plan.ts';

/** A table of so many rows, and of so many cells, is kept and put in order of time in memory; a larger one waits in a scratch file, in its own order. */
const MEMORY_ROWS = 200_000;
const MEMORY_CELLS = 10_000_000;
/** Rows that wait in memory with their features. */
const MEASURED_ROWS = 50_000;

/** How many rows of such a table may be in memory, and are put in order of time. */
export function memoryRows({ columns }: Schema, most = MEMORY_ROWS): number {
  return Math.min(most, Math.floor(MEMORY_CELLS / Math.max(1, columns.length)));
}

const DEFAULT_SEED = 42;

export interface MeasuredRows {
  readonly store: FlowStore;
  readonly features: FeatureCounts;
  /** Number in the run of every kept row, in the order of the store. */
  readonly rowNumbers: Float64Array;
  readonly kept: number;
  readonly span: { readonly firstMs: number; readonly lastMs: number } | undefined;
  readonly timeline: Timeline;
  /** Rows whose time was before that of the row before them, where the table was too long to be sorted. */
  readonly unsorted: number;
  /** A uniform sample of rows for the groups: all, up to `GROUP_ROWS`. */
  readonly groups: GroupSample;
}

/** Filters, measures and flags all rows, in order of time where that can be; they stay in a store with their features. */
export async function measureRows(
  raw: FlowStore,
  plan: TablePlan,
  rowCount: number,
  schema: Schema,
  options: Pick<AnalyzeTableOptions, 'seed' | 'scratchFolder' | 'onProgress'>,
): Promise<MeasuredRows> {
  const { seed = DEFAULT_SEED } = options;
  const { features } = plan;
  const store = new FlowStore(
    features,
    () => new ScratchFile(options.scratchFolder),
    memoryRows(schema, MEASURED_ROWS),
    schema,
  );
  const counts = new FeatureCounts(features, seed);
  const groups = new GroupSample(seed);
  const times = new TimeCounts();
  const rowNumbers = new Float64Array(rowCount);
  let kept = 0;
  let turn = performance.now();
  for (const { table, first, order, borrowed } of inTimeOrder(raw, rowCount, plan.time, schema)) {
    await plan.prepare?.(table);
    const { rows: left, order: positions } = plan.keep(table);
    if (left.rowCount === 0) continue;
    for (let i = 0; i < left.rowCount; i++) {
      const at = positions === undefined ? i : (positions[i] ?? 0);
      rowNumbers[kept + i] = 1 + (order === undefined ? first + at : (order[first + at] ?? 0));
    }
    const numbers = rowNumbers.subarray(kept, kept + left.rowCount);
    const matrix = plan.measure(left);
    plan.flag(left, numbers);
    counts.observe(matrix);
    times.observe(left, timeReader(left, plan.time));
    groups.offer(left, matrix, numbers, plan);
    store.append({ table: left, features: matrix, borrowed: borrowed && left === table });
    kept += left.rowCount;
    if (performance.now() - turn > TURN_MS) {
      options.onProgress?.(scoringProgress(kept, rowCount));
      await nextTurn();
      turn = performance.now();
    }
  }
  return {
    store,
    features: counts,
    rowNumbers: rowNumbers.subarray(0, kept),
    kept,
    span: times.span,
    timeline: times.timeline(),
    unsorted: times.backwards,
    groups,
  };
}

export function scoringProgress(done: number, total: number): Progress {
  return { stage: 'scoring', input: '', bytes: done, totalBytes: total, packets: done, flows: done };
}

/** The batches, sorted as one where the table has a time and is short enough, with the place of each first row in `order`, or in the table where that is absent. */
function* inTimeOrder(
  raw: FlowStore,
  rowCount: number,
  time: string | undefined,
  schema: Schema,
): Generator<{
  readonly table: Table;
  readonly first: number;
  readonly order: Int32Array | undefined;
  readonly borrowed: boolean;
}> {
  if (time === undefined || rowCount > memoryRows(schema)) {
    let first = 0;
    for (const { table, borrowed = false } of raw.chunks()) {
      yield { table, first, order: undefined, borrowed };
      first += table.rowCount;
    }
    return;
  }
  const tables: Table[] = [];
  for (const { table, borrowed } of raw.chunks()) tables.push(borrowed === true ? copyOf(table) : table);
  const all = concatTables(schema, tables);
  // The disk may have refused some.
  const n = all.rowCount;
  const at = timeReader(all, time);
  const times = Float64Array.from({ length: n }, (_, row) => at(row) ?? Number.POSITIVE_INFINITY);
  const order = Int32Array.from({ length: n }, (_, row) => row).sort(
    (a, b) => compareNumbers(times[a] ?? 0, times[b] ?? 0) || a - b,
  );
  for (let first = 0; first < n; first += BATCH_ROWS)
    yield { table: takeRows(all, order.subarray(first, first + BATCH_ROWS)), first, order, borrowed: false };
}

const BATCH_ROWS = 8192;

function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Epoch ms of a row; undefined where there is none. */
export function timeReader(table: Table, name: string | undefined): (row: number) => number | undefined {
  if (name === undefined || !table.has(name)) return () => undefined;
  const column = table.columns[table.indexOf(name)];
  if (column === undefined || column.kind === 'string') return () => undefined;
  return (row) => (isValid(column, row) ? column.values[row] : undefined);
}

/** Who acts in a row, as text, whatever kind the column is. */
export function entityReader(table: Table, name: string | undefined): (row: number) => string | undefined {
  if (name === undefined || !table.has(name)) return () => undefined;
  const index = table.indexOf(name);
  return (row) => {
    const value = table.value(index, row);
    return value === undefined ? undefined : String(value);
  };
}
