import { Random } from '../core/index.ts';
import { encodeDnsMessage, encodeIcmp, PROTO } from '../wire/index.ts';
import { chance, exponential, randomBytes, streamSeed } from './chance.ts';
import type { Engine, Step } from './engine.ts';
import type { AddressWords, FrameMaker } from './frame-maker.ts';
import { type Host, type Network, portAfter, type Subnet } from './network.ts';
import type { Behavior, Scenario } from './scenario.ts';
import { startSeconds, zoneOffsetMinutes } from './scenario.ts';

/** What processes act in: the clock, the wire, and the small memories that hosts have (neighbours, names, ports). */

export const MS = 1000;
export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const BROADCAST = new Uint8Array(6).fill(0xff);
/** How long a host believes what it has heard of a neighbour's MAC. */
const NEIGHBOUR_US = 20 * MINUTE;
/** Entries of each memory at most; the oldest goes. */
const MAX_MEMORY = 100_000;
const DAY_NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** Answers that the simulated DNS gives: addresses, an alias, how long they hold. */
export interface NameAnswer {
  readonly host: Host | undefined;
  readonly ttl: number;
}

export class World {
  readonly engine: Engine;
  readonly wire: FrameMaker;
  readonly network: Network;
  readonly behavior: Behavior;
  readonly seed: number;
  readonly startMs: number;
  readonly durationUs: number;
  #officeFrom: number;
  #officeTo: number;
  #officeDays: ReadonlySet<string>;
  #zoneMinutes: number;
  /** By origin: what it has resolved on its own account. Ordinary traffic has 0; an attack reads that too but writes its own, so it changes nothing for others. */
  #neighbours: Map<number, number>[] = [];
  #names: Map<string, number>[] = [];
  #ports: Map<number, number>[] = [];

  constructor(scenario: Scenario, seed: number, engine: Engine, wire: FrameMaker, network: Network) {
    this.engine = engine;
    this.wire = wire;
    this.network = network;
    this.behavior = scenario.behavior;
    this.seed = seed;
    this.startMs = startSeconds(scenario) * 1000;
    this.durationUs = scenario.duration * MS;
    this.#officeFrom = scenario.officeHours.from;
    this.#officeTo = scenario.officeHours.to;
    this.#officeDays = new Set(scenario.officeHours.days);
    this.#zoneMinutes = zoneOffsetMinutes(scenario.timeZone, this.startMs);
  }

  /** An independent stream of chance for an actor. */
  stream(name: string): Random {
    return new Random(streamSeed(this.seed, name));
  }

  get nowMs(): number {
    return this.startMs + this.engine.now / 1000;
  }

  /** Local minute of the day at a time of the simulation. The zone's offset at the start holds throughout. */
  minuteOfDay(us: number): number {
    const minutes = this.startMs / 60_000 + us / MINUTE + this.#zoneMinutes;
    return ((minutes % 1440) + 1440) % 1440;
  }

  /** Microseconds from `us` to the next time the clock shows a minute of the day, 0 when it does now. */
  untilMinute(us: number, minute: number): number {
    const now = this.minuteOfDay(us);
    return Math.round(((minute - now + 1440) % 1440) * MINUTE);
  }

