import { type Json, type Schema, safeText, type Table, UserError } from '../../core/index.ts';
import {
  AutoFeatures,
  type BoundDefinitions,
  type Feature,
  type FeatureMatrix,
  type RunResult,
  TIME_UNIT,
} from '../../feature/index.ts';
import type { Severity } from '../../incident/index.ts';
import type { GowerColumn } from '../../model/index.ts';
import type { AnalysisResult, OdditySummary, TableFlag, TableSummary } from '../../report/index.ts';

/** A flag that fired for somebody, as the definitions found it. */
export interface FlagHit {
  readonly name: string;
  readonly severity: Severity;
  readonly description: string;
  /** ATT&CK technique that its author names. */
  readonly technique?: string | undefined;
  /** What the flag says, its placeholders filled in. Text from outside may stand in it. */
  readonly message: string;
  /** Who it is about; undefined where nobody said who acts. */
  readonly entity: string | undefined;
  /** The rows that it rests on, in order, as numbers in the run: the first of them, and how many there are. */
  readonly rows: readonly number[];
  readonly rowCount: number;
  /** Epoch ms of the first and the last of them; undefined where rows have no time. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
}

/** What a plan has to say when all rows were seen. */
export interface PlanResult {
  readonly flags: readonly FlagHit[];
  readonly filters: TableSummary['filters'];
  readonly saturations: AnalysisResult['run']['saturations'];
  readonly oddities: readonly OdditySummary[];
}

/**
 * What is measured on the rows of a table and asked of them: written definitions (`definitionPlan`), or nothing but the columns (`autoPlan`). Rows come in order of time where the table has one and fits
 * into memory.
 */
export interface TablePlan {
  /** Of the matrix that `measure` gives. Known once all rows were learned. */
  readonly features: readonly Feature[];
  /** Of the matrix that `encode` gives: a category is called `<name>.rarity` there. */
  readonly modelFeatures: readonly Feature[];
  /** Names of the features whose numbers stand for texts or classes, and are no amounts. */
  readonly categories: ReadonlySet<string>;
  /** By name of the feature; 1 where absent. */
  readonly weights: ReadonlyMap<string, number>;
  /** Column that says who acts, and column of the time. */
  readonly entity: string | undefined;
  readonly time: string | undefined;
  /** Numbers of clusters to cut into; undefined for the usual ones. */
  readonly cuts: readonly number[] | undefined;
  /** All flags that are asked, whether they fire or not. */
  readonly flagList: readonly Pick<TableFlag, 'name' | 'severity' | 'description'>[];
  /** Waited for before a table is learned, and again before it is kept and measured: what takes time to answer is asked here. */
  readonly prepare?: (table: Table) => Promise<void>;
  /** Waited for before `finish`. */
  readonly settle?: () => Promise<void>;
  /** A first look at all rows, before any is measured. */
  learn(table: Table): void;
  /** The rows that the filters keep, with their positions in the table; undefined positions where all are kept. */
  keep(table: Table): { readonly rows: Table; readonly order: Int32Array | undefined };
  measure(rows: Table): FeatureMatrix;
  /** The batch last measured, as columns for distances. */
  groupColumns(rows: Table, features: FeatureMatrix): readonly GowerColumn[];
  /** Asks the flags of the batch last measured. @param rowNumbers the number of each row in the run */
  flag(rows: Table, rowNumbers: Float64Array): void;
  /** The matrix as models see it, once all rows were measured: a category is there by how rare it is. */
  encode(features: FeatureMatrix): FeatureMatrix;
  /** What `measure` and `encode` learned, to be saved with the model. */
  encoding(): Json | undefined;
  /** Once, when all rows were seen. */
  finish(): PlanResult;
}

/**
 * Every column as what it is, where nobody wrote definitions; the first column of times orders the rows.
 * @param encoding what a saved model was fitted with; throws UserError where the table does not fit it
 */
export function autoPlan(schema: Schema, encoding?: Json): TablePlan {
  const auto = encoding === undefined ? new AutoFeatures(schema) : AutoFeatures.of(schema, encoding);
  const time = schema.columns.find(({ kind, unit }) => kind !== 'string' && unit === TIME_UNIT)?.name;
  return {
    get features() {
      return auto.features;
    },
    get modelFeatures() {
      return auto.features;
    },
    categories: new Set(),
    weights: new Map(),
    entity: undefined,
    time,
    cuts: undefined,
    flagList: [],
    learn: (table) => auto.learn(table),
    keep: (rows) => ({ rows, order: undefined }),
    measure: (rows) => auto.measure(rows),
    groupColumns: (rows, matrix) =>
      auto.origins.map(({ column, category }, j): GowerColumn => {
        const found = rows.columns[column];
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
    flag: () => undefined,
    encode: (features) => features,
    encoding: () => auto.encoding(),
    finish: () => ({ flags: [], filters: [], saturations: [], oddities: [] }),
  };
}

/** What written definitions say. @param encoding what a saved model was fitted with; throws UserError where it is not that of these definitions */
export function definitionPlan(bound: BoundDefinitions, encoding?: Json): TablePlan {
  const run = bound.createRun();
  const { features } = bound;
  const categories = new CategoryCounts(
    features.flatMap(({ name, kind }, j) => (kind === 'category' ? [{ name, j }] : [])),
    encoding,
  );
  const modelFeatures = encodedFeatures(features);
  let result: RunResult | undefined;
  return {
    features,
    modelFeatures,
    categories: new Set(features.flatMap(({ name, kind }) => (kind === 'category' ? [name] : []))),
    weights: bound.weights,
    entity: bound.entity,
    time: bound.time,
    cuts: bound.definitions.cuts,
    flagList: bound.definitions.flags.map(({ name, severity, description }) => ({ name, severity, description })),
    learn: (table) => run.observe(table),
    keep: (table) => run.keep(table),
    measure(rows) {
      const matrix = run.measure(rows);
      categories.count(matrix);
      return matrix;
    },
    groupColumns: () => run.groupColumns(),
    flag: (rows, numbers) => run.flags(rows, numbers),
    encode: (matrix) => ({ ...categories.encode(matrix, (name) => run.categoryTexts(name)), features: modelFeatures }),
    encoding: () => categories.encoding((name) => run.categoryTexts(name)),
    finish() {
      result ??= run.finish();
      return {
        flags: result.flags,
        filters: result.filterCounts.map(({ name, kind, dropped }) => ({ name, mode: kind, dropped })),
        saturations: result.saturations,
        oddities: result.oddities.map(({ name, where, count, meaning }) => ({
          name,
          count,
          meaning: `${meaning} (${safeText(where, 80)})`,
        })),
      };
    },
  };
}

/** How the model sees the features: a category by its information, under a name that says so and that no other feature has. */
function encodedFeatures(features: BoundDefinitions['features']): Feature[] {
  const taken = new Set(features.map(({ name }) => name));
  return features.map((feature): Feature => {
    if (feature.kind !== 'category') return feature;
    let name = `${feature.name}.rarity`;
    for (let n = 2; taken.has(name); n++) name = `${feature.name}.rarity-${n}`;
    taken.add(name);
    return { name, unit: 'bit', meaning: `How rare what ${feature.name} says is.` };
  });
}

/** Texts of a category that are kept once all rows were measured, and saved with a model; the others are as rare as one of all rows. */
const MAX_SAVED = 4096;

interface Category {
  readonly name: string;
  readonly j: number;
}

/** How often each text of a category feature was, by the number that stands for it in the matrix; in a saved model by the text itself. */
class CategoryCounts {
  readonly #categories: readonly Category[];
  readonly #seen: Map<number, number>[];
  readonly #rows: Float64Array;
  readonly #saved:
    | ReadonlyMap<string, { readonly rows: number; readonly counts: ReadonlyMap<string, number> }>
    | undefined;
  /** Information of each category's numbers, as they were met by `encode`. */
  readonly #bits: readonly Map<number, number>[];
  #isSettled = false;

  constructor(categories: readonly Category[], encoding: Json | undefined) {
    this.#categories = categories;
    this.#seen = categories.map(() => new Map());
    this.#bits = categories.map(() => new Map());
    this.#rows = new Float64Array(categories.length);
    this.#saved = encoding === undefined ? undefined : readSaved(encoding, categories);
  }

  count({ features, rowCount, values }: FeatureMatrix): void {
    if (this.#saved !== undefined) return;
    this.#categories.forEach(({ j }, c) => {
      const seen = this.#seen[c];
      for (let row = 0; row < rowCount; row++) {
        const code = values[row * features.length + j] ?? Number.NaN;
        if (Number.isNaN(code)) continue;
        seen?.set(code, (seen.get(code) ?? 0) + 1);
        this.#rows[c] = (this.#rows[c] ?? 0) + 1;
      }
    });
  }

  encode(matrix: FeatureMatrix, textsOf: (name: string) => readonly string[]): FeatureMatrix {
    if (this.#categories.length === 0) return matrix;
    this.#settle(textsOf);
    const { features, rowCount } = matrix;
    const values = matrix.values.slice();
    this.#categories.forEach((category, c) => {
      const { j, name } = category;
      // All of them are copied at each call, and only a saved model needs them, for what it was not yet asked.
      let texts: readonly string[] | undefined;
      const bits = this.#bits[c] ?? new Map<number, number>();
      for (let row = 0; row < rowCount; row++) {
        const at = row * features.length + j;
        const code = values[at] ?? Number.NaN;
        if (Number.isNaN(code)) continue;
        let information = bits.get(code);
        if (information === undefined) {
          if (this.#saved !== undefined) texts ??= textsOf(name);
          information = this.#informationOf(category, c, code, texts ?? []);
          bits.set(code, information);
        }
        values[at] = information;
      }
    });
    return { features, rowCount, values };
  }

  /** All rows were measured: what can't be saved is forgotten now, so that a row is the same to the model before and after. */
  #settle(textsOf: (name: string) => readonly string[]): void {
    if (this.#saved !== undefined || this.#isSettled) return;
    this.#isSettled = true;
    this.#categories.forEach(({ name }, c) => {
      const seen = this.#seen[c];
      if (seen === undefined || seen.size <= MAX_SAVED) return;
      const texts = textsOf(name);
      const order = [...seen].sort(([a, m], [b, n]) => n - m || (textOf(a, texts) < textOf(b, texts) ? -1 : 1));
      this.#seen[c] = new Map(order.slice(0, MAX_SAVED));
    });
  }

