import { describe, expect, it } from 'vitest';
import { EXAMPLES, incidentOf, reason } from '../../../test/support/detection.ts';
import { FURTHER } from '../../../test/support/paraphrase.ts';
import type { Detection } from '../../detect/index.ts';
import { checkVerdict } from '../check.ts';
import { judgeByRules } from '../rules.ts';

const example = FURTHER['suspicious-tls.certificate'] as Detection;
const tool: Detection = {
  ...example,
  score: 0.99,
  reasons: [
    ...example.reasons,
    reason('suspicious-tls.tool', 'AsyncRAT', '', 'The certificate bears the name that the tool gives to its own.'),
  ],
};

describe('the verdict on TLS that nobody vouches for', () => {
  it('stands on its evidence, whoever did it to whom', () => {
    for (const more of [
      {},
      { actor: '203.0.113.200' },
      { peers: [], peerCount: 0 },
      { reasons: [] },
      { score: 0.55 },
      { reasons: tool.reasons },
    ]) {
      const incident = incidentOf({ ...example, ...more });
      expect(checkVerdict(incident, judgeByRules(incident))).toEqual([]);
    }
  });

  it('reads as a person would write it', () => {
    const { whatHappened, whyItMatters, whatWouldMakeItInnocent } = judgeByRules(incidentOf(example));
    expect([whatHappened, whyItMatters, whatWouldMakeItInnocent].flat().map(({ text }) => text)).toEqual([
      '192.168.10.23, a host of your network, connected to 203.0.113.77 on port 7707 (TLS), and the server showed a certificate that no public authority vouches for within 5 min.',
      'It began at 2024-05-14 07:30:00 UTC.',
      'The certificate is valid for 3,650 days, longer than a public authority may make it.',
      'Port 7707 is none that a usual service over TLS has.',
      'Tools by which somebody controls a machine from afar make a certificate of their own when they are set up, and hide their orders behind it. Nothing shows whom the server belongs to.',
      'No usual service is at home on port 7707 with this kind of traffic, which malware often chooses.',
      'An appliance, a VPN gateway, a program for remote support or a smart device may come with a certificate that its maker issued; its owner then knows the server.',
    ]);
  });

  it('is unsure of few signs, suspects many, and is sure where the certificate names a tool', () => {
    const said = (one: Detection): string => {
      const incident = incidentOf(one);
      const { assessment, hypothesis, action } = judgeByRules(incident);
      return `${incident.severity}: ${assessment}, ${hypothesis}, ${action}`;
    };
    expect([{ ...example, score: 0.55 }, example, tool].map(said)).toEqual([
      'low: unsure, regular service traffic, monitor',
      'medium: suspicious, command and control, investigate',
      'high: malicious, command and control, investigate',
    ]);
  });
});

describe('the verdict on slow calls', () => {
  const beacon = EXAMPLES['beacon.interval'];
  const slow: Detection = {
    ...beacon,
    kind: 'beacon.slow',
    score: 0.6,
    reasons: [
      ...beacon.reasons.map((one) =>
        one.name === 'beacon.connections'
          ? { ...one, value: 9, sentence: 'It connected 9 times to the same server name within 2 h.' }
          : one,
      ),
      reason(
        'beacon.by-chance',
        0.002,
        'series',
        'It is one of 2 series of few calls to places that hardly anybody else calls; chance alone would make at most 0.002 of them so even. A timer of an honest program would do the same.',
        0.05,
      ),
    ],
    flowCount: 9,
  };

  it('stands on its evidence, and promises little', () => {
    for (const more of [{}, { actor: '203.0.113.200' }, { peers: [], peerCount: 0 }, { reasons: [] }]) {
      const incident = incidentOf({ ...slow, ...more });
      expect(checkVerdict(incident, judgeByRules(incident))).toEqual([]);
    }
    const { whatHappened, whyItMatters, assessment, action } = judgeByRules(incidentOf(slow));
    expect([whatHappened, whyItMatters].flat().map(({ text }) => text)).toEqual([
      '192.168.10.23, a host of your network, connected to 203.0.113.77 on port 443 (TLS) 9 times within 4 h 38 min, about every 1 min.',
      'It began at 2024-05-14 07:30:00 UTC.',
      'It is one of 2 series of few calls to places that hardly anybody else calls; chance alone would make at most 0.002 of them so even. A timer of an honest program would do the same.',
      'A few calls are little to go by. Malware that wants to stay unseen calls seldom; so do most honest programs that look for news.',
    ]);
    expect([assessment, action]).toEqual(['unsure', 'monitor']);
  });

  it('is low by itself, also on a port that no usual service has, and medium where another detector found the same hosts', () => {
    const severities = [
      [slow],
      [{ ...slow, port: 4444, service: undefined }],
      [{ ...slow, port: 4444, service: undefined }, EXAMPLES['long-connection.open']],
    ].map((detections) => incidentOf(...(detections as Detection[])));
    expect(severities.map(({ severity, urgency }) => [severity, urgency])).toEqual([
      ['low', 31],
      ['low', 39],
      ['medium', 49],
    ]);
  });
});
