import {
  type ClientHello,
  decodeDtls,
  decodeQuic,
  decodeTls,
  decodeTlsHandshake,
  ja3s,
  looksLikeTls,
  QuicHandshake,
  quicVersionName,
  type ServerHello,
  summarizeTlsAlert,
  type TlsTransport,
  tlsFingerprints,
  tlsVersionName,
  type X509Certificate,
} from '../../wire/index.ts';
import { Certificates } from './certificate.ts';
import { FACT, PEEK_DONE, PEEK_FOREIGN, PEEK_MORE, type PeekContext, type StreamPeek } from './peek.ts';

/** TLS, DTLS and QUIC: what the hellos say, the server's certificate up to TLS 1.2, and alerts as long as they are in the clear. */

/** What it keeps changes no result, so all flow tables share it. */
const CERTIFICATES = new Certificates();

const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const HEARTBEAT = 24;
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
/** Header of the message, length of the list, length of the first certificate. */
const FIRST_CERTIFICATE = 10;
const CLOSE_NOTIFY = 0;
const TLS_1_3 = 0x0304;
/** A message that is longer than what a side may keep can't be put together. */
const MOST_MESSAGE = 16_384;
/** Records that one message may be spread over. Clients that hide their name from filters cut it into a handful. */
const MOST_RECORDS = 64;

class TlsSide {
  /** Bytes that must be there before another look is of use: else a message in many small segments would be read from its front as often. */
  wanted = 0;
  hasPartial = false;
  isServer = false;
  /** The server wants another ClientHello, and says hello again then. */
  isRetry = false;
  /** No message is of interest any more: records are stepped over by their headers up to the first that is encrypted, because an alert may come. */
  isSkipping = false;
}

/** Where the two sides of one TLS connection are. */
export class TlsFlow {
  readonly initiator = new TlsSide();
  readonly responder = new TlsSide();
  /** A record of TLS was seen: what comes that is none ends the side, but does not make the flow another protocol. */
  isKnown = false;
}

/** TLS over TCP. */
export const tlsPeek: StreamPeek = {
  kind: 'stream',
  most: 32_768,
  keep: MOST_MESSAGE,
  look: (context) => lookAtTls(context, context.state(TlsFlow)),
};

/** The same for what turns to TLS on the way: the state is the caller's. */
export function lookAtTls(context: PeekContext, flow: TlsFlow): number {
  const { bytes, at, end } = context;
  const side = context.fromInitiator ? flow.initiator : flow.responder;
  const n = end - at;
  if (n < side.wanted && !context.isLast) return PEEK_MORE;
  side.wanted = 0;
  if (!flow.isKnown && bytes[at] >= 0x80) return lookAtSslv2(context, flow, side);
  if (n < RECORD_HEADER) {
    const isPossible = bytes[at] >= CHANGE_CIPHER_SPEC && bytes[at] <= HEARTBEAT && (n < 2 || bytes[at + 1] === 3);
    return isPossible || flow.isKnown ? PEEK_MORE : PEEK_FOREIGN;
  }
  const isHeartbeat = flow.isKnown && bytes[at] === HEARTBEAT && bytes[at + 1] === 3;
  if (!isHeartbeat && !looksLikeTls(bytes, at, end)) return flow.isKnown ? PEEK_DONE : PEEK_FOREIGN;
  flow.isKnown = true;
  const length = u16(bytes, at + 3);
  const record = RECORD_HEADER + length;
  switch (bytes[at]) {
    case HANDSHAKE:
      return side.isSkipping ? record : lookAtHandshake(context, side);
    case ALERT:
      // What is longer is encrypted.
      if (length !== 2) return PEEK_DONE;
      if (n < record) return PEEK_MORE;
      noteAlert(context, bytes[at + 5] === 2, bytes[at + 6]);
      return bytes[at + 5] === 2 ? PEEK_DONE : record;
    case HEARTBEAT:
      if (n < RECORD_HEADER + 3) return PEEK_MORE;
      // Type, length of the payload, payload, at least 16 bytes of padding (RFC 6520 section 4).
      if (3 + u16(bytes, at + RECORD_HEADER + 1) + 16 <= length) return record;
      context.oddity('tls.overlong-heartbeat');
      return PEEK_DONE;
    case CHANGE_CIPHER_SPEC:
      // Between the two hellos of a server it means nothing, RFC 8446 appendix D.4.
      return side.isRetry && length === 1 ? record : PEEK_DONE;
    default:
      return PEEK_DONE;
  }
}

