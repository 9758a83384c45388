import { nearest, type Random, UserError } from '../core/index.ts';
import {
  ByteWriter,
  encodeDhcp,
  encodeDnsMessage,
  encodeIcmp,
  encodeNtpPrivate,
  encodeStratum,
  formatIpv4,
  NetworkSet,
  PROTO,
  TCP_ACK,
  TCP_RST,
  TCP_SYN,
} from '../wire/index.ts';
import {
  BASE32_LETTERS,
  between,
  chance,
  exponential,
  fork,
  HEX_LETTERS,
  integer,
  LETTERS,
  pick,
  randomBytes,
  randomText,
} from './chance.ts';
import {
  ftpDialog,
  httpExchange,
  rdpDialog,
  remoteServiceDialog,
  SmbTalk,
  sshDialog,
  utf8,
  wmiDialog,
} from './dialog.ts';
import type { Engine, Process, Step } from './engine.ts';
import type { Host } from './network.ts';
import { dhcpExchange, mask } from './ordinary.ts';
import type { Attack, AttackOf } from './scenario.ts';
import { TcpTalk } from './tcp-talk.ts';
import { systemClient, TlsTalk } from './tls-talk.ts';
import { MINUTE, MS, SECOND, type World } from './world.ts';

/**
 * The attacks. Each acts on an account of its own, with its own stream of chance, its own memory of neighbours and names and its own ports: what others do is the same, byte for byte,
 * with it and without it. All its packets, answers of the victims included, carry its label.
 */

const NO_BYTES = new Uint8Array();
const ALL_ONES = [0xffffffff, 0, 0, 0] as const;

/** Where attackers live when the scenario does not say: TEST-NET-2 and TEST-NET-3. */
const ATTACKER = '203.0.113.66';
const CONTROL = '198.51.100.23';
/** Ports that something answers at, by role; scanners find these open. */
const OPEN_PORTS: Readonly<Record<string, readonly number[]>> = {
  server: [22, 80, 443],
  nas: [22, 80, 139, 443, 445, 5000],
  printer: [80, 443, 515, 631, 9100],
  camera: [80, 554],
  gateway: [22, 53, 80, 443],
  workstation: [135, 139, 445],
  laptop: [],
  phone: [],
  iot: [80],
  voip: [80, 5060],
  internet: [80, 443],
};

/** An attack with the name of its label. */
export interface NamedAttack {
  readonly id: string;
  readonly attack: Attack;
}

export function nameAttacks(attacks: readonly Attack[]): NamedAttack[] {
  const names = attacks.map((attack, i) => attack.id ?? `${attack.kind}-${i + 1}`);
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined)
    throw new UserError(`two attacks have the id '${repeated}'`, 'give each an id of its own, or none');
  return attacks.map((attack, i) => ({ id: names[i] ?? '', attack }));
}

/** Starts attack number `origin`, from 1. Throws UserError for hosts that do not exist; what else does not fit together is found when the attack begins. */
export function startAttack(world: World, { id, attack }: NamedAttack, origin: number): void {
  const random = world.stream(`attack ${id} ${attack.kind}`);
  const start =
    attack.start === undefined
      ? world.durationUs / 4
      : 'afterMs' in attack.start
        ? attack.start.afterMs * MS
        : world.untilMinute(0, attack.start.minuteOfDay);
  const end =
    attack.duration === undefined ? world.durationUs : Math.min(world.durationUs, start + attack.duration * MS);
  const actor = { world, random, id };
  if (attack.from !== undefined) hostOf(actor, attack.from, 'from');
  if ('to' in attack && attack.to !== undefined) targets(actor, attack.to, () => []);
  world.engine.spawn(limited(world.engine, processOf(actor, attack), end), start, origin);
}

/** A process that ends at a time, whatever it is at. */
function* limited(engine: Engine, routine: Process, endUs: number): Process {
  for (;;) {
    if (engine.now >= endUs) return;
    const step = routine.next();
    if (step.done === true) return;
    yield step.value;
  }
}

interface Actor {
  readonly world: World;
  readonly random: Random;
  readonly id: string;
}

function processOf(actor: Actor, attack: Attack): Process {
  switch (attack.kind) {
    case 'scan':
      return scan(actor, attack);
    case 'arp-scan':
      return arpScan(actor, attack);
    case 'icmp-sweep':
      return icmpSweep(actor, attack);
    case 'brute-force':
      return bruteForce(actor, attack);
    case 'beacon':
      return beacon(actor, attack);
    case 'dns-tunnel':
      return dnsTunnel(actor, attack);
    case 'dga':
      return dga(actor, attack);
    case 'exfiltration':
      return exfiltration(actor, attack);
    case 'flood':
      return flood(actor, attack);
    case 'amplification':
      return amplification(actor, attack);
    case 'icmp-tunnel':
      return icmpTunnel(actor, attack);
    case 'mining':
      return mining(actor, attack);
    case 'remote-control':
      return remoteControl(actor, attack);
    case 'shell':
      return shell(actor, attack);
    case 'new-device':
      return newDevice(actor, attack);
    case 'arp-spoof':
      return arpSpoof(actor, attack);
    case 'rogue-dhcp':
      return rogueDhcp(actor, attack);
    case 'lateral-movement':
      return lateralMovement(actor, attack);
    case 'cleartext-login':
      return cleartextLogin(actor, attack);
  }
}

// ---- who ----

function hostOf(actor: Actor, text: string, key: string): Host {
  const { network } = actor.world;
  if (text.length > 200 || !/^[\w-]{1,63}(\.[\w-]{1,63})*$/.test(text))
    throw new UserError(
      `attack ${actor.id}: ${key}: '${text.slice(0, 80)}' is neither a host name, a domain nor an IPv4 address`,
      'for example ws-01, 203.0.113.66 or status.update-relay.example',
    );
  const host = network.find(text);
  if (host !== undefined) return host;
  const near = nearest(
    text,
    network.hosts.map(({ name }) => name),
  );
  throw new UserError(
    `attack ${actor.id}: ${key}: no host is called '${text}'`,
    near === undefined ? 'name a host of the scenario, or an address outside its networks' : `did you mean '${near}'?`,
  );
}

