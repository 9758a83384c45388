/**
 * Doubles of model servers, true to the protocols of Ollama's native API and of OpenAI's chat completions: real HTTP servers on loopback, which do what a script says, request by request, the ways to
 * fail included. Like the real ones, the double of Ollama cuts a prompt that is longer than `num_ctx` at its start and says nothing of it.
 */
import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What the model is asked, as it sees it: after the server cut what did not fit. */
export interface DoublePrompt {
  readonly system: string;
  readonly messages: readonly { readonly role: string; readonly text: string }[];
  /** The schema that the server was told to enforce; undefined where it was not, or where the double ignores it. */
  readonly schema: unknown;
  readonly model: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** How many requests for an answer came before it. */
  readonly nth: number;
}

export type Saying = string | ((prompt: DoublePrompt) => string | Promise<string>);

/** What the double does with one request for an answer. */
export type Doing =
  /** Streams it, in pieces of `pieceChars` (default 8), `pauseMs` apart (default 0). `fenced` puts it into a code fence with words around it. */
  | {
      readonly does: 'answer';
      readonly text: Saying;
      readonly fenced?: boolean;
      readonly pieceChars?: number;
      readonly pauseMs?: number;
      /** Default true; false leaves the counts out. */
      readonly usage?: boolean;
      /** One JSON body instead of a stream, whatever was asked. */
      readonly unstreamed?: boolean;
      /** Counts of the prompt that are told instead of the true one. */
      readonly promptTokens?: number;
      /** Stops after so many characters, with the reason 'length'. */
      readonly limitChars?: number;
    }
  | {
      readonly does: 'status';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Says nothing more: not even a header, after the headers, or after the first piece. */
  | { readonly does: 'hang'; readonly after?: 'request' | 'headers' | 'first' }
  /** Breaks the connection off: at once, or after the first piece. */
  | { readonly does: 'cut'; readonly after?: 'request' | 'first' }
  /** A web page with status 200. */
  | { readonly does: 'html' }
  /** Refuses in the protocol's own way (`delta.refusal`); in words where the protocol has none. */
  | { readonly does: 'refuse' }
  /** Prose, without any object. */
  | { readonly does: 'nonsense' }
  /** Does not enforce the schema: says `text` where it was told by the protocol alone, and `obedient` where the schema stands in the prompt. */
  | { readonly does: 'ignore-schema'; readonly text: string; readonly obedient: string }
  /** Refuses requests with these members of the body (400), and answers the others with `text`. */
  | { readonly does: 'refuse-members'; readonly members: readonly string[]; readonly text: string }
  /** An error in the middle of the stream. */
  | { readonly does: 'fail-midway'; readonly message: string }
  /** Reads only the last `tokens` tokens of the prompt, and says how many it read. */
  | { readonly does: 'truncate'; readonly tokens: number; readonly text: Saying }
  /** Streams for ever. */
  | { readonly does: 'flood' }
  /** Bytes that are no protocol. */
  | { readonly does: 'garbage'; readonly bytes: Uint8Array };

export interface DoubleOptions {
  readonly api: 'ollama' | 'openai';
  /** One thing for each request for an answer; the last one for all further ones. */
  readonly script: readonly Doing[] | Doing;
  readonly models?: readonly string[];
  /** Requests without this key get 401. */
  readonly key?: string;
  /** Tokens that the model can hold. Default 8,192. */
  readonly contextTokens?: number;
  /** Characters of a token, as the double counts. Default 3. */
  readonly charsPerToken?: number;
  /** The model thinks aloud (Ollama's capability). */
  readonly thinks?: boolean;
  /** The model is not run by the server (Ollama's cloud models): where calls are passed on to. */
  readonly remoteHost?: string;
  readonly host?: string;
  /** Everything answered by a web page: a wrong address. */
  readonly isWebServer?: boolean;
}

export interface DoubleRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface ModelDouble {
  /** What goes into analyst.url. */
  readonly url: string;
  readonly port: number;
  /** All requests, in order of their end. */
  readonly requests: readonly DoubleRequest[];
  /** Requests for an answer, parsed. */
  readonly asked: readonly DoublePrompt[];
  /** Connections that are open now. */
  readonly open: number;
  /** Most connections that were open at a time. */
  readonly mostOpen: number;
  close(): Promise<void>;
}

const PAGE = '<!DOCTYPE html><html><head><title>Welcome</title></head><body>It works!</body></html>';
const PROSE = 'The weather in the mountains is fine at this time of the year, and the cows are content.';

/** Starts a double on a free port of loopback. */
export async function startModelDouble(options: DoubleOptions): Promise<ModelDouble> {
  const requests: DoubleRequest[] = [];
  const asked: DoublePrompt[] = [];
  const sockets = new Set<Socket>();
  let mostOpen = 0;
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const path = request.url ?? '/';
      requests.push({ method: request.method ?? '', path, headers: request.headers, body });
      void serve(options, asked, path, request.headers, body, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    mostOpen = Math.max(mostOpen, sockets.size);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, options.host ?? '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host ?? '127.0.0.1'}:${port}${options.api === 'openai' ? '/v1' : ''}`,
    port,
    requests,
    asked,
    get open() {
      return sockets.size;
    },
    get mostOpen() {
      return mostOpen;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function serve(
  options: DoubleOptions,
  asked: DoublePrompt[],
  path: string,
  headers: http.IncomingHttpHeaders,
  text: string,
  response: http.ServerResponse,
): Promise<void> {
  const { api, models = ['qwen2.5:3b', 'llama3.2:1b'] } = options;
  const json = (status: number, value: unknown, more: Readonly<Record<string, string>> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify(value));
  };
  const fail = (status: number, message: string, code: string | null = null): void =>
    json(status, api === 'ollama' ? { error: message } : { error: { message, type: 'invalid_request_error', code } });
  if (options.isWebServer === true) {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
    return;
  }
  if (options.key !== undefined && headers.authorization !== `Bearer ${options.key}`) {
    fail(401, `Incorrect API key provided: ${headers.authorization ?? 'none'}`, 'invalid_api_key');
    return;
  }
  if (path === (api === 'ollama' ? '/api/tags' : '/v1/models')) {
    if (api === 'ollama') json(200, { models: models.map((name) => ({ name, model: name, size: 1_929_912_432 })) });
    else json(200, { object: 'list', data: models.map((id) => ({ id, object: 'model', owned_by: 'double' })) });
    return;
  }
  if (api === 'ollama' && path === '/api/version') {
    json(200, { version: '0.12.3' });
    return;
  }
  const body = JSON.parse(text === '' ? '{}' : text) as Readonly<Record<string, unknown>>;
  const model = typeof body.model === 'string' ? body.model : '';
  const isKnown = models.includes(model);
  if (api === 'ollama' && path === '/api/show') {
    if (!isKnown) fail(404, `model '${model}' not found`);
    else
      json(200, {
        details: { family: 'double' },
        model_info: { 'general.architecture': 'double', 'double.context_length': options.contextTokens ?? 8192 },
        ...(options.remoteHost === undefined ? {} : { remote_host: options.remoteHost, remote_model: model }),
        capabilities: ['completion', ...(options.thinks === true ? ['thinking'] : [])],
      });
    return;
  }
  if (path !== (api === 'ollama' ? '/api/chat' : '/v1/chat/completions')) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found');
    return;
  }
  if (!isKnown) {
    if (api === 'ollama') fail(404, `model '${model}' not found`);
    else fail(404, `The model \`${model}\` does not exist.`, 'model_not_found');
    return;
  }
  if (api === 'ollama' && body.think !== undefined && options.thinks !== true) {
    fail(400, `"${model}" does not support thinking`);
    return;
  }
  await converse(options, asked, body, response);
}

async function converse(
  options: DoubleOptions,
  asked: DoublePrompt[],
  body: Readonly<Record<string, unknown>>,
  response: http.ServerResponse,
): Promise<void> {
  const { api } = options;
  const nth = asked.length;
  const script = Array.isArray(options.script) ? (options.script as readonly Doing[]) : [options.script as Doing];
  const doing = script[Math.min(nth, script.length - 1)];
  if (doing === undefined) throw new Error('a double needs a script');
  const charsPerToken = options.charsPerToken ?? 3;
  const limit = doing.does === 'truncate' ? doing.tokens : roomFor(options, body);
  const seen = cutStart(messagesOf(body), limit * charsPerToken);
  const ignores = doing.does === 'ignore-schema';
  const prompt: DoublePrompt = {
    system: seen
      .filter(({ role }) => role === 'system')
      .map(({ text }) => text)
      .join('\n'),
    messages: seen.filter(({ role }) => role !== 'system'),
    schema: ignores ? undefined : schemaOf(api, body),
    model: String(body.model),
    body,
    nth,
  };
  asked.push(prompt);
  const chars = seen.reduce((sum, message) => sum + message.text.length, 0);
  const speaker = new Speaker(api, response, Math.ceil(chars / charsPerToken), charsPerToken);
  switch (doing.does) {
    case 'answer': {
      const plain = typeof doing.text === 'string' ? doing.text : await doing.text(prompt);
      const text =
        doing.fenced === true ? `Here is the JSON that you asked for:\n\n\`\`\`json\n${plain}\n\`\`\`\n` : plain;
      await speaker.say(text, doing);
      return;
    }
    case 'truncate':
      await speaker.say(typeof doing.text === 'string' ? doing.text : await doing.text(prompt), {});
      return;
    case 'status':
      response.writeHead(doing.status, { 'content-type': 'application/json', ...doing.headers }).end(doing.body ?? '');
      return;
    case 'hang':
      if (doing.after === 'headers') speaker.begin();
      if (doing.after === 'first') speaker.piece('{"');
      return;
    case 'cut':
      if (doing.after === 'first') {
        speaker.piece('{"');
        // The piece is to be on its way before the connection is gone.
        setTimeout(() => response.destroy(), 20);
      } else response.destroy();
      return;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
      return;
    case 'refuse':
      if (api === 'openai') speaker.refuse("I'm sorry, but I can't help with that.");
      else await speaker.say("I'm sorry, but I can't help with that.", {});
      return;
    case 'nonsense':
      await speaker.say(PROSE, {});
      return;
    case 'ignore-schema': {
      const inText = /JSON Schema/.test(prompt.system);
      await speaker.say(inText ? doing.obedient : doing.text, {});
      return;
    }
    case 'refuse-members': {
      const bad = doing.members.find((name) => memberAt(body, name) !== undefined);
      if (bad === undefined) await speaker.say(doing.text, {});
      else
        response.writeHead(400, { 'content-type': 'application/json' }).end(
          JSON.stringify({
            error: { message: `Unsupported parameter: '${bad}' is not supported.`, code: 'unsupported_parameter' },
          }),
        );
      return;
    }
    case 'fail-midway':
      speaker.piece('{"');
      speaker.error(doing.message);
      return;
    case 'flood': {
      const more = (): void => {
        while (!response.destroyed && speaker.piece('x'.repeat(4000)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
      return;
    }
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(doing.bytes);
      return;
  }
}

/** The member of the body by a path with dots: 'response_format.json_schema'. */
function memberAt(body: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) =>
        typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined,
      body,
    );
}

function schemaOf(api: 'ollama' | 'openai', body: unknown): unknown {
  return api === 'ollama' ? memberAt(body, 'format') : memberAt(body, 'response_format.json_schema.schema');
}

function messagesOf(body: Readonly<Record<string, unknown>>): { role: string; text: string }[] {
  const messages = Array.isArray(body.messages) ? (body.messages as unknown[]) : [];
  return messages.map((message) => ({
    role: String(memberAt(message, 'role')),
    text: String(memberAt(message, 'content')),
  }));
}

/** Tokens of the prompt that fit. Ollama holds the smaller of `num_ctx` (2,048 when not told) and what the model can. */
function roomFor(options: DoubleOptions, body: unknown): number {
  const most = options.contextTokens ?? 8192;
  if (options.api === 'openai') return most;
  const asked = memberAt(body, 'options.num_ctx');
  return Math.min(most, typeof asked === 'number' ? asked : 2048);
}

/** Without the first characters, as servers cut: the instructions go first. */
function cutStart(
  messages: readonly { role: string; text: string }[],
  chars: number,
): { role: string; text: string }[] {
  let excess = messages.reduce((sum, { text }) => sum + text.length, 0) - chars;
  return messages.map(({ role, text }) => {
    const cut = Math.max(0, Math.min(text.length, excess));
    excess -= cut;
    return { role, text: text.slice(cut) };
  });
}

interface SayOptions {
  readonly pieceChars?: number;
  readonly pauseMs?: number;
  readonly usage?: boolean;
  readonly unstreamed?: boolean;
  readonly promptTokens?: number;
  readonly limitChars?: number;
}

/** Speaks one of the protocols. */
class Speaker {
  readonly #api: 'ollama' | 'openai';
  readonly #response: http.ServerResponse;
  readonly #promptTokens: number;
  readonly #charsPerToken: number;
  #begun = false;

  constructor(api: 'ollama' | 'openai', response: http.ServerResponse, promptTokens: number, charsPerToken: number) {
    this.#api = api;
    this.#response = response;
    this.#promptTokens = promptTokens;
    this.#charsPerToken = charsPerToken;
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const type = this.#api === 'ollama' ? 'application/x-ndjson' : 'text/event-stream; charset=utf-8';
    this.#response.writeHead(200, { 'content-type': type });
    this.#response.flushHeaders();
    if (this.#api === 'openai') {
      this.#response.write(': processing\n\n');
      this.#event({ choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] });
    }
  }

  /** False when the other side should be waited for. */
  piece(text: string): boolean {
    this.begin();
    if (this.#api === 'openai')
      return this.#event({ choices: [{ index: 0, delta: { content: text }, finish_reason: null }] });
    return this.#line({ model: 'double', message: { role: 'assistant', content: text }, done: false });
  }

  refuse(text: string): void {
    this.begin();
    this.#event({ choices: [{ index: 0, delta: { refusal: text }, finish_reason: null }] });
    this.#event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
    this.#response.end('data: [DONE]\n\n');
  }

  error(message: string): void {
    if (this.#api === 'openai') this.#event({ error: { message, type: 'server_error' } });
    else this.#line({ error: message });
    this.#response.end();
  }

  async say(whole: string, options: SayOptions): Promise<void> {
    const { pieceChars = 8, pauseMs = 0, usage = true, limitChars } = options;
    const text = limitChars === undefined ? whole : whole.slice(0, limitChars);
    const reason = text.length < whole.length ? 'length' : 'stop';
    const promptTokens = options.promptTokens ?? this.#promptTokens;
    const completionTokens = Math.ceil(text.length / this.#charsPerToken);
    if (options.unstreamed === true) {
      this.#unstreamed(
        text,
        reason,
        usage ? { prompt_tokens: promptTokens, completion_tokens: completionTokens } : undefined,
      );
      return;
    }
    for (let at = 0; at < text.length; at += pieceChars) {
      if (this.#response.destroyed) return;
      this.piece(text.slice(at, at + pieceChars));
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    this.begin();
    if (this.#api === 'openai') {
      this.#event({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });
      if (usage)
        this.#event({
          choices: [],
          usage: {
            prompt_tokens: promptTokens,
            completion_tokens: completionTokens,
            total_tokens: promptTokens + completionTokens,
          },
        });
      this.#response.end('data: [DONE]\n\n');
      return;
    }
    this.#line({
      model: 'double',
      message: { role: 'assistant', content: '' },
      done: true,
      done_reason: reason,
      ...(usage
        ? {
            total_duration: 900_000_000,
            load_duration: 100_000_000,
            prompt_eval_count: promptTokens,
            prompt_eval_duration: 300_000_000,
            eval_count: completionTokens,
            eval_duration: completionTokens * 20_000_000,
          }
        : {}),
    });
    this.#response.end();
  }

  #unstreamed(text: string, reason: string, usage: object | undefined): void {
    this.#response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify(
        this.#api === 'openai'
          ? {
              object: 'chat.completion',
              choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: reason }],
              usage,
            }
          : { model: 'double', message: { role: 'assistant', content: text }, done: true, done_reason: reason },
      ),
    );
  }

  #event(value: object): boolean {
    return this.#response.write(
      `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', model: 'double', ...value })}\n\n`,
    );
  }

  #line(value: object): boolean {
    return this.#response.write(`${JSON.stringify(value)}\n`);
  }
}
