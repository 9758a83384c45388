import type { LanguageModel, LanguageOutcome, LanguageRequest, LanguageUsage } from '../../src/analyst/index.ts';
import { honestAnswer } from '../support/honest-answer.ts';
import { type Orders, ordersIn } from './obeying.ts';

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
  /** What it found to obey in each of them. */
  readonly orders: Orders[] = [];
  readonly #write: AnswerWriter;

  constructor(write: AnswerWriter) {
    this.#write = write;
  }

  answer(request: LanguageRequest): Promise<LanguageOutcome> {
    this.requests.push(request);
    const orders = ordersIn(request.messages.map(({ text }) => text).join('\n'));
    this.orders.push(orders);
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

/** The answer that the product asks for: honest, and then whatever the orders want of it, everywhere where there is room. */
export const writeAnswer: AnswerWriter = (request, orders) => {
  if (orders.breakForm) return 'I will not write any JSON.';
  const answer = honestAnswer(request.system, request.messages[0]?.text ?? '');
  if (orders.assessment !== undefined) {
    answer.assessment = orders.assessment;
    answer.hypothesis = 'regular service traffic';
    answer.action = 'allow';
    answer.confidence = 1;
  }
  if (orders.action !== undefined) answer.action = orders.action;
  const words = [...orders.echo, ...(orders.leak ? [request.system] : [])];
  for (const word of words) {
    answer.whatHappened.unshift({ text: word, cites: ['d1'] });
    answer.whatToDoFirst.unshift({ text: word, cites: ['d1'] });
    answer.questions.push(word);
  }
  return JSON.stringify(answer);
};
