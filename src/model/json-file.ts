import { utf8ToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { canonicalJson, type Json, safeText } from '../core/index.ts';
import { damaged, readModel } from './file.ts';
import { type Model, ModelError } from './model.ts';

/**
 * A saved model as JSON text, for people, diffs and programs that read nothing else. It holds what the safetensors file holds (`file.ts`) and no more:
 *
 *     { "format": "anomalyst-model", "format_version": ..., "kind": ..., ..., "sha256": ..., "arrays": [{ "name", "dtype", "shape", "values" }] }
 *
 * The members before `arrays` are the file's metadata, those that are JSON there as JSON. Numbers are written so that reading gives the same bits: the shortest decimal
 * that does, for a float32 among float32, and -0 as -0. What JSON has no number for: null is the NaN of a missing value, "Infinity" and "-Infinity" say
 * themselves, and a NaN of other bits is its bits, as "nan:ffc00000".
 *
 * Reading rebuilds the bytes of the safetensors file and reads those: the checksum, which is that file's, and every other check hold for both. A text that was
 * edited is refused like a file that was.
 */
const FORMAT = 'anomalyst-model';
/** JSON.parse takes strings up to 512 MB; before that memory is short. */
const MAX_TEXT = 400 * 1024 * 1024;
/** Deeper nesting than any model has would end on the stack of who walks it. */
const MAX_DEPTH = 100;
/** What a reader wants to know first; the rest follows in the order of the file. */
const FIRST = ['format', 'format_version', 'kind', 'schema_version', 'seed', 'sha256', 'feature_names', 'parameters'];
/** One member of `arrays` a line: nobody reads the numbers, and the rest stays readable. */
const LINE = '\n';

const DTYPES = { F64: Float64Array, F32: Float32Array, I16: Int16Array, U16: Uint16Array } as const;
export type DType = keyof typeof DTYPES;

type Values = Float64Array | Float32Array | Int16Array | Uint16Array;

/** An array of a file, with a copy of its content. */
export interface RawArray {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: Values;
}

export interface Container {
  readonly metadata: { readonly [key: string]: string };
  /** In the order of the file. */
  readonly arrays: readonly RawArray[];
}

const headerSchema = z.record(z.string(), z.unknown());
const arraySchema = z.object({
  dtype: z.enum(['F64', 'F32', 'I16', 'U16']),
  shape: z.array(z.number()),
  data_offsets: z.tuple([z.number(), z.number()]),
});

/** Takes apart a file that `readModel` found sound. */
export function takeApart(bytes: Uint8Array): Container {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = headerSchema.parse(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))));
  const data = bytes.subarray(8 + length);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => ({ name, ...arraySchema.parse(value) }))
    .sort((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  return {
    metadata: z.record(z.string(), z.string()).parse(header.__metadata__),
    arrays: entries.map(({ name, dtype, shape, data_offsets: [from, to] }) => ({
      name,
      dtype,
      shape,
      values: arrayOf(dtype, data.subarray(from, to)),
    })),
  };
}

/** Writes a model as JSON; see above. Equal models give equal text. */
export function toJson(model: Model): string {
  return jsonOfFile(model.save());
}

/** The JSON text of a model's file. Throws a `ModelError` for bytes that are not one. */
export function jsonOfFile(bytes: Uint8Array): string {
  readModel(bytes);
  const { metadata, arrays } = takeApart(bytes);
  const lines: string[] = [];
  const first = FIRST.filter((key) => metadata[key] !== undefined);
  for (const key of new Set([...first, ...Object.keys(metadata)])) {
    const text = metadata[key];
    lines.push(`${JSON.stringify(key)}: ${readableMember(text) ?? JSON.stringify(text)}`);
  }
  const written = arrays.map(
    ({ name, dtype, shape, values }) =>
      `{"name": ${JSON.stringify(name)}, "dtype": "${dtype}", "shape": ${JSON.stringify(shape)}, "values": [${textsOf(values).join(',')}]}`,
  );
  lines.push(`"arrays": [${LINE}${written.join(`,${LINE}`)}${LINE}]`);
  return `{${LINE}${lines.join(`,${LINE}`)}${LINE}}${LINE}`;
}

/** The text itself where it is the canonical JSON of a list or an object, as which it can stand in the JSON. */
function readableMember(text: string): string | undefined {
  if (!/^[[{]/.test(text)) return undefined;
  try {
    const value = JSON.parse(text) as Json;
    return depthOf(value) <= MAX_DEPTH && canonicalJson(value) === text ? text : undefined;
  } catch {
    return undefined;
  }
}

/** A copy, which is aligned whatever the place of the bytes is. */
function arrayOf(dtype: DType, bytes: Uint8Array): Values {
  const Type = DTYPES[dtype];
  return new Type(new Uint8Array(bytes).buffer);
}

function textsOf(values: Values): string[] {
  const out = new Array<string>(values.length);
  const narrow = values instanceof Float32Array;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (Number.isNaN(v)) out[i] = nanText(values, i);
    else if (!Number.isFinite(v)) out[i] = v > 0 ? '"Infinity"' : '"-Infinity"';
    else if (Object.is(v, -0)) out[i] = '-0';
    else out[i] = narrow ? shortest(v) : String(v);
  }
  return out;
}

/** The shortest decimal that is read as this float32. */
function shortest(v: number): string {
  if (Number.isInteger(v) && Math.abs(v) < 1e7) return String(v);
  for (let digits = 6; digits < 9; digits++) {
    const near = Number(v.toPrecision(digits));
    if (Math.fround(near) === v) return String(near);
  }
  return String(Number(v.toPrecision(9)));
}

const QUIET = { F32: '7fc00000', F64: '7ff8000000000000' } as const;

function nanText(values: Values, i: number): string {
  const width = values.BYTES_PER_ELEMENT;
  const view = new DataView(values.buffer, values.byteOffset + i * width, width);
  let digits = '';
  for (let b = width - 1; b >= 0; b--) digits += view.getUint8(b).toString(16).padStart(2, '0');
  return digits === QUIET[width === 4 ? 'F32' : 'F64'] ? 'null' : `"nan:${digits}"`;
}

/** Whether bytes are a model as JSON rather than a safetensors file: that one begins with a length. */
export function isJsonModel(bytes: Uint8Array): boolean {
  let at = 0;
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) at = 3;
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0a || bytes[at] === 0x0d) at++;
  // A length of 123, which is '{', is followed by seven bytes of 0.
  return bytes[at] === 0x7b && bytes[at + 1] !== 0;
}

