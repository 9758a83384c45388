import { describe, expect, it } from 'vitest';
import { NASTY } from '../../test/support/hostile.ts';
import { tableSection } from './html-table.ts';
import type { TableSummary } from './result.ts';

function tableOf(text: string): TableSummary {
  return {
    rows: 500,
    kept: 400,
    columns: [{ name: text, kind: 'string', unit: text, missing: 3 }],
    features: [{ name: text, weight: 1, missing: 0, min: 0, median: 1, max: 2 }],
    filters: [{ name: text, mode: 'exclude', dropped: 100 }],
    flags: [{ name: text, severity: 'high', description: text, rows: 4, entities: 2 }],
    strangest: [
      {
        row: 17,
        score: 0.99,
        values: { [text]: text },
        contributions: [{ feature: text, value: 1, contribution: 0.5 }],
      },
    ],
    clusters: {
      rows: 400,
      measured: 400,
      best: 2,
      cuts: [
        {
          k: 2,
          silhouette: 0.5,
          clusters: [1, 2].map((label) => ({
            label,
            size: 200,
            silhouette: 0.5,
            medoid: 3,
            influence: [{ column: text, share: 1 }],
          })),
        },
      ],
      map: { stress: 0.1, points: [{ row: 1, x: 0, y: 0, labels: [1] }] },
      tree: { leaves: [200, 200], joins: [{ left: 0, right: 1, height: 0.7 }] },
    },
  };
}

/** What stands between the tags, and the tags without the text of their attributes. */
const tagsOf = (text: string): string[] => (text.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/="[^"]*"/g, ''));

describe('the section of a table', () => {
  it('has the same markup whatever columns, flags, filters, features and values are called', () => {
    const usual = tagsOf(tableSection(tableOf('plain')).text);
    expect(usual).toContain('<section id aria-labelledby>');
    for (const text of NASTY) {
      const shown = tableSection(tableOf(text)).text;
      // An empty name leaves the element out that would hold it; none adds one that no other name has.
      expect(tagsOf(shown).filter((tag) => !usual.includes(tag))).toEqual([]);
      expect(shown).not.toMatch(/[\u0000-\u0008\u000b\u001b\u202e\u2066]/);
      expect(shown.length).toBeLessThan(20_000);
    }
  });

  it('is not there where there was no table', () => {
    expect(tableSection(undefined).text).toBe('');
  });

  it('shows sixty columns of ten thousand and says how many more there are', () => {
    const table = tableOf('c');
    const columns = Array.from({ length: 10_000 }, (_, i) => ({
      name: `c${i}`,
      kind: 'float64' as const,
      unit: '',
      missing: 0,
    }));
    const shown = tableSection({ ...table, columns }).text;
    expect(shown).toContain('9,940 more are in incidents.json');
    expect(shown).not.toContain('>c60<');
  });
});
