import { describe, expect, it } from 'vitest';
import { detection, incidentOf, incidentsOf, reason } from '../../test/support/detection.ts';
import { NASTY } from '../../test/support/hostile.ts';
import type { Detection } from '../detect/index.ts';
import { WHOLE_TABLE } from './kind-record.ts';

function ofRows(kind: string, fields: Partial<Detection> = {}): Detection {
  return detection(kind, {
    actor: 'alice',
    peers: [],
    peerCount: 0,
    flowCount: 0,
    records: [],
    recordCount: 3,
    ...fields,
  });
}

function flag(severity: string, fields: Partial<Detection> = {}, name = 'big'): Detection {
  return ofRows('flag.row', {
    score: 1,
    reasons: [reason('flag.name', name, '', 'The name.'), reason('flag.severity', severity, '', 'The severity.')],
    ...fields,
  });
}

function alert(severity: string, fields: Partial<Detection> = {}): Detection {
  return detection('alert.signature', {
    score: 1,
    reasons: [
      reason('alert.count', 7, 'alerts', 'Seven alerts.'),
      reason('alert.severity', severity, '', 'The severity.'),
      reason('alert.category', 'Attempted Information Leak', '', 'The class.'),
    ],
    ...fields,
  });
}

describe('incidents of rows', () => {
  it('have the severity that the author of the flag gave', () => {
    for (const severity of ['info', 'low', 'medium', 'high', 'critical'])
      expect(incidentOf(flag(severity)).severity).toBe(severity);
  });

  it('have the severity that the rule of the other sensor has', () => {
    for (const severity of ['info', 'low', 'medium', 'high'])
      expect(incidentOf(alert(severity)).severity).toBe(severity);
  });

  it('weigh less where an alert was set off from outside, as it is all day on the Internet', () => {
    const outside = { actor: '203.0.113.9', peers: ['192.168.1.10'] };
    const levels = ['info', 'low', 'medium', 'high'].map((severity) => incidentOf(alert(severity, outside)).severity);
    expect(levels).toEqual(['info', 'info', 'low', 'medium']);
  });

  it('are low at most where nothing but a model or a distance speaks', () => {
    for (const kind of ['strange-record.outlier', 'cluster.outlier'])
      expect(['info', 'low']).toContain(incidentOf(ofRows(kind, { score: 0.5, recordCount: 1000 })).severity);
  });

  it('say in their titles who, what and how many', () => {
    const titles = [
      flag('high'),
      flag('high', { actor: WHOLE_TABLE, recordCount: 1 }),
      flag('high', { actor: '10.0.0.7' }),
      ofRows('strange-record.outlier'),
      ofRows('cluster.outlier', { actor: WHOLE_TABLE }),
      alert('high'),
    ].map((one) => incidentOf(one).title);
    expect(titles).toEqual([
      '“alice” has 3 rows flagged “big”.',
      'The table has 1 row flagged “big”.',
      '10.0.0.7 has 3 rows flagged “big”.',
      '“alice” has 3 rows unlike the others.',
      'The table has 3 rows in the group that lies apart from all others.',
      '192.168.1.10 set off 7 alerts of another sensor (Attempted Information Leak) in 1 min.',
    ]);
  });

  it('take the flags that fire for one at one time as one story, and keep others with other flags apart', () => {
    expect(incidentsOf(flag('low'), flag('low', {}, 'odd'))).toHaveLength(1);
    expect(incidentsOf(flag('low'), flag('low', { actor: 'bob' }, 'odd'))).toHaveLength(2);
  });

  it('show names from outside short and without anything that disturbs a terminal', () => {
    for (const text of NASTY) {
      const { title } = incidentOf(flag('low', { actor: text }, text));
      expect(title).not.toMatch(/\p{Cc}|[\u202a-\u202e\u2066-\u2069\u200b]/u);
      expect(title.length).toBeLessThan(800);
    }
  });
});
