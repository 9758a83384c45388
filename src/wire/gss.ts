import { BER_OID, type BerElement, berChildren, berOid, encodeBer, encodeBerOid, readBer } from './ber.ts';
import { decodeKerberos, type KerberosMessage } from './kerberos.ts';
import { decodeNtlm, findNtlm, isNtlm, type NtlmMessage } from './ntlm.ts';

/**
 * Security tokens: GSS-API framing (RFC 2743 section 3.1), SPNEGO (RFC 4178, MS-SPNG) and what they carry, Kerberos (RFC 4121 section 4.1) or NTLMSSP. SMB
 * session setups, LDAP SASL binds, DCE-RPC binds and HTTP Negotiate all sign on with them.
 */

const INITIAL_TOKEN = 0x60;
const NEG_TOKEN_INIT = 0xa0;
const NEG_TOKEN_RESPONSE = 0xa1;

const SPNEGO = '1.3.6.1.5.5.2';
const MECHANISMS: ReadonlyMap<string, string> = new Map([
  [SPNEGO, 'spnego'],
  ['1.2.840.113554.1.2.2', 'kerberos'],
  ['1.2.840.113554.1.2.2.3', 'kerberos-user-to-user'],
  // The same, with the typing mistake of Windows 2000 that everybody still accepts.
  ['1.2.840.48018.1.2.2', 'kerberos'],
  ['1.3.6.1.4.1.311.2.2.10', 'ntlm'],
  ['1.3.6.1.4.1.311.2.2.30', 'negoex'],
  ['1.3.6.1.5.2.5', 'iakerb'],
]);

/** negState of RFC 4178 section 4.2.2. */
const STATES: readonly string[] = ['accept-completed', 'accept-incomplete', 'reject', 'request-mic'];
const MAX_MECHANISMS = 16;

export interface GssToken {
  /** Mechanism of the token inside: 'ntlm', 'kerberos', 'negoex', ... or an object identifier; undefined where only a state or a list is sent. */
  readonly mechanism: string | undefined;
  /** Mechanisms that a SPNEGO initiator or server hint offers, most wanted first. At most 16. */
  readonly offered: readonly string[];
  /** 'accept-completed', 'accept-incomplete', 'reject', 'request-mic' of a SPNEGO answer. */
  readonly state: string | undefined;
  readonly ntlm: NtlmMessage | undefined;
  readonly kerberos: KerberosMessage | undefined;
}

/** The token at [at, end): GSS-API, SPNEGO with or without its GSS frame, raw NTLMSSP, or a raw Kerberos message. Undefined when it is none of them. */
export function decodeGss(bytes: Uint8Array, at: number, end: number): GssToken | undefined {
  if (at >= end) return undefined;
  if (isNtlm(bytes, at, end)) return ntlmToken(bytes, at, end);
  const outer = readBer(bytes, at, end);
  if (outer === undefined) return undefined;
  if (outer.tag === NEG_TOKEN_INIT || outer.tag === NEG_TOKEN_RESPONSE) return decodeSpnego(bytes, outer, at, end);
  if (outer.tag === INITIAL_TOKEN) {
    const oid = readBer(bytes, outer.from, outer.to);
    const name = oid?.tag === BER_OID ? berOid(bytes, oid) : undefined;
    if (oid === undefined || name === undefined) return undefined;
    if (name === SPNEGO) {
      const choice = readBer(bytes, oid.to, outer.to);
      return choice === undefined ? undefined : decodeSpnego(bytes, choice, at, end);
    }
    return innerToken(bytes, oid.to, outer.to, mechanismName(name), [], undefined);
  }
  const kerberos = decodeKerberos(bytes, at, end);
  return kerberos === undefined
    ? undefined
    : { mechanism: 'kerberos', offered: [], state: undefined, ntlm: undefined, kerberos };
}

/** NegTokenInit: [0] mechanisms, [1] flags, [2] token, [3] MIC or hints; NegTokenResp: [0] state, [1] mechanism, [2] token, [3] MIC. */
function decodeSpnego(bytes: Uint8Array, choice: BerElement, at: number, end: number): GssToken | undefined {
  const body = readBer(bytes, choice.from, choice.to);
  if (body?.tag !== 0x30) return undefined;
  const isInit = choice.tag === NEG_TOKEN_INIT;
  const offered: string[] = [];
  let state: string | undefined;
  let mechanism: string | undefined;
  let token: BerElement | undefined;
  for (const field of berChildren(bytes, body, 8)) {
    const value = readBer(bytes, field.from, field.to);
    if (value === undefined) continue;
    if (field.tag === 0xa0 && isInit)
      for (const entry of berChildren(bytes, value, MAX_MECHANISMS)) {
        const oid = berOid(bytes, entry);
        if (oid !== undefined) offered.push(mechanismName(oid));
      }
    else if (field.tag === 0xa0 && value.to - value.from === 1) state = STATES[bytes[value.from]];
    else if (field.tag === 0xa1 && !isInit) {
      const oid = berOid(bytes, value);
      if (oid !== undefined) mechanism = mechanismName(oid);
    } else if (field.tag === 0xa2) token = value;
  }
  if (token !== undefined && token.from < token.to)
    return innerToken(bytes, token.from, token.to, mechanism ?? offered[0], offered, state);
  // A token whose lengths lie may still hold a readable sign-on.
  const raw = choice.cut ? findNtlm(bytes, at, end) : -1;
  const ntlm = raw < 0 ? undefined : decodeNtlm(bytes, raw, end);
  if (offered.length === 0 && state === undefined && mechanism === undefined && ntlm === undefined) return undefined;
  return { mechanism: ntlm === undefined ? mechanism : 'ntlm', offered, state, ntlm, kerberos: undefined };
}

