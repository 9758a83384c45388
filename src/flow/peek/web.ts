import {
  decodeHttpRequestHead,
  decodeHttpResponseHead,
  decodeStun,
  encodeHttp2Preface,
  type HttpRequestHead,
  isHttp2Preface,
  looksLikeHttpResponse,
  PROTO,
} from '../../wire/index.ts';
import {
  FACT,
  PASSWORD_IN_CLEAR,
  PEEK_DONE,
  PEEK_FOREIGN,
  PEEK_MORE,
  type PeekContext,
  type StreamPeek,
} from './peek.ts';
import { dtlsPeek, lookAtTls, TlsFlow } from './tls.ts';

/** HTTP/1: the first exchange, as long as the server asks for a login the next ones too, and what is spoken in a tunnel that a proxy makes. STUN. */

const MOST_HEAD = 16_384;
/** An NTLM login takes three exchanges. */
const MOST_EXCHANGES = 4;
const PREFACE = encodeHttp2Preface();
/** Longest method with the space behind it. */
const METHOD = 14;

class HttpSide {
  /** Bytes that were searched for the end of the head, and how many there were when the head was last read. */
  searched = 0;
  read = 0;
  heads = 0;
  /** What follows is none of HTTP, but of the connection that a proxy was asked for. */
  isTunnel = false;
}

class HttpFlow {
  readonly initiator = new HttpSide();
  readonly responder = new HttpSide();
  /** A line of HTTP was seen. */
  isKnown = false;
  method = '';
  /** Of the last response that was final. */
  status = 0;
  tunnel: TlsFlow | undefined;
}

export const httpPeek: StreamPeek = {
  kind: 'stream',
  most: 49_152,
  keep: MOST_HEAD,
  look(context: PeekContext): number {
    const flow = context.state(HttpFlow);
    const side = context.fromInitiator ? flow.initiator : flow.responder;
    if (side.isTunnel) {
      // A proxy that wants a login first has not made the tunnel: the next is another request.
      if (isChallenge(flow.status)) side.isTunnel = false;
      else {
        flow.tunnel ??= new TlsFlow();
        const read = lookAtTls(context, flow.tunnel);
        return read === PEEK_FOREIGN ? PEEK_DONE : read;
      }
    }
    return lookAtHttp(context, flow, side);
  },
};

function lookAtHttp(context: PeekContext, flow: HttpFlow, side: HttpSide): number {
  const { bytes, at, end } = context;
  const n = end - at;
  const foreign = flow.isKnown ? PEEK_DONE : PEEK_FOREIGN;
  if (startsPreface(bytes, at, end)) {
    if (!isHttp2Preface(bytes, at, end)) return PEEK_MORE;
    context.operation('h2c');
    return PEEK_DONE;
  }
  const isResponse = n >= 2 && bytes[at] === 0x48 && bytes[at + 1] === 0x54;
  if (isResponse ? n < 8 : n < METHOD && isWord(bytes, at, end)) return PEEK_MORE;
  const bodyAt = endOfHead(bytes, Math.max(at, at + side.searched - 3), end);
  side.searched = n;
  // Read from its front each time it has doubled, a head in small pieces takes no longer than the same head twice.
  if (bodyAt < 0 && !context.isLast && n < 2 * side.read) return PEEK_MORE;
  side.read = n;
  const read = isResponse
    ? lookAtResponse(context, flow, side, bodyAt)
    : lookAtRequest(context, flow, side, bodyAt, foreign);
  if (read > 0) {
    side.searched = side.read = 0;
    side.heads++;
  }
  return read;
}

/** @param bodyAt where the head ends; negative when its end is not there. */
function lookAtRequest(context: PeekContext, flow: HttpFlow, side: HttpSide, bodyAt: number, foreign: number): number {
  const { bytes, at, end } = context;
  const head = decodeHttpRequestHead(bytes, at, bodyAt < 0 ? end : bodyAt);
  const isLine = hasLine(bytes, at, end);
  // Without a version it is HTTP/0.9, which knows only GET, or another protocol with the same methods.
  const isHttp09 = isLine && head?.version === undefined;
  if (head === undefined || (isHttp09 && head.method !== 'GET')) return foreign;
  flow.isKnown = true;
  if (side.heads === 0) noteRequest(context, head, isLine || context.isLast);
  // Of the requests behind the first only an answer to a challenge is of interest.
  else if (!isChallenge(flow.status)) return PEEK_DONE;
  noteUser(context, head);
  if (head.state === 'malformed' || isHttp09) return PEEK_DONE;
  if (bodyAt < 0) return PEEK_MORE;
  flow.method = head.method;
  if (head.method === 'CONNECT') {
    side.isTunnel = true;
    return bodyAt - at;
  }
  if (head.transferEncoding !== undefined || side.heads + 1 >= MOST_EXCHANGES) return PEEK_DONE;
  return bodyAt - at + (head.contentLength ?? 0);
}

function noteRequest(context: PeekContext, head: HttpRequestHead, isLine: boolean): void {
  const { method, target, host, userAgent, upgrade, targetForm, targetHost } = head;
  // A target that goes on in the next segment is not noted by its front.
  if (!isLine) return;
  context.note(FACT.httpRequest, `${method} ${withoutPassword(target)}`);
  context.note(FACT.httpHost, host);
  context.note(context.fromInitiator ? FACT.client : FACT.server, userAgent);
  if (targetHost !== undefined) context.operation(`${targetForm === 'authority' ? 'CONNECT' : 'proxy'} ${targetHost}`);
  if (upgrade !== undefined) context.operation(`upgrade ${upgrade}`);
}

