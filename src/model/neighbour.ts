import { damaged, type LoadedModel, type Tensor, takeTensor } from './file.ts';
import {
  applyScales,
  checkFinite,
  type FitInput,
  type Footing,
  gatherRow,
  learnScales,
  loadScales,
  type Scales,
  sampleRows,
  scaleTensors,
} from './fit.ts';
import {
  farthest,
  GROUP,
  holdPanel,
  LANES,
  layPanel,
  measureNearest,
  measureRough,
  type Panel,
  roughest,
} from './near.ts';

/**
 * The fitted points and exact search of the nearest among them, for models that go by distance (Euclidean).
 *
 * **Duplicates.** Rows that are the same are one point with a count. A search that is asked for so many rows counts them all; one for so many points
 * counts each once. Network data repeats itself, and a search that spends its time on copies of one point learns nothing.
 *
 * **Search.** From 4 features on up to 8,192 points are all measured, roughly, by a loop that takes four at a time (near.ts), and those that may be near enough exactly.
 * With more points, or where that loop is not to be had: up to 16 features a k-d tree (Bentley 1975; Friedman, Bentley, Finkel 1977): points sorted into leaves of about 32 by halving at the
 * median of the widest feature, so that a leaf is one run of memory; a branch is left out when its box is farther than the worst neighbour
 * so far. With more features boxes stop telling near from far and the tree would visit nearly every leaf, so all points are scanned. Four are
 * scanned side by side: leaving one as soon as it is too far costs more than it saves. Both give the same neighbours: of equally distant ones the first in the order of points.
 */
export interface Points {
  readonly scales: Scales;
  /** Row-major, as they were read, in the order of first appearance among the sampled rows. */
  readonly values: Float32Array;
  /** Rows that each point stands for. */
  readonly counts: Float64Array;
}

/** Points with their index. */
export interface PointIndex extends Points {
  readonly count: number;
  readonly d: number;
  /** Rows that all points stand for. */
  readonly rowCount: number;
  /** Scaled, in the order of the leaves. */
  readonly scaled: Float64Array;
  /** The point at each place of `scaled`. */
  readonly order: Int32Array;
  /** The place in `scaled` of each point. */
  readonly place: Int32Array;
  readonly tree: Tree | undefined;
  readonly panel: Panel | undefined;
}

/** A heap: node i has the children 2i + 1 and 2i + 2; the last `leaves` nodes are leaves. */
interface Tree {
  readonly inner: number;
  readonly feature: Int32Array;
  readonly threshold: Float64Array;
  /** The places in `scaled` of each leaf, one more than there are leaves. */
  readonly from: Int32Array;
}

const TREE_FEATURES = 16;
const LEAF_POINTS = 32;
/** Fewer points are measured exactly at once. */
const PANEL_POINTS = 64;
/** With more points, or fewer features, a tree passes over most of them. */
const TREE_POINTS = 8192;
const PANEL_FEATURES = 4;
const MOST_GUESSES = 8;

/** Draws at most `members` of the rows, merges those that are the same, and learns scales from all rows. */
export function learnPoints({ source, rows, statistics, random }: FitInput, members: number, footing: Footing): Points {
  const d = source.columns.length;
  const sample = sampleRows(rows, members, random);
  const n = sample.length;
  const values = new Float32Array(n * d);
  const counts = new Float64Array(n);
  // Open addressing over twice as many places; -1 is free.
  const places = 2 ** Math.ceil(Math.log2(2 * n + 1));
  const table = new Int32Array(places).fill(-1);
  const bits = new Int32Array(values.buffer);
  let points = 0;
  for (let i = 0; i < n; i++) {
    const o = points * d;
    gatherRow(source, sample[i], statistics, values, o);
    let hash = 0x811c9dc5;
    for (let j = 0; j < d; j++) {
      // -0 and 0 are the same number.
      if (values[o + j] === 0) values[o + j] = 0;
      hash = Math.imul(hash ^ bits[o + j], 0x01000193);
      hash ^= hash >>> 15;
    }
    let place = hash & (places - 1);
    for (; ; place = (place + 1) & (places - 1)) {
      const other = table[place];
      if (other === -1) {
        table[place] = points;
        counts[points++] = 1;
        break;
      }
      let j = 0;
      while (j < d && bits[other * d + j] === bits[o + j]) j++;
      if (j === d) {
        counts[other]++;
        break;
      }
    }
  }
  return {
    scales: learnScales(footing, source, rows, statistics),
    values: values.slice(0, points * d),
    counts: counts.slice(0, points),
  };
}

