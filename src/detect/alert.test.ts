import { describe, expect, it } from 'vitest';
import { alertDetections, type SensorAlert } from './alert.ts';

const alert: SensorAlert = {
  sid: 2001219,
  signature: 'ET SCAN Potential SSH Scan \u001b[31m',
  category: 'Attempted Information Leak',
  severity: 2,
  action: 'allowed',
  protocol: 'tcp',
  src: '203.0.113.9',
  dst: '192.168.1.4',
  dstPort: 22,
  count: 3,
  firstMs: 1000,
  lastMs: 5000,
};

describe('alerts of another sensor', () => {
  it('are one detection for each sender and rule, with all receivers', () => {
    const { detections: found } = alertDetections([
      alert,
      { ...alert, dst: '192.168.1.5', count: 9, firstMs: 500, lastMs: 9000 },
      { ...alert, sid: 7, severity: 1, src: '192.168.1.8' },
    ]);
    expect(
      found.map(({ actor, peers, flowCount, firstMs, lastMs }) => [actor, peers, flowCount, firstMs, lastMs]),
    ).toEqual([
      ['192.168.1.8', ['192.168.1.4'], 3, 1000, 5000],
      ['203.0.113.9', ['192.168.1.5', '192.168.1.4'], 12, 500, 9000],
    ]);
    expect(found[1]?.reasons.find(({ name }) => name === 'alert.severity')?.value).toBe('medium');
  });

  it('keep the words of the rule out of sentences, and make them safe', () => {
    const [found] = alertDetections([alert]).detections;
    const signature = found?.reasons.find(({ name }) => name === 'alert.signature');
    expect(signature?.value).not.toContain('\u001b');
    for (const { sentence } of found?.reasons ?? []) expect(sentence).not.toContain('ET SCAN');
  });

  it('have a priority that no rule has taken for the nearest one', () => {
    const level = (severity: number | undefined) =>
      alertDetections([{ ...alert, severity }]).detections[0]?.reasons.find(({ name }) => name === 'alert.severity')
        ?.value;
    expect([level(0), level(1), level(3), level(4), level(255), level(undefined)]).toEqual([
      'high',
      'high',
      'low',
      'info',
      'info',
      'low',
    ]);
  });

  it('are kept up to a cap, the most severe first, and the others are counted', () => {
    const many = Array.from({ length: 1500 }, (_, i) => ({ ...alert, sid: i, severity: i === 1499 ? 1 : 3 }));
    const { detections, saturations } = alertDetections(many);
    expect(detections).toHaveLength(1000);
    expect(detections[0]?.reasons.find(({ name }) => name === 'alert.severity')?.value).toBe('high');
    expect(saturations).toEqual([{ detector: 'alert', what: 'senders and rules of alerts', cap: 1000, refused: 500 }]);
  });
});
