import * as z from 'zod';
import type { Json } from '../core/index.ts';
import type { Incident, Severity } from '../incident/index.ts';
import { HYPOTHESES } from './hypothesis.ts';
import { ACTIONS, type Action, ASSESSMENTS, type Assessment, type Claim, type Verdict } from './verdict.ts';

/**
 * What a language model must answer, its JSON Schema for the request, and how an answer is read. The schema has no `pattern` and no lengths: servers
 * turn it into a grammar, and some drop a grammar that they can't build without a word. What they leave unchecked is checked here.
 */
export interface LanguageVerdict extends Verdict {
  /** ATT&CK ids, of those of the incident. */
  readonly techniques: readonly string[];
  readonly whatToDoNext: readonly Claim[];
  /** For the owner of the hosts. */
  readonly questions: readonly string[];
  /** What the persona was asked for beyond that, in its order. */
  readonly sections: readonly VerdictSection[];
}

export interface VerdictSection {
  readonly id: string;
  readonly claims: readonly Claim[];
}

/** The lists of claims that every answer has. */
export const ANSWER_SECTIONS = [
  'whatHappened',
  'whyItMatters',
  'whatToDoFirst',
  'whatToDoNext',
  'whatWouldMakeItInnocent',
] as const;
export type AnswerSection = (typeof ANSWER_SECTIONS)[number];

/** Claims in a section, questions, and characters of a text at most; what is beyond is an answer that went wrong. */
export const MAX_CLAIMS = 8;
const MAX_TEXT = 600;
const MAX_CITES = 24;
/** Longer answers are not read. */
export const MAX_ANSWER_CHARACTERS = 40_000;

const HYPOTHESIS_NAMES = HYPOTHESES.map(({ name }) => name);

const claim = z.object({ text: z.string(), cites: z.array(z.string()) });
const claims = z.array(claim);

const BASE = {
  // First in the schema, as models write members in its order: what was cut off at the start of the prompt shows at once.
  integrity: z.string(),
  assessment: z.enum(ASSESSMENTS),
  hypothesis: z.enum(HYPOTHESIS_NAMES),
  techniques: z.array(z.string()),
  confidence: z.number(),
  action: z.enum(ACTIONS),
  whatHappened: claims,
  whyItMatters: claims,
  whatToDoFirst: claims,
  whatToDoNext: claims,
  whatWouldMakeItInnocent: claims,
  questions: z.array(z.string()),
};

/** What a model answered, as it stands: nothing in it is checked against the incident yet. */
export interface LanguageAnswer extends Readonly<Record<AnswerSection, readonly Claim[]>> {
  /** The code word from the first line of the prompt. */
  readonly integrity: string;
  readonly assessment: Assessment;
  readonly hypothesis: string;
  readonly techniques: readonly string[];
  readonly confidence: number;
  readonly action: Action;
  readonly questions: readonly string[];
  /** By the id of the section. */
  readonly sections: Readonly<Record<string, readonly Claim[]>>;
}

/** The zod schema of an answer with these further sections. */
function answerType(sections: readonly string[]) {
  return z.object({
    ...BASE,
    ...(sections.length === 0 ? {} : { sections: z.object(Object.fromEntries(sections.map((id) => [id, claims]))) }),
  });
}

/**
 * JSON Schema (draft 2020-12) of an answer, for `LanguageRequest.schema`.
 * @param sections ids of what a persona asks for beyond the usual
 */
export function answerSchema(sections: readonly string[] = []): Json {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(answerType(sections)) as { readonly [key: string]: Json };
  return schema;
}

export type ReadAnswer =
  | { readonly kind: 'answer'; readonly answer: LanguageAnswer }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

/** Reads what a model wrote: the outermost object of the text (models like to fence it), held to the schema, its texts to their lengths. */
export function readAnswer(text: string, sections: readonly string[] = []): ReadAnswer {
  const invalid = (...problems: string[]): ReadAnswer => ({ kind: 'invalid', problems });
  if (text.length > MAX_ANSWER_CHARACTERS) return invalid('The answer is too long.');
  const from = text.indexOf('{');
  const to = text.lastIndexOf('}');
  if (from < 0 || to < from) return invalid('The answer holds no JSON object.');
  let value: unknown;
  try {
    value = JSON.parse(text.slice(from, to + 1));
  } catch {
    return invalid('The answer is not valid JSON.');
  }
  const read = answerType(sections).safeParse(value);
  if (!read.success)
    return invalid(
      ...read.error.issues
        .slice(0, 8)
        .map(
          ({ path, code }) =>
            `${path.map(String).join('.') || 'the answer'}: ${ISSUES[code] ?? 'not as the schema says'}.`,
        ),
    );
  const { data } = read;
  if (!(data.confidence >= 0 && data.confidence <= 1)) return invalid('confidence: must be a number from 0 to 1.');
  const further = (data as { readonly sections?: Readonly<Record<string, readonly Claim[]>> }).sections ?? {};
  const cut = (list: readonly Claim[]): Claim[] =>
    list
      .slice(0, MAX_CLAIMS)
      .filter(({ text: words }) => words.length <= MAX_TEXT)
      .map(({ text: words, cites }) => ({ text: words.trim(), cites: [...new Set(cites)].slice(0, MAX_CITES) }));
  const lists = Object.fromEntries(ANSWER_SECTIONS.map((section) => [section, cut(data[section])])) as Record<
    AnswerSection,
    Claim[]
  >;
  return {
    kind: 'answer',
    answer: {
      ...data,
      ...lists,
      questions: data.questions.filter((question) => question.length <= MAX_TEXT).slice(0, MAX_CLAIMS),
      sections: Object.fromEntries(sections.map((id) => [id, cut(further[id] ?? [])])),
    },
  };
}