/** The machine of a person that was taken over, unless the scenario names one. */
function insider(actor: Actor, from: string | undefined): Host {
  if (from !== undefined) return hostOf(actor, from, 'from');
  const { network } = actor.world;
  const people = network.withRole('workstation', 'laptop');
  const candidates = people.length > 0 ? people : network.hosts.filter(({ role }) => role !== 'gateway');
  if (candidates.length === 0)
    throw new UserError(`attack ${actor.id}: the scenario has no host it could start from`, 'list hosts, or say from');
  return pick(actor.random, candidates);
}

/** The same, for what only a neighbour can do. */
function neighbour(actor: Actor, from: string | undefined): Host {
  const host = insider(actor, from);
  if (host.isLocal) return host;
  throw new UserError(`attack ${actor.id}: from: ${host.name} is not in the office`, 'name a host of the scenario');
}

function outsider(actor: Actor, from: string | undefined, standard: string): Host {
  return hostOf(actor, from ?? standard, from === undefined ? 'default' : 'from');
}

function server(actor: Actor, to: string | undefined, besides: Host): Host {
  if (to !== undefined) return hostOf(actor, to, 'to');
  const { network } = actor.world;
  const candidates = [...network.withRole('server'), ...network.withRole('nas'), ...network.hosts].filter(
    (host) => host !== besides,
  );
  const [first] = candidates;
  if (first === undefined)
    throw new UserError(`attack ${actor.id}: the scenario has no host it could be done to`, 'list hosts, or say to');
  return first;
}

/** IPv4 addresses of names, addresses and networks, in order; at most 65,536. */
function targets(actor: Actor, to: string | readonly string[] | undefined, fallback: () => number[]): number[] {
  if (to === undefined) return fallback();
  const words: number[] = [];
  for (const text of typeof to === 'string' ? [to] : to) {
    const slash = text.indexOf('/');
    if (slash < 0) {
      words.push(addressWord(text) ?? hostOf(actor, text, 'to').v4[0]);
      continue;
    }
    const base = addressWord(text.slice(0, slash));
    const bits = Number(text.slice(slash + 1));
    if (base === undefined || NetworkSet.parse([text]) === undefined || bits < 16)
      throw new UserError(
        `attack ${actor.id}: to: '${text}' is no IPv4 network of at most 65,536 addresses`,
        'for example 192.168.10.0/24',
      );
    const size = 2 ** (32 - bits);
    const first = base - (base % size);
    for (let i = size > 2 ? 1 : 0; i < (size > 2 ? size - 1 : size); i++) words.push(first + i);
    if (words.length > 65_536) throw new UserError(`attack ${actor.id}: to: more than 65,536 targets`, 'name fewer');
  }
  return words;
}

function addressWord(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1).map(Number);
  return octets.some((octet) => octet > 255) ? undefined : octets.reduce((word, octet) => word * 256 + octet, 0);
}

/** Every address of the subnet of a host but its own. */
function neighbourhood(host: Host): number[] {
  const { base, size } = host.subnet;
  const out: number[] = [];
  for (let i = 1; i < Math.min(size - 1, 1023); i++) if (base + i !== host.v4[0]) out.push(base + i);
  return out;
}

/** Whether a server answers at an address of the Internet: at seven of ten. */
function isThere(word: number): boolean {
  return (Math.imul(word, 0x9e3779b1) >>> 0) % 10 < 7;
}

/** An address that nobody has in the office, or a server of the Internet there. */
function ghost(actor: Actor, word: number): { readonly host: Host; readonly exists: boolean } {
  const { network } = actor.world;
  const known = network.hostAt(word);
  if (known !== undefined) return { host: known, exists: true };
  const subnet = network.subnetOf(word);
  if (subnet === undefined) return { host: network.server(formatIpv4(word), word), exists: isThere(word) };
  return {
    host: {
      ...subnet.gateway,
      name: formatIpv4(word),
      v4: [word, 0, 0, 0],
      address: formatIpv4(word),
      role: 'workstation',
    },
    exists: false,
  };
}

/** The gap before the next of so many per second: regular as programs are, with a little noise. */
function gapUs(random: Random, perSecond: number): number {
  return (SECOND / perSecond) * between(random, 0.85, 1.15);
}

// ---- reconnaissance ----

function* scan(actor: Actor, attack: AttackOf<'scan'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const isVertical = attack.to !== undefined && typeof attack.to === 'string' && !attack.to.includes('/');
  const words = targets(actor, attack.to, () =>
    from.isLocal ? neighbourhood(from) : world.network.hosts.map((host) => host.v4[0]),
  );
  const ports =
    attack.ports ??
    (isVertical
      ? Array.from({ length: attack.portCount }, (_, i) => i + 1)
      : attack.technique === 'udp'
        ? [161]
        : [445]);
  const rate = attack.rate * attack.intensity;
  // The same source port for every probe, as scanners with raw sockets do; `connect` takes a new one each.
  const port = integer(random, 33_000, 62_000);
  // Every target and port once: target by target for one port after the other, or, of one target, ports out of order, a step apart that shares no factor with their number.
  const total = ports.length * words.length;
  const step = isVertical ? coprimeStep(random, total) : 1;
  const unreachable = new Set<number>();
  for (let n = 0, at = 0; n < total; n++, at = (at + step) % total) {
    const word = words[at % words.length] ?? 0;
    const destination = ports[Math.floor(at / words.length)] ?? 0;
    const { host, exists } = ghost(actor, word);
    if (host.v4[0] === from.v4[0]) continue;
    const isNeighbour = from.isLocal && world.network.subnetOf(word) === from.subnet;
    if (isNeighbour && !exists) {
      // Nobody answers the question whose address it is: the probe is never sent.
      if (!unreachable.has(word)) {
        if (unreachable.size < 65_536) unreachable.add(word);
        world.engine.spawn(limited(world.engine, unanswered(world, from, word), world.engine.now + 4 * SECOND));
      }
    } else
      world.engine.spawn(
        probe(
          actor,
          attack.technique,
          from,
          host,
          exists,
          destination,
          attack.technique === 'connect' ? undefined : port,
          fork(random),
        ),
      );
    yield gapUs(random, rate);
  }
}

