import { expect, test } from 'vitest';
import { type FlowRecord, flowTable } from '../../flow/index.ts';
import { TlsFeatureMeasurer, type TlsFeatureName } from './tls.ts';

const T0 = Date.UTC(2024, 0, 11);
const DAY = 86_400_000;
const near = Math.fround;

function rowsOf(m: TlsFeatureMeasurer, records: readonly FlowRecord[]): Record<TlsFeatureName, number>[] {
  const { values, features } = m.measure(flowTable(records));
  return records.map(
    (_, i) =>
      Object.fromEntries(features.map((f, j) => [f.name, values[i * features.length + j]])) as Record<
        TlsFeatureName,
        number
      >,
  );
}
const measurer = (options = {}): TlsFeatureMeasurer => new TlsFeatureMeasurer({ isHome: () => true }, options);

test('a hello and its certificate are measured as worked by hand', () => {
  const [row] = rowsOf(measurer(), [
    {
      startMs: T0,
      initiator: '10.0.0.1',
      serverName: 'a1.google.com',
      alpn: 'h2,http/1.1',
      tlsVersion: 'TLS 1.2',
      ja4: 't13d1516h2_8daaf6152771_b186095e22b6',
      certificateSubject: '*.google.com',
      certificateIssuer: 'WR2',
      certificateFromMs: T0 - 10 * DAY,
      certificateToMs: T0 + 80 * DAY,
    },
  ]);
  expect(row).toEqual({
    'tls.name-length': 13,
    'tls.name-labels': 3,
    'tls.name-digits': near(1 / 13),
    'tls.name-entropy': near((4 / 6) * Math.log2(3) + (2 / 6) * Math.log2(6)),
    'tls.name-dga-score': row['tls.name-dga-score'],
    'tls.name-popular-rank': near(Math.log(2)),
    'tls.name-kind': 0,
    'tls.version': 3,
    'tls.protocol': 0,
    'tls.protocols': 2,
    'tls.ciphers': 15,
    'tls.extensions': 16,
    'tls.fingerprint-hosts': near(Math.log(2)),
    'tls.host-fingerprints': near(Math.log(2)),
    'tls.certificate-age': 10,
    'tls.certificate-left': 80,
    'tls.certificate-lifetime': 90,
    'tls.certificate-self-issued': 0,
    'tls.certificate-match': 1,
  });
});

test('a hello without a name, or with an address as one, is told from a flow without a hello', () => {
  const rows = rowsOf(measurer(), [
    { initiator: 'a', ja3: '0123' },
    { initiator: 'a', ja3: '0123', serverName: '192.0.2.1' },
    { initiator: 'a' },
  ]);
  expect(rows.map((r) => r['tls.name-kind'])).toEqual([2, 1, Number.NaN]);
  expect(rows.map((r) => r['tls.protocol'])).toEqual([4, 4, Number.NaN]);
});

test('a self-issued certificate for another name, expired, shows all three', () => {
  const [row] = rowsOf(measurer(), [
    {
      startMs: T0,
      serverName: 'www.example.com',
      certificateSubject: 'localhost',
      certificateIssuer: 'localhost',
      certificateToMs: T0 - DAY,
    },
  ]);
  expect(row['tls.certificate-self-issued']).toBe(1);
  expect(row['tls.certificate-match']).toBe(0);
  expect(row['tls.certificate-left']).toBe(-1);
  expect(row['tls.certificate-age']).toBeNaN();
});

test('hosts of a fingerprint and fingerprints of a host are counted once each, up to the caps', () => {
  const m = measurer({ maxFingerprints: 3 });
  const rows = rowsOf(
    m,
    [
      ['a', 'f1'],
      ['b', 'f1'],
      ['a', 'f1'],
      ['a', 'f2'],
      ['c', 'f3'],
      ['d', 'f4'],
    ].map(([initiator, ja4]) => ({ initiator, ja4 })),
  );
  const count = (value: number): number => Math.round(Math.expm1(value));
  expect(rows.map((r) => count(r['tls.fingerprint-hosts']))).toEqual([1, 2, 2, 1, 1, Number.NaN]);
  expect(rows.map((r) => count(r['tls.host-fingerprints']))).toEqual([1, 1, 1, 2, 1, Number.NaN]);
  expect(m.saturations()).toEqual([
    { what: 'client fingerprints', cap: 3, refused: 1 },
    { what: 'hosts with client fingerprints', cap: 3, refused: 1 },
  ]);
  expect(m.held()).toEqual({ fingerprints: 3, hosts: 3 });
});
