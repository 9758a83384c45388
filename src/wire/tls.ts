import { safeText } from '../core/index.ts';
import { hexToBytes, wireText } from './bytes.ts';
import { latin1 } from './latin1.ts';
import { isGrease, tlsAlertName, tlsCipherName, tlsVersionName } from './tls-name.ts';
import { decodeX509, type X509Certificate } from './x509.ts';

export { latin1 } from './latin1.ts';

/**
 * What TLS says in the clear: records, hellos, certificates up to TLS 1.2, alerts. RFC 8446 (TLS 1.3) sections 4 to 6, RFC 5246 (TLS 1.2) section 7.4,
 * RFC 6347 (DTLS 1.2), RFC 6101 (SSL 3.0), RFC 6066 section 3 (SNI), RFC 7301 (ALPN), RFC 6520 (heartbeat), RFC 5246 appendix E.2 (hellos in the form of SSL 2.0).
 */

const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const HEARTBEAT = 24;
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;
const CERTIFICATE_REQUEST = 13;
const RECORD_HEADER = 5;
const DTLS_RECORD_HEADER = 13;
const DTLS_HANDSHAKE_HEADER = 12;
const HANDSHAKE_HEADER = 4;
/** Length of the plaintext plus what encryption may add, RFC 5246 section 6.2.3: 2^14 + 2048, of which real ones need at most 256. */
const MAX_RECORD = 16_640;
const RANDOM_BYTES = 32;

const EXTENSION_SERVER_NAME = 0;
const EXTENSION_GROUPS = 10;
const EXTENSION_POINT_FORMATS = 11;
const EXTENSION_SIGNATURE_ALGORITHMS = 13;
const EXTENSION_ALPN = 16;
const EXTENSION_SESSION_TICKET = 35;
const EXTENSION_PRE_SHARED_KEY = 41;
const EXTENSION_EARLY_DATA = 42;
const EXTENSION_SUPPORTED_VERSIONS = 43;
const EXTENSION_KEY_SHARE = 51;
const EXTENSION_ECH = 0xfe0d;

const MAX_ALPN = 16;
/** Entries that are kept of one list. The registries hold some 400 cipher suites and 60 extensions. */
const MAX_LIST = 1024;
const MAX_HANDSHAKES = 32;
const MAX_CERTIFICATES = 10;
const MAX_ALERTS = 8;
/** Handshake messages that are spread over records are put together up to here. */
const MAX_HANDSHAKE_BYTES = 65_536;

/** The random of a ServerHello that is a HelloRetryRequest: SHA-256 of "HelloRetryRequest", RFC 8446 section 4.1.3. */
const RETRY_RANDOM = hexToBytes('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c');

/** True where a TLS record of version 1.0 to 1.3 (or SSL 3.0) plausibly begins: handshake, alert, change cipher spec or application data. */
export function looksLikeTls(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    end - at >= RECORD_HEADER &&
    bytes[at] >= CHANGE_CIPHER_SPEC &&
    bytes[at] <= APPLICATION_DATA &&
    bytes[at + 1] === 3 &&
    bytes[at + 2] <= 4 &&
    u16(bytes, at + 3) <= MAX_RECORD
  );
}

/** 'complete', 'cut' (goes on in another segment or behind the snap length), 'malformed' (contradicts its own lengths). */
export type TlsState = 'complete' | 'cut' | 'malformed';

/** Lists are in the order of the wire with GREASE values (RFC 8701) in them, at most 1,024 entries each. */
export interface ClientHello {
  /** Server name, lower case, text from the network (`wireText`); undefined without the extension or when it lies behind the captured bytes. */
  readonly serverName: string | undefined;
  /** Application protocols, at most 16. One character per byte, any byte: fingerprints are made of them. Not to be shown without `safeText`. */
  readonly alpn: readonly string[];
  readonly state: TlsState;
  /** The version field of the hello: at most 0x0303, whatever the client can do. */
  readonly legacyVersion: number;
  /** The highest version offered: of the supported_versions extension without GREASE, else `legacyVersion`. */
  readonly version: number;
  readonly sessionIdBytes: number;
  readonly ciphers: readonly number[];
  /** Types. */
  readonly extensions: readonly number[];
  readonly groups: readonly number[];
  readonly pointFormats: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  readonly supportedVersions: readonly number[];
  /** Groups for which a key is sent along. */
  readonly keyShares: readonly number[];
  /** An encrypted_client_hello extension is there (RFC 9849). Browsers also send one with nothing in it, so that the real ones do not stand out. */
  readonly hasEch: boolean;
  /** A session ticket that is not empty (RFC 5077): the client was here before. */
  readonly hasSessionTicket: boolean;
  /** A pre-shared key is offered, which in TLS 1.3 is how sessions are resumed. */
  readonly hasPreSharedKey: boolean;
  /** Application data may follow before the server has answered (0-RTT). */
  readonly hasEarlyData: boolean;
  /** Some cipher, extension, group or version is a GREASE value: Chrome and what is built on it. */
  readonly hasGrease: boolean;
  /** The hello has the form of SSL 2.0: a client of the nineties, or a scanner. It has no extensions. */
  readonly isSslv2: boolean;
}

