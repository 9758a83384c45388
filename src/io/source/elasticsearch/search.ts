import { counted, isoTime, RemoteError, type Schema, safeText, type Table, UserError } from '../../../core/index.ts';
import type { FlowColumnName } from '../../../flow/index.ts';
import { FlowWriter } from '../flow-writer.ts';
import { isObject, type JsonObject, RecordTyper, shallowJson } from '../record/index.ts';
import { MAX_REJECTS_SHOWN, type Reject } from '../table-source.ts';
import { ecsColumns, looksLikeEcs, writeEcs } from './ecs.ts';
import { type Answer, Engine, errorOf, TooLarge } from './engine.ts';
import type { SearchOptions, SearchSource } from './option.ts';

/** A query's hits, page by page. */

const KEEP_ALIVE = '2m';
const MAX_RESUMES = 10;
/** Identities of hits with one time, kept so that none comes twice when a search is taken up again. */
const MAX_LAST = 200_000;

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

class Search {
  readonly #options: SearchOptions;
  readonly #engine: Engine;
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
  #resumed = 0;
  #resumedInVain = 0;
  #failedShards = 0;
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

  constructor(options: SearchOptions) {
    const { index, query, size = 1000, timeField = '@timestamp' } = options;
    this.#options = options;
    this.#engine = new Engine(options);
    this.#timeField = timeField;
    if (!Number.isInteger(size) || size < 1 || size > 10_000)
      throw new UserError(`a page of ${safeText(String(size))} hits is not possible`, 'give 1 to 10000');
    // The characters that the engine itself forbids in names, and those that would lead to another request.
    if (index === '' || /[\s?#\\"<>|/]/.test(index) || index.startsWith('_'))
      throw new UserError(`'${safeText(index)}' is no name of an index`, "give one such as 'packetbeat-*'");
    this.#size = size;
    this.#query = queryOf(query);
    this.#given = (['from', 'to'] as const).flatMap((side) => (options[side] === undefined ? [] : [side]));
    this.#engine.noteCredentials();
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
      const answer = await this.#engine.ask('POST', `${path}/_pit?keep_alive=${KEEP_ALIVE}`);
      const { id } = answer.body;
      if (answer.status === 200 && typeof id === 'string') {
        this.#context = id;
        return;
      }
      const { type } = errorOf(answer.body);
      // Engines without points in time call this an unknown request, in several ways (400 'no handler found', 404, 405).
      if (answer.status === 401 || answer.status === 403 || type === 'index_not_found_exception')
        throw await this.#engine.describe(answer);
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
              `${this.#engine.place}: one hit is larger than is held in memory`,
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
          this.#engine.retries++;
          await this.#engine.backOff(1 + this.#resumedInVain);
          await this.#resume(path);
          continue;
        }
        throw error;
      }
      if (answer.status === 404 && this.#context !== undefined && this.#mayResume()) {
        await this.#resume(path);
        continue;
      }
      if (answer.status !== 200) throw await this.#engine.describe(answer);
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
      return this.#engine.ask('POST', '/_search', {
        size: this.#size,
        query,
        sort: [sort, { _shard_doc: 'asc' }],
        pit: { id: this.#context, keep_alive: KEEP_ALIVE },
        track_total_hits: first && this.#total === undefined,
        ...(this.#after === undefined ? {} : { search_after: this.#after }),
      });
    if (this.#context === undefined)
      return this.#engine.ask('POST', `${path}/_search?scroll=${KEEP_ALIVE}`, {
        size: this.#size,
        query,
        sort: [sort],
        track_total_hits: true,
      });
    return this.#engine.ask('POST', '/_search/scroll', { scroll: KEEP_ALIVE, scroll_id: this.#context }, true);
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
        `${this.#engine.place}: the search engine forgot the search, and too many hits have the same time to take it up again`,
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
    if (this.#paging === 'pit') await this.#engine.release('/_pit', { id: context });
    else await this.#engine.release('/_search/scroll', { scroll_id: [context] });
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
      name: `${this.#engine.url}/${this.#options.index}`,
      format: this.#writer === undefined ? 'search-hits' : 'ecs',
      compression: '',
      totalBytes: undefined,
      schema,
      gives: this.#writer?.gives ?? new Set(schema.columns.map(({ name }) => name)),
      read: () => this.#next(),
      bytesTaken: () => this.#engine.bytes,
      status: () => ({
        rows: this.#rows,
        rejected: this.#rejected,
        rejects: this.#rejects,
        state: this.#message === undefined ? 'whole' : 'cut',
        ...(this.#message === undefined ? {} : { message: this.#message }),
      }),
      statistics: () => ({
        total: this.#total,
        requests: this.#engine.requests,
        retries: this.#engine.retries,
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
        this.#engine.close();
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
