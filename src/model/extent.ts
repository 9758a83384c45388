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

/** Bytes of rows that are brought into the loop's memory at once: they stay in the second-level cache. */
const BLOCK_BYTES = 128 * 1024;
/** As many rows in sequence are copied as one piece. */
const LONG_RUN = 16;

/**
 * Looks at every value of the given rows of a row-major matrix with d columns. It is the one pass of a fit that sees all rows, so it takes four features
 * at a time; the plain loop gives the same.
 */
export function measureExtent(
  values: Float32Array,
  d: number,
  rows: Int32Array,
  engine: 'auto' | 'plain' = 'auto',
): Extent {
  const extent = {
    min: new Float64Array(d).fill(Number.POSITIVE_INFINITY),
    max: new Float64Array(d).fill(Number.NEGATIVE_INFINITY),
    missing: new Float64Array(d),
  };
  const kernel = engine === 'auto' ? kernelOf() : undefined;
  if (kernel === undefined) measurePlain(values, d, rows, extent);
  else measureAssembled(kernel, values, d, rows, extent);
  return extent;
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
  const { memory, run } = kernel;
  const blockRows = Math.max(1, Math.floor(BLOCK_BYTES / (4 * d)));
  const rowBytes = 4 * d;
  // Four features from each of these on; the last four may overlap those before them, and where there are fewer than four the next row is looked at and
  // not read.
  const starts: number[] = [];
  for (let j = 0; j < d; j += 4) starts.push(Math.max(0, Math.min(j, d - 4)));
  const stateAt = 16 * Math.ceil((blockRows * rowBytes + 16) / 16);
  reserve(memory, stateAt + STATE_BYTES * starts.length);
  const block = new Float32Array(memory.buffer, 0, blockRows * d);
  starts.forEach((_, k) => {
    const at = stateAt + STATE_BYTES * k;
    new Float32Array(memory.buffer, at, 4).fill(Number.POSITIVE_INFINITY);
    new Float32Array(memory.buffer, at + 16, 4).fill(Number.NEGATIVE_INFINITY);
    new Uint32Array(memory.buffer, at + 32, 4).fill(0);
  });
  for (let from = 0; from < rows.length; from += blockRows) {
    const to = Math.min(rows.length, from + blockRows);
    copyRows(values, d, rows, from, to, block);
    const bytes = (to - from) * rowBytes;
    starts.forEach((start, k) => {
      run(4 * start, 4 * start + bytes, rowBytes, stateAt + STATE_BYTES * k);
    });
  }
  starts.forEach((start, k) => {
    const at = stateAt + STATE_BYTES * k;
    const floats = new Float32Array(memory.buffer, at, 8);
    const counts = new Uint32Array(memory.buffer, at + 32, 4);
    for (let lane = 0; lane < 4 && start + lane < d; lane++) {
      extent.min[start + lane] = floats[lane];
      extent.max[start + lane] = floats[4 + lane];
      extent.missing[start + lane] = counts[lane];
    }
  });
}

/** Copies rows `rows[from .. to - 1]` behind one another, those that lie behind one another in one piece. */
function copyRows(
  values: Float32Array,
  d: number,
  rows: Int32Array,
  from: number,
  to: number,
  block: Float32Array,
): void {
  for (let i = from, at = 0; i < to; ) {
    const first = rows[i];
    let length = 1;
    while (i + length < to && rows[i + length] === first + length) length++;
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