function coprimeStep(random: Random, total: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let step = 1 + Math.floor(total * (0.3 + 0.3 * random.float()));
  while (divisor(step, total) !== 1) step++;
  return step;
}

function shuffle<T>(random: Random, list: T[]): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const a = list[i];
    const b = list[j];
    if (a === undefined || b === undefined) return;
    list[i] = b;
    list[j] = a;
  }
}

function* unanswered(world: World, from: Host, word: number): Process {
  for (let i = 0; i < 3; i++) {
    world.arp(1, from, from.v4[0], undefined, word);
    yield SECOND;
  }
}

function* probe(
  actor: Actor,
  technique: AttackOf<'scan'>['technique'],
  from: Host,
  to: Host,
  exists: boolean,
  port: number,
  sourcePort: number | undefined,
  random: Random,
): Process {
  const { world } = actor;
  const isOpen = exists && (OPEN_PORTS[to.role] ?? []).includes(port);
  // Firewalls of personal systems drop what they do not expect; others say no.
  const isSilent =
    !exists ||
    (!isOpen && (to.role === 'laptop' || to.role === 'phone' || to.role === 'internet' || to.os === 'windows'));
  yield* world.resolve(from, to, random);
  if (technique === 'udp') {
    const source = sourcePort ?? world.port(from);
    const body =
      port === 53
        ? encodeDnsMessage({ id: 1, questions: [{ name: 'version.bind', type: 16, class: 3 }] })
        : new Uint8Array(port === 161 ? 0 : 8);
    world.udp(from, source, to, port, body, 0, random.below(65_536));
    if (isSilent || isOpen) return;
    yield world.answerUs(to, random);
    const quote = quotedUdp(from, to, source, port, body.length);
    world.icmp(to, from, encodeIcmp({ type: 3, code: 3, payload: quote }), random);
    return;
  }
  const talk = new TcpTalk(world, from, to, port, random, sourcePort === undefined ? {} : { port: sourcePort });
  if (isSilent) yield* talk.fail('silent', technique === 'syn' ? 0 : 1);
  else if (!isOpen) yield* talk.fail('refused');
  else if (technique === 'connect') {
    yield* talk.open();
    talk.reset();
  } else {
    talk.bare(true, TCP_SYN);
    yield world.answerUs(to, random);
    talk.bare(false, TCP_SYN | TCP_ACK);
    yield world.answerUs(from, random);
    talk.bare(true, TCP_RST);
  }
}

/** The start of the datagram that an ICMP error answers, as it was when it arrived: its IP header and 8 bytes (RFC 792). */
function quotedUdp(from: Host, to: Host, sourcePort: number, port: number, bytes: number): Uint8Array {
  const header = new ByteWriter()
    .u8(0x45)
    .u8(0)
    .u16(28 + bytes)
    .u32(0x4000)
    .u8(from.ttl)
    .u8(PROTO.udp)
    .u16(0)
    .u32(from.v4[0])
    .u32(to.v4[0])
    .finish();
  const view = new DataView(header.buffer, header.byteOffset);
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += view.getUint16(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~sum & 0xffff);
  return new ByteWriter()
    .bytes(header)
    .u16(sourcePort)
    .u16(port)
    .u16(8 + bytes)
    .u16(0)
    .finish();
}

function* arpScan(actor: Actor, attack: AttackOf<'arp-scan'>): Process {
  const { world, random } = actor;
  const from = neighbour(actor, attack.from);
  for (const word of neighbourhood(from)) {
    world.arp(1, from, from.v4[0], undefined, word);
    const host = world.network.hostAt(word);
    if (host !== undefined)
      world.engine.spawn(
        later(world.answerUs(host, random), () => world.arp(2, host, word, from.mac, from.v4[0], from.mac)),
      );
    yield gapUs(random, attack.rate * attack.intensity);
  }
}

function* later(us: number, act: () => void): Process {
  yield us;
  act();
}

function* icmpSweep(actor: Actor, attack: AttackOf<'icmp-sweep'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const words = targets(actor, attack.to, () => neighbourhood(from));
  const identifier = random.below(65_536);
  let sequence = 0;
  for (const word of words) {
    const { host, exists } = ghost(actor, word);
    const isNeighbour = from.isLocal && world.network.subnetOf(word) === from.subnet;
    sequence = (sequence + 1) & 0xffff;
    if (isNeighbour && !exists)
      world.engine.spawn(limited(world.engine, unanswered(world, from, word), world.engine.now + 2 * SECOND));
    else {
      const number = sequence;
      world.engine.spawn(
        (function* (): Process {
          yield* world.resolve(from, host, random);
          const payload = new Uint8Array(8);
          world.icmp(from, host, encodeIcmp({ type: 8, identifier, sequence: number, payload }), random);
          if (!exists || (host.os === 'windows' && host.role !== 'server')) return;
          yield world.answerUs(host, random);
          world.icmp(host, from, encodeIcmp({ type: 0, identifier, sequence: number, payload }), random);
        })(),
      );
    }
    yield gapUs(random, attack.rate * attack.intensity);
  }
}

// ---- getting in ----

const USERS = ['root', 'admin', 'administrator', 'test', 'user', 'oracle', 'backup', 'ubuntu', 'postgres', 'guest'];
const PASSWORDS = [
  '123456',
  'password',
  'admin',
  'letmein',
  'qwerty',
  'welcome1',
  'Summer2025!',
  'changeme',
  'P@ssw0rd',
  'root',
];

