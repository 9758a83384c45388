import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeTable, encodeTable } from '../core/index.ts';
import { FLOW_SCHEMA, type FlowRecord, flowTable } from '../flow/index.ts';
import { FEATURE_PACKS, FLOW_FEATURES, FlowFeatureMeasurer, type FlowFeatureName } from './index.ts';

const isHome = (address: string): boolean => address.startsWith('10.');
const measurer = (options = {}): FlowFeatureMeasurer => new FlowFeatureMeasurer({ isHome }, options);

/** One row as an object; NaN stays NaN. */
function rowsOf(m: FlowFeatureMeasurer, records: readonly FlowRecord[]): Record<FlowFeatureName, number>[] {
  const matrix = m.measure(flowTable(records));
  return records.map(
    (_, i) =>
      Object.fromEntries(
        matrix.features.map((f, j) => [f.name, matrix.values[i * matrix.features.length + j]]),
      ) as Record<FlowFeatureName, number>,
  );
}

/** T0 is midnight UTC and the beginning of a 10 s bucket. */
const T0 = Date.UTC(2024, 0, 1);
const flow = (seconds: number, responder: string, more: FlowRecord = {}): FlowRecord => ({
  startMs: T0 + seconds * 1000,
  endMs: T0 + seconds * 1000,
  protocol: 'tcp',
  initiator: '10.0.0.1',
  responder,
  responderPort: 443,
  ...more,
});

