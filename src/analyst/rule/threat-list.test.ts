import { describe, expect, it } from 'vitest';
import { detection, incidentOf, incidentsOf, reason } from '../../../test/support/detection.ts';
import type { Detection } from '../../detect/index.ts';
import { checkVerdict } from '../check.ts';
import { judgeByRules } from '../rules.ts';

const WAYS = ['called', 'came', 'named', 'asked', 'fetched', 'client', 'server'] as const;

function listed(way: string, more: Partial<Detection> = {}, names: readonly string[] = ['answered']): Detection {
  const isInward = way === 'came';
  return detection('threat-list.match', {
    actor: isInward ? '203.0.113.9' : '192.168.1.5',
    peers: [isInward ? '192.168.1.5' : '203.0.113.9'],
    peerCount: 1,
    port: 443,
    protocol: 'tcp',
    service: way === 'asked' ? 'dns' : 'tls',
    score: 0.9,
    reasons: [
      reason('threat-list.way', way, '', 'It went to what a threat list has.'),
      reason(
        'threat-list.entry',
        'evil.example',
        '',
        'The entry is the name evil.example, number 3 of the list mine.txt.',
      ),
      ...names.map((name) => reason(`threat-list.${name}`, 1, '', `Measure ${name}.`)),
    ],
    ...more,
  });
}

describe('incidents of threat lists', () => {
  it('say who met what, and weigh a call out more than a visit', () => {
    expect(
      WAYS.map((way) => {
        const { title, severity, urgency, techniques } = incidentOf(listed(way));
        return `${title} ${severity} ${urgency} ${techniques.map(({ id }) => id).join(' ')}`.trim();
      }),
    ).toEqual([
      '192.168.1.5 called 203.0.113.9, which a threat list names. high 62 T1071.001',
      '203.0.113.9 is on a threat list and came to 192.168.1.5. low 30',
      '192.168.1.5 called 203.0.113.9 by a name that is on a threat list. high 62 T1071.001',
      '192.168.1.5 asked the DNS for a name that is on a threat list. medium 50 T1071.004',
      '192.168.1.5 fetched a page that is on a threat list from 203.0.113.9. high 62 T1071.001',
      '192.168.1.5 spoke TLS with 203.0.113.9 like a program that is on a threat list. medium 54 T1071.001',
      '192.168.1.5 spoke TLS with 203.0.113.9, which answered like a server that is on a threat list. medium 54 T1071.001',
    ]);
  });

  it('weigh less where nobody answered, and more where lists agree', () => {
    const urgency = (names: readonly string[]): number => incidentOf(listed('called', {}, names)).urgency;
    expect([urgency(['answered']), urgency(['unanswered']), urgency(['answered', 'lists'])]).toEqual([62, 52, 68]);
  });

  it('are one where many listed hosts come to one of ours', () => {
    const visits = Array.from({ length: 6 }, (_, i) => listed('came', { actor: `203.0.113.${i + 1}` }, ['unanswered']));
    expect(incidentsOf(...visits).map(({ actors, severity }) => [actors.length, severity])).toEqual([[6, 'low']]);
  });

  it('have verdicts in which every sentence stands on its evidence', () => {
    for (const way of WAYS) {
      for (const names of [
        ['answered'],
        ['unanswered', 'old', 'expired'],
        ['label', 'group', 'confidence', 'lists', 'early'],
      ]) {
        for (const more of [{}, { peers: [], peerCount: 0 }, { score: 0.3 }]) {
          const incident = incidentOf(listed(way, more, names));
          expect(checkVerdict(incident, judgeByRules(incident))).toEqual([]);
        }
      }
    }
  });
});
