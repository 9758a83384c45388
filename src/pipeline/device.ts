import type { Table } from '../core/index.ts';
import type { Baseline, Saturation } from '../detect/index.ts';
import { type DeviceContext, type DeviceFacts, DeviceTable, mostFrequent, type VendorTable } from '../flow/index.ts';
import type { DeviceSummary } from '../report/index.ts';
import { formatMac, otherFrameKind, type Packet, type TimeBase } from '../wire/index.ts';

/** Devices told from all that a run reads: its flows, and its frames that belong to none. */
export class DeviceWatch {
  readonly table: DeviceTable;

  constructor(context: DeviceContext) {
    this.table = new DeviceTable(context);
  }

  observe(flows: Table): void {
    this.table.observe(flows);
  }

  /** For `FlowTable.onOther`. */
  frames(base: TimeBase): (packet: Packet, timeNs: number) => void {
    return (packet, timeNs) => {
      if (packet.sourceMac < 0) return;
      this.table.observeFrame(
        formatMac(packet.bytes, packet.sourceMac),
        otherFrameKind(packet.other),
        base.epochMs(timeNs),
      );
    };
  }

  saturations(): Saturation[] {
    const { capacity, refused, maxTexts, refusedTexts } = this.table;
    return [
      { what: 'addresses and hardware addresses of devices', cap: capacity, refused },
      { what: 'names, services and places of devices', cap: maxTexts, refused: refusedTexts },
    ].flatMap((cap) => (cap.refused === 0 ? [] : [{ detector: 'devices', ...cap }]));
  }

  finish(vendors: VendorTable): DeviceFacts[] {
    return this.table.finish((mac) => vendors.lookup(mac));
  }

  /** As many of them as are shown, and how many there are. */
  first(most: number, vendors: VendorTable): { readonly shown: readonly DeviceFacts[]; readonly count: number } {
    const { devices, count } = this.table.first(most, (mac) => vendors.lookup(mac));
    return { shown: devices, count };
  }
}

/** The hardware address and the address by which a baseline is asked for a device: IPv4 before IPv6, the latest first. */
export function stationOf(device: DeviceFacts): {
  readonly mac: string | undefined;
  readonly address: string | undefined;
} {
  const { mac, addresses } = device;
  const own = addresses.find(({ address }) => !address.includes(':')) ?? addresses[0];
  return { mac, address: own?.address };
}

/** A device as reports show it. */
export function summarizeDevice(device: DeviceFacts, baseline: Baseline | undefined): DeviceSummary {
  const { mac, macKind, macOrigin, vendor, behind, firstMs, lastMs, flows, bytes } = device;
  return {
    ...(mac === undefined ? {} : { mac }),
    ...(macKind === undefined ? {} : { macKind }),
    ...(macOrigin === undefined ? {} : { macOrigin }),
    ...(vendor === undefined ? {} : { vendor: vendor.name }),
    addresses: device.addresses.slice(0, 32),
    names: device.names.slice(0, 8),
    roles: device.roles.slice(0, 3).map(({ role, reasons }) => ({ role, reasons })),
    software: device.software.slice(0, 5),
    offers: mostFrequent(device.offers, 16),
    uses: mostFrequent(device.uses, 16),
    frames: device.frames,
    joined: device.joined,
    ...(behind === undefined ? {} : { behind }),
    firstMs,
    lastMs,
    flows,
    bytes,
    ...(baseline === undefined ? {} : { baseline: standingOf(device, baseline) }),
  };
}

function standingOf(device: DeviceFacts, baseline: Baseline): NonNullable<DeviceSummary['baseline']> {
  const { mac, address } = stationOf(device);
  const { standing, entry } = baseline.match(mac, address, device.lastMs);
  if (entry === undefined) return { standing };
  const { owner, role } = entry.device;
  return {
    standing,
    name: entry.label,
    ...(owner === undefined ? {} : { owner }),
    ...(role === undefined ? {} : { role }),
    ...(entry.importance === undefined ? {} : { importance: entry.importance }),
  };
}
