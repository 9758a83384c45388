import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Table } from '../../../core/index.ts';
import { FLOW_SCHEMA, flowRecord } from '../../../flow/index.ts';
import type { JsonObject } from '../record/index.ts';
import { looksLikeEcs, openSearchQuery, type SearchOptions, type SearchSource } from './index.ts';

const clean: (() => void)[] = [];
afterEach(() => {
  for (const each of clean.splice(0)) each();
});

interface Doc {
  readonly id: string;
  readonly time: number | undefined;
  readonly source: JsonObject;
}

interface Engine {
  readonly url: string;
  readonly log: string[];
  readonly bodies: JsonObject[];
  /** Points in time and scrolls that are open. */
  readonly contexts: Map<string, { docs: readonly Doc[]; at: number }>;
}

type Fault = (request: { readonly line: string; readonly n: number }, response: http.ServerResponse) => boolean;

/** A double of the engine: what its reference says of `_pit`, `search_after`, `_search/scroll` and their errors. */
async function engine(
  docs: readonly Doc[],
  { pit = true, fault = (): boolean => false, key }: { pit?: boolean; fault?: Fault; key?: string } = {},
): Promise<Engine> {
  const contexts: Engine['contexts'] = new Map();
  const log: string[] = [];
  const bodies: JsonObject[] = [];
  let nextId = 1;
  const server = http.createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const body = text === '' ? {} : JSON.parse(text);
    const line = `${request.method} ${request.url}`;
    log.push(line);
    bodies.push(body);
    const send = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    const fail = (status: number, type: string, reason: string): void =>
      send(status, {
        error: { root_cause: [{ type, reason }], type: 'search_phase_execution_exception', reason },
        status,
      });
    if (fault({ line, n: log.length }, response)) return;
    if (key !== undefined && request.headers.authorization !== key)
      return fail(401, 'security_exception', 'missing authentication credentials');
    const open = (): string => {
      const id = `context-${nextId++}`;
      contexts.set(id, { docs: [...docs].sort((a, b) => (a.time ?? 0) - (b.time ?? 0)), at: 0 });
      return id;
    };
    const hit = (doc: Doc, i: number, shard: boolean): JsonObject => ({
      _index: 'logs-1',
      _id: doc.id,
      _source: doc.source,
      sort: shard ? [doc.time ?? 0, i] : [doc.time ?? 0],
    });
    const bound = (doc: Doc): boolean => {
      const filters = body.query?.bool?.filter ?? [];
      return filters.every((each: { range?: Record<string, { gte?: string; lt?: string }> }) => {
        const range = each.range?.['@timestamp'];
        return (
          range === undefined ||
          (doc.time !== undefined &&
            (range.gte === undefined || doc.time >= Date.parse(range.gte)) &&
            (range.lt === undefined || doc.time < Date.parse(range.lt)))
        );
      });
    };
    const shards = { total: 1, successful: 1, skipped: 0, failed: 0 };
    if (request.url === '/_alias?filter_path=*.aliases') return send(200, { 'logs-1': {}, other: {} });
    if (/^\/logs-[12*]+\/_pit/.test(request.url ?? '') && request.method === 'POST' && pit)
      return send(200, { id: open() });
    if (/^\/[^_].*\/_pit/.test(request.url ?? ''))
      return pit
        ? fail(404, 'index_not_found_exception', 'no such index [log-1]')
        : send(400, { error: `no handler found for uri [${request.url}] and method [POST]` });
    if (request.method === 'DELETE') {
      for (const id of [body.id, ...(body.scroll_id ?? [])]) contexts.delete(id);
      return send(200, { succeeded: true });
    }
    if (request.url === '/_search') {
      const context = contexts.get(body.pit.id);
      if (context === undefined)
        return fail(404, 'search_context_missing_exception', 'No search context found for id [1]');
      const all = context.docs.filter(bound);
      const after = body.search_after === undefined ? -1 : body.search_after[1];
      const page = all.map((doc, i) => hit(doc, i, true)).slice(after + 1, after + 1 + body.size);
      return send(200, {
        pit_id: body.pit.id,
        timed_out: false,
        _shards: shards,
        hits: { ...(body.track_total_hits ? { total: { value: all.length, relation: 'eq' } } : {}), hits: page },
      });
    }
    if (/_search\?scroll/.test(request.url ?? '')) {
      const id = open();
      const context = contexts.get(id);
      if (context === undefined) return;
      context.docs = context.docs.filter(bound);
      context.at = body.size;
      return send(200, {
        _scroll_id: id,
        _shards: shards,
        hits: {
          total: { value: context.docs.length },
          hits: context.docs.slice(0, body.size).map((doc, i) => hit(doc, i, false)),
        },
      });
    }
    if (request.url === '/_search/scroll') {
      const context = contexts.get(body.scroll_id);
      if (context === undefined)
        return fail(404, 'search_context_missing_exception', 'No search context found for id [1]');
      const page = context.docs.slice(context.at, context.at + 3);
      context.at += 3;
      return send(200, {
        _scroll_id: body.scroll_id,
        _shards: shards,
        hits: { total: { value: context.docs.length }, hits: page.map((doc, i) => hit(doc, i, false)) },
      });
    }
    fail(400, 'illegal_argument_exception', 'unknown request');
  });
  clean.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, log, bodies, contexts };
}

