import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import {
  fileOfJson,
  fitModel,
  isJsonModel,
  jsonOfFile,
  loadModel,
  ModelError,
  modelFromJson,
  models,
  toJson,
} from './index.ts';

function rowsOf(rowCount: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  return {
    features: ['a', 'b "quoted"', 'c\u202e'].map((name) => ({ name, unit: '', meaning: '' })),
    rowCount,
    // The last feature is never seen: its scale is an infinity.
    values: Float32Array.from({ length: 3 * rowCount }, (_, at) =>
      at % 3 === 2
        ? Number.NaN
        : random.float() < 0.1
          ? Number.NaN
          : random.float() < 0.1
            ? -0
            : 1e-3 * (random.float() - 0.5),
    ),
  };
}

const text = (bytes: string): Uint8Array => new TextEncoder().encode(bytes);

describe.each(models)('a model of kind $kind as JSON', (entry) => {
  const model = entry.fit(rowsOf(60, 1), { seed: -3, encoding: { words: ['\u2028', 'ü', '\ud800'], n: -0.1 } });
  const json = toJson(model);

  test('comes back to the same bytes and the same scores', () => {
    expect(fileOfJson(json)).toEqual(model.save());
    const back = modelFromJson(json);
    expect(back.checksum).toBe(model.checksum);
    expect(back.encoding).toEqual(model.encoding);
    const rows = rowsOf(20, 2);
    expect(back.score(rows)).toEqual(model.score(rows));
    expect(toJson(back)).toBe(json);
  });

  test('is JSON without a number that JSON lacks', () => {
    const parsed = JSON.parse(json) as { format: string; kind: string; feature_names: string[]; sha256: string };
    expect(parsed).toMatchObject({ format: 'anomalyst-model', kind: entry.kind, sha256: model.checksum });
    expect(parsed.feature_names).toEqual(model.featureNames);
  });

  test('is refused with any number changed', () => {
    const parsed = JSON.parse(json) as { arrays: { values: (number | string | null)[] }[] };
    for (const { values } of parsed.arrays) {
      if (values.length === 0) continue;
      const before = values[0] ?? null;
      values[0] = before === 1 ? 0 : 1;
      expect(() => modelFromJson(JSON.stringify(parsed))).toThrow('its checksum does not match its content');
      values[0] = before;
    }
  });
});

const saved = fitModel('pca', rowsOf(60, 1));
const json = toJson(saved);
type Parsed = Record<string, unknown> & { arrays: Record<string, unknown>[] };
const changed = (change: (model: Parsed) => void): string => {
  const model = JSON.parse(json) as Parsed;
  change(model);
  return JSON.stringify(model);
};

