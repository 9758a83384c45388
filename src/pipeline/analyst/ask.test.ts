import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { EXAMPLES, incidentsOf } from '../../../test/support/detection.ts';
import { honestAnswer } from '../../../test/support/honest-answer.ts';
import {
  builtInPersonas,
  type JudgedIncident,
  judgeByRules,
  type LanguageModel,
  type LanguageOutcome,
  type LanguageRequest,
  Pseudonyms,
} from '../../analyst/index.ts';
import { AnswerStore } from './answer-store.ts';
import { askAbout, type LanguageRunOptions, withOpinions } from './ask.ts';

const INCIDENTS: JudgedIncident[] = incidentsOf(
  EXAMPLES['scan.horizontal'],
  EXAMPLES['beacon.interval'],
  EXAMPLES['scan.arp'],
).map((incident) => ({ ...incident, verdict: judgeByRules(incident) }));
const USAGE = { durationMs: 10, attempts: 1, promptTokens: 100, completionTokens: 50, tokensPerSecond: 25 };
const [PLAIN, TECHNICAL] = builtInPersonas();
if (PLAIN === undefined || TECHNICAL === undefined) throw new Error('personas are missing');

class Double implements LanguageModel {
  readonly provider = 'ollama';
  readonly model = 'double';
  readonly place = 'machine';
  readonly asked: string[] = [];
  active = 0;
  mostActive = 0;
  readonly #answer: (request: LanguageRequest) => LanguageOutcome;

  constructor(answer: (request: LanguageRequest) => LanguageOutcome = honest) {
    this.#answer = answer;
  }

  async answer(request: LanguageRequest): Promise<LanguageOutcome> {
    this.asked.push(/^Incident (\S+);/m.exec(request.messages[0]?.text ?? '')?.[1] ?? '');
    this.mostActive = Math.max(this.mostActive, ++this.active);
    await new Promise((resolve) => setImmediate(resolve));
    this.active--;
    return this.#answer(request);
  }
}

function honest({ system, messages }: LanguageRequest): LanguageOutcome {
  return { kind: 'answer', text: JSON.stringify(honestAnswer(system, messages[0]?.text ?? '')), usage: USAGE };
}

function run(model: LanguageModel, options: Partial<LanguageRunOptions> = {}) {
  return askAbout(INCIDENTS, {
    model,
    personas: [PLAIN as NonNullable<typeof PLAIN>],
    contextOf: () => ({}),
    pseudonyms: new Pseudonyms('none', ''),
    ...options,
  });
}

const outcomes = (asked: Awaited<ReturnType<typeof run>>): string[] => asked.map(({ call }) => call.outcome);

test('the most urgent incident is asked about first, and the results come in the order of the incidents', async () => {
  const model = new Double();
  const asked = await askAbout(INCIDENTS.toReversed(), {
    model,
    personas: [PLAIN],
    contextOf: () => ({}),
    pseudonyms: new Pseudonyms('none', ''),
  });
  expect(model.asked).toEqual(INCIDENTS.map(({ kind }) => kind));
  expect(asked.map(({ incident }) => incident)).toEqual(INCIDENTS.toReversed().map(({ id }) => id));
  expect(outcomes(asked)).toEqual(['answer', 'answer', 'answer']);
});

test('no more questions are under way than allowed, and every persona is asked', async () => {
  const model = new Double();
  const asked = await run(model, { personas: [PLAIN, TECHNICAL], concurrency: 2 });
  expect(model.mostActive).toBe(2);
  expect(asked.map(({ opinion, incident }) => `${opinion.persona} ${incident}`)).toEqual(
    INCIDENTS.flatMap(({ id }) => [`analyst/1 ${id}`, `technical-expert/1 ${id}`]),
  );
});

test('a call is measured: tokens, times, claims, words and whether the form was right', async () => {
  const [first] = await run(new Double(), { budget: { inputPrice: 1000, outputPrice: 2000 } });
  expect(first?.call).toMatchObject({
    outcome: 'answer',
    persona: 'analyst/1',
    provider: 'ollama',
    model: 'double',
    promptTokens: 100,
    completionTokens: 50,
    tokensPerSecond: 25,
    durationMs: 10,
    attempts: 1,
    schemaValid: true,
    claimsDropped: 0,
    cost: 0.2,
  });
  expect(first?.call.claimsKept).toBeGreaterThan(3);
  expect(first?.call.text?.words).toBeGreaterThan(20);
  expect(first?.call.estimatedPromptTokens).toBeGreaterThan(500);
});

