import { expect, it } from 'vitest';
import { Random } from '../../core/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import { fitModel } from '../../model/index.ts';
import { drawFeatures, massVolume, takeFeatures } from './criterion.ts';

const names = (n: number): FeatureMatrix['features'] =>
  Array.from({ length: n }, (_, j) => ({ name: `f${j}`, unit: '', meaning: '' }));

/** Rows on a ring, which no single feature shows: both are spread alike. */
function ring(rowCount: number, seed: number): FeatureMatrix {
  const random = new Random(seed);
  const values = new Float32Array(2 * rowCount);
  for (let row = 0; row < rowCount; row++) {
    const angle = 2 * Math.PI * random.float();
    const radius = 1 + 0.03 * (random.float() + random.float() - 1);
    values[2 * row] = radius * Math.cos(angle);
    values[2 * row + 1] = radius * Math.sin(angle);
  }
  return { features: names(2), rowCount, values };
}

it('prefers the model that draws the smaller region around the rows', () => {
  const fitOn = ring(1200, 1);
  const rows = ring(600, 2);
  const { points, columns } = drawFeatures(fitOn, new Random(3));
  expect([...columns]).toEqual([0, 1]);
  const value = (kind: string): number => massVolume(fitModel(kind, fitOn), rows, points);
  // A ring has a hole, which nearness sees and single features don't.
  expect(value('knn')).toBeGreaterThan(value('ecod') + 0.2);
  for (const kind of ['knn', 'ecod']) {
    expect(value(kind)).toBeGreaterThanOrEqual(0);
    expect(value(kind)).toBeLessThanOrEqual(1);
  }
});

it('draws at most five features, none that is constant, the same ones for the same seed', () => {
  const random = new Random(4);
  const rowCount = 200;
  const values = Float32Array.from({ length: 8 * rowCount }, (_, i) => (i % 8 === 3 ? 7 : random.float()));
  values[0] = Number.NaN;
  const matrix: FeatureMatrix = { features: names(8), rowCount, values };
  for (let seed = 0; seed < 20; seed++) {
    const draw = drawFeatures(matrix, new Random(seed));
    expect(draw.columns).toHaveLength(5);
    expect([...draw.columns]).not.toContain(3);
    expect(draw.points.values.every((value) => value >= -0.06 && value <= 1.06)).toBe(true);
    expect(drawFeatures(matrix, new Random(seed))).toEqual(draw);
  }
});

it('takes features with their values, and leaves missing ones missing', () => {
  const matrix: FeatureMatrix = { features: names(3), rowCount: 2, values: Float32Array.of(1, Number.NaN, 3, 4, 5, 6) };
  const taken = takeFeatures(matrix, Int32Array.of(1, 2));
  expect(taken.features.map(({ name }) => name)).toEqual(['f1', 'f2']);
  expect([...taken.values]).toEqual([Number.NaN, 3, 5, 6]);
});
