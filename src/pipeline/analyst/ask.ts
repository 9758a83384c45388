import {
  ANSWER_SECTIONS,
  askOpinion,
  askStaged,
  type IncidentContext,
  type JudgedIncident,
  type LanguageModel,
  type LanguageVerdict,
  languageQuestion,
  type Opinion,
  type Persona,
  type Pseudonyms,
  type QueryRunner,
  type StagedOpinion,
} from '../../analyst/index.ts';
import { severityRank } from '../../incident/index.ts';
import { LanguageBudget, type LanguageBudgetOptions, LanguageQueue } from '../../io/index.ts';
import type { AnswerStore } from './answer-store.ts';
import { type AnalystCall, costOf, textOf } from './metrics.ts';
import { runInOrder } from './pool.ts';
import { RememberingModel, type Talk } from './remembering-model.ts';

export interface LanguageRunOptions {
  readonly model: LanguageModel;
  readonly personas: readonly Persona[];
  readonly contextOf: (incident: JudgedIncident) => IncidentContext;
  readonly pseudonyms: Pseudonyms;
  /** Of one answer; see `askOpinion`. */
  readonly maxOutputTokens?: number | undefined;
  /** Answers the queries of staged mode; without it each question is one step. */
  readonly queries?: QueryRunner | undefined;
  /** Undefined remembers nothing. */
  readonly store?: AnswerStore | undefined;
  /** Asks anew what was answered before. */
  readonly again?: boolean | undefined;
  /** Questions under way at a time. Default 1, which is what one graphics card or processor does best. */
  readonly concurrency?: number | undefined;
  /** What may be spent, and the prices. */
  readonly budget?: LanguageBudgetOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After each question: `done` of `all`. */
  readonly onOpinion?: (question: AskedQuestion, done: number, all: number) => void;
}

/** One incident put to a model as one persona. */
export interface AskedQuestion {
  readonly incident: string;
  readonly opinion: Opinion;
  readonly call: AnalystCall;
}

const DEFAULT_CONCURRENCY = 1;

/**
 * Asks about every incident, the most urgent first, every persona in turn. Incidents about which the very same would be asked are asked about once. What was
 * answered is stored as it comes, so a run that is stopped loses nothing. After the signal, and after a failure that every question would meet (a wrong key, a
 * model that is not there), nothing more is sent: what was not asked ends as that. Resolves with one entry a question, in the order of the incidents and
 * personas as given. Rejects with UserError where answers can't be stored.
 */
export async function askAbout(
  incidents: readonly JudgedIncident[],
  options: LanguageRunOptions,
): Promise<AskedQuestion[]> {
  const { model, personas, store, again, concurrency = DEFAULT_CONCURRENCY, budget = {}, signal } = options;
  const queue = new LanguageQueue({ model, concurrency, budget: new LanguageBudget(budget) });
  const remembering = new RememberingModel(model, queue, store, again);
  const questions = incidents.flatMap((incident, i) =>
    personas.map((persona, k) => ({ incident, persona, at: i * personas.length + k })),
  );
  const urgent = questions.toSorted(
    (a, b) =>
      severityRank(b.incident.severity) - severityRank(a.incident.severity) ||
      b.incident.urgency - a.incident.urgency ||
      a.incident.rank - b.incident.rank ||
      a.at - b.at,
  );
  const asked = new Map<number, AskedQuestion>();
  await runInOrder(
    urgent,
    async ({ incident, persona, at }) => {
      const talk = remembering.talk(incident);
      const asks = {
        model: talk,
        persona,
        pseudonyms: options.pseudonyms,
        context: options.contextOf(incident),
        ...(options.maxOutputTokens === undefined ? {} : { maxOutputTokens: options.maxOutputTokens }),
      };
      const { queries } = options;
      const staged = queries === undefined ? undefined : await askStaged(incident, { ...asks, queries }, signal);
      const opinion = staged?.opinion ?? (await askOpinion(incident, asks, signal));
      if (opinion.outcome === 'answer') talk.keep();
      const question = { incident: incident.id, opinion, call: callOf(incident.id, opinion, talk, budget, staged) };
      asked.set(at, question);
      options.onOpinion?.(question, asked.size, questions.length);
    },
    { concurrency },
  );
  return [...asked].sort(([a], [b]) => a - b).map(([, question]) => question);
}

