import { utf8Bytes, wireText } from './bytes.ts';
import { latin1 } from './latin1.ts';

/**
 * The heads of HTTP/1 messages, RFC 9112 (syntax) and RFC 9110 (fields), and the preface of HTTP/2, RFC 9113 section 3.4. Bodies are not read.
 * `decodeHttpRequest` is the quick look that says whether this is HTTP at all; `decodeHttpRequestHead` reads the header fields.
 */

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
/** A head is read so far; servers refuse longer ones. */
const MAX_HEAD = 16_384;
const MAX_FIELDS = 100;
/** Fields with longer names are none that is kept. */
const MAX_NAME = 128;
/** Characters of a field's value that are kept. */
const MAX_VALUE = 256;
const PREFACE = utf8Bytes('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const RESPONSE = utf8Bytes('HTTP/1.');

export interface HttpRequest {
  readonly method: string;
  /** Request target, cut at 240 characters. Text from the network, as `wireText` writes it; so is the host. */
  readonly target: string;
  /** Host header without surrounding space, lower case; undefined when it was not found. */
  readonly host: string | undefined;
}

/** The request that begins at `at`, or undefined when none does. */
export function decodeHttpRequest(bytes: Uint8Array, at: number, end: number): HttpRequest | undefined {
  const method = httpMethod(bytes, at, end);
  if (method === undefined) return undefined;
  const from = at + method.length + 1;
  const to = targetEnd(bytes, from, end);
  const target = wireText(bytes, from, Math.min(to, from + MAX_TARGET), MAX_TARGET);
  return { method, target, host: decodeHost(bytes, to, Math.min(end, at + HEADER_WINDOW)) };
}

/** The method of the request that begins at `at`, or undefined when none does: one that is known, a space, and the beginning of a target. */
export function httpMethod(bytes: Uint8Array, at: number, end: number): string | undefined {
  // All begin with a capital.
  if (at >= end || bytes[at] < 0x41 || bytes[at] > 0x5a) return undefined;
  let here = at;
  const methodEnd = Math.min(end, at + LONGEST_METHOD + 1);
  while (here < methodEnd && bytes[here] !== 0x20) here++;
  if (here === methodEnd || here - at < 3) return undefined;
  const method = latin1(bytes, at, here);
  return METHODS.has(method) && targetEnd(bytes, here + 1, end) > here + 1 ? method : undefined;
}

function targetEnd(bytes: Uint8Array, from: number, end: number): number {
  let here = from;
  while (here < end && bytes[here] !== 0x20 && bytes[here] !== 0x0d && bytes[here] !== 0x0a) here++;
  return here;
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
      const host = wireText(bytes, here + 5, Math.min(stop, here + 5 + MAX_VALUE), MAX_VALUE)
        .trim()
        .toLowerCase();
      return host === '' ? undefined : host;
    }
  }
  return undefined;
}

/** True where an HTTP/1 response begins. */
export function looksLikeHttpResponse(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= 8 && startsWith(bytes, at, RESPONSE);
}

/** True where the preface of HTTP/2 begins that a client sends when it knows, without TLS, that the server speaks it. */
export function isHttp2Preface(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= PREFACE.length && startsWith(bytes, at, PREFACE);
}

function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** What requests and responses have in common. Values are text from the network (`wireText`), at most 256 characters, the first where a field is repeated. */
export interface HttpFraming {
  /** '1.0', '1.1'; undefined in a request line without a version (HTTP/0.9). */
  readonly version: string | undefined;
  /** 'complete' up to the empty line, 'cut' when it is not there yet, 'malformed' after a line that is no header field, or more than 100 fields or 16 KiB. */
  readonly state: 'complete' | 'cut' | 'malformed';
  /** First byte behind the head; the end where it is not complete. */
  readonly bodyAt: number;
  readonly fieldCount: number;
  readonly contentType: string | undefined;
  /** Bytes; undefined when absent or no number. */
  readonly contentLength: number | undefined;
  /** Lower case: 'chunked', ... */
  readonly transferEncoding: string | undefined;
  /** Lower case: 'gzip', ... */
  readonly contentEncoding: string | undefined;
  /** Lower case: 'websocket', 'h2c', ... */
  readonly upgrade: string | undefined;
  /**
   * Where the body ends can be read in two ways: lengths that differ, a length that is no number, or a length beside a transfer coding. It is how requests
   * are smuggled past a proxy (RFC 9112 section 11.2).
   */
  readonly hasAmbiguousLength: boolean;
}

