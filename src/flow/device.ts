import { NO_ROW, numberAt, ownText, type Table, TextHashes, TextNumbering, TextTable, textAt } from '../core/index.ts';
import { CountedLists } from './counted-lists.ts';
import { Ends, GROUP, HOME, NOBODY } from './device-end.ts';
import type { DeviceFacts } from './device-fact.ts';
import { listDevices, MAX_NAMES, WEEK_HOURS } from './device-list.ts';
import { isStationMac } from './device-mac.ts';
import { MOST_CARRIED } from './device-role.ts';
import {
  ANNOUNCED,
  CARRIED,
  FINGERPRINTS,
  FRAMES,
  HOME_PEERS,
  LEASES,
  NAMES,
  type NameSource,
  NONE,
  nameNumber,
  OFFERS,
  PLACES,
  SOFTWARE,
  StationTable,
  USES,
} from './device-station.ts';
import type { Vendor } from './device-vendor.ts';
import { AnswersOf, dataOf } from './dns-answers.ts';
import { type LabelColumns, NO_LABEL } from './port-label.ts';
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
const NAME_SOURCES: ReadonlyMap<string, NameSource> = new Map([
  ['dhcp', 'DHCP'],
  ['dhcpv6', 'DHCP'],
  ['mdns', 'mDNS'],
  ['llmnr', 'LLMNR'],
  ['netbios-ns', 'NetBIOS'],
  ['netbios-dgm', 'NetBIOS'],
]);

export interface DeviceContext {
  readonly isHome: (address: string) => boolean;
  /** Hour of the week of a time, 0 to 167 from Monday 00:00, -1 for none; hours are not counted where it is absent. */
  readonly hourOfWeek?: (epochMs: number) => number;
}

/** A batch with the numbers of its texts. */
interface Batch {
  readonly flows: FlowBatch;
  readonly initiators: Ends;
  readonly responders: Ends;
  /** 1 for each code of a protocol that is ARP. */
  readonly arps: Uint8Array;
  readonly labels: LabelColumns;
  readonly addresses: TextNumbering;
  readonly queries: TextNumbering;
  readonly answers: AnswersOf;
  readonly serverNames: TextNumbering;
  readonly httpHosts: TextNumbering;
  readonly hostnames: TextNumbering;
  readonly clients: TextNumbering;
  readonly servers: TextNumbering;
  readonly fingerprints: TextNumbering;
}

export class DeviceTable {
  readonly capacity: number;
  readonly maxTexts: number;
  /** Stations and hardware addresses that had no place, and texts. */
  refused = 0;
  refusedTexts = 0;
  #context: DeviceContext;
  #stations = new StationTable();
  #texts = 0;
  /** Home addresses that DNS answers gave names, and the numbers of those. */
  #dnsHosts = new TextTable();
  #dnsNames = new CountedLists(1);

  constructor(context: DeviceContext, options: Partial<DeviceTableOptions> = {}) {
    const { capacity, maxTexts } = { ...DEFAULT_DEVICE_OPTIONS, ...options };
    this.capacity = capacity;
    this.maxTexts = maxTexts;
    this.#context = context;
  }

