import type { Random } from '../../core/index.ts';
import { encodeNtp } from '../../wire/index.ts';
import { between, pick } from '../chance.ts';
import type { Process } from '../engine.ts';
import type { Host } from '../network.ts';
import { SECOND, type World } from '../world.ts';

/** Time by NTP, RFC 5905. */

export function* ntpClient(world: World, host: Host, random: Random): Process {
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
