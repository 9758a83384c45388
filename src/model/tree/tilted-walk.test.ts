import { describe, expect, it } from 'vitest';
import { Random } from '../../core/index.ts';
import { type TiltedForest, walkTilted } from './tilted-walk.ts';

function drawForest(
  random: Random,
  shape: { treeCount: number; depth: number; combined: number; featureCount: number },
): TiltedForest {
  const { treeCount, depth, combined, featureCount } = shape;
  const cuts = treeCount * (2 ** depth - 1);
  return {
    ...shape,
    feature: Int32Array.from({ length: cuts * combined }, () => random.below(featureCount)),
    weight: Float64Array.from({ length: cuts * combined }, () => (random.below(9) === 0 ? 0 : random.float() - 0.5)),
    threshold: Float64Array.from({ length: cuts }, () =>
      random.below(9) === 0 ? Number.POSITIVE_INFINITY : random.float() - 0.5,
    ),
    length: Float64Array.from({ length: treeCount << depth }, () => random.float() * 10),
  };
}

const draw = (random: Random, count: number): Float64Array =>
  Float64Array.from({ length: count }, () => (random.below(20) === 0 ? 1e300 : 4 * random.float() - 2));

describe.each([
  { treeCount: 9, depth: 1, combined: 1, featureCount: 1 },
  { treeCount: 9, depth: 8, combined: 3, featureCount: 10 },
  { treeCount: 3, depth: 12, combined: 2, featureCount: 40 },
  { treeCount: 5, depth: 4, combined: 32, featureCount: 33 },
  { treeCount: 2, depth: 3, combined: 4, featureCount: 3000 },
])('a forest of $treeCount trees of depth $depth, $combined of $featureCount features in a cut', (shape) => {
  const random = new Random(shape.featureCount);
  const forest = drawForest(random, shape);
  const other = drawForest(random, shape);

  it('gives the same sums assembled and plain, in whole and broken blocks, whichever forest came before', () => {
    for (const count of [0, 1, 3, 15, 16, 17, 255, 256, 257, 600]) {
      const block = draw(random, count * shape.featureCount);
      for (const each of [forest, other]) {
        const assembled = new Float64Array(count + 2);
        const plain = new Float64Array(count + 2);
        walkTilted(each, block, count, assembled, 1);
        walkTilted(each, block, count, plain, 1, 'plain');
        expect(Buffer.from(assembled.buffer).equals(Buffer.from(plain.buffer))).toBe(true);
      }
    }
  });
});

it('a record right on a cut goes left', () => {
  const forest: TiltedForest = {
    treeCount: 1,
    depth: 1,
    combined: 2,
    featureCount: 2,
    feature: Int32Array.of(0, 1),
    weight: Float64Array.of(1, -1),
    threshold: Float64Array.of(0.5),
    length: Float64Array.of(10, 20),
  };
  const block = Float64Array.of(1, 0.5, 1, 0.25, 0, 0);
  for (const engine of ['auto', 'plain'] as const) {
    const into = new Float64Array(3);
    walkTilted(forest, block, 3, into, 0, engine);
    expect([...into]).toEqual([10, 20, 10]);
    const many = new Float64Array(30);
    walkTilted(
      forest,
      Float64Array.from({ length: 60 }, (_, i) => block[i % 6]),
      30,
      many,
      0,
      engine,
    );
    expect([...many.subarray(0, 3)]).toEqual([10, 20, 10]);
  }
});
