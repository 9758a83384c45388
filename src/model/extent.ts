import {
  type Assembled,
  assemble,
  get,
  NO_RESULT,
  op,
  type Routine,
  reserve,
  set,
  simd,
  V128,
  vectorAccess,
  vectorOp,
} from './assembler.ts';

/** Smallest and largest value of each feature, infinities among them, and how many are missing (NaN). Infinity and -Infinity where all are. */
export interface Extent {
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly missing: Float64Array;
}

/** As many rows in sequence are copied as one piece. */
const LONG_RUN = 16;

export function emptyExtent(d: number): Extent {
  return {
    min: new Float64Array(d).fill(Number.POSITIVE_INFINITY),
    max: new Float64Array(d).fill(Number.NEGATIVE_INFINITY),
    missing: new Float64Array(d),
  };
}

/**
 * Looks at every value of the given rows of a row-major matrix with d columns, and widens the extent by them. It is the one pass of a fit that sees all
 * rows, so it takes four features at a time; the plain loop gives the same. The rows are copied: give as many at once as stay in the cache.
 */
export function widenExtent(
  extent: Extent,
  values: Float32Array,
  d: number,
  rows: Int32Array,
  engine: 'auto' | 'plain' = 'auto',
): void {
  if (rows.length === 0) return;
  const kernel = engine === 'auto' ? kernelOf() : undefined;
  if (kernel === undefined) measurePlain(values, d, rows, extent);
  else measureAssembled(kernel, values, d, rows, extent);
}

function measurePlain(values: Float32Array, d: number, rows: Int32Array, { min, max, missing }: Extent): void {
  for (let i = 0; i < rows.length; i++) {
    const o = rows[i] * d;
    for (let j = 0; j < d; j++) {
      const v = values[o + j];
      if (v < min[j]) min[j] = v;
      if (v > max[j]) max[j] = v;
      if (Number.isNaN(v)) missing[j]++;
    }
  }
}

function measureAssembled(kernel: Assembled, values: Float32Array, d: number, rows: Int32Array, extent: Extent): void {
  const { min, max, missing } = extent;
  const rowBytes = 4 * d;
  const stateAt = 16 * Math.ceil((rows.length * rowBytes + 16) / 16);
  reserve(kernel, stateAt + STATE_BYTES);
  const { memory, run } = kernel;
  copyRows(values, d, rows, new Float32Array(memory.buffer, 0, rows.length * d));
  const floats = new Float32Array(memory.buffer, stateAt, 8);
  const counts = new Uint32Array(memory.buffer, stateAt + 32, 4);
  for (let j = 0; j < d; j += 4) {
    // The last four may begin among those before them; where there are fewer than four, the next row is looked at and not read.
    const start = Math.max(0, Math.min(j, d - 4));
    const width = Math.min(4, d - start);
    for (let lane = 0; lane < width; lane++) {
      floats[lane] = min[start + lane];
      floats[4 + lane] = max[start + lane];
      counts[lane] = 0;
    }
    run(4 * start, 4 * start + rows.length * rowBytes, rowBytes, stateAt);
    for (let lane = j - start; lane < width; lane++) missing[start + lane] += counts[lane];
    for (let lane = 0; lane < width; lane++) {
      min[start + lane] = floats[lane];
      max[start + lane] = floats[4 + lane];
    }
  }
}

/** Copies the rows behind one another, those that lie behind one another in one piece. */
function copyRows(values: Float32Array, d: number, rows: Int32Array, block: Float32Array): void {
  for (let i = 0, at = 0; i < rows.length; ) {
    const first = rows[i];
    let length = 1;
    while (i + length < rows.length && rows[i + length] === first + length) length++;
    const o = first * d;
    const size = length * d;
    if (length >= LONG_RUN) block.set(values.subarray(o, o + size), at);
    else for (let k = 0; k < size; k++) block[at + k] = values[o + k];
    at += size;
    i += length;
  }
}

/** Four smallest, four largest, four counts. */
const STATE_BYTES = 48;

let kernel: Assembled | undefined | 'untried' = 'untried';

function kernelOf(): Assembled | undefined {
  if (kernel === 'untried') kernel = assemble(routine());
  return kernel;
}

/** Parameters: address of the first row's first of four features, address behind the last row's, bytes from row to row, address of the state. */
function routine(): Routine {
  const [at, end, stride, state, min, max, missing, four] = [0, 1, 2, 3, 4, 5, 6, 7];
  const held = [min, max, missing];
  const body = [
    ...held.flatMap((local, k) => [...get(state), ...vectorAccess(vectorOp.load, 4, 16 * k), ...set(local)]),
    ...[op.loop, NO_RESULT],
    ...[...get(at), ...vectorAccess(vectorOp.load, 2, 0), ...set(four)],
    // Of a comparison with NaN neither is true, so that the one that is held stays.
    ...[...get(min), ...get(four), ...simd(vectorOp.f32PseudoMinimum), ...set(min)],
    ...[...get(max), ...get(four), ...simd(vectorOp.f32PseudoMaximum), ...set(max)],
    ...[...get(missing), ...get(four), ...get(four), ...simd(vectorOp.f32Unequal), ...simd(vectorOp.i32Sub)],
    ...set(missing),
    ...[...get(at), ...get(stride), op.i32Add, op.localTee, at],
    ...[...get(end), op.i32LessUnsigned, op.branchIf, 0, op.end],
    ...held.flatMap((local, k) => [...get(state), ...get(local), ...vectorAccess(vectorOp.store, 4, 16 * k)]),
  ];
  return { parameters: 4, locals: [[4, V128]], body };
}
