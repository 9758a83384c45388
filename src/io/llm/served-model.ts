import type {
  LanguageFailure,
  LanguageFailureKind,
  LanguageModel,
  LanguageOutcome,
  LanguageRequest,
  LanguageUsage,
} from '../../analyst/index.ts';
import { humanBytes, humanCount, humanDuration, type Json, nearest, safeText } from '../../core/index.ts';
import { backOffDelay } from '../source/stream-client.ts';
import { SYSTEM_TIMING, type Timing } from '../timing.ts';
import { findAnswer, isObject, isRefusal } from './answer-text.ts';
import { CircuitBreaker } from './breaker.ts';
import { type Ask, type Dialect, errorText, member, type SchemaWay, type SpokenAnswer } from './dialect.ts';
import type { EgressLedger } from './egress.ts';
import { type Exchange, exchange } from './exchange.ts';
import { type OllamaModelFacts, parseOllamaShow } from './ollama.ts';
import { isWithin, type Place, placeOfAddress, type Resolver, systemResolver } from './place.ts';
import { contextStep, TokenEstimator } from './tokens.ts';

/** How long is waited, how often it is tried again, and when it is given up. All in ms where not said otherwise. */
export interface CallPolicy {
  readonly connectMs: number;
  /** Until the first token: a model that must be loaded, and a long prompt on a slow machine, take minutes. */
  readonly firstTokenMs: number;
  /** Between tokens. */
  readonly idleMs: number;
  /** A call with all that is tried again. */
  readonly totalMs: number;
  /** Requests for one call at most. */
  readonly attempts: number;
  readonly backOffMs: number;
  readonly maxBackOffMs: number;
  readonly maxAnswerBytes: number;
  /** Calls in a row that fail before calls are no longer made, and for how long they are not. */
  readonly breakerFailures: number;
  readonly breakerPauseMs: number;
}

export const DEFAULT_CALL_POLICY: CallPolicy = {
  connectMs: 5000,
  firstTokenMs: 180_000,
  idleMs: 60_000,
  totalMs: 600_000,
  attempts: 4,
  backOffMs: 500,
  maxBackOffMs: 30_000,
  maxAnswerBytes: 4 * 1024 * 1024,
  breakerFailures: 5,
  breakerPauseMs: 60_000,
};

export interface CallStatistics {
  /** Calls of `answer`. */
  readonly calls: number;
  /** Requests sent for them. */
  readonly requests: number;
  /** Of these, those that followed a failed one. */
  readonly retries: number;
  /** Times that the schema was told in a looser way because the server did not follow the stricter one. */
  readonly looser: number;
  /** Calls by how they ended. */
  readonly outcomes: Readonly<Partial<Record<LanguageOutcome['kind'], number>>>;
}

export interface ServedModelOptions {
  readonly dialect: Dialect;
  /** Where the API begins, with a slash at the end. */
  readonly base: URL;
  readonly model: string;
  /** Where the model runs. */
  readonly place: Place;
  /** Where its server may stand, if that is nearer: Ollama on this machine passes some models' calls on. Default `place`. */
  readonly reach?: Place | undefined;
  /** Whether a server may pass calls on to the outside. */
  readonly allowRemote?: boolean | undefined;
  readonly key?: string | undefined;
  readonly temperature?: number | undefined;
  readonly maxContextTokens?: number | undefined;
  /** Instead of what requests ask for: the operator's word. */
  readonly maxOutputTokens?: number | undefined;
  readonly policy?: Partial<CallPolicy> | undefined;
  readonly egress?: EgressLedger | undefined;
  readonly timing?: Timing | undefined;
  readonly resolve?: Resolver | undefined;
}

/** A list of models, or why there is none. */
export type ModelList = { readonly kind: 'models'; readonly models: readonly string[] } | LanguageFailure;

