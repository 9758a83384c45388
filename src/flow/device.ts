import {
  type Few,
  type FewCounts,
  fewAdd,
  fewCounted,
  fewEntries,
  fewHas,
  fewKeys,
  fewKnows,
  fewMembers,
  fewSize,
  numberAt,
  type Table,
  textAt,
} from '../core/index.ts';
import { compareAddresses, parseAddress } from '../wire/index.ts';
import { type JoinCandidate, joinRotations } from './device-join.ts';
import { derivedFrom, isStationMac, type MacKind, macKind, virtualOwner } from './device-mac.ts';
import { guessRoles, MOST_CARRIED, type RoleGuess } from './device-role.ts';
import type { Vendor } from './device-vendor.ts';
import { mostFrequent } from './host.ts';
import { bindFlows, type FlowBatch } from './schema.ts';

/**
 * Devices told from flows: hardware addresses with what was seen of them, and home addresses for which no hardware address was seen.
 *
 * What is counted is a station: a pair of hardware and network address. Only at the end it is decided which addresses are a device's own: behind a router's hardware address are those of others. An address is
 * a device's own where it claimed it (ARP, DHCP), where it is link-local, or where its hardware address carries no other's traffic; all others behind a router are devices of their own, known by address alone.
 * Addresses outside the home network are no devices here; they only tell who carries their traffic.
 *
 * Bounded: stations, hardware addresses and texts each have a cap; at it new ones are refused and counted.
 */
export interface DeviceTableOptions {
  /** Stations, and as many hardware addresses. */
  readonly capacity: number;
  /** Texts (names, services, places) of all stations together. */
  readonly maxTexts: number;
}

export const DEFAULT_DEVICE_OPTIONS: DeviceTableOptions = { capacity: 16_384, maxTexts: 262_144 };

/** Stations of one hardware address: a router has many, and who makes addresses up must not fill the table for others. */
const MAX_STATIONS_PER_MAC = 4096;
/** Home addresses that a device may have without having claimed them before it is taken for a router. */
const MAX_UNCLAIMED = 6;
const MAX_PER_LIST = 64;
const MAX_NAMES = 16;
const MAX_FINGERPRINTS = 16;
const MAX_NAME_LENGTH = 255;
/** Addresses whose names DNS told. */
const MAX_DNS_NAMES = 8192;
/** Ports from here on are given to clients (RFC 6335 says 49,152; Linux takes them from 32,768 on). */
const EPHEMERAL_FROM = 32_768;
const WEEK_HOURS = 168;

export interface DeviceName {
  readonly name: string;
  /** Where it was said: DHCP, mDNS, NetBIOS, LLMNR, Windows, DNS, TLS, HTTP. */
  readonly source: string;
}

export interface DeviceAddress {
  readonly address: string;
  readonly firstMs: number;
  readonly lastMs: number;
  /** True where the device itself said that it is its own (ARP, DHCP). */
  readonly claimed: boolean;
}

/** Another hardware address that is taken for the same device's. */
export interface DeviceJoin {
  readonly mac: string;
  readonly firstMs: number;
  readonly lastMs: number;
  /** 0.6 to 1: how sure. */
  readonly score: number;
  readonly evidence: readonly string[];
}

export interface DeviceFacts {
  /** The hardware address, the latest where several were joined; undefined for a device known by address alone. */
  readonly mac: string | undefined;
  readonly macKind: MacKind | undefined;
  /** Software that gave the address, for a virtual one; the address it was made of, for a derived one. */
  readonly macOrigin: string | undefined;
  readonly vendor: Vendor | undefined;
  /** Earlier hardware addresses of the same device, latest first. */
  readonly joined: readonly DeviceJoin[];
  /** Latest first. */
  readonly addresses: readonly DeviceAddress[];
  /** Most often said first. */
  readonly names: readonly DeviceName[];
  /** What its software calls itself, most often first. */
  readonly software: readonly string[];
  readonly roles: readonly RoleGuess[];
  /** Hardware address of the router behind which it stands, where it is known by address alone. */
  readonly behind: string | undefined;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly flows: number;
  readonly bytes: number;
  /** As in 'http/80', 'tcp/5000', with the flows that were answered. */
  readonly offers: ReadonlyMap<string, number>;
  /** As in 'dns', 'tls', 'tcp/8009', with the flows. */
  readonly uses: ReadonlyMap<string, number>;
  /** Home addresses that it contacted. */
  readonly homePeers: readonly string[];
  /** Names, else addresses, outside that it contacted. */
  readonly places: readonly string[];
  /** True where it contacted more of either than is kept. */
  readonly hasMorePeers: boolean;
  /** Kinds of frames beside flows, as in 'LLDP'. */
  readonly frames: readonly string[];
  /** Flows by hour of the week from Monday 00:00; undefined where hours were not counted. */
  readonly hours: Float64Array | undefined;
}

