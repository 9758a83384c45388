import { counted, humanBytes, humanCount, humanDuration, median, numberAt, type Table, textAt } from '../core/index.ts';
import { popularRank, registrableDomain } from '../feature/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { BoundedMap, Cap, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import { NO_ROW } from './bounded/hash-rows.ts';
import { NO_PLACE } from './bounded/number-index.ts';
import { AddressBits, ipv4Bits, NO_BITS, TextNumbers } from './bounded/text-number.ts';
import { Judged as JudgedText } from './case.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { DnsNames, TELLS_ADDRESS } from './dns/name.ts';
import { tellsAddress } from './dns/public-address.ts';
import { EvidencePool } from './evidence/pool.ts';
import { Callers, type Host, Hosts, hourOf, MAX_CALLERS, type Pair, Pairs } from './exfiltration-store.ts';
import { shownService } from './service.ts';
import { classesOf, codeCount, Told, toldOf } from './told.ts';

/**
 * Data that leaves the home network for a place that has no business with it.
 *
 * **`exfiltration.upload`: much, to few people's place.** For every host of the home network and every place outside (the registered domain of the TLS server name or HTTP Host, else the
 * address) the payload sent and received, by hour. Three questions, as the producer-consumer ratio (Bullard and Gerth) and the modifiers of RITA ask them:
 *
 *   score = volume x giving x shift x rare x unusual
 *   volume   0.55 at `minBytes` of excess, 1 at a hundred times as much. The excess is what went there beyond what the host usually sends in such an hour to all
 *            other places together, added up over the hours: slow and long counts like fast and short. Usual is the median of the same hour of the week in other weeks, where the host was seen
 *            for `minWeeks` weeks; else of the same hour of other days, from `minDays` days on; else of all hours in which it sent anything, where these are at least six. So what leaves in the
 *            night is not hidden by a busy day
 *   giving   the ratio (sent - received) / (sent + received): 0 at 0.4, full from 0.8 on. A call sends as much as it gets
 *   shift    how much more of a producer the host is there than it usually is: the ratio less that of its usual hour (the median of the hours without that place, where these are at least six, else of all
 *            other places together); full from 0.5 on, 0.6 where there is no difference, as with a relay that always gives
 *   rare     1 where no other host inside sends or gets anything there, 0.1 less for each further host, at least 0.4
 *   unusual  0.4 where three days or more were alike (a backup to its usual place), 0.8 where the host had been seen for `minDaysBefore` days before the first of them (a habit that began); 0.5 where the host does nothing else, has hardly another place to go to, and does it all the time, for two minutes at least (a camera); 0.7 where the
 *            domain is on the list of popular ones, each where it holds
 *
 * **`exfiltration.mail` and `exfiltration.ftp`: little, in clear.** Thieves of passwords (AgentTesla, Snake Keylogger and many others) send a few hundred bytes by mail or FTP with an account of
 * their own: a host inside that logs in, without encryption, to a mail or file server outside and hands something over. 0.5 for that alone; 0.15 more where the same host asked a public service
 * for its own public address within an hour (a program that wants to know where it is); 0.1 more where it greets by a bare host name, as programs do that only send;
 * 0.1 more where the sender's domain is another one than the receiver's.
 *
 * Innocent twins: video calls, and everything that is answered as richly; a backup every night; cameras; cloud storage that everybody in the office uses; mail servers that relay (no login), mail
 * programs (encrypted); scanners and printers that mail to their own domain.
 *
 * What fools it: less than `minBytes`; many places with a little each; a server inside from which somebody outside fetches (the initiator is outside); the first backup to a new place, a large file sent
 * to a customer and the upload of a video are the same from outside, and are found.
 *
 * Cost: two reads per row that does not go out; else one look-up. Bounds: pairs of host and place (the lighter half makes room), 1,024 hours of a pair, callers of a place.
 */
