import {
  counted,
  humanBytes,
  humanCount,
  humanDuration,
  median,
  medianAbsoluteDeviation,
  medianSorted,
  numberAt,
  sorted,
  standardDeviation,
  type Table,
  textAt,
} from '../core/index.ts';
import { popularRank } from '../feature/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { parseAddress } from '../wire/index.ts';
import { BoundedMap, Cap, saturationsOf } from './bounded.ts';
import { ConversationJudge } from './conversation.ts';
import {
  type Detection,
  type Detector,
  type DetectorInfo,
  type EvidenceFlow,
  MAX_PEERS,
  type NetworkContext,
  type Reason,
} from './detection.ts';
import { EvidencePool } from './evidence-pool.ts';
import { NO_PORT, NONE, PairTable, pairHash, TextHashes } from './pair.ts';

/**
 * Connections at regular times: an implant that asks its operator for work ("command and control", ATT&CK T1071) sleeps, calls, sleeps, calls.
 *
 * What is scored. A series is all connections of one initiator to one server name (TLS SNI or HTTP Host, without the port), wherever it lives and
 * through whatever proxy; and all connections to one responder address, port and protocol that no scored name has claimed. Nothing is scored
 * twice. Inside to inside counts as well as inside to outside. Connections that begin less than 1 s after the one before are one event, with
 * their sizes added up: a client that opens three connections at a time has one rhythm, not two, and a page that opens thirty is one event.
 *
 * The score is that of RITA 5 (Active Countermeasures, `analysis/beacons.go`, see `ritaBeaconScore`): how even the intervals are, how even the
 * initiator's sizes are, how much of the time it lasts, how flat it is over time; a quarter each. Of a capture longer than a day every day is
 * scored by itself, counted back from the end, and the best one speaks. Where no day shows a beacon as clearly, other windows are tried: the whole input, in which calls every few hours
 * become a rhythm; and the stretches in which the series went on without a long silence (more than a quarter of an hour and than ten usual intervals), an hour at least, for an implant that worked for a part of a
 * day. A stretch counts for 0.8 of its score, as a page that somebody left open for an hour does the same. RITA's clock ticks in seconds; here times keep their milliseconds,
 * which matters for a beacon of a few seconds, where whole seconds alone would look like jitter. Two traits of the formula need care in
 * short captures: skewness counts as none while the middle half of the intervals spans less than 10 s, and coverage is full as soon as the
 * series is as long as the capture. So a handful of connections in a minute scores high for no reason. Therefore:
 *
 *   detection score = RITA score x min(1, intervals / 20) x regularity
 *
 * Regularity compares the intervals with arrivals by pure chance, in two ways of which the better counts. Jitter is the median absolute deviation over the median less the
 * second that separates two events; by chance it is 0.69 (exponential intervals). Regularity is 1 up to a jitter of 0.4 (a sleep varied evenly
 * by 80 % either way) and falls to 0 at 0.69. The period test (`periodTest`) asks how well a period with even jitter explains all intervals, missed calls included, where chance
 * alone would make them; its p-value of 1e-8 makes regularity 1 whatever the jitter, and one above 0.01 makes it 0. Four evenly spaced connections reach at
 * most 0.15, a dozen 0.55, and a detection needs 0.5. The RITA score is shown beside it, whole, with its shares.
 *
 * Attempts. An implant whose server is gone calls on: TCP connections of a host inside to a host that refuses them or never answers are series of their own, scored in the same
 * way (`beacon.attempts`). Inside to inside they count half: that is a printer that is switched off.
 *
 * Not beacons, by mechanism (see `ConversationJudge`): protocols that are periodic by design or driven by other traffic (DNS, NTP, DHCP, SSDP,
 * NetBIOS names, SNMP ...); ARP, ICMP, IGMP and all else that is not TCP or UDP; multicast and broadcast; attempts that were refused or never
 * answered, for the rhythm of those that were answered. Further, rows that go on from an earlier one, and TCP whose
 * beginning was not seen, because their first packet is not the start of a connection; more than four connections per event on average, and
 * connections without a pause of a second (load).
 *
 * What fools it: sleep drawn from an exponential distribution, or varied by more than the period itself; fewer than a dozen calls in the
 * capture; a beacon inside one long connection (see long-connection) or inside DNS; a new name and address for every call; random sizes cost it
 * up to a quarter. A packet with a wildly wrong clock stretches the capture and costs coverage. Innocent: software updates, mail and news polling,
 * telemetry and health checks are beacons in every respect but intent, and will be found; a person or an allow list must say so. What helps to
 * tell them apart is how many hosts of the home network call the same place (RITA's prevalence): from five on the reason `beacon.prevalence` says so; and whether the name is one of
 * the popular ones: `beacon.popular`.
 *
 * Cost: one look-up per TCP or UDP flow, 36 bytes per kept connection, sorting at the end. Bounds: pairs with at least three connections
 * (`maxPairs`), connections in all (`maxConnections`) and per pair (86,400, as RITA), and pairs seen once or twice in two generations of
 * `maxCandidates`: when the young one is full the old one is dropped and counted, so a flood of one-off pairs makes way for itself and never pushes
 * out a pair that was admitted. At 86,400 connections a day a pair is a strobe, RITA's word for a connection per second all day.
 */
export const beaconInfo: DetectorInfo = {
  id: 'beacon',
  kinds: ['beacon.interval', 'beacon.attempts', 'beacon.strobe'],
  needs: ['initiator', 'responder', 'protocol', 'startMs', 'initiatorBytes'],
  sees: 'A host that connects to the same name or address again and again, at even intervals and with even sizes, or tries to where nobody answers.',
  fooledBy:
    'Exponential or very wide random sleep, fewer than a dozen calls, calls inside one long connection or inside DNS, a new destination for every call. Updates, mail polling and health checks look the same and are found too.',
  cost: 'One look-up per flow, 36 bytes per kept connection, a sort per pair at the end.',
  source:
    'RITA 5 beacon score (Active Countermeasures, analysis/beacons.go); a likelihood ratio of a period against chance',
};

