import { z } from 'zod';
import { type StringColumn, safeText, UserError } from '../core/index.ts';
import type { FlowFeature } from './flow.ts';
import type { FeatureMatrix } from './matrix.ts';

/**
 * Texts to numbers: learned once, on what a model is fitted on, and stored with it. One record encodes like a million: an encoding depends on the
 * record and on what was learned, never on the records beside it. A value that was not learned has a place of its own, and a missing cell stays missing.
 *
 * - `frequency`: one feature per column, the share of the learned rows that had the value, 0..1: what is rare is small. An unknown value gets the share
 *   that one more row of its kind would have, 1 / (rows + 1), which is below that of every learned one unless values were cut off.
 * - `one-hot`: one feature per kept value, 1 for it and 0 for the others, and one for all that is not kept.
 */
export type VocabularyEncoding = 'frequency' | 'one-hot';

export interface VocabularyOptions {
  /** Default 'frequency'. */
  readonly encoding?: VocabularyEncoding;
  /** Values kept per column, the most frequent first, of equally frequent ones the first in the order of code units. Default 4,096; for one-hot 32. */
  readonly maxValues?: number;
  /** Rows in which a value must stand to be kept. Default 1. */
  readonly minCount?: number;
  /** Different values that are counted per column while learning; later ones are refused and counted. Default 100,000. */
  readonly maxCounted?: number;
}

/** A column of texts and the name that its features get. */
export interface NamedTexts {
  readonly name: string;
  readonly column: StringColumn;
}

/** Longer values are told apart by their first so many characters alone. */
const MAX_VALUE = 256;

/** What is saved, as plain data. */
export interface VocabularyData {
  readonly format: 'anomalyst-vocabulary';
  readonly version: 1;
  readonly encoding: VocabularyEncoding;
  readonly columns: readonly {
    readonly name: string;
    /** Learned rows in which the cell was not missing. */
    readonly rows: number;
    /** Kept values, the most frequent first. */
    readonly values: readonly string[];
    /** In how many rows each was. */
    readonly counts: readonly number[];
    /** Rows whose values found no room while learning. */
    readonly refused: number;
  }[];
}

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const dataSchema = z.strictObject({
  format: z.literal('anomalyst-vocabulary'),
  version: z.literal(1),
  encoding: z.enum(['frequency', 'one-hot']),
  columns: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200),
        rows: count,
        values: z.array(z.string().max(MAX_VALUE)).max(1_000_000),
        counts: z.array(count.min(1)).max(1_000_000),
        refused: count,
      }),
    )
    .max(10_000),
});

/** Counts the values of columns, batch after batch; `finish` makes the vocabulary. */
export class VocabularyLearner {
  #options: Required<VocabularyOptions>;
  #columns: { name: string; rows: number; refused: number; counts: Map<string, number> }[] | undefined;

  constructor(options: VocabularyOptions = {}) {
    const { encoding = 'frequency', maxValues = encoding === 'one-hot' ? 32 : 4096, minCount = 1 } = options;
    const { maxCounted = 100_000 } = options;
    this.#options = { encoding, maxValues, minCount, maxCounted };
  }

  /** Throws where the columns are not those of the first batch: our bug, not the operator's. */
  add(columns: readonly NamedTexts[]): this {
    this.#columns ??= columns.map(({ name }) => ({ name, rows: 0, refused: 0, counts: new Map() }));
    if (columns.length !== this.#columns.length || columns.some(({ name }, i) => name !== this.#columns?.[i].name))
      throw new Error('a vocabulary is learned on the same columns in every batch');
    columns.forEach(({ column }, c) => {
      const known = this.#columns![c];
      const perCode = new Map<number, number>();
      for (const code of column.codes) if (code >= 0) perCode.set(code, (perCode.get(code) ?? 0) + 1);
      for (const [code, rows] of perCode) {
        const value = keyOf(column.dictionary[code]);
        const before = known.counts.get(value);
        known.rows += rows;
        if (before === undefined && known.counts.size >= this.#options.maxCounted) known.refused += rows;
        else known.counts.set(value, (before ?? 0) + rows);
      }
    });
    return this;
  }

  finish(): Vocabulary {
    const { encoding, maxValues, minCount } = this.#options;
    return Vocabulary.fromJSON({
      format: 'anomalyst-vocabulary',
      version: 1,
      encoding,
      columns: (this.#columns ?? []).map(({ name, rows, refused, counts }) => {
        const kept = [...counts]
          .filter(([, n]) => n >= minCount)
          .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
          .slice(0, maxValues);
        return { name, rows, refused, values: kept.map(([value]) => value), counts: kept.map(([, n]) => n) };
      }),
    });
  }
}

/** What was learned of columns of texts. Immutable. */
export class Vocabulary {
  readonly features: readonly FlowFeature[];
  #data: VocabularyData;
  #positions: ReadonlyMap<string, number>[];

