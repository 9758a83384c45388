import { asciiText, type ColumnSpec, numberAt, PackedTextColumn, type Table, textAt } from '../../core/index.ts';
import { FLOW_COLUMN, FLOW_SCHEMA, type FlowColumnName, type FlowRecord, flowTable } from '../../flow/index.ts';

/**
 * Rows of flow tables in little room, for the evidence of a whole run: about 300 bytes each, where an object takes more than a thousand. A record is handed out as a stand-in that looks like
 * the object in every way (members, their order, JSON) and makes it when somebody looks. The objects of those looked at last are kept; whoever drops the stand-in drops the row.
 */
export class EvidenceStore {
  #recent = new Recent();
  #page = new Page(this.#recent);
  #count = 0;

  /** Keeps a row of a flow table. */
  add(table: Table, row: number): FlowRecord {
    if (this.#page.isFull) this.#page = new Page(this.#recent);
    return this.#page.add(table, row, this.#count++);
  }

  /** Keeps records that were written as JSON; where one is no flow of this version's columns they are given back as they are. */
  addAll(records: readonly FlowRecord[]): readonly FlowRecord[] {
    if (!records.every(isOfSchema)) return records;
    const table = flowTable(records);
    return records.map((_, row) => this.add(table, row));
  }
}

function isOfSchema(record: FlowRecord): boolean {
  return Object.entries(record).every(([name, value]) => {
    const kind = FLOW_SCHEMA.columns[FLOW_COLUMN[name as FlowColumnName] ?? -1]?.kind;
    if (kind === 'string') return typeof value === 'string';
    return kind === 'int32' ? value === (Number(value) | 0) : kind !== undefined && typeof value === 'number';
  });
}

/** The object itself where a record is a stand-in: to walk through all members of one of those asks for each of them. */
export function plainRecord<T extends object>(record: T): T {
  const { toJSON } = record as { readonly toJSON?: () => T };
  return toJSON === undefined ? record : toJSON();
}

/** Objects that were made of rows, for the next look. */
class Recent {
  #of: (FlowRecord | undefined)[] = new Array<FlowRecord | undefined>(RECENT).fill(undefined);
  #records: FlowRecord[] = new Array<FlowRecord>(RECENT).fill({});
  #asked: FlowRecord | undefined;
  #times = 0;

