import type { Random } from '../core/index.ts';
import {
  ByteWriter,
  encodeDhcp,
  encodeDnsMessage,
  encodeNtp,
  encodeQuicCrypto,
  encodeQuicInitial,
  encodeSnmp,
  encodeSsdp,
  encodeStun,
} from '../wire/index.ts';
import { between, chance, exponential, fork, integer, logNormal, pick, pickPopular, randomBytes } from './chance.ts';
import {
  fileDialog,
  fileName,
  httpExchange,
  mqttDialog,
  rdpDialog,
  sshDialog,
  userAgent,
  utf8,
  WORDS,
} from './dialog.ts';
import type { Process, Step } from './engine.ts';
import { EMBEDDED, type Host, SITES } from './network.ts';
import { TcpTalk } from './tcp-talk.ts';
import { browserOf, clientHello, systemClient, TlsTalk } from './tls-talk.ts';
import { DAY, formatWords, HOUR, MINUTE, MS, SECOND, type World } from './world.ts';

/**
 * What an office does all day without anybody meaning harm. Much of it is periodic (time, mail, push, telemetry, cloud drives): whoever looks for beacons has to live with it.
 * Every behaviour of every host is an actor with a stream of chance of its own.
 */

const MDNS_GROUP = [0xe00000fb, 0, 0, 0] as const;
const MDNS_GROUP_6 = [0xff020000, 0, 0, 0xfb] as const;
const SSDP_GROUP = [0xeffffffa, 0, 0, 0] as const;
const ALL_ONES = [0xffffffff, 0, 0, 0] as const;
const ALL_NODES_6 = [0xff020000, 0, 0, 1] as const;
const NOWHERE = [0, 0, 0, 0] as const;

const PERSONAL: ReadonlySet<string> = new Set(['workstation', 'laptop', 'phone']);
const COMPUTERS: ReadonlySet<string> = new Set(['workstation', 'laptop', 'server']);

/** Starts all ordinary actors of the scenario. */
export function startOrdinary(world: World): void {
  const { network, engine, behavior } = world;
  const { intensity } = behavior;
  if (intensity === 0) return;
  const start = (
    host: Host,
    name: string,
    make: (random: Random) => Process,
    delay: (random: Random) => number = () => 0,
  ): void => {
    const random = world.stream(`${name} ${host.name}`);
    engine.spawn(make(random), delay(random), 0);
  };
  const files = network.withRole('nas', 'server');
  const nas = network.withRole('nas')[0] ?? network.withRole('server')[0];
  const printers = network.withRole('printer');
  for (const host of network.hosts) {
    if (host.role === 'gateway') {
      if (host.subnet.prefix6 !== undefined)
        start(
          host,
          'router',
          (random) => routerAdvertisements(world, host, random),
          (random) => between(random, 0, 200 * SECOND),
        );
      continue;
    }
    start(host, 'presence', (random) => presence(world, host, random));
    if (behavior.ntpSeconds > 0)
      start(
        host,
        'ntp',
        (random) => ntpClient(world, host, random),
        (random) => between(random, 0, behavior.ntpSeconds * SECOND),
      );
    if (behavior.discoverySeconds > 0)
      start(
        host,
        'discovery',
        (random) => discovery(world, host, random),
        (random) => between(random, 0, behavior.discoverySeconds * SECOND),
      );
    if (COMPUTERS.has(host.role) && behavior.updatesPerDay > 0)
      start(
        host,
        'updates',
        (random) => updates(world, host, random),
        (random) => exponential(random, HOUR),
      );
    if (PERSONAL.has(host.role)) {
      if (behavior.pagesPerHour > 0) start(host, 'browsing', (random) => browsing(world, host, random));
      if (behavior.mailPollSeconds > 0)
        start(
          host,
          'mail',
          (random) => mail(world, host, random),
          (random) => between(random, 0, behavior.mailPollSeconds * SECOND),
        );
      if (behavior.syncSeconds > 0)
        start(
          host,
          'sync',
          (random) => cloudSync(world, host, random),
          (random) => between(random, 0, behavior.syncSeconds * SECOND),
        );
      if (host.role !== 'workstation' && behavior.pushSeconds > 0)
        start(
          host,
          'push',
          (random) => push(world, host, random),
          (random) => between(random, 0, 5 * MINUTE),
        );
      if (host.role !== 'phone' && behavior.callsPerDay > 0)
        start(host, 'calls', (random) => calls(world, host, random));
      if (host.role !== 'phone' && nas !== undefined && behavior.filesPerHour > 0)
        start(host, 'files', (random) => fileWork(world, host, nas, random));
      if (host.role !== 'phone' && printers.length > 0 && behavior.printsPerHour > 0)
        start(host, 'printing', (random) => printing(world, host, printers, random));
    }
    if (host.role === 'server' && nas !== undefined && nas !== host && behavior.backupBytes > 0)
      start(host, 'backup', (random) => backup(world, host, nas, random));
    if (host.role === 'iot' && behavior.iotSeconds > 0)
      start(
        host,
        'telemetry',
        (random) => telemetry(world, host, random),
        (random) => between(random, 0, 90 * SECOND),
      );
    if (host.role === 'camera' && behavior.clipsPerHour > 0)
      start(
        host,
        'clips',
        (random) => clips(world, host, random),
        (random) => between(random, 0, 60 * SECOND),
      );
    if (host.role === 'voip' && behavior.pushSeconds > 0)
      start(
        host,
        'register',
        (random) => voipKeepAlive(world, host, random),
        (random) => between(random, 0, 60 * SECOND),
      );
  }
  const admin = network.withRole('workstation', 'laptop')[0];
  if (admin !== undefined && behavior.adminPerDay > 0)
    for (const server of files)
      if (server !== admin) start(server, 'admin', (random) => administration(world, admin, server, random));
  const [monitor] = network.withRole('server');
  if (monitor !== undefined && behavior.monitorSeconds > 0) {
    for (const host of network.hosts)
      if (
        host !== monitor &&
        (host.role === 'gateway' || host.role === 'server' || host.role === 'nas' || host.role === 'printer')
      )
        start(
          host,
          'echo',
          (random) => echoMonitoring(world, monitor, host, random),
          (random) => between(random, 0, behavior.monitorSeconds * SECOND),
        );
    for (const printer of printers)
      start(
        printer,
        'monitoring',
        (random) => printerMonitoring(world, monitor, printer, random),
        (random) => between(random, 0, 5 * MINUTE),
      );
  }
}

