import { describe, expect, it } from 'vitest';
import { EXAMPLES, incidentOf } from '../../test/support/detection.ts';
import { groupDetections } from './group.ts';
import { MAX_COUNTED_LABELS, MEASURED, priorReliability, reliabilityOf, reliabilityPoints } from './reliability.ts';

describe('the reliability of a detector', () => {
  it('is the measured share, smoothed by one right and one wrong, and a half where nobody measured', () => {
    expect(MEASURED['beacon']).toEqual([4, 5]);
    expect(priorReliability('beacon')).toBeCloseTo(5 / 11, 10);
    expect(priorReliability('some-plugin')).toBe(0.5);
  });

  it('moves with labels, which weigh against a prior of eight', () => {
    const { prior, now, malicious, benign } = reliabilityOf('some-plugin', ['benign', 'benign', 'malicious']);
    expect([prior, malicious, benign]).toEqual([0.5, 1, 2]);
    expect(now).toBeCloseTo(5 / 11, 10);
    expect(reliabilityOf('some-plugin', []).now).toBe(0.5);
  });

  it('counts the latest labels alone, so that old ones are forgotten', () => {
    const old = new Array<'benign'>(1000).fill('benign');
    const late = new Array<'malicious'>(MAX_COUNTED_LABELS).fill('malicious');
    expect(reliabilityOf('scan', [...old, ...late]).benign).toBe(0);
  });

  it('gives or takes bounded points', () => {
    expect(reliabilityPoints(reliabilityOf('scan', []))).toBe(0);
    expect(reliabilityPoints(reliabilityOf('scan', new Array(40).fill('benign')))).toBe(-20);
    expect(reliabilityPoints(reliabilityOf('some-plugin', new Array(40).fill('malicious')))).toBe(10);
    expect(reliabilityPoints(reliabilityOf('some-plugin', ['benign']))).toBe(-2);
  });
});

describe('severity', () => {
  const beacon = EXAMPLES['beacon.interval'];
  const home = { isHome: (address: string): boolean => address.startsWith('192.168.') };
  const rated = (weights: Parameters<typeof groupDetections>[1]['weights']) => {
    const [incident] = groupDetections([beacon], { context: home, ...(weights === undefined ? {} : { weights }) });
    if (incident === undefined) throw new Error('no incident');
    return incident;
  };

  it('shows the labels of the leading detector as a step of its own', () => {
    const incident = rated({ reliabilityOf: (id) => reliabilityOf(id, ['benign', 'benign', 'malicious']) });
    expect(incident.severitySteps.at(-1)).toEqual({
      rule: 'Incidents of detector beacon were labelled 2 benign, 1 malicious: its reliability is 0.42, and was 0.45',
      points: -1,
    });
    expect(incident.urgency).toBe(incidentOf(beacon).urgency - 1);
  });

  it('shows the most important device as a step of its own, by its distance from 3', () => {
    const worth = (of: Readonly<Record<string, number>>) => rated({ importanceOf: (address) => of[address] });
    const [peer = ''] = beacon.peers;
    expect(worth({ [beacon.actor]: 5, [peer]: 1 }).severitySteps.at(-1)).toEqual({
      rule: `${beacon.actor} has importance 5 of 5 in the baseline`,
      points: 10,
    });
    expect(worth({ [beacon.actor]: 1 }).severitySteps.at(-1)).toEqual({
      rule: `${beacon.actor} has importance 1 of 5 in the baseline, and nothing more important takes part`,
      points: -10,
    });
    expect(worth({ [beacon.actor]: 3 }).urgency).toBe(incidentOf(beacon).urgency);
    expect(worth({}).urgency).toBe(incidentOf(beacon).urgency);
  });
});
