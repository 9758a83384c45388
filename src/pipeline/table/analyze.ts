import type { Analyst } from '../../analyst/index.ts';
import { type Json, type Schema, safeText, type Table, UserError } from '../../core/index.ts';
import { type Detection, StrangeRecords } from '../../detect/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import type { AlertKeeper, Feedback } from '../../incident/index.ts';
import { type ColumnType, type PluginHost, type Reject, ScratchFile } from '../../io/index.ts';
import { loadModel, type Model } from '../../model/index.ts';
import type { AnalysisResult, DriftSummary, StrangeRow, TableSummary } from '../../report/index.ts';
import { OddityCounter } from '../../wire/index.ts';
import type { AnalysisParts, Progress } from '../analyze.ts';
import { assembleResult } from '../assemble.ts';
import type { ClassifiedInput } from '../classify.ts';
import { DriftMeter } from '../drift.ts';
import { FitSample, TABLE_MODEL } from '../fit-sample.ts';
import { inPieces, type LearningBatch, type LearningModel } from '../learning.ts';
import { PluginLooks, pluginBlindSpots } from '../plugin.ts';
import type { RecordKeeper, StoredRecords } from '../record.ts';
import { type FlowChunk, FlowStore } from '../store.ts';
import { nextTurn, TURN_MS } from '../turn.ts';
import { productVersion } from '../version.ts';
import { ColumnCounts } from './count.ts';
import { flagDetection, flagSummary, groupDetections, withEvidence } from './detect.ts';
import { clusterSummary, groupRows } from './group.ts';
import { entityReader, type MeasuredRows, measureRows, memoryRows, scoringProgress, timeReader } from './measure.ts';
import { autoPlan, type TablePlan } from './plan.ts';
import { openTables, readRows } from './read.ts';
import { blindSpots, emptyBecause, refusalWords } from './words.ts';

export interface AnalyzeTableOptions {
  readonly inputs: readonly ClassifiedInput[];
  /** Default 42. */
  readonly seed?: number;
  /** Types that the user states, by column name. */
  readonly types?: Readonly<Record<string, ColumnType>> | undefined;
  /** Makes the plan for the schema of the inputs, with what a given model was fitted with; without it every column is a feature. */
  readonly plan?: (schema: Schema, encoding: Json | undefined) => TablePlan;
  readonly model?: { readonly name: string; readonly bytes: Uint8Array };
  /** As in `AnalyzeOptions`. */
  readonly learning?: LearningModel;
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
  /** Their detectors look at the rows; the plan is asked for their functions. */
  readonly plugins?: PluginHost;
  /** As in `AnalyzeOptions`. */
  readonly feedback?: Feedback;
  readonly keeper?: AlertKeeper;
  readonly records?: RecordKeeper;
  readonly stored?: StoredRecords;
}

export interface TableAnalysis {
  readonly result: AnalysisResult;
  readonly parts: AnalysisParts;
  readonly model: Model | undefined;
}

const DEFAULT_SEED = 42;

/**
 * Rows of tables in, ranked and explained incidents out. All inputs must have the same columns. Memory is bounded: rows wait in a scratch file where they are many.
 * Throws UserError when no input could be read, or when they are of different columns.
 */
export async function analyzeTable(options: AnalyzeTableOptions): Promise<TableAnalysis> {
  const { seed = DEFAULT_SEED, analyst } = options;
  const oddities = new OddityCounter();
  const given = options.model === undefined ? undefined : loadGiven(options.model);
  const { stored, records } = options;
  const sources = stored === undefined ? await openTables(options, oddities) : [];
  const schema = stored?.schema ?? sources.find(({ source }) => source !== undefined)?.source?.schema;
  if (schema === undefined)
    throw new UserError('there is no table to analyse', 'give a file: anomalyst analyze rows.csv');
  const plan = planFor(schema, given, options);
  const raw = new FlowStore([], () => new ScratchFile(options.scratchFolder), memoryRows(schema), schema);
  const columns = new ColumnCounts(schema);
  try {
    const take = (table: Table): void => {
      columns.observe(table);
      if (plan.prepare === undefined) plan.learn(table);
      records?.note(undefined, undefined);
      records?.add(table);
      raw.append({ table, features: { features: [], rowCount: table.rowCount, values: new Float32Array(0) } });
    };
    for (const { table } of stored?.batches() ?? []) take(table);
    const summaries = await readRows(sources, options, take);
    if (raw.refusedRows > 0) records?.refuse('the disk had no room for all rows');
    if (plan.prepare !== undefined)
      for (const { table } of raw.chunks()) {
        await plan.prepare(table);
        plan.learn(table);
      }
    const found = await findInRows(raw, plan, given, columns, schema, options);
    const { table, model, span } = found;
    const base: AnalysisResult = {
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
        ...(model === undefined ? {} : { model: modelSummary(model, options) }),
        ...(found.drift === undefined ? {} : { drift: found.drift }),
        saturations: found.saturations,
        severityCounts: { info: 0, low: 0, medium: 0, high: 0, critical: 0 },
        emptyBecause: emptyBecause(table, model),
        blindSpots: [
          ...blindSpots(table, summaries, model, found.unsorted),
          ...refusalWords([raw, found.refusals]),
          ...pluginBlindSpots(options.plugins, 'rows', schema),
          ...(options.learning?.goesOn === true ? options.learning.remarks('row') : []),
        ],
      },
      oddities: [
        ...oddities.list().map(({ firstFrame: _frame, firstInput: _input, ...oddity }) => oddity),
        ...found.oddities,
      ],
      incidents: [],
      hosts: [],
      timeline: found.timeline,
      table,
    };
    const { detections } = found;
    const { feedback, keeper } = options;
    const result = await assembleResult(base, detections, { isHome: () => true, feedback, keeper, analyst });
    return { result, parts: { base, detections }, model };
  } finally {
    raw.close();
    for (const { source } of sources) source?.close();
  }
}