function* bruteForce(actor: Actor, attack: AttackOf<'brute-force'>): Process {
  const { world, random } = actor;
  const from = outsider(actor, attack.from, ATTACKER);
  const to = server(actor, attack.to, from);
  const { attempts, service, success } = attack;
  // SSH servers let three guesses pass in a connection; the others one.
  const perConnection = service === 'ssh' ? 3 : 1;
  const connections = Math.ceil(attempts / perConnection);
  for (let i = 0; i < connections; i++) {
    const isIn = success && i === connections - 1;
    const guesses = Math.min(perConnection, attempts - i * perConnection);
    world.engine.spawn(guess(world, service, from, to, fork(random), guesses, isIn));
    yield gapUs(random, (attack.rate * attack.intensity) / perConnection);
  }
}

function* guess(
  world: World,
  service: AttackOf<'brute-force'>['service'],
  from: Host,
  to: Host,
  random: Random,
  guesses: number,
  succeeds: boolean,
): Process {
  switch (service) {
    case 'ssh':
      yield* sshDialog(world, from, to, random, {
        failures: succeeds ? guesses - 1 : guesses,
        succeeds,
        seconds: succeeds ? 120 : 0,
        software: 'libssh2_1.11.0',
      });
      return;
    case 'rdp':
      yield* rdpDialog(world, from, to, random, pick(random, USERS), succeeds ? 180 : 0);
      return;
    case 'ftp':
      yield* ftpDialog(
        world,
        from,
        to,
        random,
        pick(random, USERS),
        pick(random, PASSWORDS),
        succeeds,
        succeeds ? 2_000_000 : 0,
      );
      return;
    case 'smb': {
      const tcp = new TcpTalk(world, from, to, 445, random);
      yield* tcp.open();
      const smb = new SmbTalk(tcp, random);
      const isIn = yield* smb.login(world, from, to, { user: pick(random, USERS), domain: 'OFFICE', succeeds });
      if (isIn) {
        yield* smb.connect(to, 'C$');
        yield* smb.end();
      } else yield* tcp.close();
      return;
    }
    case 'http': {
      const talk = new TcpTalk(world, from, to, 80, random);
      yield* talk.open();
      yield* httpExchange(talk, random, {
        method: 'POST',
        target: '/login',
        host: to.address,
        agent: 'python-requests/2.32.3',
        upText: `user=${pick(random, USERS)}&password=${pick(random, PASSWORDS)}`,
        headers: [['Content-Type', 'application/x-www-form-urlencoded']],
        ...(succeeds
          ? { status: 302, reason: 'Found', down: 120 }
          : { status: 401, reason: 'Unauthorized', down: 480 }),
        thinkMs: 60,
      });
      yield* talk.close();
    }
  }
}

function* cleartextLogin(actor: Actor, attack: AttackOf<'cleartext-login'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const to =
    attack.to === undefined ? world.network.server('files.old-partner.example') : hostOf(actor, attack.to, 'to');
  for (let i = 0; i < attack.logins; i++) {
    if (!to.isLocal && to.name.includes('.') && !/^[\d.]+$/.test(to.name)) yield* world.lookup(from, to.name, random);
    if (attack.service === 'ftp')
      yield* ftpDialog(world, from, to, random, 'bookkeeping', 'Winter-2024', true, 300_000);
    else {
      const talk = new TcpTalk(world, from, to, 80, random);
      yield* talk.open();
      // RFC 7617 of bookkeeping:Winter-2024.
      yield* httpExchange(talk, random, {
        method: 'GET',
        target: '/intranet/reports',
        host: to.name,
        agent: 'simulated-client/2.1',
        headers: [['Authorization', 'Basic Ym9va2tlZXBpbmc6V2ludGVyLTIwMjQ=']],
        down: 30_000,
      });
      yield* talk.close();
    }
    yield (attack.period * MS * between(random, 0.8, 1.2)) / attack.intensity;
  }
}

// ---- command and control ----

function* beacon(actor: Actor, attack: AttackOf<'beacon'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const name = attack.to ?? (attack.protocol === 'tcp' ? CONTROL : 'status.update-relay.example');
  const to = hostOf(actor, name, 'to');
  const isName = /[a-z]/i.test(name) && !to.isLocal;
  const { bytes } = attack;
  for (;;) {
    const begun = world.engine.now;
    if (isName && attack.protocol !== 'dns') yield* world.lookup(from, name, random);
    const up = Math.round(bytes * between(random, 0.97, 1.03));
    if (attack.protocol === 'https') {
      const tls = new TlsTalk(world, from, to, attack.port ?? 443, random, {
        client: 'golang',
        serverName: isName ? name : undefined,
      });
      yield* tls.open();
      yield* tls.exchange(up, bytes / 2, exponential(random, 20 * MS));
      yield* tls.close();
    } else if (attack.protocol === 'http') {
      const talk = new TcpTalk(world, from, to, attack.port ?? 80, random);
      yield* talk.open();
      yield* httpExchange(talk, random, {
        method: 'POST',
        target: '/api/v2/status',
        host: name,
        agent: 'Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)',
        up,
        down: Math.round(bytes / 2),
        type: 'application/octet-stream',
      });
      yield* talk.close();
    } else if (attack.protocol === 'tcp') {
      const talk = new TcpTalk(world, from, to, attack.port ?? 4444, random);
      yield* talk.open();
      yield* talk.send(true, NO_BYTES, up);
      yield* talk.wait(false, 10 * MS);
      yield* talk.send(false, NO_BYTES, Math.max(1, Math.round(bytes / 2)));
      yield* talk.wait(true);
      yield* talk.close();
    } else {
      const label = randomText(random, 16, HEX_LETTERS);
      const zone = isName ? name : 'status.update-relay.example';
      const question = `${label}.${zone}`;
      yield* world.query(from, question, 16, random, (id) =>
        encodeDnsMessage({
          id,
          isResponse: true,
          recursionDesired: true,
          recursionAvailable: true,
          questions: [{ name: question, type: 16 }],
          answers: [{ name: question, type: 16, ttl: 1, data: textRecord(randomText(random, 24, BASE32_LETTERS)) }],
        }),
      );
    }
    const interval = (attack.period * MS * (1 + attack.jitter * (2 * random.float() - 1))) / attack.intensity;
    yield Math.max(MS, interval - (world.engine.now - begun));
  }
}

