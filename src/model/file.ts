import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { canonicalJson, type Json, safeText } from '../core/index.ts';
import { Calibration } from './calibration.ts';
import { ModelError } from './model.ts';
import { type FeatureStatistics, STATISTICS, summarise, type TrainingSummary } from './training.ts';
import {
  BIN_PLACES,
  BIN_POINTS,
  MAX_ANCHOR_ROWS,
  referenceFault,
  type TrainingReference,
} from './training-reference.ts';

/**
 * A saved model is data, never code: a safetensors file (8 bytes header length, little-endian; that many bytes of JSON; then raw little-endian
 * arrays without gaps). All that is not an array is in the header's `__metadata__`, strings as the format demands, some of them JSON.
 * `sha256` there is taken over the whole file with its own 64 digits replaced by '0'.
 *
 * The file comes from the operator's disk, possibly from a stranger. Nothing in it is believed: every length, offset, shape, index and number is
 * checked before use, no more memory is taken than the file itself is long, and whatever is wrong is a `ModelError`.
 */
const FORMAT = 'anomalyst-model';
/** Raised when an older reader could misread a newer file. */
export const FORMAT_VERSION = 2;
/** Of version 1: without a reference, see `TrainingReference`. */
const OLDEST_VERSION = 1;
/** Longer headers are refused: names of 30,000 features take about 1 MB. */
const MAX_HEADER_BYTES = 8 * 1024 * 1024;
const NO_DIGEST = '0'.repeat(64);

const WIDTHS = { F64: 8, F32: 4, I16: 2, U16: 2 } as const;
type DType = keyof typeof WIDTHS;

export type TensorData = Float64Array | Float32Array | Int16Array | Uint16Array;

/** A named array of a model file. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

function dtypeOf(data: TensorData): DType {
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof Float32Array) return 'F32';
  return data instanceof Int16Array ? 'I16' : 'U16';
}

/** What every kind of model saves. */
export interface SavedModel {
  readonly kind: string;
  readonly schemaVersion: string;
  readonly seed: number;
  readonly featureNames: readonly string[];
  readonly statistics: FeatureStatistics;
  readonly training: Omit<TrainingSummary, 'features'>;
  readonly calibration: Calibration;
  /** Of this kind of model alone. */
  readonly parameters: { readonly [key: string]: Json };
  /** Of this kind of model alone. */
  readonly tensors: readonly Tensor[];
  /** See `FitOptions.encoding`. */
  readonly encoding?: Json | undefined;
}

