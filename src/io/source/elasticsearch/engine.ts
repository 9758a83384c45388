import { counted, nearest, RemoteError, safeText, UserError } from '../../../core/index.ts';
import { SYSTEM_TIMING, type Timing } from '../../timing.ts';
import { isObject, type JsonObject } from '../record/index.ts';
import { backOffDelay, describeSocketError } from '../stream-client.ts';
import type { SearchOptions } from './option.ts';

/** Requests of a search engine: tried again where that can help, and what its refusals mean. */

// Plain fetch: what is needed of the engine is six requests, while its official client brings its own transport, its type definitions of every request there is, and 20 MB on the disk, and refuses
// to speak to OpenSearch at all.

export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** Failures of a connection that come at once, and again. */
const NOBODY_THERE: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH']);

/** An answer that was larger than we hold. */
export class TooLarge extends Error {}

/** A search engine as it is spoken to. */
export class Engine {
  readonly url: string;
  /** The same, for messages. */
  readonly place: string;
  /** Requests so far, those of them that were tried again, and bytes of answers. */
  requests = 0;
  retries = 0;
  bytes = 0;
  readonly #options: SearchOptions;
  readonly #timing: Timing;
  readonly #host: URL;
  readonly #headers: Record<string, string>;
  /** The engine answered once: it is there, and may come back. */
  #answered = false;
  readonly #closing = new AbortController();

  constructor(options: SearchOptions) {
    const { url, env = process.env } = options;
    this.#options = options;
    this.#timing = options.timing ?? SYSTEM_TIMING;
    let parsed: URL;
    try {
      parsed = new URL(url);
    } catch {
      throw new UserError(
        `'${safeText(url)}' is no address of a search engine`,
        'give one such as https://localhost:9200',
      );
    }
    if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')
      throw new UserError(
        `${safeText(parsed.protocol)}// is not spoken by search engines`,
        'give one such as https://localhost:9200',
      );
    if (parsed.username !== '' || parsed.password !== '')
      throw new UserError(
        'the address holds a user name or password',
        'set ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD, or ELASTICSEARCH_API_KEY, and leave them out of the address',
      );
    this.url = `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`;
    this.place = safeText(this.url);
    this.#host = parsed;
    this.#headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
    const key = env.ELASTICSEARCH_API_KEY;
    const user = env.ELASTICSEARCH_USERNAME;
    const password = env.ELASTICSEARCH_PASSWORD;
    if (key !== undefined && key !== '') this.#headers.Authorization = `ApiKey ${key}`;
    else if (user !== undefined && user !== '')
      this.#headers.Authorization = `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`;
  }

  /** Says where credentials can be read on the way. */
  noteCredentials(): void {
    if (
      this.#headers.Authorization !== undefined &&
      this.#host.protocol === 'http:' &&
      !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(this.#host.hostname)
    )
      this.#options.onNote?.(`${this.place}: the credentials go to another machine without TLS`);
  }

  get #signal(): AbortSignal {
    const { signal } = this.#options;
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }

