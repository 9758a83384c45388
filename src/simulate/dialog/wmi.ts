import type { Random } from '../../core/index.ts';
import { encodeNtlm, encodeRpc } from '../../wire/index.ts';
import { exponential, integer, randomBytes } from '../chance.ts';
import type { Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { MS, SECOND, type World } from '../world.ts';

/** DCE-RPC over TCP: WMI (MS-DCOM, MS-WMI). */

const ACTIVATOR = '000001a0-0000-0000-c000-000000000046';
const LOGIN_CLIENT = 'd4781cd6-e5d3-44df-ad94-930efe48a887';
const SERVICES = '9556dc99-828c-11cf-a37e-00aa003240c7';

/** Activates WMI on another host and calls it over a port of its own. */
export function* wmiDialog(world: World, client: Host, server: Host, random: Random): Step {
  const dynamic = integer(random, 49_664, 49_700);
  const token = encodeNtlm({ type: 'negotiate', osVersion: [10, 0, 19_041] });
  const auth = { type: 10, level: 6, token };
  const call = function* (
    tcp: TcpTalk,
    callId: number,
    operation: number,
    contextId: number,
    up: number,
    down: number,
  ): Step {
    const verifier = { type: 10, level: 6, token: randomBytes(random, 16) };
    yield* tcp.send(
      true,
      encodeRpc({ type: 'request', callId, operation, contextId, stub: randomBytes(random, up), auth: verifier }),
    );
    yield* tcp.wait(false, exponential(random, 4 * MS));
    yield* tcp.send(
      false,
      encodeRpc({ type: 'response', callId, contextId, stub: randomBytes(random, down), auth: verifier }),
    );
    yield* tcp.wait(true);
  };
  const bind = function* (tcp: TcpTalk, uuid: string, version: number): Step {
    const contexts = [{ id: 0, uuid, version }];
    yield* tcp.send(true, encodeRpc({ type: 'bind', callId: 1, contexts, auth }));
    yield* tcp.wait(false);
    const challenge = encodeNtlm({
      type: 'challenge',
      target: 'OFFICE',
      netbiosComputer: server.name.toUpperCase().slice(0, 15),
    });
    yield* tcp.send(
      false,
      encodeRpc({
        type: 'bind_ack',
        callId: 1,
        contexts,
        secondaryAddress: '135',
        auth: { type: 10, level: 6, token: challenge },
      }),
    );
    yield* tcp.wait(true);
  };
  const first = new TcpTalk(world, client, server, 135, random);
  yield* first.open();
  yield* bind(first, ACTIVATOR, 0);
  yield* call(first, 2, 4, 0, 760, 980);
  const second = new TcpTalk(world, client, server, dynamic, random);
  yield* second.open();
  yield* bind(second, LOGIN_CLIENT, 0);
  yield* call(second, 2, 6, 0, 180, 220);
  yield* first.close();
  const third = new TcpTalk(world, client, server, dynamic, random);
  yield* third.open();
  yield* bind(third, SERVICES, 0);
  yield* call(third, 2, 6, 0, 140, 1900);
  yield* call(third, 3, 24, 0, 620, 420);
  yield* third.pause(exponential(random, 2 * SECOND));
  yield* call(third, 4, 6, 0, 140, 900);
  yield* third.close();
  yield* second.close();
}
