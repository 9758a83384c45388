import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection } from './detection.ts';
import { createDnsTunnelDetector, type DnsTunnelOptions } from './dns-tunnel.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 0, 1);
const isHome = (address: string): boolean => address.startsWith('10.');

function detector(options: Partial<DnsTunnelOptions> = {}) {
  return createDnsTunnelDetector({ isHome }, options);
}

function detect(records: readonly FlowRecord[], options: Partial<DnsTunnelOptions> = {}): Detection[] {
  const d = detector(options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const value = (d: Detection | undefined, name: string): number | string | undefined =>
  d?.reasons.find((r) => r.name === `dns-tunnel.${name}`)?.value;

const question = (i: number, name: string, more: FlowRecord = {}): FlowRecord => ({
  id: i + 1,
  startMs: T0 + i * 1000,
  endMs: T0 + i * 1000 + 5,
  protocol: 'udp',
  initiator: '10.0.0.5',
  initiatorPort: 40_000 + (i % 20_000),
  responder: '10.0.0.1',
  responderPort: 53,
  initiatorPackets: 1,
  responderPackets: 1,
  initiatorPayloadBytes: name.length + 29,
  responderPayloadBytes: name.length + 60,
  service: 'dns',
  serviceBasis: 'content',
  outcome: 'answered',
  dnsQuery: name,
  dnsType: 'A',
  dnsRcode: 'NOERROR',
  ...more,
});

/** Random letters and digits, as encoded data has. */
function encoded(seed: number, length: number): string {
  const random = new Random(seed);
  return range(length)
    .map(() => 'abcdefghijklmnopqrstuvwxyz234567'[random.below(32)])
    .join('');
}

/** Names of 120 encoded characters in TXT questions. */
const tunnel = (n: number, more: FlowRecord = {}): FlowRecord[] =>
  range(n).map((i) =>
    question(i, `${encoded(i, 60)}.${encoded(i + 90_000, 60)}.t.bad.example`, {
      dnsType: 'TXT',
      dnsAnswers: `TXT "${encoded(i + 1_000_000, 60)}"`,
      responderPayloadBytes: 300,
      ...more,
    }),
  );

describe('the DNS tunnel detector', () => {
  it('finds data in names, and says how much, below which domain, by whom', () => {
    const [found, ...others] = detect(tunnel(200));
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'dns-tunnel.names',
      actor: '10.0.0.5',
      peers: ['10.0.0.1'],
      port: 53,
      protocol: 'udp',
      service: 'dns',
      firstMs: T0,
      lastMs: T0 + 199_005,
      flowCount: 200,
    });
    expect(found?.score).toBeGreaterThan(0.75);
    expect(value(found, 'domain')).toBe('bad.example');
    expect(value(found, 'names')).toBe(200);
    // 120 characters of 5 bits are 75 bytes; LZW finds nothing to save and some to lose.
    const bytes = Number(value(found, 'bytes'));
    expect(bytes).toBeGreaterThan(200 * 75);
    expect(bytes).toBeLessThan(200 * 75 * 2.2);
    const carried = found?.reasons.reduce((sum, r) => sum + (r.contribution ?? 0), 0);
    expect(carried).toBeCloseTo(found?.score ?? 0, 10);
    expect(found?.reasons.map((r) => r.sentence).slice(2)).toEqual([
      'It asked for 200 different names in 200 questions.',
      expect.stringMatching(
        /^A name carries \d+ bits that the names before it do not; names that people gave carry 20 to 50\.$/,
      ),
      '100 % of the questions were for a name that was not asked for before.',
      '100 % of the questions were of types by which nobody looks for an address; the most common type is TXT.',
      expect.stringMatching(/^The answers were [\d.]+ kB longer than the questions\.$/),
      'The client is inside the home network.',
    ]);
  });

  it('finds a tunnel that asks all its questions from one port', () => {
    const names = range(16).map((i) => `${encoded(i, 50)}.bad.example`);
    const row = question(0, names[0] ?? '', {
      dnsType: 'CNAME',
      initiatorPackets: 2000,
      initiatorPayloadBytes: 2000 * (29 + 150),
      responderPayloadBytes: 2000 * 250,
      operations: names.map((name) => `CNAME ${name}`).join(', '),
    });
    const [found] = detect([row]);
    expect(value(found, 'domain')).toBe('bad.example');
    expect(value(found, 'names')).toBe(2000);
    expect(found?.reasons[2]?.sentence).toBe('It asked for about 2,000 different names in 2,000 questions.');
    expect(Number(value(found, 'bytes'))).toBeGreaterThan(100_000);
    const goesOn = { ...row, continued: 1, id: 2 };
    expect(value(detect([row, goesOn])[0], 'names')).toBe(4000);
  });

  it('takes no more of a flow than it tells where that is less than it can tell', () => {
    const operations = range(8).map((i) => `TXT ${encoded(i, 50)}.bad.example`);
    const row = question(0, `${encoded(0, 50)}.bad.example`, {
      initiatorPackets: 5000,
      initiatorPayloadBytes: 5000 * 100,
      operations: operations.join(', '),
    });
    expect(detect([row])).toEqual([]);
  });

  it('counts TCP by its bytes, not its packets', () => {
    const names = range(16).map((i) => `${encoded(i, 171)}.bad.example`);
    const row = (payload: number): FlowRecord =>
      question(0, names[0] ?? '', {
        protocol: 'tcp',
        dnsType: 'TXT',
        initiatorPackets: 100_000,
        initiatorPayloadBytes: payload,
        operations: names.map((name) => `TXT ${name}`).join(', '),
      });
    expect(value(detect([row(100 * (183 + 29))])[0], 'names')).toBe(100);
  });

  it('reports from the threshold of bytes on, and nothing below', () => {
    const bytes = Number(value(detect(tunnel(100))[0], 'bytes'));
    const measured = (minBytes: number): number => detect(tunnel(100), { minBytes }).length;
    expect([measured(bytes - 1), measured(bytes + 1)]).toEqual([1, 0]);
  });

  it('asks for fifty names, and is silent at forty-nine', () => {
    const options = { minBytes: 1 };
    expect([detect(tunnel(50), options).length, detect(tunnel(49), options).length]).toEqual([1, 0]);
  });

  it('reports at the score asked for, and nothing just below', () => {
    const score = detect(tunnel(100))[0]?.score ?? 0;
    expect([detect(tunnel(100), { minScore: score }), detect(tunnel(100), { minScore: score + 1e-9 })]).toEqual([
      [expect.anything()],
      [],
    ]);
  });

  it('sums a day, not more: what is spread over weeks is below the threshold of each', () => {
    const spread = tunnel(400).map((row, i) => ({ ...row, startMs: T0 + i * 7_200_000, endMs: T0 + i * 7_200_000 }));
    expect(detect(spread)).toEqual([]);
    expect(detect(spread, { minBytes: 500, minNames: 10 })).toHaveLength(1);
  });

  it('does not depend on the order of the rows', () => {
    const rows = [...tunnel(60), ...range(60).map((i) => question(i, `www${i % 9}.good.example`))];
    const expected = detect(rows);
    expect(expected).toHaveLength(1);
    fc.assert(
      fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (shuffled) => {
        expect(detect(shuffled)).toEqual(expected);
      }),
      { numRuns: 10 },
    );
  });

  it('is not harmed by missing columns and odd texts', () => {
    expect(detect([{}, { dnsQuery: '.' }, { dnsQuery: 'a.example', initiator: 'x', responder: 'y' }])).toEqual([]);
    fc.assert(
      fc.property(
        fc.array(fc.record({ dnsQuery: fc.string(), operations: fc.string(), dnsAnswers: fc.string() }), {
          maxLength: 20,
        }),
        (records) => {
          detect(
            records.map((record, i) => ({ ...question(i, 'x'), initiatorPackets: 40, ...record })),
            { minBytes: 0, minNames: 0, minScore: 0 },
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('innocent twins of a DNS tunnel', () => {
  it('is a black list and a reputation service: hashes go in, yes or no comes out', () => {
    const answers = ['A 127.0.0.2', 'A 127.0.0.10', undefined];
    const rows = range(600).map((i) =>
      question(i, `${encoded(i, 32)}.rep.scanner.example`, {
        ...(answers[i % 3] === undefined ? { dnsRcode: 'NXDOMAIN' } : { dnsAnswers: answers[i % 3] ?? '' }),
      }),
    );
    expect(detect(rows)).toEqual([]);
    // The same with answers that say something, of data types, is none.
    const saying = rows.map((row, i) => ({ ...row, dnsType: 'TXT', dnsAnswers: `TXT "${encoded(i + 7777, 40)}"` }));
    expect(detect(saying)).toHaveLength(1);
  });

  it('is a content network whose names are asked for and then connected to', () => {
    const rows = range(800).flatMap((i) => {
      const address = `198.51.${Math.floor(i / 250)}.${i % 250}`;
      return [
        question(2 * i, `r${i}---sn-${encoded(i % 40, 9)}.video.cdn.example`, { dnsAnswers: `A ${address}` }),
        {
          id: 5000 + i,
          startMs: T0,
          protocol: 'tcp',
          initiator: '10.0.0.5',
          responder: address,
          responderPort: 443,
          service: 'tls',
        },
      ];
    });
    expect(detect(rows)).toEqual([]);
  });

  it('is the name of a host, however often: three characters carry nothing, four begin to', () => {
    const named = (characters: number): number =>
      detect(
        range(400).map((i) => question(i, `${encoded(i, characters)}.bad.example`, { dnsType: 'TXT' })),
        {
          minBytes: 1,
          minScore: 0,
        },
      ).length;
    expect([named(3), named(4)]).toEqual([0, 1]);
  });

  it('is a reverse look-up, service discovery, mDNS, LLMNR', () => {
    const names = [
      (i: number) => `${i % 250}.${Math.floor(i / 250)}.168.192.in-addr.arpa`,
      (i: number) => `${encoded(i, 30)}._http._tcp.corp.example`,
      (i: number) => `_${encoded(i, 30)}.corp.example`,
      (i: number) => encoded(i, 40),
    ];
    for (const name of names) expect(detect(range(500).map((i) => question(i, name(i))))).toEqual([]);
    for (const service of ['mdns', 'llmnr', 'netbios-ns'])
      expect(detect(tunnel(200, { service, responder: '224.0.0.251', responderPort: 5353 }))).toEqual([]);
  });

  it('is what every machine of the network asks in the same way', () => {
    const machines = (n: number): FlowRecord[] =>
      range(n).flatMap((m) => tunnel(120).map((row) => ({ ...row, initiator: `10.0.0.${20 + m}` })));
    expect(detect(machines(2))).toHaveLength(2);
    expect(detect(machines(3))).toEqual([]);
  });

  it('is the resolver that asks for its client, and one that asks for a whole network', () => {
    const asked = tunnel(200);
    const passedOn = asked.map((row) => ({ ...row, initiator: '10.0.0.1', responder: '192.0.2.53' }));
    expect(detect([...asked, ...passedOn]).map((d) => d.actor)).toEqual(['10.0.0.5']);
    const recursive = range(900).map((i) =>
      question(i, `host-${encoded(i, 12)}.pages.example`, {
        initiator: '10.0.0.1',
        responder: `192.0.2.${i % 30}`,
        dnsAnswers: `A 198.51.100.${i % 250}`,
      }),
    );
    expect(detect(recursive)).toEqual([]);
  });

  it('is a machine that asks for the same names all day', () => {
    const names = range(60).map((i) => `${encoded(i, 60)}.t.bad.example`);
    const once = names.map((name, i) => question(i, name, { dnsType: 'TXT' }));
    const score = (times: number): number =>
      detect(
        range(times).flatMap(() => once),
        { minScore: 0, minBytes: 1000 },
      )[0]?.score ?? 0;
    expect(score(20)).toBeLessThan(score(1));
  });
});

describe('the bounds of the DNS tunnel detector', () => {
  it('keeps the heavy group where a flood of domains comes, and counts what it let go', () => {
    const d = detector({ maxPairs: 10 });
    d.observe(flowTable(tunnel(100)), NO_FEATURES);
    d.observe(flowTable(range(1000).map((i) => question(i, `mail.n${i}.example`))), NO_FEATURES);
    expect(d.finish().map((x) => value(x, 'domain'))).toEqual(['bad.example']);
    const [saturation] = d.saturations();
    expect(saturation).toMatchObject({ detector: 'dns-tunnel', what: 'clients and domains of a day', cap: 10 });
    expect(saturation?.refused).toBeGreaterThan(980);
  });

  it('goes on with an estimate where there are more names than it keeps', () => {
    const exact = Number(value(detect(tunnel(1000))[0], 'bytes'));
    const estimated = detect(tunnel(1000), { maxNamesPerPair: 100 })[0];
    expect(Math.abs(Number(value(estimated, 'names')) - 1000)).toBeLessThan(60);
    expect(Math.abs(Number(value(estimated, 'bytes')) / exact - 1)).toBeLessThan(0.3);
    const d = detector({ maxNames: 60 });
    d.observe(flowTable(tunnel(1000)), NO_FEATURES);
    expect(d.finish()).toHaveLength(1);
    expect(d.saturations()).toContainEqual({ detector: 'dns-tunnel', what: 'names in all', cap: 60, refused: 1 });
  });

  it('remembers no more connections than it may', () => {
    const d = detector({ maxContacts: 10 });
    const rows = range(100).map((i) => ({ initiator: '10.0.0.5', responder: `198.51.100.${i}`, protocol: 'tcp' }));
    d.observe(flowTable(rows), NO_FEATURES);
    expect(d.saturations()).toEqual([{ detector: 'dns-tunnel', what: 'connections remembered', cap: 10, refused: 91 }]);
  });
});

describe('types of questions', () => {
  const carrying = (make: (i: number) => FlowRecord): Detection | undefined => detect(range(200).map(make))[0];

  it('for services count as such where the name is one of a service, and as odd where it is none', () => {
    const odd = carrying((i) =>
      question(i, `${encoded(i, 60)}.${encoded(i + 90_000, 60)}.t.bad.example`, { dnsType: 'SRV' }),
    );
    expect(value(odd, 'carrying')).toBe(1);
    const service = carrying((i) =>
      question(i, `_${encoded(i, 60)}._tcp.${encoded(i + 90_000, 60)}.t.bad.example`, { dnsType: 'SRV' }),
    );
    expect(value(service, 'carrying') ?? 0).toBe(0);
  });

  it('for addresses are told as what they are', () => {
    const found = carrying((i) => question(i, `${encoded(i, 60)}.${encoded(i + 90_000, 60)}.t.bad.example`));
    expect(found?.reasons.find(({ name }) => name === 'dns-tunnel.carrying')?.sentence).toBe(
      'All questions were of types by which programs look for addresses; the most common type is A.',
    );
  });
});
