import { humanCount, humanDuration, type Table } from '../core/index.ts';
import { popularRank } from '../feature/index.ts';
import type { BeaconPairs, Connection } from './beacon/pairs.ts';
import { byChanceReason, nameReasons, reasonsOf } from './beacon/reason.ts';
import { round3 } from './beacon/rita-score.ts';
import { BeaconStore, compareFlows, EVIDENCE_PER_PAIR } from './beacon/store.ts';
import { type Judged, WindowJudge } from './beacon/window.ts';
import { saturationsOf } from './bounded/bounded.ts';
import { NO_PORT, NONE } from './bounded/pair.ts';
import { compareText } from './case.ts';
import {
  type Detection,
  type Detector,
  type DetectorInfo,
  type EvidenceFlow,
  MAX_PEERS,
  type NetworkContext,
  type Reason,
  type Saturation,
} from './detection.ts';

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
 * day. In an input shorter than a day it is as much less (of three hours an eighth of an hour, and a minute at least), where the series counts in full (see regularity below). A stretch counts for 0.8 of its
 * score, as a page that somebody left open for an hour does the same. An input in which nobody does anything for hours is several recordings, and each is scored as if it were the whole: ten minutes that were
 * captured on Tuesday show the same whether or not Monday's are read with them. RITA's clock ticks in seconds; here times keep their milliseconds,
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
 * Slow calls. A dozen calls are missing where an implant calls every quarter of an hour and the capture has two: `beacon.slow` tells of 6 intervals or more of five minutes or more that
 * score too little to be a beacon, go on through three quarters of the window, lead outside to a place that fewer than five hosts inside call and whose name is not popular. All such series together
 * are one family of tests: reported is a series whose p-value (`periodTest`) times their number is 0.05 at most, so that of all runs one in twenty has one by chance. The score is 0.6 x RITA score,
 * which stays low by itself: a few even calls can't tell an implant from any honest timer.
 *
 * Not beacons, by mechanism (see `ConversationJudge`): protocols that are periodic by design or driven by other traffic (DNS, NTP, DHCP, SSDP,
 * NetBIOS names, SNMP ...); ARP, ICMP, IGMP and all else that is not TCP or UDP; multicast and broadcast; attempts that were refused or never
 * answered, for the rhythm of those that were answered. Further, rows that go on from an earlier one, and TCP whose
 * beginning was not seen, because their first packet is not the start of a connection; more than four connections per event on average, and
 * connections without a pause of a second (load).
 *
 * What fools it: sleep drawn from an exponential distribution, or varied by more than the period itself; fewer than a dozen calls in the
 * capture, but for slow ones; a beacon inside one long connection (see long-connection) or inside DNS; a new name and address for every call; random sizes cost it
 * up to a quarter. Innocent: software updates, mail and news polling,
 * telemetry and health checks are beacons in every respect but intent, and will be found; a person or an allow list must say so. What helps to
 * tell them apart is how many hosts of the home network call the same place (RITA's prevalence): from two on the reason `beacon.callers` says so, and from five on `beacon.prevalence`; and whether the name is one of
 * the popular ones: `beacon.popular`.
 *
 * Cost: one look-up per TCP or UDP flow, 22 bytes per kept connection, sorting at the end. Bounds: pairs with at least three connections
 * (`maxPairs`), connections in all (`maxConnections`) and per pair (86,400, as RITA), and pairs seen once or twice in two generations of
 * `maxCandidates`: when the young one is full the old one is dropped and counted, so a flood of one-off pairs makes way for itself and never pushes
 * out a pair that was admitted. At 86,400 connections a day a pair is a strobe, RITA's word for a connection per second all day.
 */
export const beaconInfo: DetectorInfo = {
  id: 'beacon',
  kinds: ['beacon.interval', 'beacon.slow', 'beacon.attempts', 'beacon.strobe'],
  needs: ['initiator', 'responder', 'protocol', 'startMs', 'initiatorBytes'],
  sees: 'A host that connects to the same name or address again and again, at even intervals and with even sizes, or tries to where nobody answers.',
  fooledBy:
    'Exponential or very wide random sleep, fewer than a dozen calls, calls inside one long connection or inside DNS, a new destination for every call. Updates, mail polling and health checks look the same and are found too.',
  cost: 'One look-up per flow, 22 bytes per kept connection, a sort per pair at the end.',
  source:
    'RITA 5 beacon score (Active Countermeasures, analysis/beacons.go); a likelihood ratio of a period against chance',
};

export interface BeaconOptions {
  /** Detection score from which a series is reported. */
  readonly minScore: number;
  /** From so many intervals on a series is believed in full. */
  readonly fullIntervals: number;
  /** A part of a day is scored by itself as if it lasted so long at least; in a shorter input as much less. */
  readonly minWindowMs: number;
  /** Slow calls: intervals at least, how long they usually are at least, and how many series of chance alone may be expected among all that are tried. */
  readonly minSlowIntervals: number;
  readonly minSlowMs: number;
  readonly maxByChance: number;
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
  minSlowIntervals: 6,
  minSlowMs: 300_000,
  maxByChance: 0.05,
  maxPairs: 20_000,
  maxCandidates: 16_384,
  maxConnections: 500_000,
  maxConnectionsPerPair: 86_400,
  maxNames: 20_000,
  maxEvidence: 10_000,
};

const DAY_MS = 86_400_000;

/** What the formula needs at least. */
const MIN_CONNECTIONS = 4;
/** More than there are names, and small enough that a number of an initiator times it stays exact. */
const NAME_NUMBERS = 2 ** 24;

/** Attempts inside the home network count for so much. */
const INSIDE_ATTEMPTS = 0.5;
/** Room that attempts take beside the calls. */
const ATTEMPTS_ROOM = 0.25;
/** From so many hosts inside on that call one place, it is said: of a few, most is no sign of anything. */
const MIN_COMMON_CALLERS = 5;
/** Slow calls go on through so much of the window, and their score counts for so much. */
const SLOW_COVERAGE = 0.75;
const SLOW_WEIGHT = 0.6;

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

/** A series of connections, without them: there may be very many. */
interface Series {
  /** Undefined where it only counts among those that were tried. */
  readonly detection: Detection | undefined;
  /** The name, or the address and port, as `nameKey` and `#placeKey` write it. */
  readonly place: string;
  /** Of the period test. */
  readonly logP: number;
}

class BeaconDetector {
  readonly id = beaconInfo.id;
  /** Whether it looks at connections that were answered, or at those that were not. */
  readonly #what: 'calls' | 'attempts';
  readonly #context: NetworkContext;
  readonly #minScore: number;
  readonly #perPair: number;
  readonly #options: BeaconOptions;
  readonly #store: BeaconStore;
  readonly #pairs: BeaconPairs;

  constructor(context: NetworkContext, options: BeaconOptions, what: 'calls' | 'attempts') {
    this.#what = what;
    this.#context = context;
    this.#options = options;
    this.#minScore = options.minScore;
    this.#perPair = options.maxConnectionsPerPair;
    this.#store = new BeaconStore(context, options, what);
    this.#pairs = this.#store.pairs;
  }

  observe(flows: Table): void {
    this.#store.observe(flows);
  }

  saturations(): Saturation[] {
    return saturationsOf(this.id, this.#store.caps());
  }

  finish(): Detection[] {
    // A name may be called at many addresses, once or twice at each: the candidates count as well.
    const pairs = this.#pairs.inOrder();
    const judge = new WindowJudge({
      ...this.#options,
      minMs: this.#store.minMs,
      maxMs: this.#store.maxMs,
      recordings: this.#store.recordings.list(),
      weightOf: (connections) => this.#weightOf(connections),
    });
    const strobes: Detection[] = [];
    const even: Series[] = [];
    const slow: Series[] = [];
    const consider = (judged: Judged, all: readonly Connection[], name: string | undefined, place: string): void => {
      const { logP, score } = judged;
      if (score >= this.#minScore) even.push({ detection: this.#report(judged, all, name), place, logP });
      else if (this.#isSlow(judged, name))
        slow.push({ detection: this.#slowDetection(judged, all, name), place, logP });
    };
    const names = this.#store.names();
    const claimed = new Set<number>();
    const initiators = this.#initiatorNumbers(pairs);
    const seriesOf = (pair: number, name: number): number => at(initiators, pair) * NAME_NUMBERS + name;
    for (const [series, connections] of this.#namedSeries(pairs, seriesOf)) {
      const judged = judge.judge(connections);
      if (judged === undefined) continue;
      claimed.add(series);
      const number = series % NAME_NUMBERS;
      consider(judged, connections, names[number], nameKey(number));
    }
    for (const pair of pairs) {
      if (this.#isStrobe(pair)) {
        strobes.push(this.#strobe(pair));
        continue;
      }
      if (at(this.#pairs.count, pair) < MIN_CONNECTIONS) continue;
      const connections: Connection[] = [];
      const responder = this.#pairs.table.responder(pair);
      for (const i of this.#pairs.connectionsOf(pair)) {
        const name = this.#pairs.nameOf(i);
        if (name < 0 || !claimed.has(seriesOf(pair, name)))
          connections.push(this.#pairs.connection(i, pair, responder));
      }
      const judged = judge.judge(connections);
      if (judged !== undefined) consider(judged, connections, undefined, this.#placeKey(pair));
    }
    const callers = this.#callersOf([...even, ...slow], pairs, names.length);
    return [...strobes, ...this.#withPrevalence(even, callers), ...this.#slowOnes(slow, callers)].sort(
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

  /** A number for the initiator of each pair. */
  #initiatorNumbers(pairs: readonly number[]): Int32Array {
    const { table } = this.#pairs;
    const numbers = new Int32Array(table.capacity);
    const known = new Map<string, number>();
    for (const pair of pairs) {
      const initiator = table.initiator(pair);
      const number = known.get(initiator) ?? known.size;
      known.set(initiator, number);
      numbers[pair] = number;
    }
    return numbers;
  }

  #placeKey(pair: number): string {
    const { table } = this.#pairs;
    return `${table.responder(pair)} ${table.port(pair)} ${table.kind(pair)}`;
  }

  /** Too few calls for a beacon, which may be a slow one: see the header. */
  #isSlow(judged: Judged, name: string | undefined): boolean {
    const { minSlowIntervals, minSlowMs } = this.#options;
    const { connections, intervals, medianMs, spanMs, datasetMs } = judged;
    const [first] = connections;
    return (
      this.#what === 'calls' &&
      intervals >= minSlowIntervals &&
      medianMs >= minSlowMs &&
      spanMs >= SLOW_COVERAGE * datasetMs &&
      first !== undefined &&
      this.#context.isHome(this.#pairs.table.initiator(first.pair)) &&
      !connections.some(({ responder }) => this.#context.isHome(responder)) &&
      (name === undefined || popularRank(name) === undefined)
    );
  }

  /** Undefined where chance makes it so even whatever else was tried. */
  #slowDetection(judged: Judged, all: readonly Connection[], name: string | undefined): Detection | undefined {
    if (10 ** judged.logP > this.#options.maxByChance) return undefined;
    const score = SLOW_WEIGHT * judged.rita.score;
    return { ...this.#report({ ...judged, confidence: SLOW_WEIGHT, score }, all, name), kind: 'beacon.slow' };
  }

  /** Those of one family of tests that chance does not make. */
  #slowOnes(slow: readonly Series[], { byPlace }: Callers): Detection[] {
    const family = slow.filter(({ place }) => (byPlace.get(place)?.size ?? 0) < MIN_COMMON_CALLERS);
    const { maxByChance } = this.#options;
    return family.flatMap(({ detection, logP }) => {
      const byChance = family.length * 10 ** logP;
      if (detection === undefined || byChance > maxByChance) return [];
      return [{ ...detection, reasons: [...detection.reasons, byChanceReason(family.length, byChance, maxByChance)] }];
    });
  }

  /** Adds to each detection how many hosts of the home network call the same place, where these are not few. */
  #withPrevalence(even: readonly Series[], { byPlace, hosts }: Callers): Detection[] {
    return even.flatMap(({ detection, place }) => {
      if (detection === undefined) return [];
      const count = byPlace.get(place)?.size ?? 0;
      if (count < 2) return [detection];
      if (count < MIN_COMMON_CALLERS) return [{ ...detection, reasons: [...detection.reasons, callersReason(count)] }];
      const reason: Reason = {
        name: 'beacon.prevalence',
        value: round3(count / hosts),
        unit: 'ratio 0..1',
        sentence: `${humanCount(count)} of the ${humanCount(hosts)} hosts of the home network that opened connections opened some to the same place.`,
      };
      return [{ ...detection, reasons: [...detection.reasons, reason] }];
    });
  }

  /** Which hosts of the home network call the places of these series. @param names how many names there are */
  #callersOf(series: readonly Series[], pairs: readonly number[], names: number): Callers {
    const byPlace = new Map<string, Set<string>>();
    const byName: (Set<string> | undefined)[] = new Array(names).fill(undefined);
    const addresses = new Set<string>();
    for (const { place } of series) {
      const callers = new Set<string>();
      byPlace.set(place, callers);
      const name = nameOfKey(place);
      if (name === undefined) addresses.add(place.slice(0, place.indexOf(' ')));
      else byName[name] = callers;
    }
    const home = new Map<string, boolean>();
    for (const pair of pairs) {
      const initiator = this.#pairs.table.initiator(pair);
      let isHome = home.get(initiator);
      if (isHome === undefined) {
        isHome = this.#context.isHome(initiator);
        home.set(initiator, isHome);
      }
      if (!isHome || series.length === 0) continue;
      if (addresses.has(this.#pairs.table.responder(pair))) byPlace.get(this.#placeKey(pair))?.add(initiator);
      for (let i = this.#pairs.firstOf(pair); i !== NONE; i = this.#pairs.after(i)) {
        const name = this.#pairs.nameOf(i);
        if (name >= 0) byName[name]?.add(initiator);
      }
    }
    let hosts = 0;
    for (const isHome of home.values()) if (isHome) hosts++;
    return { byPlace, hosts };
  }

  /** The connections of every initiator and name, where there are enough of them to be scored, one series at a time. */
  *#namedSeries(
    pairs: readonly number[],
    seriesOf: (pair: number, name: number) => number,
  ): Iterable<readonly [number, Connection[]]> {
    // Each series has a place, in the order in which they are met.
    const places = new Map<number, number>();
    const sizes = new Int32Array(this.#pairs.connections);
    for (const pair of pairs)
      for (let i = this.#pairs.firstOf(pair); i !== NONE; i = this.#pairs.after(i)) {
        const name = this.#pairs.nameOf(i);
        if (name < 0) continue;
        const series = seriesOf(pair, name);
        const place = places.get(series) ?? places.size;
        if (place === places.size) places.set(series, place);
        sizes[place] = at(sizes, place) + 1;
      }
    // Those of one series stand together, each as its number and that of its pair.
    const ends = new Int32Array(places.size);
    let count = 0;
    for (let place = 0; place < ends.length; place++) {
      ends[place] = count;
      if (at(sizes, place) >= MIN_CONNECTIONS) count += at(sizes, place);
    }
    const numbers = new Int32Array(2 * count);
    for (const pair of pairs)
      for (let i = this.#pairs.firstOf(pair); i !== NONE; i = this.#pairs.after(i)) {
        const name = this.#pairs.nameOf(i);
        const place = name < 0 ? undefined : places.get(seriesOf(pair, name));
        if (place === undefined || at(sizes, place) < MIN_CONNECTIONS) continue;
        const end = at(ends, place);
        numbers[2 * end] = i;
        numbers[2 * end + 1] = pair;
        ends[place] = end + 1;
      }
    for (const [series, place] of places) {
      const size = at(sizes, place);
      const end = at(ends, place);
      if (size >= MIN_CONNECTIONS) yield [series, this.#connectionsOf(numbers.subarray(2 * (end - size), 2 * end))];
    }
  }

  /** @param numbers of connections, each with that of its pair. */
  #connectionsOf(numbers: Int32Array): Connection[] {
    const connections: Connection[] = [];
    let pair = NONE;
    let responder = '';
    for (let i = 0; i < numbers.length; i += 2) {
      // The connections of one pair follow one another.
      if (at(numbers, i + 1) !== pair) {
        pair = at(numbers, i + 1);
        responder = this.#pairs.table.responder(pair);
      }
      connections.push(this.#pairs.connection(at(numbers, i), pair, responder));
    }
    return connections;
  }

  /** Attempts inside the home network are worth less. */
  #weightOf([first]: readonly Connection[]): number {
    if (this.#what === 'calls' || first === undefined) return 1;
    return this.#context.isHome(first.responder) ? INSIDE_ATTEMPTS : 1;
  }

  /** @param name the server name of all connections, where they are told by it. */
  #report(judged: Judged, all: readonly Connection[], name: string | undefined): Detection {
    const named = name !== undefined;
    const { connections } = judged;
    const pairs = countBy(connections, (c) => c.pair).map(([pair]) => pair);
    const lead = pairs[0] ?? NONE;
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

  /** The flows kept for the pairs, of the same name; where there are none, what is still known of the first connections. */
  #evidenceOf(pairs: readonly number[], connections: readonly Connection[], named: boolean): EvidenceFlow[] {
    const ids = new Set(connections.map((c) => c.id));
    const kept = pairs
      .flatMap((pair) => this.#store.flowsOf(pair))
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
    const total = this.#pairs.total(pair);
    if (total < this.#perPair) return false;
    const { firstMs, lastMs } = this.#pairs.span(pair);
    return total / Math.max(1, (lastMs - firstMs) / DAY_MS) >= this.#perPair;
  }

  /** A strobe is certain as a fact; what it means is less so inside the home network, where a busy client of a busy server looks the same. */
  #strobe(pair: number): Detection {
    const { table } = this.#pairs;
    const initiator = table.initiator(pair);
    const responder = table.responder(pair);
    const port = table.port(pair);
    const { firstMs, lastMs } = this.#pairs.span(pair);
    const total = this.#pairs.total(pair);
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
      flows: this.#store.flowsOf(pair).slice(0, EVIDENCE_PER_PAIR),
      flowCount: total,
    };
  }
}

/** Of a few hosts a share says nothing, but that they are several does. */
function callersReason(count: number): Reason {
  return {
    name: 'beacon.callers',
    value: count,
    unit: 'hosts',
    sentence: `${humanCount(count)} hosts of the home network opened connections to the same place.`,
  };
}

/** Hosts of the home network. */
interface Callers {
  /** Those that call a place. */
  readonly byPlace: ReadonlyMap<string, ReadonlySet<string>>;
  /** How many open connections at all. */
  readonly hosts: number;
}

/** What all series of one name have in common; no address begins like that. */
function nameKey(name: number): string {
  return `${NAME_KEY}${name}`;
}

const NAME_KEY = 'name ';

function nameOfKey(place: string): number | undefined {
  return place.startsWith(NAME_KEY) ? Number(place.slice(NAME_KEY.length)) : undefined;
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

/** An element that is known to be there. */
function at(values: ArrayLike<number>, i: number): number {
  return values[i] ?? Number.NaN;
}
