import { wireText } from './bytes.ts';

/** SASL exchanges (RFC 4422) as SMTP, IMAP, POP3 and IRC carry them: base64 lines from which the user name is taken and nothing else. */

const MAX_DECODED = 2048;
const MAX_USER = 128;

interface Mechanism {
  /** How many lines the client sends in answer to challenges, at most. */
  readonly responses: number;
  readonly isCleartext: boolean;
}

const MECHANISMS = new Map<string, Mechanism>([
  ['PLAIN', { responses: 1, isCleartext: true }], // RFC 4616
  ['LOGIN', { responses: 2, isCleartext: true }],
  ['CRAM-MD5', { responses: 1, isCleartext: false }], // RFC 2195
  ['DIGEST-MD5', { responses: 2, isCleartext: false }], // RFC 2831
  ['SCRAM-SHA-1', { responses: 3, isCleartext: false }], // RFC 5802
  ['SCRAM-SHA-256', { responses: 3, isCleartext: false }],
  ['SCRAM-SHA-512', { responses: 3, isCleartext: false }],
  ['SCRAM-SHA-1-PLUS', { responses: 3, isCleartext: false }],
  ['SCRAM-SHA-256-PLUS', { responses: 3, isCleartext: false }],
  ['NTLM', { responses: 2, isCleartext: false }],
  ['GSSAPI', { responses: 4, isCleartext: false }],
  ['GSS-SPNEGO', { responses: 4, isCleartext: false }],
  ['EXTERNAL', { responses: 1, isCleartext: false }],
  ['ANONYMOUS', { responses: 1, isCleartext: false }],
  // A bearer token is as good as a password for as long as it lives.
  ['XOAUTH2', { responses: 2, isCleartext: true }],
  ['OAUTHBEARER', { responses: 2, isCleartext: true }], // RFC 7628
]);

/** One exchange as the client's lines show it: give it each response, ask it for the user. */
export class SaslExchange {
  /** One of the mechanisms that we know, else 'other'. */
  readonly method: string;
  readonly isCleartext: boolean;
  /** Known once the response that names it was seen whole. */
  user: string | undefined = undefined;
  #responses: number;
  #step = 0;

  /** @param mechanism upper case, as the client named it. */
  constructor(mechanism: string) {
    const known = MECHANISMS.get(mechanism);
    this.method = known === undefined ? 'other' : mechanism;
    this.isCleartext = known?.isCleartext ?? false;
    this.#responses = known?.responses ?? 4;
  }

  /** No more responses are expected. */
  get isDone(): boolean {
    return this.#step >= this.#responses;
  }

  /** The client's next response, base64 in [from, to). A response that is cut tells nothing. */
  respond(bytes: Uint8Array, from: number, to: number, isCut: boolean): void {
    const step = this.#step++;
    if (isCut || this.user !== undefined) return;
    const data = decodeBase64(bytes, from, to);
    if (data === undefined) return;
    this.user = userOf(this.method, step, data);
  }
}

function userOf(method: string, step: number, data: Uint8Array): string | undefined {
  switch (method) {
    case 'PLAIN': {
      // authzid NUL authcid NUL password. Both NULs must be there: with one it is not clear which part is the password.
      const first = data.indexOf(0);
      const second = first < 0 ? -1 : data.indexOf(0, first + 1);
      return second < 0 || data.indexOf(0, second + 1) >= 0 ? undefined : name(data, first + 1, second);
    }
    case 'LOGIN':
    case 'EXTERNAL':
      return step === 0 ? name(data, 0, data.length) : undefined;
    case 'CRAM-MD5': {
      // name SP 32 hex digits
      const digest = data.length - 33;
      if (digest <= 0 || data[digest] !== 0x20) return undefined;
      return name(data, 0, digest);
    }
    case 'XOAUTH2':
      return between(data, 'user=', [1]);
    case 'OAUTHBEARER':
      return between(data, 'a=', [0x2c]);
    case 'DIGEST-MD5':
      return between(data, 'username="', [0x22]);
    default:
      return method.startsWith('SCRAM-') && step === 0 ? between(data, 'n=', [0x2c]) : undefined;
  }
}

function name(data: Uint8Array, from: number, to: number): string | undefined {
  return to > from ? wireText(data, from, to, MAX_USER) : undefined;
}

/** What stands between the key, at the start or behind a comma, and the first of the stops. */
function between(data: Uint8Array, key: string, stops: readonly number[]): string | undefined {
  for (let at = 0; at + key.length < data.length; at++) {
    if (at > 0 && data[at - 1] !== 0x2c) continue;
    let n = 0;
    while (n < key.length && data[at + n] === key.charCodeAt(n)) n++;
    if (n < key.length) continue;
    let to = at + n;
    while (to < data.length && !stops.includes(data[to])) to++;
    return to < data.length ? name(data, at + n, to) : undefined;
  }
  return undefined;
}

/** Base64 (RFC 4648 section 4) of at most 2 KiB, or undefined when [from, to) is none. '=' alone, which SASL writes for an empty response, is empty. */
export function decodeBase64(bytes: Uint8Array, from: number, to: number): Uint8Array | undefined {
  let stop = to;
  while (stop > from && to - stop < 2 && bytes[stop - 1] === 0x3d) stop--;
  const length = Math.floor(((stop - from) * 3) / 4);
  if (length > MAX_DECODED || (stop - from) % 4 === 1) return undefined;
  const out = new Uint8Array(length);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = from; i < stop; i++) {
    const value = base64Value(bytes[i]);
    if (value < 0) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (held >> bits) & 255;
    }
  }
  return out;
}

function base64Value(byte: number): number {
  if (byte >= 0x41 && byte <= 0x5a) return byte - 0x41;
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x61 + 26;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30 + 52;
  return byte === 0x2b ? 62 : byte === 0x2f ? 63 : -1;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base64 with padding, one byte per character of `text`. */
export function encodeBase64(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i += 3) {
    const left = text.length - i;
    const group =
      (text.charCodeAt(i) << 16) |
      ((left > 1 ? text.charCodeAt(i + 1) : 0) << 8) |
      (left > 2 ? text.charCodeAt(i + 2) : 0);
    out += DIGITS[group >> 18] + DIGITS[(group >> 12) & 63];
    out += left > 1 ? DIGITS[(group >> 6) & 63] : '=';
    out += left > 2 ? DIGITS[group & 63] : '=';
  }
  return out;
}
