import { counted, safeText } from '../core/index.ts';
import type { Incident } from '../incident/index.ts';
import type { IncidentContext } from './brief.ts';
import type { Problem } from './check.ts';
import { checkStatement, type SenseOptions } from './check-sense.ts';
import type { LanguageFailure, LanguageMessage, LanguageModel, LanguageUsage } from './language-model.ts';
import {
  ANSWER_SECTIONS,
  type AnswerSection,
  type LanguageAnswer,
  type LanguageVerdict,
  readAnswer,
  techniquesOf,
} from './language-verdict.ts';
import type { Opinion, OpinionOutcome } from './opinion.ts';
import { builtInPersonas, type Persona } from './persona.ts';
import { type LanguageQuestion, languageQuestion } from './prompt.ts';
import { Pseudonyms } from './redaction.ts';
import { judgeByRules } from './rules.ts';
import type { Analyst, Claim, Verdict } from './verdict.ts';

export interface LanguageAnalystOptions {
  readonly model: LanguageModel;
  /** Default: the plain analyst. Several are asked one after the other. */
  readonly personas?: readonly Persona[];
  /** Keep one for a run. Default: addresses as they are for a model in this network, pseudonyms for one elsewhere. */
  readonly pseudonyms?: Pseudonyms;
  /** What is known beyond an incident, where the caller of `judge` gives nothing. */
  readonly contextOf?: (incident: Incident) => IncidentContext;
  /** Default 3000. */
  readonly maxOutputTokens?: number;
  readonly seed?: number;
}

const MAX_OUTPUT_TOKENS = 3000;
/** Problems that a model is told of when it is asked again. */
const MAX_TOLD = 12;

/**
 * An analyst with a language model: the verdict is that of the rules, and beside it stands what the model thinks, checked claim by claim. A model can't lower
 * the severity or take anything out of the verdict. Whatever it does is an outcome; `judge` rejects for bugs alone.
 */
export function createLanguageAnalyst(options: LanguageAnalystOptions): Analyst {
  const { model, personas = builtInPersonas().slice(0, 1), contextOf } = options;
  const { pseudonyms = new Pseudonyms(model.place === 'remote' ? 'addresses' : 'none', model.model) } = options;
  return {
    name: model.model,
    judge: async (incident, context = contextOf?.(incident), signal = undefined) => {
      const opinions: Opinion[] = [];
      for (const persona of personas)
        opinions.push(
          await askOpinion(
            incident,
            { ...options, persona, pseudonyms, ...(context === undefined ? {} : { context }) },
            signal,
          ),
        );
      return { ...judgeByRules(incident), opinions };
    },
  };
}

export interface OpinionOptions extends Pick<LanguageAnalystOptions, 'model' | 'maxOutputTokens' | 'seed'> {
  readonly persona: Persona;
  readonly pseudonyms?: Pseudonyms;
  readonly context?: IncidentContext;
  /** See `QuestionOptions`. */
  readonly notes?: readonly string[];
}

