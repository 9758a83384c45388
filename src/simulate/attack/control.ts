import type { Random } from '../../core/index.ts';
import { encodeDnsMessage, encodeStratum } from '../../wire/index.ts';
import {
  BASE32_LETTERS,
  between,
  chance,
  exponential,
  fork,
  HEX_LETTERS,
  integer,
  LETTERS,
  pick,
  randomBytes,
  randomText,
} from '../chance.ts';
import { utf8 } from '../dialog/bytes.ts';
import { httpExchange } from '../dialog/http.ts';
import type { Process, Step } from '../engine.ts';
import type { Host } from '../network.ts';
import type { AttackOf } from '../scenario.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { systemClient, TlsTalk } from '../tls-talk.ts';
import { MINUTE, MS, SECOND, type World } from '../world.ts';
import { type Actor, CONTROL, gapUs, hostOf, insider, NO_BYTES } from './actor.ts';

/** What a host under control does: calls home in several guises, a shell, mining. */

export function* beacon(actor: Actor, attack: AttackOf<'beacon'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const name = attack.to ?? (attack.protocol === 'tcp' ? CONTROL : 'status.update-relay.example');
  const to = hostOf(actor, name, 'to');
  const isName = /[a-z]/i.test(name) && !to.isLocal;
  const { bytes } = attack;
  for (;;) {
    const begun = world.engine.now;
    if (isName && attack.protocol !== 'dns') yield* world.lookup(from, name, random);
    const up = Math.round(bytes * between(random, 0.97, 1.03));
    if (attack.protocol === 'https') {
      const tls = new TlsTalk(world, from, to, attack.port ?? 443, random, {
        client: 'golang',
        serverName: isName ? name : undefined,
      });
      yield* tls.open();
      yield* tls.exchange(up, bytes / 2, exponential(random, 20 * MS));
      yield* tls.close();
    } else if (attack.protocol === 'http') {
      const talk = new TcpTalk(world, from, to, attack.port ?? 80, random);
      yield* talk.open();
      yield* httpExchange(talk, random, {
        method: 'POST',
        target: '/api/v2/status',
        host: name,
        agent: 'Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)',
        up,
        down: Math.round(bytes / 2),
        type: 'application/octet-stream',
      });
      yield* talk.close();
    } else if (attack.protocol === 'tcp') {
      const talk = new TcpTalk(world, from, to, attack.port ?? 4444, random);
      yield* talk.open();
      yield* talk.send(true, NO_BYTES, up);
      yield* talk.wait(false, 10 * MS);
      yield* talk.send(false, NO_BYTES, Math.max(1, Math.round(bytes / 2)));
      yield* talk.wait(true);
      yield* talk.close();
    } else {
      const label = randomText(random, 16, HEX_LETTERS);
      const zone = isName ? name : 'status.update-relay.example';
      const question = `${label}.${zone}`;
      yield* world.query(from, question, 16, random, (id) =>
        encodeDnsMessage({
          id,
          isResponse: true,
          recursionDesired: true,
          recursionAvailable: true,
          questions: [{ name: question, type: 16 }],
          answers: [{ name: question, type: 16, ttl: 1, data: textRecord(randomText(random, 24, BASE32_LETTERS)) }],
        }),
      );
    }
    const interval = (attack.period * MS * (1 + attack.jitter * (2 * random.float() - 1))) / attack.intensity;
    yield Math.max(MS, interval - (world.engine.now - begun));
  }
}

/** TXT data of one string, RFC 1035 section 3.3.14. */
function textRecord(text: string): Uint8Array {
  const bytes = utf8(text);
  return Uint8Array.from([bytes.length, ...bytes]);
}

