import type { Random } from '../../core/index.ts';
import { encodeRdpConnect } from '../../wire/index.ts';
import { exponential, integer } from '../chance.ts';
import type { Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { systemClient, TlsTalk } from '../tls-talk.ts';
import { MS, SECOND, type World } from '../world.ts';

/** Remote desktop (MS-RDPBCGR). */

/** Connection request, TLS, and a session of so many seconds; without seconds it ends where the login fails. */
export function* rdpDialog(
  world: World,
  client: Host,
  server: Host,
  random: Random,
  user: string,
  seconds: number,
): Step {
  const tls = new TlsTalk(world, client, server, 3389, random, {
    client: systemClient(client),
    alpn: [],
    version: '1.2',
    isSelfSigned: true,
    serverName: `${server.name}.${world.network.domain}`,
  });
  const { tcp } = tls;
  yield* tcp.open();
  yield* tcp.send(true, encodeRdpConnect({ kind: 'request', user, requestedProtocols: 3 }));
  yield* tcp.wait(false, exponential(random, 3 * MS));
  yield* tcp.send(false, encodeRdpConnect({ kind: 'confirm', selectedProtocol: 2 }));
  yield* tcp.wait(true);
  yield* tls.handshake();
  // CredSSP: three tokens up, two down.
  yield* tls.exchange(58, 220, 800);
  yield* tls.exchange(560, 110, 3 * MS);
  if (seconds <= 0) {
    tcp.reset(false);
    return;
  }
  yield* tls.exchange(120, 180, 2 * MS);
  yield* tls.exchange(470, 380, 4 * MS);
  yield* tls.send(false, 60_000);
  const end = world.engine.now + seconds * SECOND;
  while (world.engine.now < end) {
    yield* tls.send(true, integer(random, 30, 120));
    yield* tcp.wait(false);
    yield* tls.send(false, Math.round(200 + exponential(random, 2500)));
    yield* tls.pause(exponential(random, 900 * MS));
  }
  yield* tls.close();
}
