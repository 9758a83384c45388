import { type Random, UserError } from '../../core/index.ts';
import { exponential, fork, integer } from '../chance.ts';
import { httpExchange } from '../dialog/http.ts';
import { rdpDialog } from '../dialog/rdp.ts';
import { remoteServiceDialog } from '../dialog/service-control.ts';
import { wmiDialog } from '../dialog/wmi.ts';
import type { Process } from '../engine.ts';
import type { Host } from '../network.ts';
import type { AttackOf } from '../scenario.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { MS, SECOND } from '../world.ts';
import { type Actor, insider, shuffle, targets } from './actor.ts';

/** From host to host inside. */

export function* lateralMovement(actor: Actor, attack: AttackOf<'lateral-movement'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const named =
    attack.to === undefined
      ? undefined
      : targets(actor, attack.to, () => []).flatMap((word) => world.network.hostAt(word) ?? []);
  const reachable = (named ?? world.network.withRole('workstation', 'server', 'laptop')).filter(
    (host) => host !== from,
  );
  if (reachable.length === 0)
    throw new UserError(`attack ${actor.id}: there is no other computer to move to`, 'list more hosts, or say to');
  shuffle(random, reachable);
  for (const to of reachable.slice(0, attack.targets)) {
    world.engine.spawn(move(actor, attack, from, to, fork(random)));
    yield exponential(random, (attack.period * MS) / attack.intensity);
  }
}

function* move(actor: Actor, attack: AttackOf<'lateral-movement'>, from: Host, to: Host, random: Random): Process {
  const { world } = actor;
  // What is tried first is whether the port answers.
  const port = { smb: 445, wmi: 135, winrm: 5985, rdp: 3389 }[attack.via];
  const knock = new TcpTalk(world, from, to, port, random);
  yield* knock.open();
  yield* knock.close();
  yield exponential(random, SECOND);
  if (attack.via === 'smb')
    yield* remoteServiceDialog(
      world,
      from,
      to,
      random,
      { user: 'administrator', domain: 'OFFICE' },
      'PSEXESVC',
      384_000,
    );
  else if (attack.via === 'wmi') yield* wmiDialog(world, from, to, random);
  else if (attack.via === 'rdp') yield* rdpDialog(world, from, to, random, 'administrator', 90);
  else {
    const talk = new TcpTalk(world, from, to, 5985, random);
    yield* talk.open();
    const common = {
      method: 'POST',
      target: '/wsman',
      host: `${to.name}:5985`,
      agent: 'Microsoft WinRM Client',
      type: 'application/http-spnego-session-encrypted',
    };
    yield* httpExchange(talk, random, {
      ...common,
      headers: [['Authorization', 'Negotiate TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==']],
      status: 401,
      reason: 'Unauthorized',
    });
    for (let i = integer(random, 3, 8); i > 0; i--) {
      yield* httpExchange(talk, random, {
        ...common,
        up: integer(random, 1500, 3500),
        down: integer(random, 900, 6000),
        thinkMs: 200,
      });
      yield* talk.pause(exponential(random, SECOND));
    }
    yield* talk.close();
  }
}
