import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection } from './detection.ts';
import { createIcmpTunnelDetector, type IcmpTunnelOptions } from './icmp-tunnel.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 0, 1);
const isHome = (address: string): boolean => address.startsWith('10.');

function detector(options: Partial<IcmpTunnelOptions> = {}) {
  return createIcmpTunnelDetector({ isHome }, options);
}

function detect(records: readonly FlowRecord[], options: Partial<IcmpTunnelOptions> = {}): Detection[] {
  const d = detector(options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const value = (d: Detection | undefined, name: string): number | string | undefined =>
  d?.reasons.find((r) => r.name === `icmp-tunnel.${name}`)?.value;

const echo = (more: FlowRecord = {}): FlowRecord => ({
  id: 1,
  startMs: T0,
  endMs: T0 + 60_000,
  protocol: 'icmp',
  icmpType: 8,
  initiator: '10.0.0.5',
  responder: '203.0.113.7',
  initiatorPackets: 100,
  responderPackets: 100,
  initiatorPayloadBytes: 5600,
  responderPayloadBytes: 5600,
  initiatorFirstBytes: '61626364',
  responderFirstBytes: '61626364',
  ...more,
});

/** 763 bytes a request and 311 a reply on average, of varying lengths. */
const tunnel = (more: FlowRecord = {}): FlowRecord =>
  echo({ initiatorPayloadBytes: 76_331, responderPayloadBytes: 31_117, responderFirstBytes: 'ff010203', ...more });

describe('the ICMP tunnel detector', () => {
  it('finds pings whose lengths vary and whose replies are not what was sent', () => {
    const [found, ...others] = detect([tunnel()]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'icmp-tunnel.echo',
      actor: '10.0.0.5',
      peers: ['203.0.113.7'],
      protocol: 'icmp',
      firstMs: T0,
      lastMs: T0 + 60_000,
      flowCount: 1,
    });
    expect(found?.score).toBeCloseTo(0.5 + 0.25 * Math.log10(107_448 / 4096), 10);
    expect(found?.reasons.reduce((sum, r) => sum + (r.contribution ?? 0), 0)).toBeCloseTo(found?.score ?? 0, 10);
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'Echo requests and replies carried 76.3 kB there and 31.1 kB back.',
      '100 requests and 100 replies within 1 min, 3 a second.',
      '100 % of them are in flows with data of different lengths; ping sends one length.',
      'A request carried 763 B on average, a reply 311 B; a reply should return what was sent.',
      'Replies begin with other bytes than the requests, or there are more of them.',
      'Who sent the requests is inside the home network.',
    ]);
  });

  it('adds up the flows of a pair, those that began with a reply too', () => {
    const reply = tunnel({
      icmpType: 0,
      initiator: '203.0.113.7',
      responder: '10.0.0.5',
      initiatorPayloadBytes: 31_117,
      responderPayloadBytes: 76_331,
    });
    const [found, ...others] = detect([tunnel(), reply]);
    expect(others).toEqual([]);
    expect([value(found, 'bytes'), value(found, 'packets'), found?.actor]).toEqual([2 * 107_448, 400, '10.0.0.5']);
  });

  it('counts more replies than requests as speaking without being asked', () => {
    const like = { responderFirstBytes: '61626364', responderPackets: 110, responderPayloadBytes: 76_331 };
    expect(value(detect([tunnel(like)])[0], 'other')).toBe(0);
    expect(value(detect([tunnel({ ...like, responderPackets: 111 })])[0], 'other')).toBe(1);
  });

  it('judges one direction by its lengths alone, from much data on', () => {
    const oneWay = { responderPackets: 0, responderPayloadBytes: 0 };
    expect(detect([tunnel(oneWay)])).toEqual([]);
    const [found] = detect([tunnel({ ...oneWay, initiatorPackets: 1000, initiatorPayloadBytes: 763_331 })]);
    expect(found?.score).toBeCloseTo(0.6, 10);
    expect(found?.reasons[3]?.sentence).toBe(
      'Only one direction was seen, so that replies can not be compared with requests.',
    );
  });

  it('needs 40 packets and 4,096 bytes, and is silent just below', () => {
    const small = (packets: number, bytes: number): number =>
      detect([
        tunnel({
          initiatorPackets: Math.ceil(packets / 2),
          responderPackets: Math.floor(packets / 2),
          initiatorPayloadBytes: bytes - 1001,
          responderPayloadBytes: 1001,
        }),
      ]).length;
    expect([small(40, 9001), small(39, 9001), small(40, 4096), small(40, 4095)]).toEqual([1, 0, 1, 0]);
  });

  it('reports at the score asked for, and nothing just below', () => {
    const score = detect([tunnel()])[0]?.score ?? 0;
    expect([
      detect([tunnel()], { minScore: score }).length,
      detect([tunnel()], { minScore: score + 1e-9 }).length,
    ]).toEqual([1, 0]);
  });

  it('does not depend on the order of the rows, and is not harmed by missing columns', () => {
    const rows = range(12).map((i) => tunnel({ id: i + 1, startMs: T0 + i, responder: `203.0.113.${i % 3}` }));
    const expected = detect(rows);
    expect(expected).toHaveLength(3);
    fc.assert(
      fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (shuffled) => {
        expect(detect(shuffled)).toEqual(expected);
      }),
      { numRuns: 10 },
    );
    expect(
      detect([{}, { protocol: 'icmp' }, { protocol: 'icmp', icmpType: 8, initiator: 'a', responder: 'b' }]),
    ).toEqual([]);
  });
});

describe('innocent twins of an ICMP tunnel', () => {
  it('is a ping of any length, a flood of them, and a monitor that pings all day', () => {
    const ping = (length: number, packets: number): FlowRecord =>
      echo({
        initiatorPackets: packets,
        responderPackets: packets,
        initiatorPayloadBytes: packets * length,
        responderPayloadBytes: packets * length,
      });
    expect(detect([ping(1400, 100), ping(56, 86_400), ping(65_500, 100_000)])).toEqual([]);
    const lossy = { responderPackets: 71, responderPayloadBytes: 71 * 1400, responderFirstBytes: '61626399' };
    expect(detect([{ ...ping(1400, 100), ...lossy }])).toEqual([]);
  });

  it('is a host that cuts long answers short', () => {
    expect(detect([echo({ initiatorPayloadBytes: 140_000, responderPayloadBytes: 6400 })])).toEqual([]);
  });

  it('is a search for the path MTU, whose lengths vary and come back', () => {
    expect(detect([echo({ initiatorPayloadBytes: 123_457, responderPayloadBytes: 123_457 })])).toEqual([]);
  });

  it('is every other message of ICMP, and every other protocol', () => {
    for (const icmpType of [3, 5, 11, 13, 133, 134, 135, 136]) expect(detect([tunnel({ icmpType })])).toEqual([]);
    expect(detect([tunnel({ protocol: 'udp' })])).toEqual([]);
  });
});

it('keeps the pair with much data where a flood of pairs comes, and counts what it let go', () => {
  const d = detector({ maxPairs: 10 });
  d.observe(flowTable([tunnel()]), NO_FEATURES);
  d.observe(
    flowTable(range(1000).map((i) => echo({ initiator: `10.1.${Math.floor(i / 250)}.${i % 250}` }))),
    NO_FEATURES,
  );
  expect(d.finish().map((x) => x.actor)).toEqual(['10.0.0.5']);
  expect(d.saturations()).toEqual([
    { detector: 'icmp-tunnel', what: 'pairs of hosts that ping', cap: 10, refused: 995 },
  ]);
});
