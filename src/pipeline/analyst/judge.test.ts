import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { EXAMPLES, incidentsOf } from '../../../test/support/detection.ts';
import {
  type JudgedIncident,
  judgeByRules,
  type LanguageModel,
  type LanguageOutcome,
  type LanguageRequest,
} from '../../analyst/index.ts';
import { AnswerStore } from './answer-store.ts';
import { judgeIncidents, type LanguageRunOptions, type Questioner } from './judge.ts';

const INCIDENTS: JudgedIncident[] = incidentsOf(
  EXAMPLES['scan.horizontal'],
  EXAMPLES['beacon.interval'],
  EXAMPLES['scan.arp'],
).map((incident) => ({ ...incident, verdict: judgeByRules(incident) }));
const USAGE = { durationMs: 10, attempts: 1, promptTokens: 100, completionTokens: 50 };

class Double implements LanguageModel {
  readonly provider = 'ollama';
  readonly model = 'double';
  readonly place = 'machine';
  readonly asked: string[] = [];
  active = 0;
  mostActive = 0;
  readonly #answer: (request: LanguageRequest) => LanguageOutcome | Promise<LanguageOutcome>;

  constructor(answer: (request: LanguageRequest) => LanguageOutcome | Promise<LanguageOutcome>) {
    this.#answer = answer;
  }

  async answer(request: LanguageRequest): Promise<LanguageOutcome> {
    this.asked.push(request.messages[0]?.text ?? '');
    this.mostActive = Math.max(this.mostActive, ++this.active);
    await new Promise((resolve) => setImmediate(resolve));
    this.active--;
    return this.#answer(request);
  }
}

/** Asks with a text of the incident's id, and takes any answer but 'bad' for a verdict. */
function questioner(persona: string, promptOf = (incident: JudgedIncident): string => incident.id): Questioner {
  return {
    persona,
    estimate: () => 100,
    async judge(incident, model, signal) {
      const outcome = await model.answer(
        {
          system: persona,
          messages: [{ role: 'user', text: promptOf(incident) }],
          schema: {},
          maxOutputTokens: 100,
          estimatedInputTokens: 100,
        },
        signal,
      );
      if (outcome.kind !== 'answer') return { kind: outcome.kind, message: outcome.message };
      if (outcome.text === 'bad') return { kind: 'invalid', message: 'no form', schemaValid: false };
      return {
        kind: 'verdict',
        verdict: {
          ...judgeByRules(incident),
          by: 'double',
          techniques: [],
          whatToDoNext: [],
          questions: [],
          sections: [],
        },
        claimsKept: 3,
        claimsDropped: 1,
        schemaValid: true,
      };
    },
  };
}

const good = (): Double => new Double(() => ({ kind: 'answer', text: 'good', usage: USAGE }));

function run(model: LanguageModel, options: Partial<LanguageRunOptions> = {}) {
  return judgeIncidents(INCIDENTS, { model, questioners: [questioner('one')], ...options });
}

test('the most urgent incident is asked about first, and the results come in the order of the incidents', async () => {
  const model = good();
  const reversed = INCIDENTS.toReversed();
  const judged = await judgeIncidents(reversed, { model, questioners: [questioner('one')], concurrency: 1 });
  expect(model.asked).toEqual(INCIDENTS.map(({ id }) => id));
  expect(judged.map(({ incident }) => incident)).toEqual(reversed.map(({ id }) => id));
});

test('no more questions are under way than allowed, and every persona is asked', async () => {
  const model = good();
  const judged = await run(model, { questioners: [questioner('one'), questioner('two')], concurrency: 2 });
  expect(model.mostActive).toBe(2);
  expect(judged.map(({ persona, incident }) => `${persona} ${incident}`)).toEqual(
    INCIDENTS.flatMap(({ id }) => [`one ${id}`, `two ${id}`]),
  );
});

