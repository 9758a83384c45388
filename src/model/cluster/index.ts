import { Random } from '../../core/index.ts';
import { condensedIndex, Gower, type GowerColumn } from './gower.ts';
import { completeLinkage, cutTree, type Merge, silhouettes } from './linkage.ts';
import { type DistanceMap, mapDistances } from './map.ts';

export { condensedIndex, Gower, type GowerColumn } from './gower.ts';
export { completeLinkage, cutTree, type Merge, silhouettes } from './linkage.ts';
export { type DistanceMap, type MapOptions, mapDistances } from './map.ts';

/**
 * Groups of rows by Gower's distance and complete linkage. Above `maxRows` rows a uniform sample of so many is clustered and every other row is given to the cluster of the
 * nearest medoid: then `sampled` says so.
 *
 * The smallest cluster of a cut is its suspect: what lies apart from all others and is rare. Which cluster that is does not depend on the order of the rows. It says
 * nothing of good and bad.
 */
export interface ClusterOptions {
  readonly seed?: number;
  /** Rows whose distances are all measured; time and memory grow with the square: 2,000 rows take 32 MB. Default 2,000. */
  readonly maxRows?: number;
  /** Rows on the map. Default 1,000. */
  readonly mapRows?: number;
  /** Numbers of clusters to cut into, default 2 to 7. */
  readonly cuts?: readonly number[];
}

/** One cluster of one cut. */
export interface Cluster {
  /** From 1, by falling size. */
  readonly label: number;
  /** Rows in it, of all rows. */
  readonly size: number;
  /** The row whose distances to the others of its cluster sum least. */
  readonly medoid: number;
  /** Mean silhouette width of its rows, -1 to 1; 0 for a single row. */
  readonly silhouette: number;
  /** How much each column sets it apart from the other rows, largest first; they sum to 1 where anything does. */
  readonly influence: readonly { readonly column: string; readonly share: number }[];
}

export interface Cut {
  readonly k: number;
  /** Cluster of every row, 1 to k. */
  readonly labels: Int32Array;
  /** By label. */
  readonly clusters: readonly Cluster[];
  /** Mean silhouette width over the rows whose distances were measured. */
  readonly silhouette: number;
}

export interface Clustering {
  readonly rowCount: number;
  /** Rows whose distances were all measured, in order. All rows, unless `sampled`. */
  readonly rows: Int32Array;
  readonly sampled: boolean;
  /** The tree over `rows`. */
  readonly merges: readonly Merge[];
  readonly cuts: readonly Cut[];
  /** The cut with the widest mean silhouette; the smallest k among equals. Undefined without any cut. */
  readonly best: Cut | undefined;
  /** Rows on a plane: all, or evenly chosen ones and those of the smallest cluster. Point i is row `mapped[i]`. */
  readonly map: DistanceMap;
  readonly mapped: Int32Array;
}

const MAX_ROWS = 2000;
const MAP_ROWS = 1000;
/** Pairs of rows by which the influence of one column on one cluster is measured, at most and at least; between them so many that all columns together look at `INFLUENCE_PARTS`. */
const MOST_INFLUENCE_PAIRS = 20_000;
const LEAST_INFLUENCE_PAIRS = 50;
const INFLUENCE_PARTS = 2_000_000;

/** Undefined for fewer than two rows or without columns. */
export function clusterRows(columns: readonly GowerColumn[], options: ClusterOptions = {}): Clustering | undefined {
  const { seed = 42, maxRows = MAX_ROWS, mapRows = MAP_ROWS, cuts = [2, 3, 4, 5, 6, 7] } = options;
  const gower = new Gower(columns);
  const n = gower.rowCount;
  if (n < 2 || columns.length === 0) return undefined;
  const random = new Random(seed);
  const rows = sampleRows(n, maxRows, random);
  const sampled = rows.length < n;
  const distances = gower.condensed(rows);
  const merges = completeLinkage(distances.slice(), rows.length);
  const wanted = [...new Set(cuts)].filter((k) => k >= 2 && k <= rows.length).sort((a, b) => a - b);
  const made = wanted.map((k) => cutOf(gower, rows, distances, merges, k, seed));
  const best = made.reduce<Cut | undefined>(
    (top, cut) => (top === undefined || cut.silhouette > top.silhouette + 1e-12 ? cut : top),
    undefined,
  );
  const mapped = rowsToMap(n, mapRows, best);
  const between = (a: number, b: number): number =>
    sampled ? gower.between(a, b) : a === b ? 0 : (distances[condensedIndex(n, a, b)] ?? 0);
  const map = mapDistances(mapped.length, (a, b) => between(mapped[a] ?? 0, mapped[b] ?? 0), {
    random: new Random(seed),
  });
  return { rowCount: n, rows, sampled, merges, cuts: made, best, map, mapped };
}

/** The smallest cluster of a cut; undefined where it is not the only one of its size, so that size does not tell which one is apart. */
export function suspectCluster(cut: Cut): Cluster | undefined {
  const last = cut.clusters.at(-1);
  const before = cut.clusters.at(-2);
  return last === undefined || (before !== undefined && before.size === last.size) ? undefined : last;
}

function sampleRows(n: number, most: number, random: Random): Int32Array {
  const rows = Int32Array.from({ length: n }, (_, i) => i);
  if (n <= most) return rows;
  for (let i = 0; i < most; i++) {
    const j = i + random.below(n - i);
    const kept = rows[i] ?? 0;
    rows[i] = rows[j] ?? 0;
    rows[j] = kept;
  }
  return rows.slice(0, most).sort();
}