// ---------------------------------------------------------------------------------------------------------------- the formula

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

function round3(x: number): number {
  return Math.round(x * 1000) / 1000;
}

function ceil3(x: number): number {
  return Math.ceil(x * 1000) / 1000;
}

// ------------------------------------------------------------------------------------------------------------- the period test

/** Jitters that are tried, as shares of the period, each as likely as the others. */
const JITTERS = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1] as const;
/** Shares of the intervals that are one, two and three periods long (calls that were missed or not seen); the rest is by chance. */
const BEATS = [0.85, 0.07, 0.03] as const;
const BY_CHANCE = 0.05;

/**
 * How likely chance makes intervals that a period explains so well: an upper bound of the p-value, as its logarithm to base 10, at most 0.
 *
 * Chance is a Poisson process with a dead time: intervals are `deadMs` and an exponential rest of the same mean as seen, which favours chance. The period is their median, with
 * an even jitter of unknown width (the mean over `JITTERS`), calls missed now and then, and 5 % of the intervals by chance. The likelihood ratio of the two has the mean 1 where
 * chance is true, so it reaches 1 / p with a probability of at most p (Markov's inequality). The median is taken from the same data, which makes the bound a little too small.
 *
 * @param gapsMs the intervals, in any order, each at least `deadMs`; fewer than three say nothing: 0.
 */
export function periodTest(gapsMs: readonly number[], deadMs: number): number {
  const n = gapsMs.length;
  if (n < 3) return 0;
  const mean = gapsMs.reduce((sum, gap) => sum + Math.max(0, gap - deadMs), 0) / n;
  const period = median(gapsMs);
  // Below a microsecond nothing is measured.
  if (!(mean >= 1e-3) || !(period >= 1e-3)) return 0;
  const logs = JITTERS.map((jitter) => {
    const width = jitter * period;
    let log = 0;
    for (const gap of gapsMs) {
      const logChance = -Math.max(0, gap - deadMs) / mean - Math.log(mean);
      let beats = 0;
      BEATS.forEach((share, i) => {
        if (Math.abs(gap - (i + 1) * period) <= width) beats += share / (2 * width);
      });
      const ratio = beats === 0 ? Number.NEGATIVE_INFINITY : Math.log(beats) - logChance;
      log += ratio > 30 ? ratio : Math.log(Math.exp(ratio) + BY_CHANCE);
    }
    return log;
  });
  const most = Math.max(...logs);
  const sum = logs.reduce((total, log) => total + Math.exp(log - most), 0);
  return Math.min(0, -(most + Math.log(sum / logs.length)) / Math.LN10) + 0;
}

// --------------------------------------------------------------------------------------------------------------- the detector

export interface BeaconOptions {
  /** Detection score from which a series is reported. */
  readonly minScore: number;
  /** From so many intervals on a series is believed in full. */
  readonly fullIntervals: number;
  /** A part of a day is scored by itself as if it lasted so long at least. */
  readonly minWindowMs: number;
  /** Pairs with at least three connections. */
  readonly maxPairs: number;
  /** Pairs with one or two, per generation. */
  readonly maxCandidates: number;
  /** Connections kept in all. */
  readonly maxConnections: number;
  /** Connections kept per pair; a strobe from there on, as in RITA. */
  readonly maxConnectionsPerPair: number;
  /** Names told apart; what comes beyond is scored by address. */
  readonly maxNames: number;
  /** Evidence flows in all. */
  readonly maxEvidence: number;
}

export const DEFAULT_BEACON_OPTIONS: BeaconOptions = {
  minScore: 0.5,
  fullIntervals: 20,
  minWindowMs: 3_600_000,
  maxPairs: 20_000,
  maxCandidates: 16_384,
  maxConnections: 500_000,
  maxConnectionsPerPair: 86_400,
  maxNames: 20_000,
  maxEvidence: 10_000,
};

/** Connections that begin less than this after the one before are one event. */
const EVENT_GAP_MS = 1000;
/** More connections per event than this, on average, are load or pages and not a beacon. */
const MAX_CONNECTIONS_PER_EVENT = 4;
/** Jitter of arrivals by chance: median absolute deviation over median of an exponential distribution is 0.4812 / 0.6931. */
const CHANCE_JITTER = 0.694;
const FULL_REGULARITY_JITTER = 0.4;
const DAY_MS = 86_400_000;
/** A series that was silent for longer than this, and than so many of its usual intervals, begins anew. */
const BREAK_MS = 900_000;
const BREAK_INTERVALS = 10;
/** What a part of a day counts for, and the share of the day from which on it is no part. */
const PART_WEIGHT = 0.8;
const NO_PART = 0.9;
/** What the formula needs at least. */
const MIN_CONNECTIONS = 4;
/** More than there are names, and small enough that a number of an initiator times it stays exact. */
const NAME_NUMBERS = 2 ** 24;
const ADMIT_AT = 3;
/** A day that scores so much of the best day's score is as good. */
const NEARLY = 0.95;
const EVIDENCE_PER_PAIR = 10;
const MAX_NAME_LENGTH = 255;
/** At this p-value of the period test regularity is full, and above the other it is none. */
const SURE_PERIOD = -8;
const NO_PERIOD = -2;
/** Attempts inside the home network count for so much. */
const INSIDE_ATTEMPTS = 0.5;
/** Room that attempts take beside the calls. */
const ATTEMPTS_ROOM = 0.25;
/** From so many hosts inside on that call one place, it is said: of a few, most is no sign of anything. */
const MIN_COMMON_CALLERS = 5;

