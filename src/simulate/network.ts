import { Random, UserError } from '../core/index.ts';
import { formatIpv4, hexToBytes, parseAddress } from '../wire/index.ts';
import { chance, integer, pick, streamSeed } from './chance.ts';
import type { AddressWords } from './frame-maker.ts';
import type { HostRole, OperatingSystem, Scenario } from './scenario.ts';

/**
 * Who there is: the hosts of the scenario and the servers of an Internet that belongs to nobody. Its names end in .example (RFC 2606), its addresses come from the networks for
 * documentation and benchmarks (RFC 5737, RFC 2544, RFC 3849): no simulated flow can be mistaken for a real party's.
 */

export interface Host {
  /** Number among the hosts, for tables by pair; of a server of the Internet, one that its name gives. */
  readonly index: number;
  readonly name: string;
  readonly role: HostRole | 'gateway' | 'internet';
  readonly os: OperatingSystem;
  /** Of whoever puts its frames onto the wire: of servers on the Internet, the gateway's. */
  readonly mac: Uint8Array;
  readonly macText: string;
  readonly v4: AddressWords;
  readonly address: string;
  readonly v6: AddressWords | undefined;
  readonly linkLocal: AddressWords;
  readonly isLocal: boolean;
  readonly subnet: Subnet;
  /** Microseconds from the tap to it and back. */
  readonly roundTripUs: number;
  /** Mbit/s of its link. */
  readonly mbit: number;
  /** TTL of its packets where they pass the tap. */
  readonly ttl: number;
  /** Next ephemeral port of its ordinary traffic. */
  nextPort: number;
  readonly random: Random;
}

export interface Subnet {
  readonly name: string;
  /** First address and the number of them. */
  readonly base: number;
  readonly size: number;
  readonly prefix6: readonly [number, number] | undefined;
  gateway: Host;
  readonly broadcast: number;
  /** First address that neither the gateway nor a host has. */
  free: number;
}

/** Prefixes that vendors of such things have (IEEE registry), by role and system. */
const VENDOR_PREFIXES: Readonly<Record<string, readonly string[]>> = {
  'workstation.windows': ['3c5282', '8c04ba', '00d861', '54bf64'],
  'workstation.linux': ['54bf64', '8c04ba', 'd8cb8a'],
  'workstation.macos': ['a4839f', 'f01898', '3c22fb'],
  'laptop.macos': ['a4839f', 'f01898', '3c22fb'],
  'laptop.windows': ['34cff6', '9c2976', 'd89ef3'],
  'laptop.linux': ['34cff6', 'd89ef3'],
  'phone.ios': ['f01898', 'bcd074'],
  'phone.android': ['8c7a3d', '5c5188'],
  server: ['0894ef', '3cecef', '246e96'],
  nas: ['001132', '245ebe'],
  printer: ['00206b', '3cd92b', '9c934e'],
  camera: ['acccb8', 'c056e3'],
  iot: ['2462ab', '5ccf7f', '84f3eb'],
  voip: ['805ec0', '00156d'],
  gateway: ['7483c2'],
};

const DEFAULT_SYSTEMS: Readonly<Record<HostRole, readonly OperatingSystem[]>> = {
  workstation: ['windows', 'windows', 'windows', 'linux'],
  laptop: ['macos', 'windows'],
  phone: ['ios', 'android'],
  server: ['linux', 'windows'],
  nas: ['linux'],
  printer: ['embedded'],
  camera: ['embedded'],
  iot: ['embedded'],
  voip: ['embedded'],
};

const FIRST_PORT: Readonly<Record<OperatingSystem, number>> = {
  windows: 49_152,
  macos: 49_152,
  ios: 49_152,
  linux: 32_768,
  android: 32_768,
  embedded: 49_152,
};
const LAST_PORT: Readonly<Record<OperatingSystem, number>> = {
  windows: 65_535,
  macos: 65_535,
  ios: 65_535,
  linux: 60_999,
  android: 60_999,
  embedded: 65_535,
};

