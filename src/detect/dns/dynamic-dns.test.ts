import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isDynamicName } from './dynamic-dns.ts';

it.each([
  ['orders.duckdns.org', true],
  ['ORDERS.DuckDNS.org.', true],
  ['a.b.ddns.net', true],
  ['0.tcp.eu.ngrok.io', true],
  ['duckdns.org', false],
  ['www.duckdns.org', false],
  ['duckdns.org.example', false],
  ['notduckdns.org', false],
  ['', false],
  ['.', false],
  [`${'a.'.repeat(200)}duckdns.org`, false],
])('%s is dynamic: %s', (name, expected) => {
  expect(isDynamicName(name)).toBe(expected);
});

it('takes any text', () => {
  fc.assert(fc.property(fc.string(), (text) => typeof isDynamicName(text) === 'boolean'));
});
