import { ARP_REPLY, ARP_REQUEST, formatIpv4, formatMac, type Packet, PROTO, type TimeBase } from '../wire/index.ts';

/** What one hardware address said of one network address. */
export interface ArpClaim {
  readonly mac: string;
  /** Packets in which it told the address in passing (as the sender of a request), or because it had been asked for it. */
  readonly told: number;
  /** Answers that nobody had asked for, announcements (RFC 5227 section 3) included. */
  readonly unasked: number;
  /** Those of them that were announcements to everybody, as hosts make when they get an address and routers when they take one over. */
  readonly announced: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** An address and who claims it, in order of the first claim. */
export interface ClaimedAddress {
  readonly address: string;
  /** VLAN id; -1 without. */
  readonly vlan: number;
  /** How often a claim came from another hardware address than the one before, which had spoken within ten minutes. */
  readonly changes: number;
  readonly claims: readonly ArpClaim[];
}

/** What detectors ask of it. */
export interface ArpView {
  /** Whether two hardware addresses or more claim a network address, in any VLAN. */
  isContested(address: string): boolean;
  /** The hardware address that claimed a contested network address first; undefined for others. */
  firstClaimant(address: string): string | undefined;
  /** The addresses that two or more claim, in ascending order. */
  contested(): readonly ClaimedAddress[];
  /** The addresses that a hardware address alone claims, in the order in which it first did, at most 64. */
  ownAddresses(mac: string): readonly string[];
  /** How many addresses a hardware address claims, at most 64. */
  claimCount(mac: string): number;
  /** The hardware address of a network address that only one claims. */
  macOf(address: string): string | undefined;
}

/** Hardware addresses of one network address that are told apart; those beyond are refused and counted. */
const MOST_CLAIMANTS = 8;
/** Addresses that are kept of one hardware address. */
const MOST_ADDRESSES = 64;
/** An answer within so long of a question is an answer to it. */
const ASKED_NS = 10e9;
/** A change of hands after a longer silence is a lease that went to another host, and no quarrel. */
const QUARREL_NS = 600e9;
const NEVER = Number.NEGATIVE_INFINITY;

/** Of one hardware address, of one network address. */
class Claimant {
  readonly mac: number;
  told = 0;
  unasked = 0;
  announced = 0;
  firstNs: number;
  lastNs: number;

  constructor(mac: number, timeNs: number) {
    this.mac = mac;
    this.firstNs = this.lastNs = timeNs;
  }
}

class Address {
  readonly word: number;
  readonly vlan: number;
  readonly claimants: Claimant[] = [];
  changes = 0;
  askedNs = NEVER;
  last: Claimant | undefined;

  constructor(word: number, vlan: number) {
    this.word = word;
    this.vlan = vlan;
  }
}

/**
 * Who says in ARP to have which IPv4 address (RFC 826): a flow of ARP names the hardware address of its first packet alone, and false claims are told apart only beside the true
 * ones. Fed with every ARP packet by the flow table. About 300 bytes an address, at most `capacity` of them and as many hardware addresses; what is beyond is refused and counted, so that
 * invented addresses can't push out those that are known.
 */
export class ArpClaims implements ArpView {
  readonly capacity: number;
  /** Packets whose address or claimant had no place. */
  refused = 0;
  readonly #base: TimeBase;
  /** By VLAN and address. */
  readonly #addresses = new Map<number, Address>();
  /** Addresses of a hardware address, bounded each. */
  readonly #byMac = new Map<number, Set<number>>();
  /** Words of addresses that are contested. */
  readonly #contested = new Set<number>();

  constructor(base: TimeBase, capacity = 16_384) {
    this.#base = base;
    this.capacity = capacity;
  }

  /** Takes in a packet; what is no request or reply of ARP between 6-byte addresses is passed over. */
  observe(packet: Packet, timeNs: number): void {
    if (packet.protocol !== PROTO.arp || packet.arpSender < 0) return;
    const operation = packet.icmpType;
    if (operation !== ARP_REQUEST && operation !== ARP_REPLY) return;
    const sender = packet.src0 >>> 0;
    const target = packet.dst0 >>> 0;
    const isAnnouncement = sender === target;
    if (operation === ARP_REQUEST && !isAnnouncement) {
      const asked = this.#addresses.get(keyOf(target, packet.vlan));
      if (asked !== undefined) asked.askedNs = timeNs;
    }
    // Who asks with the address 0 wants to know whether one is free (RFC 5227 section 2.1).
    if (sender === 0) return;
    this.#claim(packet, sender, timeNs, operation === ARP_REPLY, isAnnouncement);
  }

