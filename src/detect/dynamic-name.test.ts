import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection, Detector } from './detection.ts';
import { createDynamicNameDetector, type DynamicNameOptions } from './dynamic-name.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 1, 26);
const MIN = 60_000;
const isHome = (address: string): boolean => address.startsWith('10.');

function detector(options: Partial<DynamicNameOptions> = {}): Detector {
  return createDynamicNameDetector({ isHome }, options);
}

function detect(records: readonly FlowRecord[], options: Partial<DynamicNameOptions> = {}): Detection[] {
  const d = detector(options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

let nextId = 1;
/** Ten minutes of what nobody knows, on a port of its own. */
const contact = (more: FlowRecord = {}): FlowRecord => ({
  id: nextId++,
  startMs: T0,
  endMs: T0 + 10 * MIN,
  durationMs: 10 * MIN,
  protocol: 'tcp',
  initiator: '10.0.0.5',
  initiatorPort: 50_000,
  responder: '203.0.113.7',
  responderPort: 5552,
  initiatorPayloadBytes: 4000,
  responderPayloadBytes: 900,
  outcome: 'answered',
  ...more,
});
const lookup = (name = 'orders.duckdns.org', answers = 'A 203.0.113.7'): FlowRecord => ({
  id: nextId++,
  startMs: T0 - 1000,
  endMs: T0 - 990,
  protocol: 'udp',
  initiator: '10.0.0.5',
  responder: '10.0.0.1',
  responderPort: 53,
  service: 'dns',
  serviceBasis: 'content',
  dnsQuery: name,
  dnsAnswers: answers,
});
const scores = (...records: FlowRecord[]): number[] => detect([lookup(), ...records]).map(({ score }) => score);

describe('the detector of hidden contacts under dynamic names', () => {
  it('finds a protocol that nobody knows where a dynamic name led, and says why', () => {
    const [found, ...others] = detect([contact(), lookup(), contact({ startMs: T0 + 20 * MIN, endMs: T0 + 21 * MIN })]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'dynamic-name.contact',
      actor: '10.0.0.5',
      peers: ['203.0.113.7'],
      port: 5552,
      score: 0.75,
      flowCount: 2,
      firstMs: T0,
      lastMs: T0 + 21 * MIN,
    });
    expect(found?.reasons.map(({ sentence }) => sentence)).toEqual([
      '2 connections went to a host to which a name of dynamic DNS or of a tunnel led, as anybody gets at once; what was said is in no protocol that is known here.',
      'Port 5552 is none that a usual service has.',
      'It stays: the longest connection lasted 10 min, and there were 2 connections within 21 min.',
    ]);
    const sum = (found?.reasons ?? []).reduce((total, { contribution = 0 }) => total + contribution, 0);
    expect(sum).toBeCloseTo(found?.score ?? Number.NaN, 9);
  });

  it('takes TLS without a server name for hidden, and says so', () => {
    const [found] = detect([lookup(), contact({ service: 'tls', serviceBasis: 'content' })]);
    expect(found).toMatchObject({ score: 0.75, service: 'tls' });
    expect(found?.reasons[0]?.sentence).toBe(
      '1 connection went to a host to which a name of dynamic DNS or of a tunnel led, as anybody gets at once; what was said is TLS that asks for no server name.',
    );
  });

  it('asks for an odd port or a lasting contact', () => {
    const short = { durationMs: 1000, endMs: T0 + 1000 };
    expect(scores(contact(short))).toEqual([0.65]);
    expect(scores(contact({ responderPort: 443 }))).toEqual([0.6]);
    expect(scores(contact({ responderPort: 443, durationMs: 5 * MIN - 1 }))).toEqual([]);
    expect(scores(contact({ responderPort: 443, durationMs: 5 * MIN }))).toEqual([0.6]);
    const many = (n: number): FlowRecord[] =>
      Array.from({ length: n }, () => contact({ ...short, responderPort: 443 }));
    expect(scores(...many(4))).toEqual([]);
    expect(scores(...many(5))).toEqual([0.6]);
    expect(detect([lookup(), contact(short)], { minScore: 0.66 })).toEqual([]);
  });

  it.each([
    ['a page at home under a dynamic name', contact({ service: 'http', serviceBasis: 'content', responderPort: 8081 })],
    [
      'one over TLS',
      contact({ service: 'tls', serviceBasis: 'content', serverName: 'nas.duckdns.org', responderPort: 5001 }),
    ],
    ['a certificate that is shown', contact({ service: 'tls', serviceBasis: 'content', certificateSubject: 'x' })],
    ['TLS whose beginning was not seen', contact({ service: 'tls', serviceBasis: 'content', outcome: 'unknown' })],
    ['another host', contact({ responder: '203.0.113.8' })],
    ['a host inside', contact({ responder: '10.0.0.9' })],
    ['a client outside', contact({ initiator: '198.51.100.7' })],
    ['UDP, as games and VPNs use it', contact({ protocol: 'udp' })],
    ['one that is not answered', contact({ responderPayloadBytes: 0 })],
    ['one that sends nothing', contact({ initiatorPayloadBytes: 0 })],
  ] as [string, FlowRecord][])('leaves alone %s', (_what, record) => {
    expect(detect([lookup(), lookup('home.ddns.net', '10.0.0.9'), record])).toEqual([]);
  });

  it('leaves alone what an ordinary name led to', () => {
    expect(detect([lookup('play.example.org'), contact()])).toEqual([]);
    expect(detect([contact()])).toEqual([]);
  });

  it('finds the same in any order of the flows', () => {
    const records = [
      contact(),
      contact({ startMs: T0 + 5, durationMs: 7 * MIN }),
      lookup(),
      lookup('b.hopto.org', '203.0.113.9, 203.0.113.10'),
      contact({ responder: '203.0.113.10', service: 'tls', serviceBasis: 'content' }),
    ];
    const expected = detect(records);
    expect(expected).toHaveLength(2);
    fc.assert(
      fc.property(fc.shuffledSubarray(records, { minLength: records.length }), (order) => {
        expect(detect(order)).toEqual(expected);
      }),
    );
  });

  it('is bounded, and counts what finds no room', () => {
    const d = detector({ maxCases: 3, maxAddresses: 2 });
    for (let i = 0; i < 5; i++)
      d.observe(
        flowTable([contact({ responder: `203.0.113.${i}` }), lookup(`n${i}.duckdns.org`, `203.0.113.${i}`)]),
        NO_FEATURES,
      );
    expect(d.finish()).toHaveLength(2);
    expect(d.saturations()).toEqual([
      { detector: 'dynamic-name', what: 'clients of hosts outside with hidden content', cap: 3, refused: 2 },
      { detector: 'dynamic-name', what: 'addresses of dynamic names', cap: 2, refused: 3 },
    ]);
  });
});