export const exfiltrationInfo: DetectorInfo = {
  id: 'exfiltration',
  kinds: ['exfiltration.upload', 'exfiltration.mail', 'exfiltration.ftp'],
  needs: ['initiator', 'responder', 'protocol', 'startMs', 'initiatorBytes', 'responderBytes'],
  sees: 'A host that sends much to a place outside that hardly anybody else inside knows, or hands something over in clear by mail or FTP with a login.',
  fooledBy:
    'Little data, many places with a little each, data that is fetched from outside. The first backup to a new place and a large file sent to a customer look the same and are found.',
  cost: 'Two reads per row that does not go out, else a look-up; sums by hour for each host and place.',
  source:
    'Producer-consumer ratio (Bullard and Gerth, FloCon 2014); prevalence as in RITA 5; cumulative sums over the usual hour (Page 1954)',
};

export interface ExfiltrationOptions {
  /** Detection score from which it is reported. */
  readonly minScore: number;
  /** Excess upload from which on it is scored, bytes. */
  readonly minBytes: number;
  /** Weeks, from the first hour in which a host sent anything to the last, from which on the same hour of the week is what is usual. */
  readonly minWeeks: number;
  /** Days from which on the same hour of the day is. */
  readonly minDays: number;
  /** Days for which a host must have been seen before it first sent anything to a place for a habit there to be a new one. */
  readonly minDaysBefore: number;
  /** Pairs of a host and a place outside. */
  readonly maxPairs: number;
  /** Places of which is known who calls them. */
  readonly maxPlaces: number;
  /** Evidence flows in all. */
  readonly maxEvidence: number;
}

export const DEFAULT_EXFILTRATION_OPTIONS: ExfiltrationOptions = {
  minScore: 0.5,
  minBytes: 10_000_000,
  minWeeks: 3,
  minDays: 4,
  minDaysBefore: 7,
  maxPairs: 10_000,
  maxPlaces: 20_000,
  maxEvidence: 20_000,
};

const DAY_HOURS = 24;
const WEEK_HOURS = 168;
/** How far the same hour of another day or week is looked for. */
const MAX_HOURS = 1024;
const EVIDENCE_PER_PAIR = 10;
/** A flow that sent less is no evidence of an upload: most flows are questions for a page. */
const TELLING_BYTES = 4096;
/** The ratio at which giving begins to count, and from which on it counts in full. */
const GIVING_FROM = 0.4;
const GIVING_FULL = 0.8;
/** The difference to the usual ratio from which on it is a shift in full, and what is left without any. */
const SHIFT_FULL = 0.5;
const SHIFT_LEAST = 0.6;
const RARE_STEP = 0.1;
const RARE_LEAST = 0.4;
/** Hours that a host must have been seen sending in for its usual one to be known. */
const MIN_HOURS = 6;
/** Days that make a habit, and how much of the fullest of them each must have. */
const HABIT_DAYS = 3;
const HABIT_SHARE = 0.2;
const HABIT = 0.4;
const NEW_HABIT = 0.8;
/** A device that does this and nothing else: other traffic at most this share, connections at least, and at least this share of the time of the input. */
const DEVICE_REST = 0.1;
const DEVICE_FLOWS = 5;
const DEVICE_SPAN = 0.5;
/** In less time than this nobody shows what it does all the time. */
const DEVICE_LEAST_MS = 120_000;
/** Places outside at most: who browses beside it is a computer that does much of one thing, and no device. */
const DEVICE_PLACES = 8;
const DEVICE = 0.5;
const POPULAR = 0.7;

const ADDRESS_WITHIN_MS = 3_600_000;

/** Something handed over in clear. */
interface Handover {
  readonly kind: 'mail' | 'ftp';
  readonly host: string;
  readonly server: string;
  readonly evidence: number;
  readonly span: TimeSpan;
  count: number;
  bytes: number;
  port: number | undefined;
  bareName: boolean;
  foreign: boolean;
  flows: number;
}