  #claim(packet: Packet, sender: number, timeNs: number, isReply: boolean, isAnnouncement: boolean): void {
    const { bytes, arpSender: at, vlan } = packet;
    const mac =
      (bytes[at] * 256 + bytes[at + 1]) * 2 ** 32 +
      (((bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5]) >>> 0);
    const key = keyOf(sender, vlan);
    let address = this.#addresses.get(key);
    const isKnown = address !== undefined;
    if (address === undefined) {
      if (this.#addresses.size >= this.capacity) {
        this.refused++;
        return;
      }
      address = new Address(sender, vlan);
      this.#addresses.set(key, address);
    }
    let claimant = address.last?.mac === mac ? address.last : address.claimants.find((one) => one.mac === mac);
    if (claimant === undefined) {
      if (address.claimants.length >= MOST_CLAIMANTS || !this.#remember(mac, sender)) {
        this.refused++;
        return;
      }
      claimant = new Claimant(mac, timeNs);
      address.claimants.push(claimant);
      if (address.claimants.length === 2) this.#contested.add(sender);
    }
    // What was asked before the address was known was not noted, so the first answer counts as asked for.
    const wasAsked = !isKnown || Math.abs(timeNs - address.askedNs) <= ASKED_NS;
    if (isAnnouncement ? isKnown : isReply && !wasAsked) {
      claimant.unasked++;
      if (isAnnouncement) claimant.announced++;
    } else claimant.told++;
    const { last } = address;
    if (last !== undefined && last !== claimant && Math.abs(timeNs - last.lastNs) <= QUARREL_NS) address.changes++;
    address.last = claimant;
    if (timeNs > claimant.lastNs) claimant.lastNs = timeNs;
    else if (timeNs < claimant.firstNs) claimant.firstNs = timeNs;
  }

  #remember(mac: number, word: number): boolean {
    let words = this.#byMac.get(mac);
    if (words === undefined) {
      if (this.#byMac.size >= this.capacity) return false;
      words = new Set();
      this.#byMac.set(mac, words);
    }
    if (words.size < MOST_ADDRESSES) words.add(word);
    return true;
  }

  isContested(address: string): boolean {
    const word = wordOf(address);
    return word !== undefined && this.#contested.has(word);
  }

