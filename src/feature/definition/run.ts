import { nearest, type Schema, safeText, type Table, takeRows } from '../../core/index.ts';
import {
  Batch,
  ColumnBuffers,
  type CompiledExpression,
  DEFAULT_AGGREGATE_LIMITS,
  type Dimension,
  type Scope,
  TRUE,
  type Vector,
} from '../expression/index.ts';
import type { FeatureMeasurer, FeaturePack } from '../index.ts';
import type { FeatureMatrix } from '../matrix.ts';
import type { BindOptions, BoundFeature } from './bind.ts';
import { Categories, MAX_CATEGORIES, numbersOf } from './category.ts';
import type { Definitions, FeatureDefinition, FilterDefinition } from './definition.ts';
import { makeFlag } from './flag/index.ts';
import type { RunFlag } from './flag/run-flag.ts';
import { compiled } from './formula.ts';
import type { DefinitionSaturation, ExpressionOddity, RunResult } from './result.ts';

/** Definitions at work on the rows of one table. */

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
