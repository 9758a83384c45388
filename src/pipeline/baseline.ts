import type { Table } from '../core/index.ts';
import { counted, isoTime, numberAt, safeText, takeRows, textAt, UserError } from '../core/index.ts';
import {
  BASELINE_LAYERS,
  type Baseline,
  type BaselineDevice,
  type BaselineDocument,
  type BaselineLayer,
  type Breach,
  flowProtocol,
  frameProtocol,
  hourOfWeek,
  PolicyRules,
  protocolKey,
  protocolLabel,
  type Saturation,
  UNRECOGNISED,
} from '../detect/index.ts';
import { registrableDomain, Zone } from '../feature/index.ts';
import { bindFlows, type DeviceFacts, type FlowTableOptions, shippedVendors, type VendorTable } from '../flow/index.ts';
import { type ConnectionSheet, ConnectionSheetBuilder } from '../io/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet, otherFrameKind, type Packet, type TimeBase } from '../wire/index.ts';
import type { Progress } from './analyze.ts';
import { DeviceWatch } from './device.ts';
import { type FlowsResult, streamFlows } from './flows.ts';

/** What to read for an inventory or a baseline. */
export interface InventoryOptions {
  /** Files, or '-' for standard input; folders are expanded before (see `expandInputs`). At least one. */
  readonly inputs: readonly string[];
  readonly as?: string | undefined;
  readonly homeNet?: readonly string[] | undefined;
  readonly flow?: Partial<FlowTableOptions>;
  /** Whose blocks hardware addresses are from; the table that ships where absent. */
  readonly vendors?: VendorTable | undefined;
  /** Zone of hours; UTC where absent. */
  readonly timeZone?: string | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Stops the reading; what was read until then counts. */
  readonly signal?: AbortSignal | undefined;
}

export interface Inventory {
  /** By address. */
  readonly devices: readonly DeviceFacts[];
  /** Protocols seen by layer: keys as `protocolKey` makes them, with the flows or frames of each. */
  readonly protocols: Readonly<Record<BaselineLayer, ReadonlyMap<string, number>>>;
  /** Keys of application protocols that were tried, and that nobody answered. */
  readonly unanswered: ReadonlySet<string>;
  readonly read: FlowsResult;
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
  readonly saturations: readonly Saturation[];
}

/** Devices and protocols told from inputs, without models and detectors. Throws UserError when no input could be read, and for networks or a zone that are none. */
export async function takeInventory(options: InventoryOptions): Promise<Inventory> {
  const { inputs, as, homeNet = DEFAULT_HOME_NETWORKS, flow = {}, timeZone, onProgress, signal } = options;
  const home = NetworkSet.parse(homeNet);
  if (home === undefined)
    throw new UserError(
      `--home-net ${homeNet.join(',')}: not all of these are networks`,
      'give networks in CIDR notation, as in 192.168.0.0/16,fd00::/8',
    );
  const zone = new Zone(timeZone ?? 'UTC');
  const isHome = remembered((address) => home.has(address));
  const watch = new DeviceWatch({ isHome, hourOfWeek: (epochMs) => hourOfWeek(epochMs, zone) });
  const protocols = new ProtocolCounts(isHome);
  let frames: ((packet: Packet, timeNs: number) => void) | undefined;
  const onOther = (packet: Packet, timeNs: number, base: TimeBase): void => {
    frames ??= watch.frames(base);
    frames(packet, timeNs);
    protocols.frame(packet.other);
  };
  let firstMs: number | undefined;
  let lastMs: number | undefined;
  const read = await streamFlows({
    inputs,
    as,
    flow,
    onFlows: (table) => {
      watch.observe(table);
      protocols.observe(table);
    },
    onOther,
    onProgress,
    signal,
  });
  for (const input of read.inputs) {
    if (input.firstMs !== undefined) firstMs = Math.min(firstMs ?? input.firstMs, input.firstMs);
    if (input.lastMs !== undefined) lastMs = Math.max(lastMs ?? input.lastMs, input.lastMs);
  }
  const vendors = options.vendors ?? (await shippedVendors());
  return {
    devices: watch.finish(vendors),
    protocols: protocols.finish(),
    unanswered: protocols.unanswered(),
    read,
    firstMs,
    lastMs,
    saturations: [...watch.saturations(), ...protocols.saturations()],
  };
}

const MEMO_SIZE = 16_384;

function remembered(ask: (address: string) => boolean): (address: string) => boolean {
  const known = new Map<string, boolean>();
  return (address) => {
    let answer = known.get(address);
    if (answer === undefined) {
      if (known.size >= MEMO_SIZE) known.clear();
      answer = ask(address);
      known.set(address, answer);
    }
    return answer;
  };
}

const MAX_PROTOCOLS = 512;
/** RFC 6335 section 6: dynamic ports, which stand for no service. */
const DYNAMIC_FROM = 49_152;

