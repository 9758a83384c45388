import { nearest, safeText } from '../../core/index.ts';
import { Zone } from '../../feature/index.ts';
import { formatIpv4, formatIpv6, NetworkSet, parseAddress } from '../../wire/index.ts';
import { portsOf, protocolFault, protocolKey } from './protocol.ts';
import type { BaselineDevice, BaselineDocument, BaselineLayer, BaselineStatus } from './schema.ts';

/**
 * A baseline as detectors ask it: who is known, what is allowed, until when. Made from a checked document; it changes nothing and knows no clock: whether an entry has expired is told by the time
 * of the traffic.
 *
 * Who a station is: its hardware address decides where the traffic shows one, because addresses are handed round; entries without `mac` go by vendor prefix (and `ip`, where both stand) or by `ip` alone.
 * What comes through a router carries the router's hardware address, so a home address behind an entry of a router's role is judged by address, where the baseline has addresses at all.
 */

/** How an entry stands at a time. Best first; `unknown` is no entry at all. */
export const BASELINE_STANDINGS = ['approved', 'expired', 'proposed', 'unknown'] as const;
export type BaselineStanding = (typeof BASELINE_STANDINGS)[number];

export interface BaselineMatch {
  readonly standing: BaselineStanding;
  /** The entry; undefined for unknown. */
  readonly entry: BaselineEntry | undefined;
}

/** One device (or group of them) of the file, its texts read. */
export interface BaselineEntry {
  /** Position in the file's list, from 0. */
  readonly index: number;
  /** Its name, else how it is told: 'b8:27:eb:01:02:03', '192.168.10.0/24'. */
  readonly label: string;
  readonly device: BaselineDevice;
  readonly status: BaselineStatus;
  /** Hardware addresses in lower case with colons. */
  readonly macs: readonly string[];
  readonly prefixes: readonly MacPrefix[];
  readonly networks: NetworkSet | undefined;
  /** Traffic at or after this time is of an expired entry. */
  readonly expiresMs: number | undefined;
  readonly services: readonly ServiceRule[] | undefined;
  readonly uses: readonly ServiceRule[] | undefined;
  readonly peers: readonly PeerRule[] | undefined;
  /** 168 hours of the week from Monday 00:00; 1 where it may be active. */
  readonly hours: Uint8Array | undefined;
  /** 1 to 5, where the file says it or the role does. */
  readonly importance: number | undefined;
  readonly isRouter: boolean;
}

export interface MacPrefix {
  /** Hex digits without separators; of the last one only the upper bits may count. */
  readonly digits: string;
  readonly bits: number;
}

/** What one text under `services` or `uses` allows. */
export interface ServiceRule {
  readonly text: string;
  /** Key of the application protocol; undefined where the transport alone counts. */
  readonly service: string | undefined;
  readonly transport: string | undefined;
  readonly from: number;
  readonly to: number;
}

/** What one text under `peers` allows. */
export interface PeerRule {
  readonly text: string;
  readonly kind: 'any' | 'home' | 'internet' | 'network' | 'device' | 'domain';
  readonly networks?: NetworkSet;
  /** Positions of the devices of that name. */
  readonly devices?: readonly number[];
  /** Lower case, without '*.'. */
  readonly domain?: string;
}

/** What a flow offers to be compared with a service rule. */
export interface SeenService {
  /** 'tcp', 'udp', 'sctp'. */
  readonly transport: string;
  readonly port: number | undefined;
  /** Key of the application protocol; undefined where nobody recognised one. */
  readonly service: string | undefined;
  /** True where the port alone says which service it is. */
  readonly guessed: boolean;
}

/** A place in the document and what is wrong there; the hint says what would be right. */
export interface BaselineFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint: string;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const WEEK_HOURS = 168;
/** 1970-01-01 was a Thursday: so many hours after Monday 00:00. */
const EPOCH_HOURS = 72;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** Roles of what passes on the traffic of others, so that its hardware address stands for many. */
const ROUTER_ROLES = new Set(['router', 'gateway', 'firewall', 'modem', 'accesspoint', 'repeater', 'vpngateway']);

/** What things are worth where nobody has said it, by role in lower case without blanks. */
const ROLE_IMPORTANCE: Readonly<Record<string, number>> = {
  domaincontroller: 5,
  router: 5,
  gateway: 5,
  firewall: 5,
  server: 4,
  nas: 4,
  switch: 4,
  accesspoint: 4,
  controller: 4,
  plc: 5,
  computer: 3,
  workstation: 3,
  laptop: 3,
  voip: 3,
  printer: 2,
  camera: 2,
  phone: 2,
  tablet: 2,
  tv: 1,
  iot: 2,
  guest: 1,
};