/** Sleeps until a person is at work: at once in office hours, else until shortly after the next morning's beginning. */
function* untilWork(world: World, random: Random): Step {
  while (!world.isOfficeTime(world.engine.now)) {
    const wait = world.untilMinute(world.engine.now, world.officeFrom);
    yield (wait === 0 ? DAY : wait) + Math.min(20 * MINUTE, exponential(random, 6 * MINUTE));
  }
}

/** A pause between things a person does: Poisson in office hours, nothing at night. Phones stay awake, at an eighth. */
function* untilNext(world: World, host: Host, perHour: number, random: Random): Step {
  const rate = perHour * world.behavior.intensity;
  yield exponential(random, HOUR / rate);
  if (host.role === 'phone') {
    while (!world.isOfficeTime(world.engine.now) && chance(random, 0.875)) yield exponential(random, HOUR / rate);
  } else yield* untilWork(world, random);
}

// ---- DHCP, RFC 2131 ----

const DHCP_FINGERPRINTS: Readonly<Record<string, { readonly order: string; readonly vendor?: string }>> = {
  windows: { order: '1,3,6,15,31,33,43,44,46,47,119,121,249,252', vendor: 'MSFT 5.0' },
  macos: { order: '1,121,3,6,15,108,114,119,252,95,44,46' },
  ios: { order: '1,121,3,6,15,108,114,119,252' },
  android: { order: '1,3,6,15,26,28,51,58,59,43,114,108', vendor: 'android-dhcp-15' },
  linux: { order: '1,28,2,3,15,6,119,12,44,47,26,121,42' },
  embedded: { order: '1,3,28,6', vendor: 'udhcp 1.36.1' },
};

