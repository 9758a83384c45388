import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { Random, UserError } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitIsolationForest, fitModel, loadIsolationForest, loadModel, ModelError } from './index.ts';

function matrix(rowCount: number): FeatureMatrix {
  const random = new Random(4);
  return {
    features: ['flow.bytes', 'flow.packets'].map((name) => ({ name, unit: '', meaning: '' })),
    rowCount,
    values: Float32Array.from({ length: rowCount * 2 }, () => random.float()),
  };
}

const model = fitIsolationForest(matrix(250), { seed: 9, trees: 5, subsample: 16, schemaVersion: 'flow-features-v1' });
const sound = model.save();

type Header = Record<string, Record<string, unknown>>;

function headerOf(bytes: Uint8Array): Header {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const parsed: Header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString('utf8'));
  return parsed;
}

/** The file with another header and other data, and a checksum that is right for them. */
function forged(change: (header: Header, data: Buffer) => void, text?: (json: string) => string): Uint8Array {
  const length = new DataView(sound.buffer, sound.byteOffset).getUint32(0, true);
  const header = headerOf(sound);
  const data = Buffer.from(sound.subarray(8 + length));
  header.__metadata__.sha256 = '0'.repeat(64);
  change(header, data);
  let json = JSON.stringify(header);
  if (text !== undefined) json = text(json);
  const head = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const size = Buffer.alloc(8);
  size.writeUInt32LE(head.length);
  const bytes = Buffer.concat([size, head, data]);
  const digest = bytesToHex(sha256(bytes));
  const at = bytes.indexOf('"sha256":"');
  if (at !== -1) bytes.write(digest, at + 10, 'latin1');
  return Uint8Array.from(bytes);
}

/** Writes into an array of the file. */
function poke(name: string, write: (view: DataView) => void): Uint8Array {
  return forged((header, data) => {
    const offsets = header[name].data_offsets;
    if (!Array.isArray(offsets)) throw new Error('no offsets');
    write(new DataView(data.buffer, data.byteOffset + offsets[0], offsets[1] - offsets[0]));
  });
}