describe('the flow pack', () => {
  it('measures names that a table has as bytes as it measures those that it has as texts', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 12 }), { minLength: 1, maxLength: 8 }), (names) => {
        const texts = flowTable(names.map((dnsQuery, i) => flow(i, '10.0.0.2', { dnsQuery: `${dnsQuery}${i}` })));
        const bytes = decodeTable(FLOW_SCHEMA, encodeTable(texts));
        expect(measurer().measure(bytes).values).toEqual(measurer().measure(texts).values);
      }),
    );
  });

  it('measures three flows as worked by hand', () => {
    const [web, query, ping] = rowsOf(measurer(), [
      {
        startMs: T0 + 6 * 3_600_000,
        endMs: T0 + 6 * 3_600_000 + 2000,
        durationMs: 2000,
        protocol: 'tcp',
        initiator: '10.0.0.1',
        initiatorPort: 50_000,
        responder: '93.184.216.34',
        responderPort: 443,
        initiatorPackets: 4,
        responderPackets: 6,
        initiatorBytes: 1000,
        responderBytes: 3000,
        initiatorPayloadBytes: 700,
        responderPayloadBytes: 2500,
        iatMeanMs: 200,
        iatSdMs: 100,
        iatMinMs: 0,
        iatMaxMs: 500,
        initiatorFlags: 'APSF',
        responderFlags: 'APSR',
        outcome: 'answered',
        service: 'tls',
        serviceBasis: 'content',
        serverName: 'cdn7.example.org',
      },
      {
        startMs: T0 + 18 * 3_600_000,
        endMs: T0 + 18 * 3_600_000,
        durationMs: 0,
        protocol: 'udp',
        initiator: '10.0.0.2',
        responder: '10.0.0.53',
        responderPort: 53,
        initiatorPackets: 1,
        responderPackets: 0,
        initiatorBytes: 80,
        responderBytes: 0,
        initiatorPayloadBytes: 38,
        responderPayloadBytes: 0,
        outcome: 'unanswered',
        service: 'ssh',
        serviceBasis: 'content',
        dnsQuery: '1234',
      },
      {
        startMs: T0,
        endMs: T0,
        protocol: 'icmp',
        initiator: '203.0.113.9',
        responder: '10.0.0.3',
        outcome: 'unknown',
      },
    ]);
    const near = (n: number): number => Math.fround(n);
    expect(web).toEqual({
      'flow.duration': near(Math.log(2001)),
      'flow.initiator-packets': near(Math.log(5)),
      'flow.responder-packets': near(Math.log(7)),
      'flow.initiator-bytes': near(Math.log(1001)),
      'flow.responder-bytes': near(Math.log(3001)),
      'flow.initiator-payload': near(Math.log(701)),
      'flow.responder-payload': near(Math.log(2501)),
      'flow.bytes-ratio': 0.5,
      'flow.initiator-packet-size': 250,
      'flow.responder-packet-size': 500,
      'flow.payload-fraction': near(0.8),
      'flow.packet-rate': near(Math.log(6)),
      'flow.iat-mean': near(Math.log(201)),
      'flow.iat-sd': near(Math.log(101)),
      'flow.iat-min': 0,
      'flow.iat-max': near(Math.log(501)),
      'flow.iat-variation': 0.5,
      'flow.port-class': 0,
      'flow.service-known': 1,
      'flow.service-mismatch': 0,
      'flow.protocol': 3,
      'flow.outcome': 0,
      'flow.reset': 1,
      'flow.direction': 1,
      'flow.name-length': 16,
      'flow.name-digits': 0.0625,
      'flow.hour-sin': 1,
      'flow.hour-cos': near(Math.cos(Math.PI / 2)),
      'source.destinations': near(Math.log(2)),
      'source.ports': near(Math.log(2)),
      'source.flows': near(Math.log(2)),
      'source.failed-ratio': 0,
    });
    expect(query).toEqual({
      'flow.duration': 0,
      'flow.initiator-packets': near(Math.log(2)),
      'flow.responder-packets': 0,
      'flow.initiator-bytes': near(Math.log(81)),
      'flow.responder-bytes': 0,
      'flow.initiator-payload': near(Math.log(39)),
      'flow.responder-payload': 0,
      'flow.bytes-ratio': -1,
      'flow.initiator-packet-size': 80,
      'flow.responder-packet-size': Number.NaN,
      'flow.payload-fraction': near(38 / 80),
      'flow.packet-rate': Number.NaN,
      'flow.iat-mean': Number.NaN,
      'flow.iat-sd': Number.NaN,
      'flow.iat-min': Number.NaN,
      'flow.iat-max': Number.NaN,
      'flow.iat-variation': Number.NaN,
      'flow.port-class': 0,
      'flow.service-known': 1,
      'flow.service-mismatch': 1,
      'flow.protocol': 2,
      'flow.outcome': 1,
      'flow.reset': Number.NaN,
      'flow.direction': 0,
      'flow.name-length': 4,
      'flow.name-digits': 1,
      'flow.hour-sin': -1,
      'flow.hour-cos': near(Math.cos(1.5 * Math.PI)),
      'source.destinations': near(Math.log(2)),
      'source.ports': near(Math.log(2)),
      'source.flows': near(Math.log(2)),
      'source.failed-ratio': 1,
    });
    const present = Object.entries(ping).filter(([, v]) => !Number.isNaN(v));
    expect(present).toEqual([
      ['flow.service-known', 0],
      ['flow.protocol', 1],
      ['flow.direction', 2],
      ['flow.hour-sin', 0],
      ['flow.hour-cos', 1],
      ['source.destinations', near(Math.log(2))],
      ['source.ports', 0],
      ['source.flows', near(Math.log(2))],
    ]);
  });

  it('takes TLS on an implicit-TLS port as kept promise and SSH there as a broken one', () => {
    const at = (service: string): number =>
      rowsOf(measurer(), [flow(0, '1.2.3.4', { responderPort: 993, service, serviceBasis: 'content' })])[0][
        'flow.service-mismatch'
      ];
    expect([at('tls'), at('imap'), at('ssh')]).toEqual([0, 0, 1]);
  });

  it('takes names of NetBIOS for what their port promises, also where a log calls them DNS', () => {
    const at = (service: string): number =>
      rowsOf(measurer(), [
        flow(0, '1.2.3.4', { protocol: 'udp', responderPort: 137, service, serviceBasis: 'content' }),
      ])[0]['flow.service-mismatch'];
    expect([at('netbios-ns'), at('dns'), at('tls')]).toEqual([0, 0, 1]);
  });

  it('says nothing of a mismatch where the service is a guess from the port', () => {
    const [row] = rowsOf(measurer(), [flow(0, '1.2.3.4', { service: 'tls', serviceBasis: 'port' })]);
    expect(row['flow.service-mismatch']).toBeNaN();
  });

  it('names every feature once, dotted, with a unit and one sentence', () => {
    expect(new Set(FLOW_FEATURES.map((f) => f.name)).size).toBe(FLOW_FEATURES.length);
    for (const f of FLOW_FEATURES) {
      expect(f.name).toMatch(/^(flow|source)\.[a-z-]+$/);
      expect(f.unit).not.toBe('');
      expect(f.meaning).toMatch(/^[A-Z].*\.$/);
      expect(f.unit === 'class').toBe(f.classes !== undefined);
    }
  });

  it('is listed as a pack that measures flow tables', () => {
    const pack = FEATURE_PACKS.find((p) => p.id === 'flow');
    expect(pack?.table).toBe('flows');
    expect(pack?.create({ isHome }).measure(flowTable([flow(0, '1.2.3.4')])).features).toBe(pack?.features);
  });

  it('gives no infinity for whatever stands in a row', () => {
    const number = fc.oneof(fc.double(), fc.constantFrom(-1, 0, 1e300, -1e300, Number.MAX_VALUE, Infinity, -Infinity));
    const record = fc.record(
      {
        startMs: number,
        endMs: number,
        durationMs: number,
        protocol: fc.string(),
        initiator: fc.constantFrom('10.0.0.1', '10.0.0.2', ''),
        responder: fc.string(),
        responderPort: fc.integer(),
        initiatorPackets: fc.integer(),
        responderPackets: fc.integer(),
        initiatorBytes: number,
        responderBytes: number,
        initiatorPayloadBytes: number,
        responderPayloadBytes: number,
        iatMeanMs: number,
        iatSdMs: number,
        outcome: fc.string(),
        dnsQuery: fc.string(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), (records) => {
        const { values } = measurer().measure(flowTable(records as FlowRecord[]));
        for (const v of values) expect(Math.abs(v)).not.toBe(Infinity);
      }),
    );
  });
});

