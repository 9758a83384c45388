import type { Json } from '../../core/index.ts';
import {
  type Ask,
  countMember,
  type Dialect,
  errorText,
  LineReader,
  member,
  parsed,
  type SpokenAnswer,
  systemText,
  textMember,
} from './dialect.ts';
import type { Progress } from './exchange.ts';

/** What is known of a model from `/api/show`. */
export interface OllamaModelFacts {
  /** Tokens that the model can hold; undefined where it does not say. */
  readonly contextTokens: number | undefined;
  /** It thinks aloud before it answers, unless told not to. */
  readonly thinks: boolean;
  /** Ollama does not run it, but passes what it is asked on to this address. */
  readonly remoteHost: string | undefined;
}

export function parseOllamaShow(text: string): OllamaModelFacts | undefined {
  const value = parsed(text);
  const remoteHost = textMember(value, 'remote_host');
  const told = member(value, 'model_info');
  if ((typeof told !== 'object' || told === null) && remoteHost === undefined) return undefined;
  const info = typeof told === 'object' && told !== null ? told : {};
  const key = Object.keys(info).find((name) => name.endsWith('.context_length'));
  const capabilities = member(value, 'capabilities');
  return {
    contextTokens: key === undefined ? undefined : countMember(info, key),
    thinks: Array.isArray(capabilities) && capabilities.includes('thinking'),
    remoteHost: remoteHost === '' ? undefined : remoteHost,
  };
}

/**
 * Ollama by its native API (docs/api.md of Ollama: POST /api/chat, GET /api/tags, POST /api/show). Not by its OpenAI-compatible one, which cannot be told the size of the context and cuts longer prompts
 * in silence.
 */
export function ollamaDialect(options: {
  readonly keepAlive: string;
}): Dialect & { facts: OllamaModelFacts | undefined } {
  return {
    provider: 'ollama',
    title: 'Ollama',
    ways: ['schema', 'text'],
    answerPath: 'api/chat',
    modelsPath: 'api/tags',
    facts: undefined,
    body(ask: Ask): Json {
      const { request } = ask;
      return {
        model: ask.model,
        messages: [
          { role: 'system', content: systemText(ask) },
          ...request.messages.map(({ role, text }) => ({ role, content: text })),
        ],
        stream: true,
        // Also where the schema stands in the text: models for which it is not enforced ignore it, others are held to it.
        format: request.schema,
        keep_alive: options.keepAlive,
        ...(this.facts?.thinks === true ? { think: false } : {}),
        options: {
          num_ctx: ask.contextTokens,
          num_predict: request.maxOutputTokens,
          temperature: ask.temperature,
          ...(request.seed === undefined ? {} : { seed: request.seed }),
        },
      };
    },
    reader: () => new OllamaReader(),
    models: (text) => namesIn(member(parsed(text), 'models'), 'name'),
    concede: () => false,
    missingModelHint: (model) => `ollama pull ${model}`,
    absentHint: () => 'start it with: ollama serve',
  };
}

/** The names in a list of models; undefined where it is no list. */
export function namesIn(list: unknown, key: string): string[] | undefined {
  if (!Array.isArray(list)) return undefined;
  return list.map((entry) => textMember(entry, key)).filter((name) => name !== undefined);
}

const NANOSECONDS_PER_MS = 1e6;

/** One JSON object a line, the last one with `done: true` and the counts. */
class OllamaReader extends LineReader {
  #text = '';
  #stop: SpokenAnswer['stop'];
  #error: string | undefined;
  #promptTokens: number | undefined;
  #completionTokens: number | undefined;
  #answerMs: number | undefined;
  #known = false;

  protected spoken(): SpokenAnswer {
    return {
      text: this.#text,
      stop: this.#stop,
      refusal: undefined,
      error: this.#error,
      promptTokens: this.#promptTokens,
      completionTokens: this.#completionTokens,
      answerMs: this.#answerMs,
      isForeign: !this.#known,
    };
  }

  protected take(line: string): Progress {
    if (line.trim() === '') return 'more';
    const value = parsed(line);
    const error = errorText(line);
    if (error !== undefined) {
      this.#known = true;
      this.#error = error;
      return 'end';
    }
    const message = member(value, 'message');
    const isDone = member(value, 'done') === true;
    if (message === undefined && !isDone) return 'more';
    this.#known = true;
    const text = textMember(message, 'content') ?? '';
    this.#text += text;
    if (!isDone) return text !== '' || (textMember(message, 'thinking') ?? '') !== '' ? 'token' : 'more';
    this.#stop = textMember(value, 'done_reason') === 'length' ? 'length' : 'end';
    this.#promptTokens = countMember(value, 'prompt_eval_count');
    this.#completionTokens = countMember(value, 'eval_count');
    const duration = countMember(value, 'eval_duration');
    this.#answerMs = duration === undefined ? undefined : duration / NANOSECONDS_PER_MS;
    return 'end';
  }
}
