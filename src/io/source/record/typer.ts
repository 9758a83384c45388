import { type ColumnSpec, type Schema, type Table, TableBuilder } from '../../../core/index.ts';
import type { ColumnType } from '../table-source.ts';
import { EVENT_TIME_NAMES, eventTime, parseTime } from './event-time.ts';
import { flattenRecord, MAX_RECORD_COLUMNS, type RecordValue } from './flat.ts';
import { fieldOf, type JsonObject, kindOf, shallowJson } from './json.ts';
import {
  looksLikePacketRecord,
  OWN_COLUMNS,
  PACKET_RECORD_KEYS,
  PACKET_RECORD_SCHEMA,
  packetFieldFault,
} from './packet.ts';

/** JSON records as tables. */

export type RecordShape = 'auto' | 'packet-records' | 'infer';

export interface RecordTyperOptions {
  /** 'auto' takes the packet record where most of the first batch look like it, and infers otherwise. Default 'auto'. */
  readonly shape?: RecordShape | undefined;
  /** Types that the user states; a record that breaks one is rejected. */
  readonly types?: Readonly<Record<string, ColumnType>> | undefined;
  /** Field with the time of the event; without it, the first of `EVENT_TIME_NAMES` that holds a time. */
  readonly timeField?: string | undefined;
  /** Leaves out the columns of when, when and who: for records that were asked for and did not come by themselves. */
  readonly plain?: boolean | undefined;
  /** Name of the schema. Default 'records'. */
  readonly name?: string | undefined;
}

/** A record with when and where it came: epoch ms, and its line or number at its source, from 1. */
export interface ArrivedRecord {
  readonly record: JsonObject;
  readonly arrivalMs: number;
  readonly line: number;
  readonly agent?: string;
}

/** What a `RecordTyper` met that its schema has no place for. */
export interface RecordCounts {
  /** Values under keys that came after the schema was fixed; the keys themselves, at most 100, the first first. */
  readonly lateValues: number;
  readonly lateKeys: readonly string[];
  /** Values of another type than their column: missing in the table. */
  readonly misfits: number;
  /** Values beyond the bounds of a record. */
  readonly refused: number;
}

interface Typed {
  readonly schema: Schema;
  readonly index: ReadonlyMap<string, number>;
  readonly kinds: readonly FieldKind[];
  readonly packet: boolean;
}

type FieldKind = 'number' | 'integer' | 'time' | 'boolean' | 'text';

/**
 * Rows of JSON records as tables of one schema. The schema is fixed by the first batch (`fix`): numbers are float64 (a stream's later values may have fractions or be large), true and false int32 of
 * 0 or 1, ISO times float64 epoch ms, everything else and every mixture text. A key that comes later is counted and named; a value of another type than its column is missing and counted, the rest of its
 * record stays. Three columns come first: `arrivalMs`, `timeMs` and `agent`. A field that is itself called so gets `record.` in front.
 */
export class RecordTyper {
  readonly #options: RecordTyperOptions;
  #typed: Typed | undefined;
  #lateKeys = new Set<string>();
  #lateValues = 0;
  #misfits = 0;
  #refused = 0;

  constructor(options: RecordTyperOptions = {}) {
    this.#options = options;
    if (options.shape === 'packet-records') this.#typed = packetTyped();
  }

  get schema(): Schema | undefined {
    return this.#typed?.schema;
  }