export interface ServerHello {
  readonly state: TlsState;
  readonly legacyVersion: number;
  /** The version chosen: of the supported_versions extension, else `legacyVersion`. */
  readonly version: number;
  readonly sessionIdBytes: number;
  /** The cipher suite chosen; `tlsCipherName` has its name. */
  readonly cipher: number;
  readonly extensions: readonly number[];
  /** The application protocol chosen. TLS 1.3 says it encrypted. */
  readonly alpn: string | undefined;
  /** Group of the server's key, or the one it asks for in a retry request. */
  readonly keyShare: number | undefined;
  /** A HelloRetryRequest: the client shall say hello again with another group. */
  readonly isRetry: boolean;
}

/** Handshake messages of one side, as far as they are not encrypted. */
export interface TlsHandshake {
  /** Types in order, at most 32. */
  readonly types: readonly number[];
  /** The first ClientHello. */
  readonly clientHello: ClientHello | undefined;
  /** The first ServerHello that is no retry request, or the retry request where nothing else is there. */
  readonly serverHello: ServerHello | undefined;
  /** The chain in order, the holder's first; those that parse, at most 10. */
  readonly certificates: readonly X509Certificate[];
  /** How many certificates the message holds as far as its bytes are there, also those that do not parse. */
  readonly certificateCount: number;
  /** The server asks the client for a certificate. */
  readonly requestsCertificate: boolean;
  /** 'cut' where a message goes on behind the end. */
  readonly state: TlsState;
}

/** The ClientHello whose record begins at `at`, or undefined when there is none. What lies behind `end` is not read; what was found before it is kept. */
export function decodeClientHello(bytes: Uint8Array, at: number, end: number): ClientHello | undefined {
  if (
    !looksLikeTls(bytes, at, end) ||
    bytes[at] !== HANDSHAKE ||
    end - at < RECORD_HEADER + 6 ||
    bytes[at + RECORD_HEADER] !== CLIENT_HELLO
  )
    return undefined;
  const recordEnd = at + RECORD_HEADER + u16(bytes, at + 3);
  const body = at + RECORD_HEADER + HANDSHAKE_HEADER;
  const helloEnd = body + u24(bytes, body - 3);
  if (recordEnd >= helloEnd || recordEnd + RECORD_HEADER >= end)
    return clientHelloBody(bytes, body, Math.min(end, recordEnd), helloEnd);
  // Some clients cut their hello into several records so that a middlebox does not see the name.
  const joined = joinHandshake(bytes, at, end);
  return clientHelloBody(joined, HANDSHAKE_HEADER, joined.length, helloEnd - body + HANDSHAKE_HEADER);
}

interface MutableClientHello {
  serverName: string | undefined;
  readonly alpn: string[];
  state: TlsState;
  legacyVersion: number;
  version: number;
  sessionIdBytes: number;
  ciphers: readonly number[];
  readonly extensions: number[];
  groups: readonly number[];
  pointFormats: readonly number[];
  signatureAlgorithms: readonly number[];
  supportedVersions: readonly number[];
  readonly keyShares: number[];
  hasEch: boolean;
  hasSessionTicket: boolean;
  hasPreSharedKey: boolean;
  hasEarlyData: boolean;
  hasGrease: boolean;
  isSslv2: boolean;
}

/** A list that a hello has not. */
const NONE: readonly number[] = [];