const T0 = Date.parse('2024-05-01T00:00:00Z');
/** Ten hits, of which pairs have the same time. */
const TEN: Doc[] = Array.from({ length: 10 }, (_, i) => ({
  id: `d${i}`,
  time: T0 + (i >> 1) * 1000,
  source: { '@timestamp': new Date(T0 + (i >> 1) * 1000).toISOString(), n: i, deep: { text: `x${i}` } },
}));

const pauses: number[] = [];
async function query(e: Engine | string, options: Partial<SearchOptions> = {}): Promise<SearchSource> {
  pauses.length = 0;
  const source = await openSearchQuery({
    url: typeof e === 'string' ? e : e.url,
    index: 'logs-1',
    size: 3,
    env: {},
    timing: {
      now: () => 0,
      random: () => 1,
      after: (ms, run) => {
        pauses.push(ms);
        setImmediate(run);
        return () => undefined;
      },
    },
    ...options,
  });
  clean.push(() => source.close());
  return source;
}

async function numbers(source: SearchSource): Promise<(number | undefined)[]> {
  const out: (number | undefined)[] = [];
  for (let table: Table | undefined = await source.read(); table !== undefined; table = await source.read())
    for (let row = 0; row < table.rowCount; row++) out.push(table.number('n', row));
  return out;
}

const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

