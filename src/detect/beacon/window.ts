import { median } from '../../core/index.ts';
import { compareText } from '../case.ts';
import type { Recording } from '../recording.ts';
import type { Connection } from './pairs.ts';
import { periodTest } from './period-test.ts';
import { type RitaBeaconScore, ritaBeaconScore } from './rita-score.ts';

/** The windows of time in which a series of connections is scored, and how: `beacon.ts` says why. */

/** Connections that begin less than this after the one before are one event. */
const EVENT_GAP_MS = 1000;
/** More connections per event than this, on average, are load or pages and not a beacon. */
const MAX_CONNECTIONS_PER_EVENT = 4;
/** Jitter of arrivals by chance: median absolute deviation over median of an exponential distribution is 0.4812 / 0.6931. */
export const CHANCE_JITTER = 0.694;
const FULL_REGULARITY_JITTER = 0.4;
const DAY_MS = 86_400_000;
/** A series that was silent for longer than this, and than so many of its usual intervals, begins anew. */
const BREAK_MS = 900_000;
const BREAK_INTERVALS = 10;
/** What a part of a day counts for, and the share of the day from which on it is no part. */
export const PART_WEIGHT = 0.8;
const NO_PART = 0.9;
/** No part of an input is shorter, however short the input is. */
const LEAST_PART_MS = 60_000;
/** A day that scores so much of the best day's score is as good. */
const NEARLY = 0.95;
/** At this p-value of the period test regularity is full, and above the other it is none. */
const SURE_PERIOD = -8;
export const NO_PERIOD = -2;

/** What is scored, and from when on it counts. */
export interface WindowSettings {
  readonly minScore: number;
  readonly fullIntervals: number;
  readonly minWindowMs: number;
  /** Start of the first and of the last flow of the input, epoch ms. */
  readonly minMs: number;
  readonly maxMs: number;
  /** The parts of the input between which nobody did anything for long, by time. */
  readonly recordings: readonly Recording[];
  /** What the score of a series counts for, 0 to 1. */
  readonly weightOf: (connections: readonly Connection[]) => number;
}

export class WindowJudge {
  readonly #minScore: number;
  readonly #fullIntervals: number;
  readonly #minWindowMs: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #recordings: readonly Recording[];
  readonly #weightOf: WindowSettings['weightOf'];

  constructor({ minScore, fullIntervals, minWindowMs, minMs, maxMs, recordings, weightOf }: WindowSettings) {
    this.#minScore = minScore;
    this.#fullIntervals = fullIntervals;
    this.#minWindowMs = minWindowMs;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#recordings = recordings;
    this.#weightOf = weightOf;
  }

