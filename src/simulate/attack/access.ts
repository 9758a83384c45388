import type { Random } from '../../core/index.ts';
import { between, fork, pick } from '../chance.ts';
import { ftpDialog } from '../dialog/ftp.ts';
import { httpExchange } from '../dialog/http.ts';
import { rdpDialog } from '../dialog/rdp.ts';
import { SmbTalk } from '../dialog/smb.ts';
import { sshDialog } from '../dialog/ssh.ts';
import type { Process } from '../engine.ts';
import type { Host } from '../network.ts';
import type { AttackOf } from '../scenario.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { MS, type World } from '../world.ts';
import { type Actor, ATTACKER, gapUs, hostOf, insider, outsider, server } from './actor.ts';

/** Attacks that get in: guessed passwords, and passwords sent in clear. */

const USERS = ['root', 'admin', 'administrator', 'test', 'user', 'oracle', 'backup', 'ubuntu', 'postgres', 'guest'];
const PASSWORDS = [
  '123456',
  'password',
  'admin',
  'letmein',
  'qwerty',
  'welcome1',
  'Summer2025!',
  'changeme',
  'P@ssw0rd',
  'root',
];

export function* bruteForce(actor: Actor, attack: AttackOf<'brute-force'>): Process {
  const { world, random } = actor;
  const from = outsider(actor, attack.from, ATTACKER);
  const to = server(actor, attack.to, from);
  const { attempts, service, success } = attack;
  // SSH servers let three guesses pass in a connection; the others one.
  const perConnection = service === 'ssh' ? 3 : 1;
  const connections = Math.ceil(attempts / perConnection);
  for (let i = 0; i < connections; i++) {
    const isIn = success && i === connections - 1;
    const guesses = Math.min(perConnection, attempts - i * perConnection);
    world.engine.spawn(guess(world, service, from, to, fork(random), guesses, isIn));
    yield gapUs(random, (attack.rate * attack.intensity) / perConnection);
  }
}

function* guess(
  world: World,
  service: AttackOf<'brute-force'>['service'],
  from: Host,
  to: Host,
  random: Random,
  guesses: number,
  succeeds: boolean,
): Process {
  switch (service) {
    case 'ssh':
      yield* sshDialog(world, from, to, random, {
        failures: succeeds ? guesses - 1 : guesses,
        succeeds,
        seconds: succeeds ? 120 : 0,
        software: 'libssh2_1.11.0',
      });
      return;
    case 'rdp':
      yield* rdpDialog(world, from, to, random, pick(random, USERS), succeeds ? 180 : 0);
      return;
    case 'ftp':
      yield* ftpDialog(
        world,
        from,
        to,
        random,
        pick(random, USERS),
        pick(random, PASSWORDS),
        succeeds,
        succeeds ? 2_000_000 : 0,
      );
      return;
    case 'smb': {
      const tcp = new TcpTalk(world, from, to, 445, random);
      yield* tcp.open();
      const smb = new SmbTalk(tcp, random);
      const isIn = yield* smb.login(world, from, to, { user: pick(random, USERS), domain: 'OFFICE', succeeds });
      if (isIn) {
        yield* smb.connect(to, 'C$');
        yield* smb.end();
      } else yield* tcp.close();
      return;
    }
    case 'http': {
      const talk = new TcpTalk(world, from, to, 80, random);
      yield* talk.open();
      yield* httpExchange(talk, random, {
        method: 'POST',
        target: '/login',
        host: to.address,
        agent: 'python-requests/2.32.3',
        upText: `user=${pick(random, USERS)}&password=${pick(random, PASSWORDS)}`,
        headers: [['Content-Type', 'application/x-www-form-urlencoded']],
        ...(succeeds
          ? { status: 302, reason: 'Found', down: 120 }
          : { status: 401, reason: 'Unauthorized', down: 480 }),
        thinkMs: 60,
      });
      yield* talk.close();
    }
  }
}

export function* cleartextLogin(actor: Actor, attack: AttackOf<'cleartext-login'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const to =
    attack.to === undefined ? world.network.server('files.old-partner.example') : hostOf(actor, attack.to, 'to');
  for (let i = 0; i < attack.logins; i++) {
    if (!to.isLocal && to.name.includes('.') && !/^[\d.]+$/.test(to.name)) yield* world.lookup(from, to.name, random);
    if (attack.service === 'ftp')
      yield* ftpDialog(world, from, to, random, 'bookkeeping', 'Winter-2024', true, 300_000);
    else {
      const talk = new TcpTalk(world, from, to, 80, random);
      yield* talk.open();
      // RFC 7617 of bookkeeping:Winter-2024.
      yield* httpExchange(talk, random, {
        method: 'GET',
        target: '/intranet/reports',
        host: to.name,
        agent: 'simulated-client/2.1',
        headers: [['Authorization', 'Basic Ym9va2tlZXBpbmc6V2ludGVyLTIwMjQ=']],
        down: 30_000,
      });
      yield* talk.close();
    }
    yield (attack.period * MS * between(random, 0.8, 1.2)) / attack.intensity;
  }
}
