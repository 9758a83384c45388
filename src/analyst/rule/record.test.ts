import { describe, expect, it } from 'vitest';
import { detection, incidentOf, reason } from '../../../test/support/detection.ts';
import { NASTY } from '../../../test/support/hostile.ts';
import type { Detection } from '../../detect/index.ts';
import { CLAIM_SECTIONS, checkVerdict } from '../check.ts';
import { judgeByRules } from '../rules.ts';

function verdictOf(one: Detection) {
  const incident = incidentOf(one);
  const verdict = judgeByRules(incident);
  expect(checkVerdict(incident, verdict)).toEqual([]);
  return verdict;
}

function flagged(fields: Partial<Detection> = {}, name = 'big'): Detection {
  return detection('flag.row', {
    actor: 'alice',
    peers: [],
    peerCount: 0,
    score: 1,
    flowCount: 0,
    records: [
      { row: 4, values: { a: 1 } },
      { row: 9, values: { a: 2 } },
    ],
    recordCount: 2,
    reasons: [
      reason('flag.name', name, '', 'The flag by the name that its author gave it.'),
      reason('flag.rows', 2, 'rows', 'It fired for 2 rows.'),
      reason('flag.severity', 'high', '', 'Its author calls it high.'),
    ],
    ...fields,
  });
}

describe('the verdict on rows', () => {
  it('on a flag says how many rows it fired for, and when where they have a time', () => {
    const [what, when] = verdictOf(flagged()).whatHappened;
    expect(what?.text).toBe('A flag of the feature definitions fired for 2 rows.');
    expect(when?.text).toContain('2024-05-14');
  });

  it('on rows without a time says nothing of when', () => {
    const verdict = verdictOf(flagged({ firstMs: 0, lastMs: 0 }));
    const all = CLAIM_SECTIONS.flatMap((section) => verdict[section].map(({ text }) => text)).join('\n');
    expect(all).not.toMatch(/1970|1 January/);
  });

  it('on what a model or a distance finds is an opinion and says so', () => {
    for (const [kind, words] of [
      [
        'strange-record.outlier',
        'A model that has learned what is usual in this table finds 2 rows unlike the others.',
      ],
      ['cluster.outlier', 'Measured by the distance between rows, there are 2 rows unlike the others.'],
    ] as const) {
      const verdict = verdictOf({ ...flagged({ score: 0.4 }), kind, detector: kind.split('.')[0] ?? '', reasons: [] });
      expect(verdict.whatHappened[0]?.text).toBe(words);
      expect(verdict.whyItMatters[0]?.text).toContain('That is a hint and no proof');
    }
  });

  it('repeats no word that came from outside', () => {
    const plain = verdictOf(flagged({ actor: 'x' }, 'x'));
    for (const text of NASTY.filter((nasty) => nasty.trim() !== ''))
      expect(verdictOf(flagged({ actor: text }, text)).whatHappened.map((claim) => claim.text)).toEqual(
        plain.whatHappened.map((claim) => claim.text),
      );
  });
});
