import type { Random } from '../../core/index.ts';

/** No node: the tree is empty, or a place has nobody above it. */
const NONE = -32_768;

/**
 * A robust random cut tree (Guha, Mishra, Roy, Schrijvers: Robust Random Cut Forest Based Anomaly Detection on Streams, ICML 2016) over at most
 * `size` records, into which records are put and from which they are taken one by one; whatever came and went, the tree is distributed as one that
 * is grown on what it holds (theorem 4 there).
 *
 * Inner nodes are 0 .. size - 2, leaf l is -1 - l. Equal records share a leaf and are counted. Every inner node has the bounding box of what is below
 * it; a record goes left when its value <= cut.
 */
export class CutTree {
  readonly size: number;
  readonly width: number;
  root = NONE;
  readonly left: Int16Array;
  readonly right: Int16Array;
  readonly feature: Int16Array;
  readonly cut: Float32Array;
  /** Records of each leaf; 0 where it is not in use. */
  readonly count: Uint16Array;
  readonly points: Float32Array;
  readonly #mass: Uint16Array;
  readonly #parent: Int16Array;
  readonly #leafParent: Int16Array;
  /** Of each inner node: width smallest values, then width largest. */
  readonly #box: Float32Array;
  #freeNodes: number[] = [];
  #freeLeaves: number[] = [];

  constructor(size: number, width: number) {
    this.size = size;
    this.width = width;
    const inner = Math.max(1, size - 1);
    this.left = new Int16Array(inner);
    this.right = new Int16Array(inner);
    this.feature = new Int16Array(inner);
    this.cut = new Float32Array(inner);
    this.count = new Uint16Array(size);
    this.points = new Float32Array(size * width);
    this.#mass = new Uint16Array(inner);
    this.#parent = new Int16Array(inner).fill(NONE);
    this.#leafParent = new Int16Array(size).fill(NONE);
    this.#box = new Float32Array(inner * 2 * width);
    for (let node = inner - 1; node >= 0; node--) this.#freeNodes.push(node);
    for (let leaf = size - 1; leaf >= 0; leaf--) this.#freeLeaves.push(leaf);
  }

  /** Records in the tree. */
  get held(): number {
    return this.root === NONE ? 0 : this.#massOf(this.root);
  }

