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
  /** Room to select among rough squares in. */
  readonly #least: Float32Array;
  /** Rough squares of what may be near enough, and where in the panel it is. */
  readonly #rough: Float32Array;
  readonly #places: Int32Array;
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
    // One more than there are: in a walk, the one that is pushed out.
    const room = index.count + 1;
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
    this.#least = new Float32Array(GROUP * (index.panel?.groups ?? 0));
    this.#rough = new Float32Array(this.#least.length);
    this.#places = new Int32Array(this.#least.length);
  }

  /**
   * @param record scaled values from `at` on.
   * @param excluded a point not to be found, such as the record itself; -1 for none.
   */
  search(record: Float64Array, at: number, excluded = -1): void {
    this.#excluded = excluded;
    const near = this.#measure(record, at);
    if (near === undefined) this.#walk(record, at);
    else {
      sortPairs(this.#squared, this.point, near);
      this.found = this.#cut(Math.min(near, this.#wanted));
    }
    for (let i = 0; i < this.found; i++) this.distance[i] = Math.sqrt(this.#squared[i]);
  }

  /**
   * The mean distance to the nearest rows that are wanted, each point counting for as many as it has and the farthest for the rest; to all where there are not so many.
   * Needs no order among them, which costs more to make than to find them. The sum is exact, of distances rounded to 2^-40 of the largest (to be exact, of the power of two below it), so that
   * it is the same in whatever order they come. What a search had found is lost.
   */
  meanDistance(record: Float64Array, at: number): number {
    this.#excluded = -1;
    let near = this.#measure(record, at);
    if (near === undefined) {
      this.#walk(record, at);
      near = this.found;
    }
    const { counts } = this.#index;
    const { below, rows, square } = selectRows(this.#squared, this.point, near, counts, this.#wanted);
    const farthestOf = Math.sqrt(square);
    const unit = 2 ** (exponentOf(farthestOf) - SUM_BITS);
    if (!(unit > 0)) return farthestOf;
    let sum = 0;
    let counted = 0;
    for (let i = 0; i < below; i++) {
      const weight = counts[this.point[i]];
      counted += weight;
      sum += weight * Math.round(Math.sqrt(this.#squared[i]) / unit);
    }
    sum += (rows - counted) * Math.round(farthestOf / unit);
    return (sum / rows) * unit;
  }

  /** By the tree, or by a look at all: in ascending order. */
  #walk(record: Float64Array, at: number): void {
    this.found = 0;
    this.#rows = 0;
    this.#worst = Number.POSITIVE_INFINITY;
    if (this.#index.tree === undefined) this.#scan(record, at, 0, this.#index.count);
    else this.#descend(this.#index.tree, record, at);
  }

  /**
   * By the panel: leaves behind, in no order, the squares of all points that are among the wanted ones and of hardly any other, and says how many. Undefined where that is not to be had,
   * or the record too far out for it; then nothing was found.
   */
  #measure(record: Float64Array, at: number): number | undefined {
    const { panel, d } = this.#index;
    if (panel === undefined || this.#engine === 'plain') return undefined;
    const excluded = this.#excluded;
    const enough = this.#wanted + (excluded >= 0 ? 1 : 0);
    // Each lane's smallest is a point of its own: so many of them are enough rows, and what is farther than all of these is not wanted. With fewer
    // lanes nothing is known beforehand.
    if (enough > LANES * panel.groups) return undefined;
    const kernel = holdPanel(panel);
    if (kernel === undefined) return undefined;
    const length = measureRough(kernel, record, at);
    if (Number.isNaN(length)) return undefined;
    const { minima, squares: rough } = kernel.rough;
    let limit = roughest(d, farthest(d, this.#enclose(minima, enough), length), length);
    const near = this.#collect(minima, rough, limit);
    if (near > enough + (enough >> 2) + FEW_MORE) {
      // The lanes told little: the rough squares themselves tell nearly all.
      const chosen = this.#least.subarray(0, near);
      chosen.set(this.#rough.subarray(0, near));
      limit = roughest(d, farthest(d, smallest(chosen, enough), length), length);
    }
    return this.#measureExactly(record, at, near, limit);
  }

  /** Points whose rough square is within the limit. */
  #collect(minima: Float32Array, rough: Float32Array, limit: number): number {
    const places = this.#places;
    const squares = this.#rough;
    const { groups = 0, count = 0 } = this.#index.panel ?? {};
    let found = 0;
    for (let group = 0, lane = 0; group < groups; group++) {
      for (let own = 0; own < LANES; own++, lane++) {
        if (minima[lane] > limit) continue;
        for (let k = own, at = GROUP * group + own; k < GROUP; k += LANES, at += LANES) {
          const square = rough[at];
          const place = k * groups + group;
          // Written first and counted if it belongs: a branch would be guessed wrongly each second time.
          places[found] = place;
          squares[found] = square;
          found += +(square <= limit) & +(place < count);
        }
      }
    }
    return found;
  }

  #measureExactly(record: Float64Array, at: number, near: number, limit: number): number {
    const { scaled, order, d } = this.#index;
    const rough = this.#rough;
    const squares = this.#squared;
    const points = this.point;
    let found = 0;
    for (let i = 0; i < near; i++) {
      if (rough[i] > limit) continue;
      const place = this.#places[i];
      const point = order[place];
      if (point === this.#excluded) continue;
      let total = 0;
      for (let j = at, o = place * d, end = at + d; j < end; j++, o++) {
        const a = record[j] - scaled[o];
        total += a * a;
      }
      squares[found] = total;
      points[found++] = point;
    }
    return found;
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
      const all = this.#least.subarray(0, minima.length);
      all.set(minima);
      high = smallest(all, enough);
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

/** The distances to sum up have so many bits: with 2,000 rows at most, sums have 52. */
const SUM_BITS = 40;
/** So many more than are wanted are measured exactly without another thought. */
const FEW_MORE = 8;

const oneDouble = new Float64Array(1);
const doubleBits = new Int32Array(oneDouble.buffer);

/** The power of two in a number, its logarithm rounded down; of 0 and what is nearly so -1023. */
function exponentOf(value: number): number {
  oneDouble[0] = value;
  return ((doubleBits[1] >>> 20) & 0x7ff) - 1023;
}

/** In ascending order of squares, of equal ones the first point first (Shell 1959, gaps of Ciura 2001). */
function sortPairs(squares: Float64Array, points: Int32Array, n: number): void {
  for (const gap of GAPS) {
    for (let i = gap; i < n; i++) {
      const square = squares[i];
      const point = points[i];
      let to = i;
      for (; to >= gap; to -= gap) {
        const before = squares[to - gap];
        if (before < square || (before === square && points[to - gap] < point)) break;
        squares[to] = before;
        points[to] = points[to - gap];
      }
      squares[to] = square;
      points[to] = point;
    }
  }
}

const GAPS = [701, 301, 132, 57, 23, 10, 4, 1];

/** Of points with squares, which are moved about, those that are nearest. */
interface Selected {
  /** So many, the first ones, are nearer than the farthest that is wanted. */
  readonly below: number;
  /** Rows that are wanted; all where there are not so many. */
  readonly rows: number;
  /** Of the farthest that is wanted. */
  readonly square: number;
}

/** Finds the square up to which there are `wanted` rows, by quickselect in which a point weighs as many as it has. */
function selectRows(
  squares: Float64Array,
  points: Int32Array,
  n: number,
  counts: Float64Array,
  wanted: number,
): Selected {
  let low = 0;
  let high = n;
  let before = 0;
  while (low < high) {
    const pivot = squares[(low + high) >> 1];
    // Smaller ones to the front, larger ones to the end (Dijkstra's flag).
    let less = low;
    let more = high;
    let lessRows = 0;
    let equalRows = 0;
    for (let i = low; i < more; ) {
      const square = squares[i];
      const point = points[i];
      if (square < pivot) {
        lessRows += counts[point];
        squares[i] = squares[less];
        points[i++] = points[less];
        squares[less] = square;
        points[less++] = point;
      } else if (square > pivot) {
        squares[i] = squares[--more];
        points[i] = points[more];
        squares[more] = square;
        points[more] = point;
      } else {
        equalRows += counts[point];
        i++;
      }
    }
    if (before + lessRows >= wanted) high = less;
    else if (before + lessRows + equalRows >= wanted) return { below: less, rows: wanted, square: pivot };
    else {
      before += lessRows + equalRows;
      low = more;
    }
  }
  // Fewer than are wanted: the farthest of all is the last, and those that are as far count as below.
  let square = 0;
  for (let i = 0; i < n; i++) square = Math.max(square, squares[i]);
  return { below: n, rows: before, square };
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