/** Which protocols there were: the same look at a flow as the detector `policy` takes. */
class ProtocolCounts {
  #isHome: (address: string) => boolean;
  #counts: Record<BaselineLayer, Map<string, number>> = {
    link: new Map(),
    network: new Map(),
    transport: new Map(),
    application: new Map(),
  };
  readonly #spoken = new Set<string>();
  #refused = 0;

  constructor(isHome: (address: string) => boolean) {
    this.#isHome = isHome;
  }

  frame(other: number): void {
    const kind = otherFrameKind(other);
    // What the radio, the link or the capture itself adds is no protocol of the network.
    if (/^(?:802\.11|link type|address family|frame too short|further kinds)/.test(kind)) return;
    this.#count('link', frameProtocol(other));
  }

  observe(table: Table): void {
    const f = bindFlows(table);
    for (let row = 0; row < table.rowCount; row++) {
      const protocol = textAt(f.protocol, row);
      const initiator = textAt(f.initiator, row);
      if (protocol === undefined || initiator === undefined) continue;
      const packets = numberAt(f.responderPackets, row);
      const isAnswered = packets === undefined ? textAt(f.outcome, row) === 'answered' : packets > 0;
      if (!isAnswered && !this.#isHome(initiator) && textAt(f.initiatorMac, row) === undefined) continue;
      const { layer, key } = flowProtocol(protocol);
      if (key !== 'arp') this.#count('network', initiator.includes(':') ? 'ipv6' : 'ipv4');
      this.#count(layer, key);
      if (layer !== 'transport') continue;
      const service = textAt(f.service, row);
      const port = numberAt(f.responderPort, row);
      if (service !== undefined) {
        const spoken = protocolKey(service);
        this.#count('application', spoken);
        // Datagrams need no answer; a connection that is not made carries nothing.
        if (textAt(f.outcome, row) !== 'refused' && (isAnswered || key !== 'tcp')) this.#spoken.add(spoken);
      } else if (isAnswered && textAt(f.outcome, row) !== 'unknown' && port !== undefined && port < DYNAMIC_FROM)
        this.#count('application', `${key}/${port}`);
    }
  }

  #count(layer: BaselineLayer, key: string): void {
    const counts = this.#counts[layer];
    const known = counts.get(key);
    if (known === undefined && counts.size >= MAX_PROTOCOLS) {
      this.#refused++;
      return;
    }
    counts.set(key, (known ?? 0) + 1);
  }

  unanswered(): ReadonlySet<string> {
    return new Set([...this.#counts.application.keys()].filter((key) => !key.includes('/') && !this.#spoken.has(key)));
  }

  saturations(): Saturation[] {
    return this.#refused === 0
      ? []
      : [{ detector: 'baseline', what: 'protocols of a layer', cap: MAX_PROTOCOLS, refused: this.#refused }];
  }

  finish(): Readonly<Record<BaselineLayer, ReadonlyMap<string, number>>> {
    return this.#counts;
  }
}

// ------------------------------------------------------------------------------------------------------------------- learning

/** Peers that a proposal names one by one; more become 'home' or 'internet'. */
const MAX_NAMED_PEERS = 16;
const MAX_SERVICES = 64;
const MAX_ADDRESSES = 4;
/** Ports of applications that nobody recognises, named one by one. */
const MAX_NAMED_PORTS = 32;
/** Hours are proposed from so many days of traffic on. */
const HOURS_DAYS = 7;
const DAY_MS = 86_400_000;
const EPHEMERAL_FROM = 32_768;
/** Said of a protocol that a search for open ports leaves behind as well. */
const NEVER_ANSWERED = 'tried, never answered';

/**
 * What was seen as a baseline of proposals: every device with its addresses, services, partners and hours, every protocol. Nothing in it is approved. The order is stable: devices by address, lists by name.
 * @param timeZone the zone that hours were counted in.
 */
export function proposeBaseline(inventory: Inventory, timeZone?: string): BaselineDocument {
  const { devices, protocols, unanswered, read, firstMs, lastMs } = inventory;
  const names = nameDevices(devices);
  const byAddress = new Map<string, string>();
  for (const [i, { addresses }] of devices.entries()) {
    const name = names[i];
    if (name !== undefined)
      for (const { address } of addresses) if (!byAddress.has(address)) byAddress.set(address, name);
  }
  const days = firstMs === undefined || lastMs === undefined ? 0 : (lastMs - firstMs) / DAY_MS;
  const proposed = devices.flatMap((device, i) => proposeDevice(device, names[i], byAddress, days >= HOURS_DAYS));
  const layers = Object.fromEntries(
    BASELINE_LAYERS.map((layer) => [layer, proposeProtocols(layer, protocols[layer], unanswered)] as const).filter(
      ([, list]) => list.length > 0,
    ),
  );
  return {
    version: 1,
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(firstMs === undefined || lastMs === undefined
      ? {}
      : {
          learned: {
            from: isoTime(firstMs),
            to: isoTime(lastMs),
            inputs: read.inputs
              .filter(({ status }) => status !== 'failed')
              .map(({ name }) => name)
              .slice(0, 1000),
          },
        }),
    devices: proposed,
    protocols: layers,
  };
}

const KEYWORDS = new Set(['home', 'internet', '*', 'all']);

/** A name for each device that gives itself one that no other has; undefined for the others. */
function nameDevices(devices: readonly DeviceFacts[]): (string | undefined)[] {
  const used = new Set<string>();
  return devices.map(({ names }) => {
    for (const { name } of names) {
      const plain = name.replace(/\.local\.?$/i, '').replace(/\.$/, '');
      // A name from the network is kept where it is one that a person could type.
      if (!/^[\p{L}\p{N}][\p{L}\p{N} ._()'-]{0,62}$/u.test(plain)) continue;
      const key = plain.toLowerCase();
      if (used.has(key) || KEYWORDS.has(key)) continue;
      used.add(key);
      return plain;
    }
    return undefined;
  });
}

function proposeDevice(
  device: DeviceFacts,
  name: string | undefined,
  byAddress: ReadonlyMap<string, string>,
  withHours: boolean,
): BaselineDevice[] {
  const { mac, joined, roles, macKind } = device;
  const macs = [...(mac === undefined ? [] : [mac]), ...joined.map((one) => one.mac)];
  const addresses = device.addresses
    .map(({ address }) => address)
    .filter((address) => !/^fe[89ab]|^169\.254\./i.test(address))
    .filter((address) => mac === undefined || !address.includes(':'))
    .slice(0, MAX_ADDRESSES)
    .sort();
  // A made-up address has its lease for a day: another may have it tomorrow.
  const ips = macKind === 'randomised' ? [] : addresses;
  if (macs.length === 0 && ips.length === 0) return [];
  const role = roles[0]?.role;
  const hours = withHours && device.hours !== undefined ? hoursText(device.hours) : undefined;
  return [
    {
      ...(name === undefined ? {} : { name }),
      ...(macs.length === 0 ? {} : { mac: single(macs) }),
      ...(ips.length === 0 ? {} : { ip: single(ips) }),
      ...(role === undefined ? {} : { role }),
      services: servicesOf(device),
      peers: peersOf(device, name, byAddress),
      ...(hours === undefined ? {} : { hours }),
      status: 'proposed',
    },
  ];
}

function single(list: readonly string[]): string | string[] {
  return list.length === 1 ? (list[0] ?? '') : [...list];
}

function servicesOf({ offers }: DeviceFacts): string[] {
  return [...offers.keys()]
    .filter((text) => !/^(?:tcp|udp|sctp)\//.test(text) || Number(text.slice(text.indexOf('/') + 1)) < EPHEMERAL_FROM)
    .sort()
    .slice(0, MAX_SERVICES);
}

function peersOf(device: DeviceFacts, own: string | undefined, byAddress: ReadonlyMap<string, string>): string[] {
  const inside = [...new Set(device.homePeers.map((address) => byAddress.get(address) ?? address))].filter(
    (name) => name !== own,
  );
  const outside = [...new Set(device.places.map(placeText))];
  return [
    ...(inside.length > MAX_NAMED_PEERS || (device.hasMorePeers && inside.length > 0) ? ['home'] : inside.sort()),
    ...(outside.length > MAX_NAMED_PEERS || (device.hasMorePeers && outside.length > 0)
      ? ['internet']
      : outside.sort()),
  ];
}

/** '*.example.com' for a name below it, the address where there is no name. */
function placeText(place: string): string {
  const domain = registrableDomain(place);
  if (domain === undefined || !/^[a-z0-9_.-]+$/.test(domain)) return place;
  return `*.${domain}`;
}

/** Whole hours of working days and of the rest in which there was anything, with an hour on either side; undefined where that is most of the day. */
function hoursText(hours: Float64Array): string[] | undefined {
  const parts: string[] = [];
  for (const [days, from, to] of [
    ['mon-fri', 0, 5],
    ['sat-sun', 5, 7],
  ] as const) {
    const active = Array.from({ length: 24 }, (_, hour) => {
      for (let day = from; day < to; day++) if ((hours[day * 24 + hour] ?? 0) > 0) return true;
      return false;
    });
    const first = active.indexOf(true);
    const last = active.lastIndexOf(true);
    if (first < 0) continue;
    const begin = Math.max(0, first - 1);
    const end = Math.min(24, last + 2);
    if (end - begin >= 20) return undefined;
    parts.push(`${days} ${two(begin)}:00-${two(end)}:00`);
  }
  return parts.length === 0 ? undefined : parts;
}

function two(hour: number): string {
  return String(hour).padStart(2, '0');
}

function proposeProtocols(
  layer: BaselineLayer,
  counts: ReadonlyMap<string, number>,
  unanswered: ReadonlySet<string>,
): { name: string; reason?: string; status: 'proposed' }[] {
  const ports = [...counts.keys()].filter((key) => key.includes('/'));
  const keys = [...counts.keys()].filter((key) => !key.includes('/'));
  const tried = new Set(layer === 'application' ? keys.filter((key) => unanswered.has(key)).map(protocolLabel) : []);
  const names = [...keys.map(protocolLabel), ...(ports.length > MAX_NAMED_PORTS ? [UNRECOGNISED] : ports)];
  return names
    .filter((name) => layer !== 'application' || name.length <= 60)
    .sort()
    .map((name) => ({ name, ...(tried.has(name) ? { reason: NEVER_ANSWERED } : {}), status: 'proposed' as const }));
}

// -------------------------------------------------------------------------------------------------------------- sheet of anomalies

/**
 * Flows that break the rules of a baseline, as the sheet of connections that older tools wrote for anomalies: groups of one pair of hosts, a row for each direction. With notes there is a column more, which
 * says of each row which conditions fired.
 */
export class AnomalySheet {
  readonly #baseline: Baseline;
  readonly #isHome: (address: string) => boolean;
  readonly #builder: ConnectionSheetBuilder;
  /** Flows that broke a rule, and how often each condition fired. */
  flows = 0;
  readonly conditions = new Map<string, number>();

  constructor(
    baseline: Baseline,
    options: {
      readonly homeNet?: readonly string[] | undefined;
      readonly vendors: VendorTable;
      readonly notes?: boolean;
    },
  ) {
    const { homeNet = DEFAULT_HOME_NETWORKS, vendors, notes = false } = options;
    this.#baseline = baseline;
    const home = NetworkSet.parse(homeNet);
    this.#isHome = remembered((address) => home?.has(address) === true);
    this.#builder = new ConnectionSheetBuilder({ vendorOf: (mac) => vendors.lookup(mac)?.name, notes });
  }

  /** Takes the rows of a flow table. */
  add(table: Table): void {
    const rules = new PolicyRules(table, { isHome: this.#isHome, baseline: this.#baseline }, this.#baseline);
    const rows: number[] = [];
    const fired: [sent: readonly string[], replied: readonly string[]][] = [];
    for (let row = 0; row < table.rowCount; row++) {
      const breach = rules.breach(row);
      if (breach === undefined) continue;
      const sent = conditionsOf(breach.source, breach.destination, breach.protocol);
      if (sent.length === 0) continue;
      rows.push(row);
      fired.push([sent, conditionsOf(breach.destination, breach.source, breach.protocol)]);
      for (const name of sent) this.conditions.set(name, (this.conditions.get(name) ?? 0) + 1);
    }
    this.flows += rows.length;
    if (rows.length > 0)
      this.#builder.add(takeRows(table, Int32Array.from(rows)), (row, isReply) => fired[row]?.[isReply ? 1 : 0] ?? []);
  }

  /** Directions of flows that found the sheet full. */
  get refused(): number {
    return this.#builder.refused;
  }

  finish(): ConnectionSheet {
    return this.#builder.finish();
  }
}

/** Rules that what one side sent breaks, in words: of a reply the source is who was asked. */
function conditionsOf(
  source: Breach['source'],
  destination: Breach['destination'],
  protocol: Breach['protocol'],
): readonly string[] {
  return [
    ...(source === undefined ? [] : [`source ${source.match.standing}`]),
    ...(destination === undefined ? [] : [`destination ${destination.match.standing}`]),
    ...(protocol === undefined ? [] : [`protocol not allowed: ${protocolLabel(protocol.key)}`]),
  ];
}

/** What a baseline could not judge, each one sentence; none without a baseline. */
export function baselineBlindSpots(baseline: Baseline | undefined): string[] {
  if (baseline === undefined) return [];
  const name = safeText(baseline.name, 60);
  const judged = BASELINE_LAYERS.filter((layer) => baseline.judges(layer));
  const proposed = baseline.entries.length - baseline.approvedDevices;
  return [
    ...(baseline.approvedDevices === 0
      ? [`No device is approved in the baseline ${name}, so no device was judged by it.`]
      : []),
    ...(judged.length === 0
      ? [`No protocol is approved in the baseline ${name}, so no protocol was judged by it.`]
      : []),
    ...(proposed > 0
      ? [
          `${counted(proposed, 'device')} of the baseline ${name} ${proposed === 1 ? 'is' : 'are'} only proposed and ${proposed === 1 ? 'counts' : 'count'} as unknown.`,
        ]
      : []),
  ];
}
