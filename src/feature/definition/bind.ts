import {
  humanBytes,
  humanCount,
  humanDuration,
  isoTime,
  nearest,
  type Schema,
  safeText,
  type Table,
  Table as TableClass,
  takeRows,
} from '../../core/index.ts';
import { timeReader } from '../expression/apply.ts';
import { GroupTable } from '../expression/group.ts';
import {
  type AggregateLimits,
  Batch,
  ColumnBuffers,
  type CompiledExpression,
  type CompileOptions,
  compileTree,
  DEFAULT_AGGREGATE_LIMITS,
  type Dimension,
  type Scope,
  TRUE,
  UNKNOWN,
  type Value,
  type Vector,
  valueAt,
} from '../expression/index.ts';
import { KeyIndex, keyText } from '../expression/key.ts';
import { dimensionOf } from '../expression/node.ts';
import { nearestZone, zoneOf } from '../expression/time-part.ts';
import type { FeatureMeasurer, FeaturePack } from '../index.ts';
import type { Feature, FeatureMatrix } from '../matrix.ts';
import type { FeatureContext } from '../pack/part.ts';
import type {
  Definitions,
  FeatureDefinition,
  FilterDefinition,
  FlagDefinition,
  FlagSeverity,
  FunctionTest,
  GroupTest,
  RowTest,
} from './definition.ts';
import type { Formula } from './document.ts';
import type { FlagObserver } from './function-table.ts';

export interface BindOptions {
  readonly limits?: AggregateLimits;
  /** Packs whose features may stand as `metric: flow.bytes-ratio`, on the table that they measure, with what they need. */
  readonly packs?: readonly FeaturePack[];
  readonly context?: FeatureContext;
}

/** A feature as it is measured. */
export interface BoundFeature extends Feature {
  /** A 'category' is a text: its values are numbers of the texts in order of their appearance, alike or not. */
  readonly kind: 'number' | 'category';
  readonly weight: number;
}

/** Rows of a flag: what it found about one entity or key. */
export interface FlagFinding {
  /** Name of the flag. */
  readonly name: string;
  readonly severity: FlagSeverity;
  readonly description: string;
  readonly technique: string | undefined;
  /** Its placeholders filled in; texts from outside are made safe. */
  readonly message: string;
  /** Who it is about; undefined where nobody said who acts. */
  readonly entity: string | undefined;
  /** The key's values by the expressions in `by`. */
  readonly keys: Readonly<Record<string, string | number>>;
  /** Numbers of the first rows that it rests on, at most 20, ascending; and how many there are. */
  readonly rows: readonly number[];
  readonly rowCount: number;
  /** Epoch ms of the first and the last row; undefined where rows have no time. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
}

/** What a cap refused, in the form of the report. */
export interface DefinitionSaturation {
  /** 'feature <name>', 'flag <name>' ... */
  readonly detector: string;
  readonly what: string;
  readonly cap: number;
  readonly refused: number;
}

/** Values that have no result, by the expression that they are of. */
export interface ExpressionOddity {
  /** 'expression.' and division-by-zero, outside-domain, not-finite, late-row or too-late-row. */
  readonly name: string;
  readonly where: string;
  readonly count: number;
  readonly meaning: string;
}

export interface FilterCount {
  readonly name: string;
  readonly kind: 'include' | 'exclude';
  /** Rows that this filter dropped, those before it having been dropped already. */
  readonly dropped: number;
}

export interface RunResult {
  readonly flags: readonly FlagFinding[];
  readonly filterCounts: readonly FilterCount[];
  readonly saturations: readonly DefinitionSaturation[];
  readonly oddities: readonly ExpressionOddity[];
}

/** Findings of one flag; more entities or keys are counted. */
const MAX_FINDINGS = 10_000;
const SHOWN_ROWS = 20;
/** Texts that a category tells apart; the others are missing, and counted. */
const MAX_CATEGORIES = 65_536;

/** Checks every expression against the columns of a table. Throws UserError with file, line and column for the first that does not fit. */
export function bindDefinitions(definitions: Definitions, schema: Schema, options: BindOptions = {}): BoundDefinitions {
  return new BoundDefinitions(definitions, schema, options);
}

/** Definitions that fit a table. Weights are by name of the feature. */
export class BoundDefinitions {
  readonly definitions: Definitions;
  readonly schema: Schema;
  readonly features: readonly BoundFeature[];
  readonly weights: ReadonlyMap<string, number>;
  readonly time: string | undefined;
  readonly entity: string | undefined;
  /** True where all rows must be observed before the first is measured. */
  readonly needsFirstPass: boolean;
  #options: BindOptions;