/** What a plan finds in rows. */
export interface TableFindings {
  readonly detections: readonly Detection[];
  readonly table: TableSummary;
  readonly model: Model | undefined;
  /** Of the rows from what a given model was fitted on. */
  readonly drift: DriftSummary | undefined;
  readonly span: MeasuredRows['span'];
  readonly timeline: AnalysisResult['timeline'];
  readonly saturations: AnalysisResult['run']['saturations'];
  readonly oddities: AnalysisResult['oddities'];
  readonly unsorted: number;
  /** Measured rows that the scratch file had no room for, and why. */
  readonly refusals: { readonly refusedRows: number; readonly failure: Error | undefined };
}

/**
 * Measures, scores, groups and flags the rows that wait in a store, all of which the plan has learned. The detections are not yet incidents.
 * @param given a model to score with, instead of one that is fitted on these rows
 */
export async function findInRows(
  raw: FlowStore,
  plan: TablePlan,
  given: Model | undefined,
  columns: ColumnCounts,
  schema: Schema,
  options: Pick<
    AnalyzeTableOptions,
    'seed' | 'model' | 'learning' | 'scratchFolder' | 'onRows' | 'onProgress' | 'plugins'
  >,
): Promise<TableFindings> {
  const { seed = DEFAULT_SEED, onProgress } = options;
  const measured = await measureRows(raw, plan, columns.rows, schema, options);
  try {
    const learning = options.learning?.goesOn === true && plan.modelFeatures.length > 0 ? options.learning : undefined;
    const fitted =
      given !== undefined
        ? fitting(given, plan, options.model?.name ?? '')
        : learning === undefined
          ? fitModelOf(measured, plan, seed, options.learning?.kind)
          : undefined;
    learning?.begin({
      features: plan.modelFeatures,
      rows: measured.kept,
      seed,
      encoding: plan.encoding(),
      given: fitted,
      batches: () => learningBatches(measured.store, plan, learning),
    });
    const scorer = learning === undefined ? fitted : learning.scorer;
    const stream = learning?.stream;
    let current = stream === undefined && scorer !== undefined && 'score' in scorer ? scorer : undefined;
    const strange = scorer === undefined ? undefined : new StrangeRecords(scorer);
    const plugins =
      options.plugins === undefined ? undefined : new PluginLooks(options.plugins, 'rows', schema, plan.time);
    const drift = given === undefined ? undefined : new DriftMeter(given);
    let done = 0;
    let turn = performance.now();
    for (const { table, features } of rowPieces(measured.store, learning)) {
      const rows = measured.rowNumbers.subarray(done, done + table.rowCount);
      const encoded = plan.encode(features);
      const batch = {
        table,
        rowNumbers: rows,
        entity: entityReader(table, plan.entity),
        time: timeReader(table, plan.time),
      };
      let scores: Float64Array | undefined;
      if (stream !== undefined) {
        scores = strange?.learn(batch, encoded, stream) ?? stream.scoreThenLearn(encoded);
        learning?.count(scores);
      } else {
        scores = current?.score(encoded);
        if (scores !== undefined) strange?.observe(batch, encoded, scores);
      }
      drift?.observe(encoded, { scores: current === given ? scores : undefined, time: batch.time });
      const anew = learning?.learn({ features: encoded, lastMs: latestTime(batch.time, table.rowCount) });
      if (anew !== undefined) {
        current = anew;
        strange?.use(anew);
      }
      options.onRows?.(table, encoded, scores, rows);
      await plugins?.observe(table, rows);
      done += table.rowCount;
      if (performance.now() - turn > TURN_MS) {
        onProgress?.(scoringProgress(done, measured.kept));
        await nextTurn();
        turn = performance.now();
      }
    }
    const groups = groupRows(measured.groups, plan, seed);
    await plan.settle?.();
    const found = plan.finish();
    const model = learning === undefined ? fitted : learning.finished();
    return {
      detections: [
        ...withEvidence([...found.flags.map(flagDetection), ...groupDetections(groups)], measured, schema),
        ...(strange?.finish() ?? []),
        ...((await plugins?.finish(measured.store, measured.rowNumbers)) ?? []),
      ],
      table: {
        rows: columns.rows,
        kept: measured.kept,
        columns: columns.summary(),
        features: measured.features.summary(plan.weights, plan.categories),
        filters: found.filters,
        flags: flagSummary(plan, found.flags),
        strangest: (strange?.strangest() ?? []).map(strangeRow),
        ...(groups === undefined ? {} : { clusters: clusterSummary(groups) }),
      },
      model,
      drift: drift?.finish(),
      span: measured.span,
      timeline: measured.timeline,
      saturations: [...(strange?.saturations() ?? []), ...found.saturations],
      oddities: found.oddities,
      unsorted: measured.unsorted,
      refusals: { refusedRows: measured.store.refusedRows, failure: measured.store.failure },
    };
  } finally {
    measured.store.close();
  }
}

