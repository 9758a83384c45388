import {
  type Assembled,
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
  V128,
  vectorAccess,
  vectorOp,
} from './assembler.ts';

/**
 * Distances from one record to many points, roughly and quickly, four at a time in 32-bit floats, with a bound on what is wrong with them. What may be
 * near enough is then measured exactly: so a search finds the same neighbours at the same distances as one that measures all of them.
 *
 * With u = 2^-24 a difference of two rounded numbers q and p is off by u (|q| + |p| + |q - p|) at most, and the sum of d squares by (d + 1) u of itself. No point
 * is longer than the record and the distance together, so the distance D and the rough one R differ by at most (d + 4) u R + u (4 |q| + 2 D): see `farthest` and
 * `roughest`. (The quicker |p|^2 - 2 q.p loses what is near in what is long: on counts and sizes over many decades it told no neighbours apart.)
 *
 * Points are taken in groups of 32, each eight vectors of four; `minima` holds for each of a group's four lanes the smallest of eight, so that most points
 * are passed over eight at a time. Points that follow each other lie in different groups, so that neighbours in the order of a tree do not hide each other in one
 * minimum.
 */
export interface Panel {
  readonly d: number;
  readonly count: number;
  readonly groups: number;
  /** No point is longer. */
  readonly longest: number;
  /** Group after group, in each feature after feature, 32 points. */
  readonly values: Float32Array;
}

export const GROUP = 32;
/** Minima of a group. */
export const LANES = 4;
const UNIT = 2 ** -24;
/** What underflow can take from a distance. */
const UNDERFLOW = 1e-20;
/** Squares of longer records come near the largest float32. */
const LONGEST = 1e15;
/** Where there is no point. */
const NOWHERE = 1e17;

/** Lays out points of d values each, which must be finite. */
export function layPanel(points: Float64Array, d: number): Panel {
  const count = points.length / d;
  const groups = Math.ceil(count / GROUP);
  const values = new Float32Array(groups * GROUP * d).fill(NOWHERE);
  let longest = 0;
  for (let i = 0, o = 0; i < count; i++) {
    const to = (i % groups) * d * GROUP + Math.floor(i / groups);
    let square = 0;
    for (let j = 0; j < d; j++, o++) {
      values[to + j * GROUP] = points[o];
      square += points[o] ** 2;
    }
    longest = Math.max(longest, Math.sqrt(square));
  }
  return { d, count, groups, longest, values };
}

/** The largest distance that a rough square can stand for, for a record of that length. */
export function farthest(d: number, rough: number, length: number): number {
  return (Math.sqrt(rough) * (1 + (d + 4) * UNIT) + 4 * UNIT * length) * (1 + 4 * UNIT) + UNDERFLOW;
}

/** The largest rough square that can stand for a distance. */
export function roughest(d: number, distance: number, length: number): number {
  return ((distance * (1 + 4 * UNIT) + 4 * UNIT * length + UNDERFLOW) * (1 + 2 * (d + 4) * UNIT)) ** 2;
}

/** What the loop leaves behind for one record: it is overwritten by the next. */
export interface Rough {
  /** groups x 32 squared distances: of point i in group i mod groups, the i / groups-th. */
  readonly squares: Float32Array;
  /** groups x 4: the smallest of lane, lane + 4, lane + 8 ... of the group. */
  readonly minima: Float32Array;
}

interface NearKernel extends Assembled {
  held: Panel | undefined;
  query: Float32Array;
  rough: Rough;
}

let kernel: NearKernel | undefined | 'untried' = 'untried';

