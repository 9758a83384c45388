import type { Table } from '../core/index.ts';
import { Cap, HeavyMap, lighterHalf, PeerCounter, PeerPool, TimeSpan } from './bounded.ts';
import { MAX_EVIDENCE_FLOWS } from './detection.ts';
import { EvidencePool } from './evidence-pool.ts';
import { type HeavyEntry, HeavyTable } from './heavy-table.ts';
import { NO_ROW, OwnedRows, widened } from './number-table.ts';

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
  flows = new Float64Array(0);
  ordinary = new Float64Array(0);
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
export function valueAt(values: Float64Array, i: number): number {
  return values[i] as number;
}

/** `port` of a host whose attempts went to several ports. */
const MANY_PORTS = -1;
/** `port` where ports play no part, or no attempt was seen yet. */
const NO_PORT = -2;

/** What all targets of one detector share. */
interface Budget {
  readonly evidence: EvidencePool;
  readonly peers: PeerPool;
  readonly slices: Slices;
  /** Targets made so far. */
  targets: number;
}

/** The only hit of a target so far. */
interface FirstHit {
  /** Set aside in the pool of evidence. */
  readonly kept: number;
  readonly source: string;
  readonly packets: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly isNew: boolean;
}

/** What was sent to a host, or to a port of one. */
export class Target implements HeavyEntry {
  readonly host: string;
  /** `hash32` of the host. */
  readonly hash: number;
  /** The port while there is one only; this state then stands for the host and for the port. */
  port: number;
  weight = 0;
  dropped = false;
  /** Most targets are hit once: such a one is no more than this. */
  first: FirstHit | undefined;
  /** Its number, by which its slices are found, their list, and the slice that was used last. */
  readonly #number: number;
  #first = NO_ROW;
  #last = NO_ROW;
  #at = Number.NaN;
  #slice = NO_ROW;
  #sources: PeerCounter | undefined;
  /** Packets per port, where all ports count together; per service of likely reflectors; per odd combination of SYN flags. Made when first needed. */
  ports: PeerCounter<number> | undefined;
  reflectors: PeerCounter | undefined;
  flags: PeerCounter | undefined;
  #evidence: number | undefined;
  /** States of the ports, where there are several. */
  portTargets: Map<number, Target> | undefined;
  #budget: Budget;

  constructor(host: string, hash: number, port: number, budget: Budget) {
    this.host = host;
    this.hash = hash;
    this.port = port;
    this.#budget = budget;
    this.#number = budget.targets++;
  }

  hasKey(host: string): boolean {
    return this.host === host;
  }

  get sources(): PeerCounter {
    this.#sources ??= new PeerCounter(256, this.#budget.peers);
    return this.#sources;
  }

  /** Its collector in the pool of evidence. */
  get evidence(): number {
    this.#evidence ??= this.#budget.evidence.collector(EVIDENCE_HELD);
    return this.#evidence;
  }