export function createExfiltrationDetector(
  context: NetworkContext,
  options: Partial<ExfiltrationOptions> = {},
): Detector {
  const settings = { ...DEFAULT_EXFILTRATION_OPTIONS, ...options };
  const { minScore, minBytes, maxPairs, maxPlaces, maxEvidence } = settings;
  const pairCap = new Cap('hosts and places outside', maxPairs);
  const hostCap = new Cap('hosts inside', maxPairs);
  const pool = new EvidencePool(maxEvidence);
  const texts = new TextNumbers();
  const pairs = new Pairs(pairCap, texts, (evidence) => pool.release(evidence));
  const hosts = new Hosts(hostCap, texts);
  const callers = new Callers(new Cap('places outside', maxPlaces), texts);
  const handovers = new BoundedMap<string, Handover>(new Cap('hosts and servers with a login in clear', maxPairs));
  const inputSpan = new TimeSpan();

  function observe(flows: Table): void {
    const batch = bindFlows(flows);
    const isInside = toldOf(batch.initiator, context.isHome);
    const isNear = toldOf(batch.responder, context.isHome);
    const places = new Places(batch);
    const isTransport = classesOf(batch.protocol, (name) => name === 'tcp' || name === 'udp');
    const askers = new AddressAskers(batch);
    const protocols = batch.protocol.codes;
    const bits = { host: AddressBits.of(batch.initiator), responder: AddressBits.of(batch.responder) };
    const known = new Int32Array(codeCount(batch.initiator)).fill(NO_PLACE);
    for (let row = 0; row < batch.rowCount; row++) {
      if (isTransport[(protocols[row] as number) + 1] === 0) continue;
      if (!isInside.at(row)) continue;
      if (askers.asks(row)) noteAsked(batch, row);
      if (isNear.at(row)) continue;
      const sent = numberAt(batch.initiatorPayloadBytes, row) ?? numberAt(batch.initiatorBytes, row);
      const received = numberAt(batch.responderPayloadBytes, row) ?? numberAt(batch.responderBytes, row);
      if (sent === undefined || sent + (received ?? 0) <= 0) continue;
      take(batch, row, sent, received ?? 0, places, known, bits);
    }
  }

  function noteAsked(batch: FlowBatch, row: number): void {
    const address = textAt(batch.initiator, row);
    const startMs = numberAt(batch.startMs, row);
    if (address === undefined || startMs === undefined) return;
    const host = hosts.obtain(address, ipv4Bits(address));
    if (host !== NO_PLACE) hosts.noteAsked(host, startMs);
  }

  /** @param known hosts by the code of the initiator, as far as they are known. */
  function take(
    batch: FlowBatch,
    row: number,
    sent: number,
    received: number,
    places: Places,
    known: Int32Array,
    bits: { readonly host: AddressBits; readonly responder: AddressBits },
  ): void {
    const address = textAt(batch.initiator, row);
    const responder = textAt(batch.responder, row);
    if (address === undefined || responder === undefined) return;
    const hostBits = bits.host.at(row);
    const responderBits = bits.responder.at(row);
    const name = places.at(row);
    const place = name === '' ? responder : name;
    const placeBits = name === '' ? responderBits : NO_BITS;
    const code = batch.initiator.codes[row] as number;
    let host = known[code] as number;
    if (host === NO_PLACE) {
      host = hosts.obtain(address, hostBits);
      if (host === NO_PLACE) return;
      known[code] = host;
    }
    const startMs = numberAt(batch.startMs, row);
    const endMs = numberAt(batch.endMs, row);
    const hour = hourOf(startMs);
    hosts.exchanged(host, sent, received, hour);
    inputSpan.add(startMs, endMs);
    let pair = pairs.find(address, hostBits, place, placeBits);
    const isCalled = (pair !== NO_ROW && pairs.isCalled(pair)) || callers.note(place, placeBits, address, hostBits);
    const operations = textAt(batch.operations, row);
    if (operations !== undefined) handOver(batch, row, address, responder, operations);
    if (pair === NO_ROW) {
      const evidence = pool.collector(EVIDENCE_PER_PAIR);
      pair = pairs.add(address, hostBits, place, placeBits, { isName: name !== '', evidence });
      if (pair === NO_ROW) {
        pool.release(evidence);
        return;
      }
    }
    if (isCalled) pairs.setCalled(pair);
    pairs.exchanged(pair, sent, received, hour);
    pairs.sawTime(pair, startMs);
    pairs.sawTime(pair, endMs);
    if (pairs.isMost(pair, sent, responder, responderBits))
      pairs.setMost(pair, sent, {
        address: responder,
        bits: responderBits,
        port: numberAt(batch.responderPort, row),
        protocol: textAt(batch.protocol, row),
        service: shownService(batch, row),
      });
    if (sent >= TELLING_BYTES) pool.offer(pairs.evidence(pair), batch.table, row, -sent);
  }

  /** Mail or a file, in a session that can be read and had a login. */
  function handOver(batch: FlowBatch, row: number, host: string, server: string, operations: string): void {
    const service = textAt(batch.service, row);
    if (service !== 'smtp' && service !== 'ftp') return;
    const told = service === 'smtp' ? mailTold(operations) : fileTold(operations, textAt(batch.user, row));
    if (told === undefined) return;
    const kind = service === 'smtp' ? 'mail' : 'ftp';
    const one = handovers.obtain(`${kind} ${host} ${server}`, () => ({
      kind,
      host,
      server,
      evidence: pool.collector(EVIDENCE_PER_PAIR),
      span: new TimeSpan(),
      count: 0,
      bytes: 0,
      port: numberAt(batch.responderPort, row),
      bareName: false,
      foreign: false,
      flows: 0,
    }));
    if (one === undefined) return;
    one.count += told.count;
    one.bareName ||= told.bareName;
    one.foreign ||= told.foreign;
    one.bytes += numberAt(batch.initiatorPayloadBytes, row) ?? 0;
    one.span.add(numberAt(batch.startMs, row), numberAt(batch.endMs, row));
    one.flows++;
    pool.offer(one.evidence, batch.table, row);
  }

  function finish(): Detection[] {
    const found: Detection[] = [];
    const places = new Map<number, number>();
    for (let row = 0; row < pairs.size; row++) places.set(pairs.host(row), (places.get(pairs.host(row)) ?? 0) + 1);
    const large: [string, Pair, number][] = [];
    for (let row = 0; row < pairs.size; row++) {
      if (pairs.sent(row) < minBytes) continue;
      const pair = pairs.at(row);
      large.push([`${pair.host} ${pair.place}`, pair, places.get(pairs.host(row)) ?? 1]);
    }
    // An order that does not depend on arrival.
    for (const [, pair, others] of large.sort(([a], [b]) => (a < b ? -1 : 1))) {
      const judged = judge(pair, others);
      if (judged !== undefined && judged.score >= minScore) found.push(report(pair, judged));
    }
    for (const [, one] of handovers.sortedEntries()) {
      const detection = reportHandover(one);
      if (detection.score >= minScore && one.span.known) found.push(detection);
    }
    // The entries came in order of the key, and the sort is stable.
    return found.sort((a, b) => b.score - a.score);
  }

  /** @param places outside that its host exchanged anything with */
  function judge(pair: Pair, places: number): Judged | undefined {
    const known = hosts.find(pair.host, ipv4Bits(pair.host));
    if (known === NO_PLACE || pair.firstMs > pair.lastMs) return undefined;
    const host = hosts.at(known);
    const usual = usualOf(host, pair, settings);
    const excess = excessOf(pair, usual);
    if (excess < minBytes) return undefined;
    const ratio = (pair.sent - pair.received) / (pair.sent + pair.received);
    const giving = Math.min(1, Math.max(0, (ratio - GIVING_FROM) / (GIVING_FULL - GIVING_FROM)));
    const hostsThere = callers.count(pair.place, pair.isName ? NO_BITS : ipv4Bits(pair.place)) || 1;
    const rare = Math.max(RARE_LEAST, 1 - RARE_STEP * (hostsThere - 1));
    const volume = 0.55 + 0.45 * Math.min(1, Math.log10(excess / minBytes) / 2);
    const habit = habitDays(pair);
    const rest = host.sent + host.received - pair.sent - pair.received;
    const isDevice =
      places <= DEVICE_PLACES &&
      rest < DEVICE_REST * (pair.sent + pair.received) &&
      pair.flows >= DEVICE_FLOWS &&
      lengthOf(pair) >= Math.max(DEVICE_LEAST_MS, DEVICE_SPAN * inputSpan.lengthMs);
    const popular = pair.isName && popularRank(pair.place) !== undefined;
    const isNew = daysBefore(host, pair) >= settings.minDaysBefore;
    const unusual =
      (habit < HABIT_DAYS ? 1 : isNew ? NEW_HABIT : HABIT) * (isDevice ? DEVICE : 1) * (popular ? POPULAR : 1);
    const usualRatio = usualRatioOf(host, pair);
    const shift = usualRatio === undefined ? undefined : ratio - usualRatio;
    const shifted =
      shift === undefined ? 1 : SHIFT_LEAST + (1 - SHIFT_LEAST) * Math.min(1, Math.max(0, shift / SHIFT_FULL));
    const score = volume * giving * shifted * rare * unusual;
    return { score, excess, usual, ratio, usualRatio, known: hostsThere, habit, isNew, isDevice, popular };
  }

  function report(pair: Pair, judged: Judged): Detection {
    return {
      kind: 'exfiltration.upload',
      detector: exfiltrationInfo.id,
      actor: pair.host,
      peers: [pair.address],
      peerCount: 1,
      ...(pair.port === undefined ? {} : { port: pair.port }),
      ...(pair.protocol === undefined ? {} : { protocol: pair.protocol }),
      ...(pair.service === undefined ? {} : { service: pair.service }),
      firstMs: pair.firstMs,
      lastMs: pair.lastMs,
      score: judged.score,
      reasons: uploadReasons(pair, judged, minBytes),
      flows: pool.flows(pair.evidence),
      flowCount: pair.flows,
    };
  }

  function reportHandover(one: Handover): Detection {
    const asked = hosts
      .askedMs(hosts.find(one.host, ipv4Bits(one.host)))
      .some((ms) => ms >= one.span.firstMs - ADDRESS_WITHIN_MS && ms <= one.span.lastMs + ADDRESS_WITHIN_MS);
    const isMail = one.kind === 'mail';
    const score = 0.5 + (asked ? 0.15 : 0) + (one.bareName ? 0.1 : 0) + (one.foreign ? 0.1 : 0);
    return {
      kind: isMail ? 'exfiltration.mail' : 'exfiltration.ftp',
      detector: exfiltrationInfo.id,
      actor: one.host,
      peers: [one.server],
      peerCount: 1,
      ...(one.port === undefined ? {} : { port: one.port }),
      protocol: 'tcp',
      service: isMail ? 'smtp' : 'ftp',
      firstMs: one.span.firstMs,
      lastMs: one.span.lastMs,
      score,
      reasons: handoverReasons(one, asked),
      flows: pool.flows(one.evidence),
      flowCount: one.flows,
    };
  }

  return {
    id: exfiltrationInfo.id,
    observe,
    finish,
    saturations: () => saturationsOf(exfiltrationInfo.id, [pairCap, hostCap, callers.cap, handovers.cap, pool.cap]),
  };
}