/** One pair of hardware and network address; either may be missing. */
interface Station {
  readonly mac: MacRecord | undefined;
  /** '' for what came before it had an address. */
  readonly address: string;
  claimed: boolean;
  firstMs: number;
  lastMs: number;
  flows: number;
  bytes: number;
  names: FewCounts;
  software: FewCounts;
  offers: FewCounts;
  uses: FewCounts;
  homePeers: Few<string>;
  places: Few<string>;
  hasMorePeers: boolean;
  announced: Few<string>;
  fingerprints: Few<string>;
  dhcpOptions: string | undefined;
  vendorClass: string | undefined;
  clientId: string | undefined;
  hours: Float64Array | undefined;
}

interface MacRecord {
  readonly mac: string;
  /** The first station, while there is no other; by address where there are several. */
  stations: Station | Map<string, Station> | undefined;
  /** Addresses outside that it carried traffic of, at most MOST_CARRIED. */
  carried: Few<string>;
  frames: Few<string>;
  /** Of frames that belong to no flow. */
  firstMs: number | undefined;
  lastMs: number | undefined;
}

/** Where a `hostname` was said, by the flow's service. */
const NAME_SOURCES: Readonly<Record<string, string>> = {
  dhcp: 'DHCP',
  dhcpv6: 'DHCP',
  mdns: 'mDNS',
  llmnr: 'LLMNR',
  'netbios-ns': 'NetBIOS',
  'netbios-dgm': 'NetBIOS',
};

export interface DeviceContext {
  readonly isHome: (address: string) => boolean;
  /** Hour of the week of a time, 0 to 167 from Monday 00:00, -1 for none; hours are not counted where it is absent. */
  readonly hourOfWeek?: (epochMs: number) => number;
}

export class DeviceTable {
  readonly capacity: number;
  readonly maxTexts: number;
  /** Stations and hardware addresses that had no place, and texts. */
  refused = 0;
  refusedTexts = 0;
  #context: DeviceContext;
  #macs = new Map<string, MacRecord>();
  /** Stations without a hardware address, by address. */
  #lone = new Map<string, Station>();
  /** Stations in all. */
  #size = 0;
  #texts = 0;
  /** Names that DNS answers gave home addresses. */
  #dnsNames = new Map<string, Few<string>>();

  constructor(context: DeviceContext, options: Partial<DeviceTableOptions> = {}) {
    const { capacity, maxTexts } = { ...DEFAULT_DEVICE_OPTIONS, ...options };
    this.capacity = capacity;
    this.maxTexts = maxTexts;
    this.#context = context;
  }

