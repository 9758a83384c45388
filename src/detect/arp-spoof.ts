import { counted, humanDuration, type Table, textAt } from '../core/index.ts';
import { type ArpClaim, type ArpView, bindFlows, type ClaimedAddress, type FlowBatch } from '../flow/index.ts';
import { BoundedMap, Cap, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import { byScore } from './case.ts';
import {
  type Detection,
  type Detector,
  type DetectorInfo,
  type EvidenceFlow,
  MAX_PEERS,
  type NetworkContext,
  type Reason,
  type Saturation,
} from './detection.ts';
import { EvidencePool, mergeEvidence } from './evidence/pool.ts';
import { Gateways } from './gateway.ts';
import { isGroupMac } from './service.ts';
import { classesOf, Told } from './told.ts';

/**
 * False claims by ARP: a host tells its neighbours that the address of another, of the gateway best of all, is its own, and their traffic comes to it.
 *
 * What it sees. The flow table notes who claims which address (`flow/arp-claim.ts`). An address is contested when two hardware addresses claim it and it changed hands at least three times,
 * each time within ten minutes of the last claim of the other: both hold on to it. `arp-spoof.poisoning` is a hardware address that claims
 *   - a contested address by at least 5 answers that nobody asked for, announcements included, or
 *   - an address that changed hands at least once by 20 of them that were no announcements, which a short capture may be too short for to show the owner's answer, or
 *   - two contested addresses or more, 5 times each in whatever way: a man in the middle needs both ends; or
 *   - two addresses or more that changed hands at least once, 5 times each, one of them by answers that nobody asked for and that were no announcements.
 * The rightful owner of a contested address is who claimed it first, unless more than 80 % of its claims were unasked where less than half of another's were: then the capture began in
 * the middle of the attack. One detection per hardware address; the actor is its own network address where it has one that nobody else claims, else the hardware address.
 * Score 0.6 + 0.1 x log2(n / 5) for n unasked claims, 0.1 more for two addresses, at most 0.99.
 *
 * `arp-spoof.conflict`, score 0.5, is a contested address of which nobody claims enough unasked: an address that two devices use, most often by mistake.
 *
 * Innocent, and left alone: routers that stand in for one another (the virtual hardware addresses of VRRP, CARP, HSRP and GLBP); a failover or a lease that goes to another host, which change
 * hands once or twice; a router that answers for others when asked (proxy ARP: eight addresses or more, none of them unasked); sleep proxies.
 * Innocent, and found: tools that keep unknown devices out by false claims; load balancing over several network cards that answers by turns (as a conflict).
 * What fools it: an attacker whose victim's true owner is silent throughout; spoofing in a part of the network that the capture does not see; IPv6 (neighbour discovery).
 *
 * Cost: nothing per flow but for ARP; one look per ARP flow; see `ArpClaims` for the table.
 * Source: RFC 826, RFC 5227; arpwatch's "flip flop"; ATT&CK T1557.002 (ARP Cache Poisoning).
 */
export const arpSpoofInfo: DetectorInfo = {
  id: 'arp-spoof',
  kinds: ['arp-spoof.poisoning', 'arp-spoof.conflict'],
  needs: ['initiator', 'responder', 'protocol', 'initiatorMac'],
  sees: 'Hosts that claim addresses of others by ARP, again and again and unasked; addresses that two devices use.',
  fooledBy:
    'A true owner that stays silent; parts of the network that the capture does not see; neighbour discovery of IPv6.',
  cost: 'One look per ARP flow; about 300 bytes per address of the local network.',
  source: "RFC 826, RFC 5227; arpwatch's flip flop; ATT&CK T1557.002.",
};

export interface ArpSpoofOptions {
  /** Unasked claims of one hardware address to a contested address. */
  readonly minUnasked: number;
  /** Changes of hands, each within ten minutes. */
  readonly minChanges: number;
  /** Unasked answers, announcements left out, from which on one change of hands is enough: who takes an address over announces it, and does not tell one neighbour again and again. */
  readonly minDirected: number;
  /** From so many addresses on, answers on request are those of a router that stands in for others. */
  readonly proxyAddresses: number;
  readonly maxAddresses: number;
}

export const DEFAULT_ARP_SPOOF_OPTIONS: ArpSpoofOptions = {
  minUnasked: 5,
  minChanges: 3,
  minDirected: 20,
  proxyAddresses: 8,
  maxAddresses: 512,
};

/** Virtual routers: VRRP and CARP (RFC 5798), HSRP versions 1 and 2, GLBP (Cisco). */
const VIRTUAL_ROUTER = /^(00:00:5e:00:0[12]:|00:00:0c:07:ac:|00:00:0c:9f:f|00:07:b4:0)/;

/** Shares of unasked claims by which an owner is told from a usurper who was there first. */
const MOSTLY_UNASKED = 0.8;
const MOSTLY_ASKED = 0.5;
const CONFLICT_SCORE = 0.5;

interface Usurped {
  readonly place: ClaimedAddress;
  readonly claim: ArpClaim;
  readonly owner: ArpClaim;
}

export function createArpSpoofDetector(context: NetworkContext, options: Partial<ArpSpoofOptions> = {}): Detector {
  return new ArpSpoofDetector(context, { ...DEFAULT_ARP_SPOOF_OPTIONS, ...options });
}

class ArpSpoofDetector implements Detector {
  readonly id = arpSpoofInfo.id;
  readonly #context: NetworkContext;
  readonly #options: ArpSpoofOptions;
  readonly #gateways: Gateways;
  readonly #pool = new EvidencePool(10_000);
  /** Flows of ARP by contested address, with how many there are. */
  readonly #flows: BoundedMap<string, Kept>;

  constructor(context: NetworkContext, options: ArpSpoofOptions) {
    this.#context = context;
    this.#options = options;
    this.#gateways = new Gateways(context);
    this.#flows = new BoundedMap(new Cap('contested addresses', options.maxAddresses));
  }

  observe(table: Table): void {
    const { arp } = this.#context;
    if (arp === undefined) return;
    this.#gateways.observe(table);
    const flows = bindFlows(table);
    if (!flows.protocol.dictionary.includes('arp')) return;
    const isArp = classesOf(flows.protocol, (protocol) => protocol === 'arp');
    const protocols = flows.protocol.codes;
    const isContested = (address: string): boolean => arp.isContested(address);
    const initiators = new Told(flows.initiator, isContested);
    const responders = new Told(flows.responder, isContested);
    for (let row = 0; row < flows.rowCount; row++) {
      if (isArp[(protocols[row] as number) + 1] === 0) continue;
      const byInitiator = initiators.at(row);
      const byResponder = responders.at(row);
      if (!byInitiator && !byResponder) continue;
      const initiator = textAt(flows.initiator, row);
      const responder = textAt(flows.responder, row);
      if (byInitiator) this.#saw(flows, row, initiator ?? '', arp);
      if (byResponder && responder !== initiator) this.#saw(flows, row, responder ?? '', arp);
    }
  }

  /** A flow of a contested address. */
  #saw(flows: FlowBatch, row: number, address: string, arp: ArpView): void {
    const kept = this.#flows.obtain(address, () => ({
      evidence: this.#pool.collector(),
      all: this.#pool.collector(),
      count: 0,
      allCount: 0,
    }));
    if (kept === undefined) return;
    kept.allCount++;
    this.#pool.offer(kept.all, flows.table, row);
    if (!isFalse(flows, row, arp)) return;
    kept.count++;
    this.#pool.offer(kept.evidence, flows.table, row);
  }

  saturations(): Saturation[] {
    return saturationsOf(this.id, [this.#flows.cap, this.#pool.cap, this.#gateways.cap]);
  }

  finish(): Detection[] {
    const byMac = new Map<string, Usurped[]>();
    const { minChanges } = this.#options;
    const places = (this.#context.arp?.contested() ?? []).filter((place) => place.changes > 0);
    for (const place of places) {
      const claims = this.#realClaims(place);
      const owner = ownerOf(claims);
      if (owner === undefined || claims.length < 2) continue;
      for (const claim of claims) if (claim !== owner) append(byMac, claim.mac, { place, claim, owner });
    }
    const found: Detection[] = [];
    const poisoned = new Set<ClaimedAddress>();
    for (const [mac, usurped] of [...byMac].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const hostile = this.#hostile(usurped);
      if (hostile.length === 0) continue;
      for (const { place } of hostile) poisoned.add(place);
      found.push(this.#poisoning(mac, hostile));
    }
    for (const place of places) {
      const claims = this.#realClaims(place);
      if (!poisoned.has(place) && claims.length > 1 && place.changes >= minChanges)
        found.push(this.#conflict(place, claims));
    }
    return found.sort(byScore);
  }

  /** Without routers that stand in for one another, or for others when asked; none at all where one of them is virtual. */
  #realClaims({ claims }: ClaimedAddress): ArpClaim[] {
    if (claims.some(({ mac }) => VIRTUAL_ROUTER.test(mac))) return [];
    const { proxyAddresses } = this.#options;
    const { arp } = this.#context;
    return claims.filter(({ mac, unasked }) => unasked > 0 || (arp?.claimCount(mac) ?? 0) < proxyAddresses);
  }

  /** What of the claims of one hardware address is no mistake. */
  #hostile(usurped: readonly Usurped[]): readonly Usurped[] {
    const { minUnasked, minChanges, minDirected } = this.#options;
    const often = usurped.filter(
      ({ place, claim }) => place.changes >= minChanges && claim.told + claim.unasked >= minUnasked,
    );
    const unasked = usurped.filter(
      ({ place, claim }) =>
        (place.changes >= minChanges && claim.unasked >= minUnasked) || claim.unasked - claim.announced >= minDirected,
    );
    // A failover announces what it takes over, then answers who asks; it does not tell single neighbours unasked, again and again.
    const isDirected = usurped.some(({ claim }) => claim.unasked - claim.announced >= minUnasked);
    const both = isDirected ? usurped.filter(({ claim }) => claim.told + claim.unasked >= minUnasked) : often;
    return both.length > 1 ? [...new Set([...both, ...unasked])] : unasked;
  }

  #poisoning(mac: string, hostile: readonly Usurped[]): Detection {
    const { minUnasked, minChanges } = this.#options;
    const own = this.#context.arp?.ownAddresses(mac) ?? [];
    const [first] = own;
    const ordered = hostile.toSorted(
      (a, b) => b.claim.unasked - a.claim.unasked || (a.place.address < b.place.address ? -1 : 1),
    );
    const addresses = [...new Set(ordered.map(({ place }) => place.address))];
    const unasked = hostile.reduce((sum, { claim }) => sum + claim.unasked, 0);
    const total = hostile.reduce((sum, { claim }) => sum + claim.unasked + claim.told, 0);
    const changes = hostile.reduce((sum, { place }) => sum + place.changes, 0);
    const span = new TimeSpan();
    for (const { claim } of hostile) span.add(claim.firstMs, claim.lastMs);
    const gateway = hostile.find(({ owner }) => this.#gateways.isGateway(owner.mac));
    const strength = Math.max(1, Math.max(unasked, total / 2) / minUnasked);
    const score = Math.min(0.99, 0.6 + 0.1 * Math.log2(strength) + (addresses.length > 1 ? 0.1 : 0));
    const reasons: Reason[] = [
      {
        name: 'arp-spoof.unasked',
        value: unasked,
        unit: 'packets',
        threshold: minUnasked,
        sentence: `It claimed ${counted(addresses.length, 'address', 'addresses')} of others in ${counted(total, 'ARP packet')} within ${humanDuration(span.lengthMs)}; nobody had asked for ${unasked} of them.`,
      },
      {
        name: 'arp-spoof.changes',
        value: changes,
        unit: 'changes',
        threshold: minChanges,
        sentence: `The true owner claims the same in between: it changed hands ${counted(changes, 'time')}.`,
      },
    ];
    if (gateway !== undefined)
      reasons.push({
        name: 'arp-spoof.gateway',
        value: gateway.place.address,
        unit: '',
        sentence: `${gateway.place.address} is the gateway: traffic to the Internet goes through its hardware address ${gateway.owner.mac}.`,
      });
    if (addresses.length > 1)
      reasons.push({
        name: 'arp-spoof.both',
        value: addresses.length,
        unit: 'addresses',
        sentence: 'It claims both ends of a conversation, so that it can pass on what it reads.',
      });
    reasons.push(macReason(mac, own));
    const { flows, flowCount } = this.#evidence(addresses);
    return {
      kind: 'arp-spoof.poisoning',
      detector: this.id,
      actor: own.length === 1 && first !== undefined ? first : mac,
      peers: addresses.slice(0, MAX_PEERS),
      peerCount: addresses.length,
      protocol: 'arp',
      firstMs: span.firstMs,
      lastMs: span.lastMs,
      score: Number(score.toFixed(3)),
      reasons,
      flows,
      flowCount,
    };
  }

  #conflict(place: ClaimedAddress, claims: readonly ArpClaim[]): Detection {
    const owner = ownerOf(claims);
    const other = claims.find((claim) => claim !== owner) ?? claims[0];
    const span = new TimeSpan();
    for (const { firstMs, lastMs } of claims) span.add(firstMs, lastMs);
    const unasked = claims.reduce((sum, claim) => sum + claim.unasked, 0);
    const mac = other?.mac ?? '';
    const { flows, flowCount } = this.#evidence([place.address]);
    return {
      kind: 'arp-spoof.conflict',
      detector: this.id,
      actor: mac,
      peers: [place.address],
      peerCount: 1,
      protocol: 'arp',
      firstMs: span.firstMs,
      lastMs: span.lastMs,
      score: CONFLICT_SCORE,
      reasons: [
        {
          name: 'arp-spoof.changes',
          value: place.changes,
          unit: 'changes',
          threshold: this.#options.minChanges,
          sentence: `The address changed hands ${counted(place.changes, 'time')} between ${counted(claims.length, 'hardware address', 'hardware addresses')}: ${claims.map((claim) => claim.mac).join(', ')}.`,
        },
        {
          name: 'arp-spoof.unasked',
          value: unasked,
          unit: 'packets',
          sentence: `Nobody had asked for ${unasked} of the claims, which is too few for an attack.`,
        },
        macReason(mac, this.#context.arp?.ownAddresses(mac) ?? []),
      ],
      flows,
      flowCount,
    };
  }

  #evidence(addresses: readonly string[]): { flows: EvidenceFlow[]; flowCount: number } {
    const kept = addresses.flatMap((address) => this.#flows.get(address) ?? []);
    // A flow between two of the addresses stands under both.
    const byId = new Map<string, EvidenceFlow>();
    // Where no flow began with the false claim, those that may hold it.
    const isShown = kept.some(({ count }) => count > 0);
    for (const flow of mergeEvidence(kept.map(({ evidence, all }) => this.#pool.flows(isShown ? evidence : all))))
      byId.set(`${flow.id ?? ''} ${flow.startMs ?? ''} ${flow.initiator ?? ''} ${flow.responder ?? ''}`, flow);
    const most = Math.max(1, ...kept.map(({ count, allCount }) => (isShown ? count : allCount)));
    return { flows: [...byId.values()], flowCount: most };
  }
}

/** Flows of one contested address: those that show another hardware address than the one that claimed it first, and all. */
interface Kept {
  readonly evidence: number;
  readonly all: number;
  count: number;
  allCount: number;
}

/** Whether a side of a row has a contested address with another hardware address than the first that claimed it. */
function isFalse(flows: FlowBatch, row: number, arp: ArpView): boolean {
  const differs = (address: string | undefined, mac: string | undefined): boolean => {
    if (address === undefined || mac === undefined || isGroupMac(mac)) return false;
    const first = arp.firstClaimant(address);
    return first !== undefined && first !== mac;
  };
  return (
    differs(textAt(flows.initiator, row), textAt(flows.initiatorMac, row)) ||
    differs(textAt(flows.responder, row), textAt(flows.responderMac, row))
  );
}

/** Who had the address first; another where that one's claims are unasked and the other's are not. */
function ownerOf(claims: readonly ArpClaim[]): ArpClaim | undefined {
  const [first] = claims;
  if (first === undefined || shareOf(first) <= MOSTLY_UNASKED) return first;
  return claims.find((claim) => shareOf(claim) < MOSTLY_ASKED) ?? first;
}

function shareOf({ unasked, told }: ArpClaim): number {
  return unasked / Math.max(1, unasked + told);
}

function macReason(mac: string, own: readonly string[]): Reason {
  const [first] = own;
  return {
    name: 'arp-spoof.mac',
    value: mac,
    unit: '',
    sentence:
      own.length === 1 && first !== undefined
        ? `Its hardware address is ${mac}, its own address ${first}.`
        : `Its hardware address is ${mac}; no single address of its own is known.`,
  };
}

function append(map: Map<string, Usurped[]>, key: string, value: Usurped): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}
