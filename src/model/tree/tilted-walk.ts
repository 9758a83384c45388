import {
  type Assembled,
  access,
  assemble,
  constant,
  get,
  I32,
  NO_RESULT,
  op,
  type Routine,
  reserve,
  set,
} from '../assembler.ts';

/**
 * The trees of an extended isolation forest as the walk reads them: as many steps for every record, each of which may branch only on the result of its
 * cut. A cut that combines fewer features has a weight of 0 on feature 0 for the rest; a leaf higher up sends every record left, down to the length.
 */
export interface TiltedForest {
  readonly treeCount: number;
  /** Steps from the root to a length. */
  readonly depth: number;
  /** Features in each cut. */
  readonly combined: number;
  readonly featureCount: number;
  /** Trees x (2^depth - 1) x combined. */
  readonly feature: Int32Array;
  /** Same shape. */
  readonly weight: Float64Array;
  /** A record goes right when its weighted sum is above. Infinity where there is no cut. Trees x (2^depth - 1). */
  readonly threshold: Float64Array;
  /** Path lengths at the lowest level. Trees x 2^depth. */
  readonly length: Float64Array;
}

/** Larger forests are walked by the plain loop, so that what the assembled one holds stays small beside the model. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Below this many records it does not pay to bring another forest into the loop's memory. */
const FEW_RECORDS = 16;
const LANES = 8;

/**
 * Adds the path lengths of `count` records to `into`, tree by tree, so that a record's sum is the same whatever records are beside it.
 *
 * As in the walk of the plain forest trees are outside and records inside, and the loop is assembled: eight records side by side, so that while one waits
 * for its sum the others move, and which child comes next is arithmetic, because which side it is nobody can predict.
 */
export function walkTilted(
  forest: TiltedForest,
  block: Float64Array,
  count: number,
  into: Float64Array,
  at: number,
  engine: 'auto' | 'plain' = 'auto',
): void {
  const kernel = engine === 'auto' ? kernelFor(forest, count) : undefined;
  if (kernel === undefined) walkPlain(forest, block, count, into, at);
  else walkAssembled(kernel, forest, block, count, into, at);
}

function walkPlain(forest: TiltedForest, block: Float64Array, count: number, into: Float64Array, at: number): void {
  const { treeCount, depth, combined, featureCount: d, feature, weight, threshold, length } = forest;
  const inner = 2 ** depth - 1;
  for (let tree = 0; tree < treeCount; tree++) {
    // Node 1 is the root here, the children of i are 2i and 2i+1.
    const cuts = tree * inner - 1;
    const ends = (tree - 1) * 2 ** depth;
    for (let i = 0; i < count; i++) {
      const o = i * d;
      let node = 1;
      for (let level = 0; level < depth; level++) {
        const cut = cuts + node;
        let side = 0;
        for (let k = cut * combined, end = k + combined; k < end; k++) side += weight[k] * block[o + feature[k]];
        node = 2 * node + +(side > threshold[cut]);
      }
      into[at + i] += length[ends + node];
    }
  }
}

/**
 * A tree in memory: 2^depth nodes, the root in place 1, the children of i in 2i and 2i+1; each {float64 threshold, float64 weight of each feature, int32 byte
 * offset of each feature's column in the block}, filled up to a multiple of 8 bytes. Behind them 2^depth float64 path lengths.
 */
const nodeBytes = (combined: number): number => 8 * Math.ceil((8 + 12 * combined) / 8);
const treeBytes = ({ depth, combined }: TiltedForest): number => 2 ** depth * (nodeBytes(combined) + 8);

/** Rows in a block, as many as `rawScoresOf` gathers and a multiple of the lanes: a column of the block is this many float64. */
const blockRowsFor = (d: number): number => Math.max(LANES, Math.min(256, LANES * Math.floor(4096 / d / LANES)));

interface TiltedKernel extends Assembled {
  /** The forest in the memory: trees change seldom, blocks all the time. */
  held: TiltedForest | undefined;
}

/** One for each depth and number of features in a cut that came up, with one forest each, shared by all forests of that shape. */
const kernels = new Map<string, TiltedKernel | undefined>();

function kernelFor(forest: TiltedForest, count: number): TiltedKernel | undefined {
  const { depth, combined, treeCount } = forest;
  if (treeCount * treeBytes(forest) > MOST_BYTES) return undefined;
  const shape = `${depth} ${combined}`;
  if (!kernels.has(shape)) {
    const made = assemble(routineFor(depth, combined));
    kernels.set(shape, made === undefined ? undefined : { ...made, held: undefined });
  }
  const kernel = kernels.get(shape);
  return kernel?.held !== forest && count < FEW_RECORDS ? undefined : kernel;
}