/**
 * Where a session of another protocol turned to TLS (STARTTLS, a proxy's tunnel), the hellos and the certificate behind that, as far as they are among the first
 * bytes of one side.
 */
export function noteTlsWithin(context: PeekContext, bytes: Uint8Array, fromInitiator: boolean): void {
  const at = findHello(bytes);
  if (at < 0) return;
  // Another flow may be at hand whose bytes took this one's place.
  const before = { ...context };
  Object.assign(context, { bytes, at, end: bytes.length, fromInitiator, isLast: true });
  const flow = new TlsFlow();
  while (context.at < context.end) {
    const read = lookAtTls(context, flow);
    if (read <= 0) break;
    context.at += read;
  }
  Object.assign(context, before);
}

/** Where the first record begins that holds the beginning of a hello; -1 without one. Nine of its bytes must fit, which no text and hardly any other data do. */
function findHello(bytes: Uint8Array): number {
  for (let i = bytes.indexOf(HANDSHAKE, 1); i >= 0; i = bytes.indexOf(HANDSHAKE, i + 1)) {
    const message = i + RECORD_HEADER;
    if (message + 6 > bytes.length) return -1;
    const isHello = bytes[message] === CLIENT_HELLO || bytes[message] === SERVER_HELLO;
    if (!isHello || bytes[message + 1] !== 0 || bytes[message + 4] !== 3 || bytes[message + 5] > 4) continue;
    if (looksLikeTls(bytes, i, bytes.length)) return i;
  }
  return -1;
}

/** A ClientHello in the form of SSL 2.0. */
function lookAtSslv2(context: PeekContext, flow: TlsFlow, side: TlsSide): number {
  const { bytes, at, end } = context;
  if (end - at < 11) return end - at < 3 || bytes[at + 2] === CLIENT_HELLO ? PEEK_MORE : PEEK_FOREIGN;
  const hello = decodeTls(bytes, at, end)?.clientHello;
  if (hello === undefined) return PEEK_FOREIGN;
  if (hello.state === 'cut' && !context.isLast) return PEEK_MORE;
  flow.isKnown = true;
  noteClientHello(context, hello, 'tcp');
  side.isSkipping = true;
  return 2 + (u16(bytes, at) & 0x7fff);
}

/** Handshake messages from the record at `at` on. They may share a record and may go over several. */
function lookAtHandshake(context: PeekContext, side: TlsSide): number {
  const { bytes, at, end } = context;
  let view = bytes;
  let cursor = at + RECORD_HEADER;
  /** End of the last record that is in `view`, and of what there is of it. */
  let recordTo = cursor + u16(bytes, at + 3);
  let to = Math.min(recordTo, end);
  let records = 1;
  for (;;) {
    const n = messageBytes(view, cursor, to);
    if (to - cursor >= n) {
      const then = readMessage(context, side, view, cursor, cursor + n);
      if (then === OVER) return PEEK_DONE;
      side.isSkipping = then === SKIP;
      if (side.isSkipping) return recordTo - at;
      cursor += n;
      continue;
    }
    if (cursor === to && recordTo <= end) return recordTo - at;
    if (n > MOST_MESSAGE) {
      side.isSkipping = true;
      return recordTo - at;
    }
    const missing = n - (to - cursor);
    if (recordTo > end) {
      side.wanted = end - at + Math.min(missing, recordTo - end);
      return wait(context, side, view, cursor, to);
    }
    let here = recordTo;
    for (let found = 0; found < missing; ) {
      if (here + RECORD_HEADER > end) {
        side.wanted = here + RECORD_HEADER - at;
        return wait(context, side, view, cursor, to);
      }
      if (bytes[here] !== HANDSHAKE || !looksLikeTls(bytes, here, end) || ++records > MOST_RECORDS) {
        side.isSkipping = true;
        return recordTo - at;
      }
      const next = here + RECORD_HEADER + u16(bytes, here + 3);
      found += Math.min(next, end) - here - RECORD_HEADER;
      if (found < missing && next > end) {
        side.wanted = Math.min(next, end + missing - found) - at;
        return wait(context, side, view, cursor, to);
      }
      here = next;
    }
    view = joinRecords(view.subarray(cursor, to), bytes, recordTo, Math.min(here, end));
    cursor = 0;
    to = view.length;
    recordTo = here;
  }
}

