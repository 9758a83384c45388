import { counted, numberAt, type Table, textAt } from '../core/index.ts';
import { isLocalMac, virtualOwner } from '../flow/index.ts';
import type { Baseline } from './baseline/baseline.ts';
import { BaselineView, HeldAddresses, type Station } from './baseline/view.ts';
import { BoundedMap, Cap, PeerCounter, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { EvidencePool } from './evidence/pool.ts';

/**
 * A device that the baseline does not know: a laptop that a visitor plugged in, a small computer behind a printer, a virtual machine that nobody announced.
 *
 * A device is told by its hardware address; where the traffic shows none (a log, a routed network), a home address stands for it. It counts from `minFlows` flows in which it sent something. What is only
 * proposed in the baseline is not known: the finding says that a proposal waits. An entry that has expired is no new device but a breach of `policy`.
 *
 * Kinds: `station` for what has an address of a vendor's, of a virtual machine's or no hardware address at all; `randomised` for made-up hardware addresses, which phones and laptops change by the day: such a
 * one is a line in the list and no alarm, unless it does more.
 *
 * Score: 0.9 for a hardware address of a vendor's or a virtual machine's, 0.75 for an address alone, 0.5 for a made-up one.
 *
 * What fools it: who takes the hardware address of a known device is that device. What stands behind a known router has that router's hardware address and is told by address only where the baseline has
 * addresses. Innocent, and found: a phone with a new address, a replaced network card, a new telephone on the desk that nobody has entered yet.
 *
 * Cost: a look at the hardware address of both ends of every row, cached by batch. Bounds: stations, evidence. Without a baseline that has an approved device it sees nothing.
 */
export const newDeviceInfo: DetectorInfo = {
  id: 'new-device',
  kinds: ['new-device.station', 'new-device.randomised'],
  needs: ['initiator', 'responder'],
  needsBaseline: true,
  sees: 'A device that the baseline does not know. Runs with a baseline that has approved devices.',
  fooledBy: 'Taking the hardware address of a known device; standing behind a known router.',
  cost: 'A cached look-up for both ends of a flow.',
  source:
    'Allow lists of devices by hardware address, as in network access control; the rule "unknown source" of older tools',
};

export interface NewDeviceOptions {
  /** Flows in which it sent something, at least. */
  readonly minFlows: number;
  readonly maxStations: number;
  /** Evidence flows in all. */
  readonly maxEvidence: number;
}

export const DEFAULT_NEW_DEVICE_OPTIONS: NewDeviceOptions = { minFlows: 1, maxStations: 4096, maxEvidence: 10_000 };

const PEERS = 64;
const EVIDENCE = 10;
/** What a log without times gives its findings. */
const NO_TIME = 0;
const MAX_ADDRESSES = 8;
const SERVICES = 16;

const KNOWN_HARDWARE = 0.9;
const ADDRESS_ALONE = 0.75;
const RANDOMISED = 0.5;

interface Seen {
  readonly station: Station;
  readonly addresses: Map<string, number>;
  readonly span: TimeSpan;
  readonly peers: PeerCounter;
  readonly offers: Set<string>;
  readonly evidence: number;
  flows: number;
  /** A proposal for it waits in the baseline. */
  isProposed: boolean;
}

export function createNewDeviceDetector(context: NetworkContext, options: Partial<NewDeviceOptions> = {}): Detector {
  return new NewDeviceDetector(context, options);
}

class NewDeviceDetector implements Detector {
  readonly id = newDeviceInfo.id;
  #context: NetworkContext;
  #baseline: Baseline | undefined;
  #minFlows: number;
  #pool: EvidencePool;
  #seen: BoundedMap<string, Seen>;
  #held = new HeldAddresses();

  constructor(context: NetworkContext, options: Partial<NewDeviceOptions>) {
    const { minFlows, maxStations, maxEvidence } = { ...DEFAULT_NEW_DEVICE_OPTIONS, ...options };
    this.#context = context;
    this.#baseline =
      context.baseline !== undefined && context.baseline.approvedDevices > 0 ? context.baseline : undefined;
    this.#minFlows = minFlows;
    this.#pool = new EvidencePool(maxEvidence);
    this.#seen = new BoundedMap(new Cap('devices that the baseline does not know', maxStations));
  }

  observe(flows: Table): void {
    if (this.#baseline === undefined) return;
    const view = BaselineView.of(flows, this.#context, this.#baseline);
    const { rowCount } = flows;
    for (let row = 0; row < rowCount; row++) {
      const from = view.isSent(row) ? view.station(row, 0) : undefined;
      if (from !== undefined && isUnknown(from)) this.#take(view, row, from, 'responder');
      const to = view.isAnswered(row) ? view.station(row, 1) : undefined;
      if (to !== undefined && isUnknown(to)) this.#take(view, row, to, 'initiator');
      this.#held.note(from);
      this.#held.note(to);
    }
  }

  #take(view: BaselineView, row: number, station: Station, other: 'initiator' | 'responder'): void {
    const { flows } = view;
    const seen = this.#seen.obtain(station.key, () => ({
      station,
      addresses: new Map(),
      span: new TimeSpan(),
      peers: new PeerCounter(PEERS),
      offers: new Set(),
      evidence: this.#pool.collector(EVIDENCE),
      flows: 0,
      isProposed: false,
    }));
    if (seen === undefined) return;
    seen.flows++;
    seen.span.add(numberAt(flows.startMs, row), numberAt(flows.endMs, row));
    if (station.match.standing === 'proposed') seen.isProposed = true;
    const { address } = station;
    if (address !== undefined && station.isHome && (seen.addresses.size < MAX_ADDRESSES || seen.addresses.has(address)))
      seen.addresses.set(address, (seen.addresses.get(address) ?? 0) + 1);
    const peer = textAt(flows[other], row);
    // A device that announces its address speaks to itself.
    if (peer !== undefined && peer !== address) seen.peers.add(peer);
    if (other === 'initiator' && textAt(flows.outcome, row) === 'answered' && seen.offers.size < SERVICES) {
      const port = numberAt(flows.responderPort, row);
      const service = textAt(flows.service, row);
      if (port !== undefined && service !== undefined) seen.offers.add(`${service}/${port}`);
    }
    this.#pool.offer(seen.evidence, flows.table, row);
  }

  saturations(): ReturnType<Detector['saturations']> {
    return saturationsOf(this.id, [this.#seen.cap, this.#pool.cap]);
  }

  finish(): Detection[] {
    const found: Detection[] = [];
    for (const [, seen] of this.#seen.sortedEntries()) {
      if (seen.flows < this.#minFlows) continue;
      const { mac, key } = seen.station;
      const isRandom = isMadeUp(mac);
      const score = isRandom ? RANDOMISED : mac === undefined || key !== mac ? ADDRESS_ALONE : KNOWN_HARDWARE;
      found.push({
        kind: isRandom ? 'new-device.randomised' : 'new-device.station',
        detector: this.id,
        actor: bestAddress(this.#held.without(seen.addresses, seen.station)) ?? key,
        peers: seen.peers.top(),
        peerCount: seen.peers.count,
        firstMs: seen.span.known ? seen.span.firstMs : NO_TIME,
        lastMs: seen.span.known ? seen.span.lastMs : NO_TIME,
        score,
        reasons: reasonsOf(seen, score, isRandom, this.#baseline),
        flows: this.#pool.flows(seen.evidence),
        flowCount: seen.flows,
      });
    }
    return found.sort((a, b) => b.score - a.score);
  }
}

/** A local hardware address that no known software gives. */
export function isMadeUp(mac: string | undefined): boolean {
  return mac !== undefined && isLocalMac(mac) && virtualOwner(mac) === undefined;
}

function isUnknown({ match }: Station): boolean {
  return match.standing === 'unknown' || match.standing === 'proposed';
}

/** The address seen most, IPv4 before IPv6; of a link-local one only where there is no other. */
export function bestAddress(addresses: ReadonlyMap<string, number>): string | undefined {
  const rank = (address: string): number =>
    /^fe[89ab]|^169\.254\./i.test(address) ? 2 : address.includes(':') ? 1 : 0;
  return [...addresses].sort((a, b) => rank(a[0]) - rank(b[0]) || b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0]?.[0];
}

function reasonsOf(seen: Seen, score: number, isRandom: boolean, baseline: Baseline | undefined): Reason[] {
  const { mac, key } = seen.station;
  const owner = mac === undefined ? undefined : virtualOwner(mac);
  const reasons: Reason[] = [
    {
      name: 'new-device.known',
      value: baseline?.approvedDevices ?? 0,
      unit: 'entries',
      contribution: score,
      sentence: `None of the ${counted(baseline?.approvedDevices ?? 0, 'approved entry', 'approved entries')} of the baseline fits it.`,
    },
    mac === undefined || key !== mac
      ? {
          name: 'new-device.identity',
          value: key,
          unit: '',
          sentence: 'No hardware address of its own was seen, so it goes by its address.',
        }
      : {
          name: 'new-device.identity',
          value: mac,
          unit: '',
          sentence: isRandom
            ? `Its hardware address ${mac} is made up, as phones and laptops do for each network.`
            : owner === undefined
              ? `Its hardware address is ${mac}, from a vendor's block.`
              : `Its hardware address ${mac} is one that ${owner} gives to virtual machines.`,
        },
    {
      name: 'new-device.flows',
      value: seen.flows,
      unit: 'flows',
      sentence: `It took part in ${counted(seen.flows, 'flow')} with ${counted(seen.peers.count, 'address', 'addresses')}.`,
    },
  ];
  if (seen.offers.size > 0)
    reasons.push({
      name: 'new-device.offers',
      value: seen.offers.size,
      unit: 'services',
      sentence: `Others got answers from it on ${counted(seen.offers.size, 'service')}, as servers give them.`,
    });
  if (seen.isProposed)
    reasons.push({
      name: 'new-device.proposed',
      value: 1,
      unit: '',
      sentence: 'The baseline holds a proposal for it that nobody has approved.',
    });
  return reasons;
}
