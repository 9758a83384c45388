import {
  counted,
  isoTime,
  nearest,
  RemoteError,
  type Schema,
  safeText,
  type Table,
  UserError,
} from '../../core/index.ts';
import { FLOW_COLUMN, type FlowColumnName } from '../../flow/index.ts';
import { formatIpv4, formatIpv6, parseAddress } from '../../wire/index.ts';
import { FlowWriter, protocolByName } from './flow-writer.ts';
import {
  fieldOf,
  isObject,
  type JsonObject,
  parseTime,
  RecordTyper,
  SYSTEM_TIMING,
  shallowJson,
  type Timing,
} from './record-stream.ts';
import { backOffDelay, describeSocketError } from './stream-client.ts';
import { MAX_REJECTS_SHOWN, type Reject, type TableSource } from './table-source.ts';

// Plain fetch: what is needed of the engine is six requests, while its official client brings its own transport, its type definitions of every request there is, and 20 MB on the disk, and refuses
// to speak to OpenSearch at all.

export interface SearchOptions {
  /** As in https://localhost:9200, with a path where the engine stands behind one. */
  readonly url: string;
  /** Name, names by commas, or pattern: 'packetbeat-*'. */
  readonly index: string;
  /** Lucene's query string, or the JSON of a query (Query DSL) as an object or text that begins with a brace. Everything by default. */
  readonly query?: string | JsonObject | undefined;
  /** Earliest time, and the first that is too late: epoch ms, or a date that the engine knows ('2024-05-01', 'now-1h'). */
  readonly from?: number | string | undefined;
  readonly to?: number | string | undefined;
  /** Default '@timestamp'. */
  readonly timeField?: string | undefined;
  /** Hits of a page, 1 to 10,000. Default 1,000. */
  readonly size?: number | undefined;
  /** Ends after so many hits. */
  readonly maxRows?: number | undefined;
  /** 'auto' maps to flows where most hits of the first page have source.ip and destination.ip. */
  readonly as?: 'auto' | 'flows' | 'records' | undefined;
  /** The environment, for ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD. Default the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Attempts of one request. Default 5. */
  readonly attempts?: number | undefined;
  readonly timeoutMs?: number | undefined;
  /** Larger answers are asked for in smaller pages. Default 128 MiB. */
  readonly maxAnswerBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onReject?: ((reject: Reject) => void) | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
  readonly timing?: Timing | undefined;
}

export interface SearchStatistics {
  /** Hits that the engine counted for the query; undefined where it did not say. */
  readonly total: number | undefined;
  readonly requests: number;
  readonly retries: number;
  /** Times that the engine had forgotten where we were, and the search was taken up again. */
  readonly resumed: number;
  readonly failedShards: number;
  /** Values for columns or keys that the first page did not have. */
  readonly lateValues: number;
  readonly paging: 'pit' | 'scroll';
}

export interface SearchSource extends TableSource {
  statistics(): SearchStatistics;
}

const KEEP_ALIVE = '2m';
const MAX_RESUMES = 10;
/** Identities of hits with one time, kept so that none comes twice when a search is taken up again. */
const MAX_LAST = 200_000;

/** True for a record with the Elastic Common Schema's two ends of a connection. */
export function looksLikeEcs(record: JsonObject): boolean {
  return address(record, 'source.ip') !== undefined && address(record, 'destination.ip') !== undefined;
}

/**
 * What a query of Elasticsearch or OpenSearch finds, in order of time, as flows where it is in the Elastic Common Schema (Packetbeat, Filebeat, Elastic Agent) and as a table of its fields otherwise.
 *
 * It reads by point in time and search_after (Elasticsearch 7.10 and later), and by scroll where the engine has no such thing (OpenSearch, older ones); both see the index as it was at the beginning.
 * Where the engine forgets that view (a pause longer than two minutes, a restart), the search goes on from the last time seen, without a hit twice. 429, 502, 503, 504 and broken connections are tried
 * again after a pause. Shards that failed are said in the status, because hits are missing then. Resolves when the first page is there. Rejects with UserError where the operator can mend it, with
 * RemoteError where the engine fails.
 */