/** Asks one model as one persona about one incident; once more where the first answer can't be read or says what the evidence does not show. */
export async function askOpinion(incident: Incident, options: OpinionOptions, signal?: AbortSignal): Promise<Opinion> {
  const { model, persona, context = {}, maxOutputTokens = MAX_OUTPUT_TOKENS } = options;
  const pseudonyms = options.pseudonyms ?? new Pseudonyms('none', '');
  const question = languageQuestion(incident, {
    persona,
    context,
    pseudonyms,
    ...(options.notes === undefined ? {} : { notes: options.notes }),
  });
  const messages: LanguageMessage[] = [{ role: 'user', text: question.text }];
  const usages: LanguageUsage[] = [];
  const by = safeText(model.model, 100);
  let schemaValid: boolean | undefined;
  let best: Checked | undefined;

  const end = (outcome: OpinionOutcome, more: Partial<Opinion> = {}): Opinion => ({
    by,
    provider: model.provider,
    place: model.place,
    persona: `${persona.id}/${persona.version}`,
    outcome,
    disagreements: [],
    context: [],
    claimsKept: 0,
    claimsDropped: best?.dropped ?? 0,
    problems: best?.problems ?? {},
    ...(schemaValid === undefined ? {} : { schemaValid }),
    asked: usages.length,
    estimatedInputTokens: question.estimatedInputTokens,
    usage: sumOf(usages),
    ...more,
  });

  for (let turn = 0; turn < 2; turn++) {
    const outcome = await model.answer(
      {
        system: question.system,
        messages,
        schema: question.schema,
        maxOutputTokens,
        estimatedInputTokens:
          question.estimatedInputTokens +
          messages.slice(1).reduce((sum, { text }) => sum + Math.ceil(text.length / 2), 0),
        temperature: 0,
        ...(options.seed === undefined ? {} : { seed: options.seed }),
      },
      signal,
    );
    usages.push(outcome.usage);
    if (outcome.kind !== 'answer') {
      // What the first answer left is worth more than the failure of the second.
      if (best !== undefined && best.kept > 0) break;
      return end(outcome.kind, failureOf(outcome));
    }
    if (outcome.text.includes(question.canary))
      return end('leaked', { message: 'The answer held a part of its instructions that it must not repeat.' });
    const read = readAnswer(
      outcome.text,
      persona.sections.map(({ id }) => id),
    );
    schemaValid ??= read.kind === 'answer';
    if (read.kind === 'answer') {
      if (read.answer.integrity.trim() !== question.integrity)
        return end('truncated', {
          message:
            'The beginning of the question did not reach the model: it could not give the code word of the first line back.',
          hint: 'Give the model a larger context window, or choose a model that follows instructions.',
        });
      const checked = checkAnswer(incident, question, read.answer, persona, context, pseudonyms, by);
      if (
        best === undefined ||
        checked.kept > best.kept ||
        (checked.kept === best.kept && checked.dropped < best.dropped)
      )
        best = checked;
      if (checked.dropped === 0) break;
      messages.push(
        { role: 'assistant', text: outcome.text },
        { role: 'user', text: pseudonyms.hide(toldProblems(checked.all)) },
      );
    } else {
      messages.push(
        { role: 'assistant', text: outcome.text.slice(0, 4000) },
        {
          role: 'user',
          text: `Your answer can't be read:\n${read.problems.join('\n')}\nAnswer again with one JSON object as the schema says.`,
        },
      );
    }
  }

  if (best === undefined)
    return end('invalid', {
      message: 'The model answered twice in no form that can be read.',
      hint: 'Choose a model that can answer by a JSON schema.',
    });
  if (best.verdict.whatHappened.length === 0)
    return end('unsupported', { message: 'Nothing that the model said of what happened held against the evidence.' });
  const cited = new Set(
    [
      ...ANSWER_SECTIONS.flatMap((section) => best?.verdict[section] ?? []),
      ...best.verdict.sections.flatMap(({ claims }) => claims),
    ].flatMap(({ cites }) => cites),
  );
  return end('answer', {
    verdict: best.verdict,
    disagreements: disagreementsOf(judgeByRules(incident), best.verdict),
    context: question.brief.context.filter(({ id }) => cited.has(id)),
    claimsKept: best.kept,
  });
}

interface Checked {
  readonly verdict: LanguageVerdict;
  readonly kept: number;
  readonly dropped: number;
  readonly problems: Readonly<Record<string, number>>;
  readonly all: readonly Problem[];
}

