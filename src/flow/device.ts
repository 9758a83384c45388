import {
  type Few,
  type FewCounts,
  fewAdd,
  fewCounted,
  fewHas,
  fewKeys,
  fewKnows,
  fewMembers,
  fewRaised,
  fewSize,
  numberAt,
  type Table,
  textAt,
} from '../core/index.ts';
import { Ends, GROUP, HOME, NOBODY } from './device-end.ts';
import type { DeviceFacts } from './device-fact.ts';
import { listDevices, MAX_NAMES, WEEK_HOURS } from './device-list.ts';
import { isStationMac } from './device-mac.ts';
import { MOST_CARRIED } from './device-role.ts';
import { addStation, type MacRecord, type Station, stationCount, stationOf } from './device-station.ts';
import type { Vendor } from './device-vendor.ts';
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

const MAX_PER_LIST = 64;
const MAX_FINGERPRINTS = 16;
const MAX_LEASES = 16;
const MAX_NAME_LENGTH = 255;
/** Addresses whose names DNS told. */
const MAX_DNS_NAMES = 8192;
/** Ports from here on are given to clients (RFC 6335 says 49,152; Linux takes them from 32,768 on). */
const EPHEMERAL_FROM = 32_768;

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
    const isArp = flagsOf(f.protocol.dictionary, 'arp');
    for (let row = 0; row < table.rowCount; row++) this.#observeRow(f, row, ends[0], ends[1], isArp);
  }

  #observeRow(f: FlowBatch, row: number, initiators: Ends, responders: Ends, arps: Uint8Array): void {
    // A log may have no times; what is not a number moves no bound.
    const startMs = numberAt(f.startMs, row) ?? Number.NaN;
    const endMs = numberAt(f.endMs, row) ?? startMs;
    const protocol = f.protocol.codes[row];
    const isArp = protocol >= 0 && arps[protocol] === 1;
    const sent = numberAt(f.initiatorPackets, row);
    const answered = numberAt(f.responderPackets, row);
    const outcome = textAt(f.outcome, row);
    const from = sent === 0 ? undefined : initiators.at(row, isArp);
    const hasAnswer = answered === undefined ? outcome === 'answered' : answered > 0;
    const to = hasAnswer ? responders.at(row, isArp) : undefined;
    const bytes = (f.initiatorBytes.values[row] || 0) + (f.responderBytes.values[row] || 0);
    if (from !== undefined) this.#touch(from, startMs, endMs, bytes);
    if (to !== undefined) this.#touch(to, startMs, endMs, bytes);
    if (isArp) {
      if (from !== undefined && from.mac !== undefined && from.address !== '') from.claimed = true;
      if (to !== undefined && to.mac !== undefined) to.claimed = true;
      return;
    }
    if (from !== undefined) this.#used(from, f, row, hasAnswer, outcome === 'refused', responders.place(row));
    if (to !== undefined && outcome !== 'refused') this.#offered(to, f, row, outcome);
    if (f.dnsAnswers.codes[row] >= 0) this.#resolved(f, row);
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
      leases: undefined,
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
    const givesLeases = service === 'dhcp' && numberAt(f.initiatorPort, row) === 67;
    if (port !== undefined && !isRefused && !givesLeases && (hasAnswer || protocol === 'udp')) {
      const name = service ?? (port >= EPHEMERAL_FROM ? undefined : portText(protocol, port));
      if (name !== undefined) station.uses = this.#count(station.uses, name);
    }
    if (hasAnswer && !station.hasMorePeers) this.#contacted(station, f, row, place);
    if (f.ja4.codes[row] >= 0) {
      const print = textAt(f.ja4, row);
      if (print !== undefined) station.fingerprints = this.#add(station.fingerprints, print, MAX_FINGERPRINTS);
    }
    const leases = service === 'dhcp' || service === 'dhcpv6';
    if (f.client.codes[row] < 0 && f.hostname.codes[row] < 0 && !leases && service !== 'mdns') return;
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
    } else if (givesLeases && !isRelayed) this.#gave(station, f, row, operations);
    else if (leases && !isRelayed) this.#leased(station, f, row, operations, client);
  }

  /** Who gives leases, and to whom. */
  #gave(server: Station, f: FlowBatch, row: number, operations: string): void {
    server.offers = this.#count(server.offers, 'dhcp/67');
    const mac = textAt(f.responderMac, row);
    const record = mac === undefined || !isStationMac(mac) ? undefined : this.#macOf(mac);
    if (record === undefined) return;
    for (const operation of operations.split(', '))
      if (operation.startsWith('lease ') && this.#context.isHome(operation.slice(6)))
        record.leases = this.#add(record.leases, operation.slice(6), MAX_LEASES);
  }

  /** An answer that went to a hardware address gave it the address where it also asked without one; else it may be the router's behind which somebody renews. */
  #claimLeases(): void {
    for (const record of this.#macs.values()) {
      const asked = record.leases === undefined ? undefined : stationOf(record, '');
      if (asked === undefined || !fewKnows(asked.uses, 'dhcp')) continue;
      for (const address of fewMembers(record.leases)) {
        const own = this.station(record.mac, address);
        if (own === undefined) continue;
        own.claimed = true;
        if (own.flows > 0) continue;
        own.firstMs = Math.min(own.firstMs, asked.firstMs);
        own.lastMs = Math.max(own.lastMs, asked.lastMs);
      }
    }
  }

  /** DHCP tells the order of options of a client, and its lease. */
  #leased(station: Station, f: FlowBatch, row: number, operations: string, client: string | undefined): void {
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
      let from = 0;
      for (let n = 0; n < MAX_NAMES && from <= answers.length; n++) {
        const comma = answers.indexOf(',', from);
        const to = comma < 0 ? answers.length : comma;
        const answer = answerIn(answers, from, to);
        if (this.#context.isHome(answer)) this.#dnsName(answer, query);
        from = to + 1;
      }
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
    return fewRaised(counts, text) || !this.#admits(fewKeys(counts), most) ? counts : fewCounted(counts, text);
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

  /** The first devices in that order, and how many there are in all. */
  first(
    most: number,
    vendorOf: (mac: string) => Vendor | undefined,
  ): { readonly devices: DeviceFacts[]; readonly count: number } {
    this.#claimLeases();
    const held = {
      macs: this.#macs,
      lone: this.#lone,
      dnsNames: this.#dnsNames,
      countsHours: this.#context.hourOfWeek !== undefined,
    };
    return listDevices(held, most, vendorOf);
  }
}

