import { NO_ROW, OwnedRows, TextTable, widened } from '../core/index.ts';
import { CountedLists } from './counted-lists.ts';
import { PortLabels } from './port-label.ts';

/** What devices are told from: pairs of hardware and network address, and which of them belong together. */

/** Home addresses that a device may have without having claimed them before it is taken for a router. */
const MAX_UNCLAIMED = 6;

/** The number of no station, and of no hardware address. */
export const NONE = NO_ROW;

/** Lists of a station, of numbers of texts, but for names (see `nameNumber`) and the labels of what it offers and uses. */
export const NAMES = 0;
export const SOFTWARE = 1;
export const OFFERS = 2;
export const USES = 3;
export const HOME_PEERS = 4;
export const PLACES = 5;
export const ANNOUNCED = 6;
export const FINGERPRINTS = 7;
const STATION_LISTS = 8;

/** Lists of a hardware address, of numbers of texts. */
/** Addresses outside that it carried traffic of, at most MOST_CARRIED. */
export const CARRIED = 0;
/** Kinds of frames. */
export const FRAMES = 1;
/** Addresses that DHCP answers to it gave. */
export const LEASES = 2;
const MAC_LISTS = 3;

const CLAIMED = 1;
const HAS_MORE_PEERS = 2;

/** Where flows say a name. */
const NAME_SOURCES = ['DHCP', 'mDNS', 'LLMNR', 'NetBIOS', 'Windows', 'HTTP', 'TLS'] as const;
export type NameSource = (typeof NAME_SOURCES)[number];

/** A name and where it was said as one number. */
export function nameNumber(text: number, source: NameSource): number {
  return text === NO_ROW ? NO_ROW : text * 8 + NAME_SOURCES.indexOf(source);
}

/** What a station said of itself in DHCP. */
export interface DhcpSigns {
  options: string | undefined;
  vendorClass: string | undefined;
  clientId: string | undefined;
}

/** Stations and hardware addresses in columns, and what is told of them as lists of numbers: about 60 bytes a station and as many a hardware address, 30 for each text told of one. */
export class StationTable {
  readonly macs = new TextTable();
  readonly texts = new TextTable();
  readonly labels = new PortLabels();
  readonly lists = new CountedLists(STATION_LISTS);
  readonly macLists = new CountedLists(MAC_LISTS);
  readonly dhcp = new Map<number, DhcpSigns>();
  /** Flows by hour of the week, where hours are counted. */
  readonly hours = new Map<number, Float64Array>();
  /** By the hardware address plus one, 0 without one, and the number of the address. */
  readonly #rows = new OwnedRows();
  #flags = new Uint8Array(0);
  #flows = new Float64Array(0);
  #bytes = new Float64Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  /** Of an owner of stations, as `#rows` has it, its first and last one, plus one, and how many. */
  #first = new Int32Array(0);
  #last = new Int32Array(0);
  #count = new Int32Array(0);
  /** Of frames of a hardware address that belong to no flow; NaN without any. */
  #frameFirstMs = new Float64Array(0);
  #frameLastMs = new Float64Array(0);

  /** Stations in all. */
  get size(): number {
    return this.#rows.size;
  }

  /** A new hardware address; `NONE` where texts were made to collide. */
  addMac(text: string): number {
    const mac = this.macs.add(text);
    if (mac === NONE) return NONE;
    if (mac >= this.#frameFirstMs.length) this.#widenMacs(Math.max(64, 2 * mac));
    return mac;
  }

  #widenMacs(n: number): void {
    const known = this.#frameFirstMs.length;
    this.#frameFirstMs = widened(this.#frameFirstMs, n).fill(Number.NaN, known);
    this.#frameLastMs = widened(this.#frameLastMs, n).fill(Number.NaN, known);
    this.#first = widened(this.#first, n + 1);
    this.#last = widened(this.#last, n + 1);
    this.#count = widened(this.#count, n + 1);
    this.macLists.widen(n);
  }

  /** The station of a pair; `NONE` where there is none. @param mac `NONE` without a hardware address. @param hash of the address. */
  find(mac: number, address: string, hash?: number): number {
    const text = this.texts.find(address, hash);
    return text === NONE ? NONE : this.#rows.find(mac + 1, text);
  }

