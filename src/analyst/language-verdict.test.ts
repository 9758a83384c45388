import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXAMPLES, incidentOf } from '../../test/support/detection.ts';
import {
  ANSWER_SECTIONS,
  answerSchema,
  FIVE_PART_ANALYSIS,
  fivePartAnalysisOf,
  MAX_CLAIMS,
  readAnswer,
  SESSION_VERDICT,
  sessionVerdictOf,
  techniquesOf,
} from './language-verdict.ts';
import { judgeByRules } from './rules.ts';

const claim = { text: 'It tried 212 hosts.', cites: ['d1'] };
const ANSWER = {
  integrity: 'amber-1',
  assessment: 'malicious',
  hypothesis: 'port scan',
  techniques: ['T1046'],
  confidence: 0.9,
  action: 'investigate',
  whatHappened: [claim],
  whyItMatters: [claim],
  whatToDoFirst: [claim],
  whatToDoNext: [],
  whatWouldMakeItInnocent: [claim],
  questions: ['Does a scanner run there?'],
};

describe('the schema of an answer', () => {
  it('has no pattern and no lengths, allows nothing further, and asks for the integrity word first', () => {
    const text = JSON.stringify(answerSchema(['impact']));
    expect(text).not.toMatch(/"(?:pattern|minLength|maxLength|format|\$ref)"/);
    const schema = answerSchema(['impact']) as {
      properties: object;
      required: string[];
      additionalProperties: boolean;
    };
    expect(Object.keys(schema.properties)[0]).toBe('integrity');
    expect(schema.required).toEqual(Object.keys(schema.properties));
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties).at(-1)).toBe('sections');
  });
});

describe('an answer', () => {
  it('is read from within a fence and talk', () => {
    const read = readAnswer(`Sure!\n\`\`\`json\n${JSON.stringify(ANSWER)}\n\`\`\``);
    expect(read).toEqual({ kind: 'answer', answer: { ...ANSWER, sections: {} } });
  });

  it.each([
    ['no object', 'benign', 'The answer holds no JSON object.'],
    ['no JSON', '{"integrity": }', 'The answer is not valid JSON.'],
    ['too long', `{"a":"${'x'.repeat(50_000)}"}`, 'The answer is too long.'],
    ['another list', JSON.stringify({ ...ANSWER, assessment: 'fine' }), 'assessment: none of the list.'],
    ['a missing member', JSON.stringify({ ...ANSWER, action: undefined }), 'action: none of the list.'],
    [
      'a text for claims',
      JSON.stringify({ ...ANSWER, whatHappened: 'x' }),
      'whatHappened: missing, or of the wrong type.',
    ],
    ['confidence beyond 1', JSON.stringify({ ...ANSWER, confidence: 90 }), 'confidence: must be a number from 0 to 1.'],
  ])('with %s is told as such', (_name, text, problem) => {
    expect(readAnswer(text)).toEqual({ kind: 'invalid', problems: [problem] });
  });

  it('loses claims beyond the most, those that are too long, and citations told twice', () => {
    const many = Array.from({ length: 20 }, () => ({ text: 'a', cites: ['d1', 'd1'] }));
    const read = readAnswer(
      JSON.stringify({ ...ANSWER, whatHappened: many, whyItMatters: [{ text: 'x'.repeat(601), cites: [] }] }),
    );
    if (read.kind !== 'answer') throw new Error('not read');
    expect(read.answer.whatHappened).toHaveLength(MAX_CLAIMS);
    expect(read.answer.whatHappened[0]).toEqual({ text: 'a', cites: ['d1'] });
    expect(read.answer.whyItMatters).toEqual([]);
  });

  it('of any bytes or cut anywhere never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (noise) => void readAnswer(`{${noise}}`, ['a'])));
    const text = JSON.stringify(ANSWER);
    for (let i = 0; i < text.length; i++) expect(readAnswer(text.slice(0, i)).kind).toBe('invalid');
  });

  it('keeps of its techniques those that fit hypothesis and facts', () => {
    const scan = incidentOf(EXAMPLES['scan.horizontal']);
    expect(techniquesOf(scan, 'port scan', ['T1046', 'T1046', 'T1595', 'T1071'])).toEqual(['T1046']);
    expect(techniquesOf(scan, 'theft of data', ['T1046'])).toEqual([]);
  });
});

describe('shapes of older tools', () => {
  const scan = incidentOf(EXAMPLES['scan.horizontal']);
  const verdict = judgeByRules(scan);

  it('have every verdict in short', () => {
    const short = sessionVerdictOf(verdict);
    expect(SESSION_VERDICT.parse(short)).toEqual(short);
    expect([short.status, short.threat_type]).toEqual(['SUSPICIOUS', 'Port Scan']);
    expect(sessionVerdictOf({ ...verdict, assessment: 'unsure', hypothesis: 'unusual traffic' })).toMatchObject({
      status: 'NORMAL',
      threat_type: 'Unknown Anomaly',
    });
  });

  it('have it in five parts, with the risk that code decided', () => {
    const parts = fivePartAnalysisOf(scan, verdict);
    expect(FIVE_PART_ANALYSIS.parse(parts)).toEqual(parts);
    expect(parts).toMatchObject({ risk_level: 'High', recommendation: 'investigate', traffic_volume: { flows: 212 } });
    expect(ANSWER_SECTIONS).toContain('whatToDoNext');
  });
});
