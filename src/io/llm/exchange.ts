import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { describeSocketError } from '../source/stream-client.ts';
import type { Timing } from '../timing.ts';
import { http, https } from '../web.ts';
import type { Resolver } from './place.ts';

// Not fetch: it neither lets us see the address before it connects nor has a time-out for connecting.

/** What came of bytes: nothing yet, a part of the answer, or its end. */
export type Progress = 'more' | 'token' | 'end';

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly resolve: Resolver;
  /** Whether a connection to this address may be made. Asked of every address behind a name, at every connection. */
  readonly admits: (address: string) => boolean;
  readonly connectMs: number;
  /** From the request to the first part of the answer. */
  readonly firstMs: number;
  /** Between parts of the answer. */
  readonly idleMs: number;
  /** When all must be done, by `timing`. */
  readonly deadline: number;
  readonly maxBytes: number;
  readonly timing: Timing;
  readonly signal?: AbortSignal | undefined;
  /** Told when the connection stands, and the body goes out. */
  readonly onSent?: (() => void) | undefined;
  /** Takes the bytes of an answer with status 2xx that is no web page. */
  readonly onBytes: (bytes: Uint8Array) => Progress;
}

export type Exchange =
  /** An answer. `text` is the beginning of its body where the status is not 2xx. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly text: string;
    }
  /** Our time ran out: while connecting, before the first part, between parts, or altogether. */
  | { readonly kind: 'timeout'; readonly phase: 'connect' | 'first' | 'idle' | 'total' }
  | { readonly kind: 'cancelled' }
  /** The connection could not be made, or broke. `begun`: after a part of the answer. */
  | { readonly kind: 'broken'; readonly code: string; readonly message: string; readonly begun: boolean }
  /** The name leads to an address farther away than agreed. */
  | { readonly kind: 'elsewhere'; readonly address: string }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'web-page' };

/** As much of an error's text as is looked at. */
const MAX_ERROR_BYTES = 16_384;

class Elsewhere extends Error {
  readonly address: string;
  constructor(address: string) {
    super('the name leads elsewhere');
    this.address = address;
  }
}

/**
 * One request and its answer over HTTP/1.1, on a connection of its own. Never rejects. Redirects are answers like any other, and no proxy is used. Every way out closes the connection at once: a cancelled
 * request is over when this function's promise is, also while the name is looked up or the other side says nothing.
 */
export function exchange(request: ExchangeRequest): Promise<Exchange> {
  const { url, timing, signal } = request;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (signal?.aborted === true) return Promise.resolve({ kind: 'cancelled' });
  if (isIP(host) !== 0 && !request.admits(host)) return Promise.resolve({ kind: 'elsewhere', address: host });
  return new Promise((settle) => {
    const isTls = url.protocol === 'https:';
    const agent = isTls ? new (https().Agent)({ keepAlive: false }) : new (http().Agent)({ keepAlive: false });
    let over = false;
    let begun = false;
    let received = 0;
    let errorText = '';
    let cancelPhase = (): void => undefined;
    const onAbort = (): void => end({ kind: 'cancelled' });
    const cancelTotal = timing.after(Math.max(0, request.deadline - timing.now()), () =>
      end({ kind: 'timeout', phase: 'total' }),
    );
    const phase = (name: 'connect' | 'first' | 'idle', ms: number): void => {
      cancelPhase();
      cancelPhase = timing.after(ms, () => end({ kind: 'timeout', phase: name }));
    };
    const end = (result: Exchange): void => {
      if (over) return;
      over = true;
      cancelPhase();
      cancelTotal();
      signal?.removeEventListener('abort', onAbort);
      sent.destroy();
      agent.destroy();
      settle(result);
    };
    const broken = (error: unknown): void => {
      if (error instanceof Elsewhere) {
        end({ kind: 'elsewhere', address: error.address });
        return;
      }
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      end({ kind: 'broken', code, message: describeSocketError(error), begun });
    };
    const sent = (isTls ? https() : http()).request({
      protocol: url.protocol,
      host,
      port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
      path: `${url.pathname}${url.search}`,
      method: request.method,
      agent,
      headers: {
        ...request.headers,
        host: url.host,
        'accept-encoding': 'identity',
        ...(request.body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(request.body) }),
      },
      lookup: (name, options, callback) => {
        request.resolve(name).then(
          (addresses) => {
            const far = addresses.find((address) => !request.admits(address));
            const found = addresses.map((address) => ({ address, family: isIP(address) }));
            const [first] = found;
            if (far !== undefined) callback(new Elsewhere(far), []);
            else if (first === undefined)
              callback(Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' }), []);
            else if (options.all === true) callback(null, found);
            else callback(null, first.address, first.family);
          },
          (error: NodeJS.ErrnoException) => callback(error, []),
        );
      },
    });
    phase('connect', request.connectMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    sent.on('error', broken);
    sent.on('socket', (socket) => {
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        const { remoteAddress } = socket;
        if (remoteAddress !== undefined && !request.admits(remoteAddress))
          end({ kind: 'elsewhere', address: remoteAddress });
        else if (!over) {
          request.onSent?.();
          phase('first', request.firstMs);
        }
      });
    });
    sent.on('response', (response) => {
      const status = response.statusCode ?? 0;
      const isGood = status >= 200 && status < 300;
      if (isGood && /html/i.test(response.headers['content-type'] ?? '')) {
        end({ kind: 'web-page' });
        return;
      }
      const done = (): void => end({ kind: 'answer', status, headers: response.headers, text: errorText });
      response.on('error', broken);
      response.on('data', (chunk: Buffer) => {
        if (over) return;
        received += chunk.length;
        if (!isGood) {
          errorText += chunk.toString('utf8', 0, Math.max(0, MAX_ERROR_BYTES - errorText.length));
          if (errorText.length >= MAX_ERROR_BYTES) done();
          return;
        }
        if (received > request.maxBytes) {
          end({ kind: 'too-large' });
          return;
        }
        const progress = request.onBytes(chunk);
        if (progress === 'end') done();
        else if (progress === 'token' || begun) {
          begun = true;
          phase('idle', request.idleMs);
        }
      });
      response.on('end', () => {
        if (response.complete) done();
      });
      response.on('close', () => {
        if (!response.complete) broken(Object.assign(new Error('cut'), { code: 'ECONNRESET' }));
        else done();
      });
    });
    sent.end(request.body);
  });
}
