import type { Json } from '../core/index.ts';

/** A language model, however it is reached. */
export interface LanguageModel {
  /** 'ollama' or 'openai-compatible'. */
  readonly provider: string;
  readonly model: string;
  /** Where it runs: on this machine, in this network, or elsewhere. */
  readonly place: 'machine' | 'network' | 'remote';
  /** Never rejects for what a model or the way to it does: that is an outcome. */
  answer(request: LanguageRequest, signal?: AbortSignal): Promise<LanguageOutcome>;
}

export interface LanguageRequest {
  readonly system: string;
  readonly messages: readonly LanguageMessage[];
  /** JSON Schema that the answer must fit; without `pattern`, which some servers turn into a grammar that is silently dropped. */
  readonly schema: Json;
  readonly maxOutputTokens: number;
  /** Of the system text and all messages together. */
  readonly estimatedInputTokens: number;
  /** Default 0. */
  readonly temperature?: number;
  readonly seed?: number;
}

export interface LanguageMessage {
  readonly role: 'user' | 'assistant';
  readonly text: string;
}

/** What an answer cost. What a server does not tell is absent. */
export interface LanguageUsage {
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly firstTokenMs?: number;
  readonly durationMs: number;
  readonly tokensPerSecond?: number;
  /** Requests that were sent, those that failed and were repeated among them. */
  readonly attempts: number;
}

export type LanguageFailureKind =
  | 'refused'
  | 'timeout'
  | 'cancelled'
  | 'unreachable'
  | 'unauthorized'
  | 'no-such-model'
  | 'rate-limited'
  | 'truncated'
  | 'server-error'
  | 'not-json'
  | 'budget';

export interface LanguageFailure {
  readonly kind: LanguageFailureKind;
  /** One sentence. */
  readonly message: string;
  /** What may help. */
  readonly hint?: string;
  readonly usage: LanguageUsage;
}

export type LanguageOutcome =
  | { readonly kind: 'answer'; readonly text: string; readonly usage: LanguageUsage }
  | LanguageFailure;