  constructor(definitions: Definitions, schema: Schema, options: BindOptions) {
    this.definitions = definitions;
    this.schema = schema;
    this.#options = options;
    const { source, time, entity, zone } = definitions;
    const names = schema.columns.map(({ name }) => name);
    for (const [key, column] of Object.entries({ time, entity })) {
      if (column === undefined || names.includes(column)) continue;
      const near = nearest(column, names);
      source.fail(
        definitions.layout === 'anomalyst' ? [key] : ['flags'],
        `there is no column '${safeText(column, 60)}'`,
        near === undefined
          ? `columns: ${names.map((name) => safeText(name, 40)).join(', ')}`
          : `did you mean '${safeText(near, 60)}'?`,
      );
    }
    const spec = schema.columns.find(({ name }) => name === time);
    if (spec !== undefined && spec.kind !== 'string' && dimensionOf(spec.unit) !== 'time')
      source.fail(
        ['time'],
        `'${safeText(spec.name, 60)}' holds numbers, and no times`,
        `say so, where it holds times: types: {${safeText(spec.name, 60)}: time}`,
      );
    for (const column of Object.keys(definitions.types))
      if (!names.includes(column)) {
        const near = nearest(column, names);
        source.fail(
          ['types', column],
          `there is no column '${safeText(column, 60)}'`,
          near === undefined ? undefined : `did you mean '${safeText(near, 60)}'?`,
          true,
        );
      }
    if (zone !== undefined && zoneOf(zone) === undefined) {
      const near = nearestZone(zone);
      source.fail(
        ['zone'],
        `'${safeText(zone, 60)}' is no time zone`,
        near === undefined ? 'as in Europe/Berlin, +02:00 or UTC' : `did you mean '${near}'?`,
      );
    }
    this.time = time;
    this.entity = entity;
    const run = this.createRun();
    this.features = run.features;
    this.weights = new Map(run.features.map(({ name, weight }) => [name, weight]));
    this.needsFirstPass = run.needsFirstPass;
  }

  /** A run over the rows of one table, with state of its own. */
  createRun(): DefinitionRun {
    return new DefinitionRun(this.definitions, this.schema, this.#options);
  }
}

interface RunFeature {
  readonly feature: BoundFeature;
  readonly expression: CompiledExpression | undefined;
  readonly categories: Categories | undefined;
  /** The pack's measurer and the position of the feature in its matrix. */
  readonly pack: { readonly measurer: FeatureMeasurer; readonly position: number } | undefined;
}

/**
 * One run. Where `needsFirstPass`, every batch goes through `observe` before any is measured. Then each batch, in the order of time:
 *
 *     const { rows } = run.keep(table);
 *     const features = run.measure(rows);
 *     run.flags(rows, rowNumbers);
 *
 * and `finish` once. State is bounded, whatever the rows.
 */
export class DefinitionRun {
  readonly features: readonly BoundFeature[];
  readonly needsFirstPass: boolean;
  #scope: Scope;
  #features: readonly RunFeature[];
  #filters: readonly {
    readonly definition: FilterDefinition;
    readonly expression: CompiledExpression;
    dropped: number;
  }[];
  #flags: readonly RunFlag[];
  #last: Batch | undefined;
  /** Filters and what comes after them look at different tables, perhaps in turns. */
  #filterBuffers = new ColumnBuffers();
  #buffers = new ColumnBuffers();
  #matrix: Float64Array[] = [];
  #notFinite: number[];
  #measurers = new Map<FeaturePack, FeatureMeasurer>();
  #nextRow = 1;

