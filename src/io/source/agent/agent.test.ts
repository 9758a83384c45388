import * as fs from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import * as tls from 'node:tls';
import * as zlib from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../../../test/support/certificate.ts';
import { temporaryFolder } from '../../../../test/support/cli.ts';
import { ManualTiming, until } from '../../../../test/support/timing.ts';
import { DeadLetterFile } from '../../sink/dead-letter.ts';
import {
  type ListenerOptions,
  listenerTable,
  listenRecords,
  PeerLimiter,
  peerOf,
  type RecordBatch,
  type RecordListener,
} from './index.ts';

const folder = temporaryFolder();
const TOKEN = 'correct-horse-battery';
const ANY = { port: 0 };
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each();
});

async function listen(options: Partial<ListenerOptions> = {}): Promise<RecordListener> {
  const listener = await listenRecords({ tcp: ANY, http: ANY, env: {}, ...options });
  open.push(() => listener.stop());
  return listener;
}

async function rest(listener: RecordListener): Promise<RecordBatch[]> {
  void listener.stop();
  const out: RecordBatch[] = [];
  for await (const batch of listener) out.push(batch);
  return out;
}

function post(
  listener: RecordListener,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<[number, unknown]> {
  return ask(listener, 'POST', '/records', body, headers);
}

async function ask(
  listener: RecordListener,
  method: string,
  target: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<[number, unknown]> {
  const response = await fetch(`http://127.0.0.1:${listener.http?.port}${target}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  });
  const text = await response.text();
  return [response.status, text === '' ? undefined : JSON.parse(text)];
}

/** Sends text over TCP and returns what came back, when the listener has closed or nothing is left to send. */
async function send(port: number, text: string, end = true): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  open.push(() => socket.destroy());
  let answer = '';
  socket.on('data', (chunk) => {
    answer += String(chunk);
  });
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
    socket.on('error', () => undefined);
  });
  if (end) socket.end(text);
  else socket.write(text);
  await closed;
  return answer;
}

describe('records over HTTP', () => {
  it('come as an array, an object, or one a line, and are counted in the answer', async () => {
    const listener = await listen();
    expect(await post(listener, '[{"a":1},{"a":2}]')).toEqual([202, { accepted: 2, rejected: 0 }]);
    expect(await post(listener, '{\n "a": 3\n}')).toEqual([202, { accepted: 1, rejected: 0 }]);
    expect(await post(listener, '{"a":4}\n{"a":5}\n')).toEqual([202, { accepted: 2, rejected: 0 }]);
    expect(await post(listener, '{"a":6}', { 'content-type': 'application/x-ndjson' })).toEqual([
      202,
      { accepted: 1, rejected: 0 },
    ]);
    const batches = await rest(listener);
    expect(
      batches.flatMap(({ table }) => Array.from({ length: table.rowCount }, (_, i) => table.number('a', i))),
    ).toEqual([1, 2, 3, 4, 5, 6]);
    expect(batches[0]?.source).toBe('127.0.0.1');
    expect(batches[0]?.table.text('agent', 0)).toBe('127.0.0.1');
  });

  it('may be compressed with gzip, and no larger for it', async () => {
    const listener = await listen({ maxBodyBytes: 10_000 });
    const gzip = { 'content-encoding': 'gzip' };
    expect(await post(listener, zlib.gzipSync('{"a":1}'), gzip)).toEqual([202, { accepted: 1, rejected: 0 }]);
    expect(await post(listener, zlib.gzipSync('x'.repeat(1e6)), gzip)).toEqual([
      413,
      { error: 'a body may have 10000 bytes' },
    ]);
    expect(await post(listener, zlib.gzipSync('{"a":1}').subarray(0, 15), gzip)).toEqual([
      400,
      { error: 'the body is no whole gzip data' },
    ]);
    expect(await post(listener, 'x', { 'content-encoding': 'br' })).toEqual([
      415,
      { error: 'Content-Encoding may be gzip or identity' },
    ]);
    expect(await post(listener, 'x'.repeat(20_000))).toEqual([413, { error: 'a body may have 10000 bytes' }]);
  });

  it('that cannot be read are named, and the good ones beside them stay', async () => {
    const name = path.join(folder, 'dead.ndjson');
    const deadLetter = new DeadLetterFile(name);
    open.push(() => deadLetter.close());
    const listener = await listen({ deadLetter });
    expect(await post(listener, '[{"a":1},5,null]')).toEqual([
      202,
      {
        accepted: 1,
        rejected: 2,
        errors: [
          { line: 2, reason: 'not a JSON object but a number' },
          { line: 3, reason: 'not a JSON object but null' },
        ],
      },
    ]);
    expect(await post(listener, '{"a":1}\n{oops\n')).toEqual([
      202,
      { accepted: 1, rejected: 1, errors: [{ line: 2, reason: 'not valid JSON' }] },
    ]);
    expect(await post(listener, '[{"a":')).toEqual([
      400,
      { error: 'no record could be read; 1: not a valid JSON array' },
    ]);
    expect(await post(listener, '['.repeat(100_000))).toEqual([
      400,
      { error: 'no record could be read; 1: nested deeper than 64' },
    ]);
    expect(await post(listener, ' \n')).toEqual([400, { error: 'the body holds no record' }]);
    expect(fs.readFileSync(name, 'utf8').trim().split('\n')).toHaveLength(5);
    expect(listener.status()).toMatchObject({ received: 2, rejected: 5 });
  });

  it('need the token where one is set, and many wrong ones are not listened to', async () => {
    const timing = new ManualTiming();
    const listener = await listen({ env: { ANOMALYST_LISTEN_TOKEN: TOKEN }, timing });
    expect(await post(listener, '{"a":1}')).toEqual([401, { error: 'Authorization: Bearer is missing' }]);
    for (let i = 0; i < 10; i++)
      expect(await post(listener, '{"a":1}', { authorization: 'Bearer nope' })).toEqual([
        401,
        { error: 'wrong token' },
      ]);
    expect((await post(listener, '{"a":1}', { authorization: `Bearer ${TOKEN}` }))[0]).toBe(429);
    timing.advance(2000);
    for (let i = 0; i < 20; i++)
      expect((await post(listener, '{"a":1}', { authorization: `Bearer ${TOKEN}` }))[0]).toBe(202);
    expect(await ask(listener, 'GET', '/health')).toEqual([200, { status: 'ok' }]);
    expect(listener.status()).toMatchObject({ unauthorized: 12, received: 20 });
  });

  it('are limited in rate for each peer, all of a request or none', async () => {
    const timing = new ManualTiming();
    const listener = await listen({ maxRecordsPerSecond: 5, timing });
    const ten = JSON.stringify(Array.from({ length: 10 }, () => ({ a: 1 })));
    expect((await post(listener, ten))[0]).toBe(202);
    expect(await post(listener, ten)).toEqual([429, { error: 'more than 5 records a second' }]);
    timing.advance(2000);
    expect((await post(listener, ten))[0]).toBe(202);
    expect(await post(listener, JSON.stringify(Array.from({ length: 11 }, () => ({}))))).toEqual([
      413,
      { error: 'more than 10 records in one request' },
    ]);
    expect(listener.status()).toMatchObject({ received: 20, throttled: 1 });
  });

  it('are not taken from web pages, nor anything else at other places', async () => {
    const listener = await listen();
    const forbidden = [403, { error: 'requests from web pages and under other names are not taken' }];
    const raw = (head: string): Promise<string> =>
      send(listener.http?.port ?? 0, `${head}\r\nConnection: close\r\n\r\n`, false);
    expect(await raw('POST /records HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://evil.example')).toContain(
      JSON.stringify(forbidden[1]),
    );
    expect(await raw('GET /health HTTP/1.1\r\nHost: evil.example')).toContain('403 Forbidden');
    expect(await raw('GET /else HTTP/1.1\r\nHost: localhost:1')).toContain(
      '{"error":"there are /records and /health"}',
    );
    expect(await raw('GET /records HTTP/1.1\r\nHost: [::1]:1')).toContain('{"error":"use POST"}');
    expect(await raw('hello')).toContain('{"error":"this is no HTTP request"}');
  });

  it('that come too slowly are cut off', async () => {
    const listener = await listen({ requestMs: 150 });
    const port = listener.http?.port ?? 0;
    const answer = await send(port, 'POST /records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{', false);
    expect(answer).toContain('408 Request Timeout');
    expect(answer).toContain('{"error":"the request took too long"}');
  });

  it('wait outside when the reader is behind', async () => {
    const listener = await listen({ window: { maxItems: 4 } });
    for (let i = 0; i < 3; i++) expect((await post(listener, '{"a":1}'))[0]).toBe(202);
    expect(await post(listener, '{"a":1}')).toEqual([429, { error: 'busy' }]);
    expect(await ask(listener, 'GET', '/health')).toEqual([200, { status: 'busy' }]);
    expect((await listener.next())?.closedBy).toBe('memory');
    expect((await post(listener, '{"a":1}'))[0]).toBe(202);
  });
});

describe('records over TCP', () => {
  it('come one a line, under the name that the agent gives', async () => {
    const listener = await listen({ env: { ANOMALYST_LISTEN_TOKEN: TOKEN } });
    const port = listener.tcp?.port ?? 0;
    await send(port, `{"token":"${TOKEN}","source":"sensor-7"}\n{"a":1}\n{"a":2}\nbad\n{"a":3}`);
    const batches = await rest(listener);
    expect(batches.map(({ source, table }) => `${source} ${table.rowCount}`)).toEqual(['sensor-7 3']);
    expect(listener.status()).toMatchObject({ received: 3, rejected: 1, unauthorized: 0 });
    expect(listener.status().rejects[0]).toMatchObject({ line: 4, reason: 'not valid JSON' });
  });

  it.each([
    ['{"a":1}\n', '{"error":"the first line must be {\\"token\\": \\"...\\"}"}\n'],
    ['{"token":"wrong"}\n{"a":1}\n', '{"error":"wrong token"}\n'],
    ['x'.repeat(5000), '{"error":"the first line must be {\\"token\\": \\"...\\"}"}\n'],
  ])('are not taken without the token: %.20s', async (text, expected) => {
    const listener = await listen({ env: { ANOMALYST_LISTEN_TOKEN: TOKEN } });
    expect(await send(listener.tcp?.port ?? 0, text)).toBe(expected);
    expect(listener.status()).toMatchObject({ received: 0, unauthorized: 1 });
  });

  it('are not waited for when the token does not come', async () => {
    const timing = new ManualTiming();
    const listener = await listen({ env: { ANOMALYST_LISTEN_TOKEN: TOKEN }, timing, authMs: 10_000 });
    const answer = send(listener.tcp?.port ?? 0, '{"tok', false);
    await until(() => listener.status().bytes > 0);
    timing.advance(10_000);
    timing.advance(2000);
    expect(await answer).toBe('{"error":"no token in time"}\n');
  });

  it('are slowed down to the rate without loss', async () => {
    const timing = new ManualTiming();
    const listener = await listen({ maxRecordsPerSecond: 100, timing });
    void send(listener.tcp?.port ?? 0, '{"a":1}\n'.repeat(20_000));
    await until(() => listener.status().throttled === 1);
    expect(listener.status().received).toBeLessThan(20_000);
    while (listener.status().received < 20_000) {
      timing.advance(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(listener.status().rejected).toBe(0);
  });

  it('wait while the reader is behind, and none is lost', async () => {
    const listener = await listen({ window: { maxItems: 40_000, windowMs: 1e9 }, maxRecordsPerSecond: 1e9 });
    const total = 100_000;
    void send(listener.tcp?.port ?? 0, '{"a":1}\n'.repeat(total));
    let rows = 0;
    await until(() => listener.status().pauses > 0);
    while (rows < total - 30_000) {
      const batch = await listener.next();
      rows += batch?.table.rowCount ?? 0;
    }
    await until(() => listener.status().received === total);
    for (const batch of await rest(listener)) rows += batch.table.rowCount;
    expect(rows).toBe(total);
    expect(listener.status()).toMatchObject({ refused: 0, rejected: 0 });
  });

  it('of too many connections are turned away', async () => {
    const listener = await listen({ maxPeerConnections: 2 });
    const port = listener.tcp?.port ?? 0;
    void send(port, '{"a":1}\n', false);
    void send(port, '{"a":1}\n', false);
    await until(() => listener.status().received === 2);
    await send(port, '{"a":1}\n', false);
    expect(listener.status()).toMatchObject({ received: 2, connections: 2, connectionsRefused: 1 });
  });

  it('go through TLS where there is a certificate', async () => {
    const { cert, key } = selfSigned();
    const listener = await listen({ tls: { cert, key } });
    const socket = tls.connect({ port: listener.tcp?.port ?? 0, host: 'localhost', ca: cert, servername: 'localhost' });
    socket.end('{"a":1}\n');
    await until(() => listener.status().received === 1);
    // Whoever speaks without TLS is not understood, and harms nobody.
    void send(listener.tcp?.port ?? 0, '{"a":2}\n');
    await until(() => listener.status().connections === 2);
    expect((await rest(listener)).length).toBe(1);
  });
});

describe('the windows of agents', () => {
  it('are of event time, each source with a schema of its own', async () => {
    const timing = new ManualTiming(1_700_000_100_000);
    const listener = await listen({ timing, window: { windowMs: 10_000, latenessMs: 0 } });
    const at = (s: number): string => new Date(1_700_000_000_000 + s * 1000).toISOString();
    await post(listener, `[{"@timestamp":"${at(1)}","a":1},{"@timestamp":"${at(11)}","a":2}]`, { 'x-source': 'one' });
    await post(listener, `{"ts":${1_700_000_002},"b":"x"}`, { 'x-source': 'two' });
    await post(listener, `{"@timestamp":"${at(2)}","a":3}`, { 'x-source': 'one' });
    expect(await post(listener, '{}', { 'x-source': 'no good' })).toEqual([
      400,
      { error: 'X-Source may have 1 to 128 letters, digits and . : @ / _ -' },
    ]);
    const first = await listener.next();
    expect(first).toMatchObject({
      source: 'one',
      kind: 'window',
      startMs: 1_700_000_000_000,
      endMs: 1_700_000_010_000,
    });
    expect(first?.table.number('timeMs', 0)).toBe(1_700_000_001_000);
    const others = await rest(listener);
    expect(
      others.map(
        ({ source, kind, table }) => `${source} ${kind} ${table.schema.columns.map(({ name }) => name).join(',')}`,
      ),
    ).toEqual([
      'one window arrivalMs,timeMs,agent,@timestamp,a',
      'one late arrivalMs,timeMs,agent,@timestamp,a',
      'two window arrivalMs,timeMs,agent,ts,b',
    ]);
  });

  it('are given by the clock when agents fall silent, and all at the end of the time', async () => {
    const timing = new ManualTiming();
    const listener = await listen({ timing, durationMs: 60_000, window: { windowMs: 10_000, latenessMs: 0 } });
    await post(listener, '{"a":1}');
    timing.advance(15_000);
    expect((await listener.next())?.closedBy).toBe('silence');
    await post(listener, '{"a":2}');
    timing.advance(1000);
    timing.advance(50_000);
    expect((await listener.next())?.table.number('a', 0)).toBe(2);
    expect(await listener.next()).toBeUndefined();
  });

  it('are a source of rows, where all agents have one schema', async () => {
    const listener = await listen({ schemaOf: 'all' });
    await post(listener, '{"a":1}', { 'x-source': 'one' });
    await post(listener, '{"a":2}', { 'x-source': 'two' });
    void listener.stop();
    const source = await listenerTable(listener);
    const table = await source.read();
    expect([table?.rowCount, table?.text('agent', 0), table?.text('agent', 1)]).toEqual([2, 'one', 'two']);
    expect(await source.read()).toBeUndefined();
    expect(source.status()).toEqual({ rows: 2, rejected: 0, rejects: [], state: 'whole' });
  });
});

describe('a listener', () => {
  it('refuses other machines without a token, and short tokens', async () => {
    await expect(listenRecords({ tcp: { host: '0.0.0.0', port: 0 }, env: {} })).rejects.toMatchObject({
      message: '0.0.0.0 can be reached from other machines, and there is no token',
      hint: 'set ANOMALYST_LISTEN_TOKEN (openssl rand -hex 16), or listen on 127.0.0.1',
    });
    await expect(listenRecords({ tcp: ANY, env: { ANOMALYST_LISTEN_TOKEN: 'secret' } })).rejects.toMatchObject({
      message: 'the token in ANOMALYST_LISTEN_TOKEN has 6 characters',
    });
    await expect(listenRecords({ env: {} })).rejects.toMatchObject({ message: 'nothing to listen on' });
  });

  it('says which port is taken, and leaves none open', async () => {
    const first = await listen();
    const port = first.tcp?.port ?? 0;
    await expect(listenRecords({ http: ANY, tcp: { port }, env: {} })).rejects.toMatchObject({
      message: `cannot listen on 127.0.0.1:${port}: the port is taken (EADDRINUSE)`,
    });
  });
});

describe('the limit of a peer', () => {
  it('refills with time, goes into debt or not, and remembers a bounded number', () => {
    const limiter = new PeerLimiter(10, 20, 100);
    expect(limiter.tryTake('a', 20, 0)).toBe(0);
    expect(limiter.tryTake('a', 10, 500)).toBe(500);
    expect(limiter.lacks('a', 5, 500)).toBe(0);
    expect(limiter.take('a', 15, 500)).toBe(1000);
    for (let i = 0; i < 1000; i++) limiter.take(String(i), 1, 0);
    expect(limiter.peers).toBe(100);
  });

  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '20010db8:10002::/64'],
    ['::1', '::1'],
    [undefined, 'unknown'],
  ])('counts %s as %s', (address, peer) => {
    expect(peerOf(address)).toBe(peer);
  });
});
