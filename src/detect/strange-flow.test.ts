import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random, takeRows } from '../core/index.ts';
import { type FeatureMatrix, FLOW_FEATURES } from '../feature/index.ts';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import { fitModel, type Model, models } from '../model/index.ts';
import type { Detection } from './detection.ts';
import { createStrangeFlowDetector, type StrangeFlowDetector, type StrangeFlowOptions } from './strange-flow.ts';

const NAMES = ['flow.duration', 'flow.initiator-bytes', 'flow.packet-rate', 'flow.port-class'];
const FEATURES = FLOW_FEATURES.filter((f) => NAMES.includes(f.name)).sort(
  (a, b) => NAMES.indexOf(a.name) - NAMES.indexOf(b.name),
);
const T0 = Date.UTC(2024, 0, 1);
const context = { isHome: (): boolean => true };

interface Sample {
  readonly record: FlowRecord;
  /** In the order of NAMES. */
  readonly values: readonly number[];
}

function matrix(samples: readonly Sample[]): FeatureMatrix {
  return { features: FEATURES, rowCount: samples.length, values: Float32Array.from(samples.flatMap((s) => s.values)) };
}

const random = new Random(7);
let id = 1;
function flow(initiator: string, values?: readonly number[]): Sample {
  const n = id++;
  const noise = (): number => random.float() + random.float() - 1;
  return {
    record: {
      id: n,
      startMs: T0 + n * 1000,
      endMs: T0 + n * 1000 + 100,
      protocol: 'tcp',
      initiator,
      responder: `203.0.113.${n % 9}`,
      responderPort: 443,
    },
    values: values ?? [5 + noise(), 7 + noise(), 2 + noise(), n % 4 === 0 ? 1 : 0],
  };
}
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const many = (n: number, initiator: string, values?: readonly number[]): Sample[] =>
  range(n).map(() => flow(initiator, values));

/** Twenty hosts with a hundred and fifty ordinary flows each. */
const ordinary = range(20).flatMap((h) => many(150, `10.0.0.${h}`));
const model: Model = fitModel('isolation-forest', matrix(ordinary), { seed: 1 });
/** 60 MB in an hour to an ephemeral port. */
const ODD = [Math.log1p(3_600_000), Math.log1p(60e6), Math.log1p(9), 2];

function run(samples: readonly Sample[], options: Partial<StrangeFlowOptions> = {}): StrangeFlowDetector {
  const d = createStrangeFlowDetector(context, model, options);
  for (let from = 0; from < samples.length; from += 700) {
    const part = samples.slice(from, from + 700);
    d.observe(flowTable(part.map((s) => s.record)), matrix(part));
  }
  return d;
}
const detect = (samples: readonly Sample[], options: Partial<StrangeFlowOptions> = {}): Detection[] =>
  run(samples, options).finish();