describe('a search', () => {
  it('is read page by page at one point in time, and tidied up', async () => {
    const e = await engine(TEN);
    const source = await query(e, { query: 'n:*', from: T0, to: '2030-01-01' });
    expect(source).toMatchObject({ name: `${e.url}/logs-1`, format: 'search-hits' });
    expect(source.schema.columns.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      '_index string',
      '_id string',
      '@timestamp float64',
      'n float64',
      'deep.text string',
    ]);
    expect(await numbers(source)).toEqual(ALL);
    expect(e.contexts.size).toBe(0);
    expect(e.log).toEqual([
      'POST /logs-1/_pit?keep_alive=2m',
      ...Array.from({ length: 5 }, () => 'POST /_search'),
      'DELETE /_pit',
    ]);
    expect(e.bodies[1]).toEqual({
      size: 3,
      query: {
        bool: {
          filter: [
            { range: { '@timestamp': { gte: '2024-05-01T00:00:00.000Z', lt: '2030-01-01' } } },
            { query_string: { query: 'n:*' } },
          ],
        },
      },
      sort: [
        { '@timestamp': { order: 'asc', unmapped_type: 'date', numeric_type: 'date', missing: 0 } },
        { _shard_doc: 'asc' },
      ],
      pit: { id: 'context-1', keep_alive: '2m' },
      track_total_hits: true,
    });
    expect(source.statistics()).toMatchObject({ total: 10, paging: 'pit', retries: 0, resumed: 0 });
    expect(source.status()).toEqual({ rows: 10, rejected: 0, rejects: [], state: 'whole' });
  });

  it('is scrolled where there are no points in time', async () => {
    const e = await engine(TEN, { pit: false });
    const source = await query(e);
    expect(await numbers(source)).toEqual(ALL);
    expect(source.statistics()).toMatchObject({ total: 10, paging: 'scroll' });
    expect(e.contexts.size).toBe(0);
  });

  it.each([true, false])(
    'goes on where it was when the engine forgot it, with no hit lost or twice (pit: %s)',
    async (pit) => {
      const e = await engine(TEN, { pit });
      const source = await query(e);
      const first = await source.read();
      expect(first?.rowCount).toBe(3);
      const rest: (number | undefined)[] = [];
      for (;;) {
        e.contexts.clear();
        const table = await source.read();
        if (table === undefined) break;
        for (let row = 0; row < table.rowCount; row++) rest.push(table.number('n', row));
      }
      expect(rest).toEqual([3, 4, 5, 6, 7, 8, 9]);
      expect(source.statistics().resumed).toBeGreaterThan(1);
    },
  );

  it('takes hits without a time as well', async () => {
    const e = await engine([...TEN, { id: 'x', time: undefined, source: { n: 99 } }]);
    expect(await numbers(await query(e))).toEqual([99, ...ALL]);
  });

  it('ends after so many hits, and gives an empty schema for none', async () => {
    const e = await engine(TEN);
    expect(await numbers(await query(e, { maxRows: 4 }))).toEqual([0, 1, 2, 3]);
    const none = await query(await engine([]));
    expect(await none.read()).toBeUndefined();
    expect(none.status().rows).toBe(0);
  });

  it('takes a query as JSON, with or without the body around it', async () => {
    const e = await engine(TEN);
    await query(e, { query: '{"query": {"term": {"n": 1}}}' });
    await query(e, { query: { exists: { field: 'n' } } });
    expect(e.bodies[1]).toMatchObject({ query: { bool: { filter: [{ term: { n: 1 } }] } } });
    expect(e.bodies.at(-1)).toMatchObject({ query: { bool: { filter: [{ exists: { field: 'n' } }] } } });
    await expect(query(e, { query: '{"a":' })).rejects.toMatchObject({
      message: 'the query begins like JSON and is none',
    });
  });
});

describe('an engine in trouble', () => {
  it.each([429, 503])('is asked again after a pause when it says %s, as long as it wants', async (status) => {
    const e = await engine(TEN, {
      fault: ({ n }, response) => {
        if (n !== 2 && n !== 3 && n !== 5) return false;
        response.writeHead(status, n === 3 ? { 'retry-after': '7' } : {});
        response.end('<html>busy</html>');
        return true;
      },
    });
    const source = await query(e);
    expect(await numbers(source)).toEqual(ALL);
    expect(pauses).toEqual([500, 7000, 500]);
    expect(source.statistics().retries).toBe(3);
  });

  it.each([true, false])('that cuts connections loses nothing (pit: %s)', async (pit) => {
    const e = await engine(TEN, {
      pit,
      fault: ({ n }, response) => {
        if (n % 4 !== 0) return false;
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' });
        response.write('{"hits":');
        setImmediate(() => response.destroy());
        return true;
      },
    });
    expect(await numbers(await query(e))).toEqual(ALL);
  });

  it('is given up after some attempts, with the reason', async () => {
    const e = await engine(TEN, {
      fault: (_, response) => {
        response.writeHead(503);
        response.end();
        return true;
      },
    });
    await expect(query(e, { attempts: 3 })).rejects.toMatchObject({
      name: 'RemoteError',
      message: `${e.url}: the search engine is busy or not ready (503); given up after 3 attempts`,
      retryable: true,
    });
    for (const each of clean.splice(0)) each();
    await expect(query(e, { attempts: 2 })).rejects.toMatchObject({
      message: `${e.url}: connection refused (ECONNREFUSED); given up after 2 attempts`,
    });
  });

  it('is left after two attempts where nobody listens, and at once where its port is none of HTTP', async () => {
    const e = await engine(TEN);
    for (const each of clean.splice(0)) each();
    await expect(query(e)).rejects.toMatchObject({
      name: 'RemoteError',
      message: `${e.url}: connection refused (ECONNREFUSED); given up after 2 attempts`,
    });
    await expect(query('http://127.0.0.1:22')).rejects.toMatchObject({
      name: 'UserError',
      message: 'http://127.0.0.1:22: this port is never used for HTTP, and not connected to',
    });
  });

  it('that lost shards is believed, and the loss said', async () => {
    const e = await engine(TEN, {
      fault: ({ line }, response) => {
        if (line !== 'POST /_search') return false;
        response.end(
          JSON.stringify({
            _shards: {
              total: 5,
              successful: 3,
              failed: 2,
              failures: [{ shard: 1, reason: { type: 'x', reason: 'all copies are gone\u001b' } }],
            },
            hits: { hits: [] },
          }),
        );
        return true;
      },
    });
    const source = await query(e);
    expect(await source.read()).toBeUndefined();
    expect(source.status()).toMatchObject({
      state: 'cut',
      message: '2 of 5 shards failed (all copies are gone\\u{1b}), so hits are missing',
    });
    expect(source.statistics().failedShards).toBe(2);
  });

  it('whose pages are too large is asked for smaller ones', async () => {
    const big = TEN.map((doc) => ({ ...doc, source: { ...doc.source, pad: 'x'.repeat(10_000) } }));
    for (const pit of [true, false])
      expect(await numbers(await query(await engine(big, { pit }), { size: 10, maxAnswerBytes: 45_000 }))).toEqual(ALL);
    await expect(query(await engine(big), { maxAnswerBytes: 5000 })).rejects.toMatchObject({
      message: expect.stringMatching(/: one hit is larger than is held in memory$/),
    });
  });
});