/** TXT data of one string, RFC 1035 section 3.3.14. */
function textRecord(text: string): Uint8Array {
  const bytes = utf8(text);
  return Uint8Array.from([bytes.length, ...bytes]);
}

function* dnsTunnel(actor: Actor, attack: AttackOf<'dns-tunnel'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const { domain, labelBytes, type } = attack;
  const number = { A: 1, TXT: 16, CNAME: 5, NULL: 10 }[type];
  // A name has 253 characters at most; base32 carries five bytes in eight.
  const labels = Math.max(1, Math.floor((250 - domain.length - 6) / (labelBytes + 1)));
  const perQuery = Math.max(1, Math.floor((labels * labelBytes * 5) / 8));
  let counter = 0;
  for (;;) {
    const name = `${(counter++ & 0xfff).toString(16)}${Array.from({ length: labels }, () => `.${randomText(random, labelBytes, BASE32_LETTERS)}`).join('')}.${domain}`;
    const answer = (id: number): Uint8Array => {
      const data =
        type === 'A'
          ? `10.${random.below(256)}.${random.below(256)}.${random.below(256)}`
          : type === 'CNAME'
            ? `${randomText(random, Math.min(63, labelBytes), BASE32_LETTERS)}.${domain}`
            : type === 'TXT'
              ? textRecord(randomText(random, 180, BASE32_LETTERS))
              : randomBytes(random, 200);
      return encodeDnsMessage({
        id,
        isResponse: true,
        recursionDesired: true,
        recursionAvailable: true,
        questions: [{ name, type: number }],
        answers: [{ name, type: number, ttl: 0, data }],
      });
    };
    world.engine.spawn(world.query(from, name, number, fork(random), answer));
    yield gapUs(random, (attack.bytesPerSecond * attack.intensity) / perQuery);
  }
}

const DGA_ZONES = ['example', 'test', 'invalid'];

function* dga(actor: Actor, attack: AttackOf<'dga'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  for (;;) {
    const name = `${randomText(random, integer(random, Math.max(4, attack.nameLength - 3), attack.nameLength + 3), LETTERS)}.${pick(random, DGA_ZONES)}`;
    const exists = chance(random, attack.resolves);
    const session = fork(random);
    world.engine.spawn(
      (function* (): Process {
        const host = yield* world.lookup(from, name, session, exists);
        if (host === undefined) return;
        const tls = new TlsTalk(world, from, host, 443, session, { client: 'golang', serverName: name });
        yield* tls.open();
        yield* tls.exchange(400, 900, 20 * MS);
        yield* tls.close();
      })(),
    );
    yield exponential(random, MINUTE / (attack.namesPerMinute * attack.intensity));
  }
}

function* shell(actor: Actor, attack: AttackOf<'shell'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const to = hostOf(actor, attack.to ?? CONTROL, 'to');
  const talk = new TcpTalk(world, from, to, attack.port, random);
  yield* talk.open();
  yield* talk.send(
    true,
    utf8(
      'Microsoft Windows [Version 10.0.19045.5131]\r\n(c) Microsoft Corporation. All rights reserved.\r\n\r\nC:\\Users\\Public>',
    ),
  );
  const commands = [
    'whoami',
    'hostname',
    'ipconfig /all',
    'net user',
    'net view',
    'tasklist',
    'dir C:\\Users',
    'type notes.txt',
    'systeminfo',
    'arp -a',
  ];
  for (let i = 0; i < attack.commands; i++) {
    yield* talk.pause(exponential(random, (15 * SECOND) / attack.intensity));
    const command = pick(random, commands);
    yield* talk.send(false, utf8(`${command}\n`));
    yield* talk.wait(true, exponential(random, 200 * MS));
    const lines = Array.from({ length: integer(random, 2, 40) }, () =>
      randomText(random, integer(random, 8, 60), `${LETTERS}    ._-`),
    ).join('\r\n');
    yield* talk.send(true, utf8(`${command}\r\n${lines}\r\n\r\nC:\\Users\\Public>`));
  }
  yield* talk.close(false);
}

/** A connection over TCP of which only the sizes are told, as `TlsTalk` has them. */
class RawTalk {
  readonly tcp: TcpTalk;

  constructor(world: World, client: Host, server: Host, port: number, random: Random) {
    this.tcp = new TcpTalk(world, client, server, port, random);
  }

  *open(): Step {
    yield* this.tcp.open();
  }

  *send(fromClient: boolean, bytes: number): Step {
    yield* this.tcp.send(fromClient, NO_BYTES, bytes);
  }

  *exchange(up: number, down: number, thinkUs: number): Step {
    yield* this.send(true, up);
    yield* this.tcp.wait(false, thinkUs);
    yield* this.send(false, down);
    yield* this.tcp.wait(true);
  }

  *pause(us: number): Step {
    yield* this.tcp.pause(us);
  }
}

