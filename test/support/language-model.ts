import type { LanguageModel, LanguageOutcome, LanguageRequest } from '../../src/analyst/index.ts';

/** What a double is asked and answers, for the tests of the analyst. */
export type Reply = Partial<LanguageOutcome> | Record<string, unknown> | string;

export interface DoubleModel extends LanguageModel {
  readonly requests: LanguageRequest[];
}

/** A model that answers with what it is given, one after the other, the last one again and again; a text as it is, an object as JSON, an outcome by its kind. */
export function doubleModel(
  replies: readonly ((request: LanguageRequest) => Reply)[],
  place: LanguageModel['place'] = 'machine',
): DoubleModel {
  const requests: LanguageRequest[] = [];
  const usage = { promptTokens: 900, completionTokens: 200, durationMs: 5, attempts: 1 };
  return {
    provider: 'ollama',
    model: 'double:1b',
    place,
    requests,
    answer: async (request): Promise<LanguageOutcome> => {
      requests.push(request);
      const reply = (replies[requests.length - 1] ?? replies.at(-1))?.(request) ?? '';
      if (typeof reply === 'string') return { kind: 'answer', text: reply, usage };
      if ('kind' in reply) return { usage, ...reply } as LanguageOutcome;
      return { kind: 'answer', text: JSON.stringify(reply), usage };
    },
  };
}

/** The code word of a question. */
export function codeWord({ system }: LanguageRequest): string {
  return /^The code word is ([a-z]+-\d+)\./.exec(system)?.[1] ?? '';
}