/** The body of a ClientHello at `body`, which ends at `helloEnd`, of which the bytes before `available` are there. */
function clientHelloBody(
  bytes: Uint8Array,
  body: number,
  available: number,
  helloEnd: number,
  isDatagram = false,
): ClientHello {
  const limit = Math.min(available, helloEnd);
  const hello: MutableClientHello = {
    serverName: undefined,
    alpn: [],
    state: limit < helloEnd ? 'cut' : 'malformed',
    legacyVersion: body + 2 <= limit ? u16(bytes, body) : 0,
    version: 0,
    sessionIdBytes: 0,
    ciphers: NONE,
    extensions: [],
    groups: NONE,
    pointFormats: NONE,
    signatureAlgorithms: NONE,
    supportedVersions: NONE,
    keyShares: [],
    hasEch: false,
    hasSessionTicket: false,
    hasPreSharedKey: false,
    hasEarlyData: false,
    hasGrease: false,
    isSslv2: false,
  };
  readClientHello(bytes, body, limit, helloEnd, isDatagram, hello);
  hello.version = highestVersion(hello.supportedVersions, isDatagram) ?? hello.legacyVersion;
  hello.hasGrease =
    hasGrease(hello.ciphers) ||
    hasGrease(hello.extensions) ||
    hasGrease(hello.groups) ||
    hasGrease(hello.supportedVersions);
  return hello;
}

/** Of the versions that are none of GREASE; undefined when there are none. */
function highestVersion(versions: readonly number[], isDatagram: boolean): number | undefined {
  let highest: number | undefined;
  for (let i = 0; i < versions.length; i++) {
    const version = versions[i];
    // DTLS counts its versions downwards.
    if (!isGrease(version) && (highest === undefined || (isDatagram ? version < highest : version > highest)))
      highest = version;
  }
  return highest;
}

function hasGrease(values: readonly number[]): boolean {
  for (let i = 0; i < values.length; i++) if (isGrease(values[i])) return true;
  return false;
}

function readClientHello(
  bytes: Uint8Array,
  body: number,
  limit: number,
  helloEnd: number,
  isDatagram: boolean,
  hello: MutableClientHello,
): void {
  let here = body + 2 + RANDOM_BYTES;
  if (here + 1 > limit) return;
  hello.sessionIdBytes = bytes[here];
  here += 1 + bytes[here];
  if (isDatagram) {
    // The cookie of RFC 6347 section 4.2.1.
    if (here + 1 > limit) return;
    here += 1 + bytes[here];
  }
  if (here + 2 > limit) return;
  const ciphersEnd = here + 2 + u16(bytes, here);
  hello.ciphers = u16List(bytes, here + 2, Math.min(ciphersEnd, limit));
  here = ciphersEnd;
  if (here + 1 > limit) return;
  here += 1 + bytes[here];
  if (here === helloEnd) {
    hello.state = 'complete';
    return;
  }
  if (here + 2 > limit) return;
  const extensionsEnd = here + 2 + u16(bytes, here);
  if (extensionsEnd > helloEnd) {
    hello.state = 'malformed';
    return;
  }
  here += 2;
  while (here + 4 <= Math.min(limit, extensionsEnd)) {
    const type = u16(bytes, here);
    const from = here + 4;
    const to = from + u16(bytes, here + 2);
    if (to > extensionsEnd) {
      hello.state = 'malformed';
      return;
    }
    if (to > limit) return;
    if (hello.extensions.length < MAX_LIST) hello.extensions.push(type);
    readClientExtension(bytes, type, from, to, hello);
    here = to;
  }
  if (here < extensionsEnd) return;
  hello.state = 'complete';
}

function readClientExtension(
  bytes: Uint8Array,
  type: number,
  from: number,
  to: number,
  hello: MutableClientHello,
): void {
  switch (type) {
    case EXTENSION_SERVER_NAME:
      hello.serverName ??= decodeServerName(bytes, from, to);
      break;
    case EXTENSION_ALPN:
      decodeAlpn(bytes, from, to, hello.alpn);
      break;
    case EXTENSION_GROUPS:
      hello.groups = u16List(bytes, from + 2, Math.min(to, from + 2 + u16Before(bytes, from, to)));
      break;
    case EXTENSION_POINT_FORMATS:
      if (from < to) hello.pointFormats = u8List(bytes, from + 1, Math.min(to, from + 1 + bytes[from]));
      break;
    case EXTENSION_SIGNATURE_ALGORITHMS:
      hello.signatureAlgorithms = u16List(bytes, from + 2, Math.min(to, from + 2 + u16Before(bytes, from, to)));
      break;
    case EXTENSION_SUPPORTED_VERSIONS:
      if (from < to) hello.supportedVersions = u16List(bytes, from + 1, Math.min(to, from + 1 + bytes[from]));
      break;
    case EXTENSION_KEY_SHARE:
      for (let here = from + 2; here + 4 <= to && hello.keyShares.length < MAX_LIST; here += 4 + u16(bytes, here + 2))
        hello.keyShares.push(u16(bytes, here));
      break;
    case EXTENSION_SESSION_TICKET:
      hello.hasSessionTicket = to > from;
      break;
    case EXTENSION_PRE_SHARED_KEY:
      hello.hasPreSharedKey = true;
      break;
    case EXTENSION_EARLY_DATA:
      hello.hasEarlyData = true;
      break;
    case EXTENSION_ECH:
      hello.hasEch = true;
      break;
    default:
      break;
  }
}

