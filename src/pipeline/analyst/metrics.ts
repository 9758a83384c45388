import type { LanguageFailureKind, LanguageUsage, StageOutcome, StoreQueryName } from '../../analyst/index.ts';
import type { LanguageBudgetOptions } from '../../io/index.ts';
import { textCell } from '../../report/index.ts';
import { measureText, type TextMeasures } from './text-measure.ts';

/** What one question to a model cost and gave. What nobody told is absent. */
export interface AnalystCall {
  readonly incident: string;
  readonly persona: string;
  readonly provider: string;
  readonly model: string;
  /** 'answer', 'stored' (answered in an earlier run), or why there is none. */
  readonly outcome: AnalystOutcome;
  /** Tokens of the prompt as estimated before it was sent. */
  readonly estimatedPromptTokens: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly firstTokenMs?: number;
  readonly durationMs?: number;
  readonly tokensPerSecond?: number;
  /** Requests, repeated ones and those for a second try among them. */
  readonly attempts: number;
  /** Whether the first answer fitted the schema; absent where there was no answer to look at. */
  readonly schemaValid?: boolean;
  readonly claimsKept?: number;
  readonly claimsDropped?: number;
  /** Of staged mode: how planning ended, the queries that were run, how many of them failed, and the notes of the summary that passed the check or did not. */
  readonly plan?: StageOutcome;
  readonly queries?: readonly StoreQueryName[];
  readonly queriesFailed?: number;
  readonly notesKept?: number;
  readonly notesDropped?: number;
  /** In the currency of the configured prices; absent without prices or tokens. */
  readonly cost?: number;
  /** Of all claims that were kept, one after the other. */
  readonly text?: TextMeasures;
}

/** Every way a question can end. Those of `invalid` and later say that a model answered, and that its answer was not taken. */
export const ANALYST_OUTCOMES = [
  'answer',
  'stored',
  'refused',
  'timeout',
  'cancelled',
  'unreachable',
  'unauthorized',
  'no-such-model',
  'rate-limited',
  'truncated',
  'server-error',
  'not-json',
  'budget',
  'invalid',
  'leaked',
  'unsupported',
] as const satisfies readonly (LanguageFailureKind | 'answer' | 'stored' | 'invalid' | 'leaked' | 'unsupported')[];
export type AnalystOutcome = (typeof ANALYST_OUTCOMES)[number];

/** Undefined where tokens or prices are not known. */
export function costOf(
  { promptTokens, completionTokens }: Pick<LanguageUsage, 'promptTokens' | 'completionTokens'>,
  { inputPrice, outputPrice }: Pick<LanguageBudgetOptions, 'inputPrice' | 'outputPrice'>,
): number | undefined {
  if (inputPrice === undefined && outputPrice === undefined) return undefined;
  if (promptTokens === undefined || completionTokens === undefined) return undefined;
  return (promptTokens * (inputPrice ?? 0) + completionTokens * (outputPrice ?? 0)) / 1e6;
}

/** All calls of a run, added up. Means and sums are over the calls that tell; absent where none does. */
export interface AnalystTotals {
  readonly calls: number;
  /** By outcome, those that happened, in the order of `ANALYST_OUTCOMES`. */
  readonly outcomes: Readonly<Partial<Record<AnalystOutcome, number>>>;
  readonly estimatedPromptTokens: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly meanFirstTokenMs?: number;
  readonly meanDurationMs?: number;
  /** All completion tokens by the time that they took. */
  readonly tokensPerSecond?: number;
  /** Share of the answers whose first try fitted the schema. */
  readonly schemaValidRate?: number;
  readonly claimsKept: number;
  readonly claimsDropped: number;
  readonly cost?: number;
  readonly words: number;
}

export function totalCalls(calls: readonly AnalystCall[]): AnalystTotals {
  const numbers = (pick: (call: AnalystCall) => number | undefined): number[] =>
    calls.map(pick).filter((value) => value !== undefined);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const known = (values: readonly number[]): number | undefined => (values.length === 0 ? undefined : sum(values));
  const mean = (values: readonly number[]): number | undefined =>
    values.length === 0 ? undefined : sum(values) / values.length;
  const valid = numbers((call) => (call.schemaValid === undefined ? undefined : Number(call.schemaValid)));
  const rated = calls.filter((call) => call.tokensPerSecond !== undefined && call.completionTokens !== undefined);
  const seconds = sum(
    rated.map(({ tokensPerSecond = 0, completionTokens = 0 }) =>
      tokensPerSecond > 0 ? completionTokens / tokensPerSecond : 0,
    ),
  );
  const optional = <K extends string>(key: K, value: number | undefined): { [P in K]?: number } =>
    value === undefined ? {} : ({ [key]: value } as { [P in K]?: number });
  return {
    calls: calls.length,
    outcomes: Object.fromEntries(
      ANALYST_OUTCOMES.map((outcome) => [outcome, calls.filter((call) => call.outcome === outcome).length]).filter(
        ([, n]) => n !== 0,
      ),
    ) as Partial<Record<AnalystOutcome, number>>,
    estimatedPromptTokens: sum(calls.map((call) => call.estimatedPromptTokens)),
    ...optional('promptTokens', known(numbers((call) => call.promptTokens))),
    ...optional('completionTokens', known(numbers((call) => call.completionTokens))),
    ...optional('meanFirstTokenMs', mean(numbers((call) => call.firstTokenMs))),
    ...optional('meanDurationMs', mean(numbers((call) => call.durationMs))),
    ...optional(
      'tokensPerSecond',
      seconds > 0 ? sum(rated.map(({ completionTokens = 0 }) => completionTokens)) / seconds : undefined,
    ),
    ...optional('schemaValidRate', mean(valid)),
    claimsKept: sum(numbers((call) => call.claimsKept)),
    claimsDropped: sum(numbers((call) => call.claimsDropped)),
    ...optional('cost', known(numbers((call) => call.cost))),
    words: sum(numbers((call) => call.text?.words)),
  };
}

