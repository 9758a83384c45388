import { wireText } from './bytes.ts';
import { decimal, encodeLines, LineReader, skipSpace, startsWith, wordEnd } from './line.ts';

/** SIP: RFC 3261 sections 7 (messages), 19 and 20 (URIs, headers), 22 (authentication); one message per UDP payload, several in a TCP stream by Content-Length. */

const METHODS = new Set([
  'INVITE',
  'ACK',
  'BYE',
  'CANCEL',
  'REGISTER',
  'OPTIONS',
  'PRACK',
  'SUBSCRIBE',
  'NOTIFY',
  'PUBLISH',
  'INFO',
  'REFER',
  'MESSAGE',
  'UPDATE',
]);
const VERSION = 'SIP/2.0';
const MAX_HEADERS = 128;
const MAX_URI = 200;
const MAX_NAME = 64;
const MAX_AGENT = 120;
const MAX_MESSAGES = 64;

export interface SipAddress {
  /** User part of the URI without a password (RFC 3261 section 19.1.1: 'user:password@host'); undefined where it has none. */
  readonly user: string | undefined;
  readonly host: string;
}

export interface SipMessage {
  /** Request method, or of a response that of its CSeq; undefined when a response does not show it. */
  readonly method: string | undefined;
  /** Request URI, without a password; undefined in a response. */
  readonly uri: string | undefined;
  /** Status code; undefined in a request. */
  readonly status: number | undefined;
  readonly from: SipAddress | undefined;
  readonly to: SipAddress | undefined;
  /** User-Agent of a request, Server (or User-Agent) of a response. */
  readonly agent: string | undefined;
  readonly callId: string | undefined;
  /** User name of the Digest credentials (Authorization, Proxy-Authorization); the digest is not returned. */
  readonly credentialsUser: string | undefined;
  readonly hasCredentials: boolean;
  /** The body is a session description with an audio or video stream. */
  readonly media: 'audio' | 'video' | undefined;
  /** Bytes from the start line to the end of the body, as far as they are there. */
  readonly length: number;
}

const COMPACT = new Map<string, string>([
  ['f', 'from'],
  ['t', 'to'],
  ['i', 'call-id'],
  ['l', 'content-length'],
]);

/** The message that begins at `at`; undefined when none does. Headers behind a cut are missing. */
export function decodeSip(bytes: Uint8Array, at: number, end: number): SipMessage | undefined {
  const start = decodeStartLine(bytes, at, end);
  if (start === undefined) return undefined;
  const { lines, method, uri, status } = start;
  let from: SipAddress | undefined;
  let to: SipAddress | undefined;
  let agent: string | undefined;
  let callId: string | undefined;
  let credentialsUser: string | undefined;
  let hasCredentials = false;
  let sequenceMethod: string | undefined;
  let bodyBytes = -1;
  let isComplete = false;
  for (let i = 0; i < MAX_HEADERS && lines.read(); i++) {
    if (lines.from === lines.to) {
      isComplete = !lines.isCut;
      break;
    }
    if (lines.isCut) break;
    const colon = bytes.subarray(lines.from, Math.min(lines.to, lines.from + 32)).indexOf(0x3a);
    if (colon <= 0) continue;
    const name = wireText(bytes, lines.from, lines.from + colon)
      .trimEnd()
      .toLowerCase();
    const value = skipSpace(bytes, lines.from + colon + 1, lines.to);
    switch (COMPACT.get(name) ?? name) {
      case 'from':
        from ??= decodeAddress(bytes, value, lines.to);
        break;
      case 'to':
        to ??= decodeAddress(bytes, value, lines.to);
        break;
      case 'call-id':
        callId ??= wireText(bytes, value, lines.to, MAX_AGENT);
        break;
      case 'user-agent':
        agent ??= wireText(bytes, value, lines.to, MAX_AGENT);
        break;
      case 'server':
        if (status !== undefined) agent = wireText(bytes, value, lines.to, MAX_AGENT);
        break;
      case 'cseq': {
        const word = skipSpace(bytes, wordEnd(bytes, value, lines.to), lines.to);
        const text = wireText(bytes, word, wordEnd(bytes, word, lines.to), 16);
        if (METHODS.has(text)) sequenceMethod = text;
        break;
      }
      case 'authorization':
      case 'proxy-authorization':
        hasCredentials = true;
        credentialsUser ??= decodeCredentials(bytes, value, lines.to);
        break;
      case 'content-length':
        bodyBytes = decimal(bytes, value, wordEnd(bytes, value, lines.to));
        break;
      default:
        break;
    }
  }
  const body = lines.next;
  const bodyEnd = !isComplete ? body : bodyBytes >= 0 ? Math.min(lines.end, body + bodyBytes) : lines.end;
  return {
    method: method ?? sequenceMethod,
    uri,
    status,
    from,
    to,
    agent,
    callId,
    credentialsUser,
    hasCredentials,
    media: isComplete ? decodeMedia(bytes, body, bodyEnd) : undefined,
    length: bodyEnd - at,
  };
}

