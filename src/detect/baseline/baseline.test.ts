import { expect, test } from 'vitest';
import { allowsService, Baseline, hasPrefix, hoursOf, normalMac, parseMacPrefix, serviceRule } from './baseline.ts';
import { layerOfProtocol, protocolKey, protocolLabel } from './protocol.ts';
import type { BaselineDocument } from './schema.ts';

const AT = Date.parse('2026-03-02T09:00:00Z');

function baseline(document: Omit<BaselineDocument, 'version'>): Baseline {
  return new Baseline({ version: 1, ...document }, 'b.yaml');
}

function told(of: Baseline, mac: string | undefined, address: string | undefined, atMs = AT, isHome = true): string {
  const { standing, entry } = of.match(mac, address, atMs, isHome);
  return `${standing} ${entry?.label ?? '-'}`;
}

test('a device is told by its hardware address, and by its address only where there is no other', () => {
  const of = baseline({ devices: [{ name: 'nas', mac: '00:11:32:01:02:03', ip: '10.0.0.5' }] });
  expect(told(of, '00:11:32:01:02:03', '10.0.0.99')).toBe('approved nas');
  expect(told(of, undefined, '10.0.0.5')).toBe('approved nas');
  // Somebody else who took the address.
  expect(told(of, '00:11:32:99:99:99', '10.0.0.5')).toBe('unknown -');
});

test('a vendor prefix covers its block alone, to the bit, and with ip only there', () => {
  const of = baseline({
    devices: [
      { name: 'lab', vendorPrefix: 'b8:27:eb', ip: '10.0.5.0/24' },
      { name: 'small', vendorPrefix: '70:b3:d5:7f:20:00/36' },
    ],
  });
  expect(told(of, 'b8:27:eb:01:02:03', '10.0.5.7')).toBe('approved lab');
  expect(told(of, 'b8:27:eb:01:02:03', '10.0.6.7')).toBe('unknown -');
  expect(told(of, '70:b3:d5:7f:2f:ff', undefined)).toBe('approved small');
  expect(told(of, '70:b3:d5:7f:30:00', undefined)).toBe('unknown -');
});

test('an approved entry goes before an expired one, that before a proposal, and the exact one before the wide one', () => {
  const of = baseline({
    devices: [
      { name: 'wide', ip: '10.0.0.0/8', status: 'proposed' },
      { name: 'old', mac: '00:11:32:01:02:03', expires: '2026-03-01' },
      { name: 'net', vendorPrefix: '00:11:32' },
      { name: 'one', mac: '00:11:32:00:00:01' },
    ],
  });
  expect(told(of, '00:11:32:01:02:03', '10.0.0.1')).toBe('approved net');
  expect(told(of, '00:11:32:00:00:01', '10.0.0.1')).toBe('approved one');
  expect(told(of, '44:44:44:00:00:01', '10.0.0.1')).toBe('proposed wide');
});

test('an entry is valid to the end of its day, and the time of the traffic decides', () => {
  const of = baseline({ devices: [{ name: 'guest', mac: '00:11:32:01:02:03', expires: '2026-03-01' }] });
  const end = Date.parse('2026-03-02T00:00:00Z');
  expect(told(of, '00:11:32:01:02:03', undefined, end - 1)).toBe('approved guest');
  expect(told(of, '00:11:32:01:02:03', undefined, end)).toBe('expired guest');
  expect([of.expiredBy(end - 1), of.expiredBy(end)]).toEqual([0, 1]);
});

test('behind a router of the baseline a home address is judged by itself, where the baseline has addresses', () => {
  const router = { name: 'gate', mac: '00:00:5e:00:00:01', role: 'Router', ip: '10.0.0.1' };
  const with_ = baseline({ devices: [router, { name: 'branch', ip: '10.2.0.0/24' }] });
  expect(told(with_, '00:00:5e:00:00:01', '10.0.0.1')).toBe('approved gate');
  expect(told(with_, '00:00:5e:00:00:01', '10.2.0.9')).toBe('approved branch');
  expect(told(with_, '00:00:5e:00:00:01', '10.3.0.9')).toBe('unknown -');
  // The whole Internet comes through it.
  expect(told(with_, '00:00:5e:00:00:01', '203.0.113.9', AT, false)).toBe('approved gate');
  expect(told(baseline({ devices: [router] }), '00:00:5e:00:00:01', '10.3.0.9')).toBe('approved gate');
});