interface Judged {
  readonly score: number;
  readonly excess: number;
  readonly usual: Usual;
  readonly ratio: number;
  /** Of the host's usual hour; undefined where it has to do with nobody else. */
  readonly usualRatio: number | undefined;
  readonly known: number;
  readonly habit: number;
  /** Whether the host had been seen for long before it first sent anything there. */
  readonly isNew: boolean;
  readonly isDevice: boolean;
  readonly popular: boolean;
}

/** From the first to the last moment of a pair, ms. */
function lengthOf({ firstMs, lastMs }: Pair): number {
  return Math.max(0, lastMs - firstMs);
}

/** What a host usually sends to all other places in an hour. */
interface Usual {
  /** Which hours are compared: the same one of the week, of the day, all in which it sent anything, or none, as it was seen too shortly. */
  readonly of: 'week' | 'day' | 'all' | 'none';
  readonly bytes: (hour: number) => number;
}

function usualOf(host: Host, pair: Pair, { minWeeks, minDays }: ExfiltrationOptions): Usual {
  const active = host.hours.size;
  if (active === 0) return { of: 'none', bytes: () => 0 };
  const others = (hour: number): number => Math.max(0, (host.hours.get(hour) ?? 0) - (pair.hours.get(hour) ?? 0));
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const [hour] of host.hours) {
    first = Math.min(first, hour);
    last = Math.max(last, hour);
  }
  const span = last - first + 1;
  const step = span >= minWeeks * WEEK_HOURS ? WEEK_HOURS : span >= minDays * DAY_HOURS ? DAY_HOURS : undefined;
  if (step !== undefined) {
    // Where the host sent nothing at all for a day or a week, it was not there; an hour of a day on which it was there counts, also with nothing.
    const seen = new Set([...host.hours].map(([hour]) => Math.floor(hour / step)));
    return {
      of: step === WEEK_HOURS ? 'week' : 'day',
      bytes: (hour) => {
        const same: number[] = [];
        for (let away = step; away <= MAX_HOURS; away += step)
          for (const at of [hour - away, hour + away])
            if (at >= first && at <= last && seen.has(Math.floor(at / step))) same.push(others(at));
        return same.length === 0 ? 0 : median(same);
      },
    };
  }
  if (active < MIN_HOURS) return { of: 'none', bytes: () => 0 };
  const usual = median([...host.hours].map(([hour]) => others(hour)));
  return { of: 'all', bytes: () => usual };
}

