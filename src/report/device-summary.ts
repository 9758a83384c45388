import { clock, sameDay, timeOfDay } from './words.ts';

/** A device of the home network as reports show it; see `DeviceFacts` of flow/device for how it is told. Texts are from the network. */
export interface DeviceSummary {
  /** Absent for a device known by address alone. */
  readonly mac?: string;
  /** What kind of hardware address it is. */
  readonly macKind?: 'vendor' | 'virtual' | 'derived' | 'randomised';
  /** Software that gave a virtual one; the address that a derived one was made of. */
  readonly macOrigin?: string;
  readonly vendor?: string;
  /** Latest first, at most 32. */
  readonly addresses: readonly {
    readonly address: string;
    readonly firstMs: number;
    readonly lastMs: number;
    /** Whether the device itself said so (ARP, DHCP). */
    readonly claimed: boolean;
  }[];
  /** Own names first, at most 8. */
  readonly names: readonly { readonly name: string; readonly source: string }[];
  /** What it probably is, likeliest first, at most 3, with reasons in fixed words. */
  readonly roles: readonly { readonly role: string; readonly reasons: readonly string[] }[];
  /** What its software calls itself, at most 5. */
  readonly software: readonly string[];
  /** Services it answered on, most used first, at most 16, as in 'http/80'. */
  readonly offers: readonly string[];
  /** Services it used, most used first, at most 16. */
  readonly uses: readonly string[];
  /** Kinds of frames beside flows that it sent. */
  readonly frames: readonly string[];
  /** Made-up hardware addresses that it had before, with what says so. */
  readonly joined: readonly {
    readonly mac: string;
    readonly firstMs: number;
    readonly lastMs: number;
    readonly score: number;
    readonly evidence: readonly string[];
  }[];
  /** Hardware address of the router behind which it stands. */
  readonly behind?: string;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly flows: number;
  readonly bytes: number;
  /** How the baseline has it, where one was given. */
  readonly baseline?: {
    readonly standing: 'approved' | 'expired' | 'proposed' | 'unknown';
    readonly name?: string;
    readonly owner?: string;
    readonly role?: string;
    readonly importance?: number;
  };
}

/** Devices in reports at most. */
export const MOST_DEVICES = 500;

/** When each address was seen, as '2024-05-14 06:58:12 to 08:10:00', in their order; '' where a device has one of a family only (link-local ones beside), so that its own times say it. */
export function timesOfAddresses({ addresses }: Pick<DeviceSummary, 'addresses'>): string[] {
  const routed = addresses.filter(({ address }) => !/^fe[89ab]/i.test(address));
  const v6 = routed.filter(({ address }) => address.includes(':')).length;
  const isTold = v6 > 1 || routed.length - v6 > 1;
  return addresses.map(({ firstMs, lastMs }) =>
    !isTold || !Number.isFinite(firstMs) || !Number.isFinite(lastMs)
      ? ''
      : `${clock(firstMs)} to ${sameDay(firstMs, lastMs) ? timeOfDay(lastMs) : clock(lastMs)}`,
  );
}
