import { expect, test } from 'vitest';
import { type FlowRecord, flowTable } from '../../flow/index.ts';
import { AFTER_IMAGE_FEATURES, AfterImageMeasurer } from './after-image.ts';
import { DampedStreams } from './damped.ts';
import { Cap } from './state.ts';

const flow = (endMs: number, out: number, back: number | undefined, more: FlowRecord = {}): FlowRecord => ({
  endMs,
  initiator: '10.0.0.1',
  responder: '192.0.2.1',
  responderPort: 443,
  initiatorBytes: out,
  ...(back === undefined ? {} : { responderBytes: back }),
  ...more,
});

function rowsOf(measurer: AfterImageMeasurer, records: readonly FlowRecord[]): Record<string, number>[] {
  const { values, rowCount } = measurer.measure(flowTable(records));
  const width = AFTER_IMAGE_FEATURES.length;
  return Array.from({ length: rowCount }, (_, i) =>
    Object.fromEntries(AFTER_IMAGE_FEATURES.map((feature, j) => [feature.name, values[i * width + j]])),
  );
}

test('a hundred features, as in the paper without the one of packets', () => {
  expect(AFTER_IMAGE_FEATURES.length).toBe(100);
  expect(AFTER_IMAGE_FEATURES[0]).toEqual({
    name: 'damped.source-weight-1s',
    unit: 'flows',
    meaning: 'Count of flows, the older the less they count, sent by the initiator; half forgotten after 1 s.',
  });
});

test('three flows worked by hand', () => {
  // Sizes ln(1 + bytes) of 1, 2, 3 there and 2, 4, 3 back; 10 s and 20 s apart.
  const size = (ln: number): number => Math.expm1(ln);
  const rows = rowsOf(new AfterImageMeasurer(), [
    flow(0, size(1), size(2)),
    flow(10_000, size(2), size(4)),
    flow(30_000, size(3), size(3)),
  ]);
  expect(rows[0]).toMatchObject({
    'damped.pair-weight-10s': 1,
    'damped.pair-mean-10s': 1,
    'damped.pair-deviation-10s': 0,
  });
  expect(rows[0]['damped.interval-mean-10s']).toBeNaN();
  expect(rows[0]['damped.pair-correlation-10s']).toBeNaN();
  // Half-life 10 s: the first flow counts 1/2, then 1/8; the second 1/4.
  const w2 = 1.5;
  const m2 = (0.5 * 1 + 2) / w2;
  const b2 = (0.5 * 2 + 4) / w2;
  const v2 = (0.5 * 1 + 4) / w2 - m2 * m2;
  const u2 = (0.5 * 4 + 16) / w2 - b2 * b2;
  const p2 = (2 - m2) * (4 - b2);
  expect(rows[1]['damped.pair-weight-10s']).toBeCloseTo(w2, 5);
  expect(rows[1]['damped.pair-mean-10s']).toBeCloseTo(m2, 5);
  expect(rows[1]['damped.pair-deviation-10s']).toBeCloseTo(Math.sqrt(v2), 5);
  expect(rows[1]['damped.pair-magnitude-10s']).toBeCloseTo(Math.hypot(m2, b2), 5);
  expect(rows[1]['damped.pair-radius-10s']).toBeCloseTo(Math.hypot(v2, u2), 5);
  expect(rows[1]['damped.pair-covariance-10s']).toBeCloseTo(p2 / w2, 5);
  expect(rows[1]['damped.pair-correlation-10s']).toBeCloseTo(p2 / w2 / Math.sqrt(v2 * u2), 5);
  const w3 = 0.125 + 0.25 + 1;
  const m3 = (0.125 * 1 + 0.25 * 2 + 3) / w3;
  const b3 = (0.125 * 2 + 0.25 * 4 + 3) / w3;
  expect(rows[2]['damped.service-mean-10s']).toBeCloseTo(m3, 5);
  expect(rows[2]['damped.source-mean-10s']).toBeCloseTo(m3, 5);
  expect(rows[2]['damped.service-covariance-10s']).toBeCloseTo((0.25 * p2 + (3 - m3) * (3 - b3)) / w3, 5);
  const [first, second] = [Math.log1p(10_000), Math.log1p(20_000)];
  expect(rows[2]['damped.interval-weight-10s']).toBeCloseTo(1.25, 5);
  expect(rows[2]['damped.interval-mean-10s']).toBeCloseTo((0.25 * first + second) / 1.25, 5);
});

