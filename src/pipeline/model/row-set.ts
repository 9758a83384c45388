import { randomInt } from 'node:crypto';
import { type Json, nearest, type Schema, safeText, Table, takeRows, UserError } from '../../core/index.ts';
import { FEATURE_PACKS, type Feature, type FeatureMatrix, type FlowFeatureName } from '../../feature/index.ts';
import { FLOW_SCHEMA, FlowTable, type FlowTableOptions } from '../../flow/index.ts';
import { type ColumnType, type Reject, ScratchFile } from '../../io/index.ts';
import type { Model } from '../../model/index.ts';
import type { InputSummary } from '../../report/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet, OddityCounter, TimeBase } from '../../wire/index.ts';
import { orderByEnd, type Progress } from '../analyze.ts';
import type { ClassifiedInput } from '../classify.ts';
import { readInputs, wasStopped } from '../read.ts';
import { FlowStore } from '../store.ts';
import { measureRows, memoryRows } from '../table/measure.ts';
import { autoPlan, type TablePlan } from '../table/plan.ts';
import { openTables, readRows } from '../table/read.ts';
import { takeFeatures } from './criterion.ts';
import { columnLabels, type LabelOptions, Labels } from './label.ts';

/** What a model's rows are: conversations, whatever they were read from, or the rows of a table of any columns. */
export type RowKind = 'flows' | 'rows';

export interface RowSetOptions {
  readonly inputs: readonly ClassifiedInput[];
  /** What the inputs are to be read as; told from the inputs where absent. */
  readonly rows?: RowKind | undefined;
  /** Written definitions; without them the flow pack for flows and every column for a table. */
  readonly plan?: ((schema: Schema, encoding: Json | undefined) => TablePlan) | undefined;
  /** The rows are for a new model: features that say nothing yet are left out, as the time of day within two days. */
  readonly fitting?: boolean | undefined;
  /** What a model was fitted with, where rows are to be measured for one. */
  readonly encoding?: Json | undefined;
  /** Columns of a table that are no features: labels, row numbers. */
  readonly without?: readonly string[] | undefined;
  /** Column of a table that holds labels: no feature either. */
  readonly label?: string | undefined;
  /**
   * How the rows of a table are measured is learned on those alone that their labels call ordinary: how rare a text is among the attacks is not to be known. Written definitions learn on all
   * rows nevertheless.
   */
  readonly ordinary?: LabelOptions | undefined;
  /** Default: private addresses. */
  readonly homeNet?: readonly string[] | undefined;
  readonly flow?: Partial<FlowTableOptions> | undefined;
  /** Types that the user states, by column name. */
  readonly types?: Readonly<Record<string, ColumnType>> | undefined;
  /** Format that the user states for all inputs. */
  readonly as?: string | undefined;
  /** Folder for the scratch file that large inputs need. */
  readonly scratchFolder: string;
  readonly seed?: number | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly onReject?: ((input: string, reject: Reject) => void) | undefined;
  /** Stops the reading; what was read until then is there. */
  readonly signal?: AbortSignal | undefined;
}

/** Rows with their features. Valid until the next is asked for. */
export interface RowBatch {
  readonly table: Table;
  /** As the model sees them. */
  readonly features: FeatureMatrix;
  /** Number of each row in the input, from 1; of a flow its id. */
  readonly rows: Float64Array;
}

/** All rows of the inputs, measured; in memory, or in a scratch file where they are many. */
export interface RowSet {
  readonly kind: RowKind;
  readonly schema: Schema;
  readonly features: readonly Feature[];
  /** Rows that were read, and of these the ones that filters left and that are measured. */
  readonly read: number;
  readonly count: number;
  /** Column of the time; undefined where there is none. */
  readonly time: string | undefined;
  /** Column that says who acts. */
  readonly entity: string | undefined;
  readonly span: { readonly firstMs: number; readonly lastMs: number } | undefined;
  readonly inputs: readonly InputSummary[];
  /** What the operator should know: rows that could not be kept, caps that were reached. */
  readonly notes: readonly string[];
  readonly stopped: boolean;
  /** What was learned to measure the features. */
  encoding(): Json | undefined;
  batches(): Iterable<RowBatch>;
  /**
   * Learns from some rows alone how others are measured, so that nothing of the rows that are to be judged is known beforehand. Undefined where measuring learns nothing, or not apart from filters
   * and windows over all rows.
   */
  readonly learnOn?: ((rows: Table) => (others: Table) => FeatureMatrix) | undefined;
  close(): void;
}

