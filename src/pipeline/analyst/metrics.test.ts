import { expect, test } from 'vitest';
import { type AnalystCall, costOf, metricsCsv, metricsJson, totalCalls, withEarlierCalls } from './metrics.ts';

const CALL: AnalystCall = {
  incident: 'inc-1',
  persona: 'technical',
  provider: 'ollama',
  model: 'tiny',
  outcome: 'answer',
  estimatedPromptTokens: 900,
  promptTokens: 700,
  completionTokens: 100,
  firstTokenMs: 400,
  durationMs: 2400,
  tokensPerSecond: 50,
  attempts: 1,
  schemaValid: true,
  claimsKept: 5,
  claimsDropped: 1,
  cost: 0.5,
};
const FAILED: AnalystCall = {
  incident: 'inc-2',
  persona: 'technical',
  provider: 'ollama',
  model: '=tiny,"x"',
  outcome: 'timeout',
  estimatedPromptTokens: 800,
  attempts: 2,
};

test('totals add up what is known, and say nothing of what is not', () => {
  expect(
    totalCalls([CALL, FAILED, { ...CALL, completionTokens: 300, tokensPerSecond: 75, schemaValid: false }]),
  ).toEqual({
    calls: 3,
    outcomes: { answer: 2, timeout: 1 },
    estimatedPromptTokens: 2600,
    promptTokens: 1400,
    completionTokens: 400,
    meanFirstTokenMs: 400,
    meanDurationMs: 2400,
    tokensPerSecond: 400 / 6,
    schemaValidRate: 0.5,
    claimsKept: 10,
    claimsDropped: 2,
    cost: 1,
    words: 0,
  });
  expect(totalCalls([FAILED])).toEqual({
    calls: 1,
    outcomes: { timeout: 1 },
    estimatedPromptTokens: 800,
    claimsKept: 0,
    claimsDropped: 0,
    words: 0,
  });
});

test('money is known where prices and tokens are', () => {
  const prices = { inputPrice: 2, outputPrice: 10 };
  expect(costOf({ promptTokens: 500_000, completionTokens: 100_000 }, prices)).toBe(2);
  expect(costOf({ promptTokens: 500_000 }, prices)).toBeUndefined();
  expect(costOf({ promptTokens: 500_000, completionTokens: 100_000 }, {})).toBeUndefined();
});

test('the table has a line a call, an empty cell for what is not known, and no cell that a spreadsheet would compute', () => {
  const [head = '', first = '', second = ''] = metricsCsv([CALL, FAILED]).split('\n');
  expect(head.split(',').slice(0, 7)).toEqual([
    'incident',
    'persona',
    'provider',
    'model',
    'outcome',
    'estimatedPromptTokens',
    'promptTokens',
  ]);
  expect(first).toBe('inc-1,technical,ollama,tiny,answer,900,700,100,400,2400,50,1,true,5,1,0.5,,,,,,,,,,,,');
  expect(second).toContain(`"'=tiny,""x""",timeout,800,,`);
});

test('the file for programs has the totals and every call', () => {
  const value = JSON.parse(metricsJson([CALL])) as {
    readonly totals: { readonly calls: number };
    readonly calls: unknown;
  };
  expect(value.totals.calls).toBe(1);
  expect(value.calls).toEqual([CALL]);
});

test('what came from the store keeps the measures of the run that asked, and other calls of that run stay', () => {
  const stored: AnalystCall = {
    incident: 'inc-1',
    persona: 'technical',
    provider: 'ollama',
    model: 'tiny',
    outcome: 'stored',
    estimatedPromptTokens: 900,
    attempts: 0,
  };
  expect(withEarlierCalls([stored], metricsJson([CALL, FAILED]))).toEqual([CALL, FAILED]);
  expect(withEarlierCalls([FAILED], metricsJson([CALL]))).toEqual([FAILED, CALL]);
  for (const broken of [undefined, '', '{', '[]', '{"calls":3}', '{"calls":[null,1,{"incident":"inc-1"}]}'])
    expect(withEarlierCalls([stored], broken)).toEqual([stored]);
});
