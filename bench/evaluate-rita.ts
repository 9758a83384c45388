/**
 * RITA's beacon scores on its own test data (rita/proxy), ours beside them.
 *
 * What RITA's integration test says of the two pairs (`integration/beacons_test.go` of activecm/rita) comes from two forms of its formula, and the test holds them to
 * within 0.05 only. www.google.com has the values of RITA 5. www.honestimnotevil.com has those of RITA 4.8 (`pkg/beaconsni/analyzer.go` of activecm/rita-legacy): sub-scores are rounded
 * up, quartiles and deviations are elements of the sorted list, and the size score has a third part, 1 - mode / 65,535. All 357 connections of that pair sent 1,049 bytes, so that by
 * RITA 5's own formula its size score is 1. Both forms are computed here on what RITA selects, and each published row has to agree with its form to the third decimal.
 */
import { join } from 'node:path';
import { type BeaconSeries, ritaBeaconScore, ritaSeries } from '../src/detect/index.ts';
import { readCsv } from './evaluate-log.ts';

export const RITA_PATH = 'rita/proxy';

/** Timestamps, sizes, duration, histogram and the whole. */
export interface SubScores {
  readonly score: number;
  readonly ts: number;
  readonly ds: number;
  readonly dur: number;
  readonly hist: number;
}

interface Published extends SubScores {
  readonly pair: readonly [initiator: string, name: string];
  readonly connections: number;
  /** The form of the formula that gives these numbers. */
  readonly form: 'RITA 5' | 'RITA 4.8';
}

const PUBLISHED: readonly Published[] = [
  {
    pair: ['10.136.0.18', 'www.honestimnotevil.com'],
    connections: 357,
    form: 'RITA 4.8',
    score: 0.979,
    ts: 0.921,
    ds: 0.995,
    dur: 1,
    hist: 1,
  },
  {
    pair: ['10.136.0.18', 'www.google.com'],
    connections: 6,
    form: 'RITA 5',
    score: 0.586,
    ts: 0.48,
    ds: 0.865,
    dur: 1,
    hist: 0,
  },
];

export interface RitaPair {
  readonly pair: string;
  readonly connections: number;
  readonly now: SubScores;
  readonly before: SubScores;
  /** What RITA's test says; absent for a pair that it does not have. */
  readonly published: Published | undefined;
  /** Connections and all five numbers are those of the published form, to the third decimal. */
  readonly agrees: boolean;
}

/** All pairs of initiator and server name in the results of a run that RITA would score. */
export function ritaPairs(results: string): RitaPair[] {
  const pairs = new Map<string, { startMs: number; bytes: number }[]>();
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const row of readCsv(join(results, 'flows.csv'))) {
    // Without packets it is not in conn.log, and RITA takes nothing else.
    if (row.initiatorPackets === '') continue;
    const startMs = Number(row.startMs);
    lastMs = Math.max(lastMs, startMs);
    // Both logs name the server of a proxied connection; RITA counts the connection once.
    const name = row.httpHost || row.serverName;
    if (name === undefined || name === '') continue;
    const key = `${row.initiator} ${name}`;
    const connections = pairs.get(key) ?? [];
    pairs.set(key, connections);
    connections.push({ startMs, bytes: Number(row.initiatorBytes) });
  }
  return [...pairs].flatMap(([key, connections]) => {
    const series = ritaSeries(connections, lastMs);
    const now = ritaBeaconScore(series);
    if (now === undefined) return [];
    const before = olderScore(series);
    const published = PUBLISHED.find(({ pair }) => pair.join(' ') === key);
    const count = series.timestampsSec.length;
    const ours = published?.form === 'RITA 5' ? now : before;
    const agrees =
      published !== undefined &&
      published.connections === count &&
      (['score', 'ts', 'ds', 'dur', 'hist'] as const).every(
        (part) => ours[part].toFixed(3) === published[part].toFixed(3),
      );
    return [{ pair: key.replace(' ', ' -> '), connections: count, now, before, published, agrees }];
  });
}

/** What is not as published, one sentence each. */
export function ritaDisagreements(pairs: readonly RitaPair[]): string[] {
  const missing = PUBLISHED.filter(({ pair }) => !pairs.some((one) => one.pair === pair.join(' -> ')));
  return [
    ...missing.map(({ pair }) => `${RITA_PATH}: ${pair.join(' -> ')} is not scored`),
    ...pairs
      .filter((one) => !one.agrees)
      .map(
        (one) =>
          `${RITA_PATH}: ${one.pair}: ${one.published === undefined ? 'RITA does not score it' : "the score is not RITA's"}`,
      ),
  ];
}