  /** The slice of a time, or `NO_ROW`. */
  sliceAt(at: number): number {
    if (this.#at === at) return this.#slice;
    if (this.#first === NO_ROW) return NO_ROW;
    const slice = this.#budget.slices.rows.find(this.#number, at);
    if (slice === NO_ROW) return NO_ROW;
    this.#at = at;
    this.#slice = slice;
    return slice;
  }

  addSlice(at: number): number {
    const slice = this.#budget.slices.make(this.#number, at, this.#last);
    if (slice === NO_ROW) return NO_ROW;
    if (this.#first === NO_ROW) this.#first = slice;
    this.#last = slice;
    this.#at = at;
    this.#slice = slice;
    return slice;
  }

  *slices(): Iterable<number> {
    const { rows } = this.#budget.slices;
    for (let slice = this.#first; slice !== NO_ROW; slice = rows.next(slice)) yield slice;
  }

  /** Drops the slices of which `isLight` says so; the number of them. */
  dropSlices(isLight: (weight: number) => boolean): number {
    const { rows, packets } = this.#budget.slices;
    const before = rows.size;
    const { first, last } = rows.sift(this.#first, (slice) => isLight(valueAt(packets, slice)));
    this.#first = first;
    this.#last = last;
    this.#at = Number.NaN;
    this.#slice = NO_ROW;
    return before - rows.size;
  }

  /** The state of its one port as a target of its own. */
  split(): Target {
    const copy = new Target(this.host, this.hash, this.port, this.#budget);
    copy.weight = this.weight;
    const { evidence } = this.#budget;
    if (this.first !== undefined) copy.first = { ...this.first, kept: evidence.copy(this.first.kept) };
    copy.#sources = this.#sources?.clone();
    if (this.#evidence !== undefined) copy.#evidence = evidence.clone(this.#evidence);
    copy.flags = this.flags?.clone();
    for (const slice of this.slices()) {
      const last = this.#budget.slices.copy(slice, copy.#number, copy.#last);
      if (last === NO_ROW) continue;
      if (copy.#first === NO_ROW) copy.#first = last;
      copy.#last = last;
    }
    return copy;
  }

  release(): void {
    this.dropped = true;
    if (this.#first !== NO_ROW) this.#budget.slices.rows.drop(this.#first);
    this.#first = NO_ROW;
    this.#last = NO_ROW;
    this.#at = Number.NaN;
    this.#sources?.release();
    this.ports?.release();
    this.reflectors?.release();
    this.flags?.release();
    if (this.first !== undefined) this.#budget.evidence.discard(this.first.kept);
    if (this.#evidence !== undefined) this.#budget.evidence.release(this.#evidence);
  }
}

/** A host that answers others who never asked, so far as the input shows. */
export interface Answerer {
  readonly host: string;
  weight: number;
  readonly synAckTo: PeerCounter;
  readonly resetTo: PeerCounter;
  readonly ports: PeerCounter<number>;
  readonly span: TimeSpan;
  readonly evidence: number;
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
  readonly synHosts: HeavyTable<Target>;
  readonly udpHosts: HeavyTable<Target>;
  readonly icmpHosts: HeavyTable<Target>;
  readonly answerers: HeavyMap<Answerer>;
  readonly #budget: Budget;
  readonly #sliceMs: number;
  readonly #maxTargets: number;
  readonly #maxSlices: number;
  readonly #maxPeers: number;
  readonly #portCap: Cap;
  readonly #sliceCap: Cap;
  readonly #peerCap: Cap;
  #portCount = 0;

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
    this.#budget = { evidence: this.pool, peers: this.peers, slices: this.slices, targets: 0 };
    const release = (target: Target): void => {
      target.release();
      if (target.portTargets === undefined) return;
      this.#portCount -= target.portTargets.size;
      for (const port of target.portTargets.values()) port.release();
    };
    this.synHosts = new HeavyTable<Target>(new Cap('hosts with connection attempts', maxTargets), release);
    this.udpHosts = new HeavyTable<Target>(new Cap('hosts sent UDP', maxTargets), release);
    this.icmpHosts = new HeavyTable<Target>(new Cap('hosts sent echo packets', maxTargets), release);
    this.answerers = new HeavyMap<Answerer>(new Cap('hosts that answer nobody', maxTargets), (a) => {
      for (const counter of [a.synAckTo, a.resetTo, a.ports]) counter.release();
      this.pool.release(a.evidence);
    });
  }

  answererOf(host: string): Answerer {
    return this.answerers.obtain(host, () => ({
      host,
      weight: 0,
      synAckTo: new PeerCounter(256, this.peers),
      resetTo: new PeerCounter(256, this.peers),
      ports: new PeerCounter<number>(64, this.peers),
      span: new TimeSpan(),
      evidence: this.pool.collector(),
    }));
  }

  /** Counts an attempt that was met, in the slice of a time. */
  met(target: Target, startMs: number): void {
    this.unfold(target);
    this.slices.met(this.#sliceOf(target, Math.floor(startMs / this.#sliceMs)));
  }

  caps(): Cap[] {
    return [
      this.#portCap,
      this.synHosts.cap,
      this.udpHosts.cap,
      this.icmpHosts.cap,
      this.answerers.cap,
      this.#sliceCap,
      this.#peerCap,
      this.pool.cap,
    ];
  }

  /** Undefined where it is refused. @param hash `hash32` of the host */
  targetOf(hosts: HeavyTable<Target>, host: string, hash: number): Target | undefined {
    const known = hosts.find(hash, host, '', 0);
    if (known !== undefined) return known;
    const made = new Target(host, hash, NO_PORT, this.#budget);
    return hosts.add(made) ? made : undefined;
  }

  /** The state of a port of a host; the host itself while it has no other. */
  portOf(host: Target, port: number): Target {
    if (host.port === NO_PORT) host.port = port;
    if (host.port === port) return host;
    if (host.portTargets === undefined) {
      host.portTargets = new Map();
      this.#addPort(host.portTargets, host.split());
      if (host.weight > 0) {
        host.ports = new PeerCounter<number>(64, this.peers);
        host.ports.add(host.port, host.weight);
      }
      host.port = MANY_PORTS;
    }
    let target = host.portTargets.get(port);
    if (target === undefined) {
      target = new Target(host.host, host.hash, port, this.#budget);
      this.#addPort(host.portTargets, target);
    }
    return target;
  }

  #addPort(ports: Map<number, Target>, target: Target): void {
    if (this.#portCount >= this.#maxTargets) this.#dropLightPorts();
    ports.set(target.port, target);
    this.#portCount++;
  }

  #dropLightPorts(): void {
    const weights = new Float64Array(this.#portCount);
    let n = 0;
    for (const target of this.portTargets()) weights[n++] = target.weight;
    const isLight = lighterHalf(weights.subarray(0, n));
    for (const host of this.synHosts.values()) {
      for (const [port, target] of host.portTargets ?? []) {
        if (!isLight(target.weight)) continue;
        host.portTargets?.delete(port);
        target.release();
        this.#portCount--;
        this.#portCap.refused++;
      }
    }
  }

  *portTargets(): Iterable<Target> {
    for (const host of this.synHosts.values()) if (host.portTargets !== undefined) yield* host.portTargets.values();
  }

  #sliceOf(target: Target, at: number): number {
    const known = target.sliceAt(at);
    if (known !== NO_ROW) return known;
    if (this.slices.rows.size >= this.#maxSlices) this.#dropLightSlices();
    return target.addSlice(at);
  }

  /** Drops the slices with the fewest packets, half of all: a slice that makes a flood has hundreds. */
  #dropLightSlices(): void {
    const packets = new Float64Array(this.slices.rows.size);
    let n = 0;
    for (const target of this.#allTargets())
      for (const slice of target.slices()) packets[n++] = valueAt(this.slices.packets, slice);
    const isLight = lighterHalf(packets.subarray(0, n));
    for (const target of this.#allTargets()) this.#sliceCap.refused += target.dropSlices(isLight);
  }

  *#allTargets(): Iterable<Target> {
    yield* this.portTargets();
    for (const map of [this.synHosts, this.udpHosts, this.icmpHosts]) yield* map.values();
  }

  /** Where the targets have more sources than may be held, the lightest targets go. */
  boundPeers(): void {
    if (this.peers.held <= this.#maxPeers) return;
    const maps = [this.synHosts, this.udpHosts, this.icmpHosts, this.answerers];
    const before = this.peers.held;
    while (
      this.peers.held > 0.75 * this.#maxPeers &&
      (this.#portCount > HEAVIEST || maps.some((map) => map.size > HEAVIEST))
    ) {
      if (this.#portCount > HEAVIEST) this.#dropLightPorts();
      for (const map of maps) if (map.size > HEAVIEST) map.dropLightest();
    }
    this.#peerCap.refused += before - this.peers.held;
  }

  hit(target: Target, h: Hit): void {
    const { packets, startMs, endMs, source, isNew } = h;
    if (target.weight === 0 && packets > 0 && target.first === undefined) {
      target.weight = packets;
      const kept = this.pool.setAside(h.table, h.row, -packets);
      target.first = { kept, source, packets, startMs, endMs, isNew };
      return;
    }
    this.unfold(target);
    target.weight += packets;
    target.sources.add(source, packets);
    this.pool.offer(target.evidence, h.table, h.row, -packets);
    this.#spread(target, packets, startMs, endMs, isNew);
  }

  /** Counts the first hit of a target like any other. */
  unfold(target: Target): void {
    const { first } = target;
    if (first === undefined) return;
    target.first = undefined;
    target.sources.add(first.source, first.packets);
    this.pool.take(target.evidence, first.kept);
    this.#spread(target, first.packets, first.startMs, first.endMs, first.isNew);
  }

  #spread(target: Target, packets: number, startMs: number, endMs: number, isNew: boolean): void {
    const firstSlice = Math.floor(startMs / this.#sliceMs);
    const lastSlice = Math.floor(endMs / this.#sliceMs);
    if (firstSlice === lastSlice) {
      this.slices.saw(this.#sliceOf(target, firstSlice), packets, isNew, startMs, endMs);
      return;
    }
    const points = Math.min(lastSlice - firstSlice + 1, MAX_SPREAD);
    for (let i = 0; i < points; i++) {
      const timeMs = points === 1 ? startMs : startMs + ((endMs - startMs) * i) / (points - 1);
      const slice = this.#sliceOf(target, Math.floor(timeMs / this.#sliceMs));
      this.slices.saw(slice, packets / points, i === 0 && isNew, timeMs, points === 1 ? endMs : timeMs);
    }
  }
}