function decodeServerName(bytes: Uint8Array, from: number, to: number): string | undefined {
  // A list of one: length(2) type(1, 0 = host name) length(2) name.
  if (to - from < 5 || bytes[from + 2] !== 0) return undefined;
  const length = u16(bytes, from + 3);
  if (length === 0 || length > 255 || from + 5 + length > to) return undefined;
  return wireText(bytes, from + 5, from + 5 + length).toLowerCase();
}

function decodeAlpn(bytes: Uint8Array, from: number, to: number, into: string[]): void {
  let here = from + 2;
  while (here < to && into.length < MAX_ALPN) {
    const length = bytes[here];
    if (length === 0 || here + 1 + length > to) return;
    into.push(latin1(bytes, here + 1, here + 1 + length));
    here += 1 + length;
  }
}

function isRetryRandom(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < RANDOM_BYTES; i++) if (bytes[at + i] !== RETRY_RANDOM[i]) return false;
  return true;
}

function serverHelloBody(bytes: Uint8Array, body: number, available: number, helloEnd: number): ServerHello {
  const limit = Math.min(available, helloEnd);
  const hello = {
    state: (limit < helloEnd ? 'cut' : 'malformed') as TlsState,
    legacyVersion: body + 2 <= limit ? u16(bytes, body) : 0,
    version: body + 2 <= limit ? u16(bytes, body) : 0,
    sessionIdBytes: 0,
    cipher: 0,
    extensions: [] as number[],
    alpn: undefined as string | undefined,
    keyShare: undefined as number | undefined,
    isRetry: false,
  };
  let here = body + 2 + RANDOM_BYTES;
  if (here + 1 > limit) return hello;
  hello.isRetry = isRetryRandom(bytes, body + 2);
  // Drafts of TLS 1.3 up to 21 had neither a session id nor a compression method here, and said their number in the old place.
  const isDraft = hello.legacyVersion >> 8 === 0x7f;
  if (!isDraft) {
    hello.sessionIdBytes = bytes[here];
    here += 1 + bytes[here];
  }
  if (here + (isDraft ? 2 : 3) > limit) return hello;
  hello.cipher = u16(bytes, here);
  here += isDraft ? 2 : 3;
  if (here === helloEnd) {
    hello.state = 'complete';
    return hello;
  }
  if (here + 2 > limit) return hello;
  const extensionsEnd = here + 2 + u16(bytes, here);
  if (extensionsEnd > helloEnd) {
    hello.state = 'malformed';
    return hello;
  }
  here += 2;
  while (here + 4 <= Math.min(limit, extensionsEnd)) {
    const type = u16(bytes, here);
    const from = here + 4;
    const to = from + u16(bytes, here + 2);
    if (to > extensionsEnd) {
      hello.state = 'malformed';
      return hello;
    }
    if (to > limit) return hello;
    if (hello.extensions.length < MAX_LIST) hello.extensions.push(type);
    if (type === EXTENSION_SUPPORTED_VERSIONS && to - from === 2) hello.version = u16(bytes, from);
    else if (type === EXTENSION_KEY_SHARE && to - from >= 2) hello.keyShare = u16(bytes, from);
    else if (type === EXTENSION_ALPN) {
      const chosen: string[] = [];
      decodeAlpn(bytes, from, to, chosen);
      hello.alpn ??= chosen[0];
    }
    here = to;
  }
  if (here >= extensionsEnd) hello.state = 'complete';
  return hello;
}

/**
 * The handshake messages at [at, end), without record headers: what QUIC carries in CRYPTO frames, and what `decodeTls` reads. Ends quietly at the first
 * message that goes on behind `end`; a hello among those is read as far as it goes.
 */
