import { medianAbsoluteDeviation, medianSorted, sorted, standardDeviation } from '../../core/index.ts';

/**
 * The beacon score of RITA 5 (Active Countermeasures, `analysis/beacons.go`): how even intervals and sizes are, how long the series lasts and how flat it is over time, a quarter each; and its
 * scale of threat, which its other scores share.
 */

const DAY_MS = 86_400_000;

export interface BeaconSeries {
  /** Start of each connection, epoch seconds, any order; fractions are kept. */
  readonly timestampsSec: ArrayLike<number>;
  /** Bytes from the initiator of each connection, any order. */
  readonly sizes: ArrayLike<number>;
  /** The span of the data set, or of the day of it that is looked at. */
  readonly datasetMinSec: number;
  readonly datasetMaxSec: number;
}

/** One of the two statistical sub-scores with its parts. */
export interface EvennessScore {
  /** (1 - |skewness| + madScore) / 2, to three decimals. */
  readonly score: number;
  readonly median: number;
  /** Median absolute deviation from the median. */
  readonly mad: number;
  /** (median - mad) / median, not below 0; a default where the median is below 1. */
  readonly madScore: number;
  /** Bowley's skewness of the quartiles; 0 where they span less than 10. */
  readonly skewness: number;
}

export interface RitaBeaconScore {
  /** A quarter of each of ts, ds, dur and hist, to three decimals. 0..1. */
  readonly score: number;
  /** `score` on RITA's scale of threat: 0 below 0.5, 0.2 to 0.8 above. */
  readonly threat: number;
  readonly ts: number;
  readonly ds: number;
  readonly dur: number;
  readonly hist: number;
  readonly intervals: EvennessScore;
  /** Absent where there are fewer than three sizes; ds is 0 then. */
  readonly sizes?: EvennessScore;
  /** Share of the data set between the first and the last connection. */
  readonly coverage: number;
  /** Longest run of non-empty bins over 12. */
  readonly consistency: number;
  /** Non-empty bins of 24. */
  readonly bars: number;
  readonly longestRun: number;
  /** 1 - coefficient of variation of the 24 bins. */
  readonly variationScore: number;
  /** Share of the bars that have one of the two most common heights. */
  readonly modalScore: number;
  readonly histogram: readonly number[];
}

const BINS = 24;
const IDEAL_RUN = 12;
const MIN_BARS_DURATION = 6;
const MIN_BARS_MODAL = 11;
const MODE_SENSITIVITY = 0.05;
const MIN_SPREAD = 10;

/**
 * RITA 5's beacon score. Undefined where RITA gives none: fewer than four timestamps or three intervals above 0, or an empty data set span.
 * Timestamps outside the span count in the first or the last bin.
 */
export function ritaBeaconScore(series: BeaconSeries): RitaBeaconScore | undefined {
  const { datasetMinSec, datasetMaxSec } = series;
  const times = sorted(series.timestampsSec);
  const span = datasetMaxSec - datasetMinSec;
  if (times.length < 4 || !(span > 0)) return undefined;
  const gaps: number[] = [];
  for (let i = 1; i < times.length; i++) {
    const gap = at(times, i) - at(times, i - 1);
    if (gap > 0) gaps.push(gap);
  }
  if (gaps.length < 3) return undefined;
  const intervals = evenness(gaps, 1);
  const sizes = series.sizes.length >= 3 ? evenness(series.sizes, 0) : undefined;

  const histogram = new Array<number>(BINS).fill(0);
  for (const t of times) {
    const bin = Math.min(BINS - 1, Math.max(0, binOf(t, datasetMinSec, datasetMaxSec)));
    histogram[bin] = at(histogram, bin) + 1;
  }
  const heights = histogram.filter((h) => h > 0);
  const bars = heights.length;
  const longestRun = longestCircularRun(histogram);

  const cv = standardDeviation(histogram) / (times.length / BINS);
  const variationScore = cv > 1 ? 0 : round3(1 - cv);
  const modalScore = modalFit(heights);
  const hist = Math.max(variationScore, modalScore);

  const enough = bars >= MIN_BARS_DURATION;
  const coverage = enough ? Math.min(1, ceil3((at(times, times.length - 1) - at(times, 0)) / span)) : 0;
  const consistency = enough ? Math.min(1, ceil3(longestRun / IDEAL_RUN)) : 0;
  const dur = Math.max(coverage, consistency);

  const ts = intervals.score;
  const ds = sizes?.score ?? 0;
  const score = round3(0.25 * ts + 0.25 * ds + 0.25 * dur + 0.25 * hist);
  return {
    score,
    threat: ritaThreatScore(score * 100, BEACON_THREAT),
    ts,
    ds,
    dur,
    hist,
    intervals,
    ...(sizes === undefined ? {} : { sizes }),
    coverage,
    consistency,
    bars,
    longestRun,
    variationScore,
    modalScore,
    histogram,
  };
}