/** All rows where they are few enough; else every so many-th, and all of the smallest cluster where that is small: it is what a reader looks for. */
function rowsToMap(n: number, most: number, best: Cut | undefined): Int32Array {
  if (n <= most) return Int32Array.from({ length: n }, (_, row) => row);
  const smallest = best?.clusters.at(-1);
  const wanted = smallest !== undefined && smallest.size <= most / 4 ? smallest.label : -1;
  const step = n / (wanted < 0 ? most : most - (smallest?.size ?? 0));
  let next = 0;
  const chosen: number[] = [];
  for (let row = 0; row < n; row++) {
    if (row >= next) {
      next += step;
      chosen.push(row);
    } else if (best?.labels[row] === wanted) chosen.push(row);
  }
  return Int32Array.from(chosen);
}

function cutOf(
  gower: Gower,
  rows: Int32Array,
  distances: Float64Array,
  merges: readonly Merge[],
  k: number,
  seed: number,
): Cut {
  const own = cutTree(merges, rows.length, k);
  const between = (a: number, b: number): number => distances[condensedIndex(rows.length, a, b)] ?? 0;
  const members: number[][] = Array.from({ length: k }, () => []);
  own.forEach((label, i) => {
    members[label - 1]?.push(i);
  });
  const medoids = members.map((list) => medoidOf(list, between, new Random(seed)));
  const { mean, clusters: widths } = silhouettes(distances, own);
  const labels = new Int32Array(gower.rowCount);
  own.forEach((label, i) => {
    labels[rows[i] ?? 0] = label;
  });
  if (rows.length < gower.rowCount)
    for (let row = 0; row < labels.length; row++)
      if (labels[row] === 0) labels[row] = nearestOf(gower, rows, medoids, row);
  const sizes = new Map<number, number>();
  for (const label of labels) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  // Given rows may have changed which cluster is the smaller one.
  const order = members.map((_, i) => i + 1).sort((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0) || a - b);
  const renamed = new Map(order.map((label, i) => [label, i + 1]));
  for (let row = 0; row < labels.length; row++) labels[row] = renamed.get(labels[row] ?? 0) ?? 0;
  const clusters = order.map(
    (label, i): Cluster => ({
      label: i + 1,
      size: sizes.get(label) ?? 0,
      medoid: rows[medoids[label - 1] ?? 0] ?? 0,
      silhouette: widths[label - 1] ?? 0,
      influence: influenceOf(gower, rows, members[label - 1] ?? [], own, label, new Random(seed)),
    }),
  );
  return { k, labels, clusters, silhouette: mean };
}

/** Above this many members the medoid is the best of so many candidates against so many others. */
const MEDOID_ROWS = 300;

function medoidOf(members: readonly number[], between: (a: number, b: number) => number, random: Random): number {
  const against =
    members.length <= MEDOID_ROWS
      ? members
      : Array.from({ length: MEDOID_ROWS }, () => members[random.below(members.length)] ?? 0);
  const candidates = members.length <= MEDOID_ROWS ? members : [...new Set(against)].sort((a, b) => a - b);
  let best = members[0] ?? 0;
  let least = Number.POSITIVE_INFINITY;
  for (const a of candidates) {
    let sum = 0;
    for (const b of against) sum += a === b ? 0 : between(a, b);
    if (sum < least - 1e-12) {
      least = sum;
      best = a;
    }
  }
  return best;
}

function nearestOf(gower: Gower, rows: Int32Array, medoids: readonly number[], row: number): number {
  let label = 1;
  let least = Number.POSITIVE_INFINITY;
  medoids.forEach((medoid, i) => {
    const distance = gower.between(row, rows[medoid] ?? 0);
    if (distance < least) {
      least = distance;
      label = i + 1;
    }
  });
  return label;
}

/** For each column: how much further it is from rows of the cluster to other rows than to rows of the cluster, times its weight; the shares of what is positive. */
function influenceOf(
  gower: Gower,
  rows: Int32Array,
  members: readonly number[],
  labels: Int32Array,
  label: number,
  random: Random,
): Cluster['influence'] {
  const others: number[] = [];
  labels.forEach((other, i) => {
    if (other !== label) others.push(i);
  });
  const most = Math.floor(INFLUENCE_PARTS / gower.columns.length);
  const pairs = Math.max(LEAST_INFLUENCE_PAIRS, Math.min(MOST_INFLUENCE_PAIRS, most));
  const excess = gower.columns.map((column, j) => {
    const apart = meanPart(gower, j, rows, members, others, pairs, random);
    const together = meanPart(gower, j, rows, members, members, pairs, random);
    return Math.max(0, column.weight * (apart - together));
  });
  const total = excess.reduce((sum, value) => sum + value, 0);
  return gower.columns
    .map(({ name }, j) => ({ column: name, share: total === 0 ? 0 : (excess[j] ?? 0) / total }))
    .sort((a, b) => b.share - a.share || (a.column < b.column ? -1 : 1));
}

function meanPart(
  gower: Gower,
  column: number,
  rows: Int32Array,
  from: readonly number[],
  to: readonly number[],
  most: number,
  random: Random,
): number {
  const all = from.length * to.length;
  const pairs = Math.min(all, most);
  let sum = 0;
  let count = 0;
  for (let p = 0; p < pairs; p++) {
    const at = all <= most ? p : random.below(Math.min(all, 2 ** 31));
    const a = rows[from[Math.floor(at / to.length)] ?? 0] ?? 0;
    const b = rows[to[at % to.length] ?? 0] ?? 0;
    if (a === b) continue;
    const part = gower.part(column, a, b);
    if (Number.isNaN(part)) continue;
    sum += part;
    count++;
  }
  return count === 0 ? 0 : sum / count;
}