  /** -log2 of the share of the rows that had it; what none had is as rare as one of all of them. */
  #informationOf({ name }: Category, c: number, code: number, texts: readonly string[]): number {
    const saved = this.#saved?.get(name);
    const rows = Math.max(1, saved?.rows ?? this.#rows[c] ?? 1);
    const count = saved === undefined ? this.#seen[c]?.get(code) : saved.counts.get(textOf(code, texts));
    return -Math.log2((count ?? 1) / rows) + 0;
  }

  encoding(textsOf: (name: string) => readonly string[]): Json {
    const categories = this.#categories.map(({ name }, c): [string, Json] => {
      const saved = this.#saved?.get(name);
      const texts = textsOf(name);
      const counts =
        saved === undefined
          ? [...(this.#seen[c] ?? [])].map(([code, n]) => [textOf(code, texts), n] as const)
          : [...saved.counts];
      const first = counts.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, MAX_SAVED);
      return [name, { rows: saved?.rows ?? this.#rows[c] ?? 0, texts: first }];
    });
    return { kind: 'definitions', categories: Object.fromEntries(categories) };
  }
}

/** What stands for a category in a saved model; the classes of a feature of a pack are numbers, which have no text. */
function textOf(code: number, texts: readonly string[]): string {
  return texts[code] ?? String(code);
}

function readSaved(
  encoding: Json,
  wanted: readonly Category[],
): ReadonlyMap<string, { rows: number; counts: ReadonlyMap<string, number> }> {
  const foreign = new UserError(
    'the model was not fitted with these feature definitions',
    'give the definitions that it was fitted with, or fit a new model',
  );
  const { kind, categories } = objectOf(encoding);
  if (kind !== 'definitions') throw foreign;
  const known = objectOf(categories);
  return new Map(
    wanted.map(({ name }) => {
      const { rows, texts } = objectOf(known[name]);
      if (typeof rows !== 'number' || !Array.isArray(texts)) throw foreign;
      const counts = texts.map((pair: Json): [string, number] => {
        const [text, n] = Array.isArray(pair) ? pair : [];
        if (typeof text !== 'string' || typeof n !== 'number' || !(n >= 1)) throw foreign;
        return [text, n];
      });
      return [name, { rows, counts: new Map(counts) }];
    }),
  );
}

function objectOf(value: Json | undefined): { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json | undefined })
    : {};
}

/** A number that stands for a text whatever the batch it is in: 52 bits of two hashes (FNV-1a and Bernstein's), for equality alone. */
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
