import { widened } from '../../core/index.ts';
import { NONE, type PairKey, PairTable } from '../bounded/pair.ts';
import { ipv4Bits, NO_NUMBER, TextNumbers } from '../bounded/text-number.ts';
import { BeaconConnections } from './connections.ts';

/** Where a pair stands: let in for good, or seen once or twice and in the young or the old generation of those. */
export const ADMITTED = 0;
export const YOUNG = 1;
export const OLD = 2;

/** Services told apart of one pair. */
const MAX_SERVICES = 8;
const MANY = -1;

/** How many of each there are at the most. */
export interface BeaconRoom {
  readonly pairs: number;
  readonly names: number;
}

/**
 * The connections of one initiator to one responder, port and protocol, for every such pair, in columns: with an object and an array for each pair tens of thousands of them took
 * many times as much. The connections of a pair are a list, in the order in which they were kept.
 */
export class BeaconPairs {
  readonly table: PairTable;
  /** Addresses, protocols and services. */
  readonly #texts: TextNumbers;
  /** Connections held. */
  connections = 0;
  /** Collector of the flows kept before the pair was admitted, from a budget of their own, and from then on: one-off pairs can't use up the evidence of others. */
  early = new Int32Array(0);
  evidence = new Int32Array(0);
  generation = new Uint8Array(0);
  /** Connections held of the pair. */
  count = new Int32Array(0);
  /** Of the connections of a pair that were not kept: how many, and the start of the first and the last. Without rows before there is one. */
  #refused = new Int32Array(0);
  #refusedFirstMs = new Float64Array(0);
  #refusedLastMs = new Float64Array(0);
  /** Nearly every pair has one service: a map only where it is needed. */
  #service = new Int32Array(0);
  /** `MANY` where there is a map. */
  #serviceCount = new Int32Array(0);
  #services = new Map<number, Map<string, number>>();
  #head = new Int32Array(0);
  #tail = new Int32Array(0);
  readonly #connections: BeaconConnections;

  /** @param texts those of the detector, which holds the same ones itself. */
  constructor(room: BeaconRoom, texts = new TextNumbers()) {
    this.#connections = new BeaconConnections(room.names);
    this.#texts = texts;
    this.table = new PairTable(room.pairs, texts);
  }