/** The measured rows: as they lie there, or in short pieces where the model follows a schedule. */
function* rowPieces(store: FlowStore, learning: LearningModel | undefined): Generator<FlowChunk> {
  for (const chunk of store.chunks()) yield* inPieces(chunk, learning?.pieceRows);
}

/** The measured rows, for a first fit. */
function* learningBatches(store: FlowStore, plan: TablePlan, learning: LearningModel): Generator<LearningBatch> {
  for (const { table, features } of rowPieces(store, learning))
    yield { features: plan.encode(features), lastMs: latestTime(timeReader(table, plan.time), table.rowCount) };
}

function latestTime(time: (row: number) => number | undefined, rowCount: number): number | undefined {
  let latest = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < rowCount; row++) latest = Math.max(latest, time(row) ?? Number.NEGATIVE_INFINITY);
  return Number.isFinite(latest) ? latest : undefined;
}

/** A model of what is usual in these rows; undefined where there are too few, or nothing was measured. */
function fitModelOf(
  { store }: MeasuredRows,
  plan: TablePlan,
  seed: number,
  kind: string | undefined,
): Model | undefined {
  if (plan.features.length === 0) return undefined;
  const sample = new FitSample(plan.modelFeatures, seed);
  for (const { features } of store.chunks()) sample.offer(plan.encode(features));
  return sample.fit(seed, plan.encoding(), kind ?? TABLE_MODEL);
}

function planFor(
  schema: Schema,
  given: Model | undefined,
  { plan = autoPlan, model, learning }: AnalyzeTableOptions,
): TablePlan {
  // With a model, what does not fit is about the model.
  const encoding = given?.encoding ?? learning?.encoding;
  return model === undefined || encoding === undefined
    ? plan(schema, encoding)
    : named(model.name, () => plan(schema, encoding));
}

function loadGiven({ name, bytes }: { readonly name: string; readonly bytes: Uint8Array }): Model {
  return named(name, () => loadModel(bytes));
}

/** The model, where the plan measures what it was fitted on. */
function fitting(model: Model, plan: TablePlan, name: string): Model {
  const there = new Set(plan.modelFeatures.map((feature) => feature.name));
  const absent = model.featureNames.find((feature) => !there.has(feature));
  if (absent !== undefined)
    throw new UserError(
      `${name}: the model was fitted on a feature '${safeText(absent, 60)}', which is not measured here`,
      'give the definitions that it was fitted with, or fit a new model',
    );
  return model;
}

function named<T>(name: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${name}: ${error.message}`, error.hint);
    throw error;
  }
}

function modelSummary(
  trained: Model,
  { model, learning }: AnalyzeTableOptions,
): NonNullable<AnalysisResult['run']['model']> {
  return {
    kind: trained.kind,
    fittedOn: model?.name ?? 'this table',
    rows: trained.training.rows,
    features: [...trained.featureNames],
    checksum: trained.checksum,
    ...(learning?.goesOn === true ? { learning: learning.summary() } : {}),
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
