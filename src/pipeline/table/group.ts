import { Random, Reservoir, type Table } from '../../core/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import { type Clustering, clusterRows, type GowerColumn } from '../../model/index.ts';
import type { ClusterSummary } from '../../report/index.ts';
import { entityReader, timeReader } from './measure.ts';
import type { TablePlan } from './plan.ts';

/** Rows that are put into groups; of more a uniform sample is, and the report says so. Of very many columns they are fewer, so that no more than `GROUP_VALUES` values wait. */
const GROUP_ROWS = 20_000;
const GROUP_VALUES = 4_000_000;
const TREE_LEAVES = 40;
/** Fewer rows are no groups; they can be read one by one. */
const LEAST_ROWS = 10;

/** The rows that are put into groups, column by column. */
export class GroupSample {
  readonly #random: Random;
  #reservoir: Reservoir | undefined;
  #columns: {
    readonly name: string;
    readonly kind: GowerColumn['kind'];
    readonly weight: number;
    values: Float64Array;
  }[] = [];
  readonly rows: number[] = [];
  readonly entities: (string | undefined)[] = [];
  readonly times: (number | undefined)[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  get size(): number {
    return this.#reservoir?.size ?? 0;
  }

  offer(table: Table, features: FeatureMatrix, numbers: Float64Array, plan: TablePlan): void {
    const columns = plan.groupColumns(table, features);
    if (this.#reservoir === undefined) {
      const most = Math.min(GROUP_ROWS, Math.floor(GROUP_VALUES / Math.max(1, columns.length)));
      this.#reservoir = new Reservoir(most, this.#random);
      this.#columns = columns.map(({ name, kind, weight }) => ({ name, kind, weight, values: new Float64Array(most) }));
    }
    const entity = entityReader(table, plan.entity);
    const time = timeReader(table, plan.time);
    const reservoir = this.#reservoir;
    for (let row = 0; row < table.rowCount; row++) {
      const slot = reservoir.offer();
      if (slot < 0) continue;
      this.rows[slot] = numbers[row] ?? 0;
      this.entities[slot] = entity(row);
      this.times[slot] = time(row);
      columns.forEach(({ values }, j) => {
        const column = this.#columns[j];
        if (column !== undefined) column.values[slot] = values[row] ?? Number.NaN;
      });
    }
  }

  columns(): GowerColumn[] {
    return this.#columns
      .filter(({ weight }) => weight > 0)
      .map((column) => ({ ...column, values: column.values.subarray(0, this.size) }));
  }
}

/** Undefined where there is nothing to tell rows apart. */
export function groupRows(sample: GroupSample, plan: TablePlan, seed: number): Groups | undefined {
  if (sample.size < LEAST_ROWS) return undefined;
  const columns = sample.columns();
  const clustering = clusterRows(columns, { seed, ...(plan.cuts === undefined ? {} : { cuts: plan.cuts }) });
  return clustering === undefined ? undefined : { clustering, sample };
}

export interface Groups {
  readonly clustering: Clustering;
  readonly sample: GroupSample;
}

export function clusterSummary({ clustering, sample }: Groups): ClusterSummary {
  const { map, mapped, cuts, best, rows, merges } = clustering;
  const numberOf = (row: number): number => sample.rows[row] ?? 0;
  const points = Array.from(mapped, (row, i) => ({
    row: numberOf(row),
    x: Number((map.x[i] ?? 0).toFixed(4)),
    y: Number((map.y[i] ?? 0).toFixed(4)),
    labels: cuts.map(({ labels }) => labels[row] ?? 0),
  }));
  return {
    rows: clustering.rowCount,
    measured: rows.length,
    best: best?.k ?? 2,
    cuts: cuts.map(({ k, silhouette, clusters }) => ({
      k,
      silhouette,
      clusters: clusters.map(({ label, size, silhouette: width, medoid, influence }) => ({
        label,
        size,
        silhouette: width,
        medoid: numberOf(medoid),
        influence,
      })),
    })),
    map: { stress: map.stress, points },
    tree: upperTree(merges, rows.length),
  };
}

/** The last joins, and what was below them as branches with so many rows. */
function upperTree(merges: Clustering['merges'], n: number): ClusterSummary['tree'] {
  const top = merges.slice(Math.max(0, merges.length - TREE_LEAVES + 1));
  const firstKept = n + merges.length - top.length;
  const leaves: number[] = [];
  const names = new Map<number, number>();
  const sizeOf = (node: number): number => (node < n ? 1 : (merges[node - n]?.size ?? 1));
  const leafOf = (node: number): void => {
    if (node >= firstKept || names.has(node)) return;
    names.set(node, leaves.length);
    leaves.push(sizeOf(node));
  };
  for (const { left, right } of top) {
    leafOf(left);
    leafOf(right);
  }
  const nameOf = (node: number): number => names.get(node) ?? leaves.length + (node - firstKept);
  return {
    leaves,
    joins: top.map(({ left, right, height }) => ({ left: nameOf(left), right: nameOf(right), height })),
  };
}
