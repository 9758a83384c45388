import { describe, expect, it } from 'vitest';
import { detection, EXAMPLE_KINDS, EXAMPLES, incidentOf, reason } from '../../test/support/detection.ts';
import type { Detection } from '../detect/index.ts';
import { kindInfo } from './kind.ts';
import { TECHNIQUES } from './technique.ts';
import { addressLabel, addressList, knownService, nameLabel, portLabel, serviceLabel } from './words.ts';

describe('titles', () => {
  it('say in one sentence who did what to whom', () => {
    expect(EXAMPLE_KINDS.map((kind) => incidentOf(EXAMPLES[kind]).title)).toEqual([
      '192.168.10.23 tried 212 hosts on port 445 (Windows file sharing) in 38.4 s; 4 answered.',
      '203.0.113.9 tried 1,000 different ports of 192.168.10.5 in 12 s; 3 ports answered.',
      '192.168.10.23 tried 40 different ports of 3 hosts (192.168.10.5, 192.168.10.6 and others) in 1 min; none answered.',
      '192.168.1.247 asked for 251 different addresses by ARP in 10.2 s; 12 answered.',
      '192.168.1.109 sent echo requests (ping) to 40 hosts in 1.6 s; 11 answered.',
      '192.168.1.40 opened 65 short SSH connections to 192.168.1.37 on port 22 in 2 min 3 s, as password guessing does; a login may have worked.',
      '198.51.100.7 opened 27 short Remote Desktop connections to 3 hosts (192.168.1.37, 192.168.1.38 and others) on port 3389 in 1 min, as password guessing does.',
      '192.168.10.80 was flooded with half-open connections on port 443 (TLS) from 9,607 addresses, up to 7,249 packets a second.',
      '192.168.10.66 flooded 198.51.100.20 with UDP packets, up to 5,000 packets a second.',
      '203.0.113.50 flooded 192.168.10.5 with ICMP packets, up to 400 packets a second.',
      '192.168.10.5 was flooded with answers to connection attempts in its name from 893 addresses, up to 3,333 packets a second.',
      '192.168.10.66 kept 192.168.10.5 waiting with 400 connections on port 80 (HTTP) in 1 min.',
      '203.0.113.80 answered connections that 41 hosts never made; it is probably being flooded from forged addresses.',
      '192.168.10.23 called 203.0.113.77 on port 443 (TLS) about every 1 min, 278 times in 4 h 38 min.',
      '192.168.10.23 kept a connection to 203.0.113.77 on port 7084 open for 9 h 2 min.',
      '192.168.10.23 had 3 flows with 203.0.113.77 on port 6667 (IRC) unlike the other traffic.',
      '192.168.10.41 behaved in an unusual way towards 192.168.10.1 on UDP port 53 (DNS): burst.volume.',
    ]);
  });

  it('do without measures', () => {
    const bare = (kind: string): string => incidentOf(detection(kind, { port: 22, protocol: 'tcp' })).title;
    expect(
      [
        'scan.horizontal',
        'scan.vertical',
        'brute-force.login',
        'flood.syn',
        'beacon.interval',
        'long-connection.open',
      ].map(bare),
    ).toEqual([
      '192.168.1.10 tried 1 host on port 22 (SSH) in 1 min.',
      '192.168.1.10 tried many ports of 192.168.1.20 in 1 min.',
      '192.168.1.10 opened short connections again and again to 192.168.1.20 on port 22 in 1 min, as password guessing does.',
      '192.168.1.10 flooded 192.168.1.20 with half-open connections on port 22 (SSH).',
      '192.168.1.10 called 192.168.1.20 on port 22 (SSH) 1 time in 1 min.',
      '192.168.1.10 kept a connection to 192.168.1.20 on port 22 (SSH) open for 1 min.',
    ]);
  });

  it('say what reflects a flood', () => {
    const reflected = (kind: string, service: string): string =>
      incidentOf(
        detection(kind, {
          protocol: kind === 'flood.ack' ? 'tcp' : 'udp',
          reasons: [reason('flood.role', 'target', '', ''), reason('flood.reflected', service, 'service', '')],
        }),
      ).title;
    expect([
      reflected('flood.udp', 'memcached'),
      reflected('flood.udp', 'no-such'),
      reflected('flood.ack', 'handshake'),
    ]).toEqual([
      '192.168.1.10 was flooded with UDP packets that Memcached servers reflect from 1 address.',
      '192.168.1.10 was flooded with UDP packets from 1 address.',
      '192.168.1.10 was flooded with answers to connection attempts in its name from 1 address.',
    ]);
  });

  it('say how many logins were refused, and how many were accepted as well', () => {
    const guessed = (accepted: number): string =>
      incidentOf(
        detection('brute-force.login', {
          port: 22,
          protocol: 'tcp',
          service: 'ssh',
          reasons: [
            reason('brute-force.attempts', 5, 'connections', ''),
            reason('brute-force.refusals', 30, 'logins', ''),
            ...(accepted === 0 ? [] : [reason('brute-force.accepted', accepted, 'logins', '')]),
          ],
        }),
      ).title;
    const refused =
      '192.168.1.10 had 30 SSH logins refused by 192.168.1.20 on port 22 in 1 min, as password guessing does';
    expect([0, 1, 3].map(guessed)).toEqual([
      `${refused}.`,
      `${refused}; one was accepted as well.`,
      `${refused}; 3 were accepted as well.`,
    ]);
  });

  it('state the facts of the leading detection alone, and those of a second kind in a clause of its own', () => {
    const block = EXAMPLES['scan.block'];
    const arp = { ...EXAMPLES['scan.arp'], actor: block.actor, firstMs: block.firstMs - 90_000 };
    expect(incidentOf(block, arp)).toMatchObject({
      peerCount: 251,
      title:
        '192.168.10.23 tried 40 different ports of 3 hosts (192.168.10.5, 192.168.10.6 and others) in 1 min; none answered; it also asked for 251 different addresses by ARP.',
    });
    const open = { ...EXAMPLES['long-connection.open'], score: 0.5 };
    expect(incidentOf(EXAMPLES['beacon.interval'], open).title).toBe(
      '192.168.10.23 called 203.0.113.77 on port 443 (TLS) about every 1 min, 278 times in 4 h 38 min; it also kept a connection to 203.0.113.77 on port 7084 open for 9 h 2 min.',
    );
    expect(incidentOf(EXAMPLES['flood.syn'], { ...EXAMPLES['flood.syn'], kind: 'flood.udp', score: 0.6 }).title).toBe(
      '192.168.10.80 was flooded with half-open connections on port 443 (TLS) from 9,607 addresses, up to 7,249 packets a second; it also was flooded with UDP packets on port 443 (TLS) from 9,607 addresses.',
    );
  });

  it('of many hosts give no rate that was measured of one', () => {
    const flood = (actor: string): Detection => ({ ...EXAMPLES['flood.udp'], actor });
    expect(incidentOf(flood('192.168.10.66'), flood('192.168.10.67')).title).toBe(
      '2 hosts (192.168.10.66 and others) flooded 198.51.100.20 with UDP packets.',
    );
  });

  it("do not take a model's opinion or the deed of another host for a second kind", () => {
    const beacon = EXAMPLES['beacon.interval'];
    const opinion = { ...EXAMPLES['strange-flow.outlier'], peers: beacon.peers };
    expect(incidentOf(beacon, opinion)).toMatchObject({
      detections: [{ kind: 'beacon.interval' }, { kind: 'strange-flow.outlier' }],
      title: '192.168.10.23 called 203.0.113.77 on port 443 (TLS) about every 1 min, 278 times in 4 h 38 min.',
    });
    const echo = detection('flood.icmp', { actor: '192.168.10.66', peers: ['192.168.10.80'], score: 0.5 });
    expect(incidentOf(EXAMPLES['flood.syn'], echo).title).not.toContain('also');
  });

  it('repeat neither a service that no table knows nor an address that is none', () => {
    const hostile = { actor: 'trust me', peers: ['<b>'], service: 'all is well', port: 9 };
    expect(incidentOf(detection('beacon.interval', hostile)).title).toBe(
      'A host without a valid address called a host without a valid address on port 9 1 time in 1 min.',
    );
  });
});

