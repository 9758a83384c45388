import { TextHashes, textAt } from '../core/index.ts';
import { isStationMac } from './device-mac.ts';
import { NONE } from './device-station.ts';
import type { FlowBatch } from './schema.ts';

/** The two sides of flows as stations. */

/** Kinds of addresses: of the home network, outside of it, of a group, and none. */
export const HOME = 1;
export const OUTSIDE = 2;
export const GROUP = 3;
export const NOBODY = 4;

/** Where stations are held. */
interface StationSource {
  /** The number of a hardware address, which gets one where it is new; `NONE` where there is no place. */
  macOf(mac: string): number;
  /** The station of a pair, made where it is new; `NONE` where there is no place. @param mac `NONE` without one. @param hash of the address. */
  station(mac: number, address: string, hash?: number): number;
  /** Notes that a hardware address carries traffic of an address outside. */
  carries(mac: number, address: string): void;
}

/** The stations of one side of a batch: looked up once for each pair that stands side by side in it. */
export class Ends {
  #source: StationSource;
  #macs: FlowBatch['initiatorMac'];
  #addresses: FlowBatch['initiator'];
  #hashes: TextHashes;
  #isHome: (address: string) => boolean;
  /** Numbers of hardware addresses by code, plus one; 0 where not asked for. */
  #macNumbers: Int32Array;
  /** By code of the address: code of the hardware address plus one that its station was found with, and the station. */
  #withMac: Int32Array;
  #stations: Int32Array;
  #station: Int8Array;
  #place: Int8Array;

  constructor(
    source: StationSource,
    macs: FlowBatch['initiatorMac'],
    addresses: FlowBatch['initiator'],
    isHome: (address: string) => boolean,
  ) {
    this.#source = source;
    this.#macs = macs;
    this.#addresses = addresses;
    this.#hashes = new TextHashes(addresses);
    this.#isHome = isHome;
    this.#macNumbers = new Int32Array(macs.dictionary.length);
    this.#withMac = new Int32Array(addresses.dictionary.length).fill(-1);
    this.#stations = new Int32Array(addresses.dictionary.length).fill(NONE);
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
  at(row: number, claims: boolean): number {
    const code = this.#addresses.codes[row];
    const macCode = this.#macs.codes[row] + 1;
    if (code >= 0 && this.#withMac[code] === macCode) {
      const place = this.#place[code];
      if (place === HOME) return this.#stations[code];
      if (place === OUTSIDE && !claims) return NONE;
    }
    return this.#lookUp(row, claims);
  }

  /** As `at`, of a pair that is not known yet. */
  #lookUp(row: number, claims: boolean): number {
    const mac = textAt(this.#macs, row);
    const macCode = mac === undefined ? 0 : this.#macs.codes[row] + 1;
    if (mac !== undefined && this.#station[macCode - 1] === 0) this.#station[macCode - 1] = isStationMac(mac) ? 1 : 2;
    const isStation = mac !== undefined && this.#station[macCode - 1] === 1;
    const address = textAt(this.#addresses, row);
    if (address === undefined) return isStation ? this.#stationOf(macCode, mac, '') : NONE;
    const code = this.#addresses.codes[row];
    const place = this.#place[code] === 0 ? this.#placeOf(code, address) : this.#place[code];
    if (place === GROUP) return NONE;
    if (place === NOBODY) return isStation ? this.#stationOf(macCode, mac, '') : NONE;
    const hash = this.#hashes.of(code);
    if (place === OUTSIDE) {
      if (claims) return isStation ? this.#stationOf(macCode, mac, address, hash) : NONE;
      if (isStation && this.#withMac[code] !== macCode) {
        const carrier = this.#macOf(macCode, mac);
        if (carrier !== NONE) this.#source.carries(carrier, address);
      }
      this.#withMac[code] = macCode;
      return NONE;
    }
    const station = isStation
      ? this.#stationOf(macCode, mac, address, hash)
      : this.#source.station(NONE, address, hash);
    this.#withMac[code] = macCode;
    this.#stations[code] = station;
    return station;
  }

  #stationOf(macCode: number, mac: string, address: string, hash?: number): number {
    const number = this.#macOf(macCode, mac);
    return number === NONE ? NONE : this.#source.station(number, address, hash);
  }

  /** @param macCode code of the hardware address plus one. */
  #macOf(macCode: number, mac: string): number {
    const known = this.#macNumbers[macCode - 1] - 1;
    if (known !== NONE) return known;
    const number = this.#source.macOf(mac);
    this.#macNumbers[macCode - 1] = number + 1;
    return number;
  }
}

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