/** How many bytes the message at `at` takes, as far as [at, end) tells; a list of certificates only up to its first. */
function messageBytes(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < MESSAGE_HEADER) return MESSAGE_HEADER;
  const length = MESSAGE_HEADER + u24(bytes, at + 1);
  if (bytes[at] !== CERTIFICATE || length < FIRST_CERTIFICATE) return length;
  if (end - at < FIRST_CERTIFICATE) return FIRST_CERTIFICATE;
  return Math.min(length, FIRST_CERTIFICATE + u24(bytes, at + 7));
}

/** The front of a message and the contents of the records at [from, to). */
function joinRecords(front: Uint8Array, bytes: Uint8Array, from: number, to: number): Uint8Array {
  const joined = new Uint8Array(front.length + to - from);
  joined.set(front);
  let filled = front.length;
  for (let here = from; here + RECORD_HEADER <= to; here += RECORD_HEADER + u16(bytes, here + 3)) {
    const part = bytes.subarray(here + RECORD_HEADER, Math.min(to, here + RECORD_HEADER + u16(bytes, here + 3)));
    joined.set(part, filled);
    filled += part.length;
  }
  return joined.subarray(0, filled);
}

/** The message at `cursor` goes on. Of a hello that may never be whole, because a packet was lost or the capture cut it, the name is worth to be had. */
function wait(context: PeekContext, side: TlsSide, view: Uint8Array, cursor: number, to: number): number {
  if (side.hasPartial && !context.isLast) return PEEK_MORE;
  side.hasPartial = true;
  if (to - cursor > MESSAGE_HEADER && view[cursor] === CLIENT_HELLO) {
    const hello = decodeTlsHandshake(view, cursor, to).clientHello;
    if (hello !== undefined) noteClientHello(context, hello, 'tcp');
  }
  return PEEK_MORE;
}

/** What becomes of the side behind a message: another may be of interest, none will be, none can be read. */
const NEXT = 0;
const SKIP = 1;
const OVER = 2;

function readMessage(context: PeekContext, side: TlsSide, bytes: Uint8Array, from: number, to: number): number {
  switch (bytes[from]) {
    case CLIENT_HELLO: {
      const hello = decodeTlsHandshake(bytes, from, to).clientHello;
      if (hello !== undefined) noteClientHello(context, hello, 'tcp');
      if (hello?.state === 'malformed') context.oddity('tls.malformed-hello');
      return SKIP;
    }
    case SERVER_HELLO: {
      side.isServer = true;
      const hello = decodeTlsHandshake(bytes, from, to).serverHello;
      if (hello === undefined) return SKIP;
      noteServerHello(context, hello);
      side.isRetry = hello.isRetry;
      return !hello.isRetry && isEncryptedFromHello(hello.version) ? OVER : NEXT;
    }
    case CERTIFICATE:
      // A client's own certificate comes behind its hello, where nobody looks any more.
      if (side.isServer)
        noteCertificate(context, CERTIFICATES.decode(bytes, Math.min(to, from + FIRST_CERTIFICATE), to));
      return SKIP;
    default:
      return SKIP;
  }
}

/** Of TLS 1.3, and its drafts, nothing is in the clear behind the server's hello. */
function isEncryptedFromHello(version: number): boolean {
  return version === TLS_1_3 || version >> 8 === 0x7f;
}

function noteClientHello(context: PeekContext, hello: ClientHello, transport: TlsTransport): void {
  context.note(FACT.serverName, hello.serverName);
  context.note(FACT.alpn, hello.alpn.length === 1 ? hello.alpn[0] : hello.alpn.join(','));
  if (hello.state === 'complete') {
    const { ja3, ja4 } = tlsFingerprints(hello, transport);
    context.note(FACT.ja3, ja3);
    context.note(FACT.ja4, ja4);
  }
  // The server has the last word; of a cut hello the version field may not be the highest.
  if (!context.has(FACT.ja3s) && (hello.state === 'complete' || hello.supportedVersions.length > 0))
    context.word(FACT.tlsVersion, tlsVersionName(hello.version));
}

function noteServerHello(context: PeekContext, hello: ServerHello): void {
  if (hello.state !== 'complete') return;
  context.word(FACT.tlsVersion, tlsVersionName(hello.version));
  if (hello.isRetry) return;
  context.note(FACT.ja3s, ja3s(hello));
  context.note(FACT.alpn, hello.alpn);
}

function noteCertificate(context: PeekContext, certificate: X509Certificate | undefined): void {
  if (certificate === undefined) return;
  const { subject, issuer } = certificate;
  context.note(FACT.certificateSubject, subject.commonName ?? subject.organization);
  context.note(FACT.certificateIssuer, issuer.commonName ?? issuer.organization);
  context.number(FACT.certificateFromMs, certificate.notBeforeMs);
  context.number(FACT.certificateToMs, certificate.notAfterMs);
}

