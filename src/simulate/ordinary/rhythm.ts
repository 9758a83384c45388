import type { Random } from '../../core/index.ts';
import { chance, exponential } from '../chance.ts';
import type { Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { DAY, HOUR, MINUTE, type World } from '../world.ts';

/** When people and machines do things: office hours, and pauses by chance. */

export const PERSONAL: ReadonlySet<string> = new Set(['workstation', 'laptop', 'phone']);

/** Sleeps until a person is at work: at once in office hours, else until shortly after the next morning's beginning. */
export function* untilWork(world: World, random: Random): Step {
  while (!world.isOfficeTime(world.engine.now)) {
    const wait = world.untilMinute(world.engine.now, world.officeFrom);
    yield (wait === 0 ? DAY : wait) + Math.min(20 * MINUTE, exponential(random, 6 * MINUTE));
  }
}

/** A pause between things a person does: Poisson in office hours, nothing at night. Phones stay awake, at an eighth. */
export function* untilNext(world: World, host: Host, perHour: number, random: Random): Step {
  const rate = perHour * world.behavior.intensity;
  yield exponential(random, HOUR / rate);
  if (host.role === 'phone') {
    while (!world.isOfficeTime(world.engine.now) && chance(random, 0.875)) yield exponential(random, HOUR / rate);
  } else yield* untilWork(world, random);
}