/** The ratio of the host's usual hour without this place, else with all other places together; undefined where there are none. */
function usualRatioOf(host: Host, pair: Pair): number | undefined {
  const ratios: number[] = [];
  for (const [hour, sent] of host.hours) {
    const received = host.receivedHours.get(hour) ?? 0;
    if (!pair.hours.has(hour) && sent + received > 0) ratios.push((sent - received) / (sent + received));
  }
  if (ratios.length >= MIN_HOURS) return median(ratios);
  const sent = host.sent - pair.sent;
  const received = host.received - pair.received;
  return sent + received > 0 ? (sent - received) / (sent + received) : undefined;
}

function excessOf(pair: Pair, usual: Usual): number {
  if (pair.hours.size === 0) return pair.sent;
  let excess = 0;
  for (const [hour, bytes] of pair.hours) excess += Math.max(0, bytes - usual.bytes(hour));
  return excess;
}

/** What is usual in the hours of a pair, on average. */
function meanUsual(pair: Pair, usual: Usual): number {
  const hours = [...pair.hours];
  return hours.length === 0 ? 0 : hours.reduce((sum, [hour]) => sum + usual.bytes(hour), 0) / hours.length;
}

/** Days with at least a fifth of what the fullest one had. */
function habitDays(pair: Pair): number {
  const days = new Map<number, number>();
  for (const [hour, bytes] of pair.hours) {
    const day = Math.floor(hour / DAY_HOURS);
    days.set(day, (days.get(day) ?? 0) + bytes);
  }
  const sums = [...days].map(([, bytes]) => bytes);
  const most = Math.max(0, ...sums);
  return sums.filter((bytes) => bytes >= HABIT_SHARE * most).length;
}