  /** Takes the rows of a flow table. */
  observe(table: Table): void {
    const f = bindFlows(table);
    const ends = [
      new Ends(this, f.initiatorMac, f.initiator, this.#context.isHome),
      new Ends(this, f.responderMac, f.responder, this.#context.isHome),
    ] as const;
    for (let row = 0; row < table.rowCount; row++) {
      // A log may have no times; what is not a number moves no bound.
      const startMs = numberAt(f.startMs, row) ?? Number.NaN;
      const endMs = numberAt(f.endMs, row) ?? startMs;
      const isArp = textAt(f.protocol, row) === 'arp';
      const sent = numberAt(f.initiatorPackets, row);
      const answered = numberAt(f.responderPackets, row);
      const outcome = textAt(f.outcome, row);
      const from = sent === 0 ? undefined : ends[0].at(row, isArp);
      const hasAnswer = answered === undefined ? outcome === 'answered' : answered > 0;
      const to = hasAnswer ? ends[1].at(row, isArp) : undefined;
      const bytes = (f.initiatorBytes.values[row] || 0) + (f.responderBytes.values[row] || 0);
      if (from !== undefined) this.#touch(from, startMs, endMs, bytes);
      if (to !== undefined) this.#touch(to, startMs, endMs, bytes);
      if (isArp) {
        if (from !== undefined && from.mac !== undefined && from.address !== '') from.claimed = true;
        if (to !== undefined && to.mac !== undefined) to.claimed = true;
        continue;
      }
      if (from !== undefined) this.#used(from, f, row, hasAnswer, outcome === 'refused', ends[1].place(row));
      if (to !== undefined && outcome !== 'refused') this.#offered(to, f, row, outcome);
      if (f.dnsAnswers.codes[row] >= 0 && textAt(f.dnsAnswers, row) !== undefined) this.#resolved(f, row);
    }
  }

  /** A frame that belongs to no flow. @param mac its sender. @param kind as `otherFrameKind` has it. */
  observeFrame(mac: string, kind: string, timeMs: number): void {
    if (!isStationMac(mac)) return;
    const record = this.#macOf(mac);
    if (record === undefined) return;
    record.firstMs = Math.min(record.firstMs ?? timeMs, timeMs);
    record.lastMs = Math.max(record.lastMs ?? timeMs, timeMs);
    record.frames = this.#add(record.frames, kind, MAX_PER_LIST);
  }

  /** The station of a pair, made where it is new; undefined where there is no room. Used by the batch's own look-up. */
  station(mac: string | undefined, address: string): Station | undefined {
    const record = mac === undefined ? undefined : this.#macOf(mac);
    if (mac !== undefined && record === undefined) return undefined;
    const known = record === undefined ? this.#lone.get(address) : stationOf(record, address);
    if (known !== undefined) return known;
    if (this.#size >= this.capacity || (record !== undefined && stationCount(record) >= MAX_STATIONS_PER_MAC)) {
      this.refused++;
      return undefined;
    }
    this.#size++;
    const station: Station = {
      mac: record,
      address,
      claimed: false,
      firstMs: Number.POSITIVE_INFINITY,
      lastMs: Number.NEGATIVE_INFINITY,
      flows: 0,
      bytes: 0,
      names: undefined,
      software: undefined,
      offers: undefined,
      uses: undefined,
      homePeers: undefined,
      places: undefined,
      hasMorePeers: false,
      announced: undefined,
      fingerprints: undefined,
      dhcpOptions: undefined,
      vendorClass: undefined,
      clientId: undefined,
      hours: undefined,
    };
    if (record === undefined) this.#lone.set(address, station);
    else addStation(record, station);
    return station;
  }

  /** Notes that a hardware address carried traffic of an address outside. */
  carries(mac: string, address: string): void {
    const record = this.#macOf(mac);
    if (record !== undefined && fewSize(record.carried) < MOST_CARRIED)
      record.carried = fewAdd(record.carried, address);
  }

  #macOf(mac: string): MacRecord | undefined {
    const known = this.#macs.get(mac);
    if (known !== undefined) return known;
    if (this.#macs.size >= this.capacity) {
      this.refused++;
      return undefined;
    }
    const record: MacRecord = {
      mac,
      stations: undefined,
      carried: undefined,
      frames: undefined,
      firstMs: undefined,
      lastMs: undefined,
    };
    this.#macs.set(mac, record);
    return record;
  }

  #touch(station: Station, startMs: number, endMs: number, bytes: number): void {
    station.flows++;
    station.bytes += bytes;
    if (startMs < station.firstMs) station.firstMs = startMs;
    if (endMs > station.lastMs) station.lastMs = endMs;
    const hour = this.#context.hourOfWeek?.(startMs) ?? -1;
    if (hour < 0) return;
    station.hours ??= new Float64Array(WEEK_HOURS);
    station.hours[hour]++;
  }

