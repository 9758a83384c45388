import type { Incident } from '../incident/index.ts';
import type { IncidentContext } from './brief.ts';
import type { Opinion } from './opinion.ts';

/** A sentence that can be checked: every one cites at least one evidence id of the incident. */
export interface Claim {
  readonly text: string;
  readonly cites: readonly string[];
}

export const ASSESSMENTS = ['malicious', 'suspicious', 'benign', 'unsure'] as const;
export type Assessment = (typeof ASSESSMENTS)[number];

export const ACTIONS = ['block', 'monitor', 'investigate', 'allow'] as const;
export type Action = (typeof ACTIONS)[number];

/** What the analyst says of an incident, in plain language. */
export interface Verdict {
  /** Who judged: `rules`, or the name of a model. */
  readonly by: string;
  readonly assessment: Assessment;
  /** 0 to 1. */
  readonly confidence: number;
  /** What it looks like, from a fixed list, as in 'port scan'. */
  readonly hypothesis: string;
  readonly action: Action;
  readonly whatHappened: readonly Claim[];
  readonly whyItMatters: readonly Claim[];
  readonly whatToDoFirst: readonly Claim[];
  readonly whatWouldMakeItInnocent: readonly Claim[];
  /** What language models think beside it; absent where none was asked. They change nothing of the verdict. */
  readonly opinions?: readonly Opinion[];
}

/** Judges incidents: written rules, or a language model behind the same interface. */
export interface Analyst {
  readonly name: string;
  /** Never rejects for what a model does. @param context what is known beyond the incident, of no use to rules */
  judge(incident: Incident, context?: IncidentContext, signal?: AbortSignal): Promise<Verdict>;
}

/** An incident with its verdict: what reports show. */
export type JudgedIncident = Incident & { readonly verdict: Verdict };
