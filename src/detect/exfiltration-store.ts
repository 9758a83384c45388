import { widened } from '../core/index.ts';
import { type Cap, lighterHalf } from './bounded/bounded.ts';
import { HashRows, NO_ROW } from './bounded/hash-rows.ts';
import { NO_PLACE, NumberIndex } from './bounded/number-index.ts';
import { NumberCounts, NumberSets } from './bounded/owned-set.ts';
import { pairHash } from './bounded/pair.ts';
import { NO_NUMBER, type TextNumbers } from './bounded/text-number.ts';

const NO_PORT = -1;
/** Hours of which is known what was sent. */
const MAX_HOURS = 1024;
const HOUR_MS = 3_600_000;
const IS_NAME = 1;
const IS_CALLED = 2;

/** The hour (UTC) of a time; undefined where there is none. */
export function hourOf(ms: number | undefined): number | undefined {
  if (ms === undefined) return undefined;
  const hour = Math.floor(ms / HOUR_MS);
  return hour === (hour | 0) ? hour : undefined;
}

/** Bytes by hour for each row of a table. */
class Hours {
  readonly #counts = new NumberCounts();

  add(row: number, hour: number, bytes: number): void {
    if (!this.#counts.raise(row, hour, bytes) && this.#counts.size(row) < MAX_HOURS) this.#counts.add(row, hour, bytes);
  }

  at(row: number): Map<number, number> {
    return new Map(this.#counts.entries(row));
  }

  keep(kept: Int32Array): void {
    this.#counts.keep(kept);
  }
}

/** What a host exchanged with a place outside. */
export interface Pair {
  readonly host: string;
  readonly place: string;
  /** The place is a domain, no address. */
  readonly isName: boolean;
  readonly sent: number;
  readonly received: number;
  readonly flows: number;
  /** Bytes sent by hour. */
  readonly hours: ReadonlyMap<number, number>;
  /** Infinite where no time is known, this one above the last. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Of the flow that sent most. */
  readonly address: string;
  readonly port: number | undefined;
  readonly protocol: string | undefined;
  readonly service: string | undefined;
  /** Number of the collector. */
  readonly evidence: number;
}

/** One flow of a pair. */
export interface PairFlow {
  readonly address: string;
  readonly bits: number;
  readonly port: number | undefined;
  readonly protocol: string | undefined;
  readonly service: string | undefined;
}

/** Hosts and places outside in columns, some 90 bytes a pair and those of its hours. A pair is a number. At the cap the lighter half goes: `add` may give all others new numbers. */
export class Pairs {
  readonly cap: Cap;
  readonly #texts: TextNumbers;
  readonly #release: (evidence: number) => void;
  readonly #rows: HashRows;
  #host = new Int32Array(0);
  #place = new Int32Array(0);
  #flags = new Uint8Array(0);
  #evidence = new Int32Array(0);
  /** Bytes: who sent much stays. */
  #sent = new Float64Array(0);
  #received = new Float64Array(0);
  #flows = new Int32Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  /** Bytes that the flow sent that sent most; -1 before there is one. */
  #most = new Float64Array(0);
  #address = new Int32Array(0);
  #port = new Int32Array(0);
  #protocol = new Int32Array(0);
  #service = new Int32Array(0);
  readonly #hours = new Hours();

  /** @param texts numbers of hosts, places and all other texts; @param release is told of the collector of each pair that goes. */
  constructor(cap: Cap, texts: TextNumbers, release: (evidence: number) => void) {
    this.cap = cap;
    this.#texts = texts;
    this.#release = release;
    this.#rows = new HashRows(cap.cap);
  }

  get size(): number {
    return this.#rows.size;
  }

  /** The pair, `NO_ROW` where it is not known. */
  find(address: string, addressBits: number, at: string, atBits: number): number {
    const host = this.#texts.find(address, addressBits);
    const place = this.#texts.find(at, atBits);
    if (host === NO_NUMBER || place === NO_NUMBER) return NO_ROW;
    for (let pair = this.#rows.first(pairHash(host, place, 0)); pair !== NO_ROW; pair = this.#rows.further())
      if (this.#host[pair] === host && this.#place[pair] === place) return pair;
    return NO_ROW;
  }

  /** A pair that is new; `NO_ROW` where it is refused, which is counted. */
  add(
    address: string,
    addressBits: number,
    at: string,
    atBits: number,
    { isName, evidence }: Pick<Pair, 'isName' | 'evidence'>,
  ): number {
    if (this.#rows.size >= this.cap.cap) this.cap.refused += this.#dropLightest();
    const host = this.#texts.take(address, addressBits);
    const place = this.#texts.take(at, atBits);
    const pair = this.#rows.add(pairHash(host, place, 0));
    if (pair === NO_ROW) {
      this.cap.refused++;
      this.#texts.drop(host);
      this.#texts.drop(place);
      return NO_ROW;
    }
    if (pair >= this.#host.length) this.#widen(this.#rows.capacity);
    this.#host[pair] = host;
    this.#place[pair] = place;
    this.#flags[pair] = isName ? IS_NAME : 0;
    this.#evidence[pair] = evidence;
    this.#sent[pair] = 0;
    this.#received[pair] = 0;
    this.#flows[pair] = 0;
    this.#firstMs[pair] = Number.POSITIVE_INFINITY;
    this.#lastMs[pair] = Number.NEGATIVE_INFINITY;
    this.#most[pair] = -1;
    this.#address[pair] = NO_NUMBER;
    this.#port[pair] = NO_PORT;
    this.#protocol[pair] = NO_NUMBER;
    this.#service[pair] = NO_NUMBER;
    return pair;
  }

  evidence(pair: number): number {
    return this.#evidence[pair] as number;
  }

  /** Number of the host. */
  host(pair: number): number {
    return this.#host[pair] as number;
  }

  sent(pair: number): number {
    return this.#sent[pair] as number;
  }

  /** Whether the host stands among the callers of the place. */
  isCalled(pair: number): boolean {
    return ((this.#flags[pair] as number) & IS_CALLED) !== 0;
  }

  setCalled(pair: number): void {
    this.#flags[pair] = (this.#flags[pair] as number) | IS_CALLED;
  }

  exchanged(pair: number, sent: number, received: number, hour: number | undefined): void {
    this.#sent[pair] = (this.#sent[pair] as number) + sent;
    this.#received[pair] = (this.#received[pair] as number) + received;
    this.#flows[pair] = (this.#flows[pair] as number) + 1;
    if (hour !== undefined) this.#hours.add(pair, hour, sent);
  }

  /** Times that are missing or not finite leave the span as it is. */
  sawTime(pair: number, ms: number | undefined): void {
    if (ms === undefined || !Number.isFinite(ms)) return;
    if (ms < (this.#firstMs[pair] as number)) this.#firstMs[pair] = ms;
    if (ms > (this.#lastMs[pair] as number)) this.#lastMs[pair] = ms;
  }

  /** Whether a flow that sent so much is to be told by `setMost`: none sent more, and of those that sent as much its address goes first. */
  isMost(pair: number, sent: number, address: string, bits: number): boolean {
    const most = this.#most[pair] as number;
    if (sent !== most) return sent > most;
    const known = this.#address[pair] as number;
    return known !== this.#texts.find(address, bits) && address < this.#texts.text(known);
  }

  setMost(pair: number, sent: number, { address, bits, port, protocol, service }: PairFlow): void {
    this.#most[pair] = sent;
    this.#port[pair] = port ?? NO_PORT;
    const texts = this.#texts;
    const before = [this.#address[pair], this.#protocol[pair], this.#service[pair]];
    this.#address[pair] = texts.take(address, bits);
    this.#protocol[pair] = protocol === undefined ? NO_NUMBER : texts.take(protocol);
    this.#service[pair] = service === undefined ? NO_NUMBER : texts.take(service);
    for (const number of before) texts.drop(number ?? NO_NUMBER);
  }

  at(pair: number): Pair {
    const port = this.#port[pair] as number;
    return {
      host: this.#texts.text(this.#host[pair] as number),
      place: this.#texts.text(this.#place[pair] as number),
      isName: ((this.#flags[pair] as number) & IS_NAME) !== 0,
      sent: this.sent(pair),
      received: this.#received[pair] as number,
      flows: this.#flows[pair] as number,
      hours: this.#hours.at(pair),
      firstMs: this.#firstMs[pair] as number,
      lastMs: this.#lastMs[pair] as number,
      address: this.#textOf(this.#address, pair) ?? '',
      port: port === NO_PORT ? undefined : port,
      protocol: this.#textOf(this.#protocol, pair),
      service: this.#textOf(this.#service, pair),
      evidence: this.evidence(pair),
    };
  }

  #textOf(column: Int32Array, pair: number): string | undefined {
    const number = column[pair] as number;
    return number === NO_NUMBER ? undefined : this.#texts.text(number);
  }

  /** Drops the lighter half, at least one: how many went. */
  #dropLightest(): number {
    const before = this.size;
    const isLight = lighterHalf(this.#sent.slice(0, before));
    const kept = new Int32Array(before);
    let n = 0;
    for (let pair = 0; pair < before; pair++) {
      if (!isLight(this.sent(pair))) {
        kept[n++] = pair;
        continue;
      }
      this.#release(this.evidence(pair));
      for (const column of [this.#host, this.#place, this.#address, this.#protocol, this.#service])
        this.#texts.drop(column[pair] as number);
    }
    this.#keep(kept.subarray(0, n));
    return before - n;
  }

  #keep(kept: Int32Array): void {
    const columns = [
      this.#host,
      this.#place,
      this.#flags,
      this.#evidence,
      this.#sent,
      this.#received,
      this.#flows,
      this.#firstMs,
      this.#lastMs,
      this.#most,
      this.#address,
      this.#port,
      this.#protocol,
      this.#service,
    ];
    for (const column of columns)
      for (let pair = 0; pair < kept.length; pair++) column[pair] = column[kept[pair] as number] as number;
    this.#hours.keep(kept);
    this.#rows.keep(kept);
  }

  #widen(n: number): void {
    this.#host = widened(this.#host, n);
    this.#place = widened(this.#place, n);
    this.#flags = widened(this.#flags, n);
    this.#evidence = widened(this.#evidence, n);
    this.#sent = widened(this.#sent, n);
    this.#received = widened(this.#received, n);
    this.#flows = widened(this.#flows, n);
    this.#firstMs = widened(this.#firstMs, n);
    this.#lastMs = widened(this.#lastMs, n);
    this.#most = widened(this.#most, n);
    this.#address = widened(this.#address, n);
    this.#port = widened(this.#port, n);
    this.#protocol = widened(this.#protocol, n);
    this.#service = widened(this.#service, n);
  }
}

/** What a host of the home network exchanged with all places outside. */
export interface Host {
  readonly sent: number;
  readonly received: number;
  readonly hours: ReadonlyMap<number, number>;
  readonly receivedHours: ReadonlyMap<number, number>;
}

const MAX_TIMES = 16;

/** Hosts of the home network in columns; a host is a number. At the cap new ones are refused and counted. */
export class Hosts {
  readonly cap: Cap;
  readonly #texts: TextNumbers;
  readonly #index = new NumberIndex();
  #sent = new Float64Array(0);
  #received = new Float64Array(0);
  readonly #hours = new Hours();
  readonly #receivedHours = new Hours();
  /** When a host asked for its own public address. */
  readonly #askedMs = new Map<number, number[]>();

  constructor(cap: Cap, texts: TextNumbers) {
    this.cap = cap;
    this.#texts = texts;
  }

  /** `NO_PLACE` for a host that is not known. */
  find(address: string, bits: number): number {
    const number = this.#texts.find(address, bits);
    return number === NO_NUMBER ? NO_PLACE : this.#index.find(number);
  }

  /** The host, new where it is not known; `NO_PLACE` where there is no room for another one. */
  obtain(address: string, bits: number): number {
    const known = this.find(address, bits);
    if (known !== NO_PLACE) return known;
    const host = this.#index.size < this.cap.cap ? this.#index.add(this.#texts.take(address, bits)) : NO_PLACE;
    if (host === NO_PLACE) this.cap.refused++;
    else if (host >= this.#sent.length) {
      this.#sent = widened(this.#sent, this.#index.capacity);
      this.#received = widened(this.#received, this.#index.capacity);
    }
    return host;
  }

  exchanged(host: number, sent: number, received: number, hour: number | undefined): void {
    this.#sent[host] = (this.#sent[host] as number) + sent;
    this.#received[host] = (this.#received[host] as number) + received;
    if (hour === undefined) return;
    this.#hours.add(host, hour, sent);
    if (received > 0) this.#receivedHours.add(host, hour, received);
  }

  noteAsked(host: number, ms: number): void {
    const times = this.#askedMs.get(host);
    if (times === undefined) this.#askedMs.set(host, [ms]);
    else if (times.length < MAX_TIMES) times.push(ms);
  }

  /** When it asked for its own public address. */
  askedMs(host: number): readonly number[] {
    return this.#askedMs.get(host) ?? [];
  }

  at(host: number): Host {
    return {
      sent: this.#sent[host] as number,
      received: this.#received[host] as number,
      hours: this.#hours.at(host),
      receivedHours: this.#receivedHours.at(host),
    };
  }
}

/** Callers counted of a place. */
export const MAX_CALLERS = 8;

/** Which hosts have to do with a place, up to `MAX_CALLERS` of them. At the cap new places are refused and counted. */
export class Callers {
  readonly cap: Cap;
  readonly #texts: TextNumbers;
  readonly #places = new NumberIndex();
  readonly #hosts = new NumberSets();

  constructor(cap: Cap, texts: TextNumbers) {
    this.cap = cap;
    this.#texts = texts;
  }

  /** Whether the host stands among the callers of the place now, or these are too many to count. Both are texts with their bits. */
  note(place: string, placeBits: number, host: string, hostBits: number): boolean {
    const texts = this.#texts;
    const number = texts.find(place, placeBits);
    let at = number === NO_NUMBER ? NO_PLACE : this.#places.find(number);
    if (at === NO_PLACE && this.#places.size < this.cap.cap) at = this.#places.add(texts.take(place, placeBits));
    if (at === NO_PLACE) {
      this.cap.refused++;
      return false;
    }
    if (this.#hosts.size(at) >= MAX_CALLERS) return true;
    const caller = texts.find(host, hostBits);
    if (caller === NO_NUMBER || !this.#hosts.has(at, caller)) this.#hosts.add(at, texts.take(host, hostBits));
    return true;
  }

  /** How many callers are known of a place. */
  count(place: string, placeBits: number): number {
    const number = this.#texts.find(place, placeBits);
    const at = number === NO_NUMBER ? NO_PLACE : this.#places.find(number);
    return at === NO_PLACE ? 0 : this.#hosts.size(at);
  }
}
