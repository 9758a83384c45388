import { describe, expect, it } from 'vitest';
import { detection, EXAMPLES, flow, incidentOf } from '../../test/support/detection.ts';
import { codeWord, doubleModel, type Reply } from '../../test/support/language-model.ts';
import { askOpinion, comparePersonas, createLanguageAnalyst, disagreementsOf } from './language-analyst.ts';
import type { LanguageRequest } from './language-model.ts';
import { builtInPersonas, personaById } from './persona.ts';
import { languageQuestion } from './prompt.ts';
import { Pseudonyms } from './redaction.ts';
import { judgeByRules } from './rules.ts';

const scan = incidentOf(EXAMPLES['scan.horizontal']);
const persona = personaById('analyst');
const TRUE = { text: '192.168.10.23 scanned 212 hosts on port 445.', cites: ['d1', 'm1'] };
const WRONG = { text: '192.168.10.23 infected 213 hosts.', cites: ['d1'] };

function answer(request: LanguageRequest, more: Record<string, unknown> = {}): Reply {
  return {
    integrity: codeWord(request),
    assessment: 'malicious',
    hypothesis: 'port scan',
    techniques: ['T1046', 'T1071'],
    confidence: 0.876,
    action: 'investigate',
    whatHappened: [TRUE],
    whyItMatters: [{ text: 'It may look for a way to other machines.', cites: ['d1'] }],
    whatToDoFirst: [{ text: 'Find out who uses 192.168.10.23.', cites: ['d1'] }],
    whatToDoNext: [],
    whatWouldMakeItInnocent: [{ text: 'A scanner that you run yourself does this.', cites: ['c1'] }],
    questions: ['Does a scanner run on 192.168.10.23?'],
    ...more,
  };
}

describe('the question', () => {
  const question = languageQuestion(scan, { persona });

  it('begins with the code word, and has a canary that the facts have not', () => {
    expect(question.system.startsWith(`The code word is ${question.integrity}.`)).toBe(true);
    expect(question.system).toContain(`Never write ${question.canary}.`);
    expect(question.text).not.toContain(question.canary);
    expect(question.text).toContain('m1 It tried 212 different hosts');
    expect(question.estimatedInputTokens).toBeLessThan(4000);
  });

  it('is the same for the same incident, and another for another', () => {
    expect(languageQuestion(scan, { persona })).toEqual(question);
    const other = languageQuestion(incidentOf(EXAMPLES['beacon.interval']), { persona });
    expect(other.canary).not.toBe(question.canary);
  });

  it('asks for the sections of its persona', () => {
    const text = JSON.stringify(languageQuestion(scan, { persona: personaById('risk-assessor') }).schema);
    expect(text).toContain('"business-impact"');
    expect(JSON.stringify(question.schema)).not.toContain('"sections"');
  });
});

describe('an opinion', () => {
  it('is what passed the check, beside the verdict of the rules', async () => {
    const model = doubleModel([(request) => answer(request)]);
    const verdict = await createLanguageAnalyst({ model }).judge(scan);
    const { opinions = [], ...rules } = verdict;
    expect(rules).toEqual(judgeByRules(scan));
    expect(opinions).toHaveLength(1);
    const [opinion] = opinions;
    expect(opinion).toMatchObject({
      by: 'double:1b',
      persona: 'analyst/1',
      outcome: 'answer',
      claimsKept: 5,
      claimsDropped: 0,
      schemaValid: true,
      asked: 1,
      disagreements: [],
      usage: { attempts: 1, promptTokens: 900 },
    });
    expect(opinion?.verdict?.by).toBe('double:1b');
    expect(opinion?.verdict?.techniques).toEqual(['T1046']);
    expect(opinion?.context.map(({ id }) => id)).toEqual(['c1']);
    expect(model.requests[0]).toMatchObject({ temperature: 0, maxOutputTokens: 3000 });
  });

  it('is asked for once more with what was wrong, and what still is wrong is left out and counted', async () => {
    const model = doubleModel([(request) => answer(request, { whatHappened: [TRUE, WRONG] })]);
    const opinion = await askOpinion(scan, { model, persona });
    expect(model.requests).toHaveLength(2);
    expect(model.requests[1]?.messages.at(-1)?.text).toContain(
      "- whatHappened[1]: '213' is a number that the cited evidence does not show.",
    );
    expect(opinion).toMatchObject({ outcome: 'answer', asked: 2, claimsKept: 5, claimsDropped: 1 });
    expect(opinion.problems).toEqual({ 'claim.number': 1, 'claim.verb': 1, 'claim.count': 1 });
    expect(opinion.verdict?.whatHappened).toEqual([TRUE]);
  });

  it('that was put right the second time is whole', async () => {
    const model = doubleModel([(request) => answer(request, { whatHappened: [WRONG] }), (request) => answer(request)]);
    expect(await askOpinion(scan, { model, persona })).toMatchObject({ asked: 2, claimsDropped: 0, claimsKept: 5 });
  });

  it('shows where it differs, and changes neither the severity nor the verdict', async () => {
    const model = doubleModel([(request) => answer(request, { assessment: 'benign', action: 'allow' })]);
    const verdict = await createLanguageAnalyst({ model }).judge(scan);
    expect(verdict.assessment).toBe('malicious');
    expect(verdict.opinions?.[0]?.disagreements).toEqual([
      'The model calls it benign, the rules call it malicious.',
      'The model advises to allow, the rules to investigate.',
    ]);
    expect(disagreementsOf(verdict, { ...verdict, hypothesis: 'theft of data' })).toEqual([
      'To the model it looks like theft of data, to the rules like port scan.',
    ]);
  });
});