/** Brings the panel into the loop's memory; undefined where the loop is not to be had. */
export function holdPanel(panel: Panel): NearKernel | undefined {
  if (kernel === 'untried') {
    const made = assemble(routine());
    const none = new Float32Array(0);
    kernel = made && { ...made, held: undefined, query: none, rough: { squares: none, minima: none } };
  }
  if (kernel === undefined || kernel.held === panel) return kernel;
  const { d, groups, values } = panel;
  const { memory } = kernel;
  const queryAt = 4 * values.length;
  const squaresAt = queryAt + 16 * Math.ceil(d / 4);
  const minimaAt = squaresAt + 4 * GROUP * groups;
  reserve(memory, minimaAt + 16 * groups);
  new Float32Array(memory.buffer, 0, values.length).set(values);
  kernel.query = new Float32Array(memory.buffer, queryAt, d);
  kernel.rough = {
    squares: new Float32Array(memory.buffer, squaresAt, GROUP * groups),
    minima: new Float32Array(memory.buffer, minimaAt, LANES * groups),
  };
  kernel.held = panel;
  return kernel;
}

/**
 * Measures the record roughly against all points of the panel that was held last. Returns |q|, or NaN where it is too far out for 32-bit floats: then
 * nothing was measured.
 */
export function measureRough({ run, held, query, rough }: NearKernel, record: Float64Array, at: number): number {
  if (held === undefined) return Number.NaN;
  const { d } = held;
  let square = 0;
  for (let j = 0; j < d; j++) {
    const v = record[at + j];
    query[j] = v;
    square += v * v;
  }
  const length = Math.sqrt(square);
  if (!(length + held.longest < LONGEST)) return Number.NaN;
  const { byteOffset } = query;
  run(byteOffset, byteOffset + 4 * d, 0, 4 * held.values.length, rough.squares.byteOffset, rough.minima.byteOffset);
  return length;
}

/** Parameters: the record from .. to, the points from .. to, where the squares go, where the minima go. All addresses. */
function routine(): Routine {
  const [query, queryEnd, values, valuesEnd, squares, minima, feature] = [0, 1, 2, 3, 4, 5, 6];
  const vectors = GROUP / 4;
  const sum = (k: number): number => 7 + k;
  const one = 7 + vectors;
  const apart = one + 1;
  const body: number[] = [op.loop, NO_RESULT];
  for (let k = 0; k < vectors; k++) body.push(...constant(0), ...simd(vectorOp.i32Splat), ...set(sum(k)));
  body.push(...get(query), ...set(feature), op.loop, NO_RESULT);
  body.push(...get(feature), ...vectorAccess(vectorOp.load32Splat, 2, 0), ...set(one));
  for (let k = 0; k < vectors; k++) {
    body.push(...get(one), ...get(values), ...vectorAccess(vectorOp.load, 4, 16 * k));
    body.push(...simd(vectorOp.f32Subtract), op.localTee, apart, ...get(apart), ...get(sum(k)));
    body.push(...simd(vectorOp.f32RelaxedMultiplyAdd), ...set(sum(k)));
  }
  body.push(...get(values), ...constant(4 * GROUP), op.i32Add, ...set(values));
  body.push(...get(feature), ...constant(4), op.i32Add, op.localTee, feature);
  body.push(...get(queryEnd), op.i32LessUnsigned, op.branchIf, 0, op.end);
  for (let k = 0; k < vectors; k++)
    body.push(...get(squares), ...get(sum(k)), ...vectorAccess(vectorOp.store, 4, 16 * k));
  body.push(...get(minima));
  for (let k = 0; k < vectors; k++) body.push(...get(sum(k)), ...(k > 0 ? simd(vectorOp.f32PseudoMinimum) : []));
  body.push(...vectorAccess(vectorOp.store, 4, 0));
  for (const [local, bytes] of [
    [squares, 4 * GROUP],
    [minima, 16],
  ] as const)
    body.push(...get(local), ...constant(bytes), op.i32Add, ...set(local));
  body.push(...get(values), ...get(valuesEnd), op.i32LessUnsigned, op.branchIf, 0, op.end);
  return {
    parameters: 6,
    locals: [
      [1, I32],
      [vectors + 2, V128],
    ],
    body,
  };
}
