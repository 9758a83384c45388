import type { LanguageModel, LanguageOutcome, LanguageRequest, LanguageUsage } from '../../analyst/index.ts';
import type { Json } from '../../core/index.ts';
import type { Incident } from '../../incident/index.ts';
import type { LanguageQueue } from '../../io/index.ts';
import { type AnswerStore, questionKey } from './answer-store.ts';

/** A call of a talk: what was asked, and what came. */
export interface TalkCall {
  readonly request: LanguageRequest;
  readonly outcome: LanguageOutcome;
  /** Whether the answer was there already, or on its way for somebody else: then it cost nothing here. */
  readonly isStored: boolean;
}

/**
 * A model that does not ask twice: answers come from the store where they are there, and the same question that is on its way already is waited for. What
 * a model answered is kept only when whoever asked has found it fit (`Talk.keep`), and failures never are.
 */
export class RememberingModel {
  readonly model: LanguageModel;
  readonly #queue: LanguageQueue;
  readonly #store: AnswerStore | undefined;
  readonly #again: boolean;
  readonly #underWay = new Map<string, Promise<LanguageOutcome>>();

  /** @param queue of the model. @param store undefined remembers nothing. @param again asks anew what was answered. */
  constructor(model: LanguageModel, queue: LanguageQueue, store: AnswerStore | undefined, again = false) {
    this.model = model;
    this.#queue = queue;
    this.#store = store;
    this.#again = again;
  }

  /** All that is asked for one verdict on an incident. */
  talk(about: Urgency): Talk {
    return new Talk(this.model, {
      read: (request) => this.#read(request),
      ask: (request, signal) => this.#ask(request, about, signal),
      keep: (request, text) => this.#store?.write(this.#key(request), { text }),
    });
  }

  #key({ system, messages, schema, temperature, seed, maxOutputTokens }: LanguageRequest): string {
    const { provider, model } = this.model;
    return questionKey({
      prompt: JSON.stringify([system, messages]),
      promptVersion: JSON.stringify([schema, temperature ?? 0, seed ?? null, maxOutputTokens]),
      provider,
      model,
    });
  }

  #read(request: LanguageRequest): string | undefined {
    if (this.#again) return undefined;
    const answer = this.#store?.read(this.#key(request));
    return isStored(answer) ? answer.text : undefined;
  }

  async #ask(request: LanguageRequest, about: Urgency, signal: AbortSignal | undefined): Promise<Came> {
    const key = this.#key(request);
    const already = this.#underWay.get(key);
    if (already !== undefined) return { outcome: await already, isShared: true };
    const { severity, urgency } = about;
    const answer = this.#queue.submit({ request, severity, score: urgency, fingerprint: key, signal });
    this.#underWay.set(key, answer);
    try {
      return { outcome: await answer, isShared: false };
    } finally {
      this.#underWay.delete(key);
    }
  }
}

function isStored(answer: Json | undefined): answer is { readonly text: string } {
  return typeof answer === 'object' && answer !== null && 'text' in answer && typeof answer.text === 'string';
}

/** What the order of questions is read from: that of incidents. */
export type Urgency = Pick<Incident, 'severity' | 'urgency'>;

interface Came {
  readonly outcome: LanguageOutcome;
  readonly isShared: boolean;
}

interface Memory {
  read(request: LanguageRequest): string | undefined;
  ask(request: LanguageRequest, signal: AbortSignal | undefined): Promise<Came>;
  keep(request: LanguageRequest, text: string): void;
}

const NO_TIME: LanguageUsage = { durationMs: 0, attempts: 0 };

export class Talk implements LanguageModel {
  readonly provider: string;
  readonly model: string;
  readonly place: LanguageModel['place'];
  /** In order. */
  readonly calls: TalkCall[] = [];
  readonly #memory: Memory;

  constructor({ provider, model, place }: LanguageModel, memory: Memory) {
    this.provider = provider;
    this.model = model;
    this.place = place;
    this.#memory = memory;
  }

  async answer(request: LanguageRequest, signal?: AbortSignal): Promise<LanguageOutcome> {
    const text = this.#memory.read(request);
    const { outcome, isShared }: Came =
      text !== undefined
        ? { outcome: { kind: 'answer', text, usage: NO_TIME }, isShared: true }
        : await this.#memory.ask(request, signal);
    this.calls.push({ request, outcome, isStored: isShared });
    return outcome;
  }

  /** Stores what the model answered in this talk. Throws UserError where the disk does not take it. */
  keep(): void {
    for (const { request, outcome, isStored } of this.calls)
      if (outcome.kind === 'answer' && !isStored) this.#memory.keep(request, outcome.text);
  }

  /** Whether everything came from the store. */
  get isStored(): boolean {
    return this.calls.length > 0 && this.calls.every(({ isStored }) => isStored);
  }

  /** Of all calls together; the time to the first token is that of the first call that tells it. */
  get usage(): LanguageUsage {
    const usages = this.calls.filter((call) => !call.isStored).map(({ outcome }) => outcome.usage);
    const sum = (pick: (usage: LanguageUsage) => number | undefined): number | undefined => {
      const known = usages.map(pick).filter((value) => value !== undefined);
      return known.length === 0 ? undefined : known.reduce((total, value) => total + value, 0);
    };
    const promptTokens = sum((usage) => usage.promptTokens);
    const completionTokens = sum((usage) => usage.completionTokens);
    const firstTokenMs = usages.find((usage) => usage.firstTokenMs !== undefined)?.firstTokenMs;
    const rated = usages.filter(
      ({ tokensPerSecond, completionTokens: tokens }) => (tokensPerSecond ?? 0) > 0 && tokens !== undefined,
    );
    const seconds = rated.reduce(
      (total, { tokensPerSecond = 1, completionTokens: tokens = 0 }) => total + tokens / tokensPerSecond,
      0,
    );
    const tokens = rated.reduce((total, usage) => total + (usage.completionTokens ?? 0), 0);
    return {
      durationMs: sum((usage) => usage.durationMs) ?? 0,
      attempts: sum((usage) => usage.attempts) ?? 0,
      ...(promptTokens === undefined ? {} : { promptTokens }),
      ...(completionTokens === undefined ? {} : { completionTokens }),
      ...(firstTokenMs === undefined ? {} : { firstTokenMs }),
      ...(seconds > 0 ? { tokensPerSecond: tokens / seconds } : {}),
    };
  }
}
