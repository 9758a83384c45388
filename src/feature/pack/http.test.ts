import { expect, test } from 'vitest';
import { type FlowRecord, flowTable } from '../../flow/index.ts';
import { HttpFeatureMeasurer, type HttpFeatureName } from './http.ts';

const near = Math.fround;

function rowsOf(records: readonly FlowRecord[]): Record<HttpFeatureName, number>[] {
  const { values, features } = new HttpFeatureMeasurer({ isHome: () => true }).measure(flowTable(records));
  return records.map(
    (_, i) =>
      Object.fromEntries(features.map((f, j) => [f.name, values[i * features.length + j]])) as Record<
        HttpFeatureName,
        number
      >,
  );
}

test('a request and its response are measured as worked by hand', () => {
  const [row] = rowsOf([
    {
      httpRequest: 'POST /a/bb/c.php?id=12&x=%20',
      httpStatus: 404,
      httpHost: 'ab.google.com',
      client: 'aabb',
      initiatorPayloadBytes: 300,
      responderPayloadBytes: 100,
    },
  ]);
  expect(row).toMatchObject({
    'http.method': 1,
    'http.target-length': 23,
    'http.path-depth': 3,
    'http.query-length': 11,
    'http.query-parameters': 2,
    'http.target-digits': near(4 / 23),
    'http.target-escaped': near(3 / 23),
    'http.status': 3,
    'http.host-kind': 0,
    'http.host-length': 13,
    'http.host-popular-rank': near(Math.log(2)),
    'http.agent-length': 4,
    'http.agent-entropy': 1,
    'http.body-ratio': -0.5,
  });
});

test('a request of a proxy has the depth of its path, not of its host', () => {
  const [row] = rowsOf([{ httpRequest: 'GET http://example.com/a/b' }]);
  expect(row['http.path-depth']).toBe(2);
});

test('a request to an address, to nobody, and by nobody are told apart', () => {
  const rows = rowsOf([
    { httpRequest: 'GET /', httpHost: '192.0.2.1:8080', client: 'curl' },
    { httpRequest: 'BREW /pot' },
    { httpStatus: 200 },
    {},
  ]);
  expect(rows.map((r) => r['http.host-kind'])).toEqual([1, 2, Number.NaN, Number.NaN]);
  expect(rows.map((r) => r['http.agent-length'])).toEqual([4, 0, Number.NaN, Number.NaN]);
  expect(rows.map((r) => r['http.method'])).toEqual([0, 8, Number.NaN, Number.NaN]);
  expect(rows.map((r) => r['http.status'])).toEqual([Number.NaN, Number.NaN, 1, Number.NaN]);
});
