import { expect, test } from 'vitest';
import { isWithin, placeOfAddress, placeOfAddresses } from './place.ts';

test.each([
  ['127.0.0.1', 'machine'],
  ['127.9.9.9', 'machine'],
  ['::1', 'machine'],
  ['0.0.0.0', 'machine'],
  ['::', 'machine'],
  ['::ffff:127.0.0.1', 'machine'],
  ['10.1.2.3', 'network'],
  ['172.16.0.1', 'network'],
  ['172.32.0.1', 'remote'],
  ['192.168.1.5', 'network'],
  ['::ffff:192.168.1.5', 'network'],
  ['::ffff:c0a8:105', 'network'],
  ['169.254.10.1', 'network'],
  ['fd12::1', 'network'],
  ['fe80::1%eth0', 'network'],
  ['100.64.0.1', 'remote'],
  ['203.0.113.9', 'remote'],
  ['::ffff:203.0.113.9', 'remote'],
  // IPv4 in other forms is not looked into: NAT64 and 6to4 lead outside.
  ['64:ff9b::a00:1', 'remote'],
  ['2002:a00:1::1', 'remote'],
  ['2001:db8::1', 'remote'],
  ['nonsense', 'remote'],
  ['', 'remote'],
])('%s is %s', (address, place) => {
  expect(placeOfAddress(address, new Set())).toBe(place);
});

test('an address of an interface of this machine is this machine', () => {
  expect(placeOfAddress('203.0.113.9', new Set(['203.0.113.9']))).toBe('machine');
});

test('a name is as far away as the farthest of its addresses, and remote without one', () => {
  expect(placeOfAddresses(['127.0.0.1', '::1'])).toBe('machine');
  expect(placeOfAddresses(['127.0.0.1', '192.168.254.254'])).toBe('network');
  expect(placeOfAddresses(['127.0.0.1', '203.0.113.9'])).toBe('remote');
  expect(placeOfAddresses([])).toBe('remote');
});

test('a connection may be nearer than agreed, not farther', () => {
  expect(isWithin('machine', 'network')).toBe(true);
  expect(isWithin('remote', 'network')).toBe(false);
  expect(isWithin('remote', 'remote')).toBe(true);
});