export function decodeTlsHandshake(bytes: Uint8Array, at: number, end: number): TlsHandshake {
  const types: number[] = [];
  const certificates: X509Certificate[] = [];
  let clientHello: ClientHello | undefined;
  let serverHello: ServerHello | undefined;
  let certificateCount = 0;
  let requestsCertificate = false;
  let state: TlsState = 'complete';
  let here = at;
  while (here + HANDSHAKE_HEADER <= end && types.length < MAX_HANDSHAKES) {
    const type = bytes[here];
    const body = here + HANDSHAKE_HEADER;
    const to = body + u24(bytes, here + 1);
    types.push(type);
    if (type === CLIENT_HELLO) clientHello ??= clientHelloBody(bytes, body, end, to);
    else if (type === SERVER_HELLO && (serverHello === undefined || serverHello.isRetry))
      serverHello = serverHelloBody(bytes, body, end, to);
    else if (type === CERTIFICATE && certificateCount === 0)
      certificateCount = decodeCertificates(bytes, body, Math.min(end, to), certificates);
    else if (type === CERTIFICATE_REQUEST) requestsCertificate = true;
    here = to;
  }
  if (here > end || (here < end && types.length < MAX_HANDSHAKES)) state = 'cut';
  if (clientHello?.state === 'malformed' || serverHello?.state === 'malformed') state = 'malformed';
  return { types, clientHello, serverHello, certificates, certificateCount, requestsCertificate, state };
}

/** The list of a Certificate message, RFC 5246 section 7.4.2: a 3-byte length, then certificates behind 3-byte lengths. How many there were. */
function decodeCertificates(bytes: Uint8Array, body: number, end: number, into: X509Certificate[]): number {
  let count = 0;
  for (let here = body + 3; here + 3 <= end; ) {
    const to = here + 3 + u24(bytes, here);
    if (to > end || to === here + 3) break;
    count++;
    if (into.length < MAX_CERTIFICATES && count <= MAX_CERTIFICATES) {
      const certificate = decodeX509(bytes, here + 3, to);
      if (certificate !== undefined) into.push(certificate);
    }
    here = to;
  }
  return count;
}

export interface TlsAlert {
  readonly isFatal: boolean;
  /** `tlsAlertName` has its name. */
  readonly description: number;
}

/** What one side of a connection says before and while it turns to encryption. */
export interface TlsOpening extends TlsHandshake {
  /** Version in the first record, or of the hello in the form of SSL 2.0. */
  readonly recordVersion: number;
  /** Whole records that were walked over. */
  readonly recordCount: number;
  /** Alerts in the clear, at most 8. */
  readonly alerts: readonly TlsAlert[];
  /** A change of cipher spec or application data was seen: what follows can't be read. */
  readonly isEncrypted: boolean;
  /** Heartbeat records, encrypted or not. */
  readonly heartbeatCount: number;
  /** A heartbeat in the clear claims more payload than its record holds: the Heartbleed attack, CVE-2014-0160. */
  readonly hasOverlongHeartbeat: boolean;
}

/**
 * One side's first bytes at [at, end), which begin with a record or with a hello in the form of SSL 2.0; undefined when they do not. Records may share
 * segments, messages may share records or go over several of them; no more than 64 KiB of handshake is put together.
 */
export function decodeTls(bytes: Uint8Array, at: number, end: number): TlsOpening | undefined {
  const old = decodeSslv2Hello(bytes, at, end);
  if (old !== undefined) return old;
  if (!looksLikeTls(bytes, at, end)) return undefined;
  const alerts: TlsAlert[] = [];
  let recordCount = 0;
  let isEncrypted = false;
  let heartbeatCount = 0;
  let hasOverlongHeartbeat = false;
  let state: TlsState = 'complete';
  let here = at;
  while (here < end) {
    if (here + RECORD_HEADER > end) {
      state = 'cut';
      break;
    }
    if (bytes[here] !== HEARTBEAT && !looksLikeTls(bytes, here, end)) {
      state = 'malformed';
      break;
    }
    const from = here + RECORD_HEADER;
    const to = from + u16(bytes, here + 3);
    const type = bytes[here];
    if (type === CHANGE_CIPHER_SPEC || type === APPLICATION_DATA) isEncrypted = true;
    else if (type === ALERT && !isEncrypted && to - from === 2 && to <= end && alerts.length < MAX_ALERTS)
      alerts.push({ isFatal: bytes[from] === 2, description: bytes[from + 1] });
    else if (type === HEARTBEAT) {
      heartbeatCount++;
      // Type, length of the payload, payload, at least 16 bytes of padding (RFC 6520 section 4).
      if (!isEncrypted && from + 3 <= Math.min(to, end) && 3 + u16(bytes, from + 1) + 16 > to - from)
        hasOverlongHeartbeat = true;
    }
    if (to > end) {
      state = 'cut';
      break;
    }
    recordCount++;
    here = to;
  }
  const joined = joinHandshake(bytes, at, end);
  const handshake = decodeTlsHandshake(joined, 0, joined.length);
  return {
    ...handshake,
    state: state === 'malformed' || handshake.state === 'complete' ? state : handshake.state,
    recordVersion: u16(bytes, at + 1),
    recordCount,
    alerts,
    isEncrypted,
    heartbeatCount,
    hasOverlongHeartbeat,
  };
}