describe('what a model does wrong is an outcome', () => {
  it.each([
    ['truncated', (request: LanguageRequest) => answer(request, { integrity: 'unknown' })],
    [
      'leaked',
      (request: LanguageRequest) => answer(request, { questions: [/Never write (\w+)/.exec(request.system)?.[1]] }),
    ],
    ['invalid', () => 'I am sorry.'],
    ['unsupported', (request: LanguageRequest) => answer(request, { whatHappened: [WRONG] })],
    ['timeout', () => ({ kind: 'timeout' as const, message: 'It took too long.' })],
  ])('%s', async (outcome, reply) => {
    const opinion = await askOpinion(scan, { model: doubleModel([reply]), persona });
    expect(opinion.outcome).toBe(outcome);
    expect(opinion.verdict).toBeUndefined();
    expect(opinion.message).toMatch(/\.$/);
  });

  it('a failure of the second question leaves what the first one gave', async () => {
    const model = doubleModel([
      (request) => answer(request, { whatHappened: [TRUE, WRONG] }),
      () => ({ kind: 'unreachable', message: 'Gone.' }),
    ]);
    expect(await askOpinion(scan, { model, persona })).toMatchObject({ outcome: 'answer', claimsDropped: 1, asked: 2 });
  });
});

describe('pseudonyms', () => {
  it('are all that a model elsewhere sees, and addresses again in what it wrote', async () => {
    const model = doubleModel(
      [
        (request) => {
          const name = /Actor: (HOST-\w+)/.exec(request.messages[0]?.text ?? '')?.[1] ?? '';
          return answer(request, {
            whatHappened: [
              { text: `${name} scanned 212 hosts.`, cites: ['d1'] },
              { text: `${name} infected 9 hosts.`, cites: ['d1'] },
            ],
            whatToDoFirst: [],
            questions: [],
          });
        },
      ],
      'remote',
    );
    const { opinions = [] } = await createLanguageAnalyst({ model }).judge(scan);
    expect(opinions[0]?.verdict?.whatHappened[0]?.text).toBe('192.168.10.23 scanned 212 hosts.');
    const sent = JSON.stringify(model.requests);
    expect(model.requests).toHaveLength(2);
    expect(sent).not.toMatch(/\d+\.\d+\.\d+\.\d+/);
  });

  it('of names turn back into references', async () => {
    const incident = incidentOf(
      detection('beacon.interval', {
        flows: [flow(1, '192.168.1.10', '192.168.1.20', 443, { serverName: 'a.example' })],
      }),
    );
    const pseudonyms = new Pseudonyms('all', 'k');
    const model = doubleModel([
      (request) => {
        const name = /NAME-\w+/.exec(request.messages[0]?.text ?? '')?.[0] ?? '';
        return answer(request, {
          hypothesis: 'regular service traffic',
          whatHappened: [{ text: `It asked for ${name}.`, cites: ['f1'] }],
          whatToDoFirst: [],
          questions: [],
        });
      },
    ]);
    const opinion = await askOpinion(incident, { model, persona, pseudonyms });
    expect(opinion.verdict?.whatHappened[0]?.text).toBe('It asked for {{sni:1}}.');
  });
});

describe('several personas', () => {
  it('run side by side, and a comparison shows where they agree', async () => {
    let n = 0;
    const model = doubleModel([
      (request) => {
        n++;
        return n === 3
          ? { kind: 'timeout', message: 'It took too long.' }
          : answer(request, {
              action: n === 2 ? 'block' : 'investigate',
              sections: {
                'attack-path': [TRUE],
                indicators: [],
                'severity-reasons': [],
                mitigation: [],
                forensics: [],
              },
            });
      },
    ]);
    const [first, second] = builtInPersonas();
    const verdict = await createLanguageAnalyst({ model, personas: [first!, second!, first!] }).judge(scan);
    const comparison = comparePersonas(verdict.opinions ?? []);
    expect(comparison).toMatchObject({
      answered: 2,
      failed: 1,
      assessment: 'malicious',
      hypothesis: 'port scan',
      techniques: ['T1046'],
    });
    expect(comparison.action).toBeUndefined();
    expect(comparison.agreement).toBeCloseTo(2 / 3);
    expect(comparison.sharedEvidence).toEqual(['d1', 'm1', 'c1']);
    expect(comparison.answers.map(({ persona: id, outcome }) => `${id} ${outcome}`)).toEqual([
      'analyst/1 answer',
      'technical-expert/1 answer',
      'analyst/1 timeout',
    ]);
    expect(verdict.opinions?.[1]?.verdict?.sections[1]).toEqual({ id: 'attack-path', claims: [TRUE] });
  });
});