  /** One request, tried again where that can help. `once` is for a request that must not be repeated when nobody knows whether it was carried out. */
  async ask(method: string, path: string, body?: JsonObject, once = false): Promise<Answer> {
    const { attempts = 5, timeoutMs = 60_000 } = this.#options;
    for (let attempt = 1; ; attempt++) {
      let failure: string;
      let code: string;
      let pauseMs: number | undefined;
      this.requests++;
      try {
        const response = await fetch(`${this.url}${path}`, {
          method,
          headers: this.#headers,
          // A redirection would carry the credentials to wherever it leads.
          redirect: 'manual',
          signal: AbortSignal.any([this.#signal, AbortSignal.timeout(timeoutMs)]),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await this.#read(response);
        this.#answered = true;
        const { status } = response;
        if (status !== 429 && status !== 502 && status !== 503 && status !== 504)
          return { status, body: this.#parse(status, text, response.headers.get('content-type') ?? '') };
        failure = `the search engine is busy or not ready (${status})`;
        code = String(status);
        // A gateway that gave up does not know whether the engine did.
        if (once && (status === 502 || status === 504))
          throw new RemoteError(`${this.place}: ${failure}`, { code, retryable: true });
        const after = Number(response.headers.get('retry-after'));
        if (after > 0) pauseMs = Math.min(after * 1000, 120_000);
      } catch (error) {
        if (error instanceof UserError || error instanceof RemoteError || error instanceof TooLarge) throw error;
        if (this.#signal.aborted) throw new UserError(`${this.place}: stopped`);
        const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
        // Ports of other services, which fetch never connects to (Fetch standard, section "port blocking").
        if (cause instanceof Error && cause.message === 'bad port')
          throw new UserError(
            `${this.place}: this port is never used for HTTP, and not connected to`,
            'a search engine listens on a port such as 9200',
          );
        const timedOut = error instanceof Error && error.name === 'TimeoutError';
        failure = timedOut ? 'no answer in time' : describeSocketError(cause);
        code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'ECONNECTION';
        if (once) throw new RemoteError(`${this.place}: ${failure}`, { code, retryable: true, cause });
      }
      // Where nobody was ever met, waiting longer brings nobody.
      if (attempt >= (this.#answered || !NOBODY_THERE.has(code) ? attempts : Math.min(attempts, 2)))
        throw new RemoteError(`${this.place}: ${failure}; given up after ${counted(attempt, 'attempt')}`, {
          code,
          retryable: true,
          hint: 'check the address, and that the search engine runs',
        });
      this.retries++;
      await this.#pause(pauseMs ?? backOffDelay(attempt, 500, 30_000, this.#timing.random()));
    }
  }

  #pause(ms: number): Promise<void> {
    const signal = this.#signal;
    return new Promise((resolve) => {
      const cancel = this.#timing.after(ms, done);
      function done(): void {
        cancel?.();
        signal.removeEventListener('abort', done);
        resolve();
      }
      if (signal.aborted) done();
      else signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Waits as long as is right before the attempt behind so many in vain. */
  backOff(attempt: number): Promise<void> {
    return this.#pause(backOffDelay(attempt, 500, 30_000, this.#timing.random()));
  }

  async #read(response: Response): Promise<string> {
    const { maxAnswerBytes = 128 << 20 } = this.#options;
    const chunks: Uint8Array[] = [];
    let length = 0;
    if (response.body === null) return '';
    for await (const chunk of response.body) {
      length += chunk.length;
      this.bytes += chunk.length;
      if (length > maxAnswerBytes) throw new TooLarge();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #parse(status: number, text: string, type: string): JsonObject {
    if (status >= 300 && status < 400)
      throw new UserError(
        `${this.place} leads elsewhere (${status})`,
        'give the address of the search engine itself; credentials are not carried on',
      );
    try {
      const value: unknown = JSON.parse(text);
      if (isObject(value)) return value;
    } catch {
      // Not JSON: said below.
    }
    if (status === 401 || status === 403) return {};
    throw new UserError(
      `${this.place} answered with ${/html/i.test(type) || /^\s*</.test(text) ? 'a web page' : 'something that is no JSON'} (${status})`,
      'give the address of the search engine itself (port 9200), not of Kibana, Dashboards or a proxy in front of it',
    );
  }

  /** What an answer other than 200 means. */
  async describe({ status, body }: Answer): Promise<Error> {
    const { index } = this.#options;
    const { type, reason } = errorOf(body);
    if (status === 401)
      return new UserError(
        `${this.place}: the search engine does not know these credentials (401)`,
        this.#headers.Authorization === undefined
          ? 'set ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD'
          : 'check ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD',
      );
    if (status === 403)
      return new UserError(
        `${this.place}: these credentials may not read '${safeText(index)}' (403)`,
        'they need the privileges read and view_index_metadata for it',
      );
    if (type === 'index_not_found_exception') {
      const near = nearest(index, await this.#indices());
      return new UserError(
        `${this.place} has no index '${safeText(index)}'`,
        near === undefined
          ? "give an index that is there, or a pattern such as 'packetbeat-*'"
          : `did you mean '${safeText(near)}'?`,
      );
    }
    if (status === 400)
      return new UserError(
        `${this.place}: the query is not understood: ${safeText(reason, 300)}`,
        'give a query in Lucene syntax (source.ip:10.0.0.0\\/8 AND event.kind:event), or in JSON; and a time field that is a date',
      );
    return new RemoteError(`${this.place}: the search failed (${status}): ${safeText(reason, 300)}`, {
      code: String(status),
      retryable: status >= 500,
    });
  }

  /** Names of what there is, for a hint; none where that may not be asked. */
  async #indices(): Promise<string[]> {
    try {
      const { status, body } = await this.ask('GET', '/_alias?filter_path=*.aliases');
      return status === 200 ? Object.keys(body).slice(0, 10_000) : [];
    } catch {
      // The hint is a kindness; the message is there without it.
      return [];
    }
  }

  /** Tells the engine that a view of the index is not needed any more, without waiting for what it says. */
  async release(path: string, body: JsonObject): Promise<void> {
    try {
      await fetch(`${this.url}${path}`, {
        method: 'DELETE',
        headers: this.#headers,
        redirect: 'manual',
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(5000),
      });
    } catch {
      // It ends by itself in two minutes.
    }
  }

  /** Breaks off what is asked. */
  close(): void {
    this.#closing.abort();
  }
}

export function errorOf(body: JsonObject): { type: string; reason: string } {
  const { error } = body;
  if (typeof error === 'string') return { type: '', reason: error };
  if (!isObject(error)) return { type: '', reason: 'no reason given' };
  const roots: readonly unknown[] = Array.isArray(error.root_cause) ? error.root_cause : [];
  const root = roots.find(isObject) ?? error;
  return {
    type: String(root.type ?? error.type ?? ''),
    reason: String(root.reason ?? error.reason ?? 'no reason given'),
  };
}