export class Baseline {
  /** Name of the file, for sentences. */
  readonly name: string;
  readonly document: BaselineDocument;
  readonly entries: readonly BaselineEntry[];
  /** Approved entries of devices; without one no device is judged. */
  readonly approvedDevices: number;
  readonly #byMac = new Map<string, BaselineEntry[]>();
  readonly #prefixed: BaselineEntry[] = [];
  readonly #byAddress = new Map<string, BaselineEntry[]>();
  readonly #networked: BaselineEntry[] = [];
  readonly #hasAddresses: boolean;
  readonly #protocols = new Map<BaselineLayer, Map<string, Allowed[]>>();
  readonly #zone: Zone;
  /** Times at which entries expire, in order. */
  readonly #expiries: readonly number[];

  /** @param document checked by `baselineFault` before; else it throws where a text can't be read. */
  constructor(document: BaselineDocument, name: string) {
    this.name = name;
    this.document = document;
    this.#zone = new Zone(document.timeZone ?? 'UTC');
    const devices = document.devices ?? [];
    const names = new Map<string, number[]>();
    for (const [i, { name }] of devices.entries()) if (name !== undefined) push(names, name.toLowerCase(), i);
    this.entries = devices.map((device, index) => readDevice(device, index, names));
    this.approvedDevices = this.entries.filter(({ status }) => status === 'approved').length;
    for (const entry of this.entries) {
      for (const mac of entry.macs) push(this.#byMac, mac, entry);
      if (entry.macs.length === 0 && entry.prefixes.length > 0) this.#prefixed.push(entry);
      for (const network of entry.networks?.networks ?? []) {
        if (!isSingle(network)) this.#networked.push(entry);
        else push(this.#byAddress, canonical(network), entry);
      }
    }
    this.#hasAddresses = this.entries.some(
      ({ networks, status, macs, prefixes }) =>
        status === 'approved' && networks !== undefined && macs.length === 0 && prefixes.length === 0,
    );
    for (const layer of ['link', 'network', 'transport', 'application'] as const) {
      const allowed = new Map<string, Allowed[]>();
      for (const item of document.protocols?.[layer] ?? []) {
        const one = typeof item === 'string' ? { name: item } : item;
        push(allowed, protocolKey(one.name), {
          status: one.status ?? 'approved',
          expiresMs: 'expires' in one ? expiryMs(one.expires) : undefined,
        });
      }
      this.#protocols.set(layer, allowed);
    }
    const expiries = [
      ...this.entries.map(({ expiresMs }) => expiresMs),
      ...[...this.#protocols.values()].flatMap((of) => [...of.values()].flat().map(({ expiresMs }) => expiresMs)),
    ];
    this.#expiries = [...new Set(expiries.filter((ms) => ms !== undefined))].sort((a, b) => a - b);
  }

  /**
   * Who a station is. @param mac in lower case with colons, undefined where the traffic shows none. @param isHome whether the address is of the home network: behind a router only such are
   * judged by themselves.
   */
  match(mac: string | undefined, address: string | undefined, atMs: number, isHome = true): BaselineMatch {
    if (mac === undefined) return this.#best(this.#ofAddress(address, true), atMs);
    const found = [
      ...(this.#byMac.get(mac) ?? []),
      ...this.#prefixed.filter(
        ({ prefixes, networks }) =>
          prefixes.some((prefix) => hasPrefix(mac, prefix)) &&
          (networks === undefined || (address !== undefined && networks.has(address))),
      ),
      ...this.#ofAddress(address, false),
    ];
    const best = this.#best(found, atMs);
    const { entry } = best;
    if (entry === undefined || !entry.isRouter || !isHome || address === undefined || !this.#hasAddresses) return best;
    if (entry.networks?.has(address) === true || isLinkLocal(address)) return best;
    return this.#best(this.#ofAddress(address, true), atMs);
  }

  /** Entries by address: all, or those that have nothing else to go by. */
  #ofAddress(address: string | undefined, all: boolean): BaselineEntry[] {
    if (address === undefined) return [];
    const found = [
      ...(this.#byAddress.get(address) ?? []),
      ...this.#networked.filter(({ networks }) => networks?.has(address) === true),
    ];
    return all ? found : found.filter(({ macs, prefixes }) => macs.length === 0 && prefixes.length === 0);
  }

  /** The one that stands best; of equals the one told most exactly, then the first of the file. */
  #best(found: readonly BaselineEntry[], atMs: number): BaselineMatch {
    let best: BaselineEntry | undefined;
    let rank = BASELINE_STANDINGS.length - 1;
    for (const entry of found) {
      const at = BASELINE_STANDINGS.indexOf(standingOf(entry, atMs));
      if (at > rank || (at === rank && best !== undefined && exactness(entry) <= exactness(best))) continue;
      best = entry;
      rank = at;
    }
    return { standing: best === undefined ? 'unknown' : (BASELINE_STANDINGS[rank] ?? 'unknown'), entry: best };
  }

  /** How many entries have expired by a time: two times with the same number are judged alike. */
  expiredBy(atMs: number): number {
    let n = 0;
    while (n < this.#expiries.length && (this.#expiries[n] ?? 0) <= atMs) n++;
    return n;
  }

  /** Whether a layer is judged: it has an approved entry. */
  judges(layer: BaselineLayer): boolean {
    for (const allowed of this.#protocols.get(layer)?.values() ?? [])
      if (allowed.some(({ status }) => status === 'approved')) return true;
    return false;
  }

  /** How a protocol stands at a layer, by its key (see `protocolKey`). */
  protocol(layer: BaselineLayer, key: string, atMs: number): BaselineStanding {
    let rank = BASELINE_STANDINGS.length - 1;
    for (const allowed of this.#protocols.get(layer)?.get(key) ?? [])
      rank = Math.min(rank, BASELINE_STANDINGS.indexOf(standingOf(allowed, atMs)));
    return BASELINE_STANDINGS[rank] ?? 'unknown';
  }

  /** Keys under a layer with port ranges in them, as in 'tcp/5000-5010', for what nobody recognises. */
  portRule(transport: string, port: number, atMs: number): BaselineStanding {
    let rank = BASELINE_STANDINGS.length - 1;
    for (const [key, list] of this.#protocols.get('application') ?? []) {
      const ports = portsOf(key);
      if (ports === undefined || ports.transport !== transport || port < ports.from || port > ports.to) continue;
      for (const allowed of list) rank = Math.min(rank, BASELINE_STANDINGS.indexOf(standingOf(allowed, atMs)));
    }
    return BASELINE_STANDINGS[rank] ?? 'unknown';
  }

  /** Hour of the week in the baseline's zone, 0 to 167 from Monday 00:00; -1 for a time that no calendar holds. */
  hourOfWeek(epochMs: number): number {
    return hourOfWeek(epochMs, this.#zone);
  }

  /**
   * What a device is worth, 1 to 5: by `importance`, else by its role; undefined for what the baseline does not know or does not say. Goes by the address, and by the hardware address where one is given.
   */
  importanceOf(address: string, mac?: string): number | undefined {
    const { standing, entry } = this.match(mac, address, Number.NEGATIVE_INFINITY);
    return standing === 'approved' ? entry?.importance : undefined;
  }

  /** Whether a peer is one of those that an entry names. @param name the server's name, where the traffic shows one. */
  allowsPeer(
    entry: BaselineEntry,
    peer: { readonly address: string; readonly mac: string | undefined; readonly name: string | undefined },
    isHome: boolean,
    atMs: number,
  ): boolean {
    const { peers } = entry;
    if (peers === undefined) return true;
    const name = peer.name?.toLowerCase().replace(/\.$/, '');
    return peers.some(({ kind, networks, devices, domain }) => {
      if (kind === 'home') return isHome;
      if (kind === 'internet') return !isHome;
      if (kind === 'network') return networks?.has(peer.address) === true;
      if (kind === 'domain') return name !== undefined && (name === domain || name.endsWith(`.${domain}`));
      if (kind === 'any') return true;
      const found = this.match(peer.mac, peer.address, atMs, isHome).entry;
      return found !== undefined && devices?.includes(found.index) === true;
    });
  }
}

interface Allowed {
  readonly status: BaselineStatus;
  readonly expiresMs: number | undefined;
}

function standingOf({ status, expiresMs }: Allowed, atMs: number): BaselineStanding {
  if (status === 'proposed') return 'proposed';
  return expiresMs !== undefined && atMs >= expiresMs ? 'expired' : 'approved';
}

function exactness({ macs, prefixes, networks }: BaselineEntry): number {
  if (macs.length > 0) return 1000;
  const bits = prefixes.reduce((most, prefix) => Math.max(most, prefix.bits), 0);
  if (bits > 0) return 200 + bits;
  return (networks?.networks ?? []).reduce((most, network) => {
    const slash = network.indexOf('/');
    return Math.max(most, slash < 0 ? 128 : Number(network.slice(slash + 1)));
  }, 0);
}

/** Hour of the week in a zone, 0 to 167 from Monday 00:00; -1 for a time that no calendar holds. */
export function hourOfWeek(epochMs: number, zone: Zone): number {
  const hour = Math.floor(zone.localMs(epochMs) / HOUR_MS) + EPOCH_HOURS;
  return Number.isFinite(hour) ? ((hour % WEEK_HOURS) + WEEK_HOURS) % WEEK_HOURS : -1;
}

/** Whether one of the rules covers what was seen. */
export function allowsService(rules: readonly ServiceRule[], seen: SeenService): boolean {
  return rules.some(({ service, transport, from, to }) => {
    if (transport !== undefined && transport !== seen.transport) return false;
    if ((from > 0 || to < 65_535) && (seen.port === undefined || seen.port < from || seen.port > to)) return false;
    if (service === undefined || service === seen.service) return true;
    // What was recognised by its content once may be seen without any another time: then the port speaks.
    return to === from && (seen.service === undefined || seen.guessed);
  });
}

/** Lower case with colons; undefined for what is no MAC. */
export function normalMac(text: string): string | undefined {
  const digits = text.toLowerCase().replace(/[:.-]/g, '');
  return /^[0-9a-f]{12}$/.test(digits) ? (digits.match(/../g)?.join(':') ?? undefined) : undefined;
}

/** 'b8:27:eb', 'B827EB', '70:b3:d5:7f:20:00/36' as digits and bits; undefined for what is none. */
export function parseMacPrefix(text: string): MacPrefix | undefined {
  const [body = '', length] = text.split('/');
  const digits = body.toLowerCase().replace(/[:.-]/g, '');
  const bits = length === undefined ? 4 * digits.length : Number(length);
  if (!/^[0-9a-f]{6,12}$/.test(digits) || !(bits >= 24 && bits <= 48 && bits <= 4 * digits.length)) return undefined;
  return { digits, bits };
}

/** Whether a MAC (lower case with colons) begins with a prefix. */
export function hasPrefix(mac: string, { digits, bits }: MacPrefix): boolean {
  const own = mac.replaceAll(':', '');
  const whole = bits >> 2;
  if (own.slice(0, whole) !== digits.slice(0, whole)) return false;
  const rest = bits & 3;
  if (rest === 0) return true;
  const mask = (0xf << (4 - rest)) & 0xf;
  const at = (hex: string): number => Number.parseInt(hex[whole] ?? '0', 16) & mask;
  return at(own) === at(digits);
}

// ------------------------------------------------------------------------------------------------------------- texts of the file

/** The first text of a document that says something impossible: a network, a name, a service, a peer, a zone. */
export function baselineFault(document: BaselineDocument): BaselineFault | undefined {
  try {
    new Zone(document.timeZone ?? 'UTC');
  } catch {
    const zone = document.timeZone ?? '';
    const near = nearest(zone, Intl.supportedValuesOf('timeZone'));
    return {
      path: ['timeZone'],
      message: `'${safeText(zone, 60)}' is no time zone`,
      hint: near === undefined ? 'for example Europe/Berlin, +02:00 or UTC' : `did you mean '${near}'?`,
    };
  }
  for (const layer of ['link', 'network', 'transport', 'application'] as const) {
    for (const [i, item] of (document.protocols?.[layer] ?? []).entries()) {
      const one = typeof item === 'string' ? { name: item } : item;
      const fault = protocolFault(layer, one.name);
      const path = ['protocols', layer, i, ...(typeof item === 'string' ? [] : ['name'])];
      if (fault !== undefined) return { path, ...fault };
      if ('expires' in one && one.expires !== undefined && Number.isNaN(expiryMs(one.expires)))
        return { path: ['protocols', layer, i, 'expires'], ...NO_DATE };
    }
  }
  const devices = document.devices ?? [];
  const names = new Set(devices.flatMap(({ name }) => (name === undefined ? [] : [name.toLowerCase()])));
  for (const [i, device] of devices.entries()) {
    const fault = deviceFault(device, names);
    if (fault !== undefined) return { ...fault, path: ['devices', i, ...fault.path] };
  }
  return undefined;
}

const NO_DATE = { message: 'no calendar has this day', hint: "for example '2026-12-31'" };

function deviceFault(device: BaselineDevice, names: ReadonlySet<string>): BaselineFault | undefined {
  const at = (key: 'ip' | 'vendorPrefix' | 'hours', j: number): (string | number)[] =>
    Array.isArray(device[key]) ? [key, j] : [key];
  for (const [j, text] of listOf(device.vendorPrefix).entries())
    if (parseMacPrefix(text) === undefined)
      return {
        path: at('vendorPrefix', j),
        message: `'${safeText(text, 40)}' is no beginning of a MAC`,
        hint: "24 to 48 bits, as in 'b8:27:eb' or '70:b3:d5:7f:20:00/36'",
      };
  for (const [j, text] of listOf(device.ip).entries())
    if (NetworkSet.parse([text]) === undefined)
      return {
        path: at('ip', j),
        message: `'${safeText(text, 60)}' is neither an address nor a network`,
        hint: "as in '192.168.10.5' or '192.168.10.0/24'",
      };
  for (const [j, text] of listOf(device.hours).entries())
    if (hoursOf(text) === undefined)
      return {
        path: at('hours', j),
        message: `'${safeText(text, 60)}' names no hours`,
        hint: "as in 'mon-fri 07:00-19:00', 'sat' or '22:00-06:00'",
      };
  if (device.expires !== undefined && Number.isNaN(expiryMs(device.expires))) return { path: ['expires'], ...NO_DATE };
  for (const key of ['services', 'uses'] as const) {
    for (const [j, text] of (device[key] ?? []).entries()) {
      const fault = serviceFault(text);
      if (fault !== undefined) return { path: [key, j], ...fault };
    }
  }
  for (const [j, text] of (device.peers ?? []).entries()) {
    const rule = peerKind(text, names);
    if (rule !== undefined) continue;
    const near = nearest(text, [...names, 'home', 'internet']);
    return {
      path: ['peers', j],
      message: `'${safeText(text, 60)}' is no address, no device of this baseline and no domain`,
      hint:
        near === undefined
          ? "give an address, a network, a name under devices, a domain as in '*.example.com', home, internet or *"
          : `did you mean '${near}'?`,
    };
  }
  return undefined;
}

function serviceFault(text: string): { readonly message: string; readonly hint: string } | undefined {
  const key = protocolKey(text);
  if (key === '*') return undefined;
  const slash = key.indexOf('/');
  if (slash < 0) return transportOf(key) === undefined ? protocolFault('application', text) : undefined;
  const name = key.slice(0, slash);
  if (portsOf(key) === undefined)
    return {
      message: `'${safeText(text, 60)}' names no port`,
      hint: "as in 'tcp/9100', 'http/8080' or 'udp/5000-5010'",
    };
  return transportOf(name) === undefined ? protocolFault('application', text.slice(0, text.indexOf('/'))) : undefined;
}

function transportOf(key: string): string | undefined {
  return key === 'tcp' || key === 'udp' || key === 'sctp' ? key : undefined;
}

/** The rule of one text; throws for what `serviceFault` finds fault with. */
export function serviceRule(text: string): ServiceRule {
  const key = protocolKey(text);
  if (key === '*') return { text, service: undefined, transport: undefined, from: 0, to: 65_535 };
  const ports = portsOf(key);
  if (ports === undefined && key.includes('/')) throw new Error(`no service: ${text}`);
  const name = ports?.transport ?? key;
  const transport = transportOf(name);
  return {
    text,
    service: transport === undefined ? protocolKey(name) : undefined,
    transport,
    from: ports?.from ?? 0,
    to: ports?.to ?? 65_535,
  };
}

const DOMAIN_TEXT =
  /^(?:\*\.)?(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+\.?$/i;

function peerKind(text: string, names: { readonly has: (name: string) => boolean }): PeerRule['kind'] | undefined {
  const key = text.toLowerCase();
  if (key === '*') return 'any';
  if (key === 'home' || key === 'internet') return key;
  if (names.has(key)) return 'device';
  if (NetworkSet.parse([text]) !== undefined) return 'network';
  return DOMAIN_TEXT.test(text) ? 'domain' : undefined;
}

function readDevice(
  device: BaselineDevice,
  index: number,
  names: ReadonlyMap<string, readonly number[]>,
): BaselineEntry {
  const macs = listOf(device.mac).flatMap((text) => normalMac(text) ?? []);
  const prefixes = listOf(device.vendorPrefix).flatMap((text) => parseMacPrefix(text) ?? []);
  const ips = listOf(device.ip);
  const networks = ips.length === 0 ? undefined : NetworkSet.parse(ips);
  if (ips.length > 0 && networks === undefined) throw new Error(`not all are networks: ${ips.join(', ')}`);
  const role = (device.role ?? '').toLowerCase().replace(/[\s_-]+/g, '');
  const hours = listOf(device.hours).map((text) => hoursOf(text));
  return {
    index,
    label: device.name ?? listOf(device.mac)[0] ?? listOf(device.vendorPrefix)[0] ?? ips[0] ?? '',
    device,
    status: device.status ?? 'approved',
    macs,
    prefixes,
    networks,
    expiresMs: expiryMs(device.expires),
    services: device.services?.map(serviceRule),
    uses: device.uses?.map(serviceRule),
    peers: device.peers?.map((text) => peerRule(text, names)),
    hours:
      hours.length === 0
        ? undefined
        : Uint8Array.from({ length: WEEK_HOURS }, (_, hour) => (hours.some((set) => set?.[hour] === 1) ? 1 : 0)),
    importance: device.importance ?? ROLE_IMPORTANCE[role],
    isRouter: ROUTER_ROLES.has(role),
  };
}

function peerRule(text: string, names: ReadonlyMap<string, readonly number[]>): PeerRule {
  const key = text.toLowerCase();
  const kind = peerKind(text, names);
  if (kind === undefined) throw new Error(`no peer: ${text}`);
  const networks = kind === 'network' ? NetworkSet.parse([text]) : undefined;
  return {
    text,
    kind,
    ...(networks === undefined ? {} : { networks }),
    ...(kind === 'device' ? { devices: names.get(key) ?? [] } : {}),
    ...(kind === 'domain' ? { domain: key.replace(/^\*\./, '').replace(/\.$/, '') } : {}),
  };
}

/** One text or several as a list; empty for none. */
export function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** The end of a day in UTC, or the moment; NaN for what no calendar has; undefined for nothing. */
function expiryMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const day = /^(\d{4})-(\d{2})-(\d{2})/.exec(text);
  const startMs = Date.parse(text.includes('T') ? text : `${text}T00:00:00Z`);
  // Some readers of dates roll the 31st of a short month over.
  const real = new Date(Date.UTC(Number(day?.[1]), Number(day?.[2]) - 1, Number(day?.[3])));
  if (Number.isNaN(startMs) || real.getUTCDate() !== Number(day?.[3])) return Number.NaN;
  return text.includes('T') ? startMs : startMs + DAY_MS;
}

/** The hours of a week that a text names, from Monday 00:00; undefined for a text that names none. */
export function hoursOf(text: string): Uint8Array | undefined {
  const match =
    /^(?:(daily|[a-z]{3})(?:-([a-z]{3}))?)?(?:(?:^| )(\d{2}):00-(\d{2}):00)?$/i.exec(text.trim().toLowerCase()) ??
    undefined;
  if (match === undefined || text.trim() === '') return undefined;
  const [, first, last, from, to] = match;
  const begin = first === undefined || first === 'daily' ? 0 : DAYS.indexOf(first);
  const end = first === undefined || first === 'daily' ? 6 : DAYS.indexOf(last ?? first);
  if (begin < 0 || end < 0 || (first === 'daily' && last !== undefined)) return undefined;
  const fromHour = Number(from ?? 0);
  const toHour = Number(to ?? 24);
  if (fromHour === toHour || fromHour > 23 || toHour > 24 || toHour === 0) return undefined;
  const hours = new Uint8Array(WEEK_HOURS);
  const days = ((end - begin + 7) % 7) + 1;
  const length = toHour > fromHour ? toHour - fromHour : toHour + 24 - fromHour;
  for (let d = 0; d < days; d++)
    for (let h = 0; h < length; h++) hours[(((begin + d) % 7) * 24 + fromHour + h) % WEEK_HOURS] = 1;
  return hours;
}

function isSingle(network: string): boolean {
  const [address = '', bits] = network.split('/');
  return bits === undefined || Number(bits) === (address.includes(':') ? 128 : 32);
}

/** An address as flows write it. */
function canonical(network: string): string {
  const [address = ''] = network.split('/');
  const parsed = parseAddress(address);
  if (parsed === undefined) return address;
  const { words, isV6 } = parsed;
  return isV6 ? formatIpv6(...words) : formatIpv4(words[0]);
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address);
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else if (!list.includes(value)) list.push(value);
}
