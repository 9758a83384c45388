import { isObject, type JsonObject, kindOf, LineSplitter, parseRecord, shallowJson } from '../record/index.ts';

/** The records in the body of a request. */

interface BodyItem {
  /** From 1: the line, or the place in the array. */
  readonly line: number;
  readonly record: JsonObject | undefined;
  readonly reason: string | undefined;
  readonly bytes: Uint8Array;
}

const MAX_NESTING = 64;

/** The records of a request: an array of objects, one object, or one object a line. */
export function recordsOf(body: Buffer, contentType: string, maxLineBytes: number): BodyItem[] {
  const first = body.find((byte) => byte > 0x20);
  if (first === undefined) return [];
  const lined = /ndjson|jsonl|json-seq|x-json-stream/i.test(contentType);
  if (!lined) {
    if (first === 0x5b && tooDeep(body))
      return [
        { line: 1, record: undefined, reason: `nested deeper than ${MAX_NESTING}`, bytes: body.subarray(0, 1024) },
      ];
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    } catch {
      // Several objects, one a line; or nothing that can be read, which the lines will say.
      if (first === 0x5b)
        return [{ line: 1, record: undefined, reason: 'not a valid JSON array', bytes: body.subarray(0, 1024) }];
    }
    if (Array.isArray(value))
      return value.map((item: unknown, i) => {
        const bytes = Buffer.from(shallowJson(item));
        if (bytes.length > maxLineBytes)
          return { line: i + 1, record: undefined, reason: `record longer than ${maxLineBytes} bytes`, bytes };
        return isObject(item)
          ? { line: i + 1, record: item, reason: undefined, bytes }
          : { line: i + 1, record: undefined, reason: `not a JSON object but ${kindOf(item)}`, bytes };
      });
    if (isObject(value) && body.length <= maxLineBytes)
      return [{ line: 1, record: value, reason: undefined, bytes: body }];
  }
  const items: BodyItem[] = [];
  const lines = new LineSplitter(
    (line) => {
      const record = parseRecord(line);
      if (record === undefined) return;
      const good = typeof record !== 'string';
      items.push({
        line: lines.line,
        record: good ? record : undefined,
        reason: good ? undefined : record,
        bytes: line,
      });
    },
    (head) =>
      items.push({
        line: lines.line,
        record: undefined,
        reason: `record longer than ${maxLineBytes} bytes`,
        bytes: head,
      }),
    maxLineBytes,
  );
  lines.push(body);
  lines.end();
  return items;
}

/** A body of nothing but brackets would take fifty times its size as objects. */
function tooDeep(body: Uint8Array): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    if (inText) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inText = false;
    } else if (byte === 0x22) inText = true;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_NESTING) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return false;
}