/** Where a pair stands: let in for good, or seen once or twice and in the young or the old generation of those. */
const ADMITTED = 0;
const YOUNG = 1;
const OLD = 2;

/** Services told apart of one pair. */
const MAX_SERVICES = 8;

/**
 * The connections of one initiator to one responder, port and protocol, for every such pair, in columns: with an object and an array for each pair tens of thousands of them took
 * three times as much. The connections of all pairs lie in one set of columns and are linked by pair, in the order in which they were kept.
 */
class Pairs {
  readonly table = new PairTable();
  /** Connections held. */
  connections = 0;
  /** Collector of the flows kept before the pair was admitted, from a budget of their own, and from then on: one-off pairs can't use up the evidence of others. */
  early = new Int32Array(0);
  evidence = new Int32Array(0);
  generation = new Uint8Array(0);
  /** Connections held of the pair, and connections in all. */
  count = new Int32Array(0);
  total = new Int32Array(0);
  firstMs = new Float64Array(0);
  lastMs = new Float64Array(0);
  /** Nearly every pair has one service: a map only where it is needed. */
  #service: (string | undefined)[] = [];
  #serviceCount = new Int32Array(0);
  #services = new Map<number, Map<string, number>>();
  #head = new Int32Array(0);
  #tail = new Int32Array(0);
  // Columns of connections.
  #used = 0;
  #free = NONE;
  #pair = new Int32Array(0);
  #next = new Int32Array(0);
  #startMs = new Float64Array(0);
  #bytes = new Float64Array(0);
  #id = new Float64Array(0);
  #name = new Int32Array(0);

  add(hash: number, initiator: string, responder: string, port: number, protocol: string, early: number): number {
    const pair = this.table.add(hash, initiator, responder, port, protocol);
    if (pair === NONE) return NONE;
    if (this.table.capacity > this.early.length) this.#growPairs(this.table.capacity);
    this.early[pair] = early;
    this.evidence[pair] = NONE;
    this.generation[pair] = YOUNG;
    this.count[pair] = 0;
    this.total[pair] = 0;
    this.firstMs[pair] = Number.POSITIVE_INFINITY;
    this.lastMs[pair] = Number.NEGATIVE_INFINITY;
    this.#service[pair] = undefined;
    this.#serviceCount[pair] = 0;
    this.#head[pair] = NONE;
    this.#tail[pair] = NONE;
    return pair;
  }