export function* dnsTunnel(actor: Actor, attack: AttackOf<'dns-tunnel'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const { domain, labelBytes, type } = attack;
  const number = { A: 1, TXT: 16, CNAME: 5, NULL: 10 }[type];
  // A name has 253 characters at most; base32 carries five bytes in eight.
  const labels = Math.max(1, Math.floor((250 - domain.length - 6) / (labelBytes + 1)));
  const perQuery = Math.max(1, Math.floor((labels * labelBytes * 5) / 8));
  let counter = 0;
  for (;;) {
    const name = `${(counter++ & 0xfff).toString(16)}${Array.from({ length: labels }, () => `.${randomText(random, labelBytes, BASE32_LETTERS)}`).join('')}.${domain}`;
    const answer = (id: number): Uint8Array => {
      const data =
        type === 'A'
          ? `10.${random.below(256)}.${random.below(256)}.${random.below(256)}`
          : type === 'CNAME'
            ? `${randomText(random, Math.min(63, labelBytes), BASE32_LETTERS)}.${domain}`
            : type === 'TXT'
              ? textRecord(randomText(random, 180, BASE32_LETTERS))
              : randomBytes(random, 200);
      return encodeDnsMessage({
        id,
        isResponse: true,
        recursionDesired: true,
        recursionAvailable: true,
        questions: [{ name, type: number }],
        answers: [{ name, type: number, ttl: 0, data }],
      });
    };
    world.engine.spawn(world.query(from, name, number, fork(random), answer));
    yield gapUs(random, (attack.bytesPerSecond * attack.intensity) / perQuery);
  }
}

const DGA_ZONES = ['example', 'test', 'invalid'];

export function* dga(actor: Actor, attack: AttackOf<'dga'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  for (;;) {
    const name = `${randomText(random, integer(random, Math.max(4, attack.nameLength - 3), attack.nameLength + 3), LETTERS)}.${pick(random, DGA_ZONES)}`;
    const exists = chance(random, attack.resolves);
    const session = fork(random);
    world.engine.spawn(
      (function* (): Process {
        const host = yield* world.lookup(from, name, session, exists);
        if (host === undefined) return;
        const tls = new TlsTalk(world, from, host, 443, session, { client: 'golang', serverName: name });
        yield* tls.open();
        yield* tls.exchange(400, 900, 20 * MS);
        yield* tls.close();
      })(),
    );
    yield exponential(random, MINUTE / (attack.namesPerMinute * attack.intensity));
  }
}

export function* shell(actor: Actor, attack: AttackOf<'shell'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const to = hostOf(actor, attack.to ?? CONTROL, 'to');
  const talk = new TcpTalk(world, from, to, attack.port, random);
  yield* talk.open();
  yield* talk.send(
    true,
    utf8(
      'Microsoft Windows [Version 10.0.19045.5131]\r\n(c) Microsoft Corporation. All rights reserved.\r\n\r\nC:\\Users\\Public>',
    ),
  );
  const commands = [
    'whoami',
    'hostname',
    'ipconfig /all',
    'net user',
    'net view',
    'tasklist',
    'dir C:\\Users',
    'type notes.txt',
    'systeminfo',
    'arp -a',
  ];
  for (let i = 0; i < attack.commands; i++) {
    yield* talk.pause(exponential(random, (15 * SECOND) / attack.intensity));
    const command = pick(random, commands);
    yield* talk.send(false, utf8(`${command}\n`));
    yield* talk.wait(true, exponential(random, 200 * MS));
    const lines = Array.from({ length: integer(random, 2, 40) }, () =>
      randomText(random, integer(random, 8, 60), `${LETTERS}    ._-`),
    ).join('\r\n');
    yield* talk.send(true, utf8(`${command}\r\n${lines}\r\n\r\nC:\\Users\\Public>`));
  }
  yield* talk.close(false);
}

/** A connection over TCP of which only the sizes are told, as `TlsTalk` has them. */
class RawTalk {
  readonly tcp: TcpTalk;

  constructor(world: World, client: Host, server: Host, port: number, random: Random) {
    this.tcp = new TcpTalk(world, client, server, port, random);
  }

  *open(): Step {
    yield* this.tcp.open();
  }

  *send(fromClient: boolean, bytes: number): Step {
    yield* this.tcp.send(fromClient, NO_BYTES, bytes);
  }

