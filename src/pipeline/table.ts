import { type Analyst, createRuleAnalyst, type JudgedIncident } from '../analyst/index.ts';
import {
  concatTables,
  counted,
  isValid,
  quantileSorted,
  Random,
  Reservoir,
  type Schema,
  type Table,
  takeRows,
  UserError,
} from '../core/index.ts';
import { type Detection, recordOf, StrangeRecords } from '../detect/index.ts';
import { AutoFeatures, type Feature, type FeatureMatrix, TIME_UNIT } from '../feature/index.ts';
import { groupDetections, type Severity, WHOLE_TABLE } from '../incident/index.ts';
import { openInput, type Reject, ScratchFile, type TableSource } from '../io/index.ts';
import {
  type Clustering,
  clusterRows,
  type GowerColumn,
  loadModel,
  type Model,
  suspectCluster,
} from '../model/index.ts';
import type {
  AnalysisResult,
  ClusterSummary,
  InputSummary,
  StrangeRow,
  TableFeature,
  TableFlag,
  TableSummary,
  Timeline,
} from '../report/index.ts';
import { OddityCounter } from '../wire/index.ts';
import type { Progress } from './analyze.ts';
import type { ClassifiedInput } from './classify.ts';
import { FitSample, LEAST_FIT_ROWS } from './fit-sample.ts';
import { readTables } from './rows.ts';
import { FlowStore } from './store.ts';
import { nextTurn, TURN_MS } from './turn.ts';
import { productVersion } from './version.ts';

/** A flag that fired for somebody, as the definitions found it. */
export interface FlagHit {
  readonly name: string;
  readonly severity: Severity;
  readonly description: string;
  /** What the flag says, its placeholders filled in. Text from outside may stand in it. */
  readonly message: string;
  /** Who it is about; undefined where nobody said who acts. */
  readonly entity: string | undefined;
  /** The rows that it rests on, in order, as numbers in the run: the first of them, and how many there are. */
  readonly rows: readonly number[];
  readonly rowCount: number;
  /** Epoch ms of the first and the last of them; absent where rows have no time. */
  readonly firstMs?: number;
  readonly lastMs?: number;
}

/**
 * What is measured on the rows of a table and asked of them: written definitions, or nothing but the columns (`autoPlan`). The table is looked at twice where
 * `learn` is there, once otherwise, and rows come in order of time where the table has one and fits into memory.
 */
export interface TablePlan {
  readonly features: readonly Feature[];
  /** By name of the feature; 1 where absent. */
  readonly weights: ReadonlyMap<string, number>;
  /** Column that says who acts, and column of the time. */
  readonly entity: string | undefined;
  readonly time: string | undefined;
  /** A first look at all rows, before any is measured. */
  learn?(table: Table): void;
  /** The rows that the filters keep, in order; undefined for all. */
  keep?(table: Table): Int32Array | undefined;
  measure(table: Table): FeatureMatrix;
  /** What the groups are made by; without it all features as numbers. One column per entry, of the batch last measured. */
  groupColumns?(table: Table, features: FeatureMatrix): readonly GowerColumn[];
  /** Sees every kept batch after it was measured, with the numbers of its rows. */
  flag?(table: Table, features: FeatureMatrix, rowNumbers: Float64Array): void;
  flags?(): readonly FlagHit[];
  readonly filters?: () => TableSummary['filters'];
  /** All flags that were asked, whether they fired or not. */
  readonly flagList?: readonly Pick<TableFlag, 'name' | 'severity' | 'description'>[];
  readonly saturations?: () => AnalysisResult['run']['saturations'];
  /** Numbers of clusters to cut into. */
  readonly cuts?: readonly number[];
}

