import { describe, expect, it } from 'vitest';
import { incidentOf, incidentsOf, START } from '../../test/support/detection.ts';
import { MISUSE_EXAMPLES } from '../../test/support/misuse.ts';
import type { Detection } from '../detect/index.ts';
import type { Incident } from './incident.ts';

const example = (kind: string, more: Partial<Detection> = {}): Detection => ({
  ...(MISUSE_EXAMPLES[kind] as Detection),
  ...more,
});
const without = (kind: string, name: string): Detection =>
  example(kind, { reasons: example(kind).reasons.filter((reason) => reason.name !== name) });
const summary = ({ severity, urgency, techniques }: Incident): string =>
  [severity, urgency, ...techniques.map(({ id }) => id)].join(' ');

describe('incidents of misuse', () => {
  it('say in one sentence who did what to whom, how much it weighs, and by which technique', () => {
    expect(
      Object.values(MISUSE_EXAMPLES).map((detection) => {
        const incident = incidentOf(detection);
        return [incident.title, summary(incident)];
      }),
    ).toEqual([
      ['192.168.1.40 mined a cryptocurrency with 203.0.113.44 on port 3333 in 1 min.', 'high 62 T1496.001'],
      [
        '192.168.1.40 kept up sessions with 203.0.113.44 on port 14444 as a miner of a cryptocurrency does in 1 min.',
        'low 30 T1496.001',
      ],
      [
        '192.168.1.3 opened a command shell of its own to 203.0.113.23 on port 53 (that of DNS) in 1 min.',
        'critical 85 T1059 T1095 T1571',
      ],
      ['192.168.1.3 spoke SSH with 203.0.113.23 on port 443 (that of TLS) in 1 min.', 'medium 40 T1571 T1572'],
      ['192.168.1.3 exchanged readable text with 203.0.113.23 on port 443 (that of TLS) in 1 min.', 'low 27 T1571'],
      ['192.168.1.9 sent passwords 3 times in clear to 203.0.113.39 by FTP, and the server accepted it.', 'medium 51'],
      ['192.168.1.9 read 192.168.1.29 by SNMP with a community in clear in 1 min.', 'info 15'],
      [
        '192.168.1.8 created a service on 3 hosts (192.168.1.13, 192.168.1.15 and others) in 1 min.',
        'high 66 T1021.002 T1569.002 T1570',
      ],
      ['192.168.1.8 asked for the secrets of the domain (DCSync) at 192.168.1.2 in 1 min.', 'high 66 T1003.006'],
      ['192.168.1.8 asked who is logged on at 192.168.1.2 in 1 min.', 'medium 41 T1049'],
      [
        '192.168.1.8 gave documents on 192.168.1.13 one same new ending in 1 min, as ransomware does.',
        'high 70 T1021.002 T1486',
      ],
      [
        '192.168.1.8 reached 4 hosts (192.168.1.11, 192.168.1.12 and others) by SSH in 1 min, which it had not before.',
        'medium 49 T1021.004',
      ],
      [
        '192.168.1.66 claimed the addresses 192.168.1.1 and 192.168.1.50 of others by ARP in 10 min.',
        'high 80 T1557.002',
      ],
      ['00:11:22:00:00:66 uses 192.168.1.9 while another device does in 1 min.', 'low 22'],
      [
        '192.168.1.9 answered 192.168.1.50 and 192.168.1.51 for 4 different names by LLMNR in 1 min.',
        'high 64 T1557.001',
      ],
      [
        '192.168.1.1 was asked by DHCP for 300 addresses that hardly anybody took in 1 min.',
        'medium 55 T1499.002 T1557.003',
      ],
      [
        '192.168.1.9 answers DHCP beside 192.168.1.1 and names another router or DNS server (5 flows).',
        'high 70 T1557.003',
      ],
      [
        'fe80::4491:c8ff:fe10:fd81 answers fe80::6856:48ff:fee6:a4d9 by DHCPv6 and makes itself its DNS server.',
        'high 74 T1557.003',
      ],
    ]);
  });

  it('say of calls that were all refused that they were tried', () => {
    const refused = {
      name: 'lateral-movement.refused',
      value: 0.7,
      unit: 'factor',
      sentence: 'All of it was refused.',
    };
    const titleOf = (kind: string, name: string): string =>
      incidentOf(
        example(kind, {
          peerCount: 1,
          peers: ['192.168.1.13'],
          reasons: [{ ...refused, name: `lateral-movement.${name}` }, refused],
        }),
      ).title;
    expect([
      titleOf('lateral-movement.execution', 'service'),
      titleOf('lateral-movement.execution', 'service-start'),
      titleOf('lateral-movement.credentials', 'dcsync'),
      titleOf('lateral-movement.credentials', 'coerced'),
    ]).toEqual([
      '192.168.1.8 tried to create a service on 192.168.1.13 in 1 min, and was refused.',
      '192.168.1.8 tried to start or change a service on 192.168.1.13 in 1 min, and was refused.',
      '192.168.1.8 asked for the secrets of the domain (DCSync) at 192.168.1.13 in 1 min, and was refused.',
      '192.168.1.8 tried to make servers sign on elsewhere: 192.168.1.13 in 1 min, and was refused.',
    ]);
  });

  it('make one of all devices that one host polls by SNMP, and of all hosts that poll one device', () => {
    const kind = 'cleartext-login.community';
    const poll = (actor: string, peer: string): Detection => example(kind, { actor, peers: [peer] });
    const devices = ['192.168.1.29', '192.168.1.30', '192.168.1.31'].map((peer) => poll('192.168.1.9', peer));
    expect(incidentsOf(...devices).map(({ title }) => title)).toEqual([
      '192.168.1.9 read 3 hosts (192.168.1.29, 192.168.1.30 and others) by SNMP with a community in clear in 1 min.',
    ]);
    expect(incidentsOf(...devices, poll('192.168.1.8', '192.168.1.29'))).toHaveLength(1);
    expect(incidentsOf(...devices, poll('192.168.1.8', '192.168.1.77'))).toHaveLength(2);
  });

  it('turn round where the shell is at the other side', () => {
    const bind = {
      ...without('protocol-mismatch.shell', 'protocol-mismatch.shell-side'),
      actor: '203.0.113.9',
      peers: ['192.168.1.2'],
    };
    const incident = incidentOf(bind);
    expect(incident.title).toBe(
      '203.0.113.9 gave commands to a shell of 192.168.1.2 on port 53 (that of DNS) in 1 min.',
    );
    expect(summary(incident)).toBe('critical 85 T1059 T1095 T1571');
  });

  it('weigh less where it is not the gateway that is claimed, or a server that does not name itself', () => {
    expect(summary(incidentOf(without('arp-spoof.poisoning', 'arp-spoof.gateway')))).toBe('high 68 T1557.002');
    expect(summary(incidentOf(without('rogue-dhcp.server', 'rogue-dhcp.itself')))).toBe('high 62 T1557.003');
  });

  it('of all who log in to one server by one protocol are one, however far apart', () => {
    const day = 24 * 3_600_000;
    const later = { actor: '192.168.1.10', firstMs: START + day, lastMs: START + day + 1000 };
    const login = 'cleartext-login.password';
    const [one, ...others] = incidentsOf(example(login), example(login, later));
    expect(others).toEqual([]);
    expect(one?.title).toBe('2 hosts (192.168.1.9 and others) sent passwords 6 times in clear to 203.0.113.39 by FTP.');
    expect(incidentsOf(example(login), example(login, { ...later, peers: ['203.0.113.40'] }))).toHaveLength(2);
    expect(incidentsOf(example(login), example(login, { ...later, service: 'imap' }))).toHaveLength(2);
  });

  it('of a password in clear never weigh more than medium, and make no other incident more urgent', () => {
    const login = example('cleartext-login.password', { actor: '192.168.1.3' });
    const shell = example('protocol-mismatch.shell');
    const together = incidentsOf(login, shell);
    expect(together.map(({ kind, severity, urgency }) => [kind, severity, urgency])).toEqual([
      ['protocol-mismatch.shell', 'critical', 85],
      ['cleartext-login.password', 'medium', 59],
    ]);
  });

  it('of one host that moves on are one, and weigh more together', () => {
    const [one, ...others] = incidentsOf(
      example('lateral-movement.execution'),
      example('lateral-movement.fan-out'),
      example('lateral-movement.enumeration'),
    );
    expect(others).toEqual([]);
    expect(one?.kind).toBe('lateral-movement.execution');
    expect(one?.urgency).toBe(74);
    expect(one?.techniques.map(({ id }) => id)).toEqual(['T1021.002', 'T1021.004', 'T1049', 'T1569.002', 'T1570']);
  });

  it('of a server for management weigh less', () => {
    const usual = example('lateral-movement.execution', {
      reasons: [
        ...example('lateral-movement.execution').reasons,
        { name: 'lateral-movement.usual', value: 0.6, unit: 'factor', sentence: 'Usual.' },
      ],
      score: 0.58,
    });
    expect(summary(incidentOf(usual))).toBe('low 36 T1021.002 T1569.002 T1570');
  });
});