  remove(pair: number): void {
    for (let i = at(this.#head, pair); i !== NONE; ) {
      const next = at(this.#next, i);
      this.#next[i] = this.#free;
      this.#free = i;
      i = next;
    }
    this.connections -= at(this.count, pair);
    this.#services.delete(pair);
    this.#service[pair] = undefined;
    this.table.remove(pair);
  }

  saw(pair: number, startMs: number, service: string | undefined): void {
    this.total[pair] = at(this.total, pair) + 1;
    if (startMs < at(this.firstMs, pair)) this.firstMs[pair] = startMs;
    if (startMs > at(this.lastMs, pair)) this.lastMs[pair] = startMs;
    if (service === undefined) return;
    const first = this.#service[pair];
    let services = this.#services.get(pair);
    if (services === undefined && (first === undefined || first === service)) {
      this.#service[pair] = service;
      this.#serviceCount[pair] = at(this.#serviceCount, pair) + 1;
      return;
    }
    if (services === undefined) {
      services = new Map([[first ?? service, at(this.#serviceCount, pair)]]);
      this.#services.set(pair, services);
    }
    if (services.has(service) || services.size < MAX_SERVICES) services.set(service, (services.get(service) ?? 0) + 1);
  }

  keep(pair: number, startMs: number, bytes: number, id: number, name: number): void {
    let i = this.#free;
    if (i !== NONE) this.#free = at(this.#next, i);
    else {
      i = this.#used++;
      if (i >= this.#pair.length) this.#growConnections();
    }
    this.#pair[i] = pair;
    this.#next[i] = NONE;
    this.#startMs[i] = startMs;
    this.#bytes[i] = bytes;
    this.#id[i] = id;
    this.#name[i] = name;
    const tail = at(this.#tail, pair);
    if (tail === NONE) this.#head[pair] = i;
    else this.#next[tail] = i;
    this.#tail[pair] = i;
    this.count[pair] = at(this.count, pair) + 1;
    this.connections++;
  }

  /** The services seen of a pair, with how often. */
  services(pair: number): ReadonlyMap<string, number> {
    const services = this.#services.get(pair);
    if (services !== undefined) return services;
    const first = this.#service[pair];
    return new Map(first === undefined ? [] : [[first, at(this.#serviceCount, pair)]]);
  }

  /** The numbers of a pair's connections. */
  *connectionsOf(pair: number): Iterable<number> {
    for (let i = at(this.#head, pair); i !== NONE; i = at(this.#next, i)) yield i;
  }

  /** Number of the name that a connection called, or -1. */
  nameOf(connection: number): number {
    return at(this.#name, connection);
  }

  connection(i: number): Connection {
    const pair = at(this.#pair, i);
    return {
      pair,
      responder: this.table.responder(pair),
      startMs: at(this.#startMs, i),
      bytes: at(this.#bytes, i),
      id: at(this.#id, i),
    };
  }

  /** Admitted ones first. */
  inOrder(): number[] {
    const pairs = [...this.table.pairs()];
    return [ADMITTED, YOUNG, OLD].flatMap((g) => pairs.filter((pair) => at(this.generation, pair) === g));
  }

  #growPairs(n: number): void {
    this.early = grown(this.early, new Int32Array(n));
    this.evidence = grown(this.evidence, new Int32Array(n));
    this.generation = grown(this.generation, new Uint8Array(n));
    this.count = grown(this.count, new Int32Array(n));
    this.total = grown(this.total, new Int32Array(n));
    this.firstMs = grown(this.firstMs, new Float64Array(n));
    this.lastMs = grown(this.lastMs, new Float64Array(n));
    this.#serviceCount = grown(this.#serviceCount, new Int32Array(n));
    this.#head = grown(this.#head, new Int32Array(n));
    this.#tail = grown(this.#tail, new Int32Array(n));
  }

  #growConnections(): void {
    const n = Math.max(64, 2 * this.#pair.length);
    this.#pair = grown(this.#pair, new Int32Array(n));
    this.#next = grown(this.#next, new Int32Array(n));
    this.#startMs = grown(this.#startMs, new Float64Array(n));
    this.#bytes = grown(this.#bytes, new Float64Array(n));
    this.#id = grown(this.#id, new Float64Array(n));
    this.#name = grown(this.#name, new Int32Array(n));
  }
}

interface Connection {
  readonly pair: number;
  readonly responder: string;
  readonly startMs: number;
  /** NaN where missing, as the id. */
  readonly bytes: number;
  readonly id: number;
}

/** Builds the detector. The network context plays a part for strobes alone: a beacon is one in any direction. */
export function createBeaconDetector(context: NetworkContext, options: Partial<BeaconOptions> = {}): Detector {
  const settings = { ...DEFAULT_BEACON_OPTIONS, ...options };
  const calls = new BeaconDetector(context, settings, 'calls');
  const room = (cap: number): number => Math.ceil(ATTEMPTS_ROOM * cap);
  const attempts = new BeaconDetector(
    context,
    {
      ...settings,
      maxPairs: room(settings.maxPairs),
      maxCandidates: room(settings.maxCandidates),
      maxConnections: room(settings.maxConnections),
      maxEvidence: room(settings.maxEvidence),
    },
    'attempts',
  );
  return {
    id: beaconInfo.id,
    observe(flows) {
      calls.observe(flows);
      attempts.observe(flows);
    },
    finish: () => [...calls.finish(), ...attempts.finish()].sort((a, b) => b.score - a.score),
    saturations: () => [...calls.saturations(), ...attempts.saturations()],
  };
}

/** Hashes of the addresses of a batch. */
interface EndHashes {
  readonly initiator: TextHashes;
  readonly responder: TextHashes;
}

class BeaconDetector {
  readonly id = beaconInfo.id;
  /** Whether it looks at connections that were answered, or at those that were not. */
  readonly #what: 'calls' | 'attempts';
  #context: NetworkContext;
  #minScore: number;
  #fullIntervals: number;
  #minWindowMs: number;
  #perPair: number;
  #pairCap: Cap;
  #candidateCap: Cap;
  #connectionCap: Cap;
  #perPairCap: Cap;
  #pool: EvidencePool;
  #earlyPool: EvidencePool;
  #pairs = new Pairs();
  /** How many there are of each generation. */
  #admitted = 0;
  #young = 0;
  #old = 0;
  #names: BoundedMap<string, number>;
  #nameTexts: string[] = [];
  #minMs = Number.POSITIVE_INFINITY;
  #maxMs = Number.NEGATIVE_INFINITY;

  constructor(context: NetworkContext, options: BeaconOptions, what: 'calls' | 'attempts') {
    const {
      minScore,
      fullIntervals,
      minWindowMs,
      maxPairs,
      maxCandidates,
      maxConnections,
      maxConnectionsPerPair,
      maxNames,
      maxEvidence,
    } = options;
    const noun = what === 'calls' ? 'connections' : 'attempts';
    this.#what = what;
    this.#fullIntervals = fullIntervals;
    this.#minWindowMs = minWindowMs;
    this.#context = context;
    this.#minScore = minScore;
    this.#perPair = maxConnectionsPerPair;
    this.#pairCap = new Cap(`pairs of hosts with repeated ${noun}`, maxPairs);
    this.#candidateCap = new Cap(`pairs of hosts ${what === 'calls' ? 'seen' : 'tried'} once or twice`, maxCandidates);
    this.#connectionCap = new Cap(`${noun} in all`, maxConnections);
    this.#perPairCap = new Cap(`${noun} of one pair`, maxConnectionsPerPair);
    this.#pool = new EvidencePool(maxEvidence);
    this.#earlyPool = new EvidencePool(Math.floor(maxEvidence / 4));
    this.#names = new BoundedMap(new Cap('names', maxNames));
  }

  observe(flows: Table): void {
    const batch = bindFlows(flows);
    const hashes = { initiator: new TextHashes(batch.initiator), responder: new TextHashes(batch.responder) };
    const judge = new ConversationJudge(batch);
    const isHome = this.#homeInitiators(batch);
    for (let row = 0; row < batch.rowCount; row++) {
      const startMs = numberAt(batch.startMs, row);
      if (startMs === undefined || !Number.isFinite(startMs)) continue;
      if (startMs < this.#minMs) this.#minMs = startMs;
      if (startMs > this.#maxMs) this.#maxMs = startMs;
      if (numberAt(batch.continued, row) === 1 || judge.beganUnseen(row)) continue;
      if (this.#what === 'calls' ? !judge.isConversation(row) : !judge.isAttempt(row) || !isHome(row)) continue;
      this.#take(batch, row, startMs, hashes);
    }
  }

  /** Whether the initiator of a row is of the home network; every address is asked once. */
  #homeInitiators({ initiator }: FlowBatch): (row: number) => boolean {
    const known: (boolean | undefined)[] = [];
    return (row) => {
      const code = initiator.codes[row] ?? -1;
      const is = known[code] ?? this.#context.isHome(initiator.dictionary[code] ?? '');
      known[code] = is;
      return is;
    };
  }

  #take(batch: FlowBatch, row: number, startMs: number, hashes: EndHashes): void {
    const initiator = textAt(batch.initiator, row);
    const responder = textAt(batch.responder, row);
    const protocol = textAt(batch.protocol, row);
    if (initiator === undefined || responder === undefined || protocol === undefined) return;
    const port = numberAt(batch.responderPort, row) ?? NO_PORT;
    const hash = pairHash(hashes.initiator.at(row), hashes.responder.at(row), port);
    const pairs = this.#pairs;
    const pair = this.#pairOf(hash, initiator, responder, port, protocol);
    if (pair === NONE) return;
    pairs.saw(pair, startMs, textAt(batch.service, row));
    const isThird = at(pairs.total, pair) === ADMIT_AT;
    if (isThird) pairs.evidence[pair] = this.#pool.collector(EVIDENCE_PER_PAIR);
    const evidence = at(pairs.evidence, pair);
    if (evidence === NONE) this.#earlyPool.offer(at(pairs.early, pair), batch.table, row);
    else this.#pool.offer(evidence, batch.table, row);
    if (at(pairs.count, pair) >= this.#perPair) {
      this.#perPairCap.refused++;
    } else if (pairs.connections >= this.#connectionCap.cap) {
      this.#connectionCap.refused++;
    } else {
      const bytes = numberAt(batch.initiatorBytes, row) ?? Number.NaN;
      const id = numberAt(batch.id, row) ?? Number.NaN;
      pairs.keep(pair, startMs, bytes, id, this.#nameOf(batch, row));
    }
    if (isThird) this.#admit(pair);
  }

  #pairOf(hash: number, initiator: string, responder: string, port: number, protocol: string): number {
    const pairs = this.#pairs;
    const known = pairs.table.find(hash, initiator, responder, port, protocol);
    if (known !== NONE && at(pairs.generation, known) !== OLD) return known;
    if (known !== NONE) {
      // Young again, before there is room made for it: it is not to go with the other old ones.
      this.#old--;
      pairs.generation[known] = ADMITTED;
      this.#makeRoom();
      pairs.generation[known] = YOUNG;
      this.#young++;
      return known;
    }
    this.#makeRoom();
    if (this.#candidateCap.cap < 1) return NONE;
    const early = this.#earlyPool.collector(ADMIT_AT - 1);
    const made = pairs.add(hash, initiator, responder, port, protocol, early);
    if (made === NONE) {
      this.#earlyPool.release(early);
      this.#candidateCap.refused++;
    } else this.#young++;
    return made;
  }

  /** Where the young candidates are at their cap, the old ones are dropped and the young grow old. */
  #makeRoom(): void {
    if (this.#young < this.#candidateCap.cap) return;
    const { table, generation } = this.#pairs;
    for (const pair of table.pairs()) {
      if (at(generation, pair) === OLD) this.#remove(pair);
      else if (at(generation, pair) === YOUNG) generation[pair] = OLD;
    }
    this.#candidateCap.refused += this.#old;
    this.#old = this.#young;
    this.#young = 0;
  }

  #remove(pair: number): void {
    this.#earlyPool.release(at(this.#pairs.early, pair));
    const evidence = at(this.#pairs.evidence, pair);
    if (evidence !== NONE) this.#pool.release(evidence);
    this.#pairs.remove(pair);
  }

  #admit(pair: number): void {
    this.#young--;
    if (this.#admitted >= this.#pairCap.cap) {
      this.#pairCap.refused++;
      this.#remove(pair);
      return;
    }
    this.#pairs.generation[pair] = ADMITTED;
    this.#admitted++;
  }

  #nameOf(batch: FlowBatch, row: number): number {
    const name = seriesName(textAt(batch.serverName, row), textAt(batch.httpHost, row));
    if (name === undefined) return -1;
    return this.#names.obtain(name, () => this.#nameTexts.push(name) - 1) ?? -1;
  }

  saturations(): ReturnType<Detector['saturations']> {
    return saturationsOf(this.id, [
      this.#pairCap,
      this.#candidateCap,
      this.#connectionCap,
      this.#perPairCap,
      this.#names.cap,
      this.#pool.cap,
    ]);
  }

  finish(): Detection[] {
    // A name may be called at many addresses, once or twice at each: the candidates count as well.
    const pairs = this.#pairs.inOrder();
    const found: Detection[] = [];
    const places = new Map<Detection, string>();
    const claimed = new Set<number>();
    const initiators = new Map<string, number>();
    const seriesOf = (pair: number, name: number): number => {
      const initiator = this.#pairs.table.initiator(pair);
      const number = initiators.get(initiator) ?? initiators.size;
      initiators.set(initiator, number);
      return number * NAME_NUMBERS + name;
    };
    for (const [series, numbers] of this.#namedSeries(pairs, seriesOf)) {
      const connections = numbers.map((i) => this.#pairs.connection(i));
      const judged = this.#judge(connections);
      if (judged === undefined) continue;
      claimed.add(series);
      const name = this.#nameTexts[series % NAME_NUMBERS];
      const detection = this.#report(judged, connections, name);
      if (detection === undefined) continue;
      found.push(detection);
      places.set(detection, nameKey(series % NAME_NUMBERS));
    }
    for (const pair of pairs) {
      if (this.#isStrobe(pair)) {
        found.push(this.#strobe(pair));
        continue;
      }
      if (at(this.#pairs.count, pair) < MIN_CONNECTIONS) continue;
      const connections: Connection[] = [];
      for (const i of this.#pairs.connectionsOf(pair)) {
        const name = this.#pairs.nameOf(i);
        if (name < 0 || !claimed.has(seriesOf(pair, name))) connections.push(this.#pairs.connection(i));
      }
      const judged = this.#judge(connections);
      const detection = judged === undefined ? undefined : this.#report(judged, connections, undefined);
      if (detection === undefined) continue;
      found.push(detection);
      places.set(detection, this.#placeKey(pair));
    }
    return this.#withPrevalence(found, places, pairs).sort(
      (a, b) =>
        b.score - a.score ||
        compareText(a.actor, b.actor) ||
        a.firstMs - b.firstMs ||
        compareText(a.peers.join(' '), b.peers.join(' ')) ||
        (a.port ?? -1) - (b.port ?? -1) ||
        compareText(a.protocol ?? '', b.protocol ?? '') ||
        a.lastMs - b.lastMs,
    );
  }

  #placeKey(pair: number): string {
    const { table } = this.#pairs;
    return `${table.responder(pair)} ${table.port(pair)} ${table.kind(pair)}`;
  }

  /** Adds to each detection how many hosts of the home network call the same place, where these are five or more. */
  #withPrevalence(
    found: readonly Detection[],
    places: ReadonlyMap<Detection, string>,
    pairs: readonly number[],
  ): Detection[] {
    const callers = new Map<string, Set<string>>();
    for (const place of places.values()) callers.set(place, new Set());
    const home = new Map<string, boolean>();
    for (const pair of pairs) {
      const initiator = this.#pairs.table.initiator(pair);
      let isHome = home.get(initiator);
      if (isHome === undefined) {
        isHome = this.#context.isHome(initiator);
        home.set(initiator, isHome);
      }
      if (!isHome) continue;
      callers.get(this.#placeKey(pair))?.add(initiator);
      for (const i of this.#pairs.connectionsOf(pair)) {
        const name = this.#pairs.nameOf(i);
        if (name >= 0) callers.get(nameKey(name))?.add(initiator);
      }
    }
    let hosts = 0;
    for (const isHome of home.values()) if (isHome) hosts++;
    return found.map((detection) => {
      const count = callers.get(places.get(detection) ?? '')?.size ?? 0;
      if (count < MIN_COMMON_CALLERS) return detection;
      const reason: Reason = {
        name: 'beacon.prevalence',
        value: round3(count / hosts),
        unit: 'ratio 0..1',
        sentence: `${humanCount(count)} of the ${humanCount(hosts)} hosts of the home network that opened connections opened some to the same place.`,
      };
      return { ...detection, reasons: [...detection.reasons, reason] };
    });
  }

  /** The numbers of the connections of every initiator and name, where there are enough of them to be scored. */
  #namedSeries(pairs: readonly number[], seriesOf: (pair: number, name: number) => number): Map<number, number[]> {
    const sizes = new Map<number, number>();
    const series = new Map<number, number[]>();
    for (const gather of [false, true]) {
      for (const pair of pairs) {
        for (const i of this.#pairs.connectionsOf(pair)) {
          const name = this.#pairs.nameOf(i);
          if (name < 0) continue;
          const key = seriesOf(pair, name);
          if (!gather) sizes.set(key, (sizes.get(key) ?? 0) + 1);
          else if ((sizes.get(key) ?? 0) >= MIN_CONNECTIONS) push(series, key, i);
        }
      }
    }
    return series;
  }

  /** The best window of a series; undefined where none has enough of it to be scored. Sorts the connections by time. */
  #judge(connections: Connection[]): Judged | undefined {
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
    for (const stretch of stretchesOf(connections)) {
      if (stretch.length <= least) continue;
      const firstMs = stretch[0]?.startMs ?? Number.NaN;
      const lastMs = stretch[stretch.length - 1]?.startMs ?? Number.NaN;
      const endMs = Math.min(this.#maxMs, Math.max(lastMs, firstMs + this.#minWindowMs));
      const beginMs = Math.max(this.#minMs, Math.min(firstMs, endMs - this.#minWindowMs));
      if (endMs - beginMs >= NO_PART * Math.min(DAY_MS, spanMs)) continue;
      add(this.#judgeWindow(stretch, { beginMs, endMs, kind: 'part' }));
    }
    return found;
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
    const madMs = medianAbsoluteDeviation(gaps);
    const excessMs = medianMs - EVENT_GAP_MS;
    const jitter = excessMs > 0 ? madMs / excessMs : CHANCE_JITTER;
    const byJitter = Math.min(1, Math.max(0, (CHANCE_JITTER - jitter) / (CHANCE_JITTER - FULL_REGULARITY_JITTER)));
    const logP = periodTest(gaps, EVENT_GAP_MS);
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

  /** Attempts inside the home network are worth less. */
  #weightOf([first]: readonly Connection[]): number {
    if (this.#what === 'calls' || first === undefined) return 1;
    return this.#context.isHome(first.responder) ? INSIDE_ATTEMPTS : 1;
  }

  /** Undefined where the score is too low. @param name the server name of all connections, where they are told by it. */
  #report(judged: Judged, all: readonly Connection[], name: string | undefined): Detection | undefined {
    if (judged.score < this.#minScore) return undefined;
    const named = name !== undefined;
    const { connections } = judged;
    const pairs = countBy(connections, (c) => c.pair).map(([pair]) => pair);
    const [lead] = pairs;
    if (lead === undefined) return undefined;
    const { table } = this.#pairs;
    const port = table.port(lead);
    const peers = countBy(connections, (c) => c.responder).map(([peer]) => peer);
    const service = mostUsed(pairs.map((pair) => this.#pairs.services(pair)));
    return {
      kind: this.#what === 'calls' ? 'beacon.interval' : 'beacon.attempts',
      detector: this.id,
      actor: table.initiator(lead),
      peers: peers.slice(0, MAX_PEERS),
      peerCount: peers.length,
      ...(port === NO_PORT ? {} : { port }),
      protocol: table.kind(lead),
      ...(service === undefined ? {} : { service }),
      firstMs: all[0]?.startMs ?? Number.NaN,
      lastMs: all[all.length - 1]?.startMs ?? Number.NaN,
      score: judged.score,
      reasons: [...reasonsOf(judged, all, named, this.#what), ...nameReasons(name)],
      flows: this.#evidenceOf(pairs, connections, named),
      flowCount: all.length,
    };
  }

  #flowsOf(pair: number): EvidenceFlow[] {
    const evidence = at(this.#pairs.evidence, pair);
    const early = this.#earlyPool.flows(at(this.#pairs.early, pair));
    return (evidence === NONE ? early : [...early, ...this.#pool.flows(evidence)]).sort(compareFlows);
  }

  /** The flows kept for the pairs, of the same name; where there are none, what is still known of the first connections. */
  #evidenceOf(pairs: readonly number[], connections: readonly Connection[], named: boolean): EvidenceFlow[] {
    const ids = new Set(connections.map((c) => c.id));
    const kept = pairs
      .flatMap((pair) => this.#flowsOf(pair))
      .filter((flow) => !named || flow.id === undefined || ids.has(flow.id))
      .sort(compareFlows)
      .slice(0, EVIDENCE_PER_PAIR);
    if (kept.length > 0) return kept;
    const { table } = this.#pairs;
    return connections.slice(0, EVIDENCE_PER_PAIR).map(({ pair, startMs, bytes, id }) => ({
      ...(Number.isNaN(id) ? {} : { id }),
      startMs,
      protocol: table.kind(pair),
      initiator: table.initiator(pair),
      responder: table.responder(pair),
      ...(table.port(pair) === NO_PORT ? {} : { responderPort: table.port(pair) }),
      ...(Number.isNaN(bytes) ? {} : { initiatorBytes: bytes }),
    }));
  }

  #isStrobe(pair: number): boolean {
    if (this.#what === 'attempts') return false;
    const { total, firstMs, lastMs } = this.#pairs;
    const days = Math.max(1, (at(lastMs, pair) - at(firstMs, pair)) / DAY_MS);
    return at(total, pair) >= this.#perPair && at(total, pair) / days >= this.#perPair;
  }

  /** A strobe is certain as a fact; what it means is less so inside the home network, where a busy client of a busy server looks the same. */
  #strobe(pair: number): Detection {
    const { table } = this.#pairs;
    const initiator = table.initiator(pair);
    const responder = table.responder(pair);
    const port = table.port(pair);
    const firstMs = at(this.#pairs.firstMs, pair);
    const lastMs = at(this.#pairs.lastMs, pair);
    const total = at(this.#pairs.total, pair);
    const inside = this.#context.isHome(initiator) && this.#context.isHome(responder);
    const service = mostUsed([this.#pairs.services(pair)]);
    return {
      kind: 'beacon.strobe',
      detector: this.id,
      actor: initiator,
      peers: [responder],
      peerCount: 1,
      ...(port === NO_PORT ? {} : { port }),
      protocol: table.kind(pair),
      ...(service === undefined ? {} : { service }),
      firstMs,
      lastMs,
      score: inside ? 0.4 : 0.8,
      reasons: [
        {
          name: 'beacon.connections',
          value: total,
          unit: 'connections',
          threshold: this.#perPair,
          sentence: `It connected ${humanCount(total)} times within ${humanDuration(lastMs - firstMs)}; ${humanCount(this.#perPair)} in a day or at that rate make a strobe.`,
        },
      ],
      flows: this.#flowsOf(pair).slice(0, EVIDENCE_PER_PAIR),
      flowCount: total,
    };
  }
}

interface Judged {
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

/** A time that is scored: a day counted back from the end, the whole input, or the part of a day in which the series went on. */
interface Window {
  readonly beginMs: number;
  readonly endMs: number;
  readonly kind: 'day' | 'all' | 'part';
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

/**
 * The contributions of the evenness of intervals (two), sizes, coverage and histogram add up to the RITA score, and with that of the confidence to the
 * detection's score. Rounding to three decimals falls to the last of each sum.
 */
function reasonsOf(judged: Judged, all: readonly Connection[], named: boolean, what: 'calls' | 'attempts'): Reason[] {
  const { rita, jitter, logP, medianMs, madMs, intervals, connections, events, spanMs, datasetMs } = judged;
  const skewShare = 0.125 * (1 - Math.abs(rita.intervals.skewness));
  const madShare = 0.25 * rita.ts - skewShare;
  const sizeShare = 0.25 * rita.ds;
  const durationShare = 0.25 * rita.dur;
  const histogramShare = rita.score - (skewShare + madShare + sizeShare + durationShare);
  const percent = (x: number): string => `${Math.round(100 * x)} %`;
  const together = events === connections.length ? '' : `, in ${humanCount(events)} bursts of less than a second apart`;
  const isWhole = all.length === connections.length;
  const allMs = isWhole ? spanMs : (all[all.length - 1]?.startMs ?? Number.NaN) - (all[0]?.startMs ?? Number.NaN);
  const scored = isWhole
    ? ''
    : `, ${humanCount(connections.length)} times ${judged.window === 'day' ? 'on the day' : 'in the time'} that is scored`;
  return [
    {
      name: 'beacon.connections',
      value: all.length,
      unit: 'connections',
      threshold: 4,
      sentence: `It ${what === 'calls' ? 'connected' : 'tried in vain to connect'} ${humanCount(all.length)} times to the same ${named ? 'server name' : 'address and port'} within ${humanDuration(allMs)}${scored}${together}.`,
    },
    {
      name: 'beacon.interval-median',
      value: round3(medianMs),
      unit: 'ms',
      sentence: `Half of the ${counted(intervals, 'interval')} between connections are longer than ${humanDuration(medianMs)}, half are shorter.`,
    },
    {
      name: 'beacon.interval-deviation',
      value: round3(madMs),
      unit: 'ms',
      contribution: madShare,
      sentence: `Half of the intervals differ from that by less than ${humanDuration(madMs)}.`,
    },
    {
      name: 'beacon.interval-skewness',
      value: round3(rita.intervals.skewness),
      unit: 'ratio',
      contribution: skewShare,
      sentence:
        rita.intervals.skewness === 0
          ? 'The intervals do not lean to the short or the long side, or differ too little to tell.'
          : `The intervals lean to the ${rita.intervals.skewness > 0 ? 'long' : 'short'} side (skewness ${rita.intervals.skewness.toFixed(2)}; 0 is even, 1 is extreme).`,
    },
    {
      name: 'beacon.jitter',
      value: round3(jitter),
      unit: 'ratio',
      threshold: CHANCE_JITTER,
      sentence: `The intervals vary by ${percent(jitter)} of what they usually last beyond a second; connections at random times vary by about ${percent(CHANCE_JITTER)}.`,
    },
    {
      name: 'beacon.period',
      value: Number((10 ** Math.max(-300, logP)).toPrecision(2)),
      unit: 'p-value',
      threshold: 10 ** NO_PERIOD,
      sentence:
        logP <= -6
          ? 'A period explains the intervals; that chance makes them so is less likely than one in a million.'
          : `A period explains the intervals; that chance makes them so has a probability of at most ${(100 * 10 ** logP).toPrecision(1)} %.`,
    },
    {
      name: 'beacon.sizes',
      value: rita.sizes?.median ?? 0,
      unit: 'bytes',
      contribution: sizeShare,
      sentence:
        rita.sizes === undefined
          ? 'How much it sent is not known.'
          : `It usually sent ${humanBytes(rita.sizes.median)} at a time; half of the times it was within ${humanBytes(rita.sizes.mad)} of that.`,
    },
    {
      name: 'beacon.coverage',
      value: datasetMs > 0 ? Math.min(1, round3(spanMs / datasetMs)) : 0,
      unit: 'ratio 0..1',
      contribution: durationShare,
      sentence: `It went on for ${humanDuration(spanMs)} of the ${humanDuration(datasetMs)} that were looked at.`,
    },
    ...windowReason(judged),
    {
      name: 'beacon.histogram',
      value: rita.bars,
      unit: 'of 24 parts',
      contribution: histogramShare,
      sentence: `Of 24 equal parts of that time, ${rita.bars} hold connections; the longest run without a gap is ${counted(rita.longestRun, 'part')}.`,
    },
    {
      name: 'beacon.score',
      value: rita.score,
      unit: 'score 0..1',
      sentence: `The beacon score after RITA 5 is ${rita.score.toFixed(3)}.`,
    },
    {
      name: 'beacon.confidence',
      value: round3(judged.confidence),
      unit: 'ratio 0..1',
      contribution: judged.score - rita.score,
      sentence:
        judged.confidence >= 1
          ? `With ${counted(intervals, 'interval')} of this evenness the score counts in full.`
          : `With ${counted(intervals, 'interval')} of this evenness the score counts for ${percent(judged.confidence)} only.`,
    },
  ];
}

/** Which time is scored, where it is no day. */
function windowReason({ window, datasetMs, inputMs }: Judged): Reason[] {
  if (window === 'day') return [];
  return [
    {
      name: 'beacon.window',
      value: Math.round(datasetMs),
      unit: 'ms',
      sentence:
        window === 'all'
          ? `No single day shows the rhythm as well; scored is the whole input of ${humanDuration(inputMs)}.`
          : `Of the ${humanDuration(inputMs)} of the input, the ${humanDuration(datasetMs)} in which it kept going are scored, for ${Math.round(100 * PART_WEIGHT)} % of the score.`,
    },
  ];
}

/** The name that was asked for, and whether it is a popular one. */
function nameReasons(name: string | undefined): Reason[] {
  if (name === undefined) return [];
  const rank = popularRank(name);
  return [
    {
      name: 'beacon.name',
      value: name,
      unit: 'name',
      sentence: 'All connections ask for one server name, which stands beside this line.',
    },
    ...(rank === undefined
      ? []
      : [
          {
            name: 'beacon.popular',
            value: rank,
            unit: 'rank',
            sentence: `Its domain is on the list of popular ones, at rank ${humanCount(rank)}.`,
          },
        ]),
  ];
}

/** What all series of one name have in common; no address begins like that. */
function nameKey(name: number): string {
  return `name ${name}`;
}

/** The name of a series: lower case, without port and final dot. Undefined where there is none, or where it is just an address. */
function seriesName(serverName: string | undefined, httpHost: string | undefined): string | undefined {
  const raw = serverName ?? httpHost?.replace(/:\d{1,5}$/, '');
  if (raw === undefined) return undefined;
  const name = raw.toLowerCase().replace(/\.$/, '').slice(0, MAX_NAME_LENGTH);
  if (name === '' || parseAddress(name.replace(/^\[|\]$/g, '')) !== undefined) return undefined;
  return name;
}

/** Distinct keys, most frequent first; ties by the order in which they came. */
function countBy<T, K>(items: readonly T[], keyOf: (item: T) => K): [K, number][] {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** The service with the most connections; ties by name. */
function mostUsed(services: readonly ReadonlyMap<string, number>[]): string | undefined {
  const sums = new Map<string, number>();
  for (const counts of services) for (const [name, n] of counts) sums.set(name, (sums.get(name) ?? 0) + n);
  return [...sums].sort((a, b) => b[1] - a[1] || compareText(a[0], b[0]))[0]?.[0];
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** An element that is known to be there. */
function at(values: ArrayLike<number>, i: number): number {
  return values[i] ?? Number.NaN;
}

function grown<T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Ascending; equal where either is missing. */
function difference(a: number | undefined, b: number | undefined): number {
  if (a === undefined || b === undefined || Number.isNaN(a) || Number.isNaN(b)) return 0;
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareFlows(a: EvidenceFlow, b: EvidenceFlow): number {
  return difference(a.startMs, b.startMs) || difference(a.id, b.id);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