/** A remote-control tool: TLS with a certificate that it made itself, no server name, signs of life in one connection, and now and then a command with its answer. */
function* remoteControl(actor: Actor, attack: AttackOf<'remote-control'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const name = attack.to ?? CONTROL;
  const to = hostOf(actor, name, 'to');
  const certificateName = randomText(random, 9, LETTERS);
  const period = (attack.period * MS) / attack.intensity;
  const perSign = (attack.commands * attack.period) / (60 * 60_000);
  for (;;) {
    if (/[a-z]/i.test(name) && !to.isLocal) yield* world.lookup(from, name, random);
    const talk =
      attack.protocol === 'tcp'
        ? new RawTalk(world, from, to, attack.port, random)
        : new TlsTalk(world, from, to, attack.port, random, {
            client: systemClient(from),
            alpn: [],
            version: '1.2',
            isSelfSigned: true,
            certificateName,
          });
    yield* talk.open();
    yield* talk.exchange(420, 60, exponential(random, 20 * MS));
    // Lines break; it comes back.
    for (let left = integer(random, 40, 400); left > 0; left--) {
      yield* talk.pause(period * between(random, 0.8, 1.2));
      yield* talk.exchange(integer(random, 60, 90), integer(random, 40, 60), exponential(random, 20 * MS));
      if (chance(random, Math.min(1, perSign))) {
        yield* talk.send(false, integer(random, 80, 900));
        yield* talk.tcp.wait(true, exponential(random, 200 * MS));
        yield* talk.send(true, Math.round(2000 + exponential(random, 60_000)));
      }
    }
    talk.tcp.reset(true);
    yield between(random, 5, 30) * SECOND;
  }
}

function* mining(actor: Actor, attack: AttackOf<'mining'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const name = attack.to ?? 'pool.coin-quarry.example';
  const to = hostOf(actor, name, 'to');
  if (/[a-z]/i.test(name) && !to.isLocal) yield* world.lookup(from, name, random);
  const talk = new TcpTalk(world, from, to, attack.port, random);
  yield* talk.open();
  let id = 1;
  const job = (): object => ({
    jsonrpc: '2.0',
    method: 'job',
    params: {
      blob: randomText(random, 152, HEX_LETTERS),
      job_id: randomText(random, 12, HEX_LETTERS),
      target: 'b88d0600',
      height: 3_300_000 + id,
      seed_hash: randomText(random, 64, HEX_LETTERS),
      algo: 'rx/0',
    },
  });
  const call = function* (method: string, params: object, result: object): Step {
    yield* talk.send(true, encodeStratum([{ id, jsonrpc: '2.0', method, params }]));
    yield* talk.wait(false, exponential(random, 10 * MS));
    yield* talk.send(false, encodeStratum([{ id, jsonrpc: '2.0', error: null, result }]));
    id++;
    yield* talk.wait(true);
  };
  const worker = randomText(random, 15, HEX_LETTERS);
  yield* call(
    'login',
    {
      login: `4${randomText(random, 94, '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz')}`,
      pass: 'x',
      agent: 'XMRig/6.22.2 (Linux x86_64)',
      algo: ['rx/0', 'cn/r'],
    },
    { id: worker, job: job(), extensions: ['algo', 'nicehash'], status: 'OK' },
  );
  for (;;) {
    yield* talk.pause(exponential(random, (attack.period * MS) / attack.intensity));
    if (chance(random, 0.3)) {
      yield* talk.send(false, encodeStratum([job()]));
      yield* talk.wait(true);
    } else
      yield* call(
        'submit',
        {
          id: worker,
          job_id: randomText(random, 12, HEX_LETTERS),
          nonce: randomText(random, 8, HEX_LETTERS),
          result: randomText(random, 64, HEX_LETTERS),
        },
        { status: 'OK' },
      );
  }
}

// ---- taking things away ----

function* exfiltration(actor: Actor, attack: AttackOf<'exfiltration'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const name = attack.to ?? 'upload.paste-locker.example';
  const to = hostOf(actor, name, 'to');
  const isName = /[a-z]/i.test(name) && !to.isLocal;
  const upload = function* (bytes: number): Step {
    if (isName) yield* world.lookup(from, name, random);
    const tls = new TlsTalk(world, from, to, 443, random, { client: 'openssl', serverName: isName ? name : undefined });
    yield* tls.open();
    yield* tls.exchange(bytes, 400, 60 * MS);
    yield* tls.close();
  };
  if (attack.mode === 'burst') {
    yield* upload(Math.round(attack.bytes * attack.intensity));
    return;
  }
  for (let left = attack.bytes * attack.intensity; left > 0; left -= attack.chunk) {
    yield* upload(Math.min(left, attack.chunk) * between(random, 0.8, 1));
    yield attack.period * MS * between(random, 0.6, 1.4);
  }
}

function* icmpTunnel(actor: Actor, attack: AttackOf<'icmp-tunnel'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const to = hostOf(actor, attack.to ?? CONTROL, 'to');
  yield* world.resolve(from, to, random);
  const identifier = random.below(65_536);
  let sequence = 0;
  for (;;) {
    sequence = (sequence + 1) & 0xffff;
    const number = sequence;
    world.icmp(
      from,
      to,
      encodeIcmp({
        type: 8,
        identifier,
        sequence: number,
        payload: randomBytes(random, Math.round(attack.chunk * between(random, 0.7, 1))),
      }),
      random,
    );
    const answer = randomBytes(random, Math.round(attack.chunk * between(random, 0.1, 0.6)));
    world.engine.spawn(
      later(world.answerUs(to, random), () =>
        world.icmp(to, from, encodeIcmp({ type: 0, identifier, sequence: number, payload: answer }), random),
      ),
    );
    yield gapUs(random, (attack.bytesPerSecond * attack.intensity) / attack.chunk);
  }
}

// ---- denial of service ----