describe('the 60 s window of a source', () => {
  const count = (row: Record<FlowFeatureName, number>, name: FlowFeatureName): number =>
    Math.round(Math.expm1(row[name]));

  it('counts a destination once, and forgets it when its bucket leaves the window', () => {
    const rows = rowsOf(measurer(), [
      flow(0, 'a'),
      flow(1, 'b'),
      flow(2, 'a'),
      flow(55, 'c'),
      flow(59.9, 'b'),
      flow(60, 'd'),
    ]);
    // At 60 s the bucket of 0 s is gone: with it `a`, but not `b`, which was seen again at 59.9 s.
    expect(rows.map((r) => count(r, 'source.destinations'))).toEqual([1, 2, 2, 3, 3, 3]);
    expect(rows.map((r) => count(r, 'source.flows'))).toEqual([1, 2, 3, 4, 5, 3]);
  });

  it('goes on from one batch to the next', () => {
    const m = measurer();
    rowsOf(m, [flow(0, 'a')]);
    expect(count(rowsOf(m, [flow(1, 'b')])[0], 'source.destinations')).toBe(2);
  });

  it('counts ports of TCP and UDP apart', () => {
    const rows = rowsOf(measurer(), [
      flow(0, 'a', { responderPort: 53 }),
      flow(0, 'a', { responderPort: 53, protocol: 'udp' }),
      flow(0, 'b', { responderPort: 53 }),
    ]);
    expect(rows.map((r) => count(r, 'source.ports'))).toEqual([1, 2, 2]);
  });

  it('takes the failed share of the flows whose outcome is known', () => {
    const rows = rowsOf(measurer(), [
      flow(0, 'a', { outcome: 'unknown' }),
      flow(0, 'a', { outcome: 'answered' }),
      flow(0, 'b', { outcome: 'refused' }),
      flow(0, 'c', { outcome: 'unanswered' }),
    ]);
    expect(rows.map((r) => r['source.failed-ratio'])).toEqual([Number.NaN, 0, 0.5, Math.fround(2 / 3)]);
  });

  it('lets a late flow count in its own bucket, and not at all when it is older than the window', () => {
    const rows = rowsOf(measurer(), [flow(100, 'a'), flow(60, 'b'), flow(30, 'c'), flow(100, 'a'), flow(110, 'a')]);
    // With 100 s seen the window is 50 s to 110 s: 60 s is inside, 30 s is not. At 110 s it is 60 s to 120 s.
    expect(rows.map((r) => count(r, 'source.destinations'))).toEqual([1, 2, 2, 2, 2]);
    expect(count(rowsOf(measurer(), [flow(100, 'a'), flow(60, 'b'), flow(120, 'a')])[2], 'source.destinations')).toBe(
      1,
    );
  });

  it('starts a source anew when its clock falls back by more than an hour, and disturbs no other', () => {
    const rows = rowsOf(measurer(), [
      flow(10_000_000, 'a'),
      flow(0, 'x', { initiator: '10.0.0.2' }),
      flow(0, 'b'),
      flow(1, 'a'),
      flow(1, 'y', { initiator: '10.0.0.2' }),
    ]);
    expect(rows.map((r) => count(r, 'source.destinations'))).toEqual([1, 1, 1, 2, 2]);
  });

  it('agrees with a plain recount of the window, in any order of events', () => {
    const event = fc.tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const rows = rowsOf(
          measurer(),
          events.map(([s, d]) => flow(s, `d${d}`)),
        );
        const seen = new Map<string, number>();
        let head = Number.NEGATIVE_INFINITY;
        events.forEach(([s, d], i) => {
          const bucket = Math.floor(s / 10);
          head = Math.max(head, bucket);
          if (bucket > head - 6) seen.set(`d${d}`, Math.max(bucket, seen.get(`d${d}`) ?? bucket));
          const expected = [...seen.values()].filter((b) => b > head - 6).length;
          expect(count(rows[i], 'source.destinations')).toBe(expected);
        });
      }),
    );
  });

  it('stays at its caps under a flood of sources and destinations, counts what it refused, and works again afterwards', () => {
    const m = measurer({ maxSources: 50, maxPairs: 100 });
    const flood: FlowRecord[] = [];
    for (let i = 0; i < 3000; i++) flood.push(flow(i / 1000, `d${i}`, { initiator: `10.1.${i >> 8}.${i & 255}` }));
    for (let i = 0; i < 3000; i++) flood.push(flow(3 + i / 1000, `e${i}`, { initiator: '10.1.0.0' }));
    const rows = rowsOf(m, flood);
    expect(m.held()).toEqual({ sources: 50, destinationPairs: 100, portPairs: 50 });
    expect(m.saturations()).toEqual([
      { what: 'sources with a window', cap: 50, refused: 2950 },
      { what: 'pairs of source and destination', cap: 100, refused: 2950 },
    ]);
    expect(rows[2999]['source.flows']).toBeNaN();
    expect(rows[5999]['source.destinations']).toBeNaN();
    expect(count(rows[5999], 'source.flows')).toBe(3001);
    const [later] = rowsOf(m, [flow(300, 'z', { initiator: '10.9.9.9' })]);
    expect(count(later, 'source.destinations')).toBe(1);
    expect(m.held().sources).toBe(1);
  });
});
