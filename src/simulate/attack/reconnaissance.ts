import type { Random } from '../../core/index.ts';
import { ByteWriter, encodeDnsMessage, encodeIcmp, PROTO, TCP_ACK, TCP_RST, TCP_SYN } from '../../wire/index.ts';
import { fork, integer } from '../chance.ts';
import type { Process } from '../engine.ts';
import type { Host } from '../network.ts';
import type { AttackOf } from '../scenario.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { SECOND, type World } from '../world.ts';
import {
  type Actor,
  gapUs,
  ghost,
  insider,
  later,
  limited,
  neighbour,
  neighbourhood,
  OPEN_PORTS,
  targets,
} from './actor.ts';

/** Attacks that look for hosts and ports. */

export function* scan(actor: Actor, attack: AttackOf<'scan'>): Process {
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

function* unanswered(world: World, from: Host, word: number): Process {
  for (let i = 0; i < 3; i++) {
    world.arp(1, from, from.v4[0], undefined, word);
    yield SECOND;
  }
}

export function* probe(
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

export function* arpScan(actor: Actor, attack: AttackOf<'arp-scan'>): Process {
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

export function* icmpSweep(actor: Actor, attack: AttackOf<'icmp-sweep'>): Process {
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