const DEFAULT_MAX_CONTEXT = 32_768;
const MAX_LIST_BYTES = 4 * 1024 * 1024;
/** For lists of models and facts about one: no model has to think for them. */
const LIST_MS = 15_000;
/** Shorter keys are not looked for in what servers say: they would be part of many words. */
const MIN_KEY = 6;
/** Outcomes that say that the server or the way to it is ill. */
const ILL: ReadonlySet<LanguageOutcome['kind']> = new Set([
  'timeout',
  'unreachable',
  'server-error',
  'unauthorized',
  'no-such-model',
]);

type Trouble = { readonly kind: LanguageFailureKind; readonly message: string; readonly hint?: string };

/** What one request came to. */
type Step =
  | { readonly next: 'answer'; readonly text: string }
  | { readonly next: 'fail'; readonly trouble: Trouble }
  /** The same again, after a pause: the server's own, or one that grows. */
  | { readonly next: 'retry'; readonly trouble: Trouble; readonly waitMs?: number | undefined }
  /** The same again when the server has loaded the model: no failure, but no longer than the first word may take. */
  | { readonly next: 'wait'; readonly trouble: Trouble }
  /** The same again at once, in another form. */
  | { readonly next: 'adapt'; readonly trouble: Trouble; readonly looser: boolean };

/** What was spent so far on one call. */
interface Effort {
  readonly began: number;
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  attempts: number;
  firstTokenMs: number | undefined;
  spoken: SpokenAnswer | undefined;
  /** From the first word of the last request to its end. */
  answerMs: number | undefined;
  /** Of all requests together, as far as they were told. */
  promptTokens: number | undefined;
  completionTokens: number | undefined;
}

/**
 * A language model behind an HTTP API. Every call ends in a typed outcome, within its time, and is counted; a signal ends it at once. Connections go only where the place allows, however the name is
 * looked up meanwhile.
 */
export class ServedModel implements LanguageModel {
  readonly provider: string;
  readonly model: string;
  readonly place: Place;
  /** Host and port. */
  readonly server: string;
  readonly policy: CallPolicy;
  readonly #options: ServedModelOptions;
  readonly #dialect: Dialect;
  readonly #timing: Timing;
  readonly #breaker: CircuitBreaker;
  readonly #tokens = new TokenEstimator();
  readonly #maxContext: number;
  readonly #outcomes: Partial<Record<LanguageOutcome['kind'], number>> = {};
  #calls = 0;
  #requests = 0;
  #retries = 0;
  #looser = 0;
  /** How each schema is told by now: a server may know one and refuse another. */
  readonly #waysTaken = new Map<string, SchemaWay>();
  #contextTokens = 0;
  /** What the context may grow to. */
  #mostContext = 0;
  #hasAnswered = false;
  #facts: OllamaModelFacts | undefined;

