import { type ColumnSpec, type Schema, type Table, TableBuilder } from '../../core/index.ts';
import { type ColumnType, DEFAULT_BATCH_ROWS, MAX_LINE_BYTES } from './table-source.ts';

/** What the sources of this folder that wait for others take from the world: the clock, timers and chance. Tests hand in their own. */
export interface Timing {
  /** Epoch ms. */
  now(): number;
  /** Uniform over [0, 1). */
  random(): number;
  /** Runs once after so many ms; the returned function calls it off. */
  after(ms: number, run: () => void): () => void;
}

export const SYSTEM_TIMING: Timing = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export type JsonObject = { readonly [key: string]: unknown };

/** Deeper objects are kept as JSON text. */
const MAX_DEPTH = 8;
/** Columns of one record, and of one inferred schema; further keys are counted. */
export const MAX_RECORD_COLUMNS = 512;
const MAX_NAME = 256;
/** A longer text is cut here, with an ellipsis. */
const MAX_TEXT = 32_768;

export type RecordValue = number | string | boolean;

/**
 * Cuts bytes into lines at LF; a CR before it is no part of the line. A line longer than `maxLineBytes` is never held whole: its first 1,024 bytes are handed to `onLong`, once, and the rest goes by.
 * At most `maxLineBytes` bytes are held, whatever comes. A multi-byte character split between reads is whole again because lines are joined as bytes.
 */
export class LineSplitter {
  /** Number of the latest line, from 1. */
  line = 0;
  readonly #max: number;
  readonly #onLine: (line: Uint8Array) => void;
  readonly #onLong: (head: Uint8Array) => void;
  #parts: Uint8Array[] = [];
  #held = 0;
  #skipping = false;

  constructor(onLine: (line: Uint8Array) => void, onLong: (head: Uint8Array) => void, maxLineBytes = MAX_LINE_BYTES) {
    this.#onLine = onLine;
    this.#onLong = onLong;
    this.#max = maxLineBytes;
  }

  /** Takes bytes; they are copied where they outlast the call. */
  push(chunk: Uint8Array): void {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(10, from);
      if (end < 0) break;
      this.#take(chunk.subarray(from, end));
      this.#endLine();
      from = end + 1;
    }
    const rest = chunk.subarray(from);
    if (rest.length > 0) this.#take(new Uint8Array(rest));
  }

  /** The end of the input: what stands there without a newline is a line too, and true says that there was one. */
  end(): boolean {
    const open = this.#held > 0 || this.#skipping;
    if (open) this.#endLine();
    return open;
  }

  /** Bytes held of a line that has not ended yet. */
  get heldBytes(): number {
    return this.#held;
  }

  #take(part: Uint8Array): void {
    if (this.#skipping || part.length === 0) return;
    // One byte more than the limit may be a CR.
    if (this.#held + part.length > this.#max + 1) {
      const head = this.#join(part).subarray(0, 1024);
      this.line++;
      this.#skipping = true;
      this.#parts = [];
      this.#held = 0;
      this.#onLong(head);
      return;
    }
    // Many tiny reads would cost an array entry per byte: fold them now and then.
    this.#parts.push(part);
    this.#held += part.length;
    if (this.#parts.length >= 1024) this.#parts = [Buffer.concat(this.#parts)];
  }

  #join(part?: Uint8Array): Uint8Array {
    const parts = part === undefined ? this.#parts : [...this.#parts, part.subarray(0, 1024)];
    return parts.length === 1 ? (parts[0] ?? new Uint8Array()) : Buffer.concat(parts);
  }

  #endLine(): void {
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    let line = this.#join();
    this.#parts = [];
    this.#held = 0;
    this.line++;
    if (line.length > 0 && line[line.length - 1] === 13) line = line.subarray(0, -1);
    if (line.length > this.#max) this.#onLong(line.subarray(0, 1024));
    else this.#onLine(line);
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** One line as a JSON object, undefined for an empty line, or the reason why it is none. */
export function parseRecord(line: Uint8Array): JsonObject | string | undefined {
  let text: string;
  try {
    text = UTF8.decode(line);
  } catch {
    return 'not valid UTF-8';
  }
  if (text.trim() === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The engine's own message quotes the input, which is not ours to print.
    return 'not valid JSON';
  }
  return isObject(value) ? value : `not a JSON object but ${kindOf(value)}`;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a JSON value is, for a message: 'an array', 'a number', 'text', 'null', 'an object', 'true or false'. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'an array';
  const names: Record<string, string> = { number: 'a number', string: 'text', boolean: 'true or false' };
  return names[typeof value] ?? 'an object';
}

/**
 * Dotted names that were met before. To join a name anew for each record costs more than all the rest of it. At 4,096 names new ones are joined each time.
 */
class NameTree {
  readonly name: string;
  readonly #budget: { left: number };
  #children: Map<string, NameTree> | undefined;

  constructor(name: string, budget: { left: number }) {
    this.name = name;
    this.#budget = budget;
  }

  child(key: string): NameTree {
    let child = this.#children?.get(key);
    if (child === undefined) {
      child = new NameTree(this.name === '' ? key : `${this.name}.${key}`, this.#budget);
      if (this.#budget.left > 0 && child.name.length <= MAX_NAME) {
        this.#budget.left--;
        this.#children ??= new Map();
        this.#children.set(key, child);
      }
    }
    return child;
  }
}

const NAMES = new NameTree('', { left: 4096 });

/**
 * A record as one level of names: nested objects with dots (`dns.question.name`), arrays of scalars joined by commas, everything deeper as JSON text. Null and '' are missing, so they do not appear.
 * Bounded: `MAX_RECORD_COLUMNS` names of at most 256 characters, texts of at most 32,768. Returns the number of values that had no place.
 */
export function flattenRecord(record: JsonObject, into: (name: string, value: RecordValue) => void): number {
  let columns = 0;
  let refused = 0;
  const give = (name: string, value: RecordValue): void => {
    if (columns >= MAX_RECORD_COLUMNS || name.length > MAX_NAME) {
      refused++;
      return;
    }
    columns++;
    into(name, value);
  };
  const walk = (object: JsonObject, above: NameTree, depth: number): void => {
    for (const key of Object.keys(object)) {
      const value = object[key];
      const names = above.child(key);
      const { name } = names;
      if (typeof value === 'string') {
        if (value !== '') give(name, cutText(value));
      } else if (typeof value === 'number') {
        // JSON has no infinity; 1e999 is none of ours to round.
        if (Number.isFinite(value)) give(name, value);
        else refused++;
      } else if (typeof value === 'boolean') give(name, value);
      else if (Array.isArray(value)) {
        if (value.length === 0) continue;
        const scalars = value.every((item) => item === null || typeof item !== 'object');
        give(name, cutText(scalars ? joinScalars(value) : shallowJson(value)));
      } else if (isObject(value)) {
        if (depth < MAX_DEPTH) walk(value, names, depth + 1);
        else give(name, cutText(shallowJson(value)));
      }
    }
  };
  walk(record, NAMES, 1);
  return refused;
}

function joinScalars(values: readonly unknown[]): string {
  let text = '';
  for (const value of values) {
    if (value === null) continue;
    text += `${text === '' ? '' : ','}${String(value)}`;
    if (text.length > MAX_TEXT) break;
  }
  return text;
}

/** JSON text of a value; '…' for one that is nested deeper than the engine's stack allows. */
export function shallowJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return '…';
  }
}

