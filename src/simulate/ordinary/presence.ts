import type { Random } from '../../core/index.ts';
import { ByteWriter, encodeDhcp } from '../../wire/index.ts';
import { between, chance, exponential } from '../chance.ts';
import { httpExchange } from '../dialog/http.ts';
import type { Process, Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { HOUR, MS, SECOND, type World } from '../world.ts';
import { PERSONAL, untilWork } from './rhythm.ts';

/** How hosts come to the network: DHCP (RFC 2131), router advertisements (RFC 4861). */

const ALL_ONES = [0xffffffff, 0, 0, 0] as const;
const ALL_NODES_6 = [0xff020000, 0, 0, 1] as const;
const NOWHERE = [0, 0, 0, 0] as const;

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
export function* presence(world: World, host: Host, random: Random): Process {
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
export function* routerAdvertisements(world: World, gateway: Host, random: Random): Process {
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
