import { describe, expect, it } from 'vitest';
import { TimingWheel, WHEEL_TICKS } from './wheel.ts';

function slot(wheel: TimingWheel, tick: number): number[] {
  const refs: number[] = [];
  for (let ref = wheel.first(tick); ref >= 0; ref = wheel.next(ref)) refs.push(ref);
  return refs;
}

describe('timing wheel', () => {
  it('has the records of a tick, the latest first', () => {
    const wheel = new TimingWheel(4);
    for (const ref of [0, 1, 2, 3]) wheel.add(ref, 7, 0);
    expect(slot(wheel, 7)).toEqual([3, 2, 1, 0]);
    expect(slot(wheel, 8)).toEqual([]);
  });

  it('takes a record out wherever it stands', () => {
    for (const ref of [0, 1, 2]) {
      const wheel = new TimingWheel(3);
      for (const one of [0, 1, 2]) wheel.add(one, 7, 0);
      wheel.remove(ref);
      expect(slot(wheel, 7)).toEqual([2, 1, 0].filter((one) => one !== ref));
    }
  });

  it('puts what is due already, or beyond its reach, as near as it can', () => {
    const wheel = new TimingWheel(3);
    wheel.add(0, 99, 100);
    wheel.add(1, 100 + 10 * WHEEL_TICKS, 100);
    wheel.add(2, -5, -10);
    expect(slot(wheel, 101)).toEqual([0]);
    expect(slot(wheel, 100 + WHEEL_TICKS - 1)).toEqual([1]);
    expect(slot(wheel, -5)).toEqual([2]);
  });
});