export interface AnalyzeTableOptions {
  readonly inputs: readonly ClassifiedInput[];
  /** Default 42. */
  readonly seed?: number;
  readonly types?: Parameters<NonNullable<ClassifiedInput['format']>['openTable'] & {}>[1]['types'];
  /** Makes the plan for the schema of the inputs; without it every column is a feature. */
  readonly plan?: (schema: Schema) => TablePlan;
  readonly model?: { readonly name: string; readonly bytes: Uint8Array };
  readonly analyst?: Analyst;
  readonly scratchFolder: string;
  /** Told of every kept batch in order, with its features, scores and the numbers of its rows. */
  readonly onRows?: (
    table: Table,
    features: FeatureMatrix,
    scores: Float64Array | undefined,
    rows: Float64Array,
  ) => void;
  readonly onReject?: (input: string, reject: Reject) => void;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface TableAnalysis {
  readonly result: AnalysisResult;
  readonly model: Model | undefined;
}

const DEFAULT_SEED = 42;
/** A table of so many rows is put in order of time in memory; a longer one stays in its own order. */
const SORT_ROWS = 200_000;
/** Rows that are put into groups; of more a uniform sample is, and the report says so. */
const GROUP_ROWS = 20_000;
const TREE_LEAVES = 40;

/**
 * Rows of tables in, ranked and explained incidents out. All inputs must have the same columns. Memory is bounded: rows wait in a scratch file where they are many.
 * Throws UserError when no input could be read, or when they are of different columns.
 */
export async function analyzeTable(options: AnalyzeTableOptions): Promise<TableAnalysis> {
  const { seed = DEFAULT_SEED, analyst = createRuleAnalyst(), onProgress } = options;
  const oddities = new OddityCounter();
  const sources = await openAll(options, oddities);
  const [first] = sources;
  if (first === undefined)
    throw new UserError('there is no table to analyse', 'give a file: anomalyst analyze rows.csv');
  const { schema } = first;
  const plan = options.plan?.(schema) ?? autoPlan(schema);
  const raw = new FlowStore([], () => new ScratchFile(options.scratchFolder), 200_000, schema);
  const columns = new ColumnCounts(schema);
  try {
    const summaries = await readAll(sources, options, (table) => {
      columns.observe(table);
      plan.learn?.(table);
      raw.append({ table, features: { features: [], rowCount: table.rowCount, values: new Float32Array(0) } });
    });
    const measured = await measureRows(raw, plan, columns.rows, schema, options);
    raw.close();
    try {
      const model = fitOrLoad(options, plan, measured.sample, seed);
      const timeOf = (table: Table) => timeReader(table, plan.time);
      const strange = model === undefined ? undefined : new StrangeRecords(model);
      let done = 0;
      let turn = performance.now();
      for (const { table, features } of measured.store.chunks()) {
        const rows = measured.rowNumbers.subarray(done, done + table.rowCount);
        const scores = model?.score(features);
        if (scores !== undefined)
          strange?.observe(
            { table, rowNumbers: rows, entity: entityReader(table, plan.entity), time: timeOf(table) },
            features,
            scores,
          );
        options.onRows?.(table, features, scores, rows);
        done += table.rowCount;
        if (performance.now() - turn > TURN_MS) {
          onProgress?.(scoringProgress(done, measured.kept));
          await nextTurn();
          turn = performance.now();
        }
      }
      const groups = groupRows(measured, plan, seed);
      const hits = plan.flags?.() ?? [];
      const detections: Detection[] = [
        ...hits.map((hit) => flagDetection(hit, measured)),
        ...(strange?.finish() ?? []),
        ...groupDetection(groups, measured),
      ];
      const incidents: JudgedIncident[] = [];
      for (const incident of groupDetections(detections, { context: { isHome: () => true } }))
        incidents.push({ ...incident, verdict: await analyst.judge(incident) });
      const saturations = [...(strange?.saturations() ?? []), ...(plan.saturations?.() ?? [])];
      const table: TableSummary = {
        rows: columns.rows,
        kept: measured.kept,
        columns: columns.summary(),
        features: measured.features.summary(plan.weights),
        filters: plan.filters?.() ?? [],
        flags: flagSummary(plan, hits),
        strangest: (strange?.strangest() ?? []).map(strangeRow),
        ...(groups === undefined ? {} : { clusters: clusterSummary(groups) }),
      };
      const counts = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
      for (const incident of incidents) counts[incident.severity]++;
      const { span } = measured;
      const result: AnalysisResult = {
        run: {
          tool: { name: 'anomalyst', version: productVersion() },
          inputs: summaries,
          ...(span === undefined ? {} : { firstMs: span.firstMs, lastMs: span.lastMs }),
          packets: 0,
          bytes: 0,
          flows: 0,
          hosts: 0,
          otherFrames: [],
          homeNet: [],
          seed,
          ...(model === undefined ? {} : { model: modelSummary(model, options.model?.name) }),
          saturations,
          severityCounts: counts,
          ...(incidents.length > 0 ? {} : { emptyBecause: emptyBecause(table, model) }),
          blindSpots: blindSpots(table, summaries, model, measured.unsorted),
        },
        oddities: oddities.list().map(({ firstFrame: _frame, firstInput: _input, ...oddity }) => oddity),
        incidents,
        hosts: [],
        timeline: measured.timeline,
        table,
      };
      return { result, model };
    } finally {
      measured.store.close();
    }
  } finally {
    raw.close();
    for (const source of sources) source.close();
  }
}

// ----------------------------------------------------------------------------------------------------------------------- reading

async function openAll(options: AnalyzeTableOptions, oddities: OddityCounter): Promise<TableSource[]> {
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

async function readAll(
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

// --------------------------------------------------------------------------------------------------------------------- measuring

interface MeasuredRows {
  readonly store: FlowStore;
  readonly sample: FitSample;
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

async function measureRows(
  raw: FlowStore,
  plan: TablePlan,
  rowCount: number,
  schema: Schema,
  options: AnalyzeTableOptions,
): Promise<MeasuredRows> {
  const { seed = DEFAULT_SEED } = options;
  const { features } = plan;
  const store = new FlowStore(features, () => new ScratchFile(options.scratchFolder), 50_000, schema);
  const sample = new FitSample(features, seed);
  const counts = new FeatureCounts(features, seed);
  const groups = new GroupSample(seed);
  const times = new TimeCounts();
  const rowNumbers = new Float64Array(rowCount);
  let kept = 0;
  let turn = performance.now();
  for (const { table, first, order } of inTimeOrder(raw, rowCount, plan.time, schema)) {
    const rows = plan.keep?.(table);
    const left = rows === undefined ? table : takeRows(table, rows);
    if (left.rowCount === 0) continue;
    for (let i = 0; i < left.rowCount; i++) {
      const at = rows === undefined ? i : (rows[i] ?? 0);
      rowNumbers[kept + i] = 1 + (order === undefined ? first + at : (order[first + at] ?? 0));
    }
    const numbers = rowNumbers.subarray(kept, kept + left.rowCount);
    const matrix = plan.measure(left);
    plan.flag?.(left, matrix, numbers);
    sample.offer(matrix);
    counts.observe(matrix);
    times.observe(left, timeReader(left, plan.time));
    groups.offer(left, matrix, numbers, plan);
    store.append({ table: left, features: matrix });
    kept += left.rowCount;
    if (performance.now() - turn > TURN_MS) {
      options.onProgress?.(scoringProgress(kept, rowCount));
      await nextTurn();
      turn = performance.now();
    }
  }
  return {
    store,
    sample,
    features: counts,
    rowNumbers: rowNumbers.subarray(0, kept),
    kept,
    span: times.span,
    timeline: times.timeline(),
    unsorted: times.backwards,
    groups,
  };
}

function scoringProgress(done: number, total: number): Progress {
  return { stage: 'scoring', input: '', bytes: done, totalBytes: total, packets: done, flows: done };
}

/** The batches, sorted as one where the table has a time and is short enough, with the place of each first row in `order`, or in the table where that is absent. */
function* inTimeOrder(
  raw: FlowStore,
  rowCount: number,
  time: string | undefined,
  schema: Schema,
): Generator<{ readonly table: Table; readonly first: number; readonly order: Int32Array | undefined }> {
  if (time === undefined || rowCount > SORT_ROWS) {
    let first = 0;
    for (const { table } of raw.chunks()) {
      yield { table, first, order: undefined };
      first += table.rowCount;
    }
    return;
  }
  const all = concatTables(
    schema,
    [...raw.chunks()].map(({ table }) => table),
  );
  const at = timeReader(all, time);
  const times = Float64Array.from({ length: rowCount }, (_, row) => at(row) ?? Number.POSITIVE_INFINITY);
  const order = Int32Array.from({ length: rowCount }, (_, row) => row).sort(
    (a, b) => compareNumbers(times[a] ?? 0, times[b] ?? 0) || a - b,
  );
  for (let first = 0; first < rowCount; first += BATCH_ROWS)
    yield { table: takeRows(all, order.subarray(first, first + BATCH_ROWS)), first, order };
}

const BATCH_ROWS = 8192;

function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function timeReader(table: Table, name: string | undefined): (row: number) => number | undefined {
  if (name === undefined || !table.has(name)) return () => undefined;
  const column = table.columns[table.indexOf(name)];
  if (column === undefined || column.kind === 'string') return () => undefined;
  return (row) => (isValid(column, row) ? column.values[row] : undefined);
}

/** Who acts in a row, as text, whatever kind the column is. */
function entityReader(table: Table, name: string | undefined): (row: number) => string | undefined {
  if (name === undefined || !table.has(name)) return () => undefined;
  const index = table.indexOf(name);
  return (row) => {
    const value = table.value(index, row);
    return value === undefined ? undefined : String(value);
  };
}

/** Every column as what it is, where nobody wrote definitions; the first time column orders the rows. */
export function autoPlan(schema: Schema): TablePlan {
  const auto = new AutoFeatures(schema);
  const time = schema.columns.find(({ kind, unit }) => kind !== 'string' && unit === TIME_UNIT)?.name;
  return {
    get features() {
      return auto.features;
    },
    weights: new Map(),
    entity: undefined,
    time,
    learn: (table) => auto.learn(table),
    measure: (table) => auto.measure(table),
    groupColumns: (table, matrix) =>
      auto.origins.map(({ column, category }, j): GowerColumn => {
        const found = table.columns[column];
        return {
          name: matrix.features[j]?.name ?? '',
          kind: category ? 'category' : 'number',
          weight: 1,
          values:
            category && found?.kind === 'string'
              ? Float64Array.from(found.codes, (code) => (code < 0 ? Number.NaN : hashOf(found.dictionary[code] ?? '')))
              : columnOf(matrix, j),
        };
      }),
  };
}

/** A number that stands for a text whatever the batch it is in: 52 bits of FNV-1a and a second hash, for equality alone. */
function hashOf(text: string): number {
  let a = 0x811c9dc5;
  let b = 5381;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = (Math.imul(b, 33) ^ code) | 0;
  }
  return (a >>> 0) * 2 ** 20 + ((b >>> 0) & 0xfffff);
}

function columnOf({ features, rowCount, values }: FeatureMatrix, j: number): Float64Array {
  const width = features.length;
  return Float64Array.from({ length: rowCount }, (_, row) => values[row * width + j] ?? Number.NaN);
}

// ------------------------------------------------------------------------------------------------------------------------ counts

class ColumnCounts {
  readonly #schema: Schema;
  readonly #present: Float64Array;
  rows = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
    this.#present = new Float64Array(schema.columns.length);
  }

  observe(table: Table): void {
    this.rows += table.rowCount;
    table.columns.forEach((column, c) => {
      let present = 0;
      if (column.kind === 'string') {
        for (const code of column.codes) if (code >= 0) present++;
      } else if (column.valid === undefined) present = table.rowCount;
      else for (let row = 0; row < table.rowCount; row++) if (isValid(column, row)) present++;
      this.#present[c] = (this.#present[c] ?? 0) + present;
    });
  }

  summary(): TableSummary['columns'] {
    return this.#schema.columns.map(({ name, kind, unit }, c) => ({
      name,
      kind,
      unit,
      missing: this.rows - (this.#present[c] ?? 0),
    }));
  }
}