describe('the strange-flow detector', () => {
  const odd = many(4, '10.0.0.77', ODD);

  it('holds on to rows and not to the tables that they came in', async () => {
    const detector = createStrangeFlowDetector(context, model);
    // In a function of its own: this one's variables live until it returns.
    const observe = (samples: readonly Sample[]): WeakRef<object>[] => {
      const table = flowTable(samples.map((s) => s.record));
      const features = matrix(samples);
      detector.observe(table, features);
      return [new WeakRef(table), new WeakRef(features.values)];
    };
    const seen = [...observe(ordinary), ...observe(odd)];
    await new Promise((resolve) => setImmediate(resolve));
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    expect(seen.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined, undefined]);
    expect(detector.finish()).toHaveLength(1);
  });

  it('reports the host that has more strange flows than chance would give it', () => {
    const found = detect([...ordinary, ...odd]);
    expect(found.map((d) => d.actor)).toEqual(['10.0.0.77']);
    expect(found[0]).toMatchObject({
      kind: 'strange-flow.outlier',
      detector: 'strange-flow',
      port: 443,
      protocol: 'tcp',
      peerCount: 4,
      flowCount: 4,
      firstMs: odd[0]?.record.startMs,
      lastMs: odd[3]?.record.endMs,
    });
    expect(found[0]?.flows.map((f) => f.id)).toEqual(odd.map((s) => s.record.id));
    expect(found[0]?.score).toBeGreaterThan(0.49);
    expect(found[0]?.score).toBeLessThanOrEqual(0.5);
  });

  it('says which features carried the score, in units that people use, and what is usual', () => {
    const [found] = detect([...ordinary, ...odd]);
    const size = found?.reasons.find((r) => r.name === 'flow.initiator-bytes');
    expect(size).toMatchObject({ value: 60_000_000, unit: 'bytes' });
    expect(size?.sentence).toMatch(/^Bytes of whole frames from the initiator: 60 MB; usually \d+ B to [\d.]+ kB\.$/);
    expect(found?.reasons.find((r) => r.name === 'flow.duration')?.sentence).toMatch(
      /^How long the flow lasted: 1 h; usually \d+ ms to \d+ ms\.$/,
    );
    expect(found?.reasons.find((r) => r.name === 'flow.port-class')).toMatchObject({
      value: 'ephemeral',
      unit: '',
      sentence: 'Range of the responder port: ephemeral; usually well-known or registered.',
    });
    expect(found?.reasons[0]?.sentence).toBe(
      'Of its 4 flows, 4 are strange to the model; by chance it would be about 0.004.',
    );
  });

  it('says with what the strangest would have been ordinary, where few values have to change', () => {
    const told = (found: readonly Detection[]) =>
      found[0]?.reasons.find((r) => r.name === 'strange-flow.smallest-change')?.sentence;
    expect(told(detect([...ordinary, ...many(4, '10.0.0.77', [5, Math.log1p(60e6), 2, 0])]))).toMatch(
      /^With [\d.]+ k?B instead of 60 MB for flow\.initiator-bytes the strangest of them would have been ordinary \(score 0\.\d\d\)\.$/,
    );
    const two = told(detect([...ordinary, ...many(4, '10.0.0.77', [5, 7, Math.log1p(1e6), 2])]));
    expect(two).toMatch(/packets\/s \(flow\.packet-rate\)/);
    expect(two).toMatch(/ the strangest of them would have been ordinary/);
  });

  it('finds the same host with a model that learns as it scores, and explains the flow as it was scored', () => {
    const stream = models
      .find(({ kind }) => kind === 'robust-random-cut-forest')
      ?.stream?.({ features: FEATURES }, { seed: 3, warmUp: 300, learnBelow: 0.999 });
    if (stream === undefined) throw new Error('no stream');
    const detector = createStrangeFlowDetector(context, stream, { minScore: 0.1 });
    const samples = [...ordinary, ...odd];
    const scores: number[] = [];
    for (let from = 0; from < samples.length; from += 700) {
      const part = samples.slice(from, from + 700);
      scores.push(...detector.learn(flowTable(part.map((s) => s.record)), matrix(part), stream));
    }
    expect(scores.findIndex((score) => !Number.isNaN(score))).toBe(350);
    const [found] = detector.finish();
    expect(found?.actor).toBe('10.0.0.77');
    const score = found?.reasons.find((r) => r.name === 'strange-flow.score')?.value;
    expect(scores).toContain(score);
    expect((found?.reasons ?? []).reduce((total, r) => total + (r.contribution ?? 0), 0)).toBeCloseTo(
      found?.score ?? 0,
      12,
    );
    expect(found?.reasons.some((r) => r.name === 'strange-flow.smallest-change')).toBe(false);
  });

  it("has shares that add up to the model's score, and with the caution to its own", () => {
    const [found] = detect([...ordinary, ...odd]);
    const reasons = found?.reasons ?? [];
    const sum = (without: string): number =>
      reasons.reduce((total, r) => total + (r.name === without ? 0 : (r.contribution ?? 0)), 0);
    const score = Number(reasons.find((r) => r.name === 'strange-flow.score')?.value);
    expect(score).toBeGreaterThanOrEqual(0.999);
    expect(sum('strange-flow.caution')).toBeCloseTo(score, 12);
    expect(sum('')).toBeCloseTo(found?.score ?? 0, 12);
  });

  it('explains a missing value as missing', () => {
    const found = detect([...ordinary, ...many(4, '10.0.0.77', [ODD[0] ?? 0, ODD[1] ?? 0, Number.NaN, 2])]);
    for (const r of found[0]?.reasons ?? []) expect(Number.isNaN(r.value)).toBe(false);
  });

  it('does not depend on the order of the rows within a batch', () => {
    const part = [...ordinary.slice(0, 100), ...odd, ...many(12, '10.0.0.78', ODD)];
    const table = flowTable(part.map((s) => s.record));
    const expected = detect(part);
    expect(expected).toHaveLength(2);
    const order = fc.shuffledSubarray(range(part.length), { minLength: part.length });
    fc.assert(
      fc.property(order, (rows) => {
        const d = createStrangeFlowDetector(context, model);
        d.observe(takeRows(table, rows), matrix(rows.flatMap((i) => part[i] ?? [])));
        expect(d.finish()).toEqual(expected);
      }),
      { numRuns: 10 },
    );
  });

  it('is not harmed by missing columns', () => {
    const bare = many(3, '10.0.0.77', ODD).map((s) => ({ ...s, record: { initiator: '10.0.0.77', endMs: 5 } }));
    const [found] = detect([...ordinary, ...bare]);
    expect(found).toMatchObject({ actor: '10.0.0.77', peers: [], peerCount: 0, flowCount: 3, firstMs: 5, lastMs: 5 });
    const timeless = bare.map((s) => ({ ...s, record: { initiator: '10.0.0.77' } }));
    expect(detect([...ordinary, ...timeless])).toEqual([]);
    expect(detect([...ordinary, ...bare.map((s) => ({ ...s, record: {} }))])).toEqual([]);
  });
});

