import { condensedIndex } from './gower.ts';

/**
 * Complete-linkage hierarchical clustering by the nearest-neighbour chain (Murtagh, A Survey of Recent Advances in Hierarchical Clustering Algorithms, The
 * Computer Journal 26, 1983; Müllner, Modern hierarchical, agglomerative clustering algorithms, 2011): O(n²) time, the distances in place of a copy.
 */
export interface Merge {
  /** Clusters that are joined, `left` < `right`: 0 to n - 1 are rows, n + i is what merge i made. */
  readonly left: number;
  readonly right: number;
  /** The largest distance between a row of one and a row of the other. */
  readonly height: number;
  /** Rows in what was made. */
  readonly size: number;
}

/**
 * The tree over n rows, n - 1 merges in order of height, as the linkage matrix of SciPy.
 * @param condensed distances of all pairs, see `condensedIndex`; they are overwritten.
 */
export function completeLinkage(condensed: Float64Array, n: number): Merge[] {
  if (condensed.length !== (n * (n - 1)) / 2) throw new RangeError('the distances are not those of so many rows');
  const active = new Uint8Array(n).fill(1);
  const chain = new Int32Array(n);
  let depth = 0;
  const made: { a: number; b: number; height: number }[] = [];
  for (let step = 0; step < n - 1; step++) {
    if (depth === 0) {
      chain[0] = active.indexOf(1);
      depth = 1;
    }
    let a: number;
    let b: number;
    let height: number;
    for (;;) {
      a = chain[depth - 1] as number;
      // What the chain came from wins among equals, or the chain would never end.
      b = depth > 1 ? (chain[depth - 2] as number) : -1;
      height = b < 0 ? Number.POSITIVE_INFINITY : (condensed[condensedIndex(n, a, b)] as number);
      for (let i = 0; i < n; i++) {
        if (active[i] === 0 || i === a) continue;
        const distance = condensed[condensedIndex(n, a, i)] as number;
        if (distance < height) {
          height = distance;
          b = i;
        }
      }
      if (depth > 1 && b === chain[depth - 2]) break;
      chain[depth++] = b;
    }
    depth -= 2;
    const keep = Math.max(a, b);
    const drop = Math.min(a, b);
    made.push({ a: drop, b: keep, height });
    active[drop] = 0;
    for (let i = 0; i < n; i++) {
      if (active[i] === 0 || i === keep) continue;
      const at = condensedIndex(n, keep, i);
      const other = condensed[condensedIndex(n, drop, i)] as number;
      if (other > (condensed[at] as number)) condensed[at] = other;
    }
  }
  return named(made, n);
}

/** The merges in order of height, with the numbers of clusters instead of those of rows in them. */
function named(made: readonly { a: number; b: number; height: number }[], n: number): Merge[] {
  const order = made.map((_, i) => i).sort((i, j) => (made[i]?.height ?? 0) - (made[j]?.height ?? 0) || i - j);
  const sets = new Int32Array(2 * n - 1).map((_, i) => i);
  const sizes = new Int32Array(2 * n - 1).fill(1, 0, n);
  const root = (i: number): number => {
    let r = i;
    while (sets[r] !== r) r = sets[r] as number;
    for (let at = i; at !== r; ) {
      const next = sets[at] as number;
      sets[at] = r;
      at = next;
    }
    return r;
  };
  return order.map((i, at) => {
    const { a, b, height } = made[i] as { a: number; b: number; height: number };
    const x = root(a);
    const y = root(b);
    const cluster = n + at;
    const size = (sizes[x] as number) + (sizes[y] as number);
    sizes[cluster] = size;
    sets[x] = cluster;
    sets[y] = cluster;
    return { left: Math.min(x, y), right: Math.max(x, y), height, size };
  });
}

/**
 * The rows in k clusters: the last k - 1 merges undone. Labels 1 to k by falling size, equal sizes by their first row, so that the last label is the smallest
 * cluster whatever the order of the rows. With fewer rows than k every row is a cluster of its own.
 */
export function cutTree(merges: readonly Merge[], n: number, k: number): Int32Array {
  const sets = new Int32Array(2 * n - 1).map((_, i) => i);
  const root = (i: number): number => {
    let r = i;
    while (sets[r] !== r) r = sets[r] as number;
    return r;
  };
  merges.slice(0, Math.max(0, n - k)).forEach(({ left, right }, i) => {
    sets[left] = n + i;
    sets[right] = n + i;
  });
  const roots = Int32Array.from({ length: n }, (_, i) => root(i));
  const sizes = new Map<number, number>();
  for (const r of roots) sizes.set(r, (sizes.get(r) ?? 0) + 1);
  // A Map keeps the order of first rows, and the sort is stable.
  const ordered = [...sizes].sort((x, y) => y[1] - x[1]);
  const labels = new Map(ordered.map(([r], i) => [r, i + 1]));
  return roots.map((r) => labels.get(r) ?? 0);
}

/**
 * Mean silhouette width (Rousseeuw 1987) of every cluster, by label from 1, and of all rows; 0 for a cluster of one row. -1 to 1, higher is better parted.
 * @param condensed distances of all pairs, see `condensedIndex`.
 */
export function silhouettes(
  condensed: Float64Array,
  labels: Int32Array,
): { readonly mean: number; readonly clusters: readonly number[] } {
  const k = labels.reduce((most, label) => Math.max(most, label), 0);
  const counts = new Float64Array(k + 1);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  const n = labels.length;
  const sums = new Float64Array((k + 1) * n);
  let pair = 0;
  for (let i = 0; i < n; i++) {
    const own = i * (k + 1);
    const label = labels[i] ?? 0;
    for (let j = i + 1; j < n; j++) {
      const d = condensed[pair++] as number;
      const a = own + (labels[j] as number);
      const b = j * (k + 1) + label;
      sums[a] = (sums[a] as number) + d;
      sums[b] = (sums[b] as number) + d;
    }
  }
  const totals = new Float64Array(k + 1);
  let all = 0;
  for (let i = 0; i < n; i++) {
    const own = labels[i] ?? 0;
    const size = counts[own] ?? 0;
    if (size <= 1) continue;
    const inside = (sums[i * (k + 1) + own] ?? 0) / (size - 1);
    let nearest = Number.POSITIVE_INFINITY;
    for (let label = 1; label <= k; label++)
      if (label !== own) nearest = Math.min(nearest, (sums[i * (k + 1) + label] ?? 0) / (counts[label] ?? 1));
    const widest = Math.max(inside, nearest);
    const width = widest === 0 || !Number.isFinite(nearest) ? 0 : (nearest - inside) / widest;
    totals[own] = (totals[own] ?? 0) + width;
    all += width;
  }
  return {
    mean: n === 0 ? 0 : all / n,
    clusters: Array.from({ length: k }, (_, i) =>
      (counts[i + 1] ?? 0) === 0 ? 0 : (totals[i + 1] ?? 0) / (counts[i + 1] ?? 1),
    ),
  };
}