test('what was answered is not asked again, unless that is wanted', async () => {
  const store = new AnswerStore(temporaryFolder());
  const model = good();
  expect((await run(model, { store })).map(({ call }) => call.outcome)).toEqual(['answer', 'answer', 'answer']);
  const second = await run(model, { store });
  expect(second.map(({ call }) => [call.outcome, call.attempts, call.durationMs])).toEqual(
    Array.from({ length: 3 }, () => ['stored', 0, undefined]),
  );
  expect(second.every(({ judgement }) => judgement.kind === 'verdict')).toBe(true);
  expect(model.asked).toHaveLength(3);
  await run(model, { store, again: true });
  expect(model.asked).toHaveLength(6);
});

test('failures and answers without form are not stored, and are asked again', async () => {
  const store = new AnswerStore(temporaryFolder());
  const bad = new Double((request) =>
    request.messages[0]?.text === INCIDENTS[0]?.id
      ? { kind: 'answer', text: 'bad', usage: USAGE }
      : { kind: 'timeout', message: 'silent', usage: { durationMs: 5, attempts: 2 } },
  );
  expect((await run(bad, { store })).map(({ call }) => call.outcome)).toEqual(['invalid', 'timeout', 'timeout']);
  const model = good();
  expect((await run(model, { store })).map(({ call }) => call.outcome)).toEqual(['answer', 'answer', 'answer']);
});

test('a run that is stopped keeps what was answered, and the next one asks for the rest', async () => {
  const store = new AnswerStore(temporaryFolder());
  const abort = new AbortController();
  const model = good();
  const judged = await run(model, {
    store,
    concurrency: 1,
    signal: abort.signal,
    onJudged: () => abort.abort(),
  });
  expect(judged.map(({ call }) => call.outcome)).toEqual(['answer', 'cancelled', 'cancelled']);
  expect(judged[1]?.judgement).toEqual({ kind: 'cancelled', message: 'the run was stopped before it was asked' });
  const rest = await run(model, { store });
  expect(rest.map(({ call }) => call.outcome)).toEqual(['stored', 'answer', 'answer']);
});

test('incidents about which the same would be asked are asked about once', async () => {
  const model = good();
  const judged = await run(model, { questioners: [questioner('one', () => 'the same')], concurrency: 3 });
  expect(model.asked).toEqual(['the same']);
  expect(judged.every(({ judgement }) => judgement.kind === 'verdict')).toBe(true);
  expect(judged.map(({ call }) => call.promptTokens).filter((tokens) => tokens !== undefined)).toEqual([100]);
});

test('a budget of tokens stops questions before they are asked, and counts what answers really took', async () => {
  const model = good();
  const judged = await run(model, { concurrency: 1, budget: { tokens: 350 } });
  expect(judged.map(({ call }) => call.outcome)).toEqual(['answer', 'answer', 'budget']);
  expect(judged[2]?.judgement).toMatchObject({
    message: 'the next call may take 200 tokens, and of the budget of 350 tokens 300 are spent',
  });
  expect(model.asked).toHaveLength(2);
});

test('a budget of money bounds by the prices, and every call says what it cost', async () => {
  const judged = await run(good(), {
    concurrency: 1,
    budget: { money: 0.45, inputPrice: 1000, outputPrice: 2000 },
  });
  expect(judged.map(({ call }) => [call.outcome, call.cost])).toEqual([
    ['answer', 0.2],
    ['budget', undefined],
    ['budget', undefined],
  ]);
});

test('a key that the server does not take ends the run: the others are not asked', async () => {
  const model = new Double(() => ({
    kind: 'unauthorized',
    message: 'wrong key',
    usage: { durationMs: 1, attempts: 1 },
  }));
  const judged = await run(model);
  expect(model.asked).toHaveLength(1);
  expect(judged.map(({ judgement }) => judgement)).toEqual(
    Array.from({ length: 3 }, () => ({ kind: 'unauthorized', message: 'wrong key' })),
  );
});
