import {
  type Assembled,
  access,
  assemble,
  constant,
  F64,
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
  /** As they were given. */
  readonly points: Float64Array;
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
  return { d, count, groups, longest, points, values };
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
  const queryAt = 4 * values.length;
  const squaresAt = queryAt + 16 * Math.ceil(d / 4);
  const minimaAt = squaresAt + 4 * GROUP * groups;
  reserve(kernel, minimaAt + 16 * groups);
  const { memory } = kernel;
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
  const locals = { query, queryEnd, values, valuesEnd, squares, minima, feature, sums: 7 };
  return {
    parameters: 6,
    locals: [
      [1, I32],
      [VECTORS + 2, V128],
    ],
    body: measureAll(locals),
  };
}

/** Vectors in a group. */
const VECTORS = GROUP / 4;

interface MeasureLocals {
  readonly query: number;
  readonly queryEnd: number;
  readonly values: number;
  readonly valuesEnd: number;
  readonly squares: number;
  readonly minima: number;
  readonly feature: number;
  /** The first of `VECTORS` + 2 vectors; the last but one holds the group's minima afterwards. */
  readonly sums: number;
}

/** Measures one record against all groups; `values`, `squares` and `minima` run on. @param each what is done with the group's minima besides. */
function measureAll(locals: MeasureLocals, each: readonly number[] = []): number[] {
  const { query, queryEnd, values, valuesEnd, squares, minima, feature, sums } = locals;
  const sum = (k: number): number => sums + k;
  const one = sums + VECTORS;
  const apart = one + 1;
  const body: number[] = [op.loop, NO_RESULT];
  for (let k = 0; k < VECTORS; k++) body.push(...constant(0), ...simd(vectorOp.i32Splat), ...set(sum(k)));
  body.push(...get(query), ...set(feature), op.loop, NO_RESULT);
  body.push(...get(feature), ...vectorAccess(vectorOp.load32Splat, 2, 0), ...set(one));
  for (let k = 0; k < VECTORS; k++) {
    body.push(...get(one), ...get(values), ...vectorAccess(vectorOp.load, 4, 16 * k));
    body.push(...simd(vectorOp.f32Subtract), op.localTee, apart, ...get(apart), ...get(sum(k)));
    body.push(...simd(vectorOp.f32RelaxedMultiplyAdd), ...set(sum(k)));
  }
  body.push(...get(values), ...constant(4 * GROUP), op.i32Add, ...set(values));
  body.push(...get(feature), ...constant(4), op.i32Add, op.localTee, feature);
  body.push(...get(queryEnd), op.i32LessUnsigned, op.branchIf, 0, op.end);
  for (let k = 0; k < VECTORS; k++)
    body.push(...get(squares), ...get(sum(k)), ...vectorAccess(vectorOp.store, 4, 16 * k));
  for (let k = 0; k < VECTORS; k++) body.push(...get(sum(k)), ...(k > 0 ? simd(vectorOp.f32PseudoMinimum) : []));
  body.push(...set(one), ...get(minima), ...get(one), ...vectorAccess(vectorOp.store, 4, 0), ...each);
  for (const [local, bytes] of [
    [squares, 4 * GROUP],
    [minima, 4 * LANES],
  ] as const)
    body.push(...get(local), ...constant(bytes), op.i32Add, ...set(local));
  body.push(...get(values), ...get(valuesEnd), op.i32LessUnsigned, op.branchIf, 0, op.end);
  return body;
}

/**
 * The nearest of many records at once: which points may be the nearest of each is found within the loop too, so that of a search nothing is left but to
 * measure one or two points exactly.
 */
interface NearestKernel extends Assembled {
  held: Panel | undefined;
  /** Records that fit. */
  room: number;
  queries: Float32Array;
  /** What is allowed beyond the smallest, for each record. */
  allowances: Float64Array;
  /** For each record, behind its last hit: a number of hits since the first record. */
  ends: Int32Array;
  /** Pairs: the address of a group's squares, and a bit for each of its points. */
  hits: Int32Array;
  squaresAt: number;
  minimaAt: number;
}

let nearestKernel: NearestKernel | undefined | 'untried' = 'untried';

/** Records at a time. */
const NEAREST_RECORDS = 64;

