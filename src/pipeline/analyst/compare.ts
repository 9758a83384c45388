import type { LanguageModel, Persona } from '../../analyst/index.ts';
import { Pseudonyms } from '../../analyst/index.ts';
import type { LanguageBudgetOptions } from '../../io/index.ts';
import type { ModelScore } from '../../report/index.ts';
import { type AskedQuestion, askAbout } from './ask.ts';
import { incidentContext } from './context.ts';
import type { AnalystFixture } from './fixture.ts';
import { totalCalls } from './metrics.ts';

export interface ScoreModelOptions {
  readonly maxOutputTokens?: number | undefined;
  readonly concurrency?: number | undefined;
  readonly budget?: LanguageBudgetOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onOpinion?: (question: AskedQuestion, done: number, all: number) => void;
}

/** Puts the fixtures to a model as one persona, and holds what it says against the truth. Nothing is remembered: times count. */
export async function scoreModel(
  fixtures: readonly AnalystFixture[],
  model: LanguageModel,
  persona: Persona,
  options: ScoreModelOptions = {},
): Promise<ModelScore> {
  const results = new Map(fixtures.map(({ incident, result }) => [incident.id, result]));
  const asked = await askAbout(
    fixtures.map(({ incident }) => incident),
    {
      model,
      personas: [persona],
      contextOf: (incident) => {
        const result = results.get(incident.id);
        return result === undefined ? {} : incidentContext(result, incident);
      },
      pseudonyms: new Pseudonyms('none', ''),
      ...options,
    },
  );
  return scoreOf(fixtures, asked, model.model, `${persona.id}/${persona.version}`);
}

/**
 * An attack is assessed rightly as malicious or suspicious, ordinary traffic as benign or unsure. What got no verdict is not right.
 * @param asked one entry a fixture, in their order
 */
export function scoreOf(
  fixtures: readonly AnalystFixture[],
  asked: readonly AskedQuestion[],
  model: string,
  template: string,
): ModelScore {
  let assessed = 0;
  let named = 0;
  let attacks = 0;
  for (const [i, { truth }] of fixtures.entries()) {
    const verdict = asked[i]?.opinion.verdict;
    const isAttack = truth.label !== 'benign';
    if (isAttack) attacks++;
    if (verdict === undefined) continue;
    const isAccused = verdict.assessment === 'malicious' || verdict.assessment === 'suspicious';
    if (isAccused === isAttack) assessed++;
    if (isAttack && truth.hypotheses.includes(verdict.hypothesis)) named++;
  }
  const calls = asked.map(({ call }) => call);
  const totals = totalCalls(calls);
  const { answer = 0, stored = 0, ...failures } = totals.outcomes;
  const answered = answer + stored;
  const claims = totals.claimsKept + totals.claimsDropped;
  return {
    model,
    template,
    incidents: fixtures.length,
    answered,
    assessmentRight: fixtures.length === 0 ? 0 : assessed / fixtures.length,
    hypothesisRight: attacks === 0 ? 0 : named / attacks,
    ...(claims === 0 ? {} : { claimsKept: totals.claimsKept / claims }),
    ...(totals.schemaValidRate === undefined ? {} : { schemaValid: totals.schemaValidRate }),
    ...(totals.meanDurationMs === undefined ? {} : { meanDurationMs: totals.meanDurationMs }),
    ...(totals.meanFirstTokenMs === undefined ? {} : { meanFirstTokenMs: totals.meanFirstTokenMs }),
    ...(totals.tokensPerSecond === undefined ? {} : { tokensPerSecond: totals.tokensPerSecond }),
    ...(totals.promptTokens === undefined ? {} : { promptTokens: totals.promptTokens }),
    ...(totals.completionTokens === undefined ? {} : { completionTokens: totals.completionTokens }),
    ...(totals.cost === undefined ? {} : { cost: totals.cost }),
    ...(answered === 0 ? {} : { wordsPerAnswer: totals.words / answered }),
    failures: Object.entries(failures).map(([outcome, n]) => `${outcome} ${n}`),
  };
}