const ISSUES: Readonly<Record<string, string>> = {
  invalid_type: 'missing, or of the wrong type',
  invalid_value: 'none of the list',
};

/** Techniques that fit both the hypothesis and the facts of the incident. */
export function techniquesOf(incident: Incident, hypothesis: string, ids: readonly string[]): string[] {
  const fitting = HYPOTHESES.find(({ name }) => name === hypothesis)?.techniques ?? [];
  const shown = new Set(incident.techniques.map(({ id }) => id));
  return [...new Set(ids)].filter((id) => shown.has(id) && fitting.includes(id));
}

// ------------------------------------------------------------------------------------------------------- shapes of other tools

/** A short verdict on one session, as older tools write it: a status, one sentence, one piece of advice. */
export const SESSION_VERDICT = z.object({
  status: z.enum(['NORMAL', 'SUSPICIOUS']),
  threat_type: z.enum([
    'Port Scan',
    'Exfiltration',
    'Botnet C2',
    'Slowloris',
    'DDoS',
    'Credential Bruteforce',
    'Unknown Anomaly',
  ]),
  reason: z.string(),
  recommended_action: z.string(),
});
export type SessionVerdict = z.infer<typeof SESSION_VERDICT>;

const THREAT_TYPES: Readonly<Record<string, SessionVerdict['threat_type']>> = {
  'port scan': 'Port Scan',
  'search for hosts': 'Port Scan',
  'theft of data': 'Exfiltration',
  'hidden tunnel': 'Exfiltration',
  'command and control': 'Botnet C2',
  'search for an operator': 'Botnet C2',
  'denial of service': 'DDoS',
  'password guessing': 'Credential Bruteforce',
  'password spraying': 'Credential Bruteforce',
};

/** A verdict in that shape; `threat_type` is Unknown Anomaly for what the shape has no word for. */
export function sessionVerdictOf(verdict: Verdict): SessionVerdict {
  return {
    status: verdict.assessment === 'malicious' || verdict.assessment === 'suspicious' ? 'SUSPICIOUS' : 'NORMAL',
    threat_type: THREAT_TYPES[verdict.hypothesis] ?? 'Unknown Anomaly',
    reason: verdict.whatHappened[0]?.text ?? '',
    recommended_action: verdict.whatToDoFirst[0]?.text ?? '',
  };
}

const RISK_LEVELS = ['Low', 'Medium', 'High', 'Critical'] as const;

/** An analysis in five parts: devices, communication, volume, risk, recommendation. */
export const FIVE_PART_ANALYSIS = z.object({
  device_identification: z.array(z.object({ address: z.string(), mac: z.string().optional(), home: z.boolean() })),
  communication_details: z.array(claim),
  traffic_volume: z.object({ flows: z.int(), rows: z.int().optional() }),
  risk_level: z.enum(RISK_LEVELS),
  risk_reasoning: z.array(claim),
  recommendation: z.enum(ACTIONS),
});
export type FivePartAnalysis = z.infer<typeof FIVE_PART_ANALYSIS>;

const RISK_OF: Readonly<Record<Severity, (typeof RISK_LEVELS)[number]>> = {
  info: 'Low',
  low: 'Low',
  medium: 'Medium',
  high: 'High',
  critical: 'Critical',
};

/** An incident with its verdict in that shape; the risk is the severity that code decided. */
export function fivePartAnalysisOf(incident: Incident, verdict: Verdict): FivePartAnalysis {
  const copy = (list: readonly Claim[]) => list.map(({ text, cites }) => ({ text, cites: [...cites] }));
  const action: Action = verdict.action;
  return {
    device_identification: [...incident.actors, ...incident.peers].map(({ address, mac, home }) => ({
      address,
      ...(mac === undefined ? {} : { mac }),
      home,
    })),
    communication_details: copy(verdict.whatHappened),
    traffic_volume: {
      flows: incident.flowCount,
      ...(incident.recordCount === undefined ? {} : { rows: incident.recordCount }),
    },
    risk_level: RISK_OF[incident.severity],
    risk_reasoning: copy(verdict.whyItMatters),
    recommendation: action,
  };
}