  /** Takes the rows of a flow table. */
  observe(table: Table): void {
    const f = bindFlows(table);
    const { labels, texts } = this.#stations;
    const batch: Batch = {
      flows: f,
      initiators: new Ends(this, f.initiatorMac, f.initiator, this.#context.isHome),
      responders: new Ends(this, f.responderMac, f.responder, this.#context.isHome),
      arps: flagsOf(f.protocol.dictionary, 'arp'),
      labels: labels.columns(f.service, f.protocol, ''),
      addresses: new TextNumbering(texts, f.responder, new TextHashes(f.responder)),
      queries: new TextNumbering(texts, f.dnsQuery),
      answers: AnswersOf.column(f.dnsAnswers),
      serverNames: new TextNumbering(texts, f.serverName),
      httpHosts: new TextNumbering(texts, f.httpHost),
      hostnames: new TextNumbering(texts, f.hostname),
      clients: new TextNumbering(texts, f.client),
      servers: new TextNumbering(texts, f.server),
      fingerprints: new TextNumbering(texts, f.ja4),
    };
    for (let row = 0; row < table.rowCount; row++) this.#observeRow(batch, row);
  }

  #observeRow(batch: Batch, row: number): void {
    const { flows: f, initiators, responders, arps } = batch;
    // A log may have no times; what is not a number moves no bound.
    const startMs = numberAt(f.startMs, row) ?? Number.NaN;
    const endMs = numberAt(f.endMs, row) ?? startMs;
    const protocol = f.protocol.codes[row];
    const isArp = protocol >= 0 && arps[protocol] === 1;
    const sent = numberAt(f.initiatorPackets, row);
    const answered = numberAt(f.responderPackets, row);
    const outcome = textAt(f.outcome, row);
    const from = sent === 0 ? NONE : initiators.at(row, isArp);
    const hasAnswer = answered === undefined ? outcome === 'answered' : answered > 0;
    const to = hasAnswer ? responders.at(row, isArp) : NONE;
    const bytes = (f.initiatorBytes.values[row] || 0) + (f.responderBytes.values[row] || 0);
    if (from !== NONE) this.#touch(from, startMs, endMs, bytes);
    if (to !== NONE) this.#touch(to, startMs, endMs, bytes);
    if (isArp) {
      const stations = this.#stations;
      if (from !== NONE && stations.macOf(from) !== NONE && stations.address(from) !== '') stations.claim(from);
      if (to !== NONE && stations.macOf(to) !== NONE) stations.claim(to);
      return;
    }
    if (from !== NONE) this.#used(from, batch, row, hasAnswer, outcome === 'refused', responders.place(row));
    if (to !== NONE && outcome !== 'refused') this.#offered(to, batch, row, outcome);
    if (f.dnsAnswers.codes[row] >= 0) this.#resolved(batch, row);
  }

  /** A frame that belongs to no flow. @param mac its sender. @param kind as `otherFrameKind` has it. */
  observeFrame(mac: string, kind: string, timeMs: number): void {
    if (!isStationMac(mac)) return;
    const number = this.macOf(mac);
    if (number === NONE) return;
    this.#stations.seeFrame(number, timeMs);
    this.#noteText(this.#stations.macLists, number, FRAMES, kind, MAX_PER_LIST);
  }

  /** The station of a pair, made where it is new; `NONE` where there is no room. Used by the batch's own look-up. @param mac `NONE` without one. @param hash of the address. */
  station(mac: number, address: string, hash?: number): number {
    const stations = this.#stations;
    const known = stations.find(mac, address, hash);
    if (known !== NONE) return known;
    const hasRoom = stations.size < this.capacity && (mac === NONE || stations.countOf(mac) < MAX_STATIONS_PER_MAC);
    const station = hasRoom ? stations.add(mac, address, hash) : NONE;
    if (station === NONE) this.refused++;
    return station;
  }

  /** Notes that a hardware address carried traffic of an address outside. */
  carries(mac: number, address: string): void {
    const { texts, macLists } = this.#stations;
    if (macLists.length(mac, CARRIED) >= MOST_CARRIED) return;
    const known = texts.find(address);
    const text = known === NO_ROW ? texts.add(address) : known;
    if (text !== NO_ROW && !macLists.has(mac, text, CARRIED)) macLists.add(mac, text, CARRIED);
  }

  /** The number of a hardware address, which gets one where it has none; `NONE` where there is no room. */
  macOf(mac: string): number {
    const { macs } = this.#stations;
    const known = macs.find(mac);
    if (known !== NO_ROW) return known;
    const number = macs.size < this.capacity ? this.#stations.addMac(mac) : NONE;
    if (number === NONE) this.refused++;
    return number;
  }

  #touch(station: number, startMs: number, endMs: number, bytes: number): void {
    this.#stations.addFlow(station, bytes);
    this.#stations.see(station, startMs, endMs);
    const hour = this.#context.hourOfWeek?.(startMs) ?? -1;
    if (hour < 0) return;
    let hours = this.#stations.hours.get(station);
    if (hours === undefined) {
      hours = new Float64Array(WEEK_HOURS);
      this.#stations.hours.set(station, hours);
    }
    hours[hour]++;
  }

