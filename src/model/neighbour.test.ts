import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { rowsOf } from './fit.ts';
import { indexPoints, learnPoints, nearestDistances, type PointIndex, Searcher } from './neighbour.ts';
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

  it.each([
    [1, 400],
    [4, 2000],
    [10, 256],
    [10, 300],
    [16, 2048],
    [40, 500],
    [3, 9000],
  ])('finds the same at the same distances by the rough loop and without it: %i features, %i rows', (d, n) => {
    const random = new Random(n * d);
    const sizes = [1e-25, 1e-3, 1, 1, 1, 30, 2600, 1e9];
    const draw = (): number => (random.float() - 0.5) * (sizes[random.below(sizes.length)] ?? 1);
    const rows = Array.from({ length: n }, () => {
      const size = random.below(4) === 0 ? draw() : 1;
      return Array.from({ length: d }, () => size * (random.float() + random.float() - 1));
    });
    for (let i = 0; i < n; i += 3) rows[i] = (rows[i >> 1] ?? []).slice();
    const index = pointsOf(rows);
    const values = Float64Array.from(index.values);
    for (const weighted of [true, false]) {
      for (const wanted of [1, 2, 41, 103, n + 5]) {
        const rough = new Searcher(index, wanted, weighted);
        const plain = new Searcher(index, wanted, weighted, 'plain');
        for (let q = 0; q < 40; q++) {
          const far = q % 10 === 9 ? 1e20 : draw();
          // Points themselves, records near them, anywhere, and so far out that squares do not fit into 32 bits.
          const own = random.below(index.count);
          const record = values.slice(own * d, (own + 1) * d);
          for (let j = 0; j < d && q % 4 === 1; j++) record[j] += 1e-7 * draw();
          for (let j = 0; j < d && q % 4 === 2; j++) record[j] = far * (random.float() - 0.5);
          const excluded = q % 4 === 3 ? own : -1;
          rough.search(record, 0, excluded);
          plain.search(record, 0, excluded);
          expect(rough.found).toBe(plain.found);
          expect(rough.point.subarray(0, rough.found)).toEqual(plain.point.subarray(0, plain.found));
          expect(rough.distance.subarray(0, rough.found)).toEqual(plain.distance.subarray(0, plain.found));
          // Each point for all its rows, the last for the rest.
          let [total, rows] = [0, 0];
          for (let k = 0; k < plain.found; k++) {
            const own = weighted ? (index.counts[plain.point[k] ?? 0] ?? 0) : 1;
            const weight = Math.min(own, wanted - rows);
            total += weight * (plain.distance[k] ?? 0);
            rows += weight;
          }
          // Nothing is left out by it.
          if (excluded >= 0) continue;
          const mean = rough.meanDistance(record, 0);
          expect(mean).toBe(plain.meanDistance(record, 0));
          if (weighted) expect(Math.abs(mean - total / rows)).toBeLessThanOrEqual(1e-11 * mean);
        }
      }
    }
  });

  it.each([
    [1, 400],
    [3, 70],
    [5, 30],
    [10, 256],
    [10, 2048],
    [33, 500],
    [3, 9000],
  ])(
    'measures many records at once as one by one, far ones and equally near ones too: %i features, %i rows',
    (d, n) => {
      const random = new Random(n + 7 * d);
      const grid = n % 2 === 0;
      // On a grid many points are equally near.
      const draw = (): number => (grid ? random.below(4) : random.float() - 0.5);
      const index = pointsOf(Array.from({ length: n }, () => Array.from({ length: d }, draw)));
      const other = pointsOf(Array.from({ length: 100 }, () => Array.from({ length: d }, draw)));
      const count = 150;
      const records = new Float64Array(d + count * d);
      const points = Float64Array.from(index.values);
      for (let i = 0; i < count; i++) {
        const own = random.below(index.count) * d;
        for (let j = 0; j < d; j++) {
          const near = [points[own + j], points[own + j] + 1e-8 * draw(), draw(), 1e6 * draw(), 1e17 * draw() + 1e17];
          records[d + i * d + j] = near[i % near.length] ?? 0;
        }
      }
      for (const each of [index, other, index]) {
        const [together, plain] = [new Float64Array(count + 1), new Float64Array(count + 1)];
        nearestDistances(each, records, d, count, together, 1);
        nearestDistances(each, records, d, count, plain, 1, 'plain');
        expect(together).toEqual(plain);
        const searcher = new Searcher(each, 1, true, 'plain');
        searcher.search(records, d);
        expect([together[0], together[1]]).toEqual([0, searcher.distance[0]]);
      }
    },
  );

  it('is not confused by another index that is searched in between', () => {
    const random = new Random(8);
    const draw = (n: number): number[][] => Array.from({ length: n }, () => [random.float(), random.float()]);
    const one = pointsOf(draw(300));
    const other = pointsOf(draw(3000));
    const rough = [one, other].map((index) => new Searcher(index, 3, true));
    const plain = [one, other].map((index) => new Searcher(index, 3, true, 'plain'));
    for (let q = 0; q < 20; q++) {
      const record = Float64Array.of(random.float(), random.float());
      for (const which of [0, 1] as const) {
        rough[which]?.search(record, 0);
        plain[which]?.search(record, 0);
        expect([...(rough[which]?.point.subarray(0, 3) ?? [])]).toEqual([
          ...(plain[which]?.point.subarray(0, 3) ?? []),
        ]);
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
