import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Engine, MAX_PROCESSES, type Process } from './engine.ts';

it('wakes processes in time order, the older first where two wake at once', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(20), { maxLength: 6 }), { maxLength: 12 }), (plans) => {
      const engine = new Engine();
      const seen: [number, number][] = [];
      const routine = function* (id: number, waits: readonly number[]): Process {
        for (const wait of waits) {
          yield wait;
          seen.push([engine.now, id]);
        }
      };
      plans.forEach((waits, id) => {
        engine.spawn(routine(id, waits));
      });
      engine.run(1e6, () => false);
      const expected = plans
        .flatMap((waits, id) =>
          waits.map((_, i) => [waits.slice(0, i + 1).reduce((a, b) => a + b, 0), id] as [number, number]),
        )
        .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      expect(seen).toEqual(expected);
      expect(engine.live).toBe(0);
    }),
    { numRuns: 200, seed: 3 },
  );
});

it('stops at the end, and goes on where it paused', () => {
  const engine = new Engine();
  const times: number[] = [];
  engine.spawn(
    (function* (): Process {
      for (;;) {
        times.push(engine.now);
        yield 10;
      }
    })(),
  );
  expect(engine.run(50, () => times.length === 2)).toBe(true);
  expect(times).toEqual([0, 10]);
  expect(engine.run(50, () => false)).toBe(false);
  expect(times).toEqual([0, 10, 20, 30, 40]);
});

it('refuses what is too much of one origin, counts it, and leaves the others their room', () => {
  const engine = new Engine();
  const sleep = function* (): Process {
    yield 1e9;
  };
  for (let i = 0; i < MAX_PROCESSES + 5; i++) engine.spawn(sleep(), 0, 1);
  engine.spawn(sleep(), 0, 0);
  expect(engine.refused).toBe(5);
  expect(engine.live).toBe(MAX_PROCESSES + 1);
});