  add(key: PairKey, early: number): number {
    const pair = this.table.add(key);
    if (pair === NONE) return NONE;
    if (this.table.capacity > this.early.length) this.#growPairs(this.table.capacity);
    this.early[pair] = early;
    this.evidence[pair] = NONE;
    this.generation[pair] = YOUNG;
    this.count[pair] = 0;
    if (this.#refused.length > 0) this.#refused[pair] = 0;
    this.#service[pair] = NO_NUMBER;
    this.#serviceCount[pair] = 0;
    this.#head[pair] = NONE;
    this.#tail[pair] = NONE;
    return pair;
  }

  remove(pair: number): void {
    this.#connections.drop(at(this.#head, pair));
    this.connections -= at(this.count, pair);
    if (at(this.#serviceCount, pair) === MANY) this.#services.delete(pair);
    this.#texts.drop(at(this.#service, pair));
    this.table.remove(pair);
  }

  /** Connections in all, those that were not kept among them. */
  total(pair: number): number {
    return at(this.count, pair) + (this.#refused.length === 0 ? 0 : at(this.#refused, pair));
  }

  /** When the first and the last of all connections of a pair began, epoch ms. */
  span(pair: number): { readonly firstMs: number; readonly lastMs: number } {
    const isWhole = this.total(pair) === at(this.count, pair);
    let firstMs = isWhole ? Number.POSITIVE_INFINITY : at(this.#refusedFirstMs, pair);
    let lastMs = isWhole ? Number.NEGATIVE_INFINITY : at(this.#refusedLastMs, pair);
    for (const i of this.connectionsOf(pair)) {
      const startMs = this.#connections.startMs(i);
      firstMs = Math.min(firstMs, startMs);
      lastMs = Math.max(lastMs, startMs);
    }
    return { firstMs, lastMs };
  }

  /** Counts a connection's service. */
  saw(pair: number, service: string): void {
    const first = at(this.#service, pair);
    const count = at(this.#serviceCount, pair);
    if (count !== MANY && (first === NO_NUMBER || this.#texts.is(first, service))) {
      if (first === NO_NUMBER) this.#service[pair] = this.#texts.take(service, ipv4Bits(service));
      this.#serviceCount[pair] = count + 1;
      return;
    }
    let services = count === MANY ? this.#services.get(pair) : undefined;
    if (services === undefined) {
      services = new Map([[this.#texts.text(first), count]]);
      this.#services.set(pair, services);
      this.#serviceCount[pair] = MANY;
    }
    if (services.has(service) || services.size < MAX_SERVICES) services.set(service, (services.get(service) ?? 0) + 1);
  }

  /** Counts a connection for which there is no room. */
  refuse(pair: number, startMs: number): void {
    if (this.#refused.length === 0) this.#growRefused(this.count.length);
    const isFirst = at(this.#refused, pair) === 0;
    this.#refused[pair] = at(this.#refused, pair) + 1;
    if (isFirst || startMs < at(this.#refusedFirstMs, pair)) this.#refusedFirstMs[pair] = startMs;
    if (isFirst || startMs > at(this.#refusedLastMs, pair)) this.#refusedLastMs[pair] = startMs;
  }

  keep(pair: number, startMs: number, bytes: number, id: number, name: number): void {
    const i = this.#connections.add(startMs, bytes, id, name);
    const tail = at(this.#tail, pair);
    if (tail === NONE) this.#head[pair] = i;
    else this.#connections.setNext(tail, i);
    this.#tail[pair] = i;
    this.count[pair] = at(this.count, pair) + 1;
    this.connections++;
  }

  /** The services seen of a pair, with how often. */
  services(pair: number): ReadonlyMap<string, number> {
    const services = this.#services.get(pair);
    if (services !== undefined) return services;
    const first = at(this.#service, pair);
    return new Map(first === NO_NUMBER ? [] : [[this.#texts.text(first), at(this.#serviceCount, pair)]]);
  }

  /** The numbers of a pair's connections. */
  *connectionsOf(pair: number): Iterable<number> {
    for (let i = at(this.#head, pair); i !== NONE; i = this.#connections.next(i)) yield i;
  }

  /** The first connection of a pair, and the one after another of it; NONE where there is none. */
  firstOf(pair: number): number {
    return at(this.#head, pair);
  }

  after(connection: number): number {
    return this.#connections.next(connection);
  }

  /** Number of the name that a connection called, or -1. */
  nameOf(connection: number): number {
    return this.#connections.name(connection);
  }

  /** A connection of a pair; `responder` is the pair's. */
  connection(i: number, pair: number, responder: string): Connection {
    const connections = this.#connections;
    return { pair, responder, startMs: connections.startMs(i), bytes: connections.bytes(i), id: connections.id(i) };
  }

  /** Admitted ones first. */
  inOrder(): number[] {
    const pairs = [...this.table.pairs()];
    return [ADMITTED, YOUNG, OLD].flatMap((g) => pairs.filter((pair) => at(this.generation, pair) === g));
  }

  #growPairs(n: number): void {
    this.early = widened(this.early, n);
    this.evidence = widened(this.evidence, n);
    this.generation = widened(this.generation, n);
    this.count = widened(this.count, n);
    this.#service = widened(this.#service, n);
    this.#serviceCount = widened(this.#serviceCount, n);
    this.#head = widened(this.#head, n);
    this.#tail = widened(this.#tail, n);
    if (this.#refused.length > 0) this.#growRefused(n);
  }

  #growRefused(n: number): void {
    this.#refused = widened(this.#refused, n);
    this.#refusedFirstMs = widened(this.#refusedFirstMs, n);
    this.#refusedLastMs = widened(this.#refusedLastMs, n);
  }
}

/** One connection, or one attempt, of a pair. */
export interface Connection {
  readonly pair: number;
  readonly responder: string;
  readonly startMs: number;
  /** NaN where missing, as the id. */
  readonly bytes: number;
  readonly id: number;
}

/** An element that is known to be there. */
function at(values: ArrayLike<number>, i: number): number {
  return values[i] ?? Number.NaN;
}
