import { utf8Bytes } from './bytes.ts';
import { oemText, u16le, u32le, utf16Bytes, utf16Text } from './windows-bytes.ts';

/**
 * NTLMSSP messages, MS-NLMP section 2.2.1, as they travel in SMB session setups, HTTP headers, LDAP binds and DCE-RPC trailers. Challenges, hashes and
 * responses are never returned: only who signs on to what from where, and which kind of response was sent.
 */

const SIGNATURE = [0x4e, 0x54, 0x4c, 0x4d, 0x53, 0x53, 0x50, 0] as const;
const TYPE = 8;
const NEGOTIATE_FLAGS = 12;
const NEGOTIATE_DOMAIN = 16;
const NEGOTIATE_WORKSTATION = 24;
const NEGOTIATE_VERSION = 32;
const CHALLENGE_TARGET = 12;
const CHALLENGE_FLAGS = 20;
const CHALLENGE_INFO = 40;
const CHALLENGE_VERSION = 48;
const AUTHENTICATE_LM = 12;
const AUTHENTICATE_NT = 20;
const AUTHENTICATE_DOMAIN = 28;
const AUTHENTICATE_USER = 36;
const AUTHENTICATE_WORKSTATION = 44;
const AUTHENTICATE_FLAGS = 60;
const AUTHENTICATE_VERSION = 64;
const AUTHENTICATE_BODY = 72;
const VERSION_BYTES = 8;
/** The fields whose payload stands behind the fixed part. */
const NEGOTIATE_FIELDS = [NEGOTIATE_DOMAIN, NEGOTIATE_WORKSTATION] as const;
const CHALLENGE_FIELDS = [CHALLENGE_TARGET, CHALLENGE_INFO] as const;
const AUTHENTICATE_FIELDS = [
  AUTHENTICATE_LM,
  AUTHENTICATE_NT,
  AUTHENTICATE_DOMAIN,
  AUTHENTICATE_USER,
  AUTHENTICATE_WORKSTATION,
] as const;

const FLAG_UNICODE = 0x1;
const FLAG_EXTENDED_SESSION_SECURITY = 0x80000;
const FLAG_TARGET_INFO = 0x800000;
const FLAG_VERSION = 0x2000000;
const FLAG_ANONYMOUS = 0x800;
const FLAG_DOMAIN_SUPPLIED = 0x1000;
const FLAG_WORKSTATION_SUPPLIED = 0x2000;

/** An AV pair list has ten kinds of entry; a longer one is not looked through. */
const MAX_PAIRS = 32;
/** NTLMv2 response: 16 bytes of proof, then a client challenge whose AV pairs begin after 28 bytes (MS-NLMP 2.2.2.7, 2.2.2.8). */
const NTLM2_PROOF = 16;
const NTLM2_PAIRS = NTLM2_PROOF + 28;

/**
 * How the client proved itself in an AUTHENTICATE message: 'anonymous' without a response, 'lm' the LAN Manager hash alone, 'ntlm' NTLMv1,
 * 'ntlm-session' NTLMv1 with extended session security, 'ntlmv2'. Everything before 'ntlmv2' can be broken offline.
 */
export type NtlmResponseKind = 'anonymous' | 'lm' | 'ntlm' | 'ntlm-session' | 'ntlmv2';

export interface NtlmMessage {
  readonly type: 'negotiate' | 'challenge' | 'authenticate';
  /** Negotiate flags (MS-NLMP 2.2.2.5); undefined in the short AUTHENTICATE of very old clients. */
  readonly flags: number | undefined;
  /** Domain of the user (authenticate) or of the client (negotiate). '' is text that was sent empty. */
  readonly domain: string | undefined;
  readonly user: string | undefined;
  readonly workstation: string | undefined;
  /** Target name of a challenge: the server's domain or its own name. */
  readonly target: string | undefined;
  /** '10.0.17763': major, minor and build number of the sender's Windows; others often write 6.1.0. */
  readonly osVersion: string | undefined;
  /** From the target information of a challenge, or as the client repeats it in an NTLMv2 response. */
  readonly netbiosComputer: string | undefined;
  readonly netbiosDomain: string | undefined;
  readonly dnsComputer: string | undefined;
  readonly dnsDomain: string | undefined;
  readonly dnsForest: string | undefined;
  /** Service principal name that the client believes it signs on to, such as 'cifs/server': differs from the server in a relay. */
  readonly servicePrincipal: string | undefined;
  readonly response: NtlmResponseKind | undefined;
  /** True where a field lies behind `end`: the message goes on elsewhere, or lies about its lengths. */
  readonly isCut: boolean;
}

type Draft = { -readonly [K in keyof NtlmMessage]: NtlmMessage[K] };

