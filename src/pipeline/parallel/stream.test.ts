import { describe, expect, it } from 'vitest';
import { Random } from '../../core/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import { fitModel } from '../../model/index.ts';
import { rawScoresOfBatches } from './stream.ts';

const named = (names: readonly string[]) => names.map((name) => ({ name, unit: '', meaning: '' }));
const FEATURES = named(['a', 'b', 'c']);

function draw(rowCount: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  const values = Float32Array.from({ length: 3 * rowCount }, () =>
    random.below(40) === 0 ? Number.NaN : 9 * (random.float() - 0.5),
  );
  return { features: FEATURES, rowCount, values };
}

const model = fitModel('isolation-forest', draw(6000, 1));

function expectedOf(batches: readonly FeatureMatrix[]): number[] {
  return batches.flatMap((batch) => [...model.rawScore(batch)]);
}

describe('batches that several threads score', () => {
  // More than two pieces of 131,072 rows, and batches that end within a piece and beyond it.
  const sizes = [1, 0, 140_000, 5000, 130_000, 77];
  const batches = sizes.map((size, i) => draw(size, i));
  const rowCount = sizes.reduce((total, size) => total + size, 0);

  it('have the scores of one thread in the order of the rows, though each batch lies in the memory of the one before', async () => {
    const memory = new Float32Array(3 * Math.max(...sizes));
    function* reused(): Generator<FeatureMatrix> {
      for (const batch of batches) {
        memory.fill(7);
        memory.set(batch.values);
        yield { ...batch, values: memory.subarray(0, batch.values.length) };
      }
    }
    const expected = Float64Array.from(expectedOf(batches));
    for (const threads of [1, 3]) {
      const told: number[] = [];
      const raws = await rawScoresOfBatches(model, reused(), {
        threads,
        rowCount,
        onRows: (rows) => void told.push(rows),
      });
      expect(raws).toEqual(expected);
      expect(told.at(-1)).toBe(rowCount);
    }
  });

  it('may have their features in different orders', async () => {
    const turned = (batch: FeatureMatrix): FeatureMatrix => ({
      ...batch,
      features: named(['c', 'b', 'a']),
      values: batch.values.map((_, i) => batch.values[i - (i % 3) + 2 - (i % 3)] ?? 0),
    });
    const some = [draw(9000, 2), turned(draw(9000, 3)), turned(draw(50, 4)), draw(9000, 5)];
    const raws = await rawScoresOfBatches(model, some, { threads: 2, rowCount: 27_050 });
    expect([...raws]).toEqual(expectedOf(some));
  });

  it('end with what was thrown: for a batch that does not fit, and by who is told of the rows', async () => {
    const other = { ...draw(9000, 2), features: named(['a', 'b', 'x']) };
    let said = '';
    try {
      model.rawScore(other);
    } catch (error) {
      said = String(error);
    }
    expect(said).not.toBe('');
    const all = rawScoresOfBatches(model, [draw(9000, 1), other], { threads: 2, rowCount: 18_000 });
    await expect(all.catch((error: unknown) => String(error))).resolves.toBe(said);
    const stopped = rawScoresOfBatches(model, batches, {
      threads: 2,
      rowCount,
      onRows: (rows) => {
        if (rows > 100_000) throw new Error('enough');
      },
    });
    await expect(stopped).rejects.toThrow('enough');
  });

  it('of no rows have no scores', async () => {
    expect(await rawScoresOfBatches(model, [], { threads: 2, rowCount: 0 })).toHaveLength(0);
    expect(await rawScoresOfBatches(model, [draw(0, 1)], { threads: 2, rowCount: 0 })).toHaveLength(0);
  });
});
