import type { Random } from '../../core/index.ts';
import { encodeStun } from '../../wire/index.ts';
import { fork, integer, logNormal, randomBytes, randomHex } from '../chance.ts';
import type { Process, Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { browserOf, TlsTalk } from '../tls-talk.ts';
import { MS, SECOND, type World } from '../world.ts';
import { untilNext, untilWork } from './rhythm.ts';

/** Video calls: STUN (RFC 8489), then RTP (RFC 3550) both ways. */

export function* calls(world: World, host: Host, random: Random): Process {
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
  const username = `${randomHex(random, 8).slice(0, 4)}:${randomHex(random, 8).slice(0, 4)}`;
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
