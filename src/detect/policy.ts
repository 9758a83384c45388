import { counted, numberAt, type Table, textAt } from '../core/index.ts';
import type { Baseline, BaselineStanding } from './baseline/baseline.ts';
import { allowsService, type BaselineEntry, type SeenService } from './baseline/baseline.ts';
import { flowProtocol, protocolKey, protocolLabel, UNRECOGNISED } from './baseline/protocol.ts';
import type { BaselineLayer } from './baseline/schema.ts';
import { BaselineView, HeldAddresses, ownEntry, type Station } from './baseline/view.ts';
import { BoundedMap, Cap, PeerCounter, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { EvidencePool } from './evidence/pool.ts';
import { bestAddress, isMadeUp } from './new-device.ts';

/**
 * What the baseline does not allow, told with the condition that fired: a source that it does not know, a destination that it does not know, a protocol that is not allowed, hours in which a device should be
 * silent. These are the rules of allow-list monitors (unknown source, or unknown unicast destination, or protocol not on the list), each a kind of its own so that nobody has to guess which it was.
 *
 * unknown-source: a station sent something and no approved entry that is still valid fits it. That it is unknown, that its entry has expired, or that it is only proposed are three different reasons, and
 * an expired entry is named.
 * unknown-destination: something was sent to a station that the baseline does not know, whether it answered or not. Broadcast and multicast are nobody.
 * protocol: at a layer with approved entries, a protocol that none of them names. Where a device's entry says what it `uses`, applications are held against that instead. Applications are told by what is
 * spoken, else by port; what nobody recognises is held against entries such as tcp/9100 or `unrecognised`, and only where it was answered on a port below 49,152: above, ports are given to clients. What an
 * outside address tries and nobody answers is no protocol of this network.
 * hours: a device whose entry has `hours` began `minOffHours` flows or more outside of them.
 *
 * Score: 0.8 unknown source or destination (0.3 with a made-up hardware address, as phones have), 0.85 expired, 0.7 proposed and protocols, 0.6 hours; a rule is a rule, and how much it weighs is the severity's business.
 *
 * What fools it: taking the hardware address of a known device; speaking an allowed protocol, or inside of one (TLS carries anything). Innocent, and found: whatever is honest and not written down.
 *
 * Cost: cached look-ups of both ends and of the protocol. Bounds: stations and protocols of stations. Without a baseline it sees nothing.
 */
export const policyInfo: DetectorInfo = {
  id: 'policy',
  kinds: ['policy.unknown-source', 'policy.unknown-destination', 'policy.protocol', 'policy.hours'],
  needs: ['initiator', 'responder', 'protocol'],
  needsBaseline: true,
  sees: 'Sources, destinations, protocols and hours that the baseline does not allow. Runs with a baseline.',
  fooledBy: 'Taking the hardware address of a known device; speaking an allowed protocol, or inside of one.',
  cost: 'Cached look-ups for both ends and the protocol of a flow.',
  source: 'Allow-list monitoring: unknown source, unknown unicast destination, protocol not allowed',
};

export interface PolicyOptions {
  /** Flows at least, for sources, destinations and protocols. */
  readonly minFlows: number;
  /** Flows that a device began outside of its hours, at least. */
  readonly minOffHours: number;
  readonly maxFindings: number;
  /** Evidence flows in all. */
  readonly maxEvidence: number;
}

export const DEFAULT_POLICY_OPTIONS: PolicyOptions = {
  minFlows: 1,
  minOffHours: 10,
  maxFindings: 8192,
  maxEvidence: 20_000,
};

const PEERS = 64;
const EVIDENCE = 10;
/** What a log without times gives its findings. */
const NO_TIME = 0;
const MAX_ADDRESSES = 8;
/** RFC 6335 section 6: dynamic ports, which stand for no service. */
const DYNAMIC_FROM = 49_152;

const SCORES: Readonly<Record<string, number>> = { unknown: 0.8, expired: 0.85, proposed: 0.7 };
const PROTOCOL_SCORE = 0.7;
const HOURS_SCORE = 0.6;
const MADE_UP_SCORE = 0.3;

interface Finding {
  readonly kind: string;
  readonly station: Station;
  readonly standing: BaselineStanding;
  /** Key of the protocol, with its layer before it; '' for other kinds. */
  readonly protocol: string;
  /** True where the device's own entry says what it may use. */
  readonly ofEntry: boolean;
  readonly addresses: Map<string, number>;
  readonly span: TimeSpan;
  readonly peers: PeerCounter;
  readonly evidence: number;
  flows: number;
  packets: number;
  port: number | undefined;
  transport: string | undefined;
}

/** Which of the rules a row breaks: the same for the detector and for the export of anomalies. */
export interface Breach {
  readonly source: Station | undefined;
  readonly destination: Station | undefined;
  readonly protocol: ProtocolBreach | undefined;
  readonly hours: boolean;
}

export interface ProtocolBreach {
  readonly layer: BaselineLayer;
  readonly key: string;
  readonly standing: BaselineStanding;
  readonly ofEntry: boolean;
}

/** The rules of a baseline for the rows of one batch. */
export class PolicyRules {
  readonly view: BaselineView;
  #baseline: Baseline;
  #layers: ReadonlySet<BaselineLayer>;
  #isHome: (address: string) => boolean;
  #keys = new Map<string, string>();

  constructor(table: Table, context: NetworkContext, baseline: Baseline) {
    this.view = BaselineView.of(table, context, baseline);
    this.#baseline = baseline;
    this.#isHome = context.isHome;
    this.#layers = new Set(
      (['link', 'network', 'transport', 'application'] as const).filter((layer) => baseline.judges(layer)),
    );
  }

  /** Undefined for a row that breaks none. */
  breach(row: number): Breach | undefined {
    const { view } = this;
    const judgesDevices = this.#baseline.approvedDevices > 0;
    const from = view.isSent(row) ? view.station(row, 0) : undefined;
    const to = view.station(row, 1);
    const source = judgesDevices && from !== undefined && from.match.standing !== 'approved' ? from : undefined;
    // Without a hardware address who did not answer may not exist.
    const isThere = to !== undefined && (to.mac !== undefined || view.isAnswered(row));
    const destination =
      judgesDevices && to !== undefined && isThere && to.match.standing !== 'approved' ? to : undefined;
    const protocol = this.#protocol(row, from);
    const hours = this.#offHours(row, from);
    if (source === undefined && destination === undefined && protocol === undefined && !hours) return undefined;
    return { source, destination, protocol, hours };
  }

  #offHours(row: number, from: Station | undefined): boolean {
    const { flows } = this.view;
    const hours = ownEntry(from)?.hours;
    if (hours === undefined) return false;
    const startMs = numberAt(flows.startMs, row);
    const hour = startMs === undefined ? -1 : this.#baseline.hourOfWeek(startMs);
    return hour >= 0 && hours[hour] === 0;
  }

  #protocol(row: number, from: Station | undefined): ProtocolBreach | undefined {
    const { flows } = this.view;
    const entry = ownEntry(from);
    if (this.#layers.size === 0 && entry?.uses === undefined) return undefined;
    const protocol = textAt(flows.protocol, row);
    const initiator = textAt(flows.initiator, row);
    if (protocol === undefined || initiator === undefined) return undefined;
    const isAnswered = this.view.isAnswered(row);
    if (!isAnswered && !this.#isHome(initiator) && from?.mac === undefined) return undefined;
    const atMs = numberAt(flows.startMs, row) ?? 0;
    const own = flowProtocol(protocol);
    const isIp = own.key !== 'arp';
    if (isIp) {
      const wrong = this.#judge('network', initiator.includes(':') ? 'ipv6' : 'ipv4', atMs);
      if (wrong !== undefined) return wrong;
    }
    const wrong = this.#judge(own.layer, own.key, atMs);
    if (wrong !== undefined) return wrong;
    return own.layer === 'transport' ? this.#application(row, own.key, entry, isAnswered, atMs) : undefined;
  }

  #judge(layer: BaselineLayer, key: string, atMs: number): ProtocolBreach | undefined {
    if (!this.#layers.has(layer)) return undefined;
    const standing = this.#baseline.protocol(layer, key, atMs);
    return standing === 'approved' ? undefined : { layer, key, standing, ofEntry: false };
  }

  #application(
    row: number,
    transport: string,
    entry: BaselineEntry | undefined,
    isAnswered: boolean,
    atMs: number,
  ): ProtocolBreach | undefined {
    const { flows } = this.view;
    const seen = seenService(this.view, row, this.#keys);
    // Where the beginning was not seen, either port may be the service's.
    const isClear = isAnswered && textAt(flows.outcome, row) !== 'unknown';
    if (seen.service === undefined && (!isClear || seen.port === undefined || seen.port >= DYNAMIC_FROM))
      return undefined;
    const key = seen.service ?? `${transport}/${seen.port ?? 0}`;
    if (entry?.uses !== undefined && !isGroupRow(flows, row))
      return allowsService(entry.uses, seen)
        ? undefined
        : { layer: 'application', key, standing: 'unknown', ofEntry: true };
    if (!this.#layers.has('application')) return undefined;
    if (seen.service !== undefined) return this.#judge('application', key, atMs);
    const standing = best(
      this.#baseline.portRule(transport, seen.port ?? 0, atMs),
      this.#baseline.protocol('application', UNRECOGNISED, atMs),
    );
    return standing === 'approved' ? undefined : { layer: 'application', key, standing, ofEntry: false };
  }
}

function isGroupRow(flows: BaselineView['flows'], row: number): boolean {
  const mac = textAt(flows.responderMac, row);
  return mac !== undefined && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

function best(a: BaselineStanding, b: BaselineStanding): BaselineStanding {
  const order: readonly BaselineStanding[] = ['approved', 'expired', 'proposed', 'unknown'];
  return order.indexOf(a) <= order.indexOf(b) ? a : b;
}

/** What a row speaks, as rules on services ask for it. @param keys names already brought into the form that is compared. */
export function seenService({ flows }: BaselineView, row: number, keys: Map<string, string>): SeenService {
  const name = textAt(flows.service, row);
  let service: string | undefined;
  if (name !== undefined) {
    service = keys.get(name);
    if (service === undefined) {
      service = protocolKey(name);
      keys.set(name, service);
    }
  }
  return {
    transport: textAt(flows.protocol, row) ?? '',
    port: numberAt(flows.responderPort, row),
    service,
    guessed: textAt(flows.serviceBasis, row) === 'port',
  };
}

export function createPolicyDetector(context: NetworkContext, options: Partial<PolicyOptions> = {}): Detector {
  return new PolicyDetector(context, options);
}

class PolicyDetector implements Detector {
  readonly id = policyInfo.id;
  #context: NetworkContext;
  #minFlows: number;
  #minOffHours: number;
  #pool: EvidencePool;
  #found: BoundedMap<string, Finding>;
  #held = new HeldAddresses();

  constructor(context: NetworkContext, options: Partial<PolicyOptions>) {
    const { minFlows, minOffHours, maxFindings, maxEvidence } = { ...DEFAULT_POLICY_OPTIONS, ...options };
    this.#context = context;
    this.#minFlows = minFlows;
    this.#minOffHours = minOffHours;
    this.#pool = new EvidencePool(maxEvidence);
    this.#found = new BoundedMap(new Cap('breaches of the baseline', maxFindings));
  }

  observe(flows: Table): void {
    const { baseline } = this.#context;
    if (baseline === undefined) return;
    const rules = new PolicyRules(flows, this.#context, baseline);
    for (let row = 0; row < flows.rowCount; row++) {
      const breach = rules.breach(row);
      this.#held.note(rules.view.station(row, 0));
      if (rules.view.isAnswered(row)) this.#held.note(rules.view.station(row, 1));
      if (breach === undefined) continue;
      const { source, destination, protocol, hours } = breach;
      if (source !== undefined) this.#take('policy.unknown-source', rules.view, row, source, 1, source.match.standing);
      if (destination !== undefined)
        this.#take('policy.unknown-destination', rules.view, row, destination, 0, destination.match.standing);
      if (protocol === undefined && !hours) continue;
      // What comes from outside has the router's hardware address: its own address tells who it was.
      const station = rules.view.station(row, 0);
      const from =
        station?.isHome === false && station.address !== undefined
          ? strangerOf(rules.view, row)
          : (station ?? strangerOf(rules.view, row));
      if (from === undefined) continue;
      if (protocol !== undefined) this.#take('policy.protocol', rules.view, row, from, 1, protocol.standing, protocol);
      if (hours) this.#take('policy.hours', rules.view, row, from, 1, 'approved');
    }
  }

  /** @param peerSide which end of the row is the other one. */
  #take(
    kind: string,
    view: BaselineView,
    row: number,
    station: Station,
    peerSide: 0 | 1,
    standing: BaselineStanding,
    protocol?: ProtocolBreach,
  ): void {
    const { flows } = view;
    const name = protocol === undefined ? '' : `${protocol.layer} ${protocol.key}`;
    const found = this.#found.obtain(`${station.key} ${kind} ${standing} ${name}`, () => ({
      kind,
      station,
      standing,
      protocol: name,
      ofEntry: protocol?.ofEntry === true,
      addresses: new Map(),
      span: new TimeSpan(),
      peers: new PeerCounter(PEERS),
      evidence: this.#pool.collector(EVIDENCE),
      flows: 0,
      packets: 0,
      port: undefined,
      transport: undefined,
    }));
    if (found === undefined) return;
    found.flows++;
    found.packets += (numberAt(flows.initiatorPackets, row) ?? 0) + (numberAt(flows.responderPackets, row) ?? 0);
    found.span.add(numberAt(flows.startMs, row), numberAt(flows.endMs, row));
    const { address } = station;
    if (
      address !== undefined &&
      (station.isHome || station.mac === undefined) &&
      (found.addresses.size < MAX_ADDRESSES || found.addresses.has(address))
    )
      found.addresses.set(address, (found.addresses.get(address) ?? 0) + 1);
    const peer = textAt(peerSide === 1 ? flows.responder : flows.initiator, row);
    if (peer !== undefined && peer !== address) found.peers.add(peer);
    if (protocol?.layer === 'application') {
      const port = numberAt(flows.responderPort, row);
      if (found.port === undefined || (port !== undefined && port < found.port)) found.port = port;
      found.transport ??= textAt(flows.protocol, row);
    }
    this.#pool.offer(found.evidence, flows.table, row);
  }

  saturations(): ReturnType<Detector['saturations']> {
    return saturationsOf(this.id, [this.#found.cap, this.#pool.cap]);
  }

  finish(): Detection[] {
    const detections: Detection[] = [];
    const entries = this.#found.sortedEntries();
    const strangers = new Map<string, ReadonlyMap<string, number>>();
    for (const [, { kind, station, addresses }] of entries)
      if (kind === 'policy.unknown-source') strangers.set(station.key, addresses);
    for (const [, found] of entries) {
      const { kind, station, standing, span, peers, flows, port, transport } = found;
      if (flows < (kind === 'policy.hours' ? this.#minOffHours : this.#minFlows)) continue;
      const score =
        kind === 'policy.hours'
          ? HOURS_SCORE
          : kind === 'policy.protocol'
            ? PROTOCOL_SCORE
            : scoreOf(standing, station);
      detections.push({
        kind,
        detector: this.id,
        // What it sent before it had an address is of the same device.
        actor:
          bestAddress(this.#held.without(found.addresses, station)) ??
          bestAddress(this.#held.without(strangers.get(station.key) ?? found.addresses, station)) ??
          station.key,
        peers: peers.top(),
        peerCount: peers.count,
        ...(port === undefined ? {} : { port }),
        ...(transport === undefined ? {} : { protocol: transport }),
        firstMs: span.known ? span.firstMs : NO_TIME,
        lastMs: span.known ? span.lastMs : NO_TIME,
        score,
        reasons: reasonsOf(found, score, strangers.has(station.key)),
        flows: this.#pool.flows(found.evidence),
        flowCount: flows,
      });
    }
    return detections.sort((a, b) => b.score - a.score);
  }
}

function scoreOf(standing: BaselineStanding, { mac, key }: Station): number {
  return standing === 'unknown' && key === mac && isMadeUp(mac) ? MADE_UP_SCORE : (SCORES[standing] ?? 0.8);
}

/** An address outside as the one that speaks: no station, and yet somebody. */
function strangerOf({ flows }: BaselineView, row: number): Station | undefined {
  const address = textAt(flows.initiator, row);
  return address === undefined
    ? undefined
    : { key: address, mac: undefined, address, isHome: false, match: { standing: 'unknown', entry: undefined } };
}

const STANDING_WORDS: Readonly<Record<BaselineStanding, string>> = {
  approved: 'is approved',
  expired: 'has expired',
  proposed: 'is only proposed, and nobody has approved it',
  unknown: 'is not there',
};

function reasonsOf(found: Finding, score: number, isStranger: boolean): Reason[] {
  const { kind, station, standing, protocol, flows, packets } = found;
  const entry = station.match.entry;
  const reasons: Reason[] = [];
  const add = (name: string, value: string | number, unit: string, sentence: string): void => {
    reasons.push({ name, value, unit, ...(reasons.length === 0 ? { contribution: score } : {}), sentence });
  };
  if (kind === 'policy.protocol') {
    const [layer = '', key = ''] = protocol.split(' ');
    const label = shownProtocol(key);
    add(
      'policy.condition',
      'protocol',
      '',
      found.ofEntry
        ? `The condition that fired: ${label} is none of the services that the device's own entry says it uses.`
        : `The condition that fired: ${label} ${standing === 'unknown' ? 'is not among the allowed protocols' : `${STANDING_WORDS[standing]} among the protocols`} of the layer ${layer}.`,
    );
    add('policy.protocol', label, '', `The protocol is ${label}, of the layer ${layer}.`);
    if (isStranger)
      add('policy.stranger', station.match.standing, '', 'Who speaks it is not approved in the baseline either.');
  } else if (kind === 'policy.hours')
    add('policy.condition', 'hours', '', 'The condition that fired: it began flows outside of the hours of its entry.');
  else {
    const side = kind === 'policy.unknown-source' ? 'source' : 'destination';
    add(
      'policy.condition',
      `${standing} ${side}`,
      '',
      standing === 'unknown'
        ? `The condition that fired: the ${side} is in no entry of the baseline.`
        : `The condition that fired: the entry of the ${side} ${STANDING_WORDS[standing]}.`,
    );
  }
  if (entry !== undefined) {
    const { expires } = entry.device;
    add(
      'policy.entry',
      entry.index + 1,
      'position',
      `It is entry ${entry.index + 1} under devices${standing === 'expired' && expires !== undefined ? `, which was valid until ${expires}` : ''}.`,
    );
  }
  add(
    'policy.identity',
    station.key,
    '',
    `It is told by ${station.mac === station.key ? 'its hardware address' : 'its address'} ${station.key}.`,
  );
  add('policy.flows', flows, 'flows', `${counted(flows, 'flow')} with ${counted(packets, 'packet')} did so.`);
  return reasons;
}

/** A name that is ours; one that came with the traffic (a plugin's service) is not repeated. */
function shownProtocol(key: string): string {
  const label = protocolLabel(key);
  return /^[A-Za-z0-9 ./*-]{1,40}$/.test(label) ? label : 'a protocol without a plain name';
}