/** Rows from which the median of a feature is taken. */
const MEDIAN_ROWS = 10_000;

class FeatureCounts {
  readonly #features: readonly Feature[];
  readonly #reservoir: Reservoir;
  readonly #kept: Float32Array;
  readonly #missing: Float64Array;
  readonly #min: Float64Array;
  readonly #max: Float64Array;

  constructor(features: readonly Feature[], seed: number) {
    const n = features.length;
    this.#features = features;
    this.#reservoir = new Reservoir(MEDIAN_ROWS, new Random(seed));
    this.#kept = new Float32Array(MEDIAN_ROWS * n);
    this.#missing = new Float64Array(n);
    this.#min = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
    this.#max = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
  }

  observe({ rowCount, values }: FeatureMatrix): void {
    const width = this.#features.length;
    for (let row = 0; row < rowCount; row++) {
      const slot = this.#reservoir.offer();
      for (let j = 0; j < width; j++) {
        const value = values[row * width + j] ?? Number.NaN;
        if (slot >= 0) this.#kept[slot * width + j] = value;
        if (Number.isNaN(value)) this.#missing[j] = (this.#missing[j] ?? 0) + 1;
        else {
          if (value < (this.#min[j] ?? 0)) this.#min[j] = value;
          if (value > (this.#max[j] ?? 0)) this.#max[j] = value;
        }
      }
    }
  }

  summary(weights: ReadonlyMap<string, number>): TableFeature[] {
    const width = this.#features.length;
    return this.#features.map(({ name }, j) => {
      const seen: number[] = [];
      for (let slot = 0; slot < this.#reservoir.size; slot++) {
        const value = this.#kept[slot * width + j] ?? Number.NaN;
        if (!Number.isNaN(value)) seen.push(value);
      }
      seen.sort((a, b) => a - b);
      const base = { name, weight: weights.get(name) ?? 1, missing: this.#missing[j] ?? 0 };
      if (seen.length === 0) return base;
      return { ...base, min: this.#min[j] ?? 0, median: quantileSorted(seen, 0.5), max: this.#max[j] ?? 0 };
    });
  }
}

/** Buckets of the timeline of a table. */
const BUCKETS = 120;

class TimeCounts {
  backwards = 0;
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  #before = Number.NEGATIVE_INFINITY;
  /** Rows by minute, coarser as the span grows, so that there are never more than a few thousand. */
  #widthMs = 1000;
  #counts = new Map<number, number>();

  observe(table: Table, timeOf: (row: number) => number | undefined): void {
    for (let row = 0; row < table.rowCount; row++) {
      const time = timeOf(row);
      if (time === undefined || !Number.isFinite(time)) continue;
      if (time < this.#before) this.backwards++;
      this.#before = time;
      if (time < this.#firstMs) this.#firstMs = time;
      if (time > this.#lastMs) this.#lastMs = time;
      const bucket = Math.floor(time / this.#widthMs);
      this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
      if (this.#counts.size > 4096) this.#coarsen();
    }
  }

  #coarsen(): void {
    const counts = new Map<number, number>();
    this.#widthMs *= 4;
    for (const [bucket, count] of this.#counts) {
      const wider = Math.floor(bucket / 4);
      counts.set(wider, (counts.get(wider) ?? 0) + count);
    }
    this.#counts = counts;
  }

  get span(): { firstMs: number; lastMs: number } | undefined {
    return this.#firstMs <= this.#lastMs ? { firstMs: this.#firstMs, lastMs: this.#lastMs } : undefined;
  }

  timeline(): Timeline {
    const { span } = this;
    if (span === undefined) return { startMs: 0, bucketMs: 0, of: 'rows', bytes: [], flows: [] };
    const bucketMs = Math.max(this.#widthMs, Math.ceil((span.lastMs - span.firstMs + 1) / BUCKETS));
    const length = Math.floor((span.lastMs - span.firstMs) / bucketMs) + 1;
    const rows = new Array<number>(length).fill(0);
    for (const [bucket, count] of this.#counts) {
      const at = Math.min(length - 1, Math.max(0, Math.floor((bucket * this.#widthMs - span.firstMs) / bucketMs)));
      rows[at] = (rows[at] ?? 0) + count;
    }
    return { startMs: span.firstMs, bucketMs, of: 'rows', bytes: new Array<number>(length).fill(0), flows: rows };
  }
}

// ------------------------------------------------------------------------------------------------------------------------ groups

/** The rows that are put into groups, column by column. */
class GroupSample {
  readonly #reservoir: Reservoir;
  #columns: {
    readonly name: string;
    readonly kind: GowerColumn['kind'];
    readonly weight: number;
    values: Float64Array;
  }[] = [];
  readonly rows = new Float64Array(GROUP_ROWS);
  readonly entities: (string | undefined)[] = [];
  readonly times: (number | undefined)[] = [];
  #offered = 0;

  constructor(seed: number) {
    this.#reservoir = new Reservoir(GROUP_ROWS, new Random(seed));
  }

  get size(): number {
    return this.#reservoir.size;
  }

  /** Rows that were offered. */
  get offered(): number {
    return this.#offered;
  }

  offer(table: Table, features: FeatureMatrix, numbers: Float64Array, plan: TablePlan): void {
    const columns = plan.groupColumns?.(table, features) ?? featureColumns(features, plan.weights);
    if (this.#columns.length === 0)
      this.#columns = columns.map(({ name, kind, weight }) => ({
        name,
        kind,
        weight,
        values: new Float64Array(GROUP_ROWS),
      }));
    const entity = entityReader(table, plan.entity);
    const time = timeReader(table, plan.time);
    this.#offered += table.rowCount;
    for (let row = 0; row < table.rowCount; row++) {
      const slot = this.#reservoir.offer();
      if (slot < 0) continue;
      this.rows[slot] = numbers[row] ?? 0;
      this.entities[slot] = entity(row);
      this.times[slot] = time(row);
      columns.forEach(({ values }, j) => {
        const column = this.#columns[j];
        if (column !== undefined) column.values[slot] = values[row] ?? Number.NaN;
      });
    }
  }

  columns(): GowerColumn[] {
    return this.#columns
      .filter(({ weight }) => weight > 0)
      .map((column) => ({ ...column, values: column.values.subarray(0, this.size) }));
  }
}

function featureColumns(matrix: FeatureMatrix, weights: ReadonlyMap<string, number>): GowerColumn[] {
  return matrix.features.map(({ name }, j) => ({
    name,
    kind: 'number',
    weight: weights.get(name) ?? 1,
    values: columnOf(matrix, j),
  }));
}

function groupRows(measured: MeasuredRows, plan: TablePlan, seed: number): Groups | undefined {
  const columns = measured.groups.columns();
  const clustering = clusterRows(columns, { seed, ...(plan.cuts === undefined ? {} : { cuts: plan.cuts }) });
  return clustering === undefined ? undefined : { clustering, sample: measured.groups };
}

interface Groups {
  readonly clustering: Clustering;
  readonly sample: GroupSample;
}

function clusterSummary({ clustering, sample }: Groups): ClusterSummary {
  const { map, mapped, cuts, best, rows, merges } = clustering;
  const numberOf = (row: number): number => sample.rows[row] ?? 0;
  const points = Array.from(mapped, (row, i) => ({
    row: numberOf(row),
    x: Number((map.x[i] ?? 0).toFixed(4)),
    y: Number((map.y[i] ?? 0).toFixed(4)),
    labels: cuts.map(({ labels }) => labels[row] ?? 0),
  }));
  return {
    rows: clustering.rowCount,
    measured: rows.length,
    best: best?.k ?? 2,
    cuts: cuts.map(({ k, silhouette, clusters }) => ({
      k,
      silhouette,
      clusters: clusters.map(({ label, size, silhouette: width, medoid, influence }) => ({
        label,
        size,
        silhouette: width,
        medoid: numberOf(medoid),
        influence,
      })),
    })),
    map: { stress: map.stress, points },
    tree: upperTree(merges, rows.length),
  };
}

/** The last joins, and what was below them as branches with so many rows. */
function upperTree(merges: Clustering['merges'], n: number): ClusterSummary['tree'] {
  const top = merges.slice(Math.max(0, merges.length - TREE_LEAVES + 1));
  const firstKept = n + merges.length - top.length;
  const leaves: number[] = [];
  const names = new Map<number, number>();
  const sizeOf = (node: number): number => (node < n ? 1 : (merges[node - n]?.size ?? 1));
  const leafOf = (node: number): void => {
    if (node >= firstKept || names.has(node)) return;
    names.set(node, leaves.length);
    leaves.push(sizeOf(node));
  };
  for (const { left, right } of top) {
    leafOf(left);
    leafOf(right);
  }
  const nameOf = (node: number): number => names.get(node) ?? leaves.length + (node - firstKept);
  return {
    leaves,
    joins: top.map(({ left, right, height }) => ({ left: nameOf(left), right: nameOf(right), height })),
  };
}

/** A group is worth a look where it is small and well parted from the rest. */
const SMALL_SHARE = 0.05;
const WELL_PARTED = 0.5;
const LEAST_ROWS = 50;

function groupDetection(groups: Groups | undefined, measured: MeasuredRows): Detection[] {
  const best = groups?.clustering.best;
  if (groups === undefined || best === undefined || groups.clustering.rowCount < LEAST_ROWS) return [];
  const suspect = suspectCluster(best);
  if (
    suspect === undefined ||
    suspect.silhouette < WELL_PARTED ||
    suspect.size > SMALL_SHARE * groups.clustering.rowCount
  )
    return [];
  const members: number[] = [];
  best.labels.forEach((label, row) => {
    if (label === suspect.label) members.push(row);
  });
  const { sample } = groups;
  const byEntity = new Map<string, number[]>();
  for (const row of members) {
    const entity = sample.entities[row] ?? WHOLE_TABLE;
    const list = byEntity.get(entity) ?? [];
    list.push(row);
    byEntity.set(entity, list);
  }
  const numbers = (list: readonly number[]): number[] => list.map((row) => sample.rows[row] ?? 0).sort((a, b) => a - b);
  const shown = suspect.influence.filter(({ share }) => share >= 0.05).slice(0, 4);
  return [...byEntity].slice(0, MAX_GROUP_ENTITIES).map(([actor, list]): Detection => {
    const times = list.flatMap((row) => sample.times[row] ?? []);
    return {
      kind: 'cluster.outlier',
      detector: 'cluster',
      actor,
      peers: [],
      peerCount: 0,
      firstMs: times.length === 0 ? 0 : Math.min(...times),
      lastMs: times.length === 0 ? 0 : Math.max(...times),
      score: 0.5 * suspect.silhouette,
      reasons: [
        {
          name: 'cluster.size',
          value: suspect.size,
          unit: 'rows',
          sentence: `The group has ${suspect.size} of ${groups.clustering.rowCount} rows.`,
        },
        {
          name: 'cluster.silhouette',
          value: Number(suspect.silhouette.toFixed(3)),
          unit: 'ratio -1..1',
          threshold: WELL_PARTED,
          sentence: `How well it is parted from the others, its mean silhouette, is ${suspect.silhouette.toFixed(2)} of 1.`,
        },
        ...shown.map(({ column, share }) => ({
          name: 'cluster.influence',
          value: column,
          unit: '',
          sentence: `One feature makes up ${Math.round(100 * share)} % of what sets the group apart.`,
        })),
      ],
      flows: [],
      flowCount: 0,
      records: recordsOf(measured, numbers(list).slice(0, EVIDENCE_ROWS)),
      recordCount: list.length,
    };
  });
}

const MAX_GROUP_ENTITIES = 20;
const EVIDENCE_ROWS = 20;

// ------------------------------------------------------------------------------------------------------------------------- flags

function flagDetection(hit: FlagHit, measured: MeasuredRows): Detection {
  const records = recordsOf(measured, hit.rows.slice(0, EVIDENCE_ROWS));
  return {
    kind: 'flag.row',
    detector: 'flag',
    actor: hit.entity ?? WHOLE_TABLE,
    peers: [],
    peerCount: 0,
    firstMs: hit.firstMs ?? 0,
    lastMs: hit.lastMs ?? hit.firstMs ?? 0,
    score: 1,
    reasons: [
      { name: 'flag.name', value: hit.name, unit: '', sentence: 'The flag by the name that its author gave it.' },
      {
        name: 'flag.message',
        value: hit.message,
        unit: '',
        sentence: 'What the flag says stands beside this line, with the values that it found.',
      },
      {
        name: 'flag.description',
        value: hit.description,
        unit: '',
        sentence: 'What the flag is for stands beside this line, in the words of its author.',
      },
      {
        name: 'flag.rows',
        value: hit.rowCount,
        unit: 'rows',
        sentence: `It fired for ${hit.rowCount} ${hit.rowCount === 1 ? 'row' : 'rows'}.`,
      },
      {
        name: 'flag.severity',
        value: hit.severity,
        unit: '',
        sentence: `Its author calls it ${hit.severity}.`,
      },
    ].filter(({ value }) => value !== ''),
    flows: [],
    flowCount: 0,
    records,
    recordCount: hit.rowCount,
  };
}

/** The rows of these numbers, looked up in the store. */
function recordsOf(measured: MeasuredRows, numbers: readonly number[]): Detection['records'] & {} {
  const wanted = new Set(numbers);
  const found = new Map<number, ReturnType<typeof recordOf>>();
  let done = 0;
  for (const { table } of measured.store.chunks()) {
    for (let row = 0; row < table.rowCount; row++) {
      const number = measured.rowNumbers[done + row] ?? 0;
      if (wanted.has(number)) found.set(number, recordOf(table, row, number));
    }
    done += table.rowCount;
    if (found.size === wanted.size) break;
  }
  return numbers.flatMap((number) => found.get(number) ?? []);
}

function flagSummary({ flagList = [] }: TablePlan, hits: readonly FlagHit[]): TableFlag[] {
  return flagList.map(({ name, severity, description }) => {
    const fired = hits.filter((hit) => hit.name === name);
    return {
      name,
      severity,
      description,
      rows: fired.reduce((sum, { rowCount }) => sum + rowCount, 0),
      entities: new Set(fired.flatMap(({ entity }) => entity ?? [])).size,
    };
  });
}

// ------------------------------------------------------------------------------------------------------------------------- model

function fitOrLoad(
  { model }: AnalyzeTableOptions,
  plan: TablePlan,
  sample: FitSample,
  seed: number,
): Model | undefined {
  if (plan.features.length === 0) return undefined;
  if (model === undefined) return sample.fit(seed);
  try {
    return loadModel(model.bytes, { featureNames: plan.features.map(({ name }) => name) });
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${model.name}: ${error.message}`, error.hint);
    throw error;
  }
}

function modelSummary(model: Model, given: string | undefined): NonNullable<AnalysisResult['run']['model']> {
  return {
    kind: model.kind,
    fittedOn: given ?? 'this table',
    rows: model.training.rows,
    features: [...model.featureNames],
    checksum: model.checksum,
  };
}

function strangeRow({ row, score, values, explanation }: ReturnType<StrangeRecords['strangest']>[number]): StrangeRow {
  return {
    row,
    score,
    values,
    contributions: explanation.contributions.slice(0, 5).map(({ feature, value, contribution }) => ({
      feature,
      ...(value === undefined ? {} : { value }),
      contribution,
    })),
  };
}

// ------------------------------------------------------------------------------------------------------------------- what to say

function emptyBecause({ rows, kept, flags }: TableSummary, model: Model | undefined): string {
  if (rows === 0) return 'The input holds no rows.';
  if (kept === 0) return `The filters left none of the ${rows.toLocaleString('en-US')} rows.`;
  const asked = flags.length === 0 ? 'No flag was defined' : 'No flag fired';
  const modelled =
    model === undefined
      ? `no model of the usual was fitted, which takes ${LEAST_FIT_ROWS} rows and a feature`
      : 'no one has more strange rows than chance gives';
  return `${asked}, and ${modelled}; the strangest rows are listed all the same.`;
}

function blindSpots(
  { rows, kept, columns }: TableSummary,
  inputs: readonly InputSummary[],
  model: Model | undefined,
  unsorted: number,
): string[] {
  const spots: string[] = [];
  const rejected = inputs.reduce((sum, input) => sum + (input.rejected ?? 0), 0);
  if (rejected > 0) spots.push(`${counted(rejected, 'line')} could not be read; they are missing from every count.`);
  const cut = inputs.filter(({ status }) => status === 'cut').length;
  if (cut > 0) spots.push(`${cut} of the inputs ended early; what came after is unknown.`);
  if (kept < rows)
    spots.push(`The filters left out ${(rows - kept).toLocaleString('en-US')} rows; nothing was looked for in them.`);
  if (unsorted > 0)
    spots.push(
      `${unsorted.toLocaleString('en-US')} rows stand before the row ahead of them in time, and the table is too long to be sorted in memory; windows took them as they came.`,
    );
  if (rows > 0 && model === undefined)
    spots.push(`No model of the usual was fitted: that takes ${LEAST_FIT_ROWS} rows and a feature that differs.`);
  const empty = columns.filter(({ missing }) => missing === rows).length;
  if (rows > 0 && empty > 0) spots.push(`${empty} of ${columns.length} columns have no value in any row.`);
  spots.push('Rows of a table were looked at for themselves; the detectors of network traffic did not run on them.');
  return spots;
}