const COLUMNS: readonly (readonly [string, (call: AnalystCall) => string | number | boolean | undefined])[] = [
  ['incident', (call) => call.incident],
  ['persona', (call) => call.persona],
  ['provider', (call) => call.provider],
  ['model', (call) => call.model],
  ['outcome', (call) => call.outcome],
  ['estimatedPromptTokens', (call) => call.estimatedPromptTokens],
  ['promptTokens', (call) => call.promptTokens],
  ['completionTokens', (call) => call.completionTokens],
  ['firstTokenMs', (call) => round(call.firstTokenMs)],
  ['durationMs', (call) => round(call.durationMs)],
  ['tokensPerSecond', (call) => round(call.tokensPerSecond)],
  ['attempts', (call) => call.attempts],
  ['schemaValid', (call) => call.schemaValid],
  ['claimsKept', (call) => call.claimsKept],
  ['claimsDropped', (call) => call.claimsDropped],
  ['cost', (call) => call.cost],
  ['characters', (call) => call.text?.characters],
  ['words', (call) => call.text?.words],
  ['sentences', (call) => call.text?.sentences],
  ['charactersPerWord', (call) => round(call.text?.charactersPerWord)],
  ['wordsPerSentence', (call) => round(call.text?.wordsPerSentence)],
  ['vocabularyRichness', (call) => round(call.text?.vocabularyRichness)],
  ['topWords', (call) => call.text?.topWords.map(({ word }) => word).join(' ')],
  ['plan', (call) => call.plan],
  ['queries', (call) => call.queries?.join(' ')],
  ['queriesFailed', (call) => call.queriesFailed],
  ['notesKept', (call) => call.notesKept],
  ['notesDropped', (call) => call.notesDropped],
];

/** analyst-metrics.csv: a line a call; what is not known is an empty cell. */
export function metricsCsv(calls: readonly AnalystCall[]): string {
  const lines = calls.map((call) =>
    COLUMNS.map(([, pick]) => {
      const value = pick(call);
      return value === undefined ? '' : typeof value === 'string' ? textCell(value) : String(value);
    }).join(','),
  );
  return `${[COLUMNS.map(([name]) => name).join(','), ...lines].join('\n')}\n`;
}

/** analyst-metrics.json: the totals and every call. */
export function metricsJson(calls: readonly AnalystCall[]): string {
  return `${JSON.stringify({ version: 1, totals: totalCalls(calls), calls }, null, 2)}\n`;
}

/** The calls of a run, with those of an earlier one (as `metricsJson` wrote them) for what came from the store: what it once took is not forgotten. */
export function withEarlierCalls(calls: readonly AnalystCall[], earlier: string | undefined): AnalystCall[] {
  const before = earlierCalls(earlier);
  const keyOf = ({ incident, persona, provider, model }: AnalystCall): string =>
    JSON.stringify([incident, persona, provider, model]);
  const known = new Map(before.map((call) => [keyOf(call), call]));
  const now = new Set(calls.map(keyOf));
  return [
    ...calls.map((call) => (call.outcome === 'stored' ? (known.get(keyOf(call)) ?? call) : call)),
    ...before.filter((call) => !now.has(keyOf(call))),
  ];
}

/** Those of a text that are calls; none of a text that is no such file. */
function earlierCalls(text: string | undefined): AnalystCall[] {
  try {
    const value: unknown = JSON.parse(text ?? '');
    if (typeof value !== 'object' || value === null || !('calls' in value) || !Array.isArray(value.calls)) return [];
    return (value.calls as unknown[]).filter(isCall).slice(0, MAX_CALLS);
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

const MAX_CALLS = 100_000;

function isCall(value: unknown): value is AnalystCall {
  if (typeof value !== 'object' || value === null) return false;
  const { incident, persona, provider, model, outcome, estimatedPromptTokens, attempts } =
    value as Partial<AnalystCall>;
  return (
    [incident, persona, provider, model].every((text) => typeof text === 'string') &&
    ANALYST_OUTCOMES.some((known) => known === outcome) &&
    typeof estimatedPromptTokens === 'number' &&
    typeof attempts === 'number'
  );
}

/** Text measures of everything that was kept of an answer. */
export function textOf(claims: readonly { readonly text: string }[]): TextMeasures {
  return measureText(claims.map(({ text }) => text).join('\n'));
}

function round(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Number(value.toFixed(3));
}