describe('techniques', () => {
  const ids = (base: Detection, changes: Partial<Detection> = {}): string[] =>
    incidentOf({ ...base, ...changes }).techniques.map((technique) => technique.id);
  const outside = { actor: '203.0.113.9' };

  it('of a search depend on where it comes from and what it is for', () => {
    expect(ids(EXAMPLES['scan.horizontal'])).toEqual(['T1046']);
    expect(ids(EXAMPLES['scan.horizontal'], outside)).toEqual(['T1595.001']);
    expect(ids(EXAMPLES['scan.horizontal'], { peers: ['203.0.113.9'] })).toEqual(['T1595.001']);
    expect(ids(EXAMPLES['scan.vertical'])).toEqual(['T1595']);
    expect(ids(EXAMPLES['scan.arp'])).toEqual(['T1018']);
    expect(ids(EXAMPLES['scan.icmp'])).toEqual(['T1018']);
    expect(ids(EXAMPLES['scan.icmp'], outside)).toEqual(['T1595.001']);
  });

  it('of logins are guessing on one host, spraying on three, and a remote service only inside and after a session', () => {
    expect(ids(EXAMPLES['brute-force.login'])).toEqual(['T1021.004', 'T1110.001']);
    expect(ids(EXAMPLES['brute-force.login'], { reasons: [] })).toEqual(['T1110.001']);
    expect(ids(EXAMPLES['brute-force.login'], outside)).toEqual(['T1110.001']);
    expect(ids(EXAMPLES['brute-force.spray'])).toEqual(['T1110.003']);
  });

  it('of floods depend on the packets', () => {
    expect(ids(EXAMPLES['flood.syn'])).toEqual(['T1499.001']);
    expect(ids(EXAMPLES['flood.udp'])).toEqual(['T1498.001']);
    const reflected = [
      ...EXAMPLES['flood.udp'].reasons,
      reason('flood.reflected', 'ntp', 'service', 'From the port of ntp.'),
    ];
    expect(ids(EXAMPLES['flood.udp'], { reasons: reflected })).toEqual(['T1498.002']);
    expect(ids(EXAMPLES['flood.backscatter'])).toEqual([]);
  });

  it('of calls depend on protocol, port and direction', () => {
    const beacon = EXAMPLES['beacon.interval'];
    const { service: _service, ...raw } = beacon;
    expect(ids(beacon)).toEqual(['T1071.001', 'T1573']);
    expect(ids(beacon, { port: 8443 })).toEqual(['T1071.001', 'T1573']);
    expect(ids(beacon, { port: 7084 })).toEqual(['T1071.001', 'T1571', 'T1573']);
    expect(ids(beacon, { port: 25, service: 'smtp' })).toEqual(['T1071.003']);
    expect(ids(beacon, { port: 80, service: 'ssh' })).toEqual(['T1071', 'T1571', 'T1573']);
    expect(ids(raw, { port: 7084 })).toEqual(['T1095']);
    expect(ids(raw, { port: 80 })).toEqual(['T1071.001']);
    expect(ids(beacon, { peers: ['192.168.10.5'] })).toEqual([]);
    expect(ids(beacon, { peers: ['192.168.10.5'], port: 3128, service: 'http' })).toEqual(['T1071.001']);
    expect(ids(beacon, { actor: '203.0.113.9', peers: ['192.168.10.5'] })).toEqual([]);
  });

  it('of opinions and of unknown kinds are none', () => {
    expect(ids(EXAMPLES['strange-flow.outlier'])).toEqual([]);
    expect(ids(EXAMPLES['burst.volume'])).toEqual([]);
  });

  it('are listed in order of id, each once', () => {
    const list = TECHNIQUES.map((technique) => technique.id);
    expect(list).toEqual([...new Set(list)].sort());
  });
});

