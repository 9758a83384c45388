import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clusterRows,
  completeLinkage,
  condensedIndex,
  cutTree,
  Gower,
  type GowerColumn,
  suspectCluster,
} from './index.ts';

interface Reference {
  readonly columns: readonly { kind: 'number' | 'category'; weight: number; values: readonly (number | null)[] }[];
  readonly condensed: readonly number[];
  readonly tree: readonly (readonly [number, number, number, number])[];
  readonly sizes: Readonly<Record<string, readonly number[]>>;
}

const reference: Reference = JSON.parse(
  readFileSync(new URL('../../../test/fixture/model/complete-linkage.json', import.meta.url), 'utf8'),
);
const columns: GowerColumn[] = reference.columns.map(({ kind, weight, values }, i) => ({
  name: `c${i}`,
  kind,
  weight,
  values: Float64Array.from(values, (value) => value ?? Number.NaN),
}));

describe("Gower's distance", () => {
  it('is the weighted mean over the columns that both rows have', () => {
    const gower = new Gower([
      { name: 'size', kind: 'number', weight: 1, values: Float64Array.of(0, 5, 10, Number.NaN) },
      { name: 'type', kind: 'category', weight: 3, values: Float64Array.of(1, 1, 2, 2) },
    ]);
    expect(gower.between(0, 1)).toBeCloseTo((1 * 0.5 + 3 * 0) / 4, 12);
    expect(gower.between(0, 2)).toBe(1);
    expect(gower.between(2, 3)).toBe(0);
    expect(gower.between(0, 3)).toBe(1);
  });

  it('keeps a number column with gaps a number column', () => {
    const gower = new Gower([
      { name: 'bytes', kind: 'number', weight: 1, values: Float64Array.of(100, 101, Number.NaN, 200) },
    ]);
    expect(gower.between(0, 1)).toBeCloseTo(0.01, 12);
    expect(gower.between(0, 2)).toBe(1);
  });

  it('agrees with the reference, one pair at a time and all at once', () => {
    const gower = new Gower(columns);
    const all = gower.condensed(Int32Array.from({ length: 60 }, (_, i) => i));
    reference.condensed.forEach((distance, i) => {
      expect(all[i]).toBeCloseTo(distance, 12);
    });
    for (let i = 0; i < 60; i++)
      for (let j = i + 1; j < 60; j++)
        expect(gower.between(i, j)).toBeCloseTo(all[condensedIndex(60, i, j)] ?? Number.NaN, 12);
  });

  it('refuses a weight that is no positive number', () => {
    expect(() => new Gower([{ name: 'a', kind: 'number', weight: 0, values: Float64Array.of(1) }])).toThrow(
      "the weight of 'a' is not a positive number",
    );
  });

  it('stays within 0 and 1 for infinities and huge values', () => {
    const values = Float64Array.of(-Number.MAX_VALUE, Number.MAX_VALUE, Number.POSITIVE_INFINITY, 0, Number.NaN);
    const gower = new Gower([{ name: 'a', kind: 'number', weight: 1, values }]);
    for (let i = 0; i < 5; i++)
      for (let j = 0; j < 5; j++) {
        expect(gower.between(i, j)).toBeGreaterThanOrEqual(0);
        expect(gower.between(i, j)).toBeLessThanOrEqual(1);
      }
  });
});

describe('complete linkage', () => {
  it("makes SciPy's tree", () => {
    const n = 60;
    const merges = completeLinkage(new Gower(columns).condensed(Int32Array.from({ length: n }, (_, i) => i)), n);
    expect(merges).toHaveLength(n - 1);
    merges.forEach((merge, i) => {
      const [left, right, height, size] = reference.tree[i] ?? [0, 0, 0, 0];
      expect(merge.height).toBeCloseTo(height, 10);
      expect([merge.left, merge.right, merge.size]).toEqual([Math.min(left, right), Math.max(left, right), size]);
    });
  });

  it("cuts into SciPy's clusters, the smallest last", () => {
    const n = 60;
    const merges = completeLinkage(new Gower(columns).condensed(Int32Array.from({ length: n }, (_, i) => i)), n);
    for (let k = 2; k <= 7; k++) {
      const sizes = new Array<number>(k).fill(0);
      for (const label of cutTree(merges, n, k)) sizes[label - 1] = (sizes[label - 1] ?? 0) + 1;
      expect(sizes).toEqual(reference.sizes[String(k)]);
    }
  });

  it('has the heights of the definition, whatever the rows', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 2, maxLength: 24 }), (values) => {
        const n = values.length;
        const gower = new Gower([{ name: 'a', kind: 'number', weight: 1, values: Float64Array.from(values) }]);
        const merges = completeLinkage(gower.condensed(Int32Array.from({ length: n }, (_, i) => i)), n);
        const members: number[][] = Array.from({ length: n }, (_, i) => [i]);
        for (const { left, right, height, size } of merges) {
          const a = members[left] ?? [];
          const b = members[right] ?? [];
          expect(height).toBeCloseTo(Math.max(...a.flatMap((i) => b.map((j) => gower.between(i, j)))), 12);
          expect(size).toBe(a.length + b.length);
          members.push([...a, ...b]);
        }
        expect(merges.at(-1)?.size).toBe(n);
      }),
    );
  });
});

