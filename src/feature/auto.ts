import { type ColumnSpec, isValid, type Schema, safeText, type Table, UserError } from '../core/index.ts';
import { isSavedPair, type PairCodes, type PairCounts, PairLearner, pairsOf, type SavedPair } from './auto-pair.ts';
import type { Feature, FeatureMatrix } from './matrix.ts';

/**
 * Features for a table of which nobody said what matters: every number as it is, every text by how rare it is, every time by its place in the day, where the times span two days, and in the week, where they span two weeks.
 *
 * It takes two looks: the first counts how often each text stands in its column, the second measures. A text's value is its information, -log2 of its share of the rows, so a text that
 * stands in every row is 0 and one of a thousand rows is 10. Texts beyond `MAX_TEXTS` in a column count as seen once, which is what most of them were. A column with one value alone, and one of
 * texts that are all different, tells nothing apart and gives no feature. Missing stays missing.
 *
 * Two columns of few values that tell something of one another are also measured together, by how rare the two values are side by side: a service that is common, on a protocol that is common, may
 * never have been seen on that protocol. Which pairs these are, and their bounds, see `auto-pair.ts`. Numbers stay in their own units here; logarithms, scales and the rarity of numbers that are classes
 * are learned with the model and belong to it (`transform` in model/transform.ts).
 */
export class AutoFeatures {
  readonly #schema: Schema;
  readonly #counts: (Map<string, number> | undefined)[];
  readonly #present: Float64Array;
  /** Rows whose text is not among the counted ones. */
  readonly #uncounted: Float64Array;
  readonly #least: Float64Array;
  readonly #most: Float64Array;
  #rows = 0;
  #plan: readonly Plan[] | undefined;
  #isFixed = false;
  readonly #learner: PairLearner;
  #pairs: readonly PairCounts[] | undefined;
  #features: readonly Feature[] | undefined;

  constructor(schema: Schema) {
    this.#schema = schema;
    const n = schema.columns.length;
    this.#counts = schema.columns.map(({ kind }) => (kind === 'string' ? new Map() : undefined));
    this.#present = new Float64Array(n);
    this.#uncounted = new Float64Array(n);
    this.#least = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
    this.#most = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
    this.#learner = new PairLearner(schema);
  }

  /** What was learned, as plain data: the features, and how often each text was, of a column the `MAX_SAVED` most frequent. Equal tables give equal data. */
  encoding(): AutoEncoding {
    const texts: [string, readonly (readonly [string, number])[]][] = [];
    for (const { column, part } of this.#planned()) {
      if (part !== 'rarity') continue;
      texts.push([this.#schema.columns[column]?.name ?? '', mostFrequent(this.#counts[column] ?? new Map())]);
    }
    const features = this.#planned().map(({ column, part }): readonly [string, string] => [
      this.#schema.columns[column]?.name ?? '',
      part,
    ]);
    const pairs = this.#pairing().map((pair) => pair.save());
    // A column may be called __proto__; as an entry it is one like any other.
    return {
      kind: 'auto',
      rows: this.#rows,
      features,
      texts: Object.fromEntries(texts),
      ...(pairs.length > 0 ? { pairs } : {}),
    };
  }

  /**
   * Measures as the table measured that the data were learned on: nothing is learned, and a text that was not there then is as rare as one of all its rows. Throws UserError where the data are
   * none of ours, or the schema lacks a column of it.
   */
  static of(schema: Schema, data: unknown): AutoFeatures {
    if (!isEncoding(data))
      throw new UserError(
        'the model was not fitted on the columns of a table as they are',
        'give the feature definitions that it was fitted with, or fit a new model',
      );
    const auto = new AutoFeatures(schema);
    auto.#rows = Math.max(1, data.rows);
    auto.#isFixed = true;
    const plans = data.features.map(([name, part]): Plan => {
      const column = schema.columns.findIndex((spec) => spec.name === name);
      const spec = schema.columns[column];
      const wantsText = part === 'rarity';
      if (spec === undefined || (spec.kind === 'string') !== wantsText)
        throw new UserError(
          `the model was fitted on a table with ${wantsText ? 'texts' : 'numbers'} in a column '${safeText(name, 60)}', which this one does not have`,
          'give a table of the same columns, or fit a new model',
        );
      return planOf(column, spec, part);
    });
    auto.#plan = plans;
    auto.#pairs = pairsOf(schema, data.pairs ?? [], auto.#rows);
    for (const [name, counts] of Object.entries(data.texts)) {
      const column = schema.columns.findIndex((spec) => spec.name === name);
      if (column >= 0) auto.#counts[column] = new Map(counts);
    }
    return auto;
  }