describe('innocent twins of a strange flow', () => {
  it('is traffic like that which the model was fitted on', () => {
    expect(detect(ordinary)).toEqual([]);
    expect(detect(range(20).flatMap((h) => many(150, `10.0.1.${h}`)))).toEqual([]);
  });

  it('is a busy host with its thousandth flow', () => {
    expect(detect([...many(3000, '10.0.0.1'), ...many(3, '10.0.0.1', ODD)])).toEqual([]);
  });

  it('is anything in a capture too small to know what is usual, and the detector says why', () => {
    const few = fitModel('isolation-forest', matrix(ordinary.slice(0, 99)), { seed: 1 });
    const d = createStrangeFlowDetector(context, few);
    const odd = many(9, '10.0.0.77', ODD);
    d.observe(flowTable(odd.map((s) => s.record)), matrix(odd));
    expect(d.finish()).toEqual([]);
    expect(d.silentBecause()).toBe(
      'The model of the usual rests on 99 flows only; it takes 100 to call a flow strange.',
    );
    expect(createStrangeFlowDetector(context, model).silentBecause()).toBeUndefined();
  });
});

describe('the bounds of the strange-flow detector', () => {
  it('keeps ten flows per host, reports so many hosts at most, and counts the hosts it dropped', () => {
    const crowd = range(300).flatMap((h) =>
      many(
        1,
        `10.1.${h >> 8}.${h & 255}`,
        ODD.map((v, j) => (j < 2 ? v - 1 : v)),
      ),
    );
    const d = run([...many(30, '10.0.0.77', ODD), ...crowd], {
      maxHosts: 20,
      maxCounted: 100,
      maxActors: 3,
      minScore: 0,
    });
    const found = d.finish();
    expect(found).toHaveLength(3);
    expect(found[0]).toMatchObject({ actor: '10.0.0.77', flowCount: 30, flows: { length: 10 } });
    expect(d.saturations()).toEqual([
      { detector: 'strange-flow', what: 'hosts with strange flows', cap: 20, refused: 290 },
      { detector: 'strange-flow', what: 'hosts whose flows are counted', cap: 100, refused: 250 },
    ]);
  });
});