export function mask(size: number): string {
  const word = (0xffffffff - (size - 1)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.');
}

/** Asks for the host's address, with or without discovery, and takes it. */
export function* dhcpExchange(world: World, host: Host, server: Host, random: Random, discovers: boolean): Step {
  const transaction = random.uint32();
  const print = DHCP_FINGERPRINTS[host.os] ?? { order: '1,3,6' };
  const asked = {
    transaction,
    clientMac: host.macText,
    clientIdMac: host.macText,
    hostname: host.name,
    parameterOrder: print.order,
    ...(print.vendor === undefined ? {} : { vendorClass: print.vendor }),
  };
  const told = {
    isReply: true,
    transaction,
    clientMac: host.macText,
    yourAddress: host.address,
    serverId: server.address,
    leaseSeconds: 28_800,
    subnetMask: mask(host.subnet.size),
    routers: [host.subnet.gateway.address],
    dnsServers: [world.network.dns.address],
    domain: world.network.domain,
  };
  const say = (message: Uint8Array): void =>
    world.udpGroup(host, 68, ALL_ONES, 67, message, host.ttl, random, false, NOWHERE);
  const answer = (message: Uint8Array): void => world.udp(server, 67, host, 68, message, 0, random.below(65_536));
  if (discovers) {
    say(encodeDhcp({ ...asked, type: 'discover', ...(chance(random, 0.5) ? { requestedAddress: host.address } : {}) }));
    yield world.answerUs(server, random) + exponential(random, 3 * MS);
    answer(encodeDhcp({ ...told, type: 'offer' }));
    yield world.answerUs(host, random) + exponential(random, 2 * MS);
  }
  say(
    encodeDhcp({
      ...asked,
      type: 'request',
      requestedAddress: host.address,
      ...(discovers ? { serverId: server.address } : {}),
    }),
  );
  yield world.answerUs(server, random) + exponential(random, 3 * MS);
  answer(encodeDhcp({ ...told, type: 'ack' }));
  yield exponential(random, 20 * MS);
  // It looks whether anybody has the address, then says that it has it: RFC 5227.
  world.arp(1, host, 0, undefined, host.v4[0]);
  yield 1.2 * SECOND;
  world.arp(1, host, host.v4[0], undefined, host.v4[0]);
}

/** A renewal, which goes straight to the server: RFC 2131 section 4.3.2. */
function* renewLease(world: World, host: Host, gateway: Host, random: Random): Step {
  yield* world.resolve(host, gateway, random);
  const transaction = random.uint32();
  world.udp(
    host,
    68,
    gateway,
    67,
    encodeDhcp({
      type: 'request',
      transaction,
      clientMac: host.macText,
      clientAddress: host.address,
      hostname: host.name,
      parameterOrder: DHCP_FINGERPRINTS[host.os]?.order ?? '',
    }),
    0,
    random.below(65_536),
  );
  yield world.answerUs(gateway, random) + exponential(random, 2 * MS);
  world.udp(
    gateway,
    67,
    host,
    68,
    encodeDhcp({
      isReply: true,
      type: 'ack',
      transaction,
      clientMac: host.macText,
      clientAddress: host.address,
      yourAddress: host.address,
      serverId: gateway.address,
      leaseSeconds: 28_800,
      subnetMask: mask(host.subnet.size),
      routers: [gateway.address],
      dnsServers: [world.network.dns.address],
    }),
    0,
    random.below(65_536),
  );
}

/** Comes to the network: people's machines in the morning of every office day, the rest renew their leases. */
function* presence(world: World, host: Host, random: Random): Process {
  const { gateway } = host.subnet;
  if (!PERSONAL.has(host.role)) {
    yield between(random, 0, 4 * HOUR);
    for (;;) {
      yield* renewLease(world, host, gateway, random);
      yield 4 * HOUR + between(random, -60, 60) * SECOND;
    }
  }
  // Who is at work when the simulation begins came before it; of these the lease is renewed some time in the first half of its life.
  if (world.isOfficeTime(world.engine.now)) {
    yield between(random, 0, 4 * HOUR);
    yield* renewLease(world, host, gateway, random);
    yield HOUR + Math.max(HOUR, world.untilMinute(world.engine.now, world.officeTo));
  }
  for (;;) {
    yield* untilWork(world, random);
    yield exponential(random, 4 * SECOND);
    yield* dhcpExchange(world, host, gateway, random, chance(random, 0.3));
    if (host.os === 'windows') {
      // Windows asks a server of its maker whether there is an Internet.
      yield exponential(random, 2 * SECOND);
      const server = yield* world.lookup(host, 'connect-test.system-maker.example', random);
      if (server !== undefined) {
        const talk = new TcpTalk(world, host, server, 80, random);
        yield* talk.open();
        yield* httpExchange(talk, random, {
          method: 'GET',
          target: '/connecttest.txt',
          host: server.name,
          agent: 'Simulated NCSI',
          type: 'text/plain',
          down: 22,
        });
        yield* talk.close();
      }
    }
    const wait = world.untilMinute(world.engine.now, world.officeTo);
    yield Math.max(HOUR, wait) + HOUR;
  }
}

/** Router advertisements, RFC 4861 section 4.2, with the prefix of the network. */
function* routerAdvertisements(world: World, gateway: Host, random: Random): Process {
  const [high = 0, low = 0] = gateway.subnet.prefix6 ?? [];
  for (;;) {
    const message = new ByteWriter()
      .u8(134)
      .u8(0)
      .u16(0)
      .u8(64)
      .u8(0)
      .u16(1800)
      .u32(0)
      .u32(0)
      .bytes([1, 1])
      .bytes(gateway.mac)
      .bytes([3, 4, 64, 0xc0])
      .u32(86_400)
      .u32(14_400)
      .u32(0)
      .u32(high)
      .u32(low)
      .u32(0)
      .u32(0)
      .finish();
    world.icmp6(gateway, gateway.linkLocal, Uint8Array.of(0x33, 0x33, 0, 0, 0, 1), ALL_NODES_6, message, 255);
    yield between(random, 200, 600) * SECOND;
  }
}

// ---- NTP, RFC 5905 ----

function* ntpClient(world: World, host: Host, random: Random): Process {
  const pool =
    host.os === 'windows'
      ? 'time.system-maker.example'
      : pick(random, ['0.clock-pool.example', '1.clock-pool.example', '2.clock-pool.example']);
  // A simple client takes a new port each time, a daemon has 123.
  const isSimple = host.os === 'macos' || host.os === 'ios' || host.os === 'android' || host.os === 'embedded';
  for (;;) {
    const server = yield* world.lookup(host, pool, random);
    if (server !== undefined) {
      yield* world.resolve(host, server, random);
      const port = isSimple ? world.port(host) : 123;
      const sent = world.nowMs;
      world.udp(
        host,
        port,
        server,
        123,
        encodeNtp({ mode: 'client', transmitTimeMs: sent, pollExponent: 10 }),
        0,
        random.below(65_536),
      );
      const wait = world.answerUs(server, random);
      yield wait;
      world.udp(
        server,
        123,
        host,
        port,
        encodeNtp({
          mode: 'server',
          stratum: 2,
          pollExponent: 10,
          rootDelayMs: 8,
          rootDispersionMs: 12,
          referenceId: '198.18.0.9',
          referenceTimeMs: sent - 340_000,
          originTimeMs: sent,
          receiveTimeMs: sent + wait / 2000,
          transmitTimeMs: sent + wait / 2000 + 0.03,
        }),
        0,
        random.below(65_536),
      );
    }
    yield world.behavior.ntpSeconds * SECOND * between(random, 0.97, 1.03);
  }
}

// ---- the web ----

/** Opens pages all day. Browsers keep connections for a while; a page takes one to each host it loads from. */
function* browsing(world: World, host: Host, random: Random): Process {
  const { engine, behavior } = world;
  yield* untilWork(world, random);
  for (;;) {
    yield* untilNext(world, host, behavior.pagesPerHour, random);
    const site = pickPopular(random, SITES);
    const names = [`www.${site}`];
    for (let n = Math.min(8, Math.floor(exponential(random, 2.5))); n > 0; n--) {
      const other = pickPopular(random, EMBEDDED);
      if (!names.includes(other)) names.push(other);
    }
    let delay = 0;
    for (const name of names) {
      engine.spawn(visit(world, host, name, name === names[0], fork(random)), delay);
      if (delay === 0) delay = logNormal(random, 250 * MS, 0.5);
      delay += exponential(random, 60 * MS);
    }
  }
}

function* visit(world: World, host: Host, name: string, isPage: boolean, random: Random): Process {
  const server = yield* world.lookup(host, name, random);
  if (server === undefined) return;
  const isV6 = host.v6 !== undefined && server.v6 !== undefined && chance(random, world.behavior.ipv6Share);
  const requests = isPage
    ? 1 + Math.min(10, Math.floor(exponential(random, 2.5)))
    : 1 + Math.min(25, Math.floor(exponential(random, 4)));
  // A few old sites have no TLS at all.
  if (server.index % 23 === 7 && isPage) {
    const talk = new TcpTalk(world, host, server, 80, random, { isV6 });
    yield* talk.open();
    for (let i = 0; i < requests; i++) {
      yield* httpExchange(talk, random, {
        method: 'GET',
        target: i === 0 ? '/' : `/${pick(random, WORDS)}/${integer(random, 1, 900)}`,
        host: name,
        agent: userAgent(host),
        down: Math.round(Math.min(2e6, logNormal(random, 9000, 1.3))),
        type: i === 0 ? 'text/html' : 'font/woff2',
        ...(chance(random, 0.04) ? { status: 404, reason: 'Not Found' } : {}),
      });
      yield* talk.pause(exponential(random, 150 * MS));
    }
    yield* talk.pause(Math.min(5, exponential(random, 3)) * SECOND);
    yield* talk.close(false);
    return;
  }
  const sizes = (): number => Math.min(4e6, logNormal(random, isPage ? 14_000 : 8000, 1.4));
  if (chance(random, world.behavior.quicShare)) {
    yield* quicVisit(world, host, server, name, requests, sizes, random, isV6);
    return;
  }
  const tls = new TlsTalk(world, host, server, 443, random, { client: browserOf(host), serverName: name, isV6 });
  yield* tls.open();
  for (let i = 0; i < requests; i++) {
    yield* tls.exchange(Math.round(logNormal(random, 420, 0.5)), sizes(), exponential(random, 25 * MS));
    if (chance(random, 0.3)) yield* tls.pause(exponential(random, 120 * MS));
  }
  // The connection stays for the next click, which sometimes comes.
  while (chance(random, 0.35)) {
    yield* tls.pause(exponential(random, 25 * SECOND));
    yield* tls.exchange(Math.round(logNormal(random, 500, 0.4)), sizes(), exponential(random, 30 * MS));
  }
  yield* tls.pause(between(random, 5, 60) * SECOND);
  if (chance(random, 0.12)) tls.tcp.reset(true);
  else yield* tls.close(chance(random, 0.6));
}

/** A visit over QUIC version 1, RFC 9000 and 9001: two protected Initials, then packets that nobody can read. */
function* quicVisit(
  world: World,
  host: Host,
  server: Host,
  name: string,
  requests: number,
  sizes: () => number,
  random: Random,
  isV6: boolean,
): Step {
  yield* world.resolve(host, server, random, isV6);
  const port = world.port(host);
  const hexId = (): string => Array.from(randomBytes(random, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const destinationId = hexId();
  const serverId = hexId();
  const up = (head: Uint8Array, filler = 0): void =>
    world.udp(host, port, server, 443, head, filler, random.below(65_536), isV6);
  const down = (head: Uint8Array, filler = 0): void =>
    world.udp(server, 443, host, port, head, filler, random.below(65_536), isV6);
  const parameters = Uint8Array.from([1, 4, 0x80, 0, 0x75, 0x30, 3, 2, 0x45, 0xc0, 4, 4, 0x80, 0xf0, 0, 0, 15, 0]);
  const hello = clientHello(browserOf(host), name, ['h3'], random, parameters);
  up(encodeQuicInitial({ destinationId, frames: encodeQuicCrypto(0, hello), frameBytes: 1200 }));
  yield world.answerUs(server, random) + exponential(random, 2 * MS);
  const answer = new ByteWriter()
    .u8(2)
    .u8(0)
    .u8(0)
    .u8(86)
    .u16(0x0303)
    .bytes(randomBytes(random, 32))
    .u8(0)
    .u16(0x1301)
    .u8(0)
    .u16(46)
    .u16(51)
    .u16(36)
    .u16(0x1d)
    .u16(32)
    .bytes(randomBytes(random, 32))
    .u16(43)
    .u16(2)
    .u16(0x0304)
    .finish();
  const frames = new ByteWriter().bytes([2, 0, 0x40, 0x64, 0, 0]).bytes(encodeQuicCrypto(0, answer)).finish();
  down(
    encodeQuicInitial({
      destinationId: '',
      sourceId: serverId,
      frames,
      frameBytes: 1150,
      fromClient: false,
      keyId: destinationId,
    }),
  );
  // Handshake packets: long header, ids, the length of what is sealed.
  const handshake = (toId: string, fromId: string, sealed: number): Uint8Array => {
    const out = new ByteWriter().u8(0xe3).u32(1);
    for (const id of [toId, fromId])
      out
        .u8(id.length / 2)
        .bytes(Array.from({ length: id.length / 2 }, (_, i) => Number.parseInt(id.slice(2 * i, 2 * i + 2), 16)));
    return out.u16(0x4000 | sealed).finish();
  };
  for (let i = 0; i < 3; i++) {
    yield 30 + exponential(random, 60);
    const sealed = i < 2 ? 1160 : 400;
    down(handshake('', serverId, sealed), sealed);
  }
  yield world.answerUs(host, random) + 300;
  up(handshake(serverId, '', 80), 80);
  const shortHead = Uint8Array.from([
    0x41,
    ...Array.from({ length: 8 }, (_, i) => Number.parseInt(serverId.slice(2 * i, 2 * i + 2), 16)),
  ]);
  const toClient = Uint8Array.of(0x49);
  for (let i = 0; i < requests; i++) {
    up(shortHead, integer(random, 60, 520));
    yield world.answerUs(server, random) + exponential(random, 20 * MS);
    let n = 0;
    for (let left = sizes(); left > 0; left -= 1200) {
      down(toClient, Math.min(1215, Math.max(24, Math.round(left))));
      yield 100 + 20 * random.float();
      if (++n % 10 === 0) up(shortHead, 30);
      if (n % 40 === 0) yield world.answerUs(server, random);
    }
    up(shortHead, 32);
    yield exponential(random, 150 * MS);
  }
}

// ---- periodic and innocent ----

/** IMAP over TLS: a connection for each look, RFC 8314. */
function* mail(world: World, host: Host, random: Random): Process {
  const name = `imap.${pick(random, ['mailpost', 'mailpost', 'letterbox'])}.example`;
  for (;;) {
    if (world.isOfficeTime(world.engine.now) || host.role === 'phone') {
      const server = yield* world.lookup(host, name, random);
      if (server !== undefined) {
        const tls = new TlsTalk(world, host, server, 993, random, {
          client: host.role === 'phone' ? systemClient(host) : 'gecko',
          serverName: name,
          alpn: [],
        });
        yield* tls.open();
        for (const [up, down] of [
          [30, 120],
          [60, 90],
          [28, 140],
          [30, 60],
        ] as const)
          yield* tls.exchange(up, down, exponential(random, 5 * MS));
        if (chance(random, 0.25)) yield* tls.exchange(60, Math.min(2e6, logNormal(random, 25_000, 1.3)), 20 * MS);
        yield* tls.close();
      }
    }
    yield world.behavior.mailPollSeconds * SECOND + between(random, -2, 2) * SECOND;
  }
}

/** A cloud drive or chat that asks for news with a new connection each time: what a beacon looks like when it means no harm. */
function* cloudSync(world: World, host: Host, random: Random): Process {
  const name =
    host.role === 'phone'
      ? 'api.chat-orbit.example'
      : pick(random, ['sync.cloud-cirrus.example', 'notify.drive-shelf.example']);
  for (;;) {
    if (world.isOfficeTime(world.engine.now) || host.role === 'phone') {
      const server = yield* world.lookup(host, name, random);
      if (server !== undefined) {
        const tls = new TlsTalk(world, host, server, 443, random, { client: systemClient(host), serverName: name });
        yield* tls.open();
        yield* tls.exchange(620, 340, exponential(random, 15 * MS));
        // Now and then there is something to bring up.
        if (chance(random, 0.06)) yield* tls.exchange(Math.min(3e7, logNormal(random, 300_000, 1.2)), 400, 40 * MS);
        yield* tls.close();
      }
    }
    yield world.behavior.syncSeconds * SECOND * between(random, 0.97, 1.03);
  }
}

/** One connection for hours with a keep-alive every so often: how phones are reached. */
function* push(world: World, host: Host, random: Random): Process {
  const name = host.os === 'ios' || host.os === 'macos' ? 'courier.push-maker.example' : 'push.android-relay.example';
  for (;;) {
    const server = yield* world.lookup(host, name, random);
    if (server === undefined) return;
    const tls = new TlsTalk(world, host, server, host.os === 'ios' || host.os === 'macos' ? 5223 : 5228, random, {
      client: systemClient(host),
      serverName: name,
      alpn: [],
    });
    yield* tls.open();
    yield* tls.exchange(900, 420, 10 * MS);
    for (let beats = integer(random, 60, 400); beats > 0; beats--) {
      yield* tls.pause(world.behavior.pushSeconds * SECOND * between(random, 0.99, 1.01));
      yield* tls.exchange(37, 37, 500);
      if (chance(random, 0.1)) yield* tls.send(false, logNormal(random, 700, 0.6));
    }
    yield* tls.close();
    yield exponential(random, 10 * SECOND);
  }
}

function* telemetry(world: World, host: Host, random: Random): Process {
  // Half of such devices speak in the clear.
  if (host.index % 2 === 0) {
    const name = 'mqtt.thing-hub.example';
    const server = yield* world.lookup(host, name, random);
    if (server !== undefined) yield* mqttDialog(world, host, server, random, world.behavior.iotSeconds);
    return;
  }
  const name = 'device.smart-dwelling.example';
  for (;;) {
    const server = yield* world.lookup(host, name, random);
    if (server === undefined) return;
    const tls = new TlsTalk(world, host, server, 8883, random, {
      client: 'embedded',
      serverName: name,
      version: '1.2',
    });
    yield* tls.open();
    yield* tls.exchange(120, 4, 5 * MS);
    for (let beats = integer(random, 100, 900); beats > 0; beats--) {
      yield* tls.pause(world.behavior.iotSeconds * SECOND * between(random, 0.99, 1.01));
      if (chance(random, 0.3)) yield* tls.send(true, integer(random, 90, 140));
      else yield* tls.exchange(2, 2, 500);
    }
    yield* tls.close();
    yield exponential(random, 30 * SECOND);
  }
}

/** A camera that uploads a clip whenever something moves. */
function* clips(world: World, host: Host, random: Random): Process {
  const name = 'clips.eye-vault.example';
  for (;;) {
    yield exponential(random, HOUR / (world.behavior.clipsPerHour * world.behavior.intensity));
    const server = yield* world.lookup(host, name, random);
    if (server === undefined) return;
    const tls = new TlsTalk(world, host, server, 443, random, { client: 'embedded', serverName: name, version: '1.2' });
    yield* tls.open();
    yield* tls.exchange(Math.min(2e7, logNormal(random, 900_000, 0.6)), 300, 50 * MS);
    yield* tls.close();
  }
}

/** What keeps a desk telephone's path through the gateway open: four bytes every half minute. */
function* voipKeepAlive(world: World, host: Host, random: Random): Process {
  const server = yield* world.lookup(host, 'sip.voice-exchange.example', random);
  if (server === undefined) return;
  for (;;) {
    yield* world.resolve(host, server, random);
    world.udp(host, 5060, server, 5060, utf8('\r\n\r\n'), 0, random.below(65_536));
    yield 30 * SECOND * between(random, 0.995, 1.005);
  }
}

function* updates(world: World, host: Host, random: Random): Process {
  const name = host.os === 'windows' ? 'download.update-maker.example' : 'mirror.package-depot.example';
  const checks = 12;
  let left = checks;
  for (;;) {
    // Between downloads it asks whether there is anything, at nearly even intervals.
    const server = yield* world.lookup(host, name, random);
    if (server === undefined) return;
    if (left-- > 0) {
      const tls = new TlsTalk(world, host, server, 443, random, { client: systemClient(host), serverName: name });
      yield* tls.open();
      yield* tls.exchange(1400, 2600, 30 * MS);
      yield* tls.close();
    } else {
      left = checks;
      const talk = new TcpTalk(world, host, server, 80, random);
      yield* talk.open();
      const agent = host.os === 'windows' ? 'Simulated-Update-Agent/10.0' : 'Simulated APT-HTTP/1.3';
      for (let parts = integer(random, 1, 4); parts > 0; parts--)
        yield* httpExchange(talk, random, {
          method: 'GET',
          target: `/pool/${hexPath(random)}.cab`,
          host: name,
          agent,
          type: 'application/octet-stream',
          down: Math.round(Math.min(4e8, logNormal(random, world.behavior.updateBytes / 2, 0.8))),
        });
      yield* talk.close();
    }
    yield (DAY / (world.behavior.updatesPerDay * world.behavior.intensity) / (checks + 1)) *
      between(random, 0.95, 1.05);
  }
}

function hexPath(random: Random): string {
  return Array.from(randomBytes(random, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// ---- inside the office ----

function* fileWork(world: World, host: Host, nas: Host, random: Random): Process {
  yield* untilWork(world, random);
  for (;;) {
    yield* untilNext(world, host, world.behavior.filesPerHour / 2, random);
    yield* world.lookup(host, nas.name, random);
    const files = Array.from({ length: 1 + Math.min(6, Math.floor(exponential(random, 1.2))) }, () => ({
      name: `${pick(random, ['Sales', 'Projects', 'Shared', 'Accounts'])}\\${fileName(random)}`,
      bytes: Math.round(Math.min(6e7, logNormal(random, world.behavior.fileBytes, 1.2))),
      isWrite: chance(random, 0.35),
    }));
    yield* fileDialog(world, host, nas, random, files);
  }
}

/** Prints by IPP over HTTP, RFC 8010. */
function* printing(world: World, host: Host, printers: readonly Host[], random: Random): Process {
  yield* untilWork(world, random);
  const printer = pick(random, printers);
  for (;;) {
    yield* untilNext(world, host, world.behavior.printsPerHour, random);
    const talk = new TcpTalk(world, host, printer, 631, random);
    yield* talk.open();
    const attribute = (out: ByteWriter, tag: number, name: string, value: string): void => {
      out.u8(tag).u16(name.length).text(name).u16(value.length).text(value);
    };
    for (const operation of [0x000b, 0x0002]) {
      const out = new ByteWriter()
        .u16(0x0200)
        .u16(operation)
        .u32(integer(random, 1, 1e6))
        .u8(1);
      attribute(out, 0x47, 'attributes-charset', 'utf-8');
      attribute(out, 0x48, 'attributes-natural-language', 'en');
      attribute(out, 0x45, 'printer-uri', `ipp://${printer.address}/ipp/print`);
      if (operation === 2) attribute(out, 0x42, 'job-name', fileName(random));
      const body = out.u8(3).finish();
      const job = operation === 2 ? Math.round(Math.min(3e7, logNormal(random, 600_000, 1))) : 0;
      const head = utf8(
        `POST /ipp/print HTTP/1.1\r\nHost: ${printer.address}:631\r\nUser-Agent: Simulated-IPP/2.0\r\nContent-Type: application/ipp\r\nContent-Length: ${body.length + job}\r\n\r\n`,
      );
      yield* talk.send(true, new ByteWriter().bytes(head).bytes(body).finish(), job);
      yield* talk.wait(false, exponential(random, 30 * MS));
      const answer = new ByteWriter().u16(0x0200).u16(0).u32(1).u8(1);
      attribute(answer, 0x47, 'attributes-charset', 'utf-8');
      attribute(answer, 0x48, 'attributes-natural-language', 'en');
      const told = answer.u8(3).finish();
      yield* talk.send(
        false,
        new ByteWriter()
          .bytes(
            utf8(
              `HTTP/1.1 200 OK\r\nServer: simulated printer\r\nContent-Type: application/ipp\r\nContent-Length: ${told.length}\r\n\r\n`,
            ),
          )
          .bytes(told)
          .finish(),
      );
      yield* talk.wait(true);
    }
    yield* talk.close();
  }
}

/** A server looks whether another host is there: an echo request every minute, which is what a sweep is not. */
function* echoMonitoring(world: World, monitor: Host, host: Host, random: Random): Process {
  for (;;) {
    yield* world.ping(monitor, host, 1, 0, random);
    yield world.behavior.monitorSeconds * SECOND * between(random, 0.999, 1.001);
  }
}

/** A server asks the printer every five minutes how it is, by SNMP version 2c (RFC 3416). */
function* printerMonitoring(world: World, server: Host, printer: Host, random: Random): Process {
  let requestId = random.below(1 << 20);
  const oid = '1.3.6.1.2.1.25.3.5.1.1.1';
  for (;;) {
    yield* world.resolve(server, printer, random);
    const port = world.port(server);
    requestId++;
    world.udp(
      server,
      port,
      printer,
      161,
      encodeSnmp({ pdu: 'get', requestId, variables: [{ oid }] }),
      0,
      random.below(65_536),
    );
    yield world.answerUs(printer, random) + exponential(random, 4 * MS);
    world.udp(
      printer,
      161,
      server,
      port,
      encodeSnmp({ pdu: 'response', requestId, variables: [{ oid, value: 3 }] }),
      0,
      random.below(65_536),
    );
    yield 5 * world.behavior.monitorSeconds * SECOND * between(random, 0.999, 1.001);
  }
}

/** The nightly copy of a server to the NAS: bulk TCP over SSH. */
function* backup(world: World, server: Host, nas: Host, random: Random): Process {
  for (;;) {
    const wait = world.untilMinute(world.engine.now, world.behavior.backupAt);
    yield wait + exponential(random, 3 * MINUTE);
    yield* sshDialog(world, server, nas, random, {
      failures: 0,
      succeeds: true,
      upload: Math.round(logNormal(random, world.behavior.backupBytes, 0.3)),
    });
    yield HOUR;
  }
}

function* administration(world: World, admin: Host, server: Host, random: Random): Process {
  yield* untilWork(world, random);
  for (;;) {
    // Ten hours of an office day.
    yield* untilNext(world, admin, world.behavior.adminPerDay / 10, random);
    yield* world.lookup(admin, server.name, random);
    const seconds = Math.min(3600, logNormal(random, 240, 0.9));
    if (server.os === 'windows') yield* rdpDialog(world, admin, server, random, 'admin', seconds);
    else
      yield* sshDialog(world, admin, server, random, {
        failures: chance(random, 0.08) ? 1 : 0,
        succeeds: true,
        seconds,
      });
  }
}

// ---- discovery: mDNS (RFC 6762) and SSDP (UPnP Device Architecture) ----

function* discovery(world: World, host: Host, random: Random): Process {
  const period = world.behavior.discoverySeconds * SECOND;
  const local = `${host.name}.local`;
  for (;;) {
    if (!PERSONAL.has(host.role) || world.isOfficeTime(world.engine.now) || host.role === 'phone') {
      if (host.os === 'windows') {
        const port = world.port(host);
        for (let i = 0; i < 4; i++) {
          world.udpGroup(
            host,
            port,
            SSDP_GROUP,
            1900,
            encodeSsdp({
              kind: 'search',
              man: '"ssdp:discover"',
              maxWaitSeconds: 1,
              target: 'urn:dial-multiscreen-org:service:dial:1',
              userAgent: 'Simulated-Browser/131.0 Windows',
            }),
            2,
            random,
          );
          yield SECOND;
        }
      } else if (host.role === 'printer' || host.role === 'nas' || host.role === 'camera') {
        const service =
          host.role === 'printer' ? '_ipp._tcp.local' : host.role === 'nas' ? '_smb._tcp.local' : '_rtsp._tcp.local';
        world.udpGroup(
          host,
          5353,
          MDNS_GROUP,
          5353,
          encodeDnsMessage({
            isResponse: true,
            isAuthoritative: true,
            answers: [
              { name: service, type: 12, ttl: 4500, data: `${host.name}.${service}` },
              { name: local, type: 1, ttl: 120, cacheFlush: true, data: host.address },
            ],
          }),
          255,
          random,
        );
        if (host.role !== 'nas')
          world.udpGroup(
            host,
            1900,
            SSDP_GROUP,
            1900,
            encodeSsdp({
              kind: 'notify',
              maxAgeSeconds: 1800,
              location: `http://${host.address}:8080/description.xml`,
              server: 'Simulated/1.0 UPnP/1.1',
              notification: 'ssdp:alive',
              target: 'upnp:rootdevice',
              usn: `uuid:${host.macText.replaceAll(':', '')}::upnp:rootdevice`,
            }),
            4,
            random,
          );
      } else if (host.os !== 'embedded') {
        const question = pick(random, [
          '_ipp._tcp.local',
          '_airplay._tcp.local',
          '_companion-link._tcp.local',
          '_googlecast._tcp.local',
          '_smb._tcp.local',
        ]);
        const message = encodeDnsMessage({ questions: [{ name: question, type: 12 }] });
        world.udpGroup(host, 5353, MDNS_GROUP, 5353, message, 255, random);
        yield 300 + exponential(random, 500);
        world.udpGroup(host, 5353, MDNS_GROUP_6, 5353, message, 255, random, true);
        if (chance(random, 0.3)) {
          yield exponential(random, 2 * SECOND);
          const answers = [
            { name: local, type: 1, ttl: 120, cacheFlush: true, data: host.address },
            { name: local, type: 28, ttl: 120, cacheFlush: true, data: formatWords(host.linkLocal) },
          ];
          world.udpGroup(
            host,
            5353,
            MDNS_GROUP,
            5353,
            encodeDnsMessage({ isResponse: true, isAuthoritative: true, answers }),
            255,
            random,
          );
        }
      }
    }
    yield period * between(random, 0.9, 1.1);
  }
}

// ---- video calls: STUN (RFC 8489), then RTP (RFC 3550) both ways ----

function* calls(world: World, host: Host, random: Random): Process {
  yield* untilWork(world, random);
  for (;;) {
    yield* untilNext(world, host, world.behavior.callsPerDay / 9, random);
    const name = `relay-${integer(random, 1, 9)}.meeting-room.example`;
    const server = yield* world.lookup(host, name, random);
    if (server === undefined) return;
    const signal = new TlsTalk(world, host, server, 443, random, { client: browserOf(host), serverName: name });
    yield* signal.open();
    yield* signal.exchange(2400, 5200, 60 * MS);
    const seconds = Math.min(3 * 3600, logNormal(random, world.behavior.callMinutes * 60, 0.5));
    world.engine.spawn(media(world, host, server, fork(random), seconds));
    for (let left = seconds; left > 0; left -= 15) {
      yield* signal.pause(15 * SECOND);
      yield* signal.exchange(180, 180, 2 * MS);
    }
    yield* signal.close();
  }
}

function* media(world: World, host: Host, server: Host, random: Random, seconds: number): Process {
  yield* world.resolve(host, server, random);
  const port = world.port(host);
  const { behavior, engine } = world;
  const username = `${hexPath(random).slice(0, 4)}:${hexPath(random).slice(0, 4)}`;
  const check = function* (): Step {
    const transaction = randomBytes(random, 12);
    world.udp(
      host,
      port,
      server,
      3478,
      encodeStun({ class: 'request', transaction, username }),
      0,
      random.below(65_536),
    );
    yield world.answerUs(server, random);
    world.udp(
      server,
      3478,
      host,
      port,
      encodeStun({ class: 'success', transaction, mapped: { address: host.address, port } }),
      0,
      random.below(65_536),
    );
    yield 5 * MS;
  };
  yield* check();
  const rtp = (type: number, source: number) => {
    const head = new Uint8Array(12);
    const view = new DataView(head.buffer);
    let sequence = random.below(65_536);
    head[0] = 0x80;
    view.setUint32(8, source);
    return (clock: number, marker: boolean): Uint8Array => {
      head[1] = type | (marker ? 0x80 : 0);
      view.setUint16(2, sequence++ & 0xffff);
      view.setUint32(4, clock >>> 0);
      return head;
    };
  };
  const voice = [rtp(111, random.uint32()), rtp(111, random.uint32())] as const;
  const video = [rtp(96, random.uint32()), rtp(96, random.uint32())] as const;
  const gap = SECOND / behavior.callPacketsPerSecond;
  const end = engine.now + seconds * SECOND;
  let next = engine.now + 25 * SECOND;
  let identification = random.below(65_536);
  let n = 0;
  while (engine.now < end) {
    const clock = engine.now / 20;
    const isVoice = n % 3 === 0;
    identification = (identification + 1) & 0xffff;
    const up = isVoice ? voice[0](clock, false) : video[0](clock, n % 6 === 1);
    world.udp(host, port, server, 3478, up, isVoice ? 60 + random.below(90) : 400 + random.below(750), identification);
    yield gap * (0.2 + 0.2 * random.float());
    const down = isVoice ? voice[1](clock, false) : video[1](clock, n % 6 === 4);
    world.udp(
      server,
      3478,
      host,
      port,
      down,
      isVoice ? 60 + random.below(90) : 500 + random.below(680),
      (identification * 7) & 0xffff,
    );
    yield gap * (0.4 + 0.4 * random.float());
    n++;
    if (engine.now > next) {
      next = engine.now + 25 * SECOND;
      yield* check();
    }
  }
}
