import type { Random } from '../../core/index.ts';
import { between, chance, exponential, integer, logNormal, pick, randomHex } from '../chance.ts';
import { utf8 } from '../dialog/bytes.ts';
import { httpExchange } from '../dialog/http.ts';
import { mqttDialog } from '../dialog/mqtt.ts';
import type { Process } from '../engine.ts';
import type { Host } from '../network.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { systemClient, TlsTalk } from '../tls-talk.ts';
import { DAY, HOUR, MS, SECOND, type World } from '../world.ts';

/** Services that hosts ask all day, by themselves: periodic and innocent. */

/** IMAP over TLS: a connection for each look, RFC 8314. */
export function* mail(world: World, host: Host, random: Random): Process {
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
export function* cloudSync(world: World, host: Host, random: Random): Process {
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
export function* push(world: World, host: Host, random: Random): Process {
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

export function* telemetry(world: World, host: Host, random: Random): Process {
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
export function* clips(world: World, host: Host, random: Random): Process {
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
export function* voipKeepAlive(world: World, host: Host, random: Random): Process {
  const server = yield* world.lookup(host, 'sip.voice-exchange.example', random);
  if (server === undefined) return;
  for (;;) {
    yield* world.resolve(host, server, random);
    world.udp(host, 5060, server, 5060, utf8('\r\n\r\n'), 0, random.below(65_536));
    yield 30 * SECOND * between(random, 0.995, 1.005);
  }
}

export function* updates(world: World, host: Host, random: Random): Process {
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
          target: `/pool/${randomHex(random, 8)}.cab`,
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
