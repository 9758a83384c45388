import { expect } from 'vitest';
import { Random } from '../../src/core/index.ts';
import { cutEvery, dialog, type Turn } from './dialog.ts';
import { flowsFrom } from './frames.ts';

/** A conversation cut short, with bytes changed, segments of any size and some lost, eighty times over, is one flow each time and throws nothing. */
export function expectHarmlessDialog(port: number, turns: readonly Turn[]): void {
  for (let seed = 0; seed < 80; seed++) {
    const random = new Random(seed);
    const damaged = turns.map(([from, payload]): Turn => {
      const bytes = (payload as Uint8Array).slice(0, 1 + random.below(payload.length));
      for (let i = random.below(5); i > 0; i--) bytes[random.below(Math.min(60, bytes.length))] = random.below(256);
      return [from, bytes];
    });
    const frames = dialog(port, damaged, { cut: cutEvery(1 + random.below(100)) });
    expect(flowsFrom(frames.filter(() => random.below(15) > 0)), `seed ${seed}`).toHaveLength(1);
  }
}
