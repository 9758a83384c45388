import { counted, numberAt, type Table, textAt } from '../core/index.ts';
import { allowsService, type Baseline, type BaselineEntry } from './baseline/baseline.ts';
import { BaselineView, ownEntry, type Station } from './baseline/view.ts';
import { BoundedMap, Cap, PeerCounter, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { EvidencePool } from './evidence/pool.ts';
import { bestAddress } from './new-device.ts';
import { seenService } from './policy.ts';
import { portText } from './service.ts';

/**
 * A known device that offers a service which its entry does not name: a web server on a printer, remote control on a workstation, a proxy where there was none. It is how a machine that was taken over is
 * often kept, and how a well-meant experiment stays open.
 *
 * Judged are devices whose approved entry has `services`. A service counts when it was used: both sides sent something, in `minFlows` flows at least. A refusal is no service, and a port that a search opens and leaves is the
 * scan detector's business. Ports from `ephemeralFrom` on count only where the content says what is spoken, because above that ports are given to clients, and the answering end of a call is easily taken for its server.
 *
 * Score: 0.8, and 0.9 where several peers were answered.
 *
 * What fools it: offering the new thing on a port and in a protocol that the entry names. Innocent, and found: an update that brings a new port, a share somebody switched on.
 *
 * Cost: a cached look-up of the responder of every answered flow. Bounds: services in all, evidence. Without a baseline it sees nothing.
 */
export const newServiceInfo: DetectorInfo = {
  id: 'new-service',
  kinds: ['new-service.offered'],
  needs: ['initiator', 'responder', 'protocol', 'responderPort'],
  needsBaseline: true,
  sees: 'A known device that answers on a service which its entry in the baseline does not name. Runs with a baseline.',
  fooledBy: 'Speaking the same protocol on the same port as a service that is known.',
  cost: 'A cached look-up for the responder of an answered flow.',
  source: 'Passive asset detection (PADS, Zeek known_services) against a written list',
};

export interface NewServiceOptions {
  /** Flows that were answered, at least. */
  readonly minFlows: number;
  /** Ports from here on count only where the content says what is spoken. */
  readonly ephemeralFrom: number;
  readonly maxServices: number;
  /** Evidence flows in all. */
  readonly maxEvidence: number;
}

export const DEFAULT_NEW_SERVICE_OPTIONS: NewServiceOptions = {
  minFlows: 1,
  ephemeralFrom: 32_768,
  maxServices: 4096,
  maxEvidence: 10_000,
};

const PEERS = 64;
const EVIDENCE = 10;
/** What a log without times gives its findings. */
const NO_TIME = 0;
const MAX_ADDRESSES = 8;
const SCORE = 0.8;
const SCORE_OF_SEVERAL = 0.9;

interface Offered {
  readonly station: Station;
  readonly entry: BaselineEntry;
  readonly transport: string;
  readonly port: number;
  service: string | undefined;
  readonly addresses: Map<string, number>;
  readonly peers: PeerCounter;
  readonly span: TimeSpan;
  readonly evidence: number;
  flows: number;
  outside: boolean;
}

export function createNewServiceDetector(context: NetworkContext, options: Partial<NewServiceOptions> = {}): Detector {
  return new NewServiceDetector(context, options);
}

class NewServiceDetector implements Detector {
  readonly id = newServiceInfo.id;
  #context: NetworkContext;
  #baseline: Baseline | undefined;
  #minFlows: number;
  #ephemeralFrom: number;
  #pool: EvidencePool;
  #offered: BoundedMap<string, Offered>;
  #keys = new Map<string, string>();

  constructor(context: NetworkContext, options: Partial<NewServiceOptions>) {
    const { minFlows, ephemeralFrom, maxServices, maxEvidence } = { ...DEFAULT_NEW_SERVICE_OPTIONS, ...options };
    this.#context = context;
    const { baseline } = context;
    this.#baseline = baseline?.entries.some(({ services }) => services !== undefined) === true ? baseline : undefined;
    this.#minFlows = minFlows;
    this.#ephemeralFrom = ephemeralFrom;
    this.#pool = new EvidencePool(maxEvidence);
    this.#offered = new BoundedMap(new Cap('services that the baseline does not name', maxServices));
  }

  observe(flows: Table): void {
    if (this.#baseline === undefined) return;
    const view = BaselineView.of(flows, this.#context, this.#baseline);
    const batch = view.flows;
    for (let row = 0; row < flows.rowCount; row++) {
      const port = numberAt(batch.responderPort, row);
      if (port === undefined || !view.isAnswered(row)) continue;
      const outcome = textAt(batch.outcome, row);
      // Where the beginning was not seen, who answered whom is a guess.
      if (outcome === 'refused' || outcome === 'unknown') continue;
      const to = view.station(row, 1);
      const entry = ownEntry(to);
      if (to === undefined || entry?.services === undefined || !isUsed(batch, row)) continue;
      const seen = seenService(view, row, this.#keys);
      if (port >= this.#ephemeralFrom && (seen.service === undefined || seen.guessed)) continue;
      if (allowsService(entry.services, seen)) continue;
      this.#take(view, row, to, entry, port, seen.transport);
    }
  }

  #take(
    view: BaselineView,
    row: number,
    station: Station,
    entry: BaselineEntry,
    port: number,
    transport: string,
  ): void {
    const { flows } = view;
    const offered = this.#offered.obtain(`${station.key} ${transport}/${port}`, () => ({
      station,
      entry,
      transport,
      port,
      service: undefined,
      addresses: new Map(),
      peers: new PeerCounter(PEERS),
      span: new TimeSpan(),
      evidence: this.#pool.collector(EVIDENCE),
      flows: 0,
      outside: false,
    }));
    if (offered === undefined) return;
    offered.flows++;
    const service = textAt(flows.service, row);
    if (service !== undefined && (offered.service === undefined || service < offered.service))
      offered.service = service;
    offered.span.add(numberAt(flows.startMs, row), numberAt(flows.endMs, row));
    const { address } = station;
    if (address !== undefined && (offered.addresses.size < MAX_ADDRESSES || offered.addresses.has(address)))
      offered.addresses.set(address, (offered.addresses.get(address) ?? 0) + 1);
    const peer = textAt(flows.initiator, row);
    if (peer !== undefined) {
      offered.peers.add(peer);
      if (!this.#context.isHome(peer)) offered.outside = true;
    }
    this.#pool.offer(offered.evidence, flows.table, row);
  }

  saturations(): ReturnType<Detector['saturations']> {
    return saturationsOf(this.id, [this.#offered.cap, this.#pool.cap]);
  }

  finish(): Detection[] {
    const found: Detection[] = [];
    for (const [, offered] of this.#offered.sortedEntries()) {
      const { station, transport, port, service, peers, span, flows } = offered;
      if (flows < this.#minFlows) continue;
      const score = peers.count > 1 ? SCORE_OF_SEVERAL : SCORE;
      found.push({
        kind: 'new-service.offered',
        detector: this.id,
        actor: bestAddress(offered.addresses) ?? station.key,
        peers: peers.top(),
        peerCount: peers.count,
        port,
        protocol: transport,
        ...(service === undefined ? {} : { service }),
        firstMs: span.known ? span.firstMs : NO_TIME,
        lastMs: span.known ? span.lastMs : NO_TIME,
        score,
        reasons: reasonsOf(offered, score),
        flows: this.#pool.flows(offered.evidence),
        flowCount: flows,
      });
    }
    return found.sort((a, b) => b.score - a.score);
  }
}

/** Whether both sides said something: a search that opens a port and leaves is not its use. What is not counted is taken for said. */
function isUsed(batch: BaselineView['flows'], row: number): boolean {
  return numberAt(batch.initiatorPayloadBytes, row) !== 0 && numberAt(batch.responderPayloadBytes, row) !== 0;
}

function reasonsOf({ entry, transport, port, peers, flows, outside }: Offered, score: number): Reason[] {
  const known = entry.services?.length ?? 0;
  const reasons: Reason[] = [
    {
      name: 'new-service.known',
      value: known,
      unit: 'services',
      contribution: score,
      sentence:
        known === 0
          ? `Its entry (number ${entry.index + 1} under devices) says that it offers nothing.`
          : `Its entry (number ${entry.index + 1} under devices) names ${counted(known, 'service')}, and none of them is ${portText(port, transport)}.`,
    },
    {
      name: 'new-service.flows',
      value: flows,
      unit: 'flows',
      sentence: `It answered ${counted(flows, 'flow')} of ${counted(peers.count, 'host')} there.`,
    },
  ];
  if (outside)
    reasons.push({
      name: 'new-service.outside',
      value: 1,
      unit: '',
      sentence: 'Somebody outside the home network was answered, too.',
    });
  return reasons;
}