/** First TTL of a system's packets. */
export function firstTtl(os: OperatingSystem): number {
  return os === 'windows' ? 128 : os === 'embedded' ? 255 : 64;
}

/** Ordinary servers of the Internet at most; names beyond share addresses with others. */
const MAX_SERVERS = 20_000;
const INTERNET_BASE = 0xc6120000;
const INTERNET_SIZE = 1 << 17;

export class Network {
  readonly hosts: Host[] = [];
  readonly subnets: Subnet[] = [];
  readonly domain: string;
  readonly dns: Host;
  #servers = new Map<string, Host>();
  #byName = new Map<string, Host>();
  #byAddress = new Map<string, Host>();
  #next = 0;
  #seed: number;

  constructor(scenario: Scenario, seed: number) {
    const { network } = scenario;
    this.domain = network.domain;
    this.#seed = seed;
    const taken = new Set<number>();
    for (const entry of network.hosts) if (entry.address !== undefined) taken.add(wordOf(entry.address));
    network.subnets.forEach((given, i) => {
      const [text = '', bits = '24'] = given.cidr.split('/');
      const size = 2 ** (32 - Number(bits));
      const word = wordOf(text);
      const base = word - (word % size);
      const six = given.cidr6 === undefined ? undefined : parseAddress(given.cidr6.split('/')[0] ?? '')?.words;
      const gatewayWord = given.gateway === undefined ? base + 1 : wordOf(given.gateway);
      if (gatewayWord <= base || gatewayWord >= base + size - 1)
        throw new UserError(
          `network.subnets.${i}.gateway: ${given.gateway} is not in ${given.cidr}`,
          `give an address of that network, as in ${formatIpv4(base + 1)}`,
        );
      const subnet = {
        name: given.name,
        base,
        size,
        prefix6: six === undefined ? undefined : ([six[0], six[1]] as const),
        broadcast: base + size - 1,
        free: base + 2,
      } as Subnet;
      taken.add(gatewayWord);
      this.subnets.push(subnet);
      const gateway = this.#local(subnet, {
        name: i === 0 ? 'gateway' : `gateway-${given.name}`,
        role: 'gateway',
        os: 'linux',
        word: gatewayWord,
      });
      subnet.gateway = gateway;
    });
    network.hosts.forEach((entry, i) => {
      const subnet = this.subnets.find(({ name }) => name === entry.subnet) ?? this.subnets[0];
      if (subnet === undefined) throw new Error('a network has a subnet');
      for (let n = 0; n < entry.count; n++) {
        const base = entry.name ?? entry.role;
        const name = entry.count === 1 && entry.name !== undefined ? base : `${base}-${String(n + 1).padStart(2, '0')}`;
        if (this.#byName.has(name))
          throw new UserError(
            `network.hosts.${i}: there are two hosts called '${name}'`,
            'give each group a name of its own',
          );
        const systems = DEFAULT_SYSTEMS[entry.role];
        const os = entry.os ?? systems[n % systems.length] ?? 'linux';
        let word = entry.address === undefined ? undefined : wordOf(entry.address);
        if (word !== undefined && (word <= subnet.base || word >= subnet.broadcast))
          throw new UserError(
            `network.hosts.${i}.address: ${entry.address} is not in subnet ${subnet.name}`,
            `give an address between ${formatIpv4(subnet.base + 1)} and ${formatIpv4(subnet.broadcast - 1)}`,
          );
        if (word === undefined) {
          word = this.#freeWord(subnet, taken);
          if (word === undefined)
            throw new UserError(
              `network.hosts.${i}: subnet ${subnet.name} has no address left for ${name}`,
              'make the network larger or the hosts fewer',
            );
          taken.add(word);
        }
        this.#local(subnet, {
          name,
          role: entry.role,
          os,
          word,
          ...(entry.mac === undefined ? {} : { mac: entry.mac.toLowerCase() }),
        });
      }
    });
    for (const subnet of this.subnets) this.#freeWord(subnet, taken);
    const dns = network.dns === undefined ? undefined : this.#byAddress.get(network.dns);
    if (network.dns !== undefined && dns === undefined)
      throw new UserError(
        `network.dns: no host has the address ${network.dns}`,
        'list the DNS server among the hosts with its address, or leave network.dns out',
      );
    const gateway = this.subnets[0]?.gateway;
    if (gateway === undefined) throw new Error('a network has a subnet');
    this.dns = dns ?? gateway;
  }

  /** Hosts of these roles, in the scenario's order. */
  withRole(...roles: readonly string[]): Host[] {
    return this.hosts.filter((host) => roles.includes(host.role));
  }

  /** A host by name or address; of an address or a name that no host has, the server on the Internet. Undefined for an address in a subnet that nobody has. */
  find(text: string): Host | undefined {
    const known =
      this.#byName.get(text) ?? this.#byAddress.get(text) ?? this.#byName.get(text.replace(`.${this.domain}`, ''));
    if (known !== undefined) return known;
    const parsed = parseAddress(text);
    if (parsed === undefined) return text.includes('.') ? this.server(text) : undefined;
    if (parsed.isV6) return undefined;
    const word = parsed.words[0] >>> 0;
    if (this.subnetOf(word) !== undefined) return undefined;
    return this.server(text, word);
  }

  subnetOf(word: number): Subnet | undefined {
    return this.subnets.find(({ base, size }) => word >= base && word < base + size);
  }

  hostAt(word: number): Host | undefined {
    return this.#byAddress.get(formatIpv4(word));
  }

  /** The server of a name on the Internet, the same whenever it is asked for. */
  server(name: string, at?: number): Host {
    const known = this.#servers.get(name);
    if (known !== undefined) return known;
    const random = new Random(streamSeed(this.#seed, `server ${name}`));
    const gateway = this.subnets[0]?.gateway;
    if (gateway === undefined) throw new Error('a network has a gateway');
    const word = at ?? INTERNET_BASE + 256 + random.below(INTERNET_SIZE - 512);
    const hops = integer(random, 7, 18);
    const os: OperatingSystem = chance(random, 0.9) ? 'linux' : 'windows';
    const host: Host = {
      // Not the next number: who is asked for first must not change what others are like.
      index: 65_536 + random.below(1 << 20),
      name,
      role: 'internet',
      os,
      mac: gateway.mac,
      macText: gateway.macText,
      v4: [word, 0, 0, 0],
      address: formatIpv4(word),
      v6:
        at === undefined
          ? [0x20010db8, 0xf0000000 | (random.uint32() & 0xffff), 0, 1 + random.below(0xffff)]
          : undefined,
      linkLocal: [0xfe800000, 0, 0, 1],
      isLocal: false,
      subnet: gateway.subnet,
      roundTripUs:
        pick(random, [8000, 11_000, 14_000, 18_000, 24_000, 32_000, 95_000, 140_000]) * (0.8 + 0.4 * random.float()),
      mbit: 100,
      ttl: firstTtl(os) - hops,
      nextPort: 1024,
      random,
    };
    if (this.#servers.size < MAX_SERVERS) this.#servers.set(name, host);
    return host;
  }

  /** A device that the scenario does not list: an attack brings it along. */
  stranger(name: string, mac: string, word: number, os: OperatingSystem): Host {
    const subnet = this.subnetOf(word) ?? this.subnets[0];
    if (subnet === undefined) throw new Error('a network has a subnet');
    return this.#make(subnet, { name, role: 'laptop', os, word, mac });
  }

  #freeWord(subnet: Subnet, taken: ReadonlySet<number>): number | undefined {
    while (taken.has(subnet.free) && subnet.free < subnet.broadcast) subnet.free++;
    return subnet.free < subnet.broadcast ? subnet.free : undefined;
  }

  #local(
    subnet: Subnet,
    fields: { name: string; role: HostRole | 'gateway'; os: OperatingSystem; word: number; mac?: string },
  ): Host {
    const host = this.#make(subnet, fields);
    if (this.#byAddress.has(host.address))
      throw new UserError(`network: two hosts have the address ${host.address}`, 'give each one of its own');
    this.hosts.push(host);
    this.#byName.set(host.name, host);
    this.#byAddress.set(host.address, host);
    return host;
  }

  #make(
    subnet: Subnet,
    fields: { name: string; role: HostRole | 'gateway'; os: OperatingSystem; word: number; mac?: string },
  ): Host {
    const { name, role, os, word } = fields;
    const random = new Random(streamSeed(this.#seed, `host ${name}`));
    const prefix = pick(random, VENDOR_PREFIXES[`${role}.${os}`] ?? VENDOR_PREFIXES[role] ?? ['3c5282']);
    // Phones of today show a random address to each network: locally administered.
    const digits =
      fields.mac?.replaceAll(':', '') ??
      (role === 'phone' ? hex(random, 1, 2) : prefix) + hex(random, role === 'phone' ? 5 : 3);
    const mac = hexToBytes(digits);
    const suffix: [number, number] = [random.uint32() & ~0x02000000, random.uint32()];
    return {
      index: this.#next++,
      name,
      role,
      os,
      mac,
      macText: digits.replace(/(..)(?=.)/g, '$1:'),
      v4: [word, 0, 0, 0],
      address: formatIpv4(word),
      v6:
        subnet.prefix6 === undefined || role === 'printer' || role === 'iot' || role === 'camera' || role === 'voip'
          ? undefined
          : [subnet.prefix6[0], subnet.prefix6[1], suffix[0] >>> 0, suffix[1]],
      linkLocal: [0xfe800000, 0, suffix[0] >>> 0, suffix[1]],
      isLocal: true,
      subnet,
      roundTripUs: role === 'iot' || role === 'phone' ? 4000 : role === 'laptop' ? 2500 : 250,
      mbit: role === 'iot' || role === 'camera' ? 20 : role === 'phone' || role === 'laptop' ? 150 : 1000,
      ttl: firstTtl(os),
      nextPort: FIRST_PORT[os] + random.below(8000),
      random,
    };
  }
}

function hex(random: Random, bytes: number, laa = -1): string {
  let out = '';
  for (let i = 0; i < bytes; i++) {
    const byte = laa >= 0 && i === 0 ? (random.below(256) & 0xfc) | laa : random.below(256);
    out += byte.toString(16).padStart(2, '0');
  }
  return out;
}

function wordOf(text: string): number {
  return (parseAddress(text)?.words[0] ?? 0) >>> 0;
}

/** The port after one, within the ephemeral range of the host's system. */
export function portAfter(host: Host, port: number): number {
  const last = LAST_PORT[host.os];
  const next = port + 1 + (host.os === 'linux' || host.os === 'android' ? 1 : 0);
  return next > last || next < FIRST_PORT[host.os] ? FIRST_PORT[host.os] + (next & 1) : next;
}

/** Sites that people visit, most popular first. */
export const SITES: readonly string[] = (
  'search-harbor.example news-meridian.example mailpost.example shop-arcadia.example video-lumen.example wiki-commons.example weather-vane.example maps-atlas.example ' +
  'forum-agora.example code-foundry.example bank-northern.example travel-compass.example recipes-saffron.example sports-arena.example jobs-ladder.example cloud-cirrus.example ' +
  'social-plaza.example music-octave.example photo-aperture.example health-clinic.example tax-office.example library-folio.example auction-gavel.example games-arcade.example ' +
  'docs-quill.example learn-academy.example rail-express.example insurance-umbrella.example hotel-lantern.example garden-trellis.example radio-antenna.example press-gazette.example ' +
  'tools-anvil.example parts-depot.example school-chalk.example museum-gallery.example pharmacy-mortar.example cinema-reel.example event-calendar.example city-council.example'
).split(' ');

/** Hosts from which pages load what they embed. */
export const EMBEDDED: readonly string[] = (
  'cdn.edge-fabric.example static.edge-fabric.example img.pixel-store.example fonts.type-cast.example api.metric-well.example ads.banner-works.example tags.consent-kit.example ' +
  'js.script-shelf.example cdn.video-lumen.example collect.metric-well.example pay.checkout-rail.example chat.help-desk.example'
).split(' ');
