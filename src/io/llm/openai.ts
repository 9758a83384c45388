import type { Json } from '../../core/index.ts';
import {
  type Ask,
  countMember,
  type Dialect,
  errorText,
  LineReader,
  member,
  parsed,
  type SchemaWay,
  type SpokenAnswer,
  systemText,
  textMember,
} from './dialect.ts';
import type { Progress } from './exchange.ts';
import { namesIn } from './ollama.ts';

/** Members of the body that some servers refuse, and that can be left out. */
const OPTIONAL = ['stream_options', 'seed', 'temperature'] as const;

/**
 * Chat completions as OpenAI describes them (POST /v1/chat/completions with `response_format`, server-sent events, GET /v1/models), and as Together AI, vLLM, llama.cpp, LM Studio and others understand
 * them. What a server refuses of it is left out from then on.
 */
export function openaiDialect(): Dialect {
  const left = new Set<string>();
  let limitName: 'max_tokens' | 'max_completion_tokens' = 'max_tokens';
  return {
    provider: 'openai-compatible',
    title: 'the server',
    ways: ['schema', 'object', 'text'],
    answerPath: 'chat/completions',
    modelsPath: 'models',
    body(ask: Ask): Json {
      const { request } = ask;
      return {
        model: ask.model,
        messages: [
          { role: 'system', content: systemText(ask) },
          ...request.messages.map(({ role, text }) => ({ role, content: text })),
        ],
        stream: true,
        [limitName]: request.maxOutputTokens,
        ...(left.has('stream_options') ? {} : { stream_options: { include_usage: true } }),
        ...(left.has('temperature') ? {} : { temperature: ask.temperature }),
        ...(left.has('seed') || request.seed === undefined ? {} : { seed: request.seed }),
        ...responseFormat(ask.way, request.schema),
      };
    },
    reader: () => new OpenaiReader(),
    models: (text) => {
      const value = parsed(text);
      // Together AI answers with the bare list.
      return namesIn(Array.isArray(value) ? value : member(value, 'data'), 'id');
    },
    concede(text: string): boolean {
      if (/max_completion_tokens/.test(text) && limitName === 'max_tokens') {
        limitName = 'max_completion_tokens';
        return true;
      }
      const named = OPTIONAL.find((name) => text.includes(name) && !left.has(name));
      if (named !== undefined) left.add(named);
      return named !== undefined;
    },
    missingModelHint: () => 'name one that the server has: analyst.model',
    absentHint: () => 'start the server, or set analyst.url to where it listens',
  };
}

function responseFormat(way: SchemaWay, schema: Json): { readonly response_format?: Json } {
  if (way === 'text') return {};
  if (way === 'object') return { response_format: { type: 'json_object' } };
  return { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } } };
}

/** Server-sent events (`data: {...}`, at the end `data: [DONE]`), or one JSON object from a server that does not stream. */
class OpenaiReader extends LineReader {
  #text = '';
  #refusal = '';
  #stop: SpokenAnswer['stop'];
  #error: string | undefined;
  #promptTokens: number | undefined;
  #completionTokens: number | undefined;
  #answerMs: number | undefined;
  #known = false;
  /** Lines of a body that is no stream of events. */
  #plain: string[] = [];

  protected spoken(): SpokenAnswer {
    if (!this.#known) this.#event(this.#plain.join('\n'));
    return {
      text: this.#text,
      stop: this.#stop,
      refusal: this.#refusal === '' ? undefined : this.#refusal,
      error: this.#error,
      promptTokens: this.#promptTokens,
      completionTokens: this.#completionTokens,
      answerMs: this.#answerMs,
      isForeign: !this.#known,
    };
  }

  protected take(line: string): Progress {
    // Comments keep a connection open, and say nothing.
    if (line === '' || line.startsWith(':')) return 'more';
    const [, data] = /^data: ?(.*)$/.exec(line) ?? [];
    if (data === undefined) {
      if (!this.#known && !/^(?:event|id|retry):/.test(line)) this.#plain.push(line);
      return 'more';
    }
    if (data.trim() === '[DONE]') {
      this.#known = true;
      return 'end';
    }
    return this.#event(data);
  }

  #event(data: string): Progress {
    const value = parsed(data);
    const error = errorText(data);
    if (error !== undefined && member(value, 'choices') === undefined) {
      this.#known = true;
      this.#error = error;
      return 'end';
    }
    const usage = member(value, 'usage');
    this.#promptTokens = countMember(usage, 'prompt_tokens') ?? this.#promptTokens;
    this.#completionTokens = countMember(usage, 'completion_tokens') ?? this.#completionTokens;
    // llama.cpp's own: a short answer may come in one piece, whose time cannot be taken from outside.
    this.#answerMs = countMember(member(value, 'timings'), 'predicted_ms') ?? this.#answerMs;
    const choices = member(value, 'choices');
    if (!Array.isArray(choices)) return 'more';
    this.#known = true;
    const choice: unknown = choices[0];
    const part = member(choice, 'delta') ?? member(choice, 'message');
    const text = textMember(part, 'content') ?? '';
    const refusal = textMember(part, 'refusal') ?? '';
    this.#text += text;
    this.#refusal += refusal;
    const reason = textMember(choice, 'finish_reason');
    if (reason !== undefined)
      this.#stop = reason === 'length' ? 'length' : reason === 'content_filter' ? 'filter' : 'end';
    const thought = textMember(part, 'reasoning_content') ?? textMember(part, 'reasoning') ?? '';
    return text !== '' || refusal !== '' || thought !== '' ? 'token' : 'more';
  }
}
