import { counted, humanCount, humanDuration, numberAt, type Table, textAt } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { bindFlows, type FlowBatch, type FlowRecord } from '../flow/index.ts';
import { PROTO, serviceByPort } from '../wire/index.ts';
import { Cap, HeavyMap, lighterHalf, PeerCounter, PeerPool, saturationsOf, TimeSpan } from './bounded.ts';
import {
  type Detection,
  type Detector,
  type DetectorInfo,
  MAX_EVIDENCE_FLOWS,
  MAX_PEERS,
  type NetworkContext,
  type Reason,
  type Saturation,
} from './detection.ts';
import { EvidencePool } from './evidence-pool.ts';
import { NO_ROW, OwnedRows, widened } from './number-table.ts';
import { GroupAddresses, portText } from './service.ts';

/**
 * Floods: far more packets at one target than it could have asked for.
 *
 * What it sees. Packets per target in slices of ten seconds, from flow rows whose packets are spread evenly over their duration.
 * - `flood.syn`: connection attempts that never get further than SYN (whatever the target answers, the initiator sends no ACK and no data), at
 *   least 500 in a slice and at least half of all attempts on that host and port in the slice. Attempts spread over many ports of one
 *   host count together from 1,000 on, unless one source sends nearly all of them, because that is a scan.
 * - `flood.udp`: packets that are never answered, at least 5,000 in a slice, over 50 flows or more; or at least 50,000 over fewer flows, where the
 *   score is multiplied by 0.7, because a one-way stream looks like that. Ports of telemetry and tunnels, which never answer, are left out.
 * - `flood.icmp`: echo requests, or echo replies that nobody asked for, at least 1,000 in a slice.
 * - `flood.backscatter`: one address sends SYN-ACKs (to 25 hosts or more) or bare RSTs (to 100 or more) to hosts whose SYN the capture does not show,
 *   and no payload: it answers forged addresses, so it is itself the victim of a flood somewhere else.
 *
 * Score: x / (x + 1), x being the busiest slice over its threshold, times the share of unfinished attempts for SYN floods; for backscatter n / (n + 25)
 * over the hosts, times 0.6 when only RSTs are seen.
 *
 * Actor: the source where one source sent at least 90 % of the packets; else the target, as the many sources are forged or hired. For
 * backscatter the sender. The reason `flood.role` says which of these it is.
 *
 * What does not count: finished connections (a crowd of real clients, downloads), answered UDP (a busy name server), scans (many targets or ports, few packets each),
 * clients that retry at a server that is down (their rate is low).
 *
 * What fools it: a server that breaks down under thousands of real clients can't be told from a SYN flood by shape; floods of finished
 * connections and requests (HTTP floods); a flood cut in two by a slice needs up to twice the packets; ICMP errors to forged addresses are not
 * counted as backscatter, because a flow row does not carry the packet that an error quotes.
 *
 * Cost: one look-up per flow, two for a host with several ports; while a host has one port only, its state stands for the port as well. Targets, time
 * slices and the sources of all targets together are bounded by dropping the lightest half when full, so a flood of other targets can't hide a
 * heavy one. Sources per target are exact up to 256, then the heavy ones and an estimated number.
 *
 * Source: half-open counting as in Wang, Zhang, Shin, "Detecting SYN Flooding Attacks", INFOCOM 2002; backscatter after Moore, Voelker, Savage,
 * "Inferring Internet Denial-of-Service Activity", USENIX Security 2001; heavy hitters after Misra and Gries 1982.
 */
export interface FloodOptions {
  readonly sliceMs: number;
  /** Packets in a slice. */
  readonly minSynPackets: number;
  readonly minUdpPackets: number;
  readonly minUdpFlows: number;
  readonly minIcmpPackets: number;
  /** Share of attempts in the slice that never got further than SYN. */
  readonly minHalfOpen: number;
  readonly minBackscatterHosts: number;
  readonly minResetHosts: number;
  /** A source with this share of the packets is the actor. */
  readonly dominantShare: number;
  readonly maxTargets: number;
  readonly maxSlices: number;
  /** Sources, ports and receivers counted for all targets together. */
  readonly maxPeers: number;
}