describe('clusters of rows', () => {
  const apart: GowerColumn[] = [
    {
      name: 'bytes',
      kind: 'number',
      weight: 1,
      values: Float64Array.from({ length: 40 }, (_, i) => (i < 36 ? i % 5 : 90 + i)),
    },
    { name: 'type', kind: 'category', weight: 1, values: Float64Array.from({ length: 40 }, (_, i) => i % 2) },
    { name: 'flat', kind: 'number', weight: 1, values: new Float64Array(40).fill(7) },
  ];

  it('finds the few rows that lie apart, and which column sets them apart', () => {
    const { cuts, sampled } = clusterRows([apart[0] as GowerColumn]) ?? {};
    const cut = cuts?.[0];
    expect(sampled).toBe(false);
    expect(cut?.clusters.map(({ size }) => size)).toEqual([36, 4]);
    const suspect = cut === undefined ? undefined : suspectCluster(cut);
    expect(suspect?.size).toBe(4);
    expect(suspect?.influence[0]).toEqual({ column: 'bytes', share: 1 });
    expect(suspect?.silhouette).toBeGreaterThan(0.9);
  });

  it('gives the same whatever the order of the rows', () => {
    const order = Array.from({ length: 40 }, (_, i) => (i * 7) % 40);
    const shuffled = apart.map((column) => ({
      ...column,
      values: Float64Array.from(order, (i) => column.values[i] ?? 0),
    }));
    const sizes = (list: GowerColumn[]): number[][] | undefined =>
      clusterRows(list)?.cuts.map(({ clusters }) => clusters.map(({ size }) => size));
    expect(sizes(shuffled)?.[0]).toEqual(sizes(apart)?.[0]);
  });

  it('samples above the cap, says so, and gives every row a cluster', () => {
    const n = 900;
    const values = Float64Array.from({ length: n }, (_, i) => (i % 30 === 0 ? 1000 + i / n : i / n));
    const found = clusterRows([{ name: 'a', kind: 'number', weight: 1, values }], { maxRows: 200 });
    expect(found?.sampled).toBe(true);
    expect(found?.rows.length).toBe(200);
    expect(found?.cuts[0]?.clusters.map(({ size }) => size)).toEqual([870, 30]);
    expect(found?.cuts[0]?.labels.every((label) => label >= 1 && label <= 2)).toBe(true);
  });

  it('is the same with the same seed', () => {
    const map = (seed: number): number[] => [...(clusterRows(apart, { seed })?.map.x ?? [])];
    expect(map(5)).toEqual(map(5));
  });

  it('keeps distances in the plane where the plane can hold them', () => {
    const values = Float64Array.from({ length: 30 }, (_, i) => i);
    const found = clusterRows([{ name: 'a', kind: 'number', weight: 1, values }]);
    expect(found?.map.stress).toBeLessThan(0.2);
    const { x, y } = found?.map ?? { x: [], y: [] };
    const far = Math.hypot((x[0] ?? 0) - (x[29] ?? 0), (y[0] ?? 0) - (y[29] ?? 0));
    const near = Math.hypot((x[0] ?? 0) - (x[1] ?? 0), (y[0] ?? 0) - (y[1] ?? 0));
    expect(far).toBeGreaterThan(near);
  });

  it('has nothing to say of less than two rows, and survives equal rows and rows of nothing', () => {
    expect(clusterRows([{ name: 'a', kind: 'number', weight: 1, values: Float64Array.of(1) }])).toBeUndefined();
    expect(clusterRows([])).toBeUndefined();
    const same = clusterRows([{ name: 'a', kind: 'number', weight: 1, values: new Float64Array(10).fill(3) }]);
    expect(same?.map.x.every((v) => Number.isFinite(v))).toBe(true);
    const nothing = clusterRows([
      { name: 'a', kind: 'number', weight: 1, values: new Float64Array(10).fill(Number.NaN) },
    ]);
    expect(nothing?.cuts).toHaveLength(6);
  });
});