  #used(station: number, batch: Batch, row: number, hasAnswer: boolean, isRefused: boolean, place: number): void {
    const f = batch.flows;
    const service = textAt(f.service, row);
    const port = numberAt(f.responderPort, row);
    const givesLeases = service === 'dhcp' && numberAt(f.initiatorPort, row) === 67;
    if (port !== undefined && !isRefused && !givesLeases && (hasAnswer || textAt(f.protocol, row) === 'udp')) {
      if (service !== undefined) this.#noteLabel(station, USES, batch.labels, row, undefined);
      else if (port < EPHEMERAL_FROM) this.#noteLabel(station, USES, batch.labels, row, port);
    }
    if (hasAnswer && !this.#stations.hasMorePeers(station)) this.#contacted(station, batch, row, place);
    if (f.ja4.codes[row] >= 0)
      this.#noteCode(station, FINGERPRINTS, batch.fingerprints, f.ja4.codes[row], MAX_FINGERPRINTS);
    const leases = service === 'dhcp' || service === 'dhcpv6';
    if (f.client.codes[row] < 0 && f.hostname.codes[row] < 0 && !leases && service !== 'mdns') return;
    const client = f.client.codes[row];
    const operations = textAt(f.operations, row);
    const isRelayed = operations?.includes('relayed for ') === true;
    if (client >= 0 && !isRelayed) this.#noteCode(station, SOFTWARE, batch.clients, client);
    if (!isRelayed)
      this.#noteName(station, NAME_SOURCES.get(service ?? '') ?? 'Windows', batch.hostnames, f.hostname.codes[row]);
    if (operations === undefined) return;
    if (service === 'mdns') {
      for (const operation of operations.split(', '))
        if (operation.startsWith('announce '))
          this.#noteText(this.#stations.lists, station, ANNOUNCED, operation.slice(9), MAX_PER_LIST);
    } else if (givesLeases && !isRelayed) this.#gave(station, batch, row, operations);
    else if (leases && !isRelayed) this.#leased(station, f, row, operations);
  }

  /** Who gives leases, and to whom. */
  #gave(server: number, batch: Batch, row: number, operations: string): void {
    this.#noteLabel(server, OFFERS, batch.labels, row, 67);
    const mac = textAt(batch.flows.responderMac, row);
    const number = mac === undefined || !isStationMac(mac) ? NONE : this.macOf(mac);
    if (number === NONE) return;
    for (const operation of operations.split(', '))
      if (operation.startsWith('lease ') && this.#context.isHome(operation.slice(6)))
        this.#noteText(this.#stations.macLists, number, LEASES, operation.slice(6), MAX_LEASES);
  }

