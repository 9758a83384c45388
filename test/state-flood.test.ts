import process from 'node:process';
import { expect, it } from 'vitest';
import { collector, flood, growthMb, UNDER_WAY } from '../bench/state-flood.ts';

it('keeps all detectors on a plateau in a flood of keys, counts what it refused, and finds what was under way', {
  timeout: 180_000,
}, () => {
  const collect = collector();
  const { steps, found, saturations } = flood(200_000, () => {
    collect();
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    return { heapMb: (heapUsed + arrayBuffers) / 1e6, rssMb: rss / 1e6 };
  });
  expect(found).toEqual(UNDER_WAY);
  expect(steps).toHaveLength(20);
  // Caps are reached within the first half; each flow kept would be some 200 MB more.
  expect(growthMb(steps)).toBeLessThan(40);
  for (const id of [
    'scan',
    'brute-force',
    'flood',
    'beacon',
    'long-connection',
    'exfiltration',
    'icmp-tunnel',
    'mining',
  ])
    expect(saturations.map(({ detector }) => detector)).toContain(id);
  for (const { what, cap, refused } of saturations) {
    expect(what).toMatch(/\S/);
    expect(cap).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  }
});
