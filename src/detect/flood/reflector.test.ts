import { expect, it } from 'vitest';
import { reflectorOn } from './reflector.ts';

it.each([
  [17, 'qotd'],
  [19, 'chargen'],
  [53, 'dns'],
  [123, 'ntp'],
  [161, 'snmp'],
  [389, 'cldap'],
  [500, 'ike'],
  [1900, 'ssdp'],
  [3283, 'apple-remote-desktop'],
  [3389, 'rdp'],
  [3702, 'ws-discovery'],
  [11_211, 'memcached'],
  [37_810, 'dvr-discovery'],
])('port %i over UDP is that of %s, which amplifies', (port, name) => {
  expect(reflectorOn(port)).toBe(name);
});

it('other services are none, however well known', () => {
  for (const port of [0, 67, 443, 514, 4500, 51_820, 40_000]) expect(reflectorOn(port), `port ${port}`).toBeUndefined();
});
