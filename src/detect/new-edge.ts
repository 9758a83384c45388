import { counted, numberAt, type Table, textAt } from '../core/index.ts';
import type { Baseline, BaselineEntry } from './baseline/baseline.ts';
import { BaselineView, ownEntry, type Station } from './baseline/view.ts';
import { BoundedMap, Cap, PeerCounter, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { EvidencePool } from './evidence/pool.ts';
import { bestAddress } from './new-device.ts';
import { loginService } from './service.ts';

/**
 * A known device that contacts somebody whom its entry does not name: a camera that calls a server abroad, a workstation that opens another one's desktop. In a network whose devices have few partners (printers,
 * cameras, controllers, servers) this says more than any threshold.
 *
 * Judged are devices whose approved entry has `peers`. A contact counts when it was answered, in `minFlows` flows at least; what nobody answered is the business of the scan detector. All new peers of one
 * device on one service are one finding. Names that the traffic shows (TLS, HTTP) are held against `*.example.com`; without one the address decides. DNS, DHCP, NTP and neighbours' greetings (mDNS, SSDP ...) to
 * groups are nobody in particular and left aside.
 *
 * Where each of the peers is inside and three other entries or more name it, as they name a printer of the house, the finding says so and weighs little.
 *
 * Score: 0.7; 0.85 where the service asks for a login or shares files inside the home network, the ways by which one goes from host to host.
 *
 * What fools it: a peer that the entry names and that was taken over; a name in TLS that lies. Innocent, and found: a cloud service that moved, a new printer.
 *
 * Cost: cached look-ups of both ends of every answered flow of judged devices. Bounds: edges, evidence. Without a baseline it sees nothing.
 */
export const newEdgeInfo: DetectorInfo = {
  id: 'new-edge',
  kinds: ['new-edge.inside', 'new-edge.outside'],
  needs: ['initiator', 'responder', 'protocol'],
  needsBaseline: true,
  sees: 'A known device that contacts a host which its entry in the baseline does not name. Runs with a baseline.',
  fooledBy: 'Going by way of a host that is named; names in TLS that lie.',
  cost: 'Cached look-ups for both ends of an answered flow.',
  source: 'Communication baselines of industrial networks (new edge between known assets)',
};

export interface NewEdgeOptions {
  /** Flows that were answered, at least. */
  readonly minFlows: number;
  readonly maxEdges: number;
  /** Evidence flows in all. */
  readonly maxEvidence: number;
}

export const DEFAULT_NEW_EDGE_OPTIONS: NewEdgeOptions = { minFlows: 1, maxEdges: 8192, maxEvidence: 20_000 };

const PEERS = 64;
const EVIDENCE = 10;
/** What a log without times gives its findings. */
const NO_TIME = 0;
const MAX_ADDRESSES = 8;
const SCORE = 0.7;
const SCORE_OF_ACCESS = 0.85;

interface Edge {
  readonly station: Station;
  readonly entry: BaselineEntry;
  readonly isInside: boolean;
  readonly transport: string | undefined;
  readonly service: string | undefined;
  readonly access: boolean;
  port: number | undefined;
  readonly addresses: Map<string, number>;
  readonly peers: PeerCounter;
  readonly span: TimeSpan;
  readonly evidence: number;
  flows: number;
  /** The fewest entries that name one of the peers. */
  namedBy: number;
}

/** A contact that the entry of its device does not allow. */
interface Contact {
  readonly station: Station;
  readonly entry: BaselineEntry;
  readonly peer: string;
  readonly isInside: boolean;
  /** How many entries name the peer. */
  readonly namedBy: number;
}

/** From so many entries on that name a host inside, it is one that the network has for many: a printer, a server of files. */
const MANY_ENTRIES = 3;
/** Addresses of which that is remembered; of others it is counted again. */
const MOST_NAMED = 4096;

export function createNewEdgeDetector(context: NetworkContext, options: Partial<NewEdgeOptions> = {}): Detector {
  return new NewEdgeDetector(context, options);
}

class NewEdgeDetector implements Detector {
  readonly id = newEdgeInfo.id;
  #context: NetworkContext;
  #baseline: Baseline | undefined;
  #minFlows: number;
  #pool: EvidencePool;
  #edges: BoundedMap<string, Edge>;
  /** How many entries name an address inside. */
  readonly #namedBy = new Map<string, number>();

  constructor(context: NetworkContext, options: Partial<NewEdgeOptions>) {
    const { minFlows, maxEdges, maxEvidence } = { ...DEFAULT_NEW_EDGE_OPTIONS, ...options };
    this.#context = context;
    const { baseline } = context;
    this.#baseline = baseline?.entries.some(({ peers }) => peers !== undefined) === true ? baseline : undefined;
    this.#minFlows = minFlows;
    this.#pool = new EvidencePool(maxEvidence);
    this.#edges = new BoundedMap(new Cap('contacts that the baseline does not name', maxEdges));
  }

  observe(flows: Table): void {
    const baseline = this.#baseline;
    if (baseline === undefined) return;
    const view = BaselineView.of(flows, this.#context, baseline);
    const batch = view.flows;
    for (let row = 0; row < flows.rowCount; row++) {
      const from = view.station(row, 0);
      const entry = ownEntry(from);
      if (from === undefined || entry?.peers === undefined || !view.isAnswered(row)) continue;
      const address = textAt(batch.responder, row);
      const protocol = textAt(batch.protocol, row);
      if (address === undefined || protocol === 'arp' || textAt(batch.outcome, row) === 'refused') continue;
      const to = view.station(row, 1);
      const isHome = this.#context.isHome(address);
      // Behind a router every address outside has the router's hardware address.
      const mac = isHome ? to?.mac : undefined;
      const name = textAt(batch.serverName, row) ?? textAt(batch.httpHost, row);
      const atMs = numberAt(batch.startMs, row) ?? 0;
      if (baseline.allowsPeer(entry, { address, mac, name }, isHome, atMs)) continue;
      const namedBy = isHome ? this.#entriesNaming(baseline, address, mac, atMs) : 0;
      this.#take(view, row, { station: from, entry, peer: address, isInside: isHome, namedBy });
    }
  }

  /** Entries that name an address inside itself, or its device; those that allow all of the home network name nobody. */
  #entriesNaming(baseline: Baseline, address: string, mac: string | undefined, atMs: number): number {
    const known = this.#namedBy.get(address);
    if (known !== undefined) return known;
    const peer = { address, mac, name: undefined };
    const naming = baseline.entries.filter(
      (entry) =>
        entry.status === 'approved' &&
        entry.peers?.every(({ kind }) => kind !== 'home' && kind !== 'any') === true &&
        baseline.allowsPeer(entry, peer, true, atMs),
    );
    if (this.#namedBy.size < MOST_NAMED) this.#namedBy.set(address, naming.length);
    return naming.length;
  }

  #take(view: BaselineView, row: number, contact: Contact): void {
    const { station, entry, peer, isInside, namedBy } = contact;
    const { flows } = view;
    const service = textAt(flows.service, row);
    const transport = textAt(flows.protocol, row);
    const port = numberAt(flows.responderPort, row);
    const edge = this.#edges.obtain(
      `${station.key} ${isInside ? 'inside' : 'outside'} ${service ?? `${transport ?? ''}/${port ?? ''}`}`,
      () => ({
        station,
        entry,
        isInside,
        transport,
        service,
        access: isInside && loginService(service, port) !== undefined,
        port,
        addresses: new Map(),
        peers: new PeerCounter(PEERS),
        span: new TimeSpan(),
        evidence: this.#pool.collector(EVIDENCE),
        flows: 0,
        namedBy,
      }),
    );
    if (edge === undefined) return;
    edge.flows++;
    if (namedBy < edge.namedBy) edge.namedBy = namedBy;
    if (port !== undefined && (edge.port === undefined || port < edge.port)) edge.port = port;
    edge.span.add(numberAt(flows.startMs, row), numberAt(flows.endMs, row));
    const { address } = station;
    if (address !== undefined && (edge.addresses.size < MAX_ADDRESSES || edge.addresses.has(address)))
      edge.addresses.set(address, (edge.addresses.get(address) ?? 0) + 1);
    edge.peers.add(peer);
    this.#pool.offer(edge.evidence, flows.table, row);
  }

  saturations(): ReturnType<Detector['saturations']> {
    return saturationsOf(this.id, [this.#edges.cap, this.#pool.cap]);
  }

  finish(): Detection[] {
    const found: Detection[] = [];
    for (const [, edge] of this.#edges.sortedEntries()) {
      const { station, entry, isInside, transport, service, access, port, peers, span, flows } = edge;
      if (flows < this.#minFlows) continue;
      const score = access ? SCORE_OF_ACCESS : SCORE;
      const known = entry.peers?.length ?? 0;
      const reasons: Reason[] = [
        {
          name: 'new-edge.known',
          value: known,
          unit: 'peers',
          contribution: score,
          sentence:
            known === 0
              ? `Its entry (number ${entry.index + 1} under devices) says that it contacts nobody.`
              : `Its entry (number ${entry.index + 1} under devices) names ${counted(known, 'peer')}, and none of them fits.`,
        },
        {
          name: 'new-edge.peers',
          value: peers.count,
          unit: 'hosts',
          sentence: `It contacted ${counted(peers.count, 'host')} that its entry does not name, in ${counted(flows, 'flow')}.`,
        },
      ];
      if (edge.namedBy >= MANY_ENTRIES)
        reasons.push({
          name: 'new-edge.named-by',
          value: edge.namedBy,
          unit: 'devices',
          threshold: MANY_ENTRIES,
          sentence: `${counted(edge.namedBy, 'other entry', 'other entries')} of the baseline name ${peers.count === 1 ? 'the same host' : 'each of these hosts'}.`,
        });
      found.push({
        kind: isInside ? 'new-edge.inside' : 'new-edge.outside',
        detector: this.id,
        actor: bestAddress(edge.addresses) ?? station.key,
        peers: peers.top(),
        peerCount: peers.count,
        ...(port === undefined ? {} : { port }),
        ...(transport === undefined ? {} : { protocol: transport }),
        ...(service === undefined ? {} : { service }),
        firstMs: span.known ? span.firstMs : NO_TIME,
        lastMs: span.known ? span.lastMs : NO_TIME,
        score,
        reasons,
        flows: this.#pool.flows(edge.evidence),
        flowCount: flows,
      });
    }
    return found.sort((a, b) => b.score - a.score);
  }
}
