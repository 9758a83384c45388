import type { IncomingMessage, ServerResponse } from 'node:http';
import * as zlib from 'node:zlib';
import { MAX_LINE_BYTES, MAX_REJECTS_SHOWN } from '../table-source.ts';
import { recordsOf } from './body.ts';
import { type Intake, SOURCE_NAME } from './intake.ts';
import { isLoopback, peerOf } from './peer.ts';

/** JSON records over HTTP: POST /records, and GET /health. */

/** Bodies of all requests together. */
const BUDGET_BYTES = 64 << 20;
const BAD_GZIP = 'the body is no whole gzip data';

export class HttpIntake {
  readonly #intake: Intake;
  /** Bytes of bodies that are being read. */
  #bodyBytes = 0;

  constructor(intake: Intake) {
    this.#intake = intake;
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const peer = peerOf(request.socket.remoteAddress);
    const path = (request.url ?? '').split('?', 1)[0];
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    if (!this.#intake.hasToken && !isLocalRequest(request)) {
      // A page in a browser on this machine can reach the loopback as well.
      answer(response, 403, { error: 'requests from web pages and under other names are not taken' });
      return;
    }
    if (path === '/health') {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        answer(response, 405, { error: 'use GET' }, { Allow: 'GET, HEAD' });
        return;
      }
      answer(response, 200, { status: this.#intake.full ? 'busy' : 'ok' });
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
    if (this.#intake.hasToken) {
      const now = this.#intake.timing.now();
      const pauseMs = this.#intake.wrong.lacks(peer, 1, now);
      if (pauseMs > 0) {
        this.#intake.counts.unauthorized++;
        answer(response, 429, { error: 'too many wrong tokens, come back later' }, retryAfter(pauseMs));
        return;
      }
      const [, given] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
      if (given === undefined || !this.#intake.matches(given)) {
        this.#intake.counts.unauthorized++;
        if (given !== undefined) this.#intake.wrong.take(peer, 1, now);
        answer(
          response,
          401,
          { error: given === undefined ? 'Authorization: Bearer is missing' : 'wrong token' },
          { 'WWW-Authenticate': 'Bearer' },
        );
        return;
      }
    }
    const { maxBodyBytes = 8 << 20 } = this.#intake.options;
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
    if (this.#intake.full || this.#bodyBytes + declared > BUDGET_BYTES) {
      this.#intake.counts.pauses++;
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
        this.#intake.counts.bytes += chunk.length;
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
    const { maxLineBytes = MAX_LINE_BYTES } = this.#intake.options;
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
    if (items.length > 2 * this.#intake.rate) {
      answer(response, 413, { error: `more than ${2 * this.#intake.rate} records in one request` });
      return;
    }
    const good = items.filter((item) => item.record !== undefined).length;
    if (good === 0) {
      const [worst] = items;
      for (const { line, bytes, reason } of items) this.#intake.reject(source, line, bytes, reason ?? '');
      answer(response, 400, { error: `no record could be read; ${worst?.line ?? 1}: ${worst?.reason ?? ''}` });
      return;
    }
    const pauseMs = this.#intake.limiter.tryTake(peer, items.length, this.#intake.timing.now());
    if (pauseMs > 0) {
      this.#intake.counts.throttled++;
      answer(response, 429, { error: `more than ${this.#intake.rate} records a second` }, retryAfter(pauseMs));
      return;
    }
    let accepted = 0;
    let refused = 0;
    const errors: { line: number; reason: string }[] = [];
    for (const { record, line, bytes, reason } of items) {
      if (record === undefined) {
        this.#intake.reject(source, line, bytes, reason ?? '');
        if (errors.length < MAX_REJECTS_SHOWN) errors.push({ line, reason: reason ?? '' });
      } else if (this.#intake.take(source, record, bytes.length, line)) accepted++;
      else refused++;
    }
    const counts = { accepted, rejected: items.length - accepted - refused, ...(refused > 0 ? { refused } : {}) };
    if (accepted === 0 && refused > 0) answer(response, 429, { error: 'busy', ...counts }, retryAfter(1000));
    else answer(response, 202, { ...counts, ...(errors.length > 0 ? { errors } : {}) });
  }
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

export function answerBroken(
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