function cutText(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  const end = (text.charCodeAt(MAX_TEXT - 1) & 0xfc00) === 0xd800 ? MAX_TEXT - 1 : MAX_TEXT;
  return `${text.slice(0, end)}…`;
}

/** Names under which records carry the time of what they tell, the most exact first. */
export const EVENT_TIME_NAMES = [
  'event.start',
  '@timestamp',
  'timestamp',
  'event_time',
  'eventTime',
  'time',
  'ts',
  'datetime',
  'date',
] as const;

const ISO_TIME =
  /^([+-]?\d{4,6})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d|[+-]\d\d)?$/i;

/**
 * A time as epoch ms (UTC), to the microsecond: ISO 8601 (RFC 3339; UTC where no zone stands, because the machine's zone is not the sender's), or a number of seconds, milliseconds, microseconds
 * or nanoseconds since 1970, told apart by size (seconds up to the year 5138, and so on). Undefined for what is no time.
 */
export function parseTime(value: unknown): number | undefined {
  if (typeof value === 'number') return epochTime(value);
  if (typeof value !== 'string' || value.length > 40) return undefined;
  const usual = usualTime(value);
  if (usual !== undefined) return usual;
  if (/^\d{9,19}(\.\d+)?$/.test(value)) return epochTime(Number(value));
  const match = ISO_TIME.exec(value.trim());
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second = '0', fraction = '', zone = 'Z'] = match;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > 31) return undefined;
  // Date.UTC takes a year below 100 for one of the last century.
  if (Number(year) >= 0 && Number(year) < 100) return undefined;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const base = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  if (Number.isNaN(base)) return undefined;
  let shift = 0;
  if (!/^z$/i.test(zone)) {
    const sign = zone.startsWith('-') ? -1 : 1;
    shift = sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || '0')) * 60_000;
  }
  return base - shift + (fraction === '' ? 0 : Math.round(Number(`0.${fraction}`) * 1e6) / 1e3);
}

