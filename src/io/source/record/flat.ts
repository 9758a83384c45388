import { isObject, type JsonObject, shallowJson } from './json.ts';

/** Records as one level of names. */

/** Deeper objects are kept as JSON text. */
const MAX_DEPTH = 8;
/** Columns of one record, and of one inferred schema; further keys are counted. */
export const MAX_RECORD_COLUMNS = 512;
const MAX_NAME = 256;
/** A longer text is cut here, with an ellipsis. */
const MAX_TEXT = 32_768;

export type RecordValue = number | string | boolean;

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

function cutText(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  const end = (text.charCodeAt(MAX_TEXT - 1) & 0xfc00) === 0xd800 ? MAX_TEXT - 1 : MAX_TEXT;
  return `${text.slice(0, end)}…`;
}