  /** Puts a record in, of which the values are those of a float32, and says in which leaf. Throws when the tree is full. */
  insert(record: Float64Array, random: Random): number {
    if (this.held >= this.size) throw new Error('a cut tree is full');
    if (this.root === NONE) {
      const leaf = this.#newLeaf(record);
      this.root = -1 - leaf;
      return leaf;
    }
    const { width } = this;
    for (let at = this.root; ; ) {
      let total = 0;
      for (let j = 0; j < width; j++)
        total += Math.max(this.#high(at, j), record[j]) - Math.min(this.#low(at, j), record[j]);
      if (at < 0 && this.#equals(-1 - at, record)) {
        const leaf = -1 - at;
        this.count[leaf]++;
        for (let up = this.#leafParent[leaf]; up !== NONE; up = this.#parent[up]) {
          this.#mass[up]++;
        }
        return leaf;
      }
      let r = random.float() * total;
      let j = -1;
      let cut = 0;
      for (let k = 0; k < width; k++) {
        const low = Math.min(this.#low(at, k), record[k]);
        const length = Math.max(this.#high(at, k), record[k]) - low;
        if (length === 0) continue;
        // The last one that has a length takes what rounding leaves over.
        j = k;
        cut = Math.fround(low + Math.min(r, length));
        if (r < length) break;
        r -= length;
      }
      const low = this.#low(at, j);
      const high = this.#high(at, j);
      if (record[j] < low && (cut < low || at < 0)) {
        // Rounding may take the cut below the record itself, or up to what it is to be cut from.
        return this.#branch(at, record, j, cut >= record[j] && cut < low ? cut : record[j], true);
      }
      if (record[j] > high && cut >= high) {
        return this.#branch(at, record, j, cut < record[j] ? cut : high, false);
      }
      at = record[this.feature[at]] <= this.cut[at] ? this.left[at] : this.right[at];
    }
  }

  /** Takes one record out of a leaf that has one. */
  remove(leaf: number): void {
    const parent = this.#leafParent[leaf];
    if (this.count[leaf] === 0) throw new Error('a cut tree has no such record');
    this.count[leaf]--;
    if (this.count[leaf] > 0) {
      for (let up = parent; up !== NONE; up = this.#parent[up]) this.#mass[up]--;
      return;
    }
    this.#freeLeaves.push(leaf);
    this.points.fill(0, leaf * this.width, (leaf + 1) * this.width);
    this.#leafParent[leaf] = NONE;
    if (parent === NONE) {
      this.root = NONE;
      return;
    }
    const sibling = this.left[parent] === -1 - leaf ? this.right[parent] : this.left[parent];
    const above = this.#parent[parent];
    this.#replace(above, parent, sibling);
    this.#clearNode(parent);
    for (let up = above; up !== NONE; up = this.#parent[up]) {
      this.#mass[up]--;
      this.#measure(up);
    }
  }

  /**
   * The displacement that the record would cause, in the mean over the places where it could be put: collusive displacement of the paper, the largest
   * over all its ancestors of how many records would move up for each that goes with it. Exact, without putting it in.
   * @param shares where given, what each feature's cut is answerable for is added; they add up to the result.
   */
  displacement(record: Float64Array, shares?: Float64Array): number {
    if (this.root === NONE) return 0;
    const { width } = this;
    let reach = 1;
    let most = 0;
    let by = -1;
    let total = 0;
    for (let at = this.root; ; ) {
      const mass = this.#massOf(at);
      let length = 0;
      let beyond = 0;
      for (let j = 0; j < width; j++) {
        const low = this.#low(at, j);
        const high = this.#high(at, j);
        const v = record[j];
        length += Math.max(high, v) - Math.min(low, v);
        beyond += v > high ? v - high : v < low ? low - v : 0;
      }
      if (beyond > 0) {
        // Cut off right here, from all that is below: with it goes nobody.
        const chance = at < 0 ? 1 : beyond / length;
        const value = Math.max(mass, most);
        total += reach * chance * value;
        if (shares !== undefined) {
          if (most >= mass && by >= 0) shares[by] += reach * chance * most;
          else
            for (let j = 0; j < width; j++) {
              const v = record[j];
              const own =
                v > this.#high(at, j) ? v - this.#high(at, j) : v < this.#low(at, j) ? this.#low(at, j) - v : 0;
              if (own > 0) shares[j] += (reach * chance * mass * own) / beyond;
            }
        }
        reach *= 1 - chance;
      } else if (at < 0) {
        total += reach * most;
        if (shares !== undefined && by >= 0) shares[by] += reach * most;
        return total;
      }
      if (at < 0 || reach <= 0) return total;
      const goesLeft = record[this.feature[at]] <= this.cut[at];
      const next = goesLeft ? this.left[at] : this.right[at];
      const sibling = this.#massOf(goesLeft ? this.right[at] : this.left[at]);
      const moved = sibling / (this.#massOf(next) + 1);
      if (moved > most) {
        most = moved;
        by = this.feature[at];
      }
      at = next;
    }
  }

  /** Collusive displacement of a record that is in the tree. */
  displacementOf(leaf: number): number {
    let most = 0;
    for (let at = -1 - leaf, up = this.#leafParent[leaf]; up !== NONE; at = up, up = this.#parent[up]) {
      const sibling = this.left[up] === at ? this.right[up] : this.left[up];
      most = Math.max(most, this.#massOf(sibling) / this.#massOf(at));
    }
    return most;
  }

  copy(): CutTree {
    const other = new CutTree(this.size, this.width);
    other.left.set(this.left);
    other.right.set(this.right);
    other.feature.set(this.feature);
    other.cut.set(this.cut);
    other.count.set(this.count);
    other.points.set(this.points);
    other.root = this.root;
    if (!other.complete()) throw new Error('a cut tree does not hold together');
    return other;
  }

  /**
   * Works out masses, parents and boxes from root, children, counts and points; false where those do not make a tree: a child that is not there or
   * comes twice, a leaf without records, a record on the wrong side of a cut.
   */
  complete(): boolean {
    const { width, size } = this;
    const inner = this.left.length;
    this.#freeNodes = [];
    this.#freeLeaves = [];
    const usedNodes = new Uint8Array(inner);
    const usedLeaves = new Uint8Array(size);
    this.#parent.fill(NONE);
    this.#leafParent.fill(NONE);
    this.#mass.fill(0);
    if (this.root !== NONE) {
      const order: number[] = [];
      const pending = [this.root];
      for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
        if (at < 0) {
          const leaf = -1 - at;
          if (leaf >= size || usedLeaves[leaf] === 1 || this.count[leaf] === 0) return false;
          usedLeaves[leaf] = 1;
          continue;
        }
        if (at >= inner || usedNodes[at] === 1 || this.feature[at] < 0 || this.feature[at] >= width) return false;
        usedNodes[at] = 1;
        order.push(at);
        for (const child of [this.left[at], this.right[at]]) {
          if (child >= inner || -1 - child >= size) return false;
          this.#setParent(child, at);
          pending.push(child);
        }
      }
      for (let k = order.length - 1; k >= 0; k--) {
        const node = order[k];
        const mass = this.#massOf(this.left[node]) + this.#massOf(this.right[node]);
        if (mass > size) return false;
        this.#mass[node] = mass;
        this.#measure(node);
        const j = this.feature[node];
        if (!(this.#high(this.left[node], j) <= this.cut[node] && this.#low(this.right[node], j) > this.cut[node]))
          return false;
      }
    }
    for (let node = inner - 1; node >= 0; node--) if (usedNodes[node] === 0) this.#clearNode(node);
    for (let leaf = size - 1; leaf >= 0; leaf--) {
      if (usedLeaves[leaf] === 1) continue;
      if (this.count[leaf] !== 0) return false;
      this.#freeLeaves.push(leaf);
    }
    return this.held <= size;
  }

  #massOf(at: number): number {
    return at < 0 ? this.count[-1 - at] : this.#mass[at];
  }

  #low(at: number, j: number): number {
    return at < 0 ? this.points[(-1 - at) * this.width + j] : this.#box[2 * at * this.width + j];
  }

  #high(at: number, j: number): number {
    return at < 0 ? this.points[(-1 - at) * this.width + j] : this.#box[(2 * at + 1) * this.width + j];
  }

  #equals(leaf: number, record: Float64Array): boolean {
    for (let j = 0, o = leaf * this.width; j < this.width; j++, o++) if (this.points[o] !== record[j]) return false;
    return true;
  }

  #newLeaf(record: Float64Array): number {
    const leaf = this.#freeLeaves.pop() ?? 0;
    this.count[leaf] = 1;
    this.points.set(record, leaf * this.width);
    return leaf;
  }

  /** A new leaf and what was at `at` under a new node, in the place where that was. */
  #branch(at: number, record: Float64Array, feature: number, cut: number, toLeft: boolean): number {
    const leaf = this.#newLeaf(record);
    const node = this.#freeNodes.pop() ?? 0;
    const above = at < 0 ? this.#leafParent[-1 - at] : this.#parent[at];
    this.#replace(above, at, node);
    this.feature[node] = feature;
    this.cut[node] = cut;
    this.left[node] = toLeft ? -1 - leaf : at;
    this.right[node] = toLeft ? at : -1 - leaf;
    this.#setParent(at, node);
    this.#leafParent[leaf] = node;
    this.#mass[node] = this.#massOf(at) + 1;
    this.#measure(node);
    for (let up = above; up !== NONE; up = this.#parent[up]) {
      this.#mass[up]++;
      for (let j = 0; j < this.width; j++) {
        const o = 2 * up * this.width + j;
        if (record[j] < this.#box[o]) this.#box[o] = record[j];
        if (record[j] > this.#box[o + this.width]) this.#box[o + this.width] = record[j];
      }
    }
    return leaf;
  }

  /** Puts `now` where `before` is below `above`, or at the root. */
  #replace(above: number, before: number, now: number): void {
    if (above === NONE) this.root = now;
    else if (this.left[above] === before) this.left[above] = now;
    else this.right[above] = now;
    this.#setParent(now, above);
  }

  #setParent(at: number, above: number): void {
    if (at < 0) this.#leafParent[-1 - at] = above;
    else this.#parent[at] = above;
  }

  /** The box of a node from those of its children. */
  #measure(node: number): void {
    const { width } = this;
    const a = this.left[node];
    const b = this.right[node];
    for (let j = 0, o = 2 * node * width; j < width; j++, o++) {
      this.#box[o] = Math.min(this.#low(a, j), this.#low(b, j));
      this.#box[o + width] = Math.max(this.#high(a, j), this.#high(b, j));
    }
  }

  #clearNode(node: number): void {
    this.#freeNodes.push(node);
    this.left[node] = 0;
    this.right[node] = 0;
    this.feature[node] = 0;
    this.cut[node] = 0;
    this.#mass[node] = 0;
    this.#parent[node] = NONE;
  }
}
