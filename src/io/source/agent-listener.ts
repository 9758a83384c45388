import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import * as net from 'node:net';
import * as tls from 'node:tls';
import * as zlib from 'node:zlib';
import { counted, type Schema, safeText, type Table, UserError } from '../../core/index.ts';
import { parseAddress } from '../../wire/index.ts';
import type { DeadLetterFile } from '../sink/dead-letter.ts';
import { http, https } from '../web.ts';
import { type BatchCounts, type EventBatch, MicroBatcher, type MicroBatcherOptions } from './micro-batch.ts';
import {
  type ArrivedRecord,
  eventTime,
  isObject,
  type JsonObject,
  kindOf,
  LineSplitter,
  parseRecord,
  RecordTyper,
  type RecordTyperOptions,
  SYSTEM_TIMING,
  shallowJson,
  type Timing,
} from './record-stream.ts';
import { MAX_LINE_BYTES, MAX_REJECTS_SHOWN, type Reject, type TableSource, type TableStatus } from './table-source.ts';

/** Where agents' token is read from. */
export const LISTEN_TOKEN_VARIABLE = 'ANOMALYST_LISTEN_TOKEN';
const MIN_TOKEN = 16;

export interface ListenAddress {
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface ListenerOptions extends Omit<RecordTyperOptions, 'name'> {
  /** JSON records over TCP, one a line. */
  readonly tcp?: ListenAddress | undefined;
  /** POST /records and GET /health. */
  readonly http?: ListenAddress | undefined;
  /** TLS on both, PEM. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  /** The environment, for the token in ANOMALYST_LISTEN_TOKEN. Default the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Records a second of one peer (an IPv4 address, an IPv6 /64), twice as many at once. Default 10,000. */
  readonly maxRecordsPerSecond?: number | undefined;
  /** Longest line, and record. Default 1 MiB. */
  readonly maxLineBytes?: number | undefined;
  /** Longest body of a request, before and after decompression. Default 8 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Connections in all, and of one peer. Defaults 256 and 32. */
  readonly maxConnections?: number | undefined;
  readonly maxPeerConnections?: number | undefined;
  /** A TCP connection with a token must show it within this time. Default 10 s. */
  readonly authMs?: number | undefined;
  /** A TCP connection that is silent for so long is closed. Default 5 minutes. */
  readonly idleMs?: number | undefined;
  /** A request must be there whole within this time. Default 30 s. */
  readonly requestMs?: number | undefined;
  readonly window?: MicroBatcherOptions | undefined;
  /** Each source has a schema of its own (default), or all records have one together. */
  readonly schemaOf?: 'source' | 'all' | undefined;
  /** Ends the listening by itself. */
  readonly durationMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly deadLetter?: DeadLetterFile | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
  readonly timing?: Timing | undefined;
}

/** Records of one source and one stretch of event time, as a table of that source's schema. */
export interface RecordBatch {
  /** The name that the agent gave itself, else its address; 'agents' where all have one schema. */
  readonly source: string;
  readonly kind: 'window' | 'late';
  readonly startMs: number;
  readonly endMs: number;
  readonly closedBy: EventBatch<unknown>['closedBy'];
  readonly table: Table;
}

export interface ListenerStatus extends BatchCounts {
  readonly received: number;
  readonly rejected: number;
  readonly rejects: readonly Reject[];
  /** Requests and connections without the right token. */
  readonly unauthorized: number;
  /** Times that a peer was made to wait, or was told to come again, because of the rate. */
  readonly throttled: number;
  /** Times that a peer had to wait because the reader was slower. */
  readonly pauses: number;
  readonly connections: number;
  readonly connectionsRefused: number;
  readonly bytes: number;
  /** Values with no place in their source's schema: of keys that came later, and of another type. */
  readonly lateValues: number;
  readonly misfits: number;
}

export interface RecordListener extends AsyncIterable<RecordBatch> {
  /** Where it listens, with the port that was taken. */
  readonly tcp: { readonly host: string; readonly port: number } | undefined;
  readonly http: { readonly host: string; readonly port: number } | undefined;
  /** The next batch, undefined at the end. One reader at a time. */
  next(): Promise<RecordBatch | undefined>;
  status(): ListenerStatus;
  /** Takes no more records; what is there still comes. Resolves when the ports are free. */
  stop(): Promise<void>;
}

/**
 * A bucket of tokens for each peer: `rate` a second flow in, `burst` fit. At most 4,096 peers are remembered, the latest; who was forgotten begins with a full bucket.
 */
export class PeerLimiter {
  readonly #rate: number;
  readonly #burst: number;
  readonly #maxPeers: number;
  #peers = new Map<string, { tokens: number; atMs: number }>();

