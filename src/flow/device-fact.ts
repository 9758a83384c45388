import type { MacKind } from './device-mac.ts';
import type { RoleGuess } from './device-role.ts';
import type { Vendor } from './device-vendor.ts';

/** What is known of a device, as it is shown. */

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
  /** 0.6 to 0.99: how sure. */
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
