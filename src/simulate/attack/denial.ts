import {
  ByteWriter,
  encodeDnsMessage,
  encodeIcmp,
  encodeNtpPrivate,
  formatIpv4,
  PROTO,
  TCP_ACK,
  TCP_RST,
  TCP_SYN,
} from '../../wire/index.ts';
import { BASE32_LETTERS, integer, pick, randomBytes, randomText } from '../chance.ts';
import { utf8 } from '../dialog/bytes.ts';
import type { Process } from '../engine.ts';
import type { AttackOf } from '../scenario.ts';
import { SECOND } from '../world.ts';
import { type Actor, ATTACKER, gapUs, later, NO_BYTES, OPEN_PORTS, outsider, server } from './actor.ts';

/** Floods and amplification. */

export function* flood(actor: Actor, attack: AttackOf<'flood'>): Process {
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
export function* amplification(actor: Actor, attack: AttackOf<'amplification'>): Process {
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