  *exchange(up: number, down: number, thinkUs: number): Step {
    yield* this.send(true, up);
    yield* this.tcp.wait(false, thinkUs);
    yield* this.send(false, down);
    yield* this.tcp.wait(true);
  }

  *pause(us: number): Step {
    yield* this.tcp.pause(us);
  }
}

/** A remote-control tool: TLS with a certificate that it made itself, no server name, signs of life in one connection, and now and then a command with its answer. */
export function* remoteControl(actor: Actor, attack: AttackOf<'remote-control'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const name = attack.to ?? CONTROL;
  const to = hostOf(actor, name, 'to');
  const certificateName = randomText(random, 9, LETTERS);
  const period = (attack.period * MS) / attack.intensity;
  const perSign = (attack.commands * attack.period) / (60 * 60_000);
  for (;;) {
    if (/[a-z]/i.test(name) && !to.isLocal) yield* world.lookup(from, name, random);
    const talk =
      attack.protocol === 'tcp'
        ? new RawTalk(world, from, to, attack.port, random)
        : new TlsTalk(world, from, to, attack.port, random, {
            client: systemClient(from),
            alpn: [],
            version: '1.2',
            isSelfSigned: true,
            certificateName,
          });
    yield* talk.open();
    yield* talk.exchange(420, 60, exponential(random, 20 * MS));
    // Lines break; it comes back.
    for (let left = integer(random, 40, 400); left > 0; left--) {
      yield* talk.pause(period * between(random, 0.8, 1.2));
      yield* talk.exchange(integer(random, 60, 90), integer(random, 40, 60), exponential(random, 20 * MS));
      if (chance(random, Math.min(1, perSign))) {
        yield* talk.send(false, integer(random, 80, 900));
        yield* talk.tcp.wait(true, exponential(random, 200 * MS));
        yield* talk.send(true, Math.round(2000 + exponential(random, 60_000)));
      }
    }
    talk.tcp.reset(true);
    yield between(random, 5, 30) * SECOND;
  }
}

export function* mining(actor: Actor, attack: AttackOf<'mining'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const name = attack.to ?? 'pool.coin-quarry.example';
  const to = hostOf(actor, name, 'to');
  if (/[a-z]/i.test(name) && !to.isLocal) yield* world.lookup(from, name, random);
  const talk = new TcpTalk(world, from, to, attack.port, random);
  yield* talk.open();
  let id = 1;
  const job = (): object => ({
    jsonrpc: '2.0',
    method: 'job',
    params: {
      blob: randomText(random, 152, HEX_LETTERS),
      job_id: randomText(random, 12, HEX_LETTERS),
      target: 'b88d0600',
      height: 3_300_000 + id,
      seed_hash: randomText(random, 64, HEX_LETTERS),
      algo: 'rx/0',
    },
  });
  const call = function* (method: string, params: object, result: object): Step {
    yield* talk.send(true, encodeStratum([{ id, jsonrpc: '2.0', method, params }]));
    yield* talk.wait(false, exponential(random, 10 * MS));
    yield* talk.send(false, encodeStratum([{ id, jsonrpc: '2.0', error: null, result }]));
    id++;
    yield* talk.wait(true);
  };
  const worker = randomText(random, 15, HEX_LETTERS);
  yield* call(
    'login',
    {
      login: `4${randomText(random, 94, '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz')}`,
      pass: 'x',
      agent: 'XMRig/6.22.2 (Linux x86_64)',
      algo: ['rx/0', 'cn/r'],
    },
    { id: worker, job: job(), extensions: ['algo', 'nicehash'], status: 'OK' },
  );
  for (;;) {
    yield* talk.pause(exponential(random, (attack.period * MS) / attack.intensity));
    if (chance(random, 0.3)) {
      yield* talk.send(false, encodeStratum([job()]));
      yield* talk.wait(true);
    } else
      yield* call(
        'submit',
        {
          id: worker,
          job_id: randomText(random, 12, HEX_LETTERS),
          nonce: randomText(random, 8, HEX_LETTERS),
          result: randomText(random, 64, HEX_LETTERS),
        },
        { status: 'OK' },
      );
  }
}