  constructor(definitions: Definitions, schema: Schema, options: BindOptions) {
    const { functions, time, zone } = definitions;
    const { limits = DEFAULT_AGGREGATE_LIMITS } = options;
    this.#scope = { schema, time, zone, functions: functions.functions, refused: functions.refused, limits };
    this.#features = definitions.features.map((feature) => this.#feature(definitions, feature, options));
    this.#filters = definitions.filters.map((definition) => ({
      definition,
      expression: compiled(definition.formula, this.#scope, {
        gives: 'boolean',
        aggregates: { refused: 'a filter looks at one row' },
      }),
      dropped: 0,
    }));
    this.#flags = definitions.flags.map((flag) => makeFlag(flag, definitions, this.#scope));
    this.features = this.#features.map(({ feature }) => feature);
    this.#notFinite = this.#features.map(() => 0);
    this.needsFirstPass =
      this.#features.some(({ expression }) => expression?.needsFirstPass === true) ||
      this.#flags.some((flag) => flag.expressions.some((one) => one.needsFirstPass));
  }

  #feature(
    definitions: Definitions,
    { path, name, formula, pack, weight, unit, meaning }: FeatureDefinition,
    { packs = [], context }: BindOptions,
  ): RunFeature {
    if (formula === undefined) {
      const at = [...path, 'metric'];
      const known = packs.filter(({ table }) => table === this.#scope.schema.name);
      const found = known.find(({ features }) => features.some((feature) => feature.name === pack));
      if (found === undefined || context === undefined) {
        const near = nearest(
          pack ?? '',
          known.flatMap(({ features }) => features.map((feature) => feature.name)),
        );
        return definitions.source.fail(
          at,
          `there is no metric '${safeText(pack ?? '', 60)}' of this table`,
          near === undefined
            ? 'anomalyst fields lists the features of flows; functions stand by their names'
            : `did you mean '${near}'?`,
        );
      }
      let measurer = this.#measurers.get(found);
      if (measurer === undefined) {
        measurer = found.create(context);
        this.#measurers.set(found, measurer);
      }
      const position = measurer.features.findIndex((feature) => feature.name === pack);
      const standard = measurer.features[position];
      const feature = {
        name,
        unit: unit ?? standard.unit,
        meaning: meaning ?? standard.meaning,
        kind: standard.unit === 'class' ? 'category' : 'number',
        weight,
      } as const;
      return { feature, expression: undefined, categories: undefined, pack: { measurer, position } };
    }
    const expression = compiled(formula, this.#scope, {});
    const { columns } = this.#scope.schema;
    const spec = columns.find((column) => column.name === expression.columns[0]);
    const plainColumn = formula.tree.kind === 'name' ? spec : undefined;
    const feature = {
      name,
      unit:
        unit ?? (plainColumn === undefined || plainColumn.kind === 'string' ? unitOf(expression) : plainColumn.unit),
      meaning: meaning ?? plainColumn?.meaning ?? (formula.text === '' ? '' : formula.text.slice(0, 200)),
      kind: expression.type === 'text' ? 'category' : 'number',
      weight,
    } as const;
    const categories = expression.type === 'text' ? new Categories() : undefined;
    return { feature, expression, categories, pack: undefined };
  }

  /** The first pass: takes the rows that the filters keep into the aggregates over the whole table. It counts nothing. */
  observe(table: Table): void {
    if (!this.needsFirstPass) return;
    const batch = this.#batch(this.#filter(table, false).rows);
    for (const { expression } of this.#features) expression?.observe(batch);
    for (const flag of this.#flags) for (const expression of flag.expressions) expression.observe(batch);
  }

  /**
   * The rows that the filters keep. `order` are their positions in the table, undefined where all are kept; `dropped` says how many each filter took,
   * in the order of the filters: a row counts for the first that drops it.
   */
  keep(table: Table): { rows: Table; order: Int32Array | undefined; dropped: number[] } {
    return this.#filter(table, true);
  }

  #filter(table: Table, count: boolean): { rows: Table; order: Int32Array | undefined; dropped: number[] } {
    const n = table.rowCount;
    const dropped = this.#filters.map(() => 0);
    if (this.#filters.length === 0) return { rows: table, order: undefined, dropped };
    const batch = new Batch(table, this.#filterBuffers);
    const out = new Uint8Array(n);
    let left = n;
    for (const [k, filter] of this.#filters.entries()) {
      const { values } = filter.expression.evaluate(batch) as Vector & { type: 'boolean' };
      const drops = filter.definition.kind === 'exclude' ? TRUE : 0;
      for (let row = 0; row < n; row++) {
        if (out[row] === 1 || values[row] !== drops) continue;
        out[row] = 1;
        dropped[k]++;
        left--;
      }
      if (count) filter.dropped += dropped[k];
    }
    if (left === n) return { rows: table, order: undefined, dropped };
    const order = new Int32Array(left);
    for (let row = 0, at = 0; row < n; row++) if (out[row] === 0) order[at++] = row;
    return { rows: takeRows(table, order), order, dropped };
  }

  /** The features of a batch of kept rows. Values that are not finite are missing. */
  measure(rows: Table): FeatureMatrix {
    const batch = this.#batch(rows);
    const n = rows.rowCount;
    const width = this.#features.length;
    const values = new Float32Array(n * width);
    const matrices = new Map<FeatureMeasurer, FeatureMatrix>();
    this.#matrix = this.#features.map(({ expression, categories, pack }, j) => {
      let column: Float64Array;
      if (expression !== undefined) column = numbersOf(expression.evaluate(batch), n, categories);
      else {
        column = new Float64Array(n).fill(Number.NaN);
        if (pack !== undefined) {
          let matrix = matrices.get(pack.measurer);
          if (matrix === undefined) {
            matrix = pack.measurer.measure(rows);
            matrices.set(pack.measurer, matrix);
          }
          const step = matrix.features.length;
          for (let row = 0; row < n; row++) column[row] = matrix.values[row * step + pack.position];
        }
      }
      for (let row = 0; row < n; row++) {
        if (!Number.isFinite(column[row])) {
          if (!Number.isNaN(column[row])) this.#notFinite[j]++;
          column[row] = Number.NaN;
        }
        // What is finite as a double may not be as a float.
        const value = Math.fround(column[row]);
        values[row * width + j] = Number.isFinite(value) ? value : Number.NaN;
      }
      return column;
    });
    return { features: this.features, rowCount: n, values };
  }

  /** The texts of a category by the numbers that stand for them in the matrix; empty for any other feature. */
  categoryTexts(feature: string): readonly string[] {
    return this.#features.find((one) => one.feature.name === feature)?.categories?.texts ?? [];
  }

  /** The batch last measured as columns for distances between rows: each with its weight, texts as categories. The arrays are the caller's. */
  groupColumns(): { name: string; kind: 'number' | 'category'; values: Float64Array; weight: number }[] {
    return this.features.map(({ name, kind, weight }, j) => ({ name, kind, weight, values: this.#matrix[j] }));
  }

  /** Asks the flags of a batch of kept rows. @param rowNumbers number of each row in the run; by default they are counted from 1. */
  flags(rows: Table, rowNumbers?: ArrayLike<number>): void {
    const numbers = rowNumbers ?? Float64Array.from({ length: rows.rowCount }, (_, i) => this.#nextRow + i);
    this.#nextRow += rows.rowCount;
    const batch = this.#batch(rows);
    for (const flag of this.#flags) flag.observe(batch, numbers);
  }

  /** What the flags found, in the order of the definitions and of the first rows; what was dropped, refused and without result. Once. */
  finish(): RunResult {
    const saturations: DefinitionSaturation[] = [];
    const oddities: ExpressionOddity[] = [];
    const { limits = DEFAULT_AGGREGATE_LIMITS } = this.#scope;
    const account = (where: string, expression: CompiledExpression | undefined): void => {
      if (expression === undefined) return;
      const { refusedKeys, refusedEntries, late, tooLate } = expression.counts();
      if (refusedKeys > 0)
        saturations.push({ detector: where, what: 'keys', cap: limits.maxKeys, refused: refusedKeys });
      if (refusedEntries > 0)
        saturations.push({ detector: where, what: 'values', cap: limits.maxEntries, refused: refusedEntries });
      const { divisions, domain } = expression.faults;
      for (const [name, count, meaning] of [
        ['expression.division-by-zero', divisions, 'Divided by zero; the result is missing.'],
        [
          'expression.outside-domain',
          domain,
          'A function has no result for the value, as a logarithm of 0; the result is missing.',
        ],
        [
          'expression.late-row',
          late - tooLate,
          'Older than the newest row of its key; it counts as if it had come then.',
        ],
        [
          'expression.too-late-row',
          tooLate,
          'Older than the newest row of its key by more than the window; it has no value there.',
        ],
      ] as const)
        if (count > 0) oddities.push({ name, where, count, meaning });
    };
    for (const [j, { feature, expression, categories }] of this.#features.entries()) {
      account(`feature ${feature.name}`, expression);
      if (this.#notFinite[j] > 0)
        oddities.push({
          name: 'expression.not-finite',
          where: `feature ${feature.name}`,
          count: this.#notFinite[j],
          meaning: 'Larger than any number; the value is missing.',
        });
      if (categories !== undefined && categories.refused > 0)
        saturations.push({
          detector: `feature ${feature.name}`,
          what: 'texts',
          cap: MAX_CATEGORIES,
          refused: categories.refused,
        });
    }
    for (const { definition, expression } of this.#filters) account(`filter ${definition.name}`, expression);
    const flags = this.#flags.flatMap((flag) => {
      const findings = flag.finish();
      const where = `flag ${flag.definition.name}`;
      for (const expression of flag.expressions) account(where, expression);
      for (const refusal of flag.refusals()) saturations.push({ detector: where, ...refusal });
      return findings;
    });
    for (const [{ id }, measurer] of this.#measurers)
      for (const { what, cap, refused } of measurer.saturations())
        saturations.push({ detector: `feature pack ${id}`, what, cap, refused });
    const filterCounts = this.#filters.map(({ definition: { name, kind }, dropped }) => ({ name, kind, dropped }));
    return { flags, filterCounts, saturations, oddities };
  }

  /** The columns of a batch are read once for features and flags. */
  #batch(rows: Table): Batch {
    if (this.#last?.table !== rows) this.#last = new Batch(rows, this.#buffers);
    return this.#last;
  }
}

function compiled({ tree, text, fail }: Formula, scope: Scope, options: CompileOptions): CompiledExpression {
  try {
    return compileTree(tree, text, scope, options);
  } catch (error) {
    return fail(error);
  }
}

function unitOf({ type, dimension }: CompiledExpression): string {
  if (type === 'text') return 'category';
  if (type === 'boolean') return '0 or 1';
  return UNIT_OF[dimension];
}

const UNIT_OF: Readonly<Record<Dimension, string>> = {
  plain: '',
  bytes: 'bytes',
  duration: 'ms',
  time: 'ms since 1970 UTC',
};

/** Numbers the texts of a category through all batches of a run. */
class Categories {
  refused = 0;

  get texts(): readonly string[] {
    return [...this.#codes.keys()];
  }

  #codes = new Map<string, number>();

  code(text: string): number {
    const key = keyText(text);
    let code = this.#codes.get(key);
    if (code === undefined) {
      if (this.#codes.size >= MAX_CATEGORIES) {
        this.refused++;
        return Number.NaN;
      }
      code = this.#codes.size;
      this.#codes.set(key, code);
    }
    return code;
  }
}

/** A copy of the values as numbers: truth is 1 and 0, a text its category. */
function numbersOf(vector: Vector, n: number, categories: Categories | undefined): Float64Array {
  if (vector.type === 'number') return vector.values.slice(0, n);
  const out = new Float64Array(n).fill(Number.NaN);
  if (vector.type === 'boolean') {
    for (let row = 0; row < n; row++)
      if (vector.values[row] !== UNKNOWN) out[row] = vector.values[row] === TRUE ? 1 : 0;
    return out;
  }
  const known = new Float64Array(vector.dictionary.length).fill(-1);
  for (let row = 0; row < n; row++) {
    const code = vector.codes[row];
    if (code < 0) continue;
    if (known[code] === -1) known[code] = categories?.code(vector.dictionary[code]) ?? Number.NaN;
    out[row] = known[code];
  }
  return out;
}

// ---- flags ----

interface Refused {
  readonly what: string;
  readonly cap: number;
  readonly refused: number;
}

/** A flag at work. */
interface RunFlag {
  readonly definition: FlagDefinition;
  readonly expressions: readonly CompiledExpression[];
  observe(batch: Batch, rowNumbers: ArrayLike<number>): void;
  finish(): FlagFinding[];
  refusals(): readonly Refused[];
}

function makeFlag(definition: FlagDefinition, definitions: Definitions, scope: Scope): RunFlag {
  const { test } = definition;
  if (test.kind === 'row') return new RowFlag(definition, test, definitions, scope);
  if (test.kind === 'function') return new FunctionFlag(definition, test, definitions, scope);
  return test.overMs === undefined
    ? new GroupFlag(definition, test, definitions, scope)
    : new WindowFlag(definition, test, test.overMs, definitions, scope);
}

/** Reads a column by its name; undefined where nobody named one. */
function readerOf(scope: Scope, column: string | undefined): ((batch: Batch) => Vector) | undefined {
  if (column === undefined) return undefined;
  const index = scope.schema.columns.findIndex(({ name }) => name === column);
  return scope.schema.columns[index].kind === 'string'
    ? (batch) => batch.texts(index)
    : (batch) => batch.numbers(index);
}

function timesOf(scope: Scope): ((batch: Batch) => Float64Array) | undefined {
  const index = scope.schema.columns.findIndex(({ name }) => name === scope.time);
  return index < 0 ? undefined : timeReader(scope.schema, index);
}

/** What is gathered about one entity or key. */
class Hit {
  readonly message: string;
  readonly entity: string | undefined;
  readonly keys: Readonly<Record<string, string | number>>;
  readonly rows: number[] = [];
  rowCount = 0;
  firstMs: number | undefined;
  lastMs: number | undefined;

  constructor(message: string, entity: string | undefined, keys: Readonly<Record<string, string | number>>) {
    this.message = message;
    this.entity = entity;
    this.keys = keys;
  }

  add(row: number, time: number | undefined): void {
    this.rowCount++;
    if (this.rows.length < SHOWN_ROWS) this.rows.push(row);
    this.see(time);
  }

  see(time: number | undefined): void {
    if (time === undefined || Number.isNaN(time)) return;
    if (this.firstMs === undefined || time < this.firstMs) this.firstMs = time;
    if (this.lastMs === undefined || time > this.lastMs) this.lastMs = time;
  }
}

function findingOf({ name, severity, description, technique }: FlagDefinition, hit: Hit): FlagFinding {
  const { message, entity, keys, rowCount, firstMs, lastMs } = hit;
  const rows = [...hit.rows].sort((a, b) => a - b);
  return { name, severity, description, technique, message, entity, keys, rows, rowCount, firstMs, lastMs };
}

function byFirstRow(hits: Iterable<Hit>, definition: FlagDefinition): FlagFinding[] {
  return [...hits].map((hit) => findingOf(definition, hit)).sort((a, b) => (a.rows[0] ?? 0) - (b.rows[0] ?? 0));
}

/** A message whose placeholders are compiled. */
class Message {
  readonly expressions: readonly CompiledExpression[];
  #parts: readonly (string | CompiledExpression)[];

  constructor(parts: readonly (string | Formula)[], scope: Scope, options: CompileOptions) {
    this.#parts = parts.map((part) => (typeof part === 'string' ? part : compiled(part, scope, options)));
    this.expressions = this.#parts.filter((part) => typeof part !== 'string');
  }

  get hasWindows(): boolean {
    return this.expressions.some(({ hasWindows }) => hasWindows);
  }

  /** The message of each row of a batch, made where it is asked for. */
  bind(batch: Batch): (row: number) => string {
    const bound = this.#parts.map((part) =>
      typeof part === 'string' ? part : { vector: part.evaluate(batch), dimension: part.dimension },
    );
    return (row) =>
      bound
        .map((part) => (typeof part === 'string' ? part : shown(valueAt(part.vector, row), part.dimension)))
        .join('');
  }
}

/** A value for people. Text from outside is made safe here. */
function shown(value: Value | undefined, dimension: Dimension): string {
  if (value === undefined) return '(missing)';
  if (typeof value === 'string') return safeText(value, 100);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  switch (dimension) {
    case 'bytes':
      return humanBytes(value);
    case 'duration':
      return humanDuration(value);
    case 'time':
      return isoTime(value);
    default:
      return Number.isInteger(value) ? humanCount(value) : String(Number(value.toPrecision(4)));
  }
}

function keyValue(value: Value | undefined): string | number {
  return typeof value === 'number' ? value : String(value ?? '');
}

/** A condition on rows: one finding per entity. */
class RowFlag implements RunFlag {
  readonly definition: FlagDefinition;
  readonly expressions: readonly CompiledExpression[];
  #when: CompiledExpression;
  #message: Message;
  #entityOf: ((batch: Batch) => Vector) | undefined;
  #timesOf: ((batch: Batch) => Float64Array) | undefined;
  #hits = new Map<string | undefined, Hit>();
  #refused = 0;

  constructor(definition: FlagDefinition, { when }: RowTest, { entity }: Definitions, scope: Scope) {
    this.definition = definition;
    this.#when = compiled(when, scope, { gives: 'boolean' });
    this.#message = new Message(definition.message, scope, {});
    this.expressions = [this.#when, ...this.#message.expressions];
    this.#entityOf = readerOf(scope, entity);
    this.#timesOf = timesOf(scope);
  }

  observe(batch: Batch, rowNumbers: ArrayLike<number>): void {
    const { values } = this.#when.evaluate(batch) as Vector & { type: 'boolean' };
    let message = this.#message.hasWindows ? this.#message.bind(batch) : undefined;
    if (!values.includes(TRUE)) return;
    const entities = this.#entityOf?.(batch);
    const times = this.#timesOf?.(batch);
    for (let row = 0; row < batch.rowCount; row++) {
      if (values[row] !== TRUE) continue;
      const value = entities === undefined ? undefined : valueAt(entities, row);
      const entity = value === undefined ? undefined : keyText(value);
      let hit = this.#hits.get(entity);
      if (hit === undefined) {
        if (this.#hits.size >= MAX_FINDINGS) {
          this.#refused++;
          continue;
        }
        message ??= this.#message.bind(batch);
        hit = new Hit(message(row), entity, {});
        this.#hits.set(entity, hit);
      }
      hit.add(rowNumbers[row], times?.[row]);
    }
  }

  finish(): FlagFinding[] {
    return byFirstRow(this.#hits.values(), this.definition);
  }

  refusals(): Refused[] {
    return this.#refused === 0 ? [] : [{ what: 'entities', cap: MAX_FINDINGS, refused: this.#refused }];
  }
}

/** Position of the entity's column among the keys, -1 where it is none of them. */
function entityPosition(by: readonly Formula[], entity: string | undefined): number {
  return by.findIndex(({ tree }) => tree.kind === 'name' && tree.name === entity);
}

function keyRecord(by: readonly Formula[], values: readonly (Value | undefined)[]): Record<string, string | number> {
  return Object.fromEntries(by.map(({ text }, i) => [text, keyValue(values[i])]));
}

/** Who a finding is about: the entity where it is a key, else the whole key. */
function actorOf(values: readonly (Value | undefined)[], position: number): string | undefined {
  if (values.length === 0) return undefined;
  return position >= 0 ? String(values[position] ?? '') : values.map((value) => String(value ?? '')).join(', ');
}

/** A condition on the rows of a key inside of a window: one finding per key, which begins when the condition first holds. */
class WindowFlag implements RunFlag {
  readonly definition: FlagDefinition;
  readonly expressions: readonly CompiledExpression[];
  #having: CompiledExpression;
  #count: CompiledExpression;
  #message: Message;
  #by: readonly Formula[];
  #keyNodes: readonly CompiledExpression[];
  #keys: KeyIndex;
  #recent: { rows: number[]; times: number[] }[] = [];
  #hits = new Map<number, Hit>();
  #position: number;
  #overMs: number;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #refusedAtSweep = 0;
  #timesOf: ((batch: Batch) => Float64Array) | undefined;
  #refused = 0;

  constructor(
    definition: FlagDefinition,
    { having, by }: GroupTest,
    overMs: number,
    { entity, source }: Definitions,
    scope: Scope,
  ) {
    this.definition = definition;
    if (scope.time === undefined)
      source.fail(
        [...definition.path, 'over'],
        "'over' needs to know which column is the time",
        'name it at the top, as in \'time: "@timestamp"\'',
        true,
      );
    const { limits = DEFAULT_AGGREGATE_LIMITS } = scope;
    this.#by = by;
    this.#keyNodes = by.map((key) => compiled(key, scope, { aggregates: { refused: 'a key is no aggregate' } }));
    const within = { over: overMs, by: by.map(({ tree }) => tree) };
    this.#having = compiled(having, scope, { gives: 'boolean', within });
    this.#count = compileTree({ kind: 'call', name: 'count', values: [], span: { from: 0, to: 0 } }, '', scope, {
      within,
    });
    this.#message = new Message(definition.message, scope, { within });
    this.expressions = [this.#having, this.#count, ...this.#message.expressions];
    this.#keys = new KeyIndex(limits.maxKeys);
    this.#position = entityPosition(by, entity);
    this.#overMs = overMs;
    this.#timesOf = timesOf(scope);
  }

  observe(batch: Batch, rowNumbers: ArrayLike<number>): void {
    const { values } = this.#having.evaluate(batch) as Vector & { type: 'boolean' };
    const counts = this.#count.evaluate(batch) as Vector & { type: 'number' };
    const message = this.#message.bind(batch);
    const times = this.#timesOf?.(batch);
    this.#keys.begin(
      this.#keyNodes.map((key) => key.evaluate(batch)),
      batch.rowCount,
    );
    for (let row = 0; row < batch.rowCount; row++) {
      const time = times?.[row] ?? Number.NaN;
      if (Number.isNaN(time)) continue;
      const group = this.#keys.group(row, () => this.#makeRoom(time));
      if (group < 0) continue;
      const recent = this.#remember(group, rowNumbers[row], time);
      if (values[row] !== TRUE) continue;
      let hit = this.#hits.get(group);
      if (hit !== undefined) {
        hit.add(rowNumbers[row], time);
        continue;
      }
      if (this.#hits.size >= MAX_FINDINGS) {
        this.#refused++;
        continue;
      }
      const key = this.#keys.values(group) ?? [];
      hit = new Hit(message(row), actorOf(key, this.#position), keyRecord(this.#by, key));
      for (const [i, earlier] of recent.rows.entries()) hit.add(earlier, recent.times[i]);
      hit.rowCount = Math.max(hit.rowCount, Number.isNaN(counts.values[row]) ? 0 : counts.values[row]);
      this.#hits.set(group, hit);
    }
  }

  /** The last rows of a key that can be in its window. */
  #remember(group: number, row: number, time: number): { rows: number[]; times: number[] } {
    let recent = this.#recent[group];
    if (recent === undefined) {
      recent = { rows: [], times: [] };
      this.#recent[group] = recent;
    }
    if (recent.rows.length >= SHOWN_ROWS) {
      recent.rows.shift();
      recent.times.shift();
    }
    recent.rows.push(row);
    recent.times.push(time);
    while (recent.times[0] <= time - this.#overMs) {
      recent.rows.shift();
      recent.times.shift();
    }
    return recent;
  }

  /** Keys that fell silent and were never reported are let go. */
  #makeRoom(now: number): boolean {
    // A look at all keys is worth its time when time has moved on, or when much was refused since the last.
    const { refused, maxKeys } = this.#keys;
    if (now >= this.#sweptAt && now < this.#sweptAt + this.#overMs / 8 && refused - this.#refusedAtSweep < maxKeys / 8)
      return false;
    this.#sweptAt = now;
    this.#refusedAtSweep = refused;
    return this.#keys.release((group) => {
      const last = this.#recent[group]?.times.at(-1);
      if (this.#hits.has(group) || (last !== undefined && last > now - this.#overMs)) return false;
      this.#recent[group] = { rows: [], times: [] };
      return true;
    });
  }

  finish(): FlagFinding[] {
    return byFirstRow(this.#hits.values(), this.definition);
  }

  refusals(): Refused[] {
    return [
      { what: 'keys', cap: this.#keys.maxKeys, refused: this.#keys.refused },
      { what: 'findings', cap: MAX_FINDINGS, refused: this.#refused },
    ].filter(({ refused }) => refused > 0);
  }
}

/** A condition on the rows of a key in the whole table, asked at its end. */
class GroupFlag implements RunFlag {
  readonly definition: FlagDefinition;
  readonly expressions: readonly CompiledExpression[];
  #having: CompiledExpression;
  #message: Message;
  #by: readonly Formula[];
  #table: GroupTable;
  #position: number;
  #timesOf: ((batch: Batch) => Float64Array) | undefined;
  #groups: Hit[] = [];
  #refused = 0;

  constructor(definition: FlagDefinition, { having, by }: GroupTest, { entity }: Definitions, scope: Scope) {
    this.definition = definition;
    const { limits = DEFAULT_AGGREGATE_LIMITS } = scope;
    for (const key of by) compiled(key, scope, { aggregates: { refused: 'a key is no aggregate' } });
    this.#by = by;
    this.#table = new GroupTable(by, scope, new KeyIndex(limits.maxKeys));
    this.#having = compiled(having, scope, { gives: 'boolean', group: this.#table });
    this.#message = new Message(definition.message, scope, { group: this.#table });
    this.expressions = [this.#having, ...this.#message.expressions];
    this.#position = entityPosition(by, entity);
    this.#timesOf = timesOf(scope);
  }

  observe(batch: Batch, rowNumbers: ArrayLike<number>): void {
    const groups = this.#table.observe(batch);
    const times = this.#timesOf?.(batch);
    for (let row = 0; row < groups.length; row++) {
      const group = groups[row];
      if (group < 0) continue;
      let hit = this.#groups[group];
      if (hit === undefined) {
        hit = new Hit('', undefined, {});
        this.#groups[group] = hit;
      }
      hit.add(rowNumbers[row], times?.[row]);
    }
  }

  finish(): FlagFinding[] {
    const batch = new Batch(new TableClass({ name: 'groups', version: 1, columns: [] }, this.#groups.length, []));
    const { values } = this.#having.evaluate(batch) as Vector & { type: 'boolean' };
    if (!values.includes(TRUE)) return [];
    const message = this.#message.bind(batch);
    const findings: FlagFinding[] = [];
    for (const [group, rows] of this.#groups.entries()) {
      if (values[group] !== TRUE) continue;
      if (findings.length >= MAX_FINDINGS) {
        this.#refused++;
        continue;
      }
      const key = this.#table.keys.values(group) ?? [];
      const hit = new Hit(message(group), actorOf(key, this.#position), keyRecord(this.#by, key));
      findings.push({
        ...findingOf(this.definition, hit),
        rows: rows.rows,
        rowCount: rows.rowCount,
        firstMs: rows.firstMs,
        lastMs: rows.lastMs,
      });
    }
    return findings.sort((a, b) => (a.rows[0] ?? 0) - (b.rows[0] ?? 0));
  }

  refusals(): Refused[] {
    const { refusedKeys, refusedEntries } = this.#table.counts();
    return [
      { what: 'keys', cap: this.#table.keys.maxKeys, refused: refusedKeys },
      { what: 'values', cap: DEFAULT_AGGREGATE_LIMITS.maxEntries, refused: refusedEntries },
      { what: 'findings', cap: MAX_FINDINGS, refused: this.#refused },
    ].filter(({ refused }) => refused > 0);
  }
}

/** A flag that a function raises. */
class FunctionFlag implements RunFlag {
  readonly definition: FlagDefinition;
  readonly expressions: readonly CompiledExpression[] = [];
  #observer: FlagObserver;
  #refused = 0;

  constructor(definition: FlagDefinition, test: FunctionTest, { source }: Definitions, scope: Scope) {
    this.definition = definition;
    const { columns } = scope.schema;
    const names = columns.map(({ name }) => name);
    const params: Record<string, string | number | boolean | undefined> = {};
    for (const { name, type } of test.function.takes) {
      const value = test.params[name];
      params[name] = value as string | number | boolean | undefined;
      if (type !== 'column' || value === undefined) continue;
      const spec = columns.find((column) => column.name === value);
      if (spec === undefined) {
        const near = nearest(String(value), names);
        source.fail(
          [...definition.path, 'params', name],
          `there is no column '${safeText(String(value), 60)}'`,
          near === undefined
            ? `columns: ${names.map((one) => safeText(one, 40)).join(', ')}`
            : `did you mean '${safeText(near, 60)}'?`,
        );
      }
    }
    this.#observer = test.function.create(params, scope.schema);
  }

  observe(batch: Batch, rowNumbers: ArrayLike<number>): void {
    this.#observer.observe(batch.table, rowNumbers);
  }

  finish(): FlagFinding[] {
    const { name, severity, description, technique, message } = this.definition;
    const raised = this.#observer.finish();
    this.#refused = Math.max(0, raised.length - MAX_FINDINGS);
    return raised
      .slice(0, MAX_FINDINGS)
      .map(({ entity, keys, message: own, rows, rowCount, firstMs, lastMs }) => ({
        name,
        severity,
        description,
        technique,
        message: [...message.filter((part) => typeof part === 'string'), own].join(' '),
        entity,
        keys,
        rows: [...rows].sort((a, b) => a - b),
        rowCount,
        firstMs,
        lastMs,
      }))
      .sort((a, b) => (a.rows[0] ?? 0) - (b.rows[0] ?? 0));
  }

  refusals(): Refused[] {
    return [
      ...this.#observer.refusals(),
      ...(this.#refused === 0 ? [] : [{ what: 'findings', cap: MAX_FINDINGS, refused: this.#refused }]),
    ];
  }
}