  constructor(rate: number, burst: number, maxPeers = 4096) {
    this.#rate = rate;
    this.#burst = burst;
    this.#maxPeers = maxPeers;
  }

  get peers(): number {
    return this.#peers.size;
  }

  #bucket(peer: string, nowMs: number): { tokens: number; atMs: number } {
    const known = this.#peers.get(peer);
    const bucket = known ?? { tokens: this.#burst, atMs: nowMs };
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) * this.#rate) / 1000);
    bucket.atMs = nowMs;
    this.#peers.delete(peer);
    this.#peers.set(peer, bucket);
    if (this.#peers.size > this.#maxPeers) {
      const oldest = this.#peers.keys().next().value;
      if (oldest !== undefined) this.#peers.delete(oldest);
    }
    return bucket;
  }

  /** Takes `n` and goes into debt where there are fewer; returns ms until the debt is paid. */
  take(peer: string, n: number, nowMs: number): number {
    const bucket = this.#bucket(peer, nowMs);
    bucket.tokens -= n;
    return bucket.tokens >= 0 ? 0 : Math.ceil((-bucket.tokens * 1000) / this.#rate);
  }

  /** 0 where there are `n`, else ms until there are. Takes none. */
  lacks(peer: string, n: number, nowMs: number): number {
    const { tokens } = this.#bucket(peer, nowMs);
    return tokens >= n ? 0 : Math.ceil(((n - tokens) * 1000) / this.#rate);
  }

  /** Takes `n` where there are as many and returns 0; otherwise takes none and returns ms until there are. */
  tryTake(peer: string, n: number, nowMs: number): number {
    const bucket = this.#bucket(peer, nowMs);
    if (bucket.tokens >= n) {
      bucket.tokens -= n;
      return 0;
    }
    return Math.ceil(((n - bucket.tokens) * 1000) / this.#rate);
  }
}

/** Who a rate counts for: an IPv4 address, or the /64 of an IPv6 address, because one machine has all of that. */
export function peerOf(address: string | undefined): string {
  const text = (address ?? 'unknown').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  const parsed = parseAddress(text);
  if (parsed === undefined || !parsed.isV6) return text;
  const [a, b, c, d] = parsed.words;
  if (a === 0 && b === 0 && c === 0 && d === 1) return '::1';
  return `${((a ?? 0) >>> 0).toString(16)}:${((b ?? 0) >>> 0).toString(16)}::/64`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Takes JSON records from agents over TCP (one object a line) and HTTP (POST /records), and gives them as tables of event-time windows for each source (see `MicroBatcher`).
 *
 * It listens on the loopback alone unless ANOMALYST_LISTEN_TOKEN holds a token of 16 characters or more; then every agent has to show it: as `Authorization: Bearer ...`, or on TCP as the first line,
 * `{"token": "...", "source": "sensor-7"}`. Delivery is at least once: a record was taken when the 202 says so (HTTP) or when the connection was still open (TCP). Slow readers make TCP senders wait,
 * and HTTP senders come again (429). Throws UserError where it may not or cannot listen.
 */
export async function listenRecords(options: ListenerOptions): Promise<RecordListener> {
  const listener = new Listener(options);
  await listener.open();
  return listener;
}

const DEFAULT_HOST = '127.0.0.1';
const SOURCE_NAME = /^[\w.:@/-]{1,128}$/;
const BUDGET_BYTES = 64 << 20;
const TICK_MS = 1000;

class Listener implements RecordListener {
  tcp: { readonly host: string; readonly port: number } | undefined;
  http: { readonly host: string; readonly port: number } | undefined;
  readonly #options: ListenerOptions;
  readonly #timing: Timing;
  readonly #token: Buffer | undefined;
  readonly #batcher: MicroBatcher<ArrivedRecord>;
  readonly #typers = new Map<string, RecordTyper>();
  readonly #rate: number;
  readonly #limiter: PeerLimiter;
  /** Ten wrong tokens at once, then one a second. */
  readonly #wrong = new PeerLimiter(1, 10);
  readonly #peerConnections = new Map<string, number>();
  readonly #servers: (net.Server | Server)[] = [];
  readonly #sockets = new Set<net.Socket>();
  readonly #waiting = new Set<() => void>();
  readonly #rejects: Reject[] = [];
  #counts = {
    received: 0,
    rejected: 0,
    unauthorized: 0,
    throttled: 0,
    pauses: 0,
    connections: 0,
    connectionsRefused: 0,
    bytes: 0,
  };
  #bodyBytes = 0;
  #ended = false;
  #reader: (() => void) | undefined;
  #cancels = new Set<() => void>();
  #onAbort = (): void => void this.stop();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#timing = options.timing ?? SYSTEM_TIMING;
    this.#rate = options.maxRecordsPerSecond ?? 10_000;
    this.#limiter = new PeerLimiter(this.#rate, 2 * this.#rate);
    this.#batcher = new MicroBatcher({
      ...options.window,
      onForget: (source) => {
        this.#typers.delete(source);
        options.window?.onForget?.(source);
      },
    });
    const token = (options.env ?? process.env)[LISTEN_TOKEN_VARIABLE];
    if (token !== undefined && token !== '' && token.length < MIN_TOKEN)
      throw new UserError(
        `the token in ${LISTEN_TOKEN_VARIABLE} has ${counted(token.length, 'character')}`,
        `give ${MIN_TOKEN} or more, as from: openssl rand -hex 16`,
      );
    this.#token = token === undefined || token === '' ? undefined : digest(token);
    if (options.tcp === undefined && options.http === undefined)
      throw new UserError('nothing to listen on', 'give an address for TCP, for HTTP, or both');
    for (const address of [options.tcp, options.http]) {
      if (address === undefined) continue;
      const host = address.host ?? DEFAULT_HOST;
      if (!Number.isInteger(address.port) || address.port < 0 || address.port > 65_535)
        throw new UserError(`port ${safeText(String(address.port))} is none`, 'a port is a number from 1 to 65535');
      if (!isLoopback(host) && this.#token === undefined)
        throw new UserError(
          `${safeText(host)} can be reached from other machines, and there is no token`,
          `set ${LISTEN_TOKEN_VARIABLE} (openssl rand -hex 16), or listen on 127.0.0.1`,
        );
      if (!isLoopback(host) && options.tls === undefined)
        options.onNote?.(`${safeText(host)} is listened on without TLS: records and the token can be read on the way`);
    }
  }

  async open(): Promise<void> {
    const { tcp, http: web, tls: secure, signal, durationMs, requestMs = 30_000, maxConnections = 256 } = this.#options;
    try {
      if (tcp !== undefined) {
        const server =
          secure === undefined ? net.createServer() : tls.createServer({ ...secure, handshakeTimeout: 10_000 });
        server.on('connection', (socket: net.Socket) => this.#register(socket));
        server.on(secure === undefined ? 'connection' : 'secureConnection', (socket: net.Socket) =>
          this.#serveTcp(socket),
        );
        server.on('tlsClientError', (_error: Error, socket: net.Socket) => socket.destroy());
        server.maxConnections = maxConnections;
        server.on('drop', () => this.#counts.connectionsRefused++);
        this.tcp = await this.#listen(server, tcp);
      }
      if (web !== undefined) {
        const settings = {
          headersTimeout: Math.min(10_000, requestMs),
          requestTimeout: requestMs,
          keepAliveTimeout: 5000,
          connectionsCheckingInterval: Math.min(1000, requestMs),
          maxHeaderSize: 16_384,
        };
        const server =
          secure === undefined
            ? http().createServer(settings)
            : https().createServer({ ...settings, ...secure, handshakeTimeout: 10_000 });
        server.on('request', (request, response) => this.#serveHttp(request, response));
        // The token is looked at before the body is asked for.
        server.on('checkContinue', (request, response) => this.#serveHttp(request, response));
        server.on('clientError', (error: Error, socket) => answerBroken(error, socket));
        server.on('tlsClientError', (_error: Error, socket: net.Socket) => socket.destroy());
        server.on('connection', (socket: net.Socket) => this.#register(socket));
        server.maxConnections = maxConnections;
        server.on('drop', () => this.#counts.connectionsRefused++);
        this.http = await this.#listen(server, web);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (signal?.aborted === true) await this.stop();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#ended) return;
    if (durationMs !== undefined) this.#after(durationMs, () => void this.stop());
    this.#tick();
  }

  #listen(server: net.Server, address: ListenAddress): Promise<{ host: string; port: number }> {
    const { host = DEFAULT_HOST, port } = address;
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(describeListenError(error, host, port)));
      server.listen(port, host, () => {
        server.removeAllListeners('error');
        // A failed accept (too many open files) is the peer's loss, not the end of the listening.
        server.on('error', () => this.#counts.connectionsRefused++);
        const taken = server.address();
        resolve({ host, port: typeof taken === 'object' && taken !== null ? taken.port : port });
      });
    });
  }

  #after(ms: number, run: () => void): () => void {
    const cancel = this.#timing.after(ms, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
    return () => {
      this.#cancels.delete(cancel);
      cancel();
    };
  }

  #tick(): void {
    this.#after(TICK_MS, () => {
      this.#batcher.tick(this.#timing.now());
      this.#wake();
      this.#tick();
    });
  }

  /** Counts a connection against its peer; closes it where there are too many. */
  #register(socket: net.Socket): void {
    socket.on('error', () => undefined);
    const peer = peerOf(socket.remoteAddress);
    const open = this.#peerConnections.get(peer) ?? 0;
    if (open >= (this.#options.maxPeerConnections ?? 32) || this.#ended) {
      this.#counts.connectionsRefused++;
      socket.destroy();
      return;
    }
    this.#counts.connections++;
    this.#peerConnections.set(peer, open + 1);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#peerConnections.get(peer) ?? 1) - 1;
      if (left <= 0) this.#peerConnections.delete(peer);
      else this.#peerConnections.set(peer, left);
    });
  }

