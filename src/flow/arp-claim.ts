import { NO_ROW, OwnedRows, widened } from '../core/index.ts';
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

/**
 * Who says in ARP to have which IPv4 address (RFC 826): a flow of ARP names the hardware address of its first packet alone, and false claims are told apart only beside the true
 * ones. Fed with every ARP packet by the flow table. About 120 bytes an address, at most `capacity` of them and as many hardware addresses; what is beyond is refused and counted, so that
 * invented addresses can't push out those that are known.
 */
export class ArpClaims implements ArpView {
  readonly capacity: number;
  /** Packets whose address or claimant had no place. */
  refused = 0;
  readonly #base: TimeBase;
  readonly #addresses = new Addresses();
  readonly #macs = new Macs();
  readonly #claimants = new Claimants();
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
      const asked = this.#addresses.find(target, packet.vlan);
      if (asked !== NO_ROW) this.#addresses.askedNs[asked] = timeNs;
    }
    // Who asks with the address 0 wants to know whether one is free (RFC 5227 section 2.1).
    if (sender === 0) return;
    this.#claim(packet, sender, timeNs, operation === ARP_REPLY, isAnnouncement);
  }

  #claim(packet: Packet, sender: number, timeNs: number, isReply: boolean, isAnnouncement: boolean): void {
    const { bytes, arpSender: at, vlan } = packet;
    const high = (bytes[at] << 8) | bytes[at + 1];
    const low = (bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5];
    const addresses = this.#addresses;
    const known = addresses.find(sender, vlan);
    const isKnown = known !== NO_ROW;
    const address = isKnown ? known : this.#newAddress(sender, vlan);
    if (address === NO_ROW) {
      this.refused++;
      return;
    }
    const claimants = this.#claimants;
    const mac = this.#macs.find(high, low);
    let claimant = mac === NO_ROW ? NO_ROW : this.#claimantOf(address, mac);
    if (claimant === NO_ROW) {
      claimant = this.#newClaimant(address, mac, high, low, timeNs);
      if (claimant === NO_ROW) {
        this.refused++;
        return;
      }
      if (addresses.claimants[address] === 2) this.#contested.add(sender);
    }
    // What was asked before the address was known was not noted, so the first answer counts as asked for.
    const wasAsked = !isKnown || Math.abs(timeNs - addresses.askedNs[address]) <= ASKED_NS;
    if (isAnnouncement ? isKnown : isReply && !wasAsked) {
      claimants.unasked[claimant]++;
      if (isAnnouncement) claimants.announced[claimant]++;
    } else claimants.told[claimant]++;
    const last = addresses.latest[address] - 1;
    if (last >= 0 && last !== claimant && Math.abs(timeNs - claimants.lastNs[last]) <= QUARREL_NS)
      addresses.changes[address]++;
    addresses.latest[address] = claimant + 1;
    if (timeNs > claimants.lastNs[claimant]) claimants.lastNs[claimant] = timeNs;
    else if (timeNs < claimants.firstNs[claimant]) claimants.firstNs[claimant] = timeNs;
  }

  /** A new address; `NO_ROW` where there is no room. */
  #newAddress(word: number, vlan: number): number {
    return this.#addresses.size >= this.capacity ? NO_ROW : this.#addresses.add(word, vlan);
  }

  /** What a hardware address said of a network address so far. */
  #claimantOf(address: number, mac: number): number {
    const { mac: macs, nextOfAddress } = this.#claimants;
    const latest = this.#addresses.latest[address] - 1;
    if (latest >= 0 && macs[latest] === mac) return latest;
    let claimant = this.#addresses.first[address] - 1;
    while (claimant !== NO_ROW && macs[claimant] !== mac) claimant = nextOfAddress[claimant] - 1;
    return claimant;
  }

  /** A new claimant of an address; `NO_ROW` where there is no room. @param known the hardware address, `NO_ROW` where it is new. */
  #newClaimant(address: number, known: number, high: number, low: number, timeNs: number): number {
    if (this.#addresses.claimants[address] >= MOST_CLAIMANTS) return NO_ROW;
    if (known === NO_ROW && this.#macs.size >= this.capacity) return NO_ROW;
    const mac = known === NO_ROW ? this.#macs.add(high, low) : known;
    if (mac === NO_ROW) return NO_ROW;
    const claimant = this.#claimants.add(address, mac, timeNs);
    const { nextOfAddress, nextOfMac } = this.#claimants;
    append(nextOfAddress, this.#addresses.first, this.#addresses.last, address, claimant);
    append(nextOfMac, this.#macs.first, this.#macs.last, mac, claimant);
    this.#addresses.claimants[address]++;
    return claimant;
  }

  /** The claimants of an address, in order of their first claim. */
  #claimantsOf(address: number): number[] {
    const list: number[] = [];
    for (let one = this.#addresses.first[address] - 1; one !== NO_ROW; one = this.#claimants.nextOfAddress[one] - 1)
      list.push(one);
    return list;
  }

  /** Words of the addresses of a hardware address, in the order in which it first claimed them, at most `MOST_ADDRESSES`. */
  #wordsOf(mac: number): number[] {
    const words = new Set<number>();
    if (mac === NO_ROW) return [];
    for (let one = this.#macs.first[mac] - 1; one !== NO_ROW; one = this.#claimants.nextOfMac[one] - 1) {
      words.add(this.#addresses.word(this.#claimants.address[one]));
      if (words.size === MOST_ADDRESSES) break;
    }
    return [...words];
  }

  #macText(claimant: number): string {
    return this.#macs.text(this.#claimants.mac[claimant]);
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
      if (told.has(word) && this.#addresses.find(word, -1) === NO_ROW) continue;
      const address = formatIpv4(word | 0);
      const first = this.firstClaimant(address) ?? null;
      if (told.get(word) === first) continue;
      told.set(word, first);
      changes.push([address, first]);
    }
    return changes;
  }

  snapshot(): ArpSnapshot {
    const addresses = this.#addresses;
    const first = new Map<number, number>();
    for (let place = 0; place < addresses.size; place++) {
      const word = addresses.word(place);
      if (!this.#contested.has(word) && (addresses.vlan[place] === -1 || !first.has(word))) first.set(word, place);
    }
    return {
      contested: this.contested(),
      byMac: Array.from({ length: this.#macs.size }, (_, mac) => [
        this.#macs.text(mac),
        this.#wordsOf(mac).map((word) => formatIpv4(word | 0)),
      ]),
      macs: [...first].flatMap(([word, place]) => {
        const claimant = addresses.first[place] - 1;
        return claimant < 0 ? [] : [[formatIpv4(word | 0), this.#macText(claimant)] as const];
      }),
    };
  }

  firstClaimant(address: string): string | undefined {
    const word = wordOf(address);
    if (word === undefined || !this.#contested.has(word)) return undefined;
    const place = this.#placesOf(word).find((one) => this.#addresses.claimants[one] > 1);
    return place === undefined ? undefined : this.#macText(this.#addresses.first[place] - 1);
  }

  contested(): readonly ClaimedAddress[] {
    const addresses = this.#addresses;
    const { told, unasked, announced, firstNs, lastNs, mac } = this.#claimants;
    const places: number[] = [];
    for (let place = 0; place < addresses.size; place++) if (addresses.claimants[place] > 1) places.push(place);
    return places
      .sort((a, b) => addresses.word(a) - addresses.word(b) || addresses.vlan[a] - addresses.vlan[b])
      .map((place) => ({
        address: formatIpv4(addresses.word(place) | 0),
        vlan: addresses.vlan[place],
        changes: addresses.changes[place],
        claims: this.#claimantsOf(place)
          .sort((a, b) => firstNs[a] - firstNs[b] || this.#macs.value(mac[a]) - this.#macs.value(mac[b]))
          .map((one) => ({
            mac: this.#macText(one),
            told: told[one],
            unasked: unasked[one],
            announced: announced[one],
            firstMs: this.#base.epochMs(firstNs[one]),
            lastMs: this.#base.epochMs(lastNs[one]),
          })),
      }));
  }

  ownAddresses(mac: string): readonly string[] {
    return this.#wordsOf(this.#macs.of(mac))
      .filter((word) => !this.#contested.has(word))
      .map((word) => formatIpv4(word | 0));
  }

  claimCount(mac: string): number {
    return this.#wordsOf(this.#macs.of(mac)).length;
  }

  macOf(address: string): string | undefined {
    const word = wordOf(address);
    if (word === undefined || this.#contested.has(word)) return undefined;
    const [place] = this.#placesOf(word);
    return place === undefined || this.#addresses.first[place] === 0
      ? undefined
      : this.#macText(this.#addresses.first[place] - 1);
  }

  /** An address in the VLANs in which it is claimed; without VLANs, as nearly always, by one look-up. */
  #placesOf(word: number): readonly number[] {
    const known = this.#addresses.find(word, -1);
    if (known !== NO_ROW) return [known];
    const places: number[] = [];
    for (let place = 0; place < this.#addresses.size; place++)
      if (this.#addresses.word(place) === word) places.push(place);
    return places;
  }
}

/** Network addresses by VLAN, in columns. Claimants stand in them plus one, 0 is none. */
class Addresses {
  readonly #rows = new OwnedRows();
  vlan = new Int16Array(0);
  askedNs = new Float64Array(0);
  changes = new Uint32Array(0);
  claimants = new Uint8Array(0);
  first = new Int32Array(0);
  last = new Int32Array(0);
  /** Who claimed it last. */
  latest = new Int32Array(0);

  get size(): number {
    return this.#rows.size;
  }

  find(word: number, vlan: number): number {
    return this.#rows.find(vlan + 1, word);
  }

  /** `NO_ROW` where addresses were made to collide. */
  add(word: number, vlan: number): number {
    const row = this.#rows.add(vlan + 1, word, NO_ROW);
    if (row === NO_ROW) return NO_ROW;
    const n = this.#rows.capacity;
    if (n > this.vlan.length) {
      this.vlan = widened(this.vlan, n);
      this.askedNs = widened(this.askedNs, n);
      this.changes = widened(this.changes, n);
      this.claimants = widened(this.claimants, n);
      this.first = widened(this.first, n);
      this.last = widened(this.last, n);
      this.latest = widened(this.latest, n);
    }
    this.vlan[row] = vlan;
    this.askedNs[row] = NEVER;
    return row;
  }

  /** From 0 to 2^32 - 1. */
  word(row: number): number {
    return this.#rows.value(row) >>> 0;
  }
}

/** Hardware addresses and their first and last claim, plus one. */
class Macs {
  readonly #rows = new OwnedRows();
  #high = new Uint16Array(0);
  first = new Int32Array(0);
  last = new Int32Array(0);

  get size(): number {
    return this.#rows.size;
  }

  /** @param high the first two bytes. @param low the other four. */
  find(high: number, low: number): number {
    return this.#rows.find(high, low);
  }

  of(mac: string): number {
    const value = Number.parseInt(mac.replaceAll(':', ''), 16);
    return this.find(Math.floor(value / 2 ** 32), value % 2 ** 32);
  }

  /** `NO_ROW` where addresses were made to collide. */
  add(high: number, low: number): number {
    const row = this.#rows.add(high, low, NO_ROW);
    if (row === NO_ROW) return NO_ROW;
    const n = this.#rows.capacity;
    if (n > this.#high.length) {
      this.#high = widened(this.#high, n);
      this.first = widened(this.first, n);
      this.last = widened(this.last, n);
    }
    this.#high[row] = high;
    return row;
  }

  /** As one number of 48 bits. */
  value(row: number): number {
    return this.#high[row] * 2 ** 32 + (this.#rows.value(row) >>> 0);
  }

  text(row: number): string {
    const bytes = new Uint8Array(6);
    for (let i = 5, rest = this.value(row); i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
    return formatMac(bytes, 0);
  }
}

/** What hardware addresses said of network addresses, in columns. */
class Claimants {
  #size = 0;
  address = new Int32Array(0);
  mac = new Int32Array(0);
  told = new Uint32Array(0);
  unasked = new Uint32Array(0);
  announced = new Uint32Array(0);
  firstNs = new Float64Array(0);
  lastNs = new Float64Array(0);
  /** The next claimant of the same network address, and the next one that is the same hardware address, plus one; 0 at the end. */
  nextOfAddress = new Int32Array(0);
  nextOfMac = new Int32Array(0);

  add(address: number, mac: number, timeNs: number): number {
    const row = this.#size++;
    if (row === this.mac.length) this.#grow(Math.max(64, 2 * row));
    this.address[row] = address;
    this.mac[row] = mac;
    this.firstNs[row] = timeNs;
    this.lastNs[row] = timeNs;
    return row;
  }

  #grow(n: number): void {
    this.address = widened(this.address, n);
    this.mac = widened(this.mac, n);
    this.told = widened(this.told, n);
    this.unasked = widened(this.unasked, n);
    this.announced = widened(this.announced, n);
    this.firstNs = widened(this.firstNs, n);
    this.lastNs = widened(this.lastNs, n);
    this.nextOfAddress = widened(this.nextOfAddress, n);
    this.nextOfMac = widened(this.nextOfMac, n);
  }
}

/** Puts an entry behind the last one of a list; entries stand plus one. */
function append(next: Int32Array, first: Int32Array, last: Int32Array, list: number, entry: number): void {
  if (first[list] === 0) first[list] = entry + 1;
  else next[last[list] - 1] = entry + 1;
  last[list] = entry + 1;
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