/** Scales the points and builds the index. */
export function indexPoints(points: Points): PointIndex {
  const { scales, values, counts } = points;
  const d = scales.centre.length;
  const count = counts.length;
  const plain = Float64Array.from(values);
  applyScales(scales, plain, 0, count);
  const order = Int32Array.from({ length: count }, (_, i) => i);
  const tree = d <= TREE_FEATURES && count > 2 * LEAF_POINTS ? growTree(plain, d, order) : undefined;
  const scaled = new Float64Array(count * d);
  for (let i = 0; i < count; i++) scaled.set(plain.subarray(order[i] * d, (order[i] + 1) * d), i * d);
  const place = new Int32Array(count);
  for (let i = 0; i < count; i++) place[order[i]] = i;
  const isMany = tree !== undefined && (d < PANEL_FEATURES || count > TREE_POINTS);
  const panel = count >= PANEL_POINTS && !isMany ? layPanel(scaled, d) : undefined;
  return { ...points, count, d, rowCount: counts.reduce((a, b) => a + b, 0), scaled, order, place, tree, panel };
}

function growTree(plain: Float64Array, d: number, order: Int32Array): Tree {
  const depth = Math.max(1, Math.ceil(Math.log2(order.length / LEAF_POINTS)));
  const inner = 2 ** depth - 1;
  const feature = new Int32Array(inner);
  const threshold = new Float64Array(inner);
  const from = new Int32Array(inner + 2);
  const grow = (node: number, low: number, high: number): void => {
    if (node >= inner) {
      from[node - inner] = low;
      from[node - inner + 1] = high;
      return;
    }
    let widest = -1;
    for (let j = 0; j < d; j++) {
      let min = Number.POSITIVE_INFINITY;
      let max = Number.NEGATIVE_INFINITY;
      for (let i = low; i < high; i++) {
        const v = plain[order[i] * d + j];
        if (v < min) min = v;
        if (v > max) max = v;
      }
      if (max - min > widest) {
        widest = max - min;
        feature[node] = j;
      }
    }
    const middle = (low + high) >> 1;
    const j = feature[node];
    const part = order.subarray(low, high);
    part.sort((a, b) => plain[a * d + j] - plain[b * d + j] || a - b);
    // Between the two halves; a value on the threshold may be on either side, and the bound to both is then 0.
    threshold[node] = middle < high ? plain[order[middle] * d + j] : 0;
    grow(2 * node + 1, low, middle);
    grow(2 * node + 2, middle, high);
  };
  grow(0, 0, order.length);
  return { inner, feature, threshold, from };
}

/**
 * Finds the nearest points of one record. One searcher is made for a run of queries: what it found is overwritten by the next.
 * Neighbours are in ascending order of distance, of equally distant ones the first point first.
 */
export class Searcher {
  /** Points found. */
  found = 0;
  readonly distance: Float64Array;
  readonly point: Int32Array;
  readonly #index: PointIndex;
  readonly #wanted: number;
  readonly #weighted: boolean;
  readonly #squared: Float64Array;
  readonly #bounds: Float64Array;
  readonly #nodes: Int32Array;
  readonly #offsets: Float64Array;
  readonly #current: Float64Array;
  readonly #engine: 'auto' | 'plain';
  #guess = 1;
  /** Room for the panel's minima. */
  readonly #least: Float32Array;
  /** Rows among what was found. */
  #rows = 0;
  /** Squared distance above which nothing can enter. */
  #worst = Number.POSITIVE_INFINITY;
  #excluded = -1;