/** The message that begins at `at`, or undefined when there is none. Fields that lie outside of [at, end) are undefined. */
export function decodeNtlm(bytes: Uint8Array, at: number, end: number): NtlmMessage | undefined {
  if (end - at < 16 || !isNtlm(bytes, at, end)) return undefined;
  const type = u32le(bytes, at + TYPE);
  const message: Draft = {
    type: 'negotiate',
    flags: undefined,
    domain: undefined,
    user: undefined,
    workstation: undefined,
    target: undefined,
    osVersion: undefined,
    netbiosComputer: undefined,
    netbiosDomain: undefined,
    dnsComputer: undefined,
    dnsDomain: undefined,
    dnsForest: undefined,
    servicePrincipal: undefined,
    response: undefined,
    isCut: false,
  };
  if (type === 1) decodeNegotiate(bytes, at, end, message);
  else if (type === 2) decodeChallenge(bytes, at, end, message);
  else if (type === 3) decodeAuthenticate(bytes, at, end, message);
  else return undefined;
  return message;
}

/** True where the signature 'NTLMSSP\0' stands at `at`. */
export function isNtlm(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < SIGNATURE.length) return false;
  for (let i = 0; i < SIGNATURE.length; i++) if (bytes[at + i] !== SIGNATURE[i]) return false;
  return true;
}

/** Where the first NTLMSSP message begins in [at, end), at most `window` bytes in; -1 when there is none. For blobs whose wrapping is broken or unknown. */
export function findNtlm(bytes: Uint8Array, at: number, end: number, window = 4096): number {
  const stop = Math.min(end - SIGNATURE.length, at + window);
  for (let i = at; i <= stop; i++) if (bytes[i] === SIGNATURE[0] && isNtlm(bytes, i, end)) return i;
  return -1;
}

function decodeNegotiate(bytes: Uint8Array, at: number, end: number, into: Draft): void {
  const flags = u32le(bytes, at + NEGOTIATE_FLAGS);
  into.flags = flags;
  // Names of a NEGOTIATE are always in the OEM character set (MS-NLMP 2.2.1.1).
  if ((flags & FLAG_DOMAIN_SUPPLIED) !== 0) into.domain = field(bytes, at, end, NEGOTIATE_DOMAIN, false, into);
  if ((flags & FLAG_WORKSTATION_SUPPLIED) !== 0)
    into.workstation = field(bytes, at, end, NEGOTIATE_WORKSTATION, false, into);
  if ((flags & FLAG_VERSION) !== 0 && payloadAt(bytes, at, end, NEGOTIATE_FIELDS) >= NEGOTIATE_VERSION + VERSION_BYTES)
    into.osVersion = version(bytes, at + NEGOTIATE_VERSION, end);
}

function decodeChallenge(bytes: Uint8Array, at: number, end: number, into: Draft): void {
  into.type = 'challenge';
  if (end - at < CHALLENGE_FLAGS + 4) {
    into.isCut = true;
    return;
  }
  const flags = u32le(bytes, at + CHALLENGE_FLAGS);
  into.flags = flags;
  into.target = field(bytes, at, end, CHALLENGE_TARGET, (flags & FLAG_UNICODE) !== 0, into);
  if ((flags & FLAG_TARGET_INFO) !== 0) {
    const from = fieldAt(bytes, at, end, CHALLENGE_INFO, into);
    if (from >= 0) decodePairs(bytes, from, from + u16le(bytes, at + CHALLENGE_INFO), into);
  }
  if ((flags & FLAG_VERSION) !== 0 && payloadAt(bytes, at, end, CHALLENGE_FIELDS) >= CHALLENGE_VERSION + VERSION_BYTES)
    into.osVersion = version(bytes, at + CHALLENGE_VERSION, end);
}

function decodeAuthenticate(bytes: Uint8Array, at: number, end: number, into: Draft): void {
  into.type = 'authenticate';
  if (end - at < AUTHENTICATE_WORKSTATION + 8) {
    into.isCut = true;
    return;
  }
  const first = payloadAt(bytes, at, end, AUTHENTICATE_FIELDS);
  const flags = first >= AUTHENTICATE_FLAGS + 4 ? u32le(bytes, at + AUTHENTICATE_FLAGS) : undefined;
  into.flags = flags;
  const isUnicode = flags === undefined ? looksWide(bytes, at, end) : (flags & FLAG_UNICODE) !== 0;
  into.domain = field(bytes, at, end, AUTHENTICATE_DOMAIN, isUnicode, into);
  into.user = field(bytes, at, end, AUTHENTICATE_USER, isUnicode, into);
  into.workstation = field(bytes, at, end, AUTHENTICATE_WORKSTATION, isUnicode, into);
  if (flags !== undefined && (flags & FLAG_VERSION) !== 0 && first >= AUTHENTICATE_BODY)
    into.osVersion = version(bytes, at + AUTHENTICATE_VERSION, end);
  const lm = u16le(bytes, at + AUTHENTICATE_LM);
  const nt = u16le(bytes, at + AUTHENTICATE_NT);
  // An anonymous sign-on sends no NT response and an LM response of one zero byte (MS-NLMP 3.2.5.1.2).
  if (nt === 0 && (lm <= 1 || ((flags ?? 0) & FLAG_ANONYMOUS) !== 0)) into.response = 'anonymous';
  else if (nt === 0) into.response = 'lm';
  else if (nt > 24) into.response = 'ntlmv2';
  else into.response = ((flags ?? 0) & FLAG_EXTENDED_SESSION_SECURITY) !== 0 ? 'ntlm-session' : 'ntlm';
  if (nt > NTLM2_PAIRS) {
    const from = fieldAt(bytes, at, end, AUTHENTICATE_NT, into);
    if (from >= 0) decodePairs(bytes, from + NTLM2_PAIRS, from + nt, into);
  }
}

