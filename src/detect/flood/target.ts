import type { Table } from '../../core/index.ts';
import { NO_ROW, OwnedRows, widened } from '../../core/index.ts';
import { Cap, lighterHalf, PeerCounter, PeerPool, TimeSpan } from '../bounded/bounded.ts';
import { type HeavyColumns, HeavyRows } from '../bounded/heavy-rows.ts';
import { moreRows } from '../bounded/number-column.ts';
import { NONE } from '../bounded/pair.ts';
import { MAX_EVIDENCE_FLOWS } from '../detection.ts';
import { EvidencePool } from '../evidence/pool.ts';

/** So many targets of a kind stay whatever their sources take. */
const HEAVIEST = 16;
const EVIDENCE_HELD = 2 * MAX_EVIDENCE_FLOWS;
/** A row that lasts longer, from a source without an active timeout, is spread over this many points. */
const MAX_SPREAD = 360;

/**
 * Slices of time of all targets, in columns: what a target was sent within one. `flows` are those that began in it, `ordinary` the attempts or packets of the same kind that were
 * met by the other side.
 */
export class Slices {
  readonly rows: OwnedRows;
  packets = new Float64Array(0);
  flows = new Int32Array(0);
  ordinary = new Int32Array(0);
  firstMs = new Float64Array(0);
  lastMs = new Float64Array(0);

  constructor(most: number) {
    this.rows = new OwnedRows(most);
  }

  /** A slice that is empty; `NO_ROW` where there is no place. */
  make(target: number, at: number, last: number): number {
    const row = this.rows.add(target, at, last);
    if (row >= this.packets.length) {
      const n = this.rows.capacity;
      this.packets = widened(this.packets, n);
      this.flows = widened(this.flows, n);
      this.ordinary = widened(this.ordinary, n);
      this.firstMs = widened(this.firstMs, n);
      this.lastMs = widened(this.lastMs, n);
    }
    if (row === NO_ROW) return NO_ROW;
    this.packets[row] = 0;
    this.flows[row] = 0;
    this.ordinary[row] = 0;
    this.firstMs[row] = Number.POSITIVE_INFINITY;
    this.lastMs[row] = Number.NEGATIVE_INFINITY;
    return row;
  }

  saw(row: number, packets: number, isNew: boolean, firstMs: number, lastMs: number): void {
    if (row === NO_ROW) return;
    this.packets[row] = valueAt(this.packets, row) + packets;
    if (isNew) this.flows[row] = valueAt(this.flows, row) + 1;
    if (firstMs < valueAt(this.firstMs, row)) this.firstMs[row] = firstMs;
    if (lastMs > valueAt(this.lastMs, row)) this.lastMs[row] = lastMs;
  }

  met(row: number): void {
    if (row !== NO_ROW) this.ordinary[row] = valueAt(this.ordinary, row) + 1;
  }

  copy(row: number, target: number, last: number): number {
    const copy = this.make(target, this.rows.value(row), last);
    if (copy === NO_ROW) return NO_ROW;
    this.packets[copy] = valueAt(this.packets, row);
    this.flows[copy] = valueAt(this.flows, row);
    this.ordinary[copy] = valueAt(this.ordinary, row);
    this.firstMs[copy] = valueAt(this.firstMs, row);
    this.lastMs[copy] = valueAt(this.lastMs, row);
    return copy;
  }
}

/** An element that is known to be there. */
export function valueAt(values: Float64Array | Int32Array, i: number): number {
  return values[i] as number;
}

/** `port` of a host whose attempts went to several ports. */
const MANY_PORTS = -1;
/** `port` where ports play no part, or no attempt was seen yet. */
const NO_PORT = -2;

/** Kinds of targets, by which their slices are told apart. */
const KINDS = 7;
const SYN = 0;
const UDP = 1;
const ICMP = 2;
const PORT = 3;
const STRAY = 4;
const OTHER = 5;
const SLOW = 6;

