import { expect, test } from 'vitest';
import { honestAnswer } from '../../../test/support/honest-answer.ts';
import { hostileResult, NASTY } from '../../../test/support/hostile.ts';
import { builtInPersonas, Pseudonyms } from '../../analyst/index.ts';
import { incidentsDocument, renderHtml, renderJson } from '../../report/index.ts';
import { askAbout, withOpinions } from './ask.ts';
import { storedResult } from './stored-result.ts';

test('what was read back from incidents.json is written as the same file again', () => {
  for (const nasty of ['plain', ...NASTY]) {
    const text = renderJson(hostileResult(nasty));
    const result = storedResult(incidentsDocument.parse(JSON.parse(text)));
    expect(renderJson(result)).toBe(text);
    expect(renderHtml(result)).toContain('<html');
  }
});

test('what rules of feedback hid is read back, with and without their days', () => {
  const result = hostileResult('plain');
  const outcome = { meaning: 'port scan of 10.0.0.1', hidden: 2, incidents: 1, changed: 0, expired: 0 };
  const feedback = {
    hidden: 2,
    hiddenIncidents: 1,
    rules: [
      { rule: 's1', ...outcome, createdMs: Date.UTC(2026, 4, 1), expiresMs: Date.UTC(2026, 5, 1), reason: 'ours' },
      { rule: 's2', ...outcome },
    ],
    reliability: [],
  };
  const text = renderJson({ ...result, run: { ...result.run, feedback } });
  const read = storedResult(incidentsDocument.parse(JSON.parse(text)));
  expect(read.run.feedback).toEqual(feedback);
  expect(renderJson(read)).toBe(text);
});

test('what models think is read back too, failures and references to text from the network among it', async () => {
  const result = hostileResult('evil.example');
  const [persona] = builtInPersonas();
  if (persona === undefined) throw new Error('there are no personas');
  const ask = (answers: boolean) =>
    askAbout(result.incidents, {
      model: {
        provider: 'ollama',
        model: answers ? 'good' : 'bad',
        place: 'machine',
        answer: async ({ system, messages }) => {
          const usage = { durationMs: 5, attempts: 1, promptTokens: 10 };
          return answers
            ? { kind: 'answer', text: JSON.stringify(honestAnswer(system, messages[0]?.text ?? '')), usage }
            : { kind: 'timeout', message: 'silent', hint: 'wait', usage };
        },
      },
      personas: [persona],
      contextOf: () => ({}),
      pseudonyms: new Pseudonyms('none', ''),
    });
  const told = withOpinions(withOpinions(result.incidents, await ask(true)), await ask(false));
  const text = renderJson({ ...result, incidents: told });
  const again = storedResult(incidentsDocument.parse(JSON.parse(text)));
  expect(again.incidents[0]?.verdict.opinions?.map(({ by }) => by)).toEqual(['good', 'bad']);
  expect(renderJson(again)).toBe(text);
});
