import { expect, test } from 'vitest';
import { type FlowRecord, flowTable } from '../../flow/index.ts';
import { DnsFeatureMeasurer, type DnsFeatureName } from './dns.ts';
import { InformationCounter } from './information.ts';
import { hash53 } from './state.ts';

const T0 = Date.UTC(2024, 0, 1);
const context = { isHome: () => true };

function rowsOf(m: DnsFeatureMeasurer, records: readonly FlowRecord[]): Record<DnsFeatureName, number>[] {
  const { values, features } = m.measure(flowTable(records));
  return records.map(
    (_, i) =>
      Object.fromEntries(features.map((f, j) => [f.name, values[i * features.length + j]])) as Record<
        DnsFeatureName,
        number
      >,
  );
}

const query = (seconds: number, name: string, more: FlowRecord = {}): FlowRecord => ({
  startMs: T0 + seconds * 1000,
  endMs: T0 + seconds * 1000,
  initiator: '10.0.0.1',
  service: 'dns',
  dnsQuery: name,
  dnsType: 'A',
  dnsRcode: 'NOERROR',
  ...more,
});
const silent = (seconds: number, name: string): FlowRecord => {
  const { dnsRcode, ...rest } = query(seconds, name);
  return dnsRcode === undefined ? rest : { ...rest, responderPackets: 0 };
};
const near = Math.fround;

test('a question and its answer are measured as worked by hand', () => {
  const [row] = rowsOf(new DnsFeatureMeasurer(context), [
    query(0, 'ab12.www.google.com', {
      durationMs: 20,
      initiatorPackets: 1,
      responderPackets: 1,
      initiatorPayloadBytes: 37,
      responderPayloadBytes: 99,
      dnsAnswers: 'A 192.0.2.1, A 192.0.2.2',
      dnsTtl: 59,
    }),
  ]);
  expect(row).toEqual({
    'dns.name-length': 19,
    'dns.labels': 4,
    'dns.longest-label': 6,
    'dns.digit-ratio': near(2 / 19),
    'dns.label-entropy': 2,
    'dns.domain-entropy': near((4 / 6) * Math.log2(3) + (2 / 6) * Math.log2(6)),
    'dns.subdomain-length': 8,
    // ab12.www: w three times of 8.
    'dns.subdomain-entropy': near((3 / 8) * Math.log2(8 / 3) + (5 / 8) * 3),
    'dns.encoded': 0,
    'dns.dga-score': row['dns.dga-score'],
    'dns.popular-rank': near(Math.log(2)),
    'dns.type': 0,
    'dns.answers': 2,
    'dns.answer-length': 24,
    'dns.questions': near(Math.log(2)),
    'dns.question-size': near(Math.log(38)),
    'dns.response-size': near(Math.log(100)),
    'dns.ttl': near(Math.log(60)),
    'dns.nxdomain': 0,
    'dns.unanswered': 0,
    'dns.latency': near(Math.log(21)),
    'dns.subdomains': near(Math.log(2)),
    'dns.information': row['dns.information'],
    'dns.queries': near(Math.log(2)),
    'dns.nxdomain-ratio': 0,
    'dns.unanswered-ratio': 0,
    'dns.failed-domains': 0,
    'dns.type-entropy': 0,
    'dns.rare-type-ratio': 0,
  });
  expect(row['dns.dga-score']).toBeLessThan(0.1);
});

test('a flow without a question has no DNS feature at all', () => {
  const [row] = rowsOf(new DnsFeatureMeasurer(context), [{ startMs: T0, initiator: '10.0.0.1', service: 'tls' }]);
  expect(Object.values(row).every(Number.isNaN)).toBe(true);
});

test('the window of a source has its failures, its silence and its types, and forgets after 10 minutes', () => {
  const m = new DnsFeatureMeasurer(context);
  const rows = rowsOf(m, [
    query(0, 'a.example.com', { dnsRcode: 'NXDOMAIN' }),
    query(1, 'b.example.org', { dnsRcode: 'NXDOMAIN' }),
    query(2, 'c.example.org', { dnsRcode: 'NXDOMAIN', dnsType: 'TXT' }),
    silent(3, 'd.example.net'),
    query(599, 'www.example.com'),
    query(601, 'www.example.com'),
  ]);
  expect(rows.map((r) => Math.round(Math.expm1(r['dns.queries'])))).toEqual([1, 2, 3, 4, 5, 2]);
  expect(rows.map((r) => r['dns.nxdomain-ratio'])).toEqual([1, 1, 1, 1, 0.75, 0]);
  expect(rows.map((r) => Math.round(Math.expm1(r['dns.failed-domains'])))).toEqual([1, 2, 2, 2, 2, 0]);
  expect(rows[3]['dns.unanswered']).toBe(1);
  expect(rows[4]['dns.unanswered-ratio']).toBe(near(0.2));
  expect(rows[4]['dns.rare-type-ratio']).toBe(near(0.2));
  expect(rows[4]['dns.type-entropy']).toBe(near(0.8 * Math.log2(1 / 0.8) + 0.2 * Math.log2(5)));
});

