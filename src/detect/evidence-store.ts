import { asciiText, numberAt, PackedTextColumn, type Table, textAt } from '../core/index.ts';
import { FLOW_SCHEMA, type FlowRecord } from '../flow/index.ts';

/**
 * Rows of flow tables as bytes, for the evidence of a whole run: 130 to 200 bytes each, where an object takes more than a thousand. Of a row: a bit for each column that has a
 * value, then the values. A whole number of up to 28 bits is written in as few bytes as it needs, seven bits in each, any other as a float64; a text as its number among all texts that were
 * seen, or itself where its column's texts hardly ever repeat.
 *
 * A record is handed out as a stand-in that looks like the object in every way (members, their order, JSON) and makes it when somebody looks. The objects of those looked at last are kept.
 */
export class EvidenceStore {
  #blocks: Uint8Array[] = [];
  #free = 0;
  #left = 0;
  #texts: string[] = [];
  #numbers = new Map<string, number>();
  #recent: (FlowRecord | undefined)[] = new Array<FlowRecord | undefined>(RECENT).fill(undefined);
  #recentAt = new Float64Array(RECENT).fill(-1);
  #handler: ProxyHandler<FlowRecord> = {
    // For JSON at once; member by member it takes ten times as long.
    get: (place, key) => (key === 'toJSON' ? () => this.#recordAt(place) : Reflect.get(this.#recordAt(place), key)),
    has: (place, key) => Reflect.has(this.#recordAt(place), key),
    ownKeys: (place) => Reflect.ownKeys(this.#recordAt(place)),
    getOwnPropertyDescriptor: (place, key) => Reflect.getOwnPropertyDescriptor(this.#recordAt(place), key),
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
  };

  /** Keeps a row of a flow table. */
  add(table: Table, row: number): FlowRecord {
    return new Proxy<FlowRecord>({ id: this.#write(table, row) }, this.#handler);
  }

  #write(table: Table, row: number): number {
    if (this.#left < MOST_BYTES) {
      this.#blocks.push(new Uint8Array(BLOCK_BYTES));
      this.#left = BLOCK_BYTES;
      this.#free = (this.#blocks.length - 1) * BLOCK_BYTES;
    }
    const bytes = this.#blocks[this.#blocks.length - 1] as Uint8Array;
    const begin = BLOCK_BYTES - this.#left;
    let at = begin + MASK_BYTES;
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
        } else at = writeVarint(bytes, at, 1 + this.#numberOf(text));
      } else {
        const value = numberAt(column, row);
        if (value === undefined) continue;
        // Not of -0, which is another value.
        if (value >= 0 && value < MOST_SHORT && Number.isInteger(value) && !Object.is(value, -0))
          at = writeVarint(bytes, at, 1 + value);
        else {
          bytes[at++] = 0;
          FLOAT[0] = value;
          bytes.set(FLOAT_BYTES, at);
          at += 8;
        }
      }
      bytes[begin + (i >> 3)] = (bytes[begin + (i >> 3)] as number) | (1 << (i & 7));
    }
    const place = this.#free;
    this.#free += at - begin;
    this.#left -= at - begin;
    return place;
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

  /** @param place behind a stand-in: its `id` is where the row's bytes begin. */
  #recordAt({ id: at = 0 }: FlowRecord): FlowRecord {
    const slot = at % RECENT;
    if (this.#recentAt[slot] === at) return this.#recent[slot] as FlowRecord;
    const record = this.#read(at);
    this.#recentAt[slot] = at;
    this.#recent[slot] = record;
    return record;
  }

  #read(place: number): FlowRecord {
    const bytes = this.#blocks[Math.floor(place / BLOCK_BYTES)] as Uint8Array;
    const begin = place % BLOCK_BYTES;
    const cursor: Cursor = { bytes, at: begin + MASK_BYTES };
    const members: [string, number | string][] = [];
    for (let i = 0; i < COLUMNS; i++) {
      if (((bytes[begin + (i >> 3)] as number) & (1 << (i & 7))) === 0) continue;
      const { name, kind } = FLOW_SCHEMA.columns[i] as (typeof FLOW_SCHEMA.columns)[number];
      members.push([name, kind === 'string' ? this.#readText(cursor) : readNumber(cursor)]);
    }
    // The small one of the two kinds of objects that V8 has, as in `flowRecord`.
    return Object.fromEntries(members) as FlowRecord;
  }

  #readText(cursor: Cursor): string {
    const number = readVarint(cursor);
    if (number > 0) return this.#texts[number - 1] as string;
    const from = cursor.at + 1;
    cursor.at = from + (cursor.bytes[cursor.at] as number);
    return asciiText(cursor.bytes, from, cursor.at);
  }
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

const COLUMNS = FLOW_SCHEMA.columns.length;
const MASK_BYTES = (COLUMNS + 7) >> 3;
const BLOCK_BYTES = 1 << 18;
const MOST_PLAIN = 255;
/** More than a row takes. */
const MOST_BYTES = MASK_BYTES + COLUMNS * (2 + MOST_PLAIN);
const MOST_SHORT = 2 ** 28 - 1;
/** Objects that are kept for the next look. */
const RECENT = 127;

const FLOAT = new Float64Array(1);
const FLOAT_BYTES = new Uint8Array(FLOAT.buffer);

function writeVarint(bytes: Uint8Array, from: number, value: number): number {
  let at = from;
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes[at++] = (rest & 127) | 128;
  bytes[at++] = rest;
  return at;
}

function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = cursor.bytes[cursor.at++] as number;
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
  }
}

function readNumber(cursor: Cursor): number {
  const number = readVarint(cursor);
  if (number > 0) return number - 1;
  for (let i = 0; i < 8; i++) FLOAT_BYTES[i] = cursor.bytes[cursor.at + i] as number;
  cursor.at += 8;
  return FLOAT[0] as number;
}