test('what was answered is not asked again, unless that is wanted', async () => {
  const store = new AnswerStore(temporaryFolder());
  const model = new Double();
  const first = await run(model, { store });
  const second = await run(model, { store });
  expect(second.map(({ call }) => [call.outcome, call.attempts, call.durationMs])).toEqual(
    Array.from({ length: 3 }, () => ['stored', 0, undefined]),
  );
  expect(second.map(({ opinion }) => opinion.verdict)).toEqual(first.map(({ opinion }) => opinion.verdict));
  expect(model.asked).toHaveLength(3);
  await run(model, { store, again: true });
  expect(model.asked).toHaveLength(6);
});

test('failures and answers without form are not stored, and are asked again', async () => {
  const store = new AnswerStore(temporaryFolder());
  const bad = new Double((request) =>
    request.messages[0]?.text.includes('scan.horizontal') === true
      ? { kind: 'answer', text: 'bad', usage: USAGE }
      : { kind: 'timeout', message: 'silent', usage: { durationMs: 5, attempts: 2 } },
  );
  expect(outcomes(await run(bad, { store })).toSorted()).toEqual(['invalid', 'timeout', 'timeout']);
  expect(outcomes(await run(new Double(), { store }))).toEqual(['answer', 'answer', 'answer']);
});

test('a run that is stopped keeps what was answered, and the next one asks for the rest', async () => {
  const store = new AnswerStore(temporaryFolder());
  const abort = new AbortController();
  const model = new Double();
  const asked = await run(model, { store, signal: abort.signal, onOpinion: () => abort.abort() });
  expect(outcomes(asked)).toEqual(['answer', 'cancelled', 'cancelled']);
  expect(model.asked).toHaveLength(1);
  const rest = await run(model, { store });
  expect(outcomes(rest)).toEqual(['stored', 'answer', 'answer']);
});

test('incidents about which the same would be asked are asked about once', async () => {
  const [incident] = INCIDENTS;
  if (incident === undefined) throw new Error('no incident');
  const model = new Double();
  const asked = await askAbout([incident, incident], {
    model,
    personas: [PLAIN],
    contextOf: () => ({}),
    pseudonyms: new Pseudonyms('none', ''),
    concurrency: 2,
  });
  expect(model.asked).toHaveLength(1);
  expect(asked.map(({ opinion }) => opinion.outcome)).toEqual(['answer', 'answer']);
  expect(asked.map(({ call }) => call.promptTokens).filter((tokens) => tokens !== undefined)).toEqual([100]);
});

test('a budget of tokens stops questions before they are asked, and counts what answers really took', async () => {
  const model = new Double();
  const asked = await run(model, { maxOutputTokens: 100, budget: { tokens: 3500 } });
  expect(outcomes(asked).at(-1)).toBe('answer');
  const none = await run(model, { maxOutputTokens: 100, budget: { tokens: 50 } });
  expect(outcomes(none)).toEqual(['budget', 'budget', 'budget']);
  expect(none[0]?.opinion.hint).toBe('raise analyst.budget.tokens');
  expect(model.asked).toHaveLength(3);
});

test('a key that the server does not take ends the run: the others are not asked', async () => {
  const model = new Double(() => ({
    kind: 'unauthorized',
    message: 'wrong key',
    usage: { durationMs: 1, attempts: 1 },
  }));
  const asked = await run(model);
  expect(model.asked).toHaveLength(1);
  expect(asked.map(({ opinion }) => [opinion.outcome, opinion.message])).toEqual(
    Array.from({ length: 3 }, () => ['unauthorized', 'wrong key']),
  );
});

test('an opinion takes the place of an older one of the same model and persona; a failure does not take that of an answer', async () => {
  const good = await run(new Double());
  const failed = await run(new Double(() => ({ kind: 'timeout', message: 'silent', usage: USAGE })));
  const told = withOpinions(INCIDENTS, good);
  expect(told.map(({ verdict }) => verdict.opinions?.map(({ outcome }) => outcome))).toEqual(
    INCIDENTS.map(() => ['answer']),
  );
  expect(withOpinions(told, failed)).toEqual(told);
  const first = withOpinions(INCIDENTS, failed);
  expect(first[0]?.verdict.opinions?.[0]?.outcome).toBe('timeout');
  expect(withOpinions(first, good)).toEqual(told);
  const both = withOpinions(told, await run(new Double(), { personas: [TECHNICAL] }));
  expect(both[0]?.verdict.opinions?.map(({ persona }) => persona)).toEqual(['analyst/1', 'technical-expert/1']);
  for (const [i, incident] of told.entries())
    expect({ ...incident, verdict: { ...incident.verdict, opinions: undefined } }).toEqual({
      ...INCIDENTS[i],
      verdict: { ...INCIDENTS[i]?.verdict, opinions: undefined },
    });
});