/** Where RITA's categories of threat begin. */
export interface ThreatThresholds {
  readonly base: number;
  readonly low: number;
  readonly medium: number;
  readonly high: number;
}

/** The shipped thresholds of the beacon score, in hundredths. */
export const BEACON_THREAT: ThreatThresholds = { base: 50, low: 70, medium: 90, high: 100 };

/** RITA's bucketed score: 0 below `base`, then straight lines from 0.2 at base to 0.4 at low, 0.6 at medium and 0.8 at high and above. */
export function ritaThreatScore(value: number, { base, low, medium, high }: ThreatThresholds): number {
  if (!(value >= base)) return 0;
  if (value < low) return 0.2 + (0.2 * (value - base)) / (low - base);
  if (value < medium) return 0.4 + (0.2 * (value - low)) / (medium - low);
  return 0.6 + (0.2 * (Math.min(value, high) - medium)) / (high - medium);
}

/**
 * What RITA 5 selects of the connections of one initiator to one server name (or address), the input of its score: the connections from the beginning of the hour on in
 * which the last 24 hours of the data set begin (it keeps connections by the hour, `analysis/spagooper.go`), once each however many requests they carried, with the whole second
 * in which they began and all bytes of the initiator from the IP header on. The span is the last 24 hours, to the second. `lastMs` is the start of the
 * last connection of the whole data set, epoch ms. The detector itself keeps milliseconds and looks at every day: see its header.
 */
export function ritaSeries(
  connections: Iterable<{ readonly startMs: number; readonly bytes: number }>,
  lastMs: number,
): BeaconSeries {
  const datasetMaxSec = Math.floor(lastMs / 1000);
  const datasetMinSec = datasetMaxSec - DAY_MS / 1000;
  const fromSec = datasetMinSec - (datasetMinSec % 3600);
  const timestampsSec: number[] = [];
  const sizes: number[] = [];
  for (const { startMs, bytes } of connections) {
    const second = Math.floor(startMs / 1000);
    if (second < fromSec || second > datasetMaxSec) continue;
    timestampsSec.push(second);
    sizes.push(bytes);
  }
  return { timestampsSec, sizes, datasetMinSec, datasetMaxSec };
}

function evenness(values: ArrayLike<number>, defaultMadScore: number): EvennessScore {
  const v = sorted(values);
  const n = v.length;
  const half = n >> 1;
  // Quartiles as medians of the halves; the middle element belongs to neither.
  const q1 = medianSorted(v, 0, half);
  const q2 = medianSorted(v, 0, n);
  const q3 = medianSorted(v, n - half, n);
  const skewness = q3 - q1 < MIN_SPREAD || q2 === q1 || q2 === q3 ? 0 : (q1 + q3 - 2 * q2) / (q3 - q1);
  const mad = medianAbsoluteDeviation(v);
  const madScore = q2 < 1 ? defaultMadScore : Math.max(0, (q2 - mad) / q2);
  return { score: round3((1 - Math.abs(skewness) + madScore) / 2), median: q2, mad, madScore, skewness };
}

/** Bin of a time; the edges are computed as multiples of the step, so that a time on an edge falls into the bin above it. */
function binOf(t: number, min: number, max: number): number {
  const step = (max - min) / BINS;
  let bin = Math.floor((t - min) / step);
  while (bin > 0 && t < min + bin * step) bin--;
  while (bin < BINS - 1 && t >= min + (bin + 1) * step) bin++;
  return bin;
}

/** Longest run of bins that are not empty; the last bin is followed by the first. */
function longestCircularRun(histogram: readonly number[]): number {
  let run = 0;
  let longest = 0;
  for (let i = 0; i < 2 * histogram.length; i++) {
    run = at(histogram, i % histogram.length) > 0 ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return Math.min(longest, histogram.length);
}

/** How many of the bars have one of the two most common heights, heights being grouped by a twentieth of the highest; one bar is forgiven. */
function modalFit(heights: readonly number[]): number {
  if (heights.length < MIN_BARS_MODAL) return 0;
  const width = Math.ceil(heights.reduce((a, b) => Math.max(a, b), 0) * MODE_SENSITIVITY);
  const counts = new Map<number, number>();
  for (const height of heights) {
    const group = Math.floor(height / width);
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  const [largest = 0, second = 0] = [...counts.values()].sort((a, b) => b - a);
  return Math.min(1, round3((largest + second) / Math.max(heights.length - 1, 1)));
}

/** Rounded to three decimals. */
export function round3(x: number): number {
  return Math.round(x * 1000) / 1000;
}

function ceil3(x: number): number {
  return Math.ceil(x * 1000) / 1000;
}

/** An element that is known to be there. */
function at(values: ArrayLike<number>, i: number): number {
  return values[i] ?? Number.NaN;
}