test('importance is what the file says, else what the role is worth, and of approved entries alone', () => {
  const of = baseline({
    devices: [
      { ip: '10.0.0.1', role: 'NAS' },
      { ip: '10.0.0.2', role: 'printer', importance: 5 },
      { ip: '10.0.0.3' },
      { ip: '10.0.0.4', importance: 4, status: 'proposed' },
      { mac: '00:11:32:01:02:03', importance: 1 },
    ],
  });
  expect(
    ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.9'].map((address) => of.importanceOf(address)),
  ).toEqual([4, 5, undefined, undefined, undefined]);
  expect(of.importanceOf('10.0.0.9', '00:11:32:01:02:03')).toBe(1);
});

test('hours are those of the zone, wrap around midnight and the week, and nonsense names none', () => {
  expect(hoursOf('22:00-06:00')?.reduce((n, one) => n + one, 0)).toBe(56);
  const friday = hoursOf('fri-mon 23:00-01:00');
  expect([...(friday ?? [])].flatMap((one, hour) => (one === 1 ? [hour] : []))).toEqual([
    0, 23, 24, 119, 120, 143, 144, 167,
  ]);
  expect(
    ['sat', 'daily 07:00-19:00', '07:00-19:00'].map((text) => hoursOf(text)?.reduce((n, one) => n + one, 0)),
  ).toEqual([24, 84, 84]);
  expect(['', 'never', 'mon-foo', 'daily-tue', '08:00-08:00', '25:00-26:00', '08:30-09:00'].map(hoursOf)).toEqual(
    Array.from({ length: 7 }, () => undefined),
  );
  // 2026-03-02 is a Monday; Berlin is an hour ahead.
  expect(baseline({ timeZone: 'Europe/Berlin' }).hourOfWeek(Date.parse('2026-03-02T07:59:59Z'))).toBe(8);
  expect(baseline({}).hourOfWeek(Number.NaN)).toBe(-1);
});

test.each([
  ['ssh', { transport: 'tcp', port: 2222, service: 'ssh', guessed: false }, true],
  ['ssh', { transport: 'tcp', port: 22, service: 'http', guessed: false }, false],
  ['http/8080', { transport: 'tcp', port: 8080, service: 'http', guessed: false }, true],
  ['http/8080', { transport: 'tcp', port: 8080, service: 'ssh', guessed: false }, false],
  // Without content the port speaks.
  ['http/8080', { transport: 'tcp', port: 8080, service: undefined, guessed: false }, true],
  ['http/8080', { transport: 'tcp', port: 8081, service: 'http', guessed: false }, false],
  ['tcp/9100', { transport: 'tcp', port: 9100, service: 'tls', guessed: false }, true],
  ['tcp/9100', { transport: 'udp', port: 9100, service: undefined, guessed: false }, false],
  ['udp/5000-5010', { transport: 'udp', port: 5010, service: undefined, guessed: false }, true],
  ['udp/5000-5010', { transport: 'udp', port: 5011, service: undefined, guessed: false }, false],
  ['*', { transport: 'udp', port: undefined, service: undefined, guessed: false }, true],
  ['https', { transport: 'tcp', port: 443, service: 'tls', guessed: true }, true],
])('the rule %s and %j', (text, seen, expected) => {
  expect(allowsService([serviceRule(text)], seen)).toBe(expected);
});

