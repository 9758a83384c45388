import { UserError } from '../core/index.ts';
import { bruteForce, cleartextLogin } from './attack/access.ts';
import { type Actor, hostOf, limited, targets } from './attack/actor.ts';
import { beacon, dga, dnsTunnel, mining, remoteControl, shell } from './attack/control.ts';
import { amplification, flood } from './attack/denial.ts';
import { lateralMovement } from './attack/lateral-movement.ts';
import { arpSpoof, newDevice, rogueDhcp } from './attack/office-wire.ts';
import { exfiltration, icmpTunnel } from './attack/outflow.ts';
import { arpScan, icmpSweep, scan } from './attack/reconnaissance.ts';
import type { Process } from './engine.ts';
import type { Attack } from './scenario.ts';
import { MS, type World } from './world.ts';

/**
 * The attacks. Each acts on an account of its own, with its own stream of chance, its own memory of neighbours and names and its own ports: what others do is the same, byte for byte,
 * with it and without it. All its packets, answers of the victims included, carry its label.
 */

/** An attack with the name of its label. */
export interface NamedAttack {
  readonly id: string;
  readonly attack: Attack;
}

export function nameAttacks(attacks: readonly Attack[]): NamedAttack[] {
  const names = attacks.map((attack, i) => attack.id ?? `${attack.kind}-${i + 1}`);
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined)
    throw new UserError(`two attacks have the id '${repeated}'`, 'give each an id of its own, or none');
  return attacks.map((attack, i) => ({ id: names[i] ?? '', attack }));
}

/** Starts attack number `origin`, from 1. Throws UserError for hosts that do not exist; what else does not fit together is found when the attack begins. */
export function startAttack(world: World, { id, attack }: NamedAttack, origin: number): void {
  const random = world.stream(`attack ${id} ${attack.kind}`);
  const start =
    attack.start === undefined
      ? world.durationUs / 4
      : 'afterMs' in attack.start
        ? attack.start.afterMs * MS
        : world.untilMinute(0, attack.start.minuteOfDay);
  const end =
    attack.duration === undefined ? world.durationUs : Math.min(world.durationUs, start + attack.duration * MS);
  const actor = { world, random, id };
  if (attack.from !== undefined) hostOf(actor, attack.from, 'from');
  if ('to' in attack && attack.to !== undefined) targets(actor, attack.to, () => []);
  world.engine.spawn(limited(world.engine, processOf(actor, attack), end), start, origin);
}

function processOf(actor: Actor, attack: Attack): Process {
  switch (attack.kind) {
    case 'scan':
      return scan(actor, attack);
    case 'arp-scan':
      return arpScan(actor, attack);
    case 'icmp-sweep':
      return icmpSweep(actor, attack);
    case 'brute-force':
      return bruteForce(actor, attack);
    case 'beacon':
      return beacon(actor, attack);
    case 'dns-tunnel':
      return dnsTunnel(actor, attack);
    case 'dga':
      return dga(actor, attack);
    case 'exfiltration':
      return exfiltration(actor, attack);
    case 'flood':
      return flood(actor, attack);
    case 'amplification':
      return amplification(actor, attack);
    case 'icmp-tunnel':
      return icmpTunnel(actor, attack);
    case 'mining':
      return mining(actor, attack);
    case 'remote-control':
      return remoteControl(actor, attack);
    case 'shell':
      return shell(actor, attack);
    case 'new-device':
      return newDevice(actor, attack);
    case 'arp-spoof':
      return arpSpoof(actor, attack);
    case 'rogue-dhcp':
      return rogueDhcp(actor, attack);
    case 'lateral-movement':
      return lateralMovement(actor, attack);
    case 'cleartext-login':
      return cleartextLogin(actor, attack);
  }
}
