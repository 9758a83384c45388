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
  simd,
  unsigned,
  V128,
  vectorOp,
} from '../assembler.ts';

/**
 * The inner loop of a forest: every record of a block walks down every tree, and the lengths of its paths are added up.
 *
 * It is nearly all of the scoring time, 800 steps for a record, and each step waits for the one before. Three things make it quick. Trees are
 * perfect binary heaps, so a child's place is arithmetic and the number of steps is the same for all records: no branch to mispredict. Trees
 * are outside and records inside, in blocks small enough that block and tree stay in the first-level cache. Eight records walk side by side,
 * so that while one waits for memory the others move. V8 checks every typed-array index and runs out of registers at four lanes, so the loop
 * is also assembled, below, as a WebAssembly module of two kilobytes, several times as fast (`node bench/model.ts`); its first three levels
 * take four rows at a time. Where WebAssembly is absent or forbidden the plain loop gives the same bits.
 *
 * Layout of a tree of depth D: 2^(D+1) entries of 8 bytes. Entry 1 is the root, the children of i are 2i and 2i+1. Entries 1 .. 2^D - 1 are
 * {int32 byte offset of the feature's column in the block, float32 threshold}; a record goes to 2i+1 when its value > threshold. Entries from
 * 2^D on are {float64 path length}. A leaf higher up has threshold +Infinity in itself and all below it on the left, so that a record falls
 * straight through to the length. Entry 0 is unused.
 */

/** A forest in the layout above; all trees behind one another. */
export interface PackedForest {
  readonly treeCount: number;
  /** Steps from the root to a path length, 1 .. MAX_DEPTH. */
  readonly depth: number;
  readonly featureCount: number;
  /** Rows in a block, a multiple of 8: a column of the block is this many float32. */
  readonly blockRows: number;
  readonly bytes: ArrayBuffer;
}

export const MAX_DEPTH = 12;
const LANES = 8;

/** Writes rows `from .. from + count - 1` into `block`, column after column: value of feature j in row i at `j * blockRows + i - from`. No NaN. */
export type FillBlock = (block: Float32Array, from: number, count: number) => void;

/** The number of rows for which block and tree fit into 32 to 48 kB of first-level cache; 64 where rows are very wide. */
export function chooseBlockRows(featureCount: number): number {
  let rows = 512;
  while (rows > 64 && rows * featureCount * 4 > 32_768) rows /= 2;
  return rows;
}

/**
 * Adds up the path lengths of each row over all trees, in the order of the trees, so that a row's sum is the same whatever rows are beside it.
 * `engine` chooses the loop: 'auto' takes WebAssembly where it is to be had.
 */
export function walkForest(
  forest: PackedForest,
  rowCount: number,
  fill: FillBlock,
  engine: 'auto' | 'plain' = 'auto',
): Float64Array {
  const sums = new Float64Array(rowCount);
  if (rowCount === 0) return sums;
  const kernel = engine === 'auto' ? kernelFor(forest.depth) : undefined;
  if (kernel === undefined) walkPlain(forest, rowCount, fill, sums);
  else walkAssembled(kernel, forest, rowCount, fill, sums);
  return sums;
}

function walkPlain(forest: PackedForest, rowCount: number, fill: FillBlock, sums: Float64Array): void {
  const { treeCount, depth, blockRows, featureCount, bytes } = forest;
  const entries = 2 ** (depth + 1);
  const offsets = new Int32Array(bytes);
  const thresholds = new Float32Array(bytes);
  const block = new Float32Array(blockRows * featureCount);
  const column = new Int32Array(entries / 2);
  const threshold = new Float32Array(entries / 2);
  for (let from = 0; from < rowCount; from += blockRows) {
    const count = Math.min(blockRows, rowCount - from);
    fill(block, from, count);
    const blockSums = sums.subarray(from, from + count);
    for (let tree = 0; tree < treeCount; tree++) {
      const base = tree * entries * 2;
      for (let i = 1; i < column.length; i++) {
        column[i] = offsets[base + 2 * i] >> 2;
        threshold[i] = thresholds[base + 2 * i + 1];
      }
      walkTree(block, column, threshold, new Float64Array(bytes, tree * entries * 8, entries), depth, blockSums);
    }
  }
}

function walkTree(
  block: Float32Array,
  column: Int32Array,
  threshold: Float32Array,
  lengths: Float64Array,
  depth: number,
  sums: Float64Array,
): void {
  for (let row = 0; row < sums.length; row++) {
    let i = 1;
    for (let level = 0; level < depth; level++) i = (i << 1) | +(block[column[i] + row] > threshold[i]);
    sums[row] += lengths[i];
  }
}

function walkAssembled(
  kernel: Assembled,
  forest: PackedForest,
  rowCount: number,
  fill: FillBlock,
  sums: Float64Array,
): void {
  const { treeCount, depth, blockRows, featureCount, bytes } = forest;
  const treeBytes = 2 ** (depth + 1) * 8;
  const blockAt = treeBytes;
  const sumsAt = blockAt + blockRows * featureCount * 4;
  const needed = sumsAt + blockRows * 8;
  reserve(kernel, needed);
  const { memory, run } = kernel;
  const treeView = new Uint8Array(memory.buffer, 0, treeBytes);
  const block = new Float32Array(memory.buffer, blockAt, blockRows * featureCount);
  const blockSums = new Float64Array(memory.buffer, sumsAt, blockRows);
  const trees: Uint8Array[] = [];
  for (let tree = 0; tree < treeCount; tree++) trees.push(new Uint8Array(bytes, tree * treeBytes, treeBytes));
  for (let from = 0; from < rowCount; from += blockRows) {
    const count = Math.min(blockRows, rowCount - from);
    fill(block, from, count);
    blockSums.fill(0);
    // Lanes beyond the last row walk on whatever the block held: any value leads to some leaf, and the sum is not read.
    const end = blockAt + Math.ceil(count / LANES) * LANES * 4;
    for (let tree = 0; tree < treeCount; tree++) {
      treeView.set(trees[tree]);
      run(blockAt, end, sumsAt);
    }
    sums.set(count === blockRows ? blockSums : blockSums.subarray(0, count), from);
  }
}