/** True for a handshake that begins with a HelloRetryRequest. */
function isRetry(handshake: Uint8Array): boolean {
  const random = HANDSHAKE_HEADER + 2;
  return handshake[0] === SERVER_HELLO && handshake.length >= random + RANDOM_BYTES && isRetryRandom(handshake, random);
}

/** The content of the handshake records from `at` to where encryption begins: in place when it is one record, else copied together. */
function joinHandshake(bytes: Uint8Array, at: number, end: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let here = at; here + RECORD_HEADER <= end && length < MAX_HANDSHAKE_BYTES; ) {
    const type = bytes[here];
    if (type !== HEARTBEAT && !looksLikeTls(bytes, here, end)) break;
    // The second hello of a server that asked for a retry is in the clear behind such a record, RFC 8446 appendix D.4.
    if (type === APPLICATION_DATA || (type === CHANGE_CIPHER_SPEC && !(parts.length === 1 && isRetry(parts[0])))) break;
    const to = here + RECORD_HEADER + u16(bytes, here + 3);
    if (type === HANDSHAKE) {
      const part = bytes.subarray(here + RECORD_HEADER, Math.min(to, end));
      parts.push(part);
      length += part.length;
    }
    here = to;
  }
  if (parts.length === 1) return parts[0];
  const joined = new Uint8Array(length);
  let filled = 0;
  for (const part of parts) {
    joined.set(part, filled);
    filled += part.length;
  }
  return joined;
}

/**
 * A ClientHello in the form of SSL 2.0 (RFC 5246 appendix E.2): a two-byte length with its first bit set, type 1, version, three lengths, cipher kinds of
 * three bytes, session id, challenge. Kinds that begin with a zero byte are suites of SSL 3.0 and later; the others are not in `ciphers`.
 */
function decodeSslv2Hello(bytes: Uint8Array, at: number, end: number): TlsOpening | undefined {
  if (end - at < 11 || (bytes[at] & 0x80) === 0 || bytes[at + 2] !== CLIENT_HELLO) return undefined;
  const length = ((bytes[at] & 0x7f) << 8) | bytes[at + 1];
  const version = u16(bytes, at + 3);
  const kindBytes = u16(bytes, at + 5);
  const sessionIdBytes = u16(bytes, at + 7);
  const challengeBytes = u16(bytes, at + 9);
  if (version !== 2 && (version < 0x0300 || version > 0x0303)) return undefined;
  if (length !== 9 + kindBytes + sessionIdBytes + challengeBytes || kindBytes % 3 !== 0 || kindBytes === 0)
    return undefined;
  if (sessionIdBytes > 32 || challengeBytes < 16 || challengeBytes > 32) return undefined;
  const ciphers: number[] = [];
  const state: TlsState = at + 2 + length > end ? 'cut' : 'complete';
  for (let here = at + 11; here + 3 <= Math.min(end, at + 11 + kindBytes) && ciphers.length < MAX_LIST; here += 3)
    if (bytes[here] === 0) ciphers.push(u16(bytes, here + 1));
  const clientHello: ClientHello = {
    serverName: undefined,
    alpn: [],
    state,
    legacyVersion: version,
    version,
    sessionIdBytes,
    ciphers,
    extensions: [],
    groups: [],
    pointFormats: [],
    signatureAlgorithms: [],
    supportedVersions: [],
    keyShares: [],
    hasEch: false,
    hasSessionTicket: false,
    hasPreSharedKey: false,
    hasEarlyData: false,
    hasGrease: false,
    isSslv2: true,
  };
  return {
    types: [CLIENT_HELLO],
    clientHello,
    serverHello: undefined,
    certificates: [],
    certificateCount: 0,
    requestsCertificate: false,
    state,
    recordVersion: version,
    recordCount: state === 'complete' ? 1 : 0,
    alerts: [],
    isEncrypted: false,
    heartbeatCount: 0,
    hasOverlongHeartbeat: false,
  };
}

/**
 * The handshake in one datagram of DTLS (RFC 6347 section 4, RFC 9147), or undefined when none is there in the clear. Only messages whose first fragment is
 * in it are read, and of those only that fragment; a hello that goes on is 'cut'.
 */