  /** An answer that went to a hardware address gave it the address where it also asked without one; else it may be the router's behind which somebody renews. */
  #claimLeases(): void {
    const stations = this.#stations;
    const dhcp = stations.labels.of('dhcp');
    for (let mac = 0; mac < stations.macs.size; mac++) {
      if (stations.macLists.length(mac, LEASES) === 0) continue;
      const asked = stations.find(mac, '');
      if (asked === NONE || !stations.lists.has(asked, dhcp, USES)) continue;
      for (const address of stations.ofMac(mac, LEASES)) {
        const own = this.station(mac, address);
        if (own === NONE) continue;
        stations.claim(own);
        if (stations.flows(own) === 0) stations.see(own, stations.firstMs(asked), stations.lastMs(asked));
      }
    }
  }

  /** DHCP tells the order of options of a client, and its lease. */
  #leased(station: number, f: FlowBatch, row: number, operations: string): void {
    const stations = this.#stations;
    const signs = stations.dhcpSigns(station);
    signs.vendorClass ??= textAt(f.client, row);
    const mac = stations.macOf(station);
    for (const operation of operations.split(', ')) {
      if (operation.startsWith('options ')) signs.options ??= ownText(operation, 8);
      else if (operation.startsWith('client-id ')) signs.clientId ??= ownText(operation, 10);
      else if (operation.startsWith('lease ') && mac !== NONE) {
        const address = operation.slice(6);
        const own = this.#context.isHome(address) ? this.station(mac, address) : NONE;
        if (own === NONE) continue;
        stations.claim(own);
        const startMs = numberAt(f.startMs, row) ?? Number.NaN;
        stations.see(own, startMs, numberAt(f.endMs, row) ?? startMs);
      }
    }
  }

  #contacted(station: number, batch: Batch, row: number, place: number): void {
    const { flows: f, addresses, serverNames, httpHosts } = batch;
    const stations = this.#stations;
    const address = f.responder.codes[row];
    if (address < 0 || place === GROUP || place === NOBODY) return;
    if (place === HOME) {
      const peer = addresses.find(address);
      if (peer !== NO_ROW && stations.lists.has(station, peer, HOME_PEERS)) return;
      if (stations.lists.length(station, HOME_PEERS) >= MAX_PER_LIST) stations.noteMorePeers(station);
      else this.#noteCode(station, HOME_PEERS, addresses, address);
      return;
    }
    const serverName = f.serverName.codes[row];
    const httpHost = f.httpHost.codes[row];
    const names = serverName >= 0 ? serverNames : httpHost >= 0 ? httpHosts : addresses;
    const code = serverName >= 0 ? serverName : httpHost >= 0 ? httpHost : address;
    const known = names.find(code);
    if (known !== NO_ROW && stations.lists.has(station, known, PLACES)) return;
    const name = names.text(code);
    if (name.length > MAX_NAME_LENGTH) return;
    const lower = name.toLowerCase();
    if (stations.lists.length(station, PLACES) < MAX_PER_LIST)
      this.#noteText(stations.lists, station, PLACES, lower, MAX_PER_LIST);
    else {
      const place = stations.texts.find(lower);
      if (place === NO_ROW || !stations.lists.has(station, place, PLACES)) stations.noteMorePeers(station);
    }
  }

  #offered(station: number, batch: Batch, row: number, outcome: string | undefined): void {
    const { flows: f, serverNames, httpHosts } = batch;
    const port = numberAt(f.responderPort, row);
    if (port === undefined || (f.service.codes[row] < 0 && (port >= EPHEMERAL_FROM || outcome === 'unknown'))) return;
    // A connection that is opened and closed again shows an open port, not what is behind it: 9100 is a printer's, and that of what tells measures to Prometheus.
    if (
      numberAt(f.responderPayloadBytes, row) === 0 &&
      numberAt(f.initiatorPayloadBytes, row) === 0 &&
      textAt(f.serviceBasis, row) === 'port'
    )
      return;
    this.#noteLabel(station, OFFERS, batch.labels, row, port);
    if (f.server.codes[row] >= 0) this.#noteCode(station, SOFTWARE, batch.servers, f.server.codes[row]);
    const serverName = f.serverName.codes[row];
    const names = serverName >= 0 ? serverNames : httpHosts;
    const code = serverName >= 0 ? serverName : f.httpHost.codes[row];
    if (code < 0) return;
    const name = names.text(code);
    if (/[a-z]/i.test(name) && !name.includes(':') && !this.#stations.isAddress(station, names.find(code)))
      this.#noteName(station, serverName >= 0 ? 'TLS' : 'HTTP', names, code);
  }

  /** Names of home addresses in answers of DNS. */
  #resolved({ flows: f, queries, answers }: Batch, row: number): void {
    const type = textAt(f.dnsType, row);
    if (type === 'PTR') {
      const query = textAt(f.dnsQuery, row);
      const address = query === undefined || query.length > MAX_NAME_LENGTH ? undefined : reverseAddress(query);
      if (address === undefined || !this.#context.isHome(address)) return;
      const [name = ''] = dataOf(answers.at(row)?.text ?? '');
      if (name !== '') this.#dnsName(address, name.replace(/\.$/, ''));
    } else if (type === 'A' || type === 'AAAA') {
      const homes = answers.at(row)?.homes(this.#context.isHome) ?? [];
      const query = homes.length === 0 ? undefined : textAt(f.dnsQuery, row);
      if (query === undefined || query.length > MAX_NAME_LENGTH) return;
      for (const address of homes) this.#dnsName(address, query, queries.find(f.dnsQuery.codes[row]));
    }
  }

  /** @param text the number of the name, `NO_ROW` where it has none. */
  #dnsName(address: string, name: string, text = this.#stations.texts.find(name)): void {
    const known = this.#dnsHosts.find(address);
    if (known === NO_ROW && this.#dnsHosts.size >= MAX_DNS_NAMES) {
      this.refusedTexts++;
      return;
    }
    if (known !== NO_ROW && text !== NO_ROW && this.#dnsNames.has(known, text)) return;
    if (!this.#admits(known === NO_ROW ? 0 : this.#dnsNames.length(known), MAX_NAMES)) return;
    const host = known === NO_ROW ? this.#dnsHosts.add(address) : known;
    if (host === NO_ROW) {
      this.refusedTexts++;
      return;
    }
    this.#dnsNames.widen(host + 1);
    this.#put(this.#dnsNames, host, 0, text === NO_ROW ? this.#stations.texts.add(name) : text);
  }

  #dnsNamesOf(address: string): string[] {
    const host = this.#dnsHosts.find(address);
    if (host === NO_ROW) return [];
    return Array.from(this.#dnsNames.entries(host), ([name]) => this.#stations.texts.text(name));
  }

  /** Counts the label of a row for a station. @param port of the label, undefined for one of a kind alone. */
  #noteLabel(station: number, list: number, labels: LabelColumns, row: number, port: number | undefined): void {
    const { lists } = this.#stations;
    const known = labels.find(row, port);
    if (known !== NO_LABEL && lists.raise(station, known, list)) return;
    if (this.#admits(lists.length(station, list), MAX_PER_LIST))
      this.#put(lists, station, list, labels.take(row, port));
  }

  /** Counts a text of the batch for a station. */
  #noteCode(station: number, list: number, texts: TextNumbering, code: number, most = MAX_PER_LIST): void {
    const { lists } = this.#stations;
    const known = texts.find(code);
    if (known !== NO_ROW && lists.raise(station, known, list)) return;
    if (this.#admits(lists.length(station, list), most)) this.#put(lists, station, list, texts.take(code));
  }

  /** Counts a name for a station; no name where the code is none. */
  #noteName(station: number, source: NameSource, texts: TextNumbering, code: number): void {
    if (code < 0 || texts.text(code).length > MAX_NAME_LENGTH) return;
    const { lists } = this.#stations;
    const known = nameNumber(texts.find(code), source);
    if (known !== NO_ROW && lists.raise(station, known, NAMES)) return;
    if (this.#admits(lists.length(station, NAMES), MAX_NAMES))
      this.#put(lists, station, NAMES, nameNumber(texts.take(code), source));
  }

  /** Adds a text to a list of a station or hardware address. */
  #noteText(lists: CountedLists, holder: number, list: number, text: string, most: number): void {
    const { texts } = this.#stations;
    const known = texts.find(text);
    if (known !== NO_ROW && lists.raise(holder, known, list)) return;
    if (this.#admits(lists.length(holder, list), most))
      this.#put(lists, holder, list, known === NO_ROW ? texts.add(text) : known);
  }

  /** Adds a number that the list has not got; -1 is that of a text that had no room. */
  #put(lists: CountedLists, holder: number, list: number, number: number): void {
    if (number === NO_ROW || !lists.add(holder, number, list)) this.refusedTexts++;
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
      stations: this.#stations,
      dnsNamesOf: (address: string) => this.#dnsNamesOf(address),
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

/** 4.3.2.1.in-addr.arpa or the like of ip6.arpa as the address; undefined for other names. */
function reverseAddress(name: string): string | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  return v4 === null ? undefined : `${v4[4]}.${v4[3]}.${v4[2]}.${v4[1]}`;
}