/**
 * Reads and measures all inputs. Rejects with UserError where none can be read, a column of `without` is not there, the inputs are not of the kind that is wanted, or they do not fit the encoding.
 */
export async function openRows(options: RowSetOptions): Promise<RowSet> {
  const kind = options.rows ?? kindOf(options.inputs);
  if (kind === 'flows') {
    const table = options.inputs.find(isTable);
    if (table !== undefined)
      throw new UserError(
        `${table.name}: a table, but the model was fitted on flows`,
        'give captures or logs of flows, or a model that was fitted on a table of these columns',
      );
    return options.plan === undefined ? await packRows(options) : await plannedFlows(options, options.plan);
  }
  const capture = options.inputs.find(({ format, rows }) => format?.openTable === undefined && rows === undefined);
  if (capture !== undefined && options.rows === 'rows')
    throw (
      capture.unreadable ??
      new UserError(
        `${capture.name}: no table, but the model was fitted on one`,
        'give a table of the same columns, or a model that was fitted on flows',
      )
    );
  return await tableRows(options);
}

/** Whether an input can be nothing but a table. */
function isTable({ format, isTable: hasNoFlows }: ClassifiedInput): boolean {
  return format !== undefined && (!format.flows || hasNoFlows === true);
}

/** What inputs are by themselves: rows of a table where one of them can be nothing else. */
export function kindOf(inputs: readonly ClassifiedInput[]): RowKind {
  return inputs.some(isTable) ? 'rows' : 'flows';
}

// ---------------------------------------------------------------------------------------------------------------- flows

const FLOW_TIME = 'startMs';
const FLOW_ENTITY = 'initiator';
const HOUR_FEATURES: readonly string[] = ['flow.hour-sin', 'flow.hour-cos'] satisfies readonly FlowFeatureName[];
const HOURS_FROM_MS = 172_800_000;

