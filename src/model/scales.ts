import { nearest } from '../core/index.ts';
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
import { checkFinite, damaged, type LoadedModel, type Tensor, takeTensor } from './file.ts';
import { ModelError } from './model.ts';
import { gatherRow, type Rows } from './rows.ts';
import { type FeatureStatistics, robustScales } from './training.ts';

/**
 * How features are put on one footing before distances are measured: by mean and standard deviation, by median and robust spread, by these two of their
 * logarithms (sign(x) ln(1 + |x|), for plain counts, sizes and durations, which span decades), or as they are.
 */
export type Footing = 'standard' | 'robust' | 'log' | 'none';

/** Throws a `ModelError` unless it is one. */
export function checkFooting(title: string, footing: string): void {
  const footings = ['standard', 'robust', 'log', 'none'];
  if (footings.includes(footing)) return;
  throw new ModelError(
    `${title} can't have footing '${footing}'.`,
    `Did you mean '${nearest(footing, footings) ?? 'robust'}'?`,
  );
}

/**
 * y = soft((x - centre) / scale), the scaling inside a model that measures distances or projects. Up to 30 scales from the centre soft is the
 * identity, beyond it grows as a logarithm, 30 (1 + ln(|y| / 30)): still strictly rising, and no single value, be it the largest there is,
 * carries a square or a sum out of the range where shares add up within 1e-9.
 */
export interface Scales {
  readonly centre: Float64Array;
  /** Above 0; Infinity for a feature without any value, which is so always at 0. */
  readonly scale: Float64Array;
  /** Whether logarithms are taken first. */
  readonly log?: boolean;
}

export const SOFT_LIMIT = 30;

/**
 * Learns centre and scale of each feature over rows of a row-major matrix. `standard` with the population deviation, as scikit-learn's
 * StandardScaler; missing values count as the median, infinities as the largest numbers. A feature without spread has the scale that
 * `robustScales` gives it.
 */
export function learnScales(footing: Footing, source: Rows, rows: Int32Array, statistics: FeatureStatistics): Scales {
  const d = source.columns.length;
  const robust = robustScales(statistics);
  if (footing === 'none')
    return { centre: new Float64Array(d), scale: robust.map((s) => (s === Number.POSITIVE_INFINITY ? s : 1)) };
  if (footing === 'robust') return { centre: statistics.median.slice(), scale: robust };
  if (footing === 'log') {
    // The logarithm keeps the order, so the quantiles of logarithms are the logarithms of quantiles.
    const { observed, missing, min, q01, q05, q25, median, q75, q95, q99, max } = statistics;
    const of = (values: Float64Array): Float64Array => values.map(signedLog);
    const logs = {
      observed,
      missing,
      min: of(min),
      q01: of(q01),
      q05: of(q05),
      q25: of(q25),
      median: of(median),
      q75: of(q75),
      q95: of(q95),
      q99: of(q99),
      max: of(max),
    };
    return { centre: logs.median, scale: robustScales(logs), log: true };
  }
  const centre = new Float64Array(d);
  const squares = new Float64Array(d);
  const record = new Float64Array(d);
  // Welford 1962: one pass, and no difference of large squares.
  for (let i = 0; i < rows.length; i++) {
    gatherRow(source, rows[i], statistics, record, 0);
    for (let j = 0; j < d; j++) {
      const delta = record[j] - centre[j];
      centre[j] += delta / (i + 1);
      squares[j] += delta * (record[j] - centre[j]);
    }
  }
  const scale = squares.map((s, j) => {
    const deviation = Math.sqrt(s / rows.length);
    const rounding = 1e-12 * Math.abs(centre[j]);
    return robust[j] === Number.POSITIVE_INFINITY || !(deviation > rounding) ? robust[j] : deviation;
  });
  return { centre, scale };
}

function signedLog(v: number): number {
  return v < 0 ? -Math.log1p(-v) : Math.log1p(v);
}

/** Scales `count` rows of d values in place. @param engine 'plain' does without the loop for two at a time, which gives the same bits. */
export function applyScales(
  scales: Scales,
  values: Float64Array,
  from: number,
  count: number,
  engine: 'auto' | 'plain' = 'auto',
): void {
  const { centre, log = false } = scales;
  const end = from + count * centre.length;
  if (log) for (let o = from; o < end; o++) values[o] = signedLog(values[o]);
  const kernel = engine === 'auto' && count >= LEAST_ROWS ? kernelOf() : undefined;
  if (kernel === undefined) scalePlain(scales, values, from, count);
  else if (!scaleAssembled(kernel, scales, values, from, end)) return;
  for (let o = from; o < end; o++) {
    const y = values[o];
    if (y > SOFT_LIMIT || y < -SOFT_LIMIT) values[o] = soften(y);
  }
}

function scalePlain({ centre, scale }: Scales, values: Float64Array, from: number, count: number): void {
  const d = centre.length;
  for (let i = 0, o = from; i < count; i++)
    for (let j = 0; j < d; j++, o++) values[o] = (values[o] - centre[j]) / scale[j];
}

function soften(y: number): number {
  const size = SOFT_LIMIT * (1 + Math.log(Math.abs(y) / SOFT_LIMIT));
  return y < 0 ? -size : size;
}