export const DEFAULT_FLOOD_OPTIONS: FloodOptions = {
  sliceMs: 10_000,
  minSynPackets: 500,
  minUdpPackets: 5_000,
  minUdpFlows: 50,
  minIcmpPackets: 1_000,
  minHalfOpen: 0.5,
  minBackscatterHosts: 25,
  minResetHosts: 100,
  dominantShare: 0.9,
  maxTargets: 8_192,
  maxSlices: 32_768,
  maxPeers: 65_536,
};

export const floodInfo: DetectorInfo = {
  id: 'flood',
  kinds: ['flood.syn', 'flood.udp', 'flood.icmp', 'flood.backscatter'],
  needs: ['initiator', 'responder', 'protocol', 'startMs', 'initiatorPackets', 'outcome'],
  sees: 'Far more half-open connections, unanswered UDP or echo packets at one target within ten seconds than it could have asked for; and the victims of such floods elsewhere by their replies to forged addresses.',
  fooledBy: 'A server that breaks down under thousands of real clients; floods of finished connections or requests.',
  cost: 'One or two look-ups per flow; at most 8,192 targets per kind, 32,768 time slices and 65,536 sources of targets.',
  source:
    'Wang, Zhang, Shin: Detecting SYN Flooding Attacks, 2002; Moore, Voelker, Savage: Inferring Internet Denial-of-Service Activity, 2001.',
};

type FloodKind = 'flood.syn' | 'flood.udp' | 'flood.icmp';

/**
 * Slices of time of all targets, in columns: what a target was sent within one. `flows` are those that began in it, `ordinary` the attempts or packets of the same kind that were
 * met by the other side.
 */
