import { type Few, type FewCounts, fewSize } from '../core/index.ts';

/** What devices are told from: pairs of hardware and network address, and which of them belong together. */

/** Home addresses that a device may have without having claimed them before it is taken for a router. */
const MAX_UNCLAIMED = 6;

/** One pair of hardware and network address; either may be missing. */
export interface Station {
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

export interface MacRecord {
  readonly mac: string;
  /** The first station, while there is no other; by address where there are several. */
  stations: Station | Map<string, Station> | undefined;
  /** Addresses outside that it carried traffic of, at most MOST_CARRIED. */
  carried: Few<string>;
  frames: Few<string>;
  /** Addresses that DHCP answers to it gave. */
  leases: Few<string>;
  /** Of frames that belong to no flow. */
  firstMs: number | undefined;
  lastMs: number | undefined;
}

/** A device to be: a hardware address with the stations that are its own, or one address alone. */
export interface Device {
  readonly record: MacRecord | undefined;
  readonly stations: readonly Station[];
  readonly behind: string | undefined;
  /** Stations behind its hardware address that are not its own. */
  readonly others: number;
}

export function stationOf({ stations }: MacRecord, address: string): Station | undefined {
  if (stations instanceof Map) return stations.get(address);
  return stations?.address === address ? stations : undefined;
}

export function stationCount({ stations }: MacRecord): number {
  if (stations instanceof Map) return stations.size;
  return stations === undefined ? 0 : 1;
}

function stationsOf({ stations }: MacRecord): Station[] {
  if (stations instanceof Map) return [...stations.values()];
  return stations === undefined ? [] : [stations];
}

export function addStation(record: MacRecord, station: Station): void {
  const { stations } = record;
  if (stations instanceof Map) stations.set(station.address, station);
  else if (stations === undefined) record.stations = station;
  else
    record.stations = new Map([
      [stations.address, stations],
      [station.address, station],
    ]);
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
export function ownStations(record: MacRecord): { readonly own: Station[]; readonly others: Station[] } {
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

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address) || address.startsWith('169.254.');
}