  #serveTcp(socket: net.Socket): void {
    socket.on('error', () => undefined);
    if (socket.destroyed) return;
    const peer = peerOf(socket.remoteAddress);
    const { maxLineBytes = MAX_LINE_BYTES, authMs = 10_000, idleMs = 300_000 } = this.#options;
    let authorized = this.#token === undefined;
    let refused = false;
    let first = true;
    let source = peer;
    let taken = 0;
    const refuse = (error: string): void => {
      refused = true;
      this.#counts.unauthorized++;
      // What the peer still sends is read and dropped, so that the reason reaches it before the end.
      socket.end(`${JSON.stringify({ error })}\n`);
      this.#after(1000, () => socket.destroy());
    };
    const cancelAuth = authorized
      ? undefined
      : this.#after(authMs, () => {
          if (!authorized) refuse('no token in time');
        });
    let lastByte = this.#timing.now();
    let held = false;
    let cancelIdle: (() => void) | undefined;
    const watch = (waitMs: number): void => {
      cancelIdle = this.#after(waitMs, () => {
        const silent = this.#timing.now() - lastByte;
        if (held || silent < idleMs) watch(held ? idleMs : idleMs - silent);
        else socket.destroy();
      });
    };
    watch(idleMs);
    const lines = new LineSplitter(
      (line) => {
        if (refused) return;
        const record = parseRecord(line);
        if (record === undefined) return;
        if (first) {
          first = false;
          const auth = typeof record === 'string' ? undefined : authOf(record);
          if (this.#token !== undefined) {
            if (this.#wrong.lacks(peer, 1, this.#timing.now()) > 0)
              return refuse('too many wrong tokens, come back later');
            if (auth?.token === undefined) return refuse('the first line must be {"token": "..."}');
            if (!this.#matches(auth.token)) {
              this.#wrong.take(peer, 1, this.#timing.now());
              return refuse('wrong token');
            }
            authorized = true;
            cancelAuth?.();
          }
          if (auth !== undefined) {
            if (auth.source !== undefined) source = auth.source;
            return;
          }
        }
        taken++;
        if (typeof record === 'string') this.#reject(source, lines.line, line, record);
        else this.#take(source, record, line.length, lines.line);
      },
      (head) => {
        if (!authorized) {
          if (!refused) refuse('the first line must be {"token": "..."}');
          return;
        }
        first = false;
        taken++;
        this.#reject(source, lines.line, head, `line longer than ${maxLineBytes} bytes`);
      },
      maxLineBytes,
    );
    /** Bytes that came while the reader was behind: one read at most, because the socket is paused. */
    let kept: Buffer | undefined;
    const resume = (): void => {
      held = false;
      if (socket.destroyed) return;
      if (this.#batcher.full) {
        held = true;
        this.#waiting.add(resume);
        return;
      }
      const chunk = kept;
      kept = undefined;
      if (chunk !== undefined) take(chunk);
      if (!held) socket.resume();
    };
    const take = (chunk: Buffer): void => {
      const now = this.#timing.now();
      taken = 0;
      lines.push(chunk);
      if (this.#ended || socket.destroyed) return;
      const owed = this.#limiter.take(peer, taken, now);
      if (owed > 0) {
        this.#counts.throttled++;
        held = true;
        socket.pause();
        this.#after(owed, resume);
      }
    };
    socket.on('data', (chunk: Buffer) => {
      lastByte = this.#timing.now();
      if (refused) return;
      this.#counts.bytes += chunk.length;
      // Before the token, a stranger may send one short line and nothing else.
      if (!authorized && lines.heldBytes + chunk.length > 4096 && chunk.indexOf(10) < 0) {
        refuse('the first line must be {"token": "..."}');
        return;
      }
      if (this.#batcher.full && authorized) {
        this.#counts.pauses++;
        kept = kept === undefined ? chunk : Buffer.concat([kept, chunk]);
        held = true;
        socket.pause();
        this.#waiting.add(resume);
        return;
      }
      take(chunk);
    });
    socket.on('end', () => {
      if (!this.#ended && !held) lines.end();
    });
    socket.on('close', () => {
      this.#waiting.delete(resume);
      // The peer sent it before it left.
      if (kept !== undefined && !this.#ended) lines.push(kept);
      kept = undefined;
      if (!this.#ended) lines.end();
      cancelAuth?.();
      cancelIdle?.();
    });
  }

  #matches(token: string): boolean {
    return this.#token === undefined || timingSafeEqual(digest(token), this.#token);
  }

  #serveHttp(request: IncomingMessage, response: ServerResponse): void {
    const peer = peerOf(request.socket.remoteAddress);
    const path = (request.url ?? '').split('?', 1)[0];
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    if (this.#token === undefined && !isLocalRequest(request)) {
      // A page in a browser on this machine can reach the loopback as well.
      answer(response, 403, { error: 'requests from web pages and under other names are not taken' });
      return;
    }
    if (path === '/health') {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        answer(response, 405, { error: 'use GET' }, { Allow: 'GET, HEAD' });
        return;
      }
      answer(response, 200, { status: this.#batcher.full ? 'busy' : 'ok' });
      return;
    }
    if (path !== '/records') {
      answer(response, 404, { error: 'there are /records and /health' });
      return;
    }
    if (request.method !== 'POST') {
      answer(response, 405, { error: 'use POST' }, { Allow: 'POST' });
      return;
    }
    if (this.#token !== undefined) {
      const now = this.#timing.now();
      const pauseMs = this.#wrong.lacks(peer, 1, now);
      if (pauseMs > 0) {
        this.#counts.unauthorized++;
        answer(response, 429, { error: 'too many wrong tokens, come back later' }, retryAfter(pauseMs));
        return;
      }
      const [, given] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
      if (given === undefined || !this.#matches(given)) {
        this.#counts.unauthorized++;
        if (given !== undefined) this.#wrong.take(peer, 1, now);
        answer(
          response,
          401,
          { error: given === undefined ? 'Authorization: Bearer is missing' : 'wrong token' },
          { 'WWW-Authenticate': 'Bearer' },
        );
        return;
      }
    }
    const { maxBodyBytes = 8 << 20 } = this.#options;
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    if (encoding !== 'identity' && encoding !== 'gzip') {
      answer(response, 415, { error: 'Content-Encoding may be gzip or identity' });
      return;
    }
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > maxBodyBytes) {
      answer(response, 413, { error: `a body may have ${maxBodyBytes} bytes` });
      return;
    }
    if (this.#batcher.full || this.#bodyBytes + declared > BUDGET_BYTES) {
      this.#counts.pauses++;
      answer(response, 429, { error: 'busy' }, retryAfter(1000));
      return;
    }
    if (request.headers.expect !== undefined) response.writeContinue();
    this.#readBody(request, encoding, maxBodyBytes)
      .then((body) => {
        if (typeof body === 'string') answer(response, body === BAD_GZIP ? 400 : 413, { error: body });
        else if (body !== undefined) this.#takeBody(request, response, peer, body);
      })
      .catch(() => response.destroy());
  }

  /** The body, decompressed; text for what is wrong with it; undefined where the peer went away. */
  #readBody(request: IncomingMessage, encoding: string, maxBodyBytes: number): Promise<Buffer | string | undefined> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let length = 0;
      let wire = 0;
      let reserved = 0;
      const unpack = encoding === 'gzip' ? zlib.createGunzip({ chunkSize: 65_536 }) : undefined;
      let over = false;
      const done = (result: Buffer | string | undefined): void => {
        if (over) return;
        over = true;
        this.#bodyBytes -= reserved;
        reserved = 0;
        unpack?.destroy();
        resolve(result);
      };
      const keep = (chunk: Buffer): void => {
        if (over) return;
        length += chunk.length;
        if (length > maxBodyBytes) {
          done(`a body may have ${maxBodyBytes} bytes`);
          return;
        }
        this.#bodyBytes += chunk.length;
        reserved += chunk.length;
        chunks.push(chunk);
      };
      request.on('data', (chunk: Buffer) => {
        if (over) return;
        wire += chunk.length;
        this.#counts.bytes += chunk.length;
        if (wire > maxBodyBytes) done(`a body may have ${maxBodyBytes} bytes`);
        else if (unpack === undefined) keep(chunk);
        else if (!unpack.write(chunk)) {
          request.pause();
          unpack.once('drain', () => request.resume());
        }
      });
      unpack?.on('data', keep);
      unpack?.on('error', () => done(BAD_GZIP));
      unpack?.on('end', () => done(Buffer.concat(chunks)));
      request.on('end', () => {
        if (unpack === undefined) done(Buffer.concat(chunks));
        else if (!over) unpack.end();
      });
      request.on('close', () => {
        if (!request.complete) done(undefined);
      });
    });
  }

  #takeBody(request: IncomingMessage, response: ServerResponse, peer: string, body: Buffer): void {
    const { maxLineBytes = MAX_LINE_BYTES } = this.#options;
    const items = recordsOf(body, request.headers['content-type'] ?? '', maxLineBytes);
    const given = request.headers['x-source'];
    if (given !== undefined && (typeof given !== 'string' || !SOURCE_NAME.test(given))) {
      answer(response, 400, { error: 'X-Source may have 1 to 128 letters, digits and . : @ / _ -' });
      return;
    }
    const source = given ?? peer;
    if (items.length === 0) {
      answer(response, 400, { error: 'the body holds no record' });
      return;
    }
    if (items.length > 2 * this.#rate) {
      answer(response, 413, { error: `more than ${2 * this.#rate} records in one request` });
      return;
    }
    const good = items.filter((item) => item.record !== undefined).length;
    if (good === 0) {
      const [worst] = items;
      for (const { line, bytes, reason } of items) this.#reject(source, line, bytes, reason ?? '');
      answer(response, 400, { error: `no record could be read; ${worst?.line ?? 1}: ${worst?.reason ?? ''}` });
      return;
    }
    const pauseMs = this.#limiter.tryTake(peer, items.length, this.#timing.now());
    if (pauseMs > 0) {
      this.#counts.throttled++;
      answer(response, 429, { error: `more than ${this.#rate} records a second` }, retryAfter(pauseMs));
      return;
    }
    let accepted = 0;
    let refused = 0;
    const errors: { line: number; reason: string }[] = [];
    for (const { record, line, bytes, reason } of items) {
      if (record === undefined) {
        this.#reject(source, line, bytes, reason ?? '');
        if (errors.length < MAX_REJECTS_SHOWN) errors.push({ line, reason: reason ?? '' });
      } else if (this.#take(source, record, bytes.length, line)) accepted++;
      else refused++;
    }
    const counts = { accepted, rejected: items.length - accepted - refused, ...(refused > 0 ? { refused } : {}) };
    if (accepted === 0 && refused > 0) answer(response, 429, { error: 'busy', ...counts }, retryAfter(1000));
    else answer(response, 202, { ...counts, ...(errors.length > 0 ? { errors } : {}) });
  }

  /** Takes a record; false where there is no room for it or its source, which is a dead letter then. */
  #take(peer: string, record: JsonObject, bytes: number, line: number): boolean {
    if (this.#ended) return false;
    const source = this.#options.schemaOf === 'all' ? 'agents' : peer;
    const now = this.#timing.now();
    const taken = this.#batcher.add(
      source,
      { record, arrivalMs: now, line, agent: peer },
      // What a parsed record takes beside its text.
      2 * bytes + 200,
      eventTime(record, this.#options.timeField),
      now,
    );
    this.#counts.received++;
    if (taken === 'refused')
      this.#bury(peer, line, Buffer.from(shallowJson(record)), 'no room for more records or sources');
    else if (taken !== 'taken' && this.#options.window?.late === 'return')
      this.#bury(
        peer,
        line,
        Buffer.from(shallowJson(record)),
        `its time is ${taken === 'late' ? 'too late' : 'in the future'}`,
      );
    this.#wake();
    return taken !== 'refused';
  }

  #reject(source: string, line: number, bytes: Uint8Array, reason: string): void {
    this.#counts.rejected++;
    if (this.#rejects.length < MAX_REJECTS_SHOWN) this.#rejects.push({ line, reason, bytes: bytes.slice(0, 1024) });
    this.#bury(source, line, bytes, reason);
  }

  #bury(source: string, line: number, bytes: Uint8Array, reason: string): void {
    const { deadLetter, onNote } = this.#options;
    if (deadLetter === undefined) return;
    try {
      deadLetter.add({ timeMs: this.#timing.now(), source, line, reason, bytes });
    } catch (error) {
      onNote?.(error instanceof Error ? error.message : String(error));
      void this.stop();
    }
  }

  #wake(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.();
  }

  async next(): Promise<RecordBatch | undefined> {
    for (;;) {
      const batch = this.#batcher.take();
      if (batch !== undefined) {
        const table = this.#tableOf(batch);
        if (!this.#batcher.full) {
          const waiting = [...this.#waiting];
          this.#waiting.clear();
          for (const resume of waiting) resume();
        }
        if (table.rowCount === 0) continue;
        const { source, kind, startMs, endMs, closedBy } = batch;
        return { source, kind, startMs, endMs, closedBy, table };
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#reader = resolve;
      });
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordBatch> {
    for (let batch = await this.next(); batch !== undefined; batch = await this.next()) yield batch;
  }

  #tableOf(batch: EventBatch<ArrivedRecord>): Table {
    let typer = this.#typers.get(batch.source);
    if (typer === undefined) {
      typer = new RecordTyper(this.#options);
      this.#typers.set(batch.source, typer);
    }
    return typer.tableOf(batch.items, ({ record, line }, reason) =>
      this.#reject(batch.source, line, Buffer.from(shallowJson(record)), reason),
    );
  }

  status(): ListenerStatus {
    let lateValues = 0;
    let misfits = 0;
    for (const typer of this.#typers.values()) {
      const counts = typer.counts();
      lateValues += counts.lateValues;
      misfits += counts.misfits;
    }
    return { ...this.#batcher.counts(), ...this.#counts, rejects: this.#rejects, lateValues, misfits };
  }

  async stop(): Promise<void> {
    if (!this.#ended) {
      this.#ended = true;
      this.#options.signal?.removeEventListener('abort', this.#onAbort);
      for (const cancel of this.#cancels) cancel();
      this.#cancels.clear();
      this.#batcher.end();
      this.#wake();
      for (const socket of this.#sockets) socket.destroy();
    }
    await Promise.all(
      this.#servers.map(
        (server) => new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve())),
      ),
    );
  }
}

const BAD_GZIP = 'the body is no whole gzip data';

interface BodyItem {
  /** From 1: the line, or the place in the array. */
  readonly line: number;
  readonly record: JsonObject | undefined;
  readonly reason: string | undefined;
  readonly bytes: Uint8Array;
}

/** The records of a request: an array of objects, one object, or one object a line. */
function recordsOf(body: Buffer, contentType: string, maxLineBytes: number): BodyItem[] {
  const first = body.find((byte) => byte > 0x20);
  if (first === undefined) return [];
  const lined = /ndjson|jsonl|json-seq|x-json-stream/i.test(contentType);
  if (!lined) {
    if (first === 0x5b && tooDeep(body))
      return [
        { line: 1, record: undefined, reason: `nested deeper than ${MAX_NESTING}`, bytes: body.subarray(0, 1024) },
      ];
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    } catch {
      // Several objects, one a line; or nothing that can be read, which the lines will say.
      if (first === 0x5b)
        return [{ line: 1, record: undefined, reason: 'not a valid JSON array', bytes: body.subarray(0, 1024) }];
    }
    if (Array.isArray(value))
      return value.map((item: unknown, i) => {
        const bytes = Buffer.from(shallowJson(item));
        if (bytes.length > maxLineBytes)
          return { line: i + 1, record: undefined, reason: `record longer than ${maxLineBytes} bytes`, bytes };
        return isObject(item)
          ? { line: i + 1, record: item, reason: undefined, bytes }
          : { line: i + 1, record: undefined, reason: `not a JSON object but ${kindOf(item)}`, bytes };
      });
    if (isObject(value) && body.length <= maxLineBytes)
      return [{ line: 1, record: value, reason: undefined, bytes: body }];
  }
  const items: BodyItem[] = [];
  const lines = new LineSplitter(
    (line) => {
      const record = parseRecord(line);
      if (record === undefined) return;
      const good = typeof record !== 'string';
      items.push({
        line: lines.line,
        record: good ? record : undefined,
        reason: good ? undefined : record,
        bytes: line,
      });
    },
    (head) =>
      items.push({
        line: lines.line,
        record: undefined,
        reason: `record longer than ${maxLineBytes} bytes`,
        bytes: head,
      }),
    maxLineBytes,
  );
  lines.push(body);
  lines.end();
  return items;
}