test('peers are addresses, networks, devices by name, domains, home and the Internet', () => {
  const of = baseline({
    devices: [
      { name: 'cam', ip: '10.0.0.7', peers: ['nas', '*.maker.example', '203.0.113.0/24', 'gate.example'] },
      { name: 'nas', mac: '00:11:32:01:02:03', ip: '10.0.0.5' },
      { name: 'pc', ip: '10.0.0.8', peers: ['home'] },
    ],
  });
  const [cam, , pc] = of.entries;
  if (cam === undefined || pc === undefined) throw new Error('no entries');
  const ask = (address: string, mac?: string, name?: string, isHome = false): boolean =>
    of.allowsPeer(cam, { address, mac, name }, isHome, AT);
  expect(ask('10.0.0.5', '00:11:32:01:02:03', undefined, true)).toBe(true);
  expect(ask('10.0.0.5', '00:11:32:99:99:99', undefined, true)).toBe(false);
  expect([
    ask('198.51.100.1', undefined, 'Eu.Maker.Example'),
    ask('198.51.100.1', undefined, 'notmaker.example'),
  ]).toEqual([true, false]);
  expect([ask('203.0.113.9'), ask('203.0.114.9'), ask('198.51.100.1', undefined, 'gate.example')]).toEqual([
    true,
    false,
    true,
  ]);
  expect(of.allowsPeer(pc, { address: '10.0.0.200', mac: undefined, name: undefined }, true, AT)).toBe(true);
  expect(of.allowsPeer(pc, { address: '8.8.8.8', mac: undefined, name: undefined }, false, AT)).toBe(false);
});

test('protocols have one form whoever writes them, and a layer without approved ones is not judged', () => {
  expect(['IPV6-ICMP', 'icmp6', 'ICMPv6', 'ICMP v6'].map(protocolKey)).toEqual(
    Array.from({ length: 4 }, () => 'icmpv6'),
  );
  expect(['icmpv6', 'tls', 'mdns', 'spanningtree', 'ip253', 'tcp/9100'].map(protocolLabel)).toEqual([
    'ICMPv6',
    'TLS',
    'mDNS',
    'spanning tree',
    'ip-253',
    'tcp/9100',
  ]);
  expect(['ARP', 'IPV6-ICMP', 'UDP', 'DNS', 'ETH', 'ip-253', '0x88cc'].map(layerOfProtocol)).toEqual([
    'link',
    'network',
    'transport',
    'application',
    'application',
    'network',
    'link',
  ]);
  const of = baseline({
    protocols: {
      link: [{ name: 'LLDP', status: 'proposed' }],
      network: ['IPv4', { name: 'IGMP', expires: '2026-01-01' }],
      application: ['tcp/9000-9100'],
    },
  });
  expect([of.judges('link'), of.judges('network'), of.judges('transport')]).toEqual([false, true, false]);
  expect(['ipv4', 'igmp', 'gre'].map((key) => of.protocol('network', key, AT))).toEqual([
    'approved',
    'expired',
    'unknown',
  ]);
  expect([of.portRule('tcp', 9100, AT), of.portRule('tcp', 9101, AT), of.portRule('udp', 9100, AT)]).toEqual([
    'approved',
    'unknown',
    'unknown',
  ]);
});

test('hardware addresses and their beginnings are read in any of their forms', () => {
  expect(['3C-52-82-01-02-03', '3c52.8201.0203', '3c5282010203', '3c:52:82:01:02'].map(normalMac)).toEqual([
    '3c:52:82:01:02:03',
    '3c:52:82:01:02:03',
    '3c:52:82:01:02:03',
    undefined,
  ]);
  const prefix = parseMacPrefix('70:b3:d5:7/28');
  expect(prefix).toEqual({ digits: '70b3d57', bits: 28 });
  expect(parseMacPrefix('70:b3:d5/28')).toBeUndefined();
  const odd = parseMacPrefix('70:b3:d5:70/30');
  if (odd === undefined) throw new Error('no prefix');
  expect([hasPrefix('70:b3:d5:73:00:00', odd), hasPrefix('70:b3:d5:74:00:00', odd)]).toEqual([true, false]);
});

test('50,000 devices are read and asked in a blink', () => {
  const devices = Array.from({ length: 50_000 }, (_, i) => ({
    name: `d${i}`,
    mac: `02:00:00:${[i >> 16, (i >> 8) & 255, i & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`,
    peers: [`d${(i + 1) % 50_000}`],
  }));
  const of = baseline({ devices });
  expect(told(of, '02:00:00:00:c3:4f', undefined)).toBe('approved d49999');
});
