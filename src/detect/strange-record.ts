import { counted, humanCount, isoTime, type Table } from '../core/index.ts';
import { type FeatureMatrix, TIME_UNIT } from '../feature/index.ts';
import {
  type Explanation,
  type Model,
  type SmallestChange,
  type StreamingModel,
  smallestChange,
  type TrainingSummary,
} from '../model/index.ts';
import { Cap, HeavyMap, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import { type Detection, type EvidenceRecord, MAX_EVIDENCE_FLOWS, type Reason, type Saturation } from './detection.ts';
import { chanceOfSoMany } from './strange-flow.ts';

/**
 * Rows of a table that look unlike the others, by who acts in them: as strange-flow does for flows, with the same reckoning. A row is strange where the model's calibrated score reaches
 * 1 - `budget`; an entity is reported when it has more of them than chance would give it,
 *
 *   score = 0.5 x min(1, log10(1 / chance) / 3),   chance = min(1, entities x P(at least k strange rows among n))
 *
 * so at most 0.5: alone this is a hint. Where nobody said who acts there is one entity, the whole table, and so nothing to compare: the strangest rows are listed, and no detection is made of them.
 *
 * What fools it: what is so frequent that it is the usual. Innocent: rare but ordinary work. Cost: one score per row; one explanation per entity that is reported, and for each row listed.
 * Bounds: 1,000 entities with strange rows, 65,536 that are counted, 20 rows each, 20 rows listed.
 */
export interface StrangeRecordOptions {
  /** Share of ordinary rows that may pass for strange. */
  readonly budget: number;
  readonly maxEntities: number;
  readonly minScore: number;
  /** Rows behind the model below which it is not asked. */
  readonly minRows: number;
}

export const DEFAULT_STRANGE_RECORD_OPTIONS: StrangeRecordOptions = {
  budget: 0.01,
  maxEntities: 20,
  minScore: 0.3,
  minRows: 100,
};

/** A row that the model finds among the strangest. */
export interface StrangeRecord extends EvidenceRecord {
  readonly score: number;
  readonly explanation: Explanation;
}

const LISTED = 20;
const MOST = 0.5;
const SURE_DIGITS = 3;

interface Kept {
  readonly raw: number;
  readonly score: number;
  readonly record: EvidenceRecord;
  /** By the model that scored the row; of a stream it is made when the row is kept. */
  readonly explain: () => Explanation;
  /** Of a stream there is none. */
  readonly change?: () => SmallestChange;
}

class Entity {
  weight = Number.NEGATIVE_INFINITY;
  strange = 0;
  readonly span = new TimeSpan();
  kept: Kept[] = [];
}

/** What of a batch of rows the detector looks at. */
export interface RecordBatch {
  readonly table: Table;
  /** Number of the row in the run, from 1. */
  readonly rowNumbers: ArrayLike<number>;
  /** Who acts in a row; undefined where that is missing, and always where nobody said which column tells. */
  readonly entity: (row: number) => string | undefined;
  /** Epoch ms of a row; undefined where there is none. */
  readonly time: (row: number) => number | undefined;
}

export class StrangeRecords {
  readonly id = 'strange-record';
  #model: Model | undefined;
  #stream: StreamingModel | undefined;
  readonly #options: StrangeRecordOptions;
  readonly #entityCap = new Cap('entities with strange rows', 1000);
  readonly #entities = new HeavyMap<Entity>(this.#entityCap);
  readonly #counts = new HeavyMap<{ weight: number }>(new Cap('entities whose rows are counted', 65_536));
  #listed: Kept[] = [];

  constructor(model: Model | StreamingModel, options: Partial<StrangeRecordOptions> = {}) {
    if ('scoreThenLearn' in model) this.#stream = model;
    else this.#model = model;
    this.#options = { ...DEFAULT_STRANGE_RECORD_OPTIONS, ...options };
  }

  /** Scores with another model of the same features from here on. */
  use(model: Model): void {
    this.#model = model;
  }

  observe(batch: RecordBatch, features: FeatureMatrix, scores: Float64Array): void {
    const model = this.#model;
    if (model === undefined) return;
    const width = features.features.length;
    const raws = model.rawScore(features);
    for (let row = 0; row < scores.length; row++)
      this.#take(batch, row, scores[row] ?? 0, raws[row] ?? 0, () => {
        const values = features.values.slice(row * width, (row + 1) * width);
        const one = { features: features.features, rowCount: 1, values };
        return {
          explain: () => model.explain(one, 0),
          change: () => smallestChange(model, one, 0, { maxFeatures: 3, maxScores: 4000 }),
        };
      });
  }

  /** The same with a model that learns the rows once they are scored; gives the scores. */
  learn(batch: RecordBatch, features: FeatureMatrix, stream: StreamingModel): Float64Array {
    this.#stream = stream;
    const scores = stream.scoreThenLearn(features, {
      row: (row, score, raw, explain) =>
        this.#take(batch, row, score, raw, () => {
          const explanation = explain();
          return { explain: () => explanation };
        }),
    });
    // Who acts in the rows that it warmed up on counts too.
    scores.forEach((score, row) => {
      if (Number.isNaN(score)) this.#countEntity(batch.entity(row));
    });
    return scores;
  }

  #countEntity(entity: string | undefined): void {
    if (entity !== undefined) this.#counts.obtain(entity, () => ({ weight: 0 })).weight++;
  }

  /** @param explainer asked only where the row is kept */
  #take(
    batch: RecordBatch,
    row: number,
    score: number,
    raw: number,
    explainer: () => Pick<Kept, 'explain' | 'change'>,
  ): void {
    const { budget } = this.#options;
    const entity = batch.entity(row);
    this.#countEntity(entity);
    const worst = this.#listed.at(-1);
    const listed = this.#listed.length < LISTED || worst === undefined || raw > worst.raw;
    const strange = score >= 1 - budget && entity !== undefined;
    if (!listed && !strange) return;
    const known = strange ? this.#entities.obtain(entity, () => new Entity()) : undefined;
    if (known !== undefined) {
      known.strange++;
      const time = batch.time(row);
      if (time !== undefined) known.span.add(time, time);
    }
    const last = known?.kept.at(-1);
    const kept =
      known !== undefined && (known.kept.length < MAX_EVIDENCE_FLOWS || last === undefined || raw > last.raw);
    if (!listed && !kept) return;
    const item: Kept = {
      raw,
      score,
      record: recordOf(batch.table, row, batch.rowNumbers[row] ?? 0),
      ...explainer(),
    };
    if (listed) insert(this.#listed, item, LISTED);
    if (known === undefined) return;
    if (raw > known.weight) known.weight = raw;
    insert(known.kept, item, MAX_EVIDENCE_FLOWS);
  }

  /** The strangest rows of all, strangest first; whether anybody is to blame for them or not. */
  strangest(): StrangeRecord[] {
    return this.#listed.map(({ record, score, explain }) => ({ ...record, score, explanation: explain() }));
  }

  finish(): Detection[] {
    const { budget, maxEntities, minScore, minRows } = this.#options;
    const training = this.#training();
    if (training === undefined || training.rows < minRows) return [];
    const { calibrationRows } = training;
    return this.#entities
      .sortedEntries()
      .map(([actor, entity]) => {
        const all = Math.max(entity.strange, this.#counts.get(actor)?.weight ?? 0);
        const chance = Math.min(1, this.#counts.size * chanceOfSoMany(entity.strange, all, calibrationRows, budget));
        return {
          actor,
          entity,
          all,
          chance,
          score: MOST * Math.max(0, Math.min(1, -Math.log10(chance) / SURE_DIGITS)),
        };
      })
      .filter(({ score }) => score >= minScore)
      .sort((a, b) => b.score - a.score || b.entity.weight - a.entity.weight || (a.actor < b.actor ? -1 : 1))
      .slice(0, maxEntities)
      .map(({ actor, entity, all, chance, score }): Detection => {
        const records = entity.kept.map(({ record }) => record).sort((a, b) => a.row - b.row);
        return {
          kind: 'strange-record.outlier',
          detector: this.id,
          actor,
          peers: [],
          peerCount: 0,
          firstMs: entity.span.known ? entity.span.firstMs : 0,
          lastMs: entity.span.known ? entity.span.lastMs : 0,
          score,
          reasons: this.#reasons(entity, all, chance),
          flows: [],
          flowCount: 0,
          records,
          recordCount: entity.strange,
        };
      });
  }

  saturations(): Saturation[] {
    return saturationsOf(this.id, [this.#entityCap, this.#counts.cap]);
  }

  /** Of the model as it is now; undefined while a stream warms up. */
  #training(): TrainingSummary | undefined {
    if (this.#stream?.ready === true) return this.#stream.snapshot().training;
    return this.#model?.training;
  }

  #reasons(entity: Entity, all: number, chance: number): Reason[] {
    const { budget } = this.#options;
    const [strangest] = entity.kept;
    const explained = strangest?.explain().contributions ?? [];
    return [
      {
        name: 'strange-record.count',
        value: entity.strange,
        unit: 'rows',
        threshold: Number((all * budget).toPrecision(3)),
        sentence: `Of its ${counted(all, 'row')}, ${humanCount(entity.strange)} ${entity.strange === 1 ? 'is' : 'are'} strange to the model; by chance it would be about ${Number((all * budget).toPrecision(2))}.`,
      },
      ...explained
        .filter(({ contribution }) => contribution > 0)
        .slice(0, 5)
        .map(
          ({ feature, value, contribution }): Reason => ({
            name: 'strange-record.feature',
            value: feature,
            unit: '',
            contribution,
            sentence:
              value === undefined
                ? 'A feature of the strangest row is missing, which is unusual.'
                : `A feature of the strangest row has the value ${Number(value.toPrecision(6))}, which is unusual.`,
          }),
        ),
      ...changeReasons(strangest?.change?.()),
      {
        name: 'strange-record.caution',
        value: Number(chance.toPrecision(3)),
        unit: 'probability',
        sentence: `That one of them has so many strange rows by chance alone has a probability of up to ${Number(chance.toPrecision(2))}; and a strange row alone is a hint, which counts for a half at most.`,
      },
    ];
  }
}

/** What would have made the strangest row ordinary, a reason for each value. The names of features come from the input and stand by themselves. */
function changeReasons(change: SmallestChange | undefined): Reason[] {
  if (change === undefined || !change.found) return [];
  const number = (value: number | undefined): string =>
    value === undefined ? 'none' : String(Number(value.toPrecision(6)));
  const others = change.changes.length - 1;
  return change.changes.map(({ feature, from, to }) => ({
    name: 'strange-record.smallest-change',
    value: feature,
    unit: '',
    sentence: `With ${number(to)} instead of ${number(from)} here${others === 0 ? '' : `, and ${others === 1 ? 'the other value that is named so' : 'the other values that are named so'}`}, the strangest row would have been ordinary (score ${change.after.toFixed(2)}).`,
  }));
}

/**
 * The columns of a row that have a value, the first `MAX_VALUES` of them; texts are cut and times are in ISO 8601, for evidence is read by people, and thousands of rows are kept until it is known which ones
 * are shown. The whole row stands in rows.csv.
 */
export function recordOf(table: Table, row: number, number: number): EvidenceRecord {
  const values: [string, number | string][] = [];
  const { columns } = table.schema;
  for (let i = 0; i < columns.length && values.length < MAX_VALUES; i++) {
    const { name, unit } = columns[i] as (typeof columns)[number];
    const value = table.value(i, row);
    if (typeof value === 'string')
      values.push([name, value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value]);
    else if (value !== undefined && Number.isFinite(value))
      values.push([name, unit === TIME_UNIT ? isoTime(value) : value]);
  }
  // A column may be called __proto__; as an entry it is one like any other.
  return { row: number, values: Object.fromEntries(values) };
}

const MAX_TEXT = 300;
const MAX_VALUES = 100;

/** Keeps the list in falling order of raw score, then by row, and no longer than `most`. */
function insert(list: Kept[], kept: Kept, most: number): void {
  const worst = list.at(-1);
  if (list.length >= most && worst !== undefined && kept.raw <= worst.raw) return;
  let at = list.length;
  while (at > 0 && kept.raw > (list[at - 1]?.raw ?? 0)) at--;
  list.splice(at, 0, kept);
  if (list.length > most) list.pop();
}
