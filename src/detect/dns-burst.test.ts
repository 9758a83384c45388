import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection } from './detection.ts';
import { createDnsBurstDetector, type DnsBurstOptions } from './dns-burst.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = 1_600_000_000_000;
const context = { isHome: (address: string) => address.startsWith('10.') };

function detect(records: readonly FlowRecord[], options: Partial<DnsBurstOptions> = {}): Detection[] {
  const detector = createDnsBurstDetector(context, options);
  detector.observe(flowTable(records), NO_FEATURES);
  return detector.finish();
}

let nextId = 1;
const question = (more: FlowRecord = {}): FlowRecord => ({
  id: nextId++,
  protocol: 'udp',
  initiator: '10.0.2.15',
  initiatorPort: 50_000 + (nextId % 10_000),
  responder: '8.8.8.8',
  responderPort: 53,
  startMs: T0,
  endMs: T0 + 20,
  initiatorPackets: 1,
  responderPackets: 1,
  initiatorBytes: 71,
  responderBytes: 87,
  outcome: 'answered',
  ...more,
});

/** Questions within two seconds; every fifth of `odd` has a size of its own, answers of `sizes` sizes take turns. */
function burst(
  n: number,
  { odd = 0, sizes = 3, ...more }: FlowRecord & { odd?: number; sizes?: number } = {},
): FlowRecord[] {
  return Array.from({ length: n }, (_, i) =>
    question({
      startMs: T0 + Math.floor((i * 2000) / n),
      responderBytes: 87 + 16 * (i % sizes),
      ...(i < odd ? { initiatorBytes: 100 + i } : {}),
      ...more,
    }),
  );
}

describe('bursts of names of one length, where flows tell no names', () => {
  it('are found, with how many, how alike, and what came back', () => {
    const [found, ...others] = detect(burst(60));
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'dns-burst.alike',
      actor: '10.0.2.15',
      peers: ['8.8.8.8'],
      port: 53,
      score: 0.5,
    });
    expect(found?.reasons.map(({ sentence }) => sentence)).toEqual([
      'It sent the DNS 60 questions in 1 burst of 10 s at most, up to 60 in one.',
      '100 % of them have the same size, so names of one length.',
      'The answers have 3 usual sizes, so it was not one name again and again.',
    ]);
    expect(found?.flows.length).toBeGreaterThan(0);
  });

  it('weigh more when there are several, or a long one', () => {
    const later = burst(40).map((flow) => ({ ...flow, startMs: (flow.startMs ?? 0) + 60_000 }));
    expect(detect([...burst(40), ...later]).map(({ score, flowCount }) => [score, flowCount])).toEqual([[0.6, 80]]);
    expect(detect(burst(79))[0]?.score).toBe(0.5);
    expect(detect(burst(80))[0]?.score).toBe(0.6);
    expect(detect(burst(80), { minScore: 0.61 })).toEqual([]);
  });

  it.each([
    ['questions', burst(40), burst(39)],
    ['likeness', burst(100, { odd: 20 }), burst(100, { odd: 21 })],
    ['sizes of answers', burst(60, { sizes: 3 }), burst(60, { sizes: 2 })],
  ])('have a limit for the %s', (_what, inside, outside) => {
    expect(detect(inside)).toHaveLength(1);
    expect(detect(outside)).toEqual([]);
  });

  it('are no questions spread over time, names that are told, other ports, or flows of several packets', () => {
    const slow = burst(60).map((flow, i) => ({ ...flow, startMs: T0 + i * 300 }));
    expect(detect(slow)).toEqual([]);
    expect(detect(burst(60, { dnsQuery: 'www.example.org' }))).toEqual([]);
    expect(detect(burst(60, { responderPort: 5353 }))).toEqual([]);
    expect(detect(burst(60, { initiatorPackets: 2 }))).toEqual([]);
    expect(detect(burst(60, { responderBytes: 0 }))).toEqual([]);
    expect(detect(burst(60, { protocol: 'tcp' }))).toEqual([]);
  });

  it('are the same in any order and in any batches', () => {
    const flows = burst(60, { odd: 5 });
    const whole = detect(flows);
    fc.assert(
      fc.property(fc.shuffledSubarray(flows, { minLength: 60 }), fc.integer({ min: 1, max: 59 }), (shuffled, cut) => {
        const detector = createDnsBurstDetector(context);
        detector.observe(flowTable(shuffled.slice(0, cut)), NO_FEATURES);
        detector.observe(flowTable(shuffled.slice(cut)), NO_FEATURES);
        expect(detector.finish()).toEqual(whole);
      }),
      { numRuns: 20 },
    );
  });

  it('stay found among more clients than are kept, which are counted', () => {
    const detector = createDnsBurstDetector(context, { maxStretches: 50 });
    detector.observe(flowTable(burst(60)), NO_FEATURES);
    const others = Array.from({ length: 1000 }, (_, i) => question({ initiator: `10.1.${i >> 8}.${i & 255}` }));
    detector.observe(flowTable(others), NO_FEATURES);
    expect(detector.finish()).toHaveLength(1);
    const [saturation] = detector.saturations();
    expect(saturation).toMatchObject({ detector: 'dns-burst', what: 'clients of the DNS by ten seconds', cap: 50 });
    expect(saturation?.refused).toBeGreaterThan(900);
  });
});