  /** The best window of a series; undefined where none has enough of it to be scored. Sorts the connections by time. */
  judge(connections: Connection[]): Judged | undefined {
    connections.sort(
      (a, b) =>
        a.startMs - b.startMs ||
        difference(a.id, b.id) ||
        difference(a.bytes, b.bytes) ||
        compareText(a.responder, b.responder),
    );
    const days: Judged[] = [];
    let from = 0;
    while (from < connections.length) {
      const day = this.#dayOf(connections[from]);
      let to = from;
      while (to < connections.length && this.#dayOf(connections[to]) === day) to++;
      const judged = this.#judgeDay(connections.slice(from, to), day);
      if (judged !== undefined) days.push(judged);
      from = to;
    }
    const bestDay = bestOf(days);
    if (bestDay !== undefined && bestDay.score >= PART_WEIGHT) return bestDay;
    const others = this.#otherWindows(connections);
    return others.length === 0 ? bestDay : bestOf([...(bestDay === undefined ? [] : [bestDay]), ...others]);
  }

  /** Windows other than days that show a beacon. @param connections by time */
  #otherWindows(connections: readonly Connection[]): Judged[] {
    const found: Judged[] = [];
    const add = (judged: Judged | undefined): void => {
      if (judged !== undefined && judged.score >= this.#minScore) found.push(judged);
    };
    // Less is not believed enough to be reported, however even it is.
    const least = Math.ceil(this.#fullIntervals * this.#minScore);
    if (connections.length <= least) return found;
    const spanMs = this.#maxMs - this.#minMs;
    if (spanMs > DAY_MS) add(this.#judgeWindow(connections, { beginMs: this.#minMs, endMs: this.#maxMs, kind: 'all' }));
    if (this.#recordings.length > 1)
      for (const { beginMs, endMs } of this.#recordings) {
        if (endMs - beginMs > DAY_MS) continue;
        const inside = connections.filter(({ startMs }) => startMs >= beginMs && startMs <= endMs);
        if (inside.length > least) add(this.#judgeWindow(inside, { beginMs, endMs, kind: 'recording' }));
      }
    for (const stretch of stretchesOf(connections)) {
      if (stretch.length <= least) continue;
      const firstMs = stretch[0]?.startMs ?? Number.NaN;
      const lastMs = stretch[stretch.length - 1]?.startMs ?? Number.NaN;
      const whole = this.#recordingOf(firstMs, lastMs);
      const wholeMs = whole.endMs - whole.beginMs;
      const leastMs = Math.min(this.#minWindowMs, Math.max(LEAST_PART_MS, (this.#minWindowMs * wholeMs) / DAY_MS));
      const endMs = Math.min(whole.endMs, Math.max(lastMs, firstMs + leastMs));
      const beginMs = Math.max(whole.beginMs, Math.min(firstMs, endMs - leastMs));
      if (endMs - beginMs >= NO_PART * Math.min(DAY_MS, wholeMs)) continue;
      const judged = this.#judgeWindow(stretch, { beginMs, endMs, kind: 'part' });
      if (endMs - beginMs >= this.#minWindowMs || (judged !== undefined && judged.confidence >= 1)) add(judged);
    }
    return found;
  }

  /** The recording that holds a time; the whole input where none holds all of it. */
  #recordingOf(firstMs: number, lastMs: number): Recording {
    return (
      this.#recordings.find(({ beginMs, endMs }) => firstMs >= beginMs && lastMs <= endMs) ?? {
        beginMs: this.#minMs,
        endMs: this.#maxMs,
      }
    );
  }

  /** Days counted back from the end of the data set: 0 is the last. */
  #dayOf(connection: Connection | undefined): number {
    return Math.floor((this.#maxMs - (connection?.startMs ?? Number.NaN)) / DAY_MS);
  }

  #judgeDay(connections: readonly Connection[], day: number): Judged | undefined {
    const endMs = this.#maxMs - day * DAY_MS;
    return this.#judgeWindow(connections, { beginMs: Math.max(this.#minMs, endMs - DAY_MS), endMs, kind: 'day' });
  }

  #judgeWindow(connections: readonly Connection[], window: Window): Judged | undefined {
    const { beginMs, endMs, kind } = window;
    const starts: number[] = [];
    const sizes: number[] = [];
    let previousMs = Number.NEGATIVE_INFINITY;
    for (const { startMs, bytes } of connections) {
      if (startMs - previousMs >= EVENT_GAP_MS) {
        starts.push(startMs);
        sizes.push(bytes);
      } else {
        sizes[sizes.length - 1] = at(sizes, sizes.length - 1) + bytes;
      }
      previousMs = startMs;
    }
    if (connections.length > MAX_CONNECTIONS_PER_EVENT * starts.length) return undefined;
    const rita = ritaBeaconScore({
      timestampsSec: starts.map((ms) => (ms - beginMs) / 1000),
      sizes: sizes.filter((size) => !Number.isNaN(size)),
      datasetMinSec: 0,
      datasetMaxSec: (endMs - beginMs) / 1000,
    });
    if (rita === undefined) return undefined;
    const gaps = starts.slice(1).map((ms, i) => ms - at(starts, i));
    const medianMs = median(gaps);
    const madMs = median(gaps.map((gap) => Math.abs(gap - medianMs)));
    const excessMs = medianMs - EVENT_GAP_MS;
    const jitter = excessMs > 0 ? madMs / excessMs : CHANCE_JITTER;
    const byJitter = Math.min(1, Math.max(0, (CHANCE_JITTER - jitter) / (CHANCE_JITTER - FULL_REGULARITY_JITTER)));
    const logP = periodTest(gaps, EVENT_GAP_MS, medianMs);
    const regularity = logP > NO_PERIOD ? 0 : Math.max(byJitter, Math.min(1, logP / SURE_PERIOD));
    const confidence = Math.min(1, gaps.length / this.#fullIntervals) * regularity;
    return {
      rita,
      connections,
      events: starts.length,
      intervals: gaps.length,
      medianMs,
      madMs,
      jitter,
      logP,
      confidence,
      score: rita.score * confidence * this.#weightOf(connections) * (kind === 'part' ? PART_WEIGHT : 1),
      spanMs: at(starts, starts.length - 1) - at(starts, 0),
      datasetMs: endMs - beginMs,
      window: kind,
      inputMs: this.#maxMs - this.#minMs,
    };
  }
}

/** What a series shows in the window that shows it best. */
export interface Judged {
  readonly rita: RitaBeaconScore;
  /** Of the day that was judged, by time. */
  readonly connections: readonly Connection[];
  readonly events: number;
  readonly intervals: number;
  readonly medianMs: number;
  readonly madMs: number;
  readonly jitter: number;
  /** Of the period test. */
  readonly logP: number;
  readonly confidence: number;
  readonly score: number;
  readonly spanMs: number;
  /** Length of the window. */
  readonly datasetMs: number;
  readonly window: Window['kind'];
  /** Length of the input. */
  readonly inputMs: number;
}

/** A time that is scored: a day counted back from the end, the whole input, one of several recordings in it, or the part of a day in which the series went on. */
interface Window {
  readonly beginMs: number;
  readonly endMs: number;
  readonly kind: 'day' | 'all' | 'recording' | 'part';
}

/** Nearly as good and longer is better, so that a beacon of a day is not told by its first hours; ties go to the latest. */
function bestOf(windows: readonly Judged[]): Judged | undefined {
  const best = windows.reduce((most, { score }) => Math.max(most, score), 0);
  return windows
    .filter(({ score }) => score >= NEARLY * best)
    .reduce<Judged | undefined>(
      (most, one) => (most === undefined || one.events >= most.events ? one : most),
      undefined,
    );
}

/** The connections of a series, parted at long silences. @param connections by time */
function stretchesOf(connections: readonly Connection[]): Connection[][] {
  const gaps: number[] = [];
  for (let i = 1; i < connections.length; i++) {
    const gap = (connections[i]?.startMs ?? Number.NaN) - (connections[i - 1]?.startMs ?? Number.NaN);
    if (gap >= EVENT_GAP_MS) gaps.push(gap);
  }
  if (gaps.length === 0) return [];
  const longest = Math.max(BREAK_MS, BREAK_INTERVALS * median(gaps));
  const stretches: Connection[][] = [];
  let previousMs = Number.NEGATIVE_INFINITY;
  for (const connection of connections) {
    const current = stretches[stretches.length - 1];
    if (current === undefined || connection.startMs - previousMs > longest) stretches.push([connection]);
    else current.push(connection);
    previousMs = connection.startMs;
  }
  return stretches;
}

/** Ascending; equal where either is missing. */
export function difference(a: number | undefined, b: number | undefined): number {
  if (a === undefined || b === undefined || Number.isNaN(a) || Number.isNaN(b)) return 0;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** An element that is known to be there. */
function at(values: ArrayLike<number>, i: number): number {
  return values[i] ?? Number.NaN;
}
