import { expect, test } from 'vitest';
import {
  clock,
  endpoint,
  fileName,
  flowNames,
  isOfTable,
  isTimeless,
  keepUnits,
  measured,
  number,
  severityWords,
  shortPath,
  span,
  timeOfDay,
} from './words.ts';

const T = Date.UTC(2021, 3, 1, 15, 55, 45, 785);

test('a time reads as date and time of day in UTC, and a time outside every calendar says so', () => {
  expect(clock(T)).toBe('2021-04-01 15:55:45');
  expect(clock(T, 3)).toBe('2021-04-01 15:55:45.785');
  expect(timeOfDay(T)).toBe('15:55:45');
  expect(timeOfDay(T, 3)).toBe('15:55:45.785');
  expect(clock(9e15)).toBe('unknown time');
  expect(timeOfDay(Number.NaN)).toBe('unknown time');
});

test('a span names the day once when both ends share it', () => {
  expect(span(T, T + 12_800)).toBe('2021-04-01 15:55:45 to 15:55:58 UTC (12.8 s)');
  expect(span(T, T + 86_400_000)).toBe('2021-04-01 15:55:45 to 2021-04-02 15:55:45 UTC (1 d)');
  expect(span(T, T)).toBe('2021-04-01 15:55:45 UTC');
  expect(span(T, T + 100)).toBe('2021-04-01 15:55:45 UTC (100 ms)');
});

test('a measure is shown with its unit, in the singular for one', () => {
  expect(measured(64, 'hosts')).toBe('64 hosts');
  expect(measured(1, 'hosts')).toBe('1 host');
  expect(measured(1, 'addresses')).toBe('1 address');
  expect(measured(1, 'hosts per second')).toBe('1 hosts per second');
  expect(measured(12_800, 'ms')).toBe('12.8 s');
  expect(measured(1_891_401_380, 'bytes')).toBe('1.9 GB');
  expect(measured(0.98123456, 'ratio')).toBe('98.12 %');
  expect(measured(0.07, 'ratio')).toBe('7 %');
  expect(measured(0.991, 'ratio 0..1')).toBe('99.1 %');
  expect(measured(-0.25, 'ratio -1..1')).toBe('-25 %');
  expect(measured(0.89, 'score 0..1')).toBe('0.89 of 1');
  expect(measured(24, 'of 24 parts')).toBe('24 of 24 parts');
  expect(measured(3.25, 'factor')).toBe('3.25 times');
  expect(measured(54_510, 'targets/s')).toBe('54,510 targets a second');
  expect(measured(1, 'connections/min')).toBe('1 connection a minute');
  expect(measured(2, 'parts/fortnight')).toBe('2 parts/fortnight');
  expect(measured('TLS 1.0', '')).toBe('TLS 1.0');
  expect(measured(Number.NaN, 'ms')).toBe('not a number');
});

test('the logarithm of odds reads as odds', () => {
  expect([1.996, 57, 12.34, 0.25, 0, -0.602, -12, 5.9999, 6.999].map((log) => measured(log, 'log10 of odds'))).toEqual([
    '99 to 1',
    '10⁵⁷ to 1',
    '2.2 × 10¹² to 1',
    '1.778 to 1',
    '1 to 1',
    '1 to 3.999',
    '1 to 10¹²',
    '999,770 to 1',
    '10⁷ to 1',
  ]);
  expect(measured(Number.POSITIVE_INFINITY, 'log10 of odds')).toBe('not a number');
});

test('numbers keep four significant digits and separators', () => {
  expect([1234567, 0.00001234, 12.3456, 1234.5, 1e18, -3].map(number)).toEqual([
    '1,234,567',
    '1.23e-5',
    '12.35',
    '1,235',
    '1.000e+18',
    '-3',
  ]);
});

test('an IPv6 address with a port is put in brackets', () => {
  expect(endpoint('10.0.0.5', 443)).toBe('10.0.0.5:443');
  expect(endpoint('fe80::1', 443)).toBe('[fe80::1]:443');
  expect(endpoint('fe80::1', undefined)).toBe('fe80::1');
  expect(endpoint(undefined, 53)).toBe('unknown:53');
});

test('the names of a flow say what they are', () => {
  expect(
    flowNames(
      {
        serverName: 'a.example',
        dnsQuery: 'b.example',
        dnsType: 'TXT',
        dnsRcode: 'NXDOMAIN',
        httpHost: 'c',
        httpRequest: 'GET /\u001b',
      },
      50,
    ),
  ).toEqual([
    { label: 'SNI', text: 'a.example' },
    { label: 'Host', text: 'c' },
    { label: 'request', text: 'GET /\\u{1b}' },
    { label: 'DNS TXT, NXDOMAIN', text: 'b.example' },
  ]);
  expect(flowNames({}, 50)).toEqual([]);
});

test('a number is tied to its unit and to nothing else', () => {
  expect(keepUnits('64 hosts in 12.8 s, 4 h 38 min, 5 schemes')).toBe(
    '64 hosts in 12.8\u00a0s, 4\u00a0h 38\u00a0min, 5 schemes',
  );
});

test('severities that do not occur are left out', () => {
  expect(severityWords({ info: 0, low: 1200, medium: 0, high: 0, critical: 2 })).toBe('2 critical, 1,200 low');
});

test('a long path keeps its end, and the name of a file is what stands after the last slash', () => {
  expect(shortPath('/a/b/office.pcap', 60)).toBe('/a/b/office.pcap');
  expect(shortPath('/a/very/long/way/office.pcap', 14)).toBe('…y/office.pcap');
  expect(['/a/b/office.pcap', 'C:\\a\\office.pcap', 'office.pcap', '-', '/a/'].map(fileName)).toEqual([
    'office.pcap',
    'office.pcap',
    'office.pcap',
    '-',
    '/a/',
  ]);
});

test('what is said of a table without times has no time and no host', () => {
  expect(span(0, 0)).toBe('unknown time');
  expect([isTimeless({ firstMs: 0, lastMs: 0 }), isTimeless({ firstMs: 0, lastMs: 5 })]).toEqual([true, false]);
  const host = (address: string) => ({ actors: [{ address, home: true }] });
  expect([isOfTable(host('*')), isOfTable(host('10.0.0.1')), isOfTable({ actors: [] })]).toEqual([true, false, false]);
});