/** Days from when the host first sent anything to when it first did so to this place. */
function daysBefore(host: Host, pair: Pair): number {
  const first = (hours: ReadonlyMap<number, number>): number =>
    [...hours].reduce((least, [hour]) => Math.min(least, hour), Number.POSITIVE_INFINITY);
  return (first(pair.hours) - first(host.hours)) / DAY_HOURS;
}

/** The registered domains that the flows of a batch name, each name taken apart once. */
class Places {
  readonly #servers: JudgedText<string>;
  readonly #hosts: JudgedText<string>;

  constructor({ serverName, httpHost }: FlowBatch) {
    this.#servers = new JudgedText(serverName, ownerOf, '');
    this.#hosts = new JudgedText(httpHost, ownerOf, '');
  }

  /** '' where a flow names none. */
  at(row: number): string {
    return this.#servers.at(row) || this.#hosts.at(row);
  }
}

function ownerOf(name: string): string {
  return registrableDomain(name, { privateSuffixes: true }) ?? '';
}

/** Tells the rows that ask a public service for the address of who asks, by any name that they show. */
class AddressAskers {
  readonly #servers: Told;
  readonly #hosts: Told;
  readonly #names: DnsNames;
  readonly #queries: Int32Array;

  constructor({ serverName, httpHost, dnsQuery }: FlowBatch) {
    this.#servers = new Told(serverName, tellsAddress);
    this.#hosts = new Told(httpHost, tellsAddress);
    this.#names = DnsNames.of(dnsQuery);
    this.#queries = dnsQuery.codes;
  }