/** Where the payload begins, from `at` on. Older senders put it where flags or version stand today, so it tells which of these exist. */
function payloadAt(bytes: Uint8Array, at: number, end: number, fields: readonly number[]): number {
  let first = end - at;
  for (const o of fields)
    if (at + o + 8 <= end && u16le(bytes, at + o) > 0) first = Math.min(first, u32le(bytes, at + o + 4));
  return first;
}

/** Without flags: the user name is UTF-16 when its second byte is 0, as it is for every Latin name. */
function looksWide(bytes: Uint8Array, at: number, end: number): boolean {
  const length = u16le(bytes, at + AUTHENTICATE_USER);
  const from = at + u32le(bytes, at + AUTHENTICATE_USER + 4);
  return length >= 2 && length % 2 === 0 && from + 1 < end && bytes[from + 1] === 0;
}

/** AV_PAIR list, MS-NLMP 2.2.2.1: id(2) length(2) value, ended by id 0. Values are always UTF-16. */
function decodePairs(bytes: Uint8Array, from: number, to: number, into: Draft): void {
  let here = from;
  for (let i = 0; i < MAX_PAIRS && here + 4 <= to; i++) {
    const id = u16le(bytes, here);
    const value = here + 4;
    const next = value + u16le(bytes, here + 2);
    if (id === 0 || next > to) return;
    if (id === 1) into.netbiosComputer = utf16Text(bytes, value, next);
    else if (id === 2) into.netbiosDomain = utf16Text(bytes, value, next);
    else if (id === 3) into.dnsComputer = utf16Text(bytes, value, next);
    else if (id === 4) into.dnsDomain = utf16Text(bytes, value, next);
    else if (id === 5) into.dnsForest = utf16Text(bytes, value, next);
    else if (id === 9) into.servicePrincipal = utf16Text(bytes, value, next);
    here = next;
  }
}

/** Where the payload of the length(2) maximum(2) offset(4) field lies, or -1 when it is not within the message. */
function fieldAt(bytes: Uint8Array, at: number, end: number, field: number, into: Draft): number {
  if (at + field + 8 > end) {
    into.isCut = true;
    return -1;
  }
  const from = at + u32le(bytes, at + field + 4);
  if (from + u16le(bytes, at + field) > end) {
    into.isCut = true;
    return -1;
  }
  return from;
}

function field(bytes: Uint8Array, at: number, end: number, offset: number, isUnicode: boolean, into: Draft) {
  const from = fieldAt(bytes, at, end, offset, into);
  if (from < 0) return undefined;
  const to = from + u16le(bytes, at + offset);
  return isUnicode ? utf16Text(bytes, from, to) : oemText(bytes, from, to);
}

function version(bytes: Uint8Array, at: number, end: number): string | undefined {
  if (at + VERSION_BYTES > end) return undefined;
  return `${bytes[at]}.${bytes[at + 1]}.${u16le(bytes, at + 2)}`;
}

export interface NtlmFields {
  type: 'negotiate' | 'challenge' | 'authenticate';
  domain?: string;
  user?: string;
  workstation?: string;
  target?: string;
  /** Major, minor, build. */
  osVersion?: readonly [number, number, number];
  netbiosComputer?: string;
  netbiosDomain?: string;
  dnsComputer?: string;
  dnsDomain?: string;
  dnsForest?: string;
  servicePrincipal?: string;
  response?: NtlmResponseKind;
}

