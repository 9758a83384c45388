import { describe, expect, it } from 'vitest';
import { bindFlows, type FlowRecord, flowTable } from '../flow/index.ts';
import { isGroupMac, isGroupOrBroadcast, loginService, portsText, portText, shownService } from './service.ts';

describe('loginService', () => {
  it.each([
    ['ssh', 902, 'ssh'],
    ['imaps', 993, 'imap'],
    ['tls', 993, 'imap'],
    ['tls', 3389, 'rdp'],
    [undefined, 995, 'pop3'],
    ['netbios-ssn', 139, 'smb'],
    ['tls', 443, undefined],
    ['http', 22, undefined],
    [undefined, 22, undefined],
    ['constructor', 22, undefined],
    ['ssh', undefined, 'ssh'],
  ])('of %s on port %s is %s', (service, port, expected) => {
    expect(loginService(service, port)?.name).toBe(expected);
  });
});

it('names ports with their usual service, and many ports by number', () => {
  expect(portText(445, 'tcp')).toBe('port 445/tcp (smb)');
  expect(portText(161, 'udp')).toBe('port 161/udp (snmp)');
  expect(portText(64_999, 'tcp')).toBe('port 64999/tcp');
  expect(portsText([22], 'tcp')).toBe('port 22/tcp (ssh)');
  expect(portsText([22, 23], 'tcp')).toBe('ports 22 and 23/tcp');
  expect(portsText([1, 2, 3, 4], 'udp', 2)).toBe('ports 1, 2 and 2 more (udp)');
});

it('knows group and broadcast addresses of IPv4, IPv6 and Ethernet', () => {
  for (const group of ['224.0.0.251', '239.255.255.250', '255.255.255.255', '10.0.0.255', 'ff02::fb', 'FF05::2'])
    expect([group, isGroupOrBroadcast(group)]).toEqual([group, true]);
  for (const host of ['10.0.0.1', '240.0.0.1', '223.1.1.1', 'fe80::1', '', 'x'])
    expect([host, isGroupOrBroadcast(host)]).toEqual([host, false]);
  expect(['ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:fb', '33:33:00:00:00:01'].map(isGroupMac)).toEqual([true, true, true]);
  expect(['00:1b:44:11:3a:b7', undefined, ''].map(isGroupMac)).toEqual([false, false, false]);
});

describe('shownService', () => {
  const shown = (fields: FlowRecord): string | undefined =>
    shownService(
      bindFlows(
        flowTable([
          {
            protocol: 'tcp',
            outcome: 'answered',
            service: 'tls',
            serviceBasis: 'port',
            initiatorFirstBytes: '0100106638',
            ...fields,
          },
        ]),
      ),
      0,
    );

  it.each<[string, FlowRecord, string | undefined]>([
    ['a protocol of its own on a port of TLS', {}, 'unlike-its-port'],
    ['a protocol of its own on a port of HTTP', { service: 'http' }, 'unlike-its-port'],
    ['a record of TLS that is too short to be sure', { initiatorFirstBytes: '1603' }, 'tls'],
    ['a method', { service: 'http', initiatorFirstBytes: '50524f50' }, 'http'],
    ['what its content shows', { service: 'http', serviceBasis: 'content' }, 'http'],
    ['a connection that was under way', { outcome: 'unknown' }, 'tls'],
    ['nothing that was said', { initiatorFirstBytes: '' }, 'tls'],
    ['another service', { service: 'smb' }, 'smb'],
  ])('of %s', (_what, fields, expected) => {
    expect(shown(fields)).toBe(expected);
  });
});
