import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection } from './detection.ts';
import { createLongConnectionDetector, type LongConnectionOptions } from './long-connection.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 0, 1);
const MIN = 60_000;
const HOUR = 60 * MIN;
const isHome = (address: string): boolean => address.startsWith('10.');

function detect(records: readonly FlowRecord[], options: Partial<LongConnectionOptions> = {}): Detection[] {
  const d = createLongConnectionDetector({ isHome }, options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

const row = (fromMs: number, toMs: number, more: FlowRecord = {}): FlowRecord => ({
  startMs: T0 + fromMs,
  endMs: T0 + toMs,
  durationMs: toMs - fromMs,
  protocol: 'tcp',
  initiator: '10.0.0.5',
  initiatorPort: 40_000,
  responder: '203.0.113.7',
  responderPort: 4444,
  initiatorBytes: 1000,
  responderBytes: 2000,
  outcome: 'answered',
  closeReason: 'fin',
  ...more,
});
const value = (d: Detection | undefined, name: string): number | string | undefined =>
  d?.reasons.find((r) => r.name === `long-connection.${name}`)?.value;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('the long-connection detector', () => {
  it('finds a connection of four hours, with the score of RITA', () => {
    const [found, ...others] = detect([row(0, 4 * HOUR)]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'long-connection.open',
      actor: '10.0.0.5',
      peers: ['203.0.113.7'],
      port: 4444,
      protocol: 'tcp',
      firstMs: T0,
      lastMs: T0 + 4 * HOUR,
      score: 0.4,
      flowCount: 1,
    });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'At least one lasting connection was open for 4 h in all.',
      'The longest single connection lasted 4 h.',
      'Added up, 1 connection of ten minutes or more lasted 4 h.',
      'They carried 1 kB from the initiator and 2 kB from the responder.',
    ]);
  });

  it('reports from one hour on, and nothing just below', () => {
    expect(detect([row(0, HOUR)]).map((d) => d.score)).toEqual([0.2]);
    expect(detect([row(0, HOUR - 1)])).toEqual([]);
  });

  it('joins the rows that the active timeout cut, silences included', () => {
    const rows = range(4).map((i) =>
      row(i * 30 * MIN, i * 30 * MIN + 29 * MIN, {
        closeReason: i < 3 ? 'active' : 'fin',
        ...(i > 0 ? { continued: 1 } : {}),
      }),
    );
    const [found] = detect(rows);
    expect(value(found, 'longest')).toBe(119 * MIN);
    expect(found?.flowCount).toBe(4);
  });

  it('joins TCP that fell silent and went on with keep-alives', () => {
    const first = row(0, 20 * MIN, { closeReason: 'idle' });
    const keepAlive = range(3).map((i) =>
      row((i + 1) * 110 * MIN, (i + 1) * 110 * MIN + 50, { outcome: 'unknown', closeReason: 'idle' }),
    );
    expect(value(detect([first, ...keepAlive])[0], 'longest')).toBe(330 * MIN + 50);
    const elsewhere = keepAlive.map((r) => ({ ...r, initiatorPort: 40_001 }));
    expect(value(detect([row(0, HOUR, { closeReason: 'idle' }), ...elsewhere])[0], 'open-time')).toBe(
      HOUR + 220 * MIN + 50,
    );
  });

  it('does not count one silence alone, which may lie between two connections with the same ports', () => {
    const part = (fromMs: number): FlowRecord =>
      row(fromMs, fromMs + 20 * MIN, { outcome: 'unknown', closeReason: 'idle' });
    const two = [part(0), part(100 * MIN)];
    expect(detect(two)).toEqual([]);
    expect(value(detect([...two, part(200 * MIN)])[0], 'longest')).toBe(220 * MIN);
    // What a cut of the active timeout leaves between rows is no silence.
    expect(detect([part(0), row(24 * MIN, 61 * MIN, { continued: 1 })])).toHaveLength(1);
  });

  it('does not take headers of one side for a connection where payload is not counted', () => {
    const bare = (responderBytes: number, more: FlowRecord = {}): FlowRecord =>
      row(0, 4 * HOUR, { initiatorPackets: 0, responderPackets: 40, initiatorBytes: 0, responderBytes, ...more });
    expect(detect([bare(40 * 74)])).toEqual([]);
    expect(detect([bare(40 * 74 + 1)])).toHaveLength(1);
    expect(detect([bare(40 * 74, { initiatorPackets: 40, initiatorBytes: 2400 })])).toHaveLength(1);
    expect(detect([bare(40 * 60, { protocol: 'udp' })])).toHaveLength(1);
  });

  it('counts connections side by side once, and gives their sum beside', () => {
    const [found] = detect(range(8).map((i) => row(0, HOUR, { initiatorPort: 40_000 + i })));
    expect([value(found, 'open-time'), value(found, 'sum'), found?.score]).toEqual([HOUR, 8 * HOUR, 0.2]);
  });

  it('halves the score from inside to inside, and says so', () => {
    const [found] = detect([row(0, 12 * HOUR, { responder: '10.0.0.9' })]);
    expect(found?.score).toBe(0.4);
    expect(found?.reasons.reduce((sum, r) => sum + (r.contribution ?? 0), 0)).toBeCloseTo(0.4, 12);
    expect(detect([row(0, HOUR, { responder: '10.0.0.9' })])).toEqual([]);
  });

  it('does not depend on the order of the rows', () => {
    const rows = [
      ...range(6).map((i) => row(i * 31 * MIN, i * 31 * MIN + 30 * MIN, i > 0 ? { continued: 1 } : {})),
      ...range(6).map((i) => row(i * 20 * MIN, i * 20 * MIN + HOUR, { initiatorPort: 50_000 + i })),
      row(0, 5 * HOUR, { responder: '203.0.113.8' }),
    ].map((r, id) => ({ ...r, id: id + 1 }));
    const expected = detect(rows);
    expect(expected).toHaveLength(2);
    fc.assert(
      fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (shuffled) => {
        expect(detect(shuffled)).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });

  it('is not harmed by missing columns and impossible times', () => {
    expect(
      detect([
        {},
        { startMs: T0, protocol: 'tcp', initiator: 'a', responder: 'b' },
        { startMs: T0, endMs: T0 - 1, protocol: 'tcp', initiator: 'a', responder: 'b' },
        { startMs: Number.NEGATIVE_INFINITY, endMs: T0, protocol: 'tcp', initiator: 'a', responder: 'b' },
      ]),
    ).toEqual([]);
    expect(
      detect([{ startMs: T0, durationMs: HOUR, protocol: 'tcp', initiator: 'a', responder: 'b' }]).map((d) => d.score),
    ).toEqual([0.2]);
  });
});

describe('innocent twins of a long connection', () => {
  it('is a day of short connections, together longer than an hour', () => {
    expect(detect(range(1440).map((i) => row(i * MIN, i * MIN + 50_000, { initiatorPort: 1024 + i })))).toEqual([]);
    expect(detect(range(200).map((i) => row(i * 7 * MIN, i * 7 * MIN + 5 * MIN, { initiatorPort: 1024 + i })))).toEqual(
      [],
    );
  });

  it('is multicast, broadcast, ARP, ICMP, and what nobody answered', () => {
    expect(
      detect([
        row(0, 9 * HOUR, { protocol: 'udp', responder: '239.255.255.250', responderPort: 9999 }),
        row(0, 9 * HOUR, { protocol: 'udp', responder: 'ff02::1', responderPort: 9999 }),
        row(0, 9 * HOUR, { protocol: 'udp', responderMac: 'ff:ff:ff:ff:ff:ff' }),
        row(0, 9 * HOUR, { protocol: 'arp' }),
        row(0, 9 * HOUR, { protocol: 'icmp' }),
        row(0, 9 * HOUR, { protocol: 'udp', outcome: 'unanswered' }),
        row(0, 9 * HOUR, { protocol: 'udp', service: 'ntp', serviceBasis: 'content' }),
      ]),
    ).toEqual([]);
  });
});

describe('the bounds of the long-connection detector', () => {
  it('drops the shorter half of the pairs at its cap and keeps the long one', () => {
    const d = createLongConnectionDetector({ isHome }, { maxPairs: 10 });
    d.observe(flowTable([row(0, 9 * HOUR)]), NO_FEATURES);
    d.observe(
      flowTable(range(1000).map((i) => row(0, 2 * MIN, { responder: `198.18.${Math.floor(i / 250)}.${i % 250}` }))),
      NO_FEATURES,
    );
    expect(d.finish().map((x) => x.peers)).toEqual([['203.0.113.7']]);
    expect(d.saturations()).toEqual([
      { detector: 'long-connection', what: 'pairs of hosts with lasting connections', cap: 10, refused: 995 },
    ]);
  });

  it('holds no more rows than its caps allow and counts the others', () => {
    const d = createLongConnectionDetector({ isHome }, { maxRowsPerPair: 5, maxRows: 8 });
    d.observe(flowTable(range(20).map((i) => row(i * HOUR, (i + 1) * HOUR))), NO_FEATURES);
    d.observe(
      flowTable(range(20).map((i) => row(i * HOUR, (i + 1) * HOUR, { responder: '203.0.113.8' }))),
      NO_FEATURES,
    );
    expect(d.saturations()).toEqual([
      { detector: 'long-connection', what: 'lasting flows in all', cap: 8, refused: 18 },
      { detector: 'long-connection', what: 'lasting flows of one pair', cap: 5, refused: 15 },
    ]);
    expect(d.finish().map((x) => value(x, 'open-time'))).toEqual([5 * HOUR, 2 * HOUR]);
  });

  it('does not take half-open attempts and stray answers for connections, however long they go on', () => {
    const bare = { initiatorPayloadBytes: 0, responderPayloadBytes: 0 };
    const backscatter = { ...bare, outcome: 'unknown', initiatorFlags: 'R', responderFlags: 'AS' };
    expect(detect([row(0, 4 * HOUR, { ...backscatter, initiatorPackets: 30, responderPackets: 30 })])).toEqual([]);
    expect(detect([row(0, 4 * HOUR, { ...backscatter, initiatorPackets: 0, responderPackets: 60 })])).toEqual([]);
    expect(detect([row(0, 4 * HOUR, { ...bare, initiatorFlags: 'S', responderFlags: 'AS' })])).toEqual([]);
    expect(detect([row(0, 4 * HOUR, { ...bare, responderPayloadBytes: 1 })])).toHaveLength(1);
  });

  it('takes keep-alives alone, plain ACKs both ways, for an open connection', () => {
    const silent = { initiatorPayloadBytes: 0, responderPayloadBytes: 0, outcome: 'unknown' };
    const acks = { ...silent, initiatorFlags: 'A', responderFlags: 'A', initiatorPackets: 9, responderPackets: 9 };
    expect(detect([row(0, 4 * HOUR, acks)])).toHaveLength(1);
    expect(detect([row(0, 4 * HOUR, { ...acks, responderFlags: 'AR' })])).toEqual([]);
  });

  it('asks for two packets of each side that is seen, over all rows of a connection', () => {
    const packets = (sent: number, returned: number) => ({
      initiatorPackets: sent,
      responderPackets: returned,
      initiatorPayloadBytes: 8,
      responderPayloadBytes: 8,
    });
    expect(detect([row(0, 4 * HOUR, packets(1, 1))])).toEqual([]);
    expect(detect([row(0, 4 * HOUR, packets(9, 1))])).toEqual([]);
    expect(detect([row(0, 4 * HOUR, packets(2, 2))])).toHaveLength(1);
    const halves = [row(0, 2 * HOUR, packets(1, 1)), row(2 * HOUR, 4 * HOUR, { ...packets(1, 1), continued: 1 })];
    expect(detect(halves)).toHaveLength(1);
    expect(detect([row(0, 4 * HOUR, { ...packets(4, 0), outcome: 'unanswered' })])).toHaveLength(1);
    expect(detect([row(0, 4 * HOUR, { ...packets(3, 0), outcome: 'unanswered' })])).toEqual([]);
  });

  it('does not believe a row across which the clock jumped, forward or back', () => {
    const jump = { initiatorPackets: 50, responderPackets: 50 };
    expect(detect([row(0, 9 * HOUR, { ...jump, iatMaxMs: 8 * HOUR })])).toEqual([]);
    expect(detect([row(0, 9 * HOUR, { ...jump, iatMaxMs: 2 * HOUR })])).toHaveLength(1);
    expect(detect([row(0, 9 * HOUR, { ...jump, iatMeanMs: 0 })])).toEqual([]);
    expect(detect([row(0, 9 * HOUR, { ...jump, iatMeanMs: (9 * HOUR) / 99 })])).toHaveLength(1);
  });

  it('makes room for rows by dropping the pairs that were open for the shortest time', () => {
    const d = createLongConnectionDetector({ isHome }, { maxRows: 10 });
    const many = (from: number) => range(40).map((i) => row(0, 2 * MIN, { responder: `203.0.113.${from + i}` }));
    for (const batch of [many(0), [row(0, 4 * HOUR, { responder: '198.51.100.1' })], many(100)])
      d.observe(flowTable(batch), NO_FEATURES);
    expect(d.finish().map((found) => found.peers)).toEqual([['198.51.100.1']]);
    expect(d.saturations().map((s) => [s.what, s.cap])).toContainEqual(['lasting flows in all', 10]);
  });
});