  /** A new station; `NONE` where texts were made to collide. @param address '' for what came before it had one. */
  add(mac: number, address: string, hash?: number): number {
    const known = this.texts.find(address, hash);
    const text = known === NONE ? this.texts.add(address, hash) : known;
    if (text === NONE) return NONE;
    if (this.#first.length === 0) this.#widenMacs(64);
    const owner = mac + 1;
    const station = this.#rows.add(owner, text, this.#last[owner] - 1);
    if (station === NONE) return NONE;
    if (this.#rows.capacity > this.#flags.length) this.#widenStations(this.#rows.capacity);
    this.#firstMs[station] = Number.POSITIVE_INFINITY;
    this.#lastMs[station] = Number.NEGATIVE_INFINITY;
    if (this.#first[owner] === 0) this.#first[owner] = station + 1;
    this.#last[owner] = station + 1;
    this.#count[owner]++;
    return station;
  }

  #widenStations(n: number): void {
    this.#flags = widened(this.#flags, n);
    this.#flows = widened(this.#flows, n);
    this.#bytes = widened(this.#bytes, n);
    this.#firstMs = widened(this.#firstMs, n);
    this.#lastMs = widened(this.#lastMs, n);
    this.lists.widen(n);
  }

  /** Stations of a hardware address. */
  countOf(mac: number): number {
    return this.#count[mac + 1];
  }

  /** A flow of a station. */
  addFlow(station: number, bytes: number): void {
    this.#flows[station]++;
    this.#bytes[station] += bytes;
  }

  /** Times at which a station was seen; what is not a number moves no bound. */
  see(station: number, firstMs: number, lastMs: number): void {
    if (firstMs < this.#firstMs[station]) this.#firstMs[station] = firstMs;
    if (lastMs > this.#lastMs[station]) this.#lastMs[station] = lastMs;
  }

  seeFrame(mac: number, timeMs: number): void {
    const first = this.#frameFirstMs[mac];
    this.#frameFirstMs[mac] = Number.isNaN(first) ? timeMs : Math.min(first, timeMs);
    const last = this.#frameLastMs[mac];
    this.#frameLastMs[mac] = Number.isNaN(last) ? timeMs : Math.max(last, timeMs);
  }

  /** NONE for a station without one. */
  macOf(station: number): number {
    return this.#rows.owner(station) - 1;
  }

  address(station: number): string {
    return this.texts.text(this.#rows.value(station));
  }

  /** @param text the number of a text, `NO_ROW` for one that has none. */
  isAddress(station: number, text: number): boolean {
    return text === this.#rows.value(station);
  }

  claim(station: number): void {
    this.#flags[station] |= CLAIMED;
  }

  isClaimed(station: number): boolean {
    return (this.#flags[station] & CLAIMED) !== 0;
  }

  /** It contacted more others than are kept. */
  noteMorePeers(station: number): void {
    this.#flags[station] |= HAS_MORE_PEERS;
  }

  hasMorePeers(station: number): boolean {
    return (this.#flags[station] & HAS_MORE_PEERS) !== 0;
  }

  flows(station: number): number {
    return this.#flows[station];
  }

  bytes(station: number): number {
    return this.#bytes[station];
  }

  firstMs(station: number): number {
    return this.#firstMs[station];
  }

  lastMs(station: number): number {
    return this.#lastMs[station];
  }

  dhcpSigns(station: number): DhcpSigns {
    const known = this.dhcp.get(station);
    if (known !== undefined) return known;
    const signs: DhcpSigns = { options: undefined, vendorClass: undefined, clientId: undefined };
    this.dhcp.set(station, signs);
    return signs;
  }

  /** The texts of a list with how often each came, in the order in which they came. */
  *counts(station: number, list: number): Generator<[text: string, times: number]> {
    for (const [number, times] of this.lists.entries(station, list)) yield [this.#textOf(number, list), times];
  }

  #textOf(number: number, list: number): string {
    if (list === OFFERS || list === USES) return this.labels.text(number);
    if (list === NAMES) return `${NAME_SOURCES[number & 7]}\n${this.texts.text(number >>> 3)}`;
    return this.texts.text(number);
  }

  /** The texts of a list of a hardware address. */
  ofMac(mac: number, list: number): string[] {
    return Array.from(this.macLists.entries(mac, list), ([number]) => this.texts.text(number));
  }

  /** All hardware addresses with their stations, in the order in which they came. */
  records(): MacRecord[] {
    return Array.from({ length: this.macs.size }, (_, mac): MacRecord => {
      const firstMs = this.#frameFirstMs[mac];
      const lastMs = this.#frameLastMs[mac];
      return {
        mac: this.macs.text(mac),
        stations: this.#stationsOf(mac),
        carried: this.macLists.length(mac, CARRIED),
        frames: this.ofMac(mac, FRAMES),
        firstMs: Number.isNaN(firstMs) ? undefined : firstMs,
        lastMs: Number.isNaN(lastMs) ? undefined : lastMs,
      };
    });
  }

  /** Stations without a hardware address. */
  lone(): Station[] {
    return this.#stationsOf(NONE);
  }

  #stationsOf(mac: number): Station[] {
    const stations: Station[] = [];
    if (mac + 1 >= this.#first.length) return stations;
    for (let station = this.#first[mac + 1] - 1; station !== NONE; station = this.#rows.next(station))
      stations.push(new Station(this, station));
    return stations;
  }
}

/** One pair of hardware and network address, as the end of a run looks at it; either may be missing. */
export class Station {
  /** '' for what came before it had an address. */
  readonly address: string;
  readonly #table: StationTable;
  readonly #number: number;

  constructor(table: StationTable, number: number) {
    this.#table = table;
    this.#number = number;
    this.address = table.address(number);
  }

  get claimed(): boolean {
    return this.#table.isClaimed(this.#number);
  }

  get flows(): number {
    return this.#table.flows(this.#number);
  }

  get bytes(): number {
    return this.#table.bytes(this.#number);
  }

  get firstMs(): number {
    return this.#table.firstMs(this.#number);
  }

  get lastMs(): number {
    return this.#table.lastMs(this.#number);
  }

  get hasMorePeers(): boolean {
    return this.#table.hasMorePeers(this.#number);
  }

  get dhcp(): DhcpSigns | undefined {
    return this.#table.dhcp.get(this.#number);
  }

  get hours(): Float64Array | undefined {
    return this.#table.hours.get(this.#number);
  }

  /** See `StationTable.counts`. */
  counts(list: number): Iterable<[text: string, times: number]> {
    return this.#table.counts(this.#number, list);
  }
}

export interface MacRecord {
  readonly mac: string;
  readonly stations: readonly Station[];
  /** How many addresses outside it carried traffic of, at most MOST_CARRIED. */
  readonly carried: number;
  readonly frames: readonly string[];
  /** Of frames that belong to no flow. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
}

/** A device to be: a hardware address with the stations that are its own, or one address alone. */
export interface Device {
  readonly record: MacRecord | undefined;
  readonly stations: readonly Station[];
  readonly behind: string | undefined;
  /** Stations behind its hardware address that are not its own. */
  readonly others: number;
}

/**
 * Stations with an address that is rather that of another hardware address at the same time: a wireless card that carries the frames of virtual machines puts its own hardware address on them. What others call such
 * an address is no name of the card's.
 */
export function borrowedStations(devices: readonly Device[]): ReadonlySet<Station> {
  const byAddress = new Map<string, Station[]>();
  for (const { record, stations } of devices) {
    if (record === undefined) continue;
    for (const station of stations) {
      if (station.address === '') continue;
      const known = byAddress.get(station.address);
      if (known === undefined) byAddress.set(station.address, [station]);
      else known.push(station);
    }
  }
  const borrowed = new Set<Station>();
  const weightOf = ({ claimed, flows }: Station): number => (claimed ? 2 ** 40 : 0) + flows;
  for (const stations of byAddress.values()) {
    if (stations.length < 2) continue;
    for (const station of stations)
      if (
        stations.some(
          (other) =>
            weightOf(other) > weightOf(station) && other.firstMs <= station.lastMs && other.lastMs >= station.firstMs,
        )
      )
        borrowed.add(station);
  }
  return borrowed;
}

/** Which stations behind a hardware address are its own. */
export function ownStations({ carried, stations }: MacRecord): {
  readonly own: readonly Station[];
  readonly others: readonly Station[];
} {
  const isOwn = ({ claimed, address }: Station): boolean => claimed || address === '' || isLinkLocal(address);
  const open = stations.filter((station) => !isOwn(station));
  const v4 = open.filter(({ address }) => !address.includes(':')).length;
  const carries = carried >= 2 || v4 > MAX_UNCLAIMED;
  if (!carries) return { own: stations, others: [] };
  const claimed = stations.filter(isOwn);
  // A router that says nothing of itself has an address of its own all the same, where those behind it are few.
  if (open.length <= 2 && !claimed.some(({ address, claimed: said }) => said && address !== ''))
    return { own: stations, others: [] };
  return { own: claimed, others: open };
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address) || address.startsWith('169.254.');
}
