import type { JudgedIncident, LanguageModel, LanguageVerdict } from '../../analyst/index.ts';
import { severityRank } from '../../incident/index.ts';
import { LanguageBudget, type LanguageBudgetOptions, LanguageQueue } from '../../io/index.ts';
import type { AnswerStore } from './answer-store.ts';
import { type AnalystCall, type AnalystOutcome, costOf, textOf } from './metrics.ts';
import { runInOrder } from './pool.ts';
import { RememberingModel } from './remembering-model.ts';

/** What a model made of an incident: a verdict that passed the check, or why there is none. */
export type LanguageJudgement =
  | {
      readonly kind: 'verdict';
      readonly verdict: LanguageVerdict;
      readonly claimsKept: number;
      readonly claimsDropped: number;
      /** Whether the first answer had the form that was asked for. */
      readonly schemaValid: boolean;
    }
  | {
      readonly kind: Exclude<AnalystOutcome, 'answer' | 'stored'>;
      readonly message: string;
      readonly hint?: string;
      readonly schemaValid?: boolean;
    };

/** A way to ask about incidents: a persona with its template. */
export interface Questioner {
  readonly persona: string;
  /** Tokens of the prompt, before anything is sent. */
  estimate(incident: JudgedIncident): number;
  /** Never rejects for what a model does. */
  judge(incident: JudgedIncident, model: LanguageModel, signal: AbortSignal | undefined): Promise<LanguageJudgement>;
}

export interface LanguageRunOptions {
  readonly model: LanguageModel;
  readonly questioners: readonly Questioner[];
  /** Undefined remembers nothing. */
  readonly store?: AnswerStore | undefined;
  /** Asks anew what was answered before. */
  readonly again?: boolean | undefined;
  /** Questions under way at a time. Default 1, which is what one graphics card or processor does best. */
  readonly concurrency?: number | undefined;
  /** What may be spent, and the prices. */
  readonly budget?: LanguageBudgetOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After each question; `done` of `all`. */
  readonly onJudged?: (judged: JudgedQuestion, done: number, all: number) => void;
}

export interface JudgedQuestion {
  readonly incident: string;
  readonly persona: string;
  readonly judgement: LanguageJudgement;
  readonly call: AnalystCall;
}

const DEFAULT_CONCURRENCY = 1;

/**
 * Asks about every incident, the most urgent first, every persona in turn. Incidents about which the very same would be asked are asked about once. What was
 * answered is stored as it comes, so a run that is stopped loses nothing. After the signal, and after a failure that every
 * question would meet (a wrong key, a model that is not there), nothing more is sent. Resolves with one entry a
 * question, in the order of the incidents and personas as given. Rejects with UserError where answers can't be stored.
 */
export async function judgeIncidents(
  incidents: readonly JudgedIncident[],
  options: LanguageRunOptions,
): Promise<JudgedQuestion[]> {
  const { model, questioners, store, again, concurrency = DEFAULT_CONCURRENCY, budget = {}, signal } = options;
  const queue = new LanguageQueue({ model, concurrency, budget: new LanguageBudget(budget) });
  const remembering = new RememberingModel(model, queue, store, again);
  const questions = incidents.flatMap((incident, i) =>
    questioners.map((questioner, k) => ({ incident, questioner, at: i * questioners.length + k })),
  );
  const urgent = questions.toSorted(
    (a, b) =>
      severityRank(b.incident.severity) - severityRank(a.incident.severity) ||
      b.incident.urgency - a.incident.urgency ||
      a.incident.rank - b.incident.rank ||
      a.at - b.at,
  );
  const judged = new Map<number, JudgedQuestion>();
  const finish = (at: number, question: JudgedQuestion): void => {
    judged.set(at, question);
    options.onJudged?.(question, judged.size, questions.length);
  };
  await runInOrder(
    urgent,
    async ({ incident, questioner, at }) => {
      const estimated = questioner.estimate(incident);
      const talk = remembering.talk(incident);
      const judgement = await questioner.judge(incident, talk, signal);
      if (judgement.kind === 'verdict') talk.keep();
      const { usage } = talk;
      const cost = costOf(usage, budget);
      finish(at, {
        incident: incident.id,
        persona: questioner.persona,
        judgement,
        call: {
          incident: incident.id,
          persona: questioner.persona,
          provider: model.provider,
          model: model.model,
          outcome: judgement.kind !== 'verdict' ? judgement.kind : talk.isStored ? 'stored' : 'answer',
          estimatedPromptTokens: estimated,
          attempts: usage.attempts,
          ...(usage.attempts === 0 ? {} : { durationMs: usage.durationMs }),
          ...(usage.promptTokens === undefined ? {} : { promptTokens: usage.promptTokens }),
          ...(usage.completionTokens === undefined ? {} : { completionTokens: usage.completionTokens }),
          ...(usage.firstTokenMs === undefined ? {} : { firstTokenMs: usage.firstTokenMs }),
          ...(usage.tokensPerSecond === undefined ? {} : { tokensPerSecond: usage.tokensPerSecond }),
          ...(judgement.schemaValid === undefined ? {} : { schemaValid: judgement.schemaValid }),
          ...(cost === undefined ? {} : { cost }),
          ...(judgement.kind === 'verdict'
            ? {
                claimsKept: judgement.claimsKept,
                claimsDropped: judgement.claimsDropped,
                text: textOf(claimsOf(judgement.verdict)),
              }
            : {}),
        },
      });
    },
    { concurrency, signal },
  );
  for (const { incident, questioner, at } of questions)
    if (!judged.has(at)) {
      const call: AnalystCall = {
        incident: incident.id,
        persona: questioner.persona,
        provider: model.provider,
        model: model.model,
        outcome: 'cancelled',
        estimatedPromptTokens: questioner.estimate(incident),
        attempts: 0,
      };
      const judgement = { kind: 'cancelled', message: 'the run was stopped before it was asked' } as const;
      judged.set(at, { incident: incident.id, persona: questioner.persona, judgement, call });
    }
  return [...judged].sort(([a], [b]) => a - b).map(([, question]) => question);
}

/** Every claim of a verdict, in the order in which it is read. */
export function claimsOf(verdict: LanguageVerdict): { readonly text: string }[] {
  return [
    ...verdict.whatHappened,
    ...verdict.whyItMatters,
    ...verdict.whatToDoFirst,
    ...verdict.whatToDoNext,
    ...verdict.whatWouldMakeItInnocent,
    ...verdict.sections.flatMap(({ claims }) => claims),
  ];
}
