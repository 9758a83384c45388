import { latin1 } from './tls.ts';

/** The request line and Host header of HTTP/1, RFC 9112 sections 3 and 3.2. */

const METHODS = new Set([
  'GET',
  'POST',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'TRACE',
  'PATCH',
  'PROPFIND',
  'PROPPATCH',
  'MKCOL',
  'COPY',
  'MOVE',
  'LOCK',
  'UNLOCK',
  'REPORT',
  'SEARCH',
  'SUBSCRIBE',
  'UNSUBSCRIBE',
  'NOTIFY',
  'M-SEARCH',
  'BITS_POST',
  'RPC_IN_DATA',
  'RPC_OUT_DATA',
]);
const LONGEST_METHOD = 13;
/** The Host header is looked for in so many bytes of the request. */
const HEADER_WINDOW = 2048;
const MAX_TARGET = 240;

export interface HttpRequest {
  readonly method: string;
  /** Request target, cut at 240 characters. One character per byte. */
  readonly target: string;
  /** Host header without surrounding space, lower case; undefined when it was not found. */
  readonly host: string | undefined;
}

/** The request that begins at `at`, or undefined when none does. */
export function decodeHttpRequest(bytes: Uint8Array, at: number, end: number): HttpRequest | undefined {
  let here = at;
  const methodEnd = Math.min(end, at + LONGEST_METHOD + 1);
  while (here < methodEnd && bytes[here] !== 0x20) here++;
  if (here === methodEnd || here - at < 3) return undefined;
  const method = latin1(bytes, at, here);
  if (!METHODS.has(method)) return undefined;
  const targetStart = ++here;
  while (here < end && bytes[here] !== 0x20 && bytes[here] !== 0x0d && bytes[here] !== 0x0a) here++;
  if (here === targetStart) return undefined;
  const target = latin1(bytes, targetStart, Math.min(here, targetStart + MAX_TARGET));
  return { method, target, host: decodeHost(bytes, here, Math.min(end, at + HEADER_WINDOW)) };
}

function decodeHost(bytes: Uint8Array, from: number, end: number): string | undefined {
  let here = from;
  while (here < end) {
    while (here < end && bytes[here] !== 0x0a) here++;
    here++;
    if (here + 5 > end || bytes[here] === 0x0d || bytes[here] === 0x0a) return undefined;
    if (
      (bytes[here] | 32) === 0x68 &&
      (bytes[here + 1] | 32) === 0x6f &&
      (bytes[here + 2] | 32) === 0x73 &&
      (bytes[here + 3] | 32) === 0x74 &&
      bytes[here + 4] === 0x3a
    ) {
      let stop = here + 5;
      while (stop < end && bytes[stop] !== 0x0d && bytes[stop] !== 0x0a) stop++;
      const host = latin1(bytes, here + 5, Math.min(stop, here + 5 + 256))
        .trim()
        .toLowerCase();
      return host === '' ? undefined : host;
    }
  }
  return undefined;
}

/** True where an HTTP/1 response begins. */
export function looksLikeHttpResponse(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= 8 && latin1(bytes, at, at + 7) === 'HTTP/1.';
}

/** A request with the headers given, in order. */
export function encodeHttpRequest(
  method: string,
  target: string,
  headers: readonly (readonly [string, string])[],
): Uint8Array {
  const text = `${method} ${target} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

export function summarizeHttpRequest(request: HttpRequest): string {
  return `${request.method} ${request.target}${request.host === undefined ? '' : ` on ${request.host}`}`;
}