export const RITA_HEAD = ['pair', 'connections', 'numbers of', 'score', 'timestamps', 'sizes', 'duration', 'histogram'];

export function ritaRows(pairs: readonly RitaPair[]): string[][] {
  const line = (one: RitaPair, whose: string, { score, ts, ds, dur, hist }: SubScores, n: number): string[] => [
    one.pair,
    String(n),
    whose,
    ...[score, ts, ds, dur, hist].map((value) => value.toFixed(3)),
  ];
  return pairs.flatMap((one) => [
    ...(one.published === undefined ? [] : [line(one, "RITA's test", one.published, one.published.connections)]),
    line(one, 'ours, formula of RITA 5', one.now, one.connections),
    line(one, 'ours, formula of RITA 4.8', one.before, one.connections),
  ]);
}

// --------------------------------------------------------------------------------------------------------------------- RITA 4.8

const BINS = 24;
const up3 = (x: number): number => Math.ceil(x * 1000) / 1000;

function olderScore({ timestampsSec, sizes, datasetMinSec, datasetMaxSec }: BeaconSeries): SubScores {
  const times = Array.from(timestampsSec).sort((a, b) => a - b);
  const gaps = times
    .slice(1)
    .map((t, i) => t - (times[i] ?? t))
    .filter((gap) => gap > 0);
  const small = Math.max(0, 1 - modeOf(Array.from(sizes)) / 65_535);
  const ts = up3(mean([...evenness(gaps, 1)]));
  const ds = up3(mean([...evenness(Array.from(sizes), 0), small]));

  const step = Math.floor((datasetMaxSec - datasetMinSec) / BINS);
  const bins = new Array<number>(BINS).fill(0);
  for (const t of times) {
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor((t - datasetMinSec) / step)));
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  const bars = bins.filter((n) => n > 0);
  const average = times.length / BINS;
  const deviation = Math.sqrt(mean(bins.map((n) => (n - average) ** 2)));
  const steady = up3(1 - Math.min(1, deviation / average));
  const width = Math.ceil(Math.max(...bars) * 0.05);
  const heights = new Map<number, number>();
  for (const n of bars) heights.set(Math.floor(n / width), (heights.get(Math.floor(n / width)) ?? 0) + 1);
  const [most = 0, second = 0] = [...heights.values()].sort((a, b) => b - a);
  const modal = bars.length < 11 ? 0 : Math.min(1, up3((most + second) / Math.max(1, bars.length - 1)));
  const hist = Math.max(steady, modal);

  const span = (times[times.length - 1] ?? 0) - (times[0] ?? 0);
  const coverage = Math.min(1, up3(span / (datasetMaxSec - datasetMinSec)));
  const dur = bars.length < 6 ? 0 : Math.max(coverage, Math.min(1, up3(longestRun(bins) / 12)));
  return { score: up3((ts + ds + dur + hist) / 4), ts, ds, dur, hist };
}

/** Scores of the skewness and of the deviation. */
function evenness(values: readonly number[], withoutMedian: number): [number, number] {
  const [q1, q2, q3] = [0.25, 0.5, 0.75].map((q) => quantile(values, q)) as [number, number, number];
  const isSkewed = q3 - q1 >= 10 && q2 !== q1 && q2 !== q3;
  const skewness = isSkewed ? (q1 + q3 - 2 * q2) / (q3 - q1) : 0;
  const deviation = quantile(
    values.map((value) => Math.abs(value - q2)),
    0.5,
  );
  return [1 - Math.abs(skewness), q2 < 1 ? withoutMedian : Math.max(0, 1 - deviation / q2)];
}

function quantile(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.round(q * (values.length - 1))] ?? Number.NaN;
}

/** The smallest of the most frequent values. */
function modeOf(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of [...values].sort((a, b) => a - b)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), [0, 0])[0];
}

function longestRun(bins: readonly number[]): number {
  let run = 0;
  let longest = 0;
  for (const n of [...bins, ...bins]) {
    run = n > 0 ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return Math.min(longest, bins.length);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