  constructor(options: ServedModelOptions) {
    this.#options = options;
    this.#dialect = options.dialect;
    this.provider = options.dialect.provider;
    this.model = options.model;
    this.place = options.place;
    this.server = options.base.host;
    this.policy = { ...DEFAULT_CALL_POLICY, ...options.policy };
    this.#timing = options.timing ?? SYSTEM_TIMING;
    this.#maxContext = options.maxContextTokens ?? DEFAULT_MAX_CONTEXT;
    this.#breaker = new CircuitBreaker({
      failures: this.policy.breakerFailures,
      pauseMs: this.policy.breakerPauseMs,
      timing: this.#timing,
    });
  }

  statistics(): CallStatistics {
    return {
      calls: this.#calls,
      requests: this.#requests,
      retries: this.#retries,
      looser: this.#looser,
      outcomes: { ...this.#outcomes },
    };
  }

  /** Tokens of a text with so many characters, by what the model's answers have shown so far. */
  estimateTokens(chars: number): number {
    return this.#tokens.estimate(chars);
  }

  async answer(asked: LanguageRequest, signal?: AbortSignal): Promise<LanguageOutcome> {
    const request = { ...asked, maxOutputTokens: this.#options.maxOutputTokens ?? asked.maxOutputTokens };
    const effort = this.#begin(this.policy.totalMs, signal);
    this.#calls++;
    const outcome = await this.#answer(request, effort);
    this.#outcomes[outcome.kind] = (this.#outcomes[outcome.kind] ?? 0) + 1;
    return outcome;
  }

  /** The models that the server has. */
  async models(signal?: AbortSignal): Promise<ModelList> {
    const effort = this.#begin(LIST_MS, signal);
    const { result, text } = await this.#get(this.#dialect.modelsPath, effort);
    if (result.kind === 'answer' && result.status === 200) {
      const models = this.#dialect.models(text);
      if (models !== undefined) return { kind: 'models', models };
      return this.#failure(this.#foreign(), effort);
    }
    const step = this.#judge(result, 1, effort, null);
    return this.#failure(step.next === 'answer' ? this.#foreign() : step.trouble, effort);
  }

  #begin(ms: number, signal: AbortSignal | undefined): Effort {
    const began = this.#timing.now();
    return {
      began,
      deadline: began + ms,
      signal,
      attempts: 0,
      firstTokenMs: undefined,
      spoken: undefined,
      answerMs: undefined,
      promptTokens: undefined,
      completionTokens: undefined,
    };
  }

  async #answer(request: LanguageRequest, effort: Effort): Promise<LanguageOutcome> {
    if (effort.signal?.aborted === true) return this.#failure(CANCELLED, effort);
    if (!this.#breaker.admit()) {
      const { inRow, last, waitMs } = this.#breaker.state;
      const message = `${this.server} was not asked, because the last ${humanCount(inRow)} calls failed: ${last}`;
      const hint = waitMs > 0 ? `it is asked again in ${humanDuration(waitMs)}` : 'one call is trying it just now';
      return this.#failure({ kind: 'unreachable', message, hint }, effort);
    }
    const outcome = await this.#try(request, effort);
    if (outcome.kind === 'cancelled') this.#breaker.forget();
    else if (outcome.kind !== 'answer' && ILL.has(outcome.kind)) this.#breaker.fail(outcome.message);
    else this.#breaker.succeed();
    return outcome;
  }

  async #try(request: LanguageRequest, effort: Effort): Promise<LanguageOutcome> {
    const chars = request.system.length + request.messages.reduce((sum, { text }) => sum + text.length, 0);
    const unfit = await this.#fit(request, chars, effort);
    if (unfit !== undefined) return this.#failure(unfit, effort);
    let failures = 0;
    // Forms of the request that are tried without a pause are few: each is given up for good.
    for (let forms = 0; ; ) {
      const step = await this.#ask(request, chars, failures + 1, effort);
      if (step.next === 'answer') {
        this.#hasAnswered = true;
        return { kind: 'answer', text: step.text, usage: this.#usage(effort) };
      }
      if (step.next === 'fail') {
        const trouble =
          step.trouble.kind === 'no-such-model' ? await this.#nearModel(step.trouble, effort) : step.trouble;
        return this.#failure(trouble, effort);
      }
      if (step.next === 'adapt') {
        if (step.looser) this.#looser++;
        if (++forms > MAX_FORMS) return this.#failure(step.trouble, effort);
        continue;
      }
      if (step.next === 'wait') {
        if (this.#timing.now() + LOADING_MS >= Math.min(effort.deadline, effort.began + this.policy.firstTokenMs))
          return this.#failure(
            {
              ...step.trouble,
              message: `${this.#options.base.origin}: it loaded its model for longer than ${humanDuration(this.policy.firstTokenMs)}`,
              hint: LATE_HINTS.first,
            },
            effort,
          );
        if (!(await this.#pause(LOADING_MS, effort.signal))) return this.#failure(CANCELLED, effort);
        continue;
      }
      failures++;
      const waitMs =
        step.waitMs ?? backOffDelay(failures, this.policy.backOffMs, this.policy.maxBackOffMs, this.#timing.random());
      if (failures >= this.policy.attempts || this.#timing.now() + waitMs >= effort.deadline)
        return this.#failure(step.trouble, effort);
      if (!(await this.#pause(waitMs, effort.signal))) return this.#failure(CANCELLED, effort);
      this.#retries++;
    }
  }

  /** Chooses the size of the context; says why a prompt can't fit. */
  async #fit(request: LanguageRequest, chars: number, effort: Effort): Promise<Trouble | undefined> {
    const need = this.#tokens.need(chars, request.estimatedInputTokens, request.maxOutputTokens);
    if (this.#dialect.provider !== 'ollama') return undefined;
    if (this.#facts === undefined) this.#facts = await this.#show(effort);
    const { remoteHost } = this.#facts ?? {};
    if (remoteHost !== undefined && this.#options.allowRemote !== true)
      return {
        kind: 'unreachable',
        message: `Ollama does not run ${safeText(this.model, 80)} itself but passes incidents on to ${safeText(remoteHost, 80)}; nothing was sent`,
        hint: 'take a model that runs here; to allow it, set analyst.allowRemote: true',
      };
    const most = Math.min(this.#maxContext, this.#facts?.contextTokens ?? this.#maxContext);
    if (need > most)
      return {
        kind: 'truncated',
        message: `the prompt and its answer need about ${humanCount(need)} tokens, and ${safeText(this.model, 80)} is given ${humanCount(most)}`,
        hint:
          most < this.#maxContext
            ? 'take a model with a longer context'
            : `set analyst.maxContextTokens: ${contextStep(need)}`,
      };
    // It only grows: a smaller context would load the model anew.
    this.#mostContext = most;
    this.#contextTokens = Math.min(most, Math.max(this.#contextTokens, contextStep(need)));
    return undefined;
  }

  /** What Ollama knows of the model; undefined where it does not say, which is no failure of the call. */
  async #show(effort: Effort): Promise<OllamaModelFacts | undefined> {
    const { result, text } = await this.#get('api/show', effort, { model: this.model });
    const facts = result.kind === 'answer' && result.status === 200 ? parseOllamaShow(text) : undefined;
    if (facts !== undefined && 'facts' in this.#dialect) this.#dialect.facts = facts;
    return facts;
  }

  async #ask(request: LanguageRequest, chars: number, attempt: number, effort: Effort): Promise<Step> {
    const way = this.#wayOf(request.schema);
    const ask: Ask = {
      model: this.model,
      request,
      way,
      temperature: request.temperature ?? this.#options.temperature ?? 0,
      contextTokens: this.#contextTokens,
    };
    const body = JSON.stringify(this.#dialect.body(ask));
    const reader = this.#dialect.reader();
    const began = this.#timing.now();
    let first: number | undefined;
    effort.attempts++;
    this.#requests++;
    const result = await this.#exchange(this.#dialect.answerPath, effort, {
      method: 'POST',
      body,
      onSent: () => this.#note(body, request),
      onBytes: (bytes) => {
        const progress = reader.push(bytes);
        if (progress === 'token') first ??= this.#timing.now() - began;
        return progress;
      },
    });
    if (result.kind !== 'answer' || result.status < 200 || result.status > 299)
      return this.#judge(result, attempt, effort, request.schema);
    const spoken = reader.end();
    effort.spoken = spoken;
    effort.firstTokenMs = first;
    // The time that the server tells is that of the answer alone.
    effort.answerMs = spoken.answerMs ?? (first === undefined ? undefined : this.#timing.now() - began - first);
    effort.promptTokens = sum(effort.promptTokens, spoken.promptTokens);
    effort.completionTokens = sum(effort.completionTokens, spoken.completionTokens);
    return this.#weigh(spoken, request, chars, way);
  }

  /** What an answer with status 2xx is worth. */
  #weigh(spoken: SpokenAnswer, request: LanguageRequest, chars: number, way: SchemaWay): Step {
    const model = safeText(this.model, 80);
    if (spoken.isForeign) return { next: 'fail', trouble: this.#foreign() };
    if (spoken.error !== undefined) return this.#told(200, spoken.error, request.schema);
    if (spoken.stop === undefined && spoken.text === '' && spoken.refusal === undefined)
      return { next: 'retry', trouble: this.#server('the answer broke off before its first word') };
    if (spoken.refusal !== undefined || spoken.stop === 'filter')
      return { next: 'fail', trouble: { kind: 'refused', message: `${model} refused to answer` } };
    const { promptTokens } = spoken;
    if (promptTokens !== undefined) {
      const isFull = this.#contextTokens > 0 && promptTokens >= this.#contextTokens - request.maxOutputTokens / 2;
      if (isFull || this.#tokens.isCut(chars, promptTokens)) {
        const trouble: Trouble = {
          kind: 'truncated',
          message: `${model} read ${humanCount(promptTokens)} tokens, not the whole prompt of about ${humanCount(Math.max(request.estimatedInputTokens, this.#tokens.estimate(chars)))}: the server cut it`,
          hint: 'give the server a longer context, or take a model that has one',
        };
        // A prompt of rarer characters than thought: there may be room.
        if (!isFull || this.#contextTokens >= this.#mostContext) return { next: 'fail', trouble };
        this.#contextTokens = Math.min(this.#mostContext, this.#contextTokens * 2);
        return { next: 'adapt', trouble, looser: false };
      }
      this.#tokens.measure(chars, promptTokens);
    }
    const required = requiredOf(request.schema);
    const found = findAnswer(spoken.text, required);
    if (found !== undefined) return { next: 'answer', text: found };
    if (spoken.stop === 'length')
      return {
        next: 'fail',
        trouble: {
          kind: 'truncated',
          message: `the answer of ${model} was not at its end after ${humanCount(request.maxOutputTokens)} tokens`,
          hint: `set analyst.maxOutputTokens: ${request.maxOutputTokens * 2}`,
        },
      };
    if (spoken.stop === undefined)
      return { next: 'retry', trouble: this.#server('the answer broke off before its end') };
    // An object of another shape is what the model had to say: whoever knows the schema judges it.
    const anyObject = findAnswer(spoken.text, []);
    const looser = this.#loosen(request.schema, way);
    const trouble: Trouble = { kind: 'not-json', message: `${model} did not answer with a JSON object` };
    if (isRefusal(spoken.text) && anyObject === undefined)
      return { next: 'fail', trouble: { kind: 'refused', message: `${model} refused to answer` } };
    if (looser) return { next: 'adapt', trouble, looser: true };
    if (anyObject !== undefined && isObject(anyObject)) return { next: 'answer', text: anyObject };
    return { next: 'fail', trouble };
  }

  #wayOf(schema: Json): SchemaWay {
    return this.#waysTaken.get(JSON.stringify(schema)) ?? this.#dialect.ways[0] ?? 'text';
  }

  /** Takes the next looser way to tell this schema; false where there is none. Another call may have gone farther already. */
  #loosen(schema: Json, from: SchemaWay): boolean {
    const { ways } = this.#dialect;
    const next = ways[ways.indexOf(from) + 1];
    if (next === undefined) return false;
    if (ways.indexOf(this.#wayOf(schema)) >= ways.indexOf(next)) return true;
    if (this.#waysTaken.size >= MAX_SCHEMAS) this.#waysTaken.clear();
    this.#waysTaken.set(JSON.stringify(schema), next);
    return true;
  }

  /** What came of a request that brought no answer. */
  #judge(result: Exchange, attempt: number, effort: Effort, schema: Json): Step {
    const base = this.#options.base.origin;
    switch (result.kind) {
      case 'cancelled':
        return { next: 'fail', trouble: CANCELLED };
      case 'timeout': {
        const trouble: Trouble = {
          kind: 'timeout',
          message: `${base}: ${this.#late(result.phase, effort)}`,
          hint: LATE_HINTS[result.phase],
        };
        // Who was silent for minutes twice is not asked a third time.
        const isFinal = result.phase === 'total' || (result.phase !== 'connect' && attempt > 1);
        return { next: isFinal ? 'fail' : 'retry', trouble };
      }
      case 'elsewhere':
        return {
          next: 'fail',
          trouble: {
            kind: 'unreachable',
            message: `${base} leads to ${safeText(result.address, 60)}, which is ${placeOfAddress(result.address) === 'remote' ? 'outside this network' : 'not on this machine'}; nothing was sent there`,
            hint: 'check the name, or give the address of the server in analyst.url',
          },
        };
      case 'broken': {
        const trouble: Trouble = {
          kind: 'unreachable',
          message: `${base}: ${this.#clean(result.message)}`,
          hint: TLS_CODE.test(result.code)
            ? 'check whether it is http:// or https://, and the certificate'
            : this.#dialect.absentHint(),
        };
        // Nobody there at first is somebody who was not started; later it may be a restart.
        const isAbsent = NOBODY_THERE.has(result.code) && !this.#hasAnswered && attempt === 1;
        return isAbsent || TLS_CODE.test(result.code) ? { next: 'fail', trouble } : { next: 'retry', trouble };
      }
      case 'too-large':
        return {
          next: 'fail',
          trouble: this.#server(`the answer is longer than ${humanBytes(this.policy.maxAnswerBytes)}`),
        };
      case 'web-page':
        return { next: 'fail', trouble: this.#foreign() };
      case 'answer':
        return this.#status(result, attempt, schema);
    }
  }

  #status(result: Extract<Exchange, { kind: 'answer' }>, attempt: number, schema: Json): Step {
    const { status, headers, text } = result;
    const base = this.#options.base.origin;
    if (status >= 300 && status < 400) {
      const to = typeof headers.location === 'string' ? ` to ${this.#clean(headers.location)}` : '';
      return {
        next: 'fail',
        trouble: {
          ...this.#server(`it sends us on${to} (${status}), and nobody is followed elsewhere`),
          hint: 'put the right address into analyst.url',
        },
      };
    }
    if (status === 401 || status === 403)
      return {
        next: 'fail',
        trouble: {
          kind: 'unauthorized',
          message: `${base} does not accept the key (${status})`,
          hint:
            this.#options.key === undefined
              ? 'put the key into the environment or .env: ANOMALYST_LLM_KEY=...'
              : 'check the key in the environment or .env (ANOMALYST_LLM_KEY, or the variable that analyst.keyFrom names)',
        },
      };
    const told = errorText(text);
    if (status === 429) {
      if (/insufficient_quota|exceeded your current quota|billing/i.test(text))
        return {
          next: 'fail',
          trouble: { kind: 'rate-limited', message: `${base}: the quota of the key is used up (429)` },
        };
      const waitMs = retryAfter(headers['retry-after'], this.#timing.now());
      return {
        next: 'retry',
        waitMs,
        trouble: {
          kind: 'rate-limited',
          message: `${base} asks for fewer calls (429)`,
          hint:
            waitMs === undefined
              ? 'set a smaller analyst.concurrency'
              : `it can be asked again in ${humanDuration(waitMs)}`,
        },
      };
    }
    if (told === undefined && /^\s*</.test(text) && status < 500) return { next: 'fail', trouble: this.#foreign() };
    if (status === 503 && told !== undefined && LOADING.test(told))
      return {
        next: 'wait',
        trouble: {
          kind: 'timeout',
          message: `${base}: it is still loading its model`,
          hint: 'try again in a moment',
        },
      };
    if (status >= 500 && attempt <= this.policy.attempts && !LASTING.test(told ?? ''))
      return {
        next: 'retry',
        waitMs: status === 503 ? retryAfter(headers['retry-after'], this.#timing.now()) : undefined,
        trouble: this.#server(told === undefined ? `status ${status}` : `${this.#clean(told)} (${status})`),
      };
    if (status === 408) return { next: 'retry', trouble: this.#server('it waited too long for the request (408)') };
    if (status === 404 && told === undefined) return { next: 'fail', trouble: this.#foreign() };
    return this.#told(status, told ?? text, schema);
  }

  /** What a server's own words mean. */
  #told(status: number, text: string, schema: Json): Step {
    const said = this.#clean(text);
    const quoted = this.#server(status === 200 ? said : `${said} (${status})`);
    if (status === 413 || TOO_LONG.test(text))
      return {
        next: 'fail',
        trouble: {
          kind: 'truncated',
          message: `${this.#options.base.origin}: the prompt is too long for ${safeText(this.model, 80)}: ${said}`,
          hint: 'give the server a longer context, or take a model that has one',
        },
      };
    if (NO_MODEL.test(text) && (status === 404 || status === 400 || status === 200))
      return {
        next: 'fail',
        trouble: {
          kind: 'no-such-model',
          message: `${this.#options.base.origin} has no model '${safeText(this.model, 80)}'`,
          hint: this.#dialect.missingModelHint(safeText(this.model, 80)),
        },
      };
    if (status === 400 || status === 422) {
      if (this.#dialect.concede(text)) return { next: 'adapt', trouble: quoted, looser: false };
      if (SCHEMA_WORDS.test(text) && this.#loosen(schema, this.#wayOf(schema)))
        return { next: 'adapt', trouble: quoted, looser: true };
    }
    // An error in the middle of a stream came after the server had taken the request: it may pass.
    return status === 200 && !LASTING.test(text)
      ? { next: 'retry', trouble: quoted }
      : { next: 'fail', trouble: quoted };
  }

  /** Adds the nearest name that the server has. */
  async #nearModel(trouble: Trouble, effort: Effort): Promise<Trouble> {
    const list = await this.models(effort.signal);
    if (list.kind !== 'models') return trouble;
    const near = nearest(this.model, list.models);
    const has = list.models.slice(0, 5).map((name) => safeText(name, 60));
    const offer =
      near !== undefined
        ? `or did you mean '${safeText(near, 80)}'?`
        : has.length === 0
          ? 'it has no model at all'
          : `it has ${has.join(', ')}${list.models.length > has.length ? ` and ${humanCount(list.models.length - has.length)} more` : ''}`;
    return { ...trouble, hint: trouble.hint === undefined ? offer : `${trouble.hint}; ${offer}` };
  }

  #foreign(): Trouble {
    const { origin } = this.#options.base;
    return {
      kind: 'server-error',
      message: `${origin} does not answer as ${this.provider === 'ollama' ? 'Ollama' : 'an OpenAI-compatible server'} does`,
      hint:
        this.provider === 'ollama'
          ? 'give the address of Ollama itself: analyst.url: http://127.0.0.1:11434'
          : 'give the address of its API, mostly with /v1 at the end: analyst.url: http://127.0.0.1:8080/v1',
    };
  }

  #server(what: string): Trouble {
    return { kind: 'server-error', message: `${this.#options.base.origin}: ${what}` };
  }

  #late(phase: 'connect' | 'first' | 'idle' | 'total', effort: Effort): string {
    if (phase === 'connect') return `no connection within ${humanDuration(this.policy.connectMs)}`;
    if (phase === 'first') return `not a word within ${humanDuration(this.policy.firstTokenMs)}`;
    if (phase === 'idle') return `silent for ${humanDuration(this.policy.idleMs)} in the middle of its answer`;
    return `not done within ${humanDuration(effort.deadline - effort.began)}`;
  }

  /** Text of a server for a message: short, harmless, without the key. */
  #clean(text: string): string {
    const { key } = this.#options;
    const bare = text.slice(0, 2000).trim();
    return safeText(key === undefined || key.length < MIN_KEY ? bare : bare.replaceAll(key, '[key]'), 200);
  }

  #note(body: string, request: LanguageRequest): void {
    const { remoteHost } = this.#facts ?? {};
    this.#options.egress?.note({
      to: remoteHost === undefined ? this.server : `${remoteHost} by way of ${this.server}`,
      place: remoteHost === undefined ? this.place : 'remote',
      bytes: Buffer.byteLength(body),
      systemBytes: Buffer.byteLength(request.system),
      messageBytes: request.messages.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0),
      schemaBytes: Buffer.byteLength(JSON.stringify(request.schema)),
    });
  }

  async #get(path: string, effort: Effort, body?: Json): Promise<{ result: Exchange; text: string }> {
    const decoder = new TextDecoder();
    let text = '';
    const result = await this.#exchange(path, effort, {
      method: body === undefined ? 'GET' : 'POST',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      maxBytes: MAX_LIST_BYTES,
      firstMs: LIST_MS,
      onBytes: (bytes) => {
        text += decoder.decode(bytes, { stream: true });
        return 'token';
      },
    });
    return { result, text };
  }

  #exchange(
    path: string,
    effort: Effort,
    part: Pick<Parameters<typeof exchange>[0], 'method' | 'body' | 'onBytes' | 'onSent'> & {
      readonly maxBytes?: number;
      readonly firstMs?: number;
    },
  ): Promise<Exchange> {
    const { key, base, resolve = systemResolver } = this.#options;
    return exchange({
      maxBytes: this.policy.maxAnswerBytes,
      firstMs: this.policy.firstTokenMs,
      ...part,
      url: new URL(path, base),
      headers: {
        accept: 'application/json, text/event-stream, application/x-ndjson',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      resolve,
      admits: (address) => isWithin(placeOfAddress(address), this.#options.reach ?? this.place),
      connectMs: this.policy.connectMs,
      idleMs: this.policy.idleMs,
      deadline: effort.deadline,
      timing: this.#timing,
      signal: effort.signal,
    });
  }

  /** Resolves true after the pause, false at once when the signal comes. */
  #pause(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const onAbort = (): void => {
        cancel();
        resolve(false);
      };
      const cancel = this.#timing.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve(true);
      });
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #failure(trouble: Trouble, effort: Effort): LanguageFailure {
    return { ...trouble, usage: this.#usage(effort) };
  }

  #usage(effort: Effort): LanguageUsage {
    const { spoken, firstTokenMs, answerMs, attempts, promptTokens, completionTokens } = effort;
    const durationMs = this.#timing.now() - effort.began;
    const tokens = spoken?.completionTokens;
    return {
      durationMs,
      attempts,
      ...(promptTokens === undefined ? {} : { promptTokens }),
      ...(completionTokens === undefined ? {} : { completionTokens }),
      ...(firstTokenMs === undefined ? {} : { firstTokenMs }),
      ...(tokens === undefined || answerMs === undefined || answerMs <= 0
        ? {}
        : { tokensPerSecond: (tokens / answerMs) * 1000 }),
    };
  }
}

const CANCELLED: Trouble = { kind: 'cancelled', message: 'the call was cancelled' };
/** Schemas whose way is kept; with more it is learned anew. */
const MAX_SCHEMAS = 64;
/** More changes of form in one call than a server can ask for. */
const MAX_FORMS = 8;
const NOBODY_THERE: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH']);
const TLS_CODE = /^(?:CERT_|ERR_TLS|ERR_SSL|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_VERIFY|HPE_)/;
const NO_MODEL =
  /model.{0,200}(?:not found|does not exist|not exist|not available|unknown|no such)|(?:no such|unknown|invalid) model|model_not_found/is;
const TOO_LONG =
  /context.{0,20}(?:length|size|window)|too many tokens|maximum context|prompt is too long|exceed.{0,40}context/is;
const SCHEMA_WORDS = /response_format|json_schema|json_object|schema|grammar|structured|guided/i;
/** llama.cpp answers so, and vLLM's front ends, while weights are read from the disk. */
const LOADING = /\bloading\b/i;
const LOADING_MS = 1000;
/** Failures that come again however often it is tried. */
const LASTING = /more system memory|out of memory|requires more|not support/i;
const LATE_HINTS: Readonly<Record<'connect' | 'first' | 'idle' | 'total', string>> = {
  connect: 'check analyst.url, and that nothing between drops the connection',
  first:
    'the model may be too large for the machine: take a smaller one, or set a longer analyst.timeouts.firstTokenMs',
  idle: 'set a longer analyst.timeouts.idleMs if the machine is that slow',
  total: 'take a smaller model, or set a longer analyst.timeouts.totalMs',
};

function sum(before: number | undefined, more: number | undefined): number | undefined {
  return more === undefined ? before : (before ?? 0) + more;
}

function requiredOf(schema: Json): string[] {
  const required = member(schema, 'required');
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
}

/** Retry-After in ms: seconds, or an HTTP date (RFC 9110 10.2.3); undefined for anything else. */
export function retryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}(?:\.\d{1,6})?$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