/**
 * One kernel for each depth, at most MAX_DEPTH: (address of the block, address behind its last row's first column, address of the sums), the tree at
 * address 0. They and their memory are shared by all forests: a walk is one uninterrupted call, and nothing
 * is kept in the memory from one call to the next.
 */
const kernels = new Map<number, Assembled | undefined>();

function kernelFor(depth: number): Assembled | undefined {
  if (!kernels.has(depth)) kernels.set(depth, assemble(walkRoutine(depth)));
  return kernels.get(depth);
}

/** Which loop `walkForest` takes here for trees of this depth. */
export function walkEngine(depth: number): 'assembled' | 'plain' {
  return kernelFor(depth) === undefined ? 'plain' : 'assembled';
}

/** Levels that are taken four rows at a time: the nodes are few, so all are asked and the answers that count are selected. */
const SHARED_LEVELS = 3;

/** For trees of one depth, all steps and lanes written out. */
function walkRoutine(depth: number): Routine {
  const rows = 0;
  const end = 1;
  const sums = 2;
  // Lane k's place in the tree, as a byte address, 8 times the entry's number.
  const place = (k: number): number => 3 + k;
  const body: number[] = [op.loop, NO_RESULT];
  const shared = depth >= SHARED_LEVELS;
  if (shared) {
    // -1 where the row goes right at the root, at the node of level 1 that it reaches, at that of level 2.
    const right = [place(LANES), place(LANES + 1), place(LANES + 2)];
    const places = place(LANES + 3);
    /** For rows 4q .. 4q+3: value > threshold at the entry. The tree is at address 0, so an entry's address is a constant. */
    const ask = (entry: number, q: number): number[] => [
      ...[
        ...get(rows),
        ...constant(0),
        ...access(op.i32Load, 2, 8 * entry),
        op.i32Add,
        ...simd(vectorOp.load, 4, ...unsigned(16 * q)),
      ],
      ...[...constant(0), ...simd(vectorOp.load32Splat, 2, ...unsigned(8 * entry + 4)), ...simd(vectorOp.f32Greater)],
    ];
    /** Of two answers on the stack the first where `mask` is set, the second where it is not. */
    const select = (mask: number): number[] => [...get(mask), ...simd(vectorOp.bitSelect)];
    for (let q = 0; q < LANES / 4; q++) {
      body.push(...ask(1, q), ...set(right[0]));
      body.push(...ask(3, q), ...ask(2, q), ...select(right[0]), ...set(right[1]));
      body.push(...ask(7, q), ...ask(6, q), ...select(right[1]));
      body.push(...ask(5, q), ...ask(4, q), ...select(right[1]), ...select(right[0]), ...set(right[2]));
      // Byte address of entry 8 + 4 a + 2 b + c, where subtracting -1 adds.
      body.push(...constant(64), ...simd(vectorOp.i32Splat));
      right.forEach((mask, level) => {
        body.push(...get(mask), ...constant(5 - level), ...simd(vectorOp.i32Shl), ...simd(vectorOp.i32Sub));
      });
      body.push(...set(places));
      for (let k = 0; k < 4; k++)
        body.push(...get(places), ...simd(vectorOp.i32ExtractLane, k), ...set(place(4 * q + k)));
    }
  } else {
    for (let k = 0; k < LANES; k++) body.push(...constant(8), ...set(place(k)));
  }
  for (let level = shared ? SHARED_LEVELS : 0; level < depth; level++) {
    for (let k = 0; k < LANES; k++) {
      body.push(...get(place(k)), ...constant(1), op.i32Shl);
      body.push(
        ...get(rows),
        ...get(place(k)),
        ...access(op.i32Load, 2, 0),
        op.i32Add,
        ...access(op.f32Load, 2, 4 * k),
      );
      body.push(...get(place(k)), ...access(op.f32Load, 2, 4), op.f32Greater);
      body.push(...constant(3), op.i32Shl, op.i32Add, ...set(place(k)));
    }
  }
  for (let k = 0; k < LANES; k++) {
    body.push(...get(sums), ...get(sums), ...access(op.f64Load, 3, 8 * k));
    body.push(...get(place(k)), ...access(op.f64Load, 3, 0), op.f64Add, ...access(op.f64Store, 3, 8 * k));
  }
  body.push(...get(sums), ...constant(64), op.i32Add, ...set(sums));
  body.push(...get(rows), ...constant(4 * LANES), op.i32Add, ...set(rows));
  body.push(...get(rows), ...get(end), op.i32LessUnsigned, op.branchIf, 0, op.end);
  return {
    parameters: 3,
    locals: [
      [LANES, I32],
      [4, V128],
    ],
    body,
  };
}
