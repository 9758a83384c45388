import { expect, test } from 'vitest';
import { comparisonTable, type ModelScore, rankScores, renderModelComparison } from './model-comparison.ts';

const GOOD: ModelScore = {
  model: 'large',
  template: 'technical',
  incidents: 8,
  answered: 8,
  assessmentRight: 1,
  hypothesisRight: 0.875,
  claimsKept: 0.9,
  schemaValid: 1,
  meanDurationMs: 4000,
  tokensPerSecond: 20.04,
  wordsPerAnswer: 120,
  failures: [],
};
const POOR: ModelScore = {
  model: '<script>\u001b[31m',
  template: 'technical',
  incidents: 8,
  answered: 0,
  assessmentRight: 0,
  hypothesisRight: 0,
  failures: ['timeout 8'],
};

test('the best comes first, the faster one of equals before the slower', () => {
  const slow = { ...GOOD, model: 'slow', meanDurationMs: 9000 };
  expect(rankScores([POOR, slow, GOOD]).map(({ model }) => model)).toEqual(['large', 'slow', POOR.model]);
});

test('the table for terminals has a line a model, and a dash for what was not measured', () => {
  expect(
    comparisonTable([GOOD])
      .split('\n')
      .map((line) => line.replace(/ {2,}/g, ' | ')),
  ).toEqual([
    'model | template | answered | assessment right | name right | claims kept | fits schema | s a verdict | tokens/s | words | no verdict',
    'large | technical | 100 % | 100 % | 88 % | 90 % | 100 % | 4.00 | 20.0 | 120',
    '',
  ]);
  const [, line = ''] = comparisonTable([POOR]).split('\n');
  expect(line).toMatch(/ 0 % +0 % +0 % +- +- +- +- +- +timeout 8$/);
  expect(line).not.toContain('\u001b');
});

test('the page draws a bar a measure, says what was not measured, and runs nothing that a model is called', () => {
  const page = renderModelComparison([GOOD, POOR]);
  expect(page).toContain('<svg');
  expect(page.match(/<rect /g)).toHaveLength(11);
  expect(page.match(/>not measured</g)).toHaveLength(5);
  expect(page).not.toContain('<script>');
  expect(page).toContain("default-src 'none'");
});

test('no model at all is an empty page', () => {
  expect(renderModelComparison([])).toContain('0 simulated incidents');
});