class Slices {
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
function valueAt(values: Float64Array, i: number): number {
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

class Target {
  readonly host: string;
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

  constructor(host: string, port: number, budget: Budget) {
    this.host = host;
    this.port = port;
    this.#budget = budget;
    this.#number = budget.targets++;
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
    const copy = new Target(this.host, this.port, this.#budget);
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

interface Answerer {
  readonly host: string;
  weight: number;
  readonly synAckTo: PeerCounter;
  readonly resetTo: PeerCounter;
  readonly ports: PeerCounter<number>;
  readonly span: TimeSpan;
  readonly evidence: number;
}

/** Packets that a flow row brings to a target; one object serves all rows. */
interface Hit {
  readonly table: Table;
  row: number;
  source: string;
  packets: number;
  startMs: number;
  endMs: number;
  isNew: boolean;
}

const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'icmp', 'icmpv6'];
const TCP = 0;
const UDP = 1;
const UNKNOWN = 0;
const ANSWERED = 1;
const UNMET = 2;
/** Bits of a combination of TCP flags: SYN and no more than that; flags beside SYN that are rarely needed. */
const BARE = 1;
const ODD = 2;
const PORT_OTHER = 1;
const PORT_ONE_WAY = 2;
const PORT_REFLECTED = 3;
/** So many targets of a kind stay whatever their sources take. */
const HEAVIEST = 16;
const EVIDENCE_HELD = 2 * MAX_EVIDENCE_FLOWS;
/** A row that lasts longer, from a source without an active timeout, is spread over this many points. */
const MAX_SPREAD = 360;
const FEW_FLOWS_FACTOR = 10;
/** A SYN with ECN set-up, URG or PSH: the first is rare in floods of real systems, the others are never needed. */
const ODD_SYN = /[CEUP]/;
/** Services that never answer, and tunnels whose two directions are separate flows. */
const ONE_WAY = new Set(['syslog', 'snmp-trap', 'netflow', 'ipfix', 'sflow', 'vxlan', 'geneve', 'gtp-u', 'rtp']);
/** Services whose answers are much larger than the questions (Rossow 2014, "Amplification Hell"). */
const REFLECTED = new Set([
  'dns',
  'ntp',
  'ssdp',
  'memcached',
  'cldap',
  'chargen',
  'snmp',
  'rpcbind',
  'netbios-ns',
  'tftp',
]);

export function createFloodDetector(context: NetworkContext, options: Partial<FloodOptions> = {}): Detector {
  const {
    sliceMs,
    minSynPackets,
    minUdpPackets,
    minUdpFlows,
    minIcmpPackets,
    minHalfOpen,
    minBackscatterHosts,
    minResetHosts,
    dominantShare,
    maxTargets,
    maxSlices,
    maxPeers,
  } = { ...DEFAULT_FLOOD_OPTIONS, ...options };
  const sliceCap = new Cap('time slices of flood targets', maxSlices);
  const peerCap = new Cap('sources of flood targets', maxPeers);
  const pool = new EvidencePool(4 * maxTargets);
  const peers = new PeerPool();
  // Room beyond the cap for the slices that are copied where a host turns out to have a second port.
  const slices = new Slices(2 * maxSlices);
  const budget: Budget = { evidence: pool, peers, slices, targets: 0 };
  const portCap = new Cap('hosts and ports with connection attempts', maxTargets);
  let portCount = 0;
  const release = (target: Target): void => {
    target.release();
    if (target.portTargets === undefined) return;
    portCount -= target.portTargets.size;
    for (const port of target.portTargets.values()) port.release();
  };
  const synHosts = new HeavyMap<Target>(new Cap('hosts with connection attempts', maxTargets), release);
  const udpHosts = new HeavyMap<Target>(new Cap('hosts sent UDP', maxTargets), release);
  const icmpHosts = new HeavyMap<Target>(new Cap('hosts sent echo packets', maxTargets), release);
  const answerers = new HeavyMap<Answerer>(new Cap('hosts that answer nobody', maxTargets), (a) => {
    for (const counter of [a.synAckTo, a.resetTo, a.ports]) counter.release();
    pool.release(a.evidence);
  });
  const portClasses = new Uint8Array(65_536);

  function targetOf(map: HeavyMap<Target>, host: string): Target {
    let target = map.get(host);
    if (target === undefined) {
      target = new Target(host, NO_PORT, budget);
      map.add(host, target);
    }
    return target;
  }

  /** The state of a port of a host; the host itself while it has no other. */
  function portOf(host: Target, port: number): Target {
    if (host.port === NO_PORT) host.port = port;
    if (host.port === port) return host;
    if (host.portTargets === undefined) {
      host.portTargets = new Map();
      addPort(host.portTargets, host.split());
      if (host.weight > 0) {
        host.ports = new PeerCounter<number>(64, peers);
        host.ports.add(host.port, host.weight);
      }
      host.port = MANY_PORTS;
    }
    let target = host.portTargets.get(port);
    if (target === undefined) {
      target = new Target(host.host, port, budget);
      addPort(host.portTargets, target);
    }
    return target;
  }

  function addPort(ports: Map<number, Target>, target: Target): void {
    if (portCount >= maxTargets) dropLightPorts();
    ports.set(target.port, target);
    portCount++;
  }

  function dropLightPorts(): void {
    const weights = new Float64Array(portCount);
    let n = 0;
    for (const target of portTargets()) weights[n++] = target.weight;
    const isLight = lighterHalf(weights.subarray(0, n));
    for (const host of synHosts.values()) {
      for (const [port, target] of host.portTargets ?? []) {
        if (!isLight(target.weight)) continue;
        host.portTargets?.delete(port);
        target.release();
        portCount--;
        portCap.refused++;
      }
    }
  }

  function* portTargets(): Iterable<Target> {
    for (const host of synHosts.values()) if (host.portTargets !== undefined) yield* host.portTargets.values();
  }

  function sliceOf(target: Target, at: number): number {
    const known = target.sliceAt(at);
    if (known !== NO_ROW) return known;
    if (slices.rows.size >= maxSlices) dropLightSlices();
    return target.addSlice(at);
  }

  /** Drops the slices with the fewest packets, half of all: a slice that makes a flood has hundreds. */
  function dropLightSlices(): void {
    const packets = new Float64Array(slices.rows.size);
    let n = 0;
    for (const target of allTargets())
      for (const slice of target.slices()) packets[n++] = valueAt(slices.packets, slice);
    const isLight = lighterHalf(packets.subarray(0, n));
    for (const target of allTargets()) sliceCap.refused += target.dropSlices(isLight);
  }

  function* allTargets(): Iterable<Target> {
    yield* portTargets();
    for (const map of [synHosts, udpHosts, icmpHosts]) yield* map.values();
  }

  /** Where the targets have more sources than may be held, the lightest targets go. */
  function boundPeers(): void {
    if (peers.held <= maxPeers) return;
    const maps = [synHosts, udpHosts, icmpHosts, answerers];
    const before = peers.held;
    while (peers.held > 0.75 * maxPeers && (portCount > HEAVIEST || maps.some((map) => map.size > HEAVIEST))) {
      if (portCount > HEAVIEST) dropLightPorts();
      for (const map of maps) if (map.size > HEAVIEST) map.dropLightest();
    }
    peerCap.refused += before - peers.held;
  }

  function hit(target: Target, h: Hit): void {
    const { packets, startMs, endMs, source, isNew } = h;
    if (target.weight === 0 && packets > 0 && target.first === undefined) {
      target.weight = packets;
      const kept = pool.setAside(h.table, h.row, -packets);
      target.first = { kept, source, packets, startMs, endMs, isNew };
      return;
    }
    unfold(target);
    target.weight += packets;
    target.sources.add(source, packets);
    pool.offer(target.evidence, h.table, h.row, -packets);
    spread(target, packets, startMs, endMs, isNew);
  }

  /** Counts the first hit of a target like any other. */
  function unfold(target: Target): void {
    const { first } = target;
    if (first === undefined) return;
    target.first = undefined;
    target.sources.add(first.source, first.packets);
    pool.take(target.evidence, first.kept);
    spread(target, first.packets, first.startMs, first.endMs, first.isNew);
  }

  function spread(target: Target, packets: number, startMs: number, endMs: number, isNew: boolean): void {
    const firstSlice = Math.floor(startMs / sliceMs);
    const lastSlice = Math.floor(endMs / sliceMs);
    if (firstSlice === lastSlice) {
      slices.saw(sliceOf(target, firstSlice), packets, isNew, startMs, endMs);
      return;
    }
    const points = Math.min(lastSlice - firstSlice + 1, MAX_SPREAD);
    for (let i = 0; i < points; i++) {
      const timeMs = points === 1 ? startMs : startMs + ((endMs - startMs) * i) / (points - 1);
      const slice = sliceOf(target, Math.floor(timeMs / sliceMs));
      slices.saw(slice, packets / points, i === 0 && isNew, timeMs, points === 1 ? endMs : timeMs);
    }
  }

  /** What the UDP port of a target or of a sender says, told once per port. */
  function portClass(port: number): number {
    const known = portClasses[port];
    if (known !== undefined && known > 0) return known;
    const service = serviceByPort(PROTO.udp, port) ?? '';
    const found = ONE_WAY.has(service) ? PORT_ONE_WAY : REFLECTED.has(service) ? PORT_REFLECTED : PORT_OTHER;
    portClasses[port] = found;
    return found;
  }

  function observe(table: Table, _features: FeatureMatrix): void {
    const flows = bindFlows(table);
    const protocols = flows.protocol.dictionary.map((name) => PROTOCOLS.indexOf(name));
    const outcomes = flows.outcome.dictionary.map((name) =>
      name === 'unknown' ? UNKNOWN : name === 'answered' ? ANSWERED : UNMET,
    );
    const flagClasses = flows.initiatorFlags.dictionary.map(
      (flags) => (flags.includes('S') && !/[AF]/.test(flags) ? BARE : 0) | (ODD_SYN.test(flags) ? ODD : 0),
    );
    const groups = new GroupAddresses(flows);
    const hosts: (Target | undefined)[] = [];
    const h: Hit = { table, row: 0, source: '', packets: 0, startMs: 0, endMs: 0, isNew: false };
    for (let row = 0; row < flows.rowCount; row++) {
      const protocol = protocols[flows.protocol.codes[row] ?? -1] ?? -1;
      if (protocol < 0) continue;
      const initiator = textAt(flows.initiator, row);
      const responder = textAt(flows.responder, row);
      const startMs = numberAt(flows.startMs, row);
      if (initiator === undefined || responder === undefined || startMs === undefined) continue;
      const endMs = Math.max(startMs, numberAt(flows.endMs, row) ?? startMs);
      const sent = numberAt(flows.initiatorPackets, row) ?? 1;
      const returned = numberAt(flows.responderPackets, row) ?? 0;
      h.row = row;
      h.startMs = startMs;
      h.endMs = endMs;
      h.isNew = numberAt(flows.continued, row) !== 1;
      if (protocol === TCP) {
        const port = numberAt(flows.responderPort, row);
        if (port === undefined) continue;
        const outcome = outcomes[flows.outcome.codes[row] ?? -1] ?? UNKNOWN;
        const sentPayload = numberAt(flows.initiatorPayloadBytes, row);
        const payload = (sentPayload ?? 0) + (numberAt(flows.responderPayloadBytes, row) ?? 0);
        if (outcome === UNKNOWN) {
          if (payload === 0) observeAnswer(flows, row, initiator, responder, startMs, endMs);
          continue;
        }
        const flagClass = flagClasses[flows.initiatorFlags.codes[row] ?? -1];
        const bare = payload === 0 && (flagClass === undefined ? outcome !== ANSWERED : (flagClass & BARE) !== 0);
        if (!bare && !h.isNew) continue;
        const code = flows.responder.codes[row] ?? 0;
        let host = hosts[code];
        if (host === undefined || host.dropped) {
          host = targetOf(synHosts, responder);
          hosts[code] = host;
        }
        const target = portOf(host, port);
        if (bare) {
          // Without flags and payload a long one-way stream looks like a SYN that is repeated for ever: it counts once.
          h.packets = flagClass !== undefined || sentPayload !== undefined ? sent : 1;
          h.source = initiator;
          hit(target, h);
          if (target !== host) {
            hit(host, h);
            host.ports ??= new PeerCounter<number>(64, peers);
            host.ports.add(port, h.packets);
          }
          if (flagClass !== undefined && (flagClass & ODD) !== 0) {
            const flags = textAt(flows.initiatorFlags, row) ?? '';
            target.flags ??= new PeerCounter(16, peers);
            target.flags.add(flags, h.packets);
            if (target !== host) {
              host.flags ??= new PeerCounter(16, peers);
              host.flags.add(flags, h.packets);
            }
          }
        } else {
          const at = Math.floor(startMs / sliceMs);
          unfold(target);
          slices.met(sliceOf(target, at));
          if (target === host) continue;
          unfold(host);
          slices.met(sliceOf(host, at));
        }
      } else if (protocol === UDP) {
        if (sent > 0 && returned > 0) continue;
        // Who sends may stand on either side: an answer that nobody asked for is turned round by its port.
        const turned = sent === 0 && returned > 0;
        if (turned ? groups.isInitiator(row) : groups.isResponder(row)) continue;
        const port = numberAt(turned ? flows.initiatorPort : flows.responderPort, row);
        const from = numberAt(turned ? flows.responderPort : flows.initiatorPort, row);
        if (port !== undefined && portClass(port) === PORT_ONE_WAY) continue;
        const state = targetOf(udpHosts, turned ? initiator : responder);
        h.packets = turned ? returned : sent;
        h.source = turned ? responder : initiator;
        hit(state, h);
        if (port !== undefined) {
          state.ports ??= new PeerCounter<number>(64, peers);
          state.ports.add(port, h.packets);
        }
        if (from !== undefined && portClass(from) === PORT_REFLECTED) {
          state.reflectors ??= new PeerCounter(16, peers);
          state.reflectors.add(serviceByPort(PROTO.udp, from) ?? '', h.packets);
        }
      } else {
        const type = numberAt(flows.icmpType, row);
        const request = type === 8 || type === 128;
        const reply = (type === 0 || type === 129) && (sent === 0 || returned === 0);
        if ((!request && !reply) || groups.isResponder(row, false)) continue;
        const turned = sent === 0;
        h.packets = turned ? returned : sent;
        h.source = turned ? responder : initiator;
        hit(targetOf(icmpHosts, turned ? initiator : responder), h);
      }
    }
    boundPeers();
  }

  /** A TCP flow without a SYN and without payload: is it an answer to somebody who never asked? */
  function observeAnswer(
    flows: FlowBatch,
    row: number,
    initiator: string,
    responder: string,
    startMs: number,
    endMs: number,
  ): void {
    const from = textAt(flows.initiatorFlags, row) ?? '';
    const back = textAt(flows.responderFlags, row) ?? '';
    if (/[PF]/.test(from + back)) return;
    const isSynAck = (flags: string): boolean => flags.includes('S') && flags.includes('A');
    const isReset = (flags: string): boolean => /^A?R$/.test(flags);
    let byResponder: boolean;
    let reset = false;
    if (isSynAck(back) && !/[SA]/.test(from.replace(/AR/, ''))) byResponder = true;
    else if (isSynAck(from) && !/[SA]/.test(back.replace(/AR/, ''))) byResponder = false;
    else if (isReset(from) && back === '') {
      byResponder = false;
      reset = true;
    } else if (isReset(back) && from === '') {
      byResponder = true;
      reset = true;
    } else return;
    const host = byResponder ? responder : initiator;
    const receiver = byResponder ? initiator : responder;
    const port = numberAt(byResponder ? flows.responderPort : flows.initiatorPort, row);
    const answerer = answerers.obtain(host, () => ({
      host,
      weight: 0,
      synAckTo: new PeerCounter(256, peers),
      resetTo: new PeerCounter(256, peers),
      ports: new PeerCounter<number>(64, peers),
      span: new TimeSpan(),
      evidence: pool.collector(),
    }));
    answerer.weight++;
    (reset ? answerer.resetTo : answerer.synAckTo).add(receiver);
    if (port !== undefined) answerer.ports.add(port);
    answerer.span.add(startMs, endMs);
    pool.offer(answerer.evidence, flows.table, row, reset ? 1 : 0, receiver);
  }

  function finish(): Detection[] {
    const detections: Detection[] = [];
    const named = new Set<string>();
    const onePort = [...synHosts.values()].filter((target) => target.port >= 0);
    for (const target of [...portTargets(), ...onePort]) {
      if (target.weight < minSynPackets) continue;
      const found = judge('flood.syn', target, minSynPackets, minHalfOpen);
      if (found === undefined) continue;
      detections.push(found);
      named.add(target.host);
    }
    for (const target of synHosts.values()) {
      if (target.port >= 0 || target.weight < 2 * minSynPackets || named.has(target.host)) continue;
      if (dominant(target) !== undefined) continue;
      const found = judge('flood.syn', target, 2 * minSynPackets, minHalfOpen);
      if (found !== undefined) detections.push(found);
    }
    for (const target of udpHosts.values()) {
      const found = target.weight < minUdpPackets ? undefined : judge('flood.udp', target, minUdpPackets, 0);
      if (found !== undefined) detections.push(found);
    }
    for (const target of icmpHosts.values()) {
      const found = target.weight < minIcmpPackets ? undefined : judge('flood.icmp', target, minIcmpPackets, 0);
      if (found !== undefined) detections.push(found);
    }
    for (const answerer of answerers.values()) {
      const found = judgeAnswerer(answerer);
      if (found !== undefined) detections.push(found);
    }
    return detections.sort(
      (a, b) =>
        b.score - a.score ||
        compareText(a.kind, b.kind) ||
        compareText(a.actor, b.actor) ||
        compareText(a.peers[0] ?? '', b.peers[0] ?? '') ||
        (a.port ?? 0) - (b.port ?? 0),
    );
  }

  function dominant(target: Target): string | undefined {
    return leading(target.sources, dominantShare * target.sources.total);
  }

  function judge(kind: FloodKind, target: Target, threshold: number, minShare: number): Detection | undefined {
    unfold(target);
    let packets = 0;
    let flowCount = 0;
    let ordinary = 0;
    let peak = 0;
    let peakRate = 0;
    let fewFlows = true;
    const span = new TimeSpan();
    for (const slice of target.slices()) {
      const sent = valueAt(slices.packets, slice);
      const began = valueAt(slices.flows, slice);
      const met = valueAt(slices.ordinary, slice);
      const firstMs = valueAt(slices.firstMs, slice);
      const lastMs = valueAt(slices.lastMs, slice);
      const many = kind !== 'flood.udp' || began >= minUdpFlows;
      const needed = many ? threshold : threshold * FEW_FLOWS_FACTOR;
      const share = sent / Math.max(1e-9, sent + met);
      // Spread packets are fractions: forgive their rounding, not more.
      if (sent < needed - 1e-6 || share < minShare) continue;
      packets += sent;
      ordinary += met;
      flowCount += began;
      if (many) fewFlows = false;
      peak = Math.max(peak, sent / needed);
      peakRate = Math.max(peakRate, (1000 * sent) / Math.max(1000, lastMs - firstMs));
      span.add(firstMs, lastMs);
    }
    if (packets === 0) return undefined;
    packets = Math.round(packets);
    const share = packets / (packets + ordinary);
    const limited = kind === 'flood.udp' && fewFlows;
    const score = (peak / (peak + 1)) * (kind === 'flood.syn' ? share : 1) * (limited ? 0.7 : 1);
    const source = dominant(target);
    const sourceCount = target.sources.count;
    const about = target.sources.exact ? '' : 'about ';
    const mainPort = leading(target.ports, 0.9 * (target.ports?.total ?? 0));
    const onePort = target.port >= 0 ? target.port : mainPort;
    const protocol =
      kind === 'flood.syn' ? 'tcp' : kind === 'flood.udp' ? 'udp' : isV6(target.host) ? 'icmpv6' : 'icmp';
    const what =
      kind === 'flood.syn' ? 'connection attempt' : kind === 'flood.udp' ? 'unanswered UDP packet' : 'echo packet';
    const place = onePort === undefined ? 'the target' : `${portText(onePort, protocol)} of the target`;

    const reasons: Reason[] = [
      {
        name: 'flood.role',
        value: source === undefined ? 'target' : 'source',
        unit: '',
        sentence:
          source === undefined
            ? `The host named first is the target: the packets come from ${about}${counted(sourceCount, 'address', 'addresses')}, and no single one sent ${percent(dominantShare)} of them.`
            : `The host named first is the source: it sent at least ${percent(dominantShare)} of the packets; the other host is the target.`,
      },
      {
        name: 'flood.rate',
        value: round(peakRate),
        unit: 'packets/s',
        threshold: (limited ? FEW_FLOWS_FACTOR : 1) * (threshold / (sliceMs / 1000)),
        sentence: `At its busiest, ${counted(peakRate, what)} a second reached ${place}.`,
      },
      {
        name: 'flood.packets',
        value: packets,
        unit: 'packets',
        sentence: `${counted(packets, what)} came within ${humanDuration(span.lengthMs)}.`,
      },
      {
        name: 'flood.sources',
        value: sourceCount,
        unit: 'addresses',
        sentence: `They came from ${about}${counted(sourceCount, 'address', 'addresses')}, ${Number((target.sources.total / Math.max(1, sourceCount)).toFixed(1))} packets from each on average${sourceCount >= 100 && target.sources.total / sourceCount < 2 ? ': addresses seen hardly more than once are usually forged' : ''}.`,
      },
    ];
    if (kind === 'flood.syn') {
      reasons.push({
        name: 'flood.half-open',
        value: round(share),
        unit: 'ratio',
        threshold: minHalfOpen,
        sentence: `${percent(share)} of the attempts never got further than SYN; ${counted(ordinary, 'connection')} did in the same time.`,
      });
      const flags = leading(target.flags, 0.5 * target.sources.total);
      if (flags !== undefined) {
        reasons.push({
          name: 'flood.flags',
          value: flags,
          unit: 'TCP flags',
          sentence: `Most of them carry the same unusual flags beside SYN (${flags}), as attempts made by one program do.`,
        });
      }
    }
    const reflector = leading(target.reflectors, 0.5 * target.sources.total);
    if (reflector !== undefined) {
      reasons.push({
        name: 'flood.reflected',
        value: reflector,
        unit: 'service',
        sentence: `They come from the port of ${reflector}: servers answer questions that were asked in the name of the target.`,
      });
    }
    if (limited) {
      reasons.push({
        name: 'flood.few-flows',
        value: flowCount,
        unit: 'flows',
        sentence: `It is one stream or few, as a one-way transmission has too; the score is lowered by that.`,
      });
    }
    if (onePort === undefined && target.ports !== undefined) {
      reasons.push({
        name: 'flood.ports',
        value: target.ports.count,
        unit: 'ports',
        sentence: `They go to ${target.ports.exact ? '' : 'about '}${counted(target.ports.count, 'port')}.`,
      });
    }
    reasons.push(scopeReason('target', target.host));
    const within = pool
      .flows(target.evidence)
      .filter((f) => (f.startMs ?? 0) <= span.lastMs && (f.endMs ?? f.startMs ?? 0) >= span.firstMs);
    return {
      kind,
      detector: floodInfo.id,
      actor: source ?? target.host,
      peers: source === undefined ? namedPeers(target.sources, within, target.host) : [target.host],
      peerCount: source === undefined ? sourceCount : 1,
      ...(onePort === undefined ? {} : { port: onePort }),
      protocol,
      firstMs: span.firstMs,
      lastMs: span.lastMs,
      score,
      reasons,
      flows: within.slice(0, MAX_EVIDENCE_FLOWS),
      flowCount: Math.max(flowCount, Math.min(within.length, MAX_EVIDENCE_FLOWS)),
    };
  }

  function judgeAnswerer(answerer: Answerer): Detection | undefined {
    const synAcks = answerer.synAckTo.count;
    const resets = answerer.resetTo.count;
    const strong = synAcks >= minBackscatterHosts;
    if (!strong && resets < minResetHosts) return undefined;
    const receivers = strong ? answerer.synAckTo : answerer.resetTo;
    const hosts = receivers.count;
    const mainPort = leading(answerer.ports, 0.9 * answerer.ports.total);
    const port = mainPort;
    const about = receivers.exact ? '' : 'about ';
    return {
      kind: 'flood.backscatter',
      detector: floodInfo.id,
      actor: answerer.host,
      peers: namedPeers(receivers, pool.flows(answerer.evidence), answerer.host),
      peerCount: hosts,
      ...(port === undefined ? {} : { port }),
      protocol: 'tcp',
      firstMs: answerer.span.firstMs,
      lastMs: answerer.span.lastMs,
      score: (hosts / (hosts + 25)) * (strong ? 1 : 0.6),
      reasons: [
        {
          name: 'flood.role',
          value: 'victim',
          unit: '',
          sentence:
            'The host named first is probably the victim of a flood somewhere else: it answers connection attempts that the others never made, so somebody forges their addresses.',
        },
        {
          name: 'flood.receivers',
          value: hosts,
          unit: 'hosts',
          threshold: strong ? minBackscatterHosts : minResetHosts,
          sentence: `It sent ${strong ? 'SYN-ACKs' : 'RSTs'} to ${about}${counted(hosts, 'host')} whose SYN the input does not show${port === undefined ? '' : `, from ${portText(port, 'tcp')}`}.`,
        },
        {
          name: 'flood.answers',
          value: answerer.weight,
          unit: 'flows',
          sentence: `That is ${counted(answerer.weight, 'flow')} within ${humanDuration(answerer.span.lengthMs)}, none with payload.`,
        },
        scopeReason('victim', answerer.host),
      ],
      flows: pool.flows(answerer.evidence),
      flowCount: answerer.weight,
    };
  }

  function scopeReason(role: string, host: string): Reason {
    const where = context.isHome(host) ? 'inside' : 'outside';
    return { name: 'flood.scope', value: where, unit: '', sentence: `The ${role} is ${where} the home network.` };
  }

  return {
    id: floodInfo.id,
    observe,
    finish,
    saturations: (): Saturation[] =>
      saturationsOf(floodInfo.id, [
        portCap,
        synHosts.cap,
        udpHosts.cap,
        icmpHosts.cap,
        answerers.cap,
        sliceCap,
        peerCap,
        pool.cap,
      ]),
  };
}

/** The heaviest key where it weighs at least `least`. */
function leading<K extends string | number>(counter: PeerCounter<K> | undefined, least: number): K | undefined {
  const first = counter?.top(1)[0];
  return counter !== undefined && first !== undefined && counter.weight(first) >= least ? first : undefined;
}

/** The heavy peers, then those of the evidence: of a million forged addresses, these are as good as any and the same in every run. */
function namedPeers(peers: PeerCounter, flows: readonly FlowRecord[], self: string): string[] {
  const named = new Set(peers.heavy(MAX_PEERS));
  for (const flow of flows) {
    const peer = flow.initiator === self ? flow.responder : flow.initiator;
    if (peer !== undefined && named.size < MAX_PEERS) named.add(peer);
  }
  return [...named];
}

function isV6(address: string): boolean {
  return address.includes(':');
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

function percent(ratio: number): string {
  return `${humanCount(100 * ratio)} %`;
}