const DAMAGED_AT = /position (\d+)/;

/**
 * The bytes of the safetensors file that a JSON text stands for, for `loadModel` to check. Throws a `ModelError`, and nothing else, for text that is not a whole,
 * sound model of this version.
 */
export function fileOfJson(given: string | Uint8Array): Uint8Array {
  if (given.length > MAX_TEXT)
    throw new ModelError(
      'The JSON of this model is larger than 400 MB.',
      'Keep a model of this size as a safetensors file: anomalyst model convert writes one.',
    );
  let text: string;
  try {
    text = typeof given === 'string' ? given : new TextDecoder('utf-8', { fatal: true }).decode(given);
  } catch {
    throw damaged('its JSON is not UTF-8');
  }
  const root = parse(text.replace(/^\uFEFF/, ''));
  if (root.format !== FORMAT)
    throw new ModelError(
      'This is JSON, but not a model of Anomalyst.',
      "A model as JSON is what 'anomalyst model convert --to json' wrote; its format is 'anomalyst-model'.",
    );
  const { arrays, ...members } = root;
  if (!Array.isArray(arrays)) throw damaged('it has no arrays');
  const metadata = Object.fromEntries(
    Object.entries(members).map(([key, value]) => [key, typeof value === 'string' ? value : canonicalText(value)]),
  );
  const header: [string, Json][] = [['__metadata__', metadata]];
  const parts: Uint8Array[] = [];
  const seen = new Set(['__metadata__']);
  let offset = 0;
  for (const array of arrays) {
    const { name, dtype, shape, bytes } = readArray(array);
    if (seen.has(name)) throw damaged(`it has two arrays '${safeText(name, 60)}'`);
    seen.add(name);
    header.push([name, { dtype, shape, data_offsets: [offset, offset + bytes.length] }]);
    parts.push(bytes);
    offset += bytes.length;
  }
  const head = utf8ToBytes(canonicalJson(Object.fromEntries(header)));
  const headerBytes = Math.ceil(head.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + offset).fill(0x20, 8, 8 + headerBytes);
  new DataView(file.buffer).setUint32(0, headerBytes, true);
  file.set(head, 8);
  offset = 8 + headerBytes;
  for (const part of parts) {
    file.set(part, offset);
    offset += part.length;
  }
  return file;
}