test.each<[string, string | Uint8Array, string]>([
  ['no JSON', '{\n"format": 1,\n  x', 'The model file is damaged: it is not JSON from line 3, column 3 on.'],
  ['an end too early', json.slice(0, -10), 'The model file is damaged: it is not JSON from line'],
  ['a list', '[1]', 'The model file is damaged: its JSON is not an object.'],
  ['another object', '{"a":1}', 'This is JSON, but not a model of Anomalyst.'],
  ['bytes that are no text', Uint8Array.of(0x7b, 0xff, 0xfe), 'The model file is damaged: its JSON is not UTF-8.'],
  ['no arrays', changed((m) => Object.assign(m, { arrays: 1 })), 'The model file is damaged: it has no arrays.'],
  [
    'an array that is none',
    changed((m) => m.arrays.push({ name: 'x' })),
    'The model file is damaged: one of its arrays is not described as an array.',
  ],
  [
    'an array twice',
    changed((m) => m.arrays.push({ name: 'pca.mean', dtype: 'F64', shape: [0], values: [] })),
    "The model file is damaged: it has two arrays 'pca.mean'.",
  ],
  [
    'a header by name',
    changed((m) => m.arrays.push({ name: '__metadata__', dtype: 'F64', shape: [0], values: [] })),
    "The model file is damaged: it has two arrays '__metadata__'.",
  ],
  [
    'a shape that lies',
    changed((m) => Object.assign(m.arrays[0] ?? {}, { shape: [2 ** 40] })),
    "The model file is damaged: its array 'calibration.scores' does not have as many values as its shape says.",
  ],
  [
    'text for a number',
    changed((m) => Object.assign(m.arrays[0] ?? {}, { values: ['1'], shape: [1] })),
    "The model file is damaged: its array 'calibration.scores' holds at place 0 what is no F64.",
  ],
  [
    'a number too large',
    changed((m) => m.arrays.push({ name: 'x\u001b', dtype: 'F32', shape: [1], values: [1e39] })),
    "The model file is damaged: its array 'x\\u{1b}' holds at place 0 what is no F32.",
  ],
  [
    'a fraction',
    changed((m) => m.arrays.push({ name: 'x', dtype: 'I16', shape: [1], values: [0.5] })),
    "The model file is damaged: its array 'x' holds at place 0 what is no I16.",
  ],
  [
    'bits that are no NaN',
    changed((m) => m.arrays.push({ name: 'x', dtype: 'F32', shape: [1], values: ['nan:3f800000'] })),
    "The model file is damaged: its array 'x' holds at place 0 what is no F32.",
  ],
  [
    'parameters without end',
    json.replace(/"parameters": .*,\n/, `"parameters": ${'['.repeat(100_000)}${']'.repeat(100_000)},\n`),
    'The model file is damaged: its JSON is nested too deeply.',
  ],
  ['an unknown member', changed((m) => Object.assign(m, { run: 'me' })), 'The model file is damaged: its metadata'],
  [
    'a later version',
    changed((m) => Object.assign(m, { format_version: '99' })),
    'The model file has format version 99;',
  ],
])('JSON with %s is refused and says why', (_, given, message) => {
  expect(() => loadModel(fileOfJson(given))).toThrow(message);
  expect(() => loadModel(fileOfJson(given))).toThrow(ModelError);
});

test('a model is known as JSON whatever space or mark stands before it, and a safetensors file never', () => {
  expect(isJsonModel(text(json))).toBe(true);
  expect(isJsonModel(text(`\ufeff \n${json}`))).toBe(true);
  expect(isJsonModel(saved.save())).toBe(false);
  expect(isJsonModel(Uint8Array.of(123, 0, 0, 0, 0, 0, 0, 0, 0x7b))).toBe(false);
  expect(loadModel(text(`\ufeff \n${json}`)).checksum).toBe(saved.checksum);
});

test('a NaN keeps its bits', () => {
  // Written by hand: whether a processor keeps such bits in arithmetic is its own affair.
  const bytes = saved.save();
  const at = bytes.length - 8;
  bytes.set([1, 0, 0, 0, 0, 0, 0xf8, 0xff], at);
  expect(() => jsonOfFile(bytes)).toThrow('its checksum does not match its content');
  const values = ['nan:ffc00001', null, 'Infinity', '-Infinity', 0];
  const file = fileOfJson(changed((m) => m.arrays.push({ name: 'zz', dtype: 'F32', shape: [5], values })));
  expect([...new Uint32Array(file.slice(-20).buffer)]).toEqual([0xffc00001, 0x7fc00000, 0x7f800000, 0xff800000, 0]);
});

test('every truncation and any text are refused, or are the model', () => {
  for (let length = 0; length < json.length; length += 97)
    expect(() => loadModel(text(json.slice(0, length)))).toThrow(ModelError);
  fc.assert(
    fc.property(fc.json(), (given) => {
      expect(() => modelFromJson(given)).toThrow(ModelError);
    }),
    { numRuns: 200 },
  );
  const random = new Random(5);
  for (let round = 0; round < 300; round++) {
    const bytes = text(json);
    for (let k = 0; k < 3; k++) bytes[random.below(bytes.length)] = random.below(256);
    try {
      expect(loadModel(bytes).checksum).toBe(saved.checksum);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
    }
  }
});