function checkAnswer(
  incident: Incident,
  question: LanguageQuestion,
  answer: LanguageAnswer,
  persona: Persona,
  context: IncidentContext,
  pseudonyms: Pseudonyms,
  by: string,
): Checked {
  const { references, context: facts } = question.brief;
  const all: Problem[] = [];
  const problems: Record<string, number> = {};
  let kept = 0;
  let dropped = 0;
  const passed = (claim: Claim, section: string, where: string): Claim[] => {
    const restored = { text: pseudonyms.restore(claim.text, references.all), cites: claim.cites };
    const options: SenseOptions = {
      section,
      references,
      context: facts,
      ...(context.intelligence === undefined ? {} : { intelligence: context.intelligence }),
    };
    const found = checkStatement(incident, restored, where, options);
    if (found.length === 0) {
      kept++;
      return [restored];
    }
    dropped++;
    all.push(...found);
    for (const kind of new Set(found.map((problem) => problem.kind))) problems[kind] = (problems[kind] ?? 0) + 1;
    return [];
  };
  const list = (claims: readonly Claim[], section: string, name = section): Claim[] =>
    claims.flatMap((claim, i) => passed(claim, section, `${name}[${i}]`));
  const lists = Object.fromEntries(
    ANSWER_SECTIONS.map((section) => [section, list(answer[section], section)]),
  ) as Record<AnswerSection, Claim[]>;
  const everything = [...incident.detections.map(({ id }) => id), ...facts.map(({ id }) => id)];
  const sections = persona.sections.map(({ id }) => ({
    id,
    claims: list(answer.sections[id] ?? [], id, `sections.${id}`),
  }));
  const questions = answer.questions
    .flatMap((text, i) => passed({ text, cites: everything }, 'questions', `questions[${i}]`))
    .map(({ text }) => text);
  const techniques = techniquesOf(incident, answer.hypothesis, answer.techniques);
  return {
    verdict: {
      by,
      assessment: answer.assessment,
      confidence: Number(answer.confidence.toFixed(2)),
      hypothesis: answer.hypothesis,
      action: answer.action,
      ...lists,
      techniques,
      questions,
      sections,
    },
    kept,
    dropped,
    problems,
    all,
  };
}

/** What a model is told of what it got wrong. The quoted parts are its own. */
function toldProblems(problems: readonly Problem[]): string {
  const lines = problems.slice(0, MAX_TOLD).map(({ where, message }) => `- ${where}: ${safeText(message, 160)}`);
  const more = problems.length - lines.length;
  return [
    'Some claims say what the facts that they cite do not show:',
    ...lines,
    ...(more > 0 ? [`- and ${counted(more, 'problem')} more.`] : []),
    'Give the whole answer again, with these claims put right or left out. Keep the others as they are.',
  ].join('\n');
}

/** Where a model and the rules differ, each one sentence of code. */
export function disagreementsOf(rules: Verdict, model: Verdict): string[] {
  return [
    ...(rules.assessment === model.assessment
      ? []
      : [`The model calls it ${model.assessment}, the rules call it ${rules.assessment}.`]),
    ...(rules.hypothesis === model.hypothesis
      ? []
      : [`To the model it looks like ${model.hypothesis}, to the rules like ${rules.hypothesis}.`]),
    ...(rules.action === model.action ? [] : [`The model advises to ${model.action}, the rules to ${rules.action}.`]),
  ];
}

function failureOf({ message, hint }: LanguageFailure): Partial<Opinion> {
  return { message: safeText(message, 300), ...(hint === undefined ? {} : { hint: safeText(hint, 300) }) };
}

function sumOf(usages: readonly LanguageUsage[]): LanguageUsage {
  const total = (key: 'promptTokens' | 'completionTokens'): number | undefined =>
    usages.reduce<number | undefined>(
      (sum, usage) => (usage[key] === undefined ? sum : (sum ?? 0) + usage[key]),
      undefined,
    );
  const promptTokens = total('promptTokens');
  const completionTokens = total('completionTokens');
  const firstTokenMs = usages[0]?.firstTokenMs;
  const tokensPerSecond = usages.at(-1)?.tokensPerSecond;
  return {
    ...(promptTokens === undefined ? {} : { promptTokens }),
    ...(completionTokens === undefined ? {} : { completionTokens }),
    ...(firstTokenMs === undefined ? {} : { firstTokenMs }),
    ...(tokensPerSecond === undefined ? {} : { tokensPerSecond }),
    durationMs: usages.reduce((sum, usage) => sum + usage.durationMs, 0),
    attempts: usages.reduce((sum, usage) => sum + usage.attempts, 0),
  };
}