/** A message with the named fields; challenges and responses are zero bytes of the right length. Negotiate names are ASCII. */
export function encodeNtlm(fields: NtlmFields): Uint8Array {
  const { type, osVersion, response = 'ntlmv2' } = fields;
  const pairs = encodePairs(fields);
  let flags = FLAG_UNICODE | 0x200 | (osVersion === undefined ? 0 : FLAG_VERSION);
  const parts: { at: number; bytes: Uint8Array }[] = [];
  let body: number;
  if (type === 'negotiate') {
    body = NEGOTIATE_VERSION + VERSION_BYTES;
    if (fields.domain !== undefined) flags |= FLAG_DOMAIN_SUPPLIED;
    if (fields.workstation !== undefined) flags |= FLAG_WORKSTATION_SUPPLIED;
    parts.push({ at: NEGOTIATE_DOMAIN, bytes: utf8Bytes(fields.domain ?? '') });
    parts.push({ at: NEGOTIATE_WORKSTATION, bytes: utf8Bytes(fields.workstation ?? '') });
  } else if (type === 'challenge') {
    body = CHALLENGE_VERSION + VERSION_BYTES;
    parts.push({ at: CHALLENGE_TARGET, bytes: utf16Bytes(fields.target ?? '') });
    if (pairs.length > 4) {
      flags |= FLAG_TARGET_INFO;
      parts.push({ at: CHALLENGE_INFO, bytes: pairs });
    }
  } else {
    body = AUTHENTICATE_BODY;
    if (response === 'ntlm-session') flags |= FLAG_EXTENDED_SESSION_SECURITY;
    if (response === 'anonymous') flags |= FLAG_ANONYMOUS;
    const nt = response === 'ntlmv2' ? NTLM2_PAIRS + pairs.length + 4 : response.startsWith('ntlm') ? 24 : 0;
    const proof = new Uint8Array(nt);
    if (response === 'ntlmv2') proof.set(pairs, NTLM2_PAIRS);
    parts.push({ at: AUTHENTICATE_DOMAIN, bytes: utf16Bytes(fields.domain ?? '') });
    parts.push({ at: AUTHENTICATE_USER, bytes: utf16Bytes(fields.user ?? '') });
    parts.push({ at: AUTHENTICATE_WORKSTATION, bytes: utf16Bytes(fields.workstation ?? '') });
    parts.push({ at: AUTHENTICATE_LM, bytes: new Uint8Array(response === 'anonymous' ? 1 : 24) });
    parts.push({ at: AUTHENTICATE_NT, bytes: proof });
  }
  const out = new Uint8Array(parts.reduce((n, part) => n + part.bytes.length, body));
  const view = new DataView(out.buffer);
  out.set(SIGNATURE);
  view.setUint32(TYPE, type === 'negotiate' ? 1 : type === 'challenge' ? 2 : 3, true);
  view.setUint32(
    type === 'negotiate' ? NEGOTIATE_FLAGS : type === 'challenge' ? CHALLENGE_FLAGS : AUTHENTICATE_FLAGS,
    flags,
    true,
  );
  if (osVersion !== undefined) {
    out[body - VERSION_BYTES] = osVersion[0];
    out[body - VERSION_BYTES + 1] = osVersion[1];
    view.setUint16(body - VERSION_BYTES + 2, osVersion[2], true);
    out[body - 1] = 15;
  }
  let at = body;
  for (const part of parts) {
    view.setUint16(part.at, part.bytes.length, true);
    view.setUint16(part.at + 2, part.bytes.length, true);
    view.setUint32(part.at + 4, at, true);
    out.set(part.bytes, at);
    at += part.bytes.length;
  }
  return out;
}

function encodePairs(fields: NtlmFields): Uint8Array {
  const out: number[] = [];
  const put = (id: number, text: string | undefined): void => {
    if (text === undefined) return;
    out.push(id, 0, (2 * text.length) & 255, (2 * text.length) >> 8, ...utf16Bytes(text));
  };
  put(1, fields.netbiosComputer);
  put(2, fields.netbiosDomain);
  put(3, fields.dnsComputer);
  put(4, fields.dnsDomain);
  put(5, fields.dnsForest);
  put(9, fields.servicePrincipal);
  out.push(0, 0, 0, 0);
  return Uint8Array.from(out);
}

/** 'NTLM authenticate CORP\alice from WS1 (ntlmv2)'. */
export function summarizeNtlm(message: NtlmMessage): string {
  const os = message.osVersion === undefined ? '' : ` Windows ${message.osVersion}`;
  if (message.type === 'authenticate') {
    if (message.response === 'anonymous') return `NTLM authenticate anonymous from ${message.workstation ?? '?'}`;
    return `NTLM authenticate ${message.domain ?? '?'}\\${message.user ?? '?'} from ${message.workstation ?? '?'} (${message.response ?? '?'})`;
  }
  if (message.type === 'challenge')
    return `NTLM challenge ${message.dnsComputer ?? message.netbiosComputer ?? message.target ?? ''}${os}`.trimEnd();
  return `NTLM negotiate ${message.workstation ?? ''}${os}`.trimEnd();
}