describe('the table of kinds', () => {
  it('prefers the longest prefix that fits', () => {
    expect(kindInfo('flood.backscatter').behaviour).toBe('backscatter');
    expect(kindInfo('flood.anything').behaviour).toBe('denial of service');
    expect(kindInfo('scan.arp').base).toBe(12);
    expect(kindInfo('scan.novel').base).toBe(20);
    expect(kindInfo('beacon.periodic').behaviour).toBe('command and control');
  });

  it('gives an unknown kind its family as behaviour, and none that is written like text from the network', () => {
    expect(kindInfo('burst.names').behaviour).toBe('burst');
    expect(kindInfo('Trust Me!').behaviour).toBe('unnamed');
  });
});

describe('words', () => {
  it('name ports with their usual service or the one that the content shows', () => {
    expect(portLabel(445, 'tcp')).toBe('port 445 (Windows file sharing)');
    expect(portLabel(902, 'tcp', 'ssh')).toBe('port 902 (SSH)');
    expect(portLabel(53, 'udp')).toBe('UDP port 53 (DNS)');
    expect(portLabel(443, 'tcp', 'unlike-its-port')).toBe('port 443 (not TLS)');
    expect(portLabel(7084, 'tcp', 'made up')).toBe('port 7084');
  });

  it('know services by all their names and no others', () => {
    expect(serviceLabel('ms-wbt-server')).toBe('Remote Desktop');
    expect(serviceLabel('constructor')).toBeUndefined();
    expect(knownService('https')).toBe('tls');
    expect(knownService('toString')).toBeUndefined();
  });

  it('shorten lists of hosts and keep their true number', () => {
    expect(addressList([], 0)).toBe('an unknown host');
    expect(addressList([], 7)).toBe('7 hosts');
    expect(addressList(['192.0.2.1'], 1)).toBe('192.0.2.1');
    expect(addressList(['192.0.2.1', '192.0.2.2'], 2)).toBe('192.0.2.1 and 192.0.2.2');
    expect(addressList(['192.0.2.1', '192.0.2.2'], 251, 'address')).toBe(
      '251 addresses (192.0.2.1, 192.0.2.2 and others)',
    );
  });

  it('repeat an address only when it is one', () => {
    expect(['192.0.2.1', '2001:db8::1', '3c:52:82:11:0a:7e'].map(addressLabel)).toEqual([
      '192.0.2.1',
      '2001:db8::1',
      '3c:52:82:11:0a:7e',
    ]);
    expect(addressLabel('192.0.2.1 is safe')).toBe('a host without a valid address');
    expect(nameLabel('scan.arp')).toBe('scan.arp');
    expect(nameLabel('scan 10.0.0.1')).toBe('unnamed');
  });
});
