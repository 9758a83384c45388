import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flowTable } from './schema.ts';
import { TimelineCounter } from './timeline.ts';

function count(times: readonly number[]): ReturnType<TimelineCounter['finish']> {
  const timeline = new TimelineCounter();
  timeline.observe(flowTable(times.map((startMs) => ({ startMs, initiatorBytes: 100, responderBytes: 1 }))));
  return timeline.finish();
}

describe('timeline', () => {
  it('counts flows and their bytes by start', () => {
    expect(count([1000, 1005, 1020])).toEqual({ startMs: 1000, bucketMs: 10, bytes: [202, 0, 101], flows: [2, 0, 1] });
    expect(count([])).toEqual({ startMs: 0, bucketMs: 10, bytes: [], flows: [] });
  });

  it('joins buckets when the span outgrows them, at most 240, and the order of the flows changes nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 1e12 })), {
          minLength: 1,
          maxLength: 60,
        }),
        (times) => {
          const a = count(times);
          expect(count([...times].reverse())).toEqual(a);
          expect(count([...times].sort((x, y) => x - y))).toEqual(a);
          expect(a.flows.length).toBeLessThanOrEqual(240);
          expect(a.flows.reduce((n, x) => n + x, 0)).toBe(times.length);
          for (const t of times) expect(a.flows[Math.floor((t - a.startMs) / a.bucketMs)]).toBeGreaterThan(0);
        },
      ),
      { numRuns: 300, seed: 3 },
    );
  });
});