/** The bytes of the file, and its SHA-256 as 64 hex digits. Equal models give equal bytes. */
export function writeModel(model: SavedModel): { readonly bytes: Uint8Array; readonly checksum: string } {
  const { kind, schemaVersion, seed, featureNames, statistics, training, calibration, parameters } = model;
  const d = featureNames.length;
  const table = new Float64Array(STATISTICS.length * d);
  STATISTICS.forEach((name, i) => {
    table.set(statistics[name], i * d);
  });
  const scores = calibration.scores();
  const { scale, shape, floor } = calibration.tail;
  const { rows, fittedRows, calibrationRows, calibration: method, cautions } = training;
  const metadata: Record<string, string> = {
    format: FORMAT,
    format_version: String(FORMAT_VERSION),
    kind,
    schema_version: schemaVersion,
    seed: String(seed),
    feature_names: canonicalJson(featureNames),
    training: canonicalJson({ rows, fittedRows, calibrationRows, calibration: method, cautions }),
    calibration: canonicalJson({ tail: { scale, shape, floor } }),
    parameters: canonicalJson(parameters),
    ...(model.encoding === undefined ? {} : { encoding: canonicalJson(model.encoding) }),
    sha256: NO_DIGEST,
  };
  const tensors: readonly Tensor[] = [
    { name: 'calibration.scores', shape: [scores.length], data: scores },
    { name: 'feature.statistics', shape: [STATISTICS.length, d], data: table },
    ...model.tensors,
    ...(training.reference === undefined ? [] : referenceTensors(training.reference, d)),
  ];
  const header: Record<string, Json> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    header[name] = { dtype: dtypeOf(data), shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = utf8ToBytes(canonicalJson(header));
  // Spaces at the end bring the first array to a multiple of 8, as the format advises.
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + offset).fill(0x20, 8, 8 + headerBytes);
  new DataView(bytes.buffer).setUint32(0, headerBytes, true);
  bytes.set(text, 8);
  offset = 8 + headerBytes;
  for (const { data } of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  const checksum = bytesToHex(sha256(bytes));
  bytes.set(utf8ToBytes(checksum), digestPosition(bytes.subarray(8, 8 + headerBytes), NO_DIGEST) + 8);
  return { bytes, checksum };
}

function referenceTensors({ points, counts, anchor }: TrainingReference, d: number): Tensor[] {
  return [
    { name: 'reference.counts', shape: [d, BIN_PLACES], data: counts },
    { name: 'reference.points', shape: [d, BIN_POINTS], data: points },
    ...(anchor === undefined ? [] : [{ name: 'reference.anchor', shape: [anchor.rowCount, d], data: anchor.values }]),
  ];
}

/** Takes what `referenceTensors` made out of the arrays; undefined where it was not saved. */
function takeReference(tensors: Map<string, Tensor>, d: number): TrainingReference | undefined {
  const held = tensors.get('reference.anchor');
  const rowCount = held?.shape[0] ?? 0;
  if (!tensors.has('reference.counts')) return undefined;
  const counts = takeTensor(tensors, 'reference.counts', 'F64', [d, BIN_PLACES]);
  const points = takeTensor(tensors, 'reference.points', 'F32', [d, BIN_POINTS]);
  const values = held === undefined ? undefined : takeTensor(tensors, 'reference.anchor', 'F32', [rowCount, d]);
  if (values !== undefined && (rowCount < 1 || rowCount > MAX_ANCHOR_ROWS))
    throw damaged(`it holds ${rowCount} anchor rows`);
  for (const name of ['reference.counts', 'reference.points', 'reference.anchor']) tensors.delete(name);
  let rows = 0;
  for (let k = 0; k < BIN_PLACES; k++) rows += counts[k];
  const reference = { rows, points, counts, ...(values === undefined ? {} : { anchor: { rowCount, values } }) };
  const fault = rows === 0 ? 'its bins are empty' : referenceFault(reference);
  if (fault !== undefined) throw damaged(fault);
  return reference;
}

/** What a reader of a file knows of it: everything common is checked, `parameters` and `tensors` are for the kind's own loader to check. */
export interface LoadedModel {
  readonly kind: string;
  readonly schemaVersion: string;
  readonly seed: number;
  readonly featureNames: readonly string[];
  readonly statistics: FeatureStatistics;
  readonly training: TrainingSummary;
  readonly calibration: Calibration;
  readonly checksum: string;
  /** JSON of the kind's own making. */
  readonly parameters: unknown;
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** JSON of who measured the features; undefined where nothing was saved. Whoever reads it checks it. */
  readonly encoding: Json | undefined;
}

const DAMAGED_HINT = 'Copy the file again from where it was made, or fit a new model.';

/** The error for a file that contradicts itself. */
export function damaged(what: string): ModelError {
  return new ModelError(`The model file is damaged: ${what}.`, DAMAGED_HINT);
}

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const tensorSchema = z.strictObject({
  dtype: z.enum(['F64', 'F32', 'I16', 'U16']),
  shape: z.array(count).max(4),
  data_offsets: z.tuple([count, count]),
});
const metadataSchema = z.strictObject({
  format: z.literal(FORMAT),
  format_version: z.enum([String(OLDEST_VERSION), String(FORMAT_VERSION)]),
  kind: z.string().min(1).max(100),
  schema_version: z.string().max(100),
  seed: z.string().regex(/^-?\d{1,16}$/),
  feature_names: z.string(),
  training: z.string(),
  calibration: z.string(),
  parameters: z.string(),
  encoding: z.string().optional(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const namesSchema = z.array(z.string().min(1)).min(1).max(32_767);
const trainingSchema = z.strictObject({
  rows: count.min(1),
  fittedRows: count.min(1),
  calibrationRows: count.min(1),
  calibration: z.enum(['held-back', 'cross-fitted', 'in-sample']),
  cautions: z.array(z.string()).max(20),
});
const calibrationSchema = z.strictObject({
  tail: z.strictObject({
    scale: z.number().positive(),
    shape: z.number().min(0).max(0.5),
    floor: z.number().positive().max(1),
  }),
});

/** Reads and checks a model file. Throws a `ModelError`, and nothing else, for bytes that are not a whole, sound file of this version. */
export function readModel(bytes: Uint8Array): LoadedModel {
  const { header, headerBytes, data } = splitFile(bytes);
  const metadata = checkVersion(header);
  checkDigest(bytes, headerBytes, metadata.sha256);
  const tensors = readTensors(header, data);

  const featureNames = parsePart(metadata.feature_names, namesSchema, 'feature names');
  const d = featureNames.length;
  if (new Set(featureNames).size !== d) throw damaged('it names a feature twice');
  const training = parsePart(metadata.training, trainingSchema, 'training summary');
  const { tail } = parsePart(metadata.calibration, calibrationSchema, 'calibration');
  const seed = Number(metadata.seed);
  if (!Number.isSafeInteger(seed)) throw damaged('its seed is not an integer');

  const statistics = readStatistics(
    takeTensor(tensors, 'feature.statistics', 'F64', [STATISTICS.length, d]),
    d,
    training.fittedRows,
  );
  const scores = takeTensor(tensors, 'calibration.scores', 'F64', [training.calibrationRows]);
  for (let i = 0; i < scores.length; i++) {
    if (!Number.isFinite(scores[i]) || (i > 0 && scores[i] < scores[i - 1]))
      throw damaged('its calibration scores are not in order');
  }
  if (tail.floor > 1 / (scores.length + 1)) throw damaged('its calibration tail does not fit its calibration scores');
  const reference = takeReference(tensors, d);
  return {
    kind: metadata.kind,
    schemaVersion: metadata.schema_version,
    seed,
    featureNames,
    statistics,
    training: {
      ...training,
      features: summarise(featureNames, statistics),
      ...(reference === undefined ? {} : { reference }),
    },
    calibration: new Calibration(scores, tail),
    checksum: metadata.sha256,
    parameters: parseJson(metadata.parameters, 'parameters'),
    encoding: metadata.encoding === undefined ? undefined : (parseJson(metadata.encoding, 'encoding') as Json),
    tensors,
  };
}

function splitFile(bytes: Uint8Array): { header: Record<string, unknown>; headerBytes: Uint8Array; data: Uint8Array } {
  const notAModel = new ModelError(
    'This is not a model file.',
    "A model file is what 'anomalyst train --out' wrote, or the model.safetensors of 'anomalyst analyze'; captures, logs and tables are inputs, and an ONNX graph is for other programs.",
  );
  if (bytes.length < 10) throw notAModel;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  if (view.getUint32(4, true) !== 0 || length < 2 || length > MAX_HEADER_BYTES || bytes[8] !== 0x7b) throw notAModel;
  if (length > bytes.length - 8) throw damaged('it ends within its header');
  const headerBytes = bytes.subarray(8, 8 + length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(headerBytes));
  } catch {
    throw damaged('its header is not JSON');
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(header);
  if (!parsed.success) throw damaged('its header is not a JSON object');
  return { header: parsed.data, headerBytes, data: bytes.subarray(8 + length) };
}

function checkVersion(header: Record<string, unknown>): z.infer<typeof metadataSchema> {
  const marks = z
    .object({ format: z.literal(FORMAT), format_version: z.string().regex(/^[1-9]\d{0,8}$/) })
    .safeParse(header.__metadata__);
  if (!marks.success) {
    throw new ModelError(
      'This is a safetensors file, but not a model of Anomalyst.',
      "A model file is what 'anomalyst train --out' wrote, or the model.safetensors of 'anomalyst analyze'; weights of other programs can't be used.",
    );
  }
  const version = Number(marks.data.format_version);
  if (version > FORMAT_VERSION) {
    throw new ModelError(
      `The model file has format version ${version}; this version of Anomalyst reads up to ${FORMAT_VERSION}.`,
      'Update Anomalyst, or fit a new model with this version.',
    );
  }
  const parsed = metadataSchema.safeParse(header.__metadata__);
  if (!parsed.success) {
    throw damaged(
      `its metadata '${safeText(parsed.error.issues[0]?.path.join('.') ?? '', 40)}' is missing or malformed`,
    );
  }
  return parsed.data;
}

function checkDigest(bytes: Uint8Array, headerBytes: Uint8Array, digest: string): void {
  const at = digestPosition(headerBytes, digest);
  if (at === -1) throw damaged('its checksum is not where it should be');
  const actual = bytesToHex(
    sha256
      .create()
      .update(bytes.subarray(0, 8 + at))
      .update(utf8ToBytes(NO_DIGEST))
      .update(bytes.subarray(8 + at + 64))
      .digest(),
  );
  if (actual !== digest) throw damaged('its checksum does not match its content');
}

/** Where the 64 digits begin in the header, -1 unless there is exactly one such place. Inside a JSON string the quotes would be escaped. */
function digestPosition(headerBytes: Uint8Array, digest: string): number {
  const text = new TextDecoder('latin1').decode(headerBytes);
  const member = `"sha256":"${digest}"`;
  const at = text.indexOf(member);
  return at === -1 || text.includes(member, at + 1) ? -1 : at + '"sha256":"'.length;
}

function readTensors(header: Record<string, unknown>, data: Uint8Array): Map<string, Tensor> {
  const entries: { name: string; dtype: DType; shape: number[]; from: number; to: number }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const label = safeText(name, 60);
    const parsed = tensorSchema.safeParse(value);
    if (!parsed.success) throw damaged(`its array '${label}' is not described as an array`);
    const { dtype, shape, data_offsets } = parsed.data;
    const [from, to] = data_offsets;
    // All are whole numbers below 2^53, and a product that leaves that range can't equal a length that is in it.
    const length = shape.reduce((product, n) => product * n, WIDTHS[dtype]);
    if (to < from || to > data.length || to - from !== length)
      throw damaged(`its array '${label}' does not lie within the file`);
    entries.push({ name, dtype, shape, from, to });
  }
  entries.sort((a, b) => a.from - b.from || a.to - b.to);
  let end = 0;
  const tensors = new Map<string, Tensor>();
  for (const { name, dtype, shape, from, to } of entries) {
    if (from !== end) throw damaged(`its array '${safeText(name, 60)}' overlaps another or leaves a gap`);
    end = to;
    // A copy is aligned whatever the offset, and does not keep the file in memory.
    // A copy of its own: the `slice` of a Buffer, which is a Uint8Array too, would share the memory of the whole file.
    const { buffer } = new Uint8Array(data.subarray(from, to));
    const array =
      dtype === 'F64'
        ? new Float64Array(buffer)
        : dtype === 'F32'
          ? new Float32Array(buffer)
          : dtype === 'I16'
            ? new Int16Array(buffer)
            : new Uint16Array(buffer);
    tensors.set(name, { name, shape, data: array });
  }
  if (end !== data.length) throw damaged('it is longer or shorter than its header says');
  return tensors;
}

interface ArrayOf {
  F64: Float64Array;
  F32: Float32Array;
  I16: Int16Array;
  U16: Uint16Array;
}

/** The array of that name, type and shape. Throws a `ModelError` when there is none. */
export function takeTensor<D extends DType>(
  tensors: ReadonlyMap<string, Tensor>,
  name: string,
  dtype: D,
  shape: readonly number[],
): ArrayOf[D] {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw damaged(`its array '${name}' is missing`);
  const { data } = tensor;
  if (!isOf(data, dtype) || tensor.shape.length !== shape.length || tensor.shape.some((n, i) => n !== shape[i])) {
    throw damaged(`its array '${name}' is not ${dtype} of shape ${shape.join(' x ')}`);
  }
  return data;
}

function isOf<D extends DType>(data: TensorData, dtype: D): data is ArrayOf[D] {
  return dtypeOf(data) === dtype;
}

function readStatistics(table: Float64Array, d: number, fittedRows: number): FeatureStatistics {
  const row = (name: (typeof STATISTICS)[number]): Float64Array => {
    const i = STATISTICS.indexOf(name);
    return table.slice(i * d, (i + 1) * d);
  };
  const statistics: FeatureStatistics = {
    observed: row('observed'),
    missing: row('missing'),
    min: row('min'),
    q01: row('q01'),
    q05: row('q05'),
    q25: row('q25'),
    median: row('median'),
    q75: row('q75'),
    q95: row('q95'),
    q99: row('q99'),
    max: row('max'),
  };
  const { observed, missing } = statistics;
  const ordered = STATISTICS.slice(2);
  for (let j = 0; j < d; j++) {
    if (
      !Number.isInteger(observed[j]) ||
      observed[j] < 0 ||
      !Number.isInteger(missing[j]) ||
      missing[j] < 0 ||
      observed[j] + missing[j] !== fittedRows
    ) {
      throw damaged(`the row counts of feature ${j} do not add up`);
    }
    let before = Number.NEGATIVE_INFINITY;
    for (const name of ordered) {
      const v = statistics[name][j];
      if (!Number.isFinite(v) || Math.abs(v) > 3.5e38 || v < before)
        throw damaged(`the statistics of feature ${j} are not in order`);
      before = v;
    }
  }
  return statistics;
}

/** Parses and checks one JSON part of the metadata. */
export function parsePart<T>(text: string, schema: z.ZodType<T>, what: string): T {
  return checkPart(parseJson(text, what), schema, what);
}

/** Checks a part that is parsed already. */
export function checkPart<T>(value: unknown, schema: z.ZodType<T>, what: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw damaged(`its ${what} are missing or malformed`);
  return parsed.data;
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(`its ${what} are not JSON`);
  }
}

/** Throws a `ModelError` unless all are finite; `what` as in 'its counts'. */
export function checkFinite(values: ArrayLike<number>, what: string): void {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i])) throw damaged(`${what} are not finite numbers`);
}
