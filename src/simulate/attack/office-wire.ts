import { UserError } from '../../core/index.ts';
import { encodeDhcp, formatIpv4 } from '../../wire/index.ts';
import { between, exponential, fork, HEX_LETTERS, pick, randomText } from '../chance.ts';
import { httpExchange } from '../dialog/http.ts';
import type { Process } from '../engine.ts';
import { dhcpExchange, mask } from '../ordinary/presence.ts';
import type { AttackOf } from '../scenario.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { MINUTE, MS, SECOND } from '../world.ts';
import { type Actor, gapUs, hostOf, later, neighbour, neighbourhood, server } from './actor.ts';
import { probe } from './reconnaissance.ts';

/** What only who stands on the office's own wire can do. */

const ALL_ONES = [0xffffffff, 0, 0, 0] as const;

export function* newDevice(actor: Actor, attack: AttackOf<'new-device'>): Process {
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
export function* arpSpoof(actor: Actor, attack: AttackOf<'arp-spoof'>): Process {
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
export function* rogueDhcp(actor: Actor, attack: AttackOf<'rogue-dhcp'>): Process {
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