test('other initiators, responders and ports have streams of their own', () => {
  const [, other, port] = rowsOf(new AfterImageMeasurer(), [
    flow(0, 100, 100),
    flow(0, 100, 100, { initiator: '10.0.0.2' }),
    flow(0, 100, 100, { responderPort: 80 }),
  ]);
  expect(other['damped.source-weight-1s']).toBe(1);
  expect(port['damped.source-weight-1s']).toBe(2);
  expect(port['damped.pair-weight-1s']).toBe(2);
  expect(port['damped.service-weight-1s']).toBe(1);
});

test('what is not known is missing: time, addresses, port, bytes', () => {
  const [timeless, lone, portless, silent] = rowsOf(new AfterImageMeasurer(), [
    flow(Number.NaN, 1, 1),
    { endMs: 0, initiator: '10.0.0.9', initiatorBytes: 5 },
    { endMs: 0, initiator: '10.0.0.8', responder: '192.0.2.1', initiatorBytes: 5, responderBytes: 5 },
    flow(0, 5, undefined),
  ]);
  expect(Object.values(timeless).every(Number.isNaN)).toBe(true);
  expect(lone['damped.source-weight-1s']).toBe(1);
  expect(lone['damped.pair-weight-1s']).toBeNaN();
  expect(portless['damped.pair-weight-1s']).toBe(1);
  expect(portless['damped.service-weight-1s']).toBeNaN();
  expect(silent['damped.pair-mean-1s']).toBeCloseTo(Math.log1p(5), 5);
  expect(silent['damped.pair-magnitude-1s']).toBeNaN();
  expect(silent['damped.pair-covariance-1s']).toBeNaN();
});

test('a flood of keys comes to a plateau, is counted, and what has faded makes room', () => {
  const measurer = new AfterImageMeasurer({ maxSources: 40, maxPairs: 50, maxServices: 60 });
  const flood = (endMs: number, from: number): FlowRecord[] =>
    Array.from({ length: 500 }, (_, i) =>
      flow(endMs, 1, 1, { initiator: `10.${from}.${i >> 8}.${i & 255}`, responder: `192.0.2.${i % 200}` }),
    );
  measurer.measure(flowTable(flood(0, 1)));
  expect(measurer.held()).toEqual({ sources: 40, pairs: 50, services: 60 });
  expect(measurer.saturations().map((s) => [s.cap, s.refused])).toEqual([
    [40, 460],
    [50, 450],
    [50, 450],
    [60, 440],
  ]);
  const day = 86_400_000;
  // What has faded goes once an eighth of the cap has been refused since the last look.
  const rows = rowsOf(measurer, flood(day, 2));
  expect(rows.filter((row) => row['damped.source-weight-1s'] === 1).length).toBe(40);
  expect(measurer.held()).toEqual({ sources: 40, pairs: 50, services: 60 });
});

test('an event of the past does not turn the clock back, and a clock that falls back by hours starts anew', () => {
  const streams = new DampedStreams({ halfLives: [1], paired: false, cap: new Cap('x', 10) });
  const slot = streams.obtain(1, 10_000);
  streams.add(slot, 10_000, 4);
  streams.add(slot, 9000, 2);
  expect([streams.weight(slot, 0), streams.mean(slot, 0)]).toEqual([2, 3]);
  streams.add(slot, 11_000, 6);
  expect(streams.weight(slot, 0)).toBe(2);
  streams.add(slot, 11_000 - 3_600_001, 5);
  expect([streams.weight(slot, 0), streams.mean(slot, 0), streams.variance(slot, 0)]).toEqual([1, 5, 0]);
});