/** 'server alert fatal handshake_failure'. That a connection is closed is none worth telling. */
function noteAlert(context: PeekContext, isFatal: boolean, description: number): void {
  if (description === CLOSE_NOTIFY) return;
  context.operation(
    `${context.fromInitiator ? 'client' : 'server'} alert ${summarizeTlsAlert({ isFatal, description })}`,
  );
}

const DTLS_RECORD_HEADER = 13;

class DtlsFlow {
  isKnown = false;
  /** The initiator is the one who says ServerHello. */
  isServerInitiator = false;
}

/** DTLS, a datagram at a time: of a hello or certificate in fragments the first is read. */
export const dtlsPeek: StreamPeek = {
  kind: 'stream',
  most: 8,
  look(context: PeekContext): number {
    const { bytes, at, end, fromInitiator } = context;
    const n = end - at;
    const flow = context.state(DtlsFlow);
    if (n < DTLS_RECORD_HEADER || bytes[at + 1] !== 0xfe || bytes[at] < CHANGE_CIPHER_SPEC || bytes[at] > HEARTBEAT)
      return flow.isKnown ? PEEK_DONE : PEEK_FOREIGN;
    flow.isKnown = true;
    const isClear = u16(bytes, at + 3) === 0;
    if (isClear && bytes[at] === ALERT && u16(bytes, at + 11) === 2 && n >= DTLS_RECORD_HEADER + 2)
      noteAlert(context, bytes[at + DTLS_RECORD_HEADER] === 2, bytes[at + DTLS_RECORD_HEADER + 1]);
    if (!isClear || bytes[at] !== HANDSHAKE) return PEEK_DONE;
    const handshake = decodeDtls(bytes, at, end);
    if (handshake === undefined) return n;
    const { clientHello, serverHello, certificates } = handshake;
    if (clientHello !== undefined) noteClientHello(context, clientHello, 'dtls');
    if (serverHello !== undefined) {
      flow.isServerInitiator = fromInitiator;
      noteServerHello(context, serverHello);
    }
    if (certificates.length > 0 && context.has(FACT.ja3s) && flow.isServerInitiator === fromInitiator) {
      noteCertificate(context, certificates[0]);
      return PEEK_DONE;
    }
    return n;
  },
};

/** TLS alerts as error codes of QUIC, RFC 9001 section 4.8. */
const CRYPTO_ERROR = 0x100;

/** QUIC: the hellos out of its Initial packets, which everybody on the way can open. */
export const quicPeek: StreamPeek = {
  kind: 'stream',
  most: 16,
  look(context: PeekContext): number {
    const { bytes, at, end, fromInitiator } = context;
    if ((bytes[at] & 0x80) === 0) return context.has(FACT.operations) ? PEEK_DONE : PEEK_FOREIGN;
    const packet = decodeQuic(bytes, at, end);
    if (packet === undefined) return context.has(FACT.operations) ? PEEK_DONE : PEEK_FOREIGN;
    if (packet.kind !== 'initial') {
      if (packet.kind === 'other' || packet.kind === 'version-negotiation') noteQuicVersion(context, packet.version);
      // Behind the client's first packets there is nothing to be had without its hello.
      return packet.kind === 'other' ? PEEK_DONE : end - at;
    }
    noteQuicVersion(context, packet.version);
    if (context.has(FACT.ja3s)) return PEEK_DONE;
    const handshake = context.state(QuicHandshake);
    handshake.take(bytes, at, end, fromInitiator);
    const { clientHello, serverHello, closeCode } = handshake;
    if (clientHello !== undefined && !context.has(FACT.ja4)) noteClientHello(context, clientHello, 'quic');
    if (serverHello !== undefined) noteServerHello(context, serverHello);
    if (closeCode !== undefined && closeCode > CRYPTO_ERROR && closeCode < CRYPTO_ERROR + 256)
      noteAlert(context, true, closeCode - CRYPTO_ERROR);
    if (!handshake.isDone) return end - at;
    context.dropState(context.ref);
    return PEEK_DONE;
  },
};

/** 'QUIC v1'; 'QUIC version negotiation' where the server refuses the client's. */
function noteQuicVersion(context: PeekContext, version: number): void {
  context.operation(version === 0 ? 'QUIC version negotiation' : `QUIC ${quicVersionName(version)}`);
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

function u24(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 16) | u16(bytes, at + 1);
}