/** Forms of a request target, RFC 9112 section 3.2. */
export type HttpTargetForm = 'origin' | 'absolute' | 'authority' | 'asterisk' | 'other';

export interface HttpRequestHead extends HttpRequest, HttpFraming {
  readonly targetForm: HttpTargetForm;
  /** Host, and port where there is one, of the target in absolute and authority form, lower case: what a proxy is asked for. */
  readonly targetHost: string | undefined;
  readonly userAgent: string | undefined;
  /** Host of the referring page, lower case, with its port; the path is not kept. */
  readonly refererHost: string | undefined;
  /** Lower case: 'basic', 'bearer', 'negotiate', 'ntlm', ... of Authorization, else of Proxy-Authorization. */
  readonly authorizationScheme: string | undefined;
  /** User name of Basic and Digest. Passwords and tokens are never read out. */
  readonly user: string | undefined;
  readonly hasCookie: boolean;
  /** X-Forwarded-For as it stands: the addresses behind a proxy, or what the client claims they are. */
  readonly forwardedFor: string | undefined;
}

export interface HttpResponseHead extends HttpFraming {
  /** 100 to 599, or what the server says. */
  readonly status: number;
  readonly reason: string;
  readonly server: string | undefined;
  /** Host of Location where it is absolute, lower case: where a redirection leads. */
  readonly locationHost: string | undefined;
  /** Lower case: the scheme of the first challenge. */
  readonly challengeScheme: string | undefined;
  readonly setsCookie: boolean;
  /** 'attachment' with its file name, ...: Content-Disposition. */
  readonly contentDisposition: string | undefined;
}

/** Fields that the heads are made of, by lower-case name. */
interface Fields {
  readonly values: Map<string, string>;
  count: number;
  state: 'complete' | 'cut' | 'malformed';
  bodyAt: number;
  hasAmbiguousLength: boolean;
}

/** Names of the fields that are kept; a cookie's value is not. */
const KEPT = new Set([
  'host',
  'user-agent',
  'referer',
  'content-type',
  'content-length',
  'content-encoding',
  'content-disposition',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
  'server',
  'location',
]);

/** The header fields whose first line begins at `from`. */
function decodeFields(bytes: Uint8Array, from: number, end: number, limit: number): Fields {
  const fields: Fields = { values: new Map(), count: 0, state: 'cut', bodyAt: end, hasAmbiguousLength: false };
  let here = from;
  while (here < limit) {
    let stop = here;
    while (stop < limit && bytes[stop] !== 0x0a) stop++;
    if (stop === limit) break;
    let lineEnd = stop;
    if (lineEnd > here && bytes[lineEnd - 1] === 0x0d) lineEnd--;
    if (lineEnd === here) return finish(fields, 'complete', stop + 1);
    // A line that begins with a space goes on with the value before it (obs-fold, RFC 9112 section 5.2); only first lines are kept.
    if (bytes[here] !== 0x20 && bytes[here] !== 0x09) {
      if (++fields.count > MAX_FIELDS || !decodeField(bytes, here, lineEnd, fields))
        return finish(fields, 'malformed', end);
    }
    here = stop + 1;
  }
  return finish(fields, limit < end ? 'malformed' : 'cut', end);
}

function finish(fields: Fields, state: Fields['state'], bodyAt: number): Fields {
  const { values } = fields;
  const length = values.get('content-length');
  if (length !== undefined && (values.has('transfer-encoding') || !/^\d{1,15}$/.test(length)))
    fields.hasAmbiguousLength = true;
  fields.state = state;
  fields.bodyAt = bodyAt;
  return fields;
}

/** 'name: value'; false when there is no colon behind a name. */
function decodeField(bytes: Uint8Array, from: number, to: number, fields: Fields): boolean {
  let colon = from;
  while (colon < to && bytes[colon] !== 0x3a) colon++;
  if (colon === to || colon === from) return false;
  if (colon - from > MAX_NAME) return true;
  // Space before the colon is refused by servers, and was a way to hide a field from a proxy: it is read as the field it looks like.
  const name = fieldName(bytes, from, colon);
  let start = colon + 1;
  let stop = to;
  while (start < stop && (bytes[start] === 0x20 || bytes[start] === 0x09)) start++;
  while (stop > start && (bytes[stop - 1] === 0x20 || bytes[stop - 1] === 0x09)) stop--;
  const { values } = fields;
  if (name === 'cookie' || name === 'set-cookie') values.set(name, '');
  else if (name === 'authorization' || name === 'proxy-authorization') decodeAuthorization(bytes, start, stop, values);
  else if (name === 'www-authenticate' || name === 'proxy-authenticate') {
    if (!values.has('challenge')) values.set('challenge', firstWord(bytes, start, stop));
  } else if (KEPT.has(name)) {
    const value = wireText(bytes, start, stop, MAX_VALUE);
    const known = values.get(name);
    if (known === undefined) values.set(name, value);
    else if (name === 'content-length' && known !== value) fields.hasAmbiguousLength = true;
  }
  return true;
}

