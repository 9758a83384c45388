import { compareAddresses, parseAddress } from '../wire/index.ts';
import type { DeviceAddress, DeviceFacts, DeviceJoin, DeviceName } from './device-fact.ts';
import { type JoinCandidate, joinRotations } from './device-join.ts';
import { derivedFrom, macKind, virtualOwner } from './device-mac.ts';
import { guessRoles } from './device-role.ts';
import {
  ANNOUNCED,
  borrowedStations,
  type Device,
  FINGERPRINTS,
  HOME_PEERS,
  NAMES,
  NONE,
  OFFERS,
  ownStations,
  PLACES,
  SOFTWARE,
  type Station,
  type StationTable,
  USES,
} from './device-station.ts';
import type { Vendor } from './device-vendor.ts';
import { mostFrequent } from './host.ts';

/** Devices put together from stations, at the end. */

/** Names and pieces of software that are told of a device. */
export const MAX_NAMES = 16;
export const WEEK_HOURS = 168;

/** All that is held of stations. */
export interface HeldStations {
  readonly stations: StationTable;
  /** Names that DNS answers gave a home address. */
  readonly dnsNamesOf: (address: string) => readonly string[];
  readonly countsHours: boolean;
}

/** The first devices in order of their first address, and how many there are in all: only of those that are asked for the facts are put together. */
export function listDevices(
  held: HeldStations,
  most: number,
  vendorOf: (mac: string) => Vendor | undefined,
): { readonly devices: DeviceFacts[]; readonly count: number } {
  const made: Device[] = [];
  for (const record of held.stations.records()) {
    const { own, others } = ownStations(record);
    if (own.length > 0 || record.frames.length > 0 || record.stations.length > 0)
      made.push({ record, stations: own, behind: undefined, others: others.length });
    for (const station of others) made.push({ record: undefined, stations: [station], behind: record.mac, others: 0 });
  }
  for (const station of held.stations.lone())
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
  const isSeen = (mac: string): boolean => held.stations.macs.find(mac) !== NONE;
  const borrowed = borrowedStations(devices);
  const factsFor = (device: Device): DeviceFacts => factsOf(held, device, vendorOf, isSeen, borrowed);
  const { randomised = [], others: lasting = [] } = Object.groupBy(devices, ({ record }) =>
    record !== undefined && macKind(record.mac, vendorOf(record.mac) !== undefined, isSeen) === 'randomised'
      ? 'randomised'
      : 'others',
  );
  const listed = [
    ...lasting.map((device): Listed => {
      const keys = device.stations.flatMap(({ address }) => (address === '' ? [] : [addressKey(address)]));
      return listedBy(keys, device.record?.mac, () => factsFor(device));
    }),
    ...joined(randomised, randomised.map(factsFor)).map(
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

function factsOf(
  held: HeldStations,
  device: Device,
  vendorOf: (mac: string) => Vendor | undefined,
  isSeen: (mac: string) => boolean,
  borrowed: ReadonlySet<Station>,
): DeviceFacts {
  const { record, stations, behind, others } = device;
  const mac = record?.mac;
  const vendor = mac === undefined ? undefined : vendorOf(mac);
  const kind = mac === undefined ? undefined : macKind(mac, vendor !== undefined, isSeen);
  const names = sums(stations.map((station) => station.counts(NAMES)));
  for (const station of stations) {
    if (borrowed.has(station)) continue;
    for (const name of held.dnsNamesOf(station.address))
      names.set(`DNS\n${name}`, (names.get(`DNS\n${name}`) ?? 0) + 1);
  }
  const offers = sums(stations.map((station) => station.counts(OFFERS)));
  const uses = sums(stations.map((station) => station.counts(USES)));
  const software = mostFrequent(sums(stations.map((station) => station.counts(SOFTWARE))), MAX_NAMES);
  const listed = namesOf(names);
  const hours = !held.countsHours ? undefined : new Float64Array(WEEK_HOURS);
  if (hours !== undefined)
    for (const station of stations) for (let h = 0; h < WEEK_HOURS; h++) hours[h] += station.hours?.[h] ?? 0;
  const addresses = stations
    .filter(({ address }) => address !== '')
    .map(({ address, firstMs, lastMs, claimed }): DeviceAddress => ({ address, firstMs, lastMs, claimed }))
    .sort((a, b) => b.lastMs - a.lastMs || compareAddresses(a.address, b.address));
  const places = union(stations, PLACES);
  const homePeers = union(stations, HOME_PEERS);
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
      carriedOutside: record?.carried ?? 0,
      carriedHome: others,
      offered: new Set(offers.keys()),
      announced: union(stations, ANNOUNCED),
      used: new Set(uses.keys()),
      names: listed.map(({ name }) => name),
      software,
      frames: new Set(record?.frames),
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
    frames: [...(record?.frames ?? [])].sort(),
    hours,
  };
}

/** Names that a device gives itself, against those that others call it by. */
const OWN_SOURCES = new Set(['DHCP', 'mDNS', 'NetBIOS', 'LLMNR', 'Windows']);

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
      clientId: stations.find(({ dhcp }) => dhcp?.clientId !== undefined)?.dhcp?.clientId,
      dhcpOptions: stations.find(({ dhcp }) => dhcp?.options !== undefined)?.dhcp?.options,
      vendorClass: stations.find(({ dhcp }) => dhcp?.vendorClass !== undefined)?.dhcp?.vendorClass,
      fingerprints: union(stations, FINGERPRINTS),
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

function sums(counts: readonly Iterable<readonly [string, number]>[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const some of counts) for (const [key, n] of some) all.set(key, (all.get(key) ?? 0) + n);
  return all;
}

/** The texts that stand in a list of any of the stations. */
function union(stations: readonly Station[], list: number): Set<string> {
  const all = new Set<string>();
  for (const station of stations) for (const [text] of station.counts(list)) all.add(text);
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