/** What several personas, or several models, make of one incident. */
export interface PersonaComparison {
  readonly answered: number;
  readonly failed: number;
  /** What all that answered say, where they say the same. */
  readonly assessment?: string;
  readonly hypothesis?: string;
  readonly action?: string;
  /** Techniques that all that answered name. */
  readonly techniques: readonly string[];
  /** Share of pairs of answers that agree, 0 to 1, over assessment, hypothesis and action; absent with fewer than two answers. */
  readonly agreement?: number;
  /** Facts that claims of all that answered rest on, and those that only one of them uses. */
  readonly sharedEvidence: readonly string[];
  readonly soleEvidence: readonly { readonly persona: string; readonly ids: readonly string[] }[];
  /** Each answer in a line. */
  readonly answers: readonly {
    readonly by: string;
    readonly persona: string;
    readonly outcome: OpinionOutcome;
    readonly assessment?: string;
    readonly hypothesis?: string;
    readonly action?: string;
    readonly confidence?: number;
    readonly claimsKept: number;
    readonly claimsDropped: number;
    readonly durationMs: number;
  }[];
}

/** Where opinions on one incident agree. The severity is not among it: that is decided by code and the same for all. */
export function comparePersonas(opinions: readonly Opinion[]): PersonaComparison {
  const verdicts = opinions.flatMap(({ persona, verdict }) => (verdict === undefined ? [] : [{ persona, verdict }]));
  const same = (key: 'assessment' | 'hypothesis' | 'action'): string | undefined => {
    const values = new Set(verdicts.map(({ verdict }) => verdict[key]));
    return values.size === 1 ? [...values][0] : undefined;
  };
  const keys = ['assessment', 'hypothesis', 'action'] as const;
  let pairs = 0;
  let agreed = 0;
  verdicts.forEach(({ verdict: a }, i) => {
    for (const { verdict: b } of verdicts.slice(i + 1))
      for (const key of keys) {
        pairs++;
        if (a[key] === b[key]) agreed++;
      }
  });
  const cited = verdicts.map(({ persona, verdict }) => ({
    persona,
    ids: new Set(
      [
        ...ANSWER_SECTIONS.flatMap((section) => verdict[section]),
        ...verdict.sections.flatMap(({ claims }) => claims),
      ].flatMap(({ cites }) => cites),
    ),
  }));
  const everywhere = (id: string): boolean => cited.every(({ ids }) => ids.has(id));
  const [assessment, hypothesis, action] = keys.map(same);
  return {
    answered: verdicts.length,
    failed: opinions.length - verdicts.length,
    ...(assessment === undefined ? {} : { assessment }),
    ...(hypothesis === undefined ? {} : { hypothesis }),
    ...(action === undefined ? {} : { action }),
    techniques: (verdicts[0]?.verdict.techniques ?? []).filter((id) =>
      verdicts.every(({ verdict }) => verdict.techniques.includes(id)),
    ),
    ...(pairs === 0 ? {} : { agreement: agreed / pairs }),
    sharedEvidence: [...(cited[0]?.ids ?? [])].filter(everywhere),
    soleEvidence:
      cited.length < 2
        ? []
        : cited.map(({ persona, ids }) => ({
            persona,
            ids: [...ids].filter((id) => cited.every((other) => other.persona === persona || !other.ids.has(id))),
          })),
    answers: opinions.map(({ by, persona, outcome, verdict, claimsKept, claimsDropped, usage }) => ({
      by,
      persona,
      outcome,
      ...(verdict === undefined
        ? {}
        : {
            assessment: verdict.assessment,
            hypothesis: verdict.hypothesis,
            action: verdict.action,
            confidence: verdict.confidence,
          }),
      claimsKept,
      claimsDropped,
      durationMs: usage.durationMs,
    })),
  };
}