function* flood(actor: Actor, attack: AttackOf<'flood'>): Process {
  const { world, random } = actor;
  const { engine, wire } = world;
  const from = outsider(actor, attack.from, ATTACKER);
  const to = server(actor, attack.to, from);
  const rate = attack.rate * attack.intensity;
  const mac = from.mac;
  const end = attack.duration === undefined ? engine.now + 60 * SECOND : Number.POSITIVE_INFINITY;
  // What the victim still manages to answer each second.
  const answersPerSecond = 200;
  let allowance = answersPerSecond;
  let second = engine.now;
  const payload = randomBytes(random, attack.technique === 'syn' ? 0 : attack.bytes);
  while (engine.now < end) {
    if (engine.now - second > SECOND) {
      second = engine.now;
      allowance = answersPerSecond;
    }
    const source = attack.spoofed ? ([0xc6120000 + random.below(131_072), 0, 0, 0] as const) : from.v4;
    const sourcePort = integer(random, 49_152, 65_535);
    const ttl = attack.spoofed ? integer(random, 40, 120) : from.ttl;
    const protocol = attack.technique === 'syn' ? PROTO.tcp : attack.technique === 'udp' ? PROTO.udp : PROTO.icmp;
    wire.ip(mac, to.mac, false, source, to.v4, protocol, ttl, random.below(65_536));
    if (attack.technique === 'syn') {
      const sequence = random.uint32();
      wire.tcp(
        engine.now,
        engine.origin,
        sourcePort,
        attack.port,
        sequence,
        0,
        TCP_SYN,
        1024,
        NO_BYTES,
        NO_BYTES,
        0,
        0,
        0,
      );
      if (allowance-- > 0) {
        const isOpen = (OPEN_PORTS[to.role] ?? []).includes(attack.port);
        engine.spawn(
          later(world.answerUs(to, random), () => {
            wire.ip(to.mac, mac, false, to.v4, source, PROTO.tcp, to.ttl, 0);
            wire.tcp(
              engine.now,
              engine.origin,
              attack.port,
              sourcePort,
              isOpen ? random.uint32() : 0,
              (sequence + 1) >>> 0,
              isOpen ? TCP_SYN | TCP_ACK : TCP_RST | TCP_ACK,
              isOpen ? 64_240 : 0,
              isOpen ? Uint8Array.of(2, 4, 5, 0xb4) : NO_BYTES,
              NO_BYTES,
              0,
              0,
              0,
            );
          }),
        );
      }
    } else if (attack.technique === 'udp') wire.udp(engine.now, engine.origin, sourcePort, attack.port, payload);
    else
      wire.icmp(
        engine.now,
        engine.origin,
        encodeIcmp({ type: 8, identifier: random.below(65_536), sequence: 1, payload }),
        false,
      );
    yield gapUs(random, rate);
  }
}

/** Answers that the victim never asked for: somebody else did, in its name. */
function* amplification(actor: Actor, attack: AttackOf<'amplification'>): Process {
  const { world, random } = actor;
  const to = server(actor, attack.to, world.network.dns);
  const reflectors = Array.from({ length: attack.reflectors }, () =>
    world.network.server(formatIpv4(0xc6120000 + random.below(131_072)), 0xc6120000 + random.below(131_072)),
  );
  const end = attack.duration === undefined ? world.engine.now + 60 * SECOND : Number.POSITIVE_INFINITY;
  const name = 'large.zone-loud.example';
  const strings = new ByteWriter();
  for (let i = 0; i < 5; i++) strings.u8(230).bytes(utf8(randomText(random, 230, BASE32_LETTERS)));
  const port = integer(random, 20_000, 60_000);
  const answer = encodeDnsMessage({
    id: random.below(65_536),
    isResponse: true,
    recursionDesired: true,
    recursionAvailable: true,
    questions: [{ name, type: 255 }],
    answers: [{ name, type: 16, ttl: 3600, data: strings.finish() }],
    edns: { udpSize: 4096 },
  });
  const list = encodeNtpPrivate({
    version: 2,
    isResponse: true,
    isMore: true,
    implementation: 3,
    request: 42,
    items: 6,
    itemBytes: 72,
  });
  while (world.engine.now < end) {
    const from = pick(random, reflectors);
    if (attack.service === 'dns') world.udp(from, 53, to, port, answer, 0, random.below(65_536));
    else world.udp(from, 123, to, port, list, 0, random.below(65_536));
    yield gapUs(random, attack.rate * attack.intensity);
  }
}

// ---- on the wire of the office ----

function* newDevice(actor: Actor, attack: AttackOf<'new-device'>): Process {
  const { world, random } = actor;
  const subnet = (attack.from === undefined ? world.network.dns : hostOf(actor, attack.from, 'from')).subnet;
  const word = world.freeAddress(subnet, 2 + world.engine.origin);
  if (word === undefined)
    throw new UserError(
      `attack ${actor.id}: subnet ${subnet.name} has no address left for a new device`,
      'make the network larger',
    );
  const host = world.network.stranger(
    attack.name,
    (
      attack.mac ??
      `b8:27:eb:${randomText(random, 2, HEX_LETTERS)}:${randomText(random, 2, HEX_LETTERS)}:${randomText(random, 2, HEX_LETTERS)}`
    ).toLowerCase(),
    word,
    'linux',
  );
  yield* dhcpExchange(world, host, subnet.gateway, random, true);
  yield 2 * SECOND;
  const site = yield* world.lookup(host, 'deb.package-depot.example', random);
  if (site !== undefined) {
    const talk = new TcpTalk(world, host, site, 80, random);
    yield* talk.open();
    yield* httpExchange(talk, random, {
      method: 'GET',
      target: '/dists/stable/InRelease',
      host: site.name,
      agent: 'Simulated APT-HTTP/1.3',
      down: 120_000,
      type: 'application/octet-stream',
    });
    yield* talk.close();
  }
  if (!attack.scans) return;
  yield exponential(random, MINUTE);
  for (const word of neighbourhood(host)) {
    world.arp(1, host, host.v4[0], undefined, word);
    const there = world.network.hostAt(word);
    if (there !== undefined)
      world.engine.spawn(
        later(world.answerUs(there, random), () => world.arp(2, there, word, host.mac, host.v4[0], host.mac)),
      );
    yield gapUs(random, 30 * attack.intensity);
  }
  for (const there of world.network.hosts) {
    if (there.subnet !== subnet) continue;
    for (const port of [22, 80, 443, 445, 3389]) {
      world.engine.spawn(probe(actor, 'connect', host, there, true, port, undefined, fork(random)));
      yield gapUs(random, 10 * attack.intensity);
    }
  }
}