export async function openSearchQuery(options: SearchOptions): Promise<SearchSource> {
  const search = new Search(options);
  await search.open();
  return search.source();
}

interface Hit {
  readonly index: string;
  readonly id: string;
  readonly record: JsonObject;
  readonly sort: readonly unknown[];
}

interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** Failures of a connection that come at once, and again. */
const NOBODY_THERE: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH']);

/** An answer that was larger than we hold. */
class TooLarge extends Error {}

class Search {
  readonly #options: SearchOptions;
  readonly #timing: Timing;
  readonly #url: string;
  readonly #place: string;
  readonly #headers: Record<string, string>;
  readonly #timeField: string;
  readonly #query: JsonObject | undefined;
  readonly #given: readonly string[];
  #size: number;
  #paging: 'pit' | 'scroll' = 'pit';
  #context: string | undefined;
  #after: readonly unknown[] | undefined;
  #lastTime: number | undefined;
  #last = new Set<string>();
  /** Hits at this time and before that were given already, where the search was taken up again. */
  #skip: Set<string> | undefined;
  #total: number | undefined;
  #requests = 0;
  /** The engine answered once: it is there, and may come back. */
  #answered = false;
  #retries = 0;
  #resumed = 0;
  #resumedInVain = 0;
  #failedShards = 0;
  #bytes = 0;
  #hits = 0;
  #rows = 0;
  #rejected = 0;
  readonly #rejects: Reject[] = [];
  #message: string | undefined;
  #ended = false;
  #first: readonly Hit[] | undefined;
  #typer: RecordTyper | undefined;
  #writer: FlowWriter | undefined;
  #lateColumns = 0;
  readonly #closing = new AbortController();