function callOf(
  incident: string,
  opinion: Opinion,
  talk: Talk,
  budget: LanguageBudgetOptions,
  staged: StagedOpinion | undefined,
): AnalystCall {
  const { usage } = talk;
  const { verdict, schemaValid } = opinion;
  const cost = costOf(usage, budget);
  return {
    incident,
    persona: opinion.persona,
    provider: opinion.provider,
    model: talk.model,
    outcome: opinion.outcome === 'answer' && talk.isStored ? 'stored' : opinion.outcome,
    estimatedPromptTokens: opinion.estimatedInputTokens,
    attempts: usage.attempts,
    ...(usage.attempts === 0 ? {} : { durationMs: usage.durationMs }),
    ...(usage.promptTokens === undefined ? {} : { promptTokens: usage.promptTokens }),
    ...(usage.completionTokens === undefined ? {} : { completionTokens: usage.completionTokens }),
    ...(usage.firstTokenMs === undefined ? {} : { firstTokenMs: usage.firstTokenMs }),
    ...(usage.tokensPerSecond === undefined ? {} : { tokensPerSecond: usage.tokensPerSecond }),
    ...(schemaValid === undefined ? {} : { schemaValid }),
    ...(cost === undefined ? {} : { cost }),
    ...(schemaValid === undefined ? {} : { claimsKept: opinion.claimsKept, claimsDropped: opinion.claimsDropped }),
    ...(staged === undefined
      ? {}
      : {
          plan: staged.plan,
          queries: staged.queries.map(({ name }) => name),
          queriesFailed: staged.failed,
          notesKept: staged.notes.length,
          notesDropped: staged.notesDropped,
        }),
    ...(verdict === undefined ? {} : { text: textOf(claimsOf(verdict)) }),
  };
}

/** Every claim of a verdict, in the order in which it is read. */
function claimsOf(verdict: LanguageVerdict): { readonly text: string }[] {
  return [
    ...ANSWER_SECTIONS.flatMap((section) => verdict[section]),
    ...verdict.sections.flatMap(({ claims }) => claims),
    ...verdict.questions.map((text) => ({ text })),
  ];
}

/** Tokens of the prompt about an incident, before anything is sent. */
export function estimateQuestion(
  incident: JudgedIncident,
  persona: Persona,
  { contextOf, pseudonyms }: Pick<LanguageRunOptions, 'contextOf' | 'pseudonyms'>,
): number {
  return languageQuestion(incident, { persona, context: contextOf(incident), pseudonyms }).estimatedInputTokens;
}

/**
 * The incidents with what was found out about them: an opinion takes the place of an earlier one of the same model and persona, except that a failure does
 * not take that of an answer, and the same answer from the store keeps what it once took. What was cancelled leaves no trace.
 */
export function withOpinions(incidents: readonly JudgedIncident[], asked: readonly AskedQuestion[]): JudgedIncident[] {
  const fresh = Map.groupBy(asked, ({ incident }) => incident);
  return incidents.map((incident) => {
    const before = incident.verdict.opinions ?? [];
    const opinions = [...before];
    for (const { opinion, call } of fresh.get(incident.id) ?? []) {
      if (opinion.outcome === 'cancelled') continue;
      const at = opinions.findIndex(
        ({ by, provider, persona }) =>
          by === opinion.by && provider === opinion.provider && persona === opinion.persona,
      );
      const old = opinions[at];
      if (old === undefined) opinions.push(opinion);
      else if (call.outcome === 'stored' && old.outcome === 'answer') continue;
      else if (opinion.outcome === 'answer' || old.outcome !== 'answer') opinions[at] = opinion;
    }
    return opinions.length === 0 ? incident : { ...incident, verdict: { ...incident.verdict, opinions } };
  });
}