  /** First look. */
  learn(table: Table): void {
    if (this.#isFixed) return;
    this.#rows += table.rowCount;
    this.#learner.learn(table);
    table.columns.forEach((column, c) => {
      if (column.kind === 'string') {
        const counts = this.#counts[c];
        if (counts === undefined) return;
        const inBatch = new Float64Array(column.dictionary.length);
        for (let row = 0; row < table.rowCount; row++) {
          const code = column.codes[row] ?? -1;
          if (code >= 0) inBatch[code] = (inBatch[code] ?? 0) + 1;
        }
        column.dictionary.forEach((text, code) => {
          const seen = inBatch[code] ?? 0;
          if (seen === 0) return;
          this.#present[c] = (this.#present[c] ?? 0) + seen;
          const known = counts.get(text);
          if (known === undefined && counts.size >= MAX_TEXTS) this.#uncounted[c] = (this.#uncounted[c] ?? 0) + seen;
          else counts.set(text, (known ?? 0) + seen);
        });
        return;
      }
      for (let row = 0; row < table.rowCount; row++) {
        if (!isValid(column, row)) continue;
        const value = column.values[row] ?? 0;
        if (!Number.isFinite(value)) continue;
        this.#present[c] = (this.#present[c] ?? 0) + 1;
        if (value < (this.#least[c] ?? 0)) this.#least[c] = value;
        if (value > (this.#most[c] ?? 0)) this.#most[c] = value;
      }
    });
  }

  /** What is measured, once all rows were learned. */
  get features(): readonly Feature[] {
    this.#features ??= unique([
      ...this.#planned().map(({ feature }) => feature),
      ...this.#pairing().map(({ feature }) => feature),
    ]);
    return this.#features;
  }

  /** For each feature of one column that column, and whether it is compared by equality; pairs, which come last, are not among them. */
  get origins(): readonly { readonly column: number; readonly category: boolean }[] {
    return this.#planned().map(({ column, part }) => ({ column, category: part === 'rarity' }));
  }

  /** How many rows have the text, as learned; 1 for one that was not counted, or is not among the most frequent. */
  count(column: number, text: string): number {
    return this.#counts[column]?.get(text) ?? 1;
  }

  /** Second look. */
  measure(table: Table): FeatureMatrix {
    const plan = this.#planned();
    const pairs = this.#pairing();
    const width = plan.length + pairs.length;
    const values = new Float32Array(table.rowCount * width).fill(Number.NaN);
    plan.forEach(({ column: c, part }, j) => {
      const column = table.columns[c];
      if (column === undefined) return;
      if (column.kind === 'string') {
        const counts = this.#counts[c];
        const bits = Float64Array.from(column.dictionary, (text) => -Math.log2((counts?.get(text) ?? 1) / this.#rows));
        for (let row = 0; row < table.rowCount; row++) {
          const code = column.codes[row] ?? -1;
          if (code >= 0) values[row * width + j] = bits[code] ?? Number.NaN;
        }
        return;
      }
      for (let row = 0; row < table.rowCount; row++)
        if (isValid(column, row)) values[row * width + j] = partOf(part, column.values[row] ?? 0);
    });
    const codes: PairCodes = new Map();
    pairs.forEach((pair, k) => {
      pair.measure(table, codes, values, width, plan.length + k);
    });
    return { features: this.features, rowCount: table.rowCount, values };
  }

  #pairing(): readonly PairCounts[] {
    this.#pairs ??= this.#learner.finish(this.#rows);
    return this.#pairs;
  }

  #planned(): readonly Plan[] {
    if (this.#plan === undefined) this.#plan = this.#settle();
    return this.#plan;
  }

  /** All rows were learned: what can't be saved is forgotten now, so that a row measures the same before and after. */
  #settle(): readonly Plan[] {
    const plan = this.#schema.columns.flatMap((spec, column): Plan[] => {
      const present = this.#present[column] ?? 0;
      if (spec.kind === 'string') {
        const distinct = this.#counts[column]?.size ?? 0;
        const unique = distinct + (this.#uncounted[column] ?? 0) >= present;
        if (distinct < 2 || unique) return [];
        return [planOf(column, spec, 'rarity')];
      }
      if (!((this.#least[column] ?? 0) < (this.#most[column] ?? 0))) return [];
      if (spec.unit !== TIME_UNIT) return [planOf(column, spec, 'value')];
      // An hour says something once there are several days to compare, a weekday once there are weeks; before that both only count the rows.
      const span = (this.#most[column] ?? 0) - (this.#least[column] ?? 0);
      return TIME_PARTS.filter(({ leastMs }) => span >= leastMs).map(({ part }) => planOf(column, spec, part));
    });
    this.#counts.forEach((counts, column) => {
      if (counts !== undefined && counts.size > MAX_SAVED) this.#counts[column] = new Map(mostFrequent(counts));
    });
    return plan;
  }
}

/** Features that all have names of their own: a column may be called what a feature of another one is. */
function unique(features: readonly Feature[]): Feature[] {
  const taken = new Set<string>();
  return features.map((feature) => {
    let { name } = feature;
    for (let i = 2; taken.has(name); i++) name = `${feature.name}#${i}`;
    taken.add(name);
    return name === feature.name ? feature : { ...feature, name };
  });
}

const MAX_TEXTS = 100_000;
/** Texts of a column that are kept once all were seen, the most frequent ones; the others are as rare as one of all rows, at fit and at score. */
const MAX_SAVED = 4096;

function mostFrequent(counts: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, MAX_SAVED);
}

/** Unit of columns that hold times. */
export const TIME_UNIT = 'ms since 1970 UTC';

type PartName = 'value' | 'rarity' | 'daySin' | 'dayCos' | 'weekSin' | 'weekCos';

interface Plan {
  readonly column: number;
  readonly part: PartName;
  readonly feature: Feature;
}

const TIME_PARTS = [
  {
    part: 'daySin',
    leastMs: 172_800_000,
    ending: 'hour-sin',
    meaning: 'Time of day (UTC) as the sine of its angle on a 24 h clock.',
  },
  {
    part: 'dayCos',
    leastMs: 172_800_000,
    ending: 'hour-cos',
    meaning: 'Time of day (UTC) as the cosine of its angle on a 24 h clock.',
  },
  {
    part: 'weekSin',
    leastMs: 1_209_600_000,
    ending: 'weekday-sin',
    meaning: 'Time of the week (UTC, from Monday) as a sine.',
  },
  {
    part: 'weekCos',
    leastMs: 1_209_600_000,
    ending: 'weekday-cos',
    meaning: 'Time of the week (UTC, from Monday) as a cosine.',
  },
] as const;
const PART_NAMES: readonly string[] = ['value', 'rarity', ...TIME_PARTS.map(({ part }) => part)];

/** What `AutoFeatures` learned, as it is saved with a model. */
export type AutoEncoding = {
  readonly kind: 'auto';
  /** Rows that were learned. */
  readonly rows: number;
  /** Column and part of each feature. */
  readonly features: readonly (readonly [string, string])[];
  /** Text and rows of each column of texts, most frequent first. */
  readonly texts: Readonly<Record<string, readonly (readonly [string, number])[]>>;
  /** The pairs of columns that are measured together; absent where there are none. */
  readonly pairs?: readonly SavedPair[];
};

function isEncoding(data: unknown): data is Omit<AutoEncoding, 'features'> & {
  readonly features: readonly (readonly [string, PartName])[];
} {
  if (typeof data !== 'object' || data === null) return false;
  const { kind, rows, features, texts, pairs } = data as Partial<Record<keyof AutoEncoding, unknown>>;
  const isPair = (pair: unknown): pair is [string, unknown] =>
    Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string';
  return (
    kind === 'auto' &&
    typeof rows === 'number' &&
    Number.isSafeInteger(rows) &&
    Array.isArray(features) &&
    features.every((pair) => isPair(pair) && PART_NAMES.includes(String(pair[1]))) &&
    (pairs === undefined || (Array.isArray(pairs) && pairs.every(isSavedPair))) &&
    typeof texts === 'object' &&
    texts !== null &&
    Object.values(texts).every(
      (list: unknown) =>
        Array.isArray(list) && list.every((pair) => isPair(pair) && typeof pair[1] === 'number' && pair[1] >= 1),
    )
  );
}

function planOf(column: number, { name, unit }: ColumnSpec, part: PartName): Plan {
  const time = TIME_PARTS.find((one) => one.part === part);
  if (time !== undefined)
    return {
      column,
      part,
      feature: {
        name: `${name}.${time.ending}`,
        unit: part.endsWith('Sin') ? 'sine' : 'cosine',
        meaning: time.meaning,
      },
    };
  return part === 'rarity'
    ? { column, part, feature: { name: `${name}.rarity`, unit: 'bit', meaning: `How rare the text of ${name} is.` } }
    : { column, part, feature: { name, unit, meaning: `The value of ${name}.` } };
}

const DAY_MS = 86_400_000;
/** 1970-01-05 was a Monday. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

function partOf(part: PartName, value: number): number {
  switch (part) {
    case 'daySin':
      return Math.sin(angleIn(value, DAY_MS));
    case 'dayCos':
      return Math.cos(angleIn(value, DAY_MS));
    case 'weekSin':
      return Math.sin(angleIn(value - FIRST_MONDAY_MS, 7 * DAY_MS));
    case 'weekCos':
      return Math.cos(angleIn(value - FIRST_MONDAY_MS, 7 * DAY_MS));
    default:
      // What Float32 can't hold is as large as what it can.
      return Number.isNaN(value) ? value : Math.max(-3.4e38, Math.min(3.4e38, value));
  }
}

/** Angle of a time within its period; the remainder first, so that the same hour of any day has the same angle to the last bit. */
function angleIn(value: number, period: number): number {
  return (2 * Math.PI * (value % period)) / period;
}