/** Tells the victim that it is the gateway, and the gateway that it is the victim: RFC 826 has no way to doubt it. */
function* arpSpoof(actor: Actor, attack: AttackOf<'arp-spoof'>): Process {
  const { world, random } = actor;
  const from = neighbour(actor, attack.from);
  const victim = server(actor, attack.to, from);
  const { gateway } = from.subnet;
  if (!from.isLocal || victim.subnet !== from.subnet || victim === from)
    throw new UserError(
      `attack ${actor.id}: ${victim.name} is no neighbour of ${from.name}`,
      'both must be hosts of one subnet',
    );
  for (;;) {
    world.arp(2, from, gateway.v4[0], victim.mac, victim.v4[0], victim.mac);
    yield 300;
    world.arp(2, from, victim.v4[0], gateway.mac, gateway.v4[0], gateway.mac);
    yield (attack.period * MS * between(random, 0.98, 1.02)) / attack.intensity;
  }
}

/** Answers DHCP before the real server does, with itself as gateway and DNS server. The questions are its own: clients that it wakes by name. */
function* rogueDhcp(actor: Actor, attack: AttackOf<'rogue-dhcp'>): Process {
  const { world, random } = actor;
  const from = neighbour(actor, attack.from);
  const clients = world.network.hosts.filter(
    (host) => host.subnet === from.subnet && host !== from && host.role !== 'gateway',
  );
  if (clients.length === 0)
    throw new UserError(
      `attack ${actor.id}: nobody in subnet ${from.subnet.name} could ask for an address`,
      'list more hosts',
    );
  for (let i = 0; i < attack.offers; i++) {
    const client = pick(random, clients);
    const transaction = random.uint32();
    world.udpGroup(
      client,
      68,
      ALL_ONES,
      67,
      encodeDhcp({
        type: 'discover',
        transaction,
        clientMac: client.macText,
        clientIdMac: client.macText,
        hostname: client.name,
        parameterOrder: '1,3,6,15',
      }),
      client.ttl,
      random,
      false,
      [0, 0, 0, 0],
    );
    yield 400 + exponential(random, 400);
    const word = from.subnet.broadcast - 1 - (i % 40);
    const told = {
      isReply: true,
      transaction,
      clientMac: client.macText,
      yourAddress: formatIpv4(word),
      serverId: from.address,
      leaseSeconds: 600,
      subnetMask: mask(from.subnet.size),
      routers: [from.address],
      dnsServers: [from.address],
    };
    world.udpGroup(from, 67, ALL_ONES, 68, encodeDhcp({ ...told, type: 'offer' }), from.ttl, random);
    yield 2 * MS;
    world.udpGroup(
      client,
      68,
      ALL_ONES,
      67,
      encodeDhcp({
        type: 'request',
        transaction,
        clientMac: client.macText,
        clientIdMac: client.macText,
        hostname: client.name,
        requestedAddress: formatIpv4(word),
        serverId: from.address,
        parameterOrder: '1,3,6,15',
      }),
      client.ttl,
      random,
      false,
      [0, 0, 0, 0],
    );
    yield 400 + exponential(random, 400);
    world.udpGroup(from, 67, ALL_ONES, 68, encodeDhcp({ ...told, type: 'ack' }), from.ttl, random);
    yield (attack.period * MS * between(random, 0.7, 1.3)) / attack.intensity;
  }
}

function* lateralMovement(actor: Actor, attack: AttackOf<'lateral-movement'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const named =
    attack.to === undefined
      ? undefined
      : targets(actor, attack.to, () => []).flatMap((word) => world.network.hostAt(word) ?? []);
  const reachable = (named ?? world.network.withRole('workstation', 'server', 'laptop')).filter(
    (host) => host !== from,
  );
  if (reachable.length === 0)
    throw new UserError(`attack ${actor.id}: there is no other computer to move to`, 'list more hosts, or say to');
  shuffle(random, reachable);
  for (const to of reachable.slice(0, attack.targets)) {
    world.engine.spawn(move(actor, attack, from, to, fork(random)));
    yield exponential(random, (attack.period * MS) / attack.intensity);
  }
}

function* move(actor: Actor, attack: AttackOf<'lateral-movement'>, from: Host, to: Host, random: Random): Process {
  const { world } = actor;
  // What is tried first is whether the port answers.
  const port = { smb: 445, wmi: 135, winrm: 5985, rdp: 3389 }[attack.via];
  const knock = new TcpTalk(world, from, to, port, random);
  yield* knock.open();
  yield* knock.close();
  yield exponential(random, SECOND);
  if (attack.via === 'smb')
    yield* remoteServiceDialog(
      world,
      from,
      to,
      random,
      { user: 'administrator', domain: 'OFFICE' },
      'PSEXESVC',
      384_000,
    );
  else if (attack.via === 'wmi') yield* wmiDialog(world, from, to, random);
  else if (attack.via === 'rdp') yield* rdpDialog(world, from, to, random, 'administrator', 90);
  else {
    const talk = new TcpTalk(world, from, to, 5985, random);
    yield* talk.open();
    const common = {
      method: 'POST',
      target: '/wsman',
      host: `${to.name}:5985`,
      agent: 'Microsoft WinRM Client',
      type: 'application/http-spnego-session-encrypted',
    };
    yield* httpExchange(talk, random, {
      ...common,
      headers: [['Authorization', 'Negotiate TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==']],
      status: 401,
      reason: 'Unauthorized',
    });
    for (let i = integer(random, 3, 8); i > 0; i--) {
      yield* httpExchange(talk, random, {
        ...common,
        up: integer(random, 1500, 3500),
        down: integer(random, 900, 6000),
        thinkMs: 200,
      });
      yield* talk.pause(exponential(random, SECOND));
    }
    yield* talk.close();
  }
}
