import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { rowsOf } from './fit.ts';
import { indexPoints, learnPoints, type PointIndex, Searcher } from './neighbour.ts';
import { measureFeatures } from './training.ts';

function pointsOf(rows: readonly (readonly number[])[], members = 100_000): PointIndex {
  const d = rows[0].length;
  const matrix = {
    features: rows[0].map((_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: rows.length,
    values: Float32Array.from(rows.flat()),
  };
  const all = Int32Array.from({ length: rows.length }, (_, i) => i);
  const random = new Random(1);
  const statistics = measureFeatures(matrix.values, d, all, random);
  return indexPoints(learnPoints({ source: rowsOf(matrix), rows: all, statistics, random }, members, 'none'));
}

/** The same by sorting all distances. */
function byHand(
  index: PointIndex,
  record: readonly number[],
  wanted: number,
  weighted: boolean,
  excluded = -1,
): number[][] {
  const { values, counts, d } = index;
  const all = Array.from(counts, (count, point) => {
    let squared = 0;
    for (let j = 0; j < d; j++) squared += (record[j] - values[point * d + j]) ** 2;
    return { point, squared, count };
  })
    .filter(({ point }) => point !== excluded)
    .sort((a, b) => a.squared - b.squared || a.point - b.point);
  const found: number[][] = [];
  let rows = 0;
  for (const { point, squared, count } of all) {
    if (rows >= wanted) break;
    rows += weighted ? count : 1;
    found.push([point, Math.sqrt(squared)]);
  }
  return found;
}

describe('the index', () => {
  it.each([
    [1, 300],
    [2, 1000],
    [5, 1000],
    [9, 400],
    [16, 300],
    [17, 300],
    [30, 200],
    [3, 7],
    [3, 1],
  ])('finds what sorting all distances finds, equally distant ones too: %i features, %i rows', (d, n) => {
    const random = new Random(n + d);
    // Few distinct values make many equal distances and duplicates; whole numbers make their squares exact.
    const rows = Array.from({ length: n }, () => Array.from({ length: d }, () => random.below(d < 4 ? 20 : 3)));
    const index = pointsOf(rows);
    for (const weighted of [true, false]) {
      for (const wanted of [1, 5, 40]) {
        const searcher = new Searcher(index, wanted, weighted);
        for (let q = 0; q < 30; q++) {
          const record = Array.from({ length: d }, () => random.below(9) / 2);
          const excluded = q % 3 === 0 ? random.below(index.count) : -1;
          searcher.search(Float64Array.from([7, ...record]), 1, excluded);
          const found = Array.from({ length: searcher.found }, (_, k) => [searcher.point[k], searcher.distance[k]]);
          expect(found).toEqual(byHand(index, record, wanted, weighted, excluded));
        }
      }
    }
  });

  it('merges rows that are the same, and counts them', () => {
    const index = pointsOf([
      [1, 2],
      [3, 4],
      [1, 2],
      [-0, 0],
      [0, -0],
      [1, 2],
    ]);
    expect([...index.counts]).toEqual([3, 1, 2]);
    expect([...index.values]).toEqual([1, 2, 3, 4, 0, 0]);
    expect([index.count, index.rowCount]).toEqual([3, 6]);
  });

  it('keeps no more rows than it may', () => {
    const index = pointsOf(
      Array.from({ length: 5000 }, (_, i) => [i]),
      100,
    );
    expect([index.count, index.rowCount]).toEqual([100, 100]);
  });
});
