import { describe, expect, it } from 'vitest';
import { sampleResult } from '../../test/support/sample.ts';
import type { DriftSummary } from './drift-summary.ts';
import { driftDirection } from './drift-summary.ts';
import { renderHtml } from './html.ts';
import { renderJson } from './json.ts';
import { incidentsDocument } from './schema.ts';
import { renderTerminal } from './terminal.ts';

const HOSTILE = '<img src=x onerror=alert(1)>\u202e\u001b[31m';
const drift: DriftSummary = {
  rows: 5000,
  advice: 'retrain',
  reasons: [`1 feature of 12 moved, and far: ${HOSTILE} (0.61, higher).`, 'Fit the model anew.'],
  features: { compared: 12, moved: 1, movedFar: 1 },
  worst: [
    { name: HOSTILE, index: 0.61, limit: 0.02, place: 0.8, missingBefore: 0, missingNow: 0.05 },
    { name: 'flow.duration', index: 0.003, limit: 0.02, place: 0.5, missingBefore: 0.1, missingNow: 0.1 },
  ],
  scores: {
    gap: 0.31,
    limit: 0.1,
    calibrationRows: 4000,
    rates: [{ promised: 0.01, achieved: 0.083 }],
    before: Array.from({ length: 20 }, () => 0.05),
    now: Array.from({ length: 20 }, (_, i) => (i === 19 ? 0.24 : 0.04)),
  },
  changes: [
    { row: 1200, ms: 1_700_000_000_000, before: 0.5, after: 0.71 },
    { row: 3000, before: 0.71, after: 0.5 },
  ],
  changeCount: 3,
};

const sample = sampleResult();
const result = { ...sample, run: { ...sample.run, drift } };

describe('a report on a given model', () => {
  it('shows in the page what moved, when, and what to do, and nothing of it runs', () => {
    const page = renderHtml(result);
    expect(page).toContain('<a href="#drift">Whether the model still fits</a>');
    expect(page).toContain('<h3 class="plain">Fit the model anew</h3>');
    expect(page).toContain('at about <span class="nb">2023-11-14 22:13:20 UTC</span>, from 0.50 to 0.71');
    expect(page).toContain('after row 3,000, from 0.71 to 0.50');
    expect(page).toContain('and 1 more time');
    expect(page).toContain('The 2 of 12 features that moved most');
    expect(page).toContain('0.99 or more: 8.3 % of the rows here, where 1 % of ordinary ones would');
    expect(page).not.toContain('<img');
    expect(page).not.toContain('\u202e');
    expect(page).not.toContain('\u001b');
    expect(renderHtml(sample)).not.toContain('id="drift"');
  });

  it('is valid as a document, with the times in ISO 8601', () => {
    const document = incidentsDocument.parse(JSON.parse(renderJson(result)));
    expect(document.run.drift?.advice).toBe('retrain');
    expect(document.run.drift?.changes).toEqual([
      { row: 1200, at: '2023-11-14T22:13:20.000Z', before: 0.5, after: 0.71 },
      { row: 3000, at: null, before: 0.71, after: 0.5 },
    ]);
    expect(document.run.drift?.worst[0]?.name).toBe(HOSTILE);
  });

  it('has a line on the terminal', () => {
    const options = { color: false, width: 100, top: 3 };
    const fewer = { ...drift, advice: 'too-few' as const, reasons: ['12 scored rows are too few.'] };
    const line = (of: DriftSummary): string | undefined =>
      renderTerminal({ ...sample, run: { ...sample.run, drift: of } }, options)
        .split('\n')
        .find((text) => text.startsWith('Model'));
    expect(line(drift)).toMatch(/^Model {8}fit it anew\. 1 feature of 12 moved, and far: <img src=x$/);
    expect(line(fewer)).toBe('Model        12 scored rows are too few.');
    expect(line({ ...drift, advice: 'keep', reasons: ['Scores and features are as they were.'] })).toBe(
      'Model        fits. Scores and features are as they were.',
    );
    expect(renderTerminal(result, options)).not.toContain('\u001b');
  });

  it('says how a feature moved', () => {
    const [first] = drift.worst;
    if (first === undefined) throw new Error('no feature');
    expect(driftDirection(first)).toBe('higher');
    expect(driftDirection({ ...first, place: 0.3 })).toBe('lower');
    expect(driftDirection({ ...first, place: 0.5 })).toBe('otherwise spread');
    expect(driftDirection({ ...first, missingNow: 0.2 })).toBe('more often missing');
    expect(driftDirection({ ...first, missingBefore: 0.4 })).toBe('less often missing');
  });
});