describe('a mistake', () => {
  it('in the key is said, and where it belongs', async () => {
    const e = await engine(TEN, { key: 'ApiKey right' });
    expect(await numbers(await query(e, { env: { ELASTICSEARCH_API_KEY: 'right' } }))).toEqual(ALL);
    await expect(query(e, { env: { ELASTICSEARCH_API_KEY: 'wrong' } })).rejects.toMatchObject({
      name: 'UserError',
      message: `${e.url}: the search engine does not know these credentials (401)`,
      hint: 'check ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD',
    });
    await expect(query(e)).rejects.toMatchObject({
      hint: 'set ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD',
    });
    const basic = await engine(TEN, { key: `Basic ${Buffer.from('me:secret').toString('base64')}` });
    const env = { ELASTICSEARCH_USERNAME: 'me', ELASTICSEARCH_PASSWORD: 'secret' };
    expect(await numbers(await query(basic, { env }))).toEqual(ALL);
  });

  it('in the index names the nearest', async () => {
    const e = await engine(TEN);
    await expect(query(e, { index: 'log-1' })).rejects.toMatchObject({
      message: `${e.url} has no index 'log-1'`,
      hint: "did you mean 'logs-1'?",
    });
  });

  it('in the query repeats what the engine says', async () => {
    const e = await engine(TEN, {
      fault: ({ line }, response) => {
        if (line !== 'POST /_search') return false;
        response.writeHead(400);
        response.end(
          '{"error":{"root_cause":[{"type":"query_shard_exception","reason":"Failed to parse query [a:]"}]}}',
        );
        return true;
      },
    });
    await expect(query(e, { query: 'a:' })).rejects.toMatchObject({
      message: `${e.url}: the query is not understood: Failed to parse query [a:]`,
    });
  });

  it('in the address is told from an engine that fails', async () => {
    const e = await engine(TEN, {
      fault: (_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end('<!doctype html><title>Kibana</title>');
        return true;
      },
    });
    await expect(query(e)).rejects.toMatchObject({ message: `${e.url} answered with a web page (200)` });
    const moved = await engine(TEN, {
      fault: (_, response) => {
        response.writeHead(302, { location: 'http://127.0.0.1:1/' });
        response.end();
        return true;
      },
    });
    await expect(query(moved)).rejects.toMatchObject({ message: `${moved.url} leads elsewhere (302)` });
    await expect(query('http://a:b@localhost')).rejects.toMatchObject({
      message: 'the address holds a user name or password',
    });
    await expect(query('ftp://localhost')).rejects.toMatchObject({ message: 'ftp:// is not spoken by search engines' });
    await expect(query('nonsense')).rejects.toMatchObject({ message: "'nonsense' is no address of a search engine" });
    await expect(query(e, { index: '../_security' })).rejects.toMatchObject({
      message: "'../_security' is no name of an index",
    });
    await expect(query(e, { size: 0 })).rejects.toMatchObject({ message: 'a page of 0 hits is not possible' });
  });
});