function failure(bytes: Uint8Array): string {
  try {
    loadModel(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(ModelError);
    expect(error).toBeInstanceOf(UserError);
    if (!(error instanceof ModelError)) throw error;
    expect(error.hint).toBeTruthy();
    return error.message;
  }
  return 'loaded';
}

const meta = (key: string, value: unknown) =>
  forged((header) => {
    header.__metadata__[key] = value;
  });

describe('a saved model', () => {
  it('is a safetensors file with all that the design names in its metadata', () => {
    const header = headerOf(sound);
    expect(header.__metadata__).toMatchObject({
      format: 'anomalyst-model',
      format_version: '2',
      kind: 'isolation-forest',
      schema_version: 'flow-features-v1',
      seed: '9',
      feature_names: '["flow.bytes","flow.packets"]',
      parameters: '{"rangeGuard":true,"subsample":16,"trees":5}',
      training: '{"calibration":"cross-fitted","calibrationRows":250,"cautions":[],"fittedRows":250,"rows":250}',
      sha256: model.checksum,
    });
    expect(Object.values(header.__metadata__).every((value) => typeof value === 'string')).toBe(true);
    const { __metadata__, ...tensors } = header;
    expect(tensors).toEqual({
      'calibration.scores': { dtype: 'F64', shape: [250], data_offsets: [0, 2000] },
      'feature.statistics': { dtype: 'F64', shape: [11, 2], data_offsets: [2000, 2176] },
      'tree.threshold': { dtype: 'F32', shape: [5, 15], data_offsets: [2176, 2476] },
      'tree.feature': { dtype: 'I16', shape: [5, 15], data_offsets: [2476, 2626] },
      'tree.size': { dtype: 'U16', shape: [5, 31], data_offsets: [2626, 2936] },
      'reference.counts': { dtype: 'F64', shape: [2, 20], data_offsets: [2936, 3256] },
      'reference.points': { dtype: 'F32', shape: [2, 18], data_offsets: [3256, 3400] },
      'reference.anchor': { dtype: 'F32', shape: [250, 2], data_offsets: [3400, 5400] },
    });
    expect((sound.length - 5400) % 8).toBe(0);
  });

  it('loads as a file of format version 1 had it, without what it was fitted on', () => {
    let end = 0;
    const whole = forged((header, data) => {
      header.__metadata__.format_version = '1';
      for (const name of ['reference.counts', 'reference.points', 'reference.anchor']) delete header[name];
      end = data.length - (5400 - 2936);
    });
    // The forger keeps the data whole: cut behind what the header names, and sign again.
    const headerBytes = new DataView(whole.buffer, whole.byteOffset).getUint32(0, true);
    const bytes = Buffer.from(whole.subarray(0, 8 + headerBytes + end));
    const at = bytes.indexOf('"sha256":"') + 10;
    bytes.write('0'.repeat(64), at, 'latin1');
    bytes.write(bytesToHex(sha256(bytes)), at, 'latin1');
    const old = loadModel(bytes);
    expect(old.training.reference).toBeUndefined();
    expect([...old.score(matrix(20))]).toEqual([...model.score(matrix(20))]);
    expect(failure(old.save())).toBe('loaded');
  });

  it('keeps no rows of its training where that is not wanted', () => {
    const bare = loadModel(fitModel('isolation-forest', matrix(250), { anchorRows: 0 }).save());
    expect(bare.training.reference?.anchor).toBeUndefined();
    expect(bare.training.reference?.rows).toBe(250);
    expect(() => fitModel('isolation-forest', matrix(250), { anchorRows: -1 })).toThrow(
      "A model can't have anchorRows -1.",
    );
  });

  it('loads from the middle of a larger buffer', () => {
    const larger = new Uint8Array(sound.length + 13);
    larger.set(sound, 5);
    expect(loadModel(larger.subarray(5, 5 + sound.length)).checksum).toBe(model.checksum);
  });

  it('loads after being written anew by the forger of these tests, so that the refusals below are for their own reasons', () => {
    expect(failure(forged(() => {}))).toBe('loaded');
  });
});

describe('loading refuses', () => {
  it.each([
    ['nothing', new Uint8Array(0), 'This is not a model file.'],
    ['text', new TextEncoder().encode('hello, this is no model at all'), 'This is not a model file.'],
    [
      'a header length beyond any reason',
      Uint8Array.from([255, 255, 255, 127, 0, 0, 0, 0, 0x7b, 0x7d]),
      'This is not a model file.',
    ],
    ['a header that is cut', sound.slice(0, 200), 'The model file is damaged: it ends within its header.'],
    ['a file that is cut', sound.slice(0, -1), 'The model file is damaged: its checksum does not match its content.'],
    [
      'a file with something behind it',
      Uint8Array.from([...sound, 0]),
      'The model file is damaged: its checksum does not match its content.',
    ],
    [
      'a header that is not JSON',
      forged(
        () => {},
        (json) => json.replace('{', '{,'),
      ),
      'The model file is damaged: its header is not JSON.',
    ],
    [
      'weights of another program',
      forged((header) => {
        delete header.__metadata__;
      }),
      'This is a safetensors file, but not a model of Anomalyst.',
    ],
    [
      'a newer file',
      meta('format_version', '3'),
      'The model file has format version 3; this version of Anomalyst reads up to 2.',
    ],
    [
      'a missing entry',
      meta('seed', undefined),
      "The model file is damaged: its metadata 'seed' is missing or malformed.",
    ],
    [
      'a seed that is no number',
      meta('seed', '1e5'),
      "The model file is damaged: its metadata 'seed' is missing or malformed.",
    ],
    ['a kind that is not known', meta('kind', 'isolation-florest'), "There is no model of kind 'isolation-florest'."],
    [
      'features named twice',
      meta('feature_names', '["a","a"]'),
      'The model file is damaged: it names a feature twice.',
    ],
    [
      'more features than its arrays have',
      meta('feature_names', '["a","b","c"]'),
      "The model file is damaged: its array 'feature.statistics' is not F64 of shape 11 x 3.",
    ],
    [
      'feature names that are not JSON',
      meta('feature_names', '['),
      'The model file is damaged: its feature names are not JSON.',
    ],
    [
      'more trees than there are',
      meta('parameters', '{"trees":6,"subsample":16,"rangeGuard":true}'),
      "The model file is damaged: its array 'tree.feature' is not I16 of shape 6 x 15.",
    ],
    [
      'a parameter of no meaning',
      meta('parameters', '{"trees":5,"subsample":16,"rangeGuard":true,"x":1}'),
      'The model file is damaged: its parameters are missing or malformed.',
    ],
    [
      'a tail that claims too much',
      meta('calibration', '{"tail":{"scale":1,"shape":0,"floor":0.5}}'),
      'The model file is damaged: its calibration tail does not fit its calibration scores.',
    ],
    [
      'a tail without a scale',
      meta('calibration', '{"tail":{"scale":0,"shape":0,"floor":0.0001}}'),
      'The model file is damaged: its calibration are missing or malformed.',
    ],
    [
      'an array of another type',
      forged((header) => {
        header['tree.feature'].dtype = 'U16';
      }),
      "The model file is damaged: its array 'tree.feature' is not I16 of shape 5 x 15.",
    ],
    [
      'an array beyond the end',
      forged((header) => {
        header['tree.size'].data_offsets = [2626, 1e15];
      }),
      "The model file is damaged: its array 'tree.size' does not lie within the file.",
    ],
    [
      'a shape beyond any memory',
      forged((header) => {
        header['tree.size'].shape = [1e15, 1e15];
      }),
      "The model file is damaged: its array 'tree.size' does not lie within the file.",
    ],
    [
      'a negative offset',
      forged((header) => {
        header['tree.size'].data_offsets = [-8, 302];
      }),
      "The model file is damaged: its array 'tree.size' is not described as an array.",
    ],
    [
      'arrays that overlap',
      forged((header) => {
        header['tree.size'].data_offsets = [2624, 2934];
      }),
      "The model file is damaged: its array 'tree.size' overlaps another or leaves a gap.",
    ],
    [
      'an array that is missing',
      forged((header) => {
        delete header['tree.size'];
      }),
      "The model file is damaged: its array 'reference.counts' overlaps another or leaves a gap.",
    ],
    [
      'an array of no meaning',
      forged((header) => {
        header.extra = { dtype: 'F64', shape: [0], data_offsets: [0, 0] };
      }),
      'The model file is damaged: it holds arrays that an isolation forest does not have.',
    ],
    [
      'a split on a feature that is not there',
      poke('tree.feature', (view) => view.setInt16(0, 2, true)),
      'The model file is damaged: node 0 of tree 0 splits on feature 2 of 2.',
    ],
    [
      'a threshold that is not a number',
      poke('tree.threshold', (view) => view.setFloat32(0, Number.NaN, true)),
      'The model file is damaged: node 0 of tree 0 has a threshold that is not finite.',
    ],
    [
      'a node larger than its children',
      poke('tree.size', (view) => view.setUint16(2, 16, true)),
      'The model file is damaged: node 0 of tree 0 is not as large as its children.',
    ],
    [
      'calibration scores out of order',
      poke('calibration.scores', (view) => view.setFloat64(0, 99, true)),
      'The model file is damaged: its calibration scores are not in order.',
    ],
    [
      'calibration scores that are infinite',
      poke('calibration.scores', (view) => view.setFloat64(1992, Infinity, true)),
      'The model file is damaged: its calibration scores are not in order.',
    ],
    [
      'a minimum above the median',
      poke('feature.statistics', (view) => view.setFloat64(32, 5, true)),
      'The model file is damaged: the statistics of feature 0 are not in order.',
    ],
    [
      'row counts that do not add up',
      poke('feature.statistics', (view) => view.setFloat64(0, 249, true)),
      'The model file is damaged: the row counts of feature 0 do not add up.',
    ],
    [
      'bins that do not add up',
      poke('reference.counts', (view) => view.setFloat64(8 * 20, 999, true)),
      'The model file is damaged: the bins of feature 1 do not add up.',
    ],
    [
      'bins that hold no counts',
      poke('reference.counts', (view) => view.setFloat64(0, Number.NaN, true)),
      'The model file is damaged: the bins of feature 0 do not hold counts.',
    ],
    [
      'bins out of order',
      poke('reference.points', (view) => view.setFloat32(4, -1e30, true)),
      'The model file is damaged: the bins of feature 0 are not in order.',
    ],
    [
      'anchor rows that are infinite',
      poke('reference.anchor', (view) => view.setFloat32(0, Infinity, true)),
      'The model file is damaged: its anchor rows are not finite numbers.',
    ],
  ])('%s', (_, bytes, message) => {
    expect(failure(bytes)).toBe(message);
  });

  it('a model of another kind, schema or with other features than expected', () => {
    expect(() => loadModel(sound, { kind: 'knn' })).toThrow(
      "The model file holds a model of kind 'isolation-forest', but 'knn' was asked for.",
    );
    expect(() => loadModel(sound, { schemaVersion: 'flow-features-v2' })).toThrow(
      "The model was fitted on features of schema version 'flow-features-v1'; the input has version 'flow-features-v2'.",
    );
    expect(() => loadModel(sound, { featureNames: ['flow.bytes', 'flow.duration'] })).toThrow(
      "The model was fitted on other features: the input has no 'flow.packets'.",
    );
    expect(() => loadIsolationForest(meta('kind', 'knn'))).toThrow(
      "The model file holds a model of kind 'knn', not 'isolation-forest'.",
    );
    expect(() => fitModel('isolation-florest', matrix(3))).toThrow(
      expect.objectContaining({
        message: "There is no model of kind 'isolation-florest'.",
        hint: "Did you mean 'isolation-forest'?",
      }),
    );
  });

  it('every file with a single byte changed, and every cut', () => {
    const random = new Random(1);
    for (let round = 0; round < 300; round++) {
      const copy = sound.slice();
      copy[random.below(copy.length)] ^= 1 + random.below(255);
      expect(failure(copy), `round ${round}`).not.toBe('loaded');
      expect(failure(sound.slice(0, random.below(sound.length))), `round ${round}`).not.toBe('loaded');
    }
  });

  it('or takes in safety whatever a forger with a right checksum may write: it scores, and its scores are finite', () => {
    const random = new Random(2);
    const probe = matrix(20);
    let loaded = 0;
    for (let round = 0; round < 700; round++) {
      const inHeader = random.below(3) === 0;
      const bytes = forged(
        (_, data) => {
          if (inHeader) return;
          for (let k = random.below(4); k >= 0; k--) data[random.below(data.length)] = random.below(256);
        },
        (json) => {
          if (!inHeader) return json;
          const at = random.below(json.length);
          const pieces = [
            '',
            '0',
            '-1',
            '9'.repeat(20),
            '1e400',
            'null',
            '[',
            '}',
            '"',
            '\\u0000',
            '"__proto__":{},',
            json.slice(0, at),
          ];
          return json.slice(0, at) + pieces[random.below(pieces.length)] + json.slice(at + random.below(6));
        },
      );
      let survivor: ReturnType<typeof loadModel> | undefined;
      try {
        survivor = loadModel(bytes);
      } catch (error) {
        expect(error, `round ${round}`).toBeInstanceOf(ModelError);
      }
      if (survivor === undefined) continue;
      loaded++;
      const names = survivor.featureNames;
      const input = { ...probe, features: probe.features.map((feature, j) => ({ ...feature, name: names[j] })) };
      expect(
        survivor.score(input).every((score) => score >= 0 && score <= 1),
        `round ${round}`,
      ).toBe(true);
      survivor.explain(input, 3);
    }
    expect(loaded).toBeGreaterThan(20);
  });
});

it('a model read into a Buffer, as from a file, loads like one in plain bytes', () => {
  const padded = Buffer.concat([Buffer.alloc(24), Buffer.from(sound)]).subarray(24);
  expect(loadModel(padded).checksum).toBe(model.checksum);
});