let lastDay = '';
let lastDayMs = 0;

/** The time of `2021-04-01T15:55:45Z` with three digits of a fraction or none, as nearly all are; undefined for every other text. Records of one day share the day. */
function usualTime(text: string): number | undefined {
  const n = text.length;
  if ((n !== 20 && n !== 24) || text.charCodeAt(n - 1) !== 0x5a || text.charCodeAt(10) !== 0x54) return undefined;
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a || (n === 24 && text.charCodeAt(19) !== 0x2e))
    return undefined;
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const fraction = n === 24 ? 10 * twoDigits(text, 20) + text.charCodeAt(22) - 48 : 0;
  const last = n === 24 ? text.charCodeAt(22) : 48;
  if (!(hour < 24 && minute < 60 && second < 60 && fraction >= 0 && last >= 48 && last <= 57)) return undefined;
  const day = text.slice(0, 10);
  if (day !== lastDay) {
    if (!/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/.test(day)) return undefined;
    const [year, month, date] = [Number(day.slice(0, 4)), Number(day.slice(5, 7)), Number(day.slice(8))];
    if (year < 100) return undefined;
    lastDay = day;
    lastDayMs = Date.UTC(year, month - 1, date);
  }
  return lastDayMs + ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
}

/** Two digits as a number, NaN for anything else. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? 10 * tens + ones : Number.NaN;
}

function epochTime(value: number): number | undefined {
  // Below, a number that is called 'time' is a duration or a counter.
  if (!Number.isFinite(value) || value < 1e8) return undefined;
  if (value < 1e11) return Math.round(value * 1e6) / 1e3;
  if (value < 1e14) return value;
  if (value < 1e17) return value / 1e3;
  return value < 1e19 ? Math.round(value / 1e3) / 1e3 : undefined;
}

/** The time of what a record tells, epoch ms; undefined where it carries none. `name` looks at one field alone. */
export function eventTime(record: JsonObject, name?: string): number | undefined {
  for (const each of name === undefined ? EVENT_TIME_NAMES : [name]) {
    const time = parseTime(fieldOf(record, each));
    if (time !== undefined) return time;
  }
  return undefined;
}

/** A field by its dotted name, whether the record is nested or flat. */
export function fieldOf(record: JsonObject, name: string): unknown {
  if (Object.hasOwn(record, name)) return record[name];
  const dot = name.indexOf('.');
  if (dot < 0) return undefined;
  const inner = Object.hasOwn(record, name.slice(0, dot)) ? record[name.slice(0, dot)] : undefined;
  return isObject(inner) ? fieldOf(inner, name.slice(dot + 1)) : undefined;
}

/** Columns that every table of records has in front: when it came, when it happened, and from whom. */
const OWN_COLUMNS: readonly ColumnSpec[] = [
  { name: 'arrivalMs', kind: 'float64', unit: 'ms since 1970 UTC', meaning: 'When the record came in.' },
  {
    name: 'timeMs',
    kind: 'float64',
    unit: 'ms since 1970 UTC',
    meaning: 'Time of what the record tells, from the record itself; missing where it carries none.',
  },
  {
    name: 'agent',
    kind: 'string',
    unit: '',
    meaning: 'Who sent it: the name that the agent gave itself, else its address; missing for a stream of one sender.',
  },
];

/** One record per packet group, as simple simulators and sensors stream them: `{"src_port": 443, "dst_port": 51234, "packet_size": 1200, "duration_ms": 80, "protocol": "TCP"}`. */
export const PACKET_RECORD_SCHEMA: Schema = {
  name: 'packet-records',
  version: 1,
  columns: [
    ...OWN_COLUMNS,
    { name: 'src_port', kind: 'int32', unit: 'port', meaning: 'Port of the sender.' },
    { name: 'dst_port', kind: 'int32', unit: 'port', meaning: 'Port of the receiver.' },
    { name: 'packet_size', kind: 'float64', unit: 'bytes', meaning: 'Size of the packet.' },
    { name: 'duration_ms', kind: 'float64', unit: 'ms', meaning: 'How long it took.' },
    { name: 'protocol', kind: 'string', unit: '', meaning: 'TCP, UDP or UNKNOWN, as the sender wrote it.' },
  ],
};

const PACKET_RECORD_KEYS = ['src_port', 'dst_port', 'packet_size', 'duration_ms', 'protocol'] as const;

/** Why a value does not belong into a packet record's field, undefined where it does. */
function packetFieldFault(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (name === 'protocol')
    return typeof value === 'string' && value.length <= 64
      ? undefined
      : 'protocol: expected text of 1 to 64 characters';
  if (name.endsWith('_port'))
    return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535
      ? undefined
      : `${name}: expected an integer from 0 to 65535`;
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
    ? undefined
    : `${name}: expected a number from 0`;
}