/** The mechanism's own token in [from, to). What it is counts more than what it is said to be. */
function innerToken(
  bytes: Uint8Array,
  from: number,
  to: number,
  mechanism: string | undefined,
  offered: readonly string[],
  state: string | undefined,
): GssToken {
  const none = { mechanism, offered, state, ntlm: undefined, kerberos: undefined };
  if (isNtlm(bytes, from, to)) return { ...none, mechanism: 'ntlm', ntlm: decodeNtlm(bytes, from, to) };
  let here = from;
  if (bytes[here] === INITIAL_TOKEN) {
    const outer = readBer(bytes, here, to);
    const oid = outer === undefined ? undefined : readBer(bytes, outer.from, outer.to);
    if (oid?.tag === BER_OID) here = oid.to;
  }
  // RFC 4121 section 4.1: token id 01 00, 02 00 or 03 00 before the Kerberos message.
  if (here + 2 < to && bytes[here] >= 1 && bytes[here] <= 3 && bytes[here + 1] === 0) here += 2;
  const kerberos = decodeKerberos(bytes, here, to);
  return kerberos === undefined ? none : { ...none, mechanism: 'kerberos', kerberos };
}

function ntlmToken(bytes: Uint8Array, at: number, end: number): GssToken {
  return {
    mechanism: 'ntlm',
    offered: [],
    state: undefined,
    ntlm: decodeNtlm(bytes, at, end),
    kerberos: undefined,
  };
}

function mechanismName(oid: string): string {
  return MECHANISMS.get(oid) ?? oid;
}

/** Longest token that is decoded from HTTP, in bytes: Kerberos tokens with many groups reach 48 KiB, their names stand in the first. */
const MAX_HTTP_TOKEN = 8192;
const TOKEN = new Uint8Array(MAX_HTTP_TOKEN);

/** A sign-on in an HTTP header. */
export interface HttpAuthentication {
  /** 'NTLM', 'Negotiate', 'Kerberos': as sent, in the usual writing. */
  readonly scheme: 'NTLM' | 'Negotiate' | 'Kerberos';
  /** Undefined where the header has the scheme alone, or a token that is none of those known. */
  readonly token: GssToken | undefined;
}

/**
 * The value of an Authorization, Proxy-Authorization, WWW-Authenticate or Proxy-Authenticate header in [at, end), RFC 4559 section 4: 'NTLM TlRMTVNT...',
 * 'Negotiate YII...'. Undefined for other schemes.
 */
export function decodeHttpAuthentication(bytes: Uint8Array, at: number, end: number): HttpAuthentication | undefined {
  let here = at;
  while (here < end && (bytes[here] === 0x20 || bytes[here] === 9)) here++;
  const scheme = HTTP_SCHEMES.find((name) => startsWith(bytes, here, end, name));
  if (scheme === undefined) return undefined;
  here += scheme.length;
  while (here < end && (bytes[here] === 0x20 || bytes[here] === 9)) here++;
  const length = decodeBase64(bytes, here, end, TOKEN);
  return { scheme, token: decodeGss(TOKEN, 0, length) };
}

const HTTP_SCHEMES: readonly HttpAuthentication['scheme'][] = ['NTLM', 'Negotiate', 'Kerberos'];

/** True where `name` stands at `at`, in any case, and a word ends behind it. */
function startsWith(bytes: Uint8Array, at: number, end: number, name: string): boolean {
  if (at + name.length > end) return false;
  for (let i = 0; i < name.length; i++) if ((bytes[at + i] | 32) !== (name.charCodeAt(i) | 32)) return false;
  const next = at + name.length;
  return next === end || bytes[next] === 0x20 || bytes[next] === 9 || bytes[next] === 13 || bytes[next] === 10;
}

/** Decodes base64 (RFC 4648 section 4) up to the first byte that is none of its letters, as far as `into` has room; how many bytes came of it. */
function decodeBase64(bytes: Uint8Array, from: number, end: number, into: Uint8Array): number {
  let held = 0;
  let bits = 0;
  let length = 0;
  for (let i = from; i < end && length < into.length; i++) {
    const value = BASE64[bytes[i]];
    if (value < 0) break;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      into[length++] = held >> bits;
    }
  }
  return length;
}

const BASE64 = new Int8Array(256).fill(-1);
for (let i = 0; i < 64; i++)
  BASE64['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.charCodeAt(i)] = i;

/** A SPNEGO initial token that offers NTLM and carries `token`. */
export function encodeSpnegoNtlm(token: Uint8Array): Uint8Array {
  return encodeBer(
    INITIAL_TOKEN,
    encodeBerOid(SPNEGO),
    encodeBer(
      NEG_TOKEN_INIT,
      encodeBer(
        0x30,
        encodeBer(0xa0, encodeBer(0x30, encodeBerOid('1.3.6.1.4.1.311.2.2.10'))),
        encodeBer(0xa2, encodeBer(4, token)),
      ),
    ),
  );
}