const NAME = new Uint8Array(MAX_NAME);

/** Lower case, without surrounding space. */
function fieldName(bytes: Uint8Array, from: number, to: number): string {
  for (let i = from; i < to; i++) {
    const byte = bytes[i];
    if (byte <= 0x20 || byte >= 0x7f) return latin1(bytes, from, to).trim().toLowerCase();
    NAME[i - from] = byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
  }
  return latin1(NAME, 0, to - from);
}

function firstWord(bytes: Uint8Array, from: number, to: number): string {
  let stop = from;
  while (stop < to && bytes[stop] !== 0x20 && bytes[stop] !== 0x2c) stop++;
  return wireText(bytes, from, stop, 32).toLowerCase();
}

/** Scheme and credentials, RFC 9110 section 11.4. Only names leave this function. */
function decodeAuthorization(bytes: Uint8Array, from: number, to: number, values: Map<string, string>): void {
  if (values.has('authorization')) return;
  const scheme = firstWord(bytes, from, to);
  values.set('authorization', scheme);
  let start = from + scheme.length;
  while (start < to && bytes[start] === 0x20) start++;
  if (scheme === 'basic') {
    const user = basicUser(bytes, start, to);
    if (user !== undefined) values.set('user', user);
  } else if (scheme === 'digest') {
    const match = /(?:^|[\s,])username="([^"]{0,256})"/i.exec(latin1(bytes, start, Math.min(to, start + 1024)));
    if (match !== null)
      values.set(
        'user',
        wireText(
          Uint8Array.from(match[1], (c) => c.charCodeAt(0)),
          0,
          match[1].length,
          MAX_VALUE,
        ),
      );
  }
}

/** The user name of 'user:password' in base64 (RFC 7617); undefined when it is no base64 or has no colon. Nothing behind the colon is decoded into text. */
function basicUser(bytes: Uint8Array, from: number, to: number): string | undefined {
  const out = new Uint8Array(MAX_VALUE + 2);
  let n = 0;
  let bits = 0;
  let held = 0;
  for (let i = from; i < to && bytes[i] !== 0x3d; i++) {
    const digit = base64Digit(bytes[i]);
    if (digit < 0) return undefined;
    held = ((held << 6) | digit) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    const byte = (held >> bits) & 255;
    if (byte === 0x3a) return wireText(out, 0, n, MAX_VALUE);
    if (n === out.length) return wireText(out, 0, n, MAX_VALUE);
    out[n++] = byte;
  }
  return undefined;
}

function base64Digit(byte: number): number {
  if (byte >= 0x41 && byte <= 0x5a) return byte - 0x41;
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x61 + 26;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30 + 52;
  return byte === 0x2b || byte === 0x2d ? 62 : byte === 0x2f || byte === 0x5f ? 63 : -1;
}