  /** What changed of the contested addresses, for `ArpChanges`, and notes it in `told`. */
  changesSince(told: Map<number, string | null>): ArpChange[] {
    const changes: ArpChange[] = [];
    for (const word of this.#contested) {
      // Who was first in a VLAN stays so until the address is claimed outside of VLANs.
      if (told.has(word) && !this.#addresses.has(keyOf(word, -1))) continue;
      const address = formatIpv4(word | 0);
      const first = this.firstClaimant(address) ?? null;
      if (told.get(word) === first) continue;
      told.set(word, first);
      changes.push([address, first]);
    }
    return changes;
  }

  snapshot(): ArpSnapshot {
    const first = new Map<number, Address>();
    for (const place of this.#addresses.values())
      if (!this.#contested.has(place.word) && (place.vlan === -1 || !first.has(place.word)))
        first.set(place.word, place);
    return {
      contested: this.contested(),
      byMac: [...this.#byMac].map(([mac, own]) => [macText(mac), [...own].map((word) => formatIpv4(word | 0))]),
      macs: [...first.values()].flatMap(({ word, claimants: [claimant] }) =>
        claimant === undefined ? [] : [[formatIpv4(word | 0), macText(claimant.mac)] as const],
      ),
    };
  }

  firstClaimant(address: string): string | undefined {
    const word = wordOf(address);
    if (word === undefined || !this.#contested.has(word)) return undefined;
    const first = this.#placesOf(word).find(({ claimants }) => claimants.length > 1)?.claimants[0];
    return first === undefined ? undefined : macText(first.mac);
  }

  contested(): readonly ClaimedAddress[] {
    return [...this.#addresses.values()]
      .filter(({ claimants }) => claimants.length > 1)
      .sort((a, b) => a.word - b.word || a.vlan - b.vlan)
      .map(({ word, vlan, changes, claimants }) => ({
        address: formatIpv4(word | 0),
        vlan,
        changes,
        claims: claimants
          .toSorted((a, b) => a.firstNs - b.firstNs || a.mac - b.mac)
          .map(({ mac, told, unasked, announced, firstNs, lastNs }) => ({
            mac: macText(mac),
            told,
            unasked,
            announced,
            firstMs: this.#base.epochMs(firstNs),
            lastMs: this.#base.epochMs(lastNs),
          })),
      }));
  }

  ownAddresses(mac: string): readonly string[] {
    return [...(this.#byMac.get(macNumber(mac)) ?? [])]
      .filter((word) => !this.#contested.has(word))
      .map((word) => formatIpv4(word | 0));
  }

  claimCount(mac: string): number {
    return this.#byMac.get(macNumber(mac))?.size ?? 0;
  }

  macOf(address: string): string | undefined {
    const word = wordOf(address);
    if (word === undefined || this.#contested.has(word)) return undefined;
    const claimant = this.#placesOf(word)[0]?.claimants[0];
    return claimant === undefined ? undefined : macText(claimant.mac);
  }

  /** An address in the VLANs in which it is claimed; without VLANs, as nearly always, by one look-up. */
  #placesOf(word: number): readonly Address[] {
    const known = this.#addresses.get(keyOf(word, -1));
    return known === undefined ? [...this.#addresses.values()].filter((one) => one.word === word) : [known];
  }
}

/** One number of VLAN and address. */
function keyOf(word: number, vlan: number): number {
  return (vlan + 1) * 2 ** 32 + (word >>> 0);
}

function macText(mac: number): string {
  const bytes = new Uint8Array(6);
  for (let i = 5, rest = mac; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  return formatMac(bytes, 0);
}

function macNumber(mac: string): number {
  return Number.parseInt(mac.replaceAll(':', ''), 16);
}

function wordOf(address: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (match === null) return undefined;
  return match.slice(1).reduce((word, part) => word * 256 + Number(part), 0);
}

/** What `ArpClaims` holds in the end, for asking it again later: JSON. */
export interface ArpSnapshot {
  readonly contested: readonly ClaimedAddress[];
  /** Addresses by the hardware address that claims them, in the order in which it first did. */
  readonly byMac: readonly (readonly [mac: string, addresses: readonly string[]])[];
  /** The hardware address of every address that is not contested. */
  readonly macs: readonly (readonly [address: string, mac: string])[];
}

/** An address that became contested, with who claimed it first. */
export type ArpChange = readonly [address: string, first: string | null];

/** Says what of `ArpClaims` changed for those who ask while it fills (`isContested`, `firstClaimant`). Holds as many entries as addresses are contested. */
export class ArpChanges {
  readonly #claims: ArpClaims;
  readonly #told = new Map<number, string | null>();

  constructor(claims: ArpClaims) {
    this.#claims = claims;
  }

  /** Since the last time; mostly nothing. */
  take(): ArpChange[] {
    return this.#claims.changesSince(this.#told);
  }
}

/** What was told of ARP while packets were read, told again: first the changes, batch by batch, and what the claims were in the end. */
export class StoredArpClaims implements ArpView {
  readonly #first = new Map<string, string | null>();
  #contested: readonly ClaimedAddress[] = [];
  #byMac = new Map<string, readonly string[]>();
  #macs = new Map<string, string>();

  note(changes: readonly ArpChange[]): void {
    for (const [address, first] of changes) this.#first.set(address, first);
  }

  close({ contested, byMac, macs }: ArpSnapshot): void {
    this.#contested = contested;
    this.#byMac = new Map(byMac);
    this.#macs = new Map(macs);
    for (const { address } of contested) if (!this.#first.has(address)) this.#first.set(address, null);
  }

  isContested(address: string): boolean {
    return this.#first.has(address);
  }

  firstClaimant(address: string): string | undefined {
    return this.#first.get(address) ?? undefined;
  }

  contested(): readonly ClaimedAddress[] {
    return this.#contested;
  }

  ownAddresses(mac: string): readonly string[] {
    return (this.#byMac.get(mac) ?? []).filter((address) => !this.#first.has(address));
  }

  claimCount(mac: string): number {
    return this.#byMac.get(mac)?.length ?? 0;
  }

  macOf(address: string): string | undefined {
    return this.#macs.get(address);
  }
}
