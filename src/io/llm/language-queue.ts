import type {
  LanguageFailure,
  LanguageModel,
  LanguageOutcome,
  LanguageRequest,
  LanguageUsage,
} from '../../analyst/index.ts';
import { humanCount, UserError } from '../../core/index.ts';
import { SEVERITIES, type Severity } from '../../incident/index.ts';

/** What may be spent: in tokens, in money, or both. Prices are of a million tokens, in the currency of `money`. */
export interface LanguageBudgetOptions {
  readonly tokens?: number | undefined;
  readonly money?: number | undefined;
  readonly inputPrice?: number | undefined;
  readonly outputPrice?: number | undefined;
}

export interface LanguageSpending {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Undefined without prices. */
  readonly money: number | undefined;
  /** Calls whose tokens the server did not tell: their estimate is counted. */
  readonly estimated: number;
}

/** What is set aside for a call that runs. */
export interface Reservation {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

const MILLION = 1e6;

/**
 * Keeps calls within what may be spent. Before a call its estimate and its longest answer are set aside, so that calls side by side can't overdraw it together; afterwards what it really took is counted.
 */
export class LanguageBudget {
  readonly #options: LanguageBudgetOptions;
  readonly #hasPrices: boolean;
  #prompt = 0;
  #completion = 0;
  #reservedPrompt = 0;
  #reservedCompletion = 0;
  #estimated = 0;