  #used(station: Station, f: FlowBatch, row: number, hasAnswer: boolean, isRefused: boolean, place: number): void {
    const service = textAt(f.service, row);
    const protocol = textAt(f.protocol, row);
    const port = numberAt(f.responderPort, row);
    if (port !== undefined && !isRefused && (hasAnswer || protocol === 'udp')) {
      const name = service ?? (port >= EPHEMERAL_FROM ? undefined : portText(protocol, port));
      if (name !== undefined) station.uses = this.#count(station.uses, name);
    }
    if (hasAnswer && !station.hasMorePeers) this.#contacted(station, f, row, place);
    if (f.ja4.codes[row] >= 0) {
      const print = textAt(f.ja4, row);
      if (print !== undefined) station.fingerprints = this.#add(station.fingerprints, print, MAX_FINGERPRINTS);
    }
    const client = textAt(f.client, row);
    const name = textAt(f.hostname, row);
    const operations = textAt(f.operations, row);
    const isRelayed = operations?.includes('relayed for ') === true;
    if (client !== undefined && !isRelayed) station.software = this.#count(station.software, client);
    if (name !== undefined && name.length <= MAX_NAME_LENGTH && !isRelayed)
      station.names = this.#count(station.names, `${NAME_SOURCES[service ?? ''] ?? 'Windows'}\n${name}`, MAX_NAMES);
    if (operations === undefined) return;
    if (service === 'mdns') {
      for (const operation of operations.split(', '))
        if (operation.startsWith('announce '))
          station.announced = this.#add(station.announced, operation.slice(9), MAX_PER_LIST);
    } else if ((service === 'dhcp' || service === 'dhcpv6') && !isRelayed)
      this.#leased(station, f, row, operations, client);
  }

  /** DHCP tells the order of options of a client, its lease, and who gives leases. */
  #leased(station: Station, f: FlowBatch, row: number, operations: string, client: string | undefined): void {
    if (numberAt(f.initiatorPort, row) === 67) {
      station.offers = this.#count(station.offers, 'dhcp/67');
      return;
    }
    station.vendorClass ??= client;
    for (const operation of operations.split(', ')) {
      if (operation.startsWith('options ')) station.dhcpOptions ??= operation.slice(8);
      else if (operation.startsWith('client-id ')) station.clientId ??= operation.slice(10);
      else if (operation.startsWith('lease ') && station.mac !== undefined) {
        const address = operation.slice(6);
        const own = this.#context.isHome(address) ? this.station(station.mac.mac, address) : undefined;
        if (own === undefined) continue;
        own.claimed = true;
        const startMs = numberAt(f.startMs, row) ?? Number.NaN;
        const endMs = numberAt(f.endMs, row) ?? startMs;
        if (startMs < own.firstMs) own.firstMs = startMs;
        if (endMs > own.lastMs) own.lastMs = endMs;
      }
    }
  }

  #contacted(station: Station, f: FlowBatch, row: number, place: number): void {
    const address = textAt(f.responder, row);
    if (address === undefined || place === GROUP || place === NOBODY) return;
    if (place === HOME) {
      if (fewHas(station.homePeers, address)) return;
      if (fewSize(station.homePeers) >= MAX_PER_LIST) station.hasMorePeers = true;
      else station.homePeers = this.#add(station.homePeers, address, MAX_PER_LIST);
      return;
    }
    const name = textAt(f.serverName, row) ?? textAt(f.httpHost, row) ?? address;
    if (fewHas(station.places, name) || name.length > MAX_NAME_LENGTH) return;
    if (fewSize(station.places) >= MAX_PER_LIST) station.hasMorePeers = !fewHas(station.places, name.toLowerCase());
    else station.places = this.#add(station.places, name.toLowerCase(), MAX_PER_LIST);
  }

  #offered(station: Station, f: FlowBatch, row: number, outcome: string | undefined): void {
    const port = numberAt(f.responderPort, row);
    const service = textAt(f.service, row);
    if (port === undefined || (service === undefined && (port >= EPHEMERAL_FROM || outcome === 'unknown'))) return;
    station.offers = this.#count(station.offers, portText(service ?? textAt(f.protocol, row), port));
    const server = textAt(f.server, row);
    if (server !== undefined) station.software = this.#count(station.software, server);
    const name = textAt(f.serverName, row) ?? textAt(f.httpHost, row);
    if (
      name !== undefined &&
      name.length <= MAX_NAME_LENGTH &&
      name !== station.address &&
      /[a-z]/i.test(name) &&
      !name.includes(':')
    )
      station.names = this.#count(
        station.names,
        `${textAt(f.serverName, row) === undefined ? 'HTTP' : 'TLS'}\n${name}`,
        MAX_NAMES,
      );
  }

  /** Names of home addresses in answers of DNS. */
  #resolved(f: FlowBatch, row: number): void {
    const type = textAt(f.dnsType, row);
    const query = textAt(f.dnsQuery, row);
    const answers = textAt(f.dnsAnswers, row);
    if (query === undefined || answers === undefined || query.length > MAX_NAME_LENGTH) return;
    if (type === 'PTR') {
      const address = reverseAddress(query);
      const [name = ''] = answersOf(answers);
      if (address !== undefined && name !== '' && this.#context.isHome(address))
        this.#dnsName(address, name.replace(/\.$/, ''));
    } else if (type === 'A' || type === 'AAAA') {
      for (const answer of answersOf(answers)) if (this.#context.isHome(answer)) this.#dnsName(answer, query);
    }
  }

  #dnsName(address: string, name: string): void {
    const known = this.#dnsNames.get(address);
    if (known === undefined && this.#dnsNames.size >= MAX_DNS_NAMES) {
      this.refusedTexts++;
      return;
    }
    const names = this.#add(known, name, MAX_NAMES);
    if (names !== known) this.#dnsNames.set(address, names);
  }

  #count(counts: FewCounts, text: string, most = MAX_PER_LIST): FewCounts {
    if (!fewKnows(counts, text) && !this.#admits(fewKeys(counts), most)) return counts;
    return fewCounted(counts, text);
  }

  #add(set: Few<string>, text: string, most: number): Few<string> {
    if (fewHas(set, text) || !this.#admits(fewSize(set), most)) return set;
    return fewAdd(set, text);
  }

  #admits(size: number, most: number): boolean {
    if (size >= most) return false;
    if (this.#texts >= this.maxTexts) {
      this.refusedTexts++;
      return false;
    }
    this.#texts++;
    return true;
  }

  /** All devices, earliest address first (IPv4, IPv6, then those without). @param vendorOf of a hardware address in lower case. */
  finish(vendorOf: (mac: string) => Vendor | undefined = () => undefined): DeviceFacts[] {
    return this.first(Number.POSITIVE_INFINITY, vendorOf).devices;
  }

  /** The first devices in that order, and how many there are in all: only of those that are asked for the facts are put together. */
  first(
    most: number,
    vendorOf: (mac: string) => Vendor | undefined,
  ): { readonly devices: DeviceFacts[]; readonly count: number } {
    const made: Device[] = [];
    for (const record of this.#macs.values()) {
      const { own, others } = ownStations(record);
      if (own.length > 0 || record.frames !== undefined || record.stations !== undefined)
        made.push({ record, stations: own, behind: undefined, others: others.length });
      for (const station of others)
        made.push({ record: undefined, stations: [station], behind: record.mac, others: 0 });
    }
    for (const station of this.#lone.values())
      made.push({ record: undefined, stations: [station], behind: undefined, others: 0 });
    // A mirror of both sides of a router shows an address with its own hardware address and again behind the router's: it is one device.
    const owned = new Set(
      made.flatMap(({ record, stations }) => (record === undefined ? [] : stations.map(({ address }) => address))),
    );
    const seen = new Set<string>();
    const devices = made.filter(({ record, stations: [station] }) => {
      if (record !== undefined || station === undefined) return true;
      if (owned.has(station.address) || seen.has(station.address)) return false;
      seen.add(station.address);
      return true;
    });
    const isSeen = (mac: string): boolean => this.#macs.has(mac);
    const borrowed = borrowedStations(devices);
    const factsOf = (device: Device): DeviceFacts => this.#facts(device, vendorOf, isSeen, borrowed);
    const { randomised = [], others: lasting = [] } = Object.groupBy(devices, ({ record }) =>
      record !== undefined && macKind(record.mac, vendorOf(record.mac) !== undefined, isSeen) === 'randomised'
        ? 'randomised'
        : 'others',
    );
    const listed = [
      ...lasting.map((device): Listed => {
        const keys = device.stations.flatMap(({ address }) => (address === '' ? [] : [addressKey(address)]));
        return listedBy(keys, device.record?.mac, () => factsOf(device));
      }),
      ...joined(randomised, randomised.map(factsOf)).map(
        (facts): Listed =>
          listedBy(
            facts.addresses.map(({ address }) => addressKey(address)),
            facts.mac,
            () => facts,
          ),
      ),
    ].sort((a, b) => compareText(a.key, b.key) || compareText(a.mac, b.mac));
    return { devices: listed.slice(0, most).map(({ facts }) => facts()), count: listed.length };
  }

  #facts(
    device: Device,
    vendorOf: (mac: string) => Vendor | undefined,
    isSeen: (mac: string) => boolean,
    borrowed: ReadonlySet<Station>,
  ): DeviceFacts {
    const { record, stations, behind, others } = device;
    const mac = record?.mac;
    const vendor = mac === undefined ? undefined : vendorOf(mac);
    const kind = mac === undefined ? undefined : macKind(mac, vendor !== undefined, isSeen);
    const names = sums(stations.map((station) => fewEntries(station.names)));
    for (const station of stations) {
      if (borrowed.has(station)) continue;
      for (const name of fewMembers(this.#dnsNames.get(station.address)))
        names.set(`DNS\n${name}`, (names.get(`DNS\n${name}`) ?? 0) + 1);
    }
    const offers = sums(stations.map((station) => fewEntries(station.offers)));
    const uses = sums(stations.map((station) => fewEntries(station.uses)));
    const software = mostFrequent(sums(stations.map((station) => fewEntries(station.software))), MAX_NAMES);
    const listed = namesOf(names);
    const hours = this.#context.hourOfWeek === undefined ? undefined : new Float64Array(WEEK_HOURS);
    if (hours !== undefined)
      for (const station of stations) for (let h = 0; h < WEEK_HOURS; h++) hours[h] += station.hours?.[h] ?? 0;
    const addresses = stations
      .filter(({ address }) => address !== '')
      .map(({ address, firstMs, lastMs, claimed }): DeviceAddress => ({ address, firstMs, lastMs, claimed }))
      .sort((a, b) => b.lastMs - a.lastMs || compareAddresses(a.address, b.address));
    const places = union(stations.map((station) => station.places));
    const homePeers = union(stations.map((station) => station.homePeers));
    return {
      mac,
      macKind: kind,
      macOrigin:
        mac === undefined
          ? undefined
          : (virtualOwner(mac) ?? (kind === 'derived' ? derivedFrom(mac, isSeen) : undefined)),
      vendor,
      joined: [],
      addresses,
      names: listed,
      software,
      roles: guessRoles({
        vendor: vendor?.name,
        virtualOwner: mac === undefined ? undefined : virtualOwner(mac),
        isRandomised: kind === 'randomised',
        carriedOutside: fewSize(record?.carried),
        carriedHome: others,
        offered: new Set(offers.keys()),
        announced: union(stations.map((station) => station.announced)),
        used: new Set(uses.keys()),
        names: listed.map(({ name }) => name),
        software,
        frames: new Set(fewMembers(record?.frames)),
      }),
      behind,
      firstMs: Math.min(record?.firstMs ?? Number.POSITIVE_INFINITY, ...stations.map(({ firstMs }) => firstMs)),
      lastMs: Math.max(record?.lastMs ?? Number.NEGATIVE_INFINITY, ...stations.map(({ lastMs }) => lastMs)),
      flows: stations.reduce((n, { flows }) => n + flows, 0),
      bytes: stations.reduce((n, station) => n + station.bytes, 0),
      offers,
      uses,
      homePeers: [...homePeers].sort(compareAddresses),
      places: [...places].sort(),
      hasMorePeers: stations.some((station) => station.hasMorePeers),
      frames: [...fewMembers(record?.frames)].sort(),
      hours,
    };
  }
}

/** Names that a device gives itself, against those that others call it by. */
const OWN_SOURCES = new Set(['DHCP', 'mDNS', 'NetBIOS', 'LLMNR', 'Windows']);

interface Device {
  readonly record: MacRecord | undefined;
  readonly stations: readonly Station[];
  readonly behind: string | undefined;
  /** Stations behind its hardware address that are not its own. */
  readonly others: number;
}

function stationOf({ stations }: MacRecord, address: string): Station | undefined {
  if (stations instanceof Map) return stations.get(address);
  return stations?.address === address ? stations : undefined;
}

function stationCount({ stations }: MacRecord): number {
  if (stations instanceof Map) return stations.size;
  return stations === undefined ? 0 : 1;
}

function stationsOf({ stations }: MacRecord): Station[] {
  if (stations instanceof Map) return [...stations.values()];
  return stations === undefined ? [] : [stations];
}

function addStation(record: MacRecord, station: Station): void {
  const { stations } = record;
  if (stations instanceof Map) stations.set(station.address, station);
  else if (stations === undefined) record.stations = station;
  else
    record.stations = new Map([
      [stations.address, stations],
      [station.address, station],
    ]);
}

/** Made-up hardware addresses put together where they are of one device; the latest stands for it. */
function joined(devices: readonly Device[], facts: readonly DeviceFacts[]): DeviceFacts[] {
  const candidates = facts.map(({ mac = '', firstMs, lastMs, names, places }, i): JoinCandidate => {
    const stations = devices[i]?.stations ?? [];
    return {
      mac,
      firstMs,
      lastMs,
      names: new Set(
        names
          .filter(({ source }) => OWN_SOURCES.has(source))
          .map(({ name }) => name.toLowerCase().replace(/\.local$/, '')),
      ),
      clientId: stations.find((station) => station.clientId !== undefined)?.clientId,
      dhcpOptions: stations.find((station) => station.dhcpOptions !== undefined)?.dhcpOptions,
      vendorClass: stations.find((station) => station.vendorClass !== undefined)?.vendorClass,
      fingerprints: union(stations.map((station) => station.fingerprints)),
      places: new Set(places),
    };
  });
  const earlierOf = new Map<
    number,
    { readonly index: number; readonly score: number; readonly evidence: readonly string[] }
  >();
  const gone = new Set<number>();
  for (const { earlier, later, score, evidence } of joinRotations(candidates)) {
    earlierOf.set(later, { index: earlier, score, evidence });
    gone.add(earlier);
  }
  return facts.flatMap((own, i) => {
    if (gone.has(i)) return [];
    let device = own;
    const joins: DeviceJoin[] = [];
    for (let next = earlierOf.get(i); next !== undefined; next = earlierOf.get(next.index)) {
      const before = facts[next.index];
      if (before === undefined) break;
      const { mac = '', firstMs, lastMs } = before;
      joins.push({ mac, firstMs, lastMs, score: next.score, evidence: next.evidence });
      device = together(device, before);
    }
    return [joins.length === 0 ? own : { ...device, joined: joins }];
  });
}

/** A device and where it stands in the list; its facts are put together when they are asked for. */
interface Listed {
  readonly key: string;
  readonly mac: string;
  readonly facts: () => DeviceFacts;
}

function listedBy(keys: readonly string[], mac: string | undefined, facts: () => DeviceFacts): Listed {
  const [first = addressKey(mac ?? '')] = keys.toSorted(compareText);
  return { key: first, mac: mac ?? '', facts };
}

/** Orders as `compareAddresses` does, as a text, so that an address is taken apart once and not for every comparison. */
function addressKey(address: string): string {
  const parsed = parseAddress(address);
  if (parsed === undefined) return `2${address}`;
  const words = Array.from(parsed.words, (word) => (word >>> 0).toString(16).padStart(8, '0'));
  return `${parsed.isV6 ? 1 : 0}${words.join('')}${address}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Stations with an address that is rather that of another hardware address at the same time: a wireless card that carries the frames of virtual machines puts its own hardware address on them. What others call such
 * an address is no name of the card's.
 */
function borrowedStations(devices: readonly Device[]): ReadonlySet<Station> {
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
function ownStations(record: MacRecord): { readonly own: Station[]; readonly others: Station[] } {
  const { carried } = record;
  const stations = stationsOf(record);
  const isOwn = ({ claimed, address }: Station): boolean => claimed || address === '' || isLinkLocal(address);
  const open = stations.filter((station) => !isOwn(station));
  const v4 = open.filter(({ address }) => !address.includes(':')).length;
  const carries = fewSize(carried) >= 2 || v4 > MAX_UNCLAIMED;
  if (!carries) return { own: stations, others: [] };
  const claimed = stations.filter(isOwn);
  // A router that says nothing of itself has an address of its own all the same, where those behind it are few.
  if (open.length <= 2 && !claimed.some(({ address, claimed: said }) => said && address !== ''))
    return { own: stations, others: [] };
  return { own: claimed, others: open };
}

/** The stations of one side of a batch: looked up once for each pair that stands side by side in it. */
class Ends {
  #table: DeviceTable;
  #macs: FlowBatch['initiatorMac'];
  #addresses: FlowBatch['initiator'];
  #isHome: (address: string) => boolean;
  /** By code of the address: code of the hardware address plus one that its station was found with, and the station. */
  #withMac: Int32Array;
  #stations: (Station | undefined)[];
  #station: Int8Array;
  #place: Int8Array;

  constructor(
    table: DeviceTable,
    macs: FlowBatch['initiatorMac'],
    addresses: FlowBatch['initiator'],
    isHome: (address: string) => boolean,
  ) {
    this.#table = table;
    this.#macs = macs;
    this.#addresses = addresses;
    this.#isHome = isHome;
    this.#withMac = new Int32Array(addresses.dictionary.length).fill(-1);
    this.#stations = new Array<Station | undefined>(addresses.dictionary.length).fill(undefined);
    this.#station = new Int8Array(macs.dictionary.length);
    this.#place = new Int8Array(addresses.dictionary.length);
  }

  /** What kind of address a row has on this side. */
  place(row: number): number {
    const code = this.#addresses.codes[row];
    if (code < 0 || code >= this.#place.length) return NOBODY;
    return this.#place[code] === 0 ? this.#placeOf(code, this.#addresses.dictionary[code] ?? '') : this.#place[code];
  }

  #placeOf(code: number, address: string): number {
    const place = isGroup(address) ? GROUP : isNobody(address) ? NOBODY : this.#isHome(address) ? HOME : OUTSIDE;
    this.#place[code] = place;
    return place;
  }

  /** @param claims whether the row itself says whose address it is (ARP), so that also addresses outside are stations. */
  at(row: number, claims: boolean): Station | undefined {
    const mac = textAt(this.#macs, row);
    const macCode = mac === undefined ? 0 : this.#macs.codes[row] + 1;
    if (mac !== undefined && this.#station[macCode - 1] === 0) this.#station[macCode - 1] = isStationMac(mac) ? 1 : 2;
    const isStation = mac !== undefined && this.#station[macCode - 1] === 1;
    const address = textAt(this.#addresses, row);
    if (address === undefined) return isStation ? this.#table.station(mac, '') : undefined;
    const code = this.#addresses.codes[row];
    const place = this.#place[code] === 0 ? this.#placeOf(code, address) : this.#place[code];
    if (place === GROUP) return undefined;
    if (place === NOBODY) return isStation ? this.#table.station(mac, '') : undefined;
    if (place === OUTSIDE) {
      if (claims) return isStation ? this.#table.station(mac, address) : undefined;
      if (isStation && this.#withMac[code] !== macCode) this.#table.carries(mac, address);
      this.#withMac[code] = macCode;
      return undefined;
    }
    if (this.#withMac[code] === macCode) return this.#stations[code];
    const station = isStation ? this.#table.station(mac, address) : this.#table.station(undefined, address);
    this.#withMac[code] = macCode;
    this.#stations[code] = station;
    return station;
  }
}

const HOME = 1;
const OUTSIDE = 2;
const GROUP = 3;
const NOBODY = 4;

/** 'tcp/8009', made once for each: a text that is joined anew has to be hashed anew. */
function portText(protocol: string | undefined, port: number): string {
  const texts = PORT_TEXTS.get(protocol ?? '') ?? [];
  if (texts.length === 0) {
    // Names of services are a closed set, but for those of plugins.
    if (PORT_TEXTS.size > 256) PORT_TEXTS.clear();
    PORT_TEXTS.set(protocol ?? '', texts);
  }
  let text = texts[port];
  if (text === undefined) {
    text = `${protocol ?? ''}/${port}`;
    texts[port] = text;
  }
  return text;
}

const PORT_TEXTS = new Map<string, string[]>();

function isNobody(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function isGroup(address: string): boolean {
  const head = address.charCodeAt(0) | 32;
  if (head === 0x66) return (address.charCodeAt(1) | 32) === 0x66 && address.includes(':');
  if (head !== 0x32 || address.includes(':')) return false;
  if (address === '255.255.255.255') return true;
  const first = Number(address.slice(0, address.indexOf('.')));
  return first >= 224 && first < 240;
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address) || address.startsWith('169.254.');
}

/** Data of answers: packets give 'A 10.0.0.8, A 10.0.0.9', logs may leave the type away. */
function answersOf(text: string): string[] {
  return text.split(',', MAX_NAMES).map((answer) => answer.trim().replace(/^[A-Z0-9]+ /, ''));
}

/** 4.3.2.1.in-addr.arpa or the like of ip6.arpa as the address; undefined for other names. */
function reverseAddress(name: string): string | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  return v4 === null ? undefined : `${v4[4]}.${v4[3]}.${v4[2]}.${v4[1]}`;
}

function sums(counts: readonly Iterable<readonly [string, number]>[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const some of counts) for (const [key, n] of some) all.set(key, (all.get(key) ?? 0) + n);
  return all;
}

function union(sets: readonly Few<string>[]): Set<string> {
  const all = new Set<string>();
  for (const set of sets) for (const text of fewMembers(set)) all.add(text);
  return all;
}

/** Own names before those that others use, most often said first; a name that several sources give is told by the best of them. */
function namesOf(counts: ReadonlyMap<string, number>): DeviceName[] {
  const names = new Map<string, DeviceName & { readonly count: number }>();
  for (const key of [...counts.keys()].sort()) {
    const cut = key.indexOf('\n');
    const source = key.slice(0, cut);
    const name = key.slice(cut + 1);
    const known = names.get(name.toLowerCase());
    const count = (counts.get(key) ?? 0) + (known?.count ?? 0);
    names.set(
      name.toLowerCase(),
      known !== undefined && rankOf(known.source) <= rankOf(source) ? { ...known, count } : { name, source, count },
    );
  }
  return [...names.values()]
    .sort((a, b) => rankOf(a.source) - rankOf(b.source) || b.count - a.count || (a.name < b.name ? -1 : 1))
    .slice(0, MAX_NAMES)
    .map(({ name, source }) => ({ name, source }));
}

const SOURCES = ['DHCP', 'NetBIOS', 'Windows', 'mDNS', 'LLMNR', 'DNS', 'TLS', 'HTTP'];

function rankOf(source: string): number {
  const at = SOURCES.indexOf(source);
  return at < 0 ? SOURCES.length : at;
}

/** A device with what an earlier address of it did. */
function together(later: DeviceFacts, earlier: DeviceFacts): DeviceFacts {
  const names = [
    ...later.names,
    ...earlier.names.filter(({ name }) => !later.names.some((own) => own.name.toLowerCase() === name.toLowerCase())),
  ];
  return {
    ...later,
    addresses: [...later.addresses, ...earlier.addresses],
    names: names.slice(0, MAX_NAMES),
    software: [...new Set([...later.software, ...earlier.software])].slice(0, MAX_NAMES),
    firstMs: Math.min(later.firstMs, earlier.firstMs),
    flows: later.flows + earlier.flows,
    bytes: later.bytes + earlier.bytes,
    offers: sums([later.offers, earlier.offers]),
    uses: sums([later.uses, earlier.uses]),
    homePeers: [...new Set([...later.homePeers, ...earlier.homePeers])].sort(compareAddresses),
    places: [...new Set([...later.places, ...earlier.places])].sort(),
    hasMorePeers: later.hasMorePeers || earlier.hasMorePeers,
    hours: later.hours?.map((n, h) => n + (earlier.hours?.[h] ?? 0)),
  };
}