function decodeStartLine(
  bytes: Uint8Array,
  at: number,
  end: number,
):
  | {
      readonly lines: LineReader;
      readonly method: string | undefined;
      readonly uri: string | undefined;
      readonly status: number | undefined;
    }
  | undefined {
  const lines = new LineReader(bytes, at, end);
  if (!lines.read() || lines.isCut) return undefined;
  const { from, to } = lines;
  const first = wordEnd(bytes, from, Math.min(to, from + 12));
  const second = wordEnd(bytes, Math.min(first + 1, to), to);
  const word = wireText(bytes, from, first, 12);
  if (word === VERSION) {
    const status = decimal(bytes, first + 1, second);
    if (second - first !== 4 || status < 100 || status > 699) return undefined;
    return { lines, method: undefined, uri: undefined, status };
  }
  if (!METHODS.has(word) || to - second !== VERSION.length + 1 || !startsWith(bytes, second + 1, to, VERSION))
    return undefined;
  return { lines, method: word, uri: decodeUri(bytes, first + 1, second), status: undefined };
}

/** A URI without the password that it may hold (section 19.1.1). */
function decodeUri(bytes: Uint8Array, from: number, to: number): string {
  const text = wireText(bytes, from, to, 4 * MAX_URI);
  const sign = text.lastIndexOf('@');
  const scheme = text.indexOf(':');
  const password = text.indexOf(':', scheme + 1);
  const clean = password >= 0 && password < sign ? text.slice(0, password) + text.slice(sign) : text;
  return clean.slice(0, MAX_URI);
}

/** '"Name" <sip:user:password@host:port;x>;tag=y' or 'sip:user@host' (section 20.10). */
function decodeAddress(bytes: Uint8Array, from: number, to: number): SipAddress | undefined {
  const text = wireText(bytes, from, to, 400);
  // A display name may hold what looks like a URI; the real one then stands in angle brackets.
  const match = /(?:sips?|tel):([^>;\s]*)/i.exec(text.slice(text.lastIndexOf('<') + 1));
  if (match === null) return undefined;
  const address = match[1];
  const sign = address.lastIndexOf('@');
  const user = sign < 0 ? undefined : address.slice(0, sign).split(':', 1)[0].slice(0, MAX_NAME);
  return { user, host: address.slice(sign + 1, sign + 1 + 255).toLowerCase() };
}

/** username="..." of 'Digest username="bob", realm=..., response="..."' (RFC 8760, section 22.4). */
function decodeCredentials(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (!startsWith(bytes, from, to, 'DIGEST')) return undefined;
  const match = /[\s,]username\s{0,2}=\s{0,2}"([^"]{1,256})"/i.exec(wireText(bytes, from, to, 1000));
  return match?.[1].slice(0, MAX_NAME);
}

function decodeMedia(bytes: Uint8Array, from: number, to: number): SipMessage['media'] {
  const lines = new LineReader(bytes, from, to);
  let media: SipMessage['media'];
  for (let i = 0; i < 200 && lines.read(); i++) {
    if (startsWith(bytes, lines.from, lines.to, 'M=AUDIO ')) media ??= 'audio';
    else if (startsWith(bytes, lines.from, lines.to, 'M=VIDEO ')) media = 'video';
  }
  return media;
}

/** The messages in [at, end) of one side of a TCP connection, in order, at most 64; empty lines between them are keep-alives (RFC 5626). Undefined when the first is none. */
export function decodeSipStream(bytes: Uint8Array, at: number, end: number): SipMessage[] | undefined {
  const messages: SipMessage[] = [];
  let here = at;
  while (here < end && messages.length < MAX_MESSAGES) {
    while (here < end && (bytes[here] === 0x0d || bytes[here] === 0x0a)) here++;
    const message = decodeSip(bytes, here, end);
    if (message === undefined) break;
    messages.push(message);
    here += message.length;
  }
  return messages.length === 0 ? undefined : messages;
}

/**
 * What a response says about a registration: 200 accepts it; 401 and 407 ask for credentials, or refuse those that came (the caller knows whether the request
 * had any); other codes from 400 up refuse it. Undefined for anything but a final response to REGISTER.
 */
export function sipRegisterOutcome(message: SipMessage): 'accepted' | 'challenged' | 'refused' | undefined {
  if (message.method !== 'REGISTER' || message.status === undefined || message.status < 200) return undefined;
  if (message.status < 300) return 'accepted';
  return message.status === 401 || message.status === 407 ? 'challenged' : 'refused';
}

/** True where a SIP start line stands whole. */
export function looksLikeSip(bytes: Uint8Array, at: number, end: number): boolean {
  return decodeStartLine(bytes, at, end) !== undefined;
}

/** A message: a start line as given, headers in order, a body. */
export function encodeSip(
  startLine: string,
  headers: readonly (readonly [name: string, value: string])[],
  body = '',
): Uint8Array {
  const head = encodeLines([startLine, ...headers.map(([name, value]) => `${name}: ${value}`), '']);
  const out = new Uint8Array(head.length + body.length);
  out.set(head);
  for (let i = 0; i < body.length; i++) out[head.length + i] = body.charCodeAt(i);
  return out;
}

export function summarizeSip(message: SipMessage): string {
  const start =
    message.status === undefined
      ? `${message.method} ${message.uri}`
      : `${message.status}${message.method === undefined ? '' : ` to ${message.method}`}`;
  const who = (address: SipAddress | undefined): string =>
    address === undefined ? '?' : `${address.user === undefined ? '' : `${address.user}@`}${address.host}`;
  return `${start} from ${who(message.from)} to ${who(message.to)}${message.agent === undefined ? '' : ` by ${message.agent}`}`;
}
