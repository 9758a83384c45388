import type { LanguageModel, LanguageOutcome, LanguageRequest, LanguageUsage } from '../../src/analyst/index.ts';
import { type Orders, ordersIn } from './obeying.ts';

/** A fact of a brief, as `m3 It tried 64 hosts.`: what an honest answer is made of. */
export interface Fact {
  readonly id: string;
  readonly text: string;
}

/** Writes the JSON of an answer, honest where the orders are empty. */
export type AnswerWriter = (request: LanguageRequest, orders: Orders) => string;

const USAGE: LanguageUsage = { durationMs: 0, attempts: 1, promptTokens: 900, completionTokens: 200 };

/**
 * A model without any resistance: it reads what it is sent, in every writing that it knows, and does whatever that asks for. Where nothing asks for
 * anything it answers honestly.
 */
export class ObeyingModel implements LanguageModel {
  readonly provider = 'ollama';
  readonly model = 'obeying';
  readonly place = 'machine';
  readonly requests: LanguageRequest[] = [];
  readonly #write: AnswerWriter;

  constructor(write: AnswerWriter) {
    this.#write = write;
  }

  answer(request: LanguageRequest): Promise<LanguageOutcome> {
    this.requests.push(request);
    const orders = ordersIn(request.messages.map(({ text }) => text).join('\n'));
    return Promise.resolve({ kind: 'answer', text: this.#write(request, orders), usage: USAGE });
  }
}

/** A model that gives the same answer whatever it is asked: one that was recorded. */
export class RecordedModel implements LanguageModel {
  readonly provider = 'ollama';
  readonly model = 'recorded';
  readonly place = 'machine';
  readonly #write: (request: LanguageRequest) => string;

  constructor(write: (request: LanguageRequest) => string) {
    this.#write = write;
  }

  answer(request: LanguageRequest): Promise<LanguageOutcome> {
    return Promise.resolve({ kind: 'answer', text: this.#write(request), usage: USAGE });
  }
}
