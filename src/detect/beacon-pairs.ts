import { NONE, PairTable } from './pair.ts';

/** Where a pair stands: let in for good, or seen once or twice and in the young or the old generation of those. */
export const ADMITTED = 0;
export const YOUNG = 1;
export const OLD = 2;

/** Services told apart of one pair. */
const MAX_SERVICES = 8;
const MANY = -1;

/**
 * The connections of one initiator to one responder, port and protocol, for every such pair, in columns: with an object and an array for each pair tens of thousands of them took
 * three times as much. The connections of all pairs lie in one set of columns and are linked by pair, in the order in which they were kept.
 */
export class BeaconPairs {
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
  /** `MANY` where there is a map. */
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
    if (at(this.#serviceCount, pair) === MANY) this.#services.delete(pair);
    this.#service[pair] = undefined;
    this.table.remove(pair);
  }

  saw(pair: number, startMs: number, service: string | undefined): void {
    this.total[pair] = at(this.total, pair) + 1;
    if (startMs < at(this.firstMs, pair)) this.firstMs[pair] = startMs;
    if (startMs > at(this.lastMs, pair)) this.lastMs[pair] = startMs;
    if (service === undefined) return;
    const first = this.#service[pair];
    const count = at(this.#serviceCount, pair);
    if (count !== MANY && (first === undefined || first === service)) {
      this.#service[pair] = service;
      this.#serviceCount[pair] = count + 1;
      return;
    }
    let services = count === MANY ? this.#services.get(pair) : undefined;
    if (services === undefined) {
      services = new Map([[first ?? service, count]]);
      this.#services.set(pair, services);
      this.#serviceCount[pair] = MANY;
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

  /** The first connection of a pair, and the one after another of it; NONE where there is none. */
  firstOf(pair: number): number {
    return at(this.#head, pair);
  }

  after(connection: number): number {
    return at(this.#next, connection);
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

function grown<T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