/** Scales as arrays of a model file. */
export function scaleTensors({ centre, scale, log = false }: Scales): Tensor[] {
  return [
    { name: 'scale.centre', shape: [centre.length], data: centre },
    { name: 'scale.scale', shape: [scale.length], data: scale },
    ...(log ? [{ name: 'scale.log', shape: [1], data: Int16Array.of(1) }] : []),
  ];
}

/** What `scaleTensors` made. Throws a `ModelError` for what is no such thing. */
export function loadScales({ tensors, featureNames }: LoadedModel): Scales {
  const d = featureNames.length;
  const log = tensors.has('scale.log') && takeTensor(tensors, 'scale.log', 'I16', [1])[0] === 1;
  const scales = {
    centre: takeTensor(tensors, 'scale.centre', 'F64', [d]),
    scale: takeTensor(tensors, 'scale.scale', 'F64', [d]),
    log,
  };
  checkScales(scales);
  return scales;
}

/** Throws a `ModelError` unless scales read from a file can be divided by. */
export function checkScales({ centre, scale }: Scales): void {
  checkFinite(centre, 'its centres');
  if (scale.some((s) => !(s > 0))) throw damaged('its scales are not above 0');
}

/** With fewer, bringing them to the loop and back costs more than it saves. */
const LEAST_ROWS = 16;

interface ScaleKernel extends Assembled {
  /** Centre and scale of two features, of the next two, and so on. */
  pattern: Float64Array;
  values: Float64Array;
}

let scaleKernel: ScaleKernel | undefined | 'untried' = 'untried';

function kernelOf(): ScaleKernel | undefined {
  if (scaleKernel === 'untried') {
    const made = assemble(routine());
    const none = new Float64Array(0);
    scaleKernel = made && { ...made, pattern: none, values: none };
  }
  return scaleKernel;
}

/** Where the pattern begins: behind the limit, and whether it was passed. */
const PATTERN_AT = 32;

/** True where a value is beyond the soft limit and must be seen to. */
function scaleAssembled(
  kernel: ScaleKernel,
  { centre, scale }: Scales,
  values: Float64Array,
  from: number,
  end: number,
): boolean {
  const d = centre.length;
  // Two at a time: where rows have an odd number, a turn is two rows.
  const period = d % 2 === 0 ? d : 2 * d;
  const size = end - from;
  const whole = period * Math.ceil(size / period);
  if (kernel.pattern.length !== 2 * period || kernel.values.length < whole) {
    const valuesAt = PATTERN_AT + 16 * period;
    reserve(kernel, valuesAt + 8 * whole);
    const { memory } = kernel;
    kernel.pattern = new Float64Array(memory.buffer, PATTERN_AT, 2 * period);
    kernel.values = new Float64Array(memory.buffer, valuesAt, whole);
    new Float64Array(memory.buffer, 0, 1)[0] = SOFT_LIMIT;
  }
  const { memory, run, pattern } = kernel;
  for (let k = 0; k < period; k++) {
    const at = 4 * (k >> 1) + (k & 1);
    pattern[at] = centre[k % d];
    pattern[at + 2] = scale[k % d];
  }
  kernel.values.set(values.subarray(from, end));
  const valuesAt = kernel.values.byteOffset;
  run(valuesAt, valuesAt + 8 * whole, PATTERN_AT, PATTERN_AT + 16 * period);
  values.set(kernel.values.subarray(0, size), from);
  return new Int32Array(memory.buffer, 16, 4).some((bits) => bits !== 0);
}

/** Parameters: the values from .. to, the pattern from .. to. All addresses; at 0 is the limit, and at 16 goes what is not 0 where one is beyond it. */
function routine(): Routine {
  const [values, end, pattern, patternEnd, at, y, over, limit] = [0, 1, 2, 3, 4, 5, 6, 7];
  const body = [
    ...[...constant(0), ...vectorAccess(vectorOp.load64Splat, 3, 0), ...set(limit)],
    ...[op.loop, NO_RESULT, ...get(pattern), ...set(at), op.loop, NO_RESULT],
    ...[...get(values), ...get(values), ...vectorAccess(vectorOp.load, 3, 0)],
    ...[...get(at), ...vectorAccess(vectorOp.load, 4, 0), ...simd(vectorOp.f64Subtract)],
    ...[...get(at), ...vectorAccess(vectorOp.load, 4, 16), ...simd(vectorOp.f64Divide), op.localTee, y],
    ...vectorAccess(vectorOp.store, 3, 0),
    ...[...get(y), ...simd(vectorOp.f64Absolute), ...get(limit), ...simd(vectorOp.f64Greater)],
    ...[...get(over), ...simd(vectorOp.or), ...set(over)],
    ...[...get(values), ...constant(16), op.i32Add, ...set(values)],
    ...[...get(at), ...constant(32), op.i32Add, op.localTee, at],
    ...[...get(patternEnd), op.i32LessUnsigned, op.branchIf, 0, op.end],
    ...[...get(values), ...get(end), op.i32LessUnsigned, op.branchIf, 0, op.end],
    ...[...constant(0), ...get(over), ...vectorAccess(vectorOp.store, 4, 16)],
  ];
  return {
    parameters: 4,
    locals: [
      [1, I32],
      [3, V128],
    ],
    body,
  };
}