export function decodeDtls(bytes: Uint8Array, at: number, end: number): TlsHandshake | undefined {
  const types: number[] = [];
  const certificates: X509Certificate[] = [];
  let clientHello: ClientHello | undefined;
  let serverHello: ServerHello | undefined;
  let certificateCount = 0;
  let requestsCertificate = false;
  let state: TlsState = 'complete';
  let here = at;
  while (here + DTLS_RECORD_HEADER <= end && types.length < MAX_HANDSHAKES) {
    // Version 1.0 or 1.2 outside, epoch 0: later ones are encrypted.
    if (bytes[here] !== HANDSHAKE || bytes[here + 1] !== 0xfe || bytes[here + 2] < 0xfd || u16(bytes, here + 3) !== 0)
      break;
    const recordEnd = here + DTLS_RECORD_HEADER + u16(bytes, here + 11);
    const limit = Math.min(recordEnd, end);
    here += DTLS_RECORD_HEADER;
    while (here + DTLS_HANDSHAKE_HEADER <= limit && types.length < MAX_HANDSHAKES) {
      const type = bytes[here];
      const length = u24(bytes, here + 1);
      const offset = u24(bytes, here + 6);
      const body = here + DTLS_HANDSHAKE_HEADER;
      const fragmentEnd = body + u24(bytes, here + 9);
      if (offset + (fragmentEnd - body) > length) return undefined;
      here = fragmentEnd;
      if (fragmentEnd > end || fragmentEnd - body < length) state = 'cut';
      if (offset > 0) continue;
      types.push(type);
      const available = Math.min(limit, fragmentEnd);
      if (type === CLIENT_HELLO) clientHello ??= clientHelloBody(bytes, body, available, body + length, true);
      else if (type === SERVER_HELLO) serverHello ??= serverHelloBody(bytes, body, available, body + length);
      else if (type === CERTIFICATE && certificateCount === 0)
        certificateCount = decodeCertificates(bytes, body, available, certificates);
      else if (type === CERTIFICATE_REQUEST) requestsCertificate = true;
    }
    here = recordEnd;
  }
  if (types.length === 0) return undefined;
  if (clientHello?.state === 'malformed' || serverHello?.state === 'malformed') state = 'malformed';
  return { types, clientHello, serverHello, certificates, certificateCount, requestsCertificate, state };
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

function u24(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 16) | u16(bytes, at + 1);
}

/** A length in front of a list, 0 where it does not fit in. */
function u16Before(bytes: Uint8Array, from: number, to: number): number {
  return from + 2 <= to ? u16(bytes, from) : 0;
}

function u16List(bytes: Uint8Array, from: number, to: number): number[] {
  const list: number[] = [];
  for (let here = from; here + 2 <= to && list.length < MAX_LIST; here += 2) list.push(u16(bytes, here));
  return list;
}

function u8List(bytes: Uint8Array, from: number, to: number): number[] {
  const list: number[] = [];
  for (let here = from; here < to; here++) list.push(bytes[here]);
  return list;
}

export interface ClientHelloFields {
  readonly serverName?: string;
  readonly alpn?: readonly string[];
  /** 0x0303 when left out. */
  readonly legacyVersion?: number;
  readonly sessionId?: Uint8Array;
  /** TLS_AES_128_GCM_SHA256 when left out. */
  readonly ciphers?: readonly number[];
  readonly groups?: readonly number[];
  readonly pointFormats?: readonly number[];
  readonly signatureAlgorithms?: readonly number[];
  readonly supportedVersions?: readonly number[];
  /** Groups, each with a key of 32 bytes. */
  readonly keyShares?: readonly number[];
  /** Further extensions, behind those above. */
  readonly extensions?: readonly (readonly [number, Uint8Array])[];
}

/** A ClientHello in one record, TLS 1.2 on the outside, one cipher suite when not told otherwise. Extensions come in the order of the fields. */
export function encodeClientHello(fields: ClientHelloFields): Uint8Array {
  return encodeTlsRecords(encodeClientHelloMessage(fields));
}