  private constructor(data: VocabularyData) {
    this.#data = data;
    this.#positions = data.columns.map(({ values }) => new Map(values.map((value, i) => [value, i])));
    this.features = data.columns.flatMap(({ name, values }): FlowFeature[] =>
      data.encoding === 'frequency'
        ? [
            {
              name: `${name}.frequency`,
              unit: 'ratio 0..1',
              meaning: `Share of the learned rows that had the same ${safeText(name, 60)}.`,
            },
          ]
        : [
            ...placeNames(name, values).map((place, i) => ({
              name: place,
              unit: 'class',
              meaning: `Whether ${safeText(name, 60)} is '${safeText(values[i], 60)}'.`,
              classes: ['another', 'this one'],
            })),
            {
              name: `${name}=*`,
              unit: 'class',
              meaning: `Whether ${safeText(name, 60)} is a value that was not learned.`,
              classes: ['a learned one', 'not learned'],
            },
          ],
    );
  }

  /** Learns from one batch. For more, and for the caps, see `VocabularyLearner`. */
  static learn(columns: readonly NamedTexts[], options: VocabularyOptions = {}): Vocabulary {
    return new VocabularyLearner(options).add(columns).finish();
  }

  /**
   * Row i of the matrix is row i of the columns. Throws where the columns are not those that were learned, in their order.
   * @param rowCount rows; default the length of the first column.
   */
  encode(columns: readonly NamedTexts[], rowCount: number = columns[0]?.column.codes.length ?? 0): FeatureMatrix {
    const learned = this.#data.columns;
    if (columns.length !== learned.length || columns.some(({ name }, i) => name !== learned[i].name))
      throw new Error('a vocabulary encodes the columns that it was learned on');
    const width = this.features.length;
    const values = new Float32Array(rowCount * width).fill(Number.NaN);
    let offset = 0;
    columns.forEach(({ column }, c) => {
      const { rows, counts } = learned[c];
      const positions = this.#positions[c];
      const size = positions.size;
      const places = new Map<number, number>();
      for (let row = 0; row < rowCount; row++) {
        const code = column.codes[row];
        if (code < 0) continue;
        let place = places.get(code);
        if (place === undefined) {
          place = positions.get(keyOf(column.dictionary[code])) ?? size;
          places.set(code, place);
        }
        const at = row * width + offset;
        if (this.#data.encoding === 'frequency') values[at] = place === size ? 1 / (rows + 1) : counts[place] / rows;
        else {
          values.fill(0, at, at + size + 1);
          values[at + place] = 1;
        }
      }
      offset += this.#data.encoding === 'frequency' ? 1 : size + 1;
    });
    return { features: this.features, rowCount, values };
  }

  /** Plain data for `JSON.stringify`, or for a part of a model file. Equal vocabularies give equal data. */
  toJSON(): VocabularyData {
    return this.#data;
  }

  /** @throws UserError for what is no vocabulary, or one that contradicts itself. */
  static fromJSON(data: unknown): Vocabulary {
    const parsed = dataSchema.safeParse(data);
    if (!parsed.success) throw damaged('it is not of the expected form');
    for (const { name, rows, values, counts, refused } of parsed.data.columns) {
      const where = `column '${safeText(name, 60)}'`;
      if (values.length !== counts.length) throw damaged(`${where} has not as many counts as values`);
      if (new Set(values).size !== values.length) throw damaged(`${where} names a value twice`);
      if (counts.reduce((sum, n) => sum + n, refused) > rows) throw damaged(`${where} counts more rows than it has`);
    }
    const names = parsed.data.columns.map((column) => column.name);
    if (new Set(names).size !== names.length) throw damaged('it names a column twice');
    return new Vocabulary(parsed.data);
  }
}

/** Names that are safe to show, each once: what only differs in what can't be shown gets a number, and so does a value that is called like the place of the others. */
function placeNames(column: string, values: readonly string[]): string[] {
  const taken = new Set([`${column}=*`]);
  return values.map((value) => {
    const plain = `${column}=${safeText(value, MAX_VALUE)}`;
    let name = plain;
    for (let n = 2; taken.has(name); n++) name = `${plain}~${n}`;
    taken.add(name);
    return name;
  });
}

function keyOf(text: string): string {
  return text.length > MAX_VALUE ? text.slice(0, MAX_VALUE) : text;
}

function damaged(what: string): UserError {
  return new UserError(
    `The vocabulary is damaged: ${what}.`,
    'Learn it again, or copy its file again from where it was made.',
  );
}
