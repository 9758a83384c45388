import { describe, expect, it } from 'vitest';
import { detection, incidentOf, reason } from '../../test/support/detection.ts';
import type { Detection } from '../detect/index.ts';
import { kindInfo } from './kind.ts';

const TUNNEL = detection('dns-tunnel.names', {
  actor: '192.168.1.10',
  peers: ['192.168.1.1'],
  port: 53,
  protocol: 'udp',
  service: 'dns',
  score: 1,
  reasons: [
    reason(
      'dns-tunnel.domain',
      'bad.example',
      'name',
      'All names lie below one domain, which stands beside this line.',
    ),
    reason('dns-tunnel.bytes', 135_272, 'bytes', 'As much as 135 kB can have left.', 4096),
    reason('dns-tunnel.names', 9087, 'names', 'It asked for 9,087 different names.'),
    reason('dns-tunnel.carrying', 1, 'ratio 0..1', '100 % of the questions were of odd types.'),
  ],
});
const PINGS = detection('icmp-tunnel.echo', {
  peers: ['203.0.113.7'],
  protocol: 'icmp',
  reasons: [reason('icmp-tunnel.bytes', 13_000_000, 'bytes', 'Echo requests and replies carried 13 MB.')],
});
const DGA = detection('dga.generated', {
  peers: ['192.168.1.1'],
  port: 53,
  protocol: 'udp',
  service: 'dns',
  score: 1,
  reasons: [
    reason('dga.names', 197, 'domains', 'It asked for 197 domains.'),
    reason('dga.failing', 113, 'domains', '113 new domains did not exist.'),
  ],
});
const FAILING = { ...DGA, kind: 'dga.failing', score: 0.55 };
const UPLOAD = detection('exfiltration.upload', {
  peers: ['203.0.113.7'],
  port: 443,
  protocol: 'tcp',
  service: 'tls',
  score: 0.7,
  reasons: [
    reason('exfiltration.place', 'paste.example', 'name', 'The place is told by the domain.'),
    reason('exfiltration.bytes', 50_000_000, 'bytes', 'It sent 50 MB there.'),
    reason('exfiltration.excess', 50_000_000, 'bytes', '50 MB went beyond that.', 10_000_000),
  ],
});
const MAIL = detection('exfiltration.mail', {
  peers: ['203.0.113.25'],
  port: 587,
  protocol: 'tcp',
  service: 'smtp',
  score: 0.85,
  reasons: [
    reason('exfiltration.handed-over', 1, 'mails', 'It handed over 1 mail.'),
    reason('exfiltration.public-address', 1, '', 'It asked for its own public address.'),
  ],
});
const FTP = { ...MAIL, kind: 'exfiltration.ftp', port: 21, service: 'ftp', reasons: [], score: 0.5 };

describe('what leaves in disguise', () => {
  it.each([
    [
      TUNNEL,
      '192.168.1.10 asked for 9,087 different names below “bad.example”, which can have carried 135 kB in 1 min.',
      'high',
      ['T1071.004', 'T1572'],
    ],
    [
      PINGS,
      '192.168.1.10 exchanged 13 MB with 203.0.113.7 in pings that are no pings in 1 min.',
      'medium',
      ['T1095', 'T1572'],
    ],
    [
      DGA,
      '192.168.1.10 asked for 197 domains that look generated, and 113 new ones did not exist in 1 min.',
      'high',
      ['T1568.002'],
    ],
    [FAILING, '192.168.1.10 asked for 113 domains that do not exist in 1 min.', 'low', ['T1568.002']],
    [
      UPLOAD,
      '192.168.1.10 sent 50 MB to “paste.example” (203.0.113.7) on port 443 (TLS) in 1 min.',
      'medium',
      ['T1048.002'],
    ],
    [
      MAIL,
      '192.168.1.10 logged in without encryption to 203.0.113.25 on port 587 (SMTP) and handed over 1 mail in 1 min.',
      'high',
      ['T1048.003', 'T1071.003'],
    ],
    [
      FTP,
      '192.168.1.10 logged in without encryption to 203.0.113.25 on port 21 (FTP) and handed over 1 file in 1 min.',
      'low',
      ['T1048.003', 'T1071.002'],
    ],
  ] as const)('%#', (found, title, severity, techniques) => {
    const incident = incidentOf(found as Detection);
    expect(incident.title).toBe(title);
    expect(incident.severity).toBe(severity);
    expect(incident.techniques.map(({ id }) => id)).toEqual(techniques);
  });

  it('without its measures still has a title', () => {
    const bare = [TUNNEL, PINGS, DGA, FAILING, UPLOAD, MAIL].map(
      (found) => incidentOf({ ...found, reasons: [], flowCount: 3 }).title,
    );
    expect(bare).toEqual([
      '192.168.1.10 asked for 3 different names below one domain in 1 min.',
      '192.168.1.10 exchanged data with 203.0.113.7 in pings that are no pings in 1 min.',
      '192.168.1.10 asked for 3 domains that look generated in 1 min.',
      '192.168.1.10 asked for 3 domains that do not exist in 1 min.',
      '192.168.1.10 sent much data to 203.0.113.7 on port 443 (TLS) in 1 min.',
      '192.168.1.10 logged in without encryption to 203.0.113.25 on port 587 (SMTP) and handed over 1 mail in 1 min.',
    ]);
  });

  it('makes names from the network safe and short', () => {
    const place = `\u001b[31m${'x'.repeat(200)}`;
    const { title } = incidentOf({ ...UPLOAD, reasons: [reason('exfiltration.place', place, 'name', 'It is told.')] });
    expect(title).not.toContain('\u001b');
    expect(title.length).toBeLessThan(160);
  });

  it('weighs volume and types of a DNS tunnel, the size of an upload, and a port that nobody has', () => {
    const points = (found: Detection): number => incidentOf(found).urgency;
    const with_ = (found: Detection, name: string, value: number): Detection => ({
      ...found,
      reasons: found.reasons.map((one) => (one.name === name ? { ...one, value } : one)),
    });
    expect(points(TUNNEL) - points(with_(TUNNEL, 'dns-tunnel.bytes', 99_999))).toBe(8);
    expect(points(TUNNEL) - points(with_(TUNNEL, 'dns-tunnel.carrying', 0.49))).toBe(8);
    expect(points(with_(UPLOAD, 'exfiltration.excess', 1e8)) - points(UPLOAD)).toBe(7);
    expect(points(with_(UPLOAD, 'exfiltration.excess', 1e9)) - points(UPLOAD)).toBe(14);
    expect(points({ ...UPLOAD, port: 47_321 }) - points(UPLOAD)).toBe(8);
    expect(points(MAIL) - points({ ...MAIL, reasons: MAIL.reasons.slice(0, 1) })).toBe(12);
    expect(points(PINGS) - points({ ...PINGS, peers: ['192.168.1.77'] })).toBe(5);
  });

  it('has a label in a few words for every kind', () => {
    expect(
      [
        'dns-tunnel.names',
        'icmp-tunnel.echo',
        'dga.generated',
        'dga.failing',
        'exfiltration.upload',
        'exfiltration.mail',
      ].map((kind) => kindInfo(kind).label),
    ).toEqual([
      'tunnel in the DNS',
      'tunnel in pings',
      'generated names',
      'many names that do not exist',
      'large upload',
      'data handed over in clear',
    ]);
  });
});
