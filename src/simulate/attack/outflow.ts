import { encodeIcmp } from '../../wire/index.ts';
import { between, randomBytes } from '../chance.ts';
import type { Process, Step } from '../engine.ts';
import type { AttackOf } from '../scenario.ts';
import { TlsTalk } from '../tls-talk.ts';
import { MS } from '../world.ts';
import { type Actor, CONTROL, gapUs, hostOf, insider, later } from './actor.ts';

/** Data that leave. */

export function* exfiltration(actor: Actor, attack: AttackOf<'exfiltration'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const name = attack.to ?? 'upload.paste-locker.example';
  const to = hostOf(actor, name, 'to');
  const isName = /[a-z]/i.test(name) && !to.isLocal;
  const upload = function* (bytes: number): Step {
    if (isName) yield* world.lookup(from, name, random);
    const tls = new TlsTalk(world, from, to, 443, random, { client: 'openssl', serverName: isName ? name : undefined });
    yield* tls.open();
    yield* tls.exchange(bytes, 400, 60 * MS);
    yield* tls.close();
  };
  if (attack.mode === 'burst') {
    yield* upload(Math.round(attack.bytes * attack.intensity));
    return;
  }
  for (let left = attack.bytes * attack.intensity; left > 0; left -= attack.chunk) {
    yield* upload(Math.min(left, attack.chunk) * between(random, 0.8, 1));
    yield attack.period * MS * between(random, 0.6, 1.4);
  }
}

export function* icmpTunnel(actor: Actor, attack: AttackOf<'icmp-tunnel'>): Process {
  const { world, random } = actor;
  const from = insider(actor, attack.from);
  const to = hostOf(actor, attack.to ?? CONTROL, 'to');
  yield* world.resolve(from, to, random);
  const identifier = random.below(65_536);
  let sequence = 0;
  for (;;) {
    sequence = (sequence + 1) & 0xffff;
    const number = sequence;
    world.icmp(
      from,
      to,
      encodeIcmp({
        type: 8,
        identifier,
        sequence: number,
        payload: randomBytes(random, Math.round(attack.chunk * between(random, 0.7, 1))),
      }),
      random,
    );
    const answer = randomBytes(random, Math.round(attack.chunk * between(random, 0.1, 0.6)));
    world.engine.spawn(
      later(world.answerUs(to, random), () =>
        world.icmp(to, from, encodeIcmp({ type: 0, identifier, sequence: number, payload: answer }), random),
      ),
    );
    yield gapUs(random, (attack.bytesPerSecond * attack.intensity) / attack.chunk);
  }
}