/** What all targets of one detector share. */
interface Budget {
  readonly evidence: EvidencePool;
  readonly peers: PeerPool;
  readonly slices: Slices;
}

/** Peers of each row, weighed: while a row has one only, no more than that one, its weight and how often it came, which takes a fifth of a counter. */
class PeerColumn<K extends string | number> {
  readonly #cap: number;
  readonly #pool: PeerPool;
  readonly #peers: (K | PeerCounter<K> | undefined)[] = [];
  #weight = new Float64Array(0);
  #times = new Int32Array(0);

  constructor(cap: number, pool: PeerPool) {
    this.#cap = cap;
    this.#pool = pool;
  }

  add(row: number, peer: K, weight = 1, times = 1): void {
    const held = this.#peers[row];
    if (typeof held === 'object') {
      held.add(peer, weight, times);
    } else if (held !== undefined && held !== peer) {
      const counter = new PeerCounter<K>(this.#cap, this.#pool);
      counter.add(held, this.#weight[row] as number, this.#times[row] as number);
      counter.add(peer, weight, times);
      // The counter takes it upon itself.
      this.#pool.held--;
      this.#peers[row] = counter;
    } else {
      if (held === undefined) {
        this.note(row, peer);
        this.#pool.held++;
      }
      this.#weight[row] = (this.#weight[row] as number) + weight;
      this.#times[row] = (this.#times[row] as number) + times;
    }
  }

  /** Keeps a peer of a row that has none, without a weight and outside the pool, until it is taken. */
  note(row: number, peer: K): void {
    if (row >= this.#times.length) {
      const n = moreRows(Math.max(row, this.#times.length));
      this.#weight = widened(this.#weight, n);
      this.#times = widened(this.#times, n);
    }
    this.#peers[row] = peer;
    this.#weight[row] = 0;
    this.#times[row] = 0;
  }

  /** A peer that was noted. */
  noted(row: number): K {
    return this.#peers[row] as K;
  }

  /** Takes back a peer that was noted. */
  take(row: number): K {
    const noted = this.noted(row);
    this.#peers[row] = undefined;
    return noted;
  }

  has(row: number): boolean {
    return this.#peers[row] !== undefined;
  }

  /** Undefined where the row has none; to look at only. */
  of(row: number): PeerCounter<K> | undefined {
    const held = this.#peers[row];
    if (held === undefined || typeof held === 'object') return held;
    const counter = new PeerCounter<K>(this.#cap);
    counter.add(held, this.#weight[row] as number, this.#times[row] as number);
    return counter;
  }

  release(row: number): void {
    const held = this.#peers[row];
    if (typeof held === 'object') held.release();
    else if (held !== undefined) this.#pool.held--;
    this.#peers[row] = undefined;
  }

  /** What the row of another column has, for a row that has none. */
  copy(from: PeerColumn<K>, source: number, row: number): void {
    const held = from.#peers[source];
    if (held === undefined) return;
    if (typeof held === 'object') this.#peers[row] = held.clone();
    else this.add(row, held, from.#weight[source] as number, from.#times[source] as number);
  }
}

/** What was sent to a host, or to a port of one, as it is judged. */
export interface Target {
  readonly host: string;
  /** Below 0 where it is all ports of a host, or ports play no part. */
  readonly port: number;
  readonly sources: PeerCounter;
  /** Packets per port, where all ports count together; per service of likely reflectors; per odd combination of SYN flags. */
  readonly ports: PeerCounter<number> | undefined;
  readonly reflectors: PeerCounter | undefined;
  readonly flags: PeerCounter | undefined;
  /** Its collector in the pool of evidence. */
  readonly evidence: number;
  readonly slices: readonly number[];
}

/**
 * Targets of one kind in columns: what was sent to hosts, or to ports of hosts. Most are hit once: of such a one no more is kept than that hit, set aside in the pool of evidence.
 */
export class Targets {
  readonly #kind: number;
  readonly #budget: Budget;
  weight = new Float64Array(0);
  /** The port while there is one only; this state then stands for the host and for the port. */
  port = new Int32Array(0);
  readonly #sources: PeerColumn<string>;
  readonly ports: PeerColumn<number>;
  /** Few have any. */
  readonly #reflectors = new Map<number, PeerCounter>();
  readonly #flags = new Map<number, PeerCounter>();
  /** The only hit so far, set aside, with its times; `NONE` where there was another one. */
  #only = new Int32Array(0);
  #startMs = new Float64Array(0);
  #endMs = new Float64Array(0);
  #isNew = new Uint8Array(0);
  /** Its collector, made when first needed. */
  #evidence = new Int32Array(0);
  /** The list of its slices, and the one that was used last. */
  #first = new Int32Array(0);
  #last = new Int32Array(0);
  #slice = new Int32Array(0);

  constructor(kind: number, budget: Budget) {
    this.#kind = kind;
    this.#budget = budget;
    this.#sources = new PeerColumn(256, budget.peers);
    this.ports = new PeerColumn(64, budget.peers);
  }

  /** Begins a row; `capacity` rows there are room for. */
  protected begin(row: number, capacity: number, port: number): void {
    if (capacity > this.port.length) this.#widen(capacity);
    this.weight[row] = 0;
    this.port[row] = port;
    this.#only[row] = NONE;
    this.#evidence[row] = NONE;
    this.#first[row] = NO_ROW;
    this.#last[row] = NO_ROW;
    this.#slice[row] = NO_ROW;
  }

  #widen(n: number): void {
    this.weight = widened(this.weight, n);
    this.port = widened(this.port, n);
    this.#only = widened(this.#only, n);
    this.#startMs = widened(this.#startMs, n);
    this.#endMs = widened(this.#endMs, n);
    this.#isNew = widened(this.#isNew, n);
    this.#evidence = widened(this.#evidence, n);
    this.#first = widened(this.#first, n);
    this.#last = widened(this.#last, n);
    this.#slice = widened(this.#slice, n);
  }

  weightOf(row: number): number {
    return this.weight[row] as number;
  }

  portOf(row: number): number {
    return this.port[row] as number;
  }

  /** Counts packets of an odd combination of SYN flags. */
  addFlags(row: number, flags: string, packets: number): void {
    counterOf(this.#flags, row, this.#budget.peers).add(flags, packets);
  }

  /** Counts packets from the port of a service that reflects. */
  addReflector(row: number, service: string, packets: number): void {
    counterOf(this.#reflectors, row, this.#budget.peers).add(service, packets);
  }

  /** True where the hit is the only one so far and is noted; else it is to be counted. */
  note(row: number, { table, row: flow, packets, source, startMs, endMs, isNew }: Hit): boolean {
    if (this.weightOf(row) !== 0 || packets <= 0 || this.#sources.has(row)) return false;
    this.weight[row] = packets;
    this.#only[row] = this.#budget.evidence.setAside(table, flow, -packets);
    this.#sources.note(row, source);
    this.#startMs[row] = startMs;
    this.#endMs[row] = endMs;
    this.#isNew[row] = isNew ? 1 : 0;
    return true;
  }

  /** Takes back the only hit, which is then to be counted like any other; undefined where there is none. */
  unfold(row: number): OnlyHit | undefined {
    const only = this.#only[row] as number;
    if (only === NONE) return undefined;
    this.#only[row] = NONE;
    const packets = this.weightOf(row);
    this.#sources.add(row, this.#sources.take(row), packets);
    this.#budget.evidence.take(this.evidenceOf(row), only);
    return {
      packets,
      startMs: this.#startMs[row] as number,
      endMs: this.#endMs[row] as number,
      isNew: this.#isNew[row] === 1,
    };
  }

  count(row: number, { table, row: flow, packets, source }: Hit): void {
    this.weight[row] = this.weightOf(row) + packets;
    this.#sources.add(row, source, packets);
    this.#budget.evidence.offer(this.evidenceOf(row), table, flow, -packets);
  }

  evidenceOf(row: number): number {
    let evidence = this.#evidence[row] as number;
    if (evidence === NONE) {
      evidence = this.#budget.evidence.collector(EVIDENCE_HELD);
      this.#evidence[row] = evidence;
    }
    return evidence;
  }

  /** Its number, by which its slices are found. */
  #owner(row: number): number {
    return KINDS * row + this.#kind;
  }

  /** The slice of a time, or `NO_ROW`. */
  sliceAt(row: number, at: number): number {
    const { rows } = this.#budget.slices;
    const used = this.#slice[row] as number;
    if (used !== NO_ROW && rows.value(used) === at) return used;
    if (this.#first[row] === NO_ROW) return NO_ROW;
    const slice = rows.find(this.#owner(row), at);
    if (slice !== NO_ROW) this.#slice[row] = slice;
    return slice;
  }

  addSlice(row: number, at: number): number {
    return this.#link(row, this.#budget.slices.make(this.#owner(row), at, this.#last[row] as number));
  }

  #link(row: number, slice: number): number {
    if (slice === NO_ROW) return NO_ROW;
    if (this.#first[row] === NO_ROW) this.#first[row] = slice;
    this.#last[row] = slice;
    this.#slice[row] = slice;
    return slice;
  }

  *slicesOf(row: number): Iterable<number> {
    const { rows } = this.#budget.slices;
    for (let slice = this.#first[row] as number; slice !== NO_ROW; slice = rows.next(slice)) yield slice;
  }

  /** Drops the slices of which `isLight` says so; the number of them. */
  dropSlices(row: number, isLight: (weight: number) => boolean): number {
    const { rows, packets } = this.#budget.slices;
    const before = rows.size;
    const { first, last } = rows.sift(this.#first[row] as number, (slice) => isLight(valueAt(packets, slice)));
    this.#first[row] = first;
    this.#last[row] = last;
    this.#slice[row] = NO_ROW;
    return before - rows.size;
  }

  /** What a row of others has, for a row that has just begun. */
  copy(from: Targets, source: number, row: number): void {
    const { evidence, slices } = this.#budget;
    this.weight[row] = from.weightOf(source);
    const only = from.#only[source] as number;
    if (only !== NONE) {
      this.#only[row] = evidence.copy(only);
      this.#startMs[row] = from.#startMs[source] as number;
      this.#endMs[row] = from.#endMs[source] as number;
      this.#isNew[row] = from.#isNew[source] as number;
      this.#sources.note(row, from.#sources.noted(source));
    } else this.#sources.copy(from.#sources, source, row);
    const collector = from.#evidence[source] as number;
    if (collector !== NONE) this.#evidence[row] = evidence.clone(collector);
    const flags = from.#flags.get(source);
    if (flags !== undefined) this.#flags.set(row, flags.clone());
    for (const slice of from.slicesOf(source))
      this.#link(row, slices.copy(slice, this.#owner(row), this.#last[row] as number));
  }

  release(row: number): void {
    const { evidence, slices } = this.#budget;
    if (this.#first[row] !== NO_ROW) slices.rows.drop(this.#first[row] as number);
    const only = this.#only[row] as number;
    if (only !== NONE) {
      evidence.discard(only);
      this.#sources.take(row);
    } else this.#sources.release(row);
    this.ports.release(row);
    for (const counters of [this.#reflectors, this.#flags]) {
      counters.get(row)?.release();
      counters.delete(row);
    }
    const collector = this.#evidence[row] as number;
    if (collector !== NONE) evidence.release(collector);
  }

  /** A row as it is judged, its only hit counted before. */
  target(row: number, host: string): Target {
    return {
      host,
      port: this.portOf(row),
      sources: this.#sources.of(row) ?? new PeerCounter(),
      ports: this.ports.of(row),
      reflectors: this.#reflectors.get(row),
      flags: this.#flags.get(row),
      evidence: this.evidenceOf(row),
      slices: [...this.slicesOf(row)],
    };
  }
}

/** The only hit of a target, which its sources and its evidence have taken. */
interface OnlyHit {
  readonly packets: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly isNew: boolean;
}

function counterOf(counters: Map<number, PeerCounter>, row: number, pool: PeerPool): PeerCounter {
  const known = counters.get(row);
  if (known !== undefined) return known;
  const made = new PeerCounter(16, pool);
  counters.set(row, made);
  return made;
}

/** Targets that are hosts, found by their addresses. */
export class HostTargets extends Targets implements HeavyColumns {
  readonly rows: HeavyRows;

  constructor(kind: number, budget: Budget, cap: Cap) {
    super(kind, budget);
    this.rows = new HeavyRows(cap, this);
  }

  /** The row of a host, of which `bits` is `ipv4Bits`; `NO_ROW` where it is refused. */
  obtain(host: string, bits: number): number {
    const known = this.rows.find(host, bits);
    if (known !== NO_ROW) return known;
    const row = this.rows.add(host, bits);
    if (row !== NO_ROW) this.begin(row, this.rows.capacity, NO_PORT);
    return row;
  }
}

/** Hosts with connection attempts, and those of their ports where one has several. */
export class SynTargets extends HostTargets {
  readonly ofPorts: PortTargets;
  /** Its list of ports. */
  #firstPort = new Int32Array(0);
  #lastPort = new Int32Array(0);

  constructor(budget: Budget, cap: Cap) {
    super(SYN, budget, cap);
    this.ofPorts = new PortTargets(budget, cap.cap);
  }

  protected override begin(row: number, capacity: number, port: number): void {
    super.begin(row, capacity, port);
    if (capacity > this.#firstPort.length) {
      this.#firstPort = widened(this.#firstPort, capacity);
      this.#lastPort = widened(this.#lastPort, capacity);
    }
    this.#firstPort[row] = NO_ROW;
    this.#lastPort[row] = NO_ROW;
  }

  /** The ports of a host that has several. */
  *portsOf(row: number): Iterable<number> {
    for (let at = this.#firstPort[row] as number; at !== NO_ROW; at = this.ofPorts.rows.next(at)) yield at;
  }

  /** A port of a host that has several; `NO_ROW` where it is not known. */
  findPort(row: number, port: number): number {
    return this.ofPorts.rows.find(row, port);
  }

  /** A port that is new; `NO_ROW` where its way through the table would be too long. */
  addPort(row: number, port: number): number {
    const at = this.ofPorts.add(row, port, this.#lastPort[row] as number);
    if (at === NO_ROW) return NO_ROW;
    if (this.#firstPort[row] === NO_ROW) this.#firstPort[row] = at;
    this.#lastPort[row] = at;
    return at;
  }

  /** Its only port becomes a target of its own. */
  split(row: number): void {
    const at = this.addPort(row, this.portOf(row));
    if (at !== NO_ROW) this.ofPorts.copy(this, row, at);
    if (this.weightOf(row) > 0) this.ports.add(row, this.portOf(row), this.weightOf(row));
    this.port[row] = MANY_PORTS;
  }

  /** Drops the ports of which `isLight` says so; the number of them. */
  dropPorts(row: number, isLight: (weight: number) => boolean): number {
    const before = this.ofPorts.rows.size;
    const { first, last } = this.ofPorts.rows.sift(this.#firstPort[row] as number, (at) => {
      if (!isLight(this.ofPorts.weightOf(at))) return false;
      this.ofPorts.release(at);
      return true;
    });
    this.#firstPort[row] = first;
    this.#lastPort[row] = last;
    return before - this.ofPorts.rows.size;
  }

  override release(row: number): void {
    super.release(row);
    if (this.#firstPort[row] !== NO_ROW) this.dropPorts(row, () => true);
  }
}

/** Targets that are ports of hosts. */
class PortTargets extends Targets {
  readonly rows: OwnedRows;

  constructor(budget: Budget, most: number) {
    super(PORT, budget);
    this.rows = new OwnedRows(most);
  }

  add(host: number, port: number, last: number): number {
    const row = this.rows.add(host, port, last);
    if (row !== NO_ROW) this.begin(row, this.rows.capacity, port);
    return row;
  }
}

/** A host that answers others who never asked, so far as the input shows; as it is judged. */
export interface Answerer {
  readonly host: string;
  /** Flows. */
  readonly weight: number;
  readonly synAckTo: PeerCounter;
  readonly resetTo: PeerCounter;
  readonly ports: PeerCounter<number>;
  readonly span: TimeSpan;
  readonly evidence: number;
}

/** Such hosts in columns. */
export class Answerers implements HeavyColumns {
  readonly rows: HeavyRows;
  readonly #pool: EvidencePool;
  #weight = new Int32Array(0);
  #evidence = new Int32Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  readonly synAckTo: PeerColumn<string>;
  readonly resetTo: PeerColumn<string>;
  readonly ports: PeerColumn<number>;

  constructor({ evidence, peers }: Budget, cap: Cap) {
    this.rows = new HeavyRows(cap, this);
    this.#pool = evidence;
    this.synAckTo = new PeerColumn(256, peers);
    this.resetTo = new PeerColumn(256, peers);
    this.ports = new PeerColumn(64, peers);
  }

  /** The row of a host, of which `bits` is `ipv4Bits`; `NO_ROW` where it is refused. */
  obtain(host: string, bits: number): number {
    const known = this.rows.find(host, bits);
    if (known !== NO_ROW) return known;
    const row = this.rows.add(host, bits);
    if (row === NO_ROW) return NO_ROW;
    const n = this.rows.capacity;
    if (n > this.#weight.length) {
      this.#weight = widened(this.#weight, n);
      this.#evidence = widened(this.#evidence, n);
      this.#firstMs = widened(this.#firstMs, n);
      this.#lastMs = widened(this.#lastMs, n);
    }
    this.#weight[row] = 0;
    this.#evidence[row] = this.#pool.collector();
    this.#firstMs[row] = Number.POSITIVE_INFINITY;
    this.#lastMs[row] = Number.NEGATIVE_INFINITY;
    return row;
  }

  /** One flow. */
  saw(row: number, startMs: number, endMs: number): void {
    this.#weight[row] = this.weightOf(row) + 1;
    if (startMs < valueAt(this.#firstMs, row)) this.#firstMs[row] = startMs;
    if (endMs > valueAt(this.#lastMs, row)) this.#lastMs[row] = endMs;
  }

  evidenceOf(row: number): number {
    return this.#evidence[row] as number;
  }

  weightOf(row: number): number {
    return this.#weight[row] as number;
  }

  release(row: number): void {
    for (const peers of [this.synAckTo, this.resetTo, this.ports]) peers.release(row);
    this.#pool.release(this.evidenceOf(row));
  }

  answerer(row: number): Answerer {
    const span = new TimeSpan();
    span.add(this.#firstMs[row], this.#lastMs[row]);
    return {
      host: this.rows.text(row),
      weight: this.weightOf(row),
      synAckTo: this.synAckTo.of(row) ?? new PeerCounter(),
      resetTo: this.resetTo.of(row) ?? new PeerCounter(),
      ports: this.ports.of(row) ?? new PeerCounter<number>(),
      span,
      evidence: this.evidenceOf(row),
    };
  }
}

/** Packets that a flow row brings to a target; one object serves all rows. */
export interface Hit {
  readonly table: Table;
  row: number;
  source: string;
  packets: number;
  startMs: number;
  endMs: number;
  isNew: boolean;
}

/** How much of it is held. */
export interface FloodCaps {
  readonly sliceMs: number;
  readonly maxTargets: number;
  readonly maxSlices: number;
  readonly maxPeers: number;
}

/** All that is held of targets and of hosts that answer nobody, within its bounds. */
export class FloodTargets {
  readonly pool: EvidencePool;
  readonly peers = new PeerPool();
  readonly slices: Slices;
  readonly syn: SynTargets;
  readonly udp: HostTargets;
  readonly icmp: HostTargets;
  readonly stray: HostTargets;
  readonly other: HostTargets;
  readonly slow: HostTargets;
  readonly answerers: Answerers;
  readonly #sliceMs: number;
  readonly #maxTargets: number;
  readonly #maxSlices: number;
  readonly #maxPeers: number;
  readonly #portCap: Cap;
  readonly #sliceCap: Cap;
  readonly #peerCap: Cap;

  constructor({ sliceMs, maxTargets, maxSlices, maxPeers }: FloodCaps) {
    this.#sliceMs = sliceMs;
    this.#maxTargets = maxTargets;
    this.#maxSlices = maxSlices;
    this.#maxPeers = maxPeers;
    this.#portCap = new Cap('hosts and ports with connection attempts', maxTargets);
    this.#sliceCap = new Cap('time slices of flood targets', maxSlices);
    this.#peerCap = new Cap('sources of flood targets', maxPeers);
    this.pool = new EvidencePool(4 * maxTargets);
    // Room beyond the cap for the slices that are copied where a host turns out to have a second port.
    this.slices = new Slices(2 * maxSlices);
    const budget: Budget = { evidence: this.pool, peers: this.peers, slices: this.slices };
    this.syn = new SynTargets(budget, new Cap('hosts with connection attempts', maxTargets));
    this.udp = new HostTargets(UDP, budget, new Cap('hosts sent UDP', maxTargets));
    this.icmp = new HostTargets(ICMP, budget, new Cap('hosts sent ICMP', maxTargets));
    this.stray = new HostTargets(STRAY, budget, new Cap('hosts sent packets of no connection', maxTargets));
    this.other = new HostTargets(OTHER, budget, new Cap('hosts sent other IP protocols', maxTargets));
    this.slow = new HostTargets(SLOW, budget, new Cap('web servers that are kept waiting', maxTargets));
    this.answerers = new Answerers(budget, new Cap('hosts that answer nobody', maxTargets));
  }

  /** Counts an attempt that was met, in the slice of a time. */
  met(targets: Targets, row: number, startMs: number): void {
    this.unfold(targets, row);
    this.slices.met(this.#sliceOf(targets, row, Math.floor(startMs / this.#sliceMs)));
  }

  caps(): Cap[] {
    return [
      this.#portCap,
      this.syn.rows.cap,
      this.udp.rows.cap,
      this.icmp.rows.cap,
      this.stray.rows.cap,
      this.other.rows.cap,
      this.slow.rows.cap,
      this.answerers.rows.cap,
      this.#sliceCap,
      this.#peerCap,
      this.pool.cap,
    ];
  }

  /** Whether the state of a host stands for this port as well, because no other one was seen. */
  isOnlyPort(host: number, port: number): boolean {
    if (this.syn.portOf(host) === NO_PORT) this.syn.port[host] = port;
    return this.syn.portOf(host) === port;
  }

  /** The row of a port of a host with several, among `syn.ofPorts`; `NO_ROW` where it is refused. */
  portOf(host: number, port: number): number {
    if (this.syn.portOf(host) !== MANY_PORTS) {
      this.#makeRoomForPort();
      this.syn.split(host);
    }
    const known = this.syn.findPort(host, port);
    if (known !== NO_ROW) return known;
    this.#makeRoomForPort();
    return this.syn.addPort(host, port);
  }

  #makeRoomForPort(): void {
    if (this.syn.ofPorts.rows.size >= this.#maxTargets) this.#dropLightPorts();
  }

  #dropLightPorts(): void {
    const { ofPorts } = this.syn;
    const isLight = lighterHalf(Float64Array.from(this.ports(), ({ row }) => ofPorts.weightOf(row)));
    for (const host of this.syn.rows.rows()) this.#portCap.refused += this.syn.dropPorts(host, isLight);
  }

  /** All ports of hosts with several, with their hosts. */
  *ports(): Iterable<{ readonly host: number; readonly row: number }> {
    for (const host of this.syn.rows.rows()) for (const row of this.syn.portsOf(host)) yield { host, row };
  }

  #sliceOf(targets: Targets, row: number, at: number): number {
    const known = targets.sliceAt(row, at);
    if (known !== NO_ROW) return known;
    if (this.slices.rows.size >= this.#maxSlices) this.#dropLightSlices();
    return targets.addSlice(row, at);
  }

  /** Drops the slices with the fewest packets, half of all: a slice that makes a flood has hundreds. */
  #dropLightSlices(): void {
    const packets = new Float64Array(this.slices.rows.size);
    let n = 0;
    for (const { targets, row } of this.#all())
      for (const slice of targets.slicesOf(row)) packets[n++] = valueAt(this.slices.packets, slice);
    const isLight = lighterHalf(packets.subarray(0, n));
    for (const { targets, row } of this.#all()) this.#sliceCap.refused += targets.dropSlices(row, isLight);
  }

  *#all(): Iterable<{ readonly targets: Targets; readonly row: number }> {
    for (const { row } of this.ports()) yield { targets: this.syn.ofPorts, row };
    for (const targets of [this.syn, this.udp, this.icmp, this.stray])
      for (const row of targets.rows.rows()) yield { targets, row };
  }

  /** Where the targets have more sources than may be held, the lightest targets go. */
  boundPeers(): void {
    if (this.peers.held <= this.#maxPeers) return;
    const ports = this.syn.ofPorts.rows;
    const maps = [this.syn.rows, this.udp.rows, this.icmp.rows, this.stray.rows, this.answerers.rows];
    const before = this.peers.held;
    while (
      this.peers.held > 0.75 * this.#maxPeers &&
      (ports.size > HEAVIEST || maps.some((map) => map.size > HEAVIEST))
    ) {
      if (ports.size > HEAVIEST) this.#dropLightPorts();
      for (const map of maps) if (map.size > HEAVIEST) map.dropLightest();
    }
    this.#peerCap.refused += before - this.peers.held;
  }

  hit(targets: Targets, row: number, hit: Hit): void {
    if (targets.note(row, hit)) return;
    this.unfold(targets, row);
    targets.count(row, hit);
    this.#spread(targets, row, hit);
  }

  /** Counts the only hit of a target like any other. */
  unfold(targets: Targets, row: number): void {
    const only = targets.unfold(row);
    if (only !== undefined) this.#spread(targets, row, only);
  }

  #spread(targets: Targets, row: number, { packets, startMs, endMs, isNew }: OnlyHit): void {
    const firstSlice = Math.floor(startMs / this.#sliceMs);
    const lastSlice = Math.floor(endMs / this.#sliceMs);
    if (firstSlice === lastSlice) {
      this.slices.saw(this.#sliceOf(targets, row, firstSlice), packets, isNew, startMs, endMs);
      return;
    }
    const points = Math.min(lastSlice - firstSlice + 1, MAX_SPREAD);
    for (let i = 0; i < points; i++) {
      const timeMs = points === 1 ? startMs : startMs + ((endMs - startMs) * i) / (points - 1);
      const slice = this.#sliceOf(targets, row, Math.floor(timeMs / this.#sliceMs));
      this.slices.saw(slice, packets / points, i === 0 && isNew, timeMs, points === 1 ? endMs : timeMs);
    }
  }
}