function holdForNearest(panel: Panel): NearestKernel | undefined {
  if (nearestKernel === 'untried') {
    const made = assemble(nearestRoutine());
    nearestKernel = made && {
      ...made,
      held: undefined,
      room: NEAREST_RECORDS,
      queries: new Float32Array(0),
      allowances: new Float64Array(0),
      ends: new Int32Array(0),
      hits: new Int32Array(0),
      squaresAt: 0,
      minimaAt: 0,
    };
  }
  const kernel = nearestKernel;
  if (kernel === undefined || kernel.held === panel) return kernel;
  const { d, groups, values } = panel;
  const { room } = kernel;
  const factorAt = 4 * values.length;
  const squaresAt = factorAt + 16;
  const padded = 8 * Math.ceil(groups / 8);
  const minimaAt = squaresAt + 4 * GROUP * padded;
  const allowancesAt = minimaAt + 4 * LANES * padded;
  const queriesAt = allowancesAt + 8 * room;
  const endsAt = queriesAt + 16 * Math.ceil((room * d) / 4);
  const hitsAt = endsAt + 4 * room;
  const hitBytes = 8 * padded * room;
  reserve(kernel, hitsAt + hitBytes);
  const { buffer } = kernel.memory;
  new Float32Array(buffer, 0, values.length).set(values);
  // What `farthest` and then `roughest` make of the smallest square, with some more for the roundings on the way there.
  const slack = (1 + 4 * UNIT) ** 4;
  new Float64Array(buffer, factorAt, 1)[0] = (1 + (d + 4) * UNIT) * (1 + 2 * (d + 4) * UNIT) * slack;
  kernel.queries = new Float32Array(buffer, queriesAt, room * d);
  kernel.allowances = new Float64Array(buffer, allowancesAt, room);
  kernel.ends = new Int32Array(buffer, endsAt, room);
  kernel.hits = new Int32Array(buffer, hitsAt, hitBytes / 4);
  new Float32Array(buffer, minimaAt, LANES * padded).fill(Number.POSITIVE_INFINITY);
  kernel.squaresAt = squaresAt;
  kernel.minimaAt = minimaAt;
  kernel.held = panel;
  return kernel;
}

/**
 * The squared distance from each of `count` records of d values to the nearest point, exactly; NaN for a record that is too far out for 32-bit floats. False where the loop
 * is not to be had; then nothing was measured.
 * @param records begin at `at`. @param into begin at `to`.
 */
export function measureNearest(
  panel: Panel,
  records: Float64Array,
  at: number,
  count: number,
  into: Float64Array,
  to: number,
): boolean {
  const kernel = holdForNearest(panel);
  if (kernel === undefined) return false;
  const { d, values } = panel;
  const { queries, squaresAt, minimaAt, allowances, ends, hits, run } = kernel;
  for (let from = 0; from < count; from += NEAREST_RECORDS) {
    const size = Math.min(NEAREST_RECORDS, count - from);
    roundRecords(kernel, panel, records, at + from * d, size);
    run(
      ...([
        queries.byteOffset,
        queries.byteOffset + 4 * d * size,
        4 * d,
        4 * values.length,
        squaresAt,
        minimaAt,
      ] as const),
      ...([allowances.byteOffset, ends.byteOffset, hits.byteOffset] as const),
    );
    measureHits(kernel, panel, records, at + from * d, size, into, to + from);
  }
  return true;
}

/** Brings records into the loop's memory. */
function roundRecords(
  { queries, allowances }: NearestKernel,
  { d, longest }: Panel,
  records: Float64Array,
  at: number,
  count: number,
): void {
  const factor = 4 * UNIT * (2 + 8 * UNIT) * (1 + 2 * (d + 4) * UNIT) * (1 + 4 * UNIT) ** 4;
  for (let i = 0, o = 0; i < count; i++) {
    let square = 0;
    for (const end = o + d; o < end; o++) {
      const v = records[at + o];
      queries[o] = v;
      square += v * v;
    }
    const length = Math.sqrt(square);
    // No square is within NaN.
    allowances[i] = length + longest < LONGEST ? length * factor + 4 * UNDERFLOW : Number.NaN;
  }
}

/** Measures the points that were hit exactly. */
function measureHits(
  { ends, hits, squaresAt }: NearestKernel,
  { d, count, groups, points }: Panel,
  records: Float64Array,
  at: number,
  size: number,
  into: Float64Array,
  to: number,
): void {
  const first = hits.byteOffset;
  let hit = 0;
  for (let i = 0, record = at; i < size; i++, record += d) {
    let least = Number.POSITIVE_INFINITY;
    for (const behind = (ends[i] - first) >> 2; hit < behind; hit += 2) {
      const group = (hits[hit] - squaresAt) / (4 * GROUP);
      for (let bits = hits[hit + 1]; bits !== 0; bits &= bits - 1) {
        const place = (31 - Math.clz32(bits & -bits)) * groups + group;
        if (place >= count) continue;
        let total = 0;
        for (let j = record, o = place * d, end = record + d; j < end; j++, o++) {
          const a = records[j] - points[o];
          total += a * a;
        }
        if (total < least) least = total;
      }
    }
    into[to + i] = least < Number.POSITIVE_INFINITY ? least : Number.NaN;
  }
}

