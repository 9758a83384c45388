import type { ContextFact } from './check.ts';
import type { LanguageFailureKind, LanguageUsage } from './language-model.ts';
import type { LanguageVerdict } from './language-verdict.ts';

/**
 * How the question to a model ended. `invalid`: it answered, twice, in no form that can be read; `leaked`: its answer held what only the instructions hold;
 * `truncated`: the beginning of the prompt did not reach it; `unsupported`: nothing that it said of what happened held against the evidence.
 */
export type OpinionOutcome = 'answer' | LanguageFailureKind | 'invalid' | 'leaked' | 'unsupported';

/** What a language model thinks of an incident, checked; or why there is nothing of it. It stands beside the verdict of the rules and changes nothing of it. */
export interface Opinion {
  /** The model, as configured. */
  readonly by: string;
  readonly provider: string;
  readonly place: 'machine' | 'network' | 'remote';
  /** Id and version of the persona: 'technical-expert/1'. */
  readonly persona: string;
  readonly outcome: OpinionOutcome;
  /** One sentence, where the outcome is no answer. */
  readonly message?: string;
  /** What may help. */
  readonly hint?: string;
  /** What passed the check; where the outcome is `answer`. References to text from the network stand in it as `{{dns:3}}`. */
  readonly verdict?: LanguageVerdict;
  /** Where it sees things otherwise than the rules, each one sentence. */
  readonly disagreements: readonly string[];
  /** Context facts that its claims cite. */
  readonly context: readonly ContextFact[];
  /** Claims and questions that passed the check, and those that were left out. */
  readonly claimsKept: number;
  readonly claimsDropped: number;
  /** Kinds of the problems for which claims were left out, with how many there were. */
  readonly problems: Readonly<Record<string, number>>;
  /** Whether the first answer had the form that was asked for; absent without an answer. */
  readonly schemaValid?: boolean;
  /** How often it was asked: 1, or 2 where the first answer was no good. */
  readonly asked: number;
  /** Of the first question, before it was sent. */
  readonly estimatedInputTokens: number;
  /** Of all questions together. */
  readonly usage: LanguageUsage;
}