describe('records of the Elastic Common Schema', () => {
  const DNS: JsonObject = {
    '@timestamp': '2024-05-01T00:00:00.000Z',
    event: { start: '2024-05-01T00:00:00.100Z', end: '2024-05-01T00:00:00.125Z', duration: 25_000_000 },
    source: { ip: '10.0.0.5', port: 51_000, bytes: 40, mac: '00-00-5E-00-53-23' },
    destination: { ip: '10.0.0.1', port: 53 },
    network: { transport: 'udp', protocol: 'dns', bytes: 140, community_id: '1:x' },
    dns: {
      question: { name: 'Example.COM', type: 'A' },
      response_code: 'NOERROR',
      answers: [{ data: '1.2.3.4' }, { data: '1.2.3.5' }],
    },
  };

  it('are flows', async () => {
    const e = await engine([{ id: 'a', time: T0, source: DNS }]);
    const source = await query(e);
    expect(source.format).toBe('ecs');
    expect(source.schema).toBe(FLOW_SCHEMA);
    expect(source.gives.has('dnsQuery')).toBe(true);
    expect(source.gives.has('ja3')).toBe(false);
    const table = await source.read();
    expect(table === undefined ? undefined : flowRecord(table, 0)).toEqual({
      id: 1,
      startMs: T0 + 100,
      endMs: T0 + 125,
      durationMs: 25,
      protocol: 'udp',
      initiator: '10.0.0.5',
      initiatorPort: 51_000,
      responder: '10.0.0.1',
      responderPort: 53,
      initiatorMac: '00:00:5e:00:53:23',
      initiatorBytes: 40,
      responderBytes: 100,
      outcome: 'answered',
      service: 'dns',
      serviceBasis: 'content',
      portService: 'dns',
      dnsQuery: 'example.com',
      dnsType: 'A',
      dnsRcode: 'NOERROR',
      dnsAnswers: '1.2.3.4,1.2.3.5',
      communityId: '1:x',
    });
  });

  it('may be flat, have lists, and name the destination as the client', async () => {
    const flat = {
      '@timestamp': T0,
      'source.ip': ['2001:DB8::1', '10.0.0.1'],
      'source.port': '443',
      'destination.ip': '2001:db8:0::2',
      'destination.port': 50_000,
      'client.ip': '2001:db8::2',
      'network.transport': 'ipv6-icmp',
      'source.packets': 3,
      'destination.packets': 4,
    };
    expect(looksLikeEcs(flat)).toBe(true);
    const source = await query(await engine([{ id: 'a', time: T0, source: flat }]));
    const table = await source.read();
    expect(table === undefined ? undefined : flowRecord(table, 0)).toMatchObject({
      startMs: T0,
      protocol: 'icmpv6',
      initiator: '2001:db8::2',
      initiatorPort: 50_000,
      responder: '2001:db8::1',
      responderPort: 443,
      initiatorPackets: 4,
      responderPackets: 3,
    });
  });

  it('without both addresses are rejected and counted among flows', async () => {
    const rejects: string[] = [];
    const e = await engine([
      { id: 'a', time: T0, source: DNS },
      { id: 'b', time: T0, source: DNS },
      { id: 'c', time: T0, source: { source: { ip: 'nobody' } } },
    ]);
    const source = await query(e, { onReject: ({ line, reason }) => rejects.push(`${line}: ${reason}`) });
    expect((await source.read())?.rowCount).toBe(2);
    expect(rejects).toEqual(['3: source.ip or destination.ip: no address']);
    expect(source.status()).toMatchObject({ rows: 2, rejected: 1 });
    expect((await query(e, { as: 'records' })).format).toBe('search-hits');
  });
});