const MAX_NESTING = 64;

/** A body of nothing but brackets would take fifty times its size as objects. */
function tooDeep(body: Uint8Array): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    if (inText) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inText = false;
    } else if (byte === 0x22) inText = true;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_NESTING) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return false;
}

/** What a first line says of its sender: `{"token": "...", "source": "..."}` or `{"auth": {...}}` and nothing else; undefined for any other record. */
function authOf(record: JsonObject): { token: string | undefined; source: string | undefined } | undefined {
  const keys = Object.keys(record);
  const inner = keys.length === 1 && isObject(record.auth) ? record.auth : record;
  if (!Object.keys(inner).every((key) => key === 'token' || key === 'source')) return undefined;
  const { token, source } = inner;
  if (typeof token !== 'string') return undefined;
  return { token, source: typeof source === 'string' && SOURCE_NAME.test(source) ? source : undefined };
}

/** SHA-256, so that texts of any length are compared in the same time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function isLocalRequest(request: IncomingMessage): boolean {
  if (request.headers.origin !== undefined || request.headers['sec-fetch-site'] !== undefined) return false;
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isLoopback(host);
}

function retryAfter(ms: number): Record<string, string> {
  return { 'Retry-After': String(Math.max(1, Math.ceil(ms / 1000))) };
}

/** Answers in JSON. What is left of a body that was refused is read and dropped by Node.js, within the time of a request, so that the answer arrives. */
function answer(
  response: ServerResponse,
  status: number,
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const text = `${JSON.stringify(body)}\n`;
  const { req: request } = response;
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

function answerBroken(
  error: Error,
  socket: { writable: boolean; end(text: string): unknown; destroy(): unknown },
): void {
  const code = 'code' in error ? String(error.code) : '';
  if (!socket.writable || code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, reason] =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Timeout', 'the request took too long']
      : code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', 'the headers are too long']
        : ['400 Bad Request', 'this is no HTTP request'];
  const text = `${JSON.stringify({ error: reason })}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  );
}

function describeListenError(error: Error, host: string, port: number): UserError {
  const code = 'code' in error ? String(error.code) : '';
  const known: Record<string, [string, string]> = {
    EADDRINUSE: ['the port is taken', 'choose another port, or stop the program that has it (ss -ltnp)'],
    EACCES: ['permission denied', 'choose a port above 1023'],
    EADDRNOTAVAIL: ['this machine has no such address', 'ip address shows those it has'],
    ENOTFOUND: ['no such host', 'give an address of this machine'],
  };
  const [what, hint] = known[code] ?? [error.message, 'check the address and the port'];
  return new UserError(`cannot listen on ${safeText(host)}:${port}: ${what}${code === '' ? '' : ` (${code})`}`, hint);
}

/**
 * A listener as a source of rows. Its schema is that of the first batch, for which this waits; listen with `schemaOf: 'all'` so that every agent's records have it. Records of sources with another
 * schema are rejected and counted.
 */
export async function listenerTable(listener: RecordListener): Promise<TableSource> {
  let next = await listener.next();
  const schema: Schema = next?.table.schema ?? { name: 'records', version: 1, columns: [] };
  let rows = 0;
  let strange = 0;
  const place = listener.tcp ?? listener.http;
  return {
    name: `listen:${place?.host ?? ''}:${place?.port ?? ''}`,
    format: schema.name === 'packet-records' ? 'packet-records' : 'json-stream',
    compression: '',
    totalBytes: undefined,
    schema,
    gives: new Set(schema.columns.map(({ name }) => name)),
    async read() {
      for (;;) {
        const batch = next ?? (await listener.next());
        next = undefined;
        if (batch === undefined) return undefined;
        if (batch.table.schema === schema) {
          rows += batch.table.rowCount;
          return batch.table;
        }
        strange += batch.table.rowCount;
      }
    },
    bytesTaken: () => listener.status().bytes,
    status(): TableStatus {
      const { rejected, rejects } = listener.status();
      return {
        rows,
        rejected: rejected + strange,
        rejects,
        state: 'whole',
        ...(strange === 0
          ? {}
          : {
              message: `${counted(strange, 'record')} of agents with another schema ${strange === 1 ? 'was' : 'were'} left out`,
            }),
      };
    },
    stop: () => listener.stop(),
    close: () => void listener.stop(),
  };
}