function walkAssembled(
  kernel: TiltedKernel,
  forest: TiltedForest,
  block: Float64Array,
  count: number,
  into: Float64Array,
  at: number,
): void {
  const { treeCount, featureCount: d } = forest;
  const blockRows = blockRowsFor(d);
  const size = treeBytes(forest);
  const blockAt = treeCount * size;
  const sumsAt = blockAt + blockRows * d * 8;
  reserve(kernel, sumsAt + blockRows * 8);
  const { memory, run } = kernel;
  if (kernel.held !== forest) {
    layOut(forest, blockRows, memory.buffer);
    kernel.held = forest;
  }
  const columns = new Float64Array(memory.buffer, blockAt, blockRows * d);
  const sums = new Float64Array(memory.buffer, sumsAt, blockRows);
  for (let from = 0; from < count; from += blockRows) {
    const rows = Math.min(blockRows, count - from);
    for (let i = 0, o = from * d; i < rows; i++)
      for (let j = 0, to = i; j < d; j++, o++, to += blockRows) columns[to] = block[o];
    sums.fill(0);
    // Lanes beyond the last row walk on whatever the block held: any value leads to some leaf, and the sum is not read.
    const end = blockAt + Math.ceil(rows / LANES) * LANES * 8;
    for (let tree = 0; tree < treeCount; tree++) run(blockAt, end, sumsAt, tree * size);
    for (let i = 0; i < rows; i++) into[at + from + i] += sums[i];
  }
}

function layOut(forest: TiltedForest, blockRows: number, buffer: ArrayBuffer): void {
  const { treeCount, depth, combined, feature, weight, threshold, length } = forest;
  const numbers = new Float64Array(buffer);
  const offsets = new Int32Array(buffer);
  const nodes = 2 ** depth;
  const step = nodeBytes(combined) / 8;
  const size = treeBytes(forest) / 8;
  for (let tree = 0; tree < treeCount; tree++) {
    for (let node = 1; node < nodes; node++) {
      const cut = tree * (nodes - 1) + node - 1;
      const to = tree * size + node * step;
      numbers[to] = threshold[cut];
      for (let k = 0; k < combined; k++) {
        numbers[to + 1 + k] = weight[cut * combined + k];
        offsets[2 * (to + 1 + combined) + k] = feature[cut * combined + k] * blockRows * 8;
      }
    }
    numbers.set(length.subarray(tree * nodes, (tree + 1) * nodes), tree * size + nodes * step);
  }
}

/**
 * Parameters: address of the block, address behind its last row's first column, address of the sums, address of the tree.
 * A node's place is kept as its address p = tree + bytes * number, so that a child's is 2p + (bytes or 0) - tree.
 */
function routineFor(depth: number, combined: number): Routine {
  const [rows, end, sums, tree, right, left, level] = [0, 1, 2, 3, 4, 5, 6];
  const place = (lane: number): number => 7 + lane;
  const bytes = nodeBytes(combined);
  const body: number[] = [
    ...[...constant(0), ...get(tree), op.i32Subtract, ...set(left)],
    ...[...get(left), ...constant(bytes), op.i32Add, ...set(right)],
    ...[op.loop, NO_RESULT],
  ];
  for (let lane = 0; lane < LANES; lane++) body.push(...get(tree), ...constant(bytes), op.i32Add, ...set(place(lane)));
  body.push(...constant(depth), ...set(level), op.loop, NO_RESULT);
  for (let lane = 0; lane < LANES; lane++) {
    body.push(...get(place(lane)), ...constant(1), op.i32Shl, ...get(right), ...get(left));
    for (let k = 0; k < combined; k++) {
      body.push(
        ...[...get(rows), ...get(place(lane)), ...access(op.i32Load, 2, 8 * (1 + combined) + 4 * k), op.i32Add],
        ...access(op.f64Load, 3, 8 * lane),
        ...[...get(place(lane)), ...access(op.f64Load, 3, 8 * (1 + k)), op.f64Multiply],
      );
      if (k > 0) body.push(op.f64Add);
    }
    body.push(...get(place(lane)), ...access(op.f64Load, 3, 0), op.f64Greater, op.select, op.i32Add);
    body.push(...set(place(lane)));
  }
  body.push(...get(level), ...constant(1), op.i32Subtract, op.localTee, level, op.branchIf, 0, op.end);
  const nodes = 2 ** depth;
  for (let lane = 0; lane < LANES; lane++) {
    body.push(...get(sums), ...get(sums), ...access(op.f64Load, 3, 8 * lane));
    // (p - tree) / bytes is the number of a place at the lowest level, nodes .. 2 nodes - 1.
    body.push(...get(place(lane)), ...get(tree), op.i32Subtract, ...constant(bytes), op.i32DivideUnsigned);
    body.push(...constant(3), op.i32Shl, ...get(tree), op.i32Add);
    body.push(...access(op.f64Load, 3, nodes * (bytes - 8)), op.f64Add, ...access(op.f64Store, 3, 8 * lane));
  }
  body.push(...get(sums), ...constant(8 * LANES), op.i32Add, ...set(sums));
  body.push(...get(rows), ...constant(8 * LANES), op.i32Add, ...set(rows));
  body.push(...get(rows), ...get(end), op.i32LessUnsigned, op.branchIf, 0, op.end);
  return { parameters: 4, locals: [[3 + LANES, I32]], body };
}