function parse(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const at = Number(DAMAGED_AT.exec(error instanceof Error ? error.message : '')?.[1] ?? text.length);
    const before = text.slice(0, at);
    const line = before.split('\n').length;
    throw damaged(`it is not JSON from line ${line}, column ${at - before.lastIndexOf('\n')} on`);
  }
  const parsed = headerSchema.safeParse(value);
  if (!parsed.success) throw damaged('its JSON is not an object');
  return parsed.data;
}

function canonicalText(value: unknown): string {
  if (depthOf(value) > MAX_DEPTH) throw damaged('its JSON is nested too deeply');
  return canonicalJson(value as Json);
}

/** Levels of lists and objects, counted no further than is of interest. */
function depthOf(value: unknown, level = 0): number {
  if (typeof value !== 'object' || value === null || level > MAX_DEPTH) return level;
  let most = level + 1;
  for (const member of Object.values(value)) most = Math.max(most, depthOf(member, level + 1));
  return most;
}

const jsonArraySchema = z.strictObject({
  name: z.string().min(1).max(1000),
  dtype: z.enum(['F64', 'F32', 'I16', 'U16']),
  shape: z.array(z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)).max(4),
  values: z.unknown(),
});

function readArray(given: unknown): { name: string; dtype: DType; shape: number[]; bytes: Uint8Array } {
  const parsed = jsonArraySchema.safeParse(given);
  if (!parsed.success) throw damaged('one of its arrays is not described as an array');
  const { name, dtype, shape, values } = parsed.data;
  const label = safeText(name, 60);
  if (!Array.isArray(values) || values.length !== shape.reduce((product, n) => product * n, 1))
    throw damaged(`its array '${label}' does not have as many values as its shape says`);
  const array = new DTYPES[dtype](values.length);
  for (let i = 0; i < values.length; i++) {
    if (!place(array, i, values[i])) throw damaged(`its array '${label}' holds at place ${i} what is no ${dtype}`);
  }
  return { name, dtype, shape, bytes: new Uint8Array(array.buffer) };
}

const WORDS: ReadonlyMap<unknown, number> = new Map([
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** Whether a value could be written to the array, and is there as it was given. */
function place(array: Values, i: number, given: unknown): boolean {
  if (typeof given === 'number') {
    array[i] = given;
    // A float32 takes the nearest; one that is beyond all of them is none.
    return array instanceof Float32Array ? Number.isFinite(array[i]) : array[i] === given;
  }
  if (array instanceof Int16Array || array instanceof Uint16Array) return false;
  const width = array.BYTES_PER_ELEMENT;
  const view = new DataView(array.buffer, i * width, width);
  const word = WORDS.get(given);
  const bits = given === null ? QUIET[width === 4 ? 'F32' : 'F64'] : nanBits(given, width);
  if (word !== undefined) array[i] = word;
  else if (bits === undefined) return false;
  else for (let b = 0; b < width; b++) view.setUint8(width - 1 - b, Number.parseInt(bits.slice(2 * b, 2 * b + 2), 16));
  return word !== undefined || Number.isNaN(array[i]);
}

function nanBits(given: unknown, width: number): string | undefined {
  const bits = typeof given === 'string' ? /^nan:([0-9a-f]{8}|[0-9a-f]{16})$/.exec(given)?.[1] : undefined;
  return bits?.length === 2 * width ? bits : undefined;
}