/** Flows with the features of the flow pack. */
async function packRows(options: RowSetOptions): Promise<RowSet> {
  const home = homeOf(options.homeNet);
  const [pack] = FEATURE_PACKS;
  if (pack === undefined) throw new Error('there is no feature pack');
  const measurer = pack.create({ isHome: (address) => home.has(address) });
  const store = new FlowStore(pack.features, () => new ScratchFile(options.scratchFolder));
  try {
    let values: Float32Array | undefined;
    const read = await readFlows(options, (table) => {
      const features = measurer.measure(table, orderByEnd(table), values);
      const copied = store.append({ table, features });
      values = copied && features.values.length > (values?.length ?? 0) ? features.values : copied ? values : undefined;
      return copied;
    });
    // Within two days the hour only says when the capture was made, and every later one would be strange.
    const spanMs = read.span === undefined ? 0 : read.span.lastMs - read.span.firstMs;
    const hasHours = options.fitting !== true || spanMs >= HOURS_FROM_MS;
    const kept = Int32Array.from(pack.features.keys()).filter(
      (j) => hasHours || !HOUR_FEATURES.includes(pack.features[j]?.name ?? ''),
    );
    return {
      kind: 'flows',
      schema: FLOW_SCHEMA,
      features: [...kept].flatMap((j) => pack.features[j] ?? []),
      count: read.read - store.refusedRows,
      time: FLOW_TIME,
      entity: FLOW_ENTITY,
      ...read,
      notes: [
        ...refusals(store),
        ...(hasHours ? [] : ['the time of day is no feature: it says something from two days on']),
        ...measurer
          .saturations()
          .map(({ what, cap, refused }) => `${refused} were refused: there is room for ${cap} ${what}`),
      ],
      encoding: () => undefined,
      *batches() {
        for (const { table, features } of store.chunks())
          yield {
            table,
            features: hasHours ? features : takeFeatures(features, kept),
            rows: Float64Array.from(table.numbers('id').values),
          };
      },
      close: () => store.close(),
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Flows with the features of written definitions. */
async function plannedFlows(options: RowSetOptions, makePlan: NonNullable<RowSetOptions['plan']>): Promise<RowSet> {
  const plan = makePlan(FLOW_SCHEMA, options.encoding);
  const raw = new FlowStore([], () => new ScratchFile(options.scratchFolder), memoryRows(FLOW_SCHEMA), FLOW_SCHEMA);
  try {
    const read = await readFlows(options, (table) => raw.append({ table, features: noFeatures(table) }));
    for (const { table } of raw.chunks()) {
      await plan.prepare?.(table);
      plan.learn(table);
    }
    return await measured(raw, plan, read, 'flows', FLOW_SCHEMA, options);
  } finally {
    raw.close();
  }
}

interface ReadFlows {
  readonly read: number;
  readonly span: RowSet['span'];
  readonly inputs: readonly InputSummary[];
  readonly stopped: boolean;
}

/** @param onTable true where the table was copied, so that its arrays may be used again */
async function readFlows(options: RowSetOptions, onTable: (table: Table) => boolean): Promise<ReadFlows> {
  const { inputs, flow = {}, onProgress, signal, as, onReject } = options;
  const base = new TimeBase();
  const oddities = new OddityCounter();
  const flowTable = new FlowTable(base, oddities, { hashSeed: randomInt(2 ** 31), ...flow });
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  const take = (table: Table): void => {
    const times = table.numbers(FLOW_TIME);
    for (let row = 0; row < table.rowCount; row++) {
      const at = table.number(FLOW_TIME, row);
      if (at === undefined || times.values.length === 0) continue;
      firstMs = Math.min(firstMs, at);
      lastMs = Math.max(lastMs, at);
    }
    if (onTable(table)) flowTable.recycle(table);
  };
  flowTable.onTable = take;
  const summaries = await readInputs(
    inputs.map(({ name }) => name),
    base,
    oddities,
    flowTable,
    onProgress,
    signal,
    { rows: { as, classified: inputs, onReject, onFlows: take } },
  );
  flowTable.finish();
  return {
    read: flowTable.rows,
    span: firstMs <= lastMs ? { firstMs, lastMs } : undefined,
    inputs: summaries,
    stopped: wasStopped(summaries),
  };
}

// ---------------------------------------------------------------------------------------------------------------- tables

async function tableRows(options: RowSetOptions): Promise<RowSet> {
  const { inputs, types, signal, onReject, scratchFolder, onProgress, label, encoding } = options;
  const without = [...(options.without ?? []), ...(label === undefined ? [] : [label])];
  const ordinary = options.plan === undefined && encoding === undefined ? options.ordinary : undefined;
  const reading = {
    inputs,
    scratchFolder,
    types,
    ...(signal === undefined ? {} : { signal }),
    ...(onReject === undefined ? {} : { onReject }),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
  const sources = await openTables(reading, new OddityCounter());
  let raw: FlowStore | undefined;
  try {
    const schema = sources.find(({ source }) => source !== undefined)?.source?.schema;
    if (schema === undefined) throw new UserError('there is no table to read', 'give a file, as in rows.csv');
    for (const name of without)
      needColumn(schema, name, `--${name === label ? 'label-column' : 'without'} ${safeText(name, 60)}`);
    const plan = options.plan === undefined ? planWithout(schema, without, encoding) : options.plan(schema, encoding);
    const store = new FlowStore([], () => new ScratchFile(scratchFolder), memoryRows(schema), schema);
    raw = store;
    let rows = 0;
    const summaries = await readRows(sources, reading, (table) => {
      rows += table.rowCount;
      if (plan.prepare === undefined && ordinary === undefined) plan.learn(table);
      store.append({ table, features: noFeatures(table) });
    });
    if (ordinary !== undefined) {
      const labels = Labels.of(
        { batches: () => store.chunks() },
        columnLabels({ schema }, ordinary.column),
        ordinary.normal,
      );
      for (const { table } of store.chunks()) plan.learn(takeRows(table, ordinaryRows(table, labels)));
    }
    if (plan.prepare !== undefined)
      for (const { table } of store.chunks()) {
        await plan.prepare(table);
        plan.learn(table);
      }
    const read = { read: rows, span: undefined, inputs: summaries, stopped: wasStopped(summaries) };
    const set = await measured(store, plan, read, 'rows', schema, options);
    if (options.plan !== undefined) return set;
    return Object.defineProperty(set, 'learnOn', {
      value: (learned: Table) => {
        const own = planWithout(schema, without, undefined);
        own.learn(learned);
        return (others: Table) => own.encode(own.measure(others));
      },
    });
  } finally {
    raw?.close();
    for (const { source } of sources) source?.close();
  }
}

function ordinaryRows(table: Table, labels: Labels): Int32Array {
  const rows = Int32Array.from({ length: table.rowCount }, (_, row) => row);
  return rows.filter((row) => labels.isNormal(labels.code(table, row)));
}

/** Throws a UserError with the nearest name unless the table has the column. @param what as the message begins. */
export function needColumn(schema: Schema, name: string, what: string): void {
  if (schema.columns.some((column) => column.name === name)) return;
  const names = schema.columns.map((column) => column.name);
  // Tables without a header have columns by number.
  const near = /^\d+$/.test(name) ? names[Number(name) - 1] : nearest(name, names);
  const listed = names.slice(0, 20).map((one) => safeText(one, 40));
  throw new UserError(
    `${what}: there is no column '${safeText(name, 60)}'`,
    near === undefined
      ? `the columns are ${listed.join(', ')}${names.length > listed.length ? ' ...' : ''}`
      : `did you mean '${safeText(near, 60)}'?`,
  );
}

/** Every column as a feature but the ones named. */
function planWithout(schema: Schema, without: readonly string[], encoding: Json | undefined): TablePlan {
  const left = new Set(without);
  if (left.size === 0) return autoPlan(schema, encoding);
  const kept = schema.columns.flatMap(({ name }, c) => (left.has(name) ? [] : [c]));
  const narrow: Schema = { ...schema, columns: schema.columns.filter(({ name }) => !left.has(name)) };
  const cut = (table: Table): Table =>
    new Table(
      narrow,
      table.rowCount,
      kept.flatMap((c) => table.columns[c] ?? []),
    );
  const plan = autoPlan(narrow, encoding);
  const { categories, weights, entity, time, cuts, flagList } = plan;
  // Not spread: the features are known once all rows were learned, and asking settles them.
  return {
    categories,
    weights,
    entity,
    time,
    cuts,
    flagList,
    get features() {
      return plan.features;
    },
    get modelFeatures() {
      return plan.modelFeatures;
    },
    learn: (table) => plan.learn(cut(table)),
    keep: (rows) => plan.keep(rows),
    measure: (rows) => plan.measure(cut(rows)),
    groupColumns: (rows, matrix) => plan.groupColumns(cut(rows), matrix),
    flag: (rows, numbers) => plan.flag(rows, numbers),
    encode: (features) => plan.encode(features),
    encoding: () => plan.encoding(),
    finish: () => plan.finish(),
  };
}

// ---------------------------------------------------------------------------------------------------------------- both

async function measured(
  raw: FlowStore,
  plan: TablePlan,
  read: ReadFlows,
  kind: RowKind,
  schema: Schema,
  options: RowSetOptions,
): Promise<RowSet> {
  const { scratchFolder, onProgress, seed } = options;
  const rows = await measureRows(raw, plan, read.read, schema, {
    scratchFolder,
    ...(seed === undefined ? {} : { seed }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  return {
    kind,
    schema,
    get features() {
      return plan.modelFeatures;
    },
    read: read.read,
    count: rows.kept - rows.store.refusedRows,
    time: plan.time,
    entity: plan.entity,
    span: read.span ?? rows.span,
    inputs: read.inputs,
    notes: [...refusals(raw), ...refusals(rows.store)],
    stopped: read.stopped,
    encoding: () => plan.encoding(),
    *batches() {
      let done = 0;
      for (const { table, features } of rows.store.chunks()) {
        let encoded: FeatureMatrix | undefined;
        yield {
          table,
          get features() {
            encoded ??= plan.encode(features);
            return encoded;
          },
          rows:
            kind === 'flows'
              ? Float64Array.from(table.numbers('id').values)
              : rows.rowNumbers.subarray(done, done + table.rowCount),
        };
        done += table.rowCount;
      }
    },
    close: () => rows.store.close(),
  };
}

function noFeatures(table: Table): FeatureMatrix {
  return { features: [], rowCount: table.rowCount, values: new Float32Array(0) };
}

function refusals({ refusedRows, failure }: FlowStore): string[] {
  return refusedRows === 0
    ? []
    : [
        `${refusedRows} rows could not be kept (${safeText(failure?.message ?? 'the disk failed', 200)}) and are left out`,
      ];
}

function homeOf(homeNet: readonly string[] = DEFAULT_HOME_NETWORKS): { has(address: string): boolean } {
  const home = NetworkSet.parse(homeNet);
  if (home === undefined)
    throw new UserError(
      `--home-net ${safeText(homeNet.join(','), 200)}: not all of these are networks`,
      'give networks in CIDR notation, as in 192.168.0.0/16,fd00::/8',
    );
  return home;
}

/** Throws a UserError where the rows lack a feature that the model was fitted on. */
export function needFeatures(model: Model, set: Pick<RowSet, 'features'>): void {
  const there = new Set(set.features.map(({ name }) => name));
  const absent = model.featureNames.find((name) => !there.has(name));
  if (absent !== undefined)
    throw new UserError(
      `the model was fitted on a feature '${safeText(absent, 60)}', which is not measured here`,
      'give the definitions that it was fitted with (--features), or a model that was fitted on such an input',
    );
}
