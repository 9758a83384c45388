import type { Random } from '../../core/index.ts';
import { between, chance, exponential, fork, integer, logNormal, pick, pickPopular } from '../chance.ts';
import { WORDS } from '../dialog/file-name.ts';
import { httpExchange, userAgent } from '../dialog/http.ts';
import type { Process } from '../engine.ts';
import { EMBEDDED, type Host, SITES } from '../network.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { browserOf, TlsTalk } from '../tls-talk.ts';
import { MS, SECOND, type World } from '../world.ts';
import { quicVisit } from './quic.ts';
import { untilNext, untilWork } from './rhythm.ts';

/** Pages: over HTTP, TLS or QUIC, with all that they load from elsewhere. */

/** Opens pages all day. Browsers keep connections for a while; a page takes one to each host it loads from. */
export function* browsing(world: World, host: Host, random: Random): Process {
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