  /** Throws UserError for an amount of money without prices. */
  constructor(options: LanguageBudgetOptions) {
    this.#options = options;
    this.#hasPrices = options.inputPrice !== undefined || options.outputPrice !== undefined;
    if (options.money !== undefined && !this.#hasPrices)
      throw new UserError(
        'analyst.budget.money cannot be kept without prices',
        'set analyst.budget.inputPrice and outputPrice: the price of a million tokens',
      );
  }

  /** Sets aside what a call may take; the failure where that is more than is left. */
  reserve(request: LanguageRequest): Reservation | LanguageFailure {
    const wanted = { promptTokens: request.estimatedInputTokens, completionTokens: request.maxOutputTokens };
    const prompt = this.#prompt + this.#reservedPrompt + wanted.promptTokens;
    const completion = this.#completion + this.#reservedCompletion + wanted.completionTokens;
    const { tokens, money } = this.#options;
    if (tokens !== undefined && prompt + completion > tokens)
      return notAsked(
        `the next call may take ${humanCount(wanted.promptTokens + wanted.completionTokens)} tokens, and of the budget of ${humanCount(tokens)} tokens ${humanCount(this.#prompt + this.#completion)} are spent${this.#reserved()}`,
        'raise analyst.budget.tokens',
      );
    if (money !== undefined && this.#price(prompt, completion) > money)
      return notAsked(
        `the next call may cost ${amount(this.#price(wanted.promptTokens, wanted.completionTokens))}, and of the budget of ${amount(money)}, ${amount(this.#price(this.#prompt, this.#completion))} is spent${this.#reserved()}`,
        'raise analyst.budget.money',
      );
    this.#reservedPrompt += wanted.promptTokens;
    this.#reservedCompletion += wanted.completionTokens;
    return wanted;
  }

  /** Counts what a call took instead of what was set aside for it. */
  settle(reservation: Reservation, outcome: LanguageOutcome): void {
    this.#reservedPrompt -= reservation.promptTokens;
    this.#reservedCompletion -= reservation.completionTokens;
    const { promptTokens, completionTokens, attempts } = outcome.usage;
    if (promptTokens !== undefined || completionTokens !== undefined) {
      this.#prompt += promptTokens ?? reservation.promptTokens;
      this.#completion += completionTokens ?? 0;
    } else if (attempts > 0 && MAY_HAVE_COST.has(outcome.kind)) {
      this.#prompt += reservation.promptTokens;
      this.#completion += outcome.kind === 'answer' ? Math.ceil(outcome.text.length / 2) : 0;
      this.#estimated++;
    }
  }

  get spent(): LanguageSpending {
    return {
      promptTokens: this.#prompt,
      completionTokens: this.#completion,
      money: this.#hasPrices ? this.#price(this.#prompt, this.#completion) : undefined,
      estimated: this.#estimated,
    };
  }

  #price(promptTokens: number, completionTokens: number): number {
    const { inputPrice = 0, outputPrice = 0 } = this.#options;
    return (promptTokens * inputPrice + completionTokens * outputPrice) / MILLION;
  }

  #reserved(): string {
    const tokens = this.#reservedPrompt + this.#reservedCompletion;
    return tokens === 0 ? '' : `, with ${humanCount(tokens)} tokens set aside for calls that run`;
  }
}

/** Outcomes for which a server may have read the prompt. */
const MAY_HAVE_COST: ReadonlySet<LanguageOutcome['kind']> = new Set([
  'answer',
  'refused',
  'timeout',
  'cancelled',
  'truncated',
  'not-json',
]);

/** Money in a text: at least two digits behind the point, and more for small amounts. */
function amount(money: number): string {
  return money !== 0 && money < 0.01 ? String(Number(money.toPrecision(2))) : money.toFixed(2);
}

export interface LanguageQueueOptions {
  readonly model: LanguageModel;
  /** Calls at a time. Default 1, which is what one graphics card or processor does best. */
  readonly concurrency?: number | undefined;
  /** Calls that may wait; of more, the least urgent is turned away. Default 1,000. */
  readonly maxWaiting?: number | undefined;
  readonly budget?: LanguageBudget | undefined;
}

export interface LanguageJob {
  readonly request: LanguageRequest;
  /** More severe ones are asked first. */
  readonly severity: Severity;
  /** Among the same severity the higher is asked first, then the earlier. Default 0. */
  readonly score?: number | undefined;
  /** Equal ones are asked once, and all get the answer. */
  readonly fingerprint: string;
  readonly signal?: AbortSignal | undefined;
}

export interface LanguageQueueStatistics {
  readonly submitted: number;
  /** Submitted while an equal one waited or ran: no call of their own. */
  readonly joined: number;
  readonly asked: number;
  /** Turned away because too many waited. */
  readonly turnedAway: number;
  readonly waiting: number;
  readonly running: number;
  readonly mostRunning: number;
}

interface Waiter {
  readonly resolve: (outcome: LanguageOutcome) => void;
  readonly leave: () => void;
}

interface Entry {
  readonly fingerprint: string;
  readonly request: LanguageRequest;
  readonly nth: number;
  readonly abort: AbortController;
  readonly waiters: Set<Waiter>;
  severity: number;
  score: number;
  isRunning: boolean;
}

const DEFAULT_WAITING = 1000;
const NO_USAGE: LanguageUsage = { durationMs: 0, attempts: 0 };
/** Failures that every further call would meet. */
const FOR_ALL: ReadonlySet<LanguageOutcome['kind']> = new Set(['unauthorized', 'no-such-model']);

/**
 * Calls of a language model in order of severity, a few at a time, equal ones once, within a budget. What is submitted always ends in an outcome: when too many wait, the least urgent in 'budget'; when
 * its signal comes, in 'cancelled' at once; when the key or the model turns out to be wrong, all in that.
 */
export class LanguageQueue {
  readonly #model: LanguageModel;
  readonly #concurrency: number;
  readonly #maxWaiting: number;
  readonly #budget: LanguageBudget | undefined;
  readonly #entries = new Map<string, Entry>();
  #waiting: Entry[] = [];
  #running = 0;
  #mostRunning = 0;
  #submitted = 0;
  #joined = 0;
  #asked = 0;
  #turnedAway = 0;
  #nth = 0;
  #end: LanguageFailure | undefined;

  constructor(options: LanguageQueueOptions) {
    this.#model = options.model;
    this.#concurrency = options.concurrency ?? 1;
    this.#maxWaiting = options.maxWaiting ?? DEFAULT_WAITING;
    this.#budget = options.budget;
  }

  submit(job: LanguageJob): Promise<LanguageOutcome> {
    this.#submitted++;
    if (job.signal?.aborted === true) return Promise.resolve(CANCELLED);
    if (this.#end !== undefined) return Promise.resolve(this.#end);
    const severity = SEVERITIES.indexOf(job.severity);
    const score = job.score ?? 0;
    const equal = this.#entries.get(job.fingerprint);
    if (equal !== undefined) {
      this.#joined++;
      if (severity > equal.severity) [equal.severity, equal.score] = [severity, score];
      else if (severity === equal.severity) equal.score = Math.max(score, equal.score);
      return this.#wait(equal, job.signal);
    }
    const entry: Entry = {
      fingerprint: job.fingerprint,
      request: job.request,
      nth: this.#nth++,
      abort: new AbortController(),
      waiters: new Set(),
      severity,
      score,
      isRunning: false,
    };
    this.#entries.set(job.fingerprint, entry);
    this.#waiting.push(entry);
    const outcome = this.#wait(entry, job.signal);
    this.#start();
    if (this.#waiting.length > this.#maxWaiting) {
      const least = this.#waiting.reduce((a, b) => (isBefore(a, b) ? b : a));
      this.#turnedAway++;
      this.#finish(
        least,
        notAsked(
          `more than ${humanCount(this.#maxWaiting)} calls wait for the model, and this one was the least urgent`,
        ),
      );
    }
    return outcome;
  }

