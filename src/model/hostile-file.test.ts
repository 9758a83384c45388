import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { describe, expect, test } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { assertExact, loadModel, ModelError, models } from './index.ts';

/**
 * A file of which the checksum is right and the content is not: what a stranger would make. Every one is refused with a `ModelError`, or is a model
 * that scores finitely and explains what it scores.
 */
function sealed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const header = new TextDecoder('latin1').decode(copy.subarray(0, 8 + new DataView(copy.buffer).getUint32(0, true)));
  const at = header.indexOf('"sha256":"') + '"sha256":"'.length;
  copy.fill(0x30, at, at + 64);
  copy.set(new TextEncoder().encode(bytesToHex(sha256(copy))), at);
  return copy;
}

function rowsOf(count: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  return {
    features: ['a', 'b', 'c'].map((name) => ({ name, unit: '', meaning: '' })),
    rowCount: count,
    values: Float32Array.from({ length: 3 * count }, () => random.float()),
  };
}

describe.each(models)('a file of the kind $kind', (entry) => {
  const saved = entry.fit(rowsOf(120, 1)).save();
  const start = 8 + new DataView(saved.buffer, saved.byteOffset).getUint32(0, true);
  const probe = rowsOf(5, 2);

  test('is taken as it was sealed', () => {
    expect(loadModel(sealed(saved)).score(probe)).toEqual(loadModel(saved).score(probe));
  });

  test('with any bytes changed is refused, or scores finitely and adds up', () => {
    const random = new Random(7);
    let refused = 0;
    for (let round = 0; round < 150; round++) {
      const bytes = saved.slice();
      for (let k = 0; k <= round % 4; k++) {
        const at = start + random.below(bytes.length - start);
        // High bytes of numbers, where it hurts.
        bytes[at | 7 && (at | 7) < bytes.length ? at | 7 : at] = random.below(256);
        bytes[at] = random.below(256);
      }
      try {
        const model = loadModel(sealed(bytes));
        expect(model.score(probe).every((score) => score >= 0 && score <= 1)).toBe(true);
        assertExact(model.explain(probe, 0));
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});