/**
 * Parameters: the records from .. to, bytes of a record, end of the points, which begin at address 0, where squares go, where minima go, the allowances, where ends go, where
 * hits go. All addresses. Behind the points stands the factor: a point is a hit when its square is at most (factor x root of the smallest + allowance)^2.
 */
function nearestRoutine(): Routine {
  const [query, queriesEnd, step, valuesEnd, squaresAt, minimaAt, allowances, ends, hits] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const [queryEnd, values, squares, minima, feature, word, group] = [9, 10, 11, 12, 13, 14, 15];
  const root = 16;
  const sums = 17;
  const one = sums + VECTORS;
  const least = one + 2;
  const limit = least + 1;
  const allAt = (local: number, bytes: number): number[] => [
    ...get(local),
    ...constant(bytes),
    op.i32Add,
    ...set(local),
  ];
  const body: number[] = [op.loop, NO_RESULT];
  body.push(...get(query), ...get(step), op.i32Add, ...set(queryEnd), ...constant(0), ...set(values));
  body.push(...get(squaresAt), ...set(squares), ...get(minimaAt), ...set(minima));
  // The bits of infinity.
  body.push(...constant(0x7f800000), ...simd(vectorOp.i32Splat), ...set(least));
  body.push(
    ...measureAll({ query, queryEnd, values, valuesEnd, squares, minima, feature, sums }, [
      ...[...get(least), ...get(one), ...simd(vectorOp.f32PseudoMinimum), ...set(least)],
    ]),
  );
  for (let k = 0; k < LANES; k++)
    body.push(...get(least), ...simd(vectorOp.f32ExtractLane, k), ...(k > 0 ? [op.f32Minimum] : []));
  body.push(op.f64FromF32, op.f64SquareRoot, ...get(valuesEnd), ...access(op.f64Load, 3, 0), op.f64Multiply);
  body.push(...get(allowances), ...access(op.f64Load, 3, 0), op.f64Add, op.localTee, root);
  body.push(...get(root), op.f64Multiply, op.f32FromF64, ...simd(vectorOp.f32Splat), ...set(limit));
  /** Four bits for each of eight vectors behind an address, those of the first lowest: which values are within the limit. */
  const wordOf = (address: number): number[] =>
    Array.from({ length: 8 }, (_, k) => [
      ...[...get(address), ...vectorAccess(vectorOp.load, 4, 16 * k), ...get(limit), ...simd(vectorOp.f32LessOrEqual)],
      ...[...simd(vectorOp.i32Bitmask), ...(k > 0 ? [...constant(4 * k), op.i32Shl, op.i32Or] : [])],
    ]).flat();
  // Eight groups at a time, with a branch only to the groups that have a hit, mostly one: each that is guessed wrongly costs as much as a group.
  body.push(...get(squaresAt), ...set(squares), ...get(minimaAt), ...set(minima), op.loop, NO_RESULT);
  body.push(...wordOf(minima), op.localTee, word, op.if, NO_RESULT, op.loop, NO_RESULT);
  body.push(...get(word), op.i32TrailingZeros, ...constant(2), op.i32ShiftRight, op.localTee, group);
  body.push(...constant(4 * GROUP), op.i32Multiply, ...get(squares), op.i32Add, ...set(feature));
  body.push(...get(hits), ...get(feature), ...access(op.i32Store, 2, 0));
  body.push(...get(hits), ...wordOf(feature), ...access(op.i32Store, 2, 4), ...allAt(hits, 8));
  // The group's four bits are set, if they are not, and taken away.
  body.push(...constant(15), ...get(group), ...constant(2), op.i32Shl, op.i32Shl, op.localTee, group);
  body.push(...get(word), op.i32Or, ...get(group), op.i32Xor, op.localTee, word);
  body.push(op.branchIf, 0, op.end, op.end, ...allAt(squares, 8 * 4 * GROUP), ...allAt(minima, 8 * 4 * LANES));
  // Behind the squares are the minima.
  body.push(...get(squares), ...get(minimaAt), op.i32LessUnsigned, op.branchIf, 0, op.end);
  body.push(...get(ends), ...get(hits), ...access(op.i32Store, 2, 0), ...allAt(ends, 4), ...allAt(allowances, 8));
  body.push(...get(queryEnd), op.localTee, query, ...get(queriesEnd), op.i32LessUnsigned, op.branchIf, 0, op.end);
  return {
    parameters: 9,
    locals: [
      [7, I32],
      [1, F64],
      [VECTORS + 4, V128],
    ],
    body,
  };
}