/** 1 for each text of a dictionary that is the one asked for. */
function flagsOf(dictionary: readonly string[], text: string): Uint8Array {
  const flags = new Uint8Array(dictionary.length);
  for (let code = 0; code < dictionary.length; code++) if (dictionary[code] === text) flags[code] = 1;
  return flags;
}

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

/** Data of answers: packets give 'A 10.0.0.8, A 10.0.0.9', logs may leave the type away. */
function answersOf(text: string): string[] {
  return text.split(',', MAX_NAMES).map((answer) => answerIn(answer, 0, answer.length));
}

/** The data of the answer that stands in `text[begin, end)`, without its type. */
function answerIn(text: string, begin: number, end: number): string {
  let from = begin;
  while (from < end && text.charCodeAt(from) === 0x20) from++;
  if (from < end && (isOdd(text.charCodeAt(from)) || isOdd(text.charCodeAt(end - 1))))
    return text
      .slice(from, end)
      .trim()
      .replace(/^[A-Z0-9]+ /, '');
  let at = from;
  while (at < end && isOfType(text.charCodeAt(at))) at++;
  return text.slice(at > from && text.charCodeAt(at) === 0x20 && at < end ? at + 1 : from, end);
}

/** Whether a character may be white space. */
function isOdd(code: number): boolean {
  return code <= 0x20 || code >= 0x80;
}

function isOfType(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39);
}

/** 4.3.2.1.in-addr.arpa or the like of ip6.arpa as the address; undefined for other names. */
function reverseAddress(name: string): string | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  return v4 === null ? undefined : `${v4[4]}.${v4[3]}.${v4[2]}.${v4[1]}`;
}