  /** Ends everything: what runs and what waits is cancelled, and so is what is submitted later. */
  close(): void {
    this.#end ??= CANCELLED;
    for (const entry of [...this.#entries.values()]) {
      entry.abort.abort();
      this.#finish(entry, CANCELLED);
    }
  }

  statistics(): LanguageQueueStatistics {
    return {
      submitted: this.#submitted,
      joined: this.#joined,
      asked: this.#asked,
      turnedAway: this.#turnedAway,
      waiting: this.#waiting.length,
      running: this.#running,
      mostRunning: this.#mostRunning,
    };
  }

  #wait(entry: Entry, signal: AbortSignal | undefined): Promise<LanguageOutcome> {
    return new Promise((resolve) => {
      const onAbort = (): void => {
        waiter.leave();
        entry.waiters.delete(waiter);
        resolve(CANCELLED);
        if (entry.waiters.size > 0) return;
        // Nobody wants it any more.
        entry.abort.abort();
        if (!entry.isRunning) this.#finish(entry, CANCELLED);
        else this.#entries.delete(entry.fingerprint);
      };
      const waiter: Waiter = { resolve, leave: () => signal?.removeEventListener('abort', onAbort) };
      entry.waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #start(): void {
    while (this.#running < this.#concurrency && this.#waiting.length > 0) {
      const next = this.#waiting.reduce((a, b) => (isBefore(a, b) ? a : b));
      const reservation = this.#budget?.reserve(next.request);
      if (reservation !== undefined && 'kind' in reservation) {
        this.#finish(next, reservation);
        continue;
      }
      this.#remove(next);
      next.isRunning = true;
      this.#running++;
      this.#asked++;
      this.#mostRunning = Math.max(this.#mostRunning, this.#running);
      void this.#run(next, reservation);
    }
  }

  async #run(entry: Entry, reservation: Reservation | undefined): Promise<void> {
    let outcome: LanguageOutcome;
    try {
      outcome = await this.#model.answer(entry.request, entry.abort.signal);
    } catch (error) {
      // A model does not reject; if one does, those who wait must still hear of it.
      outcome = {
        kind: 'server-error',
        message: `the call failed: ${error instanceof Error ? error.message : String(error)}`,
        usage: NO_USAGE,
      };
    }
    if (reservation !== undefined) this.#budget?.settle(reservation, outcome);
    this.#running--;
    this.#finish(entry, outcome);
    if (outcome.kind !== 'answer' && FOR_ALL.has(outcome.kind)) {
      this.#end ??= { ...outcome, usage: NO_USAGE };
      for (const other of [...this.#waiting]) this.#finish(other, this.#end);
    }
    this.#start();
  }

  #finish(entry: Entry, outcome: LanguageOutcome): void {
    this.#remove(entry);
    if (this.#entries.get(entry.fingerprint) === entry) this.#entries.delete(entry.fingerprint);
    for (const waiter of entry.waiters) {
      waiter.leave();
      waiter.resolve(outcome);
    }
    entry.waiters.clear();
  }

  #remove(entry: Entry): void {
    this.#waiting = this.#waiting.filter((other) => other !== entry);
  }
}

const CANCELLED: LanguageFailure = { kind: 'cancelled', message: 'the call was cancelled', usage: NO_USAGE };

function notAsked(message: string, hint?: string): LanguageFailure {
  return { kind: 'budget', message, ...(hint === undefined ? {} : { hint }), usage: NO_USAGE };
}

function isBefore(a: Entry, b: Entry): boolean {
  if (a.severity !== b.severity) return a.severity > b.severity;
  if (a.score !== b.score) return a.score > b.score;
  return a.nth < b.nth;
}
