import type { LanguageModel, LanguageOutcome, LanguageRequest } from '../../analyst/index.ts';
import { humanCount } from '../../core/index.ts';
import { costOf, type TokenPrices } from './metrics.ts';

/** What may be spent in a run. */
export interface LanguageBudget {
  /** Of prompts and answers together. */
  readonly tokens?: number | undefined;
  /** In the currency of the prices; without prices it bounds nothing. */
  readonly money?: number | undefined;
}

/**
 * A model with a budget: a call that could go beyond what is left, with its longest answer, is not made and ends as 'budget'. A call under way holds that
 * much; when it is through, what it really took counts. What a server does not tell is counted as estimated; a call that was never sent costs nothing.
 */
export class BudgetedModel implements LanguageModel {
  readonly provider: string;
  readonly model: string;
  readonly place: LanguageModel['place'];
  readonly #model: LanguageModel;
  readonly #budget: LanguageBudget;
  readonly #prices: TokenPrices | undefined;
  #tokens = 0;
  #money = 0;

  constructor(model: LanguageModel, budget: LanguageBudget, prices?: TokenPrices) {
    this.provider = model.provider;
    this.model = model.model;
    this.place = model.place;
    this.#model = model;
    this.#budget = budget;
    this.#prices = prices;
  }

  async answer(request: LanguageRequest, signal?: AbortSignal): Promise<LanguageOutcome> {
    const { estimatedInputTokens: prompt, maxOutputTokens: longest } = request;
    const { tokens = Number.POSITIVE_INFINITY, money = Number.POSITIVE_INFINITY } = this.#budget;
    const isOver = this.#tokens + prompt + longest > tokens || this.#money + this.#cost(prompt, longest) > money;
    if (isOver)
      return {
        kind: 'budget',
        message: `the budget has no room for it: ${this.#spent()}`,
        hint: 'raise analyst.budget, or run again for the rest; what was answered is kept',
        usage: { durationMs: 0, attempts: 0 },
      };
    this.#add(prompt, longest, 1);
    const outcome = await this.#model.answer(request, signal);
    this.#add(prompt, longest, -1);
    const { usage } = outcome;
    if (usage.attempts > 0)
      this.#add(
        usage.promptTokens ?? prompt,
        usage.completionTokens ?? (outcome.kind === 'answer' ? Math.ceil(outcome.text.length / 2) : 0),
        1,
      );
    return outcome;
  }

  #add(prompt: number, completion: number, sign: 1 | -1): void {
    this.#tokens += sign * (prompt + completion);
    this.#money += sign * this.#cost(prompt, completion);
  }

  #cost(promptTokens: number, completionTokens: number): number {
    return costOf({ promptTokens, completionTokens }, this.#prices) ?? 0;
  }

  #spent(): string {
    const { tokens, money } = this.#budget;
    return [
      ...(tokens === undefined ? [] : [`${humanCount(this.#tokens)} of ${humanCount(tokens)} tokens are used`]),
      ...(money === undefined || this.#prices === undefined ? [] : [`${this.#money.toFixed(4)} of ${money} are spent`]),
    ].join(', ');
  }
}