function noteUser(context: PeekContext, { user, authorizationScheme }: HttpRequestHead): void {
  if (user === undefined) return;
  context.note(FACT.user, user);
  if (!context.has(FACT.login)) context.word(FACT.login, 'unknown');
  if (authorizationScheme === 'basic') context.operation(PASSWORD_IN_CLEAR);
}

function lookAtResponse(context: PeekContext, flow: HttpFlow, side: HttpSide, bodyAt: number): number {
  const { bytes, at, end } = context;
  if (!looksLikeHttpResponse(bytes, at, end)) return flow.isKnown ? PEEK_DONE : PEEK_FOREIGN;
  flow.isKnown = true;
  const isLine = hasLine(bytes, at, end);
  if (bodyAt < 0 && !isLine && !context.isLast) return PEEK_MORE;
  const head = decodeHttpResponseHead(bytes, at, bodyAt < 0 ? end : bodyAt);
  if (head === undefined) return PEEK_DONE;
  const { status, state, server, contentLength, transferEncoding } = head;
  const isInterim = status < 200 && status !== 101;
  if (!isInterim) {
    context.number(FACT.httpStatus, status);
    context.note(context.fromInitiator ? FACT.client : FACT.server, server);
    flow.status = status;
    noteLogin(context, status);
  }
  if (state === 'malformed') return PEEK_DONE;
  if (bodyAt < 0) return PEEK_MORE;
  if (isInterim) return side.heads < MOST_EXCHANGES ? bodyAt - at : PEEK_DONE;
  if (flow.method === 'CONNECT' && status < 300) {
    side.isTunnel = true;
    return bodyAt - at;
  }
  if (!isChallenge(status) || transferEncoding !== undefined || side.heads + 1 >= MOST_EXCHANGES) return PEEK_DONE;
  return bodyAt - at + (flow.method === 'HEAD' ? 0 : (contentLength ?? 0));
}

function noteLogin(context: PeekContext, status: number): void {
  if (!context.has(FACT.user)) return;
  if (isChallenge(status)) context.word(FACT.login, 'refused');
  else if (status >= 200 && status < 400) context.word(FACT.login, 'accepted');
}

/** Unauthorized, and the same of a proxy. */
function isChallenge(status: number): boolean {
  return status === 401 || status === 407;
}

/** 'http://alice:secret@host/' is told as 'http://alice@host/'. */
function withoutPassword(target: string): string {
  return target.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#@:]*):[^/?#]*@/i, '$1@');
}

/** First byte behind the empty line that ends a head; -1 without one. */
function endOfHead(bytes: Uint8Array, at: number, end: number): number {
  for (let i = at; i + 1 < end; i++) {
    if (bytes[i] !== 0x0a) continue;
    if (bytes[i + 1] === 0x0a) return i + 2;
    if (bytes[i + 1] === 0x0d && i + 2 < end && bytes[i + 2] === 0x0a) return i + 3;
  }
  return -1;
}

function hasLine(bytes: Uint8Array, at: number, end: number): boolean {
  for (let i = at; i < end; i++) if (bytes[i] === 0x0a) return true;
  return false;
}

/** Nothing but letters and hyphens, and at most a space behind: a request line may become of it. */
function isWord(bytes: Uint8Array, at: number, end: number): boolean {
  const stop = end - at > 1 && bytes[end - 1] === 0x20 ? end - 1 : end;
  for (let i = at; i < stop; i++) {
    const b = bytes[i];
    if ((b < 0x41 || b > 0x5a) && b !== 0x2d && b !== 0x5f) return false;
  }
  return true;
}

/** The preface of HTTP/2, or its beginning up to the end, at least 'PRI'. */
function startsPreface(bytes: Uint8Array, at: number, end: number): boolean {
  const n = Math.min(end - at, PREFACE.length);
  for (let i = 0; i < n; i++) if (bytes[at + i] !== PREFACE[i]) return false;
  return n >= 3;
}

const STUN_HEADER = 20;

/** STUN and TURN: the methods that are asked for, with the peer that a relay shall reach ('create-permission 192.0.2.1:443'), and the software of both sides. */
export const stunPeek: StreamPeek = {
  kind: 'stream',
  most: 16,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const overTcp = context.protocol === PROTO.tcp;
    // Who has found a way by STUN agrees on keys by DTLS over it; the first byte tells them apart (RFC 7983 section 7).
    if (!overTcp && bytes[at] >= 20 && bytes[at] <= 63) return dtlsPeek.look(context);
    const foreign = context.has(FACT.operations) ? PEEK_DONE : PEEK_FOREIGN;
    if (overTcp && end - at < STUN_HEADER) return bytes[at] < 2 ? PEEK_MORE : foreign;
    const message = decodeStun(bytes, at, end);
    if (message === undefined || message.state === 'malformed') return foreign;
    if (overTcp && message.state === 'cut' && !context.isLast) return PEEK_MORE;
    context.note(context.fromInitiator ? FACT.client : FACT.server, message.software);
    const { method, peer } = message;
    const isAsked = message.class === 'request' || (message.class === 'indication' && peer !== undefined);
    if (isAsked) {
      const host = peer?.address.includes(':') === true ? `[${peer.address}]` : peer?.address;
      context.operation(peer === undefined ? method : `${method} ${host}:${peer.port}`);
    }
    return overTcp ? message.bytes : end - at;
  },
};
