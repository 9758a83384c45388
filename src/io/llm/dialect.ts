import type { LanguageRequest } from '../../analyst/index.ts';
import type { Json } from '../../core/index.ts';
import type { Progress } from './exchange.ts';

/**
 * How the schema is told to a server, from the strictest way to the loosest: as the schema that the server enforces; as 'some JSON object', with the schema in the text; in the text alone.
 */
export type SchemaWay = 'schema' | 'object' | 'text';

/** What a model server's HTTP API is like, apart from connections, time and failures. */
export interface Dialect {
  readonly provider: 'ollama' | 'openai-compatible';
  /** For messages: 'Ollama', 'the server'. */
  readonly title: string;
  /** What there is to try, in order. */
  readonly ways: readonly SchemaWay[];
  readonly answerPath: string;
  readonly modelsPath: string;
  body(ask: Ask): Json;
  reader(): AnswerReader;
  /** Names of the models that the server has, of what `modelsPath` answers; undefined where that is no such list. */
  models(text: string): string[] | undefined;
  /** Changes how the next request is made after status 400 or 422 with this text, where it says that a member of the body is not known; false where nothing can be done. */
  concede(text: string): boolean;
  /** What to type when there is no such model. */
  missingModelHint(model: string): string;
  /** What to type when nobody listens. */
  absentHint(): string;
}

export interface Ask {
  readonly model: string;
  readonly request: LanguageRequest;
  readonly way: SchemaWay;
  readonly temperature: number;
  /** Tokens of prompt and answer together that the server must hold. */
  readonly contextTokens: number;
}

/** Reads a streamed answer. Bad bytes are what the server says, never an exception. */
export interface AnswerReader {
  push(bytes: Uint8Array): Progress;
  /** What was read, when nothing more comes. */
  end(): SpokenAnswer;
}

export interface SpokenAnswer {
  readonly text: string;
  /** Why the model stopped; undefined where the stream ended before that. */
  readonly stop: 'end' | 'length' | 'filter' | undefined;
  /** The server's own word for 'I will not'. */
  readonly refusal: string | undefined;
  /** An error told in the middle of the stream. */
  readonly error: string | undefined;
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
  /** How long the model took for the answer alone, ms, where the server says so. */
  readonly answerMs: number | undefined;
  /** Nothing of what came was the protocol. */
  readonly isForeign: boolean;
}

/** The system text, with the schema in it where the server is not told in another way. */
export function systemText(ask: Ask): string {
  if (ask.way === 'schema') return ask.request.system;
  return `${ask.request.system}\n\nAnswer with one JSON object and nothing else. It must fit this JSON Schema:\n${JSON.stringify(ask.request.schema)}`;
}

/** A member of parsed JSON; undefined where there is none. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

export function textMember(value: unknown, name: string): string | undefined {
  const found = member(value, name);
  return typeof found === 'string' ? found : undefined;
}

/** A count; undefined for anything that is none. */
export function countMember(value: unknown, name: string): number | undefined {
  const found = member(value, name);
  return typeof found === 'number' && Number.isFinite(found) && found >= 0 ? found : undefined;
}

/** Parsed JSON; undefined for anything else. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Whoever asks takes undefined for 'no JSON'.
    return undefined;
  }
}

/** The sentence in an error's body: `{"error": "..."}`, `{"error": {"message": "..."}}`, `{"message": "..."}`, `{"detail": "..."}`; undefined for anything else. */
export function errorText(body: string): string | undefined {
  const value = parsed(body);
  const error = member(value, 'error');
  if (typeof error === 'string') return error;
  return textMember(error, 'message') ?? textMember(value, 'message') ?? textMember(value, 'detail');
}

/** An answer that comes as lines of text, one message each. Whoever feeds it bounds the stream, and so the longest line. */
export abstract class LineReader implements AnswerReader {
  readonly #decoder = new TextDecoder();
  #rest = '';

  push(bytes: Uint8Array): Progress {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    let progress: Progress = 'more';
    for (const line of lines) {
      const came = this.take(line.replace(/\r$/, ''));
      if (came === 'end') return 'end';
      if (came === 'token') progress = 'token';
    }
    return progress;
  }

  end(): SpokenAnswer {
    const rest = this.#rest + this.#decoder.decode();
    this.#rest = '';
    this.take(rest);
    return this.spoken();
  }

  /** One line, without its end. */
  protected abstract take(line: string): Progress;

  /** What all lines said. */
  protected abstract spoken(): SpokenAnswer;
}