test('a question to the whole network is measured but is no part of what a source asked a server', () => {
  const [row] = rowsOf(new DnsFeatureMeasurer(context), [query(0, 'printer.local', { service: 'mdns' })]);
  expect(row['dns.name-length']).toBe(13);
  expect(row['dns.queries']).toBeNaN();
  expect(row['dns.information']).toBeNaN();
});

test('a tunnel carries kilobytes where a busy site carries next to nothing, and a new day starts anew', () => {
  const m = new DnsFeatureMeasurer(context);
  const hex = (i: number): string => hash53(`x${i}`).toString(16).padStart(14, '0') + hash53(`y${i}`).toString(16);
  const tunnel = rowsOf(
    m,
    Array.from({ length: 500 }, (_, i) => query(i, `${hex(i)}.t.example.com`, { dnsType: 'TXT' })),
  );
  const site = rowsOf(
    m,
    Array.from({ length: 500 }, (_, i) => query(i, `www${i % 3}.example.org`)),
  );
  const bytes = (row: Record<DnsFeatureName, number>): number => Math.expm1(row['dns.information']);
  expect(bytes(tunnel[499])).toBeGreaterThan(500 * 12);
  expect(bytes(site[499])).toBeLessThan(200);
  expect(Math.round(Math.expm1(tunnel[499]['dns.subdomains']))).toBe(500);
  expect(tunnel[499]['dns.encoded']).toBe(1);
  const [next] = rowsOf(m, [query(86_400, 'a.t.example.com')]);
  expect(Math.round(Math.expm1(next['dns.subdomains']))).toBe(1);
});

test('a row of yesterday that comes late changes nothing of today', () => {
  const m = new DnsFeatureMeasurer(context);
  const rows = rowsOf(m, [
    query(86_400, 'a.example.com'),
    query(86_399, 'b.example.com'),
    query(86_401, 'c.example.com'),
  ]);
  expect(rows.map((r) => Math.round(Math.expm1(r['dns.subdomains'])))).toEqual([1, 1, 2]);
});

test('a flood of sources, domains and names stops at the caps, and what was refused is counted', () => {
  const m = new DnsFeatureMeasurer(context, { maxSources: 20, maxFailedDomains: 50, maxPairs: 30, maxNames: 100 });
  const flood: FlowRecord[] = [];
  for (let i = 0; i < 2000; i++)
    flood.push(query(i / 1000, `n${i}.d${i}.com`, { initiator: `10.0.${i >> 8}.${i & 255}`, dnsRcode: 'NXDOMAIN' }));
  for (let i = 0; i < 2000; i++) flood.push(query(3, `n${i}.d1.com`, { initiator: '10.0.0.1', dnsRcode: 'NXDOMAIN' }));
  for (let i = 0; i < 2000; i++) flood.push(query(3, `n.e${i}.com`, { initiator: '10.0.0.1', dnsRcode: 'NXDOMAIN' }));
  const rows = rowsOf(m, flood);
  const held = m.held();
  expect(held.sources).toBe(20);
  expect(held.failedDomains).toBe(50);
  expect(held.pairs).toBe(30);
  expect(held.names).toBeLessThan(100 + 64);
  expect(m.saturations().map((s) => s.what)).toEqual([
    'sources of DNS questions',
    'failing domains of sources',
    'pairs of source and domain in a day',
    'names and phrases below domains',
  ]);
  expect(rows[1999]['dns.queries']).toBeNaN();
  expect(rows[5999]['dns.failed-domains']).toBeNaN();
  // The next day there is room again.
  const [later] = rowsOf(m, [query(86_400, 'a.example.com', { initiator: '10.9.9.9' })]);
  expect(Math.expm1(later['dns.queries'])).toBeCloseTo(1, 5);
  expect(m.held()).toMatchObject({ sources: 1, pairs: 1 });
});

test('information: a repeated text costs nothing alone, a choice of two one bit, and random text nearly all its bits', () => {
  const one = new InformationCounter();
  one.add('www', 1);
  const first = one.bits;
  for (let i = 0; i < 100; i++) one.add('www', 1);
  expect(one.bits).toBe(first);
  const two = new InformationCounter();
  two.add('a', 1);
  two.add('b', 2);
  expect(two.add('a', 1)).toBe(1);
  const random = new InformationCounter();
  let entropy = 0;
  for (let i = 0; i < 300; i++) {
    const text = hash53(String(i)).toString(32).slice(0, 9);
    entropy += 5 * text.length;
    random.add(text, i);
  }
  expect(random.bits).toBeGreaterThan(entropy);
  expect(random.bits).toBeLessThan(entropy * 1.8);
});