  isOfficeDay(us: number): boolean {
    const day = new Date(this.startMs + us / 1000 + this.#zoneMinutes * 60_000).getUTCDay();
    return this.#officeDays.has(DAY_NAMES[day] ?? '');
  }

  isOfficeTime(us: number): boolean {
    const minute = this.minuteOfDay(us);
    return minute >= this.#officeFrom && minute < this.#officeTo && this.isOfficeDay(us);
  }

  get officeFrom(): number {
    return this.#officeFrom;
  }

  get officeTo(): number {
    return this.#officeTo;
  }

  /** Time until an answer from a host passes the tap. */
  answerUs(host: Host, random: Random): number {
    return host.roundTripUs + exponential(random, host.roundTripUs * 0.05 + 15);
  }

  /** The next source port of a host. Attacks count on their own. */
  port(host: Host): number {
    const { origin } = this.engine;
    if (origin === 0) {
      host.nextPort = portAfter(host, host.nextPort);
      return host.nextPort;
    }
    this.#ports[origin] ??= new Map();
    const ports = this.#ports[origin];
    const from = ports.get(host.index) ?? portAfter(host, host.nextPort + 4001);
    const next = portAfter(host, from);
    remember(ports, host.index, next);
    return next;
  }

  /** Whose MAC a frame from one host to another goes to: its own, or the gateway's. */
  nextHop(from: Host, to: Host): Host {
    if (!from.isLocal) return from.subnet.gateway;
    return to.isLocal && to.subnet === from.subnet ? to : from.subnet.gateway;
  }

  /** MACs of a frame between two hosts, as the tap sees it. */
  destinationMac(from: Host, to: Host): Uint8Array {
    if (to.isLocal && (!from.isLocal || from.subnet === to.subnet)) return to.mac;
    return from.isLocal ? from.subnet.gateway.mac : to.mac;
  }

  /** Resolves the next hop by ARP (RFC 826) or neighbour discovery (RFC 4861), unless the host knows it still. */
  *resolve(from: Host, to: Host, random: Random, isV6 = false): Step {
    const [asker, asked] = from.isLocal ? [from, this.nextHop(from, to)] : [to.subnet.gateway, to];
    if (!asker.isLocal || !asked.isLocal || asker === asked) return;
    const key = (asker.index * 65_536 + asked.index) * 2 + (isV6 ? 1 : 0);
    if (this.#knowsNeighbour(key)) return;
    const { origin } = this.engine;
    this.#neighbours[origin] ??= new Map();
    const known = this.#neighbours[origin];
    remember(known, key, this.engine.now + NEIGHBOUR_US + Math.round(exponential(random, 5 * MINUTE)));
    // Who is asked learns the asker's address from the question.
    remember(known, (asked.index * 65_536 + asker.index) * 2 + (isV6 ? 1 : 0), this.engine.now + NEIGHBOUR_US);
    if (isV6) {
      this.neighbourSolicit(asker, asked);
      yield this.answerUs(asked, random) * 0.6;
      this.neighbourAdvertise(asked, asker);
    } else {
      this.arp(1, asker, asker.v4[0], undefined, asked.v4[0], BROADCAST);
      yield this.answerUs(asked, random) * 0.6;
      this.arp(2, asked, asked.v4[0], asker.mac, asker.v4[0], asker.mac);
    }
    yield 20 + exponential(random, 40);
  }

  #knowsNeighbour(key: number): boolean {
    const { now, origin } = this.engine;
    const own = this.#neighbours[origin]?.get(key) ?? 0;
    const common = this.#neighbours[0]?.get(key) ?? 0;
    return own > now || common > now;
  }

  arp(
    operation: number,
    sender: { readonly mac: Uint8Array },
    senderWord: number,
    targetMac: Uint8Array | undefined,
    targetWord: number,
    destination: Uint8Array = BROADCAST,
  ): void {
    this.wire.arp(
      this.engine.now,
      this.engine.origin,
      operation,
      sender.mac,
      senderWord,
      targetMac,
      targetWord,
      destination,
    );
  }

  neighbourSolicit(asker: Host, asked: Host): void {
    const target = asked.linkLocal;
    const low = target[3];
    const group: AddressWords = [0xff020000, 0, 1, (0xff000000 | (low & 0xffffff)) >>> 0];
    const mac = Uint8Array.of(0x33, 0x33, 0xff, low >>> 16, low >>> 8, low);
    this.icmp6(asker, asker.linkLocal, mac, group, neighbourMessage(135, 0, target, 1, asker.mac), 255);
  }

  neighbourAdvertise(asked: Host, asker: Host): void {
    this.icmp6(
      asked,
      asked.linkLocal,
      asker.mac,
      asker.linkLocal,
      neighbourMessage(136, asked.role === 'gateway' ? 0xe0000000 : 0x60000000, asked.linkLocal, 2, asked.mac),
      255,
    );
  }

  icmp6(
    from: Host,
    source: AddressWords,
    mac: Uint8Array,
    destination: AddressWords,
    message: Uint8Array,
    hopLimit: number,
  ): void {
    this.wire.ip(from.mac, mac, true, source, destination, PROTO.icmpv6, hopLimit, 0);
    this.wire.icmp(this.engine.now, this.engine.origin, message, true);
  }

  /** An ICMP message between hosts. */
  icmp(from: Host, to: Host, message: Uint8Array, random: Random): void {
    this.wire.ip(
      from.mac,
      this.destinationMac(from, to),
      false,
      from.v4,
      to.v4,
      PROTO.icmp,
      from.ttl,
      random.below(65_536),
    );
    this.wire.icmp(this.engine.now, this.engine.origin, message, false);
  }

  /** A UDP datagram between hosts: `head`, then `filler` bytes that nobody can read. */
  udp(
    from: Host,
    fromPort: number,
    to: Host,
    toPort: number,
    head: Uint8Array,
    filler = 0,
    identification = 0,
    isV6 = false,
  ): void {
    this.wire.ip(
      from.mac,
      this.destinationMac(from, to),
      isV6,
      isV6 ? (from.v6 ?? from.linkLocal) : from.v4,
      isV6 ? (to.v6 ?? to.linkLocal) : to.v4,
      PROTO.udp,
      from.ttl,
      identification,
    );
    this.wire.udp(this.engine.now, this.engine.origin, fromPort, toPort, head, filler, identification);
  }

  /** A UDP datagram to an address that is no host's: broadcast or multicast. @param source the sender's address where it is not yet its own. */
  udpGroup(
    from: Host,
    fromPort: number,
    group: AddressWords,
    toPort: number,
    head: Uint8Array,
    ttl: number,
    random: Random,
    isV6 = false,
    source = isV6 ? from.linkLocal : from.v4,
  ): void {
    const word = isV6 ? group[3] : group[0];
    const isMulticast = !isV6 && word >>> 28 === 14;
    const mac = isV6
      ? Uint8Array.of(0x33, 0x33, word >>> 24, word >>> 16, word >>> 8, word)
      : isMulticast
        ? Uint8Array.of(1, 0, 0x5e, (word >>> 16) & 0x7f, word >>> 8, word)
        : BROADCAST;
    this.wire.ip(from.mac, mac, isV6, source, group, PROTO.udp, ttl, random.below(65_536));
    this.wire.udp(this.engine.now, this.engine.origin, fromPort, toPort, head);
  }

  /** Resolves a name at the DNS server, unless the host remembers the answer. Gives the server, undefined when there is none. */
  *lookup(from: Host, name: string, random: Random, exists = true): Step<Host | undefined> {
    const local = this.network.find(name);
    if (local?.isLocal === true && !name.includes('.')) return local;
    if (from === this.network.dns) return exists ? this.network.server(name) : undefined;
    const key = `${from.index} ${name}`;
    const { now, origin } = this.engine;
    const host = exists ? (local ?? this.network.server(name)) : undefined;
    if ((this.#names[origin]?.get(key) ?? 0) > now || (this.#names[0]?.get(key) ?? 0) > now) return host;
    const ttl = exists ? ttlOf(name) : 300;
    yield* this.query(from, name, 1, random, (id) => this.#answer(id, name, 1, host, ttl, random));
    // Who has IPv6 asks for it in the same breath; systems of today ask always.
    if (from.os !== 'embedded' && chance(random, 0.7)) {
      const six = from.v6 !== undefined && host?.v6 !== undefined && this.behavior.ipv6Share > 0;
      yield* this.query(from, name, 28, random, (id) =>
        this.#answer(id, name, 28, six ? host : undefined, ttl, random, exists),
      );
    }
    this.#names[origin] ??= new Map();
    remember(this.#names[origin], key, this.engine.now + ttl * SECOND);
    return host;
  }

  #answer(
    id: number,
    name: string,
    type: number,
    host: Host | undefined,
    ttl: number,
    random: Random,
    exists = host !== undefined,
  ): Uint8Array {
    const questions = [{ name, type }];
    if (host === undefined || (type === 28 && host.v6 === undefined)) {
      const zone = name.split('.').slice(-2).join('.');
      return encodeDnsMessage({
        id,
        isResponse: true,
        recursionDesired: true,
        recursionAvailable: true,
        rcode: exists ? 0 : 3,
        questions,
        authorities: [
          { name: zone, type: 6, ttl: 300, data: `ns1.${zone} hostmaster.${zone} 2026030201 7200 3600 1209600 300` },
        ],
        edns: {},
      });
    }
    // Large sites answer through the name of their delivery network.
    const alias = /^(cdn|static|img|js)\./.test(name)
      ? `${name.split('.')[0]}.d${(host.v4[0] & 0xfff).toString(16)}.edge-fabric.example`
      : undefined;
    const data = type === 1 ? host.address : formatWords(host.v6 ?? [0, 0, 0, 0]);
    const left = Math.max(1, Math.round(ttl * (1 - 0.3 * random.float())));
    return encodeDnsMessage({
      id,
      isResponse: true,
      recursionDesired: true,
      recursionAvailable: true,
      questions,
      answers:
        alias === undefined
          ? [{ name, type, ttl: left, data }]
          : [
              { name, type: 5, ttl: left, data: alias },
              { name: alias, type, ttl: Math.min(left, 60), data },
            ],
      edns: {},
    });
  }

  /** One question to the DNS server and its answer, `response` of the id. */
  *query(from: Host, name: string, type: number, random: Random, response: (id: number) => Uint8Array): Step {
    const { dns } = this.network;
    yield* this.resolve(from, dns, random);
    const port = this.port(from);
    const id = random.below(65_536);
    const question = encodeDnsMessage({
      id,
      recursionDesired: true,
      questions: [{ name, type }],
      ...(from.os === 'embedded' ? {} : { edns: {} }),
    });
    const identification = random.below(65_536);
    this.udp(from, port, dns, 53, question, 0, identification);
    // Half of what is asked the server has at hand; for the rest it asks the Internet.
    yield this.answerUs(dns, random) +
      (chance(random, 0.5) ? exponential(random, 300) : 6000 + exponential(random, 18_000));
    this.udp(dns, 53, from, port, response(id), 0, random.below(65_536));
    yield this.answerUs(from, random) * 0.3 + 100;
  }

  /** Echo requests and their answers. */
  *ping(from: Host, to: Host, times: number, everyUs: number, random: Random): Step {
    yield* this.resolve(from, to, random);
    const identifier = random.below(65_536);
    const payload = randomBytes(random, from.os === 'windows' ? 32 : 56);
    for (let sequence = 1; sequence <= times; sequence++) {
      this.icmp(from, to, encodeIcmp({ type: 8, identifier, sequence, payload }), random);
      const wait = this.answerUs(to, random);
      yield wait;
      this.icmp(to, from, encodeIcmp({ type: 0, identifier, sequence, payload }), random);
      yield Math.max(0, everyUs - wait);
    }
  }

  /** An address in a subnet that nobody has, or undefined. */
  freeAddress(subnet: Subnet, after = 0): number | undefined {
    for (let word = subnet.free + after; word < subnet.broadcast; word++)
      if (this.network.hostAt(word) === undefined) return word;
    return undefined;
  }
}

function remember<K>(map: Map<K, number>, key: K, value: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_MEMORY) return;
  const oldest = map.keys().next();
  if (oldest.done !== true) map.delete(oldest.value);
}

/** TTL of a name: delivery networks a minute, others minutes to an hour. */
function ttlOf(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0;
  return /^(cdn|static|img|js|api)\./.test(name) ? 60 : ([300, 600, 1800, 3600][hash & 3] ?? 300);
}

export function formatWords(words: AddressWords): string {
  return words.map((word) => `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`).join(':');
}

/** Neighbour solicitation or advertisement with a link-layer address option, RFC 4861 sections 4.3 and 4.4; checksum empty. */
function neighbourMessage(
  type: number,
  flags: number,
  target: AddressWords,
  option: number,
  mac: Uint8Array,
): Uint8Array {
  const out = new Uint8Array(32);
  const view = new DataView(out.buffer);
  out[0] = type;
  view.setUint32(4, flags);
  target.forEach((word, i) => {
    view.setUint32(8 + 4 * i, word);
  });
  out[24] = option;
  out[25] = 1;
  out.set(mac, 26);
  return out;
}