  asks(row: number): boolean {
    if ((this.#queries[row] as number) >= 0 && (this.#names.marksAt(row) & TELLS_ADDRESS) !== 0) return true;
    return this.#servers.at(row) || this.#hosts.at(row);
  }
}

interface HandedOver {
  readonly count: number;
  readonly bareName: boolean;
  readonly foreign: boolean;
}

/** A mail that was handed over after a login: 'EHLO PC-1, AUTH, MAIL a.example, RCPT b.example, DATA'. Undefined where it is none, or the rest was encrypted. */
function mailTold(operations: string): HandedOver | undefined {
  const words = operations.split(', ');
  if (!words.includes('AUTH') || !words.includes('DATA')) return undefined;
  const after = (verb: string): string[] =>
    words.flatMap((word) => (word.startsWith(`${verb} `) ? [word.slice(verb.length + 1)] : []));
  const greeting = [...after('EHLO'), ...after('HELO')][0] ?? '';
  const from = after('MAIL');
  return {
    count: 1,
    bareName: /^[\w-]{1,63}$/.test(greeting),
    foreign: from.length > 0 && after('RCPT').some((domain) => !from.includes(domain)),
  };
}

/** Files that were stored after a login with a name. */
function fileTold(operations: string, user: string | undefined): HandedOver | undefined {
  if (user === undefined || /^(?:anonymous|ftp)$/i.test(user)) return undefined;
  const count = operations.split(', ').filter((word) => /^(?:STOR|STOU|APPE)(?: |$)/.test(word)).length;
  return count === 0 ? undefined : { count, bareName: false, foreign: false };
}

function excessSentence(pair: Pair, usual: Usual, excess: number): string {
  const beyond = `${humanBytes(excess)} went beyond that`;
  const bytes = humanBytes(meanUsual(pair, usual));
  switch (usual.of) {
    case 'week':
      return `In the same hours of other weeks it usually sends ${bytes} an hour to all other places; ${beyond}.`;
    case 'day':
      return `In the same hours of other days it usually sends ${bytes} an hour to all other places; ${beyond}.`;
    case 'all':
      return `In an hour it usually sends ${bytes} to all other places; ${beyond}.`;
    case 'none':
      return 'What the host usually sends in an hour is not known: it was seen for fewer than six hours.';
  }
}

function uploadReasons(pair: Pair, judged: Judged, minBytes: number): Reason[] {
  const { excess, usual, ratio, usualRatio, known, habit, isNew, isDevice, popular } = judged;
  const rate = lengthOf(pair) > 0 ? (8 * pair.sent) / (lengthOf(pair) / 1000) : 0;
  const reasons: Reason[] = [
    {
      name: 'exfiltration.bytes',
      value: pair.sent,
      unit: 'bytes',
      sentence: `It sent ${humanBytes(pair.sent)} there and got ${humanBytes(pair.received)} back, in ${counted(pair.flows, 'flow')}.`,
    },
    {
      name: 'exfiltration.excess',
      value: Math.round(excess),
      unit: 'bytes',
      threshold: minBytes,
      sentence: excessSentence(pair, usual, excess),
    },
    {
      name: 'exfiltration.ratio',
      value: Number(ratio.toFixed(3)),
      unit: 'ratio -1..1',
      threshold: GIVING_FROM,
      sentence: `Its ratio of sent to received is ${ratio.toFixed(2)} there (1 is all sent, -1 all received)${usualRatio === undefined ? '' : `, and usually ${usualRatio.toFixed(2)} elsewhere`}.`,
    },
    ...(usualRatio === undefined
      ? []
      : [
          {
            name: 'exfiltration.shift',
            value: Number((ratio - usualRatio).toFixed(3)),
            unit: 'ratio -2..2',
            threshold: SHIFT_FULL,
            sentence:
              ratio - usualRatio >= SHIFT_FULL
                ? 'It gives there what it usually takes: the ratio is shifted.'
                : 'It gives about as much elsewhere; the score is lowered by that.',
          },
        ]),
    {
      name: 'exfiltration.callers',
      value: known,
      unit: 'hosts',
      sentence:
        known === 1
          ? 'No other host inside has anything to do with that place.'
          : `${known >= MAX_CALLERS ? `${humanCount(known)} hosts or more` : `${humanCount(known)} hosts`} inside have to do with that place.`,
    },
    {
      name: 'exfiltration.rate',
      value: Math.round(rate),
      unit: 'bit/s',
      sentence: `From first to last it took ${humanDuration(lengthOf(pair))}.`,
    },
  ];
  if (pair.isName)
    reasons.unshift({
      name: 'exfiltration.place',
      value: pair.place,
      unit: 'name',
      sentence: 'The place is told by the domain in the server names, which stands beside this line.',
    });
  if (habit >= HABIT_DAYS)
    reasons.push({
      name: 'exfiltration.habit',
      value: habit,
      unit: 'days',
      sentence: `On ${humanCount(habit)} days it sent about as much there: it may be a habit${isNew ? ', though one that it did not have when it was first seen' : ''}.`,
    });
  if (isDevice)
    reasons.push({
      name: 'exfiltration.device',
      value: 1,
      unit: '',
      sentence: 'The host does hardly anything else, and does it all the time, as a camera or a sensor does.',
    });
  if (popular)
    reasons.push({
      name: 'exfiltration.popular',
      value: 1,
      unit: '',
      sentence: 'The domain is on the list of popular ones.',
    });
  return reasons;
}

function handoverReasons(one: Handover, asked: boolean): Reason[] {
  const isMail = one.kind === 'mail';
  const reasons: Reason[] = [
    {
      name: 'exfiltration.handed-over',
      value: one.count,
      unit: isMail ? 'mails' : 'files',
      contribution: 0.5,
      sentence: isMail
        ? `It logged in to a mail server outside without encryption and handed over ${counted(one.count, 'mail')}.`
        : `It logged in to a file server outside without encryption and stored ${counted(one.count, 'file')} there.`,
    },
    {
      name: 'exfiltration.bytes',
      value: one.bytes,
      unit: 'bytes',
      sentence: `It sent ${humanBytes(one.bytes)} on these connections.`,
    },
  ];
  if (asked)
    reasons.push({
      name: 'exfiltration.public-address',
      value: 1,
      unit: '',
      contribution: 0.15,
      sentence: 'Within an hour of that it asked a public service for the address by which it is seen outside.',
    });
  if (one.bareName)
    reasons.push({
      name: 'exfiltration.greeting',
      value: 1,
      unit: '',
      contribution: 0.1,
      sentence:
        'It greeted the server by a bare host name, as programs do that only send; mail programs and servers greet otherwise.',
    });
  if (one.foreign)
    reasons.push({
      name: 'exfiltration.foreign',
      value: 1,
      unit: '',
      contribution: 0.1,
      sentence: 'The mail goes from one domain to another one.',
    });
  return reasons;
}
