/** JSON records: one from a line, what a value is, a field by its name. */

export type JsonObject = { readonly [key: string]: unknown };

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

/** JSON text of a value; '…' for one that is nested deeper than the engine's stack allows. */
export function shallowJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return '…';
  }
}

/** A field by its dotted name, whether the record is nested or flat. */
export function fieldOf(record: JsonObject, name: string): unknown {
  if (Object.hasOwn(record, name)) return record[name];
  const dot = name.indexOf('.');
  if (dot < 0) return undefined;
  const inner = Object.hasOwn(record, name.slice(0, dot)) ? record[name.slice(0, dot)] : undefined;
  return isObject(inner) ? fieldOf(inner, name.slice(dot + 1)) : undefined;
}