/** True where a record has what only packet records have: both ports, and a size or a duration, and no address. */
export function looksLikePacketRecord(record: JsonObject): boolean {
  return (
    Object.hasOwn(record, 'src_port') &&
    Object.hasOwn(record, 'dst_port') &&
    (Object.hasOwn(record, 'packet_size') || Object.hasOwn(record, 'duration_ms')) &&
    !Object.hasOwn(record, 'src_ip') &&
    !Object.hasOwn(record, 'dst_ip')
  );
}

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

export interface RecordIntakeOptions extends RecordTyperOptions {
  /** Rows of a batch, default 8,192. */
  readonly batchRows?: number | undefined;
  /** A batch is given at the latest so long after its first record came. Default 1,000 ms. */
  readonly batchMs?: number | undefined;
  /** A batch is given when its records took so many bytes. Default 16 MiB. */
  readonly batchBytes?: number | undefined;
  /** Finished batches that wait to be read; with as many the intake is full. Default 4. */
  readonly maxWaiting?: number | undefined;
  readonly timing?: Timing | undefined;
  /** Told of a record that breaks the schema. */
  readonly onFault?: ((arrived: ArrivedRecord, reason: string) => void) | undefined;
  /** Told when an intake that was full has room again. */
  readonly onRoom?: (() => void) | undefined;
}

/**
 * Records on one side, batches of one schema on the other, bounded between: at most `maxWaiting` finished batches and the one that fills. `add` always takes the record; whoever adds asks `full` and stops
 * its sender. One reader at a time.
 */
export class RecordIntake {
  readonly typer: RecordTyper;
  /** Rows given to the reader so far. */
  rows = 0;
  readonly #batchRows: number;
  readonly #batchMs: number;
  readonly #batchBytes: number;
  readonly #maxWaiting: number;
  readonly #timing: Timing;
  readonly #onFault: (arrived: ArrivedRecord, reason: string) => void;
  readonly #onRoom: () => void;
  #open: ArrivedRecord[] = [];
  #openBytes = 0;
  #waiting: Table[] = [];
  #ended = false;
  #cancelTimer: (() => void) | undefined;
  #reader: (() => void) | undefined;
  #due = false;

  constructor(options: RecordIntakeOptions = {}) {
    const {
      batchRows = DEFAULT_BATCH_ROWS,
      batchMs = 1000,
      batchBytes = 1 << 24,
      maxWaiting = 4,
      timing = SYSTEM_TIMING,
    } = options;
    this.typer = new RecordTyper(options);
    this.#batchRows = batchRows;
    this.#batchMs = batchMs;
    this.#batchBytes = batchBytes;
    this.#maxWaiting = maxWaiting;
    this.#timing = timing;
    this.#onFault = options.onFault ?? ((): void => undefined);
    this.#onRoom = options.onRoom ?? ((): void => undefined);
  }

  get full(): boolean {
    return this.#waiting.length >= this.#maxWaiting;
  }

  /** Takes a record that took `bytes` on its way. */
  add(arrived: ArrivedRecord, bytes: number): void {
    if (this.#ended) return;
    this.#open.push(arrived);
    this.#openBytes += bytes;
    if (this.#open.length >= this.#batchRows || this.#openBytes >= this.#batchBytes) this.#close();
    else this.#cancelTimer ??= this.#timing.after(this.#batchMs, () => this.#close());
  }

  #close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    // With no room, the batch that fills may go on filling until the reader comes: the sender is stopped by then.
    if (this.#open.length === 0) return;
    if (this.full && !this.#ended && this.#open.length < this.#batchRows && this.#openBytes < this.#batchBytes) {
      this.#due = true;
      return;
    }
    const open = this.#open;
    this.#open = [];
    this.#openBytes = 0;
    this.#due = false;
    const table = this.typer.tableOf(open, this.#onFault);
    if (table.rowCount > 0) this.#waiting.push(table);
    this.#wake();
  }

  #wake(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.();
  }

  /** No more records come; what waits is still given. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#close();
    this.#wake();
  }

  /** Resolves when a first batch waits, or the end came: then the schema is known, undefined when nothing came at all. */
  async opened(): Promise<Schema | undefined> {
    while (this.typer.schema === undefined && !this.#ended) await this.#news();
    return this.typer.schema;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  /** The next batch, undefined at the end. */
  async take(): Promise<Table | undefined> {
    for (;;) {
      const wasFull = this.full;
      const table = this.#waiting.shift();
      if (table !== undefined) {
        this.rows += table.rowCount;
        if (this.#due) this.#close();
        if (wasFull && !this.full) this.#onRoom();
        return table;
      }
      if (this.#ended) return undefined;
      await this.#news();
    }
  }
}