function contentLength({ values }: Fields): number | undefined {
  const length = values.get('content-length');
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** The whole head of the request at `at`, as far as it is there; undefined when none begins there. */
export function decodeHttpRequestHead(bytes: Uint8Array, at: number, end: number): HttpRequestHead | undefined {
  const request = decodeHttpRequest(bytes, at, end);
  if (request === undefined) return undefined;
  const limit = Math.min(end, at + MAX_HEAD);
  let lineEnd = at;
  while (lineEnd < limit && bytes[lineEnd] !== 0x0a) lineEnd++;
  // The version is the last word of the line: targets may hold spaces where a client does not care.
  const tail = latin1(bytes, Math.max(at, lineEnd - 16), lineEnd).trimEnd();
  const version = /\sHTTP\/(\d\.\d)$/.exec(tail)?.[1];
  const fields = decodeFields(bytes, lineEnd + 1, end, limit);
  const { values } = fields;
  const { targetForm, targetHost } = targetOf(request);
  const host = values.get('host')?.toLowerCase();
  return {
    method: request.method,
    target: request.target,
    host: host === '' ? undefined : host,
    version,
    state: fields.state,
    bodyAt: fields.bodyAt,
    fieldCount: Math.min(fields.count, MAX_FIELDS),
    contentType: values.get('content-type'),
    contentLength: contentLength(fields),
    transferEncoding: values.get('transfer-encoding')?.toLowerCase(),
    contentEncoding: values.get('content-encoding')?.toLowerCase(),
    upgrade: values.get('upgrade')?.toLowerCase(),
    hasAmbiguousLength: fields.hasAmbiguousLength,
    targetForm,
    targetHost,
    userAgent: values.get('user-agent'),
    refererHost: hostOfUrl(values.get('referer')),
    authorizationScheme: values.get('authorization'),
    user: values.get('user'),
    hasCookie: values.has('cookie'),
    forwardedFor: values.get('x-forwarded-for'),
  };
}

function targetOf({ method, target }: HttpRequest): { targetForm: HttpTargetForm; targetHost: string | undefined } {
  if (method === 'CONNECT') return { targetForm: 'authority', targetHost: target.toLowerCase() };
  if (target.startsWith('/')) return { targetForm: 'origin', targetHost: undefined };
  if (target === '*') return { targetForm: 'asterisk', targetHost: undefined };
  const targetHost = hostOfUrl(target);
  return { targetForm: targetHost === undefined ? 'other' : 'absolute', targetHost };
}

/** Host and port of an absolute URL, lower case, without what stands before an '@': that may be a password. */
function hostOfUrl(url: string | undefined): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#\\]*)/i.exec(url ?? '')?.[1];
  if (authority === undefined) return undefined;
  const host = authority.slice(authority.lastIndexOf('@') + 1).toLowerCase();
  return host === '' ? undefined : host;
}

/** The head of the response at `at`, as far as it is there; undefined when none begins there. */
export function decodeHttpResponseHead(bytes: Uint8Array, at: number, end: number): HttpResponseHead | undefined {
  if (!looksLikeHttpResponse(bytes, at, end)) return undefined;
  const limit = Math.min(end, at + MAX_HEAD);
  let lineEnd = at;
  while (lineEnd < limit && bytes[lineEnd] !== 0x0a) lineEnd++;
  const stop = lineEnd > at && bytes[lineEnd - 1] === 0x0d ? lineEnd - 1 : lineEnd;
  const match = /^HTTP\/(1\.\d) +(\d{3})(?: (.*))?$/s.exec(wireText(bytes, at, stop, MAX_VALUE));
  if (match === null) return undefined;
  const fields = decodeFields(bytes, lineEnd + 1, end, limit);
  const { values } = fields;
  return {
    version: match[1],
    state: fields.state,
    bodyAt: fields.bodyAt,
    fieldCount: Math.min(fields.count, MAX_FIELDS),
    contentType: values.get('content-type'),
    contentLength: contentLength(fields),
    transferEncoding: values.get('transfer-encoding')?.toLowerCase(),
    contentEncoding: values.get('content-encoding')?.toLowerCase(),
    upgrade: values.get('upgrade')?.toLowerCase(),
    hasAmbiguousLength: fields.hasAmbiguousLength,
    status: Number(match[2]),
    reason: match[3] ?? '',
    server: values.get('server'),
    locationHost: hostOfUrl(values.get('location')),
    challengeScheme: values.get('challenge'),
    setsCookie: values.has('set-cookie'),
    contentDisposition: values.get('content-disposition'),
  };
}

/** A request with the headers given, in order. */
export function encodeHttpRequest(
  method: string,
  target: string,
  headers: readonly (readonly [string, string])[],
): Uint8Array {
  return encodeHead(`${method} ${target} HTTP/1.1`, headers);
}

/** A response with the headers given, in order. */
export function encodeHttpResponse(
  status: number,
  reason: string,
  headers: readonly (readonly [string, string])[],
): Uint8Array {
  return encodeHead(`HTTP/1.1 ${status} ${reason}`, headers);
}

function encodeHead(line: string, headers: readonly (readonly [string, string])[]): Uint8Array {
  const text = `${line}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** The preface of HTTP/2. */
export function encodeHttp2Preface(): Uint8Array {
  return PREFACE.slice();
}

/** 'GET /index.html on example.org'. */
export function summarizeHttpRequest(request: HttpRequest): string {
  return `${request.method} ${request.target}${request.host === undefined ? '' : ` on ${request.host}`}`;
}

/** '200 OK text/html, 512 bytes from nginx'. */
export function summarizeHttpResponse(response: HttpResponseHead): string {
  const { status, reason, contentType, contentLength, server } = response;
  const length = contentLength === undefined ? '' : `, ${contentLength} bytes`;
  return `${`${status} ${reason}`.trimEnd()}${contentType === undefined ? '' : ` ${contentType}`}${length}${server === undefined ? '' : ` from ${server}`}`;
}