  constructor(options: SearchOptions) {
    const { url, index, query, size = 1000, timeField = '@timestamp', env = process.env } = options;
    this.#options = options;
    this.#timing = options.timing ?? SYSTEM_TIMING;
    this.#timeField = timeField;
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
    if (!Number.isInteger(size) || size < 1 || size > 10_000)
      throw new UserError(`a page of ${safeText(String(size))} hits is not possible`, 'give 1 to 10000');
    // The characters that the engine itself forbids in names, and those that would lead to another request.
    if (index === '' || /[\s?#\\"<>|/]/.test(index) || index.startsWith('_'))
      throw new UserError(`'${safeText(index)}' is no name of an index`, "give one such as 'packetbeat-*'");
    this.#url = `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`;
    this.#place = safeText(this.#url);
    this.#size = size;
    this.#query = queryOf(query);
    this.#given = (['from', 'to'] as const).flatMap((side) => (options[side] === undefined ? [] : [side]));
    this.#headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
    const key = env.ELASTICSEARCH_API_KEY;
    const user = env.ELASTICSEARCH_USERNAME;
    const password = env.ELASTICSEARCH_PASSWORD;
    if (key !== undefined && key !== '') this.#headers.Authorization = `ApiKey ${key}`;
    else if (user !== undefined && user !== '')
      this.#headers.Authorization = `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`;
    if (
      this.#headers.Authorization !== undefined &&
      parsed.protocol === 'http:' &&
      !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(parsed.hostname)
    )
      options.onNote?.(`${this.#place}: the credentials go to another machine without TLS`);
  }

  get #signal(): AbortSignal {
    const { signal } = this.#options;
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }

  /** One request, tried again where that can help. `once` is for a request that must not be repeated when nobody knows whether it was carried out. */
  async #ask(method: string, path: string, body?: JsonObject, once = false): Promise<Answer> {
    const { attempts = 5, timeoutMs = 60_000 } = this.#options;
    for (let attempt = 1; ; attempt++) {
      let failure: string;
      let code: string;
      let pauseMs: number | undefined;
      this.#requests++;
      try {
        const response = await fetch(`${this.#url}${path}`, {
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
          throw new RemoteError(`${this.#place}: ${failure}`, { code, retryable: true });
        const after = Number(response.headers.get('retry-after'));
        if (after > 0) pauseMs = Math.min(after * 1000, 120_000);
      } catch (error) {
        if (error instanceof UserError || error instanceof RemoteError || error instanceof TooLarge) throw error;
        if (this.#signal.aborted) throw new UserError(`${this.#place}: stopped`);
        const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
        // Ports of other services, which fetch never connects to (Fetch standard, section "port blocking").
        if (cause instanceof Error && cause.message === 'bad port')
          throw new UserError(
            `${this.#place}: this port is never used for HTTP, and not connected to`,
            'a search engine listens on a port such as 9200',
          );
        const timedOut = error instanceof Error && error.name === 'TimeoutError';
        failure = timedOut ? 'no answer in time' : describeSocketError(cause);
        code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'ECONNECTION';
        if (once) throw new RemoteError(`${this.#place}: ${failure}`, { code, retryable: true, cause });
      }
      // Where nobody was ever met, waiting longer brings nobody.
      if (attempt >= (this.#answered || !NOBODY_THERE.has(code) ? attempts : Math.min(attempts, 2)))
        throw new RemoteError(`${this.#place}: ${failure}; given up after ${counted(attempt, 'attempt')}`, {
          code,
          retryable: true,
          hint: 'check the address, and that the search engine runs',
        });
      this.#retries++;
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

  async #read(response: Response): Promise<string> {
    const { maxAnswerBytes = 128 << 20 } = this.#options;
    const chunks: Uint8Array[] = [];
    let length = 0;
    if (response.body === null) return '';
    for await (const chunk of response.body) {
      length += chunk.length;
      this.#bytes += chunk.length;
      if (length > maxAnswerBytes) throw new TooLarge();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #parse(status: number, text: string, type: string): JsonObject {
    if (status >= 300 && status < 400)
      throw new UserError(
        `${this.#place} leads elsewhere (${status})`,
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
      `${this.#place} answered with ${/html/i.test(type) || /^\s*</.test(text) ? 'a web page' : 'something that is no JSON'} (${status})`,
      'give the address of the search engine itself (port 9200), not of Kibana, Dashboards or a proxy in front of it',
    );
  }

  /** What an answer other than 200 means. */
  async #describe({ status, body }: Answer): Promise<Error> {
    const { index } = this.#options;
    const { type, reason } = errorOf(body);
    if (status === 401)
      return new UserError(
        `${this.#place}: the search engine does not know these credentials (401)`,
        this.#headers.Authorization === undefined
          ? 'set ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD'
          : 'check ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD',
      );
    if (status === 403)
      return new UserError(
        `${this.#place}: these credentials may not read '${safeText(index)}' (403)`,
        'they need the privileges read and view_index_metadata for it',
      );
    if (type === 'index_not_found_exception') {
      const near = nearest(index, await this.#indices());
      return new UserError(
        `${this.#place} has no index '${safeText(index)}'`,
        near === undefined
          ? "give an index that is there, or a pattern such as 'packetbeat-*'"
          : `did you mean '${safeText(near)}'?`,
      );
    }
    if (status === 400)
      return new UserError(
        `${this.#place}: the query is not understood: ${safeText(reason, 300)}`,
        'give a query in Lucene syntax (source.ip:10.0.0.0\\/8 AND event.kind:event), or in JSON; and a time field that is a date',
      );
    return new RemoteError(`${this.#place}: the search failed (${status}): ${safeText(reason, 300)}`, {
      code: String(status),
      retryable: status >= 500,
    });
  }

  /** Names of what there is, for a hint; none where that may not be asked. */
  async #indices(): Promise<string[]> {
    try {
      const { status, body } = await this.#ask('GET', '/_alias?filter_path=*.aliases');
      return status === 200 ? Object.keys(body).slice(0, 10_000) : [];
    } catch {
      // The hint is a kindness; the message is there without it.
      return [];
    }
  }

  async open(): Promise<void> {
    const path = `/${encodeURIComponent(this.#options.index).replace(/%2C/g, ',').replace(/%2A/g, '*')}`;
    await this.#openContext(path);
    this.#first = await this.#page();
    const hits = this.#first ?? [];
    const { as = 'auto' } = this.#options;
    const ecs = hits.reduce((n, { record }) => n + Number(looksLikeEcs(record)), 0);
    if (as === 'flows' || (as === 'auto' && hits.length > 0 && 2 * ecs > hits.length)) {
      const gives = new Set<FlowColumnName>();
      for (const { record } of hits) for (const name of ecsColumns(record, this.#timeField)) gives.add(name);
      this.#writer = new FlowWriter(gives, { batchRows: this.#options.size ?? 1000 });
    } else {
      this.#typer = new RecordTyper({ shape: 'infer', plain: true, name: 'search-hits' });
      this.#typer.fix(hits.map(rowOf));
    }
  }

  async #openContext(path: string): Promise<void> {
    if (this.#paging === 'pit') {
      const answer = await this.#ask('POST', `${path}/_pit?keep_alive=${KEEP_ALIVE}`);
      const { id } = answer.body;
      if (answer.status === 200 && typeof id === 'string') {
        this.#context = id;
        return;
      }
      const { type } = errorOf(answer.body);
      // Engines without points in time call this an unknown request, in several ways (400 'no handler found', 404, 405).
      if (answer.status === 401 || answer.status === 403 || type === 'index_not_found_exception')
        throw await this.#describe(answer);
      this.#paging = 'scroll';
    }
    this.#context = undefined;
  }

  /** The next page with at least one new hit; undefined at the end. */
  async #page(): Promise<readonly Hit[] | undefined> {
    const { maxRows = Infinity } = this.#options;
    const path = `/${encodeURIComponent(this.#options.index).replace(/%2C/g, ',').replace(/%2A/g, '*')}`;
    for (;;) {
      if (this.#ended || this.#hits >= maxRows) {
        await this.#forget();
        return undefined;
      }
      let answer: Answer;
      try {
        answer = await this.#searchOnce(path);
      } catch (error) {
        if (error instanceof TooLarge) {
          if (this.#size === 1)
            throw new UserError(
              `${this.#place}: one hit is larger than is held in memory`,
              'leave it out by the query',
            );
          this.#size = Math.ceil(this.#size / 4);
          // A scroll has moved on with the answer that was too large.
          if (this.#paging === 'scroll') await this.#resume(path);
          continue;
        }
        // The page of a scroll whose answer was lost does not come again.
        if (
          this.#paging === 'scroll' &&
          error instanceof RemoteError &&
          this.#context !== undefined &&
          this.#mayResume()
        ) {
          this.#retries++;
          await this.#pause(backOffDelay(1 + this.#resumedInVain, 500, 30_000, this.#timing.random()));
          await this.#resume(path);
          continue;
        }
        throw error;
      }
      if (answer.status === 404 && this.#context !== undefined && this.#mayResume()) {
        await this.#resume(path);
        continue;
      }
      if (answer.status !== 200) throw await this.#describe(answer);
      const hits = this.#take(answer.body);
      if (hits === undefined) {
        this.#ended = true;
        continue;
      }
      if (hits.length === 0) continue;
      this.#resumedInVain = 0;
      const kept = hits.slice(0, Math.max(0, maxRows - this.#hits));
      this.#hits += kept.length;
      return kept;
    }
  }

  #mayResume(): boolean {
    return this.#resumedInVain < MAX_RESUMES;
  }

  #searchOnce(path: string): Promise<Answer> {
    const sort = {
      // 'date' makes milliseconds of nanoseconds too: their numbers do not fit into a double. What has no time comes first.
      [this.#timeField]: { order: 'asc', unmapped_type: 'date', numeric_type: 'date', missing: 0 },
    };
    const first = this.#context === undefined || this.#after === undefined;
    const query = this.#queryBody();
    if (this.#paging === 'pit')
      return this.#ask('POST', '/_search', {
        size: this.#size,
        query,
        sort: [sort, { _shard_doc: 'asc' }],
        pit: { id: this.#context, keep_alive: KEEP_ALIVE },
        track_total_hits: first && this.#total === undefined,
        ...(this.#after === undefined ? {} : { search_after: this.#after }),
      });
    if (this.#context === undefined)
      return this.#ask('POST', `${path}/_search?scroll=${KEEP_ALIVE}`, {
        size: this.#size,
        query,
        sort: [sort],
        track_total_hits: true,
      });
    return this.#ask('POST', '/_search/scroll', { scroll: KEEP_ALIVE, scroll_id: this.#context }, true);
  }

  #queryBody(): JsonObject {
    const { from, to } = this.#options;
    const filter: JsonObject[] = [];
    if (this.#given.length > 0) {
      const bounds: Record<string, unknown> = {};
      if (from !== undefined) bounds.gte = timeBound(from);
      if (to !== undefined) bounds.lt = timeBound(to);
      filter.push({ range: { [this.#timeField]: bounds } });
    }
    if (this.#skip !== undefined && this.#lastTime !== undefined && this.#lastTime !== 0)
      filter.push({ range: { [this.#timeField]: { gte: isoTime(this.#lastTime) } } });
    if (this.#query !== undefined) filter.push(this.#query);
    return filter.length === 0 ? { match_all: {} } : { bool: { filter } };
  }

  /** Takes the search up again from the last time seen: hits of that time come again and are left out by their identity. */
  async #resume(path: string): Promise<void> {
    this.#resumed++;
    this.#resumedInVain++;
    await this.#forget();
    this.#after = undefined;
    if (this.#lastTime !== undefined) this.#skip = new Set(this.#last);
    if (this.#last.size >= MAX_LAST)
      throw new UserError(
        `${this.#place}: the search engine forgot the search, and too many hits have the same time to take it up again`,
        'ask for less time at once',
      );
    await this.#openContext(path);
  }

  /** The new hits of an answer; undefined at the end. */
  #take(body: JsonObject): readonly Hit[] | undefined {
    const shards = isObject(body._shards) ? body._shards : {};
    const failed = typeof shards.failed === 'number' ? shards.failed : 0;
    if (failed > this.#failedShards) {
      this.#failedShards = failed;
      const failures: readonly unknown[] = Array.isArray(shards.failures) ? shards.failures : [];
      const reason = failures
        .map((each) => (isObject(each) && isObject(each.reason) ? each.reason.reason : undefined))
        .find((each) => typeof each === 'string');
      const total = typeof shards.total === 'number' ? shards.total : failed;
      this.#message = `${failed} of ${counted(total, 'shard')} failed${typeof reason === 'string' ? ` (${safeText(reason)})` : ''}, so hits are missing`;
    } else if (body.timed_out === true)
      this.#message ??= 'the search ran out of time on the engine, so hits are missing';
    const context = this.#paging === 'pit' ? body.pit_id : body._scroll_id;
    if (typeof context === 'string') this.#context = context;
    const outer = isObject(body.hits) ? body.hits : {};
    const total = isObject(outer.total) ? outer.total.value : outer.total;
    if (typeof total === 'number' && this.#total === undefined) this.#total = total;
    const raw: readonly unknown[] = Array.isArray(outer.hits) ? outer.hits : [];
    if (raw.length === 0) return undefined;
    const hits: Hit[] = [];
    for (const each of raw) {
      if (!isObject(each)) continue;
      const record = isObject(each._source) ? each._source : isObject(each.fields) ? each.fields : {};
      const sort: readonly unknown[] = Array.isArray(each.sort) ? each.sort : [];
      const hit = { index: String(each._index ?? ''), id: String(each._id ?? ''), record, sort };
      this.#after = sort;
      const identity = `${hit.index}/${hit.id}`;
      if (this.#skip?.has(identity) === true) continue;
      const [time] = sort;
      if (typeof time === 'number' && time !== this.#lastTime) {
        this.#lastTime = time;
        this.#last.clear();
      }
      if (this.#last.size < MAX_LAST) this.#last.add(identity);
      hits.push(hit);
    }
    return hits;
  }

  /** Tells the engine that the view is not needed any more. */
  async #forget(): Promise<void> {
    const context = this.#context;
    this.#context = undefined;
    if (context === undefined) return;
    const [path, body] =
      this.#paging === 'pit' ? ['/_pit', { id: context }] : ['/_search/scroll', { scroll_id: [context] }];
    try {
      await fetch(`${this.#url}${path}`, {
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

  async #next(): Promise<Table | undefined> {
    for (;;) {
      const hits = this.#first ?? (await this.#page());
      this.#first = undefined;
      if (hits === undefined) return undefined;
      const table = this.#writer === undefined ? this.#records(hits) : this.#flows(this.#writer, hits);
      this.#rows += table.rowCount;
      if (table.rowCount > 0) return table;
    }
  }

  #records(hits: readonly Hit[]): Table {
    const typer = this.#typer ?? new RecordTyper({ plain: true });
    const from = this.#hits - hits.length;
    return typer.tableOf(
      hits.map((hit, i) => ({ record: rowOf(hit), arrivalMs: 0, line: from + i + 1 })),
      () => undefined,
    );
  }

  #flows(writer: FlowWriter, hits: readonly Hit[]): Table {
    const from = this.#hits - hits.length;
    hits.forEach(({ record }, i) => {
      if (!looksLikeEcs(record)) {
        this.#rejected++;
        const reject = {
          line: from + i + 1,
          reason: 'source.ip or destination.ip: no address',
          bytes: Buffer.from(shallowJson(record)).subarray(0, 1024),
        };
        if (this.#rejects.length < MAX_REJECTS_SHOWN) this.#rejects.push(reject);
        this.#options.onReject?.(reject);
        return;
      }
      this.#lateColumns += writeEcs(writer, record, this.#timeField);
    });
    return writer.finish();
  }

  source(): SearchSource {
    const schema: Schema = this.#writer?.schema ??
      this.#typer?.schema ?? { name: 'search-hits', version: 1, columns: [] };
    return {
      name: `${this.#url}/${this.#options.index}`,
      format: this.#writer === undefined ? 'search-hits' : 'ecs',
      compression: '',
      totalBytes: undefined,
      schema,
      gives: this.#writer?.gives ?? new Set(schema.columns.map(({ name }) => name)),
      read: () => this.#next(),
      bytesTaken: () => this.#bytes,
      status: () => ({
        rows: this.#rows,
        rejected: this.#rejected,
        rejects: this.#rejects,
        state: this.#message === undefined ? 'whole' : 'cut',
        ...(this.#message === undefined ? {} : { message: this.#message }),
      }),
      statistics: () => ({
        total: this.#total,
        requests: this.#requests,
        retries: this.#retries,
        resumed: this.#resumed,
        failedShards: this.#failedShards,
        lateValues: this.#lateColumns + (this.#typer?.counts().lateValues ?? 0),
        paging: this.#paging,
      }),
      stop: async () => {
        this.#ended = true;
      },
      close: () => {
        this.#ended = true;
        this.#closing.abort();
        void this.#forget();
      },
    };
  }
}

function rowOf({ index, id, record }: Hit): JsonObject {
  return { _index: index, _id: id, ...record };
}

function timeBound(time: number | string): string {
  return typeof time === 'number' ? isoTime(time) : time;
}

function queryOf(query: string | JsonObject | undefined): JsonObject | undefined {
  if (query === undefined || query === '') return undefined;
  if (typeof query !== 'string') return query;
  if (!query.trimStart().startsWith('{')) return { query_string: { query } };
  let value: unknown;
  try {
    value = JSON.parse(query);
  } catch {
    throw new UserError(
      'the query begins like JSON and is none',
      'check its quotes and braces, or write it in Lucene syntax',
    );
  }
  if (!isObject(value)) throw new UserError('the query is no JSON object', 'as in {"term": {"event.kind": "event"}}');
  // A whole search body is what people copy; its query is meant.
  return Object.keys(value).length === 1 && isObject(value.query) ? value.query : value;
}

function errorOf(body: JsonObject): { type: string; reason: string } {
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

/** A field, or the first of several. */
function one(record: JsonObject, name: string): unknown {
  const value = fieldOf(record, name);
  return Array.isArray(value) ? value[0] : value;
}

function text(record: JsonObject, name: string): string {
  const value = one(record, name);
  return typeof value === 'string' ? value.slice(0, 1024) : typeof value === 'number' ? String(value) : '';
}

/** NaN where there is none. */
function number(record: JsonObject, name: string): number {
  const value = one(record, name);
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : Number.NaN;
  return typeof value === 'string' && /^\d{1,15}(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
}

function time(record: JsonObject, name: string): number {
  return parseTime(one(record, name)) ?? Number.NaN;
}

function port(record: JsonObject, name: string): number {
  const value = number(record, name);
  return Number.isInteger(value) && value <= 65_535 ? value : Number.NaN;
}

function address(record: JsonObject, name: string): string | undefined {
  const value = one(record, name);
  if (typeof value !== 'string' || value.length > 45) return undefined;
  const parsed = parseAddress(value);
  if (parsed === undefined) return undefined;
  const [a, b, c, d] = parsed.words;
  return parsed.isV6 ? formatIpv6(a, b, c, d) : formatIpv4(a);
}

function mac(record: JsonObject, name: string): string {
  const value = text(record, name).toLowerCase().replace(/-/g, ':');
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(value) ? value : '';
}

/**
 * A record of the Elastic Common Schema (elastic.co/docs/reference/ecs) as cells of the flow table: NaN and '' are missing. The source is the initiator, unless the record says that its client is the
 * destination. A total in network.bytes or network.packets fills in the side that has none of its own.
 */
function ecsCells(record: JsonObject, timeField: string): { readonly [K in FlowColumnName]?: number | string } {
  const source = address(record, 'source.ip') ?? '';
  const destination = address(record, 'destination.ip') ?? '';
  const client = address(record, 'client.ip');
  const flip =
    client !== undefined &&
    client === destination &&
    (client !== source || port(record, 'client.port') === port(record, 'destination.port'));
  const [near, far] = flip ? ['destination', 'source'] : ['source', 'destination'];
  const end = time(record, 'event.end');
  const spanMs = number(record, 'event.duration') / 1e6;
  let start = time(record, 'event.start');
  if (Number.isNaN(start)) start = end - spanMs;
  if (Number.isNaN(start)) start = time(record, timeField);
  if (Number.isNaN(start)) start = time(record, '@timestamp');
  const durationMs = Number.isNaN(spanMs) ? Math.max(0, end - start) : spanMs;
  const rest = (total: string, one: string, other: string): number => {
    const own = number(record, one);
    return Number.isNaN(own) ? Math.max(0, number(record, total) - number(record, other)) : own;
  };
  const method = text(record, 'http.request.method');
  const target = text(record, 'url.path') || text(record, 'url.original');
  const tls = text(record, 'tls.version');
  const answers = fieldOf(record, 'dns.answers.data') ?? fieldOf(record, 'dns.resolved_ip') ?? answersOf(record);
  return {
    startMs: start,
    durationMs,
    protocol: text(record, 'network.transport') || text(record, 'network.iana_number'),
    initiator: flip ? destination : source,
    responder: flip ? source : destination,
    initiatorPort: port(record, `${near}.port`),
    responderPort: port(record, `${far}.port`),
    initiatorMac: mac(record, `${near}.mac`),
    responderMac: mac(record, `${far}.mac`),
    initiatorPackets: rest('network.packets', `${near}.packets`, `${far}.packets`),
    responderPackets: rest('network.packets', `${far}.packets`, `${near}.packets`),
    initiatorBytes: rest('network.bytes', `${near}.bytes`, `${far}.bytes`),
    responderBytes: rest('network.bytes', `${far}.bytes`, `${near}.bytes`),
    vlan: number(record, 'network.vlan.id'),
    service: (text(record, 'network.protocol') || text(record, 'network.application')).toLowerCase(),
    serverName: text(record, 'tls.client.server_name'),
    alpn: text(record, 'tls.next_protocol'),
    tlsVersion: /^[\d.]+$/.test(tls) ? `TLS ${tls}` : tls,
    ja3: text(record, 'tls.client.ja3'),
    ja3s: text(record, 'tls.server.ja3s'),
    certificateSubject: text(record, 'tls.server.x509.subject.common_name') || text(record, 'tls.server.subject'),
    certificateIssuer: text(record, 'tls.server.x509.issuer.common_name') || text(record, 'tls.server.issuer'),
    certificateFromMs: time(record, 'tls.server.not_before'),
    certificateToMs: time(record, 'tls.server.not_after'),
    httpHost: text(record, 'url.domain'),
    httpRequest: method === '' ? '' : `${method.toUpperCase()} ${target}`.trim().slice(0, 256),
    httpStatus: number(record, 'http.response.status_code'),
    dnsQuery: text(record, 'dns.question.name').toLowerCase(),
    dnsType: text(record, 'dns.question.type'),
    dnsRcode: text(record, 'dns.response_code'),
    dnsAnswers: (Array.isArray(answers)
      ? answers.filter((each) => typeof each === 'string').join(',')
      : typeof answers === 'string'
        ? answers
        : ''
    ).slice(0, 1024),
    client: text(record, 'user_agent.original'),
    user: text(record, 'user.name'),
    communityId: text(record, 'network.community_id'),
  };
}

/** Data of answers that are objects in a list, as Packetbeat writes them. */
function answersOf(record: JsonObject): string[] | undefined {
  const answers = fieldOf(record, 'dns.answers');
  if (!Array.isArray(answers)) return undefined;
  return answers.flatMap((each: unknown) => (isObject(each) && typeof each.data === 'string' ? [each.data] : []));
}

/** Flow columns that a record has a value for. */
function ecsColumns(record: JsonObject, timeField: string): FlowColumnName[] {
  const cells = ecsCells(record, timeField);
  const names = (Object.keys(cells) as FlowColumnName[]).filter((name) => hasValue(cells[name]));
  if (names.includes('durationMs')) names.push('endMs');
  names.push('portService', 'service', 'serviceBasis');
  return names;
}

function hasValue(value: number | string | undefined): boolean {
  return value !== undefined && value !== '' && !Number.isNaN(value);
}

/** Writes a row; returns the number of values in columns that the source said it does not give. */
function writeEcs(writer: FlowWriter, record: JsonObject, timeField: string): number {
  const cells = ecsCells(record, timeField);
  const row = writer.addRow();
  let late = 0;
  const { startMs, durationMs, protocol: name, service, ...others } = cells;
  const isV6 = typeof others.initiator === 'string' && others.initiator.includes(':');
  const known = protocolByName(String(name ?? ''), isV6);
  for (const [column, value] of Object.entries(others)) {
    if (value === undefined || !hasValue(value)) continue;
    const index = FLOW_COLUMN[column as FlowColumnName];
    if (!writer.has(index)) late++;
    else if (typeof value === 'number') writer.number(index, row, value);
    else writer.text(index, row, value);
  }
  const num = (value: number | string | undefined): number => (typeof value === 'number' ? value : Number.NaN);
  writer.times(row, num(startMs), num(durationMs), num(others.initiatorPackets) + num(others.responderPackets));
  if (known >= 0) writer.protocol(row, known);
  else if (typeof name === 'string') writer.text(FLOW_COLUMN.protocol, row, name.toLowerCase());
  writer.service(
    row,
    known,
    num(others.initiatorPort),
    num(others.responderPort),
    typeof service === 'string' ? service : '',
  );
  const group = /^(22[4-9]|23\d)\.|^ff|^255\.255\.255\.255$/i.test(String(others.responder ?? ''));
  // Bytes say that a side spoke where packets are not counted.
  const spoke = (packets: number, bytes: number): number => (Number.isNaN(packets) ? (bytes > 0 ? 1 : bytes) : packets);
  writer.outcome(
    row,
    known,
    spoke(num(others.initiatorPackets), num(others.initiatorBytes)),
    spoke(num(others.responderPackets), num(others.responderBytes)),
    group,
    Number.NaN,
  );
  writer.finishRow(row);
  return late;
}