  /**
   * @param wanted at least 1: rows, each point counting for as many as it has (`weighted`), or points.
   * @param engine 'plain' does without the rough loop; what is found is the same.
   */
  constructor(index: PointIndex, wanted: number, weighted: boolean, engine: 'auto' | 'plain' = 'auto') {
    // One more than can be needed: the one that is pushed out.
    const room = Math.min(wanted, index.count) + 1;
    this.distance = new Float64Array(room);
    this.point = new Int32Array(room);
    this.#squared = new Float64Array(room);
    this.#index = index;
    this.#wanted = wanted;
    this.#weighted = weighted;
    const depth = index.tree === undefined ? 1 : Math.log2(index.tree.inner + 1) + 2;
    this.#nodes = new Int32Array(depth);
    this.#bounds = new Float64Array(depth);
    this.#offsets = new Float64Array(depth * index.d);
    this.#current = new Float64Array(index.d);
    this.#engine = engine;
    this.#least = new Float32Array(LANES * (index.panel?.groups ?? 0));
  }

  /**
   * @param record scaled values from `at` on.
   * @param excluded a point not to be found, such as the record itself; -1 for none.
   */
  search(record: Float64Array, at: number, excluded = -1): void {
    this.found = 0;
    this.#rows = 0;
    this.#worst = Number.POSITIVE_INFINITY;
    this.#excluded = excluded;
    if (this.#measure(record, at)) {
      // Found.
    } else if (this.#index.tree === undefined) this.#scan(record, at, 0, this.#index.count);
    else this.#descend(this.#index.tree, record, at);
    for (let i = 0; i < this.found; i++) this.distance[i] = Math.sqrt(this.#squared[i]);
  }

  /** By the panel. False where that is not to be had, or the record too far out for it; then nothing was found. */
  #measure(record: Float64Array, at: number): boolean {
    const { panel, d } = this.#index;
    if (panel === undefined || this.#engine === 'plain') return false;
    const excluded = this.#excluded;
    const enough = this.#wanted + (excluded >= 0 ? 1 : 0);
    // Each lane's smallest is a point of its own: so many of them are enough rows, and what is farther than all of these is not wanted. With fewer
    // lanes nothing is known beforehand.
    if (enough > LANES * panel.groups) return false;
    const kernel = holdPanel(panel);
    if (kernel === undefined) return false;
    const length = measureRough(kernel, record, at);
    if (Number.isNaN(length)) return false;
    const { minima, squares: rough } = kernel.rough;
    const bound = farthest(d, this.#enclose(minima, enough), length);
    let worst = bound * bound;
    const limit = roughest(d, bound, length);
    const { scaled, order } = this.#index;
    const { groups, count } = panel;
    const most = this.#wanted;
    const squares = this.#squared;
    const points = this.point;
    let found = 0;
    for (let lane = 0; lane < minima.length; lane++) {
      if (minima[lane] > limit) continue;
      const group = Math.floor(lane / LANES);
      for (let k = lane & (LANES - 1); k < GROUP; k += LANES) {
        if (rough[GROUP * group + k] > limit) continue;
        const place = k * groups + group;
        if (place >= count) continue;
        let total = 0;
        for (let j = at, o = place * d, end = at + d; j < end; j++, o++) {
          const a = record[j] - scaled[o];
          total += a * a;
        }
        const point = order[place];
        if (total > worst || point === excluded) continue;
        // In ascending order, of equally far ones the first point first.
        let to = found;
        for (; to > 0 && (squares[to - 1] > total || (squares[to - 1] === total && points[to - 1] > point)); to--) {
          squares[to] = squares[to - 1];
          points[to] = points[to - 1];
        }
        squares[to] = total;
        points[to] = point;
        // So many points are always rows enough.
        if (found < most) found++;
        if (found === most) worst = squares[most - 1];
      }
    }
    this.found = this.#cut(found);
    return true;
  }

  /**
   * A value that at least `enough` of the minima do not exceed, and not many more. The one of the record before is a good guess: a few counts, each
   * without a branch that nobody can predict, take a tenth of the time of selecting.
   */
  #enclose(minima: Float32Array, enough: number): number {
    if (enough === 1) {
      let least = minima[0];
      for (let lane = 1; lane < minima.length; lane++) if (minima[lane] < least) least = minima[lane];
      return least;
    }
    let low = 0;
    let high = Number.POSITIVE_INFINITY;
    let guess = this.#guess;
    for (let attempt = 0; attempt < MOST_GUESSES; attempt++) {
      let within = 0;
      for (let lane = 0; lane < minima.length; lane++) within += +(minima[lane] <= guess);
      if (within < enough) low = guess;
      else {
        high = guess;
        if (within <= enough + (enough >> 2) + 1) break;
      }
      guess = high === Number.POSITIVE_INFINITY ? 2 * low : low === 0 ? high / 2 : Math.sqrt(low * high);
    }
    if (high === Number.POSITIVE_INFINITY || !(high > 0)) {
      this.#least.set(minima);
      high = smallest(this.#least, enough);
    }
    if (high > 0 && high < Number.POSITIVE_INFINITY) this.#guess = high;
    return high;
  }

  /** How many of the points found, in ascending order, are rows enough. */
  #cut(found: number): number {
    if (!this.#weighted) return found;
    const { counts } = this.#index;
    let rows = 0;
    for (let i = 0; i < found; i++) {
      rows += counts[this.point[i]];
      if (rows >= this.#wanted) return i + 1;
    }
    return found;
  }

  #descend(tree: Tree, record: Float64Array, at: number): void {
    const { inner, feature, threshold, from } = tree;
    const { d } = this.#index;
    const nodes = this.#nodes;
    const bounds = this.#bounds;
    const offsets = this.#offsets;
    const current = this.#current;
    // A stack of branches not taken yet, each with its squared distance and its distance in each feature (Arya, Mount 1993). At most one for each
    // level; the nearest are looked at first, as they were put there last.
    let top = 0;
    nodes[0] = 0;
    bounds[0] = 0;
    offsets.fill(0, 0, d);
    while (top >= 0) {
      const own = top * d;
      if (bounds[top] > this.#worst) {
        top--;
        continue;
      }
      let node = nodes[top--];
      for (let k = 0; k < d; k++) current[k] = offsets[own + k];
      while (node < inner) {
        const j = feature[node];
        const delta = record[at + j] - threshold[node];
        const left = 2 * node + 1;
        const near = delta < 0 ? left : left + 1;
        // Summed anew: differences of squares would lose what is near.
        let bound = delta * delta;
        for (let k = 0; k < d; k++) if (k !== j) bound += current[k] * current[k];
        // A sum in another order may be larger by its rounding than that of a point on the border.
        bound *= 1 - 1e-12;
        if (bound <= this.#worst) {
          top++;
          nodes[top] = near === left ? left + 1 : left;
          bounds[top] = bound;
          const to = top * d;
          for (let k = 0; k < d; k++) offsets[to + k] = current[k];
          offsets[to + j] = delta;
        }
        node = near;
      }
      this.#scan(record, at, from[node - inner], from[node - inner + 1]);
    }
  }

  #scan(record: Float64Array, at: number, from: number, to: number): void {
    const { scaled, order, d } = this.#index;
    let worst = this.#worst;
    let i = from;
    // Four points side by side: each sum waits for itself alone.
    for (; i + 4 <= to; i += 4) {
      let o = i * d;
      let p = o + d;
      let q = p + d;
      let r = q + d;
      let a = 0;
      let b = 0;
      let c = 0;
      let e = 0;
      for (let j = at, end = at + d; j < end; j++) {
        const v = record[j];
        const da = v - scaled[o++];
        const db = v - scaled[p++];
        const dc = v - scaled[q++];
        const de = v - scaled[r++];
        a += da * da;
        b += db * db;
        c += dc * dc;
        e += de * de;
      }
      if (a <= worst) {
        this.#offer(order[i], a);
        worst = this.#worst;
      }
      if (b <= worst) {
        this.#offer(order[i + 1], b);
        worst = this.#worst;
      }
      if (c <= worst) {
        this.#offer(order[i + 2], c);
        worst = this.#worst;
      }
      if (e <= worst) {
        this.#offer(order[i + 3], e);
        worst = this.#worst;
      }
    }
    for (let o = i * d; i < to; i++) {
      let total = 0;
      for (let j = at, end = at + d; j < end; j++, o++) {
        const a = record[j] - scaled[o];
        total += a * a;
      }
      if (total <= worst) {
        this.#offer(order[i], total);
        worst = this.#worst;
      }
    }
  }

  #offer(point: number, squared: number): void {
    if (point === this.#excluded) return;
    const wanted = this.#wanted;
    const { counts } = this.#index;
    const squares = this.#squared;
    const points = this.point;
    let place = this.found;
    // Equally far and full: the one that comes first in the order of points is the neighbour.
    while (
      place > 0 &&
      (squares[place - 1] > squared || (squares[place - 1] === squared && points[place - 1] > point))
    ) {
      squares[place] = squares[place - 1];
      points[place] = points[place - 1];
      place--;
    }
    squares[place] = squared;
    points[place] = point;
    this.found++;
    this.#rows += this.#weighted ? counts[point] : 1;
    // The last is not needed when those before it are rows enough.
    for (;;) {
      const last = this.#weighted ? counts[points[this.found - 1]] : 1;
      if (this.#rows - last < wanted) break;
      this.#rows -= last;
      this.found--;
    }
    if (this.#rows >= wanted) this.#worst = squares[this.found - 1];
  }
}

/**
 * The distance from each of `count` records to its nearest point, as a `Searcher` for one finds it; `into[to]` is that of the first.
 * @param records scaled values, which begin at `at`.
 * @param engine 'plain' does without the rough loop; what is found is the same.
 */
export function nearestDistances(
  index: PointIndex,
  records: Float64Array,
  at: number,
  count: number,
  into: Float64Array,
  to: number,
  engine: 'auto' | 'plain' = 'auto',
): void {
  const { panel, d } = index;
  const isMeasured = engine === 'auto' && panel !== undefined && measureNearest(panel, records, at, count, into, to);
  let searcher: Searcher | undefined;
  for (let i = 0; i < count; i++) {
    if (isMeasured && !Number.isNaN(into[to + i])) into[to + i] = Math.sqrt(into[to + i]);
    else {
      searcher ??= new Searcher(index, 1, false, engine);
      searcher.search(records, at + i * d);
      into[to + i] = searcher.distance[0];
    }
  }
}

/** The k-th smallest of some numbers, which are moved about (Hoare 1961, quickselect). @param k 1 .. values.length */
function smallest(values: Float32Array, k: number): number {
  let low = 0;
  let high = values.length - 1;
  const wanted = k - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      const v = values[i];
      values[i++] = values[j];
      values[j--] = v;
    }
    if (wanted <= j) high = j;
    else if (wanted >= i) low = i;
    else break;
  }
  return values[wanted];
}

/** The greatest number of points that are kept. */
export const MAX_MEMBERS = 100_000;

/** Arrays of a model file. */
export function pointTensors({ scales, values, counts }: Points): Tensor[] {
  const d = scales.centre.length;
  return [
    ...scaleTensors(scales),
    { name: 'point.count', shape: [counts.length], data: counts },
    { name: 'point.value', shape: [counts.length, d], data: values },
  ];
}

/** Throws a `ModelError` for arrays that are not points with scales. */
export function loadPoints(file: LoadedModel, points: number): Points {
  const d = file.featureNames.length;
  const scales = loadScales(file);
  const counts = takeTensor(file.tensors, 'point.count', 'F64', [points]);
  const values = takeTensor(file.tensors, 'point.value', 'F32', [points, d]);
  checkFinite(values, 'its points');
  if (counts.some((count) => !Number.isInteger(count) || count < 1 || count > file.training.fittedRows)) {
    throw damaged('its counts of points are not whole numbers above 0');
  }
  return { scales, values, counts };
}