  counts(): RecordCounts {
    return {
      lateValues: this.#lateValues,
      lateKeys: [...this.#lateKeys],
      misfits: this.#misfits,
      refused: this.#refused,
    };
  }

  /** Fixes the schema from the first records. Does nothing where it is fixed already. */
  fix(records: readonly JsonObject[]): void {
    if (this.#typed !== undefined) return;
    const { shape = 'auto', types = {}, name = 'records' } = this.#options;
    if (shape === 'auto' && Object.keys(types).length === 0) {
      const packets = records.reduce((n, record) => n + Number(looksLikePacketRecord(record)), 0);
      if (2 * packets > records.length) {
        this.#typed = packetTyped();
        return;
      }
    }
    const found = new Map<string, FieldKind>();
    for (const [key, type] of Object.entries(types)) found.set(key, type);
    for (const record of records) {
      flattenRecord(record, (key, value) => {
        if (Object.hasOwn(types, key)) return;
        const kind = kindOfValue(value);
        const known = found.get(key);
        if (known === undefined) {
          if (found.size < MAX_RECORD_COLUMNS) found.set(key, kind);
        } else if (known !== kind) found.set(key, 'text');
      });
    }
    const own = this.#options.plain === true ? [] : OWN_COLUMNS;
    const columns: ColumnSpec[] = [...own];
    const index = new Map<string, number>();
    const kinds: FieldKind[] = own.map(({ kind }) => (kind === 'string' ? 'text' : 'time'));
    for (const [key, kind] of found) {
      index.set(key, columns.length);
      kinds.push(kind);
      columns.push({
        name: own.some((each) => each.name === key) ? `record.${key}` : key,
        kind: kind === 'text' ? 'string' : kind === 'boolean' || kind === 'integer' ? 'int32' : 'float64',
        unit: kind === 'time' ? 'ms since 1970 UTC' : kind === 'boolean' ? '0 or 1' : '',
        meaning: 'Field of the record.',
      });
    }
    this.#typed = { schema: { name, version: 1, columns }, index, kinds, packet: false };
  }

  /** Why a record can't be a row of the schema, undefined where it can: a value against a stated type. */
  fault(record: JsonObject): string | undefined {
    if (this.#typed?.packet === true) {
      for (const key of PACKET_RECORD_KEYS) {
        const fault = packetFieldFault(key, record[key]);
        if (fault !== undefined) return fault;
      }
      return PACKET_RECORD_KEYS.some((key) => record[key] !== undefined && record[key] !== null)
        ? undefined
        : 'no field of a packet record';
    }
    const { types } = this.#options;
    if (types === undefined) return undefined;
    for (const [key, type] of Object.entries(types)) {
      const value = fieldOf(record, key);
      if (value === undefined || value === null || value === '') continue;
      if (cellOf(value, type) === undefined) return `${key}: expected ${EXPECTED[type]}, found ${kindOf(value)}`;
    }
    return undefined;
  }

  /** A builder of the fixed schema. Throws before `fix` (our bug). */
  builder(capacity: number): TableBuilder {
    if (this.#typed === undefined) throw new Error('the schema is not fixed yet');
    return new TableBuilder(this.#typed.schema, capacity);
  }

  /** Adds a record without `fault` as a row. */
  add(builder: TableBuilder, { record, arrivalMs, agent }: ArrivedRecord): void {
    const typed = this.#typed;
    if (typed === undefined) throw new Error('the schema is not fixed yet');
    const row = builder.addRow();
    if (this.#options.plain !== true) {
      builder.setNumber(0, row, arrivalMs);
      const timeMs = eventTime(record, this.#options.timeField);
      if (timeMs !== undefined) builder.setNumber(1, row, timeMs);
      if (agent !== undefined) builder.setText(2, row, agent);
    }
    this.#refused += flattenRecord(record, (key, value) => {
      const column = typed.index.get(key);
      if (column === undefined) {
        // A packet record's time is in its column already.
        if (typed.packet && (EVENT_TIME_NAMES as readonly string[]).includes(key)) return;
        this.#lateValues++;
        if (this.#lateKeys.size < 100) this.#lateKeys.add(key);
        return;
      }
      const cell = cellOf(value, typed.kinds[column] ?? 'text');
      if (cell === undefined) this.#misfits++;
      else if (typeof cell === 'number') builder.setNumber(column, row, cell);
      else builder.setText(column, row, cell);
    });
  }

  /** A whole table of records; the first call fixes the schema. Records with a fault are handed to `onFault` and left out. */
  tableOf(records: readonly ArrivedRecord[], onFault: (arrived: ArrivedRecord, reason: string) => void): Table {
    this.fix(records.map(({ record }) => record));
    const builder = this.builder(Math.max(1, records.length));
    for (const arrived of records) {
      const fault = this.fault(arrived.record);
      if (fault === undefined) this.add(builder, arrived);
      else onFault(arrived, fault);
    }
    return builder.finish();
  }
}

const EXPECTED: Readonly<Record<ColumnType, string>> = {
  number: 'a number',
  integer: 'an integer within 32 bits',
  text: 'text',
  time: 'a time',
  boolean: 'true or false',
};

function packetTyped(): Typed {
  const index = new Map<string, number>();
  const kinds: FieldKind[] = [];
  PACKET_RECORD_SCHEMA.columns.forEach(({ name, kind }, i) => {
    if (i >= OWN_COLUMNS.length) index.set(name, i);
    kinds.push(kind === 'string' ? 'text' : kind === 'int32' ? 'integer' : 'number');
  });
  return { schema: PACKET_RECORD_SCHEMA, index, kinds, packet: true };
}

function kindOfValue(value: RecordValue): FieldKind {
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'boolean';
  return value.length >= 16 && !/^\d+(\.\d+)?$/.test(value) && parseTime(value) !== undefined ? 'time' : 'text';
}

function cellOf(value: unknown, kind: FieldKind): number | string | undefined {
  switch (kind) {
    case 'text':
      return typeof value === 'object' ? shallowJson(value) : String(value);
    case 'time':
      return parseTime(value);
    case 'boolean':
      return typeof value === 'boolean' ? Number(value) : undefined;
    default: {
      const number =
        typeof value === 'number'
          ? value
          : typeof value === 'string' && /^[+-]?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?$/.test(value)
            ? Number(value)
            : Number.NaN;
      if (!Number.isFinite(number)) return undefined;
      return kind === 'number' || (Number.isInteger(number) && (number | 0) === number) ? number : undefined;
    }
  }
}