  /** Whether one is asked for so many members, one after another, that all together are less work. */
  isWorthAll(held: FlowRecord): boolean {
    if (this.#asked !== held) this.#times = 0;
    this.#asked = held;
    this.#times++;
    return this.#times > MOST_MEMBERS;
  }

  get(held: FlowRecord): FlowRecord | undefined {
    const slot = (held.id ?? 0) % RECENT;
    return this.#of[slot] === held ? this.#records[slot] : undefined;
  }

  keep(held: FlowRecord, record: FlowRecord): void {
    const slot = (held.id ?? 0) % RECENT;
    this.#of[slot] = held;
    this.#records[slot] = record;
  }
}

/**
 * Rows that share a dictionary of texts. Of a row, in a text of one byte a character: a bit for each column that has a value, then the values. A whole number of up to 28 bits takes as few bytes as it needs, seven bits in
 * each, any other is a float64; a text is its number in the dictionary, or itself where its column's texts hardly ever repeat. Behind a stand-in is a record whose `id` is the number of the
 * row in the store, and whose `service` is that text.
 */
class Page {
  #texts: string[] = [];
  #numbers = new Map<string, number>();
  #recent: Recent;
  #handler: ProxyHandler<FlowRecord> = {
    // For JSON at once; member by member it takes ten times as long.
    get: (held, key) => (key === 'toJSON' ? () => this.#recordOf(held) : this.#memberOf(held, key)),
    has: (held, key) => Reflect.has(this.#recordOf(held), key),
    ownKeys: (held) => Reflect.ownKeys(this.#recordOf(held)),
    getOwnPropertyDescriptor: (held, key) => Reflect.getOwnPropertyDescriptor(this.#recordOf(held), key),
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
  };

  constructor(recent: Recent) {
    this.#recent = recent;
  }

  get isFull(): boolean {
    return this.#texts.length >= PAGE_TEXTS;
  }

  add(table: Table, row: number, id: number): FlowRecord {
    const held: FlowRecord = { id, service: asciiText(BYTES, 0, this.#write(table, row)) };
    return new Proxy<FlowRecord>(held, this.#handler);
  }

  #write(table: Table, row: number): number {
    const bytes = BYTES;
    bytes.fill(0, 0, MASK_BYTES);
    let at = MASK_BYTES;
    for (let i = 0; i < COLUMNS; i++) {
      const column = table.columns[i];
      if (column === undefined) continue;
      if (column.kind === 'string') {
        const text = textAt(column, row);
        if (text === undefined) continue;
        if (column instanceof PackedTextColumn && column.isPlain && text.length <= MOST_PLAIN) {
          bytes[at++] = 0;
          bytes[at++] = text.length;
          for (let k = 0; k < text.length; k++) bytes[at++] = text.charCodeAt(k);
        } else at = writeVarint(at, 1 + this.#numberOf(text));
      } else {
        const value = numberAt(column, row);
        if (value === undefined) continue;
        // Not of -0, which is another value.
        if (value >= 0 && value < MOST_SHORT && Number.isInteger(value) && !Object.is(value, -0))
          at = writeVarint(at, 1 + value);
        else {
          bytes[at++] = 0;
          FLOAT[0] = value;
          bytes.set(FLOAT_BYTES, at);
          at += 8;
        }
      }
      bytes[i >> 3] = (bytes[i >> 3] as number) | (1 << (i & 7));
    }
    return at;
  }

  #numberOf(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#texts.length;
      this.#numbers.set(text, number);
      this.#texts.push(text);
    }
    return number;
  }

  /** Who looks through all evidence asks each row for a member or four: these are read by themselves. */
  #memberOf(held: FlowRecord, key: string | symbol): unknown {
    const column = FLOW_COLUMN[key as FlowColumnName] as unknown;
    const known = this.#recent.get(held);
    if (known !== undefined || typeof column !== 'number' || this.#recent.isWorthAll(held))
      return Reflect.get(known ?? this.#recordOf(held), key);
    const cursor: Cursor = { bytes: held.service ?? '', at: MASK_BYTES };
    if (!hasColumn(cursor.bytes, column)) return undefined;
    for (let i = 0; i < column; i++) if (hasColumn(cursor.bytes, i)) this.#readValue(cursor, i);
    return this.#readValue(cursor, column);
  }

  #recordOf(held: FlowRecord): FlowRecord {
    const known = this.#recent.get(held);
    if (known !== undefined) return known;
    const record = this.#read(held.service ?? '');
    this.#recent.keep(held, record);
    return record;
  }

  #read(bytes: string): FlowRecord {
    const cursor: Cursor = { bytes, at: MASK_BYTES };
    const members: [string, number | string][] = [];
    for (let i = 0; i < COLUMNS; i++) {
      if (hasColumn(bytes, i)) members.push([(FLOW_SCHEMA.columns[i] as ColumnSpec).name, this.#readValue(cursor, i)]);
    }
    // The small one of the two kinds of objects that V8 has, as in `flowRecord`.
    return Object.fromEntries(members) as FlowRecord;
  }

  #readValue(cursor: Cursor, column: number): number | string {
    return FLOW_SCHEMA.columns[column]?.kind === 'string' ? this.#readText(cursor) : readNumber(cursor);
  }

  #readText(cursor: Cursor): string {
    const number = readVarint(cursor);
    if (number > 0) return this.#texts[number - 1] as string;
    const from = cursor.at + 1;
    cursor.at = from + cursor.bytes.charCodeAt(cursor.at);
    return cursor.bytes.slice(from, cursor.at);
  }
}

interface Cursor {
  readonly bytes: string;
  at: number;
}

/** Texts of a page's dictionary, from which on there is another page: so what nobody holds any more goes with its page. */
const PAGE_TEXTS = 4096;
const COLUMNS = FLOW_SCHEMA.columns.length;
const MASK_BYTES = (COLUMNS + 7) >> 3;
const MOST_PLAIN = 255;
const MOST_SHORT = 2 ** 28 - 1;
/** Objects that are kept for the next look. */
const RECENT = 127;

/** Members of a row that are read by themselves. */
const MOST_MEMBERS = 4;

/** A row in the making; it has more room than a row takes. */
const BYTES = new Uint8Array(MASK_BYTES + COLUMNS * (2 + MOST_PLAIN));
const FLOAT = new Float64Array(1);
const FLOAT_BYTES = new Uint8Array(FLOAT.buffer);

function hasColumn(bytes: string, column: number): boolean {
  return (bytes.charCodeAt(column >> 3) & (1 << (column & 7))) !== 0;
}

function writeVarint(from: number, value: number): number {
  let at = from;
  let rest = value;
  for (; rest > 127; rest >>>= 7) BYTES[at++] = (rest & 127) | 128;
  BYTES[at++] = rest;
  return at;
}

function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = cursor.bytes.charCodeAt(cursor.at++);
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
  }
}

function readNumber(cursor: Cursor): number {
  const number = readVarint(cursor);
  if (number > 0) return number - 1;
  for (let i = 0; i < 8; i++) FLOAT_BYTES[i] = cursor.bytes.charCodeAt(cursor.at + i);
  cursor.at += 8;
  return FLOAT[0] as number;
}
