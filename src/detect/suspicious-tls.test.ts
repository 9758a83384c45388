import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection, Detector } from './detection.ts';
import { createSuspiciousTlsDetector, type SuspiciousTlsOptions } from './suspicious-tls.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 1, 26);
const DAY = 86_400_000;
const isHome = (address: string): boolean => address.startsWith('10.');

function detector(options: Partial<SuspiciousTlsOptions> = {}): Detector {
  return createSuspiciousTlsDetector({ isHome }, options);
}

function detect(records: readonly FlowRecord[], options: Partial<SuspiciousTlsOptions> = {}): Detection[] {
  const d = detector(options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

let nextId = 1;
/** Self-issued, ten years, no host name, no server name asked for, on a port of its own: 0.25 + 0.15 + 0.15 + 0.10 + 0.10. */
const implant = (more: FlowRecord = {}): FlowRecord => ({
  id: nextId++,
  startMs: T0,
  endMs: T0 + 60_000,
  durationMs: 60_000,
  protocol: 'tcp',
  initiator: '10.0.0.5',
  initiatorPort: 50_000,
  responder: '203.0.113.7',
  responderPort: 7707,
  outcome: 'answered',
  service: 'tls',
  serviceBasis: 'content',
  tlsVersion: 'TLS 1.2',
  certificateSubject: 'Rkqzvb',
  certificateIssuer: 'Rkqzvb',
  certificateFromMs: T0 - 30 * DAY,
  certificateToMs: T0 + 3620 * DAY,
  ...more,
});
const lookup = (name: string, answers: string): FlowRecord => ({
  id: nextId++,
  startMs: T0 - 1000,
  endMs: T0 - 990,
  protocol: 'udp',
  initiator: '10.0.0.5',
  responder: '10.0.0.1',
  responderPort: 53,
  service: 'dns',
  dnsQuery: name,
  dnsAnswers: answers,
});
/** By an authority, for ninety days, with a name, on the port of HTTPS. */
const web = (more: FlowRecord = {}): FlowRecord =>
  implant({
    responderPort: 443,
    serverName: 'www.example.org',
    certificateSubject: 'www.example.org',
    certificateIssuer: 'Example Issuing CA 1',
    certificateToMs: T0 + 60 * DAY,
    ...more,
  });
const score = (...records: FlowRecord[]): number | undefined => detect(records, { minScore: 0 })[0]?.score;
const names = (...records: FlowRecord[]): string[] =>
  (detect(records, { minScore: 0 })[0]?.reasons ?? []).map(({ name }) => name.replace('suspicious-tls.', ''));

describe('the detector of suspicious TLS', () => {
  it('finds a remote-control tool by its certificate, its port and its silence, and says each', () => {
    const [found, ...others] = detect([
      implant(),
      implant({ startMs: T0 + 300_000, endMs: T0 + 301_000 }),
      lookup('orders.duckdns.org', 'CNAME a.example, A 203.0.113.7'),
      web(),
    ]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'suspicious-tls.certificate',
      actor: '10.0.0.5',
      peers: ['203.0.113.7'],
      port: 7707,
      protocol: 'tcp',
      service: 'tls',
      score: 0.9,
      flowCount: 2,
      firstMs: T0,
      lastMs: T0 + 301_000,
    });
    expect(found?.flows).toHaveLength(2);
    expect(found?.reasons.map(({ sentence }) => sentence)).toEqual([
      'On 2 connections within 5 min 1 s the server showed a certificate that no public authority vouches for; resumed sessions show none and are not counted.',
      'Whoever the certificate is for has issued it as well, so nobody else vouches for it; the name stands beside this line.',
      'The certificate is valid for 3,650 days, longer than a public authority may make it.',
      'Port 7707 is none that a usual service over TLS has.',
      'The server was reached by a name of dynamic DNS or of a tunnel, which anybody gets at once; the flows show it, or the look-up before them.',
      'The client did not say which server name it wants, as browsers and most programs do.',
      'The certificate is made out to what is neither a host name nor an address; the name stands beside this line.',
    ]);
  });

  it('gives every point to a reason', () => {
    for (const records of [
      [implant()],
      [implant(), lookup('x.duckdns.org', '203.0.113.7')],
      [implant({ alpn: 'h2,http/1.1' })],
      [implant({ tlsVersion: 'TLS 1.0' })],
      [web({ certificateToMs: T0 + 500 * DAY, responderPort: 4000 })],
      [web({ certificateSubject: 'AsyncRAT Server' })],
    ]) {
      const [found] = detect(records, { minScore: 0 });
      const sum = (found?.reasons ?? []).reduce((total, { contribution = 0 }) => total + contribution, 0);
      expect(sum).toBeCloseTo(found?.score ?? Number.NaN, 9);
    }
  });

  it.each([
    ['issued by another', { certificateIssuer: 'Rkqzvb CA' }, 0.6],
    ['valid for little', { certificateToMs: T0 + 300 * DAY }, 0.6],
    ['on the port of HTTPS', { responderPort: 443 }, 0.6],
    ['on a customary port', { responderPort: 10_443 }, 0.6],
    ['with a name asked for', { serverName: 'rkqzvb.example' }, 0.65],
    ['where the beginning was not seen', { outcome: 'unknown' }, 0.65],
    ['made out to a host name', { certificateSubject: '*.relay.example', certificateIssuer: '*.relay.example' }, 0.65],
    ['made out to an address', { certificateSubject: '203.0.113.7', certificateIssuer: '203.0.113.7' }, 0.65],
    ['with an old version', { tlsVersion: 'TLS 1.0' }, 0.8],
    ['with a dynamic server name', { serverName: 'orders.duckdns.org' }, 0.8],
    ['looked at with a browser', { alpn: 'h2,http/1.1' }, 0.6],
    ['with another list of protocols', { alpn: 'http/1.1' }, 0.75],
    ['under the name of a tool', { certificateSubject: 'AsyncRAT Server', certificateIssuer: 'AsyncRAT Server' }, 0.99],
  ] as const)('weighs a connection %s', (_what, more, expected) => {
    expect(score(implant())).toBe(0.75);
    expect(score(implant(more))).toBe(expected);
  });

  it('takes an old version for a sign only since it was given up', () => {
    const at = (startMs: number): FlowRecord => implant({ tlsVersion: 'TLS 1.1', startMs, endMs: startMs });
    expect(score(at(Date.UTC(2021, 3, 1) - 1))).toBe(0.75);
    expect(score(at(Date.UTC(2021, 3, 1)))).toBe(0.8);
  });

  it.each([
    ['2012-07-01', 1830],
    ['2015-04-01', 1190],
    ['2018-03-01', 827],
    ['2020-09-01', 400],
    ['2026-03-15', 202],
    ['2027-03-15', 102],
    ['2029-03-15', 49],
  ])('takes a certificate of %s for a public one as long as it is valid for %d days', (from, most) => {
    const certificateFromMs = Date.parse(from);
    const ofDays = (days: number): number | undefined =>
      score(web({ certificateFromMs, certificateToMs: certificateFromMs + days * DAY }));
    expect(ofDays(most)).toBeUndefined();
    expect(ofDays(most + 1)).toBeGreaterThan(0);
  });

  it('takes any validity for a public one from before there was a bound', () => {
    const certificateFromMs = Date.UTC(2012, 5, 30);
    expect(score(web({ certificateFromMs, certificateToMs: certificateFromMs + 10_000 * DAY }))).toBeUndefined();
  });

  it('weighs more what is valid beyond five years', () => {
    const fromMs = Date.UTC(2020, 8, 1);
    const valid = (days: number): number | undefined =>
      score(web({ certificateFromMs: fromMs, certificateToMs: fromMs + days * DAY }));
    expect([valid(1830), valid(1831)]).toEqual([0.15, 0.25]);
  });

  it('says nothing of the validity where a time is missing', () => {
    const timeless = implant({});
    delete (timeless as { certificateToMs?: number }).certificateToMs;
    expect(names(timeless)).toEqual(['connections', 'self-issued', 'port', 'no-name', 'subject']);
  });

  it('reports from the threshold on', () => {
    // 0.40 private, 0.15 port.
    const known = implant({
      serverName: 'nas.example',
      certificateSubject: 'nas.example',
      certificateIssuer: 'nas.example',
    });
    expect(score(known)).toBe(0.55);
    expect(detect([known])).toHaveLength(1);
    expect(detect([known], { minScore: 0.56 })).toEqual([]);
    expect(detect([{ ...known, responderPort: 443 }])).toEqual([]);
  });

  it.each([
    ['an appliance inside, with a certificate of its own', implant({ responder: '10.0.0.200', responderPort: 8006 })],
    ['a client outside', implant({ initiator: '198.51.100.9' })],
    ['a web page', web()],
    ['a web page without a name asked for, on an odd port', web({ serverName: '', responderPort: 50_443 })],
    ['a page of a small office with a certificate of its own', web({ certificateIssuer: 'www.example.org' })],
    [
      'the same for ten years, looked at by its address',
      web({ certificateIssuer: 'www.example.org', certificateToMs: T0 + 3620 * DAY, alpn: 'h2,http/1.1' }),
    ],
    [
      'a maker with an authority of its own, for twenty years, on the port of MQTT',
      web({ responderPort: 8883, certificateToMs: T0 + 7300 * DAY }),
    ],
    ['a mail server with STARTTLS', implant({ service: 'smtp', responderPort: 25 })],
    ['remote desktop', implant({ service: 'rdp', responderPort: 3389 })],
    [
      'a session whose certificate is hidden',
      { ...web({ responderPort: 7707 }), certificateSubject: undefined, certificateIssuer: undefined },
    ],
  ] as [string, FlowRecord][])('leaves alone %s', (_what, record) => {
    expect(detect([record])).toEqual([]);
  });

  it('knows the names of tools whoever issued, and whatever the case', () => {
    const scores = [
      { certificateSubject: 'Quasar Server CA' },
      { certificateIssuer: 'DCRAT SERVER' },
      { certificateSubject: 'Major Cobalt Strike' },
    ].map((more) => score(web(more)));
    expect(scores).toEqual([0.7, 0.6, 0.7]);
    expect(detect([web({ certificateIssuer: 'DcRat Server' })])[0]?.reasons[1]).toMatchObject({
      name: 'suspicious-tls.tool',
      value: 'DcRat',
    });
  });

  it('makes one detection of a client, a server and a port, by the certificate of the most points', () => {
    const found = detect([
      implant({ tlsVersion: 'TLS 1.0', startMs: T0 + 5 }),
      implant({ responderPort: 443 }),
      implant({ responder: '203.0.113.8' }),
      implant({ initiator: '10.0.0.6' }),
      implant(),
    ]);
    expect(found.map((d) => `${d.actor} > ${d.peers[0]} ${d.port} ${d.score} ${d.flowCount}`)).toEqual([
      '10.0.0.5 > 203.0.113.7 7707 0.8 2',
      '10.0.0.5 > 203.0.113.8 7707 0.75 1',
      '10.0.0.6 > 203.0.113.7 7707 0.75 1',
      '10.0.0.5 > 203.0.113.7 443 0.6 1',
    ]);
  });

  it('says from five hosts inside on that several use the same server', () => {
    const clients = (n: number): string[] =>
      names(...Array.from({ length: n }, (_, i) => implant({ initiator: `10.0.0.${i + 1}` })));
    expect(clients(4)).not.toContain('clients');
    expect(clients(5)).toContain('clients');
  });

  it('finds the same in any order of the flows', () => {
    const records = [
      implant(),
      implant({ tlsVersion: 'TLS 1.0', startMs: T0 + 5 }),
      implant({ responder: '203.0.113.8', certificateSubject: 'other' }),
      lookup('a.ddns.net', '203.0.113.8, 203.0.113.9'),
      web(),
    ];
    const expected = detect(records);
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
        flowTable([
          implant({ responder: `203.0.113.${i}` }),
          lookup(`n${i}.duckdns.org`, `198.51.100.${i}, x.duckdns.org`),
        ]),
        NO_FEATURES,
      );
    expect(d.finish()).toHaveLength(3);
    expect(d.saturations()).toEqual([
      { detector: 'suspicious-tls', what: 'clients of servers with private certificates', cap: 3, refused: 2 },
      { detector: 'suspicious-tls', what: 'addresses of dynamic names', cap: 2, refused: 3 },
    ]);
  });

  it('takes whatever a table holds', () => {
    const text = fc.option(fc.string(), { nil: undefined });
    const number = fc.option(fc.double(), { nil: undefined });
    fc.assert(
      fc.property(text, text, number, number, number, text, (subject, issuer, from, to, port, name) => {
        const record = implant();
        const found = detect([
          {
            ...record,
            ...(subject === undefined ? {} : { certificateSubject: subject }),
            ...(issuer === undefined ? {} : { certificateIssuer: issuer }),
            ...(from === undefined ? {} : { certificateFromMs: from }),
            ...(to === undefined ? {} : { certificateToMs: to }),
            ...(port === undefined ? {} : { responderPort: Math.trunc(Math.abs(port)) % 65_536 || 1 }),
            ...(name === undefined ? {} : { serverName: name }),
          },
        ]);
        for (const { score: s } of found) expect(s >= 0.55 && s <= 0.99).toBe(true);
      }),
    );
  });
});