/** The same without a record around it: what QUIC carries. */
export function encodeClientHelloMessage(fields: ClientHelloFields): Uint8Array {
  const { serverName, alpn = [], legacyVersion = 0x0303, sessionId = new Uint8Array(), ciphers = [0x1301] } = fields;
  const { groups, pointFormats, signatureAlgorithms, supportedVersions, keyShares } = fields;
  const extensions: number[] = [];
  const extension = (type: number, data: readonly number[]): void => {
    extensions.push(...be16(type), ...be16(data.length), ...data);
  };
  const list16 = (values: readonly number[]): number[] => values.flatMap(be16);
  const counted16 = (data: readonly number[]): number[] => [...be16(data.length), ...data];
  if (serverName !== undefined)
    extension(EXTENSION_SERVER_NAME, counted16([0, ...be16(serverName.length), ...ascii(serverName)]));
  if (alpn.length > 0) extension(EXTENSION_ALPN, counted16(alpn.flatMap((name) => [name.length, ...ascii(name)])));
  if (groups !== undefined) extension(EXTENSION_GROUPS, counted16(list16(groups)));
  if (pointFormats !== undefined) extension(EXTENSION_POINT_FORMATS, [pointFormats.length, ...pointFormats]);
  if (signatureAlgorithms !== undefined)
    extension(EXTENSION_SIGNATURE_ALGORITHMS, counted16(list16(signatureAlgorithms)));
  if (supportedVersions !== undefined)
    extension(EXTENSION_SUPPORTED_VERSIONS, [2 * supportedVersions.length, ...list16(supportedVersions)]);
  if (keyShares !== undefined)
    extension(
      EXTENSION_KEY_SHARE,
      counted16(keyShares.flatMap((group) => [...be16(group), 0, 32, ...new Array<number>(32).fill(9)])),
    );
  for (const [type, data] of fields.extensions ?? []) extension(type, Array.from(data));
  return encodeTlsMessage(CLIENT_HELLO, [
    ...be16(legacyVersion),
    ...new Array<number>(RANDOM_BYTES).fill(7),
    sessionId.length,
    ...sessionId,
    ...counted16(list16(ciphers)),
    1,
    0,
    ...counted16(extensions),
  ]);
}

/** A ServerHello message without a record around it. */
export function encodeServerHelloMessage(fields: {
  readonly legacyVersion?: number;
  readonly cipher: number;
  readonly isRetry?: boolean;
  readonly extensions?: readonly (readonly [number, Uint8Array])[];
}): Uint8Array {
  const { legacyVersion = 0x0303, cipher, isRetry = false, extensions = [] } = fields;
  const data = extensions.flatMap(([type, value]) => [...be16(type), ...be16(value.length), ...value]);
  const random = isRetry ? RETRY_RANDOM : new Uint8Array(RANDOM_BYTES).fill(8);
  return encodeTlsMessage(SERVER_HELLO, [
    ...be16(legacyVersion),
    ...random,
    0,
    ...be16(cipher),
    0,
    ...(extensions.length > 0 ? [...be16(data.length), ...data] : []),
  ]);
}

/** A Certificate message of TLS 1.2 with these certificates in DER. */
export function encodeCertificateMessage(chain: readonly Uint8Array[]): Uint8Array {
  const list = chain.flatMap((der) => [...be24(der.length), ...der]);
  return encodeTlsMessage(CERTIFICATE, [...be24(list.length), ...list]);
}

function encodeTlsMessage(type: number, body: readonly number[]): Uint8Array {
  return Uint8Array.from([type, ...be24(body.length), ...body]);
}

/** Handshake messages in records of at most `maxBytes`, version TLS 1.0 outside as first records have it. */
export function encodeTlsRecords(content: Uint8Array, type = HANDSHAKE, maxBytes = 16_384): Uint8Array {
  const out: number[] = [];
  for (let from = 0; from < content.length; from += maxBytes) {
    const part = content.subarray(from, from + maxBytes);
    out.push(type, 3, 1, ...be16(part.length), ...part);
  }
  return Uint8Array.from(out);
}

function be16(n: number): [number, number] {
  return [(n >> 8) & 255, n & 255];
}

function be24(n: number): [number, number, number] {
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}

function ascii(text: string): number[] {
  return Array.from(text, (c) => c.charCodeAt(0));
}

/** 'ClientHello example.org alpn h2'. */
export function summarizeClientHello(hello: ClientHello): string {
  const alpn = hello.alpn.length > 0 ? ` alpn ${safeText(hello.alpn.join(','))}` : '';
  return `ClientHello ${hello.serverName ?? 'without server name'}${alpn}`;
}

/** 'ServerHello TLS 1.3 TLS_AES_128_GCM_SHA256 alpn h2'. */
export function summarizeServerHello(hello: ServerHello): string {
  const alpn = hello.alpn === undefined ? '' : ` alpn ${safeText(hello.alpn)}`;
  return `${hello.isRetry ? 'HelloRetryRequest' : 'ServerHello'} ${tlsVersionName(hello.version)} ${tlsCipherName(hello.cipher)}${alpn}`;
}

/** 'fatal handshake_failure'. */
export function summarizeTlsAlert(alert: TlsAlert): string {
  return `${alert.isFatal ? 'fatal' : 'warning'} ${tlsAlertName(alert.description)}`;
}
