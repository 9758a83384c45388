import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FlowRecord, flowTable } from '../../flow/index.ts';
import { FEATURE_PACKS } from '../index.ts';
import { HostWindows } from './host.ts';

/** What holds for every pack. */
const isHome = (address: string): boolean => address.startsWith('10.');
const flowPacks = FEATURE_PACKS.filter((pack) => pack.table === 'flows');

test('every feature has one name over all packs, dotted, with a unit and one sentence', () => {
  const features = FEATURE_PACKS.flatMap((pack) => pack.features);
  expect(new Set(features.map((f) => f.name)).size).toBe(features.length);
  for (const f of features) {
    expect(f.name).toMatch(/^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(f.unit).not.toBe('');
    expect(f.meaning).toMatch(/^[A-Z].*\.$/);
    expect(f.unit === 'class').toBe('classes' in f);
  }
});

const number = fc.oneof(fc.double(), fc.constantFrom(-1, 0, 1, 100, 1e300, -1e300, Infinity, -Infinity));
const name = fc.oneof(
  fc.domain(),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom('a.example.com', '10.0.0.9'),
);
const records: fc.Arbitrary<FlowRecord[]> = fc.array(
  fc.record(
    {
      startMs: fc.oneof(number, fc.integer({ min: 0, max: 10_000_000 })),
      endMs: fc.oneof(number, fc.integer({ min: 0, max: 10_000_000 })),
      durationMs: number,
      protocol: fc.constantFrom('tcp', 'udp', ''),
      initiator: fc.constantFrom('10.0.0.1', '10.0.0.2', ''),
      responder: fc.string({ maxLength: 4 }),
      responderPort: fc.integer(),
      initiatorPackets: fc.constantFrom(0, 1, 2),
      responderPackets: fc.constantFrom(0, 1, 2),
      initiatorBytes: number,
      responderBytes: number,
      initiatorPayloadBytes: number,
      responderPayloadBytes: number,
      outcome: fc.constantFrom('answered', 'refused', 'unanswered', 'unknown', 'x'),
      service: fc.constantFrom('dns', 'tls', 'http', 'mdns'),
      serverName: name,
      alpn: fc.oneof(fc.constantFrom('h2,http/1.1', 'h3', ''), fc.string({ maxLength: 9 })),
      tlsVersion: fc.constantFrom('TLS 1.2', 'DTLS 1.2', 'x'),
      ja3: fc.string({ maxLength: 4 }),
      ja4: fc.oneof(fc.constant('t13d1516h2_8daaf6152771_b186095e22b6'), fc.string({ maxLength: 9 })),
      certificateSubject: name,
      certificateIssuer: name,
      certificateFromMs: number,
      certificateToMs: number,
      httpHost: name,
      httpRequest: fc.oneof(fc.constant('GET /a/b?c=d&e=%20'), fc.string({ unit: 'binary', maxLength: 80 })),
      httpStatus: fc.integer(),
      client: fc.string({ unit: 'binary', maxLength: 40 }),
      dnsQuery: name,
      dnsType: fc.constantFrom('A', 'TXT', 'TYPE65280'),
      dnsRcode: fc.constantFrom('NOERROR', 'NXDOMAIN'),
      dnsAnswers: fc.string({ maxLength: 40 }),
      dnsTtl: number,
    },
    { requiredKeys: [] },
  ),
  { maxLength: 12 },
) as fc.Arbitrary<FlowRecord[]>;

test.each(flowPacks.map((pack) => [pack.id, pack] as const))(
  'the %s pack gives no infinity, whatever stands in a row',
  (_, pack) => {
    fc.assert(
      fc.property(records, (rows) => {
        const { values, rowCount, features } = pack.create({ isHome }).measure(flowTable(rows));
        expect(values.length).toBe(rowCount * features.length);
        for (const v of values) expect(Math.abs(v)).not.toBe(Infinity);
      }),
      { numRuns: 60 },
    );
  },
);

test('classes stay within their names', () => {
  fc.assert(
    fc.property(records, (rows) => {
      for (const pack of flowPacks) {
        const { values, features } = pack.create({ isHome }).measure(flowTable(rows));
        features.forEach((feature, j) => {
          const classes = 'classes' in feature ? (feature.classes as readonly string[]) : undefined;
          if (classes === undefined) return;
          for (let i = j; i < values.length; i += features.length)
            if (!Number.isNaN(values[i])) expect(classes[values[i]]).toBeDefined();
        });
      }
    }),
    { numRuns: 60 },
  );
});

test.each(flowPacks.map((pack) => [pack.id, pack] as const))(
  'the %s pack measures the same in one batch or in many',
  (_, pack) => {
    fc.assert(
      fc.property(records, (rows) => {
        const whole = pack.create({ isHome }).measure(flowTable(rows)).values;
        const one = pack.create({ isHome });
        const parts = rows.flatMap((row) => [...one.measure(flowTable([row])).values]);
        expect([...whole]).toEqual(parts);
      }),
      { numRuns: 60 },
    );
  },
);

test.each(flowPacks.map((pack) => [pack.id, pack] as const))(
  'the %s pack sees rows in the order it is given',
  (_, pack) => {
    fc.assert(
      fc.property(records, (rows) => {
        const width = pack.features.length;
        const straight = pack.create({ isHome }).measure(flowTable(rows)).values;
        const order = Int32Array.from(rows.keys()).reverse();
        const turned = pack.create({ isHome }).measure(flowTable([...rows].reverse()), order).values;
        for (let i = 0; i < rows.length; i++)
          expect([...turned.subarray((rows.length - 1 - i) * width, (rows.length - i) * width)]).toEqual([
            ...straight.subarray(i * width, (i + 1) * width),
          ]);
      }),
      { numRuns: 40 },
    );
  },
);

test('a matrix is laid into the array that is handed in, and old values in it are gone', () => {
  const room = new Float32Array(5000).fill(7);
  for (const pack of flowPacks) {
    const { values } = pack.create({ isHome }).measure(flowTable([{}]), undefined, room);
    expect(values.buffer).toBe(room.buffer);
    expect([...values].includes(7)).toBe(false);
  }
});

test('host windows take any flows, and their rows are finite', () => {
  const host = FEATURE_PACKS.find((pack) => pack.id === 'host');
  fc.assert(
    fc.property(records, (rows) => {
      const windows = new HostWindows();
      const tables = [windows.add(flowTable(rows)), windows.finish()];
      let flows = 0;
      for (const table of tables) {
        for (const v of host?.create({ isHome }).measure(table).values ?? []) expect(Math.abs(v)).not.toBe(Infinity);
        for (let i = 0; i < table.rowCount; i++)
          if (table.number('windowMs', i) === 60_000) flows += table.number('flows', i) ?? 0;
      }
      expect(flows).toBeLessThanOrEqual(rows.length);
      expect(windows.held()).toMatchObject({ hosts: 0, windows: 0, destinations: 0 });
    }),
    { numRuns: 100 },
  );
});
